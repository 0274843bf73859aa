"""What changes while a broadcast runs: a fact in its file, and a stop set by another process at full speed."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from broadcaster.channel.base import Accepted, Outgoing
from broadcaster.clock import SteppedClock, SystemClock
from broadcaster.content.files import read_facts
from broadcaster.content.store import refresh_facts
from broadcaster.db.engine import Database
from broadcaster.dispatch import stop as stops
from broadcaster.dispatch.dispatch import Patience
from broadcaster.dispatch.lane import Lane, LaneRules, Signature
from broadcaster.dispatch.worker import Worker
from broadcaster.ledger.store import Transaction, transaction
from broadcaster.ledger.writer import Writer
from tests.builders import OFFICE_KEY, make_road
from tests.dispatch.test_lane import Phone, begin, ledger, states

pytestmark = pytest.mark.anyio

FACT = """
[hotline]
value = "{value}"
speech.vi = "một một một"
title.vi = "Tổng đài"
source = "Nghị định 162/2025/NĐ-CP"
verified_on = 2026-11-01
verify_by = 2027-12-31
"""


def lane_of(
    database: Database, clock: SteppedClock | SystemClock, writer: Writer, phone: Phone, **values: object
) -> Lane:
    patience = Patience(attempts=3, first=timedelta(seconds=30), most=timedelta(minutes=30))
    rules = LaneRules(rate=0.0, concurrency=32, timeout=5, patience=patience, poll=timedelta(minutes=1))
    return Lane(
        phone, make_road(), rules, database=database, writer=writer, clock=clock,
        signature=Signature(office="vp", secret=OFFICE_KEY), chance=lambda: 0.0, **values,
    )  # type: ignore[arg-type]  # fmt: skip


@pytest.mark.parametrize("after", [FACT.format(value="112"), "[hotline\n", None])
async def test_no_intent_quotes_a_fact_that_was_changed_broken_or_removed_meanwhile(
    database: Database, clock: SteppedClock, tmp_path: Path, after: str | None
) -> None:
    path = tmp_path / "content" / "facts.toml"
    path.parent.mkdir()
    path.write_text(FACT.format(value="111"), encoding="utf-8")
    number = begin(database, clock, 300)
    digest = read_facts(path)[0]["hotline"].digest
    with database.writing() as connection:
        connection.execute(text("UPDATE revision_fact SET digest = :d"), {"d": digest})
    phone = Phone()

    def change_at_fifty(outgoing: Outgoing) -> Accepted:
        if len(phone.book) == 50:
            path.write_text(after, encoding="utf-8") if after is not None else path.unlink()
        return Accepted(provider_id=outgoing.key)

    phone.answer = change_at_fifty

    def refresh(tx: Transaction) -> None:
        refresh_facts(tx, path)

    writer = Writer(database, clock)
    worker = Worker([lane_of(database, clock, writer, phone, refresh=refresh)])
    worker.start()
    async with asyncio.timeout(30):
        await clock.run(idle=lambda: writer.idle and worker.idle, until=clock.now())
    await worker.close()
    writer.close()

    changed = ledger(database, "fact.change")[-1]["seq"]
    assert [entry for entry in ledger(database, "attempt.intent") if entry["seq"] > changed] == []
    found = states(database, number)
    assert found["planned"] >= 300 - 50 - 2 * 32
    assert found.keys() == {"planned", "accepted"}
    assert ledger(database, "broadcast.hold")[-1]["reason"] == "stale"


class Clocked(Phone):
    """Answers after two milliseconds, and writes down when each request began."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[float] = []

    async def send(self, outgoing: Outgoing, *, timeout: float) -> Accepted:
        self.begun.append(time.monotonic())
        await asyncio.sleep(0.002)
        return await super().send(outgoing, timeout=timeout)


async def test_a_stop_at_full_speed_ends_sending_within_a_second(database: Database, clock: SteppedClock) -> None:
    clock.move_to(SystemClock().now())  # the rows are due in real time here
    begin(database, clock, 3000)
    other = Database(database.url)
    real, phone = SystemClock(), Clocked()
    writer = Writer(database, real)
    worker = Worker([lane_of(database, real, writer, phone)])
    worker.start()
    while len(phone.begun) < 200:
        await asyncio.sleep(0.005)

    def stop() -> float:
        with transaction(other, real) as tx:
            stops.set_(tx, scope="everything", subject="", reason="sai số", until=None, by="lan")
        return time.monotonic()

    committed = await asyncio.to_thread(stop)
    await asyncio.sleep(1.2)
    at_rest = len(phone.begun)
    await worker.close()
    writer.close()
    other.close()

    stop_at = ledger(database, "stop.set")[0]["seq"]
    assert [entry for entry in ledger(database, "attempt.intent") if entry["seq"] > stop_at] == []
    assert max(phone.begun) - committed < 1.0
    assert len(phone.begun) == at_rest < 3000
