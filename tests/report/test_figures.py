from __future__ import annotations

import csv
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcaster.channel import registry
from broadcaster.dispatch.dispatch import FINAL, OPEN, State
from broadcaster.report.figures import AD_HOC, Figures, Money, Row, Standing, figures
from broadcaster.report.form import HEADINGS, OF_ADAPTER, form_of, heading
from broadcaster.report.sheet import STATES, csv_table, guarded, notes


def standing(**values: Any) -> Standing:
    plain = {
        "campaign": "mbn",
        "title": "Chiến dịch",
        "currency": "VND",
        "ended": True,
        "waiting": 0,
        "by_one_alone": 0,
    }
    return Standing(**{**plain, **values})


def row(**values: Any) -> Row:
    plain = {
        "schedule": "daily", "day": "2027-07-01", "channel": "sms", "form": "sms", "state": State.ACCEPTED, "n": 1,
    }  # fmt: skip
    return Row(**{**plain, **values})


def make(*rows: Row, micros: dict[str, int] | None = None, **values: Any) -> Figures:
    return figures(rows, micros=micros or {}, standing=standing(**values))


rows = st.lists(
    st.builds(
        Row,
        schedule=st.sampled_from(["", "daily", "weekly"]),
        day=st.sampled_from(["2027-07-01", "2027-07-02"]),
        channel=st.sampled_from(["sms", "web", "zalo"]),
        form=st.sampled_from(["sms", "web", "social"]),
        state=st.sampled_from(list(State)),
        n=st.integers(0, 10**6),
    )
)


@given(rows)
def test_planned_is_final_and_open_in_the_whole_and_in_every_part(found: list[Row]) -> None:
    shown = make(*found).shown()

    assert shown["planned"] == shown["final"] + shown["open"] == sum(one.n for one in found)
    assert shown["final"] == sum(shown["states"][state] for state in FINAL)
    assert shown["open"] == sum(shown["states"][state] for state in OPEN)
    for part in ("by_channel", "by_day", "by_schedule", "by_form"):
        assert sum(one["planned"] for one in shown[part].values()) == shown["planned"]
        for one in shown[part].values():
            assert sum(one["states"].values()) == one["planned"]
            assert list(one["states"]) == [state.value for state in State]


def test_the_json_has_its_fixed_words() -> None:
    shown = make(row(n=3), row(state=State.UNKNOWN, channel="web", form="web", schedule="")).shown()

    assert {"planned", "final", "open", "states", "by_channel", "by_day", "by_schedule", "by_form", "cost"} <= set(
        shown
    )
    assert (shown["planned"], shown["final"], shown["open"]) == (4, 3, 1)
    assert len(shown["states"]) == 12
    assert shown["by_channel"]["sms"] == {"planned": 3, "states": {**dict.fromkeys(shown["states"], 0), "accepted": 3}}
    assert set(shown["by_schedule"]) == {"daily", AD_HOC}
    assert list(shown["by_form"]) == ["sms", "web"]


def test_an_empty_campaign_has_every_state_and_no_cost() -> None:
    shown = make().shown()

    assert (shown["planned"], shown["open"], set(shown["states"].values())) == (0, 0, {0})
    assert shown["cost"] == {"amount": "0", "currency": "VND"}


@pytest.mark.parametrize(
    ("micros", "currency", "cost", "others"),
    [
        ({"VND": 123_450_000}, "VND", ("123.45", "VND"), []),
        ({"USD": 52_500}, "", ("0.0525", "USD"), []),
        ({"USD": 1_000_000}, "VND", ("0", "VND"), [("1", "USD")]),
        ({"USD": 1, "EUR": 2}, "", ("0", "VND"), [("0.000002", "EUR"), ("0.000001", "USD")]),
        ({"VND": 830_000_000 * 10**6}, "VND", ("830000000", "VND"), []),
        ({"VND": 10**19 + 1}, "VND", ("10000000000000.000001", "VND"), []),
        ({"VND": 100_000_000}, "VND", ("100", "VND"), []),
    ],
)
def test_costs_are_exact_and_the_campaigns_currency_comes_first(
    micros: dict[str, int], currency: str, cost: tuple[str, str], others: list[tuple[str, str]]
) -> None:
    shown = make(micros=micros, currency=currency).shown()

    assert shown["cost"] == dict(zip(("amount", "currency"), cost, strict=True))
    assert [(one["amount"], one["currency"]) for one in shown["other_costs"]] == others


