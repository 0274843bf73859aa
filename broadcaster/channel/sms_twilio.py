"""SMS through Twilio: the provider's own SDK over our wire, so that no retry, redirect or proxy of its is in the way.

A message has no idempotency key there: a lost answer is looked up by recipient, text and time.
"""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, urlencode

from msgspec import Struct, field

from broadcaster.channel import account, http_call
from broadcaster.channel.base import (
    Accepted,
    Balance,
    Delivery,
    Inbound,
    Misconfigured,
    OutcomeUnknown,
    Outgoing,
    Refused,
    SendError,
    Throttled,
    Traits,
)
from broadcaster.channel.meaning import Meaning
from broadcaster.config import ChannelSettings, Secret
from broadcaster.errors import NotAllowed, WrongUse

log = logging.getLogger("broadcaster.twilio")

API = "https://api.twilio.com"
BODY_LIMIT = 1600  # characters; twilio_api_v2010.json, parameter Body
LOOK_UP_LIMIT = 1000  # messages to one number since one moment; one page, the API's maximum
CLOCKS_APART = timedelta(seconds=5)  # how far Twilio's clock may stand behind ours when an answer is looked up
QUEUE_FULL = timedelta(minutes=10)  # ten hours of messages wait there; asking again sooner helps nobody

SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")
E164 = re.compile(r"\+[1-9][0-9]{6,14}")

# twilio.com/docs/api/errors. How sure each is: E = an excerpt of that page or two sources, S = one secondary source.
CODES: Mapping[int, Meaning] = {
    20003: Meaning(Misconfigured, "Twilio does not accept the account and token"),  # S
    20005: Meaning(Misconfigured, "the Twilio account is not active"),  # S
    20404: Meaning(Misconfigured, "Twilio knows no such account"),  # S
    20429: Meaning(Throttled, "too many requests at once"),  # E: "aren't processed and are safe to retry"
    21211: Meaning(Refused, "the number is not a valid one"),  # E
    21212: Meaning(Misconfigured, "the sender is not a valid one"),  # E
    21408: Meaning(Misconfigured, "sending to this country is not enabled for the account"),  # E
    21603: Meaning(Misconfigured, "no sender was given"),  # S
    21606: Meaning(Misconfigured, "the sender cannot send SMS"),  # E
    21608: Meaning(Misconfigured, "a trial account sends to verified numbers only"),  # S
    21610: Meaning(Refused, "the person has unsubscribed from this sender", suppress=True),  # E
    21611: Meaning(Throttled, "the sender's queue is full"),  # E
    21612: Meaning(Refused, "the number cannot be reached by SMS from this sender"),  # E
    21614: Meaning(Refused, "the number is not a mobile one"),  # E; in Viet Nam a landline is answered like this
    21617: Meaning(Refused, "the text is longer than 1600 characters"),  # E
    21635: Meaning(Refused, "the number is a landline"),  # E
    21703: Meaning(Misconfigured, "the messaging service has no sender"),  # S
    30001: Meaning(Throttled, "the sender's queue is full"),  # E
    30002: Meaning(Misconfigured, "the Twilio account is suspended"),  # S
    30003: Meaning(Refused, "the handset cannot be reached"),  # E
    30004: Meaning(Refused, "the message was blocked"),  # S; opted out or filtered, it cannot be told which
    30005: Meaning(Refused, "the handset is unknown"),  # S
    30006: Meaning(Refused, "a landline, or a carrier that cannot be reached"),  # E: "do not retry the same SMS"
    30007: Meaning(Misconfigured, "the carrier filters this sender or text"),  # S; not this person's fault
}

# twilio_api_v2010.json, message_enum_status. "read" is said of WhatsApp only; what is only on its way is accepted.
STATES: Mapping[str, Literal["accepted", "delivered", "undelivered"]] = {
    "accepted": "accepted",
    "scheduled": "accepted",
    "queued": "accepted",
    "sending": "accepted",
    "sent": "accepted",
    "delivered": "delivered",
    "partially_delivered": "delivered",
    "read": "delivered",
    "undelivered": "undelivered",
    "failed": "undelivered",
    "canceled": "undelivered",
}

