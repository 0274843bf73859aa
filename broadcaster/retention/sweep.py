"""Erases what was kept long enough: a page of contacts per transaction, so that nobody who sends waits for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from broadcaster.activity import attachment
from broadcaster.audience.store import forget
from broadcaster.clock import Clock
from broadcaster.config import Config
from broadcaster.db.engine import Database
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import transaction
from broadcaster.retention import store
from broadcaster.retention.rule import Cut, cut

PAGE = 500  # contacts of one transaction: some 20 ms
FOLDER = "attachments"  # below the configuration, as the activity register keeps them


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What is erased, or would be. `held`: contacts that only a hold keeps."""

    contacts: int
    attachments: int
    held: int


def due(connection: Connection, config: Config, clock: Clock) -> Due:
    """What a sweep would erase now; nothing is changed."""
    limit = _cut(config, clock)
    return Due(
        contacts=store.count_contacts(connection, limit.contacts) if limit.contacts else 0,
        attachments=len(_files(connection, config, limit)),
        held=store.count_held(connection, limit.contacts) if limit.contacts else 0,
    )


def sweep(config: Config, database: Database, clock: Clock, *, actor: str) -> Due:
    """Erase it. The ledger gets counts, never who; suppressions stay, and so does every entry."""
    limit, contacts, after = _cut(config, clock), 0, 0
    while limit.contacts and (page := _due_page(database, limit.contacts, after)):
        contacts += _erase_page(database, clock, limit.contacts, page, config.retention.contacts_months, actor)
        after = page[-1]
    files = _erase_files(config, database, clock, limit, actor)
    with database.reading() as connection:
        held = store.count_held(connection, limit.contacts) if limit.contacts else 0
    return Due(contacts=contacts, attachments=files, held=held)


def _due_page(database: Database, before: datetime, after: int) -> Sequence[int]:
    """Looked for without a write transaction: among a million contacts this may take seconds."""
    with database.reading() as connection:
        return store.contacts(connection, before, after=after, limit=PAGE)


def _erase_page(
    database: Database, clock: Clock, before: datetime, page: Sequence[int], months: int, actor: str
) -> int:
    with transaction(database, clock) as tx:
        found = store.still(tx.connection, before, page)
        if found:
            addresses = forget(tx, found, actor=actor)
            tx.record(Kind.RETENTION_ERASE, actor, what="contacts", n=len(found), addresses=addresses, months=months)
    return len(found)


def _erase_files(config: Config, database: Database, clock: Clock, limit: Cut, actor: str) -> int:
    with transaction(database, clock) as tx:
        files = _files(tx.connection, config, limit)
        if files:
            months = config.retention.attachments_months
            tx.record(Kind.RETENTION_ERASE, actor, what="attachments", n=len(files), months=months)
    for digest in files:  # once the ledger says so: what a crash leaves is due again the next night
        attachment.erase(config.path(FOLDER), digest)
    return len(files)


def _files(connection: Connection, config: Config, limit: Cut) -> list[str]:
    """Those that still lie there."""
    if limit.attachments is None:
        return []
    there = {path.stem for path in _listed(config.path(FOLDER))}
    return [digest for digest in store.attachments(connection, limit.attachments) if digest in there]


def _listed(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _cut(config: Config, clock: Clock) -> Cut:
    own = config.retention
    return cut(clock.now(), contacts_months=own.contacts_months, attachments_months=own.attachments_months)
