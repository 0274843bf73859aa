"""Administration: people and their roles, who is signed in, keys for programs, channels, and the settings to read."""

from __future__ import annotations

from typing import Any

from fastapi.responses import Response

from broadcaster.access import appointment, factor, token
from broadcaster.access import session as sessions
from broadcaster.access import store as users
from broadcaster.access.user import Act, Role, parse_roles
from broadcaster.channel import provider_item, registry, vault
from broadcaster.dispatch import store as dispatches
from broadcaster.errors import BroadcasterError, NotFound
from broadcaster.web import settings
from broadcaster.web.desk import Menu, Visit
from broadcaster.web.door import Here, Pages
from broadcaster.web.pages.login import ROLES
from broadcaster.web.words import admin as words

pages = Pages()
MENU = [Menu(path="/admin", label="Quản trị", order=90, roles=frozenset({Role.ADMIN}))]
REVIEWS = 50  # shown, the newest first


# -- channels and settings --------------------------------------------------------------------------------------------


@pages.get("/admin", act=Act.USER_MANAGE)
def channels(visit: Here) -> Response:
    """Each channel as it is set up, what its provider reviews, and how much of a quota is left."""
    with visit.read() as connection:
        lanes = {lane["channel"]: lane for lane in dispatches.lanes(connection)}
        tokens = {one["channel"]: one for one in vault.states(connection)}
        reviews = provider_item.reviews(connection, limit=REVIEWS)
        quotas = provider_item.quotas(connection, visit.config, now=visit.now)
    rows = [_channel(visit, name, lanes.get(name, {}), tokens.get(name)) for name in visit.config.channels]
    return visit.page("admin.html", rows=rows, reviews=reviews, quotas=quotas, words=words)


@pages.get("/admin/settings", act=Act.USER_MANAGE)
def show_settings(visit: Here) -> Response:
    found = list(settings.sections(visit.config, visit.language))
    return visit.page("admin_settings.html", sections=found, file=visit.config.folder / "config.toml")


# -- people -----------------------------------------------------------------------------------------------------------


@pages.get("/admin/users", act=Act.USER_MANAGE)
def people(visit: Here) -> Response:
    with visit.read() as connection:
        rows = [_person(visit, connection, one) for one in users.everybody(connection)]
        asked = [_request(visit, one) for one in appointment.waiting(connection, now=visit.now)]
        single = len(appointment.active_admins(connection)) < 2
    return visit.page("admin_users.html", rows=rows, roles=_roles(visit), asked=asked, single=single)


@pages.post("/admin/users", act=Act.USER_MANAGE, form=people)
def add(visit: Here) -> Response:
    """A new person, with a password that is shown once and changed at the first sign-in."""
    name, roles = visit.form.text("name"), parse_roles(",".join(visit.form.all("role")))
    visit.prove_again()
    with visit.write() as tx:
        said = appointment.add(tx, name=name, roles=roles, by=visit.name, office_key=visit.desk.office_key)
    return _told(visit, name, said)


@pages.post("/admin/requests/{number}", act=Act.USER_MANAGE, form=lambda visit, number: people(visit))  # noqa: ARG005
def agree(visit: Here, number: str) -> Response:
    """The other admin's half of what one has asked."""
    visit.prove_again()
    with visit.write() as tx:
        name, said = appointment.repeat(tx, _number(number), by=visit.name, office_key=visit.desk.office_key)
    return _told(visit, name, said)


@pages.get("/admin/users/{name}", act=Act.USER_MANAGE)
def person(visit: Here, name: str) -> Response:
    with visit.read() as connection:
        account = users.get(connection, name)
        row = _person(visit, connection, account)
        tokens = [one for one in token.everyone(connection) if one.name == name]
    return visit.page(
        "admin_user.html", one=row, roles=_roles(visit), tokens=tokens, now=visit.now,
        ticked={Role(one) for one in visit.form.all("role") if one in set(Role)} or account.roles,
    )  # fmt: skip


@pages.post("/admin/users/{name}/roles", act=Act.USER_MANAGE, form=person)
def set_roles(visit: Here, name: str) -> Response:
    roles = parse_roles(",".join(visit.form.all("role")))
    visit.prove_again()
    with visit.write() as tx:
        said = appointment.set_roles(tx, name=name, roles=roles, by=visit.name)
    return _told(visit, name, said)


@pages.post("/admin/users/{name}/reset", act=Act.USER_MANAGE, form=person)
def reset(visit: Here, name: str) -> Response:
    """A new one-time password; also lets in again who was disabled."""
    visit.prove_again()
    with visit.write() as tx:
        said = appointment.reset(tx, name=name, by=visit.name, office_key=visit.desk.office_key)
    return _told(visit, name, said)


@pages.post("/admin/users/{name}/unlock", act=Act.USER_MANAGE, form=person)
def unlock(visit: Here, name: str) -> Response:
    """Who must wait after wrong passwords or codes may try again."""
    visit.prove_again()
    with visit.write() as tx:
        users.unlock(tx, name=name, actor=visit.name)
    return visit.go(f"/admin/users/{name}", visit.say("{name} được thử lại ngay.", name=name))


