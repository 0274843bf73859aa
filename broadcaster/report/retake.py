"""Figures as of an earlier moment: counted again from the ledger's entries up to there, the way an auditor counts them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from broadcaster.activity.bulletin import Totals
from broadcaster.db.tables import Campaign, table
from broadcaster.dispatch.dispatch import State
from broadcaster.errors import NotFound, WrongUse
from broadcaster.ledger.entry import decode, timestamp
from broadcaster.ledger.merkle import Frontier, leaf_hash
from broadcaster.ledger.store import head, raws
from broadcaster.ledger.verify_bundle import Figures as Recount
from broadcaster.report import store
from broadcaster.report.figures import AD_HOC, Figures, Row, Standing, figures
from broadcaster.report.form import form_of
from broadcaster.schedule import store as schedules

CAMPAIGN = table(Campaign)
ENDS = ("broadcast.done", "broadcast.cancel", "broadcast.expire", "broadcast.reject")
BATCH = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A cut-off: the first so many entries, or all up to and with a moment."""

    entries: int | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """All of a campaign at a cut-off."""

    figures: Figures
    rows: tuple[Row, ...]
    plays: int  # of bulletins that communes said they had read
    bulletins: int
    seconds: int
    at: datetime  # aware UTC: the cut-off itself, or when its last entry was written
    entries: int
    root: str  # hex

    @property
    def minutes(self) -> int:
        return Totals(states={}, plays=self.plays, seconds=self.seconds, communes=0).minutes


def point(text: str, zone: ZoneInfo) -> Point:
    """ "24708" (entries) or "2027-08-01T00:00" (where the office is, unless it names a zone). Raises: WrongUse."""
    if text.isascii() and text.isdigit() and len(text) <= 15 and int(text) > 0:
        return Point(entries=int(text))
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUse(
            f"{text!r:.40} is no cut-off; write a time like 2027-08-01T00:00, or a number of entries like 24708."
        ) from None
    return Point(at=(found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC))


def retake(
    connection: Connection, campaign: str, points: Sequence[Point], *, adapters: Mapping[str, str], now: datetime
) -> list[Taken]:
    """The figures at each cut-off, in one pass over the entries. Raises: NotFound; WrongUse for one that lies ahead."""
    row = connection.execute(select(CAMPAIGN).where(CAMPAIGN.c.id == campaign)).one_or_none()
    if row is None:
        raise NotFound(f"No plan of {campaign} was ever approved, so there is nothing to count.")
    size = head(connection).size
    for one in points:
        if (one.at or now) > now or (one.entries or 0) > size:
            raise WrongUse(f"A cut-off lies ahead: it is {now:%Y-%m-%dT%H:%MZ} now, and there are {size} entries.")
    replay, found = _Replay(campaign), dict[Point, Taken]()
    for one in sorted(set(points), key=lambda one: _place(connection, one)):
        replay.go(connection, _place(connection, one))
        found[one] = _taken(connection, replay, row, one, adapters)
    return [found[one] for one in points]


def _place(connection: Connection, point: Point) -> int:
    """How many entries lie before the cut-off. `ts` grows, but for a clock that was set back: the first later one ends it."""
    if point.entries is not None:
        return point.entries
    assert point.at is not None
    low, high, last = 0, head(connection).size, timestamp(point.at)
    while low < high:
        middle = (low + high) // 2
        if decode(next(raws(connection, start=middle, stop=middle + 1)))["ts"] <= last:
            low = middle + 1
        else:
            high = middle
    return low


