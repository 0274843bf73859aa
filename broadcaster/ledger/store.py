"""The ledger in the database: one transaction, one append, last before COMMIT."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from broadcaster.clock import Clock
from broadcaster.db.engine import Database
from broadcaster.db.prepared import Prepared, insert_rows
from broadcaster.db.tables import LedgerEntry, LedgerHead, table
from broadcaster.ledger.entry import Kind, Record, encode, timestamp
from broadcaster.ledger.merkle import Frontier, leaf_hash

ENTRY = table(LedgerEntry)
HEAD = table(LedgerHead)
SLACK = timedelta(seconds=30)  # the verifier allows 60: two machines of one office differ a little


# Asked at the end of every write transaction.
_HEAD = Prepared(select(HEAD.c.size, HEAD.c.peaks, HEAD.c.last).with_for_update())
_GROW = Prepared(update(HEAD).values(size=bindparam("leaves"), peaks=bindparam("roots"), last=bindparam("latest")))


class Transaction:
    """A write transaction that gathers its ledger entries; they are appended once, just before the commit.

    `now` is the moment of the whole transaction, aware UTC.
    """

    __slots__ = ("connection", "now", "records")

    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection = connection
        self.now = now
        self.records: list[Record] = []

    def record(self, kind: Kind, actor: str, **fields: Any) -> None:
        """One entry for the ledger. Fields are strings, integers, booleans, lists and dicts of them."""
        self.records.append(Record(kind, actor, fields))


@contextmanager
def transaction(database: Database, clock: Clock) -> Iterator[Transaction]:
    """A change and its entries, together or not at all.

    Lock order: stop, rows, head; so nothing may be written after this block's body ends. Raises: Busy, StorageFull.
    """
    with database.writing() as connection:
        tx = Transaction(connection, clock.now())
        yield tx
        append(tx)


def append(tx: Transaction) -> None:
    """Number the gathered records, insert them and move the frontier. Called once, last before COMMIT.

    A clock that was set back since the last entry gets an entry of its own first: without it the verifier takes what
    follows for back-dated.
    """
    if not tx.records:
        return
    size, peaks, latest = _HEAD.one(tx.connection) or (0, b"", "")
    frontier, ts = Frontier(size, split_peaks(peaks)), timestamp(tx.now)
    if timestamp(tx.now + SLACK) < latest:
        tx.records.insert(0, Record(Kind.CLOCK_JUMP, "clock", {"last": latest}))
        latest = ts
    raws = [encode(record, seq=seq, ts=ts) for seq, record in enumerate(tx.records, size)]
    grown = frontier.extend(map(leaf_hash, raws))
    insert_rows(tx.connection, ENTRY, ("seq", "raw"), list(enumerate(raws, size)))
    _GROW.run(tx.connection, leaves=grown.size, roots=b"".join(grown.peaks), latest=max(ts, latest))
    tx.records.clear()


def head(connection: Connection) -> Frontier:
    """The frontier as it stands."""
    row = connection.execute(select(HEAD.c.size, HEAD.c.peaks)).one()
    return Frontier(row.size, split_peaks(row.peaks))


def raws(connection: Connection, *, start: int = 0, stop: int | None = None, page: int = 5000) -> Iterator[bytes]:
    """The entries' bytes in order, from `start` up to and without `stop`, read page by page in constant memory."""
    while stop is None or start < stop:
        limit = page if stop is None else min(page, stop - start)
        query = select(ENTRY.c.seq, ENTRY.c.raw).where(ENTRY.c.seq >= start).order_by(ENTRY.c.seq).limit(limit)
        rows = connection.execute(query).all()
        if not rows:
            return
        for row in rows:
            yield row.raw
        start = rows[-1].seq + 1


def split_peaks(raw: bytes) -> tuple[bytes, ...]:
    return tuple(raw[i : i + 32] for i in range(0, len(raw), 32))
