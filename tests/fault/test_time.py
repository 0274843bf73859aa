"""Days of downtime, and a clock that is wrong for a while: nothing twice, no flood, and every sum closes with its reasons."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from broadcaster.channel.base import Accepted, Outgoing
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.dispatch import store
from broadcaster.dispatch.lane import Lane, LaneRules, Signature
from broadcaster.dispatch.worker import Worker
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import raws, transaction
from broadcaster.ledger.verify import audit
from broadcaster.ledger.writer import Writer
from broadcaster.plan.run import Planner
from broadcaster.schedule.spec import IfMissed, ScheduleSpec, When
from tests.builders import OFFICE_KEY, RULES, make_approval, make_fact, make_revision, make_road
from tests.dispatch.test_lane import PATIENCE, Phone
from tests.plan.campaign_builders import make_approved, make_people, make_spec

pytestmark = pytest.mark.anyio

PEOPLE = 20
HOURS = 3600
RunRule = Literal["latest", "all", "none"]
HANOI = ZoneInfo("Asia/Ho_Chi_Minh")


def at(local: str) -> datetime:
    """A moment of July 2027 in Viet Nam: `"02 19:31"`."""
    return datetime.fromisoformat(f"2027-07-{local}:00").replace(tzinfo=HANOI)


class WallClock(SteppedClock):
    """A wall clock that somebody sets; `monotonic` knows nothing of it, as on a real machine."""

    def monotonic(self) -> float:
        return time.monotonic()


@pytest.fixture
def clock() -> WallClock:
    return WallClock(at("01 07:00"))


def campaign(
    database: Database, clock: SteppedClock, *, run: RunRule = "latest", within: int = 6 * HOURS, cap: int = 0
) -> None:
    """Approved: every day of July at 08:00 and 19:30 to 20 people."""
    spec = make_spec(
        schedules=(
            ScheduleSpec(
                id="daily", messages=("hotline-111",), channels=(("sms",),), group="border", language="vi",
                when=When(daily=("08:00", "19:30"), since=make_spec().since, until=make_spec().until),
                if_missed=IfMissed(run=run, within=within),
            ),
        ),
        quiet_hours="", cap_per_24h=cap, require_consent=True,
    )  # fmt: skip
    make_people(database, "border", PEOPLE, clock.now())
    make_approved(database, spec, now=clock.now())
    with transaction(database, clock) as tx:
        make_fact(tx)
        revision = make_revision(tx)
        plan = tx.connection.execute(text("SELECT hash FROM plan")).scalar_one()
        make_approval(tx, kind="plan", name=spec.id, subject=plan)
        for name, role in (("lan", "author"), ("minh", "approver")):
            tx.record(Kind.USER_ADD, "console:x", user=name, roles=[role])
        tx.record(Kind.MESSAGE_SUBMIT, "lan", name="hotline-111", subject=revision)
        tx.record(Kind.MESSAGE_APPROVE, "minh", name="hotline-111", subject=revision)
        tx.record(Kind.CAMPAIGN_SUBMIT, "lan", name=spec.id, subject=plan)
        tx.record(Kind.CAMPAIGN_APPROVE, "minh", name=spec.id, subject=plan)


class Desk:
    """A sender as `run` builds it, whose ticks are called by hand."""

    def __init__(self, database: Database, clock: SteppedClock, phone: Phone) -> None:
        self.clock, self.writer = clock, Writer(database, clock)
        rules = LaneRules(rate=0.0, concurrency=4, timeout=5, patience=PATIENCE, poll=timedelta(minutes=1))
        lane = Lane(
            phone, make_road(), rules, database=database, writer=self.writer, clock=clock,
            signature=Signature(office="vp", secret=OFFICE_KEY), chance=lambda: 0.0,
        )  # fmt: skip
        self.worker = Worker([lane])
        self.planner = Planner(
            database=database, writer=self.writer, clock=clock, roads={"sms": make_road()}, zone=HANOI, rules=RULES,
            poke=self.worker.poke,
        )  # fmt: skip

    async def tick(self, *, span: timedelta = timedelta(0)) -> None:
        """Plan, start, send what may leave up to `span` from now, close what has ended."""
        await self.planner.plan()
        await self.planner.start()
        self.worker.poke()
        async with asyncio.timeout(30):
            await self.clock.run(idle=lambda: self.writer.idle and self.worker.idle, until=self.clock.now() + span)
        await self.planner.start()


@asynccontextmanager
async def desk(database: Database, clock: SteppedClock, phone: Phone) -> AsyncIterator[Desk]:
    """A sender from its start to its orderly end; between two of them the office is closed."""
    made = Desk(database, clock, phone)
    made.worker.start()
    try:
        yield made
        await made.worker.close()
    finally:
        made.writer.close()


class Counts(dict[str, int]):
    """How many dispatches in each state."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


