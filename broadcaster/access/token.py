"""Keys for programs: a token acts for one user, in the acts it names, until it ends. Shown once; only its hash is kept."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Connection, insert, select, update

from broadcaster.access import store
from broadcaster.access.user import MAY, NEEDS_SECOND_LOOK, Act
from broadcaster.db.tables import ApiToken, table
from broadcaster.errors import Conflict, NotAllowed, WrongUse
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction

TOKEN = table(ApiToken)
PREFIX = "bc_"  # so that a leaked one can be recognised
LONGEST = timedelta(days=366)
LABEL_LENGTH = 80  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    id: int
    name: str
    label: str
    acts: frozenset[Act]
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    used_at: datetime | None


def make(tx: Transaction, *, name: str, label: str, acts: Collection[Act], good_for: timedelta, actor: str) -> str:
    """A token for the user `name`, who makes it: what a program does stands in the ledger under that name.

    Raises: WrongUse for a label, span or act that cannot be; NotAllowed, NotFound.
    """
    if name != actor:
        raise NotAllowed("A key is made by the person in whose name it acts; you can only end the keys of others.")
    label = " ".join(label.split())
    if not label or len(label) > LABEL_LENGTH:
        raise WrongUse(f"Say in 1 to {LABEL_LENGTH} characters what the token is for.")
    if not timedelta(0) < good_for <= LONGEST:
        raise WrongUse("A token is good for a year at most; give fewer days.")
    if wrong := sorted(set(acts) & NEEDS_SECOND_LOOK):
        raise NotAllowed(f"A program may not do this: {', '.join(wrong)}; it takes a person at the desk.")
    account = store.get(tx.connection, name)
    if beyond := sorted(act for act in acts if not account.roles & MAY[act]):
        raise NotAllowed(f"{name} may not do {', '.join(beyond)}; leave it out, or give the role first.")
    token = PREFIX + secrets.token_urlsafe(32)
    number = tx.connection.execute(
        insert(TOKEN).values(
            key=_key(token), name=name, label=label, acts=",".join(sorted(acts)), created_at=tx.now,
            expires_at=tx.now + good_for,
        ).returning(TOKEN.c.id)
    ).scalar_one()  # fmt: skip
    tx.record(Kind.TOKEN_ADD, actor, token=number, user=name, acts=sorted(acts))
    return token


def find(connection: Connection, token: str, *, now: datetime) -> Token | None:
    """The token, if it is in force and its user is."""
    row = connection.execute(select(TOKEN).where(TOKEN.c.key == _key(token))).one_or_none()
    if row is None or row.ended_at is not None or now >= row.expires_at:
        return None
    account = store.find(connection, row.name)
    return None if account is None or account.disabled else _token(row)


def used(tx: Transaction, token: Token) -> None:
    """Keep when it was last used, so that one that nobody needs any more can be seen."""
    tx.connection.execute(update(TOKEN).where(TOKEN.c.id == token.id).values(used_at=tx.now))


def end(tx: Transaction, number: int, *, actor: str) -> None:
    """At once. Raises: Conflict if it is over."""
    statement = update(TOKEN).where(TOKEN.c.id == number, TOKEN.c.ended_at.is_(None)).values(ended_at=tx.now)
    if not tx.connection.execute(statement).rowcount:
        raise Conflict("This token is over already; there is nothing to end.")
    tx.record(Kind.TOKEN_END, actor, token=number)


def everyone(connection: Connection) -> list[Token]:
    return [_token(row) for row in connection.execute(select(TOKEN).order_by(TOKEN.c.id.desc()))]


def _token(row: object) -> Token:
    return Token(
        id=row.id,  # type: ignore[attr-defined]
        name=row.name,  # type: ignore[attr-defined]
        label=row.label,  # type: ignore[attr-defined]
        acts=frozenset(Act(one) for one in row.acts.split(",") if one),  # type: ignore[attr-defined]
        created_at=row.created_at,  # type: ignore[attr-defined]
        expires_at=row.expires_at,  # type: ignore[attr-defined]
        ended_at=row.ended_at,  # type: ignore[attr-defined]
        used_at=row.used_at,  # type: ignore[attr-defined]
    )


def _key(token: str) -> str:
    return sha256(token.encode("utf-8", "replace")).hexdigest()
