"""The figures of a report out of counted rows. Pure: planned = final + open, always."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from broadcaster.dispatch.dispatch import FINAL, State

MICROS = Decimal(1_000_000)
AD_HOC = "(ad hoc)"  # the schedule of a send that has none; no schedule can be called so


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """So many dispatches of one broadcast over one channel stand in one state."""

    schedule: str  # "" = ad hoc
    day: str  # local date of the broadcast's nominal time, "2027-07-01"
    channel: str
    form: str
    state: State
    n: int
    category: str = ""  # of its message; "" = no revision of it was ever approved


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Dispatches by state; every state is there."""

    states: Mapping[State, int]

    @property
    def planned(self) -> int:
        return sum(self.states.values())

    @property
    def final(self) -> int:
        return sum(n for state, n in self.states.items() if state in FINAL)

    @property
    def open(self) -> int:
        return self.planned - self.final

    def shown(self) -> dict[str, Any]:
        return {"planned": self.planned, "states": {state.value: n for state, n in self.states.items()}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An exact amount."""

    amount: Decimal
    currency: str

    def shown(self) -> dict[str, str]:
        text = f"{self.amount:f}"
        return {"amount": text.rstrip("0").rstrip(".") if "." in text else text, "currency": self.currency}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a report must know of its campaign besides the counts."""

    campaign: str
    title: str
    currency: str  # the campaign's own, "" if its plan names none
    ended: bool  # done, cancelled, or its last day is over
    waiting: int  # broadcasts that are not closed: their dispatches may not all be there yet
    by_one_alone: int  # approvals behind it that one person gave alone, where the office's setting allows it
    possibly_both: int = 0  # people who may have got a broadcast over two channels: the first sent no receipt
    fell_back: int = 0  # dispatches over a second channel, for those the first did not reach
    corrected: int = 0  # broadcasts whose text was wrong and had to be set right
    closed: str = ""  # why a named person closed what nobody can tell any more; "" = it is not closed
    closed_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All of one campaign, at one moment."""

    standing: Standing
    total: Count
    by_channel: Mapping[str, Count]
    by_day: Mapping[str, Count]
    by_week: Mapping[str, Count]  # "2027-W26", after ISO 8601: from Monday to Sunday
    by_category: Mapping[str, Count]
    by_schedule: Mapping[str, Count]
    by_form: Mapping[str, Count]
    costs: tuple[Money, ...]  # the campaign's own currency first; never empty

    @property
    def complete(self) -> bool:
        """Only such a report may call itself final."""
        doubt = self.total.states[State.UNKNOWN] if self.standing.closed else 0
        return self.total.open == doubt and self.standing.waiting == 0 and self.standing.ended

    @property
    def unconfirmed(self) -> int:
        """Dispatches of which nobody can tell whether they were taken."""
        return self.total.states[State.UNKNOWN] + self.total.states[State.UNRESOLVED]

    def shown(self) -> dict[str, Any]:
        """The JSON of `report --format json`."""
        return {
            "campaign": self.standing.campaign,
            "title": self.standing.title,
            "planned": self.total.planned,
            "final": self.total.final,
            "open": self.total.open,
            "complete": self.complete,
            "waiting_broadcasts": self.standing.waiting,
            "two_person": self.standing.by_one_alone == 0,
            "possibly_both": self.standing.possibly_both,
            "fell_back": self.standing.fell_back,
            "corrected": self.standing.corrected,
            "closed_unconfirmed": self.unconfirmed if self.standing.closed else None,
            "states": self.total.shown()["states"],
            "by_channel": _shown(self.by_channel),
            "by_day": _shown(self.by_day),
            "by_week": _shown(self.by_week),
            "by_category": _shown(self.by_category),
            "by_schedule": _shown(self.by_schedule),
            "by_form": _shown(self.by_form),
            "cost": self.costs[0].shown(),
            "other_costs": [money.shown() for money in self.costs[1:]],
        }


def figures(rows: Iterable[Row], *, micros: Mapping[str, int], standing: Standing) -> Figures:
    """Add the rows up. `micros`: currency -> millionths spent on accepted attempts."""
    found = list(rows)
    return Figures(
        standing=standing,
        total=_count(found),
        by_channel=_by(found, lambda row: row.channel),
        by_day=_by(found, lambda row: row.day),
        by_week=_by(found, lambda row: week_of(row.day)),
        by_category=_by(found, lambda row: row.category),
        by_schedule=_by(found, lambda row: row.schedule or AD_HOC),
        by_form=_by(found, lambda row: row.form),
        costs=_costs(micros, standing.currency),
    )


def week_of(day: str) -> str:
    """The ISO 8601 week of a local date: "2027-07-01" -> "2027-W26"."""
    year, week, _ = date.fromisoformat(day).isocalendar()
    return f"{year}-W{week:02d}"


def days_of(week: str) -> tuple[date, date]:
    """Monday and Sunday of a week."""
    year, number = int(week[:4]), int(week[6:])
    return date.fromisocalendar(year, number, 1), date.fromisocalendar(year, number, 7)


def _count(rows: Iterable[Row]) -> Count:
    states = dict.fromkeys(State, 0)
    for row in rows:
        states[row.state] += row.n
    return Count(states=states)


def _by(rows: list[Row], name: Callable[[Row], str]) -> dict[str, Count]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(name(row), []).append(row)
    return {key: _count(groups[key]) for key in sorted(groups)}


def _costs(micros: Mapping[str, int], own: str) -> tuple[Money, ...]:
    """The campaign's currency first, be it 0; without one, the only currency spent, else the đồng."""
    first = own or (next(iter(micros)) if len(micros) == 1 else "VND")
    names = [first, *sorted(name for name, spent in micros.items() if name != first and spent)]
    return tuple(Money(amount=Decimal(micros.get(name, 0)) / MICROS, currency=name) for name in names)


def _shown(groups: Mapping[str, Count]) -> dict[str, Any]:
    return {name: count.shown() for name, count in groups.items()}
