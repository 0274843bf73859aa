"""Campaigns at the desk: rules read back, submitted, paused, cancelled, shown on paper; by the functions of the command line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from broadcaster.config import Config
from broadcaster.content.files import load
from broadcaster.db.engine import Database
from broadcaster.ledger.entry import decode
from broadcaster.ledger.store import raws, transaction
from broadcaster.schedule import store as schedules
from broadcaster.web import rule
from broadcaster.web.pages import campaigns
from broadcaster.web.words import english
from tests.web.desk_people import PASSWORD

Sign = Callable[..., Any]
ROOT = Path(__file__).parents[2]
CAMPAIGN = "bien-gioi"
FILE = """\
# Ghi chú của người soạn.
[campaign]
id = "bien-gioi"
title = "Phòng, chống mua bán người ở biên giới"
from = 2027-07-01
until = 2027-08-31
quiet_hours = "21:30-08:00"
blackout = [{ from = 2027-07-20, until = 2027-07-21, reason = "Quốc tang" }]
report_due = 2027-09-20
languages = ["vi", "en"]
budget = { amount = 50_000_000, currency = "VND" }

# Trên trang web.
[[schedule]]
id = "hang-ngay"
messages = ["hotline-111", "victims-rights"]
when = { daily = ["08:00"], until = 2027-07-30 }
channels = ["web"]

# Mỗi tuần.
[[schedule]]
id = "hang-tuan"
messages = ["hotline-111"]
when = { cron = "0 10 * * wed" }
channels = ["web"]
"""


@pytest.fixture(autouse=True)
def campaign(config: Config) -> Path:
    shutil.copytree(ROOT / "content", config.path("content"), dirs_exist_ok=True)
    path = config.path("schedules") / f"{CAMPAIGN}.toml"
    path.write_text(FILE, encoding="utf-8")
    return path


def kinds(database: Database) -> list[str]:
    with database.reading() as connection:
        return [decode(raw)["kind"] for raw in raws(connection)]


def approve(app: Any) -> None:
    desk = app.state.desk
    with transaction(desk.database, desk.clock) as tx:
        schedules.approve(tx, CAMPAIGN, by="minh")


@pytest.mark.parametrize(
    ("language", "daily", "weekly"),
    [
        ("vi", "mỗi ngày lúc 08:00, từ 01/07/2027 đến 30/07/2027", "thứ Tư hằng tuần lúc 10:00"),
        ("en", "every day at 08:00, from 01/07/2027 to 30/07/2027", "every Wednesday at 10:00"),
    ],
)
def test_a_schedule_is_read_back_as_a_sentence(sign_in: Sign, language: str, daily: str, weekly: str) -> None:
    browser = sign_in("tam")
    browser.cookies.set("language", language)

    shown = browser.get(f"/campaigns/{CAMPAIGN}").text

    assert daily in shown
    assert weekly in shown


def test_a_campaign_is_submitted_paused_resumed_and_cancelled(sign_in: Sign, app: Any) -> None:
    browser = sign_in("hoa")

    submitted = browser.submit(f"/campaigns/{CAMPAIGN}/submit")
    approve(app)
    without_reason = browser.submit(f"/campaigns/{CAMPAIGN}/pause", reason=" ")
    paused = browser.submit(f"/campaigns/{CAMPAIGN}/pause", reason="Rà soát nội dung")
    resumed = browser.submit(f"/campaigns/{CAMPAIGN}/resume")
    without_password = browser.submit(f"/campaigns/{CAMPAIGN}/cancel", reason="Hoãn sang năm", password="sai")
    cancelled = browser.submit(f"/campaigns/{CAMPAIGN}/cancel", reason="Hoãn sang năm", password=PASSWORD)

    assert "Đã trình kế hoạch" in submitted.text
    assert without_reason.status_code == 400
    assert "Đã tạm dừng chiến dịch" in paused.text
    assert "Chiến dịch chạy tiếp" in resumed.text
    assert without_password.status_code == 403
    assert "Hoãn sang năm" in without_password.text
    assert "Đã hủy chiến dịch" in cancelled.text
    assert [kind for kind in kinds(app.state.desk.database) if kind.startswith("campaign.")] == [
        "campaign.submit", "campaign.approve", "campaign.pause", "campaign.resume", "campaign.cancel",
    ]  # fmt: skip


def test_the_dry_run_is_shown_in_pages_and_on_paper_and_for_calendars(sign_in: Sign) -> None:
    browser = sign_in("tam")

    table = browser.get(f"/campaigns/{CAMPAIGN}/plan")
    paper = browser.get(f"/campaigns/{CAMPAIGN}/plan.pdf")
    calendar = browser.get(f"/campaigns/{CAMPAIGN}/plan.ics")

    assert table.status_code == 200
    assert "blackout" in table.text
    assert paper.content.startswith(b"%PDF")
    assert calendar.text.startswith("BEGIN:VCALENDAR")


def test_a_file_with_faults_is_named_with_the_line(sign_in: Sign, campaign: Path) -> None:
    campaign.write_text(FILE.replace("2027-08-31", '"mai"'), encoding="utf-8")

    shown = sign_in("tam").get("/campaigns").text

    assert "bien-gioi.toml" in shown
    assert "is no date" in shown


def test_an_unknown_campaign_is_not_found(sign_in: Sign) -> None:
    browser = sign_in("hoa")

    assert browser.get("/campaigns/nowhere").status_code == 404
    assert browser.submit("/campaigns/nowhere/submit").status_code == 404


def test_the_tables_of_these_pages_have_their_english() -> None:
    said = [*campaigns.FILES.values(), *rule.DAYS, *rule.PICKS.values(), *rule.RUNS.values()]

    assert [one for one in said if one not in english()] == []


def test_every_sample_message_can_be_forecast(config: Config) -> None:
    assert load(config.path("content")).items
