"""The approval desk: exactly what would go out, beside what is in force; the hash shown is the hash approved."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from fastapi.responses import FileResponse, Response
from sqlalchemy import Connection, select

from broadcaster.access import store as users
from broadcaster.access.user import Act, Role
from broadcaster.approval import delegation
from broadcaster.approval import store as approvals
from broadcaster.approval.policy import Approval, Thing, why_not
from broadcaster.content import files, sms
from broadcaster.content import store as contents
from broadcaster.content.check import opt_out_sample
from broadcaster.content.render import OPT_OUT, decode
from broadcaster.dispatch import broadcast as house
from broadcaster.dispatch.revision import read, words
from broadcaster.errors import BroadcasterError, Conflict, NotFound, WrongUse
from broadcaster.plan import ad_hoc
from broadcaster.plan.planner import Row, forecast, money, totals
from broadcaster.plan.reading import survey
from broadcaster.schedule import store as schedules
from broadcaster.schedule.files import roads
from broadcaster.web import store
from broadcaster.web.compare import compare
from broadcaster.web.desk import Menu, Visit, sentence
from broadcaster.web.door import Here, Look, Pages

pages = Pages()
MENU = [Menu(path="/approvals", label="Bàn phê duyệt", order=20)]
APPROVES = {
    "revision": Act.MESSAGE_APPROVE,
    "plan": Act.CAMPAIGN_APPROVE,
    "broadcast": Act.BROADCAST_APPROVE,
}
KINDS = {"revision": "Thông điệp", "plan": "Kế hoạch chiến dịch", "broadcast": "Lượt phát đột xuất"}
CATEGORIES = {
    "hotline": "Tổng đài",
    "victims-rights": "Quyền của nạn nhân",
    "criminal-tactics": "Thủ đoạn tội phạm",
    "law-policy": "Chính sách, pháp luật",
    "investigation-trial": "Điều tra, xét xử",
    "commendation": "Biểu dương",
}
# What an approver confirms, by category: all of it before approving.
CHECKS = {
    "": (
        "Tôi đã đọc toàn bộ nội dung ở mọi dạng và mọi ngôn ngữ.",
        "Số điện thoại, điều luật và đường dẫn đúng với nguồn.",
    ),
    "commendation": ("Mỗi người được nêu tên đã đồng ý bằng văn bản.",),
    "investigation-trial": (
        "Ghi rõ tình trạng bản án (chưa có hiệu lực hay đã có hiệu lực).",
        "Không ai có thể nhận ra nạn nhân.",
    ),
    "criminal-tactics": ("Không hướng dẫn cách phạm tội; kết thúc bằng nơi cần gọi để được giúp.",),
    "victims-rights": ("Không gọi người đọc là nạn nhân.",),
}
HEARD = "Tôi đã nghe hết các bản ghi âm."


@pages.get("/approvals", act=Look.SIGNED_IN)
def listing(visit: Here) -> Response:
    with visit.read() as connection:
        waiting = [_row(visit, connection, row) for row in store.waiting(connection)]
        decided = [_row(visit, connection, row) for row in store.decided(connection, limit=12)]
    mine = [one for one in waiting if one["may"]]
    return visit.page("approvals.html", mine=mine, others=[one for one in waiting if not one["may"]], decided=decided)


@pages.get("/approvals/leave", act=Look.SIGNED_IN)
def leave(visit: Here) -> Response:
    """Who decides while an approver is away, and the form for it."""
    with visit.read() as connection:
        others = [
            one.name for one in users.everybody(connection) if not one.disabled and Role.APPROVER not in one.roles
        ]
        known = delegation.current(connection, now=visit.now)
    return visit.page(
        "approval_leave.html", known=known, now=visit.now, may=visit.may(Act.APPROVAL_DELEGATE),
        names={name: name for name in others}, today=visit.now.astimezone(visit.desk.zone).date(),
        local=lambda moment: moment.astimezone(visit.desk.zone).date(),
    )  # fmt: skip


@pages.post("/approvals/leave", act=Act.APPROVAL_DELEGATE, form=leave)
def delegate(visit: Here) -> Response:
    """The approver says it alone, with the password; the ledger keeps it."""
    first, last = _day(visit.form.text("first")), _day(visit.form.text("last"))
    visit.prove_again()
    with visit.write() as tx:
        delegation.grant(
            tx, approver=visit.name, delegate=visit.form.text("delegate"), first=first, last=last, zone=visit.desk.zone
        )
    return visit.go("/approvals/leave", visit.say("Đã ghi: {who} phê duyệt thay bạn.", who=visit.form.text("delegate")))


@pages.post("/approvals/leave/{number}/end", act=Look.SIGNED_IN, form=lambda visit, number: leave(visit))  # noqa: ARG005
def end_leave(visit: Here, number: int) -> Response:
    with visit.write() as tx:
        ended = delegation.end(tx, number, by=visit.name)
    return visit.go("/approvals/leave", visit.say("{who} thôi phê duyệt thay.", who=ended.delegate))


@pages.get("/approvals/{kind}/{name}", act=Look.SIGNED_IN)
def show(visit: Here, kind: str, name: str) -> Response:
    with visit.read() as connection:
        waiting = approvals.open_(connection, _thing(kind), name)
        history = approvals.history(connection, kind, name)
        if not history:
            raise NotFound("There is no such request; the list shows what waits.")
        subject = waiting or history[0]
        values = _SHOWS[kind](visit, connection, subject)
    refusal = "" if waiting is None else _refusal(visit, waiting)
    return visit.page(
        f"approval_{kind}.html", approval=subject, waiting=waiting, history=history, refusal=refusal,
        kind_words=KINDS[kind], may=waiting is not None and not refusal, **values,
    )  # fmt: skip


@pages.post(
    "/approvals/revision/{name}/approve",
    act=Act.MESSAGE_APPROVE,
    form=lambda visit, name: show(visit, "revision", name),
)
def approve_revision(visit: Here, name: str) -> Response:
    expected = _expected(visit)
    with visit.read() as connection:
        waiting = approvals.open_(connection, "revision", name)
        wanted = len(_checks(decode(contents.canonical(connection, waiting.subject)))) if waiting else 0
    _all_ticked(visit, wanted)
    visit.prove_again()
    with visit.write() as tx:
        approvals.approve(tx, kind="revision", name=name, by=visit.name, expected=expected)
    return _done(visit, "Đã phê duyệt {name}.", name)


@pages.post(
    "/approvals/plan/{name}/approve", act=Act.CAMPAIGN_APPROVE, form=lambda visit, name: show(visit, "plan", name)
)
def approve_plan(visit: Here, name: str) -> Response:
    expected = _expected(visit)
    visit.prove_again()
    with visit.write() as tx:
        schedules.approve(tx, name, by=visit.name, expected=expected)
    return _done(visit, "Đã phê duyệt {name}.", name)


@pages.post(
    "/approvals/broadcast/{name}/approve",
    act=Act.BROADCAST_APPROVE,
    form=lambda visit, name: show(visit, "broadcast", name),
)
def approve_broadcast(visit: Here, name: str) -> Response:
    expected = _expected(visit)
    visit.prove_again()
    with visit.write() as tx:
        ad_hoc.approve(tx, visit.config, house.read_public_id(name), by=visit.name, expected=expected)
    return _done(visit, "Đã phê duyệt {name}.", name)


@pages.post(
    "/approvals/revision/{name}/return", act=Act.MESSAGE_REJECT, form=lambda visit, name: show(visit, "revision", name)
)
def return_revision(visit: Here, name: str) -> Response:
    with visit.write() as tx:
        approvals.reject(
            tx, kind="revision", name=name, by=visit.name, reason=visit.form.text("reason"), expected=_expected(visit)
        )
    return _done(visit, "Đã trả lại {name} kèm lý do.", name)


@pages.post(
    "/approvals/plan/{name}/return", act=Act.CAMPAIGN_REJECT, form=lambda visit, name: show(visit, "plan", name)
)
def return_plan(visit: Here, name: str) -> Response:
    with visit.write() as tx:
        schedules.reject(tx, name, by=visit.name, reason=visit.form.text("reason"), expected=_expected(visit))
    return _done(visit, "Đã trả lại {name} kèm lý do.", name)


@pages.post(
    "/approvals/broadcast/{name}/return",
    act=Act.BROADCAST_REJECT,
    form=lambda visit, name: show(visit, "broadcast", name),
)
def return_broadcast(visit: Here, name: str) -> Response:
    with visit.write() as tx:
        ad_hoc.reject(
            tx, house.read_public_id(name), by=visit.name, reason=visit.form.text("reason"), expected=_expected(visit)
        )
    return _done(visit, "Đã trả lại {name} kèm lý do.", name)


@pages.get("/approvals/media/{revision}/{language}", act=Look.SIGNED_IN)
def media(visit: Here, revision: str, language: str) -> Response:
    """The approved copy of a recording, to listen to."""
    with visit.read() as connection:
        found = decode(contents.canonical(connection, revision)).get("media", {}).get(language)
    if found is None:
        raise NotFound("This revision has no recording in that language.")
    path = files.kept_path(visit.config.path(visit.config.folders.content), sha256=found["sha256"], name=found["name"])
    if not path.is_file():
        raise NotFound("The recording is not on this machine; submit the message again.")
    return FileResponse(path, media_type=found["mime_type"])


# -- what is shown ----------------------------------------------------------------------------------------------------


def _revision(visit: Visit, connection: Connection, approval: Approval) -> dict[str, Any]:
    raw = contents.canonical(connection, approval.subject)
    body = decode(raw)
    in_force = approvals.current(connection, "revision", approval.name)
    before = (
        decode(contents.canonical(connection, in_force.subject)) if in_force and in_force.id != approval.id else None
    )
    library = files.load(visit.config.path(visit.config.folders.content))
    facts = [(name, library.facts.get(name), library.facts[name].digest != digest if name in library.facts else True)
             for name, digest in sorted(body.get("facts", {}).items())]  # fmt: skip
    return {
        "body": body,
        "texts": _tongues(visit, body),
        "channels": _channels(visit, raw, approval.subject),
        "before": in_force if before is not None else None,
        "changes": compare(before, body) if before is not None else None,
        "facts": facts,
        "today": visit.now.astimezone(visit.desk.zone).date(),
        "checks": _checks(body),
        "category": CATEGORIES.get(body["category"], body["category"]),
        "bytes": len(raw),
    }


def _channels(visit: Visit, raw: bytes, revision: str) -> list[dict[str, Any]]:
    """What each configured channel would say, in each language, with the bytes' parts and price."""
    body = read(raw, revision)
    if body is None:
        return []
    link = opt_out_sample(visit.config.web.public_url)
    found = []
    for name, road in roads(visit.config).items():
        price = visit.config.channel(name).common.price
        for language in sorted(body.texts, key=lambda tag: (tag != visit.language, tag != "vi", tag)):
            said = words(body, traits=road.traits, accents=road.accents, language=language)
            if said is None:
                continue
            row: dict[str, Any] = {
                "channel": name, "sender": road.sender, "language": language, "form": said.form, "title": said.title,
                "text": said.text, "characters": len(said.text), "sms": None, "cost": None,
            }  # fmt: skip
            if said.form.startswith("sms"):
                row["sms"] = sms.count(said.text.replace(OPT_OUT, link))
                row["cost"] = money(row["sms"].parts * price.micros, price.currency) if price else None
            found.append(row)
    return found


