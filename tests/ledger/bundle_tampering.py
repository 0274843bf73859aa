"""Every kind of thing in a bundle, changed; with words that must stand in what the verifier and the page say of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import ledger_story as story
from test_export_tampering import sign_anew, spoil

from broadcaster.ledger.entry import decode

Change = Callable[[Path], None]


def only(folder: Path, name: str) -> Path:
    (path,) = (folder / name).iterdir()
    return path


def flip(path: Path, at: int = -20) -> None:
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(bytes(raw))


def figure(change: Callable[[dict[str, Any]], Any]) -> Change:
    def changed(folder: Path) -> None:
        path = only(folder, "reports")
        report = json.loads(path.read_bytes())
        change(report)
        path.write_bytes(json.dumps(report, ensure_ascii=False).encode())

    return changed


def retold(change: Change) -> Change:
    """The same, by somebody with the office's key: the digest in the log is changed too, and all is signed anew."""

    def changed(folder: Path) -> None:
        change(folder)
        old, new = b'"reports":{"mbn":"', sha256(only(folder, "reports").read_bytes()).hexdigest().encode()
        spoil(folder, lambda lines: [one.partition(old)[0] + old + new + one.partition(old)[2][64:]
                                     if old in one else one for one in lines])  # fmt: skip
        assert decode((folder / "entries.jsonl").read_bytes().splitlines()[-1])["kind"] == "ledger.export"
        sign_anew(folder)

    return changed


def count_more(report: dict[str, Any]) -> None:
    for count in (report, report["by_channel"]["sms"], report["by_day"]["2027-07-01"], report["by_schedule"]["daily"]):
        count["states"]["delivered"] += 1
        count["planned"] += 1
    report["final"] += 1
    report["by_form"]["sms"]["planned"] += 1


CHANGES: dict[str, tuple[Change, str]] = {
    "an entry": (lambda folder: spoil(folder, lambda lines: [*lines[:9], lines[9].replace(b"lan", b"mai"), *lines[10:]]),
                 "are not those that were signed"),
    "an entry, in one byte": (lambda folder: flip(folder / "entries.jsonl", 1000), "are not those that were signed"),
    "the order": (lambda folder: spoil(folder, lambda lines: [*lines[:9], lines[10], lines[9], *lines[11:]]),
                  "entry 9: number 9 should stand here"),
    "the tail": (lambda folder: spoil(folder, lambda lines: lines[:-3]), "the log ends after"),
    "a figure": (figure(lambda report: report["states"].update(failed=2)), "failed: the report says 2, the entries give 1"),
    "a figure of a day": (figure(lambda report: report["by_day"]["2027-07-01"]["states"].update(accepted=0)),
                          "by_day 2027-07-01, accepted: the report says 0, the entries give 2"),
    "a report, beside its figures": (figure(lambda report: report.update(title="Khác")), "the log has"),
    "a report that is away": (lambda folder: only(folder, "reports").unlink(), "reports/mbn.json: it is missing"),
    "a figure, signed anew": (retold(figure(count_more)), "delivered: the report says 3, the entries give 2"),
    "the cost, signed anew": (retold(figure(lambda report: report["cost"].update(amount="2489.99"))),
                              "cost in VND: the report says 2489990000 millionths, the entries give 2490000000"),
    "a sum, signed anew": (retold(figure(lambda report: report.update(final=7, open=1))), "are not the sums of"),
    "a revision": (lambda folder: flip(only(folder, "revisions")), "its bytes give another hash than its name"),
    "a revision that is away": (lambda folder: only(folder, "revisions").unlink(), "it was submitted as hotline-111"),
    "a plan": (lambda folder: flip(only(folder, "plans")), "its bytes give another hash than its name"),
    "the key": (lambda folder: (folder / "key.txt").write_text(story.OTHER_KEY.public.hex() + "\n"), "not signed by"),
    "a byte of the key": (lambda folder: flip(folder / "key.txt", 0), "not signed by"),
    "a checkpoint": (lambda folder: flip(sorted((folder / "checkpoints").iterdir())[0], 20), "it is damaged, or not signed by"),
    "the signed report": (lambda folder: flip(folder / "signed" / "report.pdf"), "it is not a report that the log has"),
    "a time stamp": (lambda folder: flip(only(folder, "timestamps"), 40), "it is no time stamp of checkpoints/"),
    "a checkpoint that is away": (lambda folder: sorted((folder / "checkpoints").iterdir())[-1].unlink(),
                                  "no good checkpoint covers the last entries"),
}  # fmt: skip


def changed_copy(bundle: Path, target: Path, change: Change) -> Path:
    shutil.copytree(bundle, target)
    change(target)
    return target
