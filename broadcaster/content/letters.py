"""Letters that do not belong in a text: invisible, decomposed, turned round, of another script, out of a damaged file. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

# Unicode 16, properties Bidi_Control and Default_Ignorable_Code_Point; the joiners have their own rule below.
BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
JOINERS = frozenset("\u200b\u200c\u200d")
INVISIBLE = frozenset("\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u2060\u2061\u2062\u2063\u2064\u3164\ufeff\uffa0")
# Languages whose spelling needs a zero-width space or joiner: Khmer, Lao, Thai, Burmese, and the scripts of India and Persia.
JOINING = frozenset(
    {"km", "lo", "th", "my", "fa", "ur", "hi", "bn", "ta", "te", "ml", "kn", "si", "ne", "mr", "gu", "pa"}
)

SCRIPTS = (
    "LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "HEBREW", "ARABIC", "THAI", "LAO", "KHMER", "MYANMAR", "GEORGIAN", "CHEROKEE",
    "COPTIC", "DEVANAGARI", "HANGUL", "CJK", "HIRAGANA", "KATAKANA", "CHAM", "TAI", "FULLWIDTH", "MATHEMATICAL", "LISU",
)  # fmt: skip
ALIKE = {"HIRAGANA": "CJK", "KATAKANA": "CJK"}  # written together in one word

# Everything a Latin text without surprises consists of: a line that matches needs no closer look.
_ORDINARY = re.compile(
    r"[\t\x20-\x7e\u00a0-\u00ac\u00ae-\u024f\u1e00-\u1eff\u2010-\u2015\u2018-\u201f\u2022\u2026\u20ab\u20ac]*"
)
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    text: str
    remedy: str


def find(line: str, language: str = "") -> Iterator[Finding]:
    """What is wrong with the letters of one line; `language` allows what its spelling needs."""
    if _ORDINARY.fullmatch(line):
        return
    yield from _decomposed(line)
    yield from _hidden(line, language)
    yield from _mixed(line)


def _decomposed(line: str) -> Iterator[Finding]:
    if unicodedata.is_normalized("NFC", line):
        return
    word = next((word for word in line.split() if not unicodedata.is_normalized("NFC", word)), "")
    yield Finding(
        text=f"{_shown(unicodedata.normalize('NFC', word))} is written with loose accents (NFD), which cost more as SMS.",
        remedy="Type it again with a Vietnamese keyboard (Unicode, precomposed), or save the file in normal form NFC.",
    )


def _hidden(line: str, language: str) -> Iterator[Finding]:
    for char in dict.fromkeys(line):
        at = line.index(char)
        name = f"U+{ord(char):04X} {unicodedata.name(char, '')}".strip()
        near = _shown(line[max(0, at - 12) : at + 12])
        if char in BIDI:
            yield Finding(
                text=f"A character that turns the reading direction ({name}) hides near {near}.", remedy=_REMOVE
            )
        elif char in INVISIBLE or "\U000e0000" <= char <= "\U000e0fff":
            yield Finding(text=f"An invisible character ({name}) hides near {near}.", remedy=_REMOVE)
        elif char in JOINERS:
            if language.partition("-")[0] not in JOINING and not _only_joins_emoji(line, char):
                yield Finding(text=f"A zero-width character ({name}) hides near {near}.", remedy=_REMOVE)
        elif char == "\ufffd":
            yield Finding(text=f"A letter was lost in conversion near {near}.", remedy="Type the word again.")
        elif unicodedata.category(char) in ("Cc", "Co", "Cn", "Zl", "Zp") and char != "\t":
            yield Finding(text=f"A character that does not print ({name}) stands near {near}.", remedy=_REMOVE)


_REMOVE = "Delete the word with the blanks around it and type it again."


def _only_joins_emoji(line: str, char: str) -> bool:
    """Whether each zero-width joiner stands between two pictures, as in a family emoji."""
    if char != "\u200d":
        return False
    for match in re.finditer(char, line):
        before = match.start() - (2 if line[match.start() - 1 : match.start()] == "\ufe0f" else 1)
        after = line[match.end() : match.end() + 1]
        if (
            before < 0
            or not after
            or unicodedata.category(line[before]) not in ("So", "Sk")
            or unicodedata.category(after) != "So"
        ):
            return False
    return True


def _mixed(line: str) -> Iterator[Finding]:
    for match in _WORD.finditer(line):
        word = match[0]
        scripts = {script: char for char in reversed(word) if (script := _script(char))}
        if len(scripts) > 1:
            strange = [f"{char} is {script.capitalize()}" for script, char in scripts.items() if script != "LATIN"]
            yield Finding(
                text=f"The word {_shown(word)} mixes alphabets: {', '.join(strange)}.",
                remedy="Type the word again on one keyboard; letters that only look alike deceive readers and search.",
            )


@lru_cache(maxsize=4096)
def _script(char: str) -> str:
    """The script by the character's name, "" for what belongs to every script."""
    first = unicodedata.name(char, "").partition(" ")[0].partition("-")[0]
    return ALIKE.get(first, first) if first in SCRIPTS else ""


def _shown(text: str) -> str:
    """Quoted, with everything invisible written out."""
    return '"' + "".join(c if c.isprintable() else f"<U+{ord(c):04X}>" for c in text[:40]) + '"'
