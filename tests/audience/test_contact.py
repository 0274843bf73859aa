from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcaster.audience.contact import (
    COLUMNS,
    BadRow,
    Consent,
    Draft,
    Usual,
    group_name,
    neutral,
    parse_address,
    read_address,
    read_date,
    read_header,
    read_language,
    read_row,
    read_text,
)
from broadcaster.audience.phone import BadAddress
from broadcaster.errors import BroadcasterError, WrongUse

TODAY = date(2027, 7, 1)
USUAL_HEAD = ",".join(name for name in COLUMNS if name != "loudspeaker")


def row(text: str, *, header: str = USUAL_HEAD, usual: Usual | None = None) -> Draft | None:
    return read_row(2, text.split(","), read_header(header.split(",")), today=TODAY, usual=usual or Usual())


def test_columns_may_stand_in_any_order_and_case_and_in_vietnamese() -> None:
    header = read_header(["Ghi chú", "ĐIỆN THOẠI", "Họ và tên", "E-mail", "Xã/Phường", "Ngôn ngữ", "Zalo ID"])

    assert header.places == {"phone": 1, "name": 2, "email": 3, "commune": 4, "language": 5, "zalo": 6}
    assert header.ignored == ("Ghi chú",)


@pytest.mark.parametrize(
    ("cells", "because"),
    [
        (["Nguyễn Văn An", "0912345678"], "No column is known"),
        (["name", "commune"], "No column holds an address"),
        (["phone", "số điện thoại"], "both read as phone"),
    ],
)
def test_a_head_row_that_does_not_do_is_refused_without_quoting_it(cells: list[str], because: str) -> None:
    with pytest.raises(WrongUse, match=because) as refusal:
        read_header(cells)

    assert "0912345678" not in str(refusal.value)


def test_a_full_row_is_read_into_a_draft() -> None:
    draft = row("Trần  Thị Nga,0912345678,Nga@Example.VN,2512523625412515,@Kenh_Xa,VI,Mường Khương,phiếu,15/01/2027")

    assert draft == Draft(
        row=2,
        name="Trần Thị Nga",
        language="vi",
        commune="Mường Khương",
        consent=Consent("phiếu", date(2027, 1, 15)),
        addresses=(
            ("phone", "+84912345678"), ("email", "nga@example.vn"), ("zalo", "2512523625412515"), ("telegram", "@kenh_xa"),
        ),
    )  # fmt: skip


def test_text_that_is_composed_differently_becomes_the_same_text() -> None:
    composed, apart = row("Nguyễn,0912345678"), row("Nguye\u0302\u0303n,0912345678")

    assert composed == apart


def test_an_empty_row_is_nobody() -> None:
    assert row(" , ,") is None


@pytest.mark.parametrize(
    ("text", "column", "because"),
    [
        ("An,,,,,vi", "", "no address"),
        ("An,113", "phone", "short service number"),
        ("An,,an-example.vn", "email", "no e-mail address"),
        ("An,,a@b.vn; c@d.vn", "email", "exactly one"),
        ("An,,,abc", "zalo", "no Zalo user id"),
        ("An,,,2.51E+15", "zalo", "shortened by a spreadsheet"),
        ("An,,,,x y", "telegram", "no Telegram chat id"),
        ("An,0912345678,,,,Vietnam language", "language", "no language tag"),
        ("An\x1b[31m,0912345678", "name", "control characters"),
        ("A" * 201 + ",0912345678", "name", "longer than 200"),
        ("An,0912345678,,,,,,phiếu,01/02", "consent_date", "no date"),
        ("An,0912345678,,,,,,phiếu,01/02/27", "consent_date", "four digits"),
        ("An,0912345678,,,,,,phiếu,01/02/2570", "consent_date", "check the year"),
        ("An,0912345678,,,,,,phiếu,31/02/2027", "consent_date", "no date"),
        ("An,0912345678,,,,,,phiếu,02/07/2027", "consent_date", "lies in the past"),
        ("An,0912345678,,,,,,phiếu,", "consent_date", "no date; say when"),
        ("An,0912345678,,,,,,,2027-01-01", "consent_source", "no source; say where"),
        ("An,0912345678,,,,,,,,extra", "", "more cells"),
    ],
)
def test_a_bad_cell_refuses_its_row_by_column_and_sentence(text: str, column: str, because: str) -> None:
    with pytest.raises(BadRow, match=because) as refusal:
        row(text)

    assert refusal.value.column == column


