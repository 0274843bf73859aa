"""A small office on a clock that stands still: every command with `--json` is run in it, so that the examples are real."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest.mock import patch

from argon2 import PasswordHasher

from broadcaster.cli.main import cli
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.duty import plea
from broadcaster.ledger import store
from broadcaster.simulator.faults import Fault
from broadcaster.simulator.twilio import TwilioSimulator

PASSWORDS = {
    "lan": "lan đi chợ mua một mớ rau",
    "minh": "minh đi chợ mua hai mớ rau",
    "hoa": "hoa đi chợ mua ba mớ rau",
}
MORNING = datetime(2027, 7, 30, 1, 0, tzinfo=UTC)  # 08:00 in Ho Chi Minh City

CAMPAIGN = """\
[campaign]
id = "vi-du"
title = "Ví dụ"
from = 2027-07-01
until = 2027-08-31
timezone = "Asia/Ho_Chi_Minh"
quiet_hours = "21:30-08:00"
report_due = 2027-09-20
languages = ["vi", "en"]
budget = { amount = 50_000_000, currency = "VND" }

[[schedule]]
id = "ngay-30-7"
messages = ["hotline-111"]
when = { at = 2027-07-30T08:00:00 }
channels = ["sms", "web"]
group = "border"
language = "vi"
"""

SMS = """
[channels.sms]
adapter = "twilio"
account_sid = "AC00000000000000000000000000000111"
auth_token = {{ file = "secrets/twilio.token" }}
from = "TINHA"
api_base = "{url}"
concurrency = 1
price = {{ amount = "350.5", currency = "VND" }}
"""

STATEMENT = "id,to,time,parts,price\nSM-unknown-to-us,0912000009,30/07/2027 08:01,2,701\n"

LOUDSPEAKER = """
[channels.loa]
adapter = "loudspeaker"
without_recording = "announcer"
"""

COMMUNES = """\
name,loudspeaker,commune,language
Đài truyền thanh xã Pù Nhi,14875,Pù Nhi,vi
Đài truyền thanh xã Nhi Sơn,14869,Nhi Sơn,vi
"""

PEOPLE = """\
name,phone,language,commune,consent_source,consent_date
Vừ Thị Mai,0912000001,vi,Pù Nhi,phiếu đăng ký,2027-05-15
Lò Văn Pá,0912000002,vi,Pù Nhi,phiếu đăng ký,2027-05-15
Hơ Thị Sua,0912000003,vi,Nhi Sơn,phiếu đăng ký,2027-05-15
Phạm Văn Bình,091200,vi,Nhi Sơn,phiếu đăng ký,2027-05-15
"""

# What differs from run to run, and what stands in its place: the same for the same thing, so that references still show.
RANDOM = (
    (re.compile(r"\bSM[0-9a-f]{32}\b"), lambda made: "SM" + made[:32]),
    (re.compile(r"\b[0-9a-f]{64}\b"), lambda made: made),
    (re.compile(r"\b[0-9a-f]{128}\b"), lambda made: made * 2),
    (re.compile(r"\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}(?=\")"), lambda made: f"+{made[:8]}+{made[:44]}"),
    (re.compile(r"(?<=\": \")[A-Za-z0-9+/]{43}=(?=\")"), lambda made: made[:43] + "="),
    (re.compile(r"(?<=\.)[A-Za-z0-9_-]{22}(?=\")"), lambda made: made[:22]),
    (re.compile(r"(?<=\s)[A-Za-z0-9+/]{91}="), lambda made: (made * 2)[:91] + "="),
    (re.compile(r"(?<=\\n)[A-Za-z0-9+/]{43}=(?=\\n)"), lambda made: made[:43] + "="),
)
OF_THIS_MACHINE = (
    (re.compile(r"console:[\w.-]+"), "console:office"),
    (re.compile(r"20\d\d-\d\d-\d\dT[\d:]+\.\d{6}Z"), f"{MORNING:%Y-%m-%dT%H:%M:%S.%fZ}"),  # `init` has no moved clock
    (re.compile(r"\d+ MB free"), "51200 MB free"),
    (re.compile(r"SQLite [0-9.]+"), "SQLite 3.53.0"),
    (re.compile(r"adapters: [a-z0-9_, -]+"), "adapters: feed, memory, telegram, twilio"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One command and what it printed."""

    words: tuple[str, ...]  # as typed, without `broadcaster` and `--config`
    text: str  # standard output, made the same for every run
    code: int

    @property
    def command(self) -> str:
        """The words before the first argument or option, "message list"."""
        found: list[str] = []
        at: Any = cli
        for word in self.words:
            at = at.get_command(None, word) if hasattr(at, "get_command") else None  # type: ignore[arg-type]
            if at is None:
                break
            found.append(word)
        return " ".join(found)

    @property
    def value(self) -> Any:
        """The JSON value, or the list of JSON Lines."""
        try:
            return json.loads(self.text)
        except json.JSONDecodeError:
            return [json.loads(line) for line in self.text.splitlines()]

    @property
    def is_lines(self) -> bool:
        return self.text.count("\n") > 1


