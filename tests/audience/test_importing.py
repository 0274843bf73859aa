from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import openpyxl
import pytest

from broadcaster.audience import importing, store
from broadcaster.audience.contact import Usual
from broadcaster.channel.address import suppression_key
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.db.tables import Address, Contact, Group, Member, Suppression
from broadcaster.errors import Conflict, NotFound, WrongUse
from broadcaster.ledger.store import transaction
from tests.audience.audience_builders import KEY, TODAY, Chance, bring_in, entries, listed, rows

PEOPLE = """\
Họ tên,Điện thoại,Email,Xã,consent_source,consent_date
Nguyễn Thị Bưởi,0912345678,buoi@example.vn,Mường Khương,phiếu,15/01/2027
Trần Văn Đức,(+84) 987 654 321,,Mường Khương,phiếu,15/01/2027
"""
BAD = """\
name,phone,email,consent_source,consent_date
An,0912345678,an@example.vn,phiếu,2027-01-15
Bình,113,,,
,,,,
Cường,01681234567,,,
Dung,0987654321,an@example,,
Én,936123456,,,
"""
TABLES = (Contact, Address, Group, Member, Suppression)


def test_a_list_becomes_contacts_addresses_and_members_of_the_group(
    database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    done = bring_in(database, clock, listed(tmp_path, PEOPLE))

    assert (done.read, done.kept, done.contacts_new, done.addresses_new, done.joined) == (2, 2, 2, 3, 2)
    assert rows(database, Contact, "name", "commune", "consent_source", "consent_date") == [
        ("Nguyễn Thị Bưởi", "Mường Khương", "phiếu", date(2027, 1, 15)),
        ("Trần Văn Đức", "Mường Khương", "phiếu", date(2027, 1, 15)),
    ]
    assert rows(database, Address, "contact_id", "kind", "value", "key")[0] == (
        1, "phone", "+84912345678", suppression_key(KEY, "phone", "+84912345678"),
    )  # fmt: skip
    salts = [salt for (salt,) in rows(database, Contact, "salt")]
    assert len(set(salts)) == 2
    assert all(len(salt) == 32 for salt in salts)


def test_importing_the_same_list_again_changes_nothing(database: Database, clock: SteppedClock, tmp_path: Path) -> None:
    path = listed(tmp_path, PEOPLE)
    bring_in(database, clock, path)
    before = [rows(database, model) for model in TABLES], entries(database)

    again = bring_in(database, clock, path)

    assert ([rows(database, model) for model in TABLES], entries(database)) == before
    assert (again.kept, again.contacts_new, again.contacts_changed, again.joined) == (2, 0, 0, 0)


def test_every_batch_is_a_transaction_of_its_own_in_the_ledger(
    database: Database, clock: SteppedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 2)
    path = listed(tmp_path, "phone\n" + "".join(f"091234567{n}\n" for n in range(5)))

    bring_in(database, clock, path)

    batches = entries(database, "audience.import")
    assert [(entry["rows"], entry["contacts_new"]) for entry in batches] == [([2, 3], 2), ([4, 5], 2), ([6, 6], 1)]
    assert {entry["group"] for entry in batches} == {"border"}
    assert len({entry["sha256"] for entry in batches}) == 1


def test_an_import_that_was_cut_off_is_finished_by_running_it_again(
    database: Database, clock: SteppedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 2)
    path = listed(tmp_path, "phone\n" + "".join(f"091234567{n}\n" for n in range(6)))
    chance = Chance()

    def power_cut(n: int) -> bytes:
        if chance.drawn == 1:
            raise KeyboardInterrupt
        return chance(n)

    order = importing.Order(path=path, rejects=importing.rejects_beside(path), actor="lan", group="border", today=TODAY)
    with pytest.raises(KeyboardInterrupt):
        importing.run(order, database=database, clock=clock, office_key=KEY, entropy=power_cut)
    half = len(rows(database, Contact))
    importing.run(order, database=database, clock=clock, office_key=KEY, entropy=Chance())

    assert half == 2
    assert len(rows(database, Contact)) == len(rows(database, Address)) == len(rows(database, Member)) == 6


def test_two_imports_of_one_list_at_once_make_every_contact_once(
    database: Database, clock: SteppedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 20)
    text = "phone\n" + "".join(f"0912{n:06d}\n" for n in range(200))
    paths = [listed(tmp_path, text, name) for name in ("one.csv", "two.csv")]

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda path: bring_in(database, clock, path), paths))

    assert sum(one.contacts_new for one in done) == sum(one.joined for one in done) == 200
    assert len(rows(database, Contact)) == len(rows(database, Address)) == len(rows(database, Member)) == 200


