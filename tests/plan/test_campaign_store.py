from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text, update

from broadcaster.approval import store as approvals
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.db.tables import Member, Plan, table
from broadcaster.dispatch import broadcast
from broadcaster.errors import Conflict, NotAllowed, NotFound, WrongUse
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import transaction
from broadcaster.schedule import store
from broadcaster.schedule.spec import Blackout, CampaignSpec
from tests.plan.campaign_builders import BROADCAST, ROADS, entries, make_people, make_spec, rows, tick

SENDERS = {"sms": "+15005550006", "web": "", "unused": "x"}


def submit(database: Database, clock: SteppedClock, spec: CampaignSpec, **values: Any) -> store.PlanDocument:
    with transaction(database, clock) as tx:
        return store.submit(tx, spec, senders=SENDERS, **{"by": "lan", **values})


def approve(database: Database, clock: SteppedClock, **values: Any) -> store.PlanDocument:
    with transaction(database, clock) as tx:
        return store.approve(tx, "camp", **{"by": "minh", **values})


def put_in_force(database: Database, clock: SteppedClock, spec: CampaignSpec) -> store.PlanDocument:
    submit(database, clock, spec)
    return approve(database, clock)


def campaign(database: Database) -> Any:
    with database.reading() as connection:
        return store.campaign(connection, "camp")


def test_a_submitted_plan_is_kept_with_everything_that_is_approved(database: Database, clock: SteppedClock) -> None:
    make_people(database, "border", 7, clock.now())

    document = submit(database, clock, make_spec())

    with database.reading() as connection:
        kept = store.plan(connection, document.hash)
        waiting = approvals.open_(connection, "plan", "camp")
    assert kept == document
    assert (kept.senders, kept.groups, kept.headcount) == ({"sms": "+15005550006", "web": ""}, {"border": 7}, 7)
    assert kept.campaign == make_spec()
    assert waiting is not None
    assert waiting.subject == document.hash
    assert campaign(database) is None


@pytest.mark.parametrize(
    "other",
    [
        {"title": "Khác"},
        {"quiet_hours": ""},
        {"cap_per_24h": 4},
        {"require_consent": False},
        {"until": date(2027, 7, 30)},
        {"languages": ("vi",)},
        {"blackout": (Blackout(since=date(2027, 7, 2), until=date(2027, 7, 2)),)},
    ],
)
def test_the_hash_changes_with_whatever_is_approved(
    sqlite_database: Database, clock: SteppedClock, other: dict[str, Any]
) -> None:
    make_people(sqlite_database, "border", 7, clock.now())
    with sqlite_database.reading() as connection:
        before = store.document(connection, make_spec(), SENDERS)
        after = store.document(connection, make_spec(**other), SENDERS)
        sender = store.document(connection, make_spec(), {"sms": "OTHER"})
    make_people(sqlite_database, "border", 1, clock.now())

    with sqlite_database.reading() as connection:
        grown = store.document(connection, make_spec(), SENDERS)

    assert len({before.hash, after.hash, sender.hash, grown.hash}) == 4


def test_a_group_that_does_not_exist_refuses_the_plan(database: Database, clock: SteppedClock) -> None:
    with pytest.raises(NotFound, match=r"'border'.*audience import"):
        submit(database, clock, make_spec())


def test_a_person_in_two_groups_is_one_head(database: Database, clock: SteppedClock) -> None:
    make_people(database, "border", 3, clock.now())
    make_people(database, "other", 1, clock.now())
    (daily,) = make_spec().schedules
    spec = make_spec(schedules=(daily, replace(daily, id="second", group="other")))
    with database.writing() as connection:
        other = store.group_ids(connection, ["other"])["other"]
        connection.execute(insert(table(Member)).values(group_id=other, contact_id=1))

    document = submit(database, clock, spec)

    assert (document.groups, document.headcount) == ({"border": 3, "other": 2}, 4)


