"""The act that needs two people: the first asks, a different one signs the very same thing within 24 hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from broadcaster.db.tables import Countersign, table
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction

COUNTERSIGN = table(Countersign)
GOOD_FOR = timedelta(hours=24)  # design, section 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Half done: `request` waits for another person."""

    request: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """Both have said it; do it now, in this transaction."""

    request: int
    asked_by: str
    signed_by: str


def ask_or_sign(tx: Transaction, *, act: str, subject: str, by: str) -> Waiting | Signed:
    """The first call leaves a request; the same call by another person within 24 h signs it, once.

    `subject` is the canonical text of exactly what is asked: a call that differs is another request.
    """
    query = (
        select(COUNTERSIGN)
        .where(
            COUNTERSIGN.c.act == act,
            COUNTERSIGN.c.subject == subject,
            COUNTERSIGN.c.signed_by.is_(None),
            COUNTERSIGN.c.expires_at > tx.now,
        )
        .order_by(COUNTERSIGN.c.id)
        .with_for_update()
    )
    rows = tx.connection.execute(query).all()
    for row in rows:
        if row.asked_by != by:
            tx.connection.execute(
                update(COUNTERSIGN).where(COUNTERSIGN.c.id == row.id).values(signed_by=by, signed_at=tx.now)
            )
            tx.record(Kind.COUNTERSIGN_SIGN, by, request=row.id, act=act, asked_by=row.asked_by)
            return Signed(request=row.id, asked_by=row.asked_by, signed_by=by)
    if rows:
        return Waiting(request=rows[0].id)
    request = tx.connection.execute(
        insert(COUNTERSIGN).values(act=act, subject=subject, asked_by=by, asked_at=tx.now, expires_at=tx.now + GOOD_FOR)
    ).inserted_primary_key[0]  # type: ignore[index]
    tx.record(Kind.COUNTERSIGN_ASK, by, request=request, act=act)
    return Waiting(request=request)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Half of an act, by one person; another one's half is missing."""

    id: int
    act: str
    subject: str
    asked_by: str
    asked_at: datetime
    expires_at: datetime


def waiting(connection: Connection, *, now: datetime) -> list[Request]:
    """What waits for a second person, the oldest first."""
    query = (
        select(COUNTERSIGN)
        .where(COUNTERSIGN.c.signed_by.is_(None), COUNTERSIGN.c.expires_at > now)
        .order_by(COUNTERSIGN.c.id)
    )
    return [
        Request(
            id=row.id, act=row.act, subject=row.subject, asked_by=row.asked_by, asked_at=row.asked_at,
            expires_at=row.expires_at,
        )
        for row in connection.execute(query)
    ]  # fmt: skip
