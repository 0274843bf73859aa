"""Opening a list somebody else made: CSV in the encodings that occur, and XLSX, as rows of text within firm limits.

Whatever is wrong with the file as a whole is found before its first row is handed out.
"""

from __future__ import annotations

import csv
import io
import itertools
import unicodedata
import warnings
import zipfile
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from io import BufferedReader
from pathlib import Path
from typing import Any

from broadcaster.errors import WrongUse

FILE_MOST = 1024**3  # bytes; a million rows with every column are about 150 MB
RECORD_MOST = 65_536  # characters of one row, line breaks in quotes included
COLUMNS_MOST = 256
ROWS_MOST = 1_048_576  # rows of a worksheet (Microsoft Excel specifications and limits)
EMPTY_MOST = 100_000  # empty rows one after the other: a gap that only a made-up row number leaves
PARTS_MOST = 1_000  # files inside an .xlsx
UNPACKED_MOST = 2 * 1024**3  # bytes of all of them
RATIO_MOST = 200  # unpacked : packed; real sheets stay below 30, deflate's limit is about 1,030
PART_MOST = 32 * 1024**2  # bytes of a part that is read whole: styles, the table of contents
STRINGS_MOST = 512 * 1024**2  # bytes of the texts of all cells; a million names and mail addresses take 100 MB
EXACT = 10**15  # spreadsheets keep 15 digits; what is longer has been rounded

ROUND_ENCODINGS = (
    ("utf-8-sig", b"\xef\xbb\xbf"),
    ("utf-16", b"\xff\xfe"),
    ("utf-16", b"\xfe\xff"),
)
_LETTERS = "aăâeêioôơuưy"
_TONES = ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
_VIETNAMESE = frozenset(
    letter
    for base in _LETTERS + _LETTERS.upper()
    for tone in _TONES
    for letter in unicodedata.normalize("NFC", base + tone)
) | set("đĐ“”‘’–—…•·°₫«»\xa0€")
_VNI = ("aâ", "eâ", "oâ", "aê", "aù", "eù")  # pairs that no Vietnamese syllable has, and every text in a VNI font


