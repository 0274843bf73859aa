"""E-mail over SMTP: one plain text part to one person, with a way out that mail programs can offer as a button.

What proves acceptance is the server's 250 after the final dot (RFC 5321 4.2.5). Before that dot has left nothing was sent;
after it only that answer tells, and a lost one is a doubt (RFC 1047). The Message-ID is the same on every attempt, but no
server promises to drop a second copy, so a person is asked.
"""

from __future__ import annotations

import email.policy
import hashlib
import re
import ssl
import threading
import time
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from email.headerregistry import Address
from email.message import EmailMessage, Message
from email.utils import format_datetime, parseaddr
from functools import cached_property
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from msgspec import Struct, field

from broadcaster.channel.base import (
    KEY_LENGTH,
    Accepted,
    Delivery,
    NotAccepted,
    Outgoing,
    Refused,
    SendError,
    Traits,
)
from broadcaster.channel.smtp_line import ADDRESS, GONE, Flight, Line, cut_at, dotted, judge
from broadcaster.clock import Clock, SystemClock
from broadcaster.config import ChannelSettings, Secret
from broadcaster.errors import WrongUse

PORTS = {"starttls": 587, "tls": 465, "none": 25}  # RFC 6409, RFC 8314, RFC 5321
IDLE = 30.0  # seconds a connection is kept for the next message; servers hang up after minutes (RFC 5321 4.5.3.2: 5)
BOUNCE_LIMIT = 1024 * 1024  # bytes; a bounce may carry our whole message back
REPORTS_LIMIT = 20  # recipients in one bounce; ours have one

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")

FOOT = {
    "vi": ("Trang công khai của thông điệp", "Không nhận thư này nữa"),
    "en": ("Public page of this message", "Stop these e-mails"),
}


class Options(Struct, forbid_unknown_fields=True, kw_only=True):
    host: str  # the office's mail server
    from_: str = field(name="from")  # "Văn phòng <tin@tinh.example.gov.vn>"
    port: int = 0  # 0: 587 with starttls, 465 with tls, 25 with none
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: Secret | None = None
    reply_to: str = ""
    bounces: str = ""  # a mailbox that takes name+anything@; empty: bounces go to `from`, and are not read
    hook_token: Secret | None = None  # the end of the path to which the mail server hands each bounce
    unsubscribe_mailto: str = ""  # a mailbox where somebody reads requests to stop
    ca_file: str = ""  # PEM of the authority behind the server's certificate, if it is the office's own


