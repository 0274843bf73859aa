"""What changes while a broadcast runs: a fact in its file, and a stop set by another process at full speed."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

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
from tests.fault.conftest import SLOW, Office, Provider, ended, moment, wait_until

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


def lane_of(database: Database, clock: SteppedClock | SystemClock, writer: Writer, phone: Phone, **values: Any) -> Lane:
    patience = Patience(attempts=3, first=timedelta(seconds=30), most=timedelta(minutes=30))
    rules = LaneRules(rate=0.0, concurrency=32, timeout=5, patience=patience, poll=timedelta(minutes=1))
    return Lane(
        phone, make_road(), rules, database=database, writer=writer, clock=clock,
        signature=Signature(office="vp", secret=OFFICE_KEY), chance=lambda: 0.0, **values,
    )  # fmt: skip


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


ROUNDS = 2
APPROVED = (
    "Thấy dấu hiệu mua bán người? Gọi 111 (miễn phí, 24/7) để được tư vấn, hướng dẫn. Nguy hiểm trước mắt: gọi 113."
)


class Clocked(Phone):
    """Answers after two milliseconds, and writes down when each request began."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[float] = []

    async def send(self, outgoing: Outgoing, *, timeout: float) -> Accepted:
        self.begun.append(time.monotonic())
        await asyncio.sleep(0.002)
        return await super().send(outgoing, timeout=timeout)


async def test_a_stop_at_full_speed_ends_sending_within_a_second_each_time(
    database: Database, clock: SteppedClock
) -> None:
    clock.move_to(SystemClock().now())  # the rows are due in real time here
    begin(database, clock, 3000)
    other = Database(database.url)
    real, phone = SystemClock(), Clocked()
    writer = Writer(database, real)
    worker = Worker([lane_of(database, real, writer, phone)])
    worker.start()
    last_after_stop, crept_out = [], 0

    for _ in range(ROUNDS):
        before = len(phone.begun)
        while len(phone.begun) < before + 200:
            await asyncio.sleep(0.005)
        number, committed = await asyncio.to_thread(_stop, other, real)
        await asyncio.sleep(1.0)
        last_after_stop.append(phone.begun[-1] - committed)
        at_rest = len(phone.begun)
        await asyncio.sleep(0.2)
        crept_out += len(phone.begun) - at_rest
        await asyncio.to_thread(_lift, other, real, number)
        worker.poke()
    await worker.close()
    writer.close()
    other.close()

    assert max(last_after_stop) < 1.0
    assert crept_out == 0
    assert len(phone.begun) < 3000
    assert max(Counter(outgoing.to for outgoing in phone.book).values()) == 1
    lifted = iter(entry["seq"] for entry in ledger(database, "stop.lift"))
    spans = [(entry["seq"], next(lifted)) for entry in ledger(database, "stop.set")]
    intents = [entry["seq"] for entry in ledger(database, "attempt.intent")]
    assert [seq for seq in intents if any(since < seq < until for since, until in spans)] == []


def _stop(database: Database, clock: SystemClock) -> tuple[int, float]:
    """The stop's number, and the moment after its commit."""
    with transaction(database, clock) as tx:
        number = stops.set_(tx, scope="everything", subject="", reason="sai số", until=None, by="lan")
    return number, time.monotonic()


def _lift(database: Database, clock: SystemClock, number: int) -> None:
    with transaction(database, clock) as tx:
        stops.lift(tx, number, asked_by="lan", signed_by="minh")


# -- real processes ---------------------------------------------------------------------------------------------------


def test_a_stop_typed_beside_a_sender_at_full_speed_ends_it_within_a_second(
    provider_of: Callable[[str], Provider], office_of: Callable[..., tuple[Office, str]]
) -> None:
    provider = provider_of("")
    office, number = office_of(provider.url, people=3000, concurrency=32)
    process = office.run()
    assert wait_until(lambda: provider.requests >= 100, seconds=30)

    office.type("stop", "--reason", "sai số", who="lan")
    assert wait_until(lambda: time.time() > moment(provider.book[-1]) + 1.5, seconds=10)
    process.send_signal(signal.SIGTERM)
    code, said = ended(process, seconds=10)

    entries = office.ledger
    stop = next(entry for entry in entries if entry["kind"] == "stop.set")
    assert [entry for entry in entries if entry["kind"] == "attempt.intent" and entry["seq"] > stop["seq"]] == []
    assert moment(provider.book[-1]) - datetime.fromisoformat(stop["ts"]).timestamp() < 1.0
    assert code == 1, said  # it says that a stop is on
    states = office.states(number)
    assert states.keys() == {"accepted", "planned"}
    assert states["accepted"] == len(provider.book) < 3000
    assert provider.twice == {}


def test_a_fact_changed_in_its_file_holds_the_sender_and_no_later_intent_quotes_it(
    provider_of: Callable[[str], Provider], office_of: Callable[..., tuple[Office, str]]
) -> None:
    provider = provider_of(SLOW.format(seconds=0.02))
    office, number = office_of(provider.url, people=600)
    process = office.run()
    assert wait_until(lambda: provider.requests >= 60, seconds=30)

    path = office.folder / "content" / "facts.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('value = "111"', 'value = "112"'), encoding="utf-8")
    assert wait_until(lambda: time.time() > moment(provider.book[-1]) + 1.0, seconds=10)
    process.send_signal(signal.SIGTERM)
    code, said = ended(process, seconds=10)

    assert code == 0, said
    entries = office.ledger
    changed = next(entry for entry in entries if entry["kind"] == "fact.change")
    assert [entry for entry in entries if entry["kind"] == "attempt.intent" and entry["seq"] > changed["seq"]] == []
    assert [entry["reason"] for entry in entries if entry["kind"] == "broadcast.hold"] == ["stale"]
    assert office.states(number).keys() == {"accepted", "planned"}
    assert len(provider.book) == office.states(number)["accepted"]


def test_a_file_edited_after_its_approval_changes_nothing_and_send_says_what_differs(
    provider_of: Callable[[str], Provider], office_of: Callable[..., tuple[Office, str]]
) -> None:
    provider = provider_of("")
    office, number = office_of(provider.url, people=20)
    approved = json.loads(office.type("message", "show", "hotline-111", "--json"))
    path = office.folder / "content" / "hotline" / "hotline-111.md"
    path.write_text(path.read_text(encoding="utf-8").replace("(miễn phí, 24/7) để", "(mất phí) để"), encoding="utf-8")

    assert ended(office.run("--until-idle"))[0] == 0
    code, _, said = office.typed("send", "hotline-111", "--channel", "sms", "--group", "border", who="lan")

    assert approved["state"] == "approved"
    assert office.states(number) == {"accepted": 20}
    assert {one["body"] for one in provider.book if "body" in one} == {APPROVED}
    assert len({one["body_sha256"] for one in provider.book}) == 1
    assert code == 1
    assert "differs from its approved revision" in said
    assert "sms" in said
