"""`broadcaster campaign` and `broadcaster plan` as people and scripts call them."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from icalendar import Calendar

from broadcaster.access import store as access
from broadcaster.access.user import parse_roles
from broadcaster.cli import session as frame
from broadcaster.cli.main import _run
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.ledger.store import transaction
from tests.conftest import START
from tests.content.library import write
from tests.plan.campaign_builders import make_people

PASSWORD = "một câu đủ dài để nhớ"
CONFIG = """\
[channels.sms]
adapter = "memory"
forms = ["sms"]
rate = "10/s"
price = { amount = "830" }

[channels.web]
adapter = "memory"
unit = "public"
address = "public"
forms = ["text"]
"""
CAMPAIGN = """\
[campaign]
id = "camp"
title = "Chiến dịch"
from = 2027-07-01
until = 2027-07-02
languages = ["vi", "en"]

[[schedule]]
id = "daily"
messages = ["hotline-111"]
when = { daily = ["08:00"] }
channels = ["sms", "web"]
group = "border"
"""
KEYS = {"schedule", "local", "utc", "message", "channel", "recipients", "sms_parts", "cost", "finish", "conflicts"}


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

    def json(self, *args: str) -> Any:
        code, out, err = self.run(*args, "--json")
        assert code == 0, err
        return json.loads(out)

    def write(self, text: str) -> None:
        (self.folder / "schedules/camp.toml").write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def hashed(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Path:
    """A database with the users lan and minh, and seven people: hashing passwords takes time, so it is done once."""
    folder = tmp_path_factory.mktemp("users")
    shutil.copy(sqlite_template, folder / "broadcaster.db")
    database = Database("sqlite:///broadcaster.db", folder=folder, sender=True)
    for name, roles in {"lan": "author,operator", "minh": "approver"}.items():
        with transaction(database, SteppedClock(START)) as tx:
            access.add(tx, name=name, roles=parse_roles(roles), password=PASSWORD, actor="test")
    make_people(database, "border", 7, START)
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
    made = Office(folder=tmp_path, capture=capsys)
    made.write(CAMPAIGN)
    return made


def test_a_campaign_goes_from_its_file_to_an_approved_plan(office: Office) -> None:
    before = office.json("campaign", "list")
    submitted = office.json("campaign", "submit", "camp", "--as", "lan")
    waiting = office.json("campaign", "list")
    approved = office.json("campaign", "approve", "camp", "--as", "minh", "--hash", submitted["plan"][:12])
    after = office.json("campaign", "list")

    assert [(row["id"], row["state"], row["file"]) for row in before] == [("camp", "draft", "new")]
    assert submitted == {"campaign": "camp", "state": "submitted", "plan": submitted["plan"], "headcount": 7}
    assert [(row["state"], row["submitted"]) for row in waiting] == [("submitted", submitted["plan"])]
    assert approved == {**submitted, "state": "approved"}
    assert [(row["state"], row["approved"], row["file"]) for row in after] == [("running", submitted["plan"], "same")]


def test_a_file_edited_after_the_approval_is_told_and_changes_nothing(office: Office) -> None:
    office.json("campaign", "submit", "camp", "--as", "lan")
    office.json("campaign", "approve", "camp", "--as", "minh")
    office.write(CAMPAIGN.replace("08:00", "09:00"))

    (row,) = office.json("campaign", "list")
    shown = office.json("campaign", "show", "camp")

    assert (row["file"], row["state"]) == ("edited", "running")
    assert (shown["headcount"], shown["growth"], len(shown["approvals"])) == (7, [], 1)


def test_a_campaign_is_rejected_paused_resumed_and_cancelled(office: Office) -> None:
    office.json("campaign", "submit", "camp", "--as", "lan")
    rejected = office.json("campaign", "reject", "camp", "--reason", "sai giờ", "--as", "minh")
    office.json("campaign", "submit", "camp", "--as", "lan")
    office.json("campaign", "approve", "camp", "--as", "minh")

    states = [
        rejected["state"],
        office.json("campaign", "pause", "camp", "--reason", "bão", "--as", "lan")["state"],
        office.json("campaign", "resume", "camp", "--as", "lan")["state"],
        office.json("campaign", "cancel", "camp", "--reason", "hết", "--as", "lan")["state"],
    ]

    assert states == ["rejected", "paused", "running", "cancelled"]


@pytest.mark.parametrize("act", ["submit", "approve", "reject", "pause", "resume", "cancel"])
def test_without_a_name_nobody_decides_about_a_campaign(office: Office, act: str) -> None:
    reason = ["--reason", "x"] if act in ("reject", "pause", "cancel") else []

    code, out, err = office.run("campaign", act, "camp", *reason)

    assert (code, out) == (2, "")
    assert "--as USER" in err


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"hotline-111"', '"hotline-112"', "schedules/camp.toml:10"),
        ('"sms", "web"', '"telegram"', "'telegram'"),
        ('"border"', '"nobody"', "'nobody'"),
        ("until = 2027-07-02", "until = 2027-06-02", "schedules/camp.toml:5"),
    ],
)
def test_a_campaign_that_names_what_is_not_there_is_not_submitted(
    office: Office, old: str, new: str, says: str
) -> None:
    office.write(CAMPAIGN.replace(old, new, 1))

    code, out, err = office.run("campaign", "submit", "camp", "--as", "lan")

    assert code in (1, 2)
    assert out == ""
    assert says in err


def test_the_plan_is_a_list_with_a_row_per_occurrence_and_channel(office: Office) -> None:
    found = office.json("plan", "camp")

    assert [(row["local"], row["channel"], row["recipients"], row["sms_parts"]) for row in found] == [
        ("2027-07-01T08:00", "sms", 7, 1),
        ("2027-07-01T08:00", "web", 2, 0),
        ("2027-07-02T08:00", "sms", 7, 1),
        ("2027-07-02T08:00", "web", 2, 0),
    ]
    assert {frozenset(row) for row in found} == {frozenset(KEYS)}
    assert found[0]["cost"] == {"amount": "5810.00", "currency": "VND"}
    assert found[0]["conflicts"] == ["not approved yet"]


def test_the_plan_of_a_past_campaign_is_told_too(office: Office) -> None:
    office.write(CAMPAIGN.replace("2027-07-0", "2023-07-0"))

    assert len(office.json("plan", "camp")) == 4


def test_the_plan_of_a_campaign_without_its_file_is_the_approved_one(office: Office) -> None:
    office.json("campaign", "submit", "camp", "--as", "lan")
    office.json("campaign", "approve", "camp", "--as", "minh")
    (office.folder / "schedules/camp.toml").unlink()

    code, out, err = office.run("plan", "camp", "--json")

    assert (code, len(json.loads(out))) == (0, 4)
    assert "as approved" in err


def test_people_see_a_table_and_its_totals(office: Office) -> None:
    code, out, _ = office.run("plan", "camp")

    lines = out.splitlines()
    assert code == 0
    assert lines[0].split()[:4] == ["local", "schedule", "message", "channel"]
    assert "2027-07-01 08:00" in lines[1]
    assert lines[-1].startswith("2 broadcasts, 18 recipients, 14 SMS parts; cost 11620.00 VND;")


def test_the_calendar_goes_to_a_file_or_to_standard_output(office: Office) -> None:
    target = office.folder / "plan.ics"

    code, out, _ = office.run("plan", "camp", "--ics", str(target))
    same, printed, _ = office.run("plan", "camp", "--ics", "-")

    assert (code, same, out) == (0, 0, "")
    assert len(Calendar.from_ical(target.read_bytes()).walk("VEVENT")) == 2
    assert len(Calendar.from_ical(printed).walk("VEVENT")) == 2


def test_standard_output_takes_one_format(office: Office) -> None:
    code, out, err = office.run("plan", "camp", "--json", "--ics", "-")

    assert (code, out) == (2, "")
    assert "--ics" in err


def test_a_campaign_nobody_knows_names_those_there_are(office: Office) -> None:
    for command in (["plan", "other"], ["campaign", "show", "other"], ["campaign", "submit", "other", "--as", "lan"]):
        code, out, err = office.run(*command)

        assert (code, out) == (2, "")
        assert "camp" in err


def test_a_group_that_outgrew_the_approval_is_shown(office: Office, clock: SteppedClock) -> None:
    office.json("campaign", "submit", "camp", "--as", "lan")
    office.json("campaign", "approve", "camp", "--as", "minh")
    database = Database("sqlite:///broadcaster.db", folder=office.folder)
    make_people(database, "border", 3, clock.now())
    database.close()

    shown = office.json("campaign", "show", "camp")
    _, told, _ = office.run("campaign", "show", "camp")

    assert shown["growth"] == [{"group": "border", "approved": 7, "now": 10}]
    assert "submit the campaign again" in told
