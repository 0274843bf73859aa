from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from broadcaster.dispatch.timing import (
    Hours,
    closed_hours,
    day_exists,
    end_of_day,
    is_blackout,
    is_quiet,
    next_open,
    parse_blackout,
    parse_quiet,
    quiet_begins,
    quiet_ends,
    resolve,
)
from broadcaster.errors import WrongUse

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = parse_quiet("21:30-08:00")


def hanoi(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=HANOI)


@pytest.mark.parametrize(
    ("wall", "quiet"),
    [
        ("2027-07-01T21:29:59.999999", False),
        ("2027-07-01T21:30", True),
        ("2027-07-02T00:00", True),
        ("2027-07-02T07:59:59.999999", True),
        ("2027-07-02T08:00", False),
    ],
)
def test_quiet_hours_hold_their_start_and_not_their_end(wall: str, quiet: bool) -> None:
    assert is_quiet(hanoi(wall), HANOI, NIGHT) is quiet


def test_quiet_hours_within_one_day_are_half_open_too() -> None:
    noon = parse_quiet("12:00-13:30")

    found = [is_quiet(hanoi(f"2027-07-01T{at}"), HANOI, noon) for at in ("11:59", "12:00", "13:29", "13:30")]

    assert found == [False, True, True, False]


def test_no_quiet_hours_are_never_quiet() -> None:
    assert parse_quiet("") is None
    assert not is_quiet(hanoi("2027-07-01T23:00"), HANOI, None)
    assert quiet_begins(hanoi("2027-07-01T23:00"), HANOI, None) is None


@pytest.mark.parametrize(
    "text", ["21:30", "24:00-08:00", "21:30-8:00", "21.30-08.00", "08:00-08:00", "quiet", "21:30 - 08:00"]
)
def test_hours_that_are_none_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(WrongUse, match="21:30-08:00"):
        parse_quiet(text)


def test_quiet_hours_end_at_the_next_end_and_begin_at_the_next_start() -> None:
    assert quiet_ends(hanoi("2027-07-01T22:00"), HANOI, NIGHT) == hanoi("2027-07-02T08:00")
    assert quiet_ends(hanoi("2027-07-02T01:00"), HANOI, NIGHT) == hanoi("2027-07-02T08:00")
    assert quiet_ends(hanoi("2027-07-02T09:00"), HANOI, NIGHT) == hanoi("2027-07-02T09:00")
    assert quiet_begins(hanoi("2027-07-02T08:00"), HANOI, NIGHT) == hanoi("2027-07-02T21:30")
    assert quiet_begins(hanoi("2027-07-02T23:00"), HANOI, NIGHT) == hanoi("2027-07-02T23:00")


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "Africa/Cairo", "Australia/Lord_Howe", "America/Santiago", "Asia/Beirut"]
)
@pytest.mark.parametrize(
    "text", ["21:30-08:00", "02:30-05:00", "00:15-02:30", "02:10-02:40", "23:45-00:30", "13:00-01:40"]
)
def test_the_end_and_the_beginning_are_what_a_walk_minute_by_minute_finds_across_every_change(
    zone: str, text: str
) -> None:
    place, quiet = ZoneInfo(zone), parse_quiet(text)
    minute = timedelta(minutes=1)
    for change in changes(place, 2026):
        walk = [change + k * minute for k in range(-30 * 60, 30 * 60)]
        quiet_at = [is_quiet(moment, place, quiet) for moment in walk]

        for k in range(0, 54 * 60 - 24 * 60, 23):
            end = next((j for j in range(k, len(walk)) if not quiet_at[j]), None)
            start = next((j for j in range(k, len(walk)) if quiet_at[j]), None)
            assert end is None or quiet_ends(walk[k], place, quiet) == walk[end]
            assert start is None or quiet_begins(walk[k], place, quiet) == walk[start]


def changes(zone: ZoneInfo, year: int) -> list[datetime]:
    moments = [datetime(year, 1, 1, tzinfo=UTC) + timedelta(minutes=30 * k) for k in range(366 * 48)]
    offsets = [moment.astimezone(zone).utcoffset() for moment in moments]
    return [moments[k] for k in range(1, len(moments)) if offsets[k] != offsets[k - 1]]


def test_the_hours_a_provider_is_closed_are_the_rest_of_its_day() -> None:
    assert closed_hours("08:00-21:30") == Hours(start=time(21, 30), end=time(8))
    assert closed_hours("") is None


def test_a_blackout_holds_both_its_dates_in_the_local_zone() -> None:
    spans = parse_blackout("2027-07-20/2027-07-21,2027-08-01/2027-08-01")

    found = [
        is_blackout(hanoi(wall), HANOI, spans)
        for wall in ("2027-07-19T23:59", "2027-07-20T00:00", "2027-07-21T23:59", "2027-07-22T00:00", "2027-08-01T12:00")
    ]

    assert found == [False, True, True, False, True]
    assert parse_blackout("") == ()


def test_a_blackout_that_is_none_is_refused() -> None:
    with pytest.raises(WrongUse, match="2027-07-20/2027-07-21"):
        parse_blackout("2027-02-30/2027-03-01")


def test_the_next_open_moment_is_after_the_blackout_and_after_the_night() -> None:
    spans = parse_blackout("2027-07-20/2027-07-21")

    found = next_open(hanoi("2027-07-19T22:00"), HANOI, NIGHT, spans)

    assert found == hanoi("2027-07-22T08:00")
    assert next_open(hanoi("2027-07-19T21:00"), HANOI, NIGHT, spans) == hanoi("2027-07-19T21:00")


def test_a_blackout_without_end_is_an_error_and_no_endless_loop() -> None:
    with pytest.raises(WrongUse, match="no moment to send"):
        next_open(hanoi("2027-07-19T22:00"), HANOI, NIGHT, ((date(2000, 1, 1), date(9000, 1, 1)),))


def test_a_missing_local_time_is_the_first_instant_after_the_gap() -> None:
    assert resolve(date(2026, 3, 29), time(2, 30), BERLIN) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def test_a_repeated_local_time_is_the_first_of_the_two() -> None:
    assert resolve(date(2026, 10, 25), time(2, 30), BERLIN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "day", "instant"),
    [
        ("Africa/Cairo", date(2026, 4, 24), datetime(2026, 4, 23, 22, 0, tzinfo=UTC)),  # midnight itself is missing
        ("Australia/Lord_Howe", date(2026, 10, 4), datetime(2026, 10, 3, 13, 30, tzinfo=UTC)),  # half an hour
        ("Asia/Ho_Chi_Minh", date(2027, 7, 1), datetime(2027, 6, 30, 17, 0, tzinfo=UTC)),
    ],
)
def test_midnight_is_one_instant_in_every_zone(zone: str, day: date, instant: datetime) -> None:
    assert resolve(day, time(0), ZoneInfo(zone)) == instant


def test_a_day_that_a_zone_left_out_does_not_exist() -> None:
    samoa = ZoneInfo("Pacific/Apia")

    found = [day_exists(date(2011, 12, day), samoa) for day in (29, 30, 31)]

    assert found == [True, False, True]
    assert end_of_day(date(2011, 12, 29), samoa) == datetime(2011, 12, 30, 10, 0, tzinfo=UTC)
