"""Pictures of each page of the desk, in both languages, into docs/screenshots/: `python docs/screenshots.py [NAME ...]`.

The office is a real one: `broadcaster run` on loopback, today's date, made-up people. Needs Chromium and the extra `browser`.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.browser import browser as house  # noqa: E402
from tests.browser import desk_office  # noqa: E402

FOLDER = Path(__file__).parent / "screenshots"
# name -> (who looks, address, phone too)
PAGES: dict[str, tuple[str, str, bool]] = {
    "login": ("", "/login", False),
    "today": ("minh", "/", True),
    "stop": ("minh", "/stop", False),
    "approvals": ("minh", "/approvals", True),
    "approval": ("minh", "/approvals/revision/no-blame", True),
    "approval-plan": ("minh", "/approvals/plan/he-2027", False),
    "approval-broadcast": ("minh", "/approvals/broadcast/{ad_hoc}", False),
    "dispatches": ("hoa", "/dispatches", False),
    "broadcast": ("hoa", "/dispatches/b-00000001", False),
    "dispatch": ("hoa", "/dispatches/d-0000000001", False),
    "doubt": ("hoa", "/dispatches/doubt", False),
    "lanes": ("hoa", "/lanes", False),
    "account": ("lan", "/me", False),
    "messages": ("lan", "/messages", True),
    "message": ("lan", "/messages/hotline-111", True),
    "campaigns": ("hoa", "/campaigns", True),
    "campaign": ("hoa", "/campaigns/bien-gioi-2027", False),
    "audience": ("hoa", "/audience", False),
    "ledger": ("tam", "/ledger", False),
    "report": ("tam", "/report", False),
    "activity": ("lan", "/activity", False),
    "admin": ("quan", "/admin", False),
    "users": ("quan", "/admin/users", False),
}


def main(names: list[str]) -> int:
    FOLDER.mkdir(exist_ok=True)
    wanted = {name: page for name, page in PAGES.items() if not names or name in names}
    with tempfile.TemporaryDirectory() as place:
        office = desk_office.make(Path(place) / "office")
        with desk_office.running(office), house.browser() as found:
            waiting = office.type("broadcast", "list", "--state", "submitted", "--json")
            ad_hoc = waiting[0]["id"]
            pages: dict[tuple[str, bool], Any] = {}
            for name, (who, path, phone) in wanted.items():
                for small in (False, True) if phone else (False,):
                    page = pages.get((who, small)) or _open(found, office, who, small=small)
                    pages[who, small] = page
                    _shoot(page, name, path.format(ad_hoc=ad_hoc), small=small)
    return 0


def _open(found: Any, office: desk_office.Office, who: str, *, small: bool) -> Any:
    page = house.page_of(found, office.address, size=house.PHONE if small else house.DESK)
    if who:
        house.sign_in(page, who, desk_office.PASSWORD)
    return page


def _shoot(page: Any, name: str, path: str, *, small: bool) -> None:
    if page.goto(path).status == 404:
        sys.stderr.write(f"{name}: there is no page {path} yet\n")
        return
    for language in ("vi", "en"):
        page.context.add_cookies([{"name": "language", "value": language, "domain": "127.0.0.1", "path": "/"}])
        page.goto(path)
        suffix = ("-phone" if small else "") + f".{language}.png"
        raw = page.screenshot(full_page=True)
        picture = Image.open(io.BytesIO(raw)).convert("RGB").quantize(96)  # a tenth of the bytes, for the repository
        picture.save(FOLDER / f"{name}{suffix}", optimize=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
