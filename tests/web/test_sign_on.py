"""Single sign-on: an existing user at the door and nothing more, and every answer that was tampered with is refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from broadcaster.access import store as users
from broadcaster.clock import SteppedClock
from broadcaster.config import Config, SignOn, load
from broadcaster.db.engine import Database
from broadcaster.errors import WrongUse
from broadcaster.ledger.store import transaction
from tests.conftest import CI
from tests.web.desk_people import Browser

if not CI:
    pytest.importorskip("authlib", reason="the extra `sso` is not installed: pip install -e '.[sso]'")
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from tests.web.oidc_provider import CLIENT, SECRET, Provider

Sign = Callable[..., Browser]
AT = "/login/sign-on"


@pytest.fixture
def provider(config: Config, clock: SteppedClock) -> Iterator[Provider]:
    """The office's provider, named in its settings; `lan` and `minh` may sign on."""
    made = Provider(now=lambda: clock.now().timestamp())
    made.begin()
    (config.folder / "secrets" / "sso").write_text(SECRET, encoding="utf-8")
    config.sign_on = SignOn(
        issuer=made.issuer, client_id=CLIENT, client_secret={"file": "secrets/sso"},
        users={"lan@tinh.example": "lan", "u-8": "minh"},
    )  # fmt: skip
    yield made
    made.end()


def go(
    browser: Browser, provider: Provider, *, query: str = "", change: Callable[[str], str] = lambda back: back
) -> Any:
    """To the provider, and back from it; where the desk then sends the browser."""
    sent = browser.get(f"{AT}{query}", follow_redirects=False)
    back = urlsplit(change(provider.come(sent.headers["location"])))
    return browser.get(f"{back.path}?{back.query}", follow_redirects=False)


def who(browser: Browser) -> str:
    """Who is signed in; "" for nobody."""
    answer = browser.get("/me", follow_redirects=False)
    return "" if answer.status_code != 200 else next((n for n in ("lan", "minh") if f">{n}<" in answer.text), "?")


def test_without_a_provider_there_is_no_sign_on(sign_in: Sign) -> None:
    browser = sign_in()

    assert browser.get(AT).status_code == 404
    assert AT not in browser.get("/login").text


def test_a_named_user_signs_on_and_lands_on_the_page_that_was_asked_for(provider: Provider, sign_in: Sign) -> None:
    browser = sign_in()

    offered = AT in browser.get("/login?next=/stop").text
    answer = go(browser, provider, query="?next=/stop")

    assert offered
    assert (answer.status_code, answer.headers["location"]) == (303, "/stop")
    assert who(browser) == "lan"
    assert {"state", "nonce", "code_challenge"} <= provider.asked[0].keys()
    assert provider.asked[0]["code_challenge_method"] == "S256"


def test_nobody_is_made_a_user_and_no_role_is_taken_from_the_provider(
    provider: Provider, sign_in: Sign, sqlite_database: Database
) -> None:
    with sqlite_database.reading() as connection:
        before = users.everybody(connection)

    answers = []
    for person in ({"sub": "u-99", "email": "moi@tinh.example", "email_verified": True, "roles": ["admin"]},
                   {"sub": "u-99", "email": "lan@tinh.example", "email_verified": False},
                   {"sub": "u-99", "email": "lan@tinh.example"}, {"sub": "lan@tinh.example.evil"}):  # fmt: skip
        provider.person = person
        browser = sign_in()
        answers.append((go(browser, provider).status_code, who(browser)))

    assert answers == [(403, "")] * 4
    with sqlite_database.reading() as connection:
        assert users.everybody(connection) == before


def test_a_disabled_user_does_not_come_in(
    provider: Provider, sign_in: Sign, sqlite_database: Database, clock: SteppedClock
) -> None:
    with transaction(sqlite_database, clock) as tx:
        users.disable(tx, name="lan", actor="quan")
    browser = sign_in()

    assert go(browser, provider).status_code == 403
    assert who(browser) == ""


