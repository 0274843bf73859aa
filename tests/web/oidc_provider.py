"""A small OpenID Connect provider over real HTTP: it does what a good one does, or what a test tells it to do wrong."""

from __future__ import annotations

import base64
import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

KEY = RSAKey.generate_key(2048, {"kid": "1"})  # one for all tests: making it takes a while
CLIENT, SECRET = "desk", "a secret of the provider's"


@dataclass(slots=True)
class Provider:
    """Its people, its key, and how it lies."""

    now: Callable[[], float]
    person: dict[str, Any] = field(
        default_factory=lambda: {"sub": "u-7", "email": "lan@tinh.example", "email_verified": True}
    )
    change: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
    sign: Callable[[dict[str, Any]], str] | None = None
    forgetful: bool = False  # takes a code twice
    key: RSAKey = field(default_factory=lambda: KEY)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)  # what browsers came with
    server: Any = None

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def begin(self) -> None:
        provider = self

        class Handler(_Handler):
            house = provider

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def end(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def signed(self, claims: dict[str, Any]) -> str:
        return self.sign(claims) if self.sign else jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.key)

    def come(self, address: str) -> str:
        """A browser that comes and signs on: where it is sent back to."""
        asked = dict(parse_qsl(urlsplit(address).query))
        self.asked.append(asked)
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        wanted = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET.replace(' ', '+')}".encode()).decode()
        plain = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        asked = self.codes.get(form.get("code", "")) if self.forgetful else self.codes.pop(form.get("code", ""), None)
        if asked is None or authorization not in (wanted, plain):
            return 400, {"error": "invalid_grant"}
        proof = base64.urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        if (asked["code_challenge_method"], asked["code_challenge"]) != ("S256", proof):
            return 400, {"error": "invalid_grant"}
        if form["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        now = int(self.now())
        claims = {
            "iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"], "auth_time": now,
            **self.person,
        }  # fmt: skip
        return 200, {"access_token": "x", "token_type": "Bearer", "id_token": self.signed(self.change(claims))}


class _Handler(BaseHTTPRequestHandler):
    house: Provider

    def do_GET(self) -> None:
        base = self.house.issuer
        if self.path == "/.well-known/openid-configuration":
            self._say(200, {"issuer": base, "authorization_endpoint": f"{base}/authorize", "token_endpoint": f"{base}/token",
                            "jwks_uri": f"{base}/keys"})  # fmt: skip
        elif self.path == "/keys":
            self._say(200, {"keys": [self.house.key.as_dict(private=False) | {"kid": "1"}]})
        else:
            self._say(404, {})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: many[-1] for name, many in parse_qs(raw).items()}
        self._say(*self.house.token(form, self.headers.get("Authorization", "")))

    def _say(self, status: int, said: dict[str, Any]) -> None:
        raw = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""
