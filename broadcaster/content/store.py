"""Revisions and facts in the database: saved once, compared with the files, held when a fact moves."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from broadcaster.content import render
from broadcaster.content.facts import Fact
from broadcaster.content.fault import Fault, errors
from broadcaster.content.files import FILE_LIMIT, read_facts
from broadcaster.content.item import Item
from broadcaster.content.render import MediaFile, Snapshot
from broadcaster.db.prepared import Prepared
from broadcaster.db.tables import Edit, Meta, Revision, RevisionFact, table
from broadcaster.db.tables import Fact as FactRow
from broadcaster.errors import Conflict, NotFound
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction

REVISION = table(Revision)
QUOTES = table(RevisionFact)
FACT = table(FactRow)
EDIT = table(Edit)
META = table(Meta)
SEEN = "facts.seen"  # name of the meta row: digest of the facts file as last read
_SEEN = Prepared(select(META.c.value).where(META.c.name == SEEN))
BROKEN = "broken "  # before the digest: something in the file could not be used


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """Why a revision is held."""

    revision: str  # hash
    message_id: str
    fact: str
    why: str  # changed | gone | overdue


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A revision that shows a fact."""

    revision: str
    message_id: str
    current: bool  # it shows the fact as the fact stands now


def save(tx: Transaction, snapshot: Snapshot) -> None:
    """Keep a revision; a second time changes nothing."""
    statement = (
        _insert_new(tx.connection, REVISION)
        .values(
            hash=snapshot.hash,
            message_id=snapshot.message_id,
            category=snapshot.category,
            canonical=snapshot.canonical,
            valid_from=snapshot.valid_from,
            valid_until=snapshot.valid_until,
            created_at=tx.now,
        )
        .on_conflict_do_nothing()
    )
    tx.connection.execute(statement)
    rows = [{"revision_hash": snapshot.hash, "fact": name, "digest": digest} for name, digest in snapshot.facts.items()]
    if rows:
        tx.connection.execute(_insert_new(tx.connection, QUOTES).on_conflict_do_nothing(), rows)


def canonical(connection: Connection, revision: str) -> bytes:
    """The bytes of a revision. Raises: NotFound; Conflict if they are not those the hash names."""
    raw = connection.execute(select(REVISION.c.canonical).where(REVISION.c.hash == revision)).scalar_one_or_none()
    if raw is None:
        raise NotFound(f"There is no revision {revision:.12}; submit the message again.")
    if hashlib.sha256(raw).hexdigest() != revision:
        raise Conflict(
            f"The stored revision {revision:.12} was changed in the database and is not used. "
            "Restore a backup, and tell the auditor."
        )
    return bytes(raw)


def differs(
    connection: Connection, *, item: Item, facts: Mapping[str, Fact], media: Mapping[str, MediaFile], approved: str
) -> list[str]:
    """How the message's file differs from its approved revision `approved` (a hash), one sentence each; [] if it does not.

    Raises: Faulty when the file cannot be rendered; NotFound, Conflict as `canonical`.
    """
    now = render.snapshot(item, facts, media)
    if now.hash == approved:
        return []
    return render.differences(render.decode(canonical(connection, approved)), render.decode(now.canonical))


def record_edit(tx: Transaction, *, message_id: str, editor: str) -> None:
    """Somebody saved the message in an editor: until the next approved revision they may not approve it."""
    tx.connection.execute(insert(EDIT), {"message_id": message_id, "editor": editor, "at": tx.now})
    tx.record(Kind.MESSAGE_EDIT, editor, name=message_id)


def refresh_facts(tx: Transaction, path: Path, *, actor: str = "sender") -> list[str]:
    """Bring the `fact` rows up to date with the file if it changed since it was last read; names that changed.

    Meant to be called before each batch of intents: the small file is read and compared by digest, for a time of change can lie.
    Fails closed: a fact that cannot be read loses its row, which holds every revision that quotes it; with a file that is missing
    or no TOML, that is all of them. One machine only may do this: the one whose facts file leads.
    """
    digest = _digest(path)
    (seen,) = _SEEN.one(tx.connection) or ("",)
    if seen.removeprefix(BROKEN) == digest:
        return []
    facts, faults = read_facts(path)
    wrong = errors(faults)
    changed = sync_facts(
        tx, facts, actor=actor, fault=_place(wrong[0]) if wrong else "", mended=seen.startswith(BROKEN) and not wrong
    )
    _remember(tx, (BROKEN if wrong else "") + digest)
    return changed


