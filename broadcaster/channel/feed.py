"""Web feeds and pages: files under the public folder, to be served by our own web desk or copied to the portal.

Publishing the same dispatch again rewrites the same entry, so a lost answer is simply repeated. Each entry's own file is
the truth; the feeds and the index are made from the newest of them and can be made again.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct, field, structs

from broadcaster.channel import feed_format
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
from broadcaster.clock import Clock, SystemClock
from broadcaster.config import ChannelSettings
from broadcaster.errors import NotFound, WrongUse

SLUG = re.compile(r"[0-9a-f]{20}")
CSP = "default-src 'none'; style-src 'self'; media-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'"
TEMPLATES = Path(__file__).parent / "templates"
NOT_OURS_TO_WRITE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR}


class Options(Struct, forbid_unknown_fields=True, kw_only=True):
    title: str = ""  # of the feed; empty: the office's name
    author: str = ""  # who speaks; empty: the office's name
    site_url: str = ""  # where this channel's folder is served; empty: by our own web desk
    entries: int = field(default=50)  # newest entries in the feeds and the index; older pages stay


class Feed:
    """One feed in several formats, and a page for each entry."""

    traits = Traits(unit="public", address="public", after_silence="repeat", forms=("text",), max_length=0)

    def __init__(self, name: str, settings: ChannelSettings) -> None:
        self.name = name
        self.clock: Clock = SystemClock()
        self._options = settings.options(Options)
        if self._options.entries < 1:
            raise WrongUse(f"config: channels.{name}.entries: at least 1.")
        site = self._options.site_url or (f"{settings.public_url}/public/{name}" if settings.public_url else "")
        if site and urlsplit(site).scheme not in ("http", "https"):
            raise WrongUse(f"config: channels.{name}.site_url: {site!r} is no http(s) address.")
        self._base = site.rstrip("/") + "/" if site else ""
        self._folder = settings.public_folder / name
        self._zone = ZoneInfo(settings.timezone)
        self._title = self._options.title or settings.office_name or name
        self._author = self._options.author or settings.office_name or self._title
        self._language = (settings.common.languages or ["vi"])[0]

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

    async def close(self) -> None:
        return

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
            link=outgoing.link if outgoing.link.startswith(("http://", "https://")) else "",
            attachments=tuple(self._attach(slug, media) for media in outgoing.media),
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

        begun = False
        try:
            (self._folder / "m").mkdir(parents=True, exist_ok=True)
            (self._folder / ".entries").mkdir(exist_ok=True)
            with FileLock(self._folder / ".lock", timeout=timeout):
                entry = change()
                newest = self._newest(entry)
                begun = True
                self._show(entry, newest)
        except Timeout:
            raise NotAccepted("Another process is publishing in this folder; it is tried again.") from None
        except OSError as error:
            raise self._judge(error, begun=begun) from error

    def _judge(self, error: OSError, *, begun: bool) -> SendError:
        reason = error.strerror or error.__class__.__name__
        if begun:
            return OutcomeUnknown(
                f"The files of the feed are half written ({reason}); publishing again completes them."
            )
        if error.errno in NOT_OURS_TO_WRITE:
            return Misconfigured(f"The public folder cannot be written ({reason}); correct its rights or its path.")
        return NotAccepted(f"The public folder cannot be written now ({reason}).")

    def _show(self, entry: Entry, newest: list[Entry]) -> None:
        head = Head(
            id=newest[0].id.rpartition("/")[0],
            title=self._title,
            author=self._author,
            language=self._language,
            base=self._base,
            updated=max(one.updated for one in newest),
        )
        truth = msgspec.json.encode(entry)
        files = {
            f".entries/{entry.slug}.json": truth,
            f"m/{entry.slug}.html": self._page(head, entry),
            "style.css": self._style,
            "index.html": self._index(head, newest),
            "feed.xml": feed_format.rss(head, newest),
            "atom.xml": feed_format.atom(head, newest),
            "feed.json": feed_format.json_feed(head, newest),
            ".newest.json": msgspec.json.encode(newest),  # last: while it is old, everything is made again
        }
        for name, content in files.items():
            _replace(self._folder / name, content)

    def _newest(self, entry: Entry) -> list[Entry]:
        others = [one for one in self._recent() if one.slug != entry.slug]
        newest = sorted([entry, *others], key=lambda one: (one.published, one.slug), reverse=True)
        return newest[: self._options.entries]

    def _recent(self) -> list[Entry]:
        """The entries that the feeds show; read from all entries again if their list is lost."""
        try:
            return msgspec.json.decode((self._folder / ".newest.json").read_bytes(), type=list[Entry])
        except (OSError, msgspec.DecodeError):
            found = [self._stored(path.stem) for path in (self._folder / ".entries").glob("*.json")]
            entries = sorted((one for one in found if one), key=lambda one: (one.published, one.slug), reverse=True)
            return entries[: self._options.entries]

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
        for entry in self._recent():
            return entry.id.rpartition("/")[0]
        authority = urlsplit(self._base).hostname or "feed.invalid"
        return f"tag:{authority},{published:%Y-%m-%d}:{self.name}"

    def _page(self, head: Head, entry: Entry) -> bytes:
        text = feed_format.paragraphs(entry.text)
        return _encode(
            self._templates.get_template("feed_page.html").render(head=head, entry=entry, paragraphs=text, csp=CSP)
        )

    def _index(self, head: Head, newest: list[Entry]) -> bytes:
        return _encode(self._templates.get_template("feed_index.html").render(head=head, entries=newest, csp=CSP))

    @cached_property
    def _templates(self) -> Any:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        return Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)

    @cached_property
    def _style(self) -> bytes:
        return (TEMPLATES / "feed_style.css").read_bytes()


def _encode(text: str) -> bytes:
    return text.encode() + b"\n"


def _replace(path: Path, content: bytes) -> None:
    """Readers see the old file or the new one, whole; after a power cut too."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
