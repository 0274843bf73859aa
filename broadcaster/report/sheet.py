"""The figures as a table for a spreadsheet: UTF-8 with a mark, so that Excel shows Vietnamese, and no cell is a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from broadcaster.dispatch.dispatch import State
from broadcaster.report.figures import Count, Figures
from broadcaster.report.form import heading
from broadcaster.report.words import VI, Speech

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


def csv_table(figures: Figures, *, say: Speech = VI) -> bytes:
    """One head, the campaign in one row (one more for each further currency), then a row per channel, form, content, day, week
    and schedule."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([say(cell) for cell in HEAD])
    for row in _rows(figures, say):
        writer.writerow([guarded(cell) for cell in row])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def guarded(cell: str | int) -> str | int:
    """A text that a spreadsheet would take for a formula gets an apostrophe in front; numbers stay numbers."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell


def notes(figures: Figures, say: Speech = VI) -> list[str]:
    """What every reader must know before the numbers."""
    return [say("Số liệu cuối cùng." if figures.complete else "Số liệu tạm thời."), *remarks(figures, say)]


def remarks(figures: Figures, say: Speech = VI) -> list[str]:
    """What is open, what was closed and by whom, what one person decided alone, and what went out twice or wrong."""
    standing, found = figures.standing, []
    if figures.total.open and not figures.complete:
        found.append(say("Còn {n} lượt gửi chưa kết thúc.", n=say.number(figures.total.open)))
    if standing.closed:
        closed = say.number(figures.unconfirmed)
        found.append(
            say("{n} lượt được {by} chốt là chưa xác định: {why}", n=closed, by=standing.closed_by, why=standing.closed)
        )
    counted = (
        ("Còn {n} lượt phát chưa khép lại.", standing.waiting),
        ("{n} phê duyệt do một người quyết định, theo thiết lập của cơ quan.", standing.by_one_alone),
        (
            "{n} lượt gửi qua kênh dự phòng cho người mà kênh trước không tới; được cộng vào tổng số.",
            standing.fell_back,
        ),
        ("{n} người có thể đã nhận qua cả hai kênh: kênh trước không báo lại kết quả.", standing.possibly_both),
        ("{n} lượt phát có lời sai, đã đính chính.", standing.corrected),
    )
    return [*found, *(say(text, n=say.number(n)) for text, n in counted if n)]


def _rows(figures: Figures, say: Speech) -> Iterator[list[str | int]]:
    first, *further = [money.shown() for money in figures.costs]
    said = " ".join(notes(figures, say))
    title = figures.standing.title
    yield [*_counts(say("Toàn chiến dịch"), title, figures.total), first["amount"], first["currency"], said]
    for cost in further:
        empty: list[str | int] = [""] * (len(STATES) + 3)
        yield [say("Chi phí bằng tiền khác"), title, *empty, cost["amount"], cost["currency"], ""]
    groups = (
        ("Theo kênh", figures.by_channel),
        (
            "Theo loại hình (Nghị định 49/2024/NĐ-CP)",
            {say(heading(form)): one for form, one in figures.by_form.items()},
        ),
        ("Theo nội dung", figures.by_category),
        ("Theo ngày", figures.by_day),
        ("Theo tuần", figures.by_week),
        ("Theo lịch phát", figures.by_schedule),
    )
    for kind, counts in groups:
        for name, count in counts.items():
            yield [*_counts(say(kind), name, count), "", "", ""]


def _counts(kind: str, name: str, count: Count) -> list[str | int]:
    return [kind, name, count.planned, count.final, count.open, *(count.states[state] for state in STATES)]
