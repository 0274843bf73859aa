"""Posts on a Facebook page, published at once: a post parked at Facebook would be out of reach of our approval and our stop.

There is no idempotency key. A lost answer is looked up on the page by text and time; the page's refusal of "the same post
twice in a row" (506) is believed only after that look.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import re
import threading
import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct

from broadcaster.channel import http_call
from broadcaster.channel.base import (
    Accepted,
    Misconfigured,
    NotAccepted,
    OutcomeUnknown,
    Outgoing,
    Refused,
    SendError,
    Throttled,
    Traits,
)
from broadcaster.channel.meaning import Meaning
from broadcaster.clock import SystemClock
from broadcaster.config import ChannelSettings, Secret
from broadcaster.errors import Conflict, WrongUse

API = "https://graph.facebook.com"
VERSION = "v25.0"  # a version lives about two years; it is a setting
TEXT_LIMIT = 63_206  # characters; from one secondary source
PAGE_OF_FEED = 100  # posts asked for at once
FEED_PAGES = 3
BEFORE = timedelta(seconds=60)  # how far the page's clock may be behind ours
LATEST = timedelta(days=1)  # how far back a look goes where nothing says when the broadcast began
BUSY = timedelta(minutes=15)  # a rate limit that names no end
GONE = (100, 33)  # code and subcode for what is not there; the second is from general knowledge
POST = re.compile(r"[0-9]{1,25}(_[0-9]{1,25})?")
USAGE = "x-business-use-case-usage"

RECONNECT = "somebody must connect the page again and renew its token"
CODES: Mapping[int, Meaning] = {
    1: Meaning(OutcomeUnknown, "an unknown error", "E"),  # "transient", but after a POST nobody can tell
    2: Meaning(OutcomeUnknown, "the service had a fault", "E"),
    3: Meaning(Misconfigured, "the app may not do this", "E"),
    4: Meaning(Throttled, "the app has called too often", "E"),
    10: Meaning(Misconfigured, "a permission is missing", "E"),
    17: Meaning(Throttled, "the account has called too often", "E"),
    32: Meaning(Throttled, "the page has been called too often", "E"),
    100: Meaning(Refused, "a value of the post is not allowed", "E"),
    102: Meaning(Misconfigured, RECONNECT, "E"),
    190: Meaning(Misconfigured, RECONNECT, "E"),
    341: Meaning(Throttled, "a limit of the app is reached", "E"),
    368: Meaning(Misconfigured, "the page is blocked for a while, for going against the rules", "E"),
    506: Meaning(Refused, "the same post stands there already", "E"),
    613: Meaning(Throttled, "too many calls", "E"),
    80001: Meaning(Throttled, "the page's budget of calls is used up", "E"),
    1609005: Meaning(NotAccepted, "the link could not be fetched", "E"),
}


class Options(Struct, forbid_unknown_fields=True, kw_only=True):
    page_id: str
    token: Secret
    app_secret: Secret | None = None
    version: str = VERSION


class FacebookPage:
    """One page. Its calls block, and run on threads; each thread has a session of its own."""

    traits = Traits(unit="public", address="public", after_silence="look_up", forms=("text",), max_length=TEXT_LIMIT)

    def __init__(self, name: str, settings: ChannelSettings) -> None:
        self.name = name
        self._options = settings.options(Options)
        if not self._options.page_id.isdecimal():
            raise WrongUse(f"config: channels.{name}.page_id: give the page's id, a number.")
        if not re.fullmatch(r"v[0-9]{1,3}\.[0-9]", self._options.version):
            raise WrongUse(f'config: channels.{name}.version: write it like "{VERSION}".')
        self._base = f"{(settings.common.api_base or API).rstrip('/')}/{self._options.version}"
        self._timeout = settings.timeout_seconds
        self._seen = http_call.SeenIds()
        self._lock = threading.Lock()
        self._own = threading.local()
        self._sessions: list[Any] = []
        logging.getLogger("urllib3").setLevel(
            logging.INFO
        )  # below that it logs addresses, and a look-up's has the token

    def check(self, outgoing: Outgoing) -> list[str]:
        problems = []
        if not outgoing.text.strip():
            problems.append("The text is empty; write the `text` form.")
        if len(outgoing.text) > TEXT_LIMIT:
            problems.append(
                f"{len(outgoing.text)} characters; Facebook takes at most {TEXT_LIMIT}: shorten the `text` form."
            )
        return problems

    def send(self, outgoing: Outgoing, *, timeout: float) -> Accepted:
        post = {"message": outgoing.text} | ({"link": outgoing.link} if outgoing.link else {})
        ends = _now() + timeout
        try:
            answer = http_call.request(
                self._session,
                "POST",
                f"{self._base}/{self._options.page_id}/feed",
                data=post | self._who(),
                timeout=timeout,
            )
            id = _judged(answer).get("id")
        except Refused as error:
            if error.code != "506":
                raise
            return self._standing(outgoing, timeout=ends - _now())
        if not isinstance(id, str) or not POST.fullmatch(id):
            raise OutcomeUnknown("Facebook's answer has no post id; it cannot be told whether the post is there.")
        if not self._claim(id, outgoing):
            raise OutcomeUnknown(
                "Facebook's answer repeats the id of an earlier post; it proves nothing about this one."
            )
        return Accepted(provider_id=id)

    async def find(self, outgoing: Outgoing, *, since: datetime, timeout: float) -> Accepted | None:
        """Look on the page for a post with this text, made since then. See `LooksUp`."""
        try:
            return await asyncio.to_thread(partial(self._found, outgoing, since=since, timeout=timeout))
        except SendError as error:
            raise OutcomeUnknown(f"Facebook could not be asked for the post ({type(error).__name__}).") from None

    def take_down(self, provider_id: str) -> None:
        """Delete a post; one that is gone already is as good as deleted. Raises: Conflict naming what stands in the way."""
        if not POST.fullmatch(provider_id):
            raise Conflict("That is no id of a Facebook post; `broadcaster dispatch list` shows it.")
        try:
            answer = http_call.request(
                self._session, "DELETE", f"{self._base}/{provider_id}", params=self._who(), timeout=self._timeout
            )
            if _is_gone(answer):
                return
            _judged(answer)
        except SendError as error:
            raise Conflict(
                f"The post could not be deleted: {error} Delete it on the page itself, or try again."
            ) from None

    async def close(self) -> None:
        with self._lock:
            sessions, self._sessions = self._sessions, []
            self._own = threading.local()
        for session in sessions:
            session.close()

    def _standing(self, outgoing: Outgoing, *, timeout: float) -> Accepted:
        """After 506: is the post that stands there this broadcast's own, from an attempt whose answer was lost?

        Raises: Refused if it is another one's; OutcomeUnknown if the page cannot be read.
        """
        since = outgoing.published_at or SystemClock().now() - LATEST
        try:
            found = self._found(outgoing, since=since, timeout=max(timeout, 0.1))
        except SendError:
            raise OutcomeUnknown(
                "Facebook says that the same post stands there, but its page cannot be read."
            ) from None
        if found is not None:
            return found
        raise Refused("Facebook takes no post twice in a row; another message must come between.", code="506")

    def _found(self, outgoing: Outgoing, *, since: datetime, timeout: float) -> Accepted | None:
        ends, earliest, after = _now() + timeout, since - BEFORE, ""
        for _ in range(FEED_PAGES):
            posts, after = self._feed(earliest, after, timeout=max(0.1, ends - _now()))
            for post in posts:
                if self._is_it(post, outgoing, earliest):
                    return Accepted(provider_id=str(post["id"]))
            if not after:
                return None
        raise OutcomeUnknown("The page has more posts since then than we read; look yourself.")

    def _feed(self, earliest: datetime, after: str, *, timeout: float) -> tuple[list[Any], str]:
        """One page of the feed, newest first, and where the next one begins, "" at the end."""
        query = {
            "fields": "id,message,created_time",
            "since": str(int(earliest.timestamp())),
            "limit": str(PAGE_OF_FEED),
        }
        answer = http_call.request(
            self._session,
            "GET",
            f"{self._base}/{self._options.page_id}/feed",
            params=query | ({"after": after} if after else {}) | self._who(),
            timeout=timeout,
        )
        body = _judged(answer)
        posts, paging = body.get("data"), body.get("paging")
        if not isinstance(posts, list):
            raise OutcomeUnknown("Facebook's list of posts cannot be read.")
        cursors = paging.get("cursors") if isinstance(paging, dict) and paging.get("next") else None
        told = cursors.get("after") if isinstance(cursors, dict) else ""
        return posts, told if isinstance(told, str) and len(told) < 1000 else ""

    def _is_it(self, post: Any, outgoing: Outgoing, earliest: datetime) -> bool:
        if not isinstance(post, dict) or not isinstance(post.get("message"), str):
            return False
        id, made = post.get("id"), _moment(post.get("created_time"))
        return (
            isinstance(id, str)
            and POST.fullmatch(id) is not None
            and made is not None
            and made >= earliest
            and normal(post["message"]) == normal(outgoing.text)
            and self._claim(id, outgoing)
        )

    def _claim(self, id: str, outgoing: Outgoing) -> bool:
        with self._lock:
            return self._seen.claim(id, owner=outgoing.dedupe_key)

    def _who(self) -> dict[str, str]:
        """The token, and the proof that who uses it knows the app's secret."""
        token, secret = self._options.token.reveal(), self._options.app_secret
        if secret is None:
            return {"access_token": token}
        proof = hmac.digest(secret.reveal().encode(), token.encode(), hashlib.sha256).hex()
        return {"access_token": token, "appsecret_proof": proof}

    @property
    def _session(self) -> Any:
        found = getattr(self._own, "session", None)
        if found is None:
            found = self._own.session = http_call.session()
            with self._lock:
                self._sessions.append(found)
        return found


