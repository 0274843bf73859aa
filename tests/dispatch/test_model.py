"""Every order of intents, answers, crashes, late answers, look-ups, opt-outs and ends: the provider never gets one twice."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import text

from broadcaster.channel.base import Accepted, NotAccepted, OutcomeUnknown, Refused, SendError, Throttled
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.db.migrations import upgrade
from broadcaster.dispatch import broadcast, claim, store
from broadcaster.dispatch.claim import Finished, Intent
from broadcaster.dispatch.dispatch import OPEN, Patience, State, settle
from broadcaster.dispatch.reconcile import doubtful, settle_doubt
from broadcaster.ledger.store import transaction
from tests.builders import make_ground, make_road
from tests.conftest import START

PEOPLE = 6
PATIENCE = Patience(attempts=4, first=timedelta(seconds=30), most=timedelta(minutes=5))
ROAD = make_road()
ROADS = {"sms": ROAD}

# What the wire did: was it taken, and what did we hear?
WIRE: dict[str, tuple[bool, Accepted | SendError | None]] = {
    "accepted": (True, Accepted(provider_id="SM")),
    "lost after": (True, OutcomeUnknown("cut")),
    "lost before": (False, OutcomeUnknown("cut")),
    "refused": (False, Refused("no", suppress=True)),
    "not accepted": (False, NotAccepted("down")),
    "throttled": (False, Throttled("slow", wait=timedelta(seconds=5))),
    "not begun": (False, None),
}


class Sending(RuleBasedStateMachine):
    """One lane over one broadcast, with its process killed at will."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="model"))
        self.clock = SteppedClock(START)
        self.database = Database("sqlite:///model.db", folder=self.folder, sender=True)
        self.taken: Counter[int] = Counter()  # the provider's book: dispatch -> messages it took
        self.in_hand: list[Intent] = []
        self.late: list[tuple[Intent, Accepted]] = []  # answers on their way to a sender that has died

    @initialize()
    def begin(self) -> None:
        upgrade(self.database)
        with transaction(self.database, self.clock) as tx:
            self.number = make_ground(tx, PEOPLE)
            assert broadcast.start(tx, broadcast.get(tx.connection, self.number), ROADS) == ""
            assert not broadcast.expand_chunk(tx, self.number, ROADS)
            self.epoch = claim.open_lane(tx, "sms")

    @rule(limit=st.integers(1, 4))
    def intend(self, limit: int) -> None:
        with transaction(self.database, self.clock) as tx:
            claim.wake(tx, "sms")
            due = claim.window(tx.connection, "sms", self.number, after=0, limit=limit)
            self.in_hand += claim.intend(tx, ROAD, self.epoch, due).intents

    @precondition(lambda self: self.in_hand)
    @rule(data=st.data(), wire=st.sampled_from(sorted(WIRE)))
    def answer(self, data: st.DataObject, wire: str) -> None:
        intent = self.in_hand.pop(data.draw(st.integers(0, len(self.in_hand) - 1)))
        taken, heard = WIRE[wire]
        self.taken[intent.due.id] += taken
        self._conclude(intent, heard)

    @rule(data=st.data())
    def die_and_start_again(self, data: st.DataObject) -> None:
        for intent in self.in_hand:
            if data.draw(st.booleans()):
                self.taken[intent.due.id] += 1
                self.late.append((intent, Accepted(provider_id="SM")))
        self.in_hand = []
        with transaction(self.database, self.clock) as tx:
            self.epoch = claim.open_lane(tx, "sms")

    @precondition(lambda self: self.late)
    @rule()
    def a_late_answer_still_counts(self) -> None:
        intent, heard = self.late.pop()
        self._conclude(intent, heard)

    @rule()
    def look_up_every_doubt(self) -> None:
        with transaction(self.database, self.clock) as tx:
            for doubt in doubtful(tx.connection, "sms"):
                has = self.taken[doubt.due.id] > 0
                settle_doubt(
                    tx, dispatch=doubt.due.id, n=doubt.n, state=State.ACCEPTED if has else State.RETRY_WAIT,
                    evidence="the provider's list", actor="reconciler", found=Accepted(provider_id="SM") if has else None,
                    not_before=None if has else tx.now,
                )  # fmt: skip

    @rule(person=st.integers(0, PEOPLE - 1))
    def somebody_opts_out(self, person: int) -> None:
        with self.database.writing() as connection:
            connection.execute(
                text(
                    "INSERT INTO suppression SELECT key, kind, 'opt_out', '', 0 FROM address WHERE value = :v"
                    " ON CONFLICT DO NOTHING"
                ),
                {"v": f"+8490{person:07d}"},
            )

    @rule(seconds=st.integers(1, 400))
    def time_passes(self, seconds: int) -> None:
        self.clock.move_by(timedelta(seconds=seconds))

    @rule()
    def what_has_not_left_is_taken_back(self) -> None:
        with transaction(self.database, self.clock) as tx:
            store.close(tx, self.number, state=State.CANCELLED, reason="sai số", actor="lan")

    def _conclude(self, intent: Intent, heard: Accepted | SendError | None) -> None:
        settled = heard and settle(
            heard, attempts=intent.counted, now=self.clock.now(), patience=PATIENCE, chance=lambda: 0.0
        )
        with transaction(self.database, self.clock) as tx:
            claim.conclude(tx, "sms", [Finished(due=intent.due, n=intent.n, settled=settled or None)])

    @invariant()
    def nobody_is_sent_to_twice(self) -> None:
        assert max(self.taken.values(), default=0) <= 1

    @invariant()
    def sums_close_and_tallies_agree(self) -> None:
        with self.database.reading() as connection:
            assert store.recount(connection) == []
            assert sum(store.states(connection, self.number).values()) == PEOPLE

    @invariant()
    def what_the_provider_took_is_accepted_or_in_doubt_and_never_denied(self) -> None:
        with self.database.reading() as connection:
            found = dict(connection.execute(text("SELECT id, state FROM dispatch")).all())
        for dispatch, n in self.taken.items():
            if n:
                assert State(found[dispatch]) in {State.ACCEPTED, *OPEN}
        assert all(self.taken[i] for i, state in found.items() if state == State.ACCEPTED)

    def teardown(self) -> None:
        self.database.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.mark.slow
def test_no_order_of_events_sends_twice_or_loses_anybody() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        Sending,
        settings=settings(
            max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
