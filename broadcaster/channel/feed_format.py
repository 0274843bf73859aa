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
    base: str  # where the channel's folder is served, ending in "/"; "" if nobody knows
    updated: datetime

    def address(self, path: str) -> str:
        return self.base + path


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
    root = Element("rss", {"version": "2.0", "xmlns:atom": ATOM, "xmlns:dc": DUBLIN_CORE})
    channel = SubElement(root, "channel")
    _text(channel, "title", head.title)
    _text(channel, "link", head.address("index.html"))
    _text(channel, "description", head.title)
    _text(channel, "language", head.language)
    _text(channel, "lastBuildDate", format_datetime(head.updated))
    own = {"rel": "self", "href": head.address("feed.xml"), "type": "application/rss+xml"}
    SubElement(channel, "atom:link", own)
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
    root = Element("feed", {"xmlns": ATOM, "xmlns:at": TOMBSTONES, "xml:lang": head.language})
    _text(root, "id", head.id)
    _text(root, "title", head.title)
    _text(root, "updated", head.updated.isoformat())
    _text(SubElement(root, "author"), "name", head.author)
    SubElement(root, "link", {"rel": "self", "href": head.address("atom.xml"), "type": "application/atom+xml"})
    SubElement(root, "link", {"rel": "alternate", "href": head.address("index.html"), "type": "text/html"})
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
    if head.base:  # both must be addresses of their own
        value |= {"home_page_url": head.address("index.html"), "feed_url": head.address("feed.json")}
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
    if entry.link or head.base:
        value["url"] = entry.link or head.address(entry.page)
    if entry.category:
        value["tags"] = [entry.category]
    if entry.attachments:
        value["attachments"] = [
            {"url": head.address(one.path), "mime_type": one.mime_type, "size_in_bytes": one.size}
            for one in entry.attachments
        ]
    return value


def _text(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text


def _xml(root: Element) -> bytes:
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode").encode() + b"\n"
