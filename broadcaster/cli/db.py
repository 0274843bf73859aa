"""`broadcaster db`: upgrade, backup, restore, check."""

from __future__ import annotations

from pathlib import Path

import click

from broadcaster.cli.session import Session, command, console, emit, json_option


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


@command(db, "restore")
@click.argument("source", metavar="[FILE]", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--here", is_flag=True, help="The copy is in its place already: PostgreSQL, or put back by hand.")
@click.option("--reason", required=True, help="Why; it stands in the ledger.")
@json_option
def restore(session: Session, source: Path | None, here: bool, reason: str, as_json: bool) -> None:
    """Go on from an older copy: whatever may have gone out since is in doubt; nothing is sent until two people resume."""
    import dataclasses

    from broadcaster.access.user import Act
    from broadcaster.approval.store import reason_of
    from broadcaster.db.backup import put_back
    from broadcaster.db.engine import Database
    from broadcaster.db.migrations import upgrade as bring
    from broadcaster.dispatch.worker import SenderLock
    from broadcaster.errors import WrongUse
    from broadcaster.ledger import checkpoint
    from broadcaster.plan import restore as mode
    from broadcaster.schedule.files import roads

    if (source is None) != here:
        raise WrongUse("Name the copy, or say --here if it is in its place already.")
    if session.user is None:
        actor = console()
    else:
        actor = session.actor(Act.DATABASE_MANAGE)
        session.database.close()
    reason = reason_of(reason)
    database = Database(session.config.database.url, folder=session.config.folder, sender=True)
    try:
        with SenderLock(database):
            kept = put_back(database, source) if source is not None else None
            bring(database)
            folder = session.config.path(session.config.folders.checkpoints)
            with database.reading() as connection:
                sizes = [int(path.stem) for path in checkpoint.files(folder)]
                lost = mode.signed_beyond(connection, sizes)
            aside = checkpoint.set_aside(database, folder)
            found = mode.enter(
                database, session.clock, roads(session.config), file=source.name if source else "", lost=lost,
                reason=reason, actor=actor,
            )  # fmt: skip
    finally:
        database.close()
    if kept:
        session.say(f"The database that was there is kept: {kept}")
    if aside:
        session.say(f"{len(aside)} signed checkpoints are newer than the copy; they are kept in {aside[0].parent}.")
    session.say(
        f"The copy is of {found.since}. {found.doubts} dispatches of {found.broadcasts} broadcasts may have gone out since;"
        " they are unknown. Opt-outs, erasures, approvals, users and broadcasts asked for since are lost: enter the opt-outs"
        " again BEFORE anything is sent. Settle the doubts: broadcaster dispatch resolve --broadcast ID. Then two people:"
        f" broadcaster resume {found.stop}"
    )
    emit(dataclasses.asdict(found), as_json=as_json)


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
