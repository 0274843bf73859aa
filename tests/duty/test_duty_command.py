"""The duty desk at the command line, and what doctor says of an office's ears."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from broadcaster.cli.main import cli
from broadcaster.clock import SystemClock
from broadcaster.config import load
from broadcaster.db.engine import Database
from broadcaster.duty import plea
from broadcaster.ledger.store import transaction

PASSWORDS = {"lan": "một hai ba bốn năm sáu", "hoa": "bảy tám chín mười mười một"}
CRY = "cứu em với"


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "office"
    assert CliRunner().invoke(cli, ["init", str(folder)]).exit_code == 0
    monkeypatch.chdir(folder)
    for name, role in (("lan", "author"), ("hoa", "operator")):
        done = CliRunner().invoke(cli, ["user", "add", name, "--role", role, "--password-stdin"], input=PASSWORDS[name])
        assert done.exit_code == 0, done.output
    return folder


def run(*words: str, who: str = "") -> tuple[int, Any]:
    environment = {"BROADCASTER_PASSWORD": PASSWORDS.get(who, "")}
    done = CliRunner().invoke(cli, [*words, *(("--as", who) if who else ()), "--json"], env=environment)
    try:
        return done.exit_code, json.loads(done.stdout)
    except json.JSONDecodeError:
        return done.exit_code or (1 if done.exception else 0), str(done.exception or done.output)


def write_back(folder: Path) -> None:
    config = load(folder / "config.toml")
    database = Database(config.database.url, folder=folder)
    key = config.secret(config.office.key, where="").reveal().encode()
    with transaction(database, SystemClock()) as tx:
        plea.receive(tx, channel="sms", digest=b"d" * 32, sender="+84912000001", text=CRY, address=None, office_key=key)
    database.close()


def test_a_reply_is_listed_without_its_words_and_shown_once_to_an_operator(office: Path) -> None:
    write_back(office)

    _, rows = run("duty", "list")
    by_nobody = run("duty", "show", "1")
    by_author = run("duty", "show", "1", who="lan")
    shown = run("duty", "show", "1", who="hoa")
    again = run("duty", "show", "1", who="hoa")

    assert [row["from"] for row in rows] == ["not in the contacts"]
    assert CRY not in json.dumps(rows, ensure_ascii=False)
    assert by_nobody[0] != 0
    assert by_author[0] != 0
    assert (shown[1]["text"], shown[1]["from"]) == (CRY, "+84912000001")
    assert again[0] != 0
    assert "shown to hoa" in again[1]
    assert run("duty", "list") == (0, [])


def test_the_database_lets_a_reply_only_go(office: Path) -> None:
    write_back(office)
    database = sqlite3.connect(office / "broadcaster.db")

    with pytest.raises(sqlite3.IntegrityError, match="only goes"):
        database.execute("UPDATE plea SET sealed = x'00'")
    with pytest.raises(sqlite3.IntegrityError, match="are kept"):
        database.execute("DELETE FROM plea")

    database.close()


def test_doctor_says_what_is_off_without_a_public_address_and_what_it_costs(office: Path) -> None:
    _, found = run("doctor")

    told = " / ".join(one["what"] for one in found)
    assert "no public address" in told
    assert "opt-out pages: none" in told
    assert "copy the folder public to the portal" in told
    assert all(one["ok"] for one in found if "public" in one["what"])


def test_doctor_minds_an_address_without_https_and_a_desk_without_an_officer(
    office: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "t")
    path = office / "config.toml"
    text = path.read_text(encoding="utf-8")
    sms = '\n[channels.sms]\nadapter = "twilio"\naccount_sid = "AC1"\nauth_token = { env = "TOKEN" }\nfrom = "X"\n'

    path.write_text(text.replace('public_url = ""', 'public_url = "http://tin.example"') + sms, encoding="utf-8")
    _, plain = run("doctor")
    path.write_text(text.replace('public_url = ""', 'public_url = "https://tin.example"') + sms, encoding="utf-8")
    _, deaf = run("doctor")
    write_back(office)
    duty = text.replace('public_url = ""', 'public_url = "https://tin.example"').replace("[duty]\n", "[duty]\n#", 1)
    duty = duty.replace('#channel = ""', 'channel = "sms"').replace('\nto = ""', '\nto = "+84900000999"')
    path.write_text(duty + sms, encoding="utf-8")
    _, waiting = run("doctor")

    assert [one["what"] for one in plain if not one["ok"]] == ["public address without https"]
    assert [one["what"] for one in deaf if not one["ok"]] == ["nobody is on duty"]
    assert [one["what"] for one in waiting if not one["ok"]] == ["1 replies wait at the duty desk"]


def test_a_duty_section_that_reaches_nobody_is_refused_at_the_start(office: Path) -> None:
    path = office / "config.toml"
    text = path.read_text(encoding="utf-8")

    path.write_text(text.replace('[duty]\nchannel = ""', '[duty]\nchannel = "sms"'), encoding="utf-8")
    half = run("doctor")
    path.write_text(text.replace('fallback = ""', 'fallback = "mail truc@tinh.example"'), encoding="utf-8")
    unknown = run("doctor")

    assert "needs `channel` and `to`" in str(half)
    assert "no [channels.mail] table" in str(unknown)
