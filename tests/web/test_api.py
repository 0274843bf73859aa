"""The programs' door: what a token may, what it may not, and that no question breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from broadcaster.access import store as users
from broadcaster.access import token as tokens
from broadcaster.access.user import MAY, NEEDS_SECOND_LOOK, Act, Role
from broadcaster.approval import store as approvals
from broadcaster.clock import SteppedClock
from broadcaster.config import Config
from broadcaster.content import files, render
from broadcaster.content import store as contents
from broadcaster.db.engine import Database
from broadcaster.ledger import checkpoint
from broadcaster.ledger.entry import Kind, decode
from broadcaster.ledger.store import raws, transaction
from broadcaster.web.api import BODY_MOST, ROOT
from tests.dispatch.test_lane import begin
from tests.web.desk_people import PASSWORD, Browser

Api = Callable[..., Any]
OF_ROLE = {Role.AUTHOR: "nga", Role.APPROVER: "minh", Role.OPERATOR: "hoa", Role.AUDITOR: "tam", Role.ADMIN: "quan"}
MESSAGE = """+++
id = "hotline-111"
category = "hotline"
title = { vi = "Gọi 111" }
source = "Luật Trẻ em 2016"
+++

## vi

### text
Gọi 111 khi trẻ em cần giúp.

### sms
Goi 111 khi tre em can giup.
"""


@pytest.fixture(autouse=True)
def key(config: Config) -> None:
    checkpoint.generate(config.path("secrets/ledger.key"))


@pytest.fixture
def token_of(app: FastAPI, sqlite_database: Database, clock: SteppedClock) -> Callable[..., str]:
    """`token_of("hoa", Act.BROADCAST_SEND)`: a program's key."""

    def make(name: str, *acts: Act, good_for: timedelta = timedelta(days=30)) -> str:
        with transaction(sqlite_database, clock) as tx:
            return tokens.make(tx, name=name, label="thử", acts=acts, good_for=good_for, actor=name)

    return make


@pytest.fixture
def program(app: FastAPI) -> Iterator[Browser]:
    with Browser(app, base_url="http://127.0.0.1") as browser:
        yield browser


@pytest.fixture
def ask(program: Browser, token_of: Callable[..., str]) -> Api:
    """`ask("hoa", "/campaigns")`, with a token of hers without acts unless some are named."""

    known = cache(token_of)

    def get(name: str, path: str, *acts: Act, **values: Any) -> Any:
        headers = {"Authorization": f"Bearer {known(name, *acts)}"}
        if values:
            return program.post(f"{ROOT}{path}", json=values, headers=headers)
        return program.get(f"{ROOT}{path}", headers=headers)

    return get


def kinds(database: Database) -> list[str]:
    with database.reading() as connection:
        return [decode(raw)["kind"] for raw in raws(connection)]


# -- who comes in -----------------------------------------------------------------------------------------------------


def test_without_a_token_in_force_nothing_is_answered(
    program: Browser, token_of: Callable[..., str], clock: SteppedClock, sqlite_database: Database
) -> None:
    described = program.get(f"{ROOT}/openapi.json").json()["paths"]
    old = token_of("hoa", good_for=timedelta(hours=1))
    ended = token_of("hoa")
    with transaction(sqlite_database, clock) as tx:
        tokens.end(tx, 2, actor="quan")
    clock.move_by(timedelta(hours=2))

    answers = []
    for given in ("", "Bearer ", "Bearer bc_guessed", f"Bearer {old}", f"Bearer {ended}", f"Basic {old}"):
        for path, operations in described.items():
            for method in operations:
                at = path.replace("{id}", "b-00000001").replace("{campaign}", "c")
                answers.append(program.request(method, at, headers={"Authorization": given} if given else {}))

    assert len(described) >= 9
    assert {one.status_code for one in answers} == {401}
    assert {one.headers["www-authenticate"] for one in answers} == {"Bearer"}
    assert all("Authorization: Bearer" in one.json()["error"] for one in answers)


def test_a_signed_in_browser_is_no_program(sign_in: Callable[..., Browser]) -> None:
    assert sign_in("hoa").get(f"{ROOT}/campaigns").status_code == 401


def test_the_token_of_a_disabled_user_is_over_at_once(
    ask: Api, program: Browser, token_of: Callable[..., str], sqlite_database: Database, clock: SteppedClock
) -> None:
    headers = {"Authorization": f"Bearer {token_of('hoa')}"}
    before = program.get(f"{ROOT}/campaigns", headers=headers).status_code

    with transaction(sqlite_database, clock) as tx:
        users.disable(tx, name="hoa", actor="quan")

    assert (before, program.get(f"{ROOT}/campaigns", headers=headers).status_code) == (200, 401)


