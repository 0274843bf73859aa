"""The life of a broadcast: asked for, started, expanded into dispatches by the database, paused, closed, done."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, FromClause, Select, case, exists, func, insert, literal, or_, select, update

from broadcaster.db.tables import (
    Address,
    Approval,
    Attempt,
    Broadcast,
    Contact,
    Dispatch,
    Group,
    Member,
    Meta,
    Plan,
    PriceRow,
    Revision,
    Suppression,
    Tally,
    table,
)
from broadcaster.dispatch import store
from broadcaster.dispatch.dispatch import State
from broadcaster.dispatch.revision import RevisionBody, languages_for, read, words
from broadcaster.dispatch.road import Road
from broadcaster.dispatch.stop import own_lock
from broadcaster.errors import Conflict, NotFound
from broadcaster.ledger.entry import Kind, timestamp
from broadcaster.ledger.store import Transaction

ADDRESS, APPROVAL, BROADCAST, CONTACT = table(Address), table(Approval), table(Broadcast), table(Contact)
DISPATCH, GROUP, MEMBER, REVISION = table(Dispatch), table(Group), table(Member), table(Revision)
SUPPRESSION, PLAN, ATTEMPT, PRICE = table(Suppression), table(Plan), table(Attempt), table(PriceRow)
TALLY = table(Tally)
META = table(Meta)
FLOOR = "dispatch.floor"  # set by a restore
EXPANDED = "done"
CHUNK = store.CHUNK
ENDED = ("rejected", "done", "expired", "cancelled")

Roads = Mapping[str, Road]


def public_id(broadcast: int) -> str:
    """Sorts as text."""
    return f"b-{broadcast:08d}"


def read_public_id(text: str) -> int:
    """Raises: NotFound for what is no broadcast id."""
    if not text.startswith("b-") or not text[2:].isascii() or not text[2:].isdigit() or len(text) > 18:
        raise NotFound(f"{text!r} is no broadcast id; they look like b-00000042: see `broadcaster broadcast list`.")
    return int(text[2:])


def get(connection: Connection, broadcast: int) -> Any:
    """The row. Raises: NotFound."""
    row = connection.execute(select(BROADCAST).where(BROADCAST.c.id == broadcast)).one_or_none()
    if row is None:
        raise NotFound(
            f"There is no broadcast {public_id(broadcast)}; `broadcaster broadcast list` shows what there is."
        )
    return row


def lock(connection: Connection, broadcast: int) -> Any:
    """The row, held until the transaction ends: whoever else would start, expand or end it waits. Raises: NotFound."""
    connection.execute(select(BROADCAST.c.id).where(BROADCAST.c.id == broadcast).with_for_update())
    return get(connection, broadcast)


def chains(row: Any) -> list[list[str]]:
    """`[["zalo", "sms"], ["web"]]`: each chain is tried from the left."""
    found: list[list[str]] = json.loads(row.channels)
    return found


def channel_names(row: Any) -> list[str]:
    return [channel for chain in chains(row) for channel in chain]


# -- asked for --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AdHoc:
    """What a person asks to be sent, outside any schedule; exactly this is approved."""

    message: str
    revision: str  # hash
    channel: str
    sender: str
    group: int | None
    address: str  # kind of address the channel writes to: "phone", ...
    language: str
    local: str  # nominal local time
    due_at: datetime
    expires_at: datetime
    timezone: str
    quiet_hours: str
    cap_per_24h: int
    require_consent: bool
    campaign: str | None = None
    corrects: int | None = None  # the broadcast it sets right

    def subject(self, members: str, number: int) -> str:
        """The hash that is approved: of `bound` as JSON without blanks."""
        bound = self.bound(members, number)
        return sha256(json.dumps(bound, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()

    def bound(self, members: str, number: int) -> list[Any]:
        """Revision, channel, sender, language, time, the group's members, the rules, and which request it is."""
        rules = [self.quiet_hours, self.cap_per_24h, self.require_consent, self.campaign or ""]
        corrects = [] if self.corrects is None else [self.corrects]
        return [number, self.revision, self.channel, self.sender, self.language, self.local, self.timezone, members,
                *rules, *corrects]  # fmt: skip


