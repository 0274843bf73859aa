"""Where a campaign stands, from its file and from the database: what the command line and the desk show of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from broadcaster.approval import store as approvals
from broadcaster.config import Config
from broadcaster.content.fault import Faulty, errors
from broadcaster.content.files import load
from broadcaster.schedule import store
from broadcaster.schedule.files import check_folder
from broadcaster.schedule.spec import CampaignSpec


def standing(connection: Connection, id_: str, spec: CampaignSpec | None) -> dict[str, Any]:
    """One campaign as `campaign list` shows it. `spec`: what its file says now, None without a file."""
    row = store.campaign(connection, id_)
    waiting = approvals.open_(connection, store.KIND, id_)
    decided = waiting.subject if waiting else row.plan_hash if row is not None else None
    last = next(iter(approvals.history(connection, store.KIND, id_)), None)
    stored = store.plan(connection, decided).campaign if decided else None
    shown = spec or stored
    return {
        "id": id_,
        "title": shown.title if shown else "",
        "from": str(shown.since) if shown else "",
        "until": str(shown.until) if shown else "",
        "report_due": str(shown.report_due) if shown and shown.report_due else None,
        "state": row.state if row is not None else last.state if last else "draft",
        "approved": row.plan_hash if row is not None and row.state != "cancelled" else None,
        "submitted": waiting.subject if waiting else None,
        "file": "missing" if spec is None else "new" if stored is None else "same" if stored == spec else "edited",
        "broadcasts": store.counts(connection, id_),
    }


def refuse_faults(config: Config, spec: CampaignSpec) -> None:
    """Raises: Faulty for a campaign that names what is not there; NotFound for a channel that is not set up."""
    library = load(config.path(config.folders.content))
    found = check_folder(config.path(config.folders.schedules), library, config)
    if mine := errors(fault for fault in found if fault.about == spec.id):
        raise Faulty(mine)
    for schedule in spec.schedules:
        for name in schedule.channel_names:
            config.channel(name)
