"""TOML as people write it: parsed without a traceback, read key by key, each fault with its line. Pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from broadcaster.content.fault import Fault, Faulty

LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")  # BCP 47 as we need it: "vi", "hmn", "zh-Hant"
KEY_DEPTH = 64  # dots before "="; the standard parser takes quadratic time over longer keys


def parse(text: str, *, path: str, first_line: int = 1) -> dict[str, Any]:
    """The document as a dict. Raises: Faulty with the line, whatever the input."""
    for number, written in enumerate(text.split("\n"), first_line):
        if written.partition("=")[0].count(".") > KEY_DEPTH:
            raise Faulty([Fault(path=path, line=number, text="This key has too many dots.", remedy="Use a plain key.")])
    try:
        return tomllib.loads(text)
    except RecursionError:
        fault = Fault(
            path=path, line=first_line, text="The TOML is nested too deep.", remedy="Use plain keys and values."
        )
        raise Faulty([fault]) from None
    except ValueError as error:  # TOMLDecodeError, and integers of absurd length
        found = re.search(r"\(at line (\d+), column \d+\)", str(error))
        line = first_line + (int(found[1]) - 1 if found else max(0, text.rstrip("\n").count("\n")))
        why = re.sub(r"\s*\(at .*\)$", "", str(error)).rstrip(".")
        fault = Fault(
            path=path,
            line=line,
            text=f"This is not valid TOML: {why}.",
            remedy='Write each key as key = "value", with straight quotes; dates as 2027-07-01.',
        )
        raise Faulty([fault]) from None


@dataclass(slots=True, kw_only=True)
class Fields:
    """One table being read: hands out typed values, and gathers a fault for each that is missing, wrong or unknown."""

    table: Mapping[str, Any]
    path: str
    lines: list[str]  # the lines the table was written in
    first_line: int  # number of lines[0] in the file
    about: str = ""
    faults: list[Fault] = field(default_factory=list)
    _taken: set[str] = field(default_factory=set)

    def line_of(self, key: str) -> int:
        """Where `key` ("title.vi", else "title") is written; the table's first line if it is nowhere."""
        for wanted in (key, key.partition(".")[0]):
            pattern = re.compile(rf"\s*\[?\s*{re.escape(wanted)}\s*[.=\]]")
            for number, line in enumerate(self.lines, self.first_line):
                if pattern.match(line):
                    return number
        return self.first_line

    def fault(self, key: str, text: str, remedy: str) -> None:
        self.faults.append(Fault(path=self.path, line=self.line_of(key), text=text, remedy=remedy, about=self.about))

    def text(self, key: str, *, required: bool = False, example: str = "...") -> str:
        """A non-empty string on one line, or ""."""
        self._taken.add(key)
        if key not in self.table:
            if required:
                self.fault(key, f"The key `{key}` is missing.", f'Add {key} = "{example}".')
            return ""
        return self._line(key, self.table[key])

    def texts(self, key: str) -> dict[str, str]:
        """Strings by language: `key.vi = ".."`, `key.en = ".."`."""
        self._taken.add(key)
        found = self.table.get(key, {})
        if not isinstance(found, dict):
            self.fault(key, f"The key `{key}` names no language.", f'Write {key}.vi = "..." and {key}.en = "...".')
            return {}
        result = {}
        for language, value in found.items():
            if not LANGUAGE.fullmatch(language):
                self.fault(
                    f"{key}.{language}", f"{language!r:.40} is no language tag.", "Use a tag like vi, en or hmn."
                )
            elif text := self._line(f"{key}.{language}", value):
                result[language] = text
        return result

    def day(self, key: str, *, required: bool = False) -> date | None:
        """A date without a time."""
        self._taken.add(key)
        value = self.table.get(key)
        if type(value) is date:  # a datetime is a date too, and not wanted here
            return value
        if value is not None or required:
            what = "is missing" if value is None else "is no date"
            self.fault(key, f"The key `{key}` {what}.", f"Write {key} = 2027-07-01, year-month-day without quotes.")
        return None

    def span(self, key: str) -> tuple[date | None, date | None]:
        """`key = { from = DAY, until = DAY }`, either may be left out; (None, None) without the key."""
        self._taken.add(key)
        if key not in self.table:
            return None, None
        value = self.table[key]
        if not isinstance(value, dict) or not value or set(value) - {"from", "until"}:
            self.fault(
                key, f"`{key}` is no span of days.", f"Write {key} = {{ from = 2027-07-01, until = 2027-08-31 }}."
            )
            return None, None
        inner = Fields(
            table=value, path=self.path, lines=[], first_line=self.line_of(key), about=self.about, faults=self.faults
        )
        start, end = inner.day("from"), inner.day("until")
        if start and end and end < start:
            self.fault(key, f"`{key}` ends before it begins.", "Put the earlier day into from.")
        return start, end

    def unknown(self) -> None:
        """A fault for each key nobody asked for."""
        for key in self.table.keys() - self._taken:
            known = ", ".join(sorted(self._taken))
            self.fault(key, f"The key {key!r:.60} is unknown here.", f"Remove it; the keys are: {known}.")

    def _line(self, key: str, value: Any) -> str:
        if not isinstance(value, str):
            self.fault(key, f"`{key}` must be text.", f'Put it in quotes: {key} = "...".')
            return ""
        if not value.strip() or "\n" in value.strip():
            self.fault(key, f"`{key}` must be one line, not empty.", "Write it on one line.")
            return ""
        return value.strip()
