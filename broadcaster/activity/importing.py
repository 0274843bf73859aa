"""Reading a commune's list of activities: CSV or XLSX, every wrong row named, the good ones kept or none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

from broadcaster.activity.activity import KINDS, Activity, check, groups
from broadcaster.audience.sheet import open_sheet
from broadcaster.errors import WrongUse

ROWS_MOST = 50_000  # a province's whole campaign has some thousand
COLUMNS = ("kind", "day", "commune", "units", "minutes", "participants", "at_risk", "note")
NAMES = {  # as people write the head of a column
    "loại": "kind", "hình thức": "kind", "ngày": "day", "xã": "commune", "số lượng": "units", "số phút": "minutes",
    "người dự": "participants", "nhóm nguy cơ": "at_risk", "ghi chú": "note",
}  # fmt: skip
HEADINGS = {heading.casefold(): kind for kind, (heading, _) in KINDS.items()}


def read(path: Path, *, campaign: str, today: date) -> tuple[list[Activity], list[str]]:
    """The activities of a list, and a sentence for each row that is wrong. Raises: WrongUse for the file as a whole."""
    found, wrong = [], []
    with path.open("rb") as file, open_sheet(path, file) as sheet:
        head = _head(next(sheet.rows, (1, []))[1], path.name)
        for number, row in _limited(sheet.rows, path.name):
            cells = {name: cell.strip() for name, cell in zip(head, row, strict=False) if name}
            if not any(cells.values()):
                continue
            try:
                found.append(check(_activity(cells, campaign), today=today))
            except WrongUse as error:
                wrong.append(f"{path.name}, row {number}: {error}")
    return found, wrong


def _limited(rows: Iterator[tuple[int, list[str]]], name: str) -> Iterator[tuple[int, list[str]]]:
    for at, row in enumerate(rows):
        if at >= ROWS_MOST:
            raise WrongUse(f"{name} has more than 50,000 rows; split it.")
        yield row


def _head(row: Sequence[str], name: str) -> list[str]:
    found = [NAMES.get(cell.strip().casefold(), cell.strip().casefold()) for cell in row]
    if "kind" not in found or "day" not in found:
        raise WrongUse(
            f"{name}: the first row must name the columns; needed are kind and day, of: {', '.join(COLUMNS)}."
        )
    return [one if one in COLUMNS else "" for one in found]


def _activity(cells: Mapping[str, str], campaign: str) -> Activity:
    kind = cells.get("kind", "")
    return Activity(
        kind=HEADINGS.get(kind.casefold(), kind),
        day=_day(cells.get("day", "")),
        commune=cells.get("commune", ""),
        campaign=campaign,
        units=_number(cells, "units", 1),
        minutes=_number(cells, "minutes", 0),
        participants=_number(cells, "participants", 0),
        at_risk=groups(cells.get("at_risk", "")),
        note=cells.get("note", ""),
    )


def _number(cells: Mapping[str, str], name: str, default: int) -> int:
    text = cells.get(name, "").replace(".", "").replace(" ", "")
    if not text:
        return default
    if not text.isdecimal() or len(text) > 9:
        raise WrongUse(f"{name}: {cells[name]!r:.40} is no number; write it like 45581 or 45.581.")
    return int(text)


def _day(text: str) -> date:
    try:
        if "/" in text:
            day, month, year = (int(part) for part in text.split("/"))
            return date(year, month, day)
        return date.fromisoformat(text[:10])
    except ValueError:
        raise WrongUse(f"day: {text!r:.40} is no day; write it like 30/07/2027.") from None
