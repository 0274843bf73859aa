"""One dispatch: its states, every move it may make, its references, and what an answer makes of it. Pure."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

import msgspec

from broadcaster.channel.base import (
    Accepted,
    Misconfigured,
    NotAccepted,
    OutcomeUnknown,
    Refused,
    SendError,
    Throttled,
)
from broadcaster.errors import NotFound


class State(StrEnum):
    """Where a dispatch stands."""

    PLANNED = "planned"  # due, nothing left
    SENDING = "sending"  # the intent is on disk; a request may have left
    RETRY_WAIT = "retry_wait"  # certainly not accepted; again after `not_before`
    UNKNOWN = "unknown"  # perhaps accepted; only evidence or two people move it
    ACCEPTED = "accepted"  # the provider took it
    DELIVERED = "delivered"  # the provider says it arrived
    UNDELIVERED = "undelivered"  # the provider says it did not
    FAILED = "failed"  # definitely refused, or out of attempts
    UNRESOLVED = "unresolved"  # nobody could say in time
    EXPIRED = "expired"  # its time passed first
    CANCELLED = "cancelled"  # taken back before it was sent
    SUPPRESSED = "suppressed"  # opted out, no consent, over the cap


OPEN = frozenset({State.PLANNED, State.SENDING, State.RETRY_WAIT, State.UNKNOWN})
FINAL = frozenset(State) - OPEN
COUNTED = (
    State.SENDING,
    State.UNKNOWN,
    State.ACCEPTED,
    State.DELIVERED,
    State.UNDELIVERED,
    State.UNRESOLVED,
)  # by the cap

# (from, to): who moves it, and why. A database trigger holds the same table; any other move is refused there.
MOVES: dict[tuple[State, State], str] = {
    (State.PLANNED, State.SENDING): "lane: the intent, just before the request",
    (State.PLANNED, State.EXPIRED): "tick: its time passed",
    (State.PLANNED, State.CANCELLED): "operator, or the approval was withdrawn",
    (State.PLANNED, State.SUPPRESSED): "opt-out, erasure, or the cap at the intent",
    (State.PLANNED, State.UNKNOWN): "restore of an older backup: it may have gone out since",
    (State.SENDING, State.ACCEPTED): "lane: the provider took it",
    (State.SENDING, State.DELIVERED): "a receipt came before the answer",
    (State.SENDING, State.UNDELIVERED): "a receipt came before the answer",
    (State.SENDING, State.RETRY_WAIT): "lane: certainly not accepted",
    (State.SENDING, State.FAILED): "lane: refused, or out of attempts",
    (State.SENDING, State.UNKNOWN): "lane: no answer; or start: the sender died",
    (State.SENDING, State.PLANNED): "lane: throttled, misconfigured, or not begun",
    (State.RETRY_WAIT, State.PLANNED): "lane: its wait is over",
    (State.RETRY_WAIT, State.FAILED): "out of attempts",
    (State.RETRY_WAIT, State.EXPIRED): "tick: its time passed",
    (State.RETRY_WAIT, State.CANCELLED): "operator, or the approval was withdrawn",
    (State.RETRY_WAIT, State.SUPPRESSED): "opt-out or erasure",
    (State.UNKNOWN, State.ACCEPTED): "evidence: callback, look-up, idempotency key",
    (State.UNKNOWN, State.DELIVERED): "evidence: receipt",
    (State.UNKNOWN, State.UNDELIVERED): "evidence: receipt",
    (State.UNKNOWN, State.RETRY_WAIT): "evidence that it was not accepted, or the target de-duplicates",
    (State.UNKNOWN, State.UNRESOLVED): "the deadline passed, or two people gave up",
    (State.UNRESOLVED, State.PLANNED): "two people said: again",
    (State.UNRESOLVED, State.ACCEPTED): "late proof",
    (State.UNRESOLVED, State.DELIVERED): "late proof",
    (State.UNRESOLVED, State.UNDELIVERED): "late proof",
    (State.ACCEPTED, State.DELIVERED): "receipt",
    (State.ACCEPTED, State.UNDELIVERED): "receipt",
    (State.UNDELIVERED, State.DELIVERED): "a better receipt: rank only goes up",
}


def attempt_key(office: str, dispatch: int, n: int, secret: bytes) -> str:
    """The reference a provider gets: office, dispatch, attempt and 8 hex of an HMAC; at most 48 ASCII characters."""
    stem = f"{office}-{dispatch}-{n}"
    return f"{stem}-{hmac.digest(secret, stem.encode(), sha256).hex()[:8]}"


def read_attempt_key(key: str, secret: bytes) -> tuple[int, int] | None:
    """(dispatch, n) of a reference that is ours, else None."""
    parts = key.split("-")
    if len(parts) != 4 or not (parts[1].isdigit() and parts[2].isdigit()):
        return None
    office, dispatch, n = parts[0], int(parts[1]), int(parts[2])
    return (dispatch, n) if hmac.compare_digest(attempt_key(office, dispatch, n, secret), key) else None


def dedupe_key(office: str, dispatch: int) -> str:
    """The same on every attempt of one dispatch."""
    return f"{office}-d{dispatch}"


def public_id(dispatch: int) -> str:
    """Sorts as text."""
    return f"d-{dispatch:010d}"


def read_public_id(text: str) -> int:
    """Raises: NotFound for what is no dispatch id."""
    if not text.startswith("d-") or not text[2:].isascii() or not text[2:].isdigit() or len(text) > 20:
        raise NotFound(f"{text!r} is no dispatch id; they look like d-0000000042: see `broadcaster dispatch list`.")
    return int(text[2:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often and how long a dispatch that was certainly not accepted is tried again."""

    attempts: int  # tries in all
    first: timedelta
    most: timedelta

    def wait(self, attempts: int, chance: float) -> timedelta:
        """The wait after try number `attempts` (from 1): doubles, and `chance` in [0, 1) spreads it over the upper half."""
        whole = min(self.first * (1 << min(attempts - 1, 30)), self.most)
        return whole / 2 + whole / 2 * chance


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer makes of a dispatch."""

    outcome: str  # accepted | refused | not_accepted | throttled | misconfigured | unknown
    state: State
    provider_id: str = ""
    parts: int = 0
    code: str = ""
    reason: str = ""
    not_before: datetime | None = None
    counts: bool = True  # as an attempt
    suppress: bool = False
    lane_waits: timedelta | None = None  # the whole lane holds still this long
    lane_pauses: str = ""  # the lane is paused for this reason until a person resumes it


def settle(
    answer: Accepted | SendError,
    *,
    attempts: int,
    now: datetime,
    patience: Patience,
    chance: Callable[[], float],
) -> Settled:
    """What becomes of a dispatch after try number `attempts` (from 1). An answer that is none is a lost one."""
    match answer:
        case Accepted() if not _well_formed(answer):
            return Settled(outcome="unknown", state=State.UNKNOWN, reason="The adapter's acceptance cannot be read.")
        case Accepted():
            return Settled(outcome="accepted", state=State.ACCEPTED, provider_id=answer.provider_id, parts=answer.parts)
        case Refused():
            return Settled(
                outcome="refused",
                state=State.FAILED,
                code=_plain(answer.code),
                reason=_plain(str(answer)),
                suppress=answer.suppress,
            )
        case Throttled():
            return Settled(
                outcome="throttled",
                state=State.PLANNED,
                code=_plain(answer.code),
                counts=False,
                lane_waits=min(max(answer.wait, THROTTLE_LEAST), THROTTLE_MOST),
            )
        case Misconfigured():
            return Settled(
                outcome="misconfigured",
                state=State.PLANNED,
                code=_plain(answer.code),
                counts=False,
                lane_pauses=_plain(str(answer)) or "misconfigured",
            )
        case OutcomeUnknown():
            return Settled(outcome="unknown", state=State.UNKNOWN, code=_plain(answer.code), reason=_plain(str(answer)))
        case NotAccepted() if attempts < patience.attempts:
            return Settled(
                outcome="not_accepted", state=State.RETRY_WAIT, code=_plain(answer.code), reason=_plain(str(answer)),
                not_before=now + patience.wait(attempts, chance()),
            )  # fmt: skip
        case NotAccepted():
            reason = f"{_plain(str(answer))} (after {attempts} attempts)"
            return Settled(outcome="not_accepted", state=State.FAILED, code=_plain(answer.code), reason=reason)
    return Settled(outcome="unknown", state=State.UNKNOWN, reason="The adapter gave no answer that can be read.")


THROTTLE_LEAST = timedelta(seconds=1)  # a provider that says "too fast" and names no wait is not asked again at once
THROTTLE_MOST = timedelta(days=1)  # a lane that waits longer is a matter for a person
PARTS_MOST = 1000  # billable parts of one message; more is a broken answer
TEXT_MOST = 300  # characters of a provider's words that are kept


def _well_formed(answer: Accepted) -> bool:
    """Adapters are other people's code: what cannot be stored must not jam the writer."""
    number, name = answer.parts, answer.provider_id
    return isinstance(number, int) and 0 <= number <= PARTS_MOST and isinstance(name, str) and _plain(name) == name


def _plain(text: object) -> str:
    """Storable and short: no lone surrogates, no NUL."""
    return str(text).encode("utf-8", "replace").decode().replace("\x00", "")[:TEXT_MOST]
