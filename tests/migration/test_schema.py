from __future__ import annotations

import re
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.schema import CreateTable

from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.db.migrations import HERE, check, newest, upgrade
from broadcaster.db.tables import metadata
from broadcaster.dispatch.dispatch import MOVES, State
from broadcaster.errors import Conflict
from broadcaster.ledger.store import transaction
from tests.builders import make_approval, make_ground


def test_models_and_migrations_agree(database: Database) -> None:
    with database.writing() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = compare_metadata(context, metadata)

    assert found == []


def test_every_table_of_the_models_has_the_same_text_in_the_migrated_file(sqlite_database: Database) -> None:
    def plain(sql: str) -> tuple[list[str], str]:
        text = re.sub(r'[\s"]+', "", sql)
        return sorted(text[text.index("(") + 1 : text.rindex(")")].split(",")), text[text.rindex(")") + 1 :]

    with sqlite_database.reading() as connection:
        rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
        made = {row.name: row.sql for row in rows}
        wanted = {table.name: str(CreateTable(table).compile(connection)) for table in metadata.sorted_tables}

    for name, sql in wanted.items():
        assert plain(made[name]) == plain(sql), name


def test_an_upgrade_a_second_time_changes_nothing(database: Database) -> None:
    assert upgrade(database) == upgrade(database)
    check(database)


def test_the_steps_follow_each_other_as_their_files_are_numbered() -> None:
    scripts = ScriptDirectory(str(HERE))

    steps = [(step.revision, step.down_revision) for step in scripts.walk_revisions()]

    assert steps[0][0] == newest()
    assert [one for one, _ in steps] == sorted((one for one, _ in steps), reverse=True)
    assert [below for _, below in steps] == [*(one for one, _ in steps[1:]), None]
    assert [Path(step.path).name.partition("_")[0] for step in scripts.walk_revisions()] == [one for one, _ in steps]


def test_a_database_of_a_newer_program_is_refused(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(Conflict, match="older than the data"):
        check(database)
    with pytest.raises(Conflict, match="older than the data"):
        upgrade(database)


def test_the_database_allows_exactly_the_moves_of_the_table(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        broadcast = make_ground(tx, 1)
    allowed = set()

    for before in State:
        for after in State:
            if before is not after and _moves(database, broadcast, before, after):
                allowed.add((before, after))

    assert allowed == set(MOVES)


def _moves(database: Database, broadcast: int, before: State, after: State) -> bool:
    """Whether the database lets a dispatch go from one state to the other; leaves nothing behind."""
    try:
        with database.writing() as connection:
            if connection.dialect.name == "sqlite":
                triggers = connection.execute(
                    text("SELECT sql FROM sqlite_master WHERE name = 'dispatch_born'")
                ).scalar_one()
                connection.execute(text("DROP TRIGGER dispatch_born"))
                assert "not born" in triggers
            else:
                connection.execute(text("ALTER TABLE dispatch DISABLE TRIGGER dispatch_born"))
            connection.execute(
                text(
                    "INSERT INTO dispatch (id, broadcast_id, channel, address_id, edition, language, state, attempts, uncounted)"
                    " VALUES (1, :b, 'sms', (SELECT min(id) FROM address), '', 'vi', :s, 0, 0)"
                ),
                {"b": broadcast, "s": before.value},
            )
            connection.execute(text("UPDATE dispatch SET state = :s WHERE id = 1"), {"s": after.value})
            raise _Undo
    except _Undo:
        return True
    except DatabaseError as error:
        if "no such move" not in str(error):
            raise
        return False


class _Undo(Exception):
    pass


@pytest.mark.parametrize(
    "statement", ["UPDATE revision SET category = 'x'", "DELETE FROM revision", "DELETE FROM approval"]
)
def test_what_was_approved_cannot_be_changed_or_dropped(
    database: Database, clock: SteppedClock, statement: str
) -> None:
    with transaction(database, clock) as tx:
        make_ground(tx, 1)

    with pytest.raises(DatabaseError), database.writing() as connection:
        connection.execute(text(statement))


def test_the_database_itself_refuses_an_approval_by_the_submitter(database: Database, clock: SteppedClock) -> None:
    with pytest.raises(DatabaseError), transaction(database, clock) as tx:
        make_approval(tx, kind="plan", name="c", subject="x", by="lan", approver="lan")


def test_the_database_itself_refuses_an_approval_by_an_editor(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        make_approval(tx, kind="plan", name="c", subject="x", by="lan", approve=False)
        tx.connection.execute(text("INSERT INTO approval_editor SELECT id, 'minh' FROM approval"))

    with pytest.raises(DatabaseError, match="editor"), database.writing() as connection:
        connection.execute(text("UPDATE approval SET state = 'approved', decided_by = 'minh'"))
