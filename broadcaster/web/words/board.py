"""Whose figures are in."""

from __future__ import annotations

EN = {
    "Theo dõi số liệu": "Whose figures are in",
    "Chưa có danh sách xã và đơn vị. Nạp danh sách: broadcaster activity places --import TỆP":
        "There is no list of communes and departments. Import one: broadcaster activity places --import FILE",
    "Chưa có": "None yet",
    "Đã có một phần": "Some",
    "Đã đủ": "All in",
    "Chép lời nhắc để gửi qua công văn, tin nhắn hoặc gọi điện; chương trình không tự gửi hàng loạt.":
        "Copy the reminder into a letter, a message or a telephone call; the program sends none by itself.",
    "Đơn vị": "Place",
    "Loại": "Kind",
    "Sở, ngành": "Department",
    "Số liệu": "Figures",
    "Số mục": "Entries",
    "Lời nhắc": "Reminder",
    "Chép lời nhắc": "Copy the reminder",
    "Đã ghi: số liệu của đơn vị này đã đủ.": "Noted: the figures of this place are all in.",
}  # fmt: skip
