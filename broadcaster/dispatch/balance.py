"""What is left on the gateways' accounts: asked at most once an hour, kept for whoever looks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, insert, select, update

from broadcaster.channel.base import Balance, Channel, SendError, TellsBalance
from broadcaster.clock import Clock
from broadcaster.db.engine import Database
from broadcaster.db.tables import Balance as BalanceRow
from broadcaster.db.tables import table
from broadcaster.ledger.store import Transaction
from broadcaster.ledger.writer import Writer

log = logging.getLogger("broadcaster.balance")
BALANCE = table(BalanceRow)
EVERY = timedelta(hours=1)
TIMEOUT = 20.0  # seconds of one question


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Asks the channels whose providers tell. One for the sending process."""

    channels: Mapping[str, Channel]
    database: Database
    writer: Writer
    clock: Clock

    async def ask(self) -> int:
        """Ask whoever was not asked within the hour; returns how many told."""
        asked = await asyncio.to_thread(self._asked)
        now = self.clock.now()
        due = [
            self._one(name, channel)
            for name, channel in self.channels.items()
            if isinstance(channel, TellsBalance) and not (name in asked and now - asked[name] < EVERY)
        ]
        return sum(await asyncio.gather(*due))

    async def _one(self, name: str, channel: TellsBalance) -> bool:
        found: Balance | None = None
        try:
            async with asyncio.timeout(TIMEOUT + 1):
                found = await channel.balance(timeout=TIMEOUT)
        except (SendError, TimeoutError) as error:
            log.info("balance.cannot_ask %s: %s", name, type(error).__name__)
        except Exception:  # an adapter's own fault ends no sender
            log.exception("balance.adapter_fault %s", name)
        await self.writer.write(partial(_keep, name=name, found=found))
        return found is not None

    def _asked(self) -> dict[str, datetime]:
        with self.database.reading() as connection:
            return {row.channel: row.asked_at for row in known(connection)}


def known(connection: Connection) -> list[Any]:
    """What each provider said last; `said_at` tells how old that is."""
    return list(connection.execute(select(BALANCE).order_by(BALANCE.c.channel)))


def _keep(tx: Transaction, *, name: str, found: Balance | None) -> None:
    """An answer that did not come leaves the last one, with its time."""
    values: dict[str, Any] = {"asked_at": tx.now}
    if found is not None:
        values |= {"amount": found.micros, "currency": found.currency, "said_at": tx.now}
    if not tx.connection.execute(update(BALANCE).where(BALANCE.c.channel == name).values(values)).rowcount:
        tx.connection.execute(insert(BALANCE).values({"channel": name, "currency": "", **values}))
