from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import ledger_story as story
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Table, delete, insert, text, update
from test_checkpoint import rewrite, unlock

from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.errors import NotFound
from broadcaster.ledger import check, export, store
from broadcaster.ledger.checkpoint import CHECKPOINT
from broadcaster.ledger.entry import Kind, decode
from broadcaster.ledger.merkle import inclusion_proof, leaf_hash, node_hash, root_of, streamed_inclusion


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


@pytest.fixture
def told(sqlite_database: Database, clock: SteppedClock, folder: Path) -> Database:
    """The whole story under two checkpoints, and one entry more."""
    return tell_all(sqlite_database, clock, folder)


def tell_all(database: Database, clock: SteppedClock, folder: Path) -> Database:
    story.tell(database, clock, story.HONEST[:10])
    story.sign(database, clock, folder)
    story.tell(database, clock, story.HONEST[10:])
    story.sign(database, clock, folder)
    story.tell(database, clock, story.PEOPLE[:1])
    return database


def verify(database: Database, folder: Path) -> check.Findings:
    return check.verify(database, public_key=story.KEY.public, folder=folder)


def test_an_honest_ledger_is_verified(database: Database, clock: SteppedClock, folder: Path) -> None:
    told = tell_all(database, clock, folder)
    seen: list[int] = []

    found = check.verify(told, public_key=story.KEY.public, folder=folder, progress=seen.append)
    with told.reading() as connection:
        head = store.head(connection)

    assert (found.ok, found.entries, found.root, found.faults) == (True, head.size, head.root().hex(), ())
    assert sum(seen) == head.size


def test_an_empty_ledger_is_verified(database: Database, folder: Path) -> None:
    found = verify(database, folder)

    assert (found.ok, found.entries) == (True, 0)


def test_a_changed_entry_is_named(told: Database, folder: Path) -> None:
    unlock(told)
    with told.writing() as connection:
        connection.execute(update(store.ENTRY).where(store.ENTRY.c.seq == 12).values(raw=b"{}"))

    found = verify(told, folder)

    assert any(fault.startswith("entry 12:") for fault in found.faults)
    assert any("entries 10 to" in fault for fault in found.faults)
    assert "the entries do not give the root that the database holds as its head" in found.faults


def test_an_entry_rewritten_together_with_the_head_is_named(told: Database, folder: Path) -> None:
    with told.reading() as connection:
        raw = next(store.raws(connection, start=11))
    unlock(told)
    rewrite(told, 11, raw.replace(b'"d":2', b'"d":3'))

    found = verify(told, folder)

    assert any("entries 10 to" in fault and "in the database" in fault for fault in found.faults)


def test_a_deleted_entry_is_named(told: Database, folder: Path) -> None:
    unlock(told)
    with told.writing() as connection:
        connection.execute(delete(store.ENTRY).where(store.ENTRY.c.seq == 5))

    found = verify(told, folder)

    assert "entry 5: number 5 should stand here, not 6" in found.faults


def test_an_entry_slipped_in_behind_the_head_is_named(told: Database, folder: Path) -> None:
    with told.writing() as connection:
        size = store.head(connection).size
        connection.execute(insert(store.ENTRY).values(seq=size, raw=b"{}"))

    found = verify(told, folder)

    assert found.faults == (f"the database has entries up to {size}, but its head says {size - 1}",)


def test_a_tail_cut_off_is_named(told: Database, folder: Path) -> None:
    unlock(told)
    with told.writing() as connection:
        connection.execute(delete(store.ENTRY).where(store.ENTRY.c.seq >= 20))
        connection.execute(update(store.HEAD).values(size=20))
    rewrite(told, 0, _first(told))

    found = verify(told, folder)

    assert found.faults[-1] == f"the log ends after 20 entries, but {len(story.HONEST)} were signed"


def test_a_changed_checkpoint_row_is_named(told: Database, folder: Path) -> None:
    unlock(told)
    with told.writing() as connection:
        connection.execute(update(CHECKPOINT).where(CHECKPOINT.c.size == 10).values(root=b"\0" * 32))

    found = verify(told, folder)

    assert found.faults == ("checkpoint 10 in the database: its root is not the signed one",)


