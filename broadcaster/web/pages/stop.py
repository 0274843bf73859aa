"""The emergency stop: one person stops at once; two let it go on, after both have seen what would go out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from fastapi.responses import Response
from sqlalchemy import Connection

from broadcaster.access import countersign
from broadcaster.access.user import Act
from broadcaster.approval.store import reason_of
from broadcaster.dispatch import broadcast
from broadcaster.dispatch import stop as stops
from broadcaster.dispatch.timing import resolve
from broadcaster.errors import NotFound, WrongUse
from broadcaster.schedule.scope import check
from broadcaster.web import store
from broadcaster.web.desk import Visit
from broadcaster.web.door import Here, Look, Pages

pages = Pages()
LATELY = timedelta(hours=24)  # what was sent so shortly before a stop may be why it was set


@pages.get("/stop", act=Look.SIGNED_IN)
def form(visit: Here) -> Response:
    with visit.read() as connection:
        standing = [_shown(visit, connection, same) for same in stops.together(stops.standing(connection, visit.now))]
        counts = store.in_scope(connection, "everything", (), since=visit.now)
        values: dict[str, Any] = {
            "standing": standing,
            "campaigns": {
                row.id: row.title
                for row in store.campaigns(connection)
                if row.state in ("running", "planned", "paused")
            },
            "channels": sorted(visit.config.channels),
            "communes": store.communes(connection),
            "waiting": counts["planned"] + counts["retry_wait"],
            "flying": counts["sending"],
        }
    return visit.page(
        "stop.html", **values, scopes=stops.SCOPES, may_stop=visit.may(Act.STOP_SET), may_lift=visit.may(Act.STOP_LIFT)
    )


@pages.post("/stop", act=Act.STOP_SET, form=form)
def stop(visit: Here) -> Response:
    """The reason and the scope first, the password last, then at once."""
    scope = visit.form.text("scope")
    subjects = [one for one in dict.fromkeys(visit.form.all(scope)) if one] if scope != "everything" else [""]
    reason, until = reason_of(visit.form.text("reason")), _until(visit)
    if scope not in stops.SCOPES or not subjects or (scope != "area" and len(subjects) > 1):
        raise WrongUse("Say what is to stop: everything, one campaign, one channel, or communes.")
    with visit.read() as connection:
        for one in subjects:
            check(connection, visit.config, scope, one)
    visit.prove_again()
    with visit.write() as tx:
        for one in subjects:
            stops.set_(tx, scope=scope, subject=one, reason=reason, until=until, by=visit.name)
    with visit.read() as connection:
        counts = store.in_scope(connection, scope, subjects, since=visit.now - LATELY)
    told = visit.say(
        "Đã dừng. {flying} lượt đang trên đường, không gọi lại được; "
        "{reached} lượt đã đến hoặc nhà cung cấp đã nhận; {held} lượt được giữ lại.",
        flying=counts["sending"], reached=counts["accepted"] + counts["delivered"], held=counts["planned"] + counts["retry_wait"],
    )  # fmt: skip
    return visit.go("/stop", told)


@pages.post("/stop/{number}/lift", act=Act.STOP_LIFT, form=lambda visit, number: form(visit))  # noqa: ARG005
def lift(visit: Here, number: int) -> Response:
    """The first person asks, a second one confirms; each has the preview before the eyes and types the password."""
    visit.prove_again()
    with visit.write() as tx:
        groups = stops.together(stops.standing(tx.connection, tx.now))
        chosen = next((same for same in groups if number in [one.id for one in same]), None)
        if chosen is None:
            raise NotFound("This stop is not in force any more.")
        said = countersign.ask_or_sign(tx, act="stop.lift", subject=_called(chosen), by=visit.name, takes=Act.STOP_LIFT)
        if isinstance(said, countersign.Signed):
            for one in chosen:
                stops.lift(tx, one.id, asked_by=said.asked_by, signed_by=said.signed_by)
    if isinstance(said, countersign.Signed):
        return visit.go("/stop", visit.say("Lệnh dừng đã được gỡ; việc gửi tiếp tục."))
    return visit.go(
        "/stop", visit.say("Đã ghi đề nghị. Một người khác xác nhận trong 24 giờ thì việc gửi mới tiếp tục.")
    )


def _shown(visit: Visit, connection: Connection, same: list[stops.Standing]) -> dict[str, Any]:
    first, subjects = same[0], [one.subject for one in same]
    held = [broadcast.held_by(connection, scope=one.scope, subject=one.subject, now=visit.now) for one in same]
    since = first.set_at - LATELY
    counts = store.in_scope(connection, first.scope, subjects, since=since)
    asked = [
        request.asked_by
        for request in countersign.waiting(connection, now=visit.now)
        if (request.act, request.subject) == ("stop.lift", _called(same))
    ]
    return {
        "stop": first,
        "subjects": subjects,
        "would_go_out": sum(go for go, _ in held),
        "would_expire": sum(late for _, late in held),
        "asked_by": asked[0] if asked else "",
        "flying": counts["sending"],
        "reached": counts["accepted"] + counts["delivered"],
        "sent": store.reached_in(connection, first.scope, subjects, since=since, language=visit.language),
    }


def _called(same: list[stops.Standing]) -> str:
    """What two people sign: `stop 4`, or `stop 4,5,6` over several communes."""
    return f"stop {','.join(str(one.id) for one in same)}"


def _until(visit: Visit) -> datetime | None:
    text = visit.form.text("until")
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUse("The end is no time; choose a day and an hour, or leave it empty.") from None
    return resolve(moment.date(), moment.time(), visit.desk.zone)
