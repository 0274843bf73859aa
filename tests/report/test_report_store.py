from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from report_builders import make_approval, make_attempts, make_broadcast, make_campaign, make_price

from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.ledger.store import transaction
from broadcaster.report import store

ADAPTERS = {"sms": "twilio", "web": "feed"}


def read(database: Database, name: str = "mbn", now: datetime = datetime(2027, 7, 2, tzinfo=UTC)) -> dict[str, Any]:
    with database.reading() as connection:
        found = store.read(connection, name, adapters=ADAPTERS, now=now)
    assert found is not None
    return found.shown()


def test_a_campaign_is_counted_over_its_channels_days_schedules_and_forms(
    database: Database, clock: SteppedClock
) -> None:
    with transaction(database, clock) as tx:
        make_campaign(tx)
        make_campaign(tx, "other")
        make_broadcast(tx, {"sms": {"accepted": 5, "delivered": 3, "failed": 1}, "web": {"accepted": 2}})
        make_broadcast(tx, {"sms": {"expired": 9}}, local="2027-07-02T08:00", state="expired")
        make_broadcast(
            tx, {"pager": {"unknown": 1, "planned": 0}}, local="2027-07-02T23:30", schedule_id="", state="running"
        )
        make_broadcast(tx, {"sms": {"accepted": 100}}, campaign_id="other")
        make_broadcast(tx, {"sms": {"accepted": 100}}, campaign_id=None, schedule_id="")

    shown = read(database)

    assert (shown["planned"], shown["final"], shown["open"]) == (21, 20, 1)
    assert {state: n for state, n in shown["states"].items() if n} == {
        "accepted": 7, "delivered": 3, "failed": 1, "expired": 9, "unknown": 1,
    }  # fmt: skip
    planned = {part: {k: v["planned"] for k, v in shown[part].items()} for part in shown if part.startswith("by_")}
    assert planned == {
        "by_channel": {"pager": 1, "sms": 18, "web": 2},
        "by_day": {"2027-07-01": 11, "2027-07-02": 10},
        "by_week": {"2027-W26": 21},
        "by_category": {"": 21},
        "by_schedule": {"(ad hoc)": 1, "daily": 20},
        "by_form": {"pager": 1, "sms": 18, "web": 2},
    }
    assert shown["waiting_broadcasts"] == 1
    assert (shown["complete"], shown["two_person"]) == (False, True)


def test_the_cost_is_the_sum_over_accepted_attempts_at_the_price_then_in_force(
    database: Database, clock: SteppedClock
) -> None:
    with transaction(database, clock) as tx:
        make_campaign(tx)
        make_campaign(tx, "other")
        cheap, dear, dollar = make_price(tx, 830_500_000), make_price(tx, 900_000_000), make_price(tx, 52_500, "USD")
        make_attempts(
            tx, make_broadcast(tx, {}),
            ("accepted", 2, cheap), ("accepted", 1, dear), ("refused", 3, cheap), ("unknown", 1, cheap),
            ("accepted", 1, None), ("accepted", 4, dollar),
        )  # fmt: skip
        make_attempts(tx, make_broadcast(tx, {}, campaign_id="other"), ("accepted", 9, dear))

    shown = read(database)

    assert shown["cost"] == {"amount": "2561", "currency": "VND"}
    assert shown["other_costs"] == [{"amount": "0.21", "currency": "USD"}]


def test_a_campaign_without_prices_costs_nothing(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        make_campaign(tx, currency=None)

    assert read(database)["cost"] == {"amount": "0", "currency": "VND"}


@pytest.mark.parametrize(
    ("state", "now", "complete"),
    [
        ("running", datetime(2027, 7, 31, 16, 59, tzinfo=UTC), False),  # 23:59 of the last day in Ho Chi Minh City
        ("running", datetime(2027, 7, 31, 17, 0, tzinfo=UTC), True),
        ("done", datetime(2027, 7, 2, tzinfo=UTC), True),
        ("cancelled", datetime(2027, 7, 2, tzinfo=UTC), True),
    ],
)
def test_a_campaign_is_complete_only_after_its_last_day_or_its_end(
    sqlite_database: Database, clock: SteppedClock, state: str, now: datetime, complete: bool
) -> None:
    with transaction(sqlite_database, clock) as tx:
        make_campaign(tx, state=state)
        make_broadcast(tx, {"sms": {"accepted": 1}})

    assert read(sqlite_database, now=now)["complete"] is complete


@pytest.mark.parametrize(
    ("kind", "name", "subject"),
    [
        ("plan", "mbn", "an older plan"),
        ("broadcast", "b-00000001", "the request"),
        ("revision", "hotline-111", "the text"),
    ],
)
def test_one_decision_by_one_person_alone_is_enough_to_say_so(
    database: Database, clock: SteppedClock, kind: str, name: str, subject: str
) -> None:
    from sqlalchemy import insert

    from broadcaster.db.tables import Revision, table

    with transaction(database, clock) as tx:
        make_campaign(tx)
        tx.connection.execute(
            insert(table(Revision)).values(
                hash="the text", message_id="hotline-111", category="hotline", canonical=b"", created_at=tx.now
            )
        )
        make_broadcast(tx, {}, authority="the request", revision_hash="the text")
        make_approval(tx, kind, name, subject, two_person=False)

    assert read(database)["two_person"] is False


def test_decisions_of_other_campaigns_do_not_matter(sqlite_database: Database, clock: SteppedClock) -> None:
    with transaction(sqlite_database, clock) as tx:
        make_campaign(tx)
        make_broadcast(tx, {})
        make_approval(tx, "plan", "mbn", "plan")
        make_approval(tx, "plan", "other", "x", two_person=False)
        make_approval(tx, "revision", "another", "y", two_person=False)

    assert read(sqlite_database)["two_person"] is True


def test_a_campaign_nobody_approved_has_no_figures_of_its_own(sqlite_database: Database, clock: SteppedClock) -> None:
    with transaction(sqlite_database, clock) as tx:
        make_campaign(tx)

    with sqlite_database.reading() as connection:
        assert store.read(connection, "mbm", adapters=ADAPTERS, now=clock.now()) is None
