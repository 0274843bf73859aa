from __future__ import annotations

from pathlib import Path

import pytest

from broadcaster.audience import store
from broadcaster.audience.exporting import Export
from broadcaster.audience.store import Headcount
from broadcaster.channel.address import commitment, suppression_key
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.db.tables import Address, Contact, Dispatch, Member, Suppression
from broadcaster.errors import NotFound, WrongUse
from broadcaster.ledger import store as ledger
from broadcaster.ledger.merkle import leaf_hash, root_of
from broadcaster.ledger.store import transaction
from tests.audience.audience_builders import KEY, bring_in, entries, listed, make_dispatches, rows, tallies

PEOPLE = """\
name,phone,email,consent_source,consent_date
Bưởi,0912345678,buoi@example.vn,phiếu,2027-01-15
Đức,0987654321,,phiếu,2027-01-15
Én,0936123456,,,
Giang,,giang@example.vn,phiếu,2027-01-15
"""
PHONE = ("phone", "+84912345678")


@pytest.fixture
def people(database: Database, clock: SteppedClock, tmp_path: Path) -> Database:
    """Four contacts in the group border; addresses 1 and 2 are of contact 1."""
    bring_in(database, clock, listed(tmp_path, PEOPLE))
    return database


def opt_out(database: Database, clock: SteppedClock, *, only: str = "") -> store.OptOut:
    with transaction(database, clock) as tx:
        return store.opt_out(tx, PHONE, office_key=KEY, reason="opt_out", source="desk", actor="lan", only=only)


def headcount(database: Database, kind: str, *, require_consent: bool) -> Headcount:
    with database.reading() as connection:
        group = store.group_id(connection, "border")
        return store.headcount(connection, group, kind, require_consent=require_consent)


def test_a_headcount_says_of_every_member_whether_and_why_not(people: Database, clock: SteppedClock) -> None:
    opt_out(people, clock)

    strict = headcount(people, "phone", require_consent=True)
    lenient = headcount(people, "phone", require_consent=False)

    assert strict == Headcount(eligible=1, without_address=1, suppressed=1, without_consent=1)
    assert lenient == Headcount(eligible=2, without_address=1, suppressed=1, without_consent=0)
    assert strict.members == lenient.members == 4


def test_a_contact_with_two_numbers_counts_by_the_first(people: Database, clock: SteppedClock, tmp_path: Path) -> None:
    bring_in(people, clock, listed(tmp_path, "phone,email\n0903123456,buoi@example.vn\n", "second.csv"))
    second = suppression_key(KEY, "phone", "+84903123456")
    with transaction(people, clock) as tx:
        store.suppress(tx, second, "phone", reason="provider", source="refusal", actor="sender")

    assert headcount(people, "phone", require_consent=True).eligible == 2


def test_an_opt_out_suppresses_every_address_of_the_person(people: Database, clock: SteppedClock) -> None:
    done = opt_out(people, clock)

    assert (done.contact, done.addresses) == (1, 2)
    assert {row[0] for row in rows(people, Suppression, "key")} == {
        suppression_key(KEY, *PHONE),
        suppression_key(KEY, "email", "buoi@example.vn"),
    }


def test_an_opt_out_of_one_kind_leaves_the_others(people: Database, clock: SteppedClock) -> None:
    done = opt_out(people, clock, only="phone")

    assert done.addresses == 1
    assert headcount(people, "email", require_consent=True).eligible == 2


def test_an_opt_out_is_repeatable_and_stands_once_in_the_ledger(people: Database, clock: SteppedClock) -> None:
    opt_out(people, clock)
    before = rows(people, Suppression), entries(people)

    again = opt_out(people, clock)

    assert (again.addresses, again.dispatches) == (0, 0)
    assert (rows(people, Suppression), entries(people)) == before


