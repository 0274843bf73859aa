"""Administration: people and their roles, who is signed in, keys for programs, channels, and the settings to read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from fastapi.responses import Response

from broadcaster.access import factor, token
from broadcaster.access import session as sessions
from broadcaster.access import store as users
from broadcaster.access.user import MAY, NEEDS_SECOND_LOOK, Act, Role, parse_roles
from broadcaster.channel import provider_item, registry, vault
from broadcaster.dispatch import store as dispatches
from broadcaster.errors import BroadcasterError, NotFound, WrongUse
from broadcaster.web import settings
from broadcaster.web.desk import Menu, Visit
from broadcaster.web.door import Here, Pages
from broadcaster.web.pages.login import ROLES
from broadcaster.web.words import admin as words

pages = Pages()
MENU = [Menu(path="/admin", label="Quản trị", order=90, roles=frozenset({Role.ADMIN}))]
REVIEWS = 50  # shown, the newest first
DAYS_MOST = 366  # of a token; access/token.py


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
    return visit.page("admin_users.html", rows=rows, roles=_roles(visit))


@pages.post("/admin/users", act=Act.USER_MANAGE, form=people)
def add(visit: Here) -> Response:
    """A new person, with a password that is shown once and changed at the first sign-in."""
    name, roles = visit.form.text("name"), parse_roles(",".join(visit.form.all("role")))
    visit.prove_again()
    users.refuse_own_roles(visit.name, name, roles)
    password = users.one_time_password()
    with visit.write() as tx:
        users.add(tx, name=name, roles=roles, password=password, actor=visit.name, must_change=True)
    return visit.page("admin_once.html", kind="password", name=name, secret=password)


@pages.get("/admin/users/{name}", act=Act.USER_MANAGE)
def person(visit: Here, name: str) -> Response:
    with visit.read() as connection:
        account = users.get(connection, name)
        row = _person(visit, connection, account)
        tokens = [one for one in token.everyone(connection) if one.name == name]
    able = [act for act in Act if account.roles & MAY[act] and act not in NEEDS_SECOND_LOOK]
    return visit.page(
        "admin_user.html", one=row, roles=_roles(visit), tokens=tokens, now=visit.now,
        acts=[(act.value, visit.say(words.ACTS.get(act.value, act.value))) for act in able],
        ticked={Role(one) for one in visit.form.all("role") if one in set(Role)} or account.roles,
    )  # fmt: skip


@pages.post("/admin/users/{name}/roles", act=Act.USER_MANAGE, form=person)
def set_roles(visit: Here, name: str) -> Response:
    roles = parse_roles(",".join(visit.form.all("role")))
    visit.prove_again()
    users.refuse_own_roles(visit.name, name, roles)
    with visit.write() as tx:
        users.set_roles(tx, name=name, roles=roles, actor=visit.name)
    return visit.go(f"/admin/users/{name}", visit.say("Đã đổi vai trò của {name}.", name=name))


@pages.post("/admin/users/{name}/reset", act=Act.USER_MANAGE, form=person)
def reset(visit: Here, name: str) -> Response:
    """A new one-time password; also lets in again who was disabled."""
    visit.prove_again()
    password = users.one_time_password()
    with visit.write() as tx:
        users.reset(tx, name=name, password=password, actor=visit.name, must_change=True)
    return visit.page("admin_once.html", kind="password", name=name, secret=password)


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
        users.get(tx.connection, name)
        factor.take_away(tx, name=name, actor=visit.name)
        sessions.end_all(tx, name, actor=visit.name)
    return visit.go(f"/admin/users/{name}", visit.say("{name} sẽ thiết lập lại mã xác thực khi đăng nhập.", name=name))


# -- keys for programs ------------------------------------------------------------------------------------------------


@pages.post("/admin/users/{name}/token", act=Act.USER_MANAGE, form=person)
def make_token(visit: Here, name: str) -> Response:
    """A key that is shown once."""
    days = visit.form.text("days")
    known = {act.value: act for act in Act}
    wanted = [known[one] for one in visit.form.all("act") if one in known]
    if not days.isdecimal() or not days.isascii() or not 1 <= int(days[:6]) <= DAYS_MOST:
        raise WrongUse("A token is good for a year at most; give fewer days.")
    if not wanted:
        raise WrongUse("Tick at least one thing the program may do.")
    visit.prove_again()
    with visit.write() as tx:
        made = token.make(
            tx, name=name, label=visit.form.text("label"), acts=wanted, good_for=timedelta(days=int(days)),
            actor=visit.name,
        )  # fmt: skip
    return visit.page("admin_once.html", kind="token", name=name, secret=made)


@pages.get("/admin/tokens", act=Act.USER_MANAGE)
def tokens(visit: Here) -> Response:
    with visit.read() as connection:
        rows = token.everyone(connection)
    return visit.page("admin_tokens.html", rows=rows, now=visit.now)


@pages.post("/admin/tokens/{number}/end", act=Act.USER_MANAGE, form=lambda visit, number: tokens(visit))  # noqa: ARG005
def end_token(visit: Here, number: str) -> Response:
    if not (number.isascii() and number.isdecimal()) or len(number) > 9:
        raise NotFound("There is no such token.")
    with visit.write() as tx:
        token.end(tx, int(number), actor=visit.name)
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


def _roles(visit: Visit) -> dict[Role, str]:
    return {role: visit.say(ROLES[role]) for role in Role}


def _person(visit: Visit, connection: Any, account: users.Account) -> dict[str, Any]:
    return {
        "name": account.name,
        "roles": [visit.say(ROLES[role]) for role in sorted(account.roles)],
        "disabled": account.disabled,
        "must_change": account.must_change,
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
