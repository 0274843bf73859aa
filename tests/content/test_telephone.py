from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcaster.content.telephone import digits_of, find

DIALLED = {
    "gọi 111 (miễn phí)": "111",
    "Tổng đài quốc gia 111": "111",
    "Gọi 113.": "113",
    "Gọi 111 người trực sẽ nghe": "111",
    "111-113-115 có người trực": "111",
    "111/113": "111",
    "１１１": "111",
    "1900 969 680": "1900969680",
    "1900.969.680": "1900969680",
    "gọi ngay số 18001567": "18001567",
    "0769.04.04.04": "0769040404",
    "+84 912 345 678": "0912345678",
    "+84(0)912345678": "0912345678",
    "0084912345678": "0912345678",
    "(024) 3823 1234": "02438231234",
    "0912\u00a0345\u2009678": "0912345678",
    "https://zalo.me/0912345678": "0912345678",
    "gọi 1022": "1022",
    "hotline: 8079": "8079",
    "gọi 111, 24/7": "111",
}
NOT_DIALLED = [
    "Nghị định số 162/2025/NĐ-CP ngày 29/6/2025", "Luật 53/2024/QH15", "2556/BTTTT-TTra", "111/2025/QH15", "Điều 113 Bộ luật",
    "Article 113", "khoản 111", "24/7", "30/7", "30/7/2027", "01.07.2025 10 giờ 30", "05-07-2025 08 giờ", "2026-07-30 08 00 00",
    "giai đoạn 2021-2025", "1900-1945", "năm 1900", "08:00-19:30", "111 vụ", "115 người", "113.000 lượt", "111%",
    "50.000.000 đồng", "COVID-19", "gọi 3 lần", "gọi trong 24 giờ", "call 2027", "https://example.gov.vn/2025/0123456789",
    "từ 03 xã, 05 thôn", "1/7–30/9", "{{ fact.hotline_trafficking }}",
]  # fmt: skip


@pytest.mark.parametrize(("text", "digits"), DIALLED.items())
def test_what_a_reader_would_dial_is_found(text: str, digits: str) -> None:
    assert find(text)[0].digits == digits


@pytest.mark.parametrize("text", NOT_DIALLED)
def test_dates_laws_years_and_counts_are_no_telephone_numbers(text: str) -> None:
    assert find(text) == []


def test_a_number_stands_where_it_was_found() -> None:
    [number] = find("Số của Ngôi nhà Bình yên: 1900 969 680.")

    assert (number.text, number.at) == ("1900 969 680", 26)


def test_only_a_subscribers_number_may_be_a_persons() -> None:
    assert [n.private for n in find("111, 1900 969 680, 0912345678")] == [False, False, True]


@given(st.text(max_size=200))
def test_any_text_is_searched_without_an_error(text: str) -> None:
    assert all(text[number.at :].startswith(number.text) for number in find(text))


@given(st.from_regex(r"0[35789][0-9]{8}", fullmatch=True), st.sampled_from(["", " ", ".", "-"]))
def test_every_spelling_of_a_mobile_number_is_the_same_number(digits: str, gap: str) -> None:
    local = gap.join((digits[:4], digits[4:7], digits[7:]))
    abroad = gap.join(("+84", digits[1:4], digits[4:7], digits[7:]))

    assert [n.digits for n in find(f"Gọi {local} nhé")] == [digits]
    assert [n.digits for n in find(f"Gọi {abroad} nhé")] == [digits]
    assert digits_of(abroad) == digits
