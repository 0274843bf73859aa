"""One approved message as one article of the official account, and one broadcast of it to the followers.

Four steps: make the article, wait until Zalo has an id for it, broadcast it, note that it was taken. Before each request
the step stands in the database. A lost answer to the making is settled by the account's list of articles; a lost answer
to the broadcast by two people, for Zalo keeps no list of broadcasts.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from broadcaster.channel import provider_item as items
from broadcaster.channel.base import Accepted, Misconfigured, OutcomeUnknown, Outgoing, Refused, SendError, Throttled
from broadcaster.channel.vault import Vault
from broadcaster.channel.zalo_codes import whole, word
from broadcaster.errors import BroadcasterError

log = logging.getLogger("broadcaster.channel.zalo")

TITLE_LIMIT = 150  # characters; so the documents. One report says that exactly 150 is refused already
DESCRIPTION_LIMIT = 300
AUTHOR_LIMIT = 50
LIST_PAGE = 10  # "maximum limit is 10", said by the interface itself
LIST_PAGES = 3
LOOK_AGAIN = timedelta(minutes=10)  # between two looks that together prove absence
CLOCKS_APART = timedelta(minutes=1)
ARTICLE, BROADCAST = "article", "broadcast"

Call = Callable[..., Awaitable[dict[str, Any]]]  # (method, path, payload) -> data; raises the five errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How an article is dressed, from the channel's settings."""

    author: str
    cover_url: str
    status: str  # show | hide
    target: Mapping[str, Any]
    review_poll: timedelta
    monthly_quota: int
    daily_quota: int
    zone: ZoneInfo


