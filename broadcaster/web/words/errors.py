"""The house's sentences for errors, in Vietnamese. What is not here is shown as the house says it.

A pattern is the English sentence with `{}` for what varies; a test holds the patterns to sentences in the source.
"""

from __future__ import annotations

import re
from functools import cache

VI: dict[str, str] = {
    "The password is wrong; nothing was done. Type it again.": "Sai mật khẩu; chưa làm gì cả. Nhập lại mật khẩu.",
    "Too many wrong passwords for {}; wait five minutes, or have an admin reset it.":
        "Nhập sai mật khẩu của {} quá nhiều lần; đợi năm phút, hoặc nhờ người quản trị đặt lại.",
    "The password needs at least {} characters; a sentence of a few words is best.":
        "Mật khẩu cần ít nhất {} ký tự; một câu vài từ là tốt nhất.",
    "The password has more than {} characters; choose a shorter one.": "Mật khẩu dài hơn {} ký tự; chọn mật khẩu ngắn hơn.",
    "The password holds the user's name; choose another.": "Mật khẩu chứa tên đăng nhập; chọn mật khẩu khác.",
    "This is the password you had; choose another.": "Đây là mật khẩu cũ; chọn mật khẩu khác.",
    "The two passwords differ; type both again.": "Hai lần nhập mật khẩu khác nhau; nhập lại cả hai.",
    "{} cannot be a user name: lower-case letters a-z, digits, dot, hyphen; at most 32.":
        "{} không dùng làm tên đăng nhập được: chữ thường a-z, chữ số, dấu chấm, gạch nối; nhiều nhất 32 ký tự.",
    "User name or password is wrong. Try again.": "Sai tên đăng nhập hoặc mật khẩu. Thử lại.",
    "The code is wrong or was used already. Wait for the next one, and check the phone's clock.":
        "Mã sai hoặc đã dùng rồi. Đợi mã kế tiếp, và kiểm tra đồng hồ điện thoại.",
    "{} may not do this ({}); it takes the role {}.": "{} không được làm việc này ({}); cần vai trò {}.",
    "This form is from an earlier sign-in, or from another site. Open the page anew and try again.":
        "Biểu mẫu này thuộc lần đăng nhập trước hoặc từ trang khác. Mở lại trang rồi thử lại.",
    "Give a reason: whoever wrote it must know what to change. It stands in the ledger.":
        "Ghi lý do: người soạn cần biết phải sửa gì. Lý do được ghi vào nhật ký.",
    "The reason has {} characters; say it in {}.": "Lý do dài {} ký tự; viết trong {} ký tự.",
    "Leave telephone numbers out of the reason: it stands in the ledger for good.":
        "Không ghi số điện thoại vào lý do: lý do lưu vĩnh viễn trong nhật ký.",
    "{} submitted this and may not approve it; a second person must.":
        "{} là người trình nên không được phê duyệt; cần người thứ hai.",
    "{} edited this since it was last approved and may not approve it; somebody who did not write it must.":
        "{} đã sửa bản này từ lần phê duyệt trước nên không được phê duyệt; cần người không soạn nó.",
    "The {} {} is not what you saw: {} submitted {}. Look at it again, then approve that.":
        "Bản {1} không còn là bản bạn đã xem: {2} đã trình {3}. Xem lại rồi phê duyệt bản đó.",
    "Nothing of the {} {} waits for a decision; it must be submitted first.": "{1} không có gì chờ quyết định; cần trình trước.",
    "The {} {} waits for nothing: {} approved {}.": "{1} không còn chờ: {2} đã phê duyệt {3}.",
    "The {} {} was submitted anew: {}. Look at it again.": "{1} đã được trình lại: {2}. Xem lại.",
    "Say why: --reason; it stands in the ledger.": "Ghi lý do; lý do được ghi vào nhật ký.",
    "The stop's end lies in the past; give a later --until, or none.": "Giờ kết thúc đã qua; chọn giờ muộn hơn, hoặc để trống.",
    "No contact's commune is {}; write it as it stands in the contacts.":
        "Không có người nhận nào ở {}; ghi tên xã đúng như trong danh bạ.",
    "No approved campaign is called {}; `broadcaster campaign list` shows what there is.":
        "Không có chiến dịch đã duyệt nào tên {}; xem trang Chiến dịch.",
    "No channel is called {}; config.toml has: {}.": "Không có kênh nào tên {}; hiện có: {}.",
    "The lane {} is not paused.": "Kênh {} không tạm dừng.",
    "There is no dispatch {}; see `broadcaster dispatch list`.": "Không có lượt gửi {}; xem trang Lượt gửi.",
    "{} is no dispatch id; they look like d-0000000042: see `broadcaster dispatch list`.":
        "{} không phải mã lượt gửi; mã có dạng d-0000000042.",
    "Another program has held the database for 30 seconds. Close it, or wait for it, then try again.":
        "Một chương trình khác đã giữ cơ sở dữ liệu 30 giây. Đóng nó hoặc đợi, rồi thử lại.",
    "The disk is full. Nothing was lost; make room, and the work goes on.":
        "Ổ đĩa đã đầy. Không mất gì; dọn chỗ trống, công việc sẽ tiếp tục.",
}  # fmt: skip


def translate(sentence: str) -> str:
    """The Vietnamese of a sentence, with its values; the sentence itself where there is none."""
    for pattern, vietnamese in _patterns():
        if found := pattern.fullmatch(sentence):
            return vietnamese.format(*found.groups())
    return sentence


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    return [
        (re.compile(re.escape(english).replace(r"\{\}", "(.+?)"), re.DOTALL), vietnamese)
        for english, vietnamese in VI.items()
    ]
