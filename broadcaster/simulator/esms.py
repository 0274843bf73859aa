"""eSMS's customer-care interface, as its documents have it: send, status by SMSID, list by time; and the calls it makes back.

A `RequestId` blocks a second one until midnight over there, the narrower of the two things its documents say.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web

from broadcaster.simulator.callbacks import Calls
from broadcaster.simulator.provider import Call, Provider, Reply

SERVICE = "/MainService.svc/json/"
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
LOCAL = re.compile(r"(?:0|84|\+84)([35789]\d{8})")
REQUEST_ID_LIMIT = 50
CAMPAIGN_LIMIT = 254
SEEN_AFTER = timedelta(seconds=1)  # "just sent: the status cannot be asked for at once" (105)
DELIVERED_AFTER = timedelta(seconds=3)
WORDS = {
    "99": "Phone is blocked",
    "101": "Authorize Failed",
    "103": "Balance is not enough",
    "104": "Brand name code is not exist",
    "108": "Phone number is not valid",
    "118": "Sms type is not valid",
    "124": "Request exist 1",
    "140": "IP is not in whitelist",
    "146": "Sai template Brandname CSKH",
    "177": "Network is not registered",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What the provider keeps of a message."""

    sms_id: str
    phone: str
    content: str
    campaign: str
    request_id: str
    created: datetime


