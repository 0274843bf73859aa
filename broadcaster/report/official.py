"""The official report as files: DOCX to edit and sign, PDF to look at; both from one `Document`."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from broadcaster.report.document import MOTTO, NATION, Document, Part, Table, numeric, seal
from broadcaster.report.words import Speech, speech

FONTS = Path(__file__).parent.parent / "fonts"
TEMPLATE = Path(__file__).parent / "official.typ"
FONT = "Times New Roman"  # Decree 30/2020/ND-CP, Appendix I
# Millimetres, inside the ranges of that appendix: top and bottom 20-25, left 30-35, right 15-20.
TOP, BOTTOM, LEFT, RIGHT = 20, 20, 30, 15
TOGETHER = 12  # rows; a table so short stays on one page


def pdf(document: Document) -> bytes:
    """An A4 PDF/A-compatible file with the fonts inside. The document is data of the template, never part of its code."""
    import typst

    return bytes(
        typst.compile(
            str(TEMPLATE),
            root=str(TEMPLATE.parent),
            font_paths=[str(FONTS)],
            ignore_system_fonts=True,
            sys_inputs={"report": json.dumps(_plain(document), ensure_ascii=False)},
        )
    )


def docx(document: Document) -> bytes:
    """A document that Word and LibreOffice open and people edit."""
    made = _Word(document)
    made.write()
    return made.bytes()


def _plain(document: Document) -> dict[str, Any]:
    """What the template prints."""
    head, say = document.head, speech(document.language)
    return {
        "language": document.language,
        "nation": say(NATION),
        "motto": say(MOTTO),
        "title": document.title,
        "about": about(document),
        "parent": head.parent.upper(),
        "office": head.office.upper(),
        "number": _number(document),
        "day": say.long_day(head.place, document.day),
        "subject": document.subject,
        "notes": list(document.notes),
        "parts": [_part(part) for part in document.parts],
        "annex": [_table(table) for table in document.annex if table.rows],
        "authority": head.authority.upper(),
        "signer_title": head.title.upper(),
        "signer": head.signer,
        "recipients": [say("Nơi nhận:"), *(f"- {one}" for one in head.recipients)],
    }


def _part(part: Part) -> dict[str, Any]:
    return {
        "heading": part.heading,
        "major": _major(part),
        "paragraphs": list(part.paragraphs),
        "table": _table(part.table) if part.table and part.table.rows else None,
        "bars": [list(bar) for bar in part.bars],
    }


def _table(table: Table) -> dict[str, Any]:
    return {
        "caption": table.caption,
        "head": list(table.head),
        "rows": [[[cell, numeric(cell)] for cell in row] for row in table.rows],
        "total": table.total,
        "shares": _shares(table),
        "head_size": _head_size(table),
    }


def about(document: Document) -> str:
    """A letter's subject, below its number; "" of a document that has a title."""
    return "" if document.title else f"{_say(document)('V/v')} {document.subject}"


def _number(document: Document) -> str:
    return f"{_say(document)('Số')}: {document.number or '      '}/{document.head.symbol}"


def _say(document: Document) -> Speech:
    return speech(document.language)


def _shares(table: Table) -> list[int]:
    """The first column, which has names in it, as wide as two others, unless the table says otherwise."""
    return list(table.shares) or [4 if at == 0 else 2 for at in range(len(table.head))]


def _head_size(table: Table) -> int:
    """Points; many columns are narrow (tables may have 10 to 12)."""
    return 10 if len(table.head) > 6 else 11


def _widths(table: Table) -> list[float]:
    """Millimetres of each column."""
    shares = _shares(table)
    return [(210 - LEFT - RIGHT) * share / sum(shares) for share in shares]


def _major(part: Part) -> bool:
    """Headings with a Roman number stand above those with an Arabic one."""
    return not part.heading[:1].isdigit()