@dataclass(slots=True)
class Office:
    """A workspace in which commands are typed in this process."""

    folder: Path
    clock: SteppedClock
    answers: list[Answer] = field(default_factory=list)
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)  # kind -> one entry of it, as written
    real: dict[str, str] = field(default_factory=dict)  # a word as it is shown -> what is typed
    _made: dict[str, str] = field(default_factory=dict)

    def type(self, *words: str, who: str = "", stdin: str = "") -> Answer:
        """Run one command; what it printed is kept in `answers`."""
        shown = (*words, *(("--as", who) if who else ()))
        real = [
            str(self.folder / word)
            if word.endswith((".csv", ".db", ".pdf", ".txt", "audit"))
            else self.real.get(word, word)
            for word in shown
        ]
        if words[0] not in ("init", "simulator"):
            real += ["--config", str(self.folder / "config.toml")]
        out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True), io.StringIO()
        with _environment(PASSWORDS.get(who, "")), _stdin(stdin), contextlib.redirect_stdout(out):
            with contextlib.redirect_stderr(err):
                code = cli.main(args=real, prog_name="broadcaster", standalone_mode=False, obj=self.clock)
        answer = Answer(
            words=shown, text=self.same(out.buffer.getvalue().decode()), code=code if isinstance(code, int) else 0
        )
        self.answers.append(answer)
        return answer

    def json(self, *words: str, who: str = "") -> Any:
        return self.type(*words, "--json", who=who).value

    def same(self, text: str) -> str:
        text = text.replace(f"{self.folder}{os.sep}", "").replace(str(self.folder), "office")
        for pattern, put in OF_THIS_MACHINE:
            text = pattern.sub(put, text)
        for pattern, made in RANDOM:
            text = pattern.sub(lambda match, made=made: self._stand_in(match[0], made), text)
        return text

    def _stand_in(self, found: str, made: Callable[[str], str]) -> str:
        if found not in self._made and found not in self._made.values():
            self._made[found] = made(sha256(f"example {len(self._made)}".encode()).hexdigest())
        return self._made.get(found, found)


def played() -> Office:
    """The whole story; its `answers` are the examples. Takes a few seconds and leaves nothing behind."""
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # nobody's password stands here
    with (
        tempfile.TemporaryDirectory(prefix="office") as name,
        _twilio() as provider,
        _quiet(),
        patch("broadcaster.access.store._hasher", lambda: quick),
    ):
        office = Office(folder=Path(name).resolve() / "office", clock=SteppedClock(MORNING))
        _set_up(office, provider)
        _content(office)
        _audience(office)
        _campaign(office)
        _ad_hoc(office, provider)
        _duty(office)
        _loudspeaker(office)
        _stop(office)
        _register(office)
        _keeping(office)
        _ledger(office)
        return office


