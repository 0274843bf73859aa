"""What a report says beside the dispatches, read: activities, carriers, areas, who owes figures, and the cost four ways."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from broadcaster.activity import carrier, place
from broadcaster.activity.activity import KINDS, Sum, at_risk, sums, twins
from broadcaster.activity.activity import Activity as Done
from broadcaster.activity.bulletin import State as Bulletin
from broadcaster.activity.bulletin_store import totals
from broadcaster.activity.store import standing
from broadcaster.config import Config
from broadcaster.content import files
from broadcaster.errors import BroadcasterError
from broadcaster.plan.planner import forecast
from broadcaster.plan.planner import totals as plan_totals
from broadcaster.plan.reading import survey
from broadcaster.report import cost, store
from broadcaster.report.area import areas, works
from broadcaster.report.cost import Costs
from broadcaster.report.document import Activity, Beside, Carrier, Owed
from broadcaster.report.figures import Figures, Money
from broadcaster.report.retake import Taken
from broadcaster.report.words import VI, Speech
from broadcaster.schedule import store as schedules
from broadcaster.schedule.files import find


def activities_of(
    connection: Connection, campaign: str, taken: Taken | None = None, *, say: Speech = VI
) -> list[Activity]:
    """What was done beside the dispatches, by form: the register, and bulletins communes said they had read."""
    entered = [_summed(one, say) for one in sums(_register(connection, campaign, taken))]
    return [*entered, *_played(connection, campaign, taken, say)]


def _register(connection: Connection, campaign: str, taken: Taken | None) -> list[Done]:
    return [kept.activity for kept in standing(connection, campaign=campaign, until=taken.at if taken else None)]


def _summed(one: Sum, say: Speech) -> Activity:
    heading, unit = KINDS[one.kind]
    form = say("{heading} ({unit})", heading=say(heading), unit=say(unit))
    return Activity(form=form, times=one.times, units=one.units, minutes=one.minutes, participants=one.participants)


def _played(connection: Connection, campaign: str, taken: Taken | None, say: Speech) -> list[Activity]:
    """Confirmed bulletins: a line of its own, beside what the register holds."""
    if taken:
        times, plays, minutes = taken.bulletins, taken.plays, taken.minutes
    else:
        counted = totals(connection, campaign=campaign)
        times, plays, minutes = counted.states[Bulletin.PLAYED.value], counted.plays, counted.minutes
    if not plays:
        return []
    heading, unit = KINDS["loudspeaker"]
    form = say("{heading}, bản tin được xác nhận đã phát ({unit})", heading=say(heading), unit=say(unit))
    return [Activity(form=form, times=times, units=plays, minutes=minutes, participants=0)]


def beside_of(connection: Connection, figures: Figures, taken: Taken | None, say: Speech) -> Beside:
    """Everything but the cost. Of an earlier cut-off only what is known of the past."""
    campaign = figures.standing.campaign
    register = _register(connection, campaign, taken)
    found = Beside(
        activities=tuple(activities_of(connection, campaign, taken, say=say)),
        at_risk=tuple(at_risk(register)),
        carriers=tuple(_carriers(connection, campaign, taken)),
    )
    if taken:
        return found
    places = place.everywhere(connection)
    board = place.board(connection, campaign) if places else []
    return replace(
        found,
        areas=tuple(areas(store.by_commune(connection, campaign), places, figures)),
        works=tuple(works(register, store.plays_by_commune(connection, campaign), places)),
        owed=Owed(places=len(board), told=sum(one.state != "none" for one in board)) if board else None,
        doubled=doubled(connection, campaign),
    )


def doubled(connection: Connection, campaign: str) -> int:
    """Entries of the register that may have been entered twice, or that a confirmed bulletin counts as well."""
    kept = standing(connection, campaign=campaign)
    twice = sum(len(same) - 1 for same in twins((one.id, one.activity) for one in kept))
    return twice + len(place.doubled_plays(connection, campaign))


def _carriers(connection: Connection, campaign: str, taken: Taken | None) -> list[Carrier]:
    kept = carrier.standing(connection, campaign=campaign, until=taken.at if taken else None)
    return [
        Carrier(
            name=one.carrier, asked=one.asked, reached=one.reached, failed=one.failed, since=one.since, until=one.until
        )
        for one in (row.reply for row in kept)
    ]


def whole(
    connection: Connection, config: Config, figures: Figures, taken: Taken | None, *, now: datetime, say: Speech
) -> Beside:
    """All of it, the table of costs included."""
    beside = beside_of(connection, figures, taken, say)
    costs = costs_of(connection, config, figures, taken, now=now)
    return replace(beside, cost=cost.cost_table(costs, figures, say=say)) if costs else beside


def costs_of(
    connection: Connection, config: Config, figures: Figures, taken: Taken | None, *, now: datetime
) -> Costs | None:
    """The cost four ways, as it stands now; None of an earlier cut-off."""
    campaign = figures.standing.campaign
    if taken:
        return None
    return Costs(
        planned=_forecast(connection, config, campaign, now),
        computed=figures.costs,
        billed=cost.billed(connection, campaign),
        agreed=cost.agreed(config.contracts, campaign, store.parts_by_channel(connection, campaign)),
    )


def _forecast(connection: Connection, config: Config, campaign: str, now: datetime) -> tuple[Money, ...] | None:
    """What the plan in force costs, or the file's as long as none was approved; None if it cannot be told."""
    row = schedules.campaign(connection, campaign)
    try:
        spec = (
            schedules.plan(connection, row.plan_hash).campaign
            if row
            else find(config.path(config.folders.schedules), campaign, config)
        )
        library = files.load(config.path(config.folders.content))
        rows = forecast(spec, survey(connection, config, library, spec, now=now))
    except BroadcasterError:
        return None
    return tuple(Money(amount=Decimal(one["amount"]), currency=one["currency"]) for one in plan_totals(rows)["cost"])
