"""What the verifier counts from the entries alone is what the database counts, whatever happened in whatever order."""

from __future__ import annotations

import os
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from broadcaster.channel.base import Accepted, OutcomeUnknown, Refused, SendError
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.dispatch import broadcast, claim, receipt, store
from broadcaster.dispatch.broadcast import BROADCAST, DISPATCH
from broadcaster.dispatch.claim import Finished, Intent
from broadcaster.dispatch.dispatch import State, settle
from broadcaster.dispatch.reconcile import doubtful, resolve, settle_doubt
from broadcaster.ledger.entry import decode
from broadcaster.ledger.store import raws, transaction
from broadcaster.ledger.verify_bundle import Figures, differing
from broadcaster.report.store import ATTEMPT, PRICE
from tests.builders import make_ground
from tests.dispatch.test_model import PATIENCE, ROADS, Sending

DONG = 830_000_000


def counted(database: Database) -> Figures:
    figures = Figures()
    with database.reading() as connection:
        for raw in raws(connection):
            entry = decode(raw)
            if entry["kind"] in figures.rules:
                figures.rules[entry["kind"]](entry)
    return figures


def spent(database: Database) -> dict[str, int]:
    """As `report.store.spent`, over everything."""
    with database.reading() as connection:
        rows = connection.execute(
            select(PRICE.c.currency, ATTEMPT.c.parts * PRICE.c.amount)
            .join(PRICE, PRICE.c.id == ATTEMPT.c.price_id)
            .where(ATTEMPT.c.outcome == "accepted")
        ).all()
    total: Counter[str] = Counter()
    for currency, micros in rows:
        total[currency] += micros
    return dict(total)


class Counted(Sending):
    """The sender's model, with prices, receipts and two people's words; the log is counted after every step."""

    @property
    def price(self) -> tuple[int, int]:
        with transaction(self.database, self.clock) as tx:
            found = claim.price_in_force(tx, "sms", DONG, "VND")
        assert found is not None
        return found

    def _conclude(self, intent: Intent, heard: Accepted | SendError | None) -> None:
        price = self.price
        settled = heard and settle(
            heard, attempts=intent.counted, now=self.clock.now(), patience=PATIENCE, chance=lambda: 0.0
        )
        with transaction(self.database, self.clock) as tx:
            done = Finished(due=intent.due, n=intent.n, settled=settled or None)
            claim.conclude(tx, "sms", [done], price=price)

    @rule(parts=st.integers(1, 3))
    def look_up_with_a_price(self, parts: int) -> None:
        price = self.price
        with transaction(self.database, self.clock) as tx:
            for doubt in doubtful(tx.connection, "sms"):
                if self.taken[doubt.due.id]:
                    settle_doubt(
                        tx, dispatch=doubt.due.id, n=doubt.n, state=State.ACCEPTED, evidence="the provider's list",
                        actor="reconciler", found=Accepted(provider_id="SM", parts=parts), price=price,
                    )  # fmt: skip

    @rule(
        data=st.data(),
        parts=st.integers(0, 3),
        said=st.sampled_from([State.ACCEPTED, State.DELIVERED, State.UNDELIVERED]),
    )
    def a_receipt_comes(self, data: st.DataObject, parts: int, said: State) -> None:
        sent = sorted(d for d, n in self.taken.items() if n)
        if not sent:
            return
        price, dispatch = self.price, data.draw(st.sampled_from(sent))
        with transaction(self.database, self.clock) as tx:
            n = tx.connection.scalar(select(DISPATCH.c.attempts).where(DISPATCH.c.id == dispatch))
            event = receipt.Event(inbox=0, dispatch=dispatch, n=int(n or 0), said=said, parts=parts)
            receipt.settle(tx, [event], price={"sms": price})

    @rule(data=st.data())
    def two_people_say_what_they_know(self, data: st.DataObject) -> None:
        with self.database.reading() as connection:
            found = connection.execute(
                select(DISPATCH.c.id, DISPATCH.c.state).where(DISPATCH.c.state.in_(("unknown", "unresolved")))
            ).all()
        if not found:
            return
        one = data.draw(st.sampled_from([tuple(row) for row in found]))
        if self.taken[one[0]]:
            what = "accepted"
        else:
            what = data.draw(st.sampled_from(["unresolved", "again"] if one[1] == "unknown" else ["again"]))
        with self.database.reading() as connection:
            expires = connection.scalar(select(BROADCAST.c.expires_at))
        if what == "again" and (expires is None or self.clock.now() >= expires):
            return
        with transaction(self.database, self.clock) as tx:
            resolve(tx, one[0], what, reason="đã hỏi", asked_by="lan", signed_by="minh")

    @invariant()
    def the_log_alone_gives_the_same_counts_and_cost(self) -> None:
        figures = counted(self.database)
        with self.database.reading() as connection:
            theirs = store.states(connection, self.number)
        mine: Counter[str] = Counter()
        for row in figures.rows.values():
            mine.update(row)
        cost = {currency: n for (_, currency), n in figures.spent.items() if n and currency}

        assert differing(theirs, mine) == []
        assert cost == spent(self.database)

    # The model's own claims about what was taken say nothing of receipts.
    @invariant()
    def what_the_provider_took_is_accepted_or_in_doubt_and_never_denied(self) -> None: ...


