"""`broadcaster demo`: the whole campaign, on a moved clock, through the real adapters, against provider simulators.

Nothing here knows a shortcut: people and messages enter by the command line, sends leave by the engine that `run` uses,
and at the end the simulators' own books are compared with the ledger.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from broadcaster.cli.demo_stage import (
    BOOKS,
    CHANNELS,
    COMMUNES,
    FAULTS,
    GATEWAYS,
    PORTAL_SECRET,
    SCHEDULES,
    SEED,
    ZALO_SECRET,
)
from broadcaster.clock import SteppedClock
from broadcaster.errors import BroadcasterError, Conflict

if TYPE_CHECKING:
    from broadcaster.app import Engine

CAMPAIGN = "chong-mua-ban-nguoi-2027"
BEGINS = datetime.fromisoformat("2027-06-28T08:00:00+07:00")
ENDS = datetime.fromisoformat("2027-09-02T00:00:00+07:00")
PEOPLE, COMMUNICATORS, SUBSCRIBERS, UNWILLING = 300, 40, 20, 3
PEOPLE_AT_DESKS = {  # name -> roles, password; for this workspace on loopback only
    "lan": ("author,operator", "ba muoi thang bay - lan"),
    "minh": ("approver", "ba muoi thang bay - minh"),
    "tam": ("auditor", "ba muoi thang bay - tam"),
    "quan": ("admin", "ba muoi thang bay - quan"),
}
MARK = ".broadcaster-demo"
LOOK_EVERY = timedelta(days=1)  # of the moved clock, when nothing is due
DOUBT_EVERY = timedelta(minutes=11)  # the reconciler looks twice, ten minutes apart


@click.command()
@click.option("--dir", "folder", type=click.Path(path_type=Path, file_okay=False), default=Path("demo-office"),
              show_default=True, help="Where the demo's workspace is made; run again it starts afresh.")  # fmt: skip
@click.option("--serve", "serves", is_flag=True, help="Then open the web desk on it, until Ctrl-C.")
def demo(folder: Path, serves: bool) -> int:
    """The whole campaign of the letter, in under a minute, with nothing outside this machine.

    Exit 0 only if every sum closes, the ledger verifies and the simulators' books agree with it.
    """
    began = time.monotonic()
    folder = folder.resolve()
    _afresh(folder)
    with _simulators(folder) as addresses:
        clock = TellingClock(BEGINS, addresses["twilio"])
        _furnish(folder, addresses)
        _say("approving the library and the plan, importing 300 contacts")
        _staff(folder, clock)
        _say("1 July to 31 August 2027, day by day")
        asyncio.run(_campaign(folder, clock))
        faults = _conclude(folder, clock)
        _say(f"{time.monotonic() - began:.0f} s")
        for fault in faults:
            click.echo(f"FAULT: {fault}")
        if serves:
            from broadcaster.cli.demo_desk import serve

            serve(folder, since=clock.now(), people=PEOPLE_AT_DESKS)
    return 1 if faults else 0


class TellingClock(SteppedClock):
    """A moved clock that tells the simulators, so that their books carry the campaign's time."""

    def __init__(self, start: datetime, simulators: str) -> None:
        import requests

        super().__init__(start)
        self._simulators = simulators
        self._line = requests.Session()
        self._line.trust_env = False
        self._tell()

    def move_to(self, moment: datetime) -> None:
        ahead = moment > self.now()
        self._now = moment if ahead else self._now
        self._tell()
        super().move_to(moment)

    def _tell(self) -> None:
        body = {"now": self.now().isoformat()}
        self._line.post(f"{self._simulators}/simulator/time", json=body, timeout=5).raise_for_status()


# -- the stage --------------------------------------------------------------------------------------------------------


def _afresh(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise Conflict(f"{folder} is no demo workspace; name another folder with --dir.")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARK).touch()


