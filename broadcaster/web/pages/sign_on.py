"""Signing on at the office's identity provider, and proving oneself there once more; off until `[sign_on]` names one."""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256

import msgspec
from fastapi.responses import RedirectResponse, Response

from broadcaster.access import session as sessions
from broadcaster.access import sign_on
from broadcaster.access import store as users
from broadcaster.errors import NotAllowed, NotFound
from broadcaster.ledger.entry import Kind
from broadcaster.web.desk import Visit, local_path
from broadcaster.web.door import Here, Look, Pages, needs_factor, put_cookie, unfinished
from broadcaster.web.provider import Provider, Way

pages = Pages()
COOKIE = "sign_on"  # what we remember of the way, signed; for this path only, and ten minutes
PATH = "/login/sign-on"
NOBODY = "No user of this office is named for this sign-on; an admin names them in config.toml, under [sign_on] users."
LOST = "This sign-on did not begin in this browser, or too long ago; begin again at the sign-in page."


@pages.get(PATH, act=Look.PUBLIC)
def begin(visit: Here) -> Response:
    """To the provider; `again`: to be asked there anew, for an act that needs the password once more."""
    asked = visit.request.query_params
    again = asked.get("again") == "1" and visit.session is not None and not unfinished(visit)
    way = Way(
        state=secrets.token_urlsafe(24), nonce=secrets.token_urlsafe(24), verifier=secrets.token_urlsafe(48),
        back=_back(visit), next=local_path(asked.get("next", "/")), asked_at=visit.now.timestamp(), again=again,
    )  # fmt: skip
    response = RedirectResponse(_provider(visit).address(way, now=visit.now), status_code=303)
    response.set_cookie(
        COOKIE, _seal(visit, way), path=PATH, max_age=int(sign_on.WAY.total_seconds()), httponly=True, samesite="lax",
        secure=visit.request.url.scheme == "https",
    )  # fmt: skip
    return response


@pages.get(f"{PATH}/back", act=Look.PUBLIC)
def back(visit: Here) -> Response:
    """From the provider. An answer counts once, in the browser that asked, and for a user the office has named."""
    provider, asked = _provider(visit), visit.request.query_params
    way = _way(visit)
    if way is None or not hmac.compare_digest(way.state.encode(), asked.get("state", "").encode()):
        raise NotAllowed(LOST)
    with visit.write() as tx:
        first = sign_on.use(tx, way.state)
    if not first:
        raise NotAllowed(LOST)
    if "code" not in asked:
        raise NotAllowed("The provider did not sign you on; try again, or sign in with your password.")
    claims = provider.claims(way, asked["code"], now=visit.now)
    name = sign_on.user_of(claims, visit.config.sign_on.users)
    with visit.read() as connection:
        account = users.find(connection, name) if name else None
    if account is None or account.disabled:
        _refused(visit, "nobody" if account is None else account.name)
        raise NotAllowed(NOBODY)
    response = _proved(visit, way, claims, account) if way.again else _signed_in(visit, way, claims, account)
    response.delete_cookie(COOKIE, path=PATH)
    return response


def _signed_in(visit: Visit, way: Way, claims: dict[str, object], account: users.Account) -> Response:
    """A session as after the password: what is asked of an approver beyond it is asked here too."""
    enough = frozenset(visit.config.sign_on.second_factor)
    second = not needs_factor(visit, account) or sign_on.is_second(claims, enough)
    with visit.write() as tx:
        token = sessions.open_(tx, name=account.name, second=second)
        visit.session = sessions.find(tx.connection, token, now=visit.now)
    visit.token, visit.account = token, account
    response = RedirectResponse(unfinished(visit) or way.next, status_code=303)
    put_cookie(response, visit.request, token)
    return response


def _proved(visit: Visit, way: Way, claims: dict[str, object], account: users.Account) -> Response:
    """The same person as in the session, asked since we sent them there; else nothing is proved."""
    from datetime import UTC, datetime

    asked_at = datetime.fromtimestamp(way.asked_at, UTC)
    mine = visit.session is not None and visit.account is not None and visit.account.name == account.name
    if not mine or visit.session is None or not sign_on.is_fresh(claims, asked_at=asked_at):
        _refused(visit, account.name)
        raise NotAllowed("This is not who is signed in here, or the provider did not ask anew; nothing is proved.")
    with visit.write() as tx:
        sign_on.proved(tx, visit.session.key)
    return visit.go(
        "/me", visit.say("Đã xác nhận. Quay lại thẻ trước, để trống mật khẩu và gửi trong {n} phút.", n=5)
    )  # fmt: skip


def _refused(visit: Visit, name: str) -> None:
    with visit.write() as tx:
        tx.record(Kind.USER_REFUSED, name, why="sign-on")


# -- parts ------------------------------------------------------------------------------------------------------------


def _provider(visit: Visit) -> Provider:
    """Raises: NotFound where the office has none."""
    if not visit.config.sign_on.issuer:
        raise NotFound("This office has no single sign-on; sign in with name and password.")
    state = visit.request.app.state
    if not hasattr(state, "sign_on"):
        state.sign_on = Provider(visit.config)
    found: Provider = state.sign_on
    return found


def _back(visit: Visit) -> str:
    """The address of ours that is registered at the provider; the host is one of the desk's own names."""
    return f"{visit.request.url.scheme}://{visit.request.url.netloc}{PATH}/back"


def _seal(visit: Visit, way: Way) -> str:
    raw = msgspec.json.encode(way).hex()
    return f"{raw}.{_mac(visit, raw)}"


def _way(visit: Visit) -> Way | None:
    """What the cookie says, if it is ours and not old."""
    raw, _, mac = visit.request.cookies.get(COOKIE, "").partition(".")
    if not hmac.compare_digest(_mac(visit, raw).encode(), mac.encode()):
        return None
    way = msgspec.json.decode(bytes.fromhex(raw), type=Way)
    return way if way.asked_at + sign_on.WAY.total_seconds() > visit.now.timestamp() else None


def _mac(visit: Visit, raw: str) -> str:
    return hmac.digest(visit.desk.office_key, f"sign-on\n{raw}".encode(), sha256).hex()
