"""Whose figures of a campaign are in: communes and partner departments, with the words that ask for them, to copy."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from fastapi.responses import Response
from sqlalchemy import Connection

from broadcaster.access.user import Act
from broadcaster.activity import place
from broadcaster.activity.link import reminder_of
from broadcaster.schedule import store as schedules
from broadcaster.web.door import Here, Look, Pages

pages = Pages()


@pages.get("/activity/board/{campaign}", act=Look.SIGNED_IN)
def show(visit: Here, campaign: str) -> Response:
    """Those without figures first."""
    with visit.read() as connection:
        title = schedules.known(connection).get(campaign, campaign)
        found = place.board(connection, campaign)
        words = _words(visit, connection, campaign)
    return visit.page(
        "board.html",
        campaign=campaign,
        title=title,
        rows=[(one, words(one.place.name) if one.state != "all" else "") for one in found],
        counts={state: sum(one.state == state for one in found) for state in place.STANDS},
        states={"none": "Chưa có", "some": "Đã có một phần", "all": "Đã đủ"},
        kinds={place.COMMUNE: "Xã, phường", place.DEPARTMENT: "Sở, ngành"},
    )


@pages.post("/activity/board/{campaign}/said", act=Act.ACTIVITY_ADD, form=show)
def said(visit: Here, campaign: str) -> Response:
    """A place told us that this is all; its name goes into the ledger."""
    with visit.write() as tx:
        place.say_all(tx, campaign, visit.form.text("place"), by=visit.name)
    return visit.go(f"/activity/board/{campaign}", visit.say("Đã ghi: số liệu của đơn vị này đã đủ."))


def _words(visit: Here, connection: Connection, campaign: str) -> Any:
    today: date = visit.now.astimezone(ZoneInfo(visit.config.office.timezone)).date()
    return reminder_of(connection, visit.config, visit.desk.office_key, campaign, today=today)
