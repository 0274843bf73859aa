"""Real processes to kill, and a provider in a process of its own whose book is the judge."""

from __future__ import annotations

import contextlib
import io
import json
import os
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Row, create_engine, text

from broadcaster.cli.main import _run
from broadcaster.config import example
from broadcaster.db.engine import Database

PASSWORDS = {"lan": "một hai ba bốn năm sáu", "minh": "bảy tám chín mười mười một"}
SLOW = '[[fault]]\ndo = "slow"\nseconds = {seconds}\n'
SQLITE = "sqlite:///broadcaster.db"
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
        command = [sys.executable, "-m", "broadcaster.cli.main", "simulator", "--twilio", "0"]
        command += ["--book", str(folder / "book"), "--faults", str(folder / "faults.toml")]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = json.loads(self.process.stdout.readline())["twilio"]
        self._read_to, self._requests = 0, 0

    @property
    def requests(self) -> int:
        """How many have arrived so far; cheap, for waiting."""
        if self.book_file.exists():
            with self.book_file.open("rb") as file:
                file.seek(self._read_to)
                new = file.read()
            self._read_to += len(new)
            self._requests += new.count(b"\n")
        return self._requests

    @property
    def book(self) -> list[dict[str, Any]]:
        if not self.book_file.exists():
            return []
        return [json.loads(line) for line in self.book_file.read_bytes().splitlines() if line.endswith(b"}")]

    @property
    def taken(self) -> list[dict[str, Any]]:
        """What it took, whatever it answered."""
        return [one for one in self.book if one["accepted"]]

    @property
    def twice(self) -> dict[str, int]:
        """Whom it took more than one message for."""
        return {to: n for to, n in Counter(one["to"] for one in self.taken).items() if n > 1}

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        if self.process.stdout:
            self.process.stdout.close()


class Office:
    """A workspace, and `run` in it as a process."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, database_url: str = SQLITE) -> None:
        self.folder, self._patch, self.database_url = folder, patch, database_url
        self.environment = {**os.environ, "TWILIO_AUTH_TOKEN": "t"}
        patch.setenv("TWILIO_AUTH_TOKEN", "t")
        self._started: list[subprocess.Popen[str]] = []

    def configure(self, url: str, *, concurrency: int) -> None:
        text = example().replace('quiet_hours = "21:30-08:00"', 'quiet_hours = ""')
        text = text.replace(SQLITE, self.database_url, 1) + CHANNEL.format(url=url, concurrency=concurrency)
        (self.folder / "config.toml").write_text(text, encoding="utf-8")

    def type(self, *words: str, who: str = "", stdin: str = "") -> str:
        """One command of the real command line; what it prints on standard output."""
        code, out, err = self.typed(*words, who=who, stdin=stdin)
        assert code == 0, err
        return out

    def typed(self, *words: str, who: str = "", stdin: str = "") -> tuple[int, str, str]:
        """One command; its exit code, standard output and standard error."""
        words = (*words, "--config", str(self.folder / "config.toml")) if words[0] != "init" else words
        if who:
            words = (*words, "--as", who)
            self._patch.setenv("BROADCASTER_PASSWORD", PASSWORDS[who])
        self._patch.setattr(sys, "stdin", io.StringIO(stdin))
        out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()) as err:
            code = _run(list(words))
        out.seek(0)
        return code, out.read(), err.getvalue()

    def run(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "broadcaster.cli.main", "run", "--no-web", *words]
        process = subprocess.Popen(
            [*command, "--config", str(self.folder / "config.toml")],
            env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._started.append(process)
        return process

    def close(self) -> None:
        """What a failed test left running ends with it."""
        for process in self._started:
            kill(process)

    def staff(self) -> None:
        """Two people, and an approved message."""
        self.type("init", str(self.folder))
        for name, roles in (("lan", "author,operator"), ("minh", "approver")):
            self.type("user", "add", name, "--role", roles, "--password-stdin", stdin=PASSWORDS[name])
        self.type("message", "submit", "hotline-111", who="lan")
        self.type("message", "approve", "hotline-111", who="minh")

    def ask(self, people: int) -> str:
        """The id of an approved broadcast to `people` people."""
        rows = ["phone,consent_source,consent_date", *(f"09{at + 10_000_000},phiếu,2026-05-15" for at in range(people))]
        (self.folder / "people.csv").write_text("\n".join(rows), encoding="utf-8")
        self.type("audience", "import", str(self.folder / "people.csv"), "--group", "border")
        asked = self.type("send", "hotline-111", "--channel", "sms", "--group", "border", "--json", who="lan")
        number = str(json.loads(asked)["broadcast"])
        self.type("broadcast", "approve", number, who="minh")
        return number

    def states(self, number: str) -> dict[str, int]:
        shown = json.loads(self.type("broadcast", "show", number, "--json"))
        return {state: n for state, n in shown["states"].items() if n}

    def rows(self, query: str) -> list[Row[Any]]:
        """What stands in the database, past all of our own code."""
        database = Database(self.database_url, folder=self.folder)
        try:
            with database.reading() as connection:
                return list(connection.execute(text(query)))
        finally:
            database.close()

    @property
    def ledger(self) -> list[dict[str, Any]]:
        """The entries as an auditor gets them, once the stand-alone verifier has accepted them."""
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        self.type("ledger", "export", str(out))
        alone = [sys.executable, "-I", str(out / "verify.py"), str(out)]
        checked = subprocess.run(alone, capture_output=True, check=False, text=True)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        return [json.loads(line) for line in (out / "entries.jsonl").read_bytes().splitlines()]


@pytest.fixture
def provider_of(tmp_path: Path) -> Iterator[Callable[[str], Provider]]:
    made: list[Provider] = []

    def make(faults: str = "") -> Provider:
        made.append(Provider(tmp_path, faults))
        return made[-1]

    yield make
    for one in made:
        one.close()


def _staff(folder: Path, url: str = SQLITE) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        office = Office(folder, patch, url)
        office.configure("http://127.0.0.1:9", concurrency=1)
        office.staff()
    return folder


@pytest.fixture(scope="session")
def staffed_office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace on SQLite with its staff and its approved message: passwords cost time, once."""
    return _staff(tmp_path_factory.mktemp("staffed"))


