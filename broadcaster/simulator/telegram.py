"""The Telegram Bot API, as far as a sender of texts meets it: getMe, getChat, sendMessage, deleteMessage, getUpdates."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from broadcaster.simulator.provider import Call, Provider, Reply

PATH = re.compile(r"/bot([^/]+)/(\w+)")
TOKEN = re.compile(r"\d+:[A-Za-z0-9_-]{3,}")
TAG = re.compile(r"</?(b|strong|i|em|u|ins|s|strike|del|code|pre|blockquote|tg-spoiler|span|a)(\s[^<>]*)?>")
TEXT_LIMIT = 4096  # characters after entities parsing

# tdlib/telegram-bot-api, Client.cpp; by the sign that stands in the simulated chat's name
CHAT_ERRORS = {
    "blocked": (403, "Forbidden: bot was blocked by the user"),
    "deactivated": (403, "Forbidden: user is deactivated"),
    "kicked": (403, "Forbidden: bot was kicked from the supergroup chat"),
    "nobody": (400, "Bad Request: chat not found"),
}


class TelegramSimulator(Provider):
    """Any well-formed token is a bot here, unless `tokens` says which are.

    A chat is any integer or `@name`; `@blocked`, `@deactivated`, `@kicked` and `@nobody` answer as they say.
    `migrated` maps the id of a group to the id of the supergroup it became.
    """

    name = "telegram"

    def __init__(
        self, *, tokens: set[str] | None = None, migrated: dict[str, int] | None = None, **settings: Any
    ) -> None:
        super().__init__(**settings)
        self._tokens = tokens
        self._migrated = migrated or {}
        self._last_id: dict[str, int] = {}
        self._kept: set[tuple[str, int]] = set()
        self.updates: list[dict[str, Any]] = []  # what nobody has fetched and confirmed
        self.hooked = False  # a web hook is set: nobody may fetch
        self._update = 0

    def read(self, request: web.BaseRequest, body: bytes) -> Call | Reply:
        found = PATH.fullmatch(request.path)
        if found is None or not TOKEN.fullmatch(found[1]):
            return self.error(status=404, code=0, text="Not Found")
        if self._tokens is not None and found[1] not in self._tokens:
            return self.error(status=401, code=0, text="Unauthorized")
        values = _values(request, body)
        match found[2].lower():
            case "sendmessage":
                parsed = _parsed(values)
                text = values.get("text", "") if parsed is None else parsed
                return Call(to=values.get("chat_id", ""), body=text, values=values)
            case "getme":
                return _ok(_bot(found[1]))
            case "getchat":
                return self._no_chat(values.get("chat_id", "")) or _ok(_chat(values["chat_id"]))
            case "deletemessage":
                return self._delete(values)
            case "getupdates":
                return self._updates(values)
        return self.error(status=404, code=0, text="Not Found: method not found")

    def hear(self, chat: int, text: str) -> None:
        """A person writes to the bot."""
        said = {"message_id": 1, "date": int(self.book.now().timestamp()), "chat": _chat(str(chat)), "text": text}
        self._happen({"message": said})

    def block(self, chat: int) -> None:
        """A person blocks the bot."""
        member = {"status": "kicked", "user": _bot("42:x")}
        self._happen({"my_chat_member": {"chat": _chat(str(chat)), "new_chat_member": member}})

    def _happen(self, what: dict[str, Any]) -> None:
        self._update += 1
        self.updates.append({"update_id": 500_000 + self._update, **what})

    def _updates(self, values: Mapping[str, str]) -> Reply:
        """Those from `offset` on, oldest first; what stands before it is confirmed and forgotten."""
        if self.hooked:
            words = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
            return self.error(status=409, code=0, text=words)
        offset, limit = int(values.get("offset", "0")), min(int(values.get("limit", "100")), 100)
        self.updates = [one for one in self.updates if one["update_id"] >= offset]
        return _ok(self.updates[:limit])

    def refusal(self, call: Call) -> Reply | None:
        missing = self._no_chat(call.to)
        if missing:
            return missing
        text = call.body
        if _parsed(call.values) is None:
            return self.error(status=400, code=0, text="Bad Request: can't parse entities: Unsupported start tag")
        if not text.strip():
            return self.error(status=400, code=0, text="Bad Request: message text is empty")
        if len(text) > TEXT_LIMIT:
            return self.error(status=400, code=0, text="Bad Request: message is too long")
        return None

    def take(self, call: Call) -> Reply:
        number = self._last_id[call.to] = self._last_id.get(call.to, 0) + 1
        self._kept.add((call.to, number))
        message = {
            "message_id": number,
            "chat": _chat(call.to),
            "date": int(self.book.now().timestamp()),
            "text": call.body,
        }
        return _ok(message, id=str(number))

    def error(self, *, status: int, code: int, text: str, retry_after: str = "") -> Reply:
        parameters: dict[str, Any] = {}
        if status == 429:
            seconds = int(retry_after) if retry_after.lstrip("-").isdecimal() else None
            text = text or f"Too Many Requests: retry after {seconds}"
            parameters = {"parameters": {"retry_after": seconds}} if seconds is not None else {}
        body = {"ok": False, "error_code": code or status, "description": text or "Bad Request", **parameters}
        headers = {"Retry-After": retry_after} if retry_after else {}
        decision = "throttle" if status == 429 else f"refused {status}"
        return Reply(status=status, body=msgspec.json.encode(body), decision=decision, headers=headers)

    def _no_chat(self, chat: str) -> Reply | None:
        if chat in self._migrated:
            body = {
                "ok": False,
                "error_code": 400,
                "description": "Bad Request: group chat was upgraded to a supergroup chat",
                "parameters": {"migrate_to_chat_id": self._migrated[chat]},
            }
            return Reply(status=400, body=msgspec.json.encode(body), decision="refused migrated")
        if not chat:
            return self.error(status=400, code=0, text="Bad Request: chat_id is empty")
        if not re.fullmatch(r"-?\d{1,16}|@\w{5,32}", chat):
            return self.error(status=400, code=0, text="Bad Request: chat not found")
        found = CHAT_ERRORS.get(chat.removeprefix("@"))
        return self.error(status=found[0], code=0, text=found[1]) if found else None

    def _delete(self, values: dict[str, str]) -> Reply:
        key = (values.get("chat_id", ""), int(values.get("message_id", "0") or 0))
        if key not in self._kept:
            return self.error(status=400, code=0, text="Bad Request: message to delete not found")
        self._kept.discard(key)
        return _ok(True)


def _values(request: web.BaseRequest, body: bytes) -> dict[str, str]:
    """From JSON or a form, and from the address."""
    values = dict(request.query)
    if request.content_type == "application/json":
        try:
            found = msgspec.json.decode(body) if body else {}
        except msgspec.DecodeError:
            found = {}
        values |= {
            key: value if isinstance(value, str) else msgspec.json.encode(value).decode()
            for key, value in found.items()
        }
    else:
        values |= dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    return values


def _parsed(values: Mapping[str, str]) -> str | None:
    """The text without its entities; None if they cannot be parsed."""
    text = values.get("text", "")
    if values.get("parse_mode", "").upper() != "HTML":
        return text
    bare = TAG.sub("", text)
    return None if "<" in bare or ">" in bare else html.unescape(bare)


def _bot(token: str) -> dict[str, Any]:
    number = int(token.partition(":")[0])
    return {"id": number, "is_bot": True, "first_name": "Simulator", "username": "simulator_bot"}


def _chat(chat: str) -> dict[str, Any]:
    if chat.startswith("@"):
        return {"id": -1001000000001, "type": "channel", "title": chat, "username": chat[1:]}
    kind = "private" if not chat.startswith("-") else "supergroup" if chat.startswith("-100") else "group"
    return {"id": int(chat), "type": kind} | ({"first_name": "Person"} if kind == "private" else {"title": "Group"})


def _ok(result: Any, id: str = "") -> Reply:
    return Reply(status=200, body=msgspec.json.encode({"ok": True, "result": result}), id=id)
