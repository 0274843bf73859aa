"""What providers and people have said, put down to be applied: by a callback, or fetched where nobody can call us back."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert, select, update

from broadcaster.audience import opt_out
from broadcaster.channel.base import Channel, Delivery, Inbound
from broadcaster.db.tables import Meta, table
from broadcaster.dispatch import receipt
from broadcaster.duty import plea
from broadcaster.ledger.store import Transaction

META = table(Meta)


def keep(
    tx: Transaction, *, channel: Channel, deliveries: Sequence[Delivery], said: Sequence[Inbound], key: bytes
) -> None:
    """Store receipts and refusals, and replies that a person must read; what is stored already is not stored twice."""
    receipt.put(tx.connection, channel.name, deliveries, now=tx.now)
    for inbound in said:
        sender = opt_out.Sender.of(inbound.address or channel.traits.address, inbound.sender, office_key=key)
        digest = opt_out.digest(inbound, sender, now=tx.now)
        meaning = opt_out.meaning_of(inbound)
        if meaning.refuses:
            receipt.put_refusal(
                tx.connection, channel.name, digest=digest, key=sender.key, kind=sender.kind,
                reason="left" if inbound.kind == "left" else "opt_out", now=tx.now,
            )  # fmt: skip
        if meaning.is_for_a_person:
            plea.receive(
                tx, channel=channel.name, digest=digest, sender=sender.value or inbound.sender, text=inbound.text,
                address=opt_out.address_of(tx.connection, sender), office_key=key,
            )  # fmt: skip


def mark_of(channel: str) -> str:
    """The name under which it is remembered how far a channel's provider has been read."""
    return f"fetched.{channel}"


def keep_fetched(
    tx: Transaction, *, channel: Channel, said: Sequence[Inbound], before: str, after: str, key: bytes
) -> bool:
    """What was fetched and how far that is, together; False, and nothing, if somebody else has read on meanwhile."""
    name = mark_of(channel.name)
    if tx.connection.scalar(select(META.c.value).where(META.c.name == name)) is None:
        tx.connection.execute(insert(META).values(name=name, value=""))
    moved = tx.connection.execute(
        update(META).where(META.c.name == name, META.c.value == before).values(value=after)
    ).rowcount
    if moved:
        keep(tx, channel=channel, deliveries=[], said=said, key=key)
    return bool(moved)
