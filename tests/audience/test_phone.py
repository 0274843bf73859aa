from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcaster.audience.phone import MOVED_IN_2018, BadAddress, parse_phone


@pytest.mark.parametrize(
    "written",
    [
        "0912345678", "+84912345678", "84912345678", "0084912345678", "84 912-345-678", "(+84) 912 345 678",
        "+84 (0)912 345 678", "0912.345.678", "0912 345 678", "'0912345678", " 0912345678 ", "０９１２３４５６７８",
        "٠٩١٢٣٤٥٦٧٨", "\u202a+84 912 345 678\u202c", "0912\u00a0345\u2011678", "＋84912345678",
    ],
)  # fmt: skip
def test_every_usual_way_of_writing_a_number_is_the_same_number(written: str) -> None:
    phone = parse_phone(written)

    assert phone.value == "+84912345678"
    assert not phone.zero_restored


@pytest.mark.parametrize("written", ["912345678", "912 345 678", "841234567"])
def test_nine_digits_get_back_the_zero_a_spreadsheet_has_eaten(written: str) -> None:
    phone = parse_phone(written)

    assert phone.value == "+84" + written.replace(" ", "")
    assert phone.zero_restored


@pytest.mark.parametrize(
    ("written", "because"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("9.12E+08", "shortened by a spreadsheet"),
        ("9,12E8", "shortened by a spreadsheet"),
        ("113", "short service number"),
        ("114", "short service number"),
        ("1022", "short service number"),
        ("8079", "short service number"),
        ("+84113", "short service number"),
        ("19001234", "premium"),
        ("1900123456", "premium"),
        ("1800123456", "free service"),
        ("02438251234", "landline"),
        ("+442079460000", "landline"),
        ("0912345678/0987654321", "several"),
        ("0912345678; 0987654321", "several"),
        ("0912345678 hoặc 0987654321", "several"),
        ("0912345678 0987654321", "too many digits"),
        ("09123456789", "not a number in use"),
        ("0412345678", "not a number in use"),
        ("0912345678 ext 5", "no telephone number"),
        ("gọi cô Lan", "no telephone number"),
        ("+", "no telephone number"),
        ("0" * 100_000, "too long"),
        ("1403456789", "not a number in use"),
        ("121012345", "not a mobile number"),
    ],
)
def test_what_is_not_one_persons_number_is_refused_with_the_reason(written: str, because: str) -> None:
    with pytest.raises(BadAddress, match=because):
        parse_phone(written)


@pytest.mark.parametrize("written", ["0168 1234567", "+841681234567", "841681234567", "1681234567"])
def test_an_old_number_of_eleven_digits_is_refused_with_its_new_prefix(written: str) -> None:
    with pytest.raises(BadAddress, match="0168 became 038 in 2018"):
        parse_phone(written)


@pytest.mark.parametrize("new", sorted(MOVED_IN_2018.values()))
def test_every_prefix_of_2018_leads_to_numbers_in_use(new: str) -> None:
    assert parse_phone(new + "1234567").value == "+84" + new[1:] + "1234567"


def test_a_foreign_mobile_number_is_taken_with_its_country_code() -> None:
    assert parse_phone("+44 7911 123456").value == "+447911123456"


def test_a_refusal_never_repeats_the_number() -> None:
    with pytest.raises(BadAddress) as refusal:
        parse_phone("01681234567")

    assert "1234567" not in str(refusal.value)


@given(st.one_of(st.text(), st.text("0123456789+-(). E٣９"), st.from_regex(r"(\+84|0|84)?\d{7,11}", fullmatch=True)))
def test_any_text_is_either_one_number_or_a_refusal_and_a_number_reads_as_itself(written: str) -> None:
    try:
        value = parse_phone(written).value
    except BadAddress:
        return

    assert parse_phone(value).value == value
    assert phonenumbers.is_valid_number(phonenumbers.parse(value))


@given(st.from_regex(r"0[35789][0-9]{8}", fullmatch=True))
def test_the_quick_road_takes_what_the_library_takes_and_nothing_else(written: str) -> None:
    known = phonenumbers.is_valid_number(phonenumbers.parse(written, "VN"))

    try:
        value = parse_phone(written).value
    except BadAddress:
        value = ""

    assert value == (f"+84{written[1:]}" if known else "")
