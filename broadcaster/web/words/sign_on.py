"""English of the single sign-on."""

from __future__ import annotations

EN: dict[str, str | tuple[str, str]] = {
    "Đăng nhập bằng tài khoản chung của cơ quan": "Sign in with the office's common account",
    "Hoặc xác nhận ở cổng đăng nhập chung (mở thẻ mới), rồi để trống ô này.": "Or prove it at the common sign-on (opens a new tab), then leave this field empty.",
    "Đã xác nhận. Quay lại thẻ trước, để trống mật khẩu và gửi trong {n} phút.": "Proved. Go back to the tab before, leave the password empty, and send within {n} minutes.",
}
