"""The simulator's own book: one line for every request whose last byte arrived, written before any answer leaves."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from broadcaster.clock import Clock, MovedClock


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One request. `accepted` is the provider's truth, whatever was answered."""

    n: int  # counts from 1, in the order of arrival
    at: str  # RFC 3339, UTC, by the book's clock
    path: str
    to: str
    body: str
    reference: str  # our attempt key, where the request carries one
    decision: str  # "accepted", or the fault or refusal that was played
    accepted: bool
    status: int  # the HTTP status that was answered; 0 for none
    id: str  # the provider's id of the message; "" for none
    body_sha256: str


class Book:
    """Append-only, in memory and, with a `path`, as JSON Lines that survive the process. A text stands there once."""

    def __init__(self, path: Path | None = None, *, fsync: bool = False, clock: Clock | None = None) -> None:
        self.path = path
        self.entries: list[Entry] = []
        self.requests = 0
        self._clock = clock if isinstance(clock, MovedClock) else MovedClock(clock)
        self._texts: dict[str, tuple[str, str]] = {}  # text -> itself and its SHA-256: a campaign's texts are few
        self._known_texts: set[str] = set()
        self._fsync = fsync
        self._file: int | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)

    def now(self) -> datetime:
        """The book's time: the machine's, moved by `move_to`."""
        return self._clock.now()

    def move_to(self, moment: datetime) -> None:
        """Let it be `moment` now, also for the books that share its clock. Raises: ValueError for a naive moment."""
        self._clock.move_to(moment)

    def next_number(self) -> int:
        """The number of the request that just arrived."""
        self.requests += 1
        return self.requests

    def write(self, **fields: Any) -> Entry:
        """Append one line; it is on its way to the disk when this returns."""
        body = fields["body"]
        if body not in self._texts:
            self._texts[body] = (body, hashlib.sha256(body.encode()).hexdigest())
        fields["body"], fields["body_sha256"] = self._texts[body]
        entry = Entry(at=self.now().isoformat(timespec="milliseconds").replace("+00:00", "Z"), **fields)
        self.entries.append(entry)
        if self._file is not None:
            os.write(self._file, self._line(entry))
            if self._fsync:
                os.fsync(self._file)
        return entry

    def counts(self) -> dict[str, Any]:
        """What happened, in figures."""
        taken = [entry for entry in self.entries if entry.accepted]
        return {
            "requests": len(self.entries),
            "accepted": len(taken),
            "recipients": len({entry.to for entry in taken}),
            "decisions": dict(sorted(Counter(entry.decision for entry in self.entries).items())),
            "now": self.now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "path": str(self.path or ""),
        }

    def lines(self) -> Iterator[bytes]:
        """The whole book, every line complete."""
        for entry in self.entries:
            yield _encode({**_fields(entry), "body": entry.body})

    def accepted(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.accepted]

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _line(self, entry: Entry) -> bytes:
        fields = _fields(entry)
        if fields["body_sha256"] not in self._known_texts:
            self._known_texts.add(fields["body_sha256"])
            fields["body"] = entry.body
        return _encode(fields)


def _fields(entry: Entry) -> dict[str, Any]:
    return {
        "n": entry.n,
        "at": entry.at,
        "path": entry.path,
        "to": entry.to,
        "body_sha256": entry.body_sha256,
        "reference": entry.reference,
        "decision": entry.decision,
        "accepted": entry.accepted,
        "status": entry.status,
        "id": entry.id,
    }


def _encode(fields: dict[str, Any]) -> bytes:
    return msgspec.json.encode(fields) + b"\n"
