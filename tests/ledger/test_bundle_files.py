"""What lies beside the log in an export: texts and plans by hash, and what each broadcast said, from whom and to whom."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ledger_story as story
import pytest
from test_export_tampering import exported, look, sign_anew, spoil  # noqa: F401  (fixtures)
from test_verify_rules import changed

from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.ledger.entry import Kind

Look = Callable[..., tuple[int, list[str]]]


def test_the_texts_and_plans_that_entries_name_are_in_the_export(exported: Path) -> None:  # noqa: F811
    revision, plan = exported / "revisions" / f"{story.TEXT}.json", exported / "plans" / f"{story.PLAN}.json"

    assert (revision.read_bytes(), plan.read_bytes()) == (story.TEXT_RAW, story.PLAN_RAW)


@pytest.mark.parametrize("folder", ["revisions", "plans"])
def test_a_file_changed_by_one_byte_is_named(exported: Path, look: Look, folder: str) -> None:  # noqa: F811
    (path,) = (exported / folder).iterdir()
    path.write_bytes(path.read_bytes().replace(b"e", b"f", 1))

    code, faults = look(exported)

    assert code == 1
    assert f"{folder}/{path.name}: its bytes give another hash than its name" in faults


@pytest.mark.parametrize("folder", ["revisions", "plans"])
def test_a_file_that_is_missing_is_named(exported: Path, look: Look, folder: str) -> None:  # noqa: F811
    (path,) = (exported / folder).iterdir()
    path.unlink()

    code, faults = look(exported)

    assert code == 1
    assert any(fault.startswith(f"{folder}/{path.name}: missing") for fault in faults)


def test_without_the_second_program_the_first_says_what_it_did_not_check(exported: Path) -> None:  # noqa: F811
    (exported / "verify_bundle.py").unlink()

    done = subprocess.run([sys.executable, "-I", exported / "verify.py", exported], capture_output=True, text=True)

    assert done.returncode == 0
    assert "not_checked: texts, plans, figures" in done.stdout


REQUESTED = [
    (Kind.BROADCAST_PLAN, "lan", {"b": 2, "campaign": "", "schedule": "", "local": "2027-07-01T08:00", "message": "hotline-111",
                                  "authority": story.REQUEST, "request": story.BOUND, "group": "border", "members": 5}),
    (Kind.BROADCAST_SUBMIT, "lan", {"name": "b-00000002", "subject": story.REQUEST, "to": "submitted"}),
    (Kind.BROADCAST_APPROVE, "minh", {"name": "b-00000002", "subject": story.REQUEST, "to": "approved"}),
]  # fmt: skip
AD_HOC = changed(
    story.START, b=2, authority=story.REQUEST, authority_kind="broadcast", campaign="", quiet_hours="", cap_per_24h=3,
    require_consent=True,
)  # fmt: skip

UNLIKE: dict[str, tuple[list[story.Entry], str]] = {
    "a text that its revision does not have": (
        [*story.READY[:-1], changed(story.START, texts={"sms/vi": "d" * 64})],
        "broadcast 1 says over sms/vi a text that its revision does not have"),
    "another sender": ([*story.READY[:-1], changed(story.START, senders={"sms": "EVIL"})], "has another sender than its plan"),
    "another group": ([*story.READY[:-1], changed(story.START, group="all")], "goes to all, not a group of its plan"),
    "a request that is not what its hash stands for": (
        [*story.READY, changed(REQUESTED[0], request=[*story.BOUND[:-1], "other"]), *REQUESTED[1:]],
        "it is not what its hash stands for"),
    "a request that begins with other rules": (
        [*story.READY, *REQUESTED, changed(AD_HOC, cap_per_24h=99)], "broadcast 2 is not the request that was approved"),
    "a request that begins from another sender": (
        [*story.READY, *REQUESTED, changed(AD_HOC, senders={"sms": "EVIL"})], "broadcast 2 is not the request"),
}  # fmt: skip


@pytest.fixture
def told(sqlite_database: Database, clock: SteppedClock, tmp_path: Path, look: Look) -> Any:  # noqa: F811
    def tell(entries: list[story.Entry]) -> tuple[int, list[str]]:
        story.tell(sqlite_database, clock, entries)
        return look(story.export_to(tmp_path / "out", sqlite_database, clock, tmp_path / "checkpoints").folder)

    return tell


@pytest.mark.parametrize("name", UNLIKE)
def test_a_broadcast_that_is_not_what_was_approved_is_named(told: Any, name: str) -> None:
    entries, words = UNLIKE[name]

    code, faults = told(entries)

    assert code == 1
    assert any(words in fault for fault in faults), faults


def test_a_request_that_begins_as_it_was_approved_passes(told: Any) -> None:
    code, faults = told([*story.READY, *REQUESTED, AD_HOC, story.intent(9, b=2)])

    assert (code, faults) == (0, [])


def test_a_text_signed_anew_for_another_is_named(exported: Path, look: Look) -> None:  # noqa: F811
    other = json.dumps({"texts": {"vi": {"sms": "Gọi 999"}}}).encode()
    (exported / "revisions" / f"{story.TEXT}.json").write_bytes(other)
    spoil(exported, lambda lines: lines)
    sign_anew(exported)

    code, faults = look(exported)

    assert code == 1
    assert any("gives another hash" in fault or "its bytes give another hash" in fault for fault in faults)
