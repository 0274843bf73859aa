"""Asking for an ad-hoc broadcast."""

from __future__ import annotations

EN = {
    "Phát đột xuất": "Ad-hoc broadcast",
    "Chưa có thông điệp nào được phê duyệt. Trình một thông điệp để người khác phê duyệt trước.":
        "No message is approved yet. Submit one, so that another person approves it first.",
    "Xem thư viện thông điệp": "See the library of messages",
    "Chỉ gửi khi một người khác đã phê duyệt đúng lượt phát này.": "It is sent only once another person has approved exactly this broadcast.",
    "Ngày giờ phát": "Day and time of sending",
    "Tính vào chiến dịch": "Count it in the campaign",
    "– không –": "– none –",
    "Để trống ngày giờ: gửi ngay khi được phê duyệt, ngoài giờ yên tĩnh.": "Without a time it goes out once approved, outside quiet hours.",
    "Gửi thử cho chính mình trước": "A test to yourself first",
    "Nhập một danh sách chỉ có số của bạn vào một nhóm riêng, ví dụ thu-nghiem.": "Import a list with only your own number into a group of its own, for example thu-nghiem.",
    "Chọn nhóm đó ở trên, cùng thông điệp và kênh; người khác phê duyệt như mọi lượt phát.":
        "Choose that group above, with the message and the channel; another person approves it like any broadcast.",
    "Nhận được rồi thì trình lại cho nhóm thật.": "Once it has arrived, ask again for the real group.",
    "{id} chờ người khác phê duyệt.": "{id} waits for another person's approval.",
    "Lưu ý: {others} nói cùng nội dung với cùng người và chưa xong.": "Note: {others} says the same to the same people and is not over.",
    "Đang trong giờ yên tĩnh: không gửi trước {when}.": "It is quiet hours: nothing goes out before {when}.",
    "{channel} (công khai)": "{channel} (public)",
}  # fmt: skip
