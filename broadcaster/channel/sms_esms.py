"""SMS through eSMS (ViHAT), a Vietnamese brandname gateway: customer-care messages, one number a request.

`RequestId` is an idempotency key: a request that repeats one is answered 124 and not sent again. eSMS's own documents say
"within 24 h" on some pages and "within the day" on others, with an example that ends at midnight; we go by the narrower
reading. Facts: github.com/devesms/gitbook_esms_for_develop_v2 (= developers.esms.vn). Never tried against a live account.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from broadcaster.channel import account, gsm, http_call
from broadcaster.channel.base import (
    Accepted,
    Balance,
    Delivery,
    Misconfigured,
    OutcomeUnknown,
    Outgoing,
    Refused,
    SendError,
    Throttled,
    Traits,
)
from broadcaster.channel.hook_token import hook_token
from broadcaster.channel.meaning import Meaning
from broadcaster.clock import SystemClock
from broadcaster.config import ChannelSettings, Secret
from broadcaster.errors import WrongUse

API = "https://rest.esms.vn"
SERVICE = "/MainService.svc/json"
ZONE = "Asia/Ho_Chi_Minh"  # of eSMS's days; its documents name none
REQUEST_ID_LIMIT = 50  # characters
BODY_LIMIT = 459  # characters without accents, three parts; the most that resellers name for customer care
WAIT = timedelta(seconds=30)  # over the requests a second of the account; no Retry-After is documented
LIST_PAGE = 500  # the API's most
LIST_PAGES = 40  # of one look-up; a day of 20,000 messages
LIST_GOOD_FOR = timedelta(minutes=10)  # one look into the list serves all doubts of that day

MOBILE = re.compile(r"\+84[35789][0-9]{8}")
SMSID = re.compile(r"[0-9A-Za-z-]{8,64}")
BRANDNAME = re.compile(r"[0-9A-Za-z._ -]{1,11}")

# How sure each is: P = eSMS's own table of errors (bang-ma-loi.md), S = an older copy of it, U = our reading.
CODES: Mapping[str, Meaning] = {
    "99": Meaning(Refused, "the number is blocked there", suppress=True),  # P; that it is the person's wish: U
    "101": Meaning(Misconfigured, "eSMS does not accept ApiKey and SecretKey"),  # P
    "102": Meaning(Misconfigured, "the account has no price list"),  # P
    "103": Meaning(Misconfigured, "the account's balance is used up; top it up"),  # P
    "104": Meaning(Misconfigured, "the brandname does not exist or is not active"),  # P
    "108": Meaning(Refused, "the number is not a valid one"),  # P
    "118": Meaning(Misconfigured, "the kind of message (`SmsType`) is not valid"),  # S
    "140": Meaning(Misconfigured, "this machine's address is not on the account's list"),  # P
    "143": Meaning(Misconfigured, "the account is locked"),  # S
    "146": Meaning(Misconfigured, "the text is not of a template that is registered for the brandname"),  # P
    "160": Meaning(Throttled, "too many requests a second"),  # S; known of status queries
    "177": Meaning(Refused, "the brandname is not registered with this number's operator"),  # P; other operators go on
    "201": Meaning(Refused, "the text has a word that is blocked"),  # S
    "300": Meaning(Misconfigured, "the kind of message is missing"),  # P
}
TAKEN, REPEATED = "100", "124"
REFUSED_THERE = "4"  # SendStatus


class Options(Struct, forbid_unknown_fields=True, kw_only=True):
    api_key: Secret
    secret_key: Secret
    brandname: str
    sandbox: bool = False  # eSMS answers as always, sends nothing and bills nothing


class Esms:
    """One eSMS account and brandname. Shared by tasks of one event loop."""

    traits = Traits(
        unit="person",
        address="phone",
        after_silence="repeat",
        repeat_within=timedelta(hours=23),
        repeat_day=ZONE,
        receipts="push",
        forms=("sms",),
        max_length=BODY_LIMIT,
        needs_provider_approval=True,
    )

    def __init__(self, name: str, settings: ChannelSettings) -> None:
        self.name = name
        self._options = settings.options(Options)
        if not BRANDNAME.fullmatch(self._options.brandname):
            raise WrongUse(
                f"config: channels.{name}.brandname: 1 to 11 letters and digits without accents, as it is registered."
            )
        self.notice = "sandbox: eSMS answers as always, and sends nothing" if self._options.sandbox else ""
        self._base = (settings.common.api_base or API).rstrip("/") + SERVICE
        self._wire = http_call.Wire(connections=settings.common.concurrency)
        self._seen = http_call.SeenIds()
        self._kept = _Kept()
        self._lists: dict[str, tuple[datetime, dict[str, str]]] = {}
        self._clock = SystemClock()
        self.hook_token = hook_token(self._options.secret_key, adapter="esms", channel=name)
        self._callback = (
            f"{settings.public_url}/hooks/esms/{quote(name)}/{self.hook_token}" if settings.public_url else ""
        )

    def check(self, outgoing: Outgoing) -> list[str]:
        problems = []
        if not outgoing.text.strip():
            problems.append("The text is empty; write the `sms` form.")
        if len(outgoing.text) > BODY_LIMIT:
            problems.append(
                f"{len(outgoing.text)} characters; eSMS takes at most {BODY_LIMIT}: shorten the `sms` form."
            )
        if not MOBILE.fullmatch(outgoing.to):
            problems.append("The number is no Vietnamese mobile number, like +84 and nine digits; correct the contact.")
        return problems

    async def send(self, outgoing: Outgoing, *, timeout: float) -> Accepted:
        request = request_id(outgoing)
        values = self._keys | {
            "Phone": _local(outgoing.to),
            "Content": outgoing.text,
            "Brandname": self._options.brandname,
            "SmsType": "2",
            "IsUnicode": "0" if _plain(outgoing.text) else "1",
            "Sandbox": "1" if self._options.sandbox else "0",
            "RequestId": request,
            "campaignid": request,
        }
        if self._callback:
            values["CallbackUrl"] = f"{self._callback}?attempt={quote(outgoing.key, safe='')}"
        said = await self._ask("POST", "/SendMultipleMessage_V4_post_json/", values, timeout=timeout)
        return self._acceptance(said, outgoing, request)

    async def find(self, outgoing: Outgoing, *, since: datetime, timeout: float) -> Accepted:
        """Look in the list of what was sent about that day. See `LooksUp`; it never says "not there".

        The list is asked by a time whose zone eSMS does not name, so that its silence proves nothing.
        """
        sent = await self._sent_about(since.astimezone(ZoneInfo(ZONE)).date().isoformat(), since, timeout)
        found = sent.get(request_id(outgoing))
        if found is None or not self._seen.claim(found, owner=outgoing.dedupe_key):
            raise OutcomeUnknown("eSMS's list does not show the message; that does not prove that it was not taken.")
        return Accepted(provider_id=found, parts=_parts(outgoing.text))

    def read_callback(self, headers: Mapping[str, str], body: bytes) -> list[Delivery]:  # noqa: ARG002 - the contract's
        """A status of one message. See `ReadsCallbacks`: `body` is the query of a GET; who calls is known by the path."""
        values = dict(parse_qsl(body.decode("utf-8", "replace").replace("?", "&"), keep_blank_values=True))
        sms_id, counts = values.get("SMSID", ""), _counts(values)
        if not SMSID.fullmatch(sms_id) or counts is None:
            raise WrongUse("The callback has no SMSID and state of eSMS.")
        found = _delivery(sms_id, counts)
        return [_with_key(found, values.get("attempt", ""))] if found else []

    async def poll(self, provider_ids: Sequence[str], *, timeout: float) -> list[Delivery]:
        """One request a message; eSMS knows the last 7 days. See `Polls`."""
        found = []
        each = timeout / max(len(provider_ids), 1)
        for sms_id in provider_ids:
            if not SMSID.fullmatch(sms_id):
                continue  # taken, but eSMS's own id for it was lost with the answer
            said = await self._ask("GET", f"/GetSendStatus?RefId={quote(sms_id)}", {}, timeout=each)
            counts = _counts(said)
            delivery = _delivery(sms_id, counts) if counts and _code(said) == TAKEN else None
            if delivery and delivery.state != "accepted":
                found.append(delivery)
        return found

    async def balance(self, *, timeout: float) -> Balance:
        """`GetBalance_json`, as eSMS's documents have it; they name no currency, and bill in đồng. See `TellsBalance`."""
        said = await self._ask("POST", "/GetBalance_json", self._keys, timeout=timeout)
        if _code(said) != TAKEN:
            raise _error(_code(said))
        return account.read(said.get("Balance"), "VND")

    async def close(self) -> None:
        await self._wire.close()

    @property
    def _keys(self) -> dict[str, Any]:
        return {"ApiKey": self._options.api_key.reveal(), "SecretKey": self._options.secret_key.reveal()}

    async def _ask(self, method: str, path: str, values: dict[str, Any], *, timeout: float) -> dict[str, Any]:
        """One request; the answer in eSMS's words. Raises: NotAccepted, Throttled, Misconfigured, OutcomeUnknown."""
        if method == "GET":
            path, body = f"{path}&{urlencode(self._keys)}", None
        else:
            body = msgspec.json.encode(values)
        answer = await self._wire.call(
            method, self._base + path, headers={"Content-Type": "application/json"}, body=body, timeout=timeout
        )
        if not 200 <= answer.status < 500 or 300 <= answer.status < 400:
            raise http_call.lost(answer)
        try:
            said = answer.json()
        except OutcomeUnknown:
            said = None
        if isinstance(said, dict) and _code(said) and answer.status != 429:
            return said
        if answer.status >= 400:
            raise http_call.foreign(answer)
        raise OutcomeUnknown("eSMS's answer has no result; it cannot be told whether the message was taken.")

    def _acceptance(self, said: dict[str, Any], outgoing: Outgoing, request: str) -> Accepted:
        """Raises: what the code means; OutcomeUnknown unless the answer has an id of its own."""
        code = _code(said)
        if code == REPEATED:
            return self._repeated(said, outgoing, request)
        if code != TAKEN:
            self._kept.decline(request)
            raise _error(code)
        sms_id = said.get("SMSID")
        if not isinstance(sms_id, str) or not SMSID.fullmatch(sms_id):
            raise OutcomeUnknown("eSMS's answer has no message id; it cannot be told whether the message was taken.")
        if not self._seen.claim(sms_id, owner=outgoing.dedupe_key):
            raise OutcomeUnknown(
                "eSMS's answer repeats the id of an earlier message; it proves nothing about this one."
            )
        self._kept.take(request, sms_id)
        return Accepted(provider_id=sms_id, parts=_parts(outgoing.text))

    def _repeated(self, said: dict[str, Any], outgoing: Outgoing, request: str) -> Accepted:
        """eSMS has this request already: that is the acceptance, unless it had refused it then."""
        if str(said.get("SendStatus")) == REFUSED_THERE or self._kept.declined(request):
            raise OutcomeUnknown(
                "eSMS knows the request, but seems to have refused it; look it up in its console.", code=REPEATED
            )
        return Accepted(provider_id=self._kept.taken(request) or f"request:{request}", parts=_parts(outgoing.text))

    async def _sent_about(self, day: str, since: datetime, timeout: float) -> dict[str, str]:
        """campaignid -> SMSID of what was made a day before or after: whatever the zone of eSMS's times."""
        now = self._clock.now()
        read_at, sent = self._lists.get(day, (now - LIST_GOOD_FOR, {}))
        if now - read_at < LIST_GOOD_FOR:
            return sent
        sent = {}
        values = self._keys | {
            "SmsType": "2",
            "From": _moment(since, -1),
            "To": _moment(since, 1),
            "PageSize": LIST_PAGE,
        }
        ends = self._clock.monotonic() + timeout
        for page in range(1, LIST_PAGES + 1):
            left = max(ends - self._clock.monotonic(), 0.001)
            said = await self._ask("POST", "/GetSmsSentData_V2", values | {"Page": page}, timeout=left)
            rows = said.get("SentData")
            if _code(said) != TAKEN or not isinstance(rows, list):
                raise OutcomeUnknown("eSMS's list of messages cannot be read.")
            for row in rows:
                if isinstance(row, dict) and SMSID.fullmatch(str(row.get("ReferenceId"))):
                    sent[str(row.get("Campaign"))] = str(row["ReferenceId"])
            if len(rows) < LIST_PAGE:
                break
        self._lists = {day: (now, sent)}
        return sent


