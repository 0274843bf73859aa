"""`broadcaster correct`: a wrong text is out; stop what is left, take back what can be, and propose what sets it right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from broadcaster.cli.session import Session, command, emit, json_option

if TYPE_CHECKING:
    from sqlalchemy import Connection


@click.group()
def _root() -> None: ...


@command(_root, "correct")
@click.argument("id_", metavar="BROADCAST")
@click.option("--message", required=True, help="The approved message that sets it right.")
@click.option("--reason", required=True, help="What was wrong; it stands in the ledger.")
@json_option
def correct(session: Session, id_: str, message: str, reason: str, as_json: bool) -> None:
    """Stop the rest, take down what can be, and ask for a correction to exactly those who got it. Repeatable."""
    from broadcaster.access.user import Act
    from broadcaster.cli.broadcast import close_rest
    from broadcaster.cli.send import approved
    from broadcaster.dispatch import broadcast, correction
    from broadcaster.plan import correcting

    actor = session.actor(Act.BROADCAST_CANCEL)
    session.actor(Act.BROADCAST_SEND)
    number = broadcast.read_public_id(id_)
    with session.read() as connection:
        revision = approved(session, connection, message)
        broadcast.get(connection, number)
    known, closed = correcting.begin(session, number, message=message, revision=revision, reason=reason, by=actor)
    closed += close_rest(session, number)
    with session.read() as connection:
        got = correction.got(connection, number)
    taken = correcting.take_down(session, number, known, got, by=actor)
    for name, error in taken.cannot.items():
        session.say(f"The channel {name} cannot be asked to take anything down: {error}")
    for name, faults in taken.faults.items():
        session.say(f"{faults} could not be taken down on {name}; run the same command again to try again.")
    proposed, not_proposed = correcting.propose(session, number, message, revision, got, by=actor)
    with session.read() as connection:
        down, printed = correction.taken_down(connection, number), correction.printed(connection, number)
    for one in printed:
        session.say(
            f"On paper since {one['at'][:10]}: {one['piece']} ({one['language']}), made by {one['by']}; take it down."
        )
    for one in proposed:
        session.say(f"{one['broadcast']} waits for another person: broadcaster broadcast approve {one['broadcast']}")
    emit(
        {
            "broadcast": id_,
            "closed": closed,
            "taken_down": down,
            "cannot_be_taken_back": taken.stays,
            "printed": printed,
            "proposed": proposed,
            "not_proposed": not_proposed,
        },
        as_json=as_json,
    )


def shown(connection: Connection, row: Any) -> dict[str, Any]:
    """What `broadcast show` says of corrections."""
    from broadcaster.dispatch import broadcast, correction

    found: dict[str, Any] = {}
    if row.corrects is not None:
        found["corrects"] = broadcast.public_id(row.corrects)
    if known := correction.shown(connection, row.id):
        found["correction"] = known
    return found
