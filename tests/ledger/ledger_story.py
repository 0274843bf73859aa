"""A small honest ledger to check and to spoil: users, a text, a plan, a request, sends, a doubt, a stop."""

from __future__ import annotations

import json
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from broadcaster.clock import SteppedClock
from broadcaster.config import Secret
from broadcaster.db.engine import Database
from broadcaster.db.tables import Plan, Revision, table
from broadcaster.ledger import checkpoint, export, store
from broadcaster.ledger.entry import Kind

ORIGIN = "broadcaster/test"
KEY = checkpoint.SigningKey.read(Secret("07" * 32))
OTHER_KEY = checkpoint.SigningKey.read(Secret("09" * 32))
SAYS = "Gọi 111"
TEXT_RAW = json.dumps(
    {"v": 1, "message": "hotline-111", "texts": {"vi": {"sms": SAYS}}, "titles": {"vi": "111"}}, ensure_ascii=False
).encode()
PLAN_RAW = json.dumps({"campaign": {"id": "mbn"}, "groups": {"border": 5}, "senders": {"sms": "UBND"}}).encode()
TEXT, PLAN = sha256(TEXT_RAW).hexdigest(), sha256(PLAN_RAW).hexdigest()
BOUND = [2, TEXT, "sms", "UBND", "vi", "2027-07-01T08:00", "Asia/Ho_Chi_Minh", "", "", 3, True, ""]
REQUEST = sha256(json.dumps(BOUND, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()
SAID = sha256(SAYS.encode()).hexdigest()

Entry = tuple[Kind, str, dict[str, Any]]

PEOPLE: list[Entry] = [
    (Kind.USER_ADD, "console:root", {"user": "lan", "roles": ["author", "operator"]}),
    (Kind.USER_ADD, "console:root", {"user": "minh", "roles": ["approver"]}),
]
SUBMIT: Entry = (Kind.MESSAGE_SUBMIT, "lan", {"name": "hotline-111", "subject": TEXT, "to": "submitted"})
APPROVE: Entry = (Kind.MESSAGE_APPROVE, "minh", {"name": "hotline-111", "subject": TEXT, "to": "approved"})
PLANNED: list[Entry] = [
    (Kind.CAMPAIGN_SUBMIT, "lan", {"name": "mbn", "subject": PLAN, "to": "submitted"}),
    (Kind.CAMPAIGN_APPROVE, "minh", {"name": "mbn", "subject": PLAN, "to": "approved"}),
]
START: Entry = (
    Kind.BROADCAST_START, "sender",
    {"b": 1, "revision": TEXT, "authority": PLAN, "authority_kind": "plan", "channels": ["sms"],
     "texts": {"sms/vi": SAID}, "campaign": "mbn", "senders": {"sms": "UBND"}, "group": "border"},
)  # fmt: skip
PLANNED_ROW: Entry = (
    Kind.BROADCAST_PLAN, "scheduler",
    {"b": 1, "campaign": "mbn", "schedule": "daily", "local": "2027-07-01T08:00", "message": "hotline-111", "authority": PLAN},
)  # fmt: skip
READY: list[Entry] = [*PEOPLE, SUBMIT, APPROVE, *PLANNED, START]


def intent(d: int, n: int = 1, *, b: int = 1, ch: str = "sms") -> Entry:
    return Kind.ATTEMPT_INTENT, "sender", {"b": b, "d": d, "n": n, "ch": ch, "to": f"{d:064x}"}


def result(d: int, n: int = 1, out: str = "accepted", state: str = "accepted") -> Entry:
    fields = {"d": d, "n": n, "out": out, "state": state, "parts": 1, "price": 830_000_000, "id": f"SM{d}", "code": ""}
    return Kind.ATTEMPT_RESULT, "sender", fields


def orphan(d: int, n: int = 1) -> Entry:
    return Kind.ATTEMPT_ORPHAN, "sender", {"d": d, "n": n, "out": "unknown"}


def receipt(d: int, n: int = 1, state: str = "delivered") -> Entry:
    return Kind.ATTEMPT_RECEIPT, "sender", {"d": d, "n": n, "state": state}


def reconcile(d: int, n: int = 1, state: str = "retry_wait", evidence: str = "look-up, twice") -> Entry:
    return Kind.ATTEMPT_RECONCILE, "sender", {"d": d, "n": n, "state": state, "evidence": evidence}


def resend(d: int, asked_by: str = "lan", signed_by: str = "minh") -> Entry:
    return Kind.DISPATCH_RESEND, signed_by, {"d": d, "reason": "hỏi lại", "asked_by": asked_by, "signed_by": signed_by}


def resolve(d: int, state: str, asked_by: str = "lan", signed_by: str = "minh") -> Entry:
    return Kind.DISPATCH_RESOLVE, signed_by, {"d": d, "state": state, "asked_by": asked_by, "signed_by": signed_by}


def stop(number: int, scope: str = "everything", subject: str = "", until: str = "") -> Entry:
    return Kind.STOP_SET, "lan", {"stop": number, "scope": scope, "subject": subject, "reason": "sai", "until": until}


def lift(number: int, asked_by: str = "lan", signed_by: str = "minh") -> Entry:
    return Kind.STOP_LIFT, signed_by, {"stop": number, "asked_by": asked_by, "signed_by": signed_by}


HONEST: list[Entry] = [
    *READY,
    (Kind.BROADCAST_EXPAND, "sender", {"b": 1, "channel": "sms", "n": 8, "states": {"planned": 7, "suppressed": 1}}),
    intent(1), result(1), receipt(1),
    intent(2), result(2, out="throttled", state="planned"), intent(2, 2), result(2, 2),
    intent(3), result(3, out="not_accepted", state="retry_wait"), intent(3, 2), result(3, 2, out="refused", state="failed"),
    intent(4), orphan(4), reconcile(4, state="unresolved", evidence="hết hạn"), resend(4), intent(4, 2), result(4, 2),
    stop(1), lift(1),
    intent(5), receipt(5), result(5, out="unknown", state="delivered"),
    (Kind.DISPATCH_CLOSE, "scheduler",
     {"b": 1, "channel": "sms", "state": "expired", "reason": "window", "n": 2, "from": {"planned": 2}}),
    (Kind.BROADCAST_DONE, "sender", {"b": 1, "states": {"accepted": 2, "delivered": 2, "failed": 1}}),
]  # fmt: skip


def tell(database: Database, clock: SteppedClock, entries: list[Entry]) -> None:
    """Write the entries, each in a transaction of its own, a second apart; the text and the plan they name are kept."""
    keep(database, clock)
    for kind, actor, fields in entries:
        clock.move_by(timedelta(seconds=1))
        with store.transaction(database, clock) as tx:
            tx.record(kind, actor, **fields)


def keep(database: Database, clock: SteppedClock) -> None:
    """The rows with the bytes of the text and of the plan."""
    with database.writing() as connection:
        if connection.execute(select(table(Revision).c.hash)).first() is None:
            values = {"message_id": "hotline-111", "category": "hotline", "created_at": clock.now()}
            connection.execute(insert(table(Revision)).values(hash=TEXT, canonical=TEXT_RAW, **values))
            plan = {"campaign_id": "mbn", "headcount": 5, "created_at": clock.now()}
            connection.execute(insert(table(Plan)).values(hash=PLAN, canonical=PLAN_RAW, **plan))


def sign(
    database: Database, clock: SteppedClock, folder: Path, key: checkpoint.SigningKey = KEY
) -> checkpoint.Checkpoint:
    return checkpoint.make(database, clock, key=key, origin=ORIGIN, folder=folder)


def export_to(
    target: Path,
    database: Database,
    clock: SteppedClock,
    folder: Path,
    key: checkpoint.SigningKey = KEY,
    **more: Any,
) -> export.Export:
    return export.write(
        database, clock, target=target, actor="console:root", key=key, origin=ORIGIN, checkpoints=folder, **more
    )  # fmt: skip


PDF = b"%PDF-1.7 signed by hand\n"
SIGNED: Entry = (
    Kind.REPORT_SIGN, "minh",
    {"campaign": "mbn", "sha256": sha256(PDF).hexdigest(), "number": "12/BC-VP", "day": "2027-09-18", "complete": True},
)  # fmt: skip


def time_stamp(note: bytes) -> bytes:
    """What of an authority's answer the programs of a bundle look at, around a checkpoint's hash; test_stamp.py has real ones."""
    algorithm = bytes.fromhex("300d06096086480165030402010500")
    imprint = b"\x30\x31" + algorithm + b"\x04\x20" + sha256(note).digest()
    told = b"\x02\x01\x01\x06\x04\x2a\x03\x04\x01" + imprint + b"\x02\x01\x07\x18\x0f20270701020304Z"
    return b"\x30\x82\x00\x60\x30\x03\x02\x01\x00\x30" + bytes([len(told)]) + told


# What a report says of the whole story, counted by hand.
PRICE: Entry = (Kind.SETTINGS_SEEN, "sender", {"channel": "sms", "price": 830_000_000, "currency": "VND"})
TALE: list[Entry] = [PRICE, PLANNED_ROW, *HONEST]
NONE = dict.fromkeys(
    ("planned", "sending", "retry_wait", "unknown", "accepted", "delivered", "undelivered", "failed", "unresolved", "expired",
     "cancelled", "suppressed"), 0)  # fmt: skip
STATES = {**NONE, "accepted": 2, "delivered": 2, "failed": 1, "expired": 2, "suppressed": 1}
COUNT = {"planned": 8, "states": STATES}
REPORT: dict[str, Any] = {
    "campaign": "mbn", "title": "Phòng, chống mua bán người", "planned": 8, "final": 8, "open": 0, "complete": True,
    "states": STATES, "by_channel": {"sms": COUNT}, "by_day": {"2027-07-01": COUNT}, "by_schedule": {"daily": COUNT},
    "by_form": {"sms": COUNT}, "cost": {"amount": "2490", "currency": "VND"}, "other_costs": [],
}  # fmt: skip
