"""The named closing of what stays unconfirmed: a person says that nobody can tell any more, and why; the ledger keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, exists, insert, select

from broadcaster.approval.store import reason_of
from broadcaster.db.tables import Broadcast, ReportClosing, Tally, table
from broadcaster.dispatch.dispatch import State
from broadcaster.errors import Conflict
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction
from broadcaster.report.figures import Figures

BROADCAST, CLOSING, TALLY = table(Broadcast), table(ReportClosing), table(Tally)
MOVING = (State.PLANNED, State.SENDING, State.RETRY_WAIT)  # open, and not for doubt


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """What was said."""

    unconfirmed: int
    reason: str
    by: str
    at: datetime


def of(connection: Connection, campaign: str) -> Closing | None:
    """The closing of a campaign's report, if there is one."""
    row = connection.execute(select(CLOSING).where(CLOSING.c.campaign_id == campaign)).one_or_none()
    if row is None:
        return None
    return Closing(unconfirmed=row.unconfirmed, reason=row.reason, by=row.by, at=row.at)


def moving() -> Any:
    """A condition on `BROADCAST`: something of it is open that is not mere doubt."""
    own = TALLY.c.broadcast_id == BROADCAST.c.id
    return exists().where(own, TALLY.c.state.in_([one.value for one in MOVING]), TALLY.c.n > 0)


def close(tx: Transaction, figures: Figures, *, by: str, reason: str) -> Closing:
    """Close what nobody can tell any more; late proof still counts. `figures`: read in this transaction.

    Raises: Conflict while anything may still be sent, when nothing is in doubt, or when it was closed before; WrongUse for a
    reason that the ledger may not keep.
    """
    said, campaign = reason_of(reason), figures.standing.campaign
    if before := of(tx.connection, campaign):
        raise Conflict(f"The report of {campaign} was closed by {before.by} on {before.at:%Y-%m-%d}: {before.reason}")
    going = sum(figures.total.states[state] for state in MOVING)
    unexpanded = select(BROADCAST.c.id).where(
        BROADCAST.c.campaign_id == campaign,
        BROADCAST.c.state.in_(("submitted", "planned", "running", "paused")),
        BROADCAST.c.expansion != "done",
    )
    if going or not figures.standing.ended or tx.connection.execute(unexpanded.limit(1)).first():
        raise Conflict(f"{campaign} is not over: something may still be sent. Close its report when it is.")
    if not figures.unconfirmed:
        raise Conflict(f"Nothing of {campaign} is in doubt; its report needs no closing.")
    row = {"unconfirmed": figures.unconfirmed, "reason": said, "by": by, "at": tx.now}
    tx.connection.execute(insert(CLOSING).values(campaign_id=campaign, **row))
    tx.record(Kind.REPORT_CLOSE, by, campaign=campaign, unconfirmed=figures.unconfirmed, reason=said)
    return Closing(unconfirmed=figures.unconfirmed, reason=said, by=by, at=tx.now)
