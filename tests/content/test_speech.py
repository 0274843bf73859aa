"""What a voice says: no digit, sign or abbreviation is left to the engine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcaster.content import files, render, speech


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Gọi 111 (miễn phí, 24/7)", "Gọi một một một, miễn phí, hai mươi bốn giờ mỗi ngày, bảy ngày mỗi tuần."),
        ("Tổng đài 1022", "Tổng đài một không hai hai."),
        ("1900 969 680", "một chín không không, chín sáu chín, sáu tám không."),
        ("0912345678", "không chín một hai, ba bốn năm, sáu bảy tám."),
        ("+84 912 345 678", "cộng tám bốn, chín một hai, ba bốn năm, sáu bảy tám."),
        ("Công an, số 113", "Công an, số một một ba."),
        ("Điều 111 nói về 111 vụ", "Điều một trăm mười một nói về một trăm mười một vụ."),
        ("ngày 30/7", "ngày ba mươi tháng bảy."),
        ("30/7/2027", "ngày ba mươi tháng bảy năm hai nghìn không trăm hai mươi bảy."),
        ("2027-07-30", "ngày ba mươi tháng bảy năm hai nghìn không trăm hai mươi bảy."),
        ("từ 1/4-15/4", "từ ngày mùng một tháng tư đến ngày mười lăm tháng tư."),
        ("ngày 24/7", "ngày hai mươi tư tháng bảy."),
        ("tháng 8/2027", "tháng tám năm hai nghìn không trăm hai mươi bảy."),
        ("tỷ lệ 3/4", "tỷ lệ ba trên bốn."),
        ("28/34 tỉnh", "hai mươi tám trên ba mươi tư tỉnh."),
        ("05:00-06:00", "năm giờ đến sáu giờ."),
        ("7h30", "bảy giờ ba mươi phút."),
        ("8h", "tám giờ."),
        ("24/24 giờ", "suốt hai mươi bốn giờ."),
        ("12.480 người", "mười hai nghìn bốn trăm tám mươi người."),
        ("4.368.000đ", "bốn triệu ba trăm sáu mươi tám nghìn đồng."),
        ("1.000.001", "một triệu không trăm lẻ một."),
        ("3,5%", "ba phẩy năm phần trăm."),
        ("05 người", "năm người."),
        ("15, 21, 24, 101", "mười lăm, hai mươi mốt, hai mươi tư, một trăm lẻ một."),
        ("UBND xã và HĐND", "Ủy ban nhân dân xã và Hội đồng nhân dân."),
        ("TP.HCM, TP. Hà Nội", "Thành phố Hồ Chí Minh, Thành phố Hà Nội."),
        ("Quyết định số 33/QĐ-TTg", "Quyết định số ba mươi ba của Thủ tướng Chính phủ."),
        ("số 12/QĐ-UBND", "Quyết định số mười hai của Ủy ban nhân dân."),
        (
            "Nghị định 162/2025/NĐ-CP",
            "Nghị định số một trăm sáu mươi hai năm hai nghìn không trăm hai mươi lăm của Chính phủ.",
        ),
        (
            "Luật 53/2024/QH15",
            "Luật số năm mươi ba năm hai nghìn không trăm hai mươi tư của Quốc hội khóa mười lăm.",
        ),
        ("khóa XV", "khóa mười lăm."),
        ("GỌI NGAY", "gọi ngay."),
        ("SOS", "sờ o sờ."),
        ("tin.gov.vn", "tin chấm gov chấm vê nờ."),
        ("- một\n- hai", "một.\nhai."),
    ],
)
def test_what_is_written_is_said_in_words(written: str, said: str) -> None:
    assert speech.spoken(written) == said


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="0123456789/.,:%-+ hgđAĐBCNUTPXVI()&@\naêbcghnt", max_size=60))
def test_nothing_is_left_that_an_engine_would_guess_at(text: str) -> None:
    said = speech.spoken(text)

    assert not re.search(r"[\d%&@/()\[\]]", said)


@settings(max_examples=100, deadline=None)
@given(st.integers(min_value=0, max_value=999_999_999_999))
def test_every_number_up_to_a_thousand_billion_has_words_of_its_own(value: int) -> None:
    words = speech.spoken(f"{value:,}".replace(",", ".")) if value > 999 else speech.spoken(f"{value} người")

    assert not re.search(r"\d", words)


def test_the_speech_forms_of_the_sample_library_are_read_as_they_stand_but_for_their_numbers() -> None:
    library = files.load(Path(__file__).parents[2] / "content")

    texts = [render.texts(item, library.facts)["vi"].get("speech", "") for item in library.items.values()]

    assert any(texts)
    for text in filter(None, texts):
        said = speech.spoken(text)

        assert speech.spoken(said) == said
        assert speech.doubts(text) == []


def test_reading_takes_as_long_as_was_measured() -> None:
    notice = "bà " * 152  # channels.md section 10: 152 words took 47.1 s

    assert 45 <= speech.reading_seconds(notice) <= 50
    assert speech.reading_seconds("one two three four five", "en") == 2


def test_what_must_be_listened_to_is_named() -> None:
    reading = speech.read("Xem https://tin.vn/a hoặc hỏi BKAV, mua fake ở UBND, theo 33/QĐ-TTg.", "vi")

    assert reading.doubts == ("https://tin.vn/a", "BKAV", "fake")
    assert speech.read("Call 111", "en").text == "Call 111"
