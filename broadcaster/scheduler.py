"""The metronome: APScheduler calls the ticks. It stores nothing; what is due stands in our own rows."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from types import FrameType

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from broadcaster.app import Engine

log = logging.getLogger("broadcaster.scheduler")


async def run(engine: Engine, *, closing: asyncio.Event | None = None) -> None:
    """Send until `closing` is set, or SIGTERM or Ctrl-C comes; then let the answers under way arrive and return."""
    closing = closing or asyncio.Event()
    restore = _listen(closing)
    ticks = _metronome(engine)
    await engine.hear(call=False)  # whoever has refused while nothing ran gets nothing of what follows
    engine.worker.start()
    try:
        ticks.start()
        await _watch(engine, closing)
    finally:
        ticks.shutdown(wait=False)
        await engine.close()
        restore()


def _metronome(engine: Engine) -> AsyncIOScheduler:
    """One job per kind of tick; a late tick runs, two of a kind never run at once."""
    ticks = AsyncIOScheduler(job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1})
    ticks.add_job(engine.plan, "date")  # at once
    ticks.add_job(engine.plan, "interval", seconds=60)
    ticks.add_job(engine.tick, "interval", seconds=1)
    ticks.add_job(engine.hear, "interval", seconds=1)
    ticks.add_job(engine.ask, "interval", seconds=60)
    ticks.add_job(engine.reconcile, "interval", seconds=60)
    ticks.add_job(engine.checkpoint, "cron", hour=0, minute=5, timezone=engine.config.office.timezone)
    return ticks


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
