"""The official report as one HTML page without anything from elsewhere; every text is escaped."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, StrictUndefined

from broadcaster.report.document import MOTTO, NATION, TITLE, Document, long_day

TEMPLATE = Path(__file__).parent / "official.html"


def html(document: Document) -> bytes:
    """The whole page as UTF-8."""
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(TEMPLATE.read_text(encoding="utf-8"))
    told = {"nation": NATION, "motto": MOTTO, "title": TITLE, "day": long_day(document.head.place, document.day)}
    return template.render(it=document, **told).encode()
