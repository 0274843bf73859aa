"""Signing in: password, second factor, a password of one's own; and what an attacker may try there."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from fastapi import FastAPI

from broadcaster.access import factor
from broadcaster.access import store as users
from broadcaster.access.user import Role
from broadcaster.clock import SteppedClock
from broadcaster.config import Config
from broadcaster.db.engine import Database
from broadcaster.ledger.entry import decode
from broadcaster.ledger.store import raws, transaction
from tests.web.desk_people import PASSWORD, Browser

Sign = Callable[..., Any]


@pytest.fixture
def strict(app: FastAPI, config: Config) -> FastAPI:
    """Approvers and admins need a second factor."""
    config.web.second_factor = True
    return app


def begin(browser: Browser, name: str = "minh") -> str:
    """Password given; the authenticator's secret."""
    answer = browser.post("/login", data={"name": name, "password": PASSWORD})
    assert answer.url.path == "/login/factor", answer.url
    found = re.search(r'class="key">([A-Z2-7 ]+)<', answer.text)
    assert found
    return found[1].replace(" ", "")


def half_csrf(browser: Browser) -> str:
    page = browser.get("/login/factor").text
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page) or re.search(
        r'name="csrf" value="([0-9a-f]{64})"', browser.get("/login/code").text
    )
    assert found
    return found[1]


def code(secret: str, clock: SteppedClock) -> str:
    return pyotp.TOTP(secret).at(clock.now())


def enrol(browser: Browser, clock: SteppedClock, name: str = "minh") -> tuple[str, list[str]]:
    secret = begin(browser, name)
    answer = browser.post("/login/factor", data={"csrf": half_csrf(browser), "code": code(secret, clock)})
    return secret, re.findall(r"<code>([0-9a-f]{6}-[0-9a-f]{6}-[0-9a-f]{6})</code>", answer.text)


def test_an_approver_does_nothing_before_the_second_factor_is_set_up(strict: FastAPI, sign_in: Sign) -> None:
    browser = sign_in()
    begin(browser)

    seen = {
        path: browser.get(path, follow_redirects=False).headers.get("location") for path in ("/", "/approvals", "/me")
    }

    assert set(seen.values()) == {"/login/factor"}


def test_who_has_set_it_up_signs_in_with_a_code_and_a_new_session(
    strict: FastAPI, sign_in: Sign, clock: SteppedClock
) -> None:
    secret, codes = enrol(sign_in(), clock)
    clock.move_by(timedelta(minutes=1))
    browser = sign_in()

    asked = browser.post("/login", data={"name": "minh", "password": PASSWORD})
    half = browser.cookies["desk"]
    done = browser.post("/login/code", data={"csrf": half_csrf(browser), "code": code(secret, clock)})

    assert asked.url.path == "/login/code"
    assert done.url.path == "/"
    assert browser.cookies["desk"] != half
    assert len(codes) == factor.CODES


def test_a_code_is_taken_once(strict: FastAPI, sign_in: Sign, clock: SteppedClock) -> None:
    secret, _ = enrol(sign_in(), clock)
    clock.move_by(timedelta(minutes=1))
    used = code(secret, clock)
    first, second = sign_in(), sign_in()
    for browser in (first, second):
        browser.post("/login", data={"name": "minh", "password": PASSWORD})

    one = first.post("/login/code", data={"csrf": half_csrf(first), "code": used})
    other = second.post("/login/code", data={"csrf": half_csrf(second), "code": used})

    assert one.status_code == 200
    assert other.status_code == 403


@pytest.mark.parametrize(("drift", "good"), [(-60, False), (-30, True), (30, True), (60, False)])
def test_a_phones_clock_may_be_half_a_minute_off(
    strict: FastAPI, sign_in: Sign, clock: SteppedClock, drift: int, good: bool
) -> None:
    secret, _ = enrol(sign_in(), clock)
    clock.move_by(timedelta(minutes=5))
    browser = sign_in()
    browser.post("/login", data={"name": "minh", "password": PASSWORD})

    given = pyotp.TOTP(secret).at(clock.now() + timedelta(seconds=drift))
    answer = browser.post("/login/code", data={"csrf": half_csrf(browser), "code": given})

    assert (answer.status_code == 200) == good


def test_a_recovery_code_works_once(strict: FastAPI, sign_in: Sign, clock: SteppedClock) -> None:
    _, codes = enrol(sign_in(), clock)

    answers = []
    for _ in range(2):
        browser = sign_in()
        browser.post("/login", data={"name": "minh", "password": PASSWORD})
        answers.append(browser.post("/login/code", data={"csrf": half_csrf(browser), "code": codes[0]}).status_code)

    assert answers == [200, 403]


def half_in(browser: Browser, name: str = "minh") -> str:
    browser.post("/login", data={"name": name, "password": PASSWORD})
    return half_csrf(browser)


def guess(browser: Browser, csrf: str, given: str = "000000") -> Any:
    return browser.post("/login/code", data={"csrf": csrf, "code": given})


