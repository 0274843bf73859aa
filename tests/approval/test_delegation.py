from __future__ import annotations

import hashlib
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import DatabaseError

from broadcaster.access import store as users
from broadcaster.access.user import Role
from broadcaster.approval import delegation
from broadcaster.approval import store as approvals
from broadcaster.clock import SteppedClock
from broadcaster.content.render import Snapshot
from broadcaster.content.store import record_edit, save
from broadcaster.db.engine import Database
from broadcaster.errors import Conflict, NotAllowed, NotFound, WrongUse
from broadcaster.ledger.entry import Kind, decode
from broadcaster.ledger.store import Transaction, transaction

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
PEOPLE = {
    "lan": "author,operator",
    "minh": "approver",
    "duc": "approver,operator",
    "hoa": "operator",
    "mai": "approver",
}


@pytest.fixture(autouse=True)
def people(database: Database, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    from argon2 import PasswordHasher

    monkeypatch.setattr(users, "_hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    with transaction(database, clock) as tx:
        for name, roles in PEOPLE.items():
            users.add(
                tx, name=name, roles=frozenset(Role(one) for one in roles.split(",")), password="mot cau du dai de nho",
                actor="console:t",
            )  # fmt: skip


def today(clock: SteppedClock) -> date:
    return clock.now().astimezone(ZONE).date()


def grant(tx: Transaction, clock: SteppedClock, *, approver: str = "minh", delegate: str = "hoa", days: int = 3) -> int:
    first = today(clock)
    last = first + timedelta(days=days - 1)
    return delegation.grant(tx, approver=approver, delegate=delegate, first=first, last=last, zone=ZONE)


def submit(tx: Transaction, by: str) -> str:
    canonical = "Gọi 111".encode()
    subject = hashlib.sha256(canonical).hexdigest()
    made = Snapshot(
        hash=subject, canonical=canonical, message_id="hotline-111", category="hotline", facts={}, valid_until=None
    )
    save(tx, made)
    approvals.submit(tx, kind="revision", name="hotline-111", subject=subject, by=by)
    return subject


def approve(database: Database, clock: SteppedClock, by: str) -> str | None:
    with transaction(database, clock) as tx:
        return approvals.approve(tx, kind="revision", name="hotline-111", by=by).decided_for


def test_a_delegate_decides_in_the_approvers_place_and_the_ledger_says_so(
    database: Database, clock: SteppedClock
) -> None:
    with transaction(database, clock) as tx:
        number = grant(tx, clock)
        submit(tx, "lan")

    decided_for = approve(database, clock, "hoa")

    with database.reading() as connection:
        entries = [decode(row.raw) for row in connection.execute(text("SELECT raw FROM ledger_entry ORDER BY seq"))]
    assert decided_for == "minh"
    told = next(entry for entry in entries if entry["kind"] == Kind.MESSAGE_APPROVE)
    assert (told["actor"], told["approver"], told["delegation"]) == ("hoa", "minh", number)
    assert Kind.DELEGATION_GRANT in {entry["kind"] for entry in entries}


def test_an_approver_decides_in_nobodys_place(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        grant(tx, clock)
        submit(tx, "lan")

    assert approve(database, clock, "mai") is None


def test_a_delegate_who_wrote_it_may_not_decide(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        grant(tx, clock)
        submit(tx, "hoa")

    with pytest.raises(NotAllowed, match="hoa submitted this"):
        approve(database, clock, "hoa")


def test_a_delegate_who_edited_it_may_not_decide(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        grant(tx, clock)
        record_edit(tx, message_id="hotline-111", editor="hoa")
        submit(tx, "lan")

    with pytest.raises(NotAllowed, match="hoa edited this"):
        approve(database, clock, "hoa")


def test_nobody_stands_in_for_the_author_of_what_is_decided(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        grant(tx, clock, approver="duc")
        submit(tx, "duc")

    with pytest.raises(NotAllowed, match="stands in for duc, who wrote this"):
        approve(database, clock, "hoa")


def test_the_database_refuses_a_decision_for_its_author(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        submit(tx, "lan")

    with pytest.raises(DatabaseError, match="nobody decides for its author"), database.writing() as connection:
        connection.execute(update(approvals.APPROVAL).values(decided_for="lan"))


def test_it_holds_from_the_first_day_to_the_end_of_the_last(database: Database, clock: SteppedClock) -> None:
    first = today(clock) + timedelta(days=1)
    with transaction(database, clock) as tx:
        delegation.grant(tx, approver="minh", delegate="hoa", first=first, last=first, zone=ZONE)

    with database.reading() as connection:
        (one,) = delegation.current(connection, now=clock.now())
        asked = [one.since - timedelta(seconds=1), one.since, one.last, one.until]
        held = [bool(delegation.held(connection, "hoa", now=moment)) for moment in asked]

    assert held == [False, True, True, False]
    assert one.since.astimezone(ZONE).date() == one.last.astimezone(ZONE).date() == first


def test_back_early_ends_it_and_only_the_two_may_say_so(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        number = grant(tx, clock)

    with pytest.raises(NotAllowed, match="Only minh or hoa"), transaction(database, clock) as tx:
        delegation.end(tx, number, by="duc")
    with transaction(database, clock) as tx:
        delegation.end(tx, number, by="minh")

    with database.reading() as connection:
        assert delegation.held(connection, "hoa", now=clock.now()) == []


def test_an_approver_who_is_none_any_more_has_nobody_standing_in(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        grant(tx, clock)
        users.set_roles(tx, name="minh", roles=frozenset({Role.AUDITOR}), actor="quan")

    with database.reading() as connection:
        assert delegation.held(connection, "hoa", now=clock.now()) == []


@pytest.mark.parametrize(
    ("approver", "delegate", "days", "error", "words"),
    [
        ("lan", "hoa", 3, NotAllowed, "is no approver"),
        ("minh", "minh", 3, WrongUse, "for oneself"),
        ("minh", "ai-do", 3, NotFound, "no user"),
        ("minh", "mai", 3, WrongUse, "approves anyway"),
        ("minh", "hoa", 0, WrongUse, "before the first"),
        ("minh", "hoa", 93, WrongUse, "At most 92 days"),
    ],
)
def test_what_cannot_be_delegated_is_refused(
    database: Database, clock: SteppedClock, approver: str, delegate: str, days: int, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words), transaction(database, clock) as tx:
        grant(tx, clock, approver=approver, delegate=delegate, days=days)


def test_one_at_a_time_stands_in_for_an_approver(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        grant(tx, clock)

    with pytest.raises(Conflict, match="already"), transaction(database, clock) as tx:
        grant(tx, clock, delegate="lan")


def test_what_was_delegated_does_not_change(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        grant(tx, clock)

    with pytest.raises(DatabaseError, match="does not change"), database.writing() as connection:
        connection.execute(update(delegation.DELEGATION).values(delegate="lan"))