def test_money_is_never_written_with_an_exponent() -> None:
    assert Money(amount=Decimal("1E+7"), currency="VND").shown()["amount"] == "10000000"


@pytest.mark.parametrize(
    ("rows", "values", "complete"),
    [
        ([row()], {}, True),
        ([row(), row(state=State.UNKNOWN)], {}, False),
        ([row()], {"waiting": 1}, False),
        ([row()], {"ended": False}, False),
    ],
)
def test_only_closed_figures_call_themselves_final(rows: list[Row], values: dict[str, Any], complete: bool) -> None:
    made = make(*rows, **values)

    said = csv_table(made).decode() + " ".join(notes(made))

    assert made.shown()["complete"] is complete
    assert ("cuối cùng" in said) is complete
    assert ("tạm thời" in said) is not complete


def test_what_is_open_is_said_with_its_number() -> None:
    made = make(row(state=State.SENDING, n=7), waiting=2)

    assert notes(made) == ["Số liệu tạm thời.", "Còn 7 lượt gửi chưa kết thúc.", "Còn 2 lượt phát chưa khép lại."]


def test_decisions_by_one_person_are_said() -> None:
    made = make(row(), by_one_alone=1)

    assert made.shown()["two_person"] is False
    assert "1 phê duyệt do một người quyết định" in csv_table(made).decode()


def test_the_sheet_has_a_mark_a_head_and_a_row_for_everything() -> None:
    made = make(
        row(n=2), row(n=1, schedule="", channel="web", form="web", day="2027-07-02"), micros={"VND": 5, "USD": 7}
    )

    raw = csv_table(made)
    lines = list(csv.reader(raw.decode("utf-8-sig").split("\r\n")[:-1]))

    assert raw.startswith(b"\xef\xbb\xbf")
    assert lines[0][:6] == ["Phân loại", "Mục", "Kế hoạch", "Đã kết thúc", "Còn mở", "Chờ gửi"]
    assert [line[:3] for line in lines[1:]] == [
        ["Toàn chiến dịch", "Chiến dịch", "3"],
        ["Chi phí bằng tiền khác", "Chiến dịch", ""],
        ["Theo kênh", "sms", "2"],
        ["Theo kênh", "web", "1"],
        ["Theo loại hình (Nghị định 49/2024/NĐ-CP)", "Tin nhắn viễn thông", "2"],
        ["Theo loại hình (Nghị định 49/2024/NĐ-CP)", "Cổng hoặc trang thông tin điện tử", "1"],
        ["Theo nội dung", "", "3"],
        ["Theo ngày", "2027-07-01", "2"],
        ["Theo ngày", "2027-07-02", "1"],
        ["Theo tuần", "2027-W26", "3"],
        ["Theo lịch phát", "(ad hoc)", "1"],
        ["Theo lịch phát", "daily", "2"],
    ]
    assert {len(line) for line in lines} == {20}


@pytest.mark.parametrize("evil", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "=cmd|' /C calc'!A0"])
def test_no_cell_is_a_formula(evil: str) -> None:
    made = make(row(channel=evil, schedule=evil), title=evil)

    cells = csv_table(made).decode()

    assert guarded(evil) == f"'{evil}"
    assert f",{evil}," not in cells
    assert guarded(5) == 5


def test_every_state_has_a_name_for_the_office() -> None:
    assert set(STATES) == set(State)
    assert len(set(STATES.values())) == len(State)


def test_every_channel_this_house_ships_stands_under_a_heading_of_the_decree() -> None:
    shipped = set(registry.adapters()) - {"memory"}

    assert {form_of(name) for name in shipped} <= set(HEADINGS)
    assert set(OF_ADAPTER.values()) <= set(HEADINGS)
    assert (form_of("pigeon"), heading("pigeon")) == ("pigeon", "pigeon")
    assert len(HEADINGS) == 8
