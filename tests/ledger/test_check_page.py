"""The page of a bundle, opened from its file in a real browser, with no network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ledger_story as story
import pytest
from bundle_tampering import CHANGES, changed_copy
from test_bundle import bundle  # noqa: F401  (a fixture)
from test_bundle_files import AD_HOC, REQUESTED, UNLIKE

from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database

NOT_IN_THE_PAGE = {"another sender", "another group", "a request that begins with other rules",
                   "a request that begins from another sender"}  # fmt: skip


class Page:
    """The page opened from a folder on disk, and what it asked of any other place."""

    def __init__(self, browser: Any, file: Path) -> None:
        self.strangers: list[str] = []
        self.errors: list[str] = []
        self.page = browser.new_page()
        self.page.set_default_timeout(10_000)
        self.page.on("request", lambda one: self.strangers.append(one.url) if not one.url.startswith("file:") else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(file.as_uri())

    def check(self, folder: Path, *, paper: str = "", kept: list[Path] | None = None) -> tuple[str, list[str]]:
        """ "ok" or "bad", and the faults."""
        self.page.reload()
        self.page.fill("#paper", paper)
        self.page.set_input_files("#kept", kept or [])
        self.page.set_input_files("#folder", folder)
        self.page.wait_for_selector("#verdict.ok, #verdict.bad")
        return self.page.get_attribute("#verdict", "class"), self.page.locator("#faults li").all_inner_texts()


@pytest.fixture
def page(chromium: Any, bundle: Path) -> Iterator[Page]:  # noqa: F811
    found = Page(chromium, bundle / "check.html")
    yield found
    assert (found.strangers, found.errors) == ([], [])
    found.page.close()


def test_an_honest_bundle_is_green_and_shows_texts_approvals_counts_and_cost(page: Page, bundle: Path) -> None:  # noqa: F811
    verdict, faults = page.check(
        bundle, paper=story.KEY.public.hex(), kept=sorted((bundle / "checkpoints").iterdir())[:1]
    )

    approvals = page.page.inner_text("#approvals")
    figures = page.page.inner_text("#figures")
    page.page.locator("#approvals summary").first.click()
    assert (verdict, faults) == ("ok", [])
    assert "hotline-111" in approvals
    assert "duyệt: minh" in approvals
    assert story.SAYS in page.page.inner_text("#approvals")
    assert "2.490 VND" in figures
    assert "2027-07-01 02:03:04Z" in page.page.inner_text("#log")
    assert "report.pdf" in page.page.inner_text("#log")
    assert figures.splitlines()[0] == "mbn"


@pytest.mark.slow
def test_each_kind_of_change_makes_the_page_red_and_is_named(page: Page, bundle: Path, tmp_path: Path) -> None:  # noqa: F811
    missed = {}

    for number, (name, (change, words)) in enumerate(CHANGES.items()):
        verdict, faults = page.check(changed_copy(bundle, tmp_path / f"changed-{number}", change))
        told = words.replace("entries 9 to", "").removeprefix("its bytes")
        if verdict != "bad" or not any(told in fault for fault in faults):
            missed[name] = (verdict, faults)

    assert missed == {}


@pytest.mark.slow
def test_one_byte_of_any_file_makes_the_page_red(page: Page, bundle: Path, tmp_path: Path) -> None:  # noqa: F811
    passed = []
    checked = [path for path in bundle.rglob("*") if path.suffix in (".jsonl", ".json", ".txt", ".pdf") and path.name not in (
        "README.txt", "witnesses.txt")]  # fmt: skip

    for number, path in enumerate(checked):
        copy = tmp_path / f"flipped-{number}"
        shutil.copytree(bundle, copy)
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 1
        (copy / path.relative_to(bundle)).write_bytes(bytes(raw))
        if page.check(copy)[0] != "bad":
            passed.append(path.name)

    assert len(checked) >= 6
    assert passed == []


def test_the_key_on_paper_and_a_checkpoint_kept_catch_what_the_bundle_cannot(
    page: Page,
    bundle: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    from test_export_tampering import sign_anew, spoil

    kept = tmp_path / "kept.txt"
    shutil.copy(sorted((bundle / "checkpoints").iterdir())[0], kept)
    spoil(bundle, lambda lines: [*lines[:10], *lines[13:]])
    (bundle / "reports" / "mbn.json").unlink()
    shutil.rmtree(bundle / "timestamps")  # each of them would tell, as a checkpoint that was kept does
    shutil.rmtree(bundle / "signed")
    spoil(bundle, lambda lines: [line.replace(b'"reports":{', b'"reports_":{') for line in lines])
    sign_anew(bundle)

    alone, with_kept = page.check(bundle), page.check(bundle, kept=[kept])
    other_key = page.check(bundle, paper=story.OTHER_KEY.public.hex())

    assert alone == ("ok", [])
    assert with_kept[0] == "bad"
    assert "are not those that were signed" in with_kept[1][0]
    assert other_key == ("bad", ["the key on paper is not a key of this log"])


@pytest.mark.parametrize("name", [*sorted(UNLIKE.keys() - NOT_IN_THE_PAGE), "a request that passes"])
def test_texts_and_requests_are_held_to_their_hashes(
    chromium: Any, sqlite_database: Database, clock: SteppedClock, tmp_path: Path, name: str
) -> None:
    entries, words = UNLIKE.get(name, ([*story.READY, *REQUESTED, AD_HOC], ""))
    story.tell(sqlite_database, clock, entries)
    made = story.export_to(tmp_path / "out", sqlite_database, clock, tmp_path / "cp", reports=lambda _connection: {})

    verdict, faults = Page(chromium, made.folder / "check.html").check(made.folder)

    assert verdict == ("bad" if words else "ok")
    assert not words or any(words.split(" ", 2)[2] in fault for fault in faults), faults
