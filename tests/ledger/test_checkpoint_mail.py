"""Checkpoints on their way into somebody's mailbox, by the office's own mail account."""

from __future__ import annotations

import email
import email.policy
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ledger_story as story
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from broadcaster import config as settings
from broadcaster.app import send_checkpoints
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.ledger.verify import read_checkpoint


class Mailbox(Controller):
    """A mail server that keeps what it gets, or has no room."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            super().__init__(self, hostname="127.0.0.1", port=free.getsockname()[1])
        self.envelopes: list[Envelope] = []
        self.answer = "250 2.0.0 Ok"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:
        if self.answer.startswith("250"):
            self.envelopes.append(envelope)
        return self.answer

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    found = Mailbox()
    found.start()
    yield found
    found.stop()


CONFIG = """\
[ledger]
witness = ["mailto:kiem-tra@so.example.vn"]
[channels.thu]
adapter = "email"
host = "127.0.0.1"
from = "tin@tinh.example.vn"
security = "none"
api_base = "{url}"
"""


def office(folder: Path, text: str) -> settings.Config:
    (folder / "config.toml").write_text(text, encoding="utf-8")
    return settings.load(folder / "config.toml")


def test_a_checkpoint_arrives_as_a_file_once_byte_for_byte(
    sqlite_database: Database, clock: SteppedClock, tmp_path: Path, mailbox: Mailbox
) -> None:
    config = office(tmp_path, CONFIG.format(url=mailbox.url))
    story.tell(sqlite_database, clock, story.READY)
    made = story.sign(sqlite_database, clock, tmp_path / "checkpoints")

    first, again = send_checkpoints(config, clock), send_checkpoints(config, clock)

    (envelope,) = mailbox.envelopes
    letter = email.message_from_bytes(bytes(envelope.content or b""), policy=email.policy.default)
    (file,) = list(letter.iter_attachments())
    assert [(one.target, one.sent, one.fault) for one in first] == [("kiem-tra@so.example.vn", made.size, "")]
    assert again == first
    assert envelope.rcpt_tos == ["kiem-tra@so.example.vn"]
    assert file.get_filename() == f"checkpoint-{made.size}.txt"
    assert read_checkpoint("", file.get_content(), {0: story.KEY.public})[0] == made.size
    assert "xin giữ thư này" in letter.get_body().get_content().lower()


def test_a_mail_server_that_refuses_is_said_and_tried_again(
    sqlite_database: Database, clock: SteppedClock, tmp_path: Path, mailbox: Mailbox
) -> None:
    config = office(tmp_path, CONFIG.format(url=mailbox.url))
    story.tell(sqlite_database, clock, story.READY)
    story.sign(sqlite_database, clock, tmp_path / "checkpoints")
    mailbox.answer = "452 4.3.1 no room"
    (failed,) = send_checkpoints(config, clock)
    mailbox.answer = "250 2.0.0 Ok"

    (done,) = send_checkpoints(config, clock)

    assert failed.sent == -1
    assert failed.fault
    assert (done.fault, len(mailbox.envelopes)) == ("", 1)


def test_without_a_mail_account_it_says_so(sqlite_database: Database, clock: SteppedClock, tmp_path: Path) -> None:
    config = office(tmp_path, '[ledger]\nwitness = ["mailto:kiem-tra@so.example.vn"]\n')
    story.tell(sqlite_database, clock, story.READY)
    story.sign(sqlite_database, clock, tmp_path / "checkpoints")

    (found,) = send_checkpoints(config, clock)

    assert 'no channel of config.toml has the adapter "email"' in found.fault