@contextlib.contextmanager
def _simulators(folder: Path) -> Iterator[dict[str, Any]]:
    """Every provider, in a process of its own; ended at the end."""
    (folder / "faults.toml").write_text(FAULTS, encoding="ascii")
    books = folder / "simulators-books"
    books.mkdir()
    command = [sys.executable, "-m", "broadcaster.cli.main", "simulator", "--all"]
    command += ["--book", str(books), "--faults", str(folder / "faults.toml")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise BroadcasterError("The provider simulators did not start; `broadcaster simulator` says why.")
        try:
            yield json.loads(line)
        finally:
            process.terminate()
            process.wait(timeout=10)


def _furnish(folder: Path, addresses: dict[str, Any]) -> None:
    """A workspace as `init` makes it, with every channel there is, and a schedule for each."""
    from broadcaster.app import make_workspace
    from broadcaster.config import CHANNEL_EXAMPLES, example

    smtp = urlsplit(addresses["email"])
    channels = CHANNELS.format(**addresses, smtp_host=smtp.hostname, smtp_port=smtp.port, reader=_reader())
    text = example().replace(CHANNEL_EXAMPLES, channels).replace("second_factor = true", "second_factor = false")
    make_workspace(folder, example_config=text)
    schedule = folder / "schedules" / f"{CAMPAIGN}.toml"
    schedule.write_text(schedule.read_text(encoding="utf-8") + SCHEDULES, encoding="utf-8")
    secrets = {
        "demo.token": "demo-token",
        "telegram.token": "30072027:demo-token",
        "portal.secret": PORTAL_SECRET,
        "zalo.secret": ZALO_SECRET,
    }
    for name, value in secrets.items():
        path = folder / "secrets" / name
        path.touch(mode=0o600)
        path.write_text(f"{value}\n", encoding="ascii")
    chance = random.Random(SEED)
    _write_people(folder / "people.csv", chance)


def _code(commune: str) -> str:
    """As the audience makes a commune's code out of its name."""
    from broadcaster.audience.contact import fold

    return fold(commune).replace(" ", "-")


def _reader() -> str:
    """Who reads the bulletins of messages without a recording: the machine where it can speak Vietnamese, else the announcer."""
    from broadcaster.channel.voice import NoVoice, VoiceFailed, synthesise

    try:
        synthesise("Xin chào.", name="vi", pace=140, timeout=10)
    except (NoVoice, VoiceFailed):
        return "announcer"
    return "machine"


def _write_people(path: Path, chance: random.Random) -> None:
    """300 invented people; the numbers lead nowhere but to the simulator."""
    families, given = (
        ("Giàng", "Lò", "Vàng", "Hà", "Lương", "Quàng", "Thào"),
        ("A", "Mai", "Pó", "Hoa", "Sua", "Dua", "Nhi"),
    )
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["name", "phone", "email", "telegram", "language", "commune", "consent_source", "consent_date"])
        for at in range(PEOPLE):
            name = f"{chance.choice(families)} {chance.choice(given)} {at + 1}"
            channel = f"@doi_tuyen_truyen_{at + 1}" if at < COMMUNICATORS and at % 8 == 0 else ""
            rows.writerow(
                [
                    name,
                    f"09{at + 10_000_000:08d}",
                    f"tuyen-truyen-{at + 1}@minhhoa.example.gov.vn" if at < COMMUNICATORS else "",
                    channel,
                    "vi",
                    COMMUNES[at % 5],
                    "phiếu đăng ký tại xã",
                    "15/05/2027",
                ]
            )


def _staff(folder: Path, clock: SteppedClock) -> None:
    """What an office does before a campaign, by the same commands its staff would type."""
    _type(folder, clock, ["init", str(folder)])
    for name, (roles, password) in PEOPLE_AT_DESKS.items():
        _type(folder, clock, ["user", "add", name, "--role", roles, "--password-stdin"], stdin=password)
    _type(folder, clock, ["check"])
    everybody = folder / "people.csv"
    some = folder / "communicators.csv"
    some.write_text(
        "".join(everybody.read_text(encoding="utf-8").splitlines(keepends=True)[: COMMUNICATORS + 1]), encoding="utf-8"
    )
    _type(folder, clock, ["audience", "import", str(everybody), "--group", "border-communes"])
    _type(folder, clock, ["audience", "import", str(some), "--group", "communicators"])
    lines = everybody.read_text(encoding="utf-8").splitlines(keepends=True)
    for at, gateway in enumerate(GATEWAYS, 1):
        few = folder / f"{gateway}.csv"
        few.write_text(lines[0] + "".join(lines[-SUBSCRIBERS * at :][:SUBSCRIBERS]), encoding="utf-8")
        _type(folder, clock, ["audience", "import", str(few), "--group", gateway])
    consent = "công văn đồng ý,15/05/2027"
    names = "".join(f"{_code(one)},Đài truyền thanh {one},\n" for one in COMMUNES)
    (folder / "loa.csv").write_text(f"commune,name,email\n{names}", encoding="utf-8")
    stations = folder / "stations.csv"
    head = "name,loudspeaker,commune,consent_source,consent_date\n"
    stations.write_text(
        head + "".join(f"Đài truyền thanh {one},{one},{one},{consent}\n" for one in COMMUNES), encoding="utf-8"
    )
    _type(folder, clock, ["audience", "import", str(stations), "--group", "stations"])
    account = folder / "zalo.csv"
    account.write_text(
        f"name,zalo,consent_source,consent_date\nTài khoản Zalo,2893352839501541173,{consent}\n", encoding="utf-8"
    )
    _type(folder, clock, ["audience", "import", str(account), "--group", "zalo-followers"])
    for at in range(UNWILLING):
        _type(folder, clock, ["audience", "opt-out", f"09{at + 10_000_100:08d}"])
    _type(folder, clock, ["message", "submit", "--all"], who="lan")
    _type(folder, clock, ["message", "approve", "--all"], who="minh")
    _type(folder, clock, ["campaign", "submit", CAMPAIGN], who="lan")
    _type(folder, clock, ["campaign", "approve", CAMPAIGN], who="minh")


