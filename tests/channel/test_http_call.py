"""Which failure it was: certainly not sent, or perhaps sent. Real sockets; each server misbehaves in one way."""

from __future__ import annotations

import asyncio
import gzip
import http
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from broadcaster.channel import http_call
from broadcaster.channel.base import (
    ANSWER_LIMIT,
    Misconfigured,
    NotAccepted,
    OutcomeUnknown,
    Refused,
    SendError,
    Throttled,
)
from broadcaster.channel.http_call import Answer

pytestmark = pytest.mark.anyio

NOW = datetime(2027, 7, 1, 1, 0, tzinfo=UTC)
TIMEOUT = 0.5  # seconds
Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def by_aiohttp(url: str) -> Answer:
    wire = http_call.Wire(connections=4)
    try:
        return await wire.call("POST", url, body=b"{}", timeout=TIMEOUT)
    finally:
        await wire.close()


async def by_requests(url: str) -> Answer:
    def call() -> Answer:
        with http_call.session() as session:
            return http_call.request(session, "POST", url, data=b"{}", timeout=TIMEOUT)

    return await anyio.to_thread.run_sync(call)


@pytest.fixture(params=[by_aiohttp, by_requests])
def call(request: pytest.FixtureRequest) -> Callable[[str], Awaitable[Answer]]:
    """The same judgement from both clients."""
    return request.param


