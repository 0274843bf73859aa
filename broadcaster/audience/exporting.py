"""Contacts as a CSV file that importing reads back, and that no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator
from hashlib import file_digest
from pathlib import Path

from broadcaster.audience.batch import Profile
from broadcaster.audience.contact import COLUMNS, KINDS, Address, neutral
from broadcaster.channel.address import mask
from broadcaster.errors import WrongUse


class Export:
    """A file being written beside its name, readable by its owner only; it takes the name when the block ends well."""

    def __init__(self, path: Path, *, reveal: bool) -> None:
        self._path = path
        self._draft = path.with_name(f".{path.name}.part")
        self._reveal = reveal
        self.contacts = 0
        self.sha256 = ""

    def __enter__(self) -> Export:
        if self._path.exists():
            raise WrongUse(f"{self._path} exists already; name another file, so that no list is lost.")
        return self

    def write(self, people: Iterable[tuple[Profile, list[Address]]]) -> None:
        """Raises: WrongUse if the folder cannot be written to."""
        try:
            descriptor = os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as error:
            raise WrongUse(f"Cannot write {self._path}: {error.strerror}. Name another file.") from None
        with open(descriptor, "w", encoding="utf-8-sig", newline="") as file:  # spreadsheets need the mark
            lines = csv.writer(file)
            lines.writerow(COLUMNS)
            for profile, addresses in people:
                self.contacts += 1
                lines.writerows(_rows(profile, addresses, reveal=self._reveal))
        with self._draft.open("rb") as file_:
            self.sha256 = file_digest(file_, "sha256").hexdigest()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._draft.replace(self._path)
        else:
            self._draft.unlink(missing_ok=True)


def _rows(profile: Profile, addresses: list[Address], *, reveal: bool) -> Iterator[list[str]]:
    """One row, and one more for each further address, tied to the first of another kind so that it finds its contact."""
    first: dict[str, str] = {}
    further: list[dict[str, str]] = []
    for kind, value in addresses:
        shown = value if reveal else mask(kind, value)
        if first.setdefault(kind, shown) is not shown:
            further.append({kind: shown})
    for one in further:
        tie = next((kind for kind in KINDS if kind in first and kind not in one), None)
        if tie:
            one[tie] = first[tie]
    about = {
        "name": profile.name,
        "language": profile.language,
        "commune": profile.commune,
        "consent_source": profile.consent.source if profile.consent else "",
        "consent_date": profile.consent.date.isoformat() if profile.consent else "",
    }
    for held in (first, *further):
        cells = about | held
        yield [neutral(cells.get(column, "")) for column in COLUMNS]
