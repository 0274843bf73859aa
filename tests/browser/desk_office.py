"""An office that is really run: workspace, people, contacts, approvals, and `broadcaster run` with the desk beside it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

from argon2 import PasswordHasher

from broadcaster.cli.main import cli
from broadcaster.clock import SystemClock

PASSWORD = "mot cau du dai de nho"
PEOPLE = {"lan": "author,operator", "minh": "approver", "hoa": "operator", "tam": "auditor", "quan": "admin"}
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
CONTACTS = 120
CHANNELS = """
[channels.sms]
adapter = "memory"
forms = ["sms"]
rate = "12/s"
concurrency = 4
price = {{ amount = "350", currency = "VND" }}

[channels.web]
adapter = "feed"
"""
CAMPAIGN = """\
[campaign]
id = "{id}"
title = "{title}"
from = {since}
until = {until}
timezone = "Asia/Ho_Chi_Minh"
quiet_hours = ""
report_due = {due}
languages = ["vi", "en"]
budget = {{ amount = 50_000_000, currency = "VND" }}

[[schedule]]
id = "hang-ngay"
messages = ["hotline-111", "victims-rights"]
when = {{ daily = ["{now}", "19:30"], days = ["mon-sun"] }}
channels = ["sms", "web"]
group = "bien-gioi"
language = "vi"
"""


@dataclass(slots=True)
class Office:
    """A workspace and the commands typed in it."""

    folder: Path
    address: str = ""

    def type(self, *words: str, who: str = "", stdin: str = "") -> Any:
        """One command in this process; its JSON if it is asked for."""
        real = [*words, *(("--as", who) if who else ())]
        if words[0] != "init":
            real += ["--config", str(self.folder / "config.toml")]
        out = io.StringIO()
        quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        with (
            patch("broadcaster.access.store._hasher", lambda: quick),
            patch.dict(os.environ, {"BROADCASTER_PASSWORD": PASSWORD if who else ""}),
            patch("sys.stdin", io.StringIO(stdin)),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            cli.main(args=real, prog_name="broadcaster", standalone_mode=False)
        return json.loads(out.getvalue()) if "--json" in words else out.getvalue()


def make(folder: Path) -> Office:
    """Everything a day at the desk needs, today: something approved, something waiting, somebody to send to."""
    office = Office(folder)
    now = _just_now()
    office.type("init", str(folder))
    config = folder / "config.toml"
    text = config.read_text(encoding="utf-8").replace(
        "[channels.web]                       # feeds", "# [channels.web] # feeds"
    )
    text = text.replace('adapter = "feed"\n', "", 1).replace("second_factor = true", "second_factor = false")
    text = text.replace('quiet_hours = "21:30-08:00"', 'quiet_hours = ""').replace("cap_per_24h = 3", "cap_per_24h = 0")
    text = re.sub(r"(?m)^port = \d+", f"port = {free_port()}", text)
    config.write_text(text + CHANNELS.format(), encoding="utf-8")
    for name, roles in PEOPLE.items():
        office.type("user", "add", name, "--role", roles, "--password-stdin", stdin=PASSWORD + "\n")
    _contacts(office)
    for path in (folder / "schedules").glob("*.toml"):
        path.unlink()
    _campaign(office, "bien-gioi-2027", "Phòng, chống mua bán người ở biên giới", now)
    _campaign(office, "he-2027", "Tuyên truyền hè cho học sinh", now + timedelta(days=3))
    office.type("message", "submit", "--all", who="lan")
    office.type("message", "approve", "--all", who="minh")
    office.type("campaign", "submit", "bien-gioi-2027", who="lan")
    office.type("campaign", "approve", "bien-gioi-2027", who="minh")
    office.type("campaign", "submit", "he-2027", who="hoa")
    _edit(folder / "content" / "victims-rights" / "no-blame.md")
    office.type("message", "submit", "no-blame", who="lan")
    office.type("send", "hotline-111", "--channel", "sms", "--group", "bien-gioi", who="hoa")
    return office


@contextlib.contextmanager
def running(office: Office) -> Iterator[Office]:
    """`broadcaster run` as people start it: sender, and the desk as its child."""
    words = [sys.executable, "-m", "broadcaster.cli.main", "run", "--config", str(office.folder / "config.toml")]
    log = office.folder / "run.log"
    with log.open("wb") as said:
        process = subprocess.Popen(words, stdout=said, stderr=said)
    try:
        for _ in range(900):
            if found := re.search(r"The web desk: (http://127\.0\.0\.1:\d+)/", log.read_text(encoding="utf-8")):
                office.address = found[1]
                break
            if process.poll() is not None:
                raise RuntimeError(log.read_text(encoding="utf-8"))
            time.sleep(0.1)  # noqa: TID251 - a real process takes real time
        else:
            raise RuntimeError(log.read_text(encoding="utf-8"))
        yield office
    finally:
        process.terminate()
        process.wait(20)


def _contacts(office: Office) -> None:
    communes = ("Pù Nhi", "Nhi Sơn", "Mường Lý", "Tam Chung")
    lines = ["name,phone,language,commune,consent_source,consent_date"]
    lines += [
        f"Người {at},09120{at:05d},vi,{communes[at % 4]},phiếu đăng ký,2026-05-15" for at in range(1, CONTACTS + 1)
    ]
    path = office.folder / "people.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    office.type("audience", "import", str(path), "--group", "bien-gioi")


def _just_now() -> datetime:
    """The quarter of an hour that has begun: whatever the time of day, something is due now."""
    now = SystemClock().now().astimezone(ZONE)
    return now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)


def _campaign(office: Office, id_: str, title: str, begin: datetime) -> None:
    since = begin.date()
    text = CAMPAIGN.format(
        id=id_, title=title, since=since, until=since + timedelta(days=40), due=since + timedelta(days=60),
        now=f"{begin:%H:%M}",
    )  # fmt: skip
    (office.folder / "schedules" / f"{id_}.toml").write_text(text, encoding="utf-8")


def _edit(path: Path) -> None:
    """One more sentence, as an author would write it."""
    text = path.read_text(encoding="utf-8")
    head, mark, rest = text.partition("\n## vi\n")
    first, _, others = rest.lstrip("\n").partition("\n")
    path.write_text(f"{head}{mark}\n{first} Xin đừng im lặng.\n{others}", encoding="utf-8")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_until(true: Callable[[], bool], *, seconds: float) -> bool:
    """Whether it became so in time."""
    for _ in range(int(seconds * 10)):
        if true():
            return True
        time.sleep(0.1)  # noqa: TID251 - a real process takes real time
    return False
