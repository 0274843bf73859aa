"""A report is remembered 14, 7, 3 and 1 days before it is due, until the signed one is entered."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from report_builders import make_campaign
from sqlalchemy import insert, update

from broadcaster.cli.main import _run
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.db.tables import Campaign, ReportSigned, table
from broadcaster.ledger.store import transaction
from broadcaster.report.reminder import Reminder, reminder, reminders, to_tell, told, words

DUE = date(2027, 9, 20)


@pytest.mark.parametrize(
    ("left", "step"), [(15, None), (14, 14), (8, 14), (7, 7), (4, 7), (3, 3), (2, 3), (1, 1), (0, 0), (-5, 0)]
)
def test_each_day_belongs_to_the_last_reminder_that_has_come(left: int, step: int | None) -> None:
    found = reminder("mbn", "Chiến dịch", due=DUE, today=DUE - timedelta(days=left))

    assert (found.step if found else None) == step
    if found:
        assert (found.left, found.urgent, found.overdue) == (left, left <= 3, left < 0)


def test_a_report_that_was_sent_off_and_a_cancelled_campaign_are_not_remembered(
    database: Database, clock: SteppedClock
) -> None:
    with transaction(database, clock) as tx:
        for name in ("open", "sent", "cancelled", "far"):
            make_campaign(tx, name, state="cancelled" if name == "cancelled" else "done")
        tx.connection.execute(update(table(Campaign)).values(report_due=DUE))
        far = {"report_due": DUE + timedelta(days=60)}
        tx.connection.execute(update(table(Campaign)).where(table(Campaign).c.id == "far").values(far))
        signed = {"sha256": "ab", "campaign_id": "sent", "number": "12", "day": DUE, "by": "lan", "at": tx.now}
        tx.connection.execute(insert(table(ReportSigned)).values(signed))

    with database.reading() as connection:
        found = reminders(connection, today=DUE - timedelta(days=7))

    assert [(one.campaign, one.left) for one in found] == [("open", 7)]


def test_doctor_names_a_report_that_is_overdue(
    sqlite_database: Database, clock: SteppedClock, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("broadcaster.cli.session.SystemClock", lambda: clock)
    (tmp_path / "config.toml").write_text('[database]\nurl = "sqlite:///broadcaster.db"\n', encoding="utf-8")
    with transaction(sqlite_database, clock) as tx:
        make_campaign(tx)
        tx.connection.execute(update(table(Campaign)).values(report_due=clock.now().date() - timedelta(days=2)))

    code = _run(["doctor", "--config", str(tmp_path / "config.toml")])

    assert code == 1
    assert "NOT  report of mbn: due on 29/06/2027" in capsys.readouterr().out


# -- told to the officer on duty --------------------------------------------------------------------------------------

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


def at(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=ZONE)


def test_the_officer_is_told_once_a_step_in_office_hours(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        make_campaign(tx)
        tx.connection.execute(update(table(Campaign)).values(report_due=DUE))

    heard = []
    for left in range(16, -2, -1):
        for hour in (3, 9, 10):
            with database.reading() as connection:
                found = to_tell(connection, at(DUE - timedelta(days=left), hour), zone=ZONE)
            with transaction(database, clock) as tx:
                for one in found:
                    told("sms", tx, one=one)
                    heard.append((left, hour, one.step))

    assert heard == [(14, 9, 14), (7, 9, 7), (3, 9, 3), (1, 9, 1), (0, 9, 0)]


def test_the_words_fit_one_part_of_an_sms_and_name_the_day() -> None:
    one = Reminder(campaign="chong-mua-ban-nguoi-2027", title="Chiến dịch", due=DUE, left=3, step=3)

    text, plain = words(one)

    assert text == 'Nhắc việc: báo cáo "Chiến dịch" phải gửi trước hết ngày 20/09/2027, còn 3 ngày.'
    assert plain.isascii()
    assert len(plain) <= 160
    assert "qua han 2 ngay" in words(Reminder(campaign="c", title="C", due=DUE, left=-2, step=0))[1]
