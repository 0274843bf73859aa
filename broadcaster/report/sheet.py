"""The figures as a table for a spreadsheet: UTF-8 with a mark, so that Excel shows Vietnamese, and no cell is a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from broadcaster.content.written import number_of
from broadcaster.dispatch.dispatch import State
from broadcaster.report.figures import Count, Figures
from broadcaster.report.form import heading

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # OWASP, "CSV Injection"

STATES: dict[State, str] = {
    State.PLANNED: "Chờ gửi",
    State.SENDING: "Đang gửi",
    State.RETRY_WAIT: "Chờ gửi lại",
    State.UNKNOWN: "Chưa rõ kết quả",
    State.ACCEPTED: "Nhà cung cấp đã nhận",
    State.DELIVERED: "Đã đến",
    State.UNDELIVERED: "Không đến",
    State.FAILED: "Bị từ chối",
    State.UNRESOLVED: "Không xác định được",
    State.EXPIRED: "Quá hạn, không gửi",
    State.CANCELLED: "Đã hủy",
    State.SUPPRESSED: "Không gửi theo yêu cầu hoặc giới hạn",
}
HEAD = ("Phân loại", "Mục", "Kế hoạch", "Đã kết thúc", "Còn mở", *STATES.values(), "Chi phí", "Tiền tệ", "Ghi chú")


def csv_table(figures: Figures) -> bytes:
    """One head, the campaign in one row (one more for each further currency), then a row per channel, form, day and schedule."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEAD)
    for row in _rows(figures):
        writer.writerow([guarded(cell) for cell in row])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def guarded(cell: str | int) -> str | int:
    """A text that a spreadsheet would take for a formula gets an apostrophe in front; numbers stay numbers."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell


def notes(figures: Figures) -> list[str]:
    """What every reader must know before the numbers, in Vietnamese."""
    return ["Số liệu cuối cùng." if figures.complete else "Số liệu tạm thời.", *remarks(figures)]


def remarks(figures: Figures) -> list[str]:
    """What is open, what was closed and by whom, and what one person decided alone."""
    standing, found = figures.standing, []
    if figures.total.open and not figures.complete:
        found.append(f"Còn {number_of(figures.total.open)} lượt gửi chưa kết thúc.")
    if standing.closed:
        closed = number_of(figures.unconfirmed)
        found.append(f"{closed} lượt được {standing.closed_by} chốt là chưa xác định: {standing.closed}")
    if standing.waiting:
        found.append(f"Còn {number_of(standing.waiting)} lượt phát chưa khép lại.")
    if standing.by_one_alone:
        alone = number_of(standing.by_one_alone)
        found.append(f"{alone} phê duyệt do một người quyết định, theo thiết lập của cơ quan.")
    return found


def _rows(figures: Figures) -> Iterator[list[str | int]]:
    first, *further = [money.shown() for money in figures.costs]
    said = " ".join(notes(figures))
    yield [*_counts("Toàn chiến dịch", figures.standing.title, figures.total), first["amount"], first["currency"], said]
    for cost in further:
        empty: list[str | int] = [""] * (len(STATES) + 3)
        yield ["Chi phí bằng tiền khác", figures.standing.title, *empty, cost["amount"], cost["currency"], ""]
    groups = (
        ("Theo kênh", figures.by_channel),
        ("Theo loại hình (Nghị định 49/2024/NĐ-CP)", {heading(form): one for form, one in figures.by_form.items()}),
        ("Theo ngày", figures.by_day),
        ("Theo lịch phát", figures.by_schedule),
    )
    for kind, counts in groups:
        for name, count in counts.items():
            yield [*_counts(kind, name, count), "", "", ""]


def _counts(kind: str, name: str, count: Count) -> list[str | int]:
    return [kind, name, count.planned, count.final, count.open, *(count.states[state] for state in STATES)]
