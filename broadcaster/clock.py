"""Time and waiting come from here, so that tests and the demo can move them."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the house knows of time."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean anything."""

    async def sleep_until(self, moment: datetime) -> None:
        """Return at `moment` or just after; at once if it has passed."""


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - this is the one place

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep_until(self, moment: datetime) -> None:
        await asyncio.sleep(max(0.0, (moment - self.now()).total_seconds()))


class MovedClock:
    """A clock that goes on from wherever it was last set."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._moved = timedelta()

    def now(self) -> datetime:
        return self._clock.now() + self._moved

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep_until(self, moment: datetime) -> None:
        await self._clock.sleep_until(moment - self._moved)

    def move_to(self, moment: datetime) -> None:
        """Let it be `moment` now. Raises: ValueError for a naive moment."""
        if moment.tzinfo is None:
            raise ValueError("a moment has a zone")
        self._moved = moment.astimezone(UTC) - self._clock.now()


class SteppedClock:
    """A clock that stands still until someone moves it: by hand in tests, by `run` in the demo.

    Waiters are woken in the order of their moments. `monotonic` follows the moved time.
    """

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock starts at an aware moment")
        self._now = start.astimezone(UTC)
        self._start = self._now
        self._order = itertools.count()
        self._waiters: list[tuple[datetime, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return (self._now - self._start).total_seconds()

    async def sleep_until(self, moment: datetime) -> None:
        if moment <= self._now:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiters, (moment, next(self._order), future))
        await future

    def next_waiter(self) -> datetime | None:
        """The earliest moment somebody waits for, or None."""
        while self._waiters and self._waiters[0][2].done():
            heapq.heappop(self._waiters)
        return self._waiters[0][0] if self._waiters else None

    def move_to(self, moment: datetime) -> None:
        """Set the time (backwards too) and wake everybody whose moment has come."""
        self._now = moment.astimezone(UTC)
        while self._waiters and self._waiters[0][0] <= self._now:
            _, _, future = heapq.heappop(self._waiters)
            if not future.done():
                future.set_result(None)

    def move_by(self, span: timedelta) -> None:
        self.move_to(self._now + span)

    async def run(self, *, idle: Callable[[], bool], until: datetime) -> None:
        """Jump from waiter to waiter up to `until`, but only while `idle()` says that no work is in hand."""
        while True:
            if not await _is_quiet(idle):
                await asyncio.sleep(0.0005)
                continue
            upcoming = self.next_waiter()
            if upcoming is None or upcoming > until:
                return
            self.move_to(upcoming)


async def _is_quiet(idle: Callable[[], bool]) -> bool:
    """Idle, and still idle after whatever was woken or began to wait has taken its next steps."""
    for _ in range(2):
        for _ in range(3):
            await asyncio.sleep(0)
        if not idle():
            return False
    return True
