from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from icalendar import Calendar

from broadcaster.plan.calendar import calendar
from broadcaster.plan.planner import Row, Said
from tests.plan.campaign_builders import make_spec

NOW = datetime(2027, 6, 1, tzinfo=UTC)
ROW = Row(
    schedule="daily",
    local="2027-07-01T08:00",
    utc=datetime(2027, 7, 1, 1, 0, tzinfo=UTC),
    message="hotline-111",
    channel="sms",
    recipients=36_000,
    finish=datetime(2027, 7, 1, 2, 0, tzinfo=UTC),
)
MESSAGES = {"hotline-111": Said(id="hotline-111", titles={"vi": "Gọi 111; miễn phí, 24/7", "en": "Call 111"})}


def wall(event: Any, name: str) -> str:
    return str(event.decoded(name).replace(tzinfo=None).isoformat())


def test_a_broadcast_is_one_event_in_the_campaign_s_zone_however_many_channels() -> None:
    web = replace(ROW, channel="web", recipients=2, finish=None, conflicts=["not approved yet"])

    found = Calendar.from_ical(calendar(make_spec(), [ROW, web], MESSAGES, now=NOW))

    (event,) = found.walk("VEVENT")
    assert event["DTSTART"].params["TZID"] == "Asia/Ho_Chi_Minh"
    assert wall(event, "dtstart") == "2027-07-01T08:00:00"
    assert wall(event, "dtend") == "2027-07-01T09:00:00"
    assert str(event["SUMMARY"]) == "Gọi 111; miễn phí, 24/7"
    assert str(event["DESCRIPTION"]) == "sms: 36,000\nweb: 2 (not approved yet)"
    assert [str(zone["TZID"]) for zone in found.walk("VTIMEZONE")] == ["Asia/Ho_Chi_Minh"]


def test_the_same_plan_gives_the_same_events_so_that_a_calendar_can_be_read_again() -> None:
    first = Calendar.from_ical(calendar(make_spec(), [ROW], MESSAGES, now=NOW))
    again = Calendar.from_ical(calendar(make_spec(), [replace(ROW, recipients=1)], {}, now=NOW))

    assert first.walk("VEVENT")[0]["UID"] == again.walk("VEVENT")[0]["UID"]
    assert str(again.walk("VEVENT")[0]["SUMMARY"]) == "hotline-111"


def test_in_a_zone_with_summer_time_every_event_stands_at_its_wall_time() -> None:
    spec = make_spec(timezone="Europe/Berlin", since=date(2026, 3, 28), until=date(2026, 3, 30))
    days = [replace(ROW, local=f"2026-03-{d}T08:00", utc=datetime(2026, 3, d, h, tzinfo=UTC), finish=None)
            for d, h in ((28, 7), (29, 6), (30, 6))]  # fmt: skip

    found = Calendar.from_ical(calendar(spec, days, MESSAGES, now=NOW))

    walls = [wall(event, "dtstart") for event in found.walk("VEVENT")]
    assert walls == [f"2026-03-{day}T08:00:00" for day in (28, 29, 30)]
    assert found.walk("DAYLIGHT")


def test_lines_are_folded_and_ended_as_the_standard_asks() -> None:
    raw = calendar(make_spec(title="Chiến dịch " * 20), [ROW], MESSAGES, now=NOW)

    lines = raw.split(b"\r\n")
    assert max(map(len, lines)) <= 75
    assert lines[0] == b"BEGIN:VCALENDAR"
    assert lines[-1] == b""