class _Kept:
    """What became of requests of late, as far as this process knows. Holds the last 10,000."""

    def __init__(self, keep: int = 10_000) -> None:
        self._ids: OrderedDict[str, str] = OrderedDict()  # "" = refused in eSMS's own words, and never in doubt before
        self._keep = keep

    def take(self, request: str, sms_id: str) -> None:
        self._ids[request] = sms_id
        if len(self._ids) > self._keep:
            self._ids.popitem(last=False)

    def decline(self, request: str) -> None:
        if request not in self._ids:
            self.take(request, "")

    def taken(self, request: str) -> str:
        return self._ids.get(request, "")

    def declined(self, request: str) -> bool:
        return self._ids.get(request) == ""


def request_id(outgoing: Outgoing) -> str:
    """The same for every attempt of one dispatch, and for no other: an office set up anew counts from 1 again."""
    nominal = outgoing.published_at.isoformat() if outgoing.published_at else ""
    digest = sha256("\n".join((outgoing.dedupe_key, outgoing.to, nominal)).encode()).hexdigest()
    return f"{outgoing.dedupe_key[: REQUEST_ID_LIMIT - 17]}-{digest[:16]}"


def _code(said: Mapping[str, Any]) -> str:
    """The result's code; a status query says `CodeResponse`."""
    value = said.get("CodeResult", said.get("CodeResponse"))
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _error(code: str) -> SendError:
    meaning = CODES.get(code)
    if meaning is None:
        return Refused(f"eSMS answered {code[:10]}: see its table of error codes.", code=code[:10])
    text = f"eSMS: {meaning.text}."
    if meaning.kind is Throttled:
        return Throttled(text, wait=WAIT, code=code)
    if meaning.kind is Refused:
        return Refused(text, code=code, suppress=meaning.suppress)
    return meaning.kind(text, code=code)


