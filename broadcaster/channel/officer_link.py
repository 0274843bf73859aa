"""The links by which a commune's officer says what became of a bulletin: nobody can guess one. Pure.

A token is computed, not stored: what it opens, and 128 bits of an HMAC over that. Who holds the office key can make tokens.
"""

from __future__ import annotations

import base64
import hmac
import re
from hashlib import sha256

KIND = "loudspeaker"  # of the addresses that are communes
STATION = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")  # a commune's code: also the name of its folder
_BULLETIN = re.compile(r"([0-9]{1,18})-([a-z2-7]{26})")
_SHEET = re.compile(r"([a-z0-9-]{1,63})\.([0-9]{4}-w[0-9]{2})\.([a-z2-7]{26})")


def bulletin_token(office_key: bytes, dispatch: int) -> str:
    """Opens one bulletin of one commune."""
    return f"{dispatch}-{_mac(office_key, f'bulletin {dispatch}')}"


def read_bulletin_token(office_key: bytes, token: str) -> int | None:
    """The dispatch the office made this token for; None for any other text."""
    found = _BULLETIN.fullmatch(token)
    if found is None or not hmac.compare_digest(bulletin_token(office_key, int(found[1])), token):
        return None
    return int(found[1])


def sheet_token(office_key: bytes, station: str, week: str) -> str:
    """Opens one commune's bulletins of one ISO week, like `2027-w27`."""
    return f"{station}.{week}.{_mac(office_key, f'sheet {station} {week}')}"


def read_sheet_token(office_key: bytes, token: str) -> tuple[str, str] | None:
    """The commune and the week the office made this token for; None for any other text."""
    found = _SHEET.fullmatch(token)
    if found is None or not hmac.compare_digest(sheet_token(office_key, found[1], found[2]), token):
        return None
    return found[1], found[2]


def bulletin_link(public_url: str, office_key: bytes, *, kind: str, dispatch: int) -> str:
    """The page's address, or "" without a public address or for what is no commune."""
    if not public_url or kind != KIND:
        return ""
    return f"{public_url.rstrip('/')}/l/{bulletin_token(office_key, dispatch)}"


def sheet_link(public_url: str, office_key: bytes, *, station: str, week: str) -> str:
    """The page's address, or "" without a public address."""
    return f"{public_url.rstrip('/')}/t/{sheet_token(office_key, station, week)}" if public_url else ""


def _mac(office_key: bytes, opens: str) -> str:
    digest = hmac.digest(office_key, f"officer's link\n{opens}".encode(), sha256)
    return base64.b32encode(digest[:16]).decode().rstrip("=").lower()
