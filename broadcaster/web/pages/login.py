"""Signing in and out: password, second factor, a password of one's own; and what was typed when a session ended."""

from __future__ import annotations

from fastapi.responses import RedirectResponse, Response

from broadcaster.access import factor
from broadcaster.access import session as sessions
from broadcaster.access import store as users
from broadcaster.access.user import Role
from broadcaster.errors import NotAllowed, WrongUse
from broadcaster.web.desk import TONGUE, Form, Visit, local_path
from broadcaster.web.door import Here, Look, Pages, cookie_name, needs_factor, put_cookie, unfinished
from broadcaster.web.words import LANGUAGES

pages = Pages()
CARRIED = "carried."  # before the names of fields that come from a form of an earlier session
ROLES = {
    Role.AUTHOR: "Người soạn",
    Role.APPROVER: "Người phê duyệt",
    Role.OPERATOR: "Người điều hành",
    Role.AUDITOR: "Kiểm toán viên",
    Role.ADMIN: "Người quản trị",
}


@pages.get("/login", act=Look.PUBLIC)
def login_form(visit: Here) -> Response:
    if visit.account is not None and not unfinished(visit):
        return visit.go("/")
    if visit.desk.set_up_token:
        return visit.page("set_up_wait.html")
    where = local_path(visit.form.text("next") or visit.request.query_params.get("next", "/"))
    return visit.page("login.html", next=where, carried=_on_the_way(visit))


@pages.post("/login", act=Look.PUBLIC, form=login_form)
def login(visit: Here) -> Response:
    name, password = visit.form.text("name"), visit.form.raw("password")
    account = users.prove(visit.desk.database, visit.desk.clock, name=name, password=password)
    if account is None:
        raise NotAllowed("User name or password is wrong. Try again.")
    second = not needs_factor(visit, account)
    with visit.write() as tx:
        token = sessions.open_(tx, name=account.name, second=second)
    response = _onward(_as(visit, token, account), local_path(visit.form.text("next")), _carried(visit))
    put_cookie(response, visit.request, token)
    return response


@pages.post("/logout", act=Look.HALF)
def logout(visit: Here) -> Response:
    assert visit.session is not None
    with visit.write() as tx:
        sessions.end(tx, visit.session)
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(cookie_name(visit.request), path="/")
    return response


@pages.post("/language", act=Look.PUBLIC)
def language(visit: Here) -> Response:
    response = RedirectResponse(local_path(visit.form.text("back", "/")), status_code=303)
    if visit.form.text("language") in LANGUAGES:
        response.set_cookie(TONGUE, visit.form.text("language"), max_age=365 * 86400, httponly=True, samesite="lax")
    return response


# -- the second factor ------------------------------------------------------------------------------------------------


@pages.get("/login/code", act=Look.HALF)
def code_form(visit: Here) -> Response:
    return visit.page("login_code.html", next="/", carried=_on_the_way(visit))


@pages.post("/login/code", act=Look.HALF, form=code_form)
def code(visit: Here) -> Response:
    """Tries are counted: five wrong ones, and the account must wait, longer each time, however often the password is right."""
    given = visit.form.raw("code").strip()
    with visit.write() as tx:
        users.refuse_while_waiting(tx, visit.name)
        right = factor.take(tx, name=visit.name, code=given, office_key=visit.desk.office_key)
        right = right or factor.recover(tx, name=visit.name, code=given)
        if right:
            users.right_code(tx, visit.name)
        else:
            users.count_refusal(tx, visit.name, why="code")
    if not right:
        raise NotAllowed("The code is wrong or was used already. Wait for the next one, and check the phone's clock.")
    return _whole(visit)


@pages.get("/login/factor", act=Look.HALF)
def factor_form(visit: Here) -> Response:
    import segno

    with visit.read() as connection:
        if factor.confirmed(connection, visit.name):
            return visit.go("/me")
    with visit.write() as tx:
        secret = factor.begin(tx, name=visit.name, office_key=visit.desk.office_key)
    where = factor.address(secret, name=visit.name, office=visit.config.office.name)
    picture = segno.make(where, micro=False).svg_inline(scale=4, border=2, omitsize=True)
    spaced = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    return visit.page("login_factor.html", qr=picture, secret=spaced, next="/", carried=_on_the_way(visit))


