"""An approver on leave names who decides meanwhile; the delegate decides in their place, and never about their own work."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, insert, select, update

from broadcaster.access import store as users
from broadcaster.access.user import Act, Role
from broadcaster.db.tables import Delegation as DelegationRow
from broadcaster.db.tables import table
from broadcaster.errors import Conflict, NotAllowed, NotFound, WrongUse
from broadcaster.ledger.entry import Kind, timestamp
from broadcaster.ledger.store import Transaction

DELEGATION = table(DelegationRow)
COVERS = frozenset(
    {
        Act.MESSAGE_APPROVE, Act.MESSAGE_REJECT, Act.CAMPAIGN_APPROVE, Act.CAMPAIGN_REJECT, Act.BROADCAST_APPROVE,
        Act.BROADCAST_REJECT,
    }
)  # fmt: skip
LONGEST = timedelta(days=92)  # a leave; whoever is away for longer hands the role over instead


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegation:
    """From the first moment of its first day to that after its last one, of the office's days; unless ended before."""

    id: int
    approver: str
    delegate: str
    since: datetime
    until: datetime
    granted_at: datetime
    ended_by: str = ""
    ended_at: datetime | None = None

    @property
    def last(self) -> datetime:
        """A moment of its last day."""
        return self.until - timedelta(seconds=1)


def grant(tx: Transaction, *, approver: str, delegate: str, first: date, last: date, zone: ZoneInfo) -> int:
    """`approver` is away from `first` to `last`, the office's days, both included.

    Raises: NotAllowed unless `approver` approves; NotFound for an unknown delegate; WrongUse for days that cannot be;
    Conflict when one already stands in during these days.
    """
    if not _approves(tx.connection, approver):
        raise NotAllowed(f"{approver} is no approver and has nothing to delegate.")
    account = users.find(tx.connection, delegate)
    if account is None or account.disabled:
        raise NotFound(f"There is no user {delegate!r:.40} who could stand in; choose one of the list.")
    if delegate == approver:
        raise WrongUse("Name somebody else: one cannot stand in for oneself.")
    if Role.APPROVER in account.roles:
        raise WrongUse(f"{delegate} approves anyway and needs no delegation; choose another, or leave it.")
    if last < first:
        raise WrongUse("The last day lies before the first; give both as dates.")
    if last - first >= LONGEST:
        raise WrongUse(f"At most {LONGEST.days} days at once; for longer, an admin gives the role to another person.")
    if last.year > 9000 or (until := datetime.combine(last + timedelta(days=1), time(), zone)) <= tx.now:
        raise WrongUse("These days are over; give days to come.")
    since = datetime.combine(first, time(), zone)
    if any(one.approver == approver and one.since < until and since < one.until for one in standing(tx)):
        raise Conflict("Somebody stands in during these days already; end that first.")
    values = {"approver": approver, "delegate": delegate, "since": since, "until": until, "granted_at": tx.now}
    number = int(tx.connection.execute(insert(DELEGATION).values(values)).inserted_primary_key[0])  # type: ignore[index]
    tx.record(
        Kind.DELEGATION_GRANT,
        approver,
        delegation=number,
        user=delegate,
        since=timestamp(since),
        until=timestamp(until),
    )
    return number


def end(tx: Transaction, number: int, *, by: str) -> Delegation:
    """Back early. Raises: NotFound when it is not in force or to come; NotAllowed for anybody but the two concerned."""
    found = next((one for one in standing(tx) if one.id == number), None)
    if found is None:
        raise NotFound("This delegation is over.")
    if by not in (found.approver, found.delegate):
        raise NotAllowed(f"Only {found.approver} or {found.delegate} may end this.")
    tx.connection.execute(update(DELEGATION).where(DELEGATION.c.id == number).values(ended_by=by, ended_at=tx.now))
    tx.record(Kind.DELEGATION_END, by, delegation=number, user=found.delegate)
    return found


def standing(tx: Transaction) -> list[Delegation]:
    return current(tx.connection, now=tx.now)


def current(connection: Connection, *, now: datetime) -> list[Delegation]:
    """In force, or still to come; the earliest first."""
    query = select(DELEGATION).where(DELEGATION.c.ended_at.is_(None), DELEGATION.c.until > now)
    return [_value(row) for row in connection.execute(query.order_by(DELEGATION.c.since, DELEGATION.c.id))]


def held(connection: Connection, name: str, *, now: datetime) -> list[Delegation]:
    """Those under which `name` decides at `now`: the approver must be one still."""
    query = select(DELEGATION).where(
        DELEGATION.c.delegate == name, DELEGATION.c.ended_at.is_(None), DELEGATION.c.since <= now,
        DELEGATION.c.until > now,
    )  # fmt: skip
    found = [_value(row) for row in connection.execute(query.order_by(DELEGATION.c.id))]
    return [one for one in found if _approves(connection, one.approver)]


def instead_of(connection: Connection, by: str, *, now: datetime, authors: Collection[str]) -> Delegation | None:
    """Under which delegation `by` decides about what `authors` wrote; None for whoever needs none.

    Raises: NotAllowed when only its authors asked `by` to stand in: they could not have approved it either.
    """
    account = users.find(connection, by)
    if account is None or Role.APPROVER in account.roles:
        return None
    mine = held(connection, by, now=now)
    fitting = next((one for one in mine if one.approver not in authors), None)
    if mine and fitting is None:
        raise NotAllowed(f"{by} stands in for {mine[0].approver}, who wrote this; another approver must decide.")
    return fitting


def _approves(connection: Connection, name: str) -> bool:
    account = users.find(connection, name)
    return account is not None and not account.disabled and Role.APPROVER in account.roles


def _value(row: object) -> Delegation:
    return Delegation(**{name: getattr(row, name) for name in Delegation.__slots__})
