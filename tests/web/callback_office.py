"""An office that can be called back: a real server on loopback in front of the hooks, and the Twilio simulator behind."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvicorn
from sqlalchemy import insert, text
from starlette.applications import Starlette

from broadcaster.app import Engine, build_engine
from broadcaster.clock import SteppedClock
from broadcaster.config import Config, load
from broadcaster.content.files import read_facts
from broadcaster.db.engine import Database
from broadcaster.db.tables import Meta, Plan, table
from broadcaster.ledger import checkpoint
from broadcaster.ledger.store import transaction
from broadcaster.schedule.spec import CampaignSpec, IfMissed, ScheduleSpec, When
from broadcaster.schedule.store import PlanDocument
from broadcaster.simulator.book import Book
from broadcaster.simulator.twilio import TwilioSimulator
from broadcaster.web import hooks, opt_out
from tests.builders import make_approval
from tests.dispatch.test_lane import begin
from tests.fault.test_while_running import FACT

ACCOUNT = "AC00000000000000000000000000000111"
TOKEN = "twilio-secret-canary"
CONFIG = """
[office]
key = {{ env = "OFFICE_KEY" }}
[web]
public_url = "{public}"
[defaults]
cap_per_24h = 0
require_consent = false
[ledger]
key = {{ file = "ledger.key" }}
[duty]
channel = "sms"
to = "+84900000999"
[channels.sms]
adapter = "twilio"
account_sid = "{account}"
auth_token = {{ env = "TWILIO_AUTH_TOKEN" }}
from = "MINHHOA"
api_base = "{api}"
concurrency = 16
timeout = "2s"
[channels.web]
adapter = "feed"
"""


@dataclass(slots=True)
class Office:
    config: Config
    database: Database
    clock: SteppedClock
    provider: TwilioSimulator
    engine: Engine
    hooks: hooks.Hooks
    url: str
    http: aiohttp.ClientSession
    app: Starlette

    async def send(self) -> None:
        """Everything that is due, and every callback about it."""
        await self.engine.plan()
        async with asyncio.timeout(30):
            await self.clock.run(idle=lambda: self.engine.idle, until=self.clock.now() + timedelta(seconds=30))
        await self.provider.calls.wait()

    async def post(self, path: str, body: bytes | io.BytesIO = b"", **headers: str) -> int:
        async with self.http.post(self.url + path, data=body, headers=headers) as answer:
            await answer.read()
            return answer.status

    def rows(self, sql: str, **values: Any) -> list[Any]:
        with self.database.reading() as connection:
            return list(connection.execute(text(sql), values).all())

    def begin(self, people: int = 3, *, said: str = "Gọi 111") -> int:
        """A broadcast under an approved plan that may leave at once; its number."""
        plan = plan_document()
        with transaction(self.database, self.clock) as tx:
            tx.connection.execute(text("DELETE FROM fact"))
        number = begin(self.database, self.clock, people, authority=plan.hash, said=said)
        facts, _ = read_facts(self.config.path("content/facts.toml"))
        with transaction(self.database, self.clock) as tx:
            for name in ("revision_fact", "fact"):
                tx.connection.execute(text(f"UPDATE {name} SET digest = :d"), {"d": facts["hotline"].digest})
            row = {
                "hash": plan.hash,
                "campaign_id": "c",
                "canonical": plan.raw,
                "headcount": people,
                "created_at": tx.now,
            }
            tx.connection.execute(insert(table(Plan)).values(row))
            make_approval(tx, kind="plan", name="c2", subject=plan.hash)
        return number


def plan_document() -> PlanDocument:
    since, until = date(2027, 7, 1), date(2027, 8, 31)
    daily = ScheduleSpec(
        id="daily", messages=("hotline-111",), when=When(daily=("08:00",), since=since, until=until),
        channels=(("sms",),), group="border", if_missed=IfMissed(within=6 * 3600),
    )  # fmt: skip
    spec = CampaignSpec(
        id="c", title="c", since=since, until=until, timezone="Asia/Ho_Chi_Minh", languages=("vi",), quiet_hours="",
        cap_per_24h=0, require_consent=True, schedules=(daily,),
    )  # fmt: skip
    return PlanDocument(campaign=spec, senders={"sms": "MINHHOA"}, groups={"border": 2}, headcount=2)


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """The application behind a real socket."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", access_log=False))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:
            await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


def no_summaries(database: Database, clock: SteppedClock) -> None:
    """The officer's two summaries a day stand as told for a month: these tests count every message that leaves."""
    days = [clock.now().date() + timedelta(days=n) for n in range(-1, 30)]
    rows = [{"name": f"told:summary:{day.isoformat()}:{part}", "value": ""} for day in days for part in (0, 1)]
    with database.writing() as connection:
        connection.execute(insert(table(Meta)), rows)


@asynccontextmanager
async def office(
    folder: Path,
    database: Database,
    clock: SteppedClock,
    patch: pytest.MonkeyPatch,
    *,
    public: bool = True,
    running: bool = True,
) -> AsyncIterator[Office]:
    patch.setenv("OFFICE_KEY", "office-key-of-the-tests")
    patch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
    (folder / "content").mkdir()
    (folder / "content" / "facts.toml").write_text(FACT.format(value="111"), encoding="utf-8")
    checkpoint.generate(folder / "ledger.key")
    no_summaries(database, clock)
    app = Starlette(routes=[*hooks.routes, *opt_out.routes])
    async with TwilioSimulator(book=Book(clock=clock)) as provider, served(app) as url, aiohttp.ClientSession() as http:
        told = CONFIG.format(public=url if public else "", account=ACCOUNT, api=provider.url)
        (folder / "config.toml").write_text(told, encoding="utf-8")
        config = load(folder / "config.toml")
        app.state.hooks = hooks.Hooks(config, database, clock)
        engine = build_engine(config, database, clock, poll=timedelta(minutes=1))
        if running:
            engine.worker.start()
        try:
            yield Office(config, database, clock, provider, engine, app.state.hooks, url, http, app)
        finally:
            await engine.close()
            app.state.hooks.close()
