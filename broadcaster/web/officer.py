"""Where a commune's loudspeaker officer says what became of a bulletin: a link for one, a sheet for the week.

No sign-in, no cookie, no script, and small enough for the oldest telephone: whoever holds the token is the officer. A GET
changes nothing, because telephones and mail programs open links by themselves. One select for each bulletin is all there is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from broadcaster.activity import bulletin_store as store
from broadcaster.activity.bulletin import REASONS, State, Word
from broadcaster.activity.bulletin_store import Sheet, Told
from broadcaster.errors import BroadcasterError, NotFound, WrongUse
from broadcaster.ledger.store import Transaction
from broadcaster.web import hooks
from broadcaster.web.desk import Desk
from broadcaster.web.small_page import SmallPage, body_of

BODY_MOST = 32 * 1024  # bytes: two hundred bulletins of a week, with their answers
PLAYS = tuple(range(1, 15))  # a week, twice a day; more is said by telephone
STYLE = (
    "body{font:18px/1.5 sans-serif;max-width:34em;margin:1em auto;padding:0 .8em}h1{font-size:1.3em}"
    "select,button{font:inherit;max-width:100%;padding:.5em}button{padding:.7em 1.4em}"
    ".b{border-top:1px solid #767676;padding:.6em 0}.t{white-space:pre-wrap;background:#f2f2f2;padding:.6em;color:#000}"
)
PAGE = """<!doctype html>
<html lang="{{ language }}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex"><title>{{ words.title }}</title><style>{{ style|safe }}</style>
<main><h1>{{ words.title }}{% if commune %}: {{ commune }}{% endif %}</h1>
{% if trouble %}<p role="alert"><b>{{ trouble }}</b></p>{% endif %}
{% if kept %}<p role="status"><b>{{ words.kept }}</b></p>{% endif %}
{% if not bulletins %}<p>{{ words.unknown }}</p>
{% else %}{% if open %}<p>{{ words.ask }}</p>{% endif %}
<form method="post">
{% for one in bulletins %}<div class="b">
<p><b lang="{{ one.told.language }}">{{ one.told.title }}</b><br>{{ one.day }} · {{ one.length }}</p>
{% if one.text %}<p class="t" lang="{{ one.told.language }}">{{ one.text }}</p>{% endif %}
{% if one.told.open %}<p><label for="w{{ one.told.dispatch }}">{{ words.what }}</label><br>
<select id="w{{ one.told.dispatch }}" name="w{{ one.told.dispatch }}"><option value="">{{ words.choose }}</option>
<optgroup label="{{ words.played }}">
{% for n in plays %}<option value="played {{ n }}">{{ words.times.format(n=n) }}</option>
{% endfor %}</optgroup><optgroup label="{{ words.not_played }}">
{% for key, said in reasons.items() %}<option value="not {{ key }}">{{ words.because.format(reason=said) }}</option>
{% endfor %}</optgroup>
</select></p>
{% else %}<p>{{ one.stands }}</p>{% endif %}</div>
{% endfor %}{% if open %}<p><button>{{ words.button }}</button></p>{% endif %}</form>
{% if not open and not kept %}<p>{{ words.final }}</p>{% endif %}{% endif %}
<p><a href="?l={{ other }}" hreflang="{{ other }}" lang="{{ other }}">{{ words.other }}</a></p>
</main></html>
"""
WORDS = {
    "vi": {
        "title": "Bản tin loa truyền thanh",
        "ask": "Xin chọn cho từng bản tin: đã phát mấy lần, hoặc vì sao không phát. Rồi bấm Gửi.",
        "what": "Bản tin này:",
        "choose": "– chưa báo –",
        "played": "Đã phát",
        "not_played": "Không phát",
        "times": "Đã phát {n} lần",
        "because": "Không phát: {reason}",
        "button": "Gửi",
        "kept": "Đã ghi nhận. Cảm ơn. Có thể đóng trang này.",
        "final": "Không còn gì phải báo. Muốn sửa, xin gọi điện cho cơ quan đã gửi bản tin.",
        "recalled": "Bản tin đã thu lại. Xin không phát.",
        "unknown": "Đường dẫn không đúng hoặc không còn dùng được. Xin gọi cơ quan đã gửi bản tin.",
        "nothing": "Chưa chọn gì. Xin chọn cho ít nhất một bản tin, rồi bấm Gửi.",
        "taken": "Điều này đã được báo trước đó. Muốn sửa, xin gọi điện cho cơ quan đã gửi bản tin.",
        "wrong": "Không đọc được câu trả lời. Xin mở lại trang và chọn lại.",
        "seconds": "dài {n} giây",
        "other": "English",
    },
    "en": {
        "title": "Loudspeaker bulletin",
        "ask": "Choose for each bulletin how often it was played, or why it was not. Then press Send.",
        "what": "This bulletin:",
        "choose": "– not said yet –",
        "played": "Played",
        "not_played": "Not played",
        "times": "Played, times: {n}",
        "because": "Not played: {reason}",
        "button": "Send",
        "kept": "Noted. Thank you. You can close this page.",
        "final": "Nothing is left to say. To change it, telephone the office that sent the bulletin.",
        "recalled": "The bulletin was taken back. Please do not play it.",
        "unknown": "The link is wrong or no longer works. Please telephone the office that sent the bulletin.",
        "nothing": "Nothing was chosen. Choose for one bulletin at least, then press Send.",
        "taken": "This was said before. To change it, telephone the office that sent the bulletin.",
        "wrong": "The answer cannot be read. Open the page again and choose again.",
        "seconds": "{n} seconds long",
        "other": "Tiếng Việt",
    },
}
REASONS_EN = {
    "power": "no electricity",
    "broken": "the equipment is broken",
    "network": "no connection, the bulletin did not come",
    "weather": "disaster, weather",
    "urgent": "gave way to urgent news",
    "late": "the bulletin came late",
    "wrong": "its content does not fit the place",
    "nobody": "nobody there to run it",
    "other": "another reason",
}


SMALL = SmallPage(PAGE, STYLE, WORDS)


async def one(request: Request) -> Response:
    """The page of one bulletin. GET: what is read, and one question. POST: the answer; one final word for each link."""
    ground, desk, token = hooks.of(request), request.app.state.desk, request.path_params["token"]
    look = partial(store.open_link, token=token, office_key=ground.office_key)
    try:
        told = await asyncio.to_thread(ground.read, partial(_now, look, desk))
    except NotFound:
        return _nothing(request)
    if request.method != "POST":
        return _page(request, told.commune, (told,), whole=True)
    try:
        words = _words(await body_of(request, BODY_MOST))
        if not words or set(words) != {told.dispatch}:
            raise WrongUse("nothing" if not words else "wrong")
        seconds = await asyncio.to_thread(store.measured, desk.config, told)
        await ground.write(
            partial(store.confirm_by_link, token=token, word=words[told.dispatch], office_key=ground.office_key,
                    seconds=seconds)
        )  # fmt: skip
    except BroadcasterError as error:
        told = await asyncio.to_thread(ground.read, partial(_now, look, desk))
        return _page(request, told.commune, (told,), whole=True, error=error)
    return _kept(request)


async def sheet(request: Request) -> Response:
    """The commune's week. GET: its bulletins, each with one question. POST: those that were answered."""
    ground, desk, token = hooks.of(request), request.app.state.desk, request.path_params["token"]
    look = partial(store.tick_sheet, token=token, office_key=ground.office_key)
    try:
        found = await asyncio.to_thread(ground.read, partial(_now, look, desk))
    except BroadcasterError:
        return _nothing(request)
    if request.method != "POST":
        return _page(request, found.commune, found.bulletins)
    try:
        words = _words(await body_of(request, BODY_MOST))
        if not words:
            raise WrongUse("nothing")
        seconds = await asyncio.to_thread(_measured, desk, found, words)
        await ground.write(partial(_tick, token, words, ground.office_key, seconds))
    except BroadcasterError as error:
        return _page(request, found.commune, found.bulletins, error=error)
    return _kept(request)


