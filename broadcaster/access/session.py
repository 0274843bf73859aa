"""Who is signed in at the web desk. The browser holds a random token; the database holds only its hash."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Connection, delete, insert, select, update

from broadcaster.db.tables import WebSession, table
from broadcaster.errors import NotFound
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction

SESSION = table(WebSession)
IDLE = timedelta(minutes=30)  # OWASP ASVS 5.0, 7.3.1
WHOLE = timedelta(hours=12)  # OWASP ASVS 5.0, 7.3.2: a working day
TOUCH = timedelta(minutes=1)  # `seen_at` is no more exact than this, so that looking seldom writes


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One browser that is signed in."""

    key: str
    name: str  # of the user
    created_at: datetime
    seen_at: datetime
    second: bool  # the second factor was given, or none is asked of this user
    note: str = ""


def open_(tx: Transaction, *, name: str, second: bool) -> str:
    """A new session; returns its token, which is nowhere else. Always new at a sign-in: no fixation."""
    token = secrets.token_urlsafe(32)
    tx.connection.execute(delete(SESSION).where(SESSION.c.created_at <= tx.now - WHOLE))
    tx.connection.execute(
        insert(SESSION).values(key=key_of(token), name=name, created_at=tx.now, seen_at=tx.now, second=second, note="")
    )
    tx.record(Kind.USER_LOGIN, name, user=name, second=second)
    return token


def find(connection: Connection, token: str, *, now: datetime) -> Session | None:
    """The session of a token, unless it is over: 30 minutes idle, 12 hours in all."""
    row = connection.execute(select(SESSION).where(SESSION.c.key == key_of(token))).one_or_none()
    if row is None or now >= row.seen_at + IDLE or now >= row.created_at + WHOLE:
        return None
    return Session(
        key=row.key, name=row.name, created_at=row.created_at, seen_at=row.seen_at, second=bool(row.second),
        note=row.note,
    )  # fmt: skip


def touch(tx: Transaction, session: Session) -> None:
    """It was used; its shown note is forgotten."""
    tx.connection.execute(update(SESSION).where(SESSION.c.key == session.key).values(seen_at=tx.now, note=""))


def leave_note(tx: Transaction, session: Session, note: str) -> None:
    """One sentence for the next page."""
    tx.connection.execute(update(SESSION).where(SESSION.c.key == session.key).values(note=note[:500]))


def end(tx: Transaction, session: Session) -> None:
    tx.connection.execute(delete(SESSION).where(SESSION.c.key == session.key))
    tx.record(Kind.USER_LOGOUT, session.name, user=session.name, sessions=1)


def end_one(tx: Transaction, key: str, *, actor: str) -> str:
    """One session of anybody, by its key; whose it was. Raises: NotFound if it is over already."""
    name = tx.connection.scalar(select(SESSION.c.name).where(SESSION.c.key == key))
    if name is None:
        raise NotFound("This session is over already.")
    tx.connection.execute(delete(SESSION).where(SESSION.c.key == key))
    tx.record(Kind.USER_LOGOUT, actor, user=name, sessions=1)
    return str(name)


def end_all(tx: Transaction, name: str, *, actor: str, but: str = "") -> int:
    """Every session of a user, but the one with the key `but`; how many."""
    gone = tx.connection.execute(delete(SESSION).where(SESSION.c.name == name, SESSION.c.key != but)).rowcount
    if gone:
        tx.record(Kind.USER_LOGOUT, actor, user=name, sessions=gone)
    return gone


def everyone(connection: Connection, *, now: datetime) -> list[Session]:
    """Who is signed in now, the newest first."""
    query = (
        select(SESSION)
        .where(SESSION.c.seen_at > now - IDLE, SESSION.c.created_at > now - WHOLE)
        .order_by(SESSION.c.created_at.desc())
    )
    return [
        Session(key=row.key, name=row.name, created_at=row.created_at, seen_at=row.seen_at, second=bool(row.second))
        for row in connection.execute(query)
    ]


def key_of(token: str) -> str:
    return sha256(token.encode("utf-8", "replace")).hexdigest()


def form_key(token: str) -> str:
    """What every form of this session carries; another site cannot know it."""
    return hmac.digest(token.encode("utf-8", "replace"), b"form", "sha256").hex()


def fits(token: str, given: str) -> bool:
    return hmac.compare_digest(form_key(token), given.encode("ascii", "replace").decode())
