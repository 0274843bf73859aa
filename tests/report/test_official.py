"""The official report read back from its files: the same words and figures in each, in the layout of Decree 30/2020."""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import docx
import openpyxl
import pytest
from lxml import html as lxml_html

from broadcaster.content.written import money_of
from broadcaster.dispatch.dispatch import State
from broadcaster.errors import WrongUse
from broadcaster.report import narrative, official, page, workbook
from broadcaster.report.document import Activity, Beside, Carrier, Cut, Document, Letterhead, document
from broadcaster.report.figures import Figures, Row, Standing, figures
from broadcaster.report.words import EN, VI, speech
from tests.papers import said_by

ROOM = Path(official.__file__).parent
HTML = (ROOM / "official.html").read_text(encoding="utf-8")
HEAD = Letterhead(
    parent="Ủy ban nhân dân tỉnh Lạng Sơn",
    office="Sở Văn hóa, Thể thao và Du lịch",
    symbol="BC-SVHTTDL",
    place="Lạng Sơn",
    authority="KT. Giám đốc",
    title="Phó Giám đốc",
    signer="Vi Thị Ánh",
    recipients=("Cục Thông tin cơ sở và Thông tin đối ngoại;", "Lưu: VT."),
)
CUT = Cut(at=datetime(2027, 9, 10, 8, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh")), entries=24_708, root="ab" * 32)
TRICKY = 'Lời #let x = 1 *đậm* _nghiêng_ <b>&amp;</b> {{ it }} =HYPERLINK("x") "\\'


def rows() -> list[Row]:
    """62 days of texts and pages: 45.477 + 124 + 12."""
    days = [(date(2027, 7, 1) + timedelta(days=at)).isoformat() for at in range(62)]
    found = [
        Row(
            schedule="=1+1",
            day=day,
            channel="sms",
            form="sms",
            state=State.ACCEPTED,
            n=733 + at % 2,
            category="hotline",
        )
        for at, day in enumerate(days)
    ]
    found += [Row(schedule="web", day=day, channel="web", form="web", state=State.ACCEPTED, n=2) for day in days]
    return [*found, Row(schedule="=1+1", day=days[2], channel="sms", form="sms", state=State.FAILED, n=12)]


def counted(*, ended: bool = True, open_: int = 0) -> Figures:
    more = [Row(schedule="web", day="2027-08-31", channel="web", form="web", state=State.PLANNED, n=open_)] * bool(
        open_
    )
    standing = Standing(
        campaign="c-2027", title="Tuyên truyền phòng, chống mua bán người", currency="VND", ended=ended, waiting=0,
        by_one_alone=0,
    )  # fmt: skip
    return figures([*rows(), *more], micros={"VND": 7_869_750_500_000}, standing=standing)


ACTIVITIES = (Activity(form="Đài truyền thanh cấp xã", times=124, units=0, minutes=45_581, participants=0),)
BESIDE = Beside(activities=ACTIVITIES)


def made(found: Figures | None = None, *, beside: Beside = BESIDE, language: str = "vi") -> Document:
    found = found or counted()
    return document(
        found, head=HEAD, since=date(2027, 7, 1), until=date(2027, 8, 31), beside=beside, say=speech(language),
        narrative=narrative.Narrative(evaluation=(TRICKY,)), cut=CUT, number="12", day=date(2027, 9, 5),
    )  # fmt: skip


def test_the_docx_has_the_margins_the_head_and_the_signature_of_the_decree() -> None:
    file = docx.Document(io.BytesIO(official.docx(made())))

    section = file.sections[0]
    assert (round(section.page_width.mm), round(section.page_height.mm)) == (210, 297)
    for margin, least, most in (
        (section.top_margin, 20, 25),
        (section.bottom_margin, 20, 25),
        (section.left_margin, 30, 35),
        (section.right_margin, 15, 20),
    ):
        assert least <= round(margin.mm) <= most
    assert section.different_first_page_header_footer
    assert "PAGE" in section.header._element.xml
    left, right = file.tables[0].rows[0].cells
    assert [one.text for one in left.paragraphs if one.text] == [
        "ỦY BAN NHÂN DÂN TỈNH LẠNG SƠN", "SỞ VĂN HÓA, THỂ THAO VÀ DU LỊCH", "Số: 12/BC-SVHTTDL",
    ]  # fmt: skip
    assert [one.text for one in right.paragraphs if one.text] == [
        "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc", "Lạng Sơn, ngày 05 tháng 9 năm 2027",
    ]  # fmt: skip
    recipients, signature = next(one.rows[0].cells for one in file.tables if one.cell(0, 0).text.startswith("Nơi nhận"))
    assert recipients.paragraphs[0].text == "Nơi nhận:"
    assert [one.text for one in signature.paragraphs if one.text] == ["KT. GIÁM ĐỐC", "PHÓ GIÁM ĐỐC", "Vi Thị Ánh"]
    fonts = {run.font.name for paragraph in file.paragraphs for run in paragraph.runs if run.text}
    assert fonts == {"Times New Roman"}


def test_what_people_wrote_stands_in_every_file_as_they_wrote_it() -> None:
    document_ = made()

    in_docx = [one.text for one in docx.Document(io.BytesIO(official.docx(document_))).paragraphs]
    in_html = lxml_html.fromstring(page.html(document_)).xpath("//p/text()")

    assert TRICKY in in_docx
    assert TRICKY in in_html


def test_every_table_of_the_document_is_in_the_docx_cell_by_cell() -> None:
    document_ = made()

    file = docx.Document(io.BytesIO(official.docx(document_)))

    found = [[[cell.text for cell in row.cells] for row in table.rows] for table in file.tables]
    wanted = [part.table for part in document_.parts if part.table] + list(document_.annex)
    for table in wanted:
        assert [list(table.head), *map(list, table.rows)] in found, table.caption


def test_the_sums_of_every_table_are_the_figures_of_the_campaign() -> None:
    whole = counted()
    document_ = made(whole)

    by_day = next(table for table in document_.annex if table.caption.startswith("Phụ lục 1"))

    numbers = [int(row[1].replace(".", "")) for row in by_day.rows]
    assert sum(numbers[:-1]) == numbers[-1] == whole.total.planned == 45_613
    for row in by_day.rows:
        assert int(row[1].replace(".", "")) == sum(int(cell.replace(".", "")) for cell in row[2:]), row


def test_the_pdf_embeds_its_own_font_and_gives_its_text_back_in_nfc(tmp_path: Path) -> None:
    path = tmp_path / "r.pdf"

    path.write_bytes(official.pdf(made()))

    said = said_by("pdftotext", "-layout", path, "-")
    fonts = said_by("pdffonts", path).splitlines()[2:]
    assert unicodedata.is_normalized("NFC", said)
    for words in ("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Số: 12/BC-SVHTTDL", "45.581", "#let x = 1 *đậm*", "45.613"):
        assert words in said, words
    assert fonts
    assert all("Tinos" in line and " yes yes " in line for line in fonts)


def test_the_workbook_has_a_sheet_per_form_with_numbers_and_no_formula() -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook.xlsx(counted(), rows(), beside=Beside(), cut=CUT)))

    assert {"Tổng hợp", "Tin nhắn viễn thông", "Theo ngày", "Theo lịch phát", "Hoạt động"} <= set(book.sheetnames)
    sheet = book["Tin nhắn viễn thông"]
    planned = [row[2].value for row in sheet.iter_rows(min_row=2)]
    assert sum(planned) == 45_489
    assert all(isinstance(n, int) for n in planned)
    assert sheet.freeze_panes == "B2"
    kinds = {cell.data_type for one in book for row in one.iter_rows() for cell in row}
    assert "f" not in kinds
    assert book["Theo lịch phát"]["A2"].value == "=1+1"