def test_when_a_token_was_last_used_is_kept(ask: Api, sqlite_database: Database, clock: SteppedClock) -> None:
    ask("hoa", "/campaigns")

    with sqlite_database.reading() as connection:
        (known,) = tokens.everyone(connection)
    assert known.used_at == clock.now()


CHANGES = {  # everything programs can change, with the act it takes and a body that would be taken
    "/broadcasts": (Act.BROADCAST_SEND, {"message": "hotline-111", "channel": "sms", "group": "x"}),
    "/stops": (Act.STOP_SET, {"scope": "everything", "reason": "Sai số máy", "password": PASSWORD}),
}


def test_everything_programs_can_do_is_described_and_has_its_act(app: FastAPI, program: Browser) -> None:
    from broadcaster.web.api import router

    described = program.get(f"{ROOT}/openapi.json").json()["paths"]

    here = {(method, route.path) for route in router.routes for method in route.methods - {"HEAD"}}
    told = {(method.upper(), path) for path, known in described.items() for method in known}
    aside = {("GET", f"{ROOT}/openapi.json"), ("GET", f"{ROOT}/{{path:path}}"), ("POST", f"{ROOT}/{{path:path}}")}
    assert here - told == aside
    assert {path for method, path in told if method != "GET"} == {ROOT + path for path in CHANGES}


@pytest.mark.parametrize("role", list(Role))
def test_every_role_looks_and_changes_exactly_what_the_matrix_gives_it(
    ask: Api, program: Browser, role: Role, sqlite_database: Database, clock: SteppedClock
) -> None:
    begin(sqlite_database, clock, 1)
    described = program.get(f"{ROOT}/openapi.json").json()["paths"]

    looked = {}
    for path in (path for path, known in described.items() if "get" in known):
        at = path.removeprefix(ROOT).replace("{id}", "b-00000001").replace("{campaign}", "c")
        looked[path] = ask(OF_ROLE[role], at + ("?broadcast=b-00000001" if at == "/dispatches" else "")).status_code
    changed = {}
    for path, (act, body) in CHANGES.items():
        acts = [act] if role in MAY[act] and act not in NEEDS_SECOND_LOOK else []
        changed[act] = ask(OF_ROLE[role], path, *acts, **body).status_code

    assert {path: status for path, status in looked.items() if status not in (200, 404)} == {}
    assert {act for act, status in changed.items() if status != 403} == {act for act in changed if role in MAY[act]}


@pytest.mark.parametrize("role", list(Role))
def test_every_role_is_refused_what_the_matrix_does_not_give_it(
    ask: Api, role: Role, sqlite_database: Database
) -> None:
    name = OF_ROLE[role]
    sending = [Act.BROADCAST_SEND] if role in MAY[Act.BROADCAST_SEND] else []

    sent = ask(name, "/broadcasts", *sending, message="hotline-111", channel="sms", group="x")
    stopped = ask(name, "/stops", scope="everything", reason="Sai số máy", password=PASSWORD)

    assert (sent.status_code == 403) == (role not in MAY[Act.BROADCAST_SEND])
    assert stopped.status_code == (201 if role in MAY[Act.STOP_SET] else 403)
    assert kinds(sqlite_database).count("stop.set") == (role in MAY[Act.STOP_SET])


def test_a_token_does_nothing_that_it_does_not_name_whatever_its_user_may(ask: Api) -> None:
    answer = ask("hoa", "/broadcasts", Act.REPORT_MAKE, message="hotline-111", channel="sms", group="x")

    assert answer.status_code == 403
    assert "broadcast.send" in answer.json()["error"]


def test_a_token_does_not_outlive_its_user_s_role(ask: Api, sqlite_database: Database, clock: SteppedClock) -> None:
    values = {"message": "hotline-111", "channel": "sms", "group": "x"}
    before = ask("hoa", "/broadcasts", Act.BROADCAST_SEND, **values)

    with transaction(sqlite_database, clock) as tx:
        users.set_roles(tx, name="hoa", roles=frozenset({Role.AUDITOR}), actor="quan")
    after = ask("hoa", "/broadcasts", Act.BROADCAST_SEND, **values)

    assert before.status_code == 404  # there is no such message
    assert (after.status_code, "it takes the role operator" in after.json()["error"]) == (403, True)