def test_an_approved_plan_makes_a_campaign_that_plans_by_itself(database: Database, clock: SteppedClock) -> None:
    make_people(database, "border", 3, clock.now())

    document = put_in_force(database, clock, make_spec(report_due=date(2027, 9, 20)))

    row = campaign(database)
    assert (row.state, row.plan_hash, row.title, row.report_due) == (
        "running",
        document.hash,
        "Chiến dịch",
        date(2027, 9, 20),
    )
    assert tick(database, clock) == 5
    assert [entry["to"] for entry in entries(database, Kind.CAMPAIGN_APPROVE)] == ["approved"]


def test_nobody_approves_a_plan_of_their_own(database: Database, clock: SteppedClock) -> None:
    make_people(database, "border", 3, clock.now())
    submit(database, clock, make_spec())

    with pytest.raises(NotAllowed):
        approve(database, clock, by="lan")

    assert campaign(database) is None


def test_an_approval_is_of_the_plan_that_was_seen(database: Database, clock: SteppedClock) -> None:
    make_people(database, "border", 3, clock.now())
    seen = submit(database, clock, make_spec())
    submit(database, clock, make_spec(title="Khác"))

    with pytest.raises(Conflict, match="not what you saw"):
        approve(database, clock, expected=seen.hash)


def test_a_plan_whose_stored_bytes_were_changed_is_not_used(sqlite_database: Database, clock: SteppedClock) -> None:
    make_people(sqlite_database, "border", 3, clock.now())
    submit(sqlite_database, clock, make_spec())
    with sqlite_database.writing() as connection:
        connection.execute(text("DROP TRIGGER plan_no_update"))
        connection.execute(update(table(Plan)).values(canonical=b"{}"))

    with pytest.raises(Conflict, match="changed after"):
        approve(sqlite_database, clock)

    assert campaign(sqlite_database) is None


def test_what_was_over_before_the_approval_gets_no_row_and_what_may_still_go_does(
    database: Database, clock: SteppedClock
) -> None:
    make_people(database, "border", 3, clock.now())
    clock.move_to(datetime(2027, 7, 10, 4, 0, tzinfo=UTC))  # 11:00; 08:00 may go out until 14:00

    put_in_force(database, clock, make_spec())
    tick(database, clock, horizon=timedelta(0))

    assert [row.local for row in rows(database)] == ["2027-07-10T08:00"]


def test_a_newer_plan_takes_up_what_it_keeps_and_cancels_what_it_drops(database: Database, clock: SteppedClock) -> None:
    make_people(database, "border", 3, clock.now())
    old = put_in_force(database, clock, make_spec())
    tick(database, clock)
    ids = {row.local: row.id for row in rows(database)}
    (daily,) = make_spec().schedules
    mornings = replace(daily, when=replace(daily.when, daily=("08:00",)), messages=("hotline-111",))

    new = put_in_force(database, clock, make_spec(schedules=(mornings,), cap_per_24h=1))
    between = {(row.state, row.held) for row in rows(database)}
    tick(database, clock)

    found = {row.local: row for row in rows(database)}
    assert between == {("cancelled", "superseded")}
    assert {local: (row.state, row.authority) for local, row in found.items()} == {
        "2027-07-01T08:00": ("planned", new.hash),
        "2027-07-01T19:30": ("cancelled", old.hash),
        "2027-07-02T08:00": ("planned", new.hash),
        "2027-07-02T19:30": ("cancelled", old.hash),
        "2027-07-03T08:00": ("planned", new.hash),
    }
    assert {row.cap_per_24h for row in found.values() if row.state == "planned"} == {1}
    assert {local: row.id for local, row in found.items()} == ids
    assert len(entries(database, Kind.BROADCAST_CANCEL)) == 5


