"""Web feeds and pages: files under the public folder, to be served by our own web desk or copied to the portal.

Publishing the same dispatch again rewrites the same entry, so a lost answer is simply repeated. Each entry's own file is
the truth; feeds, index, widget and archive are made from them and can be made again. Publishing writes the open end of the
archive only, so that it takes as long with ten thousand entries as with ten.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct, field, structs

from broadcaster.channel import feed_answer, feed_format, feed_shelf, http_call, websub
from broadcaster.channel.base import (
    Accepted,
    Media,
    Misconfigured,
    NotAccepted,
    OutcomeUnknown,
    Outgoing,
    Refused,
    SendError,
    Traits,
)
from broadcaster.channel.feed_format import Attachment, Entry, Head
from broadcaster.channel.feed_shelf import Shelf, State
from broadcaster.clock import Clock, SystemClock
from broadcaster.config import ChannelSettings
from broadcaster.errors import NotFound, WrongUse

log = logging.getLogger("broadcaster.feed")

SLUG = re.compile(r"[0-9a-f]{20}")
ORIGIN = re.compile(r"https?://[A-Za-z0-9*.-]+(:\d{1,5})?")  # CSP 3, 2.3.1 "host-source", without a path
CSP = "default-src 'none'; style-src 'self'; media-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'"
TEMPLATES = Path(__file__).parent / "templates"
NOT_OURS_TO_WRITE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR}
HUB_TIME = 5.0  # seconds the hub may take, at most; and never more than what is left of the lane's timeout
IN_WIDGET = 5  # newest entries that fit a portal's side column


class Options(Struct, forbid_unknown_fields=True, kw_only=True):
    title: str = ""  # of the feed; empty: the office's name
    author: str = ""  # who speaks; empty: the office's name
    site_url: str = ""  # where this channel's folder is served; empty: by our own web desk
    entries: int = field(default=50)  # on one page: the newest in the feeds, the rest in the archive
    hub: str = ""  # a WebSub hub that is told of every change; empty: none
    frame_ancestors: list[str] = []  # portals that may show the widget in a frame, like https://portal.example.gov.vn


class Feed:
    """One feed in several formats and languages, its archive, a widget, and a page for each entry."""

    traits = Traits(unit="public", address="public", after_silence="repeat", forms=("text",), max_length=0)

    def __init__(self, name: str, settings: ChannelSettings) -> None:
        self.name = name
        self.clock: Clock = SystemClock()
        self._options = settings.options(Options)
        if self._options.entries < 1:
            raise WrongUse(f"config: channels.{name}.entries: at least 1.")
        site = self._options.site_url or (f"{settings.public_url}/public/{name}" if settings.public_url else "")
        for key, address in (("site_url", site), ("hub", self._options.hub)):
            if address and (urlsplit(address).scheme not in ("http", "https") or not urlsplit(address).hostname):
                raise WrongUse(f"config: channels.{name}.{key}: {address!r} is no http(s) address.")
        for origin in self._options.frame_ancestors:
            if not ORIGIN.fullmatch(origin):
                raise WrongUse(
                    f"config: channels.{name}.frame_ancestors: {origin!r}: write origins like https://portal.example.gov.vn."
                )
        self.frame_ancestors = tuple(self._options.frame_ancestors)
        self._base = site.rstrip("/") + "/" if site else ""
        self._folder = settings.public_folder / name
        self._zone = ZoneInfo(settings.timezone)
        self._title = self._options.title or settings.office_name or name
        self._author = self._options.author or settings.office_name or self._title
        self._language = (settings.common.languages or ["vi"])[0]
        self._session: Any = None

    def check(self, outgoing: Outgoing) -> list[str]:
        problems = []
        if not feed_format.printable(outgoing.text).strip():
            problems.append("The text is empty; write the `text` form.")
        if not feed_format.printable(outgoing.title).strip():
            problems.append("The title is empty; a page and a feed entry need one.")
        return problems

    def send(self, outgoing: Outgoing, *, timeout: float) -> Accepted:
        """Publish, or publish again. Text that changed since the last time makes the entry a correction."""
        slug = hashlib.sha256(outgoing.dedupe_key.encode()).hexdigest()[:20]
        self._write(lambda: self._publish(slug, outgoing), timeout=timeout)
        return Accepted(provider_id=slug)

    def correct(self, provider_id: str, outgoing: Outgoing, *, timeout: float = 30.0) -> None:
        """Put `outgoing` in the place of an entry, which keeps its id and is marked as corrected. Raises: NotFound."""
        self._read(provider_id)
        self._write(lambda: self._publish(provider_id, outgoing), timeout=timeout)

    def take_down(self, provider_id: str) -> None:
        """Leave a notice in the entry's place, everywhere; its text and files are gone. Repeatable. Raises: NotFound."""
        self._read(provider_id)
        self._write(lambda: self._withdraw(provider_id), timeout=30.0)

    def answer(self, path: str, headers: Mapping[str, str]) -> feed_answer.Served:
        """What the web desk answers to GET or HEAD of `path` below this channel's address; lower-case header names."""
        hub = self._options.hub
        links = [f'<{hub}>; rel="hub"', f'<{self._base}{path}>; rel="self"'] if hub and self._base else []
        return feed_answer.answer(
            self._folder,
            path,
            headers,
            policy=frame_policy(()),
            frame_policy=frame_policy(self.frame_ancestors),
            links=links,
        )

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    # ---- one entry

    def _publish(self, slug: str, outgoing: Outgoing) -> Entry:
        before = self._stored(slug)
        if before is not None and before.state == "withdrawn":
            raise Refused("This entry was taken down; it is not published again.")
        published = before.published if before else self._local(outgoing.published_at or self.clock.now())
        entry = Entry(
            slug=slug,
            id=before.id if before else f"{self._feed_id(published)}/{slug}",
            title=feed_format.printable(outgoing.title).strip(),
            text=feed_format.printable(outgoing.text).strip(),
            language=outgoing.language,
            published=published,
            updated=before.updated if before else published,
            state=before.state if before else "published",
            category=outgoing.category,
            attachments=tuple(self._attach(slug, media) for media in outgoing.media),
            place=before.place if before else -1,
            own_place=before.own_place if before and before.language == outgoing.language else -1,
        )
        if before is None or entry == before:
            return entry
        self._remove(set(before.attachments) - set(entry.attachments))
        return structs.replace(entry, state="corrected", updated=self._later_than(before))

    def _withdraw(self, slug: str) -> Entry:
        before = self._read(slug)
        if before.state == "withdrawn":
            return before
        self._remove(before.attachments)
        title, text = feed_format.WITHDRAWN.get(before.language, feed_format.WITHDRAWN["vi"])
        return structs.replace(
            before,
            state="withdrawn",
            title=title,
            text=text,
            link="",
            attachments=(),
            updated=self._later_than(before),
        )

    def _attach(self, slug: str, media: Media) -> Attachment:
        """Copy an approved file. Raises: Refused if it is not the file that was approved."""
        try:
            content = Path(media.path).read_bytes()
        except OSError:
            raise Refused("An approved file cannot be read on this machine; approve the message again.") from None
        if hashlib.sha256(content).hexdigest() != media.sha256.lower():
            raise Refused("An approved file has changed since its approval; approve the message again.")
        name = re.sub(r"[^A-Za-z0-9._-]", "-", media.name).lstrip(".-") or "file"
        path = f"m/{slug}-{name}"
        target = self._folder / path
        if not target.exists() or target.read_bytes() != content:
            _replace(target, content)
        return Attachment(path=path, mime_type=media.mime_type, size=len(content))

    def _remove(self, attachments: Iterable[Attachment]) -> None:
        for attachment in attachments:
            (self._folder / attachment.path).unlink(missing_ok=True)

    def _later_than(self, entry: Entry) -> datetime:
        return max(self._local(self.clock.now()), entry.updated + timedelta(seconds=1))

    def _local(self, moment: datetime) -> datetime:
        return moment.astimezone(self._zone).replace(microsecond=0)

    # ---- the files

    def _write(self, change: Callable[[], Entry], *, timeout: float) -> None:
        """Make an entry and everything that shows it, alone in the folder. Raises: only the five errors."""
        from filelock import FileLock, Timeout

        until = time.monotonic() + timeout
        begun = False
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self._folder / ".lock", timeout=timeout):
                for folder in ("m", "archive", ".entries", ".pages"):
                    (self._folder / folder).mkdir(exist_ok=True)
                entry = change()
                begun = True
                changed = self._show(entry)
        except Timeout:
            raise NotAccepted("Another process is publishing in this folder; it is tried again.") from None
        except OSError as error:
            raise self._judge(error, begun=begun) from error
        self._tell_hub(changed, timeout=min(HUB_TIME, until - time.monotonic()))

    def _judge(self, error: OSError, *, begun: bool) -> SendError:
        reason = error.strerror or error.__class__.__name__
        if begun:
            return OutcomeUnknown(
                f"The files of the feed are half written ({reason}); publishing again completes them."
            )
        if error.errno in NOT_OURS_TO_WRITE:
            return Misconfigured(f"The public folder cannot be written ({reason}); correct its rights or its path.")
        return NotAccepted(f"The public folder cannot be written now ({reason}).")

    def _show(self, entry: Entry) -> list[str]:
        """Write the entry, and what shows it; returns the feeds that have changed."""
        known = self._state()
        if known is None or self._is_lost(known, entry):
            state, entry = self._rebuild(entry)
        else:
            state = known
        if entry.place < 0:
            own = state.shelves.get(entry.language, Shelf())
            entry = structs.replace(entry, place=state.shelves[""].count, own_place=own.count)
        self._put_file(f".entries/{entry.slug}.json", msgspec.json.encode(entry))
        shelves = dict(state.shelves)
        pages: list[tuple[str, int, Sequence[Entry]]] = []
        for name in ("", entry.language):
            place = feed_shelf.place_on(entry, name)
            done = feed_shelf.put(shelves.get(name, Shelf()), entry, place=place, size=state.size)
            shelves[name] = done.shelf
            if done.page is not None:
                filled = done.filled or feed_shelf.replaced(self._page_entries(name, done.page), entry)
                pages.append((name, done.page, filled))
        state = structs.replace(state, shelves=shelves)
        for name, page, entries in pages:
            self._write_page(state, name, page, entries)
        changed: list[str] = []
        self._put_file("style.css", self._style)
        for name in ("", entry.language):
            changed += self._write_shelf(state, name)
        self._put_file(f"m/{entry.slug}.html", self._page(self._head(state, "", [entry]), entry))
        self._put_file(".nginx.conf", self._nginx)
        self._put_file(".state.json", msgspec.json.encode(state))  # last: while it is old, this is done again
        return changed

    def _write_shelf(self, state: State, name: str) -> list[str]:
        """The feeds, index and widget of one shelf; returns the feeds that have changed."""
        shown = state.shelves[name].shown
        head = self._head(state, name, shown, older=state.shelves[name].full(state.size))
        fresh = [one for one in shown if one.state != "withdrawn"][:IN_WIDGET]
        languages = sorted(one for one in state.shelves if one)
        self._put_file(head.file("index.html"), self._index(head, shown, languages if not name else []))
        self._put_file(head.file("widget.html"), self._widget(head, fresh))
        return [path for path, content in _feeds(head, shown).items() if self._put_file(path, content)]

    def _write_page(
        self, state: State, name: str, page: int, entries: Sequence[Entry], *, flush: bool = True
    ) -> list[str]:
        """An archive page, counted from 0 here and from 1 in its name; returns its files."""
        shown = feed_shelf.newest_first(entries)
        head = self._head(state, name, shown, page=page + 1, older=page)
        files = {
            _page_file(name, page): msgspec.json.encode(tuple(entries)),
            head.file("index.html", page + 1): self._index(head, shown, []),
            **_feeds(head, shown),
        }
        for path, content in files.items():
            self._put_file(path, content, flush=flush)
        return list(files)

    def _put_file(self, path: str, content: bytes, *, flush: bool = True) -> bool:
        """Write it unless it is there already, so that its date says when it changed; returns whether it has."""
        target = self._folder / path
        try:
            if target.read_bytes() == content:
                return False
        except OSError:
            pass
        _replace(target, content, flush=flush)
        return True

    def _head(
        self, state: State, name: str, entries: Sequence[Entry], *, page: int | None = None, older: int = 0
    ) -> Head:
        return Head(
            id=f"{state.feed_id}.{name}" if name else state.feed_id,
            title=self._title,
            author=self._author,
            language=name or self._language,
            base=self._base or ("" if page is None else "../"),
            updated=max(one.updated for one in entries),
            shelf=name,
            page=page,
            older=older,
            hub=self._options.hub,
        )

    # ---- what is known of the whole

    def _state(self) -> State | None:
        """None if it is lost, or was made with other settings: then everything is made again."""
        try:
            state = msgspec.json.decode((self._folder / ".state.json").read_bytes(), type=State)
        except (OSError, msgspec.DecodeError):
            return None
        return state if state.size == self._options.entries and "" in state.shelves else None

    def _rebuild(self, entry: Entry) -> tuple[State, Entry]:
        """Everything from the entries' own files, and `entry` as it was found among them."""
        stored = [self._stored(path.stem) for path in (self._folder / ".entries").glob("*.json")]
        others = [one for one in stored if one is not None and one.slug != entry.slug]
        known = [*others, entry] if entry.place >= 0 or self._stored(entry.slug) else others
        entries = feed_shelf.placed(known)
        for one in entries:
            self._put_file(f".entries/{one.slug}.json", msgspec.json.encode(one), flush=False)
        feed_id = entries[0].id.rpartition("/")[0] if entries else entry.id.rpartition("/")[0]
        state, pages = feed_shelf.rebuilt(entries, feed_id=feed_id, size=self._options.entries)
        written = {
            path
            for (name, page), content in pages.items()
            for path in self._write_page(state, name, page, content, flush=False)
        }
        for folder in ("archive", ".pages"):
            for path in (self._folder / folder).iterdir():
                if f"{folder}/{path.name}" not in written:
                    path.unlink(missing_ok=True)
        for name, shelf in state.shelves.items():
            if shelf.shown:
                self._write_shelf(state, name)
        if hasattr(os, "sync"):
            os.sync()  # once for all, before the state says that they are there
        return state, next((one for one in entries if one.slug == entry.slug), entry)

    def _is_lost(self, state: State, entry: Entry) -> bool:
        """Whether an entry that has a place cannot be changed there: it changed its language, or its page is gone."""
        if entry.place < 0:
            return False
        places = {name: feed_shelf.place_on(entry, name) for name in ("", entry.language)}
        return min(places.values()) < 0 or any(
            name not in state.shelves
            or place > state.shelves[name].count
            or (
                place // state.size < state.shelves[name].full(state.size)
                and not self._page_entries(name, place // state.size)
            )
            for name, place in places.items()
        )

    def _page_entries(self, name: str, page: int) -> tuple[Entry, ...]:
        try:
            return msgspec.json.decode((self._folder / _page_file(name, page)).read_bytes(), type=tuple[Entry, ...])
        except (OSError, msgspec.DecodeError):
            return ()

    def _stored(self, slug: str) -> Entry | None:
        try:
            return msgspec.json.decode((self._folder / ".entries" / f"{slug}.json").read_bytes(), type=Entry)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def _read(self, provider_id: str) -> Entry:
        entry = self._stored(provider_id) if SLUG.fullmatch(provider_id) else None
        if entry is None:
            raise NotFound(f"The feed {self.name} has no entry {provider_id!r}; `dispatch show` names an entry's id.")
        return entry

    def _feed_id(self, published: datetime) -> str:
        """A tag: URI (RFC 4151): the address we publish under, and the day of the first entry."""
        state = self._state()
        if state is not None:
            return state.feed_id
        for path in sorted((self._folder / ".entries").glob("*.json")):
            known = self._stored(path.stem)
            if known is not None:
                return known.id.rpartition("/")[0]
        authority = urlsplit(self._base).hostname or "feed.invalid"
        return f"tag:{authority},{published:%Y-%m-%d}:{self.name}"

    def _page(self, head: Head, entry: Entry) -> bytes:
        return self._html("feed_page.html", head=head, entry=entry, paragraphs=feed_format.paragraphs(entry.text))

    def _index(self, head: Head, entries: Sequence[Entry], languages: list[str]) -> bytes:
        root = "" if head.page is None else "../"
        return self._html("feed_index.html", head=head, entries=entries, root=root, languages=languages)

    def _widget(self, head: Head, entries: Sequence[Entry]) -> bytes:
        return self._html("feed_widget.html", head=head, entries=entries)

    def _html(self, template: str, **values: Any) -> bytes:
        return _encode(self._templates.get_template(template).render(csp=CSP, **values))

    @property
    def _nginx(self) -> bytes:
        """What a web server must say of these files, for the allow-list as it is now."""
        return _encode(self._templates.get_template("feed_nginx.conf").render(frame=frame_policy(self.frame_ancestors)))

    # ---- the hub

    def _tell_hub(self, changed: Iterable[str], *, timeout: float) -> None:
        """Never in the way of publishing: what the hub did not hear of, it hears of with the next publication."""
        if not (self._options.hub and self._base):
            return
        topics = websub.pending(self.missed(), [self._base + path for path in changed])
        if not topics:
            return
        if self._session is None:
            self._session = http_call.session()
        missed = websub.ping(self._session, self._options.hub, topics, timeout=timeout)
        if missed:
            log.warning("feed.hub_not_reached %s: %s", self.name, missed[0][1])
        self._note_missed(set(topics), missed)

    def _note_missed(self, asked: set[str], missed: list[tuple[str, str]]) -> None:
        """What others noted meanwhile stays."""
        from filelock import FileLock, Timeout

        try:
            with FileLock(self._folder / ".hub.lock", timeout=1.0):
                others = [one for one in self.missed() if one[0] not in asked]
                self._put_file(".hub.json", msgspec.json.encode([*others, *missed]))
        except (OSError, Timeout) as error:
            log.warning("feed.hub_not_noted %s: %s", self.name, error.__class__.__name__)

    def missed(self) -> list[tuple[str, str]]:
        """Feeds that the hub has not heard of yet, each with why."""
        try:
            return msgspec.json.decode((self._folder / ".hub.json").read_bytes(), type=list[tuple[str, str]])
        except (OSError, msgspec.DecodeError):
            return []

    @cached_property
    def _templates(self) -> Any:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        return Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)

    @cached_property
    def _style(self) -> bytes:
        return (TEMPLATES / "feed_style.css").read_bytes()


def frame_policy(ancestors: Sequence[str]) -> str:
    """The header's value for the widget: the whole policy, and which portals may frame it."""
    return f"{CSP}; frame-ancestors {' '.join(ancestors) or chr(39) + 'none' + chr(39)}"


def _feeds(head: Head, entries: Sequence[Entry]) -> dict[str, bytes]:
    """The three formats, by path."""
    return {
        head.file("feed.xml", head.page): feed_format.rss(head, entries),
        head.file("atom.xml", head.page): feed_format.atom(head, entries),
        head.file("feed.json", head.page): feed_format.json_feed(head, entries),
    }


def _page_file(name: str, page: int) -> str:
    return f".pages/{name or 'all'}-{page}.json"


def _encode(text: str) -> bytes:
    return text.encode() + b"\n"


def _replace(path: Path, content: bytes, *, flush: bool = True) -> None:
    """Readers see the old file or the new one, whole; with `flush` after a power cut too."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            if flush:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
