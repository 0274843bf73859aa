"""Today: what went, what is going, what comes, and what needs whom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from fastapi.responses import Response, StreamingResponse
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from broadcaster.access import countersign
from broadcaster.access import session as sessions
from broadcaster.access.user import Act
from broadcaster.dispatch import stop as stops
from broadcaster.dispatch import store as dispatches
from broadcaster.report.reminder import reminders
from broadcaster.web import balances, store
from broadcaster.web.desk import Menu, Visit
from broadcaster.web.door import Here, Look, Pages
from broadcaster.web.store import BROADCAST, Sent

pages = Pages()
MENU = [Menu(path="/", label="Hôm nay", order=10)]
AHEAD = timedelta(hours=48)
LOOK_EVERY = 2.0  # seconds between two looks at what is going
STREAM_MOST = 600.0  # seconds of one stream; the browser opens the next one by itself
FACTS_AHEAD = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Something that waits for the reader."""

    text: str
    path: str
    urgent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """A broadcast to come."""

    sent: Sent
    finish: datetime | None
    people: int | None
    conflicts: tuple[str, ...]


@pages.get("/", act=Look.SIGNED_IN)
def today(visit: Here) -> Response:
    now = visit.now
    midnight = datetime.combine(now.astimezone(visit.desk.zone).date(), time(), visit.desk.zone)
    with visit.read() as connection:
        whole = store.broadcasts(
            connection, store.between(midnight, midnight + timedelta(days=1)), language=visit.language
        )
        going = store.broadcasts(connection, store.live(), language=visit.language)
        coming = _coming(visit, connection, now)
        left = balances.left(connection, visit.desk.forecasts, now=now, zone=visit.desk.zone)
        values: dict[str, Any] = {
            "going": going,
            "went": [one for one in whole if one.state in ("done", "expired", "cancelled")],
            "coming": coming,
            "left": left,
            "needs": _needs(visit, connection, now, left),
            "stops": stops.together(stops.standing(connection, now)),
            "late": store.late(connection, now - timedelta(minutes=2)),
            "lanes": dispatches.lanes(connection),
            "totals": _totals(whole),
            "date": midnight,
            "start": _start(visit, connection),
        }
    return visit.page("today.html", **values)


