"""What each key of config.toml means, in Vietnamese; English is the sentence in config.py itself."""

from __future__ import annotations

VI: dict[str, str] = {
    "office.name": "Tên đầy đủ của cơ quan, như trên báo cáo.",
    "office.parent": "Cơ quan cấp trên, ở đầu báo cáo chính thức.",
    "office.code": "2 đến 8 chữ cái hoặc chữ số; đứng đầu mã mỗi lần gửi.",
    "office.timezone": "Múi giờ IANA của cơ quan.",
    "office.key": "Khóa che số điện thoại trong danh sách từ chối và ký các mã.",
    "folders.content": "Thư mục thông điệp và dữ kiện.",
    "folders.schedules": "Mỗi chiến dịch một tệp.",
    "folders.public": "Trang và nguồn tin công khai, để phục vụ hoặc chép lên cổng thông tin.",
    "folders.checkpoints": "Điểm chốt đã ký; chép ra ngoài máy này.",
    "database.url": 'Nơi lưu dữ liệu: "sqlite:///broadcaster.db", hoặc "postgresql://người-dùng@máy/tên" khi có nhiều máy.',
    "web.public_url": "Địa chỉ mà người dân và nhà cung cấp vào được; để trống nếu không có.",
    "web.host": "Địa chỉ mạng mà trang làm việc lắng nghe.",
    "web.port": "Cổng mạng mà trang làm việc lắng nghe.",
    "web.names": "Tên máy và địa chỉ khác mà mọi người dùng để mở trang làm việc.",
    "web.second_factor": "Người phê duyệt và quản trị đăng nhập thêm mã xác thực; chỉ tắt khi tập huấn, và trang nào cũng ghi rõ.",
    "defaults.quiet_hours": "Không gửi tin đến người nhận trong những giờ này (giờ địa phương); để trống là không có.",
    "defaults.cap_per_24h": "Số tin nhiều nhất một số máy nhận trong 24 giờ; 0 là không giới hạn.",
    "defaults.require_consent": "Chỉ gửi cho người đã đồng ý, có nguồn và ngày.",
    "defaults.attempts": "Số lần thử một lượt gửi chắc chắn chưa được nhận.",
    "defaults.retry_first": "Chờ bao lâu trước lần thử thứ hai; mỗi lần sau gấp đôi.",
    "defaults.retry_most": "Chờ lâu nhất giữa hai lần thử.",
    "defaults.unknown_for": "Tra cứu một trả lời bị mất trong bao lâu trước khi coi là không thể xác định.",
    "defaults.ad_hoc_for": "Lượt phát đột xuất còn được gửi bao lâu sau giờ đã định.",
    "approval.two_person": "Chỉ tắt ở cơ quan một người; nhật ký, mọi trang và báo cáo đều ghi rõ.",
    "duty.channel": "Kênh báo cho cán bộ trực khi có phản hồi chờ đọc; để trống là không báo ai.",
    "duty.to": "Địa chỉ của cán bộ trực trên kênh đó.",
    "duty.fallback": "Kênh và địa chỉ dự phòng khi kênh thứ nhất không nhận.",
    "ledger.origin": "Tên của nhật ký này trong các điểm chốt; đã dùng thì không đổi nữa.",
    "ledger.key": "Khóa Ed25519 ký các điểm chốt.",
    "ledger.witness": "Nơi nhận thêm bản sao mỗi điểm chốt: một thư mục hoặc địa chỉ web.",
    "ledger.witness_keys": "Khóa của các cơ quan cùng ký điểm chốt.",
    "report.folder": "Mỗi chiến dịch một tệp: phần báo cáo chỉ con người viết được.",
    "report.place": "Nơi cơ quan đóng; mở đầu dòng ngày tháng.",
    "report.symbol": "Phần sau số văn bản, ví dụ BC-SVHTTDL.",
    "report.authority": 'Dòng trên chức danh người ký thay, ví dụ "KT. GIÁM ĐỐC"; để trống nếu thủ trưởng ký.',
    "report.title": "Chức danh người ký.",
    "report.signer": "Tên người ký.",
    "report.recipients": 'Danh sách dưới "Nơi nhận".',
    "channels.adapter": "Loại kết nối của kênh này.",
    "channels.rate": "Số yêu cầu nhiều nhất, ví dụ 10/s hoặc 60/min; để trống là không giới hạn.",
    "channels.concurrency": "Số yêu cầu cùng lúc nhiều nhất.",
    "channels.timeout": "Thời gian chờ một yêu cầu, từ lúc nối đến byte cuối.",
    "channels.api_base": "Địa chỉ thay cho nhà cung cấp: tập huấn, thử nghiệm, máy chủ trung gian.",
    "channels.price": "Giá hiện nay của một phần tính tiền.",
    "channels.accents": "Tắt khi cổng chỉ nhận chữ không dấu; khi đó dùng tin nhắn không dấu.",
    "channels.languages": "Ngôn ngữ một kênh công khai đăng; để trống là theo chiến dịch.",
    "channels.monthly_quota": "Số tin nhà cung cấp nhận mỗi tháng theo hợp đồng; 0 là không giới hạn.",
    "channels.daily_quota": "Số tin nhà cung cấp nhận mỗi ngày theo hợp đồng; 0 là không giới hạn.",
}


def meaning(key: str, english: str, language: str) -> tuple[str, str]:
    """(sentence, its language): Vietnamese where there is one and it is asked for."""
    return (VI[key], "vi") if language == "vi" and key in VI else (english, "en")
