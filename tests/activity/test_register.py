"""The activity register: it only grows, a correction stands in the place of an entry, a photo loses what its camera wrote."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from PIL import Image
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from broadcaster.activity import attachment, store
from broadcaster.activity.activity import Activity, check, groups, shown, sums, twins
from broadcaster.activity.importing import read
from broadcaster.cli.main import _run
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.errors import Conflict, WrongUse
from broadcaster.ledger.entry import decode
from broadcaster.ledger.store import raws, transaction

TODAY = date(2027, 8, 1)
TALK = Activity(kind="communicator", day=date(2027, 7, 10), commune="Mường Lát", campaign="c", participants=120)


def entries(database: Database) -> list[dict[str, Any]]:
    with database.reading() as connection:
        return [entry for raw in raws(connection) if (entry := decode(raw))["kind"] == "activity.add"]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        ({"kind": "talk"}, "no kind of activity"),
        ({"day": date(2027, 8, 2)}, "has not come yet"),
        ({"participants": 10_000_001}, "10,000,000"),
        ({"units": 0, "participants": 0}, "Nothing is counted"),
        ({"at_risk": {"trẻ em": 121}}, "than participants"),
        ({"note": "x" * 2001}, "longer than 2000"),
        ({"commune": "Mường\x1b[31mLát"}, "control characters"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_write(spoil: dict[str, Any], says: str) -> None:
    values = {
        name: getattr(TALK, name) for name in ("kind", "day", "commune", "participants", "units", "at_risk", "note")
    }

    with pytest.raises(WrongUse, match=says):
        check(Activity(**values | spoil), today=TODAY)
    assert check(TALK, today=TODAY) is TALK


def test_an_entry_stands_in_the_ledger_with_its_digest_and_without_its_words(
    database: Database, clock: SteppedClock
) -> None:
    talk = Activity(
        kind="communicator", day=date(2027, 7, 10), commune="Mường Lát", participants=9, note="Ở nhà văn hóa."
    )

    with transaction(database, clock) as tx:
        (number,) = store.add(tx, [talk], by="lan", source="staff")

    (entry,) = entries(database)
    assert (entry["id"], entry["participants"], entry["digest"]) == (number, 9, store.digest(talk))
    assert "nhà văn hóa" not in json.dumps(entry, ensure_ascii=False)


def test_a_correction_stands_in_the_place_of_the_entry_and_both_stay(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        first, other = store.add(
            tx, [TALK, Activity(kind="leaflet", day=TODAY, campaign="c", units=500)], by="lan", source="staff"
        )
        more = Activity(kind="communicator", day=date(2027, 7, 10), campaign="c", participants=130)
        (second,) = store.add(tx, [more], by="lan", source="staff", corrects=first)

    with database.reading() as connection:
        found = store.standing(connection, campaign="c")
    assert {one.id for one in found} == {second, other}
    assert [one.participants for one in sums(one.activity for one in found)] == [130, 0]
    assert len(entries(database)) == 3
    with transaction(database, clock) as tx, pytest.raises(Conflict, match="correct that one"):
        store.add(tx, [TALK], by="lan", source="staff", corrects=first)


def test_an_entry_that_is_taken_back_counts_no_more(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        (first,) = store.add(tx, [TALK], by="lan", source="staff")
        store.add(tx, [TALK], by="lan", source="staff", corrects=first, void=True)

    with database.reading() as connection:
        assert store.standing(connection) == []


@pytest.mark.parametrize("sql", ["UPDATE activity SET participants = 5", "DELETE FROM activity"])
def test_the_database_itself_lets_no_entry_be_changed(database: Database, clock: SteppedClock, sql: str) -> None:
    with transaction(database, clock) as tx:
        store.add(tx, [TALK], by="lan", source="staff")

    with pytest.raises(DatabaseError, match="only grows"), database.writing() as connection:
        connection.execute(text(sql))


def test_the_same_thing_told_twice_is_named() -> None:
    other = Activity(kind="communicator", day=date(2027, 7, 10), commune="mường lát", campaign="c", participants=120)

    assert twins([(1, TALK), (2, Activity(kind="leaflet", day=TODAY)), (3, other)]) == [[1, 3]]


def test_a_small_count_of_people_at_risk_is_not_printed() -> None:
    assert [shown(n) for n in (0, 1, 4, 5, 120)] == ["0", "<5", "<5", "5", "120"]
    assert groups("trẻ em=12; phụ nữ = 30") == {"trẻ em": 12, "phụ nữ": 30}


def test_a_photo_is_kept_without_the_place_and_the_camera(tmp_path: Path) -> None:
    picture = Image.new("RGB", (80, 40), "red")
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Camera of the commune", 6  # make; lies on its side
    exif.get_ifd(0x8825)[2] = (20.5, 0.0, 0.0)  # latitude
    source = tmp_path / "anh.jpg"
    picture.save(source, exif=exif)

    digest = attachment.keep(tmp_path / "kept", source)

    with Image.open(tmp_path / "kept" / f"{digest}.jpg") as kept:
        assert dict(kept.getexif()) == {}
        assert kept.size == (40, 80)
    assert b"Camera" not in (tmp_path / "kept" / f"{digest}.jpg").read_bytes()
    assert attachment.erase(tmp_path / "kept", digest)
    assert not attachment.erase(tmp_path / "kept", digest)


def test_what_is_neither_photo_nor_pdf_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(b"MZ" + b"\0" * 100)

    with pytest.raises(WrongUse, match="no photo"):
        attachment.keep(tmp_path / "kept", path)


def test_a_list_of_a_commune_is_read_as_people_write_it(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["Hình thức", "Ngày", "Xã", "Số phút", "Người dự", "Nhóm nguy cơ"])
    book.active.append(["Đài truyền thanh cấp xã", "30/07/2027", "Tam Chung", "45.581", "", ""])
    book.active.append(["communicator", "2027-07-29", "Tam Chung", "", "1.200", "trẻ em=7"])
    book.save(tmp_path / "ds.xlsx")

    found, wrong = read(tmp_path / "ds.xlsx", campaign="c", today=TODAY)

    assert wrong == []
    assert [(one.kind, one.minutes, one.participants, dict(one.at_risk)) for one in found] == [
        ("loudspeaker", 45_581, 0, {}),
        ("communicator", 0, 1_200, {"trẻ em": 7}),
    ]


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    assert _run(["init", str(tmp_path / "office")]) == 0
    monkeypatch.chdir(tmp_path / "office")
    return tmp_path / "office"


def test_one_wrong_row_and_nothing_of_the_list_is_entered(office: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = "kind,day,commune,participants\ncommunicator,30/07/2026,Tam Chung,30\ntalk,30/07/2026,Tam Chung,30\n"
    (office / "ds.csv").write_text(lines, encoding="utf-8")

    assert _run(["activity", "import", "ds.csv"]) == 1

    said = capsys.readouterr().err
    assert "row 3" in said
    assert "nothing was entered" in said
    assert _run(["activity", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_the_register_is_kept_by_the_command_line_and_counted_in_the_report(
    office: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign = "chong-mua-ban-nguoi-2027"
    add = [
        "activity",
        "add",
        "--kind",
        "loudspeaker",
        "--day",
        "30/07/2026",
        "--commune",
        "Tam Chung",
        "--campaign",
        campaign,
    ]
    Image.new("RGB", (10, 10)).save(office / "anh.png")

    assert _run([*add, "--units", "124", "--minutes", "45581", "--attachment", "anh.png", "--json"]) == 0
    assert _run(["report", campaign, "--format", "html", "--output", "r.html"]) == 0

    first = json.loads(capsys.readouterr().out.splitlines()[-1])
    page = (office / "r.html").read_text(encoding="utf-8")
    assert "45.581" in page
    assert "Đài truyền thanh cấp xã (lượt phát)" in page
    assert len(list((office / "attachments").iterdir())) == 1
    assert _run(["activity", "void", str(first["activity"])]) == 0
    assert _run(["activity", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == []
