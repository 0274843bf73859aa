"""Money on the gateways' accounts."""

from __future__ import annotations

EN = {
    "Tiền trên tài khoản kênh {name} đủ gửi {n} ngày":
        ("The money on the account of {name} lasts {n} day", "The money on the account of {name} lasts {n} days"),
    "Tiền trên tài khoản gửi": "Money on the gateways' accounts",
    "Còn lại": "Left",
    "Đủ gửi theo kế hoạch": "Lasts, by the plan",
    "Nhà cung cấp nói lúc": "The provider said so at",
    "chưa hỏi được": "could not be asked yet",
    "{n} ngày": ("{n} day", "{n} days"),
    "đến hết kế hoạch, {day}": "to the plan's end, {day}",
    "chưa có kế hoạch tính tiền": "nothing planned that costs",
}  # fmt: skip
