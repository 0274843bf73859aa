"""When a bulletin is to be read: the station's own hours, as a list for people, for players and for calendars. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from broadcaster.errors import WrongUse

_SLOT = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
COLUMNS = (
    "date_from", "date_to", "weekdays", "start_times", "loops", "idle_seconds", "duration_seconds", "files",
    "priority", "commune_code",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Plays:
    """The moments at which a bulletin should sound, in the office's time zone."""

    moments: tuple[datetime, ...]  # aware, ascending, never empty
    loops: int
    idle_seconds: int  # between two loops

    @property
    def first(self) -> date:
        return self.moments[0].date()

    @property
    def last(self) -> date:
        return self.moments[-1].date()


def read_slots(texts: Sequence[str], *, where: str) -> tuple[time, ...]:
    """`["05:30", "17:00"]`. Raises: WrongUse for none, or for what is no time of day."""
    found = []
    for text in texts:
        match = _SLOT.fullmatch(text.strip())
        if match is None:
            raise WrongUse(f'{where}: {text!r:.20} is no time of day; write it like "05:30".')
        found.append(time(int(match[1]), int(match[2])))
    if not found:
        raise WrongUse(f'{where}: name at least one hour at which stations play, like ["05:30", "17:00"].')
    return tuple(sorted(set(found)))


def plays(
    issued: datetime, slots: Sequence[time], zone: ZoneInfo, *, days: int, loops: int, idle_seconds: int
) -> Plays:
    """The slots from `issued` on, over `days` days counted from the first day that still has one."""
    local = issued.astimezone(zone)
    first = local.date() if any(slot >= local.time() for slot in slots) else local.date() + timedelta(days=1)
    moments = [
        datetime.combine(first + timedelta(days=day), slot, tzinfo=zone) for day in range(days) for slot in slots
    ]
    return Plays(
        moments=tuple(one for one in moments if one >= local.replace(second=0, microsecond=0)),
        loops=loops,
        idle_seconds=idle_seconds,
    )


def schedule_csv(found: Plays, *, seconds: int, files: Sequence[str], priority: str, station: str) -> bytes:
    """One row in the columns that stations' consoles know; a row per day when the first day has fewer hours."""
    days: dict[tuple[str, ...], list[date]] = {}
    for day in sorted({one.date() for one in found.moments}):
        times = tuple(f"{one:%H:%M}" for one in found.moments if one.date() == day)
        days.setdefault(times, []).append(day)
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for times, dates in days.items():
        weekdays = [name for number, name in enumerate(_WEEKDAYS) if number in {day.weekday() for day in dates}]
        row = (dates[0], dates[-1], " ".join(weekdays), " ".join(times), found.loops, found.idle_seconds, seconds,
               " ".join(files), priority, station)  # fmt: skip
        writer.writerow(row)
    return target.getvalue().encode()


def schedule_ics(found: Plays, *, seconds: int, title: str, reference: str, issued: datetime) -> bytes:
    """One event per play (RFC 5545); the same bulletin gives the same bytes."""
    from icalendar import Calendar, Event

    made = Calendar()
    made.add("prodid", "-//broadcaster//loudspeaker//VI")
    made.add("version", "2.0")
    length = found.loops * seconds + (found.loops - 1) * found.idle_seconds
    for moment in found.moments:
        event = Event()
        event.add("uid", f"{reference}/{moment:%Y%m%dT%H%M}@broadcaster")
        event.add("dtstamp", issued)
        event.add("dtstart", moment)
        event.add("dtend", moment + timedelta(seconds=max(60, length)))
        event.add("summary", title)
        made.add_component(event)
    made.add_missing_timezones(first_date=found.first, last_date=found.last + timedelta(days=1))
    return bytes(made.to_ical())