def test_a_changed_checkpoint_file_is_named(told: Database, folder: Path) -> None:
    path = folder / f"{10:012d}.txt"
    path.write_bytes(path.read_bytes().replace(b"\n10\n", b"\n11\n"))

    found = verify(told, folder)

    assert found.faults == (f"checkpoint {path.name}: it is damaged, or not signed by this key",)


def test_a_checkpoint_file_that_went_away_is_no_fault(told: Database, folder: Path) -> None:
    (folder / f"{10:012d}.txt").unlink()  # they are meant to be moved off this machine

    found = verify(told, folder)

    assert found.ok


def test_a_breach_of_a_rule_is_named(told: Database, clock: SteppedClock, folder: Path) -> None:
    story.tell(told, clock, [story.intent(1, 2)])

    found = verify(told, folder)

    assert re.fullmatch(r"entry \d+: dispatch 1 is sent again, but attempt 1 was accepted.*", found.faults[0])


def test_one_entry_is_proved_without_showing_another(told: Database, clock: SteppedClock, folder: Path) -> None:
    with told.reading() as connection:
        last = store.head(connection).size - 1

    proofs = [
        export.prove(told, clock, seq=seq, key=story.KEY, origin=story.ORIGIN, folder=folder) for seq in (0, 9, last)
    ]

    for proof in proofs:
        path = [bytes.fromhex(node) for node in proof["path"]]
        assert climb(leaf_hash(proof["entry"].encode()), proof["seq"], proof["size"], path).hex() == proof["root"]
        assert json.loads(proof["entry"])["seq"] == proof["seq"]
    assert proofs[-1]["size"] == last + 1  # signed for the proof
    with pytest.raises(NotFound, match=f"the ledger has 0 to {last}"):
        export.prove(told, clock, seq=last + 1, key=story.KEY, origin=story.ORIGIN, folder=folder)


@given(st.lists(st.binary(max_size=2), min_size=1, max_size=70), st.data())
def test_a_proof_read_in_one_pass_is_the_proof_of_the_standard(leaves: Sequence[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    hashes = [leaf_hash(leaf) for leaf in leaves]

    path = streamed_inclusion(index, len(hashes), iter(hashes))

    assert path == inclusion_proof(index, hashes)
    assert climb(hashes[index], index, len(hashes), path) == root_of(hashes)


def climb(node: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that a path gives: RFC 9162, 2.1.3.2."""
    at, last = index, size - 1
    for step in path:
        if at & 1 or at == last:
            node = node_hash(step, node)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = node_hash(node, step)
        at, last = at >> 1, last >> 1
    assert last == 0
    return node


def _first(database: Database) -> bytes:
    with database.reading() as connection:
        return next(store.raws(connection))


def test_a_clock_set_back_is_noted_before_what_it_dates(told: Database, clock: SteppedClock, folder: Path) -> None:
    clock.move_by(-timedelta(days=3))

    with store.transaction(told, clock) as tx:
        tx.record(Kind.REPORT_MAKE, "lan")
    story.tell(told, clock, story.PEOPLE[:1])
    with told.reading() as connection:
        kinds = [decode(raw)["kind"] for raw in store.raws(connection)][-3:]

    assert kinds == ["clock.jump", "report.make", "user.add"]
    assert verify(told, folder).ok


def test_two_machines_that_differ_by_seconds_note_no_jump(told: Database, clock: SteppedClock, folder: Path) -> None:
    clock.move_by(-timedelta(seconds=25))

    with store.transaction(told, clock) as tx:
        tx.record(Kind.REPORT_MAKE, "lan")
        kinds = [record.kind for record in tx.records]

    assert kinds == [Kind.REPORT_MAKE]
    assert verify(told, folder).ok


@pytest.mark.parametrize(("rows", "words"), [(export.REVISION, "the stored text"), (export.PLAN, "the stored plan")])
def test_a_stored_text_or_plan_that_was_changed_is_named(told: Database, folder: Path, rows: Table, words: str) -> None:
    with told.writing() as connection:
        for trigger in connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            connection.execute(text(f"DROP TRIGGER {trigger}"))
        connection.execute(update(rows).values(canonical=b"{}"))

    found = verify(told, folder)

    assert [fault[: len(words)] for fault in found.faults] == [words]