Rows = Generator[tuple[int, list[str]], None, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """An opened list: rows with their number (the first row is 1), the head row included; strings, as they stand."""

    form: str  # "utf-8", "utf-16", "windows-1258", "xlsx"
    total: int | None  # rows, if known before reading
    rows: Rows
    note: str = ""


@contextmanager
def open_sheet(path: Path, file: BufferedReader) -> Iterator[Sheet]:
    """Read `file`, already open, as what its content says it is. Raises: WrongUse with the line and what to do."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    start = file.read(8)
    file.seek(0)
    if size > FILE_MOST:
        raise WrongUse(f"{path.name} is larger than 1 GB. Split it, and import the parts one after the other.")
    if start.startswith(b"PK\x03\x04"):
        yield from _xlsx(path, file)
    elif start.startswith(b"\xd0\xcf\x11\xe0"):
        raise WrongUse(f'{path.name} is in the old Excel format. Save it as .xlsx or "CSV UTF-8", and import that.')
    else:
        sheet = _csv(path, file)
        with closing(sheet.rows):
            yield sheet


# -- CSV --------------------------------------------------------------------------------------------------------------


class _WrongLetters(Exception):
    """The text was decoded, and is not Vietnamese."""


class _Lines:
    """The lines of a text, none longer than a record may be; knows how much the present record has taken."""

    def __init__(self, text: io.TextIOWrapper, name: str, *, vietnamese: bool = False) -> None:
        self._text = text
        self._name = name
        self._vietnamese = vietnamese
        self.number = 0
        self.begins = 1  # line of the present record
        self._taken = 0  # characters of it so far

    def next_record(self) -> None:
        self.begins = self.number + 1
        self._taken = 0

    def __iter__(self) -> Iterator[str]:
        readline = self._text.readline
        while line := readline(RECORD_MOST + 1):
            self.number += 1
            self._taken += len(line)
            if self._taken > RECORD_MOST:
                self._refuse_long(line)
            if "\0" in line:
                raise WrongUse(f"{self._name}, line {self.number}: there is a NUL byte. The file is damaged, or UTF-16 "
                               "without its mark; save the list as \"CSV UTF-8\" and import that.")  # fmt: skip
            if self._vietnamese and not line.isascii():
                line = unicodedata.normalize("NFC", line)
                _check_letters(line)
            yield line

    def _refuse_long(self, line: str) -> None:
        if len(line) > RECORD_MOST:
            raise WrongUse(f"{self._name}, line {self.number}: the line is longer than {RECORD_MOST:,} characters, "
                           "which is no row of a list; check the file.")  # fmt: skip
        raise WrongUse(f"{self._name}, line {self.begins}: a quotation mark is opened and not closed within "
                       f"{RECORD_MOST:,} characters. Correct the row, and import again.")  # fmt: skip


def _csv(path: Path, file: BufferedReader) -> Sheet:
    start = file.read(4)
    encoding = next((name for name, mark in ROUND_ENCODINGS if start.startswith(mark)), "utf-8")
    try:
        total = sum(1 for _ in _read(path, file, encoding))
    except UnicodeDecodeError:
        if encoding == "utf-16":
            raise WrongUse(f"{path.name}: the UTF-16 text is damaged; save the list again.") from None
        encoding, total = "cp1258", _count_1258(path, file)
    form = {"utf-8-sig": "utf-8", "cp1258": "windows-1258"}.get(encoding, encoding)
    note = "The file is not UTF-8; it was read as Windows-1258. Check a few names." if encoding == "cp1258" else ""
    return Sheet(form=form, total=total, rows=_read(path, file, encoding), note=note)


def _count_1258(path: Path, file: BufferedReader) -> int:
    try:
        return sum(1 for _ in _read(path, file, "cp1258"))
    except (UnicodeDecodeError, _WrongLetters):
        raise WrongUse(
            f"{path.name}, line {_first_odd_line(file)}: the text is neither UTF-8 nor Windows-1258 (an old font like "
            'TCVN3 or VNI, perhaps). Save the list as "CSV UTF-8" or .xlsx, and import that.'
        ) from None


def _read(path: Path, file: BufferedReader, encoding: str) -> Rows:
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    try:
        lines = _Lines(text, path.name, vietnamese=encoding == "cp1258")
        yield from _records(lines, path.name)
    finally:
        text.detach()  # the file is the caller's


def _records(lines: _Lines, name: str) -> Rows:
    source = iter(lines)
    head = list(itertools.islice(source, 1))
    delimiter = max(",;\t", key="".join(head).count)
    reader = csv.reader(itertools.chain(head, source), delimiter=delimiter, strict=True)
    try:
        for row, cells in enumerate(reader, 1):
            lines.next_record()
            if len(cells) > COLUMNS_MOST:
                raise WrongUse(f"{name}, line {lines.number}: more than {COLUMNS_MOST} columns; check the file.")
            yield row, cells
    except csv.Error as error:
        unclosed = "end of data" in str(error)
        what = "a quotation mark is opened and never closed" if unclosed else "the quotation marks are wrong"
        raise WrongUse(f"{name}, line {lines.begins}: {what}. Correct the row, and import again.") from None


def _check_letters(line: str) -> None:
    if not _VIETNAMESE.issuperset(letter for letter in line if not letter.isascii()) or any(
        pair in line.lower() for pair in _VNI
    ):
        raise _WrongLetters


def _first_odd_line(file: BufferedReader) -> int:
    """The first line that is not UTF-8, for the error's sake."""
    file.seek(0)
    number = 0
    while line := file.readline(4 * RECORD_MOST):
        number += 1
        try:
            line.decode()
        except UnicodeDecodeError:
            return number
    return number


# -- XLSX -------------------------------------------------------------------------------------------------------------


def _xlsx(path: Path, file: BufferedReader) -> Iterator[Sheet]:
    import openpyxl

    _check_package(path, file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl remarks on styles, which we do not read
        with _whole(path):
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
            sheets = book.worksheets
            if not sheets:
                raise WrongUse(f"{path.name} has no worksheet.")
            total = sheets[0].max_row
            sheets[0].reset_dimensions()  # what the file says of its own size is only a hint
        note = "Only the first worksheet was read." if len(sheets) > 1 else ""
        yield Sheet(form="xlsx", total=total, rows=_sheet_rows(path, sheets[0]), note=note)
        book.close()


@contextmanager
def _whole(path: Path, row: int = 1) -> Iterator[None]:
    """openpyxl meets a damaged file with whatever exception comes first; people get one sentence."""
    try:
        yield
    except (WrongUse, MemoryError):
        raise
    except Exception:
        raise WrongUse(f"{path.name}, row {row}: damaged, or no real .xlsx. Save it again, and import that.") from None


def _sheet_rows(path: Path, sheet: Any) -> Rows:
    rows = sheet.iter_rows(values_only=True)
    empty = 0
    for number in range(1, ROWS_MOST + 1):
        with _whole(path, number):
            values = next(rows, None)
        if values is None:
            return
        if len(values) > COLUMNS_MOST:
            raise WrongUse(f"{path.name}, row {number}: more than {COLUMNS_MOST} columns; check the file.")
        empty = 0 if any(values) else empty + 1
        if empty > EMPTY_MOST:
            raise WrongUse(f"{path.name}, row {number}: {EMPTY_MOST:,} empty rows lie before it; delete them.")
        yield number, [_text(value) for value in values]
    raise WrongUse(f"{path.name} has more than {ROWS_MOST:,} rows, which no worksheet has; check the file.")


def _text(value: Any) -> str:
    """A cell as a person would have typed it; a number a spreadsheet has rounded looks rounded."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if abs(value) >= EXACT:
            return f"{value:.2E}"
        return str(int(value)) if value == int(value) else str(value)
    return str(value)


def _check_package(path: Path, file: BufferedReader) -> None:
    """Refuse a package that is no workbook or would not stay small, before anything of it is unpacked."""
    try:
        package = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError):
        raise WrongUse(f"{path.name} is damaged or no real .xlsx. Open it, save it again, and import that.") from None
    parts = package.infolist()
    unpacked = sum(part.file_size for part in parts)
    dense = any(part.file_size > 1024**2 and part.file_size > RATIO_MOST * part.compress_size for part in parts)
    large = any(part.file_size > _most(part.filename) for part in parts)
    if len(parts) > PARTS_MOST or unpacked > UNPACKED_MOST or dense or large:
        raise WrongUse(f"{path.name} would unpack to far more than a list needs, so it is not opened. "
                       "Save the list as \"CSV UTF-8\", and import that.")  # fmt: skip
    if len({part.filename for part in parts}) != len(parts) or any(part.flag_bits & 1 for part in parts):
        raise WrongUse(f"{path.name} is encrypted, or no real .xlsx. Save it without a password, and import that.")
    _check_markup(path, package, parts)


def _most(name: str) -> int:
    """Bytes a part may have: worksheets stream, everything else is held in memory."""
    if name.startswith("xl/worksheets/") or not name.endswith((".xml", ".rels")):
        return UNPACKED_MOST
    return STRINGS_MOST if name == "xl/sharedStrings.xml" else PART_MOST


def _check_markup(path: Path, package: zipfile.ZipFile, parts: Iterable[zipfile.ZipInfo]) -> None:
    """No entity definitions, and no piece of text or markup larger than a cell can be."""
    for part in parts:
        if not part.filename.endswith((".xml", ".rels", ".vml")):
            continue
        try:
            with package.open(part) as stream:
                _check_part(path, stream)
        except (zipfile.BadZipFile, OSError, NotImplementedError, EOFError):
            raise WrongUse(f"{path.name} is damaged. Open it, save it again, and import that.") from None


def _check_part(path: Path, stream: Any) -> None:
    tail, since = b"", 0
    while piece := stream.read(RECORD_MOST):
        seen = (tail + piece).upper()
        if b"<!DOCTYPE" in seen or b"<!ENTITY" in seen or b"\0" in piece:
            raise WrongUse(f"{path.name} holds definitions no spreadsheet writes, so it is not opened.")
        opened = piece.rfind(b"<")
        since = len(piece) - opened if opened >= 0 else since + len(piece)
        if since > 4 * RECORD_MOST:
            raise WrongUse(f"{path.name} holds a cell longer than any real one, so it is not opened.")
        tail = piece[-16:]
