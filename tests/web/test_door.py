"""Who comes in, by which door, and what every answer carries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Match

from broadcaster.access import session as sessions
from broadcaster.access import store as users
from broadcaster.access.user import MAY, Act, Role
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.ledger.store import transaction
from broadcaster.web.app import HEADERS, OPEN_MODULES
from broadcaster.web.door import RULE, Look
from tests.web.desk_people import PASSWORD

Sign = Callable[..., Any]
OF_ROLE = {Role.AUTHOR: "nga", Role.APPROVER: "minh", Role.OPERATOR: "hoa", Role.AUDITOR: "tam", Role.ADMIN: "quan"}


def routes(app: FastAPI) -> list[Any]:
    """Every route there is, those of included routers too."""
    found, stack = [], list(app.router.routes)
    while stack:
        one = stack.pop(0)
        inner = getattr(one, "original_router", None) or getattr(one, "router", None)
        if inner is not None and hasattr(inner, "routes"):
            stack += inner.routes
        else:
            found.append(one)
    return found


def rule_of(route: Any) -> Any:
    return getattr(route.endpoint, RULE, None)


def filled(path: str) -> str:
    import re

    return re.sub(r"\{[^}]*\}", "b-00000001", path)


def test_every_route_says_who_may_come_in(app: FastAPI) -> None:
    known = routes(app)

    without = [one.path for one in known if rule_of(one) is None and one.endpoint.__module__ not in OPEN_MODULES
               and not one.endpoint.__module__.startswith("broadcaster.web.api")]  # fmt: skip

    assert app.state.desk.missing == {}
    assert len(known) > 15
    assert without == []


def test_the_routes_these_tests_try_are_all_the_application_has(app: FastAPI) -> None:
    """What the server itself would answer, counted another way: through the application's own matching."""
    missed = []
    for route in routes(app):
        for method in route.methods - {"HEAD"}:
            scope = {"type": "http", "method": method, "path": filled(route.path), "headers": [], "root_path": ""}
            if not any(one.matches(dict(scope))[0] is Match.FULL for one in app.router.routes):
                missed.append((method, route.path))

    assert missed == []
    assert {rule_of(route) for route in routes(app)} >= {*Look} - {Look.PUBLIC}
    assert sum(isinstance(rule_of(route), Act) for route in routes(app)) > 40


@pytest.mark.parametrize("role", list(Role))
def test_every_role_is_refused_everything_the_matrix_does_not_give_it(app: FastAPI, sign_in: Sign, role: Role) -> None:
    browser = sign_in(OF_ROLE[role])
    csrf = browser.csrf()

    let_in = []
    for route in routes(app):
        rule = rule_of(route)
        if not isinstance(rule, Act) or role in MAY[rule]:
            continue
        for method in route.methods - {"HEAD"}:
            path = filled(route.path)
            answer = browser.get(path) if method == "GET" else browser.post(path, data={"csrf": csrf})
            if answer.status_code != 403:
                let_in.append((method, route.path, answer.status_code))

    assert let_in == []


def test_nobody_signed_in_is_sent_to_sign_in_from_every_page(app: FastAPI, sign_in: Sign) -> None:
    browser = sign_in()

    open_doors = []
    for route in routes(app):
        rule = rule_of(route)
        if rule is None or rule == Look.PUBLIC or not isinstance(route, APIRoute):
            continue
        for method in route.methods:
            answer = browser.request(method, filled(route.path), follow_redirects=False)
            if method == "POST":
                answer = browser.post(filled(route.path), data={"a": "b"}, follow_redirects=False)
            if answer.status_code not in (303, 401) or (
                method == "GET" and "/login?next=" not in answer.headers["location"]
            ):
                open_doors.append((method, route.path, answer.status_code))

    assert open_doors == []


def test_every_change_needs_the_key_of_this_sessions_forms(app: FastAPI, sign_in: Sign) -> None:
    browser, other = sign_in("duc"), sign_in("minh")
    strange = other.csrf()

    done = []
    for route in routes(app):
        if "POST" not in (route.methods or ()) or rule_of(route) in (None, Look.PUBLIC):
            continue
        for data in ({"a": "b"}, {"csrf": strange}, {"csrf": ""}):
            if browser.post(filled(route.path), data=data).status_code != 403:
                done.append(route.path)

    assert done == []