def test_a_newer_plan_leaves_alone_what_has_begun(database: Database, clock: SteppedClock) -> None:
    make_people(database, "border", 3, clock.now())
    old = put_in_force(database, clock, make_spec())
    tick(database, clock)
    first = rows(database)[0]
    with database.writing() as connection:
        connection.execute(
            update(BROADCAST).where(BROADCAST.c.id == first.id).values(state="running", started_at=clock.now())
        )

    put_in_force(database, clock, make_spec(title="Khác"))
    tick(database, clock)

    begun = rows(database)[0]
    assert (begun.state, begun.authority) == ("running", old.hash)
    assert len(rows(database)) == 5


def test_a_newer_plan_leaves_alone_what_a_person_cancelled(database: Database, clock: SteppedClock) -> None:
    make_people(database, "border", 3, clock.now())
    put_in_force(database, clock, make_spec())
    tick(database, clock)
    second = rows(database)[1].id
    with transaction(database, clock) as tx:
        broadcast.cancel(tx, second, "lan", "thử", roads=ROADS)

    put_in_force(database, clock, make_spec(title="Khác"))
    tick(database, clock)

    assert [row.state for row in rows(database)] == ["planned", "cancelled", "planned", "planned", "planned"]


def test_a_newer_plan_leaves_a_paused_campaign_paused_and_what_had_begun_too(
    database: Database, clock: SteppedClock
) -> None:
    make_people(database, "border", 3, clock.now())
    old = put_in_force(database, clock, make_spec())
    tick(database, clock)
    first = rows(database)[0].id
    with database.writing() as connection:
        begun = {"state": "running", "started_at": clock.now()}
        connection.execute(update(BROADCAST).where(BROADCAST.c.id == first).values(begun))
    with transaction(database, clock) as tx:
        store.pause(tx, "camp", by="lan", reason="bão")

    put_in_force(database, clock, make_spec(title="Khác"))
    tick(database, clock)

    assert campaign(database).state == "paused"
    assert [(row.state, row.paused_from) for row in rows(database)] == [
        ("paused", "running"),
        *[("paused", "planned")] * 4,
    ]
    assert [row.authority == old.hash for row in rows(database)] == [True, False, False, False, False]


def test_a_newer_plan_that_lifts_a_blackout_sends_on_that_date(database: Database, clock: SteppedClock) -> None:
    make_people(database, "border", 3, clock.now())
    put_in_force(database, clock, make_spec(blackout=(Blackout(since=date(2027, 7, 2), until=date(2027, 7, 2)),)))
    tick(database, clock)

    put_in_force(database, clock, make_spec())
    tick(database, clock)

    assert {(row.state, row.planned) for row in rows(database)} == {("planned", 0)}
    with database.reading() as connection:
        assert connection.scalar(text("SELECT count(*) FROM tally")) == 0


def test_a_paused_campaign_waits_and_goes_on_as_it_was(database: Database, clock: SteppedClock) -> None:
    make_people(database, "border", 3, clock.now())
    put_in_force(database, clock, make_spec())
    tick(database, clock, horizon=timedelta(hours=12))
    alone = rows(database)[1].id
    with transaction(database, clock) as tx:
        broadcast.pause(tx, alone, "lan", "thử")

    with transaction(database, clock) as tx:
        paused = store.pause(tx, "camp", by="lan", reason="bão")
    tick(database, clock)
    waiting = [row.state for row in rows(database)]
    with transaction(database, clock) as tx:
        resumed = store.resume(tx, "camp", by="lan")

    assert (paused, resumed) == (1, 4)
    assert waiting == ["paused"] * 5
    assert {row.id: row.state for row in rows(database)} == {
        row.id: "paused" if row.id == alone else "planned" for row in rows(database)
    }
    assert {row.held for row in rows(database)} == {""}
    assert campaign(database).state == "running"