@pages.get("/today/live", act=Look.SIGNED_IN)
def live(visit: Here) -> Response:
    """What is going, again whenever it has changed; "end" when nothing goes any more."""
    return StreamingResponse(_stream(visit), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _stream(visit: Visit) -> AsyncIterator[str]:
    loop, shown = asyncio.get_running_loop(), ""
    until = loop.time() + STREAM_MOST
    while loop.time() < until:
        part = await run_in_threadpool(_part, visit)
        if part is None:
            yield "event: end\ndata: over\n\n"
            return
        if part != shown:
            shown = part
            yield "event: part\n" + "".join(f"data: {line}\n" for line in part.splitlines()) + "\n"
        else:
            yield ": still\n\n"
        await asyncio.sleep(LOOK_EVERY)


def _part(visit: Visit) -> str | None:
    """None when nothing is going, or the reader's session is over."""
    with visit.read() as connection:
        if sessions.find(connection, visit.token, now=visit.now) is None:
            return None
        going = store.broadcasts(connection, store.live(), language=visit.language)
    return visit.part("today_live.html", going=going) if going else None


def _coming(visit: Visit, connection: Connection, now: datetime) -> list[Coming]:
    """Planned for the next 48 hours, with the finish the planner expects."""
    where = (BROADCAST.c.state == "planned") & (BROADCAST.c.due_at < now + AHEAD)
    found = store.broadcasts(connection, where, language=visit.language, limit=60)
    plans = {row.id: row.plan_hash for row in store.campaigns(connection)}
    coming = []
    for one in found:
        rows = []
        if one.campaign in plans and not one.ad_hoc:
            known = visit.desk.forecasts.rows(connection, one.campaign, plans[one.campaign], now=now)
            rows = known.get((one.schedule, one.local, one.message), [])
        finishes = [row.finish for row in rows if row.finish]
        coming.append(
            Coming(
                sent=one,
                finish=max(finishes, default=None),
                people=sum(row.recipients for row in rows) if rows else None,
                conflicts=tuple(dict.fromkeys(text for row in rows for text in row.conflicts)),
            )
        )
    return coming


def _totals(whole: list[Sent]) -> dict[str, int]:
    """Of the day's broadcasts: accepted is never counted as delivered."""
    states = [one.states for one in whole]
    return {
        "planned": sum(one.planned for one in whole),
        "accepted": sum(one["accepted"] for one in states),
        "delivered": sum(one["delivered"] for one in states),
        "open": sum(one.open for one in whole),
        "trouble": sum(one.trouble for one in whole),
    }


def _needs(visit: Visit, connection: Connection, now: datetime, left: list[balances.Left]) -> list[Need]:
    """What waits for this reader, the most urgent first."""
    day = now.astimezone(visit.desk.zone).date()
    needs: list[Need] = []
    waiting = [one for one in store.waiting(connection) if one.submitted_by != visit.name or not one.two_person]
    mine = [one for one in waiting if visit.may(_DECIDES[one.kind])]
    if mine:
        needs.append(Need(text=visit.say("{n} việc chờ bạn phê duyệt", n=len(mine)), path="/approvals"))
    for one in countersign.waiting(connection, now=now):
        if one.asked_by != visit.name and (act := _SECOND.get(one.act.split(".")[0])) and visit.may(act):
            where = _WHERE[one.act.split(".")[0]]
            text = visit.say("{who} đề nghị, chờ người thứ hai xác nhận: {what}", who=one.asked_by, what=one.subject)
            needs.append(Need(text=text, path=where, urgent=True))
    for lane in dispatches.lanes(connection):
        if lane["paused"]:
            text = visit.say("Kênh {name} tạm dừng: {why}", name=lane["channel"], why=lane["paused"])
            needs.append(Need(text=text, path="/lanes", urgent=True))
    for account in left:
        if account.short and visit.has("operator", "admin"):
            text = visit.say("Tiền trên tài khoản kênh {name} đủ gửi {n} ngày", name=account.channel, n=account.days)
            needs.append(Need(text=text, path="/#balance", urgent=True))
    if visit.may(Act.DISPATCH_RESOLVE) and (n := store.count_states(connection, ("unresolved",))):
        needs.append(Need(text=visit.say("{n} lượt gửi cần hai người xác định", n=n), path="/dispatches/doubt"))
    if visit.has("author", "operator"):
        for fact in store.facts_due(connection, day + FACTS_AHEAD):
            said = (
                "Dữ kiện {name} quá hạn kiểm tra từ {day}"
                if fact.verify_by < day
                else "Kiểm tra lại dữ kiện {name} trước {day}"
            )
            when = f"{fact.verify_by:%d/%m/%Y}"
            needs.append(
                Need(text=visit.say(said, name=fact.name, day=when), path="/messages", urgent=fact.verify_by < day)
            )
    for report in reminders(connection, today=day):
        text = visit.say("Báo cáo {title} hạn {day}", title=report.title, day=f"{report.due:%d/%m/%Y}")
        needs.append(Need(text=text, path=f"/report/{report.campaign}", urgent=report.urgent))
    return sorted(needs, key=lambda need: not need.urgent)


_DECIDES = {"revision": Act.MESSAGE_APPROVE, "plan": Act.CAMPAIGN_APPROVE, "broadcast": Act.BROADCAST_APPROVE}
_SECOND = {"stop": Act.STOP_LIFT, "dispatch": Act.DISPATCH_RESOLVE, "user": Act.USER_MANAGE}
_WHERE = {"stop": "/stop", "dispatch": "/dispatches/doubt", "user": "/admin/users"}


def _start(visit: Visit, connection: Connection) -> list[dict[str, Any]]:
    """The checklist of a new office: what is still to do, until all is done. [] once it is."""
    from broadcaster.access import store as users
    from broadcaster.access.user import Role
    from broadcaster.db.tables import Address, Group, table

    people = [one for one in users.everybody(connection) if not one.disabled]
    approvers = {one.name for one in people if Role.APPROVER in one.roles}
    authors = {one.name for one in people if one.roles & {Role.AUTHOR, Role.OPERATOR}}
    address, group = table(Address), table(Group)
    has_contact = connection.execute(address.select().where(address.c.contact_id.is_not(None)).limit(1)).first()
    has_group = connection.execute(group.select().limit(1)).first()
    approved = connection.execute(
        store.APPROVAL.select()
        .where(store.APPROVAL.c.kind == "revision", store.APPROVAL.c.decided_at.is_not(None))
        .limit(1)
    ).first()
    steps = [
        (bool(visit.config.channels), "Kênh gửi được khai báo trong config.toml", "/admin"),
        (any(approvers - {name} for name in authors),
         "Có ít nhất một người soạn và một người phê duyệt khác", "/admin/users"),
        (has_contact is not None and has_group is not None, "Danh bạ có người nhận và nhóm", "/audience"),
        (approved is not None, "Một thông điệp đã được phê duyệt", "/messages"),
        (bool(store.campaigns(connection)), "Một chiến dịch đã được phê duyệt", "/campaigns"),
    ]  # fmt: skip
    if all(done for done, _, _ in steps):
        return []
    return [{"done": done, "text": visit.say(text), "path": path} for done, text, path in steps]
