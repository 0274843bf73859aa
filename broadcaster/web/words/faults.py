"""What is wrong in a message, and what to do, in Vietnamese. What is not here is shown as the house says it."""

from __future__ import annotations

from functools import cache

from broadcaster.content.fault import Fault
from broadcaster.web.words.errors import values_of

VI: dict[str, str] = {
    "{} looks like a telephone number and is no fact.": "{} giống số điện thoại nhưng không phải dữ kiện.",
    "Add it to facts.toml with its source, and write {{ fact.NAME }} here; if nobody dials it, write it in words.":
        "Thêm số vào facts.toml kèm nguồn rồi chèn dữ kiện ở đây; nếu không ai gọi số này thì viết bằng chữ.",
    "{} is typed by hand.": "{} được gõ tay.",
    "Write {{ fact.{} }}: a changed number then fills in by itself.": "Chèn {{{{ fact.{} }}}}: khi số đổi, chương trình tự điền.",
    "Write {{ fact.{} }}: it is then checked and changed in one place.":
        "Chèn {{{{ fact.{} }}}}: chỉ kiểm tra và sửa ở một nơi.",
    "Write {{ fact.{} }}: in `speech` it is read as its speech.{}.":
        "Chèn {{{{ fact.{} }}}}: trong lời đọc, máy đọc theo speech.{}.",
    "There is no fact {}.": "Không có dữ kiện {}.",
    "{} is no placeholder.": "{} không phải mã chèn.",
    "Only {{ fact.NAME }} and {{ opt_out }} are replaced; take other braces out.":
        "Chỉ {{{{ fact.TÊN }}}} và {{{{ opt_out }}}} được thay; bỏ các dấu ngoặc nhọn khác.",
    "The message was valid until {} and is no longer sent.": "Thông điệp có hiệu lực đến {} và không gửi nữa.",
    "Set `valid` anew, or take it out.": "Đặt lại thời gian hiệu lực, hoặc bỏ trống.",
    "The text in {} has no title.": "Bản {} chưa có tiêu đề.",
    "Add title.{} = \"...\" to the front matter.": "Viết tiêu đề cho ngôn ngữ {}.",
    "The key `{}` is missing.": "Thiếu mục `{}`.",
    "{} takes {} SMS parts, each paid for by every recipient.": "{} dài {} phần SMS; phần nào cũng trả tiền cho từng người nhận.",
    "Shorten it to {} parts or fewer; `broadcaster message preview` shows what costs.":
        "Rút còn {} phần trở xuống; phần xem trước chỉ ra chữ nào tốn tiền.",
    "Channel {} takes no accents, and there is no `## {} sms-plain`.":
        "Kênh {} không nhận dấu, mà chưa có tin nhắn không dấu ({}).",
    "Add it; proposed, to be read by a person: {}": "Viết thêm; đề xuất, cần người đọc lại: {}",
    "sms-plain must be without accents, and has: {}": "Tin nhắn không dấu còn chữ có dấu: {}",
    "Use plain letters; `broadcaster message preview` proposes the whole text.":
        "Dùng chữ không dấu; phần xem trước đề xuất cả bản.",
    "sms and sms-plain do not quote the same facts.": "Tin có dấu và tin không dấu không dùng cùng dữ kiện.",
    "Bring sms-plain up to date with sms.": "Sửa tin không dấu cho khớp tin có dấu.",
    "{} does not fit channel {}: {}.": "{} không vừa kênh {}: {}.",
    "Change this form.": "Sửa dạng này.",
    "It quotes a fact, and the fact {} is overdue since {}.": "Bài dùng dữ kiện {}, đã quá hạn kiểm tra từ {}.",
    "It quotes a fact, and the fact {} is overdue in {} days, after {}; nothing with it goes out then.":
        "Bài dùng dữ kiện {}, còn {} ngày là quá hạn (sau {}); khi đó không gửi nữa.",
    "Check the fact with its source and set verify_by; if it changed, submit the message again.":
        "Kiểm tra dữ kiện với nguồn rồi đặt lại verify_by; nếu đã đổi thì trình lại thông điệp.",
    "The fact {} does not say how it is read aloud in {}.": "Dữ kiện {} chưa có cách đọc bằng {}.",
    "`{{ opt_out }}` is of no use in {}: nobody can follow it there.":
        "`{{{{ opt_out }}}}` vô ích ở {}: không ai bấm được.",
    "Take it out.": "Bỏ đi.",
    "Channel {} speaks to many, and `{{ opt_out }}` is one person's link: nothing stands there.":
        "Kênh {} nói với nhiều người, còn `{{{{ opt_out }}}}` là đường dẫn của một người: chỗ đó sẽ trống.",
    "Keep it to forms that only channels to single people use, or take it out.":
        "Chỉ để ở dạng gửi riêng từng người, hoặc bỏ đi.",
    "{} is taken as text.": "{} bị coi là chữ của bài.",
    "The message has no text.": "Thông điệp chưa có nội dung.",
    "Begin the line with something else; a heading inside a text is written with `###`.":
        "Bắt đầu dòng bằng chữ khác; tiêu đề nhỏ trong bài viết bằng `###`.",
    "The text of {} cannot be put into the file: a line of it begins with `##`, or is a `{}`.":
        "Không ghi được nội dung {} vào tệp: có dòng bắt đầu bằng `##` hoặc là `{}`.",
    "The message is valid until a day before it begins.": "Ngày kết thúc đứng trước ngày bắt đầu.",
    "Put the earlier day first.": "Đổi lại: ngày sớm hơn trước.",
    "Change it in the file itself.": "Sửa ngay trong tệp.",
}  # fmt: skip


def translate(fault: Fault) -> str:
    """The fault and its remedy in Vietnamese, each where there is one."""
    return f"{_one(fault.text)} {_one(fault.remedy)}".strip()


def _one(said: str) -> str:
    for pieces, vietnamese in _pieces():
        if (found := values_of(pieces, said)) is not None:
            return vietnamese.format(*found)
    return said


@cache
def _pieces() -> list[tuple[list[str], str]]:
    """`{}` varies; doubled braces of a placeholder are themselves."""
    return [(said.split("{}"), told) for said, told in VI.items()]
