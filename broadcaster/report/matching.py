"""A provider's statement against our attempts: matched both ways, and what only one side has.

Both sides go through a private temporary database that is gone when the work is: it holds no address, only keyed hashes and
masks, takes a million lines in constant memory, and nothing of it touches the office's own.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select

from broadcaster.channel.address import mask, suppression_key
from broadcaster.db.tables import EPOCH, Address, Attempt, Broadcast, Dispatch, PriceRow, from_micros, table, to_micros
from broadcaster.dispatch.dispatch import public_id
from broadcaster.report.figures import MICROS, Money
from broadcaster.report.statement import DAY, Line, Month

ADDRESS, ATTEMPT, DISPATCH, PRICE = table(Address), table(Attempt), table(Dispatch), table(PriceRow)
BROADCAST = table(Broadcast)
BATCH = 5_000
DOUBT = ("unknown", "orphan")  # perhaps sent, for all we know
# Minutes by which a provider's time may be later (or earlier) than ours: a queue, two clocks. Nearest first.
SHIFTS = (0, 1, -1, 2, -2)

_TABLES = """
CREATE TABLE theirs(row INTEGER PRIMARY KEY, pid TEXT, key BLOB, masked TEXT, minute INTEGER, day INTEGER, parts INTEGER,
                    micros INTEGER, currency TEXT, status TEXT, n INTEGER, mate INTEGER);
CREATE TABLE ours(id INTEGER PRIMARY KEY, pid TEXT, key BLOB, masked TEXT, minute INTEGER, day INTEGER, parts INTEGER,
                  micros INTEGER, currency TEXT, dispatch INTEGER, taken INTEGER, inside INTEGER, campaign TEXT, mate INTEGER);
CREATE UNIQUE INDEX theirs_pid ON theirs(pid) WHERE pid <> '';
CREATE UNIQUE INDEX ours_pid ON ours(pid) WHERE pid <> '';
"""
# A provider that writes one line for each part, and a repeat that it knew by our key, are one message.
_THEIRS = """
INSERT INTO theirs VALUES (?,?,?,?,?,?,?,?,?,?,1,NULL) ON CONFLICT(pid) WHERE pid <> '' DO UPDATE SET
  n = n + 1, parts = parts + excluded.parts, micros = coalesce(micros, 0) + coalesce(excluded.micros, 0)
"""
_OURS = """
INSERT INTO ours VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?,NULL) ON CONFLICT(pid) WHERE pid <> '' DO UPDATE SET
  parts = parts + excluded.parts, micros = micros + excluded.micros, taken = max(taken, excluded.taken),
  inside = max(inside, excluded.inside)
"""
_BY_ID = """
UPDATE theirs SET mate = (SELECT o.id FROM ours o WHERE o.pid = theirs.pid AND o.pid <> '') WHERE pid <> ''
"""
# The n-th line of a number in a minute belongs to our n-th message to it in that minute. Two ids that differ are two messages.
_BY_NUMBER = """
UPDATE theirs SET mate = found.id FROM (
  SELECT t.row, o.id FROM
    (SELECT row, key, {slot} - {shift} AS slot, row_number() OVER (PARTITION BY key, {slot} ORDER BY row) AS nth
       FROM theirs WHERE mate IS NULL AND key IS NOT NULL AND {slot} IS NOT NULL {only_day} {their_id}) t
  JOIN
    (SELECT id, key, {slot} AS slot, row_number() OVER (PARTITION BY key, {slot} ORDER BY taken DESC, id) AS nth
       FROM ours WHERE mate IS NULL AND key IS NOT NULL {our_id}) o
  ON o.key = t.key AND o.slot = t.slot AND o.nth = t.nth) AS found