Found = tuple[str, str, Counts]  # state, why it is held, how many dispatches in each state
SENT: Found = ("done", "", Counts(accepted=PEOPLE))
MISSED: Found = ("expired", "missed", Counts(expired=PEOPLE))


def broadcasts(database: Database) -> dict[str, Found]:
    """By nominal local time; every sum is checked on the way."""
    with database.reading() as connection:
        assert store.recount(connection) == []
        rows = connection.execute(text("SELECT id, local, state, held, planned FROM broadcast ORDER BY local")).all()
        assert len({row.local for row in rows}) == len(rows)
        found: dict[str, Found] = {}
        for row in rows:
            counts = Counts({state: n for state, n in store.states(connection, row.id).items() if n})
            if row.state != "planned":
                assert sum(counts.values()) == row.planned == PEOPLE
            found[row.local[5:]] = (row.state, row.held, counts)
    return found


def begun(database: Database) -> dict[str, Found]:
    """Those whose time has come."""
    return {local: found for local, found in broadcasts(database).items() if found[0] != "planned"}


def letters(phone: Phone) -> Counter[tuple[str, str]]:
    """How often the wire was given each person's message of each broadcast."""
    return Counter((outgoing.to, outgoing.dedupe_key) for outgoing in phone.book)


def each_once(phone: Phone) -> bool:
    return max(letters(phone).values()) == 1


def faults(database: Database) -> list[str]:
    """What the auditor's own program finds in the ledger: entries out of time, repeated, not approved."""
    with database.reading() as connection:
        return list(audit(raws(connection), {})["faults"])


# -- the office was closed for three days -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "within", "sent"),
    [
        ("latest", 6 * HOURS, ["04T19:30"]),
        ("latest", 96 * HOURS, ["04T19:30"]),
        ("all", 6 * HOURS, ["04T19:30"]),
        ("all", 24 * HOURS, ["04T08:00", "04T19:30"]),
        ("none", 96 * HOURS, []),
    ],
)
async def test_after_three_days_of_downtime_the_rule_says_what_is_made_up(
    database: Database, clock: WallClock, run: RunRule, within: int, sent: list[str]
) -> None:
    campaign(database, clock, run=run, within=within)
    phone = Phone()
    clock.move_to(at("01 08:00"))
    async with desk(database, clock, phone) as open_desk:
        await open_desk.tick()

    clock.move_to(at("04 20:00"))
    async with desk(database, clock, phone) as open_desk:
        await open_desk.tick()

    found = begun(database)
    assert list(found) == [f"07-{day:02d}T{hour}" for day in (1, 2, 3, 4) for hour in ("08:00", "19:30")]
    went = {"07-01T08:00", *(f"07-{local}" for local in sent)}
    assert {local for local, one in found.items() if one == SENT} == went
    assert {one for local, one in found.items() if local not in went} == {MISSED}
    assert len(phone.book) == PEOPLE * len(went)
    assert each_once(phone)
    assert faults(database) == []


async def test_a_backlog_that_is_made_up_stays_under_each_person_s_cap(database: Database, clock: WallClock) -> None:
    campaign(database, clock, run="all", within=96 * HOURS, cap=3)
    phone = Phone()
    clock.move_to(at("04 20:00"))

    async with desk(database, clock, phone) as open_desk:
        await open_desk.tick()

    counts: Counter[str] = Counter()
    for _, _, states in begun(database).values():
        counts.update(states)
    assert max(Counter(outgoing.to for outgoing in phone.book).values()) == 3
    assert counts == {"accepted": 3 * PEOPLE, "suppressed": 5 * PEOPLE}
    assert each_once(phone)
    assert faults(database) == []


