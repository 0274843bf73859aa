"""From an approved plan to rows: every occurrence up to a horizon becomes a broadcast, once, however many planners run.

The key is the nominal local time, so a repeated hour, a clock set back or a second planner finds the row there already.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy import select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from broadcaster.dispatch import broadcast
from broadcaster.dispatch.broadcast import Roads
from broadcaster.dispatch.timing import end_of_day, resolve
from broadcaster.ledger.entry import Kind, timestamp
from broadcaster.ledger.store import Transaction
from broadcaster.schedule import store
from broadcaster.schedule.occurrences import Occurrence, occurrences
from broadcaster.schedule.spec import CampaignSpec, ScheduleSpec
from broadcaster.schedule.store import BROADCAST, CAMPAIGN

ACTOR = "scheduler"
HEADCOUNT = "headcount"  # its group grew by more than 5 % since the approval
NO_GROUP = "no_group"  # its group does not exist any more
WAITING = (HEADCOUNT, NO_GROUP)  # `held` of planned broadcasts that are not to be started
CHUNK = 500  # rows of one INSERT: 25 columns each, SQLite takes 32,766 variables
KEY = ("campaign_id", "schedule_id", "local", "message_id")
MOMENT = timedelta(microseconds=1)
MIDNIGHT = time(0)
BEGINNING = datetime.min.replace(tzinfo=UTC)


def materialise(
    tx: Transaction, campaign: Any, plan: CampaignSpec, roads: Roads, *, now: datetime, horizon: timedelta
) -> int:
    """Insert what is due up to `now + horizon` and has no row yet; returns how many broadcasts that were.

    `campaign` is a row of `store.live`, `plan` the campaign of its plan. Does nothing if the row has changed since. An
    occurrence on a blackout date ends at once as expired, with its recipient count.
    """
    row = store.lock(tx.connection, campaign.id)
    if row is None or row.plan_hash != campaign.plan_hash or row.state not in store.LIVE:
        return 0
    _follow_zone(tx, row, plan)
    end = now + horizon + MOMENT
    inserted = 0
    if row.planned_to is None or row.planned_to < end:
        values = list(_rows(tx, row, plan, start=row.planned_to, end=end))
        inserted = sum(_insert(tx, values[at : at + CHUNK], roads) for at in range(0, len(values), CHUNK))
        tx.connection.execute(update(CAMPAIGN).where(CAMPAIGN.c.id == row.id).values(planned_to=end))
    _hold_groups(tx, row, plan)
    if row.state == "planned" and now >= resolve(plan.since, MIDNIGHT, plan.zone):
        tx.connection.execute(update(CAMPAIGN).where(CAMPAIGN.c.id == row.id).values(state="running"))
    return inserted


def _rows(
    tx: Transaction, campaign: Any, plan: CampaignSpec, *, start: datetime | None, end: datetime
) -> Iterator[dict[str, Any]]:
    groups = store.group_ids(tx.connection, (schedule.group for schedule in plan.schedules))
    closing = end_of_day(plan.until, plan.zone)
    paused = campaign.state == "paused"
    for schedule in plan.schedules:
        found = occurrences(schedule, plan, start or BEGINNING, end, plan_hash=campaign.plan_hash)
        for occurrence in found:
            for message in occurrence.messages:
                yield {
                    **_of_schedule(plan, schedule, groups.get(schedule.group)),
                    "campaign_id": campaign.id,
                    "local": occurrence.local,
                    "message_id": message,
                    "state": "paused" if paused else "planned",
                    "paused_from": "planned" if paused else "",
                    "authority": campaign.plan_hash,
                    "authority_kind": "plan",
                    "due_at": occurrence.utc,
                    "expires_at": expiry(schedule, occurrence.utc, closing),
                    "held": _held(schedule, occurrence, groups, paused=paused),
                    "created_at": tx.now,
                }


def expiry(schedule: ScheduleSpec, due: datetime, closing: datetime) -> datetime:
    """Nothing starts at or after it: `if_missed.within` after its time, and the end of the campaign's last day."""
    return min(due + timedelta(seconds=schedule.if_missed.within), closing)


