"""A chain goes on by definite failure, never by doubt; the sums stay closed and nobody is followed twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from broadcaster.channel.base import Accepted, OutcomeUnknown, Refused, SendError
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.dispatch import broadcast, fallback, store
from broadcaster.dispatch.broadcast import BROADCAST
from broadcaster.ledger.store import transaction
from tests.builders import SMS, make_ground, make_road
from tests.dispatch.test_broadcast import tick
from tests.dispatch.test_lane import Phone, ledger

pytestmark = pytest.mark.anyio

ZALO = replace(SMS, address="zalo", forms=("sms",), receipts="push")
ROADS = {"zalo": make_road("zalo", traits=ZALO), "sms": make_road()}


def begin(database: Database, clock: SteppedClock, n: int = 5, *, zalo: int = 4, **values: Any) -> int:
    """A running broadcast over `zalo > sms` to n people with a phone, the first few of them with Zalo too."""
    with transaction(database, clock) as tx:
        number = make_ground(tx, n, channels=[["zalo", "sms"]], **values)
        tx.connection.execute(
            text(
                "INSERT INTO address (contact_id, kind, value, key) SELECT contact_id, 'zalo', 'z' || contact_id, key"
                " FROM address WHERE contact_id <= :n"
            ),
            {"n": zalo},
        )
        assert broadcast.start(tx, broadcast.get(tx.connection, number), ROADS) == ""
        while broadcast.expand_chunk(tx, number, ROADS):
            pass
    return number


class Zalo(Phone):
    """Answers each person as told, by the address."""

    name = "zalo"
    traits = ZALO

    def __init__(self, answers: dict[str, Accepted | SendError]) -> None:
        super().__init__(lambda o: answers.get(o.to, Accepted(provider_id=o.key)))


async def send(database: Database, clock: SteppedClock, phone: Phone) -> None:
    from broadcaster.dispatch.lane import Lane, LaneRules, Signature
    from broadcaster.ledger.writer import Writer
    from tests.builders import OFFICE_KEY
    from tests.dispatch.test_lane import PATIENCE

    writer = Writer(database, clock)
    lane = Lane(
        phone, ROADS[phone.name], LaneRules(rate=0.0, concurrency=4, timeout=5, patience=PATIENCE),
        database=database, writer=writer, clock=clock, signature=Signature(office="vp", secret=OFFICE_KEY),
        chance=lambda: 0.0,
    )  # fmt: skip
    import asyncio

    task = asyncio.create_task(lane.run())
    async with asyncio.timeout(20):
        await clock.run(idle=lambda: writer.idle and lane.idle, until=clock.now())
    lane.close()
    await task
    writer.close()


def fall_back(database: Database, clock: SteppedClock, number: int) -> int:
    with transaction(database, clock) as tx:
        return fallback.fall_back(tx, number, ROADS)


def rows(database: Database) -> dict[str, list[str]]:
    """Address -> the states of its dispatches."""
    with database.reading() as connection:
        assert store.recount(connection) == []
        found = connection.execute(
            text("SELECT d.channel, c.id, d.state FROM dispatch d JOIN address a ON a.id = d.address_id"
                 " JOIN contact c ON c.id = a.contact_id ORDER BY d.id")
        )  # fmt: skip
        people: dict[str, list[str]] = {}
        for channel, contact, state in found:
            people.setdefault(str(contact), []).append(f"{channel} {state}")
        return people


async def test_who_is_definitely_not_reached_goes_on_and_a_doubt_never_does(
    database: Database, clock: SteppedClock
) -> None:
    number = begin(database, clock)
    answers: dict[str, Accepted | SendError] = {"z1": Refused("blocked"), "z2": OutcomeUnknown("cut")}

    await send(database, clock, Zalo(answers))
    first, second = fall_back(database, clock, number), fall_back(database, clock, number)

    assert (first, second) == (1, 0)
    assert rows(database) == {
        "1": ["zalo failed", "sms planned"],
        "2": ["zalo unknown"],
        "3": ["zalo accepted"],
        "4": ["zalo accepted"],
        "5": ["sms planned"],
    }
    with database.reading() as connection:
        assert broadcast.get(connection, number).planned == 6
        assert sum(store.states(connection, number).values()) == 6
    (entry,) = ledger(database, "broadcast.fallback")
    assert (entry["channel"], entry["instead_of"], entry["n"]) == ("sms", "zalo", 1)


async def test_the_follower_is_sent_once(database: Database, clock: SteppedClock) -> None:
    number = begin(database, clock)
    await send(database, clock, Zalo({"z1": Refused("blocked")}))
    fall_back(database, clock, number)

    phone = Phone()
    await send(database, clock, phone)

    assert sorted(outgoing.to for outgoing in phone.book) == ["+84900000000", "+84900000004"]


@pytest.mark.parametrize(
    ("reason", "goes_on"),
    [("opted_out", 1), ("no_form", 1), ("cap_24h", 0), ("no_consent", 0), ("erased", 0)],
)
async def test_what_holds_for_the_person_and_not_for_the_channel_goes_nowhere(
    database: Database, clock: SteppedClock, reason: str, goes_on: int
) -> None:
    number = begin(database, clock, 1, zalo=1)
    with transaction(database, clock) as tx:
        tx.connection.execute(text("UPDATE dispatch SET state = 'suppressed', reason = :r"), {"r": reason})
        store.count(tx.connection, {(number, "zalo", "planned"): -1, (number, "zalo", "suppressed"): 1})

    assert fall_back(database, clock, number) == goes_on


async def test_who_opted_out_of_both_is_counted_as_suppressed_on_both(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        number = make_ground(tx, 1, channels=[["zalo", "sms"]])
        tx.connection.execute(
            text("INSERT INTO address (contact_id, kind, value, key)"
                 " SELECT contact_id, 'zalo', 'z', key FROM address")
        )  # fmt: skip
        tx.connection.execute(text("INSERT INTO suppression SELECT DISTINCT key, 'phone', 'x', '', 0 FROM address"))
        broadcast.start(tx, broadcast.get(tx.connection, number), ROADS)
        while broadcast.expand_chunk(tx, number, ROADS):
            pass

    with transaction(database, clock) as tx:
        done = broadcast.finish(tx, number, more=lambda tx, row: fallback.goes_on(tx, row, ROADS))
    with transaction(database, clock) as tx:
        done_then = broadcast.finish(tx, number, more=lambda tx, row: fallback.goes_on(tx, row, ROADS))

    assert (done, done_then) == (False, True)
    assert rows(database) == {"1": ["zalo suppressed", "sms suppressed"]}


async def test_a_broadcast_that_was_done_goes_on_when_a_receipt_says_undelivered(
    database: Database, clock: SteppedClock
) -> None:
    number = begin(database, clock, 1, zalo=1)
    await send(database, clock, Zalo({}))
    with transaction(database, clock) as tx:
        assert broadcast.finish(tx, number)
    with transaction(database, clock) as tx:
        tx.connection.execute(text("UPDATE dispatch SET state = 'undelivered'"))
        store.count(tx.connection, {(number, "zalo", "accepted"): -1, (number, "zalo", "undelivered"): 1})

    assert fall_back(database, clock, number) == 1

    with database.reading() as connection:
        assert broadcast.get(connection, number).state == "running"
    assert rows(database) == {"1": ["zalo undelivered", "sms planned"]}


async def test_after_its_time_nobody_goes_on(database: Database, clock: SteppedClock) -> None:
    number = begin(database, clock, 1, zalo=1)
    await send(database, clock, Zalo({"z1": Refused("blocked")}))
    clock.move_by(timedelta(hours=6))

    assert fall_back(database, clock, number) == 0


async def test_without_a_receipt_in_time_the_chain_goes_on_only_where_asked_and_may_reach_both(
    database: Database, clock: SteppedClock
) -> None:
    number = begin(database, clock, 2, zalo=1, fallback_after=7200)
    await send(database, clock, Zalo({}))
    await send(database, clock, Phone())

    with transaction(database, clock) as tx:
        waits = not broadcast.finish(tx, number, more=lambda tx, row: fallback.goes_on(tx, row, ROADS))
    early = fall_back(database, clock, number)
    clock.move_by(timedelta(hours=2))
    late = fall_back(database, clock, number)
    await send(database, clock, Phone())

    assert (waits, early, late) == (True, 0, 1)
    assert rows(database)["1"] == ["zalo accepted", "sms accepted"]
    with database.reading() as connection:
        assert fallback.possibly_both(connection, BROADCAST.c.id == number) == 1


async def test_without_being_asked_silence_is_no_failure(database: Database, clock: SteppedClock) -> None:
    number = begin(database, clock, 1, zalo=1)
    await send(database, clock, Zalo({}))
    clock.move_by(timedelta(hours=5))

    assert fall_back(database, clock, number) == 0


async def test_the_tick_carries_a_chain_to_its_end(database: Database, clock: SteppedClock) -> None:
    number = begin(database, clock)
    await send(database, clock, Zalo({"z1": Refused("blocked"), "z3": Refused("blocked")}))

    await tick(database, clock, ROADS)
    await send(database, clock, Phone())
    await tick(database, clock, ROADS)

    assert rows(database) == {
        "1": ["zalo failed", "sms accepted"],
        "2": ["zalo accepted"],
        "3": ["zalo failed", "sms accepted"],
        "4": ["zalo accepted"],
        "5": ["sms accepted"],
    }
    with database.reading() as connection:
        assert broadcast.get(connection, number).state == "done"
