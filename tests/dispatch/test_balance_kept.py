"""What gateways say is left is asked once an hour, and the last word is kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from broadcaster.channel.base import Balance, OutcomeUnknown
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.dispatch import balance
from broadcaster.ledger.writer import Writer

pytestmark = pytest.mark.anyio


class Gateway:
    """Says what it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.says: Balance | Exception = Balance(micros=5_000_000, currency="VND")

    async def balance(self, *, timeout: float) -> Balance:
        self.asked += 1
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


@pytest.fixture
def accounts(database: Database, clock: SteppedClock) -> Iterator[tuple[balance.Accounts, Gateway]]:
    writer, gateway = Writer(database, clock), Gateway()
    channels: Any = {"sms": gateway, "web": object()}
    yield balance.Accounts(channels=channels, database=database, writer=writer, clock=clock), gateway
    writer.close()


def kept(database: Database) -> list[tuple[Any, ...]]:
    with database.reading() as connection:
        return [(row.channel, row.amount, row.currency, row.said_at, row.asked_at) for row in balance.known(connection)]


async def test_each_gateway_is_asked_once_an_hour(
    accounts: tuple[balance.Accounts, Gateway], database: Database, clock: SteppedClock
) -> None:
    asking, gateway = accounts

    told = [await asking.ask(), await asking.ask()]
    clock.move_by(timedelta(hours=1))
    told.append(await asking.ask())

    assert (told, gateway.asked) == ([1, 0, 1], 2)
    assert kept(database) == [("sms", 5_000_000, "VND", clock.now(), clock.now())]


@pytest.mark.parametrize("fault", [OutcomeUnknown("cut"), TimeoutError(), ValueError("an adapter's own")])
async def test_an_answer_that_does_not_come_leaves_the_last_one_with_its_time(
    accounts: tuple[balance.Accounts, Gateway], database: Database, clock: SteppedClock, fault: Exception
) -> None:
    asking, gateway = accounts
    await asking.ask()
    before = clock.now()
    clock.move_by(timedelta(hours=2))
    gateway.says = fault

    told = [await asking.ask(), await asking.ask()]

    assert (told, gateway.asked) == ([0, 0], 2)
    assert kept(database) == [("sms", 5_000_000, "VND", before, clock.now())]
