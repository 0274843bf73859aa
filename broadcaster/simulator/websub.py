"""A WebSub hub, as far as a publisher meets it: it is told that a topic has changed."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from aiohttp import web

from broadcaster.simulator.provider import Call, Provider, Reply


class WebSubSimulator(Provider):
    """Takes any http(s) topic; its book has a line for every notice, with the topic as the recipient."""

    name = "websub"

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._notices = 0

    def read(self, request: web.BaseRequest, body: bytes) -> Call | Reply:
        form = parse_qs(body.decode(errors="replace"))
        if request.method != "POST" or form.get("hub.mode") != ["publish"]:
            return self.error(status=400, code=0, text="hub.mode is not publish")
        return Call(to=form.get("hub.url", [""])[0], body="publish")

    def refusal(self, call: Call) -> Reply | None:
        if urlsplit(call.to).scheme not in ("http", "https"):
            return self.error(status=400, code=0, text="hub.url is no address")
        return None

    def take(self, call: Call) -> Reply:
        self._notices += 1
        id = hashlib.sha256(f"{self._notices} {call.to}".encode()).hexdigest()[:16]
        return Reply(status=204, body=b"", id=id)

    def error(self, *, status: int, code: int, text: str, retry_after: str = "") -> Reply:
        headers = {"Retry-After": retry_after} if retry_after else {}
        return Reply(
            status=status,
            body=msgspec.json.encode({"error": text or str(code)}),
            decision="throttle" if status == 429 else f"refused {status}",
            headers=headers,
        )