@pages.post("/admin/users/{name}/disable", act=Act.USER_MANAGE, form=person)
def disable(visit: Here, name: str) -> Response:
    """At once, with every session; what they did stays."""
    visit.prove_again()
    with visit.write() as tx:
        users.disable(tx, name=name, actor=visit.name)
    return visit.go(f"/admin/users/{name}", visit.say("{name} không đăng nhập được nữa.", name=name))


@pages.post("/admin/users/{name}/factor", act=Act.USER_MANAGE, form=person)
def take_factor(visit: Here, name: str) -> Response:
    """The phone is lost: a new one is set up at the next sign-in."""
    visit.prove_again()
    with visit.write() as tx:
        said = appointment.take_factor(tx, name=name, by=visit.name)
    return _told(visit, name, said)


# -- keys for programs ------------------------------------------------------------------------------------------------


@pages.get("/admin/tokens", act=Act.USER_MANAGE)
def tokens(visit: Here) -> Response:
    with visit.read() as connection:
        rows = token.everyone(connection)
    return visit.page("admin_tokens.html", rows=rows, now=visit.now)


@pages.post("/admin/tokens/{number}/end", act=Act.USER_MANAGE, form=lambda visit, number: tokens(visit))  # noqa: ARG005
def end_token(visit: Here, number: str) -> Response:
    with visit.write() as tx:
        token.end(tx, _number(number), actor=visit.name)
    return visit.go("/admin/tokens", visit.say("Khóa đã hết hiệu lực."))


# -- who is signed in -------------------------------------------------------------------------------------------------


@pages.get("/admin/sessions", act=Act.USER_MANAGE)
def signed_in(visit: Here) -> Response:
    assert visit.session is not None
    with visit.read() as connection:
        rows = sessions.everyone(connection, now=visit.now)
    return visit.page("admin_sessions.html", rows=rows, own=visit.session.key)


@pages.post("/admin/sessions/end", act=Act.USER_MANAGE, form=signed_in)
def end_session(visit: Here) -> Response:
    with visit.write() as tx:
        name = sessions.end_one(tx, visit.form.text("key"), actor=visit.name)
    return visit.go("/admin/sessions", visit.say("Đã kết thúc một phiên của {name}.", name=name))


# -- what is shown ----------------------------------------------------------------------------------------------------


def _told(visit: Visit, name: str, said: appointment.Asked | appointment.Done) -> Response:
    """What came of it, and the password or the half of it that is for this person."""
    if isinstance(said, appointment.Asked):
        after = _next(said)
        if said.password:
            return visit.page(
                "admin_once.html", name=name, secret=said.password, after=after, other="", alone_now=False
            )
        return visit.go("/admin/users", visit.say(after))
    if said.password:
        return visit.page(
            "admin_once.html", name=name, secret=said.password, after="", other=said.asked_by, alone_now=said.alone
        )
    return visit.go(f"/admin/users/{name}", visit.say("Đã đổi tài khoản {name}.", name=name))


def _next(said: appointment.Asked) -> str:
    return words.NOBODY_ELSE if said.nobody_else else words.ANOTHER_ADMIN


def _request(visit: Visit, one: Any) -> dict[str, Any]:
    """What an admin asked, as another one reads it."""
    name, _, roles = one.subject.partition(" ")
    shown = ", ".join(visit.say(ROLES[Role(role)]) for role in roles.split(",")) if roles else ""
    return {
        "id": one.id, "what": visit.say(words.REQUESTS[one.act], name=name, roles=shown), "asked_by": one.asked_by,
        "own": one.asked_by == visit.name, "until": one.expires_at,
    }  # fmt: skip


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:
        raise NotFound("There is no such line; look at the list anew.")
    return int(text)


def _roles(visit: Visit) -> dict[Role, str]:
    return {role: visit.say(ROLES[role]) for role in Role}


def _person(visit: Visit, connection: Any, account: users.Account) -> dict[str, Any]:
    return {
        "name": account.name,
        "roles": [visit.say(ROLES[role]) for role in sorted(account.roles)],
        "disabled": account.disabled,
        "must_change": account.must_change,
        "alone": account.name in appointment.made_alone(connection),
        "waits": users.waits(connection, account.name, now=visit.now),
        "factor": factor.confirmed(connection, account.name),
        "needs_factor": visit.config.web.second_factor and factor.must_have(account.roles),
    }


def _channel(visit: Visit, name: str, lane: dict[str, Any], pair: dict[str, Any] | None) -> dict[str, Any]:
    """One channel: what it is, and what keeps it from working. No secret is read for this page but by the adapter itself."""
    common = visit.config.channel(name).common
    wrong, notice, traits = "", "", None
    try:
        built = registry.build(visit.config.channel(name))
        traits, notice = built.traits, str(getattr(built, "notice", ""))
    except BroadcasterError as error:
        wrong = str(error)
        try:
            traits = registry.traits(common.adapter)
        except BroadcasterError:
            pass  # the same sentence as above
    return {
        "name": name,
        "adapter": common.adapter,
        "traits": traits,
        "rate": common.rate,
        "price": {"amount": common.price.amount, "currency": common.price.currency} if common.price else None,
        "accents": common.accents,
        "paused": lane.get("paused", ""),
        "wrong": wrong,
        "notice": notice,
        "pair": pair,
    }