def members_digest(connection: Connection, group: int | None, kind: str) -> str:
    """SHA-256 over who is in a group and the address of this kind each would be written to, in pages; "" without a group.

    With the address goes its `key`, which only the office can make: nobody guesses a number from the digest in the ledger.
    """
    if group is None:
        return ""
    digest, after = sha256(), 0
    while True:
        ids = connection.scalars(
            select(MEMBER.c.contact_id)
            .where(MEMBER.c.group_id == group, MEMBER.c.contact_id > after)
            .order_by(MEMBER.c.contact_id)
            .limit(10 * CHUNK)
        ).all()
        if not ids:
            return digest.hexdigest()
        first = _first_addresses(connection, group, kind, after=after, last=ids[-1])
        digest.update(b",".join(b"%d:%s" % (one, first.get(one, b"")) for one in ids) + b",")
        after = ids[-1]


def _first_addresses(connection: Connection, group: int, kind: str, *, after: int, last: int) -> dict[int, bytes]:
    """Contact -> what stands for the address `reached` would choose, for the members with a number in (after, last]."""
    query = (
        select(ADDRESS.c.contact_id, ADDRESS.c.key, ADDRESS.c.value)
        .select_from(MEMBER.join(ADDRESS, ADDRESS.c.contact_id == MEMBER.c.contact_id))
        .where(MEMBER.c.group_id == group, MEMBER.c.contact_id > after, MEMBER.c.contact_id <= last)
        .where(ADDRESS.c.kind == kind, ADDRESS.c.value.is_not(None))
        .order_by(ADDRESS.c.id.desc())
    )
    return {
        contact: bytes(key) + value.encode() for contact, key, value in connection.execute(query)
    }  # the first stays


def ask(tx: Transaction, wanted: AdHoc, *, by: str) -> tuple[int, str]:
    """An ad-hoc broadcast in state `submitted`; returns its id and the hash to approve."""
    row = {
        "campaign_id": wanted.campaign, "schedule_id": "", "local": wanted.local, "message_id": wanted.message,
        "state": "submitted", "paused_from": "", "authority": "", "authority_kind": "broadcast",
        "revision_hash": wanted.revision, "due_at": wanted.due_at, "expires_at": wanted.expires_at, "if_missed": "all",
        "timezone": wanted.timezone, "quiet_hours": wanted.quiet_hours, "blackout": "",
        "cap_per_24h": wanted.cap_per_24h, "require_consent": wanted.require_consent, "sender": wanted.sender,
        "corrects": wanted.corrects,
        "channels": json.dumps([[wanted.channel]]), "group_id": wanted.group, "language": wanted.language,
        "languages": wanted.language if wanted.language != "contact" else "vi", "priority": 0, "expansion": "",
        "planned": 0, "held": "", "created_by": by, "created_at": tx.now,
    }  # fmt: skip
    number = int(tx.connection.execute(insert(BROADCAST).values(row)).inserted_primary_key[0])  # type: ignore[index]
    members = members_digest(tx.connection, wanted.group, wanted.address)
    subject = wanted.subject(members, number)
    tx.connection.execute(update(BROADCAST).where(BROADCAST.c.id == number).values(authority=subject))
    # With the very things the approved hash stands for, so that an auditor can compute it again.
    tx.record(
        Kind.BROADCAST_PLAN, by, b=number, campaign=wanted.campaign or "", schedule="", local=wanted.local,
        message=wanted.message, authority=subject, request=wanted.bound(members, number),
        **_people(tx.connection, wanted.group),
    )  # fmt: skip
    return number, subject


def _people(connection: Connection, group: int | None) -> dict[str, Any]:
    """A group's name and how many are in it now; both empty without one."""
    if group is None:
        return {"group": "", "members": 0}
    name = connection.scalar(select(GROUP.c.name).where(GROUP.c.id == group))
    members = connection.scalar(select(func.count()).where(MEMBER.c.group_id == group))
    return {"group": name or "", "members": members or 0}


