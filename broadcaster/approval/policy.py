"""Who may decide about what, and which moves an approval makes. Pure; the database holds the same rules (migration 0001)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from broadcaster.ledger.entry import Kind


class Thing(StrEnum):
    """What an approval can be about: `approval.kind`."""

    REVISION = "revision"
    PLAN = "plan"
    BROADCAST = "broadcast"


# state -> states it may become; every other move is refused
MOVES: dict[str, frozenset[str]] = {
    "submitted": frozenset({"approved", "rejected", "withdrawn", "superseded", "expired"}),
    "approved": frozenset({"withdrawn", "superseded", "expired"}),
    "rejected": frozenset(),
    "withdrawn": frozenset(),
    "superseded": frozenset(),
    "expired": frozenset(),
}

# Every entry also says the new state in `to`: a campaign or a broadcast has no entry kind of its own for each move.
ENTRY: dict[tuple[Thing, str], Kind] = {
    (Thing.REVISION, "submitted"): Kind.MESSAGE_SUBMIT,
    (Thing.REVISION, "approved"): Kind.MESSAGE_APPROVE,
    (Thing.REVISION, "rejected"): Kind.MESSAGE_REJECT,
    (Thing.REVISION, "withdrawn"): Kind.MESSAGE_WITHDRAW,
    (Thing.REVISION, "superseded"): Kind.MESSAGE_SUPERSEDE,
    (Thing.REVISION, "expired"): Kind.MESSAGE_EXPIRE,
    (Thing.PLAN, "submitted"): Kind.CAMPAIGN_SUBMIT,
    (Thing.PLAN, "approved"): Kind.CAMPAIGN_APPROVE,
    (Thing.PLAN, "rejected"): Kind.CAMPAIGN_REJECT,
    (Thing.PLAN, "withdrawn"): Kind.CAMPAIGN_CANCEL,
    (Thing.PLAN, "superseded"): Kind.CAMPAIGN_SUPERSEDE,
    (Thing.PLAN, "expired"): Kind.CAMPAIGN_DONE,
    (Thing.BROADCAST, "submitted"): Kind.BROADCAST_SUBMIT,
    (Thing.BROADCAST, "approved"): Kind.BROADCAST_APPROVE,
    (Thing.BROADCAST, "rejected"): Kind.BROADCAST_REJECT,
    (Thing.BROADCAST, "withdrawn"): Kind.BROADCAST_CANCEL,
    (Thing.BROADCAST, "superseded"): Kind.BROADCAST_CANCEL,
    (Thing.BROADCAST, "expired"): Kind.BROADCAST_EXPIRE,
}

CALLED = {Thing.REVISION: "message", Thing.PLAN: "campaign", Thing.BROADCAST: "broadcast"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One row of the table, with its editors."""

    id: int
    kind: str
    name: str  # message id, campaign id or broadcast id
    subject: str  # hash of exactly what is decided about
    state: str
    submitted_by: str
    submitted_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    reason: str = ""
    ended_by: str | None = None
    ended_at: datetime | None = None
    two_person: bool = True
    decided_for: str | None = None  # the approver on leave in whose place `decided_by` decided
    editors: tuple[str, ...] = ()  # may not approve, like the submitter


def why_not(by: str, *, submitted_by: str, editors: Collection[str], two_person: bool) -> str | None:
    """Why `by` may not approve this, in a sentence that says who may; None if they may."""
    if not two_person:
        return None
    if by == submitted_by:
        return f"{by} submitted this and may not approve it; a second person must."
    if by in editors:
        return (
            f"{by} edited this since it was last approved and may not approve it; somebody who did not write it must."
        )
    return None
