"""Telegram through python-telegram-bot over our wire. A post to a channel reaches all its subscribers with one request.

A bot cannot list what it sent: a lost answer is settled by a person who looks at the channel.
Off by default: in Viet Nam the service may be blocked, and a state body wants a written yes first.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from broadcaster.channel import http_call
from broadcaster.channel.base import (
    Accepted,
    Delivery,
    Inbound,
    Misconfigured,
    NotAccepted,
    OutcomeUnknown,
    Outgoing,
    Refused,
    SendError,
    Throttled,
    Traits,
)
from broadcaster.config import ChannelSettings, Secret
from broadcaster.errors import NotAllowed, WrongUse

if TYPE_CHECKING:
    from telegram import Bot

API = "https://api.telegram.org"
CONFLICT = 409  # two that fetch, or a web hook that is set (tdlib/telegram-bot-api, Client.cpp)
TEXT_LIMIT = 4096  # UTF-16 units after entities parsing; the documents say characters, so this errs on the safe side
CHAT = re.compile(r"-?[0-9]{1,16}|@[A-Za-z][A-Za-z0-9_]{3,31}")

# The words of the server's own source, tdlib/telegram-bot-api Client.cpp; the first that the description holds decides.
FORBIDDEN: Mapping[str, tuple[str, bool]] = {  # words -> sentence, suppress
    "bot was blocked by the user": ("the person has blocked the bot", True),
    "user is deactivated": ("the account is gone", True),
    "bot was kicked": ("the bot was removed from the chat; add it again, or take the chat out of the group", False),
    "is not a member": ("the bot is not a member of the chat; add it, or take the chat out of the group", False),
    "group chat was deleted": ("the chat was deleted; take it out of the group", False),
    "can't initiate conversation": ("the person has never written to the bot", False),
}
BAD_REQUEST: Mapping[str, tuple[type[SendError], str]] = {
    "chat not found": (Refused, "there is no such chat, or the bot has never seen it; correct the contact"),
    "message is too long": (Refused, "the text is too long"),
    "can't parse entities": (Refused, "the text cannot be parsed"),
    "message text is empty": (Refused, "the text is empty"),
    "not enough rights": (Refused, "the bot may not write in this chat; make it an administrator"),
    "have no rights": (Refused, "the bot may not write in this chat; make it an administrator"),
    "need administrator rights": (Refused, "the bot may not write in this channel; make it an administrator"),
    "failed to get http url content": (NotAccepted, "Telegram could not fetch a file"),
}

FETCHED_AT_ONCE = 4  # updates: with a reply quoted in each they still fit into an answer we are willing to read
WANTED = ("message", "my_chat_member")

_deadline: ContextVar[float] = ContextVar("deadline", default=30.0)  # seconds for the whole request


class Options(Struct, forbid_unknown_fields=True, kw_only=True):
    token: Secret
    silent: bool = False  # arrive without a sound
    hook_secret: Secret | None = None  # what Telegram shows with each call: `secret_token` of setWebhook
    former_hook_secret: Secret | None = None  # taken as well, while it is being changed


class Telegram:
    """One bot. Shared by tasks of one event loop."""

    traits = Traits(
        unit="audience", address="telegram", after_silence="ask", forms=("chat", "text"), max_length=TEXT_LIMIT
    )

    def __init__(self, name: str, settings: ChannelSettings) -> None:
        self.name = name
        self._options = settings.options(Options)
        self._base = (settings.common.api_base or API).rstrip("/")
        self._wire = http_call.Wire(connections=settings.common.concurrency)
        self._seen = http_call.SeenIds()
        self._moved: dict[str, int] = {}  # groups that became supergroups while we run: old id -> new id

    def check(self, outgoing: Outgoing) -> list[str]:
        problems = []
        if not outgoing.text.strip():
            problems.append("The text is empty; write the `chat` or the `text` form.")
        length = len(outgoing.text.encode("utf-16-le")) // 2
        if length > TEXT_LIMIT:
            problems.append(
                f"{length} characters; Telegram takes at most {TEXT_LIMIT}: shorten it, or write a `chat` form."
            )
        if not CHAT.fullmatch(outgoing.to):
            problems.append("The Telegram address is neither a chat number nor an @name; correct the contact.")
        return problems

    async def send(self, outgoing: Outgoing, *, timeout: float) -> Accepted:
        from telegram import LinkPreviewOptions

        _deadline.set(timeout)
        try:
            message = await self._bot.send_message(
                chat_id=self._moved.get(outgoing.to, outgoing.to),
                text=escape(outgoing.text, quote=False),  # in HTML mode & < > are all there is to escape
                parse_mode="HTML",
                link_preview_options=LinkPreviewOptions(is_disabled=True),
                disable_notification=self._options.silent or None,
            )
        except Exception as error:  # whatever the library makes of an answer it cannot read: the request had left
            raise self._judge(error, outgoing.to) from None
        return self._acceptance(message, outgoing)

    def read_callback(self, headers: Mapping[str, str], body: bytes) -> Sequence[Delivery | Inbound]:
        """What a person wrote to the bot, or that somebody blocked it. See `ReadsCallbacks`."""
        given = headers.get("x-telegram-bot-api-secret-token", "").encode("utf-8", "replace")
        wanted = [one.reveal().encode() for one in (self._options.hook_secret, self._options.former_hook_secret) if one]
        if not any(hmac.compare_digest(one, given) for one in wanted):
            raise NotAllowed("The call does not show the secret we gave to Telegram; check `hook_secret`.")
        try:
            update = msgspec.json.decode(body, type=Update)
        except msgspec.DecodeError:
            raise WrongUse("The call is no update of Telegram's.") from None
        return _said(update)

    async def fetch(self, mark: str, *, timeout: float) -> tuple[Sequence[Inbound], str]:
        """What people wrote to the bot, by getUpdates; for a bot without a web hook. See `Fetches`."""
        offset = int(mark) if mark.isdecimal() else 0
        body = {"offset": offset, "limit": FETCHED_AT_ONCE, "timeout": 0, "allowed_updates": WANTED}
        answer = await self._wire.call(
            "POST", f"{self._base}/bot{self._options.token.reveal()}/getUpdates",
            headers={"Content-Type": "application/json"}, body=msgspec.json.encode(body), timeout=timeout,
        )  # fmt: skip
        _judge_transport(answer)
        if answer.status == CONFLICT:
            raise Misconfigured(
                "Somebody else fetches for this bot, or it has a web hook: a bot has one reader.", code="409"
            )
        if answer.status != 200:
            raise Misconfigured(f"Telegram answered {answer.status}: check the bot's token.", code=str(answer.status))
        try:
            updates = msgspec.json.decode(answer.body, type=Updates).result
        except (msgspec.DecodeError, RecursionError):
            raise OutcomeUnknown("Telegram's list of updates cannot be read.") from None
        said: list[Inbound] = []
        for raw in updates:
            number = msgspec.json.decode(raw, type=Numbered).update_id
            if number < offset:
                continue
            offset = number + 1
            try:
                said += _said(msgspec.json.decode(raw, type=Update))
            except msgspec.DecodeError:
                continue  # of a kind nobody knows yet: it is passed over, not stumbled upon for ever
        return said, str(offset) if offset else mark

    def answer(self, inbound: Inbound, text: str) -> tuple[str, bytes]:
        """Telegram makes a request that stands in the answer to its call. See `AnswersPeople`."""
        said = {"method": "sendMessage", "chat_id": int(inbound.sender), "text": text}
        return "application/json", msgspec.json.encode(said)

    async def close(self) -> None:
        await self._wire.close()

    def _acceptance(self, message: Any, outgoing: Outgoing) -> Accepted:
        """Raises: OutcomeUnknown unless the answer has an id of its own."""
        number = message.message_id
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            raise OutcomeUnknown(
                "Telegram's answer has no message id; it cannot be told whether the message was taken."
            )
        if not self._seen.claim(f"{outgoing.to}/{number}", owner=outgoing.dedupe_key):
            raise OutcomeUnknown(
                "Telegram's answer repeats the id of an earlier message; it proves nothing about this."
            )
        return Accepted(provider_id=str(number))

    def _judge(self, error: Exception, to: str) -> SendError:
        """What the library's exception means. BadRequest and TimedOut are NetworkErrors there: the narrow ones go first."""
        from telegram import error as telegram_error

        if isinstance(error.__cause__, SendError):  # the wire has judged; the library only wrapped it
            return error.__cause__
        match error:
            case SendError():
                return error
            case telegram_error.ChatMigrated():
                self._moved[to] = error.new_chat_id
                return NotAccepted(
                    "Telegram: the group became a supergroup; the next try goes to its new id.", code="400"
                )
            case telegram_error.Forbidden():
                return _forbidden(error.message)
            case telegram_error.InvalidToken():
                return Misconfigured("Telegram does not know this bot; check the token and `api_base`.", code="401")
            case telegram_error.Conflict():
                return Misconfigured("Another program uses this bot; stop it, or give us a bot of our own.", code="409")
            case telegram_error.BadRequest():
                return _bad_request(error.message)
        return OutcomeUnknown("Telegram's answer cannot be read; it cannot be told whether the message was taken.")

    @cached_property
    def _bot(self) -> Bot:
        import logging

        from telegram import Bot
        from telegram.error import InvalidToken

        logging.getLogger("telegram").setLevel(logging.WARNING)  # below that it logs texts and chats
        request = _transport(self._wire)
        try:
            return Bot(
                self._options.token.reveal(), base_url=f"{self._base}/bot", request=request, get_updates_request=request
            )
        except InvalidToken:
            raise Misconfigured("The Telegram token is empty; put it where `token` points to.") from None


