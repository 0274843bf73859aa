"""What pages read and no command does: set-based, over tallies and indexes, so that a million dispatches cost nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, and_, exists, func, literal_column, or_, select

from broadcaster.content.render import decode
from broadcaster.db.tables import (
    Address,
    Approval,
    Broadcast,
    Campaign,
    Dispatch,
    Fact,
    LedgerEntry,
    Meta,
    Revision,
    Tally,
    table,
)
from broadcaster.dispatch import store as dispatches
from broadcaster.dispatch.broadcast import channel_names, public_id
from broadcaster.dispatch.dispatch import OPEN, State

BROADCAST, TALLY, DISPATCH = table(Broadcast), table(Tally), table(Dispatch)
ADDRESS, APPROVAL, REVISION = table(Address), table(Approval), table(Revision)
CAMPAIGN, FACT, META, LEDGER = table(Campaign), table(Fact), table(Meta), table(LedgerEntry)
LIVE = ("planned", "running", "paused")
OPEN_STATES = tuple(state.value for state in OPEN)
SHOWN = 200  # broadcasts of one list at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One broadcast with its counts, as lists show it."""

    id: str
    number: int
    message: str
    title: str
    campaign: str
    schedule: str
    due_at: datetime
    local: str
    state: str
    held: str
    channels: tuple[str, ...]
    ad_hoc: bool
    states: Counter[str] = field(default_factory=Counter)

    @property
    def planned(self) -> int:
        return sum(self.states.values())

    @property
    def open(self) -> int:
        return sum(self.states[state] for state in OPEN_STATES)

    @property
    def final(self) -> int:
        return self.planned - self.open

    @property
    def reached(self) -> int:
        """Accepted or delivered: said apart wherever it matters."""
        return self.states["accepted"] + self.states["delivered"]

    @property
    def trouble(self) -> int:
        return sum(self.states[one] for one in ("failed", "undelivered", "unresolved", "unknown", "expired"))


def broadcasts(
    connection: Connection, where: Any, *, language: str, newest: bool = False, limit: int = SHOWN
) -> list[Sent]:
    """Broadcasts of a condition on the table, in order of time."""
    order = (BROADCAST.c.due_at.desc(), BROADCAST.c.id.desc()) if newest else (BROADCAST.c.due_at, BROADCAST.c.id)
    rows = connection.execute(select(BROADCAST).where(where).order_by(*order).limit(limit)).all()
    states = tallies(connection, [row.id for row in rows])
    known = titles(connection, {row.message_id for row in rows}, language)
    return [
        Sent(
            id=public_id(row.id),
            number=row.id,
            message=row.message_id,
            title=known.get(row.message_id, row.message_id),
            campaign=row.campaign_id or "",
            schedule=row.schedule_id,
            due_at=row.due_at,
            local=row.local,
            state=row.state,
            held=row.held,
            channels=tuple(channel_names(row)),
            ad_hoc=row.authority_kind == "broadcast",
            states=states[row.id],
        )
        for row in rows
    ]


def tallies(connection: Connection, numbers: Collection[int]) -> dict[int, Counter[str]]:
    """Broadcast -> state -> dispatches."""
    found: dict[int, Counter[str]] = {number: Counter() for number in numbers}
    if numbers:
        query = (
            select(TALLY.c.broadcast_id, TALLY.c.state, func.sum(TALLY.c.n))
            .where(TALLY.c.broadcast_id.in_(list(numbers)))
            .group_by(TALLY.c.broadcast_id, TALLY.c.state)
        )
        for number, state, n in connection.execute(query):
            found[number][state] = int(n)
    return found


def between(since: datetime, until: datetime) -> Any:
    """Due in the half-open span."""
    return and_(BROADCAST.c.due_at >= since, BROADCAST.c.due_at < until)


def titles(connection: Connection, messages: Iterable[str], language: str) -> dict[str, str]:
    """Message id -> title of its newest approved or submitted revision, in the language or any other."""
    wanted = sorted(set(messages))
    if not wanted:
        return {}
    query = (
        select(APPROVAL.c.name, REVISION.c.hash, REVISION.c.canonical)
        .join(REVISION, REVISION.c.hash == APPROVAL.c.subject)
        .where(
            APPROVAL.c.kind == "revision", APPROVAL.c.name.in_(wanted), APPROVAL.c.state.in_(("approved", "submitted"))
        )
        .order_by(APPROVAL.c.state.desc())  # approved last: it wins
    )
    found = {}
    for row in connection.execute(query):
        said = _titles_of(row.hash, bytes(row.canonical))
        found[row.name] = dict(said).get(language) or next((text for _, text in said), row.name)
    return found


