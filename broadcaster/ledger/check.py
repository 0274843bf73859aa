"""The ledger of this office checked where it lies: the same rules as the stand-alone verifier, read from the database."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection, func, select

from broadcaster.db.engine import Database
from broadcaster.errors import Conflict
from broadcaster.ledger import checkpoint, export, keys, store
from broadcaster.ledger.merkle import Frontier
from broadcaster.ledger.verify import audit, read_checkpoint

QUICK = 20_000  # entries hashed anew by a quick look: some 50 ms
STEP = 1000  # entries between two calls of `progress`


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """`faults` name an entry or a checkpoint each; empty means that all is as it was signed and as it is allowed."""

    entries: int
    root: str  # hex
    faults: tuple[str, ...]
    alone: int  # decisions by one person alone, where the office's setting allows it
    given: int = 0  # times one person alone gave an account what it may do

    @property
    def ok(self) -> bool:
        return not self.faults


def size(connection: Connection) -> int:
    """How many entries there are."""
    return store.head(connection).size


def verify(
    database: Database, *, public_key: bytes, folder: Path, progress: Callable[[int], None] = lambda _n: None
) -> Findings:
    """Hash and replay every entry, and compare with the head, with every stored checkpoint and with every file of `folder`."""
    notes = [(path.name, path.read_bytes()) for path in checkpoint.files(folder)]
    with database.reading() as connection:
        stored = checkpoint.everyone(connection)
        head, last = _head_and_last(connection)
        notes += [(f"{one.size} in the database", one.note.encode()) for one in stored]
        wanted, faults = _read(notes, *_keys(connection, public_key))
        faults += [
            f"checkpoint {one.size} in the database: its root is not the signed one"
            for one in stored
            if base64.b64encode(one.root).decode() not in wanted.get(one.size, {})
        ]
        faults += _changed(connection)
        found = audit(_counted(store.raws(connection, stop=head.size), progress), wanted)
    if last != head.size - 1:
        faults.append(f"the database has entries up to {last}, but its head says {head.size - 1}")
    if found["root"] != head.root().hex():
        faults.append("the entries do not give the root that the database holds as its head")
    return Findings(
        entries=found["entries"],
        root=found["root"],
        faults=(*faults, *found["faults"]),
        alone=found["decided_by_one_alone"],
        given=found["rights_given_by_one_alone"],
    )


def quick(connection: Connection, *, public_key: bytes, most: int = QUICK) -> Findings:
    """What can be checked at once: the last entry and the head, the newest checkpoint's signature, and that the entries since
    it lead to the head if there are no more than `most`. Only `verify` reads all of them."""
    head, last = _head_and_last(connection)
    faults = []
    if last != head.size - 1:
        faults.append(f"the database has entries up to {last}, but its head says {head.size - 1}")
    newest = checkpoint.newest(connection)
    if newest is not None:
        known, wrong = _keys(connection, public_key)
        faults += wrong
        try:
            signed_size, root = read_checkpoint("newest", newest.note.encode(), known)
        except ValueError as error:
            faults.append(str(error))
        else:
            if (signed_size, root) != (newest.size, base64.b64encode(newest.root).decode()):
                faults.append(f"checkpoint {newest.size} in the database: its root is not the signed one")
        if newest.size > head.size:
            faults.append(f"the log ends after {head.size} entries, but {newest.size} were signed")
        elif head.size - newest.size <= most and not faults:
            counted = checkpoint.grown(connection, newest, head.size)
            if counted not in (None, head):
                faults.append("the entries since the newest checkpoint do not give the root that the database holds")
    return Findings(entries=head.size, root=head.root().hex(), faults=tuple(faults), alone=0)


def _head_and_last(connection: Connection) -> tuple[Frontier, int]:
    """The frontier and the last entry's number, in one statement, so that a writer cannot come between."""
    last = select(func.max(store.ENTRY.c.seq)).scalar_subquery()
    row = connection.execute(select(store.HEAD.c.size, store.HEAD.c.peaks, last.label("last"))).one()
    return Frontier(row.size, store.split_peaks(row.peaks)), -1 if row.last is None else row.last


def _changed(connection: Connection) -> list[str]:
    """Texts and plans whose stored bytes are not those whose hash the entries name."""
    return [
        f"the stored {what} {hash_:.12} is not what was submitted: its bytes were changed"
        for what, rows in (("text", export.REVISION), ("plan", export.PLAN))
        for hash_, raw in export.submitted(connection, rows)
        if sha256(raw).hexdigest() != hash_
    ]


def _keys(connection: Connection, public_key: bytes) -> tuple[keys.Keys, list[str]]:
    try:
        return keys.in_force(connection, public_key), []
    except Conflict as error:
        return {0: public_key}, [str(error)]


def _read(
    notes: list[tuple[str, bytes]], known: keys.Keys, faults: list[str]
) -> tuple[dict[int, dict[str, str]], list[str]]:
    wanted: dict[int, dict[str, str]] = {}
    for name, raw in notes:
        try:
            signed_size, root = read_checkpoint(name, raw, known)
        except ValueError as error:
            faults.append(str(error))
        else:
            wanted.setdefault(signed_size, {})[root] = name
    return wanted, faults


def _counted(raws: Iterator[bytes], progress: Callable[[int], None]) -> Iterator[bytes]:
    since = 0
    for raw in raws:
        yield raw
        since += 1
        if since == STEP:
            progress(since)
            since = 0
    progress(since)
