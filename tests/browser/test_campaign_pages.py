"""Campaigns, calendar and audience in Debian's Chromium: the forms filled in by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from broadcaster.clock import SystemClock
from tests.browser import browser as house
from tests.browser.desk_office import PASSWORD, ZONE, Office, make, running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def office(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = make(tmp_path_factory.mktemp("desk") / "office")
    with running(made):
        yield made


def open_(chromium: Any, office: Office, *, size: dict[str, int] = house.DESK, language: str = "vi", **how: Any) -> Any:
    page = house.page_of(chromium, office.address, size=size, **how)
    house.sign_in(page, "hoa", PASSWORD)
    if language != "vi":
        page.locator("form.tongue button[value=en]").click()
        page.wait_for_load_state()
    return page


def test_a_schedule_is_built_submitted_and_seen_on_the_calendar(chromium: Any, office: Office) -> None:
    page = open_(chromium, office)
    tomorrow = SystemClock().now().astimezone(ZONE).date() + timedelta(days=4)

    page.goto("/campaigns/he-2027/schedule")
    page.get_by_label("Mã lịch phát").fill("mot-lan")
    page.get_by_label("Cách lặp").select_option("at")
    hidden = page.get_by_label("Các giờ trong ngày").is_visible()
    page.get_by_label("Ngày giờ phát một lần").fill(f"{tomorrow}T09:15")
    page.locator("#m-hotline-111").check()
    page.locator("#ch-0-0").select_option("web")
    page.get_by_role("button", name="Kiểm tra và đọc lại").click()
    read_back = page.get_by_role("status").inner_text()
    page.get_by_role("button", name="Lưu vào tệp").click()
    page.wait_for_url("**/campaigns/he-2027")
    page.get_by_role("button", name="Trình phê duyệt").click()
    page.wait_for_selector("[role=status]")
    page.goto(f"/calendar?week={tomorrow}&campaign=he-2027")

    assert not hidden
    assert f"một lần, lúc 09:15 ngày {tomorrow:%d/%m/%Y}" in read_back
    assert page.get_by_text("09:15", exact=True).count() == 1


def test_a_list_is_imported_on_a_phone(chromium: Any, office: Office, tmp_path: Path) -> None:
    page = open_(chromium, office, size=house.PHONE)
    path = tmp_path / "bà con.csv"
    path.write_text("Tên,Số ĐT\nAn,0912999001\nBình,12\n", encoding="utf-8")

    page.goto("/audience/import")
    page.get_by_label("Tệp danh sách").set_input_files(path)
    page.get_by_role("button", name="Tải lên và xem trước").click()
    page.wait_for_url("**/audience/import/*")
    wide, faults = house.too_wide(page), house.faults(page)
    page.get_by_label("Số ĐT").select_option("phone")
    page.get_by_label("hoặc nhóm mới").fill("thu-nghiem")
    page.get_by_label("Đồng ý ở đâu").fill("phiếu")
    page.get_by_label("Ngày đồng ý").fill("2026-05-01")
    page.get_by_role("button", name="Nhập danh sách này").click()
    page.get_by_role("heading", name="Nhập danh sách: kết quả").wait_for()
    with page.expect_download() as rejects:
        page.get_by_role("link", name="Tải danh sách dòng bị từ chối (CSV)").click()

    assert (wide, faults) == (0, [])
    assert house.faults(page) == []
    assert "3,phone," in Path(rejects.value.path()).read_text(encoding="utf-8-sig")
