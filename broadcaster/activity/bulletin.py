"""What becomes of a bulletin after a commune was given it: offered, planned, played or not; and how people may say so. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from broadcaster.errors import Conflict, WrongUse

PLAYS_MOST = 60  # in one word about one bulletin: a month, twice a day
EARLY = timedelta(hours=1)  # clocks differ: a play this long before the package was made is still believed
LINK_FOR = timedelta(days=60)  # after its broadcast a bulletin's link opens nothing any more


class State(StrEnum):
    """Where a bulletin stands."""

    OFFERED = "offered"  # the package was handed over; nobody has said anything
    SCHEDULED = "scheduled"  # the officer means to play it
    PLAYED = "played"
    NOT_PLAYED = "not_played"
    RECALLED = "recalled"  # taken back before it was played


class Road(StrEnum):
    """How the word came."""

    LINK = "link"  # the officer's one-use link or its QR code
    SHEET = "sheet"  # the weekly tick sheet
    TELEPHONE = "telephone"  # staff wrote it down on the officer's behalf


OPEN = frozenset({State.OFFERED, State.SCHEDULED})
# A database trigger holds the same table. Who corrects a word that was said: staff only, and the ledger keeps both.
MOVES: frozenset[tuple[State, State]] = frozenset(
    {
        (State.OFFERED, State.SCHEDULED),
        (State.OFFERED, State.PLAYED),
        (State.OFFERED, State.NOT_PLAYED),
        (State.OFFERED, State.RECALLED),
        (State.SCHEDULED, State.OFFERED),
        (State.SCHEDULED, State.PLAYED),
        (State.SCHEDULED, State.NOT_PLAYED),
        (State.SCHEDULED, State.RECALLED),
        (State.PLAYED, State.NOT_PLAYED),
        (State.NOT_PLAYED, State.PLAYED),
        (State.NOT_PLAYED, State.RECALLED),
    }
)

REASONS = {
    "power": "mất điện",
    "broken": "thiết bị hỏng",
    "network": "mất kết nối, không nhận được bản tin",
    "weather": "thiên tai, thời tiết",
    "urgent": "nhường cho tin khẩn cấp",
    "late": "nhận bản tin muộn",
    "wrong": "nội dung không phù hợp địa bàn",
    "nobody": "không có người vận hành",
    "other": "lý do khác",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What is said about one bulletin. Free text is not taken: it could hold somebody's name."""

    state: State  # scheduled, played or not_played
    at: datetime | None = None  # aware; when it was, or is to be, played first
    plays: int = 0  # times it was read, for `played`
    reason: str = ""  # a key of REASONS, for `not_played`


def check(word: Word, *, issued: datetime, now: datetime) -> Word:
    """The word, if it can be true. Raises: WrongUse with what to write."""
    if word.state not in (State.SCHEDULED, State.PLAYED, State.NOT_PLAYED):
        raise WrongUse("Say one of: scheduled, played, not_played.")
    if word.state is State.PLAYED and not 1 <= word.plays <= PLAYS_MOST:
        raise WrongUse(f"How often was it played? A number from 1 to {PLAYS_MOST}.")
    if word.state is State.NOT_PLAYED and word.reason not in REASONS:
        raise WrongUse(f"Why was it not played? One of: {', '.join(REASONS)}.")
    if word.state is State.SCHEDULED and word.at is None:
        raise WrongUse("When is it to be played? Give the day and the hour.")
    if word.at is not None and word.at < issued - EARLY:
        raise WrongUse("That is before the bulletin was handed over; check the day.")
    if word.state is State.PLAYED and word.at is not None and word.at > now + EARLY:
        raise WrongUse("That has not come yet; say it when it was played.")
    if word.at is not None and word.at > issued + LINK_FOR:
        raise WrongUse(f"That is more than {LINK_FOR.days} days after the broadcast; check the day.")
    return word


def may(was: State, becomes: State, *, road: Road) -> None:
    """Raises: Conflict if this word may not follow what stands: one that was said is final for everybody but staff."""
    if was is becomes and was in (State.SCHEDULED, State.PLAYED, State.NOT_PLAYED) and road is Road.TELEPHONE:
        return  # the same, said again more exactly
    if was is State.SCHEDULED and becomes is State.SCHEDULED:
        return
    if (was, becomes) not in MOVES or (was not in OPEN and road is not Road.TELEPHONE):
        raise Conflict(
            f"This bulletin already stands as {was.value}; only the office can change that now, by telephone."
        )


def week_of(day: date) -> str:
    """The ISO week as links name it: `2027-w27`."""
    year, week, _ = day.isocalendar()
    return f"{year}-w{week:02d}"


def days_of(week: str) -> tuple[date, date]:
    """Monday of the week, and the Monday after. Raises: WrongUse."""
    try:
        first = date.fromisocalendar(int(week[:4]), int(week[6:]), 1)
    except ValueError:
        raise WrongUse(f"{week!r:.20} is no week; write it like 2027-w27.") from None
    return first, first + timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What the report counts."""

    states: Mapping[str, int]  # every state -> bulletins
    plays: int
    seconds: int  # of sound, all plays together
    communes: int  # that played at least once

    @property
    def minutes(self) -> int:
        """Rounded down: a report claims no more than was played."""
        return self.seconds // 60
