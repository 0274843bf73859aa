"""A campaign's plan on paper, to be signed: every occurrence and channel, its reach, cost and end, and the plan's hash."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from broadcaster.content.written import money_of, number_of
from broadcaster.plan.planner import Row, totals
from broadcaster.schedule.spec import CampaignSpec
from broadcaster.schedule.store import PlanDocument

HERE = Path(__file__).parent
FONTS = HERE.parent / "fonts"


def sheet(spec: CampaignSpec, rows: Sequence[Row], *, office: str, plan: PlanDocument | None) -> bytes:
    """A PDF, A4 across. `plan`: what was submitted or approved, if anything was; its hash stands on every page."""
    import typst

    found = totals(list(rows))
    told = {
        "office": office,
        "title": spec.title,
        "window": f"{spec.since:%d/%m/%Y} - {spec.until:%d/%m/%Y}, {spec.timezone}",
        "quiet": spec.quiet_hours,
        "hash": plan.hash if plan else "",
        "rows": [_row(spec, row) for row in rows],
        "totals": [
            f"{number_of(found['occurrences'])} lượt phát",
            f"{number_of(found['recipients'])} lượt gửi",
            f"{number_of(found['sms_parts'])} phần tin nhắn",
            *(f"{money_of(one['amount'])} {one['currency']}" for one in found["cost"]),
        ],
    }
    return bytes(
        typst.compile(
            str(HERE / "plan.typ"), root=str(HERE), font_paths=[str(FONTS)], ignore_system_fonts=True,
            sys_inputs={"plan": json.dumps(told, ensure_ascii=False)},
        )
    )  # fmt: skip


def _row(spec: CampaignSpec, row: Row) -> list[str]:
    day, _, time = row.local.partition("T")
    finish = row.finish.astimezone(spec.zone) if row.finish else None
    ends = "" if finish is None else f"{finish:%H:%M}" if f"{finish:%Y-%m-%d}" == day else f"{finish:%d/%m %H:%M}"
    year, month, date = day.split("-")
    cost = f"{money_of(f'{row.cost // 1_000_000}')} {row.currency}" if row.cost else ""
    return [
        f"{date}/{month}/{year}", time[:5], row.schedule, row.message, row.channel, number_of(row.recipients),
        number_of(row.sms_parts) if row.sms_parts else "", cost, ends, "; ".join(row.conflicts),
    ]  # fmt: skip
