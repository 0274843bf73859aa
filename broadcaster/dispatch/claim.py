"""The sender's two transactions, intent and result, and what surrounds them. Everything set-based, on both databases.

The intent's transaction asks every question again: epoch, pause, stop, approval, bytes, facts, window, hours, suppression,
cap. What it lets through stands as `sending`, with an attempt row and a ledger entry, before any request leaves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    String,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    null,
    or_,
    select,
    update,
)

from broadcaster.channel.address import commitment
from broadcaster.db.prepared import Given, Prepared, PreparedRows, among, ids, insert_rows
from broadcaster.db.tables import (
    EPOCH,
    Address,
    Approval,
    Attempt,
    Broadcast,
    Contact,
    Dispatch,
    Fact,
    Lane,
    PriceRow,
    Revision,
    RevisionFact,
    Suppression,
    Tally,
    table,
    to_micros,
)
from broadcaster.dispatch import stop as stops
from broadcaster.dispatch.dispatch import COUNTED, Settled, State
from broadcaster.dispatch.guard import Ground, Hold, verdict
from broadcaster.dispatch.revision import RevisionBody, Words, read, words
from broadcaster.dispatch.road import Road
from broadcaster.dispatch.store import Deltas, count
from broadcaster.errors import WrongUse
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction

ADDRESS, APPROVAL, ATTEMPT, BROADCAST = table(Address), table(Approval), table(Attempt), table(Broadcast)
CONTACT, DISPATCH, FACT, LANE = table(Contact), table(Dispatch), table(Fact), table(Lane)
PRICE, REVISION, REVISION_FACT = table(PriceRow), table(Revision), table(RevisionFact)
SUPPRESSION, TALLY = table(Suppression), table(Tally)

DAY = timedelta(hours=24)
SENDER = "sender"


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A planned dispatch as read into the lane's window; everything is asked again at the intent."""

    id: int
    broadcast: int
    language: str
    attempts: int
    uncounted: int
    address: int
    kind: str
    to: str
    salt: bytes | None


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """A dispatch whose intent is on disk: it has a request to make, now."""

    due: Due
    n: int  # number of this attempt
    counted: int  # tries so far that count, this one included
    words: Words
    expires_at: datetime
    published_at: datetime
    urgent: bool = False  # of a schedule with priority


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an intent. `settled` None: the request never began; it is certainly not sent."""

    due: Due
    n: int
    settled: Settled | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What tells that a stop was set, lifted or has ended, or the lane was paused, since."""

    stops: tuple[int, ...] = ()  # ids of those in force
    paused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What the intent's transaction let through, and which broadcasts it holds."""

    intents: list[Intent]
    held: dict[int, Hold]  # by broadcast
    seen: Seen  # the stops and the pause it was decided under
    closed: int = 0  # suppressed now
    lane: str = ""  # why the lane itself may not send: "epoch" (another worker has it) or the pause's reason


# -- the lane ---------------------------------------------------------------------------------------------------------


def open_lane(tx: Transaction, channel: str) -> int:
    """Raise the lane's epoch and settle what a dead sender left: its `sending` becomes `unknown`. Returns the epoch."""
    found = tx.connection.scalar(select(LANE.c.epoch).where(LANE.c.channel == channel).with_for_update())
    if found is None:
        tx.connection.execute(insert(LANE).values(channel=channel, epoch=1, paused=""))
    epoch = (found or 0) + 1
    tx.connection.execute(update(LANE).where(LANE.c.channel == channel).values(epoch=epoch))
    # In one statement: whoever lost this lane may be writing its last answers at the same time.
    orphans = tx.connection.execute(
        update(DISPATCH)
        .where(DISPATCH.c.channel == channel, DISPATCH.c.state == State.SENDING.value)
        .values(state=State.UNKNOWN.value, reason="the sender stopped before the answer was written")
        .returning(DISPATCH.c.id, DISPATCH.c.broadcast_id, DISPATCH.c.attempts)
    ).all()
    if orphans:
        tx.connection.execute(
            update(ATTEMPT)
            .where(ATTEMPT.c.dispatch_id == bindparam("d"), ATTEMPT.c.n == bindparam("number"))
            .values(outcome="orphan", result_at=tx.now),
            [{"d": row.id, "number": row.attempts} for row in orphans],
        )
        deltas: Deltas = Counter()
        for row in orphans:
            _shift(deltas, row.broadcast_id, channel, State.SENDING, State.UNKNOWN)
            tx.record(Kind.ATTEMPT_ORPHAN, SENDER, b=row.broadcast_id, d=row.id, n=row.attempts, out="unknown")
        count(tx.connection, deltas)
    return epoch


