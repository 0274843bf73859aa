"""Every state in plain words, with the next step: Vietnamese here, English below."""

from __future__ import annotations

# state -> (the word, how it looks, one sentence for people with what to do)
STATES: dict[str, tuple[str, str, str]] = {
    # dispatches
    "planned": ("Chờ gửi", "wait", "Đến giờ sẽ tự gửi."),
    "sending": ("Đang gửi", "wait", "Đã giao cho nhà cung cấp, đang chờ trả lời."),
    "retry_wait": ("Chờ gửi lại", "wait", "Chắc chắn chưa gửi được; hệ thống tự thử lại."),
    "unknown": ("Chưa rõ", "warn", "Không có trả lời; có thể đã đến. Hệ thống đang tra cứu, không tự gửi lại."),
    "accepted": ("Đã nhận", "good", "Nhà cung cấp đã nhận; chưa có xác nhận đến tay người nhận."),
    "delivered": ("Đã đến", "good", "Nhà cung cấp xác nhận đã đến."),
    "undelivered": ("Không đến", "bad", "Nhà cung cấp báo không đến được."),
    "failed": ("Không gửi được", "bad", "Bị từ chối hoặc hết lượt thử; xem lý do."),
    "unresolved": ("Không thể xác định", "warn", "Hết hạn tra cứu. Hai người cùng quyết định: coi như đã gửi, hay gửi lại."),
    "expired": ("Quá giờ", "bad", "Hết thời gian cho phép trước khi gửi."),
    "cancelled": ("Đã hủy", "off", "Được hủy trước khi gửi."),
    "suppressed": ("Không gửi cho người này", "off", "Người nhận đã từ chối, chưa đồng ý, hoặc đã đủ số tin trong ngày."),
    # broadcasts, campaigns, approvals
    "submitted": ("Chờ phê duyệt", "wait", "Một người khác cần xem và quyết định."),
    "approved": ("Đã phê duyệt", "good", "Có hiệu lực."),
    "rejected": ("Bị trả lại", "bad", "Xem lý do, sửa rồi trình lại."),
    "withdrawn": ("Đã rút", "off", "Không gửi nữa."),
    "superseded": ("Đã thay bằng bản mới", "off", "Bản mới hơn đang có hiệu lực."),
    "draft": ("Bản nháp", "off", "Chưa trình phê duyệt."),
    "running": ("Đang phát", "wait", "Đang gửi."),
    "paused": ("Tạm dừng", "warn", "Không gửi gì cho đến khi có người cho chạy tiếp."),
    "done": ("Xong", "good", "Đã gửi hết."),
}  # fmt: skip

EN = {
    "Chờ gửi": "Waiting", "Đến giờ sẽ tự gửi.": "Goes out by itself when its time comes.",
    "Đang gửi": "Sending", "Đã giao cho nhà cung cấp, đang chờ trả lời.": "Handed to the provider; waiting for the answer.",
    "Chờ gửi lại": "Will try again", "Chắc chắn chưa gửi được; hệ thống tự thử lại.": "Certainly not sent yet; tried again by itself.",
    "Chưa rõ": "In doubt",
    "Không có trả lời; có thể đã đến. Hệ thống đang tra cứu, không tự gửi lại.":
        "No answer came; it may have arrived. It is looked up, and never resent by itself.",
    "Đã nhận": "Accepted",
    "Nhà cung cấp đã nhận; chưa có xác nhận đến tay người nhận.": "The provider took it; nobody has confirmed that it arrived.",
    "Đã đến": "Delivered", "Nhà cung cấp xác nhận đã đến.": "The provider confirms that it arrived.",
    "Không đến": "Not delivered", "Nhà cung cấp báo không đến được.": "The provider says that it did not arrive.",
    "Không gửi được": "Failed", "Bị từ chối hoặc hết lượt thử; xem lý do.": "Refused, or out of tries; see the reason.",
    "Không thể xác định": "Cannot be settled",
    "Hết hạn tra cứu. Hai người cùng quyết định: coi như đã gửi, hay gửi lại.":
        "Time for looking it up is over. Two people decide: count it as sent, or send again.",
    "Quá giờ": "Too late", "Hết thời gian cho phép trước khi gửi.": "Its time passed before it was sent.",
    "Đã hủy": "Cancelled", "Được hủy trước khi gửi.": "Taken back before it was sent.",
    "Không gửi cho người này": "Not sent to this person",
    "Người nhận đã từ chối, chưa đồng ý, hoặc đã đủ số tin trong ngày.":
        "Opted out, has not agreed, or has had the day's number of messages.",
    "Chờ phê duyệt": "Waiting for approval", "Một người khác cần xem và quyết định.": "Another person must look and decide.",
    "Đã phê duyệt": "Approved", "Có hiệu lực.": "In force.",
    "Bị trả lại": "Returned", "Xem lý do, sửa rồi trình lại.": "See the reason, mend it, submit again.",
    "Đã rút": "Withdrawn", "Không gửi nữa.": "Nothing more goes out.",
    "Đã thay bằng bản mới": "Replaced", "Bản mới hơn đang có hiệu lực.": "A newer one is in force.",
    "Bản nháp": "Draft", "Chưa trình phê duyệt.": "Not submitted yet.",
    "Đang phát": "Going out", "Đang gửi.": "It is being sent.",
    "Tạm dừng": "Paused", "Không gửi gì cho đến khi có người cho chạy tiếp.": "Nothing goes out until somebody lets it go on.",
    "Xong": "Done", "Đã gửi hết.": "All of it went out.",
}  # fmt: skip