def _set_up(office: Office, provider: TwilioSimulator) -> None:
    office.type("init", str(office.folder))
    for name, roles in (("lan", "author,operator"), ("minh", "approver"), ("hoa", "operator")):
        office.type("user", "add", name, "--role", roles, "--password-stdin", stdin=PASSWORDS[name] + "\n")
    config = office.folder / "config.toml"
    config.write_text(config.read_text(encoding="utf-8") + SMS.format(url=provider.url), encoding="utf-8")
    (office.folder / "secrets" / "twilio.token").write_text("a token of the simulator\n", encoding="utf-8")
    (office.folder / "schedules" / "vi-du.toml").write_text(CAMPAIGN, encoding="utf-8")
    (office.folder / "people.csv").write_text(PEOPLE, encoding="utf-8")
    for path in (office.folder / "schedules").glob("chong-*.toml"):
        path.unlink()
    for path in (office.folder / "content").rglob("*.md"):
        if path.stem not in ("hotline-111", "victims-rights"):
            path.unlink()
    office.json("user", "list")
    office.json("doctor")


def _content(office: Office) -> None:
    office.json("check")
    office.json("fact", "list")
    office.json("fact", "uses", "hotline_trafficking")
    office.json("message", "preview", "hotline-111", "--language", "en")
    office.json("message", "submit", "hotline-111", who="lan")
    office.json("message", "approve", "hotline-111", who="minh")
    office.json("message", "submit", "victims-rights", who="lan")
    office.json("message", "reject", "victims-rights", "--reason", "Câu thứ hai quá dài", who="minh")
    office.json("message", "list")
    office.json("message", "show", "hotline-111")
    office.json("message", "diff", "hotline-111")


def _audience(office: Office) -> None:
    office.json("audience", "import", "people.csv", "--group", "border")
    office.json("audience", "list", "--group", "border")
    office.json("audience", "show", "1")
    office.json("audience", "group", "add", "village-heads")
    office.json("audience", "group", "list")
    office.json("audience", "group", "members", "border")
    office.json("audience", "export", "contacts.csv", "--group", "border")


def _campaign(office: Office) -> None:
    office.json("plan", "vi-du")
    office.json("campaign", "submit", "vi-du", who="lan")
    office.json("campaign", "reject", "vi-du", "--reason", "Sai giờ phát", who="minh")
    office.type("campaign", "submit", "vi-du", who="lan")
    office.json("campaign", "approve", "vi-du", who="minh")
    office.json("campaign", "pause", "vi-du", "--reason", "Chờ xác minh", who="hoa")
    office.json("campaign", "resume", "vi-du", who="hoa")
    office.json("campaign", "list")
    office.json("campaign", "show", "vi-du")


def _ad_hoc(office: Office, provider: TwilioSimulator) -> None:
    provider.play(Fault(do="error-before", request=2))
    office.json("run", "--until-idle")
    office.json("broadcast", "list")
    office.json("broadcast", "show", "b-00000001")
    office.json("dispatch", "list", "--broadcast", "b-00000001")
    doubt = office.json("dispatch", "list", "--state", "unknown")["id"]
    office.json("dispatch", "show", doubt)
    for who in ("lan", "hoa"):
        words = ("--as-state", "accepted", "--reason", "Có trong nhật ký của nhà cung cấp")
        office.json("dispatch", "resolve", doubt, *words, who=who)
    office.json("lane", "list")
    office.json("lane", "reviews")
    asked = office.json("send", "hotline-111", "--channel", "web", who="lan")["broadcast"]
    office.json("broadcast", "approve", asked, who="minh")
    asked = office.json("send", "hotline-111", "--channel", "sms", "--group", "border", who="lan")["broadcast"]
    office.json("broadcast", "reject", asked, "--reason", "Đã phát sáng nay", who="minh")
    office.json("audience", "opt-out", "0912000003")
    office.json("audience", "erase", "0912000002", "--yes")