def unchanged(connection: Connection, row: Any, road: Road) -> bool:
    """Whether an ad-hoc broadcast is still what was submitted: the group's members, their addresses and the sender included."""
    (channel,) = channel_names(row)
    wanted = AdHoc(
        message=row.message_id, revision=row.revision_hash, channel=channel, sender=road.sender,
        group=row.group_id, address=road.traits.address, language=row.language,
        local=row.local, due_at=row.due_at, expires_at=row.expires_at, timezone=row.timezone,
        quiet_hours=row.quiet_hours, cap_per_24h=row.cap_per_24h, require_consent=row.require_consent,
        campaign=row.campaign_id, corrects=row.corrects,
    )  # fmt: skip
    return bool(wanted.subject(members_digest(connection, row.group_id, road.traits.address), row.id) == row.authority)


def admit(tx: Transaction, broadcast: int) -> None:
    """Its approval has been given in this transaction: it may start at its time."""
    _move(tx, broadcast, {"submitted"}, "planned")


def refuse(tx: Transaction, broadcast: int) -> None:
    _move(tx, broadcast, {"submitted"}, "rejected", ended_at=tx.now)


# -- started and expanded ---------------------------------------------------------------------------------------------


def start(tx: Transaction, row: Any, roads: Roads, *, actor: str = "scheduler") -> str:
    """Freeze the newest approved revision and open the broadcast. Returns "" or the word for why it is held."""
    held, revision, body = _startable(tx.connection, row, roads)
    if held or body is None:
        hold(tx, row, held, actor=actor)
        return held
    tx.connection.execute(
        update(BROADCAST)
        .where(BROADCAST.c.id == row.id, BROADCAST.c.state == "planned")
        .values(state="running", revision_hash=revision, started_at=tx.now, held="")
    )
    tx.record(
        Kind.BROADCAST_START, actor, b=row.id, revision=revision, authority=row.authority,
        authority_kind=row.authority_kind, campaign=row.campaign_id or "", message=row.message_id,
        channels=channel_names(row), texts=_text_hashes(row, body, roads),
        senders={name: roads[name].sender for name in channel_names(row)}, language=row.language,
        quiet_hours=row.quiet_hours, cap_per_24h=row.cap_per_24h, require_consent=row.require_consent,
        due=timestamp(row.due_at), expires=timestamp(row.expires_at), **_people(tx.connection, row.group_id),
    )  # fmt: skip
    return ""


def _startable(connection: Connection, row: Any, roads: Roads) -> tuple[str, str, RevisionBody | None]:
    missing = [name for name in channel_names(row) if name not in roads]
    if missing:
        return "no_channel", "", None
    revision = row.revision_hash or connection.scalar(
        select(APPROVAL.c.subject).where(
            APPROVAL.c.kind == "revision", APPROVAL.c.name == row.message_id, APPROVAL.c.state == "approved"
        )
    )
    if revision is None:
        return "not_approved", "", None
    if row.authority_kind == "broadcast" and not unchanged(connection, row, roads[channel_names(row)[0]]):
        return "audience_changed", "", None
    canonical = connection.scalar(select(REVISION.c.canonical).where(REVISION.c.hash == revision))
    body = read(canonical or b"", revision)
    return ("", revision, body) if body else ("tampered", revision, None)


def _text_hashes(row: Any, body: RevisionBody, roads: Roads) -> dict[str, str]:
    found = {}
    for name in channel_names(row):
        road = roads[name]
        for language in _languages(row, body, road):
            said = words(body, traits=road.traits, accents=road.accents, language=language)
            if said:
                found[f"{name}/{language}"] = said.sha256
    return found


def _languages(row: Any, body: RevisionBody, road: Road) -> list[str]:
    """The languages this broadcast may use on this road, the default one first; [] if the revision has no fitting form."""
    wanted = row.languages.split(",")
    if road.traits.unit == "public":
        wanted = list(road.languages or wanted)
    elif row.language != "contact":
        wanted = [row.language]
    return languages_for(body, traits=road.traits, accents=road.accents, wanted=wanted)


