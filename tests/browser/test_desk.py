"""The desk as people use it: a real `broadcaster run` on loopback, Debian's Chromium, nothing from any other machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser import browser as house
from tests.browser.desk_office import PASSWORD, Office, make, running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def office(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = make(tmp_path_factory.mktemp("desk") / "office")
    with running(made):
        yield made


@pytest.fixture
def strangers() -> Iterator[house.Strangers]:
    found = house.Strangers()
    yield found
    assert found == []


def open_(chromium: Any, office: Office, strangers: house.Strangers, who: str = "", **how: Any) -> Any:
    page = house.page_of(chromium, office.address, strangers=strangers, **how)
    if who:
        house.sign_in(page, who, PASSWORD)
    return page


def test_a_message_is_approved_by_another_person_and_never_by_its_author(
    chromium: Any, office: Office, strangers: house.Strangers
) -> None:
    author, approver = open_(chromium, office, strangers, "lan"), open_(chromium, office, strangers, "minh")
    path = "/approvals/revision/no-blame"

    author.goto(path)
    hers = author.get_by_role("button", name="Phê duyệt", exact=True).count()
    approver.goto("/")
    approver.get_by_role("link", name=re.compile("việc chờ bạn phê duyệt")).click()
    approver.get_by_role("link", name="Không chê trách").first.click()
    seen = approver.locator("dd.hash").first.inner_text()
    for box in approver.get_by_role("checkbox").all():
        box.check()
    decide = approver.locator("#decide")
    decide.get_by_label("Mật khẩu của bạn, nhập lại").fill("không phải mật khẩu")
    decide.get_by_role("button", name="Phê duyệt", exact=True).click()
    trouble = approver.get_by_role("alert").inner_text()
    still_ticked = all(box.is_checked() for box in approver.get_by_role("checkbox").all())
    approver.locator("#decide").get_by_label("Mật khẩu của bạn, nhập lại").fill(PASSWORD)
    approver.locator("#decide").get_by_role("button", name="Phê duyệt", exact=True).click()
    approver.wait_for_url("**/approvals")

    assert hers == 0
    assert "Sai mật khẩu" in trouble
    assert still_ticked
    assert "Đã phê duyệt no-blame" in approver.get_by_role("status").inner_text()
    known = {row["id"]: row["approved"] for row in office.type("message", "list", "--json")}
    assert known["no-blame"] == seen


def test_today_follows_an_approved_broadcast_without_a_reload(
    chromium: Any, office: Office, strangers: house.Strangers
) -> None:
    asked = office.type("broadcast", "list", "--state", "submitted", "--json")[0]["id"]
    approver = open_(chromium, office, strangers, "minh")

    approver.goto(f"/approvals/broadcast/{asked}")
    approver.locator("#decide").get_by_label("Mật khẩu của bạn, nhập lại").fill(PASSWORD)
    approver.locator("#decide").get_by_role("button", name="Phê duyệt", exact=True).click()
    approver.wait_for_url("**/approvals")
    going = approver.locator("[data-live]").get_by_text("Gọi 111 khi thấy dấu hiệu")
    for _ in range(20):
        approver.goto("/")
        if going.count():
            break
        approver.wait_for_timeout(500)
    approver.evaluate("window.notReloaded = true")
    first = approver.locator("[data-live]").inner_text()
    for _ in range(60):
        approver.wait_for_timeout(250)
        if approver.locator("[data-live]").inner_text() != first:
            break
    moved = approver.locator("[data-live]").inner_text() != first
    reloaded = approver.evaluate("window.notReloaded !== true")
    approver.wait_for_selector("[data-live]", state="detached", timeout=60_000)

    assert moved
    assert not reloaded
    shown = office.type("broadcast", "show", asked, "--json")
    assert (shown["state"], shown["open"]) == ("done", 0)


def test_one_person_stops_and_two_let_it_go_on(chromium: Any, office: Office, strangers: house.Strangers) -> None:
    first, second = (
        open_(chromium, office, strangers, "hoa"),
        open_(chromium, office, strangers, "minh", size=house.PHONE),
    )

    first.goto("/")
    first.get_by_role("link", name="Dừng khẩn cấp").click()
    first.get_by_label("Dừng những gì").select_option("channel")
    first.get_by_label("Kênh", exact=True).select_option("sms")
    first.get_by_label("Lý do").fill("Nghi sai số điện thoại trong tin")
    first.get_by_label("Mật khẩu của bạn, nhập lại").last.fill(PASSWORD)
    first.get_by_role("button", name="Dừng ngay").click()
    first.wait_for_selector("[role=status]")
    stopped = office.type("stop", "--list", "--json")
    first.get_by_label("Mật khẩu của bạn, nhập lại").first.fill(PASSWORD)
    first.get_by_role("button", name="Đề nghị gửi tiếp").click()
    first.wait_for_selector("text=Bạn đã đề nghị")
    alone = office.type("stop", "--list", "--json")
    second.goto("/")
    urgent = second.get_by_text("hoa đề nghị, chờ người thứ hai xác nhận").count()
    second.goto("/stop")
    second.get_by_label("Mật khẩu của bạn, nhập lại").first.fill(PASSWORD)
    second.get_by_role("button", name="Xác nhận gửi tiếp").click()
    second.wait_for_selector("[role=status]")

    assert [(one["scope"], one["subject"]) for one in stopped] == [("channel", "sms")]
    assert len(alone) == 1
    assert urgent == 1
    assert office.type("stop", "--list", "--json") == []


def test_nothing_typed_is_lost_when_somebody_signed_out_in_another_tab(
    chromium: Any, office: Office, strangers: house.Strangers
) -> None:
    page = open_(chromium, office, strangers, "minh")
    other = page.context.new_page()

    page.goto("/stop")
    page.get_by_label("Lý do").fill("Một lý do dài, viết rất lâu")
    page.get_by_label("Mật khẩu của bạn, nhập lại").last.fill(PASSWORD)
    other.goto("/me")
    other.get_by_role("button", name="Đăng xuất", exact=True).click()
    other.wait_for_url("**/login")
    page.get_by_role("button", name="Dừng ngay").click()
    page.get_by_label("Tên đăng nhập").fill("minh")
    page.get_by_label("Mật khẩu").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Đăng nhập").click()
    kept = page.get_by_label("reason").input_value()
    page.get_by_role("button", name="Gửi lại").click()
    back = page.get_by_label("Lý do").input_value()
    trouble = page.get_by_role("alert").first.inner_text()

    assert kept == "Một lý do dài, viết rất lâu"
    assert back == kept
    assert "Sai mật khẩu" in trouble
    assert office.type("stop", "--list", "--json") == []


def test_the_desk_works_without_javascript(chromium: Any, office: Office, strangers: house.Strangers) -> None:
    context = chromium.new_context(base_url=office.address, java_script_enabled=False, locale="vi-VN")
    page = context.new_page()
    page.on("request", strangers.note)

    house.sign_in(page, "hoa", PASSWORD)
    page.goto("/dispatches")
    page.get_by_label("Kênh").select_option("sms")
    page.get_by_role("button", name="Lọc").click()
    listed = page.get_by_role("row").count()

    assert listed > 1
    context.close()


@pytest.mark.parametrize("path", ["/", "/approvals", "/dispatches", "/nowhere", "/stop"])
def test_the_keyboard_reaches_the_content_first(
    chromium: Any, office: Office, strangers: house.Strangers, path: str
) -> None:
    page = open_(chromium, office, strangers, "hoa")

    page.goto(path)
    page.keyboard.press("Tab")
    first = page.evaluate("document.activeElement.className")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    inside = page.evaluate(
        "document.getElementById('main').contains(document.activeElement) || document.activeElement === document.body"
    )

    assert first == "skip"
    assert inside
