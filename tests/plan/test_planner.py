from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from broadcaster.channel.base import Traits
from broadcaster.content.sms import count
from broadcaster.plan.planner import Ground, Reach, Row, Said, Way, forecast, money, totals
from broadcaster.schedule.spec import Blackout, Budget, CampaignSpec, IfMissed, ScheduleSpec, When
from tests.plan.campaign_builders import make_spec

PHONE = Traits(unit="person", address="phone", after_silence="ask", forms=("sms",), max_length=0)
PAGE = Traits(unit="public", address="public", after_silence="repeat", forms=("text",), max_length=0)
SMS = Way(channel="sms", traits=PHONE, rate=10.0, price=830_000_000)
WEB = Way(channel="web", traits=PAGE, rate=1.0)
LONG = "Gọi 111 khi thấy dấu hiệu mua bán người. " * 3
GOOD = Said(
    id="hotline-111",
    titles={"vi": "Gọi 111"},
    texts={
        "vi": {"sms": LONG, "text": "Gọi 111", "sms-plain": "Goi 111"},
        "en": {"sms": "Call 111", "text": "Call 111"},
    },
)
DAY = date(2027, 7, 1)


def one_day(**values: Any) -> ScheduleSpec:
    plain: dict[str, Any] = {
        "id": "daily",
        "messages": ("hotline-111",),
        "when": When(daily=("08:00",), since=DAY, until=DAY),
        "channels": (("sms",),),
        "group": "border",
        "language": "vi",
        "if_missed": IfMissed(within=6 * 3600),
    }
    return ScheduleSpec(**{**plain, **values})


def campaign(*schedules: ScheduleSpec, **values: Any) -> CampaignSpec:
    return make_spec(schedules=schedules or (one_day(),), **values)


def ground(people: int = 100, **values: Any) -> Ground:
    reach = {"sms": Reach(by_language={"vi": people})}
    plain: dict[str, Any] = {
        "ways": {"sms": SMS, "web": WEB},
        "messages": {"hotline-111": GOOD},
        "groups": {"border": people, "other": people},
        "reach": {("border", ("sms",)): reach, ("other", ("sms",)): reach},
    }
    return Ground(**{**plain, **values})


def at(text: str) -> datetime:
    """A moment of the campaign's day in Ho Chi Minh City, in UTC."""
    wall = datetime.fromisoformat(text if "T" in text else f"2027-07-01T{text}")
    return wall.replace(tzinfo=campaign().zone).astimezone(UTC)


def said(row: Row) -> str:
    return "; ".join(row.conflicts)


def test_a_row_has_exactly_the_keys_people_script_against() -> None:
    (row,) = forecast(campaign(), ground())

    assert row.shown() == {
        "schedule": "daily",
        "local": "2027-07-01T08:00",
        "utc": "2027-07-01T01:00:00Z",
        "message": "hotline-111",
        "channel": "sms",
        "recipients": 100,
        "sms_parts": count(LONG).parts,
        "cost": {"amount": f"{100 * count(LONG).parts * 830}.00", "currency": "VND"},
        "finish": "2027-07-01T01:00:10Z",
        "conflicts": [],
    }


def test_there_is_one_row_per_occurrence_and_channel_in_order_of_time() -> None:
    two = one_day(when=When(daily=("08:00", "19:30"), since=DAY, until=date(2027, 7, 2)), channels=(("sms",), ("web",)))

    found = forecast(campaign(two), ground())

    assert [(row.local[5:], row.channel) for row in found] == [
        (f"07-0{day}T{time}", channel) for day in (1, 2) for time in ("08:00", "19:30") for channel in ("sms", "web")
    ]


def test_a_public_channel_has_one_dispatch_per_language_and_keeps_no_quiet_hours() -> None:
    night = one_day(when=When(daily=("23:00",), since=DAY, until=DAY), channels=(("web",),), group="")

    (row,) = forecast(campaign(night), ground())

    assert (row.recipients, row.sms_parts, row.finish, row.conflicts) == (2, 0, at("23:00:02"), [])


