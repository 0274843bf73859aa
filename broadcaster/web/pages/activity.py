"""The activity register: what people did, entered where it is counted."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

from fastapi.responses import Response

from broadcaster.access.user import Act
from broadcaster.activity import attachment, place, store
from broadcaster.activity.activity import KINDS, Activity, check, groups, shown, twins
from broadcaster.content.check import today as office_day
from broadcaster.errors import WrongUse
from broadcaster.schedule import store as schedules
from broadcaster.web.desk import Menu
from broadcaster.web.door import Here, Look, Pages

pages = Pages()
MENU = [Menu(path="/activity", label="Hoạt động", order=85)]
SHOWN = 200  # entries of one page; a campaign of a province has some thousand
PHOTO = attachment.LIMIT + 64 * 1024  # bytes of the whole form


@pages.get("/activity", act=Look.SIGNED_IN)
def listing(visit: Here) -> Response:
    """What counts, the newest day first, and the form for one more."""
    campaign = visit.request.query_params.get("campaign", "")
    with visit.read() as connection:
        found = store.standing(connection, campaign=campaign or None)
        campaigns = schedules.known(connection)
        plays = place.doubled_plays(connection, campaign) if campaign else []
    return visit.page(
        "activity.html",
        kept=found[::-1][:SHOWN],
        whole=len(found),
        doubled=twins((one.id, one.activity) for one in found),
        plays=plays,
        kinds=KINDS,
        campaigns={"": visit.say("Không thuộc chiến dịch"), **campaigns},
        chosen=campaign,
        at_risk=lambda one: ", ".join(f"{name}: {shown(n)}" for name, n in one.at_risk.items()),
    )


@pages.post("/activity", act=Act.ACTIVITY_ADD, form=listing, upload=PHOTO)
def add(visit: Here) -> Response:
    found = _read(visit)  # a picture is drawn anew: no send and no stop waits for that
    with visit.write() as tx:
        store.add(tx, [found], by=visit.name, source="staff")
    return visit.go("/activity", visit.say("Đã ghi vào sổ hoạt động."))


def _list_again(visit: Here, number: int) -> Response:  # noqa: ARG001 - takes what the POST takes
    return listing(visit)


@pages.post("/activity/{number}/void", act=Act.ACTIVITY_ADD, form=_list_again)
def void(visit: Here, number: int) -> Response:
    """It counts no more; both entries stay in the ledger."""
    with visit.write() as tx:
        old = store.get(tx.connection, number)
        store.add(tx, [old.activity], by=visit.name, source="staff", corrects=number, void=True)
    return visit.go("/activity", visit.say("Đã rút lại hoạt động {n}.", n=str(number)))


def _read(visit: Here) -> Activity:
    form = visit.form
    try:
        day = date.fromisoformat(form.text("day"))
    except ValueError:
        raise WrongUse("The day is written like 2027-07-30.") from None
    found = Activity(
        kind=form.text("kind"), day=day, commune=form.text("commune"), campaign=form.text("campaign"),
        units=_number(form.text("units", "1")), minutes=_number(form.text("minutes")),
        participants=_number(form.text("participants")), at_risk=groups(form.text("at_risk")), note=form.text("note"),
    )  # fmt: skip
    check(found, today=office_day(visit.now, visit.config))
    digest = _attachment(visit)
    return Activity(**{name: getattr(found, name) for name in Activity.__slots__} | {"attachment": digest})


def _attachment(visit: Here) -> str:
    file = visit.form.files.get("attachment")
    if file is None or not file.filename:
        return ""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "attachment"
        path.write_bytes(file.file.read(attachment.LIMIT + 1))
        return attachment.keep(visit.config.path("attachments"), path)


def _number(text: str) -> int:
    digits = text.replace(".", "").replace(" ", "")
    if not digits:
        return 0
    if not digits.isdecimal() or len(digits) > 9:
        raise WrongUse(f"{text!r:.40} is no number; write it like 45581 or 45.581.")
    return int(digits)
