"""Looking for entries: newest first, a page at a time, in bounded steps, so that a search of a long ledger stalls nobody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from broadcaster.errors import NotFound
from broadcaster.ledger import store
from broadcaster.ledger.entry import decode, timestamp

STEP = 2000  # entries read at once
MOST = 12_000  # entries looked through for one page, some 60 ms; then the reader is asked whether to go on


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is looked for; what is left out matches everything."""

    kind: str = ""  # attempt.intent, or the noun alone
    actor: str = ""
    broadcast: int | None = None
    since: datetime | None = None  # aware
    until: datetime | None = None  # aware; half-open

    def fits(self, entry: dict[str, Any]) -> bool:
        """Whether this entry is one of those, its time left aside."""
        kind = str(entry["kind"])
        return (
            (not self.kind or self.kind in (kind, kind.partition(".")[0]))
            and (not self.actor or entry["actor"] == self.actor)
            and (self.broadcast is None or entry.get("b") == self.broadcast)
        )

    def may_fit(self, raw: bytes) -> bool:
        """A quick no for most entries: their canonical bytes hold what is looked for, letter by letter."""
        return (
            (not self.kind or b'"kind":"' + self.kind.encode() in raw)
            and (not self.actor or _written(self.actor) in raw)
            and (self.broadcast is None or b'"b":%d,' % self.broadcast in raw)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One page. `before` is where the next one begins, None at the end of what can match."""

    entries: tuple[dict[str, Any], ...]
    before: int | None


def find(
    connection: Connection, wanted: Wanted, *, before: int | None = None, limit: int = 50, most: int = MOST
) -> Found:
    """The newest `limit` entries that fit and stand before the number `before`, looking through `most` at most."""
    size = store.head(connection).size
    top = size if before is None else max(0, min(before, size))
    bottom = 0
    if wanted.until is not None:
        top = min(top, first_at(connection, wanted.until, size=size))
    if wanted.since is not None:
        bottom = first_at(connection, wanted.since, size=size)
    floor = max(bottom, top - most)
    entries: list[dict[str, Any]] = []
    for seq, raw in _downwards(connection, top, floor):
        if not wanted.may_fit(raw):
            continue
        entry = decode(raw)
        if wanted.fits(entry):
            entries.append(entry)
            if len(entries) == limit:
                return Found(entries=tuple(entries), before=seq if seq > bottom else None)
    return Found(entries=tuple(entries), before=floor if floor > bottom else None)


def first_at(connection: Connection, moment: datetime, *, size: int) -> int:
    """The number of the first entry at `moment` or later, `size` if there is none.

    Found by halving: times go up with numbers but for a clock that was set back, where the answer may be some entries off.
    """
    sought, low, high = timestamp(moment), 0, size
    while low < high:
        middle = (low + high) // 2
        if str(entry(connection, middle)["ts"]) < sought:
            low = middle + 1
        else:
            high = middle
    return low


def entry(connection: Connection, seq: int) -> dict[str, Any]:
    """One entry. Raises: NotFound."""
    return decode(raw(connection, seq))


def raw(connection: Connection, seq: int) -> bytes:
    """One entry's bytes. Raises: NotFound."""
    found = next(store.raws(connection, start=seq, stop=seq + 1), None) if 0 <= seq < 1 << 62 else None
    if found is None:
        raise NotFound(f"There is no entry {seq} in the ledger; look for it in the list.")
    return found


def _written(text: str) -> bytes:
    """As it stands in the canonical bytes, without the quotes."""
    return msgspec.json.encode(text)[1:-1]


def _downwards(connection: Connection, top: int, bottom: int) -> Iterator[tuple[int, bytes]]:
    """Entries below `top`, down to `bottom` itself."""
    while top > bottom:
        query = select(store.ENTRY.c.seq, store.ENTRY.c.raw).where(store.ENTRY.c.seq < top, store.ENTRY.c.seq >= bottom)
        rows = connection.execute(query.order_by(store.ENTRY.c.seq.desc()).limit(STEP)).all()
        if not rows:
            return
        for row in rows:
            yield row.seq, row.raw
        top = rows[-1].seq
