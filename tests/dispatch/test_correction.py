"""A wrong text that is out: the rest stops, what can be is taken down, exactly those who got it get the correction."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from broadcaster.channel.base import Accepted, OutcomeUnknown, Refused
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.dispatch import broadcast, correction, fallback, reconcile
from broadcaster.dispatch.dispatch import State
from broadcaster.errors import Conflict
from broadcaster.ledger.store import transaction
from broadcaster.simulator.twilio import TwilioSimulator
from tests.acceptance.test_walk import Office, approved_broadcast, office, simulator
from tests.dispatch.test_fallback import ROADS as TWO_ROADS
from tests.dispatch.test_fallback import Zalo, send
from tests.dispatch.test_fallback import begin as chained
from tests.dispatch.test_lane import Phone, begin, drive, ledger

__all__ = ["office", "simulator"]  # fixtures
pytestmark = pytest.mark.anyio


async def wrong(database: Database, clock: SteppedClock) -> int:
    """Out to five people: accepted, refused, in doubt, accepted, accepted."""
    number = begin(database, clock, 5)
    answers = {"+84900000001": Refused("blocked"), "+84900000002": OutcomeUnknown("cut")}
    await drive(database, clock, Phone(lambda o: answers.get(o.to, Accepted(provider_id=o.key))))
    return number


async def test_the_group_of_a_correction_is_exactly_those_who_have_the_wrong_text_or_may(
    database: Database, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(correction, "CHUNK", 2)
    number = await wrong(database, clock)

    after: int | None = 0
    for _ in range(2):  # said twice, it stays the same
        after = 0
        while after is not None:
            with transaction(database, clock) as tx:
                group, after = correction.gather_chunk(tx, number, "sms", after=after)

    with database.reading() as connection:
        members = connection.execute(text("SELECT contact_id FROM member WHERE group_id = :g"), {"g": group}).scalars()
        assert sorted(members) == [1, 3, 4, 5]
        assert correction.got(connection, number) == {"sms": 4}


async def test_what_is_taken_down_is_not_asked_for_again_and_what_failed_is(
    database: Database, clock: SteppedClock
) -> None:
    number = await wrong(database, clock)
    with transaction(database, clock) as tx:
        known = correction.begin(tx, number, message="b", reason="sai số", by="lan")
        for dispatch, fault in ((1, ""), (4, "OSError")):
            correction.took_down(tx, known, dispatch, broadcast=number, fault=fault, by="lan")

    with database.reading() as connection:
        left = [row.id for row in correction.to_take_down(connection, number, "sms")]
        assert correction.taken_down(connection, number) == {"sms": {"done": 1, "failed": 1}}
    assert left == [4, 5]
    assert [entry["state"] for entry in ledger(database, "correction.take_down")] == ["done", "failed"]


async def test_a_broadcast_has_one_correction(database: Database, clock: SteppedClock) -> None:
    number = await wrong(database, clock)
    with transaction(database, clock) as tx:
        first = correction.begin(tx, number, message="b", reason="sai số", by="lan")
        again = correction.begin(tx, number, message="b", reason="sai số", by="lan")

    with pytest.raises(Conflict, match="already"), transaction(database, clock) as tx:
        correction.begin(tx, number, message="c", reason="sai số", by="lan")

    assert first == again
    assert len(ledger(database, "correction.begin")) == 1


async def test_which_broadcast_is_corrected_is_part_of_what_is_approved(clock: SteppedClock) -> None:
    from dataclasses import replace

    now = clock.now()
    asked = broadcast.AdHoc(
        message="b", revision="r", channel="sms", sender="", group=1, address="phone", language="vi", local="2027-07-01T08:00",
        due_at=now, expires_at=now + timedelta(hours=6), timezone="Asia/Ho_Chi_Minh", quiet_hours="", cap_per_24h=0,
        require_consent=False,
    )  # fmt: skip

    assert asked.subject("m", 1) != replace(asked, corrects=7).subject("m", 1)
    assert replace(asked, corrects=8).subject("m", 1) != replace(asked, corrects=7).subject("m", 1)


async def test_a_text_known_to_be_wrong_is_not_sent_again_by_any_road(database: Database, clock: SteppedClock) -> None:
    number = chained(database, clock, 2, zalo=2)
    await send(database, clock, Zalo({"z1": Refused("blocked"), "z2": OutcomeUnknown("cut")}))
    with transaction(database, clock) as tx:
        correction.begin(tx, number, message="b", reason="sai số", by="lan")

    with transaction(database, clock) as tx:
        followed = fallback.fall_back(tx, number, TWO_ROADS)
    with pytest.raises(Conflict, match="wrong"), transaction(database, clock) as tx:
        reconcile.resolve(tx, 2, "again", reason="x", asked_by="lan", signed_by="minh")
    with pytest.raises(Conflict, match="wrong"), database.reading() as connection:
        reconcile.doubts_of(connection, number, State.UNKNOWN, "again", now=clock.now())

    assert followed == 0
    with database.reading() as connection:
        assert fallback.chained(connection, clock.now()) == {}


@pytest.mark.slow
def test_a_wrong_text_is_set_right_from_the_command_line(office: Office, simulator: TwilioSimulator) -> None:
    number = approved_broadcast(office)
    asked = office.json("send", "hotline-111", "--channel", "web", who="lan")
    office.type("broadcast", "approve", asked["broadcast"], who="minh")
    office.type("run", "--until-idle", "--no-web")
    office.type("message", "submit", "hotline-113", who="lan")
    office.type("message", "approve", "hotline-113", who="minh")
    words = ("--message", "hotline-113", "--reason", "sai số tổng đài")

    office.type("print", "poster", "hotline-111", who="lan")

    said = office.json("correct", number, *words, who="hoa")
    again = office.json("correct", number, *words, who="hoa")
    page = office.json("correct", asked["broadcast"], *words, who="hoa")
    (proposal,) = said["proposed"]
    office.type("broadcast", "approve", proposal["broadcast"], who="minh")
    office.type("run", "--until-idle", "--no-web")

    assert (proposal["channel"], proposal["got_it"], proposal["state"]) == ("sms", 40, "submitted")
    assert said["cannot_be_taken_back"] == {"sms": 40}
    assert [(one["piece"], one["language"], one["by"]) for one in said["printed"]] == [("poster", "vi", "lan")]
    assert [one["broadcast"] for one in again["proposed"]] == [proposal["broadcast"]]
    assert page["taken_down"] == {"web": {"done": 2}} or page["taken_down"]["web"]["done"] >= 1
    assert page["cannot_be_taken_back"] == {}
    shown = office.json("broadcast", "show", number)
    assert shown["correction"]["message"] == "hotline-113"
    assert shown["correction"]["broadcasts"] == {proposal["broadcast"]: "done"}
    set_right = office.json("broadcast", "show", proposal["broadcast"])
    assert (set_right["corrects"], set_right["states"]["accepted"]) == (number, 40)
    assert office.json("ledger", "verify")["ok"]


def test_two_people_settle_all_doubts_of_a_broadcast_with_one_command(
    office: Office, simulator: TwilioSimulator
) -> None:
    number = approved_broadcast(office)
    office.type("db", "backup", "copy.db")
    office.type("db", "restore", "copy.db", "--reason", "diễn tập")  # all forty may have gone out
    words = ("dispatch", "resolve", "--broadcast", number, "--as-state", "accepted", "--reason", "hóa đơn")

    asked = office.json(*words, who="lan")
    same = office.json(*words, who="lan")
    signed = office.json(*words, who="minh")

    assert (asked["state"], asked["dispatches"]) == ("waiting", 40)
    assert same["request"] == asked["request"]
    assert (signed["state"], signed["dispatches"]) == ("accepted", 40)
    assert office.json("broadcast", "show", number)["states"]["accepted"] == 40
    assert office.json("ledger", "verify")["ok"]
    office.type(*words, who="lan", code=1)
