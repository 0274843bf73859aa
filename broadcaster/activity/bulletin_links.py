"""What a commune is asked when it owes an answer: the text, and the week's sheet to answer on."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from broadcaster.activity.bulletin import week_of
from broadcaster.activity.bulletin_store import Told
from broadcaster.channel import officer_link


def sheet_of(public_url: str, office_key: bytes, told: Told) -> str:
    """The link of the week in which the bulletin lies; "" without a public address."""
    week = week_of(told.issued.astimezone(ZoneInfo(told.timezone)).date())
    return officer_link.sheet_link(public_url, office_key, station=told.station, week=week)


def reminder(office: str, public_url: str, office_key: bytes, bulletins: tuple[Told, ...]) -> str:
    """A note to one commune about these bulletins of its own, in Vietnamese."""
    lines = [f"- {one.issued.astimezone(ZoneInfo(one.timezone)):%d/%m/%Y}: {one.title}" for one in bulletins]
    links = list(dict.fromkeys(filter(None, (sheet_of(public_url, office_key, one) for one in bulletins))))
    how = f"Xin báo tại: {' '.join(links)}" if links else "Xin gọi điện cho cơ quan đã gửi bản tin."
    return "\n".join([office, "", "Chưa có tin báo đã phát của các bản tin:", *lines, "", how, ""])
