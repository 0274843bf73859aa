"""The commands as people and scripts call them: through `main`, with a configuration, a database and passwords."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from broadcaster.access import store as access
from broadcaster.access.user import parse_roles
from broadcaster.cli import session as frame
from broadcaster.cli.main import _run
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.ledger.store import transaction
from tests.conftest import START
from tests.content.library import BODY, FACTS, FRONT, write

PASSWORD = "một câu đủ dài để nhớ"
CONFIG = """\
[database]
url = "sqlite:///broadcaster.db"

[channels.sms]
adapter = "memory"
forms = ["sms"]
max_length = 300
price = { amount = "830.5" }

[channels.brand]
adapter = "memory"
forms = ["sms"]
accents = false
"""


@dataclass
class Office:
    """A workspace, and the command line in it."""

    folder: Path
    capture: pytest.CaptureFixture[str]

    def run(self, *args: str) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        self.capture.readouterr()
        code = _run([*args, "--config", str(self.folder / "config.toml")])
        said = self.capture.readouterr()
        return code, said.out, said.err

    def json(self, *args: str, code: int = 0) -> Any:
        got, out, err = self.run(*args, "--json")
        assert got == code, err
        return json.loads(out)


@pytest.fixture(scope="module")
def hashed(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Path:
    """A database with the users lan, minh and hoa: hashing passwords takes time, so it is done once."""
    folder = tmp_path_factory.mktemp("users")
    shutil.copy(sqlite_template, folder / "broadcaster.db")
    database = Database("sqlite:///broadcaster.db", folder=folder, sender=True)
    for name, roles in {"lan": "author", "minh": "approver", "hoa": "approver,author"}.items():
        with transaction(database, SteppedClock(START)) as tx:
            access.add(tx, name=name, roles=parse_roles(roles), password=PASSWORD, actor="test")
    database.close()
    return folder / "broadcaster.db"


@pytest.fixture
def office(
    tmp_path: Path,
    hashed: Path,
    clock: SteppedClock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Office:
    shutil.copy(hashed, tmp_path / "broadcaster.db")
    (tmp_path / "config.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "schedules").mkdir()
    write(tmp_path)
    monkeypatch.setenv("BROADCASTER_PASSWORD", PASSWORD)
    monkeypatch.setattr(frame, "SystemClock", lambda: clock)
    return Office(folder=tmp_path, capture=capsys)


def test_a_message_goes_from_its_file_to_an_approved_revision(office: Office) -> None:
    before = office.json("message", "list")
    submitted = office.json("message", "submit", "hotline-111", "--as", "lan")
    waiting = office.json("message", "list")
    approved = office.json("message", "approve", "hotline-111", "--as", "minh")
    after = office.json("message", "list")

    assert [(row["id"], row["state"], row["file"]) for row in before] == [("hotline-111", "draft", "new")]
    assert (submitted["message"], submitted["state"], len(submitted["revision"])) == ("hotline-111", "submitted", 64)
    assert [(row["state"], row["submitted"]) for row in waiting] == [("submitted", submitted["revision"])]
    assert approved == {"message": "hotline-111", "state": "approved", "revision": submitted["revision"]}
    assert [(row["state"], row["file"], row["stale"]) for row in after] == [("approved", "same", [])]


def test_without_a_name_nobody_submits_or_approves(office: Office) -> None:
    for act in ("submit", "approve"):
        code, out, err = office.run("message", act, "hotline-111")

        assert (code, out) == (2, "")
        assert "--as USER" in err


def test_the_author_may_not_approve_their_own(office: Office) -> None:
    office.run("message", "submit", "hotline-111", "--as", "hoa")

    code, _, err = office.run("message", "approve", "hotline-111", "--as", "hoa")

    assert code == 2
    assert "a second person must" in err


def test_a_message_with_a_fault_is_not_submitted_and_the_line_is_named(office: Office) -> None:
    write(office.folder, body=BODY.replace("{{ fact.hotline }} (miễn", "0912 345 678 (miễn"))

    code, out, err = office.run("message", "submit", "hotline-111", "--as", "lan")

    assert (code, out) == (1, "")
    assert "content/hotline/hotline-111.md:12:" in err
    assert [row["state"] for row in office.json("message", "list")] == ["draft"]


def test_submitting_what_is_approved_just_so_changes_nothing(office: Office) -> None:
    first = office.json("message", "submit", "hotline-111", "--as", "lan")
    again = office.json("message", "submit", "hotline-111", "--as", "lan")
    office.run("message", "approve", "hotline-111", "--as", "minh")
    later = office.json("message", "submit", "hotline-111", "--as", "lan")

    assert [(row["state"], row["unchanged"]) for row in (first, again, later)] == [
        ("submitted", False),
        ("submitted", True),
        ("approved", True),
    ]


def test_all_submits_the_good_ones_and_names_the_others(office: Office) -> None:
    write(office.folder, front=FRONT.replace("hotline-111", "second"), slug="second")
    write(office.folder, front=FRONT.replace("hotline-111", "third"), slug="third", body="## vi\nGọi 0912345678\n")
    (office.folder / "content" / "hotline" / "fourth.md").write_text("gì đó", encoding="utf-8")

    code, out, err = office.run("message", "submit", "--all", "--as", "lan", "--json")

    assert code == 1
    assert [row["message"] for row in json.loads(out)] == ["hotline-111", "second"]
    assert "third.md:9" in err
    assert "fourth.md" in err
    assert [row["message"] for row in office.json("message", "approve", "--all", "--as", "minh")] == [
        "hotline-111",
        "second",
    ]


def test_approve_all_leaves_ones_own_to_another(office: Office) -> None:
    write(office.folder, front=FRONT.replace("hotline-111", "second"), slug="second")
    office.run("message", "submit", "hotline-111", "--as", "lan")
    office.run("message", "submit", "second", "--as", "hoa")

    code, out, err = office.run("message", "approve", "--all", "--as", "hoa", "--json")

    assert code == 1
    assert [row["message"] for row in json.loads(out)] == ["hotline-111"]
    assert "Not approved: second" in err


def test_a_pinned_hash_refuses_another_text(office: Office) -> None:
    seen = office.json("message", "submit", "hotline-111", "--as", "lan")["revision"]
    write(office.folder, body=BODY.replace("miễn phí", "không mất tiền"))
    office.run("message", "submit", "hotline-111", "--as", "lan")

    code, _, err = office.run("message", "approve", "hotline-111", "--hash", seen, "--as", "minh")

    assert code == 1
    assert "not what you saw" in err


@pytest.mark.parametrize(
    ("answer", "code", "state", "said"),
    [(True, 0, "approved", ""), (False, 1, "submitted", "Not approved: hotline-111.")],
)
def test_on_a_terminal_the_text_and_its_hash_are_shown_and_asked_for(
    office: Office, monkeypatch: pytest.MonkeyPatch, answer: bool, code: int, state: str, said: str
) -> None:
    revision = office.json("message", "submit", "hotline-111", "--as", "lan")["revision"]
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.confirm", lambda *_args, **_values: answer)

    got, _, err = office.run("message", "approve", "hotline-111", "--as", "minh")

    assert got == code
    assert revision in err
    assert "Xin gọi một một một." in err
    assert said in err
    assert "not what you saw" not in err
    assert [row["state"] for row in office.json("message", "list")] == [state]


def test_a_rejected_message_keeps_the_reason(office: Office) -> None:
    office.run("message", "submit", "hotline-111", "--as", "lan")

    code, out, _ = office.run("message", "reject", "hotline-111", "--reason", "Thiếu giờ trực", "--as", "minh")

    assert code == 0
    assert "rejected" in out
    assert office.json("message", "show", "hotline-111")["approvals"][0]["reason"] == "Thiếu giờ trực"


def test_withdrawing_takes_an_approved_message_out_of_force(office: Office) -> None:
    office.run("message", "submit", "hotline-111", "--as", "lan")
    office.run("message", "approve", "hotline-111", "--as", "minh")

    code, _, _ = office.run("message", "withdraw", "hotline-111", "--reason", "Số sai", "--as", "lan")

    assert code == 0
    assert [(row["state"], row["approved"]) for row in office.json("message", "list")] == [("withdrawn", None)]


def test_a_changed_fact_makes_the_message_stale_before_any_sender_ran(office: Office) -> None:
    office.run("message", "submit", "hotline-111", "--as", "lan")
    office.run("message", "approve", "hotline-111", "--as", "minh")
    assert office.json("message", "list", "--stale") == []

    write(office.folder, facts=FACTS.replace('"111"', '"112"'))

    assert office.json("message", "list", "--stale")[0]["stale"] == [{"fact": "hotline", "why": "changed"}]
    assert office.json("fact", "uses", "hotline") == [
        {
            "message": "hotline-111",
            "in": ["vi text", "vi sms", "vi speech", "en text"],
            "approved": office.json("message", "list")[0]["approved"],
            "stale": True,
        }
    ]


def test_diff_shows_the_words_that_changed(office: Office) -> None:
    office.run("message", "submit", "hotline-111", "--as", "lan")
    office.run("message", "approve", "hotline-111", "--as", "minh")
    write(office.folder, body=BODY.replace("(miễn phí)", "(không mất tiền)"))

    found = office.json("message", "diff", "hotline-111")

    assert found["same"] is False
    assert found["differences"] == ["text vi sms differs"]
    assert found["words"] == {"vi sms": "Gọi 111 [-(miễn phí).-]{+(không mất tiền).+}"}


def test_preview_counts_each_sms_prices_it_and_proposes_the_twin(office: Office) -> None:
    rows = {(row["language"], row["form"]): row for row in office.json("message", "preview", "hotline-111")}

    sms = rows["vi", "sms"]
    assert (sms["text"], sms["encoding"], sms["units"], sms["parts"]) == ("Gọi 111 (miễn phí).", "UCS-2", 19, 1)
    assert sms["costly"] == ["ọ", "ễ", "í"]
    assert sms["channels"] == [{"channel": "sms", "parts": 1, "cost": {"amount": "830.5", "currency": "VND"}}]
    assert sms["proposed_plain"] == {"text": "Goi 111 (mien phi).", "encoding": "GSM-7", "parts": 1, "left": [],
                                     "channels": [{"channel": "brand", "parts": 1, "cost": None}]}  # fmt: skip
    assert "parts" not in rows["vi", "text"]


def test_the_same_is_readable_without_json(office: Office) -> None:
    office.run("message", "submit", "hotline-111", "--as", "lan")

    for command in (("list",), ("show", "hotline-111"), ("preview", "hotline-111"), ("diff", "hotline-111")):
        code, out, err = office.run("message", *command)

        assert (code, err) == (0, "")
        assert out.strip()


def test_facts_are_listed_with_the_day_they_fall_overdue(office: Office) -> None:
    rows = office.json("fact", "list")

    assert [(row["name"], row["state"], row["days_left"], row["messages"]) for row in rows] == [
        ("hotline", "good", 183, 1),
        ("law", "good", 549, 1),
    ]


@pytest.mark.parametrize(
    "command", [("message", "show", "none"), ("message", "preview", "none"), ("fact", "uses", "none")]
)
def test_a_name_that_does_not_exist_is_said_with_where_to_look(office: Office, command: tuple[str, ...]) -> None:
    code, out, err = office.run(*command)

    assert (code, out) == (2, "")
    assert "list" in err


def test_one_message_or_all_and_not_both(office: Office) -> None:
    for command in (["submit"], ["submit", "hotline-111", "--all"], ["approve"], ["approve", "--all", "--hash", "x"]):
        assert office.run("message", *command, "--as", "hoa")[0] == 2


def test_check_passes_a_good_workspace_and_tells_warnings(office: Office) -> None:
    found = office.json("check")

    assert (found["ok"], found["faults"]) == (True, [])
    assert ["takes no accents" in warning["text"] for warning in found["warnings"]] == [True]


def test_check_exits_one_and_names_file_line_and_remedy(office: Office) -> None:
    write(
        office.folder, body=BODY.replace("miễn phí", "mi\u200bễn phí"), facts=FACTS.replace("2027-12-31", "2027-06-30")
    )

    code, out, _ = office.run("check")

    assert code == 1
    assert "content/facts.toml:1: " in out
    assert "content/hotline/hotline-111.md:12: A zero-width character" in out


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("[channels.sms]\nadapter = 'none-such'\n", "none-such"),
        ("[office\n", "not valid TOML"),
        ("colour = 1\n", "colour"),
    ],
)
def test_check_names_what_is_wrong_with_the_configuration(office: Office, config: str, says: str) -> None:
    (office.folder / "config.toml").write_text(config, encoding="utf-8")

    found = office.json("check", code=1)

    assert says in found["faults"][0]["text"]


@pytest.mark.parametrize("raw", [b"\xff\xfe+\0", b"+++\n\0", b"", b"+++\nx = [[[", b"+++\nid = 1\n+++\n\xff"])
def test_a_damaged_file_is_named_by_every_command_and_ends_none_in_a_traceback(office: Office, raw: bytes) -> None:
    (office.folder / "content" / "hotline" / "hotline-111.md").write_bytes(raw)

    for command in (
        ("check",),
        ("message", "show", "hotline-111"),
        ("message", "submit", "hotline-111", "--as", "lan"),
    ):
        code, out, err = office.run(*command)

        assert code == 1
        assert "content/hotline/hotline-111.md" in out + err


def test_a_revision_is_shown_as_it_was_decided_about_whatever_the_file_says_now(office: Office) -> None:
    hash_ = office.json("message", "submit", "hotline-111", "--as", "lan")["revision"]
    office.json("message", "approve", "hotline-111", "--as", "minh")
    path = next((office.folder / "content").rglob("hotline-111.md"))
    was = office.json("message", "show", "hotline-111")["texts"]
    path.unlink()

    shown = office.json("message", "show", "hotline-111", "--revision", hash_[:12])
    code, text, _ = office.run("message", "show", "hotline-111", "--revision", hash_)

    assert (shown["revision"], shown["texts"]) == (hash_, was)
    assert [one["decided_by"] for one in shown["approvals"]] == ["minh"]
    assert code == 0
    assert was["vi"]["text"] in text


@pytest.mark.parametrize("hash_", ["", "abc", "0" * 64, "z" * 12])
def test_a_revision_that_is_none_of_the_message_s_is_said(office: Office, hash_: str) -> None:
    office.json("message", "submit", "hotline-111", "--as", "lan")

    code, _, said = office.run("message", "show", "hotline-111", "--revision", hash_)

    assert code == 2
    assert "has no revision" in said
