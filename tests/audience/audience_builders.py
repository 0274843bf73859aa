"""A list on disk, its import, and open dispatches to the people on it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import shake_256
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select

from broadcaster.audience import importing
from broadcaster.audience.contact import NO_CONSENT, Usual
from broadcaster.clock import SteppedClock
from broadcaster.db import tables
from broadcaster.db.engine import Database
from broadcaster.db.tables import table
from broadcaster.ledger import store as ledger
from broadcaster.ledger.entry import decode

KEY = b"office-key-of-the-tests"
TODAY = date(2027, 7, 1)


@dataclass
class Chance:
    """Salts that are all different and always the same."""

    drawn: int = field(default=0)

    def __call__(self, n: int) -> bytes:
        self.drawn += 1
        return shake_256(f"salt {self.drawn}".encode()).digest(n)


def listed(tmp_path: Path, text: str, name: str = "people.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def bring_in(
    database: Database, clock: SteppedClock, path: Path, *, group: str = "border", usual: Usual = NO_CONSENT
) -> importing.Summary:
    order = importing.Order(
        path=path, rejects=importing.rejects_beside(path), actor="console:test", group=group, usual=usual, today=TODAY
    )
    return importing.run(order, database=database, clock=clock, office_key=KEY, entropy=Chance())


def rows(database: Database, model: type[tables.Row], *columns: str) -> list[tuple[Any, ...]]:
    """The rows of a table by its key, all columns or those named."""
    found = table(model)
    wanted = [found.c[name] for name in columns] if columns else [found]
    with database.reading() as connection:
        return [tuple(row) for row in connection.execute(select(*wanted).order_by(*found.primary_key))]


def entries(database: Database, kind: str = "") -> list[dict[str, Any]]:
    with database.reading() as connection:
        return [entry for entry in map(decode, ledger.raws(connection)) if kind in ("", entry["kind"])]


def make_dispatches(
    database: Database, clock: SteppedClock, *, states: dict[int, str] | None = None, channel: str = "sms"
) -> int:
    """A running broadcast with one planned dispatch to every address, or to those of `states` in that state."""
    broadcast = tables.Broadcast(
        local="2027-07-01T08:00", message_id="hotline-111", state="running", authority="h", authority_kind="plan",
        due_at=clock.now(), expires_at=clock.now() + timedelta(hours=6), timezone="Asia/Ho_Chi_Minh", quiet_hours="",
        cap_per_24h=0, require_consent=True, channels='[["sms"]]', language="vi", languages="vi", created_at=clock.now(),
    )  # fmt: skip
    with database.writing() as connection:
        number = connection.execute(
            insert(table(tables.Broadcast)).values(broadcast.model_dump(exclude={"id"}))
        ).inserted_primary_key[0]
        addresses = connection.scalars(select(table(tables.Address).c.id)).all()
        wanted = states or dict.fromkeys(addresses, "planned")
        for address, state in wanted.items():
            _make_dispatch(connection, int(number), channel, address, state)
        counts = Counter(wanted.values())
        connection.execute(
            insert(table(tables.Tally)),
            [{"broadcast_id": number, "channel": channel, "state": state, "n": n} for state, n in counts.items()],
        )
    return int(number)


def _make_dispatch(connection: Any, broadcast: int, channel: str, address: int, state: str) -> None:
    """Born planned, then walked along the moves that exist."""
    dispatch = tables.Dispatch(broadcast_id=broadcast, channel=channel, address_id=address, language="vi")
    made = table(tables.Dispatch)
    number = connection.execute(insert(made).values(dispatch.model_dump(exclude={"id"}))).inserted_primary_key[0]
    road = {"planned": (), "sending": ("sending",), "retry_wait": ("sending", "retry_wait"),
            "accepted": ("sending", "accepted"), "unknown": ("sending", "unknown")}  # fmt: skip
    for step in road[state]:
        connection.execute(made.update().where(made.c.id == number).values(state=step))


def tallies(database: Database) -> dict[str, int]:
    """State -> count, and the proof that it is the count of the rows."""
    with database.reading() as connection:
        tally, dispatch = table(tables.Tally), table(tables.Dispatch)
        said = {
            row.state: row.n
            for row in connection.execute(select(tally.c.state, func.sum(tally.c.n).label("n")).group_by(tally.c.state))
            if row.n
        }
        counted = connection.execute(select(dispatch.c.state, func.count()).group_by(dispatch.c.state))
        assert said == {row[0]: row[1] for row in counted}
    return said