def test_five_wrong_codes_make_an_account_wait_and_each_further_one_twice_as_long(
    strict: FastAPI, sign_in: Sign, clock: SteppedClock
) -> None:
    enrol(sign_in(), clock)
    browser, waits = sign_in(), []

    csrf = half_in(browser)
    for _ in range(users.CODES):
        assert "quá nhiều lần" not in guess(browser, csrf).text
    for _ in range(3):
        waits.append(re.search(r"đợi (\d+) phút", guess(browser, csrf).text)[1])  # type: ignore[index]
        clock.move_by(timedelta(minutes=int(waits[-1]), seconds=1))
        csrf = half_in(browser)
        assert "quá nhiều lần" not in guess(browser, csrf).text

    assert waits == ["5", "10", "20"]


def test_a_day_of_guessing_is_fourteen_codes_and_no_right_password_makes_it_more(
    strict: FastAPI, sqlite_database: Database, clock: SteppedClock
) -> None:
    tries, end = 0, clock.now() + timedelta(days=1)

    while clock.now() < end:
        with transaction(sqlite_database, clock) as tx:
            wait = users.code_wait(tx.connection, "minh", now=tx.now)
            if not wait:
                users.count_refusal(tx, "minh", why="code")
                tries += 1
        clock.move_by(wait or timedelta(seconds=1))

    assert tries <= 14


def test_a_right_code_forgets_the_wrong_ones_and_an_admin_lets_try_again(
    strict: FastAPI, config: Config, sign_in: Sign, clock: SteppedClock
) -> None:
    secret, _ = enrol(sign_in(), clock)
    clock.move_by(timedelta(minutes=1))
    browser = sign_in()
    csrf = half_in(browser)
    for _ in range(users.CODES + 1):
        locked = guess(browser, csrf)

    config.web.second_factor = False  # for the admin of this test alone
    page = sign_in("quan").get("/admin/users/minh").text
    sign_in("quan").submit("/admin/users/minh/unlock", password=PASSWORD)
    right = guess(browser, csrf, code(secret, clock))
    csrf = half_in(browser)
    again = [guess(browser, csrf).text for _ in range(users.CODES)]

    assert "quá nhiều lần" in locked.text
    assert "/admin/users/minh/unlock" in page
    assert right.url.path == "/"
    assert not any("quá nhiều lần" in one for one in again)


def test_the_secret_lies_sealed_in_the_database(
    strict: FastAPI, sign_in: Sign, clock: SteppedClock, sqlite_database: Database
) -> None:
    secret, codes = enrol(sign_in(), clock)

    with sqlite_database.reading() as connection:
        connection.exec_driver_sql("SELECT 1")
    raw = b"".join(path.read_bytes() for path in sqlite_database.file.parent.glob("broadcaster.db*"))  # type: ignore[union-attr]

    assert secret.encode() not in raw
    assert all(one.encode() not in raw for one in codes)


def test_a_password_that_was_given_out_must_be_changed_first(
    app: FastAPI, sign_in: Sign, sqlite_database: Database, clock: SteppedClock
) -> None:
    with transaction(sqlite_database, clock) as tx:
        users.reset(tx, name="lan", password=PASSWORD, actor="quan", must_change=True)
    browser = sign_in()

    first = browser.post("/login", data={"name": "lan", "password": PASSWORD})
    csrf = re.search(r'name="csrf" value="([0-9a-f]{64})"', first.text)
    assert csrf
    same = browser.post(
        "/login/password",
        data={"csrf": csrf[1], "password": PASSWORD, "password_new": PASSWORD, "password_again": PASSWORD},
    )
    done = browser.post(
        "/login/password",
        data={
            "csrf": csrf[1],
            "password": PASSWORD,
            "password_new": "mot cau khac han",
            "password_again": "mot cau khac han",
        },
    )

    assert first.url.path == "/login/password"
    assert same.status_code == 400
    assert done.url.path == "/"


def test_a_changed_password_ends_every_other_session(app: FastAPI, sign_in: Sign) -> None:
    here, there = sign_in("lan"), sign_in("lan")

    here.submit(
        "/login/password", password=PASSWORD, password_new="mot cau khac han", password_again="mot cau khac han"
    )

    assert here.get("/me", follow_redirects=False).status_code == 200
    assert there.get("/me", follow_redirects=False).status_code == 303


def test_an_unknown_name_and_a_wrong_password_get_the_same_answer(app: FastAPI, sign_in: Sign) -> None:
    browser = sign_in()

    wrong = browser.post("/login", data={"name": "lan", "password": "khong phai mat khau"})
    unknown = browser.post("/login", data={"name": "khongcoai", "password": "khong phai mat khau"})

    assert wrong.status_code == unknown.status_code == 403
    assert wrong.text.replace('value="lan"', "") == unknown.text.replace('value="khongcoai"', "")


def test_ten_wrong_passwords_make_a_name_wait_and_five_minutes_later_it_may_try_again(
    app: FastAPI, sign_in: Sign, clock: SteppedClock
) -> None:
    browser = sign_in()

    for _ in range(users.TRIES):
        browser.post("/login", data={"name": "lan", "password": "khong phai mat khau"})
    waits = browser.post("/login", data={"name": "lan", "password": PASSWORD})
    clock.move_by(users.PAUSE + timedelta(seconds=1))
    again = browser.post("/login", data={"name": "lan", "password": PASSWORD})

    assert waits.status_code == 403
    assert again.url.path == "/"


