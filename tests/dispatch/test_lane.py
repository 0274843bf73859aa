from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from broadcaster.channel.base import (
    Accepted,
    Misconfigured,
    NotAccepted,
    OutcomeUnknown,
    Outgoing,
    Refused,
    SendError,
    Throttled,
)
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.dispatch import broadcast, claim, store
from broadcaster.dispatch import stop as stops
from broadcaster.dispatch.dispatch import Patience, settle
from broadcaster.dispatch.lane import Lane, LaneBroken, LaneRules, Signature
from broadcaster.dispatch.worker import Worker
from broadcaster.ledger.entry import decode
from broadcaster.ledger.store import raws, transaction
from broadcaster.ledger.writer import Writer
from tests.builders import OFFICE_KEY, SMS, make_broadcast, make_ground, make_road

pytestmark = pytest.mark.anyio

PATIENCE = Patience(attempts=3, first=timedelta(seconds=30), most=timedelta(minutes=30))


class Phone:
    """A provider's wire that answers as told and keeps its own book."""

    name = "sms"
    traits = SMS

    def __init__(self, answer: Callable[[Outgoing], Accepted | SendError] | None = None) -> None:
        self.book: list[Outgoing] = []
        self.answer = answer or (lambda outgoing: Accepted(provider_id=f"SM{outgoing.key}"))
        self.at: list[float] = []
        self.clock: SteppedClock | None = None

    def check(self, outgoing: Outgoing) -> list[str]:
        return []

    async def send(self, outgoing: Outgoing, *, timeout: float) -> Accepted:
        self.book.append(outgoing)
        if self.clock:
            self.at.append(self.clock.monotonic())
        answer = self.answer(outgoing)
        if isinstance(answer, SendError):
            raise answer
        return answer

    async def close(self) -> None: ...


def begin(database: Database, clock: SteppedClock, n: int = 3, **values: Any) -> int:
    with transaction(database, clock) as tx:
        number = make_ground(tx, n, **values)
    start(database, clock, number)
    return number


def start(database: Database, clock: SteppedClock, number: int) -> None:
    with transaction(database, clock) as tx:
        assert broadcast.start(tx, broadcast.get(tx.connection, number), {"sms": make_road()}) == ""
        while broadcast.expand_chunk(tx, number, {"sms": make_road()}):
            pass


async def drive(
    database: Database,
    clock: SteppedClock,
    phone: Phone,
    *,
    rate: float = 0.0,
    span: timedelta = timedelta(0),
    poll: timedelta = timedelta(minutes=5),
    between: Callable[[], None] | None = None,
    public_url: str = "",
) -> None:
    """Run the lane until it has nothing to do up to `span` from now; `between` comes when nothing is to do at once."""
    writer = Writer(database, clock)
    lane = Lane(
        phone, make_road(), LaneRules(rate=rate, concurrency=4, timeout=5, patience=PATIENCE, poll=poll),
        database=database, writer=writer, clock=clock,
        signature=Signature(office="vp", secret=OFFICE_KEY, public_url=public_url),
        chance=lambda: 0.0,
    )  # fmt: skip
    worker = Worker([lane])
    worker.start()
    try:
        async with asyncio.timeout(30):
            if between:
                await clock.run(idle=lambda: writer.idle and worker.idle, until=clock.now())
                between()
            await clock.run(idle=lambda: writer.idle and worker.idle, until=clock.now() + span)
        await worker.close()
    finally:
        writer.close()


def states(database: Database, number: int) -> dict[str, int]:
    with database.reading() as connection:
        assert store.recount(connection) == []
        return {state: n for state, n in store.states(connection, number).items() if n}


def ledger(database: Database, kind: str) -> list[dict[str, Any]]:
    with database.reading() as connection:
        return [entry for entry in map(decode, raws(connection)) if entry["kind"] == kind]


async def test_every_planned_dispatch_is_sent_once_with_the_approved_text(
    database: Database, clock: SteppedClock
) -> None:
    number = begin(database, clock, 25)
    phone = Phone()

    await drive(database, clock, phone)

    assert states(database, number) == {"accepted": 25}
    assert len({outgoing.to for outgoing in phone.book}) == len(phone.book) == 25
    assert {outgoing.text for outgoing in phone.book} == {"Gọi 111"}


