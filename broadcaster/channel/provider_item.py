"""What a provider makes, reviews or takes for us, as rows: an article, its broadcast, a template, a sender name.

Each step is committed before the next request leaves, so that a crash between two steps makes nothing twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, delete, func, select, update

from broadcaster.channel.vault import polite_insert
from broadcaster.config import Config
from broadcaster.db.tables import ProviderItem, table
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction

ITEM = table(ProviderItem)
REVIEWED = ("waiting", "approved", "refused")  # states that people wait for
COUNTED = ("sending", "taken", "doubt")  # a broadcast in these may have used up quota
REASON_LIMIT = 200  # characters of a provider's reason
ACTOR = "sender"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One row."""

    kind: str
    subject: str
    title: str
    key: str
    token: str
    provider_id: str
    state: str
    reason: str
    made_at: datetime
    at: datetime
    looked_at: datetime | None


def find(connection: Connection, channel: str, kind: str, subject: str) -> Item | None:
    row = connection.execute(select(ITEM).where(*_is(channel, kind, subject))).mappings().one_or_none()
    return None if row is None else Item(**{name: row[name] for name in Item.__slots__})


def begin(
    tx: Transaction, channel: str, kind: str, subject: str, *, state: str, title: str = "", key: str = ""
) -> bool:
    """Write down that it is about to be asked for; False if somebody has done so already."""
    statement = polite_insert(tx.connection, ITEM).values(
        channel=channel, kind=kind, subject=subject, title=title, key=key, token="", provider_id="", state=state,
        reason="", made_at=tx.now, at=tx.now,
    )  # fmt: skip
    return bool(tx.connection.execute(statement.on_conflict_do_nothing()).rowcount)


def again(tx: Transaction, channel: str, kind: str, subject: str, *, before: str, state: str, key: str = "") -> bool:
    """Begin once more what certainly was not made, or what people asked for again; False if it moved meanwhile."""
    values = {"state": state, "key": key, "token": "", "reason": "", "made_at": tx.now, "at": tx.now, "looked_at": None}
    got = tx.connection.execute(
        update(ITEM).where(*_is(channel, kind, subject), ITEM.c.state == before).values(**values)
    )
    return got.rowcount == 1


def move(tx: Transaction, channel: str, kind: str, subject: str, state: str, **values: Any) -> None:
    """What the provider said of it. `values`: token, provider_id, reason."""
    values["reason"] = plain(values.get("reason", ""))
    was = find(tx.connection, channel, kind, subject)
    if was is None or was.state == "taken":
        return
    tx.connection.execute(update(ITEM).where(*_is(channel, kind, subject)).values(state=state, at=tx.now, **values))
    if state in REVIEWED and state != was.state:
        _tell(tx, channel, kind, subject, state, values.get("provider_id", ""))


def note(
    tx: Transaction,
    channel: str,
    kind: str,
    subject: str,
    state: str,
    *,
    reason: str = "",
    title: str = "",
    by: str = ACTOR,
) -> None:
    """How a review goes that nobody here began: a template, a sender name. `by`: the sender, or the person who says so."""
    was = find(tx.connection, channel, kind, subject)
    if was is not None and (was.state, was.reason) == (state, plain(reason)):
        return
    if was is None:
        begin(tx, channel, kind, subject, state=state, title=title)
    values: dict[str, Any] = {"state": state, "reason": plain(reason), "at": tx.now}
    tx.connection.execute(update(ITEM).where(*_is(channel, kind, subject)).values(**values))
    _tell(tx, channel, kind, subject, state, "", by=by)


def looked(tx: Transaction, channel: str, kind: str, subject: str) -> None:
    """It was looked for and not found, for the first time."""
    tx.connection.execute(update(ITEM).where(*_is(channel, kind, subject)).values(looked_at=tx.now))


def drop(tx: Transaction, channel: str, kind: str, subject: str) -> None:
    """It was certainly not made, as if it had never been begun."""
    tx.connection.execute(delete(ITEM).where(*_is(channel, kind, subject), ITEM.c.state.in_(("making", "sending"))))


def used(connection: Connection, channel: str, *, since: datetime, until: datetime) -> int:
    """Broadcasts that were taken, or perhaps taken, in [since, until)."""
    query = select(func.count()).where(
        ITEM.c.channel == channel, ITEM.c.kind == "broadcast", ITEM.c.state.in_(COUNTED), ITEM.c.made_at >= since,
        ITEM.c.made_at < until,
    )  # fmt: skip
    return connection.execute(query).scalar_one()


def quotas(connection: Connection, config: Config, *, now: datetime) -> list[dict[str, Any]]:
    """Of each channel whose broadcasts stand here and have a quota: how much of this month's and this day's is used up."""
    found = []
    for name in config.channels:
        settings = config.channel(name)
        if settings.common.adapter != "zalo-oa" or settings.own.get("mode", "article") != "article":
            continue  # only an article's broadcasts are rows of ours
        for span, quota in (("month", settings.common.monthly_quota), ("day", settings.common.daily_quota)):
            if quota:
                since, until = bounds(now, ZoneInfo(settings.timezone), span)
                n = used(connection, name, since=since, until=until)
                found.append({"channel": name, "span": span, "used": n, "quota": quota})
    return found


def bounds(now: datetime, zone: ZoneInfo, span: str) -> tuple[datetime, datetime]:
    """First moment of the local month or day, and of the next one."""
    first = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if span == "day":
        return first, first + timedelta(days=1)
    first = first.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)


def owner(connection: Connection, channel: str, kind: str, provider_id: str) -> str:
    """The subject that has this id of the provider's, or ""."""
    query = select(ITEM.c.subject).where(
        ITEM.c.channel == channel, ITEM.c.kind == kind, ITEM.c.provider_id == provider_id
    )
    return connection.execute(query).scalars().first() or ""


def reviews(connection: Connection, *, channel: str = "", limit: int = 500) -> list[dict[str, Any]]:
    """What providers review, newest first, as pages and `lane list` show it: waiting, approved, or refused with a reason."""
    shown = (
        ITEM.c.channel, ITEM.c.kind, ITEM.c.title, ITEM.c.subject, ITEM.c.provider_id, ITEM.c.state, ITEM.c.reason,
        ITEM.c.at,
    )  # fmt: skip
    query = select(*shown).where(ITEM.c.kind != "broadcast").order_by(ITEM.c.at.desc(), ITEM.c.id.desc()).limit(limit)
    if channel:
        query = query.where(ITEM.c.channel == channel)
    return [dict(row) for row in connection.execute(query).mappings()]


def plain(reason: str) -> str:
    """A provider's words, made safe to show: printable, on one line, not endless."""
    return "".join(letter for letter in " ".join(reason.split()) if letter.isprintable())[:REASON_LIMIT]


def _tell(tx: Transaction, channel: str, kind: str, subject: str, state: str, id: str, *, by: str = ACTOR) -> None:
    tx.record(Kind.PROVIDER_ITEM, by, channel=channel, item=kind, subject=subject, state=state, id=id)


def _is(channel: str, kind: str, subject: str) -> tuple[Any, ...]:
    return ITEM.c.channel == channel, ITEM.c.kind == kind, ITEM.c.subject == subject
