"""What a forecast is made from, read: channels, messages as they would go out, and whom each channel reaches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from itertools import combinations
from typing import Any

from sqlalchemy import Connection, Select, and_, case, exists, func, or_, select

from broadcaster.approval import store as approvals
from broadcaster.config import Config
from broadcaster.content import render
from broadcaster.content import store as contents
from broadcaster.content.check import opt_out_sample
from broadcaster.content.facts import Fact
from broadcaster.content.fault import Faulty
from broadcaster.content.files import Library
from broadcaster.db.tables import Address, Contact, Group, Member, Suppression, table
from broadcaster.errors import BroadcasterError
from broadcaster.plan.planner import Ground, Reach, Said, Way
from broadcaster.schedule import store
from broadcaster.schedule.files import roads
from broadcaster.schedule.spec import CampaignSpec

ADDRESS, CONTACT, GROUP = table(Address), table(Contact), table(Group)
MEMBER, SUPPRESSION = table(Member), table(Suppression)
OPT_OUT = "{{ opt_out }}"


def survey(connection: Connection, config: Config, library: Library, spec: CampaignSpec, *, now: datetime) -> Ground:
    """Everything the planner needs for one campaign, whether it is approved or not."""
    ways = read_ways(config)
    groups = store.group_sizes(connection, (schedule.group for schedule in spec.schedules))
    return Ground(
        ways=ways,
        messages=read_messages(connection, library, spec, config, today=now.astimezone(spec.zone).date()),
        groups=groups,
        reach={
            (group, chain): read_reach(connection, group, [ways[name] for name in chain if name in ways], spec)
            for group, chain in sorted(_chains(spec))
            if group in groups
        },
        shared=_shared(connection, groups),
        plan_hash=_plan_hash(connection, spec),
    )


def read_ways(config: Config) -> dict[str, Way]:
    """The configured channels whose adapter is there; needs no network, and no secret."""
    found = {}
    for name, road in roads(config).items():
        settings = config.channel(name)
        price = settings.common.price
        found[name] = Way(
            channel=name,
            traits=road.traits,
            accents=road.accents,
            languages=road.languages,
            rate=settings.rate_per_second,
            concurrency=settings.common.concurrency,
            price=price.micros if price else None,
            currency=price.currency if price else "VND",
            monthly_quota=settings.common.monthly_quota,
            daily_quota=settings.common.daily_quota,
        )
    return found


def read_messages(
    connection: Connection, library: Library, spec: CampaignSpec, config: Config, *, today: date
) -> dict[str, Said]:
    """The campaign's messages: the approved revision where there is one, else the file as it stands."""
    approved = approvals.in_state(connection, "revision", "approved")
    link = opt_out_sample(config.web.public_url)
    found: dict[str, Said] = {}
    for name in sorted({message for schedule in spec.schedules for message in schedule.messages}):
        if name in approved:
            found[name] = _as_approved(connection, name, approved[name].subject, library.facts, link, today)
        elif name in library.items:
            found[name] = _as_written(library, name, link)
    return found


def _as_approved(
    connection: Connection, name: str, revision: str, facts: Mapping[str, Fact], link: str, today: date
) -> Said:
    try:
        body = render.decode(contents.canonical(connection, revision))
    except BroadcasterError:
        return Said(id=name, notes=("the approved revision was changed in the database and is held",))
    stale = contents.stale(connection, today, revisions=[revision], facts=facts)
    moved = {"changed": "has changed", "gone": "is gone", "overdue": "is overdue"}
    valid = body.get("valid", {})
    # a fact that is overdue today holds the revision already, which `stale` says
    return Said(
        id=name,
        titles=body["titles"],
        texts=_linked(body["texts"], link),
        facts={
            fact: facts[fact].verify_by for fact in body["facts"] if fact in facts and not facts[fact].overdue(today)
        },
        valid_from=date.fromisoformat(valid["from"]) if "from" in valid else None,
        valid_until=date.fromisoformat(valid["until"]) if "until" in valid else None,
        notes=tuple(f"held: fact {one.fact} {moved[one.why]}" for one in stale),
    )


def _as_written(library: Library, name: str, link: str) -> Said:
    item = library.items[name]
    try:
        texts, titles = render.texts(item, library.facts), render.titles(item, library.facts)
    except Faulty as broken:
        return Said(id=name, notes=(f"not approved yet, and its file has a fault: {broken.faults[0].text}",))
    return Said(
        id=name,
        titles=titles,
        texts=_linked(texts, link),
        facts={fact: library.facts[fact].verify_by for fact in render.quoted(item, library.facts)},
        valid_from=item.valid_from,
        valid_until=item.valid_until,
        notes=("not approved yet",),
    )


