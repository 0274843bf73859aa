from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.ledger import store
from broadcaster.ledger.entry import Kind, decode
from broadcaster.ledger.merkle import leaf_hash, root_of


def test_entries_of_a_transaction_stand_in_the_ledger_in_order(database: Database, clock: SteppedClock) -> None:
    for who in ("lan", "minh"):
        with store.transaction(database, clock) as tx:
            tx.record(Kind.USER_LOGIN, who)
            tx.record(Kind.USER_REFUSED, who, why="sai mật khẩu")

    with database.reading() as connection:
        raws = list(store.raws(connection))
        frontier = store.head(connection)

    assert [(e["seq"], e["actor"]) for e in map(decode, raws)] == [(0, "lan"), (1, "lan"), (2, "minh"), (3, "minh")]
    assert frontier.size == 4
    assert frontier.root() == root_of(map(leaf_hash, raws))


def test_a_change_that_fails_leaves_no_entry(database: Database, clock: SteppedClock) -> None:
    def change() -> None:
        with store.transaction(database, clock) as tx:
            tx.record(Kind.USER_LOGIN, "lan")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        change()

    with database.reading() as connection:
        assert list(store.raws(connection)) == []


@pytest.mark.parametrize("statement", ["UPDATE ledger_entry SET raw = raw", "DELETE FROM ledger_entry"])
def test_the_database_refuses_to_change_an_entry(database: Database, clock: SteppedClock, statement: str) -> None:
    with store.transaction(database, clock) as tx:
        tx.record(Kind.USER_LOGIN, "lan")

    with pytest.raises(DatabaseError, match="append-only"), database.writing() as connection:
        connection.execute(text(statement))
