"""The register in the database: rows are added, never changed; a row that corrects another stands in its place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from broadcaster.access import hold
from broadcaster.activity.activity import Activity
from broadcaster.db.tables import ActivityRow, table
from broadcaster.errors import Conflict, NotFound
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction

ACTIVITY = table(ActivityRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An entry with its place in the register."""

    id: int
    activity: Activity
    by: str
    source: str  # by which road it came: "staff", "import", "link"
    at: datetime
    corrects: int | None
    void: bool  # it takes the corrected one back and counts nothing itself


def add(
    tx: Transaction, found: Sequence[Activity], *, by: str, source: str, corrects: int | None = None, void: bool = False
) -> list[int]:
    """Keep activities; their ids, in order. Raises: NotFound, Conflict when `corrects` is not there or was corrected before."""
    if corrects is not None:
        _refuse_corrected(tx.connection, corrects)
    numbers = []
    for one in found:
        try:
            row = insert(ACTIVITY).values(_row(one, tx, by, source, corrects, void)).returning(ACTIVITY.c.id)
            numbers.append(int(tx.connection.execute(row).scalar_one()))
        except IntegrityError:
            raise Conflict(f"Activity {corrects} was corrected just now; look at it again.") from None
        tx.record(
            Kind.ACTIVITY_ADD, by, id=numbers[-1], activity=one.kind, day=one.day.isoformat(), campaign=one.campaign,
            units=one.units, minutes=one.minutes, participants=one.participants, corrects=corrects or 0, void=void,
            source=source, attachment=one.attachment, digest=digest(one),
        )  # fmt: skip
    return numbers


def erase_attachment(tx: Transaction, number: int, *, by: str) -> str:
    """Note that the file of an entry is erased; its SHA-256, for whoever removes it.

    Raises: NotFound; Conflict while any campaign with that file in it is under a legal hold.
    """
    found = get(tx.connection, number).activity.attachment
    if not found:
        raise NotFound(f"Activity {number} has no photo or PDF.")
    campaigns = tx.connection.scalars(select(ACTIVITY.c.campaign_id).where(ACTIVITY.c.attachment == found).distinct())
    hold.refuse(tx.connection, *campaigns, doing="The file is not erased")
    tx.record(Kind.ACTIVITY_ERASE, by, id=number, attachment=found)
    return found


def digest(activity: Activity) -> str:
    """SHA-256 of everything the entry says, so that what is not in the ledger itself cannot be changed unseen either."""
    said = [
        activity.kind, activity.day.isoformat(), activity.commune, activity.campaign, activity.units, activity.minutes,
        activity.participants, sorted(activity.at_risk.items()), activity.note, activity.attachment,
    ]  # fmt: skip
    return sha256(json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


def get(connection: Connection, number: int) -> Kept:
    """Raises: NotFound."""
    row = connection.execute(select(ACTIVITY).where(ACTIVITY.c.id == number)).one_or_none()
    if row is None:
        raise NotFound(f"There is no activity {number}; see `broadcaster activity list`.")
    return _kept(row)


def standing(
    connection: Connection, *, campaign: str | None = None, commune: str | None = None, until: datetime | None = None
) -> list[Kept]:
    """What counts: entries that no other has corrected and that take nothing back, by day; `until`: as it stood then."""
    corrected = select(ACTIVITY.c.corrects).where(ACTIVITY.c.corrects.is_not(None))
    if until is not None:
        corrected = corrected.where(ACTIVITY.c.at <= until)
    query = select(ACTIVITY).where(ACTIVITY.c.void.is_(False), ACTIVITY.c.id.not_in(corrected))
    if campaign is not None:
        query = query.where(ACTIVITY.c.campaign_id == campaign)
    if commune is not None:
        query = query.where(ACTIVITY.c.commune == commune)
    if until is not None:
        query = query.where(ACTIVITY.c.at <= until)
    return [_kept(row) for row in connection.execute(query.order_by(ACTIVITY.c.day, ACTIVITY.c.id))]


def _refuse_corrected(connection: Connection, number: int) -> None:
    if get(connection, number).void:
        raise Conflict(f"Activity {number} only takes another one back; add a new one instead.")
    by = connection.scalar(select(ACTIVITY.c.id).where(ACTIVITY.c.corrects == number))
    if by is not None:
        raise Conflict(f"Activity {number} was corrected by {by}; correct that one.")


def _row(one: Activity, tx: Transaction, by: str, source: str, corrects: int | None, void: bool) -> dict[str, Any]:
    return {
        "campaign_id": one.campaign, "kind": one.kind, "day": one.day, "commune": one.commune, "units": one.units,
        "minutes": one.minutes, "participants": one.participants,
        "at_risk": json.dumps(dict(sorted(one.at_risk.items())), ensure_ascii=False), "note": one.note,
        "attachment": one.attachment, "corrects": corrects, "void": void, "by": by, "source": source, "at": tx.now,
    }  # fmt: skip


def _kept(row: Any) -> Kept:
    activity = Activity(
        kind=row.kind, day=row.day, commune=row.commune, campaign=row.campaign_id, units=row.units,
        minutes=row.minutes, participants=row.participants, at_risk=json.loads(row.at_risk), note=row.note,
        attachment=row.attachment,
    )  # fmt: skip
    return Kept(
        id=row.id, activity=activity, by=row.by, source=row.source, at=row.at, corrects=row.corrects, void=row.void
    )