def _linked(texts: Mapping[str, Mapping[str, str]], link: str) -> dict[str, dict[str, str]]:
    """A link of the usual length where each person's own will stand, so that parts are counted right."""
    return {
        language: {form: text.replace(OPT_OUT, link) for form, text in forms.items()}
        for language, forms in texts.items()
    }


def _chains(spec: CampaignSpec) -> set[tuple[str, tuple[str, ...]]]:
    return {(schedule.group, chain) for schedule in spec.schedules if schedule.group for chain in schedule.channels}


def read_reach(connection: Connection, group: str, chain: Iterable[Way], spec: CampaignSpec) -> dict[str, Reach]:
    """Whom each channel of a chain reaches: members with an address of its kind and none of an earlier channel's."""
    found: dict[str, Reach] = {}
    tried: list[str] = []
    for way in chain:
        if way.traits.unit == "public":
            continue
        consent = spec.require_consent and way.traits.unit == "person"
        rows = connection.execute(_reach(group, way.traits.address, tried, consent=consent)).all()
        by_language: dict[str, int] = {}
        for row in rows:
            if row.why == "":
                by_language[row.language] = by_language.get(row.language, 0) + int(row.people)
        found[way.channel] = Reach(
            by_language=by_language,
            opted_out=sum(int(row.people) for row in rows if row.why == "opted_out"),
            no_consent=sum(int(row.people) for row in rows if row.why == "no_consent"),
        )
        tried.append(way.traits.address)
    return found


def _reach(group: str, kind: str, tried: list[str], *, consent: bool) -> Select[Any]:
    """Language, why not ("" = reached), people: as the sender will expand it."""
    first = ADDRESS.alias("first_of_kind")
    of_kind = (
        select(func.min(first.c.id))
        .where(first.c.contact_id == MEMBER.c.contact_id, first.c.kind == kind, first.c.value.is_not(None))
        .scalar_subquery()
    )
    unasked = or_(CONTACT.c.consent_source == "", CONTACT.c.consent_date.is_(None))
    whens = [(SUPPRESSION.c.key.is_not(None), "opted_out"), *([(unasked, "no_consent")] if consent else [])]
    why = case(*whens, else_="").label("why")
    query = (
        select(CONTACT.c.language, why, func.count().label("people"))
        .select_from(MEMBER)
        .join(GROUP, GROUP.c.id == MEMBER.c.group_id)
        .join(CONTACT, CONTACT.c.id == MEMBER.c.contact_id)
        .join(ADDRESS, ADDRESS.c.id == of_kind)
        .outerjoin(SUPPRESSION, SUPPRESSION.c.key == ADDRESS.c.key)
        .where(GROUP.c.name == group)
        .group_by(CONTACT.c.language, why)
    )
    if not tried:
        return query
    earlier = ADDRESS.alias("earlier")
    has_earlier = exists().where(
        and_(earlier.c.contact_id == MEMBER.c.contact_id, earlier.c.kind.in_(tried), earlier.c.value.is_not(None))
    )
    return query.where(~has_earlier)


def _shared(connection: Connection, groups: Iterable[str]) -> frozenset[frozenset[str]]:
    """Pairs of groups that have a member in common."""
    ids = store.group_ids(connection, groups)
    one, other = MEMBER.alias("one"), MEMBER.alias("other")
    found = set()
    for first, second in combinations(sorted(ids), 2):
        query = (
            select(one.c.contact_id)
            .join(other, other.c.contact_id == one.c.contact_id)
            .where(one.c.group_id == ids[first], other.c.group_id == ids[second])
            .limit(1)
        )
        if connection.scalar(query) is not None:
            found.add(frozenset((first, second)))
    return frozenset(found)


def _plan_hash(connection: Connection, spec: CampaignSpec) -> str:
    """The hash in force if exactly this campaign is approved; it decides what `pick = "random"` picks."""
    row = store.campaign(connection, spec.id)
    try:
        if row is not None and store.plan(connection, row.plan_hash).campaign == spec:
            return str(row.plan_hash)
        return store.document(connection, spec, {}).hash
    except BroadcasterError:
        return ""  # a group is missing, which the forecast says
