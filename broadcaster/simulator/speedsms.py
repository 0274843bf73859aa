"""SpeedSMS.vn's interface, as its own page and public client code have it: send, status, account; and what it posts back."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime, timedelta
from typing import Any

import msgspec
from aiohttp import web

from broadcaster.simulator.provider import Call, Provider, Reply
from broadcaster.simulator.twilio import segments

BASE = "/index.php"
MOBILE = re.compile(r"(?:0|84|\+84)([35789]\d{8})")
DELIVERED_AFTER = timedelta(seconds=3)
WORDS = {
    "007": "IP locked",
    "008": "Account blocked",
    "009": "Account not allow to call the API",
    "101": "Invalid or missing parameters",
    "105": "Phone number invalid",
    "110": "Not support sms content encoding",
    "113": "Sms content too long",
    "300": "Your account balance not enough to send sms",
    "500": "Internal error, please try again",
}


class SpeedSmsSimulator(Provider):
    """Any access token is known here, unless `tokens` says which."""

    name = "speedsms"

    def __init__(self, *, tokens: frozenset[str] | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self._tokens = tokens
        self._messages: dict[str, tuple[str, datetime]] = {}  # tranId -> phone and time

    def read(self, request: web.BaseRequest, body: bytes) -> Call | Reply:
        name = request.path.removeprefix(BASE).strip("/") if request.path.startswith(BASE + "/") else ""
        if not self._known(request.headers.get("Authorization", "")):
            return Reply(status=401, body=_json(name="Unauthorized", message="Unauthorized", code=0, status=401))
        if (request.method, name) == ("POST", "sms/send"):
            return self._to_send(body)
        if request.method == "GET" and name.startswith("sms/status/"):
            return self._status(name.removeprefix("sms/status/"))
        if (request.method, name) == ("GET", "user/info"):
            info = {"email": "office@tinh.example", "balance": "1000000", "currency": "VND"}
            return Reply(status=200, body=_json(status="success", code="00", data=info))
        return Reply(status=404, body=_json(name="Not Found", message="Page not found.", code=0, status=404))

    def refusal(self, call: Call) -> Reply | None:
        if not call.body or call.values["sms_type"] not in "2345678" or not call.to:
            return self._say("101")
        if call.values["sms_type"] == "3" and not call.values["sender"]:
            return self._say("101")
        return None if MOBILE.fullmatch(call.values["phone"]) else self._say("105")

    def take(self, call: Call) -> Reply:
        tran_id = str(10_000_000 + self.book.requests)
        self._messages[tran_id] = (call.values["phone"], self.book.now())
        parts = segments(call.body)
        data = {
            "tranId": int(tran_id), "name": "", "totalSMS": parts, "totalPrice": 500 * parts, "invalidPhone": [],
        }  # fmt: skip
        return Reply(status=200, body=_json(status="success", code="00", data=data), id=tran_id)

    def error(self, *, status: int, code: int, text: str, retry_after: str = "") -> Reply:
        if status == 429:
            body = _json(name="Too Many Requests", message="Rate limit exceeded.", code=0, status=429)
            headers = {"X-Rate-Limit-Limit": "60", "X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": retry_after}
            return Reply(status=429, body=body, decision="throttle", headers=headers)
        if status >= 500:
            return Reply(
                status=status, body=_json(name="Internal Server Error", status=status), decision=f"error {status}"
            )
        said = f"{code or 105:03}"
        body = _json(status="error", code=said, message=text or WORDS.get(said, "Error"))
        return Reply(status=status, body=body, decision=f"refused {said}")

    def report(self, tran_id: str, *, status: int = 0) -> bytes:
        """The body it would post for a message."""
        phone, _ = self._messages[tran_id]
        return _json(type="report", tranId=int(tran_id), phone=phone, status=status)

    def _to_send(self, body: bytes) -> Call | Reply:
        try:
            values = msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError):
            values = None
        numbers = values.get("to") if isinstance(values, dict) else None
        if not isinstance(values, dict) or not isinstance(numbers, list) or len(numbers) != 1:
            return self._say("101")
        phone = str(numbers[0])
        mobile = MOBILE.fullmatch(phone)
        return Call(
            to=f"+84{mobile[1]}" if mobile else phone,
            body=str(values.get("content", "")),
            values={
                "phone": phone,
                "sms_type": str(values.get("sms_type", "")),
                "sender": str(values.get("sender", "")),
            },
        )

    def _status(self, tran_id: str) -> Reply:
        found = self._messages.get(tran_id)
        if found is None:
            return self._say("101")
        rows = [{"phone": found[0], "status": 0}] if self.book.now() - found[1] >= DELIVERED_AFTER else []
        return Reply(status=200, body=_json(status="success", code="00", data=rows))

    def _known(self, authorization: str) -> bool:
        try:
            login = base64.b64decode(authorization.removeprefix("Basic "), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return False
        token = login.partition(":")[0]
        return bool(token) if self._tokens is None else token in self._tokens

    def _say(self, code: str) -> Reply:
        return self.error(status=200, code=int(code), text="")


def _json(**values: Any) -> bytes:
    return msgspec.json.encode(values)
