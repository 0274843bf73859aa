"""`broadcaster user` with two admins, and what doctor says of one."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import broadcaster
from broadcaster.access import store
from broadcaster.cli.main import cli

PASSWORD = "mot cau du dai de nho"
HOUSE = Path(broadcaster.__file__).parent


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One admin from `init`, one more."""
    folder = tmp_path / "office"
    assert CliRunner().invoke(cli, ["init", str(folder)]).exit_code == 0
    monkeypatch.chdir(folder)
    return folder


def user(*words: str, who: str = "", password: str = "") -> Result:
    return CliRunner().invoke(
        cli, ["user", *words, *(("--as", who) if who else ())], env={"BROADCASTER_PASSWORD": PASSWORD}, input=password
    )


def doctor() -> str:
    found = json.loads(CliRunner().invoke(cli, ["doctor", "--json"]).stdout)
    return " / ".join(one["what"] for one in found)


def test_an_approver_takes_two_admins_at_the_command_line_too(office: Path) -> None:
    user("add", "quan", "--role", "admin", "--password-stdin", password=PASSWORD)
    first = user("reset", "admin", who="quan")  # the other admin of this office has a one-time password nobody knows
    lost = user("reset", "admin")

    asked = user("add", "minh", "--role", "approver", who="quan")
    again = user("add", "minh", "--role", "approver", who="quan")
    alone = user("add", "minh", "--role", "approver")
    there = [one["name"] for one in json.loads(user("list", "--json").stdout)]

    assert [one.exit_code for one in (first, lost, asked, again)] == [0, 0, 0, 0]
    assert "waiting" in asked.stdout
    assert "--as ADMIN" in str(alone.exception)
    assert "minh" not in there
    halves = [re.findall(r"half of the one-time password: (\S+)", one.stdout)[0] for one in (first, lost)]
    second = CliRunner().invoke(
        cli, ["user", "add", "minh", "--role", "approver", "--as", "admin"],
        env={"BROADCASTER_PASSWORD": "".join(halves)},
    )  # fmt: skip
    assert second.exit_code == 0, second.output
    rows = {one["name"]: one["alone"] for one in json.loads(user("list", "--json").stdout)}
    assert (rows["minh"], rows["admin"]) == (False, True)


def test_doctor_warns_of_one_admin_and_names_who_was_made_alone(office: Path) -> None:
    user("add", "minh", "--role", "approver", "--password-stdin", password=PASSWORD)
    before = doctor()

    user("add", "quan", "--role", "admin", "--password-stdin", password=PASSWORD)
    after = doctor()

    assert "only one admin" in before
    assert "by one person alone: admin, minh" in before
    assert "only one admin" not in after


def test_who_waits_after_wrong_passwords_is_let_in_by_an_admin(office: Path) -> None:
    user("add", "quan", "--role", "admin", "--password-stdin", password=PASSWORD)
    for _ in range(store.TRIES):
        CliRunner().invoke(cli, ["user", "unlock", "admin", "--as", "quan"], env={"BROADCASTER_PASSWORD": "sai"})

    waits = user("unlock", "admin", who="quan")
    freed = user("unlock", "quan")
    again = user("unlock", "admin", who="quan")

    assert "Too many wrong passwords" in str(waits.exception)
    assert [freed.exit_code, again.exit_code] == [0, 0]


def test_nothing_outside_the_room_gives_rights_past_the_second_admin() -> None:
    guarded = {"add", "set_roles", "reset", "take_away"}

    found = []
    for path in HOUSE.rglob("*.py"):
        if path.parent.name == "access":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        known = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "broadcaster.access"
            for alias in node.names
            if alias.name in ("store", "factor")
        }
        found += [
            f"{path.name}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and node.attr in guarded and getattr(node.value, "id", "") in known
        ]

    assert found == []
