"""The officer's link, the week's sheet, and the staff's board: one final word, no cookie, no script."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI

from broadcaster.activity import bulletin_store as store
from broadcaster.activity.bulletin import LINK_FOR, REASONS, week_of
from broadcaster.channel import officer_link
from broadcaster.clock import SteppedClock
from broadcaster.config import Config
from broadcaster.db.engine import Database
from broadcaster.ledger.store import transaction
from broadcaster.web.officer import BODY_MOST, REASONS_EN, WORDS
from broadcaster.web.words.bulletins import REASONS_SAID
from tests.activity.test_bulletin import make_bulletins, said
from tests.web.desk_people import Browser

Sign = Callable[..., Any]


@pytest.fixture
def stranger(app: FastAPI) -> Iterator[Browser]:
    """An officer's telephone: nobody is signed in."""
    with Browser(app, base_url="http://127.0.0.1") as browser:
        yield browser


@pytest.fixture
def office_key(app: FastAPI) -> bytes:
    key: bytes = app.state.desk.office_key
    return key


@pytest.fixture
def bulletin(sqlite_database: Database, clock: SteppedClock) -> int:
    with transaction(sqlite_database, clock) as tx:
        (number,) = make_bulletins(tx, "muong-lat")
    return number


def link(office_key: bytes, number: int) -> str:
    return f"/l/{officer_link.bulletin_token(office_key, number)}"


def sheet(office_key: bytes, clock: SteppedClock, station: str = "muong-lat") -> str:
    week = week_of(clock.now().astimezone(ZoneInfo("Asia/Ho_Chi_Minh")).date())
    return f"/t/{officer_link.sheet_token(office_key, station, week)}"


# -- the link ---------------------------------------------------------------------------------------------------------


def test_looking_says_nothing_and_the_answer_is_kept_once(
    stranger: Browser, office_key: bytes, bulletin: int, sqlite_database: Database
) -> None:
    path = link(office_key, bulletin)

    looked = stranger.get(path)
    before = said(sqlite_database)
    answered = stranger.post(path, data={f"w{bulletin}": "played 2"})
    again = stranger.post(path, data={f"w{bulletin}": "not power"})

    assert (looked.status_code, answered.status_code, again.status_code) == (200, 200, 409)
    assert before == []
    assert WORDS["vi"]["kept"] in answered.text
    assert "Đã phát 2 lần" in again.text
    assert WORDS["vi"]["taken"] in again.text
    assert [(one["state"], one["plays"], one["road"], one["actor"]) for one in said(sqlite_database)] == [
        ("played", 2, "link", "officer")
    ]


def test_the_page_reads_the_bulletin_and_needs_no_script_no_cookie_and_nothing_of_others(
    stranger: Browser, office_key: bytes, bulletin: int
) -> None:
    page = stranger.get(link(office_key, bulletin))

    assert "Xã muong-lat" in page.text
    assert "bà bà" in page.text
    assert not re.search(r"<script|<link|src=|https?://|style=", page.text)
    assert "set-cookie" not in page.headers
    assert "unsafe" not in page.headers["content-security-policy"]
    assert page.headers["x-robots-tag"] == "noindex"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert len(page.content) < 6000


def test_not_played_takes_a_reason_of_the_list_and_nothing_else(
    stranger: Browser, office_key: bytes, bulletin: int, sqlite_database: Database
) -> None:
    path = link(office_key, bulletin)

    wrong = [stranger.post(path, data={f"w{bulletin}": value}).status_code
             for value in ("not because", "played 0", "played 99", "played x", "scheduled", "", "x" * 9000)]  # fmt: skip
    strange = stranger.post(path, data={"w99999": "played 1"}).status_code
    large = stranger.post(path, content=f"w{bulletin}=played+1&x=".encode() + b"x" * BODY_MOST).status_code
    odd = stranger.post(path, content=b"\xff\xfe;;;=").status_code
    before = said(sqlite_database)
    good = stranger.post(path, data={f"w{bulletin}": "not power"})

    assert {*wrong, strange, large, odd} == {400}
    assert before == []
    assert (good.status_code, said(sqlite_database)[0]["reason"]) == (200, "power")


@pytest.mark.parametrize("token", ["x", "1-" + "a" * 26, "<script>alert(1)</script>", "9" * 400])
@pytest.mark.parametrize("room", ["l", "t"])
def test_a_guessed_token_opens_nothing(stranger: Browser, bulletin: int, room: str, token: str) -> None:
    answers = [stranger.get(f"/{room}/{token.replace('/', '')}"), stranger.post(f"/{room}/{token.replace('/', '')}")]

    assert {one.status_code for one in answers} == {404}
    assert all("alert" not in one.text and "muong-lat" not in one.text for one in answers)


def test_an_old_link_opens_nothing(stranger: Browser, office_key: bytes, bulletin: int, clock: SteppedClock) -> None:
    clock.move_by(LINK_FOR + timedelta(days=1))

    assert stranger.get(link(office_key, bulletin)).status_code == 404


