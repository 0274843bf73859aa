"""Asking for an ad-hoc broadcast, and deciding: what a person sees before saying yes, and the decision about exactly that."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from broadcaster.approval import store as approvals
from broadcaster.audience.store import group_id, headcount
from broadcaster.config import Config, parse_span
from broadcaster.content import files
from broadcaster.content import store as contents
from broadcaster.content.sms import count
from broadcaster.dispatch import broadcast as house
from broadcaster.dispatch.broadcast import AdHoc
from broadcaster.dispatch.revision import read, words
from broadcaster.dispatch.road import Road
from broadcaster.dispatch.timing import parse_quiet, quiet_ends, resolve
from broadcaster.errors import Conflict, NotFound, WrongUse
from broadcaster.ledger.store import Transaction
from broadcaster.plan.planner import money
from broadcaster.schedule import store as schedules
from broadcaster.schedule.files import roads

KIND = "broadcast"


# -- asking -----------------------------------------------------------------------------------------------------------


def approved(connection: Connection, config: Config, message: str, *, now: datetime) -> str:
    """The approved revision. Raises: Conflict without one, or when the file says something else by now."""
    library = files.load(config.path(config.folders.content))
    item = library.item(message)
    approval = approvals.current(connection, "revision", message)
    if approval is None:
        raise Conflict(
            f"{message} has no approved revision: broadcaster message submit {message}, then another person approves it."
        )
    media, _ = files.read_media(library, item)
    found = contents.differs(connection, item=item, facts=library.facts, media=media, approved=approval.subject)
    if found:
        raise Conflict(
            f"The file of {message} differs from its approved revision: {' '.join(found)} "
            "Submit it again, or take the change back."
        )
    today = now.astimezone(ZoneInfo(config.office.timezone)).date()
    stale = contents.stale(connection, today, revisions=[approval.subject], facts=library.facts)
    if stale:
        raise Conflict(
            f"{message} quotes the fact {stale[0].fact}, which is {stale[0].why}: see broadcaster fact list."
        )
    return approval.subject


def wanted(
    connection: Connection, config: Config, road: Road, *, now: datetime, message: str, revision: str,
    group: str | None, language: str, at: str | None, campaign: str | None,
) -> AdHoc:  # fmt: skip
    """What is asked for. `at`: local time of the office, None for now. Raises: WrongUse, NotFound, Conflict."""
    zone = ZoneInfo(config.office.timezone)
    local = _local(at, now.astimezone(zone).replace(tzinfo=None))
    due = resolve(local.date(), local.time(), zone) if at else now
    if at and due < now:
        raise WrongUse(f"{at} has passed; give a later --at, or none for now.")
    if road.traits.unit != "public" and not group:
        raise WrongUse(f"The channel {road.channel} writes to people: say to whom with --group.")
    if campaign is not None and schedules.campaign(connection, campaign) is None:
        raise NotFound(f"No approved campaign is called {campaign}; `broadcaster campaign list` shows what there is.")
    body = read(connection.scalar(select(house.REVISION.c.canonical).where(house.REVISION.c.hash == revision)) or b"",
                revision)  # fmt: skip
    if body is None:
        raise Conflict(f"The stored revision of {message} was changed; restore a backup and tell the auditor.")
    tongues = list(body.texts) if language == "contact" else [language]
    if not any(words(body, traits=road.traits, accents=road.accents, language=tag) for tag in tongues):
        forms = ", ".join(road.traits.forms)
        raise Conflict(f"{message} has no form for {road.channel} ({forms}) in {language}; write one and submit it.")
    defaults = config.defaults
    return AdHoc(
        message=message,
        revision=revision,
        channel=road.channel,
        sender=road.sender,
        group=group_id(connection, group) if group and road.traits.unit != "public" else None,
        address=road.traits.address,
        language=language,
        local=local.strftime("%Y-%m-%dT%H:%M"),
        due_at=due,
        expires_at=due + parse_span(defaults.ad_hoc_for, where="defaults.ad_hoc_for"),
        timezone=config.office.timezone,
        quiet_hours=defaults.quiet_hours,
        cap_per_24h=defaults.cap_per_24h,
        require_consent=defaults.require_consent,
        campaign=campaign,
    )


def ask(tx: Transaction, config: Config, asked: AdHoc, *, by: str) -> tuple[int, str]:
    """Enter it, waiting for another person; its number and the hash to approve."""
    number, subject = house.ask(tx, asked, by=by)
    name = house.public_id(number)
    approvals.submit(tx, kind=KIND, name=name, subject=subject, by=by, two_person=config.approval.two_person)
    return number, subject


def twins(connection: Connection, asked: AdHoc) -> list[str]:
    """Broadcasts not over yet that say the same to the same people: asked for twice by mistake, perhaps."""
    query = select(house.BROADCAST).where(
        house.BROADCAST.c.state.in_(("submitted", "planned", "running", "paused")),
        house.BROADCAST.c.message_id == asked.message,
        house.BROADCAST.c.group_id.is_not_distinct_from(asked.group),
        house.BROADCAST.c.due_at <= asked.expires_at,
    )
    return [
        house.public_id(row.id) for row in connection.execute(query) if asked.channel in house.channel_names(row)
    ]  # fmt: skip


def opens(asked: AdHoc) -> str:
    """When the quiet hours it is due in are over, as a local time; "" if it is not due in any."""
    zone = ZoneInfo(asked.timezone)
    ends = quiet_ends(asked.due_at, zone, parse_quiet(asked.quiet_hours))
    return "" if ends <= asked.due_at else ends.astimezone(zone).strftime("%d/%m/%Y %H:%M")


def _local(at: str | None, now: datetime) -> datetime:
    if at is None:
        return now.replace(second=0, microsecond=0)
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise WrongUse(f"{at!r} is no time; write it like 2027-07-30T07:00, in the office's local time.") from None
    if moment.tzinfo is not None:
        raise WrongUse("Give --at as local time of the office, without a zone.")
    return moment.replace(second=0, microsecond=0)


# -- deciding ---------------------------------------------------------------------------------------------------------


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
    if row.state == "submitted" and (road is None or not house.unchanged(tx.connection, row, road)):
        raise Conflict(
            f"{name}: the group, an address in it, or the sender changed since it was asked for. "
            "Ask for it anew: broadcaster send."
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
