"""RFC 3161 time stamps of checkpoints: asked over HTTP of an authority that OpenSSL plays, kept, and looked at again."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import ledger_story as story
import pytest
from authority import Authority, authority_in
from test_export_tampering import look  # noqa: F401  (a fixture)

from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.ledger import stamp

Look = Callable[..., tuple[int, list[str]]]

if not os.environ.get("CI"):
    pytestmark = pytest.mark.skipif(
        shutil.which("openssl") is None or importlib.util.find_spec("rfc3161_client") is None,
        reason="needs openssl and the extra `timestamp`",
    )


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    with authority_in(tmp_path / "authority") as found:
        yield found


@pytest.fixture
def folder(sqlite_database: Database, clock: SteppedClock, tmp_path: Path) -> Path:
    """The checkpoints of the story: two of them."""
    story.tell(sqlite_database, clock, story.HONEST[:20])
    story.sign(sqlite_database, clock, tmp_path / "checkpoints")
    story.tell(sqlite_database, clock, story.HONEST[20:])
    story.sign(sqlite_database, clock, tmp_path / "checkpoints")
    return tmp_path / "checkpoints"


def test_the_newest_checkpoint_is_stamped_once_and_openssl_agrees(folder: Path, authority: Authority) -> None:
    first, second = stamp.stamp(folder, authority.url), stamp.stamp(folder, authority.url)

    (made,) = stamp.stamps(folder)
    assert first == second
    assert (first.target, first.sent, first.fault) == ("time stamp of 127.0.0.1", int(made.stem), "")
    assert authority.asked == 1
    assert authority.accepts(made.with_suffix(".txt"), made)


def test_a_stamp_for_something_else_is_not_kept(folder: Path, authority: Authority) -> None:
    stamp.stamp(folder, authority.url)
    (made,) = stamp.stamps(folder)
    authority.old = made.read_bytes()
    made.unlink()

    found = stamp.stamp(folder, authority.url)  # the same checkpoint, but another question

    assert found.fault == "its time stamp is for something else"
    assert stamp.stamps(folder) == []


@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        (503, b"", "it answered 503"),
        (302, b"", "it answered 302"),
        (200, b"", "its answer is no time stamp"),
        (200, b"<html>", "its answer is no time stamp"),
        (200, bytes.fromhex("30053003020102"), "it gives no time stamp (status 2)"),
        (200, b"0" * 70_000, "its answer is too long for a time stamp"),
    ],
)
def test_an_authority_that_fails_is_said_and_keeps_nothing_back(
    folder: Path, authority: Authority, status: int, answer: bytes, words: str
) -> None:
    authority.status, authority.old = status, answer

    found = stamp.stamp(folder, authority.url)

    assert (found.sent, found.fault) == (-1, words)
    assert [path.suffix for path in sorted(folder.iterdir())] == [".txt", ".txt"]


def test_an_authority_that_is_away_is_named_without_its_address(folder: Path) -> None:
    found = stamp.stamp(folder, "http://user:secret@127.0.0.1:9/tsr")

    assert (found.target, found.fault) == ("time stamp of 127.0.0.1", "no answer (ConnectionError)")


@pytest.fixture
def exported(
    sqlite_database: Database, clock: SteppedClock, tmp_path: Path, folder: Path, authority: Authority
) -> Path:
    """A bundle with a stamp in it."""
    stamp.stamp(folder, authority.url)
    return story.export_to(
        tmp_path / "out", sqlite_database, clock, folder, reports=lambda _connection: {}
    ).folder  # fmt: skip


def test_a_bundle_holds_the_stamp_and_its_programs_say_what_they_did_not_check(
    exported: Path, authority: Authority
) -> None:
    done = subprocess.run(
        [sys.executable, "-I", exported / "verify.py", exported, "--json"], capture_output=True, text=True
    )

    (made,) = (exported / "timestamps").iterdir()
    note = exported / "checkpoints" / f"{made.stem}.txt"
    said = json.loads(done.stdout)["time_stamps"]
    command = (exported / "README.txt").read_text(encoding="utf-8")
    assert done.returncode == 0
    assert said[0].startswith(f"{note.name}, on 20")
    assert "not checked here" in said[1]
    assert "openssl ts -verify -data checkpoints/NUMBER.txt -in timestamps/NUMBER.tsr -CAfile authority.pem" in command
    assert authority.accepts(note, made)


def other_bytes(folder: Path) -> None:
    (path,) = (folder / "timestamps").iterdir()
    path.write_bytes(path.read_bytes().replace(bytes.fromhex("06096086480165030402010500"), b"\0" * 13))


def another_name(folder: Path) -> None:
    (path,) = (folder / "timestamps").iterdir()
    path.rename(path.with_name("000000000020.tsr"))


@pytest.mark.parametrize("change", [other_bytes, another_name])
def test_a_stamp_for_another_checkpoint_is_named(exported: Path, look: Look, change: Callable[[Path], None]) -> None:  # noqa: F811
    change(exported)

    code, faults = look(exported)

    assert code == 1
    assert any("it is no time stamp of checkpoints/" in fault for fault in faults), faults


def test_without_the_extra_it_says_how_to_get_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)

    found = stamp.stamp(folder, "http://127.0.0.1:9/")

    assert "broadcaster[timestamp]" in found.fault
