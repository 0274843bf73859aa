"""How people here write numbers, amounts and days: 45.581, 7.869.750,5, 30/07/2027. Pure."""

from __future__ import annotations

from datetime import date


def number_of(n: int) -> str:
    """45581 -> "45.581"."""
    return f"{n:,}".replace(",", ".")


def money_of(amount: str) -> str:
    """ "7869750.5" -> "7.869.750,5"."""
    whole, _, rest = amount.partition(".")
    return number_of(int(whole)) + (f",{rest}" if rest else "")


def day_of(day: date) -> str:
    """30/07/2027"""
    return day.strftime("%d/%m/%Y")
