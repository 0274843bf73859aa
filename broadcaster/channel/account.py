"""What is left on a gateway's account, read from a provider's answer."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from broadcaster.channel.base import Balance, OutcomeUnknown

MOST = Decimal(10) ** 12  # of any currency; more is no account of an office


def read(amount: Any, currency: Any) -> Balance:
    """`"12.34"`, `36693` and the like. Raises: OutcomeUnknown for what is no amount of money."""
    try:
        found = Decimal(str(amount).strip()) if isinstance(amount, int | float | str) and amount is not True else None
    except InvalidOperation:
        found = None
    if found is None or not found.is_finite() or abs(found) > MOST or not re.fullmatch(r"[A-Z]{3}", str(currency)):
        raise OutcomeUnknown("The provider's answer has no balance that can be read.")
    return Balance(micros=int(found * 1_000_000), currency=str(currency))
