"""How a revision differs from the one in force, word by word. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

WORDS = 10_000  # words and blanks; comparing takes quadratic time, so longer texts are compared by line
Piece = tuple[str, str]  # "same" | "gone" | "new", text


def texts(body: Mapping[str, Any]) -> dict[str, str]:
    """`vi sms` -> text, and `vi title` -> title, of a decoded revision."""
    found = {f"{language} title": title for language, title in body.get("titles", {}).items()}
    return found | {
        f"{language} {form}": text for language, forms in body.get("texts", {}).items() for form, text in forms.items()
    }


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, list[Piece]]:
    """Each title or text that differs, in pieces."""
    before, after = texts(old), texts(new)
    return {
        name: pieces(before.get(name, ""), after.get(name, ""))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    }


def pieces(old: str, new: str) -> list[Piece]:
    a, b = re.findall(r"\S+|\s+", old), re.findall(r"\S+|\s+", new)
    if len(a) + len(b) > WORDS:
        a, b = old.splitlines(keepends=True), new.splitlines(keepends=True)
    found: list[Piece] = []
    for kind, i, j, k, m in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if kind == "equal":
            found.append(("same", "".join(a[i:j])))
            continue
        if j > i:
            found.append(("gone", "".join(a[i:j])))
        if m > k:
            found.append(("new", "".join(b[k:m])))
    return found