class Articles:
    """The articles and broadcasts of one channel."""

    def __init__(self, channel: str, vault: Vault, look: Look) -> None:
        self._channel, self._vault, self._look = channel, vault, look
        self._turn = asyncio.Lock()  # two dispatches of one text must not make its article twice

    async def prepare(self, outgoing: Outgoing, call: Call) -> str:
        """The id of the article, made and looked through. Raises: Throttled while Zalo has it under review."""
        async with self._turn:
            subject = digest(outgoing, self._look)
            item = await self._item(ARTICLE, subject)
            if item is None:
                return await self._make(outgoing, subject, call)
            if item.state == "making":
                return await self._look_for(outgoing, item, call)
            if item.state == "refused":
                raise Refused("Zalo has refused the article of this message; change the message.", code="article")
            if item.state == "approved":
                return item.provider_id
            return await self._verify(subject, item.token, call)

    async def broadcast(self, outgoing: Outgoing, article: str, call: Call) -> Accepted:
        """Broadcast the article for this dispatch, once. Raises: OutcomeUnknown if it may have been done already."""
        async with self._turn:
            known = await self._item(BROADCAST, outgoing.dedupe_key)
            if known is not None and known.state == "taken":
                return Accepted(provider_id=known.provider_id)
            if known is not None and known.key == outgoing.key:
                raise OutcomeUnknown("This broadcast was begun before, and its answer was lost.")
            await self._check_quota()
            await self._begin(outgoing, known)
            return await self._ask_for_it(outgoing, article, call)

    async def taken(self, outgoing: Outgoing) -> Accepted | None:
        """What our own records prove of a broadcast; None if its request certainly never left. Raises: OutcomeUnknown."""
        known = await self._item(BROADCAST, outgoing.dedupe_key)
        if known is None:
            return None
        if known.state == "taken":
            return Accepted(provider_id=known.provider_id)
        raise OutcomeUnknown(
            "Zalo keeps no list of broadcasts: look at the account's own page, then say what is there."
        )

    # -- the article ---------------------------------------------------------------------------------------------------

    async def _make(self, outgoing: Outgoing, subject: str, call: Call) -> str:
        await self._write(items.begin, ARTICLE, subject, state="making", title=outgoing.title, key=outgoing.key)
        try:
            data = await call("POST", "/v2.0/article/create", self._article(outgoing))
            token = word(data.get("token"), most=4096)
            if not token:
                raise OutcomeUnknown("Zalo's answer to a new article holds no token.")
        except OutcomeUnknown:
            raise _looking(self._look.review_poll) from None  # stays `making`; the list of articles will tell
        except Refused as error:
            await self._note(items.move, ARTICLE, subject, "refused", reason=str(error))
            raise
        except SendError:
            await self._note(items.drop, ARTICLE, subject)
            raise
        await self._note(items.move, ARTICLE, subject, "waiting", token=token)
        return await self._verify(subject, token, call)

    async def _verify(self, subject: str, token: str, call: Call) -> str:
        """Ask for the article's id; nothing changes by asking twice."""
        try:
            data = await call("POST", "/v2.0/article/verify", {"token": token})
        except Refused as error:
            await self._note(items.move, ARTICLE, subject, "refused", token=token, reason=str(error))
            raise
        except (Misconfigured, Throttled):
            raise
        except SendError:  # still being processed (-214), or an answer that was lost: nothing was sent to anybody
            raise _reviewing(self._look.review_poll) from None
        article = word(data.get("id")) or word(data.get("article_id"))
        if not article:
            raise _reviewing(self._look.review_poll)
        await self._note(items.move, ARTICLE, subject, "approved", token=token, provider_id=article)
        return article

    async def _look_for(self, outgoing: Outgoing, item: items.Item, call: Call) -> str:
        """The answer to its making was lost: find it in the account's list, or make it once two looks found nothing."""
        try:
            found = await self._listed(item.title, item.made_at - CLOCKS_APART, call)
        except (Misconfigured, Throttled):
            raise
        except SendError:
            raise _looking(self._look.review_poll) from None
        if found:
            await self._note(items.move, ARTICLE, item.subject, "approved", provider_id=found)
            return found
        now = self._vault.now()
        if item.looked_at is None:
            await self._note(items.looked, ARTICLE, item.subject)
        if item.looked_at is None or now - item.looked_at < LOOK_AGAIN:
            raise _looking(LOOK_AGAIN)
        await self._write(items.drop, ARTICLE, item.subject)
        return await self._make(outgoing, item.subject, call)

    async def _listed(self, title: str, since: datetime, call: Call) -> str:
        """The id of the newest article of that title made since then, or ""."""
        for page in range(LIST_PAGES):
            query = quote(msgspec.json.encode({"offset": page * LIST_PAGE, "limit": LIST_PAGE, "type": "normal"}))
            path = f"/v2.0/article/getslice?offset={page * LIST_PAGE}&limit={LIST_PAGE}&type=normal&data={query}"
            data = await call("GET", path, None)
            rows = data.get("medias", data.get("articles"))
            if not isinstance(rows, list):
                raise OutcomeUnknown("Zalo's list of articles cannot be read.")
            for row in rows:
                if isinstance(row, dict) and row.get("title") == title and _made(row) >= since.timestamp():
                    return word(row.get("id"))
            if len(rows) < LIST_PAGE:
                break
        return ""

    def _article(self, outgoing: Outgoing) -> dict[str, Any]:
        cover = {"cover_type": "photo", "photo_url": self._look.cover_url, "status": "show"}
        return {
            "type": "normal",
            "title": outgoing.title,
            "author": self._look.author,
            "cover": cover,
            "description": outgoing.title,  # nothing of the text is cut to make one
            "body": [{"type": "text", "content": part} for part in paragraphs(outgoing.text)],
            "status": self._look.status,
            "comment": "hide",
        }

    # -- the broadcast -------------------------------------------------------------------------------------------------

    async def _begin(self, outgoing: Outgoing, known: items.Item | None) -> None:
        if known is None:
            begun = await self._write(
                items.begin, BROADCAST, outgoing.dedupe_key, state="sending", title=outgoing.title, key=outgoing.key
            )
        else:  # another attempt of the same dispatch: the queue makes one only when two people have said "again"
            begun = await self._write(
                items.again, BROADCAST, outgoing.dedupe_key, before=known.state, state="sending", key=outgoing.key
            )
        if not begun:
            raise OutcomeUnknown("Another worker has begun this broadcast.")

    async def _ask_for_it(self, outgoing: Outgoing, article: str, call: Call) -> Accepted:
        element = {"media_type": "article", "attachment_id": article}
        payload = {"template_type": "media", "elements": [element]}
        body = {
            "recipient": {"target": dict(self._look.target)},
            "message": {"attachment": {"type": "template", "payload": payload}},
        }
        try:
            data = await call("POST", "/v2.0/oa/message", body)
            taken = word(data.get("message_id"))
            if not taken:
                raise OutcomeUnknown("Zalo's answer has no message id; it cannot be told whether it was taken.")
            if not await self._fresh(taken, outgoing):
                raise OutcomeUnknown("Zalo's answer repeats the id of an earlier broadcast; it proves nothing.")
        except OutcomeUnknown:
            await self._note(items.move, BROADCAST, outgoing.dedupe_key, "doubt")
            raise
        except SendError:
            await self._note(items.drop, BROADCAST, outgoing.dedupe_key)
            raise
        await self._note(items.move, BROADCAST, outgoing.dedupe_key, "taken", provider_id=taken)
        return Accepted(provider_id=taken)

    async def _fresh(self, taken: str, outgoing: Outgoing) -> bool:
        """Whether no earlier broadcast has that id. Raises: OutcomeUnknown when our rows cannot be read: it has left."""
        query = partial(items.owner, channel=self._channel, kind=BROADCAST, provider_id=taken)
        try:
            owner = await asyncio.to_thread(self._vault.read, query)
        except (BroadcasterError, SQLAlchemyError):
            raise OutcomeUnknown("The database could not be read to compare Zalo's answer with earlier ones.") from None
        return owner in ("", outgoing.dedupe_key)

    async def _check_quota(self) -> None:
        """Raises: Refused when the package carries no more: certainly not sent, and Zalo need not be asked."""
        for span, quota in (("month", self._look.monthly_quota), ("day", self._look.daily_quota)):
            if not quota:
                continue
            since, until = items.bounds(self._vault.now(), self._look.zone, span)
            count = partial(items.used, channel=self._channel, since=since, until=until)
            if await asyncio.to_thread(self._vault.read, count) >= quota:
                raise Refused(
                    f"The quota of {quota} broadcasts a {span} is used up; plan fewer, or take a larger package.",
                    code=f"quota-{span}",
                )

    # -- the database --------------------------------------------------------------------------------------------------

    async def _item(self, kind: str, subject: str) -> items.Item | None:
        query = partial(items.find, channel=self._channel, kind=kind, subject=subject)
        return await asyncio.to_thread(self._vault.read, query)

    async def _note(self, work: Callable[..., Any], kind: str, subject: str, *rest: Any, **values: Any) -> None:
        """Write down what came of a request. If the disk will not take it, the step before stands, which is the safe side."""
        try:
            await self._write(work, kind, subject, *rest, **values)
        except (BroadcasterError, SQLAlchemyError) as error:
            log.error("zalo.cannot_write %s: %s", self._channel, type(error).__name__)

    async def _write(self, work: Callable[..., Any], kind: str, subject: str, *rest: Any, **values: Any) -> Any:
        def run(tx: Any) -> Any:
            return work(tx, self._channel, kind, subject, *rest, **values)

        return await asyncio.to_thread(self._vault.write, run)


