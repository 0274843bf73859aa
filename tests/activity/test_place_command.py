"""The board, the carriers' register and the English edition on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from broadcaster.access import hold
from broadcaster.activity import store
from broadcaster.cli.main import _run
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.errors import Conflict
from broadcaster.ledger.entry import decode
from broadcaster.ledger.store import raws, transaction


@pytest.fixture
def office(sqlite_database: Database, clock: SteppedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("broadcaster.cli.session.SystemClock", lambda: clock)
    words = '[database]\nurl = "sqlite:///broadcaster.db"\n[web]\npublic_url = "https://tinh.example"\n[office]\n'
    (tmp_path / "secrets").mkdir(exist_ok=True)
    (tmp_path / "secrets" / "office.key").write_text("k" * 32, encoding="utf-8")
    (tmp_path / "config.toml").write_text(words, encoding="utf-8")
    return tmp_path


def run(office: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    code = _run([*arguments, "--json", "--config", str(office / "config.toml")])
    out = capsys.readouterr()
    assert code == 0, out.err
    return json.loads(out.out)


def test_a_list_is_imported_and_the_board_has_words_to_copy(office: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (office / "xa.csv").write_text("tên,loại\nXã Tân Thanh,xã\nSở Y tế,sở\n", encoding="utf-8")

    run(office, capsys, "activity", "places", "--import", str(office / "xa.csv"))
    run(office, capsys, "activity", "board", "c", "--said", "Sở Y tế")
    board = run(office, capsys, "activity", "board", "c", "--remind")

    assert [(one["name"], one["state"]) for one in board] == [("Xã Tân Thanh", "none"), ("Sở Y tế", "all")]
    assert "https://tinh.example/a/" in board[0]["reminder"]
    assert "reminder" not in board[1]


def test_a_carrier_s_reply_and_an_erased_photo_stand_in_the_ledger(
    office: Path, capsys: pytest.CaptureFixture[str], sqlite_database: Database, clock: SteppedClock
) -> None:
    Image.new("RGB", (8, 8)).save(office / "p.png")
    day = clock.now().date().isoformat()

    run(office, capsys, "activity", "carrier", "--carrier", "Viettel", "--campaign", "c", "--asked", "10", "--reached", "9",
        "--failed", "1", "--from", day, "--until", day)  # fmt: skip
    made = run(office, capsys, "activity", "add", "--kind", "event", "--day", day, "--participants", "40",
               "--at-risk", "trẻ em=3", "--attachment", str(office / "p.png"))  # fmt: skip
    listed = run(office, capsys, "activity", "list")
    kept = list((office / "attachments").iterdir())
    run(office, capsys, "activity", "erase", str(made["activity"]))

    assert listed[0]["at_risk"] == {"trẻ em": "<5"}
    assert len(kept) == 1
    assert not kept[0].exists()
    with sqlite_database.reading() as connection:
        kinds = [decode(raw)["kind"] for raw in raws(connection)]
    assert kinds[-3:] == ["carrier.reply", "activity.add", "activity.erase"]


def test_a_photo_that_a_campaign_under_a_legal_hold_has_too_is_not_erased(
    office: Path, capsys: pytest.CaptureFixture[str], sqlite_database: Database, clock: SteppedClock
) -> None:
    Image.new("RGB", (8, 8)).save(office / "p.png")
    day = clock.now().date().isoformat()
    made = [
        run(office, capsys, "activity", "add", "--kind", "event", "--day", day, "--campaign", campaign,
            "--participants", "40", "--attachment", str(office / "p.png"))["activity"]
        for campaign in ("c", "d")
    ]  # fmt: skip
    with transaction(sqlite_database, clock) as tx:
        hold.set_(tx, "c", reason="vụ án", by="quan")

    for number in made:
        with transaction(sqlite_database, clock) as tx, pytest.raises(Conflict, match="legal hold"):
            store.erase_attachment(tx, number, by="lan")
