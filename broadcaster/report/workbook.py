"""The annex as an XLSX workbook: one sheet per form, real numbers, heads that stay, no cell that is a formula."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

from broadcaster.dispatch.dispatch import State
from broadcaster.report.document import CATEGORIES, UNAPPROVED, Beside, Cut, week_shown
from broadcaster.report.figures import AD_HOC, Count, Figures, Row
from broadcaster.report.form import heading
from broadcaster.report.sheet import STATES, notes
from broadcaster.report.words import VI, Speech

COUNTS = ("Kế hoạch", "Đã kết thúc", "Còn mở", *STATES.values())
FORBIDDEN = re.compile(r"[\[\]:*?/\\]")  # in the name of a sheet; 31 characters at most


def xlsx(figures: Figures, rows: Iterable[Row], *, beside: Beside, cut: Cut, say: Speech = VI) -> bytes:
    """All figures of one campaign: a summary, a sheet per form with its days and channels, and one for each way to group them."""
    import xlsxwriter

    target = io.BytesIO()
    with xlsxwriter.Workbook(
        target, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    ) as book:
        writer = _Writer(book, say)
        _summary(writer, figures, cut, say)
        found = list(rows)
        for form in figures.by_form:
            writer.sheet(heading(form), ("Ngày", "Kênh", *COUNTS), _of_form(found, form))
        _groups(writer, figures, beside, say)
        _work(writer, beside, say)
    return target.getvalue()


def _summary(writer: _Writer, figures: Figures, cut: Cut, say: Speech) -> None:
    told: list[list[Any]] = [
        [say("Chiến dịch"), figures.standing.title],
        [say("Mã chiến dịch"), figures.standing.campaign],
        [say("Ghi chú"), " ".join(notes(figures, say))],
        [
            say("Số liệu lúc"),
            f"{cut.at:%d/%m/%Y %H:%M:%S %z}" if say.language == "vi" else f"{cut.at:%Y-%m-%d %H:%M:%S %z}",
        ],
        [say("Số mục nhật ký"), cut.entries],
        [say("Gốc cây nhật ký"), cut.root],
        [say("Kế hoạch"), figures.total.planned],
        [say("Đã kết thúc"), figures.total.final],
        [say("Còn mở"), figures.total.open],
        *([say(STATES[state]), figures.total.states[state]] for state in STATES),
        *([say("Chi phí ({currency})", currency=money.currency), money.amount] for money in figures.costs),
    ]
    writer.sheet("Tổng hợp", ("Mục", "Giá trị"), told)


def _groups(writer: _Writer, figures: Figures, beside: Beside, say: Speech) -> None:
    groups = (
        ("Theo ngày", "Ngày", figures.by_day),
        ("Theo tuần", "Tuần", {week_shown(week, say): count for week, count in figures.by_week.items()}),
        ("Theo lịch phát", "Lịch phát", figures.by_schedule),
        ("Theo nội dung", "Nội dung",
         {say(CATEGORIES.get(k, k or UNAPPROVED)): count for k, count in figures.by_category.items()}),
    )  # fmt: skip
    for title, first, counts in groups:
        writer.sheet(title, (first, *COUNTS), ([name, *_counts(count)] for name, count in counts.items()))
    if beside.areas:
        rows = ([one.province, say(one.name), *_counts(one.count)] for one in beside.areas)
        writer.sheet("Theo địa bàn", ("Tỉnh", "Địa bàn", *COUNTS), rows)


def _work(writer: _Writer, beside: Beside, say: Speech) -> None:
    head: tuple[str, ...] = ("Hình thức", "Số lần", "Số lượng", "Số phút", "Lượt người dự")
    writer.sheet("Hoạt động", head, ([a.form, a.times, a.units, a.minutes, a.participants] for a in beside.activities))
    if beside.works:
        head = ("Tỉnh", "Địa bàn", "Số lần", "Lượt phát", "Số phút", "Lượt người dự")
        rows = ([w.province, say(w.name), w.times, w.plays, w.minutes, w.participants] for w in beside.works)
        writer.sheet("Hoạt động theo địa bàn", head, rows)
    if beside.at_risk:
        writer.sheet("Nhóm nguy cơ", ("Nhóm nguy cơ", "Lượt người dự"), map(_counted, beside.at_risk))
    if beside.carriers:
        head = ("Doanh nghiệp", "Số thuê bao đã nhắn", "Thành công", "Không thành công", "Bắt đầu", "Kết thúc")
        found = beside.carriers
        rows = ([c.name, c.asked, c.reached, c.failed, f"{c.since}", f"{c.until}"] for c in found)
        writer.sheet("Doanh nghiệp viễn thông", head, rows)
    if beside.cost:
        writer.sheet("Chi phí", beside.cost.head, beside.cost.rows)


def _counted(one: tuple[str, str]) -> list[Any]:
    """A number stays one; "<5" is a text."""
    return [one[0], int(one[1]) if one[1].isdecimal() else one[1]]


def _of_form(rows: list[Row], form: str) -> Iterable[list[Any]]:
    own = [row for row in rows if row.form == form]
    for day, channel in sorted({(row.day, row.channel) for row in own}):
        states = dict.fromkeys(State, 0)
        for row in own:
            if (row.day, row.channel) == (day, channel):
                states[row.state] += row.n
        yield [day, channel, *_counts(Count(states=states))]


def _counts(count: Count) -> list[int]:
    return [count.planned, count.final, count.open, *(count.states[state] for state in STATES)]


class _Writer:
    """Sheets of one workbook; a name that is taken or too long is made to fit."""

    def __init__(self, book: Any, say: Speech) -> None:
        self._book, self._say = book, say
        self._bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "border": 1})
        self._number = book.add_format({"num_format": "#,##0"})
        self._names: set[str] = set()

    def sheet(self, name: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        made = self._book.add_worksheet(self._free(self._say(name)))
        made.freeze_panes(1, 1)
        for at, text in enumerate(head):
            made.write_string(0, at, self._say(text), self._bold)
        for line, row in enumerate(rows, 1):
            for at, cell in enumerate(row):
                if isinstance(cell, str):
                    made.write_string(line, at, AD_HOC if not cell and at == 0 else cell)
                else:
                    made.write_number(line, at, cell, self._number)
        made.set_column(0, 0, 34)
        made.set_column(1, len(head) - 1, 60 if len(head) == 2 else 14)

    def _free(self, name: str) -> str:
        short = FORBIDDEN.sub(" ", name)[:31].strip("'") or "-"
        free, n = short, 1
        while free.casefold() in self._names:
            n += 1
            free = f"{short[:27]} {n}"
        self._names.add(free.casefold())
        return free
