"""What is wrong or worth a look in a campaign, in Vietnamese. What is not here is shown as the house says it."""

from __future__ import annotations

import re
from functools import cache

LONGEST = 300  # characters of a sentence that is looked up
VI: dict[str, str] = {
    # conflicts of a forecast (plan/planner.py)
    "no channel {} in config.toml": "chưa cấu hình kênh {}",
    "no message {} in the library": "thư viện không có thông điệp {}",
    "too long: {} characters, {} takes {}": "quá dài: {} ký tự, kênh {} chỉ nhận {}",
    "no price is set for {}; counted as 0": "kênh {} chưa có đơn giá; tính là 0",
    "fact {} falls overdue after {}": "dữ kiện {} quá hạn kiểm tra sau {}",
    "the message is valid from {} only": "thông điệp chỉ có hiệu lực từ {}",
    "the message is valid until {} only": "thông điệp chỉ có hiệu lực đến {}",
    "the message has no {} form in {}": "thông điệp chưa có dạng {} bằng {}",
    "{} sends to people, and the schedule names no group": "kênh {} gửi đến từng người, mà lịch phát chưa chọn nhóm",
    "no group {} in the audience": "danh bạ không có nhóm {}",
    "the group {} is empty": "nhóm {} chưa có ai",
    "{} without consent get nothing": "{} người chưa đồng ý nên không nhận",
    "{} opted out": "{} người đã từ chối",
    "blackout: not sent ({})": "ngày không phát ({})",
    "blackout: not sent": "ngày không phát",
    "queues behind other broadcasts on {}; begins at {}": "xếp sau lượt phát khác trên kênh {}; bắt đầu lúc {}",
    "does not fit: {} would expire at {}": "không kịp: {} lượt gửi quá giờ lúc {}",
    "number {} to this group within 24 h: over the cap of {}, not sent": "tin thứ {} cho nhóm này trong 24 giờ: vượt mức {}, không gửi",
    "people of several groups go over the cap of {} within 24 h": "người thuộc nhiều nhóm vượt mức {} tin trong 24 giờ",
    "priced in {}, the budget is in {}": "đơn giá bằng {}, kinh phí bằng {}",
    "over budget: {} of {}": "vượt kinh phí: {} trên {}",
    "not approved yet": "thông điệp chưa được phê duyệt",
    "held: fact {} has changed": "bị giữ lại: dữ kiện {} đã đổi",
    "held: fact {} is gone": "bị giữ lại: dữ kiện {} không còn",
    "held: fact {} is overdue": "bị giữ lại: dữ kiện {} quá hạn kiểm tra",
    # faults of a campaign's file (schedule/spec.py, schedule/files.py)
    "{} is missing.": "Thiếu {}.",
    "{} is no text.": "{} không phải là chữ.",
    "{} is no list of texts.": "Chưa điền {}.",
    "{} names {} twice.": "{} ghi {} hai lần.",
    "Name it once.": "Chỉ ghi một lần.",
    "{} is no date.": "{} không phải ngày.",
    "Use lower-case letters, digits and hyphens, at most {}.": "Dùng chữ thường a-z, chữ số và gạch nối, nhiều nhất {} ký tự.",
    "The campaign ends on {}, before it begins on {}.": "Chiến dịch kết thúc ngày {}, trước khi bắt đầu ngày {}.",
    "The campaign is longer than three years.": "Chiến dịch dài hơn ba năm.",
    "Check the years.": "Kiểm tra lại năm.",
    "The report is due before the campaign begins.": "Hạn báo cáo đứng trước ngày bắt đầu.",
    "Correct one of the dates.": "Sửa một trong hai ngày.",
    "Correct one of them.": "Sửa một trong hai.",
    "Correct the date.": "Sửa lại ngày.",
    "{} lies outside the campaign ({} to {}).": "{} nằm ngoài chiến dịch ({} đến {}).",
    "The schedule ends on {}, before it begins on {}.": "Lịch phát kết thúc ngày {}, trước khi bắt đầu ngày {}.",
    "{} is no time of day.": "{} không phải giờ trong ngày.",
    "None of its days falls between {} and {}.": "Không có ngày nào đã chọn rơi vào từ {} đến {}.",
    "Correct the days or the dates.": "Sửa thứ trong tuần hoặc ngày.",
    "There are two schedules {}.": "Có hai lịch phát {}.",
    "Give each its own id.": "Đặt mã riêng cho từng lịch.",
    "The campaign does not speak {}.": "Chiến dịch không dùng ngôn ngữ {}.",
    "{} are no hours.": "{} không phải khoảng giờ.",
    "{} is no IANA time zone.": "{} không phải múi giờ.",
    "{} is no language tag.": "{} không phải mã ngôn ngữ.",
    "The blackout of {} lies outside the campaign.": "Ngày không phát {} nằm ngoài chiến dịch.",
    "Take it out, or correct its year.": "Bỏ đi, hoặc sửa lại năm.",
    "The channel {} stands there twice.": "Kênh {} được chọn hai lần.",
    "Let {} stand alone or in one chain, never both: nobody gets the same broadcast twice.":
        "Mỗi kênh chỉ đứng ở một chỗ: không ai nhận hai lần cùng một lượt phát.",
    "'fallback_after' has no chain to go on in.": "Chưa có kênh dự phòng nào để chuyển sang.",
    "'within' is {}.": "Khoảng thời gian còn phát là {}.",
    "Let it be between 1 minute and 7 days.": "Chọn từ 1 phút đến 7 ngày.",
    "There is no message {}.": "Không có thông điệp {}.",
    "The message {} has no form that {} can say in the language of the schedule.":
        "Thông điệp {} chưa có dạng mà kênh {} gửi được bằng ngôn ngữ của lịch phát.",
    "Write its {} form, or take it out.": "Viết thêm dạng {}, hoặc bỏ thông điệp này.",
    "The message {} is valid from {} only, and is never sent outside that.":
        "Thông điệp {} chỉ có hiệu lực từ {}; ngoài thời gian đó không gửi.",
    "Correct its `valid`, or the schedule's from and until.": "Sửa thời gian hiệu lực của thông điệp, hoặc ngày của lịch phát.",
    "{} sends to people, and the schedule names no group.": "Kênh {} gửi đến từng người, mà lịch phát chưa chọn nhóm.",
    "{} is public and reaches nobody in particular, so it cannot stand in a chain.":
        "Kênh {} là kênh công khai nên không dùng kênh dự phòng.",
    "No channel is called {} in config.toml.": "Chưa cấu hình kênh {}.",
    "Add [channels.{}] to config.toml, or take it out of the schedule.": "Nhờ người quản trị cấu hình kênh {}, hoặc bỏ khỏi lịch phát.",
    "Did you mean {}?": "Có phải là {}?",
    "Name one, like group = \"border-communes\".": "Chọn một nhóm.",
    "Take the day before or after it.": "Chọn ngày trước hoặc sau.",
}  # fmt: skip


def translate(said: str) -> str:
    """The Vietnamese of one sentence, with its values; the sentence itself where there is none."""
    if len(said) <= LONGEST:
        for pattern, vietnamese in _patterns():
            if found := pattern.fullmatch(said):
                return vietnamese.format(*found.groups())
    return said


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Those with fewer places for values first: they say more."""
    hole = re.escape("{}")
    by_places = sorted(VI.items(), key=lambda pair: pair[0].count("{}"))
    return [(re.compile(re.escape(said).replace(hole, "(.+?)"), re.DOTALL), told) for said, told in by_places]
