"""Valid rows by default, one keyword to spoil: what the rooms above would have written."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import insert, update

from broadcaster.channel.address import suppression_key
from broadcaster.channel.base import Traits
from broadcaster.db.tables import (
    Address,
    Approval,
    Broadcast,
    Contact,
    Fact,
    Group,
    Member,
    Plan,
    Revision,
    RevisionFact,
    table,
)
from broadcaster.dispatch.road import Road
from broadcaster.ledger.store import Transaction
from broadcaster.plan.run import Rules
from broadcaster.schedule.spec import CampaignSpec, IfMissed, ScheduleSpec, When
from broadcaster.schedule.store import PlanDocument

OFFICE_KEY = b"office-key-of-the-tests"
FACT_DIGEST = sha256(b"111").hexdigest()
RULES = Rules(two_person=True, quiet_hours="", cap_per_24h=0, require_consent=False)
SMS = Traits(unit="person", address="phone", after_silence="ask", forms=("sms",), max_length=1600)
PUBLIC = Traits(unit="public", address="public", after_silence="repeat", forms=("text",), max_length=0)


def make_road(channel: str = "sms", *, traits: Traits = SMS, **values: Any) -> Road:
    return Road(channel=channel, adapter="memory", traits=traits, **values)


def make_revision(
    tx: Transaction,
    *,
    message: str = "hotline-111",
    text: str = "Gọi 111",
    by: str = "lan",
    approver: str = "minh",
    approve: bool = True,
) -> str:
    body = {
        "v": 1, "message": message, "category": "hotline", "source": "", "titles": {"vi": "Tổng đài", "en": "Hotline"},
        "texts": {"vi": {"sms": text, "text": text}, "en": {"sms": "Call 111", "text": "Call 111"}},
        "facts": {"hotline": FACT_DIGEST}, "media": {}, "valid": {},
    }  # fmt: skip
    canonical = msgspec.json.encode(body, order="sorted")
    revision = sha256(canonical).hexdigest()
    tx.connection.execute(
        insert(table(Revision)).values(
            hash=revision, message_id=message, category="hotline", canonical=canonical, created_at=tx.now
        )
    )
    tx.connection.execute(
        insert(table(RevisionFact)).values(revision_hash=revision, fact="hotline", digest=FACT_DIGEST)
    )
    make_approval(tx, kind="revision", name=message, subject=revision, by=by, approver=approver, approve=approve)
    return revision


def make_fact(tx: Transaction, *, digest: str = FACT_DIGEST, verify_by: date = date(2027, 12, 31)) -> None:
    tx.connection.execute(
        insert(table(Fact)).values(name="hotline", digest=digest, value="111", verify_by=verify_by, seen_at=tx.now)
    )


def make_approval(
    tx: Transaction,
    *,
    kind: str,
    name: str,
    subject: str,
    by: str = "lan",
    approver: str = "minh",
    approve: bool = True,
) -> None:
    approval = table(Approval)
    number = tx.connection.execute(
        insert(approval).values(
            kind=kind, name=name, subject=subject, state="submitted", submitted_by=by, submitted_at=tx.now, reason="",
            two_person=True,
        )
    ).inserted_primary_key[0]  # fmt: skip
    if approve:
        tx.connection.execute(
            update(approval)
            .where(approval.c.id == number)
            .values(state="approved", decided_by=approver, decided_at=tx.now)
        )


def make_contacts(
    tx: Transaction, n: int, *, group: str = "border", consent: bool = True, commune: str = "", first: int = 0
) -> int:
    """A group of n people with a phone each; returns the group's id."""
    number = tx.connection.execute(insert(table(Group)).values(name=group, created_at=tx.now)).inserted_primary_key[0]
    for at in range(first, first + n):
        contact = tx.connection.execute(
            insert(table(Contact)).values(
                name=f"Người {at}", language="vi", commune=commune, salt=bytes(32), created_at=tx.now,
                consent_source="đăng ký" if consent else "", consent_date=date(2027, 1, 1) if consent else None,
            )
        ).inserted_primary_key[0]  # fmt: skip
        phone = f"+8490{at:07d}"
        tx.connection.execute(
            insert(table(Address)).values(
                contact_id=contact, kind="phone", value=phone, key=suppression_key(OFFICE_KEY, "phone", phone)
            )
        )
        tx.connection.execute(insert(table(Member)).values(group_id=number, contact_id=contact))
    return int(number)


def make_broadcast(
    tx: Transaction,
    *,
    group: int | None,
    channels: list[list[str]] | None = None,
    due_at: datetime | None = None,
    **values: Any,
) -> int:
    """A planned broadcast of `hotline-111` under an approved plan."""
    due = due_at or tx.now
    row = {
        "campaign_id": "c", "schedule_id": "daily", "local": due.strftime("%Y-%m-%dT%H:%M"), "message_id": "hotline-111",
        "state": "planned", "paused_from": "", "authority": "plan-hash", "authority_kind": "plan", "due_at": due,
        "expires_at": due + timedelta(hours=6), "if_missed": "latest", "timezone": "Asia/Ho_Chi_Minh", "quiet_hours": "",
        "blackout": "", "cap_per_24h": 0, "require_consent": True, "channels": json.dumps(channels or [["sms"]]),
        "group_id": group, "language": "vi", "languages": "vi,en", "priority": 0, "expansion": "", "planned": 0,
        "held": "", "created_by": "scheduler", "created_at": tx.now, **values,
    }  # fmt: skip
    return int(tx.connection.execute(insert(table(Broadcast)).values(row)).inserted_primary_key[0])


def make_ground(tx: Transaction, n: int = 3, *, said: str = "Gọi 111", **values: Any) -> int:
    """Everything one broadcast of n text messages needs; returns its id."""
    make_fact(tx)
    make_revision(tx, text=said)
    make_approval(tx, kind="plan", name="c", subject="plan-hash")
    return make_broadcast(tx, group=make_contacts(tx, n), **values)


def make_plan(tx: Transaction, *, senders: dict[str, str] | None = None, schedule: str = "daily") -> None:
    """The plan all broadcasts of the builders stand under, stored as it would have been submitted."""
    since, until = date(2027, 7, 1), date(2027, 8, 31)
    daily = ScheduleSpec(
        id=schedule, messages=("hotline-111",), when=When(daily=("08:00",), since=since, until=until),
        channels=(("sms",),), group="border", if_missed=IfMissed(within=6 * 3600),
    )  # fmt: skip
    spec = CampaignSpec(
        id="c", title="c", since=since, until=until, timezone="Asia/Ho_Chi_Minh", languages=("vi",), quiet_hours="",
        cap_per_24h=0, require_consent=True, schedules=(daily,),
    )  # fmt: skip
    found = PlanDocument(campaign=spec, senders=senders or {"sms": ""}, groups={"border": 2}, headcount=2)
    tx.connection.execute(
        insert(table(Plan)).values(
            hash=found.hash, campaign_id="c", canonical=found.raw, headcount=2, created_at=tx.now
        )
    )
    make_approval(tx, kind="plan", name="c2", subject=found.hash)
    tx.connection.execute(update(table(Broadcast)).values(authority=found.hash))
