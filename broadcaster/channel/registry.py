"""Which adapters there are: built-ins and plug-ins come through one door, the entry points `broadcaster.channels`."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from broadcaster.channel.base import Channel, Traits
from broadcaster.config import ChannelSettings
from broadcaster.errors import WrongUse

GROUP = "broadcaster.channels"


def names() -> list[str]:
    """Every installed adapter by name, sorted; imports none of them."""
    return sorted(_doors())


def adapters() -> dict[str, type]:
    """Every installed adapter's class. Raises: WrongUse naming the one that cannot be imported."""
    return {name: adapter(name) for name in names()}


def adapter(name: str) -> type:
    """The class behind one name; imports that adapter only. Raises: WrongUse naming what is installed."""
    door = _doors().get(name)
    if door is None:
        known = ", ".join(names()) or "none"
        raise WrongUse(f"No channel adapter is called {name!r}; installed are: {known}.")
    try:
        found = door.load()
    except (ImportError, AttributeError) as error:
        raise WrongUse(
            f"The channel adapter {name!r} ({door.value}) cannot be loaded: {error}. Reinstall its package."
        ) from error
    if not isinstance(getattr(found, "traits", None), Traits):
        raise WrongUse(
            f"The channel adapter {name!r} ({door.value}) has no `traits`; see docs/how-to/write-a-channel.md."
        )
    return cast(type, found)


def traits(name: str) -> Traits:
    """What the planner must know of an adapter; needs no network and no secret. Raises: WrongUse."""
    return cast(Traits, getattr(adapter(name), "traits"))  # noqa: B009 - any class with traits will do


def build(settings: ChannelSettings) -> Channel:
    """The channel of one `[channels.NAME]` table. Raises: WrongUse naming the wrong key or the missing adapter."""
    maker = cast(Any, adapter(settings.common.adapter))
    return cast(Channel, maker(settings.name, settings))


@cache
def _doors() -> dict[str, EntryPoint]:
    """Raises: WrongUse when two packages offer one name: who sends must never depend on the order of a list."""
    doors: dict[str, EntryPoint] = {}
    for door in entry_points(group=GROUP):
        other = doors.setdefault(door.name, door)
        if other.value != door.value:
            raise WrongUse(
                f"Two packages offer the channel adapter {door.name!r}: {other.value} and {door.value}; remove one."
            )
    return doors
