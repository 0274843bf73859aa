"""An office with one broadcast to n people, ready to be sent: a real database with everything the intent asks for.

python -m benchmarks.office FOLDER N [phone|telegram|zalo]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import insert, update

from broadcaster.channel.address import suppression_key
from broadcaster.clock import SystemClock
from broadcaster.content.store import refresh_facts
from broadcaster.db import tables
from broadcaster.db.engine import Database
from broadcaster.db.migrations import upgrade
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction, transaction

KEY = b"office-key-of-the-benchmarks"
CHANNEL = "bench"
TEXT = "Nghi có mua bán người? Gọi 111, miễn phí, 24/7."  # one UCS-2 part
CHUNK = 5000  # contacts one transaction inserts

FACTS = """\
[hotline]
value = "111"
title.vi = "Tổng đài"
source = "benchmark"
verified_on = {today}
verify_by = {later}
"""


def make(folder: Path, n: int, *, kind: str = "phone") -> None:
    """A migrated SQLite database `bench.db` with n contacts in one group, and an approved broadcast that is due."""
    folder.mkdir(parents=True, exist_ok=True)
    today = datetime.now(UTC).date()
    facts = folder / "facts.toml"
    facts.write_text(FACTS.format(today=today - timedelta(days=1), later=today + timedelta(days=365)), encoding="utf-8")
    database = open_database(folder)
    upgrade(database)
    clock = SystemClock()
    with transaction(database, clock) as tx:
        refresh_facts(tx, facts)
        _approved_broadcast(tx, kind)
    people = _people(n, kind)
    while chunk := list(islice(people, CHUNK)):
        with transaction(database, clock) as tx:
            _insert(tx, chunk)
    with database.writing() as connection:
        connection.exec_driver_sql("ANALYZE")
    database.close()


def open_database(folder: Path) -> Database:
    return Database("sqlite:///bench.db", folder=folder, sender=True)


def address(at: int, kind: str) -> str:
    return f"+84{900_000_000 + at}" if kind == "phone" else str(1_000_000_000 + at)


def _people(n: int, kind: str) -> Iterator[tuple[int, str, str, bytes]]:
    for at in range(1, n + 1):
        value = address(at, kind)
        yield at, kind, value, suppression_key(KEY, kind, value)


def _insert(tx: Transaction, chunk: list[tuple[int, str, str, bytes]]) -> None:
    """Contacts as an import would leave them: a salt of their own, consent with source and date."""
    person = {"language": "vi", "consent_source": "form", "consent_date": date(2026, 1, 1), "created_at": tx.now}
    tx.connection.execute(
        insert(tables.table(tables.Contact)),
        [{"id": at, "name": f"Contact {at}", "commune": "", "salt": key[:16], **person} for at, _, _, key in chunk],
    )
    tx.connection.execute(
        insert(tables.table(tables.Address)),
        [{"contact_id": at, "kind": kind, "value": value, "key": key} for at, kind, value, key in chunk],
    )
    tx.connection.execute(
        insert(tables.table(tables.Member)), [{"group_id": 1, "contact_id": at} for at, _, _, _ in chunk]
    )


def _approved_broadcast(tx: Transaction, kind: str) -> None:
    fact = tx.connection.execute(tables.table(tables.Fact).select()).one()
    body = {
        "v": 1, "message": "hotline-111", "category": "hotline", "source": "", "titles": {"vi": "Tổng đài 111"},
        "texts": {"vi": {"sms": TEXT, "text": TEXT}}, "facts": {"hotline": fact.digest}, "media": {}, "valid": {},
    }  # fmt: skip
    canonical = msgspec.json.encode(body, order="sorted")
    revision = sha256(canonical).hexdigest()

    def add(model: type[tables.Row], **values: Any) -> None:
        tx.connection.execute(insert(tables.table(model)).values(**values))

    add(
        tables.Revision, hash=revision, message_id="hotline-111", category="hotline", canonical=canonical,
        created_at=tx.now,
    )  # fmt: skip
    add(tables.RevisionFact, revision_hash=revision, fact="hotline", digest=fact.digest)
    for what, name, subject in (("revision", "hotline-111", revision), ("plan", "bench", "plan-hash")):
        add(
            tables.Approval, kind=what, name=name, subject=subject, state="submitted", submitted_by="lan",
            submitted_at=tx.now, reason="", two_person=True,
        )  # fmt: skip
    for entry, actor, fields in (
        (Kind.USER_ADD, "console:bench", {"user": "lan", "roles": ["author", "operator"]}),
        (Kind.USER_ADD, "console:bench", {"user": "minh", "roles": ["approver"]}),
        (Kind.MESSAGE_SUBMIT, "lan", {"name": "hotline-111", "subject": revision, "to": "submitted"}),
        (Kind.MESSAGE_APPROVE, "minh", {"name": "hotline-111", "subject": revision, "to": "approved"}),
        (Kind.CAMPAIGN_SUBMIT, "lan", {"name": "bench", "subject": "plan-hash", "to": "submitted"}),
        (Kind.CAMPAIGN_APPROVE, "minh", {"name": "bench", "subject": "plan-hash", "to": "approved"}),
    ):
        tx.record(entry, actor, **fields)
    approved = update(tables.table(tables.Approval))
    tx.connection.execute(approved.values(state="approved", decided_by="minh", decided_at=tx.now))
    add(tables.Group, id=1, name=f"everybody-{kind}", created_at=tx.now)
    add(
        tables.Broadcast, id=1, campaign_id="bench", schedule_id="daily", local=tx.now.strftime("%Y-%m-%dT%H:%M"),
        message_id="hotline-111", state="planned", paused_from="", authority="plan-hash", authority_kind="plan",
        due_at=tx.now, expires_at=tx.now + timedelta(days=1), if_missed="latest", timezone="Asia/Ho_Chi_Minh",
        quiet_hours="", blackout="", cap_per_24h=3, require_consent=True, channels=json.dumps([[CHANNEL]]), group_id=1,
        language="vi", languages="vi", priority=0, expansion="", planned=0, held="", created_by="scheduler",
        created_at=tx.now,
    )  # fmt: skip


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]), kind=sys.argv[3] if len(sys.argv) > 3 else "phone")
