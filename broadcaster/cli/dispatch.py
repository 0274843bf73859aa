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
@click.argument("id_", metavar="[ID]", required=False)
@click.option("--broadcast", "broadcast_id", default=None, metavar="ID", help="All of this broadcast in --state.")
@click.option(
    "--state",
    "found_in",
    type=click.Choice(["unknown", "unresolved"]),
    default="unknown",
    show_default=True,
    help="With --broadcast: which of its dispatches.",
)
@click.option(
    "--as-state",
    "state",
    type=click.Choice(["accepted", "unresolved", "again"]),
    required=True,
    help="accepted: it is known to have gone out; unresolved: nobody can say; again: send it once more.",
)
@click.option("--reason", required=True, help="The evidence, in words; it stands in the ledger.")
@click.option(
    "--parts",
    type=click.IntRange(0, 1000),
    default=None,
    help="Of accepted: billed parts of each, by the provider's bill; default: as many as the text has.",
)
@json_option
def resolve(
    session: Session, id_: str | None, broadcast_id: str | None, found_in: str, state: str, reason: str,
    parts: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Settle doubtful dispatches: two people say the same thing. `again` may ring a phone twice; say why it will not."""
    from broadcaster.access.user import Act
    from broadcaster.approval.store import reason_of
    from broadcaster.errors import WrongUse

    if (id_ is None) == (broadcast_id is None):
        raise WrongUse("Name one dispatch, or a whole broadcast with --broadcast.")
    if parts is not None and state != "accepted":
        raise WrongUse("--parts belongs to --as-state accepted: nothing else is billed.")
    actor, reason = session.actor(Act.DISPATCH_RESOLVE), reason_of(reason)
    if id_ is not None:
        result = _resolve_one(session, id_, state, reason, parts, actor)
    else:
        result = _resolve_all(session, str(broadcast_id), found_in, state, reason, parts, actor)
    if result["state"] == "waiting":
        session.say(
            f"{result.get('dispatches', 1)} dispatches. Another person repeats exactly this command within 24 hours."
        )
    emit(result, as_json=as_json)


def _resolve_one(session: Session, id_: str, state: str, reason: str, parts: int | None, actor: str) -> dict[str, Any]:
    from broadcaster.access import countersign
    from broadcaster.access.user import Act
    from broadcaster.dispatch import reconcile
    from broadcaster.dispatch.dispatch import public_id, read_public_id
    from broadcaster.plan.parts import billed

    number = read_public_id(id_)
    with session.write() as tx:
        reconcile.check_resolvable(tx.connection, number, state, now=tx.now)
        units = 0
        if state == "accepted":
            units = billed(tx.connection, session.config, number) if parts is None else parts
        subject = f"{public_id(number)} {state}" + (f" {units} parts" if state == "accepted" else "")
        said = countersign.ask_or_sign(
            tx, act=f"dispatch.{state}", subject=subject, by=actor, takes=Act.DISPATCH_RESOLVE
        )
        if isinstance(said, countersign.Waiting):
            return {"state": "waiting", "request": said.request}
        reconcile.resolve(
            tx, number, state, reason=reason, asked_by=said.asked_by, signed_by=said.signed_by, parts=units
        )
    return {"dispatch": public_id(number), "state": "planned" if state == "again" else state}


def _resolve_all(
    session: Session, id_: str, found_in: str, state: str, reason: str, parts: int | None, actor: str
) -> dict[str, Any]:
    from broadcaster.access import countersign
    from broadcaster.access.user import Act
    from broadcaster.dispatch import broadcast, reconcile, stop
    from broadcaster.dispatch.dispatch import State
    from broadcaster.plan.parts import of_broadcast

    number = broadcast.read_public_id(id_)
    with session.write() as tx:
        stop.own_lock(tx.connection)
        broadcast.lock(tx.connection, number)
        doubts = reconcile.doubts_of(tx.connection, number, State(found_in), state, now=tx.now)
        units: dict[tuple[str, str], int] = {}
        if state == "accepted":
            known = of_broadcast(tx.connection, session.config, number)
            units = {kind: known.get(kind, 1) if parts is None else parts for kind in doubts.kinds}
        told = " ".join(f"{channel}/{language}={n}" for (channel, language), n in sorted(units.items()))
        subject = f"{id_} {found_in} {state} {doubts.n} {doubts.digest} {told}".strip()
        said = countersign.ask_or_sign(
            tx, act=f"dispatch.{state}", subject=subject, by=actor, takes=Act.DISPATCH_RESOLVE
        )
        if isinstance(said, countersign.Waiting):
            return {"state": "waiting", "request": said.request, "dispatches": doubts.n}
        reconcile.resolve_all(
            tx, doubts, state, reason=reason, asked_by=said.asked_by, signed_by=said.signed_by, parts=units
        )
    return {"broadcast": id_, "dispatches": doubts.n, "state": "planned" if state == "again" else state}
