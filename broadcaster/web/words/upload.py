"""Files of a form whose session had ended."""

from __future__ import annotations

EN = {
    "Tệp {name} chưa được gửi: đăng nhập xong, trang kế tiếp để bạn chọn lại tệp.":
        "The file {name} was not sent: after you sign in, the next page lets you choose it again.",
    "Chọn lại tệp {name}": "Choose the file {name} again",
}  # fmt: skip
