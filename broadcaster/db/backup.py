"""A copy of the SQLite file by the database's own road, opened and checked before it counts."""

from __future__ import annotations

import itertools
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from broadcaster.db.engine import Database
from broadcaster.errors import Conflict, NotFound, WrongUse

PAGES = 256  # a step: short enough that a sender never waits for it


def backup(database: Database, target: Path) -> None:
    """Copy while others read and write. Raises: WrongUse on PostgreSQL or over an existing file; Conflict if the copy is bad."""
    if database.file is None:
        raise WrongUse("This database is PostgreSQL: back it up with pg_dump, which keeps one consistent moment.")
    if target.exists():
        raise WrongUse(f"{target} exists already; name a new file.")
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # people's numbers: nobody else reads it
    source = sqlite3.connect(f"file:{database.file}?mode=ro", uri=True)
    copy = sqlite3.connect(part)
    try:
        source.backup(copy, pages=PAGES)
        found = copy.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        copy.close()
        source.close()
    if found != "ok":
        part.unlink()
        raise Conflict(f"The copy is damaged ({found}); the original may be too: run `broadcaster db check`.")
    part.rename(target)


def put_back(database: Database, source: Path) -> Path | None:
    """Put a copy in the database's place; what was there is kept beside it, and returned. Nothing may have it open.

    Raises: WrongUse on PostgreSQL; NotFound; Conflict if the copy is no whole database of this program.
    """
    file = database.file
    if file is None:
        raise WrongUse("This database is PostgreSQL: restore it with pg_restore, then: broadcaster db restore --here.")
    if not source.is_file():
        raise NotFound(f"There is no {source}; name a file that `broadcaster db backup` has made.")
    _refuse_a_bad_copy(source)
    part = file.with_name(file.name + ".part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(_read_only(source)) as whole, closing(sqlite3.connect(part)) as copy:
        whole.backup(copy, pages=PAGES)
    database.close()
    kept = None
    if file.exists():
        kept = next(
            name for n in itertools.count(1) if not (name := file.with_name(f"{file.name}.before-restore-{n}")).exists()
        )
        for tail in ("", "-wal", "-shm"):
            if (old := file.with_name(file.name + tail)).exists():
                old.rename(kept.with_name(kept.name + tail))
    part.rename(file)
    return kept


def _refuse_a_bad_copy(source: Path) -> None:
    try:
        with closing(_read_only(source)) as copy:
            found = copy.execute("PRAGMA integrity_check").fetchone()[0]
            copy.execute("SELECT size FROM ledger_head").fetchone()
    except sqlite3.DatabaseError as error:
        raise Conflict(f"{source} is no database of this program ({error}); nothing was changed.") from None
    if found != "ok":
        raise Conflict(f"{source} is damaged ({found}); nothing was changed. Take an older copy.")


def _read_only(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)
