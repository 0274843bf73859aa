"""The communes and partner departments whose figures a campaign's report waits for: the office's own list, none is shipped.

The list is imported as a whole; a name is a name, as the register and the contacts write it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, delete, func, insert, select

from broadcaster.activity.activity import NAME_LIMIT
from broadcaster.activity.store import standing
from broadcaster.audience.sheet import open_sheet
from broadcaster.db.tables import Address, Broadcast, Bulletin, Contact, Dispatch, Place, PlaceSaid, table
from broadcaster.errors import Conflict, NotFound, WrongUse
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction

ADDRESS, BROADCAST, BULLETIN, CONTACT = table(Address), table(Broadcast), table(Bulletin), table(Contact)
DISPATCH, PLACE, SAID = table(Dispatch), table(Place), table(PlaceSaid)
ROWS_MOST = 20_000  # the whole country has some 3,300 communes
COMMUNE, DEPARTMENT = "commune", "department"
NAMES = {  # as people write the head of a column
    "name": "name", "tên": "name", "xã": "name", "xã, phường": "name", "đơn vị": "name", "commune": "name",
    "province": "province", "tỉnh": "province", "tỉnh, thành phố": "province", "kind": "kind", "loại": "kind",
}  # fmt: skip
KINDS = {
    "": COMMUNE, "commune": COMMUNE, "xã": COMMUNE, "phường": COMMUNE, "đặc khu": COMMUNE,
    "department": DEPARTMENT, "sở": DEPARTMENT, "ngành": DEPARTMENT, "sở, ngành": DEPARTMENT, "đơn vị": DEPARTMENT,
}  # fmt: skip
STANDS = ("none", "some", "all")  # what is in of a place: nothing; something; it said that this is all


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """One line of the list."""

    name: str
    kind: str = COMMUNE
    province: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a place has come with a campaign's figures."""

    place: Named
    entries: int  # of the register, and bulletins it has answered for
    latest: datetime | None
    said_by: str  # "" = it has not said that its figures are all in
    said_at: datetime | None

    @property
    def state(self) -> str:
        """One of `STANDS`."""
        return "all" if self.said_by else "some" if self.entries else "none"


def read(path: Path) -> list[Named]:
    """The places of a CSV or XLSX. Raises: WrongUse with the row, and then nothing of the list counts."""
    found: dict[str, Named] = {}
    with path.open("rb") as file, open_sheet(path, file) as sheet:
        head = [NAMES.get(cell.strip().casefold(), "") for cell in next(sheet.rows, (1, []))[1]]
        if "name" not in head:
            raise WrongUse(
                f"{path.name}: the first row must name the columns: name, and if you like province and kind."
            )
        for number, row in sheet.rows:
            if number > ROWS_MOST:
                raise WrongUse(f"{path.name} has more than {ROWS_MOST:,} rows; that is no list of communes.")
            cells = {name: _text(cell) for name, cell in zip(head, row, strict=False) if name}
            if any(cells.values()):
                one = _named(cells, f"{path.name}, row {number}")
                if one.name in found:
                    raise WrongUse(
                        f"{path.name}, row {number}: {one.name!r:.60} stands twice; write the province behind one of them, the "
                        "same way the register does."
                    )
                found[one.name] = one
    return list(found.values())


def _named(cells: Mapping[str, str], where: str) -> Named:
    name, kind = cells.get("name", ""), cells.get("kind", "").casefold()
    if kind not in KINDS:
        raise WrongUse(f"{where}: {kind!r:.40} is no kind of place; write commune (xã) or department (sở).")
    for text in (name, cells.get("province", "")):
        if len(text) > NAME_LIMIT or not text.isprintable():
            raise WrongUse(f"{where}: a name has at most {NAME_LIMIT} characters, and no control characters.")
    if not name:
        raise WrongUse(f"{where}: the name is missing.")
    return Named(name=name, kind=KINDS[kind], province=cells.get("province", ""))


def _text(cell: str) -> str:
    return " ".join(unicodedata.normalize("NFC", cell).split())


# -- in the database --------------------------------------------------------------------------------------------------


def replace(tx: Transaction, places: Sequence[Named], *, by: str, digest: str) -> None:
    """Put a list in the place of the one there is. Raises: WrongUse for an empty one."""
    if not places:
        raise WrongUse("The list names no place, and an empty one would take all of them away.")
    tx.connection.execute(delete(PLACE))
    rows = [{"name": one.name, "kind": one.kind, "province": one.province} for one in places]
    tx.connection.execute(insert(PLACE), rows)
    tx.record(Kind.PLACE_IMPORT, by, places=len(rows), sha256=digest)


def everywhere(connection: Connection) -> list[Named]:
    """By kind, province and name."""
    rows = connection.execute(select(PLACE).order_by(PLACE.c.kind, PLACE.c.province, PLACE.c.name))
    return [Named(name=row.name, kind=row.kind, province=row.province) for row in rows]


