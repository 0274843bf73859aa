"""The programs' door: JSON under /api/v1, for whoever holds a token (`access.token`); described at /api/v1/openapi.json.

A token acts for its user. Reading takes any token in force; each change takes an act that the token names and one of its
user's roles may do. Lists come in pages: `next` of one answer is `after` of the next question. Errors are `{"error": sentence}`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import select

from broadcaster.access import store as users
from broadcaster.access import token as tokens
from broadcaster.access.store import Account
from broadcaster.access.user import Act, allow
from broadcaster.app import road_of
from broadcaster.approval.messages import shown as message_shown
from broadcaster.approval.messages import standings
from broadcaster.approval.store import reason_of
from broadcaster.content.check import today
from broadcaster.content.files import load
from broadcaster.dispatch import broadcast as house
from broadcaster.dispatch import correction, fallback
from broadcaster.dispatch import stop as stops
from broadcaster.dispatch import store as dispatches
from broadcaster.dispatch.dispatch import State, public_id, read_public_id
from broadcaster.dispatch.timing import resolve
from broadcaster.errors import BroadcasterError, NotAllowed, WrongUse
from broadcaster.ledger import check, checkpoint, search
from broadcaster.ledger.checkpoint import SigningKey
from broadcaster.ledger.store import transaction
from broadcaster.plan import ad_hoc
from broadcaster.report.making import figures_of
from broadcaster.schedule import store as schedules
from broadcaster.schedule.files import read_all
from broadcaster.schedule.scope import check as check_scope
from broadcaster.schedule.standing import standing
from broadcaster.web import store
from broadcaster.web.desk import Desk
from broadcaster.web.door import status_of

BODY_MOST = 64 * 1024  # bytes; a request to send has some hundred
TOUCH = timedelta(minutes=10)  # how exactly it is kept when a token was last used
ROOT = "/api/v1"


class Answering(APIRoute):
    """Errors of the house as JSON, and a bound on what is read."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            length = request.headers.get("content-length", "0" if request.method == "GET" else "")
            if not (length.isascii() and length.isdecimal()):
                return refuse(411, "Say the length of the body in Content-Length.")
            if int(length) > BODY_MOST:
                return refuse(413, f"The body has more than {BODY_MOST} bytes; send less.")
            try:
                found: Response = await handle(request)
            except RequestValidationError as error:
                where = sorted({".".join(map(str, one["loc"]))[:80] for one in error.errors()})
                return refuse(422, f"This cannot be read: {', '.join(where)}. See {ROOT}/openapi.json.")
            except Unknown as error:
                return refuse(401, str(error), **{"WWW-Authenticate": "Bearer"})
            except BroadcasterError as error:
                return refuse(status_of(error), str(error))
            return found

        return answer


class Unknown(NotAllowed):
    """No token, or none in force."""


def refuse(status: int, sentence: str, **headers: str) -> Response:
    text = sentence.encode("ascii", "backslashreplace").decode() if not sentence.isprintable() else sentence
    return JSONResponse({"error": text}, status_code=status, headers=headers)


router = APIRouter(prefix=ROOT, route_class=Answering, include_in_schema=True)
bearer = HTTPBearer(auto_error=False, description="A token that an admin has made for a user: it begins with bc_.")


# -- who --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose token it is."""

    desk: Desk
    account: Account
    token: tokens.Token

    @property
    def name(self) -> str:
        return self.account.name

    def must(self, act: Act) -> None:
        """Raises: NotAllowed unless the token names the act and the user's roles may do it."""
        allow(self.name, self.account.roles, act)
        if act not in self.token.acts:
            raise NotAllowed(f"This token may not do this ({act}); make one that names it.")


