"""A database that cannot be read for a moment, and two senders that meet on one lane: the lane goes on, the counts stay."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from broadcaster.approval import store as approvals
from broadcaster.channel.base import Accepted
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.dispatch import broadcast, claim
from broadcaster.dispatch import stop as stops
from broadcaster.dispatch.claim import Finished
from broadcaster.dispatch.dispatch import settle
from broadcaster.ledger.store import Transaction, transaction
from broadcaster.ledger.writer import Writer
from tests.builders import make_road
from tests.dispatch.test_lane import PATIENCE, Phone, begin, drive, ledger, states
from tests.fault.conftest import wait_until

pytestmark = pytest.mark.anyio


@pytest.fixture
def two_roads(postgres_url: str) -> Iterator[tuple[Database, Database]]:
    """One PostgreSQL database, as two processes hold it."""
    both = Database(postgres_url), Database(postgres_url)
    yield both
    for database in both:
        database.close()


async def test_a_lane_that_cannot_read_for_a_moment_asks_again(
    sqlite_database: Database, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = begin(sqlite_database, clock, 30)
    read, failures = claim.window, iter(range(3))

    def hang_up_three_times(connection: Connection, *words: Any, **values: Any) -> list[claim.Due]:
        if next(failures, None) is not None:
            raise OperationalError("SELECT", {}, Exception("server closed the connection unexpectedly"))
        return read(connection, *words, **values)

    monkeypatch.setattr(claim, "window", hang_up_three_times)
    phone = Phone()

    await drive(sqlite_database, clock, phone, span=timedelta(minutes=1))

    assert states(sqlite_database, number) == {"accepted": 30}
    assert max(Counter(outgoing.to for outgoing in phone.book).values()) == 1


@pytest.mark.postgres
async def test_a_lane_opened_while_its_last_sender_writes_an_answer_counts_each_row_once(
    two_roads: tuple[Database, Database], clock: SteppedClock
) -> None:
    database, other = two_roads
    number = begin(database, clock, 3)
    with transaction(database, clock) as tx:
        epoch = claim.open_lane(tx, "sms")
        due = claim.window(tx.connection, "sms", number, after=0, limit=3)
        claim.intend(tx, make_road(), epoch, due)
    answer = settle(Accepted(provider_id="SM1"), attempts=1, now=clock.now(), patience=PATIENCE, chance=lambda: 0.0)

    def open_it_too() -> None:
        with transaction(other, clock) as tx:
            claim.open_lane(tx, "sms")

    second = threading.Thread(target=open_it_too)
    with transaction(database, clock) as tx:
        claim.conclude(tx, "sms", [Finished(due=due[0], n=1, settled=answer)])
        second.start()
        assert wait_until(lambda: _waits_for_a_row(database), seconds=10)
    second.join(10)

    assert states(database, number) == {"accepted": 1, "unknown": 2}


# On SQLite the write lock orders them; on PostgreSQL they take the lock that every intent shares.
def _stop(tx: Transaction, _number: int) -> None:
    stops.set_(tx, scope="everything", subject="", reason="sai số", until=None, by="lan")


def _withdraw(tx: Transaction, _number: int) -> None:
    approvals.withdraw(tx, kind="revision", name="hotline-111", by="minh", reason="sai số")


def _pause(tx: Transaction, number: int) -> None:
    broadcast.pause(tx, number, "lan", "sai số")


def _cancel(tx: Transaction, number: int) -> None:
    broadcast.cancel(tx, number, "lan", "sai số")


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("forbid", "kind"),
    [
        (_stop, "stop.set"),
        (_withdraw, "message.withdraw"),
        (_pause, "broadcast.pause"),
        (_cancel, "broadcast.cancel"),
    ],
)
async def test_what_forbids_sending_waits_for_the_intents_that_looked_before_it(
    two_roads: tuple[Database, Database], clock: SteppedClock, forbid: Callable[[Transaction, int], None], kind: str
) -> None:
    database, other = two_roads
    number = begin(database, clock, 3)
    with transaction(database, clock) as tx:
        epoch = claim.open_lane(tx, "sms")

    def say_no() -> None:
        with transaction(other, clock) as tx:
            forbid(tx, number)

    second = threading.Thread(target=say_no)
    with transaction(database, clock) as tx:
        due = claim.window(tx.connection, "sms", number, after=0, limit=2)
        claim.intend(tx, make_road(), epoch, due)
        second.start()
        second.join(0.3)
    second.join(10)
    with transaction(database, clock) as tx:
        later = claim.intend(tx, make_road(), epoch, claim.window(tx.connection, "sms", number, after=0, limit=2))

    forbidden = ledger(database, kind)[0]["seq"]
    assert [entry["seq"] < forbidden for entry in ledger(database, "attempt.intent")] == [True, True]
    assert later.intents == []


@pytest.mark.postgres
async def test_a_pause_and_a_commit_that_holds_its_broadcast_for_the_planner_do_not_wait_for_each_other(
    two_roads: tuple[Database, Database], clock: SteppedClock
) -> None:
    database, other = two_roads
    number = begin(database, clock, 3)
    writer = Writer(database, clock, first=stops.share_lock)
    together = threading.Event()
    faults: list[BaseException] = []

    def plan(tx: Transaction) -> None:
        broadcast.lock(tx.connection, number)
        second.start()
        assert wait_until(lambda: _waits_for_a_row(database), seconds=10)

    def send(tx: Transaction) -> None:
        stops.share_lock(tx.connection)

    def pause() -> None:
        try:
            with transaction(other, clock) as tx:
                _pause(tx, number)
        except BaseException as error:
            faults.append(error)

    second = threading.Thread(target=pause)
    writer.submit(lambda _tx: together.wait(10))  # so that the next two go into one transaction
    done = [writer.submit(work) for work in (plan, send)]
    together.set()
    faults += [error for one in done if (error := one.exception(20))]
    second.join(20)
    writer.close()

    assert faults == []
    assert [entry["b"] for entry in ledger(database, "broadcast.pause")] == [number]


def _waits_for_a_row(database: Database) -> bool:
    with database.reading() as connection:
        return bool(connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))
