"""Packages handed over by e-mail: the recording and one A4 page to the commune's officer."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate

from broadcaster.channel.base import Misconfigured, NotAccepted, OutcomeUnknown, Refused
from broadcaster.channel.loudspeaker_drop import Parcel
from broadcaster.config import Secret
from broadcaster.errors import WrongUse

ATTACHED = (".mp3", ".m4a", ".ogg", ".wav", ".flac", ".pdf", ".ics")
TYPES = {
    "mp3": ("audio", "mpeg"), "m4a": ("audio", "mp4"), "ogg": ("audio", "ogg"), "wav": ("audio", "wav"),
    "flac": ("audio", "flac"), "pdf": ("application", "pdf"), "ics": ("text", "calendar"),
}  # fmt: skip
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Mail:
    """One message per package; a repeat has the same Message-ID."""

    def __init__(
        self, name: str, *, host: str, port: int, user: str, password: Secret | None, sender: str, tls: bool = True
    ) -> None:
        if not host or "@" not in sender:
            raise WrongUse(f"config: channels.{name}: e-mail needs smtp_host and mail_from.")
        self._where = (host, port)
        self._user, self._password, self._sender = user, password, sender
        self._tls = tls and host not in LOOPBACK

    def deliver(self, parcel: Parcel, *, timeout: float) -> None:
        if not parcel.mail:
            raise Refused("The stations file names no e-mail address for this commune; add it, or visit the commune.")
        begun = False
        try:
            with self._connected(timeout) as server:
                message = self._message(parcel)
                begun = True
                server.send_message(message)
        except smtplib.SMTPAuthenticationError:
            raise Misconfigured("The mail server refused the log-in; correct smtp_user and smtp_password.") from None
        except smtplib.SMTPRecipientsRefused as error:
            code = min((code for code, _ in error.recipients.values()), default=550)
            raise _by_code(code) from None
        except smtplib.SMTPResponseException as error:
            raise _by_code(error.smtp_code) from None
        except (smtplib.SMTPException, OSError, EOFError) as error:
            if begun:
                raise OutcomeUnknown(
                    f"The line to the mail server broke ({type(error).__name__}); the mail may have been taken."
                ) from None
            raise NotAccepted(f"No connection to the mail server ({type(error).__name__}); nothing was sent.") from None

    def _connected(self, timeout: float) -> smtplib.SMTP:
        host, port = self._where
        context = ssl.create_default_context()
        if port == 465 and self._tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=timeout, context=context)
        else:
            server = smtplib.SMTP(host, port, timeout=timeout)
            if self._tls:
                server.starttls(context=context)
        if self._user and self._password:
            server.login(self._user, self._password.reveal())
        return server

    def _message(self, parcel: Parcel) -> EmailMessage:
        message = EmailMessage()
        message["From"], message["To"] = self._sender, parcel.mail
        message["Subject"] = " ".join(parcel.subject.split())
        message["Date"] = formatdate()
        message["Message-ID"] = (
            f"<{parcel.reference or parcel.path.replace('/', '.')}@{self._sender.rpartition('@')[2]}>"
        )
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(parcel.body)
        for name, data in parcel.files.items():
            ending = name.rpartition(".")[2]
            if name.endswith(ATTACHED):
                maintype, subtype = TYPES[ending]
                message.add_attachment(data, maintype=maintype, subtype=subtype, filename=name)
        return message


def _by_code(code: int) -> Exception:
    """RFC 5321, 4.2.1: 4yz may work later, 5yz will not."""
    if 400 <= code < 500:
        return NotAccepted(f"The mail server put it off ({code}); it is tried again.", code=str(code))
    return Refused(f"The mail server refused it ({code}); check the commune's address.", code=str(code))