def _altered(**claims: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda found: {name: one for name, one in {**found, **claims}.items() if one is not None}


def _unsigned(claims: dict[str, Any]) -> str:
    parts = (json.dumps(one).encode() for one in ({"alg": "none"}, claims))
    return ".".join(base64.urlsafe_b64encode(one).decode().rstrip("=") for one in parts) + "."


def _by_our_secret(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "HS256", "kid": "1"}, claims, OctKey.import_key(SECRET.encode() * 2))


def _nonsense(claims: dict[str, Any]) -> str:
    return "no.token.at all"


def _by_another_key(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "RS256", "kid": "1"}, claims, RSAKey.generate_key(2048, {"kid": "1"}))


@pytest.mark.parametrize("change", [
    _altered(nonce="another"), _altered(nonce=None), _altered(aud="another desk"), _altered(aud=[CLIENT, "another"]),
    _altered(aud=None), _altered(iss="https://evil.example"), _altered(iss=None), _altered(exp=1), _altered(exp=None),
    _altered(iat=4_000_000_000), _altered(sub=None), _altered(azp="another desk"), _altered(exp="soon"),
], ids=["nonce", "no nonce", "aud", "aud of two", "no aud", "iss", "no iss", "expired", "no exp", "of the future", "no sub",
        "azp", "exp is text"])  # fmt: skip
