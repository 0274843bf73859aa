"""An official report that comes back: what was altered in it by hand, and the signed file as it was sent off.

Compared are what the program wrote: every cell of its tables, every figure in a sentence with a mark like [H1], and its notes.
The office's own sentences, its number and its date are its own affair.
"""

from __future__ import annotations

import io
import itertools
import re
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select

from broadcaster.db.tables import ReportCopy, ReportSigned, table
from broadcaster.errors import Conflict, NotFound, WrongUse
from broadcaster.ledger.entry import Kind, decode
from broadcaster.ledger.store import Transaction, raws
from broadcaster.report.document import Document, Table, canonical, digest_in

COPY, SIGNED = table(ReportCopy), table(ReportSigned)
FILE_MOST = 20 * 1024**2  # bytes; a report with its chart has 60,000
UNPACKED_MOST = 100 * 1024**2
SIGNED_MOST = 100 * 1024**2  # a scan of twenty pages has about 10 MB
_MARK = re.compile(r"\[(H\d+)\]")
_NUMBER = re.compile(r"\d[\d.,/]*\d|\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a report said when it was made."""

    document: Document
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What a DOCX says: its paragraphs, and its tables by the line above them."""

    paragraphs: tuple[str, ...]
    tables: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Altered:
    """One thing that is not as it was made; `now` is "" for what is gone."""

    where: str
    was: str
    now: str

    def shown(self) -> dict[str, str]:
        return {"where": self.where, "was": self.was, "now": self.now}


def keep(tx: Transaction, document: Document, *, campaign: str, by: str) -> str:
    """Keep what a report says; its digest. The same twice is kept once."""
    raw = canonical(document)
    digest = sha256(raw).hexdigest()
    if tx.connection.execute(select(COPY.c.digest).where(COPY.c.digest == digest)).first() is None:
        tx.connection.execute(insert(COPY).values(digest=digest, campaign_id=campaign, canonical=raw, by=by, at=tx.now))
    return digest


def kept(connection: Connection, data: bytes, *, campaign: str, name: str) -> Kept:
    """What the file said when it was made. Raises: WrongUse for no DOCX; NotFound; Conflict if our own copy was changed."""
    sealed = digest_in(_seals(_open(data, name)))
    if sealed is None:
        raise NotFound(
            f"{name} does not say which report it was made from: its bookmark and its keywords are gone. Make the report "
            "again, and put the office's own words into that."
        )
    known = select(COPY).where(COPY.c.digest.startswith(sealed), COPY.c.campaign_id == campaign)
    row = connection.execute(known).one_or_none()
    if row is None:
        raise NotFound(f"{name} is no report of {campaign} that this office made.")
    if sha256(row.canonical).hexdigest() != row.digest or not _in_ledger(connection, row.digest):
        raise Conflict(f"The kept copy of {name} is not what the ledger says; tell the auditor.")
    return Kept(document=msgspec.json.decode(row.canonical, type=Document), by=row.by, at=row.at)


def _seals(file: Any) -> str:
    names = [value for one in file.element.body.iter() if _tag(one) == "bookmarkStart" for value in one.attrib.values()]
    return " ".join([str(file.core_properties.keywords or ""), *names])


def _in_ledger(connection: Connection, digest: str) -> bool:
    own = digest.encode()
    return any(own in raw and decode(raw)["kind"] == Kind.REPORT_MAKE for raw in raws(connection))


def sign(tx: Transaction, file: Path, *, campaign: str, number: str, day: date, by: str, complete: bool) -> str:
    """Enter a signed report; its SHA-256. Raises: WrongUse for no PDF; Conflict for one that was entered before."""
    with file.open("rb") as stream:
        data = stream.read(SIGNED_MOST + 1)
    if len(data) > SIGNED_MOST or not data.startswith(b"%PDF-"):
        raise WrongUse(f"{file.name} is no PDF, or larger than 100 MB; give the signed report as PDF.")
    if len(number) > 40 or not number.isprintable():
        raise WrongUse("The number of a document has at most 40 characters, like 12/BC-SVHTTDL.")
    if day > tx.now.date():
        raise WrongUse(f"{day:%d/%m/%Y} has not come yet; enter the report when it has been sent.")
    digest = sha256(data).hexdigest()
    if tx.connection.execute(select(SIGNED.c.sha256).where(SIGNED.c.sha256 == digest)).first():
        raise Conflict(f"{file.name} was entered before.")
    tx.connection.execute(
        insert(SIGNED).values(sha256=digest, campaign_id=campaign, number=number, day=day, by=by, at=tx.now)
    )
    tx.record(
        Kind.REPORT_SIGN, by, campaign=campaign, sha256=digest, number=number, day=day.isoformat(), complete=complete
    )
    return digest


def signed(connection: Connection, campaign: str) -> bool:
    """Whether a signed report of the campaign was sent off."""
    return (
        connection.execute(select(SIGNED.c.sha256).where(SIGNED.c.campaign_id == campaign).limit(1)).first() is not None
    )


# -- comparing --------------------------------------------------------------------------------------------------------


def altered(made: Document, found: Read) -> list[Altered]:
    """Everything that is not as it was made. Pure."""
    return [*_notes(made, found), *_marks(made, found), *_tables(made, found)]


def _notes(made: Document, found: Read) -> Iterator[Altered]:
    for note in made.notes:
        if _plain(note) not in found.paragraphs:
            yield Altered(where="ghi chú đầu báo cáo", was=note, now="")


def _marks(made: Document, found: Read) -> Iterator[Altered]:
    was = _figures(tuple(_plain(text) for part in made.parts for text in part.paragraphs))
    now = _figures(found.paragraphs)
    for mark, numbers in was.items():
        if now.get(mark) != numbers:
            yield Altered(where=mark, was=" ".join(numbers), now=" ".join(now.get(mark, ())))


def _figures(paragraphs: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Mark -> the numbers between the mark before it and itself; a mark that stands twice gathers both."""
    found: dict[str, tuple[str, ...]] = {}
    for text in paragraphs:
        start = 0
        for mark in _MARK.finditer(text):
            found[mark[1]] = (*found.get(mark[1], ()), *_NUMBER.findall(text[start : mark.start()]))
            start = mark.end()
    return found


def _tables(made: Document, found: Read) -> Iterator[Altered]:
    wanted = [part.table for part in made.parts if part.table and part.table.rows]
    wanted += [one for one in made.annex if one.rows]
    for one in wanted:
        caption = _plain(one.caption)
        there = [rows for head, rows in found.tables if head == caption]
        if not there:
            yield Altered(where=caption, was=f"{len(one.rows)} dòng", now="")
        for rows in there:
            yield from _cells(caption, one, rows)


def _cells(caption: str, made: Table, found: tuple[tuple[str, ...], ...]) -> Iterator[Altered]:
    wanted = [tuple(map(_plain, row)) for row in (made.head, *made.rows)]
    for was, now in itertools.zip_longest(wanted, found, fillvalue=()):
        for at, (before, after) in enumerate(itertools.zip_longest(was, now, fillvalue="")):
            if before != after:
                row, column = (was or now)[0], wanted[0][at] if at < len(wanted[0]) else str(at + 1)
                yield Altered(where=f"{caption}: {row} / {column}", was=before, now=after)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


# -- reading a DOCX ---------------------------------------------------------------------------------------------------


def read(data: bytes, *, name: str) -> Read:
    """The words of a DOCX, tracked insertions as if they were accepted. Raises: WrongUse."""
    paragraphs: list[str] = []
    tables = []
    for tag, element in _blocks(_open(data, name).element.body):
        if tag == "p":
            if text := _text(element):
                paragraphs.append(text)
        else:
            rows = tuple(tuple(_text(cell) for cell in _children(row, "tc")) for row in _children(element, "tr"))
            tables.append((paragraphs[-1] if paragraphs else "", rows))
    return Read(paragraphs=tuple(paragraphs), tables=tuple(tables))


def _open(data: bytes, name: str) -> Any:
    import docx

    if len(data) > FILE_MOST:
        raise WrongUse(f"{name} is larger than 20 MB, which no report is.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            if sum(one.file_size for one in package.infolist()) > UNPACKED_MOST:
                raise WrongUse(f"{name} would unpack to far more than a report needs, so it is not opened.")
        return docx.Document(io.BytesIO(data))
    except WrongUse:
        raise
    except Exception:  # a damaged package meets python-docx with whatever exception comes first
        raise WrongUse(f"{name} is damaged, or no DOCX. Save it again as .docx.") from None


def _tag(element: Any) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _blocks(element: Any) -> Iterator[tuple[str, Any]]:
    """Paragraphs and tables in order; content controls and tracked changes are looked into."""
    for child in element:
        tag = _tag(child)
        if tag in ("p", "tbl"):
            yield tag, child
        elif tag in ("sdt", "sdtContent", "ins", "moveTo", "customXml"):
            yield from _blocks(child)


def _children(element: Any, tag: str) -> Iterator[Any]:
    for child in element:
        if _tag(child) == tag:
            yield child
        elif _tag(child) in ("sdt", "sdtContent", "ins", "customXml"):
            yield from _children(child, tag)


def _text(element: Any) -> str:
    """What is read there; text that a tracked change deletes is another element, and is not."""
    found = []
    for one in element.iter():
        tag = _tag(one)
        if tag == "t":
            found.append(one.text or "")
        elif tag in ("p", "br", "tab"):
            found.append(" ")
    return _plain("".join(found))
