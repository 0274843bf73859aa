"""Settling doubt by evidence: a lost answer is looked up where the provider can be asked, repeated where the target
de-duplicates by our key, and given up as `unresolved` at its deadline. Nothing is resent on a guess.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, and_, func, select, tuple_, update

from broadcaster.channel.base import Accepted, Channel, LooksUp, SendError
from broadcaster.clock import Clock
from broadcaster.db.engine import Database
from broadcaster.dispatch import correction
from broadcaster.dispatch import stop as stops
from broadcaster.dispatch.broadcast import get, lock
from broadcaster.dispatch.broadcast import public_id as broadcast_id
from broadcaster.dispatch.claim import (
    ADDRESS,
    ATTEMPT,
    BROADCAST,
    CONTACT,
    DISPATCH,
    IN_DOUBT,
    PRICE,
    REVISION,
    Due,
    first_doubt,
)
from broadcaster.dispatch.dispatch import Patience, State, public_id
from broadcaster.dispatch.lane import Signature, outgoing_for
from broadcaster.dispatch.revision import read, words
from broadcaster.dispatch.road import Road
from broadcaster.dispatch.store import CHUNK, count
from broadcaster.errors import Conflict, NotFound
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction
from broadcaster.ledger.writer import Writer

AGAIN_AFTER = timedelta(minutes=10)  # between the two looks that together prove absence (reliability-security.md 1.4)
BULK = 50_000  # dispatches two people may settle with one word: one transaction of about two seconds
PAGE = 200  # doubts read at once
REPEATS = "the target de-duplicates by our key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A dispatch in `unknown`, with its last attempt."""

    due: Due
    n: int
    counted: int
    intent_at: datetime
    looked_at: datetime | None
    in_doubt_since: datetime  # the first attempt whose answer nobody has
    row: Any  # the broadcast, with its revision's bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """Asks one channel about its doubtful dispatches."""

    channel: Channel
    road: Road
    database: Database
    writer: Writer
    clock: Clock
    signature: Signature
    patience: Patience
    deadline: timedelta  # after the intent
    timeout: float
    price: tuple[int, int] | None

    async def round(self, *, first_look_only: bool = False) -> int:
        """Look at every doubt once; returns how many were settled. With `first_look_only`, only those never looked at."""
        settled, after = 0, 0
        while True:
            with self.database.reading() as connection:
                doubts = doubtful(connection, self.channel.name, after=after)
            if not doubts:
                return settled
            for doubt in doubts:
                if not (first_look_only and doubt.looked_at):
                    settled += await self._settle(doubt)
            after = doubts[-1].due.id

    async def _settle(self, doubt: Doubt) -> bool:
        now = self.clock.now()
        if self._may_repeat(doubt, now):
            when = now + self.patience.wait(doubt.counted, 0.0)
            return await self._move(doubt, State.RETRY_WAIT, REPEATS, not_before=when)
        if isinstance(self.channel, LooksUp) and (not doubt.looked_at or now - doubt.looked_at >= AGAIN_AFTER):
            if await self._look(doubt, self.channel):
                return True
        if now - doubt.intent_at >= self.deadline:
            return await self._move(doubt, State.UNRESOLVED, "nobody could say in time")
        return False

    def _may_repeat(self, doubt: Doubt, now: datetime) -> bool:
        """The target knows our key by now, and this channel has tries left. The intent asks for the age again."""
        traits = self.road.traits
        if traits.after_silence != "repeat" or doubt.counted >= self.patience.attempts:
            return False
        since = traits.repeats_since(now)
        return since is None or doubt.in_doubt_since > since

    async def _look(self, doubt: Doubt, channel: LooksUp) -> bool:
        body = read(doubt.row.canonical or b"", doubt.row.revision_hash or "")
        said = body and words(body, traits=self.road.traits, accents=self.road.accents, language=doubt.due.language)
        if not said:
            return False
        try:
            asked = outgoing_for(doubt.due, doubt.n, said, doubt.row.expires_at, doubt.row.due_at, self.signature)
            found = await channel.find(asked, since=doubt.intent_at, timeout=self.timeout)
        except SendError:
            return False  # it could not be asked; the next round asks again
        if found is not None:
            return await self._move(doubt, State.ACCEPTED, "the provider's list has it", found=found)
        if doubt.looked_at is not None:
            return await self._move(
                doubt, State.RETRY_WAIT, "twice not in the provider's list", not_before=self.clock.now()
            )
        await self.writer.write(partial(_note_look, doubt=doubt))
        return False

    async def _move(
        self,
        doubt: Doubt,
        state: State,
        evidence: str,
        *,
        found: Accepted | None = None,
        not_before: datetime | None = None,
    ) -> bool:
        return await self.writer.write(
            partial(
                settle_doubt,
                dispatch=doubt.due.id,
                n=doubt.n,
                state=state,
                evidence=evidence,
                actor="reconciler",
                found=found,
                not_before=not_before,
                price=self.price,
            )
        )


