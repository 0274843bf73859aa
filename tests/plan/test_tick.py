"""The tick as `run` drives it: an approved campaign starts by itself, and what must hold it does."""

from __future__ import annotations

import asyncio
import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from broadcaster import app
from broadcaster.app import Engine, build_engine
from broadcaster.channel import registry
from broadcaster.channel.base import Accepted, Outgoing, Throttled
from broadcaster.clock import SteppedClock
from broadcaster.config import Config, load
from broadcaster.db.engine import Database
from broadcaster.db.migrations import upgrade
from broadcaster.dispatch import broadcast
from broadcaster.ledger.store import transaction
from broadcaster.plan.run import catch_up
from tests.builders import SMS, make_broadcast, make_ground, make_plan

pytestmark = pytest.mark.anyio

CONFIG = """
[office]
key = { env = "OFFICE_KEY" }
[ledger]
key = { file = "ledger.key" }
[defaults]
cap_per_24h = 0
[channels.sms]
adapter = "memory"
"""


class Row:
    """A due broadcast, as the catch-up rule sees it."""

    def __init__(
        self, local: str, due: datetime, *, rule: str = "latest", within: int = 6, schedule: str = "daily"
    ) -> None:
        self.campaign_id, self.schedule_id, self.local, self.if_missed, self.held = "c", schedule, local, rule, ""
        self.due_at, self.expires_at = due, due + timedelta(hours=within)


def at(hour: int, day: int = 1) -> datetime:
    return datetime.fromisoformat(f"2027-07-{day:02d}T{hour:02d}:00:00+00:00")


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ("latest", ["missed", "missed", ""]),  # the first is past its 6 hours, the second has a newer one
        ("all", ["missed", "", ""]),
        ("none", ["missed", "missed", "missed"]),
    ],
)
async def test_the_catch_up_rule_says_which_missed_ones_still_start(rule: str, wanted: list[str]) -> None:
    rows = [
        Row("2027-07-01T01:00", at(1), rule=rule),
        Row("2027-07-01T06:00", at(6), rule=rule),
        Row("2027-07-01T08:00", at(8), rule=rule),
    ]

    found = catch_up(rows, at(9))

    assert [missed for _, missed in found] == wanted


async def test_an_occurrence_that_is_on_time_starts_whatever_the_rule() -> None:
    found = catch_up([Row("2027-07-01T01:00", at(1), rule="none")], at(1) + timedelta(seconds=2))

    assert [missed for _, missed in found] == [""]