@pytest.mark.parametrize(
    ("public_url", "link"), [("", ""), ("https://vp.example/", "https://vp.example/m/hotline-111")]
)
async def test_a_message_is_given_the_address_of_its_public_page(
    public_url: str, link: str, database: Database, clock: SteppedClock
) -> None:
    begin(database, clock, 1)
    phone = Phone()

    await drive(database, clock, phone, public_url=public_url)

    assert [outgoing.link for outgoing in phone.book] == [link]


async def test_every_intent_stands_in_the_ledger_before_its_result(database: Database, clock: SteppedClock) -> None:
    begin(database, clock, 5)

    await drive(database, clock, Phone())

    intents = {entry["d"]: entry["seq"] for entry in ledger(database, "attempt.intent")}
    results = {entry["d"]: entry["seq"] for entry in ledger(database, "attempt.result")}
    assert intents.keys() == results.keys()
    assert all(intents[d] < results[d] for d in intents)


async def test_no_telephone_number_and_no_text_enters_the_ledger(database: Database, clock: SteppedClock) -> None:
    begin(database, clock, 3)

    await drive(database, clock, Phone())

    with database.reading() as connection:
        whole = b"\n".join(raws(connection))
    assert b"+84" not in whole
    assert "Gọi".encode() not in whole


async def test_a_refused_send_fails_and_an_opted_out_person_is_suppressed(
    database: Database, clock: SteppedClock
) -> None:
    number = begin(database, clock, 2)

    await drive(database, clock, Phone(lambda _o: Refused("blocked", code="21610", suppress=True)))

    assert states(database, number) == {"failed": 2}
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM suppression")).scalar() == 2


async def test_what_was_not_accepted_is_tried_again_and_then_fails(database: Database, clock: SteppedClock) -> None:
    number = begin(database, clock, 1)
    phone = Phone(lambda _o: NotAccepted("refused connection"))

    await drive(database, clock, phone, span=timedelta(hours=1))

    assert len(phone.book) == PATIENCE.attempts
    assert len({outgoing.key for outgoing in phone.book}) == 3
    assert len({outgoing.dedupe_key for outgoing in phone.book}) == 1
    assert states(database, number) == {"failed": 1}


async def test_a_throttle_holds_the_whole_lane_and_burns_no_attempt(database: Database, clock: SteppedClock) -> None:
    number = begin(database, clock, 6)
    answers = iter([Throttled("slow down", wait=timedelta(seconds=40))] * 12)
    phone = Phone(lambda o: next(answers, Accepted(provider_id=o.key)))
    phone.clock = clock

    await drive(database, clock, phone, span=timedelta(hours=1))

    assert states(database, number) == {"accepted": 6}
    assert not [at for at in phone.at if 0 < at < 40]
    with database.reading() as connection:
        assert all(row["attempts"] == 1 for row in store.listing(connection))


async def test_a_lost_answer_is_unknown_and_never_sent_again(database: Database, clock: SteppedClock) -> None:
    number = begin(database, clock, 3)
    phone = Phone(lambda _o: OutcomeUnknown("cut"))

    await drive(database, clock, phone, span=timedelta(hours=5))

    assert len(phone.book) == 3
    assert states(database, number) == {"unknown": 3}


async def test_a_wrong_token_pauses_the_lane_and_burns_nobody(database: Database, clock: SteppedClock) -> None:
    number = begin(database, clock, 50)
    phone = Phone(lambda _o: Misconfigured("token", code="20003"))

    await drive(database, clock, phone, span=timedelta(minutes=1))

    assert states(database, number) == {"planned": 50}
    assert len(phone.book) <= 4
    assert [entry["why"] for entry in ledger(database, "lane.pause")] == ["token"]


async def test_the_rate_is_never_exceeded_in_any_second(database: Database, clock: SteppedClock) -> None:
    begin(database, clock, 100)
    phone = Phone()
    phone.clock = clock

    await drive(database, clock, phone, rate=10.0, span=timedelta(minutes=1))

    assert len(phone.at) == 100
    assert all(later - earlier >= 1.0 - 1e-9 for earlier, later in zip(phone.at, phone.at[10:], strict=False))
    assert phone.at[-1] - phone.at[0] <= 9.9 * 1.03


