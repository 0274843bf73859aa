"""`broadcaster report`: a campaign's figures, for people, programs and spreadsheets."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from broadcaster.cli.session import Session, command, emit, json_option

if TYPE_CHECKING:
    from broadcaster.report.figures import Figures


@command(click.Group(), "report")
@click.argument("campaign", metavar="CAMPAIGN")
@click.option("--format", "form", type=click.Choice(["json", "csv"]), default=None, help="json or csv; else a table.")
@click.option("--output", type=click.Path(path_type=Path), default=None, help="Write to this file.")
@json_option
def report(session: Session, campaign: str, form: str | None, output: Path | None, as_json: bool) -> None:
    """What became of every dispatch of a campaign: planned = final + open, always.

    With --format the making of the report stands in the ledger, with the digest of what was made.
    """
    from broadcaster.errors import WrongUse

    form = form or ("json" if as_json else None)
    if output and not form:
        raise WrongUse("Say which --format the file has: json or csv.")
    actor = _actor(session) if form else ""
    figures = _figures(session, campaign)
    if not form:
        _tell(figures)
        return
    data = _bytes(figures, form)
    _record(session, actor, campaign, form, data)
    if output:
        output.write_bytes(data)
        session.say(f"{output}: {'complete' if figures.complete else 'interim'}")
    else:
        click.echo(data, nl=False)


def _actor(session: Session) -> str:
    from broadcaster.access.user import Act

    return session.actor(Act.REPORT_MAKE)


def _figures(session: Session, campaign: str) -> Figures:
    from broadcaster.report.store import nothing_yet, read
    from broadcaster.schedule.files import find

    adapters = {name: str(settings.get("adapter", name)) for name, settings in session.config.channels.items()}
    with session.read() as connection:
        found = read(connection, campaign, adapters=adapters, now=session.clock.now())
    if found is not None:
        return found
    folder = session.config.path(session.config.folders.schedules)
    return nothing_yet(find(folder, campaign, session.config), now=session.clock.now())


def _bytes(figures: Figures, form: str) -> bytes:
    from broadcaster.report.sheet import csv_table

    return csv_table(figures) if form == "csv" else f"{json.dumps(figures.shown(), ensure_ascii=False)}\n".encode()


def _record(session: Session, actor: str, campaign: str, form: str, data: bytes) -> None:
    from broadcaster.ledger.entry import Kind

    with session.write() as tx:
        tx.record(Kind.REPORT_MAKE, actor, campaign=campaign, format=form, sha256=sha256(data).hexdigest())


def _tell(figures: Figures) -> None:
    from broadcaster.report.form import heading
    from broadcaster.report.sheet import notes

    shown = figures.shown()
    top = ("campaign", "title", "planned", "final", "open", "states", "cost", "other_costs")
    emit({name: shown[name] for name in top if shown[name] != []}, as_json=False)
    for line in notes(figures):
        click.echo(line)
    for title in ("by_channel", "by_form", "by_day", "by_schedule"):
        click.echo()
        rows: list[dict[str, Any]] = [
            {title: heading(name) if title == "by_form" else name, **count} for name, count in shown[title].items()
        ]
        emit(rows, as_json=False, columns=(title, "planned", "states"))