def hold(tx: Transaction, row: Any, reason: str, *, actor: str) -> None:
    """Note why it does not go; said in the ledger once per reason, unless it is only the hour."""
    if row.held == reason:
        return
    tx.connection.execute(update(BROADCAST).where(BROADCAST.c.id == row.id).values(held=reason))
    if reason not in ("", "quiet_hours", "blackout"):
        tx.record(Kind.BROADCAST_HOLD, actor, b=row.id, reason=reason)


def expand_chunk(tx: Transaction, broadcast: int, roads: Roads) -> bool:
    """Write the next at most 5,000 dispatches; True while there is more. The cursor moves in the same transaction."""
    row = lock(tx.connection, broadcast)
    if row.state not in ("running", "paused") or row.expansion == EXPANDED or row.ending:
        return False
    cursor = json.loads(row.expansion or '{"chain": 0, "after": 0}')
    all_chains = chains(row)
    body = body_of(tx.connection, row)
    if body is None or cursor["chain"] >= len(all_chains):
        _set_cursor(tx, row, EXPANDED)
        return False
    chain = all_chains[cursor["chain"]]
    road = roads[chain[0]]
    before = newest_id(tx.connection)
    if road.traits.unit == "public":
        born, last = _expand_public(tx, row, road, body), None
    else:
        born, last = _expand_people(tx, row, [roads[name] for name in chain], body, after=cursor["after"])
    keep_apart(tx, before)
    _record_born(tx, row, born)
    following = (
        {"chain": cursor["chain"], "after": last} if last is not None else {"chain": cursor["chain"] + 1, "after": 0}
    )
    finished = following["chain"] >= len(all_chains)
    _set_cursor(tx, row, EXPANDED if finished else json.dumps(following), more=sum(born.values()))
    return not finished


def newest_id(connection: Connection) -> int | None:
    """The highest dispatch id, where new ones must begin above a floor (after a restore, on SQLite); else None."""
    if connection.dialect.name != "sqlite" or not connection.scalar(select(META.c.value).where(META.c.name == FLOOR)):
        return None
    return connection.scalar(select(func.max(DISPATCH.c.id))) or 0


def keep_apart(tx: Transaction, before: int | None) -> None:
    """Lift the dispatches born since above the floor: their numbers were given to others in the days that were lost."""
    if before is None:
        return
    floor = int(tx.connection.scalar(select(META.c.value).where(META.c.name == FLOOR)) or 0)
    if before < floor:
        gap = floor - before
        tx.connection.execute(update(DISPATCH).where(DISPATCH.c.id > before).values(id=DISPATCH.c.id + gap))


def body_of(connection: Connection, row: Any) -> RevisionBody | None:
    canonical = connection.scalar(select(REVISION.c.canonical).where(REVISION.c.hash == row.revision_hash))
    return read(canonical or b"", row.revision_hash)


def _set_cursor(tx: Transaction, row: Any, cursor: str, *, more: int = 0) -> None:
    tx.connection.execute(
        update(BROADCAST).where(BROADCAST.c.id == row.id).values(expansion=cursor, planned=BROADCAST.c.planned + more)
    )


def _record_born(tx: Transaction, row: Any, born: Counter[tuple[str, str]]) -> None:
    store.count(tx.connection, {(row.id, channel, state): n for (channel, state), n in born.items()})
    for channel in sorted({channel for channel, _ in born}):
        found = {state: n for (one, state), n in born.items() if one == channel}
        tx.record(Kind.BROADCAST_EXPAND, "scheduler", b=row.id, channel=channel, n=sum(found.values()), states=found)


def _expand_public(tx: Transaction, row: Any, road: Road, body: RevisionBody) -> Counter[tuple[str, str]]:
    """One dispatch per language edition to the channel's own address."""
    address = public_address(tx, road.channel)
    born: Counter[tuple[str, str]] = Counter()
    for language in _languages(row, body, road):
        values = {
            "broadcast_id": row.id, "channel": road.channel, "address_id": address, "edition": language,
            "language": language, "state": State.PLANNED.value, "attempts": 0, "uncounted": 0,
        }  # fmt: skip
        tx.connection.execute(insert(DISPATCH).values(values))
        born[road.channel, State.PLANNED.value] += 1
    return born


