"""Builders for channel tests: valid by default, one keyword to spoil."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from broadcaster.channel.base import Outgoing
from broadcaster.config import ChannelCommon, ChannelSettings

NOW = datetime(2027, 7, 1, 1, 0, tzinfo=UTC)
ACCOUNT = "AC" + "a" * 32
TWILIO = {"account_sid": ACCOUNT, "auth_token": {"env": "TEST_TOKEN"}, "from": "VPTTBINH"}
TELEGRAM = {"token": {"env": "TEST_BOT"}}

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
def make_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeSettings:
    monkeypatch.setenv("TEST_TOKEN", "twilio-secret-canary")
    monkeypatch.setenv("TEST_BOT", "42:telegram-secret-canary")

    def make(
        adapter: str, own: dict[str, Any] | None = None, *, name: str = "", public_url: str = "", **common: Any
    ) -> ChannelSettings:
        return ChannelSettings(
            name=name or adapter,
            common=ChannelCommon(adapter=adapter, **common),
            own=own or {},
            folder=tmp_path,
            public_folder=tmp_path / "public",
            public_url=public_url,
            office_name="Văn phòng truyền thông tỉnh",
        )

    return make