class _Word:
    """One DOCX being written. Sizes in points, after Decree 30/2020/ND-CP, Appendix I."""

    def __init__(self, document: Document) -> None:
        import docx as library
        from docx.shared import Mm

        self._document = document
        self._file = library.Document()
        section = self._file.sections[0]
        section.page_width, section.page_height = Mm(210), Mm(297)
        section.top_margin, section.bottom_margin = Mm(TOP), Mm(BOTTOM)
        section.left_margin, section.right_margin = Mm(LEFT), Mm(RIGHT)
        section.header_distance = Mm(10)
        section.different_first_page_header_footer = True  # no number on the first page
        self._default_font()
        self._page_number(section.header.paragraphs[0])

    def write(self) -> None:
        self._file.core_properties.keywords = seal(self._document)
        self._file.core_properties.title = self._document.subject[:255]
        self._letterhead()
        if self._document.title:
            self._line(self._document.title, bold=True, size=14, before=12)
            _bookmark(self._file.paragraphs[-1], seal(self._document))
            self._line(self._document.subject, bold=True, size=14)
            self._rule()
        for note in self._document.notes:
            self._line(note, bold=True, size=13)
        for part in self._document.parts:
            self._part(part)
        self._signature()
        tables = [table for table in self._document.annex if table.rows]
        if tables:
            self._file.add_page_break()  # type: ignore[no-untyped-call]
        for table in tables:
            self._table(table)

    def bytes(self) -> bytes:
        target = io.BytesIO()
        self._file.save(target)
        return target.getvalue()

    # -- the pieces, from top to bottom

    def _letterhead(self) -> None:
        head, say = self._document.head, _say(self._document)
        left, right = self._columns(0.38)
        if head.parent:
            self._in(left, head.parent.upper(), size=13)
        self._in(left, head.office.upper(), bold=True, size=13)
        self._drawn(left, 0.35)
        self._in(left, _number(self._document), size=13, before=6)
        if about(self._document):
            self._in(left, about(self._document), size=12)
        self._in(right, say(NATION), bold=True, size=12)
        self._in(right, say(MOTTO), bold=True, size=13)
        self._drawn(right, 0.62)
        self._in(right, say.long_day(head.place, self._document.day), italic=True, size=13, before=6)

    def _part(self, part: Part) -> None:
        from docx.shared import Pt

        if part.heading:
            heading = self._file.add_heading(level=1 if _major(part) else 2)
            self._run(heading, part.heading, bold=True, size=14)
            heading.paragraph_format.space_before = Pt(8)
        for text in part.paragraphs:
            self._body(text, with_next=bool(part.bars or part.table))
        if part.table and part.table.rows:
            self._table(part.table)
        if part.bars:
            self._chart(part)

    def _signature(self) -> None:
        from docx.enum.text import WD_ALIGN_PARAGRAPH

        head = self._document.head
        self._file.add_paragraph()
        left, right = self._columns(0.5)
        self._in(
            left, _say(self._document)("Nơi nhận:"), bold=True, italic=True, size=12, align=WD_ALIGN_PARAGRAPH.LEFT
        )
        for one in head.recipients:
            self._in(left, f"- {one}", size=11, align=WD_ALIGN_PARAGRAPH.LEFT)
        if head.authority:
            self._in(right, head.authority.upper(), bold=True, size=13)
        self._in(right, head.title.upper(), bold=True, size=13)
        for _ in range(4):
            self._in(right, "", size=13)
        self._in(right, head.signer, bold=True, size=13)

    def _table(self, table: Table) -> None:
        from docx.enum.text import WD_ALIGN_PARAGRAPH
        from docx.oxml import OxmlElement
        from docx.shared import Mm, Pt

        caption = self._file.add_paragraph()
        caption.paragraph_format.space_before = Pt(8)
        caption.paragraph_format.keep_with_next = True
        self._run(caption, table.caption, bold=True, size=12)
        grid = self._file.add_table(rows=1, cols=len(table.head))
        grid.style = "Table Grid"
        widths = _widths(table)
        grid.autofit = False
        for column, width in zip(grid.columns, widths, strict=True):
            column.width = Mm(width)
        repeat = OxmlElement("w:tblHeader")  # the head again on each page
        grid.rows[0]._tr.get_or_add_trPr().append(repeat)
        for cell, text, width in zip(grid.rows[0].cells, table.head, widths, strict=True):
            cell.width = Mm(width)
            self._cell(cell, text, bold=True, align=WD_ALIGN_PARAGRAPH.CENTER, size=_head_size(table))
        for line, row in enumerate(table.rows, 1):
            last = table.total and line == len(table.rows)
            made = grid.add_row()
            made._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))
            for at, (cell, text) in enumerate(zip(made.cells, row, strict=True)):
                cell.width = Mm(widths[at])
                right = at > 0 and numeric(text)
                self._cell(cell, text, bold=last, align=WD_ALIGN_PARAGRAPH.RIGHT if right else WD_ALIGN_PARAGRAPH.LEFT)
        if len(table.rows) <= TOGETHER:
            for whole in grid.rows[:-1]:
                for cell in whole.cells:
                    cell.paragraphs[0].paragraph_format.keep_with_next = True
        below = self._file.add_paragraph()
        below.paragraph_format.space_after, below.paragraph_format.line_spacing = Pt(0), Pt(6)

    def _chart(self, part: Part) -> None:
        from docx.enum.text import WD_ALIGN_PARAGRAPH
        from docx.shared import Mm

        picture = self._file.add_paragraph()
        picture.alignment = WD_ALIGN_PARAGRAPH.CENTER
        picture.add_run().add_picture(io.BytesIO(chart(part.bars, _say(self._document))), width=Mm(160))

    # -- the tools

    def _default_font(self) -> None:
        from docx.oxml.ns import qn
        from docx.shared import Pt, RGBColor

        for name in ("Normal", "Heading 1", "Heading 2", "Header"):
            style = self._file.styles[name]
            style.font.name = FONT
            style.font.size = Pt(14)
            style.font.color.rgb = RGBColor(0, 0, 0)
            fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
            for kind in ("w:ascii", "w:hAnsi", "w:eastAsia", "w:cs"):
                fonts.set(qn(kind), FONT)
            for kind in ("w:asciiTheme", "w:hAnsiTheme", "w:eastAsiaTheme", "w:cstheme"):
                fonts.attrib.pop(qn(kind), None)

    def _page_number(self, paragraph: Any) -> None:
        from docx.enum.text import WD_ALIGN_PARAGRAPH
        from docx.oxml import OxmlElement
        from docx.oxml.ns import qn

        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        run = self._run(paragraph, "", size=13)
        for kind, text in (("begin", ""), ("", "PAGE"), ("end", "")):
            piece = OxmlElement("w:fldChar" if kind else "w:instrText")
            if kind:
                piece.set(qn("w:fldCharType"), kind)
            piece.text = text
            run._r.append(piece)

    def _columns(self, share: float) -> tuple[Any, Any]:
        """Two cells without lines, side by side; `share` of the width for the left one."""
        from docx.shared import Mm

        width = 210 - LEFT - RIGHT
        table = self._file.add_table(rows=1, cols=2)
        table.autofit = False
        for column, part in zip(table.columns, (share, 1 - share), strict=True):
            column.width = column.cells[0].width = Mm(width * part)
        return table.rows[0].cells[0], table.rows[0].cells[1]

    def _in(
        self,
        cell: Any,
        text: str,
        *,
        size: int,
        bold: bool = False,
        italic: bool = False,
        align: Any = None,
        before: int = 0,
    ) -> None:
        from docx.enum.text import WD_ALIGN_PARAGRAPH
        from docx.shared import Pt

        first = cell.paragraphs[0]
        paragraph = first if not first.runs and len(cell.paragraphs) == 1 else cell.add_paragraph()
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER if align is None else align
        paragraph.paragraph_format.space_after = Pt(0)
        paragraph.paragraph_format.space_before = Pt(before)
        self._run(paragraph, text, size=size, bold=bold, italic=italic)

    def _drawn(self, cell: Any, share: float) -> None:
        """A drawn line under the last paragraph, as wide as `share` of the cell."""
        from docx.shared import Mm, Pt

        paragraph = cell.add_paragraph()
        rest = Mm(int(cell.width.mm * (1 - share) / 2))
        paragraph.paragraph_format.left_indent = paragraph.paragraph_format.right_indent = rest
        paragraph.paragraph_format.space_after = Pt(0)
        paragraph.paragraph_format.line_spacing = Pt(3)
        self._run(paragraph, "", size=2)
        _top_border(paragraph)

    def _rule(self) -> None:
        from docx.shared import Mm, Pt

        paragraph = self._file.add_paragraph()
        paragraph.paragraph_format.left_indent = paragraph.paragraph_format.right_indent = Mm(60)
        paragraph.paragraph_format.space_after = Pt(6)
        paragraph.paragraph_format.line_spacing = Pt(3)
        _top_border(paragraph)

    def _line(self, text: str, *, size: int, bold: bool = False, before: int = 0) -> None:
        from docx.enum.text import WD_ALIGN_PARAGRAPH
        from docx.shared import Pt

        paragraph = self._file.add_paragraph()
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        paragraph.paragraph_format.space_before = Pt(before)
        paragraph.paragraph_format.space_after = Pt(2)
        self._run(paragraph, text, bold=bold, size=size)

    def _body(self, text: str, *, with_next: bool = False) -> None:
        from docx.enum.text import WD_ALIGN_PARAGRAPH
        from docx.shared import Mm, Pt

        paragraph = self._file.add_paragraph()
        paragraph.alignment = WD_ALIGN_PARAGRAPH.JUSTIFY
        paragraph.paragraph_format.first_line_indent = Mm(10)
        paragraph.paragraph_format.keep_with_next = with_next
        paragraph.paragraph_format.space_after = Pt(6)
        self._run(paragraph, text, size=14)

    def _cell(self, cell: Any, text: str, *, bold: bool, align: Any, size: int = 11) -> None:
        from docx.shared import Pt

        paragraph = cell.paragraphs[0]
        paragraph.alignment = align
        paragraph.paragraph_format.space_after = Pt(0)
        self._run(paragraph, text, size=size, bold=bold)

    def _run(self, paragraph: Any, text: str, *, size: int, bold: bool = False, italic: bool = False) -> Any:
        from docx.shared import Pt

        run = paragraph.add_run(text)
        run.bold, run.italic = bold, italic
        run.font.size, run.font.name = Pt(size), FONT
        return run


