"""Group commit: one thread owns the process's only write connection and commits what has gathered, entries included."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import Any, TypeVar

from sqlalchemy import Connection

from broadcaster.clock import Clock
from broadcaster.db.engine import Database
from broadcaster.ledger.store import Transaction, append

T = TypeVar("T")
GATHER = 64  # pieces of work one transaction takes at most; beyond a few hundred rows a commit gains nothing (measured)


class Writer:
    """Work handed in while one transaction commits goes together into the next.

    A piece of work is a function of a Transaction. It is durable when its future is done; it may be run in one
    transaction with others, each in a savepoint of its own, so that one that fails takes no other with it.

    `first` is called at the beginning of each transaction: what is locked there comes before the rows of every piece.
    """

    def __init__(
        self, database: Database, clock: Clock, *, first: Callable[[Connection], None] = lambda _connection: None
    ) -> None:
        self._database = database
        self._clock = clock
        self._first = first
        self._work: queue.SimpleQueue[tuple[Callable[[Transaction], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._pending = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._serve, name="database-writer", daemon=True)
        self._thread.start()

    @property
    def idle(self) -> bool:
        """Nothing is waiting and nothing is being committed."""
        return self._pending == 0

    def submit(self, work: Callable[[Transaction], T]) -> Future[T]:
        """Hand in a piece of work; the future is done once it is on disk, or has failed and left nothing."""
        future: Future[T] = Future()
        with self._lock:
            self._pending += 1
        self._work.put((work, future))
        return future

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """`submit`, awaited. Cancelling the waiter does not undo the work."""
        return await asyncio.shield(asyncio.wrap_future(self.submit(work)))

    def close(self) -> None:
        """Finish what was handed in, then end the thread."""
        self._work.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while True:
            first = self._work.get()
            if first is None:
                return
            jobs = [first]
            last = False
            while len(jobs) < GATHER:
                try:
                    job = self._work.get_nowait()
                except queue.Empty:
                    break
                if job is None:
                    last = True
                    break
                jobs.append(job)
            self._commit(jobs)
            if last:
                return

    def _commit(self, jobs: list[tuple[Callable[[Transaction], Any], Future[Any]]]) -> None:
        outcomes: list[tuple[bool, Any]] = []
        try:
            with self._database.writing() as connection:
                self._first(connection)
                tx = Transaction(connection, self._clock.now())
                for work, _ in jobs:
                    outcomes.append(_alone(tx, work) if len(jobs) > 1 else (True, work(tx)))
                append(tx)
        except BaseException as error:
            outcomes = [(False, _tellable(error))] * len(jobs)
        with self._lock:
            self._pending -= len(jobs)
        for (_, future), (good, value) in zip(jobs, outcomes, strict=True):
            with contextlib.suppress(InvalidStateError):  # whoever waited has gone; the work is done all the same
                future.set_result(value) if good else future.set_exception(value)


def _alone(tx: Transaction, work: Callable[[Transaction], Any]) -> tuple[bool, Any]:
    """Run one piece in a savepoint; a failure takes back its rows and its records, and nothing else."""
    mark = len(tx.records)
    try:
        with tx.connection.begin_nested():
            return True, work(tx)
    except Exception as error:
        del tx.records[mark:]
        return False, _tellable(error)


def _tellable(error: BaseException) -> BaseException:
    """A future cannot carry a StopIteration: whoever waits for it would wait for ever."""
    if not isinstance(error, StopIteration):
        return error
    told = RuntimeError("A piece of work ended with StopIteration.")
    told.__cause__ = error
    return told
