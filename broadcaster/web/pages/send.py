"""Asking for an ad-hoc broadcast: one message, once, over one channel; it waits for another person's approval."""

from __future__ import annotations

from fastapi.responses import Response
from sqlalchemy import select

from broadcaster.access.user import Act, Role
from broadcaster.app import road_of
from broadcaster.approval import store as approvals
from broadcaster.audience.store import GROUP
from broadcaster.dispatch.broadcast import public_id
from broadcaster.errors import WrongUse
from broadcaster.plan import ad_hoc
from broadcaster.schedule.files import roads
from broadcaster.web import store
from broadcaster.web.desk import Menu
from broadcaster.web.door import Here, Pages
from broadcaster.web.words import LANGUAGES

pages = Pages()
MENU = [Menu(path="/send", label="Phát đột xuất", order=45, roles=frozenset({Role.OPERATOR}))]
GROUPS = 500


@pages.get("/send", act=Act.BROADCAST_SEND)
def form(visit: Here) -> Response:
    """Only what is approved can be chosen."""
    with visit.read() as connection:
        names = sorted(approvals.in_state(connection, "revision", "approved"))
        titles = store.titles(connection, names, visit.language)
        groups = list(connection.scalars(select(GROUP.c.name).order_by(GROUP.c.name).limit(GROUPS)))
        campaigns = [row for row in store.campaigns(connection) if row.state not in ("done", "cancelled")]
    ways = roads(visit.config)
    return visit.page(
        "send.html", messages={name: f"{titles.get(name, name)} ({name})" for name in names},
        channels={name: _channel(visit, name, road.traits.unit == "public") for name, road in sorted(ways.items())},
        groups=groups, campaigns={row.id: row.title for row in campaigns},
        tongues={**LANGUAGES, "contact": visit.say("theo từng người")}, asked=visit.request.query_params.get("message", ""),
    )  # fmt: skip


@pages.post("/send", act=Act.BROADCAST_SEND, form=form)
def ask(visit: Here) -> Response:
    typed = visit.form
    message, channel = typed.text("message"), typed.text("channel")
    if not message or not channel:
        raise WrongUse("Choose a message and a channel.")
    road = road_of(visit.config, channel)
    with visit.read() as connection:
        revision = ad_hoc.approved(connection, visit.config, message, now=visit.now)
    with visit.write() as tx:
        wanted = ad_hoc.wanted(
            tx.connection, visit.config, road, now=tx.now, message=message, revision=revision,
            group=typed.text("group") or None, language=typed.text("language", "vi"), at=typed.text("at") or None,
            campaign=typed.text("campaign") or None,
        )  # fmt: skip
        twins = ad_hoc.twins(tx.connection, wanted)
        number, _ = ad_hoc.ask(tx, visit.config, wanted, by=visit.name)
    told = visit.say("{id} chờ người khác phê duyệt.", id=public_id(number))
    if twins:
        told += " " + visit.say(
            "Lưu ý: {others} nói cùng nội dung với cùng người và chưa xong.", others=", ".join(twins)
        )
    if opens := ad_hoc.opens(wanted):
        told += " " + visit.say("Đang trong giờ yên tĩnh: không gửi trước {when}.", when=opens)
    return visit.go(f"/approvals/broadcast/{public_id(number)}", told)


def _channel(visit: Here, name: str, is_public: bool) -> str:
    return visit.say("{channel} (công khai)", channel=name) if is_public else name