@pytest.mark.parametrize("scope", [("everything", ""), ("campaign", "c"), ("channel", "sms"), ("area", "Mường Lát")])
async def test_nothing_leaves_after_a_stop(database: Database, clock: SteppedClock, scope: tuple[str, str]) -> None:
    number = begin(database, clock, 30)
    with database.writing() as connection:
        connection.execute(text("UPDATE contact SET commune = 'Mường Lát'"))
    phone = Phone()

    def stop_after_three(outgoing: Outgoing) -> Accepted:
        if len(phone.book) == 3:
            with transaction(database, clock) as tx:
                stops.set_(tx, scope=scope[0], subject=scope[1], reason="sai số", until=None, by="lan")
        return Accepted(provider_id=outgoing.key)

    phone.answer = stop_after_three

    await drive(database, clock, phone, span=timedelta(minutes=5))

    stop_at = ledger(database, "stop.set")[0]["seq"]
    assert [entry for entry in ledger(database, "attempt.intent") if entry["seq"] > stop_at] == []
    assert states(database, number)["planned"] >= 30 - 3 - 8


async def test_a_stop_with_an_end_ends_by_itself(database: Database, clock: SteppedClock) -> None:
    number = begin(database, clock, 2)
    with transaction(database, clock) as tx:
        until = clock.now() + timedelta(minutes=10)
        stops.set_(tx, scope="everything", subject="", reason="diễn tập", until=until, by="lan")

    await drive(database, clock, Phone(), span=timedelta(minutes=11))

    assert states(database, number) == {"accepted": 2}


async def test_a_person_who_opts_out_after_expansion_is_not_sent_to(database: Database, clock: SteppedClock) -> None:
    number = begin(database, clock, 3)
    with database.writing() as connection:
        connection.execute(
            text("INSERT INTO suppression SELECT key, kind, 'opt_out', '', 0 FROM address WHERE value = '+84900000001'")
        )
    phone = Phone()

    await drive(database, clock, phone)

    assert "+84900000001" not in {outgoing.to for outgoing in phone.book}
    assert states(database, number) == {"accepted": 2, "suppressed": 1}


async def test_without_consent_a_person_is_suppressed_and_counted(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        number = make_ground(tx, 2)
        tx.connection.execute(text("UPDATE contact SET consent_source = ''"))
    start(database, clock, number)
    phone = Phone()

    await drive(database, clock, phone)

    assert phone.book == []
    assert states(database, number) == {"suppressed": 2}


async def test_the_cap_per_number_is_kept_over_broadcasts(database: Database, clock: SteppedClock) -> None:
    first = begin(database, clock, 2, cap_per_24h=2)
    others = []
    with transaction(database, clock) as tx:
        for hour in (1, 2):
            others.append(make_broadcast(tx, group=1, due_at=clock.now() + timedelta(hours=hour), cap_per_24h=2))
    for number in others:
        start(database, clock, number)

    await drive(database, clock, Phone(), span=timedelta(minutes=1))

    assert [states(database, number) for number in (first, *others)] == [
        {"accepted": 2},
        {"accepted": 2},
        {"suppressed": 2},
    ]


async def test_quiet_hours_hold_people_and_the_rest_goes_out_after_them(
    database: Database, clock: SteppedClock
) -> None:
    number = begin(database, clock, 2, quiet_hours="07:30-09:00")
    phone = Phone()
    phone.clock = clock

    await drive(database, clock, phone, span=timedelta(hours=3))

    assert states(database, number) == {"accepted": 2}
    assert min(phone.at) >= 3600  # it is 08:00 when it begins


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        ("UPDATE approval SET state = 'withdrawn' WHERE kind = 'revision'", "not_approved"),
        ("UPDATE approval SET state = 'withdrawn' WHERE kind = 'plan'", "not_approved"),
        ("UPDATE fact SET digest = 'other'", "stale"),
        ("UPDATE fact SET verify_by = '2027-06-30'", "stale"),
        ("DELETE FROM fact", "stale"),
    ],
)
async def test_nothing_leaves_without_standing_approval_and_true_facts(
    database: Database, clock: SteppedClock, spoil: str, reason: str
) -> None:
    number = begin(database, clock, 3)
    with database.writing() as connection:
        connection.execute(text(spoil))
    phone = Phone()

    await drive(database, clock, phone, span=timedelta(minutes=1))

    assert phone.book == []
    assert states(database, number) == {"planned": 3}
    assert [entry["reason"] for entry in ledger(database, "broadcast.hold")] == [reason]


