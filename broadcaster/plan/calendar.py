"""A forecast as an iCalendar file (RFC 5545), for the calendars people already look at. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from icalendar import Calendar, Event

from broadcaster.plan.planner import Row, Said
from broadcaster.schedule.spec import CampaignSpec

SHORTEST = timedelta(minutes=5)  # an entry of no length cannot be seen in a calendar


def calendar(spec: CampaignSpec, rows: Sequence[Row], messages: Mapping[str, Said], *, now: datetime) -> bytes:
    """One event per broadcast, in the campaign's time zone; `now` is the moment it was made. Contains no address."""
    found = Calendar()
    found.add("prodid", "-//broadcaster//plan//VI")
    found.add("version", "2.0")
    found.add("x-wr-calname", spec.title)
    key = lambda row: (row.utc, row.schedule, row.message)  # noqa: E731 - groupby and sorted must agree
    for _, group in groupby(sorted(rows, key=key), key=key):
        found.add_component(_event(spec, list(group), messages, now))
    found.add_missing_timezones()
    return bytes(found.to_ical())


def _event(spec: CampaignSpec, rows: Sequence[Row], messages: Mapping[str, Said], now: datetime) -> Event:
    first = rows[0]
    ends = max((row.finish for row in rows if row.finish), default=first.utc)
    event = Event()
    event.add("uid", f"{spec.id}/{first.schedule}/{first.local}/{first.message}@broadcaster")
    event.add("dtstamp", now)
    event.add("dtstart", first.utc.astimezone(spec.zone))
    event.add("dtend", max(ends, first.utc + SHORTEST).astimezone(spec.zone))
    event.add("summary", _title(spec, first.message, messages))
    event.add("description", "\n".join(_line(row) for row in rows))
    event.add("categories", [first.schedule])
    event.add("transp", "TRANSPARENT")  # it takes nobody's time
    return event


def _title(spec: CampaignSpec, message: str, messages: Mapping[str, Said]) -> str:
    titles = messages[message].titles if message in messages else {}
    return next((titles[tag] for tag in spec.languages if titles.get(tag)), message)


def _line(row: Row) -> str:
    text = f"{row.channel}: {row.recipients:,}"
    return f"{text} ({'; '.join(row.conflicts)})" if row.conflicts else text
