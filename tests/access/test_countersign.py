"""The first half of an act counts only while whoever asked it may still ask it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update

from broadcaster.access import countersign, store
from broadcaster.access.countersign import Signed, Waiting
from broadcaster.access.user import Act, Role
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.ledger.store import Transaction, transaction

PASSWORD = "mot cau du dai de nho"


@pytest.fixture(autouse=True)
def people(monkeypatch: pytest.MonkeyPatch, database: Database, clock: SteppedClock) -> None:
    from argon2 import PasswordHasher

    monkeypatch.setattr(store, "_hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    with transaction(database, clock) as tx:
        for name in ("hoa", "duc", "tam"):
            store.add(tx, name=name, roles=frozenset({Role.OPERATOR}), password=PASSWORD, actor="t")


def lift(database: Database, clock: SteppedClock, by: str) -> Any:
    with transaction(database, clock) as tx:
        return countersign.ask_or_sign(tx, act="stop.lift", subject="stop 1", by=by, takes=Act.STOP_LIFT)


CHANGES: dict[str, Callable[[Transaction], None]] = {
    "disabled": lambda tx: store.disable(tx, name="hoa", actor="quan"),
    "another role": lambda tx: store.set_roles(tx, name="hoa", roles=frozenset({Role.AUTHOR}), actor="quan"),
    "another password": lambda tx: store.reset(tx, name="hoa", password=PASSWORD, actor="quan"),
}


def test_a_second_person_signs_what_the_first_asked(database: Database, clock: SteppedClock) -> None:
    asked = lift(database, clock, "hoa")

    signed = lift(database, clock, "duc")

    assert isinstance(asked, Waiting)
    assert signed == Signed(request=asked.request, asked_by="hoa", signed_by="duc")


@pytest.mark.parametrize("change", CHANGES)
def test_what_somebody_asked_is_over_when_an_admin_changes_the_account(
    database: Database, clock: SteppedClock, change: str
) -> None:
    lift(database, clock, "hoa")

    with transaction(database, clock) as tx:
        CHANGES[change](tx)
        waiting = countersign.waiting(tx.connection, now=tx.now)
    said = lift(database, clock, "duc")

    assert waiting == []
    assert isinstance(said, Waiting)
    assert isinstance(lift(database, clock, "tam"), Signed)


@pytest.mark.parametrize("values", [{"disabled": True}, {"roles": "author"}])
def test_the_first_person_is_looked_at_again_when_the_second_signs(
    database: Database, clock: SteppedClock, values: dict[str, Any]
) -> None:
    lift(database, clock, "hoa")
    with transaction(database, clock) as tx:  # as when both happen at once on PostgreSQL
        tx.connection.execute(update(store.USER).where(store.USER.c.name == "hoa").values(**values))

    assert isinstance(lift(database, clock, "duc"), Waiting)


def test_let_in_again_nobody_finds_an_old_half_of_theirs_in_force(database: Database, clock: SteppedClock) -> None:
    lift(database, clock, "hoa")
    with transaction(database, clock) as tx:
        store.disable(tx, name="hoa", actor="quan")
        store.reset(tx, name="hoa", password=PASSWORD, actor="quan")

    assert isinstance(lift(database, clock, "duc"), Waiting)