# why the guard holds a broadcast -> what people read
HELD = {
    "stopped": "Đang có lệnh dừng",
    "late": "Đã quá giờ",
    "tampered": "Nội dung lưu bị thay đổi: báo kiểm toán",
    "not_approved": "Chưa được phê duyệt",
    "stale": "Dữ kiện đã đổi hoặc quá hạn kiểm tra",
    "not_valid": "Ngoài thời gian hiệu lực",
    "blackout": "Ngày không phát",
    "quiet_hours": "Giờ yên tĩnh, sẽ phát khi hết",
    "no_channel": "Thiếu kênh trong config.toml",
    "audience_changed": "Nhóm nhận đã thay đổi",
    "headcount": "Nhóm nhận tăng quá 5 %: cần duyệt lại",
    "rules": "Quy tắc của cơ quan đã đổi: cần duyệt lại",
    "sender_changed": "Tên người gửi đã đổi: cần duyệt lại",
    "paused": "Tạm dừng",
}
# outcome of one try -> what people read
OUTCOMES = {
    "accepted": "nhà cung cấp đã nhận",
    "refused": "bị từ chối, không gửi nữa",
    "not_accepted": "chắc chắn chưa nhận, sẽ thử lại",
    "throttled": "nhà cung cấp bảo chờ; không tính là một lần thử",
    "misconfigured": "cấu hình kênh sai; kênh tạm dừng",
    "unknown": "không có trả lời",
    "orphan": "chương trình ngừng trước khi có trả lời",
    "not_started": "chưa kịp gửi",
}
SCOPES = {"everything": "Tất cả", "campaign": "Một chiến dịch", "channel": "Một kênh", "area": "Một xã, phường"}

EN |= {
    "Đang có lệnh dừng": "A stop is in force", "Đã quá giờ": "Its time has passed",
    "Nội dung lưu bị thay đổi: báo kiểm toán": "The stored text was changed: tell the auditor",
    "Chưa được phê duyệt": "Not approved", "Dữ kiện đã đổi hoặc quá hạn kiểm tra": "A fact changed or is overdue",
    "Ngoài thời gian hiệu lực": "Outside its valid days", "Ngày không phát": "A day without sending",
    "Giờ yên tĩnh, sẽ phát khi hết": "Quiet hours; goes out after them", "Thiếu kênh trong config.toml": "No such channel in config.toml",
    "Nhóm nhận đã thay đổi": "The group has changed", "Nhóm nhận tăng quá 5 %: cần duyệt lại": "The group grew over 5 %: approve anew",
    "Quy tắc của cơ quan đã đổi: cần duyệt lại": "The office's rules changed: approve anew",
    "Tên người gửi đã đổi: cần duyệt lại": "The sender's name changed: approve anew",
    "nhà cung cấp đã nhận": "accepted by the provider", "bị từ chối, không gửi nữa": "refused, not sent again",
    "chắc chắn chưa nhận, sẽ thử lại": "certainly not accepted, tried again",
    "nhà cung cấp bảo chờ; không tính là một lần thử": "the provider says wait; does not count as a try",
    "cấu hình kênh sai; kênh tạm dừng": "the channel is misconfigured and paused", "không có trả lời": "no answer",
    "chương trình ngừng trước khi có trả lời": "the program ended before an answer came", "chưa kịp gửi": "not begun",
    "Tất cả": "Everything", "Một chiến dịch": "One campaign", "Một kênh": "One channel", "Một xã, phường": "One commune",
}  # fmt: skip


def held(reason: str) -> str:
    """Vietnamese; the word itself where there is none."""
    return HELD.get(reason, reason)


def outcome(name: str) -> str:
    return OUTCOMES.get(name, name)


def scope(name: str) -> str:
    return SCOPES.get(name, name)


def words(state: str) -> str:
    """The Vietnamese word; the state itself where there is none."""
    return STATES[state][0] if state in STATES else state


def look(state: str) -> str:
    """good, bad, warn, wait or off: for the badge."""
    return STATES[state][1] if state in STATES else "off"


def meaning(state: str) -> str:
    """One sentence for people."""
    return STATES[state][2] if state in STATES else ""
