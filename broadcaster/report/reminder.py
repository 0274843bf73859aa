"""When the office is reminded of a campaign's report: 14, 7, 3 and 1 days before it is due, and while it is overdue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, insert, select

from broadcaster.db.tables import Campaign, ReportReminded, ReportSigned, table
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction

CAMPAIGN, REMINDED, SIGNED = table(Campaign), table(ReportReminded), table(ReportSigned)
DAYS = (14, 7, 3, 1)  # before it is due
URGENT = 3
CALL_FROM, CALL_UNTIL = (
    8,
    18,
)  # hours where the office is, in which somebody is told: no report is worth a night's sleep


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """A report that must go out soon."""

    campaign: str
    title: str
    due: date
    left: int  # days; negative: overdue
    step: int  # of `DAYS`: the last one that has come; 0 from the day itself on

    @property
    def urgent(self) -> bool:
        return self.left <= URGENT

    @property
    def overdue(self) -> bool:
        return self.left < 0


def reminder(campaign: str, title: str, *, due: date, today: date) -> Reminder | None:
    """None while the report is not due soon. Pure."""
    left = (due - today).days
    if left > max(DAYS):
        return None
    step = min((days for days in DAYS if left <= days), default=0) if left > 0 else 0
    return Reminder(campaign=campaign, title=title, due=due, left=left, step=step)


def reminders(connection: Connection, *, today: date) -> list[Reminder]:
    """Of every campaign that was not cancelled and whose signed report is not entered, the earliest first."""
    query = (
        select(CAMPAIGN.c.id, CAMPAIGN.c.title, CAMPAIGN.c.report_due)
        .where(
            CAMPAIGN.c.report_due.is_not(None),
            CAMPAIGN.c.state != "cancelled",
            CAMPAIGN.c.id.not_in(select(SIGNED.c.campaign_id)),
        )
        .order_by(CAMPAIGN.c.report_due, CAMPAIGN.c.id)
    )
    found = (reminder(row.id, row.title, due=row.report_due, today=today) for row in connection.execute(query))
    return [one for one in found if one is not None]


def to_tell(connection: Connection, now: datetime, *, zone: ZoneInfo) -> list[Reminder]:
    """Those of whose step the officer on duty was not told yet, in office hours."""
    local = now.astimezone(zone)
    if not CALL_FROM <= local.hour < CALL_UNTIL:
        return []
    known = {(row.campaign_id, row.step) for row in connection.execute(select(REMINDED))}
    return [one for one in reminders(connection, today=local.date()) if (one.campaign, one.step) not in known]


def words(one: Reminder) -> tuple[str, str]:
    """What the officer is told, and the same in one part of an SMS without accents."""
    day = f"{one.due:%d/%m/%Y}"
    left = f"quá hạn {-one.left} ngày" if one.overdue else "hạn là hôm nay" if not one.left else f"còn {one.left} ngày"
    plain = f"qua han {-one.left} ngay" if one.overdue else "han la hom nay" if not one.left else f"con {one.left} ngay"
    text = f'Nhắc việc: báo cáo "{one.title}" phải gửi trước hết ngày {day}, {left}.'
    return text, f"Nhac viec: bao cao {one.campaign[:60]} han {day}, {plain}."


def told(channel: str, tx: Transaction, *, one: Reminder) -> None:
    """The officer was told of this step."""
    known = select(REMINDED.c.step).where(REMINDED.c.campaign_id == one.campaign, REMINDED.c.step == one.step)
    if tx.connection.execute(known).first() is None:
        tx.connection.execute(insert(REMINDED).values(campaign_id=one.campaign, step=one.step, at=tx.now))
        tx.record(Kind.DUTY_CALL, "duty", channel=channel, pleas=[], report=one.campaign)
