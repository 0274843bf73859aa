"""The office's identity provider in OpenID Connect: discovery, the way there with PKCE, the way back with a checked token.

Authlib and joserfc do the protocol; this file says what is asked for, and what is not believed. The extra `sso` brings them.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import msgspec

from broadcaster.config import Config
from broadcaster.errors import Busy, NotAllowed, WrongUse

KNOWN_FOR = timedelta(hours=1)  # what discovery said
WITHIN = 10.0  # seconds of one request to the provider
ANSWER_MOST = 256 * 1024  # bytes of one answer of it
LEEWAY = 60  # seconds its clock may be off
ALGORITHMS = ["RS256", "ES256", "PS256", "EdDSA"]  # never `none`, and nothing our own secret could sign
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What we remember while somebody is at the provider's."""

    state: str
    nonce: str
    verifier: str
    back: str  # the address of ours the provider was told
    next: str  # the page that was asked for
    asked_at: float  # seconds since 1970
    again: bool = False  # somebody signed in proves who they are once more


class Provider:
    """One identity provider; asks nothing of it before the first sign-on."""

    def __init__(self, config: Config) -> None:
        if find_spec("authlib") is None:
            raise WrongUse(
                "Single sign-on needs the extra `sso`: pip install 'broadcaster[sso]', then start the desk anew."
            )
        self._settings = config.sign_on
        secret = config.sign_on.client_secret
        self._secret = config.secret(secret, where="sign_on.client_secret").reveal() if secret else ""
        self._known: dict[str, Any] = {}
        self._keys: Any = None
        self._until: datetime | None = None
        self._lock = threading.Lock()

    def address(self, way: Way, *, now: datetime) -> str:
        """Where the browser is sent. Raises: Busy when the provider cannot be reached."""
        known = self._discovered(now)
        with self._client(way.back) as client:
            more = {"prompt": "login", "max_age": "0"} if way.again else {}
            address, _ = client.create_authorization_url(
                known["authorization_endpoint"], state=way.state, nonce=way.nonce, code_verifier=way.verifier, **more
            )
        return str(address)

    def claims(self, way: Way, code: str, *, now: datetime) -> dict[str, Any]:
        """Who the provider says it is. Raises: NotAllowed for a token that is not for us, for now and for this way; Busy."""
        known = self._discovered(now)
        token = self._token(known["token_endpoint"], way, code)
        given = token.get("id_token")
        if not isinstance(given, str):
            raise NotAllowed("The sign-on brought no proof of who you are; try again.")
        found = self._decode(given, now) or self._decode(given, now, anew=True)
        if found is None:
            raise NotAllowed("The sign-on was signed by nobody we know; try again, or sign in with your password.")
        header, claims = found
        self._check(header, claims, way, now, access_token=token.get("access_token"))
        return claims

    # -- parts

    def _check(
        self, header: dict[str, Any], claims: dict[str, Any], way: Way, now: datetime, *, access_token: Any
    ) -> None:
        from authlib.common.errors import AuthlibBaseError
        from authlib.oidc.core import CodeIDToken
        from joserfc.errors import JoseError

        wanted = {
            "iss": {"essential": True, "value": self._settings.issuer},
            "aud": {"essential": True, "value": self._settings.client_id},
        }
        params = {"client_id": self._settings.client_id, "nonce": way.nonce, "access_token": access_token}
        if way.again:
            params["max_age"] = 1  # the token must say when the person was asked
        token = CodeIDToken(claims, header, wanted, params)
        try:
            token.validate(now=int(now.timestamp()), leeway=LEEWAY)
        except (AuthlibBaseError, JoseError, TypeError, ValueError):
            raise NotAllowed("The sign-on is not for this office, or is over; try again.") from None

    def _decode(self, given: str, now: datetime, *, anew: bool = False) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Header and claims of a token that one of the provider's keys has signed; `anew`: it may have new keys."""
        from joserfc import jwt
        from joserfc.errors import JoseError

        try:
            found = jwt.decode(given, self._keyset(now, anew=anew), algorithms=ALGORITHMS)
        except (JoseError, ValueError, TypeError, KeyError):
            return None
        return dict(found.header), dict(found.claims)

    def _token(self, endpoint: str, way: Way, code: str) -> dict[str, Any]:
        from authlib.common.errors import AuthlibBaseError
        from requests import RequestException

        try:
            with self._client(way.back) as client:
                return dict(
                    client.fetch_token(
                        endpoint, code=code, code_verifier=way.verifier, timeout=WITHIN, allow_redirects=False
                    )
                )  # fmt: skip
        except AuthlibBaseError:
            raise NotAllowed("The provider does not know this sign-on, or it was used already; try again.") from None
        except (RequestException, ValueError, TypeError):
            raise Busy(_AWAY) from None

    def _client(self, back: str) -> Any:
        from authlib.integrations.requests_client import OAuth2Session

        client = OAuth2Session(
            self._settings.client_id, self._secret or None, scope="openid email", redirect_uri=back,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic" if self._secret else "none",
        )  # fmt: skip
        client.trust_env = False
        return client

    def _discovered(self, now: datetime) -> dict[str, Any]:
        with self._lock:
            if self._until is None or now >= self._until:
                found = _get(f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration")
                if found.get("issuer") != self._settings.issuer:
                    raise WrongUse(
                        "The identity provider calls itself something else than sign_on.issuer; mend config.toml."
                    )
                for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                    check_address(str(found.get(name, "")), where=f"the provider's {name}")
                self._known, self._keys, self._until = found, None, now + KNOWN_FOR
            return self._known

    def _keyset(self, now: datetime, *, anew: bool) -> Any:
        from joserfc.jwk import KeySet

        known = self._discovered(now)
        with self._lock:
            if self._keys is None or anew:
                self._keys = KeySet.import_key_set(_get(str(known["jwks_uri"])))  # type: ignore[arg-type]
            return self._keys


def check_address(address: str, *, where: str) -> None:
    """Raises: WrongUse for what is not https; on this machine itself plain http is enough."""
    parts = urlsplit(address)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK):
        return
    raise WrongUse(f"{where} must be an https address; mend [sign_on] in config.toml, or ask who runs the provider.")


_AWAY = "The identity provider does not answer; sign in with your password, or try again in a minute."


def _get(address: str) -> dict[str, Any]:
    """One JSON object of the provider's. Raises: Busy."""
    import requests

    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.get(address, timeout=WITHIN, allow_redirects=False, stream=True)
            raw = answer.raw.read(ANSWER_MOST + 1, decode_content=True)
            if answer.status_code != 200 or len(raw) > ANSWER_MOST:
                raise Busy(_AWAY)
            found = msgspec.json.decode(raw)
        except (requests.RequestException, OSError, msgspec.DecodeError, UnicodeDecodeError):
            raise Busy(_AWAY) from None
    if not isinstance(found, dict):
        raise Busy(_AWAY)
    return found
