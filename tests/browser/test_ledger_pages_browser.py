"""Ledger and loudspeakers in Debian's Chromium: the whole walk of an auditor, and an officer's answer."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from broadcaster.ledger import verify
from tests.browser import browser as house
from tests.browser.desk_office import PASSWORD, Office, make, running
from tests.browser.desk_pages import fill_up

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def office(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Office, dict[str, str]]]:
    made = make(tmp_path_factory.mktemp("ledger") / "office")
    links = fill_up(made)
    with running(made):
        yield made, links


@pytest.fixture
def strangers() -> Iterator[house.Strangers]:
    found = house.Strangers()
    yield found
    assert found == []


def test_an_auditor_proves_an_entry_checks_all_and_takes_the_bundle_along(
    chromium: Any, office: tuple[Office, dict[str, str]], strangers: house.Strangers, tmp_path: Path
) -> None:
    made, _ = office
    page = house.page_of(chromium, made.address, strangers=strangers)
    house.sign_in(page, "tam", PASSWORD)

    page.goto("/ledger/entries/3")
    with page.expect_download() as proof:
        page.get_by_role("button", name="Tải tệp chứng minh").click()
    proof.value.save_as(tmp_path / "proof.json")
    page.goto("/ledger")
    page.get_by_role("button", name="Kiểm tra toàn bộ ngay").click()
    page.get_by_role("heading", name="Nhật ký đúng").wait_for(timeout=60_000)
    page.goto("/ledger/export")
    page.get_by_label("Mật khẩu của bạn, nhập lại").fill(PASSWORD)
    page.get_by_role("button", name="Lập tệp").click()
    page.get_by_role("link", name="Tải tệp về").wait_for(timeout=60_000)
    with page.expect_download() as bundle:
        page.get_by_role("link", name="Tải tệp về").click()

    words = [sys.executable, "-I", str(verify.__file__), "--proof", str(tmp_path / "proof.json")]
    checked = subprocess.run(words, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    assert json.loads((tmp_path / "proof.json").read_text(encoding="utf-8"))["seq"] == 3
    assert bundle.value.suggested_filename.startswith("ledger-")
    page.context.close()


def test_an_officer_answers_on_a_telephone_without_scripts(
    chromium: Any, office: tuple[Office, dict[str, str]], strangers: house.Strangers
) -> None:
    made, links = office
    context = chromium.new_context(base_url=made.address, viewport=house.PHONE, java_script_enabled=False)
    page = context.new_page()
    page.on("request", strangers.note)

    page.goto(f"/l/{links['officer']}")
    page.get_by_label("Bản tin này:").select_option("Đã phát 2 lần")
    page.get_by_role("button", name="Gửi").click()

    assert page.get_by_text("Đã ghi nhận").is_visible()
    assert page.get_by_text("Đã phát 2 lần").is_visible()
    assert context.cookies() == []
    context.close()
