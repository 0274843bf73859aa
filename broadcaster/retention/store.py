"""Who and what is due to be erased, as the database has it. The caller owns the transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, not_, or_, select

from broadcaster.access.hold import held
from broadcaster.db.tables import ActivityRow, Address, Broadcast, Contact, Dispatch, Member, table

ACTIVITY, BROADCAST, DISPATCH = table(ActivityRow), table(Broadcast), table(Dispatch)
ADDRESS, CONTACT, MEMBER = table(Address), table(Contact), table(Member)
COMING = ("submitted", "planned", "running", "paused")  # broadcasts that may still write to somebody


def contacts(connection: Connection, before: datetime, *, after: int, limit: int) -> Sequence[int]:
    """Contacts that nobody has written to, entered or got consent from since, and that nothing keeps; by id, above `after`."""
    query = _idle(before).where(CONTACT.c.id > after).order_by(CONTACT.c.id).limit(limit)
    found: Sequence[int] = connection.scalars(query).all()
    return found


def still(connection: Connection, before: datetime, contacts: Sequence[int]) -> Sequence[int]:
    """Those of them that are due now as well."""
    found: Sequence[int] = connection.scalars(_idle(before).where(CONTACT.c.id.in_(contacts))).all()
    return found


def count_contacts(connection: Connection, before: datetime) -> int:
    return int(connection.scalar(select(func.count()).select_from(_idle(before).subquery())) or 0)


def count_held(connection: Connection, before: datetime) -> int:
    """Contacts that would be due, were it not for a hold."""
    kept = select(CONTACT.c.id).where(_entered_before(before), not_(_busy(before)), _in_held())
    return int(connection.scalar(select(func.count()).select_from(kept.subquery())) or 0)


def attachments(connection: Connection, before: datetime) -> Sequence[str]:
    """SHA-256 of files whose every entry is older, and of no campaign under a hold."""
    kept = or_(ACTIVITY.c.at >= before, ACTIVITY.c.campaign_id.in_(held()))
    later = select(ACTIVITY.c.attachment).where(kept)
    query = select(ACTIVITY.c.attachment).where(ACTIVITY.c.attachment != "", ACTIVITY.c.attachment.not_in(later))
    return connection.scalars(query.distinct().order_by(ACTIVITY.c.attachment)).all()


def _idle(before: datetime) -> Select[Any]:
    return select(CONTACT.c.id).where(_entered_before(before), not_(_busy(before)), not_(_in_held()))


def _entered_before(before: datetime) -> ColumnElement[bool]:
    consent = or_(CONTACT.c.consent_date.is_(None), CONTACT.c.consent_date < before.date())
    return and_(CONTACT.c.erased_at.is_(None), CONTACT.c.created_at < before, consent)


def _busy(before: datetime) -> ColumnElement[bool]:
    """Written to since, or in a group that something still goes to."""
    written = _dispatched(DISPATCH.c.sent_at >= before)
    awaited = exists().where(
        MEMBER.c.contact_id == CONTACT.c.id, MEMBER.c.group_id == BROADCAST.c.group_id, BROADCAST.c.state.in_(COMING)
    )
    return or_(written, awaited)


def _in_held() -> ColumnElement[bool]:
    campaigns = select(BROADCAST.c.id).where(BROADCAST.c.campaign_id.in_(held()))
    return _dispatched(DISPATCH.c.broadcast_id.in_(campaigns))


def _dispatched(which: ColumnElement[bool]) -> ColumnElement[bool]:
    """`sent_at` is named so that the index on it serves: what never left does not bind a person to a campaign."""
    return exists().where(
        ADDRESS.c.contact_id == CONTACT.c.id, DISPATCH.c.address_id == ADDRESS.c.id, DISPATCH.c.sent_at.is_not(None), which
    )  # fmt: skip
