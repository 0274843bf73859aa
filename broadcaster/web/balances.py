"""How long the money on the gateways' accounts lasts, at what is planned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from broadcaster.dispatch import balance
from broadcaster.plan.planner import Row, money
from broadcaster.web import store
from broadcaster.web.forecasts import Forecasts

SOON = 3  # days: whoever tops up needs a working day, and a weekend may lie between


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """One account. `days` None: nothing is planned over it, or the money is enough for all of the plan (`until`)."""

    channel: str
    money: dict[str, str] | None  # None: the provider has never said
    said_at: datetime | None
    days: int | None = None
    until: date | None = None  # last day of what is planned, if the money is enough for it

    @property
    def short(self) -> bool:
        return self.days is not None and self.days <= SOON


def left(connection: Connection, forecasts: Forecasts, *, now: datetime, zone: ZoneInfo) -> list[Left]:
    """Every account whose provider can be asked."""
    rows = balance.known(connection)
    if not rows:
        return []
    plans = [(one.id, one.plan_hash) for one in store.campaigns(connection) if one.state in ("planned", "running")]
    coming = [
        row
        for campaign, plan in plans
        for many in forecasts.rows(connection, campaign, plan, now=now).values()
        for row in many
        if row.utc >= now and row.cost
    ]
    spend = by_day(coming, zone)
    today = now.astimezone(zone).date()
    return [_left(row, spend.get((row.channel, row.currency), {}), today) for row in rows]


def by_day(rows: Iterable[Row], zone: ZoneInfo) -> dict[tuple[str, str], dict[date, int]]:
    """(channel, currency) -> day -> millionths planned."""
    found: dict[tuple[str, str], dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        found[row.channel, row.currency][row.utc.astimezone(zone).date()] += row.cost
    return found


def lasts(micros: int, spend: Mapping[date, int], today: date) -> tuple[int | None, date | None]:
    """(days until a day's sends are not covered any more, None) or (None, last day, all of it covered). Pure."""
    for day in sorted(spend):
        micros -= spend[day]
        if micros < 0:
            return max((day - today).days, 0), None
    return None, max(spend, default=None)


def _left(row: Any, spend: Mapping[date, int], today: date) -> Left:
    if row.amount is None:
        return Left(channel=row.channel, money=None, said_at=None)
    days, until = lasts(row.amount, spend, today)
    said = money(row.amount, row.currency)
    return Left(channel=row.channel, money=said, said_at=row.said_at, days=days, until=until)
