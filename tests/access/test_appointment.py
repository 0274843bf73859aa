"""A say is given by two admins: which acts take both, who may be the second, and what stands in the ledger."""

from __future__ import annotations

from typing import Any

import pytest

from broadcaster.access import appointment, factor, store
from broadcaster.access.appointment import Asked, Done
from broadcaster.access.user import Role
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.errors import NotAllowed, WrongUse
from broadcaster.ledger.entry import decode
from broadcaster.ledger.store import raws, transaction

KEY = b"ab" * 16
PASSWORD = "mot cau du dai de nho"
CONSOLE = "console:may"
WALK = ("first", "second")


class Office:
    """Admins and others, and what they ask."""

    def __init__(self, database: Database, clock: SteppedClock) -> None:
        self.database, self.clock = database, clock

    def has(self, name: str, *roles: str, disabled: bool = False) -> None:
        with transaction(self.database, self.clock) as tx:
            made = frozenset(Role(one) for one in roles)
            store.add(tx, name=name, roles=made, password=PASSWORD, actor="console:t")
        if disabled:
            with transaction(self.database, self.clock) as tx:
                store.disable(tx, name=name, actor="console:t")

    def add(self, by: str, name: str, *roles: str, password: str | None = None) -> Asked | Done:
        with transaction(self.database, self.clock) as tx:
            wanted = frozenset(Role(one) for one in roles)
            return appointment.add(tx, name=name, roles=wanted, by=by, office_key=KEY, password=password)

    def role(self, by: str, name: str, *roles: str) -> Asked | Done:
        with transaction(self.database, self.clock) as tx:
            return appointment.set_roles(tx, name=name, roles=frozenset(Role(one) for one in roles), by=by)

    def reset(self, by: str, name: str, password: str | None = None) -> Asked | Done:
        with transaction(self.database, self.clock) as tx:
            return appointment.reset(tx, name=name, by=by, office_key=KEY, password=password)

    def disable(self, name: str, by: str) -> None:
        with transaction(self.database, self.clock) as tx:
            store.disable(tx, name=name, actor=by)

    def last(self) -> dict[str, Any]:
        with self.database.reading() as connection:
            return [decode(raw) for raw in raws(connection)][-1]

    def alone(self) -> frozenset[str]:
        with self.database.reading() as connection:
            return appointment.made_alone(connection)

    def fits(self, name: str, password: str) -> bool:
        with transaction(self.database, self.clock) as tx:
            return store.authenticate(tx, name=name, password=password) is not None


@pytest.fixture
def office(database: Database, clock: SteppedClock) -> Office:
    """Two admins."""
    made = Office(database, clock)
    for name in WALK:
        made.has(name, "admin")
    return made


def test_the_first_admin_sets_the_office_up_alone_and_the_ledger_says_so(
    database: Database, clock: SteppedClock
) -> None:
    office = Office(database, clock)
    with transaction(database, clock) as tx:
        appointment.first_admin(tx, name="first", password=PASSWORD, by=CONSOLE)

    made = office.add("first", "minh", "approver", password=PASSWORD)

    assert made == Done(alone=True)
    assert office.last()["alone"] is True
    assert office.alone() == {"first", "minh"}


@pytest.mark.parametrize("role", ["approver", "operator", "admin"])
def test_with_two_admins_a_say_takes_both(office: Office, role: str) -> None:
    asked, again = office.add("first", "minh", role), office.add("first", "minh", role)

    done = office.add("second", "minh", role)

    assert isinstance(asked, Asked)
    assert again == asked
    assert isinstance(done, Done)
    assert office.last() | {"asked_by": "first", "actor": "second", "user": "minh"} == office.last()
    assert "alone" not in office.last()
    assert office.fits("minh", asked.password + done.password)
    assert not office.fits("minh", done.password)
    assert office.alone() == frozenset()


@pytest.mark.parametrize("roles", [("author",), ("auditor",), ("author", "auditor")])
def test_who_has_no_say_is_made_by_one(office: Office, roles: tuple[str, ...]) -> None:
    made = office.add("first", "lan", *roles, password=PASSWORD)

    assert made == Done()
    assert "alone" not in office.last()


