"""`broadcaster correct`: a wrong text is out; stop what is left, take back what can be, and propose what sets it right."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from broadcaster.cli.session import Session, command, emit, json_option

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from broadcaster.channel.base import Channel


@click.group()
def _root() -> None: ...


@command(_root, "correct")
@click.argument("id_", metavar="BROADCAST")
@click.option("--message", required=True, help="The approved message that sets it right.")
@click.option("--reason", required=True, help="What was wrong; it stands in the ledger.")
@json_option
def correct(session: Session, id_: str, message: str, reason: str, as_json: bool) -> None:
    """Stop the rest, take down what can be, and ask for a correction to exactly those who got it. Repeatable."""
    from broadcaster.access.user import Act
    from broadcaster.approval.store import reason_of
    from broadcaster.cli.broadcast import close_rest
    from broadcaster.cli.send import approved
    from broadcaster.dispatch import broadcast, correction
    from broadcaster.errors import Conflict
    from broadcaster.plan import ad_hoc

    actor = session.actor(Act.BROADCAST_CANCEL)
    session.actor(Act.BROADCAST_SEND)
    number, reason = broadcast.read_public_id(id_), reason_of(reason)
    with session.read() as connection:
        revision = approved(session, connection, message)
        row = broadcast.get(connection, number)
    if row.state in ("submitted", "rejected"):
        raise Conflict(f"{id_} is {row.state}: nothing of it is out. Reject or cancel it instead.")
    if row.message_id == message and row.revision_hash == revision:
        raise Conflict(f"{message} is the very text that is out; approve the right one first.")
    with session.write() as tx:
        row = broadcast.lock(tx.connection, number)
        known = correction.begin(tx, number, message=message, reason=reason, by=actor)
        closed = 0
        if row.state in ("planned", "running", "paused") and not row.ending:
            closed = ad_hoc.cancel(tx, session.config, number, by=actor, reason=reason)
    closed += close_rest(session, number)
    with session.read() as connection:
        got = correction.got(connection, number)
    stays = _take_down(session, number, known, got, actor)
    proposed, not_proposed = _propose(session, number, message, revision, got, actor)
    with session.read() as connection:
        down = correction.taken_down(connection, number)
    for one in proposed:
        session.say(f"{one['broadcast']} waits for another person: broadcaster broadcast approve {one['broadcast']}")
    emit(
        {
            "broadcast": id_,
            "closed": closed,
            "taken_down": down,
            "cannot_be_taken_back": stays,
            "proposed": proposed,
            "not_proposed": not_proposed,
        },
        as_json=as_json,
    )


def _take_down(session: Session, number: int, known: int, got: dict[str, int], actor: str) -> dict[str, int]:
    """Take down what the channels can; returns channel -> how many have it and keep it."""
    from broadcaster.channel import registry
    from broadcaster.channel.base import TakesDown
    from broadcaster.dispatch import correction
    from broadcaster.errors import BroadcasterError

    stays = {}
    for name, n in got.items():
        try:
            channel = registry.build(session.config.channel(name))
        except BroadcasterError as error:
            session.say(f"The channel {name} cannot be asked to take anything down: {error}")
            stays[name] = n
            continue
        if not isinstance(channel, TakesDown):
            asyncio.run(channel.close())
            stays[name] = n
            continue
        faults = asyncio.run(_take_down_all(session, channel, number, name, known, actor))
        with session.read() as connection:
            done = correction.taken_down(connection, number).get(name, {}).get("done", 0)
        if faults:
            session.say(f"{faults} could not be taken down on {name}; run the same command again to try again.")
        if n > done:
            stays[name] = n - done
    return stays


async def _take_down_all(session: Session, channel: Channel, number: int, name: str, known: int, actor: str) -> int:
    """One by one, each with its entry; returns how many failed."""
    from broadcaster.dispatch import correction

    faults, after = 0, 0
    try:
        while True:
            with session.read() as connection:
                rows = correction.to_take_down(connection, number, name, after=after)
            if not rows:
                return faults
            for row in rows:
                fault = await _one(channel, row.provider_id)
                faults += bool(fault)
                with session.write() as tx:
                    correction.took_down(tx, known, row.id, broadcast=number, fault=fault, by=actor)
            after = rows[-1].id
    finally:
        await channel.close()


async def _one(channel: Any, provider_id: str) -> str:
    """ "" when it is gone, else what kind of fault kept it; a provider's words may hold an address."""
    try:
        answer = await asyncio.to_thread(channel.take_down, provider_id)
        if inspect.isawaitable(answer):
            await answer
    except Exception as error:
        return type(error).__name__
    return ""


def _propose(
    session: Session, number: int, message: str, revision: str, got: dict[str, int], actor: str
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Ask for one correction per channel; returns them, and channel -> why there is none."""
    from broadcaster.dispatch import broadcast, correction
    from broadcaster.errors import BroadcasterError

    with session.read() as connection:
        row = broadcast.get(connection, number)
        asked = {
            broadcast.channel_names(one)[0]: one
            for one in correction.proposals(connection, number)
            if one.state not in ("rejected", "expired", "cancelled")
        }
    proposed, refused = [], {}
    for name, n in got.items():
        if name in asked:
            one = asked[name]
            proposed.append(
                {"broadcast": broadcast.public_id(one.id), "channel": name, "got_it": n, "state": one.state}
            )
            continue
        try:
            made, subject = _ask(session, row, name, message, revision, actor)
        except BroadcasterError as error:
            refused[name] = str(error)
            continue
        proposed.append(
            {
                "broadcast": broadcast.public_id(made),
                "channel": name,
                "got_it": n,
                "state": "submitted",
                "hash": subject,
            }
        )
    return proposed, refused


def _ask(session: Session, row: Any, name: str, message: str, revision: str, actor: str) -> tuple[int, str]:
    from broadcaster.app import road_of
    from broadcaster.approval import store as approvals
    from broadcaster.cli.send import wanted
    from broadcaster.dispatch import broadcast, correction

    road = road_of(session.config, name)
    group: str | None = None
    if road.traits.unit != "public":
        group, after = correction.group_name(row.id, name), 0
        while True:
            with session.write() as tx:
                _, last = correction.gather_chunk(tx, row.id, name, after=after)
            if last is None:
                break
            after = last
    language = row.language if road.traits.unit != "public" else row.languages.split(",")[0]
    with session.write() as tx:
        asked = replace(
            wanted(session, tx.connection, tx.now, road, message, revision, group, language, None, row.campaign_id),
            corrects=row.id,
        )
        number, subject = broadcast.ask(tx, asked, by=actor)
        two_person = session.config.approval.two_person
        public = broadcast.public_id(number)
        approvals.submit(tx, kind="broadcast", name=public, subject=subject, by=actor, two_person=two_person)
    return number, subject


def shown(connection: Connection, row: Any) -> dict[str, Any]:
    """What `broadcast show` says of corrections."""
    from broadcaster.dispatch import broadcast, correction

    found: dict[str, Any] = {}
    if row.corrects is not None:
        found["corrects"] = broadcast.public_id(row.corrects)
    if known := correction.shown(connection, row.id):
        found["correction"] = known
    return found
