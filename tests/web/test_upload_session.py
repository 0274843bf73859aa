"""A session that ends while a form with a file is filled in: every field comes back, and the file is asked for again."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from broadcaster.clock import SteppedClock
from broadcaster.web import door
from tests.web.desk_people import PASSWORD, Browser

Sign = Callable[..., Browser]
FIELDS = {
    "kind": "training", "day": "2027-06-30", "commune": "Pù Nhi", "campaign": "", "units": "2", "minutes": "90",
    "participants": "45", "at_risk": "trẻ em=12", "note": "Câu dài đã gõ\nhai dòng",
}  # fmt: skip


def hidden(page: str) -> dict[str, str]:
    """What the sign-in page carries along."""
    import html

    found = re.findall(r'<input type="hidden" name="((?:carried\.|next)[^"]*)" value="([^"]*)">', page)
    return {html.unescape(name): html.unescape(value) for name, value in found}


def send(browser: Browser, path: str, key: str, size: int, values: dict[str, str], field: str, name: str) -> Any:
    files = {field: (name, b"x" * size, "application/octet-stream")}
    return browser.post(path, data={"csrf": key, **values}, files=files)


@pytest.mark.parametrize("size", [10, door.FORM_MOST + 1000])
def test_an_activity_keeps_every_field_and_asks_for_the_photo_again(
    sign_in: Sign, clock: SteppedClock, size: int
) -> None:
    browser = sign_in("hoa")
    key = browser.csrf()
    clock.move_by(timedelta(minutes=31))

    refused = send(browser, "/activity", key, size, FIELDS, "attachment", "buổi tập huấn.jpg")
    carried = hidden(refused.text)
    again = browser.post("/login", data={"name": "hoa", "password": PASSWORD, **carried})

    assert refused.status_code == 401
    assert "Tệp buổi tập huấn.jpg chưa được gửi" in refused.text
    assert {name: carried[f"carried.{name}"].replace("\r\n", "\n") for name in FIELDS} == FIELDS
    assert 'action="/activity" enctype="multipart/form-data"' in again.text
    assert 'name="attachment" type="file"' in again.text
    assert "Chọn lại tệp buổi tập huấn.jpg" in again.text
    assert "Câu dài đã gõ\nhai dòng</textarea>" in again.text
    assert key not in again.text


@pytest.mark.parametrize("size", [10, door.FORM_MOST + 1000])
def test_a_list_of_people_is_chosen_again_and_brought_in(sign_in: Sign, clock: SteppedClock, size: int) -> None:
    browser = sign_in("hoa")
    key = browser.csrf()
    clock.move_by(timedelta(minutes=31))

    refused = send(browser, "/audience/import", key, size, {}, "list", "people.csv")
    again = browser.post("/login", data={"name": "hoa", "password": PASSWORD, **hidden(refused.text)})
    key = re.findall(r'name="csrf" value="([0-9a-f]{64})"', again.text)[-1]
    done = browser.post(
        "/audience/import", data={"csrf": key}, files={"list": ("people.csv", b"phone\n0912345678\n", "text/csv")}
    )

    assert "Tệp people.csv chưa được gửi" in refused.text
    assert 'name="list" type="file"' in again.text
    assert "bước 2 trên 3" in done.text


def test_a_strangers_file_is_not_read(sign_in: Sign) -> None:
    answer = send(sign_in(), "/audience/import", "0" * 64, door.FORM_MOST + 1000, {}, "list", "people.csv")

    assert answer.history[0].status_code == 303
    assert "people.csv" not in answer.text


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data; boundary=b", b"x"),
        ("multipart/form-data", b"x"),
        ("text/plain", b"x"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nbad\r\n--b\r\nContent-Disposition: form-data; name="l"; filename="f"\r\n',
        ),
        ("multipart/form-data; boundary=b", b'--b\r\nX: y; name="\xff"; filename="\xff"\r\n\r\n'),
    ],
)
def test_an_odd_body_of_an_ended_session_ends_at_the_sign_in(
    sign_in: Sign, clock: SteppedClock, kind: str, body: bytes
) -> None:
    browser = sign_in("hoa")
    clock.move_by(timedelta(minutes=31))

    answer = browser.post("/activity", content=body.ljust(door.FORM_MOST + 10, b"x"), headers={"Content-Type": kind})

    assert answer.status_code == 401
    assert "carried." not in answer.text


def test_more_than_fits_before_the_file_is_let_go(sign_in: Sign, clock: SteppedClock) -> None:
    browser = sign_in("hoa")
    clock.move_by(timedelta(minutes=31))

    answer = send(browser, "/activity", "0" * 64, 10, {"note": "x" * (door.FORM_MOST + 1)}, "attachment", "a.jpg")

    assert answer.status_code == 401
    assert len(answer.text) < 100_000