def pause_lane(tx: Transaction, channel: str, why: str) -> None:
    """Nothing more leaves by this channel until a person resumes it."""
    done = tx.connection.execute(
        update(LANE).where(LANE.c.channel == channel, LANE.c.paused == "").values(paused=why, paused_at=tx.now)
    )
    if done.rowcount:
        tx.record(Kind.LANE_PAUSE, SENDER, ch=channel, why=why)


def resume_lane(tx: Transaction, channel: str, *, by: str) -> bool:
    """True if it was paused."""
    done = tx.connection.execute(
        update(LANE).where(LANE.c.channel == channel, LANE.c.paused != "").values(paused="", paused_at=None)
    )
    if done.rowcount:
        tx.record(Kind.LANE_RESUME, by, ch=channel)
    return bool(done.rowcount)


# -- the window -------------------------------------------------------------------------------------------------------


def ready_broadcasts(connection: Connection, channel: str) -> list[int]:
    """Running broadcasts with something planned on this channel: priority first, then by their time."""
    query = (
        select(BROADCAST.c.id)
        .join(TALLY, and_(TALLY.c.broadcast_id == BROADCAST.c.id, TALLY.c.channel == channel))
        .where(BROADCAST.c.state == "running", TALLY.c.state == State.PLANNED.value, TALLY.c.n > 0)
        .order_by(BROADCAST.c.priority.desc(), BROADCAST.c.due_at, BROADCAST.c.id)
    )
    return list(connection.scalars(query))


def window(connection: Connection, channel: str, broadcast: int, *, after: int, limit: int) -> list[Due]:
    """The next planned dispatches of a broadcast on this channel, in order of id."""
    query = (
        select(
            DISPATCH.c.id, DISPATCH.c.language, DISPATCH.c.attempts, DISPATCH.c.uncounted, DISPATCH.c.address_id,
            ADDRESS.c.kind, ADDRESS.c.value, CONTACT.c.salt,
        )
        .join(ADDRESS, ADDRESS.c.id == DISPATCH.c.address_id)
        .outerjoin(CONTACT, CONTACT.c.id == ADDRESS.c.contact_id)
        .where(
            DISPATCH.c.channel == channel,
            DISPATCH.c.broadcast_id == broadcast,
            DISPATCH.c.state == State.PLANNED.value,
            DISPATCH.c.id > after,
        )
        .order_by(DISPATCH.c.id)
        .limit(limit)
    )  # fmt: skip
    return [
        Due(id=i, broadcast=broadcast, language=language, attempts=attempts, uncounted=uncounted, address=address,
            kind=kind, to=value or "", salt=salt)
        for i, language, attempts, uncounted, address, kind, value, salt in connection.execute(query)
    ]  # fmt: skip


def next_retry(connection: Connection, channel: str) -> datetime | None:
    """When the next waiting dispatch of this channel may be tried again."""
    found: datetime | None = connection.scalar(
        select(func.min(DISPATCH.c.not_before)).where(
            DISPATCH.c.channel == channel, DISPATCH.c.state == State.RETRY_WAIT.value
        )
    )
    return found