class Numbered(Struct):
    update_id: int


class Updates(Struct):
    """The answer to getUpdates, its updates not looked into."""

    result: list[msgspec.Raw]


class Chat(Struct):
    id: int
    type: str = ""


class Said(Struct):
    chat: Chat
    text: str = ""
    caption: str = ""


class Member(Struct):
    status: str = ""


class Membership(Struct):
    chat: Chat
    new_chat_member: Member


class Update(Struct):
    """What of an update matters to us; the rest is let go unread."""

    update_id: int
    message: Said | None = None
    my_chat_member: Membership | None = None


def _said(update: Update) -> list[Inbound]:
    """Only of a person: what people write to each other in a group is nothing for us to read."""
    event = str(update.update_id)
    if update.my_chat_member and update.my_chat_member.chat.type == "private":
        chat, status = update.my_chat_member.chat, update.my_chat_member.new_chat_member.status
        return [Inbound(sender=str(chat.id), kind="left", event_id=event)] if status == "kicked" else []
    if update.message and update.message.chat.type == "private":
        text = update.message.text or update.message.caption
        return [Inbound(sender=str(update.message.chat.id), text=text, event_id=event)] if text else []
    return []


def _forbidden(description: str) -> SendError:
    for words, (sentence, suppress) in FORBIDDEN.items():
        if words in description.lower():
            return Refused(f"Telegram: {sentence}.", code="403", suppress=suppress)
    return Refused("Telegram forbids the bot to write in this chat.", code="403")


