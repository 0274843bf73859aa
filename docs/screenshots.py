"""Pictures of each page of the desk, in both languages, into docs/screenshots/: `python docs/screenshots.py [NAME ...]`.

The office is a real one: `broadcaster run` on loopback, today's date, made-up people. Needs Chromium and the extra `browser`.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.browser import browser as house  # noqa: E402
from tests.browser import desk_office  # noqa: E402
from tests.browser.desk_pages import MORE, PAGES, cookie_of, fill_up  # noqa: E402

FOLDER = Path(__file__).parent / "screenshots"
PHONE = frozenset(
    {"today", "approvals", "approvals-kind-name", "messages", "messages-name", "campaigns"}
)  # on a phone too
COLOURS = 32  # of a picture: a tenth of the bytes, for the repository


def named(route: str) -> str:
    """`/campaigns/{id_}/plan` -> `campaigns-id-plan`; the address / is today."""
    return "-".join(re.findall(r"[a-z]+", route)) or "today"


LOOKS = {named(route): look for route, look in PAGES.items()} | MORE


def main(names: list[str]) -> int:
    FOLDER.mkdir(exist_ok=True)
    for old in [] if names else FOLDER.glob("*.png"):
        old.unlink()  # a page that is gone has no picture
    wanted = {name: look for name, look in LOOKS.items() if not names or name in names}
    with tempfile.TemporaryDirectory() as place:
        office = desk_office.make(Path(place) / "office")
        parts = fill_up(office) | {"public": "index.html", "language": "vi"}
        with desk_office.running(office), house.browser() as found:
            pages: dict[tuple[str, bool], Any] = {}
            for name, (who, path) in wanted.items():
                for small in (False, True) if name in PHONE else (False,):
                    page = pages.get((who, small)) or _open(found, office, who, small=small)
                    pages[who, small] = page
                    _shoot(page, name, path.format(**parts | {"language": "{language}"}), small=small)
    return 0


def _open(found: Any, office: desk_office.Office, who: str, *, small: bool) -> Any:
    page = house.page_of(found, office.address, size=house.PHONE if small else house.DESK)
    if who:
        page.context.add_cookies([cookie_of(office, who)])
    return page


def _shoot(page: Any, name: str, path: str, *, small: bool) -> None:
    for language in ("vi", "en"):
        page.context.add_cookies([{"name": "language", "value": language, "domain": "127.0.0.1", "path": "/"}])
        page.goto(path.replace("{language}", language))
        suffix = ("-phone" if small else "") + f".{language}.png"
        raw = page.screenshot(full_page=True, clip=_most(page))
        picture = Image.open(io.BytesIO(raw)).convert("RGB").quantize(COLOURS)
        picture.save(FOLDER / f"{name}{suffix}", optimize=True)


def _most(page: Any) -> dict[str, int]:
    """The whole page, but no more than four screens of it."""
    high, size = page.evaluate("document.documentElement.scrollHeight"), page.viewport_size
    return {"x": 0, "y": 0, "width": size["width"], "height": min(high, 4 * size["height"])}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
