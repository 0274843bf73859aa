"""When the office is reminded of a campaign's report: 14, 7, 3 and 1 days before it is due, and while it is overdue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, select

from broadcaster.db.tables import Campaign, ReportSigned, table

CAMPAIGN, SIGNED = table(Campaign), table(ReportSigned)
DAYS = (14, 7, 3, 1)  # before it is due
URGENT = 3


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
