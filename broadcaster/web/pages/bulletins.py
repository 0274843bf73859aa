"""Loudspeaker bulletins: which communes owe an answer, what to ask them, and what an officer said on the telephone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi.responses import Response

from broadcaster.access.user import Act
from broadcaster.activity import bulletin_store as store
from broadcaster.activity.bulletin import PLAYS_MOST, Road, State, Word
from broadcaster.activity.bulletin_links import reminder, sheet_of
from broadcaster.activity.bulletin_store import Told, Waiting
from broadcaster.channel import officer_link
from broadcaster.dispatch.dispatch import public_id, read_public_id
from broadcaster.dispatch.timing import resolve
from broadcaster.errors import NotFound, WrongUse
from broadcaster.web import store as web_store
from broadcaster.web.desk import Menu, Visit
from broadcaster.web.door import Here, Look, Pages
from broadcaster.web.words.bulletins import REASONS_SAID, ROADS, STATES

pages = Pages()
MENU = [Menu(path="/bulletins", label="Truyền thanh", order=62)]
PAGE = 100  # bulletins on one page
COMMUNES = 200  # on the board at once; a province has fewer that owe


@pages.get("/bulletins", act=Look.SIGNED_IN)
def board(visit: Here) -> Response:
    """Communes that have not said what became of bulletins a day old or older; most owed first."""
    with visit.read() as connection:
        owed = store.board(connection, now=visit.now)
        counted = store.totals(connection)
    return visit.page(
        "bulletins.html", owed=[_owed(visit, one) for one in owed[:COMMUNES]], n=len(owed), counted=counted,
        states=STATES, may_remind=visit.may(Act.BULLETIN_REMIND),
    )  # fmt: skip


@pages.post("/bulletins/reminded", act=Act.BULLETIN_REMIND, form=board)
def reminded(visit: Here) -> Response:
    """Somebody called or wrote to the commune: it stands beside its bulletins."""
    station = visit.form.text("commune")
    with visit.write() as tx:
        found = [one for one in store.board(tx.connection, now=tx.now) if one.station == station]
        if not found:
            raise NotFound("This commune owes no answer any more.")
        store.reminded(tx, found[0].bulletins, by=visit.name)
    return visit.go("/bulletins", visit.say("Đã ghi: đã nhắc {commune}.", commune=found[0].commune))


@pages.get("/bulletins/list", act=Look.SIGNED_IN)
def listing(visit: Here) -> Response:
    """Bulletins of a campaign, a commune or a state, in the order in which they were made."""
    asked = {name: visit.request.query_params.get(name, "").strip()[:80] for name in ("state", "commune", "campaign")}
    after = visit.request.query_params.get("after", "")
    with visit.read() as connection:
        found = store.listing(
            connection, campaign=asked["campaign"] or None, station=asked["commune"] or None,
            state=State(asked["state"]) if asked["state"] in {one.value for one in State} else None,
            limit=PAGE, after=int(after) if after.isdecimal() and len(after) < 16 else 0,
        )  # fmt: skip
        campaigns = {row.id: row.title for row in web_store.campaigns(connection)}
    return visit.page(
        "bulletin_list.html", rows=[(public_id(one.dispatch), one) for one in found], asked=asked, states=STATES,
        campaigns={"": visit.say("Mọi chiến dịch"), **campaigns}, after=found[-1].dispatch if len(found) == PAGE else None,
    )  # fmt: skip


@pages.get("/bulletins/{id_}", act=Look.SIGNED_IN)
def show(visit: Here, id_: str) -> Response:
    """One bulletin: what is read, what is known of it, and the form for what its officer says on the telephone."""
    with visit.read() as connection:
        told = store.get(connection, read_public_id(id_))
    link = officer_link.bulletin_link(
        visit.config.web.public_url, visit.desk.office_key, kind=officer_link.KIND, dispatch=told.dispatch
    )
    return visit.page(
        "bulletin.html", id=id_, told=told, link=link, states=STATES, roads=ROADS, reasons=REASONS_SAID,
        most=PLAYS_MOST, may_say=visit.may(Act.BULLETIN_CONFIRM) and told.state is not State.RECALLED,
    )  # fmt: skip


@pages.post("/bulletins/{id_}/word", act=Act.BULLETIN_CONFIRM, form=show)
def say_for(visit: Here, id_: str) -> Response:
    """On the officer's behalf, by telephone: the name of whoever wrote it down stands beside it."""
    number, word = read_public_id(id_), _word(visit)
    with visit.read() as connection:
        seconds = store.measured(visit.config, store.get(connection, number))
    with visit.write() as tx:
        store.confirm(tx, number, word, road=Road.TELEPHONE, by=visit.name, seconds=seconds)
    return visit.go(f"/bulletins/{id_}", visit.say("Đã ghi lời báo qua điện thoại."))


# -- parts ------------------------------------------------------------------------------------------------------------


def _word(visit: Visit) -> Word:
    what = visit.form.text("what")
    at = _moment(visit)
    if what == State.PLAYED:
        plays = visit.form.text("plays")
        return Word(state=State.PLAYED, at=at, plays=int(plays) if plays.isdecimal() and len(plays) < 4 else 0)
    if what == State.NOT_PLAYED:
        return Word(state=State.NOT_PLAYED, at=at, reason=visit.form.text("reason"))
    if what == State.SCHEDULED:
        return Word(state=State.SCHEDULED, at=at)
    raise WrongUse("Choose what the officer said: played, not played, or planned.")


def _moment(visit: Visit) -> datetime | None:
    text = visit.form.text("at")
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUse("The time is no time; choose a day and an hour, or leave it empty.") from None
    return resolve(found.date(), found.time(), visit.desk.zone)


def _owed(visit: Visit, waiting: Waiting) -> dict[str, Any]:
    public, key = visit.config.web.public_url, visit.desk.office_key
    first: Told = waiting.bulletins[0]
    return {
        "waiting": waiting,
        "oldest": first.issued,
        "sheet": sheet_of(public, key, first),
        "text": reminder(visit.config.office.name, public, key, waiting.bulletins),
        "bulletins": [(public_id(one.dispatch), one) for one in waiting.bulletins],
    }
