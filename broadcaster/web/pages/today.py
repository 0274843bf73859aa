"""Today: what went, what is going, what comes, and what needs whom."""

from __future__ import annotations

from fastapi.responses import Response

from broadcaster.web.desk import Menu
from broadcaster.web.door import Here, Look, Pages

pages = Pages()
MENU = [Menu(path="/", label="Hôm nay", order=10)]


@pages.get("/", act=Look.SIGNED_IN)
def today(visit: Here) -> Response:
    return visit.page("today.html")
