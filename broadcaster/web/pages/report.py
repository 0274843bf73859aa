"""Reports: a campaign's figures as tables and bars, and the official file to take along."""

from __future__ import annotations

from datetime import date
from typing import Any

from fastapi.responses import Response

from broadcaster.access.user import Act
from broadcaster.activity import place
from broadcaster.errors import Conflict, NotFound, WrongUse
from broadcaster.report import beside, making, narrative
from broadcaster.report.document import CATEGORIES, COLUMNS, UNAPPROVED, week_shown, work_table
from broadcaster.report.figures import Count
from broadcaster.report.form import heading
from broadcaster.report.words import LANGUAGES, speech
from broadcaster.schedule import store as schedules
from broadcaster.schedule.files import read_all
from broadcaster.web.desk import Menu
from broadcaster.web.door import Here, Look, Pages

pages = Pages()
MENU = [Menu(path="/report", label="Báo cáo", order=80)]
TEXT_LIMIT = 20_000  # characters of one section; a printed page has 3,000


@pages.get("/report", act=Look.SIGNED_IN)
def listing(visit: Here) -> Response:
    """Every campaign, the newest first, with the day its report is due."""
    specs = {file.spec.id: file.spec for file in read_all(_schedules(visit), visit.config) if file.spec}
    with visit.read() as connection:
        known = schedules.known(connection)
        rows = [_line(connection, name, specs.get(name)) for name in {*specs, *known}]
    rows.sort(key=lambda row: (row["until"] is None, row["until"]), reverse=True)
    return visit.page("report_list.html", rows=rows)


@pages.get("/report/{campaign}", act=Look.SIGNED_IN)
def show(visit: Here, campaign: str) -> Response:
    """The figures of one campaign, and what the office writes for its report."""
    with visit.read() as connection:
        figures = making.figures_of(connection, visit.config, campaign, now=visit.now)
        work = beside.activities_of(connection, campaign)
        board = place.board(connection, campaign)
        plays = place.doubled_plays(connection, campaign)
    words = narrative.read(making.narrative_path(visit.config, campaign))
    groups = (
        ("Theo hình thức", {heading(name): count for name, count in figures.by_form.items()}),
        ("Theo nội dung", {CATEGORIES.get(k, k or UNAPPROVED): count for k, count in figures.by_category.items()}),
        ("Theo kênh", figures.by_channel),
        ("Theo lịch phát", figures.by_schedule),
        ("Theo tuần", {week_shown(week): count for week, count in figures.by_week.items()}),
        ("Theo ngày", {date.fromisoformat(name).strftime("%d/%m/%Y"): count for name, count in figures.by_day.items()}),
    )
    return visit.page(
        "report.html",
        figures=figures,
        costs=[money.shown() for money in figures.costs],
        columns=[name for name, _ in COLUMNS],
        tables=[(title, [(name, _numbers(count)) for name, count in counts.items()]) for title, counts in groups],
        bars=_bars({name[8:] + "/" + name[5:7]: count.planned for name, count in figures.by_day.items()}),
        work=work_table(work) if work else None,
        plays=plays,
        places=len(board),
        missing=sum(one.state == "none" for one in board),
        editions={"vi": "Tiếng Việt", "en": "English"},
        sections=[(field, title, "\n\n".join(getattr(words, field))) for title, field in narrative.SECTIONS.items()],
        formats=making.FORMATS,
        seen=narrative.mark(making.narrative_path(visit.config, campaign)),
    )


@pages.post("/report/{campaign}/words", act=Act.REPORT_MAKE, form=show)
def keep(visit: Here, campaign: str) -> Response:
    """The office's own sentences, written into the same file as by hand."""
    said = {field: visit.form.text(field) for field in narrative.SECTIONS.values()}
    if any(len(text) > TEXT_LIMIT for text in said.values()):
        raise WrongUse("A section is longer than 20,000 characters; shorten it.")
    with visit.read() as connection:
        making.figures_of(connection, visit.config, campaign, now=visit.now)  # there is such a campaign
    path = making.narrative_path(visit.config, campaign)
    if visit.form.text("seen") != narrative.mark(path):
        raise Conflict(
            "Somebody else saved this report's words after you opened the page; yours stand below. To put them in the "
            "place of theirs, save again."
        )
    narrative.write(path, campaign, said)
    return visit.go(f"/report/{campaign}", visit.say("Đã lưu lời văn của báo cáo."))


@pages.post("/report/{campaign}/file", act=Act.REPORT_MAKE, form=show)
def take(visit: Here, campaign: str) -> Response:
    """One file of the report; its making stands in the ledger."""
    form = visit.form.text("format")
    if form not in making.FORMATS:
        raise NotFound("Choose one of the formats.")
    language = visit.form.text("language") or "vi"
    if language not in LANGUAGES:
        raise NotFound("Choose one of the languages.")
    written = visit.form.text("day")
    try:
        day = date.fromisoformat(written) if written else None
    except ValueError:
        raise WrongUse("The date is written like 2027-09-20.") from None
    with visit.read() as connection:
        figures = making.figures_of(connection, visit.config, campaign, now=visit.now)
        made = making.made_of(
            connection, visit.config, figures, form, now=visit.now, number=visit.form.text("number")[:40], day=day,
            say=speech(language),
        )  # fmt: skip
    with visit.write() as tx:
        making.record(tx, visit.name, figures.standing.campaign, form, made)
    name = (
        f"{figures.standing.campaign}.{form}" if language == "vi" else f"{figures.standing.campaign}.{language}.{form}"
    )
    return visit.download(made.data, name=name, kind=making.MIME_TYPES[form])


def _schedules(visit: Here) -> Any:
    return visit.config.path(visit.config.folders.schedules)


def _line(connection: Any, name: str, spec: Any) -> dict[str, Any]:
    row = schedules.campaign(connection, name)
    return {
        "id": name,
        "title": row.title if row else spec.title if spec else name,
        "state": row.state if row else "draft",
        "until": row.until if row else spec.until if spec else None,
        "due": row.report_due if row else spec.report_due if spec else None,
    }


def _numbers(count: Count) -> list[int]:
    return [count.planned, *(sum(count.states[state] for state in states) for _, states in COLUMNS)]


def _bars(counts: dict[str, int]) -> list[dict[str, Any]]:
    """Bars of a chart 960 wide and 200 high; every n-th has its name below."""
    most, n = max(counts.values(), default=0) or 1, len(counts)
    step = 960 / max(1, n)
    every = max(1, -(-n // 14))
    return [
        {
            "x": round(at * step + step * 0.15, 1), "width": round(step * 0.7, 1), "height": round(180 * count / most, 1),
            "y": round(190 - 180 * count / most, 1), "name": name if at % every == 0 else "", "n": count,
        }
        for at, (name, count) in enumerate(counts.items())
    ]  # fmt: skip
