"""Which occurrences a schedule has, and which messages each one says. Pure.

APScheduler's `CronTrigger` counts nominal wall times, in UTC, where no clock ever changes; `resolve` turns each into
its one instant. Asked in a zone with summer time, the trigger skips or doubles days around changes of clocks.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from hashlib import sha256
from heapq import merge
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from broadcaster.dispatch.timing import day_exists, on_blackout, resolve
from broadcaster.schedule.spec import CampaignSpec, ScheduleSpec, When

__all__ = ["Occurrence", "every", "nominal_times", "occurrences", "resolve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One nominal local time of a schedule."""

    local: str  # "2027-07-01T08:00": what rows are keyed by
    utc: datetime
    ordinal: int  # 0 for the first since `from`; blacked-out and missed ones count
    messages: tuple[str, ...]  # one, or with `pick = "all"` every message
    blackout: bool  # on a date on which nothing is sent


def occurrences(
    schedule: ScheduleSpec, campaign: CampaignSpec, start: datetime, end: datetime, *, plan_hash: str = ""
) -> Iterator[Occurrence]:
    """The occurrences with `start <= utc < end`, in order. `plan_hash` decides what `pick = "random"` picks."""
    zone = campaign.zone
    spans = tuple((span.since, span.until) for span in campaign.blackout)
    for ordinal, local in enumerate(nominal_times(schedule.when, campaign.timezone)):
        wall = datetime.fromisoformat(local)
        utc = resolve(wall.date(), wall.time(), zone)
        if utc >= end:
            return  # later wall times have no earlier instants
        if utc >= start:
            yield Occurrence(
                local=local,
                utc=utc,
                ordinal=ordinal,
                messages=_picked(schedule, ordinal, local, plan_hash),
                blackout=on_blackout(wall.date(), spans),
            )


FAR = datetime.max.replace(tzinfo=UTC)


def every(schedule: ScheduleSpec, campaign: CampaignSpec, *, plan_hash: str = "") -> Iterator[Occurrence]:
    """All occurrences of a schedule, past and future."""
    return occurrences(schedule, campaign, datetime.min.replace(tzinfo=UTC), FAR, plan_hash=plan_hash)


@lru_cache(maxsize=128)
def nominal_times(when: When, timezone: str) -> tuple[str, ...]:
    """Every nominal local time of a rule, in order, as "2027-07-01T08:00"; dates its zone left out have none."""
    if when.at:
        return (when.at,)
    zone = ZoneInfo(timezone)
    exists = lru_cache(maxsize=None)(lambda day: day_exists(day, zone))
    walls = merge(*(_walls(trigger, when) for trigger in _triggers(when)))
    return tuple(f"{wall:%Y-%m-%dT%H:%M}" for wall in walls if exists(wall.date()))


def _triggers(when: When) -> list[CronTrigger]:
    span = {
        "start_date": datetime.combine(when.since, time(0), UTC),
        "end_date": datetime.combine(when.until, time(23, 59, 59), UTC),
        "timezone": UTC,
    }
    if when.cron:
        minute, hour, day, month, weekday = when.cron.split()
        return [CronTrigger(minute=minute, hour=hour, day=day, month=month, day_of_week=weekday, second=0, **span)]
    days = ",".join(when.days)
    times = [time.fromisoformat(text) for text in when.daily]
    return [CronTrigger(hour=at.hour, minute=at.minute, second=0, day_of_week=days, **span) for at in times]


def _walls(trigger: CronTrigger, when: When) -> Iterator[datetime]:
    """Wall times, naive. The trigger is asked anew from just after each answer."""
    moment = datetime.combine(when.since, time(0), UTC)
    while (fire := trigger.get_next_fire_time(None, moment)) is not None:
        yield fire.replace(tzinfo=None)
        moment = fire + timedelta(seconds=1)


def _picked(schedule: ScheduleSpec, ordinal: int, local: str, plan_hash: str) -> tuple[str, ...]:
    messages = schedule.messages
    if schedule.pick == "all":
        return messages
    if schedule.pick == "rotate":
        return (messages[ordinal % len(messages)],)
    drawn = hmac.new(plan_hash.encode(), local.encode(), sha256).digest()
    return (messages[int.from_bytes(drawn, "big") % len(messages)],)
