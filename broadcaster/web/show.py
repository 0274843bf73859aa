"""Values as people read them: `30/07/2027 08:00`, `45.581`, `4.368.000 ₫`. Pure."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

WEEKDAYS = {
    "vi": ("Thứ Hai", "Thứ Ba", "Thứ Tư", "Thứ Năm", "Thứ Sáu", "Thứ Bảy", "Chủ Nhật"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
SIGNS = {"VND": "₫", "USD": "$", "EUR": "€"}


def number(value: int | float | Decimal | None, language: str) -> str:
    """45581 -> "45.581" in Vietnamese, "45,581" in English; "–" for nothing."""
    if value is None:
        return "–"
    text = f"{value:,}"
    return text if language != "vi" else text.translate(str.maketrans(",.", ".,"))


def day(value: date | None) -> str:
    """30/07/2027, in both languages; "–" for nothing. A datetime must be local already."""
    return "–" if value is None else f"{value:%d/%m/%Y}"


def weekday(value: date, language: str) -> str:
    return WEEKDAYS[language][value.weekday()]


def moment(value: datetime | None, zone: ZoneInfo) -> str:
    """An aware datetime as local `30/07/2027 08:00`."""
    return "–" if value is None else f"{value.astimezone(zone):%d/%m/%Y %H:%M}"


def clock(value: datetime | None, zone: ZoneInfo) -> str:
    """`08:00`, local."""
    return "–" if value is None else f"{value.astimezone(zone):%H:%M}"


def money(value: dict[str, Any] | None, language: str) -> str:
    """`{"amount": "4368000", "currency": "VND"}` -> "4.368.000 ₫"."""
    if not value:
        return "–"
    currency, amount = str(value["currency"]), Decimal(str(value["amount"]))
    if amount == amount.to_integral_value():
        amount = amount.quantize(Decimal(1))
    return f"{number(amount, language)} {SIGNS.get(currency, currency)}"


def offset(zone: ZoneInfo, now: datetime) -> str:
    """`UTC+7`, `UTC+5:30`."""
    gap = now.astimezone(zone).utcoffset()
    minutes = int(gap.total_seconds() // 60) if gap else 0
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02d}" if rest else "")
