"""All lanes of this process, and the lock that lets only one process drive them on one database."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Collection, Sequence
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from broadcaster.db.engine import Database
from broadcaster.dispatch.lane import Lane, LaneBroken
from broadcaster.errors import Busy

GRACE = 0.5  # seconds: whoever only folds the WAL back holds the lock for less
SENDER_LOCK = 0x73656E64  # "send": the session lock of the sending process on PostgreSQL


class SenderLock:
    """Held for life by the one process that sends. On SQLite a file beside the database, on PostgreSQL a session lock."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._file: FileLock | None = None
        self._connection: Connection | None = None

    def take(self) -> None:
        """Raises: Busy, with what to do, if another process has it."""
        refused = "Another `broadcaster run` is sending from this database. Only one may; stop it first, or look at it."
        if self._database.file is not None:
            self._file = FileLock(f"{self._database.file}.sender.lock")
            try:
                self._file.acquire(timeout=GRACE)
            except Timeout:
                raise Busy(refused) from None
            return
        self._connection = self._database.writer.connect().execution_options(isolation_level="AUTOCOMMIT")
        if not self._connection.scalar(text("SELECT pg_try_advisory_lock(:k)"), {"k": SENDER_LOCK}):
            self._connection.close()
            raise Busy(refused)

    def release(self) -> None:
        if self._file is not None:
            self._file.release()
        if self._connection is not None:
            with contextlib.suppress(DBAPIError):  # a server that hung up has let go of it already
                self._connection.execute(text("SELECT pg_advisory_unlock(:k)"), {"k": SENDER_LOCK})
            self._connection.close()

    def __enter__(self) -> SenderLock:
        self.take()
        return self

    def __exit__(self, *_: Any) -> None:
        self.release()


def fold_wal(database: Database) -> None:
    """Move what long writing has piled up in SQLite's WAL back into the file, unless a sender runs: then it does so.

    Only the holder of the sender's lock may, so that never two processes do it at once.
    """
    if database.file is None:
        return
    lock = FileLock(f"{database.file}.sender.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return
    try:
        with contextlib.closing(sqlite3.connect(database.file, timeout=0)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        lock.release()


class Worker:
    """Drives lanes side by side; a dead one takes no other with it until all are closed."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self.lanes = list(lanes)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(lane.run(), name=f"lane {lane.channel.name}") for lane in self.lanes]

    @property
    def idle(self) -> bool:
        """Every lane waits with nothing in hand. Raises what killed a lane."""
        for lane, task in zip(self.lanes, self._tasks, strict=False):
            if task.cancelled():
                raise LaneBroken(lane.channel.name)
            if task.done() and task.exception():
                raise task.exception()  # type: ignore[misc]
        return all(lane.idle for lane in self.lanes)

    def poke(self, channels: Collection[str] | None = None) -> None:
        """Let the lanes of these channels look now; None: all of them."""
        for lane in self.lanes:
            if channels is None or lane.channel.name in channels:
                lane.poke()

    async def close(self) -> None:
        """No new request; return when the answers under way are recorded and the channels are closed."""
        for lane in self.lanes:
            lane.close()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(lane.channel.close() for lane in self.lanes), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
