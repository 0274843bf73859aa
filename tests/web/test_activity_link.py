"""A commune's officer enters what the commune did: by a link of its own, without a sign-in, and nothing of another commune."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI

from broadcaster.activity import link, store
from broadcaster.activity.activity import Activity
from broadcaster.activity.link import Opens, read_token, token
from broadcaster.cli.main import _run
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.errors import Conflict, WrongUse
from broadcaster.ledger.entry import decode
from broadcaster.ledger.store import raws, transaction
from broadcaster.web.activity_link import BODY_MOST, WORDS
from tests.web.desk_people import Browser

KEY = b"office-key-of-the-tests"
TODAY = date(2027, 7, 1)
OPENS = Opens(commune="Xã Bảo Lâm", campaign="mbn", until=date(2027, 8, 31))
TALK = Activity(kind="communicator", day=TODAY, commune="Xã Bảo Lâm", campaign="mbn", units=2, participants=40)
FORM = {
    "kind": "communicator",
    "day": "2027-07-01",
    "units": "2",
    "minutes": "",
    "participants": "1.040",
    "note": "Bản Pò Mã",
}


@pytest.fixture
def stranger(app: FastAPI) -> Iterator[Browser]:
    """An officer's telephone: nobody is signed in."""
    with Browser(app, base_url="http://127.0.0.1") as browser:
        yield browser


@pytest.fixture
def path(app: FastAPI) -> str:
    return f"/a/{token(app.state.desk.office_key, OPENS)}"


def register(database: Database) -> list[store.Kept]:
    with database.reading() as connection:
        return store.standing(connection)


# -- the token --------------------------------------------------------------------------------------------------------


def test_a_token_opens_one_commune_of_one_campaign_until_its_day() -> None:
    made = token(KEY, OPENS)

    assert read_token(KEY, made, today=TODAY) == OPENS
    assert read_token(KEY, made, today=OPENS.until) == OPENS
    assert read_token(KEY, made, today=OPENS.until + timedelta(days=1)) is None
    assert len(made) < 120


def test_no_other_text_is_a_token() -> None:
    made, other = token(KEY, OPENS), token(KEY, replace(OPENS, commune="Xã Khác"))
    said, _, mac = made.partition(".")

    forged = (
        other.partition(".")[0] + "." + mac, said + ".", said, "", ".", made + "=", f"{said}=.{mac}", "é." + mac, "a" * 5000,
        token(b"another key", OPENS),
    )  # fmt: skip

    assert [read_token(KEY, text, today=TODAY) for text in forged] == [None] * len(forged)


# -- the register -----------------------------------------------------------------------------------------------------


def test_what_an_officer_enters_stands_in_the_register_and_in_the_ledger(
    database: Database, clock: SteppedClock
) -> None:
    with transaction(database, clock) as tx:
        number = link.enter(tx, OPENS, TALK, today=TODAY)

    with database.reading() as connection:
        kept, entry = store.get(connection, number), decode(list(raws(connection))[-1])
    assert (kept.activity, kept.by, kept.source) == (TALK, "officer", "link")
    assert (entry["kind"], entry["actor"], entry["source"]) == ("activity.add", "officer", "link")


@pytest.mark.parametrize("wrong", [{"commune": "Xã Khác"}, {"campaign": ""}])
def test_a_link_enters_nothing_of_another_commune_or_campaign(
    database: Database, clock: SteppedClock, wrong: dict[str, str]
) -> None:
    with pytest.raises(WrongUse, match="its own"), transaction(database, clock) as tx:
        link.enter(tx, OPENS, replace(TALK, **wrong), today=TODAY)


def test_the_same_twice_is_one_and_a_flood_ends(
    database: Database, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "A_DAY", 2)
    with transaction(database, clock) as tx:
        link.enter(tx, OPENS, TALK, today=TODAY)

    with pytest.raises(Conflict, match="very same"), transaction(database, clock) as tx:
        link.enter(tx, OPENS, TALK, today=TODAY)
    with transaction(database, clock) as tx:
        link.enter(tx, OPENS, replace(TALK, note="lần hai"), today=TODAY)
    with pytest.raises(Conflict, match="tomorrow"), transaction(database, clock) as tx:
        link.enter(tx, OPENS, replace(TALK, note="lần ba"), today=TODAY)


