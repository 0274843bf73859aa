"""What the sender does with what came back: receipts, refusals, replies for the officer, and messages without news."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import select

from broadcaster.audience import opt_out
from broadcaster.channel.base import Channel, Delivery, Fetches, Polls, SendError
from broadcaster.clock import Clock
from broadcaster.db.engine import Database
from broadcaster.db.tables import Meta, table
from broadcaster.dispatch import receipt
from broadcaster.dispatch.dispatch import TEXT_MOST, State
from broadcaster.duty import inbox, plea
from broadcaster.duty.notify import Caller
from broadcaster.ledger.store import Transaction
from broadcaster.ledger.writer import Writer

log = logging.getLogger("broadcaster.receipts")

TIDY_EVERY = timedelta(hours=1)
LOOK_BACK_EVERY = timedelta(seconds=10)  # at events that could not be applied when they came
ASKED_AT_ONCE = (
    30  # messages a round and channel: at one round a minute half of SpeedSMS's 60 requests (channels.md 2.2)
)
FETCH_EVERY = timedelta(seconds=15)  # where nobody can call us back; a plea is to reach the officer within a minute
FETCH_WITHIN = 5.0  # seconds of one request
FETCHES_MOST = 50  # requests of one round
ASK_WITHIN = 45.0  # seconds for a round's questions, so that it is over before the next


@dataclass(slots=True, kw_only=True)
class Listener:
    """One for the sending process. `hear` once a second, `ask` once a minute."""

    channels: Mapping[str, Channel]
    database: Database
    writer: Writer
    clock: Clock
    office_key: bytes
    public: bool  # whether providers can reach us
    prices: Mapping[str, tuple[int, int]]
    caller: Caller
    _tidied: datetime | None = None
    _read_to: int = 0  # in the inbox
    _looked_back: datetime | None = None
    _fetched: datetime | None = None
    _asked_to: dict[str, int] = field(default_factory=dict)  # channel -> the last dispatch asked about

    async def hear(self, *, call: bool = True) -> int:
        """Apply what has arrived since, and call the officer if a reply waits; returns how many events were looked at."""
        heard, now = 0, self.clock.now()
        if self._looked_back is None or now - self._looked_back >= LOOK_BACK_EVERY:
            self._looked_back, self._read_to = now, 0
        if not self.public and (self._fetched is None or now - self._fetched >= FETCH_EVERY):
            self._fetched = now
            for channel in self.channels.values():
                if isinstance(channel, Fetches):
                    await self._fetch(channel)
        if await asyncio.to_thread(self._has_news):
            heard = await self._apply()
            heard += await self.writer.write(partial(opt_out.apply_refusals, office_key=self.office_key))
        if call:
            await self.caller.look()
        if self._tidied is None or now - self._tidied >= TIDY_EVERY:
            self._tidied = now
            await self.writer.write(_tidy)
        return heard

    async def ask(self) -> int:
        """Ask each channel that can be asked how a few of its accepted messages have fared; returns how many moved."""
        rounds = [self._ask(name, channel) for name, channel in self.channels.items() if isinstance(channel, Polls)]
        return sum(await asyncio.gather(*rounds))

    async def _fetch(self, channel: Channel) -> None:
        """Read on from where the last transaction stopped, until there is no more."""
        assert isinstance(channel, Fetches)
        try:
            for _ in range(FETCHES_MOST):
                mark = await asyncio.to_thread(self._mark, channel.name)
                said, after = await channel.fetch(mark, timeout=FETCH_WITHIN)
                if after == mark:
                    return
                work = partial(
                    inbox.keep_fetched, channel=channel, said=said, before=mark, after=after, key=self.office_key
                )
                if not await self.writer.write(work):
                    log.error("receipts.two_readers %s: another process fetches for it; only one may", channel.name)
                    return
        except SendError as error:
            log.warning("receipts.cannot_fetch %s: %s", channel.name, error)
        except Exception:  # an adapter's own fault ends no sender
            log.exception("receipts.adapter_fault %s", channel.name)

    def _mark(self, channel: str) -> str:
        meta = table(Meta)
        with self.database.reading() as connection:
            return connection.scalar(select(meta.c.value).where(meta.c.name == inbox.mark_of(channel))) or ""

    def _has_news(self) -> bool:
        with self.database.reading() as connection:
            return receipt.has_open(connection, after=self._read_to)

    async def _apply(self) -> int:
        looked = 0
        while True:
            batch = await self.writer.write(
                partial(receipt.apply, secret=self.office_key, after=self._read_to, price=self.prices)
            )
            if not batch.looked:
                return looked
            self._read_to, looked = batch.last, looked + batch.looked

    async def _ask(self, name: str, channel: Polls) -> int:
        wanted = await asyncio.to_thread(self._stragglers, name)
        if not wanted:
            return 0
        try:
            async with asyncio.timeout(ASK_WITHIN + 1):
                said = await channel.poll([provider_id for _, _, provider_id in wanted], timeout=ASK_WITHIN)
        except (SendError, TimeoutError) as error:
            log.info("receipts.cannot_ask %s: %s", name, type(error).__name__)
            return 0
        except Exception:  # an adapter's own fault ends no sender
            log.exception("receipts.adapter_fault %s", name)
            return 0
        events = _events(wanted, said)
        outcomes = await self.writer.write(partial(receipt.settle_asked, events=events, price=self.prices))
        return outcomes

    def _stragglers(self, name: str) -> list[tuple[int, int, str]]:
        """The next ones in turn; from the start again when all have had theirs."""
        now = self.clock.now()
        least = receipt.ASK_AFTER_PUSH if self.public else receipt.ASK_AFTER
        with self.database.reading() as connection:
            look = partial(
                receipt.stragglers, connection, name,
                since=now - receipt.ASK_UNTIL, until=now - least, limit=ASKED_AT_ONCE,
            )  # fmt: skip
            found = look(after=self._asked_to.get(name, 0))
            if not found and self._asked_to.get(name):
                found = look(after=0)
        self._asked_to[name] = found[-1][0] if found else 0
        return found


def _events(wanted: Sequence[tuple[int, int, str]], said: Sequence[Delivery]) -> list[receipt.Event]:
    """Only what we asked about, once each."""
    known = {provider_id: (dispatch, n) for dispatch, n, provider_id in wanted}
    found = {}
    for one in said:
        if one.provider_id in known and one.state in receipt.STATES:
            dispatch, n = known[one.provider_id]
            found[dispatch] = receipt.Event(
                inbox=0, dispatch=dispatch, n=n, said=State(one.state), provider_id=one.provider_id,
                reason=receipt.plain(one.reason, TEXT_MOST), parts=one.parts, suppress=one.suppress,
            )  # fmt: skip
    return list(found.values())


def _tidy(tx: Transaction) -> None:
    plea.purge(tx)
    receipt.forget(tx)
