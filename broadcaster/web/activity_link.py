"""Where a commune's officer enters what the commune did: a talk, leaflets, a training. One link for one commune.

No sign-in, no cookie, no script: whoever holds the token is the officer. A GET changes nothing, because telephones and mail
programs open links by themselves. Nothing can be changed or taken back here: the office does that.
"""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from broadcaster.activity import link, place
from broadcaster.activity.activity import KINDS, MOST, NOTE_LIMIT, Activity
from broadcaster.activity.store import Kept
from broadcaster.errors import BroadcasterError, Conflict, WrongUse
from broadcaster.web import hooks
from broadcaster.web.small_page import SmallPage, body_of

BODY_MOST = 32 * 1024  # bytes: a note of 2,000 letters has 18,000 when it is percent-encoded
NUMBERS = ("units", "minutes", "participants")
FIELDS = ("kind", "day", "note", *NUMBERS)
STYLE = (
    "body{font:18px/1.5 sans-serif;max-width:34em;margin:1em auto;padding:0 .8em}h1{font-size:1.3em}"
    "select,button,input,textarea{font:inherit;max-width:100%;padding:.5em;box-sizing:border-box}"
    "textarea{width:100%}button{padding:.7em 1.4em}li{margin:.3em 0}"
)
PAGE = """<!doctype html>
<html lang="{{ language }}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex"><title>{{ words.title }}</title><style>{{ style|safe }}</style>
<main><h1>{{ words.title }}{% if opens %}: {{ opens.commune }}{% endif %}</h1>
{% if trouble %}<p role="alert"><b>{{ trouble }}</b></p>{% endif %}
{% if kept %}<p role="status"><b>{{ words.kept }}</b></p>{% endif %}
{% if not opens %}<p>{{ words.unknown }}</p>
{% else %}<form method="post">
<p><label for="kind">{{ words.kind }}</label><br><select id="kind" name="kind" required><option value=""></option>
{% for key, said in kinds.items() %}<option value="{{ key }}"
{% if given.kind == key %} selected{% endif %}>{{ said[0] }} ({{ said[1] }})</option>
{% endfor %}</select></p>
<p><label for="day">{{ words.day }}</label><br><input id="day" name="day" type="date" max="{{ today }}"
value="{{ given.day or today }}" required></p>
{% for name in numbers %}<p><label for="{{ name }}">{{ words[name] }}</label><br>
<input id="{{ name }}" name="{{ name }}" inputmode="numeric" maxlength="10" value="{{ given[name] or '' }}"></p>
{% endfor %}<p><label for="note">{{ words.note }}</label><br>
<textarea id="note" name="note" rows="3"
maxlength="{{ limit }}">{{ given.note or '' }}</textarea></p>
<p><button>{{ words.button }}</button></p></form>
{% if opens.campaign %}{% if said %}<p><b>{{ words.said }}</b></p>{% else %}<form method="post">
<input type="hidden" name="all" value="1"><p>{{ words.all_hint }}<br><button>{{ words.all }}</button></p></form>
{% endif %}{% endif %}
{% if entered %}<h2>{{ words.entered }}</h2><ul>
{% for one in entered %}<li>{{ one.activity.day.strftime("%d/%m/%Y") }}: {{ kinds[one.activity.kind][0] }},
{{ one.activity.units }} {{ kinds[one.activity.kind][1] }}</li>
{% endfor %}</ul><p>{{ words.wrong_one }}</p>{% endif %}{% endif %}
<p><a href="?l={{ other }}" hreflang="{{ other }}" lang="{{ other }}">{{ words.other }}</a></p>
</main></html>
"""
WORDS = {
    "vi": {
        "title": "Ghi hoạt động tuyên truyền",
        "kind": "Hình thức",
        "day": "Ngày",
        "units": "Số lượng (theo đơn vị của hình thức)",
        "minutes": "Số phút (nếu có)",
        "participants": "Số lượt người dự (nếu có)",
        "note": "Ghi chú (không ghi tên, số điện thoại của người dân)",
        "button": "Gửi",
        "kept": "Đã ghi nhận. Cảm ơn. Có thể ghi tiếp hoặc đóng trang này.",
        "entered": "Đã ghi của xã",
        "wrong_one": "Mục nào sai, xin gọi cơ quan đã gửi đường dẫn này để sửa.",
        "unknown": "Đường dẫn không đúng hoặc đã hết hạn. Xin gọi cơ quan đã gửi đường dẫn này.",
        "bad": (
            "Chưa ghi được. Xin chọn hình thức, ngày không sau hôm nay, và ít nhất một con số lớn hơn 0; "
            "ghi chú không có số điện thoại."
        ),
        "twice": "Chưa ghi: mục giống hệt đã có, hoặc hôm nay đã ghi quá nhiều. Nếu là lần khác, xin nói rõ trong ghi chú.",
        "all": "Xã đã báo đủ số liệu",
        "all_hint": "Khi không còn hoạt động nào để ghi, kể cả khi không có hoạt động nào:",
        "said": "Xã đã báo đủ số liệu. Cảm ơn.",
        "not_listed": "Chưa ghi: xã không có trong danh sách của cơ quan, hoặc đã báo rồi. Xin gọi cơ quan.",
        "other": "English",
    },
    "en": {
        "title": "Enter an activity",
        "kind": "Kind",
        "day": "Day",
        "units": "How many (of what the kind counts)",
        "minutes": "Minutes (if any)",
        "participants": "People who took part (if any)",
        "note": "Note (no names or telephone numbers of people)",
        "button": "Send",
        "kept": "Noted. Thank you. You can enter more, or close this page.",
        "entered": "Entered for the commune",
        "wrong_one": "If one is wrong, telephone the office that sent this link.",
        "unknown": "The link is wrong or no longer works. Please telephone the office that sent it.",
        "bad": "Not entered. Choose a kind, a day not after today, and one number above 0; no telephone number in the note.",
        "twice": "Not entered: the very same is there, or too many were entered today. If it happened twice, say so in the note.",
        "all": "The commune's figures are all in",
        "all_hint": "When there is nothing more to enter, or nothing at all:",
        "said": "The commune's figures are all in. Thank you.",
        "not_listed": "Not noted: the commune is not on the office's list, or it was said before. Please telephone the office.",
        "other": "Tiếng Việt",
    },
}