def _plan(visit: Visit, connection: Connection, approval: Approval) -> dict[str, Any]:
    document = schedules.plan(connection, approval.subject)
    spec = document.campaign
    library = files.load(visit.config.path(visit.config.folders.content))
    rows = forecast(spec, survey(connection, visit.config, library, spec, now=visit.now))
    sums = totals(rows)
    row = schedules.campaign(connection, approval.name)
    before = (
        schedules.plan(connection, row.plan_hash) if row is not None and row.plan_hash != approval.subject else None
    )
    return {
        "document": document,
        "spec": spec,
        "days": _days(rows, spec.zone),
        "sums": sums,
        "before": before,
        "titles": store.titles(connection, {one for s in spec.schedules for one in s.messages}, visit.language),
    }


def _days(rows: list[Row], zone: ZoneInfo) -> list[dict[str, Any]]:
    """The forecast, a day on a line: a whole month is read on one page, on a phone too."""
    days: dict[str, dict[str, Any]] = {}
    for row in rows:
        one = days.setdefault(row.local[:10], {"items": {}, "recipients": 0, "micros": Counter()})
        item = one["items"].setdefault(
            (row.local, row.message), {"time": row.local[11:16], "message": row.message, "channels": [], "rows": []}
        )
        item["channels"].append(row.channel)
        item["rows"].append(row)
        one["recipients"] += row.recipients
        one["micros"][row.currency] += row.cost
    found = []
    for day, one in sorted(days.items()):
        for item in one["items"].values():
            finishes = [row.finish for row in item["rows"] if row.finish]
            item["finish"] = f"{max(finishes).astimezone(zone):%H:%M}" if finishes else ""
            item["conflicts"] = list(dict.fromkeys(text for row in item["rows"] for text in row.conflicts))
        cost = [money(micros, currency) for currency, micros in sorted(one["micros"].items()) if micros]
        items = list(one["items"].values())
        found.append({"day": date.fromisoformat(day), "items": items, "recipients": one["recipients"], "cost": cost})
    return found


