"""What the queue must know of a configured channel to plan and guard for it, without being connected to it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from broadcaster.channel.base import Traits


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """One configured channel, as a value."""

    channel: str
    adapter: str
    traits: Traits
    accents: bool = True
    languages: tuple[str, ...] = ()  # of a public channel; () = the campaign's
    sender: str = ""  # what people see it comes from; part of what is approved