def _caller(request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> Caller:
    desk: Desk = request.app.state.desk
    now = desk.clock.now()
    with desk.database.reading() as connection:
        token = tokens.find(connection, given.credentials, now=now) if given else None
        account = users.find(connection, token.name) if token else None
    if token is None or account is None:
        raise Unknown("Send a token that is in force: Authorization: Bearer bc_...")
    if token.used_at is None or now - token.used_at > TOUCH:
        with transaction(desk.database, desk.clock) as tx:
            tokens.used(tx, token)
    return Caller(desk, account, token)


Who = Annotated[Caller, Depends(_caller)]

# -- what is asked ----------------------------------------------------------------------------------------------------

PLAIN = r"^[^\x00-\x1f\x7f]*$"
LOCAL = r"^20[2-9]\d-\d\d-\d\dT\d\d:\d\d$"
Word = Annotated[str, StringConstraints(max_length=100, pattern=PLAIN)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=PLAIN)]
Local = Annotated[str, StringConstraints(pattern=LOCAL)]
Limit = Annotated[int, Query(ge=1, le=500, description="Items of one page.")]
After = Annotated[str, Query(max_length=20, pattern=r"^[bd]?-?[0-9]*$", description="`next` of the page before.")]


class Wanted(BaseModel):
    """One ad-hoc broadcast; another person approves it at the desk."""

    model_config = ConfigDict(extra="forbid")
    message: Name
    channel: Name
    group: Name | None = None
    language: Name = "vi"
    at: Annotated[
        Local | None, Field(description="Local time of the office, like 2027-07-30T07:00; left out: now.")
    ] = None
    campaign: Name | None = None


class Halt(BaseModel):
    """One emergency stop. It takes the password of the token's user once more, as at the desk."""

    model_config = ConfigDict(extra="forbid")
    scope: Literal["everything", "campaign", "channel", "area"] = "everything"
    subject: Word = ""
    reason: Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=PLAIN)]
    until: Annotated[Local | None, Field(description="Local time of the office at which it ends by itself.")] = None
    password: Annotated[str, StringConstraints(min_length=1, max_length=256)]


Page = dict[str, Any]

# -- looking ----------------------------------------------------------------------------------------------------------


@router.get("/campaigns")
def campaigns(who: Who) -> Page:
    """Every campaign: its window, where it stands, whether its file was changed since its plan was approved."""
    config = who.desk.config
    files = {one.spec.id: one.spec for one in read_all(config.path(config.folders.schedules), config) if one.spec}
    with who.desk.database.reading() as connection:
        names = sorted({*files, *schedules.known(connection)})
        return _page([standing(connection, name, files.get(name)) for name in names], None)


@router.get("/messages")
def messages(who: Who) -> Page:
    """Every message: where its approval stands, whether its file was edited since, which facts hold it."""
    config = who.desk.config
    library = load(config.path(config.folders.content))
    with who.desk.database.reading() as connection:
        found = standings(connection, library, today=today(who.desk.clock.now(), config))
        return _page([message_shown(one) for one in found], None)


@router.get("/broadcasts")
def broadcasts(
    who: Who,
    state: Literal["", "submitted", "rejected", "planned", "running", "paused", "done", "expired", "cancelled"] = "",
    campaign: Word = "",
    after: After = "",
    limit: Limit = 100,
) -> Page:
    """Broadcasts, the newest first."""
    query = select(house.BROADCAST).order_by(house.BROADCAST.c.id.desc()).limit(limit)
    if state:
        query = query.where(house.BROADCAST.c.state == state)
    if campaign:
        query = query.where(house.BROADCAST.c.campaign_id == campaign)
    if after:
        query = query.where(house.BROADCAST.c.id < house.read_public_id(after))
    with who.desk.database.reading() as connection:
        rows = connection.execute(query).all()
        states = store.tallies(connection, [row.id for row in rows])
        items = [_summary(row, states[row.id]) for row in rows]
    return _page(items, items[-1]["id"] if len(items) == limit else None)


@router.get("/broadcasts/{id}")
def broadcast(who: Who, id: Word) -> Page:
    """One broadcast: where each of its dispatches stands, and what it has cost."""
    with who.desk.database.reading() as connection:
        row = house.get(connection, house.read_public_id(id))
        found = {
            **_summary(row, store.tallies(connection, [row.id])[row.id]),
            "cost": house.cost(connection, row.id),
            "group": house.group_name(connection, row.group_id),
            "revision": row.revision_hash or "",
            "hash": row.authority,
            "asked_by": row.created_by,
            "possibly_both": fallback.possibly_both(connection, house.BROADCAST.c.id == row.id),
            **ad_hoc.preview(connection, who.desk.config, row),
        }
        if row.corrects is not None:
            found["corrects"] = house.public_id(row.corrects)
        if known := correction.shown(connection, row.id):
            found["correction"] = known
    return found