def _broadcast(visit: Visit, connection: Connection, approval: Approval) -> dict[str, Any]:
    row = house.get(connection, house.read_public_id(approval.name))
    raw = connection.scalar(select(store.REVISION.c.canonical).where(store.REVISION.c.hash == row.revision_hash)) or b""
    body = read(bytes(raw), row.revision_hash or "")
    return {
        "row": row,
        "intact": body is not None,
        "preview": ad_hoc.preview(connection, visit.config, row),
        "group": house.group_name(connection, row.group_id),
        "channels": house.channel_names(row),
        "title": (body.titles.get(visit.language) or next(iter(body.titles.values()), "")) if body else row.message_id,
    }


_SHOWS = {"revision": _revision, "plan": _plan, "broadcast": _broadcast}


def _row(visit: Visit, connection: Connection, row: Any) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "kind_words": visit.say(KINDS[row.kind]),
        "name": row.name,
        "title": _title(visit, connection, row),
        "state": row.state,
        "submitted_by": row.submitted_by,
        "submitted_at": row.submitted_at,
        "decided_by": row.decided_by,
        "decided_at": row.decided_at,
        "reason": row.reason,
        "decided_for": row.decided_for,
        "may": row.state == "submitted"
        and visit.may(APPROVES[row.kind])
        and (row.submitted_by != visit.name or not row.two_person),
    }


