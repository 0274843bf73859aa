"""What a campaign will do, told beforehand: when, to how many, at what cost, until when, and what stands in the way. Pure.

Every lane is played through at its channel's rate: broadcasts queue, wait out quiet hours and expire as they will when sent.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from broadcaster.channel.base import Traits
from broadcaster.channel.form import form_for
from broadcaster.content.sms import count as count_sms
from broadcaster.dispatch.timing import (
    Hours,
    closed_hours,
    end_of_day,
    local_date,
    next_open,
    on_blackout,
    parse_quiet,
    quiet_begins,
    resolve,
)
from broadcaster.schedule.occurrences import Occurrence, every
from broadcaster.schedule.spec import CampaignSpec, ScheduleSpec

ANSWER = 0.2  # seconds a provider takes to answer, for a channel without a rate (performance.md, Limits)
DAY = timedelta(days=1)
NOTEWORTHY = timedelta(minutes=5)  # a shorter wait behind another broadcast is no news
SMS_FORMS = ("sms", "sms-plain")
MIDNIGHT = time(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A configured channel, as far as a forecast needs it."""

    channel: str
    traits: Traits
    accents: bool = True
    languages: tuple[str, ...] = ()  # of a public channel; () = the campaign's
    rate: float = 0.0  # requests per second; 0.0 = no limit of ours
    concurrency: int = 8
    price: int | None = None  # millionths of the currency per billable part; None = not set
    currency: str = "VND"
    monthly_quota: int = 0  # messages the provider takes in a calendar month; 0 = no limit
    daily_quota: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A message as it would go out now."""

    id: str
    titles: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # language -> form -> text
    facts: Mapping[str, date] = field(default_factory=dict)  # quoted fact -> last day it may be used
    valid_from: date | None = None
    valid_until: date | None = None  # inclusive
    notes: tuple[str, ...] = ()  # what stands in its way whenever it is sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Whom one channel of a chain reaches in a group."""

    by_language: Mapping[str, int] = field(default_factory=dict)  # the contacts' own language, "" = none -> people
    opted_out: int = 0
    no_consent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Everything a forecast is made from, read beforehand."""

    ways: Mapping[str, Way]
    messages: Mapping[str, Said]  # those there are
    groups: Mapping[str, int]  # those there are -> members
    reach: Mapping[tuple[str, tuple[str, ...]], Mapping[str, Reach]]  # (group, chain) -> channel -> whom
    shared: frozenset[frozenset[str]] = frozenset()  # pairs of groups that have members in common
    plan_hash: str = ""  # for `pick = "random"`


@dataclass(slots=True, kw_only=True)
class Row:
    """One occurrence over one channel."""

    schedule: str
    local: str
    utc: datetime
    message: str
    channel: str
    recipients: int = 0
    sms_parts: int = 0  # of one message; the most of its languages. 0 = no SMS
    parts: int = 0  # billable, over all recipients
    cost: int = 0  # millionths of the currency
    currency: str = "VND"
    finish: datetime | None = None  # None: nothing of it is sent
    conflicts: list[str] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        """As `broadcaster plan --json` prints it."""
        return {
            "schedule": self.schedule,
            "local": self.local,
            "utc": stamp(self.utc),
            "message": self.message,
            "channel": self.channel,
            "recipients": self.recipients,
            "sms_parts": self.sms_parts,
            "cost": money(self.cost, self.currency),
            "finish": stamp(self.finish) if self.finish else None,
            "conflicts": list(self.conflicts),
        }


@dataclass(slots=True, kw_only=True)
class _Job:
    """A row in the queue of its lane."""

    row: Row
    schedule: ScheduleSpec
    expires: datetime
    left: float
    begun: datetime | None = None
    expired: int = 0


def money(micros: int, currency: str) -> dict[str, str]:
    """`{"amount": "123.45", "currency": "VND"}`: at least two decimals, and as many as the amount has."""
    exact = Decimal(micros) / 1_000_000
    text = f"{exact:f}" if exact.normalize().as_tuple().exponent < -2 else f"{exact:.2f}"  # type: ignore[operator]
    return {"amount": text, "currency": currency}


def stamp(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def forecast(spec: CampaignSpec, ground: Ground) -> list[Row]:
    """One row per occurrence and channel, in order of time; past and future alike."""
    jobs: dict[str, list[_Job]] = defaultdict(list)
    rows: list[Row] = []
    closing = end_of_day(spec.until, spec.zone)
    for schedule in spec.schedules:
        for occurrence in every(schedule, spec, plan_hash=ground.plan_hash):
            expires = min(occurrence.utc + timedelta(seconds=schedule.if_missed.within), closing)
            for row in _rows(spec, ground, schedule, occurrence):
                rows.append(row)
                if row.recipients and not occurrence.blackout:
                    jobs[row.channel].append(_Job(row=row, schedule=schedule, expires=expires, left=row.recipients))
    for channel, queue in jobs.items():
        _play(queue, ground.ways[channel], _Doors(spec, ground.ways[channel]))
        for job in queue:
            _judge(job, spec, ground.ways[channel])
    rows.sort(key=lambda row: (row.utc, row.schedule, row.message, row.channel))
    _keep_quotas(ground, rows)
    _predict_cap(spec, ground, rows)
    _watch_budget(spec, rows)
    return rows


# -- one row ----------------------------------------------------------------------------------------------------------


def _rows(spec: CampaignSpec, ground: Ground, schedule: ScheduleSpec, occurrence: Occurrence) -> list[Row]:
    found = []
    for message in occurrence.messages:
        for chain in schedule.channels:
            for channel in chain:
                row = Row(
                    schedule=schedule.id, local=occurrence.local, utc=occurrence.utc, message=message, channel=channel
                )
                _fill(row, spec, ground, schedule, chain)
                if occurrence.blackout:
                    _black_out(row, spec)
                found.append(row)
    return found


def _fill(row: Row, spec: CampaignSpec, ground: Ground, schedule: ScheduleSpec, chain: tuple[str, ...]) -> None:
    """Recipients, parts, cost, and what of the message, the channel or the group stands in the way."""
    way, said = ground.ways.get(row.channel), ground.messages.get(row.message)
    day = date.fromisoformat(row.local[:10])
    if way is None:
        row.conflicts.append(f"no channel {row.channel!r} in config.toml")
    if said is None:
        row.conflicts.append(f"no message {row.message!r} in the library")
    else:
        row.conflicts += _about_message(said, day)
    if way is None or said is None:
        return
    row.currency = way.currency
    by_text = _by_text(row, spec, ground, schedule, chain, way, said)
    row.recipients = sum(by_text.values())
    for text, people in by_text.items():
        parts = count_sms(text).parts if way.traits.forms[0] in SMS_FORMS else 1
        if way.traits.forms[0] in SMS_FORMS:
            row.sms_parts = max(row.sms_parts, parts)
        row.parts += parts * people
        if way.traits.max_length and len(text) > way.traits.max_length:
            row.conflicts.append(f"too long: {len(text)} characters, {row.channel} takes {way.traits.max_length}")
    row.cost = row.parts * (way.price or 0)
    if way.price is None and way.traits.unit == "person" and row.recipients:
        row.conflicts.append(f"no price is set for {row.channel}; counted as 0")


def _about_message(said: Said, day: date) -> list[str]:
    found = list(said.notes)
    for name, last in sorted(said.facts.items()):
        if last < day:
            found.append(f"fact {name} falls overdue after {last}")
    if said.valid_from and day < said.valid_from:
        found.append(f"the message is valid from {said.valid_from} only")
    if said.valid_until and day > said.valid_until:
        found.append(f"the message is valid until {said.valid_until} only")
    return found


def _by_text(
    row: Row,
    spec: CampaignSpec,
    ground: Ground,
    schedule: ScheduleSpec,
    chain: tuple[str, ...],
    way: Way,
    said: Said,
) -> dict[str, int]:
    """Each text that goes out over this channel, and to how many."""
    public = way.traits.unit == "public"
    every_language = public or schedule.language == "contact"
    wanted = (way.languages if public and way.languages else spec.languages) if every_language else (schedule.language,)
    texts = {tag: text for tag in wanted if (text := _text(said, way, tag))}
    if not texts:
        forms = " or ".join(way.traits.forms)
        row.conflicts.append(f"the message has no {forms} form in {', '.join(wanted)}")
    if public:
        return _sum((text, 1) for text in texts.values())
    reach = _reach(row, ground, schedule, chain)
    if not texts:
        return {}
    first = next(iter(texts.values()))
    return _sum((texts.get(tag, first), people) for tag, people in reach.by_language.items() if people)


def _sum(pairs: Any) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for text, people in pairs:
        found[text] += people
    return dict(found)


def _text(said: Said, way: Way, language: str) -> str | None:
    texts = said.texts.get(language, {})
    form = form_for(texts, way.traits, accents=way.accents)
    return texts[form] if form else None


def _reach(row: Row, ground: Ground, schedule: ScheduleSpec, chain: tuple[str, ...]) -> Reach:
    if not schedule.group:
        row.conflicts.append(f"{row.channel} sends to people, and the schedule names no group")
        return Reach()
    if schedule.group not in ground.groups:
        row.conflicts.append(f"no group {schedule.group!r} in the audience")
        return Reach()
    if not ground.groups[schedule.group]:
        row.conflicts.append(f"the group {schedule.group!r} is empty")
    reach = ground.reach.get((schedule.group, chain), {}).get(row.channel, Reach())
    if reach.no_consent:
        row.conflicts.append(f"{_n(reach.no_consent)} without consent get nothing")
    if reach.opted_out:
        row.conflicts.append(f"{_n(reach.opted_out)} opted out")
    return reach


def _black_out(row: Row, spec: CampaignSpec) -> None:
    day = date.fromisoformat(row.local[:10])
    reason = next((span.reason for span in spec.blackout if span.since <= day <= span.until), "")
    row.conflicts.append(f"blackout: not sent{f' ({reason})' if reason else ''}")
    row.cost = row.parts = 0


# -- a lane -----------------------------------------------------------------------------------------------------------


class _Doors:
    """When a lane may send: outside quiet hours, the provider's closed hours and blackout dates."""

    def __init__(self, spec: CampaignSpec, way: Way) -> None:
        self.zone: ZoneInfo = spec.zone
        self.blackout = tuple((span.since, span.until) for span in spec.blackout)
        person = way.traits.unit != "public"
        closed = (parse_quiet(spec.quiet_hours), closed_hours(way.traits.hours)) if person else ()
        self.closed: list[Hours] = [hours for hours in closed if hours]

    def opens(self, moment: datetime) -> datetime:
        """The first moment from this one on at which it may send."""
        while True:
            later = moment
            for hours in (None, *self.closed):
                later = next_open(later, self.zone, hours, self.blackout)
            if later == moment:
                return moment
            moment = later

    def closes(self, moment: datetime) -> datetime | None:
        """The first moment after this open one at which it may not; None if it stays open for good."""
        moments = [begins for hours in self.closed if (begins := quiet_begins(moment, self.zone, hours))]
        today = local_date(moment, self.zone)
        moments += [resolve(first, MIDNIGHT, self.zone) for first, _ in self.blackout if first > today]
        return min(moments, default=None)

    def why(self, moment: datetime) -> str:
        if on_blackout(local_date(moment, self.zone), self.blackout):
            return "on a blackout date"
        return "in quiet hours"


