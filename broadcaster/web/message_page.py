"""The public page of a message, behind the code on a poster and the link in a post: its text as it is approved now.

No sign-in, no cookie. Nothing is shown before the message is out (a broadcast of it has begun, or a piece was printed), once
it was withdrawn, or while a fact in it has moved: approval alone publishes nothing.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, exists, select
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from broadcaster.channel.opt_out_link import PLACEHOLDER
from broadcaster.config import Config
from broadcaster.db.tables import Broadcast, Printed, Revision, table
from broadcaster.errors import BroadcasterError
from broadcaster.printing.approved import approved
from broadcaster.web.desk import Desk
from broadcaster.web.small_page import SmallPage

BROADCAST, PRINTED, REVISION = table(Broadcast), table(Printed), table(Revision)
FORMS = ("text", "chat", "poster")  # in order of preference, for reading
STYLE = "body{font:18px/1.6 sans-serif;max-width:36em;margin:2em auto;padding:0 1em}h1{font-size:1.3em}p{white-space:pre-line}"
PAGE = """<!doctype html>
<html lang="{{ language }}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex"><title>{{ words.title }}</title><style>{{ style|safe }}</style>
<header><a href="https://nchmf.gov.vn/" rel="noreferrer">{{ words.leave }}</a></header>
<main>{% for one in said %}<article lang="{{ one.language }}"><h1>{{ one.title }}</h1>
<p>{{ one.text }}</p></article>
{% else %}<p>{{ words.unknown }}</p>
{% endfor %}{% if source %}<p><small>{{ words.source }}: {{ source }}</small></p>{% endif %}</main></html>
"""
WORDS = {
    "vi": {
        "title": "Thông tin",
        "leave": "Thoát nhanh",
        "source": "Nguồn",
        "unknown": "Không có trang này, hoặc nội dung không còn được đăng.",
    },
    "en": {
        "title": "Information",
        "leave": "Leave this page",
        "source": "Source",
        "unknown": "There is no such page, or the text is no longer published.",
    },
}
SMALL = SmallPage(PAGE, STYLE, WORDS)


async def page(request: Request) -> Response:
    """The message in every language it has, the reader's own first."""
    desk: Desk = request.app.state.desk
    found = await asyncio.to_thread(
        _read,
        desk,
        partial(published, config=desk.config, message=request.path_params["message"], now=desk.clock.now()),
    )
    language = SMALL.language(request)
    said, source = found or ([], "")
    said.sort(key=lambda one: one["language"] != language)
    return SMALL.answer(language, status=200 if said else 404, said=said, source=source)


def published(
    connection: Connection, *, config: Config, message: str, now: datetime
) -> tuple[list[dict[str, str]], str] | None:
    """Title and text by language, and the source; None for what is not out."""
    if not _is_out(connection, message):
        return None
    try:
        found = approved(connection, config, message, now=now)
    except BroadcasterError:
        return None
    said = [
        {
            "language": language,
            "title": found.body.titles.get(language, ""),
            "text": text.replace(PLACEHOLDER, "").strip(),
        }
        for language, forms in found.body.texts.items()
        if (text := next((forms[form] for form in FORMS if forms.get(form)), ""))
    ]
    return said, found.source


def _is_out(connection: Connection, message: str) -> bool:
    sent = select(BROADCAST.c.id).where(BROADCAST.c.message_id == message, BROADCAST.c.started_at.is_not(None))
    made = (
        select(PRINTED.c.id)
        .join(REVISION, REVISION.c.hash == PRINTED.c.revision_hash)
        .where(REVISION.c.message_id == message)
    )
    return bool(connection.scalar(select(exists(sent)))) or bool(connection.scalar(select(exists(made))))


def _read(desk: Desk, query: Any) -> Any:
    with desk.database.reading() as connection:
        return query(connection)


page.rule = "public"  # type: ignore[attr-defined]  # no sign-in: it is what everybody may read

routes = [Route("/m/{message}", page, methods=["GET"])]
