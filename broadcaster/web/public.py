"""The public pages, feeds and files the feed channels have written: no sign-in, no cookie, no address kept, nothing of others.

A trafficker may hold the phone: addresses and titles are neutral, every page has a way out, and nobody learns who read what.
The same files can be copied to a portal instead; what a web server must say about them stands in the folder's `nginx.conf`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response

from broadcaster.channel import feed, feed_answer
from broadcaster.web.desk import Desk
from broadcaster.web.door import RULE, Look

router = APIRouter(include_in_schema=False)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")  # of each part of a path: no dot first, no way up
FEEDS = {
    re.compile(r"feed(\.[^/]+)?\.xml"): "application/rss+xml; charset=utf-8",
    re.compile(r"atom(\.[^/]+)?\.xml"): "application/atom+xml; charset=utf-8",
    re.compile(r"feed(\.[^/]+)?\.json"): "application/feed+json",
}
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".xml": "application/xml; charset=utf-8",
    ".json": "application/json",
    ".css": "text/css; charset=utf-8",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".wav": "audio/wav",
    ".m4a": "audio/mp4",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".pdf": "application/pdf",
}
SHORT = "public, max-age=60"
# The way out: the weather, a page anybody may be found reading. A link, so nothing is asked of that site before it is used.
WAY_OUT = "https://nchmf.gov.vn/"
LEAVE = {b'lang="en"': "Leave this page"}
LEAVE_STYLE = b"""
.leave { position: sticky; top: .5rem; text-align: right; margin: 0; }
.leave a { display: inline-block; padding: .6rem 1.2rem; border-radius: 6px; text-decoration: none; }
.leave a { color: #fff; background: #0b4f9c; }
"""


def page(request: Request, channel: str, path: str = "") -> Response:
    """One published file; a feed reader that has it already is told so."""
    desk: Desk = request.app.state.desk
    found = _file(desk, channel, path)
    if found is None:
        return Response("404", status_code=404, media_type="text/plain")
    file, name = found
    try:
        etag, modified, body = feed_answer.etag_of(file), int(file.stat().st_mtime), file.read_bytes()
    except OSError:
        return Response("404", status_code=404, media_type="text/plain")
    headers = {
        "ETag": etag,
        "Last-Modified": formatdate(modified, usegmt=True),
        "Cache-Control": SHORT,
        "Content-Security-Policy": _policy(desk, channel, name),
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Referrer-Policy": "no-referrer",
    }
    if name.startswith("widget"):
        headers["X-Frame-Options"] = "ALLOWALL"  # the policy's frame-ancestors decides
    if feed_answer.is_known(request.headers, etag, datetime.fromtimestamp(modified, UTC)):
        return Response(status_code=304, headers=headers)
    served = feed_answer.whole_or_part(_with_way_out(body, name), request.headers, headers, etag)
    said = dict(served.headers)
    if served.status == 206:
        said["Content-Encoding"] = "identity"  # a part is of the bytes themselves: nothing on the way may pack it
    return Response(served.body, status_code=served.status, media_type=_kind(name), headers=said)


router.add_api_route("/public/{channel}/", page, methods=["GET", "HEAD"])
router.add_api_route("/public/{channel}/{path:path}", page, methods=["GET", "HEAD"])
setattr(page, RULE, Look.PUBLIC)


def _file(desk: Desk, channel: str, path: str) -> tuple[Path, str] | None:
    """Only what a configured feed channel has published: its folder, no hidden names, no links out of it."""
    if desk.config.channels.get(channel, {}).get("adapter") != "feed":
        return None
    parts = (path or "index.html").split("/")
    if len(parts) > 4 or not all(NAME.fullmatch(part) for part in parts) or parts[-1].endswith(".conf"):
        return None
    root = desk.config.path(desk.config.folders.public) / channel
    file = root.joinpath(*parts)
    if not file.is_file() or not file.resolve().is_relative_to(root.resolve()):
        return None
    return file, parts[-1]


def _with_way_out(body: bytes, name: str) -> bytes:
    """A page as it was published, with a button to leave it at once; the widget stands on somebody else's page."""
    if name == "style.css":
        return body + LEAVE_STYLE
    if not name.endswith(".html") or name.startswith("widget"):
        return body
    said = next((text for mark, text in LEAVE.items() if mark in body[:200]), "Thoát nhanh")
    button = f'<body>\n<nav class="leave" aria-label="{said}"><a href="{WAY_OUT}" rel="noreferrer">{said}</a></nav>'
    return body.replace(b"<body>", button.encode(), 1)


def _kind(name: str) -> str:
    for pattern, kind in FEEDS.items():
        if pattern.fullmatch(name):
            return kind
    return KINDS.get(Path(name).suffix.lower(), "application/octet-stream")


def _policy(desk: Desk, channel: str, name: str) -> str:
    """The pages' own policy; the widget may stand in the frames of the portals its channel names."""
    portals = desk.config.channels[channel].get("frame_ancestors", []) if name.startswith("widget") else []
    return f"{feed.CSP}; frame-ancestors {' '.join(map(str, portals)) or chr(39) + 'none' + chr(39)}"
