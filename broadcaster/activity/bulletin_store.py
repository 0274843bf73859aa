"""Bulletins in the database. That one was offered is read from its dispatch; a row says what people told us since.

Statements only; the caller owns the transaction.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, case, distinct, func, insert, select, update

from broadcaster.activity.bulletin import LINK_FOR, OPEN, Road, State, Totals, Word, check, days_of, may
from broadcaster.channel import officer_link
from broadcaster.channel.loudspeaker_package import MANIFEST
from broadcaster.config import Config
from broadcaster.content.speech import reading_seconds
from broadcaster.db.tables import Address, Broadcast, Bulletin, Contact, Dispatch, Revision, TakeDown, table
from broadcaster.dispatch.broadcast import public_id as broadcast_id
from broadcaster.dispatch.dispatch import public_id
from broadcaster.dispatch.revision import read
from broadcaster.errors import BroadcasterError, Conflict, NotFound
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction

BULLETIN, DISPATCH, BROADCAST = table(Bulletin), table(Dispatch), table(Broadcast)
ADDRESS, CONTACT, REVISION, TAKE_DOWN = table(Address), table(Contact), table(Revision), table(TakeDown)
HANDED_OVER = ("accepted", "delivered")
OFFICER = "officer"  # who says it on a link or a sheet: nobody logs in there
PATIENCE = timedelta(days=1)  # after its broadcast a bulletin counts as unanswered
SHEET_MOST = 200  # bulletins one commune gets in a week, at most shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One bulletin of one commune, and what is known of it. No personal data: a commune is an institution."""

    dispatch: int
    broadcast: int
    channel: str
    provider_id: str  # where its package lies
    station: str  # the commune's code
    commune: str  # its name, for people
    title: str
    text: str  # the approved speech form
    language: str
    issued: datetime
    timezone: str
    state: State
    play_at: datetime | None
    plays: int
    seconds: int  # of one play; as read, until somebody measured
    reason: str
    road: str
    said_by: str
    said_at: datetime | None
    reminders: int
    reminded_at: datetime | None

    @property
    def open(self) -> bool:
        return self.state in OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One commune's week, to be ticked."""

    station: str
    commune: str
    week: str
    bulletins: tuple[Told, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A commune that owes an answer."""

    station: str
    commune: str
    bulletins: tuple[Told, ...]  # oldest first, all without a final word

    @property
    def reminded_at(self) -> datetime | None:
        return max((one.reminded_at for one in self.bulletins if one.reminded_at), default=None)


# -- looking ----------------------------------------------------------------------------------------------------------

_STATE = case(
    (
        and_(TAKE_DOWN.c.state == "done", func.coalesce(BULLETIN.c.state, "offered").in_([one.value for one in OPEN])),
        "recalled",
    ),
    else_=func.coalesce(BULLETIN.c.state, "offered"),
)
_JOINED = (
    DISPATCH.join(ADDRESS, ADDRESS.c.id == DISPATCH.c.address_id)
    .join(
        BROADCAST, BROADCAST.c.id == DISPATCH.c.broadcast_id + 0
    )  # `+ 0`: not from broadcasts to all their dispatches
    .outerjoin(CONTACT, CONTACT.c.id == ADDRESS.c.contact_id)
    .outerjoin(BULLETIN, BULLETIN.c.dispatch_id == DISPATCH.c.id)
    .outerjoin(TAKE_DOWN, TAKE_DOWN.c.dispatch_id == DISPATCH.c.id)
)
# Always so of what was handed over. Named because the index on it leads from a commune's address to its dispatches: without it
# a million messages to people are read to find a hundred bulletins.
_LEFT = DISPATCH.c.sent_at.is_not(None)
_ROWS = (
    select(
        DISPATCH.c.id, DISPATCH.c.broadcast_id, DISPATCH.c.channel, DISPATCH.c.provider_id, DISPATCH.c.language,
        ADDRESS.c.value.label("station"), CONTACT.c.name, CONTACT.c.commune, BROADCAST.c.revision_hash,
        BROADCAST.c.due_at, BROADCAST.c.timezone, BROADCAST.c.campaign_id, _STATE.label("state"), BULLETIN.c.play_at,
        BULLETIN.c.plays, BULLETIN.c.seconds, BULLETIN.c.reason, BULLETIN.c.road, BULLETIN.c.said_by,
        BULLETIN.c.said_at, BULLETIN.c.reminders, BULLETIN.c.reminded_at,
    )
    .select_from(_JOINED)
    .where(ADDRESS.c.kind == officer_link.KIND, DISPATCH.c.state.in_(HANDED_OVER), _LEFT)
)  # fmt: skip


def get(connection: Connection, dispatch: int) -> Told:
    """Raises: NotFound for a dispatch that is no bulletin, or was not handed over."""
    found = _told(connection, connection.execute(_ROWS.where(DISPATCH.c.id == dispatch)).all())
    if not found:
        raise NotFound(f"{public_id(dispatch)} is no bulletin that was handed over; see `broadcaster bulletin list`.")
    return found[0]


def listing(
    connection: Connection,
    *,
    campaign: str | None = None,
    broadcast: int | None = None,
    state: State | None = None,
    station: str | None = None,
    limit: int = 1000,
    after: int = 0,
) -> list[Told]:
    """Bulletins in the order in which they were made, from the one behind `after` on."""
    query = _ROWS.where(DISPATCH.c.id + 0 > after)
    for column, value in ((BROADCAST.c.campaign_id, campaign), (DISPATCH.c.broadcast_id, broadcast),
                          (ADDRESS.c.value, station), (_STATE, state and state.value)):  # fmt: skip
        if value is not None:
            query = query.where(column == value)
    return _told(connection, connection.execute(query.order_by(DISPATCH.c.id).limit(limit)).all())


def board(connection: Connection, *, now: datetime, patience: timedelta = PATIENCE) -> list[Waiting]:
    """Communes with bulletins whose time has passed and of which nobody has said the last word; most owed first."""
    late = _ROWS.where(
        _STATE.in_([one.value for one in OPEN]), BROADCAST.c.due_at <= now - patience, BROADCAST.c.due_at > now - LINK_FOR
    )  # fmt: skip
    by_station: dict[str, list[Told]] = {}
    for one in _told(connection, connection.execute(late.order_by(DISPATCH.c.id + 0)).all()):
        by_station.setdefault(one.station, []).append(one)
    found = [Waiting(station=name, commune=rows[0].commune, bulletins=tuple(rows)) for name, rows in by_station.items()]
    return sorted(found, key=lambda one: (-len(one.bulletins), one.station))


def totals(connection: Connection, *, campaign: str | None = None, broadcast: int | None = None) -> Totals:
    """Plays, seconds and communes for the report, and how many bulletins stand where; every state is there."""
    where = [ADDRESS.c.kind == officer_link.KIND, DISPATCH.c.state.in_(HANDED_OVER), _LEFT]
    if campaign is not None:
        where.append(BROADCAST.c.campaign_id == campaign)
    if broadcast is not None:
        where.append(DISPATCH.c.broadcast_id == broadcast)
    counted = select(_STATE, func.count()).select_from(_JOINED).where(*where).group_by(_STATE)
    states = {row[0]: int(row[1]) for row in connection.execute(counted)}
    played = connection.execute(
        select(
            func.coalesce(func.sum(BULLETIN.c.plays), 0),
            func.coalesce(func.sum(BULLETIN.c.plays * BULLETIN.c.seconds), 0),
            func.count(distinct(ADDRESS.c.value)),
        )
        .select_from(_JOINED)
        .where(*where, BULLETIN.c.state == State.PLAYED.value)
    ).one()
    return Totals(
        states={one.value: states.get(one.value, 0) for one in State},
        plays=int(played[0]), seconds=int(played[1]), communes=int(played[2]),
    )  # fmt: skip


# -- the officer's links ----------------------------------------------------------------------------------------------


def open_link(connection: Connection, token: str, *, office_key: bytes, now: datetime) -> Told:
    """The bulletin behind a link. It may be open, or have its final word already: then the page only shows that.

    Raises: NotFound for a token that the office did not make, that is too old, or whose bulletin is not there.
    """
    dispatch = officer_link.read_bulletin_token(office_key, token)
    found = (
        [] if dispatch is None else _told(connection, connection.execute(_ROWS.where(DISPATCH.c.id == dispatch)).all())
    )
    if not found or found[0].issued + LINK_FOR < now:
        raise _no_link()
    return found[0]


def confirm_by_link(tx: Transaction, token: str, word: Word, *, office_key: bytes, seconds: int | None = None) -> Told:
    """What the officer says on the page; one final word per link. Raises: NotFound, WrongUse, Conflict."""
    told = open_link(tx.connection, token, office_key=office_key, now=tx.now)
    return confirm(tx, told.dispatch, word, road=Road.LINK, by=OFFICER, seconds=seconds)


def tick_sheet(connection: Connection, token: str, *, office_key: bytes, now: datetime) -> Sheet:
    """One commune's bulletins of the week in the token. Raises: NotFound."""
    opened = officer_link.read_sheet_token(office_key, token)
    if opened is None:
        raise _no_link()
    station, week = opened
    found = sheet(connection, station, week)
    if not found.bulletins or found.bulletins[-1].issued + LINK_FOR < now:
        raise _no_link()
    return found


def sheet(connection: Connection, station: str, week: str, *, zone: str = "Asia/Ho_Chi_Minh") -> Sheet:
    """One commune's bulletins whose broadcast lies in this ISO week of the zone."""
    first, end = (datetime.combine(day, datetime.min.time(), tzinfo=ZoneInfo(zone)) for day in days_of(week))
    query = _ROWS.where(ADDRESS.c.value == station, BROADCAST.c.due_at >= first, BROADCAST.c.due_at < end)
    rows = _told(
        connection, connection.execute(query.order_by(BROADCAST.c.due_at, DISPATCH.c.id).limit(SHEET_MOST)).all()
    )
    return Sheet(station=station, commune=rows[0].commune if rows else station, week=week, bulletins=tuple(rows))


def tick(
    tx: Transaction, token: str, words: Mapping[int, Word], *, office_key: bytes,
    seconds: Mapping[int, int] | None = None,
) -> list[Told]:  # fmt: skip
    """What the officer says on the sheet, by dispatch; bulletins that have their final word are left as they are.

    Raises: NotFound for a token that is none, or a bulletin that is not on the sheet; WrongUse.
    """
    found = {one.dispatch: one for one in tick_sheet(tx.connection, token, office_key=office_key, now=tx.now).bulletins}
    if words.keys() - found.keys():
        raise NotFound("This sheet does not list that bulletin; open the sheet again.")
    return [
        confirm(tx, number, word, road=Road.SHEET, by=OFFICER, seconds=(seconds or {}).get(number))
        for number, word in sorted(words.items())
        if found[number].open
    ]


# -- what is said -----------------------------------------------------------------------------------------------------


def confirm(tx: Transaction, dispatch: int, word: Word, *, road: Road, by: str, seconds: int | None = None) -> Told:
    """Keep a word about one bulletin. `seconds`: how long one play is, if it was measured (`measured`).

    Raises: NotFound, WrongUse, Conflict.
    """
    _lock(tx, dispatch)
    told = get(tx.connection, dispatch)
    check(word, issued=told.issued, now=tx.now)
    may(told.state, word.state, road=road)
    played = word.state is State.PLAYED
    values = {
        "state": word.state.value, "play_at": word.at, "plays": word.plays if played else 0,
        "seconds": (seconds or told.seconds) if played else 0,
        "reason": word.reason if word.state is State.NOT_PLAYED else "", "road": road.value, "said_by": by,
        "said_at": tx.now,
    }  # fmt: skip
    _keep(tx, dispatch, values)
    tx.record(
        Kind.BULLETIN_CONFIRM, by, b=told.broadcast, d=dispatch, state=word.state.value, was=told.state.value,
        plays=values["plays"], seconds=values["seconds"], reason=values["reason"], road=road.value,
        on_behalf=road is Road.TELEPHONE, play_at=word.at.isoformat() if word.at else "",
    )  # fmt: skip
    return get(tx.connection, dispatch)


def recall(tx: Transaction, dispatch: int, *, by: str, reason: str) -> Told:
    """The package has been taken back. Repeatable. Raises: NotFound; Conflict if it was played."""
    _lock(tx, dispatch)
    told = get(tx.connection, dispatch)
    if told.state is State.PLAYED:
        raise Conflict("It was played already; what is out is set right by a correction: `broadcaster correct`.")
    if told.state is not State.RECALLED:
        _keep(tx, dispatch, {"state": State.RECALLED.value, "reason": "", "play_at": None})
        tx.record(Kind.BULLETIN_RECALL, by, b=told.broadcast, d=dispatch, was=told.state.value, reason=reason)
    return get(tx.connection, dispatch)


def reminded(tx: Transaction, found: Sequence[Told], *, by: str) -> None:
    """These communes were asked again just now."""
    for one in found:
        _lock(tx, one.dispatch)
        _keep(tx, one.dispatch, {"reminders": one.reminders + 1, "reminded_at": tx.now})
    if found:
        tx.record(Kind.BULLETIN_REMIND, by, communes=sorted({one.station for one in found}), n=len(found))


def measured(config: Config, told: Told) -> int | None:
    """Seconds of one play as the package on this machine says; None where it does not lie here."""
    table_ = config.channels.get(told.channel, {})
    path = config.path(str(table_.get("folder", "bulletins"))) / told.provider_id / MANIFEST
    if ".." in told.provider_id:
        return None
    try:
        seconds = json.loads(path.read_bytes())["duration_seconds"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return int(seconds) if isinstance(seconds, int) and 0 < seconds < 86400 else None


# -- parts ------------------------------------------------------------------------------------------------------------


def _lock(tx: Transaction, dispatch: int) -> None:
    """Two people say something at once: the second sees what the first said."""
    tx.connection.execute(select(DISPATCH.c.id).where(DISPATCH.c.id == dispatch).with_for_update())


def _keep(tx: Transaction, dispatch: int, values: Mapping[str, Any]) -> None:
    changed = tx.connection.execute(update(BULLETIN).where(BULLETIN.c.dispatch_id == dispatch).values(**values))
    if not changed.rowcount:
        blank = {
            "dispatch_id": dispatch, "state": "offered", "plays": 0, "seconds": 0, "reason": "", "road": "",
            "said_by": "", "reminders": 0,
        }  # fmt: skip
        tx.connection.execute(insert(BULLETIN).values(**{**blank, **values}))


def _told(connection: Connection, rows: Iterable[Any]) -> list[Told]:
    rows = list(rows)
    bodies = _bodies(connection, {row.revision_hash for row in rows if row.revision_hash})
    found = []
    for row in rows:
        body = bodies.get(row.revision_hash)
        text = body.texts.get(row.language, {}).get("speech", "") if body else ""
        found.append(
            Told(
                dispatch=row.id, broadcast=row.broadcast_id, channel=row.channel, provider_id=row.provider_id or "",
                station=row.station or "", commune=row.name or row.commune or row.station or "",
                title=body.titles.get(row.language, "") if body else "", text=text, language=row.language,
                issued=row.due_at, timezone=row.timezone, state=State(row.state), play_at=row.play_at,
                plays=row.plays or 0, seconds=row.seconds or _as_read(text, row.language), reason=row.reason or "",
                road=row.road or "", said_by=row.said_by or "", said_at=row.said_at, reminders=row.reminders or 0,
                reminded_at=row.reminded_at,
            )
        )  # fmt: skip
    return found


_as_read = functools.lru_cache(maxsize=1024)(reading_seconds)  # two hundred communes are given the same text


def _bodies(connection: Connection, hashes: set[str]) -> dict[str, Any]:
    rows = connection.execute(select(REVISION.c.hash, REVISION.c.canonical).where(REVISION.c.hash.in_(hashes)))
    return {row.hash: body for row in rows if (body := read(row.canonical, row.hash))}


def _no_link() -> BroadcasterError:
    return NotFound("Liên kết này không dùng được nữa. Xin gọi cơ quan đã gửi bản tin. (This link opens nothing.)")


def shown(told: Told) -> dict[str, Any]:
    """One bulletin as the command line and the API show it."""
    return {
        "id": public_id(told.dispatch),
        "broadcast": broadcast_id(told.broadcast),
        "channel": told.channel,
        "commune": told.station,
        "name": told.commune,
        "title": told.title,
        "language": told.language,
        "issued": told.issued.isoformat(),
        "state": told.state.value,
        "play_at": told.play_at.isoformat() if told.play_at else "",
        "plays": told.plays,
        "seconds": told.seconds,
        "reason": told.reason,
        "road": told.road,
        "said_by": told.said_by,
        "said_at": told.said_at.isoformat() if told.said_at else "",
        "reminders": told.reminders,
        "package": told.provider_id,
    }
