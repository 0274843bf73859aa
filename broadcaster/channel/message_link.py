"""The address of a message's public page: what a poster's code, a post or the foot of a letter leads to. Pure.

The page shows the text as approved now, in every language, and nothing before the message is out (web/message_page.py).
"""

from __future__ import annotations


def link(public_url: str, message: str) -> str:
    """ "" without a public address."""
    return f"{public_url.rstrip('/')}/m/{message}" if public_url and message else ""
