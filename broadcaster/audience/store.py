"""Contacts, groups and suppressions in the database. The caller owns the transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects import postgresql, sqlite

from broadcaster.access.hold import refuse
from broadcaster.audience.batch import Person, Profile
from broadcaster.audience.contact import KINDS, Address, Consent, group_name
from broadcaster.channel.address import commitment, mask, suppression_key
from broadcaster.db import tables
from broadcaster.db.tables import table
from broadcaster.dispatch import store as dispatches
from broadcaster.errors import NotFound
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction

CONTACT = table(tables.Contact)
ADDRESS = table(tables.Address)
GROUP = table(tables.Group)
MEMBER = table(tables.Member)
SUPPRESSION = table(tables.Suppression)
BROADCAST = table(tables.Broadcast)
DISPATCH = table(tables.Dispatch)
TALLY = table(tables.Tally)

SALT = 32  # bytes
ERASED = "erased"  # the reason of a suppression that also keeps the address out of later imports
ERASED_KEY = (
    b""  # what stands in `address.key` after erasure; it is suppressed for good, so that such a row never sends
)
PAGE = 1000  # contacts read at a time
ASKED = 500  # values in one IN list

Record = Any  # a row as it was selected

HAS_CONSENT = and_(CONTACT.c.consent_source != "", CONTACT.c.consent_date.is_not(None))
IS_SUPPRESSED = exists().where(SUPPRESSION.c.key == ADDRESS.c.key).correlate(ADDRESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Headcount:
    """The contacts of a group as one kind of channel sees them; each is counted once, and the four sum to the group."""

    eligible: int
    without_address: int
    suppressed: int  # that address has been opted out or erased
    without_consent: int  # 0 where consent is not required

    @property
    def members(self) -> int:
        return self.eligible + self.without_address + self.suppressed + self.without_consent


# -- groups -----------------------------------------------------------------------------------------------------------


def group_id(connection: Connection, name: str) -> int:
    """Raises: NotFound with the groups there are."""
    found = connection.scalar(select(GROUP.c.id).where(GROUP.c.name == name))
    if found is None:
        known = ", ".join(connection.scalars(select(GROUP.c.name).order_by(GROUP.c.name).limit(20))) or "none yet"
        raise NotFound(
            f"No group is called {name!r}. There are: {known}. Make one with `broadcaster audience group add`."
        )
    return int(found)


def add_group(tx: Transaction, name: str, *, actor: str) -> int:
    """The group's id; made and ledgered if it was absent. Raises: WrongUse for a name that does not do."""
    name = group_name(name)
    if _insert_once(tx.connection, GROUP, name=name, created_at=tx.now):
        tx.record(Kind.AUDIENCE_GROUP, actor, group=name, change="added")
    return group_id(tx.connection, name)


