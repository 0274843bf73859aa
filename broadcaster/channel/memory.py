"""A channel that keeps what it is given, for tests and for trying a plan. It plays any kind of channel."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from broadcaster.channel.base import Accepted, AfterSilence, OutcomeUnknown, Outgoing, SendError, Traits, Unit
from broadcaster.config import ChannelSettings

Answer = Accepted | SendError | Callable[[Outgoing], Accepted]


class Options(Struct, forbid_unknown_fields=True, kw_only=True):
    unit: Unit = "person"  # whom one request reaches
    address: str = "phone"  # kind of address it takes
    after_silence: AfterSilence = "look_up"
    forms: tuple[str, ...] = ("sms", "chat", "text")
    max_length: int = 0  # characters; 0 = no limit
    journal: str = ""  # a JSON Lines file that outlives the process, one line for each message taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One message the channel took, whether or not the sender heard of it."""

    outgoing: Outgoing
    accepted: Accepted


class Memory:
    """Takes everything, unless told otherwise by `answer` (one scripted answer a call, in order)."""

    traits = Traits(
        unit="person",
        address="phone",
        after_silence="look_up",
        forms=("sms", "chat", "text"),
        max_length=0,
        receipts="none",
    )

    def __init__(self, name: str, settings: ChannelSettings) -> None:
        options = settings.options(Options)
        self.name = name
        self.traits = replace(
            type(self).traits,
            unit=options.unit,
            address=options.address,
            after_silence=options.after_silence,
            forms=options.forms,
            max_length=options.max_length,
        )
        self.asked: list[Outgoing] = []  # every call, refused ones too
        self.taken: list[Taken] = []
        self.removed: list[str] = []
        self.closed = False
        self._script: deque[tuple[Answer, bool]] = deque()
        self._journal = settings.folder / options.journal if options.journal else None

    def answer(self, *answers: Answer, taken: bool = False) -> None:
        """Script the next calls. `taken`: the message is kept although the answer is an error, like a lost answer."""
        self._script.extend((answer, taken) for answer in answers)

    def check(self, outgoing: Outgoing) -> list[str]:
        if not outgoing.text.strip():
            return ["The text is empty; write the form this channel says."]
        if 0 < self.traits.max_length < len(outgoing.text):
            return [
                f"{len(outgoing.text)} characters; this channel takes at most {self.traits.max_length}: shorten it."
            ]
        return []

    async def send(self, outgoing: Outgoing, *, timeout: float) -> Accepted:  # noqa: ARG002 - the contract's name
        self.asked.append(outgoing)
        answer, taken = self._script.popleft() if self._script else (self._take, False)
        if isinstance(answer, SendError):
            if taken:
                self._take(outgoing)
            raise answer
        if isinstance(answer, Accepted):
            return self._keep(outgoing, answer)
        return answer(outgoing)

    async def find(self, outgoing: Outgoing, *, since: datetime, timeout: float) -> Accepted | None:  # noqa: ARG002
        if self.closed:
            raise OutcomeUnknown("The channel is closed and cannot be asked.")
        for taken in self.taken:
            if taken.outgoing.key == outgoing.key:
                return taken.accepted
        return None

    def take_down(self, provider_id: str) -> None:
        if provider_id not in self.removed:
            self.removed.append(provider_id)

    async def close(self) -> None:
        self.closed = True

    def _take(self, outgoing: Outgoing) -> Accepted:
        number = hashlib.sha256(f"{outgoing.key}\n{len(self.taken)}".encode()).hexdigest()[:24]
        return self._keep(outgoing, Accepted(provider_id=f"mem-{number}"))

    def _keep(self, outgoing: Outgoing, accepted: Accepted) -> Accepted:
        self.taken.append(Taken(outgoing=outgoing, accepted=accepted))
        if self._journal:
            _append(self._journal, outgoing, accepted)
        return accepted


def _append(journal: Path, outgoing: Outgoing, accepted: Accepted) -> None:
    line = {
        "key": outgoing.key,
        "dedupe_key": outgoing.dedupe_key,
        "to": outgoing.to,
        "text": outgoing.text,
        "provider_id": accepted.provider_id,
    }
    with journal.open("ab", buffering=0) as file:  # one write: lines of several processes never mix
        file.write(msgspec.json.encode(line) + b"\n")
