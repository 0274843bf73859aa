"""An official report that comes back: every figure altered by hand is named, and the office's own words are left alone."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import docx
import pytest
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from report_builders import make_broadcast, make_campaign

from broadcaster.access import store as users
from broadcaster.access.user import Role
from broadcaster.cli.main import _run
from broadcaster.clock import SteppedClock
from broadcaster.config import load
from broadcaster.db.engine import Database
from broadcaster.errors import Conflict, NotFound, WrongUse
from broadcaster.ledger.entry import decode
from broadcaster.ledger.store import raws, transaction
from broadcaster.report import copy, making

CONFIG = '[database]\nurl = "sqlite:///broadcaster.db"\n[channels.sms]\nadapter = "twilio"\n'


def make_report(database: Database, clock: SteppedClock, folder: Path) -> bytes:
    """A DOCX of 45 accepted, 3 delivered and 2 that still wait, kept and in the ledger."""
    (folder / "config.toml").write_text(CONFIG, encoding="utf-8")
    config = load(folder / "config.toml")
    with transaction(database, clock) as tx:
        make_campaign(tx)
        make_broadcast(tx, {"sms": {"accepted": 45, "delivered": 3, "planned": 2}}, state="running")
    with transaction(database, clock) as tx:
        figures = making.figures_of(tx.connection, config, "mbn", now=tx.now)
        made = making.made_of(tx.connection, config, figures, "docx", now=tx.now)
        making.record(tx, "lan", "mbn", "docx", made)
    return made.data


def found(database: Database, data: bytes) -> list[dict[str, str]]:
    with database.reading() as connection:
        kept = copy.kept(connection, data, campaign="mbn", name="back.docx")
    return [one.shown() for one in copy.altered(kept.document, copy.read(data, name="back.docx"))]


def edited(data: bytes, change: Callable[[Any], None]) -> bytes:
    file = docx.Document(io.BytesIO(data))
    change(file)
    target = io.BytesIO()
    file.save(target)
    return target.getvalue()


def sheet(file: Any, head: str) -> Any:
    return next(one for one in file.tables if one.rows[0].cells[0].text == head)


def replace(file: Any, old: str, new: str) -> None:
    for paragraph in file.paragraphs:
        for run in paragraph.runs:
            run.text = run.text.replace(old, new)


def test_a_report_that_comes_back_as_it_was_made_has_nothing_altered(
    database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    data = make_report(database, clock, tmp_path)

    assert found(database, data) == []


def test_the_offices_own_words_number_and_date_are_its_own_affair(
    database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    data = make_report(database, clock, tmp_path)

    def change(file: Any) -> None:
        replace(file, "(Nội dung do cơ quan bổ sung.)", "Đạt 100 % kế hoạch, 9.999 người biết đến.")
        file.tables[0].rows[0].cells[0].paragraphs[-1].add_run("Số: 12/BC")

    assert found(database, edited(data, change)) == []


def altered_cell(file: Any) -> None:
    sheet(file, "Kênh").rows[1].cells[1].paragraphs[0].runs[0].text = "500"


def altered_sentence(file: Any) -> None:
    replace(file, "50 lượt gửi [H1]", "5.000 lượt gửi [H1]")


def no_mark(file: Any) -> None:
    replace(file, " [H3]", "")


def no_note(file: Any) -> None:
    replace(file, "SỐ LIỆU TẠM THỜI, chưa phải số liệu cuối cùng.", "")


def no_row(file: Any) -> None:
    row = sheet(file, "Ngày").rows[1]._tr
    row.getparent().remove(row)


def no_table(file: Any) -> None:
    one = sheet(file, "Lịch phát")._tbl
    one.getparent().remove(one)


def tracked_insertion(file: Any) -> None:
    """As Word writes it with tracked changes on: the added digit is in an element of its own."""
    paragraph = sheet(file, "Kênh").rows[1].cells[1].paragraphs[0]
    insertion, run, text = OxmlElement("w:ins"), OxmlElement("w:r"), OxmlElement("w:t")
    text.text = "0"
    run.append(text)
    insertion.append(run)
    paragraph._p.append(insertion)


@pytest.mark.parametrize(
    ("change", "where", "was", "now"),
    [
        (altered_cell, "Phụ lục 3. Lượt gửi theo kênh: sms / Lượt gửi", "50", "500"),
        (altered_sentence, "H1", "01/07/2027 31/07/2027 50", "01/07/2027 31/07/2027 5.000"),
        (no_mark, "H3", "3", ""),
        (no_note, "ghi chú đầu báo cáo", "SỐ LIỆU TẠM THỜI, chưa phải số liệu cuối cùng.", ""),
        (no_row, "Phụ lục 1. Lượt gửi theo ngày: 01/07/2027 / Lượt gửi", "50", ""),
        (no_table, "Phụ lục 4. Lượt gửi theo lịch phát", "1 dòng", ""),
        (tracked_insertion, "Phụ lục 3. Lượt gửi theo kênh: sms / Lượt gửi", "50", "500"),
    ],
)  # fmt: skip
def test_what_was_altered_by_hand_is_named(
    sqlite_database: Database, clock: SteppedClock, tmp_path: Path, change: Callable[[Any], None], where: str, was: str,
    now: str,
) -> None:  # fmt: skip
    data = make_report(sqlite_database, clock, tmp_path)

    told = found(sqlite_database, edited(data, change))

    assert {"where": where, "was": was, "now": now} in told


def test_a_file_that_is_no_report_of_ours_is_refused(
    sqlite_database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    data = make_report(sqlite_database, clock, tmp_path)

    def forged(file: Any) -> None:
        file.core_properties.keywords = "broadcaster_" + "0" * 28

    def nameless(file: Any) -> None:
        file.core_properties.keywords = ""
        for one in list(file.element.body.iter(qn("w:bookmarkStart"))):
            one.getparent().remove(one)

    with pytest.raises(NotFound, match="no report of mbn that this office made"):
        found(sqlite_database, edited(data, forged))
    with pytest.raises(NotFound, match="does not say which report"):
        found(sqlite_database, edited(data, nameless))
    with pytest.raises(WrongUse, match="no DOCX"):
        found(sqlite_database, data[:1000])


def test_either_of_the_two_seals_is_enough(sqlite_database: Database, clock: SteppedClock, tmp_path: Path) -> None:
    data = make_report(sqlite_database, clock, tmp_path)

    def no_keywords(file: Any) -> None:
        file.core_properties.keywords = ""

    def no_bookmark(file: Any) -> None:
        for one in list(file.element.body.iter(qn("w:bookmarkStart"))):
            one.getparent().remove(one)

    assert found(sqlite_database, edited(data, no_keywords)) == []
    assert found(sqlite_database, edited(data, no_bookmark)) == []


def test_a_copy_that_no_entry_tells_of_proves_nothing(
    sqlite_database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    (tmp_path / "config.toml").write_text(CONFIG, encoding="utf-8")
    config = load(tmp_path / "config.toml")
    with transaction(sqlite_database, clock) as tx:
        make_campaign(tx)
        figures = making.figures_of(tx.connection, config, "mbn", now=tx.now)
        made = making.made_of(tx.connection, config, figures, "docx", now=tx.now)
        assert made.document is not None
        copy.keep(tx, made.document, campaign="mbn", by="lan")

    with pytest.raises(Conflict, match="tell the auditor"):
        found(sqlite_database, made.data)


# -- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def office(sqlite_database: Database, clock: SteppedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mbn.docx").write_bytes(make_report(sqlite_database, clock, tmp_path))
    (tmp_path / "secrets").mkdir(exist_ok=True)
    (tmp_path / "secrets" / "ledger.key").write_text("07" * 32)
    monkeypatch.setenv("BROADCASTER_PASSWORD", "bốn chữ dễ nhớ")
    monkeypatch.setattr("broadcaster.cli.session.SystemClock", lambda: clock)
    with transaction(sqlite_database, clock) as tx:
        users.add(tx, name="lan", password="bốn chữ dễ nhớ", roles=frozenset({Role.OPERATOR}), actor="console")
    return tmp_path


def run(office: Path, *arguments: object) -> int:
    return _run(["report", "mbn", *map(str, arguments), "--config", str(office / "config.toml")])


def test_a_check_says_by_its_exit_code_whether_anything_was_altered(
    office: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (office / "bad.docx").write_bytes(edited((office / "mbn.docx").read_bytes(), altered_cell))

    good = run(office, "--check", office / "mbn.docx", "--json")
    nothing = json.loads(capsys.readouterr().out)
    bad = run(office, "--check", office / "bad.docx", "--json")

    assert (good, nothing["altered"], nothing["made_by"]) == (0, [], "lan")
    assert (bad, len(json.loads(capsys.readouterr().out)["altered"])) == (1, 1)


def test_the_signed_report_stands_in_the_ledger_with_its_number_and_date(
    office: Path, sqlite_database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    signed = office / "signed.pdf"
    signed.write_bytes(b"%PDF-1.7 signed")

    code = run(office, "--signed", signed, "--number", "12/BC", "--date", "2027-06-30", "--as", "lan", "--json")
    again = run(office, "--signed", signed, "--number", "12/BC", "--date", "2027-06-30", "--as", "lan")

    shown = json.loads(capsys.readouterr().out)
    with sqlite_database.reading() as connection:
        (entry,) = [one for one in map(decode, raws(connection)) if one["kind"] == "report.sign"]
    assert (code, again) == (0, 1)
    assert (entry["sha256"], entry["number"], entry["day"]) == (shown["sha256"], "12/BC", "2027-06-30")
    assert entry["complete"] is False


def test_with_the_signed_report_the_audit_bundle_is_sealed(
    office: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signed = office / "signed.pdf"
    signed.write_bytes(b"%PDF-1.7 signed")

    run(office, "--signed", signed, "--number", "12/BC", "--date", "2027-06-30", "--as", "lan", "--json")

    shown = json.loads(capsys.readouterr().out)
    with zipfile.ZipFile(shown["bundle"]) as archive:
        archive.extractall(tmp_path / "auditor")
    (bundle,) = (tmp_path / "auditor").iterdir()
    assert sha256(Path(shown["bundle"]).read_bytes()).hexdigest() == shown["bundle_sha256"]
    assert (bundle / "signed" / "report.pdf").read_bytes() == signed.read_bytes()


def test_a_signed_report_needs_its_number_its_date_a_person_and_is_a_pdf(
    office: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    numberless = run(office, "--signed", office / "mbn.docx", "--as", "lan")
    nobody = run(office, "--signed", office / "mbn.docx", "--number", "12", "--date", "2027-06-30")
    word = run(office, "--signed", office / "mbn.docx", "--number", "12", "--date", "2027-06-30", "--as", "lan")

    assert (numberless, nobody, word) == (2, 2, 2)
    assert "no PDF" in capsys.readouterr().err
