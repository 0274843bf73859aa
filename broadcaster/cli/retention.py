"""`broadcaster retention`: personal data that was kept long enough goes; `run` does it every night."""

from __future__ import annotations

import click

from broadcaster.cli.session import Session, command, emit, json_option


@command(click.Group(), "retention")
@click.option("--dry-run", is_flag=True, help="Only count what would be erased.")
@json_option
def retention(session: Session, dry_run: bool, as_json: bool) -> None:
    """Erase contacts and attachments that `[retention]` gives no more time; what is under a legal hold is kept.

    Suppressions and ledger entries stay. The ledger says how many were erased, never who.
    """
    from broadcaster.access.user import Act
    from broadcaster.retention import sweep

    if dry_run:
        with session.read() as connection:
            found = sweep.due(connection, session.config, session.clock)
    else:
        actor = session.actor(Act.AUDIENCE_ERASE)
        found = sweep.sweep(session.config, session.database, session.clock, actor=actor)
    shown = {"contacts": found.contacts, "attachments": found.attachments, "held": found.held}
    emit({"erased": not dry_run, **shown}, as_json=as_json)
