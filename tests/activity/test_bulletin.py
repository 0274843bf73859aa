"""What communes say about their bulletins: one final word per link, staff in their own name, and figures that add up."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.exc import DatabaseError

from broadcaster.activity import bulletin_store as store
from broadcaster.activity.bulletin import MOVES, REASONS, Road, State, Word, check, days_of, may, week_of
from broadcaster.channel import officer_link
from broadcaster.clock import SteppedClock
from broadcaster.config import Config
from broadcaster.db.engine import Database
from broadcaster.db.tables import Address, Broadcast, Contact, Dispatch, Revision, table
from broadcaster.errors import Conflict, NotFound, WrongUse
from broadcaster.ledger.entry import decode
from broadcaster.ledger.store import Transaction, raws, transaction
from broadcaster.report import beside
from tests.builders import OFFICE_KEY, make_broadcast

SPEECH = "bà " * 64  # twenty seconds at 3.2 syllables a second
PLAYED = Word(state=State.PLAYED, plays=2)
MISSED = Word(state=State.NOT_PLAYED, reason="power")


def make_bulletins(tx: Transaction, *stations: str, state: str = "accepted", due: datetime | None = None) -> list[int]:
    """One bulletin of one broadcast for each commune; returns the dispatches."""
    body = {"v": 1, "message": "hotline-111", "category": "hotline", "titles": {"vi": "Gọi 111"},
            "texts": {"vi": {"speech": SPEECH}}, "media": {}, "facts": {}, "valid": {}, "source": ""}  # fmt: skip
    canonical = msgspec.json.encode(body, order="sorted")
    revision = sha256(canonical).hexdigest()
    if not tx.connection.scalar(text("SELECT count(*) FROM revision WHERE hash = :hash"), {"hash": revision}):
        tx.connection.execute(
            insert(table(Revision)).values(
                hash=revision, message_id="hotline-111", category="hotline", canonical=canonical, created_at=tx.now
            )
        )
    broadcast = make_broadcast(tx, group=None, channels=[["loa"]], due_at=due, schedule_id="")
    row = table(Broadcast)
    tx.connection.execute(update(row).where(row.c.id == broadcast).values(revision_hash=revision))
    numbers = []
    for station in stations:
        address = table(Address)
        known = tx.connection.scalar(address.select().with_only_columns(address.c.id).where(address.c.value == station))
        if known is None:
            contact = tx.connection.execute(
                insert(table(Contact)).values(
                    name=f"Xã {station}",
                    language="vi",
                    commune=station,
                    consent_source="",
                    salt=bytes(32),
                    created_at=tx.now,
                )
            ).inserted_primary_key[0]
            known = tx.connection.execute(
                insert(address).values(
                    contact_id=contact, kind="loudspeaker", value=station, key=sha256(station.encode()).digest()
                )
            ).inserted_primary_key[0]
        numbers.append(
            tx.connection.execute(
                insert(table(Dispatch)).values(
                    broadcast_id=broadcast,
                    channel="loa",
                    address_id=known,
                    edition="",
                    language="vi",
                    state="planned",
                    attempts=0,
                    uncounted=0,
                    sent_at=due or tx.now,
                )
            ).inserted_primary_key[0]
        )
    for was, becomes in (("planned", "sending"), ("sending", state)):
        tx.connection.execute(
            text(f"UPDATE dispatch SET state = '{becomes}', provider_id = 'x/2027-07-01-vp-d1' WHERE state = '{was}'")
        )
    return numbers


def said(database: Database, kind: str = "bulletin.confirm") -> list[dict[str, Any]]:
    with database.reading() as connection:
        return [entry for raw in raws(connection) if (entry := decode(raw))["kind"] == kind]


# -- offered ----------------------------------------------------------------------------------------------------------


def test_a_package_that_was_handed_over_is_offered_without_anybody_writing_it_down(
    database: Database, clock: SteppedClock
) -> None:
    with transaction(database, clock) as tx:
        (number,) = make_bulletins(tx, "muong-lat")
        make_bulletins(tx, "pu-nhi", state="failed")

    with database.reading() as connection:
        (told,) = store.listing(connection)
        counted = store.totals(connection)

    assert (told.dispatch, told.state, told.station, told.commune) == (
        number,
        State.OFFERED,
        "muong-lat",
        "Xã muong-lat",
    )
    assert (told.title, told.seconds) == ("Gọi 111", 20)
    assert counted.states == {"offered": 1, "scheduled": 0, "played": 0, "not_played": 0, "recalled": 0}


# -- the officer's link -----------------------------------------------------------------------------------------------


def test_a_link_takes_one_final_word_and_then_only_shows_it(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        (number,) = make_bulletins(tx, "muong-lat")
    token = officer_link.bulletin_token(OFFICE_KEY, number)
    planned = Word(state=State.SCHEDULED, at=clock.now() + timedelta(hours=9))

    with transaction(database, clock) as tx:
        store.confirm_by_link(tx, token, planned, office_key=OFFICE_KEY)
    with transaction(database, clock) as tx:
        told = store.confirm_by_link(tx, token, PLAYED, office_key=OFFICE_KEY)

    assert (told.state, told.plays, told.road, told.said_by) == (State.PLAYED, 2, "link", "officer")
    with pytest.raises(Conflict, match="by telephone"), transaction(database, clock) as tx:
        store.confirm_by_link(tx, token, MISSED, office_key=OFFICE_KEY)
    with database.reading() as connection:
        assert store.open_link(connection, token, office_key=OFFICE_KEY, now=clock.now()).state is State.PLAYED


def test_a_token_that_the_office_did_not_make_opens_nothing(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        first, second = make_bulletins(tx, "muong-lat", "pu-nhi")
    good = officer_link.bulletin_token(OFFICE_KEY, first)
    forged = [
        good.replace(f"{first}-", f"{second}-"), good[:-1] + ("a" if good[-1] != "a" else "b"), good.upper(), good + "\n",
        f"{first}", "", "x" * 10_000, officer_link.bulletin_token(b"another key", first),
        officer_link.sheet_token(OFFICE_KEY, "muong-lat", "2027-w26"),
    ]  # fmt: skip

    with database.reading() as connection:
        for token in forged:
            with pytest.raises(NotFound):
                store.open_link(connection, token, office_key=OFFICE_KEY, now=clock.now())
        assert store.open_link(connection, good, office_key=OFFICE_KEY, now=clock.now()).dispatch == first
        with pytest.raises(NotFound):
            store.open_link(connection, good, office_key=OFFICE_KEY, now=clock.now() + timedelta(days=61))


def test_a_link_opens_its_own_bulletin_only_and_names_no_secret() -> None:
    link = officer_link.bulletin_link("https://tin.example.gov.vn/", OFFICE_KEY, kind="loudspeaker", dispatch=12)

    assert link.startswith("https://tin.example.gov.vn/l/12-")
    assert officer_link.read_bulletin_token(OFFICE_KEY, link.rpartition("/")[2]) == 12
    assert officer_link.bulletin_link("", OFFICE_KEY, kind="loudspeaker", dispatch=12) == ""
    assert officer_link.bulletin_link("https://x", OFFICE_KEY, kind="phone", dispatch=12) == ""


# -- the weekly sheet -------------------------------------------------------------------------------------------------


def test_a_sheet_shows_one_communes_week_and_keeps_what_is_final(database: Database, clock: SteppedClock) -> None:
    week = week_of(date(2027, 7, 1))
    with transaction(database, clock) as tx:
        mine, other = make_bulletins(tx, "muong-lat", "pu-nhi")
        (second,) = make_bulletins(tx, "muong-lat", due=clock.now() + timedelta(days=1))
        make_bulletins(tx, "muong-lat", due=clock.now() + timedelta(days=7))
    token = officer_link.sheet_token(OFFICE_KEY, "muong-lat", week)
    with transaction(database, clock) as tx:
        store.confirm(tx, mine, MISSED, road=Road.TELEPHONE, by="lan")

    with transaction(database, clock) as tx:
        done = store.tick(tx, token, {mine: PLAYED, second: PLAYED}, office_key=OFFICE_KEY)

    assert [(one.dispatch, one.state, one.road) for one in done] == [(second, State.PLAYED, "sheet")]
    with database.reading() as connection:
        sheet = store.tick_sheet(connection, token, office_key=OFFICE_KEY, now=clock.now())
        assert [(one.dispatch, one.state) for one in sheet.bulletins] == [
            (mine, State.NOT_PLAYED),
            (second, State.PLAYED),
        ]
    with pytest.raises(NotFound), transaction(database, clock) as tx:
        store.tick(tx, token, {other: PLAYED}, office_key=OFFICE_KEY)


def test_weeks_run_from_monday_to_monday() -> None:
    assert week_of(date(2027, 1, 3)) == "2026-w53"
    assert days_of("2026-w53") == (date(2026, 12, 28), date(2027, 1, 4))
    with pytest.raises(WrongUse):
        days_of("2027-w60")


# -- staff, on behalf of ----------------------------------------------------------------------------------------------


def test_what_staff_write_down_stands_in_their_name_and_may_be_corrected(
    database: Database, clock: SteppedClock
) -> None:
    with transaction(database, clock) as tx:
        (number,) = make_bulletins(tx, "muong-lat")

    for word in (PLAYED, MISSED, PLAYED):
        with transaction(database, clock) as tx:
            store.confirm(tx, number, word, road=Road.TELEPHONE, by="lan", seconds=33)

    entries = said(database)
    assert [(one["was"], one["state"]) for one in entries] == [
        ("offered", "played"),
        ("played", "not_played"),
        ("not_played", "played"),
    ]
    assert {(one["actor"], one["on_behalf"], one["road"]) for one in entries} == {("lan", True, "telephone")}
    assert (entries[0]["plays"], entries[0]["seconds"], entries[1]["reason"]) == (2, 33, "power")
    assert "muong" not in json.dumps(entries)


@pytest.mark.parametrize(
    ("word", "says"),
    [
        (Word(state=State.PLAYED, plays=0), "1 to 60"),
        (Word(state=State.PLAYED, plays=61), "1 to 60"),
        (Word(state=State.NOT_PLAYED, reason="lười"), "power"),
        (Word(state=State.SCHEDULED), "When"),
        (Word(state=State.RECALLED), "Say one of"),
        (Word(state=State.PLAYED, plays=1, at=datetime(2027, 6, 30, tzinfo=UTC)), "before the bulletin"),
        (Word(state=State.PLAYED, plays=1, at=datetime(2027, 7, 2, tzinfo=UTC)), "not come yet"),
        (Word(state=State.SCHEDULED, at=datetime(2028, 7, 2, tzinfo=UTC)), "60 days"),
    ],
)
def test_a_word_that_cannot_be_true_is_refused_with_what_to_write(word: Word, says: str, clock: SteppedClock) -> None:
    with pytest.raises(WrongUse, match=says):
        check(word, issued=clock.now(), now=clock.now())


def test_only_staff_change_what_was_said_and_nobody_what_was_recalled() -> None:
    for was in State:
        for becomes in (State.SCHEDULED, State.PLAYED, State.NOT_PLAYED):
            for road in Road:
                allowed = (was, becomes) in MOVES and (
                    was in (State.OFFERED, State.SCHEDULED) or road is Road.TELEPHONE
                )
                same = was is becomes and (was is State.SCHEDULED or (road is Road.TELEPHONE and was in (becomes,)))
                if allowed or (same and was is not State.RECALLED and was is not State.OFFERED):
                    may(was, becomes, road=road)
                else:
                    with pytest.raises(Conflict):
                        may(was, becomes, road=road)


def test_the_database_refuses_any_other_move(database: Database, clock: SteppedClock) -> None:
    for was in State:
        for becomes in State:
            with transaction(database, clock) as tx:
                (number,) = make_bulletins(tx, f"x{was.value[:4]}{becomes.value[:4]}".replace("_", "-"))
            _write(database, "INSERT INTO bulletin (dispatch_id, state, plays, seconds, reason, road, said_by, reminders)"
                             f" VALUES ({number}, {_values(was)}, '', '', 0)")  # fmt: skip
            state, plays, _, reason = _values(becomes).split(", ")
            change = (
                f"UPDATE bulletin SET state = {state}, plays = {plays}, reason = {reason} WHERE dispatch_id = {number}"
            )
            if was is becomes or (was, becomes) in MOVES:
                _write(database, change)
            else:
                with pytest.raises(DatabaseError, match="no such move"):
                    _write(database, change)
    with pytest.raises(DatabaseError, match="kept"):
        _write(database, "DELETE FROM bulletin")


def _values(state: State) -> str:
    plays, reason = int(state is State.PLAYED), "power" if state is State.NOT_PLAYED else ""
    return f"'{state.value}', {plays}, 0, '{reason}'"


def _write(database: Database, statement: str) -> None:
    with database.writing() as connection:
        connection.execute(text(statement))


# -- the board and the figures ----------------------------------------------------------------------------------------


def test_the_board_shows_who_owes_an_answer_and_since_when(database: Database, clock: SteppedClock) -> None:
    old = clock.now() - timedelta(days=2)
    with transaction(database, clock) as tx:
        make_bulletins(tx, "muong-lat", "pu-nhi", "tam-chung", due=old)
        make_bulletins(tx, "muong-lat", due=old + timedelta(hours=12))
        make_bulletins(tx, "pu-nhi", "tam-chung")
        make_bulletins(tx, "tam-chung", due=clock.now() - timedelta(days=70))
    with transaction(database, clock) as tx:
        rows = {(one.station, one.issued): one.dispatch for one in store.listing(tx.connection)}
        store.confirm(tx, rows["tam-chung", old], MISSED, road=Road.TELEPHONE, by="lan")
        store.confirm(
            tx, rows["pu-nhi", old], Word(state=State.SCHEDULED, at=clock.now()), road=Road.LINK, by="officer"
        )

    with database.reading() as connection:
        board = store.board(connection, now=clock.now())

    assert [(one.station, len(one.bulletins)) for one in board] == [("muong-lat", 2), ("pu-nhi", 1)]
    assert board[0].bulletins[0].issued == old
    with transaction(database, clock) as tx:
        store.reminded(tx, board[0].bulletins, by="lan")
    with database.reading() as connection:
        again = store.board(connection, now=clock.now())
        assert again[0].reminded_at == clock.now()
        assert [one.reminders for one in again[0].bulletins] == [1, 1]
    assert said(database, "bulletin.remind")[0]["n"] == 2


def test_plays_and_minutes_add_up_by_campaign(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        a, b, c = make_bulletins(tx, "muong-lat", "pu-nhi", "tam-chung")
        (d,) = make_bulletins(tx, "muong-lat")
    with transaction(database, clock) as tx:
        for number, plays, seconds in ((a, 2, 33), (b, 3, None), (d, 1, 33)):
            word = Word(state=State.PLAYED, plays=plays)
            store.confirm(tx, number, word, road=Road.TELEPHONE, by="lan", seconds=seconds)
        store.confirm(tx, c, MISSED, road=Road.TELEPHONE, by="lan")

    with database.reading() as connection:
        counted = store.totals(connection, campaign="c")
        other = store.totals(connection, campaign="another")

    with database.reading() as connection:
        (line,) = beside.activities_of(connection, "c")
        assert beside.activities_of(connection, "another") == []
    assert (line.times, line.units, line.minutes) == (3, 6, 2)
    assert (counted.plays, counted.seconds, counted.minutes) == (6, 2 * 33 + 3 * 20 + 33, 2)
    assert counted.communes == 2
    assert (counted.states["played"], counted.states["not_played"]) == (3, 1)
    assert (other.plays, sum(other.states.values())) == (0, 0)


# -- recalled ---------------------------------------------------------------------------------------------------------


def test_a_bulletin_is_taken_back_unless_it_was_played(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        played, waiting = make_bulletins(tx, "muong-lat", "pu-nhi")
        store.confirm(tx, played, PLAYED, road=Road.TELEPHONE, by="lan")

    for _ in range(2):
        with transaction(database, clock) as tx:
            assert store.recall(tx, waiting, by="lan", reason="sai số").state is State.RECALLED

    assert len(said(database, "bulletin.recall")) == 1
    with pytest.raises(Conflict, match="played already"), transaction(database, clock) as tx:
        store.recall(tx, played, by="lan", reason="sai số")
    with pytest.raises(Conflict), transaction(database, clock) as tx:
        store.confirm(tx, waiting, PLAYED, road=Road.TELEPHONE, by="lan")


def test_a_correction_that_took_the_package_down_shows_as_recalled(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        (number,) = make_bulletins(tx, "muong-lat")
        tx.connection.execute(
            text(
                "INSERT INTO correction (id, broadcast_id, message_id, reason, asked_by, asked_at)"
                " VALUES (1, 1, 'm', 'sai', 'lan', 0)"
            )
        )
        tx.connection.execute(
            text(
                f"INSERT INTO take_down (dispatch_id, correction_id, state, reason, at) VALUES ({number}, 1, 'done', '', 0)"
            )
        )

    with database.reading() as connection:
        assert store.get(connection, number).state is State.RECALLED
        assert store.totals(connection).states["recalled"] == 1
    with pytest.raises(Conflict), transaction(database, clock) as tx:
        store.confirm(tx, number, PLAYED, road=Road.TELEPHONE, by="lan")


# -- lengths ----------------------------------------------------------------------------------------------------------


def test_one_play_is_as_long_as_the_package_says_where_it_lies_here(
    database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    with transaction(database, clock) as tx:
        (number,) = make_bulletins(tx, "muong-lat")
        told = store.get(tx.connection, number)
    config = Config(channels={"loa": {"adapter": "loudspeaker", "folder": "loa"}}, folder=tmp_path)
    folder = tmp_path / "loa" / told.provider_id
    folder.mkdir(parents=True)

    assert store.measured(config, told) is None
    for content, seconds in (('{"duration_seconds": 47}', 47), ('{"duration_seconds": "x"}', None), ("{", None)):
        (folder / "manifest.json").write_text(content)
        assert store.measured(config, told) == seconds


def test_every_reason_has_words_for_the_page() -> None:
    assert all(REASONS.values())
    assert "other" in REASONS
