"""An office that nobody can call: receipts are asked for, and no text promises a link that leads nowhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from callback_office import Office, office

from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from tests.dispatch.test_lane import ledger, states

pytestmark = pytest.mark.anyio


@pytest.fixture
async def desk(
    sqlite_database: Database, clock: SteppedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Office]:
    async with office(tmp_path, sqlite_database, clock, monkeypatch, public=False) as found:
        yield found


async def test_receipts_are_asked_for_a_few_at_a_time_until_all_have_theirs(desk: Office) -> None:
    number = desk.begin(50)
    desk.provider.fates["+84900000007"] = ("undelivered", 30005)
    await desk.send()

    at_once = await ask(desk)
    rounds = [await ask(desk, minutes=3), await ask(desk, minutes=1), await ask(desk, minutes=1)]

    assert desk.provider.calls.answers == []
    assert [at_once, *rounds] == [50, 20, 0, 0]
    assert states(desk.database, number) == {"delivered": 49, "undelivered": 1}
    assert len(ledger(desk.database, "attempt.receipt")) == 50


async def test_messages_that_never_have_news_do_not_keep_the_others_from_being_asked_about(desk: Office) -> None:
    number = desk.begin(50)
    desk.provider.fates |= {f"+8490000{at:04d}": ("sent", 0) for at in range(35)}
    await desk.send()

    left = [await ask(desk, minutes=3), await ask(desk, minutes=1)]

    assert left == [50, 35]
    assert states(desk.database, number) == {"accepted": 35, "delivered": 15}


async def ask(desk: Office, *, minutes: int = 0) -> int:
    """How many still have no receipt after one round."""
    desk.clock.move_by(timedelta(minutes=minutes))
    await desk.engine.ask()
    return len(desk.rows("SELECT id FROM dispatch WHERE state = 'accepted'"))


async def test_a_text_with_an_opt_out_link_pauses_the_channel_and_burns_nobody(desk: Office) -> None:
    number = desk.begin(2, said="Gọi 111. Từ chối: {{ opt_out }}")

    await desk.send()

    assert desk.provider.book.accepted() == []
    assert states(desk.database, number) == {"planned": 2}
    assert "public_url" in desk.rows("SELECT paused FROM lane WHERE channel = 'sms'")[0].paused
