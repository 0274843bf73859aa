"""Opening the database: one write road and one read road, the same on SQLite and PostgreSQL.

SQLite: WAL, synchronous=FULL, and `BEGIN IMMEDIATE` for every write, so that a read inside a write transaction is already
under the lock. Reads run on their own connections with `query_only`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import QueuePool

from broadcaster.errors import BroadcasterError, Busy, StorageFull, WrongUse

READERS = 4  # reading connections kept open; opening one costs about 1 ms
LOCK_WAIT = 30.0  # seconds another process may hold the database before we say so


class Database:
    """Both roads. `sender=True` for the one process that sends: only it moves the WAL back into the file."""

    def __init__(self, url: str, *, folder: Path = Path(), sender: bool = False) -> None:
        self.url = _absolute(url, folder)
        self.is_sqlite = self.url.startswith("sqlite")
        self.writer = self._engine(write=True, sender=sender)
        self.reader = self._engine(write=False, sender=sender)

    @property
    def file(self) -> Path | None:
        """The SQLite file, or None on PostgreSQL."""
        return Path(self.url.removeprefix("sqlite:///")) if self.is_sqlite else None

    def _engine(self, *, write: bool, sender: bool) -> Engine:
        if not self.is_sqlite:
            engine = create_engine(
                self.url,
                pool_size=READERS,
                pool_pre_ping=True,
                hide_parameters=True,  # they hold addresses, and errors are logged
                connect_args={"application_name": "broadcaster"},
            )
            if not write:
                engine = engine.execution_options(postgresql_readonly=True)
            return engine
        engine = create_engine(
            self.url,
            poolclass=QueuePool,
            pool_size=1 if write else READERS,
            max_overflow=0 if write else READERS,
            pool_timeout=LOCK_WAIT,
            hide_parameters=True,
            connect_args={"timeout": LOCK_WAIT, "check_same_thread": False},
        )

        @event.listens_for(engine, "connect")
        def _connected(connection: sqlite3.Connection, _record: Any) -> None:
            connection.isolation_level = None  # we say BEGIN ourselves
            for pragma in (
                "journal_mode=WAL",
                "synchronous=FULL",
                "foreign_keys=ON",
                "secure_delete=ON",
                "trusted_schema=OFF",
                "cell_size_check=ON",
                f"wal_autocheckpoint={1000 if sender else 0}",
                f"query_only={'OFF' if write else 'ON'}",
            ):
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def _begun(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

        return engine

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One write transaction; commits at the end, rolls back on an error.

        Raises: Busy after 30 s behind another process's lock; StorageFull when the disk is.
        """
        try:
            with self.writer.begin() as connection:
                yield connection
        except OperationalError as error:
            raise plain(error) or error from error

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One read transaction: a single snapshot on SQLite; never blocks a writer."""
        with self.reader.begin() as connection:
            yield connection

    def close(self) -> None:
        self.writer.dispose()
        self.reader.dispose()


def plain(error: OperationalError) -> BroadcasterError | None:
    """The error in words a person can act on, or None if it is something else."""
    said = str(error.orig)
    if "locked" in said or "busy" in said:
        return Busy("Another program has held the database for 30 seconds. Close it, or wait for it, then try again.")
    if "full" in said or "No space left" in said:
        return StorageFull("The disk is full. Nothing was lost; make room, and the work goes on.")
    return None


def integrity(connection: Connection) -> list[str]:
    """Faults SQLite finds in its own file; empty on PostgreSQL, which checks pages itself."""
    if connection.dialect.name != "sqlite":
        return []
    found = [row[0] for row in connection.execute(text("PRAGMA integrity_check")) if row[0] != "ok"]
    return found + [f"foreign key: {tuple(row)}" for row in connection.execute(text("PRAGMA foreign_key_check"))]


def _absolute(url: str, folder: Path) -> str:
    if url.startswith("sqlite:///"):
        name = url.removeprefix("sqlite:///")
        if not name or name == ":memory:":
            raise WrongUse(
                "database.url needs a file, like sqlite:///broadcaster.db: an audit trail is not kept in memory."
            )
        return f"sqlite:///{(folder / name).resolve()}"
    if url.startswith(("postgresql://", "postgres://")):
        return "postgresql+psycopg://" + url.split("://", 1)[1]
    if url.startswith("postgresql+psycopg://"):
        return url
    raise WrongUse("database.url must begin with sqlite:/// or postgresql://.")
