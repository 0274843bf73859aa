"""Figures by area: province, then commune. Pure. The rows and what has no known place add up to the campaign's own total."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from broadcaster.activity.activity import Activity
from broadcaster.activity.place import Named
from broadcaster.dispatch.dispatch import State
from broadcaster.report.figures import Count, Figures

PUBLIC, UNKNOWN = "(công khai)", "(không rõ địa bàn)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """Dispatches to one commune; `province` is "" where the office's list does not say."""

    province: str
    name: str
    count: Count

    def shown(self) -> dict[str, Any]:
        return {"province": self.province, "name": self.name, **self.count.shown()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What was done in one commune, by the register and by confirmed bulletins."""

    province: str
    name: str
    times: int  # entries of the register
    plays: int  # on the loudspeaker
    minutes: int
    participants: int

    def shown(self) -> dict[str, Any]:
        return {
            "province": self.province, "name": self.name, "times": self.times, "plays": self.plays,
            "minutes": self.minutes, "participants": self.participants,
        }  # fmt: skip


def areas(found: Mapping[str | None, Mapping[State, int]], places: Iterable[Named], figures: Figures) -> list[Area]:
    """`found`: commune ("" not known, None a public address) -> states. By province and name, what has no place last.

    Broadcasts that expired before they had recipients by name are among the unknown, so that the sum is the total.
    """
    provinces = {one.name: one.province for one in places}
    counted = [
        Area(province=provinces.get(name, ""), name=name, count=_whole(states))
        for name, states in found.items()
        if name
    ]
    counted.sort(key=lambda one: (not one.province, one.province, one.name))
    public, unknown = _whole(found.get(None, {})), _whole(found.get("", {}))
    told = [*(one.count for one in counted), public, unknown]
    rest = {
        state: unknown.states[state] + max(0, n - sum(one.states[state] for one in told))
        for state, n in figures.total.states.items()
    }
    last = [
        Area(province="", name=name, count=count) for name, count in ((PUBLIC, public), (UNKNOWN, Count(states=rest)))
    ]
    return [*counted, *(one for one in last if one.count.planned)]


def works(activities: Iterable[Activity], plays: Mapping[str, tuple[int, int]], places: Iterable[Named]) -> list[Work]:
    """`plays`: commune -> plays of confirmed bulletins, and their seconds."""
    provinces = {one.name: one.province for one in places}
    by_name: dict[str, list[Activity]] = {}
    for one in activities:
        by_name.setdefault(one.commune, []).append(one)
    made = [_work(name, by_name.get(name, []), plays.get(name, (0, 0)), provinces) for name in {*by_name, *plays}]
    return sorted(made, key=lambda one: (not one.province, one.province, one.name == UNKNOWN, one.name))


def _work(name: str, done: list[Activity], played: tuple[int, int], provinces: Mapping[str, str]) -> Work:
    plays, seconds = played
    return Work(
        province=provinces.get(name, ""), name=name or UNKNOWN, times=len(done),
        plays=plays + sum(one.units for one in done if one.kind == "loudspeaker"),
        minutes=round(seconds / 60) + sum(one.minutes for one in done),
        participants=sum(one.participants for one in done),
    )  # fmt: skip


def _whole(states: Mapping[State, int]) -> Count:
    return Count(states={state: states.get(state, 0) for state in State})
