"""What one of a provider's own codes means for us; each adapter keeps its table of them as data. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from broadcaster.channel.base import SendError


@dataclass(frozen=True, slots=True)
class Meaning:
    """One line of a provider's table of codes."""

    kind: type[SendError]
    text: str
    sure: str = ""  # how sure the line is, where the table has it as data: E, S or U; else a comment beside it says so
    suppress: bool = False  # the person opted out or is gone
    wait: timedelta = timedelta(hours=1)  # of a Throttled whose answer names no time