def wake(tx: Transaction, channel: str) -> int:
    """Waiting dispatches whose time has come are planned again; returns how many."""
    ripe = and_(
        DISPATCH.c.channel == channel, DISPATCH.c.state == State.RETRY_WAIT.value, DISPATCH.c.not_before <= tx.now
    )
    rows = tx.connection.execute(
        update(DISPATCH).where(ripe).values(state=State.PLANNED.value).returning(DISPATCH.c.broadcast_id)
    ).all()
    deltas: Deltas = Counter()
    for (broadcast,) in rows:
        _shift(deltas, broadcast, channel, State.RETRY_WAIT, State.PLANNED)
    count(tx.connection, deltas)
    return len(rows)


def bring_forward(tx: Transaction, channel: str, by: timedelta) -> None:
    """The wall clock was set back: retries of this channel wait no longer for that."""
    waiting = and_(DISPATCH.c.channel == channel, DISPATCH.c.state == State.RETRY_WAIT.value)
    earlier: Any = literal_column("not_before") - bindparam("by", to_micros(EPOCH + by), type_=BigInteger)
    tx.connection.execute(update(DISPATCH).where(waiting).values(not_before=earlier))


# -- the intent -------------------------------------------------------------------------------------------------------


def intend(
    tx: Transaction,
    road: Road,
    epoch: int,
    batch: Sequence[Due],
    *,
    refresh: Callable[[Transaction], None] = lambda _tx: None,
) -> Batch:
    """Record the intents of those in the batch that may leave now; the rest keep their state, or are suppressed.

    `refresh` brings the facts table up to the facts file, first of all. Durable when the transaction is.
    """
    stops.share_lock(tx.connection)
    held_by, paused = _LANE.one(tx.connection, channel=road.channel) or (0, "")
    standing = stops.standing(tx.connection, tx.now)
    seen = _seen(standing, paused)
    if held_by != epoch or paused:
        return Batch(intents=[], held={}, seen=seen, lane="epoch" if held_by != epoch else paused)
    refresh(tx)
    grounds = {b: _ground(tx, b, road, standing) for b in dict.fromkeys(due.broadcast for due in batch)}
    held = {b: hold for b, (_, _, hold) in grounds.items() if hold}
    for row, _, hold in grounds.values():
        _note(tx, row, hold)
    candidates = [due for due in batch if due.broadcast not in held]
    said = _said(candidates, road, grounds)
    stopped = stops.areas(standing)
    allowed, communes, closed = _allowed(tx, road, candidates, grounds, said, stopped)
    # While an area is stopped each intent says its own, so that an auditor sees that none was in it.
    intents = _record(tx, road, epoch, allowed, grounds, said, communes if stopped else None)
    return Batch(intents=intents, held=held, seen=seen, closed=closed)


def look(connection: Connection, channel: str, now: datetime) -> Seen:
    """What an intent at this moment would be decided under."""
    paused = connection.scalar(select(LANE.c.paused).where(LANE.c.channel == channel))
    return _seen(stops.standing(connection, now), paused or "")


def _seen(standing: list[stops.Standing], paused: str) -> Seen:
    return Seen(stops=tuple(stop.id for stop in standing), paused=paused)


# Built once: the lane asks these questions for every batch.
_LANE = Prepared(select(LANE.c.epoch, LANE.c.paused).where(LANE.c.channel == bindparam("channel")))


def _newest(kind: Any, subject: Any) -> Any:
    """State of the newest approval of exactly this subject, as it stands by now; what only waits, or was refused, is none."""
    one = APPROVAL.alias()
    given = (one.c.decided_at.is_not(None), one.c.state != "rejected")
    mine = (one.c.kind == kind, one.c.subject == subject)
    return select(one.c.state).where(*mine, *given).order_by(one.c.id.desc()).limit(1)


def _taken_back(message: Any, revision: Any) -> Any:
    """Whether the message was withdrawn after the last approval of this revision: a later text of it was in force by then."""
    mine, later = APPROVAL.alias(), APPROVAL.alias()
    last = (
        select(func.max(mine.c.id))
        .where(mine.c.kind == "revision", mine.c.subject == revision, mine.c.decided_at.is_not(None))
        .where(mine.c.state != "rejected")
        .correlate(
            BROADCAST
        )  # by itself it looks no further than the query just around it: any broadcast's text would do
        .scalar_subquery()
    )
    return exists().where(
        later.c.kind == "revision", later.c.name == message, later.c.state == "withdrawn",
        later.c.decided_at.is_not(None), later.c.id > last,
    )  # fmt: skip