def public_address(tx: Transaction, channel: str) -> int:
    """The address of a public channel, made on first use."""
    where = (ADDRESS.c.kind == "public", ADDRESS.c.value == channel)
    found = tx.connection.scalar(select(ADDRESS.c.id).where(*where))
    if found is None:
        key = sha256(f"public:{channel}".encode()).digest()
        tx.connection.execute(insert(ADDRESS).values(contact_id=None, kind="public", value=channel, key=key))
        found = tx.connection.scalar(select(ADDRESS.c.id).where(*where))
    assert found is not None
    return int(found)


def _expand_people(
    tx: Transaction, row: Any, chain: list[Road], body: RevisionBody, *, after: int
) -> tuple[Counter[tuple[str, str]], int | None]:
    """The next members of the group; each gets the first channel of the chain he or she has an address for."""
    born: Counter[tuple[str, str]] = Counter()
    page = (
        select(MEMBER.c.contact_id)
        .where(MEMBER.c.group_id == row.group_id, MEMBER.c.contact_id > after)
        .order_by(MEMBER.c.contact_id)
        .limit(CHUNK)
        .subquery()
    )
    last, size = tx.connection.execute(select(func.max(page.c.contact_id), func.count()).select_from(page)).one()
    if not size:
        return born, None
    tried: list[str] = []
    for road in chain:
        chosen = _members(row, road, body, tried).where(MEMBER.c.contact_id > after, MEMBER.c.contact_id <= last)
        result = tx.connection.execute(
            insert(DISPATCH).from_select(COLUMNS, chosen.order_by(MEMBER.c.contact_id)).returning(DISPATCH.c.state)
        )
        for (state,) in result:
            born[road.channel, state] += 1
        tried.append(road.traits.address)
    return born, (int(last) if size == CHUNK else None)


def _members(row: Any, road: Road, body: RevisionBody, tried: list[str]) -> Select[Any]:
    """The group's members this road reaches and none of the kinds tried before does, as rows of `dispatch`."""
    people = MEMBER.join(CONTACT, CONTACT.c.id == MEMBER.c.contact_id)
    query = reached(row, road, body, people).where(MEMBER.c.group_id == row.group_id)
    return query.where(~has_address(tried)) if tried else query


def has_address(kinds: Sequence[str]) -> Any:
    """Whether the contact has an address of one of these kinds."""
    one = ADDRESS.alias()
    return exists().where(one.c.contact_id == CONTACT.c.id, one.c.kind.in_(kinds), one.c.value.is_not(None))


COLUMNS = ("broadcast_id", "channel", "address_id", "edition", "language", "state", "reason", "attempts", "uncounted")


def reached(row: Any, road: Road, body: RevisionBody, people: FromClause, *more: Any) -> Select[Any]:
    """Which of `people` this road reaches, as `COLUMNS` of `dispatch`; the first address of the kind, in order of entry."""
    other = ADDRESS.alias("other")
    first = (
        select(func.min(other.c.id))
        .where(other.c.contact_id == CONTACT.c.id, other.c.kind == road.traits.address, other.c.value.is_not(None))
        .scalar_subquery()
    )
    speakable = _languages(row, body, road)
    if row.language == "contact" and speakable:
        language: Any = case((CONTACT.c.language.in_(speakable), CONTACT.c.language), else_=literal(speakable[0]))
    else:
        language = literal(row.language if row.language != "contact" else row.languages.split(",")[0])
    reason = case(
        (SUPPRESSION.c.key.is_not(None), literal("opted_out")),
        *([(_no_consent(), literal("no_consent"))] if row.require_consent and road.traits.unit == "person" else []),
        *([(literal(1) == 1, literal("no_form"))] if not speakable else []),
        else_=None,
    )
    state = case((reason.is_not(None), literal(State.SUPPRESSED.value)), else_=literal(State.PLANNED.value))
    return (
        select(
            literal(row.id), literal(road.channel), ADDRESS.c.id, literal(""), language, state, reason, literal(0),
            literal(0), *more,
        )
        .select_from(people)
        .join(ADDRESS, ADDRESS.c.id == first)
        .outerjoin(SUPPRESSION, SUPPRESSION.c.key == ADDRESS.c.key)
    )  # fmt: skip


