"""Work that fails: whoever waits for it hears of it, and nothing of it stays."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction, head
from broadcaster.ledger.writer import Writer

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("error", [ValueError("x"), StopIteration()])
@pytest.mark.parametrize("beside", [0, 3])
async def test_whoever_waits_for_work_that_fails_hears_of_it(
    sqlite_database: Database, clock: SteppedClock, error: Exception, beside: int
) -> None:
    writer = Writer(sqlite_database, clock)

    def fail(tx: Transaction) -> None:
        tx.record(Kind.USER_REFUSED, "x")
        tx.connection.execute(text("DELETE FROM ledger_head"))
        raise error

    def write(tx: Transaction) -> None:
        tx.record(Kind.USER_REFUSED, "y")

    async with asyncio.timeout(5):
        asked = [asyncio.ensure_future(writer.write(work)) for work in (write, fail, *[write] * beside)]
        found = await asyncio.gather(*asked, return_exceptions=True)

    writer.close()
    assert [type(one) for one in found if one] == [RuntimeError if isinstance(error, StopIteration) else ValueError]
    with sqlite_database.reading() as connection:
        assert head(connection).size == 1 + beside