def test_bad_rows_are_listed_beside_the_file_and_the_good_ones_are_kept(
    database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    done = bring_in(database, clock, listed(tmp_path, BAD))

    with (tmp_path / "people.csv.rejects.csv").open(encoding="utf-8-sig", newline="") as file:
        refused = list(csv.reader(file))
    assert [(row, column) for row, column, _ in refused] == [
        ("row", "column"), ("3", "phone"), ("5", "phone"), ("6", "email"),
    ]  # fmt: skip
    assert "0168 became 038" in refused[2][2]
    assert (done.read, done.kept, done.refused, done.empty, done.zero_restored) == (6, 2, 3, 1, 1)
    assert (done.without_consent, done.rejects_file) == (1, str(tmp_path / "people.csv.rejects.csv"))
    assert [value for kind, value in rows(database, Address, "kind", "value") if kind == "phone"] == [
        "+84912345678",
        "+84936123456",
    ]


def test_the_rejects_of_an_earlier_import_do_not_stay_behind(
    database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    bring_in(database, clock, listed(tmp_path, BAD))

    bring_in(database, clock, listed(tmp_path, PEOPLE))

    assert not (tmp_path / "people.csv.rejects.csv").exists()


def test_neither_ledger_nor_rejects_hold_a_name_or_a_number(
    database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    bring_in(database, clock, listed(tmp_path, BAD))

    told = str(entries(database)) + (tmp_path / "people.csv.rejects.csv").read_text(encoding="utf-8")
    for secret in ("912345678", "936123456", "1681234567", "1234567", "987654321", "an@example", "Cường", "Bình"):
        assert secret not in told


def test_a_file_that_is_broken_at_its_end_imports_nothing(
    sqlite_database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    with pytest.raises(WrongUse, match="line 4: a quotation mark"):
        bring_in(sqlite_database, clock, listed(tmp_path, PEOPLE + '"Lê,0936123456\n'))

    assert rows(sqlite_database, Contact) == []
    assert entries(sqlite_database) == []


@pytest.mark.parametrize("text", ["", "\n\n", "a,b\n0912345678,x\n"])
def test_a_file_without_a_head_row_is_refused(
    sqlite_database: Database, clock: SteppedClock, tmp_path: Path, text: str
) -> None:
    with pytest.raises(WrongUse, match="first row names the columns"):
        bring_in(sqlite_database, clock, listed(tmp_path, text))


def test_a_file_that_is_not_there_is_said_so(sqlite_database: Database, clock: SteppedClock, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="Cannot read"):
        bring_in(sqlite_database, clock, tmp_path / "nothing.csv")


def test_a_list_that_changes_while_it_is_imported_is_noticed(
    sqlite_database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    path = listed(tmp_path, PEOPLE)
    order = importing.Order(path=path, rejects=importing.rejects_beside(path), actor="lan", today=TODAY)

    def meddle(n: int) -> bytes:
        path.write_text(PEOPLE.replace("0912345678", "0912345679"), encoding="utf-8")
        return Chance()(n)

    with pytest.raises(Conflict, match="changed while it was imported"):
        importing.run(order, database=sqlite_database, clock=clock, office_key=KEY, entropy=meddle)


def test_rejects_are_never_written_over_the_list(
    sqlite_database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    path = listed(tmp_path, PEOPLE)
    order = importing.Order(path=path, rejects=path, actor="lan", today=TODAY)

    with pytest.raises(WrongUse, match="over the list itself"):
        importing.run(order, database=sqlite_database, clock=clock, office_key=KEY, entropy=Chance())

    assert path.read_text(encoding="utf-8") == PEOPLE


def test_a_newer_list_adds_addresses_and_brings_names_up_to_date(
    database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    bring_in(database, clock, listed(tmp_path, PEOPLE))
    newer = "name,phone,email,language\nTrần Văn Đức,0987654321,duc@example.vn,\nBưởi,0912345678,,hmn\n"

    done = bring_in(database, clock, listed(tmp_path, newer, "newer.csv"), group="")

    assert (done.contacts_new, done.contacts_changed, done.addresses_new) == (0, 2, 1)
    assert rows(database, Contact, "name", "language", "consent_source") == [
        ("Bưởi", "hmn", "phiếu"),
        ("Trần Văn Đức", "", "phiếu"),
    ]


def test_a_consent_given_for_the_whole_list_stands_with_each_contact(
    database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    usual = Usual(source="đăng ký tại xã", date=date(2027, 6, 1))

    done = bring_in(database, clock, listed(tmp_path, "phone\n0912345678\n"), usual=usual)

    assert done.without_consent == 0
    assert rows(database, Contact, "consent_source", "consent_date") == [("đăng ký tại xã", date(2027, 6, 1))]


def test_somebody_who_opted_out_is_kept_counted_and_stays_suppressed(
    database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    address = ("phone", "+84912345678")
    with transaction(database, clock) as tx:
        store.opt_out(tx, address, office_key=KEY, reason="opt_out", source="desk", actor="lan")

    done = bring_in(database, clock, listed(tmp_path, PEOPLE))

    assert (done.kept, done.suppressed) == (2, 1)
    with database.reading() as connection:
        group = store.group_id(connection, "border")
        count = store.headcount(connection, group, "phone", require_consent=True)
    assert (count.eligible, count.suppressed) == (1, 1)


def test_somebody_who_was_erased_is_not_stored_again(database: Database, clock: SteppedClock, tmp_path: Path) -> None:
    path = listed(tmp_path, PEOPLE)
    bring_in(database, clock, path)
    with transaction(database, clock) as tx:
        store.erase(tx, 1, actor="lan")

    again = bring_in(database, clock, path)

    assert (again.kept, again.refused, again.contacts_new) == (1, 1, 0)
    assert [value for (value,) in rows(database, Address, "value")] == [None, None, "+84987654321"]


def test_a_workbook_is_imported_like_a_list(sqlite_database: Database, clock: SteppedClock, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for line in (["Họ tên", "SĐT", "Ngày đồng ý", "Nguồn đồng ý"], ["Bưởi", 912345678, date(2027, 1, 15), "phiếu"]):
        sheet.append(line)
    book.save(tmp_path / "people.xlsx")

    done = bring_in(sqlite_database, clock, tmp_path / "people.xlsx")

    assert (done.form, done.kept, done.zero_restored, done.without_consent) == ("xlsx", 1, 1, 0)
    assert rows(sqlite_database, Address, "value") == [("+84912345678",)]