def sync_facts(
    tx: Transaction, facts: Mapping[str, Fact], *, actor: str = "sender", fault: str = "", mended: bool = False
) -> list[str]:
    """Make the `fact` rows those of the file; names whose row is new, changed or gone.

    One ledger entry when something changed after first sight, with digests and no values. `fault`: where the file is broken, so
    that facts are missing; `mended`: it was broken before.
    """
    rows = {row.name: row for row in tx.connection.execute(select(FACT))}
    new = sorted(facts.keys() - rows.keys())
    gone = sorted(rows.keys() - facts.keys())
    moved = sorted(
        name
        for name, fact in facts.items()
        if name in rows and (rows[name].digest, rows[name].verify_by) != (fact.digest, fact.verify_by)
    )
    if new:
        tx.connection.execute(insert(FACT), [_row(facts[name], tx) for name in new])
    for name in moved:
        tx.connection.execute(update(FACT).where(FACT.c.name == name).values(_row(facts[name], tx)))
    if gone:
        tx.connection.execute(delete(FACT).where(FACT.c.name.in_(gone)))
    if moved or gone or fault or (new and (rows or mended)):
        changed = [
            {
                "name": name,
                "digest": facts[name].digest,
                "verify_by": facts[name].verify_by.isoformat(),
                "was": rows[name].digest,
            }
            for name in moved
        ]
        extra = {"fault": fault} if fault else {}
        tx.record(Kind.FACT_CHANGE, actor, changed=changed, new=new, gone=gone, **extra)
    return sorted([*new, *moved, *gone])


def stale(
    connection: Connection,
    today: date,
    *,
    revisions: Collection[str] | None = None,
    facts: Mapping[str, Fact] | None = None,
) -> list[Stale]:
    """Every revision that quotes a fact which changed, is gone, or is overdue; all revisions, or those given by hash.

    Compares with the `fact` rows, as the guard does; with `facts`, with these: the file may be newer than what was last read.
    """
    now = _standing(connection, facts)
    found = []
    for row in connection.execute(_quotes(revisions=revisions)):
        digest, verify_by = now.get(row.fact, (None, today))
        why = (
            "gone" if digest is None else "changed" if digest != row.digest else "overdue" if verify_by < today else ""
        )
        if why:
            found.append(Stale(revision=row.revision_hash, message_id=row.message_id, fact=row.fact, why=why))
    return found


def uses(connection: Connection, fact: str, *, facts: Mapping[str, Fact] | None = None) -> list[Use]:
    """Every revision that shows the fact, the oldest of each message first; `facts` as in `stale`."""
    digest, _ = _standing(connection, facts).get(fact, (None, None))
    return [
        Use(revision=row.revision_hash, message_id=row.message_id, current=row.digest == digest)
        for row in connection.execute(_quotes().where(QUOTES.c.fact == fact))
    ]


def _standing(connection: Connection, facts: Mapping[str, Fact] | None) -> dict[str, tuple[str, date]]:
    if facts is not None:
        return {name: (fact.digest, fact.verify_by) for name, fact in facts.items()}
    return {row.name: (row.digest, row.verify_by) for row in connection.execute(select(FACT))}


def _quotes(*, revisions: Collection[str] | None = None) -> Select[Any]:
    query = (
        select(QUOTES.c.revision_hash, REVISION.c.message_id, QUOTES.c.fact, QUOTES.c.digest)
        .join(REVISION, REVISION.c.hash == QUOTES.c.revision_hash)
        .order_by(REVISION.c.message_id, REVISION.c.created_at, QUOTES.c.revision_hash, QUOTES.c.fact)
    )
    return query if revisions is None else query.where(QUOTES.c.revision_hash.in_(list(revisions)))


def editors_since(connection: Connection, message_id: str, since: datetime | None) -> list[str]:
    """Who saved the message after `since` (aware, None = ever), sorted."""
    query = select(EDIT.c.editor).distinct().where(EDIT.c.message_id == message_id).order_by(EDIT.c.editor)
    if since is not None:
        query = query.where(EDIT.c.at > since)
    return list(connection.execute(query).scalars())


def _place(fault: Fault) -> str:
    return f"{fault.path}:{fault.line or 0}"


def _remember(tx: Transaction, value: str) -> None:
    if not tx.connection.execute(update(META).where(META.c.name == SEEN).values(value=value)).rowcount:
        tx.connection.execute(insert(META), {"name": SEEN, "value": value})


def _digest(path: Path) -> str:
    """SHA-256, hex, of the file's first bytes; "unreadable" for what cannot be read."""
    if not path.is_file():
        return "unreadable"
    try:
        with path.open("rb") as file:
            return hashlib.sha256(file.read(FILE_LIMIT + 1)).hexdigest()
    except OSError:
        return "unreadable"


def _row(fact: Fact, tx: Transaction) -> dict[str, Any]:
    return {
        "name": fact.name,
        "digest": fact.digest,
        "value": fact.value,
        "verify_by": fact.verify_by,
        "seen_at": tx.now,
    }


def _insert_new(connection: Connection, target: Any) -> Any:
    """An INSERT that can skip rows which are there already, in the database's own words."""
    return (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(target)
