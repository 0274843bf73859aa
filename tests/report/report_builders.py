"""A campaign in the database with counts, attempts and prices, as the rooms below leave them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy import insert, update

from broadcaster.db.tables import (
    Address,
    Approval,
    Attempt,
    Broadcast,
    Campaign,
    Dispatch,
    Plan,
    PriceRow,
    Tally,
    table,
)
from broadcaster.ledger.store import Transaction
from broadcaster.schedule.spec import Budget, CampaignSpec, ScheduleSpec, When
from broadcaster.schedule.store import PlanDocument

SINCE, UNTIL = date(2027, 7, 1), date(2027, 7, 31)


def make_campaign(tx: Transaction, name: str = "mbn", *, state: str = "running", currency: str | None = "VND") -> None:
    schedule = ScheduleSpec(
        id="daily",
        messages=("hotline-111",),
        when=When(daily=("08:00",), since=SINCE, until=UNTIL),
        channels=(("sms",),),
    )
    spec = CampaignSpec(
        id=name, title="Chiến dịch 2027", since=SINCE, until=UNTIL, timezone="Asia/Ho_Chi_Minh", quiet_hours="",
        languages=("vi",), cap_per_24h=3, require_consent=True, schedules=(schedule,),
        budget=Budget(amount="50000000", currency=currency) if currency else None,
    )  # fmt: skip
    document = PlanDocument(campaign=spec, senders={}, groups={}, headcount=0)
    tx.connection.execute(
        insert(table(Plan)).values(
            hash=document.hash, campaign_id=name, canonical=document.raw, headcount=0, created_at=tx.now
        )
    )
    tx.connection.execute(
        insert(table(Campaign)).values(
            id=name, title=spec.title, state=state, plan_hash=document.hash, since=SINCE, until=UNTIL,
            timezone=spec.timezone,
        )
    )  # fmt: skip


def make_broadcast(
    tx: Transaction, counts: dict[str, dict[str, int]], *, local: str = "2027-07-01T08:00", **values: Any
) -> int:
    """`counts`: channel -> state -> dispatches."""
    row = {
        "campaign_id": "mbn", "schedule_id": "daily", "local": local, "message_id": "hotline-111", "state": "done",
        "authority": "plan", "authority_kind": "plan", "due_at": tx.now, "expires_at": tx.now + timedelta(hours=6),
        "timezone": "Asia/Ho_Chi_Minh", "quiet_hours": "", "cap_per_24h": 3, "require_consent": True,
        "channels": '[["sms"]]', "language": "vi", "languages": "vi", "created_at": tx.now, "paused_from": "",
        "if_missed": "latest", "blackout": "", "priority": 0, "expansion": "done", "planned": 0, "held": "",
        "created_by": "",
    }  # fmt: skip
    made = tx.connection.execute(insert(table(Broadcast)).values({**row, **values}))
    number = int(made.inserted_primary_key[0])  # type: ignore[index]
    rows = [
        {"broadcast_id": number, "channel": channel, "state": state, "n": n}
        for channel, states in counts.items()
        for state, n in states.items()
    ]
    if rows:
        tx.connection.execute(insert(table(Tally)), rows)
    return number


def make_price(tx: Transaction, micros: int, currency: str = "VND") -> int:
    made = tx.connection.execute(
        insert(table(PriceRow)).values(channel="sms", amount=micros, currency=currency, since=tx.now)
    )
    return int(made.inserted_primary_key[0])  # type: ignore[index]


def make_attempts(tx: Transaction, broadcast: int, *attempts: tuple[str, int, int | None]) -> None:
    """One dispatch each: (outcome, parts, price id)."""
    for outcome, parts, price in attempts:
        made = tx.connection.execute(insert(table(Address)).values(kind="phone", value=None, key=b"k"))
        address = made.inserted_primary_key[0]  # type: ignore[index]
        made = tx.connection.execute(
            insert(table(Dispatch)).values(
                broadcast_id=broadcast, channel="sms", address_id=address, edition="", language="vi", state="planned",
                attempts=1,
            )
        )  # fmt: skip
        number = made.inserted_primary_key[0]  # type: ignore[index]
        tx.connection.execute(
            insert(table(Attempt)).values(
                dispatch_id=number, n=1, epoch=1, intent_at=tx.now, outcome=outcome, parts=parts, price_id=price
            )
        )


def make_approval(tx: Transaction, kind: str, name: str, subject: str, *, two_person: bool = True) -> None:
    approval = table(Approval)
    made = tx.connection.execute(
        insert(approval).values(
            kind=kind, name=name, subject=subject, state="submitted", submitted_by="lan", submitted_at=tx.now,
            two_person=two_person, reason="",
        )
    )  # fmt: skip
    decided = {"state": "approved", "decided_by": "minh" if two_person else "lan", "decided_at": tx.now}
    tx.connection.execute(update(approval).where(approval.c.id == made.inserted_primary_key[0]).values(decided))  # type: ignore[index]
