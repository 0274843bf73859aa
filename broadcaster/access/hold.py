"""Legal holds: of a campaign under one nothing personal is erased. One person sets it, two lift it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, insert, select, update

from broadcaster.db.tables import Hold, table
from broadcaster.errors import Conflict, NotFound
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction

HOLD = table(Hold)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A hold in force."""

    campaign: str
    reason: str
    set_by: str
    set_at: datetime


def held() -> Select[tuple[str]]:
    """The campaigns under a hold, for an IN."""
    return select(HOLD.c.campaign_id).where(HOLD.c.lifted_at.is_(None))


def standing(connection: Connection) -> list[Standing]:
    """The holds in force, the oldest first."""
    rows = connection.execute(select(HOLD).where(HOLD.c.lifted_at.is_(None)).order_by(HOLD.c.id))
    return [Standing(campaign=row.campaign_id, reason=row.reason, set_by=row.set_by, set_at=row.set_at) for row in rows]


def set_(tx: Transaction, campaign: str, *, reason: str, by: str) -> None:
    """`reason`: fit for the ledger. Raises: Conflict if the campaign is under a hold already."""
    refuse(tx.connection, campaign, doing="It is under a hold already")
    tx.connection.execute(insert(HOLD).values(campaign_id=campaign, reason=reason, set_by=by, set_at=tx.now))
    tx.record(Kind.HOLD_SET, by, campaign=campaign, reason=reason)


def lift(tx: Transaction, campaign: str, *, asked_by: str, signed_by: str) -> None:
    """Raises: NotFound without a hold."""
    known(tx.connection, campaign)
    open_ = update(HOLD).where(HOLD.c.campaign_id == campaign, HOLD.c.lifted_at.is_(None))
    tx.connection.execute(open_.values(lifted_by=signed_by, lifted_at=tx.now))
    tx.record(Kind.HOLD_LIFT, signed_by, campaign=campaign, asked_by=asked_by, signed_by=signed_by)


def known(connection: Connection, campaign: str) -> None:
    """Raises: NotFound for a campaign that is under no hold."""
    if campaign not in {one.campaign for one in standing(connection)}:
        raise NotFound(f"{campaign} is under no hold; `broadcaster hold list` shows which are.")


def refuse(connection: Connection, *campaigns: str, doing: str) -> None:
    """Raises: Conflict if one of the campaigns is under a hold."""
    found = connection.execute(held().where(HOLD.c.campaign_id.in_(campaigns)).limit(1)).scalar()
    if found is not None:
        raise Conflict(f"{doing}: the campaign {found} is kept whole by a legal hold. See `broadcaster hold list`.")
