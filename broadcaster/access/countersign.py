"""The act that needs two people: the first asks, a different one signs the very same thing within 24 hours.

What somebody asked counts only while they may still ask it: `forget` ends it when they are disabled, lose a role or get a
new password from others, and `ask_or_sign` looks once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from broadcaster.access.user import MAY, Act, parse_roles
from broadcaster.db.tables import Countersign, User, table
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction

COUNTERSIGN = table(Countersign)
USER = table(User)
CONSOLE = "console:"  # how the name begins of whoever sits at the office's computer and has not said who it is
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


def ask_or_sign(
    tx: Transaction, *, act: str, subject: str, by: str, takes: Act, console: bool = False
) -> Waiting | Signed:  # fmt: skip
    """The first call leaves a request; the same call by another person within 24 h signs it, once.

    `subject` is the canonical text of exactly what is asked: a call that differs is another request. `takes`: what the first
    person must still be allowed to do. `console`: whether the office's computer itself may have asked.
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
    rows = [
        row for row in tx.connection.execute(query).all()
        if row.asked_by == by or _may_still(tx.connection, row.asked_by, takes, console=console)
    ]  # fmt: skip
    for row in rows:
        if row.asked_by != by:
            tx.connection.execute(
                update(COUNTERSIGN).where(COUNTERSIGN.c.id == row.id).values(signed_by=by, signed_at=tx.now)
            )
            tx.record(Kind.COUNTERSIGN_SIGN, by, request=row.id, act=act, asked_by=row.asked_by)
            return Signed(request=row.id, asked_by=row.asked_by, signed_by=by)
    if rows:
        return Waiting(request=rows[0].id)  # one's own
    request = tx.connection.execute(
        insert(COUNTERSIGN).values(act=act, subject=subject, asked_by=by, asked_at=tx.now, expires_at=tx.now + GOOD_FOR)
    ).inserted_primary_key[0]  # type: ignore[index]
    tx.record(Kind.COUNTERSIGN_ASK, by, request=request, act=act)
    return Waiting(request=request)


def forget(tx: Transaction, name: str) -> None:
    """What this person asked and nobody signed yet is over."""
    tx.connection.execute(
        update(COUNTERSIGN)
        .where(COUNTERSIGN.c.asked_by == name, COUNTERSIGN.c.signed_by.is_(None), COUNTERSIGN.c.expires_at > tx.now)
        .values(expires_at=tx.now)
    )


def _may_still(connection: Connection, name: str, takes: Act, *, console: bool) -> bool:
    if name.startswith(CONSOLE):
        return console
    row = connection.execute(select(USER.c.roles, USER.c.disabled).where(USER.c.name == name)).one_or_none()
    return row is not None and not row.disabled and bool(parse_roles(row.roles) & MAY[takes])


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
