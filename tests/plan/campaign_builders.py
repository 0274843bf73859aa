"""A campaign with valid values by default, its people, and what planners did with it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select

from broadcaster.channel.base import Traits
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.db.tables import Address, Broadcast, Campaign, Contact, Group, Member, Plan, table
from broadcaster.dispatch.road import Road
from broadcaster.ledger.entry import Kind, decode
from broadcaster.ledger.store import raws, transaction
from broadcaster.plan.materialise import materialise
from broadcaster.schedule import store
from broadcaster.schedule.spec import CampaignSpec, IfMissed, ScheduleSpec, When

BROADCAST = table(Broadcast)
TWO_DAYS = timedelta(hours=48)
SMS = Road(
    channel="sms",
    adapter="memory",
    traits=Traits(unit="person", address="phone", after_silence="ask", forms=("sms",), max_length=0),
)
WEB = Road(
    channel="web",
    adapter="memory",
    traits=Traits(unit="public", address="public", after_silence="repeat", forms=("text",), max_length=0),
)
ROADS = {"sms": SMS, "web": WEB}


def make_spec(**values: Any) -> CampaignSpec:
    since, until = date(2027, 7, 1), date(2027, 7, 31)
    daily = ScheduleSpec(
        id="daily",
        messages=("hotline-111", "victims-rights"),
        when=When(daily=("08:00", "19:30"), since=since, until=until),
        channels=(("sms",), ("web",)),
        group="border",
        language="vi",
        if_missed=IfMissed(run="latest", within=6 * 3600),
    )
    plain: dict[str, Any] = {
        "id": "camp",
        "title": "Chiến dịch",
        "since": since,
        "until": until,
        "timezone": "Asia/Ho_Chi_Minh",
        "quiet_hours": "21:30-08:00",
        "languages": ("vi", "en"),
        "cap_per_24h": 3,
        "require_consent": True,
        "schedules": (daily,),
    }
    return CampaignSpec(**{**plain, **values})


def make_people(database: Database, group: str, n: int, now: datetime) -> None:
    """Add `n` contacts with a telephone to a group."""
    with database.writing() as connection:
        found = store.group_ids(connection, [group]).get(group)
        if found is None:
            connection.execute(insert(table(Group)).values(name=group, created_at=now))
            found = store.group_ids(connection, [group])[group]
        known = len(connection.execute(select(table(Contact).c.id)).all())
        for i in range(known + 1, known + n + 1):
            connection.execute(insert(table(Contact)).values(id=i, name="", language="", commune="", consent_source="phiếu",
                                                             consent_date=date(2027, 1, 1), created_at=now))  # fmt: skip
            number = f"+8490{i:07}"
            connection.execute(
                insert(table(Address)).values(contact_id=i, kind="phone", value=number, key=number.encode())
            )
            connection.execute(insert(table(Member)).values(group_id=found, contact_id=i))


def make_approved(database: Database, plan: CampaignSpec, *, now: datetime, state: str = "planned") -> None:
    """A campaign as it stands after its plan was approved."""
    with database.writing() as connection:
        document = store.document(connection, plan, {})
        values = {"hash": document.hash, "campaign_id": plan.id, "canonical": document.raw,
                  "headcount": document.headcount, "created_at": now}  # fmt: skip
        connection.execute(insert(table(Plan)).values(values))
        row = {"id": plan.id, "title": plan.title, "state": state, "plan_hash": document.hash, "since": plan.since,
               "until": plan.until, "timezone": plan.timezone}  # fmt: skip
        connection.execute(delete(table(Campaign)))
        connection.execute(insert(table(Campaign)).values(row))


def tick(database: Database, clock: SteppedClock, *, horizon: timedelta = TWO_DAYS) -> int:
    with transaction(database, clock) as tx:
        (campaign,) = store.live(tx.connection)
        plan = store.plan(tx.connection, campaign.plan_hash).campaign
        return materialise(tx, campaign, plan, ROADS, now=clock.now(), horizon=horizon)


def rows(database: Database) -> list[Any]:
    with database.reading() as connection:
        return list(connection.execute(select(BROADCAST).order_by(BROADCAST.c.local, BROADCAST.c.message_id)))


def entries(database: Database, kind: Kind) -> list[dict[str, Any]]:
    with database.reading() as connection:
        return [entry for entry in map(decode, raws(connection)) if entry["kind"] == kind]