@router.get("/dispatches")
def list_dispatches(
    who: Who, broadcast: Word, state: State | None = None, channel: Word = "", after: After = "", limit: Limit = 100
) -> Page:
    """Dispatches of one broadcast in order; addresses are masked."""
    rows = dispatches.DISPATCH
    with who.desk.database.reading() as connection:
        number = house.get(connection, house.read_public_id(broadcast)).id
        query = (
            select(rows, dispatches.ADDRESS.c.value, dispatches.ADDRESS.c.kind)
            .join(dispatches.ADDRESS, dispatches.ADDRESS.c.id == rows.c.address_id)
            .where(rows.c.broadcast_id == number)
            .order_by(rows.c.id)
            .limit(limit)
        )
        if state:
            query = query.where(rows.c.state == state.value)
        if channel:
            query = query.where(rows.c.channel == channel)
        if after:
            query = query.where(rows.c.id > read_public_id(after))
        found = connection.execute(query).all()
    return _page([dispatches.shown(row) for row in found], public_id(found[-1].id) if len(found) == limit else None)


@router.get("/report/{campaign}")
def report(who: Who, campaign: Word) -> Page:
    """A campaign's figures: planned = final + open, always."""
    with who.desk.database.reading() as connection:
        return figures_of(connection, who.desk.config, campaign, now=who.desk.clock.now()).shown()


@router.get("/ledger/entries")
def entries(
    who: Who,
    kind: Annotated[str, Query(max_length=40, pattern=r"^[a-z_.]*$", description="attempt.intent, or the noun.")] = "",
    actor: Word = "",
    broadcast: Word = "",
    day: date | None = None,
    after: Annotated[str, Query(max_length=15, pattern=r"^[0-9]*$")] = "",
    limit: Limit = 100,
) -> Page:
    """Entries of the ledger, the newest first. A page may be empty and have a `next`: the search goes on there."""
    since, until = _day(who.desk.zone, day)
    wanted = search.Wanted(
        kind=kind,
        actor=actor,
        broadcast=house.read_public_id(broadcast) if broadcast else None,
        since=since,
        until=until,
    )
    with who.desk.database.reading() as connection:
        found = search.find(connection, wanted, before=int(after) if after else None, limit=limit)
    return _page(list(found.entries), str(found.before) if found.before is not None else None)


@router.get("/ledger/verify")
def verify(who: Who) -> Page:
    """A quick look: head, newest checkpoint, and the entries since. The whole check is `broadcaster ledger verify`."""
    config = who.desk.config
    key = SigningKey.read(config.secret(config.ledger.key, where="ledger.key"))
    with who.desk.database.reading() as connection:
        found = check.quick(connection, public_key=key.public)
        last = checkpoint.newest(connection)
    return {
        "ok": found.ok,
        "whole": False,
        "entries": found.entries,
        "root": found.root,
        "faults": list(found.faults),
        "checkpoint": {"size": last.size, "root": last.root.hex()} if last else None,
    }


@router.get("/stops")
def list_stops(who: Who) -> Page:
    """Stops in force."""
    with who.desk.database.reading() as connection:
        found = stops.standing(connection, who.desk.clock.now())
    return _page(
        [
            {
                "stop": one.id, "scope": one.scope, "subject": one.subject, "reason": one.reason, "set_by": one.set_by,
                "set_at": one.set_at.isoformat(), "until": one.until.isoformat() if one.until else "",
            }
            for one in found
        ],
        None,
    )  # fmt: skip


# -- doing ------------------------------------------------------------------------------------------------------------


@router.post("/broadcasts", status_code=201)
def ask(who: Who, wanted: Wanted) -> Page:
    """Ask for a message to be sent once, now or at a time. Nothing goes out before another person approves it at the desk."""
    who.must(Act.BROADCAST_SEND)
    desk = who.desk
    road = road_of(desk.config, wanted.channel)
    with desk.database.reading() as connection:
        revision = ad_hoc.approved(connection, desk.config, wanted.message, now=desk.clock.now())
    with transaction(desk.database, desk.clock) as tx:
        asked = ad_hoc.wanted(
            tx.connection, desk.config, road, now=tx.now, message=wanted.message, revision=revision, group=wanted.group,
            language=wanted.language, at=wanted.at, campaign=wanted.campaign,
        )  # fmt: skip
        twins = ad_hoc.twins(tx.connection, asked)
        number, subject = ad_hoc.ask(tx, desk.config, asked, by=who.name)
    return {"broadcast": house.public_id(number), "state": "submitted", "hash": subject, "twins": twins}


