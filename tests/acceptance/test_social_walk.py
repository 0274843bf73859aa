"""A message goes to an official account's followers and onto a page, by the commands an office types."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from broadcaster.cli.main import cli
from broadcaster.simulator.facebook import FacebookSimulator
from broadcaster.simulator.faults import Fault
from broadcaster.simulator.provider import Provider
from broadcaster.simulator.zalo import ZaloSimulator

OA = "2893352839501541173"
PASSWORDS = {"lan": "một hai ba bốn năm sáu", "minh": "bảy tám chín mười mười một"}
CHANNELS = """
[channels.zalo]
adapter = "zalo-oa"
app_id = "2074138120372622546"
app_secret = {{ env = "TEST_ZALO" }}
oa_id = "{oa}"
refresh_token = {{ env = "TEST_REFRESH" }}
cover_url = "https://tinh.example/bia.jpg"
monthly_quota = 4
review_poll = "1s"
hours = ""
api_base = "{zalo}"

[channels.fanpage]
adapter = "facebook-page"
page_id = "104101101"
token = {{ env = "TEST_PAGE" }}
api_base = "{facebook}"
languages = ["vi"]
timeout = "2s"
"""


@pytest.fixture
def others() -> Iterator[tuple[ZaloSimulator, FacebookSimulator]]:
    """The providers on a thread of their own: commands run their own event loops."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def begin() -> tuple[ZaloSimulator, FacebookSimulator]:
        return await ZaloSimulator(review=timedelta(seconds=1)).start(), await FacebookSimulator().start()

    async def end(started: tuple[Provider, ...]) -> None:
        for one in started:
            await one.stop()

    made = asyncio.run_coroutine_threadsafe(begin(), loop).result(10)
    yield made
    asyncio.run_coroutine_threadsafe(end(made), loop).result(10)
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
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: tuple[ZaloSimulator, FacebookSimulator]) -> Path:
    monkeypatch.setenv("TEST_ZALO", "zalo-secret-canary")
    monkeypatch.setenv("TEST_REFRESH", "zalo-refresh-canary")
    monkeypatch.setenv("TEST_PAGE", "page-token-canary")
    monkeypatch.setattr(sys, "argv", ["broadcaster"])
    folder = tmp_path / "office"
    type_("init", str(folder))
    monkeypatch.chdir(folder)
    for name, roles in (("lan", "author,operator"), ("minh", "approver")):
        type_("user", "add", name, "--role", roles, "--password-stdin", stdin=PASSWORDS[name] + "\n")
    path, (zalo, facebook) = folder / "config.toml", others
    text = path.read_text(encoding="utf-8").replace('quiet_hours = "21:30-08:00"', 'quiet_hours = ""')
    path.write_text(text + CHANNELS.format(oa=OA, zalo=zalo.url, facebook=facebook.url), encoding="utf-8")
    (folder / "people.csv").write_text(f"name,zalo\nNgười theo dõi OA,{OA}\n", encoding="utf-8")
    type_("audience", "import", "people.csv", "--group", "oa")
    type_("message", "submit", "hotline-111", who="lan")
    type_("message", "approve", "hotline-111", who="minh")
    return folder


def broadcast(channel: str, *more: str) -> dict[str, object]:
    words = ("send", "hotline-111", "--channel", channel, "--language", "vi", "--json", *more)
    number = json.loads(type_(*words, who="lan"))["broadcast"]
    type_("broadcast", "approve", number, who="minh")
    type_("run", "--until-idle", "--no-web")
    found: dict[str, object] = json.loads(type_("broadcast", "show", number, "--json"))
    return found


def test_an_article_is_made_looked_through_and_broadcast_once(
    office: Path, others: tuple[ZaloSimulator, FacebookSimulator]
) -> None:
    shown = broadcast("zalo", "--group", "oa")

    zalo = others[0]
    assert (shown["state"], shown["planned"], shown["states"]["accepted"]) == ("done", 1, 1)  # type: ignore[index]
    assert len(zalo.articles) == 1
    assert [entry.path for entry in zalo.book.accepted()] == ["/v2.0/oa/message"]
    assert [row["state"] for row in json.loads(type_("lane", "reviews", "--json"))] == ["approved"]
    assert json.loads(type_("ledger", "verify", "--json"))["ok"]


def test_a_post_whose_answer_was_lost_is_found_on_the_page(
    office: Path, others: tuple[ZaloSimulator, FacebookSimulator]
) -> None:
    facebook = others[1]
    facebook.play(Fault(do="cut-after", times=1))

    shown = broadcast("fanpage")

    assert (shown["state"], shown["states"]["accepted"]) == ("done", 1)  # type: ignore[index]
    assert len(facebook.posts) == 1
