from __future__ import annotations

import os
import zoneinfo
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import pytest

from broadcaster.schedule.occurrences import every, nominal_times, occurrences, resolve
from broadcaster.schedule.spec import WEEKDAYS, Blackout, CampaignSpec, IfMissed, ScheduleSpec, When

SINCE, UNTIL = date(2027, 7, 1), date(2027, 8, 31)
EVERY_DAY = When(daily=("08:00", "19:30"), since=SINCE, until=UNTIL)
# Six times of day at which changes of clocks are known to hurt: midnight, the usual hours, and an ordinary one.
TIMES = ("00:00", "00:30", "01:30", "02:30", "03:00", "08:00")


def schedule(when: When = EVERY_DAY, **values: object) -> ScheduleSpec:
    plain: dict[str, object] = {
        "id": "daily",
        "messages": ("one", "two", "three"),
        "when": when,
        "channels": (("sms",),),
        "if_missed": IfMissed(),
    }
    return ScheduleSpec(**{**plain, **values})  # type: ignore[arg-type]


def campaign(*schedules: ScheduleSpec, timezone: str = "Asia/Ho_Chi_Minh", **values: object) -> CampaignSpec:
    plain: dict[str, object] = {
        "id": "camp",
        "title": "Camp",
        "since": min(s.when.since for s in schedules),
        "until": max(s.when.until for s in schedules),
        "timezone": timezone,
        "quiet_hours": "",
        "cap_per_24h": 3,
        "require_consent": True,
        "schedules": schedules,
    }
    return CampaignSpec(**{**plain, **values})  # type: ignore[arg-type]


def locals_of(when: When, timezone: str = "Asia/Ho_Chi_Minh") -> list[str]:
    one = schedule(when)
    return [found.local for found in every(one, campaign(one, timezone=timezone))]


def test_a_daily_rule_has_every_time_of_every_day_in_order() -> None:
    found = locals_of(EVERY_DAY)

    assert len(found) == 2 * 62
    assert found[:3] == ["2027-07-01T08:00", "2027-07-01T19:30", "2027-07-02T08:00"]
    assert found[-1] == "2027-08-31T19:30"
    assert found == sorted(found)


def test_a_rule_keeps_its_weekdays_and_its_own_last_day() -> None:
    when = When(daily=("08:00",), days=("mon", "wed"), since=SINCE, until=date(2027, 7, 14))

    found = locals_of(when)

    assert found == ["2027-07-05T08:00", "2027-07-07T08:00", "2027-07-12T08:00", "2027-07-14T08:00"]


def test_a_cron_with_names_means_those_weekdays() -> None:
    when = When(cron="30 7 * * mon,tue,wed,thu,fri", since=date(2027, 7, 2), until=date(2027, 7, 6))

    found = locals_of(when)

    assert found == ["2027-07-02T07:30", "2027-07-05T07:30", "2027-07-06T07:30"]


def test_a_cron_with_steps_has_every_one_of_them() -> None:
    when = When(cron="*/20 8-9 1 * *", since=SINCE, until=UNTIL)

    found = locals_of(when)

    assert [local[5:] for local in found[:6]] == [f"07-01T{h:02}:{m:02}" for h in (8, 9) for m in (0, 20, 40)]
    assert len(found) == 12


def test_a_one_off_rule_has_one_occurrence() -> None:
    assert locals_of(When(at="2027-07-30T07:00", since=SINCE, until=UNTIL)) == ["2027-07-30T07:00"]


def test_a_span_takes_its_start_and_leaves_its_end() -> None:
    one = schedule()
    first = datetime(2027, 7, 1, 1, 0, tzinfo=UTC)

    found = list(occurrences(one, campaign(one), first, datetime(2027, 7, 2, 1, 0, tzinfo=UTC)))

    assert [(o.local, o.utc, o.ordinal) for o in found] == [
        ("2027-07-01T08:00", first, 0),
        ("2027-07-01T19:30", datetime(2027, 7, 1, 12, 30, tzinfo=UTC), 1),
    ]


def test_rotation_goes_on_over_blackout_dates_and_from_any_start() -> None:
    one = schedule()
    spec = campaign(one, blackout=(Blackout(since=date(2027, 7, 2), until=date(2027, 7, 2)),))

    found = list(every(one, spec))
    late = list(occurrences(one, spec, datetime(2027, 7, 3, tzinfo=UTC), datetime(2027, 7, 4, tzinfo=UTC)))

    assert [o.messages for o in found[:7]] == [("one",), ("two",), ("three",), ("one",), ("two",), ("three",), ("one",)]
    assert [o.local for o in found if o.blackout] == ["2027-07-02T08:00", "2027-07-02T19:30"]
    assert late == found[4:6]


def test_a_random_pick_is_the_same_for_one_plan_and_another_for_another() -> None:
    one = schedule(pick="random")
    spec = campaign(one)

    first = [o.messages for o in every(one, spec, plan_hash="a" * 64)]
    again = [o.messages for o in every(one, spec, plan_hash="a" * 64)]
    other = [o.messages for o in every(one, spec, plan_hash="b" * 64)]

    assert first == again
    assert first != other
    assert set(first) == {("one",), ("two",), ("three",)}


def test_all_says_every_message_at_every_time() -> None:
    one = schedule(pick="all")

    assert {o.messages for o in every(one, campaign(one))} == {("one", "two", "three")}


def test_a_day_a_zone_left_out_has_no_occurrence_and_takes_no_turn() -> None:
    when = When(daily=("08:00",), since=date(2011, 12, 29), until=date(2011, 12, 31))
    one = schedule(when)

    found = list(every(one, campaign(one, timezone="Pacific/Apia")))

    assert [(o.local, o.ordinal) for o in found] == [("2011-12-29T08:00", 0), ("2011-12-31T08:00", 1)]


