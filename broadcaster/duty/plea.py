"""Replies that a person must read: sealed when they come, shown once to whoever is on duty, then gone.

The text is never logged and never in the ledger. The row stays, so that it can be seen that somebody looked, and when.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from broadcaster.channel.address import mask
from broadcaster.db.tables import Address, Plea, table
from broadcaster.errors import Conflict, NotFound
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction

PLEA = table(Plea)
ADDRESS = table(Address)

KEPT_FOR = timedelta(hours=72)  # nobody has looked in three days: the help it asks for comes too late from us
TEXT_MOST = 2000  # characters
ACTOR = "duty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """One reply, shown this once."""

    number: int
    channel: str
    sender: str  # the address to answer at
    text: str
    at: datetime


class _Letter(msgspec.Struct, frozen=True, array_like=True):
    channel: str
    sender: str
    text: str


def receive(
    tx: Transaction, *, channel: str, digest: bytes, sender: str, text: str, address: int | None, office_key: bytes
) -> bool:
    """Seal and keep one reply; False if it is a repeat."""
    letter = msgspec.json.encode(_Letter(channel, sender[:200], _storable(text)))
    into: Any = (sqlite if tx.connection.dialect.name == "sqlite" else postgresql).insert(PLEA)
    row = into.values(
        channel=channel, digest=digest, address_id=address, at=tx.now, calls=0, shown_to="",
        sealed=_box(office_key).encrypt_at_time(letter, int(tx.now.timestamp())),
    ).on_conflict_do_nothing().returning(PLEA.c.id)  # fmt: skip
    number = tx.connection.execute(row).scalar()
    if number is None:
        return False
    tx.record(Kind.PLEA_RECEIVE, ACTOR, plea=int(number), channel=channel)
    return True


def waiting(connection: Connection) -> list[dict[str, Any]]:
    """What nobody has read yet, oldest first; no text, and the address masked."""
    rows = connection.execute(
        select(PLEA.c.id, PLEA.c.channel, PLEA.c.at, PLEA.c.called_at, PLEA.c.calls, ADDRESS.c.kind, ADDRESS.c.value)
        .outerjoin(ADDRESS, ADDRESS.c.id == PLEA.c.address_id)
        .where(PLEA.c.sealed.is_not(None))
        .order_by(PLEA.c.id)
    )
    return [
        {
            "id": str(row.id),
            "channel": row.channel,
            "at": row.at.isoformat(),
            "from": mask(row.kind, row.value) if row.kind else "not in the contacts",
            "called": row.called_at.isoformat() if row.called_at else "",
            "calls": row.calls,
        }
        for row in rows
    ]


def past(connection: Connection, *, limit: int = 50) -> list[dict[str, Any]]:
    """Who looked at what, the latest first; what nobody read in time has nobody's name. Neither text nor address is left."""
    rows = connection.execute(
        select(PLEA.c.id, PLEA.c.channel, PLEA.c.at, PLEA.c.shown_at, PLEA.c.shown_to, PLEA.c.purged_at)
        .where(PLEA.c.sealed.is_(None))
        .order_by(PLEA.c.id.desc())
        .limit(limit)
    )
    return [
        {"id": str(row.id), "channel": row.channel, "at": row.at, "shown_at": row.shown_at, "shown_to": row.shown_to}
        for row in rows
    ]


def count_waiting(connection: Connection) -> int:
    return int(connection.scalar(select(func.count()).select_from(PLEA).where(PLEA.c.sealed.is_not(None))) or 0)


def show(tx: Transaction, number: int, *, by: str, office_key: bytes) -> Opened:
    """Open one reply, and let its text go in the same transaction.

    Raises: NotFound; Conflict if it has been shown or has gone, or if the office key is another one by now.
    """
    row = tx.connection.execute(select(PLEA).where(PLEA.c.id == number).with_for_update()).one_or_none()
    if row is None:
        raise NotFound(f"Nothing at the duty desk has the number {number}; see `broadcaster duty list`.")
    if row.sealed is None and row.shown_at is not None:
        raise Conflict(
            f"Reply {number} was shown to {row.shown_to} at {row.shown_at:%Y-%m-%d %H:%M} UTC; its text is gone. Ask them."
        )
    if row.sealed is None:
        raise Conflict(f"Reply {number} was not read in 72 hours; its text is gone.")
    letter = _open(row.sealed, office_key)
    gone = update(PLEA).where(PLEA.c.id == number, PLEA.c.sealed.is_not(None))
    tx.connection.execute(gone.values(sealed=None, shown_at=tx.now, shown_to=by, purged_at=tx.now))
    tx.record(Kind.PLEA_SHOW, by, plea=number)
    return Opened(number=number, channel=letter.channel, sender=letter.sender, text=letter.text, at=row.at)


def purge(tx: Transaction) -> int:
    """Let go of what nobody has read in 72 hours; returns how many."""
    old = (PLEA.c.sealed.is_not(None), PLEA.c.at < tx.now - KEPT_FOR)
    numbers = tx.connection.scalars(select(PLEA.c.id).where(*old)).all()
    if numbers:
        tx.connection.execute(
            update(PLEA).where(PLEA.c.id.in_(numbers), PLEA.c.sealed.is_not(None)).values(sealed=None, purged_at=tx.now)
        )
        for number in numbers:
            tx.record(Kind.PLEA_PURGE, ACTOR, plea=int(number))
    return len(numbers)


# -- whom to call about ------------------------------------------------------------------------------------------------

CALL_AGAIN = timedelta(minutes=10)  # while nobody looks
CALLS = 3  # of one reply, at most: then a person has to look by themselves


def to_call_about(connection: Connection, *, now: datetime) -> Sequence[int]:
    """Replies the officer must be told of now: new ones, and those nobody has looked at since the last call."""
    due = (PLEA.c.called_at.is_(None)) | ((PLEA.c.called_at < now - CALL_AGAIN) & (PLEA.c.calls < CALLS))
    query = select(PLEA.c.id).where(PLEA.c.sealed.is_not(None), due).order_by(PLEA.c.id)
    return connection.scalars(query).all()


def called(tx: Transaction, numbers: Sequence[int], *, channel: str) -> None:
    """Write down that the officer was called."""
    tx.connection.execute(update(PLEA).where(PLEA.c.id.in_(numbers)).values(called_at=tx.now, calls=PLEA.c.calls + 1))
    tx.record(Kind.DUTY_CALL, ACTOR, channel=channel, pleas=[int(number) for number in numbers])


def _box(office_key: bytes) -> Any:
    from cryptography.fernet import Fernet
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"broadcaster duty desk v1")
    return Fernet(base64.urlsafe_b64encode(derive.derive(office_key)))


def _open(sealed: bytes, office_key: bytes) -> _Letter:
    from cryptography.fernet import InvalidToken

    try:
        return msgspec.json.decode(_box(office_key).decrypt(sealed), type=_Letter)
    except (InvalidToken, msgspec.DecodeError):
        raise Conflict(
            "The reply cannot be opened: the office key is not the one it was sealed with. Put the old key back, then"
            " try again."
        ) from None


def _storable(text: str) -> str:
    return text[:TEXT_MOST].encode("utf-8", "replace").decode().replace("\x00", "")