_QUOTED = REVISION_FACT.outerjoin(FACT, FACT.c.name == REVISION_FACT.c.fact)
_QUOTES = REVISION_FACT.c.revision_hash == BROADCAST.c.revision_hash
_GROUND = Prepared(
    select(
        BROADCAST,
        REVISION.c.canonical,
        REVISION.c.valid_from,
        REVISION.c.valid_until,
        _newest(BROADCAST.c.authority_kind, BROADCAST.c.authority).scalar_subquery().label("authority_state"),
        _newest("revision", BROADCAST.c.revision_hash).scalar_subquery().label("revision_state"),
        _taken_back(BROADCAST.c.message_id, BROADCAST.c.revision_hash).label("taken_back"),
        exists()
        .select_from(_QUOTED)
        .where(_QUOTES, or_(FACT.c.name.is_(None), FACT.c.digest != REVISION_FACT.c.digest))
        .label("outdated"),
        select(func.min(FACT.c.verify_by)).select_from(_QUOTED).where(_QUOTES).scalar_subquery().label("verify_by"),
    )
    .outerjoin(REVISION, REVISION.c.hash == BROADCAST.c.revision_hash)
    .where(BROADCAST.c.id == bindparam("b"))
)
_ASKED = PreparedRows(
    select(DISPATCH.c.id, ADDRESS.c.value.is_(None), SUPPRESSION.c.key.is_not(None), CONTACT.c.commune)
    .join(ADDRESS, ADDRESS.c.id == DISPATCH.c.address_id)
    .outerjoin(CONTACT, CONTACT.c.id == ADDRESS.c.contact_id)
    .outerjoin(SUPPRESSION, SUPPRESSION.c.key == ADDRESS.c.key)
    .where(among(DISPATCH.c.id), DISPATCH.c.state == State.PLANNED.value)
    .with_for_update(of=DISPATCH)
)
_HAD = PreparedRows(
    select(DISPATCH.c.address_id, func.count())
    .where(
        among(DISPATCH.c.address_id),
        DISPATCH.c.sent_at > bindparam("since", type_=BigInteger),
        or_(*(DISPATCH.c.state == state.value for state in COUNTED)),
    )
    .group_by(DISPATCH.c.address_id)
)
_LEAVE = Prepared(
    update(DISPATCH)
    .where(among(DISPATCH.c.id))
    .values(
        state=State.SENDING.value,
        attempts=DISPATCH.c.attempts + 1,
        sent_at=bindparam("at", type_=BigInteger),
        reason=null(),
        not_before=null(),
    )
)
IN_DOUBT = or_(ATTEMPT.c.outcome.is_(None), ATTEMPT.c.outcome.in_(("unknown", "orphan")))


def first_doubt() -> Any:
    """When the first attempt of a dispatch was intended whose answer nobody has; NULL if there is none."""
    one = select(func.min(ATTEMPT.c.intent_at)).where(ATTEMPT.c.dispatch_id == DISPATCH.c.id, IN_DOUBT)
    return one.correlate(DISPATCH).scalar_subquery()


_NOW_IN = PreparedRows(
    select(DISPATCH.c.id, DISPATCH.c.state, DISPATCH.c.attempts).where(among(DISPATCH.c.id)).with_for_update()
)

_Grounds = dict[int, tuple[Any, RevisionBody | None, Hold | None]]
_Said = dict[tuple[int, str], Words | None]  # by broadcast and language