class EsmsSimulator(Provider):
    """Any account and brandname is known here, unless `keys` (ApiKey -> SecretKey) and `brandnames` say which."""

    name = "esms"

    def __init__(
        self, *, keys: dict[str, str] | None = None, brandnames: frozenset[str] | None = None, **settings: Any
    ) -> None:
        super().__init__(**settings)
        self._keys, self._brandnames = keys, brandnames
        self._messages: dict[str, Message] = {}
        self._requests: dict[tuple[str, str], str] = {}  # (day over there, RequestId) -> SMSID
        self.calls = Calls()

    def read(self, request: web.BaseRequest, body: bytes) -> Call | Reply:
        name = request.path.removeprefix(SERVICE).strip("/") if request.path.startswith(SERVICE) else ""
        match request.method, name:
            case "POST", "SendMultipleMessage_V4_post_json":
                return self._to_send(body)
            case "GET", "GetSendStatus":
                return self._status(dict(request.query))
            case "POST", "GetSmsSentData_V2":
                return self._list(_object(body))
            case "POST", "GetBalance_json":
                return self._balance(_object(body))
        return Reply(status=404, body=b"<html>Endpoint not found.</html>", decision="refused 404")

    def refusal(self, call: Call) -> Reply | None:
        values = call.values
        if not self._known(values):
            return self._say("101")
        if values.get("SmsType") != "2":
            return self._say("118")
        if self._brandnames is not None and values.get("Brandname") not in self._brandnames:
            return self._say("104")
        if not LOCAL.fullmatch(values.get("Phone", "")):
            return self._say("108")
        if len(values.get("RequestId", "")) > REQUEST_ID_LIMIT or len(values.get("campaignid", "")) > CAMPAIGN_LIMIT:
            return Reply(status=200, body=b'{"error":"Invalid request"}', decision="refused 99")
        if self._today(values.get("RequestId", "")) in self._requests:
            return Reply(
                status=200, body=_json(CodeResult="124", CountRegenerate=0, ErrorMessage=WORDS["124"], SendStatus="5"),
                decision="refused 124",
            )  # fmt: skip
        return None

    def take(self, call: Call) -> Reply:
        values = call.values
        seed = f"{self.book.now().isoformat()}:{self.book.requests}:{call.to}"
        sms_id = hashlib.blake2b(seed.encode(), digest_size=16).hexdigest() + "123"
        if values.get("Sandbox") == "1":  # answered, and neither kept nor sent
            return Reply(status=200, body=_json(CodeResult="100", CountRegenerate=0, SMSID=sms_id), decision="sandbox")
        self._messages[sms_id] = Message(
            sms_id=sms_id, phone=values["Phone"], content=call.body, campaign=values.get("campaignid", ""),
            request_id=values.get("RequestId", ""), created=self.book.now(),
        )  # fmt: skip
        if values.get("RequestId"):
            self._requests[self._today(values["RequestId"])] = sms_id
        if values.get("CallbackUrl"):
            self.calls.start(values["CallbackUrl"], [self.report(sms_id)], method="GET")
        return Reply(status=200, body=_json(CodeResult="100", CountRegenerate=0, SMSID=sms_id), id=sms_id)

    async def stop(self) -> None:
        await self.calls.stop()
        await super().stop()

    def error(self, *, status: int, code: int, text: str, retry_after: str = "") -> Reply:
        headers = {"Retry-After": retry_after} if retry_after else {}
        if status == 429:
            return Reply(status=429, body=b"Too Many Requests", decision="throttle", headers=headers)
        if status >= 500:
            return Reply(
                status=status, body=b"<html>The server encountered an error.</html>", decision=f"error {status}"
            )
        said = str(code or 108)
        body = _json(CodeResult=said, CountRegenerate=0, ErrorMessage=text or WORDS.get(said, "Error"))
        return Reply(status=status, body=body, decision=f"refused {said}", headers=headers)

    def report(self, sms_id: str, *, status: int = 5, delivered: bool = True) -> dict[str, str]:
        """The query with which eSMS GETs the address it was given for a message."""
        message = self._messages[sms_id]
        values = {
            "SMSID": sms_id, "SendFailed": int(status == 5 and not delivered), "SendStatus": status,
            "SendSuccess": int(status == 5 and delivered), "TotalPrice": "850.0000", "TotalReceiver": 1, "TotalSent": 1,
            "RequestId": message.request_id, "TypeId": 2, "telcoid": 1, "phonenumber": message.phone, "switchsmsid": "",
        }  # fmt: skip
        return {name: str(value) for name, value in values.items()}

    def _to_send(self, body: bytes) -> Call | Reply:
        values = {name: str(value) for name, value in _object(body).items()}
        if "Phone" not in values or "Content" not in values:
            return Reply(status=200, body=b'{"error":"Invalid request"}', decision="refused 99")
        number = LOCAL.fullmatch(values["Phone"])
        return Call(
            to=f"+84{number[1]}" if number else values["Phone"],
            body=values["Content"],
            reference=values.get("RequestId", ""),
            values=values,
        )

    def _status(self, query: dict[str, str]) -> Reply:
        message = self._messages.get(query.get("RefId", ""))
        if not self._known(query):
            return Reply(status=200, body=_json(CodeResponse="101", SMSID=query.get("RefId", "")))
        if message is None or self.book.now() - message.created < SEEN_AFTER:
            return Reply(status=200, body=_json(CodeResponse="105", SMSID=query.get("RefId", "")))
        done = self.book.now() - message.created >= DELIVERED_AFTER
        counts = {"SendFailed": 0, "SendStatus": 5 if done else 7, "SendSuccess": int(done)}
        more = {"TotalPrice": 850.0, "TotalReceiver": 1, "TotalSent": 1}
        return Reply(status=200, body=_json(CodeResponse="100", SMSID=message.sms_id, **counts, **more))

    def _list(self, values: dict[str, Any]) -> Reply:
        """By the time of making, oldest first, in pages."""
        if not self._known({name: str(value) for name, value in values.items()}):
            return self._say("101")
        try:
            begin, end = (datetime.fromisoformat(str(values[name])).replace(tzinfo=ZONE) for name in ("From", "To"))
            page, size = max(int(values["Page"]), 1), min(max(int(values["PageSize"]), 1), 500)
        except (KeyError, ValueError):
            return Reply(status=200, body=b'{"error":"Invalid request"}')
        kept = [message for message in self._messages.values() if begin <= message.created <= end]
        rows = [_row(message) for message in kept[(page - 1) * size : page * size]]
        return Reply(status=200, body=_json(CodeResult="100", CountTotal=len(kept), SentData=rows))

    def _balance(self, values: dict[str, Any]) -> Reply:
        if not self._known(values):
            return Reply(status=200, body=_json(Balance=0, CodeResponse="101", ErrorMessage=WORDS["101"]))
        return Reply(status=200, body=_json(Balance=5_000_000, CodeResponse="100", UserID=9999))

    def _known(self, values: Any) -> bool:
        key, secret = str(values.get("ApiKey", "")), str(values.get("SecretKey", ""))
        return bool(key and secret) if self._keys is None else self._keys.get(key) == secret

    def _today(self, request_id: str) -> tuple[str, str]:
        return self.book.now().astimezone(ZONE).date().isoformat(), request_id

    def _say(self, code: str) -> Reply:
        return self.error(status=200, code=int(code), text="")


def _row(message: Message) -> dict[str, Any]:
    return {
        "Campaign": message.campaign,
        "Content": message.content,
        "Phone": message.phone,
        "ReferenceId": message.sms_id,
        "SellPrice": 850.0,
        "SendResult": 1,
        "SendStatus": 5,
        "SentTime": f"/Date({int(message.created.timestamp() * 1000)}+0700)/",
        "SmsId": 29028845,
        "SmsType": 2,
    }


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _json(**values: Any) -> bytes:
    return msgspec.json.encode(values)