def _of_schedule(plan: CampaignSpec, schedule: ScheduleSpec, group_id: int | None) -> dict[str, Any]:
    """What all broadcasts of a schedule have in common."""
    return {
        "schedule_id": schedule.id,
        "revision_hash": None,
        "if_missed": schedule.if_missed.run,
        "timezone": plan.timezone,
        "quiet_hours": plan.quiet_hours,
        "blackout": plan.blackout_text,
        "cap_per_24h": plan.cap_per_24h,
        "require_consent": plan.require_consent,
        "channels": json.dumps(schedule.channels),
        "group_id": group_id,
        "language": schedule.language or plan.languages[0],
        "languages": ",".join(plan.languages),
        "priority": 1 if schedule.priority == "priority" else 0,
        "expansion": "",
        "planned": 0,
        "created_by": ACTOR,
        "fallback_after": schedule.fallback_after,
        "ended_at": None,
    }


def _held(schedule: ScheduleSpec, occurrence: Occurrence, groups: dict[str, int], *, paused: bool) -> str:
    if occurrence.blackout:
        return "blackout"
    if paused:
        return store.PAUSED
    return NO_GROUP if schedule.group and schedule.group not in groups else ""


def _insert(tx: Transaction, values: list[dict[str, Any]], roads: Roads) -> int:
    """Insert those that have no row; take up again those a superseded plan had and never started."""
    dialect = sqlite if tx.connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(BROADCAST).values(values)
    taken_up = statement.on_conflict_do_update(
        index_elements=KEY,
        # As the index has it, no parameter in it: PostgreSQL would find the index for a statement's first runs only.
        index_where=text("schedule_id <> ''"),
        set_={name: statement.excluded[name] for name in values[0] if name not in KEY},
        where=(BROADCAST.c.state == "cancelled")
        & (BROADCAST.c.held == store.SUPERSEDED)
        & (BROADCAST.c.started_at.is_(None))
        & (BROADCAST.c.authority != statement.excluded.authority),
    )
    rows = tx.connection.execute(taken_up.returning(*BROADCAST.c)).all()
    for row in sorted(rows, key=lambda row: (row.due_at, row.id)):
        tx.record(
            Kind.BROADCAST_PLAN, ACTOR, b=row.id, campaign=row.campaign_id, schedule=row.schedule_id, local=row.local,
            message=row.message_id, authority=row.authority,
        )  # fmt: skip
        if row.held == "blackout":
            broadcast.expire(tx, row, roads, reason="blackout")
    return len(rows)


def _follow_zone(tx: Transaction, campaign: Any, plan: CampaignSpec) -> None:
    """When a government moves its clocks, what has not begun moves with them: the nominal time stays."""
    closing = end_of_day(plan.until, plan.zone)
    query = select(BROADCAST).where(
        BROADCAST.c.campaign_id == campaign.id,
        BROADCAST.c.authority == campaign.plan_hash,
        BROADCAST.c.state.in_(("planned", "paused")),
        BROADCAST.c.started_at.is_(None),
    )
    for row in tx.connection.execute(query).all():
        wall = datetime.fromisoformat(row.local)
        due = resolve(wall.date(), wall.time(), plan.zone)
        if due != row.due_at:
            expires = expiry(plan.schedule(row.schedule_id), due, closing)
            moved = update(BROADCAST).where(BROADCAST.c.id == row.id).values(due_at=due, expires_at=expires)
            tx.connection.execute(moved)
            tx.record(
                Kind.BROADCAST_PLAN, ACTOR, b=row.id, local=row.local, due=timestamp(due), why="time zone changed"
            )


def _hold_groups(tx: Transaction, campaign: Any, plan: CampaignSpec) -> None:
    """Hold what would reach many more people than the approver saw; let it go when the group has shrunk again.

    A broadcast whose group was not there when it got its row takes it once it is.
    """
    grown = {growth.group for growth in store.growth(tx.connection, store.plan(tx.connection, campaign.plan_hash))}
    ids = store.group_ids(tx.connection, (schedule.group for schedule in plan.schedules))
    query = select(BROADCAST).where(
        BROADCAST.c.campaign_id == campaign.id,
        BROADCAST.c.authority == campaign.plan_hash,
        BROADCAST.c.state == "planned",
    )
    for row in tx.connection.execute(query).all():
        group = plan.schedule(row.schedule_id).group
        if row.group_id is None and group in ids:
            tx.connection.execute(update(BROADCAST).where(BROADCAST.c.id == row.id).values(group_id=ids[group]))
        if group in grown:
            broadcast.hold(tx, row, HEADCOUNT, actor=ACTOR)
        elif row.held == HEADCOUNT or (row.held == NO_GROUP and group in ids):
            broadcast.hold(tx, row, "", actor=ACTOR)