# -- the clock is wrong -----------------------------------------------------------------------------------------------


async def test_an_hour_back_and_forth_makes_no_second_occurrence_and_no_second_message(
    database: Database, clock: WallClock
) -> None:
    campaign(database, clock)
    phone = Phone()
    async with desk(database, clock, phone) as open_desk:
        for local in ("01 08:00", "01 07:00", "01 07:59", "01 08:00", "01 09:10", "01 08:10", "01 19:30", "01 18:30"):
            clock.move_to(at(local))
            await open_desk.tick()
        clock.move_to(at("01 19:31"))
        await open_desk.tick()

    assert begun(database) == {"07-01T08:00": SENT, "07-01T19:30": SENT}
    assert len(phone.book) == 2 * PEOPLE
    assert each_once(phone)
    assert faults(database) == []


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_clock_set_in_the_middle_of_a_broadcast_changes_nothing_of_it(
    database: Database, clock: WallClock, hours: int
) -> None:
    campaign(database, clock)

    def set_it_at_the_seventh(outgoing: Outgoing) -> Accepted:
        if len(phone.book) == 7:
            clock.move_by(timedelta(hours=hours))
        return Accepted(provider_id=outgoing.key)

    phone = Phone(set_it_at_the_seventh)
    clock.move_to(at("01 08:00"))
    async with desk(database, clock, phone) as open_desk:
        await open_desk.tick()
        clock.move_to(at("01 08:05"))
        await open_desk.tick(span=timedelta(minutes=10))

    assert begun(database) == {"07-01T08:00": SENT}
    assert each_once(phone)
    assert faults(database) == []


async def test_a_clock_set_past_the_end_in_the_middle_of_a_broadcast_sends_nothing_more_of_it(
    database: Database, clock: WallClock
) -> None:
    campaign(database, clock)

    def set_it_at_the_seventh(outgoing: Outgoing) -> Accepted:
        if len(phone.book) == 7:
            clock.move_to(at("01 15:00"))
        return Accepted(provider_id=outgoing.key)

    phone = Phone(set_it_at_the_seventh)
    clock.move_to(at("01 08:00"))
    async with desk(database, clock, phone) as open_desk:
        await open_desk.tick()
        for local in ("01 15:00", "01 08:10", "01 08:20"):
            clock.move_to(at(local))
            await open_desk.tick(span=timedelta(minutes=5))

    state, _, counts = begun(database)["07-01T08:00"]
    assert state == "done"
    assert counts == {"accepted": len(phone.book), "expired": PEOPLE - len(phone.book)}
    assert 7 <= len(phone.book) <= 7 + 2 * 4
    assert each_once(phone)
    assert faults(database) == []


@pytest.mark.parametrize("forth", ["10 12:00", "31 23:59 and two months"])
async def test_a_clock_set_far_ahead_and_back_sends_nothing_twice_and_says_what_it_lost(
    database: Database, clock: WallClock, forth: str
) -> None:
    campaign(database, clock)
    phone = Phone()
    async with desk(database, clock, phone) as open_desk:
        clock.move_to(at("01 08:00"))
        await open_desk.tick()
        clock.move_to(at(forth[:8]) + timedelta(days=60 if "months" in forth else 0))
        await open_desk.tick()
        ahead = begun(database)
        for day in range(1, 32, 2):
            for hour in ("08:00", "19:30"):
                clock.move_to(at(f"{day:02d} {hour}"))
                await open_desk.tick()

    found = begun(database)
    assert len(found) == 2 * 31
    assert {local: found[local] for local in ahead} == ahead  # what stood as missed stays so; nothing begins again
    assert {one for local, one in found.items()} <= {SENT, MISSED}
    assert len(phone.book) == PEOPLE * sum(one == SENT for one in found.values())
    assert each_once(phone)
    assert faults(database) == []
