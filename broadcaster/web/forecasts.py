"""When broadcasts to come will be finished: the planner's forecast, kept for a few minutes because it is not cheap."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from broadcaster.config import Config
from broadcaster.content import files
from broadcaster.errors import BroadcasterError
from broadcaster.plan.planner import Row, forecast
from broadcaster.plan.reading import survey
from broadcaster.schedule import store

KEPT = timedelta(minutes=5)
Key = tuple[str, str, str]  # schedule, nominal local time, message


@dataclass(slots=True)
class Forecasts:
    """One for a desk. A campaign that cannot be forecast has no finish times, which pages show as a dash."""

    config: Config
    _kept: dict[str, tuple[datetime, dict[Key, list[Row]]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def rows(self, connection: Connection, campaign: str, plan_hash: str, *, now: datetime) -> dict[Key, list[Row]]:
        """Every occurrence of the campaign under this plan, by channel."""
        known = f"{campaign} {plan_hash}"
        with self._lock:
            at, found = self._kept.get(known, (now - KEPT, {}))
            if now - at < KEPT and now >= at:
                return found
            found = self._make(connection, plan_hash, now)
            self._kept[known] = (now, found)
            return found

    def _make(self, connection: Connection, plan_hash: str, now: datetime) -> dict[Key, list[Row]]:
        found: dict[Key, list[Row]] = {}
        try:
            spec = store.plan(connection, plan_hash).campaign
            library = files.load(self.config.path(self.config.folders.content))
            rows = forecast(spec, survey(connection, self.config, library, spec, now=now))
        except BroadcasterError:
            return found
        for row in rows:
            found.setdefault((row.schedule, row.local, row.message), []).append(row)
        return found
