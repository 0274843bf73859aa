"""What Zalo calls us about: the signature of a call, and what it says. Pure.

`X-ZEvent-Signature: mac=HEX`, plain SHA-256 of four things in a row; the sources differ on the first and the last of them.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from broadcaster.channel.base import Delivery, Inbound
from broadcaster.channel.zalo_codes import word
from broadcaster.errors import NotAllowed

BODY_LIMIT = 256 * 1024  # bytes
HEADER = "x-zevent-signature"
TIME_HEADER = "x-zevent-timestamp"  # where one source says the timestamp stands
OLDEST = timedelta(days=1)  # retries go on for about two hours
AHEAD = timedelta(minutes=10)  # how far Zalo's clock may be before ours
TEMPLATE_STATES = {  # change_template_status, status.new_status; the words are from one secondary source
    "ENABLE": "approved", "APPROVED": "approved", "PENDING_REVIEW": "waiting", "REJECT": "refused",
    "REJECTED": "refused", "DISABLE": "refused", "DELETE": "refused",
}  # fmt: skip


def mac(first: str, body: bytes, timestamp: str, secret: str) -> str:
    """The hex of one variant."""
    return hashlib.sha256(first.encode() + body + timestamp.encode() + secret.encode()).hexdigest()


def verify(
    headers: Mapping[str, str],
    body: bytes,
    *,
    firsts: Mapping[str, str],  # variant -> app id or account id
    secrets: Mapping[str, str],  # variant -> secret
    now: datetime,
) -> tuple[dict[str, Any], str]:
    """The event, and the name of the variant that matched. Raises: NotAllowed if none does, or it is old."""
    given = {name.lower(): value for name, value in headers.items()}
    signature = given.get(HEADER, "").strip().removeprefix("mac=").strip().lower()
    if len(body) > BODY_LIMIT:
        raise NotAllowed("The call is larger than 256 KB; Zalo's are not.")
    if len(signature) != 64 or not signature.isascii():
        raise NotAllowed("The call has no signature of Zalo's.")
    event = _object(body)
    stamps = [stamp for stamp in (word(event.get("timestamp")), given.get(TIME_HEADER, "")[:32]) if stamp]
    matched = [
        (f"{first_name}+{secret_name}", stamp)
        for stamp in stamps
        for first_name, first in firsts.items()
        for secret_name, secret in secrets.items()
        if first and secret and hmac.compare_digest(mac(first, body, stamp, secret), signature)
    ]
    if not matched:
        raise NotAllowed(
            "The call's signature is not Zalo's for this account; check `app_secret` and `webhook_secret`."
        )
    variant, stamp = matched[0]
    moment = _moment(stamp)
    if moment is not None and not now - OLDEST <= moment <= now + AHEAD:
        raise NotAllowed("The call is older than a day, or of tomorrow: an old one played again, or a wrong clock.")
    return event, variant


def told(event: Mapping[str, Any], body: bytes) -> list[Delivery | Inbound]:
    """What an event says of a message of ours, or of a person; nothing for the rest."""
    name = event.get("event_name")
    if not isinstance(name, str):
        return []
    message = event.get("message")
    message = message if isinstance(message, dict) else {}
    id, key = word(message.get("msg_id")), word(message.get("tracking_id"), most=48)
    event_id = f"{name}:{id or hashlib.sha256(body).hexdigest()}"[:200]
    if name == "unfollow":
        person = _id_of(event.get("follower")) or _id_of(event.get("sender"))
        return [Inbound(sender=person, address="zalo", kind="left", event_id=event_id)] if person else []
    if name == "user_send_text":
        person, text = _id_of(event.get("sender")), message.get("text")
        if not person or not isinstance(text, str):
            return []
        return [Inbound(sender=person, address="zalo", text=text, event_id=event_id)]
    if name == "user_received_message" and (id or key):
        return [Delivery(state="delivered", provider_id=id, key=key, event_id=event_id)]
    if name.startswith("oa_send_") and id:
        return [Delivery(state="accepted", provider_id=id, key=key, event_id=event_id)]
    return []


def template_state(event: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """(template id, our state, the provider's reason) of a template's review, or None."""
    if event.get("event_name") != "change_template_status":
        return None
    told = event.get("status")
    status = told.get("new_status") if isinstance(told, dict) else told
    template, state = word(event.get("template_id")), TEMPLATE_STATES.get(str(status).upper()[:40])
    reason = event.get("reason")
    return (template, state, reason if isinstance(reason, str) else "") if template and state else None


def _id_of(person: Any) -> str:
    return word(person.get("id")) if isinstance(person, dict) else ""


def _object(body: bytes) -> dict[str, Any]:
    try:
        event = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise NotAllowed("The call is no event: its body is no JSON object.")
    return event


def _moment(stamp: str) -> datetime | None:
    """Milliseconds since 1970, as in Zalo's examples; None for what is none."""
    if not stamp.isdecimal() or not 10 <= len(stamp) <= 14:
        return None
    return datetime.fromtimestamp(int(stamp) / (1000 if len(stamp) > 11 else 1), UTC)
