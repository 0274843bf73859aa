"""Vietnamese as it is said: numbers, dates, hours, hotlines, law numbers and abbreviations written out. Pure.

A speech engine reads "111" as a hundred and eleven, "24/7" as two numbers and "UBND" as English letters (measured with
espeak-ng 1.51 and 1.52). What `spoken` returns holds words only, is what the engine gets, and is shown before approval.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable

# A notice of 152 words took 47.1 s at espeak-ng's 140 words a minute, pauses included; a calm announcer is near it.
SYLLABLES_PER_SECOND = 3.2
WORDS_PER_SECOND = 2.5  # other languages: 150 words a minute, the usual pace of a newsreader
LONGEST_NUMBER = 12  # digits; a longer one is a code and is read digit by digit

DIGITS = ("không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín")
_GROUPS = ("", " nghìn", " triệu", " tỷ")


def spoken(text: str) -> str:
    """The words a voice says for `text`; said again of its own result it changes nothing."""
    said = unicodedata.normalize("NFC", text)
    said = "".join(str(unicodedata.digit(one)) if unicodedata.category(one) == "Nd" else one for one in said)
    for step in _STEPS:
        said = step(said)
    return "\n".join(line for line in map(_tidy, said.split("\n")) if line)


def reading_seconds(text: str, language: str = "vi") -> int:
    """Whole seconds it takes to read `text` aloud once, rounded up."""
    if not language.startswith("vi"):
        return math.ceil(len(re.findall(r"\w+", text)) / WORDS_PER_SECOND)
    return math.ceil(len(re.findall(r"\w+", spoken(text))) / SYLLABLES_PER_SECOND)


def doubts(text: str) -> list[str]:
    """What of `text` a voice may say wrongly although it was written out: spelt letters, web addresses, foreign words."""
    known = {*_ABBREVIATIONS, *_FOREIGN, *"TP HCM".split()}
    for step in (_LAWS, _NUMERALS):
        text = step(text)
    letters = [one for one in re.findall(r"(?<!\w)[A-ZĐ]{2,}(?!\w)", text) if one not in known and not _syllable(one)]
    strange = [one for one in re.findall(r"(?<![\w./@-])[^\W\d_]{2,}(?![\w./@-])", text)
               if re.search("[fjwz]", one, re.IGNORECASE) and one not in known and one not in letters]  # fmt: skip
    return list(dict.fromkeys([*_LINK.findall(text), *letters, *strange]))


def number(value: int) -> str:
    """A whole number in words, 0 to 999,999,999,999."""
    if value == 0:
        return "không"
    parts: list[str] = []
    groups = [value // 1000**power % 1000 for power in range(4)]
    for power in reversed(range(4)):
        if groups[power]:
            parts.append(_hundreds(groups[power], full=bool(parts)) + _GROUPS[power])
    return " ".join(parts)


def digits(text: str) -> str:
    """Digit by digit; what separates groups becomes a short pause."""
    groups = [group for group in re.split(r"\D+", text) if group]
    said = ", ".join(" ".join(DIGITS[int(one)] for one in group) for group in groups)
    return f"cộng {said}" if text.startswith("+") else said


def _hundreds(value: int, *, full: bool) -> str:
    """One group of three digits; `full` says the empty places too, as after thousands."""
    hundreds, rest = divmod(value, 100)
    tens, ones = divmod(rest, 10)
    words = [f"{DIGITS[hundreds]} trăm"] if hundreds or full else []
    if tens == 0:
        if ones and words:
            words.append("lẻ")
        return " ".join([*words, *([DIGITS[ones]] if ones else [])])
    words.append("mười" if tens == 1 else f"{DIGITS[tens]} mươi")
    if ones == 1 and tens > 1:
        words.append("mốt")
    elif ones == 4 and tens > 1:
        words.append("tư")
    elif ones == 5:
        words.append("lăm")
    elif ones:
        words.append(DIGITS[ones])
    return " ".join(words)


# -- the steps, in the order in which they are taken: what is told apart first is not misread later --------------------

Step = Callable[[str], str]
Match = re.Match[str]


def _step(pattern: str, say: Callable[[Match], str] | str, flags: int = re.IGNORECASE) -> Step:
    compiled = re.compile(pattern, flags)
    return lambda text: compiled.sub(say, text)


_KINDS = {
    "QĐ": "Quyết định", "NĐ": "Nghị định", "TT": "Thông tư", "TTLT": "Thông tư liên tịch", "CT": "Chỉ thị",
    "NQ": "Nghị quyết", "KH": "Kế hoạch", "CV": "Công văn", "CĐ": "Công điện", "TB": "Thông báo", "BC": "Báo cáo",
    "HD": "Hướng dẫn", "TTr": "Tờ trình", "PL": "Pháp lệnh", "L": "Luật",
}  # fmt: skip
_ISSUERS = {
    "CP": "Chính phủ", "TTg": "Thủ tướng Chính phủ", "UBND": "Ủy ban nhân dân", "HĐND": "Hội đồng nhân dân",
    "BCA": "Bộ Công an", "BQP": "Bộ Quốc phòng", "BTTTT": "Bộ Thông tin và Truyền thông", "BTP": "Bộ Tư pháp",
    "BVHTTDL": "Bộ Văn hóa, Thể thao và Du lịch", "BGDĐT": "Bộ Giáo dục và Đào tạo", "BYT": "Bộ Y tế",
    "BLĐTBXH": "Bộ Lao động, Thương binh và Xã hội", "BNV": "Bộ Nội vụ", "BTC": "Bộ Tài chính",
    "BKHCN": "Bộ Khoa học và Công nghệ", "BNG": "Bộ Ngoại giao", "VPCP": "Văn phòng Chính phủ",
    "TW": "Trung ương", "TU": "Tỉnh ủy", "CTN": "Chủ tịch nước", "BTV": "Ban Thường vụ",
}  # fmt: skip
_ABBREVIATIONS = {
    "TP.HCM": "Thành phố Hồ Chí Minh", "TPHCM": "Thành phố Hồ Chí Minh", "UBND": "Ủy ban nhân dân",
    "HĐND": "Hội đồng nhân dân", "UBMTTQ": "Ủy ban Mặt trận Tổ quốc", "MTTQ": "Mặt trận Tổ quốc",
    "BĐBP": "Bộ đội Biên phòng", "BCĐ": "Ban Chỉ đạo", "VHTTDL": "Văn hóa, Thể thao và Du lịch",
    "LĐTBXH": "Lao động, Thương binh và Xã hội", "LHPN": "Liên hiệp Phụ nữ", "TNCS": "Thanh niên Cộng sản",
    "THCS": "trung học cơ sở", "THPT": "trung học phổ thông", "ANTT": "an ninh trật tự",
    "TTATXH": "trật tự, an toàn xã hội", "PCTP": "phòng, chống tội phạm", "MBN": "mua bán người",
    "QĐ": "quyết định", "NĐ": "nghị định", "NQ": "nghị quyết", "SĐT": "số điện thoại", "ĐT": "điện thoại",
    "KT-XH": "kinh tế, xã hội", "ATGT": "an toàn giao thông", "PCCC": "phòng cháy, chữa cháy",
    "BHYT": "bảo hiểm y tế", "BHXH": "bảo hiểm xã hội", "CCCD": "căn cước công dân", "CMND": "chứng minh nhân dân",
    "GD&ĐT": "Giáo dục và Đào tạo", "GDĐT": "Giáo dục và Đào tạo", "DTTS": "dân tộc thiểu số", "TW": "Trung ương",
    "VN": "Việt Nam", "CHXHCN": "Cộng hòa xã hội chủ nghĩa", "XHCN": "xã hội chủ nghĩa", "QPPL": "quy phạm pháp luật",
    "COVID-19": "cô vít mười chín", "COVID": "cô vít",
    **{name: said for name, said in _ISSUERS.items() if name[0] == "B" and name not in ("BTV", "BTC")},
}  # fmt: skip
_SHORT = {  # with a dot, before a name
    "TP": "Thành phố", "Tp": "Thành phố", "TX": "Thị xã", "Q": "Quận", "P": "Phường", "H": "Huyện", "TT": "Thị trấn",
    "PGS": "Phó giáo sư", "GS": "Giáo sư", "TS": "Tiến sĩ", "ThS": "Thạc sĩ", "BS": "Bác sĩ", "KP": "Khu phố",
}  # fmt: skip
_FOREIGN = {
    "Zalo": "da lô", "Facebook": "phây búc", "TikTok": "tích tóc", "Telegram": "tê lê gam", "YouTube": "diu túp",
    "Internet": "in tơ nét", "internet": "in tơ nét", "website": "trang web", "Website": "trang web",
    "email": "thư điện tử", "Email": "thư điện tử", "online": "trực tuyến", "hotline": "đường dây nóng",
    "Hotline": "đường dây nóng",
}  # fmt: skip
_UNITS = {
    "km/h": "ki lô mét một giờ", "km2": "ki lô mét vuông", "km²": "ki lô mét vuông", "m2": "mét vuông",
    "m²": "mét vuông", "m3": "mét khối", "m³": "mét khối", "km": "ki lô mét", "cm": "xen ti mét", "mm": "mi li mét",
    "kg": "ki lô gam", "ha": "héc ta", "m": "mét", "°C": "độ xê", "đ": "đồng", "₫": "đồng", "VNĐ": "đồng",
    "VND": "đồng", "USD": "đô la Mỹ", "GB": "ghi ga bai", "MB": "mê ga bai",
}  # fmt: skip
_LETTERS = dict(
    zip(
        "ABCDĐEFGHIJKLMNOPQRSTUVWXYZ",
        ("a", "bê", "xê", "dê", "đê", "e", "ép", "gờ", "hát", "i", "giây", "ca", "lờ", "mờ", "nờ", "o", "pê", "quy",
         "rờ", "sờ", "tê", "u", "vê", "vê kép", "ích", "i dài", "dét"),
        strict=True,
    )
)  # fmt: skip
_LINK = re.compile(r"(?:https?://|www\.)[^\s,;)]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?<![\w.])(?:[a-z0-9-]+\.)+(?:vn|com|org|net)(?:/[^\s,;)]*)?")  # fmt: skip # noqa: E501
_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
_DAY = r"(0?[1-9]|[12]\d|3[01])"
_MONTH = r"(0?[1-9]|1[0-2])"
_D, _M = rf"(?P<day>{_DAY})", rf"(?P<month>{_MONTH})"
_YEAR = r"((?:18|19|20|21)\d\d)"
_NO_DIGIT_BEFORE = r"(?<![\w/.,+\-])"
_NO_DIGIT_AFTER = r"(?![\w/]|[.,]\d)"
_AMOUNT = r"(\d{1,3}(?:\.\d{3})+|\d+)(?:,(\d+))?"


def _law(match: Match) -> str:
    """`33/QĐ-TTg`, `162/2025/NĐ-CP`, `53/2024/QH15`, `2556/BTTTT-TTra`: number, year, and whose it is."""
    before, value, year, rest = match[1] or "", match[2], match[3], match[4]
    said = f"số {number(int(value))}" + (f" năm {number(int(year))}" if year else "")
    kind, *issuers = rest.split("-")
    if kind.startswith("QH"):
        return f"{before}{said} của Quốc hội" + (f" khóa {number(int(kind[2:]))}" if kind[2:].isdecimal() else "")
    if kind not in _KINDS:
        issuers = [kind]
    named = _KINDS.get(kind, "")
    head = "" if not named or before.casefold().startswith(named.casefold()) else f"{named} "
    whose = _ISSUERS.get(issuers[0], _spell(issuers[0])) if issuers else ""
    return f"{before}{head}{said}" + (f" của {whose}" if whose else "")


def _date(match: Match) -> str:
    """Day, month and perhaps year; "ngày" stands before it once."""
    head = match["head"] or "ngày "
    year = match.groupdict().get("year")
    return f"{head}{_day(match['day'], head)} {_month(match['month'])}" + (f" năm {number(int(year))}" if year else "")


def _day(value: str, head: str) -> str:
    first_ten = int(value) <= 10 and not head.strip().casefold().endswith(("mùng", "mồng"))
    return f"mùng {number(int(value))}" if first_ten else number(int(value))


def _month(value: str) -> str:
    return "tháng tư" if int(value) == 4 else f"tháng {number(int(value))}"


def _clock(match: Match) -> str:
    hour, minute = int(match[1]), int(match[2] or 0)
    return f"{number(hour)} giờ" + (f" {number(minute)} phút" if minute else "")


def _amount(match: Match) -> str:
    whole, part = match[1].replace(".", ""), match[2] or ""
    said = number(int(whole)) if len(whole) <= LONGEST_NUMBER else digits(whole)
    if not part:
        return said
    short = len(part) <= 2 and part[0] != "0"
    return f"{said} phẩy {number(int(part)) if short else digits(part)}"


def _roman(match: Match) -> str:
    values = [_ROMAN[one] for one in match[2]]
    following = [*values[1:], 0]
    return f"{match[1]} {number(sum(-a if a < b else a for a, b in zip(values, following, strict=True)))}"


def _link(match: Match) -> str:
    said = re.sub(r"^(?:https?://)?(?:www\.)?", "", match[0]).rstrip("./")
    for sign, word in (("@", "a còng"), (".", "chấm"), ("/", "gạch chéo"), ("-", "gạch ngang"), ("_", "gạch dưới")):
        said = said.replace(sign, f" {word} ")
    said = re.sub(r"\d+", lambda found: f" {digits(found[0])} ", said)
    return re.sub(r"\bvn\b", "vê nờ", said.lower())


def _spell(letters: str) -> str:
    """Letter by letter, as Vietnamese names them."""
    said = [_LETTERS.get(one.upper(), DIGITS[int(one)] if one.isdecimal() else "") for one in letters]
    return " ".join(filter(None, said))


def _capitals(match: Match) -> str:
    """A word in capitals is a word if it can be one in Vietnamese; else its letters are named."""
    if not match[0].isupper():
        return match[0]
    return match[0].lower() if _syllable(match[0]) else _spell(match[0])


_SYLLABLE = re.compile(
    r"(?:ngh|ng|nh|gh|gi|kh|ph|qu|th|tr|ch|[bcdđghklmnprstvx])?[aăâeêioôơuưy]{1,3}(?:ch|nh|ng|[cmnpt])?"
)
_TONES = "\u0300\u0301\u0303\u0309\u0323"


def _syllable(word: str) -> bool:
    """Whether it could be one Vietnamese syllable, tones aside; a proper one of two letters without vowels is none."""
    plain = "".join(one for one in unicodedata.normalize("NFD", word.lower()) if one not in _TONES)
    return _SYLLABLE.fullmatch(unicodedata.normalize("NFC", plain)) is not None


def _table(names: Iterable[str]) -> str:
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))


_HEAD = r"(?P<head>(?:(?:ngày|mùng|mồng|hôm|sáng|trưa|chiều|tối|đêm)\s+)+)?"
_NUMERAL = r"(?:chương|phần|khóa|kỳ|quý|thế kỷ|lần thứ|đợt|mục|loại|cấp|vùng|hạng|bậc)"
_NOT_MONTHS = r"(?!\s+(?:số|tổng|dân|hộ|diện tích|tỉnh|xã|phường|thôn|người))"

_LAWS = _step(
    r"((?:quyết định|nghị định|thông tư(?: liên tịch)?|chỉ thị|nghị quyết|kế hoạch|công văn|công điện|thông báo|"
    r"báo cáo|hướng dẫn|tờ trình|luật|pháp lệnh)\s+)?(?:số\s+)?(?<![\w/])(\d{1,5})(?:/(\d{4}))?/"
    r"((?-i:[A-ZĐ][A-ZĐ]*(?:Tr|Tg)?\d{0,2}(?:-[A-ZĐ][A-ZĐ]*(?:Tg|Tra)?)*))(?!\w)",
    _law,
)
_NUMERALS = _step(rf"(?<!\w)({_NUMERAL}) ((?-i:[IVXLC]+))(?!\w)", _roman)

_STEPS: tuple[Step, ...] = (
    _step(r"(?<!ngày )\b24/7\b", "hai mươi bốn giờ mỗi ngày, bảy ngày mỗi tuần"),
    _step(r"\b24/24(?:\s?(?:giờ|h))?(?!\w)", "suốt hai mươi bốn giờ"),
    _LAWS,
    lambda text: _LINK.sub(_link, text),
    # Telephone numbers: international, service (1800 free, 1900 charged), trunk 0; then what stands after "gọi".
    _step(r"(?<![\w+])(?:\+|00)[1-9](?:[ .\-]{0,2}\d){6,13}(?!\w)", lambda match: digits(match[0])),
    _step(r"(?<![\w+])1[89]00(?:[ .\-]{0,2}\d){4,6}(?!\w|/\w|[.,]\d)", lambda match: digits(_service(match[0]))),
    _step(r"(?<![\w+])0(?:[ .\-]{0,2}\d){8,10}(?!\w|/\w|[.,]\d)", lambda match: digits(_grouped(match[0]))),
    _step(
        r"(?<!\w)((?:gọi|tổng đài|đường dây nóng|điện thoại|hotline|sđt|đt|bấm)[ .:]*(?:(?:ngay|số|đến|tới|theo|"
        r"quốc gia|cho|công an|cảnh sát)[ .:]*){0,4})(\d{3,8})(?![\w/]|[.,]\d|\s?%)",
        lambda match: match[1] + digits(match[2]),
    ),
    _step(
        r"(?<![\w/+.,\-])(?<!điều )(?<!khoản )(?<!bài )(?<!trang )(11[1-5])"
        r"(?![\w/\-]|[.,]\d|\s?%|\s+(?:vụ|người|nạn nhân|đối tượng|"
        r"trường hợp|em|cháu|xã|phường|thôn|bản|hộ|lượt|buổi|tổ chức|cán bộ|năm|tháng|ngày|giờ|phút|tuổi|nghìn|triệu|"
        r"tỷ|đồng|km|m)(?!\w))",
        lambda match: digits(match[1]),
    ),
    _step(rf"{_NO_DIGIT_BEFORE}(?P<head>ngày )?(?P<year>{_YEAR})-{_M}-{_D}{_NO_DIGIT_AFTER}", _date),
    _step(rf"{_HEAD}{_NO_DIGIT_BEFORE}{_D}(?P<sep>[/.\-]){_M}(?P=sep)(?P<year>{_YEAR}){_NO_DIGIT_AFTER}", _date),
    _step(r"(?<=[\d%h])\s?[-–—]\s?(?=\d)", " đến "),
    _step(
        rf"(?:tháng )?{_NO_DIGIT_BEFORE}{_MONTH}/{_YEAR}{_NO_DIGIT_AFTER}",
        lambda match: f"{_month(match[1])} năm {number(int(match[2]))}",
    ),
    _step(rf"(?<!tỷ lệ )(?<!tỉ lệ ){_HEAD}{_NO_DIGIT_BEFORE}{_D}/{_M}{_NO_DIGIT_AFTER}{_NOT_MONTHS}", _date),
    _step(rf"{_NO_DIGIT_BEFORE}1/(\d)(?!\w)", lambda match: f"một phần {number(int(match[1]))}"),
    _step(
        rf"{_NO_DIGIT_BEFORE}(\d{{1,6}})/(\d{{1,6}}){_NO_DIGIT_AFTER}",
        lambda match: f"{number(int(match[1]))} trên {number(int(match[2]))}",
    ),
    _step(r"(?<![\w:.,])([01]?\d|2[0-4])(?::|[hg])([0-5]\d)(?::00)?(?![\w:])(?:\s*phút|')?", _clock),
    _step(r"(?<![\w:.,])([01]?\d|2[0-4])()\s?h(?!\w)", _clock),
    _step(r"(?<!\w)tháng (?:0?4)(?![\w/]|[.,]\d)", "tháng tư"),
    _step(r"(?<!\w)thứ 4(?![\w/]|[.,]\d)", "thứ tư"),
    _NUMERALS,
    _step(rf"(?<![\w])({_table(_ABBREVIATIONS)})(?!\w)", lambda match: _ABBREVIATIONS[match[1]], 0),
    _step(rf"(?<!\w)({_table(_SHORT)})\.\s?(?=[A-ZĐÀÁẢÃẠÂĂÈÉÊÌÍÒÓÔƠÙÚƯÝ]|\d)", lambda match: _SHORT[match[1]] + " ", 0),
    _step(rf"(?<!\w)({_table(_FOREIGN)})(?!\w)", lambda match: _FOREIGN[match[1]], 0),
    _step(rf"(?<=\d)\s?({_table(_UNITS)})(?![\w²³])", lambda match: f" {_UNITS[match[1]]}", 0),
    _step(r"\s?%", " phần trăm"),
    _step(r"(đồng|lần|vụ|lượt|buổi|người)/(?=\w)", r"\1 mỗi "),
    _step(rf"(?<![\w]){_AMOUNT}", _amount),
    _step(r"(?<=\d)\.(?=\d)", " chấm "),
    _step(r"\d+", lambda match: f" {digits(match[0])} "),
    _step(r"(?<!\w)v\.v\.{0,3}", "vân vân"),
    _step(r"(?<!\w)[^\W\d_]{2,}(?!\w)", _capitals, 0),
    _step(r"(?<=[^\W\d_])/(?=[^\W\d_])", " hoặc "),
)


def _service(text: str) -> str:
    """`1900969680` in the groups people say."""
    return text if re.search(r"\D", text) else f"{text[:4]} {text[4:7]} {text[7:]}"


def _grouped(text: str) -> str:
    return text if re.search(r"\D", text) else f"{text[:4]} {text[4:7]} {text[7:]}"


def _tidy(line: str) -> str:
    """Signs nobody says are gone, brackets are pauses, a line ends like a sentence."""
    line = line.replace("&", " và ").replace("+", " cộng ").replace("=", " bằng ")
    line = re.sub(r"^\s*[-–—•*#>]+\s*", "", line)
    line = re.sub(r"\s[-–—]+\s", ", ", line)
    line = re.sub(r"[()\[\]]", ", ", line)
    line = re.sub(r"[\"“”‘’'«»*#_|<>~^`{}@\\/]", " ", line)
    line = re.sub(r"(?:\.\.+|…)", ".", line)
    line = re.sub(r"\s+([,.;:!?])", r"\1", re.sub(r"\s+", " ", line))
    line = re.sub(r"[,;:]+(?=[.!?,;:])", "", line)
    line = line.strip(" ,;:")
    return line if not line or line[-1] in ".!?" else f"{line}."
