"""SMS through a Kannel gateway."""

from __future__ import annotations

from broadcaster.channel.base import Traits
from broadcaster.config import ChannelSettings
from broadcaster.errors import WrongUse


class Kannel:
    """SMS through a Kannel gateway."""

    traits = Traits(unit="person", address="phone", after_silence="ask", forms=("sms",), max_length=0)

    def __init__(self, name: str, settings: ChannelSettings) -> None:  # noqa: ARG002
        raise WrongUse(f"config: channels.{name}: this adapter is not there yet.")
