"""What a web server says of the feed's files: types, ETag, Last-Modified, 304, and which portals may frame the widget.

For our own web desk; nginx does the same with the file that the feed writes beside (`.nginx.conf`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from pathlib import Path

SEGMENT = re.compile(
    r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
)  # no hidden file, no way up, nothing that a file system reads oddly
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
MAX_AGE = 60  # seconds; channels.md 7 says 60 to 300: a correction is seen within a minute
ENDINGS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".xml": "application/xml",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".m4a": "audio/mp4",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".jpg": "image/jpeg",
}
FEEDS = {  # by the beginning of the file's name
    ("feed", ".xml"): "application/rss+xml; charset=utf-8",
    ("atom", ".xml"): "application/atom+xml; charset=utf-8",
    ("feed", ".json"): "application/feed+json",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A whole answer."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def answer(
    folder: Path,
    path: str,
    headers: Mapping[str, str],
    *,
    policy: str,
    frame_policy: str,
    links: Sequence[str] = (),
) -> Served:
    """The answer to GET or HEAD of `path` below `folder` ("" is its index); `headers` have lower-case names.

    `policy` is the Content-Security-Policy of pages, `frame_policy` that of the widget, `links` are for feeds (RFC 8288).
    """
    name = path or "index.html"
    segments = name.split("/")
    target = folder.joinpath(*segments)
    if not all(SEGMENT.fullmatch(one) for one in segments) or not target.is_file():
        return Served(status=404, headers={"Content-Type": "text/plain; charset=utf-8"}, body=b"404\n")
    etag, modified = etag_of(target), _modified(target)
    kind = FEEDS.get((segments[-1].partition(".")[0], target.suffix)) or ENDINGS.get(target.suffix)
    said = {
        "ETag": etag,
        "Last-Modified": format_datetime(modified, usegmt=True),
        "Cache-Control": f"max-age={MAX_AGE}",
        "Content-Type": kind or "application/octet-stream",
        "X-Content-Type-Options": "nosniff",
    }
    if target.suffix == ".html":
        is_widget = segments[-1].partition(".")[0] == "widget"
        said["Content-Security-Policy"] = frame_policy if is_widget else policy
        said["Referrer-Policy"] = "no-referrer"
    if kind in FEEDS.values() and links:
        said["Link"] = ", ".join(links)
    if is_known(headers, etag, modified):
        return Served(status=304, headers={key: said[key] for key in said if key != "Content-Type"})
    return whole_or_part(target.read_bytes(), headers, said, etag)


def etag_of(path: Path) -> str:
    """A strong ETag: of the bytes, so that two machines that publish the same say the same. Raises: OSError."""
    found = path.stat()
    return _etag(path, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=1024)
def _etag(path: Path, _modified: int, _size: int) -> str:
    return f'"{hashlib.sha256(path.read_bytes()).hexdigest()[:32]}"'


def _modified(path: Path) -> datetime:
    return datetime.fromtimestamp(int(path.stat().st_mtime), UTC)


def is_known(headers: Mapping[str, str], etag: str, modified: datetime) -> bool:
    """Whether 304 is the answer. RFC 9110 13.2.2: If-None-Match decides alone where it is given; it compares weakly."""
    known = headers.get("if-none-match")
    if known is not None:
        given = [one.strip().removeprefix("W/") for one in known[:4096].split(",")]
        return "*" in given or etag in given
    since = headers.get("if-modified-since", "")
    try:
        moment = parsedate_to_datetime(since)
    except (TypeError, ValueError, IndexError, OverflowError):
        return False
    return modified <= (moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def whole_or_part(content: bytes, headers: Mapping[str, str], said: dict[str, str], etag: str) -> Served:
    """One range is served, which is what players ask for; anything else gets the whole (RFC 9110 14.2)."""
    said = said | {"Accept-Ranges": "bytes"}
    wanted = RANGE.fullmatch(headers.get("range", ""))
    if not wanted or headers.get("if-range", etag) != etag or wanted.groups() == ("", ""):
        return Served(status=200, headers=said | {"Content-Length": str(len(content))}, body=content)
    first, last = wanted.groups()
    start = int(first) if first else max(0, len(content) - int(last))
    end = min(int(last), len(content) - 1) if first and last else len(content) - 1
    if start > end:
        return Served(status=416, headers={"Content-Range": f"bytes */{len(content)}"})
    part = content[start : end + 1]
    more = {"Content-Range": f"bytes {start}-{end}/{len(content)}", "Content-Length": str(len(part))}
    return Served(status=206, headers=said | more, body=part)
