"""The door of every page: who may come in is said where the page is registered, and nowhere else; nobody else may.

pages = Pages()

@pages.get("/dispatches", act=Look.SIGNED_IN)
def listing(visit: Here) -> Response: ...

@pages.post("/stop", act=Act.STOP_SET, form=stop_form)     # when it is refused, `stop_form` shows what was typed, and why
def stop(visit: Here) -> Response: ...
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from enum import StrEnum
from io import BytesIO
from typing import Annotated, Any, TypeVar
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from broadcaster.access import factor
from broadcaster.access import session as sessions
from broadcaster.access import store as users
from broadcaster.access.user import Act, Role, allow
from broadcaster.approval import delegation
from broadcaster.errors import BroadcasterError, Conflict, NotAllowed, NotFound
from broadcaster.web.desk import TONGUE, Desk, Form, Visit, sentence
from broadcaster.web.words import LANGUAGES

F = TypeVar("F", bound=Callable[..., Any])
COOKIE = "desk"  # `__Host-desk` over https
FORM_MOST = 2_000_000  # bytes of a form without files: a month's approvals, or a long message in every form
FIELDS_MOST = 1000
KEPT_MOST = 256_000  # bytes before a file that are kept for somebody whose session has ended
FILE = "file:"  # before the name of a carried field that was a file: it is chosen again
RULE = "rule"  # the attribute of an endpoint that names its Act or Look; a route without it does not start


class Look(StrEnum):
    """Rules for pages on which nothing is done that needs an Act."""

    PUBLIC = "public"  # anybody, without a cookie
    HALF = "half"  # the password was given; the second factor or a new password is still to come
    SIGNED_IN = "signed_in"  # whatever the role: looking


Rule = Act | Look


class Away(Exception):
    """Answers the request before the page is reached."""

    def __init__(self, response: Response) -> None:
        super().__init__("away")
        self.response = response


class Pages:
    """The pages of one noun."""

    def __init__(self) -> None:
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    def get(self, path: str, *, act: Rule) -> Callable[[F], F]:
        """Shows; changes nothing."""
        return self._add("GET", path, act, None, 0)

    def post(
        self, path: str, *, act: Rule, form: Callable[..., Any] | None = None, upload: int = 0
    ) -> Callable[[F], F]:
        """Changes, then sends the browser on (`visit.go`).

        `form`: the page with the form, called with the same arguments when the change is refused. `upload`: bytes of
        files it takes at most, 0 for none.
        """
        return self._add("POST", path, act, form, upload)

    def _add(self, method: str, path: str, act: Rule, form: Callable[..., Any] | None, upload: int) -> Callable[[F], F]:
        def register(function: F) -> F:
            endpoint = _returning(function, form) if form else function
            setattr(endpoint, RULE, act)
            self.router.add_api_route(
                path, endpoint, methods=[method], response_model=None,
                dependencies=[Depends(_form_reader(upload)), Depends(_guard(act))],
            )  # fmt: skip
            return function

        return register


def _visit(request: Request) -> Visit:
    found: Visit = request.state.visit
    return found


Here = Annotated[Visit, Depends(_visit)]


def _returning(function: Callable[..., Any], form: Callable[..., Any]) -> Callable[..., Any]:
    """A refusal shows the form again, with what was typed and why."""

    @functools.wraps(function)
    def guarded(**values: Any) -> Response:
        try:
            answer: Response = function(**values)
        except BroadcasterError as error:
            visit: Visit = values["visit"]
            visit.trouble = sentence(error, visit.language)
            answer = form(**values)
            answer.status_code = status_of(error)
        return answer

    return guarded


def status_of(error: BroadcasterError) -> int:
    match error:
        case NotAllowed():
            return 403
        case NotFound():
            return 404
        case Conflict():
            return 409
    return 400


# -- reading the form -------------------------------------------------------------------------------------------------


def _form_reader(upload: int) -> Callable[[Request], Any]:
    async def read(request: Request) -> AsyncIterator[None]:
        request.state.form = Form({}, {})
        if request.method != "POST":
            yield
            return
        _refuse_other_sites(request)
        length = request.headers.get("content-length", "")
        if not (length.isascii() and length.isdecimal()):
            raise Away(Response("Content-Length is missing.", status_code=411, media_type="text/plain"))
        if int(length) > FORM_MOST + upload:
            raise Away(Response("This is too large.", status_code=413, media_type="text/plain"))
        if int(length) > FORM_MOST and not await run_in_threadpool(_is_known, request):
            if not request.cookies.get(cookie_name(request)):
                raise Away(RedirectResponse("/login", status_code=303))  # a stranger's file is not even read
            request.state.form = await _fields_before_file(request)
            yield
            return
        try:
            found = await request.form(max_files=1 if upload else 0, max_fields=FIELDS_MOST, max_part_size=FORM_MOST)
        except (MultiPartException, UnicodeDecodeError, ValueError):
            raise Away(Response("The form cannot be read.", status_code=400, media_type="text/plain")) from None
        values: dict[str, list[str]] = {}
        files: dict[str, UploadFile] = {}
        for name, value in found.multi_items():
            if isinstance(value, UploadFile):
                files[name] = value
            else:
                values.setdefault(name, []).append(value if name in ("password", "password_new") else _clean(value))
        request.state.form = Form(values, files)
        try:
            yield
        finally:
            await found.close()  # a list of people lies in no temporary file longer than the answer takes

    return read


async def _fields_before_file(request: Request) -> Form:
    """What was typed before the file, of a form whose session has ended; the file itself is let go by unread.

    To the end, because a browser hears no answer while it still sends.
    """
    head, rest = b"", False
    async for chunk in request.stream():
        rest = rest or len(head) > KEPT_MOST
        head = head if rest else head + chunk
    mark = re.search(r'boundary="?([^";,]{1,70})"?', request.headers.get("content-type", ""))
    begins = b"--" + mark[1].encode("latin-1") if mark else b"\0"
    file = re.search(re.escape(begins) + rb'\r\n[^\r\n]*; name="([^"\r\n]{1,80})"; filename="([^"\r\n]{1,200})"', head)
    if file is None:
        return Form({}, {})

    async def shortened() -> AsyncGenerator[bytes, None]:
        yield head[: file.start()] + begins + b"--\r\n"

    try:
        found = await MultiPartParser(request.headers, shortened(), max_files=0, max_fields=FIELDS_MOST).parse()
        field, name = file[1].decode(), file[2].decode()
    except (MultiPartException, UnicodeDecodeError, ValueError):
        return Form({}, {})
    values: dict[str, list[str]] = {}
    for one, value in found.multi_items():
        if isinstance(value, str):
            values.setdefault(one, []).append(_clean(value))
    return Form(values, {_clean(field): UploadFile(BytesIO(), filename=_clean(name))})


def _is_known(request: Request) -> bool:
    """Whether the request comes with a session in force."""
    desk: Desk = request.app.state.desk
    with desk.database.reading() as connection:
        token = request.cookies.get(cookie_name(request), "")
        return bool(token) and sessions.find(connection, token, now=desk.clock.now()) is not None


def _clean(text: str) -> str:
    """NFC, `\\n` line ends, no control or lone surrogate characters."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(c for c in lines if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))
    return unicodedata.normalize("NFC", kept)