def _ground(
    tx: Transaction, broadcast: int, road: Road, standing: list[stops.Standing]
) -> tuple[Any, RevisionBody | None, Hold | None]:
    (row,) = _GROUND.named(tx.connection, b=broadcast)
    body = read(row.canonical or b"", row.revision_hash or "")
    today = tx.now.astimezone(ZoneInfo(row.timezone)).date()
    ground = Ground(
        state=row.state, expires_at=row.expires_at, timezone=row.timezone, quiet_hours=row.quiet_hours,
        blackout=row.blackout, authority=row.authority_state, intact=body is not None,
        approval="withdrawn" if row.taken_back else row.revision_state,
        stale=row.outdated or (row.verify_by is not None and row.verify_by < today),
        valid_from=row.valid_from, valid_until=row.valid_until,
        stopped=stops.covers(standing, campaign=row.campaign_id, channel=road.channel),
    )  # fmt: skip
    try:
        hold = verdict(ground, unit=road.traits.unit, provider_hours=road.traits.hours, now=tx.now)
    except WrongUse:  # hours that no program of ours wrote: this broadcast is held, the others go on
        hold = Hold(reason="tampered")
    return row, body, hold


def _note(tx: Transaction, row: Any, hold: Hold | None) -> None:
    """Keep the broadcast's `held` true; the ledger hears of what a person must know, once."""
    reason = hold.reason if hold else ""
    if row.held == reason or reason in ("paused", "planned", "cancelled", "done", "expired"):
        return
    tx.connection.execute(update(BROADCAST).where(BROADCAST.c.id == row.id).values(held=reason))
    if reason not in ("", "quiet_hours", "blackout", "late", "stopped"):
        tx.record(Kind.BROADCAST_HOLD, SENDER, b=row.id, reason=reason)


def _allowed(
    tx: Transaction, road: Road, batch: list[Due], grounds: _Grounds, said: _Said, stopped_areas: frozenset[str]
) -> tuple[list[Due], dict[int, str], int]:
    """Ask for each row again: still planned, not suppressed, not in a stopped area, not over the cap, has words.

    Returns those that may leave, the commune of each dispatch, and how many were suppressed.
    """
    if not batch:
        return [], {}, 0
    rows = _ASKED.rows(tx.connection, given=ids(due.id for due in batch))
    asked = {
        i: ("erased" if erased else "opted_out" if suppressed else "", commune)
        for i, erased, suppressed, commune in rows
    }
    full = _over_cap(tx, batch, grounds) if road.traits.unit == "person" else frozenset()
    forgotten = _forgotten(tx, road, batch)
    allowed: list[Due] = []
    refused: dict[str, list[Due]] = {}
    seen: set[int] = set()
    for due in batch:
        if due.id not in asked or due.id in forgotten:
            continue
        reason, commune = asked[due.id]
        if not reason and due.address in full:
            reason = "cap_24h"
        if not reason and said[due.broadcast, due.language] is None:
            reason = "no_form"
        if reason:
            refused.setdefault(reason, []).append(due)
        elif (commune and commune in stopped_areas) or due.address in seen:
            continue  # stays planned: the stop may be lifted; a second one to this address waits for the cap's answer
        else:
            seen.add(due.address)
            allowed.append(due)
    for reason, dues in refused.items():
        _suppress(tx, road.channel, dues, reason)
    communes = {i: commune or "" for i, (_, commune) in asked.items()}
    return allowed, communes, sum(map(len, refused.values())) + len(forgotten)


def _forgotten(tx: Transaction, road: Road, batch: list[Due]) -> frozenset[int]:
    """Repeats that waited until the target may have forgotten our key: in doubt again, for evidence or two people."""
    since = road.traits.repeats_since(tx.now)
    tried = [due.id for due in batch if due.attempts] if since else []
    if not tried:
        return frozenset()
    late = (DISPATCH.c.id.in_(tried), first_doubt() <= since)
    rows = tx.connection.execute(
        update(DISPATCH)
        .where(*late, DISPATCH.c.state == State.PLANNED.value)
        .values(state=State.UNKNOWN.value, reason="too late to repeat it: the target may have forgotten our key")
        .returning(DISPATCH.c.id, DISPATCH.c.broadcast_id, DISPATCH.c.attempts)
    ).all()
    deltas: Deltas = Counter()
    for row in rows:
        _shift(deltas, row.broadcast_id, road.channel, State.PLANNED, State.UNKNOWN)
        tx.record(
            Kind.ATTEMPT_RECONCILE, SENDER, b=row.broadcast_id, d=row.id, n=row.attempts, state=State.UNKNOWN.value,
            evidence="too late to repeat it",
        )  # fmt: skip
    count(tx.connection, deltas)
    return frozenset(row.id for row in rows)


