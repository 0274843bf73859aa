from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import delete, insert, update

from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.db.tables import Campaign, Group, Member, table
from broadcaster.dispatch import store as dispatch_store
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import transaction
from broadcaster.plan.materialise import HEADCOUNT, NO_GROUP, materialise
from broadcaster.schedule import store
from broadcaster.schedule.spec import Blackout, ScheduleSpec, When
from tests.plan.campaign_builders import (
    BROADCAST,
    ROADS,
    TWO_DAYS,
    entries,
    make_approved,
    make_people,
    make_spec,
    rows,
    tick,
)


def test_every_occurrence_up_to_the_horizon_becomes_one_broadcast(database: Database, clock: SteppedClock) -> None:
    make_people(database, "border", 4, clock.now())
    make_approved(database, make_spec(), now=clock.now())

    inserted = tick(database, clock)

    found = rows(database)
    assert inserted == len(found) == 5  # 1 July 08:00 is due now, 3 July 08:00 is exactly at the horizon
    assert [(row.local, row.message_id) for row in found][:2] == [
        ("2027-07-01T08:00", "hotline-111"),
        ("2027-07-01T19:30", "victims-rights"),
    ]
    assert found[-1].local == "2027-07-03T08:00"
    first = found[0]
    assert first.due_at == datetime(2027, 7, 1, 1, 0, tzinfo=UTC)
    assert first.expires_at == datetime(2027, 7, 1, 7, 0, tzinfo=UTC)
    assert (first.state, first.authority_kind, first.channels) == (
        "planned",
        "plan",
        '[["sms"],["web"]]'.replace(",[", ", ["),
    )
    assert (first.quiet_hours, first.cap_per_24h, first.require_consent) == ("21:30-08:00", 3, True)
    assert (first.language, first.languages, first.if_missed, first.priority) == ("vi", "vi,en", "latest", 0)


def test_each_broadcast_has_its_entry_in_the_ledger(database: Database, clock: SteppedClock) -> None:
    make_people(database, "border", 4, clock.now())
    make_approved(database, make_spec(), now=clock.now())

    tick(database, clock)

    found = [
        (entry["b"], entry["local"], entry["message"], entry["schedule"])
        for entry in entries(database, Kind.BROADCAST_PLAN)
    ]
    assert found == [(row.id, row.local, row.message_id, "daily") for row in rows(database)]


def test_a_second_tick_and_a_clock_set_back_add_nothing(database: Database, clock: SteppedClock) -> None:
    make_people(database, "border", 4, clock.now())
    make_approved(database, make_spec(), now=clock.now())
    tick(database, clock)
    before = rows(database)

    again = tick(database, clock)
    clock.move_by(timedelta(days=-3))
    back = tick(database, clock)
    with database.writing() as connection:
        connection.execute(update(table(Campaign)).values(planned_to=None))
    forgotten = tick(database, clock)

    assert (again, back, forgotten) == (0, 0, 0)
    assert rows(database) == before


def test_after_downtime_everything_missed_gets_its_row(database: Database, clock: SteppedClock) -> None:
    make_people(database, "border", 4, clock.now())
    make_approved(database, make_spec(), now=clock.now())
    tick(database, clock)

    clock.move_by(timedelta(days=10))
    tick(database, clock)

    found = [row.local for row in rows(database)]
    assert len(found) == len(set(found)) == 2 * 12 + 1
    assert found[-1] == "2027-07-13T08:00"