@pytest.mark.slow
def test_no_order_of_events_parts_the_log_from_the_database() -> None:
    examples = 40 if os.environ.get("BROADCASTER_FULL") else 8
    quiet = settings(
        max_examples=examples, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
    )

    run_state_machine_as_test(Counted, settings=quiet)


@pytest.mark.parametrize("later", ["another number of parts", "a refusal", "a silence"])
def test_an_answer_after_other_evidence_is_counted_as_the_database_has_it(
    sqlite_database: Database, clock: SteppedClock, later: str
) -> None:
    heard: dict[str, Accepted | SendError] = {
        "another number of parts": Accepted(provider_id="SM", parts=1), "a refusal": Refused("no"),
        "a silence": OutcomeUnknown("cut"),
    }  # fmt: skip
    with transaction(sqlite_database, clock) as tx:
        number = make_ground(tx, 1)
        broadcast.start(tx, broadcast.get(tx.connection, number), ROADS)
        broadcast.expand_chunk(tx, number, ROADS)
        epoch, price = claim.open_lane(tx, "sms"), claim.price_in_force(tx, "sms", DONG, "VND")
    with transaction(sqlite_database, clock) as tx:
        due = claim.window(tx.connection, "sms", number, after=0, limit=1)
        (intent,) = claim.intend(tx, ROADS["sms"], epoch, due).intents
    with transaction(sqlite_database, clock) as tx:
        claim.open_lane(tx, "sms")
        settle_doubt(
            tx, dispatch=intent.due.id, n=1, state=State.ACCEPTED, evidence="the provider's list", actor="reconciler",
            found=Accepted(provider_id="SM", parts=2), price=price,
        )  # fmt: skip

    settled = settle(heard[later], attempts=1, now=clock.now(), patience=PATIENCE, chance=lambda: 0.0)
    with transaction(sqlite_database, clock) as tx:
        claim.conclude(tx, "sms", [Finished(due=intent.due, n=1, settled=settled)], price=price)

    figures = counted(sqlite_database)
    assert {c: n for (_, c), n in figures.spent.items() if n} == spent(sqlite_database)


@pytest.mark.parametrize(
    "how", ["cancelled before it began", "cancelled half way", "expired before it began", "expired"]
)
def test_a_broadcast_that_ends_early_is_counted_from_the_log(
    sqlite_database: Database, clock: SteppedClock, how: str
) -> None:
    with transaction(sqlite_database, clock) as tx:
        number = make_ground(tx, 9)
        if how in ("cancelled half way", "expired"):
            assert broadcast.start(tx, broadcast.get(tx.connection, number), ROADS) == ""
            assert not broadcast.expand_chunk(tx, number, ROADS)
    clock.move_by(timedelta(minutes=1))

    with transaction(sqlite_database, clock) as tx:
        if how.startswith("cancelled"):
            broadcast.cancel(tx, number, "lan", "sai số", roads=ROADS)
        elif how == "expired":
            broadcast.expire_chunk(tx, number, reason="late")
        else:
            broadcast.expire(tx, broadcast.get(tx.connection, number), ROADS, reason="late")

    with sqlite_database.reading() as connection:
        theirs = store.states(connection, number)
    mine: Counter[str] = Counter()
    for row in counted(sqlite_database).rows.values():
        mine.update(row)
    assert sum(theirs.values()) == 9
    assert differing(theirs, mine) == []