def _type(folder: Path, clock: SteppedClock, words: list[str], *, who: str = "", stdin: str = "") -> str:
    """One command of the real command line; what it prints is returned, what it refuses ends the demo."""
    from broadcaster.cli.main import cli

    words = list(words)
    if words[0] != "init":
        words += ["--config", str(folder / "config.toml")]
    if who:
        words += ["--as", who]
        os.environ["BROADCASTER_PASSWORD"] = PEOPLE_AT_DESKS[who][1]
    said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
    before = sys.stdin
    sys.stdin = io.StringIO(stdin)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
            code = cli.main(args=words, prog_name="broadcaster", standalone_mode=False, obj=clock)
    finally:
        sys.stdin = before
        os.environ.pop("BROADCASTER_PASSWORD", None)
    if code not in (None, 0):
        raise BroadcasterError(f"`broadcaster {' '.join(words)}` found a fault:\n{_read(said)}")
    return _read(said)


def _read(said: io.TextIOWrapper) -> str:
    said.seek(0)
    return said.read()


# -- the campaign -----------------------------------------------------------------------------------------------------


async def _campaign(folder: Path, clock: TellingClock) -> None:
    """Send every day's broadcasts; the clock jumps ahead whenever nothing is in hand."""
    from broadcaster.app import build_engine
    from broadcaster.config import load
    from broadcaster.db.engine import Database

    config = load(folder / "config.toml")
    database = Database(config.database.url, folder=config.folder, sender=True)
    engine = build_engine(config, database, clock, chance=random.Random(SEED).random, poll=LOOK_EVERY)
    engine.worker.start()
    ticks = asyncio.create_task(_ticks(engine, clock))
    try:
        days = (ENDS - BEGINS).days
        with click.progressbar(length=days, label="days", file=sys.stderr) as bar:
            for day in range(1, days + 1):
                await clock.run(idle=lambda: engine.idle, until=BEGINS + timedelta(days=day))
                if ticks.done():
                    ticks.result()
                bar.update(1)
    finally:
        ticks.cancel()
        await engine.close()
        database.close()


async def _ticks(engine: Engine, clock: TellingClock) -> None:
    """What the metronome does in `run`, on the moved clock."""
    plan_at = clock.now()
    while True:
        if clock.now() >= plan_at:
            plan_at = clock.now() + LOOK_EVERY
            await engine.plan()
        if engine.in_doubt():
            await engine.reconcile()
        await engine.tick()
        upcoming = [plan_at, engine.planner.next_due(), clock.now() + DOUBT_EVERY if engine.open() else None]
        await clock.sleep_until(min(moment for moment in upcoming if moment and moment > clock.now()))


# -- the reckoning ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """The simulators' books beside the ledger."""

    taken: int
    faults: list[str]


