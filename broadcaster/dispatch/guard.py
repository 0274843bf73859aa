"""May this broadcast send now? One pure answer, asked inside the transaction that writes the intent; default is no."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from broadcaster.channel.base import Unit
from broadcaster.dispatch.timing import closed_hours, is_blackout, is_quiet, next_open, parse_blackout, parse_quiet

LIVE = ("approved", "superseded")  # a newer approval does not stop what began under the older; a withdrawal does


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the guard must know of a broadcast, read as rows in the same transaction."""

    state: str
    expires_at: datetime  # aware UTC
    timezone: str
    quiet_hours: str
    blackout: str
    authority: str | None  # state of the plan's or the ad-hoc approval, None if there is none
    approval: str | None  # state of the revision's approval
    intact: bool  # the stored bytes hash to what was approved
    stale: bool  # a fact it quotes has changed, is gone, or is overdue
    valid_from: date | None
    valid_until: date | None  # inclusive
    stopped: str  # reason of a stop in force over this broadcast or lane, "" if none


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Not now. `reason` is one word; `until` is when it is worth asking again, None if a person must act first."""

    reason: str
    until: datetime | None = None


def verdict(ground: Ground, *, unit: Unit, provider_hours: str, now: datetime) -> Hold | None:
    """None: go. Public channels know no quiet hours: nobody's phone rings."""
    zone = ZoneInfo(ground.timezone)
    today = now.astimezone(zone).date()
    if ground.state != "running":
        return Hold(reason=ground.state)
    if ground.stopped:
        return Hold(reason="stopped")
    if now >= ground.expires_at:
        return Hold(reason="late")
    if not ground.intact:
        return Hold(reason="tampered")
    if ground.authority not in LIVE or ground.approval not in LIVE:
        return Hold(reason="not_approved")
    if ground.stale:
        return Hold(reason="stale")
    if (ground.valid_from and today < ground.valid_from) or (ground.valid_until and today > ground.valid_until):
        return Hold(reason="not_valid")
    return _hours(ground, zone, unit=unit, provider_hours=provider_hours, now=now)


def _hours(ground: Ground, zone: ZoneInfo, *, unit: Unit, provider_hours: str, now: datetime) -> Hold | None:
    blackout = parse_blackout(ground.blackout)
    if is_blackout(now, zone, blackout):
        return Hold(reason="blackout", until=next_open(now, zone, None, blackout))
    if unit == "public":
        return None
    for hours in (parse_quiet(ground.quiet_hours), closed_hours(provider_hours)):
        if is_quiet(now, zone, hours):
            return Hold(reason="quiet_hours", until=next_open(now, zone, hours, blackout))
    return None
