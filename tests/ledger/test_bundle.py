"""The audit bundle: everything an auditor needs is in it, and a change of any kind of thing in it is named."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import ledger_story as story
import pytest
from bundle_tampering import CHANGES, changed_copy
from test_export_tampering import MIDDLE, look  # noqa: F401  (a fixture)

from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.ledger import export

Look = Callable[..., tuple[int, list[str]]]


def make(database: Database, clock: SteppedClock, folder: Path) -> Path:
    story.tell(database, clock, story.TALE[:MIDDLE])
    story.sign(database, clock, folder / "checkpoints")
    story.tell(database, clock, [*story.TALE[MIDDLE:], story.SIGNED])
    for path in (folder / "checkpoints").glob("*.txt"):
        path.with_suffix(".tsr").write_bytes(story.time_stamp(path.read_bytes()))
    (folder / "scan.pdf").write_bytes(story.PDF)
    reports = {"mbn": story.REPORT}
    made = story.export_to(
        folder / "bundle",
        database,
        clock,
        folder / "checkpoints",
        reports=lambda _connection: reports,
        signed=folder / "scan.pdf",
    )
    return made.folder


@pytest.fixture
def bundle(sqlite_database: Database, clock: SteppedClock, tmp_path: Path) -> Path:
    return make(sqlite_database, clock, tmp_path)


def test_a_bundle_holds_all_and_is_accepted_by_its_own_programs_alone(
    database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    folder = make(database, clock, tmp_path)

    done = subprocess.run(
        [sys.executable, "-I", folder / "verify.py", folder, "--json"], capture_output=True, text=True
    )

    found = json.loads(done.stdout)
    assert (done.returncode, done.stderr, found["faults"]) == (0, "", [])
    assert (found["texts"], found["plans"], found["reports"]) == (1, 1, ["mbn.json"])
    assert {path.name for path in folder.iterdir()} == export.NAMES


def test_the_log_has_the_digest_of_each_report_and_the_report_the_number_of_entries(bundle: Path) -> None:
    raw = (bundle / "reports" / "mbn.json").read_bytes()

    last = json.loads((bundle / "entries.jsonl").read_bytes().splitlines()[-1])

    assert last["reports"] == {"mbn": sha256(raw).hexdigest()}
    assert json.loads(raw)["entries"] == last["seq"]
    assert "\n" + "-" * 118 + "\n" in (bundle / "README.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_any_kind_of_thing_is_named(bundle: Path, tmp_path: Path, look: Look, name: str) -> None:  # noqa: F811
    change, words = CHANGES[name]
    folder = changed_copy(bundle, tmp_path / "changed", change)

    code, faults = look(folder)

    assert code == 1
    assert any(words in fault for fault in faults), faults


def test_a_report_that_is_no_report_is_a_fault_and_no_crash(bundle: Path, look: Look) -> None:  # noqa: F811
    path = bundle / "reports" / "mbn.json"
    verdicts = []

    for raw in (b"", b"[]", b"{}", b'{"entries": 3}', b'{"entries": "x"}', b"\xff", b'{"entries": 99, "campaign": 1}'):
        path.write_bytes(raw)
        verdicts.append(look(bundle)[0])

    assert set(verdicts) == {1}


def test_a_bundle_replaces_an_export_and_the_other_way_round(
    bundle: Path,
    sqlite_database: Database,
    clock: SteppedClock,
    tmp_path: Path,
    look: Look,  # noqa: F811
) -> None:
    story.export_to(bundle, sqlite_database, clock, tmp_path / "checkpoints")

    assert not (bundle / "reports").exists()
    assert look(bundle) == (0, [])
    shutil.rmtree(bundle)