def test_signing_in_and_out_stands_in_the_ledger_and_the_password_nowhere(
    app: FastAPI, sign_in: Sign, sqlite_database: Database
) -> None:
    browser = sign_in("lan")
    browser.post("/login", data={"name": "lan", "password": "bi mat lo ra day"})
    browser.submit("/logout")

    with sqlite_database.reading() as connection:
        entries = [raw.decode() for raw in raws(connection)]

    kinds = [re.search(r'"kind":"([a-z._]+)"', entry)[1] for entry in entries[-3:]]  # type: ignore[index]
    assert kinds == ["user.login", "user.refused", "user.logout"]
    assert not any("bi mat" in entry for entry in entries)


def test_signing_out_ends_the_session_on_the_server_too(app: FastAPI, sign_in: Sign) -> None:
    browser = sign_in("lan")
    stolen = browser.cookies["desk"]
    browser.submit("/logout")

    thief = sign_in()
    thief.cookies.set("desk", stolen)

    assert thief.get("/me", follow_redirects=False).status_code == 303


def test_over_https_the_cookie_is_bound_to_this_host(app: FastAPI) -> None:
    with Browser(app, base_url="https://127.0.0.1") as browser:
        answer = browser.post("/login", data={"name": "lan", "password": PASSWORD}, follow_redirects=False)

    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-desk=")
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert answer.headers["strict-transport-security"].startswith("max-age=31536000")


def test_the_language_is_kept_and_stands_on_the_page(app: FastAPI, sign_in: Sign) -> None:
    browser = sign_in("lan")

    before = browser.get("/").text
    browser.submit("/language", language="en", back="/")
    after = browser.get("/").text

    assert '<html lang="vi">' in before
    assert '<html lang="en">' in after
    assert "Needs you" in after


def refusals(database: Database) -> list[dict[str, Any]]:
    with database.reading() as connection:
        found = [decode(raw) for raw in raws(connection)]
    return [entry for entry in found if entry["kind"] == "user.refused"]


def test_made_up_names_write_one_entry_an_hour_and_real_ones_each_time(
    app: FastAPI, sign_in: Sign, sqlite_database: Database, clock: SteppedClock
) -> None:
    browser = sign_in()

    for n in range(30):
        browser.post("/login", data={"name": f"ai{n}", "password": "khong phai mat khau"})
    browser.post("/login", data={"name": "lan", "password": "khong phai mat khau"})
    browser.post("/login", data={"name": "lan", "password": "khong phai mat khau"})
    clock.move_by(users.WINDOW)
    browser.post("/login", data={"name": "ai", "password": "khong phai mat khau"})

    told = [(entry["actor"], entry.get("tries")) for entry in refusals(sqlite_database)]
    assert told == [("nobody", 1), ("lan", None), ("lan", None), ("nobody", 30)]


def test_made_up_names_at_the_command_line_are_counted_too(
    app: FastAPI, sqlite_database: Database, clock: SteppedClock
) -> None:
    for n in range(5):
        with transaction(sqlite_database, clock) as tx:
            assert users.authenticate(tx, name=f"ai{n}", password="khong phai mat khau") is None

    assert len(refusals(sqlite_database)) == 1


# -- set-up -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def bare(config: Config, sqlite_database: Database, clock: SteppedClock) -> FastAPI:
    """A desk of an office without a user."""
    from broadcaster.web.app import make_app

    return make_app(config, clock=clock, database=sqlite_database)


def test_the_set_up_link_makes_the_first_admin_once(bare: FastAPI, config: Config, sqlite_database: Database) -> None:
    browser = Browser(bare, base_url="http://127.0.0.1")
    link = f"/set-up/{bare.state.desk.set_up_token}"
    values = {
        "office": 'Ban "Chỉ đạo" 138', "name": "quan", "password": PASSWORD, "password_again": PASSWORD, "language": "en",
    }  # fmt: skip

    wrong = browser.get("/set-up/something-else")
    bad = browser.post(link, data={**values, "password": "short", "password_again": "short"})
    done = browser.post(link, data=values)
    again = browser.post(link, data=values)

    from broadcaster.config import load

    with sqlite_database.reading() as connection:
        accounts = users.everybody(connection)
    assert wrong.status_code == 404
    assert bad.status_code == 400
    assert "Ban &#34;Chỉ đạo&#34; 138" in bad.text
    assert done.url.path == "/"
    assert "Getting started" in done.text
    assert again.status_code == 404
    assert [(one.name, one.roles) for one in accounts] == [("quan", frozenset({Role.ADMIN}))]
    assert load(config.folder / "config.toml").office.name == 'Ban "Chỉ đạo" 138'
    browser.close()


def test_an_office_with_users_has_no_set_up(app: FastAPI, sign_in: Sign) -> None:
    assert app.state.desk.set_up_token == ""
    assert sign_in().get("/set-up/").status_code == 404
    assert sign_in().get("/set-up/x").status_code == 404
