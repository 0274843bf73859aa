"""A wrong text is out: who got it, what of it can be taken back, and what sets it right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from broadcaster.db.tables import Correction, Printed, TakeDown, table
from broadcaster.dispatch.broadcast import ADDRESS, BROADCAST, DISPATCH, GROUP, MEMBER, public_id
from broadcaster.dispatch.dispatch import State
from broadcaster.dispatch.store import CHUNK
from broadcaster.errors import Conflict
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction

CORRECTION, PRINTED, TAKE_DOWN = table(Correction), table(Printed), table(TakeDown)
GOT = (
    State.SENDING,
    State.UNKNOWN,
    State.ACCEPTED,
    State.DELIVERED,
    State.UNRESOLVED,
)  # those who may have the wrong text
OUT = (State.ACCEPTED.value, State.DELIVERED.value)  # what is known to be out can be taken down


def begin(tx: Transaction, broadcast: int, *, message: str, reason: str, by: str) -> int:
    """Write down that it is being corrected; said again the same way it goes on. Raises: Conflict if another way."""
    known = of(tx.connection, broadcast)
    if known is not None:
        if known.message_id != message:
            raise Conflict(
                f"{public_id(broadcast)} is being corrected by {known.message_id} already; correct that one."
            )
        return int(known.id)
    values = {"broadcast_id": broadcast, "message_id": message, "reason": reason, "asked_by": by, "asked_at": tx.now}
    number = tx.connection.execute(insert(CORRECTION).values(values)).inserted_primary_key[0]  # type: ignore[index]
    tx.record(Kind.CORRECTION_BEGIN, by, b=broadcast, correction=number, message=message, reason=reason)
    return int(number)


def of(connection: Connection, broadcast: int) -> Any | None:
    """The correction of a broadcast, if it has one."""
    return connection.execute(select(CORRECTION).where(CORRECTION.c.broadcast_id == broadcast)).one_or_none()


def got(connection: Connection, broadcast: int) -> dict[str, int]:
    """Channel -> how many have the wrong text, or may have it."""
    query = (
        select(DISPATCH.c.channel, func.count())
        .where(DISPATCH.c.broadcast_id == broadcast, DISPATCH.c.state.in_(GOT))
        .group_by(DISPATCH.c.channel)
        .order_by(DISPATCH.c.channel)
    )
    return {channel: int(n) for channel, n in connection.execute(query)}


def group_name(broadcast: int, channel: str) -> str:
    return f"correction-{public_id(broadcast)}-{channel}"


def gather_chunk(tx: Transaction, broadcast: int, channel: str, *, after: int = 0) -> tuple[int, int | None]:
    """Put the next of those who got it into the correction's own group; repeatable. Returns (group, where to go on)."""
    name = group_name(broadcast, channel)
    group = tx.connection.scalar(select(GROUP.c.id).where(GROUP.c.name == name))
    if group is None:
        made = tx.connection.execute(insert(GROUP).values(name=name, created_at=tx.now))
        group = made.inserted_primary_key[0]  # type: ignore[index]
    elif not after:
        _only_receivers(tx, int(group), broadcast, channel)
    page = (
        select(DISPATCH.c.id, ADDRESS.c.contact_id)
        .join(ADDRESS, ADDRESS.c.id == DISPATCH.c.address_id)
        .where(
            DISPATCH.c.broadcast_id == broadcast, DISPATCH.c.channel == channel, DISPATCH.c.state.in_(GOT),
            DISPATCH.c.id > after, ADDRESS.c.contact_id.is_not(None),
        )
        .order_by(DISPATCH.c.id)
        .limit(CHUNK)
        .subquery()
    )  # fmt: skip
    last = tx.connection.scalar(select(func.max(page.c.id)))
    if last is None:
        return int(group), None
    dialect = sqlite if tx.connection.dialect.name == "sqlite" else postgresql
    people = select(literal(group), page.c.contact_id).where(page.c.contact_id.is_not(None)).distinct()
    tx.connection.execute(
        dialect.insert(MEMBER).from_select(["group_id", "contact_id"], people).on_conflict_do_nothing()
    )
    return int(group), int(last)


def _only_receivers(tx: Transaction, group: int, broadcast: int, channel: str) -> None:
    """Whoever else was put into the group of that name, by hand or by an import, is taken out: they never got it."""
    receivers = (
        select(ADDRESS.c.contact_id)
        .join(DISPATCH, DISPATCH.c.address_id == ADDRESS.c.id)
        .where(DISPATCH.c.broadcast_id == broadcast, DISPATCH.c.channel == channel, DISPATCH.c.state.in_(GOT))
        .where(ADDRESS.c.contact_id.is_not(None))
    )
    tx.connection.execute(delete(MEMBER).where(MEMBER.c.group_id == group, MEMBER.c.contact_id.not_in(receivers)))


