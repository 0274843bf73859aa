"""SMS through a Kannel gateway of the office's own: the road to operators that speak SMPP.

Kannel says "accepted" when it has the message in its own queue, and names no id: the message is known by our reference, which
stands in `account` (its access log) and in the address of its delivery reports. It has no idempotency key; the report "the
SMSC has it" proves a lost answer. Checked against Kannel 1.4.5: tests/acceptance/test_kannel_real.py.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated, Literal
from urllib.parse import parse_qsl, quote, urlencode

from msgspec import Meta, Struct, field

from broadcaster.channel import gsm, http_call
from broadcaster.channel.base import (
    Accepted,
    Delivery,
    Inbound,
    Misconfigured,
    NotAccepted,
    OutcomeUnknown,
    Outgoing,
    Refused,
    SendError,
    Traits,
)
from broadcaster.channel.hook_token import hook_token
from broadcaster.clock import SystemClock
from broadcaster.config import ChannelSettings, Secret

API = "http://127.0.0.1:13013"
PATH = "/cgi-bin/sendsms"
PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
REPORTS = 31  # delivered, not delivered, buffered, at the SMSC, refused by the SMSC: 1 + 2 + 4 + 8 + 16
VALID_MOST = 48 * 60  # minutes; what is older is news to nobody

ACCEPTED = ("0: Accepted for delivery", "3: Queued for later delivery")


@dataclass(frozen=True, slots=True)
class Line:
    """What one of Kannel's answers means for us."""

    status: int
    words: str  # the answer begins with them
    kind: type[SendError]
    text: str


# Kannel 1.4.5, seen here or in its program text (gw/smsbox.c).
ANSWERS: tuple[Line, ...] = (
    Line(403, "Authorization failed", Misconfigured, "username or password is wrong, or this machine may not send"),
    Line(403, "Not routable.", Refused, "no operator's connection takes this number"),
    Line(400, "Number(s) has/have been denied", Refused, "the number is not a valid one, or on its black list"),
    Line(400, "Missing receiver", Refused, "the number is missing"),
    Line(400, "Empty receiver", Refused, "the number is missing"),
    Line(400, "Charset or body misformed", Refused, "the text cannot be converted"),
    Line(400, "Sender missing", Misconfigured, "`from` is missing, and Kannel has no global sender"),
    Line(400, "DLR-URL field misformed", Misconfigured, "the address for reports is not valid; see web.public_url"),
    Line(400, "Account field misformed", Misconfigured, "the reference is too long"),
    Line(503, "Temporal failure, try again later.", NotAccepted, "its bearerbox cannot take it now"),
)


class Options(Struct, forbid_unknown_fields=True, kw_only=True):
    username: str
    password: Secret
    from_: str = field(default="", name="from")  # the registered sender; "" for Kannel's own global sender
    smsc: str = ""  # which operator's connection; "" as Kannel routes
    numbers: Literal["+84", "84", "0"] = "+84"  # how the operator wants Vietnamese numbers
    max_messages: Annotated[int, Meta(ge=1, le=10)] = 1  # the same as in Kannel's sendsms-user; it cuts what is longer