def test_a_telephone_number_in_a_note_is_refused(database: Database, clock: SteppedClock) -> None:
    with pytest.raises(WrongUse, match="telephone"), transaction(database, clock) as tx:
        link.enter(tx, OPENS, replace(TALK, note="gọi chị Lan 0912345678"), today=TODAY)


# -- the page ---------------------------------------------------------------------------------------------------------


def test_looking_changes_nothing_and_what_is_sent_is_kept_and_shown(
    stranger: Browser, path: str, sqlite_database: Database
) -> None:
    looked = stranger.get(path)
    before = register(sqlite_database)
    sent = stranger.post(path, data=FORM)

    (kept,) = register(sqlite_database)
    assert (looked.status_code, before, sent.status_code) == (200, [], 200)
    assert WORDS["vi"]["kept"] in sent.text
    assert "01/07/2027: Tuyên truyền trực tiếp" in sent.text
    assert (kept.activity.commune, kept.activity.campaign, kept.activity.participants) == ("Xã Bảo Lâm", "mbn", 1040)


def test_the_commune_is_the_links_whatever_the_form_says(
    stranger: Browser, path: str, sqlite_database: Database
) -> None:
    stranger.post(path, data={**FORM, "commune": "Xã Khác", "campaign": "other"})

    (kept,) = register(sqlite_database)
    assert (kept.activity.commune, kept.activity.campaign) == ("Xã Bảo Lâm", "mbn")


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "party"}, {"day": "2027-07-02"}, {"day": "hôm nay"}, {"units": "-1"}, {"units": "nhiều"},
        {"units": "", "participants": ""}, {"note": "0912 345 678"}, {"note": "x" * 2001},
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_and_the_form_keeps_what_was_written(
    stranger: Browser, path: str, sqlite_database: Database, wrong: dict[str, str]
) -> None:
    answer = stranger.post(path, data={**FORM, **wrong})

    assert answer.status_code == 400
    assert WORDS["vi"]["bad"] in answer.text
    assert "1.040" in answer.text or "participants" in wrong
    assert register(sqlite_database) == []


def test_the_page_needs_no_script_no_cookie_and_shows_markup_as_text(stranger: Browser, path: str) -> None:
    sent = stranger.post(path, data={**FORM, "units": "x", "note": "<script>alert(1)</script>"})

    assert "&lt;script&gt;" in sent.text
    assert not re.search(r"<script|<link|src=|https?://|style=", sent.text)
    assert "set-cookie" not in sent.headers
    assert "unsafe" not in sent.headers["content-security-policy"]


def test_a_wrong_or_old_link_opens_nothing(
    stranger: Browser, app: FastAPI, path: str, sqlite_database: Database
) -> None:
    old = token(app.state.desk.office_key, replace(OPENS, until=date(2027, 6, 30)))

    answers = [stranger.post(one, data=FORM) for one in (f"/a/{old}", path + "x", "/a/x")]

    assert [one.status_code for one in answers] == [404] * 3
    assert WORDS["vi"]["unknown"] in answers[0].text
    assert register(sqlite_database) == []


def test_a_body_that_is_too_long_is_refused(stranger: Browser, path: str, sqlite_database: Database) -> None:
    answer = stranger.post(path, content=b"note=" + b"x" * BODY_MOST)

    assert answer.status_code == 400
    assert register(sqlite_database) == []


# -- the command ------------------------------------------------------------------------------------------------------


def test_the_command_makes_the_link_the_page_opens(
    sqlite_database: Database, clock: SteppedClock, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    assert sqlite_database
    monkeypatch.setattr("broadcaster.cli.session.SystemClock", lambda: clock)
    monkeypatch.setenv("OFFICE_KEY", KEY.decode())
    text = '[office]\nkey = { env = "OFFICE_KEY" }\n[database]\nurl = "sqlite:///broadcaster.db"\n'
    (tmp_path / "config.toml").write_text(text)
    arguments = ["activity", "link", "--commune", "Xã Bảo Lâm", "--config", str(tmp_path / "config.toml")]

    without = _run(arguments)
    (tmp_path / "config.toml").write_text(text + '[web]\npublic_url = "https://tin.langson.example"\n')
    code = _run(arguments)

    assert (without, code) == (2, 0)
    address = re.search(r"https://tin\.langson\.example/a/(\S+)", capsys.readouterr().out)
    assert address
    opened = read_token(KEY, address[1], today=TODAY)
    assert opened == Opens(commune="Xã Bảo Lâm", campaign="", until=TODAY + timedelta(days=60))
