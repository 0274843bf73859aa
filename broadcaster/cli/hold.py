"""`broadcaster hold`: what must be kept for a court or an inspection, although its time has come."""

from __future__ import annotations

import click

from broadcaster.cli.session import Session, command, emit, json_option


@click.group()
def hold() -> None:
    """Legal holds: of a campaign under one nothing personal is erased."""


@command(hold, "list")
@json_option
def list_(session: Session, as_json: bool) -> None:
    """The holds in force."""
    from broadcaster.access.hold import standing

    with session.read() as connection:
        rows = [
            {"campaign": one.campaign, "reason": one.reason, "set_by": one.set_by, "set_at": one.set_at.isoformat()}
            for one in standing(connection)
        ]
    emit(rows, as_json=as_json, columns=("campaign", "reason", "set_by", "set_at"))


@command(hold, "set")
@click.argument("campaign")
@click.option("--reason", required=True, help="For whom or what it is kept; it stands in the ledger.")
@json_option
def set_(session: Session, campaign: str, reason: str, as_json: bool) -> None:
    """Keep everything of a campaign until two people lift the hold."""
    from broadcaster.access import hold as holds
    from broadcaster.access.user import Act
    from broadcaster.approval.store import reason_of
    from broadcaster.errors import NotFound
    from broadcaster.schedule import store as schedules

    by, said = session.actor(Act.HOLD_SET), reason_of(reason)
    with session.write() as tx:
        if schedules.campaign(tx.connection, campaign) is None:
            raise NotFound(f"No campaign {campaign!r} was ever approved; `broadcaster campaign list` shows which were.")
        holds.set_(tx, campaign, reason=said, by=by)
    emit({"campaign": campaign, "state": "held", "reason": said}, as_json=as_json)


@command(hold, "lift")
@click.argument("campaign")
@json_option
def lift(session: Session, campaign: str, as_json: bool) -> None:
    """Let a campaign's data go when its time has come. The first person asks; a second one repeats the command."""
    from broadcaster.access import countersign
    from broadcaster.access import hold as holds
    from broadcaster.access.user import Act

    by = session.actor(Act.HOLD_LIFT)
    with session.write() as tx:
        holds.known(tx.connection, campaign)
        said = countersign.ask_or_sign(tx, act="hold.lift", subject=campaign, by=by, takes=Act.HOLD_LIFT)
        if isinstance(said, countersign.Signed):
            holds.lift(tx, campaign, asked_by=said.asked_by, signed_by=said.signed_by)
    if isinstance(said, countersign.Waiting):
        session.say(f"Another person repeats within 24 hours: broadcaster hold lift {campaign}")
        emit({"state": "waiting", "request": said.request}, as_json=as_json)
        return
    emit({"campaign": campaign, "state": "lifted"}, as_json=as_json)
