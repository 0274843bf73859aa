"""Which key of the office signs from which entry on: each new one is signed over by the one before, in an entry."""

from __future__ import annotations

import json

from sqlalchemy import Connection, insert, select, update

from broadcaster.db.tables import Meta, table
from broadcaster.errors import Conflict
from broadcaster.ledger import store
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.verify import signed
from broadcaster.ledger.verify_bundle import keys_of

META = table(Meta)
CHANGES = "ledger.keys"  # where in the ledger to look for each change: a JSON list of numbers not above the entry's own

Keys = dict[int, bytes]  # from which size of the ledger on -> public key


def in_force(connection: Connection, public: bytes) -> Keys:
    """Every key so far; `public`, the configured one, is one of them.

    Raises: Conflict for a key that is none of them, or a change that the old key did not sign.
    """
    lines = [_change_after(connection, bound) for bound in _bounds(connection)]
    keys, faults = keys_of(lines, public, signed)
    if faults:
        raise Conflict(
            f"ledger.key does not fit this ledger: {faults[0]}. Put the office's key back, or run `broadcaster ledger verify`."
        )
    return keys


def at(keys: Keys, size: int) -> bytes:
    """The key that signs a ledger of this size."""
    return keys[max(start for start in keys if start <= size)]


def statement(origin: str, old: bytes, new: bytes) -> bytes:
    """What the old key signs."""
    return f"broadcaster ledger key\n{origin}\n{old.hex()}\n{new.hex()}\n".encode()


def note(tx: store.Transaction, *, origin: str, old: bytes, new: bytes, signature: bytes, actor: str) -> None:
    """The entry of a change of key. From the next entry on `new` signs."""
    bounds = [*_bounds(tx.connection), store.head(tx.connection).size]
    value = json.dumps(bounds)
    if not tx.connection.execute(update(META).where(META.c.name == CHANGES).values(value=value)).rowcount:
        tx.connection.execute(insert(META).values(name=CHANGES, value=value))
    tx.record(Kind.LEDGER_KEY, actor, origin=origin, old=old.hex(), key=new.hex(), signature=signature.hex())


def _bounds(connection: Connection) -> list[int]:
    value = connection.execute(select(META.c.value).where(META.c.name == CHANGES)).scalar_one_or_none()
    bounds: list[int] = json.loads(value or "[]")
    return bounds


def _change_after(connection: Connection, bound: int) -> bytes:
    """The first change of key from this entry on; b"" if there is none any more."""
    mark = b'"kind":"ledger.key"'
    return next((raw for raw in store.raws(connection, start=bound, page=50) if mark in raw), b"")


def named(connection: Connection, public: bytes) -> bool:
    """Whether some entry hands the ledger over to this key."""
    return any(
        json.loads(_change_after(connection, bound) or b"{}").get("key") == public.hex()
        for bound in _bounds(connection)
    )
