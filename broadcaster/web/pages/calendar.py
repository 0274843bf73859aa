"""The calendar: what went, what is going and what will go, by month and by week, with what each day costs."""

from __future__ import annotations

import re
from calendar import monthrange
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any

from fastapi.responses import Response
from sqlalchemy import Connection, and_

from broadcaster.content.files import load
from broadcaster.errors import BroadcasterError
from broadcaster.plan.planner import Row, forecast, money
from broadcaster.plan.reading import survey
from broadcaster.schedule.files import find
from broadcaster.web import store
from broadcaster.web.desk import Menu, Visit
from broadcaster.web.door import Here, Look, Pages
from broadcaster.web.pages.campaigns import filled_titles, look
from broadcaster.web.store import BROADCAST

pages = Pages()
MENU = [Menu(path="/calendar", label="Lịch phát", order=42)]
MOST = 3000  # broadcasts of one month; nine schedules twice a day are 560
SHOWN = 4  # items of a day in the month; the week shows all
LIVE = ("planned", "running", "paused")
YEARS = range(2000, 2101)
FORECAST = "forecast"  # the state of an occurrence that has no row yet
PASSED = "passed"  # of one whose time went by without a row: before the plan was approved, or meanwhile


@dataclass(slots=True, kw_only=True)
class Item:
    """One broadcast of a day, there already or still to come."""

    time: str
    title: str
    campaign: str
    schedule: str
    channels: tuple[str, ...]
    state: str
    id: str = ""  # "" for one to come
    people: int = 0
    cost: Counter[str] = field(default_factory=Counter)  # currency -> millionths
    finish: str = ""
    conflicts: tuple[str, ...] = ()


@pages.get("/calendar", act=Look.SIGNED_IN)
def show(visit: Here) -> Response:
    asked = visit.request.query_params
    today = visit.now.astimezone(visit.desk.zone).date()
    campaign = asked.get("campaign", "")
    if asked.get("week"):
        return _week(visit, _monday(asked["week"], today), campaign, today)
    return _month(visit, _first(asked.get("month", ""), today), campaign, today)


