"""Telling a WebSub hub that feeds have changed, so that it tells the subscribers at once instead of when they next look.

The recommendation (W3C, 23 January 2018) leaves the publisher's word to the hub open; what hubs take in practice is a form
with `hub.mode=publish` and `hub.url` (its section 7). A hub that does not answer harms nothing: readers still look by themselves.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from broadcaster.channel import http_call
from broadcaster.channel.base import SendError

if TYPE_CHECKING:
    import requests

TOPICS_AT_MOST = 100  # feeds of one channel that wait for the hub; more than it will ever have


def ping(session: requests.Session, hub: str, topics: Iterable[str], *, timeout: float) -> list[tuple[str, str]]:
    """Tell the hub of each changed feed, in `timeout` seconds in all; returns those that it has not heard of, each with why.

    Repeating it is harmless. Raises nothing.
    """
    waiting = list(dict.fromkeys(topics))[:TOPICS_AT_MOST]
    until = time.monotonic() + timeout
    for at, topic in enumerate(waiting):
        left = until - time.monotonic()
        why = "no time was left" if left < 0.1 else _tell(session, hub, topic, timeout=left)
        if why:
            return [(one, why) for one in waiting[at:]]  # a hub that fails for one fails for all
    return []


def pending(known: Sequence[tuple[str, str]], changed: Iterable[str]) -> list[str]:
    """What the hub must hear of now: what it missed before, and what has changed."""
    return list(dict.fromkeys([*(topic for topic, _ in known), *changed]))


def _tell(session: requests.Session, hub: str, topic: str, *, timeout: float) -> str:
    """Why the hub has not heard of it; "" if it has."""
    form = urlencode({"hub.mode": "publish", "hub.url": topic})
    try:
        answer = http_call.post(
            session,
            hub,
            data=form,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            timeout=timeout,
        )
        http_call.no_page(answer)  # telling it again is harmless, and a page has told nobody
    except SendError as error:
        return str(error)
    return ""
