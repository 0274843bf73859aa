"""The register of what carriers report back of a text to everybody, which a letter asked them for. It only grows.

These are the carriers' own counts, which nobody here can check: the report shows them apart, and never adds them to its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from broadcaster.activity.activity import NAME_LIMIT, NOTE_LIMIT
from broadcaster.db.tables import CarrierReply, table
from broadcaster.errors import Conflict, NotFound, WrongUse
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction

REPLY = table(CarrierReply)
MOST = 500_000_000  # subscribers; the country has some 120 million mobile ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The form that comes back with the letter."""

    carrier: str
    campaign: str
    asked: int  # subscribers it was sent to
    reached: int
    failed: int
    since: date
    until: date
    revision: str = ""
    note: str = ""
    attachment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    id: int
    reply: Reply
    by: str
    at: datetime
    corrects: int | None


def check(reply: Reply, *, today: date) -> Reply:
    """Raises: WrongUse with what to write instead."""
    for text, limit in ((reply.carrier, NAME_LIMIT), (reply.note, NOTE_LIMIT)):
        if len(text) > limit or any(not letter.isprintable() and letter != "\n" for letter in text):
            raise WrongUse(f"A text is longer than {limit} characters or holds control characters; shorten it.")
    if not reply.carrier:
        raise WrongUse("Say which carrier reports.")
    if any(not 0 <= n <= MOST for n in (reply.asked, reply.reached, reply.failed)) or not reply.asked:
        raise WrongUse("The subscribers are a number from 1 to 500,000,000, and the others are not below 0.")
    if reply.reached + reply.failed > reply.asked:
        raise WrongUse(
            f"{reply.reached} sent and {reply.failed} not sent are more than {reply.asked} subscribers; ask the carrier."
        )
    if not reply.since <= reply.until <= today:
        raise WrongUse("The days are the first and the last one of the sending, and have come.")
    if reply.revision and (len(reply.revision) != 64 or not set(reply.revision) <= set("0123456789abcdef")):
        raise WrongUse("The revision is the 64 hex digits of the letter.")
    return reply


def add(tx: Transaction, reply: Reply, *, by: str, corrects: int | None = None) -> int:
    """Keep a carrier's report; its number. Raises: NotFound, Conflict when `corrects` is not there or was corrected before."""
    if corrects is not None:
        if tx.connection.scalar(select(REPLY.c.id).where(REPLY.c.id == corrects)) is None:
            raise NotFound(f"There is no carrier's report {corrects}; see `broadcaster activity carriers`.")
        if (other := tx.connection.scalar(select(REPLY.c.id).where(REPLY.c.corrects == corrects))) is not None:
            raise Conflict(f"Report {corrects} was corrected by {other}; correct that one.")
    row = {
        "campaign_id": reply.campaign, "carrier": reply.carrier, "revision": reply.revision, "asked": reply.asked,
        "reached": reply.reached, "failed": reply.failed, "since": reply.since, "until": reply.until, "note": reply.note,
        "attachment": reply.attachment, "corrects": corrects, "by": by, "at": tx.now,
    }  # fmt: skip
    number = int(tx.connection.execute(insert(REPLY).values(row).returning(REPLY.c.id)).scalar_one())
    tx.record(
        Kind.CARRIER_REPLY, by, id=number, campaign=reply.campaign, carrier=reply.carrier, revision=reply.revision,
        asked=reply.asked, reached=reply.reached, failed=reply.failed, corrects=corrects or 0,
        attachment=reply.attachment,
    )  # fmt: skip
    return number


def standing(connection: Connection, *, campaign: str | None = None, until: datetime | None = None) -> list[Kept]:
    """What counts: reports that no other has corrected; `until`: as it stood then."""
    corrected = select(REPLY.c.corrects).where(REPLY.c.corrects.is_not(None))
    if until is not None:
        corrected = corrected.where(REPLY.c.at <= until)
    query = select(REPLY).where(REPLY.c.id.not_in(corrected))
    if campaign is not None:
        query = query.where(REPLY.c.campaign_id == campaign)
    if until is not None:
        query = query.where(REPLY.c.at <= until)
    return [_kept(row) for row in connection.execute(query.order_by(REPLY.c.since, REPLY.c.carrier, REPLY.c.id))]


def _kept(row: Any) -> Kept:
    reply = Reply(
        carrier=row.carrier, campaign=row.campaign_id, asked=row.asked, reached=row.reached, failed=row.failed,
        since=row.since, until=row.until, revision=row.revision, note=row.note, attachment=row.attachment,
    )  # fmt: skip
    return Kept(id=row.id, reply=reply, by=row.by, at=row.at, corrects=row.corrects)