def doubtful(connection: Connection, channel: str, *, after: int = 0, limit: int = PAGE) -> list[Doubt]:
    """The next dispatches of a channel in `unknown`, in order of id."""
    query = (
        select(
            DISPATCH.c.id, DISPATCH.c.broadcast_id, DISPATCH.c.language, DISPATCH.c.attempts, DISPATCH.c.uncounted,
            DISPATCH.c.address_id, ADDRESS.c.kind, ADDRESS.c.value, CONTACT.c.salt, ATTEMPT.c.intent_at,
            ATTEMPT.c.looked_at, first_doubt().label("since"), BROADCAST.c.revision_hash, BROADCAST.c.expires_at,
            BROADCAST.c.due_at, REVISION.c.canonical,
        )
        .join(ADDRESS, ADDRESS.c.id == DISPATCH.c.address_id)
        .outerjoin(CONTACT, CONTACT.c.id == ADDRESS.c.contact_id)
        .join(ATTEMPT, and_(ATTEMPT.c.dispatch_id == DISPATCH.c.id, ATTEMPT.c.n == DISPATCH.c.attempts, IN_DOUBT))
        .join(BROADCAST, BROADCAST.c.id == DISPATCH.c.broadcast_id)
        .join(REVISION, REVISION.c.hash == BROADCAST.c.revision_hash)
        .where(
            DISPATCH.c.channel == channel, DISPATCH.c.state == State.UNKNOWN.value, DISPATCH.c.id > after
        )
        .order_by(DISPATCH.c.id)
        .limit(limit)
    )  # fmt: skip
    return [
        Doubt(
            due=Due(
                id=row.id, broadcast=row.broadcast_id, language=row.language, attempts=row.attempts,
                uncounted=row.uncounted, address=row.address_id, kind=row.kind, to=row.value or "", salt=row.salt,
            ),
            n=row.attempts, counted=row.attempts - row.uncounted, intent_at=row.intent_at, looked_at=row.looked_at,
            in_doubt_since=row.since or row.intent_at, row=row,
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def settle_doubt(
    tx: Transaction,
    *,
    dispatch: int,
    n: int,
    state: State,
    evidence: str,
    actor: str,
    found: Accepted | None = None,
    not_before: datetime | None = None,
    price: tuple[int, int] | None = None,
) -> bool:
    """Move one dispatch out of `unknown`; False if something else has moved it meanwhile."""
    values: dict[str, Any] = {"state": state.value, "not_before": not_before, "reason": None if found else evidence}
    if found:
        values["provider_id"] = found.provider_id
    row = tx.connection.execute(
        update(DISPATCH)
        .where(DISPATCH.c.id == dispatch, DISPATCH.c.state == State.UNKNOWN.value)
        .values(**values)
        .returning(DISPATCH.c.broadcast_id, DISPATCH.c.channel)
    ).one_or_none()
    if row is None:
        return False
    count(
        tx.connection,
        {
            (row.broadcast_id, row.channel, State.UNKNOWN.value): -1,
            (row.broadcast_id, row.channel, state.value): 1,
        },
    )
    outcome: dict[str, Any] = {}
    if found:
        outcome = {"outcome": "accepted", "provider_id": found.provider_id, "parts": found.parts,
                   "price_id": price[0] if price else None}  # fmt: skip
    elif state is State.RETRY_WAIT and evidence != REPEATS:  # what is repeated stays in doubt until it is answered
        outcome = {"outcome": "not_accepted"}
    if outcome:
        where = (ATTEMPT.c.dispatch_id == dispatch, ATTEMPT.c.n == n)
        tx.connection.execute(update(ATTEMPT).where(*where).values(result_at=tx.now, **outcome))
    fields: dict[str, Any] = {"b": row.broadcast_id, "d": dispatch, "n": n, "state": state.value, "evidence": evidence}
    if found:
        fields |= {"id": found.provider_id, "parts": found.parts, "price": price[1] if price else 0}
    tx.record(Kind.ATTEMPT_RECONCILE, actor, **fields)
    return True


def _note_look(tx: Transaction, doubt: Doubt) -> None:
    where = (ATTEMPT.c.dispatch_id == doubt.due.id, ATTEMPT.c.n == doubt.n)
    tx.connection.execute(update(ATTEMPT).where(*where).values(looked_at=tx.now))


RESOLVES = {  # what two people may say of a dispatch, and from where
    "accepted": (State.UNKNOWN, State.UNRESOLVED),
    "unresolved": (State.UNKNOWN,),
    "again": (State.UNKNOWN, State.UNRESOLVED),
}


def check_resolvable(connection: Connection, dispatch: int, what: str, *, now: datetime) -> State:
    """The state it is in. Raises: NotFound; Conflict unless `what` can be said of it, or when it is too late to send again."""
    found = connection.execute(
        select(
            DISPATCH.c.state,
            BROADCAST.c.expires_at,
            BROADCAST.c.state.label("of_broadcast"),
            BROADCAST.c.id.label("of_broadcast_id"),
        )
        .join(BROADCAST, BROADCAST.c.id == DISPATCH.c.broadcast_id)
        .where(DISPATCH.c.id == dispatch)
    ).one_or_none()
    if found is None:
        raise NotFound(f"There is no dispatch {public_id(dispatch)}; see `broadcaster dispatch list --state unknown`.")
    if State(found.state) not in RESOLVES[what]:
        raise Conflict(f"{public_id(dispatch)} is {found.state}; only a doubtful dispatch is resolved.")
    if what == "again" and (now >= found.expires_at or found.of_broadcast not in ("running", "done")):
        raise Conflict(f"The time of {public_id(dispatch)} has passed; ask for a new broadcast: `broadcaster send`.")
    if what == "again" and correction.of(connection, found.of_broadcast_id) is not None:
        raise Conflict(f"The text of {public_id(dispatch)} is known to be wrong; its correction goes out instead.")
    return State(found.state)


def resolve(
    tx: Transaction, dispatch: int, what: str, *, reason: str, asked_by: str, signed_by: str, parts: int = 0
) -> None:
    """Two people have said it: move the dispatch. `again` makes it planned; its next attempt has a reference of its own.

    `parts`: what was billed of an accepted one, at the price in force when it was tried.
    """
    stops.own_lock(tx.connection)
    found = tx.connection.scalar(select(DISPATCH.c.broadcast_id).where(DISPATCH.c.id == dispatch))
    if found is not None:
        lock(tx.connection, found)  # first of all: whoever would end the broadcast meanwhile waits
    before = check_resolvable(tx.connection, dispatch, what, now=tx.now)
    after = State.PLANNED if what == "again" else State(what)
    steps = [State.UNRESOLVED, State.PLANNED] if (before, after) == (State.UNKNOWN, State.PLANNED) else [after]
    for state in steps:
        row = tx.connection.execute(
            update(DISPATCH)
            .where(DISPATCH.c.id == dispatch)
            .values(state=state.value, reason=reason, not_before=None)
            .returning(DISPATCH.c.broadcast_id, DISPATCH.c.channel, DISPATCH.c.attempts)
        ).one()
        count(
            tx.connection,
            {(row.broadcast_id, row.channel, before.value): -1, (row.broadcast_id, row.channel, state.value): 1},
        )
        before = state
    if after is State.PLANNED:
        doubts = (ATTEMPT.c.dispatch_id == dispatch, IN_DOUBT)
        tx.connection.execute(update(ATTEMPT).where(*doubts).values(outcome="overruled"))
        again = (BROADCAST.c.id == row.broadcast_id, BROADCAST.c.state == "done")
        tx.connection.execute(update(BROADCAST).where(*again).values(state="running", ended_at=None))
    if after is State.ACCEPTED and parts:
        _bill(tx, [DISPATCH.c.id == dispatch], row.channel, parts)
    cost = _cost_of(tx, dispatch, row.attempts) if after is State.ACCEPTED else {}
    kind = Kind.DISPATCH_RESEND if what == "again" else Kind.DISPATCH_RESOLVE
    tx.record(
        kind, signed_by, b=row.broadcast_id, d=dispatch, state=after.value, reason=reason, asked_by=asked_by,
        signed_by=signed_by, **_tried(row.attempts), **cost,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubts:
    """The doubtful dispatches of one broadcast in one state, as two people look at them."""

    broadcast: int
    state: State
    n: int
    digest: str  # of their ids: both people must mean the same ones
    kinds: tuple[tuple[str, str], ...]  # channels and languages among them


def doubts_of(connection: Connection, broadcast: int, state: State, what: str, *, now: datetime) -> Doubts:
    """All of a broadcast's dispatches in a state. Raises: NotFound; Conflict if none is, if too many are, or too late."""
    row = get(connection, broadcast)
    if state not in RESOLVES[what]:
        raise Conflict(f"Of dispatches that are {state} nobody can say {what!r}; only doubtful ones are resolved.")
    if what == "again" and (now >= row.expires_at or row.state not in ("running", "done")):
        raise Conflict("Its time has passed; ask for a new broadcast: `broadcaster send`.")
    if what == "again" and correction.of(connection, broadcast) is not None:
        raise Conflict("Its text is known to be wrong; the correction goes out instead.")
    digest, kinds, n = sha256(), set(), 0
    query = (
        select(DISPATCH.c.id, DISPATCH.c.channel, DISPATCH.c.language)
        .where(DISPATCH.c.broadcast_id == broadcast, DISPATCH.c.state == state.value)
        .order_by(DISPATCH.c.id)
        .limit(BULK + 1)
    )
    for number, channel, language in connection.execute(query):
        digest.update(b"%d," % number)
        kinds.add((channel, language))
        n += 1
    if not n:
        raise Conflict(f"No dispatch of {broadcast_id(broadcast)} is {state}.")
    if n > BULK:
        raise Conflict(f"More than {BULK} dispatches of it are {state}: that is a matter for the provider's own list.")
    return Doubts(
        broadcast=broadcast, state=state, n=n, digest=digest.hexdigest()[:32], kinds=tuple(sorted(kinds))
    )  # fmt: skip


def resolve_all(
    tx: Transaction, doubts: Doubts, what: str, *, reason: str, asked_by: str, signed_by: str,
    parts: Mapping[tuple[str, str], int],
) -> None:  # fmt: skip
    """Two people have said it of all of them. `parts`: billed units of accepted ones, by channel and language."""
    here = (DISPATCH.c.broadcast_id == doubts.broadcast, DISPATCH.c.state == doubts.state.value)
    after = State.PLANNED if what == "again" else State(what)
    rows = tx.connection.execute(
        select(DISPATCH.c.id, DISPATCH.c.channel, DISPATCH.c.language, DISPATCH.c.attempts)
        .where(*here)
        .order_by(DISPATCH.c.id)
    ).all()
    if after is State.ACCEPTED:
        for (channel, language), n in parts.items():
            _bill(tx, [*here, DISPATCH.c.channel == channel, DISPATCH.c.language == language], channel, n)
    steps = [State.UNRESOLVED, State.PLANNED] if (doubts.state, after) == (State.UNKNOWN, State.PLANNED) else [after]
    for first in range(0, len(rows), CHUNK):
        some = DISPATCH.c.id.in_([row.id for row in rows[first : first + CHUNK]])
        for step in steps:
            tx.connection.execute(update(DISPATCH).where(some).values(state=step.value, reason=reason, not_before=None))
    moved = Counter((doubts.broadcast, row.channel, doubts.state.value) for row in rows)
    count(
        tx.connection, {key: -n for key, n in moved.items()} | {(*key[:2], after.value): n for key, n in moved.items()}
    )
    if after is State.PLANNED:
        ours = select(DISPATCH.c.id).where(
            DISPATCH.c.broadcast_id == doubts.broadcast, DISPATCH.c.state == State.PLANNED.value
        )
        told = (ATTEMPT.c.dispatch_id.in_(ours), IN_DOUBT)
        tx.connection.execute(update(ATTEMPT).where(*told).values(outcome="overruled"))
        again = (BROADCAST.c.id == doubts.broadcast, BROADCAST.c.state == "done")
        tx.connection.execute(update(BROADCAST).where(*again).values(state="running", ended_at=None))
    for row in rows:
        cost = _cost_of(tx, row.id, row.attempts) if after is State.ACCEPTED else {}
        tx.record(
            Kind.DISPATCH_RESEND if what == "again" else Kind.DISPATCH_RESOLVE, signed_by, b=doubts.broadcast, d=row.id,
            state=after.value, reason=reason, asked_by=asked_by, signed_by=signed_by, **_tried(row.attempts), **cost,
        )  # fmt: skip


def _tried(n: int) -> dict[str, int]:
    """The number of the last attempt, if there was one: after a restore a dispatch may be in doubt without."""
    return {"n": n} if n else {}


def _bill(tx: Transaction, which: list[Any], channel: str, parts: int) -> None:
    """Write down what the last attempts of these cost, at the price in force when each was tried."""
    in_force = (
        select(func.max(PRICE.c.id))
        .where(PRICE.c.channel == channel, PRICE.c.since <= ATTEMPT.c.intent_at)
        .correlate(ATTEMPT)
        .scalar_subquery()
    )
    last = select(DISPATCH.c.id, DISPATCH.c.attempts).where(*which)
    tx.connection.execute(
        update(ATTEMPT)
        .where(tuple_(ATTEMPT.c.dispatch_id, ATTEMPT.c.n).in_(last))
        .values(outcome="accepted", parts=parts, price_id=in_force)
    )


def _cost_of(tx: Transaction, dispatch: int, n: int) -> dict[str, int]:
    found = tx.connection.execute(
        select(ATTEMPT.c.parts, PRICE.c.amount)
        .outerjoin(PRICE, PRICE.c.id == ATTEMPT.c.price_id)
        .where(ATTEMPT.c.dispatch_id == dispatch, ATTEMPT.c.n == n)
    ).one_or_none()
    return {"parts": int(found.parts), "price": int(found.amount or 0)} if found and found.parts else {}