def _refuse_other_sites(request: Request) -> None:
    """A change comes from our own pages (ASVS 5.0, 3.5.1)."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    host = request.headers.get("host", "")
    if site not in ("same-origin", "none") or (origin is not None and _netloc(origin) != host):
        raise Away(
            Response(
                "This form came from another site; open the desk itself.", status_code=403, media_type="text/plain"
            )
        )


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:  # such as `http://[`
        return ""


# -- who comes in -----------------------------------------------------------------------------------------------------


def _guard(act: Rule) -> Callable[[Request], None]:
    def guard(request: Request) -> None:
        desk: Desk = request.app.state.desk
        visit = Visit(desk=desk, request=request, form=request.state.form, language=language_of(request))
        request.state.visit = visit
        _recognise(visit, request)
        if act is Look.PUBLIC:
            return
        if visit.account is None or visit.session is None:
            raise Away(_to_sign_in(visit))
        if request.method == "POST" and not sessions.fits(visit.token, visit.form.raw("csrf")):
            raise NotAllowed(
                "This form is from an earlier sign-in, or from another site. Open the page anew and try again."
            )
        if act is not Look.HALF and (where := unfinished(visit)):
            raise Away(RedirectResponse(where, status_code=303))
        if isinstance(act, Act):
            if not visit.may(act):
                allow(visit.account.name, visit.account.roles, act)

    return guard


def _recognise(visit: Visit, request: Request) -> None:
    """Whose session the cookie is, if it is still good; disabling a user works at once."""
    token = request.cookies.get(cookie_name(request), "")
    if not token:
        return
    now = visit.now
    with visit.read() as connection:
        session = sessions.find(connection, token, now=now)
        account = users.find(connection, session.name) if session else None
    if session is None or account is None or account.disabled:
        return
    visit.token, visit.session, visit.account = token, session, account
    visit.stands_for = _stands_for(visit)
    if session.note or now - session.seen_at > sessions.TOUCH:
        with visit.write() as tx:
            sessions.touch(tx, session)


def _stands_for(visit: Visit) -> tuple[str, ...]:
    """Whoever decides needs the second factor of those who decide, where the office asks for one."""
    assert visit.account is not None
    name = visit.account.name
    with visit.read() as connection:
        if Role.APPROVER in visit.account.roles or not (held := delegation.held(connection, name, now=visit.now)):
            return ()
        safe = not visit.config.web.second_factor or factor.confirmed(connection, name)
    return tuple(one.approver for one in held) if safe else ()


def unfinished(visit: Visit) -> str:
    """Where a sign-in goes on: second factor, then a password of one's own; "" when it is whole."""
    assert visit.account is not None
    assert visit.session is not None
    if not visit.session.second:
        with visit.read() as connection:
            known = factor.confirmed(connection, visit.account.name)
        return "/login/code" if known else "/login/factor"
    return "/login/password" if visit.account.must_change else ""


