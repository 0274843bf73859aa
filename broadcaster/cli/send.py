"""`broadcaster send`: ask for an ad-hoc broadcast; it waits for a second person's approval."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from broadcaster.cli.session import Session, command, emit, json_option

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from broadcaster.dispatch.broadcast import AdHoc
    from broadcaster.dispatch.road import Road


@click.group()
def _root() -> None: ...


@command(_root, "send")
@click.argument("message")
@click.option("--channel", required=True, help="A channel of config.toml.")
@click.option("--group", default=None, help="Who gets it; a public channel needs none.")
@click.option("--language", default="vi", show_default=True, help='A language, or "contact" for each contact\'s own.')
@click.option(
    "--at", "at", default=None, metavar="T", help="Local time of the office, like 2027-07-30T07:00; default: now."
)
@click.option("--campaign", default=None, help="Count it in this campaign's report.")
@json_option
def send(
    session: Session,
    message: str,
    channel: str,
    group: str | None,
    language: str,
    at: str | None,
    campaign: str | None,
    as_json: bool,
) -> None:
    """Ask for MESSAGE to be sent once, now or at a time; another person approves it."""
    from broadcaster.access.user import Act
    from broadcaster.app import road_of
    from broadcaster.approval import store as approvals
    from broadcaster.dispatch import broadcast

    actor = session.actor(Act.BROADCAST_SEND)
    road = road_of(session.config, channel)
    with session.read() as connection:
        revision = approved(session, connection, message)
    with session.write() as tx:
        asked = wanted(session, tx.connection, tx.now, road, message, revision, group, language, at, campaign)
        twins = _twins(tx.connection, asked)
        number, subject = broadcast.ask(tx, asked, by=actor)
        name = broadcast.public_id(number)
        approvals.submit(
            tx, kind="broadcast", name=name, subject=subject, by=actor, two_person=session.config.approval.two_person
        )
    if twins:
        session.say(f"Note: {', '.join(twins)} says the same to the same people over {channel}, and is not over.")
    if opens := _opens(asked):
        session.say(f"Quiet hours ({asked.quiet_hours}): nothing of it goes out before {opens}.")
    session.say(f"{name} waits for another person: broadcaster broadcast approve {name} --as USER")
    emit({"broadcast": name, "state": "submitted", "hash": subject}, as_json=as_json)


def _twins(connection: Connection, wanted: AdHoc) -> list[str]:
    """Broadcasts not over yet that say the same to the same people: asked for twice by mistake, perhaps."""
    from sqlalchemy import select

    from broadcaster.dispatch.broadcast import BROADCAST, channel_names, public_id

    query = select(BROADCAST).where(
        BROADCAST.c.state.in_(("submitted", "planned", "running", "paused")),
        BROADCAST.c.message_id == wanted.message,
        BROADCAST.c.group_id.is_not_distinct_from(wanted.group),
        BROADCAST.c.due_at <= wanted.expires_at,
    )
    return [public_id(row.id) for row in connection.execute(query) if wanted.channel in channel_names(row)]


def _opens(wanted: AdHoc) -> str:
    """When the quiet hours it is due in are over, as a local time; "" if it is not due in any."""
    from zoneinfo import ZoneInfo

    from broadcaster.dispatch.timing import parse_quiet, quiet_ends

    zone = ZoneInfo(wanted.timezone)
    opens = quiet_ends(wanted.due_at, zone, parse_quiet(wanted.quiet_hours))
    return "" if opens <= wanted.due_at else opens.astimezone(zone).strftime("%d/%m/%Y %H:%M")


def approved(session: Session, connection: Connection, message: str) -> str:
    """The approved revision. Raises: Conflict without one, or when the file says something else by now."""
    from broadcaster.approval import store as approvals
    from broadcaster.content import files, store
    from broadcaster.errors import Conflict

    library = files.load(session.config.path(session.config.folders.content))
    item = library.item(message)
    approval = approvals.current(connection, "revision", message)
    if approval is None:
        raise Conflict(
            f"{message} has no approved revision: broadcaster message submit {message}, then another person approves it."
        )
    media, _ = files.read_media(library, item)
    found = store.differs(connection, item=item, facts=library.facts, media=media, approved=approval.subject)
    if found:
        raise Conflict(
            f"The file of {message} differs from its approved revision: {' '.join(found)} "
            "Submit it again, or take the change back."
        )
    stale = store.stale(connection, _today(session), revisions=[approval.subject], facts=library.facts)
    if stale:
        raise Conflict(
            f"{message} quotes the fact {stale[0].fact}, which is {stale[0].why}: see broadcaster fact list."
        )
    return approval.subject


def _today(session: Session) -> Any:
    from zoneinfo import ZoneInfo

    return session.clock.now().astimezone(ZoneInfo(session.config.office.timezone)).date()


def wanted(
    session: Session,
    connection: Connection,
    now: datetime,
    road: Road,
    message: str,
    revision: str,
    group: str | None,
    language: str,
    at: str | None,
    campaign: str | None,
) -> AdHoc:
    from zoneinfo import ZoneInfo

    from sqlalchemy import select

    from broadcaster.audience import store as audience
    from broadcaster.config import parse_span
    from broadcaster.dispatch.broadcast import REVISION, AdHoc
    from broadcaster.dispatch.revision import read, words
    from broadcaster.dispatch.timing import resolve
    from broadcaster.errors import Conflict, NotFound, WrongUse
    from broadcaster.schedule import store as schedules

    zone = ZoneInfo(session.config.office.timezone)
    local = _local(at, now.astimezone(zone).replace(tzinfo=None))
    due = resolve(local.date(), local.time(), zone) if at else now
    if at and due < now:
        raise WrongUse(f"{at} has passed; give a later --at, or none for now.")
    if road.traits.unit != "public" and not group:
        raise WrongUse(f"The channel {road.channel} writes to people: say to whom with --group.")
    if campaign is not None and schedules.campaign(connection, campaign) is None:
        raise NotFound(f"No approved campaign is called {campaign}; `broadcaster campaign list` shows what there is.")
    body = read(connection.scalar(select(REVISION.c.canonical).where(REVISION.c.hash == revision)) or b"", revision)
    if body is None:
        raise Conflict(f"The stored revision of {message} was changed; restore a backup and tell the auditor.")
    tongues = list(body.texts) if language == "contact" else [language]
    if not any(words(body, traits=road.traits, accents=road.accents, language=tag) for tag in tongues):
        forms = ", ".join(road.traits.forms)
        raise Conflict(f"{message} has no form for {road.channel} ({forms}) in {language}; write one and submit it.")
    defaults = session.config.defaults
    return AdHoc(
        message=message,
        revision=revision,
        channel=road.channel,
        sender=road.sender,
        group=audience.group_id(connection, group) if group and road.traits.unit != "public" else None,
        language=language,
        local=local.strftime("%Y-%m-%dT%H:%M"),
        due_at=due,
        expires_at=due + parse_span(defaults.ad_hoc_for, where="defaults.ad_hoc_for"),
        timezone=session.config.office.timezone,
        quiet_hours=defaults.quiet_hours,
        cap_per_24h=defaults.cap_per_24h,
        require_consent=defaults.require_consent,
        campaign=campaign,
    )


def _local(at: str | None, now: datetime) -> datetime:
    from broadcaster.errors import WrongUse

    if at is None:
        return now.replace(second=0, microsecond=0)
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise WrongUse(f"{at!r} is no time; write it like 2027-07-30T07:00, in the office's local time.") from None
    if moment.tzinfo is not None:
        raise WrongUse("Give --at as local time of the office, without a zone.")
    return moment.replace(second=0, microsecond=0)
