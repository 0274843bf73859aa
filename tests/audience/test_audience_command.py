"""The commands as people and scripts call them: through `main`, with a configuration, a database and a password."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
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
from tests.audience.audience_builders import entries

PASSWORD = "một câu đủ dài để nhớ"
CONFIG = '[database]\nurl = "sqlite:///broadcaster.db"\n[office]\nkey = { file = "office.key" }\n'
PEOPLE = "name,phone,email\nBưởi,0912345678,buoi@example.vn\nĐức,987654321,\nLê,113,\n"


@dataclass
class Office:
    folder: Path
    database: Database
    capture: pytest.CaptureFixture[str]

    def run(self, *args: str) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        self.capture.readouterr()
        code = _run(["audience", *args, "--config", str(self.folder / "config.toml")])
        said = self.capture.readouterr()
        return code, said.out, said.err

    def json(self, *args: str) -> Any:
        code, out, err = self.run(*args, "--json")
        assert code == 0, err
        return json.loads(out)


@pytest.fixture
def office(
    tmp_path: Path, sqlite_template: Path, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Office]:  # fmt: skip
    """A workspace with a list of three people, one of them with a bad number."""
    shutil.copy(sqlite_template, tmp_path / "broadcaster.db")
    (tmp_path / "config.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "office.key").write_text("k" * 64, encoding="utf-8")
    (tmp_path / "people.csv").write_text(PEOPLE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BROADCASTER_PASSWORD", PASSWORD)
    monkeypatch.setattr(frame, "SystemClock", lambda: clock)
    database = Database("sqlite:///broadcaster.db", folder=tmp_path)
    yield Office(folder=tmp_path, database=database, capture=capsys)
    database.close()


def test_an_import_prints_its_sums_and_says_loudly_who_gets_nothing(office: Office) -> None:
    code, out, err = office.run("import", "people.csv", "--group", "border", "--json")

    done = json.loads(out)
    assert code == 0
    assert (done["read"], done["kept"], done["refused"], done["contacts_new"], done["joined"]) == (3, 2, 1, 2, 2)
    assert "ATTENTION: contacts without consent on record: 2" in err
    assert "lost their leading zero, which was put back: 1" in err
    assert "people.csv.rejects.csv" in err


def test_a_consent_for_the_whole_list_can_be_given_later(office: Office) -> None:
    office.json("import", "people.csv", "--group", "border")

    code, _, err = office.run("import", "people.csv", "--consent-source", "phiếu", "--consent-date", "1/6/2027")

    assert code == 0
    assert "ATTENTION" not in err
    assert office.json("group", "members", "border")["eligible"] == 2


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("import", "nothing.csv"), 2, "Cannot read nothing.csv"),
        (("import", "people.csv", "--consent-date", "1/6/27"), 2, "four digits"),
        (("import", "people.csv", "--group", "nạn nhân"), 2, "accuses or exposes"),
        (("list", "--group", "inland"), 2, "No group is called 'inland'"),
        (("show", "0912345678"), 2, "No contact has this address"),
        (("show", "7"), 2, "There is no contact 7"),
        (("opt-out", "113"), 2, "short service number"),
        (("erase",), 2, "Say whom to erase"),
        (("export", "out.csv", "--reveal"), 2, "a person's name"),
    ],
)
def test_a_wrong_call_ends_with_one_sentence(office: Office, args: tuple[str, ...], code: int, said: str) -> None:
    found, out, err = office.run(*args)

    assert (found, out) == (code, "")
    assert said in err
    assert err.count("\n") == 1


def test_an_import_of_which_nothing_is_kept_fails(office: Office) -> None:
    (office.folder / "people.csv").write_text("phone\n113\n", encoding="utf-8")

    code, _, _ = office.run("import", "people.csv")

    assert code == 1


def test_numbers_are_shown_masked_to_people_and_to_programs(office: Office) -> None:
    office.json("import", "people.csv", "--group", "border")

    shown = [office.run(*args)[1] for args in (("list",), ("list", "--json"), ("show", "0912345678"), ("show", "1"))]

    assert all("+84 91• ••• •78" in text for text in shown)
    assert not any("12345678" in text for text in shown)


def test_a_long_list_is_shown_in_parts_and_says_so(office: Office) -> None:
    office.json("import", "people.csv")

    _, _, err = office.run("list", "--limit", "1")
    rest = office.json("list", "--after", "1")

    assert "2 contacts in all; the next: --after 1." in err
    assert [row["id"] for row in rest] == ["2"]


def test_somebody_opts_out_and_the_lists_say_so(office: Office) -> None:
    office.json("import", "people.csv", "--group", "border")

    done = office.json("opt-out", "buoi@example.vn")

    assert done == {"contact": "1", "addresses": 2, "dispatches": 0}
    assert office.run("list")[1].count("(opted out)") == 2
    assert office.json("group", "members", "border")["suppressed"] == 1


def test_an_erasure_asks_first_and_then_leaves_nothing(office: Office) -> None:
    office.json("import", "people.csv")

    asked, _, err = office.run("erase", "0912345678")
    done = office.json("erase", "0912345678", "--yes")

    assert (asked, done["contact"], done["erased"]) == (2, "1", True)
    assert "--yes" in err
    assert [row["id"] for row in office.json("list")] == ["2"]


def test_an_export_is_ledgered_and_in_full_only_by_somebody_who_may(office: Office, clock: SteppedClock) -> None:
    office.json("import", "people.csv", "--group", "border")
    for name, role in {"lan": "operator", "an": "auditor"}.items():
        with transaction(office.database, clock) as tx:
            access.add(tx, name=name, roles=parse_roles(role), password=PASSWORD, actor="test")

    masked = office.json("export", "masked.csv", "--group", "border")
    refused, _, _ = office.run("export", "no.csv", "--reveal", "--as", "an")
    office.json("export", "full.csv", "--reveal", "--as", "lan")

    assert (masked["contacts"], masked["revealed"], refused) == (2, False, 2)
    assert "912345678" not in (office.folder / "masked.csv").read_text(encoding="utf-8")
    assert "'+84912345678" in (office.folder / "full.csv").read_text(encoding="utf-8")
    assert not (office.folder / "no.csv").exists()
    told = [(entry["revealed"], entry["contacts"]) for entry in entries(office.database, "audience.export")]
    assert told == [(False, 2), (True, 2)]


def test_groups_are_added_and_listed(office: Office) -> None:
    office.json("group", "add", "xã Mường Khương")

    assert [(row["name"], row["members"]) for row in office.json("group", "list")] == [("xã Mường Khương", 0)]
