"""What a text costs as an SMS: encoding, parts, the characters to blame, and its unaccented twin. Pure.

Numbers: 3GPP TS 23.038 (alphabet, extension table) and TS 23.040 (a part is 140 octets, 6 of them the header of a long message).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal

# TS 23.038, table 6.2.1, without the escape at 0x1B
GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED = frozenset("\f^{}\\[~]|€")  # table 6.2.1.1: each is an escape and a character, two septets

SINGLE = {"GSM-7": 160, "UCS-2": 70}  # 140 octets as septets; as 16-bit units
SPLIT = {"GSM-7": 153, "UCS-2": 67}  # 134 octets

# What word processors put in place of typewriter characters, and the currency sign, as people write them without accents.
PLAIN = {
    "đ": "d", "Đ": "D", "₫": "d",
    "–": "-", "—": "-", "‐": "-", "‑": "-", "‒": "-", "―": "-", "−": "-", "•": "-", "·": "-",
    "“": '"', "”": '"', "„": '"', "‟": '"', "«": '"', "»": '"', "″": '"',
    "‘": "'", "’": "'", "‚": "'", "‛": "'", "′": "'", "´": "'", "`": "'",
    "…": "...", "×": "x", "→": "->", "№": "No", "°": " do",
    "\u00a0": " ", "\u2002": " ", "\u2003": " ", "\u2009": " ", "\u200a": " ", "\u202f": " ", "\u3000": " ", "\t": " ",
}  # fmt: skip

Encoding = Literal["GSM-7", "UCS-2"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What one text takes."""

    encoding: Encoding
    units: int  # septets of GSM-7, or 16-bit units of UCS-2, headers not counted
    parts: int  # messages billed
    costly: tuple[str, ...]  # the characters that force UCS-2, each once, in the order of the text


def count(text: str) -> Count:
    """Count `text` as a phone would get it. The text is taken as it stands: normalise to NFC first."""
    encoding = encoding_of(text)
    return Count(
        encoding=encoding,
        units=sum(_units(char, encoding) for char in text),
        parts=len(split(text)),
        costly=costly(text),
    )


def encoding_of(text: str) -> Encoding:
    """GSM-7 if every character is in it, else UCS-2 for the whole text."""
    return "UCS-2" if any(char not in GSM_BASIC and char not in GSM_EXTENDED for char in text) else "GSM-7"


def costly(text: str) -> tuple[str, ...]:
    """The characters outside GSM-7, each once, in the order of the text."""
    return tuple(dict.fromkeys(char for char in text if char not in GSM_BASIC and char not in GSM_EXTENDED))


def split(text: str) -> list[str]:
    """The parts as they are sent; joined they are the text. No part ends inside an escape or a surrogate pair."""
    encoding = encoding_of(text)
    if sum(_units(char, encoding) for char in text) <= SINGLE[encoding]:
        return [text]
    parts: list[str] = []
    begin = used = 0
    for index, char in enumerate(text):
        size = _units(char, encoding)
        if used + size > SPLIT[encoding]:
            parts.append(text[begin:index])
            begin, used = index, 0
        used += size
    return [*parts, text[begin:]]


def plain(text: str) -> str:
    """The unaccented twin: a proposal, for losing the tones can change a meaning. A person approves it.

    Only Latin letters lose their marks; what has no plain spelling (another script, an emoji) stays as it is.
    """
    kept: list[str] = []
    latin = False
    for char in unicodedata.normalize("NFD", text):
        if unicodedata.combining(char):
            if not latin:
                kept.append(char)
            continue
        latin = _is_latin(char)
        kept.append(PLAIN.get(char, char))
    return unicodedata.normalize("NFC", "".join(kept))


def _is_latin(char: str) -> bool:
    return char.isascii() or unicodedata.name(char, "").startswith("LATIN ")


def _units(char: str, encoding: Encoding) -> int:
    if encoding == "GSM-7":
        return 2 if char in GSM_EXTENDED else 1
    return 2 if ord(char) > 0xFFFF else 1