@lru_cache(maxsize=512)
def _titles_of(hash_: str, canonical: bytes) -> tuple[tuple[str, str], ...]:  # noqa: ARG001 - the hash is the quick key
    return tuple(decode(canonical).get("titles", {}).items())


def waiting(connection: Connection) -> list[Any]:
    """Every approval that waits, the oldest first."""
    query = select(APPROVAL).where(APPROVAL.c.state == "submitted").order_by(APPROVAL.c.submitted_at, APPROVAL.c.id)
    return list(connection.execute(query))


def decided(connection: Connection, *, limit: int = 20) -> list[Any]:
    """What was decided last, the newest first."""
    query = (
        select(APPROVAL).where(APPROVAL.c.decided_at.is_not(None)).order_by(APPROVAL.c.decided_at.desc()).limit(limit)
    )
    return list(connection.execute(query))


def approved_for(connection: Connection, row: Any) -> list[Any]:
    """Whose decisions a broadcast went out under: its text's, and its plan's or its own; in order of time."""
    query = (
        select(APPROVAL)
        .where(
            APPROVAL.c.decided_by.is_not(None),
            or_(
                and_(APPROVAL.c.kind == "revision", APPROVAL.c.subject == row.revision_hash),
                and_(APPROVAL.c.kind == row.authority_kind, APPROVAL.c.subject == row.authority),
            ),
            APPROVAL.c.state != "rejected",
        )
        .order_by(APPROVAL.c.decided_at)
    )
    return list(connection.execute(query))


def doubtful(connection: Connection, *, limit: int = 100) -> list[dict[str, Any]]:
    """Dispatches that wait for evidence or for two people, as `dispatch list` shows them, with their broadcast."""
    given_up = connection.scalars(
        select(TALLY.c.broadcast_id).where(TALLY.c.state == "unresolved", TALLY.c.n > 0).distinct()
    ).all()
    # written out, so that the index over what is in doubt is used
    in_doubt = and_(literal_column("dispatch.state IN ('sending', 'unknown')"), DISPATCH.c.state == "unknown")
    found = list(connection.execute(_with_address().where(in_doubt).limit(limit)))
    if given_up:
        left = and_(DISPATCH.c.broadcast_id.in_(given_up), DISPATCH.c.state == "unresolved")
        found += connection.execute(_with_address().where(left).limit(limit))
    found.sort(key=lambda row: row.id)
    return [{**dispatches.shown(row), "broadcast": public_id(row.broadcast_id)} for row in found[:limit]]


def _with_address() -> Any:
    return select(DISPATCH, ADDRESS.c.value, ADDRESS.c.kind).join(ADDRESS, ADDRESS.c.id == DISPATCH.c.address_id)


def of_broadcast(
    connection: Connection, number: int, *, state: str, channel: str, after: int, limit: int
) -> tuple[list[dict[str, Any]], int]:
    """One page of a broadcast's dispatches, and where the next begins (0: there is none)."""
    query = (
        select(DISPATCH, ADDRESS.c.value, ADDRESS.c.kind)
        .join(ADDRESS, ADDRESS.c.id == DISPATCH.c.address_id)
        .where(DISPATCH.c.broadcast_id == number, DISPATCH.c.id > after)
        .order_by(DISPATCH.c.id)
        .limit(limit + 1)
    )
    if state:
        query = query.where(DISPATCH.c.state == state)
    if channel:
        query = query.where(DISPATCH.c.channel == channel)
    rows = connection.execute(query).all()
    more = rows[limit - 1].id if len(rows) > limit else 0
    return [dispatches.shown(row) for row in rows[:limit]], more


def count_states(connection: Connection, states: Sequence[str]) -> int:
    """Dispatches in these states, over everything."""
    return int(connection.scalar(select(func.sum(TALLY.c.n)).where(TALLY.c.state.in_(states))) or 0)