_deadline: ContextVar[float] = ContextVar("deadline", default=30.0)  # seconds; the SDK's methods take no timeout


class Options(Struct, forbid_unknown_fields=True, kw_only=True):
    account_sid: str
    auth_token: Secret
    former_auth_token: Secret | None = None  # while a token is being changed, callbacks signed with either are taken
    from_: str = field(default="", name="from")
    messaging_service_sid: str = ""


class Twilio:
    """One Twilio account and sender. Shared by tasks of one event loop."""

    traits = Traits(
        unit="person",
        address="phone",
        after_silence="look_up",
        receipts="push",
        forms=("sms",),
        max_length=BODY_LIMIT,
        needs_provider_approval=True,
    )

    def __init__(self, name: str, settings: ChannelSettings) -> None:
        self.name = name
        self._options = settings.options(Options)
        if not (self._options.from_ or self._options.messaging_service_sid):
            raise WrongUse(f"config: channels.{name}: give `from`, or `messaging_service_sid`, or both.")
        self._base = (settings.common.api_base or API).rstrip("/")
        self._hook = f"{settings.public_url}/hooks/twilio/{quote(name)}" if settings.public_url else ""
        self._callback = f"{self._hook}?attempt=" if self._hook else ""
        self._wire = http_call.Wire(connections=settings.common.concurrency)
        self._seen = http_call.SeenIds()

    def check(self, outgoing: Outgoing) -> list[str]:
        problems = []
        if not outgoing.text.strip():
            problems.append("The text is empty; write the `sms` form.")
        if len(outgoing.text) > BODY_LIMIT:
            problems.append(
                f"{len(outgoing.text)} characters; Twilio takes at most {BODY_LIMIT}: shorten the `sms` form."
            )
        if not E164.fullmatch(outgoing.to):
            problems.append("The number is not in international form, like +84 and nine digits; correct the contact.")
        return problems

    async def send(self, outgoing: Outgoing, *, timeout: float) -> Accepted:
        values = {name: value for name, value in self._sender.items() if value}
        if self._callback:
            values["status_callback"] = self._callback + quote(outgoing.key, safe="")
        _deadline.set(timeout)
        try:
            message = await self._client.messages.create_async(to=outgoing.to, body=outgoing.text, **values)
        except SendError:
            raise
        except Exception as error:  # whatever the SDK makes of an answer it cannot read: the request had left
            raise _judge(error) from None
        return self._acceptance(message, owner=outgoing.dedupe_key)

    async def find(self, outgoing: Outgoing, *, since: datetime, timeout: float) -> Accepted | None:
        """Look in the provider's list for the message. See `LooksUp`."""
        earliest = since - CLOCKS_APART
        _deadline.set(timeout / 2)
        try:
            for message in await self._listed(outgoing.to, earliest):
                if self._is_it(message, outgoing, earliest):
                    return self._acceptance(message, owner=outgoing.dedupe_key)
        except Exception as error:
            raise OutcomeUnknown(f"Twilio could not be asked for the message ({error.__class__.__name__}).") from None
        return None

    def read_callback(self, headers: Mapping[str, str], body: bytes) -> Sequence[Delivery | Inbound]:
        """A status of a message, or a text to a two-way number. See `ReadsCallbacks`.

        The signature is over the address we gave, with its query as it came: never over the request's Host.
        """
        try:
            text = body.decode()
        except UnicodeDecodeError:
            raise WrongUse("The callback is no form in UTF-8.") from None
        query = headers.get(":query", "")
        values = dict(parse_qsl(text, keep_blank_values=True))
        is_json = headers.get("content-type", "").startswith("application/json")
        self._verify(query, text if is_json else values, headers)
        if "Body" in values and values.get("SmsStatus", values.get("MessageStatus")) in (None, "received"):
            sid = values.get("MessageSid", "")
            return [Inbound(sender=values.get("From", ""), text=values["Body"], event_id=sid)] if sid else []
        state = STATES.get(values.get("MessageStatus", ""))
        if state is None:
            return []  # a status we do not know proves nothing
        key = dict(parse_qsl(query)).get("attempt", "")
        return [_delivery(state, sid=values.get("MessageSid", ""), key=key, code=values.get("ErrorCode", ""))]

    async def poll(self, provider_ids: Sequence[str], *, timeout: float) -> list[Delivery]:
        """One request a message. See `Polls`."""
        _deadline.set(timeout / max(len(provider_ids), 1))
        found = []
        for sid in provider_ids:
            try:
                message = await self._client.messages(sid).fetch_async()
            except SendError:
                raise
            except Exception as error:  # the message was deleted there, or the answer cannot be read
                log.info("twilio.no_status %s", error.__class__.__name__)
                continue
            state = STATES.get(str(message.status))
            if state and state != "accepted" and str(message.sid) == sid:
                code = "" if message.error_code is None else str(message.error_code)
                found.append(_delivery(state, sid=sid, code=code, parts=_parts(message.num_segments)))
        return found

    async def balance(self, *, timeout: float) -> Balance:
        """The account's Balance resource (twilio_api_v2010.json); a subaccount has none. See `TellsBalance`."""
        sid = self._options.account_sid
        login = base64.b64encode(f"{sid}:{self._options.auth_token.reveal()}".encode()).decode()
        answer = await self._wire.call(
            "GET", f"{self._base}/2010-04-01/Accounts/{quote(sid)}/Balance.json",
            headers={"Authorization": f"Basic {login}"}, body=None, timeout=timeout,
        )  # fmt: skip
        http_call.judge(answer)
        said = answer.json()
        if not isinstance(said, dict):
            raise OutcomeUnknown("The provider's answer has no balance that can be read.")
        return account.read(said.get("balance"), said.get("currency"))

    async def close(self) -> None:
        await self._wire.close()

    def _verify(self, query: str, values: Any, headers: Mapping[str, str]) -> None:
        """Raises: NotAllowed."""
        from twilio.request_validator import RequestValidator, get_signature_algorithm

        url = f"{self._hook}?{query}" if query else self._hook
        given = headers.get("x-twilio-signature", "")
        algorithm = get_signature_algorithm(headers.get("x-twilio-webhooks-signature-settings", ""))
        tokens = [self._options.auth_token, self._options.former_auth_token]
        if self._hook and given and algorithm == "HMAC_SHA1":
            for token in tokens:
                if token and RequestValidator(token.reveal()).validate(url, values, given):
                    return
        raise NotAllowed("The callback is not signed with this account's token for the public address we gave.")

    async def _listed(self, to: str, earliest: datetime) -> list[Any]:
        """By day of sending, and without it: what is still queued there has no day of sending yet."""
        day = earliest.astimezone(UTC).strftime("%Y-%m-%d")
        dated = await self._client.messages.list_async(to=to, date_sent_after=day, limit=LOOK_UP_LIMIT)
        return [*dated, *await self._client.messages.list_async(to=to, limit=LOOK_UP_LIMIT)]

    def _is_it(self, message: Any, outgoing: Outgoing, earliest: datetime) -> bool:
        ours = not self._options.from_ or message.from_ in (self._options.from_, None)
        service = self._options.messaging_service_sid
        return (
            message.body == outgoing.text
            and message.date_created is not None
            and message.date_created >= earliest
            and ours
            and (not service or message.messaging_service_sid == service)
            and self._seen.claim(str(message.sid), owner=outgoing.dedupe_key)
        )

    def _acceptance(self, message: Any, *, owner: str) -> Accepted:
        """Raises: OutcomeUnknown unless the answer has an id of its own."""
        if not isinstance(message.sid, str) or not SID.fullmatch(message.sid):
            raise OutcomeUnknown("Twilio's answer has no message id; it cannot be told whether the message was taken.")
        if not self._seen.claim(message.sid, owner=owner):
            raise OutcomeUnknown(
                "Twilio's answer repeats the id of an earlier message; it proves nothing about this one."
            )
        return Accepted(provider_id=message.sid, parts=_parts(message.num_segments))

    @property
    def _sender(self) -> dict[str, str]:
        return {"from_": self._options.from_, "messaging_service_sid": self._options.messaging_service_sid}

    @cached_property
    def _client(self) -> Any:
        from twilio.rest import Client

        client = Client(
            self._options.account_sid,
            self._options.auth_token.reveal(),
            http_client=_transport(self._wire),
            environment={"TWILIO_EDGE": ""},  # not empty, so that the SDK does not read ours
        )
        client.api.base_url = self._base
        return client


