"""What providers call: verify, store, answer. Nothing is applied here, so that a flood of callbacks slows no sender.

`routes` go into any application whose state has a `hooks` (see `Hooks`), or a desk with `config`, `database` and `clock`.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar, cast

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from broadcaster.audience import opt_out
from broadcaster.channel import registry
from broadcaster.channel.base import AnswersPeople, Channel, Delivery, Inbound, ReadsCallbacks
from broadcaster.channel.vault import Vault
from broadcaster.clock import Clock
from broadcaster.config import Config
from broadcaster.db.engine import Database
from broadcaster.dispatch import receipt
from broadcaster.duty import inbox
from broadcaster.errors import BroadcasterError, NotAllowed
from broadcaster.ledger.store import Transaction
from broadcaster.ledger.writer import Writer

T = TypeVar("T")
log = logging.getLogger("broadcaster.hooks")

BODY_MOST = 64 * 1024  # bytes; the largest callback we know, Zalo's, has less than four thousand
BODY_EVER = 1024 * 1024  # bytes; whatever a channel asks for
QUERY_MOST = 8 * 1024  # bytes
BODY_WITHIN = 10.0  # seconds from the first byte of a body to its last
EVENTS_MOST = 1000  # of one callback
TELL_EVERY = 5.0  # seconds between two notes of how many were refused


class Hooks:
    """The configured channels that can be called back, and the road into the inbox. One for the process."""

    def __init__(
        self, config: Config, database: Database, clock: Clock, *, channels: dict[str, Channel] | None = None
    ) -> None:
        self._config, self._database, self._clock = config, database, clock
        self._channels: dict[str, Channel | None] = dict(channels or {})
        self._writer: Writer | None = None
        self._lock = threading.Lock()
        self.refusals: Counter[str] = Counter()
        self._told = float("-inf")
        self.office_key = config.secret(config.office.key, where="office.key").reveal().encode()
        self._vault = Vault(database, clock, self.office_key)

    def channel(self, adapter: str, name: str) -> Channel | None:
        """The channel if it is configured so and is ever called back; built at its first callback."""
        if self._config.channels.get(name, {}).get("adapter") != adapter:
            return None
        if name not in self._channels:
            try:
                self._channels[name] = registry.build(replace(self._config.channel(name), vault=self._vault))
            except BroadcasterError as error:
                log.error("hooks.no_channel %s: %s", name, error)
                self._channels[name] = None
        found = self._channels[name]
        return found if isinstance(found, ReadsCallbacks) else None

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Together with what else has come meanwhile; on the disk when this returns."""
        with self._lock:
            if self._writer is None:
                self._writer = Writer(self._database, self._clock)
        return await self._writer.write(work)

    def read(self, query: Callable[[Any], T]) -> T:
        with self._database.reading() as connection:
            return query(connection)

    async def refuse(self, name: str) -> None:
        """Count it; the counts are written down now and then, so that forgers cannot make us write."""
        self.refusals[name] += 1
        if self._clock.monotonic() - self._told >= TELL_EVERY:
            self._told = self._clock.monotonic()
            counts, self.refusals = dict(self.refusals), Counter()
            await self.write(partial(receipt.refused, counts=counts))

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


async def receive(request: Request) -> Response:
    """One callback. 200 stored; 403 not genuine; 404 no such channel; 400, 408, 413, 415 not readable."""
    hooks = of(request)
    name = request.path_params["channel"]
    channel = hooks.channel(request.path_params["adapter"], name)
    if channel is None:
        return Response(status_code=404)
    if not _has_token(channel, request.path_params.get("token", "")):
        await hooks.refuse(name)
        return Response(status_code=403)
    body = await _body(request, min(getattr(channel, "hook_body_most", BODY_MOST), BODY_EVER))
    if isinstance(body, Response):
        return body
    try:
        read = partial(cast(ReadsCallbacks, channel).read_callback, _headers(request), body)
        events = await asyncio.to_thread(read)  # a large bounce, or a channel that writes down a review, takes its time
    except NotAllowed:
        await hooks.refuse(name)
        return Response(status_code=403)
    except BroadcasterError:
        await hooks.refuse(name)
        return Response(status_code=400)
    except Exception as error:  # an adapter that cannot read it has proved nothing, and its words may hold a number
        log.error("hooks.adapter_fault %s: %s", name, type(error).__name__)
        await hooks.refuse(name)
        return Response(status_code=400)
    return await _store(hooks, channel, events[:EVENTS_MOST])


