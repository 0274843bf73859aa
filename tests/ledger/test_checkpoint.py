from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

import ledger_story as story
import pytest
from sqlalchemy import delete, insert, text, update

from broadcaster.clock import SteppedClock
from broadcaster.config import Secret
from broadcaster.db.engine import Database
from broadcaster.errors import Conflict, WrongUse
from broadcaster.ledger import checkpoint, store
from broadcaster.ledger.checkpoint import CHECKPOINT, META, LedgerBroken, SigningKey
from broadcaster.ledger.merkle import EMPTY_ROOT, Frontier, leaf_hash, root_of
from broadcaster.ledger.verify import read_checkpoint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


def unlock(database: Database) -> None:
    """What somebody with the database's password can do: take the triggers away."""
    with database.writing() as connection:
        for table in ("ledger_entry", "checkpoint"):
            if database.is_sqlite:
                for verb in ("update", "delete"):
                    connection.execute(text(f"DROP TRIGGER {table}_no_{verb}"))
            else:
                connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))


def rewrite(database: Database, seq: int, raw: bytes) -> None:
    """Change an entry and make the head agree."""
    with database.writing() as connection:
        connection.execute(update(store.ENTRY).where(store.ENTRY.c.seq == seq).values(raw=raw))
        peaks = Frontier().extend(map(leaf_hash, store.raws(connection))).peaks
        connection.execute(update(store.HEAD).values(peaks=b"".join(peaks)))


def test_a_checkpoint_holds_the_size_and_the_root_under_a_signature(
    database: Database, clock: SteppedClock, folder: Path
) -> None:
    story.tell(database, clock, story.HONEST[:5])

    made = story.sign(database, clock, folder)
    with database.reading() as connection:
        root = root_of(map(leaf_hash, store.raws(connection)))

    assert (made.size, made.root) == (5, root)
    assert made.note.startswith(f"{story.ORIGIN}\n5\n{base64.b64encode(root).decode()}\n\n— {story.ORIGIN} ")
    assert (folder / "000000000005.txt").read_bytes() == made.note.encode()
    assert read_checkpoint("x", made.note.encode(), {0: story.KEY.public}) == (5, base64.b64encode(root).decode())
    assert story.KEY.signed(made.note)
    assert not story.OTHER_KEY.signed(made.note)


def test_nothing_new_gives_the_last_checkpoint_and_its_file_again(
    database: Database, clock: SteppedClock, folder: Path
) -> None:
    story.tell(database, clock, story.HONEST[:3])
    first = story.sign(database, clock, folder)
    (folder / "000000000003.txt").unlink()

    second = story.sign(database, clock, folder)
    with database.reading() as connection:
        stored = checkpoint.everyone(connection)

    assert second == first
    assert stored == [first]
    assert (folder / "000000000003.txt").is_file()


def test_an_empty_ledger_can_be_signed(sqlite_database: Database, clock: SteppedClock, folder: Path) -> None:
    made = story.sign(sqlite_database, clock, folder)

    assert (made.size, made.root) == (0, EMPTY_ROOT)


def test_each_checkpoint_continues_the_one_before(sqlite_database: Database, clock: SteppedClock, folder: Path) -> None:
    sizes = []
    for entry in story.HONEST[:9]:
        story.tell(sqlite_database, clock, [entry])
        sizes.append(story.sign(sqlite_database, clock, folder).size)

    assert sizes == list(range(1, 10))
    assert [path.name for path in checkpoint.files(folder)] == [f"{size:012d}.txt" for size in sizes]