def _month(visit: Visit, first: date, campaign: str, today: date) -> Response:
    last = first.replace(day=monthrange(first.year, first.month)[1])
    begins = first - timedelta(days=first.weekday())
    ends = last + timedelta(days=6 - last.weekday())
    days, names, draft = _days(visit, first, last, campaign)
    weeks = [[begins + timedelta(days=7 * at + n) for n in range(7)] for at in range(((ends - begins).days + 1) // 7)]
    return visit.page(
        "calendar.html", first=first, weeks=weeks, days=days, sums=_sums(days), campaign=campaign, names=names,
        today=today, shown=SHOWN, before=_month_of(first - timedelta(days=1)), after=_month_of(last + timedelta(days=1)),
        this=_month_of(first), cost_of=_cost, draft=draft, look=partial(look, visit),
    )  # fmt: skip


def _week(visit: Visit, first: date, campaign: str, today: date) -> Response:
    last = first + timedelta(days=6)
    days, names, draft = _days(visit, first, last, campaign)
    return visit.page(
        "calendar_week.html", first=first, last=last, dates=[first + timedelta(days=n) for n in range(7)], days=days,
        sums=_sums(days), campaign=campaign, names=names, today=today, before=first - timedelta(days=7),
        after=first + timedelta(days=7), this=_month_of(first), cost_of=_cost, draft=draft, look=partial(look, visit),
    )  # fmt: skip


# -- what stands in it ------------------------------------------------------------------------------------------------


def _days(visit: Visit, first: date, last: date, campaign: str) -> tuple[dict[date, list[Item]], dict[str, str], bool]:
    """Day -> its items in order; the campaigns there are; whether it is a campaign that nobody has approved."""
    zone = visit.desk.zone
    # a day more on both sides: a campaign may keep another zone than the office
    since = datetime.combine(first - timedelta(days=1), time(0), zone).astimezone(UTC)
    until = datetime.combine(last + timedelta(days=2), time(0), zone).astimezone(UTC)
    where = store.between(since, until)
    if campaign:
        where = and_(where, BROADCAST.c.campaign_id == campaign)
    found: dict[date, list[Item]] = {}
    with visit.read() as connection:
        rows = store.campaigns(connection)
        there = store.broadcasts(connection, where, language=visit.language, limit=MOST)
        live = {row.id: row for row in rows if row.state in LIVE and campaign in ("", row.id)}
        told = {name: _forecast(visit, connection, row) for name, row in live.items()}
        names = {row.id: row.title for row in rows}
        draft = bool(campaign) and campaign not in names
        if draft:
            told[campaign] = _draft(visit, connection, campaign)
        titles = store.titles(connection, {key[2] for each in told.values() for key in each}, visit.language)
    if draft:
        titles = filled_titles(load(visit.config.path(visit.config.folders.content)), visit.language) | titles
    known = set()
    for one in there:
        known.add((one.campaign, one.schedule, one.local, one.message))
        lines = told.get(one.campaign, {}).get((one.schedule, one.local, one.message), [])
        item = _item(one.local, one.title, one.campaign, one.schedule, one.state, lines)
        item.id, item.channels, item.people = one.id, one.channels, one.planned or item.people
        found.setdefault(date.fromisoformat(one.local[:10]), []).append(item)
    for name, occurrences in told.items():
        for (schedule, local, message), lines in occurrences.items():
            day = date.fromisoformat(local[:10])
            if first <= day <= last and (name, schedule, local, message) not in known:
                state = PASSED if lines[0].utc < visit.now else FORECAST
                found.setdefault(day, []).append(
                    _item(local, titles.get(message, message), name, schedule, state, lines)
                )
    return (
        {day: sorted(items, key=lambda one: (one.time, one.campaign, one.schedule))
         for day, items in sorted(found.items()) if first <= day <= last},
        names, draft,
    )  # fmt: skip


def _item(local: str, title: str, campaign: str, schedule: str, state: str, lines: list[Row]) -> Item:
    cost: Counter[str] = Counter()
    for row in lines:
        cost[row.currency] += row.cost
    ends = max((row.finish for row in lines if row.finish), default=None)
    return Item(
        time=local[11:16], title=title, campaign=campaign, schedule=schedule, state=state,
        channels=tuple(dict.fromkeys(row.channel for row in lines)), people=sum(row.recipients for row in lines),
        cost=cost, finish=ends.isoformat() if ends else "",
        conflicts=tuple(dict.fromkeys(text for row in lines for text in row.conflicts)),
    )  # fmt: skip


def _forecast(visit: Visit, connection: Connection, row: Any) -> dict[tuple[str, str, str], list[Row]]:
    return visit.desk.forecasts.rows(connection, row.id, row.plan_hash, now=visit.now)


def _draft(visit: Visit, connection: Connection, campaign: str) -> dict[tuple[str, str, str], list[Row]]:
    """Of a campaign that has only a file; nothing for one that has none, or one with faults."""
    found: dict[tuple[str, str, str], list[Row]] = {}
    try:
        spec = find(visit.config.path(visit.config.folders.schedules), campaign, visit.config)
        library = load(visit.config.path(visit.config.folders.content))
        rows = forecast(spec, survey(connection, visit.config, library, spec, now=visit.now))
    except BroadcasterError:
        return found
    for row in rows:
        found.setdefault((row.schedule, row.local, row.message), []).append(row)
    return found


def _sums(days: dict[date, list[Item]]) -> dict[str, Any]:
    items = [one for each in days.values() for one in each if one.state != PASSED]
    cost: Counter[str] = Counter()
    for one in items:
        cost.update(one.cost)
    return {
        "broadcasts": len(items),
        "people": sum(one.people for one in items),
        "cost": _cost(cost),
        "conflicts": sum(bool(one.conflicts) for one in items),
    }


def _cost(cost: Counter[str]) -> list[dict[str, str]]:
    return [money(micros, currency) for currency, micros in sorted(cost.items()) if micros]


# -- which days -------------------------------------------------------------------------------------------------------


def _first(text: str, today: date) -> date:
    """`2027-07` -> its first day; this month for anything else."""
    found = re.fullmatch(r"(\d{4})-(\d{2})", text, re.ASCII)
    if found and int(found[1]) in YEARS and 1 <= int(found[2]) <= 12:
        return date(int(found[1]), int(found[2]), 1)
    return today.replace(day=1)


def _monday(text: str, today: date) -> date:
    """The Monday of that day's week; of this week for anything else."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = today
    day = day if day.year in YEARS else today
    return day - timedelta(days=day.weekday())


def _month_of(day: date) -> str:
    return f"{day:%Y-%m}"
