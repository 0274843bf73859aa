"""The money on the gateways' accounts, in days of what is planned."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert

from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.db.tables import Campaign, table
from broadcaster.dispatch.balance import BALANCE
from broadcaster.ledger.store import transaction
from broadcaster.plan.planner import Row
from broadcaster.web import balances
from broadcaster.web.forecasts import Forecasts

TODAY = date(2027, 7, 1)
DAILY = {TODAY + timedelta(days=n): 100 for n in range(5)}


@pytest.mark.parametrize(
    ("micros", "spend", "days", "until"),
    [
        (0, DAILY, 0, None),
        (99, DAILY, 0, None),
        (100, DAILY, 1, None),
        (399, DAILY, 3, None),
        (500, DAILY, None, date(2027, 7, 5)),
        (10, {}, None, None),
        (-1, {TODAY: 0}, 0, None),
    ],
)
def test_the_money_lasts_until_the_first_day_it_does_not_cover(
    micros: int, spend: dict[date, int], days: int | None, until: date | None
) -> None:
    assert balances.lasts(micros, spend, TODAY) == (days, until)


def test_what_is_planned_counts_by_the_offices_day_channel_and_currency() -> None:
    def row(hour: int, channel: str = "sms", currency: str = "VND") -> Row:
        due = datetime(2027, 7, 1, hour, tzinfo=UTC)
        return Row(schedule="s", local="", utc=due, message="m", channel=channel, cost=5, currency=currency)

    found = balances.by_day(
        [row(1), row(2), row(18), row(1, "zalo"), row(1, currency="USD")], ZoneInfo("Asia/Ho_Chi_Minh")
    )

    assert found["sms", "VND"] == {date(2027, 7, 1): 10, date(2027, 7, 2): 5}
    assert found["zalo", "VND"] == {date(2027, 7, 1): 5}
    assert found["sms", "USD"] == {date(2027, 7, 1): 5}


def test_today_says_how_many_days_the_money_lasts_and_warns_who_can_top_up(
    sqlite_database: Database, clock: SteppedClock, sign_in: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction(sqlite_database, clock) as tx:
        values = {"amount": 2_500_000_000_000, "currency": "VND", "said_at": tx.now, "asked_at": tx.now}
        tx.connection.execute(insert(BALANCE).values(channel="sms", **values))
        tx.connection.execute(insert(BALANCE).values(channel="zalo", asked_at=tx.now, currency=""))
        days = {"since": date(2027, 7, 1), "until": date(2027, 8, 31)}
        tx.connection.execute(
            insert(table(Campaign)).values(id="c", title="c", state="running", plan_hash="h", timezone="UTC", **days)
        )
    rows = [
        Row(
            schedule="s", local="", utc=clock.now() + timedelta(days=n), message="m", channel="sms",
            cost=1_000_000_000_000,
        )
        for n in range(9)
    ]  # fmt: skip
    monkeypatch.setattr(Forecasts, "rows", lambda *_, **__: {("s", "", "m"): rows})

    operator, auditor = sign_in("hoa").get("/").text, sign_in("tam").get("/").text
    english = sign_in("hoa", cookie="language=en").get("/").text

    assert "2.500.000 ₫" in operator
    assert "2 ngày" in operator
    assert "Tiền trên tài khoản kênh sms đủ gửi 2 ngày" in operator
    assert "chưa hỏi được" in operator
    assert "Tiền trên tài khoản kênh sms" not in auditor
    assert "2 ngày" in auditor
    assert english