def test_an_opt_out_is_ledgered_by_the_commitment_to_the_person(people: Database, clock: SteppedClock) -> None:
    opt_out(people, clock, only="phone")

    (entry,) = entries(people, "contact.opt_out")
    (salt,) = rows(people, Contact, "salt")[0]
    assert entry["recipient"] == commitment(salt, *PHONE).hex()
    assert (entry["channel_kind"], entry["reason"], entry["source"]) == ("phone", "opt_out", "desk")


def test_a_number_that_nobody_has_can_be_opted_out(database: Database, clock: SteppedClock) -> None:
    done = opt_out(database, clock)

    assert (done.contact, done.addresses) == (None, 1)
    assert "recipient" not in entries(database, "contact.opt_out")[0]


def test_an_opt_out_takes_back_what_has_not_left_and_nothing_else(people: Database, clock: SteppedClock) -> None:
    make_dispatches(people, clock, states={1: "planned", 2: "retry_wait", 3: "planned"})
    make_dispatches(people, clock, states={1: "sending", 2: "unknown", 4: "accepted"}, channel="zalo")

    done = opt_out(people, clock)

    assert done.dispatches == 2
    assert rows(people, Dispatch, "address_id", "state", "reason") == [
        (1, "suppressed", "opt_out"),
        (2, "suppressed", "opt_out"),
        (3, "planned", None),
        (1, "sending", None),
        (2, "unknown", None),
        (4, "accepted", None),
    ]
    assert tallies(people) == {"suppressed": 2, "planned": 1, "sending": 1, "unknown": 1, "accepted": 1}
    closed = entries(people, "dispatch.close")
    assert [(entry["n"], entry["from"]) for entry in closed] == [(1, {"planned": 1}), (1, {"retry_wait": 1})]


def test_erasing_leaves_no_name_number_or_salt_and_keeps_the_suppression(people: Database, clock: SteppedClock) -> None:
    with transaction(people, clock) as tx:
        store.erase(tx, 1, actor="lan")

    assert rows(people, Contact, "name", "commune", "consent_source", "salt")[0] == ("", "", "", None)
    assert rows(people, Address, "value", "key")[:2] == [(None, b""), (None, b"")]
    assert (1,) not in rows(people, Member, "contact_id")
    assert suppression_key(KEY, *PHONE) in {key for key, _ in rows(people, Suppression, "key", "reason")}
    assert {reason for (reason,) in rows(people, Suppression, "reason")} == {"erased"}


def test_after_an_erasure_the_ledger_verifies_and_its_commitment_fits_nobody(
    people: Database, clock: SteppedClock
) -> None:
    opt_out(people, clock, only="phone")
    (entry,) = entries(people, "contact.opt_out")

    with transaction(people, clock) as tx:
        store.erase(tx, 1, actor="lan")

    with people.reading() as connection:
        raws = list(ledger.raws(connection))
        assert ledger.head(connection).root() == root_of(map(leaf_hash, raws))
    salts = [salt for (salt,) in rows(people, Contact, "salt") if salt]
    assert entry["recipient"] not in {commitment(salt, *PHONE).hex() for salt in salts}
    assert entries(people, "contact.erase")[0]["addresses"] == 2


def test_erasing_takes_back_what_waits_and_keeps_the_tally_in_step(people: Database, clock: SteppedClock) -> None:
    make_dispatches(people, clock)

    with transaction(people, clock) as tx:
        taken = store.erase(tx, 1, actor="lan")

    assert taken == 2
    assert tallies(people) == {"suppressed": 2, "planned": 3}
    assert [row for row in rows(people, Dispatch, "state", "reason") if row[0] == "suppressed"] == [
        ("suppressed", "erased")
    ] * 2


def test_an_erased_address_counts_as_suppressed_wherever_one_asks(people: Database, clock: SteppedClock) -> None:
    with transaction(people, clock) as tx:
        store.erase(tx, 1, actor="lan")

    with people.reading() as connection:
        key = rows(people, Address, "key")[0][0]
        assert store.suppressed(connection, [key]) == {key: "erased"}


