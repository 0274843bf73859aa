"""What an attacker tries at the desk: with no account, with a stolen password, with a small file, with a long address."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from broadcaster.access import session as sessions
from broadcaster.access import store as users
from broadcaster.access.user import Role
from broadcaster.channel import officer_link
from broadcaster.clock import SteppedClock
from broadcaster.config import Config
from broadcaster.db.engine import Database
from broadcaster.errors import Busy
from broadcaster.ledger.store import transaction
from broadcaster.web import door
from broadcaster.web.words import errors
from tests.web.desk_people import PASSWORD, Browser
from tests.web.test_login import begin, code, enrol, half_csrf, strict

__all__ = ["strict"]  # a fixture
Sign = Callable[..., Any]


def guess(browser: Browser, name: str, times: int) -> Any:
    for _ in range(times):
        answer = browser.post("/login", data={"name": name, "password": "khong phai mat khau"})
    return answer


def test_a_stranger_who_guesses_passwords_keeps_nobody_who_is_signed_in_from_the_stop(
    app: FastAPI, sign_in: Sign
) -> None:
    officer, stranger = sign_in("hoa"), sign_in()
    guess(stranger, "hoa", users.TRIES + 1)

    stopped = officer.submit("/stop", scope="everything", reason="sai nội dung", password=PASSWORD)

    assert "Đã dừng" in stopped.text


def test_a_stranger_who_guesses_passwords_keeps_nobody_at_the_offices_computer_from_the_stop(
    app: FastAPI, sign_in: Sign, sqlite_database: Database, clock: SteppedClock
) -> None:
    guess(sign_in(), "hoa", users.TRIES + 1)

    with transaction(sqlite_database, clock) as tx:
        account = users.authenticate(tx, name="hoa", password=PASSWORD)

    assert account is not None


def test_guesses_of_somebody_who_is_signed_in_are_slowed_too(app: FastAPI, sign_in: Sign) -> None:
    browser = sign_in("hoa")

    for _ in range(users.TRIES):
        browser.submit("/stop", scope="everything", reason="x", password="khong phai mat khau")
    waits = browser.submit("/stop", scope="everything", reason="x", password=PASSWORD)

    assert waits.status_code == 403
    assert "quá nhiều lần" in waits.text


def test_a_right_password_does_not_begin_the_guesses_at_the_code_anew(
    strict: FastAPI, sign_in: Sign, clock: SteppedClock
) -> None:
    enrol(sign_in(), clock)
    said = ""

    for n in range(users.TRIES + 1):
        thief = sign_in()
        thief.post("/login", data={"name": "minh", "password": PASSWORD})
        said = thief.post("/login/code", data={"csrf": half_csrf(thief), "code": f"{n:06d}"}).text

    assert "quá nhiều lần" in said


def test_a_reset_lets_a_name_try_again_everywhere(
    strict: FastAPI, sign_in: Sign, clock: SteppedClock, sqlite_database: Database
) -> None:
    secret, _ = enrol(sign_in(), clock)
    thief = sign_in()
    thief.post("/login", data={"name": "minh", "password": PASSWORD})
    csrf = half_csrf(thief)
    for n in range(users.TRIES):
        thief.post("/login/code", data={"csrf": csrf, "code": f"{n:06d}"})

    with transaction(sqlite_database, clock) as tx:
        users.reset(tx, name="minh", password=PASSWORD, actor="quan")
    clock.move_by(timedelta(seconds=31))
    browser = sign_in()
    browser.post("/login", data={"name": "minh", "password": PASSWORD})
    done = browser.post("/login/code", data={"csrf": half_csrf(browser), "code": code(secret, clock)})

    assert done.url.path == "/"


def test_whoever_is_given_the_right_to_approve_signs_in_anew_with_a_second_factor(
    strict: FastAPI, sign_in: Sign, sqlite_database: Database, clock: SteppedClock
) -> None:
    browser = sign_in("nga")
    with transaction(sqlite_database, clock) as tx:
        users.set_roles(tx, name="nga", roles=frozenset({Role.AUTHOR, Role.APPROVER}), actor="quan")

    seen = browser.get("/approvals", follow_redirects=False)

    assert seen.headers["location"].startswith("/login")
    assert begin(sign_in(), "nga")


def test_names_that_are_made_up_leave_nothing_behind(
    app: FastAPI, sign_in: Sign, sqlite_database: Database, clock: SteppedClock
) -> None:
    stranger = sign_in()
    for n in range(5):
        guess(stranger, f"ai-do-{n}", 1)
    clock.move_by(users.PAUSE + timedelta(seconds=1))
    guess(stranger, "nguoi-cuoi", 1)

    with sqlite_database.reading() as connection:
        left = connection.scalar(select(func.count()).where(users.META.c.name.like("refused%")))

    assert left == 1


def test_strangers_at_the_sign_in_wait_for_each_other_and_whoever_is_signed_in_does_not(
    app: FastAPI, sqlite_database: Database, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "_GATE", threading.BoundedSemaphore(1))
    monkeypatch.setattr(users, "GATE_WAIT", 0.01)
    users._GATE.acquire()

    with pytest.raises(Busy):
        users.prove(sqlite_database, clock, name="hoa", password=PASSWORD)
    known = users.prove(sqlite_database, clock, name="hoa", password=PASSWORD, signed_in=True)

    assert known is not None


def test_a_strangers_file_is_not_read(
    app: FastAPI, sign_in: Sign, sqlite_database: Database, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    def form(_request: Any, **_values: Any) -> Any:
        read.append(1)
        raise ValueError

    monkeypatch.setattr(door.Request, "form", form)
    big = {"list": ("list.csv", b"x" * (door.FORM_MOST + 10), "text/csv")}

    stranger = sign_in().post("/audience/import", files=big, follow_redirects=False)
    read_of_stranger = len(read)
    clerk = sign_in()
    with transaction(sqlite_database, clock) as tx:
        clerk.cookies.set("desk", sessions.open_(tx, name="hoa", second=True))
    known = clerk.post("/audience/import", files=big, follow_redirects=False)

    assert (stranger.status_code, stranger.headers["location"], read_of_stranger) == (303, "/login", 0)
    assert (known.status_code, len(read)) == (400, 1)  # this one was begun to be read


@pytest.mark.parametrize("token", ["١٢-" + "a" * 26, "xa-an.٢٠٢٧-w27." + "a" * 26])
def test_digits_of_other_scripts_make_no_officers_link(app: FastAPI, sign_in: Sign, token: str) -> None:
    browser = sign_in()

    seen = [browser.get(f"/{road}/{token}").status_code for road in ("l", "t")]

    assert seen == [404, 404]
    assert officer_link.read_bulletin_token(b"k", token) is None
    assert officer_link.read_sheet_token(b"k", token) is None


def test_an_unexpected_error_writes_the_page_into_the_log_and_not_the_key_in_its_address(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from broadcaster.audience import opt_out

    def broken(*_values: Any, **_named: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(opt_out, "holder", broken)
    with (
        caplog.at_level(logging.ERROR),
        Browser(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as one,
    ):
        answer = one.get("/o/secretkey%0Anew line")

    assert answer.status_code == 500
    assert caplog.messages[0].endswith(" at GET /o/{token}")


def test_an_unexpected_error_of_a_page_says_which_page(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from broadcaster.web.pages import set_up

    monkeypatch.setattr(set_up, "_allow", lambda *_values: 1 // 0)
    with (
        caplog.at_level(logging.ERROR),
        Browser(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as one,
    ):
        one.get("/set-up/secretkey")

    assert caplog.messages[0].endswith(" at GET /set-up/{token}")


def test_a_value_that_holds_pieces_of_a_sentence_again_and_again_costs_no_time() -> None:
    said = "The revision " + "x is not what you saw: x submitted x. Look at it again, then approve that" * 2000

    begun = time.perf_counter()
    shown = errors.translate(said)

    assert shown == said
    assert time.perf_counter() - begun < 1


def test_the_values_of_a_sentence_are_as_short_as_can_be() -> None:
    assert errors.values_of(["The ", " is ", "."], "The a is b is c.") == ["a", "b is c"]
    assert errors.values_of(["The ", " is ", "."], "The  is c.") is None
    assert errors.values_of(["", " may (", ")."], "lan may (x).") == ["lan", "x"]
    assert errors.values_of(["", " may (", ")."], "lan may ().") is None
    assert errors.values_of(["Same."], "Same.") == []
    assert errors.values_of(["Same."], "Same. ") is None


def test_a_session_of_a_role_that_was_only_taken_away_goes_on(
    app: FastAPI, sign_in: Sign, sqlite_database: Database, clock: SteppedClock
) -> None:
    browser = sign_in("lan")
    with transaction(sqlite_database, clock) as tx:
        users.set_roles(tx, name="lan", roles=frozenset({Role.AUTHOR}), actor="quan")

    assert browser.get("/me", follow_redirects=False).status_code == 200


def test_a_picture_is_drawn_before_the_write_begins(
    app: FastAPI, sign_in: Sign, sqlite_database: Database, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    from broadcaster.activity import attachment

    free: list[bool] = []

    def keep(*_values: Any) -> str:
        with sqlite_database.writing():  # another one's stop
            free.append(True)
        return "ab" * 32

    monkeypatch.setattr(attachment, "keep", keep)
    browser = sign_in("lan")
    files = {"attachment": ("anh.png", b"x", "image/png")}
    values = {"csrf": browser.csrf(), "kind": "leaflet", "day": "2027-06-30", "units": "3"}

    browser.post("/activity", data=values, files=files)

    assert free == [True]


@pytest.mark.parametrize("where", ["//[", "http://[x", "//evil.example", "/\\evil.example", "/\t/evil.example"])
def test_an_address_to_go_on_to_leads_nowhere_else_and_breaks_nothing(app: FastAPI, sign_in: Sign, where: str) -> None:
    browser = sign_in()

    seen = browser.get("/login", params={"next": where})
    done = browser.post("/login", data={"name": "lan", "password": PASSWORD, "next": where}, follow_redirects=False)

    assert (seen.status_code, done.status_code, done.headers["location"]) == (200, 303, "/")


def test_an_origin_that_is_none_is_refused_as_another_site(app: FastAPI, sign_in: Sign) -> None:
    answer = sign_in().post("/login", data={"name": "lan", "password": PASSWORD}, headers={"origin": "http://["})

    assert answer.status_code == 403


@pytest.mark.parametrize("path", [f"/audience/contacts/{'9' * 30}", "/dispatches?day=9999-12-31"])
def test_numbers_and_days_beyond_all_bounds_are_not_found(app: FastAPI, sign_in: Sign, path: str) -> None:
    assert sign_in("lan").get(path).status_code == 404


def test_a_fault_that_quotes_pieces_of_a_sentence_again_and_again_costs_no_time() -> None:
    from broadcaster.content.fault import Fault
    from broadcaster.web.words import faults

    for sentence in faults.VI:
        pieces = sentence.split("{}")
        fault = Fault(path="x", text=pieces[0] + ("x".join(pieces[1:]) + "x") * 300 + "!", remedy="")
        begun = time.perf_counter()
        faults.translate(fault)
        assert time.perf_counter() - begun < 1, sentence