def test_an_admin_who_approves_makes_no_author_alone(office: Office) -> None:
    office.has("both", "admin", "approver")

    assert isinstance(office.add("both", "lan", "author"), Asked)


def test_another_request_is_not_what_was_asked(office: Office) -> None:
    office.add("first", "minh", "approver")

    assert isinstance(office.add("second", "minh", "approver", "admin"), Asked)
    assert isinstance(office.add("second", "mina", "approver"), Asked)


def test_a_role_that_is_taken_away_needs_one_but_an_admin_s_needs_two(office: Office) -> None:
    office.has("minh", "approver", "author")

    less = office.role("first", "minh", "author")
    ends = office.role("first", "second", "auditor")

    assert less == Done()
    assert isinstance(ends, Asked)


def test_who_disables_the_other_admin_does_not_become_the_only_one(office: Office) -> None:
    office.disable("second", by="first")

    asked = office.add("first", "minh", "approver")

    assert isinstance(asked, Asked)
    assert asked.nobody_else


def test_where_no_other_admin_is_left_the_computer_stands_in_and_it_counts_as_alone(office: Office) -> None:
    office.disable("second", by="first")
    office.add("first", "minh", "approver")

    done = office.add(CONSOLE, "minh", "approver")

    assert isinstance(done, Done)
    assert done.alone
    assert office.last()["asked_by"] == "first"
    assert office.last()["alone"] is True
    assert office.alone() == {"minh"}


def test_the_computer_is_no_second_admin_where_there_is_one(office: Office) -> None:
    office.add("first", "minh", "approver")

    with pytest.raises(WrongUse, match="--as ADMIN"):
        office.add(CONSOLE, "minh", "approver")


def test_an_admin_who_lost_the_password_gets_in_again_and_it_counts_as_alone(office: Office) -> None:
    asked = office.reset("first", "second")

    done = office.reset(CONSOLE, "second")

    assert isinstance(asked, Asked)
    assert isinstance(done, Done)
    assert done.alone
    assert office.fits("second", asked.password + done.password)


def test_two_users_of_the_computer_are_no_two_admins(office: Office) -> None:
    office.disable("second", by="first")
    office.add(CONSOLE, "minh", "approver")

    assert isinstance(office.add("console:khac", "minh", "approver"), Asked)


def test_an_office_without_an_admin_who_can_sign_in_is_not_lost(office: Office) -> None:
    office.disable("second", by=CONSOLE)

    done = office.reset(CONSOLE, "first")

    assert isinstance(done, Done)
    assert done.alone


def test_a_password_of_ones_own_choice_is_refused_where_two_make_it(office: Office) -> None:
    office.add("first", "minh", "approver", password=PASSWORD)

    with pytest.raises(WrongUse, match="half of a one-time password"):
        office.add("second", "minh", "approver", password=PASSWORD)


def test_nobody_asks_for_a_say_of_their_own(office: Office) -> None:
    with pytest.raises(NotAllowed):
        office.role("first", "first", "admin", "approver")


def test_what_a_disabled_admin_asked_is_no_half(office: Office) -> None:
    office.has("third", "admin")
    office.add("first", "minh", "approver")
    office.disable("first", by="third")

    asked = office.add("second", "minh", "approver")

    assert isinstance(asked, Asked)


def test_two_admins_who_agree_take_an_account_off_the_list_of_those_made_alone(
    database: Database, clock: SteppedClock
) -> None:
    office = Office(database, clock)
    office.has("first", "admin")
    office.add("first", "second", "admin", password=PASSWORD)
    before = office.alone()

    office.has("third", "admin")
    office.reset("first", "second")
    office.reset("third", "second")

    assert before == {"second"}
    assert office.alone() == frozenset()


def test_a_second_factor_is_taken_away_by_two(office: Office) -> None:
    office.has("minh", "approver")
    with transaction(office.database, office.clock) as tx:
        factor.begin(tx, name="minh", office_key=KEY)

    with transaction(office.database, office.clock) as tx:
        first = appointment.take_factor(tx, name="minh", by="first")
    with transaction(office.database, office.clock) as tx:
        second = appointment.take_factor(tx, name="minh", by="second")

    assert isinstance(first, Asked)
    assert second == Done(asked_by="first")
    assert office.last()["to"] == "taken away"
