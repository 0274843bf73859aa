"""What a campaign costs, four ways, and that the differences explain the whole difference."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from report_builders import make_attempts, make_broadcast, make_campaign, make_price

from broadcaster.clock import SteppedClock
from broadcaster.config import Contract, Price
from broadcaster.db.engine import Database
from broadcaster.ledger.store import transaction
from broadcaster.report import cost, store
from broadcaster.report.cost import Costs, cost_table
from broadcaster.report.figures import Figures, Money, Standing, figures
from broadcaster.report.matching import Bill, Book, fill
from broadcaster.report.statement import lines, month_of
from broadcaster.report.words import speech

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


def vnd(amount: int) -> Money:
    return Money(amount=Decimal(amount), currency="VND")


def nothing() -> Figures:
    standing = Standing(campaign="mbn", title="C", currency="VND", ended=True, waiting=0, by_one_alone=0, fell_back=3)
    return figures([], micros={"VND": 2_400_000_000}, standing=standing)


def bill(why: str, n: int, ours: int, theirs: int, campaign: str = "mbn") -> Bill:
    return Bill(campaign=campaign, currency="VND", why=why, n=n, ours=ours * 10**6, theirs=theirs * 10**6)


def test_the_last_check_of_a_channel_and_month_counts_and_its_parts_give_the_whole(
    database: Database, clock: SteppedClock
) -> None:
    with transaction(database, clock) as tx:
        cost.keep(tx, [bill("alike", 1, 800, 800)], digest="old", channel="sms", month="2027-07")
    clock.move_by(timedelta(minutes=1))
    with transaction(database, clock) as tx:
        found = [bill("alike", 1, 800, 800), bill("price", 1, 800, 900), bill("doubt", 2, 0, 1600),
                 bill("alike", 5, 4000, 4000, campaign="other")]  # fmt: skip
        cost.keep(tx, found, digest="new", channel="sms", month="2027-07")

    with database.reading() as connection:
        (one,) = cost.billed(connection, "mbn")

    assert (one.ours, one.theirs, one.statements) == (1_600_000_000, 3_300_000_000, ("sms 2027-07",))
    assert one.by_why == {"price": (1, 100_000_000), "doubt": (2, 1_600_000_000)}
    uncovered = 2_400_000_000 - one.ours
    assert 2_400_000_000 + sum(micros for _, micros in one.by_why.values()) - uncovered == one.theirs


def test_the_four_ways_stand_one_below_the_other_with_their_differences(
    database: Database, clock: SteppedClock
) -> None:
    with transaction(database, clock) as tx:
        cost.keep(tx, [bill("price", 2, 1600, 1800)], digest="s", channel="sms", month="2027-07")
    contracts = {
        "hd-12": Contract(campaign="mbn", channel="sms", price=Price(amount="750"), fixed=Price(amount="1000000")),
        "other": Contract(campaign="else", fixed=Price(amount="5")),
    }
    with database.reading() as connection:
        billed = cost.billed(connection, "mbn")
    agreed = cost.agreed(contracts, "mbn", {"sms": 3})
    costs = Costs(planned=(vnd(3000),), computed=(vnd(2400),), billed=billed, agreed=agreed)

    rows = cost_table(costs, nothing()).rows
    english = cost_table(costs, nothing(), say=speech("en")).rows

    assert [row[:2] for row in rows] == [
        ("Dự kiến theo kế hoạch", "3.000 VND"), ("Tính từ lượt gửi", "2.400 VND"),
        ("Nhà cung cấp tính", "1.800 VND"), ("Theo hợp đồng hd-12", "1.002.250 VND"),
    ]  # fmt: skip
    assert "+600 VND" in rows[0][2]
    assert "3 lượt qua kênh dự phòng" in rows[0][2]
    assert rows[2][2] == (
        "bảng kê: sms 2027-07 [H7]; so với số tính từ lượt gửi: -600 VND; 2 tin khác đơn giá (+200 VND); "
        "phần chưa có bảng kê (-800 VND)"
    )
    assert "3 phần tin x 750 VND; trọn gói 1.000.000 VND" in rows[3][2]
    assert english[0][:2] == ("As planned", "3,000 VND")
    assert costs.shown()["contracts"] == {"hd-12": [{"amount": "1002250", "currency": "VND"}]}


def test_without_a_statement_the_report_says_that_there_is_none() -> None:
    costs = Costs(planned=None, computed=(vnd(2400),), billed=(), agreed=())

    rows = cost_table(costs, nothing()).rows

    assert rows[0][1] == "Chưa tính được"
    assert rows[2] == ("Nhà cung cấp tính", "Chưa tính được", "Chưa có bảng kê")


def test_a_statement_bills_each_campaign_what_is_its_own(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        make_campaign(tx)
        price = make_price(tx, 800_000_000)
        make_attempts(tx, make_broadcast(tx, {}), ("accepted", 1, price), ("accepted", 1, price))
    statement = [(1, ["id", "amount"]), (2, ["strange", "500"])]
    month = month_of("2027-07" if clock.now() >= datetime(2027, 6, 30, 17, tzinfo=UTC) else "2027-06", ZONE)

    with closing(Book()) as book, database.reading() as connection:
        fill(book, connection, lines(statement, name="s.csv", zone=ZONE, currency="VND"), channel="sms", month=month,
             zone=ZONE, office_key=b"k")  # fmt: skip
        bills = book.bills()
        parts = store.parts_by_channel(connection, "mbn")

    assert {(one.campaign, one.why, one.n, one.ours, one.theirs) for one in bills} == {
        ("mbn", "only_ours", 2, 1_600_000_000, 0), ("", "only_theirs", 1, 0, 500_000_000),
    }  # fmt: skip
    assert parts == {"sms": 2}
