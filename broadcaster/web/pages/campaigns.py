"""Campaigns: their rules as sentences, what was approved, what will go out; submit, pause, resume, cancel."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from fastapi.responses import Response
from sqlalchemy import Connection

from broadcaster.access.user import Act
from broadcaster.approval import store as approvals
from broadcaster.content import render
from broadcaster.content.fault import Fault, Faulty
from broadcaster.content.files import Library, load
from broadcaster.errors import NotFound
from broadcaster.plan.calendar import calendar as as_calendar
from broadcaster.plan.planner import Row, forecast, totals
from broadcaster.plan.reading import survey
from broadcaster.printing.plan import sheet
from broadcaster.schedule import store as schedules
from broadcaster.schedule.files import check_folder, find, read_all, roads
from broadcaster.schedule.spec import CampaignSpec
from broadcaster.schedule.standing import refuse_faults, standing
from broadcaster.web import rule, store
from broadcaster.web.desk import Menu, Visit
from broadcaster.web.door import Here, Look, Pages
from broadcaster.web.words import plan_faults

pages = Pages()
MENU = [Menu(path="/campaigns", label="Chiến dịch", order=40)]
KIND = schedules.KIND
LIVE = ("planned", "running")
PAGE = 100  # rows of a dry run on one page
FILES = {
    "same": "Tệp khớp với bản đã trình",
    "edited": "Tệp đã sửa, chưa trình lại",
    "new": "Chưa trình lần nào",
    "missing": "Không còn tệp",
}


@pages.get("/campaigns", act=Look.SIGNED_IN)
def listing(visit: Here) -> Response:
    files = read_all(_folder(visit), visit.config)
    specs = {file.spec.id: file.spec for file in files if file.spec}
    with visit.read() as connection:
        rows = [standing(connection, name, specs.get(name)) for name in {*specs, *schedules.known(connection)}]
    rows.sort(key=lambda row: (row["until"], row["id"]), reverse=True)
    broken = [
        (Path(file.path).stem, [(one.line, *said(visit, [one])) for one in file.faults])
        for file in files
        if file.faults
    ]
    return visit.page(
        "campaigns.html",
        rows=rows,
        broken=broken,
        file_words=FILES,
        dated=_dated,
        may_write=visit.may(Act.CAMPAIGN_SUBMIT),
    )


@pages.get("/campaigns/{id_}", act=Look.SIGNED_IN)
def show(visit: Here, id_: str) -> Response:
    library = load(visit.config.path(visit.config.folders.content))
    with visit.read() as connection:
        spec, from_file = spec_of(visit, connection, id_)
        row = schedules.campaign(connection, id_)
        details = standing(connection, id_, spec if from_file else None)
        history = approvals.history(connection, KIND, id_)
        growth = []
        if row is not None and row.state not in ("done", "cancelled"):
            growth = schedules.growth(connection, schedules.plan(connection, row.plan_hash))
        titles = store.titles(connection, {one for each in spec.schedules for one in each.messages}, visit.language)
    titles = filled_titles(library, visit.language) | titles
    faults = [one for one in check_folder(_folder(visit), library, visit.config) if one.about == id_ and from_file]
    return visit.page(
        "campaign.html", spec=spec, from_file=from_file, details=details, history=history, growth=growth,
        faults=said(visit, faults), titles=titles, schedules=[_schedule(visit, one) for one in spec.schedules], file_words=FILES,
        may={act.name: visit.may(act) for act in Act}, picks=rule.PICKS,
    )  # fmt: skip


def _schedule(visit: Visit, one: Any) -> dict[str, Any]:
    return {
        "spec": one,
        "sentence": rule.read_back(visit, one.when),
        "way": rule.way(visit, one),
        "missed": visit.say(rule.RUNS[one.if_missed.run]),
        "within": rule.span(visit, one.if_missed.within),
    }


# -- what will go out -------------------------------------------------------------------------------------------------


@pages.get("/campaigns/{id_}/plan", act=Look.SIGNED_IN)
def plan(visit: Here, id_: str) -> Response:
    """The dry run: every occurrence and channel, a page at a time."""
    asked = visit.request.query_params
    only = asked.get("only", "") == "conflicts"
    with visit.read() as connection:
        spec, rows, _ = _forecast(visit, connection, id_)
        titles = store.titles(connection, {row.message for row in rows}, visit.language)
    titles = filled_titles(load(visit.config.path(visit.config.folders.content)), visit.language) | titles
    rows = [row for row in rows if row.conflicts] if only else rows
    last = max(1, -(-len(rows) // PAGE))
    at = min(max(1, int(asked["page"]) if asked.get("page", "").isdecimal() and len(asked["page"]) < 6 else 1), last)
    return visit.page(
        "campaign_plan.html", spec=spec, sums=totals(rows), rows=rows[(at - 1) * PAGE : at * PAGE], at=at, last=last,
        only=only, titles=titles, days_of=_local_day, ends=lambda row: _ends(row, spec),
        look=partial(look, visit),
    )  # fmt: skip


@pages.get("/campaigns/{id_}/plan.pdf", act=Look.SIGNED_IN)
def plan_pdf(visit: Here, id_: str) -> Response:
    """The plan on paper, for signature; with the hash of what waits or is in force, if that is what the file says."""
    with visit.read() as connection:
        spec, rows, _ = _forecast(visit, connection, id_)
        given = approvals.open_(connection, KIND, id_) or approvals.current(connection, KIND, id_)
        document = schedules.plan(connection, given.subject) if given else None
    same = document if document and document.campaign == spec else None
    raw = sheet(spec, rows, office=visit.config.office.name, plan=same)
    return visit.download(raw, name=f"{spec.id}.pdf", kind="application/pdf")


@pages.get("/campaigns/{id_}/plan.ics", act=Look.SIGNED_IN)
def plan_ics(visit: Here, id_: str) -> Response:
    """For the calendars people already look at."""
    with visit.read() as connection:
        spec, rows, ground = _forecast(visit, connection, id_)
    return visit.download(
        as_calendar(spec, rows, ground.messages, now=visit.now), name=f"{spec.id}.ics", kind="text/calendar"
    )


def _forecast(visit: Visit, connection: Connection, id_: str) -> tuple[CampaignSpec, list[Row], Any]:
    spec, _ = spec_of(visit, connection, id_)
    library = load(visit.config.path(visit.config.folders.content))
    ground = survey(connection, visit.config, library, spec, now=visit.now)
    return spec, forecast(spec, ground), ground


def _local_day(row: Row) -> str:
    year, month, date = row.local[:10].split("-")
    return f"{date}/{month}/{year}"


def _ends(row: Row, spec: CampaignSpec) -> str:
    """When it is finished: the time, with the day if it is another one."""
    finish = row.finish.astimezone(spec.zone) if row.finish else None
    if finish is None:
        return "–"
    return f"{finish:%H:%M}" if f"{finish:%Y-%m-%d}" == row.local[:10] else f"{finish:%d/%m %H:%M}"


# -- deciding ---------------------------------------------------------------------------------------------------------


@pages.post("/campaigns/{id_}/submit", act=Act.CAMPAIGN_SUBMIT, form=show)
def submit(visit: Here, id_: str) -> Response:
    """Ask a second person to approve the plan as its file stands."""
    spec = find(_folder(visit), id_, visit.config)
    refuse_faults(visit.config, spec)
    senders = {name: road.sender for name, road in roads(visit.config).items()}
    with visit.write() as tx:
        schedules.submit(tx, spec, senders=senders, by=visit.name, two_person=visit.config.approval.two_person)
    return visit.go(f"/campaigns/{id_}", visit.say("Đã trình kế hoạch. Người khác xem và quyết định ở Bàn phê duyệt."))


@pages.post("/campaigns/{id_}/pause", act=Act.CAMPAIGN_PAUSE, form=show)
def pause(visit: Here, id_: str) -> Response:
    with visit.write() as tx:
        n = schedules.pause(tx, id_, by=visit.name, reason=_reason(visit))
    return visit.go(f"/campaigns/{id_}", visit.say("Đã tạm dừng chiến dịch; {n} lượt phát đang chờ.", n=n))


@pages.post("/campaigns/{id_}/resume", act=Act.CAMPAIGN_RESUME, form=show)
def resume(visit: Here, id_: str) -> Response:
    with visit.write() as tx:
        n = schedules.resume(tx, id_, by=visit.name)
    return visit.go(f"/campaigns/{id_}", visit.say("Chiến dịch chạy tiếp; {n} lượt phát đi tiếp.", n=n))


@pages.post("/campaigns/{id_}/cancel", act=Act.CAMPAIGN_CANCEL, form=show)
def cancel(visit: Here, id_: str) -> Response:
    """Nothing more of it goes out; only a plan approved anew starts it again."""
    visit.prove_again()
    with visit.write() as tx:
        n = schedules.cancel(tx, id_, by=visit.name, reason=_reason(visit), roads=roads(visit.config))
    return visit.go(f"/campaigns/{id_}", visit.say("Đã hủy chiến dịch; {n} lượt phát chưa xong đã dừng.", n=n))


# -- parts ------------------------------------------------------------------------------------------------------------


def spec_of(visit: Visit, connection: Connection, id_: str) -> tuple[CampaignSpec, bool]:
    """What the campaign's file says, else its plan as submitted or approved; and whether the file was there.

    Raises: NotFound; Faulty.
    """
    try:
        return find(_folder(visit), id_, visit.config), True
    except NotFound:
        waiting = approvals.open_(connection, KIND, id_)
        row = schedules.campaign(connection, id_)
        if waiting is None and row is None:
            raise NotFound("There is no such campaign; the list shows those there are.") from None
        subject = waiting.subject if waiting else row.plan_hash  # type: ignore[union-attr]
        return schedules.plan(connection, subject).campaign, False


def said(visit: Visit, faults: list[Fault]) -> list[str]:
    """Faults as a page shows them: what is wrong and what to do, without the line of a file nobody sees there."""
    told = plan_faults.translate if visit.language == "vi" else str
    return [f"{told(one.text)} {told(one.remedy)}".strip() for one in faults]


def look(visit: Visit, conflict: str) -> str:
    """What a forecast says of an occurrence, in the reader's language."""
    return plan_faults.translate(conflict) if visit.language == "vi" else conflict


def filled_titles(library: Library, language: str) -> dict[str, str]:
    """The titles of the files as they stand, facts filled in."""
    found = {}
    for name, item in library.items.items():
        try:
            titles = render.titles(item, library.facts)
        except Faulty:
            titles = dict(item.titles)
        found[name] = titles.get(language) or next(iter(titles.values()), name)
    return found


def _dated(text: str | None) -> str:
    """An ISO date as people read it."""
    return f"{text[8:10]}/{text[5:7]}/{text[:4]}" if text else "–"


def _reason(visit: Visit) -> str:
    return approvals.reason_of(visit.form.text("reason"))


def _folder(visit: Visit) -> Path:
    return visit.config.path(visit.config.folders.schedules)