def test_each_person_is_counted_in_the_language_he_or_she_gets() -> None:
    reach = {("border", ("sms",)): {"sms": Reach(by_language={"vi": 10, "en": 5, "hmn": 2, "": 1})}}

    (row,) = forecast(campaign(one_day(language="contact")), ground(reach=reach))

    parts = count(LONG).parts
    assert row.recipients == 18
    assert row.sms_parts == parts
    assert row.cost == (13 * parts + 5 * count("Call 111").parts) * 830_000_000


def test_an_unaccented_channel_is_counted_by_its_own_text() -> None:
    (row,) = forecast(campaign(), ground(ways={"sms": replace(SMS, accents=False)}))

    assert row.sms_parts == 1


def test_what_does_not_fit_before_quiet_hours_expires_if_they_outlast_it() -> None:
    evening = one_day(when=When(daily=("19:30",), since=DAY, until=DAY), if_missed=IfMissed(within=4 * 3600))

    (row,) = forecast(campaign(evening), ground(103_200))

    assert said(row) == "does not fit: 31,200 would expire at 21:30"  # two hours at ten a second are 72,000
    assert row.finish == at("21:30")
    assert row.cost == 72_000 * count(LONG).parts * 830_000_000


def test_what_does_not_fit_waits_for_the_morning_if_it_may() -> None:
    evening = one_day(when=When(daily=("19:30",), since=DAY, until=DAY), if_missed=IfMissed(within=24 * 3600))

    (row,) = forecast(campaign(evening), ground(103_200))

    assert row.finish == at("2027-07-02T08:52")
    assert row.conflicts == []


def test_what_is_due_in_quiet_hours_says_when_it_may_begin() -> None:
    night = one_day(when=When(daily=("06:00",), since=DAY, until=DAY))

    (row,) = forecast(campaign(night), ground())

    assert said(row) == "due in quiet hours; may begin at 08:00"
    assert row.finish == at("08:00:10")


def test_what_is_due_in_quiet_hours_and_over_before_they_end_is_never_sent() -> None:
    night = one_day(when=When(daily=("22:00",), since=DAY, until=DAY))

    (row,) = forecast(campaign(night), ground())

    assert "does not fit: 100 would expire at 2027-07-02 04:00" in said(row)
    assert (row.finish, row.cost) == (None, 0)


def test_a_provider_that_closes_earlier_than_the_campaign_is_waited_for() -> None:
    late = replace(SMS, traits=replace(PHONE, hours="09:00-17:00"))

    (row,) = forecast(campaign(), ground(ways={"sms": late}))

    assert row.finish == at("09:00:10")


def test_broadcasts_queue_on_one_lane_and_say_so() -> None:
    first, second = one_day(id="a"), one_day(id="b", when=When(daily=("08:10",), since=DAY, until=DAY))

    found = forecast(campaign(first, second), ground(18_000))

    assert [row.finish for row in found] == [at("08:30"), at("09:00")]
    assert said(found[0]) == ""
    assert said(found[1]) == "queues behind other broadcasts on sms; begins at 08:30"


def test_a_priority_broadcast_does_not_wait_behind_another() -> None:
    urgent = one_day(id="urgent", priority="priority", when=When(at="2027-07-01T08:10", since=DAY, until=DAY))

    found = forecast(campaign(one_day(), urgent), ground(18_000))

    assert {row.schedule: row.finish for row in found} == {"urgent": at("08:40"), "daily": at("09:00")}
    assert all(row.conflicts == [] for row in found)


def test_two_channels_do_not_wait_for_each_other() -> None:
    both = one_day(channels=(("sms",), ("web",)))

    found = forecast(campaign(both), ground(36_000))

    assert {row.channel: row.finish for row in found} == {"sms": at("09:00"), "web": at("08:00:02")}


def test_a_blackout_date_is_told_with_its_reason_and_costs_nothing() -> None:
    (row,) = forecast(campaign(blackout=(Blackout(since=DAY, until=DAY, reason="quốc tang"),)), ground())

    assert said(row) == "blackout: not sent (quốc tang)"
    assert (row.recipients, row.cost, row.finish) == (100, 0, None)


def test_a_broadcast_that_runs_into_a_blackout_date_stops_there() -> None:
    spec = campaign(
        one_day(if_missed=IfMissed(within=24 * 3600)),
        quiet_hours="",
        blackout=(Blackout(since=date(2027, 7, 2), until=date(2027, 7, 2)),),
    )

    (row,) = forecast(spec, ground(576_001))

    assert said(row) == "does not fit: 1 would expire at 2027-07-02 00:00"