def normal(text: str) -> str:
    """A post's text without what a page may change in it: Unicode form, ends of lines, blanks at the ends."""
    lines = unicodedata.normalize("NFC", text).replace("\r\n", "\n").split("\n")
    return "\n".join(line.strip() for line in lines).strip()


def _judged(answer: http_call.Answer) -> dict[str, Any]:
    """The body of an answer that says yes. Raises: one of the five errors, in our words and with Facebook's code."""
    body = _object(answer)
    error = body.get("error") if body is not None else None
    if isinstance(error, dict) and answer.status < 500:
        raise _said(error, answer)
    if 200 <= answer.status < 300:
        if body is None:
            raise OutcomeUnknown("Facebook's answer cannot be read; it cannot be told whether the post is there.")
        return body
    if not 400 <= answer.status < 500:
        raise http_call.lost(answer)
    raise http_call.foreign(answer)


def _object(answer: http_call.Answer) -> dict[str, Any] | None:
    try:
        found = answer.json()
    except OutcomeUnknown:
        return None
    return found if isinstance(found, dict) else None


def _said(error: Mapping[str, Any], answer: http_call.Answer) -> SendError:
    code = error.get("code")
    code = code if isinstance(code, int) and not isinstance(code, bool) else 0
    meaning = CODES.get(code)
    if meaning is None and 200 <= code <= 299:
        meaning = Meaning(Misconfigured, "a permission is missing", "E")
    if meaning is None:
        return _unlisted(code, answer)
    text = f"Facebook: {meaning.text} ({code})."
    if meaning.kind is Throttled:
        return Throttled(text, wait=_wait(answer), code=str(code))
    if meaning.kind is Misconfigured:
        return Misconfigured(f"{text} Mend it in the page's settings, then resume the channel.", code=str(code))
    return meaning.kind(text, code=str(code))


