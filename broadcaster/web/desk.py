"""What every page shares: the desk (configuration, database, clock, templates) and the visit (who asks, in which language)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import Connection
from starlette.datastructures import UploadFile

from broadcaster.access import session as sessions
from broadcaster.access import sign_on
from broadcaster.access import store as users
from broadcaster.access.store import Account
from broadcaster.access.user import MAY, Act, Role
from broadcaster.approval.delegation import COVERS
from broadcaster.clock import Clock
from broadcaster.config import Config
from broadcaster.db.engine import Database
from broadcaster.errors import BroadcasterError, NotAllowed
from broadcaster.ledger.store import Transaction, transaction
from broadcaster.web import show
from broadcaster.web.forecasts import Forecasts
from broadcaster.web.words import LANGUAGES, say, states

HERE = Path(__file__).parent
TONGUE = "language"  # the cookie with the language; no secret
NEVER_KEPT = frozenset({"password", "password_new", "password_again", "code", "csrf"})  # what is not shown again


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """A page's place in the navigation. `roles` empty = everybody who is signed in."""

    path: str
    label: str  # Vietnamese; its English is in words/
    order: int
    roles: frozenset[Role] = frozenset()


@dataclass(kw_only=True)
class Desk:
    """One web desk: stands in `app.state.desk`."""

    config: Config
    database: Database
    clock: Clock
    menu: list[Menu] = field(default_factory=list)
    set_up_token: str = ""  # while there is no user yet
    missing: dict[str, str] = field(default_factory=dict)  # page module -> why it could not be loaded

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.config.office.timezone)

    @cached_property
    def office_key(self) -> bytes:
        return self.config.secret(self.config.office.key, where="office.key").reveal().encode()

    @cached_property
    def forecasts(self) -> Forecasts:
        return Forecasts(self.config)

    @cached_property
    def templates(self) -> Environment:
        made = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True,
        )  # fmt: skip
        made.globals["static"] = static_path
        return made


FILE_CSP = "sandbox; default-src 'none'"


@dataclass(frozen=True, slots=True)
class Form:
    """What was typed: text is NFC, without control characters, `\\n` line ends."""

    values: Mapping[str, list[str]]
    files: Mapping[str, UploadFile]

    def text(self, name: str, default: str = "") -> str:
        """The last value of that name, stripped."""
        return (self.values.get(name) or [default])[-1].strip()

    def raw(self, name: str) -> str:
        """As typed; for passwords."""
        return (self.values.get(name) or [""])[-1]

    def all(self, name: str) -> list[str]:
        return list(self.values.get(name, ()))

    def kept(self) -> list[tuple[str, str]]:
        """What may be shown again: everything but secrets."""
        return [(name, one) for name, many in self.values.items() if name not in NEVER_KEPT for one in many]