def _said(batch: list[Due], road: Road, grounds: _Grounds) -> _Said:
    """What each broadcast says in each language of the batch."""
    said: _Said = {}
    for broadcast, language in {(due.broadcast, due.language) for due in batch}:
        body = grounds[broadcast][1]
        assert body is not None
        said[broadcast, language] = words(body, traits=road.traits, accents=road.accents, language=language)
    return said


def _over_cap(tx: Transaction, batch: list[Due], grounds: _Grounds) -> frozenset[int]:
    """Addresses that have had their number of messages in the last 24 hours; one query for the batch."""
    caps = {row.cap_per_24h for row, _, _ in grounds.values()} - {0}
    if not caps:
        return frozenset()
    addresses = ids({due.address for due in batch})
    had: dict[int, int] = dict(_HAD.rows(tx.connection, given=addresses, since=to_micros(tx.now - DAY)))
    return frozenset(
        due.address for due in batch if 0 < grounds[due.broadcast][0].cap_per_24h <= had.get(due.address, 0)
    )


def _suppress(tx: Transaction, channel: str, dues: list[Due], reason: str) -> None:
    tx.connection.execute(
        update(DISPATCH)
        .where(DISPATCH.c.id.in_([due.id for due in dues]), DISPATCH.c.state == State.PLANNED.value)
        .values(state=State.SUPPRESSED.value, reason=reason)
    )
    deltas: Deltas = Counter()
    for due in dues:
        _shift(deltas, due.broadcast, channel, State.PLANNED, State.SUPPRESSED)
    count(tx.connection, deltas)
    for broadcast, n in sorted(Counter(due.broadcast for due in dues).items()):
        tx.record(
            Kind.DISPATCH_CLOSE, SENDER, b=broadcast, channel=channel, state=State.SUPPRESSED.value, reason=reason, n=n,
            **{"from": {State.PLANNED.value: n}},
        )  # fmt: skip


def _record(
    tx: Transaction,
    road: Road,
    epoch: int,
    allowed: list[Due],
    grounds: _Grounds,
    said: _Said,
    communes: dict[int, str] | None,
) -> list[Intent]:
    if not allowed:
        return []
    at = to_micros(tx.now)
    _LEAVE.run(tx.connection, given=ids(due.id for due in allowed), at=at)
    insert_rows(
        tx.connection, ATTEMPT, ("dispatch_id", "n", "epoch", "intent_at", "parts"),
        [(due.id, due.attempts + 1, epoch, at, 0) for due in allowed],
    )  # fmt: skip
    deltas: Deltas = Counter()
    for broadcast, n in Counter(due.broadcast for due in allowed).items():
        _shift(deltas, broadcast, road.channel, State.PLANNED, State.SENDING, n)
    intents = []
    for due in allowed:
        row, _, _ = grounds[due.broadcast]
        its_words = said[due.broadcast, due.language]
        assert its_words is not None
        tx.record(
            Kind.ATTEMPT_INTENT, SENDER, b=due.broadcast, d=due.id, n=due.attempts + 1, ch=road.channel,
            to=commitment(due.salt, due.kind, due.to).hex() if due.salt else f"{due.kind}:{due.to}",
            **({} if communes is None else {"area": communes[due.id]}),
        )  # fmt: skip
        intents.append(
            Intent(
                due=due,
                n=due.attempts + 1,
                counted=due.attempts + 1 - due.uncounted,
                words=its_words,
                expires_at=row.expires_at,
                published_at=row.due_at,
                urgent=row.priority > 0,
            )
        )
    count(tx.connection, deltas)
    return intents