async def test_different_schedules_do_not_take_each_other_for_backlog() -> None:
    rows = [Row("2027-07-01T06:00", at(6)), Row("2027-07-01T08:00", at(8), schedule="other")]

    assert [missed for _, missed in catch_up(rows, at(9))] == ["", ""]


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    from broadcaster.ledger import checkpoint

    monkeypatch.setenv("OFFICE_KEY", "k")
    checkpoint.generate(tmp_path / "ledger.key")
    (tmp_path / "config.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "content").mkdir()
    return load(tmp_path / "config.toml")


async def idle(engine: Engine) -> None:
    async with asyncio.timeout(10):
        while not (engine.idle and all(lane.at_rest for lane in engine.worker.lanes)):
            await asyncio.sleep(0.005)


async def test_settings_are_noted_when_they_change_and_only_then(office: Config, clock: SteppedClock) -> None:
    database = Database(office.database.url, folder=office.folder)
    upgrade(database)

    for cap in (3, 3, 2):
        office.defaults.cap_per_24h = cap
        engine = build_engine(office, database, clock)
        engine.worker.start()
        await idle(engine)
        await engine.close()

    with database.reading() as connection:
        seen = [json.loads(raw) for (raw,) in connection.execute(text("SELECT raw FROM ledger_entry"))]
    assert [entry["cap_per_24h"] for entry in seen if entry["kind"] == "settings.seen"] == [3, 2]
    database.close()


def _row(database: Database, number: int) -> Any:
    with database.reading() as connection:
        return broadcast.get(connection, number)


async def test_an_unexpanded_broadcast_that_expires_keeps_its_recipient_count(
    office: Config, clock: SteppedClock
) -> None:
    database = Database(office.database.url, folder=office.folder)
    upgrade(database)
    with transaction(database, clock) as tx:
        number = make_ground(tx, 7, due_at=clock.now() - timedelta(days=1), expires_at=clock.now() - timedelta(hours=1))
    engine = build_engine(office, database, clock)

    await engine.planner.start()
    await engine.close()

    row = _row(database, number)
    assert (row.state, row.held, row.planned) == ("expired", "missed", 7)
    database.close()


async def test_three_days_of_backlog_start_one_broadcast(office: Config, clock: SteppedClock) -> None:
    database = Database(office.database.url, folder=office.folder)
    upgrade(database)
    later = clock.now() + timedelta(days=3)
    with transaction(database, clock) as tx:
        first = make_ground(tx, 2, due_at=clock.now() - timedelta(days=3), expires_at=later)
        days = [
            make_broadcast(tx, group=1, due_at=clock.now() - timedelta(days=day), expires_at=later) for day in (2, 1, 0)
        ]
        make_plan(tx)
    engine = build_engine(office, database, clock)

    await engine.planner.start()
    await engine.close()

    found = [_row(database, number) for number in (first, *days)]
    assert [row.state for row in found] == ["expired", "expired", "expired", "running"]
    assert date.fromisoformat(found[-1].local[:10]) == clock.now().date()
    database.close()


@pytest.mark.parametrize(
    ("spoil", "held"),
    [
        ({"senders": {"sms": "OTHER"}}, "sender_changed"),
        ({"schedule": "another"}, "tampered"),
        (None, "tampered"),
    ],
)
async def test_a_plan_that_is_not_what_was_approved_holds_its_broadcasts(
    office: Config, clock: SteppedClock, spoil: dict[str, Any] | None, held: str
) -> None:
    database = Database(office.database.url, folder=office.folder)
    upgrade(database)
    with transaction(database, clock) as tx:
        number = make_ground(tx, 2)
        if spoil:
            make_plan(tx, **spoil)
    engine = build_engine(office, database, clock)

    await engine.planner.start()
    await engine.close()

    row = _row(database, number)
    assert (row.state, row.held) == ("planned", held)
    database.close()


async def test_a_sender_changed_while_it_ran_pauses_it_at_the_next_start(office: Config, clock: SteppedClock) -> None:
    database = Database(office.database.url, folder=office.folder)
    upgrade(database)
    with transaction(database, clock) as tx:
        number = make_ground(tx, 2, state="running", expansion="done")
        make_plan(tx, senders={"sms": "OTHER"})
    engine = build_engine(office, database, clock)

    await engine.planner.plan()
    await engine.close()

    row = _row(database, number)
    assert (row.state, row.held) == ("paused", "sender_changed")
    database.close()


class Never:
    """A provider that always says: too fast."""

    name = "sms"
    traits = SMS

    def __init__(self) -> None:
        self.asked = 0

    def check(self, outgoing: Outgoing) -> list[str]:
        return []

    async def send(self, outgoing: Outgoing, *, timeout: float) -> Accepted:
        self.asked += 1
        raise Throttled("429", wait=timedelta(seconds=20))

    async def close(self) -> None: ...


async def test_until_idle_ends_against_a_provider_that_throttles_for_ever(
    office: Config, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(office.database.url, folder=office.folder)
    upgrade(database)
    with transaction(database, clock) as tx:
        make_ground(tx, 2)
        make_plan(tx)
    never = Never()
    monkeypatch.setattr(registry, "build", lambda _settings: never)
    monkeypatch.setattr(app, "refresh_facts", lambda _tx, _file: None)
    engine = build_engine(office, database, clock, poll=timedelta(minutes=5))
    engine.worker.start()
    began = clock.now()

    ending = asyncio.create_task(engine.until_idle())
    for _ in range(100):
        await idle(engine)
        if ending.done():
            break
        await asyncio.sleep(0.05)  # until it has looked, and waits
        if clock.next_waiter():
            clock.move_by(timedelta(seconds=5))
    ended = ending.done()
    ending.cancel()
    await engine.close()

    assert ended
    assert ending.exception() is None
    assert never.asked > 1
    assert clock.now() - began <= timedelta(seconds=90)
    database.close()