def test_the_page_speaks_english_too(stranger: Browser, office_key: bytes, bulletin: int) -> None:
    page = stranger.get(f"{link(office_key, bulletin)}?l=en")

    assert '<html lang="en">' in page.text
    assert WORDS["en"]["ask"] in page.text
    assert set(WORDS["en"]) == set(WORDS["vi"])
    assert set(REASONS_EN) == set(REASONS) == set(REASONS_SAID)


# -- the sheet --------------------------------------------------------------------------------------------------------


def test_a_week_is_ticked_at_once_and_what_was_left_out_stays_open(
    stranger: Browser, office_key: bytes, sqlite_database: Database, clock: SteppedClock
) -> None:
    with transaction(sqlite_database, clock) as tx:
        (first,) = make_bulletins(tx, "muong-lat")
        (second,) = make_bulletins(tx, "muong-lat", due=clock.now() + timedelta(minutes=5))
        (third,) = make_bulletins(tx, "muong-lat", due=clock.now() + timedelta(minutes=9))
        (other,) = make_bulletins(tx, "pu-nhi")
    path = sheet(office_key, clock)

    page = stranger.get(path)
    answered = stranger.post(path, data={f"w{first}": "played 3", f"w{second}": "not weather", f"w{third}": ""})
    strange = stranger.post(path, data={f"w{other}": "played 1"})

    assert page.text.count("<select") == 3
    assert answered.text.count("<select") == 1
    assert {one["d"]: (one["state"], one["road"]) for one in said(sqlite_database)} == {
        first: ("played", "sheet"), second: ("not_played", "sheet"),
    }  # fmt: skip
    assert strange.status_code == 400
    assert WORDS["vi"]["wrong"] in strange.text


def test_a_sheet_without_an_answer_says_what_to_do(
    stranger: Browser, office_key: bytes, bulletin: int, clock: SteppedClock
) -> None:
    answer = stranger.post(sheet(office_key, clock))

    assert answer.status_code == 400
    assert WORDS["vi"]["nothing"] in answer.text


# -- the staff's board ------------------------------------------------------------------------------------------------


def test_the_board_shows_who_owes_with_a_text_to_copy_and_keeps_that_they_were_reminded(
    sign_in: Sign, app: FastAPI, config: Config, bulletin: int, clock: SteppedClock, office_key: bytes,
    sqlite_database: Database,
) -> None:  # fmt: skip
    app.state.desk.config.web.public_url = "https://tin.example.gov.vn"
    path = sheet(office_key, clock)
    clock.move_by(timedelta(days=2))
    browser = sign_in("hoa")

    page = browser.get("/bulletins")
    told = browser.submit("/bulletins/reminded", commune="muong-lat")
    nowhere = browser.submit("/bulletins/reminded", commune="nowhere")

    assert f"Xin báo tại: https://tin.example.gov.vn{path}" in page.text
    assert "chưa nhắc" in page.text
    assert "chưa nhắc" not in told.text
    assert nowhere.status_code == 404
    assert [one["communes"] for one in said(sqlite_database, "bulletin.remind")] == [["muong-lat"]]


def test_what_an_officer_says_on_the_telephone_stands_with_the_name_of_who_wrote_it_down(
    sign_in: Sign, bulletin: int, sqlite_database: Database
) -> None:
    browser, id_ = sign_in("hoa"), f"d-{bulletin:010d}"

    wrong = browser.submit(f"/bulletins/{id_}/word", what="played", plays="")
    played = browser.submit(f"/bulletins/{id_}/word", what="played", plays="2")
    mended = browser.submit(f"/bulletins/{id_}/word", what="not_played", reason="broken")

    assert (wrong.status_code, played.status_code, mended.status_code) == (400, 200, 200)
    assert "Thiết bị hỏng" in mended.text
    assert [(one["actor"], one["state"], one["on_behalf"]) for one in said(sqlite_database)] == [
        ("hoa", "played", True), ("hoa", "not_played", True),
    ]  # fmt: skip


def test_bulletins_are_listed_by_state_a_page_at_a_time(
    sign_in: Sign, sqlite_database: Database, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from broadcaster.web.pages import bulletins

    monkeypatch.setattr(bulletins, "PAGE", 2)
    with transaction(sqlite_database, clock) as tx:
        make_bulletins(tx, "muong-lat", "pu-nhi", "tam-chung")
    browser = sign_in("tam")

    first = browser.get("/bulletins/list?state=offered")
    second = browser.get(first.text.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&"))
    none = browser.get("/bulletins/list?state=played")

    assert (first.text.count("/bulletins/d-"), second.text.count("/bulletins/d-")) == (2, 1)
    assert "Không có bản tin nào như vậy." in none.text
    assert browser.get("/bulletins/d-0000009999").status_code == 404
    with sqlite_database.reading() as connection:
        assert store.totals(connection).states["offered"] == 3