SMALL = SmallPage(PAGE, STYLE, WORDS)


async def page(request: Request) -> Response:
    """GET: the form, and what the commune has entered. POST: one activity more."""
    ground, desk = hooks.of(request), request.app.state.desk
    today = desk.clock.now().astimezone(ZoneInfo(desk.config.office.timezone)).date()
    opens = link.read_token(ground.office_key, request.path_params["token"], today=today)
    if opens is None:
        return _answer(request, None, today=today, status=404)
    show = partial(_seen, opens=opens)
    if request.method != "POST":
        return _answer(request, opens, today=today, entered=await asyncio.to_thread(ground.read, show))
    given: dict[str, str] = {}
    try:
        given = _given(await body_of(request, BODY_MOST))
        if given.get("all") == "1":
            await ground.write(partial(place.say_all, campaign=opens.campaign, place=opens.commune, by=link.OFFICER))
            return RedirectResponse(f"?l={SMALL.language(request)}", status_code=303, headers=SMALL.headers)
        activity = _activity(given, opens)
        await ground.write(partial(link.enter, opens=opens, activity=activity, today=today))
    except BroadcasterError as error:
        found = await asyncio.to_thread(ground.read, show)
        return _answer(request, opens, today=today, entered=found, given=given, error=error)
    return RedirectResponse(f"?kept=1&l={SMALL.language(request)}", status_code=303, headers=SMALL.headers)


def _seen(connection: Connection, opens: link.Opens) -> tuple[list[Kept], bool]:
    """What the commune has entered, and whether it has said that this is all."""
    return link.entered(connection, opens), place.said(connection, opens.campaign, opens.commune)


def _given(raw: bytes) -> dict[str, str]:
    """The fields of our own form. Raises: WrongUse for what no form of ours sends."""
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, strict_parsing=bool(raw), max_num_fields=12, errors="strict"
        )
    except ValueError:
        raise WrongUse("no form") from None
    return {name: unicodedata.normalize("NFC", value).replace("\r\n", "\n").strip() for name, value in pairs}


def _activity(given: Mapping[str, str], opens: link.Opens) -> Activity:
    """Raises: WrongUse. What an activity may be, `check` says."""
    try:
        day = date.fromisoformat(given.get("day", ""))
    except ValueError:
        raise WrongUse("no day") from None
    units, minutes, participants = (_number(given.get(name, "")) for name in NUMBERS)
    return Activity(
        kind=given.get("kind", ""), day=day, commune=opens.commune, campaign=opens.campaign, units=units, minutes=minutes,
        participants=participants, note=given.get("note", ""),
    )  # fmt: skip


def _number(text: str) -> int:
    plain = text.replace(".", "").replace(" ", "")
    if plain and not (plain.isascii() and plain.isdigit() and len(plain) <= len(str(MOST))):
        raise WrongUse("no number")
    return int(plain or 0)


def _answer(
    request: Request, opens: link.Opens | None, *, today: date, entered: tuple[Any, bool] = ((), False),
    given: Mapping[str, str] | None = None, error: BroadcasterError | None = None, status: int = 200,
) -> Response:  # fmt: skip
    language = SMALL.language(request)
    words = WORDS[language]
    all_in = bool(given and given.get("all"))
    trouble = (
        "" if error is None else words["not_listed" if all_in else "twice" if isinstance(error, Conflict) else "bad"]
    )
    listed, said = entered
    status = 409 if isinstance(error, Conflict) else 400 if error else status
    typed = {name: (given or {}).get(name, "") for name in FIELDS}
    return SMALL.answer(
        language, status=status, opens=opens, trouble=trouble, kinds=KINDS, numbers=NUMBERS, today=today.isoformat(),
        kept=request.query_params.get("kept") == "1" and not trouble, given=typed, entered=listed, said=said, limit=NOTE_LIMIT,
    )  # fmt: skip


page.rule = "public"  # type: ignore[attr-defined]  # no sign-in: the token says whose register it is

routes = [Route("/a/{token}", page, methods=["GET", "POST"])]