def _no_consent() -> Any:
    return or_(CONTACT.c.consent_source == "", CONTACT.c.consent_date.is_(None))


def reach(connection: Connection, row: Any, roads: Roads) -> dict[str, int]:
    """How many dispatches per channel this broadcast would have; for one that ends before it is expanded."""
    found: dict[str, int] = {}
    for chain in chains(row):
        tried: list[str] = []
        for name in chain:
            road = roads.get(name)
            if road is None:
                found[name] = 0
                continue
            if road.traits.unit == "public":
                found[name] = len(road.languages or row.languages.split(","))
                continue
            has = ADDRESS.alias("has")
            query = (
                select(func.count())
                .select_from(MEMBER)
                .where(
                    MEMBER.c.group_id == row.group_id,
                    exists().where(
                        has.c.contact_id == MEMBER.c.contact_id,
                        has.c.kind == road.traits.address,
                        has.c.value.is_not(None),
                    ),
                )
            )
            if tried:
                earlier = ADDRESS.alias("earlier")
                query = query.where(
                    ~exists().where(
                        earlier.c.contact_id == MEMBER.c.contact_id,
                        earlier.c.kind.in_(tried),
                        earlier.c.value.is_not(None),
                    )
                )
            found[name] = int(connection.scalar(query) or 0)
            tried.append(road.traits.address)
    return found


# -- paused, closed, done ---------------------------------------------------------------------------------------------


def pause(tx: Transaction, broadcast: int, actor: str, reason: str) -> None:
    """Raises: Conflict unless it is planned or running."""
    own_lock(tx.connection)
    row = get(tx.connection, broadcast)
    _move(tx, broadcast, {"planned", "running"}, "paused", paused_from=row.state)
    tx.record(Kind.BROADCAST_PAUSE, actor, b=broadcast, reason=reason)


def resume(tx: Transaction, broadcast: int, actor: str) -> None:
    """Raises: Conflict unless it is paused, and not being taken back."""
    row = lock(tx.connection, broadcast)
    if row.ending:
        raise Conflict(f"Broadcast {public_id(broadcast)} is being cancelled; what has not left is closed in steps.")
    _move(tx, broadcast, {"paused"}, row.paused_from or "planned", paused_from="")
    tx.record(Kind.BROADCAST_RESUME, actor, b=broadcast)


def cancel(tx: Transaction, broadcast: int, actor: str, reason: str, *, roads: Roads | None = None) -> int:
    """Nothing more of it goes out, from now; returns how many of its dispatches this transaction closed.

    At most `CHUNK` are closed at once: a larger one stands as paused and `ending` until `end_chunk` has closed the rest;
    only then it is cancelled. Said again meanwhile, it goes on. Raises: Conflict if it has ended.
    """
    own_lock(tx.connection)
    row = lock(tx.connection, broadcast)
    if row.ending:
        return end_chunk(tx, broadcast)
    if row.expansion == "":
        _move(tx, broadcast, {"submitted", "planned", "running", "paused"}, "cancelled", ended_at=tx.now)
        if not roads or row.state == "submitted":
            tx.record(Kind.BROADCAST_CANCEL, actor, b=broadcast, reason=reason)
            return 0
        counted = reach(tx.connection, row, roads)  # an auditor counts from the log alone
        tx.record(Kind.BROADCAST_CANCEL, actor, b=broadcast, reason=reason, channels=counted)
        return _close_unexpanded(tx, row, roads, State.CANCELLED)
    ending = json.dumps({"state": State.CANCELLED.value, "reason": reason, "actor": actor})
    _move(tx, broadcast, {"running", "paused"}, "paused", ending=ending, held="cancelling")
    tx.record(Kind.BROADCAST_CANCEL, actor, b=broadcast, reason=reason)
    return end_chunk(tx, broadcast)


def end_chunk(tx: Transaction, broadcast: int) -> int:
    """Close the next of a broadcast that is being cancelled, and cancel it after the last; how many were closed."""
    row = lock(tx.connection, broadcast)
    if not row.ending:
        return 0
    ending = json.loads(row.ending)
    closed = store.close(
        tx, broadcast, state=State(ending["state"]), reason=ending["reason"], actor=ending["actor"], most=CHUNK
    )
    if closed < CHUNK:
        _move(tx, broadcast, {"paused"}, "cancelled", ended_at=tx.now, ending="", held="")
    return closed


