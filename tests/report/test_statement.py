"""A provider's monthly statement: what its cells say, and what it has that we have not."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from report_builders import make_broadcast, make_campaign, make_price
from sqlalchemy import insert

from broadcaster.channel.address import suppression_key
from broadcaster.cli.main import _run
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.db.tables import Address, Attempt, Dispatch, table
from broadcaster.errors import WrongUse
from broadcaster.ledger.entry import decode
from broadcaster.ledger.store import Transaction, raws, transaction
from broadcaster.report.matching import Book, Compared, fill
from broadcaster.report.statement import lines, month_of

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
KEY = b"office-key-of-the-tests"
JULY = month_of("2027-07", ZONE)
EIGHT = datetime(2027, 7, 1, 1, 0, 20, tzinfo=UTC)  # 08:00:20 where the office is
HEAD = ["id", "to", "time", "parts", "price", "status"]


def make_sent(
    tx: Transaction, broadcast: int, *, number: str, provider_id: str | None, price: int, parts: int = 1,
    at: datetime = EIGHT, outcome: str = "accepted",
) -> None:  # fmt: skip
    key = suppression_key(KEY, "phone", number)
    made = tx.connection.execute(insert(table(Address)).values(kind="phone", value=number, key=key))
    address = made.inserted_primary_key[0]  # type: ignore[index]
    values = {"broadcast_id": broadcast, "channel": "sms", "edition": "", "language": "vi", "state": "planned"}
    made = tx.connection.execute(insert(table(Dispatch)).values(address_id=address, attempts=1, **values))
    tx.connection.execute(
        insert(table(Attempt)).values(
            dispatch_id=made.inserted_primary_key[0], n=1, epoch=1, intent_at=at, outcome=outcome, parts=parts,  # type: ignore[index]
            price_id=price, provider_id=provider_id,
        )
    )  # fmt: skip


def make_two_sides(database: Database, clock: SteppedClock) -> None:
    """Four messages of ours: one agreed, one with an id, one without, one in doubt."""
    with transaction(database, clock) as tx:
        make_campaign(tx)
        broadcast, price = make_broadcast(tx, {}), make_price(tx, 830_000_000)
        make_sent(tx, broadcast, number="+84912345671", provider_id="SM1", price=price, parts=2)
        make_sent(tx, broadcast, number="+84912345672", provider_id="SM2", price=price)
        make_sent(tx, broadcast, number="+84912345673", provider_id=None, price=price)
        make_sent(tx, broadcast, number="+84912345674", provider_id="SM4", price=price, outcome="unknown", parts=0)


def compared(database: Database, *rows: list[str]) -> tuple[Compared, list[dict[str, Any]]]:
    with closing(Book()) as book, database.reading() as connection:
        found = lines(enumerate([HEAD, *rows], 1), name="july.csv", zone=ZONE, currency="VND")
        fill(book, connection, found, channel="sms", month=JULY, zone=ZONE, office_key=KEY)
        return book.compared(), list(book.differences())


def test_a_statement_that_says_what_we_have_agrees(database: Database, clock: SteppedClock) -> None:
    make_two_sides(database, clock)

    found, differences = compared(
        database,
        ["SM1", "0912345671", "01/07/2027 08:01", "2", "1.660", "delivered"],
        ["SM2", "0912345672", "01/07/2027 08:01", "1", "830", "delivered"],
        ["", "0912 345 673", "01/07/2027 08:01", "1", "830", "delivered"],
    )

    assert (found.by_id, found.by_number) == (2, 1)
    assert found.ours.shown() == found.theirs.shown()
    assert found.ours.shown()["cost"] == [{"amount": "3320", "currency": "VND"}]
    assert differences == []


def test_what_only_one_side_has_and_what_is_counted_differently_is_named(
    database: Database, clock: SteppedClock
) -> None:
    make_two_sides(database, clock)

    found, differences = compared(
        database,
        ["SM1", "0912345671", "2027-07-01 08:00", "3", "2490", "delivered"],
        ["SM2", "0912345672", "2027-07-01 08:00", "1", "900", "delivered"],
        ["SM4", "0912345674", "2027-07-01 08:00", "1", "830", "delivered"],
        ["SM9", "0912345679", "2027-07-01 08:00", "1", "830", "delivered"],
    )

    assert found.found == {"only_theirs": 1, "only_ours": 1, "doubt": 1, "parts_differ": 1, "cost_differ": 1}
    told = {
        one["what"]: (one["provider_id"], one["to_masked"], one["our_parts"], one["their_parts"]) for one in differences
    }
    assert told == {
        "only_theirs": ("SM9", "+84 91• ••• •79", None, 1),
        "only_ours": ("", "+84 91• ••• •73", 1, None),
        "doubt": ("SM4", "+84 91• ••• •74", 0, 1),
        "parts_differ": ("SM1", "+84 91• ••• •71", 2, 3),
        "cost_differ": ("SM2", "+84 91• ••• •72", 1, 1),
    }  # fmt: skip


def test_a_line_for_each_part_is_one_message(database: Database, clock: SteppedClock) -> None:
    make_two_sides(database, clock)

    found, differences = compared(database, ["SM1", "", "", "", "830", ""], ["SM1", "", "", "", "830", ""])

    assert (found.theirs.messages, found.theirs.parts, found.repeated) == (1, 2, 1)
    assert [one["what"] for one in differences] == ["only_ours", "only_ours"]


def test_two_messages_to_one_number_in_one_minute_need_two_lines(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        make_campaign(tx)
        broadcast, price = make_broadcast(tx, {}), make_price(tx, 830_000_000)
        make_sent(tx, broadcast, number="+84912345673", provider_id="SM1", price=price)
        make_sent(tx, broadcast, number="+84912345673".replace("73", "75"), provider_id="SM2", price=price)

    found, _ = compared(
        database,
        ["", "0912345673", "2027-07-01 08:02", "1", "830", ""],
        ["", "0912345673", "2027-07-01 08:02", "1", "830", ""],
        ["", "0912345675", "01/07/2027", "1", "830", ""],
    )

    assert (found.by_number, found.found["only_theirs"], found.found["only_ours"]) == (2, 1, 0)


def test_another_id_is_another_message_even_to_that_number_in_that_minute(
    database: Database, clock: SteppedClock
) -> None:
    with transaction(database, clock) as tx:
        make_campaign(tx)
        make_sent(tx, make_broadcast(tx, {}), number="+84912345673", provider_id="SM1", price=make_price(tx, 1))

    found, _ = compared(database, ["SM7", "0912345673", "2027-07-01 08:00", "1", "830", ""])

    assert (found.found["only_theirs"], found.found["only_ours"]) == (1, 1)


def test_a_message_at_midnight_may_stand_on_either_months_statement(database: Database, clock: SteppedClock) -> None:
    before = datetime(2027, 6, 30, 16, 59, 59, tzinfo=UTC)  # a second before July
    with transaction(database, clock) as tx:
        make_campaign(tx)
        make_sent(
            tx, make_broadcast(tx, {}), number="+84912345673", provider_id="SM1", price=make_price(tx, 1), at=before
        )

    with_it, _ = compared(database, ["SM1", "", "", "1", "", ""])
    without, _ = compared(database)

    assert with_it.found["only_theirs"] == 0
    assert without.found["only_ours"] == 0


@pytest.mark.parametrize(
    ("text", "currency", "micros"),
    [
        ("-0.0079", "USD", 7_900), ("1.660", "VND", 1_660_000_000), ("1.234.567,5", "VND", 1_234_567_500_000),
        ("1,234,567.5", "VND", 1_234_567_500_000), ("830 đ", "VND", 830_000_000), ("0,052", "EUR", 52_000),
    ],
)  # fmt: skip
def test_money_is_read_as_people_write_it(text: str, currency: str, micros: int) -> None:
    rows = [["id", "price"], ["SM1", text]]

    (line,) = lines(enumerate(rows, 1), name="july.csv", zone=ZONE, currency=currency)

    assert line.micros == micros


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([["to", "price"]], "no column is called id"),
        ([["id", "time"], ["SM1", "yesterday"]], "row 2: 'yesterday' is no time"),
        ([["id", "parts"], ["SM1", "many"]], "row 2: 'many' is no number of parts"),
        ([["id", "price"], ["SM1", "free"]], "row 2: 'free' is no amount"),
    ],
)
def test_a_file_that_cannot_be_read_names_the_row(rows: list[list[str]], said: str) -> None:
    with pytest.raises(WrongUse, match=said):
        list(lines(enumerate(rows, 1), name="july.csv", zone=ZONE, currency="VND"))


def test_the_command_lists_what_differs_and_the_ledger_keeps_the_check_without_a_number(
    sqlite_database: Database, clock: SteppedClock, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    make_two_sides(sqlite_database, clock)
    monkeypatch.setenv("OFFICE_KEY", KEY.decode())
    (tmp_path / "config.toml").write_text(
        '[office]\nkey = { env = "OFFICE_KEY" }\n[database]\nurl = "sqlite:///broadcaster.db"\n'
        '[channels.sms]\nadapter = "memory"\n[channels.sms.price]\namount = "830"\ncurrency = "VND"\n'
    )
    (tmp_path / "july.csv").write_text(
        "Mã tin,Số điện thoại,Số tin,Thành tiền\nSM1,0912345671,2,1660\n=SM9,0912345679,1,830\n"
    )

    code = _run(["statement", "check", str(tmp_path / "july.csv"), "--channel", "sms", "--month", "2027-07", "--json",
                 "--output", str(tmp_path / "all.csv"), "--config", str(tmp_path / "config.toml")])  # fmt: skip

    assert code == 1
    shown = json.loads(capsys.readouterr().out)
    assert (shown["matched"]["by_id"], shown["only_theirs"], shown["only_ours"]) == (1, 1, 2)
    assert len(shown["differences"]) == 3
    assert "'=SM9" in (tmp_path / "all.csv").read_text(encoding="utf-8")
    with sqlite_database.reading() as connection:
        last = list(raws(connection))[-1]
    assert decode(last)["kind"] == "statement.check"
    assert b"912345" not in last