def test_a_stop_takes_the_password_again(ask: Api, sqlite_database: Database) -> None:
    answer = ask("hoa", "/stops", reason="Sai số máy", password="đoán mò thôi mà")

    assert answer.status_code == 403
    assert "stop.set" not in kinds(sqlite_database)
    assert Act.STOP_SET in NEEDS_SECOND_LOOK


# -- looking ----------------------------------------------------------------------------------------------------------


def test_broadcasts_and_dispatches_come_in_pages_and_addresses_are_masked(
    ask: Api, sqlite_database: Database, clock: SteppedClock
) -> None:
    begin(sqlite_database, clock, 5)

    listed = ask("tam", "/broadcasts").json()["items"]
    one = ask("tam", f"/broadcasts/{listed[0]['id']}").json()
    first = ask("tam", f"/dispatches?broadcast={listed[0]['id']}&limit=3")
    second = ask("tam", f"/dispatches?broadcast={listed[0]['id']}&limit=3&after={first.json()['next']}").json()

    assert (one["planned"], one["open"], one["states"]["planned"]) == (5, 5, 5)
    assert len(first.json()["items"]) == 3
    assert (len(second["items"]), second["next"]) == (2, None)
    assert "to_masked" in first.json()["items"][0]
    assert "8490000000" not in first.text
    assert ask("tam", "/broadcasts?after=b-00000001").json()["items"] == []


def test_entries_of_the_ledger_come_newest_first_and_the_quick_look_finds_a_cut(
    ask: Api, sqlite_database: Database, clock: SteppedClock, config: Config
) -> None:
    with transaction(sqlite_database, clock) as tx:
        for n in range(7):
            tx.record(Kind.BULLETIN_REMIND, "hoa", communes=["x"], n=n)

    first = ask("tam", "/ledger/entries?kind=bulletin&limit=5").json()
    second = ask("tam", f"/ledger/entries?kind=bulletin&limit=5&after={first['next']}").json()
    whole = ask("tam", "/ledger/verify").json()
    with sqlite_database.writing() as connection:
        triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'ledger%'"
        for name in connection.scalars(text(triggers)).all():
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text("DELETE FROM ledger_entry WHERE seq = (SELECT max(seq) FROM ledger_entry)"))
    cut = ask("tam", "/ledger/verify").json()

    assert [one["n"] for one in first["items"] + second["items"]] == [6, 5, 4, 3, 2, 1, 0]
    assert (whole["ok"], whole["whole"]) == (True, False)
    assert whole["entries"] > 7
    assert (cut["ok"], len(cut["faults"])) == (False, 1)


def test_a_quick_look_finds_what_was_changed_since_the_newest_checkpoint(
    ask: Api, sqlite_database: Database, clock: SteppedClock, config: Config, app: FastAPI
) -> None:
    from broadcaster.app import make_checkpoint

    make_checkpoint(config, sqlite_database, clock)
    with transaction(sqlite_database, clock) as tx:
        tx.record(Kind.BULLETIN_REMIND, "hoa", communes=["x"], n=1)
    good = ask("tam", "/ledger/verify").json()
    with sqlite_database.writing() as connection:
        for name in connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(
            text("UPDATE ledger_entry SET raw = CAST(replace(raw, 'hoa', 'lan') AS BLOB) WHERE seq = :n"),
            {"n": good["checkpoint"]["size"]},
        )

    bad = ask("tam", "/ledger/verify").json()

    assert good["ok"]
    assert not bad["ok"]


@pytest.mark.parametrize("path", ["/campaigns", "/messages", "/broadcasts", "/stops", "/ledger/entries"])
def test_every_list_is_answered_to_any_token(ask: Api, path: str) -> None:
    answer = ask("tam", path)

    assert answer.status_code == 200
    assert set(answer.json()) == {"items", "next"}


@pytest.mark.parametrize(("path", "status"), [
    ("/broadcasts/b-99", 404), ("/broadcasts/x", 404), ("/report/nowhere", 404), ("/nothing", 404),
    ("/dispatches", 422), ("/dispatches?broadcast=b-99", 404), ("/broadcasts?limit=0", 422),
    ("/broadcasts?limit=501", 422), ("/broadcasts?state=odd", 422), ("/ledger/entries?day=0001-01-01", 400),
    ("/ledger/entries?after=x", 422), ("/broadcasts?campaign=%00", 422),
])  # fmt: skip
def test_what_cannot_be_answered_is_refused_with_a_sentence(ask: Api, path: str, status: int) -> None:
    answer = ask("tam", path)

    assert answer.status_code == status
    assert answer.json()["error"]


