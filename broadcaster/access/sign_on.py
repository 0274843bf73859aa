"""What the office keeps of a sign-on at its identity provider: which answers were used, and who has just proved themselves again.

A sign-on is nobody's way to an account that is not there, and to no role: it only says which existing user stands at the door.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import delete, insert, select

from broadcaster.access.store import META
from broadcaster.ledger.store import Transaction

WAY = timedelta(minutes=10)  # from our door to the provider and back
PROOF = timedelta(minutes=5)  # a sign-on anew stands in for the password once, this long
USED, PROVED = "sign-on.used:", "sign-on.proved:"


def user_of(claims: Mapping[str, Any], users: Mapping[str, str]) -> str:
    """The user the office has named for this person, by `sub`, else by an e-mail the provider has verified; "" for nobody."""
    found = users.get(str(claims.get("sub", "")))
    mail = claims.get("email")
    if found is None and isinstance(mail, str) and claims.get("email_verified") is True:
        found = users.get(mail.lower())
    return found or ""


def is_second(claims: Mapping[str, Any], enough: frozenset[str]) -> bool:
    """Whether the provider says it has asked for what the office calls a second factor (RFC 8176; OpenID Connect Core, 2)."""
    methods = claims.get("amr")
    said = {one for one in methods if isinstance(one, str)} if isinstance(methods, list) else set()
    if isinstance(claims.get("acr"), str):
        said.add(str(claims["acr"]))
    return bool(said & enough)


def use(tx: Transaction, state: str) -> bool:
    """Whether this answer is used for the first time; each is taken once, whatever the provider would do."""
    name = USED + sha256(state.encode()).hexdigest()
    _tidy(tx, USED)
    if tx.connection.execute(select(META.c.name).where(META.c.name == name)).first() is not None:
        return False
    tx.connection.execute(insert(META).values(name=name, value=str((tx.now + WAY).timestamp())))
    return True


def proved(tx: Transaction, session_key: str) -> None:
    """Whoever sits at this session has signed on anew, just now."""
    _tidy(tx, PROVED)
    tx.connection.execute(delete(META).where(META.c.name == PROVED + session_key))
    tx.connection.execute(insert(META).values(name=PROVED + session_key, value=str((tx.now + PROOF).timestamp())))


def take_proof(tx: Transaction, session_key: str) -> bool:
    """Whether that is so, and not long ago; it is good for one act."""
    value = tx.connection.scalar(select(META.c.value).where(META.c.name == PROVED + session_key))
    tx.connection.execute(delete(META).where(META.c.name == PROVED + session_key))
    return value is not None and float(value) > tx.now.timestamp()


def is_fresh(claims: Mapping[str, Any], *, asked_at: datetime, leeway: timedelta = timedelta(seconds=60)) -> bool:
    """Whether the provider asked the person after we sent them there, not from a sign-on of this morning."""
    at = claims.get("auth_time")
    return isinstance(at, int | float) and at >= (asked_at - leeway).timestamp()


def _tidy(tx: Transaction, prefix: str) -> None:
    """What is over goes, a hundred at a time."""
    rows = tx.connection.execute(select(META).where(META.c.name.like(f"{prefix}%")).limit(100)).all()
    over = [row.name for row in rows if float(row.value) <= tx.now.timestamp()]
    tx.connection.execute(delete(META).where(META.c.name.in_(over)))
