"""Statements about dispatches and their tallies; the caller owns the transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, func, select, text, update

from broadcaster.channel.address import mask
from broadcaster.db.prepared import Prepared
from broadcaster.db.tables import Address, Attempt, Broadcast, Dispatch, Lane, Tally, table
from broadcaster.dispatch.dispatch import OPEN, State, public_id
from broadcaster.errors import NotFound
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction

BROADCAST = table(Broadcast)
DISPATCH = table(Dispatch)
ADDRESS = table(Address)
TALLY = table(Tally)
ATTEMPT = table(Attempt)
LANE = table(Lane)
CLOSABLE = (State.PLANNED.value, State.RETRY_WAIT.value)
CHUNK = 5000  # rows one statement touches: holds SQLite's write lock about 11 ms (measured)

_COUNT = Prepared(
    text(
        "INSERT INTO tally (broadcast_id, channel, state, n) VALUES (:b, :c, :s, :n)"
        " ON CONFLICT (broadcast_id, channel, state) DO UPDATE SET n = tally.n + excluded.n"
    )
)

Deltas = Counter[tuple[int, str, str]]  # (broadcast, channel, state) -> change


def count(connection: Connection, deltas: Mapping[tuple[int, str, str], int]) -> None:
    """Move the tallies by these changes, in the transaction of the rows they count."""
    _COUNT.run_many(connection, [{"b": b, "c": c, "s": s, "n": n} for (b, c, s), n in sorted(deltas.items()) if n])


def states(connection: Connection, broadcast: int) -> dict[str, int]:
    """How many dispatches of a broadcast stand in each state; every state is there."""
    rows = connection.execute(
        select(TALLY.c.state, func.sum(TALLY.c.n)).where(TALLY.c.broadcast_id == broadcast).group_by(TALLY.c.state)
    )
    found = {row[0]: int(row[1]) for row in rows}
    return {state.value: found.get(state.value, 0) for state in State}


def open_count(connection: Connection, broadcast: int) -> int:
    return sum(n for state, n in states(connection, broadcast).items() if State(state) in OPEN)


def close(
    tx: Transaction, broadcast: int, *, state: State, reason: str, actor: str, channel: str | None = None,
    most: int | None = None,
) -> int:  # fmt: skip
    """What of the broadcast has not left becomes expired, cancelled or suppressed, at most `most` of it; how many did.

    `sending` and `unknown` are not touched: only evidence moves those.
    """
    names = [channel] if channel else channels(tx.connection, broadcast)
    rows: list[tuple[str, str, int]] = []
    for name in names:
        for was in CLOSABLE:  # one UPDATE each: its count is exact, whatever another transaction moves meanwhile
            left = None if most is None else most - sum(n for _, _, n in rows)
            if left == 0:
                break
            here = (DISPATCH.c.broadcast_id == broadcast, DISPATCH.c.channel == name, DISPATCH.c.state == was)
            statement = update(DISPATCH).where(*here).values(state=state.value, reason=reason, not_before=None)
            if left is not None:
                next_ones = select(DISPATCH.c.id).where(*here).order_by(DISPATCH.c.id).limit(left)
                statement = statement.where(DISPATCH.c.id.in_(next_ones.scalar_subquery()))
            if n := tx.connection.execute(statement).rowcount:
                rows.append((name, was, n))
    deltas: Deltas = Counter()
    for name, was, n in rows:
        deltas[broadcast, name, was] -= n
        deltas[broadcast, name, state.value] += n
    count(tx.connection, deltas)
    for name in sorted({row[0] for row in rows}):
        before = {was: n for one, was, n in rows if one == name}
        tx.record(
            Kind.DISPATCH_CLOSE, actor, b=broadcast, channel=name, state=state.value, reason=reason,
            n=sum(before.values()), **{"from": before},
        )  # fmt: skip
    return sum(row[2] for row in rows)


def channels(connection: Connection, broadcast: int) -> list[str]:
    """The channels a broadcast has dispatches on."""
    query = select(TALLY.c.channel).distinct().where(TALLY.c.broadcast_id == broadcast).order_by(TALLY.c.channel)
    return list(connection.scalars(query))


def listing(
    connection: Connection, *, broadcast: int | None = None, state: str | None = None, channel: str | None = None,
    limit: int | None = None,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Dispatches in order, in pages and constant memory; addresses are masked."""
    after, left = 0, limit
    while left is None or left > 0:
        query = (
            select(DISPATCH, ADDRESS.c.value, ADDRESS.c.kind)
            .join(ADDRESS, ADDRESS.c.id == DISPATCH.c.address_id)
            .where(DISPATCH.c.id > after)
            .order_by(DISPATCH.c.id)
            .limit(CHUNK if left is None else min(CHUNK, left))
        )
        if broadcast is not None:
            query = query.where(DISPATCH.c.broadcast_id == broadcast)
        if state:
            query = query.where(DISPATCH.c.state == state)
        if channel:
            query = query.where(DISPATCH.c.channel == channel)
        rows = connection.execute(query).all()
        for row in rows:
            yield shown(row)
        if not rows:
            return
        after = rows[-1].id
        left = None if left is None else left - len(rows)


