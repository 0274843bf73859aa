"""A broadcast's end, in steps; what was approved of it stands still; doubts settled by two people with their cost."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from broadcaster.channel.base import OutcomeUnknown, Throttled
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.dispatch import broadcast, claim, reconcile, store
from broadcaster.dispatch.claim import Finished
from broadcaster.dispatch.dispatch import State, settle
from broadcaster.errors import Conflict
from broadcaster.ledger.store import transaction
from broadcaster.ledger.writer import Writer
from broadcaster.plan.run import Planner
from tests.builders import RULES, make_approval, make_contacts, make_ground, make_plan, make_road
from tests.dispatch.test_lane import PATIENCE, Phone, begin, drive, ledger, states
from tests.fault.conftest import wait_until

pytestmark = pytest.mark.anyio
ROADS = {"sms": make_road()}


def row_of(database: Database, number: int) -> Any:
    with database.reading() as connection:
        return broadcast.get(connection, number)


async def plan(database: Database, clock: SteppedClock, roads: Any = ROADS) -> None:
    """One tick of the planner, as a process that has just started makes it."""
    await tick(database, clock, roads, begins=True)


async def tick(database: Database, clock: SteppedClock, roads: Any = ROADS, *, begins: bool = False) -> None:
    """One tick of the planner."""
    writer = Writer(database, clock)
    try:
        planner = Planner(
            database=database, writer=writer, clock=clock, roads=roads, zone=ZoneInfo("Asia/Ho_Chi_Minh"), rules=RULES,
            poke=lambda _: None,
        )  # fmt: skip
        if begins:
            await planner.plan()
        await planner.start()
    finally:
        writer.close()


# -- the end ----------------------------------------------------------------------------------------------------------


async def test_a_large_broadcast_is_cancelled_in_steps_and_is_cancelled_only_after_the_last(
    database: Database, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast, "CHUNK", 4)
    number = begin(database, clock, 10)

    with transaction(database, clock) as tx:
        first = broadcast.cancel(tx, number, "lan", "sai số")
    during = row_of(database, number)
    halfway = states(database, number)
    await drive(database, clock, phone := Phone())
    await plan(database, clock)

    assert (first, during.state, bool(during.ending)) == (4, "paused", True)
    assert halfway == {"planned": 6, "cancelled": 4}
    assert phone.book == []
    assert (row_of(database, number).state, states(database, number)) == ("cancelled", {"cancelled": 10})
    assert [entry["n"] for entry in ledger(database, "dispatch.close")] == [4, 4, 2]
    assert len(ledger(database, "broadcast.cancel")) == 1


async def test_a_cancel_said_again_meanwhile_goes_on(
    database: Database, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast, "CHUNK", 4)
    number = begin(database, clock, 6)

    for _ in range(2):
        with transaction(database, clock) as tx:
            broadcast.cancel(tx, number, "lan", "sai số")

    assert (row_of(database, number).state, states(database, number)) == ("cancelled", {"cancelled": 6})
    assert len(ledger(database, "broadcast.cancel")) == 1


async def test_a_broadcast_that_is_being_cancelled_cannot_be_resumed(
    database: Database, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast, "CHUNK", 4)
    number = begin(database, clock, 10)
    with transaction(database, clock) as tx:
        broadcast.cancel(tx, number, "lan", "sai số")

    with pytest.raises(Conflict, match="being cancelled"), transaction(database, clock) as tx:
        broadcast.resume(tx, number, "lan")


async def test_an_expired_broadcast_is_closed_in_steps_and_left_alone_while_a_doubt_lingers(
    database: Database, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast, "CHUNK", 4)
    number = begin(database, clock, 11)
    with transaction(database, clock) as tx:
        epoch = claim.open_lane(tx, "sms")
        claim.intend(tx, ROADS["sms"], epoch, claim.window(tx.connection, "sms", number, after=0, limit=1))
    with transaction(database, clock) as tx:
        claim.open_lane(tx, "sms")
    clock.move_by(timedelta(hours=7))

    await plan(database, clock)
    closes: list[int] = []
    close = store.close
    monkeypatch.setattr(store, "close", lambda *words, **values: closes.append(1) or close(*words, **values))
    await plan(database, clock)

    assert states(database, number) == {"unknown": 1, "expired": 10}
    assert [entry["n"] for entry in ledger(database, "dispatch.close")] == [4, 4, 2]
    assert closes == []
    assert row_of(database, number).ended_at is None


async def test_what_comes_back_to_a_cancelled_broadcast_is_closed_too(database: Database, clock: SteppedClock) -> None:
    number = begin(database, clock, 3)
    with transaction(database, clock) as tx:
        epoch = claim.open_lane(tx, "sms")
        due = claim.window(tx.connection, "sms", number, after=0, limit=1)
        claim.intend(tx, ROADS["sms"], epoch, due)
    with transaction(database, clock) as tx:
        broadcast.cancel(tx, number, "lan", "sai số")
    late = settle(
        Throttled("429", wait=timedelta(seconds=5)), attempts=1, now=clock.now(), patience=PATIENCE, chance=lambda: 0.0
    )
    with transaction(database, clock) as tx:
        claim.conclude(tx, "sms", [Finished(due=due[0], n=1, settled=late)])

    await plan(database, clock)

    assert states(database, number) == {"cancelled": 3}


# -- what was approved ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "authority = 'other'",
        "authority_kind = 'broadcast'",
        "channels = '[[\"web\"]]'",
        "group_id = NULL",
        "language = 'en'",
        "message_id = 'x'",
        "local = '2027-07-02T08:00'",
        "schedule_id = 'y'",
        "revision_hash = NULL",
        "quiet_hours = '01:00-02:00'",
    ],
)
async def test_the_database_refuses_to_change_what_was_approved_of_a_running_broadcast(
    database: Database, clock: SteppedClock, change: str
) -> None:
    begin(database, clock, 1)

    with pytest.raises(DBAPIError, match="does not change"), database.writing() as connection:
        connection.execute(text(f"UPDATE broadcast SET {change}"))


@pytest.mark.parametrize(
    "spoil", ['channels = \'[["sms"], ["other"]]\'', "group_id = 2", "language = 'en'", "schedule_id = 'weekly'"]
)
async def test_a_waiting_broadcast_that_is_not_as_its_plan_says_is_held(
    database: Database, clock: SteppedClock, spoil: str
) -> None:
    with transaction(database, clock) as tx:
        number = make_ground(tx, 2)
        make_plan(tx)
        tx.connection.execute(text("INSERT INTO audience_group (name, created_at) VALUES ('everybody', 0)"))
        if "schedule_id" not in spoil:
            tx.connection.execute(text(f"UPDATE broadcast SET {spoil}"))
    if "schedule_id" in spoil:
        with pytest.raises(DBAPIError, match="does not change"), database.writing() as connection:
            connection.execute(text(f"UPDATE broadcast SET {spoil}"))
        return

    await plan(database, clock, {**ROADS, "other": make_road("other")})

    assert (row_of(database, number).state, row_of(database, number).held) == ("planned", "tampered")


def ad_hoc(database: Database, clock: SteppedClock, sender: str) -> int:
    """An approved ad-hoc broadcast to three people, from this sender."""
    with transaction(database, clock) as tx:
        make_ground(tx, 3, state="cancelled")
        revision = tx.connection.execute(text("SELECT hash FROM revision")).scalar_one()
        now = clock.now()
        wanted = broadcast.AdHoc(
            message="hotline-111", revision=revision, channel="sms", sender=sender, group=1, address="phone", language="vi",
            local="2027-07-01T08:00", due_at=now, expires_at=now + timedelta(hours=6), timezone="Asia/Ho_Chi_Minh",
            quiet_hours="", cap_per_24h=0, require_consent=False,
        )  # fmt: skip
        number, subject = broadcast.ask(tx, wanted, by="lan")
        make_approval(tx, kind="broadcast", name=broadcast.public_id(number), subject=subject)
        broadcast.admit(tx, number)
    return number


NEW_PHONE = "UPDATE address SET value = '+84900000099' WHERE contact_id = 1"
NEW_KEY = "UPDATE address SET key = (SELECT key FROM address WHERE contact_id = 2) WHERE contact_id = 1"
ADDED = (
    "INSERT INTO address (contact_id, kind, value, key) SELECT 1, '{}', 'x@y.vn', key FROM address WHERE contact_id = 2"
)
FIRST_GONE = "UPDATE address SET value = NULL WHERE contact_id = 1"
OPTED_OUT = "INSERT INTO suppression (key, kind, reason, source, at) SELECT key, kind, 'opt_out', '', 0 FROM address"


@pytest.mark.parametrize(("change", "held"), [
    (NEW_PHONE, "audience_changed"), (NEW_KEY, "audience_changed"), (FIRST_GONE, "audience_changed"),
    (ADDED.format("email"), ""), (ADDED.format("phone"), ""), (OPTED_OUT, ""),
])  # fmt: skip
async def test_an_ad_hoc_broadcast_goes_to_the_addresses_that_were_approved_or_is_held(
    database: Database, clock: SteppedClock, change: str, held: str
) -> None:
    number = ad_hoc(database, clock, "MINHHOA")
    with database.writing() as connection:
        connection.execute(text(change))

    await plan(database, clock, {"sms": make_road(sender="MINHHOA")})

    assert row_of(database, number).held == held


async def test_who_had_no_address_when_it_was_approved_holds_it_with_a_new_one(
    database: Database, clock: SteppedClock
) -> None:
    with transaction(database, clock) as tx:
        group = make_contacts(tx, 2)
        tx.connection.execute(text("DELETE FROM address WHERE contact_id = 1"))
        before = broadcast.members_digest(tx.connection, group, "phone")
        tx.connection.execute(text(ADDED.format("phone")))
        after = broadcast.members_digest(tx.connection, group, "phone")

    assert before != after


async def test_an_ad_hoc_broadcast_whose_sender_changed_while_it_waited_is_held(
    database: Database, clock: SteppedClock
) -> None:
    number = ad_hoc(database, clock, "MINHHOA")

    await plan(database, clock, {"sms": make_road(sender="OTHER")})

    assert (row_of(database, number).state, row_of(database, number).held) == ("planned", "sender_changed")


async def test_an_ad_hoc_broadcast_whose_sender_changed_while_it_ran_is_paused(
    database: Database, clock: SteppedClock
) -> None:
    number = ad_hoc(database, clock, "MINHHOA")
    await plan(database, clock, {"sms": make_road(sender="MINHHOA")})
    running = row_of(database, number).state

    await plan(database, clock, {"sms": make_road(sender="OTHER")})

    row = row_of(database, number)
    assert (running, row.state, row.held) == ("running", "paused", "sender_changed")


# -- doubts -----------------------------------------------------------------------------------------------------------


async def in_doubt(database: Database, clock: SteppedClock, n: int = 3) -> int:
    number = begin(database, clock, n)
    with transaction(database, clock) as tx:
        claim.price_in_force(tx, "sms", 350_000_000, "VND")
    await drive(database, clock, Phone(lambda _o: OutcomeUnknown("cut")))
    return number


async def test_a_doubt_resolved_as_accepted_counts_with_its_parts_at_the_price_of_its_time(
    database: Database, clock: SteppedClock
) -> None:
    number = await in_doubt(database, clock)
    clock.move_by(timedelta(hours=1))
    with transaction(database, clock) as tx:
        claim.price_in_force(tx, "sms", 900_000_000, "VND")

    with transaction(database, clock) as tx:
        reconcile.resolve(tx, 1, "accepted", reason="hóa đơn", asked_by="lan", signed_by="minh", parts=2)

    with database.reading() as connection:
        assert broadcast.cost(connection, number) == {"amount": "700", "currency": "VND"}
    (entry,) = ledger(database, "dispatch.resolve")
    assert (entry["parts"], entry["price"]) == (2, 350_000_000)


@pytest.mark.parametrize(
    ("what", "after", "kind"),
    [
        ("accepted", "accepted", "dispatch.resolve"),
        ("unresolved", "unresolved", "dispatch.resolve"),
        ("again", "planned", "dispatch.resend"),
    ],
)
async def test_all_doubts_of_a_broadcast_are_settled_with_one_word(
    database: Database, clock: SteppedClock, what: str, after: str, kind: str
) -> None:
    number = await in_doubt(database, clock, 5)

    with transaction(database, clock) as tx:
        doubts = reconcile.doubts_of(tx.connection, number, State.UNKNOWN, what, now=tx.now)
        reconcile.resolve_all(
            tx, doubts, what, reason="sao kê", asked_by="lan", signed_by="minh", parts={("sms", "vi"): 1}
        )

    assert doubts.n == 5
    assert states(database, number) == {after: 5}
    assert len(ledger(database, kind)) == 5
    with database.reading() as connection:
        amount = {"accepted": "1750"}.get(what, "0")
        assert broadcast.cost(connection, number)["amount"] == amount


async def test_two_people_who_see_other_doubts_do_not_say_the_same(database: Database, clock: SteppedClock) -> None:
    number = await in_doubt(database, clock, 5)
    with transaction(database, clock) as tx:
        before = reconcile.doubts_of(tx.connection, number, State.UNKNOWN, "accepted", now=tx.now)
        reconcile.resolve(tx, 1, "unresolved", reason="x", asked_by="lan", signed_by="minh")

    with database.reading() as connection:
        later = reconcile.doubts_of(connection, number, State.UNKNOWN, "accepted", now=clock.now())

    assert (later.n, later.digest != before.digest) == (4, True)


@pytest.fixture
def two_roads(postgres_url: str) -> Iterator[tuple[Database, Database]]:
    both = Database(postgres_url), Database(postgres_url)
    yield both
    for database in both:
        database.close()


@pytest.mark.postgres
async def test_a_broadcast_that_ends_while_two_people_say_again_is_not_done_with_something_planned(
    two_roads: tuple[Database, Database], clock: SteppedClock
) -> None:
    database, other = two_roads
    number = begin(database, clock, 1)
    await drive(database, clock, Phone(lambda _o: OutcomeUnknown("cut")))
    with transaction(database, clock) as tx:
        reconcile.resolve(tx, 1, "unresolved", reason="x", asked_by="lan", signed_by="minh")

    def finish() -> None:
        with transaction(other, clock) as tx:
            broadcast.finish(tx, number)

    second = threading.Thread(target=finish)
    with transaction(database, clock) as tx:
        reconcile.resolve(tx, 1, "again", reason="x", asked_by="lan", signed_by="minh")
        second.start()
        wait_until(lambda: not second.is_alive(), seconds=1)
    second.join(10)

    assert (row_of(database, number).state, states(database, number)) == ("running", {"planned": 1})


def test_the_command_line_offers_exactly_the_states_the_database_knows() -> None:
    from broadcaster.cli.broadcast import STATES
    from broadcaster.db.tables import Broadcast, table

    (rule,) = (one for one in table(Broadcast).constraints if one.name == "broadcast_state")

    assert {f"'{state}'" for state in STATES} == set(re.findall(r"'[a-z]+'", str(getattr(rule, "sqltext"))))  # noqa: B009
