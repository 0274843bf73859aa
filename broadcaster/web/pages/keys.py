"""Keys for one's own programs: made by the person in whose name they act, ended by that person or an admin."""

from __future__ import annotations

from datetime import timedelta

from fastapi.responses import Response

from broadcaster.access import token
from broadcaster.access.user import MAY, NEEDS_SECOND_LOOK, Act
from broadcaster.errors import NotFound, WrongUse
from broadcaster.web.door import Here, Look, Pages
from broadcaster.web.words import admin as words

pages = Pages()
DAYS_MOST = 366  # of a token; access/token.py


@pages.get("/me/keys", act=Look.SIGNED_IN)
def listing(visit: Here) -> Response:
    """One's own keys, and what a new one may do."""
    assert visit.account is not None
    with visit.read() as connection:
        rows = [one for one in token.everyone(connection) if one.name == visit.name]
    able = [act for act in Act if visit.account.roles & MAY[act] and act not in NEEDS_SECOND_LOOK]
    acts = [(act.value, visit.say(words.ACTS.get(act.value, act.value))) for act in able]
    return visit.page("keys.html", rows=rows, acts=acts, now=visit.now)


@pages.post("/me/keys", act=Look.SIGNED_IN, form=listing)
def make(visit: Here) -> Response:
    """A key that is shown once."""
    days = visit.form.text("days")
    known = {act.value: act for act in Act}
    wanted = [known[one] for one in visit.form.all("act") if one in known]
    if not days.isdecimal() or not days.isascii() or not 1 <= int(days[:6]) <= DAYS_MOST:
        raise WrongUse("A token is good for a year at most; give fewer days.")
    if not wanted:
        raise WrongUse("Tick at least one thing the program may do.")
    visit.prove_again()
    with visit.write() as tx:
        made = token.make(
            tx, name=visit.name, label=visit.form.text("label"), acts=wanted, good_for=timedelta(days=int(days)),
            actor=visit.name,
        )  # fmt: skip
    return visit.page("keys_once.html", secret=made)


@pages.post("/me/keys/{number}/end", act=Look.SIGNED_IN, form=lambda visit, number: listing(visit))  # noqa: ARG005
def end(visit: Here, number: str) -> Response:
    """At once."""
    with visit.write() as tx:
        own = [one.id for one in token.everyone(tx.connection) if one.name == visit.name]
        found = next((one for one in own if str(one) == number), None)
        if found is None:
            raise NotFound("There is no such token.")
        token.end(tx, found, actor=visit.name)
    return visit.go("/me/keys", visit.say("Khóa đã hết hiệu lực."))
