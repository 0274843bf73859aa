"""What providers say later: the inbox they fill, the rule by which it moves dispatches, and who applies it in batches.

A callback is verified, translated and stored where it arrives; the sender's next tick applies it here. Every event may come
twice, out of order, or before the answer to the request it is about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from broadcaster.channel.base import Delivery
from broadcaster.db.tables import Address, Attempt, Broadcast, Dispatch, HookRefusal, Inbox, Suppression, Tally, table
from broadcaster.dispatch.dispatch import PARTS_MOST, TEXT_MOST, State, read_attempt_key
from broadcaster.dispatch.store import count
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction

INBOX = table(Inbox)
REFUSALS = table(HookRefusal)
DISPATCH = table(Dispatch)
ATTEMPT = table(Attempt)
ADDRESS = table(Address)
BROADCAST = table(Broadcast)
TALLY = table(Tally)
SUPPRESSION = table(Suppression)

ACTOR = "receipts"
BATCH = 500  # events one transaction applies: one lookup, and SQLite's write lock for some 20 ms
PARKED_FOR = timedelta(hours=24)  # an event about nothing we know waits so long (reliability-security.md F7)
KEPT_FOR = timedelta(days=30)  # how long a repeat of an event is told from a new one (reliability-security.md F4)
ID_MOST = 200  # characters of an id we store; the longest we know, Twilio's, has 34

STATES = frozenset({State.ACCEPTED, State.DELIVERED, State.UNDELIVERED})
PROVEN = (State.ACCEPTED, State.DELIVERED, State.UNDELIVERED)
WAITING = (State.PLANNED, State.RETRY_WAIT)


# -- the rule ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What one event means for a dispatch: the states it goes through, or why it stays."""

    steps: tuple[State, ...] = ()
    outcome: str = "moved"  # moved | known | contradiction | later (the answer to the request must come first)


KNOWN = Ruling(outcome="known")
CONTRADICTION = Ruling(outcome="contradiction")
LATER = Ruling(outcome="later")


def rule(was: State, said: State) -> Ruling:
    """A receipt only goes up: accepted, then undelivered, then delivered. What contradicts is noted, and moves nothing.

    A dispatch that waits for another try although an earlier one arrived is not sent again: it goes the whole way.
    """
    if was in WAITING:
        first = (State.PLANNED,) if was is State.RETRY_WAIT else ()
        return Ruling(steps=(*first, State.SENDING, said))
    if was is State.SENDING:
        return LATER if said is State.ACCEPTED else Ruling(steps=(said,))
    if was in (State.UNKNOWN, State.UNRESOLVED):
        return Ruling(steps=(said,))
    if was in PROVEN:
        rank = {State.ACCEPTED: 0, State.UNDELIVERED: 1, State.DELIVERED: 2}
        if rank[said] > rank[was]:
            return Ruling(steps=(said,))
        return CONTRADICTION if (was, said) == (State.DELIVERED, State.UNDELIVERED) else KNOWN
    return CONTRADICTION


# -- the inbox --------------------------------------------------------------------------------------------------------


def put(connection: Connection, channel: str, deliveries: Sequence[Delivery], *, now: datetime) -> int:
    """Store events as they came; returns how many are new. Repeats and what nobody could match are left out."""
    rows = [
        {
            "channel": channel, "digest": digest(one), "what": "delivery", "state": one.state,
            "provider_id": plain(one.provider_id, ID_MOST), "reference": plain(one.key, ID_MOST),
            "reason": plain(one.reason, TEXT_MOST), "parts": min(max(int(one.parts), 0), PARTS_MOST),
            "suppress": bool(one.suppress), "at": now,
        }
        for one in deliveries
        if one.state in STATES and (one.key or one.provider_id)
    ]  # fmt: skip
    return put_rows(connection, rows)


def put_refusal(
    connection: Connection, channel: str, *, digest: bytes, key: bytes, kind: str, reason: str, now: datetime
) -> int:
    """Store that the person behind an address key wants no more; 0 if it is a repeat."""
    return put_rows(
        connection,
        [
            {"channel": channel, "digest": digest, "what": "refusal", "address_key": key, "address_kind": kind,
             "reason": reason, "at": now}
        ],
    )  # fmt: skip


def put_rows(connection: Connection, rows: Sequence[dict[str, Any]]) -> int:
    usual = {"state": "", "provider_id": "", "reference": "", "reason": "", "parts": 0, "suppress": False,
             "address_key": None, "address_kind": "", "outcome": ""}  # fmt: skip
    into: Any = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(INBOX)
    new = 0
    for row in rows:
        made = into.values(**(usual | row)).on_conflict_do_nothing().returning(INBOX.c.id)
        new += connection.execute(made).first() is not None
    return new


