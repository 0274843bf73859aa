"""Packages handed over by e-mail: the recording and one A4 page to the commune's officer."""

from __future__ import annotations

import email.policy
import ssl
from email.message import EmailMessage
from email.utils import formatdate, parseaddr

from broadcaster.channel.base import Refused
from broadcaster.channel.loudspeaker_drop import Parcel
from broadcaster.channel.smtp_line import ADDRESS, Line, cut_at, dotted, judge
from broadcaster.config import Secret
from broadcaster.errors import WrongUse

ATTACHED = (".mp3", ".m4a", ".ogg", ".wav", ".flac", ".pdf", ".ics")
TYPES = {
    "mp3": ("audio", "mpeg"), "m4a": ("audio", "mp4"), "ogg": ("audio", "ogg"), "wav": ("audio", "wav"),
    "flac": ("audio", "flac"), "pdf": ("application", "pdf"), "ics": ("text", "calendar"),
}  # fmt: skip
IMPLICIT = 465  # the port at which TLS comes first (RFC 8314)
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Mail:
    """One message per package; a repeat has the same Message-ID."""

    def __init__(
        self, name: str, *, host: str, port: int, user: str, password: Secret | None, sender: str, tls: bool = True
    ) -> None:
        address = parseaddr(sender)[1]
        if not host or not ADDRESS.fullmatch(address):
            raise WrongUse(f"config: channels.{name}: e-mail needs smtp_host and mail_from.")
        self._where = (host, port)
        self._user, self._password, self._sender, self._address = user, password, sender, address
        self._tls = tls and host not in LOOPBACK

    def deliver(self, parcel: Parcel, *, timeout: float) -> None:
        if not ADDRESS.fullmatch(parcel.mail):
            raise Refused("The stations file names no e-mail address for this commune; add it, or visit the commune.")
        ready = dotted(self._message(parcel).as_bytes(policy=email.policy.SMTP))
        with cut_at(timeout) as flight:
            flight.line = line = Line()
            try:
                self._open(line, timeout)
                judge("sender", *line.ask(f"MAIL FROM:<{self._address}>", timeout))
                judge("recipient", *line.ask(f"RCPT TO:<{parcel.mail}>", timeout))
                judge("data", *line.ask("DATA", timeout))
                line.finish(ready, timeout)
            finally:
                line.close()

    def _open(self, line: Line, timeout: float) -> None:
        host, port = self._where
        context = ssl.create_default_context()
        at_once = self._tls and port == IMPLICIT
        line.connect(
            host, port, timeout=timeout, name=self._address.rpartition("@")[2], tls=context if at_once else None
        )
        line.hello()
        if self._tls and not at_once:
            line.encrypt(context)
        if self._user and self._password:
            line.login(self._user, self._password.reveal())

    def _message(self, parcel: Parcel) -> EmailMessage:
        message = EmailMessage()
        message["From"], message["To"] = self._sender, parcel.mail
        message["Subject"] = " ".join(parcel.subject.split())
        message["Date"] = formatdate()
        message["Message-ID"] = (
            f"<{parcel.reference or parcel.path.replace('/', '.')}@{self._address.rpartition('@')[2]}>"
        )
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(parcel.body)
        for name, data in parcel.files.items():
            ending = name.rpartition(".")[2]
            if name.endswith(ATTACHED):
                maintype, subtype = TYPES[ending]
                message.add_attachment(data, maintype=maintype, subtype=subtype, filename=name)
        return message
