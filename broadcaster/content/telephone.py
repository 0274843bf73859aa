"""Finding what a reader would dial. Pure.

Only shapes that are dialled in Viet Nam or written internationally: a law number, a date, a year, an amount or "24/7" is none.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_GAP = r"[ .\-]{0,2}"  # between the groups of one number

# 111 child protection and trafficking, 112 to 115 rescue, police, fire, ambulance: Circular 22/2014/TT-BTTTT's emergency numbers.
_SHORT = r"11[1-5]"
# +84 912 345 678, 0084..., 84912345678: E.164 has at most 15 digits.
_ABROAD = rf"(?:\+|00){_GAP}[1-9](?:{_GAP}\(?\d\)?){{6,13}}"
_ABROAD_BARE = rf"84(?:{_GAP}\d){{9,10}}"
# Trunk 0: ten digits mobile, eleven landline; nine still stand on old papers.
_NATIONAL = rf"\(?0(?:{_GAP}\(?\d\)?){{8,10}}"
_SERVICE = rf"1[89]00(?:{_GAP}\d){{4,6}}"  # 1800 free, 1900 charged

_NUMBER = re.compile(rf"(?<![\w+])(?:{_ABROAD}|{_SERVICE}|{_ABROAD_BARE}|{_NATIONAL})(?!\w|/\w|[.,]\d)")
_BARE_SHORT = re.compile(rf"(?:(?<![\w/+.,\-])|(?<=11\d[/\-])){_SHORT}(?!\w|[/\-](?!{_SHORT}(?!\w))[\w]|[.,]\d|\s?%)")
_DIALLED = re.compile(
    r"(?<!\w)(?:gọi|tổng đài|đường dây nóng|điện thoại|hotline|call|dial|phone|tel|sđt|đt)\b[ .:]*"
    r"(?:(?:ngay|số|đến|tới|theo|quốc gia|the|number|on|at)[ .:]*){0,3}(\d{3,8})(?![\w/]|[.,]\d|\s?%)",
    re.IGNORECASE,
)
_NO_NUMBER = re.compile(
    r"(?<![\w./\-])(?:\d{1,2}[./\-]){1,2}(?:19|20)\d\d(?![\w])"  # 30/7/2027, 07.2027
    r"|(?<!\w)(?:19|20)\d\d[./\-](?:0?[1-9]|1[0-2])[./\-]\d{1,2}(?!\w)"  # 2027-07-30
    r"|(?<!\w)(?:18|19|20)\d\d ?- ?(?:18|19|20)\d\d(?!\w)"  # 2021-2025
    r"|https?://(?!zalo\.me|wa\.me)\S+",
    re.IGNORECASE,
)
# Before "113" it is a paragraph, after it people or cases are counted: then nobody dials it.
_CITED = re.compile(r"(?:điều|khoản|chương|mục|trang|bài|thứ|article|section|page|no\.|clause)\s*$", re.IGNORECASE)
_COUNTED = re.compile(
    r"\s*(?:vụ|người|nạn nhân|đối tượng|bị cáo|bị can|trường hợp|em|cháu|phụ nữ|trẻ|xã|phường|thôn|bản|tỉnh|hộ|lượt|buổi|"
    r"tổ chức|cơ quan|đơn vị|cán bộ|năm|tháng|ngày|giờ|phút|tuổi|nghìn|triệu|tỷ|đồng|km|m|"
    r"people|persons|cases|victims|suspects|defendants|children|women|communes|wards|provinces|years|months|days|hours|"
    r"minutes|officers|agencies|households|million|thousand|thousands)(?!\w)",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?:18|19|20)\d\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One number somebody could dial."""

    text: str  # as written
    digits: str
    at: int  # offset in the searched text

    @property
    def private(self) -> bool:
        """Could be a person's: long enough to be a subscriber's number, and no service number."""
        return len(self.digits) >= 9 and not self.digits.startswith(("1800", "1900"))


def find(text: str) -> list[Number]:
    """Every telephone-looking number in `text`, in order. Digits and blanks of any script count."""
    plain = _plain(text)
    searched = _NO_NUMBER.sub(lambda match: "_" * len(match[0]), plain)
    spans = [match.span() for match in _NUMBER.finditer(searched)]
    for match in _DIALLED.finditer(searched):
        if not _YEAR.fullmatch(match[1]):
            spans.append(match.span(1))
    for match in _BARE_SHORT.finditer(searched):
        if not _CITED.search(searched[max(0, match.start() - 12) : match.start()]) and not _COUNTED.match(
            searched, match.end()
        ):
            spans.append(match.span())
    found: list[Number] = []
    reached = 0
    for start, end in sorted(set(spans), key=lambda span: (span[0], -span[1])):
        if start >= reached:
            found.append(Number(text=text[start:end], digits=digits_of(plain[start:end]), at=start))
            reached = end
    return found


def digits_of(text: str) -> str:
    """Only the digits, as ASCII; +84 and 0084 become the trunk 0, so that two spellings of one number are equal."""
    digits = re.sub(r"\D", "", _plain(text))
    for prefix in ("0084", "84"):
        if digits.startswith(prefix) and len(digits) - len(prefix) in (9, 10):
            return "0" + digits[len(prefix) :].removeprefix("0")
    return digits


def _plain(text: str) -> str:
    """Digits of every script as ASCII, blanks as blanks, dashes as "-"; the length stays."""
    if text.isascii():
        return text
    return "".join(char if char.isascii() else _plain_char(char) for char in text)


def _plain_char(char: str) -> str:
    match unicodedata.category(char):
        case "Nd":
            return str(unicodedata.digit(char))
        case "Zs":
            return " "
        case "Pd":
            return "-"
        case _:
            return {"＋": "+", "．": ".", "（": "(", "）": ")"}.get(char, char)
