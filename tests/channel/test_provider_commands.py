"""What people see of a provider's reviews, quotas and tokens: `lane reviews` and `doctor`."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from broadcaster.channel import provider_item
from broadcaster.channel.vault import Vault
from broadcaster.cli.main import cli
from broadcaster.clock import SystemClock
from broadcaster.config import load
from broadcaster.db.engine import Database

CHANNEL = """
[channels.zalo]
adapter = "zalo-oa"
app_id = "1"
app_secret = { env = "TEST_ZALO" }
oa_id = "2893352839501541173"
refresh_token = { env = "TEST_ZALO" }
cover_url = "https://tinh.example/bia.jpg"
monthly_quota = 4
"""


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "office"
    assert CliRunner().invoke(cli, ["init", str(folder)]).exit_code == 0
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TEST_ZALO", "a-secret-canary")
    path = folder / "config.toml"
    path.write_text(path.read_text(encoding="utf-8") + CHANNEL, encoding="utf-8")
    return folder


def vault_of(folder: Path) -> tuple[Vault, Database]:
    config = load(folder / "config.toml")
    database = Database(config.database.url, folder=folder)
    return Vault(database, SystemClock(), b"key"), database


def run(*words: str) -> Any:
    done = CliRunner().invoke(cli, [*words, "--json"])
    assert "canary" not in done.output
    return json.loads(done.stdout)


def test_check_tells_an_author_what_an_article_cannot_carry(office: Path) -> None:
    path = next((office / "content").rglob("hotline-111.md"))
    text = path.read_text(encoding="utf-8")
    assert CliRunner().invoke(cli, ["check"]).exit_code == 0
    path.write_text(text.replace("\n## vi\n\n", "\n## vi\n\nThôi nhận: {{ opt_out }}\n\n", 1), encoding="utf-8")

    done = CliRunner().invoke(cli, ["check"])

    assert "1 fault," in done.output
    assert "does not fit channel zalo: An article is read by everybody" in done.output


def test_reviews_quota_and_a_token_in_doubt_are_seen(office: Path) -> None:
    vault, database = vault_of(office)
    begin = partial(provider_item.begin, channel="zalo", title="Gọi 111")
    vault.write(partial(begin, kind="article", subject="a" * 64, state="making"))
    vault.write(partial(provider_item.move, channel="zalo", kind="article", subject="a" * 64, state="waiting"))
    vault.write(partial(begin, kind="broadcast", subject="vp-1", state="sending"))
    note = partial(provider_item.note, channel="sms", kind="brandname", subject="VPTTBINH", by="console:lan")
    vault.write(partial(note, state="waiting"))
    vault.write(partial(note, state="refused", reason="Thiếu công văn"))
    vault.pair("zalo", seed="seed-canary")
    vault.claim("zalo", 0)
    vault.settle("zalo", 0, "doubt", "The answer was lost.")
    database.close()

    rows = run("lane", "reviews")
    found = {one["what"]: one for one in run("doctor")}

    assert {(row["kind"], row["state"], row["reason"]) for row in rows} == {
        ("article", "waiting", ""), ("brandname", "refused", "Thiếu công văn")
    }  # fmt: skip
    assert "article Gọi 111 of zalo: waiting" in found
    assert "brandname VPTTBINH of sms: refused (Thiếu công văn)" in found
    assert "quota of zalo: 1 of 4 used this month" in found
    assert not found["token of zalo: doubt"]["ok"]
    assert "The answer was lost." in found["token of zalo: doubt"]["mend"]


def test_last_months_broadcasts_use_nothing_of_this_months_quota(office: Path) -> None:
    vault, database = vault_of(office)
    begin = partial(provider_item.begin, channel="zalo", kind="broadcast", state="sending")
    vault.write(partial(begin, subject="vp-1"))
    later = SystemClock().now() + timedelta(days=32)

    with database.reading() as connection:
        found = provider_item.quotas(connection, load(office / "config.toml"), now=later)
    database.close()

    assert found == [{"channel": "zalo", "span": "month", "used": 0, "quota": 4}]
