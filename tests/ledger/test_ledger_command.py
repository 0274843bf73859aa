"""`broadcaster ledger` as people and scripts call it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ledger_story as story
import pytest
from sqlalchemy import update
from test_checkpoint import unlock

from broadcaster.cli.main import _run
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.ledger import store


class Office:
    """A workspace with the whole story in its ledger."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capture = folder, capture
        (folder / "config.toml").write_text('[database]\nurl = "sqlite:///broadcaster.db"\n', encoding="utf-8")
        (folder / "secrets").mkdir()
        (folder / "secrets" / "ledger.key").write_text("07" * 32)

    def run(self, *arguments: object) -> tuple[int, str]:
        self.capture.readouterr()
        code = _run(["ledger", *map(str, arguments), "--config", str(self.folder / "config.toml")])
        said = self.capture.readouterr()
        return code, said.out or said.err

    def json(self, *arguments: object, code: int = 0) -> Any:
        got, out = self.run(*arguments)
        assert got == code, out
        return json.loads(out)


@pytest.fixture
def office(sqlite_database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    long_ago = SteppedClock(datetime(2026, 1, 1, tzinfo=UTC))  # the commands write with the machine's own time
    story.tell(sqlite_database, long_ago, story.HONEST)
    return Office(tmp_path, capsys)


def test_an_honest_ledger_verifies_with_its_root(office: Office, sqlite_database: Database) -> None:
    with sqlite_database.reading() as connection:
        head = store.head(connection)

    found = office.json("verify", "--json")
    code, text = office.run("verify")

    assert found == {"ok": True, "entries": head.size, "root": head.root().hex()}
    assert (code, text) == (0, f"ledger: verified; {head.size} entries, root {head.root().hex()}\n")


def test_a_changed_ledger_exits_1_and_names_the_entry(office: Office, sqlite_database: Database) -> None:
    unlock(sqlite_database)
    with sqlite_database.writing() as connection:
        connection.execute(update(store.ENTRY).where(store.ENTRY.c.seq == 4).values(raw=b"{}"))

    found = office.json("verify", "--json", code=1)
    code, text = office.run("verify")

    assert found["ok"] is False
    assert any(fault.startswith("entry 4:") for fault in found["faults"])
    assert set(found) == {"ok", "faults"}
    assert code == 1
    assert "NOT verified" in text


def test_an_export_is_checked_by_the_copy_of_the_verifier_in_it(office: Office) -> None:
    target = office.folder / "out"

    made = office.json("export", target, "--json")
    checked = subprocess.run(
        [sys.executable, "-I", target / "verify.py", target, "--json"], capture_output=True, text=True
    )

    assert checked.returncode == 0, checked.stdout
    assert json.loads(checked.stdout)["root"] == made["root"]
    assert made["entries"] == len(story.HONEST) + 1


def test_entries_are_listed_as_they_were_written(office: Office) -> None:
    code, text = office.run("list", "--json")
    _, table = office.run("list", "--limit", 3)

    entries = [json.loads(line) for line in text.splitlines()]
    assert code == 0
    assert [entry["seq"] for entry in entries] == list(range(len(story.HONEST)))
    assert table.splitlines()[0].split() == ["seq", "ts", "kind", "actor", "fields"]
    assert len(table.splitlines()) == 4


@pytest.mark.parametrize(
    ("asked", "kinds"), [("attempt.orphan", {"attempt.orphan"}), ("stop", {"stop.set", "stop.lift"})]
)
def test_a_kind_or_a_noun_narrows_the_list(office: Office, asked: str, kinds: set[str]) -> None:
    _, text = office.run("list", "--json", "--kind", asked)

    assert {json.loads(line)["kind"] for line in text.splitlines()} == kinds


def test_the_list_can_begin_anywhere(office: Office) -> None:
    _, text = office.run("list", "--json", "--since", 30, "--limit", 1)

    assert [json.loads(line)["seq"] for line in text.splitlines()] == [30]


def test_a_checkpoint_is_written_where_the_configuration_says(office: Office) -> None:
    first = office.json("checkpoint", "--json")
    second = office.json("checkpoint", "--json")

    assert first == second
    assert first["size"] == len(story.HONEST)
    assert (office.folder / "checkpoints" / f"{first['size']:012d}.txt").is_file()
    assert first["file"].endswith(f"{first['size']:012d}.txt")


def test_one_entry_is_proved(office: Office) -> None:
    proof = office.json("prove", 5)

    assert json.loads(proof["entry"])["seq"] == 5
    assert proof["key"] == story.KEY.public.hex()


def test_what_is_not_there_is_wrong_use(office: Office) -> None:
    no_entry, said = office.run("prove", 99999)
    shutil.rmtree(office.folder / "secrets")
    no_key, about_key = office.run("checkpoint")

    assert no_entry == 2
    assert "There is no entry 99999" in said
    assert no_key == 2
    assert "ledger.key" in about_key


def verified(*arguments: object) -> tuple[int, str]:
    """What the stand-alone program says, started as an auditor does."""
    from broadcaster.ledger import verify

    done = subprocess.run([sys.executable, "-I", verify.__file__, *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stdout


def test_a_proof_of_an_entry_and_of_growth_are_checked_by_the_program(office: Office) -> None:
    first = office.json("checkpoint", "--json")["size"]
    office.run("export", office.folder / "out")
    entry, growth = office.folder / "entry.json", office.folder / "growth.json"
    entry.write_text(office.run("prove", 5)[1])
    growth.write_text(office.run("prove", "--from", first)[1])

    said = verified("--proof", entry, "--key", story.KEY.public.hex()), verified("--proof", growth)

    assert [code for code, _ in said] == [0, 0]
    assert said[1][1].startswith(f"the signed log of {first + 1} entries continues the one of {first}")


@pytest.mark.parametrize("wrong", [[], ["5", "--from", "3"], ["--to", "3"], ["--from", "3", "--to", "2"]])
def test_half_a_question_for_a_proof_is_wrong_use(office: Office, wrong: list[str]) -> None:
    code, _ = office.run("prove", *wrong)

    assert code == 2


def test_a_bundle_has_the_figures_of_every_campaign(office: Office) -> None:
    made = office.json("export", "--bundle", office.folder / "out", "--json")

    code, said = verified(office.folder / "out")

    assert (code, made["reports"]) == (0, [])
    assert said.splitlines()[-1] == "OK"
    assert (office.folder / "out" / "check.html").is_file()


def test_the_key_is_changed_and_the_old_one_kept(office: Office) -> None:
    found = office.json("rotate-key", "--json")

    code, _ = office.run("verify")
    office.run("export", office.folder / "out")
    assert code == 0
    assert found["key"] != story.KEY.public.hex()
    assert Path(found["old_key_file"]).read_text() == "07" * 32
    assert verified(office.folder / "out", "--key", story.KEY.public.hex())[0] == 0


def test_another_office_s_checkpoint_is_countersigned(office: Office, tmp_path: Path) -> None:
    file = Path(office.json("checkpoint", "--json")["file"])
    other = tmp_path / "other.key"
    other.write_text("0b" * 32)

    made = office.json(
        "countersign", file, "--office-key", story.KEY.public.hex(), "--key", other, "--name", "so.vn", "--json"
    )
    again, said = office.run(
        "countersign", file, "--office-key", story.KEY.public.hex(), "--key", other, "--name", "so.vn"
    )
    wrong, refused = office.run("countersign", file, "--office-key", story.OTHER_KEY.public.hex())

    entries = [
        json.loads(line) for line in office.run("list", "--json", "--kind", "ledger.countersign")[1].splitlines()
    ]
    assert file.read_text(encoding="utf-8").splitlines()[-1].startswith("— so.vn ")
    assert made["witness_key"].startswith("so.vn+")
    assert (again, wrong) == (1, 1)
    assert "already" in said
    assert "not signed by this key" in refused
    assert [entry["size"] for entry in entries] == [made["size"]]


def test_a_second_office_takes_a_checkpoint_signs_it_and_it_comes_back_into_the_bundle(office: Office) -> None:
    theirs, config = office.folder / "so", office.folder / "config.toml"
    theirs.mkdir()
    (office.folder / "their.key").write_text("0b" * 32)
    config.write_text(config.read_text() + f'[ledger]\nwitness = ["{theirs.as_posix()}"]\n')
    size = office.json("checkpoint", "--json")["size"]
    signed = office.json(
        "countersign", theirs / f"{size:012d}.txt", "--office-key", story.KEY.public.hex(), "--key",
        office.folder / "their.key", "--name", "so.vn", "--json",
    )  # fmt: skip
    shutil.copytree(theirs, office.folder / "checkpoints" / "countersigned")
    config.write_text(config.read_text() + f'witness_keys = ["{signed["witness_key"]}"]\n')

    office.run("export", "--bundle", office.folder / "out")
    code, said = verified(office.folder / "out", "--json")

    found = json.loads(said)
    assert (code, found["faults"]) == (0, [])
    assert found["countersigned"][0].startswith(f"{size:012d}-countersigned.txt: so.vn, on 20")
    assert office.run("verify")[0] == 0


def test_a_checkpoint_goes_to_the_witnesses_and_what_fails_is_said(office: Office) -> None:
    usb = office.folder / "usb"
    usb.mkdir()
    config = office.folder / "config.toml"
    config.write_text(config.read_text() + f'[ledger]\nwitness = ["{usb.as_posix()}", "{usb.as_posix()}-away"]\n')

    found = office.json("checkpoint", "--json")

    assert [one["fault"] for one in found["witnesses"]] == ["", "there is no folder 'usb-away' now"]
    assert [path.name for path in usb.iterdir()] == [f"{found['size']:012d}.txt"]