def _judge(error: Exception) -> SendError:
    """What the SDK's exception means; its own text can hold the number, so it is not passed on."""
    status, code = getattr(error, "status", None), getattr(error, "code", None)
    if not isinstance(status, int) or not 400 <= status < 500:
        return OutcomeUnknown("Twilio's answer cannot be read; it cannot be told whether the message was taken.")
    number = code if isinstance(code, int) else 0
    meaning = CODES.get(number)
    if meaning is None:
        kind = Misconfigured if status in (401, 403, 404) else Refused
        return kind(
            f"Twilio answered {status}, code {number}: see twilio.com/docs/api/errors/{number}.", code=str(number)
        )
    if meaning.kind is Throttled:
        return Throttled(f"Twilio: {meaning.text}.", wait=QUEUE_FULL, code=str(number))
    if meaning.kind is Refused:
        return Refused(f"Twilio: {meaning.text}.", code=str(number), suppress=meaning.suppress)
    return meaning.kind(f"Twilio: {meaning.text}; see twilio.com/docs/api/errors/{number}.", code=str(number))


def _delivery(state: Any, *, sid: str, key: str = "", code: str = "", parts: int = 0) -> Delivery:
    """`code` is data from outside: only a number is kept."""
    number = int(code) if code.isdecimal() and len(code) <= 6 else 0
    meaning = CODES.get(number)
    reason = ""
    if state == "undelivered":
        reason = f"Twilio {number}: {meaning.text if meaning else 'not delivered'}" if number else "not delivered"
    suppress = state == "undelivered" and meaning is not None and meaning.suppress
    sid = sid if SID.fullmatch(sid) else ""
    return Delivery(state=state, provider_id=sid, key=key, reason=reason, parts=parts, suppress=suppress)


