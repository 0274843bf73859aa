from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcaster.content import letters, words


@pytest.mark.parametrize(
    "text",
    [
        "Bạn là nạn nhân của mua bán người.",
        "Chị đã từng bị lừa bán, hãy gọi.",
        "Là nạn nhân của mua bán người, bạn có quyền được giúp.",
        "You are a victim of trafficking.",
        "You were sold. Call now.",
        "As a victim of trafficking, you have rights.",
    ],
)
def test_a_text_that_tells_the_reader_what_happened_to_them_is_found(text: str) -> None:
    assert len(list(words.find(text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Nếu bạn là nạn nhân, hãy gọi.",
        "Khi nghi ngờ bạn đã bị lừa bán, hãy gọi.",
        "Bạn đã bị lừa bán? Có người giúp.",
        "Nạn nhân có quyền được giữ bí mật.",
        "Người bị mua bán không có lỗi; bạn có thể giúp họ.",
        "If you are a victim, call.",
        "Have you been trafficked?",
        "Bạn là người báo tin, không ai biết tên bạn.",
    ],
)
def test_a_condition_or_a_word_about_people_in_general_is_none(text: str) -> None:
    assert list(words.find(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "Ông Nguyễn Văn A bị bắt.",
        "bị cáo Giàng A Pháo khai",
        "nạn nhân Nguyễn Thị H. kể",
        "đồng chí Lò Văn Pành",
        "Mr. Smith said",
    ],
)
def test_a_named_person_is_found(text: str) -> None:
    assert [finding.person for finding in words.find(text)] == [True]


@pytest.mark.parametrize(
    "text",
    ["đường Trần Hưng Đạo", "Chủ tịch Hồ Chí Minh", "anh em Hà Nội", "Bà Rịa - Vũng Tàu", "chị em Mai Châu", "ông bà, cha mẹ",
     "tên Việt Nam", "em Lê được", "Thủ tướng Chính phủ"],
)  # fmt: skip
def test_streets_places_and_titles_name_nobody(text: str) -> None:
    assert list(words.find(text)) == []


@pytest.mark.parametrize(
    "name", ["nạn nhân", "Nạn nhân 2027", "nan-nhan", "NAN_NHAN", "người nghiện", "victims", "Nhóm bị bán"]
)
def test_a_group_whose_name_accuses_is_refused_with_a_proposal(name: str) -> None:
    said = words.accusing(unicodedata.normalize("NFD", name))

    assert said is not None
    assert "Name the group after" in said


@pytest.mark.parametrize(
    "name",
    ["border-communes", "xã Mường Khương", "cán bộ hỗ trợ nạn nhân", "victim-support-staff", "nghien-cuu", "gai-thuong",
     "ban chỉ đạo phòng, chống mua bán người"],
)  # fmt: skip
def test_a_place_or_a_helping_body_is_a_good_name(name: str) -> None:
    assert words.accusing(name) is None


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (unicodedata.normalize("NFD", "tiếng Việt"), "NFD"),
        ("a\u200bb", "zero-width"),
        ("a\u202eb", "reading direction"),
        ("a\u00adb", "invisible"),
        ("a\U000e0041b", "invisible"),
        ("a\x1bb", "does not print"),
        ("a\x85b", "does not print"),
        ("a\ue000b", "does not print"),
        ("Hà N\u043ei", "mixes alphabets"),
        ("\U0001d5dfọi", "mixes alphabets"),
        ("lost \ufffd letter", "lost in conversion"),
    ],
)
def test_a_letter_that_does_not_belong_is_found(line: str, says: str) -> None:
    [finding] = letters.find(line, "vi")

    assert says in finding.text
    assert finding.text.isprintable()
    assert finding.remedy


@pytest.mark.parametrize(
    ("line", "language"),
    [("Gọi 111 – “miễn phí”… 50.000₫\t•", "vi"), ("👨‍👩‍👧 gia đình", "vi"), ("ភាសា\u200bខ្មែរ", "km"), ("日本のカタカナ", "ja"),
     ("Россия и Việt Nam", "vi")],
)  # fmt: skip
def test_what_a_language_needs_is_left_alone(line: str, language: str) -> None:
    assert list(letters.find(line, language)) == []


@given(st.text(max_size=120))
def test_any_line_is_looked_at_without_an_error(line: str) -> None:
    assert all(finding.text.isprintable() for finding in letters.find(line))
    assert list(words.find(line)) is not None
    words.accusing(line)