def _play(queue: list[_Job], way: Way, doors: _Doors) -> None:
    """Send all jobs of a lane in thought: priority first, then the older; sets `finish`, `begun` and `expired`."""
    rate = way.rate or way.concurrency / ANSWER
    coming = sorted(queue, key=lambda job: (job.row.utc, job.row.schedule, job.row.message), reverse=True)
    ready: list[tuple[int, int, _Job]] = []
    order, now = 0, coming[-1].row.utc
    while coming or ready:
        if not ready:
            now = max(now, coming[-1].row.utc)
        while coming and coming[-1].row.utc <= now:
            job = coming.pop()
            heapq.heappush(ready, (0 if job.schedule.priority == "priority" else 1, order, job))
            order += 1
        job = ready[0][2]
        opens = doors.opens(now)
        if opens >= job.expires:
            job.expired = math.ceil(job.left)
            heapq.heappop(ready)
            continue
        if opens > now:
            now = opens
            continue  # something more urgent may have come meanwhile
        now = _send(job, now, rate, doors.closes(now), coming[-1].row.utc if coming else None)
        if job.left <= 0 or now >= job.expires:
            job.expired = math.ceil(job.left)
            heapq.heappop(ready)


def _send(job: _Job, now: datetime, rate: float, closes: datetime | None, arrives: datetime | None) -> datetime:
    """Send as much as fits before the doors close, the job expires or another one comes; returns the moment then."""
    job.begun = job.begun or now
    stop = min(moment for moment in (closes, job.expires, arrives) if moment is not None)
    fits = (stop - now).total_seconds() * rate
    if job.left <= fits:
        now += timedelta(seconds=job.left / rate)
        job.left = 0
        job.row.finish = _next_second(now)
        return now
    job.left -= fits
    if fits >= 1:
        job.row.finish = stop
    return stop


