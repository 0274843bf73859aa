"""After a stop: what was sent in its scope, and the correction ready for exactly those who received it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import insert, select, text, update

from broadcaster.approval import messages
from broadcaster.approval import store as approvals
from broadcaster.clock import SteppedClock
from broadcaster.config import Config
from broadcaster.content import files
from broadcaster.db.engine import Database
from broadcaster.db.tables import Campaign, table
from broadcaster.dispatch import stop as stops
from broadcaster.dispatch.broadcast import BROADCAST, group_name
from broadcaster.ledger.store import transaction
from tests.builders import make_contacts
from tests.web.desk_people import PASSWORD
from tests.web.test_desk_pages import ground, kinds

__all__ = ["ground"]  # a fixture
Sign = Callable[..., Any]
RIGHT = """+++
id = "dinh-chinh"
category = "hotline"
title.vi = "Đính chính số máy"
source = "Công văn 1"
+++
## vi
Số đúng ghi trên trang của cơ quan.
## vi sms
Số đúng ghi trên trang của cơ quan.
"""


@pytest.fixture
def right(ground: Database, config: Config, clock: SteppedClock, app: FastAPI) -> str:
    """The right text, approved."""
    folder = config.path(config.folders.content) / "hotline"
    folder.mkdir()
    (folder / "dinh-chinh.md").write_text(RIGHT, encoding="utf-8")
    library = files.load(config.path(config.folders.content))
    with transaction(ground, clock) as tx:
        messages.submit(tx, library, library.item("dinh-chinh"), by="lan", two_person=True)
        approvals.approve(tx, kind="revision", name="dinh-chinh", by="minh")
        days = {"since": date(2027, 7, 1), "until": date(2027, 8, 31)}
        tx.connection.execute(
            insert(table(Campaign)).values(
                id="c", title="c", state="running", plan_hash="plan-hash", timezone="Asia/Ho_Chi_Minh", **days
            )
        )
        wrong = approvals.current(tx.connection, "revision", "hotline-111")
        tx.connection.execute(update(BROADCAST).values(revision_hash=wrong.subject if wrong else None))
    return "dinh-chinh"


def test_the_stop_shows_what_was_received_and_leads_to_the_correction(
    ground: Database, right: str, sign_in: Sign
) -> None:
    hoa = sign_in("hoa")

    page = hoa.submit("/stop", scope="everything", reason="Sai số máy", password=PASSWORD).text
    form = hoa.get("/dispatches/b-00000001/correct?stop=1").text

    assert "Đã dừng; 0 lượt đang trên đường; 6 lượt đã đến" in page
    assert "/dispatches/b-00000001/correct?stop=1" in page
    assert "Sai số máy</textarea>" in form
    assert "đúng 7 lượt đã nhận" in form  # six accepted, and one of which nobody knows
    assert "Đính chính số máy (dinh-chinh)" in form
    assert "(hotline-111)" not in form  # the very text that is out


def test_the_correction_cancels_the_rest_and_waits_for_another_person(
    ground: Database, right: str, sign_in: Sign
) -> None:
    hoa = sign_in("hoa")
    values = {"message": right, "reason": "Sai số máy", "password": PASSWORD}

    told = hoa.submit("/dispatches/b-00000001/correct", **values).text
    hoa.submit("/dispatches/b-00000001/correct", **values)  # again: it goes on, and asks for nothing twice

    assert "1 lượt phát chờ người khác phê duyệt" in told, told
    with ground.reading() as connection:
        rows = connection.execute(select(BROADCAST).order_by(BROADCAST.c.id)).all()
        members = connection.scalar(text("SELECT count(*) FROM member WHERE group_id = :g"), {"g": rows[1].group_id})
        name = group_name(connection, rows[1].group_id)
    assert len(rows) == 2
    assert (rows[1].state, rows[1].message_id, rows[1].corrects) == ("submitted", right, 1)
    assert (name, members) == ("correction-b-00000001-sms", 7)
    assert kinds(ground).count("correction.begin") == 1
    assert "Chờ bạn" in sign_in("minh").get("/approvals").text


@pytest.mark.parametrize("spoil", [{"message": ""}, {"reason": ""}, {"password": "sai"}, {"message": "hotline-111"}])
def test_a_correction_that_is_refused_begins_nothing(
    ground: Database, right: str, sign_in: Sign, spoil: dict[str, str]
) -> None:
    values = {"message": right, "reason": "Lý do đã gõ", "password": PASSWORD, **spoil}

    answer = sign_in("hoa").submit("/dispatches/b-00000001/correct", **values)

    assert answer.status_code in (400, 403, 404, 409)
    assert values["reason"] in answer.text
    assert "correction.begin" not in kinds(ground)


def test_several_communes_stop_with_one_word_and_are_lifted_with_one(
    ground: Database, sign_in: Sign, clock: SteppedClock
) -> None:
    with transaction(ground, clock) as tx:
        make_contacts(tx, 2, group="other", commune="Mường Lát", first=20)
    hoa, minh = sign_in("hoa"), sign_in("minh")

    page = hoa.submit("/stop", scope="area", area=["Pù Nhi", "Mường Lát"], reason="Lũ", password=PASSWORD).text
    with ground.reading() as connection:
        held = stops.areas(stops.standing(connection, clock.now()))
    hoa.submit("/stop/2/lift", password=PASSWORD)
    asked = minh.get("/stop").text
    minh.submit("/stop/1/lift", password=PASSWORD)

    with ground.reading() as connection:
        left = stops.standing(connection, clock.now())
    assert held == {"Pù Nhi", "Mường Lát"}
    assert "Pù Nhi, Mường Lát" in page
    assert "6 lượt đã đến" in page
    assert "/dispatches/b-00000001/correct" in page
    assert "hoa đã đề nghị gửi tiếp" in asked
    assert left == []
    assert kinds(ground).count("stop.lift") == 2


def test_a_stop_of_a_commune_offers_no_correction_of_what_nobody_there_received(
    ground: Database, sign_in: Sign, clock: SteppedClock
) -> None:
    with transaction(ground, clock) as tx:
        make_contacts(tx, 1, group="other", commune="Mường Lát", first=20)

    page = sign_in("hoa").submit("/stop", scope="area", area="Mường Lát", reason="Lũ", password=PASSWORD).text

    assert "Đã dừng; 0 lượt đang trên đường; 0 lượt đã đến" in page
    assert "/correct" not in page
