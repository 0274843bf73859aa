"""Builders for channel tests: valid by default, one keyword to spoil."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from broadcaster.channel.base import Outgoing
from broadcaster.channel.vault import Vault
from broadcaster.clock import SystemClock
from broadcaster.config import ChannelCommon, ChannelSettings

NOW = datetime(2027, 7, 1, 1, 0, tzinfo=UTC)
ACCOUNT = "AC" + "a" * 32
TWILIO = {"account_sid": ACCOUNT, "auth_token": {"env": "TEST_TOKEN"}, "from": "VPTTBINH"}
TELEGRAM = {"token": {"env": "TEST_BOT"}}
ESMS = {"api_key": {"env": "TEST_TOKEN"}, "secret_key": {"env": "TEST_SECRET"}, "brandname": "VPTTBINH"}
SPEEDSMS = {"access_token": {"env": "TEST_SECRET"}, "sender": "VPTTBINH"}
KANNEL = {"username": "office", "password": {"env": "TEST_SECRET"}, "from": "VPTTBINH", "max_messages": 4}
OA = "2893352839501541173"
ZALO = {
    "app_id": "2074138120372622546", "app_secret": {"env": "TEST_ZALO"}, "oa_id": OA,
    "refresh_token": {"env": "TEST_REFRESH"}, "cover_url": "https://tinh.example/bia.jpg",
}  # fmt: skip
FACEBOOK = {"page_id": "104101101", "token": {"env": "TEST_PAGE"}}

MakeOutgoing = Callable[..., Outgoing]
MakeSettings = Callable[..., ChannelSettings]


@pytest.fixture
def make_outgoing() -> MakeOutgoing:
    def make(**spoilt: Any) -> Outgoing:
        values = {
            "key": "vp-12-1-0a1b2c3d",
            "dedupe_key": "vp-12",
            "to": "+84912345678",
            "text": "Nghi có mua bán người: gọi 111 (miễn phí, 24/7).",
            "title": "Gọi 111",
            "language": "vi",
            "link": "",
            "expires_at": NOW + timedelta(hours=6),
        }
        return Outgoing(**(values | spoilt))

    return make


@pytest.fixture
def make_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> MakeSettings:
    monkeypatch.setenv("TEST_TOKEN", "twilio-secret-canary")
    monkeypatch.setenv("TEST_BOT", "42:telegram-secret-canary")
    monkeypatch.setenv("TEST_SECRET", "gateway-secret-canary")
    monkeypatch.setenv("TEST_ZALO", "zalo-secret-canary")
    monkeypatch.setenv("TEST_REFRESH", "zalo-refresh-canary")
    monkeypatch.setenv("TEST_PAGE", "page-token-canary")

    def make(
        adapter: str, own: dict[str, Any] | None = None, *, name: str = "", public_url: str = "", **common: Any
    ) -> ChannelSettings:
        vault = common.pop("vault", None)
        if adapter == "zalo-oa":  # it keeps its tokens and articles in the office's database
            common = {"monthly_quota": 1000, **common}
            vault = vault or Vault(
                request.getfixturevalue("sqlite_database"), SystemClock(), b"office-key-of-the-tests"
            )
        return ChannelSettings(
            vault=vault,
            name=name or adapter,
            common=ChannelCommon(adapter=adapter, **common),
            own=own or {},
            folder=tmp_path,
            public_folder=tmp_path / "public",
            public_url=public_url,
            office_name="Văn phòng truyền thông tỉnh",
        )

    return make
