"""`broadcaster duty`: replies that a person must read."""

from __future__ import annotations

import click

from broadcaster.cli.session import Session, command, emit, json_option


@click.group()
def duty() -> None:
    """Replies that a person must read: each is shown once."""


@command(duty, "list")
@json_option
def list_(session: Session, as_json: bool) -> None:
    """What nobody has read yet, oldest first; neither text nor number."""
    from broadcaster.duty import plea

    with session.read() as connection:
        rows = plea.waiting(connection)
    emit(rows, as_json=as_json, columns=("id", "channel", "at", "from", "called", "calls"))


@command(duty, "show")
@click.argument("number", metavar="ID", type=click.IntRange(1))
@json_option
def show(session: Session, number: int, as_json: bool) -> None:
    """Show one reply, once: afterwards its text and number are gone from this program. Write down what you need."""
    from broadcaster.access.user import Act
    from broadcaster.duty import plea

    actor = session.actor(Act.DUTY_READ)
    with session.write() as tx:
        opened = plea.show(tx, number, by=actor, office_key=session.office_key)
    emit(
        {
            "id": str(opened.number),
            "channel": opened.channel,
            "at": opened.at.isoformat(),
            "from": opened.sender,
            "text": opened.text,
        },
        as_json=as_json,
    )