def shown(row: Any) -> dict[str, Any]:
    """One dispatch as the command line and the API show it."""
    return {
        "id": public_id(row.id),
        "channel": row.channel,
        "state": row.state,
        "attempts": row.attempts - row.uncounted,
        "provider_id": row.provider_id or "",
        "reason": row.reason or "",
        "to_masked": mask(row.kind, row.value),
        "language": row.language,
    }


def open_by_state(connection: Connection) -> dict[str, int]:
    """How many dispatches are open, over all broadcasts, by state."""
    rows = connection.execute(
        select(TALLY.c.state, func.sum(TALLY.c.n)).where(TALLY.c.state.in_(OPEN)).group_by(TALLY.c.state)
    )
    return {row[0]: int(row[1]) for row in rows}


def lanes(connection: Connection) -> list[dict[str, Any]]:
    """Every channel account that has ever been driven, with what is open in it."""
    rows = connection.execute(
        select(TALLY.c.channel, TALLY.c.state, func.sum(TALLY.c.n))
        .where(TALLY.c.state.in_(OPEN))
        .group_by(TALLY.c.channel, TALLY.c.state)
    )
    found: dict[str, dict[str, int]] = {}
    for channel, state, n in rows:
        found.setdefault(channel, {})[state] = int(n)
    return [
        {
            "channel": lane.channel,
            **{state.value: found.get(lane.channel, {}).get(state.value, 0) for state in sorted(OPEN)},
            "paused": lane.paused,
        }
        for lane in connection.execute(select(LANE).order_by(LANE.c.channel))
    ]


def life(connection: Connection, dispatch: int) -> dict[str, Any]:
    """One dispatch with all its attempts. Raises: NotFound."""
    row = connection.execute(
        select(DISPATCH, ADDRESS.c.value, ADDRESS.c.kind)
        .join(ADDRESS, ADDRESS.c.id == DISPATCH.c.address_id)
        .where(DISPATCH.c.id == dispatch)
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no dispatch {public_id(dispatch)}; see `broadcaster dispatch list`.")
    tried = connection.execute(select(ATTEMPT).where(ATTEMPT.c.dispatch_id == dispatch).order_by(ATTEMPT.c.n))
    return {
        **shown(row),
        "broadcast": f"b-{row.broadcast_id:08d}",
        "tries": [
            {
                "n": one.n,
                "intent": one.intent_at.isoformat(),
                "result": one.result_at.isoformat() if one.result_at else "",
                "outcome": one.outcome or "",
                "code": one.code or "",
                "provider_id": one.provider_id or "",
                "parts": one.parts,
            }
            for one in tried
        ],
    }


def recount(connection: Connection) -> list[str]:
    """Where tallies and rows disagree; empty when all is well. Reads every dispatch: for `db check`, not for pages."""
    rows = connection.execute(
        select(DISPATCH.c.broadcast_id, DISPATCH.c.channel, DISPATCH.c.state, func.count()).group_by(
            DISPATCH.c.broadcast_id, DISPATCH.c.channel, DISPATCH.c.state
        )
    )
    real = {(b, c, s): n for b, c, s, n in rows}
    unexpanded = set(
        connection.scalars(select(BROADCAST.c.id).where(BROADCAST.c.state == "expired", BROADCAST.c.expansion == ""))
    )
    tallies = connection.execute(
        select(TALLY.c.broadcast_id, TALLY.c.channel, TALLY.c.state, TALLY.c.n).where(TALLY.c.n != 0)
    )
    said = {(b, c, s): n for b, c, s, n in tallies if b not in unexpanded}
    return [
        f"broadcast {key[0]} {key[1]} {key[2]}: {real.get(key, 0)} rows, tally says {said.get(key, 0)}"
        for key in sorted(real.keys() | said.keys())
        if real.get(key, 0) != said.get(key, 0)
    ]