def test_the_fourth_message_to_a_number_within_a_day_is_told() -> None:
    often = one_day(when=When(daily=("08:00", "10:00", "12:00", "14:00"), since=DAY, until=date(2027, 7, 2)))

    found = forecast(campaign(often), ground())

    over = [row.local for row in found if "over the cap of 3" in said(row)]
    assert over[0] == "2027-07-01T14:00"
    assert "number 4 to this group within 24 h" in said(found[3])


def test_groups_that_share_people_go_over_the_cap_together() -> None:
    three = one_day(when=When(daily=("08:00", "09:00", "10:00"), since=DAY, until=DAY))
    other = one_day(id="other", group="other", when=When(daily=("11:00",), since=DAY, until=DAY))

    apart = forecast(campaign(three, other), ground())
    shared = forecast(campaign(three, other), ground(shared=frozenset({frozenset({"border", "other"})})))

    assert said(apart[3]) == ""
    assert said(shared[3]) == "people of several groups go over the cap of 3 within 24 h"


def test_no_cap_is_no_conflict() -> None:
    often = one_day(when=When(daily=("08:00", "10:00", "12:00", "14:00"), since=DAY, until=DAY))

    assert all(row.conflicts == [] for row in forecast(campaign(often, cap_per_24h=0), ground()))


def test_rows_beyond_the_budget_say_how_far() -> None:
    twice = one_day(when=When(daily=("08:00", "10:00"), since=DAY, until=DAY))
    each = 100 * count(LONG).parts * 830

    found = forecast(campaign(twice, budget=Budget(amount=str(each), currency="VND")), ground())

    assert [said(row) for row in found] == ["", f"over budget: {2 * each:,}.00 VND of {each:,}.00 VND"]


FOLLOWERS = Traits(unit="audience", address="zalo", after_silence="ask", forms=("text",), max_length=0)
ZALO = Way(channel="zalo", traits=FOLLOWERS, price=1_000_000, monthly_quota=4)


def to_followers(*, times: tuple[str, ...] = ("08:00",), until: date = date(2027, 8, 2), **way: Any) -> list[Row]:
    """A forecast of one broadcast to all followers at each of these times of each day from 30 July."""
    schedule = one_day(when=When(daily=times, since=date(2027, 7, 30), until=until), channels=(("zalo",),))
    reach = {("border", ("zalo",)): {"zalo": Reach(by_language={"vi": 1})}}
    found = ground(ways={"zalo": replace(ZALO, **way)}, reach=reach)
    return forecast(campaign(schedule, until=date(2027, 8, 31)), found)


def test_what_a_months_quota_cannot_carry_is_refused_and_the_next_month_begins_anew() -> None:
    found = to_followers(monthly_quota=1)

    assert [(row.local[:10], said(row), row.finish is None, row.cost) for row in found] == [
        ("2027-07-30", "", False, 1_000_000),
        ("2027-07-31", "over the quota of zalo, 1 a month: 1 would not be sent", True, 0),
        ("2027-08-01", "", False, 1_000_000),
        ("2027-08-02", "over the quota of zalo, 1 a month: 1 would not be sent", True, 0),
    ]


def test_one_a_day_is_kept_and_what_is_not_sent_uses_no_quota() -> None:
    found = to_followers(times=("08:00", "12:00"), monthly_quota=2, daily_quota=1, until=date(2027, 7, 31))

    assert [said(row) for row in found] == [
        "",
        "over the quota of zalo, 1 a day: 1 would not be sent",
        "",
        "over the quota of zalo, 1 a day: 1 would not be sent",
    ]


def test_a_quota_of_people_carries_as_many_as_it_can() -> None:
    (row,) = forecast(campaign(), ground(ways={"sms": replace(SMS, monthly_quota=60), "web": WEB}))

    assert said(row) == "over the quota of sms, 60 a month: 40 would not be sent"
    assert row.parts == 60 * row.sms_parts
    assert row.finish is not None


def test_what_the_provider_looks_through_first_is_out_later() -> None:
    lead = replace(FOLLOWERS, review_lead=timedelta(minutes=30))

    early, late = to_followers(times=("08:00", "21:10"), until=date(2027, 7, 30), traits=lead)

    assert (early.finish, said(early)) == (at("2027-07-30T08:30:01"), "")
    assert said(late) == "the provider's review ends in quiet hours: plan it earlier"


