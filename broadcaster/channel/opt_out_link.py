"""The address of one person's opt-out page: short enough for a text message, and nobody can guess it. Pure.

The token is computed, not stored: the address's number and 63 bits of an HMAC over it and the person's salt. With the salt
destroyed (erasure) it opens nothing any more. Who holds the office key can make tokens.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

PLACEHOLDER = "{{ opt_out }}"  # what a text says where the link is to stand
LENGTH = 16  # characters: 95 bits in base 62, the same for every person, so that parts can be counted before
MAC_BITS = 63
NUMBER_BITS = 32  # four billion addresses
LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # no mark that ends a link in a phone
PERSONAL = frozenset({"phone", "email", "zalo"})  # kinds of address one person reads; a Telegram chat can be a channel


def token(office_key: bytes, address: int, salt: bytes) -> str:
    """Raises: ValueError for a number that does not fit."""
    if not 0 < address < 1 << NUMBER_BITS:
        raise ValueError("the address's number does not fit into an opt-out token")
    whole = _mac(office_key, address, salt) << NUMBER_BITS | address
    letters = []
    for _ in range(LENGTH):
        whole, place = divmod(whole, len(LETTERS))
        letters.append(LETTERS[place])
    return "".join(reversed(letters))


def number_of(text: str) -> int | None:
    """The address a token claims to be of, to look its salt up; None for what is no token."""
    if len(text) != LENGTH or any(letter not in LETTERS for letter in text):
        return None
    whole = 0
    for letter in text:
        whole = whole * len(LETTERS) + LETTERS.index(letter)
    return whole % (1 << NUMBER_BITS) or None


def is_genuine(office_key: bytes, text: str, salt: bytes) -> bool:
    """Whether the office made this token for the person with this salt."""
    number = number_of(text)
    return number is not None and hmac.compare_digest(token(office_key, number, salt), text)


def link(public_url: str, office_key: bytes, *, kind: str, address: int, salt: bytes | None) -> str:
    """The page's address, or "" where there can be none: no public address, nobody's own address, an erased person."""
    if not public_url or kind not in PERSONAL or not salt:
        return ""
    return f"{public_url.rstrip('/')}/o/{token(office_key, address, salt)}"


def sample(public_url: str) -> str:
    """A link of the length that will stand in the text."""
    return f"{(public_url or 'https://tin.example.gov.vn').rstrip('/')}/o/{'x' * LENGTH}"


def _mac(office_key: bytes, address: int, salt: bytes) -> int:
    key = hmac.digest(office_key, b"opt-out link", sha256)
    whole = hmac.digest(key, f"{address}:".encode() + salt, sha256)
    return int.from_bytes(whole[:8], "big") >> (64 - MAC_BITS)
