"""`broadcaster statement`: what a provider says of a month, beside what we have."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import click

from broadcaster.cli.session import Session, command, emit, json_option

COLUMNS = ("what", "row", "provider_id", "to_masked", "at", "dispatch", "our_parts", "their_parts", "our_cost",
           "their_cost", "status")  # fmt: skip


@click.group()
def statement() -> None:
    """Providers' monthly statements, checked against the ledger's attempts."""


@command(statement, "check")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--channel", required=True, help="The account the statement is of.")
@click.option("--month", required=True, metavar="YYYY-MM", help="A calendar month where the office is.")
@click.option("--timezone", default=None, help="Of times in the file that name none; else the office's.")
@click.option("--currency", default=None, help="Of a file that names none; else that of the channel's price.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(0, 10_000), help="Differences to show.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), default=None,
              help="Write every difference to this CSV file.")  # fmt: skip
@json_option
def check(
    session: Session,
    file: Path,
    channel: str,
    month: str,
    timezone: str | None,
    currency: str | None,
    limit: int,
    output: Path | None,
    as_json: bool,
) -> int:
    """Match a statement, CSV or XLSX, with our attempts both ways; exit 1 if one side has what the other has not.

    Lines are matched by the provider's id, else by number and minute. only_theirs: billed, and we know of no such message.
    only_ours: taken, and not on the statement. doubt: we did not know whether it was taken, and the provider bills it.
    parts_differ, cost_differ: the two sides count differently. The check stands in the ledger, and what it bills stands in
    the reports of its campaigns; a later check of the same channel and month takes its place.
    """
    from contextlib import closing
    from hashlib import file_digest

    from broadcaster.access.user import Act
    from broadcaster.audience.sheet import open_sheet
    from broadcaster.ledger.entry import Kind
    from broadcaster.report.cost import keep
    from broadcaster.report.matching import Book, fill
    from broadcaster.report.statement import lines, month_of

    actor, config = session.actor(Act.REPORT_MAKE), session.config
    settings = config.channel(channel)  # refuses a channel there is not
    price = settings.common.price
    zone = _zone(config.office.timezone)
    span = month_of(month, zone)
    with closing(Book()) as book:
        with file.open("rb") as stream:
            digest = file_digest(stream, "sha256").hexdigest()
            with open_sheet(file, stream) as sheet, session.read() as connection:
                if sheet.note:
                    session.say(sheet.note)
                theirs = lines(
                    sheet.rows, name=file.name, zone=_zone(timezone or config.office.timezone),
                    currency=(currency or (price.currency if price else "VND")).upper(),
                )  # fmt: skip
                fill(book, connection, theirs, channel=channel, month=span, zone=zone, office_key=session.office_key)
        found, differences = book.compared(), book.differences()
        listed = list(islice(differences, limit)) if output is None else _write(output, differences, limit)
        bills = book.bills()
    shown = {"channel": channel, "month": span.name, "file": digest, **found.shown()}
    with session.write() as tx:
        tx.record(
            Kind.STATEMENT_CHECK, actor, channel=channel, month=span.name, sha256=digest, ours=found.ours.shown(),
            theirs=found.theirs.shown(), by_id=found.by_id, by_number=found.by_number, differences=found.found,
        )  # fmt: skip
        keep(tx, bills, digest=digest, channel=channel, month=span.name)
    _tell(session, shown, listed, as_json=as_json)
    return 0 if found.agrees else 1


def _zone(name: str) -> Any:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from broadcaster.errors import WrongUse

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise WrongUse(f"{name!r:.40} is no time zone; write it like Asia/Ho_Chi_Minh or UTC.") from None


def _write(output: Path, differences: Iterator[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    """All of them into the file, the first ones back."""
    from broadcaster.report.sheet import guarded

    kept: list[dict[str, Any]] = []
    with output.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for one in differences:
            writer.writerow([guarded(_text(one[name])) for name in COLUMNS])
            if len(kept) < limit:
                kept.append(one)
    return kept


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return f"{value['amount']} {value['currency']}"
    return "" if value is None else str(value)


def _tell(session: Session, shown: dict[str, Any], listed: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**shown, "differences": listed}, ensure_ascii=False))
        return
    emit(shown, as_json=False)
    if listed:
        click.echo()
        emit(listed, as_json=False, columns=COLUMNS)
    if not shown["agrees"]:
        session.say("The two sides differ. With --output FILE every difference is written to a list.")