def digest(one: Delivery) -> bytes:
    """Tells a repeat: the provider's own event id, else which attempt is said to be where."""
    said = ("id", one.event_id) if one.event_id else ("state", one.key, one.provider_id, one.state)
    return sha256("\x1f".join(said).encode("utf-8", "replace")).digest()


def plain(text: object, most: int) -> str:
    """Storable and short, whatever a provider or a stranger sent."""
    return str(text).encode("utf-8", "replace").decode().replace("\x00", "")[:most]


def refused(tx: Transaction, counts: dict[str, int]) -> None:
    """Add to the day's count of callbacks that were refused, by channel."""
    into: Any = (sqlite if tx.connection.dialect.name == "sqlite" else postgresql).insert(REFUSALS)
    for channel, n in sorted(counts.items()):
        row = into.values(channel=channel, day=tx.now.date(), n=n)
        tx.connection.execute(
            row.on_conflict_do_update(index_elements=["channel", "day"], set_={"n": REFUSALS.c.n + row.excluded.n})
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What an office should know of its inbox."""

    waiting: int
    unmatched: int  # in the last 30 days
    refused: int  # in the last 30 days


def standing(connection: Connection, *, now: datetime) -> Standing:
    waiting = connection.scalar(select(func.count()).select_from(INBOX).where(INBOX.c.settled_at.is_(None)))
    unmatched = connection.scalar(select(func.count()).select_from(INBOX).where(INBOX.c.outcome == "unmatched"))
    since = (now - KEPT_FOR).date()
    turned = connection.scalar(select(func.sum(REFUSALS.c.n)).where(REFUSALS.c.day >= since))
    return Standing(waiting=int(waiting or 0), unmatched=int(unmatched or 0), refused=int(turned or 0))


# -- applying ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One receipt, and the attempt it is about."""

    inbox: int  # 0: it came by asking, not through the inbox
    dispatch: int
    n: int
    said: State
    provider_id: str = ""
    reason: str = ""
    parts: int = 0
    suppress: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """How far one transaction got in the inbox."""

    looked: int
    last: int  # the id of the last event looked at


def has_open(connection: Connection, *, after: int) -> bool:
    """Whether anything waits in the inbox beyond this id."""
    open_ones = (INBOX.c.settled_at.is_(None), INBOX.c.id > after)
    return connection.scalar(select(INBOX.c.id).where(*open_ones).limit(1)) is not None


def settle_asked(tx: Transaction, events: Sequence[Event], *, price: Mapping[str, tuple[int, int]]) -> int:
    """What a provider said when it was asked; returns how many events there were."""
    settle(tx, events, price=price)
    return len(events)


def apply(
    tx: Transaction, *, secret: bytes, after: int = 0, price: Mapping[str, tuple[int, int]] | None = None
) -> Batch:
    """Apply the next events of the inbox beyond an id.

    `secret` signs our references; `price` as in `settle`. An event that nothing matches waits a day, then is told of as
    unmatched.
    """
    rows = tx.connection.execute(
        select(INBOX)
        .where(INBOX.c.settled_at.is_(None), INBOX.c.what == "delivery", INBOX.c.id > after)
        .order_by(INBOX.c.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)  # another machine of the office may be at it
    ).all()
    if not rows:
        return Batch(0, after)
    places = _places(tx.connection, rows, secret)
    events = [
        Event(
            inbox=row.id, dispatch=places[row.id][0], n=places[row.id][1], said=State(row.state),
            provider_id=row.provider_id, reason=row.reason, parts=row.parts, suppress=row.suppress,
        )
        for row in rows
        if row.id in places
    ]  # fmt: skip
    outcomes = settle(tx, events, price=price)
    late = tx.now - PARKED_FOR
    outcomes |= {row.id: "unmatched" for row in rows if row.id not in outcomes and row.at < late}
    for outcome in sorted(set(outcomes.values()) - {"later"}):
        done = [number for number, came_to in outcomes.items() if came_to == outcome]
        tx.connection.execute(
            update(INBOX).where(INBOX.c.id.in_(done)).values(settled_at=tx.now, outcome=outcome)
        )  # fmt: skip
    return Batch(len(rows), int(rows[-1].id))


def _places(connection: Connection, rows: Sequence[Any], secret: bytes) -> dict[int, tuple[int, int]]:
    """Inbox id -> (dispatch, n): by our reference if it is one of ours, else by the provider's id on that channel."""
    found: dict[int, tuple[int, int]] = {}
    by_id: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        ours = read_attempt_key(row.reference, secret) if row.reference else None
        if ours is not None:
            found[row.id] = ours
        elif row.provider_id:
            by_id.setdefault((row.channel, row.provider_id), []).append(row.id)
    if by_id:
        hits = connection.execute(
            select(DISPATCH.c.channel, ATTEMPT.c.provider_id, ATTEMPT.c.dispatch_id, ATTEMPT.c.n)
            .join(DISPATCH, DISPATCH.c.id == ATTEMPT.c.dispatch_id)
            .where(ATTEMPT.c.provider_id.in_(sorted({provider_id for _, provider_id in by_id})))
        )
        for hit in hits:
            found |= dict.fromkeys(by_id.get((hit.channel, hit.provider_id), []), (hit.dispatch_id, hit.n))
    return found


def settle(
    tx: Transaction, events: Sequence[Event], *, price: Mapping[str, tuple[int, int]] | None = None
) -> dict[int, str]:
    """Move what the events prove, with tallies and entries; returns what became of each, by inbox id.

    `price` = channel -> (id, micros a part) in force, for attempts whose answer was lost. The caller's transaction.
    """
    states = _locked(tx.connection, events)
    moves: dict[tuple[State, ...], list[int]] = {}  # the way from one state to another -> dispatches
    now_in: dict[int, State] = {}
    deltas: Counter[tuple[int, str, str]] = Counter()
    outcomes: dict[int, str] = {}
    for event in events:
        row = states.get(event.dispatch)
        if row is None or not 1 <= event.n <= row.attempts:
            continue  # signed by us, yet of no attempt there is: another database's
        was = now_in.get(event.dispatch, State(row.state))
        ruling = rule(was, event.said)
        outcomes[event.inbox] = ruling.outcome
        if ruling.outcome in ("later", "known"):
            continue
        if ruling.steps:
            if event.dispatch in now_in:  # a second event of this batch: write the first one's move before it
                _move(tx.connection, moves)
                moves.clear()
            moves.setdefault((was, *ruling.steps), []).append(event.dispatch)
            now_in[event.dispatch] = event.said
            deltas[row.broadcast_id, row.channel, was.value] -= 1
            deltas[row.broadcast_id, row.channel, event.said.value] += 1
        cost = _note(tx, event, row, (price or {}).get(row.channel)) if ruling.steps else {}
        _tell(tx, event, row, now_in.get(event.dispatch, was), cost)
    _move(tx.connection, moves)
    count(tx.connection, deltas)
    _suppress(tx, [event for event in events if event.suppress and event.dispatch in states], states)
    return outcomes


def _locked(connection: Connection, events: Sequence[Event]) -> dict[int, Any]:
    rows = connection.execute(
        select(DISPATCH.c.id, DISPATCH.c.broadcast_id, DISPATCH.c.channel, DISPATCH.c.state, DISPATCH.c.attempts,
               DISPATCH.c.provider_id, DISPATCH.c.address_id)
        .where(DISPATCH.c.id.in_(sorted({event.dispatch for event in events})))
        .order_by(DISPATCH.c.id)
        .with_for_update()
    )  # fmt: skip
    return {row.id: row for row in rows}


def _move(connection: Connection, moves: dict[tuple[State, ...], list[int]]) -> None:
    for (was, *steps), dispatches in moves.items():
        for step in steps:
            connection.execute(
                update(DISPATCH)
                .where(DISPATCH.c.id.in_(dispatches), DISPATCH.c.state == was.value)
                .values(state=step.value, not_before=None)
            )
            was = step


def _note(tx: Transaction, event: Event, row: Any, price: tuple[int, int] | None) -> dict[str, int]:
    """The reason on the dispatch; and where no answer said so, that this attempt was accepted: then what it costs."""
    reason = event.reason or None if event.said is State.UNDELIVERED else None
    values: dict[str, Any] = {"reason": reason}
    if row.provider_id is None and event.provider_id:
        values["provider_id"] = event.provider_id
    tx.connection.execute(update(DISPATCH).where(DISPATCH.c.id == event.dispatch).values(**values))
    lost = or_(ATTEMPT.c.outcome.is_(None), ATTEMPT.c.outcome != "accepted")
    found = tx.connection.execute(
        update(ATTEMPT)
        .where(and_(ATTEMPT.c.dispatch_id == event.dispatch, ATTEMPT.c.n == event.n, lost))
        .values(
            outcome="accepted", result_at=tx.now, provider_id=event.provider_id or None, parts=max(event.parts, 1),
            price_id=price[0] if price else None,
        )
    )  # fmt: skip
    return {"parts": max(event.parts, 1), "price": price[1] if price else 0} if found.rowcount else {}


def _tell(tx: Transaction, event: Event, row: Any, state: State, cost: dict[str, int]) -> None:
    fields: dict[str, Any] = {"b": row.broadcast_id, "d": event.dispatch, "n": event.n, "state": state.value}
    fields["said"] = event.said.value
    if event.provider_id:
        fields["id"] = event.provider_id
    if event.reason:
        fields["reason"] = event.reason
    tx.record(Kind.ATTEMPT_RECEIPT, ACTOR, **fields, **cost)


def _suppress(tx: Transaction, events: Sequence[Event], states: dict[int, Any]) -> None:
    """Addresses the provider calls dead or unwilling are not written to again."""
    for event in events:
        address = tx.connection.execute(
            select(ADDRESS.c.key, ADDRESS.c.kind).where(ADDRESS.c.id == states[event.dispatch].address_id)
        ).one()
        there = tx.connection.scalar(select(SUPPRESSION.c.kind).where(SUPPRESSION.c.key == address.key))
        if there is None and address.key:
            tx.connection.execute(
                insert(SUPPRESSION).values(
                    key=address.key, kind=address.kind, reason="provider", source="receipt", at=tx.now
                )
            )
            tx.record(
                Kind.CONTACT_OPT_OUT, ACTOR, d=event.dispatch, channel_kind=address.kind, reason="provider"
            )  # fmt: skip


# -- refusals, for the room above -------------------------------------------------------------------------------------


def refusals(connection: Connection, *, limit: int = BATCH) -> Sequence[Any]:
    """Open refusals of people, oldest first."""
    return connection.execute(
        select(INBOX).where(INBOX.c.settled_at.is_(None), INBOX.c.what == "refusal").order_by(INBOX.c.id).limit(limit)
    ).all()


def close(tx: Transaction, numbers: Sequence[int], outcome: str) -> None:
    tx.connection.execute(update(INBOX).where(INBOX.c.id.in_(numbers)).values(settled_at=tx.now, outcome=outcome))


def forget(tx: Transaction) -> int:
    """Let go of what was settled 30 days ago; returns how many."""
    old = tx.connection.execute(delete(INBOX).where(INBOX.c.settled_at < tx.now - KEPT_FOR)).rowcount
    tx.connection.execute(delete(REFUSALS).where(REFUSALS.c.day < (tx.now - KEPT_FOR).date()))
    return old


# -- stragglers -------------------------------------------------------------------------------------------------------

ASK_AFTER = timedelta(minutes=2)  # eSMS: right after sending it cannot be asked yet (channels.md 2.1)
ASK_AFTER_PUSH = timedelta(minutes=15)  # where the provider calls us, most receipts have come by themselves by then
ASK_UNTIL = timedelta(days=2)  # Twilio holds a message ten hours at most (channels.md 1); eSMS tells of 7 days (2.1)


def stragglers(
    connection: Connection, channel: str, *, since: datetime, until: datetime, after: int, limit: int
) -> list[tuple[int, int, str]]:
    """(dispatch, n, provider id) of what was accepted in a span of time and has no receipt, in order of id.

    The tallies say in which broadcasts such are, so that no large table is searched.
    """
    live = (
        select(TALLY.c.broadcast_id)
        .join(BROADCAST, BROADCAST.c.id == TALLY.c.broadcast_id)
        .where(TALLY.c.channel == channel, TALLY.c.state == State.ACCEPTED.value, TALLY.c.n > 0)
    )
    rows = connection.execute(
        select(DISPATCH.c.id, DISPATCH.c.attempts, DISPATCH.c.provider_id)
        .where(
            DISPATCH.c.broadcast_id.in_(live), DISPATCH.c.channel == channel,
            DISPATCH.c.state == State.ACCEPTED.value, DISPATCH.c.provider_id.is_not(None),
            DISPATCH.c.sent_at >= since, DISPATCH.c.sent_at < until, DISPATCH.c.id > after,
        )
        .order_by(DISPATCH.c.id)
        .limit(limit)
    )  # fmt: skip
    return [(row.id, row.attempts, row.provider_id) for row in rows]
