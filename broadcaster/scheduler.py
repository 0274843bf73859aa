"""The metronome: APScheduler calls the ticks. It stores nothing; what is due stands in our own rows."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from broadcaster.app import Engine

log = logging.getLogger("broadcaster.scheduler")
TICK_ENDS = 5.0  # seconds a tick under way is given at the end; the longest, a plan of many broadcasts, takes about one


async def run(engine: Engine, *, closing: asyncio.Event | None = None) -> None:
    """Send until `closing` is set, or SIGTERM or Ctrl-C comes; then let the answers under way arrive and return."""
    closing = closing or asyncio.Event()
    restore = _listen(closing)
    under_way: set[asyncio.Task[None]] = set()
    ticks = _metronome(engine, under_way)
    await engine.hear(call=False)  # whoever has refused while nothing ran gets nothing of what follows
    engine.worker.start()
    try:
        ticks.start()
        await _watch(engine, closing)
    finally:
        ticks.pause()
        if under_way:  # shutting down would break them off in the middle
            await asyncio.wait(under_way, timeout=TICK_ENDS)
        ticks.shutdown(wait=False)
        await engine.close()
        restore()


def _metronome(engine: Engine, under_way: set[asyncio.Task[None]]) -> AsyncIOScheduler:
    """One job per kind of tick; a late tick runs, two of a kind never run at once."""
    ticks = AsyncIOScheduler(job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1})
    ticks.add_job(_kept(engine.plan, under_way), "date")  # at once
    ticks.add_job(_kept(engine.plan, under_way), "interval", seconds=60)
    ticks.add_job(_kept(engine.tick, under_way), "interval", seconds=1)
    ticks.add_job(_kept(engine.hear, under_way), "interval", seconds=1)
    ticks.add_job(_kept(engine.ask, under_way), "interval", seconds=60)
    ticks.add_job(_kept(engine.beat, under_way), "interval", seconds=60)
    ticks.add_job(_kept(engine.ask_balances, under_way), "date")
    ticks.add_job(_kept(engine.ask_balances, under_way), "interval", minutes=5)
    ticks.add_job(_kept(engine.reconcile, under_way), "interval", seconds=60)
    ticks.add_job(_kept(engine.send_checkpoints, under_way), "interval", minutes=10)
    ticks.add_job(_kept(engine.erase_old, under_way), "cron", hour=3, minute=20, timezone=engine.config.office.timezone)
    ticks.add_job(_kept(engine.checkpoint, under_way), "cron", hour=0, minute=5, timezone=engine.config.office.timezone)
    return ticks


def _kept(tick: Callable[[], Awaitable[Any]], under_way: set[asyncio.Task[None]]) -> Callable[[], Awaitable[None]]:
    """The tick, known to be under way while it is."""

    async def run() -> None:
        task = asyncio.current_task()
        assert task is not None
        under_way.add(task)
        try:
            await tick()
        finally:
            under_way.discard(task)

    return run


async def _watch(engine: Engine, closing: asyncio.Event) -> None:
    """Wait for the end; a lane that died ends the process loudly, for whoever keeps it running to start it again."""
    while not closing.is_set():
        _ = engine.idle  # raises what killed a lane
        try:
            await asyncio.wait_for(closing.wait(), timeout=1.0)
        except TimeoutError:
            continue


def _listen(closing: asyncio.Event) -> Callable[[], None]:
    """SIGTERM and Ctrl-C ask for the end once; a second time they end at once. Works where there is no add_signal_handler."""
    loop = asyncio.get_running_loop()
    before = {}

    def asked(number: int, _frame: FrameType | None) -> None:
        log.info("run.closing signal=%s", number)
        loop.call_soon_threadsafe(closing.set)
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        before[number] = signal.signal(number, asked)

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    return restore
