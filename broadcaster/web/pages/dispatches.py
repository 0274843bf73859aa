"""Dispatches: which broadcasts, where each stands, one dispatch's life; what is in doubt; lanes."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from fastapi.responses import Response
from sqlalchemy import and_, exists, select, true

from broadcaster.access import countersign
from broadcaster.access.user import Act
from broadcaster.approval.store import reason_of
from broadcaster.dispatch import broadcast as house
from broadcaster.dispatch import claim, reconcile
from broadcaster.dispatch import store as dispatches
from broadcaster.dispatch.dispatch import public_id, read_public_id
from broadcaster.errors import Conflict, WrongUse
from broadcaster.plan import ad_hoc
from broadcaster.web import store
from broadcaster.web.desk import Menu, Visit
from broadcaster.web.door import Here, Look, Pages
from broadcaster.web.store import BROADCAST, TALLY

pages = Pages()
MENU = [Menu(path="/dispatches", label="Lượt gửi", order=60), Menu(path="/lanes", label="Kênh gửi", order=65)]
PAGE = 50  # dispatches on one page
BROADCASTS = 60  # broadcasts on one page
KINDS = {"revision": "Thông điệp", "plan": "Kế hoạch chiến dịch", "broadcast": "Lượt phát đột xuất"}
WAYS = {"accepted": "Coi như đã gửi", "unresolved": "Không ai xác định được", "again": "Gửi lại lần nữa"}


@pages.get("/dispatches", act=Look.SIGNED_IN)
def listing(visit: Here) -> Response:
    asked = {name: visit.request.query_params.get(name, "").strip() for name in ("campaign", "day", "channel", "state")}
    day, wrong = _day(asked["day"])
    with visit.read() as connection:
        found = store.broadcasts(
            connection, _condition(visit, asked, day), language=visit.language, newest=True, limit=BROADCASTS
        )
        campaigns = {row.id: row.title for row in store.campaigns(connection)}
    return visit.page(
        "dispatches.html", rows=found, asked=asked, campaigns=campaigns, channels=sorted(visit.config.channels),
        all_states=store.known_states(), wrong=wrong, full=len(found) == BROADCASTS,
    )  # fmt: skip


@pages.get("/dispatches/doubt", act=Look.SIGNED_IN)
def doubt(visit: Here) -> Response:
    with visit.read() as connection:
        rows = store.doubtful(connection)
        asked = [one for one in countersign.waiting(connection, now=visit.now) if one.act.startswith("dispatch.")]
    return visit.page("doubt.html", rows=rows, asked={one.subject.split(" ")[0]: one for one in asked}, ways=WAYS)


@pages.get("/dispatches/{id_}", act=Look.SIGNED_IN)
def show(visit: Here, id_: str) -> Response:
    return _broadcast(visit, id_) if id_.startswith("b-") else _dispatch(visit, id_)


@pages.post("/dispatches/{id_}/resolve", act=Act.DISPATCH_RESOLVE, form=show)
def resolve(visit: Here, id_: str) -> Response:
    """Two people say the same of one doubtful dispatch; `again` may ring a phone twice."""
    number, way, reason = read_public_id(id_), visit.form.text("way"), reason_of(visit.form.text("reason"))
    if way not in WAYS:
        raise WrongUse("Say what is to become of it: counted as sent, given up, or sent again.")
    visit.prove_again()
    with visit.write() as tx:
        reconcile.check_resolvable(tx.connection, number, way, now=tx.now)
        said = countersign.ask_or_sign(
            tx, act=f"dispatch.{way}", subject=f"{public_id(number)} {way}", by=visit.name, takes=Act.DISPATCH_RESOLVE
        )
        if isinstance(said, countersign.Signed):
            reconcile.resolve(tx, number, way, reason=reason, asked_by=said.asked_by, signed_by=said.signed_by)
    if isinstance(said, countersign.Signed):
        return visit.go(f"/dispatches/{id_}", visit.say("Đã xác định."))
    return visit.go(
        f"/dispatches/{id_}", visit.say("Đã ghi đề nghị. Một người khác xác nhận cùng điều đó trong 24 giờ.")
    )


@pages.post("/dispatches/{id_}/pause", act=Act.BROADCAST_PAUSE, form=show)
def pause(visit: Here, id_: str) -> Response:
    reason = reason_of(visit.form.text("reason"))
    with visit.write() as tx:
        house.pause(tx, house.read_public_id(id_), visit.name, reason)
    return visit.go(f"/dispatches/{id_}", visit.say("Đã tạm dừng lượt phát này."))


@pages.post("/dispatches/{id_}/resume", act=Act.BROADCAST_RESUME, form=show)
def resume(visit: Here, id_: str) -> Response:
    with visit.write() as tx:
        house.resume(tx, house.read_public_id(id_), visit.name)
    return visit.go(f"/dispatches/{id_}", visit.say("Lượt phát chạy tiếp."))


@pages.post("/dispatches/{id_}/cancel", act=Act.BROADCAST_CANCEL, form=show)
def cancel(visit: Here, id_: str) -> Response:
    reason = reason_of(visit.form.text("reason"))
    visit.prove_again()
    with visit.write() as tx:
        closed = ad_hoc.cancel(tx, visit.config, house.read_public_id(id_), by=visit.name, reason=reason)
    return visit.go(f"/dispatches/{id_}", visit.say("Đã hủy; {n} lượt chưa gửi được đóng lại.", n=closed))


# -- lanes ------------------------------------------------------------------------------------------------------------


@pages.get("/lanes", act=Look.SIGNED_IN)
def lanes(visit: Here) -> Response:
    with visit.read() as connection:
        known = {lane["channel"]: lane for lane in dispatches.lanes(connection)}
    rows = []
    for name in sorted({*known, *visit.config.channels}):
        lane = known.get(name, {"planned": 0, "sending": 0, "retry_wait": 0, "unknown": 0, "paused": ""})
        rows.append({"channel": name, **lane, **_settings(visit, name)})
    return visit.page("lanes.html", rows=rows, may_resume=visit.may(Act.LANE_RESUME), may_pause=visit.may(Act.STOP_SET))


@pages.post("/lanes/{channel}/resume", act=Act.LANE_RESUME, form=lambda visit, channel: lanes(visit))  # noqa: ARG005
def resume_lane(visit: Here, channel: str) -> Response:
    visit.config.channel(channel)
    with visit.write() as tx:
        if not claim.resume_lane(tx, channel, by=visit.name):
            raise Conflict(f"The lane {channel} is not paused.")
    return visit.go("/lanes", visit.say("Kênh {name} gửi tiếp.", name=channel))


def _settings(visit: Visit, name: str) -> dict[str, Any]:
    if name not in visit.config.channels:
        return {"adapter": "", "rate": "", "price": None}
    common = visit.config.channel(name).common
    price = {"amount": common.price.amount, "currency": common.price.currency} if common.price else None
    return {"adapter": common.adapter, "rate": common.rate, "price": price}


# -- one of them ------------------------------------------------------------------------------------------------------


def _broadcast(visit: Visit, id_: str) -> Response:
    query = visit.request.query_params
    state, channel, after = query.get("state", ""), query.get("channel", ""), query.get("after", "0")
    number = house.read_public_id(id_)
    with visit.read() as connection:
        row = house.get(connection, number)
        (sent,) = store.broadcasts(connection, BROADCAST.c.id == number, language=visit.language)
        rows, more = store.of_broadcast(
            connection, number, state=state, channel=channel, after=_after(after), limit=PAGE
        )
        values: dict[str, Any] = {
            "group": house.group_name(connection, row.group_id),
            "cost": house.cost(connection, number),
        }
    return visit.page(
        "broadcast.html", row=row, sent=sent, rows=rows, more=more, state=state, channel=channel,
        all_states=[one for one in store.known_states() if sent.states[one]],
        may_pause=visit.may(Act.BROADCAST_PAUSE) and row.state in ("planned", "running"),
        may_resume=visit.may(Act.BROADCAST_RESUME) and row.state == "paused",
        may_cancel=visit.may(Act.BROADCAST_CANCEL) and row.state in ("submitted", "planned", "running", "paused"),
        **values,
    )  # fmt: skip


def _dispatch(visit: Visit, id_: str) -> Response:
    number = read_public_id(id_)
    with visit.read() as connection:
        life = dispatches.life(connection, number)
        row = house.get(connection, house.read_public_id(life["broadcast"]))
        title = store.titles(connection, [row.message_id], visit.language).get(row.message_id, row.message_id)
        approved = store.approved_for(connection, row)
        asked = [
            one
            for one in countersign.waiting(connection, now=visit.now)
            if one.act.startswith("dispatch.") and one.subject.startswith(f"{public_id(number)} ")
        ]
    ways = {way: words for way, words in WAYS.items() if life["state"] in {s.value for s in reconcile.RESOLVES[way]}}
    return visit.page(
        "dispatch.html", life=life, row=row, title=title, ways=ways, asked=asked,
        may=visit.may(Act.DISPATCH_RESOLVE) and bool(ways), approved=approved, kinds=KINDS,
    )  # fmt: skip


# -- parts ------------------------------------------------------------------------------------------------------------


def _condition(visit: Visit, asked: dict[str, str], day: date | None) -> Any:
    """The filter as a condition on broadcasts; channel and state through the tallies."""
    parts: list[Any] = [true()]
    if asked["campaign"] == "-":
        parts.append(BROADCAST.c.campaign_id.is_(None))
    elif asked["campaign"]:
        parts.append(BROADCAST.c.campaign_id == asked["campaign"])
    if day is not None:
        since = datetime.combine(day, time(), visit.desk.zone)
        parts.append(store.between(since, since + timedelta(days=1)))
    if asked["channel"] or asked["state"]:
        counted = [TALLY.c.broadcast_id == BROADCAST.c.id, TALLY.c.n > 0]
        if asked["channel"]:
            counted.append(TALLY.c.channel == asked["channel"])
        if asked["state"]:
            counted.append(TALLY.c.state == asked["state"])
        parts.append(exists(select(TALLY.c.n).where(*counted)))
    return and_(*parts)


def _after(text: str) -> int:
    """Where a page begins; 0 for what is no number of ours."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0


def _day(text: str) -> tuple[date | None, bool]:
    """The day asked for, and whether it was none."""
    try:
        return (date.fromisoformat(text), False) if text else (None, False)
    except ValueError:
        return None, True