def test_an_erased_contact_cannot_be_found_or_erased_again(people: Database, clock: SteppedClock) -> None:
    with transaction(people, clock) as tx:
        store.erase(tx, 1, actor="lan")

    with pytest.raises(NotFound), transaction(people, clock) as tx:
        store.erase(tx, 1, actor="lan")
    with people.reading() as connection, pytest.raises(NotFound):
        store.contact_at(connection, PHONE)


def test_nothing_of_an_erased_person_is_left_in_the_files(
    sqlite_database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    bring_in(sqlite_database, clock, listed(tmp_path, PEOPLE))
    with transaction(sqlite_database, clock) as tx:
        store.erase(tx, 1, actor="lan")
    sqlite_database.close()

    file = sqlite_database.file
    assert file is not None
    left = b"".join(path.read_bytes() for path in file.parent.glob(f"{file.name}*"))
    assert b"912345678" not in left
    assert b"buoi@example.vn" not in left
    assert b"987654321" in left


def test_a_group_is_made_once_and_ledgered(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        first = store.add_group(tx, "border-communes", actor="lan")
        second = store.add_group(tx, " border-communes ", actor="lan")

    assert first == second
    assert [entry["group"] for entry in entries(database, "audience.group")] == ["border-communes"]
    with database.reading() as connection, pytest.raises(NotFound, match="border-communes"):
        store.group_id(connection, "inland")


def test_screens_see_masked_addresses(people: Database, clock: SteppedClock) -> None:
    opt_out(people, clock, only="phone")

    with people.reading() as connection:
        card = store.shown(connection, 1)
        listing = list(store.listing(connection, group=store.group_id(connection, "border"), after=1, limit=2))

    assert card["addresses"] == [
        {"kind": "phone", "masked": "+84 91• ••• •78", "suppressed": True},
        {"kind": "email", "masked": "b•••@example.vn", "suppressed": False},
    ]
    assert (card["groups"], card["consent"]) == (["border"], {"source": "phiếu", "date": "2027-01-15"})
    assert [(one["id"], one["name"]) for one in listing] == [("2", "Đức"), ("3", "Én")]


def test_an_export_can_be_imported_into_an_empty_office_without_loss(
    people: Database, clock: SteppedClock, tmp_path: Path, sqlite_template: Path
) -> None:
    formula = '"=HYPERLINK(""http://x"")",0903123456,buoi@example.vn\n'
    bring_in(people, clock, listed(tmp_path, "name,phone,email\n" + formula, "second.csv"))
    with people.reading() as connection, Export(tmp_path / "out.csv", reveal=True) as out:
        out.write(store.full_rows(connection))
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "b.db").write_bytes(sqlite_template.read_bytes())
    other = Database("sqlite:///b.db", folder=tmp_path / "empty")

    bring_in(other, clock, tmp_path / "out.csv")

    text = (tmp_path / "out.csv").read_text(encoding="utf-8-sig")
    assert "\"'=HYPERLINK(" in text
    assert ",'+84912345678," in text
    profile = ("name", "language", "commune", "consent_source", "consent_date")
    assert rows(other, Contact, *profile) == rows(people, Contact, *profile)
    address = ("contact_id", "kind", "value", "key")
    assert sorted(rows(other, Address, *address)) == sorted(rows(people, Address, *address))
    other.close()


def test_an_export_is_masked_unless_revealed_and_never_written_over_a_file(people: Database, tmp_path: Path) -> None:
    with people.reading() as connection, Export(tmp_path / "out.csv", reveal=False) as out:
        out.write(store.full_rows(connection))

    assert "912345678" not in (tmp_path / "out.csv").read_text(encoding="utf-8")
    assert out.contacts == 4
    with pytest.raises(WrongUse, match="exists already"), Export(tmp_path / "out.csv", reveal=False):
        pass


def test_an_export_that_fails_leaves_no_file(tmp_path: Path) -> None:
    def fail() -> None:
        with Export(tmp_path / "out.csv", reveal=False) as out:
            out.write([])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert list(tmp_path.iterdir()) == []
