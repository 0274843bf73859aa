"""Campaign plans in the database: what was submitted and approved, and the campaigns that run on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from broadcaster.db.tables import Broadcast, Campaign, Group, Member, Plan, table
from broadcaster.errors import Conflict, NotFound
from broadcaster.schedule.spec import CampaignSpec, canonical

BROADCAST, CAMPAIGN, GROUP = table(Broadcast), table(Campaign), table(Group)
MEMBER, PLAN = table(Member), table(Plan)

LIVE = ("planned", "running", "paused")  # states of a campaign whose occurrences get rows
GROWTH = 20  # one in twenty: a group that grew by more than 5 % is approved again (design, section 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanDocument:
    """Exactly what is approved; its canonical bytes are hashed and stored."""

    v: int = 1
    campaign: CampaignSpec
    senders: dict[str, str]  # channel -> what people see it comes from
    groups: dict[str, int]  # group -> members the approver saw
    headcount: int  # different people over all groups

    @property
    def raw(self) -> bytes:
        return canonical(self)

    @property
    def hash(self) -> str:
        return sha256(self.raw).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """A group that has outgrown what was approved."""

    group: str
    approved: int
    now: int


# -- read -------------------------------------------------------------------------------------------------------------


def plan(connection: Connection, plan_hash: str) -> PlanDocument:
    """A stored plan. Raises: NotFound; Conflict if its bytes are not those that were submitted."""
    raw = connection.scalar(select(PLAN.c.canonical).where(PLAN.c.hash == plan_hash))
    if raw is None:
        raise NotFound(f"There is no plan {plan_hash[:12]}; `broadcaster campaign list` shows the campaigns.")
    if sha256(raw).hexdigest() != plan_hash:
        raise Conflict(f"The stored plan {plan_hash[:12]} was changed after it was approved; restore a backup.")
    return msgspec.json.decode(raw, type=PlanDocument)


def campaign(connection: Connection, campaign_id: str) -> Any | None:
    """The row of a campaign whose plan was approved once, or None."""
    return connection.execute(select(CAMPAIGN).where(CAMPAIGN.c.id == campaign_id)).one_or_none()


def live(connection: Connection) -> list[Any]:
    """The campaigns whose occurrences get rows, in order of id."""
    query = select(CAMPAIGN).where(CAMPAIGN.c.state.in_(LIVE)).order_by(CAMPAIGN.c.id)
    return list(connection.execute(query))


def lock(connection: Connection, campaign_id: str) -> Any | None:
    """The row, held until the transaction ends; two planners and an approval queue here."""
    query = select(CAMPAIGN).where(CAMPAIGN.c.id == campaign_id).with_for_update()
    return connection.execute(query).one_or_none()


def group_ids(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """Name -> id of those groups that exist."""
    query = select(GROUP.c.name, GROUP.c.id).where(GROUP.c.name.in_(set(names)))
    return {row.name: row.id for row in connection.execute(query)}


def group_sizes(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """Name -> members of those groups that exist."""
    query = (
        select(GROUP.c.name, func.count(MEMBER.c.contact_id))
        .select_from(GROUP.outerjoin(MEMBER, MEMBER.c.group_id == GROUP.c.id))
        .where(GROUP.c.name.in_(set(names)))
        .group_by(GROUP.c.name)
    )
    return {row[0]: int(row[1]) for row in connection.execute(query)}


def headcount(connection: Connection, names: Iterable[str]) -> int:
    """Different people over all these groups."""
    query = (
        select(func.count(func.distinct(MEMBER.c.contact_id)))
        .join(GROUP, GROUP.c.id == MEMBER.c.group_id)
        .where(GROUP.c.name.in_(set(names)))
    )
    return int(connection.scalar(query) or 0)


def growth(connection: Connection, document: PlanDocument) -> list[Growth]:
    """The groups that have more than 5 % more members than the approver saw; fewer never matter."""
    sizes = group_sizes(connection, document.groups)
    return [
        Growth(group=name, approved=approved, now=sizes.get(name, 0))
        for name, approved in sorted(document.groups.items())
        if (sizes.get(name, 0) - approved) * GROWTH > approved
    ]


def document(connection: Connection, spec: CampaignSpec, senders: Mapping[str, str]) -> PlanDocument:
    """What would be submitted now. Raises: NotFound naming a group that does not exist."""
    names = {schedule.group for schedule in spec.schedules if schedule.group}
    sizes = group_sizes(connection, names)
    for name in sorted(names - sizes.keys()):
        raise NotFound(f"There is no group {name!r}; import its people with `broadcaster audience import`.")
    channels = {name for schedule in spec.schedules for name in schedule.channel_names}
    return PlanDocument(
        campaign=spec,
        senders={name: senders.get(name, "") for name in sorted(channels)},
        groups=sizes,
        headcount=headcount(connection, names),
    )
