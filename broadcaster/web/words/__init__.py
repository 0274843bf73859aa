"""What the desk says. Vietnamese stands in the pages themselves; every file here gives the English of one page.

A file holds `EN`: Vietnamese -> English, or a pair (one, many) chosen by the value `n`. Places for values are `{name}`.
"""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from typing import Any

LANGUAGES = {"vi": "Tiếng Việt", "en": "English"}


@cache
def english() -> dict[str, str | tuple[str, str]]:
    """All of it; of two files that disagree, which a test forbids, the first by name counts."""
    found: dict[str, str | tuple[str, str]] = {}
    for meanings in by_file().values():
        found = {**meanings, **found}
    return found


@cache
def by_file() -> dict[str, dict[str, str | tuple[str, str]]]:
    """Each file's own."""
    modules = sorted(one.name for one in pkgutil.iter_modules(__path__))
    return {module: getattr(import_module(f"{__name__}.{module}"), "EN", {}) for module in modules}


def say(language: str, said: str, /, **values: Any) -> str:
    """The sentence in the language, its places filled; Vietnamese where there is no English yet."""
    found: str | tuple[str, str] = said if language == "vi" else english().get(said, said)
    if isinstance(found, tuple):
        found = found[0] if str(values.get("n")) == "1" else found[1]
    return found.format(**values) if values else found
