"""What every simulated provider shares: a server on loopback, its book, its faults, and a door to move its time.

`async with TwilioSimulator() as simulator: simulator.url` in a test; `serve` of the command line as a process.
"""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

import msgspec
from aiohttp import web

from broadcaster.errors import WrongUse
from broadcaster.simulator.book import Book
from broadcaster.simulator.faults import Fault, Play, Script, script_of

GARBAGE = b"<!DOCTYPE html><title>Welcome</title><p>Please log in to this network.</p>"
HUGE = 1024 * 1024  # bytes
DEEP = 100_000  # brackets
CHUNK = b"x" * 32 * 1024
IDS = re.compile(rb'"(?:id|sid|msg_id|message_id|SMSID|tranId)": ?"?[^",}]+"?')


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that asks for a message to be sent, as the provider understands it."""

    to: str
    body: str
    reference: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer before it is sent. `id` only for a message that was taken."""

    status: int
    body: bytes
    id: str = ""
    decision: str = "accepted"
    headers: Mapping[str, str] = field(default_factory=dict)


class Provider:
    """One simulated provider. Subclasses say what a request means and how it is answered."""

    name = "provider"

    def __init__(
        self,
        *,
        book: Book | None = None,
        script: Script | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if not ipaddress.ip_address(host).is_loopback:
            raise WrongUse(f"A simulator answers on loopback only, not on {host}.")
        self.book = book if book is not None else Book()
        self.url = ""
        self._host, self._port, self._tls = host, port, tls
        self._last_answer = b""  # of the message before
        self._play = Play(script or Script(), self.name)
        self._runner: web.ServerRunner | None = None
        self._stopping = asyncio.Event()

    # ---- what a provider is

    def read(self, request: web.BaseRequest, body: bytes) -> Call | Reply:
        """The call that asks to send; or the answer to anything else, which the book does not keep."""
        raise NotImplementedError

    def refusal(self, call: Call) -> Reply | None:
        """The provider's own reason not to take it, or None."""
        raise NotImplementedError

    def take(self, call: Call) -> Reply:
        """Take the message: make an id, keep it, and say so."""
        raise NotImplementedError

    def error(self, *, status: int, code: int, text: str, retry_after: str = "") -> Reply:
        """An error in the provider's own words."""
        raise NotImplementedError

    def shown(self, request: web.BaseRequest) -> str:
        """The request's address as the book may keep it: without a secret."""
        return request.path_qs if "/bot" not in request.path else "/bot***/" + request.path.rpartition("/")[2]

    # ---- life

    async def start(self) -> Self:
        self._stopping.clear()
        self._runner = web.ServerRunner(
            web.Server(self._handle, access_log=None), handle_signals=False, shutdown_timeout=1.0
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port, backlog=1024, ssl_context=self._tls)
        try:
            await site.start()
        except OSError:
            await self.stop()
            raise WrongUse(
                f"The {self.name} simulator cannot listen on port {self._port}: it is taken. Name another, or 0 for a free one."
            ) from None
        host, port = self._runner.addresses[0][:2]
        scheme = "https" if self._tls else "http"
        self.url = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
        return self

    async def stop(self) -> None:
        self._stopping.set()  # wakes whoever plays silence
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self.book.close()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def play(self, *faults: Fault, seed: int = 0) -> None:
        """Replace the fault script."""
        self._play = Play(Script(seed=seed, fault=list(faults)), self.name)

    # ---- a request

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        if request.path.startswith("/simulator/"):
            return self._control(request, body)
        call = self.read(request, body)
        if isinstance(call, Reply):
            return _response(call)
        number = self.book.next_number()
        fault = self._play.fault_for(number=number, to=call.to)
        reply = self._decide(call, fault)
        self.book.write(
            n=number,
            path=self.shown(request),
            to=call.to,
            body=call.body,
            reference=call.reference,
            decision=reply.decision,
            accepted=bool(reply.id),
            status=0 if fault and fault.do.split("-")[0] in ("cut", "silence", "end") else reply.status,
            id=reply.id,
        )
        return await self._answer(request, fault, reply)

    def _decide(self, call: Call, fault: Fault | None) -> Reply:
        """What the provider does with the message, and what it would answer."""
        refusal = self.refusal(call)
        if fault is None:
            answer = refusal or self.take(call)
            self._last_answer = answer.body if answer.id else self._last_answer
            return answer
        match fault.do:
            case "throttle":
                return self.error(status=429, code=fault.code, text=fault.text, retry_after=fault.retry_after)
            case "refuse":
                return self.error(status=fault.status, code=fault.code, text=fault.text)
            case "redirect":
                status = fault.status if 300 <= fault.status < 400 else 307
                return Reply(status=status, body=b"", decision="redirect", headers={"Location": fault.location})
            case "garbage-before":
                return Reply(status=200, body=GARBAGE, decision=fault.do, headers={"Content-Type": "text/html"})
            case "error-before" | "cut-before" | "silence-before":
                return replace(self._broken(fault), decision=fault.do)
        if refusal:
            return refusal
        taken = self.take(call)
        status, headers = taken.status, {"Content-Type": "application/json"}
        match fault.do:
            case "error-after":
                status, content = fault.status, self._broken(fault).body
            case "garbage-after":
                status, content, headers = 200, GARBAGE, {"Content-Type": "text/html"}
            case _:
                content = self._spoilt(fault.do, taken.body)
        if fault.do == "gzip-after":
            headers["Content-Encoding"] = "gzip"
        if fault.do == "header-after":
            headers["X-Padding"] = "x" * HUGE
        return Reply(status=status, body=content, id=taken.id, decision=fault.do, headers=headers)

    def _spoilt(self, do: str, content: bytes) -> bytes:
        """The body of an answer after what `do` makes of it."""
        match do:
            case "empty-after":
                return b""
            case "huge-after":
                return b'{"padding": "' + b"x" * HUGE + b'"}'
            case "gzip-after":
                return gzip.compress(content)[:15]  # the header, and a little
            case "charset-after":
                return b"\xfe\xff\xd8" + content[1:]
            case "deep-after":
                return b"[" * DEEP
            case "nan-after":
                return b"NaN"
            case "bare-after":
                return b"{}"
            case "wide-after":
                return IDS.sub(lambda found: found[0].split(b":")[0] + b":9223372036854775808", content)
            case "more-after":
                return content[:-1] + b',"new_field":{"a":[1]}}' if content.endswith(b"}") else content
            case "twice-after":
                return content[:-1] + b"".join(b"," + name + b":null" for name in _names(content)) + b"}"
            case "old-after":
                return self._last_answer
        return content

    def _broken(self, fault: Fault) -> Reply:
        return self.error(status=fault.status, code=fault.code, text=fault.text or "Internal Server Error")

    async def _answer(self, request: web.BaseRequest, fault: Fault | None, reply: Reply) -> web.StreamResponse:
        """Let the answer take its way, or not."""
        if fault is None:
            return _response(reply)
        match fault.do:
            case "cut-before" | "cut-after":
                return _cut(request)
            case "silence-before" | "silence-after":
                await self._wait(fault.seconds)
                return _cut(request)
            case "slow":
                await self._wait(fault.seconds)
            case "end-after":
                return _hang_up(request)
            case "half-after":
                return await self._break_off(request, reply)
            case "endless-after":
                return await self._go_on(request, reply)
            case "dribble-after":
                return await self._dribble(request, reply, fault.seconds)
        return _response(reply)

    async def _break_off(self, request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
        response = web.StreamResponse(status=reply.status, headers={"Content-Length": str(len(reply.body))})
        await response.prepare(request)
        await response.write(reply.body[: len(reply.body) // 2])
        return _cut(request, response)

    async def _go_on(self, request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
        response = web.StreamResponse(status=reply.status)
        response.enable_chunked_encoding()
        await response.prepare(request)
        with suppress(ConnectionError):
            while not self._stopping.is_set():
                await response.write(CHUNK)
        return _cut(request, response)

    async def _dribble(self, request: web.BaseRequest, reply: Reply, seconds: float) -> web.StreamResponse:
        response = web.StreamResponse(status=reply.status, headers={"Content-Length": str(len(reply.body))})
        await response.prepare(request)
        with suppress(ConnectionError):  # the client has had enough
            for at in range(len(reply.body)):
                await response.write(reply.body[at : at + 1])
                await self._wait(seconds)
                if self._stopping.is_set():
                    break
        return _cut(request, response)

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    # ---- the door for the demo and the tests

    def _control(self, request: web.BaseRequest, body: bytes) -> web.Response:
        try:
            match request.method, request.path:
                case "GET", "/simulator/book":
                    return _json(200, self.book.counts())
                case "GET", "/simulator/book.jsonl":
                    return web.Response(body=b"".join(self.book.lines()), content_type="application/jsonl")
                case "POST", "/simulator/time":
                    self.book.move_to(datetime.fromisoformat(str(msgspec.json.decode(body)["now"])))
                    return _json(200, {"now": self.book.now().isoformat()})
                case "POST", "/simulator/faults":
                    self._play = Play(script_of(msgspec.json.decode(body)), self.name)
                    return _json(200, {"ok": True})
        except (ValueError, KeyError, TypeError) as error:  # msgspec's errors are ValueErrors
            return _json(400, {"error": str(error)})
        return _json(404, {"error": "GET book, GET book.jsonl, POST time, POST faults"})


def _json(status: int, value: Any) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(value), content_type="application/json")


def _response(reply: Reply) -> web.Response:
    return web.Response(
        status=reply.status, body=reply.body, headers={"Content-Type": "application/json", **reply.headers}
    )


def _names(content: bytes) -> list[bytes]:
    """The names at the top of a JSON object, as they are written."""
    try:
        found = msgspec.json.decode(content)
    except msgspec.DecodeError:
        return []
    return [msgspec.json.encode(name) for name in found] if isinstance(found, dict) else []


def _hang_up(request: web.BaseRequest) -> web.StreamResponse:
    """End the line as whoever has nothing more to say."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()


def _cut(request: web.BaseRequest, response: web.StreamResponse | None = None) -> web.StreamResponse:
    """End the line without (more of) an answer."""
    if request.transport is not None:
        request.transport.abort()
    return response or web.Response()
