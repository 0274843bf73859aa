"""Signed web hooks: one receiver, such as a portal, gets each message as JSON, signed as Standard Webhooks 1.0.0 has it.

The receiver knows a repeat by `webhook-id`, so a lost answer is simply sent again. One channel is one receiver: its
address stands in the configuration, where an administrator wrote it, and nowhere else.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from broadcaster.channel import http_call, outside
from broadcaster.channel.base import Accepted, Misconfigured, OutcomeUnknown, Outgoing, Refused, Throttled, Traits
from broadcaster.channel.http_call import Answer
from broadcaster.clock import Clock, SystemClock
from broadcaster.config import ChannelSettings, Secret
from broadcaster.errors import WrongUse

PREFIX = "whsec_"
KEY_BYTES = (24, 64)  # Standard Webhooks 1.0.0, "Signature scheme": between 24 and 64 bytes of chance
BUSY = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}  # the receiver says when to come again

_encode = msgspec.json.Encoder(order="sorted").encode


class Options(Struct, forbid_unknown_fields=True, kw_only=True):
    url: str  # where the receiver listens
    secret: Secret  # whsec_...; what the receiver verifies by
    secret_before: Secret | None = None  # while the secret is being changed: both sign
    allow_private: bool = False  # the receiver stands in our own network; plain http is then allowed too


class Webhook:
    """One receiver. Shared by tasks of one event loop."""

    traits = Traits(unit="public", address="public", after_silence="repeat", forms=("text",), max_length=0)

    def __init__(self, name: str, settings: ChannelSettings) -> None:
        self.name = name
        self.clock: Clock = SystemClock()
        self._options = settings.options(Options)
        self._keys = [
            key_of(secret, where=f"channels.{name}.{key}")
            for key, secret in (("secret", self._options.secret), ("secret_before", self._options.secret_before))
            if secret is not None
        ]
        private = self._options.allow_private
        _check_address(self._options.url, name=name, allow_private=private)
        path = urlsplit(self._options.url)._replace(scheme="", netloc="").geturl()
        base = settings.common.api_base.rstrip("/")
        self._url = base + path if base else self._options.url
        _check_address(self._url, name=name, allow_private=private)
        self._wire = http_call.Wire(
            connections=settings.common.concurrency, resolver=None if private else outside.PublicOnly()
        )

    def check(self, outgoing: Outgoing) -> list[str]:
        return [] if outgoing.text.strip() else ["The text is empty; write the `text` form."]

    async def send(self, outgoing: Outgoing, *, timeout: float) -> Accepted:
        body = payload(outgoing)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "broadcaster",
            **signature(outgoing.dedupe_key, self.clock.now(), body, keys=self._keys),
        }
        answer = await self._wire.call("POST", self._url, headers=headers, body=body, timeout=timeout)
        _judge(answer)
        return Accepted(provider_id=outgoing.dedupe_key)

    async def close(self) -> None:
        await self._wire.close()


def payload(outgoing: Outgoing) -> bytes:
    """The body: the same bytes on every attempt of one dispatch."""
    published = outgoing.published_at or outgoing.expires_at
    return _encode(
        {
            "type": "message.published",
            "timestamp": published.isoformat(),
            "data": {
                "id": outgoing.dedupe_key,
                "title": outgoing.title,
                "text": outgoing.text,
                "language": outgoing.language,
                "category": outgoing.category,
                "link": outgoing.link,
                "media": [
                    {"name": one.name, "mime_type": one.mime_type, "sha256": one.sha256} for one in outgoing.media
                ],
            },
        }
    )


def signature(id: str, moment: datetime, body: bytes, *, keys: Sequence[bytes]) -> dict[str, str]:
    """The three headers of Standard Webhooks 1.0.0: `v1` is HMAC-SHA256 over `id.timestamp.body`, one for each key."""
    stamp = str(int(moment.timestamp()))
    signed = f"{id}.{stamp}.".encode() + body
    signatures = [f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}" for key in keys]
    return {"webhook-id": id, "webhook-timestamp": stamp, "webhook-signature": " ".join(signatures)}


def key_of(secret: Secret, *, where: str) -> bytes:
    """The key inside `whsec_<base64>`. Raises: WrongUse, without the value."""
    text = secret.reveal().strip()
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(PREFIX) or not KEY_BYTES[0] <= len(key) <= KEY_BYTES[1]:
        raise WrongUse(
            f"config: {where}: a web hook's secret is `whsec_` and the base64 of {KEY_BYTES[0]} to {KEY_BYTES[1]} bytes;"
            " make one with `openssl rand -base64 32`."
        )
    return key


def _check_address(url: str, *, name: str, allow_private: bool) -> None:
    """Raises: WrongUse for an address that is none, or that this channel may not reach."""
    where = f"config: channels.{name}.url"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise WrongUse(f"{where}: this is no address; write it like https://portal.example.gov.vn/hook.") from None
    if parts.scheme not in ("http", "https") or not host or parts.username is not None or "#" in url:
        raise WrongUse(f"{where}: write it like https://portal.example.gov.vn/hook, without a user's name or a `#`.")
    if allow_private:
        return
    if parts.scheme != "https":
        raise WrongUse(
            f"{where}: only https; plain http is for a receiver in your own network, with `allow_private = true`."
        )
    if _is_numeric(host) and not outside.is_public(host):
        raise WrongUse(
            f"{where}: this address is not on the public internet; if the receiver stands in your own network, set"
            " `allow_private = true`."
        )


def _is_numeric(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _judge(answer: Answer) -> None:
    """What the receiver's answer means; returns if it has the message. Raises: only the five errors."""
    status, code = answer.status, str(answer.status)
    if 200 <= status < 300:
        http_call.no_page(answer)
        return
    if status == HTTPStatus.GONE:  # Standard Webhooks 1.0.0: "the sender should disable the endpoint"
        raise Refused(
            "The receiver has closed this address for good (410); ask for its new one, and add it as a new channel.",
            code=code,
            suppress=True,
        )
    if status in BUSY and "retry-after" in answer.headers:
        # not quite "certainly not taken" for a 503, but the same webhook-id goes out again and is taken once
        raise http_call.throttled(answer, now=SystemClock().now(), code=code)
    if status == HTTPStatus.TOO_EARLY:
        raise Throttled("The receiver says: too early.", wait=http_call.WAIT_UNSAID, code=code)
    if 300 <= status < 400:
        raise OutcomeUnknown(
            f"The receiver answered {status}, another address; it is not followed. Correct `url` if it has moved.",
            code=code,
        )
    if status in (HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.UNSUPPORTED_MEDIA_TYPE):
        raise Misconfigured(
            f"The receiver answered {status}: this address takes no web hooks; correct `url`.", code=code
        )
    http_call.judge(answer)