def _parts(num_segments: Any) -> int:
    """`"0"` at first when a messaging service chooses the sender: at least one part is billed."""
    text = str(num_segments)
    return int(text) or 1 if text.isdecimal() and len(text) < 4 else 1


def _transport(wire: http_call.Wire) -> Any:
    """The SDK's own hook for another HTTP client."""
    from twilio.http import AsyncHttpClient
    from twilio.http.response import Response

    class Transport(AsyncHttpClient):  # type: ignore[misc]
        """The SDK over `wire`. Judged here is what the SDK could not: throttling, lost and strangers' answers."""

        def __init__(self) -> None:
            super().__init__(logging.getLogger("twilio"), True)
            self._logins: dict[tuple[str, str], str] = {}

        async def request(
            self,
            method: str,
            uri: str,
            params: Mapping[str, Any] | None = None,
            data: Mapping[str, Any] | None = None,
            headers: dict[str, str] | None = None,
            auth: tuple[str, str] | None = None,
            timeout: float | None = None,
            allow_redirects: bool = False,  # noqa: ARG002 - never
        ) -> Response:
            headers = headers or {}
            if auth:
                headers["Authorization"] = self._login(auth)
            answer = await wire.call(
                method,
                f"{uri}?{urlencode(params, doseq=True)}" if params else uri,
                headers=headers,
                body=urlencode(data, doseq=True).encode() if data else None,
                timeout=timeout or _deadline.get(),
            )
            _judge_transport(answer)
            return Response(answer.status, answer.body.decode(errors="replace"), answer.headers)

        def _login(self, auth: tuple[str, str]) -> str:
            if auth not in self._logins:
                self._logins[auth] = "Basic " + base64.b64encode(":".join(auth).encode()).decode()
            return self._logins[auth]

    return Transport()


def _judge_transport(answer: http_call.Answer) -> None:
    if 200 <= answer.status < 300:
        return
    if answer.status == 429:
        raise http_call.throttled(answer)
    if not 400 <= answer.status < 500 or answer.status == 408:
        raise http_call.lost(answer)
    try:
        words = answer.json()
    except OutcomeUnknown:
        words = None
    if not isinstance(words, dict) or "code" not in words:
        raise http_call.foreign(answer)
