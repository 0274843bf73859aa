"""Zalo official accounts."""

from __future__ import annotations

from broadcaster.channel.base import Traits
from broadcaster.config import ChannelSettings
from broadcaster.errors import WrongUse


class ZaloOa:
    """Zalo official accounts."""

    traits = Traits(unit="audience", address="zalo", after_silence="ask", forms=("chat", "text",), max_length=0)

    def __init__(self, name: str, settings: ChannelSettings) -> None:  # noqa: ARG002
        raise WrongUse(f"config: channels.{name}: this adapter is not there yet.")
