"""`broadcaster plan`: what goes out when, to how many, at what cost, and what stands in the way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from broadcaster.cli.session import Session, command, emit, json_option

if TYPE_CHECKING:
    from broadcaster.plan.planner import Ground, Row
    from broadcaster.schedule.spec import CampaignSpec

COLUMNS = ("local", "schedule", "message", "channel", "recipients", "sms", "cost", "finish", "conflicts")


@command(click.Group(), "plan")
@click.argument("id_", metavar="CAMPAIGN")
@json_option
@click.option(
    "--ics", "calendar_file", metavar="FILE", default=None, help="Write a calendar file; - for standard output."
)
@click.option("--pdf", "paper", type=click.Path(path_type=Path, dir_okay=False), default=None,
              help="Write the plan as a PDF, to be signed.")  # fmt: skip
def plan(session: Session, id_: str, as_json: bool, calendar_file: str | None, paper: Path | None) -> None:
    """What a campaign sends when, to how many, at what cost, until when, and what stands in the way.

    Works for any campaign file, approved or not, past or future. With --json one row per occurrence and channel.
    """
    from broadcaster.errors import WrongUse
    from broadcaster.plan.planner import forecast

    if as_json and calendar_file == "-":
        raise WrongUse("Standard output takes one of --json and --ics -; give --ics a file.")
    spec, ground = _read(session, id_)
    rows = forecast(spec, ground)
    if calendar_file:
        _write_calendar(session, spec, ground, rows, calendar_file)
    if paper:
        paper.write_bytes(_on_paper(session, spec, rows))
        session.say(f"Wrote {paper}.")
    if as_json:
        emit([row.shown() for row in rows], as_json=True)
    elif not (calendar_file or paper):
        _tell(spec, rows)


def _read(session: Session, id_: str) -> tuple[CampaignSpec, Ground]:
    """The campaign's file, else its plan as approved; and what its forecast is made from."""
    from broadcaster.content.files import load
    from broadcaster.errors import NotFound
    from broadcaster.plan.reading import survey
    from broadcaster.schedule import store
    from broadcaster.schedule.files import find

    config = session.config
    library = load(config.path(config.folders.content))
    with session.read() as connection:
        try:
            spec = find(config.path(config.folders.schedules), id_, config)
        except NotFound:
            row = store.campaign(connection, id_)
            if row is None:
                raise
            session.say(f"There is no file of {id_} any more; this is its plan as approved.")
            spec = store.plan(connection, row.plan_hash).campaign
        return spec, survey(connection, config, library, spec, now=session.clock.now())


def _on_paper(session: Session, spec: CampaignSpec, rows: list[Row]) -> bytes:
    """With the hash of what waits for approval, else of what is in force, if that is what the file says."""
    from broadcaster.approval import store as approvals
    from broadcaster.printing.plan import sheet
    from broadcaster.schedule import store

    with session.read() as connection:
        given = approvals.open_(connection, "plan", spec.id) or approvals.current(connection, "plan", spec.id)
        document = store.plan(connection, given.subject) if given else None
    same = document if document and document.campaign == spec else None
    return sheet(spec, rows, office=session.config.office.name, plan=same)


def _write_calendar(session: Session, spec: CampaignSpec, ground: Ground, rows: list[Row], target: str) -> None:
    from broadcaster.errors import WrongUse
    from broadcaster.plan.calendar import calendar

    raw = calendar(spec, rows, ground.messages, now=session.clock.now())
    if target == "-":
        click.echo(raw, nl=False)
        return
    try:
        Path(target).write_bytes(raw)
    except OSError as error:
        raise WrongUse(f"{target} cannot be written: {error.strerror}; name another file.") from None
    session.say(f"Wrote {target}.")


def _tell(spec: CampaignSpec, rows: list[Row]) -> None:
    from broadcaster.plan.planner import totals

    emit([_shown(spec, row) for row in rows], as_json=False, columns=COLUMNS)
    found = totals(rows)
    cost = ", ".join(f"{one['amount']} {one['currency']}" for one in found["cost"]) or "nothing"
    click.echo(
        f"\n{found['occurrences']:,} broadcasts, {found['recipients']:,} recipients, {found['sms_parts']:,} SMS parts; "
        f"cost {cost}{_budget(spec)}; {found['conflicts']:,} of {len(rows):,} rows with something to look at."
    )


def _budget(spec: CampaignSpec) -> str:
    return f" of a budget of {spec.budget.amount} {spec.budget.currency}" if spec.budget else ""


def _shown(spec: CampaignSpec, row: Row) -> dict[str, Any]:
    from broadcaster.plan.planner import money

    finish = row.finish.astimezone(spec.zone) if row.finish else None
    same_day = finish is not None and f"{finish:%Y-%m-%d}" == row.local[:10]
    return {
        "local": row.local.replace("T", " "),
        "schedule": row.schedule,
        "message": row.message,
        "channel": row.channel,
        "recipients": f"{row.recipients:,}",
        "sms": row.sms_parts or "",
        "cost": money(row.cost, row.currency) if row.cost else "",
        "finish": "" if finish is None else f"{finish:%H:%M:%S}" if same_day else f"{finish:%Y-%m-%d %H:%M}",
        "conflicts": "; ".join(row.conflicts),
    }
