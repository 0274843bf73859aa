"""Deciding about an ad-hoc broadcast: what a person sees before saying yes, and the decision about exactly that."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from broadcaster.approval import store as approvals
from broadcaster.audience.store import headcount
from broadcaster.config import Config
from broadcaster.content.sms import count
from broadcaster.dispatch import broadcast as house
from broadcaster.dispatch.revision import read, words
from broadcaster.errors import Conflict
from broadcaster.ledger.store import Transaction
from broadcaster.plan.planner import money
from broadcaster.schedule.files import roads

KIND = "broadcast"


def preview(connection: Connection, config: Config, row: Any) -> dict[str, Any]:
    """How many, which words, how many parts, at what price; {} for what is no ad-hoc broadcast or has begun."""
    if row.state not in ("submitted", "planned") or row.authority_kind != KIND:
        return {}
    (name,) = house.channel_names(row)
    road = roads(config).get(name)
    raw = connection.scalar(select(house.REVISION.c.canonical).where(house.REVISION.c.hash == row.revision_hash))
    body = read(raw or b"", row.revision_hash or "")
    if road is None or body is None:
        return {}
    tongues = list(body.texts) if row.language == "contact" else [row.language]
    said = {tag: one for tag in tongues if (one := words(body, traits=road.traits, accents=road.accents, language=tag))}
    found: dict[str, Any] = {"text": {tag: one.text for tag, one in said.items()}}
    if row.group_id is None:
        return found
    people = headcount(connection, row.group_id, road.traits.address, require_consent=row.require_consent)
    found["people"] = {
        "would_get_it": people.eligible,
        "no_address": people.without_address,
        "no_consent": people.without_consent,
        "opted_out": people.suppressed,
    }
    price = config.channel(name).common.price
    if any(one.form.startswith("sms") for one in said.values()):
        parts = max(count(one.text).parts for one in said.values())
        found["sms_parts"] = parts
        if price:
            found["would_cost"] = money(parts * people.eligible * price.micros, price.currency)
    return found


def approve(tx: Transaction, config: Config, number: int, *, by: str, expected: str | None = None) -> None:
    """Let it go out. Raises: Conflict when the group, the sender or the request is not what was asked for; NotAllowed."""
    row = house.get(tx.connection, number)
    name = house.public_id(number)
    road = roads(config).get(house.channel_names(row)[0])
    if row.state == "submitted" and (road is None or not house.unchanged(tx.connection, row, road.sender)):
        raise Conflict(
            f"{name}: the group or the sender changed since it was asked for. Ask for it anew: broadcaster send."
        )
    approvals.approve(tx, kind=KIND, name=name, by=by, expected=expected or row.authority)
    house.admit(tx, number)


def reject(tx: Transaction, number: int, *, by: str, reason: str, expected: str | None = None) -> None:
    """Turn it down. Raises: WrongUse without a reason; Conflict."""
    approvals.reject(tx, kind=KIND, name=house.public_id(number), by=by, reason=reason, expected=expected)
    house.refuse(tx, number)


def cancel(tx: Transaction, config: Config, number: int, *, by: str, reason: str) -> int:
    """Nothing more of it goes out, ever; how many dispatches that had not left were closed."""
    reason = approvals.reason_of(reason)
    if house.get(tx.connection, number).authority_kind == KIND:
        approvals.withdraw(tx, kind=KIND, name=house.public_id(number), by=by, reason=reason)
    return house.cancel(tx, number, by, reason, roads=roads(config))