def test_the_consent_of_the_whole_list_fills_in_what_a_row_leaves_out() -> None:
    usual = Usual(source="đăng ký tại xã", date=date(2027, 2, 1))

    silent = row("An,0912345678", usual=usual)
    speaking = row("An,0912345678,,,,,,phiếu,", usual=usual)

    assert silent is not None
    assert speaking is not None
    assert silent.consent == Consent("đăng ký tại xã", date(2027, 2, 1))
    assert speaking.consent == Consent("phiếu", date(2027, 2, 1))


def test_a_name_that_looks_like_a_template_or_a_formula_stays_what_it_is() -> None:
    assert read_text("name", "{{ fact.hotline }} {0.__class__} %n") == "{{ fact.hotline }} {0.__class__} %n"
    assert read_text("name", neutral("=HYPERLINK(1)")) == "=HYPERLINK(1)"


@pytest.mark.parametrize("cell", ["=1+1", "+84912345678", "-1", "@x", "\tx", "\rx", "＝1", "＠x"])
def test_a_cell_a_spreadsheet_would_calculate_is_neutralised(cell: str) -> None:
    assert neutral(cell) == f"'{cell}"


@pytest.mark.parametrize(
    ("written", "tag"),
    [("", ""), ("vi", "vi"), ("VI_vn", "vi-VN"), ("Tiếng Việt", "vi"), ("H'Mông", "hmn"), ("zh-hant-tw", "zh-Hant-TW")],
)
def test_a_language_is_a_tag_or_a_usual_name(written: str, tag: str) -> None:
    assert read_language(written) == tag


@pytest.mark.parametrize("written", ["2027-02-01", "1/2/2027", "01-02-2027", "01.02.2027", "2027-02-01T00:00:00"])
def test_a_date_has_its_day_first_or_is_iso(written: str) -> None:
    assert read_date(written, today=TODAY) == date(2027, 2, 1)


def test_an_address_typed_at_the_desk_tells_its_kind() -> None:
    found = [read_address(text) for text in ("0912345678", "A@b.vn", "@Kenh", "zalo:2512523625412515")]

    assert found == [
        ("phone", "+84912345678"), ("email", "a@b.vn"), ("telegram", "@kenh"), ("zalo", "2512523625412515"),
    ]  # fmt: skip


def test_a_mail_domain_in_vietnamese_is_kept_in_its_ascii_form() -> None:
    assert parse_address("email", "lan@tiếngviệt.vn") == f"lan@xn--{'tiếngviệt'.encode('punycode').decode()}.vn"


@pytest.mark.parametrize("name", ["Nạn nhân 2026", "danh sach nan nhan", "victims", "", " ", "x" * 65, "a\x1bb"])
def test_a_group_name_that_accuses_its_members_or_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(WrongUse):
        group_name(name)


@given(st.sampled_from(["email", "zalo", "telegram"]), st.text())
def test_any_text_is_one_address_or_a_refusal_and_an_address_reads_as_itself(kind: str, written: str) -> None:
    try:
        value = parse_address(kind, written)
    except BadAddress:
        return

    assert parse_address(kind, value) == value


@given(st.lists(st.text(), max_size=12))
def test_any_row_is_a_draft_or_a_refusal(cells: list[str]) -> None:
    header = read_header(list(COLUMNS))

    try:
        draft = read_row(2, cells, header, today=TODAY)
    except BroadcasterError:
        return

    assert draft is None or draft.addresses
