"""A checkpoint of the ledger as an attached file, by the office's own mail account; the letter is no message to the public."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from email.message import EmailMessage
from hashlib import sha256

from broadcaster.channel.base import OutcomeUnknown, Outgoing, SendError
from broadcaster.channel.email import Email
from broadcaster.clock import Clock
from broadcaster.config import ChannelSettings

TIMEOUT = 20.0  # seconds for the whole letter
TITLE = "Mốc kiểm tra nhật ký phát tin"
TEXT = """\
Tệp đính kèm là mốc đã ký của nhật ký phát tin: số mục và mã băm gốc tại thời điểm ký. Xin giữ thư này.
Khi kiểm tra: python verify.py THƯ_MỤC --checkpoint TỆP, hoặc chọn tệp ở mục "Mốc tự giữ" của check.html.

The attached file is a signed checkpoint of our dispatch log: how many entries it had, and their root hash. Please keep it.
To check a log against it: python verify.py FOLDER --checkpoint FILE, or choose it under "checkpoint files that you kept"."""


class CheckpointMail(Email):
    """Sends one letter with one checkpoint in it."""

    def __init__(self, settings: ChannelSettings, clock: Clock, note: bytes) -> None:
        super().__init__(settings.name, settings)
        self.clock = clock
        self._note = note

    def message(self, outgoing: Outgoing) -> EmailMessage:
        """The letter, with the checkpoint's very bytes."""
        message = super().message(outgoing)
        name = f"{outgoing.key}.txt"
        message.add_attachment(self._note, maintype="application", subtype="octet-stream", filename=name)
        return message

    def deliver(self, to: str) -> None:
        """Raises: OSError with a sentence. What may have arrived counts as sent: the next checkpoint covers it."""
        key = f"checkpoint-{self._note.split(bytes([10]))[1].decode():.18}"
        outgoing = Outgoing(
            key=key, dedupe_key=f"{key}-{sha256(to.encode() + self._note).hexdigest()[:12]}", to=to, text=TEXT, title=TITLE,
            language="vi", link="", expires_at=self.clock.now() + timedelta(hours=1),
        )  # fmt: skip
        try:
            self.send(outgoing, timeout=TIMEOUT)
        except OutcomeUnknown:
            return
        except SendError as error:
            raise OSError(str(error)) from None
        finally:
            asyncio.run(self.close())
