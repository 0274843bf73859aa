"""A wrong text is out: who has it, what can be taken back, and the proposal that sets it right, ready to be asked for."""

from __future__ import annotations

from typing import Any

from fastapi.responses import Response

from broadcaster.access.user import Act
from broadcaster.approval import store as approvals
from broadcaster.dispatch import broadcast as house
from broadcaster.dispatch import correction
from broadcaster.dispatch import stop as stops
from broadcaster.errors import Conflict, WrongUse
from broadcaster.plan import ad_hoc, correcting
from broadcaster.web import store
from broadcaster.web.desk import Visit, sentence
from broadcaster.web.door import Here, Pages
from broadcaster.web.store import BROADCAST

pages = Pages()
MENU: list[Any] = []
TAKE_DOWN_WITHIN = 20.0  # seconds a request may last; what is left is tried again with the same button


@pages.get("/dispatches/{id_}/correct", act=Act.BROADCAST_SEND)
def form(visit: Here, id_: str) -> Response:
    """Filled in as far as the house knows: who got it by channel, why it was stopped, the newer text if there is one."""
    number = house.read_public_id(id_)
    with visit.read() as connection:
        row = house.get(connection, number)
        (sent,) = store.broadcasts(connection, BROADCAST.c.id == number, language=visit.language)
        known = correction.of(connection, number)
        got = correction.got(connection, number)
        right = _right_texts(visit, connection, row)
        values: dict[str, Any] = {
            "known": known,
            "got": got,
            "whole": sum(got.values()),
            "down": correction.taken_down(connection, number),
            "asked": correcting.standing(connection, number),
            "messages": right,
            "chosen": known.message_id if known else row.message_id if row.message_id in right else "",
            "reason": known.reason if known else _reason(visit, connection),
        }
    return visit.page("correct.html", sent=sent, public_id=house.public_id, **values)


@pages.post("/dispatches/{id_}/correct", act=Act.BROADCAST_SEND, form=form)
def correct(visit: Here, id_: str) -> Response:
    """At once: the rest is stopped and what can be is taken back. The right text waits for another person."""
    number, message = house.read_public_id(id_), visit.form.text("message")
    if not message:
        raise WrongUse("Choose the approved message that sets it right.")
    with visit.read() as connection:
        revision = ad_hoc.approved(connection, visit.config, message, now=visit.now)
    visit.prove_again()
    known, _ = correcting.begin(
        visit, number, message=message, revision=revision, reason=visit.form.text("reason"), by=visit.name
    )
    with visit.read() as connection:
        got = correction.got(connection, number)
    taken = correcting.take_down(visit, number, known, got, by=visit.name, seconds=TAKE_DOWN_WITHIN)
    proposed, refused = correcting.propose(visit, number, message, revision, got, by=visit.name)
    told = visit.say("Đính chính đã lập: {n} lượt phát chờ người khác phê duyệt.", n=len(proposed))
    if refused:
        why = (f"{name}: {sentence(Conflict(text), visit.language)}" for name, text in refused.items())
        told += " " + visit.say("Chưa lập được cho kênh {reasons}", reasons=" ".join(why))
    if taken.faults or not taken.whole:
        told += " " + visit.say("Còn bài chưa gỡ được; bấm lần nữa để thử tiếp.")
    return visit.go(f"/dispatches/{id_}/correct", told)


def _right_texts(visit: Visit, connection: Any, row: Any) -> dict[str, str]:
    """The approved messages, but not the very text that is out."""
    approved = approvals.in_state(connection, "revision", "approved")
    names = sorted(name for name, one in approved.items() if one.subject != row.revision_hash)
    titles = store.titles(connection, names, visit.language)
    return {name: f"{titles.get(name, name)} ({name})" for name in names}


def _reason(visit: Visit, connection: Any) -> str:
    """Why the stop was set that led here."""
    asked = visit.request.query_params.get("stop", "")
    return next((one.reason for one in stops.standing(connection, visit.now) if str(one.id) == asked), "")