# -- the result -------------------------------------------------------------------------------------------------------


def conclude(
    tx: Transaction, channel: str, finished: Sequence[Finished], *, price: tuple[int, int] | None = None
) -> None:
    """Record what came of intents; repeatable: what is already recorded stays.

    `price` = (id, micros per part) of the price in force. A dispatch that a receipt has moved meanwhile keeps its state;
    a late acceptance of one that became `unknown` is taken as the evidence it is.
    """
    rows = _NOW_IN.rows(tx.connection, given=ids(one.due.id for one in finished))
    now_in = {i: (State(state), attempts) for i, state, attempts in rows}
    moved: list[dict[str, Any]] = []
    tried: list[dict[str, Any]] = []
    moves: Counter[tuple[int, State, State]] = Counter()
    doubted = _doubted(tx, finished)
    for one in (_unsettled(one) if one.due.id in doubted else one for one in finished):
        was, attempts = now_in[one.due.id]
        if attempts != one.n:
            continue  # a later attempt exists: this result was recorded before
        after = _after(one, was)
        if not (was in PROVEN and one.settled and one.settled.outcome == "unknown"):  # a receipt has said it better
            tried.append(_attempt_row(one, price))
        if after is not None:
            moved.append(_dispatch_row(one, after))
            moves[one.due.broadcast, was, after] += 1
        _tell(tx, one, after or was, price)
    deltas: Deltas = Counter()
    for (broadcast, was, after), n in moves.items():
        _shift(deltas, broadcast, channel, was, after, n)
    _MOVE.run_given(tx.connection, moved)
    _TRIED.run_given(tx.connection, tried, at=to_micros(tx.now))
    count(tx.connection, deltas)
    _suppress_people(tx, finished)


def _doubted(tx: Transaction, finished: Sequence[Finished]) -> frozenset[int]:
    """Of those that were refused, or have run out of tries: the dispatches with an earlier attempt perhaps accepted."""
    last = [one.due.id for one in finished if one.n > 1 and one.settled and one.settled.state is State.FAILED]
    if not last:
        return frozenset()
    answered = {one.due.id: one.n for one in finished}
    rows = tx.connection.execute(
        select(ATTEMPT.c.dispatch_id, ATTEMPT.c.n).where(ATTEMPT.c.dispatch_id.in_(last), IN_DOUBT)
    )
    return frozenset(dispatch for dispatch, n in rows if n < answered[dispatch])


def _unsettled(one: Finished) -> Finished:
    """Only this try was certainly not accepted; the dispatch is as doubtful as before it."""
    assert one.settled
    reason = f"{one.settled.reason} An earlier try was perhaps taken."
    doubtful = msgspec.structs.replace(one.settled, outcome="unknown", state=State.UNKNOWN, reason=reason)
    return Finished(due=one.due, n=one.n, settled=doubtful)


def _after(one: Finished, was: State) -> State | None:
    """Where the dispatch goes now; None: it stays where something else has put it."""
    wanted = one.settled.state if one.settled else State.PLANNED
    if was is State.SENDING:
        return wanted
    if was is State.UNKNOWN and wanted is State.ACCEPTED:
        return wanted
    return None


PROVEN = (State.ACCEPTED, State.DELIVERED, State.UNDELIVERED)  # whatever comes later, the provider took it

_MOVED = Given(d=BigInteger(), to=String(), free=Integer(), again=BigInteger(), provider=String(), why=String())
_MOVE = Prepared(
    update(DISPATCH)
    .where(DISPATCH.c.id == _MOVED["d"])
    .values(
        state=_MOVED["to"],
        uncounted=DISPATCH.c.uncounted + _MOVED["free"],
        not_before=_MOVED["again"],
        provider_id=_MOVED["provider"],
        reason=_MOVED["why"],
    )
)


