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

import msgspec
from sqlalchemy import Connection

from broadcaster.config import Config
from broadcaster.ledger.entry import Kind, timestamp
from broadcaster.ledger.store import Transaction, head
from broadcaster.report import copy, narrative, store
from broadcaster.report.beside import beside_of, costs_of, whole
from broadcaster.report.change import comparison
from broadcaster.report.cost import Costs
from broadcaster.report.document import Beside, Cut, Document, Letterhead, document
from broadcaster.report.figures import Figures
from broadcaster.report.retake import Taken
from broadcaster.report.sheet import csv_table
from broadcaster.report.words import VI, Speech
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
    say: Speech = VI,
) -> Made:
    """The report as one of `FORMATS`. `taken`: an earlier cut-off, whose figures they are; `earlier`: of another campaign.

    Raises: WrongUse when the office's own text of it cannot be read.
    """
    campaign = figures.standing.campaign
    if form == "json":
        costs = costs_of(connection, config, figures, taken, now=now)
        told = shown(figures, taken, beside_of(connection, figures, taken, VI), costs)
        return Made(data=f"{json.dumps(told, ensure_ascii=False)}\n".encode())
    if form == "csv":
        return Made(data=csv_table(figures, say=say))
    if form == "xlsx":
        from broadcaster.report.workbook import xlsx

        rows = taken.rows if taken else store.rows(connection, campaign, adapters=adapters(config))
        beside = whole(connection, config, figures, taken, now=now, say=say)
        return Made(data=xlsx(figures, rows, beside=beside, cut=_cut(connection, config, now, taken), say=say))
    document = document_of(
        connection, config, figures, now=now, number=number, day=day, taken=taken, earlier=earlier, say=say
    )
    return Made(data=_writer(form)(document), document=document)


def shown(figures: Figures, taken: Taken | None, beside: Beside, costs: Costs | None) -> dict[str, Any]:
    """The JSON of the figures; of an earlier cut-off also where it lies, and without what cannot be told of the past."""
    found = {
        **figures.shown(),
        "by_area": [one.shown() for one in beside.areas],
        "activities": [msgspec.to_builtins(one) for one in beside.activities],
        "activities_by_area": [one.shown() for one in beside.works],
        "at_risk": dict(beside.at_risk),
        "carriers": [msgspec.to_builtins(one) for one in beside.carriers],
        "costs": costs.shown() if costs else None,
    }
    if taken is None:
        return found
    for name in ("possibly_both", "fell_back", "by_area", "activities_by_area", "costs"):
        del found[name]
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
    say: Speech = VI,
) -> Document:
    """The official report, before it is a file."""
    campaign = figures.standing.campaign
    since, until = _window(connection, config, campaign)
    beside = whole(connection, config, figures, taken, now=now, say=say)
    return document(
        figures,
        head=letterhead(config),
        since=since,
        until=until,
        beside=replace(beside, further=(comparison(earlier, figures, say=say),)) if earlier else beside,
        narrative=narrative.read(narrative_path(config, campaign, say.language)),
        cut=_cut(connection, config, now, taken),
        number=number,
        day=day,
        say=say,
    )


def narrative_path(config: Config, campaign: str, language: str = "vi") -> Path:
    """Where the office's own sentences for a campaign's report stand; those of the English edition in a file of their own."""
    name = campaign if language == "vi" else f"{campaign}.{language}"
    return config.path(config.report.folder) / f"{name}.md"


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
