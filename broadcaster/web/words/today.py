"""Today, the stop, and the checklist of a new office."""

from __future__ import annotations

EN = {
    "Hôm nay": "Today",
    "Chưa có người dùng nào": "There is no user yet",
    "Mở đường dẫn thiết lập một lần mà chương trình đã in ra ở cửa sổ dòng lệnh.":
        "Open the one-time set-up link that the program printed in the terminal.",
}  # fmt: skip