class _Replay:
    """The verifier's own count, and what a report says besides."""

    def __init__(self, campaign: str) -> None:
        self.campaign = campaign
        self.count = Recount()
        self.frontier = Frontier()
        self.open: set[int] = set()  # broadcasts of the campaign that have not ended
        self.over = False
        self.cancelled = False
        self.closed, self.closed_by = "", ""
        self.corrected: set[int] = set()
        self.bulletins: dict[int, dict[str, Any]] = {}  # dispatch -> the last word about it
        self.ts = ""

    def go(self, connection: Connection, stop: int) -> None:
        batch: list[bytes] = []
        for raw in raws(connection, start=self.frontier.size, stop=stop):
            self._see(decode(raw))
            batch.append(leaf_hash(raw))
            if len(batch) == BATCH:
                self.frontier, batch = self.frontier.extend(batch), []
        self.frontier = self.frontier.extend(batch)

    def _see(self, entry: dict[str, Any]) -> None:
        kind, self.ts = entry["kind"], entry["ts"]
        if kind in self.count.rules:
            self.count.rules[kind](entry)
        if kind == "broadcast.plan" and entry.get("campaign") == self.campaign:
            self.open.add(entry["b"])
        elif kind in ENDS:
            self.open.discard(entry["b"] if "b" in entry else _number(entry))
        elif kind in ("campaign.done", "campaign.cancel", "report.close"):
            self._ended(kind, entry)
        elif kind == "correction.begin" and self._own(entry["b"]):
            self.corrected.add(entry["b"])
        elif kind == "bulletin.confirm" and self._own(entry["b"]):
            self.bulletins[entry["d"]] = entry

    def _own(self, broadcast: int) -> bool:
        return self.count.where.get(broadcast, ("",))[0] == self.campaign

    def _ended(self, kind: str, entry: dict[str, Any]) -> None:
        if self.campaign in (entry.get("name"), entry.get("campaign")):
            self.over |= kind == "campaign.done"
            self.cancelled |= kind == "campaign.cancel"  # or only its waiting plan was taken back
            if kind == "report.close":
                self.closed, self.closed_by = entry["reason"], entry["actor"]

    def counts(self) -> dict[tuple[int, str], Counter[State]]:
        """Broadcast, channel -> state -> dispatches. The end of a wait for a retry is no entry: it counts as planned."""
        found: dict[tuple[int, str], Counter[State]] = {}
        for place, states in self.count.rows.items():
            if self._own(place[0]):
                counter = found.setdefault(place, Counter())
                for state, n in states.items():
                    counter[State.PLANNED if state == "retry_wait" else State(state)] += n
        return found

    def micros(self) -> Counter[str]:
        spent: Counter[str] = Counter()
        for (broadcast, currency), micros in self.count.spent.items():
            if currency and self._own(broadcast):
                spent[currency] += micros
        return spent


def _number(entry: dict[str, Any]) -> int:
    """Of a decision about an ad-hoc broadcast, which is named like b-00000012."""
    digits = str(entry.get("name", "")).removeprefix("b-")
    return int(digits) if digits.isdecimal() else -1


def _taken(connection: Connection, replay: _Replay, campaign: Any, point: Point, adapters: Mapping[str, str]) -> Taken:
    at = point.at or datetime.fromisoformat(replay.ts)
    counts = replay.counts()
    rows = tuple(_rows(replay, counts, adapters, store.categories(connection, campaign.id)))
    played = [one for one in replay.bulletins.values() if one["state"] == "played"]
    return Taken(
        figures=figures(
            rows, micros=replay.micros(), standing=_standing(connection, replay, campaign, counts, at)
        ),
        rows=rows,
        plays=sum(one["plays"] for one in played),
        bulletins=len(played),
        seconds=sum(one["plays"] * one["seconds"] for one in played),
        at=at,
        entries=replay.frontier.size,
        root=replay.frontier.root().hex(),
    )  # fmt: skip


def _rows(
    replay: _Replay,
    counts: Mapping[tuple[int, str], Counter[State]],
    adapters: Mapping[str, str],
    categories: Mapping[int, str],
) -> Iterable[Row]:
    for (broadcast, channel), states in sorted(counts.items()):
        _, schedule, day = replay.count.where[broadcast]
        for state, n in states.items():
            if n:
                yield Row(
                    schedule="" if schedule == AD_HOC else schedule, day=day, channel=channel,
                    form=form_of(adapters.get(channel, channel)), state=state, n=n, category=categories.get(broadcast, ""),
                )  # fmt: skip


def _standing(
    connection: Connection,
    replay: _Replay,
    campaign: Any,
    counts: Mapping[tuple[int, str], Counter[State]],
    at: datetime,
) -> Standing:
    budget = schedules.plan(connection, campaign.plan_hash).campaign.budget
    past = at.astimezone(ZoneInfo(campaign.timezone)).date() > campaign.until
    waiting = {b for b in replay.open if not (replay.closed and _only_doubt(counts, b))}
    return Standing(
        campaign=campaign.id, title=campaign.title, currency=budget.currency if budget else "",
        ended=past or replay.over or (replay.cancelled and campaign.state == "cancelled"),
        waiting=len(waiting), by_one_alone=store.by_one_alone(connection, campaign.id, until=at),
        corrected=len(replay.corrected), closed=replay.closed,
        closed_by=replay.closed_by,
    )  # fmt: skip


def _only_doubt(counts: Mapping[tuple[int, str], Counter[State]], broadcast: int) -> bool:
    """Nothing of it is open but what nobody can tell."""
    own = [states for (b, _), states in counts.items() if b == broadcast]
    return bool(own) and not any(states[State.PLANNED] + states[State.SENDING] for states in own)
