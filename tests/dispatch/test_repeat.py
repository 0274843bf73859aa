"""A target that knows our key for a while only: repeated within it, never after it, and never called unsent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from broadcaster.channel.base import Accepted, NotAccepted, OutcomeUnknown, Refused, SendError, Traits
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.dispatch import claim
from broadcaster.dispatch.lane import Lane, LaneRules, Signature
from broadcaster.dispatch.reconcile import Reconciler, resolve
from broadcaster.dispatch.worker import Worker
from broadcaster.ledger.store import raws, transaction
from broadcaster.ledger.verify import audit
from broadcaster.ledger.writer import Writer
from tests.builders import OFFICE_KEY, make_road
from tests.dispatch.test_lane import PATIENCE, Phone, begin, states

pytestmark = pytest.mark.anyio

HOURS = timedelta(hours=1)
FORGETS = Traits(
    unit="person", address="phone", after_silence="repeat", repeat_within=23 * HOURS, forms=("sms",), max_length=0
)
OFFICE = Signature(office="vp", secret=OFFICE_KEY)
LOST = OutcomeUnknown("the answer was lost")
DOWN = NotAccepted("no connection")


class Desk:
    """A lane and its reconciler over one channel, on a clock that is moved."""

    def __init__(self, database: Database, clock: SteppedClock, *answers: SendError) -> None:
        left: Iterator[SendError] = iter(answers)
        self.database, self.clock = database, clock
        self.phone = Phone(lambda outgoing: next(left, None) or Accepted(provider_id=outgoing.dedupe_key))
        self.phone.traits = FORGETS
        self.road = make_road(traits=FORGETS)

    async def send(self, span: timedelta = timedelta(minutes=5)) -> None:
        await self._with_writer(lambda writer: self._drive(writer, span))

    async def reconcile(self) -> None:
        await self._with_writer(self._round)

    async def _with_writer(self, work: Callable[[Writer], Any]) -> None:
        writer = Writer(self.database, self.clock)
        try:
            await work(writer)
        finally:
            writer.close()

    async def _round(self, writer: Writer) -> None:
        common: dict[str, Any] = {"channel": self.phone, "road": self.road, "database": self.database, "writer": writer}
        await Reconciler(
            **common, clock=self.clock, signature=OFFICE, patience=PATIENCE, deadline=24 * HOURS, timeout=5, price=None
        ).round()

    async def _drive(self, writer: Writer, span: timedelta) -> None:
        rules = LaneRules(rate=0.0, concurrency=4, timeout=5, patience=PATIENCE, poll=timedelta(minutes=5))
        lane = Lane(
            self.phone, self.road, rules,
            database=self.database, writer=writer, clock=self.clock, signature=OFFICE, chance=lambda: 0.0,
        )  # fmt: skip
        worker = Worker([lane])
        worker.start()
        async with asyncio.timeout(30):
            await self.clock.run(idle=lambda: writer.idle and worker.idle, until=self.clock.now() + span)
        await worker.close()


def last_long(database: Database, clock: SteppedClock, number: int) -> None:
    """Let the broadcast's time be a week, so that nothing but the age of the doubt can end it."""
    with transaction(database, clock) as tx:
        tx.connection.execute(
            text("UPDATE broadcast SET expires_at = expires_at + :w WHERE id = :b"),
            {"w": 7 * 24 * 3600 * 1_000_000, "b": number},
        )


async def test_a_lost_answer_is_repeated_with_the_same_key_while_the_target_knows_it(
    database: Database, clock: SteppedClock
) -> None:
    number = begin(database, clock, 1)
    last_long(database, clock, number)
    desk = Desk(database, clock, LOST)
    await desk.send()

    clock.move_by(22 * HOURS)
    await desk.reconcile()
    await desk.send()

    assert states(database, number) == {"accepted": 1}
    assert len({outgoing.dedupe_key for outgoing in desk.phone.book}) == 1
    assert len(desk.phone.book) == 2


async def test_after_that_it_is_not_repeated(database: Database, clock: SteppedClock) -> None:
    number = begin(database, clock, 1)
    last_long(database, clock, number)
    desk = Desk(database, clock, LOST)
    await desk.send()

    clock.move_by(23 * HOURS)
    await desk.reconcile()
    await desk.send()

    assert len(desk.phone.book) == 1
    assert states(database, number) == {"unknown": 1}


