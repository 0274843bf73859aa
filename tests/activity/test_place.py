"""Whose figures are in: the office's list of communes and departments, the board, and the words that ask."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from broadcaster.activity import carrier, place, store
from broadcaster.activity.activity import Activity, at_risk, shown_sum
from broadcaster.activity.carrier import Reply
from broadcaster.activity.link import reminder_of
from broadcaster.clock import SteppedClock
from broadcaster.config import Config
from broadcaster.db.engine import Database
from broadcaster.errors import Conflict, NotFound, WrongUse
from broadcaster.ledger.store import Transaction, transaction

LIST = "tên,loại,tỉnh\nXã Tân Thanh,xã,Lạng Sơn\nXã Pù Nhi,,Thanh Hóa\nSở Y tế,sở,\n"
DAY = date(2027, 7, 1)


def make_list(tx: Transaction, folder: Path, words: str = LIST) -> None:
    path = folder / "list.csv"
    path.write_text(words, encoding="utf-8")
    place.replace(tx, place.read(path), by="lan", digest="d")


def test_the_list_is_imported_as_a_whole_and_takes_the_place_of_the_old_one(
    database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    with transaction(database, clock) as tx:
        make_list(tx, tmp_path)
        make_list(tx, tmp_path, "name,province\nXã Tân Thanh,Lạng Sơn\nSở Y tế của tỉnh,\n")

    with database.reading() as connection:
        found = place.everywhere(connection)

    assert [(one.name, one.kind, one.province) for one in found] == [
        ("Sở Y tế của tỉnh", "commune", ""), ("Xã Tân Thanh", "commune", "Lạng Sơn"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("tỉnh\nLạng Sơn\n", "name the columns"),
        ("tên\nXã A\nxã a\nXã A\n", "row 4: 'Xã A' stands twice"),
        ("tên,loại\nXã A,huyện\n", "row 2: 'huyện' is no kind"),
        ("tên,tỉnh\n,Lạng Sơn\n", "row 2: the name is missing"),
        ("tên\n" + "x" * 121 + "\n", "at most 120"),
        ("tên\n", "names no place"),
    ],
)
def test_a_list_with_a_fault_is_refused_with_its_row(
    sqlite_database: Database, clock: SteppedClock, tmp_path: Path, words: str, said: str
) -> None:
    with pytest.raises(WrongUse, match=said), transaction(sqlite_database, clock) as tx:
        make_list(tx, tmp_path, words)


def test_the_board_names_first_whose_figures_are_not_in(
    database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    with transaction(database, clock) as tx:
        make_list(tx, tmp_path)
        talk = Activity(kind="training", day=DAY, commune="Xã Pù Nhi", campaign="c", participants=30)
        store.add(
            tx,
            [talk, Activity(kind="training", day=DAY, commune="Sở Y tế", campaign="other")],
            by="lan",
            source="staff",
        )
        place.say_all(tx, "c", "Xã Tân Thanh", by="officer")

    with database.reading() as connection:
        board = place.board(connection, "c")

    assert [(one.place.name, one.state, one.entries) for one in board] == [
        ("Sở Y tế", "none", 0), ("Xã Pù Nhi", "some", 1), ("Xã Tân Thanh", "all", 0),
    ]  # fmt: skip


def test_that_all_is_in_is_said_once_by_a_place_of_the_list(
    database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    with transaction(database, clock) as tx:
        make_list(tx, tmp_path)
        place.say_all(tx, "c", "Sở Y tế", by="lan")

    with transaction(database, clock) as tx:
        with pytest.raises(Conflict, match="lan said so of Sở Y tế"):
            place.say_all(tx, "c", "Sở Y tế", by="minh")
        with pytest.raises(NotFound, match="not on the list"):
            place.say_all(tx, "c", "Xã Lạ", by="minh")

    for change in ("UPDATE place_said SET place = 'x'", "DELETE FROM place_said"):
        with pytest.raises(DatabaseError, match="stays"), database.writing() as connection:
            connection.execute(text(change))


def test_a_reminder_names_the_place_the_day_and_its_own_link_and_sends_nothing(
    sqlite_database: Database, tmp_path: Path
) -> None:
    config = Config()
    config.web.public_url = "https://tinh.example"

    with sqlite_database.reading() as connection:
        words = reminder_of(connection, config, b"key", "c", today=DAY)

    assert "đề nghị Xã Pù Nhi gửi số liệu" in words("Xã Pù Nhi")
    assert "https://tinh.example/a/" in words("Xã Pù Nhi")
    assert words("Xã Pù Nhi") != words("Sở Y tế")


# -- groups at risk ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "shown"),
    [
        ([], "0"), ([3], "<5"), ([2, 2], "<5"), ([30, 12], "42"),
        ([30, 3], "≥30"),  # 33 would give the 3 away
        ([1, 1, 30], "≥30"),  # 32 says that both are 1
        ([4, 4, 30], "≥30"),
        ([3, 3], "6"), ([2, 3, 30], "35"),  # could be 1 and 4, 2 and 3, 4 and 1
        ([4, 4], "≥5"),
    ],
)  # fmt: skip
def test_a_sum_of_people_at_risk_gives_no_small_count_away(parts: list[int], shown: str) -> None:
    assert shown_sum(parts) == shown


def test_groups_at_risk_are_added_up_over_the_register() -> None:
    talks = [
        Activity(kind="training", day=DAY, participants=90, at_risk={"trẻ em": 3, "phụ nữ": 40}),
        Activity(kind="event", day=DAY, participants=90, at_risk={"phụ nữ": 20}),
    ]

    assert at_risk(talks) == [("phụ nữ", "60"), ("trẻ em", "<5")]


# -- carriers ---------------------------------------------------------------------------------------------------------


def reply(**values: Any) -> Reply:
    said = {
        "carrier": "Viettel",
        "campaign": "c",
        "asked": 1000,
        "reached": 900,
        "failed": 100,
        "since": DAY,
        "until": DAY,
    }
    return Reply(**{**said, **values})


def test_what_a_carrier_reports_is_kept_and_corrected_by_a_new_entry(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        first = carrier.add(tx, reply(), by="lan")
        carrier.add(tx, reply(reached=950, failed=50), by="lan", corrects=first)
        carrier.add(tx, reply(campaign="other"), by="lan")
        with pytest.raises(Conflict, match="was corrected by 2"):
            carrier.add(tx, reply(), by="lan", corrects=first)

    with database.reading() as connection:
        found = carrier.standing(connection, campaign="c")

    assert [(one.id, one.reply.reached, one.corrects) for one in found] == [(2, 950, 1)]
    with pytest.raises(DatabaseError, match="stays"), database.writing() as connection:
        connection.execute(text("UPDATE carrier_reply SET reached = 1"))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"reached": 950}, "are more than 1000"), ({"asked": 0}, "from 1 to"), ({"carrier": ""}, "which carrier"),
        ({"until": date(2027, 7, 2)}, "have come"), ({"revision": "abc"}, "64 hex digits"), ({"note": "a\x00"}, "control"),
    ],
)  # fmt: skip
def test_a_carrier_s_report_that_cannot_be_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(WrongUse, match=said):
        carrier.check(reply(**values), today=DAY)


def test_an_erased_photo_leaves_its_hash_in_the_register_and_a_line_in_the_ledger(
    database: Database, clock: SteppedClock
) -> None:
    with transaction(database, clock) as tx:
        (number, bare) = store.add(
            tx,
            [Activity(kind="event", day=DAY, attachment="ab" * 32), Activity(kind="event", day=DAY)],
            by="lan",
            source="staff",
        )

    with transaction(database, clock) as tx:
        erased = store.erase_attachment(tx, number, by="minh")
        with pytest.raises(NotFound, match="no photo"):
            store.erase_attachment(tx, bare, by="minh")

    assert erased == "ab" * 32
    with database.reading() as connection:
        assert store.get(connection, number).activity.attachment == erased
