"""The request to carriers for a text to everybody: the approved words to the letter, their hash, and what to report back. Pure.

A text to every subscriber goes out through the carriers, who are asked by letter; no gateway account sends it. What they report
back is entered as an activity of the kind `sms`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256

from broadcaster.content.sms import count
from broadcaster.content.written import day_of, number_of
from broadcaster.errors import Conflict
from broadcaster.report.document import Document, Letterhead, Part, Table, lower_first

FORMS = {"sms": "Có dấu", "sms-plain": "Không dấu"}
OPT_OUT = "{{ opt_out }}"
TO = "Các doanh nghiệp viễn thông di động"
SCOPE = "toàn bộ thuê bao di động hai chiều"
BLANKS = 4  # empty lines of the form that comes back
WIDTHS = (1, 6, 2)  # of the columns: the text in the middle needs the room
GROUP = 16  # hex digits between blanks, so that a hash can be read out


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the office asks for, beside the words."""

    to: str = TO
    scope: str = SCOPE
    since: date | None = None
    until: date | None = None
    reply_by: date | None = None


def words(texts: Mapping[str, str], *, message: str) -> dict[str, str]:
    """The forms of an SMS that the letter carries. Raises: Conflict without one, or with what differs from person to person."""
    found = {form: texts[form] for form in FORMS if form in texts}
    if not found:
        raise Conflict(f"{message} has no `sms` form in this language; write it and have it approved, then print.")
    if any(OPT_OUT in text for text in found.values()):
        raise Conflict(f"{message} holds {OPT_OUT}, a link of each person's own; a text to everybody can have none.")
    return found


def letter(
    texts: Mapping[str, str],
    *,
    title: str,
    revision: str,
    approved_on: date,
    head: Letterhead,
    asked: Asked,
    number: str = "",
    day: date | None = None,
) -> Document:
    """`texts`: of `words`. The letter has no name of its kind: its subject stands below its number (Decree 30/2020)."""
    symbol = head.symbol.removeprefix("BC-")
    return Document(
        head=replace(head, symbol=symbol),
        number=number,
        day=day,
        title="",
        subject=f"đề nghị nhắn tin tới thuê bao di động: {lower_first(title)}",
        notes=(f"Kính gửi: {asked.to}",),
        parts=(
            Part(heading="", paragraphs=(_request(head.office, asked),)),
            Part(heading="1. Nội dung tin nhắn", table=_texts(texts)),
            Part(heading="2. Đối chiếu nội dung", paragraphs=(_control(revision, approved_on),), table=_hashes(texts)),
            Part(heading="3. Báo cáo kết quả", paragraphs=(_reply(asked),)),
        ),
        annex=(_form(),),
    )


def file_of(text: str) -> bytes:
    """The exact bytes whose hash the letter gives."""
    return text.encode()


def _request(office: str, asked: Asked) -> str:
    when = ""
    if asked.since and asked.until:
        when = f" trong thời gian từ ngày {day_of(asked.since)} đến ngày {day_of(asked.until)}"
    return (
        f"{office} đề nghị Quý doanh nghiệp nhắn tin tuyên truyền tới {asked.scope}{when}, "
        "đúng nguyên văn nội dung dưới đây, không thêm, bớt hoặc sửa ký tự nào."
    )


def _texts(texts: Mapping[str, str]) -> Table:
    return Table(
        caption="Nguyên văn đã được phê duyệt",
        head=("Bản", "Nội dung", "Độ dài"),
        rows=tuple((FORMS[form], text, _length(text)) for form, text in texts.items()),
        shares=WIDTHS,
    )


def _length(text: str) -> str:
    found = count(text)
    return f"{number_of(len(text))} ký tự, {found.encoding}, {found.parts} phần tin"


def _hashes(texts: Mapping[str, str]) -> Table:
    return Table(
        caption="Mã băm SHA-256 của từng bản",
        head=("Bản", "SHA-256", "Số byte"),
        rows=tuple(
            (FORMS[form], _grouped(sha256(file_of(text)).hexdigest()), number_of(len(file_of(text))))
            for form, text in texts.items()
        ),
        shares=WIDTHS,
    )


def _grouped(digest: str) -> str:
    return " ".join(digest[at : at + GROUP] for at in range(0, len(digest), GROUP))


def _control(revision: str, approved_on: date) -> str:
    return (
        f"Nội dung được phê duyệt ngày {day_of(approved_on)}, phiên bản {_grouped(revision)}. Tệp văn bản kèm theo chứa đúng các "
        "byte đã phê duyệt (UTF-8, dạng NFC, không có dòng trống ở cuối); mã băm của tệp phải trùng với mã dưới đây."
    )


def _reply(asked: Asked) -> str:
    when = f" trước ngày {day_of(asked.reply_by)}" if asked.reply_by else ""
    return (
        f"Đề nghị Quý doanh nghiệp gửi kết quả theo mẫu kèm theo{when}. Số liệu được ghi vào sổ hoạt động của cơ quan."
    )


def _form() -> Table:
    head = ("Doanh nghiệp", "Số thuê bao đã nhắn", "Thành công", "Không thành công", "Bắt đầu", "Kết thúc")
    return Table(
        caption="Mẫu báo cáo kết quả của doanh nghiệp", head=head, rows=tuple(("",) * len(head) for _ in range(BLANKS))
    )
