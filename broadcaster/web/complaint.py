"""What went to one person, for the answer to a complaint: what, when, by whose approval; consent; opt-out with proof."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from broadcaster.audience.store import ADDRESS, CONTACT, SUPPRESSION
from broadcaster.channel.address import commitment, mask
from broadcaster.config import Config
from broadcaster.db.tables import LedgerHead, table
from broadcaster.dispatch import broadcast as house
from broadcaster.dispatch.dispatch import public_id
from broadcaster.dispatch.revision import RevisionBody, read, words
from broadcaster.ledger.entry import Kind, decode
from broadcaster.schedule.files import roads
from broadcaster.web.store import APPROVAL, BROADCAST, DISPATCH, LEDGER, REVISION

MOST = 300  # dispatches of one answer; three a day make a hundred days
ENTRIES = 2000  # of the ledger that are read around the moment of an opt-out
HEAD = table(LedgerHead)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An address to which nothing more is sent."""

    kind: str
    masked: str  # "" for one that is in no contact
    at: datetime
    reason: str
    source: str
    seq: int | None  # its entry of the ledger; None once the person's salt is gone


def refusals(connection: Connection, contact: int) -> list[Refusal]:
    """Of every address the person has."""
    rows = connection.execute(
        select(ADDRESS.c.kind, ADDRESS.c.value, CONTACT.c.salt, SUPPRESSION.c.at, SUPPRESSION.c.reason, SUPPRESSION.c.source)
        .join(CONTACT, CONTACT.c.id == ADDRESS.c.contact_id)
        .join(SUPPRESSION, SUPPRESSION.c.key == ADDRESS.c.key)
        .where(ADDRESS.c.contact_id == contact, ADDRESS.c.value.is_not(None))
        .order_by(ADDRESS.c.id)
    )  # fmt: skip
    return [
        Refusal(
            kind=row.kind, masked=mask(row.kind, row.value), at=row.at, reason=row.reason, source=row.source,
            seq=_entry(connection, row.at, commitment(row.salt, row.kind, row.value).hex()) if row.salt else None,
        )
        for row in rows
    ]  # fmt: skip


def refusal_of(connection: Connection, key: bytes) -> Refusal | None:
    """Of an address that is in no contact."""
    row = connection.execute(select(SUPPRESSION).where(SUPPRESSION.c.key == key)).one_or_none()
    if row is None:
        return None
    return Refusal(kind=row.kind, masked="", at=row.at, reason=row.reason, source=row.source, seq=None)


def sent(connection: Connection, config: Config, contact: int, *, language: str) -> list[dict[str, Any]]:
    """Whatever may have left for the person, the newest first."""
    addresses = select(ADDRESS.c.id).where(ADDRESS.c.contact_id == contact)
    rows = connection.execute(
        select(
            DISPATCH.c.id, DISPATCH.c.channel, DISPATCH.c.state, DISPATCH.c.sent_at, DISPATCH.c.language.label("tongue"),
            ADDRESS.c.kind, ADDRESS.c.value, BROADCAST.c.id.label("number"), BROADCAST.c.message_id,
            BROADCAST.c.campaign_id, BROADCAST.c.revision_hash, BROADCAST.c.authority, BROADCAST.c.authority_kind,
        )
        .join(BROADCAST, BROADCAST.c.id == DISPATCH.c.broadcast_id)
        .join(ADDRESS, ADDRESS.c.id == DISPATCH.c.address_id)
        .where(DISPATCH.c.address_id.in_(addresses), DISPATCH.c.sent_at.is_not(None))
        .order_by(DISPATCH.c.sent_at.desc(), DISPATCH.c.id.desc())
        .limit(MOST)
    ).all()  # fmt: skip
    bodies = _bodies(connection, {row.revision_hash for row in rows if row.revision_hash})
    decided = _decided(connection, {*bodies, *(row.authority for row in rows)})
    ways = roads(config)
    found = []
    for row in rows:
        body, road = bodies.get(row.revision_hash), ways.get(row.channel)
        said = words(body, traits=road.traits, accents=road.accents, language=row.tongue) if body and road else None
        titles = body.titles if body else {}
        found.append({
            "id": public_id(row.id), "broadcast": house.public_id(row.number), "at": row.sent_at, "state": row.state,
            "channel": row.channel, "to": mask(row.kind, row.value) if row.value else "–", "language": row.tongue,
            "title": titles.get(language) or next(iter(titles.values()), row.message_id),
            "text": said.text if said else "", "campaign": row.campaign_id or "",
            "text_by": decided.get(("revision", row.revision_hash)), "plan_by": decided.get((row.authority_kind, row.authority)),
        })  # fmt: skip
    return found


def _bodies(connection: Connection, hashes: Collection[str]) -> dict[str, RevisionBody]:
    rows = connection.execute(select(REVISION.c.hash, REVISION.c.canonical).where(REVISION.c.hash.in_(hashes)))
    return {row.hash: body for row in rows if (body := read(bytes(row.canonical), row.hash)) is not None}


def _decided(connection: Connection, subjects: Collection[str]) -> dict[tuple[str, str], Any]:
    """(kind, hash) -> its approval: who asked, who agreed, when."""
    query = select(APPROVAL).where(APPROVAL.c.subject.in_(subjects), APPROVAL.c.decided_by.is_not(None))
    return {(row.kind, row.subject): row for row in connection.execute(query.order_by(APPROVAL.c.id))}


def _entry(connection: Connection, at: datetime, recipient: str) -> int | None:
    """The ledger's entry of an opt-out: entries are in order of time, so the place is found by halving."""
    size = int(connection.scalar(select(HEAD.c.size)) or 0)
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        raw = connection.scalar(select(LEDGER.c.raw).where(LEDGER.c.seq == middle))
        if raw is None or datetime.fromisoformat(decode(bytes(raw))["ts"]) < at - timedelta(seconds=1):
            low = middle + 1
        else:
            high = middle
    rows = connection.execute(
        select(LEDGER.c.seq, LEDGER.c.raw).where(LEDGER.c.seq >= low).order_by(LEDGER.c.seq).limit(ENTRIES)
    )
    for row in rows:
        entry = decode(bytes(row.raw))
        if entry["kind"] == Kind.CONTACT_OPT_OUT and entry.get("recipient") == recipient:
            return int(row.seq)
    return None
