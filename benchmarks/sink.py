"""A provider on loopback that takes everything, as cheaply as Python can: one asyncio Protocol, answers made by the path.

    python -m benchmarks.sink [PORT]      prints the port on one line, serves until it is killed

It answers like Twilio (`.../Messages.json`), Telegram (`.../sendMessage`), eSMS, SpeedSMS, Kannel, Zalo (a text to a follower,
and its token), a Facebook page and a web hook's receiver, by their paths; and else with `{"id": n}`. Its own book:
`GET /count` gives requests and distinct recipients, `GET /stats` the moments of the requests too; `DELETE /stats` starts anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time

HEAD = b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"


class Book:
    """What came in."""

    def __init__(self) -> None:
        self.requests = 0
        self.recipients: set[bytes] = set()
        self.moments: list[float] = []

    def take(self, recipient: bytes) -> int:
        self.requests += 1
        self.recipients.add(recipient)
        self.moments.append(time.monotonic())
        return self.requests

    def stats(self) -> bytes:
        return json.dumps(
            {"requests": self.requests, "distinct": len(self.recipients), "moments": self.moments[-100_000:]}
        ).encode()


class Sink(asyncio.Protocol):
    """One connection, keep-alive; requests may arrive in pieces."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            length = _content_length(head)
            if len(self._buffer) < end + 4 + length:
                return
            body, self._buffer = self._buffer[end + 4 : end + 4 + length], self._buffer[end + 4 + length :]
            self._transport.write(self._answer(head, body))  # type: ignore[attr-defined]

    def _answer(self, head: bytes, body: bytes) -> bytes:
        method, path, _ = head.split(b"\r\n", 1)[0].split(b" ")
        if path == b"/stats":
            if method == b"DELETE":
                self._book.__init__()  # type: ignore[misc]
            said = self._book.stats()
            return HEAD % (200, len(said), said)
        if path == b"/count":
            said = json.dumps({"requests": self._book.requests, "distinct": len(self._book.recipients)}).encode()
            return HEAD % (200, len(said), said)
        status, said = _provider(path, body, self._book)
        return HEAD % (status, len(said), said)


def _content_length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    return int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


def _provider(path: bytes, body: bytes, book: Book) -> tuple[int, bytes]:
    if path.endswith(b"/Messages.json"):
        number = book.take(_between(body, b"To=", b"&"))
        return 201, TWILIO.replace(b"$", b"%032x" % number)
    if path.endswith(b"/sendMessage"):
        as_json = body.startswith(b"{")
        chat = _between(body, b'"chat_id":', b",") if as_json else _between(b"&" + body, b"&chat_id=", b"&")
        return 200, TELEGRAM.replace(b'"$"', b"%d" % book.take(chat))
    for mark, answer in BY_PATH.items():
        if mark in path:
            return answer(path, body, book)
    return 200, b'{"id": %d}' % book.take(_between(body, b'"to":', b","))


def _between(text: bytes, before: bytes, after: bytes) -> bytes:
    """What stands between the two; b"" if `before` is not there."""
    return text.partition(before)[2].partition(after)[0]


def _esms(_path: bytes, body: bytes, book: Book) -> tuple[int, bytes]:
    number = book.take(_between(body, b'"Phone":"', b'"'))
    return 200, b'{"CodeResult":"100","CountRegenerate":0,"SMSID":"%032x123"}' % number


def _speedsms(_path: bytes, body: bytes, book: Book) -> tuple[int, bytes]:
    number = book.take(_between(body, b'"to":["', b'"'))
    return 200, b'{"status":"success","code":"00","data":{"tranId":%d,"totalSMS":1,"invalidPhone":[]}}' % number


def _kannel(path: bytes, _body: bytes, book: Book) -> tuple[int, bytes]:
    book.take(_between(path, b"to=", b"&"))
    return 202, b"0: Accepted for delivery"


def _zalo(_path: bytes, body: bytes, book: Book) -> tuple[int, bytes]:
    number = book.take(_between(body, b'"user_id":"', b'"'))
    return 200, b'{"data":{"message_id":"m%d"},"error":0,"message":"Success"}' % number


def _token(_path: bytes, _body: bytes, _book: Book) -> tuple[int, bytes]:
    return 200, b'{"access_token":"a","refresh_token":"r","expires_in":"90000"}'


def _facebook(_path: bytes, _body: bytes, book: Book) -> tuple[int, bytes]:
    return 200, b'{"id":"1_%d"}' % book.take(b"%d" % book.requests)  # one page: no recipient tells two posts apart


def _hook(_path: bytes, body: bytes, book: Book) -> tuple[int, bytes]:
    book.take(_between(body, b'"id":"', b'"'))
    return 200, b"{}"


BY_PATH = {
    b"/SendMultipleMessage_V4_post_json": _esms, b"/sms/send": _speedsms, b"/cgi-bin/sendsms": _kannel,
    b"/oa/message/cs": _zalo, b"/oa/access_token": _token, b"/1/feed": _facebook, b"/portal": _hook,
}  # fmt: skip
TWILIO = json.dumps(
    {
        "sid": "SM$", "account_sid": "AC" + "a" * 32, "status": "queued", "to": "+84900000000", "from": "OFFICE",
        "body": "", "num_segments": "1", "num_media": "0", "direction": "outbound-api", "price": None,
        "price_unit": "USD", "error_code": None, "error_message": None, "api_version": "2010-04-01",
        "messaging_service_sid": None, "date_created": "Thu, 01 Jul 2027 01:00:00 +0000",
        "date_updated": "Thu, 01 Jul 2027 01:00:00 +0000", "date_sent": None, "uri": "/2010-04-01/Messages/SM$.json",
        "subresource_uris": {"media": "/2010-04-01/Messages/SM$/Media.json"},
    }
).encode()  # fmt: skip
TELEGRAM = json.dumps(
    {
        "ok": True,
        "result": {
            "message_id": "$", "date": 1814317200, "chat": {"id": 1, "type": "private", "first_name": "A"},
            "from": {"id": 42, "is_bot": True, "first_name": "B"}, "text": "t",
        },
    }
).encode()  # fmt: skip


async def serve(port: int) -> None:
    book = Book()
    server = await asyncio.get_running_loop().create_server(lambda: Sink(book), "127.0.0.1", port, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(ImportError):  # several times as fast, where it is installed
        import uvloop

        uvloop.install()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
