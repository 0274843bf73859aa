"""A mail server that takes everything and delivers nothing: it keeps a book, and misbehaves as its script says.

It speaks SMTP without login, on loopback only; encrypted from the first byte if it is given a `tls`. The faults are those of
the other simulators, played at the
message's end; `refuse` and `throttle` are answered to the recipient. Its time is moved by `book.move_to`, not over HTTP.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import re
from contextlib import suppress
from typing import Any, Self

from broadcaster.errors import WrongUse
from broadcaster.simulator.faults import Fault
from broadcaster.simulator.provider import Provider

LINE_LIMIT = 1024 * 1024  # bytes of one line we are willing to hold
PATH = re.compile(rb"(?:FROM|TO):\s*<([^<>]*)>", re.IGNORECASE)
GONE = re.compile(r"(khong-co|nobody)@")  # addresses that do not exist here
TAKEN = b"250 2.0.0 Ok: queued\r\n"


class SmtpSimulator(Provider):
    """Every address exists, except those that begin with `khong-co@` or `nobody@`."""

    name = "email"

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def start(self) -> Self:
        self._stopping.clear()
        try:
            self._server = await asyncio.start_server(
                self._meet, self._host, self._port, limit=LINE_LIMIT, ssl=self._tls
            )
        except OSError:
            raise WrongUse(
                f"The email simulator cannot listen on port {self._port}: it is taken. Name another, or 0 for a free one."
            ) from None
        host, port = self._server.sockets[0].getsockname()[:2]
        self.url = f"smtp://[{host}]:{port}" if ":" in host else f"smtp://{host}:{port}"
        return self

    async def stop(self) -> None:
        self._stopping.set()
        if self._server is not None:
            self._server.close()
            self._server = None
        for talk in list(self._talks):
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        self.book.close()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.current_task()
        assert talk is not None
        self._talks.add(talk)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, ValueError):
                await self._talk(reader, writer)
        except asyncio.CancelledError:
            pass
        finally:
            self._talks.discard(talk)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sender = to = b""
        fault: Fault | None = None
        number = 0
        writer.write(b"220 simulator ESMTP\r\n")
        while line := await reader.readline():
            match line.split(None, 1)[0].upper() if line.strip() else b"":
                case b"EHLO" | b"HELO":
                    writer.write(b"250-simulator\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME\r\n")
                case b"MAIL":
                    sender = _path(line)
                    writer.write(b"250 2.1.0 Ok\r\n")
                case b"RCPT":
                    to = _path(line)
                    number = self.book.next_number()
                    fault = self._play.fault_for(number=number, to=to.decode(errors="replace"))
                    refused = _refusal(to, fault)
                    if refused:
                        self._note(number, sender, to, b"", decision=f"refused {refused[:3].decode()}")
                    writer.write(refused or b"250 2.1.5 Ok\r\n")
                case b"DATA":
                    if fault is not None and fault.do == "cut-before":
                        self._note(number, sender, to, b"", decision=fault.do)
                        return
                    writer.write(b"354 End data with <CR><LF>.<CR><LF>\r\n")
                    await writer.drain()
                    content = await _content(reader)
                    if not await self._end(writer, fault, number, sender, to, content):
                        return
                case b"RSET" | b"NOOP":
                    writer.write(b"250 2.0.0 Ok\r\n")
                case b"QUIT":
                    writer.write(b"221 2.0.0 Bye\r\n")
                    return
                case _:
                    writer.write(b"502 5.5.2 Command not recognized\r\n")
            await writer.drain()

    async def _end(
        self,
        writer: asyncio.StreamWriter,
        fault: Fault | None,
        number: int,
        sender: bytes,
        to: bytes,
        content: bytes,
    ) -> bool:
        """Write the book, then answer the message's end as the script says; False if the line ends with it."""
        do = fault.do if fault else "accepted"
        seconds = fault.seconds if fault else 0.0
        answers = {
            "error-before": b"451 4.3.0 Error: queue file write error\r\n",
            "error-after": b"451 4.3.0 Error: timeout\r\n",
            "garbage-before": b"<!DOCTYPE html><title>Welcome</title>\r\n",
            "garbage-after": b"<!DOCTYPE html><title>Welcome</title>\r\n",
            "empty-after": b"\r\n",
            "half-after": b"250",
            "huge-after": b"250-" + b"x" * 1000 + b"\r\n",
            "endless-after": b"250-" + b"x" * 1000 + b"\r\n",
            "header-after": b"250 " + b"x" * 1024 * 1024 + b"\r\n",
            "charset-after": b"\xfe\xff\xd8 2.0.0\r\n",
        }
        self._note(number, sender, to, content, decision=do, taken=not do.endswith("-before"))
        if do in ("slow", "silence-before", "silence-after"):
            await self._wait(seconds)
        if do in ("cut-after", "end-after", "silence-before", "silence-after"):
            return False
        if do == "dribble-after":
            for at in range(len(TAKEN)):
                writer.write(TAKEN[at : at + 1])
                await writer.drain()
                await self._wait(seconds)
            return True
        lines = {"huge-after": 2000, "endless-after": 200_000}.get(do, 1)
        for _ in range(lines):
            writer.write(answers.get(do, TAKEN))
            await writer.drain()
        return do not in ("half-after", "huge-after", "endless-after")

    def _note(
        self, number: int, sender: bytes, to: bytes, content: bytes, *, decision: str, taken: bool = False
    ) -> None:
        message = email.message_from_bytes(content, policy=email.policy.default)
        body = message.get_body(("plain",)) if content else None
        name = str(message.get("Message-ID", "")).strip().strip("<>")
        self.book.write(
            n=number,
            path=sender.decode(errors="replace"),
            to=to.decode(errors="replace"),
            body=str(body.get_content()) if body is not None else "",
            reference=sender.decode(errors="replace").partition("+")[2].partition("@")[0],
            decision=decision,
            accepted=taken,
            status=0 if decision.split("-")[0] in ("cut", "silence", "end") else 250 if taken else 550,
            id=name if taken else "",
        )


def _path(line: bytes) -> bytes:
    found = PATH.search(line)
    return found[1] if found else b""


def _refusal(to: bytes, fault: Fault | None) -> bytes:
    if fault is not None and fault.do == "refuse":
        return f"{fault.code or 550} {fault.text or '5.1.1 User unknown'}\r\n".encode()
    if fault is not None and fault.do == "throttle":
        return b"451 4.7.1 Try again later\r\n"
    if GONE.match(to.decode(errors="replace")) or b"@" not in to:
        return b"550 5.1.1 User unknown\r\n"
    return b""


async def _content(reader: asyncio.StreamReader) -> bytes:
    """Up to the line with the dot; a line's own first dot is taken away. Raises: IncompleteReadError."""
    lines: list[bytes] = []
    while (line := await reader.readline()) != b".\r\n":
        if not line.endswith(b"\n"):
            raise asyncio.IncompleteReadError(line, None)
        lines.append(line[1:] if line.startswith(b".") else line)
    return b"".join(lines)
