"""Going on from an older copy: nobody gets anything twice, what may have gone out is in doubt, two people let it go on."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from broadcaster.channel.base import NotAccepted
from broadcaster.clock import SteppedClock
from broadcaster.db.backup import backup, put_back
from broadcaster.db.engine import Database
from broadcaster.dispatch import broadcast, claim, reconcile, store
from broadcaster.dispatch import stop as stops
from broadcaster.dispatch.dispatch import State
from broadcaster.errors import Conflict, NotFound
from broadcaster.ledger.store import transaction
from broadcaster.plan import restore
from broadcaster.simulator.twilio import TwilioSimulator
from tests.acceptance.test_walk import Office, approved_broadcast, office, simulator
from tests.builders import make_broadcast, make_road
from tests.dispatch.test_lane import Phone, begin, drive, ledger, states

__all__ = ["office", "simulator"]  # fixtures
pytestmark = pytest.mark.anyio
ROADS = {"sms": make_road()}


def enter(database: Database, clock: SteppedClock, roads: Any = ROADS) -> restore.Restored:
    return restore.enter(database, clock, roads, file="copy.db", lost=0, reason="đĩa hỏng", actor="console:lan")


def lift(database: Database, clock: SteppedClock, stop: int) -> None:
    with transaction(database, clock) as tx:
        stops.lift(tx, stop, asked_by="lan", signed_by="minh")


async def test_after_a_restore_nobody_gets_anything_twice(
    sqlite_database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    number = begin(sqlite_database, clock, 12)
    backup(sqlite_database, tmp_path / "copy.db")
    phone = Phone()
    await drive(sqlite_database, clock, phone)
    kept = put_back(sqlite_database, tmp_path / "copy.db")
    clock.move_by(timedelta(hours=1))

    found = enter(sqlite_database, clock)
    await drive(sqlite_database, clock, phone, span=timedelta(hours=2))
    lift(sqlite_database, clock, found.stop)
    await drive(sqlite_database, clock, phone, span=timedelta(hours=2))

    assert len(phone.book) == 12
    assert max(Counter(outgoing.to for outgoing in phone.book).values()) == 1
    assert (found.broadcasts, found.doubts) == (1, 12)
    assert states(sqlite_database, number) == {"unknown": 12}
    assert kept is not None
    assert kept.exists()


async def test_nothing_at_all_is_sent_before_two_people_resume(database: Database, clock: SteppedClock) -> None:
    begin(database, clock, 2)
    found = enter(database, clock)
    with transaction(database, clock) as tx:
        later = make_broadcast(tx, group=1, due_at=clock.now() + timedelta(hours=1))
        broadcast.start(tx, broadcast.get(tx.connection, later), ROADS)
        while broadcast.expand_chunk(tx, later, ROADS):
            pass
    phone = Phone()

    await drive(database, clock, phone, span=timedelta(hours=1))
    before = len(phone.book)
    lift(database, clock, found.stop)
    await drive(database, clock, phone, span=timedelta(minutes=1))

    assert (before, len(phone.book)) == (0, 2)


async def test_what_was_due_since_and_not_yet_expanded_is_expanded_into_doubt_with_numbers_of_its_own(
    database: Database, clock: SteppedClock
) -> None:
    begin(database, clock, 3)
    with transaction(database, clock) as tx:
        later = make_broadcast(tx, group=1, due_at=clock.now() + timedelta(hours=1))
        far = make_broadcast(tx, group=1, due_at=clock.now() + timedelta(hours=9))
    clock.move_by(timedelta(hours=2))

    found = enter(database, clock)

    assert found.doubts == 6
    assert states(database, later) == {"unknown": 3}
    with database.reading() as connection:
        assert broadcast.get(connection, far).state == "planned"
        ids = connection.execute(
            text("SELECT min(id) FROM dispatch WHERE broadcast_id = :b"), {"b": later}
        ).scalar_one()
    assert ids > restore.GAP


async def test_ids_go_on_above_the_gap_when_nothing_had_to_be_expanded(database: Database, clock: SteppedClock) -> None:
    begin(database, clock, 3)
    enter(database, clock)

    with transaction(database, clock) as tx:
        later = make_broadcast(tx, group=1, due_at=clock.now() + timedelta(hours=1))
        broadcast.start(tx, broadcast.get(tx.connection, later), ROADS)
        while broadcast.expand_chunk(tx, later, ROADS):
            pass

    with database.reading() as connection:
        found = connection.execute(text("SELECT id FROM dispatch WHERE broadcast_id = :b ORDER BY id"), {"b": later})
        ids = list(found.scalars())
        assert store.recount(connection) == []
    assert ids == [ids[0], ids[0] + 1, ids[0] + 2]
    assert ids[0] > restore.GAP


async def test_no_look_up_and_no_key_sends_again_what_a_restore_put_in_doubt(
    database: Database, clock: SteppedClock
) -> None:
    number = begin(database, clock, 4)
    with transaction(database, clock) as tx:
        epoch = claim.open_lane(tx, "sms")
        due = claim.window(tx.connection, "sms", number, after=0, limit=1)
        claim.intend(tx, ROADS["sms"], epoch, due)
    await drive(database, clock, Phone(lambda _o: NotAccepted("refused connection")))

    enter(database, clock)

    assert states(database, number) == {"unknown": 4}
    with database.reading() as connection:
        assert reconcile.doubtful(connection, "sms") == []


async def test_two_people_may_send_again_what_a_restore_put_in_doubt(database: Database, clock: SteppedClock) -> None:
    number = begin(database, clock, 3)
    found = enter(database, clock)
    with transaction(database, clock) as tx:
        doubts = reconcile.doubts_of(tx.connection, number, State.UNKNOWN, "again", now=tx.now)
        reconcile.resolve_all(
            tx, doubts, "again", reason="nhà mạng không có", asked_by="lan", signed_by="minh", parts={}
        )
    lift(database, clock, found.stop)
    phone = Phone()

    await drive(database, clock, phone)

    assert states(database, number) == {"accepted": 3}
    assert len(phone.book) == 3
    assert all("n" not in entry for entry in ledger(database, "dispatch.resend"))


async def test_a_request_that_waited_when_the_copy_was_made_lapses(database: Database, clock: SteppedClock) -> None:
    number = begin(database, clock, 1)
    with transaction(database, clock) as tx:
        asked = make_broadcast(
            tx, group=1, state="submitted", authority="x", authority_kind="broadcast", schedule_id=""
        )

    enter(database, clock)

    with database.reading() as connection:
        assert broadcast.get(connection, asked).state == "expired"
        assert broadcast.get(connection, number).state == "running"


async def test_who_was_to_be_followed_by_another_channel_is_in_doubt_there_too(
    database: Database, clock: SteppedClock
) -> None:
    from tests.dispatch.test_fallback import ROADS as TWO
    from tests.dispatch.test_fallback import Refused, Zalo, rows, send
    from tests.dispatch.test_fallback import begin as chained

    chained(database, clock, 2, zalo=2)
    await send(database, clock, Zalo({"z1": Refused("blocked")}))

    enter(database, clock, TWO)

    assert rows(database) == {"1": ["zalo failed", "sms unknown"], "2": ["zalo accepted"]}


@pytest.mark.parametrize("spoil", ["text", "cut", "missing"])
def test_a_bad_copy_changes_nothing(sqlite_database: Database, tmp_path: Path, spoil: str) -> None:
    copy = tmp_path / "copy.db"
    backup(sqlite_database, copy)
    if spoil == "text":
        copy.write_text("no database", encoding="utf-8")
    if spoil == "cut":
        copy.write_bytes(copy.read_bytes()[:20_000])
    if spoil == "missing":
        copy.unlink()
    before = sqlite_database.file.read_bytes() if sqlite_database.file else b""

    with pytest.raises((Conflict, NotFound), match=r"nothing was changed|There is no"):
        put_back(sqlite_database, copy)

    assert sqlite_database.file
    assert sqlite_database.file.read_bytes() == before


def test_the_command_goes_on_from_a_backup_and_the_ledger_still_verifies(
    office: Office, simulator: TwilioSimulator
) -> None:
    number = approved_broadcast(office)
    office.type("db", "backup", "copy.db")
    office.type("run", "--until-idle", "--no-web")
    office.type("ledger", "checkpoint")
    sent = len(simulator.book.entries)

    refused = office.type("db", "restore", "copy.db", "--here", "--reason", "x", code=2)
    found = office.json("db", "restore", "copy.db", "--reason", "đĩa hỏng")
    office.type("run", "--until-idle", "--no-web", code=1)
    waiting = office.json("resume", who="hoa")
    office.type("resume", who="minh")
    office.type("run", "--until-idle", "--no-web")

    shown = office.json("broadcast", "show", number)
    assert refused == ""
    assert found["doubts"] == 40
    assert waiting["state"] == "waiting"
    assert shown["states"]["unknown"] == 40
    assert len(simulator.book.entries) == sent >= 40
    assert office.json("ledger", "verify")["ok"]
    assert list((office.folder / "checkpoints").glob("before-restore-at-*/*.txt"))
