"""Two planners at once, by mistake or over a restart: one occurrence each, one dispatch each."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import text

from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.writer import Writer
from broadcaster.plan.run import Planner
from tests.builders import RULES, make_road
from tests.dispatch.test_lane import ledger
from tests.fault.test_time import HANOI, HOURS, PEOPLE, WallClock, at, broadcasts, campaign

ROUNDS = 6
PLANNERS = 3


@pytest.fixture
def clock() -> WallClock:
    return WallClock(at("01 07:00"))


def test_planners_that_tick_at_once_make_every_occurrence_and_every_dispatch_once(
    database: Database, clock: WallClock
) -> None:
    campaign(database, clock, run="all", within=96 * HOURS)  # what has begun stays open
    together = threading.Barrier(PLANNERS, action=lambda: clock.move_by(timedelta(hours=9)))
    faults: list[BaseException] = []

    def plan() -> None:
        own = Database(database.url)
        try:
            asyncio.run(_ticks(own, clock, together))
        except BaseException as error:
            faults.append(error)
            together.abort()
        finally:
            own.close()

    threads = [threading.Thread(target=plan) for _ in range(PLANNERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert faults == []
    found = broadcasts(database)  # the sums are checked on the way
    begun = [one for one in found.values() if one[0] == "running"]
    assert len(begun) == 5
    assert all(counts == {"planned": PEOPLE} for _, _, counts in begun)
    with database.reading() as connection:
        dispatches = connection.execute(text("SELECT broadcast_id, address_id FROM dispatch")).all()
    assert len(dispatches) == len(set(dispatches)) == PEOPLE * len(begun)
    for kind in (Kind.BROADCAST_PLAN, Kind.BROADCAST_START, Kind.BROADCAST_EXPIRE):
        told = Counter(entry["b"] for entry in ledger(database, kind))
        assert max(told.values(), default=1) == 1
    assert len(ledger(database, Kind.BROADCAST_PLAN)) == len(found)


async def _ticks(database: Database, clock: SteppedClock, together: threading.Barrier) -> None:
    writer = Writer(database, clock)
    planner = Planner(
        database=database,
        writer=writer,
        clock=clock,
        roads={"sms": make_road()},
        zone=HANOI,
        rules=RULES,
        poke=lambda _: None,
    )
    try:
        for _ in range(ROUNDS):
            await asyncio.to_thread(together.wait, 30)
            await planner.plan()
            await planner.start()
    finally:
        writer.close()