def groups(connection: Connection) -> list[dict[str, Any]]:
    """Every group with its number of members, by name."""
    query = (
        select(GROUP.c.name, func.count(MEMBER.c.contact_id).label("members"), GROUP.c.created_at)
        .outerjoin(MEMBER, MEMBER.c.group_id == GROUP.c.id)
        .group_by(GROUP.c.id, GROUP.c.name, GROUP.c.created_at)
        .order_by(GROUP.c.name)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def headcount(connection: Connection, group_id: int, kind: str, *, require_consent: bool) -> Headcount:
    """How many of a group can be reached at addresses of a kind, and why the others cannot.

    A contact counts by the first address of the kind, in order of entry: that is the one a broadcast goes to.
    """
    other = ADDRESS.alias("other")
    first = (
        select(func.min(other.c.id))
        .where(other.c.contact_id == CONTACT.c.id, other.c.kind == kind, other.c.value.is_not(None))
        .scalar_subquery()
    )
    why = case(
        (ADDRESS.c.id.is_(None), "without_address"),
        (SUPPRESSION.c.key.is_not(None), "suppressed"),
        *([(~HAS_CONSENT, "without_consent")] if require_consent else []),
        else_="eligible",
    )
    reached = (
        MEMBER.join(CONTACT, CONTACT.c.id == MEMBER.c.contact_id)
        .outerjoin(ADDRESS, ADDRESS.c.id == first)
        .outerjoin(SUPPRESSION, SUPPRESSION.c.key == ADDRESS.c.key)
    )
    members = select(why.label("why")).select_from(reached).where(MEMBER.c.group_id == group_id).subquery()
    rows = connection.execute(select(members.c.why, func.count()).group_by(members.c.why))
    counts: dict[str, int] = {row[0]: int(row[1]) for row in rows}
    return Headcount(**{name: counts.get(name, 0) for name in Headcount.__dataclass_fields__})


# -- what an import needs ---------------------------------------------------------------------------------------------


def lock_for_import(tx: Transaction) -> None:
    """On PostgreSQL two imports at once would race for the same new address; SQLite has one writer anyway."""
    if tx.connection.dialect.name == "postgresql":
        tx.connection.execute(sql("LOCK TABLE contact IN SHARE ROW EXCLUSIVE MODE"))


def owners(connection: Connection, addresses: Iterable[Address]) -> dict[Address, int]:
    """Which contact holds each of the addresses; the unknown ones are left out."""
    values: dict[str, list[str]] = {}
    for kind, value in addresses:
        values.setdefault(kind, []).append(value)
    found: dict[Address, int] = {}
    for kind, wanted in values.items():
        query = select(ADDRESS.c.value, ADDRESS.c.contact_id).where(ADDRESS.c.kind == kind)
        found.update(((kind, value), contact) for value, contact in _among(connection, query, ADDRESS.c.value, wanted))
    return found


def profiles(connection: Connection, contacts: Collection[int]) -> dict[int, Profile]:
    return {row.id: _profile(row) for row in _among(connection, select(*_PROFILE), CONTACT.c.id, contacts)}


def suppressed(connection: Connection, keys: Collection[bytes]) -> dict[bytes, str]:
    """The reasons of those keys that are suppressed."""
    query = select(SUPPRESSION.c.key, SUPPRESSION.c.reason)
    return {row.key: row.reason for row in _among(connection, query, SUPPRESSION.c.key, keys)}


def save(
    tx: Transaction, people: Sequence[Person], keys: Mapping[Address, bytes], *, entropy: Callable[[int], bytes]
) -> None:
    """Write new people and what changed of known ones; afterwards every person has an id."""
    fresh = [person for person in people if person.id is None]
    changed = [person for person in people if person.id is not None and person.is_changed]
    for person, number in zip(fresh, _new_contacts(tx, fresh, entropy), strict=True):
        person.id = number
    _change(tx, changed)
    rows = [
        {"contact_id": person.id, "kind": kind, "value": value, "key": keys[kind, value]}
        for person in people
        for kind, value in person.added
    ]
    if rows:
        tx.connection.execute(insert(ADDRESS), rows)


def join(tx: Transaction, group: int, contacts: Sequence[int]) -> int:
    """Put contacts into a group; returns how many were not in it before."""
    query = select(MEMBER.c.contact_id).where(MEMBER.c.group_id == group)
    there = {row.contact_id for row in _among(tx.connection, query, MEMBER.c.contact_id, contacts)}
    rows = [{"group_id": group, "contact_id": contact} for contact in contacts if contact not in there]
    if rows:
        tx.connection.execute(insert(MEMBER), rows)
    return len(rows)


def _new_contacts(tx: Transaction, people: Sequence[Person], entropy: Callable[[int], bytes]) -> Sequence[int]:
    if not people:
        return []
    numbers = _reserve(tx.connection, len(people))
    salts = entropy(SALT * len(people))
    rows = [
        {"id": number, "salt": salts[at * SALT : (at + 1) * SALT], "created_at": tx.now} | _row(person.profile)
        for at, (number, person) in enumerate(zip(numbers, people, strict=True))
    ]
    tx.connection.execute(insert(CONTACT), rows)
    return numbers


def _reserve(connection: Connection, n: int) -> Sequence[int]:
    """The ids of the next contacts: five times quicker than asking for them row by row.

    SQLite's writer is alone, and contacts are never deleted; PostgreSQL hands them out of the column's own sequence.
    """
    if connection.dialect.name == "sqlite":
        last = connection.scalar(select(func.max(CONTACT.c.id))) or 0
        return range(last + 1, last + 1 + n)
    drawn = "SELECT nextval(pg_get_serial_sequence('contact', 'id')) FROM generate_series(1, :n)"
    return connection.scalars(sql(drawn), {"n": n}).all()


def _change(tx: Transaction, people: Sequence[Person]) -> None:
    for person in people:
        tx.connection.execute(update(CONTACT).where(CONTACT.c.id == person.id).values(**_row(person.profile)))


def _row(profile: Profile) -> dict[str, Any]:
    return {
        "name": profile.name,
        "language": profile.language,
        "commune": profile.commune,
        "consent_source": profile.consent.source if profile.consent else "",
        "consent_date": profile.consent.date if profile.consent else None,
    }


_PROFILE = (
    CONTACT.c.id,
    CONTACT.c.name,
    CONTACT.c.language,
    CONTACT.c.commune,
    CONTACT.c.consent_source,
    CONTACT.c.consent_date,
)


def _profile(row: Record) -> Profile:
    consent = Consent(row.consent_source, row.consent_date) if row.consent_source and row.consent_date else None
    return Profile(name=row.name, language=row.language, commune=row.commune, consent=consent)


# -- suppression ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOut:
    """What an opt-out did."""

    contact: int | None  # None: the address belongs to nobody we know
    addresses: int  # newly suppressed
    dispatches: int  # taken back before they were sent


def suppress(tx: Transaction, key: bytes, kind: str, *, reason: str, source: str, actor: str) -> tuple[bool, int]:
    """Nothing is sent to this address again. Says whether it is new, and how many open dispatches were closed.

    Repeatable: the first reason stands. `reason` and `source` are short codes; they go into the ledger.
    """
    is_new = _insert_once(tx.connection, SUPPRESSION, key=key, kind=kind, reason=reason, source=source, at=tx.now)
    if is_new:
        known = _recipient(tx.connection, key)
        tx.record(Kind.CONTACT_OPT_OUT, actor, channel_kind=kind, reason=reason, source=source, **known)
    holders = tx.connection.scalars(select(ADDRESS.c.id).where(ADDRESS.c.key == key)).all()
    return is_new, take_back(tx, holders, reason=reason, actor=actor)


def opt_out(
    tx: Transaction, address: Address, *, office_key: bytes, reason: str, source: str, actor: str, only: str = ""
) -> OptOut:
    """Suppress every address of the person who has this one (`only`: of that kind), or just it if nobody has it."""
    contact = owners(tx.connection, [address]).get(address)
    if contact is None:
        wanted = [address]
    else:
        wanted = [(row.kind, row.value) for row in addresses_of(tx.connection, contact) if only in ("", row.kind)]
    done = [
        suppress(tx, suppression_key(office_key, kind, value), kind, reason=reason, source=source, actor=actor)
        for kind, value in wanted
    ]
    return OptOut(contact=contact, addresses=sum(new for new, _ in done), dispatches=sum(closed for _, closed in done))


def take_back(tx: Transaction, addresses: Collection[int], *, reason: str, actor: str) -> int:
    """Open dispatches to these addresses, of which nothing has left, become suppressed; returns how many.

    The tallies say where open ones are, so that no table is scanned.
    """
    if not addresses:
        return 0
    rows = tx.connection.execute(
        select(DISPATCH.c.id, DISPATCH.c.broadcast_id, DISPATCH.c.channel, DISPATCH.c.state)
        .select_from(TALLY.join(DISPATCH, and_(
            DISPATCH.c.broadcast_id == TALLY.c.broadcast_id,
            DISPATCH.c.channel == TALLY.c.channel,
            DISPATCH.c.state == TALLY.c.state,
        )))
        .where(TALLY.c.n > 0, TALLY.c.state.in_(dispatches.CLOSABLE), DISPATCH.c.address_id.in_(addresses))
        .order_by(DISPATCH.c.id)
        .with_for_update(of=DISPATCH)
    ).all()  # fmt: skip
    if not rows:
        return 0
    tx.connection.execute(
        update(DISPATCH)
        .where(DISPATCH.c.id.in_([row.id for row in rows]))
        .values(state="suppressed", reason=reason, not_before=None)
    )
    _count_back(tx, rows, reason=reason, actor=actor)
    return len(rows)


def _count_back(tx: Transaction, rows: Sequence[Record], *, reason: str, actor: str) -> None:
    deltas: Counter[tuple[int, str, str]] = Counter()
    before: dict[tuple[int, str], Counter[str]] = {}
    for row in rows:
        deltas[row.broadcast_id, row.channel, row.state] -= 1
        deltas[row.broadcast_id, row.channel, "suppressed"] += 1
        before.setdefault((row.broadcast_id, row.channel), Counter())[row.state] += 1
    dispatches.count(tx.connection, deltas)
    for (broadcast, channel), was in sorted(before.items()):
        tx.record(
            Kind.DISPATCH_CLOSE, actor, b=broadcast, channel=channel, state="suppressed", reason=reason,
            n=was.total(), **{"from": dict(was)},
        )  # fmt: skip


def _recipient(connection: Connection, key: bytes) -> dict[str, str]:
    """The ledger's commitment to the person at this address, while their salt exists."""
    row = connection.execute(
        select(ADDRESS.c.kind, ADDRESS.c.value, CONTACT.c.salt)
        .join(CONTACT, CONTACT.c.id == ADDRESS.c.contact_id)
        .where(ADDRESS.c.key == key, ADDRESS.c.value.is_not(None), CONTACT.c.salt.is_not(None))
    ).first()
    return {} if row is None else {"recipient": commitment(row.salt, row.kind, row.value).hex()}


# -- erasure ----------------------------------------------------------------------------------------------------------


def erase(tx: Transaction, contact: int, *, actor: str) -> int:
    """Name, addresses and salt are gone; the suppressions stay. Returns how many open dispatches were taken back.

    What the ledger holds of the person can from now on be tied to nobody. Raises: NotFound; Conflict under a legal hold.
    """
    _find(tx.connection, contact)
    refuse(tx.connection, *_campaigns(tx.connection, contact), doing="This person cannot be erased now")
    held = addresses_of(tx.connection, contact)
    for row in held:
        _keep_out(tx, row.key, row.kind)
    taken = _blank(tx, [contact], [row.id for row in held], actor=actor)
    tx.record(Kind.CONTACT_ERASE, actor, contact=contact, addresses=len(held), dispatches=taken)
    return taken


def forget(tx: Transaction, contacts: Sequence[int], *, actor: str) -> int:
    """The same for people whose data was kept long enough, without a suppression: they asked for nothing, and may come again.

    Writes no entry that names one; the caller counts them. At most `ASKED` at a time. Returns how many addresses are gone.
    """
    held = tx.connection.scalars(
        select(ADDRESS.c.id).where(ADDRESS.c.contact_id.in_(contacts), ADDRESS.c.value.is_not(None))
    ).all()
    _blank(tx, contacts, held, actor=actor)
    return len(held)


def _blank(tx: Transaction, contacts: Sequence[int], addresses: Sequence[int], *, actor: str) -> int:
    """Names, addresses and salts; returns how many open dispatches were taken back."""
    _keep_out(tx, ERASED_KEY, "")
    taken = take_back(tx, addresses, reason=ERASED, actor=actor)
    tx.connection.execute(update(ADDRESS).where(ADDRESS.c.contact_id.in_(contacts)).values(value=None, key=ERASED_KEY))
    tx.connection.execute(
        update(CONTACT).where(CONTACT.c.id.in_(contacts)).values(**_row(Profile()), salt=None, erased_at=tx.now)
    )
    tx.connection.execute(delete(MEMBER).where(MEMBER.c.contact_id.in_(contacts)))
    return taken


def _campaigns(connection: Connection, contact: int) -> Sequence[str]:
    """The campaigns in which something left for this person."""
    return connection.scalars(
        select(BROADCAST.c.campaign_id)
        .join(DISPATCH, DISPATCH.c.broadcast_id == BROADCAST.c.id)
        .join(ADDRESS, ADDRESS.c.id == DISPATCH.c.address_id)
        .where(ADDRESS.c.contact_id == contact, DISPATCH.c.sent_at.is_not(None), BROADCAST.c.campaign_id.is_not(None))
        .distinct()
    ).all()


def _keep_out(tx: Transaction, key: bytes, kind: str) -> None:
    statement = _insert(tx.connection, SUPPRESSION).values(key=key, kind=kind, reason=ERASED, source="erase", at=tx.now)
    tx.connection.execute(
        statement.on_conflict_do_update(
            index_elements=["key"], set_={name: statement.excluded[name] for name in ("reason", "source", "at")}
        )
    )


# -- looking ----------------------------------------------------------------------------------------------------------


def addresses_of(connection: Connection, contact: int) -> Sequence[Record]:
    """The addresses that are not erased, in the order of KINDS and then of arrival."""
    rows = connection.execute(
        select(ADDRESS, IS_SUPPRESSED.label("is_suppressed"))
        .where(ADDRESS.c.contact_id == contact, ADDRESS.c.value.is_not(None))
        .order_by(ADDRESS.c.id)
    ).all()
    return sorted(rows, key=lambda row: KINDS.index(row.kind))


def contact_at(connection: Connection, address: Address) -> int:
    """Raises: NotFound."""
    found = owners(connection, [address]).get(address)
    if found is None:
        raise NotFound("No contact has this address. `broadcaster audience list` shows who there is.")
    return found


def shown(connection: Connection, contact: int) -> dict[str, Any]:
    """One contact for a screen, with masked addresses and the groups. Raises: NotFound."""
    row = _find(connection, contact)
    member_of = (
        select(GROUP.c.name)
        .join(MEMBER, MEMBER.c.group_id == GROUP.c.id)
        .where(MEMBER.c.contact_id == contact)
        .order_by(GROUP.c.name)
    )
    return _card(row, addresses_of(connection, contact)) | {"groups": list(connection.scalars(member_of))}


def listing(
    connection: Connection, *, group: int | None = None, after: int = 0, limit: int | None = None
) -> Iterator[dict[str, Any]]:
    """Contacts in order of id with masked addresses, read page by page in constant memory."""
    for row, addresses in _pages(connection, group=group, after=after, limit=limit):
        yield _card(row, addresses)


def full_rows(connection: Connection, *, group: int | None = None) -> Iterator[tuple[Profile, list[Address]]]:
    """Every contact with its unmasked addresses, for an export."""
    for row, addresses in _pages(connection, group=group):
        yield _profile(row), [(one.kind, one.value) for one in addresses]


def count(connection: Connection, *, group: int | None = None) -> int:
    """How many contacts there are, the erased ones left out."""
    query = select(func.count()).select_from(CONTACT).where(CONTACT.c.erased_at.is_(None))
    return int(connection.scalar(query if group is None else query.where(_in_group(group))) or 0)


def _pages(
    connection: Connection, *, group: int | None, after: int = 0, limit: int | None = None
) -> Iterator[tuple[Record, Sequence[Record]]]:
    while limit is None or limit > 0:
        query = select(*_PROFILE).where(CONTACT.c.erased_at.is_(None))
        if group is None:
            query = query.where(CONTACT.c.id > after).order_by(CONTACT.c.id)
        else:  # along the members' key: a small group among a million contacts is found at once
            query = query.join(MEMBER, MEMBER.c.contact_id == CONTACT.c.id)
            query = query.where(MEMBER.c.group_id == group, MEMBER.c.contact_id > after).order_by(MEMBER.c.contact_id)
        page = connection.execute(query.limit(PAGE if limit is None else min(PAGE, limit))).all()
        if not page:
            return
        held = _held(connection, [row.id for row in page])
        for row in page:
            yield row, held.get(row.id, [])
        after = page[-1].id
        limit = None if limit is None else limit - len(page)


def _held(connection: Connection, contacts: Sequence[int]) -> dict[int, list[Record]]:
    rows = connection.execute(
        select(ADDRESS, IS_SUPPRESSED.label("is_suppressed"))
        .where(ADDRESS.c.contact_id.in_(contacts), ADDRESS.c.value.is_not(None))
        .order_by(ADDRESS.c.id)
    )
    found: dict[int, list[Record]] = {}
    for row in rows:
        found.setdefault(row.contact_id, []).append(row)
    return {contact: sorted(held, key=lambda row: KINDS.index(row.kind)) for contact, held in found.items()}


def _in_group(group: int) -> ColumnElement[bool]:
    return exists().where(MEMBER.c.group_id == group, MEMBER.c.contact_id == CONTACT.c.id)


def _find(connection: Connection, contact: int) -> Record:
    row = connection.execute(select(*_PROFILE).where(CONTACT.c.id == contact, CONTACT.c.erased_at.is_(None))).first()
    if row is None:
        raise NotFound(f"There is no contact {contact}; it may have been erased. See `broadcaster audience list`.")
    return row


def _card(row: Record, addresses: Sequence[Record]) -> dict[str, Any]:
    profile = _profile(row)
    return {
        "id": str(row.id),
        "name": profile.name,
        "addresses": [
            {"kind": one.kind, "masked": mask(one.kind, one.value), "suppressed": bool(one.is_suppressed)}
            for one in addresses
        ],
        "language": profile.language,
        "commune": profile.commune,
        "consent": _consent(profile.consent),
    }


def _consent(consent: Consent | None) -> dict[str, str] | None:
    return None if consent is None else {"source": consent.source, "date": consent.date.isoformat()}


def _among(connection: Connection, query: Any, column: Any, values: Collection[Any]) -> Iterator[Record]:
    """The rows whose column is one of many values, asked in lists of one length: one statement to parse and to keep."""
    wanted = list(values)
    for start in range(0, len(wanted), ASKED):
        piece = wanted[start : start + ASKED]
        piece += piece[-1:] * (ASKED - len(piece))
        yield from connection.execute(query.where(column.in_(piece)))


def _insert_once(connection: Connection, into: Table, **values: Any) -> bool:
    """Whether the row is new; nothing happens if one with its key is there."""
    statement = _insert(connection, into).values(**values).on_conflict_do_nothing()
    return connection.execute(statement.returning(*into.primary_key)).first() is not None


def _insert(connection: Connection, into: Table) -> Any:
    """INSERT with ON CONFLICT, which both databases have and SQLAlchemy keeps in two places."""
    return (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(into)