def _bad_request(description: str) -> SendError:
    for words, (kind, sentence) in BAD_REQUEST.items():
        if words in description.lower():
            return kind(f"Telegram: {sentence}.", code="400")
    return Refused("Telegram will not take this message (400).", code="400")


def _transport(wire: http_call.Wire) -> Any:
    """The library's own hook for another HTTP client."""
    from telegram.error import TelegramError
    from telegram.request import BaseRequest, RequestData

    class Transport(BaseRequest):
        """The library over `wire`. What it could not judge is judged here: throttling, lost and strangers' answers."""

        @property
        def read_timeout(self) -> float | None:
            return _deadline.get()

        async def initialize(self) -> None:
            return

        async def shutdown(self) -> None:
            return

        async def do_request(
            self,
            url: str,
            method: str,
            request_data: RequestData | None = None,
            *_timeouts: Any,
            **_more: Any,
        ) -> tuple[int, bytes]:
            body = msgspec.json.encode(request_data.parameters) if request_data else None
            headers = {"Content-Type": "application/json"} if body else {}
            answer = await wire.call(method, url, headers=headers, body=body, timeout=_deadline.get())
            _judge_transport(answer)
            return answer.status, answer.body

        @staticmethod
        def parse_json_payload(payload: bytes) -> Any:
            """Like the library's, but the payload is not written to a log."""
            try:
                return msgspec.json.decode(payload)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                raise TelegramError("Invalid server response") from None

    return Transport()


def _judge_transport(answer: http_call.Answer) -> None:
    """Leave to the library what it has an exception for: 400, 401, 403, 404, 409 in Telegram's own words."""
    status = answer.status
    if 200 <= status < 300:
        return
    if not 400 <= status < 500 or status == 408:
        raise http_call.lost(answer)
    try:
        words = answer.json()
    except OutcomeUnknown:
        words = None
    if not isinstance(words, dict) or not isinstance(words.get("description"), str):
        raise http_call.foreign(answer)
    if status == 429:  # the library's RetryAfter neither knows the header nor bounds the wait
        parameters = words.get("parameters")
        seconds = parameters.get("retry_after") if isinstance(parameters, dict) else None
        if seconds is None:
            raise http_call.throttled(answer)
        raise Throttled("Telegram says: too many requests.", wait=http_call.wait_of(seconds), code="429")
    if status not in (400, 401, 403, 404, 409):
        raise Refused(f"Telegram will not take this message ({status}).", code=str(status))
