"""The speech form, before it is approved: what is read, how long it takes, and what a voice may say wrongly. Pure.

The words themselves stand in `channel.speech`, below the queue: the loudspeaker channel reads with them, and imports point down.
"""

from __future__ import annotations

from dataclasses import dataclass

from broadcaster.channel.speech import doubts, reading_seconds, spoken

__all__ = ["Reading", "doubts", "read", "reading_seconds", "spoken"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One speech form as it will sound."""

    text: str  # what the machine reads; other languages than Vietnamese are not written out
    seconds: int  # once through, rounded up
    doubts: tuple[str, ...]  # listen to these


def read(text: str, language: str) -> Reading:
    """How a speech form sounds in its language."""
    vietnamese = language.split("-")[0] == "vi"
    return Reading(
        text=spoken(text) if vietnamese else text,
        seconds=reading_seconds(text, language),
        doubts=tuple(doubts(text)) if vietnamese else (),
    )
