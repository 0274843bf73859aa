"""Calls the officer on duty: "a message waits at the duty desk", without a number, a name or a text in it.

The same roads carry what cannot wait (a paused channel, a late broadcast, an approval) and what must not be forgotten for
days: that a report is due.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection

from broadcaster.channel.base import Accepted, Channel, OutcomeUnknown, Outgoing, SendError
from broadcaster.clock import Clock
from broadcaster.config import Duty
from broadcaster.db.engine import Database
from broadcaster.duty import plea
from broadcaster.ledger.store import Transaction
from broadcaster.ledger.writer import Writer

log = logging.getLogger("broadcaster.duty")

TEXT = "Bàn trực: có tin nhắn mới đang chờ. Mở phần mềm, mục Bàn trực, để xem."
TEXT_SMS = "Ban truc: co tin nhan moi dang cho. Mo phan mem, muc Ban truc, de xem."  # one part on any gateway
TITLE = "Bàn trực: có tin nhắn chờ"
TIMEOUT = 20.0  # seconds for one call: two roads fit into the minute there is
GOOD_FOR = timedelta(minutes=30)
TRY_AGAIN = timedelta(seconds=30)  # after a call that did not get through, or to nobody
ALARMS_EVERY = timedelta(seconds=20)  # what must reach a person within a minute
NOTICES_EVERY = timedelta(minutes=10)  # what waits for days is looked for, and tried again, so often


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something the officer is told once, that is no reply: a report is due."""

    name: str  # in the reference of the call: letters, digits, hyphens
    title: str
    text: str
    text_sms: str  # without accents, one part
    told: Callable[[str, Transaction], None]  # by which channel: keeps that it was said


@dataclass(slots=True, kw_only=True)
class Caller:
    """Tells the officer of every new reply within a minute; `look` is called by a tick."""

    duty: Duty
    office: str
    channels: Mapping[str, Channel]
    database: Database
    writer: Writer
    clock: Clock
    timeout: float = TIMEOUT
    notices: Callable[[Connection, datetime], Sequence[Notice]] | None = None
    alarms: Callable[[Connection, datetime], Sequence[Notice]] | None = None
    _rest_until: Any = field(default=None)
    _noticed_at: datetime | None = None
    _alarmed_at: datetime | None = None

    async def look(self) -> int:
        """Call about what waits; returns of how many replies the officer was told."""
        now = self.clock.now()
        await self._tell_all(now)
        if self._rest_until and now < self._rest_until:
            return 0
        numbers = await asyncio.to_thread(self._waiting)
        if not numbers:
            return 0
        for name, to in self.duty.roads():
            channel = self.channels.get(name)
            text = TEXT_SMS if channel and channel.traits.address == "phone" else TEXT
            if channel and await self._call(channel, to, title=TITLE, text=text, name=str(numbers[-1])):
                await self.writer.write(partial(plea.called, numbers=numbers, channel=name))
                return len(numbers)
        self._rest_until = now + TRY_AGAIN
        log.warning("duty.nobody_reached %d replies wait at the duty desk: broadcaster duty list", len(numbers))
        return 0

    def _waiting(self) -> Sequence[int]:
        with self.database.reading() as connection:
            return plea.to_call_about(connection, now=self.clock.now())

    async def _tell_all(self, now: datetime) -> None:
        if not self.duty.roads():
            return
        if self.alarms and not (self._alarmed_at and now - self._alarmed_at < ALARMS_EVERY):
            self._alarmed_at = now
            await self._tell(self.alarms, now)
        if self.notices and not (self._noticed_at and now - self._noticed_at < NOTICES_EVERY):
            self._noticed_at = now
            await self._tell(self.notices, now)

    async def _tell(self, source: Callable[[Connection, datetime], Sequence[Notice]], now: datetime) -> None:
        for one in await asyncio.to_thread(self._read, source, now):
            for name, to in self.duty.roads():
                channel = self.channels.get(name)
                text = one.text_sms if channel and channel.traits.address == "phone" else one.text
                if channel and await self._call(channel, to, title=one.title, text=text, name=one.name):
                    await self.writer.write(partial(one.told, name))
                    break

    def _read(self, source: Callable[[Connection, datetime], Sequence[Notice]], now: datetime) -> Sequence[Notice]:
        with self.database.reading() as connection:
            return source(connection, now)

    async def _call(self, channel: Channel, to: str, *, title: str, text: str, name: str) -> bool:
        """Whether it was accepted. What may have got through counts: the officer is called again while nobody looks."""
        now = self.clock.now()
        key = f"{self.office}-duty-{name}-{int(now.timestamp())}"[:48]
        outgoing = Outgoing(
            key=key, dedupe_key=key, to=to, text=text, title=title, language="vi", link="", expires_at=now + GOOD_FOR
        )
        try:
            async with asyncio.timeout(self.timeout + 1):
                if inspect.iscoroutinefunction(channel.send):
                    answer: Any = await channel.send(outgoing, timeout=self.timeout)
                else:
                    answer = await asyncio.to_thread(partial(channel.send, outgoing, timeout=self.timeout))
        except OutcomeUnknown:
            return True
        except (SendError, TimeoutError) as error:
            log.warning("duty.not_called by %s: %s", channel.name, type(error).__name__)
            return False
        except Exception:  # an adapter's own fault must not keep the other road from being tried
            log.exception("duty.adapter_fault %s", channel.name)
            return False
        return isinstance(answer, Accepted)