class Email:
    """One mail account. Shared by threads."""

    traits = Traits(unit="person", address="email", after_silence="ask", receipts="push", forms=("text",), max_length=0)

    hook_body_most = 1024 * 1024  # bytes; a bounce may bring the whole message back

    def __init__(self, name: str, settings: ChannelSettings) -> None:
        self.name = name
        self.clock: Clock = SystemClock()
        self._options = settings.options(Options)
        self._where = f"config: channels.{name}"
        self._zone = ZoneInfo(settings.timezone)
        self._from = self._sender()
        self._domain = self._from.domain.lower()
        self._host, self._port = self._server(settings.common.api_base)
        for key in ("reply_to", "bounces", "unsubscribe_mailto"):
            value = getattr(self._options, key)
            if value and not ADDRESS.fullmatch(value):
                raise WrongUse(f"{self._where}.{key}: write one mail address, without a name.")
        if self._options.security == "none" and self._options.password and not _is_loopback(self._host):
            raise WrongUse(f'{self._where}: a password is not sent in clear; set `security = "starttls"` or "tls".')
        self._ca_file = str(settings.folder / self._options.ca_file) if self._options.ca_file else None
        if self._ca_file:
            _ = self._tls  # a file that is not there is said now, not at the first message
        self.hook_token = self._options.hook_token.reveal() if self._options.hook_token else ""
        self._idle: list[Line] = []
        self._lock = threading.Lock()

    def check(self, outgoing: Outgoing) -> list[str]:
        problems = []
        if not _clean(outgoing.text).strip():
            problems.append("The text is empty; write the `text` form.")
        if not _one_line(outgoing.title):
            problems.append("The title is empty; it is the subject of the e-mail.")
        if not ADDRESS.fullmatch(outgoing.to):
            problems.append("The mail address cannot be written to; correct the contact.")
        return problems

    def send(self, outgoing: Outgoing, *, timeout: float) -> Accepted:
        if not ADDRESS.fullmatch(outgoing.to):
            raise Refused("The mail address cannot be written to; correct the contact.", code="address")
        message = self.message(outgoing)
        ready = dotted(message.as_bytes(policy=email.policy.SMTP))
        with cut_at(timeout) as flight:
            line, answer = self._begin(self._return_path(outgoing.key), flight, timeout)
            try:
                judge("sender", *answer)
                judge("recipient", *line.ask(f"RCPT TO:<{outgoing.to}>", timeout))
                judge("data", *line.ask("DATA", timeout))
                line.finish(ready, timeout)
            except SendError:
                line.close()
                raise
        self._keep(line)
        return Accepted(provider_id=message_id(outgoing.dedupe_key, self._domain))

    def read_callback(self, headers: Mapping[str, str], body: bytes) -> list[Delivery]:  # noqa: ARG002
        """What a bounce says (RFC 3464), given as the mail server delivered it: the whole message, from its first header.

        Nobody signs a bounce. It is believed because the address it came to holds our attempt reference, which nobody
        can guess. Anything else, larger than 1 MB or broken, says nothing: an empty list.
        """
        return read_bounce(body, mailbox=self._options.bounces)

    async def close(self) -> None:
        with self._lock:
            lines, self._idle = self._idle, []
        for line in lines:
            line.close()

    # ---- the message

    def message(self, outgoing: Outgoing) -> EmailMessage:
        """The whole e-mail. Raises: Refused if a header would hold what no header may."""
        options = self._options
        message = EmailMessage(policy=email.policy.SMTP)
        headers = {
            "From": str(self._from),
            "To": outgoing.to,
            "Subject": _one_line(outgoing.title),
            "Date": format_datetime(self.clock.now().astimezone(self._zone).replace(microsecond=0)),
            "Message-ID": f"<{message_id(outgoing.dedupe_key, self._domain)}>",
            "Reply-To": options.reply_to,
            "Auto-Submitted": "auto-generated",  # RFC 3834: no answering machine answers
            "List-Id": f"<{re.sub(r'[^a-z0-9-]', '-', self.name.lower())}.{self._domain}>",  # RFC 2919
            **_ways_out(outgoing.opt_out, options.unsubscribe_mailto),
        }
        try:
            for name, value in headers.items():
                if value:
                    message[name] = value
            message.set_content(self._text(outgoing), charset="utf-8", cte="quoted-printable")
            message["Content-Language"] = outgoing.language
        except (ValueError, UnicodeError):
            raise Refused("The e-mail's headers cannot be written; look for odd characters in the title.") from None
        return message

    def _text(self, outgoing: Outgoing) -> str:
        """The approved text, and below it what is no part of it: who sends, the public page, the way out."""
        page, stop = FOOT.get(outgoing.language, FOOT["vi"])
        text = _clean(outgoing.text).strip()
        foot = [self._from.display_name or self._from.addr_spec]
        if outgoing.link and outgoing.link not in text:
            foot.append(f"{page}: {outgoing.link}")
        if outgoing.opt_out and outgoing.opt_out not in text:
            foot.append(f"{stop}: {outgoing.opt_out}")
        return _clean(f"{text}\n\n-- \n" + "\n".join(foot) + "\n")

    def _return_path(self, key: str) -> str:
        """Where a bounce goes: an address of this attempt's own (VERP), so that it is known which one came back."""
        if not self._options.bounces:
            return self._from.addr_spec
        name, _, domain = self._options.bounces.partition("@")
        return f"{name}+{key}@{domain}"

    # ---- the line

    def _begin(self, sender: str, flight: Flight, timeout: float) -> tuple[Line, tuple[int, bytes]]:
        """A line to the server, and its answer to the first command of a message. A line kept from before may have died."""
        command = f"MAIL FROM:<{sender}>"
        kept = self._kept()
        if kept is not None:
            flight.line = kept
            with suppress(NotAccepted):
                answer = kept.ask(command, timeout)
                if answer[0] != 421:
                    return kept, answer
            kept.close()
        flight.line = line = Line()
        try:
            self._open(line, timeout)
            return line, line.ask(command, timeout)
        except SendError:
            line.close()
            raise

    def _open(self, line: Line, timeout: float) -> None:
        options = self._options
        line.connect(
            self._host,
            self._port,
            timeout=timeout,
            name=self._domain,
            tls=self._tls if options.security == "tls" else None,
        )
        line.hello()
        if options.security == "starttls":
            line.encrypt(self._tls)
        if options.user and options.password:
            line.login(options.user, options.password.reveal())

    def _kept(self) -> Line | None:
        with self._lock:
            while self._idle:
                line = self._idle.pop()
                if time.monotonic() - line.used < IDLE:
                    return line
                line.close()
        return None

    def _keep(self, line: Line) -> None:
        line.used = time.monotonic()
        with self._lock:
            self._idle.append(line)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(
                cafile=self._ca_file
            )  # TLS 1.2 and later; certificate and name are checked
        except (OSError, ssl.SSLError):
            raise WrongUse(f"{self._where}.ca_file: this file cannot be read as a certificate in PEM.") from None

    # ---- the settings

    def _sender(self) -> Address:
        name, address = parseaddr(self._options.from_)
        if not ADDRESS.fullmatch(address) or CONTROL.search(self._options.from_) or "\n" in self._options.from_:
            raise WrongUse(f'{self._where}.from: write it like "Văn phòng <tin@tinh.example.gov.vn>".')
        return Address(display_name=unicodedata.normalize("NFC", name), addr_spec=address)

    def _server(self, api_base: str) -> tuple[str, int]:
        options = self._options
        if api_base:
            parts = urlsplit(api_base if "//" in api_base else f"//{api_base}")
            if not parts.hostname:
                raise WrongUse(f"{self._where}.api_base: write it like smtp://127.0.0.1:2525.")
            return parts.hostname, parts.port or PORTS[options.security]
        if not re.fullmatch(r"[A-Za-z0-9.:-]+", options.host):
            raise WrongUse(f"{self._where}.host: write the mail server's name, like smtp.tinh.example.gov.vn.")
        return options.host, options.port or PORTS[options.security]


