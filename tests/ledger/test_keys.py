"""A new signing key is signed over by the old one; a second office countersigns; the verifier follows both."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import ledger_story as story
import pytest
from test_export_tampering import look, spoil  # noqa: F401  (a fixture)

from broadcaster.clock import SteppedClock
from broadcaster.config import Secret
from broadcaster.db.engine import Database
from broadcaster.errors import Conflict, WrongUse
from broadcaster.ledger import check, checkpoint, countersign, export, keys, rotation
from broadcaster.ledger.checkpoint import LedgerBroken, SigningKey

Look = Callable[..., tuple[int, list[str]]]
WITNESS = SigningKey.read(Secret("0b" * 32))
NAME = "so-vhttdl.example/witness"


class Office:
    """A ledger whose key lies in a file."""

    def __init__(self, database: Database, clock: SteppedClock, folder: Path) -> None:
        self.database, self.clock, self.folder = database, clock, folder
        self.file, self.checkpoints = folder / "ledger.key", folder / "checkpoints"
        self.file.write_text("07" * 32)
        story.tell(database, clock, story.READY)
        self.sign()

    @property
    def key(self) -> SigningKey:
        return SigningKey.read(Secret(self.file.read_text()))

    def sign(self) -> checkpoint.Checkpoint:
        return checkpoint.make(
            self.database, self.clock, key=self.key, origin=story.ORIGIN, folder=self.checkpoints
        )  # fmt: skip

    def rotate(self) -> None:
        rotation.rotate(
            self.database, self.clock, file=self.file, origin=story.ORIGIN, folder=self.checkpoints, actor="admin"
        )  # fmt: skip

    def go_on(self, *entries: story.Entry) -> None:
        story.tell(self.database, self.clock, list(entries))
        self.sign()

    def export(self, **more: object) -> Path:
        made = story.export_to(
            self.folder / "out", self.database, self.clock, self.checkpoints, key=self.key, **more
        )  # fmt: skip
        return made.folder

    def verify(self) -> check.Findings:
        return check.verify(self.database, public_key=self.key.public, folder=self.checkpoints)


@pytest.fixture
def office(database: Database, clock: SteppedClock, tmp_path: Path) -> Office:
    return Office(database, clock, tmp_path)


@pytest.fixture
def small(sqlite_database: Database, clock: SteppedClock, tmp_path: Path) -> Office:
    return Office(sqlite_database, clock, tmp_path)


# -- the key ------------------------------------------------------------------------------------------------------------


def test_after_two_changes_of_key_all_is_verified_under_any_of_the_three(office: Office, look: Look) -> None:  # noqa: F811
    paper = [office.key.public.hex()]
    for number in (1, 2):
        office.rotate()
        paper.append(office.key.public.hex())
        office.go_on(story.intent(number), story.result(number))

    folder = office.export()

    assert len(set(paper)) == 3
    assert (folder / "key.txt").read_text().strip() == paper[-1]
    assert [look(folder, "--key", one) for one in paper] == [(0, [])] * 3
    assert look(folder) == (0, [])
    assert office.verify().faults == ()
    assert [path.name.partition(".until-")[0] for path in sorted(office.folder.glob("ledger.key*"))] == [
        "ledger.key"
    ] * 3


def test_a_key_that_is_none_of_the_log_s_is_refused(small: Office, look: Look) -> None:  # noqa: F811
    small.rotate()

    code, faults = look(small.export(), "--key", story.OTHER_KEY.public.hex())

    assert code == 1
    assert "the key you gave is none of those that this log was signed with" in faults


def test_a_change_that_the_old_key_did_not_sign_is_named(small: Office, look: Look) -> None:  # noqa: F811
    small.rotate()
    folder = small.export()
    spoil(folder, lambda lines: [
        one.replace(b'"signature":"', b'"signature":"00')[:-2] + b'"}' if b"ledger.key" in one else one for one in lines
    ])  # fmt: skip

    code, faults = look(folder)

    assert code == 1
    assert any("not signed by the old key" in fault for fault in faults), faults


def test_the_old_key_signs_no_more(small: Office) -> None:
    old = small.key
    small.rotate()
    story.tell(small.database, small.clock, [story.intent(1)])

    with pytest.raises(WrongUse, match="not the office's newest key"):
        checkpoint.make(small.database, small.clock, key=old, origin=story.ORIGIN, folder=small.checkpoints)
    with pytest.raises(Conflict, match="does not fit this ledger"):
        checkpoint.make(
            small.database, small.clock, key=story.OTHER_KEY, origin=story.ORIGIN, folder=small.checkpoints
        )  # fmt: skip


def test_a_change_of_key_that_was_cut_short_is_finished_by_the_next(
    small: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_paths: object) -> None:
        raise OSError("power cut")

    monkeypatch.setattr(rotation.os, "replace", die)
    with pytest.raises(OSError, match="power cut"):
        small.rotate()
    monkeypatch.undo()

    small.rotate()

    with small.database.reading() as connection:
        known = keys.in_force(connection, small.key.public)
    assert len(known) == 2
    assert small.verify().faults == ()


def test_proofs_across_a_change_of_key_hold(small: Office, clock: SteppedClock) -> None:
    from broadcaster.ledger.verify import read_checkpoint
    from broadcaster.ledger.verify_bundle import proved

    before = small.sign().size
    small.rotate()
    small.go_on(story.intent(1), story.result(1))

    growth = export.prove_growth(small.database, key=small.key, first=before, second=None)

    said = proved(json.loads(json.dumps(growth)), small.key.public.hex(), read_checkpoint)
    assert said.endswith(f"continues the one of {before} entries, unchanged")


def test_a_forged_change_of_key_in_the_database_stops_the_next_checkpoint(small: Office) -> None:
    from broadcaster.ledger.store import transaction

    with transaction(small.database, small.clock) as tx:
        keys.note(
            tx, origin=story.ORIGIN, old=small.key.public, new=story.OTHER_KEY.public, signature=bytes(64), actor="x"
        )  # fmt: skip

    with pytest.raises((Conflict, LedgerBroken), match="not signed by the old key"):
        small.sign()


# -- a second office -----------------------------------------------------------------------------------------------------


def countersigned(small: Office, *, key: SigningKey = WITNESS) -> countersign.Countersigned:
    made = small.sign()
    return countersign.countersign(
        made.note.encode(), key=key, name=NAME, now=small.clock.now(), office_key=small.key.public.hex()
    )  # fmt: skip


def bring_back(small: Office, note: str) -> None:
    folder = small.checkpoints / "countersigned"
    folder.mkdir(exist_ok=True)
    (folder / "from-the-province.txt").write_bytes(note.encode())


def test_a_countersigned_checkpoint_is_accepted_and_shown(small: Office) -> None:
    made = countersigned(small)
    when = f"{small.clock.now():%Y-%m-%d at %H:%M:%S}Z"
    bring_back(small, made.note)

    folder = small.export(witnesses=(made.witness_key,))

    done = subprocess.run(
        [sys.executable, "-I", folder / "verify.py", folder, "--json"], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["countersigned"] == [f"from-the-province.txt: {NAME}, on {when}"]


@pytest.mark.parametrize("spoilt", ["a byte", "another key", "another time"])
def test_a_countersignature_that_is_not_good_is_named(small: Office, look: Look, spoilt: str) -> None:  # noqa: F811
    made = countersigned(small)
    head, _, code = made.note.rstrip("\n").rpartition(" ")
    raw = bytearray(base64.b64decode(code))
    raw[{"a byte": 40, "another time": 11, "another key": 75}[spoilt]] ^= 1
    bring_back(small, f"{head} {base64.b64encode(bytes(raw)).decode()}\n")

    code_, faults = look(small.export(witnesses=(made.witness_key,)))

    assert code_ == 1
    assert faults == [f"checkpoint from-the-province.txt: the countersignature of {NAME} is not good"]


def test_a_countersignature_of_an_unknown_office_is_no_fault_and_is_said(small: Office) -> None:
    bring_back(small, countersigned(small).note)

    folder = small.export()

    done = subprocess.run(
        [sys.executable, "-I", folder / "verify.py", folder, "--json"], capture_output=True, text=True
    )
    said = json.loads(done.stdout)["countersigned"]
    assert (done.returncode, said) == (0, [f"not checked, for its key is not in witnesses.txt: {NAME}"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda note: note.replace("\n7\n", "\n8\n"), "damaged, or not signed"),
        (lambda _note: "hello", "damaged, or not signed"),
    ],
)  # fmt: skip
def test_what_the_office_did_not_sign_is_not_countersigned(
    small: Office, change: Callable[[str], str], words: str
) -> None:
    note = small.sign().note

    with pytest.raises(Conflict, match=words):
        countersign.countersign(
            change(note).encode(), key=WITNESS, name=NAME, now=small.clock.now(), office_key=small.key.public.hex()
        )  # fmt: skip


def test_nobody_stands_twice_under_a_checkpoint(small: Office) -> None:
    made = countersigned(small)

    with pytest.raises(Conflict, match="already"):
        countersign.countersign(
            made.note.encode(), key=WITNESS, name=NAME, now=small.clock.now(), office_key=small.key.public.hex()
        )  # fmt: skip
