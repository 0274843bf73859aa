"""`broadcaster report`: a campaign's figures, for people, programs and spreadsheets."""

from __future__ import annotations

import json
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from broadcaster.cli.session import Session, command, emit, json_option

if TYPE_CHECKING:
    from broadcaster.report.document import Activity, Cut, Letterhead
    from broadcaster.report.figures import Count, Figures, Row
    from broadcaster.report.narrative import Narrative

BINARY = ("docx", "pdf", "xlsx")  # not for a terminal: written to CAMPAIGN.FORMAT unless told otherwise
OFFICIAL = (*BINARY, "html")
FORMATS = ("json", "csv", *OFFICIAL)


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

    With --format the making of the report stands in the ledger, with the digest of what was made.
    """
    from broadcaster.errors import WrongUse

    form = form or ("json" if as_json else None)
    if output and not form:
        raise WrongUse(f"Say which --format the file has: {', '.join(FORMATS)}.")
    if form in BINARY and output is None:
        output = Path(f"{campaign}.{form}")
    actor = _actor(session) if form else ""
    figures = _figures(session, campaign)
    if not form:
        _tell(figures)
        return
    if form in OFFICIAL:
        data = _official(session, figures, form, number=number, day=day.date() if day else None)
    else:
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


def _official(session: Session, figures: Figures, form: str, *, number: str, day: date | None) -> bytes:
    """The report as a document: figures, what people wrote for it, and up to where the figures were taken."""
    from broadcaster.report import official, page, workbook
    from broadcaster.report.document import document

    campaign = figures.standing.campaign
    since, until = _window(session, campaign)
    cut, categories, rows = _taken(session, campaign)
    activities = _activities(session, campaign)
    if form == "xlsx":
        return workbook.xlsx(figures, rows, activities=activities, cut=cut)
    made = document(
        figures, head=_letterhead(session), since=since, until=until, categories=categories, activities=activities,
        narrative=_narrative(session, campaign), cut=cut, number=number, day=day,
    )  # fmt: skip
    return {"docx": official.docx, "pdf": official.pdf, "html": page.html}[form](made)


def _taken(session: Session, campaign: str) -> tuple[Cut, dict[str, Count], list[Row]]:
    from zoneinfo import ZoneInfo

    from broadcaster.ledger.store import head
    from broadcaster.report.document import Cut
    from broadcaster.report.store import by_category, rows

    adapters = {name: str(settings.get("adapter", name)) for name, settings in session.config.channels.items()}
    with session.read() as connection:
        tree = head(connection)
        found = by_category(connection, campaign), rows(connection, campaign, adapters=adapters)
    at = session.clock.now().astimezone(ZoneInfo(session.config.office.timezone))
    return Cut(at=at, entries=tree.size, root=tree.root().hex()), *found


def _activities(session: Session, campaign: str) -> list[Activity]:
    from broadcaster.activity.activity import KINDS, sums
    from broadcaster.activity.store import standing
    from broadcaster.report.document import Activity

    with session.read() as connection:
        found = sums(one.activity for one in standing(connection, campaign=campaign))
    return [
        Activity(
            form=f"{one.heading} ({KINDS[one.kind][1]})", times=one.times, units=one.units, minutes=one.minutes,
            participants=one.participants,
        )
        for one in found
    ]  # fmt: skip


def _window(session: Session, campaign: str) -> tuple[date, date]:
    from broadcaster.schedule import store
    from broadcaster.schedule.files import find

    with session.read() as connection:
        row = store.campaign(connection, campaign)
    if row is not None:
        return row.since, row.until
    spec = find(session.config.path(session.config.folders.schedules), campaign, session.config)
    return spec.since, spec.until


def _letterhead(session: Session) -> Letterhead:
    from broadcaster.report.document import Letterhead

    office, own = session.config.office, session.config.report
    return Letterhead(
        parent=office.parent, office=office.name, symbol=own.symbol, place=own.place, authority=own.authority,
        title=own.title, signer=own.signer, recipients=tuple(own.recipients),
    )  # fmt: skip


def _narrative(session: Session, campaign: str) -> Narrative:
    """What people wrote; an empty file is laid out for them the first time."""
    from broadcaster.report import narrative

    path = session.config.path(session.config.report.folder) / f"{campaign}.md"
    if narrative.begin(path, campaign):
        session.say(f"Write the office's own sentences into {path}, then make the report again.")
    return narrative.read(path)


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