class Kannel:
    """One user of one Kannel. Shared by tasks of one event loop."""

    traits = Traits(
        unit="person",
        address="phone",
        after_silence="await_callback",
        receipts="push",
        forms=("sms",),
        max_length=0,
        needs_provider_approval=True,
    )

    def __init__(self, name: str, settings: ChannelSettings) -> None:
        self.name = name
        self._options = settings.options(Options)
        self._base = (settings.common.api_base or API).rstrip("/") + PATH
        self._wire = http_call.Wire(connections=settings.common.concurrency)
        self._clock = SystemClock()
        self._same = Secret(self._what_is_the_same())
        self.hook_token = hook_token(self._options.password, adapter="kannel", channel=name)
        self._reports = (
            f"{settings.public_url}/hooks/kannel/{quote(name)}/{self.hook_token}" if settings.public_url else ""
        )
        self.notice = f'for replies, in kannel.conf: get-url = "{self._said_to()}"' if self._reports else ""
        if not self._reports:
            self.traits = replace(type(self).traits, after_silence="ask", receipts="none")

    def check(self, outgoing: Outgoing) -> list[str]:
        problems = []
        if not outgoing.text.strip():
            problems.append("The text is empty; write the `sms` form.")
        if gsm.parts(outgoing.text) > self._options.max_messages:
            problems.append(
                f"{gsm.parts(outgoing.text)} parts; Kannel is said to send {self._options.max_messages} and would cut the"
                " rest: shorten the `sms` form, or raise max-messages in kannel.conf and max_messages here."
            )
        if not PHONE.fullmatch(outgoing.to):
            problems.append("The number is not in international form, like +84 and nine digits; correct the contact.")
        return problems

    async def send(self, outgoing: Outgoing, *, timeout: float) -> Accepted:
        if gsm.parts(outgoing.text) > self._options.max_messages:
            raise Refused("The text has more parts than Kannel is set up to send; it would be cut.")
        values = {
            "to": self._number(outgoing.to),
            "coding": "0" if gsm.is_gsm(outgoing.text) else "2",
            "account": outgoing.key,
            "validity": str(self._minutes_left(outgoing)),
        }
        if self._reports:
            values |= {"dlr-mask": str(REPORTS), "dlr-url": self._report_to(outgoing.key)}
        query = f"{self._same.reveal()}&text={_quoted(outgoing.text)}&{urlencode(values, quote_via=quote)}"
        answer = await self._wire.call("GET", f"{self._base}?{query}", timeout=timeout)
        _judge(answer)
        return Accepted(provider_id=outgoing.key, parts=gsm.parts(outgoing.text))

    def read_callback(self, headers: Mapping[str, str], body: bytes) -> list[Delivery | Inbound]:  # noqa: ARG002
        """A delivery report, or a person's SMS that `sms-service` passes on. See `ReadsCallbacks`: `body` is the query of
        a GET; who calls is known by the path.

        1 delivered, 2 not delivered, 4 buffered at the SMSC, 8 at the SMSC, 16 refused by the SMSC; 34 and 66 are kinds of 2.
        """
        values = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        if "attempt" not in values and "from" in values:
            return _said_back(body)
        key, status = values.get("attempt", ""), values.get("status", "")
        if not key or not status.isdecimal() or len(status) > 4:
            return []
        event = f"{key}:{status}"
        if int(status) & 1:
            return [Delivery(state="delivered", provider_id=key, key=key, event_id=event)]
        if int(status) & (2 | 16):
            return [
                Delivery(state="undelivered", provider_id=key, key=key, reason=_reason(values, status), event_id=event)
            ]
        if int(status) & (4 | 8):
            return [Delivery(state="accepted", provider_id=key, key=key, event_id=event)]
        return []

    async def close(self) -> None:
        await self._wire.close()

    def _what_is_the_same(self) -> str:
        """The part of the query that every request has."""
        options = self._options
        values = {"username": options.username, "password": options.password.reveal(), "charset": "UTF-8"}
        values |= {name: value for name, value in (("from", options.from_), ("smsc", options.smsc)) if value}
        return urlencode(values, quote_via=quote)

    def _number(self, to: str) -> str:
        return self._options.numbers + to.removeprefix("+84") if to.startswith("+84") else to

    def _report_to(self, key: str) -> str:
        """Kannel fills in `%d` (the state) and `%A` (the SMSC's words); a percent sign of ours is doubled for it."""
        address = f"{self._reports}?attempt={quote(key, safe='')}"
        return address.replace("%", "%%") + "&status=%d&answer=%A"

    def _said_to(self) -> str:
        """Where `sms-service` passes on what people write: `%p` who, `%b` what, `%c` its coding, `%I` Kannel's own id."""
        return self._reports.replace("%", "%%") + "?from=%p&text=%b&coding=%c&id=%I"

    def _minutes_left(self, outgoing: Outgoing) -> int:
        """Kannel and the operator keep no message beyond its time."""
        left = (outgoing.expires_at - self._clock.now()).total_seconds() / 60
        return min(max(math.ceil(left), 1), VALID_MOST)


@lru_cache(maxsize=256)  # a campaign's texts are few
def _quoted(text: str) -> str:
    return quote(text, safe="")


def _judge(answer: http_call.Answer) -> None:
    """Return if Kannel has the message. Raises: NotAccepted, Refused, Throttled, Misconfigured, OutcomeUnknown."""
    words = answer.body[:200].decode("utf-8", "replace").strip()
    if answer.status == 202 and words in ACCEPTED:
        return
    for one in ANSWERS:
        if answer.status == one.status and words.startswith(one.words):
            raise one.kind(f"Kannel: {one.text}.", code=f"{answer.status}")
    if answer.status == 400 and words.endswith(", rejected") and len(words) < 80:
        raise Misconfigured("Kannel does not understand a field of the request; see its smsbox log.", code="400")
    if 400 <= answer.status < 500:
        raise http_call.foreign(answer)
    if 200 <= answer.status < 300:
        raise OutcomeUnknown("The answer is not Kannel's; it cannot be told whether the message was taken.")
    raise http_call.lost(answer)


def _said_back(body: bytes) -> list[Delivery | Inbound]:
    """Kannel passes on the message's own bytes: UTF-16 where its coding is 2, else UTF-8."""
    raw = dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="latin-1"))
    digits = raw["from"].strip().removeprefix("+")
    digits = "84" + digits[1:] if digits.startswith("0") else digits
    if not PHONE.fullmatch(f"+{digits}"):
        return []  # an operator's own short number: nobody to answer to
    coding = "utf-16-be" if raw.get("coding") == "2" else "utf-8"
    text = raw.get("text", "").encode("latin-1").decode(coding, "replace")
    return [Inbound(sender=f"+{digits}", text=text, event_id=raw.get("id", "")[:64])]


def _reason(values: Mapping[str, str], status: str) -> str:
    """The SMSC's state and error; the rest of its words can hold the message's text."""
    found = re.findall(r"\b(?:stat|err):[0-9A-Za-z]{1,12}", values.get("answer", "")[:500])
    return " ".join([f"Kannel: status {status}", *found[:2]])
