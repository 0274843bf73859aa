from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from broadcaster.clock import SteppedClock
from broadcaster.content import store
from broadcaster.content.files import load
from broadcaster.content.render import Snapshot, snapshot
from broadcaster.db.engine import Database
from broadcaster.db.tables import Fact, Revision, table
from broadcaster.errors import Conflict, NotFound
from broadcaster.ledger.entry import decode
from broadcaster.ledger.store import raws, transaction
from tests.content.library import BODY, FACTS, write

TODAY = date(2027, 7, 1)


def saved(database: Database, clock: SteppedClock, content: Path) -> Snapshot:
    library = load(content)
    made = snapshot(library.item("hotline-111"), library.facts)
    with transaction(database, clock) as tx:
        store.save(tx, made)
        store.refresh_facts(tx, content / "facts.toml")
    return made


def refresh(database: Database, clock: SteppedClock, content: Path) -> list[str]:
    with transaction(database, clock) as tx:
        return store.refresh_facts(tx, content / "facts.toml")


def stale(database: Database, today: date = TODAY) -> list[tuple[str, str]]:
    with database.reading() as connection:
        return [(one.fact, one.why) for one in store.stale(connection, today)]


def entries(database: Database) -> list[dict[str, object]]:
    with database.reading() as connection:
        return [{k: v for k, v in decode(raw).items() if k not in ("seq", "ts")} for raw in raws(connection)]


def test_a_revision_saved_twice_stands_once_and_is_read_back_whole(
    database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    content = write(tmp_path)
    made = saved(database, clock, content)
    saved(database, clock, content)

    with database.reading() as connection:
        rows = connection.execute(select(table(Revision).c.hash)).scalars().all()
        assert store.canonical(connection, made.hash) == made.canonical

    assert rows == [made.hash]


def test_a_revision_changed_by_one_byte_is_not_read(
    sqlite_database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    made = saved(sqlite_database, clock, write(tmp_path))
    with sqlite_database.writing() as connection:
        connection.execute(text("DROP TRIGGER revision_no_update"))
        connection.execute(table(Revision).update().values(canonical=made.canonical.replace(b"111", b"112")))

    with sqlite_database.reading() as connection, pytest.raises(Conflict, match="changed in the database"):
        store.canonical(connection, made.hash)


def test_the_database_keeps_a_revision_as_it_is(database: Database, clock: SteppedClock, tmp_path: Path) -> None:
    saved(database, clock, write(tmp_path))

    with pytest.raises(DatabaseError, match="append-only"), database.writing() as connection:
        connection.execute(table(Revision).update().values(category="x"))


def test_an_unknown_revision_is_said_to_be_unknown(database: Database) -> None:
    with database.reading() as connection, pytest.raises(NotFound, match="submit the message again"):
        store.canonical(connection, "0" * 64)


def test_a_fresh_revision_is_not_stale(database: Database, clock: SteppedClock, tmp_path: Path) -> None:
    saved(database, clock, write(tmp_path))

    assert stale(database) == []
    assert entries(database) == []


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (FACTS.replace('"111"', '"112"'), [("hotline", "changed")]),
        (FACTS.replace("một một một", "một trăm mười một"), [("hotline", "changed")]),
        (FACTS.replace("[hotline]", "[hotline_new]"), [("hotline", "gone")]),
        (FACTS.replace("2027-12-31", "2027-06-30"), [("hotline", "overdue")]),
        (FACTS.replace("2027-12-31", "2027-07-01"), []),
        (FACTS.replace('source = "Quốc hội"', 'source = "Quốc hội khóa XV"'), []),
        (FACTS.replace('value = "111"\n', ""), [("hotline", "gone")]),
        ("", [("hotline", "gone"), ("law", "gone")]),
        ("không phải TOML", [("hotline", "gone"), ("law", "gone")]),
    ],
)
def test_a_fact_that_moves_holds_every_revision_that_quotes_it(
    database: Database, clock: SteppedClock, tmp_path: Path, facts: str, why: list[tuple[str, str]]
) -> None:
    content = write(tmp_path)
    saved(database, clock, content)

    write(tmp_path, facts=facts)
    refresh(database, clock, content)

    assert stale(database) == why


