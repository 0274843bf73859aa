"""A Facebook page as the Graph API shows it: its feed, a new post, a post deleted. From documents, never seen live."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from broadcaster.simulator.provider import Call, Provider, Reply

PATH = re.compile(r"/v[0-9]+\.[0-9]/([0-9]+(?:_[0-9]+)?)(/feed)?")
TEXT_LIMIT = 63_206
PAGE_MOST = 100


class FacebookSimulator(Provider):
    """Any token is good, unless `tokens` says which are. `twice`: whether the same post is taken twice in a row."""

    name = "facebook"

    def __init__(self, *, tokens: Collection[str] | None = None, twice: bool = False, **settings: Any) -> None:
        super().__init__(**settings)
        self._tokens, self._twice = tokens, twice
        self.posts: list[dict[str, Any]] = []  # as they stand on the page, oldest first
        self._last = 0

    def read(self, request: web.BaseRequest, body: bytes) -> Call | Reply:
        found = PATH.fullmatch(request.path)
        if found is None:
            return self.error(status=404, code=2500, text="Unknown path components")
        values = dict(request.query) | dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
        token = values.get("access_token", "")
        if not token or (self._tokens is not None and token not in self._tokens):
            return self.error(status=400, code=190, text="Error validating access token")
        match request.method, bool(found[2]):
            case "POST", True:
                return Call(to=found[1], body=values.get("message", ""), values=values)
            case "GET", True:
                return self._feed(values)
            case "DELETE", False:
                return self._delete(found[1])
            case "GET", False:
                return _json({"id": found[1], "name": "Simulator"})
        return self.error(status=400, code=100, text="Unsupported request")

    def refusal(self, call: Call) -> Reply | None:
        if not call.body.strip() and not call.values.get("link"):
            return self.error(status=400, code=100, text="(#100) Missing message or attachment")
        if len(call.body) > TEXT_LIMIT:
            return self.error(status=400, code=100, text="(#100) Message is too long")
        if not self._twice and self.posts and self.posts[-1]["message"] == call.body:
            return self.error(status=400, code=506, text="(#506) Duplicate status message")
        return None

    def take(self, call: Call) -> Reply:
        self._last += 1
        id = f"{call.to}_{self._last}"
        self.posts.append({"id": id, "message": call.body, "at": self.book.now()})
        return _json({"id": id}, id=id)

    def error(self, *, status: int, code: int, text: str, retry_after: str = "") -> Reply:
        if status == 429:  # the code says it, with an HTTP status of its own
            code, text = code or 80001, text or "There have been too many calls to this Page account."
        error = {
            "message": text or "Invalid parameter",
            "type": "OAuthException",
            "code": code or (1 if status >= 500 else 100),
        }
        if text.startswith("Unsupported delete"):
            error["error_subcode"] = 33
        headers = {"Retry-After": retry_after} if retry_after and status == 429 else {}
        body = msgspec.json.encode({"error": {**error, "fbtrace_id": "EJplcsCHuLu"}})
        decision = "throttle" if status == 429 else f"refused {code or status}"
        return Reply(status=status, body=body, decision=decision, headers=headers)

    def _feed(self, values: Mapping[str, str]) -> Reply:
        since, limit = int(values.get("since", "0")), min(int(values.get("limit", "25")), PAGE_MOST)
        newest = [post for post in reversed(self.posts) if post["at"].timestamp() >= since]
        start = int(values.get("after", "0") or "0")
        shown = [
            {"id": one["id"], "message": one["message"], "created_time": _time(one["at"])}
            for one in newest[start : start + limit]
        ]
        more = start + limit < len(newest)
        cursors = {"cursors": {"before": str(start), "after": str(start + limit)}}
        return _json({"data": shown, "paging": cursors | ({"next": "https://graph.invalid/next"} if more else {})})

    def _delete(self, id: str) -> Reply:
        if not any(post["id"] == id for post in self.posts):
            return self.error(
                status=400, code=100, text="Unsupported delete request. Object with this ID does not exist."
            )
        self.posts = [post for post in self.posts if post["id"] != id]
        return _json({"success": True})


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}+0000"


def _json(value: Any, id: str = "") -> Reply:
    return Reply(status=200, body=msgspec.json.encode(value), id=id)
