"""The public opt-out page behind the short link of a message: one neutral page, one button, no sign-in, no cookie.

Whoever holds the phone may see it: it names no campaign, no office and no person. A GET changes nothing, because phones and
mail programs open links by themselves.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from functools import cache, partial
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from broadcaster.audience import opt_out
from broadcaster.web import hooks

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


async def page(request: Request) -> Response:
    """GET: the question. POST: the answer, also for a mail program's one-click button (RFC 8058)."""
    ground, token = hooks.of(request), request.path_params["token"]
    found = await asyncio.to_thread(ground.read, partial(opt_out.holder, token=token, office_key=ground.office_key))
    language = _language(request, found.language if found else "")
    if found is None:
        return _answer("unknown", language, status=404)
    if request.method != "POST":
        return _answer("done" if found.is_out else "ask", language)
    if not await _is_small(request):
        return Response(status_code=413, headers={"Connection": "close"})
    await ground.write(partial(opt_out.by_link, token=token, office_key=ground.office_key))
    return _answer("done", language)


async def _is_small(request: Request) -> bool:
    """The body says nothing we need; it is read so that the connection can go on."""
    total = 0
    async for piece in request.stream():
        total += len(piece)
        if total > BODY_MOST:
            return False
    return True


def _language(request: Request, known: str) -> str:
    """What was asked for, else the person's own, else Vietnamese."""
    for wanted in (request.query_params.get("l", ""), known.partition("-")[0]):
        if wanted in WORDS:
            return wanted
    return "vi"


def _answer(state: str, language: str, *, status: int = 200) -> Response:
    other = "en" if language == "vi" else "vi"
    text = _template().render(state=state, language=language, other=other, words=WORDS[language], style=STYLE)
    return HTMLResponse(text, status_code=status, headers=_headers())


@cache
def _template() -> Any:
    from jinja2 import Environment, StrictUndefined

    return Environment(autoescape=True, undefined=StrictUndefined).from_string(PAGE)


@cache
def _headers() -> dict[str, str]:
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    return {
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        ),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
    }


page.rule = "public"  # type: ignore[attr-defined]  # no sign-in: the token says whose page it is

routes = [Route("/o/{token}", page, methods=["GET", "POST"])]
