"""What is wrong in a file people write, where, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from broadcaster.errors import BroadcasterError


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One finding. A warning is told, but fails no check."""

    path: str  # as people know it: "content/hotline/hotline-111.md"
    line: int | None = None  # counted from 1; None = the file as a whole
    text: str  # what is wrong, one sentence
    remedy: str = ""  # what to do, one sentence
    about: str = ""  # id of the message, name of the fact, ...
    warning: bool = False

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {'warning: ' if self.warning else ''}{self.text} {self.remedy}".rstrip()


class Faulty(BroadcasterError):
    """The files cannot be used as they are; `faults` says where and why."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


def errors(faults: Iterable[Fault]) -> list[Fault]:
    """Those that fail a check."""
    return [fault for fault in faults if not fault.warning]
