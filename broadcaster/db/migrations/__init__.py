"""The schema's history, and the one door to it. Each step is a transaction on both databases."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config as Alembic
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from broadcaster.db.engine import Database
from broadcaster.errors import Conflict, NotFound


def upgrade(database: Database) -> str:
    """Bring the database to this program's schema; repeatable. Returns the revision. Raises: Conflict if it is newer."""
    settings = _settings()
    with database.writing() as connection:
        _refuse_newer(MigrationContext.configure(connection).get_current_revision())
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")
    return newest()


def refuse_missing(database: Database) -> None:
    """Asked before a SQLite file would be made by opening it. Raises: NotFound, with what to do."""
    if database.file is not None and not database.file.exists():
        raise NotFound(
            f"There is no {database.file}. If this office has sent before, put the newest copy back and send nothing until "
            "then: a new database does not know who got what. For a new office: `broadcaster init`."
        )


def check(database: Database) -> None:
    """Raises: NotFound, Conflict when the database is not there, or has not this program's schema, with what to do."""
    refuse_missing(database)
    with database.reading() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    _refuse_newer(found)
    if found != newest():
        what = "is empty" if found is None else f"has schema {found}"
        raise Conflict(f"The database {what}; this program needs {newest()}. Run `broadcaster db upgrade`.")


def is_current(database: Database) -> bool:
    with database.reading() as connection:
        return MigrationContext.configure(connection).get_current_revision() == newest()


def newest() -> str:
    head = ScriptDirectory.from_config(_settings()).get_current_head()
    assert head is not None
    return head


def _refuse_newer(found: str | None) -> None:
    if found is not None and found not in {
        step.revision for step in ScriptDirectory.from_config(_settings()).walk_revisions()
    }:
        raise Conflict(
            f"The database has schema {found}, which this program does not know: it is older than the data. Update it."
        )


def _settings() -> Alembic:
    settings = Alembic()
    settings.set_main_option("script_location", str(Path(__file__).parent))
    settings.set_main_option("path_separator", "os")
    return settings
