"""Twilio's Messages resource, as its OpenAPI description and its documents have it: create, list, fetch, errors.

The test numbers of Twilio's documents mean here what they mean there.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import msgspec
from aiohttp import web

from broadcaster.simulator.callbacks import Calls
from broadcaster.simulator.provider import Call, Provider, Reply

BALANCE = re.compile(r"/2010-04-01/Accounts/(AC[0-9a-fA-F]{32})/Balance\.json")
PATH = re.compile(r"/2010-04-01/Accounts/(AC[0-9a-fA-F]{32})/Messages(?:/((?:SM|MM)[0-9a-fA-F]{32}))?\.json")
PHONE = re.compile(r"\+[1-9]\d{6,14}")
BODY_LIMIT = 1600
SENT_AFTER = timedelta(seconds=1)  # a message is queued, without a date of sending, for so long
DELIVERED_AFTER = timedelta(seconds=3)

# twilio.com/docs/iam/test-credentials
TO_ERRORS = {
    "+15005550001": (21211, "The 'To' number +15005550001 is not a valid phone number."),
    "+15005550002": (21612, "The 'To' phone number is not currently reachable using the 'From' phone number via SMS."),
    "+15005550003": (
        21408,
        "Permission to send an SMS has not been enabled for the region indicated by the 'To' number.",
    ),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient"),
    "+15005550009": (21614, "'To' number is not a valid mobile number"),
}
FROM_ERRORS = {
    "+15005550001": (
        21212,
        "The 'From' number +15005550001 is not a valid phone number, shortcode, or alphanumeric sender ID.",
    ),
    "+15005550007": (21606, "The 'From' phone number is not a valid, SMS-capable phone number for your account."),
    "+15005550008": (21611, "This 'From' number has exceeded the maximum number of queued messages"),
}

# 3GPP TS 23.038, default alphabet and its extension (each of the latter costs two)
GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENSION = set("\f^{}\\[~]|€")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What the provider keeps of a message."""

    sid: str
    account: str
    to: str
    sender: str | None
    service: str | None
    body: str
    created: datetime