def test_a_report_with_something_open_calls_itself_interim_and_says_how_much() -> None:
    document_ = made(counted(open_=1_204))

    assert "TẠM THỜI" in document_.notes[0]
    assert "1.204" in document_.notes[1]
    assert made().notes == ()


def test_a_section_nobody_wrote_is_left_to_the_office_and_not_invented() -> None:
    parts = {part.heading: part.paragraphs for part in made().parts}

    assert parts["V. ĐỀ XUẤT, KIẾN NGHỊ"] == ("(Nội dung do cơ quan bổ sung.)",)
    assert parts["IV. KHÓ KHĂN, VƯỚNG MẮC"] == (
        "Theo số liệu: 12 lượt không đến hoặc bị từ chối [H8].", "(Nội dung do cơ quan bổ sung.)",
    )  # fmt: skip


def test_the_narrative_file_is_laid_out_once_and_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "reports" / "c.md"

    assert narrative.begin(path, "c")
    path.write_text(
        path.read_text(encoding="utf-8").replace("## Đánh giá\n", "## Đánh giá\n\nMột.\nHai.\n\nBa.\n"),
        encoding="utf-8",
    )

    assert not narrative.begin(path, "c")
    assert narrative.read(path).evaluation == ("Một. Hai.", "Ba.")


def test_a_heading_the_report_does_not_have_is_named_with_those_it_has() -> None:
    with pytest.raises(WrongUse, match=r"Kết luận.*Đánh giá"):
        narrative.parse("\n## Kết luận\nXong.\n")


def test_days_and_amounts_are_written_as_the_decree_and_people_do() -> None:
    assert VI.long_day("Lạng Sơn", date(2027, 2, 3)) == "Lạng Sơn, ngày 03 tháng 02 năm 2027"
    assert VI.long_day("Lạng Sơn", date(2027, 12, 20)) == "Lạng Sơn, ngày 20 tháng 12 năm 2027"
    assert money_of("7869750.5") == "7.869.750,5"


