"""Rules of time, shared by the schedule, the planner and the sender: local hours, quiet hours, blackout dates. Pure.

All moments are aware; answers are in UTC. Local hours are read off the wall clock of the zone, so a change of clocks
inside quiet hours makes them an hour longer or shorter, never leaves a hole in them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from broadcaster.errors import WrongUse

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
# No zone has moved its clocks by more than a day (Samoa, December 2011); two hours more reach both sides of any change.
GAP_REACH = timedelta(hours=26)
SEARCH_DAYS = 4000  # days looked ahead for an open moment; a blackout of ten years is a mistake somewhere else


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Local hours of a day, half-open `[start, end)`; `end` before `start` goes over midnight."""

    start: time
    end: time

    def holds(self, wall: time) -> bool:
        """Whether a local time of day lies inside."""
        if self.start < self.end:
            return self.start <= wall < self.end
        return wall >= self.start or wall < self.end


def resolve(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The one instant of a nominal local time, in UTC.

    A local time that a change of clocks leaves out becomes the first instant after the gap; one that comes twice, the
    first of the two. Total: of a day that does not exist (`day_exists`), the first instant after it.
    """
    wall = datetime.combine(day, at)
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _wall(first, zone) == wall:
        return first
    low, high = first - GAP_REACH, first + GAP_REACH
    while high - low > SECOND:
        middle = low + (high - low) / 2
        low, high = (low, middle) if _wall(middle, zone) >= wall else (middle, high)
    return high.replace(microsecond=0)


def day_exists(day: date, zone: ZoneInfo) -> bool:
    """Whether the zone has this local date: Samoa had no 30 December 2011."""
    return _wall(resolve(day, time(0), zone), zone).date() == day


def local_date(now: datetime, zone: ZoneInfo) -> date:
    return now.astimezone(zone).date()


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which a local day is over, in UTC: the first of the next day."""
    return resolve(day + DAY, time(0), zone)


@lru_cache(maxsize=256)
def parse_quiet(text: str) -> Hours | None:
    """`"21:30-08:00"`; `""` is None, no quiet hours.

    Raises: WrongUse for any other text, and for hours that are empty or the whole day.
    """
    if not text:
        return None
    match = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", text)
    if not match:
        raise WrongUse(f'{text!r} are no hours; write them like "21:30-08:00", or "" for none.')
    start, end = time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))
    if start == end:
        raise WrongUse(f'{text!r} begin and end at the same time; write them like "21:30-08:00", or "" for none.')
    return Hours(start=start, end=end)


def closed_hours(open_hours: str) -> Hours | None:
    """The hours a provider is closed, from its allowed ones (`Traits.hours`); None if it is always open."""
    allowed = parse_quiet(open_hours)
    return Hours(start=allowed.end, end=allowed.start) if allowed else None


@lru_cache(maxsize=256)
def parse_blackout(text: str) -> tuple[tuple[date, date], ...]:
    """`"2027-07-20/2027-07-21,..."`, local dates, both inclusive. Raises: WrongUse."""
    spans = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("/")
        try:
            span = date.fromisoformat(first), date.fromisoformat(last)
        except ValueError:
            raise WrongUse(f"{part!r} is no blackout; write it like 2027-07-20/2027-07-21.") from None
        spans.append(span)
    return tuple(spans)


def is_quiet(now: datetime, zone: ZoneInfo, quiet: Hours | None) -> bool:
    """Whether the wall clock stands inside the quiet hours."""
    return quiet is not None and quiet.holds(_wall(now, zone).time())


def quiet_ends(now: datetime, zone: ZoneInfo, quiet: Hours | None) -> datetime:
    """The first moment from `now` on that is not quiet; `now` itself if it is not."""
    if quiet is None or not is_quiet(now, zone, quiet):
        return now.astimezone(UTC)
    return min(
        moment for moment in _moments(now, zone, quiet.end) if moment > now and not is_quiet(moment, zone, quiet)
    )


def quiet_begins(now: datetime, zone: ZoneInfo, quiet: Hours | None) -> datetime | None:
    """The first moment from `now` on that is quiet; None if there are no quiet hours."""
    if quiet is None:
        return None
    if is_quiet(now, zone, quiet):
        return now.astimezone(UTC)
    return min(moment for moment in _moments(now, zone, quiet.start) if moment > now and is_quiet(moment, zone, quiet))


def is_blackout(now: datetime, zone: ZoneInfo, blackout: tuple[tuple[date, date], ...]) -> bool:
    """Whether the local date is one on which nothing is sent."""
    return on_blackout(local_date(now, zone), blackout)


def on_blackout(day: date, blackout: tuple[tuple[date, date], ...]) -> bool:
    return any(first <= day <= last for first, last in blackout)


def next_open(
    now: datetime, zone: ZoneInfo, quiet: Hours | None, blackout: tuple[tuple[date, date], ...] = ()
) -> datetime:
    """The first moment from `now` on that is neither quiet nor on a blackout date.

    Raises: WrongUse if there is none in the next ten years.
    """
    moment = now.astimezone(UTC)
    for _ in range(SEARCH_DAYS):
        if is_blackout(moment, zone, blackout):
            moment = end_of_day(local_date(moment, zone), zone)
        elif is_quiet(moment, zone, quiet):
            moment = quiet_ends(moment, zone, quiet)
        else:
            return moment
    raise WrongUse("Blackout dates and quiet hours leave no moment to send; shorten the blackout.")


def _wall(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _moments(now: datetime, zone: ZoneInfo, at: time) -> list[datetime]:
    """Every instant of the next days at which the wall clock may step to, over or back before `at`."""
    today = local_date(now, zone)
    found = _changes(now, zone)  # set back from 03:00 to 02:00, a clock re-enters or leaves hours that end at 02:30
    for offset in (-1, 0, 1, 2):
        day = today + offset * DAY
        found.append(resolve(day, at, zone))
        again = datetime.combine(day, at).replace(tzinfo=zone, fold=1).astimezone(UTC)
        if _wall(again, zone) == datetime.combine(day, at):
            found.append(again)
    return found


def _changes(now: datetime, zone: ZoneInfo) -> list[datetime]:
    """The instants in the next two days at which the zone's offset changes, to the second."""
    found = []
    before = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    for _ in range(50):
        after = before + timedelta(hours=1)
        if _offset(before, zone) != _offset(after, zone):
            low, high = before, after
            while high - low > SECOND:
                middle = low + (high - low) / 2
                low, high = (low, middle) if _offset(middle, zone) != _offset(before, zone) else (middle, high)
            found.append(high.replace(microsecond=0))
        before = after
    return found


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()