@dataclass(slots=True, kw_only=True)
class Visit:
    """One request: what a page function gets."""

    desk: Desk
    request: Request
    form: Form
    language: str
    account: Account | None = None
    session: sessions.Session | None = None
    token: str = ""  # of the session
    stands_for: tuple[str, ...] = ()  # approvers on leave in whose place this person decides today
    trouble: str = ""  # why a form came back, in the reader's language

    # -- who

    @property
    def name(self) -> str:
        """Who acts, for the ledger. Only on pages that take somebody signed in."""
        if self.account is None:
            raise NotAllowed("Sign in first.")
        return self.account.name

    def may(self, act: Act) -> bool:
        if self.account is None:
            return False
        return bool(self.account.roles & MAY[act]) or (act in COVERS and bool(self.stands_for))

    def has(self, *roles: Role | str) -> bool:
        return self.account is not None and bool(self.account.roles & {Role(one) for one in roles})

    def prove_again(self) -> None:
        """The password in the form field `password` once more: for approve, stop, export. Raises: NotAllowed."""
        given = self.form.raw("password")
        if not given and self.config.sign_on.issuer and self._proved_at_the_provider():
            return
        if users.prove(self.desk.database, self.desk.clock, name=self.name, password=given, signed_in=True) is None:
            raise NotAllowed("The password is wrong; nothing was done. Type it again.")

    def _proved_at_the_provider(self) -> bool:
        """Whether this session's person has just signed on anew; that counts once."""
        if self.session is None:
            return False
        with self.write() as tx:
            return sign_on.take_proof(tx, self.session.key)

    # -- the house

    @property
    def config(self) -> Config:
        return self.desk.config

    @property
    def now(self) -> datetime:
        return self.desk.clock.now()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self.desk.database.reading() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A change and its ledger entries, together or not at all."""
        with transaction(self.desk.database, self.desk.clock) as tx:
            yield tx

    # -- words and values

    def say(self, said: str, /, **values: Any) -> str:
        """The Vietnamese sentence in the reader's language. Numbers among the values are written out."""
        shown = {key: self.number(one) if type(one) is int else one for key, one in values.items()}
        return say(self.language, said, **shown)

    def number(self, value: Any) -> str:
        return show.number(value, self.language)

    def moment(self, value: datetime | str | None) -> str:
        """`30/07/2027 08:00` in the office's zone; takes an aware datetime, or the ISO text of one."""
        found = datetime.fromisoformat(value) if isinstance(value, str) and value else value or None
        return show.moment(found if isinstance(found, datetime) else None, self.desk.zone)

    # -- answers

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        return HTMLResponse(self.part(template, **values), status_code=status)

    def part(self, template: str, **values: Any) -> str:
        """A template with what every page has at hand."""
        return self.desk.templates.get_template(template).render(
            visit=self,
            _=self.say,
            number=self.number,
            money=partial(show.money, language=self.language),
            moment=self.moment,
            day=show.day,
            weekday=partial(show.weekday, language=self.language),
            value=self.value,
            csrf_token=sessions.form_key(self.token) if self.token else "",
            words_of=states.words,
            look_of=states.look,
            meaning_of=states.meaning,
            held_words=states.held,
            scope_words=states.scope,
            outcome_words=states.outcome,
            languages=LANGUAGES,
            menu=self._menu(),
            zone=f"{self.config.office.timezone} ({show.offset(self.desk.zone, self.now)})",
            path=self.request.url.path,
            office=self.config.office.name,
            alone=not self.config.approval.two_person,
            training=not self.config.web.second_factor,
            **values,
        )

    def value(self, name: str, default: Any = "") -> str:
        """What was typed in the field before the form came back, else `default`."""
        return self.form.text(name) if name in self.form.values else str(default)

    def go(self, path: str, note: str = "") -> Response:
        """To another page of the desk, with one sentence on it: after every change, so that a reload changes nothing."""
        if note and self.session is not None:
            with self.write() as tx:
                sessions.leave_note(tx, self.session, note)
        return RedirectResponse(local_path(path), status_code=303)

    def download(self, raw: bytes, *, name: str, kind: str) -> Response:
        """A file to be kept, never shown in the desk's own name: should a browser open it, it may run and load nothing."""
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Security-Policy": FILE_CSP}
        return Response(raw, media_type=kind, headers=headers)

    def _menu(self) -> list[Menu]:
        if self.account is None:
            return []
        return [one for one in self.desk.menu if not one.roles or self.account.roles & one.roles]


Page = Callable[..., Response]


def local_path(path: str) -> str:
    """A path of this desk: never another site."""
    try:
        parts = urlsplit(path)
    except ValueError:  # such as `//[`
        return "/"
    if parts.scheme or parts.netloc or not path.startswith("/") or path.startswith(("//", "/\\")):
        return "/"
    return path


def static_path(name: str) -> str:
    """Address of a file in static/, with its digest, so that a new version is fetched at once."""
    return f"/static/{name}?{_digest(name)[:12]}"


def _digest(name: str) -> str:
    from broadcaster.web.assets import digests

    return digests()[name]


def sentence(error: BroadcasterError, language: str) -> str:
    """The error as its reader understands it."""
    from broadcaster.web.words.errors import translate

    return translate(str(error)) if language == "vi" else str(error)