def test_the_docx_is_a_zip_that_names_nothing_outside_itself() -> None:
    with zipfile.ZipFile(io.BytesIO(official.docx(made()))) as file:
        relations = b"".join(file.read(name) for name in file.namelist() if name.endswith(".rels"))

    assert b'TargetMode="External"' not in relations


def test_the_english_edition_has_the_same_figures_and_no_vietnamese_sentence_of_ours() -> None:
    vietnamese, english = made(), made(language="en")

    def figures_in(one: Document) -> list[list[str]]:
        tables = [part.table for part in one.parts if part.table] + [*one.annex[:4]]
        return [[cell.replace(",", ".") for cell in row[1:]] for table in tables for row in table.rows]

    assert figures_in(english) == figures_in(vietnamese)
    assert english.parts[0].heading == "I. HOW IT WAS CARRIED OUT"
    assert "45,613 dispatches" in english.parts[0].paragraphs[0]
    ours = {text for part in vietnamese.parts for text in (part.heading, *part.paragraphs) if text and text != TRICKY}
    theirs = {text for part in english.parts for text in (part.heading, *part.paragraphs)}
    assert ours.isdisjoint(theirs)
    text = "\n".join(one.text for one in docx.Document(io.BytesIO(official.docx(english))).paragraphs)
    assert "REPORT" in text
    assert "BÁO CÁO" not in text


def test_an_english_sentence_has_the_places_of_its_vietnamese_one_and_is_used() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in ROOM.glob("*.py") if path.name != "words.py")
    said = code + "".join(path.read_text(encoding="utf-8") for path in (ROOM.parent / "activity").glob("activity.py"))
    joined = re.sub("[\"']\\s*\\n\\s*[\"']", "", said).replace('\\"', '"')

    for vietnamese, english in EN.items():
        assert set(re.findall(r"\{(\w+)\}", vietnamese)) == set(re.findall(r"\{(\w+)\}", english)), vietnamese
        assert vietnamese.replace('\\"', '"') in joined + HTML, vietnamese


def test_figures_by_week_and_content_stand_beside_those_by_day() -> None:
    found = made()

    captions = [table.caption for table in found.annex]
    weeks = next(table for table in found.annex if "theo tuần" in table.caption)
    assert captions[:4] == [
        "Phụ lục 1. Lượt gửi theo ngày", "Phụ lục 2. Lượt gửi theo tuần", "Phụ lục 3. Lượt gửi theo kênh",
        "Phụ lục 4. Lượt gửi theo lịch phát",
    ]  # fmt: skip
    assert weeks.rows[0][0] == "28/06 - 04/07/2027"
    assert weeks.rows[-1][:2] == ("Cộng", "45.613")
    assert found.parts[2].table is not None
    assert [row[:2] for row in found.parts[2].table.rows] == [
        ("Chưa có bản được duyệt", "136"), ("Đường dây nóng", "45.477"), ("Cộng", "45.613"),
    ]  # fmt: skip


def test_small_groups_and_carriers_stand_in_every_file_as_they_may_be_printed(tmp_path: Path) -> None:
    carrier = Carrier(name="Viettel", asked=1_200_000, reached=1_150_000, failed=50_000, since=date(2027, 7, 30),
                      until=date(2027, 7, 31))  # fmt: skip
    beside = Beside(
        activities=ACTIVITIES, at_risk=(("phụ nữ", "≥30"), ("trẻ em", "<5")), carriers=(carrier,), doubled=2
    )
    found = made(beside=beside)

    (tmp_path / "r.pdf").write_bytes(official.pdf(found))
    book = openpyxl.load_workbook(io.BytesIO(workbook.xlsx(counted(), rows(), beside=beside, cut=CUT)))

    words = docx.Document(io.BytesIO(official.docx(found)))
    cells = {cell.text for table in words.tables for row in table.rows for cell in row.cells}
    assert {"<5", "≥30", "1.150.000"} <= cells
    assert all(one in page.html(found).decode() for one in ("&lt;5", "≥30", "1.150.000"))
    assert "1.150.000" in said_by("pdftotext", "-layout", tmp_path / "r.pdf", "-")
    assert [row[1].value for row in book["Nhóm nguy cơ"].iter_rows(min_row=2)] == ["≥30", "<5"]
    assert [row[1].value for row in book["Doanh nghiệp viễn thông"].iter_rows(min_row=2)] == [1_200_000]
    assert found.notes == ("2 mục trong sổ hoạt động có thể đã ghi hai lần.",)


def test_what_went_over_two_channels_or_had_to_be_corrected_stands_above_the_text() -> None:
    whole = counted()
    doubtful = replace(whole, standing=replace(whole.standing, possibly_both=7, fell_back=1_200, corrected=1))

    notes = made(doubtful).notes

    assert notes == (
        "1.200 lượt gửi qua kênh dự phòng cho người mà kênh trước không tới; được cộng vào tổng số.",
        "7 người có thể đã nhận qua cả hai kênh: kênh trước không báo lại kết quả.",
        "1 lượt phát có lời sai, đã đính chính.",
    )
