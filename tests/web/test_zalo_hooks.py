"""Zalo's events at the real door: verified, kept once, and without the person who stands in them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import text
from starlette.applications import Starlette

from broadcaster.channel import provider_item
from broadcaster.channel.address import suppression_key
from broadcaster.channel.vault import Vault
from broadcaster.clock import SteppedClock
from broadcaster.config import load
from broadcaster.db.engine import Database
from broadcaster.simulator.book import Book
from broadcaster.simulator.zalo import ZaloSimulator
from broadcaster.web import hooks
from tests.web.callback_office import served

pytestmark = pytest.mark.anyio

FOLLOWER = "2512523625412515"
CONFIG = """
[office]
key = { env = "OFFICE_KEY" }
[web]
public_url = "https://tinh.example"
[channels.zalo]
adapter = "zalo-oa"
mode = "template"
app_id = "2074138120372622546"
app_secret = { env = "TEST_ZALO" }
oa_id = "2893352839501541173"
refresh_token = { env = "TEST_ZALO" }
template_id = "7895417a7d3f9461cd2e"
template_data = { noi_dung = "{text}" }
"""


class Door:
    def __init__(self, url: str, http: aiohttp.ClientSession, database: Database, other: ZaloSimulator) -> None:
        self.url, self.http, self.database, self.other = url, http, database, other

    async def call(self, event: dict[str, Any], **signed: str) -> int:
        headers, body = self.other.callback(event, **signed)
        async with self.http.post(f"{self.url}/hooks/zalo-oa/zalo", data=body, headers=headers) as answer:
            return answer.status

    def inbox(self) -> list[Any]:
        with self.database.reading() as connection:
            return list(connection.execute(text("SELECT * FROM inbox ORDER BY id")).mappings())


@pytest.fixture
async def door(
    sqlite_database: Database, clock: SteppedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Door]:
    monkeypatch.setenv("OFFICE_KEY", "office-key")
    monkeypatch.setenv("TEST_ZALO", "zalo-secret-canary")
    (tmp_path / "config.toml").write_text(CONFIG)
    app = Starlette(routes=list(hooks.routes))
    app.state.hooks = hooks.Hooks(load(tmp_path / "config.toml"), sqlite_database, clock)
    try:
        async with served(app) as url, aiohttp.ClientSession() as http:
            yield Door(url, http, sqlite_database, ZaloSimulator(book=Book(clock=clock)))
    finally:
        app.state.hooks.close()


async def test_a_delivery_is_kept_once_with_our_reference(door: Door) -> None:
    event = {
        "event_name": "user_received_message", "recipient": {"id": "84912345678"},
        "message": {"msg_id": "15a0cc0bbb13bd4ce403", "tracking_id": "vp-1-1-0a1b2c3d"},
    }  # fmt: skip

    statuses = [await door.call(event) for _ in range(3)]

    rows = door.inbox()
    assert statuses == [200] * 3
    assert [(row["state"], row["provider_id"]) for row in rows] == [("delivered", "15a0cc0bbb13bd4ce403")]
    assert "84912345678" not in str(rows)


@pytest.mark.parametrize(
    "event",
    [
        {"event_name": "unfollow", "follower": {"id": FOLLOWER}},
        {"event_name": "user_send_text", "sender": {"id": FOLLOWER}, "message": {"msg_id": "m", "text": "TC"}},
    ],
)
async def test_who_leaves_or_refuses_is_known_by_the_key_of_the_zalo_id(door: Door, event: Any) -> None:
    status = await door.call(event)

    (row,) = door.inbox()
    assert (status, row["what"]) == (200, "refusal")
    assert bytes(row["address_key"]) == suppression_key(b"office-key", "zalo", FOLLOWER)
    assert FOLLOWER not in str(row)


async def test_a_forged_event_is_refused(door: Door) -> None:
    status = await door.call({"event_name": "unfollow", "follower": {"id": FOLLOWER}}, secret="wrong")

    assert (status, door.inbox()) == (403, [])


async def test_a_templates_review_is_written_down(door: Door, clock: SteppedClock) -> None:
    event = {
        "event_name": "change_template_status", "template_id": "7895417a7d3f9461cd2e",
        "status": {"new_status": "REJECT"}, "reason": "Chưa phù hợp",
    }  # fmt: skip

    status = await door.call(event)

    shown = Vault(door.database, clock, b"office-key").read(partial(provider_item.reviews, channel="zalo"))
    assert status == 200
    assert [(one["state"], one["reason"]) for one in shown] == [("refused", "Chưa phù hợp")]
