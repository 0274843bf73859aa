"""A campaign's counts out of the database: set-based, over tallies, so that no report counts a million rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, case, exists, func, or_, select

from broadcaster.channel import officer_link
from broadcaster.db.tables import (
    Address,
    Approval,
    Attempt,
    Broadcast,
    Bulletin,
    Campaign,
    Contact,
    Dispatch,
    PriceRow,
    Revision,
    Tally,
    table,
)
from broadcaster.dispatch import correction, fallback
from broadcaster.dispatch.dispatch import State
from broadcaster.report import closing
from broadcaster.report.figures import Figures, Row, Standing, figures
from broadcaster.report.form import form_of
from broadcaster.schedule import store as schedules
from broadcaster.schedule.spec import CampaignSpec

APPROVAL, ATTEMPT, BROADCAST = table(Approval), table(Attempt), table(Broadcast)
ADDRESS, BULLETIN, CONTACT, REVISION = table(Address), table(Bulletin), table(Contact), table(Revision)
CAMPAIGN, DISPATCH, PRICE, TALLY = table(Campaign), table(Dispatch), table(PriceRow), table(Tally)
UNCLOSED = ("submitted", "planned", "running", "paused")  # states of a broadcast that may still get dispatches
ENDED = ("done", "cancelled")  # states of a campaign


def read(connection: Connection, campaign_id: str, *, adapters: Mapping[str, str], now: datetime) -> Figures | None:
    """The figures of one campaign at this moment, its own broadcasts only; None if no plan of it was ever approved.

    `adapters`: channel -> adapter, as configured; a channel that is configured no more is a form of its own name.
    """
    campaign = connection.execute(select(CAMPAIGN).where(CAMPAIGN.c.id == campaign_id)).one_or_none()
    if campaign is None:
        return None
    return figures(
        _rows(connection, campaign_id, adapters),
        micros=spent(connection, campaign_id),
        standing=_standing(connection, campaign, now),
    )


def rows(connection: Connection, campaign_id: str, *, adapters: Mapping[str, str]) -> list[Row]:
    """What `read` adds up, row by row: for annexes that tell more than the sums."""
    return _rows(connection, campaign_id, adapters)


def _category() -> Any:
    """Of a broadcast's message; one that never started has its message's newest category."""
    of_message = REVISION.alias()
    newest = (
        select(of_message.c.category)
        .where(of_message.c.message_id == BROADCAST.c.message_id)
        .order_by(of_message.c.created_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    return func.coalesce(REVISION.c.category, newest, "")


def categories(connection: Connection, campaign_id: str) -> dict[int, str]:
    """Broadcast -> category of its message."""
    query = (
        select(BROADCAST.c.id, _category())
        .outerjoin(REVISION, REVISION.c.hash == BROADCAST.c.revision_hash)
        .where(BROADCAST.c.campaign_id == campaign_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def nothing_yet(spec: CampaignSpec, *, now: datetime) -> Figures:
    """The figures of a campaign whose plan nobody has approved: all of them zero."""
    standing = Standing(
        campaign=spec.id,
        title=spec.title,
        currency=spec.budget.currency if spec.budget else "",
        ended=now.astimezone(spec.zone).date() > spec.until,
        waiting=0,
        by_one_alone=0,
    )
    return figures([], micros={}, standing=standing)


def spent(connection: Connection, campaign_id: str) -> dict[str, int]:
    """Currency -> millionths: parts x the price then in force, over the accepted attempts."""
    cost = func.sum(ATTEMPT.c.parts * PRICE.c.amount)
    query = (
        select(PRICE.c.currency, cost)
        .select_from(ATTEMPT)
        .join(PRICE, PRICE.c.id == ATTEMPT.c.price_id)
        .join(DISPATCH, DISPATCH.c.id == ATTEMPT.c.dispatch_id)
        .join(BROADCAST, BROADCAST.c.id == DISPATCH.c.broadcast_id)
        .where(BROADCAST.c.campaign_id == campaign_id, ATTEMPT.c.outcome == "accepted")
        .group_by(PRICE.c.currency)
    )
    return {currency: int(micros) for currency, micros in connection.execute(query)}


def _rows(connection: Connection, campaign_id: str, adapters: Mapping[str, str]) -> list[Row]:
    columns = (
        BROADCAST.c.schedule_id, func.substr(BROADCAST.c.local, 1, 10), TALLY.c.channel, TALLY.c.state, _category(),
    )  # fmt: skip
    query = (
        select(*columns, func.sum(TALLY.c.n))
        .select_from(BROADCAST)
        .join(TALLY, TALLY.c.broadcast_id == BROADCAST.c.id)
        .outerjoin(REVISION, REVISION.c.hash == BROADCAST.c.revision_hash)
        .where(BROADCAST.c.campaign_id == campaign_id, TALLY.c.n != 0)
        .group_by(*columns)
    )
    return [
        Row(
            schedule=schedule,
            day=day,
            channel=channel,
            form=form_of(adapters.get(channel, channel)),
            state=State(state),
            n=int(n),
            category=category,
        )
        for schedule, day, channel, state, category, n in connection.execute(query)
    ]


def _standing(connection: Connection, campaign: Any, now: datetime) -> Standing:
    budget = schedules.plan(connection, campaign.plan_hash).campaign.budget
    closed = closing.of(connection, campaign.id)
    waiting = select(func.count()).where(BROADCAST.c.campaign_id == campaign.id, BROADCAST.c.state.in_(UNCLOSED))
    if closed:
        waiting = waiting.where(or_(BROADCAST.c.expansion != "done", closing.moving()))
    today = now.astimezone(ZoneInfo(campaign.timezone)).date()
    return Standing(
        campaign=campaign.id,
        title=campaign.title,
        currency=budget.currency if budget else "",
        ended=campaign.state in ENDED or today > campaign.until,
        waiting=connection.scalar(waiting) or 0,
        by_one_alone=by_one_alone(connection, campaign.id),
        possibly_both=fallback.possibly_both(connection, BROADCAST.c.campaign_id == campaign.id),
        fell_back=fell_back(connection, campaign.id),
        corrected=correction.of_campaign(connection, campaign.id),
        closed=closed.reason if closed else "",
        closed_by=closed.by if closed else "",
    )


def fell_back(connection: Connection, campaign_id: str) -> int:
    """Dispatches that took the place of one that did not reach its person."""
    query = (
        select(func.count())
        .select_from(DISPATCH)
        .where(DISPATCH.c.fallback_of >= 0)  # so that its index is read, and not a million dispatches of the campaign
        .where(exists().where(BROADCAST.c.id == DISPATCH.c.broadcast_id, BROADCAST.c.campaign_id == campaign_id))
    )
    return int(connection.scalar(query) or 0)


def by_commune(connection: Connection, campaign_id: str) -> dict[str | None, dict[State, int]]:
    """Commune of the contact ("" = not known; None = a public address) -> dispatches by state."""
    commune = case((ADDRESS.c.contact_id.is_(None), None), else_=func.coalesce(CONTACT.c.commune, ""))
    query = (
        select(commune, DISPATCH.c.state, func.count())
        .select_from(DISPATCH)
        .join(BROADCAST, BROADCAST.c.id == DISPATCH.c.broadcast_id)
        .join(ADDRESS, ADDRESS.c.id == DISPATCH.c.address_id)
        .outerjoin(CONTACT, CONTACT.c.id == ADDRESS.c.contact_id)
        .where(BROADCAST.c.campaign_id == campaign_id)
        .group_by(commune, DISPATCH.c.state)
    )
    found: dict[str | None, dict[State, int]] = {}
    for name, state, n in connection.execute(query):
        found.setdefault(name, dict.fromkeys(State, 0))[State(state)] += int(n)
    return found


def plays_by_commune(connection: Connection, campaign_id: str) -> dict[str, tuple[int, int]]:
    """Commune -> plays of bulletins it confirmed, and their seconds."""
    commune = func.coalesce(CONTACT.c.commune, "")
    query = (
        select(commune, func.sum(BULLETIN.c.plays), func.sum(BULLETIN.c.plays * BULLETIN.c.seconds))
        .select_from(BULLETIN)
        .join(DISPATCH, DISPATCH.c.id == BULLETIN.c.dispatch_id)
        .join(BROADCAST, BROADCAST.c.id == DISPATCH.c.broadcast_id)
        .join(ADDRESS, ADDRESS.c.id == DISPATCH.c.address_id)
        .outerjoin(CONTACT, CONTACT.c.id == ADDRESS.c.contact_id)
        .where(BROADCAST.c.campaign_id == campaign_id, BULLETIN.c.state == "played", DISPATCH.c.sent_at.is_not(None))
        .where(ADDRESS.c.kind == officer_link.KIND)  # with `sent_at`: from the communes, of which there are few
        .group_by(commune)
    )
    return {name: (int(plays), int(seconds)) for name, plays, seconds in connection.execute(query)}


def parts_by_channel(connection: Connection, campaign_id: str) -> dict[str, int]:
    """Channel -> parts that were accepted: what a contract counts."""
    query = (
        select(DISPATCH.c.channel, func.sum(ATTEMPT.c.parts))
        .select_from(ATTEMPT)
        .join(DISPATCH, DISPATCH.c.id == ATTEMPT.c.dispatch_id)
        .join(BROADCAST, BROADCAST.c.id == DISPATCH.c.broadcast_id)
        .where(BROADCAST.c.campaign_id == campaign_id, ATTEMPT.c.outcome == "accepted")
        .group_by(DISPATCH.c.channel)
    )
    return {channel: int(parts or 0) for channel, parts in connection.execute(query)}


def by_one_alone(connection: Connection, campaign_id: str, *, until: datetime | None = None) -> int:
    """Decisions by one person alone about the campaign's plans, its requests and its texts; up to a moment, if given."""
    own = BROADCAST.c.campaign_id == campaign_id
    query = select(func.count()).where(
        APPROVAL.c.two_person.is_(False),
        APPROVAL.c.decided_by.is_not(None),
        *([APPROVAL.c.decided_at <= until] if until else []),
        or_(
            and_(APPROVAL.c.kind == "plan", APPROVAL.c.name == campaign_id),
            APPROVAL.c.subject.in_(select(BROADCAST.c.authority).where(own)),
            APPROVAL.c.subject.in_(
                select(BROADCAST.c.revision_hash).where(own, BROADCAST.c.revision_hash.is_not(None))
            ),
        ),
    )
    return connection.scalar(query) or 0
