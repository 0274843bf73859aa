"""Ledger, loudspeakers and duty desk in Debian's Chromium: within everybody's reach, and the whole walk of an auditor."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from broadcaster.activity.bulletin import week_of
from broadcaster.channel import officer_link
from broadcaster.clock import SystemClock
from broadcaster.config import load
from broadcaster.db.engine import Database
from broadcaster.duty import plea
from broadcaster.ledger import verify
from broadcaster.ledger.store import transaction
from tests.activity.test_bulletin import make_bulletins
from tests.browser import browser as house
from tests.browser.desk_office import PASSWORD, ZONE, Office, make, running

pytestmark = pytest.mark.slow
AUDITOR = ["/ledger", "/ledger?kind=user.add", "/ledger/entries/3", "/ledger/check", "/ledger/checkpoints",
           "/ledger/export", "/ledger/how"]  # fmt: skip
OPERATOR = ["/bulletins", "/bulletins/list", "/bulletins/{bulletin}", "/duty"]


def fill(office: Office) -> dict[str, str]:
    """Bulletins that two communes owe an answer for, and a reply at the duty desk; the officers' links."""
    config, clock = load(office.folder / "config.toml"), SystemClock()
    key = config.secret(config.office.key, where="office.key").reveal().encode()
    due = clock.now() - timedelta(days=2)
    with_database = Database(config.database.url, folder=config.folder)
    with transaction(with_database, clock) as tx:
        numbers = make_bulletins(tx, "muong-lat", "pu-nhi", due=due)
        plea.receive(
            tx, channel="sms", digest=b"1" * 32, sender="+84912000001", text="cứu em với, em ở gần chợ", address=None,
            office_key=key,
        )  # fmt: skip
    with_database.close()
    week = week_of(due.astimezone(ZONE).date())
    return {
        "bulletin": f"d-{numbers[0]:010d}",
        "link": f"/l/{officer_link.bulletin_token(key, numbers[0])}",
        "sheet": f"/t/{officer_link.sheet_token(key, 'pu-nhi', week)}",
    }


@pytest.fixture(scope="module")
def office(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Office, dict[str, str]]]:
    made = make(tmp_path_factory.mktemp("ledger") / "office")
    links = fill(made)
    with running(made):
        yield made, links


@pytest.fixture
def strangers() -> Iterator[house.Strangers]:
    found = house.Strangers()
    yield found
    assert found == []


@pytest.mark.parametrize(("who", "language", "dark", "size"), [
    ("tam", "vi", False, house.DESK), ("hoa", "vi", False, house.PHONE), ("", "vi", False, house.PHONE),
    ("tam", "en", True, house.PHONE), ("hoa", "en", True, house.DESK), ("", "en", False, house.DESK),
])  # fmt: skip
def test_every_page_is_within_reach_of_everybody(
    chromium: Any, office: tuple[Office, dict[str, str]], strangers: house.Strangers, who: str, language: str,
    dark: bool, size: dict[str, int],
) -> None:  # fmt: skip
    made, links = office
    page = house.page_of(chromium, made.address, strangers=strangers, size=size, dark=dark)
    if who:
        house.sign_in(page, who, PASSWORD)
    page.context.add_cookies([{"name": "language", "value": language, "domain": "127.0.0.1", "path": "/"}])
    paths = {"tam": AUDITOR, "hoa": OPERATOR, "": [f"{links[one]}?l={language}" for one in ("link", "sheet")]}[who]

    found = {}
    for path in paths:
        answer = page.goto(path.format(**links))
        page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true })")
        found[path] = [
            *house.faults(page), *([f"{wide} pixels too wide"] if (wide := house.too_wide(page)) > 0 else []),
        ]  # fmt: skip
        assert answer.status == 200, path

    assert {path: faults for path, faults in found.items() if faults} == {}
    page.context.close()


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

    page.goto(links["link"])
    page.get_by_label("Bản tin này:").select_option("Đã phát 2 lần")
    page.get_by_role("button", name="Gửi").click()

    assert page.get_by_text("Đã ghi nhận").is_visible()
    assert page.get_by_text("Đã phát 2 lần").is_visible()
    assert context.cookies() == []
    context.close()
