"""Reports."""

from __future__ import annotations

EN = {
    "Báo cáo": "Reports",
    "Chưa có chiến dịch nào.": "There is no campaign yet.",
    "Tạo chiến dịch": "Make a campaign",
    "Chiến dịch": "Campaign",
    "Trạng thái": "State",
    "Ngày cuối": "Last day",
    "Hạn báo cáo": "Report due",
    "Số liệu tạm thời: còn {n} lượt gửi chưa kết thúc, {m} lượt phát chưa khép lại.":
        "Interim figures: {n} dispatches are still open, {m} broadcasts are not closed.",
    "{n} phê duyệt do một người quyết định, theo thiết lập của cơ quan.":
        "{n} approvals were decided by one person alone, as the office has set.",
    "Kế hoạch": "Planned",
    "lượt gửi": "dispatches",
    "Đã kết thúc": "Final",
    "Còn mở": "Open",
    "Chi phí": "Cost",
    "Lượt gửi theo ngày": "Dispatches by day",
    "Số liệu từng ngày ở bảng bên dưới.": "The figures of each day are in the table below.",
    "Theo hình thức": "By form",
    "Theo kênh": "By channel",
    "Theo nội dung": "By content",
    "Theo tuần": "By week",
    "Ngôn ngữ": "Language",
    "{n} lượt gửi qua kênh dự phòng cho người mà kênh trước không tới; được cộng vào tổng số.":
        "{n} dispatches over a fallback channel, for those the first did not reach; they count in the total.",
    "{n} người có thể đã nhận qua cả hai kênh: kênh trước không báo lại kết quả.":
        "{n} people may have got it over both channels: the first one sent no receipt.",
    "{n} lượt phát có lời sai, đã đính chính.": "{n} broadcasts had a wrong text, which was corrected.",
    "Có thể đã tính hai lần, trong sổ và theo bản tin được xác nhận: mục {ids}.":
        "Perhaps counted twice, in the register and by a confirmed bulletin: {ids}.",
    "{n} xã, đơn vị chưa có số liệu.":
        ("{n} commune or department has no figures yet.", "{n} communes and departments have no figures yet."),
    "Mọi xã, đơn vị đều đã có số liệu.": "Every commune and department has figures.",
    "Xem bảng theo dõi số liệu": "See whose figures are in",
    "Theo lịch phát": "By schedule",
    "Theo ngày": "By day",
    "Mục": "Item",
    "Lượt gửi": "Dispatches",
    "Đã nhận": "Accepted",
    "Đã đến": "Delivered",
    "Không đến, bị từ chối": "Undelivered, refused",
    "Không gửi": "Not sent",
    "Chưa xác định": "Not settled",
    "Còn chờ": "Waiting",
    "Hoạt động": "Activities",
    "Sổ hoạt động chưa ghi hoạt động nào của chiến dịch này.": "The register has no activity of this campaign yet.",
    "Ghi hoạt động": "Enter an activity",
    "Lời văn của cơ quan": "The office's own words",
    "Số liệu do chương trình điền. Mỗi đoạn cách nhau một dòng trống; mục để trống thì báo cáo ghi rõ là chưa có.":
        "The figures are filled in by the program. Leave a blank line between paragraphs; the report says so where a section "
        "is empty.",
    "Tình hình triển khai": "How it was carried out",
    "Đánh giá": "Evaluation",
    "Khó khăn, vướng mắc": "Difficulties",
    "Đề xuất, kiến nghị": "Proposals",
    "Lưu lời văn": "Save the words",
    "Đã lưu lời văn của báo cáo.": "The report's words are saved.",
    "Tệp báo cáo": "The report as a file",
    "DOCX và PDF trình bày theo Nghị định số 30/2020/NĐ-CP; XLSX là phụ lục. Việc lập báo cáo được ghi vào nhật ký phát tin.":
        "DOCX and PDF are laid out after Decree 30/2020/ND-CP; XLSX is the annex. Making the report stands in the ledger.",
    "Định dạng": "Format",
    "Số văn bản": "Number of the document",
    "Ngày ký": "Date of signature",
    "Lập báo cáo": "Make the report",
}  # fmt: skip
