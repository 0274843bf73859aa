"""After a restore: whatever may have gone out since the copy was made is in doubt, and nothing is sent until two people say so.

Nothing here is resent by a timer: the attempts in doubt are marked, so that no look-up takes an absence for a proof. What
was begun after the copy is not known to it; the stop stands until two people have looked.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, insert, or_, select, text, update

from broadcaster.approval import store as approvals
from broadcaster.clock import Clock
from broadcaster.db.engine import Database
from broadcaster.db.tables import LedgerHead, Meta, table
from broadcaster.dispatch import broadcast, claim, fallback, store
from broadcaster.dispatch import stop as stops
from broadcaster.dispatch.broadcast import BROADCAST, FLOOR, Roads
from broadcaster.dispatch.claim import ATTEMPT, DISPATCH, IN_DOUBT, LANE
from broadcaster.dispatch.dispatch import State
from broadcaster.errors import BroadcasterError
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction, transaction
from broadcaster.plan.materialise import materialise
from broadcaster.schedule import store as schedules

HEAD, META = table(LedgerHead), table(Meta)
GAP = 100_000_000  # dispatch ids that are never given again: the lost days used some, and references are made of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What the copy knows, and what was made of it."""

    since: str  # when its last entry was written
    entries: int
    stop: int
    broadcasts: int  # that may have gone on since
    doubts: int  # dispatches that may have gone out since


def enter(database: Database, clock: Clock, roads: Roads, *, file: str, lost: int, reason: str, actor: str) -> Restored:
    """Put a restored database into restore mode. `lost`: entries that were signed and that it lacks, as far as known."""
    with transaction(database, clock) as tx:
        since, entries = tx.connection.execute(select(HEAD.c.last, HEAD.c.size)).one()
        why = f"restored copy of {since[:19]}Z: {reason}"
        stop = stops.set_(tx, scope="everything", subject="", reason=why[: stops.REASON_LENGTH], until=None, by=actor)
        tx.record(
            Kind.DATABASE_RESTORE, actor, file=file, since=since, entries=entries, lost=lost, stop=stop, reason=reason
        )
        for channel in tx.connection.scalars(select(LANE.c.channel)).all():
            claim.open_lane(tx, channel)
        tx.connection.execute(update(ATTEMPT).where(IN_DOUBT).values(outcome="restored"))
        _keep_ids_apart(tx)
    for number in _asked(database):
        with transaction(database, clock) as tx:
            approvals.expire(tx, kind="broadcast", name=broadcast.public_id(number))
            broadcast.lapse(tx, broadcast.lock(tx.connection, number))
    _catch_up(database, clock, roads)
    found = _affected(database, clock.now())
    doubts = sum(_doubt(database, clock, roads, number) for number in found)
    return Restored(since=since, entries=entries, stop=stop, broadcasts=len(found), doubts=doubts)


def _keep_ids_apart(tx: Transaction) -> None:
    """The lost days gave ids away that the copy does not know: ours go on far above them."""
    floor = (tx.connection.scalar(select(func.max(DISPATCH.c.id))) or 0) + GAP
    if tx.connection.dialect.name == "sqlite":
        tx.connection.execute(delete(META).where(META.c.name == FLOOR))
        tx.connection.execute(insert(META).values(name=FLOOR, value=str(floor)))
        return
    tx.connection.execute(text("SELECT setval(pg_get_serial_sequence('dispatch', 'id'), :floor)"), {"floor": floor})


def _asked(database: Database) -> list[int]:
    """Requests that waited for approval when the copy was made: somebody may have said yes since."""
    with database.reading() as connection:
        return list(connection.scalars(select(BROADCAST.c.id).where(BROADCAST.c.state == "submitted")))


def _catch_up(database: Database, clock: Clock, roads: Roads) -> None:
    """Give rows to what the calendar has said since, so that it can be in doubt."""
    with database.reading() as connection:
        campaigns = schedules.live(connection)
    for campaign in campaigns:
        with transaction(database, clock) as tx:
            document = schedules.plan(tx.connection, campaign.plan_hash)
            materialise(tx, campaign, document.campaign, roads, now=tx.now, horizon=timedelta(0))


