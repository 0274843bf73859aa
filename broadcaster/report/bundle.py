"""The figures that go with an exported ledger."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from broadcaster.config import Config
from broadcaster.report.store import CAMPAIGN, read


def figures(config: Config, *, now: datetime) -> Callable[[Connection], dict[str, dict[str, Any]]]:
    """Every approved campaign's figures, as `report --format json` has them, counted over one connection."""
    adapters = {name: str(settings.get("adapter", name)) for name, settings in config.channels.items()}

    def counted(connection: Connection) -> dict[str, dict[str, Any]]:
        names = connection.scalars(select(CAMPAIGN.c.id).order_by(CAMPAIGN.c.id)).all()
        found = {name: read(connection, name, adapters=adapters, now=now) for name in names}
        return {name: one.shown() for name, one in found.items() if one is not None}

    return counted
