"""The schema's history, and the one door to it. Each step is a transaction on both databases."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from broadcaster.db.engine import Database
from broadcaster.errors import Conflict, NotFound

HERE = Path(__file__).parent


def upgrade(database: Database) -> str:
    """Bring the database to this program's schema; repeatable. Returns the revision. Raises: Conflict if it is newer."""
    from alembic import command  # 11 MB and 0.2 s that only this command needs
    from alembic.config import Config as Alembic

    settings = Alembic()
    settings.set_main_option("script_location", str(HERE))
    settings.set_main_option("path_separator", "os")
    with database.writing() as connection:
        _refuse_newer(_found(connection))
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
        found = _found(connection)
    _refuse_newer(found)
    if found != newest():
        what = "is empty" if found is None else f"has schema {found}"
        raise Conflict(f"The database {what}; this program needs {newest()}. Run `broadcaster db upgrade`.")


def is_current(database: Database) -> bool:
    with database.reading() as connection:
        return _found(connection) == newest()


def newest() -> str:
    """The last of this program's steps."""
    return max(_steps())


def _steps() -> set[str]:
    """Each is a file named after its number; that they follow each other is tested."""
    return {path.name.partition("_")[0] for path in (HERE / "versions").glob("[0-9]*.py")}


def _found(connection: Connection) -> str | None:
    """The step the database stands at; None for one without any."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _refuse_newer(found: str | None) -> None:
    if found is not None and found not in _steps():
        raise Conflict(
            f"The database has schema {found}, which this program does not know: it is older than the data. Update it."
        )
