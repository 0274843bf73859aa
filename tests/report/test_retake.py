"""Figures at an earlier cut-off, what has changed since, an earlier campaign beside, and the closing of what nobody can tell."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from report_builders import make_broadcast, make_campaign
from sqlalchemy import insert

from broadcaster.access import store as users
from broadcaster.access.user import Role
from broadcaster.cli.main import _run
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.db.tables import Tally, table
from broadcaster.dispatch.dispatch import State
from broadcaster.errors import Conflict, WrongUse
from broadcaster.ledger.entry import Kind, decode
from broadcaster.ledger.store import head, raws, transaction
from broadcaster.report import closing, store
from broadcaster.report.retake import Point, Taken, point, retake

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
ADAPTERS = {"sms": "twilio"}
LATER = datetime(2027, 8, 2, 2, 0, tzinfo=UTC)  # the campaign's last day, 31 July, is over


def tell(database: Database, clock: SteppedClock, *entries: tuple[Kind, dict[str, Any]]) -> None:
    """Each in a transaction of its own, a minute apart."""
    for kind, fields in entries:
        clock.move_by(timedelta(minutes=1))
        with transaction(database, clock) as tx:
            tx.record(kind, "sender", **fields)


def make_story(database: Database, clock: SteppedClock) -> None:
    """Two messages at 08:00 (01:00 UTC): one taken at minute 5, delivered at minute 6; the other not sent yet."""
    with transaction(database, clock) as tx:
        make_campaign(tx)
        make_broadcast(tx, {"sms": {"delivered": 1, "planned": 1}}, state="running")
    plan = {
        "campaign": "mbn",
        "schedule": "daily",
        "local": "2027-07-01T08:00",
        "message": "hotline-111",
        "authority": "x",
    }
    tell(
        database, clock,
        (Kind.SETTINGS_SEEN, {"channel": "sms", "price": 830_000_000, "currency": "VND"}),
        (Kind.BROADCAST_PLAN, {"b": 1, **plan}),
        (Kind.BROADCAST_EXPAND, {"b": 1, "channel": "sms", "n": 2, "states": {"planned": 2}}),
        (Kind.ATTEMPT_INTENT, {"b": 1, "d": 1, "n": 1, "ch": "sms", "to": "0"}),
        (Kind.ATTEMPT_RESULT, {"d": 1, "n": 1, "out": "accepted", "state": "accepted", "parts": 2, "price": 830_000_000}),
        (Kind.ATTEMPT_RECEIPT, {"d": 1, "n": 1, "state": "delivered"}),
    )  # fmt: skip


def at(minute: int) -> Point:
    return Point(at=datetime(2027, 7, 1, 1, minute, tzinfo=UTC))


def taken(database: Database, clock: SteppedClock, *points: Point) -> list[Taken]:
    with database.reading() as connection:
        return retake(connection, "mbn", points, adapters=ADAPTERS, now=clock.now())


def test_the_figures_at_a_cut_off_are_those_the_entries_gave_then(database: Database, clock: SteppedClock) -> None:
    make_story(database, clock)

    sent, settled, begun = taken(database, clock, at(5), at(6), at(3))

    assert (begun.figures.total.planned, begun.figures.total.open) == (2, 2)
    assert sent.figures.total.states[State.ACCEPTED] == 1
    assert settled.figures.total.states[State.DELIVERED] == 1
    assert [one.figures.costs[0].shown()["amount"] for one in (begun, sent, settled)] == ["0", "1660", "1660"]
    assert settled.figures.by_form["sms"].planned == 2
    assert (settled.figures.standing.waiting, settled.figures.standing.ended) == (1, False)


def test_a_cut_off_of_all_entries_gives_what_the_database_counts(database: Database, clock: SteppedClock) -> None:
    make_story(database, clock)
    with database.reading() as connection:
        now, tree = store.read(connection, "mbn", adapters=ADAPTERS, now=clock.now()), head(connection)

    (whole,) = taken(database, clock, Point(entries=tree.size))

    assert now is not None
    assert whole.root == tree.root().hex()
    counted = whole.figures.shown()
    assert {name: counted[name] for name in ("planned", "states", "by_day", "by_schedule", "by_channel")} == {
        name: now.shown()[name] for name in ("planned", "states", "by_day", "by_schedule", "by_channel")
    }


def test_a_cut_off_that_lies_ahead_is_refused(database: Database, clock: SteppedClock) -> None:
    make_story(database, clock)

    for ahead in (Point(at=clock.now() + timedelta(seconds=1)), Point(entries=10**6)):
        with pytest.raises(WrongUse, match="lies ahead"):
            taken(database, clock, ahead)


def test_a_cut_off_is_a_time_where_the_office_is_or_a_number_of_entries() -> None:
    assert point("2027-08-01T07:00", ZONE) == Point(at=datetime(2027, 8, 1, tzinfo=UTC))
    assert point("24708", ZONE) == Point(entries=24708)
    with pytest.raises(WrongUse, match="no cut-off"):
        point("last week", ZONE)


# -- closing ----------------------------------------------------------------------------------------------------------


def make_doubt(database: Database, clock: SteppedClock) -> int:
    clock.move_to(LATER)
    with transaction(database, clock) as tx:
        make_campaign(tx)
        return make_broadcast(tx, {"sms": {"accepted": 5, "unknown": 1, "unresolved": 1}}, state="running")


def close(database: Database, clock: SteppedClock) -> closing.Closing:
    with transaction(database, clock) as tx:
        figures = store.read(tx.connection, "mbn", adapters=ADAPTERS, now=tx.now)
        assert figures is not None
        return closing.close(tx, figures, by="lan", reason="Nhà mạng không trả lời")


def test_a_closed_report_may_call_itself_final_and_says_how_many_nobody_can_tell(
    database: Database, clock: SteppedClock
) -> None:
    make_doubt(database, clock)

    close(database, clock)

    with database.reading() as connection:
        figures = store.read(connection, "mbn", adapters=ADAPTERS, now=clock.now())
        last = decode(list(raws(connection))[-1])
    assert figures is not None
    assert figures.complete
    assert (figures.total.open, figures.shown()["closed_unconfirmed"]) == (1, 2)
    assert (last["kind"], last["actor"], last["unconfirmed"]) == ("report.close", "lan", 2)


def test_without_a_closing_doubt_keeps_the_report_interim(database: Database, clock: SteppedClock) -> None:
    make_doubt(database, clock)

    with database.reading() as connection:
        figures = store.read(connection, "mbn", adapters=ADAPTERS, now=clock.now())

    assert figures is not None
    assert not figures.complete


@pytest.mark.parametrize("state", ["planned", "sending", "retry_wait"])
def test_what_may_still_be_sent_cannot_be_closed(database: Database, clock: SteppedClock, state: str) -> None:
    broadcast = make_doubt(database, clock)
    with transaction(database, clock) as tx:
        tx.connection.execute(insert(table(Tally)).values(broadcast_id=broadcast, channel="web", state=state, n=1))

    with pytest.raises(Conflict, match="not over"):
        close(database, clock)


def test_a_report_is_closed_once_and_its_closing_stays(database: Database, clock: SteppedClock) -> None:
    make_doubt(database, clock)
    close(database, clock)

    with pytest.raises(Conflict, match="was closed by lan"):
        close(database, clock)


# -- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def office(sqlite_database: Database, clock: SteppedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "config.toml").write_text(
        '[database]\nurl = "sqlite:///broadcaster.db"\n[channels.sms]\nadapter = "memory"\n', encoding="utf-8"
    )
    make_story(sqlite_database, clock)
    monkeypatch.setenv("BROADCASTER_PASSWORD", "bốn chữ dễ nhớ")
    monkeypatch.setattr("broadcaster.cli.session.SystemClock", lambda: clock)
    with transaction(sqlite_database, clock) as tx:
        users.add(tx, name="lan", password="bốn chữ dễ nhớ", roles=frozenset({Role.OPERATOR}), actor="console")
    return tmp_path


def run(office: Path, *arguments: object) -> int:
    return _run(["report", "mbn", *map(str, arguments), "--config", str(office / "config.toml")])


def test_the_difference_between_two_cut_offs_is_one_command(office: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(office, "--since", "4", "--as-of", "2027-07-01T08:06", "--json")

    shown = json.loads(capsys.readouterr().out)
    assert code == 0
    assert shown["planned"] == {"before": 2, "after": 2, "change": 0}
    assert shown["states"]["delivered"] == {"before": 0, "after": 1, "change": 1}
    assert shown["cost"] == [{"currency": "VND", "before": "0", "after": "1660", "change": "1660"}]


def test_a_report_as_of_a_moment_says_which_entries_it_counted(
    office: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(office, "--as-of", "2027-07-01T08:05:30", "--json")

    shown = json.loads(capsys.readouterr().out)
    assert (code, shown["entries"], shown["states"]["accepted"]) == (0, 5, 1)
    assert len(shown["root"]) == 64


def test_an_earlier_campaign_stands_beside(
    office: Path, sqlite_database: Database, clock: SteppedClock, capsys: pytest.CaptureFixture[str]
) -> None:
    with transaction(sqlite_database, clock) as tx:
        make_campaign(tx, "mbn-2026")
        make_broadcast(tx, {"sms": {"accepted": 5}}, campaign_id="mbn-2026")

    code = run(office, "--compare", "mbn-2026", "--json")

    shown = json.loads(capsys.readouterr().out)
    assert (code, shown["planned"]) == (0, {"before": 5, "after": 2, "change": -3})


def test_closing_needs_a_person_and_a_reason(office: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nobody = run(office, "--close", "--reason", "x")
    said = capsys.readouterr().err
    early = run(office, "--close", "--reason", "Nhà mạng không trả lời", "--as", "lan")

    assert (nobody, early) == (2, 1)
    assert "--as USER" in said
    assert "not over" in capsys.readouterr().err