def needs_factor(visit: Visit, account: users.Account) -> bool:
    """Whether this user signs in with a second factor: approvers and admins, and whoever has set one up."""
    with visit.read() as connection:
        known = factor.confirmed(connection, account.name)
    return known or (visit.config.web.second_factor and factor.must_have(account.roles))


def _to_sign_in(visit: Visit) -> Response:
    """To the sign-in page and back; what was typed into a form comes along and is offered again."""
    request = visit.request
    where = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method == "GET":
        return RedirectResponse(f"/login?next={quote(where)}", status_code=303)
    files = [(f"{FILE}{name}", one.filename) for name, one in visit.form.files.items() if one.filename]
    shown = [(f"carried.{name}", one) for name, one in [*visit.form.kept(), *files]]
    return visit.page("login.html", status=401, next=where if shown else "/", carried=shown)


def language_of(request: Request) -> str:
    """The one chosen; else English only where the browser asks for it and not for Vietnamese."""
    chosen = request.cookies.get(TONGUE, "")
    if chosen in LANGUAGES:
        return chosen
    return "vi"


def cookie_name(request: Request) -> str:
    return f"__Host-{COOKIE}" if request.url.scheme == "https" else COOKIE


def put_cookie(response: Response, request: Request, token: str) -> None:
    response.set_cookie(
        cookie_name(request), token, path="/", httponly=True, samesite="lax", secure=request.url.scheme == "https"
    )
