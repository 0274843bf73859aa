"""`broadcaster broadcast`: look at broadcasts, decide about ad-hoc ones, pause, resume and cancel."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from broadcaster.cli.session import Session, command, emit, json_option

if TYPE_CHECKING:
    from sqlalchemy import Connection


# As the database has them (db.tables.Broadcast); a test holds the two together.
STATES = ("submitted", "rejected", "planned", "running", "paused", "done", "expired", "cancelled")


@click.group()
def broadcast() -> None:
    """Broadcasts: one message at one nominal local time."""


reason_option = click.option("--reason", required=True, help="Why; it stands in the ledger.")


@command(broadcast, "list")
@click.option("--state", type=click.Choice(STATES), default=None, help="Only those in this state.")
@click.option("--campaign", default=None, help="Only those of this campaign.")
@click.option("--limit", default=100, show_default=True, help="At most so many, the newest.")
@json_option
def list_(session: Session, state: str | None, campaign: str | None, limit: int, as_json: bool) -> None:
    """Broadcasts, the latest last."""
    from broadcaster.dispatch import broadcast as house

    with session.read() as connection:
        found = house.listing(connection, state=state, campaign=campaign, limit=limit)
        rows = [_summary(connection, row) for row in found]
    emit(rows, as_json=as_json, columns=("id", "local", "message", "state", "held", "planned", "open"))


@command(broadcast, "show")
@click.argument("id_", metavar="ID")
@json_option
def show(session: Session, id_: str, as_json: bool) -> None:
    """One broadcast: where each of its dispatches stands, and what it has cost."""
    from broadcaster.dispatch import broadcast as house
    from broadcaster.plan import ad_hoc

    with session.read() as connection:
        row = house.get(connection, house.read_public_id(id_))
        details = {**_details(connection, row), **ad_hoc.preview(connection, session.config, row)}
    emit(details, as_json=as_json)


@command(broadcast, "approve")
@click.argument("id_", metavar="ID")
@click.option("--hash", "expected", default=None, help="Approve only exactly this.")
@json_option
def approve(session: Session, id_: str, expected: str | None, as_json: bool) -> None:
    """Let an ad-hoc broadcast go out; not by whoever asked for it."""
    from broadcaster.access.user import Act
    from broadcaster.dispatch import broadcast as house
    from broadcaster.errors import WrongUse
    from broadcaster.plan import ad_hoc

    actor = session.actor(Act.BROADCAST_APPROVE)
    if expected == "":
        raise WrongUse("--hash is empty; leave it out to be shown what you approve, or give the whole hash.")
    number = house.read_public_id(id_)
    with session.read() as connection:
        row = house.get(connection, number)
        seen = {**_details(connection, row), **ad_hoc.preview(connection, session.config, row)}
    if sys.stdin.isatty() and expected is None:
        emit({**seen, "hash": row.authority}, as_json=False)
        click.confirm("Approve exactly this?", abort=True, err=True)
    with session.write() as tx:
        ad_hoc.approve(tx, session.config, number, by=actor, expected=expected)
    emit({"broadcast": id_, "state": "planned", "approved_by": actor}, as_json=as_json)


@command(broadcast, "reject")
@click.argument("id_", metavar="ID")
@reason_option
@json_option
def reject(session: Session, id_: str, reason: str, as_json: bool) -> None:
    """Turn an ad-hoc broadcast down."""
    from broadcaster.access.user import Act
    from broadcaster.dispatch import broadcast as house
    from broadcaster.plan import ad_hoc

    actor = session.actor(Act.BROADCAST_REJECT)
    number = house.read_public_id(id_)
    with session.write() as tx:
        ad_hoc.reject(tx, number, by=actor, reason=reason)
    emit({"broadcast": id_, "state": "rejected"}, as_json=as_json)


@command(broadcast, "pause")
@click.argument("id_", metavar="ID")
@reason_option
def pause(session: Session, id_: str, reason: str) -> None:
    """Nothing more of it goes out until it is resumed."""
    from broadcaster.access.user import Act
    from broadcaster.approval.store import reason_of
    from broadcaster.dispatch import broadcast as house

    actor = session.actor(Act.BROADCAST_PAUSE)
    with session.write() as tx:
        house.pause(tx, house.read_public_id(id_), actor, reason_of(reason))
    session.say(f"{id_} is paused; go on with: broadcaster broadcast resume {id_} --as USER")


@command(broadcast, "resume")
@click.argument("id_", metavar="ID")
def resume(session: Session, id_: str) -> None:
    """Go on."""
    from broadcaster.access.user import Act
    from broadcaster.dispatch import broadcast as house

    actor = session.actor(Act.BROADCAST_RESUME)
    with session.write() as tx:
        house.resume(tx, house.read_public_id(id_), actor)
    session.say(f"{id_} goes on.")


@command(broadcast, "cancel")
@click.argument("id_", metavar="ID")
@reason_option
def cancel(session: Session, id_: str, reason: str) -> None:
    """Nothing more of it goes out, ever."""
    from broadcaster.access.user import Act
    from broadcaster.dispatch import broadcast as house
    from broadcaster.plan import ad_hoc

    actor = session.actor(Act.BROADCAST_CANCEL)
    number = house.read_public_id(id_)
    with session.write() as tx:
        closed = ad_hoc.cancel(tx, session.config, number, by=actor, reason=reason)
    closed += close_rest(session, number)
    session.say(f"{id_} is cancelled; {closed} dispatches that had not left were closed.")


def close_rest(session: Session, number: int) -> int:
    """Nothing of it leaves any more; what had not left is closed in steps, so that the sender never waits for all of it."""
    from broadcaster.dispatch import broadcast as house
    from broadcaster.dispatch import store

    with session.read() as connection:
        left = store.open_count(connection, number) if house.get(connection, number).ending else 0
    closed = 0
    with session.progress(left, "closing") as done:
        while left:
            with session.write() as tx:
                n = house.end_chunk(tx, number)
                left = n if house.get(tx.connection, number).ending else 0
            closed += n
            done(n)
    return closed


def _summary(connection: Connection, row: Any) -> dict[str, Any]:
    from broadcaster.dispatch import broadcast as house
    from broadcaster.dispatch import store

    states = store.states(connection, row.id)
    return {
        "id": house.public_id(row.id),
        "local": row.local,
        "message": row.message_id,
        "state": row.state,
        "held": "being cancelled" if row.ending else row.held or _paused(connection, row),
        "planned": sum(states.values()),
        "open": store.open_count(connection, row.id),
        "states": states,
    }


def _paused(connection: Connection, row: Any) -> str:
    """The channel of a running broadcast that is paused, if something of it still waits."""
    from broadcaster.dispatch import broadcast as house
    from broadcaster.dispatch import store

    if row.state != "running":
        return ""
    paused = {lane["channel"] for lane in store.lanes(connection) if lane["paused"]}
    return ", ".join(f"channel {name} is paused" for name in house.channel_names(row) if name in paused)


def _details(connection: Connection, row: Any) -> dict[str, Any]:
    from broadcaster.cli.correct import shown as corrections
    from broadcaster.dispatch import broadcast as house
    from broadcaster.dispatch import fallback

    return {
        **_summary(connection, row),
        "cost": house.cost(connection, row.id),
        "campaign": row.campaign_id or "",
        "schedule": row.schedule_id,
        "group": house.group_name(connection, row.group_id),
        "channels": house.chains(row),
        "language": row.language,
        "revision": row.revision_hash or "",
        "due": row.due_at.isoformat(),
        "expires": row.expires_at.isoformat(),
        "hash": row.authority,
        "asked_by": row.created_by,
        "quiet_hours": row.quiet_hours,
        "require_consent": row.require_consent,
        "cap_per_24h": row.cap_per_24h,
        "possibly_both": fallback.possibly_both(connection, house.BROADCAST.c.id == row.id),
        **corrections(connection, row),
    }
