"""`broadcaster campaign`: look at campaigns, submit their plans, decide about them, pause and end them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from broadcaster.cli.session import Session, command, emit, json_option

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from broadcaster.approval.policy import Approval
    from broadcaster.schedule.spec import CampaignSpec
    from broadcaster.schedule.store import PlanDocument

KIND = "plan"
reason_option = click.option("--reason", required=True, help="Why; it stands in the ledger.")


@click.group()
def campaign() -> None:
    """Campaigns and their plans."""


# -- looking ----------------------------------------------------------------------------------------------------------


@command(campaign, "list")
@json_option
def list_(session: Session, as_json: bool) -> None:
    """Every campaign: its window, where it stands, and whether its file was changed since its plan was approved."""
    files = _files(session)
    with session.read() as connection:
        names = sorted({*files, *_known(connection)})
        rows = [_row(connection, name, files.get(name)) for name in names]
    emit(rows, as_json=as_json, columns=("id", "from", "until", "state", "file", "report_due", "broadcasts"))


@command(campaign, "show")
@click.argument("id_", metavar="CAMPAIGN")
@json_option
def show(session: Session, id_: str, as_json: bool) -> None:
    """One campaign: its schedules, its approvals, its broadcasts so far, and groups that have outgrown the approval."""
    from broadcaster.approval import store as approvals
    from broadcaster.schedule import store

    files = _files(session)
    with session.read() as connection:
        if id_ not in {*files, *_known(connection)}:
            _spec(session, id_)  # says why not
        row = store.campaign(connection, id_)
        details = _row(connection, id_, files.get(id_))
        decisions = approvals.history(connection, KIND, id_)
        spec = files.get(id_)
        if row is not None:
            document = store.plan(connection, row.plan_hash)
            spec = spec or document.campaign
            details["headcount"] = document.headcount
            details["growth"] = [
                {"group": one.group, "approved": one.approved, "now": one.now}
                for one in store.growth(connection, document)
            ]
    details["schedules"] = [_schedule(schedule) for schedule in spec.schedules] if spec else []
    details["approvals"] = [_decision(approval) for approval in decisions]
    if as_json:
        emit(details, as_json=True)
        return
    emit({k: v for k, v in details.items() if k not in ("schedules", "approvals", "growth")}, as_json=False)
    click.echo()
    rows = [{**schedule, "messages": len(schedule["messages"])} for schedule in details["schedules"]]
    emit(rows, as_json=False, columns=("id", "when", "from", "until", "messages", "pick", "channels", "group"))
    for grown in details.get("growth", []):
        click.echo(
            f"\nHeld: the group {grown['group']} grew from {grown['approved']:,} to {grown['now']:,}; "
            "submit the campaign again, so that somebody approves the larger number."
        )
    for approval in decisions:
        click.echo(_sentence(approval))


# -- deciding ---------------------------------------------------------------------------------------------------------


@command(campaign, "submit")
@click.argument("id_", metavar="CAMPAIGN")
@json_option
def submit(session: Session, id_: str, as_json: bool) -> None:
    """Ask a second person to approve the plan as its file stands. It is checked first; a fault refuses it."""
    from broadcaster.access.user import Act
    from broadcaster.schedule import store
    from broadcaster.schedule.files import roads
    from broadcaster.schedule.standing import refuse_faults

    by = session.actor(Act.CAMPAIGN_SUBMIT)
    spec = _spec(session, id_)
    refuse_faults(session.config, spec)
    senders = {name: road.sender for name, road in roads(session.config).items()}
    with session.write() as tx:
        document = store.submit(tx, spec, senders=senders, by=by, two_person=session.config.approval.two_person)
    _told(id_, "submitted", document, as_json=as_json)


@command(campaign, "approve")
@click.argument("id_", metavar="CAMPAIGN")
@click.option("--hash", "expected", default=None, help="Approve only if this is the submitted plan (12 digits or all).")
@json_option
def approve(session: Session, id_: str, expected: str | None, as_json: bool) -> int:
    """Put a submitted plan in force; it starts by itself. On a terminal it is shown and you are asked."""
    from broadcaster.access.user import Act
    from broadcaster.approval import store as approvals
    from broadcaster.schedule import store

    by = session.actor(Act.CAMPAIGN_APPROVE)
    with session.read() as connection:
        waiting = approvals.open_(connection, KIND, id_)
        document = store.plan(connection, waiting.subject) if waiting else None
    if waiting and document and expected is None:
        if not _agreed(session, waiting, document):
            session.say(f"Not approved: {id_}.")
            return 1
        expected = waiting.subject
    with session.write() as tx:
        decided = store.approve(tx, id_, by=by, expected=expected)
    _told(id_, "approved", decided, as_json=as_json)
    return 0


@command(campaign, "reject")
@click.argument("id_", metavar="CAMPAIGN")
@click.option("--reason", required=True, help="What must change; it stands in the ledger.")
@click.option("--hash", "expected", default=None, help="Reject only if this is the submitted plan.")
@json_option
def reject(session: Session, id_: str, reason: str, expected: str | None, as_json: bool) -> None:
    """Turn a submitted plan down, with the reason. A plan that is in force stays in force."""
    from broadcaster.access.user import Act
    from broadcaster.schedule import store

    by = session.actor(Act.CAMPAIGN_REJECT)
    with session.write() as tx:
        decided = store.reject(tx, id_, by=by, reason=reason, expected=expected)
    _result({"campaign": id_, "state": decided.state, "plan": decided.subject}, as_json=as_json)


@command(campaign, "pause")
@click.argument("id_", metavar="CAMPAIGN")
@reason_option
@json_option
def pause(session: Session, id_: str, reason: str, as_json: bool) -> None:
    """Send nothing of it until it is resumed; what passes its time meanwhile expires."""
    from broadcaster.access.user import Act
    from broadcaster.schedule import store

    by = session.actor(Act.CAMPAIGN_PAUSE)
    with session.write() as tx:
        n = store.pause(tx, id_, by=by, reason=reason)
    _result({"campaign": id_, "state": "paused", "broadcasts": n}, as_json=as_json)


@command(campaign, "resume")
@click.argument("id_", metavar="CAMPAIGN")
@json_option
def resume(session: Session, id_: str, as_json: bool) -> None:
    """Let a paused campaign go on."""
    from broadcaster.access.user import Act
    from broadcaster.schedule import store

    by = session.actor(Act.CAMPAIGN_RESUME)
    with session.write() as tx:
        n = store.resume(tx, id_, by=by)
        row = store.campaign(tx.connection, id_)
    _result({"campaign": id_, "state": row.state if row else "", "broadcasts": n}, as_json=as_json)


@command(campaign, "cancel")
@click.argument("id_", metavar="CAMPAIGN")
@reason_option
@json_option
def cancel(session: Session, id_: str, reason: str, as_json: bool) -> None:
    """End it at once: nothing more of it goes out. Only a plan approved anew starts it again."""
    from broadcaster.access.user import Act
    from broadcaster.schedule import store
    from broadcaster.schedule.files import roads

    by = session.actor(Act.CAMPAIGN_CANCEL)
    with session.write() as tx:
        n = store.cancel(tx, id_, by=by, reason=reason, roads=roads(session.config))
    _result({"campaign": id_, "state": "cancelled", "broadcasts": n}, as_json=as_json)


# -- parts ------------------------------------------------------------------------------------------------------------


def _files(session: Session) -> dict[str, CampaignSpec]:
    """Every campaign whose file has no fault; the others are named on standard error."""
    from broadcaster.schedule.files import read_all

    found = read_all(session.config.path(session.config.folders.schedules), session.config)
    for file in found:
        if file.faults:
            session.say(f"Not read, see `broadcaster check`: {file.path}.")
    return {file.spec.id: file.spec for file in found if file.spec}


def _known(connection: Connection) -> dict[str, str]:
    from broadcaster.schedule import store

    return store.known(connection)


def _spec(session: Session, id_: str) -> CampaignSpec:
    from broadcaster.schedule.files import find

    return find(session.config.path(session.config.folders.schedules), id_, session.config)


def _row(connection: Connection, id_: str, spec: CampaignSpec | None) -> dict[str, Any]:
    from broadcaster.schedule.standing import standing

    return standing(connection, id_, spec)


def _schedule(schedule: Any) -> dict[str, Any]:
    when = schedule.when
    rule = when.at or when.cron or f"{', '.join(when.daily)} {', '.join(when.days)}"
    return {
        "id": schedule.id,
        "when": rule,
        "from": str(when.since),
        "until": str(when.until),
        "messages": list(schedule.messages),
        "pick": schedule.pick,
        "channels": [" > ".join(chain) for chain in schedule.channels],
        "group": schedule.group,
        "language": schedule.language,
        "priority": schedule.priority,
    }


def _decision(approval: Approval) -> dict[str, Any]:
    return {
        "plan": approval.subject,
        "state": approval.state,
        "submitted_by": approval.submitted_by,
        "submitted_at": approval.submitted_at.isoformat(),
        "decided_by": approval.decided_by,
        "decided_at": approval.decided_at.isoformat() if approval.decided_at else None,
        "reason": approval.reason,
        "two_person": approval.two_person,
    }


def _sentence(approval: Approval) -> str:
    decided = f", by {approval.decided_by}" if approval.decided_by else ""
    alone = "" if approval.two_person else " (one person, as the office has set)"
    why = f": {approval.reason}" if approval.reason else ""
    return f"{approval.subject:.12}  {approval.state}{decided}, submitted by {approval.submitted_by}{alone}{why}"


def _agreed(session: Session, waiting: Approval, document: PlanDocument) -> bool:
    """Shown and asked on a terminal; elsewhere the password was the confirmation."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    spec = document.campaign
    session.say(f"\n{waiting.name}, submitted by {waiting.submitted_by}\nplan {waiting.subject}")
    session.say(
        f"{spec.title}\n{spec.since} to {spec.until}, {spec.timezone}, quiet hours {spec.quiet_hours or 'none'}"
    )
    session.say(f"{document.headcount:,} people in {', '.join(document.groups) or 'no group'}")
    for schedule in map(_schedule, spec.schedules):
        rule = f"{schedule['when']}, {schedule['from']} to {schedule['until']}"
        said = f"{', '.join(schedule['messages'])} ({schedule['pick']})"
        session.say(
            f"- {schedule['id']}: {rule}; {', '.join(schedule['channels'])}; {schedule['group'] or 'public'}; {said}"
        )
    session.say(f"See each date and its cost with `broadcaster plan {waiting.name}`.")
    return click.confirm(f"\nApprove {waiting.name} {waiting.subject:.12}?", default=False, err=True)


def _told(id_: str, state: str, document: PlanDocument, *, as_json: bool) -> None:
    _result({"campaign": id_, "state": state, "plan": document.hash, "headcount": document.headcount}, as_json=as_json)


def _result(row: dict[str, Any], *, as_json: bool) -> None:
    emit(row, as_json=as_json)