@pytest.mark.parametrize("headers", [{"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"},
                                     {"sec-fetch-site": "same-site"}, {"origin": "null"}])  # fmt: skip
def test_a_form_of_another_site_is_refused(sign_in: Sign, headers: dict[str, str]) -> None:
    browser = sign_in("lan")

    answer = browser.post("/logout", data={"csrf": browser.csrf()}, headers=headers)

    assert answer.status_code == 403
    assert browser.get("/me").status_code == 200


def test_every_answer_carries_the_headers(sign_in: Sign) -> None:
    browser = sign_in("lan")

    answers = [browser.get(path) for path in ("/", "/nowhere", "/login", "/static/desk.css")]

    for answer in answers:
        assert {name for name in HEADERS if name.lower() not in answer.headers} == set()
        assert "unsafe" not in answer.headers["content-security-policy"]


def test_a_made_up_host_gets_nothing(sign_in: Sign) -> None:
    browser = sign_in()

    answer = browser.get("/login", headers={"host": "evil.example"})

    assert answer.status_code == 400


def test_a_session_is_new_at_each_sign_in_and_over_after_half_an_hour_idle(sign_in: Sign, clock: SteppedClock) -> None:
    browser = sign_in("lan")
    first = browser.cookies["desk"]

    clock.move_by(timedelta(minutes=29))
    still = browser.get("/me").status_code
    clock.move_by(sessions.IDLE)
    over = browser.get("/me", follow_redirects=False)

    assert still == 200
    assert over.status_code == 303
    assert sign_in("lan").cookies["desk"] != first


def test_a_session_is_over_after_twelve_hours_however_busy(sign_in: Sign, clock: SteppedClock) -> None:
    browser = sign_in("lan")

    for _ in range(36):
        clock.move_by(timedelta(minutes=20))
        last = browser.get("/me", follow_redirects=False)

    assert last.status_code == 303


def test_a_disabled_user_is_out_at_the_next_request(
    sign_in: Sign, sqlite_database: Database, clock: SteppedClock
) -> None:
    browser = sign_in("lan")

    with transaction(sqlite_database, clock) as tx:
        users.disable(tx, name="lan", actor="quan")

    assert browser.get("/me", follow_redirects=False).status_code == 303


def test_a_session_that_was_left_open_does_not_outlive_its_user(
    sign_in: Sign, sqlite_database: Database, clock: SteppedClock
) -> None:
    browser = sign_in("lan")

    with transaction(sqlite_database, clock) as tx:  # behind the house's back, so that the session stays
        tx.connection.execute(users.USER.update().where(users.USER.c.name == "lan").values(disabled=True))

    assert browser.get("/me", follow_redirects=False).status_code == 303


def test_what_was_typed_comes_back_when_the_session_was_over(sign_in: Sign, clock: SteppedClock) -> None:
    browser = sign_in("lan")
    csrf = browser.csrf()
    clock.move_by(sessions.IDLE)

    asked = browser.post("/me/leave", data={"csrf": csrf, "reason": "Sửa câu <thứ hai>", "password": "secret-typed"})
    again = browser.post(
        "/login",
        data={"name": "lan", "password": PASSWORD, "next": "/me/leave", "carried.reason": "Sửa câu <thứ hai>"},
    )

    assert asked.status_code == 401
    assert 'name="carried.reason" value="Sửa câu &lt;thứ hai&gt;"' in asked.text
    assert "secret-typed" not in asked.text
    assert 'action="/me/leave"' in again.text
    assert "Sửa câu &lt;thứ hai&gt;</textarea>" in again.text


def test_nobody_is_sent_to_another_site_after_signing_in(sign_in: Sign) -> None:
    browser = sign_in()

    for where in ("https://evil.example/", "//evil.example", "/\\evil.example"):
        answer = browser.post(
            "/login", data={"name": "lan", "password": PASSWORD, "next": where}, follow_redirects=False
        )
        assert answer.headers["location"] == "/"
