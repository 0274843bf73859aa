"""The public opt-out page behind the short link of a message: one neutral page, one button, no sign-in, no cookie.

Whoever holds the phone may see it: it names no campaign, no office and no person. A GET changes nothing, because phones and
mail programs open links by themselves.
"""

from __future__ import annotations

import asyncio
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from broadcaster.audience import opt_out
from broadcaster.web import hooks
from broadcaster.web.small_page import SmallPage

BODY_MOST = 4 * 1024  # bytes: the button sends nothing, RFC 8058 26 bytes
STYLE = (
    "body{font:18px/1.5 sans-serif;max-width:32em;margin:3em auto;padding:0 1em}button{font:inherit;padding:.7em 1.2em}"
)
PAGE = """<!doctype html>
<html lang="{{ language }}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex"><title>{{ words.title }}</title><style>{{ style|safe }}</style>
<main><h1>{{ words.title }}</h1>
{% if state == "ask" %}<p>{{ words.ask }}</p><form method="post"><button>{{ words.button }}</button></form>
{% elif state == "done" %}<p role="status">{{ words.done }}</p>
{% else %}<p>{{ words.unknown }}</p>{% endif %}
<p><a href="https://nchmf.gov.vn/" rel="noreferrer">{{ words.leave }}</a></p>
{% if state != "done" %}<p><a href="?l={{ other }}" hreflang="{{ other }}" lang="{{ other }}">{{ words.other }}</a></p>{% endif %}
</main></html>
"""
WORDS = {
    "vi": {
        "title": "Ngừng nhận tin",
        "ask": "Bấm nút dưới đây nếu bạn không muốn nhận tin nữa.",
        "button": "Ngừng nhận tin",
        "done": "Đã ghi nhận. Bạn sẽ không nhận tin nữa. Có thể đóng trang này.",
        "unknown": "Đường dẫn không đúng hoặc không còn dùng được. Hãy mở lại đúng đường dẫn trong tin đã nhận.",
        "leave": "Thoát nhanh",
        "other": "English",
    },
    "en": {
        "title": "Stop messages",
        "ask": "Press the button if you want no more messages.",
        "button": "Stop messages",
        "done": "Noted. You will get no more messages. You can close this page.",
        "unknown": "The link is wrong or no longer works. Please open the link in the message again.",
        "leave": "Leave this page",
        "other": "Tiếng Việt",
    },
}


SMALL = SmallPage(PAGE, STYLE, WORDS)


async def page(request: Request) -> Response:
    """GET: the question. POST: the answer, also for a mail program's one-click button (RFC 8058)."""
    ground, token = hooks.of(request), request.path_params["token"]
    found = await asyncio.to_thread(ground.read, partial(opt_out.holder, token=token, office_key=ground.office_key))
    language = SMALL.language(request, found.language if found else "")
    if found is None:
        return SMALL.answer(language, state="unknown", status=404)
    if request.method != "POST":
        return SMALL.answer(language, state="done" if found.is_out else "ask")
    if not await _is_small(request):
        return Response(status_code=413, headers={"Connection": "close"})
    await ground.write(partial(opt_out.by_link, token=token, office_key=ground.office_key))
    return SMALL.answer(language, state="done")


async def _is_small(request: Request) -> bool:
    """The body says nothing we need; it is read so that the connection can go on."""
    total = 0
    async for piece in request.stream():
        total += len(piece)
        if total > BODY_MOST:
            return False
    return True


page.rule = "public"  # type: ignore[attr-defined]  # no sign-in: the token says whose page it is

routes = [Route("/o/{token}", page, methods=["GET", "POST"])]