def _bookmark(paragraph: Any, name: str) -> None:
    """Word and LibreOffice keep bookmarks; a file's keywords, LibreOffice may drop."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    begin, end = OxmlElement("w:bookmarkStart"), OxmlElement("w:bookmarkEnd")
    begin.set(qn("w:name"), name)
    for one in (begin, end):
        one.set(qn("w:id"), "1")
        paragraph._p.append(one)


def _top_border(paragraph: Any) -> None:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    borders, top = OxmlElement("w:pBdr"), OxmlElement("w:top")
    for key, value in (("w:val", "single"), ("w:sz", "6"), ("w:space", "1"), ("w:color", "000000")):
        top.set(qn(key), value)
    borders.append(top)
    paragraph._p.get_or_add_pPr().insert_element_before(borders, "w:shd", "w:tabs", "w:spacing", "w:ind", "w:jc")


def chart(bars: tuple[tuple[str, int], ...], say: Speech) -> bytes:
    """A PNG of bars, in black and white, drawn from the same figures as the table."""
    from PIL import Image, ImageDraw, ImageFont

    width, height, floor, top = 1600, 560, 470, 40
    image = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(image)
    small = ImageFont.truetype(str(FONTS / "Tinos-Regular.ttf"), 22)
    most = max((n for _, n in bars), default=0) or 1
    step = (width - 160) / max(1, len(bars))
    every = -(-len(bars) // 16)  # labels that fit
    for share in (0.5, 1.0):
        level = floor - (floor - top) * share
        draw.line((140, level, width - 10, level), fill=200, width=2)
        draw.text((130, level), say.number(round(most * share)), fill=0, font=small, anchor="rm")
    for at, (name, n) in enumerate(bars):
        left = 140 + at * step
        draw.rectangle((left + step * 0.15, floor - (floor - top) * n / most, left + step * 0.85, floor), fill=90)
        if at % every == 0:
            draw.text((left + step / 2, floor + 10), name, fill=0, font=small, anchor="ma")
    draw.line((140, floor, width - 10, floor), fill=0, width=3)
    target = io.BytesIO()
    image.save(target, format="PNG", optimize=True)
    return target.getvalue()