@router.post("/stops", status_code=201)
def stop(who: Who, wanted: Halt) -> Page:
    """Nothing in its scope is sent any more, from this moment. Two people lift it, at the desk."""
    desk = who.desk
    allow(who.name, who.account.roles, Act.STOP_SET)  # no token names it: the person behind it gives the password
    if (wanted.scope == "everything") != (not wanted.subject):
        raise WrongUse("Name the subject of the scope: a campaign, a channel or a commune; everything has none.")
    with desk.database.reading() as connection:
        check_scope(connection, desk.config, wanted.scope, wanted.subject)
    reason, until = reason_of(wanted.reason), _moment(wanted.until, desk.zone)
    if users.prove(desk.database, desk.clock, name=who.name, password=wanted.password, signed_in=True) is None:
        raise NotAllowed("The password is wrong; nothing was done. Type it again.")
    with transaction(desk.database, desk.clock) as tx:
        number = stops.set_(tx, scope=wanted.scope, subject=wanted.subject, reason=reason, until=until, by=who.name)
    with desk.database.reading() as connection:
        flying = dispatches.open_by_state(connection).get("sending", 0)
    return {"stop": number, "state": "set", "in_flight": flying}


# -- the description --------------------------------------------------------------------------------------------------


@router.get("/openapi.json", include_in_schema=False)
def openapi() -> Response:
    """OpenAPI 3.1 of all this. It holds nothing of the office, so it takes no token."""
    described = get_openapi(
        title="Broadcaster", version="1", routes=[one for one in router.routes if isinstance(one, APIRoute)],
        description=(__doc__ or "").partition("\n\n")[2],
    )  # fmt: skip
    refused = {
        "description": "Refused; the sentence says what to do.",
        "content": {"application/json": {"schema": {"type": "object", "properties": {"error": {"type": "string"}}}}},
    }
    for path in described["paths"].values():
        for operation in path.values():
            operation["responses"].update(
                dict.fromkeys(("400", "401", "403", "404", "409", "411", "413", "422"), refused)
            )
    return Response(json.dumps(described, ensure_ascii=False), media_type="application/json")


def nowhere() -> Response:
    """Whatever else is asked below /api/v1."""
    return refuse(404, f"There is nothing here; see {ROOT}/openapi.json.")


router.add_api_route("/{path:path}", nowhere, methods=["GET", "POST"], include_in_schema=False)

# -- parts ------------------------------------------------------------------------------------------------------------


def _page(items: list[Any], following: str | None) -> Page:
    return {"items": items, "next": following}


def _summary(row: Any, states: Any) -> dict[str, Any]:
    counted = {state.value: int(states.get(state.value, 0)) for state in State}
    return {
        "id": house.public_id(row.id),
        "local": row.local,
        "message": row.message_id,
        "campaign": row.campaign_id or "",
        "schedule": row.schedule_id,
        "channels": house.chains(row),
        "language": row.language,
        "state": row.state,
        "held": row.held or "",
        "due": row.due_at.isoformat(),
        "expires": row.expires_at.isoformat(),
        "planned": sum(counted.values()),
        "open": sum(counted[state] for state in store.OPEN_STATES),
        "states": counted,
    }


def _day(zone: ZoneInfo, day: date | None) -> tuple[datetime | None, datetime | None]:
    """The local day as a half-open span. Raises: WrongUse for one that no office had."""
    if day is None:
        return None, None
    if not 2000 <= day.year <= 2999:
        raise WrongUse("The day is written like 2027-07-30.")
    first = datetime.combine(day, datetime.min.time(), zone)
    return first, datetime.combine(day + timedelta(days=1), datetime.min.time(), zone)


def _moment(text: str | None, zone: ZoneInfo) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUse(f"{text!r} is no time; write it like 2027-07-30T07:00, in the office's local time.") from None
    return resolve(moment.date(), moment.time(), zone)
