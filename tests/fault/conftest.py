"""Real processes to kill, and a provider in a process of its own whose book is the judge."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from broadcaster.cli.main import _run

PASSWORDS = {"lan": "một hai ba bốn năm sáu", "minh": "bảy tám chín mười mười một"}
CHANNEL = """
[channels.sms]
adapter = "twilio"
account_sid = "AC00000000000000000000000000000111"
auth_token = {{ env = "TWILIO_AUTH_TOKEN" }}
from = "MINHHOA"
api_base = "{url}"
concurrency = {concurrency}
timeout = "5s"
"""


def wait_until(true: Callable[[], bool], *, seconds: float) -> bool:
    """Look every few milliseconds; False when the time is over."""
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        pause.wait(0.005)
    return False


class Provider:
    """The Twilio simulator in its own process; its book is read from its file."""

    def __init__(self, folder: Path, faults: str) -> None:
        (folder / "faults.toml").write_text(faults, encoding="ascii")
        self.book_file = folder / "book" / "twilio.jsonl"
        command = [
            sys.executable,
            "-m",
            "broadcaster.cli.main",
            "simulator",
            "--twilio",
            "0",
            "--book",
            str(folder / "book"),
        ]
        self.process = subprocess.Popen(
            [*command, "--faults", str(folder / "faults.toml")], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.url = json.loads(self.process.stdout.readline())["twilio"]

    @property
    def book(self) -> list[dict[str, Any]]:
        if not self.book_file.exists():
            return []
        return [json.loads(line) for line in self.book_file.read_bytes().splitlines() if line.endswith(b"}")]

    @property
    def taken(self) -> list[str]:
        return [one["to"] for one in self.book if one["accepted"]]

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        if self.process.stdout:
            self.process.stdout.close()


class Office:
    """A workspace with an approved broadcast to n people, and `run` as a process."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self._patch = folder, patch
        self.environment = {**os.environ, "TWILIO_AUTH_TOKEN": "t"}

    def type(self, *words: str, who: str = "", stdin: str = "") -> str:
        words = (*words, "--config", str(self.folder / "config.toml")) if words[0] != "init" else words
        if who:
            words = (*words, "--as", who)
            self._patch.setenv("BROADCASTER_PASSWORD", PASSWORDS[who])
        self._patch.setattr(sys, "stdin", io.StringIO(stdin))
        said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()) as err:
            code = _run(list(words))
        assert code == 0, err.getvalue()
        said.seek(0)
        return said.read()

    def run(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "broadcaster.cli.main", "run", "--no-web", *words]
        return subprocess.Popen(
            [*command, "--config", str(self.folder / "config.toml")],
            env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def states(self, number: str) -> dict[str, int]:
        shown = json.loads(self.type("broadcast", "show", number, "--json"))
        return {state: n for state, n in shown["states"].items() if n}

    def verified(self) -> bool:
        self.type("ledger", "export", str(self.folder / "out"))
        alone = [sys.executable, "-I", str(self.folder / "out" / "verify.py"), str(self.folder / "out")]
        return subprocess.run(alone, capture_output=True, check=False).returncode == 0


@pytest.fixture
def provider_of(tmp_path: Path) -> Iterator[Callable[[str], Provider]]:
    made: list[Provider] = []

    def make(faults: str = "") -> Provider:
        made.append(Provider(tmp_path, faults))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def office_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Office, str]]:
    def make(url: str, *, people: int, concurrency: int = 8, database_url: str = "") -> tuple[Office, str]:
        """The office, and the id of its approved broadcast."""
        monkeypatch.setenv("TWILIO_AUTH_TOKEN", "t")
        office = Office(tmp_path / "office", monkeypatch)
        office.folder.mkdir()
        from broadcaster.config import example

        text = example().replace('quiet_hours = "21:30-08:00"', 'quiet_hours = ""')
        text = text.replace("sqlite:///broadcaster.db", database_url or "sqlite:///broadcaster.db", 1)
        (office.folder / "config.toml").write_text(
            text + CHANNEL.format(url=url, concurrency=concurrency), encoding="utf-8"
        )
        office.type("init", str(office.folder))
        for name, roles in (("lan", "author,operator"), ("minh", "approver")):
            office.type("user", "add", name, "--role", roles, "--password-stdin", stdin=PASSWORDS[name])
        rows = ["phone,consent_source,consent_date", *(f"09{at + 10_000_000},phiếu,2026-05-15" for at in range(people))]
        (tmp_path / "people.csv").write_text("\n".join(rows), encoding="utf-8")
        office.type("audience", "import", str(tmp_path / "people.csv"), "--group", "border")
        office.type("message", "submit", "hotline-111", who="lan")
        office.type("message", "approve", "hotline-111", who="minh")
        asked = json.loads(
            office.type("send", "hotline-111", "--channel", "sms", "--group", "border", "--json", who="lan")
        )
        office.type("broadcast", "approve", asked["broadcast"], who="minh")
        return office, asked["broadcast"]

    return make


def kill(process: subprocess.Popen[str]) -> None:
    """As the power does: no chance to say goodbye."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGKILL)
    process.wait(10)
    if process.stderr:
        process.stderr.close()