class TwilioSimulator(Provider):
    """Any account is known here, unless `tokens` says which: account SID -> auth token."""

    name = "twilio"

    def __init__(self, *, tokens: dict[str, str] | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.fates: dict[str, tuple[str, int]] = {}  # number -> last status and error code; else it is delivered
        self.calls = Calls()
        self._secrets: dict[str, str] = {}  # account -> the token it last showed: what its callbacks are signed with
        self._tokens = tokens
        self._messages: dict[str, Message] = {}
        self._by_number: dict[str, list[str]] = {}
        self._order: list[str] = []

    def read(self, request: web.BaseRequest, body: bytes) -> Call | Reply:
        if (asked := BALANCE.fullmatch(request.path)) and request.method == "GET":
            return self._balance(asked[1], request.headers.get("Authorization", ""))
        found = PATH.fullmatch(request.path)
        if found is None:
            return self.error(status=404, code=20404, text=f"The requested resource {request.path} was not found")
        account, sid = found.groups()
        if not self._known(request.headers.get("Authorization", ""), account):
            return self.error(status=401, code=20003, text="Authenticate")
        if sid is not None:
            return self._one(account, sid) if request.method == "GET" else self._method_not_allowed()
        if request.method == "GET":
            return self._list(account, request)
        if request.method != "POST":
            return self._method_not_allowed()
        values = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
        callback = parse_qs(urlsplit(values.get("StatusCallback", "")).query)
        return Call(
            to=values.get("To", ""),
            body=values.get("Body", ""),
            reference=callback.get("attempt", [""])[0],
            values={**values, "account": account},
        )

    def refusal(self, call: Call) -> Reply | None:
        code, text = _wrong(call)
        return self.error(status=400, code=code, text=text) if code else None

    def take(self, call: Call) -> Reply:
        sid = (
            "SM"
            + hashlib.blake2b(
                f"{self.book.now().isoformat()}:{self.book.requests}:{call.to}".encode(), digest_size=16
            ).hexdigest()
        )
        service = call.values.get("MessagingServiceSid") or None
        message = Message(
            sid=sid,
            account=call.values["account"],
            to=call.to,
            sender=call.values.get("From") or None,
            service=service,
            body=call.body,
            created=self.book.now().replace(microsecond=0),
        )
        self._messages[sid] = message
        self._order.append(sid)
        self._by_number.setdefault(call.to, []).append(sid)
        self._call_back(message, call.values.get("StatusCallback", ""))
        resource = self._resource(message)
        if service:  # the sender is chosen later, and the segments are counted then
            resource |= {"num_segments": "0", "status": "accepted"}
        return Reply(status=201, body=msgspec.json.encode(resource), id=sid)

    def _call_back(self, message: Message, url: str) -> None:
        """Tell each status to the address the message came with, in order, as soon as may be."""
        if not url:
            return
        last, code = self.fates.get(message.to, ("delivered", 0))
        forms = []
        for status in ("queued", "sent", last):
            form = {
                "AccountSid": message.account, "ApiVersion": "2010-04-01", "From": message.sender or "",
                "MessageSid": message.sid, "MessageStatus": status, "SmsSid": message.sid, "SmsStatus": status,
                "To": message.to,
            }  # fmt: skip
            forms.append(form | ({"ErrorCode": str(code)} if code and status == last else {}))
        self.calls.start(url, forms, lambda form: sign(url, form, self._secrets.get(message.account, "")))

    async def stop(self) -> None:
        await self.calls.stop()
        await super().stop()

    def error(self, *, status: int, code: int, text: str, retry_after: str = "") -> Reply:
        if status == 429:
            code, text = code or 20429, text or "Too Many Requests"
        body = {
            "code": code or status,
            "message": text or "An error occurred",
            "more_info": f"https://www.twilio.com/docs/errors/{code or status}",
            "status": status,
        }
        headers = {"Retry-After": retry_after} if retry_after else {}
        decision = "throttle" if status == 429 else f"refused {code or status}"
        return Reply(status=status, body=msgspec.json.encode(body), decision=decision, headers=headers)

    def _method_not_allowed(self) -> Reply:
        return self.error(status=405, code=20004, text="Method not allowed")

    def _known(self, authorization: str, account: str) -> bool:
        try:
            user, _, token = (
                base64.b64decode(authorization.removeprefix("Basic "), validate=True).decode().partition(":")
            )
        except (binascii.Error, UnicodeDecodeError):
            return False
        self._secrets[account] = token
        if self._tokens is None:
            return user == account and bool(token)
        return user == account and self._tokens.get(account) == token

    def _balance(self, account: str, authorization: str) -> Reply:
        if not self._known(authorization, account):
            return self.error(status=401, code=20003, text="Authenticate")
        said = {"account_sid": account, "balance": "250.00", "currency": "USD"}
        return Reply(status=200, body=msgspec.json.encode(said))

    def _one(self, account: str, sid: str) -> Reply:
        message = self._messages.get(sid)
        if message is None or message.account != account:
            return self.error(status=404, code=20404, text=f"The requested resource /Messages/{sid}.json was not found")
        return Reply(status=200, body=msgspec.json.encode(self._resource(message)))

    def _list(self, account: str, request: web.BaseRequest) -> Reply:
        """Newest first, filtered and paged."""
        query = request.query
        try:
            size = min(max(int(query.get("PageSize", "50")), 1), 1000)
            page = max(int(query.get("Page", "0")), 0)
            kept = [message for message in self._newest_first(query.get("To")) if self._fits(message, account, query)]
        except ValueError:
            return self.error(status=400, code=20001, text="Invalid value for a filter")
        shown = kept[page * size : (page + 1) * size]
        path = request.path

        def address(number: int) -> str:
            rest = [(name, value) for name, value in query.items() if name not in ("Page", "PageToken", "PageSize")]
            token = [("PageToken", f"PA{shown[-1].sid}")] if number > page and shown else []
            return f"{path}?{urlencode([*rest, ('PageSize', str(size)), ('Page', str(number)), *token])}"

        return Reply(
            status=200,
            body=msgspec.json.encode(
                {
                    "messages": [self._resource(message) for message in shown],
                    "first_page_uri": address(0),
                    "next_page_uri": address(page + 1) if (page + 1) * size < len(kept) else None,
                    "previous_page_uri": address(page - 1) if page else None,
                    "uri": address(page),
                    "page": page,
                    "page_size": size,
                    "start": page * size,
                    "end": page * size + max(len(shown) - 1, 0),
                }
            ),
        )

    def _newest_first(self, to: str | None) -> list[Message]:
        sids = self._order if to is None else self._by_number.get(to, [])
        return [self._messages[sid] for sid in reversed(sids)]

    def _fits(self, message: Message, account: str, query: Any) -> bool:
        """Raises: ValueError for a date that is none."""
        if message.account != account or query.get("From", message.sender) != message.sender:
            return False
        sent = message.created + SENT_AFTER
        day = sent.date() if sent <= self.book.now() else None
        wanted = {name: _day(query[name]) for name in ("DateSent", "DateSent<", "DateSent>") if name in query}
        if day is None:
            return not wanted
        return (
            wanted.get("DateSent", day) == day
            and wanted.get("DateSent<", day) >= day
            and wanted.get("DateSent>", day) <= day
        )

    def _resource(self, message: Message) -> dict[str, Any]:
        now = self.book.now()
        sent = message.created + SENT_AFTER
        age = now - message.created
        last, code = self.fates.get(message.to, ("delivered", 0))
        status = ("queued", "sent", last)[bisect_left((SENT_AFTER, DELIVERED_AFTER), age)]
        uri = f"/2010-04-01/Accounts/{message.account}/Messages/{message.sid}"
        return {
            "account_sid": message.account,
            "api_version": "2010-04-01",
            "body": message.body,
            "date_created": _rfc2822(message.created),
            "date_sent": _rfc2822(sent) if sent <= now else None,
            "date_updated": _rfc2822(sent if sent <= now else message.created),
            "direction": "outbound-api",
            "error_code": code if code and status == last else None,
            "error_message": None,
            "from": message.sender,
            "messaging_service_sid": message.service,
            "num_media": "0",
            "num_segments": str(segments(message.body)),
            "price": None,
            "price_unit": None,
            "sid": message.sid,
            "status": status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": message.to,
            "uri": f"{uri}.json",
        }


def sign(url: str, form: Mapping[str, str], token: str) -> dict[str, str]:
    """X-Twilio-Signature, as twilio.com/docs/usage/security says it: HMAC-SHA1 over the address and the sorted form."""
    text = url + "".join(name + form[name] for name in sorted(form))
    mac = hmac.digest(token.encode(), text.encode(), "sha1")
    return {"X-Twilio-Signature": base64.b64encode(mac).decode()}


def segments(text: str) -> int:
    """Billable parts: 160 or 153 each in the GSM alphabet, 70 or 67 in UCS-2 (3GPP TS 23.040)."""
    if all(letter in GSM or letter in GSM_EXTENSION for letter in text):
        length, single, joined = len(text) + sum(letter in GSM_EXTENSION for letter in text), 160, 153
    else:
        length, single, joined = len(text.encode("utf-16-be")) // 2, 70, 67
    return 1 if length <= single else -(-length // joined)


def _wrong(call: Call) -> tuple[int, str]:
    """The provider's code and words for what is wrong with a request; code 0 if nothing is."""
    sender = call.values.get("From", "")
    if not call.to:
        return 21604, "A 'To' phone number is required."
    if not sender and not call.values.get("MessagingServiceSid"):
        return 21603, "A 'From' phone number is required."
    if not call.body and not call.values.get("MediaUrl") and not call.values.get("ContentSid"):
        return 21602, "Message body is required."
    if call.to in TO_ERRORS:
        return TO_ERRORS[call.to]
    if sender in FROM_ERRORS:
        return FROM_ERRORS[sender]
    if not PHONE.fullmatch(call.to):
        return 21211, f"The 'To' number {call.to} is not a valid phone number."
    if len(call.body) > BODY_LIMIT:
        return 21617, "The concatenated message body exceeds the 1600 character limit."
    return 0, ""


def _day(text: str) -> date:
    return datetime.fromisoformat(text).date() if "T" in text else date.fromisoformat(text)


def _rfc2822(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC))
