"""A paused channel, a late broadcast and a waiting approval reach the officer within a minute, once; the day in two summaries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from sqlalchemy import insert, update

from broadcaster.channel.base import Accepted, NotAccepted, Outgoing
from broadcaster.clock import SteppedClock
from broadcaster.config import Duty
from broadcaster.db.engine import Database
from broadcaster.db.tables import Lane, table
from broadcaster.duty import alarm, heartbeat
from broadcaster.duty.notify import ALARMS_EVERY, Caller
from broadcaster.ledger.entry import decode
from broadcaster.ledger.store import raws, transaction
from broadcaster.ledger.writer import Writer
from tests.builders import make_approval, make_broadcast, make_revision

pytestmark = pytest.mark.anyio
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
NIGHT = datetime(2027, 7, 1, 15, 0, tzinfo=UTC)  # 22:00 there: no summary is due


class Phone:
    """Takes what it is given, or nothing."""

    name, traits = "sms", SimpleNamespace(address="phone")

    def __init__(self) -> None:
        self.works, self.got = True, list[Outgoing]()

    async def send(self, outgoing: Outgoing, *, timeout: float) -> Accepted:
        if not self.works:
            raise NotAccepted("busy")
        self.got.append(outgoing)
        return Accepted(provider_id="p")


async def look(database: Database, clock: SteppedClock, phone: Phone, *, times: int = 1) -> list[str]:
    """What the officer's telephone shows after so many looks, a little more than the alarm's pause apart."""
    writer = Writer(database, clock)
    caller = Caller(
        duty=Duty(channel="sms", to="+84900000999"), office="vp", channels={"sms": phone}, database=database,  # type: ignore[dict-item]
        writer=writer, clock=clock, alarms=partial(alarm.to_tell, zone=ZONE),
    )  # fmt: skip
    for _ in range(times):
        await caller.look()
        clock.move_by(ALARMS_EVERY)
    writer.close()
    return [one.text for one in phone.got]


def about(database: Database) -> list[Any]:
    with database.reading() as connection:
        entries = [decode(raw) for raw in raws(connection)]
    return [entry["about"] for entry in entries if entry["kind"] == "duty.call"]


async def test_a_paused_channel_is_told_once_and_again_when_it_pauses_anew(
    sqlite_database: Database, clock: SteppedClock
) -> None:
    clock.move_to(NIGHT)
    phone, lane = Phone(), table(Lane)
    with transaction(sqlite_database, clock) as tx:
        tx.connection.execute(insert(lane).values(channel="zalo", epoch=1, paused="token", paused_at=tx.now))

    once = await look(sqlite_database, clock, phone, times=3)
    with transaction(sqlite_database, clock) as tx:
        tx.connection.execute(update(lane).values(paused_at=tx.now))
    twice = await look(sqlite_database, clock, phone)

    assert once == ["Kenh zalo tam dung, khong gui duoc. Mo muc Kenh gui de xem."]
    assert len(twice) == 2
    assert about(sqlite_database) == ["lane", "lane"]


async def test_a_broadcast_that_nobody_began_is_told_two_minutes_after_its_time(
    sqlite_database: Database, clock: SteppedClock
) -> None:
    clock.move_to(NIGHT)
    phone = Phone()
    with transaction(sqlite_database, clock) as tx:
        make_broadcast(tx, group=None, due_at=tx.now, expires_at=tx.now + timedelta(hours=1))

    at_once = await look(sqlite_database, clock, phone)
    clock.move_by(timedelta(minutes=2))
    later = await look(sqlite_database, clock, phone, times=2)

    assert at_once == []
    assert later == ["1 luot phat tre gio, chua bat dau. Mo muc Hom nay de xem."]


async def test_approvals_that_wait_are_told_together(sqlite_database: Database, clock: SteppedClock) -> None:
    clock.move_to(NIGHT)
    phone = Phone()
    with transaction(sqlite_database, clock) as tx:
        make_revision(tx, approve=False)
        make_approval(tx, kind="plan", name="c", subject="h", approve=False)

    told = await look(sqlite_database, clock, phone, times=2)

    assert told == ["2 viec moi cho phe duyet. Mo Ban phe duyet de xem."]


async def test_many_that_wait_since_long_hide_none_that_is_new(
    sqlite_database: Database, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alarm, "MOST", 2)
    clock.move_to(NIGHT)
    phone = Phone()
    for name in ("a", "b", "c"):
        with transaction(sqlite_database, clock) as tx:
            make_approval(tx, kind="plan", name=name, subject=name, approve=False)

        told = await look(sqlite_database, clock, phone)

    assert len(told) == 3


async def test_what_did_not_get_through_is_tried_again(sqlite_database: Database, clock: SteppedClock) -> None:
    clock.move_to(NIGHT)
    phone = Phone()
    phone.works = False
    with transaction(sqlite_database, clock) as tx:
        make_revision(tx, approve=False)

    await look(sqlite_database, clock, phone)
    phone.works = True
    told = await look(sqlite_database, clock, phone)

    assert len(told) == 1


async def test_the_day_is_summed_up_in_the_morning_and_in_the_evening(
    sqlite_database: Database, clock: SteppedClock
) -> None:
    clock.move_to(datetime(2027, 7, 1, 0, 29, tzinfo=UTC))  # 07:29 there
    phone = Phone()
    with transaction(sqlite_database, clock) as tx:
        make_broadcast(tx, group=None, due_at=tx.now + timedelta(hours=2), expires_at=tx.now + timedelta(hours=3))

    early = await look(sqlite_database, clock, phone)
    clock.move_to(datetime(2027, 7, 1, 0, 30, tzinfo=UTC))
    morning = await look(sqlite_database, clock, phone, times=2)
    clock.move_to(datetime(2027, 7, 1, 11, 0, tzinfo=UTC))
    evening = await look(sqlite_database, clock, phone, times=2)

    assert early == []
    assert morning == ["Sang 01/07: hom nay 1 luot phat; 0 viec cho phe duyet."]
    assert evening[1:] == ["Toi 01/07: 1 luot phat, 0 da gui, 0 khong gui, 0 chua xong; 0 cho duyet."]


async def test_a_watcher_hears_a_sign_of_life(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=200 if request.path == "/ok" else 500)

    served = web.Application()
    served.router.add_get("/{any}", answer)
    runner = web.AppRunner(served)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]

    took = [await heartbeat.beat(f"http://127.0.0.1:{port}/{path}") for path in ("ok", "bad-secret-path")]
    await runner.cleanup()

    assert took == [True, False]
    assert asked == ["/ok", "/bad-secret-path"]
    assert "bad-secret-path" not in caplog.text