# -- doing ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def library(config: Config, sqlite_database: Database, clock: SteppedClock) -> None:
    """One approved message, and a group with two people."""
    from tests.builders import make_ground

    folder = config.path("content") / "hotline"
    folder.mkdir()
    (folder / "hotline-111.md").write_text(MESSAGE, encoding="utf-8")
    found = files.load(config.path("content"))
    item = found.item("hotline-111")
    with transaction(sqlite_database, clock) as tx:
        make_ground(tx, 2)
    with transaction(sqlite_database, clock) as tx:
        snapshot = render.snapshot(item, found.facts, {})
        contents.save(tx, snapshot)
        approvals.submit(tx, kind="revision", name=item.id, subject=snapshot.hash, by="lan", two_person=True)
        approvals.approve(tx, kind="revision", name=item.id, by="minh", expected=snapshot.hash)


def test_a_large_or_endless_body_is_refused(program: Browser, token_of: Callable[..., str]) -> None:
    headers = {"Authorization": f"Bearer {token_of('hoa', Act.BROADCAST_SEND)}"}

    large = program.post(f"{ROOT}/broadcasts", content=b"x" * (BODY_MOST + 1), headers=headers)
    endless = program.post(f"{ROOT}/broadcasts", content=iter([b"{}"]), headers=headers)
    broken = program.post(f"{ROOT}/broadcasts", content=b'{"message": "\\ud800", ', headers=headers)

    assert (large.status_code, endless.status_code, broken.status_code) == (413, 411, 422)


def test_what_is_asked_for_over_the_api_waits_for_another_person(
    ask: Api, sign_in: Callable[..., Browser], library: None, sqlite_database: Database
) -> None:
    values = {"message": "hotline-111", "channel": "sms", "group": "border", "language": "vi"}

    asked = ask("hoa", "/broadcasts", Act.BROADCAST_SEND, **values)
    again = ask("hoa", "/broadcasts", Act.BROADCAST_SEND, **values)

    assert asked.status_code == 201, asked.text
    assert asked.json()["state"] == "submitted"
    assert asked.json()["broadcast"] in again.json()["twins"]
    assert kinds(sqlite_database).count("broadcast.submit") == 2
    assert "broadcast.approve" not in kinds(sqlite_database)


# -- whatever is asked ------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("role", list(Role))
def test_no_question_breaks_it_and_none_gets_beyond_the_matrix(
    app: FastAPI, token_of: Callable[..., str], role: Role, sqlite_database: Database, clock: SteppedClock
) -> None:
    import schemathesis
    from hypothesis import HealthCheck, given, settings
    from schemathesis.checks import not_a_server_error

    begin(sqlite_database, clock, 3)
    name = OF_ROLE[role]
    mine = [act for act in (Act.BROADCAST_SEND,) if role in MAY[act]]
    headers = {"Authorization": f"Bearer {token_of(name, *mine)}"}
    schema = schemathesis.openapi.from_asgi(f"{ROOT}/openapi.json", app, headers={"Host": "127.0.0.1"})
    before = kinds(sqlite_database)
    statuses: dict[str, set[int]] = {}

    for found in schema.get_all_operations():
        operation = found.ok()

        label = operation.label

        @settings(max_examples=8, deadline=None, derandomize=True, database=None,
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(case=operation.as_strategy())
        def answers(case: Any) -> None:
            response = case.call(headers={**headers, "Host": "127.0.0.1"})
            case.validate_response(response, checks=[not_a_server_error])
            statuses.setdefault(label, set()).add(response.status_code)  # noqa: B023 - called before the next turn

        answers()

    done = set(kinds(sqlite_database)) - set(before) - {"user.refused"}
    assert len(statuses) >= 11
    assert done <= {act for act in ("broadcast.send",) if role in MAY[Act.BROADCAST_SEND]}
    if role not in MAY[Act.BROADCAST_SEND]:
        assert 201 not in statuses["POST /api/v1/broadcasts"]


def test_the_description_is_valid_and_names_every_door(program: Browser, app: FastAPI) -> None:
    described = program.get(f"{ROOT}/openapi.json").json()

    names = {(method, path) for path, found in described["paths"].items() for method in found}
    assert ("post", f"{ROOT}/broadcasts") in names
    assert ("post", f"{ROOT}/stops") in names
    assert all(found[method]["security"] for found in described["paths"].values() for method in found)
    assert described["openapi"].startswith("3.")