# -- what is asked ----------------------------------------------------------------------------------------------------


def _now(look: Any, desk: Desk, connection: Any) -> Any:
    return look(connection, now=desk.clock.now())


def _tick(
    token: str, words: Mapping[int, Word], office_key: bytes, seconds: Mapping[int, int], tx: Transaction
) -> None:
    store.tick(tx, token, words, office_key=office_key, seconds=seconds)


def _measured(desk: Desk, found: Sheet, words: Mapping[int, Word]) -> dict[int, int]:
    known = {one.dispatch: store.measured(desk.config, one) for one in found.bulletins if one.dispatch in words}
    return {number: seconds for number, seconds in known.items() if seconds}


def _words(raw: bytes) -> dict[int, Word]:
    """What was chosen, by dispatch. Raises: WrongUse for what no form of ours sends."""
    try:
        pairs = parse_qsl(raw.decode("ascii"), strict_parsing=bool(raw), keep_blank_values=True, max_num_fields=400)
        return {int(name[1:]): _word(value) for name, value in pairs if name[:1] == "w" and value}
    except (ValueError, KeyError):
        raise WrongUse("wrong") from None


def _word(value: str) -> Word:
    what, _, which = value.partition(" ")
    if what == "played" and int(which) in PLAYS:
        return Word(state=State.PLAYED, plays=int(which))
    if what == "not" and which in REASONS:
        return Word(state=State.NOT_PLAYED, reason=which)
    raise ValueError(what)


