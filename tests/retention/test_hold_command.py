"""`broadcaster hold` and `broadcaster retention` as people and scripts call them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from broadcaster.access import store as users
from broadcaster.access.user import Role
from broadcaster.cli.main import _run
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.db.tables import Campaign, table
from broadcaster.ledger.store import transaction

PASSWORD = "mat khau rat dai 1"


@pytest.fixture
def call(
    sqlite_database: Database, clock: SteppedClock, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Any:  # fmt: skip
    """Run a command; its exit code and its JSON or what it said."""
    (tmp_path / "config.toml").write_text('[database]\nurl = "sqlite:///broadcaster.db"\n', encoding="utf-8")
    monkeypatch.setenv("BROADCASTER_PASSWORD", PASSWORD)
    with transaction(sqlite_database, clock) as tx:
        for name in ("minh", "hoa"):
            users.add(tx, name=name, roles=frozenset({Role.APPROVER}), password=PASSWORD, actor="console:x")
        tx.connection.execute(
            insert(table(Campaign)).values(
                id="mbn", title="x", state="done", plan_hash="p", since=clock.now().date(), until=clock.now().date(),
                timezone="Asia/Ho_Chi_Minh",
            )
        )  # fmt: skip

    def run(*arguments: str) -> tuple[int, Any]:
        capsys.readouterr()
        code = _run([*arguments, "--json", "--config", str(tmp_path / "config.toml")])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else said.err

    return run


def test_a_hold_is_set_by_one_and_lifted_by_two(call: Any) -> None:
    made = call("hold", "set", "mbn", "--reason", "thanh tra tỉnh", "--as", "minh")
    shown = call("hold", "list")
    first = call("hold", "lift", "mbn", "--as", "minh")
    again = call("hold", "lift", "mbn", "--as", "minh")
    second = call("hold", "lift", "mbn", "--as", "hoa")

    assert made[0] == 0
    assert [(one["campaign"], one["set_by"]) for one in shown[1]] == [("mbn", "minh")]
    assert first[1]["state"] == again[1]["state"] == "waiting"
    assert second == (0, {"campaign": "mbn", "state": "lifted"})
    assert call("hold", "list") == (0, [])


def test_a_hold_needs_a_person_a_campaign_and_a_reason_without_numbers(call: Any) -> None:
    nobody = call("hold", "set", "mbn", "--reason", "x")
    unknown = call("hold", "set", "khac", "--reason", "x", "--as", "minh")
    number = call("hold", "set", "mbn", "--reason", "gọi 0912345678", "--as", "minh")
    none = call("hold", "lift", "mbn", "--as", "minh")

    assert (nobody[0], unknown[0], number[0], none[0]) == (2, 2, 2, 2)
    assert "telephone numbers" in number[1]


def test_retention_counts_first_and_then_erases(call: Any) -> None:
    dry, done = call("retention", "--dry-run"), call("retention")

    assert dry == (0, {"erased": False, "contacts": 0, "attachments": 0, "held": 0})
    assert done == (0, {"erased": True, "contacts": 0, "attachments": 0, "held": 0})