@pytest.mark.parametrize(
    ("timezone", "day", "at"),
    [
        ("America/Los_Angeles", date(2026, 3, 9), "00:00"),  # the trigger alone leaves this day out
        ("Africa/Cairo", date(2026, 4, 24), "00:00"),  # and this
        ("Europe/Berlin", date(2026, 10, 25), "02:30"),  # and doubles this
        ("Europe/Berlin", date(2026, 3, 29), "02:30"),  # and fires at a time that does not exist
    ],
)
def test_the_known_faults_of_cron_triggers_are_not_ours(timezone: str, day: date, at: str) -> None:
    when = When(daily=(at,), since=day - timedelta(days=2), until=day + timedelta(days=2))
    one = schedule(when)
    zone = ZoneInfo(timezone)

    found = list(every(one, campaign(one, timezone=timezone)))

    assert Counter(o.utc.astimezone(zone).date() for o in found) == Counter(
        {day + timedelta(days=n): 1 for n in range(-2, 3)}
    )


def sweep(first_year: int, last_year: int, zones: list[str]) -> tuple[int, list[str]]:
    """Checks made, and what was wrong: every zone's changes, six times of day, three days on either side."""
    checked, wrong = 0, []
    for name in zones:
        zone = ZoneInfo(name)
        for day in sorted(days_of_change(zone, first_year, last_year)):
            when = When(daily=TIMES, since=day - timedelta(days=3), until=day + timedelta(days=3))
            one = schedule(when)
            found = list(every(one, campaign(one, timezone=name)))
            expected = [f"{day + timedelta(days=n)}T{at}" for n in range(-3, 4) for at in TIMES]
            checked += len(expected)
            if [o.local for o in found] != expected:
                wrong.append(f"{name} {day}: {[o.local for o in found]}")
            wrong += [f"{name} {o.local} {o.utc}" for o in found if not right(o.local, o.utc, zone)]
    return checked, wrong


def right(local: str, utc: datetime, zone: ZoneInfo) -> bool:
    """The first instant whose wall clock shows `local` or, if none does, a later time; judged from the outside."""
    wall = datetime.fromisoformat(local)
    shown = utc.astimezone(zone).replace(tzinfo=None)
    just_before = (utc - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None)
    earlier = (utc - timedelta(hours=1)).astimezone(zone).replace(tzinfo=None)
    half = (utc - timedelta(minutes=30)).astimezone(zone).replace(tzinfo=None)
    return shown >= wall and just_before < wall and wall not in (earlier, half) and shown.date() == wall.date()


def days_of_change(zone: ZoneInfo, first_year: int, last_year: int) -> set[date]:
    found = set()
    day = date(first_year, 1, 1)
    before = offset(zone, day)
    while day.year <= last_year:
        day += timedelta(days=1)
        after = offset(zone, day)
        if after != before:
            found.add(day - timedelta(days=1))
        before = after
    return found


def offset(zone: ZoneInfo, day: date) -> timedelta | None:
    return datetime.combine(day, time(0), UTC).astimezone(zone).utcoffset()


@lru_cache(maxsize=1)
def distinct_zones() -> list[str]:
    """One name of each set of rules: links and zones that agree since 2000 are checked once."""
    seen: dict[tuple[object, ...], str] = {}
    for name in sorted(zoneinfo.available_timezones()):
        zone = ZoneInfo(name)
        seen.setdefault(tuple(offset(zone, date(2024, 1, 1) + timedelta(days=n)) for n in range(0, 1827, 7)), name)
    return sorted(seen.values())


def test_every_zone_has_exactly_one_occurrence_per_local_date_around_every_change() -> None:
    checked, wrong = sweep(2024, 2028, distinct_zones())

    assert wrong == []
    assert checked > 10_000


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("CI"), reason="takes over a minute; runs where CI is set")
def test_every_zone_and_every_change_from_2000_to_2040() -> None:
    checked, wrong = sweep(2000, 2040, sorted(zoneinfo.available_timezones() - {"Pacific/Apia", "Pacific/Fakaofo"}))

    assert wrong == []
    assert checked > 100_000


def test_nominal_times_do_not_depend_on_the_zone() -> None:
    when = When(daily=TIMES, since=date(2026, 3, 25), until=date(2026, 4, 2))

    assert nominal_times(when, "Europe/Berlin") == nominal_times(when, "Asia/Ho_Chi_Minh")
    assert len(nominal_times(when, "UTC")) == 9 * len(TIMES)


def test_leap_days_and_year_ends_are_days_like_any_other() -> None:
    found = locals_of(When(daily=("08:00",), since=date(2028, 2, 28), until=date(2028, 3, 1)))
    years = locals_of(When(daily=("08:00",), days=WEEKDAYS, since=date(2026, 12, 31), until=date(2027, 1, 1)))

    assert found == ["2028-02-28T08:00", "2028-02-29T08:00", "2028-03-01T08:00"]
    assert years == ["2026-12-31T08:00", "2027-01-01T08:00"]


def test_a_spec_with_another_zone_keeps_its_nominal_times_and_moves_their_instants() -> None:
    one = schedule()
    hanoi, berlin = campaign(one), replace(campaign(one), timezone="Europe/Berlin")

    assert [o.local for o in every(one, hanoi)] == [o.local for o in every(one, berlin)]
    assert next(every(one, berlin)).utc == resolve(SINCE, time(8), ZoneInfo("Europe/Berlin"))