def _counts(said: Mapping[str, Any]) -> tuple[str, int, int] | None:
    """(SendStatus, succeeded, failed), or None if they cannot be read."""
    try:
        return str(said["SendStatus"]), int(said.get("SendSuccess") or 0), int(said.get("SendFailed") or 0)
    except (KeyError, TypeError, ValueError):
        return None


def _delivery(sms_id: str, counts: tuple[str, int, int]) -> Delivery | None:
    """1 waits for review, 2 waits, 4 refused, 5 done, 7 sent and not reported (callback-url.md); others prove nothing."""
    status, succeeded, failed = counts
    event = f"{sms_id}:{status}:{succeeded}:{failed}"
    if status == "5" and succeeded and not failed:
        return Delivery(state="delivered", provider_id=sms_id, event_id=event)
    if status == "5" and failed:
        return Delivery(state="undelivered", provider_id=sms_id, reason="eSMS: failed", event_id=event)
    if status == REFUSED_THERE:
        return Delivery(state="undelivered", provider_id=sms_id, reason="eSMS: refused", event_id=event)
    if status in ("1", "2", "7"):
        return Delivery(state="accepted", provider_id=sms_id, event_id=event)
    return None


def _with_key(delivery: Delivery, key: str) -> Delivery:
    return Delivery(
        state=delivery.state,
        provider_id=delivery.provider_id,
        key=key,
        reason=delivery.reason,
        event_id=delivery.event_id,
    )


def _local(number: str) -> str:
    """`+84912345678` as eSMS writes it: `0912345678`."""
    return "0" + number.removeprefix("+84") if number.startswith("+84") else number


def _plain(text: str) -> bool:
    """What goes as "không dấu": ASCII of the GSM alphabet."""
    return text.isascii() and gsm.is_gsm(text)


def _parts(text: str) -> int:
    """Our count: eSMS's answer has none."""
    return gsm.parts(text, gsm=_plain(text))


def _moment(since: datetime, days: int) -> str:
    return (since.astimezone(ZoneInfo(ZONE)) + timedelta(days=days)).strftime("%Y-%m-%d %H:%M:%S")