def test_the_day_after_its_last_good_day_a_fact_is_overdue(
    database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    saved(database, clock, write(tmp_path))

    assert stale(database, date(2027, 12, 31)) == []
    assert stale(database, date(2028, 1, 1)) == [("hotline", "overdue")]


def test_a_facts_file_that_is_gone_holds_everything_and_the_ledger_says_so(
    database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    content = write(tmp_path)
    saved(database, clock, content)
    (content / "facts.toml").unlink()

    gone = refresh(database, clock, content)

    assert gone == ["hotline", "law"]
    assert stale(database) == [("hotline", "gone"), ("law", "gone")]
    assert entries(database) == [
        {
            "kind": "fact.change",
            "actor": "sender",
            "changed": [],
            "new": [],
            "gone": ["hotline", "law"],
            "fault": "content/facts.toml:0",
        }
    ]


def test_a_broken_file_is_told_once_and_a_mended_one_frees_what_was_held(
    database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    content = write(tmp_path)
    saved(database, clock, content)
    write(tmp_path, facts="[hotline\n")

    told = [refresh(database, clock, content), refresh(database, clock, content)]
    write(tmp_path)
    mended = refresh(database, clock, content)

    assert told == [["hotline", "law"], []]
    assert mended == ["hotline", "law"]
    assert stale(database) == []
    assert [entry.get("fault", "") for entry in entries(database)] == ["content/facts.toml:1", ""]
    assert entries(database)[1]["new"] == ["hotline", "law"]


def test_a_change_within_the_same_second_and_size_is_seen(
    database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    content = write(tmp_path)
    saved(database, clock, content)
    before = (content / "facts.toml").stat()

    write(tmp_path, facts=FACTS.replace('"111"', '"112"'))
    os.utime(content / "facts.toml", ns=(before.st_atime_ns, before.st_mtime_ns))

    assert refresh(database, clock, content) == ["hotline"]


def test_a_changed_fact_stands_in_the_ledger_by_digest_and_without_its_number(
    database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    content = write(tmp_path)
    old = load(content).facts["hotline"]
    saved(database, clock, content)
    write(tmp_path, facts=FACTS.replace('"111"', '"1900 969 680"'))
    new = load(content).facts["hotline"]

    refresh(database, clock, content)

    [entry] = entries(database)
    assert entry["changed"] == [
        {"name": "hotline", "digest": new.digest, "was": old.digest, "verify_by": "2027-12-31"},
    ]
    assert "969" not in str(entry)


def test_a_refresh_that_is_rolled_back_is_done_again(database: Database, clock: SteppedClock, tmp_path: Path) -> None:
    content = write(tmp_path)
    saved(database, clock, content)
    write(tmp_path, facts=FACTS.replace('"111"', '"112"'))

    with pytest.raises(ZeroDivisionError), transaction(database, clock) as tx:
        store.refresh_facts(tx, content / "facts.toml") and 1 / 0

    assert refresh(database, clock, content) == ["hotline"]


def test_the_rows_hold_what_the_guard_compares(database: Database, clock: SteppedClock, tmp_path: Path) -> None:
    content = write(tmp_path)
    made = saved(database, clock, content)

    with database.reading() as connection:
        rows = {row.name: (row.digest, row.value, row.verify_by) for row in connection.execute(select(table(Fact)))}

    assert rows["hotline"] == (made.facts["hotline"], "111", date(2027, 12, 31))


def test_uses_lists_the_revisions_that_show_a_fact(database: Database, clock: SteppedClock, tmp_path: Path) -> None:
    content = write(tmp_path)
    first = saved(database, clock, content)
    write(tmp_path, facts=FACTS.replace('"111"', '"112"'))
    second = saved(database, clock, content)

    with database.reading() as connection:
        found = [(use.revision, use.current) for use in store.uses(connection, "hotline")]
        none = store.uses(connection, "none")

    assert sorted(found) == sorted([(first.hash, False), (second.hash, True)])
    assert none == []


def test_the_files_facts_can_stand_in_for_rows_not_yet_read(
    database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    content = write(tmp_path)
    made = saved(database, clock, content)
    write(tmp_path, facts=FACTS.replace('"111"', '"112"'))

    with database.reading() as connection:
        found = store.stale(connection, TODAY, revisions=[made.hash], facts=load(content).facts)
        others = store.stale(connection, TODAY, revisions=["0" * 64], facts=load(content).facts)

    assert [(one.message_id, one.fact, one.why) for one in found] == [("hotline-111", "hotline", "changed")]
    assert others == []


def test_a_file_edited_after_approval_says_what_differs(
    database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    content = write(tmp_path)
    made = saved(database, clock, content)
    write(tmp_path, body=BODY.replace("miễn phí", "không mất tiền"))
    library = load(content)

    with database.reading() as connection:
        same = store.differs(
            connection,
            item=load(write(tmp_path)).item("hotline-111"),
            facts=library.facts,
            media={},
            approved=made.hash,
        )
        edited = store.differs(
            connection, item=library.item("hotline-111"), facts=library.facts, media={}, approved=made.hash
        )

    assert same == []
    assert edited == ["text vi sms differs"]
