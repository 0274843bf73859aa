"""`broadcaster report` as people and scripts call it."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from report_builders import make_broadcast, make_campaign

from broadcaster.cli.main import _run
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.ledger.entry import decode
from broadcaster.ledger.store import raws, transaction

CONFIG = """\
[database]
url = "sqlite:///broadcaster.db"
[channels.sms]
adapter = "memory"
"""


@pytest.fixture
def office(sqlite_database: Database, clock: SteppedClock, tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text(CONFIG, encoding="utf-8")
    with transaction(sqlite_database, clock) as tx:
        make_campaign(tx)
        make_broadcast(tx, {"sms": {"accepted": 5, "unknown": 1}})
    return tmp_path


def run(office: Path, *arguments: object) -> int:
    return _run(["report", *map(str, arguments), "--config", str(office / "config.toml")])


def last_entry(database: Database) -> dict[str, Any]:
    with database.reading() as connection:
        return decode(list(raws(connection))[-1])


@pytest.mark.parametrize("option", [["--format", "json"], ["--json"]])
def test_the_figures_are_one_json_value(
    office: Path, option: list[str], capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    code = run(office, "mbn", *option)

    shown = json.loads(capsysbinary.readouterr().out)
    assert code == 0
    assert (shown["planned"], shown["final"], shown["open"]) == (6, 5, 1)
    assert shown["by_form"]["memory"]["planned"] == 6


def test_the_making_of_a_report_stands_in_the_ledger_with_its_digest(office: Path, sqlite_database: Database) -> None:
    target = office / "report.csv"

    code = run(office, "mbn", "--format", "csv", "--output", target)

    entry = last_entry(sqlite_database)
    assert code == 0
    assert entry["kind"] == "report.make"
    assert entry["sha256"] == sha256(target.read_bytes()).hexdigest()
    assert (entry["campaign"], entry["format"]) == ("mbn", "csv")


def test_people_get_tables_and_are_told_what_is_open(office: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(office, "mbn")

    said = capsys.readouterr().out
    assert code == 0
    assert "Còn 1 lượt gửi chưa kết thúc." in said
    assert "by_channel" in said


def test_wrong_use_exits_2(office: Path, capsys: pytest.CaptureFixture[str]) -> None:
    codes = [
        run(office, "nothing", "--format", "json"),
        run(office, "mbn", "--output", office / "x"),
        run(office, "mbn", "--format", "doc"),
    ]

    assert codes == [2, 2, 2]
    assert "No campaign is called 'nothing'" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_stands_in_no_ledger(
    office: Path, sqlite_database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    with sqlite_database.reading() as connection:
        before = len(list(raws(connection)))

    assert run(office, "mbn", "--format", "html", "--output", office / "nowhere" / "r.html") == 1

    with sqlite_database.reading() as connection:
        assert len(list(raws(connection))) == before
    assert "Check the path" in capsys.readouterr().err


def test_a_file_is_there_whole_and_leaves_no_draft_beside_it(office: Path) -> None:
    target = office / "out"
    target.mkdir()

    assert run(office, "mbn", "--format", "csv", "--output", target / "r.csv") == 0

    assert [path.name for path in target.iterdir()] == ["r.csv"]