def _conclude(folder: Path, clock: TellingClock) -> list[str]:
    """Verify, compare, report; print the summary; return what is wrong."""
    report = json.loads(_type(folder, clock, ["report", CAMPAIGN, "--format", "json"]))
    (folder / "report.json").write_text(json.dumps(report, ensure_ascii=False, indent=1), encoding="utf-8")
    for form in ("docx", "pdf", "xlsx"):
        _type(folder, clock, ["report", CAMPAIGN, "--format", form, "--output", str(folder / f"report.{form}")])
    for kind, message, file in (("poster", "hotline-111", "poster.pdf"), ("board", "victims-rights", "board.png")):
        _type(folder, clock, ["print", kind, message, "--output", str(folder / file)], who="lan")
    (folder / "report.csv").write_text(_type(folder, clock, ["report", CAMPAIGN, "--format", "csv"]), encoding="utf-8")
    plan = folder / "plan.ics"
    _type(folder, clock, ["plan", CAMPAIGN, "--ics", str(plan)])
    _type(folder, clock, ["ledger", "export", "--bundle", str(folder / "ledger-export")])
    verified = json.loads(_type(folder, clock, ["ledger", "verify", "--json"]))
    alone = subprocess.run(
        [sys.executable, "-I", str(folder / "ledger-export" / "verify.py"), str(folder / "ledger-export")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    matched = compare(folder / "simulators-books", folder / "ledger-export" / "entries.jsonl")
    return _summary(folder, report, verified, alone.returncode == 0, matched)


def compare(books: Path, entries: Path) -> Matched:
    """Every message a simulator took is one the ledger says was accepted, and the other way round; nobody twice."""
    ledger: dict[str, set[str]] = {}
    channel_of: dict[int, str] = {}
    for line in entries.open("rb"):
        entry = json.loads(line)
        if entry["kind"] == "attempt.intent":
            channel_of[entry["d"]] = entry["ch"]
        elif (
            entry["kind"] in ("attempt.result", "attempt.reconcile")
            and entry.get("id")
            and entry["state"] == "accepted"
        ):
            ledger.setdefault(channel_of[entry["d"]], set()).add(entry["id"])
    faults: list[str] = []
    taken = 0
    for channel, name in BOOKS.items():
        book = [json.loads(line) for line in (books / f"{name}.jsonl").open("rb")]
        accepted = [one for one in book if one["accepted"]]
        taken += len(accepted)
        said = ledger.get(channel, set())
        ids = {_known_as(one, said) for one in accepted}
        faults += [f"{name} took {one}, and the ledger does not say so" for one in sorted(ids - said)]
        faults += [f"the ledger says {name} took {one}, and its book does not" for one in sorted(said - ids)]
        numbers = Counter((one["to"], str(one["id"])) for one in accepted)
        faults += [f"{name} took {one} {n} times" for (_, one), n in numbers.items() if n > 1]
        same = Counter((one["to"], one["body_sha256"], one["at"][:10]) for one in accepted)
        faults += [
            f"{name} took {n} times the same text for one address on {day}" for (_, _, day), n in same.items() if n > 1
        ]
    return Matched(taken=taken, faults=faults)


def _known_as(one: dict[str, Any], said: set[str]) -> str:
    """What the ledger calls a message of a provider's book: the provider's id, or our request, when only that is known."""
    request = f"request:{one.get('reference', '')}"
    return request if request in said else str(one["id"])


def _summary(
    folder: Path, report: dict[str, Any], verified: dict[str, Any], alone: bool, matched: Matched
) -> list[str]:
    from broadcaster.content.written import number_of
    from broadcaster.dispatch.dispatch import FINAL

    final = {state: n for state, n in report["states"].items() if n and state in FINAL}
    faults = list(matched.faults)
    closes = report["planned"] == sum(final.values()) and report["open"] == 0
    if not closes:
        faults.append(
            f"planned {report['planned']} is not the sum of final states {sum(final.values())}; open {report['open']}"
        )
    if not verified["ok"] or not alone:
        faults += verified.get("faults") or ["the stand-alone verifier refuses the export"]
    click.echo()
    if closes:
        parts = " + ".join(f"{number_of(n)} {state}" for state, n in final.items())
        click.echo(f"planned = sum of final states: {number_of(report['planned'])} = {parts}")
    if verified["ok"] and alone:
        click.echo(f"ledger: verified, {number_of(verified['entries'])} entries, root {verified['root'][:16]}")
    if not matched.faults:
        click.echo(f"simulators' book = ledger: {number_of(matched.taken)} messages taken, each once")
    click.echo(f"cost: {report['cost']['amount']} {report['cost']['currency']}")
    click.echo()
    for what, path in (
        ("workspace", folder),
        ("web pages and feeds", folder / "public" / "web" / "index.html"),
        ("bulletins of the loudspeakers", folder / "bulletins"),
        ("official report", folder / "report.docx"),
        ("its annex", folder / "report.xlsx"),
        ("poster", folder / "poster.pdf"),
        ("calendar", folder / "plan.ics"),
        ("audit bundle, with verify.py", folder / "ledger-export"),
        ("signed checkpoints", folder / "checkpoints"),
    ):
        click.echo(f"{what:<30} {path}")
    click.echo(
        f"\nLook around: cd {folder} && broadcaster broadcast list   (users lan and minh; passwords in the README)"
    )
    return faults


def _say(text: str) -> None:
    click.echo(f"demo: {text}", err=True)
