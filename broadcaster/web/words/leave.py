"""Standing in for an approver on leave."""

from __future__ import annotations

EN = {
    "Bạn đang phê duyệt thay {who}.": "You decide in the place of {who}.",
    "Đi vắng: nhờ người phê duyệt thay": "Away: have somebody decide in your place",
    "Đã ghi: {who} phê duyệt thay bạn.": "Noted: {who} decides in your place.",
    "{who} thôi phê duyệt thay.": "{who} decides in nobody's place any more.",
    "Bạn phê duyệt thay {who}, là người soạn; người phê duyệt khác phải quyết định.":
        "You stand in for {who}, who wrote this; another approver must decide.",
    "Bạn quyết định thay {who}; nhật ký ghi cả hai tên.": "You decide in the place of {who}; the ledger keeps both names.",
    "thay {who}": "in the place of {who}",
    "Phê duyệt thay khi đi vắng": "Decisions while an approver is away",
    "Ai đang thay ai": "Who stands in for whom",
    "{delegate} thay {approver}": "{delegate} for {approver}",
    "đang có hiệu lực": "in force",
    "chưa bắt đầu": "not begun",
    "Thôi phê duyệt thay": "End it",
    "Không ai đang phê duyệt thay.": "Nobody stands in for anybody.",
    "Nhờ người phê duyệt thay bạn": "Have somebody decide in your place",
    "Trong những ngày này người đó phê duyệt hoặc trả lại thay bạn. Việc do chính người đó hoặc do bạn soạn thì vẫn phải người khác phê duyệt. Nhật ký ghi cả hai tên.":
        "In these days that person approves or returns in your place. What they or you wrote still takes somebody else. The ledger keeps both names.",
    "Người phê duyệt thay": "Who decides",
    "Đến hết ngày": "Until (inclusive)",
    "Giao phê duyệt thay": "Hand it over",
}  # fmt: skip