def _duty(office: Office) -> None:
    """Somebody has written back, as a provider's callback would have brought it."""
    database = Database("sqlite:///broadcaster.db", folder=office.folder)
    key = (office.folder / "secrets" / "office.key").read_text(encoding="ascii").strip().encode()
    with store.transaction(database, office.clock) as tx:
        plea.receive(
            tx,
            channel="sms",
            digest=bytes(32),
            sender="+84912000001",
            text="Gọi lại cho tôi",
            address=1,
            office_key=key,
        )
    database.close()
    office.json("duty", "list")
    office.json("duty", "show", "1", who="hoa")


def _loudspeaker(office: Office) -> None:
    """Two communes are given a bulletin, an announcer reads it in one."""
    config = office.folder / "config.toml"
    config.write_text(config.read_text(encoding="utf-8") + LOUDSPEAKER, encoding="utf-8")
    (office.folder / "communes.csv").write_text(COMMUNES, encoding="utf-8")
    office.type("audience", "import", "communes.csv", "--group", "loa-xa")
    asked = office.json("send", "hotline-111", "--channel", "loa", "--group", "loa-xa", who="lan")["broadcast"]
    office.type("broadcast", "approve", asked, who="minh")
    office.type("run", "--until-idle")
    rows = office.json("bulletin", "list")
    office.json("bulletin", "show", rows[0]["id"])
    office.json("bulletin", "confirm", rows[0]["id"], "--plays", "2", who="lan")
    office.clock.move_by(timedelta(days=1))
    office.json("bulletin", "board")
    office.json("bulletin", "remind", who="lan")
    office.json("bulletin", "recall", rows[1]["id"], "--reason", "Sai giờ phát", who="lan")


def _stop(office: Office) -> None:
    office.json("stop", "--reason", "Nghi sai số điện thoại", "--channel", "sms", who="minh")
    office.json("stop", "--list")
    for who in ("lan", "minh"):
        office.json("resume", "1", who=who)
    office.json("report", "vi-du")
    office.json("print", "poster", "hotline-111", "--output", "poster.pdf", who="lan")
    office.type("message", "submit", "victims-rights", who="lan")
    office.type("message", "approve", "victims-rights", who="minh")
    office.json("correct", "b-00000001", "--message", "victims-rights", "--reason", "Sai giờ trực", who="lan")
    office.json("campaign", "cancel", "vi-du", "--reason", "Hết ví dụ", who="lan")
    office.json("message", "withdraw", "hotline-111", "--reason", "Hết ví dụ", who="lan")


def _register(office: Office) -> None:
    """What people did, and what a provider says of the month."""
    (office.folder / "communes-did.csv").write_text(
        "kind,day,commune,units\nleaflet,29/07/2027,Xã Bảo Lâm,200\n", encoding="utf-8"
    )
    (office.folder / "july.csv").write_text(STATEMENT, encoding="utf-8")
    office.json("activity", "kinds")
    talk = ("--kind", "communicator", "--day", "2027-07-29", "--commune", "Xã Bảo Lâm", "--participants")
    office.json("activity", "add", *talk, "40", "--campaign", "vi-du", who="lan")
    office.json("activity", "correct", "1", *talk, "42", who="lan")
    office.json("activity", "import", "communes-did.csv", "--campaign", "vi-du", who="lan")
    office.json("activity", "list")
    office.json("activity", "void", "2", who="lan")
    (office.folder / "communes.csv").write_text("name,province,kind\nXã Bảo Lâm,Lạng Sơn,commune\n", encoding="utf-8")
    (office.folder / "reply.pdf").write_bytes(b"%PDF-1.4\n")
    office.json("activity", "places", "--import", "communes.csv", who="lan")
    office.json("activity", "board", "vi-du")
    days = ("--from", "2027-07-29", "--until", "2027-07-29")
    office.json("activity", "carrier", "--carrier", "Viettel", "--campaign", "vi-du", "--asked", "1200000", "--reached",
                "1150000", "--failed", "50000", *days, who="lan")  # fmt: skip
    office.json("activity", "carriers")
    made = office.json("activity", "add", *talk, "40", "--attachment", "reply.pdf", who="lan")
    office.json("activity", "erase", str(made["activity"]), who="lan")
    config = office.folder / "config.toml"
    text = config.read_text(encoding="utf-8")
    config.write_text(
        re.sub(r'public_url = ".*"', 'public_url = "https://tin.langson.example"', text), encoding="utf-8"
    )
    office.json("activity", "link", "--commune", "Xã Bảo Lâm", "--campaign", "vi-du", who="lan")
    config.write_text(text, encoding="utf-8")
    office.json("statement", "check", "july.csv", "--channel", "sms", "--month", "2027-07", "--limit", "1")


