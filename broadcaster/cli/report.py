"""`broadcaster report`: a campaign's figures, for people, programs, spreadsheets and the official file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from broadcaster.cli.session import Session, command, emit, json_option

if TYPE_CHECKING:
    from broadcaster.report.figures import Figures

FORMATS = ("json", "csv", "docx", "pdf", "xlsx", "html")
BINARY = ("docx", "pdf", "xlsx")  # not for a terminal: written to CAMPAIGN.FORMAT unless told otherwise


@command(click.Group(), "report")
@click.argument("campaign", metavar="CAMPAIGN")
@click.option("--format", "form", type=click.Choice(FORMATS), default=None, help="What to make; else a table is shown.")
@click.option("--output", type=click.Path(path_type=Path), default=None, help="Write to this file.")
@click.option("--number", default="", metavar="N", help="The number of the document, for docx, pdf and html.")
@click.option(
    "--date", "day", type=click.DateTime(["%Y-%m-%d"]), default=None, help="Its date; else the place is left free."
)
@json_option
def report(
    session: Session,
    campaign: str,
    form: str | None,
    output: Path | None,
    number: str,
    day: datetime | None,
    as_json: bool,
) -> None:
    """What became of every dispatch of a campaign: planned = final + open, always.

    docx, pdf and html are the official report in the layout of Decree 30/2020; xlsx is its annex. With --format the making
    of the report stands in the ledger, with the digest of what was made.
    """
    from broadcaster.access.user import Act
    from broadcaster.errors import WrongUse
    from broadcaster.report import making, narrative

    form = form or ("json" if as_json else None)
    if output and not form:
        raise WrongUse(f"Say which --format the file has: {', '.join(FORMATS)}.")
    if form in BINARY and output is None:
        output = Path(f"{campaign}.{form}")
    actor = session.actor(Act.REPORT_MAKE) if form else ""
    now = session.clock.now()
    with session.read() as connection:
        figures = making.figures_of(connection, session.config, campaign, now=now)
    if not form:
        _tell(figures)
        return
    text = making.narrative_path(session.config, campaign)
    if form in ("docx", "pdf", "html") and narrative.begin(text, campaign):
        session.say(f"Write the office's own sentences into {text}, then make the report again.")
    with session.read() as connection:
        day_ = day.date() if day else None
        data = making.file_of(connection, session.config, figures, form, now=now, number=number, day=day_)
    with session.write() as tx:
        making.record(tx, actor, campaign, form, data)
    if output:
        output.write_bytes(data)
        session.say(f"{output}: {'complete' if figures.complete else 'interim'}")
    else:
        click.echo(data, nl=False)


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
