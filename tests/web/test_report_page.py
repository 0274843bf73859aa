"""The report and the activity register in the browser, by the same functions as the command line."""

from __future__ import annotations

import io
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from broadcaster.config import Config
from broadcaster.db.engine import Database
from broadcaster.ledger.entry import decode
from broadcaster.ledger.store import raws

Sign = Callable[..., Any]
CAMPAIGN = "chong-mua-ban-nguoi-2027"


@pytest.fixture(autouse=True)
def campaigns(config: Config) -> None:
    shutil.copytree(Path(__file__).parents[2] / "schedules", config.path("schedules"), dirs_exist_ok=True)


def kinds(database: Database) -> list[str]:
    with database.reading() as connection:
        return [decode(raw)["kind"] for raw in raws(connection)]


def test_what_the_office_writes_stands_in_the_official_file(sign_in: Sign, app: Any) -> None:
    browser = sign_in("lan")

    saved = browser.submit(f"/report/{CAMPAIGN}/words", evaluation="Đúng kế hoạch <b>#1.\n\nĐoạn hai.")
    file = browser.submit(f"/report/{CAMPAIGN}/file", format="docx", number="12", day="2027-09-05")

    assert saved.status_code == 200
    assert "Đúng kế hoạch &lt;b&gt;#1." in saved.text
    with zipfile.ZipFile(io.BytesIO(file.content)) as document:
        text = document.read("word/document.xml").decode()
    assert "Đúng kế hoạch &lt;b&gt;#1." in text
    assert "ngày 05 tháng 9 năm 2027" in text
    assert kinds(app.state.desk.database)[-1] == "report.make"


def test_a_heading_inside_the_words_is_refused_and_nothing_typed_is_lost(sign_in: Sign) -> None:
    browser = sign_in("lan")

    answer = browser.submit(f"/report/{CAMPAIGN}/words", evaluation="Một.\n## Hai", proposals="Ba ngày.")

    assert answer.status_code in (400, 409, 422)
    assert "Ba ngày." in answer.text


def test_every_campaign_is_listed_and_an_unknown_one_is_not_found(sign_in: Sign) -> None:
    browser = sign_in("tam")

    assert f"/report/{CAMPAIGN}" in browser.get("/report").text
    assert browser.get("/report/nowhere").status_code == 404


def test_an_activity_is_entered_and_taken_back(sign_in: Sign) -> None:
    browser = sign_in("hoa")

    entered = browser.submit("/activity", kind="communicator", day="2026-07-10", commune="Tam Chung", units="1",
                             participants="1.200", at_risk="trẻ em=3", campaign="")  # fmt: skip
    assert "1.200" in entered.text
    assert "&lt;5" in entered.text
    taken = browser.submit("/activity/1/void")

    assert "Sổ hoạt động còn trống." in taken.text


def test_a_wrong_number_brings_the_form_back_with_what_was_typed(sign_in: Sign) -> None:
    browser = sign_in("hoa")

    answer = browser.submit("/activity", kind="communicator", day="2026-07-10", units="nhiều", note="Ở nhà văn hóa.")

    assert answer.status_code >= 400
    assert "Ở nhà văn hóa." in answer.text


def test_of_two_tabs_the_second_is_told_and_loses_nothing(sign_in: Sign, config: Config) -> None:
    first, second = sign_in("lan"), sign_in("hoa")
    assert 'name="seen" value=""' in first.get(f"/report/{CAMPAIGN}").text

    first.submit(f"/report/{CAMPAIGN}/words", evaluation="Lời của Lan.")
    told = second.submit(f"/report/{CAMPAIGN}/words", evaluation="Lời của Hoa.", seen="")

    kept = config.path(f"reports/{CAMPAIGN}.md").read_text(encoding="utf-8")
    assert told.status_code == 409
    assert "Lời của Hoa." in told.text
    assert "Lời của Lan." in kept
    assert "Lời của Hoa." not in kept
    found = re.search(r'name="seen" value="([0-9a-f]{64})"', told.text)
    assert found is not None
    assert second.submit(f"/report/{CAMPAIGN}/words", evaluation="Lời của Hoa.", seen=found[1]).status_code == 200
