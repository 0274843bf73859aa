"""Corrections of what is out."""

from __future__ import annotations

EN = {
    "Đính chính đã lập: {n} lượt phát chờ người khác phê duyệt.":
        ("Correction made: {n} broadcast waits for another person's approval.",
         "Correction made: {n} broadcasts wait for another person's approval."),
    "Chưa lập được cho kênh {reasons}": "None could be made for {reasons}",
    "Còn bài chưa gỡ được; bấm lần nữa để thử tiếp.": "Something could not be taken down yet; press again to go on.",
    "Đính chính": "Correction",
    "Ai đã nhận": "Who received it",
    "Đã hoặc có thể đã nhận": "Received it, or may have",
    "Đã gỡ": "Taken down",
    "Chưa ai nhận; không cần đính chính, chỉ cần hủy lượt phát.":
        "Nobody has received it: no correction is needed, cancelling the broadcast is enough.",
    "Làm tiếp đính chính": "Go on with the correction",
    "Lập đính chính": "Make the correction",
    "Phần chưa gửi được hủy ngay, bài đã đăng được gỡ nếu kênh gỡ được. Thông điệp đúng được đề nghị gửi cho đúng {n} lượt đã nhận; người khác phê duyệt rồi mới gửi.":
        "What has not left is cancelled at once; what was posted is taken down where the channel can. The right message is proposed to exactly the {n} that received it; it goes out once another person approves.",
    "Thông điệp đúng": "The right message",
    "Chỉ những bản đã phê duyệt, khác bản đang sai.": "Only approved ones that are not the wrong text.",
    "Làm tiếp": "Go on",
    "Hủy phần còn lại và đề nghị đính chính": "Cancel the rest and propose the correction",
    "Chưa có thông điệp đúng nào được phê duyệt. Sửa thông điệp, trình và phê duyệt trước.":
        "No right message is approved yet. Mend the message, submit it and have it approved first.",
    "Đính chính sẵn sàng": "Correction ready",
    "Đã dừng; {flying} lượt đang trên đường; {reached} lượt đã đến hoặc nhà cung cấp đã nhận.":
        "Stopped; {flying} in flight; {reached} received it or were accepted by the provider.",
    "Đã gửi gần đây trong phạm vi này: đính chính được lập sẵn cho đúng những người đã nhận.":
        "Sent lately in this scope: the correction is ready for exactly those who received it.",
    "Xã, phường (chọn một hoặc nhiều)": "Communes (one or several)",
    "Đính chính lượt phát này": "Correct this broadcast",
}  # fmt: skip
