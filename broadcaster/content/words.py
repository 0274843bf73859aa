"""Words that harm: that tell the reader they are a victim, name a person, or accuse a group. Pure.

The lists are the documentation. They are short on purpose: a finding that is wrong teaches people to ignore findings. Only plain
assertions are listed; a condition or a question ("nếu bạn là nạn nhân", "were you sold?") speaks to everybody and is allowed:
nobody who sees the phone learns anything.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from broadcaster.content.sms import plain

# A message on a phone is read by others too: it must not say what happened to its owner.
_READER = r"(?:bạn|anh chị|anh/chị|quý vị|chị|anh|em|cháu|cô|bác)"
_SUFFERED = r"(?:(?:bán|mua bán|lừa bán|buôn bán|bóc lột|cưỡng bức|xâm hại|ép bán dâm|ép kết hôn)(?!\w))"
AS_VICTIM = (
    rf"{_READER} (?:(?:đã|đang|từng|chính) )*là (?:một |những )?nạn nhân",
    rf"{_READER} (?:(?:đã|đang|từng|vừa|mới) )+bị {_SUFFERED}",
    rf"là (?:một )?nạn nhân(?: của [^.,;:!?\n]{{1,40}})?, {_READER}(?!\w)",
    r"you (?:are|were|have been) (?:a |the )?(?:trafficking )?victim",
    r"you (?:were|have been|are being) (?:sold|trafficked|exploited|enslaved)(?!\w)",
    r"as a (?:trafficking )?victim(?: of [^.,;:!?\n]{1,40})?, you(?!\w)",
)
# Before the assertion, in the same clause: it is a condition, a question or a hearsay, not a statement about the reader.
CONDITION = (
    r"(?:nếu|khi|giả sử|trường hợp|cho dù|dù|liệu|có phải|phòng khi|nghi|sợ|lo|"
    r"if|when|whether|in case|suspect|think|unless|might|could)"
)

# A role before the name makes it a person; without one "Trần Hưng Đạo" is a street and "Hồ Chí Minh" a city.
_ROLE = (
    r"(?:[Ôô]ng|[Bb]à|[Aa]nh|[Cc]hị|[Ee]m|[Cc]háu|[Cc]ô|[Bb]ị cáo|[Bb]ị can|[Đđ]ối tượng|[Nn]ghi phạm|[Nn]ạn nhân|[Đđ]ồng chí|"
    r"[Tt]ên|[Mm]r\.?|[Mm]rs\.?|[Mm]s\.?|[Vv]ictim|[Dd]efendant|[Ss]uspect)"
)
# Family names of Viet Nam by frequency (Kinh), and of the Hmong, Thái, Mường and Dao of the border provinces.
FAMILY_NAMES = (
    "Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Huỳnh", "Phan", "Vũ", "Võ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Dương", "Lý", "Đinh",
    "Đào", "Đoàn", "Trịnh", "Trương", "Lâm", "Mai", "Tô", "Cao", "Hà", "Chu", "Tạ", "Lương", "Nông", "Giàng", "Vàng", "Sùng",
    "Thào", "Mùa", "Lầu", "Hờ", "Cứ", "Lò", "Quàng", "Cà", "Tòng", "Lường", "Bàn", "Triệu", "Đèo", "Vừ", "Hạng",
    "Ma", "Má", "Lù", "Hầu",
)  # fmt: skip
_PERSON = re.compile(
    rf"(?<!\w){_ROLE} ((?:{'|'.join(FAMILY_NAMES)})(?: [^\W\d_]+){{1,4}})|(?<!\w)(?:Mr|Mrs|Ms)\.? ([A-Z][a-z]+)(?!\w)"
)
# Names of places and institutions that begin like a family name ("chị em Hà Nội").
PUBLIC_NAMES = (
    "Hồ Chí Minh", "Hà Nội", "Hà Giang", "Hà Nam", "Hà Tĩnh", "Hà Tiên", "Lâm Đồng", "Lâm Bình", "Cao Bằng", "Cao Lộc",
    "Cao Lãnh", "Mai Châu", "Mai Sơn", "Lý Sơn", "Lê Chân", "Võ Nhai", "Vũ Quang", "Dương Kinh", "Lương Sơn", "Chu Lai",
    "Đinh Lập", "Ma Cao",
)  # fmt: skip

# Who is put into a group with such a name is accused by it, or exposed: the name travels in files, on screens, in reports.
ACCUSING = (
    "nạn nhân", "bị bán", "bị mua bán", "bị lừa bán", "mua bán người", "buôn người", "mại dâm", "bán dâm", "gái", "tội phạm",
    "phạm tội", "nghi phạm", "bị can", "bị cáo", "tiền án", "tiền sự", "nghiện", "ma túy", "vượt biên", "hiv",
    "victim", "victims", "trafficked", "survivor", "survivors", "prostitute", "prostitutes", "prostitution", "sex worker",
    "sex workers", "addict", "addicts", "criminal", "criminals", "suspect", "suspects", "offender", "offenders", "ex convict",
)  # fmt: skip
# Those who help, guard or speak about it are not accused: "cán bộ hỗ trợ nạn nhân", "victim support staff".
HELPING = (
    "hỗ trợ", "bảo vệ", "tiếp nhận", "phòng chống", "cán bộ", "cơ sở", "cơ quan", "tuyên truyền", "ban chỉ đạo", "đường dây",
    "support", "shelter", "shelters", "staff", "service", "services", "officers", "agencies", "counter", "anti", "prevention",
)  # fmt: skip
_AMBIGUOUS_PLAIN = ("gái", "nghiện")  # without accents: gai (thorn), nghien (in "nghien cuu", research)

_AS_VICTIM = re.compile("|".join(rf"(?<!\w)(?:{pattern})" for pattern in AS_VICTIM), re.IGNORECASE)
_CONDITION = re.compile(rf"(?<!\w){CONDITION}(?!\w)[^.;!?\n]*$", re.IGNORECASE)
_ASKED = re.compile(r"[^.;!?\n]{0,200}\?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    at: int  # offset in the text
    text: str
    remedy: str
    person: bool = False  # a name, which a commendation may have


def find(text: str) -> Iterator[Finding]:
    """Phrases of `text` that expose the reader or name a person."""
    for match in _AS_VICTIM.finditer(text):
        if not _CONDITION.search(text, max(0, match.start() - 200), match.start()) and not _ASKED.match(
            text, match.end()
        ):
            yield Finding(
                at=match.start(),
                text=f'"{match[0]}" tells the reader what happened to them; whoever sees the phone reads it too.',
                remedy='Speak about people in general: "Người bị mua bán có quyền ...", or with a condition: "Nếu ai đó ...".',
            )
    for match in _PERSON.finditer(text):
        name = match[2] or _capitalised(match[1])
        if name and not any(f"{name} ".startswith(f"{public} ") for public in PUBLIC_NAMES):
            yield Finding(
                at=match.start(),
                text=f'"{name}" names a person.',
                remedy="Leave the name out: a message is read by a whole commune, and stays in feeds and archives.",
                person=True,
            )


def _capitalised(words: str) -> str:
    """A family name and the capitalised words after it, "" if there are none: "Lê Thị Hoa" of "Lê Thị Hoa khai rằng"."""
    first, *rest = words.split(" ")
    given = list(itertools.takewhile(lambda word: word[0].isupper(), rest))
    return " ".join([first, *given]) if given else ""


def accusing(name: str) -> str | None:
    """Why a group may not be called `name`, and what instead; None if it may."""
    spoken, spelled = _words(name), _words(plain(name))
    if any(f" {helper} " in spoken or f" {plain(helper)} " in spelled for helper in HELPING):
        return None
    for word in ACCUSING:
        bare = plain(word)
        accented = bare != word and word not in _AMBIGUOUS_PLAIN
        if f" {word} " in spoken or ((accented or bare == word) and f" {bare} " in spelled):
            return (
                f'"{word}" in the name of a group accuses or exposes its members. '
                'Name the group after a place or a channel, like "xã Mường Khương" or "border-communes".'
            )
    return None


def _words(text: str) -> str:
    """Lower case, every separator one blank, a blank at both ends."""
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFC", text).casefold())
    return f" {' '.join(words)} "
