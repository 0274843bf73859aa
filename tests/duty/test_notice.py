"""A report that is due reaches a person over the duty roster, by the other road if the first one fails."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, select

from broadcaster import app
from broadcaster.channel.base import Accepted, NotAccepted, Outgoing
from broadcaster.clock import SteppedClock
from broadcaster.config import Duty
from broadcaster.db.engine import Database
from broadcaster.db.tables import Campaign, ReportReminded, table
from broadcaster.duty.notify import NOTICES_EVERY, Caller
from broadcaster.ledger.entry import decode
from broadcaster.ledger.store import raws, transaction
from broadcaster.ledger.writer import Writer

pytestmark = pytest.mark.anyio
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
DUE = date(2027, 9, 20)


class Road:
    """A channel that takes what it is given, or not."""

    def __init__(self, name: str, address: str, *, works: bool = True) -> None:
        self.name, self.works, self.got = name, works, list[Outgoing]()
        self.traits = SimpleNamespace(address=address)

    async def send(self, outgoing: Outgoing, *, timeout: float) -> Accepted:
        if not self.works:
            raise NotAccepted("busy")
        self.got.append(outgoing)
        return Accepted(provider_id="p")


@pytest.fixture
def office(sqlite_database: Database, clock: SteppedClock) -> Database:
    with transaction(sqlite_database, clock) as tx:
        row: dict[str, Any] = {
            "id": "mbn",
            "title": "Chiến dịch 2027",
            "state": "done",
            "plan_hash": "h",
            "timezone": "UTC",
        }
        days = {"since": date(2027, 7, 1), "until": date(2027, 8, 31), "report_due": DUE}
        tx.connection.execute(insert(table(Campaign)).values(**row, **days))
    clock.move_to(datetime(2027, 9, 17, 2, 0, tzinfo=UTC))  # 9 in the morning, three days before
    return sqlite_database


async def test_the_second_road_is_taken_and_the_step_is_not_told_twice(office: Database, clock: SteppedClock) -> None:
    broken, mail = Road("sms", "phone", works=False), Road("mail", "email")
    writer = Writer(office, clock)
    caller = Caller(
        duty=Duty(channel="sms", to="+84912345678", fallback="mail truc@tinh.example"), office="vp",
        channels={"sms": broken, "mail": mail}, database=office, writer=writer, clock=clock,  # type: ignore[dict-item]
        notices=partial(app._notices, zone=ZONE),
    )  # fmt: skip

    await caller.look()
    clock.move_by(NOTICES_EVERY + timedelta(seconds=1))
    await caller.look()
    writer.close()

    (told,) = mail.got
    assert "còn 3 ngày" in told.text
    with office.reading() as connection:
        assert [tuple(row)[:2] for row in connection.execute(select(table(ReportReminded)))] == [("mbn", 3)]
        last = decode(list(raws(connection))[-1])
    assert (last["kind"], last["report"], last["channel"]) == ("duty.call", "mbn", "mail")


async def test_a_call_that_nobody_took_is_tried_again(office: Database, clock: SteppedClock) -> None:
    sms = Road("sms", "phone", works=False)
    writer = Writer(office, clock)
    caller = Caller(
        duty=Duty(channel="sms", to="+84912345678"), office="vp", channels={"sms": sms},  # type: ignore[dict-item]
        database=office, writer=writer, clock=clock, notices=partial(app._notices, zone=ZONE),
    )  # fmt: skip

    await caller.look()
    sms.works = True
    await caller.look()
    assert sms.got == []  # not before ten minutes have gone
    clock.move_by(NOTICES_EVERY)
    await caller.look()
    writer.close()

    assert [one.text for one in sms.got] == ["Nhac viec: bao cao mbn han 20/09/2027, con 3 ngay."]
