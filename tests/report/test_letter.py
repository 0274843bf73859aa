"""The letter to carriers: the approved words to the letter, their hash as a file gives it, and a form for what comes back."""

from __future__ import annotations

import io
import json
import unicodedata
from datetime import date
from hashlib import sha256
from pathlib import Path

import docx
import pytest

from broadcaster.cli.main import _run
from broadcaster.errors import Conflict
from broadcaster.report import letter, official
from broadcaster.report.document import Document, Letterhead

HEAD = Letterhead(
    parent="", office="Sở Văn hóa, Thể thao và Du lịch", symbol="BC-SVHTTDL", place="Lạng Sơn", authority="",
    title="Giám đốc", signer="Vi Thị Ánh", recipients=("Như trên;", "Lưu: VT."),
)  # fmt: skip
TEXT = "Gọi 111 (miễn phí, 24/7) khi nghi có mua bán người #let x = 1 <b>"


def made(**asked: date) -> Document:
    return letter.letter(
        {"sms": TEXT}, title="Gọi 111", revision="ab12" * 16, approved_on=date(2027, 6, 20), head=HEAD,
        asked=letter.Asked(**asked), number="12",  # type: ignore[arg-type]
    )  # fmt: skip


def test_the_letter_has_the_exact_words_their_hash_and_their_length() -> None:
    file = docx.Document(io.BytesIO(official.docx(made())))

    cells = {cell.text for table in file.tables for row in table.rows for cell in row.cells}
    assert TEXT in cells
    assert sha256(TEXT.encode()).hexdigest() in {cell.replace(" ", "") for cell in cells}
    assert f"{len(TEXT)} ký tự, UCS-2, 1 phần tin" in cells


def test_a_letter_has_its_subject_below_its_number_and_no_name_of_its_kind() -> None:
    file = docx.Document(io.BytesIO(official.docx(made())))

    head = file.tables[0].rows[0].cells[0].text
    assert "Số: 12/SVHTTDL" in head
    assert "V/v đề nghị nhắn tin tới thuê bao di động: gọi 111" in head
    assert "BÁO CÁO" not in [paragraph.text for paragraph in file.paragraphs]
    assert file.paragraphs[0].text == "Kính gửi: Các doanh nghiệp viễn thông di động"


def test_days_are_asked_for_only_when_they_are_given() -> None:
    silent = " ".join(text for part in made().parts for text in part.paragraphs)
    told = " ".join(
        text
        for part in made(since=date(2027, 7, 25), until=date(2027, 7, 30), reply_by=date(2027, 8, 15)).parts
        for text in part.paragraphs
    )

    assert "từ ngày" not in silent
    assert "trước ngày" not in silent
    assert "từ ngày 25/07/2027 đến ngày 30/07/2027" in told
    assert "trước ngày 15/08/2027" in told


def test_a_text_with_a_link_of_each_persons_own_cannot_go_to_everybody() -> None:
    with pytest.raises(Conflict, match="a text to everybody can have none"):
        letter.words({"sms": "Gọi 111. {{ opt_out }}"}, message="hotline-111")
    with pytest.raises(Conflict, match="no `sms` form"):
        letter.words({"text": "Gọi 111"}, message="hotline-111")


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    assert _run(["init", str(tmp_path / "office")]) == 0
    monkeypatch.chdir(tmp_path / "office")
    monkeypatch.setenv("BROADCASTER_PASSWORD", "một hai ba bốn năm sáu")
    for name, roles in (("lan", "author,operator"), ("minh", "approver")):
        monkeypatch.setattr("sys.stdin", io.StringIO("một hai ba bốn năm sáu\n"))
        assert _run(["user", "add", name, "--role", roles, "--password-stdin"]) == 0
    return tmp_path / "office"


def test_only_approved_words_are_asked_for_and_lie_beside_the_letter_byte_for_byte(
    office: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = ["print", "carrier-letter", "hotline-111", "--as", "lan", "--json"]

    before = _run(ask)
    assert _run(["message", "submit", "hotline-111", "--as", "lan"]) == 0
    assert _run(["message", "approve", "hotline-111", "--as", "minh"]) == 0
    capsys.readouterr()
    after = _run(ask)

    told = json.loads(capsys.readouterr().out)
    words = Path("carrier-letter-hotline-111-vi.sms.txt").read_bytes()
    cells = docx.Document("carrier-letter-hotline-111-vi.docx").tables
    assert (before, after) == (1, 0)
    assert all(sha256(Path(name).read_bytes()).hexdigest() == digest for name, digest in told["files"].items())
    assert unicodedata.is_normalized("NFC", words.decode())
    assert sha256(words).hexdigest() in {
        cell.text.replace(" ", "") for table in cells for row in table.rows for cell in row.cells
    }
    assert _run(["ledger", "list", "--json", "--kind", "print.make"]) == 0
    entries = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {one["sha256"] for one in entries} == set(told["files"].values())
