"""The duty desk in the browser: a reply is shown once, to whoever may, and then it is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from broadcaster.clock import SteppedClock
from broadcaster.config import Config, Duty
from broadcaster.db.engine import Database
from broadcaster.duty import plea
from broadcaster.ledger.store import raws, transaction

Sign = Callable[..., Any]
CRY = "cứu em với <b>"
NUMBER = "+84900000123"


@pytest.fixture(autouse=True)
def waiting(app: FastAPI, sqlite_database: Database, clock: SteppedClock) -> None:
    with transaction(sqlite_database, clock) as tx:
        plea.receive(
            tx, channel="sms", digest=b"1" * 32, sender=NUMBER, text=CRY, address=None,
            office_key=app.state.desk.office_key,
        )  # fmt: skip


def test_a_reply_is_listed_without_text_and_number(sign_in: Sign) -> None:
    page = sign_in("hoa").get("/duty")

    assert "cứu em" not in page.text
    assert NUMBER not in page.text
    assert 'action="/duty/1/show"' in page.text


def test_it_is_shown_once_and_then_it_is_gone(sign_in: Sign, sqlite_database: Database) -> None:
    browser = sign_in("hoa")

    first = browser.submit("/duty/1/show")
    again = browser.submit("/duty/1/show")
    after = browser.get("/duty")

    assert "cứu em với &lt;b&gt;" in first.text
    assert NUMBER in first.text
    assert first.headers["cache-control"] == "no-store"
    assert again.status_code == 409
    assert "cứu em" not in again.text + after.text
    assert "Đã xem trước đây" in after.text
    with sqlite_database.reading() as connection:
        assert connection.scalar(text("SELECT sealed FROM plea")) is None
        log = b"".join(raws(connection))
    assert "cứu em".encode() not in log
    assert NUMBER.encode() not in log
    assert b'"kind":"plea.show"' in log


@pytest.mark.parametrize("name", ["nga", "tam", "quan"])
def test_who_is_not_on_duty_sees_nothing_of_it(sign_in: Sign, name: str) -> None:
    browser = sign_in(name)

    answers = [browser.get("/duty"), browser.submit("/duty/1/show")]

    assert [one.status_code for one in answers] == [403, 403]
    assert "/duty" not in browser.get("/me").text


@pytest.mark.parametrize("number", ["9", "x", "9" * 30])
def test_what_is_not_there_is_not_found(sign_in: Sign, number: str) -> None:
    assert sign_in("hoa").submit(f"/duty/{number}/show").status_code == 404


def test_the_roster_is_shown_with_its_addresses_masked(sign_in: Sign, config: Config) -> None:
    browser = sign_in("minh")

    nobody = browser.get("/duty").text
    config.duty = Duty(channel="sms", to="+84900000999", fallback="web truc@tinh.example")
    page = browser.get("/duty").text

    assert "Chưa đặt người trực" in nobody
    assert "84900000999" not in page
    assert "truc@tinh.example" not in page
    assert page.count('<td data-label="Gọi tới">') == 2