@asynccontextmanager
async def server(speak: Speak, *, read: bool = True, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server that reads a whole request (unless told not to), then does what `speak` does."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if read:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length")), 0
                )
                await reader.readexactly(length)
            await speak(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    running = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    port = running.sockets[0].getsockname()[1]
    try:
        yield f"http{'s' if context else ''}://127.0.0.1:{port}/"
    finally:
        running.close()


async def failure(call: Callable[[str], Awaitable[Answer]], url: str) -> SendError:
    with pytest.raises(SendError) as caught:
        await call(url)
    return caught.value


def says(content: bytes, *, wait: float = 0) -> Speak:
    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(content)
        await writer.drain()
        await asyncio.sleep(wait)

    return speak


async def resets(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER 0: a reset instead of an end
    writer.transport.abort()


async def dribbles_headers(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-A: 1\r\n")
        await writer.drain()
        await asyncio.sleep(0.1)


async def dribbles_body(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.1)


async def dribbles_without_a_length(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")  # only the end of the line would end this body
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.1)


async def never_ends(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
        await writer.drain()


BOMB = gzip.compress(b"x" * (8 * ANSWER_LIMIT))
AFTER_THE_FIRST_BYTE = {
    "an end without an answer": says(b""),
    "a reset": resets,
    "an end within the headers": says(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "an end within the body": says(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"),
    "no answer in time": says(b"", wait=2),
    "headers one by one": dribbles_headers,
    "a body byte by byte": dribbles_body,
    "a body without a length, byte by byte": dribbles_without_a_length,
    "an endless body": never_ends,
    "100 MB announced": says(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n" + b"x" * 600_000, wait=1),
    "a header of 1 MB": says(b"HTTP/1.1 200 OK\r\nX-A: " + b"x" * 2**20 + b"\r\n\r\n"),
    "no HTTP at all": says(b"220 mail.example ESMTP\r\n"),
    "broken gzip": says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"),
    "a gzip bomb": says(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB, wait=0.1
    ),
}


@pytest.mark.parametrize("what", AFTER_THE_FIRST_BYTE)
async def test_after_the_first_byte_the_outcome_is_unknown(what: str, call: Any) -> None:
    async with server(AFTER_THE_FIRST_BYTE[what]) as url:
        error = await failure(call, url)

        assert type(error) is OutcomeUnknown, error


async def test_a_name_that_does_not_exist_means_not_accepted(call: Any) -> None:
    error = await failure(call, "http://no-such-host.invalid/")

    assert type(error) is NotAccepted


async def test_a_refused_connection_means_not_accepted(call: Any) -> None:
    async with server(says(b"")) as url:
        pass

    error = await failure(call, url)

    assert type(error) is NotAccepted


async def test_a_server_without_tls_where_tls_was_meant_means_not_accepted(call: Any) -> None:
    async with server(says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), read=False) as url:
        error = await failure(call, url.replace("http:", "https:"))

        assert type(error) is NotAccepted


async def test_a_handshake_that_stalls_means_not_accepted(call: Any) -> None:
    async with server(says(b"", wait=2), read=False) as url:
        error = await failure(call, url.replace("http:", "https:"))

        assert type(error) is NotAccepted


async def test_a_certificate_nobody_vouches_for_means_not_accepted(call: Any, self_signed: ssl.SSLContext) -> None:
    async with server(says(b"HTTP/1.1 200 OK\r\n\r\n"), context=self_signed) as url:
        error = await failure(call, url)

        assert type(error) is NotAccepted


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "127.0.0.1", "http://[/", "http:///x"])
async def test_an_address_that_is_none_is_a_matter_of_configuration(url: str, call: Any) -> None:
    error = await failure(call, url)

    assert type(error) is Misconfigured


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(status: int, call: Any) -> None:
    visits = []

    async def elsewhere(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append(1)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with server(elsewhere) as there:
        away = f"HTTP/1.1 {status} Away\r\nLocation: {there}\r\nContent-Length: 0\r\n\r\n".encode()
        async with server(says(away)) as url:
            answer = await call(url)

    assert answer.status == status
    assert visits == []


async def test_no_proxy_of_the_environment_is_used(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with server(says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) as url:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

        answer = await call(url)

        assert answer.body == b"ok"


async def test_an_answer_is_whole_with_its_status_and_headers(call: Any) -> None:
    async with server(says(b"HTTP/1.1 429 No\r\nRetry-After: 5\r\nContent-Length: 2\r\n\r\nno")) as url:
        answer = await call(url)

        assert (answer.status, answer.headers["retry-after"], answer.body) == (429, "5", b"no")


async def test_a_body_just_within_the_limit_is_read(call: Any) -> None:
    body = b"x" * ANSWER_LIMIT
    async with server(says(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)) as url:
        answer = await call(url)

        assert len(answer.body) == ANSWER_LIMIT


async def test_a_slow_answer_is_ended_by_the_deadline_and_not_later(call: Any) -> None:
    async with server(dribbles_body) as url:
        with anyio.fail_after(TIMEOUT + 1.0):
            await failure(call, url)


async def test_no_error_text_holds_the_address(call: Any) -> None:
    async with server(says(b"HTTP/1.1 200 OK\r\nX-A: " + b"x" * 2**20 + b"\r\n\r\n")) as url:
        broken = await failure(call, url + "bot42:canary/sendMessage")
    refused = await failure(call, url + "bot42:canary/sendMessage")
    wrong = await failure(call, "ftp://x/bot42:canary")

    for error in (broken, refused, wrong):
        assert "canary" not in f"{error} {error!r} {error.__cause__!r}"


async def test_one_session_serves_every_call_and_a_new_loop_gets_its_own() -> None:
    wire = http_call.Wire(connections=2)
    ok = says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    async with server(ok) as url:
        await wire.call("POST", url, body=b"", timeout=1)
        first = wire._session
        await wire.call("POST", url, body=b"", timeout=1)
        second = wire._session
        await wire.close()
        await wire.call("POST", url, body=b"", timeout=1)
        third = wire._session
        await wire.close()

    assert first is second
    assert third is not first


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5),
        (" 5 ", 5),
        ("5.5", 5.5),
        ("0", 1),
        ("-3", 30),
        ("", 30),
        (None, 30),
        ("soon", 30),
        ("nan", 30),
        ("inf", 3600),
        ("1000000000", 3600),
        ("1e300", 3600),
        ("Thu, 01 Jul 2027 01:02:00 GMT", 120),
        ("Thu, 01 Jul 2027 00:00:00 GMT", 1),
        ("Thu, 01 Jul 2027 01:02:00 -0000", 120),
        ("Thu, 01 Jul 2127 01:02:00 GMT", 3600),
        ("Thu, 99 Jul 2027 01:02:00 GMT", 30),
    ],
)
def test_a_retry_after_of_any_kind_becomes_a_bounded_wait(value: str | None, seconds: float) -> None:
    wait = http_call.retry_after(value, now=NOW)

    assert wait == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("value", "seconds"), [(35, 35), (0, 1), (-1, 30), (10**9, 3600), ("7", 30), (None, 30), (True, 30)]
)
def test_a_wait_named_in_a_body_is_bounded_too(value: Any, seconds: int) -> None:
    assert http_call.wait_of(value) == timedelta(seconds=seconds)


@pytest.mark.parametrize("status", [int(one) for one in http.HTTPStatus] + [0, 299, 499, 599, 999])
def test_every_status_has_one_meaning(status: int) -> None:
    meaning = _meaning(status)

    assert meaning is {
        True: None,
        status == 429: Throttled,
        status in (401, 403, 404, 407): Misconfigured,
    }.get(True if 200 <= status < 300 else None, meaning)
    assert (meaning is None) == (200 <= status < 300)
    assert (meaning is OutcomeUnknown) == (status == 408 or (not 200 <= status < 300 and not 400 <= status < 500))
    assert (meaning is Throttled) == (status == 429)
    assert (meaning is Misconfigured) == (status in (401, 403, 404, 407))


def _meaning(status: int) -> type[SendError] | None:
    try:
        http_call.judge(Answer(status=status), now=NOW)
    except SendError as error:
        return type(error)
    return None


def test_a_refusal_by_a_stranger_is_never_final() -> None:
    kinds = {status: type(http_call.foreign(Answer(status=status))) for status in range(400, 500)}

    assert Refused not in kinds.values()
    assert kinds[401] is kinds[403] is kinds[404] is Misconfigured
    assert kinds[413] is NotAccepted


def test_an_id_belongs_to_the_dispatch_that_had_it_first() -> None:
    seen = http_call.SeenIds(keep=2)

    claims = [seen.claim("SM1", owner="a"), seen.claim("SM1", owner="a"), seen.claim("SM1", owner="b")]
    seen.claim("SM2", owner="c")
    seen.claim("SM3", owner="d")

    assert claims == [True, True, False]
    assert len(seen._owners) == 2


def test_requests_on_many_threads_do_not_disturb_each_other() -> None:
    """One silent server and one that answers, eight threads, one session: each ends as its own server has it."""
    results: list[str] = []

    def ask(url: str) -> None:
        try:
            results.append(str(http_call.post(session, url, timeout=TIMEOUT, data=b"{}").status))
        except SendError as error:
            results.append(type(error).__name__)

    async def main() -> None:
        ok = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        async with server(says(ok)) as good, server(says(b"", wait=2)) as silent:
            threads = [threading.Thread(target=ask, args=(url,)) for url in (good, silent) * 4]
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                await asyncio.sleep(0.01)

    with http_call.session() as session:
        asyncio.run(main())

    assert sorted(results) == ["200"] * 4 + ["OutcomeUnknown"] * 4


@pytest.fixture(scope="module")
def self_signed(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    valid = builder.serial_number(1).not_valid_before(datetime(2020, 1, 1)).not_valid_after(datetime(2100, 1, 1))  # noqa: DTZ001
    folder: Path = tmp_path_factory.mktemp("tls")
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(valid.sign(key, hashes.SHA256()).public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context
