"""The annex as an XLSX workbook: one sheet per form, real numbers, heads that stay, no cell that is a formula."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

from broadcaster.dispatch.dispatch import State
from broadcaster.report.document import Activity, Cut
from broadcaster.report.figures import AD_HOC, Count, Figures, Row
from broadcaster.report.form import heading
from broadcaster.report.sheet import STATES, notes

COUNTS = ("Kế hoạch", "Đã kết thúc", "Còn mở", *STATES.values())
FORBIDDEN = re.compile(r"[\[\]:*?/\\]")  # in the name of a sheet; 31 characters at most


def xlsx(figures: Figures, rows: Iterable[Row], *, activities: Sequence[Activity], cut: Cut) -> bytes:
    """All figures of one campaign: a summary, a sheet per form with its days and channels, the days, the schedules."""
    import xlsxwriter

    target = io.BytesIO()
    with xlsxwriter.Workbook(
        target, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    ) as book:
        writer = _Writer(book)
        _summary(writer, figures, cut)
        for form in figures.by_form:
            writer.sheet(heading(form), ("Ngày", "Kênh", *COUNTS), _of_form(list(rows), form))
        writer.sheet("Theo ngày", ("Ngày", *COUNTS), ([k, *_counts(v)] for k, v in figures.by_day.items()))
        writer.sheet(
            "Theo lịch phát", ("Lịch phát", *COUNTS), ([k, *_counts(v)] for k, v in figures.by_schedule.items())
        )
        head = ("Hình thức", "Số lần", "Số lượng", "Số phút", "Lượt người dự")
        writer.sheet("Hoạt động", head, ([a.form, a.times, a.units, a.minutes, a.participants] for a in activities))
    return target.getvalue()


def _summary(writer: _Writer, figures: Figures, cut: Cut) -> None:
    told: list[list[Any]] = [
        ["Chiến dịch", figures.standing.title],
        ["Mã chiến dịch", figures.standing.campaign],
        ["Ghi chú", " ".join(notes(figures))],
        ["Số liệu lúc", f"{cut.at:%d/%m/%Y %H:%M:%S %z}"],
        ["Số mục nhật ký", cut.entries],
        ["Gốc cây nhật ký", cut.root],
        ["Kế hoạch", figures.total.planned],
        ["Đã kết thúc", figures.total.final],
        ["Còn mở", figures.total.open],
        *([STATES[state], figures.total.states[state]] for state in STATES),
        *([f"Chi phí ({money.currency})", money.amount] for money in figures.costs),
    ]
    writer.sheet("Tổng hợp", ("Mục", "Giá trị"), told)


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

    def __init__(self, book: Any) -> None:
        self._book = book
        self._bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "border": 1})
        self._number = book.add_format({"num_format": "#,##0"})
        self._names: set[str] = set()

    def sheet(self, name: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        made = self._book.add_worksheet(self._free(name))
        made.freeze_panes(1, 1)
        for at, text in enumerate(head):
            made.write_string(0, at, text, self._bold)
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