def to_take_down(connection: Connection, broadcast: int, channel: str, *, after: int = 0) -> Sequence[Any]:
    """(id, provider_id) of the next that are out on a channel and were not taken down yet."""
    query = (
        select(DISPATCH.c.id, DISPATCH.c.provider_id)
        .outerjoin(TAKE_DOWN, (TAKE_DOWN.c.dispatch_id == DISPATCH.c.id) & (TAKE_DOWN.c.state == "done"))
        .where(
            DISPATCH.c.broadcast_id == broadcast, DISPATCH.c.channel == channel, DISPATCH.c.state.in_(OUT),
            DISPATCH.c.provider_id.is_not(None), DISPATCH.c.id > after, TAKE_DOWN.c.dispatch_id.is_(None),
        )
        .order_by(DISPATCH.c.id)
        .limit(CHUNK)
    )  # fmt: skip
    return connection.execute(query).all()


def took_down(tx: Transaction, correction: int, dispatch: int, *, broadcast: int, fault: str, by: str) -> None:
    """What came of taking one thing down: `fault` is "" when it is gone."""
    values = {"correction_id": correction, "state": "failed" if fault else "done", "reason": fault, "at": tx.now}
    done = tx.connection.execute(update(TAKE_DOWN).where(TAKE_DOWN.c.dispatch_id == dispatch).values(values))
    if not done.rowcount:
        tx.connection.execute(insert(TAKE_DOWN).values(dispatch_id=dispatch, **values))
    tx.record(Kind.CORRECTION_TAKE_DOWN, by, b=broadcast, d=dispatch, state=values["state"], reason=fault)


def taken_down(connection: Connection, broadcast: int) -> dict[str, dict[str, int]]:
    """Channel -> how many are `done` and how many `failed`."""
    query = (
        select(DISPATCH.c.channel, TAKE_DOWN.c.state, func.count())
        .join(DISPATCH, DISPATCH.c.id == TAKE_DOWN.c.dispatch_id)
        .where(DISPATCH.c.broadcast_id == broadcast)
        .group_by(DISPATCH.c.channel, TAKE_DOWN.c.state)
    )
    found: dict[str, dict[str, int]] = {}
    for channel, state, n in connection.execute(query):
        found.setdefault(channel, {})[state] = int(n)
    return found


def printed(connection: Connection, broadcast: int) -> list[dict[str, str]]:
    """The pieces made of the very text that is out, oldest first: nobody but people can take them off the walls."""
    query = (
        select(PRINTED.c.piece, PRINTED.c.language, PRINTED.c.made_by, PRINTED.c.made_at, PRINTED.c.sha256)
        .join(BROADCAST, BROADCAST.c.revision_hash == PRINTED.c.revision_hash)
        .where(BROADCAST.c.id == broadcast)
        .order_by(PRINTED.c.id)
    )
    return [
        {"piece": piece, "language": language, "by": by, "at": at.isoformat(), "sha256": digest}
        for piece, language, by, at, digest in connection.execute(query)
    ]


def proposals(connection: Connection, broadcast: int) -> list[Any]:
    """The broadcasts that set it right, whatever became of them."""
    return list(connection.execute(select(BROADCAST).where(BROADCAST.c.corrects == broadcast).order_by(BROADCAST.c.id)))


def shown(connection: Connection, broadcast: int) -> dict[str, Any]:
    """The correction of a broadcast for `broadcast show`; {} if it has none."""
    found = of(connection, broadcast)
    if found is None:
        return {}
    return {
        "message": found.message_id,
        "reason": found.reason,
        "by": found.asked_by,
        "at": found.asked_at.isoformat(),
        "taken_down": taken_down(connection, broadcast),
        "printed": printed(connection, broadcast),
        "broadcasts": {public_id(row.id): row.state for row in proposals(connection, broadcast)},
    }


def of_campaign(connection: Connection, campaign: str) -> int:
    """How many of a campaign's broadcasts had to be corrected."""
    query = (
        select(func.count())
        .select_from(CORRECTION)
        .join(BROADCAST, BROADCAST.c.id == CORRECTION.c.broadcast_id)
        .where(BROADCAST.c.campaign_id == campaign)
    )
    return int(connection.scalar(query) or 0)
