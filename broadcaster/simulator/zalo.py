"""A Zalo official account: token renewal, articles, broadcasts, texts to followers, templates. From documents, never seen live.

All three of Zalo's hosts answer at one address. HTTP is 200 even for an error; the `error` of the body decides.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from broadcaster.simulator.provider import Call, Provider, Reply

ACCESS_LIFE = timedelta(seconds=90_000)  # 25 hours, as documented
CS_LIMIT, TITLE_LIMIT, DESCRIPTION_LIMIT, AUTHOR_LIMIT = 2000, 150, 300, 50
LIST_LIMIT = 10
BAD_ID = re.compile(r"900000000([0-9]{2,4})")  # a follower or number that is answered with the code that its digits say
BAD_PHONE = re.compile(r"84900000([0-9]{3,4})")
WORDS = {
    -32: "Out of call limit", -201: "Invalid parameter", -213: "User has not followed the OA",
    -214: "Article is being processed", -216: "Access token is invalid", -220: "Access token has expired",
    -230: "User has not interacted with the OA in the past 7 days", -248: "Content violates the platform's policy",
}  # fmt: skip


class ZaloSimulator(Provider):
    """Any refresh token is good once, unless `refresh_tokens` says which are.

    An article is looked through for `review` before it has an id; one whose title is in `refused` never gets one.
    `faults_on`: what faults are played on and the book keeps: "message" (broadcasts, texts, templates), and on demand
    "article" and "token", with `to = "article"` and `to = "token"` in the script.
    """

    name = "zalo"

    def __init__(
        self,
        *,
        refresh_tokens: Collection[str] | None = None,
        review: timedelta = timedelta(),
        refused: Collection[str] = (),
        templates: Collection[str] | None = None,
        faults_on: Collection[str] = ("message",),
        app_id: str = "2074138120372622546",
        secret: str = "zalo-secret-canary",
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self._open = None if refresh_tokens is None else set(refresh_tokens)
        self._used: set[str] = set()
        self._access: dict[str, datetime] = {}  # access token -> when it runs out
        self.reused: list[str] = []  # refresh tokens that somebody tried a second time
        self.renewals = 0
        self.articles: list[dict[str, Any]] = []
        self._review, self._refused, self._templates = review, set(refused), templates
        self._faults_on = frozenset(faults_on)
        self._app_id, self._secret = app_id, secret
        self._last = 0

    # -- what a provider is

    def read(self, request: web.BaseRequest, body: bytes) -> Call | Reply:
        if request.path == "/v4/oa/access_token":
            return self._maybe("token", Call(to="token", body="", values=self._renewal(request, body)))
        if (stranger := self._no_access(request)) is not None:
            return stranger
        values = _object(body)
        match request.method, request.path:
            case "POST", "/v2.0/article/create":
                title = str(values.get("title", ""))
                return self._maybe("article", Call(to="article", body=title, values=_kept("article", values)))
            case "POST", "/v2.0/article/verify":
                return self._verified(str(values.get("token", "")))
            case "GET", "/v2.0/article/getslice":
                return self._list(request)
            case "POST", "/v2.0/oa/message":
                return Call(to="followers", body=self._title_in(values), values=_kept("broadcast", values))
            case "POST", "/v3.0/oa/message/cs":
                to = str(_at(values, "recipient", "user_id"))
                return Call(to=to, body=str(_at(values, "message", "text")), values=_kept("cs", values))
            case "POST", "/message/template" | "/v3.0/oa/message/template":
                return _template_call(values)
            case "GET", "/message/status":
                return self._status(request.query.get("message_id", ""))
        return self._no(-209, "API is not support")

    def refusal(self, call: Call) -> Reply | None:
        values = _object(call.values["json"].encode())
        match call.values["kind"]:
            case "token":
                return self._refuse_renewal(values)
            case "article":
                return self._refuse_article(values)
            case "broadcast":
                return None if call.body else self._no(-201, "attachment_id is invalid")
            case "template":
                return self._refuse_template(call, values)
        if code := _code_of(call.to):
            return self._no(code)
        if not 0 < len(call.body) <= CS_LIMIT:
            return self._no(-201, "text is invalid")
        return None

    def take(self, call: Call) -> Reply:
        values = _object(call.values["json"].encode())
        kind = call.values["kind"]
        if kind == "token":
            return self._renew(str(values.get("refresh_token")))
        if kind == "article":
            return self._make(values)
        id = self._id(kind)
        if kind == "template":
            data = {"msg_id": id, "sent_time": self._millis(), "sending_mode": "1", "quota": {"remainingQuota": "499"}}
            return _ok(data, id=id)
        data = {"message_id": id}
        if kind == "cs":
            quota = {"quota_type": "reply", "remain": "8", "total": "8"}
            data |= {"user_id": call.to, "quota": quota, "sent_time": self._millis()}
        return _ok(data, id=id)

    def error(self, *, status: int, code: int, text: str, retry_after: str = "") -> Reply:
        """In Zalo's words, with HTTP 200; except the statuses of whatever stands before Zalo."""
        code = code or (-32 if status == 429 else -201)
        body = msgspec.json.encode({"error": code, "message": text or WORDS.get(code, "Error")})
        headers = {"Retry-After": retry_after} if retry_after and status == 429 else {}
        decision = "throttle" if status == 429 else f"refused {code}"
        return Reply(status=200 if status in (400, 429) else status, body=body, decision=decision, headers=headers)

    # -- callbacks

    def callback(self, event: Mapping[str, Any], *, first: str = "", secret: str = "") -> tuple[dict[str, str], bytes]:
        """Headers and body as Zalo would call with this event, signed."""
        stamp = self._millis()
        body = msgspec.json.encode({"app_id": self._app_id, "timestamp": stamp, **event})
        signed = (first or self._app_id).encode() + body + stamp.encode() + (secret or self._secret).encode()
        return {"x-zevent-signature": f"mac={hashlib.sha256(signed).hexdigest()}"}, body

    # -- tokens

    def _renewal(self, request: web.BaseRequest, body: bytes) -> dict[str, str]:
        form = dict(parse_qsl(body.decode(errors="replace")))
        return _kept("token", {**form, "secret": request.headers.get("secret_key", "")})

    def _refuse_renewal(self, values: Mapping[str, Any]) -> Reply | None:
        token = str(values.get("refresh_token", ""))
        if values.get("secret") != self._secret or values.get("grant_type") != "refresh_token":
            return self._no_token(-14004, "Invalid secret key")
        if token in self._used:
            self.reused.append(token)
            return self._no_token(-14014, "Invalid refresh token")
        if not token or (self._open is not None and token not in self._open):
            return self._no_token(-14014, "Invalid refresh token")
        return None

    def _renew(self, token: str) -> Reply:
        self._used.add(token)
        self.renewals += 1
        pair = {"access_token": f"access-canary-{self.renewals}", "refresh_token": f"refresh-canary-{self.renewals}"}
        self._access[pair["access_token"]] = self.book.now() + ACCESS_LIFE
        if self._open is not None:
            self._open.add(pair["refresh_token"])
        body = msgspec.json.encode({**pair, "expires_in": "90000"})
        return Reply(status=200, body=body, id=f"renewal-{self.renewals}")

    def revoke(self) -> None:
        """No access token is good any more."""
        self._access.clear()

    def _no_access(self, request: web.BaseRequest) -> Reply | None:
        ends = self._access.get(request.headers.get("access_token", ""))
        code = -124 if request.path.startswith("/message/") else -216
        return None if ends is not None and self.book.now() < ends else self._no(code, "Access token is invalid")

    def _no_token(self, code: int, words: str) -> Reply:
        body = msgspec.json.encode({"error": code, "error_name": words, "error_reason": words})
        return Reply(status=200, body=body, decision=f"refused {code}")

    # -- articles

    def _refuse_article(self, values: Mapping[str, Any]) -> Reply | None:
        title, author, text = (str(values.get(name, "")) for name in ("title", "author", "description"))
        if not 0 < len(title) <= TITLE_LIMIT:
            return self._no(-201, "title allow 1 to 150 characters")
        if len(author) > AUTHOR_LIMIT or not 0 < len(text) <= DESCRIPTION_LIMIT or not values.get("body"):
            return self._no(-201, "value is invalid")
        return None if _at(values, "cover", "photo_url") else self._no(-201, "cover value is invalid")

    def _make(self, values: Mapping[str, Any]) -> Reply:
        number = len(self.articles) + 1
        article = {"token": f"article-token-{number}", "id": f"article{number:04d}", "at": self.book.now(), **values}
        self.articles.append(article)
        return _ok({"token": article["token"]}, id=article["token"])

    def _verified(self, token: str) -> Reply:
        found = next((one for one in self.articles if one["token"] == token), None)
        if found is None:
            return self._no(-201, "token is invalid")
        if found["title"] in self._refused:
            return self._no(-248)
        return _ok({"id": found["id"]}) if self._ready(found) else self._no(-214)

    def _list(self, request: web.BaseRequest) -> Reply:
        limit, offset = int(request.query.get("limit", "10")), int(request.query.get("offset", "0"))
        if limit > LIST_LIMIT:
            return self._no(-201, "maximum limit is 10")
        newest = [
            {"id": one["id"], "type": "normal", "title": one["title"], "status": one.get("status", "hide"),
             "create_date": int(one["at"].timestamp() * 1000)}
            for one in reversed(self.articles) if self._ready(one)
        ]  # fmt: skip
        return _ok({"medias": newest[offset : offset + limit], "total": len(newest)})

    def _ready(self, article: Mapping[str, Any]) -> bool:
        return bool(article["at"] + self._review <= self.book.now())

    def _title_in(self, values: Mapping[str, Any]) -> str:
        """The title of the article that a broadcast carries; "" if there is no such article, or it is not ready."""
        elements = _at(values, "message", "attachment", "payload", "elements")
        first = elements[0] if isinstance(elements, list) and elements else {}
        id = first.get("attachment_id") if isinstance(first, dict) else ""
        return next((str(one["title"]) for one in self.articles if one["id"] == id and self._ready(one)), "")

    # -- templates

    def _refuse_template(self, call: Call, values: Mapping[str, Any]) -> Reply | None:
        if self._templates is not None and values.get("template_id") not in self._templates:
            return self._no(-131, "template is not approved")
        if code := _code_of(call.to):
            return self._no(code)
        return None if all(values.get("template_data", {}).values()) else self._no(-1122, "parameter is missing")

    def _status(self, id: str) -> Reply:
        taken = any(entry.id == id for entry in self.book.accepted())
        return _ok({"message_id": id, "status": 1 if taken else -1})

    # -- small things

    def _maybe(self, kind: str, call: Call) -> Call | Reply:
        """A call that meets faults and stands in the book, if that was asked for; else its plain answer."""
        if kind in self._faults_on:
            return call
        return self.refusal(call) or self.take(call)

    def _no(self, code: int, words: str = "") -> Reply:
        return self.error(status=400, code=code, text=words)

    def _id(self, kind: str) -> str:
        self._last += 1
        return hashlib.sha256(f"{kind}{self._last}".encode()).hexdigest()[:20]

    def _millis(self) -> str:
        return str(int(self.book.now().timestamp() * 1000))


def _template_call(values: dict[str, Any]) -> Call:
    to = str(values.get("phone") or values.get("user_id") or "")
    data = values.get("template_data")
    said = "\n".join(str(value) for value in data.values()) if isinstance(data, dict) else ""
    return Call(to=to, body=said, reference=str(values.get("tracking_id", "")), values=_kept("template", values))


def _code_of(to: str) -> int:
    """The code that an address asks for; 0 for none."""
    found = BAD_ID.fullmatch(to) or BAD_PHONE.fullmatch(to)
    return -int(found[1]) if found else 0


def _kept(kind: str, values: Mapping[str, Any]) -> dict[str, str]:
    return {"kind": kind, "json": msgspec.json.encode(values).decode()}


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body) if body else {}
    except msgspec.DecodeError:
        found = {}
    return found if isinstance(found, dict) else {}


def _at(values: Any, *path: str) -> Any:
    """What stands at the end of a path of keys; "" if it breaks off."""
    for key in path:
        values = values.get(key, "") if isinstance(values, dict) else ""
    return values


def _ok(data: Any, id: str = "") -> Reply:
    return Reply(status=200, body=msgspec.json.encode({"data": data, "error": 0, "message": "Success"}), id=id)
