"""A new signing key: the old one signs it over, in the ledger, and only then does it take its place."""

from __future__ import annotations

import os
from pathlib import Path

from broadcaster.clock import Clock
from broadcaster.config import Secret
from broadcaster.db.engine import Database
from broadcaster.ledger import checkpoint, keys, store


def rotate(
    database: Database, clock: Clock, *, file: Path, origin: str, folder: Path, actor: str
) -> tuple[checkpoint.Checkpoint, Path]:
    """Replace the key in `file`; the old one stays beside it. Returns the new key's first checkpoint, and where the old one is.

    A run that was cut short is finished by the next: the new key lies beside the old one before the ledger names it.
    Raises: LedgerBroken, Conflict, WrongUse as `checkpoint.make`.
    """
    waiting = file.with_name(f"{file.name}.new")
    old = _read(file)
    if not waiting.exists():
        checkpoint.generate(waiting)
    new = _read(waiting)
    if not _named(database, new.public):
        checkpoint.make(database, clock, key=old, origin=origin, folder=folder)
        said = keys.statement(origin, old.public, new.public)
        with store.transaction(database, clock) as tx:
            keys.note(
                tx, origin=origin, old=old.public, new=new.public, signature=old.sign_bytes(said), actor=actor
            )  # fmt: skip
    kept = file.with_name(f"{file.name}.until-{clock.now():%Y%m%d-%H%M%S}")
    os.replace(
        file, kept
    )  # the file is missing for an instant: a checkpoint asked for just now is refused, and made later
    os.replace(waiting, file)
    return checkpoint.make(database, clock, key=new, origin=origin, folder=folder), kept


def _read(file: Path) -> checkpoint.SigningKey:
    return checkpoint.SigningKey.read(Secret(file.read_text(encoding="ascii")))


def _named(database: Database, public: bytes) -> bool:
    """Whether the ledger has taken this key already."""
    with database.reading() as connection:
        return keys.named(connection, public)