def ending(connection: Connection) -> list[int]:
    """Broadcasts that are being cancelled."""
    return list(connection.scalars(select(BROADCAST.c.id).where(BROADCAST.c.ending != "").order_by(BROADCAST.c.id)))


def put_back_late(connection: Connection) -> list[int]:
    """Broadcasts that have ended, and got something back after that: a request under way that was certainly not taken."""
    again = (TALLY.c.broadcast_id == BROADCAST.c.id, TALLY.c.state.in_(store.CLOSABLE), TALLY.c.n > 0)
    query = select(BROADCAST.c.id).where(BROADCAST.c.state.in_(("cancelled", "expired")), exists().where(*again))
    return list(connection.scalars(query))


def close_put_back(tx: Transaction, broadcast: int) -> int:
    """Close what came back to one that has ended, as the rest of it was."""
    row = lock(tx.connection, broadcast)
    if row.state not in ("cancelled", "expired"):
        return 0
    return store.close(tx, broadcast, state=State(row.state), reason=row.state, actor="scheduler", most=CHUNK)


def expire(tx: Transaction, row: Any, roads: Roads, *, reason: str, actor: str = "scheduler") -> int:
    """The time of one that was never expanded has passed: it is counted as it would have been, and expired."""
    _move(tx, row.id, {"planned", "running", "paused"}, "expired", ended_at=tx.now, held=reason)
    n = _close_unexpanded(tx, row, roads, State.EXPIRED)
    tx.record(
        Kind.BROADCAST_EXPIRE, actor, b=row.id, reason=reason, planned=n, channels=reach(tx.connection, row, roads)
    )
    return n


def expire_chunk(tx: Transaction, broadcast: int, *, reason: str, actor: str = "scheduler") -> int:
    """The time of an expanded one has passed: close the next of what has not left; how many were closed."""
    row = lock(tx.connection, broadcast)
    if row.state not in ("running", "paused") or row.ending:
        return 0
    return store.close(tx, row.id, state=State.EXPIRED, reason=reason, actor=actor, most=CHUNK)


def lapse(tx: Transaction, row: Any) -> None:
    """An ad-hoc broadcast that nobody approved in its time."""
    _move(tx, row.id, {"submitted"}, "expired", ended_at=tx.now, held="not_approved")
    tx.record(Kind.BROADCAST_EXPIRE, "scheduler", b=row.id, reason="not_approved", planned=0, channels={})


def _close_unexpanded(tx: Transaction, row: Any, roads: Roads, state: State) -> int:
    """Count what it would have had, so that the sums still close."""
    found = reach(tx.connection, row, roads)
    store.count(tx.connection, {(row.id, channel, state.value): n for channel, n in found.items()})
    total = sum(found.values())
    tx.connection.execute(update(BROADCAST).where(BROADCAST.c.id == row.id).values(planned=total))
    return total


def finish(
    tx: Transaction, broadcast: int, *, more: Callable[[Transaction, Any], bool] = lambda _tx, _row: False
) -> bool:
    """Done once it is wholly expanded and nothing of it is open; True if that happened now.

    `more` is asked last: whether something of it goes on by another channel.
    """
    row = lock(tx.connection, broadcast)
    if (
        row.state not in ("running", "paused")
        or row.expansion != EXPANDED
        or row.ending
        or store.open_count(tx.connection, broadcast)
        or more(tx, row)
    ):
        return False
    _move(tx, broadcast, {"running", "paused"}, "done", ended_at=tx.now, held="")
    found = {state: n for state, n in store.states(tx.connection, broadcast).items() if n}
    tx.record(Kind.BROADCAST_DONE, "scheduler", b=broadcast, states=found)
    return True


