"""What people did beside the dispatches: a talk, a rally, leaflets handed out, a bulletin read on the loudspeaker. Pure.

The register only grows: a correction is a new entry that stands in the place of an older one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from broadcaster.errors import WrongUse

MOST = 10_000_000  # of anything; a number above it is a slip of the finger
NOTE_LIMIT = 2_000  # characters
NAME_LIMIT = 120  # characters of a commune or of a group at risk
SMALL = 5  # counts of people at risk below it could point at somebody; shown as "<5"

# key -> (as the report says it, what is counted). The first eight are the forms of Decree 49/2024/ND-CP, article 3, clause 1;
# the others are those a campaign's real report counted (a ministry's report on 30 July 2025).
KINDS: dict[str, tuple[str, str]] = {
    "loudspeaker": ("Đài truyền thanh cấp xã", "lượt phát"),
    "board": ("Bảng tin công cộng", "bảng tin"),
    "newsletter": ("Bản tin thông tin cơ sở", "bản"),
    "document": ("Tài liệu không kinh doanh phục vụ hoạt động thông tin cơ sở", "bản"),
    "communicator": ("Tuyên truyền trực tiếp qua tuyên truyền viên cơ sở", "buổi"),
    "web": ("Cổng hoặc trang thông tin điện tử", "tin, bài"),
    "social": ("Mạng xã hội, ứng dụng nhắn tin trên Internet", "tin, bài"),
    "sms": ("Tin nhắn viễn thông", "tin nhắn"),
    "training": ("Tập huấn", "lớp"),
    "conference": ("Hội nghị, hội thảo", "cuộc"),
    "event": ("Mít tinh, sự kiện truyền thông", "cuộc"),
    "outing": ("Tuyên truyền lưu động", "lượt"),
    "banner": ("Băng rôn, khẩu hiệu", "chiếc"),
    "poster": ("Pa nô, áp phích", "chiếc"),
    "leaflet": ("Tờ rơi, tờ gấp", "tờ"),
    "electronic-board": ("Bảng điện tử", "lượt chiếu"),
    "radio-tv": ("Phát thanh, truyền hình", "lượt phát"),
    "commendation": ("Biểu dương, khen thưởng", "tập thể, cá nhân"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One entry of the register."""

    kind: str
    day: date
    commune: str = ""
    campaign: str = ""
    units: int = 1  # of what the kind counts
    minutes: int = 0
    participants: int = 0
    at_risk: Mapping[str, int] = field(default_factory=dict)  # group -> participants of it
    note: str = ""
    attachment: str = ""  # SHA-256 of the kept file, "" if none


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """One kind added up."""

    kind: str
    times: int
    units: int
    minutes: int
    participants: int
    at_risk: Mapping[str, int]

    @property
    def heading(self) -> str:
        return KINDS[self.kind][0]


def check(activity: Activity, *, today: date) -> Activity:
    """The activity, its texts trimmed. Raises: WrongUse with what to write instead."""
    if activity.kind not in KINDS:
        raise WrongUse(f"{activity.kind!r:.60} is no kind of activity; the kinds are: {', '.join(KINDS)}.")
    if activity.day > today:
        raise WrongUse(f"{activity.day:%d/%m/%Y} has not come yet; the register takes what was done.")
    numbers = {"units": activity.units, "minutes": activity.minutes, "participants": activity.participants}
    for name, n in (*numbers.items(), *activity.at_risk.items()):
        if not 0 <= n <= MOST:
            raise WrongUse(f"{name} is {n}; write a number from 0 to 10,000,000.")
    if not any(numbers.values()):
        raise WrongUse("Nothing is counted: give the number of units, minutes or participants.")
    too_many = sorted(name for name, n in activity.at_risk.items() if n > activity.participants)
    if too_many:
        raise WrongUse(f"More people of {too_many[0]!r} than participants; correct one of the two numbers.")
    for text, limit in (
        (activity.commune, NAME_LIMIT),
        (activity.note, NOTE_LIMIT),
        *((k, NAME_LIMIT) for k in activity.at_risk),
    ):
        if len(text) > limit or any(not letter.isprintable() and letter != "\n" for letter in text):
            raise WrongUse(f"A text is longer than {limit} characters or holds control characters; shorten it.")
    return activity


def groups(text: str) -> dict[str, int]:
    """ "trẻ em=12, phụ nữ=30" -> counts. Raises: WrongUse."""
    found: dict[str, int] = {}
    for part in filter(None, (one.strip() for one in re.split(r"[,;]", text))):
        name, equals, n = part.rpartition("=")
        if not equals or not n.strip().isdecimal() or len(n.strip()) > 9 or not name.strip():
            raise WrongUse(f'{part!r:.60} is no group with its number; write it like "trẻ em=12, phụ nữ=30".')
        found[name.strip()] = found.get(name.strip(), 0) + int(n)
    return found


def sums(activities: Iterable[Activity]) -> list[Sum]:
    """Each kind added up, in the order of the report."""
    by_kind: dict[str, list[Activity]] = {}
    for one in activities:
        by_kind.setdefault(one.kind, []).append(one)
    return [_sum(kind, by_kind[kind]) for kind in KINDS if kind in by_kind]


def _sum(kind: str, found: list[Activity]) -> Sum:
    at_risk: Counter[str] = Counter()
    for one in found:
        at_risk.update(one.at_risk)
    return Sum(
        kind=kind,
        times=len(found),
        units=sum(one.units for one in found),
        minutes=sum(one.minutes for one in found),
        participants=sum(one.participants for one in found),
        at_risk=dict(sorted(at_risk.items())),
    )


def shown(n: int) -> str:
    """A count of people at risk as it may be printed."""
    return f"<{SMALL}" if 0 < n < SMALL else str(n)


def shown_sum(parts: Iterable[int]) -> str:
    """A sum of such counts: exact, unless it and the counts that are printed would give a hidden one away.

    A reader knows how many are hidden and that each is 1 to 4, so with one hidden, or all of them 1 or all 4, the sum tells;
    then only what is printed anyway is added up, and "≥" says so.
    """
    known = [n for n in parts if n]
    hidden = [n for n in known if n < SMALL]
    rest = sum(known) - sum(hidden)
    if sum(known) < SMALL or not hidden:
        return shown(sum(known))
    if len(hidden) > 1 and len(hidden) < sum(hidden) < len(hidden) * (SMALL - 1):
        return str(sum(known))
    return f"≥{max(rest, SMALL)}"


def at_risk(activities: Iterable[Activity]) -> list[tuple[str, str]]:
    """Group at risk -> its participants as they may be printed."""
    found: dict[str, list[int]] = {}
    for one in activities:
        for name, n in one.at_risk.items():
            found.setdefault(name, []).append(n)
    return [(name, shown_sum(found[name])) for name in sorted(found)]


def twins(activities: Iterable[tuple[int, Activity]]) -> list[list[int]]:
    """Ids that look like the same thing told twice: same kind, day, place and numbers."""
    same: dict[tuple[object, ...], list[int]] = {}
    for number, one in activities:
        key = (one.kind, one.day, one.commune.casefold(), one.campaign, one.units, one.minutes, one.participants)
        same.setdefault(key, []).append(number)
    return [numbers for numbers in same.values() if len(numbers) > 1]