@pytest.fixture(scope="session")
def staffed_office_on_postgres(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Path:
    """The same on PostgreSQL; its database is the template of each test's."""
    with _admin(postgres_server) as connection:
        connection.execute(text("CREATE DATABASE staffed"))
    return _staff(tmp_path_factory.mktemp("staffed"), postgres_server.replace("/postgres?", "/staffed?"))


@pytest.fixture
def staffed_postgres_url(postgres_server: str, staffed_office_on_postgres: Path) -> Iterator[str]:
    """A fresh copy of the staffed database."""
    name = f"s{secrets.token_hex(6)}"
    with _admin(postgres_server) as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE staffed"))
    yield postgres_server.replace("/postgres?", f"/{name}?")
    with _admin(postgres_server) as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@contextlib.contextmanager
def _admin(server: str) -> Iterator[Connection]:
    engine = create_engine(Database(server).url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def office_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Callable[..., tuple[Office, str]]]:
    made: list[Office] = []

    def make(url: str, *, people: int, concurrency: int = 8, kind: str = "sqlite") -> tuple[Office, str]:
        """The office, and the id of its approved broadcast."""
        database_url = request.getfixturevalue("staffed_postgres_url") if kind == "postgresql" else SQLITE
        before = "staffed_office_on_postgres" if kind == "postgresql" else "staffed_office"
        shutil.copytree(request.getfixturevalue(before), tmp_path / "office")
        office = Office(tmp_path / "office", monkeypatch, database_url)
        office.configure(url, concurrency=concurrency)
        made.append(office)
        return office, office.ask(people)

    yield make
    for one in made:
        one.close()


def kill(process: subprocess.Popen[str]) -> None:
    """As the power does: no chance to say goodbye."""
    process.kill()
    process.wait(10)
    if process.stderr:
        process.stderr.close()


def ended(process: subprocess.Popen[str], *, seconds: float = 60) -> tuple[int, str]:
    """Its exit code and what it said on standard error."""
    _, said = process.communicate(timeout=seconds)
    return process.returncode, said


def moment(entry: dict[str, Any]) -> float:
    """When a line of the book was written, in seconds since the epoch; both processes read one machine's clock."""
    return datetime.fromisoformat(entry["at"]).timestamp()
