"""How long the desk's pages take with a million dispatches in the database, while a broadcast is going.

    python -m benchmarks.pages [--dispatches N] [--times N] [--folder DIR]

A real `broadcaster run`: sender and desk are processes of their own, the broadcast goes to `sink.py` on loopback. Each page is
asked for one after the other over one kept connection; what is measured is from the request to the last byte, and the desk's
CPU time beside it, because the machine may have other work. The goal is 150 ms at the 95th percentile for every page.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from sqlalchemy import text
from urllib3.util import Retry

from broadcaster.clock import SystemClock
from broadcaster.config import load
from broadcaster.db.engine import Database
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import transaction
from tests.browser import desk_office
from tests.browser.desk_pages import HALF, PAGES, cookie_of, fill_up

GOAL = 150.0  # milliseconds
CONTACTS = 8000  # of the group: two broadcasts a day for two months are a million
ENTRIES = 50_000  # of the ledger in one transaction
MORE = {
    "dispatches, filtered": ("hoa", "/dispatches?channel=sms&state=done"),
    "dispatches of one broadcast": ("hoa", "/dispatches/b-00000050"),
    "those that failed": ("hoa", "/dispatches/b-00000050?state=failed"),
    "one dispatch": ("hoa", "/dispatches/d-0000500000"),
    "ledger, newest": ("tam", "/ledger"),
    "ledger, one broadcast": ("tam", "/ledger?broadcast=b-00000050"),
    "ledger, one kind": ("tam", "/ledger?kind=attempt.intent"),
    "calendar, week": ("hoa", "/calendar?week=now"),
}
CHANNELS = """
[channels.sms]
adapter = "twilio"
account_sid = "AC{{sid}}"
auth_token = {{{{ env = "PAGES_TOKEN" }}}}
from = "OFFICE"
api_base = "{{api}}"
rate = "40/s"
concurrency = 8
price = {{{{ amount = "350", currency = "VND" }}}}