@pages.post("/login/factor", act=Look.HALF, form=factor_form)
def set_factor(visit: Here) -> Response:
    with visit.write() as tx:
        if factor.confirmed(tx.connection, visit.name):
            raise WrongUse("The second factor is set up already; an admin can take it away.")
        users.refuse_while_waiting(tx, visit.name)
        codes = factor.confirm(tx, name=visit.name, code=visit.form.raw("code"), office_key=visit.desk.office_key)
        if codes is None:
            users.count_refusal(tx, visit.name, why="code")
        else:
            users.right_code(tx, visit.name)
    if codes is None:
        raise NotAllowed("The code is wrong or was used already. Wait for the next one, and check the phone's clock.")
    response = _whole(visit)
    where = response.headers.get("location", "/")
    shown = visit.page("login_codes.html", codes=codes, next=where)
    for cookie in response.headers.getlist("set-cookie"):
        shown.headers.append("set-cookie", cookie)
    return shown


# -- one's own account ------------------------------------------------------------------------------------------------


@pages.get("/login/password", act=Look.HALF)
def password_form(visit: Here) -> Response:
    assert visit.session is not None
    if not visit.session.second:
        return visit.go(unfinished(visit))
    return visit.page("login_password.html", next="/")


@pages.post("/login/password", act=Look.HALF, form=password_form)
def password(visit: Here) -> Response:
    assert visit.session is not None
    if not visit.session.second:
        return visit.go(unfinished(visit))
    visit.prove_again()
    new = visit.form.raw("password_new")
    if new != visit.form.raw("password_again"):
        raise WrongUse("The two passwords differ; type both again.")
    users.choose(visit.desk.database, visit.desk.clock, name=visit.name, password=new, keep=visit.session.key)
    return visit.go("/", visit.say("Đã đổi mật khẩu. Các phiên khác của bạn đã kết thúc."))


@pages.get("/me", act=Look.SIGNED_IN)
def me(visit: Here) -> Response:
    assert visit.account is not None
    with visit.read() as connection:
        known = factor.confirmed(connection, visit.name)
        left = factor.codes_left(connection, visit.name)
    return visit.page(
        "me.html", known=known, left=left, roles=[visit.say(ROLES[one]) for one in sorted(visit.account.roles)]
    )


@pages.post("/me/leave", act=Look.SIGNED_IN, form=me)
def leave(visit: Here) -> Response:
    assert visit.session is not None
    with visit.write() as tx:
        sessions.end_all(tx, visit.name, actor=visit.name, but=visit.session.key)
    return visit.go("/me", visit.say("Bạn đã đăng xuất ở mọi nơi khác."))


# -- parts ------------------------------------------------------------------------------------------------------------


def _as(visit: Visit, token: str, account: users.Account) -> Visit:
    """The visit, signed in with a new token."""
    with visit.read() as connection:
        visit.session = sessions.find(connection, token, now=visit.now)
    visit.token, visit.account, visit.trouble = token, account, ""
    return visit


def _whole(visit: Visit) -> Response:
    """The sign-in is complete: a new session with a new token, so that a half one is worth nothing."""
    assert visit.session is not None
    assert visit.account is not None
    with visit.write() as tx:
        sessions.end(tx, visit.session)
        token = sessions.open_(tx, name=visit.name, second=True)
    response = _onward(_as(visit, token, visit.account), local_path(visit.form.text("next", "/")), _carried(visit))
    put_cookie(response, visit.request, token)
    return response


def _onward(visit: Visit, where: str, carried: list[tuple[str, str]]) -> Response:
    """To what is still missing of the sign-in, to what was typed before, or to the page that was asked for."""
    missing = unfinished(visit)
    if missing == "/login/code" and carried:
        visit.form = Form({}, {})
        return visit.page("login_code.html", next=where, carried=[(CARRIED + name, one) for name, one in carried])
    if missing:
        return RedirectResponse(missing, status_code=303)
    if carried:
        return visit.page("login_again.html", where=where, carried=carried)
    return RedirectResponse(where, status_code=303)


def _carried(visit: Visit) -> list[tuple[str, str]]:
    """Fields of a form that was sent after its session had ended."""
    return [(name.removeprefix(CARRIED), one) for name, one in visit.form.kept() if name.startswith(CARRIED)]


def _on_the_way(visit: Visit) -> list[tuple[str, str]]:
    return [(CARRIED + name, one) for name, one in _carried(visit)]