def _next_second(moment: datetime) -> datetime:
    return moment if not moment.microsecond else moment.replace(microsecond=0) + timedelta(seconds=1)


def _judge(job: _Job, spec: CampaignSpec, way: Way) -> None:
    """Say what the lane's day means for this row, and take what expires off the cost."""
    row, doors = job.row, _Doors(spec, way)
    opens = doors.opens(row.utc)
    if opens > row.utc:
        row.conflicts.append(f"due {doors.why(row.utc)}; may begin at {_local(opens, row, spec)}")
    if job.begun and job.begun - opens >= NOTEWORTHY:
        row.conflicts.append(
            f"queues behind other broadcasts on {row.channel}; begins at {_local(job.begun, row, spec)}"
        )
    if row.finish and way.traits.review_lead:
        row.finish += way.traits.review_lead
        if doors.opens(row.finish) > row.finish:
            row.conflicts.append(f"the provider's review ends {doors.why(row.finish)}: plan it earlier")
    if not job.expired:
        return
    sent = row.recipients - job.expired
    row.parts = row.parts * sent // row.recipients
    row.cost = row.parts * (way.price or 0)
    if not sent:
        row.finish = None
    ends = row.finish or job.expires
    row.conflicts.append(f"does not fit: {_n(job.expired)} would expire at {_local(ends, row, spec)}")


