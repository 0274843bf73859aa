"""The bundle that is sealed when a report is signed, as an auditor gets it months later."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import ledger_story as story
import pytest
from test_export_tampering import look  # noqa: F401  (a fixture)

from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.ledger import verify
from broadcaster.ledger.seal import Sealed, seal

DIGEST = sha256(story.PDF).hexdigest()
Look = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def sealed(database: Database, clock: SteppedClock, tmp_path: Path) -> Sealed:
    (tmp_path / "scan.pdf").write_bytes(story.PDF)
    story.tell(database, clock, [*story.TALE, story.SIGNED])
    return seal(
        database, clock, folder=tmp_path / "sealed", campaign="mbn", signed=tmp_path / "scan.pdf", actor="minh",
        key=story.KEY, origin=story.ORIGIN, checkpoints=tmp_path / "checkpoints",
        reports=lambda _connection: {"mbn": story.REPORT},
    )  # fmt: skip


@pytest.fixture
def unpacked(sealed: Sealed, tmp_path: Path) -> Path:
    with zipfile.ZipFile(sealed.file) as archive:
        archive.extractall(tmp_path / "auditor")
    return tmp_path / "auditor" / f"mbn-{DIGEST[:12]}"


def test_what_was_sealed_is_whole_and_checks_itself(unpacked: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", unpacked / "verify.py", unpacked, "--json"], capture_output=True, text=True
    )

    found = json.loads(done.stdout)
    assert (done.returncode, found["faults"]) == (0, [])
    assert (found["reports"], found["signed"]) == (["mbn.json"], ["report.pdf"])
    assert (unpacked / "signed" / "report.pdf").read_bytes() == story.PDF
    assert (unpacked / "check.html").is_file()


def test_the_seal_stands_in_the_signed_log_and_names_this_very_file(sealed: Sealed) -> None:
    done = subprocess.run(
        [sys.executable, "-I", verify.__file__, "--proof", sealed.proof, "--key", story.KEY.public.hex()],
        capture_output=True, text=True,
    )  # fmt: skip

    entry = json.loads(json.loads(sealed.proof.read_bytes())["entry"])
    assert done.returncode == 0
    assert "stands in the signed log" in done.stdout
    assert (entry["kind"], entry["campaign"], entry["signed"]) == ("ledger.seal", "mbn", DIGEST)
    assert entry["bundle"] == sealed.sha256 == sha256(sealed.file.read_bytes()).hexdigest()
    assert entry["entries"] == sealed.entries == entry["seq"]
    assert sorted(path.suffix for path in sealed.file.parent.iterdir()) == [".json", ".zip"]


def test_a_signed_report_that_is_another_is_named(unpacked: Path, look: Look) -> None:  # noqa: F811
    (unpacked / "signed" / "report.pdf").write_bytes(story.PDF.replace(b"hand", b"HAND"))

    code, faults = look(unpacked)

    assert (code, faults) == (1, ["signed/report.pdf: it is not a report that the log has as signed"])
