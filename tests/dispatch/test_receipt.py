"""What a provider's later word does to a dispatch: the rule as a table, and its application on both databases."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text

from broadcaster.channel.base import Accepted, Delivery, OutcomeUnknown, Throttled
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.dispatch import receipt
from broadcaster.dispatch.dispatch import MOVES, State, attempt_key
from broadcaster.dispatch.receipt import INBOX, PROVEN, STATES, rule
from broadcaster.ledger.store import transaction
from tests.builders import OFFICE_KEY
from tests.dispatch.test_lane import Phone, begin, drive, ledger, states

pytestmark = pytest.mark.anyio
SAID = sorted(STATES)


def put(database: Database, clock: SteppedClock, *deliveries: Delivery, channel: str = "sms") -> int:
    with transaction(database, clock) as tx:
        return receipt.put(tx.connection, channel, deliveries, now=tx.now)


def apply(database: Database, clock: SteppedClock) -> None:
    after = 0
    while True:
        with transaction(database, clock) as tx:
            batch = receipt.apply(tx, secret=OFFICE_KEY, after=after, price={"sms": (1, 830_000_000)})
        if not batch.looked:
            return
        after = batch.last


def key(dispatch: int, n: int = 1) -> str:
    return attempt_key("vp", dispatch, n, OFFICE_KEY)


def said(state: str, dispatch: int = 1, **values: Any) -> Delivery:
    return Delivery(state=state, **({"key": key(dispatch)} | values))  # type: ignore[arg-type]


def outcomes(database: Database) -> list[str]:
    with database.reading() as connection:
        return list(connection.scalars(select(INBOX.c.outcome).order_by(INBOX.c.id)))


# -- the rule ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("was", "what"), list(itertools.product(State, SAID)))
def test_every_step_of_a_ruling_is_a_move_the_database_allows(was: State, what: State) -> None:
    way = [was, *rule(was, what).steps]

    assert all(step in MOVES for step in itertools.pairwise(way))
    assert way[-1] in (was, what)


@pytest.mark.parametrize("was", [State.FAILED, State.EXPIRED, State.CANCELLED, State.SUPPRESSED])
def test_a_receipt_about_what_was_never_to_leave_is_a_contradiction(was: State) -> None:
    assert {rule(was, what).outcome for what in STATES} == {"contradiction"}


@given(st.lists(st.sampled_from(SAID), min_size=1, max_size=6))
def test_whatever_the_order_the_highest_word_stands_at_the_end(words: list[State]) -> None:
    rank = {state: at for at, state in enumerate((State.ACCEPTED, State.UNDELIVERED, State.DELIVERED))}
    now = State.ACCEPTED

    for word in words:
        now = rule(now, word).steps[-1] if rule(now, word).steps else now

    assert now is max([State.ACCEPTED, *words], key=lambda state: rank[state])


# -- applied ----------------------------------------------------------------------------------------------------------


async def test_receipts_move_accepted_dispatches_with_tallies_and_one_entry_each(
    database: Database, clock: SteppedClock
) -> None:
    number = begin(database, clock, 4)
    await drive(database, clock, Phone())

    put(database, clock, said("delivered", 1), said("undelivered", 2, reason="off"), said("accepted", 3))
    apply(database, clock)

    assert states(database, number) == {"accepted": 2, "delivered": 1, "undelivered": 1}
    assert [(entry["d"], entry["state"]) for entry in ledger(database, "attempt.receipt")] == [
        (1, "delivered"), (2, "undelivered"),
    ]  # fmt: skip
    assert outcomes(database) == ["moved", "moved", "known"]


async def test_a_provider_that_echoes_nothing_is_matched_by_its_own_id(database: Database, clock: SteppedClock) -> None:
    number = begin(database, clock, 2)
    await drive(database, clock, Phone())
    with database.reading() as connection:
        known = connection.scalar(text("SELECT provider_id FROM dispatch WHERE id = 2"))

    put(database, clock, Delivery(state="delivered", provider_id=known))
    put(database, clock, Delivery(state="delivered", provider_id=known), channel="other")
    apply(database, clock)

    assert states(database, number) == {"accepted": 1, "delivered": 1}
    assert outcomes(database) == ["moved", ""]  # the same id on another channel is another message


async def test_a_repeated_event_is_stored_once(database: Database, clock: SteppedClock) -> None:
    first = put(database, clock, said("delivered"), said("delivered"))
    again = put(database, clock, said("delivered"))
    by_id = [
        put(database, clock, said("delivered", event_id="e1")),
        put(database, clock, said("accepted", event_id="e1")),
    ]

    assert (first, again, by_id) == (1, 0, [1, 0])


async def test_success_and_failure_for_one_message_end_as_success_and_both_stand_in_the_ledger(
    database: Database, clock: SteppedClock
) -> None:
    number = begin(database, clock, 1)
    await drive(database, clock, Phone())

    put(database, clock, said("delivered"), said("undelivered"))
    apply(database, clock)

    assert states(database, number) == {"delivered": 1}
    assert [(entry["said"], entry["state"]) for entry in ledger(database, "attempt.receipt")] == [
        ("delivered", "delivered"), ("undelivered", "delivered"),
    ]  # fmt: skip
    assert outcomes(database) == ["moved", "contradiction"]


async def test_failure_then_success_in_one_batch_goes_both_ways(database: Database, clock: SteppedClock) -> None:
    number = begin(database, clock, 1)
    await drive(database, clock, Phone())

    put(database, clock, said("undelivered"), said("delivered"))
    apply(database, clock)

    assert states(database, number) == {"delivered": 1}
    with database.reading() as connection:
        assert connection.scalar(text("SELECT reason FROM dispatch")) is None


async def test_one_batch_moves_each_dispatch_step_by_step_whatever_the_others_do(
    database: Database, clock: SteppedClock
) -> None:
    number = begin(database, clock, 2)
    await drive(database, clock, Phone())
    put(database, clock, said("undelivered", 2))
    apply(database, clock)

    put(database, clock, said("delivered", 2), said("undelivered", 1), said("delivered", 1))
    apply(database, clock)

    assert states(database, number) == {"delivered": 2}


@pytest.mark.parametrize("word", ["accepted", "delivered", "undelivered"])
async def test_a_receipt_is_the_proof_that_settles_a_lost_answer(
    database: Database, clock: SteppedClock, word: str
) -> None:
    number = begin(database, clock, 1)
    await drive(database, clock, Phone(lambda _: OutcomeUnknown("lost")))

    put(database, clock, said(word, provider_id="SM1", parts=2))
    apply(database, clock)

    assert states(database, number) == {word: 1}
    with database.reading() as connection:
        tried = connection.execute(text("SELECT outcome, provider_id, parts, price_id FROM attempt")).one()
        known = connection.scalar(text("SELECT provider_id FROM dispatch"))
    assert tuple(tried)[:3] == ("accepted", "SM1", 2)
    assert known == "SM1"


@pytest.mark.parametrize("answer", [Accepted(provider_id="SM1", parts=2), OutcomeUnknown("lost")])
async def test_a_receipt_that_came_first_stands_whatever_the_answer_is(
    database: Database, clock: SteppedClock, answer: Accepted | OutcomeUnknown
) -> None:
    number = begin(database, clock, 1)

    def meanwhile(_: Any) -> Accepted | OutcomeUnknown:
        put(database, clock, said("delivered", provider_id="SM1"))
        apply(database, clock)
        return answer

    await drive(database, clock, Phone(meanwhile))

    assert states(database, number) == {"delivered": 1}
    with database.reading() as connection:
        tried = connection.execute(text("SELECT outcome, provider_id, parts FROM attempt")).one()
    assert tuple(tried) == ("accepted", "SM1", 2 if isinstance(answer, Accepted) else 1)


async def test_that_it_was_accepted_waits_while_the_answer_is_under_way(
    database: Database, clock: SteppedClock
) -> None:
    number = begin(database, clock, 1)
    seen = []

    def meanwhile(_: Any) -> OutcomeUnknown:
        put(database, clock, said("accepted", provider_id="SM1"))
        apply(database, clock)
        seen.append(outcomes(database))
        return OutcomeUnknown("lost")

    await drive(database, clock, Phone(meanwhile))
    before = states(database, number)
    apply(database, clock)

    assert (seen, before) == ([[""]], {"unknown": 1})
    assert states(database, number) == {"accepted": 1}


async def test_a_message_that_waits_for_another_try_and_turns_out_delivered_is_not_sent_again(
    database: Database, clock: SteppedClock
) -> None:
    number = begin(database, clock, 1)
    phone = Phone(lambda _: Throttled("later", wait=timedelta(hours=1)))
    await drive(database, clock, phone)
    assert states(database, number) == {"planned": 1}

    put(database, clock, said("delivered", provider_id="SM1"))
    apply(database, clock)
    clock.move_by(timedelta(hours=2))
    await drive(database, clock, phone)

    assert states(database, number) == {"delivered": 1}
    assert len(phone.book) == 1


@pytest.mark.parametrize("reference", ["vp-1-1-00000000", "vp-1", "x" * 500, "vp-1-2-", "'; DROP TABLE inbox"])
async def test_a_reference_that_is_not_ours_moves_nothing(
    database: Database, clock: SteppedClock, reference: str
) -> None:
    number = begin(database, clock, 1)
    await drive(database, clock, Phone())

    put(database, clock, Delivery(state="delivered", key=reference))
    apply(database, clock)

    assert states(database, number) == {"accepted": 1}


async def test_a_reference_of_ours_to_an_attempt_that_never_was_moves_nothing(
    database: Database, clock: SteppedClock
) -> None:
    number = begin(database, clock, 1)
    await drive(database, clock, Phone())

    put(database, clock, Delivery(state="delivered", key=key(1, 2)), Delivery(state="delivered", key=key(77)))
    apply(database, clock)

    assert states(database, number) == {"accepted": 1}
    assert outcomes(database) == ["", ""]


async def test_what_nothing_matches_waits_a_day_and_is_forgotten_after_thirty(
    database: Database, clock: SteppedClock
) -> None:
    put(database, clock, Delivery(state="delivered", provider_id="SM-of-another-office"))
    apply(database, clock)
    first = outcomes(database)

    clock.move_by(timedelta(hours=25))
    apply(database, clock)
    second = outcomes(database)
    clock.move_by(timedelta(days=31))
    with transaction(database, clock) as tx:
        gone = receipt.forget(tx)

    assert (first, second, gone) == ([""], ["unmatched"], 1)
    assert outcomes(database) == []


async def test_a_dead_address_is_not_written_to_again(database: Database, clock: SteppedClock) -> None:
    begin(database, clock, 2)
    await drive(database, clock, Phone())

    put(database, clock, said("undelivered", 2, suppress=True, reason="no such mailbox"))
    apply(database, clock)

    with database.reading() as connection:
        rows = connection.execute(
            text("SELECT a.value, s.reason, s.source FROM suppression s JOIN address a ON a.key = s.key")
        ).all()
    assert [tuple(row) for row in rows] == [("+84900000001", "provider", "receipt")]
    assert [entry["d"] for entry in ledger(database, "contact.opt_out")] == [2]


async def test_stragglers_are_what_was_accepted_in_the_span_and_has_no_receipt(
    database: Database, clock: SteppedClock
) -> None:
    begin(database, clock, 5)
    await drive(database, clock, Phone())
    put(database, clock, said("delivered", 3))
    apply(database, clock)

    def look(after: int, minutes: int) -> list[int]:
        now = clock.now() + timedelta(minutes=minutes)
        with database.reading() as connection:
            found = receipt.stragglers(
                connection, "sms", since=now - receipt.ASK_UNTIL, until=now - receipt.ASK_AFTER, after=after, limit=3
            )
        return [dispatch for dispatch, _, _ in found]

    assert look(0, minutes=1) == []
    assert look(0, minutes=3) == [1, 2, 4]
    assert look(4, minutes=3) == [5]
    assert look(0, minutes=3 * 24 * 60) == []


async def test_refused_callbacks_are_counted_by_day(database: Database, clock: SteppedClock) -> None:
    for counts in ({"sms": 2, "zalo": 1}, {"sms": 3}):
        with transaction(database, clock) as tx:
            receipt.refused(tx, counts)

    with database.reading() as connection:
        standing = receipt.standing(connection, now=clock.now())
    assert standing.refused == 6


def test_every_proven_state_is_one_a_provider_can_say() -> None:
    assert set(PROVEN) == STATES