def _local(moment: datetime, row: Row, spec: CampaignSpec) -> str:
    """The local time of day, with the date where it is another."""
    wall = moment.astimezone(spec.zone)
    return f"{wall:%H:%M}" if f"{wall:%Y-%m-%d}" == row.local[:10] else f"{wall:%Y-%m-%d %H:%M}"


def _n(number: int) -> str:
    return f"{number:,}"


# -- the whole campaign -----------------------------------------------------------------------------------------------


def _predict_cap(spec: CampaignSpec, ground: Ground, rows: Sequence[Row]) -> None:
    """Say which broadcasts come to numbers that had their share of the last 24 hours already."""
    if not spec.cap_per_24h:
        return
    recent: list[tuple[datetime, str, str]] = []  # when, kind of address, group
    for row in rows:
        way, group = ground.ways.get(row.channel), spec.schedule(row.schedule).group
        if way is None or way.traits.unit != "person" or not row.recipients or row.finish is None:
            continue
        recent = [one for one in recent if one[0] > row.utc - DAY]
        alike = [other for _, kind, other in recent if kind == way.traits.address]
        same = alike.count(group)
        touching = sum(1 for other in alike if other != group and frozenset((other, group)) in ground.shared)
        if same >= spec.cap_per_24h:
            row.conflicts.append(
                f"number {same + 1} to this group within 24 h: over the cap of {spec.cap_per_24h}, not sent"
            )
        elif same + touching >= spec.cap_per_24h:
            row.conflicts.append(f"people of several groups go over the cap of {spec.cap_per_24h} within 24 h")
        recent.append((row.utc, way.traits.address, group))


def _keep_quotas(ground: Ground, rows: Sequence[Row]) -> None:
    """Refuse what a provider's quota cannot carry, in order of time: it is told, is not sent, and costs nothing."""
    used: dict[tuple[str, str], int] = defaultdict(int)  # channel, local month or day -> messages
    for row in rows:
        way = ground.ways.get(row.channel)
        if way is None or not row.recipients or row.finish is None:
            continue
        quotas = {row.local[:7]: ("month", way.monthly_quota), row.local[:10]: ("day", way.daily_quota)}
        left = [(quota - used[row.channel, span], name, quota) for span, (name, quota) in quotas.items() if quota]
        fits, name, quota = min([*left, (row.recipients, "", 0)])
        if fits < row.recipients:
            fits = max(0, fits)
            row.conflicts.append(
                f"over the quota of {row.channel}, {_n(quota)} a {name}: {_n(row.recipients - fits)} would not be sent"
            )
            row.parts = row.parts * fits // row.recipients
            row.cost = row.parts * (way.price or 0)
            row.finish = row.finish if fits else None
        for span in quotas:
            used[row.channel, span] += min(fits, row.recipients)


def _watch_budget(spec: CampaignSpec, rows: Sequence[Row]) -> None:
    """Mark the rows that are beyond the budget, in order of time."""
    if spec.budget is None:
        return
    spent = 0
    for row in rows:
        if row.cost and row.currency != spec.budget.currency:
            row.conflicts.append(f"priced in {row.currency}, the budget is in {spec.budget.currency}")
            continue
        spent += row.cost
        if row.cost and spent > spec.budget.micros:
            row.conflicts.append(f"over budget: {_sum_of(spent, spec)} of {_sum_of(spec.budget.micros, spec)}")


def _sum_of(micros: int, spec: CampaignSpec) -> str:
    currency = spec.budget.currency if spec.budget else ""
    return f"{Decimal(micros) / 1_000_000:,.2f} {currency}"


def totals(rows: Sequence[Row]) -> dict[str, Any]:
    """Recipients, billable SMS parts and cost over all rows, and how many rows have a conflict."""
    cost: dict[str, int] = defaultdict(int)
    for row in rows:
        cost[row.currency] += row.cost
    return {
        "occurrences": len({(row.schedule, row.local, row.message) for row in rows}),
        "recipients": sum(row.recipients for row in rows),
        "sms_parts": sum(row.parts for row in rows if row.sms_parts),
        "cost": [money(micros, currency) for currency, micros in sorted(cost.items()) if micros],
        "conflicts": sum(1 for row in rows if row.conflicts),
    }
