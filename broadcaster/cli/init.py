"""`broadcaster init`: a workspace that works, without a question."""

from __future__ import annotations

from pathlib import Path

import click

from broadcaster.cli.session import console


@click.command()
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path, file_okay=False), default=Path())
def init(folder: Path) -> None:
    """A workspace: config, sample content and schedules, database, first admin. Never asks; keeps what is there."""
    import secrets

    from broadcaster.access import appointment
    from broadcaster.access import store as users
    from broadcaster.app import make_workspace
    from broadcaster.clock import SystemClock
    from broadcaster.config import example, load
    from broadcaster.db.engine import Database
    from broadcaster.db.migrations import upgrade
    from broadcaster.ledger.entry import Kind
    from broadcaster.ledger.store import head, transaction

    make_workspace(folder, example_config=example())
    config = load(folder / "config.toml")
    database = Database(config.database.url, folder=config.folder)
    password = ""
    try:
        upgrade(database)
        with transaction(database, SystemClock()) as tx:
            if head(tx.connection).size == 0:
                tx.record(
                    Kind.OFFICE_START, console(), origin=config.ledger.origin, office=config.office.name,
                    two_person=config.approval.two_person,
                )  # fmt: skip
            if not users.everybody(tx.connection):
                password = secrets.token_urlsafe(12)
                appointment.first_admin(tx, name="admin", password=password, by=console(), must_change=True)
    finally:
        database.close()
    click.echo(f"Workspace: {folder.resolve()}")
    if password:
        click.echo(f"First admin: admin, one-time password: {password}")
        click.echo("Write it down; it is shown once. `broadcaster user reset admin` makes a new one.")
    click.echo(
        "Next: cd there, look into config.toml, then add a second admin: `broadcaster user add NAME --role admin`."
    )
    click.echo("Once there are two, an approver is made by both.")
