"""Making a report out of the database and what people wrote: the figures, and each of its files."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from broadcaster.activity.activity import KINDS, sums
from broadcaster.activity.bulletin import State as Bulletin
from broadcaster.activity.bulletin_store import totals
from broadcaster.activity.store import standing
from broadcaster.config import Config
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction, head
from broadcaster.report import narrative, store
from broadcaster.report.document import Activity, Cut, Document, Letterhead, document
from broadcaster.report.figures import Figures
from broadcaster.report.sheet import csv_table
from broadcaster.schedule import store as schedules
from broadcaster.schedule.files import find

FORMATS = ("json", "csv", "docx", "pdf", "xlsx", "html")
BINARY = ("docx", "pdf", "xlsx")
MIME_TYPES = {
    "json": "application/json",
    "csv": "text/csv",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "html": "text/html",
}


def figures_of(connection: Connection, config: Config, campaign: str, *, now: datetime) -> Figures:
    """At this moment; all zero for a campaign nobody has approved. Raises: NotFound for one there is not."""
    found = store.read(connection, campaign, adapters=_adapters(config), now=now)
    return found or store.nothing_yet(find(config.path(config.folders.schedules), campaign, config), now=now)


def file_of(
    connection: Connection,
    config: Config,
    figures: Figures,
    form: str,
    *,
    now: datetime,
    number: str = "",
    day: date | None = None,
) -> bytes:
    """The report as one of `FORMATS`. Raises: WrongUse when the office's own text of it cannot be read."""
    campaign = figures.standing.campaign
    if form == "json":
        return f"{json.dumps(figures.shown(), ensure_ascii=False)}\n".encode()
    if form == "csv":
        return csv_table(figures)
    if form == "xlsx":
        from broadcaster.report.workbook import xlsx

        rows = store.rows(connection, campaign, adapters=_adapters(config))
        return xlsx(figures, rows, activities=_activities(connection, campaign), cut=_cut(connection, config, now))
    return _writer(form)(document_of(connection, config, figures, now=now, number=number, day=day))


def document_of(
    connection: Connection,
    config: Config,
    figures: Figures,
    *,
    now: datetime,
    number: str = "",
    day: date | None = None,
) -> Document:
    """The official report, before it is a file."""
    campaign = figures.standing.campaign
    since, until = _window(connection, config, campaign)
    return document(
        figures,
        head=_letterhead(config),
        since=since,
        until=until,
        categories=store.by_category(connection, campaign),
        activities=_activities(connection, campaign),
        narrative=narrative.read(narrative_path(config, campaign)),
        cut=_cut(connection, config, now),
        number=number,
        day=day,
    )


def narrative_path(config: Config, campaign: str) -> Path:
    """Where the office's own sentences for a campaign's report stand."""
    return config.path(config.report.folder) / f"{campaign}.md"


def record(tx: Transaction, actor: str, campaign: str, form: str, data: bytes) -> None:
    """The making of a report stands in the ledger, with the digest of what was made."""
    tx.record(Kind.REPORT_MAKE, actor, campaign=campaign, format=form, sha256=sha256(data).hexdigest())


def _writer(form: str) -> Callable[[Document], bytes]:
    """Imported when it is needed: the libraries behind are heavy."""
    if form == "html":
        from broadcaster.report.page import html

        return html
    from broadcaster.report import official

    return official.docx if form == "docx" else official.pdf


def _adapters(config: Config) -> dict[str, str]:
    return {name: str(settings.get("adapter", name)) for name, settings in config.channels.items()}


def _window(connection: Connection, config: Config, campaign: str) -> tuple[date, date]:
    row = schedules.campaign(connection, campaign)
    if row is not None:
        return row.since, row.until
    spec = find(config.path(config.folders.schedules), campaign, config)
    return spec.since, spec.until


def _activities(connection: Connection, campaign: str) -> list[Activity]:
    found = [
        Activity(
            form=f"{one.heading} ({KINDS[one.kind][1]})", times=one.times, units=one.units, minutes=one.minutes,
            participants=one.participants,
        )
        for one in sums(kept.activity for kept in standing(connection, campaign=campaign))
    ]  # fmt: skip
    return [*found, *_played(connection, campaign)]


def _played(connection: Connection, campaign: str) -> list[Activity]:
    """Bulletins that communes said they had read: a line of its own, beside what the register holds."""
    counted = totals(connection, campaign=campaign)
    if not counted.plays:
        return []
    heading, unit = KINDS["loudspeaker"]
    return [
        Activity(
            form=f"{heading}, bản tin được xác nhận đã phát ({unit})",
            times=counted.states[Bulletin.PLAYED.value], units=counted.plays, minutes=counted.minutes, participants=0,
        )
    ]  # fmt: skip


def _cut(connection: Connection, config: Config, now: datetime) -> Cut:
    tree = head(connection)
    return Cut(at=now.astimezone(ZoneInfo(config.office.timezone)), entries=tree.size, root=tree.root().hex())


def _letterhead(config: Config) -> Letterhead:
    office, own = config.office, config.report
    return Letterhead(
        parent=office.parent, office=office.name, symbol=own.symbol, place=own.place, authority=own.authority,
        title=own.title, signer=own.signer, recipients=tuple(own.recipients),
    )  # fmt: skip