def test_two_planners_at_once_make_one_row_each(database: Database, clock: SteppedClock) -> None:
    make_people(database, "border", 4, clock.now())
    make_approved(database, make_spec(), now=clock.now())
    inserted: list[int] = []
    barrier = threading.Barrier(6)

    def plan() -> None:
        barrier.wait()
        inserted.append(tick(database, clock))

    threads = [threading.Thread(target=plan) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(inserted) == [0, 0, 0, 0, 0, 5]
    assert len(rows(database)) == len(entries(database, Kind.BROADCAST_PLAN)) == 5


def test_the_database_itself_refuses_a_second_row_for_one_nominal_time(database: Database, clock: SteppedClock) -> None:
    make_people(database, "border", 4, clock.now())
    make_approved(database, make_spec(), now=clock.now())
    tick(database, clock)
    (first, *_) = rows(database)
    values = {name: value for name, value in first._mapping.items() if name != "id"}

    with pytest.raises(Exception, match=r"(?i)unique"), database.writing() as connection:
        connection.execute(insert(BROADCAST).values({**values, "due_at": first.due_at + timedelta(hours=1)}))


def test_a_repeated_hour_makes_one_row(database: Database, clock: SteppedClock) -> None:
    day = date(2026, 10, 25)
    night = ScheduleSpec(
        id="night", messages=("hotline-111",), channels=(("web",),), when=When(daily=("02:30",), since=day, until=day)
    )
    plan = make_spec(timezone="Europe/Berlin", since=day, until=day, schedules=(night,), quiet_hours="")
    make_approved(database, plan, now=clock.now())
    inserted = []

    for moment in (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)):
        clock.move_to(moment)
        inserted.append(tick(database, clock, horizon=timedelta(0)))

    assert inserted == [1, 0]
    assert [row.due_at for row in rows(database)] == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC)]


def test_nothing_is_sent_after_the_end_of_the_last_local_day(database: Database, clock: SteppedClock) -> None:
    make_people(database, "border", 4, clock.now())
    make_approved(database, make_spec(until=date(2027, 7, 2)), now=clock.now())

    tick(database, clock, horizon=timedelta(days=60))

    last = next(row for row in rows(database) if row.local == "2027-07-02T19:30")
    assert last.expires_at == datetime(2027, 7, 2, 17, 0, tzinfo=UTC)


def test_an_occurrence_on_a_blackout_date_stands_as_expired_with_its_count(
    database: Database, clock: SteppedClock
) -> None:
    make_people(database, "border", 4, clock.now())
    plan = make_spec(blackout=(Blackout(since=date(2027, 7, 2), until=date(2027, 7, 2), reason="quốc tang"),))
    make_approved(database, plan, now=clock.now())

    tick(database, clock)

    found = [(row.local, row.state, row.held, row.planned) for row in rows(database)]
    assert [one for one in found if one[1] != "planned"] == [
        ("2027-07-02T08:00", "expired", "blackout", 4 + 2),  # four telephones, two editions on the web
        ("2027-07-02T19:30", "expired", "blackout", 4 + 2),
    ]
    assert rows(database)[4].message_id == "hotline-111"  # rotation went on over the blackout
    assert len(entries(database, Kind.BROADCAST_EXPIRE)) == 2
    with database.reading() as connection:
        assert dispatch_store.states(connection, rows(database)[2].id)["expired"] == 6


def test_a_group_that_grew_by_more_than_a_twentieth_is_held_until_it_shrinks(
    database: Database, clock: SteppedClock
) -> None:
    make_people(database, "border", 40, clock.now())
    make_approved(database, make_spec(), now=clock.now())
    tick(database, clock)

    make_people(database, "border", 2, clock.now())
    tick(database, clock)
    within = {row.held for row in rows(database)}
    make_people(database, "border", 1, clock.now())
    tick(database, clock)
    over = {row.held for row in rows(database)}
    with database.writing() as connection:
        connection.execute(delete(table(Member)).where(table(Member).c.contact_id > 41))
    tick(database, clock)

    assert (within, over) == ({""}, {HEADCOUNT})
    assert {row.held for row in rows(database)} == {""}
    assert len(entries(database, Kind.BROADCAST_HOLD)) == 5


