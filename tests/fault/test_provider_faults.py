"""A provider at its worst, through the whole engine: cut lines, errors and silence after taking, throttling, garbage, refusals.

After reconciliation our word is the book's word, one by one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from broadcaster.app import Engine, build_engine
from broadcaster.clock import SteppedClock
from broadcaster.config import Config, load
from broadcaster.content.files import read_facts
from broadcaster.db.engine import Database
from broadcaster.ledger import checkpoint
from broadcaster.ledger.store import transaction
from broadcaster.simulator.book import Book
from broadcaster.simulator.faults import Fault
from broadcaster.simulator.twilio import TwilioSimulator, segments
from tests.builders import make_ground, make_plan
from tests.dispatch.test_lane import ledger, start, states
from tests.fault.conftest import CHANNEL
from tests.fault.test_while_running import FACT

pytestmark = pytest.mark.anyio

PEOPLE = 300
SEED = 30072027
DOUBT = timedelta(minutes=11)  # a look-up that finds nothing is believed ten minutes later, the second time
FAULTS = [
    Fault(do="cut-after", probability=0.05),
    Fault(do="error-after", probability=0.05),
    Fault(do="silence-after", probability=0.03, times=3),
    Fault(do="half-after", probability=0.03),
    Fault(do="garbage-after", probability=0.03),
    Fault(do="empty-after", probability=0.03),
    Fault(do="cut-before", probability=0.05),
    Fault(do="error-before", probability=0.05),
    Fault(do="garbage-before", probability=0.03),
    Fault(do="silence-before", probability=0.03, times=3),
    Fault(do="redirect", probability=0.03),
    Fault(do="throttle", probability=0.05, retry_after="3"),
    Fault(do="refuse", probability=0.03, status=400, code=21614),
]
OFFICE = """
[office]
key = { env = "OFFICE_KEY" }
[defaults]
cap_per_24h = 0
require_consent = false
[ledger]
key = { file = "ledger.key" }
"""


def office(folder: Path, url: str, patch: pytest.MonkeyPatch) -> Config:
    patch.setenv("OFFICE_KEY", "k")
    patch.setenv("TWILIO_AUTH_TOKEN", "t")
    (folder / "content").mkdir()
    (folder / "content" / "facts.toml").write_text(FACT.format(value="111"), encoding="utf-8")
    checkpoint.generate(folder / "ledger.key")
    channel = CHANNEL.format(url=url, concurrency=16).replace('timeout = "5s"', 'timeout = "1s"')
    (folder / "config.toml").write_text(OFFICE + channel, encoding="utf-8")
    return load(folder / "config.toml")


async def drive(engine: Engine, clock: SteppedClock) -> int:
    """Send and look up until nothing is open; how many rounds that took."""
    engine.worker.start()
    for round_ in range(1, 25):
        await engine.plan()
        async with asyncio.timeout(60):
            await clock.run(idle=lambda: engine.idle, until=clock.now() + timedelta(minutes=2))
        await engine.reconcile()
        if not engine.open():
            await engine.close()
            return round_
        clock.move_by(DOUBT)
    raise AssertionError(f"still open: {engine._open()}")


async def test_after_the_worst_provider_our_word_is_the_book_s_word(
    database: Database, clock: SteppedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with TwilioSimulator(book=Book(clock=clock)) as provider:
        provider.play(*FAULTS, seed=SEED)
        config = office(tmp_path, provider.url, monkeypatch)
        facts, _ = read_facts(tmp_path / "content" / "facts.toml")
        with transaction(database, clock) as tx:
            number = make_ground(tx, PEOPLE)
            tx.connection.execute(text("UPDATE revision_fact SET digest = :d"), {"d": facts["hotline"].digest})
            make_plan(tx, senders={"sms": "MINHHOA"})
        start(database, clock, number)

        await drive(build_engine(config, database, clock, poll=timedelta(minutes=1)), clock)

        book, requests = provider.book.accepted(), provider.book.entries

    found = states(database, number)
    assert found.keys() <= {"accepted", "failed"}
    assert sum(found.values()) == PEOPLE
    assert {one.decision for one in requests} >= {fault.do for fault in FAULTS} - {"throttle", "refuse"}
    with database.reading() as connection:
        rows = connection.execute(
            text("SELECT d.id, a.value, d.state, d.provider_id FROM dispatch d JOIN address a ON a.id = d.address_id")
        ).all()
        parts = connection.execute(text("SELECT sum(parts) FROM attempt")).scalar_one()
    assert max(Counter(one.to for one in book).values()) == 1
    assert {row.value: row.provider_id for row in rows if row.state == "accepted"} == {one.to: one.id for one in book}
    refused = {one.to for one in requests if one.decision == "refused 21614"}
    assert {row.value for row in rows if row.state == "failed"} == refused
    assert parts == sum(segments(one.body) for one in book)  # what is billed
    intents = Counter(entry["d"] for entry in ledger(database, "attempt.intent"))
    asked = Counter(one.to for one in requests)
    assert all(asked[row.value] <= intents[row.id] for row in rows)
