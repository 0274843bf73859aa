"""Printed pieces: approved words only, whole, with the revision's id; and by the command as people call it."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from broadcaster.cli.main import _run
from broadcaster.dispatch.revision import RevisionBody
from broadcaster.errors import Conflict
from broadcaster.printing import press
from broadcaster.printing.piece import Approved, Kind, piece
from tests.papers import said_by, text_of

HASH = "ab12" * 16
LINK = "https://tin.example.gov.vn/m/hotline-111"
TRICKY = 'Gọi 111 #let x = 1 *đậm* <b> {{ it }} \\ " $ @ `'


def approved(link: str = LINK, **forms: str) -> Approved:
    texts = {"poster": f"{TRICKY}\nMiễn phí", "text": f"{TRICKY}\n\nĐoạn hai ưởẫỡ.", "speech": "Xin gọi một một một."}
    body = RevisionBody(
        message="hotline-111", category="hotline", titles={"vi": "Gọi 111"}, texts={"vi": forms or texts}
    )
    return Approved(body=body, hash=HASH, source="Nghị định 162/2025/NĐ-CP", link=link)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.BOARD])
def test_a_piece_says_the_approved_words_as_they_are_and_names_its_revision(kind: Kind, tmp_path: Path) -> None:
    said = text_of(press.made(piece(kind, [approved()], language="vi", office="Sở VHTTDL")), tmp_path)

    joined = " ".join(said.split())
    assert TRICKY in joined
    assert HASH[:12] in joined
    assert "Nghị định 162/2025/NĐ-CP" in joined
    assert unicodedata.is_normalized("NFC", said)


def test_the_board_is_a_picture_of_the_size_boards_have() -> None:
    picture = Image.open(io.BytesIO(press.made(piece(Kind.BOARD, [approved()], language="vi", office="Sở"))))

    assert picture.size == (1920, 1080)
    assert len(picture.convert("L").getcolors() or []) > 2


@pytest.mark.parametrize(("paper", "size"), [("a4", (595, 842)), ("a3", (842, 1191))])
def test_a_poster_fills_one_page_of_its_paper(paper: str, size: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "poster.pdf"

    path.write_bytes(press.made(piece(Kind.POSTER, [approved()], language="vi", office="Sở"), paper=paper))

    said = said_by("pdfinfo", path)
    facts = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
    assert facts["Pages"].strip() == "1"
    width, _, height = facts["Page size"].split()[:3]
    assert (round(float(width)), round(float(height))) == size


def test_a_message_without_the_form_is_refused_with_what_to_write() -> None:
    with pytest.raises(Conflict, match="## vi poster"):
        piece(Kind.POSTER, [approved(text="Chỉ có bài dài.")], language="vi", office="Sở")
    with pytest.raises(Conflict, match="## en"):
        piece(Kind.NEWSLETTER, [approved()], language="en", office="Sở")


def test_without_a_public_address_there_is_no_code_and_the_piece_is_made_all_the_same() -> None:
    assert press.made(piece(Kind.POSTER, [approved(link="")], language="vi", office="Sở")).startswith(b"%PDF")


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    assert _run(["init", str(tmp_path / "office")]) == 0
    monkeypatch.chdir(tmp_path / "office")
    monkeypatch.setenv("BROADCASTER_PASSWORD", "một hai ba bốn năm sáu")
    for name, roles in (("lan", "author,operator"), ("minh", "approver")):
        monkeypatch.setattr("sys.stdin", io.StringIO("một hai ba bốn năm sáu\n"))
        assert _run(["user", "add", name, "--role", roles, "--password-stdin"]) == 0
    return tmp_path / "office"


def test_only_an_approved_message_is_printed_and_the_ledger_says_so(
    office: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = ["print", "poster", "hotline-111", "--as", "lan", "--json"]

    assert _run(ask) == 1
    assert "no approved revision" in capsys.readouterr().err
    assert _run(["message", "submit", "hotline-111", "--as", "lan"]) == 0
    assert _run(["message", "approve", "hotline-111", "--as", "minh"]) == 0
    capsys.readouterr()
    assert _run(ask) == 0

    told = json.loads(capsys.readouterr().out)
    assert Path(told["file"]).read_bytes().startswith(b"%PDF")
    assert _run(["ledger", "list", "--json", "--kind", "print.make"]) == 0
    entry = json.loads(capsys.readouterr().out.splitlines()[-1])
    entry = entry[-1] if isinstance(entry, list) else entry
    assert (entry["piece"], entry["sha256"], entry["revisions"]) == ("poster", told["sha256"], told["revisions"])


def test_the_plan_is_printed_with_its_totals_and_the_hash_that_waits(
    office: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    campaign = "chong-mua-ban-nguoi-2027"
    assert _run(["plan", campaign, "--pdf", "plan.pdf"]) == 0
    assert "Chưa trình duyệt" in text_of(Path("plan.pdf").read_bytes(), tmp_path)
    assert _run(["plan", campaign, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out.splitlines()[-1])

    said = text_of(Path("plan.pdf").read_bytes(), tmp_path)

    total = f"{sum(row['recipients'] for row in rows):,}".replace(",", ".")
    assert f"{total} lượt gửi" in said
    assert "01/07/2027" in said
    found = re.findall(r"^ *\d\d/\d\d/\d{4} +08:00 ", said, re.MULTILINE)
    assert len(found) == sum(row["local"].endswith("T08:00") for row in rows) > 0


@pytest.mark.parametrize(("kind", "size"), [(Kind.POSTER, (397, 561)), (Kind.BOARD, (640, 360))])
def test_a_picture_of_a_piece_is_small_enough_for_a_page(kind: Kind, size: tuple[int, int]) -> None:
    data = press.preview(piece(kind, [approved()], language="vi", office="Sở"))

    with Image.open(io.BytesIO(data)) as picture:
        assert picture.size == size
