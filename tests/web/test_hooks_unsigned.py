"""The gateways that sign nothing, each as its documents say it calls, through a real server to the dispatch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from callback_office import Office, office

from broadcaster.clock import SteppedClock
from broadcaster.config import load
from broadcaster.db.engine import Database
from broadcaster.web.hooks import Hooks

pytestmark = pytest.mark.anyio
KEY = "vp-1-1-00000000"
GATEWAYS = """
[channels.esms]
adapter = "esms"
api_key = { env = "GATEWAY_SECRET" }
secret_key = { env = "GATEWAY_SECRET" }
brandname = "MINHHOA"
[channels.speed]
adapter = "speedsms"
access_token = { env = "GATEWAY_SECRET" }
sender = "MINHHOA"
[channels.kannel]
adapter = "kannel"
api_base = "http://127.0.0.1:13013"
username = "tinh"
password = { env = "GATEWAY_SECRET" }
"""
# adapter, channel, method, query, body, what it says
ESMS = (
    f"attempt={KEY}&SMSID=c82cd356-bf49-4113-9466-65a7f6359c96&SendStatus=5&SendSuccess=1&SendFailed=0&TotalReceiver=1"
)
CALLS: list[Any] = [
    ("esms", "esms", "GET", ESMS, b""),
    ("speedsms", "speed", "POST", "", b'{"type": "report", "tranId": 4711, "phone": "84912345678", "status": 0}'),
    ("kannel", "kannel", "GET", f"attempt={KEY}&status=1&reply=id%3A1", b""),
]


@pytest.fixture
async def desk(
    sqlite_database: Database, clock: SteppedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Office]:
    monkeypatch.setenv("GATEWAY_SECRET", "gateway-secret-canary")
    async with office(tmp_path, sqlite_database, clock, monkeypatch) as found:
        path = tmp_path / "config.toml"
        path.write_text(path.read_text(encoding="utf-8") + GATEWAYS, encoding="utf-8")
        found.app.state.hooks = Hooks(load(path), sqlite_database, clock)
        yield found
        found.app.state.hooks.close()


async def call(desk: Office, adapter: str, name: str, method: str, query: str, body: bytes, *, token: str = "") -> int:
    channel: Any = desk.app.state.hooks.channel(adapter, name)
    url = f"{desk.url}/hooks/{adapter}/{name}/{token or channel.hook_token}?{query}"
    async with desk.http.request(method, url, data=body or None) as answer:
        await answer.read()
        return answer.status


@pytest.mark.parametrize(("adapter", "name", "method", "query", "body"), CALLS)
async def test_whoever_knows_the_end_of_the_path_is_heard_and_nobody_else(
    desk: Office, adapter: str, name: str, method: str, query: str, body: bytes
) -> None:
    forged = await call(desk, adapter, name, method, query, body, token="0" * 32)
    before = desk.rows("SELECT id FROM inbox")
    heard = await call(desk, adapter, name, method, query, body)
    again = await call(desk, adapter, name, method, query, body)

    rows = desk.rows("SELECT channel, state, reference FROM inbox")
    assert (forged, before, heard, again) == (403, [], 200, 200)
    assert [tuple(row) for row in rows] == [(name, "delivered", KEY if adapter != "speedsms" else "")]


async def test_a_reply_to_a_two_way_number_of_a_gateway_is_heard(desk: Office) -> None:
    body = '{"type": "sms", "phone": "84900000001", "content": "Từ chối"}'.encode()

    answer = await call(desk, "speedsms", "speed", "POST", "", body)
    await desk.engine.hear()

    assert answer == 200
    assert [tuple(row) for row in desk.rows("SELECT kind, source FROM suppression")] == [("phone", "reply:speed")]
