"""`broadcaster db`: upgrade, backup, check. A restore is an act of its own and comes with the operations work."""

from __future__ import annotations

from pathlib import Path

import click

from broadcaster.cli.session import Session, command, emit, json_option


@click.group()
def db() -> None:
    """The database."""


@command(db, "upgrade")
def upgrade(session: Session) -> None:
    """Bring the schema to this program's version; a copy is kept before anything changes."""
    from broadcaster.access.user import Act
    from broadcaster.db.backup import backup
    from broadcaster.db.engine import Database
    from broadcaster.db.migrations import is_current, newest, refuse_missing
    from broadcaster.db.migrations import upgrade as bring

    session.actor(Act.DATABASE_MANAGE)
    database = Database(session.config.database.url, folder=session.config.folder)
    try:
        refuse_missing(database)
        if is_current(database):
            session.say(f"The schema is {newest()} already.")
            return
        if database.file is not None and database.file.exists():
            kept = database.file.with_suffix(".before-upgrade.db")
            backup(database, kept)
            session.say(f"Copy kept: {kept}")
        session.say(f"The schema is now {bring(database)}.")
    finally:
        database.close()


@command(db, "backup")
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
def backup_(session: Session, target: Path) -> None:
    """A copy of the SQLite database while it works, checked before it counts. PostgreSQL: use pg_dump."""
    from broadcaster.access.user import Act
    from broadcaster.db.backup import backup
    from broadcaster.ledger.entry import Kind

    actor = session.actor(Act.DATABASE_MANAGE)
    with session.write() as tx:
        tx.record(Kind.DATABASE_BACKUP, actor, file=target.name)
    backup(session.database, target)
    session.say(f"Copied and checked: {target}. It holds people's numbers: keep it as safe as the original.")


@command(db, "check")
@json_option
def check(session: Session, as_json: bool) -> int:
    """The file itself, and whether counts and rows agree. Reads everything; may take a while."""
    from broadcaster.db.engine import integrity
    from broadcaster.dispatch import store

    with session.read() as connection:
        faults = integrity(connection) + store.recount(connection)
    emit({"ok": not faults, "faults": faults}, as_json=True) if as_json else session.say(
        "\n".join(faults) or "All is well."
    )
    return 1 if faults else 0