def digest(outgoing: Outgoing, look: Look) -> str:
    """What makes two articles one: everything that shows. A refused one is asked for again only when some of it changes."""
    said = msgspec.json.encode(
        [outgoing.title, outgoing.text, outgoing.language, outgoing.link, look.author, look.cover_url, look.status]
    )
    return hashlib.sha256(said).hexdigest()


def paragraphs(text: str) -> list[str]:
    """The text's paragraphs; together they are the whole text."""
    return [part for part in (piece.strip() for piece in text.split("\n\n")) if part]


def _made(row: Mapping[str, Any]) -> float:
    """When an article was made, in seconds since 1970: the list gives seconds or milliseconds."""
    number = whole(row.get("create_date", row.get("created_date")))
    if number is None and isinstance(row.get("create_date"), str) and str(row["create_date"]).isdecimal():
        number = int(str(row["create_date"])[:14])
    return 0.0 if number is None else number / 1000 if number > 10**11 else float(number)


def _reviewing(wait: timedelta) -> Throttled:
    return Throttled("The article is with Zalo, which looks it through first.", wait=wait, code="review")


def _looking(wait: timedelta) -> Throttled:
    return Throttled(
        "Zalo's answer to a new article was lost; nothing is sent until its list of articles tells.",
        wait=wait,
        code="made",
    )
