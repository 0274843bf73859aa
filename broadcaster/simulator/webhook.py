"""A portal that receives web hooks as Standard Webhooks 1.0.0 has it: verifies, takes a `webhook-id` once, keeps a book."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Any

import msgspec
from aiohttp import web

from broadcaster.simulator.provider import Call, Provider, Reply

TOLERANCE = 300.0  # seconds a signed moment may be away from the receiver's, by the book's clock


class WebhookSimulator(Provider):
    """Any path is an endpoint. `secrets` are those it verifies by; without any it checks the form only.

    `clock_matters = False` for a campaign on a moved clock, whose signatures carry the real time.
    """

    name = "webhook"

    def __init__(self, *, secrets: tuple[str, ...] = (), clock_matters: bool = False, **settings: Any) -> None:
        super().__init__(**settings)
        self._keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in secrets]
        self._clock_matters = clock_matters
        self._taken: set[str] = set()

    def read(self, request: web.BaseRequest, body: bytes) -> Call | Reply:
        if request.method != "POST":
            return self.error(status=405, code=0, text="POST only")
        id, stamp, signatures = (
            request.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")
        )
        if not self._is_signed(id, stamp, signatures, body):
            return self.error(status=401, code=0, text="The signature is wrong")
        try:
            value = msgspec.json.decode(body)
            text = str(value["data"]["text"])
        except (msgspec.DecodeError, KeyError, TypeError):
            return self.error(status=400, code=0, text="This is no message")
        return Call(to=request.path, body=text, reference=id, values={"body": body.decode()})

    def refusal(self, call: Call) -> Reply | None:
        if call.reference in self._taken:
            return Reply(status=200, body=b'{"ok":true}', decision="repeated")
        return None

    def take(self, call: Call) -> Reply:
        self._taken.add(call.reference)
        return Reply(status=200, body=b'{"ok":true}', id=call.reference)

    def error(self, *, status: int, code: int, text: str, retry_after: str = "") -> Reply:
        headers = {"Retry-After": retry_after} if retry_after else {}
        decision = "throttle" if status == 429 else f"refused {status}"
        return Reply(
            status=status, body=msgspec.json.encode({"error": text or str(code)}), decision=decision, headers=headers
        )

    def _is_signed(self, id: str, stamp: str, signatures: str, body: bytes) -> bool:
        if not id or not stamp.isdecimal() or not signatures:
            return False
        if self._clock_matters and abs(self.book.now().timestamp() - int(stamp)) > TOLERANCE:
            return False
        given = []
        for one in signatures.split(" "):
            version, _, value = one.partition(",")
            try:
                given += [base64.b64decode(value, validate=True)] if version == "v1" else []
            except binascii.Error:
                return False
        signed = f"{id}.{stamp}.".encode() + body
        wanted = [hmac.digest(key, signed, "sha256") for key in self._keys]
        return bool(given) and (not wanted or any(hmac.compare_digest(a, b) for a in wanted for b in given))
