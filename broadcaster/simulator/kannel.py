"""Kannel's `sendsms`, as Kannel 1.4.5 answers, and the delivery reports it would ask for.

Kannel names no id: the book names a message by the request's `account`, where a sender may put a reference of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote

from aiohttp import web

from broadcaster.simulator.callbacks import Calls
from broadcaster.simulator.provider import Call, Provider, Reply

SENDER = re.compile(r"[0-9 +-]+")  # Kannel's `sendsms-chars`, of a receiver
VIETNAM = re.compile(r"(?:0|84|\+84)([35789]\d{8})")
HEADERS = {"Content-Type": "text/html", "Pragma": "no-cache", "Cache-Control": "no-cache", "Server": "Kannel/1.4.5"}
DENIED = "Number(s) has/have been denied by white- and/or black-lists."


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What the gateway keeps of a message."""

    report_to: str  # with Kannel's escapes
    mask: int


class KannelSimulator(Provider):
    """Any user is known here, unless `users` (username -> password) says which; `up` = False: the SMSC is not connected."""

    name = "kannel"

    def __init__(self, *, users: dict[str, str] | None = None, up: bool = True, **settings: Any) -> None:
        super().__init__(**settings)
        self._users = users
        self.up = up
        self._messages: dict[str, Message] = {}
        self.calls = Calls()

    def read(self, request: web.BaseRequest, body: bytes) -> Call | Reply:  # noqa: ARG002 - a GET
        if request.path != "/cgi-bin/sendsms":
            return _say(404, "Unknown request.")
        if request.method != "GET":
            return _say(400, "Invalid content-type")
        values = dict(parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True))
        number = VIETNAM.fullmatch(values.get("to", ""))
        return Call(
            to=f"+84{number[1]}" if number else values.get("to", ""),
            body=values.get("text", ""),
            reference=values.get("account", ""),
            values=values,
        )

    async def stop(self) -> None:
        await self.calls.stop()
        await super().stop()

    def shown(self, request: web.BaseRequest) -> str:
        return request.path  # its query has the password

    def refusal(self, call: Call) -> Reply | None:
        values = call.values
        if not self._known(values.get("username", ""), values.get("password", "")):
            return self.error(status=403, code=0, text="Authorization failed for sendsms")
        if "to" not in values:
            return self.error(status=400, code=0, text="Missing receiver number, rejected")
        if values.get("coding", "0") not in ("0", "1", "2"):
            return self.error(status=400, code=0, text="Coding field misformed, rejected")
        if not SENDER.fullmatch(values["to"]):
            return self.error(status=400, code=0, text=DENIED)
        if "from" not in values:
            return self.error(status=400, code=0, text="Sender missing and no global set, rejected")
        return None

    def take(self, call: Call) -> Reply:
        name = call.reference or f"kannel-{self.book.requests}"
        mask = call.values.get("dlr-mask", "0")
        self._messages[name] = Message(
            report_to=call.values.get("dlr-url", ""), mask=int(mask) if mask.isdecimal() else 0
        )
        for address in filter(None, (self.report(name, status=status) for status in (8, 1) if self.up)):
            self.calls.start(address, [{}], method="GET")
        words = "0: Accepted for delivery" if self.up else "3: Queued for later delivery"
        return Reply(status=202, body=words.encode(), id=name, headers=HEADERS)

    def error(self, *, status: int, code: int, text: str, retry_after: str = "") -> Reply:  # noqa: ARG002 - no codes here
        headers = HEADERS | ({"Retry-After": retry_after} if retry_after else {})
        decision = "throttle" if status == 429 else f"refused {status}"
        said = text or {400: DENIED, 503: "Temporal failure, try again later."}.get(
            status, "Not routable. Do not try again."
        )
        return Reply(status=status, body=said.encode(), decision=decision, headers=headers)

    def report(self, name: str, *, status: int, answer: str = "") -> str | None:
        """The address that Kannel would GET when a message comes to `status` (1, 2, 4, 8 or 16); None if it was not asked for."""
        message = self._messages[name]
        if not message.mask & status or not message.report_to:
            return None
        fill = {"%%": "%", "%d": str(status), "%A": quote(answer, safe="")}
        return re.sub(r"%[%A-Za-z]", lambda found: fill.get(found[0], ""), message.report_to)

    def _known(self, user: str, password: str) -> bool:
        return bool(user and password) if self._users is None else self._users.get(user) == password


def _say(status: int, words: str) -> Reply:
    return Reply(status=status, body=words.encode(), decision=f"refused {status}", headers=HEADERS)