async def test_the_age_counts_from_the_first_lost_answer_not_from_the_last(
    database: Database, clock: SteppedClock
) -> None:
    number = begin(database, clock, 1)
    last_long(database, clock, number)
    desk = Desk(database, clock, LOST, LOST)
    await desk.send()
    clock.move_by(20 * HOURS)
    await desk.reconcile()
    await desk.send()

    clock.move_by(4 * HOURS)
    await desk.reconcile()
    await desk.send()

    assert len(desk.phone.book) == 2
    assert "accepted" not in states(database, number)


async def test_a_repeat_that_had_to_wait_too_long_is_in_doubt_again(database: Database, clock: SteppedClock) -> None:
    number = begin(database, clock, 1)
    last_long(database, clock, number)
    desk = Desk(database, clock, LOST)
    await desk.send()
    await desk.reconcile()
    with transaction(database, clock) as tx:
        claim.pause_lane(tx, "sms", "no balance")

    clock.move_by(23 * HOURS)
    with transaction(database, clock) as tx:
        claim.resume_lane(tx, "sms", by="lan")
    await desk.send()

    assert len(desk.phone.book) == 1
    assert states(database, number) == {"unknown": 1}


async def test_a_repeat_that_cannot_be_made_does_not_become_certainly_unsent(
    database: Database, clock: SteppedClock
) -> None:
    number = begin(database, clock, 1)
    desk = Desk(database, clock, LOST, DOWN, DOWN, DOWN, DOWN)
    await desk.send()

    await desk.reconcile()
    await desk.send(HOURS)

    assert len(desk.phone.book) == PATIENCE.attempts
    assert states(database, number) == {"unknown": 1}


@pytest.mark.parametrize("said", [Refused("blocked there"), DOWN])
async def test_what_a_repeat_is_answered_says_nothing_of_the_try_before(
    said: SendError, database: Database, clock: SteppedClock
) -> None:
    number = begin(database, clock, 1)
    last_long(database, clock, number)
    desk = Desk(database, clock, LOST, *[said] * PATIENCE.attempts)
    await desk.send()
    for _ in range(PATIENCE.attempts):
        await desk.reconcile()
        await desk.send(HOURS)

    before = states(database, number)
    with transaction(database, clock) as tx:
        resolve(tx, 1, "again", reason="not on any phone", asked_by="lan", signed_by="minh")
    with database.reading() as connection:
        faults = audit(raws(connection), {})["faults"]

    assert before == {"unknown": 1}
    assert len(desk.phone.book) == PATIENCE.attempts
    assert not [fault for fault in faults if "attempt" in fault]  # in the auditor's own program


async def test_two_people_may_still_send_it_again(database: Database, clock: SteppedClock) -> None:
    number = begin(database, clock, 1)
    last_long(database, clock, number)
    desk = Desk(database, clock, LOST)
    await desk.send()
    clock.move_by(30 * HOURS)
    await desk.reconcile()

    with transaction(database, clock) as tx:
        resolve(tx, 1, "again", reason="not on any phone", asked_by="lan", signed_by="minh")
    await desk.send()

    assert states(database, number) == {"accepted": 1}
    assert len(desk.phone.book) == 2


@pytest.mark.parametrize(
    ("first", "now", "may"),
    [
        ("2027-07-01T17:00", "2027-07-01T23:00", True),
        ("2027-07-01T00:30", "2027-07-01T23:30", False),  # 23 hours
        ("2027-07-01T17:00", "2027-07-02T00:30", False),  # another day there
        ("2027-07-01T17:00", "2027-07-01T23:55", False),  # as good as another day: clocks differ
        ("2027-07-02T00:05", "2027-07-02T08:00", False),  # it may have counted for the day before
        ("2027-07-02T00:15", "2027-07-02T08:00", True),
    ],
)
def test_a_target_that_forgets_at_midnight_is_repeated_to_on_the_same_day_only(first: str, now: str, may: bool) -> None:
    traits = replace(FORGETS, repeat_day="Asia/Ho_Chi_Minh")

    since = traits.repeats_since(datetime.fromisoformat(now + "+07:00"))

    assert since is not None
    assert (datetime.fromisoformat(first + "+07:00") > since) is may
