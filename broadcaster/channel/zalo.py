"""A Zalo official account: an article broadcast to all followers, a text to one follower, or an approved template.

There is no sandbox and no key by which Zalo knows a message again: a lost answer is settled by its calls, or by a person.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import quote

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from broadcaster.channel import http_call, zalo_event
from broadcaster.channel import provider_item as items
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
)
from broadcaster.channel.meaning import Meaning
from broadcaster.channel.vault import Pair, Vault
from broadcaster.channel.zalo_article import TITLE_LIMIT, Articles
from broadcaster.channel.zalo_codes import OA, TEMPLATE_CODES, ZBS, TokenExpired, judge, whole, word
from broadcaster.channel.zalo_options import ARTICLE, SLOT, USER, Options, check_settings, look_of, traits_of
from broadcaster.channel.zalo_token import OAUTH, Tokens
from broadcaster.clock import SystemClock
from broadcaster.config import ChannelSettings
from broadcaster.errors import BroadcasterError, NotAllowed

API = "https://openapi.zalo.me"
BUSINESS = "https://business.openapi.zalo.me"
PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
POLL_AT_MOST = 20  # messages asked about at once; each is a request
log = logging.getLogger("broadcaster.channel.zalo")


class ZaloOa:
    """One official account in one mode. Shared by tasks of one event loop."""

    traits = ARTICLE

    def __init__(self, name: str, settings: ChannelSettings) -> None:
        self.name = name
        self._options = options = settings.options(Options)
        self._settings = settings
        check_settings(name, options, settings)
        self.traits = traits_of(name, options)
        self.sample_to = (
            options.oa_id if self.traits.address == "zalo" else "+84912345678"
        )  # of a message under `check`
        base = settings.common.api_base.rstrip("/")
        self._api, self._business = base or API, base or BUSINESS
        self._wire = http_call.Wire(connections=settings.common.concurrency)
        self._seen = http_call.SeenIds()
        self._template_state = ""  # of its review, as last written down
        self._vault: Vault | None = settings.vault if isinstance(settings.vault, Vault) else None
        if self._vault is not None:
            self._tokens = Tokens(
                name, self._vault, self._wire, base=base or OAUTH, app_id=options.app_id, secret=options.app_secret,
                seed=options.refresh_token,
            )  # fmt: skip
            self._articles = Articles(name, self._vault, look_of(options, settings))

    def check(self, outgoing: Outgoing) -> list[str]:
        problems = []
        if not outgoing.text.strip():
            problems.append(f"The text is empty; write the `{self.traits.forms[0]}` form.")
        if self.traits.max_length and len(outgoing.text) > self.traits.max_length:
            problems.append(
                f"{len(outgoing.text)} characters; Zalo takes at most {self.traits.max_length} here: shorten the text."
            )
        if self._options.mode == "article" and len(outgoing.title) > TITLE_LIMIT:
            problems.append(f"The title has {len(outgoing.title)} characters; an article takes at most {TITLE_LIMIT}.")
        if self._options.mode == "article" and not outgoing.title.strip():
            problems.append("An article needs a title; write one.")
        return [*problems, *self._never(outgoing)]

    def _never(self, outgoing: Outgoing) -> list[str]:
        """What must not leave whatever anybody says."""
        personal = ("{{ opt_out }}", *filter(None, [outgoing.opt_out]))
        if self._options.mode == "article" and any(one in outgoing.text for one in personal):
            # it would be the link of the account's own address: any follower could silence the channel with it
            return ["An article is read by everybody, and {{ opt_out }} is one person's link; take it out of the text."]
        return self._about_address(outgoing.to)

    def _about_address(self, to: str) -> list[str]:
        if self._options.mode == "article" and to != self._options.oa_id:
            return [
                "An article goes to all followers at once: address it to the official account itself, by its `oa_id`."
            ]
        if self.traits.address == "zalo" and not USER.fullmatch(to):
            return ["The Zalo address is no user id; correct the contact."]
        if self.traits.address == "phone" and not PHONE.fullmatch(to):
            return ["The number is not in international form, like +84 and nine digits; correct the contact."]
        return []

    async def send(self, outgoing: Outgoing, *, timeout: float) -> Accepted:
        if self._vault is None:
            raise Misconfigured("This channel keeps its tokens in the database; send with `broadcaster run`.")
        if wrong := self._never(outgoing):
            raise Refused(wrong[0], code="never")
        call = partial(self._call, ends=_now() + timeout)
        try:
            if self._options.mode == "article":
                article = await self._articles.prepare(outgoing, call)
                return await self._articles.broadcast(outgoing, article, call)
            return await self._send_to_one(outgoing, call)
        except SendError:
            raise
        except (
            BroadcasterError,
            SQLAlchemyError,
        ) as error:  # every write of ours before a request is on disk, or no request is
            text = f"The database could not be used ({type(error).__name__}); nothing was sent."
            raise NotAccepted(text, code="database") from None

    async def find(self, outgoing: Outgoing, *, since: datetime, timeout: float) -> Accepted | None:  # noqa: ARG002
        """What our own rows prove of a broadcast; Zalo itself cannot be asked. See `LooksUp`."""
        if self._vault is None or self._options.mode != "article":
            raise OutcomeUnknown("Zalo cannot be asked for a message whose answer was lost.")
        try:
            return await self._articles.taken(outgoing)
        except SQLAlchemyError as error:
            raise OutcomeUnknown(f"The database could not be read ({type(error).__name__}).") from None

    async def poll(self, provider_ids: Sequence[str], *, timeout: float) -> Sequence[Delivery]:
        """Ask how template messages have fared; the other modes have nothing to ask. See `Polls`."""
        if self._options.mode != "template" or self._vault is None:
            return []
        ends, found = _now() + timeout, []
        for id in provider_ids[:POLL_AT_MOST]:
            if _now() >= ends:
                break
            data = await self._call(
                "GET", f"/message/status?message_id={quote(id, safe='')}", None, ends=ends, codes=ZBS
            )
            if whole(data.get("status")) == 1:
                found.append(Delivery(state="delivered", provider_id=id, event_id=f"status:{id}"))
        return found

    def read_callback(self, headers: Mapping[str, str], body: bytes) -> Sequence[Delivery | Inbound]:
        """Zalo's event, once its signature is one of the variants that the sources tell of. See `ReadsCallbacks`."""
        options, first = self._options, self._options.webhook_first_term
        event, variant = zalo_event.verify(
            headers,
            body,
            firsts={name: getattr(options, name) for name in ("app_id", "oa_id") if first in ("any", name)},
            secrets={
                "app_secret": "" if options.webhook_secret else options.app_secret.reveal(),
                "webhook_secret": options.webhook_secret.reveal() if options.webhook_secret else "",
                "former": options.former_webhook_secret.reveal() if options.former_webhook_secret else "",
            },
            now=self._vault.now() if self._vault else SystemClock().now(),
        )
        log.info("zalo.signature %s: %s", self.name, variant)  # which of the variants is the true one, for the docs
        _check_ours(event, options)
        review = zalo_event.template_state(event)
        if review is not None and self._vault is not None:
            template, state, reason = review
            self._vault.write(
                partial(items.note, channel=self.name, kind="template", subject=template, state=state, reason=reason)
            )
        return zalo_event.told(event, body)

    async def close(self) -> None:
        await self._wire.close()

    # -- one request ---------------------------------------------------------------------------------------------------

    async def _send_to_one(self, outgoing: Outgoing, call: Any) -> Accepted:
        """A text to a follower, or a template."""
        if self._options.mode == "cs":
            body = {"recipient": {"user_id": outgoing.to}, "message": {"text": outgoing.text}}
            data = await call("POST", "/v3.0/oa/message/cs", body)
            return self._acceptance(word(data.get("message_id")), outgoing)
        path, body = self._template(outgoing)
        try:
            data = await call("POST", path, body, codes=ZBS)
        except SendError as error:
            await self._note_template(TEMPLATE_CODES.get(error.code, ""), str(error))
            raise
        await self._note_template("approved", "")
        return self._acceptance(word(data.get("msg_id")) or word(data.get("message_id")), outgoing)

    def _template(self, outgoing: Outgoing) -> tuple[str, dict[str, Any]]:
        said = {"text": outgoing.text, "title": outgoing.title, "link": outgoing.link}
        data = {
            key: SLOT.sub(lambda slot: said.get(slot[1], ""), value)
            for key, value in self._options.template_data.items()
        }
        body: dict[str, Any] = {"template_id": self._options.template_id, "template_data": data}
        if self._options.template_by == "uid":  # it refuses a tracking_id
            return "/v3.0/oa/message/template", {"user_id": outgoing.to, **body}
        return "/message/template", {"phone": outgoing.to.removeprefix("+"), **body, "tracking_id": outgoing.key}

    async def _note_template(self, state: str, reason: str) -> None:
        """A send tells how the template's review stands. Never in the way of the send's own outcome."""
        if not state or state == self._template_state or self._vault is None:
            return
        subject = self._options.template_id
        work = partial(items.note, channel=self.name, kind="template", subject=subject, state=state, reason=reason)
        try:
            await asyncio.to_thread(self._vault.write, work)
            self._template_state = state
        except (BroadcasterError, SQLAlchemyError) as error:
            log.error("zalo.cannot_write %s: %s", self.name, type(error).__name__)

    def _acceptance(self, id: str, outgoing: Outgoing) -> Accepted:
        """Raises: OutcomeUnknown unless the answer has an id of its own."""
        if not id:
            raise OutcomeUnknown("Zalo's answer has no message id; it cannot be told whether the message was taken.")
        if not self._seen.claim(id, owner=outgoing.dedupe_key):
            raise OutcomeUnknown(
                "Zalo's answer repeats the id of an earlier message; it proves nothing about this one."
            )
        return Accepted(provider_id=id)

    async def _call(
        self,
        method: str,
        path: str,
        payload: Mapping[str, Any] | None,
        *,
        ends: float,
        codes: Mapping[int, Meaning] = OA,
    ) -> dict[str, Any]:
        """One request with a good token. Where Zalo says that the token is not good, nothing was done: renew it, once."""
        pair = await self._tokens.get(timeout=_left(ends))
        try:
            return await self._ask(method, path, payload, pair, ends, codes)
        except TokenExpired:
            pair = await self._tokens.renew(pair, timeout=_left(ends))
        try:
            return await self._ask(method, path, payload, pair, ends, codes)
        except TokenExpired as error:
            raise Misconfigured(
                f"{error} A renewed one is refused too: check that `app_id` and `oa_id` belong together.",
                code=error.code,
            ) from None

    async def _ask(
        self,
        method: str,
        path: str,
        payload: Mapping[str, Any] | None,
        pair: Pair,
        ends: float,
        codes: Mapping[int, Meaning],
    ) -> dict[str, Any]:
        headers = {"access_token": pair.access}
        if payload is not None:
            headers["Content-Type"] = "application/json"
        if self._options.appsecret_proof:
            secret = self._options.app_secret.reveal().encode()
            headers["appsecret_proof"] = hmac.digest(secret, pair.access.encode(), hashlib.sha256).hex()
        base = self._business if path.startswith("/message/") else self._api
        body = msgspec.json.encode(payload) if payload is not None else None
        answer = await self._wire.call(method, base + path, headers=headers, body=body, timeout=_left(ends))
        return judge(answer, codes)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _left(ends: float) -> float:
    """Seconds left of a send. Raises: NotAccepted when there are none for another request."""
    left = ends - _now()
    if left <= 0.01:
        raise NotAccepted(
            "The time was over before the message could be handed over; nothing was sent.", code="timeout"
        )
    return left


def _check_ours(event: Mapping[str, Any], options: Options) -> None:
    """Raises: NotAllowed for an event of another app, signed though it be."""
    app = word(event.get("app_id"))
    if app and app != options.app_id:
        raise NotAllowed("The call is about another app; check the address that app calls.")