def test_no_quota_is_no_limit() -> None:
    assert [said(row) for row in to_followers(monthly_quota=0)] == [""] * 4


def test_a_price_in_another_currency_is_told_and_not_added() -> None:
    spec = campaign(budget=Budget(amount="1", currency="VND"))

    (row,) = forecast(spec, ground(ways={"sms": replace(SMS, price=52_500, currency="USD")}))

    assert said(row) == "priced in USD, the budget is in VND"


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (replace(GOOD, facts={"hotline": date(2027, 6, 30)}), "fact hotline falls overdue after 2027-06-30"),
        (replace(GOOD, facts={"hotline": DAY}), ""),
        (replace(GOOD, valid_until=date(2027, 6, 30)), "valid until 2027-06-30"),
        (replace(GOOD, valid_until=DAY, valid_from=DAY), ""),
        (replace(GOOD, valid_from=date(2027, 7, 2)), "valid from 2027-07-02"),
        (replace(GOOD, notes=("not approved yet",)), "not approved yet"),
        (replace(GOOD, texts={"vi": {"text": "x"}}), "no sms form in vi"),
        (replace(GOOD, texts={"en": {"sms": "x"}}), "no sms form in vi"),
    ],
)
def test_what_stands_in_the_way_of_a_message_is_told(message: Said, says: str) -> None:
    (row,) = forecast(campaign(), ground(messages={"hotline-111": message}))

    assert says in said(row)
    assert bool(row.conflicts) == bool(says)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"ways": {}}, "no channel 'sms' in config.toml"),
        ({"messages": {}}, "no message 'hotline-111' in the library"),
        ({"groups": {}}, "no group 'border' in the audience"),
        ({"groups": {"border": 0}, "reach": {}}, "the group 'border' is empty"),
        ({"ways": {"sms": replace(SMS, price=None)}}, "no price is set for sms; counted as 0"),
        (
            {"ways": {"sms": replace(SMS, traits=replace(PHONE, max_length=100))}},
            f"too long: {len(LONG)} characters, sms takes 100",
        ),
        (
            {"reach": {("border", ("sms",)): {"sms": Reach(by_language={"vi": 1}, opted_out=1200, no_consent=3)}}},
            "3 without consent get nothing; 1,200 opted out",
        ),
    ],
)
def test_what_is_not_there_is_told_and_nothing_breaks(values: dict[str, Any], says: str) -> None:
    (row,) = forecast(campaign(), ground(**values))

    assert says in said(row)


def test_without_a_rate_a_lane_is_as_fast_as_its_requests_in_flight() -> None:
    (row,) = forecast(campaign(), ground(36_000, ways={"sms": replace(SMS, rate=0.0, concurrency=2)}))

    assert row.finish == at("09:00")  # two at once, a fifth of a second each: ten a second


def test_a_message_picked_at_random_is_the_one_the_plan_s_hash_picks() -> None:
    names = ("a", "b", "c")
    drawn = one_day(pick="random", messages=names, when=When(daily=("08:00",), since=DAY, until=date(2027, 7, 20)))
    messages = {name: replace(GOOD, id=name) for name in names}

    picked = [
        [row.message for row in forecast(campaign(drawn), ground(messages=messages, plan_hash=one))] for one in "xyx"
    ]

    assert picked[0] == picked[2] != picked[1]


def test_the_totals_add_up() -> None:
    both = one_day(channels=(("sms",), ("web",)))

    found = totals(forecast(campaign(both), ground()))

    parts = count(LONG).parts
    assert found == {
        "occurrences": 1,
        "recipients": 102,
        "sms_parts": 100 * parts,
        "cost": [{"amount": f"{100 * parts * 830}.00", "currency": "VND"}],
        "conflicts": 0,
    }


@pytest.mark.parametrize(
    ("micros", "amount"),
    [(0, "0.00"), (830_000_000, "830.00"), (52_500, "0.0525"), (123_450_000, "123.45"), (1, "0.000001")],
)
def test_money_is_a_decimal_that_loses_nothing(micros: int, amount: str) -> None:
    assert money(micros, "VND") == {"amount": amount, "currency": "VND"}
