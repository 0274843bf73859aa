"""A station's upload address for bulletin packages: takes each file by PUT, and a package when its manifest comes."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from broadcaster.simulator.provider import Call, Provider, Reply

MANIFEST = "manifest.json"


class UploadSimulator(Provider):
    """Any path is good. `tokens`: the bearers it knows; without any, everybody may write. The book has a line for every
    file, with the commune as recipient; the one that is taken is a package's manifest, once.
    """

    name = "upload"

    def __init__(self, *, tokens: tuple[str, ...] = (), **settings: Any) -> None:
        super().__init__(**settings)
        self._tokens = tokens
        self._taken: dict[str, str] = {}  # package -> SHA-256 of its manifest

    def read(self, request: web.BaseRequest, body: bytes) -> Call | Reply:
        parts = unquote(request.path).strip("/").split("/")
        if request.method != "PUT" or len(parts) < 2:
            return self.error(status=405, code=0, text="PUT a file into a folder")
        if self._tokens and request.headers.get("Authorization", "").removeprefix("Bearer ") not in self._tokens:
            return self.error(status=401, code=0, text="Who are you?")
        values = {"file": parts[-1], "sha256": hashlib.sha256(body).hexdigest()}
        return Call(to=parts[-3] if len(parts) > 2 else parts[0], body=parts[-1], reference=parts[-2], values=values)

    def refusal(self, call: Call) -> Reply | None:  # noqa: ARG002 - everything is taken
        return None

    def take(self, call: Call) -> Reply:
        if call.values["file"] != MANIFEST:
            return Reply(status=201, body=b"", decision="stored")
        before = self._taken.get(call.reference)
        self._taken[call.reference] = call.values["sha256"]
        if before is not None:
            return Reply(status=200, body=b"", decision="repeated" if before == call.values["sha256"] else "replaced")
        return Reply(status=201, body=b"", id=call.reference)

    def error(self, *, status: int, code: int, text: str, retry_after: str = "") -> Reply:
        headers = {"Retry-After": retry_after} if retry_after else {}
        decision = "throttle" if status == 429 else f"refused {status}"
        return Reply(status=status, body=(text or str(code)).encode(), decision=decision, headers=headers)