def _affected(database: Database, now: datetime) -> list[int]:
    """Broadcasts of which something may have gone out since: begun, or due by now, or done with a chain that may go on."""
    begun = BROADCAST.c.state.in_(("running", "paused")) & (BROADCAST.c.expansion != "")
    due = BROADCAST.c.state.in_(("planned", "running", "paused")) & (BROADCAST.c.due_at <= now)
    chained = (BROADCAST.c.state == "done") & BROADCAST.c.channels.like('%", "%') & (BROADCAST.c.expires_at > now)
    with database.reading() as connection:
        query = select(BROADCAST.c.id).where(or_(begun, due, chained)).order_by(BROADCAST.c.due_at, BROADCAST.c.id)
        return list(connection.scalars(query))


def _doubt(database: Database, clock: Clock, roads: Roads, number: int) -> int:
    """All of one broadcast that had not left becomes unknown; how many dispatches."""
    with transaction(database, clock) as tx:
        row = broadcast.lock(tx.connection, number)
        if row.expansion == "" and row.state in ("planned", "paused") and not _begin(tx, row, roads):
            broadcast.expire(tx, row, roads, reason="restored")
            return 0
    while True:
        with transaction(database, clock) as tx:
            if not broadcast.expand_chunk(tx, number, roads):
                break
    while True:
        with transaction(database, clock) as tx:
            if not fallback.fall_back(tx, number, roads):
                break
    doubts = 0
    while True:
        with transaction(database, clock) as tx:
            n = _doubt_chunk(tx, number)
        if not n:
            return doubts
        doubts += n


def _begin(tx: Transaction, row: Any, roads: Roads) -> bool:
    """Whether it could be started, as it may have been since."""
    if row.started_at is not None:
        return True
    tx.connection.execute(update(BROADCAST).where(BROADCAST.c.id == row.id).values(state="planned", paused_from=""))
    try:
        held = broadcast.start(tx, broadcast.get(tx.connection, row.id), roads, actor="restore")
    except BroadcasterError:
        return False
    return not held


def _doubt_chunk(tx: Transaction, number: int) -> int:
    """The next that had not left when the copy was made: perhaps they have."""
    rows = tx.connection.execute(
        select(DISPATCH.c.id, DISPATCH.c.channel, DISPATCH.c.state, DISPATCH.c.attempts)
        .where(DISPATCH.c.broadcast_id == number, DISPATCH.c.state.in_(store.CLOSABLE))
        .order_by(DISPATCH.c.id)
        .limit(store.CHUNK)
    ).all()
    if not rows:
        return 0
    these = DISPATCH.c.id.in_([row.id for row in rows])
    waiting = (these, DISPATCH.c.state == State.RETRY_WAIT.value)
    tx.connection.execute(update(DISPATCH).where(*waiting).values(state=State.PLANNED.value, not_before=None))
    values = {
        "state": State.UNKNOWN.value,
        "reason": "may have gone out after the restored copy was made",
        "sent_at": tx.now,
    }
    tx.connection.execute(update(DISPATCH).where(these).values(values))
    moves: Counter[tuple[int, str, str]] = Counter()
    for row in rows:
        moves[number, row.channel, row.state] -= 1
        moves[number, row.channel, State.UNKNOWN.value] += 1
        tried = {"n": row.attempts} if row.attempts else {}
        tx.record(
            Kind.ATTEMPT_ORPHAN, "restore", b=number, d=row.id, ch=row.channel, out="unknown", restored=True, **tried
        )
    store.count(tx.connection, moves)
    return len(rows)


def signed_beyond(connection: Connection, sizes: list[int]) -> int:
    """How many entries were signed that this database lacks."""
    size = connection.scalar(select(HEAD.c.size)) or 0
    return max([*sizes, size]) - size
