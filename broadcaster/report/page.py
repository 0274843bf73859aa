"""The official report as one HTML page without anything from elsewhere; every text is escaped."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, StrictUndefined

from broadcaster.report.document import MOTTO, NATION, Document, numeric
from broadcaster.report.words import speech

TEMPLATE = Path(__file__).parent / "official.html"


def html(document: Document) -> bytes:
    """The whole page as UTF-8."""
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(TEMPLATE.read_text(encoding="utf-8"))
    say = speech(document.language)
    day = say.long_day(document.head.place, document.day)
    told = {"nation": say(NATION), "motto": say(MOTTO), "day": day, "say": say, "numeric": numeric}
    return template.render(it=document, **told).encode()
