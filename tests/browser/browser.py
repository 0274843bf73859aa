"""Debian's Chromium under Playwright, the look of a page for axe, and proof that nothing is asked of another machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DESK = {"width": 1366, "height": 768}
PHONE = {"width": 390, "height": 844}


def chromium() -> str:
    """The browser's path, "" where there is none."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""


class Strangers(list[str]):
    """Requests to any other machine."""

    def note(self, request: Any) -> None:
        if urlsplit(request.url).hostname not in ("127.0.0.1", None):
            self.append(request.url)


@contextmanager
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield found
        found.close()


def page_of(
    found: Any, address: str, *, size: dict[str, int] = DESK, dark: bool = False, strangers: Strangers | None = None
) -> Any:
    """A page in a browser of its own, with nobody signed in."""
    context = found.new_context(
        base_url=address, viewport=size, color_scheme="dark" if dark else "light", locale="vi-VN"
    )
    page = context.new_page()
    page.set_default_timeout(10_000)
    if strangers is not None:
        page.on("request", strangers.note)
    return page


def sign_in(page: Any, name: str, password: str) -> None:
    page.goto("/login")
    page.get_by_label("Tên đăng nhập").fill(name)
    page.get_by_label("Mật khẩu").fill(password)
    page.get_by_role("main").get_by_role("button", name="Đăng nhập").click()
    page.wait_for_url("**/")


def faults(page: Any) -> list[str]:
    """What axe finds, one line each."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("(rules) => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", RULES)
    return [
        f"{one['id']}: {node['target'][0]}: {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


def too_wide(page: Any) -> int:
    """Pixels the page is wider than the window: 0 when nobody must scroll sideways."""
    return int(page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth"))
