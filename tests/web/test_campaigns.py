"""Campaigns at the desk: rules read back, submitted, paused, cancelled, shown on paper; by the functions of the command line."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from broadcaster.approval import store as approvals
from broadcaster.approval.messages import submit as submit_message
from broadcaster.config import Config
from broadcaster.content.files import load
from broadcaster.content.store import refresh_facts
from broadcaster.db.engine import Database
from broadcaster.ledger.entry import decode
from broadcaster.ledger.store import raws, transaction
from broadcaster.plan.materialise import materialise
from broadcaster.schedule import store as schedules
from broadcaster.schedule import writing
from broadcaster.schedule.files import office_rules, roads
from broadcaster.schedule.spec import parse
from broadcaster.web import rule
from broadcaster.web.pages import builder, campaigns
from broadcaster.web.words import english, plan_faults
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
    assert "ngày không phát" in table.text
    assert paper.content.startswith(b"%PDF")
    assert calendar.text.startswith("BEGIN:VCALENDAR")


def test_a_file_with_faults_is_named_with_the_line(sign_in: Sign, campaign: Path) -> None:
    campaign.write_text(FILE.replace("2027-08-31", '"mai"'), encoding="utf-8")

    shown = sign_in("tam").get("/campaigns").text

    assert "bien-gioi.toml" in shown
    assert "không phải ngày" in shown


def test_an_unknown_campaign_is_not_found(sign_in: Sign) -> None:
    browser = sign_in("hoa")

    assert browser.get("/campaigns/nowhere").status_code == 404
    assert browser.submit("/campaigns/nowhere/submit").status_code == 404


def test_the_tables_of_these_pages_have_their_english() -> None:
    said = [
        *campaigns.FILES.values(),
        *rule.DAYS,
        *rule.PICKS.values(),
        *rule.RUNS.values(),
        *builder.KINDS.values(),
        *builder.PRIORITIES.values(),
    ]

    assert [one for one in said if one not in english()] == []


# -- the forms ---------------------------------------------------------------------------------------------------------


def seen(browser: Any, path: str) -> str:
    found = re.search(r'name="seen" value="([0-9a-f]{64})"', browser.get(path).text)
    assert found
    return found[1]


SCHEDULE = {
    "id": "buoi-toi", "kind": "daily", "times": "19:30, 8:00", "day": ["mon", "tue", "wed", "thu", "fri"],
    "first": "2027-07-05", "last": "2027-07-30", "pick": "rotate", "message": ["victims-rights", "hotline-111"],
    "chain_0": ["web", "", ""], "run": "latest", "within": "4h", "priority": "normal",
}  # fmt: skip


def test_a_schedule_is_added_by_a_form_and_the_rest_of_the_file_stays(sign_in: Sign, campaign: Path) -> None:
    browser = sign_in("hoa")
    path = f"/campaigns/{CAMPAIGN}/schedule"

    answer = browser.submit(path, seen=seen(browser, path), **SCHEDULE)

    text = campaign.read_text(encoding="utf-8")
    assert text.startswith(FILE.rstrip())
    assert "từ thứ Hai đến thứ Sáu hằng tuần lúc 08:00 và 19:30, từ 05/07/2027 đến 30/07/2027" in answer.text
    assert tomllib.loads(text)["schedule"][2]["messages"] == ["victims-rights", "hotline-111"]


def test_a_schedule_is_changed_in_its_place_and_notes_above_the_next_stay(sign_in: Sign, campaign: Path) -> None:
    browser = sign_in("hoa")
    path = f"/campaigns/{CAMPAIGN}/schedule/hang-ngay"

    browser.submit(path, seen=seen(browser, path), **(SCHEDULE | {"id": "hang-ngay"}))

    text = campaign.read_text(encoding="utf-8")
    assert text.startswith(FILE.partition("[[schedule]]")[0])
    assert '# Mỗi tuần.\n[[schedule]]\nid = "hang-tuan"' in text
    assert [one["id"] for one in tomllib.loads(text)["schedule"]] == ["hang-ngay", "hang-tuan"]


def test_a_fault_is_told_and_nothing_typed_is_lost_and_nothing_written(sign_in: Sign, campaign: Path) -> None:
    browser = sign_in("hoa")
    path = f"/campaigns/{CAMPAIGN}/schedule"

    answer = browser.submit(
        path, seen=seen(browser, path), **(SCHEDULE | {"times": "25:00", "chain_1": ["sms", "", ""]})
    )

    assert answer.status_code == 400
    assert "25:00&#39; không phải giờ trong ngày." in answer.text
    assert 'value="buoi-toi"' in answer.text
    assert 'value="victims-rights" checked' in answer.text
    assert 'value="sms" selected' in answer.text
    assert campaign.read_text(encoding="utf-8") == FILE


def test_a_check_reads_the_rule_back_and_writes_nothing(sign_in: Sign, campaign: Path) -> None:
    browser = sign_in("hoa")
    path = f"/campaigns/{CAMPAIGN}/schedule"

    answer = browser.submit(path, seen=seen(browser, path), do="check", **SCHEDULE)

    assert "Đọc lại: từ thứ Hai đến thứ Sáu" in answer.text
    assert campaign.read_text(encoding="utf-8") == FILE


def test_a_file_that_was_changed_meanwhile_is_not_written_over(sign_in: Sign, campaign: Path) -> None:
    browser = sign_in("hoa")
    path = f"/campaigns/{CAMPAIGN}/schedule"
    before = seen(browser, path)
    campaign.write_text(FILE.replace("Mỗi tuần", "Hằng tuần"), encoding="utf-8")

    answer = browser.submit(path, seen=before, **SCHEDULE)

    assert answer.status_code == 409
    assert 'value="buoi-toi"' in answer.text
    assert "buoi-toi" not in campaign.read_text(encoding="utf-8")


def test_the_campaign_itself_is_edited(sign_in: Sign, campaign: Path) -> None:
    browser = sign_in("hoa")
    path = f"/campaigns/{CAMPAIGN}/edit"

    browser.submit(
        path, seen=seen(browser, path), title='Tên "mới"', since="2027-07-01", until="2027-08-15", quiet_hours="",
        timezone="Asia/Ho_Chi_Minh", languages="vi, en", amount="60.000.000", currency="VND", report_due="2027-09-20",
        break_from=["2027-07-20", ""], break_until=["2027-07-21", ""], break_reason=["Quốc tang", ""],
    )  # fmt: skip

    found = tomllib.loads(campaign.read_text(encoding="utf-8"))
    assert (found["campaign"]["title"], found["campaign"]["budget"]["amount"]) == ('Tên "mới"', 60_000_000)
    assert found["campaign"]["blackout"][0]["reason"] == "Quốc tang"
    assert found["campaign"]["quiet_hours"] == ""
    assert len(found["schedule"]) == 2


def test_a_new_campaign_gets_a_file_and_never_another_ones(sign_in: Sign, config: Config, campaign: Path) -> None:
    browser = sign_in("hoa")
    whole = {
        "campaign_id": "he-2027", "title": "Hè", "since": "2027-07-01", "until": "2027-07-31", "quiet_hours": "",
        "timezone": "Asia/Ho_Chi_Minh", "languages": "vi",
    }  # fmt: skip

    made = browser.submit("/campaign-new", **whole, **SCHEDULE)
    again = browser.submit("/campaign-new", **(whole | {"campaign_id": CAMPAIGN}), **SCHEDULE)
    outside = browser.submit("/campaign-new", **(whole | {"campaign_id": "../config"}), **SCHEDULE)

    assert made.url.path == "/campaigns/he-2027"
    assert (again.status_code, outside.status_code) == (409, 400)
    assert campaign.read_text(encoding="utf-8") == FILE
    assert sorted(path.name for path in config.path("schedules").iterdir()) == ["bien-gioi.toml", "he-2027.toml"]


def test_a_schedule_is_removed_but_never_the_last(sign_in: Sign, campaign: Path) -> None:
    browser = sign_in("hoa")
    path = f"/campaigns/{CAMPAIGN}/schedule/"

    browser.submit(f"{path}hang-ngay/remove", seen=seen(browser, f"{path}hang-ngay"))
    last = browser.submit(f"{path}hang-tuan/remove", seen=seen(browser, f"{path}hang-tuan"))

    assert [one["id"] for one in tomllib.loads(campaign.read_text(encoding="utf-8"))["schedule"]] == ["hang-tuan"]
    assert last.status_code == 400


def test_the_form_shows_a_file_as_it_is_and_saving_it_unchanged_changes_no_rule(config: Config) -> None:
    office = office_rules(config)
    for path in (ROOT / "schedules").glob("*.toml"):
        text = writing.read(path)
        spec = parse(text.encode(), path=path.name, office=office).spec
        assert spec is not None

        again = writing.with_campaign(text, writing.campaign_draft(spec))
        for at, one in enumerate(spec.schedules):
            again = writing.with_schedule(again, writing.schedule_draft(one), at=at)

        assert parse(again.encode(), path=path.name, office=office).spec == spec


# -- the calendar ------------------------------------------------------------------------------------------------------


def test_the_month_shows_what_is_planned_and_what_is_only_expected(sign_in: Sign, app: Any) -> None:
    browser = sign_in("hoa")
    browser.submit(f"/campaigns/{CAMPAIGN}/submit")
    approve(app)
    desk = app.state.desk
    with transaction(desk.database, desk.clock) as tx:
        row = schedules.live(tx.connection)[0]
        plan = schedules.plan(tx.connection, row.plan_hash).campaign
        materialise(tx, row, plan, roads(desk.config), now=tx.now, horizon=timedelta(days=2))

    month = browser.get("/calendar?month=2027-07").text
    week = browser.get("/calendar?week=2027-07-07").text

    assert "/dispatches/b-00000001" in month
    assert "dự kiến:" in month
    assert "10:00" in week
    assert "ngày không phát (Quốc tang)" in browser.get("/calendar?week=2027-07-20").text


def test_a_campaign_nobody_approved_is_shown_from_its_file(sign_in: Sign) -> None:
    shown = sign_in("tam").get(f"/calendar?month=2027-07&campaign={CAMPAIGN}").text

    assert "chưa được phê duyệt" in shown
    assert "08:00" in shown


@pytest.mark.parametrize(
    "asked", ["month=x", "month=0000-00", "month=9999-12", "week=x", "week=9999-12-31", "week=0001-01-01"]
)
def test_a_calendar_of_no_month_is_this_month(sign_in: Sign, asked: str) -> None:
    assert sign_in("tam").get(f"/calendar?{asked}").status_code == 200


# -- ad hoc ------------------------------------------------------------------------------------------------------------


def approve_message(app: Any, name: str) -> None:
    desk = app.state.desk
    library = load(desk.config.path("content"))
    with transaction(desk.database, desk.clock) as tx:
        refresh_facts(tx, library.folder / "facts.toml", actor="nga")
        submit_message(tx, library, library.item(name), by="nga", two_person=True)
        approvals.approve(tx, kind="revision", name=name, by="minh")


def test_an_ad_hoc_broadcast_is_asked_for_and_waits(sign_in: Sign, app: Any) -> None:
    browser = sign_in("hoa")
    empty = browser.get("/send").text
    approve_message(app, "hotline-111")

    answer = browser.submit("/send", message="hotline-111", channel="web", language="vi", at="2027-07-02T09:00")
    past = browser.submit("/send", message="hotline-111", channel="web", language="vi", at="2027-06-02T09:00")
    to_nobody = browser.submit("/send", message="hotline-111", channel="sms", language="vi", at="2027-07-03T10:00")

    assert "Chưa có thông điệp nào được phê duyệt" in empty
    assert answer.url.path == "/approvals/broadcast/b-00000001"
    assert "chờ người khác phê duyệt" in answer.text
    assert (past.status_code, to_nobody.status_code) == (400, 400)
    assert 'value="2027-07-03T10:00"' in to_nobody.text
    assert kinds(app.state.desk.database)[-2:] == ["broadcast.plan", "broadcast.submit"]


def test_faults_that_have_a_vietnamese_sentence_are_said_in_the_house() -> None:
    house = Path(campaigns.__file__).parents[2]
    source = "".join(
        (house / name).read_text(encoding="utf-8")
        for name in ("plan/planner.py", "plan/reading.py", "schedule/spec.py", "schedule/files.py")
    )
    joined = re.sub(r'[\'"]\s*\n\s*f?[\'"]', "", source).lower()

    gone = [
        said for said in plan_faults.VI
        if not all(part.strip(" .?'()").lower() in joined for part in said.replace("{}", "\0").split("\0"))
    ]  # fmt: skip

    assert gone == []
    assert plan_faults.translate("number 4 to this group within 24 h: over the cap of 3, not sent").startswith(
        "tin thứ 4"
    )
