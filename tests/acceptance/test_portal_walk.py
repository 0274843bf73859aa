"""A message goes out by e-mail, to a portal's web hook and into the feeds, by the commands an office types."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import feedparser
import pytest
from click.testing import CliRunner
from starlette.applications import Starlette

from broadcaster.app import build_engine
from broadcaster.cli.main import cli
from broadcaster.clock import SystemClock
from broadcaster.config import load
from broadcaster.db.engine import Database
from broadcaster.simulator.faults import Fault
from broadcaster.simulator.provider import Provider
from broadcaster.simulator.smtp import SmtpSimulator
from broadcaster.simulator.webhook import WebhookSimulator
from broadcaster.simulator.websub import WebSubSimulator
from broadcaster.web import hooks
from tests.web.callback_office import served

PASSWORDS = {"lan": "một hai ba bốn năm sáu", "minh": "bảy tám chín mười mười một"}
SECRET = "whsec_" + "Y2FuYXJ5" * 4
CHANNELS = """
[channels.mail]
adapter = "email"
host = "smtp.tinh.example"
from = "Văn phòng <tin@tinh.example>"
security = "none"
bounces = "bounces@tinh.example"
hook_token = {{ env = "TEST_HOOK" }}
api_base = "{email}"
timeout = "2s"

[channels.portal]
adapter = "webhook"
url = "https://portal.example/hook"
secret = {{ env = "TEST_SECRET" }}
allow_private = true
api_base = "{webhook}"
languages = ["vi"]
timeout = "2s"

[channels.tin]
adapter = "feed"
site_url = "https://tin.tinh.example"
hub = "{websub}/hub"
languages = ["vi", "en"]
"""
PEOPLE = """\
name,email,language,consent_source,consent_date
A,a@example.vn,vi,sổ đăng ký,2026-06-01
B,b@example.vn,vi,sổ đăng ký,2026-06-01
C,khong-co@example.vn,vi,sổ đăng ký,2026-06-01
"""
BOUNCE = """\
From: MAILER-DAEMON@mx.example.vn
To: {to}
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="B"

--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.vn

Final-Recipient: rfc822; b@example.vn
Action: failed
Status: 5.1.1

--B--
"""
Others = dict[str, Any]


@pytest.fixture
def others() -> Iterator[Others]:
    """The other sides on a thread of their own: commands run their own event loops."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    made: dict[str, Provider] = {}

    async def begin() -> None:
        for one in (SmtpSimulator(), WebhookSimulator(secrets=(SECRET,), clock_matters=True), WebSubSimulator()):
            made[one.name] = await one.start()

    async def end() -> None:
        for one in made.values():
            await one.stop()

    asyncio.run_coroutine_threadsafe(begin(), loop).result(10)
    yield made
    asyncio.run_coroutine_threadsafe(end(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def type_(*words: str, who: str = "", stdin: str = "") -> str:
    environment = {"BROADCASTER_PASSWORD": PASSWORDS.get(who, "")}
    done = CliRunner().invoke(cli, [*words, *(("--as", who) if who else ())], env=environment, input=stdin)
    assert done.exit_code == 0, (words, done.output, done.exception)
    assert "canary" not in done.output
    return done.stdout


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: Others) -> Path:
    monkeypatch.setenv("TEST_HOOK", "hook-canary")
    monkeypatch.setenv("TEST_SECRET", SECRET)
    monkeypatch.setattr(sys, "argv", ["broadcaster"])
    folder = tmp_path / "office"
    type_("init", str(folder))
    monkeypatch.chdir(folder)
    for name, roles in (("lan", "author,operator"), ("minh", "approver")):
        type_("user", "add", name, "--role", roles, "--password-stdin", stdin=PASSWORDS[name] + "\n")
    path = folder / "config.toml"
    text = path.read_text(encoding="utf-8").replace('quiet_hours = "21:30-08:00"', 'quiet_hours = ""')
    text = text.replace('public_url = ""', 'public_url = "https://tin.tinh.example"')
    text = text.replace('retry_first = "30s"', 'retry_first = "1s"')
    urls = {name: provider.url for name, provider in others.items()}
    path.write_text(text + CHANNELS.format(**urls), encoding="utf-8")
    (folder / "people.csv").write_text(PEOPLE, encoding="utf-8")
    type_("audience", "import", "people.csv", "--group", "thu")
    type_("message", "submit", "hotline-111", who="lan")
    type_("message", "approve", "hotline-111", who="minh")
    return folder


def broadcast(*more: str) -> str:
    number: str = json.loads(type_("send", "hotline-111", "--json", *more, who="lan"))["broadcast"]
    type_("broadcast", "approve", number, who="minh")
    type_("run", "--until-idle", "--no-web")
    return number


def states(number: str) -> dict[str, int]:
    found = json.loads(type_("broadcast", "show", number, "--json"))["states"]
    return {state: count for state, count in found.items() if count}


def test_letters_go_out_with_a_way_out_and_one_that_comes_back_is_believed(office: Path, others: Others) -> None:
    number = broadcast("--channel", "mail", "--group", "thu", "--language", "vi")
    first = states(number)
    letters = {entry.to: entry for entry in others["email"].book.accepted()}

    status = asyncio.run(hand_over(office, BOUNCE.format(to=letters["b@example.vn"].path)))

    assert first == {"accepted": 2, "failed": 1}
    assert status == [200, 403]  # with the path's secret end, and without
    assert states(number) == {"accepted": 1, "undelivered": 1, "failed": 1}
    assert "https://tin.tinh.example/o/" in letters["a@example.vn"].body
    assert json.loads(type_("ledger", "verify", "--json"))["ok"]
    again = broadcast("--channel", "mail", "--group", "thu", "--language", "vi")
    assert states(again)["accepted"] == 1  # who is gone is written to no more
    assert others["email"].book.entries[-1].to == "a@example.vn"


async def hand_over(office: Path, bounce: str) -> list[int]:
    """As the mail server does; then the running program applies it."""
    config = load(office / "config.toml")
    database = Database(config.database.url.replace("sqlite:///", f"sqlite:///{office}/"))
    app = Starlette(routes=list(hooks.routes))
    app.state.hooks = hooks.Hooks(config, database, SystemClock())
    found = []
    async with served(app) as url, aiohttp.ClientSession() as http:
        for end in ("hook-canary", "wrong"):
            async with http.post(f"{url}/hooks/email/mail/{end}", data=bounce.encode()) as answer:
                found.append(answer.status)
    app.state.hooks.close()
    engine = build_engine(config, database, SystemClock())
    await engine.hear()
    await engine.close()
    database.close()
    return found


def test_a_portal_that_lost_an_answer_has_the_message_once(office: Path, others: Others) -> None:
    others["webhook"].play(Fault(do="cut-after", times=1))

    number = broadcast("--channel", "portal")

    assert len(others["webhook"].book.accepted()) == 1
    assert [entry.decision for entry in others["webhook"].book.entries] == ["cut-after", "repeated"]
    assert states(number) == {"accepted": 1}


def test_the_feeds_are_published_and_the_hub_hears_of_them(office: Path, others: Others) -> None:
    number = broadcast("--channel", "tin")

    parsed = feedparser.parse((office / "public" / "tin" / "atom.vi.xml").read_bytes())
    assert states(number) == {"accepted": 2}
    assert [entry.title for entry in parsed.entries] == ["Gọi 111 khi thấy dấu hiệu mua bán người"]
    told = {entry.to for entry in others["websub"].book.accepted()}
    assert {"https://tin.tinh.example/feed.xml", "https://tin.tinh.example/atom.en.xml"} <= told
