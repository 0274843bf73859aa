"""How a text travels as an SMS: in the GSM alphabet or as UCS-2, and in how many parts. Pure.

For gateways that must be told the coding, and that do not say what they bill. 3GPP TS 23.038 (alphabet and extension
table) and TS 23.040 (140 octets a part, 6 of them the header of a long message).
"""

from __future__ import annotations

from functools import lru_cache

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("\f^{}\\[~]|€")  # an escape and a character: two septets


@lru_cache(maxsize=256)  # a campaign's texts are few
def is_gsm(text: str) -> bool:
    """Whether the GSM alphabet has every character; else the whole text goes as UCS-2."""
    return all(letter in BASIC or letter in EXTENDED for letter in text)


@lru_cache(maxsize=256)
def parts(text: str, *, gsm: bool | None = None) -> int:
    """Billable parts; no part ends inside an escape or a surrogate pair. `gsm`: the coding asked for, if not its own."""
    in_gsm = is_gsm(text) if gsm is None else gsm
    wide = EXTENDED if in_gsm else frozenset(letter for letter in text if ord(letter) > 0xFFFF)
    single, each = (160, 153) if in_gsm else (70, 67)
    if len(text) + sum(letter in wide for letter in text) <= single:
        return 1
    count, used = 1, 0
    for letter in text:
        size = 2 if letter in wide else 1
        if used + size > each:
            count, used = count + 1, 0
        used += size
    return count
