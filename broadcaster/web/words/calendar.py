"""The calendar."""

from __future__ import annotations

EN = {
    "Lịch phát": "Calendar",
    "Tất cả chiến dịch": "All campaigns",
    "Tháng": "Month",
    "Xem": "Show",
    "Chiến dịch này chưa được phê duyệt: lịch dưới đây là theo tệp.": "This campaign is not approved: the calendar shows what its file says.",
    "{n} lượt phát có điều cần xem.": ("{n} broadcast has something to look at.", "{n} broadcasts have something to look at."),
    "dự kiến": "expected",
    "đã qua, không phát": "past, did not go out",
    "Lịch phát tháng {month}": "Calendar for {month}",
    "Tháng trước": "Month before",
    "Tháng sau": "Month after",
    "Xem theo tuần": "Show the week",
    "Tháng này không có lượt phát nào.": "There is no broadcast this month.",
    "Xem các chiến dịch": "See the campaigns",
    "hôm nay": "today",
    "có điều cần xem": "something to look at",
    "còn {n} lượt nữa": ("{n} more", "{n} more"),
    "Lịch phát tuần {first} – {last}": "Calendar for the week {first} – {last}",
    "Tuần trước": "Week before",
    "Tuần sau": "Week after",
    "Xem theo tháng": "Show the month",
    "Tuần này không có lượt phát nào.": "There is no broadcast this week.",
}  # fmt: skip