def message_id(dedupe_key: str, domain: str) -> str:
    """The same on every attempt of one dispatch; without its angle brackets."""
    return f"{dedupe_key}@{domain}"


def _ways_out(opt_out: str, mailto: str) -> dict[str, str]:
    """RFC 2369, and for an https page RFC 8058: one press of a button, no page to visit, no login."""
    ways = [f"<{way}>" for way in (opt_out, mailto and f"mailto:{mailto}?subject=unsubscribe") if way]
    if not ways:
        return {}
    one_click = {"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"} if opt_out.startswith("https://") else {}
    return {"List-Unsubscribe": ", ".join(ways), **one_click}


def _clean(text: str) -> str:
    return CONTROL.sub("", unicodedata.normalize("NFC", text).replace("\r\n", "\n"))


def _one_line(text: str) -> str:
    return " ".join(_clean(text).split())


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# ---- bounces


def read_bounce(body: bytes, *, mailbox: str) -> list[Delivery]:
    """The deliveries that a bounce to `mailbox` reports; empty if it is none, or not to an address of ours."""
    name, _, domain = mailbox.partition("@")
    if not mailbox or len(body) > BOUNCE_LIMIT:
        return []
    ours = re.compile(
        rf"{re.escape(name)}\+([A-Za-z0-9-]{{1,{KEY_LENGTH}}})@{re.escape(domain)}(?![A-Za-z0-9.-])", re.IGNORECASE
    )
    try:
        message = email.message_from_bytes(body, policy=email.policy.compat32)
        key = _key_of(message, ours)
        report = next((one for one in message.walk() if one.get_content_type() == "message/delivery-status"), None)
        if not key or report is None:
            return []
        event = hashlib.sha256(body).hexdigest()[:32]
        found = [_delivery(block, key, event) for block in _blocks(report)]
    except (
        RecursionError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
    ):  # a bounce can be made to break parsers
        return []
    return [one for one in found if one is not None]


def _key_of(message: Message, ours: re.Pattern[str]) -> str:
    """The attempt reference in the address the bounce came to."""
    for header in ("Delivered-To", "X-Original-To", "Envelope-To", "To"):
        for value in message.get_all(header, [])[:5]:
            found = ours.search(str(value)[:1000])
            if found:
                return found[1]
    return ""


def _blocks(report: Message) -> list[Message]:
    payload = report.get_payload()
    blocks = payload if isinstance(payload, list) else []
    return [block for block in blocks if isinstance(block, Message) and "Action" in block][:REPORTS_LIMIT]


def _delivery(block: Message, key: str, event: str) -> Delivery | None:
    """RFC 3464 2.3.3: failed and delivered are last words; delayed, relayed and expanded are not."""
    action = str(block.get("Action", "")).strip().lower()
    status = re.match(r"\s*([245]\.\d{1,3}\.\d{1,3})", str(block.get("Status", "")))
    reason = status[1] if status else ""
    if action == "failed":
        gone = reason in GONE
        return Delivery(state="undelivered", key=key, reason=reason or "bounced", event_id=event, suppress=gone)
    if action == "delivered":
        return Delivery(state="delivered", key=key, event_id=event)
    return None
