"""One line to a mail server, and what its answers mean: certainly not sent, or perhaps sent. RFC 5321, 3463.

Whatever breaks before the final dot is certainly not sent; after it, it is a doubt. Every line has an overall deadline, and
answers are bounded.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from broadcaster.channel.base import (
    ANSWER_LIMIT,
    Misconfigured,
    NotAccepted,
    OutcomeUnknown,
    Refused,
    SendError,
    Throttled,
)

WAIT = timedelta(minutes=1)  # SMTP names no wait; a server that is busy now is asked again in a minute

# RFC 5321 4.1.2 without quoted and international names: what servers everywhere take. 64 and 255 octets: 4.5.3.1
ADDRESS = re.compile(r"(?=.{3,254}\Z)[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
ENHANCED = re.compile(rb"\A([245]\.\d{1,3}\.\d{1,3})\b")  # RFC 3463, RFC 2034
GREY = re.compile(rb"gr[ea]y", re.IGNORECASE)  # greylisting concerns one recipient, not the lane

# RFC 3463 3.2, 3.3: the mailbox is not there, or no longer; nothing is sent to it again
GONE = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})


def dotted(content: bytes) -> bytes:
    """RFC 5321 4.5.2: a line that begins with a dot gets another; the content ends with its line."""
    content = re.sub(rb"\r\n|\r|\n", b"\r\n", content)
    return re.sub(rb"(?m)^\.", b"..", content if content.endswith(b"\r\n") else content + b"\r\n")


# ---- what the server's answers mean


def judge(step: Literal["hello", "login", "sender", "recipient", "data", "end"], code: int, words: bytes) -> None:
    """Return if the server goes on; else raise what its answer means at this step. Its words can hold the address, so
    they are not passed on; its code and its enhanced code (RFC 3463) are.
    """
    found = ENHANCED.match(words)
    enhanced = found[1].decode() if found else ""
    said = f"{code} {enhanced}".strip()
    if code == (354 if step == "data" else 250) or (step == "recipient" and code == 251):
        return
    if 400 <= code < 500:
        raise _later(step, code, enhanced, words, said)
    if 500 <= code < 600:
        raise _never(step, code, enhanced, said)
    if step == "end":
        raise OutcomeUnknown(
            "The mail server's last answer cannot be read; it cannot be told whether it took the message.", code=said
        )
    raise NotAccepted("What answers there does not speak SMTP; nothing was sent.", code=said)


def _later(step: str, code: int, enhanced: str, words: bytes, said: str) -> SendError:
    text = f"The mail server answered {said}: not now."
    of_the_lane = code in (421, 452) or step in ("hello", "sender") or enhanced.startswith(("4.7.", "4.3."))
    if of_the_lane and not GREY.search(words):
        return Throttled(text, wait=WAIT, code=said)
    return NotAccepted(text, code=said)


def _never(step: str, code: int, enhanced: str, said: str) -> SendError:
    if step == "login":
        return Misconfigured(f"The mail server answered {said}: correct `user` and `password`.", code=said)
    if code == 552 or enhanced in ("5.3.4", "5.2.3"):
        return Refused(f"The mail server answered {said}: the message is too large for it.", code=said)
    if step in ("hello", "sender") or enhanced.startswith("5.7."):
        return Misconfigured(
            f"The mail server answered {said}: it does not take mail from us. Correct `from`, `user` and `security`, or "
            "ask who runs it about SPF, DKIM and DMARC.",
            code=said,
        )
    return Refused(
        f"The mail server answered {said}: it will not take this message.",
        code=said,
        suppress=step == "recipient" and enhanced in GONE,
    )


# ---- one line to a server


class _Bounded:
    """A file whose lines, in one answer, are together at most ANSWER_LIMIT bytes."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.left = ANSWER_LIMIT

    def readline(self, limit: int) -> bytes:
        line: bytes = self._file.readline(limit)
        self.left -= len(line)
        if self.left < 0:
            raise OSError("the answer has no end")
        if line and not line.endswith(b"\n") and len(line) < limit:
            raise OSError("the answer breaks off")  # "250" and no more is no 250
        return line

    def close(self) -> None:
        self._file.close()


class _Smtp(smtplib.SMTP):
    """The library's, with a bound on answers, and TLS from the first byte where it is asked for."""

    tls: ssl.SSLContext | None = None
    _host: str

    def _get_socket(self, host: str, port: int, timeout: float) -> Any:
        made = socket.create_connection((host, port), timeout)
        return self.tls.wrap_socket(made, server_hostname=host) if self.tls else made

    def getreply(self) -> tuple[int, bytes]:
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("the line is gone")
        held = self.file
        if not isinstance(held, _Bounded):
            self.file = held = _Bounded(self.sock.makefile("rb"))
        held.left = ANSWER_LIMIT
        return super().getreply()