def _keeping(office: Office) -> None:
    office.json("hold", "set", "vi-du", "--reason", "Thanh tra tỉnh yêu cầu", who="minh")
    office.json("hold", "list")
    office.json("hold", "lift", "vi-du", who="minh")
    office.json("retention")


def _ledger(office: Office) -> None:
    office.json("ledger", "verify")
    made = office.json("ledger", "checkpoint")
    office.json("ledger", "export", "--bundle", "audit")
    office.type("ledger", "prove", "0")
    office.real["HEX"] = (office.folder / "audit" / "key.txt").read_text(encoding="ascii").strip()
    checkpoint = f"checkpoints/{Path(made['file']).name}"
    office.json("ledger", "countersign", checkpoint, "--office-key", "HEX", "--name", "so-vhttdl")
    office.json("ledger", "rotate-key")
    office.json("db", "check")
    office.type("db", "backup", "copy.db")
    office.json("ledger", "list", "--limit", "2")
    office.entries = _one_of_each(office)
    office.json("db", "restore", "copy.db", "--reason", "Ổ đĩa hỏng")


def _one_of_each(office: Office) -> dict[str, dict[str, Any]]:
    """One entry of each kind: that of the first dispatch, for two lanes write in no fixed order; without its place and time."""
    database = Database("sqlite:///broadcaster.db", folder=office.folder)
    with database.reading() as connection:
        found = [json.loads(raw) for raw in store.raws(connection)]
    database.close()
    found.sort(key=lambda entry: [entry["kind"], *(entry.get(name, 0) for name in ("b", "d", "n", "seq"))])
    first: dict[str, dict[str, Any]] = {}
    for entry in found:
        first.setdefault(entry["kind"], {name: entry[name] for name in entry if name not in ("seq", "ts")})
    shown: dict[str, dict[str, Any]] = json.loads(office.same(json.dumps(first, ensure_ascii=False)))
    return shown


@contextlib.contextmanager
def _twilio() -> Iterator[TwilioSimulator]:
    """The provider on a thread of its own: commands run their own event loops."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    provider = asyncio.run_coroutine_threadsafe(TwilioSimulator().start(), loop).result(10)
    try:
        yield provider
    finally:
        asyncio.run_coroutine_threadsafe(provider.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextlib.contextmanager
def _environment(password: str) -> Iterator[None]:
    before = os.environ.pop("BROADCASTER_PASSWORD", None)
    if password:
        os.environ["BROADCASTER_PASSWORD"] = password
    try:
        yield
    finally:
        os.environ.pop("BROADCASTER_PASSWORD", None)
        if before is not None:
            os.environ["BROADCASTER_PASSWORD"] = before


@contextlib.contextmanager
def _stdin(text: str) -> Iterator[None]:
    import sys

    before, sys.stdin = sys.stdin, io.StringIO(text)
    try:
        yield
    finally:
        sys.stdin = before


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the log lines of a sender."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
