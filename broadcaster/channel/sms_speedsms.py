"""SMS through SpeedSMS.vn, a Vietnamese gateway.

It has no idempotency key and no list to look in: a lost answer is settled by a person. Facts: speedsms.vn/sms-api and public
client code; how sure each is stands beside it. Never tried against a live account.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

import msgspec
from msgspec import Struct

from broadcaster.channel import account, gsm, http_call
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
from broadcaster.channel.hook_token import hook_token
from broadcaster.channel.meaning import Meaning
from broadcaster.config import ChannelSettings, Secret
from broadcaster.errors import WrongUse

API = "https://api.speedsms.vn"
MOBILE = re.compile(r"\+84[35789][0-9]{8}")
TRAN_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")

# speedsms.vn/sms-api, "Error codes" (an excerpt of that page); what each means for us is our reading.
CODES: Mapping[str, Meaning] = {
    "007": Meaning(Misconfigured, "this machine's address is locked there"),
    "008": Meaning(Misconfigured, "the account is blocked"),
    "009": Meaning(Misconfigured, "the account may not call the API"),
    "101": Meaning(Refused, "a parameter is missing or not valid"),
    "105": Meaning(Refused, "the number is not a valid one"),
    "110": Meaning(Refused, "the text's characters are not supported; use `sms-plain` (accents = false)"),
    "113": Meaning(Refused, "the text is too long"),
    "300": Meaning(Misconfigured, "the account's balance is used up; top it up"),
    "500": Meaning(OutcomeUnknown, "internal error; it cannot be told whether the message was taken"),
}


class Options(Struct, forbid_unknown_fields=True, kw_only=True):
    access_token: Secret
    sender: str = ""  # the registered brandname, for sms_type 3; "" for numbers of the gateway's own
    sms_type: Literal[2, 3, 4, 5, 6, 7, 8] = (
        3  # 2 care, 3 brandname, 4 "Notify", 5 own phone, 6 to 8 numbers; not 1, advertising
    )
    poll: bool = False  # ask `sms/status` about stragglers; the form of its answer is unverified


class SpeedSms:
    """One SpeedSMS account and sender. Shared by tasks of one event loop."""

    traits = Traits(
        unit="person",
        address="phone",
        after_silence="ask",
        receipts="push",
        forms=("sms",),
        max_length=0,
        needs_provider_approval=True,
    )

    def __init__(self, name: str, settings: ChannelSettings) -> None:
        self.name = name
        self._options = settings.options(Options)
        if self._options.sms_type == 3 and not self._options.sender:
            raise WrongUse(f"config: channels.{name}: give `sender`, the registered brandname, or another `sms_type`.")
        self._base = (settings.common.api_base or API).rstrip("/") + "/index.php"
        self._wire = http_call.Wire(connections=settings.common.concurrency)
        self._seen = http_call.SeenIds()
        self.hook_token = hook_token(self._options.access_token, adapter="speedsms", channel=name)
        told = f"{settings.public_url}/hooks/speedsms/{quote(name)}/{self.hook_token}"
        self.notice = f"for reports and replies, enter in SpeedSMS's console: {told}" if settings.public_url else ""

    def check(self, outgoing: Outgoing) -> list[str]:
        problems = []
        if not outgoing.text.strip():
            problems.append("The text is empty; write the `sms` form.")
        if not MOBILE.fullmatch(outgoing.to):
            problems.append("The number is no Vietnamese mobile number, like +84 and nine digits; correct the contact.")
        return problems

    async def send(self, outgoing: Outgoing, *, timeout: float) -> Accepted:
        values = {
            "to": [outgoing.to.removeprefix("+")],
            "content": outgoing.text,
            "sms_type": self._options.sms_type,
            "sender": self._options.sender,
        }
        said = await self._ask("POST", "/sms/send", msgspec.json.encode(values), timeout=timeout)
        if said.get("status") != "success":
            raise _error(str(said.get("code", "")))
        return self._acceptance(said, outgoing)

    def read_callback(self, headers: Mapping[str, str], body: bytes) -> list[Delivery | Inbound]:  # noqa: ARG002
        """A status of a message, or a text to a two-way number: JSON in a POST. See `ReadsCallbacks`.

        The address is entered in SpeedSMS's console; who calls is known by the path. The form of both is unverified.
        """
        try:
            said = msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError):
            said = None
        if not isinstance(said, dict):
            raise WrongUse("The callback is no JSON object.")
        if "content" in said and "tranId" not in said:
            sender = _international(str(said.get("phone", "")))
            return [Inbound(sender=sender, text=str(said["content"]))] if sender else []
        found = _delivery(str(said.get("tranId", "")), said.get("status"))
        return [found] if found else []

    async def poll(self, provider_ids: Sequence[str], *, timeout: float) -> list[Delivery]:
        """One request a message, where `poll = true`. See `Polls`."""
        found: list[Delivery] = []
        if not self._options.poll:
            return found
        for tran_id in provider_ids:
            said = await self._ask(
                "GET", f"/sms/status/{quote(tran_id, safe='')}", None, timeout=timeout / len(provider_ids)
            )
            rows = said.get("data")
            rows = rows if isinstance(rows, list) else [rows]
            if said.get("status") == "success" and len(rows) == 1 and isinstance(rows[0], dict):
                delivery = _delivery(tran_id, rows[0].get("status"))
                found += [delivery] if delivery else []
        return found

    async def balance(self, *, timeout: float) -> Balance:
        """`user/info`, as public client code reads it (S). See `TellsBalance`."""
        said = await self._ask("GET", "/user/info", None, timeout=timeout)
        data = said.get("data")
        if said.get("status") != "success" or not isinstance(data, dict):
            raise _error(str(said.get("code", "")))
        return account.read(data.get("balance"), data.get("currency"))

    async def close(self) -> None:
        await self._wire.close()

    async def _ask(self, method: str, path: str, body: bytes | None, *, timeout: float) -> dict[str, Any]:
        """One request; the answer in SpeedSMS's words. Raises: NotAccepted, Throttled, Misconfigured, OutcomeUnknown."""
        login = base64.b64encode(f"{self._options.access_token.reveal()}:x".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
        answer = await self._wire.call(method, self._base + path, headers=headers, body=body, timeout=timeout)
        if answer.status == 429:
            raise _throttled(answer)
        if not 200 <= answer.status < 500 or 300 <= answer.status < 400 or answer.status == 408:
            raise http_call.lost(answer)
        try:
            said = answer.json()
        except OutcomeUnknown:
            said = None
        if isinstance(said, dict) and said.get("status") in ("success", "error"):
            return said
        if answer.status >= 400:
            raise http_call.foreign(answer)
        raise OutcomeUnknown("SpeedSMS's answer has no result; it cannot be told whether the message was taken.")

    def _acceptance(self, said: dict[str, Any], outgoing: Outgoing) -> Accepted:
        """Raises: Refused if it was taken for nobody; OutcomeUnknown unless the answer has an id of its own."""
        data = said.get("data")
        data = data if isinstance(data, dict) else {}
        wrong = data.get("invalidPhone")
        if isinstance(wrong, list) and any(_international(str(number)) == outgoing.to for number in wrong):
            raise Refused("SpeedSMS: the number is not a valid one.", code="105")
        tran_id = data.get("tranId")
        if isinstance(tran_id, bool) or not isinstance(tran_id, str | int) or not TRAN_ID.fullmatch(str(tran_id)):
            raise OutcomeUnknown(
                "SpeedSMS's answer has no message id; it cannot be told whether the message was taken."
            )
        if not self._seen.claim(str(tran_id), owner=outgoing.dedupe_key):
            raise OutcomeUnknown(
                "SpeedSMS's answer repeats the id of an earlier message; it proves nothing about this one."
            )
        return Accepted(provider_id=str(tran_id), parts=_parts(data.get("totalSMS"), outgoing.text))


def _error(code: str) -> SendError:
    meaning = CODES.get(code)
    if meaning is None:
        return Refused(f"SpeedSMS answered code {code[:10]}: see speedsms.vn/sms-api.", code=code[:10])
    return meaning.kind(f"SpeedSMS: {meaning.text}.", code=code)


def _throttled(answer: http_call.Answer) -> Throttled:
    """60 requests in 60 s; the wait stands in a header of its own."""
    reset = answer.headers.get("x-rate-limit-reset", "").strip()
    if reset.isdecimal() and len(reset) < 10:
        return Throttled("SpeedSMS says: too many requests.", wait=http_call.wait_of(int(reset)), code="429")
    return http_call.throttled(answer)


def _delivery(tran_id: str, status: Any) -> Delivery | None:
    """0 arrived, anything else did not (S); a later, better word still counts."""
    if not TRAN_ID.fullmatch(tran_id) or isinstance(status, bool) or not re.fullmatch(r"-?\d{1,9}", str(status)):
        return None
    event = f"{tran_id}:{status}"
    if int(status) == 0:
        return Delivery(state="delivered", provider_id=tran_id, event_id=event)
    return Delivery(state="undelivered", provider_id=tran_id, reason=f"SpeedSMS: status {status}", event_id=event)


def _international(number: str) -> str:
    """`0912...`, `84912...` or `+84912...` as `+84912...`; "" for what is no number."""
    digits = number.strip().removeprefix("+")
    digits = "84" + digits[1:] if digits.startswith("0") else digits
    return f"+{digits}" if digits.isascii() and digits.isdecimal() and 8 <= len(digits) <= 15 else ""


def _parts(total: Any, text: str) -> int:
    """The provider's figure for this one number; ours where it says none (its own key, S)."""
    return total if isinstance(total, int) and not isinstance(total, bool) and 0 < total < 1000 else gsm.parts(text)
