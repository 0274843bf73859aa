"""Filling in a campaign and its schedules: clear forms that write the same file as by hand, checked before it is written."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastapi.responses import Response
from sqlalchemy import select

from broadcaster.access.user import Act
from broadcaster.audience.store import GROUP
from broadcaster.content.fault import Fault, errors
from broadcaster.content.files import Library, load
from broadcaster.errors import Conflict, NotFound, WrongUse
from broadcaster.schedule import writing
from broadcaster.schedule.files import check_text, read_all
from broadcaster.schedule.spec import PICKS, SLUG, WEEKDAYS, CampaignSpec
from broadcaster.schedule.writing import CampaignDraft, ScheduleDraft
from broadcaster.web import rule
from broadcaster.web.desk import Visit
from broadcaster.web.door import Here, Pages
from broadcaster.web.pages.campaigns import filled_titles, said

pages = Pages()
KINDS = {"daily": "Theo giờ trong ngày", "at": "Một lần", "cron": "Theo biểu thức cron"}
PRIORITIES = {"normal": "Bình thường", "priority": "Ưu tiên: gửi trước các lượt khác"}
CHAINS = 6  # rows of channels at most
DEEP = 3  # channels in one row
BREAKS = 3  # rows for days without sending
GROUPS = 500


@pages.get("/campaign-new", act=Act.CAMPAIGN_SUBMIT)
def new(visit: Here) -> Response:
    """A campaign with its first schedule."""
    return _new(visit)


@pages.post("/campaign-new", act=Act.CAMPAIGN_SUBMIT, form=new)
def make(visit: Here) -> Response:
    campaign, schedule = _typed_campaign(visit), _typed_schedule(visit)
    text = writing.with_schedule(writing.campaign_table(campaign), schedule, at=None)
    spec, faults = _check(visit, campaign.id, text)
    if faults or _only_checks(visit):
        return _new(visit, faults=faults, spec=spec)
    path = _folder(visit) / f"{campaign.id}.toml"
    if path.exists():
        raise Conflict("There is a campaign of this id already; choose another id.")
    writing.write(path, text, seen=writing.digest(""))
    return visit.go(f"/campaigns/{campaign.id}", visit.say("Đã tạo chiến dịch. Xem chạy thử, rồi trình phê duyệt."))


def _new(visit: Visit, *, faults: list[Fault] | None = None, spec: CampaignSpec | None = None) -> Response:
    today = visit.now.astimezone(visit.desk.zone).date()
    campaign = CampaignDraft(
        id="", title="", since=str(today), until="", timezone=visit.config.office.timezone,
        quiet_hours=visit.config.defaults.quiet_hours, languages=("vi",),
    )  # fmt: skip
    schedule = ScheduleDraft(id="", messages=(), kind="daily", days=WEEKDAYS)
    if visit.form.values:
        campaign, schedule = _typed_campaign(visit), _typed_schedule(visit)
    return _form(visit, "campaign_new.html", faults=faults, spec=spec, campaign=campaign, schedule=schedule)


@pages.get("/campaigns/{id_}/edit", act=Act.CAMPAIGN_SUBMIT)
def edit(visit: Here, id_: str) -> Response:
    return _edit(visit, id_)


@pages.post("/campaigns/{id_}/edit", act=Act.CAMPAIGN_SUBMIT, form=edit)
def save(visit: Here, id_: str) -> Response:
    path, _ = _file(visit, id_)
    text = writing.with_campaign(writing.read(path), replace(_typed_campaign(visit), id=id_))
    spec, faults = _check(visit, path.stem, text)
    if faults or _only_checks(visit):
        return _edit(visit, id_, faults=faults, spec=spec)
    writing.write(path, text, seen=visit.form.text("seen"))
    return visit.go(f"/campaigns/{id_}", visit.say("Đã lưu. Thay đổi chỉ có hiệu lực khi được trình và phê duyệt lại."))


def _edit(visit: Visit, id_: str, *, faults: list[Fault] | None = None, spec: CampaignSpec | None = None) -> Response:
    path, now = _file(visit, id_)
    campaign = replace(_typed_campaign(visit), id=id_) if visit.form.values else writing.campaign_draft(now)
    return _form(visit, "campaign_edit.html", faults=faults, spec=spec, campaign=campaign, id_=id_, path=path)


# -- one schedule -----------------------------------------------------------------------------------------------------


@pages.get("/campaigns/{id_}/schedule", act=Act.CAMPAIGN_SUBMIT)
def add(visit: Here, id_: str) -> Response:
    return _schedule(visit, id_, "")


@pages.post("/campaigns/{id_}/schedule", act=Act.CAMPAIGN_SUBMIT, form=add)
def save_new(visit: Here, id_: str) -> Response:
    return _save_schedule(visit, id_, "")


@pages.get("/campaigns/{id_}/schedule/{name}", act=Act.CAMPAIGN_SUBMIT)
def change(visit: Here, id_: str, name: str) -> Response:
    return _schedule(visit, id_, name)


@pages.post("/campaigns/{id_}/schedule/{name}", act=Act.CAMPAIGN_SUBMIT, form=change)
def save_schedule(visit: Here, id_: str, name: str) -> Response:
    return _save_schedule(visit, id_, name)


@pages.post("/campaigns/{id_}/schedule/{name}/remove", act=Act.CAMPAIGN_SUBMIT, form=change)
def remove(visit: Here, id_: str, name: str) -> Response:
    path, spec = _file(visit, id_)
    if len(spec.schedules) == 1:
        raise WrongUse("A campaign needs a schedule; add another first, or cancel the campaign.")
    text = writing.without_schedule(writing.read(path), at=_at(spec, name) or 0)
    writing.write(path, text, seen=visit.form.text("seen"))
    return visit.go(
        f"/campaigns/{id_}", visit.say("Đã bỏ lịch phát {name}. Trình lại để thay đổi có hiệu lực.", name=name)
    )


def _save_schedule(visit: Visit, id_: str, name: str) -> Response:
    path, spec = _file(visit, id_)
    draft = _typed_schedule(visit)
    text = writing.with_schedule(writing.read(path), draft, at=_at(spec, name))
    checked, faults = _check(visit, path.stem, text)
    if faults or _only_checks(visit):
        return _schedule(visit, id_, name, faults=faults, spec=checked)
    writing.write(path, text, seen=visit.form.text("seen"))
    return visit.go(
        f"/campaigns/{id_}", visit.say("Đã lưu lịch phát {name}. Trình lại để thay đổi có hiệu lực.", name=draft.id)
    )


def _schedule(
    visit: Visit, id_: str, name: str, *, faults: list[Fault] | None = None, spec: CampaignSpec | None = None
) -> Response:
    path, now = _file(visit, id_)
    at = _at(now, name)
    if visit.form.values and visit.form.text("id"):
        draft = _typed_schedule(visit)
    elif at is None:
        draft = ScheduleDraft(
            id="", messages=(), kind="daily", days=WEEKDAYS, since=str(now.since), until=str(now.until),
            language=now.languages[0],
        )  # fmt: skip
    else:
        draft = writing.schedule_draft(now.schedules[at])
    return _form(
        visit, "schedule_edit.html", faults=faults, spec=spec, schedule=draft, campaign=writing.campaign_draft(now),
        id_=id_, name=name, path=path, title=now.title, alone_schedule=len(now.schedules) == 1,
    )  # fmt: skip


def _at(spec: CampaignSpec, name: str) -> int | None:
    """Which one it is in the file; None for a new one. Raises: NotFound."""
    if not name:
        return None
    found = [at for at, one in enumerate(spec.schedules) if one.id == name]
    if not found:
        raise NotFound("This campaign has no such schedule; its page shows those it has.")
    return found[0]


# -- the form ---------------------------------------------------------------------------------------------------------


def _form(
    visit: Visit, template: str, *, faults: list[Fault] | None, spec: CampaignSpec | None, path: Path | None = None,
    schedule: ScheduleDraft | None = None, campaign: CampaignDraft | None = None, **values: Any,
) -> Response:  # fmt: skip
    """`faults`: None before anything was checked."""
    library = load(visit.config.path(visit.config.folders.content))
    with visit.read() as connection:
        groups = list(connection.scalars(select(GROUP.c.name).order_by(GROUP.c.name).limit(GROUPS)))
    sentence = ""
    if spec and schedule and not faults:
        found = spec.schedule(schedule.id)
        sentence = f"{rule.read_back(visit, found.when)}. {rule.way(visit, found)}"
    chains = [one.split(" > ") for one in schedule.channels] if schedule else []
    wanted = min(max(3, len(chains) + 1), max(CHAINS, len(chains)))
    rows = [[*one, *[""] * (DEEP - len(one))] for one in [*chains, *[[]] * CHAINS][:wanted]]
    spans = (
        [*campaign.blackout, *[("", "", "")] * BREAKS][: max(BREAKS, len(campaign.blackout) + 1)] if campaign else []
    )
    return visit.page(
        template, status=400 if faults else 200, faults=said(visit, faults or []), checked=faults is not None, sentence=sentence,
        schedule=schedule, campaign=campaign, groups=_with(groups, schedule.group if schedule else ""),
        messages=_messages(library, schedule, visit.language), rows=rows,
        channels=_with(sorted(visit.config.channels), *(name for chain in chains for name in chain)),
        spans=spans, kinds=_words(visit, KINDS), weekdays=list(zip(WEEKDAYS, rule.DAYS, strict=True)),
        picks={one: visit.say(rule.PICKS[one]) for one in PICKS}, runs=_words(visit, rule.RUNS),
        priorities=_words(visit, PRIORITIES),
        seen=visit.form.text("seen") or (writing.digest(writing.read(path)) if path else ""), **values,
    )  # fmt: skip


def _messages(library: Library, schedule: ScheduleDraft | None, language: str) -> list[tuple[str, str, bool]]:
    """Those chosen first, in the order in which they take turns; then all others."""
    chosen = schedule.messages if schedule else ()
    names, titles = [*chosen, *sorted(set(library.items) - set(chosen))], filled_titles(library, language)
    return [(name, titles.get(name, name), name in chosen) for name in names]


def _typed_campaign(visit: Visit) -> CampaignDraft:
    form = visit.form
    spans = zip(form.all("break_from"), form.all("break_until"), form.all("break_reason"), strict=False)
    return CampaignDraft(
        id=form.text("campaign_id"), title=form.text("title"), since=form.text("since"), until=form.text("until"),
        timezone=form.text("timezone"), quiet_hours=form.text("quiet_hours"),
        blackout=tuple((one.strip(), two.strip(), why.strip()) for one, two, why in spans if one.strip() or two.strip()),
        report_due=form.text("report_due"), languages=_split(form.text("languages")),
        amount=re.sub(r"[\s.,_](?=\d{3}(?:\D|$))", "", form.text("amount")), currency=form.text("currency", "VND"),
    )  # fmt: skip


def _typed_schedule(visit: Visit) -> ScheduleDraft:
    form = visit.form
    chains = []
    for row in range(CHAINS * 4):
        names = [one for one in form.all(f"chain_{row}") if one]
        if names:
            chains.append(" > ".join(names))
    kind = form.text("kind", "daily")
    return ScheduleDraft(
        id=form.text("id"), messages=tuple(form.all("message")), kind=kind, pick=form.text("pick", "rotate"),
        times=tuple(one if len(one) != 4 else f"0{one}" for one in _split(form.text("times"))),
        days=tuple(form.all("day")), cron=form.text("cron"), at=form.text("at"),
        since="" if kind == "at" else form.text("first"), until="" if kind == "at" else form.text("last"),
        channels=tuple(chains), group=form.text("group"), language=form.text("language"),
        run=form.text("run", "latest"), within=form.text("within", "6h"), priority=form.text("priority", "normal"),
        fallback_after=form.text("fallback_after"),
    )  # fmt: skip


def _check(visit: Visit, name: str, text: str) -> tuple[CampaignSpec | None, list[Fault]]:
    """As `broadcaster check` reads it; warnings stop nobody."""
    library = load(visit.config.path(visit.config.folders.content))
    shown = name if SLUG.fullmatch(name) else "new"
    file, faults = check_text(text, path=f"{_folder(visit).name}/{shown}.toml", library=library, config=visit.config)
    return file.spec, errors(faults)


def _only_checks(visit: Visit) -> bool:
    return visit.form.text("do") == "check"


def _file(visit: Visit, id_: str) -> tuple[Path, CampaignSpec]:
    """Raises: NotFound for a campaign without a file that can be read."""
    for file in read_all(_folder(visit), visit.config):
        if file.spec and file.spec.id == id_:
            return _folder(visit) / Path(file.path).name, file.spec
    raise NotFound("There is no file of this campaign that can be read; the list says what is wrong with it.")


def _folder(visit: Visit) -> Path:
    return visit.config.path(visit.config.folders.schedules)


def _split(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part for part in re.split(r"[,;\s]+", text) if part))


def _with(names: list[str], *also: str) -> list[str]:
    return [*names, *dict.fromkeys(one for one in also if one and one not in names)]


def _words(visit: Visit, words: dict[str, str]) -> dict[str, str]:
    return {key: visit.say(text) for key, text in words.items()}
