"""The next channel of a chain, for those whom the one before definitely did not reach; never for a doubt.

A follower carries the id of the dispatch whose place it takes, once: a unique index holds that. The sum grows by it, in
sight: both stand in the report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, and_, exists, func, insert, or_, select, text, update

from broadcaster.dispatch import broadcast as house
from broadcaster.dispatch import correction, store
from broadcaster.dispatch.broadcast import ADDRESS, BROADCAST, COLUMNS, CONTACT, DISPATCH, EXPANDED, TALLY, Roads
from broadcaster.dispatch.correction import CORRECTION
from broadcaster.dispatch.dispatch import COUNTED, State
from broadcaster.dispatch.revision import RevisionBody
from broadcaster.dispatch.road import Road
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction

# The words of the partial index: a database finds it only by them.
FELL = text("dispatch.state IN ('failed', 'undelivered', 'suppressed')")
FELL_STATES = (State.FAILED, State.UNDELIVERED, State.SUPPRESSED)
# Why a suppressed one may be tried elsewhere. Not: no consent, the cap, erasure; those hold for the person, not the channel.
OF_THE_CHANNEL = ("opted_out", "no_form")
SURE = (State.FAILED.value, State.UNDELIVERED.value, State.SUPPRESSED.value)


def chained(connection: Connection, now: Any) -> dict[int, int]:
    """Broadcasts with a chain, in their time, and how many of their dispatches definitely did not arrive."""
    fell = (
        select(func.coalesce(func.sum(TALLY.c.n), 0))
        .where(TALLY.c.broadcast_id == BROADCAST.c.id, TALLY.c.state.in_(FELL_STATES))
        .scalar_subquery()
    )
    query = select(BROADCAST.c.id, fell).where(
        BROADCAST.c.state.in_(("running", "done")), BROADCAST.c.expires_at > now, BROADCAST.c.expansion == EXPANDED,
        BROADCAST.c.ending == "", BROADCAST.c.channels.like('%", "%'),
        BROADCAST.c.id.not_in(select(CORRECTION.c.broadcast_id)),
    )  # fmt: skip
    return {int(number): int(n) for number, n in connection.execute(query)}


def fall_back(tx: Transaction, broadcast: int, roads: Roads) -> int:
    """Give the next at most `CHUNK` of those that were not reached a dispatch on their next channel; how many got one."""
    row = house.lock(tx.connection, broadcast)
    if row.state not in ("running", "done") or row.ending or row.expansion != EXPANDED or tx.now >= row.expires_at:
        return 0
    if correction.of(tx.connection, broadcast) is not None:
        return 0  # its text is known to be wrong
    body = house.body_of(tx.connection, row)
    made = 0
    for chain in house.chains(row) if body else ():
        for at, name in enumerate(chain[:-1]):
            later = [roads[one] for one in chain[at + 1 :] if one in roads]
            if body and later and name in roads and roads[name].traits.unit != "public":
                made += _follow(tx, row, body, roads[name], later)
    if made:
        values = {"planned": BROADCAST.c.planned + made, "state": "running", "ended_at": None}
        tx.connection.execute(update(BROADCAST).where(BROADCAST.c.id == row.id).values(values))
    return made


def _follow(tx: Transaction, row: Any, body: RevisionBody, road: Road, later: Sequence[Road]) -> int:
    """Those of one channel that were not reached, each on the first later channel the person has an address for."""
    fell = _fell(tx, row, road, [one.traits.address for one in later])
    passed: list[str] = []
    made = 0
    for following in later:
        if not fell:
            break
        made += _insert(tx, row, body, road, following, fell, passed)
        passed.append(following.traits.address)
    return made


def _fell(tx: Transaction, row: Any, road: Road, kinds: list[str]) -> list[int]:
    """Ids of dispatches that definitely did not arrive, or of whom nothing was heard in time, and may be followed."""
    mine = (DISPATCH.c.broadcast_id == row.id, DISPATCH.c.channel == road.channel)
    definite = or_(
        DISPATCH.c.state.in_((State.FAILED.value, State.UNDELIVERED.value)),
        and_(DISPATCH.c.state == State.SUPPRESSED.value, DISPATCH.c.reason.in_(OF_THE_CHANNEL)),
    )
    found = _unfollowed(tx.connection, [*mine, FELL, definite], kinds)
    if not found and row.fallback_after and road.traits.receipts != "none":
        silent = DISPATCH.c.sent_at <= tx.now - timedelta(seconds=row.fallback_after)
        found = _unfollowed(tx.connection, [*mine, DISPATCH.c.state == State.ACCEPTED.value, silent], kinds)
    return found


def _unfollowed(connection: Connection, which: list[Any], kinds: list[str]) -> list[int]:
    follower = DISPATCH.alias("follower")
    query = (
        select(DISPATCH.c.id)
        .join(ADDRESS, ADDRESS.c.id == DISPATCH.c.address_id)
        .join(CONTACT, CONTACT.c.id == ADDRESS.c.contact_id)
        .where(*which, ~exists().where(follower.c.fallback_of == DISPATCH.c.id), house.has_address(kinds))
        .order_by(DISPATCH.c.id)
        .limit(store.CHUNK)
    )
    return list(connection.scalars(query))


def _insert(
    tx: Transaction, row: Any, body: RevisionBody, road: Road, following: Road, fell: list[int], passed: list[str]
) -> int:
    before, its_address = DISPATCH.alias("before"), ADDRESS.alias("its_address")
    people = before.join(its_address, its_address.c.id == before.c.address_id).join(
        CONTACT, CONTACT.c.id == its_address.c.contact_id
    )
    follower, same = DISPATCH.alias("follower"), DISPATCH.alias("same")
    chosen = house.reached(row, following, body, people, before.c.id).where(
        before.c.id.in_(fell),
        ~exists().where(follower.c.fallback_of == before.c.id),
        ~exists().where(
            same.c.broadcast_id == row.id, same.c.channel == following.channel, same.c.address_id == ADDRESS.c.id
        ),
    )
    if passed:
        chosen = chosen.where(~house.has_address(passed))
    newest = house.newest_id(tx.connection)
    born = Counter(
        tx.connection.scalars(
            insert(DISPATCH)
            .from_select([*COLUMNS, "fallback_of"], chosen.order_by(before.c.id))
            .returning(DISPATCH.c.state)
        )
    )
    house.keep_apart(tx, newest)
    store.count(tx.connection, {(row.id, following.channel, state): n for state, n in born.items()})
    if born:
        tx.record(
            Kind.BROADCAST_FALLBACK, "scheduler", b=row.id, channel=following.channel, instead_of=road.channel,
            n=born.total(), states=dict(born),
        )  # fmt: skip
    return born.total()


def goes_on(tx: Transaction, row: Any, roads: Roads) -> bool:
    """Whether somebody of it is given to the next channel now, or may still be when a receipt does not come."""
    if tx.now >= row.expires_at:
        return False
    return fall_back(tx, row.id, roads) > 0 or (row.fallback_after > 0 and _awaits(tx, row, roads))


def _awaits(tx: Transaction, row: Any, roads: Roads) -> bool:
    """Whether a receipt is still waited for, of a dispatch that would be followed without one."""
    names = [
        name for chain in house.chains(row) for name in chain[:-1]
        if name in roads and roads[name].traits.receipts != "none"
    ]  # fmt: skip
    recent = DISPATCH.c.sent_at > tx.now - timedelta(seconds=row.fallback_after)
    mine = (DISPATCH.c.broadcast_id == row.id, DISPATCH.c.channel.in_(names), DISPATCH.c.state == State.ACCEPTED.value)
    return tx.connection.execute(select(DISPATCH.c.id).where(*mine, recent).limit(1)).first() is not None


def possibly_both(connection: Connection, *which: Any) -> int:
    """How many people may have got a broadcast over two channels of a chain: no receipt came, and the next was used.

    `which`: conditions on `BROADCAST`.
    """
    before = DISPATCH.alias("before")
    query = (
        select(func.count())
        .select_from(DISPATCH)
        .join(before, before.c.id == DISPATCH.c.fallback_of)
        .where(  # `>= 0` and `exists`, so that the index of fallbacks is read, and not every dispatch of a campaign
            DISPATCH.c.fallback_of >= 0, before.c.state.not_in(SURE),
            DISPATCH.c.state.in_([state.value for state in COUNTED if state is not State.UNDELIVERED]),
            exists().where(BROADCAST.c.id == DISPATCH.c.broadcast_id, *which),
        )
    )  # fmt: skip
    return int(connection.scalar(query) or 0)
