"""How an address stands in places that must not hold it: a keyed hash, a salted commitment, a mask. Pure."""

from __future__ import annotations

import hmac
from hashlib import sha256

DOT = "•"


def suppression_key(office_key: bytes, kind: str, value: str) -> bytes:
    """32 bytes by which suppressions find the address after it was erased: HMAC-SHA256 over `kind:value`.

    `value` is normalised (E.164, lower-case mail, ...). Who holds the office key can test a guessed number against it.
    """
    return hmac.digest(office_key, f"{kind}:{value}".encode(), "sha256")


def commitment(salt: bytes, kind: str, value: str) -> bytes:
    """32 bytes that stand for the address in the ledger; with the person's salt destroyed they mean nothing."""
    return sha256(b"rcpt1" + salt + f"{kind}:{value}".encode()).digest()


def mask(kind: str, value: str | None) -> str:
    """The address as a screen may show it: `+84 91• ••• •78`, `n•••@example.vn`, `•••4321`; or `erased`."""
    if value is None:
        return "erased"
    if kind == "phone":
        return _mask_phone(value)
    if kind == "email":
        name, _, domain = value.partition("@")
        return f"{name[:1]}{DOT * 3}@{domain}"
    if kind in ("zalo", "telegram"):
        return DOT * 3 + (value[-4:] if len(value) >= 8 else value[-1:])
    return value  # a public channel's own name


def _mask_phone(value: str) -> str:
    """Vietnamese numbers in their usual groups; of a foreign one the first two and the last two digits."""
    if value.startswith("+84") and len(value) == 12:
        return f"+84 {value[3:5]}{DOT} {DOT * 3} {DOT}{value[-2:]}"
    return f"{value[:3]}{DOT * max(0, len(value) - 5)}{value[-2:]}"