def test_a_group_that_is_gone_holds_its_broadcasts(database: Database, clock: SteppedClock) -> None:
    make_people(database, "border", 1, clock.now())
    make_approved(database, make_spec(), now=clock.now())
    with database.writing() as connection:
        connection.execute(update(table(Group)).values(name="renamed"))

    tick(database, clock)

    assert {(row.state, row.held, row.group_id) for row in rows(database)} == {("planned", NO_GROUP, None)}


def test_a_group_that_comes_back_lets_its_broadcasts_go(database: Database, clock: SteppedClock) -> None:
    make_people(database, "border", 1, clock.now())
    make_approved(database, make_spec(), now=clock.now())
    for name in ("renamed", "border"):
        with database.writing() as connection:
            connection.execute(update(table(Group)).values(name=name))
        tick(database, clock)

    assert {(row.held, row.group_id) for row in rows(database)} == {("", 1)}


def test_growth_is_seen_at_the_start_too(database: Database, clock: SteppedClock) -> None:
    make_people(database, "border", 20, clock.now())
    make_approved(database, make_spec(), now=clock.now())
    tick(database, clock)
    first = rows(database)[0]
    found = []

    for more in (1, 1):
        make_people(database, "border", more, clock.now())
        with database.reading() as connection:
            found.append(store.outgrown(connection, first))

    assert found == [False, True]


def test_a_paused_campaign_keeps_counting_its_occurrences_as_paused(database: Database, clock: SteppedClock) -> None:
    make_people(database, "border", 1, clock.now())
    make_approved(database, make_spec(), now=clock.now(), state="paused")

    tick(database, clock)

    assert {(row.state, row.paused_from) for row in rows(database)} == {("paused", "planned")}


def test_a_plan_that_changed_meanwhile_is_left_alone(database: Database, clock: SteppedClock) -> None:
    make_people(database, "border", 1, clock.now())
    make_approved(database, make_spec(), now=clock.now())
    with database.reading() as connection:
        (old,) = store.live(connection)
    with database.writing() as connection:
        connection.execute(update(table(Campaign)).values(state="cancelled"))

    with transaction(database, clock) as tx:
        inserted = materialise(tx, old, make_spec(), ROADS, now=clock.now(), horizon=TWO_DAYS)

    assert inserted == 0
    assert rows(database) == []


def test_a_campaign_runs_from_its_first_local_day(database: Database, clock: SteppedClock) -> None:
    make_people(database, "border", 1, clock.now())
    make_approved(database, make_spec(), now=clock.now())
    states = []

    for moment in (datetime(2027, 6, 30, 16, 59, tzinfo=UTC), datetime(2027, 6, 30, 17, 0, tzinfo=UTC)):
        clock.move_to(moment)
        tick(database, clock)
        with database.reading() as connection:
            states.append(store.live(connection)[0].state)

    assert states == ["planned", "running"]


def test_when_a_zone_changes_its_rules_what_has_not_begun_moves_with_it(
    database: Database, clock: SteppedClock
) -> None:
    make_people(database, "border", 1, clock.now())
    make_approved(database, make_spec(), now=clock.now())
    tick(database, clock)
    right = [row.due_at for row in rows(database)]
    with database.writing() as connection:  # as if the rows had been made under other rules of the zone
        for row in rows(database):
            connection.execute(
                update(BROADCAST).where(BROADCAST.c.id == row.id).values(due_at=row.due_at + timedelta(hours=1))
            )

    inserted = tick(database, clock)

    assert inserted == 0
    assert [row.due_at for row in rows(database)] == right


def test_a_message_of_all_gets_a_broadcast_each(database: Database, clock: SteppedClock) -> None:
    make_people(database, "border", 1, clock.now())
    (daily,) = make_spec().schedules
    make_approved(database, make_spec(schedules=(replace(daily, pick="all"),)), now=clock.now())

    tick(database, clock, horizon=timedelta(0))

    assert [(row.local, row.message_id) for row in rows(database)] == [
        ("2027-07-01T08:00", "hotline-111"),
        ("2027-07-01T08:00", "victims-rights"),
    ]
