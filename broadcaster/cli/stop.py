"""`broadcaster stop` and `broadcaster resume`: one person stops, two people resume."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from broadcaster.cli.session import Session, command, emit, json_option

if TYPE_CHECKING:
    from sqlalchemy import Connection


@click.group()
def _root() -> None: ...


@command(_root, "stop")
@click.option("--reason", default="", help="Why; it stands in the ledger.")
@click.option("--campaign", default=None, help="Only this campaign.")
@click.option("--channel", default=None, help="Only this channel.")
@click.option("--area", "areas", multiple=True, help="Only people of this commune; may be repeated.")
@click.option(
    "--until", default=None, metavar="T", help="The stop ends by itself at this local time, like 2027-07-30T07:00."
)
@click.option("--list", "only_list", is_flag=True, help="Show the stops in force; set none.")
@json_option
def stop(
    session: Session,
    reason: str,
    campaign: str | None,
    channel: str | None,
    areas: tuple[str, ...],
    until: str | None,
    only_list: bool,
    as_json: bool,
) -> None:
    """Nothing in its scope is sent any more, from this moment; without a scope: nothing at all."""
    from broadcaster.access.user import Act
    from broadcaster.approval.store import reason_of
    from broadcaster.dispatch import stop as stops
    from broadcaster.dispatch import store
    from broadcaster.errors import WrongUse
    from broadcaster.schedule.scope import check

    if only_list:
        with session.read() as connection:
            rows = [_shown(one) for one in stops.standing(connection, session.clock.now())]
        emit(rows, as_json=as_json, columns=("stop", "scope", "subject", "reason", "until", "set_by"))
        return
    given = [
        (scope, subjects)
        for scope, subjects in (("campaign", [campaign]), ("channel", [channel]), ("area", [*dict.fromkeys(areas)]))
        if any(subjects)
    ]
    if len(given) > 1:
        raise WrongUse("One scope a stop: --campaign, --channel or --area; several stops may stand at once.")
    scope, subjects = given[0] if given else ("everything", [""])
    actor = session.actor(Act.STOP_SET)
    with session.read() as connection:
        for subject in subjects:
            check(connection, session.config, scope, subject or "")
    reason = reason_of(reason)
    with session.write() as tx:
        ends = _until(session, until)
        numbers = [
            stops.set_(tx, scope=scope, subject=one or "", reason=reason, until=ends, by=actor) for one in subjects
        ]
    with session.read() as connection:
        flying = store.open_by_state(connection).get("sending", 0)
    lift = " ".join(map(str, numbers))
    session.say(f"Stopped; {flying} requests were in flight. Two people lift it: broadcaster resume {lift} --as USER")
    emit({"stop": numbers[0], "stops": numbers, "state": "set", "in_flight": flying}, as_json=as_json)


@command(_root, "resume")
@click.argument("numbers", metavar="[STOP]...", type=int, nargs=-1)
@json_option
def resume(session: Session, numbers: tuple[int, ...], as_json: bool) -> None:
    """Lift stops. The first person is shown what would go out and asks; a second one repeats the command."""
    from broadcaster.access import countersign
    from broadcaster.access.user import Act
    from broadcaster.dispatch import stop as stops

    actor = session.actor(Act.STOP_LIFT)
    with session.write() as tx:
        standing = {one.id: one for one in stops.standing(tx.connection, tx.now)}
        chosen = _chosen(standing, numbers)
        would: Counter[str] = Counter()
        for one in chosen:
            would.update(_would_go_out(tx.connection, one, tx.now))
        said = [
            countersign.ask_or_sign(tx, act="stop.lift", subject=f"stop {one.id}", by=actor, takes=Act.STOP_LIFT)
            for one in chosen
        ]
        for one, half in zip(chosen, said, strict=True):
            if isinstance(half, countersign.Signed):
                stops.lift(tx, one.id, asked_by=half.asked_by, signed_by=half.signed_by)
                del standing[one.id]
    waiting = [(one, half) for one, half in zip(chosen, said, strict=True) if isinstance(half, countersign.Waiting)]
    first = {"stop": chosen[0].id, "stops": [one.id for one in chosen]}
    if waiting:
        again = " ".join(str(one.id) for one, _ in waiting)
        session.say(
            f"{would['would_go_out']} dispatches would go out. Another person repeats: broadcaster resume {again} --as USER"
        )
        emit({"state": "waiting", "request": waiting[0][1].request, **first, **would}, as_json=as_json)
        return
    left = f"; still in force: {_named(standing.values())}" if standing else ""
    session.say(f"Lifted: {_named(chosen)}. What they held back goes on{left}.")
    emit({"state": "lifted", **first, **would}, as_json=as_json)


def _chosen(standing: dict[int, Any], numbers: tuple[int, ...]) -> list[Any]:
    """The stops meant: those named, else the only one. Raises: WrongUse, NotFound."""
    from broadcaster.errors import NotFound, WrongUse

    if not numbers and len(standing) > 1:
        raise WrongUse(f"{len(standing)} stops are on; name those you mean: {', '.join(map(str, standing))}.")
    found = [standing.get(number) for number in dict.fromkeys(numbers)] or list(standing.values())
    if not found or None in found:
        raise NotFound("No such stop is in force; `broadcaster stop --list` shows which are.")
    return found


def _named(stops: Iterable[Any]) -> str:
    return ", ".join(f"stop {one.id} ({' '.join(filter(None, (one.scope, one.subject)))})" for one in stops)


def _would_go_out(connection: Connection, stop: Any, now: datetime) -> dict[str, int]:
    """The dry run: what the stop holds back and would leave now, and what has become too late meanwhile."""
    from broadcaster.dispatch import broadcast

    held, late = broadcast.held_by(connection, scope=stop.scope, subject=stop.subject, now=now)
    return {"would_go_out": held, "would_expire": late}


def _until(session: Session, text: str | None) -> datetime | None:
    from zoneinfo import ZoneInfo

    from broadcaster.dispatch.timing import resolve
    from broadcaster.errors import WrongUse

    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUse(f"{text!r} is no time; write it like 2027-07-30T07:00.") from None
    if moment.tzinfo is not None:
        return moment
    return resolve(moment.date(), moment.time(), ZoneInfo(session.config.office.timezone))


def _shown(one: Any) -> dict[str, Any]:
    return {
        "stop": one.id,
        "scope": one.scope,
        "subject": one.subject,
        "reason": one.reason,
        "until": one.until.isoformat() if one.until else "",
        "set_by": one.set_by,
        "set_at": one.set_at.isoformat(),
    }