def _dispatch_row(one: Finished, after: State) -> dict[str, Any]:
    settled = one.settled
    return {
        "d": one.due.id,
        "to": after.value,
        "free": 0 if settled and settled.counts else 1,
        "again": to_micros(settled.not_before)
        if settled and settled.not_before and after is State.RETRY_WAIT
        else None,
        "provider": (settled.provider_id or None) if settled else None,
        "why": (settled.reason or None) if settled else None,
    }


_RESULT = Given(
    d=BigInteger(), n=Integer(), out=String(), said=String(), provider=String(), units=Integer(), price=Integer()
)
_TRIED = Prepared(
    update(ATTEMPT)
    .where(ATTEMPT.c.dispatch_id == _RESULT["d"], ATTEMPT.c.n == _RESULT["n"])
    .values(
        result_at=bindparam("at", type_=BigInteger),
        outcome=_RESULT["out"],
        code=_RESULT["said"],
        provider_id=_RESULT["provider"],
        parts=_RESULT["units"],
        price_id=_RESULT["price"],
    )
)


def _attempt_row(one: Finished, price: tuple[int, int] | None) -> dict[str, Any]:
    settled = one.settled
    return {
        "d": one.due.id,
        "n": one.n,
        "out": settled.outcome if settled else "not_started",
        "said": (settled.code or None) if settled else None,
        "provider": (settled.provider_id or None) if settled else None,
        "units": settled.parts if settled else 0,
        "price": price[0] if price and settled and settled.parts else None,
    }


def _tell(tx: Transaction, one: Finished, state: State, price: tuple[int, int] | None) -> None:
    settled = one.settled
    fields: dict[str, Any] = {"b": one.due.broadcast, "d": one.due.id, "n": one.n, "state": state.value}
    if settled is None:
        fields["out"] = "not_started"
    else:
        fields["out"] = settled.outcome
        if settled.parts:
            fields |= {"parts": settled.parts, "price": price[1] if price else 0}
        if settled.provider_id:
            fields["id"] = settled.provider_id
        if settled.code:
            fields["code"] = settled.code
    tx.record(Kind.ATTEMPT_RESULT, SENDER, **fields)


def _suppress_people(tx: Transaction, finished: Sequence[Finished]) -> None:
    """Whoever the provider says has opted out, or is gone, is not written to again."""
    gone = [one for one in finished if one.settled and one.settled.suppress]
    for one in gone:
        key = tx.connection.scalar(select(ADDRESS.c.key).where(ADDRESS.c.id == one.due.address))
        known = tx.connection.scalar(select(SUPPRESSION.c.kind).where(SUPPRESSION.c.key == key))
        if key is not None and known is None:
            tx.connection.execute(
                insert(SUPPRESSION).values(key=key, kind=one.due.kind, reason="provider", source="refusal", at=tx.now)
            )
            tx.record(
                Kind.CONTACT_OPT_OUT, SENDER, d=one.due.id, channel_kind=one.due.kind, reason="provider",
            )  # fmt: skip


def _shift(deltas: Deltas, broadcast: int, channel: str, before: State, after: State, n: int = 1) -> None:
    deltas[broadcast, channel, before.value] -= n
    deltas[broadcast, channel, after.value] += n


# -- the price --------------------------------------------------------------------------------------------------------


def price_in_force(tx: Transaction, channel: str, amount: int | None, currency: str) -> tuple[int, int] | None:
    """(id, micros) of the channel's price; a configured price that differs from the last becomes a new dated row."""
    last = tx.connection.execute(
        select(PRICE).where(PRICE.c.channel == channel).order_by(PRICE.c.id.desc()).limit(1)
    ).one_or_none()
    if amount is None:
        return None
    if last is not None and (last.amount, last.currency) == (amount, currency):
        return int(last.id), amount
    made = tx.connection.execute(insert(PRICE).values(channel=channel, amount=amount, currency=currency, since=tx.now))
    tx.record(Kind.SETTINGS_SEEN, SENDER, channel=channel, price=amount, currency=currency)
    return int(made.inserted_primary_key[0]), amount  # type: ignore[index]