# -- what is answered -------------------------------------------------------------------------------------------------


def _page(
    request: Request, commune: str, bulletins: tuple[Told, ...], *, whole: bool = False,
    error: BroadcasterError | None = None,
) -> Response:  # fmt: skip
    language = SMALL.language(request)
    words = WORDS[language]
    other = words["wrong" if isinstance(error, WrongUse) else "taken"]
    trouble = "" if error is None else words.get(str(error), other)
    status = 200 if error is None else 400 if isinstance(error, WrongUse) else 409
    return SMALL.answer(
        language, status=status, commune=commune, trouble=trouble, kept=request.query_params.get("kept") == "1" and not trouble,
        open=any(one.open for one in bulletins), plays=PLAYS, reasons=_reasons(language),
        bulletins=[_shown(one, language, whole=whole) for one in bulletins],
    )  # fmt: skip


def _shown(told: Told, language: str, *, whole: bool) -> dict[str, Any]:
    words = WORDS[language]
    match told.state:
        case State.PLAYED:
            stands = words["times"].format(n=told.plays)
        case State.NOT_PLAYED:
            stands = words["because"].format(reason=_reasons(language).get(told.reason, told.reason))
        case _:
            stands = words["recalled"]
    day = f"{told.issued.astimezone(ZoneInfo(told.timezone)):%d/%m/%Y}"
    length = words["seconds"].format(n=told.seconds)
    return {"told": told, "stands": stands, "day": day, "length": length, "text": told.text if whole else ""}


def _nothing(request: Request) -> Response:
    language = SMALL.language(request)
    return SMALL.answer(
        language, status=404, commune="", trouble="", kept=False, open=False, bulletins=[], plays=PLAYS, reasons={},
    )  # fmt: skip


def _kept(request: Request) -> Response:
    """Back to the page, so that loading it again says nothing again."""
    return RedirectResponse(f"?kept=1&l={SMALL.language(request)}", status_code=303, headers=SMALL.headers)


def _reasons(language: str) -> dict[str, str]:
    return REASONS if language == "vi" else REASONS_EN


for _page_of in (one, sheet):
    _page_of.rule = "public"  # type: ignore[attr-defined]  # no sign-in: the token says whose page it is

routes = [
    Route("/l/{token}", one, methods=["GET", "POST"]),
    Route("/t/{token}", sheet, methods=["GET", "POST"]),
]
