"""E-mail: read back by a mail server that is not ours; nothing in clear, nothing twice, nothing smuggled into a header."""

from __future__ import annotations

import asyncio
import datetime as dt
import email
import email.policy
import io
import ssl
import unicodedata
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import anyio
import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope
from channel_builders import NOW, MakeOutgoing, MakeSettings

from broadcaster.channel.base import (
    Accepted,
    Delivery,
    Misconfigured,
    NotAccepted,
    OutcomeUnknown,
    Outgoing,
    Refused,
    SendError,
    Throttled,
)
from broadcaster.channel.email import Email, read_bounce
from broadcaster.channel.smtp_line import _Bounded
from broadcaster.clock import SteppedClock
from broadcaster.errors import WrongUse
from broadcaster.simulator.faults import Fault
from broadcaster.simulator.smtp import SmtpSimulator

pytestmark = pytest.mark.anyio

OWN = {
    "host": "smtp.tinh.example",
    "from": "Văn phòng truyền thông tỉnh <tin@tinh.example>",
    "bounces": "bounces@tinh.example",
    "security": "none",
}
WAY_OUT = "https://tin.tinh.example/o/abcdefghij"


class Office:
    """What the mail server holds."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.encrypted: list[bool] = []
        self.logins: list[tuple[bytes, bytes]] = []
        self.url = ""

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        self.encrypted.append(session.ssl is not None)
        return "250 Message accepted for delivery"

    def login(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"mail-canary", handled=False)

    def mail(self) -> EmailMessage:
        content = self.envelopes[-1].content
        assert isinstance(content, bytes)
        content = content.replace(b"\r\n", b"\n")
        return email.message_from_bytes(content, policy=email.policy.default)  # type: ignore[return-value]


@asynccontextmanager
async def mail_server(**options: Any) -> AsyncIterator[Office]:
    office = Office()
    if "tls_context" in options:
        options |= {"authenticator": office.login, "auth_required": True, "require_starttls": True}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(office, loop=loop, **options), "127.0.0.1", 0)
    office.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield office
    finally:
        server.close()
        await server.wait_closed()


@pytest.fixture
def make_channel(make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Email]:
    monkeypatch.setenv("MAIL_PASSWORD", "mail-canary")

    def make(url: str, **own: Any) -> Email:
        channel = Email("mail", make_settings("email", OWN | own, name="mail", api_base=url))
        channel.clock = SteppedClock(NOW)
        return channel

    return make


@pytest.fixture
def letter(make_outgoing: MakeOutgoing) -> Outgoing:
    return make_outgoing(to="dan@example.vn", opt_out=WAY_OUT, link="https://tin.tinh.example/m/1")


async def send(channel: Email, outgoing: Outgoing, *, timeout: float = 5.0) -> Accepted:
    return await anyio.to_thread.run_sync(lambda: channel.send(outgoing, timeout=timeout))


async def test_the_mail_arrives_as_it_was_written(make_channel: Callable[..., Email], letter: Outgoing) -> None:
    async with mail_server() as office:
        channel = make_channel(office.url)

        accepted = await send(channel, letter)
        await channel.close()

    mail = office.mail()
    assert mail["Subject"] == "Gọi 111"
    assert (mail["From"], mail["To"]) == ("Văn phòng truyền thông tỉnh <tin@tinh.example>", "dan@example.vn")
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().startswith("Nghi có mua bán người: gọi 111 (miễn phí, 24/7).\n\n-- \nVăn phòng")
    assert mail["Message-ID"] == "<vp-12@tinh.example>" == f"<{accepted.provider_id}>"
    assert mail["Date"] == "Thu, 01 Jul 2027 08:00:00 +0700"
    assert mail["Content-Language"] == "vi"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "https://tin.tinh.example/m/1" in mail.get_content()
    assert all(len(line) <= 998 for line in bytes(office.envelopes[0].content or b"").split(b"\r\n"))


async def test_a_mail_program_can_offer_one_press_to_stop(make_channel: Callable[..., Email], letter: Outgoing) -> None:
    async with mail_server() as office:
        channel = make_channel(office.url, unsubscribe_mailto="dung@tinh.example")

        await send(channel, letter)
        await channel.close()

    assert office.mail()["List-Unsubscribe"] == f"<{WAY_OUT}>, <mailto:dung@tinh.example?subject=unsubscribe>"
    assert office.mail()["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert f"Không nhận thư này nữa: {WAY_OUT}" in office.mail().get_content()


@pytest.mark.parametrize("way", ["", "http://tin.tinh.example/o/abcdefghij"])
async def test_one_press_is_promised_only_where_it_is_kept(
    way: str, make_channel: Callable[..., Email], make_outgoing: MakeOutgoing
) -> None:
    async with mail_server() as office:
        channel = make_channel(office.url)

        await send(channel, make_outgoing(to="dan@example.vn", opt_out=way))
        await channel.close()

    assert "List-Unsubscribe-Post" not in office.mail()
    assert office.mail()["List-Unsubscribe"] == (f"<{way}>" if way else None)


async def test_a_bounce_comes_to_an_address_of_the_attempts_own(
    make_channel: Callable[..., Email], letter: Outgoing
) -> None:
    async with mail_server() as office:
        channel = make_channel(office.url)

        await send(channel, letter)
        await channel.close()

    assert office.envelopes[0].mail_from == "bounces+vp-12-1-0a1b2c3d@tinh.example"
    assert office.envelopes[0].rcpt_tos == ["dan@example.vn"]


async def test_every_attempt_has_one_message_id_and_one_line_serves_several(
    make_channel: Callable[..., Email], make_outgoing: MakeOutgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with mail_server() as office:
        channel = make_channel(office.url)
        opened: list[Any] = []
        monkeypatch.setattr(
            channel, "_open", lambda line, timeout: (opened.append(line), Email._open(channel, line, timeout))
        )

        for key in ("k1", "k2"):
            await send(channel, make_outgoing(to="dan@example.vn", key=key))
        await channel.close()

    ids = [email.message_from_bytes(bytes(one.content or b""))["Message-ID"] for one in office.envelopes]
    assert ids == ["<vp-12@tinh.example>"] * 2
    assert len(opened) == 1


async def test_a_line_that_died_while_nobody_used_it_is_opened_again(
    make_channel: Callable[..., Email], make_outgoing: MakeOutgoing
) -> None:
    async with SmtpSimulator() as server:
        channel = make_channel(server.url)
        await send(channel, make_outgoing(to="a@example.vn", dedupe_key="1"))
        for talk in list(server._talks):
            talk.cancel()
        await anyio.sleep(0.05)

        await send(channel, make_outgoing(to="b@example.vn", dedupe_key="2"))
        await channel.close()

        assert [entry.to for entry in server.book.accepted()] == ["a@example.vn", "b@example.vn"]


# ---- encryption and login


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS for 127.0.0.1, signed by itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - the library checks it against the machine's clock
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "cert.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, folder / "key.pem")
    return context, pem


LOGIN = {"security": "starttls", "user": "tin", "password": {"env": "MAIL_PASSWORD"}}


async def test_password_and_message_travel_encrypted(
    make_channel: Callable[..., Email], letter: Outgoing, certificate: tuple[ssl.SSLContext, Path]
) -> None:
    context, pem = certificate
    async with mail_server(tls_context=context) as office:
        channel = make_channel(office.url, ca_file=str(pem), **LOGIN)

        await send(channel, letter)
        await channel.close()

    assert office.encrypted == [True]
    assert office.logins == [(b"tin", b"mail-canary")]


async def test_a_certificate_that_nobody_vouches_for_is_not_believed(
    make_channel: Callable[..., Email], letter: Outgoing, certificate: tuple[ssl.SSLContext, Path]
) -> None:
    async with mail_server(tls_context=certificate[0]) as office:
        channel = make_channel(office.url, **LOGIN)

        with pytest.raises(NotAccepted):
            await send(channel, letter)

    assert (office.envelopes, office.logins) == ([], [])


async def test_a_server_without_encryption_gets_neither_password_nor_message(
    make_channel: Callable[..., Email], letter: Outgoing
) -> None:
    async with mail_server() as office:
        channel = make_channel(office.url, **LOGIN)

        with pytest.raises(Misconfigured) as caught:
            await send(channel, letter)

    assert "encryption" in str(caught.value)
    assert (office.envelopes, office.logins) == ([], [])


async def test_a_wrong_password_pauses_the_lane_and_is_not_told(
    make_channel: Callable[..., Email],
    letter: Outgoing,
    certificate: tuple[ssl.SSLContext, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context, pem = certificate
    monkeypatch.setenv("MAIL_PASSWORD", "wrong-canary")
    async with mail_server(tls_context=context) as office:
        channel = make_channel(office.url, ca_file=str(pem), **LOGIN)

        with pytest.raises(Misconfigured) as caught:
            await send(channel, letter)

    assert "canary" not in f"{caught.value!r} {caught.value.__context__!r}"
    assert office.envelopes == []


# ---- what goes wrong


@pytest.mark.parametrize(
    ("fault", "kind", "taken"),
    [
        ("slow", None, 1),
        ("refuse", Refused, 0),
        ("throttle", Throttled, 0),
        ("error-before", Throttled, 0),
        ("cut-before", NotAccepted, 0),
        ("cut-after", OutcomeUnknown, 1),
        ("half-after", OutcomeUnknown, 1),
        ("silence-before", OutcomeUnknown, 0),
        ("silence-after", OutcomeUnknown, 1),
        ("dribble-after", OutcomeUnknown, 1),
        ("garbage-before", OutcomeUnknown, 0),
        ("garbage-after", OutcomeUnknown, 1),
        ("empty-after", OutcomeUnknown, 1),
        ("huge-after", OutcomeUnknown, 1),
    ],
)
async def test_a_fault_on_the_way_is_named_for_what_it_is(
    fault: Any, kind: type[SendError] | None, taken: int, make_channel: Callable[..., Email], letter: Outgoing
) -> None:
    async with SmtpSimulator() as server:
        channel = make_channel(server.url)
        server.play(Fault(do=fault, seconds={"slow": 0.05, "dribble-after": 0.05}.get(fault, 5.0)))

        try:
            await send(channel, letter, timeout=0.4)
            error = None
        except SendError as caught:
            error = caught

        assert (type(error) if error else None) is kind, error
        assert len(server.book.accepted()) == taken
        assert not error or "dan@example" not in f"{error} {error!r}"
        await channel.close()


@pytest.mark.parametrize(
    ("step", "answer", "kind", "gone"),
    [
        ("greeting", "554 5.3.2 No service", Misconfigured, False),
        ("greeting", "421 4.3.2 Busy", Throttled, False),
        ("greeting", "SSH-2.0-OpenSSH_9.2", NotAccepted, False),
        ("mail", "530 5.7.0 Must issue a STARTTLS command first", Misconfigured, False),
        ("mail", "550 5.7.515 Access denied, domain does not meet the level", Misconfigured, False),
        ("mail", "452 4.3.1 Insufficient system storage", Throttled, False),
        ("rcpt", "550 5.1.1 <dan@example.vn> User unknown", Refused, True),
        ("rcpt", "550 5.2.1 Mailbox disabled", Refused, True),
        ("rcpt", "556 5.1.10 Domain takes no mail", Refused, True),
        ("rcpt", "552 5.2.2 Mailbox full", Refused, False),
        ("rcpt", "550 No such user here", Refused, False),
        ("rcpt", "554 5.7.1 Relay access denied", Misconfigured, False),
        ("rcpt", "450 4.2.0 Greylisted", NotAccepted, False),
        ("rcpt", "451 4.7.1 Greylisting in action", NotAccepted, False),
        ("rcpt", "451 4.7.28 Unusual rate", Throttled, False),
        ("rcpt", "452 4.2.2 Mailbox full for now", Throttled, False),
        ("rcpt", "251 User not local; will forward", None, False),
        ("data", "554 5.5.1 No valid recipients", Refused, False),
        ("data", "250 What?", NotAccepted, False),
        ("end", "552 5.3.4 Message too big", Refused, False),
        ("end", "554 5.7.1 Spam message rejected", Misconfigured, False),
        ("end", "421 4.3.0 Going down", Throttled, False),
        ("end", "354 Go on", OutcomeUnknown, False),
        ("end", "2500 Ok", None, False),
        ("end", "25", OutcomeUnknown, False),
    ],
)
async def test_every_answer_at_every_step_is_named_for_what_it_is(
    step: str,
    answer: str,
    kind: type[SendError] | None,
    gone: bool,
    make_channel: Callable[..., Email],
    letter: Outgoing,
) -> None:
    said = {
        "greeting": "220 hi",
        "helo": "250 hi",
        "mail": "250 Ok",
        "rcpt": "250 Ok",
        "data": "354 Go",
        "end": "250 Ok",
    }
    said |= {step: answer}

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):  # the client leaves when it has heard enough
            writer.write(said["greeting"].encode() + b"\r\n")
            for name in ("helo", "mail", "rcpt", "data"):
                await reader.readline()
                writer.write(said[name].encode() + b"\r\n")
            while await reader.readline() not in (b".\r\n", b""):
                pass
            writer.write(said["end"].encode() + b"\r\n")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    channel = make_channel(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}")

    try:
        await send(channel, letter, timeout=2)
        error = None
    except SendError as caught:
        error = caught

    server.close()
    await channel.close()
    assert (type(error) if error else None) is kind, error
    assert getattr(error, "suppress", False) is gone
    assert not error or "dan@" not in f"{error!r} {error.code}"


async def test_without_a_connection_nothing_was_sent(make_channel: Callable[..., Email], letter: Outgoing) -> None:
    async with SmtpSimulator() as server:
        url = server.url
    channel = make_channel(url)

    with pytest.raises(NotAccepted):
        await send(channel, letter)


async def test_an_endless_greeting_ends_with_the_deadline(make_channel: Callable[..., Email], letter: Outgoing) -> None:
    over = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = asyncio.ensure_future(reader.read())
        while not left.done():
            writer.write(b"220-hello\r\n")
            await asyncio.wait({left}, timeout=0.05)
        writer.close()
        over.set()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    channel = make_channel(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}")

    with anyio.fail_after(3), pytest.raises(NotAccepted):
        await send(channel, letter, timeout=0.4)

    await over.wait()
    server.close()


def test_one_answer_is_read_up_to_its_bound_and_no_further() -> None:
    endless = _Bounded(io.BytesIO(b"250-more\r\n" * 100_000))

    with pytest.raises(OSError, match="no end"):
        list(iter(lambda: endless.readline(8192), b""))


async def test_a_kept_line_that_the_server_takes_leave_of_is_opened_again(
    make_channel: Callable[..., Email], make_outgoing: MakeOutgoing
) -> None:
    """RFC 5321 3.8: 421 may answer any command, for instance when the line was idle for too long."""
    lines = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal lines
        lines += 1
        writer.write(b"220 hi\r\n")
        for said in (b"250 hi", b"250 Ok", b"250 Ok", b"354 Go"):
            await reader.readline()
            writer.write(said + b"\r\n")
        while await reader.readline() not in (b".\r\n", b""):
            pass
        writer.write(b"250 Ok\r\n")
        if await reader.readline():
            writer.write(b"421 4.4.2 Idle for too long\r\n")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    channel = make_channel(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}")

    for key in ("1", "2"):
        await send(channel, make_outgoing(to="a@example.vn", dedupe_key=key))

    assert lines == 2
    await channel.close()
    server.close()


# ---- nothing is smuggled


@pytest.mark.parametrize("title", ["Gọi 111\r\nBcc: all@example.vn", "Gọi 111\nX: y", "a\x00\x1b\u2028b", "á" * 300])
async def test_no_title_becomes_a_header(
    title: str, make_channel: Callable[..., Email], make_outgoing: MakeOutgoing
) -> None:
    async with mail_server() as office:
        channel = make_channel(office.url)

        await send(channel, make_outgoing(to="dan@example.vn", title=title))
        await channel.close()

    assert "Bcc" not in office.mail()
    assert "X" not in office.mail()
    assert office.mail()["Subject"].replace(" ", "") == "".join(
        letter for letter in title.split("\u2028")[0] + title.partition("\u2028")[2] if letter > " "
    )


@pytest.mark.parametrize(
    "to",
    [
        "dan@example.vn> RCPT TO:<all@example.vn",
        "dan@example.vn\r\nDATA",
        "a@b",
        "@example.vn",
        "a b@example.vn",
        "đ@x.vn",
    ],
)
async def test_no_address_becomes_a_command(
    to: str, make_channel: Callable[..., Email], make_outgoing: MakeOutgoing
) -> None:
    async with mail_server() as office:
        channel = make_channel(office.url)

        with pytest.raises(Refused):
            await send(channel, make_outgoing(to=to))

        assert channel.check(make_outgoing(to=to)) != []
    assert office.envelopes == []


async def test_no_text_ends_the_message_early_and_all_of_it_is_nfc(
    make_channel: Callable[..., Email], make_outgoing: MakeOutgoing
) -> None:
    text = "Dòng đầu\n.\nRCPT TO:<all@example.vn>\n..hai\n" + unicodedata.normalize("NFD", "Tiếng Việt")
    async with mail_server() as office:
        channel = make_channel(office.url)

        await send(channel, make_outgoing(to="dan@example.vn", text=text))
        await channel.close()

    assert len(office.envelopes) == 1
    assert office.mail().get_content().startswith(unicodedata.normalize("NFC", text))


def test_a_letter_is_checked_without_a_network(make_channel: Callable[..., Email], make_outgoing: MakeOutgoing) -> None:
    channel = make_channel("smtp://127.0.0.1:1")

    problems = [
        channel.check(make_outgoing(**spoilt))
        for spoilt in ({"to": "a@example.vn"}, {"to": "a"}, {"to": "a@example.vn", "title": "\n"})
    ]

    assert [len(found) for found in problems] == [0, 1, 1]


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"from": "Văn phòng"}, "from"),
        ({"from": "a@b.vn\nBcc: c@d.vn"}, "from"),
        ({"bounces": "Bounces <b@x.vn>"}, "bounces"),
        ({"host": "smtp host"}, "host"),
        ({"host": "smtp.tinh.example", "password": {"env": "MAIL_PASSWORD"}}, "in clear"),
        ({"ca_file": "nowhere.pem"}, "ca_file"),
        ({"security": "ssl"}, "security"),
        ({"password": "in the file"}, "password"),
    ],
)
def test_a_wrong_setting_is_named(own: dict[str, Any], words: str, make_channel: Callable[..., Email]) -> None:
    with pytest.raises(WrongUse) as caught:
        make_channel("", **own)

    assert words in str(caught.value)


# ---- bounces


def bounce(
    to: str = "bounces+vp-12-1-0a1b2c3d@tinh.example", action: str = "failed", status: str = "5.1.1", **more: str
) -> bytes:
    """As Postfix writes one."""
    header = more.get("header", "To")
    return (
        f"From: MAILER-DAEMON@mx.example.vn (Mail Delivery System)\r\n{header}: {to}\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="B"\r\n\r\n'
        "--B\r\nContent-Type: text/plain\r\n\r\nI'm sorry.\r\n\r\n"
        "--B\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; mx.example.vn\r\nArrival-Date: Thu, 1 Jul 2027 08:00:00 +0700\r\n\r\n"
        f"Final-Recipient: rfc822; dan@example.vn\r\nAction: {action}\r\nStatus: {status}\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 <dan@example.vn> User unknown\r\n\r\n"
        "--B\r\nContent-Type: message/rfc822\r\n\r\n"
        "From: tin@tinh.example\r\nMessage-ID: <vp-12@tinh.example>\r\n\r\nText\r\n\r\n--B--\r\n"
    ).encode()


@pytest.mark.parametrize(
    ("action", "status", "state", "gone"),
    [
        ("failed", "5.1.1", "undelivered", True),
        ("Failed", "5.2.2 (mailbox full)", "undelivered", False),
        ("failed", "4.4.7", "undelivered", False),
        ("failed", "", "undelivered", False),
        ("delivered", "2.1.5", "delivered", False),
    ],
)
def test_a_bounce_says_which_attempt_did_not_arrive_and_why(
    action: str, status: str, state: Any, gone: bool, make_channel: Callable[..., Email]
) -> None:
    channel = make_channel("smtp://127.0.0.1:1")

    (found,) = channel.read_callback({}, bounce(action=action, status=status))

    assert (found.state, found.key, found.suppress) == (state, "vp-12-1-0a1b2c3d", gone)
    assert found.event_id == channel.read_callback({}, bounce(action=action, status=status))[0].event_id
    assert "dan@" not in repr(found)


@pytest.mark.parametrize("header", ["Delivered-To", "X-Original-To", "to"])
def test_the_reference_is_found_where_mail_servers_put_it(header: str) -> None:
    assert len(read_bounce(bounce(header=header), mailbox="bounces@tinh.example")) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe\x00",
        bounce(action="delayed"),
        bounce(action="relayed"),
        bounce(to="bounces@tinh.example"),
        bounce(to="bounces+vp-12-1-0a1b2c3d@tinh.example.evil.vn"),
        bounce(to="bounces+" + "x" * 49 + "@tinh.example"),
        bounce(to="other+vp-12-1-0a1b2c3d@tinh.example"),
        bounce().replace(b"message/delivery-status", b"text/plain"),
        bounce() + b"x" * 1024 * 1024,
        b"To: bounces+vp-12-1-0a1b2c3d@tinh.example\r\n"
        + b"".join(
            b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (level, level) for level in range(5000)
        ),
    ],
    ids=range(11),
)
def test_what_is_no_bounce_of_ours_says_nothing(body: bytes) -> None:
    assert read_bounce(body, mailbox="bounces@tinh.example") == []


def test_without_a_mailbox_for_bounces_nothing_is_read_and_they_go_to_the_sender(
    make_channel: Callable[..., Email],
) -> None:
    channel = make_channel("smtp://127.0.0.1:1", bounces="")

    found: list[Delivery] = channel.read_callback({}, bounce())

    assert found == []
    assert channel._return_path("k") == "tin@tinh.example"
