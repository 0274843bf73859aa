"""The web desk as one application: pages found by themselves, headers on every answer, errors as pages."""

from __future__ import annotations

import logging
import pkgutil
import secrets
from importlib import import_module, util
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from broadcaster.access import store as users
from broadcaster.clock import Clock, SystemClock
from broadcaster.config import Config
from broadcaster.db.engine import Database
from broadcaster.db.migrations import check
from broadcaster.errors import BroadcasterError
from broadcaster.web import assets, pages, public
from broadcaster.web.desk import Desk, Form, Visit, sentence
from broadcaster.web.door import RULE, Away, Look, language_of, status_of

log = logging.getLogger("broadcaster.web")

# Everything comes from the package; nothing inline, no frames, no other site (ASVS 5.0, 3.4).
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
HSTS = "max-age=31536000; includeSubDomains"
OPEN_MODULES = tuple(
    f"broadcaster.web.{name}" for name in ("hooks", "opt_out", "officer", "activity_link", "message_page")
)  # no sign-in: they have keys of their own
API_MODULE = "broadcaster.web.api"


def make_app(config: Config, *, clock: Clock | None = None, database: Database | None = None) -> FastAPI:
    """The whole desk over the office's database. Raises: NotFound, Conflict when the database cannot be used."""
    own = database is None
    database = database or Database(config.database.url, folder=config.folder)
    check(database)
    app = FastAPI(title="Broadcaster", docs_url=None, redoc_url=None, openapi_url=None)
    desk = Desk(config=config, database=database, clock=clock or SystemClock())
    app.state.desk = desk
    _find_pages(app, desk)
    app.include_router(public.router)
    for name in (*OPEN_MODULES, API_MODULE):
        _mount(app, name)
    app.add_api_route("/static/{name:path}", _static, methods=["GET"], include_in_schema=False)
    setattr(_static, RULE, Look.PUBLIC)
    app.add_exception_handler(Away, _away)
    app.add_exception_handler(BroadcasterError, _refused)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(OverflowError, _too_large)
    app.add_exception_handler(Exception, _unexpected)
    app.add_middleware(GZipMiddleware, minimum_size=2000)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=_hosts(config), www_redirect=False)
    app.add_middleware(Headers)
    with database.reading() as connection:
        if not users.everybody(connection):
            desk.set_up_token = secrets.token_urlsafe(24)
    if own:
        app.router.on_shutdown.append(database.close)
    return app


def address(config: Config, port: int | None = None) -> str:
    """Where people on this machine open the desk."""
    host = "127.0.0.1" if config.web.host in ("0.0.0.0", "::", "") else config.web.host
    return f"http://{host}:{port or config.web.port}"


def _find_pages(app: FastAPI, desk: Desk) -> None:
    """Every module of pages/: its `pages`, and its `MENU` entries.

    One that cannot be loaded is left out and named in the log and in `desk.missing`: the stop button must work all the same.
    """
    for one in sorted(pkgutil.iter_modules(pages.__path__), key=lambda found: found.name):
        try:
            module = import_module(f"{pages.__name__}.{one.name}")
        except Exception as error:
            log.error("the page %s cannot be loaded and is left out", one.name, exc_info=error)
            desk.missing[one.name] = f"{type(error).__name__}: {error}"
            continue
        app.include_router(module.pages.router)
        desk.menu += getattr(module, "MENU", [])
    desk.menu.sort(key=lambda entry: entry.order)


def _mount(app: FastAPI, name: str) -> None:
    """Another helper's module, when it is there: `router`, or plain `routes`."""
    if util.find_spec(name) is None:
        return
    module = import_module(name)
    if hasattr(module, "router"):
        app.include_router(module.router)
    else:
        app.router.routes.extend(module.routes)


def _hosts(config: Config) -> list[str]:
    """Names the desk answers to: a made-up Host header gets nothing (DNS rebinding)."""
    public = urlsplit(config.web.public_url).hostname
    named = {"127.0.0.1", "localhost", "[::1]", *config.web.names, *([public] if public else [])}
    if config.web.host not in ("0.0.0.0", "::", ""):
        named.add(config.web.host)
    return sorted(named)


def _static(name: str) -> Response:
    found = assets.digests().get(name)
    if found is None:
        raise HTTPException(404)
    path = assets.STATIC / name
    return Response(
        path.read_bytes(),
        media_type=assets.KINDS.get(path.suffix, "application/octet-stream"),
        headers={"Cache-Control": "public, max-age=31536000, immutable"},
    )


class Headers:
    """The security headers on every answer, unless the page has set its own; streams pass through untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if headers["X-Frame-Options"] == "ALLOWALL":
                    del headers["X-Frame-Options"]
                if scope["scheme"] == "https":
                    headers.setdefault("Strict-Transport-Security", HSTS)
            await send(message)

        await self.app(scope, receive, sending)


# -- errors -----------------------------------------------------------------------------------------------------------


def _away(request: Request, error: Any) -> Response:  # noqa: ARG001
    found: Response = error.response
    return found


def _refused(request: Request, error: Any) -> Response:
    """The sentence, what to do next, and what was typed."""
    visit = _visit(request)
    return _error_page(visit, status_of(error), sentence(error, visit.language))


def _http_error(request: Request, error: Any) -> Response:
    visit = _visit(request)
    said = {
        404: "Không có trang này. Kiểm tra lại địa chỉ, hoặc chọn trong menu.",
        405: "Không mở được trang này bằng cách đó. Chọn trong menu.",
    }
    return _error_page(
        visit, error.status_code, visit.say(said.get(error.status_code, "Không thực hiện được yêu cầu này."))
    )


def _too_large(request: Request, error: Any) -> Response:  # noqa: ARG001
    """A number or a day beyond all that a database or a calendar holds: there is nothing under it."""
    return _http_error(request, HTTPException(404))


def _unexpected(request: Request, error: Any) -> Response:
    """A number to quote; the details go to the log, which holds no values of the request: an address may be a key."""
    number = secrets.token_hex(4)
    log.error("error %s at %s %s", number, request.method, _place(request), exc_info=error)
    visit = _visit(request)
    text = visit.say(
        "Có lỗi ngoài dự kiến (mã {number}). Những gì đã ghi vẫn còn. Báo mã này cho người quản trị, rồi thử lại.",
        number=number,
    )
    response = _error_page(visit, 500, text)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _place(request: Request) -> str:
    """The address as it is registered, like `/o/{token}`."""
    scope = {key: value for key, value in request.scope.items() if key != "path_params"}
    fits = (route for route in request.app.routes if route.matches(scope)[0] is Match.FULL)
    return str(getattr(request.scope.get("route") or next(fits, None), "path", "an address of no page"))


def _error_page(visit: Visit, status: int, text: str) -> Response:
    return visit.page("error.html", status=status, text=text, typed=visit.form.kept())


def _visit(request: Request) -> Visit:
    found = getattr(request.state, "visit", None)
    if isinstance(found, Visit):
        return found
    form = getattr(request.state, "form", Form({}, {}))
    return Visit(desk=request.app.state.desk, request=request, form=form, language=language_of(request))
