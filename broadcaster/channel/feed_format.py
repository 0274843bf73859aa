"""What a feed looks like on the wire: RSS 2.0, Atom 1.0, JSON Feed 1.1. Pure: entries in, bytes out, the same for the same."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime
from html import escape
from typing import Literal
from xml.etree.ElementTree import Element, SubElement, tostring

import msgspec
from msgspec import Struct

ATOM = "http://www.w3.org/2005/Atom"
TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"  # RFC 6721
DUBLIN_CORE = "http://purl.org/dc/elements/1.1/"
HISTORY = "http://purl.org/syndication/history/1.0"  # RFC 5005
JSON_FEED = "https://jsonfeed.org/version/1.1"

# what XML 1.0 cannot hold, the C1 controls, and halves of surrogate pairs
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")

WITHDRAWN = {"vi": ("ĐÃ GỠ", "Nội dung này đã được gỡ bỏ."), "en": ("WITHDRAWN", "This content has been withdrawn.")}
CORRECTED = {"vi": "ĐÍNH CHÍNH", "en": "CORRECTED"}


class Attachment(Struct, frozen=True, kw_only=True):
    path: str  # below the channel's folder
    mime_type: str
    size: int  # bytes


class Entry(Struct, frozen=True, kw_only=True):
    """One language edition of one message."""

    slug: str  # names its page
    id: str  # a tag: URI (RFC 4151); never changes
    title: str
    text: str
    language: str
    published: datetime
    updated: datetime
    state: Literal["published", "corrected", "withdrawn"] = "published"
    category: str = ""
    link: str = ""  # the message's own public page; empty: the page of this entry
    attachments: tuple[Attachment, ...] = ()
    place: int = -1  # in the order in which entries came; -1: none yet
    own_place: int = -1  # the same, among those of its language

    @property
    def shown_title(self) -> str:
        """With the mark of a correction before it."""
        if self.state == "corrected":
            return f"{CORRECTED.get(self.language, CORRECTED['vi'])}: {self.title}"
        return self.title

    @property
    def page(self) -> str:
        return f"m/{self.slug}.html"


class Head(Struct, frozen=True, kw_only=True):
    """What stands above the entries."""

    id: str
    title: str
    author: str
    language: str
    base: str  # where the channel's folder is served, ending in "/"; else the way up to it, "" or "../"
    updated: datetime
    shelf: str = ""  # the one language it holds; "" for all
    page: int | None = None  # number of the archive page, from 1; None: the feed itself
    older: int = 0  # number of the archive page before it; 0: none
    hub: str = ""  # WebSub hub

    @property
    def is_absolute(self) -> bool:
        return self.base.startswith(("http://", "https://"))

    def address(self, path: str) -> str:
        return self.base + path

    def file(self, name: str, page: int | None = None) -> str:
        """The file of that name on this shelf: `atom.xml` -> `atom.vi.xml`; of an archive page `archive/atom.vi.12.xml`."""
        stem, _, end = name.partition(".")
        own = f".{self.shelf}" if self.shelf else ""
        return f"{stem}{own}.{end}" if page is None else f"archive/{stem}{own}.{page}.{end}"

    @property
    def archive_links(self) -> list[tuple[str, int | None]]:
        """(relation, page) as RFC 5005 names them."""
        links: list[tuple[str, int | None]] = [("current", None)] if self.page is not None else []
        return links + ([("prev-archive", self.older)] if self.older else [])


def printable(text: str) -> str:
    """Without the characters that no feed can hold."""
    return UNPRINTABLE.sub("", text)


def paragraphs(text: str) -> list[list[str]]:
    """Blank lines part paragraphs, line ends part lines."""
    blocks = re.split(r"\n[ \t]*\n", text.strip())
    return [[line.strip() for line in block.split("\n")] for block in blocks if block.strip()]


def html_of(text: str) -> str:
    """Plain text as paragraphs; nothing in it becomes markup."""
    return "".join(f"<p>{'<br>'.join(map(escape, lines))}</p>" for lines in paragraphs(text))


def rss(head: Head, entries: Sequence[Entry]) -> bytes:
    """RSS 2.0, rssboard.org/rss-specification."""
    names = {"xmlns:atom": ATOM, "xmlns:dc": DUBLIN_CORE} | ({} if head.page is None else {"xmlns:fh": HISTORY})
    root = Element("rss", {"version": "2.0", **names})
    channel = SubElement(root, "channel")
    _text(channel, "title", head.title)
    _text(channel, "link", head.address(head.file("index.html", head.page)))
    _text(channel, "description", head.title)
    _text(channel, "language", head.language)
    _text(channel, "lastBuildDate", format_datetime(head.updated))
    _feed_links(channel, head, "feed.xml", "application/rss+xml", tag="atom:link")
    for entry in entries:
        item = SubElement(channel, "item")
        _text(item, "title", entry.shown_title)
        _text(item, "link", entry.link or head.address(entry.page))
        _text(item, "description", html_of(entry.text))
        SubElement(item, "guid", {"isPermaLink": "false"}).text = entry.id
        _text(item, "pubDate", format_datetime(entry.published))
        _text(item, "dc:language", entry.language)
        if entry.category:
            _text(item, "category", entry.category)
        for attachment in entry.attachments[:1]:  # readers expect one enclosure
            values = {
                "url": head.address(attachment.path),
                "length": str(attachment.size),
                "type": attachment.mime_type,
            }
            SubElement(item, "enclosure", values)
    return _xml(root)


def atom(head: Head, entries: Sequence[Entry]) -> bytes:
    """Atom 1.0, RFC 4287; what was withdrawn is a tombstone, RFC 6721."""
    names = {"xmlns": ATOM, "xmlns:at": TOMBSTONES} | ({} if head.page is None else {"xmlns:fh": HISTORY})
    root = Element("feed", {**names, "xml:lang": head.language})
    _text(root, "id", head.id)
    _text(root, "title", head.title)
    _text(root, "updated", head.updated.isoformat())
    _text(SubElement(root, "author"), "name", head.author)
    _feed_links(root, head, "atom.xml", "application/atom+xml", tag="link")
    index = head.address(head.file("index.html", head.page))
    SubElement(root, "link", {"rel": "alternate", "href": index, "type": "text/html"})
    for entry in entries:
        if entry.state == "withdrawn":
            grave = SubElement(root, "at:deleted-entry", {"ref": entry.id, "when": entry.updated.isoformat()})
            SubElement(grave, "at:comment", {"xml:lang": entry.language}).text = entry.title
        else:
            _atom_entry(root, head, entry)
    return _xml(root)


def _atom_entry(root: Element, head: Head, entry: Entry) -> None:
    item = SubElement(root, "entry", {"xml:lang": entry.language})
    _text(item, "id", entry.id)
    _text(item, "title", entry.shown_title)
    _text(item, "updated", entry.updated.isoformat())
    _text(item, "published", entry.published.isoformat())
    page = {"rel": "alternate", "href": entry.link or head.address(entry.page), "type": "text/html"}
    SubElement(item, "link", page | {"hreflang": entry.language})
    for attachment in entry.attachments:
        values = {"rel": "enclosure", "href": head.address(attachment.path), "type": attachment.mime_type}
        SubElement(item, "link", values | {"length": str(attachment.size)})
    if entry.category:
        SubElement(item, "category", {"term": entry.category})
    SubElement(item, "content", {"type": "html"}).text = html_of(entry.text)


def json_feed(head: Head, entries: Sequence[Entry]) -> bytes:
    """JSON Feed 1.1, jsonfeed.org/version/1.1."""
    value = {
        "version": JSON_FEED,
        "title": head.title,
        "language": head.language,
        "authors": [{"name": head.author}],
        "items": [_json_item(head, entry) for entry in entries],
    }
    if head.is_absolute:  # all must be addresses of their own
        value |= {
            "home_page_url": head.address(head.file("index.html", head.page)),
            "feed_url": head.address(head.file("feed.json", head.page)),
        }
        if head.older:
            value["next_url"] = head.address(head.file("feed.json", head.older))
        if head.hub and head.page is None:
            value["hubs"] = [{"type": "WebSub", "url": head.hub}]
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def _json_item(head: Head, entry: Entry) -> dict[str, object]:
    value: dict[str, object] = {
        "id": entry.id,
        "title": entry.shown_title,
        "content_text": entry.text,
        "date_published": entry.published.isoformat(),
        "date_modified": entry.updated.isoformat(),
        "language": entry.language,
    }
    if entry.link or head.is_absolute:
        value["url"] = entry.link or head.address(entry.page)
    if entry.category:
        value["tags"] = [entry.category]
    if entry.attachments:
        value["attachments"] = [
            {"url": head.address(one.path), "mime_type": one.mime_type, "size_in_bytes": one.size}
            for one in entry.attachments
        ]
    return value


def _feed_links(parent: Element, head: Head, name: str, mime_type: str, *, tag: str) -> None:
    """Itself, its hub, and the way into the archive; an archive page says what it is."""
    if head.page is not None:
        SubElement(parent, "fh:archive")
    SubElement(parent, tag, {"rel": "self", "href": head.address(head.file(name, head.page)), "type": mime_type})
    if head.hub and head.page is None:
        SubElement(parent, tag, {"rel": "hub", "href": head.hub})
    for relation, page in head.archive_links:
        SubElement(parent, tag, {"rel": relation, "href": head.address(head.file(name, page)), "type": mime_type})


def _text(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text


def _xml(root: Element) -> bytes:
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode").encode() + b"\n"
