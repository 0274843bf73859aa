"""Setting right a wrong text that is out: stop what is left, take back what can be, propose the right text to those who got it.

The command line and the desk go the same way. Each step may be taken again; it goes on where it ended.
"""

from __future__ import annotations

import asyncio
import inspect
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from sqlalchemy import Connection

from broadcaster.approval.store import reason_of
from broadcaster.channel import registry
from broadcaster.channel.base import Channel, TakesDown
from broadcaster.config import Config
from broadcaster.dispatch import broadcast, correction
from broadcaster.errors import BroadcasterError, Conflict, NotFound
from broadcaster.ledger.store import Transaction
from broadcaster.plan import ad_hoc
from broadcaster.schedule.files import roads


class House(Protocol):
    """What a call of the command line and a visit of the desk have in common."""

    @property
    def config(self) -> Config: ...

    def read(self) -> AbstractContextManager[Connection]: ...

    def write(self) -> AbstractContextManager[Transaction]: ...


@dataclass(slots=True, kw_only=True)
class TakenBack:
    """Channel -> how many have it and keep it; channel -> why it cannot be asked; how many could not be taken down."""

    stays: dict[str, int] = field(default_factory=dict)
    cannot: dict[str, str] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    whole: bool = True  # False: the time was up, and more is to be tried


def begin(house: House, number: int, *, message: str, revision: str, reason: str, by: str) -> tuple[int, int]:
    """Write it down and stop the rest; (number of the correction, how many dispatches were closed at once).

    Raises: Conflict when nothing of it is out, or when `message` is the very text that is.
    """
    reason = reason_of(reason)
    with house.write() as tx:
        row = broadcast.lock(tx.connection, number)
        if row.state in ("submitted", "rejected"):
            raise Conflict(
                f"{broadcast.public_id(number)} is {row.state}: nothing of it is out. Reject or cancel it instead."
            )
        if row.message_id == message and row.revision_hash == revision:
            raise Conflict(f"{message} is the very text that is out; approve the right one first.")
        known = correction.begin(tx, number, message=message, reason=reason, by=by)
        closed = 0
        if row.state in ("planned", "running", "paused") and not row.ending:
            closed = ad_hoc.cancel(tx, house.config, number, by=by, reason=reason)
    return known, closed


def take_down(
    house: House, number: int, known: int, got: dict[str, int], *, by: str, seconds: float | None = None
) -> TakenBack:
    """Take down what the channels can, one by one, each with its entry; at most for `seconds`, None for all of it."""
    found = TakenBack()
    for name, n in got.items():
        try:
            channel = registry.build(house.config.channel(name))
        except BroadcasterError as error:
            found.cannot[name], found.stays[name] = str(error), n
            continue
        if not isinstance(channel, TakesDown):
            asyncio.run(channel.close())
            found.stays[name] = n
            continue
        faults, whole = asyncio.run(_take_down_all(house, channel, number, name, known, by, seconds))
        found.whole = found.whole and whole
        if faults:
            found.faults[name] = faults
        with house.read() as connection:
            done = correction.taken_down(connection, number).get(name, {}).get("done", 0)
        if n > done:
            found.stays[name] = n - done
    return found


async def _take_down_all(
    house: House, channel: Channel, number: int, name: str, known: int, by: str, seconds: float | None
) -> tuple[int, bool]:
    """(how many failed, whether all were tried)."""
    faults, after, clock = 0, 0, asyncio.get_running_loop().time
    ends = None if seconds is None else clock() + seconds
    try:
        while True:
            with house.read() as connection:
                rows = correction.to_take_down(connection, number, name, after=after)
            if not rows:
                return faults, True
            for row in rows:
                if ends is not None and clock() >= ends:
                    return faults, False
                fault = await _one(channel, row.provider_id)
                faults += bool(fault)
                with house.write() as tx:
                    correction.took_down(tx, known, row.id, broadcast=number, fault=fault, by=by)
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


def propose(
    house: House, number: int, message: str, revision: str, got: dict[str, int], *, by: str
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Ask for one correction per channel; returns them, and channel -> why there is none."""
    with house.read() as connection:
        row = broadcast.get(connection, number)
        asked = standing(connection, number)
    proposed, refused = [], {}
    for name, n in got.items():
        if name in asked:
            one = asked[name]
            proposed.append(
                {"broadcast": broadcast.public_id(one.id), "channel": name, "got_it": n, "state": one.state}
            )
            continue
        try:
            made, subject = _ask(house, row, name, message, revision, by)
        except BroadcasterError as error:
            refused[name] = str(error)
            continue
        public = broadcast.public_id(made)
        proposed.append({"broadcast": public, "channel": name, "got_it": n, "state": "submitted", "hash": subject})
    return proposed, refused


def standing(connection: Connection, number: int) -> dict[str, Any]:
    """Channel -> the broadcast that sets it right, asked for or already out."""
    return {
        broadcast.channel_names(one)[0]: one
        for one in correction.proposals(connection, number)
        if one.state not in ("rejected", "expired", "cancelled")
    }


def _ask(house: House, row: Any, name: str, message: str, revision: str, by: str) -> tuple[int, str]:
    house.config.channel(name)
    road = roads(house.config).get(name)
    if road is None:
        raise NotFound(f"The channel {name} cannot be used as it is configured; see `broadcaster check`.")
    group: str | None = None
    if road.traits.unit != "public":
        group, after = correction.group_name(row.id, name), 0
        while True:
            with house.write() as tx:
                _, last = correction.gather_chunk(tx, row.id, name, after=after)
            if last is None:
                break
            after = last
    language = row.language if road.traits.unit != "public" else row.languages.split(",")[0]
    with house.write() as tx:
        asked = ad_hoc.wanted(
            tx.connection, house.config, road, now=tx.now, message=message, revision=revision, group=group,
            language=language, at=None, campaign=row.campaign_id,
        )  # fmt: skip
        return ad_hoc.ask(tx, house.config, replace(asked, corrects=row.id), by=by)
