"""A copy of the SQLite file by the database's own road, opened and checked before it counts."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from broadcaster.db.engine import Database
from broadcaster.errors import Conflict, WrongUse

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
