"""What the sender and those who ask put into the ledger for an auditor: to whom, from whom, under which rules, in which area."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from sqlalchemy import text

from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.dispatch import broadcast, claim
from broadcaster.dispatch import stop as stops
from broadcaster.dispatch.broadcast import AdHoc
from broadcaster.ledger.entry import decode
from broadcaster.ledger.store import raws, transaction
from tests.builders import make_contacts, make_ground, make_revision, make_road

ROADS = {"sms": make_road()}


def entries(database: Database, kind: str) -> list[dict[str, Any]]:
    with database.reading() as connection:
        return [entry for raw in raws(connection) if (entry := decode(raw))["kind"] == kind]


def send(database: Database, clock: SteppedClock, number: int) -> None:
    with transaction(database, clock) as tx:
        epoch = claim.open_lane(tx, "sms")
        due = claim.window(tx.connection, "sms", number, after=0, limit=10)
        claim.intend(tx, ROADS["sms"], epoch, due)


def begun(database: Database, clock: SteppedClock) -> int:
    with transaction(database, clock) as tx:
        number = make_ground(tx, 3)
        broadcast.start(tx, broadcast.get(tx.connection, number), ROADS)
        broadcast.expand_chunk(tx, number, ROADS)
    return number


def test_while_an_area_is_stopped_each_intent_says_its_own(database: Database, clock: SteppedClock) -> None:
    number = begun(database, clock)
    with transaction(database, clock) as tx:
        tx.connection.execute(text("UPDATE contact SET commune = 'Mường Lát' WHERE id = 1"))
        tx.connection.execute(text("UPDATE contact SET commune = 'Tân Lập' WHERE id = 2"))
        stops.set_(tx, scope="area", subject="Mường Lát", reason="lũ", until=None, by="lan")

    send(database, clock, number)

    said = sorted(entry["area"] for entry in entries(database, "attempt.intent"))
    assert said == ["", "Tân Lập"]


def test_without_a_stop_of_an_area_no_intent_carries_one(database: Database, clock: SteppedClock) -> None:
    number = begun(database, clock)

    send(database, clock, number)

    assert ["area" in entry for entry in entries(database, "attempt.intent")] == [False] * 3


def test_a_start_says_to_whom_from_whom_and_under_which_rules(database: Database, clock: SteppedClock) -> None:
    begun(database, clock)

    (start,) = entries(database, "broadcast.start")

    told = {
        name: start[name]
        for name in ("members", "senders", "quiet_hours", "cap_per_24h", "require_consent", "language")
    }
    assert start["group"]
    assert told == {"members": 3, "senders": {"sms": ""}, "quiet_hours": "", "cap_per_24h": 0, "require_consent": True,
                    "language": "vi"}  # fmt: skip
    assert start["due"] < start["expires"]


def test_a_request_says_the_very_things_its_hash_stands_for(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        revision, group = make_revision(tx, text="Gọi 111"), make_contacts(tx, 2)
        wanted = AdHoc(
            message="hotline-111", revision=str(revision), channel="sms", sender="UBND", group=group, address="phone",
            language="vi",
            local="2027-07-01T08:00", due_at=tx.now, expires_at=tx.now, timezone="Asia/Ho_Chi_Minh", quiet_hours="",
            cap_per_24h=3, require_consent=True,
        )  # fmt: skip
        number, subject = broadcast.ask(tx, wanted, by="lan")

    (asked,) = entries(database, "broadcast.plan")

    bound = json.dumps(asked["request"], ensure_ascii=False, separators=(",", ":")).encode()
    assert (asked["b"], asked["authority"], asked["members"], asked["actor"]) == (number, subject, 2, "lan")
    assert sha256(bound).hexdigest() == subject
    assert asked["request"][1:4] == [str(revision), "sms", "UBND"]