async def test_a_revision_changed_by_one_byte_in_the_database_is_not_sent(
    sqlite_database: Database, clock: SteppedClock
) -> None:
    number = begin(sqlite_database, clock, 3)
    with sqlite_database.writing() as connection:
        connection.execute(text("DROP TRIGGER revision_no_update"))
        connection.execute(text("UPDATE revision SET canonical = CAST(replace(canonical, '111', '112') AS BLOB)"))
    phone = Phone()

    await drive(sqlite_database, clock, phone, span=timedelta(minutes=1))

    assert phone.book == []
    assert states(sqlite_database, number) == {"planned": 3}
    assert [entry["reason"] for entry in ledger(sqlite_database, "broadcast.hold")] == ["tampered"]


async def test_what_a_dead_sender_left_in_sending_becomes_unknown(database: Database, clock: SteppedClock) -> None:
    number = begin(database, clock, 4)
    with transaction(database, clock) as tx:
        epoch = claim.open_lane(tx, "sms")
        due = claim.window(tx.connection, "sms", number, after=0, limit=3)
        assert len(claim.intend(tx, make_road(), epoch, due).intents) == 3
    phone = Phone()

    await drive(database, clock, phone)

    assert states(database, number) == {"unknown": 3, "accepted": 1}
    assert len(phone.book) == 1
    assert len(ledger(database, "attempt.orphan")) == 3


async def test_a_worker_that_lost_its_lane_can_record_no_intent(database: Database, clock: SteppedClock) -> None:
    number = begin(database, clock, 4)
    with transaction(database, clock) as tx:
        old = claim.open_lane(tx, "sms")
    with transaction(database, clock) as tx:
        claim.open_lane(tx, "sms")

    with transaction(database, clock) as tx:
        due = claim.window(tx.connection, "sms", number, after=0, limit=4)
        got = claim.intend(tx, make_road(), old, due)

    assert got.intents == []
    assert got.lane == "epoch"
    assert states(database, number) == {"planned": 4}


async def test_a_person_who_was_erased_meanwhile_is_not_sent_to_and_is_closed(
    database: Database, clock: SteppedClock
) -> None:
    number = begin(database, clock, 3)
    with database.writing() as connection:
        connection.execute(text("UPDATE address SET value = NULL WHERE value = '+84900000001'"))
    phone = Phone()

    await drive(database, clock, phone)

    assert {outgoing.to for outgoing in phone.book} == {"+84900000000", "+84900000002"}
    assert states(database, number) == {"accepted": 2, "suppressed": 1}


@pytest.mark.parametrize(
    "odd",
    [
        None,
        Accepted(provider_id="\ud800x"),
        Accepted(provider_id="SM", parts=2**70),
        Throttled("", wait=timedelta.max),
        Refused("x\x00\ud800", code="\udcff"),
    ],
)
async def test_an_adapters_odd_answer_stops_nobody_else(
    sqlite_database: Database, clock: SteppedClock, odd: Accepted | SendError | None
) -> None:
    number = begin(sqlite_database, clock, 10)
    phone = Phone()
    phone.answer = lambda outgoing: odd if len(phone.book) == 3 else Accepted(provider_id=outgoing.key)  # type: ignore[assignment,return-value]

    await drive(sqlite_database, clock, phone, span=timedelta(hours=30))

    found = states(sqlite_database, number)
    assert sum(found.values()) == 10
    assert found["accepted"] >= 9 or found.get("planned", 0) >= 1  # a wait of a day outlives the broadcast
    assert "sending" not in found


async def test_an_older_text_that_is_submitted_again_holds_nothing_that_runs(
    database: Database, clock: SteppedClock
) -> None:
    number = begin(database, clock, 3)
    with database.writing() as connection:
        connection.execute(text("UPDATE approval SET state = 'superseded', ended_at = 0 WHERE kind = 'revision'"))
        connection.execute(
            text(
                "INSERT INTO approval (kind, name, subject, state, submitted_by, submitted_at, reason, two_person)"
                " SELECT kind, name, subject, 'submitted', 'hoa', 0, '', two_person FROM approval WHERE kind = 'revision'"
            )
        )
    phone = Phone()

    await drive(database, clock, phone)

    assert states(database, number) == {"accepted": 3}


