"""What `ledger prove` writes, checked by verify.py alone; and an independent second tree."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import ledger_story as story
import pytest

from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.errors import NotFound
from broadcaster.ledger import export, verify
from broadcaster.ledger.merkle import Frontier, consistency_proof, inclusion_proof, leaf_hash, root_of
from broadcaster.ledger.verify_bundle import climb

SIZES = (1, 2, 3, 7, 8, 13, 16, 24, 31)
Prove = Callable[..., dict[str, Any]]


@pytest.fixture
def signed(sqlite_database: Database, clock: SteppedClock, tmp_path: Path) -> Database:
    """The whole story under checkpoints of several sizes."""
    at = 0
    for size in SIZES:
        story.tell(sqlite_database, clock, story.HONEST[at:size])
        story.sign(sqlite_database, clock, tmp_path / "checkpoints")
        at = size
    return sqlite_database


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Any:
    """`verify.py --proof` on a proof; its exit code, and what it says is proved or wrong."""

    def look(proof: Any, *arguments: str) -> tuple[int, str]:
        path = tmp_path / "proof.json"
        path.write_bytes(proof if isinstance(proof, bytes) else json.dumps(proof).encode())
        monkeypatch.setattr(sys, "argv", ["verify.py", "--proof", str(path), "--json", *arguments])
        code = verify.main()
        said = json.loads(capsysbinary.readouterr().out)
        return code, said.get("proved") or said["faults"][0]

    return look


def prove(database: Database, clock: SteppedClock, tmp_path: Path, seq: int) -> dict[str, Any]:
    return export.prove(
        database, clock, seq=seq, key=story.KEY, origin=story.ORIGIN, folder=tmp_path / "checkpoints"
    )  # fmt: skip


def test_an_entry_is_proved_by_the_file_alone(signed: Database, clock: SteppedClock, tmp_path: Path) -> None:
    path = tmp_path / "proof.json"
    path.write_text(json.dumps(prove(signed, clock, tmp_path, 5)))

    done = subprocess.run(
        [sys.executable, "-I", verify.__file__, "--proof", path, "--key", story.KEY.public.hex()],
        capture_output=True, text=True,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("entry 5 stands in the signed log of 31 entries: {")
    assert done.stdout.splitlines()[-1] == "OK"


def test_every_entry_is_proved(signed: Database, clock: SteppedClock, tmp_path: Path, run: Any) -> None:
    codes = {run(prove(signed, clock, tmp_path, seq))[0] for seq in range(31)}

    assert codes == {0}


def test_one_checkpoint_is_proved_to_continue_every_earlier_one(signed: Database, run: Any) -> None:
    said = {
        (first, second): run(export.prove_growth(signed, key=story.KEY, first=first, second=second))
        for second in SIZES for first in SIZES if first <= second
    }  # fmt: skip

    assert {pair: one for pair, one in said.items() if one[0]} == {}
    assert said[3, 31][1] == "the signed log of 31 entries continues the one of 3 entries, unchanged"


def test_the_newest_checkpoint_is_meant_where_none_is_named(signed: Database) -> None:
    found = export.prove_growth(signed, key=story.KEY, first=7, second=None)

    assert (found["first"], found["size"]) == (7, 31)


@pytest.mark.parametrize(("first", "second"), [(4, 31), (31, 7), (0, 7), (7, 30)])
def test_only_sizes_under_a_checkpoint_can_be_proved(signed: Database, first: int, second: int) -> None:
    with pytest.raises(NotFound, match="the newest are 1, 2, 3"):
        export.prove_growth(signed, key=story.KEY, first=first, second=second)


def changed(proof: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**proof, **fields}


def test_what_proves_nothing_is_refused(signed: Database, clock: SteppedClock, tmp_path: Path, run: Any) -> None:
    entry = prove(signed, clock, tmp_path, 5)
    growth = export.prove_growth(signed, key=story.KEY, first=7, second=24)
    other = export.prove_growth(signed, key=story.KEY, first=8, second=24)
    wrong = {
        "another entry": changed(entry, entry=entry["entry"].replace('"actor":"', '"actor":"x')),
        "another place": changed(entry, entry=entry["entry"].replace('"seq":5', '"seq":6')),
        "a path cut": changed(entry, path=entry["path"][:-1]),
        "a path too long": changed(entry, path=[*entry["path"], "00" * 32]),
        "a checkpoint changed": changed(entry, checkpoint=entry["checkpoint"].replace("\n31\n", "\n32\n")),
        "another key": changed(entry, key=story.OTHER_KEY.public.hex(), keys={"0": story.OTHER_KEY.public.hex()}),
        "a growth cut": changed(growth, path=growth["path"][:-1]),
        "a growth of another": changed(growth, path=other["path"]),
        "a growth with another beginning": changed(growth, **{"from": other["from"]}),
        "a growth the wrong way round": changed(growth, **{"from": growth["checkpoint"], "checkpoint": growth["from"]}),
        "no path": {name: value for name, value in growth.items() if name != "path"},
        "a list": [],
        "nothing": b"",
        "noise": b"\xff{",
    }

    passed = {name: said for name, proof in wrong.items() if (said := run(proof))[0] == 0}

    assert passed == {}
    assert run(entry, "--key", story.OTHER_KEY.public.hex()) == (
        1, "it proves nothing: its checkpoint is signed by another key")  # fmt: skip


def test_a_proof_and_a_folder_are_not_checked_at_once(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["verify.py"])

    with pytest.raises(SystemExit) as wrong_use:
        verify.main()

    assert wrong_use.value.code == 2


# -- a second implementation --------------------------------------------------------------------------------------------


def plain_root(leaves: list[bytes]) -> bytes:
    """The definition of RFC 9162, 2.1.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\1" + plain_root(leaves[:split]) + plain_root(leaves[split:])).digest()


def test_a_second_implementation_agrees_on_10_000_random_logs() -> None:
    from pymerkle import InmemoryTree, verify_consistency, verify_inclusion

    chance, differ = random.Random(9162), []

    for number in range(10_000):
        leaves = [chance.randbytes(chance.randrange(40)) for _ in range(chance.randrange(1, 42))]
        theirs = InmemoryTree(algorithm="sha256")
        for leaf in leaves:
            theirs.append_entry(leaf)
        hashes, size = [leaf_hash(leaf) for leaf in leaves], len(leaves)
        index, first = chance.randrange(size), chance.randrange(1, size + 1)
        root, early = theirs.get_root(), theirs.get_root(first)
        proof = inclusion_proof(index, hashes)
        good = [
            root == root_of(hashes) == Frontier().extend(hashes).root() == plain_root(leaves),
            early == root_of(hashes[:first]),
            climb(index, size - 1, hashes[index], proof)[1] == root,
            first == size or ours_continues(first, size, early, consistency_proof(first, hashes)) == (early, root),
        ]
        verify_inclusion(hashes[index], root, theirs.prove_inclusion(index + 1, size))
        verify_consistency(early, root, theirs.prove_consistency(first, size))
        if not all(good):
            differ.append((number, good))

    assert differ == []


def ours_continues(first: int, size: int, early: bytes, path: list[bytes]) -> tuple[bytes, bytes]:
    at, last = first - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    start, *rest = [early, *path] if at == 0 else path
    return climb(at, last, start, rest)
