"""The duty desk: replies a person must read, each shown once; and who is called."""

from __future__ import annotations

from typing import Any

from fastapi.responses import Response

from broadcaster.access.user import Act, Role
from broadcaster.channel import registry
from broadcaster.channel.address import mask
from broadcaster.duty import plea
from broadcaster.errors import BroadcasterError, NotFound
from broadcaster.web.desk import Menu, Visit
from broadcaster.web.door import Here, Pages

pages = Pages()
MENU = [Menu(path="/duty", label="Bàn trực", order=15, roles=frozenset({Role.OPERATOR, Role.APPROVER}))]
HOURS = int(plea.KEPT_FOR.total_seconds() // 3600)


@pages.get("/duty", act=Act.DUTY_READ)
def listing(visit: Here) -> Response:
    """What nobody has read yet, oldest first, without text and number; who looked before; whom we call."""
    with visit.read() as connection:
        waiting, past = plea.waiting(connection), plea.past(connection)
    return visit.page("duty.html", waiting=waiting, past=past, roster=_roster(visit), hours=HOURS)


def _list_again(visit: Here, number: str) -> Response:  # noqa: ARG001 - takes what the POST takes
    return listing(visit)


@pages.post("/duty/{number}/show", act=Act.DUTY_READ, form=_list_again)
def show(visit: Here, number: str) -> Response:
    """The text and the address, this once: they are in this answer, and nowhere else any more."""
    if not number.isdecimal() or len(number) > 15:
        raise NotFound("Nothing at the duty desk has this number; choose one of the list.")
    with visit.write() as tx:
        opened = plea.show(tx, int(number), by=visit.name, office_key=visit.desk.office_key)
    return visit.page("duty_opened.html", opened=opened)


def _roster(visit: Visit) -> list[dict[str, Any]]:
    """The roads to the officer on duty, in the order in which they are tried; addresses masked."""
    return [{"channel": name, "to": _masked(visit, name, to)} for name, to in visit.config.duty.roads()]


def _masked(visit: Visit, channel: str, to: str) -> str:
    """By the kind of address the channel takes; what is of no kind we know is hidden but for its end."""
    try:
        kind = registry.traits(str(visit.config.channels[channel].get("adapter", channel))).address
    except BroadcasterError:
        kind = ""
    shown = mask("email" if "@" in to else kind, to)
    return shown if shown != to else f"•••{to[-2:]}"