def in_scope(connection: Connection, scope: str, subjects: Collection[str], *, since: datetime) -> Counter[str]:
    """Dispatches by state of what a stop touches: broadcasts that are going or paused, or were due after `since`."""
    touched = _touched(scope, subjects, since)
    if scope == "area":
        query = (
            _in_areas(select(DISPATCH.c.state, func.count()).select_from(DISPATCH), subjects)
            .join(BROADCAST, BROADCAST.c.id == DISPATCH.c.broadcast_id)
            .where(touched)
            .group_by(DISPATCH.c.state)
        )
    else:
        query = (
            select(TALLY.c.state, func.sum(TALLY.c.n))
            .join(BROADCAST, BROADCAST.c.id == TALLY.c.broadcast_id)
            .where(touched)
            .group_by(TALLY.c.state)
        )
        if scope == "channel":
            query = query.where(TALLY.c.channel.in_(list(subjects)))
    return Counter({state: int(n) for state, n in connection.execute(query)})


def reached_in(
    connection: Connection, scope: str, subjects: Collection[str], *, since: datetime, language: str, limit: int = 10
) -> list[Sent]:
    """The newest broadcasts that a stop touches and that somebody has received: what may want a correction."""
    counted = [TALLY.c.broadcast_id == BROADCAST.c.id, TALLY.c.state.in_(("accepted", "delivered")), TALLY.c.n > 0]
    if scope == "channel":
        counted.append(TALLY.c.channel.in_(list(subjects)))
    where = and_(_touched(scope, subjects, since), exists(select(TALLY.c.n).where(*counted)))
    if scope == "area":
        got = (DISPATCH.c.broadcast_id == BROADCAST.c.id, DISPATCH.c.state.in_(("accepted", "delivered")))
        where = and_(where, _in_areas(select(DISPATCH.c.id).select_from(DISPATCH), subjects).where(*got).exists())
    return broadcasts(connection, where, language=language, newest=True, limit=limit)


def _touched(scope: str, subjects: Collection[str], since: datetime) -> Any:
    going = or_(
        BROADCAST.c.state.in_(("running", "paused")), and_(BROADCAST.c.state == "done", BROADCAST.c.due_at >= since)
    )
    return and_(going, BROADCAST.c.campaign_id.in_(list(subjects))) if scope == "campaign" else going


def _in_areas(query: Any, communes: Collection[str]) -> Any:
    from broadcaster.db.tables import Contact

    contact = table(Contact)
    return (
        query.join(ADDRESS, ADDRESS.c.id == DISPATCH.c.address_id)
        .join(contact, contact.c.id == ADDRESS.c.contact_id)
        .where(contact.c.commune.in_(list(communes)))
    )


def late(connection: Connection, now: datetime) -> int:
    """Broadcasts whose time came two minutes ago or more and that nobody has begun: 0 when all is well."""
    return int(
        connection.scalar(
            select(func.count())
            .select_from(BROADCAST)
            .where(BROADCAST.c.state == "planned", BROADCAST.c.due_at < now, BROADCAST.c.expires_at > now)
        )
        or 0
    )


def facts_due(connection: Connection, until: Any) -> list[Any]:
    """Facts to verify again by a date, the most urgent first."""
    return list(
        connection.execute(select(FACT).where(FACT.c.verify_by <= until).order_by(FACT.c.verify_by, FACT.c.name))
    )


def campaigns(connection: Connection) -> list[Any]:
    """Every campaign that has a plan in force or had one."""
    return list(connection.execute(select(CAMPAIGN).order_by(CAMPAIGN.c.since.desc(), CAMPAIGN.c.id)))


def communes(connection: Connection, *, limit: int = 500) -> list[str]:
    """Communes of contacts, for the stop's list."""
    from broadcaster.db.tables import Contact

    column = table(Contact).c.commune
    return list(connection.scalars(select(column).where(column != "").distinct().order_by(column).limit(limit)))


def is_live(connection: Connection) -> bool:
    """Whether anything is going out now."""
    return connection.execute(select(BROADCAST.c.id).where(BROADCAST.c.state == "running").limit(1)).first() is not None


def live() -> Any:
    return or_(BROADCAST.c.state == "running", and_(BROADCAST.c.state == "paused", BROADCAST.c.started_at.is_not(None)))


def known_states() -> list[str]:
    return [state.value for state in State]