def _title(visit: Visit, connection: Connection, row: Any) -> str:
    """What people call it: the message's title, the campaign's, or the message an ad-hoc broadcast sends."""
    if row.kind == "plan":
        try:
            return schedules.plan(connection, row.subject).campaign.title
        except BroadcasterError:
            return str(row.name)
    message = row.name
    if row.kind == "broadcast":
        message = house.get(connection, house.read_public_id(row.name)).message_id
    return store.titles(connection, [message], visit.language).get(message, str(row.name))


def _tongues(visit: Visit, body: dict[str, Any]) -> dict[str, Any]:
    """The texts, in the reader's language first, then in Vietnamese."""
    first = {visit.language: 0, "vi": 1}
    return dict(sorted(body["texts"].items(), key=lambda one: (first.get(one[0], 2), one[0])))


# -- parts ------------------------------------------------------------------------------------------------------------


def _thing(kind: str) -> str:
    if kind not in KINDS:
        raise NotFound("There is no such request; the list shows what waits.")
    return Thing(kind).value


def _refusal(visit: Visit, waiting: Approval) -> str:
    """Why this reader may not decide, in words; "" if they may."""
    if not visit.may(APPROVES[waiting.kind]):
        return visit.say("Chỉ người có vai trò phê duyệt mới quyết định được.")
    why = why_not(visit.name, submitted_by=waiting.submitted_by, editors=waiting.editors, two_person=waiting.two_person)
    authors = {waiting.submitted_by, *waiting.editors} if waiting.two_person else set()
    if not why and visit.stands_for and set(visit.stands_for) <= authors:
        return visit.say("Bạn phê duyệt thay {who}, là người soạn; người phê duyệt khác phải quyết định.",
                         who=", ".join(visit.stands_for))  # fmt: skip
    return sentence(Conflict(why), visit.language) if why else ""


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise WrongUse("The day is written like 2027-07-30.") from None


def _expected(visit: Visit) -> str:
    """The hash that stood on the page. Raises: WrongUse without one."""
    expected = visit.form.text("expected")
    if len(expected) != 64:
        raise WrongUse("The page has lost the hash of what you saw; open it anew.")
    return expected


def _checks(body: dict[str, Any]) -> list[str]:
    heard = [HEARD] if body.get("media") else []
    return [*CHECKS[""], *CHECKS.get(body.get("category", ""), ()), *heard]


def _all_ticked(visit: Visit, wanted: int) -> None:
    if any(visit.form.text(f"check_{at}") != "yes" for at in range(wanted)):
        raise WrongUse("Tick each line of the checklist first, or return it with what must change.")


def _done(visit: Visit, told: str, name: str) -> Response:
    return visit.go("/approvals", visit.say(told, name=name))
