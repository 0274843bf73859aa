"""The three SMS gateways at their worst, through the whole engine, with reports called back over HTTP: our last word is theirs.

eSMS is repeated with the same key, Kannel's reports settle what was lost, and what SpeedSMS lost is left to people.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text
from starlette.applications import Starlette

from broadcaster.app import Engine, build_engine
from broadcaster.clock import SteppedClock
from broadcaster.config import load
from broadcaster.content.files import read_facts
from broadcaster.db.engine import Database
from broadcaster.db.tables import Plan, table
from broadcaster.ledger import checkpoint
from broadcaster.ledger.store import raws, transaction
from broadcaster.ledger.verify import audit
from broadcaster.simulator.book import Book
from broadcaster.simulator.esms import EsmsSimulator
from broadcaster.simulator.faults import Fault
from broadcaster.simulator.kannel import KannelSimulator
from broadcaster.simulator.provider import Provider
from broadcaster.simulator.speedsms import SpeedSmsSimulator
from broadcaster.web import hooks
from tests.builders import make_approval
from tests.dispatch.test_lane import begin, states
from tests.fault.test_provider_faults import FAULTS, SEED
from tests.fault.test_while_running import FACT
from tests.web.callback_office import plan_document, served

pytestmark = pytest.mark.anyio

PEOPLE = 100
DOUBT = timedelta(minutes=31)  # longer than any wait between two tries
CONFIG = """
[office]
key = {{ env = "OFFICE_KEY" }}
[web]
public_url = "{public}"
[defaults]
cap_per_24h = 0
require_consent = false
unknown_for = "3h"
[ledger]
key = {{ file = "ledger.key" }}
[channels.sms]
adapter = "{adapter}"
api_base = "{api}"
concurrency = 16
timeout = "1s"
{own}
"""
OWN = {
    "esms": 'api_key = { env = "OFFICE_KEY" }\nsecret_key = { env = "GATEWAY" }\nbrandname = "MINHHOA"',
    "kannel": 'username = "office"\npassword = { env = "GATEWAY" }\nfrom = "MINHHOA"',
    "speedsms": 'access_token = { env = "GATEWAY" }\nsender = "MINHHOA"',
}
REFUSALS = {
    "esms": {"status": 200, "code": 108},
    "kannel": {"status": 403, "text": "Not routable. Do not try again."},
    "speedsms": {"status": 200, "code": 105},
}


def gateway(adapter: str, clock: SteppedClock) -> Provider:
    made = {"esms": EsmsSimulator, "kannel": KannelSimulator, "speedsms": SpeedSmsSimulator}[adapter]
    provider: Provider = made(book=Book(clock=clock))
    return provider


def faults_of(adapter: str) -> Sequence[Fault]:
    kept = [fault for fault in FAULTS if fault.do != "refuse"]
    values: dict[str, Any] = REFUSALS[adapter]
    return [*kept, Fault(do="refuse", probability=0.08, **values)]


def start(database: Database, clock: SteppedClock, facts_file: Path) -> int:
    """A broadcast to everybody under an approved plan; its number."""
    plan = plan_document()
    number = begin(database, clock, PEOPLE, authority=plan.hash)
    facts, _ = read_facts(facts_file)
    row = {"hash": plan.hash, "campaign_id": "c", "canonical": plan.raw, "headcount": PEOPLE}
    with transaction(database, clock) as tx:
        tx.connection.execute(text("UPDATE revision_fact SET digest = :d"), {"d": facts["hotline"].digest})
        tx.connection.execute(insert(table(Plan)).values(row | {"created_at": tx.now}))
        make_approval(tx, kind="plan", name="c2", subject=plan.hash)
    return number


async def drive(engine: Engine, clock: SteppedClock, provider: Provider) -> None:
    """Send, hear what is called back and settle doubts until nothing is open."""
    engine.worker.start()
    for _ in range(16):
        await engine.plan()
        async with asyncio.timeout(60):
            await clock.run(idle=lambda: engine.idle, until=clock.now() + timedelta(minutes=2))
        if isinstance(provider, EsmsSimulator | KannelSimulator):
            await provider.calls.wait()
        await engine.hear()
        await engine.reconcile()
        if not engine.open():
            await engine.close()
            return
        clock.move_by(DOUBT)
    raise AssertionError(f"still open: {engine._open()}")


@pytest.mark.parametrize(
    ("adapter", "called_back"), [("esms", True), ("esms", False), ("kannel", True), ("speedsms", True)]
)
async def test_after_the_worst_gateway_our_word_is_the_book_s_word(
    adapter: str,
    called_back: bool,
    sqlite_database: Database,
    clock: SteppedClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database = sqlite_database
    monkeypatch.setenv("OFFICE_KEY", "k")
    monkeypatch.setenv("GATEWAY", "gateway-secret-canary")
    (tmp_path / "content").mkdir()
    (tmp_path / "content" / "facts.toml").write_text(FACT.format(value="111"), encoding="utf-8")
    checkpoint.generate(tmp_path / "ledger.key")
    app = Starlette(routes=list(hooks.routes))
    async with gateway(adapter, clock) as provider, served(app) as public:
        provider.play(*faults_of(adapter), seed=SEED)
        said = CONFIG.format(public=public if called_back else "", adapter=adapter, api=provider.url, own=OWN[adapter])
        (tmp_path / "config.toml").write_text(said, encoding="utf-8")
        config = load(tmp_path / "config.toml")
        app.state.hooks = hooks.Hooks(config, database, clock)
        number = start(database, clock, tmp_path / "content" / "facts.toml")
        engine = build_engine(config, database, clock, poll=timedelta(minutes=1))

        await drive(engine, clock, provider)

        app.state.hooks.close()
        book, requests = provider.book.accepted(), provider.book.entries

    with database.reading() as connection:
        about_sends = [fault for fault in audit(raws(connection), {})["faults"] if "sent again" in fault]
    assert about_sends == []  # what the auditor's own program says of the repeats
    taken = {one.to: one.id for one in book}
    refused = {one.to for one in requests if one.decision.startswith("refused") and "124" not in one.decision}
    with database.reading() as connection:
        rows = connection.execute(
            text("SELECT a.value, d.state, d.provider_id FROM dispatch d JOIN address a ON a.id = d.address_id")
        ).all()
    by_state: dict[str, set[str]] = {}
    for row in rows:
        by_state.setdefault(row.state, set()).add(row.value)
    assert sum(states(database, number).values()) == PEOPLE
    assert max(Counter(one.to for one in book).values()) == 1  # nobody twice
    assert by_state.pop("failed", set()) <= refused - set(taken)
    match adapter:
        case "esms":  # a report proves, else the key tells; a repeat that was refused says nothing of the try before it
            unresolved = by_state.pop("unresolved", set())
            assert unresolved <= refused
            assert by_state == {"delivered" if called_back else "accepted": set(taken) - unresolved}
            assert called_back or any(one.decision == "refused 124" for one in requests)
        case "kannel":  # a report proves; where there is none, nobody says that it was not sent
            assert by_state.pop("delivered") == set(taken)
            assert by_state.keys() == {"unresolved"}
        case "speedsms":  # no key, no list, no report yet: people decide
            assert by_state.keys() == {"accepted", "unresolved"}
            assert {row.value: row.provider_id for row in rows if row.state == "accepted"}.items() <= taken.items()
