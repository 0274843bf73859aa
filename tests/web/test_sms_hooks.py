"""Gateways that sign nothing: only who knows the end of the path is heard, and a report heard often is heard once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import text
from starlette.applications import Starlette

from broadcaster.clock import SteppedClock
from broadcaster.config import load
from broadcaster.db.engine import Database
from broadcaster.web import hooks
from tests.web.callback_office import served

pytestmark = pytest.mark.anyio

CONFIG = """
[office]
key = { env = "OFFICE_KEY" }
[web]
public_url = "https://tinh.example"
[channels.esms]
adapter = "esms"
api_key = { env = "OFFICE_KEY" }
secret_key = { env = "GATEWAY" }
brandname = "MINHHOA"
[channels.esms2]
adapter = "esms"
api_key = { env = "OFFICE_KEY" }
secret_key = { env = "GATEWAY" }
brandname = "MINHHOA"
[channels.speedsms]
adapter = "speedsms"
access_token = { env = "GATEWAY" }
sender = "MINHHOA"
[channels.kannel]
adapter = "kannel"
username = "office"
password = { env = "GATEWAY" }
from = "MINHHOA"
"""
SMSID = "dc712784-9c5f-4c69-b9a8-ea69d56adc9a87"
REPORTS = {  # adapter -> query, body of a genuine report
    "esms": (
        f"attempt=vp-1-1-0a1b2c3d&SMSID={SMSID}&SendFailed=0&SendStatus=5&SendSuccess=1&phonenumber=0901888484",
        b"",
    ),
    "speedsms": ("", b'{"type":"report","tranId":10000001,"phone":"84901888484","status":0}'),
    "kannel": ("attempt=vp-1-1-0a1b2c3d&status=1&answer=", b""),
}


class Desk:
    def __init__(self, url: str, http: aiohttp.ClientSession, hooks_: hooks.Hooks, database: Database) -> None:
        self.url, self._http, self.hooks, self._database = url, http, hooks_, database

    def token(self, adapter: str, name: str = "") -> str:
        channel: Any = self.hooks.channel(adapter, name or adapter)
        return str(channel.hook_token)

    async def call(self, adapter: str, path: str) -> int:
        query, body = REPORTS[adapter]
        url = f"{self.url}/hooks/{path}?{query}"
        async with self._http.request("POST" if body else "GET", url, data=body or None) as answer:
            return answer.status

    def inbox(self) -> list[Any]:
        with self._database.reading() as connection:
            return list(connection.execute(text("SELECT * FROM inbox")).mappings())


@asynccontextmanager
async def desk_of(folder: Path, database: Database, clock: SteppedClock) -> AsyncIterator[Desk]:
    (folder / "config.toml").write_text(CONFIG)
    app = Starlette(routes=list(hooks.routes))
    app.state.hooks = hooks.Hooks(load(folder / "config.toml"), database, clock)
    try:
        async with served(app) as url, aiohttp.ClientSession() as http:
            yield Desk(url, http, app.state.hooks, database)
    finally:
        app.state.hooks.close()


@pytest.fixture
async def desk(
    sqlite_database: Database, clock: SteppedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Desk]:
    monkeypatch.setenv("OFFICE_KEY", "office-key")
    monkeypatch.setenv("GATEWAY", "gateway-secret-canary")
    async with desk_of(tmp_path, sqlite_database, clock) as made:
        yield made


@pytest.mark.parametrize("adapter", REPORTS)
async def test_a_report_at_the_secret_path_is_kept_without_the_number(adapter: str, desk: Desk) -> None:
    status = await desk.call(adapter, f"{adapter}/{adapter}/{desk.token(adapter)}")

    assert status == 200
    assert len(desk.inbox()) == 1
    assert "901888484" not in str(desk.inbox())


@pytest.mark.parametrize("adapter", REPORTS)
async def test_a_report_elsewhere_is_refused_and_counted(adapter: str, desk: Desk) -> None:
    good = desk.token(adapter)
    others = {"esms": "kannel", "speedsms": "esms", "kannel": "speedsms"}
    forged = ["", "0" * 32, good[:-1], good + "0", good.upper(), desk.token(others[adapter])]
    forged += [desk.token("esms", "esms2")]  # the same account, another channel

    statuses = [await desk.call(adapter, f"{adapter}/{adapter}/{token}".rstrip("/")) for token in forged]
    nowhere = [
        await desk.call(adapter, f"{adapter}/nosuch/{good}"),
        await desk.call(adapter, f"twilio/{adapter}/{good}"),
    ]

    assert statuses == [403] * len(forged)
    assert nowhere == [404, 404]
    assert desk.inbox() == []


@pytest.mark.parametrize("adapter", REPORTS)
async def test_a_report_that_comes_a_hundred_times_at_once_is_kept_once(adapter: str, desk: Desk) -> None:
    path = f"{adapter}/{adapter}/{desk.token(adapter)}"

    statuses = await asyncio.gather(*(desk.call(adapter, path) for _ in range(100)))

    assert set(statuses) == {200}
    assert len(desk.inbox()) == 1
