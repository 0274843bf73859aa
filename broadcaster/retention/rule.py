"""When personal data has been kept long enough. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What lies wholly before its moment is erased; None: nothing of the kind is."""

    contacts: datetime | None
    attachments: datetime | None


def cut(now: datetime, *, contacts_months: int, attachments_months: int) -> Cut:
    """0 months: kept for good."""
    return Cut(
        contacts=back(now, contacts_months) if contacts_months else None,
        attachments=back(now, attachments_months) if attachments_months else None,
    )


def back(now: datetime, months: int) -> datetime:
    """The same day so many months earlier; the month's last day where there is no such day."""
    years, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    for day in range(now.day, 27, -1):
        try:
            return now.replace(year=years, month=month + 1, day=day)
        except ValueError:
            continue
    return now.replace(year=years, month=month + 1)