WHERE found.row = theirs.row
"""
_BACK = "UPDATE ours SET mate = t.row FROM theirs t WHERE t.mate = ours.id AND ours.mate IS NULL"

_PAIR = "theirs t JOIN ours o ON o.id = t.mate"
_FINDINGS: tuple[tuple[str, str, str], ...] = (  # what, from, where
    ("only_theirs", "theirs t LEFT JOIN ours o ON 0", "t.mate IS NULL"),
    ("only_ours", "ours o LEFT JOIN theirs t ON 0", "o.mate IS NULL AND o.taken AND o.inside"),
    ("doubt", _PAIR, "NOT o.taken"),
    ("parts_differ", _PAIR, "o.taken AND o.parts <> t.parts"),
    ("cost_differ", _PAIR, ("o.taken AND o.parts = t.parts AND t.micros IS NOT NULL AND o.currency = t.currency "
                     "AND o.micros <> t.micros")),
)  # fmt: skip
# The same, told in money and by campaign; every pair and every message of ours in the month is in exactly one of them.
_BILLED: tuple[tuple[str, str, str], ...] = (
    ("alike", _PAIR, "o.taken AND t.micros IS NOT NULL AND o.micros = t.micros"),
    ("price", _PAIR, "o.taken AND t.micros IS NOT NULL AND o.micros <> t.micros AND o.parts = t.parts"),
    ("parts", _PAIR, "o.taken AND t.micros IS NOT NULL AND o.micros <> t.micros AND o.parts <> t.parts"),
    ("unpriced", _PAIR, "o.taken AND t.micros IS NULL"),
    ("doubt", _PAIR, "NOT o.taken"),
    ("only_ours", "ours o LEFT JOIN theirs t ON 0", "o.mate IS NULL AND o.taken AND o.inside"),
    ("only_theirs", "theirs t LEFT JOIN ours o ON 0", "t.mate IS NULL"),
)
_COLUMNS = (
    "t.row, coalesce(nullif(t.pid, ''), o.pid, ''), coalesce(nullif(t.masked, ''), o.masked, ''), "
    "coalesce(o.minute, t.minute), o.dispatch, o.parts, t.parts, o.micros, t.micros, o.currency, t.currency, t.status"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one side counts."""

    messages: int
    parts: int
    costs: tuple[Money, ...]

    def shown(self) -> dict[str, Any]:
        return {"messages": self.messages, "parts": self.parts, "cost": [one.shown() for one in self.costs]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A statement beside our own counts. `found`: kind of difference -> how many."""

    ours: Side
    theirs: Side
    by_id: int
    by_number: int
    found: dict[str, int]
    repeated: int  # ids that stand in several lines

    @property
    def agrees(self) -> bool:
        return not any(self.found.values())

    def shown(self) -> dict[str, Any]:
        return {
            "agrees": self.agrees, "ours": self.ours.shown(), "theirs": self.theirs.shown(),
            "matched": {"by_id": self.by_id, "by_number": self.by_number}, **self.found, "repeated": self.repeated,
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """Messages of one campaign that differ in one way; `ours` and `theirs` in millionths."""

    campaign: str  # "" = of none
    currency: str  # as billed
    why: str  # of `_BILLED`
    n: int
    ours: int
    theirs: int


class Book:
    """Both sides of one month: `with closing(Book()) as book`, then `fill` it, then ask it."""

    def __init__(self) -> None:
        self._book = sqlite3.connect("")  # a file without a name: gone when closed, even after a crash
        self._book.executescript(_TABLES)

    def close(self) -> None:
        self._book.close()

    def take_theirs(self, lines: Iterable[Line], *, office_key: bytes) -> None:
        self._insert(_THEIRS, (_their_row(one, office_key) for one in lines))

    def take_ours(self, connection: Connection, channel: str, month: Month, *, zone: ZoneInfo) -> None:
        """Attempts of the channel that were taken, or may have been, in the month and a day on either side."""
        query = (
            select(
                ATTEMPT.c.provider_id, ATTEMPT.c.intent_at, ATTEMPT.c.outcome, ATTEMPT.c.parts,
                func.coalesce(PRICE.c.amount, 0).label("price"), func.coalesce(PRICE.c.currency, "").label("currency"),
                DISPATCH.c.id, ADDRESS.c.kind, ADDRESS.c.value, ADDRESS.c.key,
                func.coalesce(BROADCAST.c.campaign_id, "").label("campaign"),
            )
            .join(DISPATCH, DISPATCH.c.id == ATTEMPT.c.dispatch_id)
            .join(ADDRESS, ADDRESS.c.id == DISPATCH.c.address_id)
            .join(BROADCAST, BROADCAST.c.id == DISPATCH.c.broadcast_id)
            .outerjoin(PRICE, PRICE.c.id == ATTEMPT.c.price_id)
            .where(
                DISPATCH.c.channel == channel,
                ATTEMPT.c.intent_at >= month.since - DAY,
                ATTEMPT.c.intent_at < month.until + DAY,
                ATTEMPT.c.outcome.in_(("accepted", *DOUBT)),
            )
            .execution_options(yield_per=BATCH)
        )  # fmt: skip
        self._insert(_OURS, (_our_row(row, month, zone) for row in connection.execute(query)))

    def match(self) -> None:
        """By the provider's id; what has none, by number and minute; a line that tells only a day, by number and day."""
        say = self._book.execute
        say("CREATE INDEX theirs_key ON theirs(key, minute)")
        say("CREATE INDEX ours_key ON ours(key, minute)")
        say(_BY_ID)
        say(_BACK)
        for sides in ({"their_id": "AND pid = ''", "our_id": ""}, {"their_id": "", "our_id": "AND pid = ''"}):
            for shift in SHIFTS:
                say(_BY_NUMBER.format(slot="minute", shift=shift, only_day="", **sides))
                say(_BACK)
            say(_BY_NUMBER.format(slot="day", shift=0, only_day="AND minute IS NULL", **sides))
            say(_BACK)

    def compared(self) -> Compared:
        one = self._one
        return Compared(
            ours=self._side("ours", "taken AND inside", "count(*)"),
            theirs=self._side("theirs", "1", "count(*)"),
            by_id=one(f"SELECT count(*) FROM {_PAIR} WHERE t.pid <> '' AND t.pid = o.pid"),
            by_number=one(f"SELECT count(*) FROM {_PAIR} WHERE t.pid = '' OR t.pid <> o.pid"),
            found={what: one(f"SELECT count(*) FROM {of} WHERE {where}") for what, of, where in _FINDINGS},
            repeated=one("SELECT count(*) FROM theirs WHERE n > 1"),
        )

    def differences(self) -> Iterator[dict[str, Any]]:
        """Every one, in the statement's order within its kind; numbers are masked."""
        for what, of, where in _FINDINGS:
            for row in self._book.execute(f"SELECT {_COLUMNS} FROM {of} WHERE {where} ORDER BY t.row, o.id"):
                yield _difference(what, row)

    def bills(self) -> list[Bill]:
        """What the statement says each campaign costs, beside ours, by how the two differ."""
        return [
            Bill(campaign=campaign, currency=currency, why=why, n=n, ours=ours, theirs=theirs)
            for why, of, where in _BILLED
            for campaign, currency, n, ours, theirs in self._book.execute(
                "SELECT coalesce(o.campaign, ''), coalesce(nullif(t.currency, ''), o.currency, ''), count(*), "
                "sum(CASE WHEN o.taken THEN o.micros ELSE 0 END), sum(coalesce(t.micros, 0)) "
                f"FROM {of} WHERE {where} GROUP BY 1, 2 ORDER BY 1, 2"
            )
        ]

    def _insert(self, statement: str, rows: Iterator[tuple[Any, ...]]) -> None:
        while batch := list(itertools.islice(rows, BATCH)):
            self._book.executemany(statement, batch)

    def _side(self, of: str, where: str, messages: str) -> Side:
        costs: Counter[str] = Counter()
        for currency, micros in self._book.execute(
            f"SELECT currency, sum(coalesce(micros, 0)) FROM {of} WHERE {where} GROUP BY currency ORDER BY currency"
        ):
            costs[currency] += micros
        return Side(
            messages=self._one(f"SELECT {messages} FROM {of} WHERE {where}"),
            parts=self._one(f"SELECT coalesce(sum(parts), 0) FROM {of} WHERE {where}"),
            costs=tuple(_money(n, name) for name, n in costs.items() if name and n),
        )

    def _one(self, query: str) -> int:
        return int(self._book.execute(query).fetchone()[0])


def fill(
    book: Book,
    connection: Connection,
    lines: Iterable[Line],
    *,
    channel: str,
    month: Month,
    zone: ZoneInfo,
    office_key: bytes,
) -> None:
    """Both sides into the book, and matched. Raises: WrongUse for a line of the statement that cannot be read."""
    book.take_theirs(lines, office_key=office_key)
    book.take_ours(connection, channel, month, zone=zone)
    book.match()


def _their_row(one: Line, office_key: bytes) -> tuple[Any, ...]:
    return (
        one.row, one.id, suppression_key(office_key, one.kind, one.to) if one.to else None,
        mask(one.kind, one.to) if one.to else "", _minute(one.at) if one.at else None, _day(one.day), one.parts, one.micros,
        one.currency, one.status,
    )  # fmt: skip


def _our_row(row: Any, month: Month, zone: ZoneInfo) -> tuple[Any, ...]:
    taken = row.outcome == "accepted"
    parts = row.parts if taken else 0
    return (
        row.provider_id or "", row.key, mask(row.kind, row.value), _minute(row.intent_at),
        _day(row.intent_at.astimezone(zone).date()), parts, parts * row.price, row.currency, row.id, taken,
        month.since <= row.intent_at < month.until, row.campaign,
    )  # fmt: skip


def _minute(moment: datetime) -> int:
    return to_micros(moment) // 60_000_000


def _day(day: date | None) -> int | None:
    return (day - EPOCH.date()).days if day else None


def _money(micros: int | None, currency: str) -> Money:
    return Money(amount=Decimal(micros or 0) / MICROS, currency=currency)


def _difference(what: str, row: tuple[Any, ...]) -> dict[str, Any]:
    (
        number,
        provider_id,
        masked,
        minute,
        dispatch,
        our_parts,
        their_parts,
        ours,
        theirs,
        our_money,
        their_money,
        status,
    ) = row
    return {
        "what": what, "row": number, "provider_id": provider_id, "to_masked": masked,
        "at": from_micros(minute * 60_000_000).strftime("%Y-%m-%dT%H:%MZ") if minute is not None else "",
        "dispatch": public_id(dispatch) if dispatch is not None else "",
        "our_parts": our_parts, "their_parts": their_parts,
        "our_cost": _money(ours, our_money).shown() if ours is not None and our_money else None,
        "their_cost": _money(theirs, their_money).shown() if theirs is not None else None,
        "status": status or "",
    }  # fmt: skip
