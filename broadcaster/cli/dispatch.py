"""`broadcaster dispatch`: single dispatches, and what to do with the doubtful ones."""

from __future__ import annotations

from typing import Any

import click

from broadcaster.cli.session import Session, command, emit, emit_lines, json_option


@click.group()
def dispatch() -> None:
    """One broadcast to one address over one channel."""


COLUMNS = ("id", "channel", "state", "attempts", "provider_id", "reason", "to_masked")


@command(dispatch, "list")
@click.option("--broadcast", "broadcast_id", default=None, metavar="ID", help="Only those of this broadcast.")
@click.option("--state", default=None, help="Only those in this state, like unknown or failed.")
@click.option("--channel", default=None, help="Only those of this channel.")
@click.option("--limit", type=int, default=None, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on standard output.")
def list_(
    session: Session, broadcast_id: str | None, state: str | None, channel: str | None, limit: int | None, as_json: bool
) -> None:
    """Dispatches in order; addresses are masked."""
    from broadcaster.dispatch import broadcast, store
    from broadcaster.dispatch.dispatch import State
    from broadcaster.errors import WrongUse

    if state is not None and state not in {one.value for one in State}:
        raise WrongUse(f"No dispatch is ever {state!r}; the states are {', '.join(one.value for one in State)}.")
    with session.read() as connection:
        number = None
        if broadcast_id is not None:
            number = broadcast.get(connection, broadcast.read_public_id(broadcast_id)).id
        rows = store.listing(connection, broadcast=number, state=state, channel=channel, limit=limit)
        emit_lines(rows, as_json=as_json, columns=COLUMNS)


@command(dispatch, "show")
@click.argument("id_", metavar="ID")
@json_option
def show(session: Session, id_: str, as_json: bool) -> None:
    """One dispatch with each of its attempts."""
    from broadcaster.dispatch import store
    from broadcaster.dispatch.dispatch import read_public_id

    with session.read() as connection:
        details = store.life(connection, read_public_id(id_))
    emit(details, as_json=as_json)


@command(dispatch, "resolve")
@click.argument("id_", metavar="ID")
@click.option(
    "--as-state",
    "state",
    type=click.Choice(["accepted", "unresolved", "again"]),
    required=True,
    help="accepted: it is known to have gone out; unresolved: nobody can say; again: send it once more.",
)
@click.option("--reason", required=True, help="The evidence, in words; it stands in the ledger.")
@json_option
def resolve(session: Session, id_: str, state: str, reason: str, as_json: bool) -> None:
    """Settle a doubtful dispatch: two people say the same thing. `again` may ring a phone twice; say why it will not."""
    from broadcaster.access import countersign
    from broadcaster.access.user import Act
    from broadcaster.approval.store import reason_of
    from broadcaster.dispatch import reconcile
    from broadcaster.dispatch.dispatch import public_id, read_public_id

    actor = session.actor(Act.DISPATCH_RESOLVE)
    number, reason = read_public_id(id_), reason_of(reason)
    with session.write() as tx:
        reconcile.check_resolvable(tx.connection, number, state, now=tx.now)
        said = countersign.ask_or_sign(tx, act=f"dispatch.{state}", subject=f"{public_id(number)} {state}", by=actor)
        if isinstance(said, countersign.Signed):
            reconcile.resolve(tx, number, state, reason=reason, asked_by=said.asked_by, signed_by=said.signed_by)
    if isinstance(said, countersign.Waiting):
        session.say("Another person repeats this command within 24 hours.")
        emit({"state": "waiting", "request": said.request}, as_json=as_json)
        return
    result: dict[str, Any] = {"dispatch": public_id(number), "state": "planned" if state == "again" else state}
    emit(result, as_json=as_json)