def test_a_token_that_is_not_for_us_and_for_now_is_refused(
    provider: Provider, sign_in: Sign, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    provider.change = change
    browser = sign_in()

    answer = go(browser, provider)

    assert answer.status_code == 403
    assert who(browser) == ""


@pytest.mark.parametrize("sign", [_unsigned, _by_our_secret, _by_another_key, _nonsense],
                         ids=["none", "HS256", "another key", "no token"])  # fmt: skip
def test_a_token_nobody_we_know_has_signed_is_refused(
    provider: Provider, sign_in: Sign, sign: Callable[[dict[str, Any]], str]
) -> None:
    provider.sign = sign
    browser = sign_in()

    assert go(browser, provider).status_code == 403
    assert who(browser) == ""


def test_the_provider_may_change_its_keys(provider: Provider, sign_in: Sign) -> None:
    first = go(sign_in(), provider).status_code
    provider.key = RSAKey.generate_key(2048, {"kid": "1"})

    assert (first, go(sign_in(), provider).status_code) == (303, 303)


def _state(back: str) -> str:
    found = urlsplit(back)
    return f"{found.path}?{urlencode(dict(parse_qsl(found.query)) | {'state': 'guessed'})}"


@pytest.mark.parametrize("change", [
    _state, lambda back: back.replace("state=", "was="), lambda back: back.replace("code=", "no="),
], ids=["another state", "no state", "no code"])  # fmt: skip
def test_an_answer_that_was_tampered_with_on_the_way_is_refused(
    provider: Provider, sign_in: Sign, change: Callable[[str], str]
) -> None:
    browser = sign_in()

    assert go(browser, provider, change=change).status_code == 403
    assert who(browser) == ""


def test_an_answer_counts_in_no_other_browser_and_not_after_ten_minutes(
    provider: Provider, sign_in: Sign, clock: SteppedClock
) -> None:
    browser, other = sign_in(), sign_in()
    back = provider.come(browser.get(AT, follow_redirects=False).headers["location"])

    stolen = other.get(back, follow_redirects=False).status_code
    clock.move_by(timedelta(minutes=11))
    late = browser.get(back, follow_redirects=False).status_code

    assert (stolen, late) == (403, 403)
    assert who(other) == who(browser) == ""


@pytest.mark.parametrize("forgetful", [False, True], ids=["the provider knows", "the provider takes it twice"])
def test_an_answer_is_taken_once_whatever_the_provider_does(provider: Provider, sign_in: Sign, forgetful: bool) -> None:
    provider.forgetful = forgetful
    browser = sign_in()
    sent = browser.get(AT, follow_redirects=False)
    kept = browser.cookies["sign_on"]
    back = provider.come(sent.headers["location"])

    first = browser.get(back, follow_redirects=False).status_code
    thief = sign_in()
    thief.cookies.set("sign_on", kept)
    second = thief.get(back, follow_redirects=False).status_code

    assert (first, second) == (303, 403)
    assert who(thief) == ""


def test_a_cookie_somebody_wrote_themselves_is_worth_nothing(provider: Provider, sign_in: Sign) -> None:
    browser = sign_in()
    back = provider.come(browser.get(AT, follow_redirects=False).headers["location"])
    thief = sign_in()
    thief.cookies.set("sign_on", b'{"state":"guessed"}'.hex() + "." + "0" * 64)

    assert thief.get(back, follow_redirects=False).status_code == 403


@pytest.mark.parametrize(("claims", "enough", "where"), [
    ({}, [], "/login/factor"), ({"amr": ["pwd", "mfa"]}, [], "/login/factor"), ({"amr": ["pwd"]}, ["mfa"], "/login/factor"),
    ({"amr": "mfa"}, ["mfa"], None), ({"amr": ["pwd", "mfa"]}, ["mfa"], "/"), ({"acr": "urn:gov:2"}, ["urn:gov:2"], "/"),
])  # fmt: skip
def test_an_approver_gives_a_second_factor_here_unless_the_office_takes_the_provider_s(
    provider: Provider, sign_in: Sign, config: Config, claims: dict[str, Any], enough: list[str], where: str | None
) -> None:
    config.web.second_factor = True
    config.sign_on.second_factor = enough
    provider.person = {"sub": "u-8", **claims}

    answer = go(sign_in(), provider)

    assert answer.headers.get("location") == where
    assert (answer.status_code == 303) == (where is not None)


def test_proving_oneself_anew_at_the_provider_stands_in_for_the_password_once(
    provider: Provider, sign_in: Sign, clock: SteppedClock
) -> None:
    browser = sign_in()
    go(browser, provider)
    stop = {"scope": "everything", "reason": "Sai số máy", "password": ""}

    before = browser.submit("/stop", **stop).status_code
    answer = go(browser, provider, query="?again=1")
    once = browser.submit("/stop", **stop).status_code
    twice = browser.submit("/stop", **stop).status_code

    assert (before, once, twice) == (403, 200, 403)
    assert answer.headers["location"] == "/me"
    assert (provider.asked[1]["prompt"], provider.asked[1]["max_age"]) == ("login", "0")


def test_a_proof_is_over_after_five_minutes(provider: Provider, sign_in: Sign, clock: SteppedClock) -> None:
    browser = sign_in()
    go(browser, provider)
    go(browser, provider, query="?again=1")

    clock.move_by(timedelta(minutes=6))

    assert browser.submit("/stop", scope="everything", reason="Sai số máy", password="").status_code == 403


@pytest.mark.parametrize("change", [_altered(auth_time=None), _altered(auth_time=1_000), _altered(sub="u-8", email=None)],
                         ids=["no time", "asked this morning", "somebody else"])  # fmt: skip
def test_a_proof_is_of_the_same_person_asked_since(
    provider: Provider, sign_in: Sign, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    browser = sign_in()
    go(browser, provider)
    provider.change = change

    answer = go(browser, provider, query="?again=1")

    assert answer.status_code == 403
    assert browser.submit("/stop", scope="everything", reason="Sai số máy", password="").status_code == 403
    assert who(browser) == "lan"


def test_a_provider_that_is_away_is_said_so_and_the_password_still_works(provider: Provider, sign_in: Sign) -> None:
    provider.end()

    answer = sign_in().get(AT)

    assert answer.status_code == 400
    assert who(sign_in("lan")) == "lan"
    provider.begin()


@pytest.mark.parametrize("issuer", ["http://sso.tinh.example", "ftp://sso", "http://127.0.0.1.evil.example"])
def test_a_provider_is_spoken_to_over_https(config: Config, issuer: str) -> None:
    path = config.folder / "config.toml"
    path.write_text(
        path.read_text(encoding="utf-8") + f'[sign_on]\nissuer = "{issuer}"\nclient_id = "desk"\n', encoding="utf-8"
    )

    with pytest.raises(WrongUse, match="https"):
        load(path)