def _unlisted(code: int, answer: http_call.Answer) -> SendError:
    """A code that we do not know: the status tells."""
    if answer.status == 429:
        return http_call.throttled(answer, code=str(code))
    if not 400 <= answer.status < 500 or answer.status == 408:
        return http_call.lost(answer)
    kind = Misconfigured if answer.status in (401, 403, 404) else Refused
    return kind(f"Facebook refuses the post ({answer.status}, code {code}).", code=str(code))


def _wait(answer: http_call.Answer) -> timedelta:
    """By Retry-After, else the longest of the minutes that the usage header names, else a quarter of an hour."""
    if answer.headers.get("retry-after"):
        return http_call.throttled(answer).wait
    try:
        usage = msgspec.json.decode(answer.headers.get(USAGE, "{}"), type=dict[str, list[dict[str, Any]]])
    except msgspec.DecodeError:
        return BUSY
    told = [one.get("estimated_time_to_regain_access") for several in usage.values() for one in several]
    minutes = [one for one in told if isinstance(one, int) and not isinstance(one, bool) and one > 0]
    return http_call.wait_of(max(minutes) * 60) if minutes else BUSY


def _is_gone(answer: http_call.Answer) -> bool:
    error = (_object(answer) or {}).get("error")
    return isinstance(error, dict) and (error.get("code"), error.get("error_subcode")) == GONE


def _moment(text: Any) -> datetime | None:
    """Facebook writes `2027-07-30T00:00:05+0000`."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo else None


def _now() -> float:
    return SystemClock().monotonic()
