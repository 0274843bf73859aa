"""The metronome's end: what is under way is let finish, nothing new begins."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from broadcaster import scheduler

pytestmark = pytest.mark.anyio


class Engine:
    """Only what the metronome calls; its first plan takes until somebody lets it go on."""

    def __init__(self) -> None:
        self.config: Any = SimpleNamespace(office=SimpleNamespace(timezone="Asia/Ho_Chi_Minh"))
        self.worker: Any = SimpleNamespace(start=lambda: None)
        self.idle = True
        self.began, self.go_on = asyncio.Event(), asyncio.Event()
        self.said: list[str] = []

    async def plan(self) -> None:
        self.began.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.said.append("broken off")
            raise
        self.said.append("planned")

    async def close(self) -> None:
        self.said.append("closed")

    async def hear(self, *, call: bool = True) -> None:
        """Nothing has come."""

    tick = ask = reconcile = checkpoint = send_checkpoints = erase_old = ask_balances = beat = hear


async def test_a_tick_under_way_at_the_end_is_let_finish_before_all_is_closed() -> None:
    engine, closing = Engine(), asyncio.Event()
    running = asyncio.create_task(scheduler.run(engine, closing=closing))  # type: ignore[arg-type]
    await engine.began.wait()

    closing.set()
    for _ in range(50):  # until the watch has seen that it is to end
        await asyncio.sleep(0)
    engine.go_on.set()
    await asyncio.wait_for(running, 10)

    assert engine.said == ["planned", "closed"]
