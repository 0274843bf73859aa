"""An export is spoiled in every way we know; the verifier, alone, must say so."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import ledger_story as story
import pytest

from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.errors import Conflict
from broadcaster.ledger import checkpoint, export, store, verify
from broadcaster.ledger.entry import Kind, Record, decode, encode
from broadcaster.ledger.merkle import Frontier, leaf_hash

Verdict = tuple[int, list[str]]
Spoil = Callable[[list[bytes]], list[bytes]]
OPTIONAL = {"timestamps", "signed"}
MIDDLE = 20  # where the first of two checkpoints of the export stands


@pytest.fixture
def exported(sqlite_database: Database, clock: SteppedClock, tmp_path: Path) -> Path:
    """An honest export under two checkpoints."""
    story.tell(sqlite_database, clock, story.HONEST[:MIDDLE])
    story.sign(sqlite_database, clock, tmp_path / "checkpoints")
    story.tell(sqlite_database, clock, story.HONEST[MIDDLE:])
    return story.export_to(tmp_path / "out", sqlite_database, clock, tmp_path / "checkpoints").folder


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Callable[..., Verdict]:
    """Run the verifier; its exit code and the faults it names."""
    monkeypatch.setattr(verify, "signed", functools.cache(verify.signed))  # the same checkpoints again and again

    def run(folder: Path, *arguments: object) -> Verdict:
        monkeypatch.setattr(sys, "argv", ["verify.py", str(folder), "--json", *map(str, arguments)])
        code = verify.main()
        return code, json.loads(capsysbinary.readouterr().out)["faults"]

    return run


def spoil(folder: Path, change: Spoil) -> None:
    path = folder / "entries.jsonl"
    lines = path.read_bytes().split(b"\n")[:-1]
    path.write_bytes(b"".join(line + b"\n" for line in change(lines)))


def sign_anew(folder: Path, key: checkpoint.SigningKey = story.KEY) -> None:
    """What a thief of the key can do: number the entries again, and sign the whole as if it had always been so."""
    lines = [
        encode(Record(Kind(entry.pop("kind")), entry.pop("actor"), entry), seq=seq, ts=entry.pop("ts"))
        for seq, entry in enumerate(map(decode, (folder / "entries.jsonl").read_bytes().splitlines()))
    ]
    (folder / "entries.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    shutil.rmtree(folder / "checkpoints")
    for size in (MIDDLE, len(lines)):
        root = Frontier().extend(map(leaf_hash, lines[:size])).root()
        note = key.sign(checkpoint.body(story.ORIGIN, size, root), story.ORIGIN)
        checkpoint.write(checkpoint.Checkpoint(size=size, root=root, note=note), folder / "checkpoints")


def kept(folder: Path, size: int) -> Path:
    """The checkpoint of a size, put aside by the auditor before anything happened."""
    path = folder.parent / f"kept-{size}.txt"
    shutil.copy(folder / "checkpoints" / f"{size:012d}.txt", path)
    return path


def test_an_honest_export_is_accepted_by_the_file_alone(exported: Path, tmp_path: Path) -> None:
    alone = tmp_path / "elsewhere"
    alone.mkdir()
    shutil.move(exported / "verify.py", alone / "verify.py")

    done = subprocess.run([sys.executable, "-I", "verify.py", exported], cwd=alone, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "OK"


def interpreters() -> list[str]:
    """The Pythons of this machine, the one that runs this test among them."""
    named = [shutil.which(f"python3.{minor}") for minor in range(9, 16)]
    installed = [*Path.home().glob(".pyenv/versions/3.*/bin/python"), Path("/usr/bin/python3")]
    found = {sys.executable, *filter(None, named), *(str(path) for path in installed if path.exists())}
    new_enough = "import sys; sys.exit(sys.version_info < (3, 9))"
    return [one for one in sorted(found) if not subprocess.run([one, "-c", new_enough], capture_output=True).returncode]


def test_every_interpreter_of_this_machine_agrees(exported: Path) -> None:
    verdicts = {
        python: subprocess.run([python, "-I", "verify.py", "."], cwd=exported, capture_output=True, text=True).stdout[
            -3:
        ]
        for python in interpreters()
    }

    assert set(verdicts.values()) == {"OK\n"}, verdicts


def test_the_verifier_can_be_read_in_one_sitting() -> None:
    text = Path(verify.__file__).read_text(encoding="utf-8")

    assert len(text.splitlines()) < 200


SPOILS: dict[str, tuple[Spoil, str]] = {
    "a field changed": (lambda lines: [*lines[:9], lines[9].replace(b'"d":1', b'"d":2'), *lines[10:]],
                        f"entries 0 to {MIDDLE - 1} are not those"),
    "an entry changed after the first checkpoint": (
        lambda lines: [*lines[:22], lines[22].replace(b'"lan"', b'"mai"'), *lines[23:]], f"entries {MIDDLE} to"),
    "an entry deleted": (lambda lines: lines[:9] + lines[10:], "number 9 should stand here"),
    "two entries swapped": (lambda lines: [*lines[:9], lines[10], lines[9], *lines[11:]], "number 9 should stand here"),
    "the tail cut": (lambda lines: lines[:-3], "the log ends after"),
    "all cut": (lambda lines: lines[:0], "the log ends after 0 entries"),
    "an entry added at the end": (lambda lines: [*lines, lines[-1].replace(b'"seq":32', b'"seq":33')], "no good checkpoint"),
    "an entry twice": (lambda lines: [*lines[:9], lines[9], *lines[9:]], "number 10 should stand here"),
    "an entry written in another way": (
        lambda lines: [*lines[:9], lines[9].replace(b",", b", ", 1), *lines[10:]], "it is not canonical JSON"),
    "a key twice in an entry": (
        lambda lines: [*lines[:9], lines[9].replace(b'"seq"', b'"n":1,"seq"'), *lines[10:]], "it is not canonical JSON"),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILS)
def test_a_spoiled_export_is_refused_and_the_fault_named(
    exported: Path, look: Callable[..., Verdict], name: str
) -> None:
    change, words = SPOILS[name]
    spoil(exported, change)

    code, faults = look(exported)

    assert code == 1
    assert any(words in fault for fault in faults), faults


@pytest.mark.slow
def test_every_flip_of_a_byte_of_the_entries_is_found(
    sqlite_database: Database, clock: SteppedClock, tmp_path: Path, look: Callable[..., Verdict]
) -> None:
    story.tell(sqlite_database, clock, story.READY[:3])
    folder = story.export_to(tmp_path / "out", sqlite_database, clock, tmp_path / "checkpoints").folder
    path = folder / "entries.jsonl"
    good = path.read_bytes()

    missed = []
    for at in range(len(good)):
        for flip in (1, 7, 0x20, 0x80):  # 7: "\r" becomes "\n"
            path.write_bytes(good[:at] + bytes([good[at] ^ flip]) + good[at + 1 :])
            if look(folder)[0] != 1:
                missed.append((at, flip))
    path.write_bytes(good)

    assert missed == []
    assert look(folder) == (0, [])


@pytest.mark.slow
def test_every_flip_of_a_byte_of_a_checkpoint_or_the_key_is_found(
    sqlite_database: Database, clock: SteppedClock, tmp_path: Path, look: Callable[..., Verdict]
) -> None:
    story.tell(sqlite_database, clock, story.READY[:2])
    story.sign(sqlite_database, clock, tmp_path / "checkpoints")
    folder = story.export_to(tmp_path / "out", sqlite_database, clock, tmp_path / "checkpoints").folder
    missed = []

    for path in (*sorted((folder / "checkpoints").iterdir()), folder / "key.txt"):
        good = path.read_bytes()
        for at in range(len(good)):
            path.write_bytes(good[:at] + bytes([good[at] ^ (0x20 if at % 2 else 1)]) + good[at + 1 :])
            try:
                code, _ = look(folder)
            except SystemExit as wrong_use:  # a key that is no hexadecimal number
                code = int(str(wrong_use.code)) - 1
            if code != 1:
                missed.append((path.name, at))
        path.write_bytes(good)

    assert missed == []


def test_a_checkpoint_by_another_key_is_refused(exported: Path, look: Callable[..., Verdict]) -> None:
    sign_anew(exported, key=story.OTHER_KEY)

    code, faults = look(exported)

    assert code == 1
    assert faults[0] == f"checkpoint {MIDDLE:012d}.txt: it is damaged, or not signed by this key"


def test_a_foreign_key_in_the_export_is_caught_by_the_key_on_paper(
    exported: Path, look: Callable[..., Verdict]
) -> None:
    sign_anew(exported, key=story.OTHER_KEY)
    (exported / "key.txt").write_bytes(f"{story.OTHER_KEY.public.hex()}\n".encode())

    believing, careful = look(exported), look(exported, "--key", story.KEY.public.hex())

    assert believing == (0, [])
    assert careful[0] == 1
    assert "key.txt: damaged, or not the key you gave" in careful[1]


def test_a_key_of_small_order_signs_nothing(exported: Path, look: Callable[..., Verdict]) -> None:
    identity = (1).to_bytes(32, "little").hex()  # under it, the signature (R = identity, S = 0) would fit every text

    code, _ = look(exported, "--key", identity)

    assert code == 1


def test_two_roots_for_one_size_are_a_split_view(exported: Path, look: Callable[..., Verdict]) -> None:
    ours = kept(exported, MIDDLE)
    spoil(exported, lambda lines: [*lines[:8], lines[8].replace(b'"to":"0', b'"to":"1'), *lines[9:]])
    sign_anew(exported)

    code, faults = look(exported, "--checkpoint", ours)

    assert code == 1
    assert faults[0].startswith(f"two logs were signed for {MIDDLE} entries")


def test_a_log_rewritten_and_signed_anew_is_caught_by_an_old_checkpoint(
    exported: Path, look: Callable[..., Verdict]
) -> None:
    ours = kept(exported, MIDDLE)
    spoil(exported, lambda lines: [*lines[:10], *lines[13:]])
    sign_anew(exported)
    (exported / "checkpoints" / f"{MIDDLE:012d}.txt").unlink()

    without, held = look(exported), look(exported, "--checkpoint", ours)

    assert without[0] == 0  # nobody could see it from the export alone
    assert held[0] == 1
    assert f"entries 0 to {MIDDLE - 1} are not those that were signed" in held[1][0]


def test_a_tail_cut_and_signed_anew_is_caught_by_a_newer_checkpoint(
    exported: Path, look: Callable[..., Verdict]
) -> None:
    ours = kept(exported, len(story.HONEST) + 1)
    spoil(exported, lambda lines: lines[:-2])
    sign_anew(exported)

    code, faults = look(exported, "--checkpoint", ours)

    assert code == 1
    assert faults == [f"the log ends after {len(story.HONEST) - 1} entries, but {len(story.HONEST) + 1} were signed"]


BREACHES: dict[str, tuple[Spoil, str]] = {
    "a second send": (
        lambda lines: [*lines[:11], lines[8].replace(b'"n":1', b'"n":2'), *lines[11:]], "is sent again"),
    "an approval by the author": (lambda lines: [line.replace(b'"actor":"minh"', b'"actor":"lan"') for line in lines], "alone"),
    "an unapproved text": (lambda lines: lines[:3] + lines[4:], "its text or plan is not approved"),
    "an intent left out": (lambda lines: lines[:8] + lines[9:], "the last begun is 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_that_is_correctly_logged_and_signed_is_named(
    exported: Path, look: Callable[..., Verdict], name: str
) -> None:
    change, words = BREACHES[name]
    spoil(exported, change)
    sign_anew(exported)

    code, faults = look(exported)

    assert code == 1
    assert any(words in fault for fault in faults), faults


def test_a_mailed_checkpoint_may_have_other_line_ends(exported: Path, look: Callable[..., Verdict]) -> None:
    ours = kept(exported, MIDDLE)
    ours.write_bytes(b"\r\n" + ours.read_bytes().replace(b"\n", b"\r\n") + b"\r\n\r\n")

    code, faults = look(exported, "--checkpoint", ours)

    assert (code, faults) == (0, [])


def test_a_line_without_end_is_refused(exported: Path, look: Callable[..., Verdict]) -> None:
    path = exported / "entries.jsonl"
    path.write_bytes(path.read_bytes()[:-1])

    code, _ = look(exported)

    assert code == 1


@pytest.mark.parametrize("missing", ["entries.jsonl", "key.txt", "checkpoints"])
def test_half_an_export_is_wrong_use(exported: Path, look: Callable[..., Verdict], missing: str) -> None:
    path = exported / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()

    with pytest.raises(SystemExit) as wrong_use:
        look(exported)

    assert wrong_use.value.code == 2


def test_no_checkpoint_at_all_is_a_fault(exported: Path, look: Callable[..., Verdict]) -> None:
    for path in (exported / "checkpoints").iterdir():
        path.unlink()

    code, faults = look(exported)

    assert (code, faults) == (1, ["no good checkpoint covers the last entries"])


def test_the_export_itself_is_under_its_checkpoint(exported: Path, sqlite_database: Database) -> None:
    with sqlite_database.reading() as connection:
        entries = list(store.raws(connection))

    assert (exported / "entries.jsonl").read_bytes() == b"".join(raw + b"\n" for raw in entries)
    assert decode(entries[-1])["kind"] == "ledger.export"
    assert {path.name for path in exported.iterdir()} == export.NAMES - OPTIONAL - {"reports", "check.html"}


def test_an_export_replaces_an_earlier_one_and_nothing_else(
    exported: Path, sqlite_database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    again = story.export_to(exported, sqlite_database, clock, tmp_path / "checkpoints")
    (exported / "thesis.docx").touch()

    with pytest.raises(Conflict, match="holds other things"):
        story.export_to(exported, sqlite_database, clock, tmp_path / "checkpoints")

    assert again.entries == len(story.HONEST) + 2
    assert (exported / "thesis.docx").exists()
