from __future__ import annotations

import unicodedata

import pytest
import smsutil
from hypothesis import given
from hypothesis import strategies as st

from broadcaster.content.sms import (
    GSM_BASIC,
    GSM_EXTENDED,
    PLAIN,
    SINGLE,
    SPLIT,
    costly,
    count,
    encoding_of,
    plain,
    split,
)

# The Government's text to all subscribers of 30/7/2025, verbatim; figures measured with two other counters.
GOVERNMENT = (
    "Toàn dân tích cực tham gia phòng, chống mua bán người. Khi phát hiện dấu hiệu liên quan đến mua bán người hãy thông báo "
    "ngay cho cơ quan Công an nơi gần nhất hoặc Tổng đài quốc gia 111 để được tư vấn, hỗ trợ, hướng dẫn kịp thời"
)
GSM_TEXT = st.text(st.sampled_from(sorted(GSM_BASIC | GSM_EXTENDED)), min_size=1, max_size=500)
# Without the escape: the other counter sends it as a character, which a phone takes for half of the next one.
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x1b"), min_size=1, max_size=300)
VIETNAMESE = st.text(
    st.sampled_from("aàáảãạăằắẳẵặâầấẩẫậđeèéẻẽẹêềếểễệiìíỉĩịoòóỏõọôồốổỗộơờớởỡợuùúủũụưừứửữựyỳýỷỹỵ ĐẮ–“…₫,."), max_size=200
)


@pytest.mark.parametrize(
    ("text", "encoding", "units", "parts"),
    [
        ("a" * 160, "GSM-7", 160, 1),
        ("a" * 161, "GSM-7", 161, 2),
        ("a" * 306, "GSM-7", 306, 2),
        ("a" * 307, "GSM-7", 307, 3),
        ("€" * 80, "GSM-7", 160, 1),
        ("a" * 159 + "€", "GSM-7", 161, 2),
        ("ạ" * 70, "UCS-2", 70, 1),
        ("ạ" * 71, "UCS-2", 71, 2),
        ("ạ" * 134, "UCS-2", 134, 2),
        ("ạ" * 135, "UCS-2", 135, 3),
        ("😀" * 35, "UCS-2", 70, 1),
        (GOVERNMENT, "UCS-2", 227, 4),
    ],
)
def test_a_text_takes_the_parts_that_the_standard_gives_it(text: str, encoding: str, units: int, parts: int) -> None:
    counted = count(text)

    assert (counted.encoding, counted.units, counted.parts) == (encoding, units, parts)


def test_an_escape_never_straddles_two_parts() -> None:
    text = "a" * 152 + "€" + "a" * 20

    assert split(text) == ["a" * 152, "€" + "a" * 20]


def test_a_surrogate_pair_is_never_split() -> None:
    text = "ạ" * 66 + "😀" + "ạ" * 10

    assert split(text) == ["ạ" * 66, "😀" + "ạ" * 10]


@given(GSM_TEXT | ANY_TEXT)
def test_parts_joined_are_the_text_and_each_fits(text: str) -> None:
    parts, encoding = split(text), encoding_of(text)

    assert "".join(parts) == text
    room = SINGLE[encoding] if len(parts) == 1 else SPLIT[encoding]
    assert all(0 < _units(part, encoding) <= room for part in parts)


@given(GSM_TEXT | ANY_TEXT)
def test_an_independent_counter_agrees(text: str) -> None:
    theirs = smsutil.split(text)

    ours = count(text)

    assert ours.encoding == ("GSM-7" if smsutil.is_valid_gsm(text) else "UCS-2")
    assert [part.content for part in theirs.parts] == split(text)


def test_the_characters_to_blame_are_named_once_in_order() -> None:
    assert costly("Gọi 111 – gọi ngay") == ("ọ", "–")
    assert costly("Call 111 [now] à é") == ()


def test_the_unaccented_twin_of_the_government_text_halves_its_cost() -> None:
    twin = plain(GOVERNMENT)

    assert twin.startswith("Toan dan tich cuc tham gia phong, chong mua ban nguoi. Khi phat hien dau hieu")
    assert (count(twin).encoding, count(twin).units, count(twin).parts) == ("GSM-7", 227, 2)


@pytest.mark.parametrize(
    ("text", "twin"),
    [
        ("Đường dây nóng – “miễn phí”…", 'Duong day nong - "mien phi"...'),
        ("50.000₫", "50.000d"),
        ("Bắc\u00a0Kinh", "Bac Kinh"),
        ("ñ ü Å", "n u A"),
        ("й ก่ 😀", "й ก่ 😀"),  # another script keeps its marks: without them it would be another word
    ],
)
def test_the_twin_spells_as_people_do_without_accents(text: str, twin: str) -> None:
    assert plain(text) == twin


@given(VIETNAMESE)
def test_the_twin_of_vietnamese_is_cheap_and_stays_as_it_is(text: str) -> None:
    twin = plain(text)

    assert encoding_of(twin) == "GSM-7"
    assert plain(twin) == twin
    assert plain(unicodedata.normalize("NFD", text)) == twin


def test_every_replacement_is_itself_in_the_cheap_alphabet() -> None:
    assert all(encoding_of(spelled) == "GSM-7" for spelled in PLAIN.values())


def _units(text: str, encoding: str) -> int:
    if encoding == "UCS-2":
        return len(text.encode("utf-16-be")) // 2
    return sum(2 if char in GSM_EXTENDED else 1 for char in text)
