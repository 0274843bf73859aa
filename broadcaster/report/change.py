"""Two sets of figures side by side: two cut-offs of one campaign, or a campaign and the one before. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from broadcaster.dispatch.dispatch import State
from broadcaster.report.document import Table
from broadcaster.report.figures import Count, Figures, Money
from broadcaster.report.form import heading
from broadcaster.report.words import VI, Speech

GROUPS = ("by_form", "by_category", "by_channel", "by_schedule", "by_week", "by_day")


def change(before: Figures, after: Figures, *, groups: tuple[str, ...] = GROUPS) -> dict[str, Any]:
    """Each figure as `{"before", "after", "change"}`; a name that only one side has counts 0 on the other."""
    return {
        "planned": _three(before.total.planned, after.total.planned),
        "final": _three(before.total.final, after.total.final),
        "open": _three(before.total.open, after.total.open),
        "states": {state.value: _three(before.total.states[state], after.total.states[state]) for state in State},
        **{name: _grouped(getattr(before, name), getattr(after, name)) for name in groups},
        "cost": [
            {
                "currency": currency,
                **{side: _amount(value) for side, value in (("before", was), ("after", now), ("change", now - was))},
            }
            for currency, was, now in _costs(before, after)
        ],
    }


def comparison(before: Figures, after: Figures, *, say: Speech = VI) -> Table:
    """For the official report's annex: this campaign and an earlier one, by form."""
    forms = sorted(before.by_form.keys() | after.by_form.keys())
    pairs = [(say(heading(name)), _planned(before.by_form, name), _planned(after.by_form, name)) for name in forms]
    pairs.append((say("Cộng lượt gửi"), before.total.planned, after.total.planned))
    pairs += [
        (say(said), sum(before.total.states[one] for one in states), sum(after.total.states[one] for one in states))
        for said, states in (
            ("Nhà cung cấp đã nhận", (State.ACCEPTED, State.DELIVERED)),
            ("Trong đó đã đến", (State.DELIVERED,)),
        )
    ]
    rows = [(name, say.number(was), say.number(now), _signed(now - was, say)) for name, was, now in pairs]
    for currency, was, now in _costs(before, after):
        sign = "+" if now > was else "-" if now < was else ""
        said = f"{sign}{say.money(_amount(abs(now - was)))}"
        name = say("Chi phí ({currency})", currency=currency)
        rows.append((name, say.money(_amount(was)), say.money(_amount(now)), said))
    return Table(
        caption=say("So sánh với {title}", title=before.standing.title),
        head=(say("Nội dung"), say("Kỳ trước"), say("Kỳ này"), say("Tăng, giảm")),
        rows=tuple(rows),
    )


def _three(was: int, now: int) -> dict[str, int]:
    return {"before": was, "after": now, "change": now - was}


def _grouped(before: Mapping[str, Count], after: Mapping[str, Count]) -> dict[str, dict[str, int]]:
    return {
        name: _three(_planned(before, name), _planned(after, name)) for name in sorted(before.keys() | after.keys())
    }


def _planned(counts: Mapping[str, Count], name: str) -> int:
    return counts[name].planned if name in counts else 0


def _costs(before: Figures, after: Figures) -> list[tuple[str, Decimal, Decimal]]:
    was, now = ({one.currency: one.amount for one in found.costs} for found in (before, after))
    names = [*dict.fromkeys([*now, *was])]
    return [(name, was.get(name, Decimal(0)), now.get(name, Decimal(0))) for name in names]


def _amount(value: Decimal) -> str:
    return Money(amount=value, currency="").shown()["amount"]


def _signed(n: int, say: Speech) -> str:
    return f"+{say.number(n)}" if n > 0 else f"-{say.number(-n)}" if n < 0 else "0"