async def _store(hooks: Hooks, channel: Channel, events: Sequence[Delivery | Inbound]) -> Response:
    deliveries = [one for one in events if isinstance(one, Delivery)]
    said = [one for one in events if isinstance(one, Inbound)]
    confirm = None
    for inbound in said:
        confirm = confirm or await _confirmation(hooks, channel, inbound)
    if deliveries or said:
        await hooks.write(partial(inbox.keep, channel=channel, deliveries=deliveries, said=said, key=hooks.office_key))
    return confirm or Response(status_code=200)


async def _confirmation(hooks: Hooks, channel: Channel, inbound: Inbound) -> Response | None:
    """What the person is told, once, where the provider says it for us."""
    if not isinstance(channel, AnswersPeople) or inbound.kind == "left" or not opt_out.meaning(inbound.text).refuses:
        return None
    sender = opt_out.Sender.of(inbound.address or channel.traits.address, inbound.sender, office_key=hooks.office_key)
    if await asyncio.to_thread(hooks.read, partial(opt_out.is_suppressed, sender=sender)):
        return None
    kind, body = channel.answer(inbound, opt_out.CONFIRMATION["vi"])
    return Response(body, media_type=kind)


def _has_token(channel: Channel, given: str) -> bool:
    wanted = getattr(channel, "hook_token", None)
    if wanted is None:
        return not given
    return bool(wanted) and hmac.compare_digest(str(wanted).encode(), given.encode("utf-8", "replace"))


async def _body(request: Request, most: int) -> bytes | Response:
    """Everything that arrived, within its bounds; for a GET the query."""
    query: bytes = request.scope.get("query_string", b"")
    if len(query) > QUERY_MOST:
        return Response(status_code=414)
    if request.method == "GET":
        return query
    if request.headers.get("content-encoding", "identity") != "identity":
        return Response(status_code=415)
    pieces, total = [], 0
    try:
        async with asyncio.timeout(BODY_WITHIN):
            async for piece in request.stream():
                total += len(piece)
                if total > most:
                    return Response(status_code=413, headers={"Connection": "close"})
                pieces.append(piece)
    except TimeoutError:
        return Response(status_code=408, headers={"Connection": "close"})
    except ClientDisconnect:
        return Response(status_code=400)
    return b"".join(pieces)


def _headers(request: Request) -> dict[str, str]:
    """Names in lower case; the three with a colon cannot come from a client."""
    found = dict(request.headers.items())
    found[":method"] = request.method
    found[":path"] = request.scope.get("raw_path", b"").decode("latin-1") or request.url.path
    found[":query"] = request.scope.get("query_string", b"").decode("latin-1")
    return found


def of(request: Request) -> Hooks:
    """The application's, made at the first call where there is only a desk."""
    state = request.app.state
    found = getattr(state, "hooks", None)
    if found is None:
        found = state.hooks = Hooks(state.desk.config, state.desk.database, state.desk.clock)
    return cast(Hooks, found)


receive.rule = "public"  # type: ignore[attr-defined]  # no sign-in: each provider proves itself

routes = [
    Route("/hooks/{adapter}/{channel}", receive, methods=["GET", "POST"]),
    Route("/hooks/{adapter}/{channel}/{token}", receive, methods=["GET", "POST"]),
]
