"""`broadcaster send`: ask for an ad-hoc broadcast; it waits for a second person's approval."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

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
    from broadcaster.dispatch import broadcast
    from broadcaster.plan import ad_hoc

    actor = session.actor(Act.BROADCAST_SEND)
    road = road_of(session.config, channel)
    with session.read() as connection:
        revision = approved(session, connection, message)
    with session.write() as tx:
        asked = wanted(session, tx.connection, tx.now, road, message, revision, group, language, at, campaign)
        twins = ad_hoc.twins(tx.connection, asked)
        number, subject = ad_hoc.ask(tx, session.config, asked, by=actor)
        name = broadcast.public_id(number)
    if twins:
        session.say(f"Note: {', '.join(twins)} says the same to the same people over {channel}, and is not over.")
    if opens := ad_hoc.opens(asked):
        session.say(f"Quiet hours ({asked.quiet_hours}): nothing of it goes out before {opens}.")
    session.say(f"{name} waits for another person: broadcaster broadcast approve {name} --as USER")
    emit({"broadcast": name, "state": "submitted", "hash": subject}, as_json=as_json)


def approved(session: Session, connection: Connection, message: str) -> str:
    """The approved revision. Raises: Conflict without one, or when the file says something else by now."""
    from broadcaster.plan import ad_hoc

    return ad_hoc.approved(connection, session.config, message, now=session.clock.now())


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
    from broadcaster.plan import ad_hoc

    return ad_hoc.wanted(
        connection, session.config, road, now=now, message=message, revision=revision, group=group, language=language,
        at=at, campaign=campaign,
    )  # fmt: skip
