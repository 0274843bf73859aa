"""The first start: a one-time link, printed in the terminal, makes the first admin; never again once there is a user."""

from __future__ import annotations

import hmac

from fastapi.responses import Response

from broadcaster.access import appointment
from broadcaster.access import session as sessions
from broadcaster.access import store as users
from broadcaster.config import write_office_name
from broadcaster.errors import NotFound, WrongUse
from broadcaster.web.desk import TONGUE, Visit
from broadcaster.web.door import Here, Look, Pages, needs_factor, put_cookie
from broadcaster.web.words import LANGUAGES

pages = Pages()


@pages.get("/set-up/{token}", act=Look.PUBLIC)
def form(visit: Here, token: str) -> Response:
    _allow(visit, token)
    return visit.page("set_up.html")


@pages.post("/set-up/{token}", act=Look.PUBLIC, form=form)
def set_up(visit: Here, token: str) -> Response:
    _allow(visit, token)
    name, password = visit.form.text("name"), visit.form.raw("password")
    office = " ".join(visit.form.text("office").split())
    if not 1 <= len(office) <= 120:
        raise WrongUse("The office's name has 1 to 120 characters; it stands on reports.")
    if password != visit.form.raw("password_again"):
        raise WrongUse("The two passwords differ; type both again.")
    with visit.write() as tx:
        if users.everybody(tx.connection):
            raise NotFound("This office is set up already; sign in.")
        appointment.first_admin(tx, name=name, password=password, by="set-up")
        account = users.get(tx.connection, name)
    write_office_name(visit.config, office)
    visit.desk.set_up_token = ""
    with visit.write() as tx:
        cookie = sessions.open_(tx, name=name, second=not needs_factor(visit, account))
    response = visit.go("/")
    put_cookie(response, visit.request, cookie)
    chosen = visit.form.text("language")
    if chosen in LANGUAGES:
        response.set_cookie(TONGUE, chosen, max_age=365 * 86400, httponly=True, samesite="lax")
    return response


def _allow(visit: Visit, token: str) -> None:
    wanted = visit.desk.set_up_token
    if not wanted or not hmac.compare_digest(wanted.encode(), token.encode("utf-8", "replace")):
        raise NotFound("This set-up link is not good any more; if the office has users, sign in.")
