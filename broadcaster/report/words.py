"""The report's second language: Vietnamese stands in the code that says it, and its English here, in one place. Pure.

A number is the same in both editions and only written differently: 45.581 and 45,581.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from broadcaster.content.written import day_of, money_of, number_of

LANGUAGES = ("vi", "en")

EN: dict[str, str] = {
    # the frame of Decree 30/2020
    "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM": "SOCIALIST REPUBLIC OF VIET NAM",
    "Độc lập - Tự do - Hạnh phúc": "Independence - Freedom - Happiness",
    "BÁO CÁO": "REPORT",
    "Số": "No.",
    "V/v": "Re:",
    "Nơi nhận:": "Recipients:",
    "Kết quả thực hiện {title}": "Results of: {title}",
    "(Bản tiếng Anh; bản tiếng Việt là bản chính.)": "(English edition; the Vietnamese one is the original.)",
    # parts
    "I. TÌNH HÌNH TRIỂN KHAI": "I. HOW IT WAS CARRIED OUT",
    "II. KẾT QUẢ": "II. RESULTS",
    "III. ĐÁNH GIÁ": "III. EVALUATION",
    "IV. KHÓ KHĂN, VƯỚNG MẮC": "IV. DIFFICULTIES",
    "V. ĐỀ XUẤT, KIẾN NGHỊ": "V. PROPOSALS",
    "1. Theo nội dung tuyên truyền": "1. By content",
    "2. Theo hình thức thông tin cơ sở": "2. By form of grassroots information",
    "3. Hoạt động trực tiếp và trên đài truyền thanh": "3. Activities in person and on loudspeakers",
    "4. Theo thời gian": "4. By time",
    "5. Theo địa bàn": "5. By area",
    "6. Chi phí": "6. Cost",
    "Tình hình triển khai": "How it was carried out",
    "Đánh giá": "Evaluation",
    "Khó khăn, vướng mắc": "Difficulties",
    "Đề xuất, kiến nghị": "Proposals",
    "Lời văn của báo cáo {campaign}": "The words of the report of {campaign}",
    "Viết dưới mỗi mục; mỗi đoạn cách nhau một dòng trống. Số liệu do chương trình điền, không cần chép vào đây.":
        "Write below each heading, with a blank line between paragraphs. The program fills in the figures.",
    "(Nội dung do cơ quan bổ sung.)": "(To be written by the office.)",
    # sentences with figures
    "từ ngày {since} đến ngày {until}": "from {since} to {until}",
    "Trong thời gian {period}, cơ quan đã lập {planned} lượt gửi [H1]; {taken} lượt được nhà cung cấp nhận [H2], trong đó "
    "{delivered} lượt có xác nhận đã đến [H3]. \"Đã nhận\" không có nghĩa là người nhận đã đọc.":
        "In the time {period}, the office planned {planned} dispatches [H1]; {taken} were accepted by the providers "
        "[H2], of which {delivered} were confirmed as delivered [H3]. \"Accepted\" does not mean that anybody has read it.",
    "Nội dung có nhiều lượt gửi nhất: {name} ({n} lượt, {share}% tổng số).":
        "The content with most dispatches: {name} ({n}, {share}% of all).",
    "Hình thức có nhiều lượt gửi nhất: {name} ({n} lượt, {share}% tổng số).":
        "The form with most dispatches: {name} ({n}, {share}% of all).",
    "Nhà cung cấp đã nhận {share}% số lượt gửi theo kế hoạch ({taken}/{planned}) [H2].":
        "The providers accepted {share}% of the planned dispatches ({taken}/{planned}) [H2].",
    "Theo số liệu: {said} [H8].": "By the figures: {said} [H8].",
    "{n} lượt không đến hoặc bị từ chối": "{n} not delivered or refused",
    "{n} lượt quá hạn, không gửi": "{n} expired unsent",
    "{n} lượt đã hủy": "{n} cancelled",
    "{n} lượt không gửi theo yêu cầu của người nhận hoặc giới hạn": "{n} not sent, by the person's wish or a limit",
    "{n} lượt không xác định được kết quả": "{n} of which nobody can tell the outcome",
    "{n} lượt phát phải đính chính": "broadcasts that had to be corrected: {n}",
    "Sổ hoạt động chưa ghi hoạt động nào.": "The register has no activity yet.",
    "Số người thuộc nhóm nguy cơ dưới 5 được ghi là \"<5\"; tổng nào để lộ số đó được ghi là \"≥\".":
        "Counts of people at risk under 5 are written \"<5\"; a sum that would give one away is written \"≥\".",
    "Biểu đồ 1. Số lượt gửi theo ngày; số liệu từng ngày ở Phụ lục 1, từng tuần ở Phụ lục 2.":
        "Chart 1. Dispatches by day; the figures of each day are in Annex 1, of each week in Annex 2.",
    "Chi phí tính từ số phần tin đã được nhận và đơn giá khi gửi: {sums} [H5].":
        "Cost computed from the accepted parts and the price at the time: {sums} [H5].",
    " và ": " and ",
    "{n} xã, phường và đơn vị trong danh sách; {told} đã có số liệu, {missing} chưa có.":
        "Communes and departments on the list: {n}; with figures: {told}, with none yet: {missing}.",
    "Số liệu theo địa bàn ở phần phụ lục.": "The figures by area are in the annex.",
    "Chưa có số liệu theo địa bàn.": "There are no figures by area yet.",
    # notes above the text
    "SỐ LIỆU TẠM THỜI, chưa phải số liệu cuối cùng.": "INTERIM FIGURES, not final.",
    "Số liệu cuối cùng.": "Final figures.",
    "Số liệu tạm thời.": "Interim figures.",
    "Còn {n} lượt gửi chưa kết thúc.": "Dispatches still open: {n}.",
    "{n} lượt được {by} chốt là chưa xác định: {why}": "{n} dispatches were closed as unsettled by {by}: {why}",
    "Còn {n} lượt phát chưa khép lại.": "Broadcasts not closed: {n}.",
    "{n} phê duyệt do một người quyết định, theo thiết lập của cơ quan.":
        "Approvals decided by one person alone, as the office has set: {n}.",
    "{n} lượt gửi qua kênh dự phòng cho người mà kênh trước không tới; được cộng vào tổng số.":
        "Dispatches over a fallback channel, for those the first did not reach, counted in the total: {n}.",
    "{n} người có thể đã nhận qua cả hai kênh: kênh trước không báo lại kết quả.":
        "People who may have got it over both channels, as the first one sent no receipt: {n}.",
    "{n} lượt phát có lời sai, đã đính chính.": "Broadcasts with a wrong text, which was corrected: {n}.",
    "{n} mục trong sổ hoạt động có thể đã ghi hai lần.": "Entries of the register that may have been entered twice: {n}.",
    # tables
    "Bảng": "Table", "Phụ lục": "Annex",
    "Lượt gửi theo nội dung": "Dispatches by content",
    "Lượt gửi theo hình thức (Nghị định số 49/2024/NĐ-CP)": "Dispatches by form (Decree 49/2024/ND-CP)",
    "Hoạt động đã ghi [H4]": "Activities entered [H4]",
    "Người dự thuộc nhóm nguy cơ [H4]": "Participants at risk [H4]",
    "Tin nhắn do doanh nghiệp viễn thông gửi, theo báo cáo của doanh nghiệp [H6]":
        "Texts sent by carriers, as the carriers report [H6]",
    "Chi phí theo bốn cách tính": "Cost, four ways",
    "Lượt gửi theo ngày": "Dispatches by day", "Lượt gửi theo tuần": "Dispatches by week",
    "Lượt gửi theo kênh": "Dispatches by channel", "Lượt gửi theo lịch phát": "Dispatches by schedule",
    "Lượt gửi theo địa bàn": "Dispatches by area", "Nguồn của từng số liệu": "Where each figure comes from",
    "So sánh với {title}": "Compared with {title}",
    "Nội dung": "Content", "Hình thức": "Form", "Ngày": "Day", "Tuần": "Week", "Kênh": "Channel", "Lịch phát": "Schedule",
    "Địa bàn": "Area", "Tỉnh": "Province", "Lượt gửi": "Dispatches", "Đã nhận": "Accepted", "Đã đến": "Delivered",
    "Không đến, bị từ chối": "Not delivered, refused", "Không gửi": "Not sent", "Chưa xác định": "Not settled",
    "Còn chờ": "Waiting", "Cộng": "Total", "Số lần": "Times", "Số lượng": "Number", "Số phút": "Minutes",
    "Lượt người dự": "Participants", "Nhóm nguy cơ": "Group at risk", "Mã": "Mark", "Mục nhật ký": "Ledger entries",
    "Số liệu": "Figure", "Mốc": "Cut-off", "Kỳ trước": "Before", "Kỳ này": "Now", "Tăng, giảm": "Change",
    "Cộng lượt gửi": "All dispatches", "Trong đó đã đến": "Of these, delivered", "Chi phí ({currency})": "Cost ({currency})",
    "Doanh nghiệp": "Carrier", "Số thuê bao đã nhắn": "Subscribers", "Thành công": "Sent", "Không thành công": "Not sent",
    "Bắt đầu": "Began", "Kết thúc": "Ended", "Lượt phát": "Plays", "(không rõ địa bàn)": "(area not known)",
    "(công khai)": "(public)",
    "xem mục II.1": "see II.1", "xem mục II.3": "see II.3", "xem mục II.6": "see II.6",
    "Mục attempt.result, dispatch.close, broadcast.expire, broadcast.cancel, correction.begin":
        "Entries attempt.result, dispatch.close, broadcast.expire, broadcast.cancel, correction.begin",
    "{heading} ({unit})": "{heading} ({unit})", "{heading}, bản tin được xác nhận đã phát ({unit})":
        "{heading}, bulletins confirmed as played ({unit})",
    # sources
    "Tổng lượt gửi của chiến dịch {campaign}: mục broadcast.expand và broadcast.expire":
        "All dispatches of campaign {campaign}: entries broadcast.expand and broadcast.expire",
    "Mục attempt.result, attempt.reconcile, attempt.receipt có kết quả accepted hoặc delivered":
        "Entries attempt.result, attempt.reconcile, attempt.receipt that say accepted or delivered",
    "Mục attempt.receipt có kết quả delivered": "Entries attempt.receipt that say delivered",
    "Mục activity.add và bulletin.confirm, và phần đính chính của chúng":
        "Entries activity.add and bulletin.confirm, and their corrections",
    "Số phần tin (parts) nhân đơn giá (price) của từng mục được nhận": "Parts times price of each accepted entry",
    "Mục carrier.reply, và phần đính chính của chúng": "Entries carrier.reply, and their corrections",
    "Mục statement.check: bảng kê của nhà cung cấp, theo mã băm của tệp":
        "Entries statement.check: the provider's statement, by the hash of its file",
    "Nhật ký phát tin có {n} mục lúc {at}; gốc cây {root}": "The ledger had {n} entries at {at}; root of its tree {root}",
    # cost
    "Cách tính": "Counted", "Số tiền": "Amount", "Giải thích": "Explained",
    "Dự kiến theo kế hoạch": "As planned", "Tính từ lượt gửi": "Computed from attempts",
    "Nhà cung cấp tính": "Billed by the provider", "Theo hợp đồng {name}": "By contract {name}",
    "Kế hoạch đã duyệt, tính theo danh bạ và đơn giá hôm nay": "The approved plan, by today's contacts and prices",
    "Phần tin đã được nhận nhân đơn giá khi gửi [H5]": "Accepted parts times the price at the time [H5]",
    "Chưa tính được": "Cannot be told", "Chưa có bảng kê": "No statement yet",
    "so với số tính từ lượt gửi: {sum}": "against what attempts cost: {sum}",
    "{n} lượt không được nhà cung cấp nhận": "{n} dispatches were not accepted by a provider",
    "{n} lượt qua kênh dự phòng, không có trong dự kiến": "{n} over a fallback channel, not in the plan",
    "{n} lượt ngoài lịch": "{n} outside the schedules",
    "{n} tin khác đơn giá ({sum})": "{n} messages at another price ({sum})",
    "{n} tin khác số phần ({sum})": "{n} messages of other parts ({sum})",
    "{n} tin ta chưa rõ, nhà cung cấp có tính ({sum})": "{n} messages in doubt here, billed there ({sum})",
    "{n} tin nhà cung cấp không tính ({sum})": "{n} messages not billed ({sum})",
    "{n} tin bảng kê không ghi giá ({sum})": "{n} messages without a price on the statement ({sum})",
    "phần chưa có bảng kê ({sum})": "what no statement covers yet ({sum})",
    "bảng kê: {which} [H7]": "statements: {which} [H7]",
    "{parts} phần tin x {price}": "{parts} parts x {price}", "trọn gói {sum}": "flat {sum}",
    # contents, forms, states
    "Đường dây nóng": "Hotlines", "Quyền của nạn nhân, hỗ trợ": "Victims' rights, support",
    "Thủ đoạn của tội phạm, nhóm nguy cơ": "Criminal tactics, groups at risk",
    "Chủ trương, chính sách, pháp luật": "Policy and law", "Điều tra, truy tố, xét xử": "Investigation and trials",
    "Biểu dương tập thể, cá nhân": "Commendations", "Chưa có bản được duyệt": "No approved text",
    "Đài truyền thanh cấp xã": "Commune radio", "Bảng tin công cộng": "Public notice boards",
    "Bản tin thông tin cơ sở": "Grassroots newsletters",
    "Tài liệu không kinh doanh phục vụ hoạt động thông tin cơ sở": "Non-commercial documents",
    "Tuyên truyền trực tiếp qua tuyên truyền viên cơ sở": "Direct communication by grassroots communicators",
    "Cổng hoặc trang thông tin điện tử": "Portals and web sites",
    "Mạng xã hội, ứng dụng nhắn tin trên Internet": "Social networks and messaging applications",
    "Tin nhắn viễn thông": "Telecom messages", "Tập huấn": "Trainings", "Hội nghị, hội thảo": "Conferences",
    "Mít tinh, sự kiện truyền thông": "Rallies and events", "Tuyên truyền lưu động": "Mobile outings",
    "Băng rôn, khẩu hiệu": "Banners", "Pa nô, áp phích": "Panels and posters", "Tờ rơi, tờ gấp": "Leaflets",
    "Bảng điện tử": "Electronic boards", "Phát thanh, truyền hình": "Radio and television",
    "Biểu dương, khen thưởng": "Commendations and awards",
    "lượt phát": "plays", "bảng tin": "boards", "bản": "copies", "buổi": "sessions", "tin, bài": "items", "tin nhắn": "texts",
    "lớp": "classes", "cuộc": "meetings", "lượt": "outings", "chiếc": "pieces", "tờ": "sheets", "lượt chiếu": "showings",
    "tập thể, cá nhân": "groups and people",
    "Chờ gửi": "Waiting", "Đang gửi": "Sending", "Chờ gửi lại": "Waiting to be sent again",
    "Chưa rõ kết quả": "Outcome not known", "Nhà cung cấp đã nhận": "Accepted by the provider",
    "Không đến": "Undelivered", "Bị từ chối": "Refused", "Không xác định được": "Unresolved",
    "Quá hạn, không gửi": "Expired", "Đã hủy": "Cancelled", "Không gửi theo yêu cầu hoặc giới hạn": "Suppressed",
    # sheets
    "Kế hoạch": "Planned", "Đã kết thúc": "Final", "Còn mở": "Open", "Phân loại": "Group", "Mục": "Item",
    "Chi phí": "Cost", "Tiền tệ": "Currency", "Ghi chú": "Notes", "Giá trị": "Value", "Chiến dịch": "Campaign",
    "Mã chiến dịch": "Campaign id", "Số liệu lúc": "Figures at", "Số mục nhật ký": "Ledger entries then",
    "Gốc cây nhật ký": "Root of the ledger's tree", "Toàn chiến dịch": "Whole campaign",
    "Chi phí bằng tiền khác": "Cost in another currency", "Theo kênh": "By channel", "Theo ngày": "By day",
    "Theo lịch phát": "By schedule", "Theo tuần": "By week", "Theo nội dung": "By content", "Theo địa bàn": "By area",
    "Theo loại hình (Nghị định 49/2024/NĐ-CP)": "By form (Decree 49/2024/ND-CP)", "Tổng hợp": "Summary",
    "Hoạt động": "Activities", "Hoạt động theo địa bàn": "Activities by area", "Doanh nghiệp viễn thông": "Carriers",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """Says a Vietnamese sentence, a number, an amount or a day as its edition of the report does."""

    language: str = "vi"

    def __call__(self, said: str, /, **values: Any) -> str:
        """What has no English, like a name, stays as it is."""
        found = EN.get(said, said) if self.language == "en" else said
        return found.format(**values) if values else found

    def number(self, n: int) -> str:
        return f"{n:,}" if self.language == "en" else number_of(n)

    def money(self, amount: str, currency: str = "") -> str:
        """`amount`: of `Money.shown`."""
        whole, _, rest = amount.partition(".")
        english = f"{int(whole):,}" + (f".{rest}" if rest else "")
        return f"{english if self.language == 'en' else money_of(amount)} {currency}".rstrip()

    def count(self, shown: str) -> str:
        """Of a count as it may be printed, like "<5" or "≥1250": its number written as this edition does."""
        digits = shown.lstrip("<≥")
        return f"{shown[: -len(digits)]}{self.number(int(digits))}"

    def share(self, part: int, whole: int) -> str:
        """Per cent with one decimal, rounded down, so that 100 means all: "96,4"."""
        permille = 1_000 * part // whole if whole else 0
        return f"{permille // 10}{'.' if self.language == 'en' else ','}{permille % 10}"

    def day(self, day: date) -> str:
        return f"{day.day} {day:%B %Y}" if self.language == "en" else day_of(day)

    def short_day(self, day: date) -> str:
        """For axes and rows."""
        return f"{day:%Y-%m-%d}" if self.language == "en" else day_of(day)

    def long_day(self, place: str, day: date | None) -> str:
        """ "Lạng Sơn, ngày 05 tháng 9 năm 2026": a zero before days below 10 and before months 1 and 2 (Decree 30/2020)."""
        if self.language == "en":
            return f"{place}, {self.day(day)}" if day else f"{place},                    "
        if day is None:
            return f"{place}, ngày     tháng     năm        "
        month = f"{day.month:02d}" if day.month < 3 else str(day.month)
        return f"{place}, ngày {day.day:02d} tháng {month} năm {day.year}"


VI = Speech()


def speech(language: str) -> Speech:
    """Of "vi" or "en"."""
    return Speech(language=language)
