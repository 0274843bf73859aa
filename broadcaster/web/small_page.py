"""Public pages small enough for the oldest telephone: two languages, one style, no sign-in, no cookie, no script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from broadcaster.errors import WrongUse


@dataclass(frozen=True)
class SmallPage:
    """One page: its template, its style, and its words by language. Everything it prints is escaped."""

    template: str
    style: str
    words: Mapping[str, Mapping[str, str]]

    def language(self, request: Request, known: str = "") -> str:
        """What was asked for with `?l=`, else the reader's own as far as it is known, else Vietnamese."""
        for wanted in (request.query_params.get("l", ""), known.partition("-")[0]):
            if wanted in self.words:
                return wanted
        return "vi"

    def answer(self, language: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """The page in one language, with the headers of a page that nobody may keep or frame."""
        other = "en" if language == "vi" else "vi"
        said = {"language": language, "other": other, "words": self.words[language], "style": self.style}
        return HTMLResponse(self._compiled.render(**said, **values), status_code=status, headers=self.headers)

    @cached_property
    def headers(self) -> dict[str, str]:
        digest = base64.b64encode(hashlib.sha256(self.style.encode()).digest()).decode()
        return {
            "Content-Security-Policy": (
                f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; frame-ancestors 'none'; "
                "base-uri 'none'"
            ),
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "X-Robots-Tag": "noindex",
        }

    @cached_property
    def _compiled(self) -> Any:
        from jinja2 import Environment, StrictUndefined

        return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(self.template)


async def body_of(request: Request, most: int) -> bytes:
    """The form's body. Raises: WrongUse for one longer than `most` bytes; the rest of it is not read."""
    raw = b""
    async for piece in request.stream():
        raw += piece
        if len(raw) > most:
            raise WrongUse("too long")
    return raw
