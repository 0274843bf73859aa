"""The commands an office types for its bulletins, from import to recall."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from broadcaster.cli.main import cli
from broadcaster.clock import SteppedClock
from broadcaster.errors import BroadcasterError, Conflict, WrongUse

PASSWORD = "mật khẩu dài để thử nghiệm"
CONFIG = """
[channels.loa]
adapter = "loudspeaker"
without_recording = "announcer"
"""
COMMUNES = "name,loudspeaker,language\nXã Mường Lát,Mường Lát,vi\nXã Pù Nhi,14875,vi\n"


class Office:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = SteppedClock(datetime(2027, 7, 30, 1, 0, tzinfo=UTC))

    def type(self, *words: str, who: str = "") -> int:
        shown = [*words, *(("--as", who) if who else ()), "--config", str(self.folder / "config.toml")]
        code = cli.main(args=shown, prog_name="broadcaster", standalone_mode=False, obj=self.clock)
        return code if isinstance(code, int) else 0


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    """An office with an approved bulletin in two communes."""
    monkeypatch.setenv("BROADCASTER_PASSWORD", PASSWORD)
    office = Office(tmp_path / "office")
    cli.main(args=["init", str(office.folder)], prog_name="broadcaster", standalone_mode=False, obj=office.clock)
    config = office.folder / "config.toml"
    told = config.read_text(encoding="utf-8").replace('public_url = ""', 'public_url = "https://tin.example.gov.vn"')
    config.write_text(told + CONFIG, encoding="utf-8")
    for path in (office.folder / "schedules").glob("*.toml"):
        path.unlink()
    (office.folder / "communes.csv").write_text(COMMUNES, encoding="utf-8")
    for name, roles in (("lan", "author,operator"), ("minh", "approver")):
        monkeypatch.setattr("sys.stdin", _Line(PASSWORD))
        office.type("user", "add", name, "--role", roles, "--password-stdin")
    office.type("audience", "import", str(office.folder / "communes.csv"), "--group", "loa-xa")
    office.type("message", "submit", "hotline-111", who="lan")
    office.type("message", "approve", "hotline-111", who="minh")
    office.type("send", "hotline-111", "--channel", "loa", "--group", "loa-xa", who="lan")
    office.type("broadcast", "approve", "b-00000001", who="minh")
    office.type("run", "--until-idle")
    return office


class _Line:
    """Standard input with one line."""

    def __init__(self, text: str) -> None:
        self._text = text + "\n"

    def readline(self, *_: Any) -> str:
        return self._text

    read = readline

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        raise OSError

    @property
    def buffer(self) -> _Line:
        return self


def said(capsys: pytest.CaptureFixture[str], office: Office, *words: str, who: str = "") -> Any:
    capsys.readouterr()
    assert office.type(*words, "--json", who=who) == 0
    return json.loads(capsys.readouterr().out)


def test_a_commune_s_bulletin_from_the_package_to_the_figures(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = said(capsys, office, "bulletin", "list")
    link = said(capsys, office, "bulletin", "show", first["id"])["link"]

    manifest = json.loads((office.folder / "bulletins" / first["package"] / "manifest.json").read_bytes())
    assert (first["commune"], first["name"], first["state"]) == ("muong-lat", "Xã Mường Lát", "offered")
    assert manifest["confirm"] == link
    assert link.startswith("https://tin.example.gov.vn/l/1-")

    played = said(capsys, office, "bulletin", "confirm", first["id"], "--plays", "3", who="lan")
    assert (played["state"], played["plays"], played["said_by"], played["road"]) == ("played", 3, "lan", "telephone")
    office.clock.move_by(timedelta(days=1))
    board = said(capsys, office, "bulletin", "board")
    assert [row["commune"] for row in board["waiting"]] == ["14875"]
    assert board["waiting"][0]["sheet"].startswith("https://tin.example.gov.vn/t/14875.2027-w30.")
    assert (board["plays"], board["minutes"]) == (3, 3 * manifest["duration_seconds"] // 60)

    (reminded,) = said(capsys, office, "bulletin", "remind", who="lan")
    note = (office.folder / "bulletins" / "14875" / "NHAC-BAO-DA-PHAT.txt").read_text(encoding="utf-8")
    assert reminded["result"] == "reminded"
    assert board["waiting"][0]["sheet"] in note

    gone = said(capsys, office, "bulletin", "recall", second["id"], "--reason", "Sai số", who="lan")
    assert gone["state"] == "recalled"
    assert (office.folder / "bulletins" / second["package"] / "THU-HOI.txt").is_file()
    with pytest.raises(Conflict, match="played already"):
        office.type("bulletin", "recall", first["id"], "--reason", "Sai số", who="lan")
    assert (office.folder / "bulletins" / first["package"] / "bulletin.txt").is_file()


def test_a_confirmation_that_says_nothing_clear_is_refused(office: Office) -> None:
    refused: list[tuple[tuple[str, ...], str]] = [
        ((), "exactly one"),
        (("--plays", "1", "--not-played", "power"), "exactly one"),
        (("--not-played", "lười"), "power"),
        (("--scheduled",), "When"),
        (("--scheduled", "--at", "mai"), "2027-07-01T17:00"),
    ]

    for words, says in refused:
        with pytest.raises(BroadcasterError, match=says):
            office.type("bulletin", "confirm", "d-0000000001", *words, who="lan")
    with pytest.raises(WrongUse, match="--as USER"):  # staff speak for an officer in their own name only
        office.type("bulletin", "confirm", "d-0000000001", "--plays", "1")


def test_the_machine_can_be_heard_before_it_is_chosen(office: Office, tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader")
    out = tmp_path / "nghe.mp3"

    office.type("bulletin", "listen", "hotline-111", "--out", str(out))

    assert out.stat().st_size > 100_000  # half a minute at 64 kbit/s is about 240 kB
