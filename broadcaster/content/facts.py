"""A fact: a hotline number, a law article, a link, kept once and checked on a date. Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import msgspec

from broadcaster.content.fault import Fault
from broadcaster.content.toml import Fields

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
WARN_DAYS = (30, 14, 7)  # days before `verify_by` at which people are told
MOST_FAULTS = 50  # findings told of one file; more of them help nobody

_ENCODE = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One table of `facts.toml`."""

    name: str
    value: str
    source: str
    verified_on: date
    verify_by: date  # last day on which it may be used without being checked again
    speech: Mapping[str, str] = field(default_factory=dict)  # by language: how it is read aloud
    title: Mapping[str, str] = field(default_factory=dict)
    note: Mapping[str, str] = field(default_factory=dict)  # what people must know, like "charged call"
    line: int = 0  # where it stands in the file

    @property
    def digest(self) -> str:
        """SHA-256, hex, of everything of the fact that can show in a message."""
        return hashlib.sha256(_ENCODE({"value": self.value, "speech": dict(self.speech)})).hexdigest()

    def overdue(self, today: date) -> bool:
        return self.verify_by < today

    def days_left(self, today: date) -> int:
        """Days until it is overdue; 0 on its last good day, negative once overdue."""
        return (self.verify_by - today).days

    def due_soon(self, today: date) -> int | None:
        """The step of WARN_DAYS it is within (30, 14 or 7), None if it is further away or overdue."""
        left = self.days_left(today)
        return min((days for days in WARN_DAYS if 0 <= left <= days), default=None)


def read(document: Mapping[str, Any], text: str, *, path: str) -> tuple[dict[str, Fact], list[Fault]]:
    """The facts of a parsed `facts.toml`, and what is wrong with the others. `text` is only searched for line numbers."""
    lines = text.split("\n")
    headers = _headers(lines)
    facts: dict[str, Fact] = {}
    faults: list[Fault] = []
    for name, table in document.items():
        if (
            len(faults) >= MOST_FAULTS
        ):  # the facts left unread hold what quotes them; fifty findings are enough to begin with
            break
        start, end = headers.get(name, (1, len(lines)))
        fact = _read_one(name, table, path=path, lines=lines[start - 1 : end], line=start, faults=faults)
        if fact:
            facts[name] = fact
    return facts, faults


def _read_one(name: str, table: Any, *, path: str, lines: list[str], line: int, faults: list[Fault]) -> Fact | None:
    if not NAME.fullmatch(name) or not isinstance(table, dict):
        faults.append(
            Fault(
                path=path,
                line=line,
                text=f"{name!r:.60} is no fact.",
                remedy="Begin each fact with [name]: lower-case letters, digits and _, at most 64.",
            )
        )
        return None
    fields = Fields(table=table, path=path, lines=lines, first_line=line, about=name)
    value = fields.text("value", required=True, example="111")
    source = fields.text("source", required=True, example="Nghị định 162/2025/NĐ-CP")
    verified_on = fields.day("verified_on", required=True)
    verify_by = fields.day("verify_by", required=True)
    speech, title, note = fields.texts("speech"), fields.texts("title"), fields.texts("note")
    fields.unknown()
    for key, shown in [("value", value), *((f"speech.{tag}", said) for tag, said in speech.items())]:
        if "{" in shown or "}" in shown:
            fields.fault(key, f"`{key}` holds a brace.", "A fact is plain text; take the brace out.")
    if verified_on and verify_by and verify_by < verified_on:
        fields.fault("verify_by", "verify_by lies before verified_on.", "Set it to the day by which to check again.")
    faults += fields.faults
    if fields.faults or not verified_on or not verify_by:
        return None
    return Fact(
        name=name,
        value=_nfc(value),
        source=_nfc(source),
        verified_on=verified_on,
        verify_by=verify_by,
        speech={tag: _nfc(said) for tag, said in speech.items()},
        title=title,
        note=note,
        line=line,
    )


def _headers(lines: list[str]) -> dict[str, tuple[int, int]]:
    """First and last line of each `[name]` table, counted from 1."""
    found: list[tuple[str, int]] = []
    for number, line in enumerate(lines, 1):
        match = re.match(r"\s*\[\s*\"?([^\[\]\".]+?)\"?\s*\]", line)
        if match:
            found.append((match[1], number))
    ends = [*(number - 1 for _, number in found), len(lines)][1:]
    return {name: (number, end) for (name, number), end in zip(found, ends, strict=True)}


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)