def say_all(tx: Transaction, campaign: str, place: str, *, by: str) -> None:
    """A place's figures are all in, be there any or none. Raises: NotFound; Conflict if it was said before."""
    if tx.connection.scalar(select(PLACE.c.name).where(PLACE.c.name == place)) is None:
        raise NotFound(
            f"{place!r:.60} is not on the list of communes and departments; see `broadcaster activity places`."
        )
    before = tx.connection.execute(
        select(SAID).where(SAID.c.campaign_id == campaign, SAID.c.place == place)
    ).one_or_none()
    if before is not None:
        raise Conflict(
            f"{before.by} said so of {place} on {before.at:%Y-%m-%d}; enter what has come since as activities."
        )
    tx.connection.execute(insert(SAID).values(campaign_id=campaign, place=place, by=by, at=tx.now))
    tx.record(Kind.PLACE_SAY, by, campaign=campaign, place=place)


def said(connection: Connection, campaign: str, place: str) -> bool:
    """Whether a place has said that its figures are all in."""
    query = select(SAID.c.place).where(SAID.c.campaign_id == campaign, SAID.c.place == place)
    return connection.execute(query).first() is not None


def board(connection: Connection, campaign: str) -> list[Standing]:
    """Every place of the list, those without figures first."""
    entered = _entered(connection, campaign)
    answered = _answered(connection, campaign)
    told = {row.place: row for row in connection.execute(select(SAID).where(SAID.c.campaign_id == campaign))}
    found = []
    for place in everywhere(connection):
        n, latest = entered.get(place.name, (0, None))
        word = told.get(place.name)
        found.append(
            Standing(
                place=place, entries=n + answered.get(place.name, 0), latest=latest,
                said_by=word.by if word else "", said_at=word.at if word else None,
            )
        )  # fmt: skip
    return sorted(found, key=lambda one: STANDS.index(one.state))


def _entered(connection: Connection, campaign: str) -> dict[str, tuple[int, datetime | None]]:
    found: dict[str, tuple[int, datetime | None]] = {}
    for one in standing(connection, campaign=campaign):
        n, latest = found.get(one.activity.commune, (0, None))
        found[one.activity.commune] = n + 1, max(one.at, latest) if latest else one.at
    return found


def _answered(connection: Connection, campaign: str) -> dict[str, int]:
    """Commune -> bulletins it said the last word about."""
    query = (
        select(CONTACT.c.commune, func.count())
        .select_from(BULLETIN)
        .join(DISPATCH, DISPATCH.c.id == BULLETIN.c.dispatch_id)
        .join(BROADCAST, BROADCAST.c.id == DISPATCH.c.broadcast_id)
        .join(ADDRESS, ADDRESS.c.id == DISPATCH.c.address_id)
        .join(CONTACT, CONTACT.c.id == ADDRESS.c.contact_id)
        .where(BROADCAST.c.campaign_id == campaign, BULLETIN.c.state.in_(("played", "not_played")))
        .group_by(CONTACT.c.commune)
    )
    return {name: int(n) for name, n in connection.execute(query)}


def doubled_plays(connection: Connection, campaign: str) -> list[int]:
    """Entries of loudspeaker plays of a commune and day of which a bulletin was confirmed as well: perhaps counted twice."""
    confirmed = (
        select(CONTACT.c.commune, BULLETIN.c.play_at, BROADCAST.c.timezone, BROADCAST.c.local)
        .select_from(BULLETIN)
        .join(DISPATCH, DISPATCH.c.id == BULLETIN.c.dispatch_id)
        .join(BROADCAST, BROADCAST.c.id == DISPATCH.c.broadcast_id)
        .join(ADDRESS, ADDRESS.c.id == DISPATCH.c.address_id)
        .join(CONTACT, CONTACT.c.id == ADDRESS.c.contact_id)
        .where(BROADCAST.c.campaign_id == campaign, BULLETIN.c.state == "played")
    )
    played = {(row.commune.casefold(), _day(row)) for row in connection.execute(confirmed)}
    return [
        one.id
        for one in standing(connection, campaign=campaign)
        if one.activity.kind == "loudspeaker"
        and (one.activity.commune.casefold(), one.activity.day.isoformat()) in played
    ]


def _day(row: Any) -> str:
    """Of a play, where it was heard; its broadcast's own day if nobody said when."""
    return row.play_at.astimezone(ZoneInfo(row.timezone)).date().isoformat() if row.play_at else str(row.local)[:10]


def reminder(office: str, campaign_title: str, place: str, link: str, *, due: str) -> str:
    """The words to copy into a letter, a chat or a telephone call; nothing is sent by itself."""
    said = (
        f"{office} đề nghị {place} gửi số liệu hoạt động của đợt \"{campaign_title}\""
        f"{f' trước ngày {due}' if due else ''}."
    )  # fmt: skip
    where = f" Ghi tại: {link}" if link else " Gửi danh sách (CSV, XLSX) về cơ quan."
    return f"{said}{where} Nếu không có hoạt động nào, xin báo để cơ quan chốt."