def test_a_cancelled_campaign_sends_nothing_more_and_keeps_its_counts(database: Database, clock: SteppedClock) -> None:
    make_people(database, "border", 3, clock.now())
    put_in_force(database, clock, make_spec())
    tick(database, clock)

    with transaction(database, clock) as tx:
        n = store.cancel(tx, "camp", by="lan", reason="dừng", roads=ROADS)

    assert n == 5
    assert {(row.state, row.planned) for row in rows(database)} == {("cancelled", 5)}
    assert campaign(database).state == "cancelled"
    with database.reading() as connection:
        assert approvals.current(connection, "plan", "camp") is None
        assert store.live(connection) == []
    with pytest.raises(Conflict, match="cancelled already"), transaction(database, clock) as tx:
        store.cancel(tx, "camp", by="lan", reason="dừng", roads=ROADS)


def test_a_cancelled_campaign_can_be_approved_anew(database: Database, clock: SteppedClock) -> None:
    make_people(database, "border", 3, clock.now())
    put_in_force(database, clock, make_spec())
    tick(database, clock, horizon=timedelta(0))
    with transaction(database, clock) as tx:
        store.cancel(tx, "camp", by="lan", reason="dừng", roads=ROADS)

    put_in_force(database, clock, make_spec())
    tick(database, clock)

    assert campaign(database).state == "running"
    assert [row.state for row in rows(database)] == ["cancelled", "planned", "planned", "planned", "planned"]


def test_a_campaign_is_done_once_its_last_day_is_over_and_nothing_is_open(
    database: Database, clock: SteppedClock
) -> None:
    make_people(database, "border", 3, clock.now())
    put_in_force(database, clock, make_spec(until=date(2027, 7, 1)))
    tick(database, clock)
    answers = []

    for moment, ended in (
        (datetime(2027, 7, 1, 16, 0, tzinfo=UTC), True),  # the last day is not over
        (datetime(2027, 7, 1, 18, 0, tzinfo=UTC), False),  # something is open
        (datetime(2027, 7, 1, 19, 0, tzinfo=UTC), True),
        (datetime(2027, 7, 1, 20, 0, tzinfo=UTC), True),
    ):
        clock.move_to(moment)
        with database.writing() as connection:
            connection.execute(update(BROADCAST).values(state="done" if ended else "running"))
        with transaction(database, clock) as tx:
            answers.append(store.finish(tx, "camp"))

    assert answers == [False, False, True, False]
    assert campaign(database).state == "done"
    assert len(entries(database, Kind.CAMPAIGN_DONE)) == 1


def test_what_takes_a_campaign_says_so_when_there_is_none(database: Database, clock: SteppedClock) -> None:
    with pytest.raises(NotFound, match="campaign list"), transaction(database, clock) as tx:
        store.pause(tx, "camp", by="lan", reason="bão")
    with pytest.raises(Conflict, match="nothing to withdraw"), transaction(database, clock) as tx:
        store.cancel(tx, "camp", by="lan", reason="bão", roads=ROADS)


@pytest.mark.parametrize(("reason", "says"), [("  ", "Give a reason"), ("gọi 0912345678", "telephone numbers")])
def test_a_reason_is_given_and_holds_no_number(
    sqlite_database: Database, clock: SteppedClock, reason: str, says: str
) -> None:
    make_people(sqlite_database, "border", 3, clock.now())
    put_in_force(sqlite_database, clock, make_spec())

    with pytest.raises(WrongUse, match=says), transaction(sqlite_database, clock) as tx:
        store.pause(tx, "camp", by="lan", reason=reason)

    assert campaign(sqlite_database).state == "running"


def test_growth_is_told_by_group(database: Database, clock: SteppedClock) -> None:
    make_people(database, "border", 20, clock.now())
    document = submit(database, clock, make_spec())
    found = []

    for more in (1, 1):
        make_people(database, "border", more, clock.now())
        with database.reading() as connection:
            found.append(store.growth(connection, document))

    assert found == [[], [store.Growth(group="border", approved=20, now=22)]]
