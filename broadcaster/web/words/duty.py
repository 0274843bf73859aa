"""The duty desk."""

from __future__ import annotations

EN = {
    "Bàn trực": "Duty desk",
    "Tin nhắn chờ người đọc": "Replies that wait for a reader",
    "Có người trả lời tin của cơ quan bằng nhiều hơn một lời từ chối. Có thể họ đang cần giúp ngay.":
        "Somebody answered with more than a word of refusal. They may need help at once.",
    "Không có tin nhắn nào chờ.": "No reply waits.",
    "Mỗi tin chỉ hiện một lần. Bấm Mở xong, nội dung và số của người gửi biến mất khỏi chương trình: hãy ghi lại những gì cần để giúp họ. Tin không ai mở sau {n} giờ sẽ tự xóa.":
        "Each reply is shown once. After you press Open, its text and the sender's number are gone from the program: write "
        "down what you need to help. What nobody opens in {n} hours is deleted.",
    "Số": "No.",
    "Đến lúc": "Came at",
    "Qua kênh": "By channel",
    "Từ": "From",
    "không có trong danh bạ": "not in the contacts",
    "Đã gọi người trực": "Officer called",
    "{n} lần, lần cuối {when}": ("once, at {when}", "{n} times, last at {when}"),
    "chưa gọi được": "not yet reached",
    "Mở, một lần": "Open, once",
    "Ai được gọi": "Who is called",
    "Chưa đặt người trực: không ai được báo khi có tin nhắn. Đặt mục [duty] trong config.toml.":
        "No officer is set: nobody is told when a reply comes. Set [duty] in config.toml.",
    "Người trực được báo trong vòng một phút, rồi cứ mười phút một lần, nhiều nhất ba lần. Lời báo không có số và nội dung của ai.":
        "The officer is told within a minute, then every ten minutes, three times at most. No number and no text is in the call.",
    "Thứ tự": "Order",
    "Gọi tới": "Called at",
    "Thay đổi người trực trong config.toml, mục [duty].": "Change the officer in config.toml, section [duty].",
    "Đã xem trước đây": "Seen before",
    "Người xem": "Seen by",
    "Xem lúc": "Seen at",
    "không ai xem kịp": "nobody looked in time",
    "Tin nhắn số {n}": "Reply no. {n}",
    "Tin này chỉ hiện lần này. Ghi lại những gì cần trước khi rời trang.":
        "This reply is shown this once. Write down what you need before you leave the page.",
    "Trả lời tới": "Answer at",
    "Họ viết": "They wrote",
    "Gọi 111 (trẻ em, mua bán người), 113 hoặc công an nơi gần nhất nếu có người đang gặp nguy hiểm. Không gọi lại số này nếu chưa chắc người cầm máy là ai.":
        "Call 111 (children, trafficking), 113 or the nearest police if somebody is in danger. Do not call this number back "
        "unless you are sure who holds the telephone.",
    "Tôi đã ghi lại, về bàn trực": "I have written it down; back to the duty desk",
    "Kênh tạm dừng, lượt phát trễ, việc mới chờ phê duyệt cũng được báo trong vòng một phút, mỗi việc một lần; tóm tắt trong ngày lúc 07:30 và 18:00.":
        "A paused channel, a late broadcast and a new approval are told within a minute too, each once; the day is summed up at 07:30 and 18:00.",
    "Mỗi phút máy này báo cho bên canh rằng nó còn chạy.": "Once a minute this machine tells the watcher that it lives.",
    "Chưa đặt địa chỉ báo còn chạy (duty.heartbeat): máy hỏng thì không ai được báo.":
        "No address for a sign of life is set (duty.heartbeat): nobody is told when this machine fails.",
}  # fmt: skip
