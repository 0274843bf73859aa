"""`broadcaster lane`: channel accounts, their queues, and their pause."""

from __future__ import annotations

import click

from broadcaster.cli.session import Session, command, emit, json_option


@click.group()
def lane() -> None:
    """Channel accounts: queue, pause."""


@command(lane, "list")
@json_option
def list_(session: Session, as_json: bool) -> None:
    """Every lane with what waits in it, and why it is paused."""
    from broadcaster.dispatch import store

    with session.read() as connection:
        rows = store.lanes(connection)
    emit(rows, as_json=as_json, columns=("channel", "planned", "sending", "retry_wait", "unknown", "paused"))


@command(lane, "reviews")
@json_option
def reviews(session: Session, as_json: bool) -> None:
    """What providers review or have reviewed: articles, templates, sender names; newest first."""
    from broadcaster.channel import provider_item

    with session.read() as connection:
        rows = provider_item.reviews(connection)
    shown = [{**row, "at": f"{row['at']:%Y-%m-%dT%H:%M:%SZ}"} for row in rows]
    emit(shown, as_json=as_json, columns=("channel", "kind", "title", "state", "reason", "at"))


@command(lane, "resume")
@click.argument("channel")
def resume(session: Session, channel: str) -> None:
    """What paused it has been mended: send again."""
    from broadcaster.access.user import Act
    from broadcaster.dispatch import claim
    from broadcaster.errors import Conflict

    session.config.channel(channel)
    actor = session.actor(Act.LANE_RESUME)
    with session.write() as tx:
        if not claim.resume_lane(tx, channel, by=actor):
            raise Conflict(f"The lane {channel} is not paused.")
    session.say(f"{channel} sends again.")
