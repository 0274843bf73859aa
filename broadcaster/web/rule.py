"""When a schedule speaks, read back as one sentence: `mỗi ngày lúc 08:00, từ 01/07/2027 đến 30/07/2027`."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from broadcaster.schedule.spec import WEEKDAYS, ScheduleSpec, When
from broadcaster.web.desk import Visit
from broadcaster.web.show import day

_TIME = re.compile(r"\d{1,2}")
DAYS = ("thứ Hai", "thứ Ba", "thứ Tư", "thứ Năm", "thứ Sáu", "thứ Bảy", "Chủ Nhật")
PICKS = {
    "rotate": "lần lượt từng thông điệp",
    "random": "mỗi lần một thông điệp, chọn ngẫu nhiên",
    "all": "mỗi lần phát tất cả",
}
RUNS = {"latest": "chỉ phát lượt mới nhất", "all": "phát tất cả các lượt bị lỡ", "none": "bỏ qua"}


def read_back(visit: Visit, when: When) -> str:
    """The rule in the reader's language."""
    if when.at:
        moment = datetime.fromisoformat(when.at)
        return visit.say("một lần, lúc {time} ngày {day}", time=f"{moment:%H:%M}", day=day(moment.date()))
    times, days = (when.daily, when.days) if when.daily else _plain_cron(when.cron)
    if not times:
        return visit.say(
            "theo biểu thức cron {cron}, từ {since} đến {until}", cron=when.cron, since=day(when.since), until=day(when.until)
        )  # fmt: skip
    return visit.say(
        "{days} lúc {times}, từ {since} đến {until}", days=_days(visit, days), times=joined(visit, list(times)),
        since=day(when.since), until=day(when.until),
    )  # fmt: skip


def way(visit: Visit, schedule: ScheduleSpec) -> str:
    """Over which channels, in which order."""
    return joined(visit, [_chain(visit, chain) for chain in schedule.channels])


def span(visit: Visit, seconds: int) -> str:
    """`6 giờ`, `30 phút`."""
    hours, rest = divmod(seconds, 3600)
    return visit.say("{n} giờ", n=hours) if not rest else visit.say("{n} phút", n=seconds // 60)


def joined(visit: Visit, words: list[Any]) -> str:
    """`a, b và c`."""
    *first, last = map(str, words)
    return visit.say("{some} và {last}", some=", ".join(first), last=last) if first else last


def _chain(visit: Visit, chain: tuple[str, ...]) -> str:
    first, *others = chain
    for name in others:
        first = visit.say("{first}, ai không nhận được thì {other}", first=first, other=name)
    return first


def _days(visit: Visit, days: tuple[str, ...]) -> str:
    at = sorted(WEEKDAYS.index(one) for one in days)
    if len(at) == len(WEEKDAYS):
        return visit.say("mỗi ngày")
    names = [visit.say(DAYS[one]) for one in at]
    if len(at) > 2 and at[-1] - at[0] == len(at) - 1:
        return visit.say("từ {first} đến {last} hằng tuần", first=names[0], last=names[-1])
    return visit.say("{days} hằng tuần", days=joined(visit, names))


def _plain_cron(cron: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Times and weekdays of a cron that says no more than that; nothing of any other."""
    parts = cron.split()
    if len(parts) != 5 or parts[2:4] != ["*", "*"] or not all(_TIME.fullmatch(one) for one in parts[:2]):
        return (), ()
    days: list[str] = []
    for one in parts[4].split(","):
        first, _, last = ("mon-sun" if one == "*" else one).partition("-")
        if first not in WEEKDAYS or (last and last not in WEEKDAYS):
            return (), ()
        at, to = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
        days += WEEKDAYS[at : to + 1] if at <= to else (*WEEKDAYS[at:], *WEEKDAYS[: to + 1])
    return (f"{int(parts[1]):02d}:{int(parts[0]):02d}",), tuple(dict.fromkeys(days))