def test_only_what_came_since_the_last_checkpoint_is_read(
    sqlite_database: Database, clock: SteppedClock, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.tell(sqlite_database, clock, story.HONEST[:6])
    story.sign(sqlite_database, clock, folder)
    story.tell(sqlite_database, clock, story.HONEST[6:8])
    read: list[int] = []
    raws = store.raws
    monkeypatch.setattr(store, "raws", lambda *a, **k: (read.append(1) or raw for raw in raws(*a, **k)))

    story.sign(sqlite_database, clock, folder)

    assert len(read) == 2


def test_a_changed_entry_behind_the_last_checkpoint_is_not_signed(
    database: Database, clock: SteppedClock, folder: Path
) -> None:
    story.tell(database, clock, story.HONEST[:6])
    story.sign(database, clock, folder)
    story.tell(database, clock, story.HONEST[6:8])
    unlock(database)
    rewrite(database, 3, b"{}")

    with pytest.raises(LedgerBroken, match="do not give the root"):
        story.sign(database, clock, folder)


def test_kept_peaks_that_are_lost_do_not_help_a_forger(
    sqlite_database: Database, clock: SteppedClock, folder: Path
) -> None:
    story.tell(sqlite_database, clock, story.HONEST[:6])
    story.sign(sqlite_database, clock, folder)
    story.tell(sqlite_database, clock, story.HONEST[6:8])
    with sqlite_database.writing() as connection:
        connection.execute(delete(META).where(META.c.name == checkpoint.PEAKS))
    honest = story.sign(sqlite_database, clock, folder)
    story.tell(sqlite_database, clock, story.HONEST[8:9])
    with sqlite_database.writing() as connection:
        connection.execute(delete(META).where(META.c.name == checkpoint.PEAKS))
    unlock(sqlite_database)
    rewrite(sqlite_database, 3, b"{}")

    with pytest.raises(LedgerBroken, match="first 8 entries are not those that were signed"):
        story.sign(sqlite_database, clock, folder)

    assert honest.size == 8


def test_a_head_that_does_not_fit_the_entries_is_not_signed(
    sqlite_database: Database, clock: SteppedClock, folder: Path
) -> None:
    story.tell(sqlite_database, clock, story.HONEST[:2])
    with sqlite_database.writing() as connection:
        connection.execute(update(store.HEAD).values(peaks=b"\0" * 32))

    with pytest.raises(LedgerBroken, match="do not give the root"):
        story.sign(sqlite_database, clock, folder)


def test_a_smaller_size_than_signed_is_refused(sqlite_database: Database, clock: SteppedClock, folder: Path) -> None:
    story.tell(sqlite_database, clock, story.HONEST[:4])
    story.sign(sqlite_database, clock, folder)
    unlock(sqlite_database)
    with sqlite_database.writing() as connection:
        connection.execute(delete(store.ENTRY).where(store.ENTRY.c.seq >= 2))
        peaks = Frontier().extend(map(leaf_hash, store.raws(connection))).peaks
        connection.execute(update(store.HEAD).values(size=2, peaks=b"".join(peaks)))

    with pytest.raises(LedgerBroken, match="has 2 entries, but 4 were signed"):
        story.sign(sqlite_database, clock, folder)


def test_rows_taken_away_are_noticed_by_the_files(sqlite_database: Database, clock: SteppedClock, folder: Path) -> None:
    story.tell(sqlite_database, clock, story.HONEST[:4])
    story.sign(sqlite_database, clock, folder)
    unlock(sqlite_database)
    with sqlite_database.writing() as connection:
        connection.execute(delete(CHECKPOINT))
    rewrite(sqlite_database, 3, b"{}")

    with pytest.raises(LedgerBroken, match="folder holds a signed checkpoint of size 4, which the database lacks"):
        story.sign(sqlite_database, clock, folder)


def test_another_root_of_the_same_size_is_refused(
    sqlite_database: Database, clock: SteppedClock, folder: Path, tmp_path: Path
) -> None:
    story.tell(sqlite_database, clock, story.HONEST[:4])
    story.sign(sqlite_database, clock, folder)
    unlock(sqlite_database)
    with sqlite_database.writing() as connection:
        connection.execute(delete(CHECKPOINT))
    rewrite(sqlite_database, 3, b"{}")
    story.sign(sqlite_database, clock, tmp_path / "elsewhere")

    with pytest.raises(LedgerBroken, match="two different checkpoints of size 4"):
        story.sign(sqlite_database, clock, folder)


@pytest.mark.parametrize("column", ["root", "note"])
def test_a_changed_row_is_refused(sqlite_database: Database, clock: SteppedClock, folder: Path, column: str) -> None:
    story.tell(sqlite_database, clock, story.HONEST[:4])
    made = story.sign(sqlite_database, clock, folder)
    unlock(sqlite_database)
    changed = {"root": b"\0" * 32, "note": made.note.replace("\n4\n", "\n5\n")}
    with sqlite_database.writing() as connection:
        connection.execute(update(CHECKPOINT).values({column: changed[column]}))

    with pytest.raises(LedgerBroken, match=r"was changed"):
        story.sign(sqlite_database, clock, folder)


def test_a_checkpoint_signed_by_another_key_is_not_continued(
    sqlite_database: Database, clock: SteppedClock, folder: Path
) -> None:
    story.tell(sqlite_database, clock, story.HONEST[:4])
    story.sign(sqlite_database, clock, folder, story.OTHER_KEY)

    with pytest.raises(LedgerBroken, match="not signed by this office's key"):
        story.sign(sqlite_database, clock, folder)


def test_a_file_nobody_signed_is_no_evidence(sqlite_database: Database, clock: SteppedClock, folder: Path) -> None:
    story.tell(sqlite_database, clock, story.HONEST[:4])
    folder.mkdir()
    (folder / "000000000099.txt").write_bytes(b"broadcaster/test\n99\nAAAA\n\n\xe2\x80\x94 x y\n")
    (folder / "000000000098.txt").write_bytes(b"\xff\n")

    made = story.sign(sqlite_database, clock, folder)

    assert made.size == 4


def test_the_signer_that_comes_second_gives_way_to_the_newer_checkpoint(
    database: Database, clock: SteppedClock, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.tell(database, clock, story.HONEST[:4])
    keep = checkpoint._keep

    def overtaken(*arguments: object) -> checkpoint.Checkpoint:
        monkeypatch.setattr(checkpoint, "_keep", keep)
        story.tell(database, clock, story.HONEST[4:6])
        story.sign(database, clock, folder)
        return keep(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(checkpoint, "_keep", overtaken)

    made = story.sign(database, clock, folder)
    with database.reading() as connection:
        stored = checkpoint.everyone(connection)

    assert made.size == 6
    assert [one.size for one in stored] == [6]


def test_a_checkpoint_cannot_be_changed_in_the_database(database: Database, clock: SteppedClock, folder: Path) -> None:
    story.sign(database, clock, folder)

    with pytest.raises(Exception, match="append-only"), database.writing() as connection:
        connection.execute(delete(CHECKPOINT))


@pytest.mark.parametrize("origin", ["", "two words", "a+b", "a\nb"])
def test_an_origin_that_the_format_cannot_carry_is_refused(
    sqlite_database: Database, clock: SteppedClock, folder: Path, origin: str
) -> None:
    with pytest.raises(WrongUse, match=r"ledger\.origin"):
        checkpoint.make(sqlite_database, clock, key=story.KEY, origin=origin, folder=folder)


def test_a_generated_key_reads_back_and_is_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "ledger.key"

    public = checkpoint.generate(path)
    line = path.read_text()

    assert SigningKey.read(Secret(line)).public == public
    assert len(line) == 65
    assert os.name != "posix" or stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(Conflict, match="exists already"):
        checkpoint.generate(path)


def test_a_key_may_be_hex_or_base64_and_never_prints() -> None:
    seed = bytes(range(32))

    keys = [SigningKey.read(Secret(seed.hex())), SigningKey.read(Secret(base64.b64encode(seed).decode()))]

    assert keys[0].public == keys[1].public
    assert seed.hex() not in repr(keys[0])


@pytest.mark.parametrize("wrong", ["", "abc", "00" * 31, "00" * 33, "khóa"])
def test_what_is_no_key_is_refused_without_printing_it(wrong: str) -> None:
    with pytest.raises(WrongUse, match="must be 32 bytes") as refused:
        SigningKey.read(Secret(wrong))

    assert not wrong or wrong not in str(refused.value)


def test_the_insert_of_a_second_root_for_a_size_is_impossible(
    database: Database, clock: SteppedClock, folder: Path
) -> None:
    story.sign(database, clock, folder)

    with pytest.raises(Exception, match=r"(?i)unique"), database.writing() as connection:
        connection.execute(insert(CHECKPOINT).values(size=0, root=b"x", note="", signed_at=clock.now()))