[channels.web]
adapter = "feed"
"""


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--dispatches", type=int, default=1_000_000)
    asked.add_argument("--times", type=int, default=20)
    asked.add_argument("--folder", type=Path, default=None)
    given = asked.parse_args()
    os.environ["PAGES_TOKEN"] = "b" * 32
    sink = subprocess.Popen([sys.executable, "-m", "benchmarks.sink"], stdout=subprocess.PIPE, text=True)
    try:
        assert sink.stdout is not None
        api = f"http://127.0.0.1:{sink.stdout.readline().strip()}"
        with tempfile.TemporaryDirectory() as place:
            office, parts = make((given.folder or Path(place)) / "office", api, given.dispatches)
            with desk_office.running(office):
                time.sleep(5)  # the broadcast has begun
                return report(measure(office, parts, given.times), office)
    finally:
        sink.terminate()


def make(folder: Path, api: str, dispatches: int) -> tuple[desk_office.Office, dict[str, str]]:
    """The office of the browser tests with a group of 8,000, one broadcast that is due, and two months behind it."""
    if (folder / "broadcaster.db").exists():
        raise SystemExit(f"{folder} is there already; name another folder.")
    desk_office.CHANNELS = CHANNELS.format().format(api=api, sid="a" * 32).replace("{", "{{").replace("}", "}}")
    desk_office.CONTACTS = CONTACTS
    office = desk_office.make(folder)
    parts = fill_up(office) | {"public": "index.html"}
    config = load(folder / "config.toml")
    database = Database(config.database.url, folder=config.folder)
    begun = time.monotonic()
    _history(database, -(-dispatches // CONTACTS))
    _ledger(database, dispatches)
    with database.writing() as connection:
        connection.exec_driver_sql("ANALYZE")
    database.close()
    sys.stderr.write(f"the office: {time.monotonic() - begun:.0f} s\n")
    return office, parts


def _history(database: Database, broadcasts: int) -> None:
    """Finished broadcasts, two a day, each to everybody: one statement for each table."""
    with database.writing() as connection:
        revision = connection.scalar(text("SELECT hash FROM revision WHERE message_id = 'hotline-111' LIMIT 1"))
        group = connection.scalar(text("SELECT id FROM audience_group WHERE name = 'bien-gioi'"))
        first = (connection.scalar(text("SELECT coalesce(max(id), 0) FROM broadcast")) or 0) + 1
        now = SystemClock().now()
        made: list[dict[str, Any]] = []
        for at in range(broadcasts):
            due = now - timedelta(hours=12 * (broadcasts - at))
            made.append(
                {
                    "id": first + at, "due": due, "local": due.astimezone(desk_office.ZONE).strftime("%Y-%m-%dT%H:%M"),
                    "ends": due + timedelta(hours=6), "end": due + timedelta(minutes=5),
                }
            )  # fmt: skip
        from broadcaster.db import tables

        rows = [
            {
                "id": one["id"], "campaign_id": "bien-gioi-2027", "schedule_id": "hang-ngay", "local": one["local"],
                "message_id": "hotline-111", "state": "done", "paused_from": "", "authority": "past",
                "authority_kind": "plan", "revision_hash": revision, "due_at": one["due"], "expires_at": one["ends"],
                "if_missed": "latest", "timezone": "Asia/Ho_Chi_Minh", "quiet_hours": "", "blackout": "",
                "cap_per_24h": 0, "require_consent": True, "channels": '[["sms"]]', "group_id": group, "language": "vi",
                "languages": "vi,en", "priority": 0, "expansion": "done", "planned": CONTACTS, "held": "",
                "created_by": "scheduler", "created_at": one["due"], "started_at": one["due"], "ended_at": one["end"],
            }
            for one in made
        ]  # fmt: skip
        connection.execute(tables.table(tables.Broadcast).insert(), rows)
        triggers = connection.execute(
            text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'dispatch'")
        ).all()  # no dispatch is born delivered; here the past is made up
        for one in triggers:
            connection.execute(text(f"DROP TRIGGER {one.name}"))
        span = {"first": first, "last": first + broadcasts - 1}
        connection.execute(
            text(
                "INSERT INTO dispatch (broadcast_id, channel, address_id, edition, language, state, attempts, uncounted, "
                "sent_at, provider_id, reason) SELECT b.id, 'sms', a.id, '', 'vi', "
                "CASE a.id % 50 WHEN 0 THEN 'failed' WHEN 1 THEN 'undelivered' ELSE 'delivered' END, 1, 0, b.due_at, "
                "'SM' || b.id || '-' || a.id, CASE a.id % 50 WHEN 0 THEN 'refused' END "
                "FROM broadcast b CROSS JOIN address a WHERE b.id BETWEEN :first AND :last AND a.kind = 'phone'"
            ),
            span,
        )
        connection.execute(
            text(
                "INSERT INTO attempt (dispatch_id, n, epoch, intent_at, result_at, outcome, provider_id, parts) "
                "SELECT d.id, 1, 1, d.sent_at, d.sent_at, CASE d.state WHEN 'failed' THEN 'refused' ELSE 'accepted' END, "
                "d.provider_id, 1 FROM dispatch d WHERE d.broadcast_id BETWEEN :first AND :last"
            ),
            span,
        )
        connection.execute(
            text(
                "INSERT INTO tally (broadcast_id, channel, state, n) SELECT broadcast_id, channel, state, count(*) "
                "FROM dispatch WHERE broadcast_id BETWEEN :first AND :last GROUP BY broadcast_id, channel, state"
            ),
            span,
        )
        for one in triggers:
            connection.exec_driver_sql(one.sql)


def _ledger(database: Database, entries: int) -> None:
    clock = SystemClock()
    for at in range(0, entries, ENTRIES):
        with transaction(database, clock) as tx:
            for n in range(at, min(at + ENTRIES, entries)):
                tx.record(Kind.ATTEMPT_INTENT, "worker", b=2 + n // CONTACTS, d=n + 1, n=1, parts=1)


def measure(office: desk_office.Office, parts: dict[str, str], times: int) -> list[dict[str, Any]]:
    """Each page `times` times, after one that is not counted."""
    desk = _desk(office)
    keepers = {who: _session(office, who) for who, _ in [*PAGES.values(), *MORE.values()]}
    found = []
    for name, (who, path) in {**PAGES, **MORE}.items():
        sys.stderr.write(f"{path}\n")
        where = office.address + path.format(**parts, language="vi")
        answer = keepers[who].get(where)
        before, took = _cpu(desk), []
        for _ in range(times):
            begun = time.perf_counter()
            keepers[who].get(where)
            took.append((time.perf_counter() - begun) * 1000)
        found.append(
            {
                "name": name, "status": answer.status_code, "median": statistics.median(took),
                "p95": sorted(took)[max(0, -(-len(took) * 95 // 100) - 1)], "cpu": (_cpu(desk) - before) * 1000 / times,
                "kb": len(answer.content) / 1024,
            }
        )  # fmt: skip
    return found


def report(found: list[dict[str, Any]], office: desk_office.Office) -> int:
    print("| page | answers | median ms | p95 ms | CPU ms | kB |\n|---|---|---|---|---|---|")
    for one in sorted(found, key=lambda one: -one["p95"]):
        print(
            f"| {one['name']} | {one['status']} | {one['median']:.0f} | {one['p95']:.0f} | {one['cpu']:.0f} | {one['kb']:.0f} |"
        )
    slow = [one["name"] for one in found if one["p95"] > GOAL]
    states = office.type("broadcast", "list", "--json")
    going = [one["id"] for one in states if one["state"] == "running"]
    print(f"\nOver {GOAL:.0f} ms: {', '.join(slow) or 'none'}. Going at the end: {', '.join(going) or 'nothing'}.")
    return 1 if slow else 0


def _session(office: desk_office.Office, who: str) -> requests.Session:
    made = requests.Session()
    made.trust_env = False
    made.mount("http://", HTTPAdapter(max_retries=Retry(read=2, backoff_factor=0)))  # a kept connection that was closed
    if who:
        cookie = cookie_of(office, HALF if who == HALF else who)
        made.cookies.set(cookie["name"], cookie["value"])
    return made


def _desk(office: desk_office.Office) -> int:
    """The process that serves the pages."""
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"web" in words and str(office.folder / "config.toml").encode() in words:
            return int(place.parent.name)
    raise SystemExit("the desk's process is not there")


def _cpu(process: int) -> float:
    """Seconds of user and system time."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
