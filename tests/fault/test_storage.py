"""A disk that is full, a database that is held by somebody else, a server that hangs up: nothing leaves unrecorded."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import create_engine, text

from broadcaster.channel.base import Accepted, Outgoing
from broadcaster.clock import SteppedClock
from broadcaster.db import engine as engines
from broadcaster.db.engine import Database
from broadcaster.errors import Busy, StorageFull
from broadcaster.ledger.entry import Kind, Record
from broadcaster.ledger.store import transaction
from tests.dispatch.test_lane import Phone, begin, drive, ledger, states

pytestmark = pytest.mark.anyio


class Witness(Phone):
    """Looks at the file itself, past all of our code, whether the intent of what it is given is on disk."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._file = sqlite3.connect(f"file:{database.file}?mode=ro", uri=True)
        self.without_intent: list[str] = []

    async def send(self, outgoing: Outgoing, *, timeout: float) -> Accepted:
        number = int(outgoing.dedupe_key.rpartition("d")[2])
        found = self._file.execute(
            "SELECT count(*) FROM dispatch d JOIN attempt a ON a.dispatch_id = d.id AND a.n = d.attempts"
            " WHERE d.id = ? AND d.state = 'sending' AND a.result_at IS NULL",
            (number,),
        ).fetchone()
        if found != (1,):
            self.without_intent.append(outgoing.key)
        return await super().send(outgoing, timeout=timeout)

    async def close(self) -> None:
        self._file.close()


async def test_a_full_disk_stops_sending_and_it_goes_on_when_there_is_room(
    sqlite_database: Database, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    number = begin(sqlite_database, clock, 400)
    _allow(sqlite_database, _pages(sqlite_database) + 8)
    phone = Witness(sqlite_database)
    asyncio.get_running_loop().call_later(1.0, _allow, sqlite_database, 1_000_000)

    await drive(sqlite_database, clock, phone, span=timedelta(hours=2))

    assert "The disk is full" in caplog.text
    assert phone.without_intent == []
    assert states(sqlite_database, number) == {"accepted": 400}
    assert max(Counter(outgoing.to for outgoing in phone.book).values()) == 1
    intents = {entry["d"] for entry in ledger(sqlite_database, "attempt.intent")}
    assert len(intents) == 400


async def test_a_full_disk_is_a_sentence(sqlite_database: Database, clock: SteppedClock) -> None:
    _allow(sqlite_database, _pages(sqlite_database))

    with pytest.raises(StorageFull, match="make room"), transaction(sqlite_database, clock) as tx:
        tx.records += [Record(Kind.USER_REFUSED, "x" * 200)] * 500


async def test_a_database_held_by_another_program_is_a_sentence_and_later_works(
    sqlite_database: Database, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "LOCK_WAIT", 0.05)
    assert sqlite_database.file is not None
    other = Database(f"sqlite:///{sqlite_database.file}")
    held = sqlite_database.writing()
    held.__enter__()

    with pytest.raises(Busy, match="Close it, or wait"), transaction(other, clock) as tx:
        tx.record(Kind.USER_REFUSED, "x")
    held.__exit__(None, None, None)

    with transaction(other, clock) as tx:
        tx.record(Kind.USER_REFUSED, "x")
    other.close()


async def test_a_sender_waits_out_a_held_database_and_sends_to_nobody_twice(
    sqlite_database: Database, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engines, "LOCK_WAIT", 0.05)
    number = begin(sqlite_database, clock, 60)
    sqlite_database.writer.dispose()
    sender = Database(f"sqlite:///{sqlite_database.file}", sender=True)
    phone = Witness(sqlite_database)
    held = sqlite_database.writer.connect()

    def hold_after_ten(outgoing: Outgoing) -> Accepted:
        if len(phone.book) == 10:
            held.execute(text("SELECT 1"))  # BEGIN IMMEDIATE
            asyncio.get_running_loop().call_later(0.4, held.rollback)
        return Accepted(provider_id=outgoing.key)

    phone.answer = hold_after_ten

    await drive(sender, clock, phone, span=timedelta(hours=2))

    held.close()
    assert "Another program has held the database" in caplog.text
    assert phone.without_intent == []
    assert states(sqlite_database, number) == {"accepted": 60}
    assert max(Counter(outgoing.to for outgoing in phone.book).values()) == 1
    sender.close()


@pytest.mark.postgres
async def test_a_server_that_hangs_up_costs_nobody_a_second_message(postgres_url: str, clock: SteppedClock) -> None:
    database = Database(postgres_url)
    number = begin(database, clock, 80)
    admin = create_engine(database.url, isolation_level="AUTOCOMMIT")
    phone = Phone()

    def hang_up_at_twenty(outgoing: Outgoing) -> Accepted:
        if len(phone.book) in (20, 45):
            with admin.connect() as connection:
                connection.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
                )
        return Accepted(provider_id=outgoing.key)

    phone.answer = hang_up_at_twenty

    await drive(database, clock, phone, span=timedelta(hours=2))

    assert states(database, number) == {"accepted": 80}
    assert max(Counter(outgoing.to for outgoing in phone.book).values()) == 1
    admin.dispose()
    database.close()


def _pages(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(text("PRAGMA page_count")).scalar_one())


def _allow(database: Database, pages: int) -> None:
    """The limit belongs to a connection: the writer's only one is set."""
    with database.writer.connect() as connection:
        connection.execute(text(f"PRAGMA max_page_count = {pages}"))