class SetClock(SteppedClock):
    """A wall clock that somebody sets back; what waits goes on waiting as long as it would have, as on a real machine."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self.back = timedelta(0)

    def monotonic(self) -> float:
        return (self._now + self.back - self._start).total_seconds()

    def set_back(self, span: timedelta) -> None:
        self._now -= span
        self.back += span
        self._waiters = [(moment - span, n, future) for moment, n, future in self._waiters]


@pytest.mark.parametrize(
    ("answer", "tries"),
    [(Throttled("slow", wait=timedelta(seconds=40)), 1), (NotAccepted("refused connection"), 2)],
)
async def test_a_clock_set_back_by_two_hours_delays_nothing(
    database: Database, clock: SteppedClock, answer: SendError, tries: int
) -> None:
    moved = SetClock(clock.now())
    number = begin(database, moved, 1)
    answers = iter([answer])
    phone = Phone(lambda o: next(answers, Accepted(provider_id=o.key)))

    await drive(
        database, moved, phone, span=timedelta(minutes=2), poll=timedelta(seconds=1),
        between=lambda: moved.set_back(timedelta(hours=2)),
    )  # fmt: skip

    assert len(phone.book) == 2
    assert states(database, number) == {"accepted": 1}
    with database.reading() as connection:
        assert [row["attempts"] for row in store.listing(connection)] == [tries]


async def test_hours_asked_under_a_wrong_clock_are_asked_again_under_the_right_one(
    database: Database, clock: SteppedClock
) -> None:
    moved = SetClock(clock.now())
    number = begin(database, moved, 1, quiet_hours="07:30-13:00", expires_at=clock.now() + timedelta(hours=6))
    phone = Phone()

    await drive(
        database, moved, phone, span=timedelta(minutes=2), poll=timedelta(seconds=1),
        between=lambda: moved.set_back(timedelta(hours=1)),
    )  # fmt: skip

    assert states(database, number) == {"accepted": 1}


class Rogue(Phone):
    """An adapter whose second answer is something no adapter may raise."""

    def __init__(self, odd: BaseException) -> None:
        super().__init__()
        self.odd = odd

    async def send(self, outgoing: Outgoing, *, timeout: float) -> Accepted:
        if len(self.book) == 1:
            self.book.append(outgoing)
            raise self.odd
        return await super().send(outgoing, timeout=timeout)


class SynchronousRogue(Rogue):
    def send(self, outgoing: Outgoing, *, timeout: float) -> Accepted:  # type: ignore[override]
        self.book.append(outgoing)
        if len(self.book) == 2:
            raise self.odd
        return Accepted(provider_id=outgoing.key)


@pytest.mark.parametrize("kind", [Rogue, SynchronousRogue])
@pytest.mark.parametrize("odd", [asyncio.CancelledError(), SystemExit(3), StopIteration(), BaseException("x")])
async def test_an_adapter_that_raises_what_ends_tasks_leaves_one_doubt_and_ends_nothing(
    sqlite_database: Database, clock: SteppedClock, kind: type[Rogue], odd: BaseException
) -> None:
    number = begin(sqlite_database, clock, 40)
    phone = kind(odd)

    await drive(sqlite_database, clock, phone)

    assert states(sqlite_database, number) == {"accepted": 39, "unknown": 1}


async def test_a_lane_whose_sender_ends_by_itself_says_so_instead_of_hanging(
    sqlite_database: Database, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(sqlite_database, clock, 10)

    def fail(*_: Any) -> None:
        raise RuntimeError("a fault of our own")

    monkeypatch.setattr(Lane, "_react", fail)

    with pytest.raises(LaneBroken, match="sms"):
        await drive(sqlite_database, clock, Phone())


def test_a_throttle_without_a_wait_holds_the_lane_for_a_second(clock: SteppedClock) -> None:
    found = settle(
        Throttled("429", wait=timedelta(0)), attempts=1, now=clock.now(), patience=PATIENCE, chance=lambda: 0.0
    )

    assert found.lane_waits == timedelta(seconds=1)
