"""Making a report out of the database and what people wrote: the figures, and each of its files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from broadcaster.activity.activity import KINDS, sums
from broadcaster.activity.bulletin import State as Bulletin
from broadcaster.activity.bulletin_store import totals
from broadcaster.activity.store import standing
from broadcaster.config import Config
from broadcaster.ledger.entry import Kind, timestamp
from broadcaster.ledger.store import Transaction, head
from broadcaster.report import copy, narrative, store
from broadcaster.report.change import comparison
from broadcaster.report.document import Activity, Cut, Document, Letterhead, document
from broadcaster.report.figures import Figures
from broadcaster.report.retake import Taken
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
    found = store.read(connection, campaign, adapters=adapters(config), now=now)
    return found or store.nothing_yet(find(config.path(config.folders.schedules), campaign, config), now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One file of a report, and what it says if it is the official one."""

    data: bytes
    document: Document | None = None


def made_of(
    connection: Connection,
    config: Config,
    figures: Figures,
    form: str,
    *,
    now: datetime,
    number: str = "",
    day: date | None = None,
    taken: Taken | None = None,
    earlier: Figures | None = None,
) -> Made:
    """The report as one of `FORMATS`. `taken`: an earlier cut-off, whose figures they are; `earlier`: of another campaign.

    Raises: WrongUse when the office's own text of it cannot be read.
    """
    campaign = figures.standing.campaign
    if form == "json":
        return Made(data=f"{json.dumps(shown(figures, taken), ensure_ascii=False)}\n".encode())
    if form == "csv":
        return Made(data=csv_table(figures))
    if form == "xlsx":
        from broadcaster.report.workbook import xlsx

        rows = taken.rows if taken else store.rows(connection, campaign, adapters=adapters(config))
        activities = _activities(connection, campaign, taken)
        return Made(data=xlsx(figures, rows, activities=activities, cut=_cut(connection, config, now, taken)))
    document = document_of(connection, config, figures, now=now, number=number, day=day, taken=taken, earlier=earlier)
    return Made(data=_writer(form)(document), document=document)


def shown(figures: Figures, taken: Taken | None) -> dict[str, Any]:
    """The JSON of the figures; of an earlier cut-off also where it lies, and without what cannot be told of the past."""
    found = figures.shown()
    if taken is None:
        return found
    del found["possibly_both"]
    return {**found, "as_of": timestamp(taken.at), "entries": taken.entries, "root": taken.root}


def document_of(
    connection: Connection,
    config: Config,
    figures: Figures,
    *,
    now: datetime,
    number: str = "",
    day: date | None = None,
    taken: Taken | None = None,
    earlier: Figures | None = None,
) -> Document:
    """The official report, before it is a file."""
    campaign = figures.standing.campaign
    since, until = _window(connection, config, campaign)
    made = document(
        figures,
        head=letterhead(config),
        since=since,
        until=until,
        categories=taken.categories if taken else store.by_category(connection, campaign),
        activities=_activities(connection, campaign, taken),
        narrative=narrative.read(narrative_path(config, campaign)),
        cut=_cut(connection, config, now, taken),
        number=number,
        day=day,
    )
    return replace(made, annex=(*made.annex, comparison(earlier, figures))) if earlier else made


def narrative_path(config: Config, campaign: str) -> Path:
    """Where the office's own sentences for a campaign's report stand."""
    return config.path(config.report.folder) / f"{campaign}.md"


def record(tx: Transaction, actor: str, campaign: str, form: str, made: Made) -> None:
    """The making of a report stands in the ledger, with the digest of the file and of what it says, which is kept."""
    digest = copy.keep(tx, made.document, campaign=campaign, by=actor) if made.document else ""
    tx.record(
        Kind.REPORT_MAKE, actor, campaign=campaign, format=form, sha256=sha256(made.data).hexdigest(), document=digest
    )


def _writer(form: str) -> Callable[[Document], bytes]:
    """Imported when it is needed: the libraries behind are heavy."""
    if form == "html":
        from broadcaster.report.page import html

        return html
    from broadcaster.report import official

    return official.docx if form == "docx" else official.pdf


def adapters(config: Config) -> dict[str, str]:
    return {name: str(settings.get("adapter", name)) for name, settings in config.channels.items()}


def _window(connection: Connection, config: Config, campaign: str) -> tuple[date, date]:
    row = schedules.campaign(connection, campaign)
    if row is not None:
        return row.since, row.until
    spec = find(config.path(config.folders.schedules), campaign, config)
    return spec.since, spec.until


def _activities(connection: Connection, campaign: str, taken: Taken | None = None) -> list[Activity]:
    found = [
        Activity(
            form=f"{one.heading} ({KINDS[one.kind][1]})", times=one.times, units=one.units, minutes=one.minutes,
            participants=one.participants,
        )
        for one in sums(kept.activity for kept in standing(connection, campaign=campaign, until=taken.at if taken else None))
    ]  # fmt: skip
    return [*found, *(_played_then(taken) if taken else _played(connection, campaign))]


def _played(connection: Connection, campaign: str) -> list[Activity]:
    """Bulletins that communes said they had read: a line of its own, beside what the register holds."""
    counted = totals(connection, campaign=campaign)
    if not counted.plays:
        return []
    return [_bulletins(counted.states[Bulletin.PLAYED.value], counted.plays, counted.minutes)]


def _played_then(taken: Taken) -> list[Activity]:
    return [_bulletins(taken.bulletins, taken.plays, taken.minutes)] if taken.plays else []


def _bulletins(times: int, plays: int, minutes: int) -> Activity:
    heading, unit = KINDS["loudspeaker"]
    form = f"{heading}, bản tin được xác nhận đã phát ({unit})"
    return Activity(form=form, times=times, units=plays, minutes=minutes, participants=0)


def _cut(connection: Connection, config: Config, now: datetime, taken: Taken | None) -> Cut:
    zone = ZoneInfo(config.office.timezone)
    if taken:
        return Cut(at=taken.at.astimezone(zone), entries=taken.entries, root=taken.root)
    tree = head(connection)
    return Cut(at=now.astimezone(zone), entries=tree.size, root=tree.root().hex())


def letterhead(config: Config) -> Letterhead:
    """As `[office]` and `[report]` say."""
    office, own = config.office, config.report
    return Letterhead(
        parent=office.parent, office=office.name, symbol=own.symbol, place=own.place, authority=own.authority,
        title=own.title, signer=own.signer, recipients=tuple(own.recipients),
    )  # fmt: skip