class Line:
    """One connection. Whatever breaks before the final dot is certainly not sent; after it, it is a doubt."""

    def __init__(self) -> None:
        self._smtp: _Smtp | None = None
        self.used = 0.0

    def connect(self, host: str, port: int, *, timeout: float, name: str, tls: ssl.SSLContext | None) -> None:
        with _nothing_sent():
            self._smtp = _Smtp(local_hostname=name, timeout=timeout)
            self._smtp.tls = tls
            self._smtp._host = host  # what STARTTLS checks the certificate against
            code, words = self._smtp.connect(host, port)
        judge("hello", 250 if code == 220 else code, words)

    def hello(self) -> None:
        with _nothing_sent():
            code, words = self.smtp.ehlo()
            if 500 <= code < 600:
                code, words = self.smtp.helo()
        judge("hello", code, words)

    def encrypt(self, context: ssl.SSLContext) -> None:
        with _nothing_sent():
            offered = self.smtp.has_extn("starttls")
            code = self.smtp.starttls(context=context)[0] if offered else 502
        if not offered:
            raise Misconfigured(
                "The mail server offers no encryption (STARTTLS), and nothing is sent in clear; correct `host` and `port`,"
                ' or set `security = "tls"`.',
                code="starttls",
            )
        if code != 220:
            raise NotAccepted("The mail server would not begin to encrypt; nothing was sent.", code=str(code))
        self.hello()

    def login(self, user: str, password: str) -> None:
        """By one way only: a server that refused a password may hang up on a second try, and that would look like a cut."""
        with _nothing_sent():
            smtp = self.smtp
            offered = smtp.esmtp_features.get("auth", "").split()
            ways: dict[str, Any] = {"PLAIN": smtp.auth_plain, "LOGIN": smtp.auth_login, "CRAM-MD5": smtp.auth_cram_md5}
            way = next((one for one in ways if one in offered), None)
            if way is None:
                raise Misconfigured(
                    "The mail server takes no password on this line; take `user` and `password` out, or correct `port`.",
                    code="auth",
                )
            smtp.user, smtp.password = user, password
            try:
                smtp.auth(way, ways[way])
            except smtplib.SMTPAuthenticationError as error:
                said = error.smtp_error if isinstance(error.smtp_error, bytes) else b""
                code = error.smtp_code
            except UnicodeEncodeError:
                raise Misconfigured(
                    "The mail server's `user` and `password` may hold ASCII only.", code="auth"
                ) from None
            else:
                return
        judge("login", code, said)
        raise NotAccepted("The mail server's answer to the password cannot be read; nothing was sent.", code=str(code))

    def ask(self, command: str, timeout: float) -> tuple[int, bytes]:
        with _nothing_sent():
            self._set_timeout(timeout)
            return self.smtp.docmd(command)

    def finish(self, content: bytes, timeout: float) -> None:
        """The content, then the dot, then the one answer that counts."""
        with _nothing_sent():
            self._set_timeout(timeout)
            self.sock.sendall(content)  # without the dot it is no message, and the server throws it away
        try:
            self.sock.sendall(b".\r\n")
            code, words = self.smtp.getreply()
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise OutcomeUnknown(
                f"The line broke after the whole message had left ({error.__class__.__name__}); it cannot be told whether"
                " the mail server took it.",
                code="timeout" if isinstance(error, TimeoutError) else error.__class__.__name__,
            ) from None
        judge("end", code, words)

    def close(self) -> None:
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            with suppress(OSError, ValueError, smtplib.SMTPException):
                if smtp.sock is not None:
                    smtp.sock.settimeout(1.0)
                    smtp.sock.sendall(b"QUIT\r\n")  # a courtesy; its answer is not waited for
            smtp.close()

    @property
    def smtp(self) -> _Smtp:
        if self._smtp is None or self._smtp.sock is None:
            raise smtplib.SMTPServerDisconnected("the line is gone")
        return self._smtp

    @property
    def sock(self) -> socket.socket:
        found: socket.socket = self.smtp.sock  # type: ignore[assignment]
        return found

    def _set_timeout(self, timeout: float) -> None:
        self.sock.settimeout(timeout)

    def cut(self) -> None:
        """From another thread: whoever waits on this line wakes up."""
        smtp = self._smtp
        sock = smtp.sock if smtp is not None else None
        if sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


@contextmanager
def _nothing_sent() -> Iterator[None]:
    """Whatever breaks in here broke before the message was whole."""
    try:
        yield
    except smtplib.SMTPException as error:
        raise NotAccepted(
            f"The mail server hung up or does not speak SMTP ({error.__class__.__name__}); nothing was sent.",
            code=error.__class__.__name__,
        ) from None
    except (OSError, ValueError, EOFError) as error:  # a name that does not resolve, no connection, a wrong certificate
        raise NotAccepted(
            f"No line to the mail server ({error.__class__.__name__}); nothing was sent.",
            code=error.__class__.__name__,
        ) from None


@dataclass(slots=True)
class Flight:
    line: Line | None = None


@contextmanager
def cut_at(timeout: float) -> Iterator[Flight]:
    """End the talk after `timeout` seconds in all: each answer may come just in time, and all together never."""
    flight = Flight()

    def cut() -> None:
        if flight.line is not None:
            flight.line.cut()

    timer = threading.Timer(timeout, cut)
    timer.daemon = True
    timer.start()
    try:
        yield flight
    finally:
        timer.cancel()
