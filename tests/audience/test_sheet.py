from __future__ import annotations

import tracemalloc
import unicodedata
import zipfile
from datetime import date
from pathlib import Path
from time import perf_counter

import openpyxl
import pytest

from broadcaster.audience.sheet import open_sheet
from broadcaster.errors import WrongUse

LIST = "name,phone\nNguyễn Thị Bưởi,0912345678\nTrần Văn Đức,0987654321\n"
ROWS = [["name", "phone"], ["Nguyễn Thị Bưởi", "0912345678"], ["Trần Văn Đức", "0987654321"]]


def rows_of(path: Path) -> list[list[str]]:
    with path.open("rb") as file, open_sheet(path, file) as sheet:
        return [cells for _, cells in sheet.rows]


def form_of(path: Path) -> str:
    with path.open("rb") as file, open_sheet(path, file) as sheet:
        return sheet.form


def written(tmp_path: Path, content: bytes, name: str = "list.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def windows_1258(text: str) -> bytes:
    """As Windows writes it: tone marks apart, vowels with their hats and horns in one byte."""
    tones = "\u0300\u0301\u0303\u0309\u0323"
    apart = ""
    for letter in text:
        marks = unicodedata.normalize("NFD", letter)
        apart += unicodedata.normalize("NFC", "".join(mark for mark in marks if mark not in tones))
        apart += "".join(mark for mark in marks if mark in tones)
    return apart.encode("cp1258")


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (LIST.encode(), "utf-8"),
        (LIST.encode("utf-8-sig"), "utf-8"),
        (b"\xff\xfe" + LIST.encode("utf-16-le"), "utf-16"),
        (b"\xfe\xff" + LIST.encode("utf-16-be"), "utf-16"),
        (windows_1258(LIST), "windows-1258"),
    ],
)
def test_a_list_reads_the_same_in_every_encoding_that_occurs(tmp_path: Path, content: bytes, form: str) -> None:
    path = written(tmp_path, content)

    assert rows_of(path) == ROWS
    assert form_of(path) == form


@pytest.mark.parametrize(
    "content",
    [
        LIST.replace("\n", "\r\n"),
        LIST.replace("\n", "\r"),
        LIST.replace("\n", "\r\n", 1),
        LIST.rstrip("\n"),
        LIST.replace(",", ";"),
        LIST.replace(",", "\t"),
        LIST.replace("Nguyễn Thị Bưởi", '"Nguyễn Thị Bưởi"'),
    ],
)
def test_line_ends_delimiters_and_quotes_make_no_difference(tmp_path: Path, content: str) -> None:
    assert rows_of(written(tmp_path, content.encode())) == ROWS


@pytest.mark.parametrize(
    ("content", "because"),
    [
        (b"name,phone\nAn\0,1\n", "line 2: there is a NUL byte"),
        (LIST.encode("utf-16-le"), "line 1: there is a NUL byte"),
        (b'name,phone\nAn,1\n"Binh,2\nCuong,3\n', "line 3: a quotation mark is opened and never closed"),
        (b'name,phone\n"An" x,1\n', "line 2: the quotation marks are wrong"),
        (b"name,phone\nNguy\xd4n V\xa8n,1\n", "line 2: the text is neither UTF-8 nor Windows-1258"),
        (b"name,phone\nNguye\xe3n Va\xe2n,1\n", "line 2: the text is neither UTF-8 nor Windows-1258"),
        (b"\xff\xfen\0a", "UTF-16 text is damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel format"),
        (b"PK\x03\x04 and nothing more", "damaged or no real .xlsx"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_refused_with_the_line(tmp_path: Path, content: bytes, because: str) -> None:
    with pytest.raises(WrongUse, match=because):
        rows_of(written(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "because"),
    [
        (lambda: b"phone\n" + b"9" * 100_000_000, "line 2: the line is longer than 65,536"),
        (lambda: b"phone\n" + b"," * 1_000_000, "line 2: the line is longer than 65,536"),
        (lambda: b"phone\n" + b"," * 10_000, "line 2: more than 256 columns"),
        (lambda: b'phone\n1\n"' + b"0912345678\n" * 1_000_000, "line 3: a quotation mark is opened and not closed"),
    ],
)
def test_a_file_made_to_fill_the_memory_is_refused_at_once(tmp_path: Path, content: object, because: str) -> None:
    path = written(tmp_path, content())  # type: ignore[operator]
    tracemalloc.start()
    begun = perf_counter()

    with pytest.raises(WrongUse, match=because):
        rows_of(path)

    assert perf_counter() - begun < 1
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_a_workbook_gives_its_cells_as_a_person_would_have_typed_them(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["name", "phone", "zalo", "consent_date"])
    sheet.append(["Nguyễn Thị Bưởi", 912345678, 2512523625412515, date(2027, 1, 15)])
    sheet.append(["Trần Văn Đức", 912345678.0, "2512523625412515", "15/01/2027"])
    sheet.append([None, 9.5, True, None])
    book.save(tmp_path / "list.xlsx")

    rows = rows_of(tmp_path / "list.xlsx")

    assert rows[1:] == [
        ["Nguyễn Thị Bưởi", "912345678", "2.51E+15", "2027-01-15"],
        ["Trần Văn Đức", "912345678", "2512523625412515", "15/01/2027"],
        ["", "9.5", "True"],
    ]


def packed(tmp_path: Path, sheet: bytes, extra: dict[str, bytes] | None = None) -> Path:
    """A real workbook whose first worksheet is these bytes."""
    book = openpyxl.Workbook()
    book.save(tmp_path / "real.xlsx")
    with (
        zipfile.ZipFile(tmp_path / "real.xlsx") as real,
        zipfile.ZipFile(tmp_path / "list.xlsx", "w", zipfile.ZIP_DEFLATED) as made,
    ):
        for name in real.namelist():
            made.writestr(name, sheet if name == "xl/worksheets/sheet1.xml" else real.read(name))
        for name, content in (extra or {}).items():
            made.writestr(name, content)
    return tmp_path / "list.xlsx"


SHEET = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>%s</sheetData></worksheet>'
LAUGHS = (
    b'<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;">]>' + SHEET % b"<row><c><v>1</v></c></row>"
)


@pytest.mark.parametrize(
    ("sheet", "extra", "because"),
    [
        (SHEET % (b"<row/>" * 10_000_000), {}, "unpack to far more"),
        (SHEET % b"", {f"xl/media/{n}": b"" for n in range(1100)}, "unpack to far more"),
        (LAUGHS, {}, "definitions no spreadsheet writes"),
        (SHEET % b'<row r="99999999999"><c r="A99999999999"><v>1</v></c></row>', {}, "100,000 empty rows"),
        (SHEET % b'<row r="1"><c r="XFD1"><v>1</v></c></row>', {}, "more than 256 columns"),
        (SHEET % b'<row r="1"><c r="A1"><v>1</v>', {}, "damaged"),
    ],
)
def test_a_workbook_made_to_do_harm_is_refused(
    tmp_path: Path, sheet: bytes, extra: dict[str, bytes], because: str
) -> None:
    path = packed(tmp_path, sheet, extra)

    with pytest.raises(WrongUse, match=because):
        rows_of(path)


def test_a_cell_longer_than_any_real_one_is_refused_before_it_is_read(tmp_path: Path) -> None:
    noise = bytes(65 + (n * n * 2654435761 >> 13) % 26 for n in range(400_000))
    path = packed(tmp_path, SHEET % (b'<row r="1"><c t="inlineStr"><is><t>' + noise + b"</t></is></c></row>"))

    with pytest.raises(WrongUse, match="longer than any real one"):
        rows_of(path)
