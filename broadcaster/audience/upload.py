"""A list that came by the browser: kept from step to step of the import, for its owner only, and no longer than a day."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from broadcaster.audience.contact import clean, column_of
from broadcaster.audience.sheet import open_sheet
from broadcaster.errors import NotFound, WrongUse

FILE_MOST = 50 * 1024**2  # bytes: some 400,000 rows; longer lists are imported on the command line
KEPT = timedelta(days=1)
TOKEN = re.compile(r"[0-9a-f]{32}")
PIECE = 1024**2
ROWS = 5  # of a preview
CELL = 60  # characters of a cell in it


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A kept list."""

    token: str
    path: Path
    rejects: Path
    done: dict[str, Any] | None  # what came of the import, once it is over

    @property
    def name(self) -> str:
        return self.path.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The head of a list, as it was read."""

    form: str
    note: str
    heads: tuple[str, ...]
    columns: tuple[str, ...]  # what each is taken for, "" for nothing
    rows: tuple[tuple[str, ...], ...]


def keep(folder: Path, token: str, name: str, stream: BinaryIO, *, by: str, now: datetime) -> Upload:
    """Take a list in; lists left lying for a day are removed on the way. Raises: WrongUse for one that is too large."""
    _tidy(folder, now)
    place = folder / token
    (place / "list").mkdir(parents=True, mode=0o700)
    path = place / "list" / _name(name)
    try:
        _copy(stream, path)
    except WrongUse:
        shutil.rmtree(place)
        raise
    _note(place, {"by": by, "name": path.name})
    os.utime(place, (now.timestamp(), now.timestamp()))
    return find(folder, token, by=by)


def find(folder: Path, token: str, *, by: str) -> Upload:
    """Raises: NotFound for a list that is gone, or somebody else's."""
    place = folder / token
    try:
        if not TOKEN.fullmatch(token):
            raise KeyError
        note = json.loads((place / "note.json").read_text(encoding="utf-8"))
        if note["by"] != by:
            raise KeyError
    except (OSError, ValueError, KeyError):
        raise NotFound("This list is not here any more; upload it again.") from None
    return Upload(token=token, path=place / "list" / note["name"], rejects=place / "rejects.csv", done=note.get("done"))


def finish(folder: Path, upload: Upload, done: dict[str, Any], *, by: str) -> None:
    """The list itself is removed; what came of it and the refused rows, which hold no cell, stay for a day."""
    place = folder / upload.token
    shutil.rmtree(place / "list")
    _note(place, {"by": by, "name": upload.name, "done": done})


def look(upload: Upload) -> Preview:
    """The first rows. Raises: WrongUse for a file that is no list."""
    with upload.path.open("rb") as file, open_sheet(upload.path, file) as sheet:
        rows = (cells for _, cells in sheet.rows if any(cell.strip() for cell in cells))
        heads = next(rows, None)
        if heads is None:
            raise WrongUse("The file is empty: its first row names the columns, the others hold one contact each.")
        shown = tuple(tuple(_short(cell) for cell in cells[: len(heads)]) for cells in islice(rows, ROWS))
        return Preview(
            form=sheet.form, note=sheet.note, heads=tuple(_short(head) for head in heads),
            columns=_detected(heads), rows=shown,
        )  # fmt: skip


def _detected(heads: list[str]) -> tuple[str, ...]:
    """Each column once: of two alike, a person says which one it is."""
    found: list[str] = []
    for head in heads:
        column = column_of(head)
        found.append("" if column in found else column)
    return tuple(found)


def _copy(stream: BinaryIO, path: Path) -> None:
    taken = 0
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        while piece := stream.read(PIECE):
            taken += len(piece)
            if taken > FILE_MOST:
                raise WrongUse(
                    "The list is larger than 50 MB; split it, or import it with `broadcaster audience import`."
                )
            out.write(piece)
    if not taken:
        raise WrongUse("The file is empty; choose the list again.")


def _note(place: Path, note: dict[str, Any]) -> None:
    draft = place / "note.json.part"
    draft.write_text(json.dumps(note, ensure_ascii=False), encoding="utf-8")
    os.replace(draft, place / "note.json")


def _name(text: str) -> str:
    """A file name without a path, short and harmless."""
    plain = re.sub(r"[^\w.() -]+", "_", clean(re.split(r"[/\\]", text)[-1])).strip(". ")
    return plain[-80:] or "list.csv"


def _short(cell: str) -> str:
    plain = " ".join(cell.split())
    return plain if len(plain) <= CELL else f"{plain[:CELL]}…"


def _tidy(folder: Path, now: datetime) -> None:
    for place in folder.glob("*"):
        if TOKEN.fullmatch(place.name) and now.timestamp() - place.stat().st_mtime > KEPT.total_seconds():
            shutil.rmtree(place, ignore_errors=True)