def _move(tx: Transaction, broadcast: int, before: set[str], state: str, **values: Any) -> None:
    done = tx.connection.execute(
        update(BROADCAST)
        .where(BROADCAST.c.id == broadcast, BROADCAST.c.state.in_(before))
        .values(state=state, **values)
    )
    if done.rowcount != 1:
        row = get(tx.connection, broadcast)
        wanted = " or ".join(sorted(before))
        raise Conflict(f"Broadcast {public_id(broadcast)} is {row.state}; this takes one that is {wanted}.")


def open_count(connection: Connection, broadcast: int) -> int:
    """Dispatches of it that may still move by themselves."""
    return store.open_count(connection, broadcast)


# -- shown ------------------------------------------------------------------------------------------------------------


def due(connection: Connection, now: datetime) -> list[Any]:
    """Planned broadcasts whose time has come, oldest first."""
    return list(
        connection.execute(
            select(BROADCAST)
            .where(BROADCAST.c.state == "planned", BROADCAST.c.due_at <= now)
            .order_by(BROADCAST.c.due_at, BROADCAST.c.id)
        )
    )


def next_due(connection: Connection) -> datetime | None:
    """When the next planned broadcast is due."""
    found: datetime | None = connection.scalar(
        select(func.min(BROADCAST.c.due_at)).where(BROADCAST.c.state == "planned")
    )
    return found


def group_name(connection: Connection, group: int | None) -> str:
    if group is None:
        return ""
    return str(connection.scalar(select(GROUP.c.name).where(GROUP.c.id == group)) or "")


def listing(connection: Connection, *, state: str | None, campaign: str | None, limit: int) -> list[Any]:
    """The newest broadcasts, oldest of them first."""
    query = select(BROADCAST).order_by(BROADCAST.c.due_at.desc(), BROADCAST.c.id.desc()).limit(limit)
    if state:
        query = query.where(BROADCAST.c.state == state)
    if campaign:
        query = query.where(BROADCAST.c.campaign_id == campaign)
    return list(connection.execute(query))[::-1]


def cost(connection: Connection, broadcast: int) -> dict[str, str]:
    """What its accepted attempts cost: the sum of parts x the price then in force, exact."""
    query = (
        select(PRICE.c.currency, func.sum(ATTEMPT.c.parts * PRICE.c.amount))
        .join(DISPATCH, DISPATCH.c.id == ATTEMPT.c.dispatch_id)
        .join(PRICE, PRICE.c.id == ATTEMPT.c.price_id)
        .where(DISPATCH.c.broadcast_id == broadcast)
        .group_by(PRICE.c.currency)
        .order_by(PRICE.c.currency)
    )
    sums = {currency: int(micros) for currency, micros in connection.execute(query)}
    currency, micros = next(iter(sums.items()), ("VND", 0))
    return {"amount": f"{(Decimal(micros) / 1_000_000).normalize():f}", "currency": currency}


def held_by(connection: Connection, *, scope: str, subject: str, now: datetime) -> tuple[int, int]:
    """What a stop holds back: dispatches that would leave if it were lifted now, and those that would expire instead."""
    open_now = BROADCAST.c.state == "running"
    query = (
        select(BROADCAST.c.expires_at > now, func.count())
        .select_from(DISPATCH)
        .join(BROADCAST, BROADCAST.c.id == DISPATCH.c.broadcast_id)
        .where(open_now, DISPATCH.c.state.in_(store.CLOSABLE))
        .group_by(BROADCAST.c.expires_at > now)
    )
    if scope == "campaign":
        query = query.where(BROADCAST.c.campaign_id == subject)
    if scope == "channel":
        query = query.where(DISPATCH.c.channel == subject)
    if scope == "area":
        query = (
            query.join(ADDRESS, ADDRESS.c.id == DISPATCH.c.address_id)
            .join(CONTACT, CONTACT.c.id == ADDRESS.c.contact_id)
            .where(CONTACT.c.commune == subject)
        )
    found = {bool(fresh): int(n) for fresh, n in connection.execute(query)}
    return found.get(True, 0), found.get(False, 0)


def lives_in(connection: Connection, commune: str) -> bool:
    """Whether any contact's commune is this one."""
    return connection.execute(select(CONTACT.c.id).where(CONTACT.c.commune == commune).limit(1)).first() is not None
