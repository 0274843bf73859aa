"""The emergency stop: one person sets it, two lift it; the intent's transaction asks here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, insert, or_, select, text, update

from broadcaster.db.prepared import Prepared
from broadcaster.db.tables import Stop, table, to_micros
from broadcaster.errors import NotFound, WrongUse
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction

STOP = table(Stop)
SCOPES = ("everything", "campaign", "channel", "area")
REASON_LENGTH = 500  # characters; the ledger keeps them for good
LOCK = 0x62726F61  # "broa": the advisory lock that orders stops against intents on PostgreSQL


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A stop in force."""

    id: int
    scope: str
    subject: str
    reason: str
    until: datetime | None
    set_by: str
    set_at: datetime


def share_lock(connection: Connection) -> None:
    """Taken by every intent before it reads the stops. On SQLite the write lock already orders them."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock_shared(:k)"), {"k": LOCK})


def own_lock(connection: Connection) -> None:
    """Taken by a stop, first of all: after its commit no intent that did not see it can commit."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:k)"), {"k": LOCK})


def set_(tx: Transaction, *, scope: str, subject: str, reason: str, until: datetime | None, by: str) -> int:
    """One person stops, at once. Raises: WrongUse without a reason, or with an end that has passed."""
    if scope not in SCOPES:
        raise WrongUse(f"A stop covers {', '.join(SCOPES)}; not {scope!r}.")
    if not reason.strip():
        raise WrongUse("Say why: --reason; it stands in the ledger.")
    if len(reason) > REASON_LENGTH:
        raise WrongUse(f"The reason has {len(reason)} characters; say it in {REASON_LENGTH}.")
    if until is not None and until <= tx.now:
        raise WrongUse("The stop's end lies in the past; give a later --until, or none.")
    own_lock(tx.connection)
    number = tx.connection.execute(
        insert(STOP).values(scope=scope, subject=subject, reason=reason, until=until, set_by=by, set_at=tx.now)
    ).inserted_primary_key[0]  # type: ignore[index]
    tx.record(
        Kind.STOP_SET, by, stop=number, scope=scope, subject=subject, reason=reason,
        until=until.isoformat() if until else "",
    )  # fmt: skip
    return int(number)


def lift(tx: Transaction, stop: int, *, asked_by: str, signed_by: str) -> None:
    """Both people have said it. Raises: NotFound if it is not in force."""
    own_lock(tx.connection)
    done = tx.connection.execute(
        update(STOP).where(STOP.c.id == stop, STOP.c.lifted_at.is_(None)).values(lifted_by=signed_by, lifted_at=tx.now)
    )
    if done.rowcount == 0:
        raise NotFound(f"No stop {stop} is in force; `broadcaster stop --list` shows which are.")
    tx.record(Kind.STOP_LIFT, signed_by, stop=stop, asked_by=asked_by, signed_by=signed_by)


_STANDING = Prepared(
    select(STOP)
    .where(STOP.c.lifted_at.is_(None), or_(STOP.c.until.is_(None), STOP.c.until > bindparam("now", type_=BigInteger)))
    .order_by(STOP.c.id)
)


def standing(connection: Connection, now: datetime) -> list[Standing]:
    """The stops in force at `now`."""
    rows = _STANDING.named(connection, now=to_micros(now))
    return [
        Standing(
            id=row.id, scope=row.scope, subject=row.subject, reason=row.reason, until=row.until, set_by=row.set_by,
            set_at=row.set_at,
        )
        for row in rows
    ]  # fmt: skip


def together(stops: list[Standing]) -> list[list[Standing]]:
    """Those set with one word, over several communes, side by side: they are lifted with one word too."""
    found: dict[tuple[Any, ...], list[Standing]] = {}
    for one in stops:
        alike = (one.set_by, one.set_at, one.reason, one.until) if one.scope == "area" else (one.id,)
        found.setdefault(alike, []).append(one)
    return list(found.values())


def covers(stops: list[Standing], *, campaign: str | None, channel: str) -> str:
    """The reason of the first stop over this campaign or channel, "" if none; areas are asked row by row."""
    for stop in stops:
        if (
            stop.scope == "everything"
            or (stop.scope == "campaign" and stop.subject == campaign)
            or (stop.scope == "channel" and stop.subject == channel)
        ):
            return stop.reason
    return ""


def areas(stops: list[Standing]) -> frozenset[str]:
    """Communes in which nothing is sent."""
    return frozenset(stop.subject for stop in stops if stop.scope == "area")
