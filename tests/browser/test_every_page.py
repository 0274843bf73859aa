"""Every page of the desk before axe, in both languages, on a desk and on a phone, light and dark; none can be forgotten."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from broadcaster.app import make_workspace
from broadcaster.config import example, load
from broadcaster.db.engine import Database
from broadcaster.db.migrations import upgrade
from broadcaster.web.app import make_app
from tests.browser import browser as house
from tests.browser.desk_office import PASSWORD, Office, make, running, wait_until
from tests.browser.desk_pages import MORE, NO_PAGES, NOBODY, PAGES, cookie_of, fill_up

pytestmark = pytest.mark.slow
LOOKS = [("vi", house.DESK, False), ("en", house.PHONE, True)]  # each language, size and light once


def routes(app: FastAPI) -> Iterator[Any]:
    """Every route there is, those of included routers too."""
    stack = list(app.router.routes)
    while stack:
        one = stack.pop(0)
        inner = getattr(one, "original_router", None) or getattr(one, "router", None)
        if inner is not None and hasattr(inner, "routes"):
            stack += inner.routes
        else:
            yield one


def test_every_page_the_desk_has_stands_in_the_list_that_axe_reads(tmp_path: Path) -> None:
    app = _new_office(tmp_path)

    known = {route.path for route in routes(app) if "GET" in (route.methods or ())}

    told = PAGES.keys() | NO_PAGES.keys()
    assert {path for path in known if path not in told and not path.startswith("/api/v1")} == set()
    assert {path for path in told if path not in known} - {"/api/v1"} == set()
    assert len(known) > 60


@pytest.fixture(scope="module")
def office(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Office, dict[str, str]]]:
    made = make(tmp_path_factory.mktemp("pages") / "office")
    parts = fill_up(made)
    with running(made):
        public = made.folder / "public" / "web"
        assert wait_until(lambda: any(_published(public)), seconds=60)
        parts["public"] = next(_published(public)).relative_to(public).as_posix()
        yield made, parts


@pytest.fixture
def strangers() -> Iterator[house.Strangers]:
    found = house.Strangers()
    yield found
    assert found == []


def enter(chromium: Any, office: Office, strangers: house.Strangers, who: str) -> Any:
    page = house.page_of(chromium, office.address, strangers=strangers)
    if who != NOBODY:
        page.context.add_cookies([cookie_of(office, who)])
    return page


def look(page: Any, path: str) -> list[str]:
    """What is wrong with a page, in each of the looks."""
    found = []
    for language, size, dark in LOOKS:
        page.context.add_cookies([{"name": "language", "value": language, "domain": "127.0.0.1", "path": "/"}])
        page.set_viewport_size(size)
        page.emulate_media(color_scheme="dark" if dark else "light")
        answer = page.goto(path.replace("{language}", language))
        if answer.status >= 500:
            found.append(f"answers {answer.status}")
        found += [f"{language}: {one}" for one in shown(page)]
    return found


def shown(page: Any) -> list[str]:
    """What is wrong with what is shown now, everything that folds opened; the width of a phone as well."""
    page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true })")
    found = house.faults(page)
    page.set_viewport_size(house.PHONE)
    if (wide := house.too_wide(page)) > 0:
        found.append(f"{wide} pixels too wide for a phone")
    return found


@pytest.mark.parametrize("who", sorted({who for who, _ in [*PAGES.values(), *MORE.values()]}))
def test_axe_finds_nothing_on_any_page(
    chromium: Any, office: tuple[Office, dict[str, str]], strangers: house.Strangers, who: str
) -> None:
    made, parts = office
    page = enter(chromium, made, strangers, who)

    found = {}
    for seen_by, path in [*PAGES.values(), *MORE.values()]:
        if seen_by == who:
            found[path] = look(page, path.format(**parts, language="{language}"))

    assert {path: faults for path, faults in found.items() if faults} == {}
    page.context.close()


def _user_made(page: Any) -> None:
    page.goto("/admin/users")
    form = page.locator("form[action='/admin/users']")
    form.locator("input[name=name]").fill("moi")
    form.locator("input[type=checkbox]").first.check()
    form.locator("input[name=password]").fill(PASSWORD)
    form.get_by_role("button").click()


def _reply_read(page: Any) -> None:
    page.goto("/duty")
    page.locator("form[action$='/show'] button").first.click()


def _form_refused(page: Any) -> None:
    page.goto("/stop")
    page.get_by_label("Lý do").fill("Nghi sai số")
    page.locator("form[action='/stop'] input[name=password]").fill("sai")
    page.locator("form[action='/stop'] button").click()


def _signed_out_meanwhile(page: Any) -> None:
    page.goto("/stop")
    page.get_by_label("Lý do").fill("Nghi sai số")
    page.locator("form[action='/stop'] input[name=password]").fill("sai")
    page.context.clear_cookies(name="desk")
    page.locator("form[action='/stop'] button").click()


def _number_unknown(page: Any) -> None:
    page.goto("/audience/answer")
    page.locator("main form input:not([type=hidden])").first.fill("0987654321")
    page.locator("main form button").first.click()


@pytest.mark.parametrize(("who", "step"), [
    ("quan", _user_made), ("hoa", _reply_read), ("hoa", _form_refused), ("hoa", _signed_out_meanwhile),
    ("hoa", _number_unknown),
])  # fmt: skip
def test_axe_finds_nothing_on_what_a_form_answers(
    chromium: Any, office: tuple[Office, dict[str, str]], strangers: house.Strangers, who: str,
    step: Callable[[Any], None],
) -> None:  # fmt: skip
    page = enter(chromium, office[0], strangers, who)

    step(page)
    page.wait_for_load_state()

    assert shown(page) == []
    page.context.close()


def test_axe_finds_nothing_in_an_office_nobody_has_set_up(
    chromium: Any, strangers: house.Strangers, tmp_path: Path
) -> None:
    app = _new_office(tmp_path)

    with _served(app) as address:
        page = house.page_of(chromium, address, strangers=strangers)
        found = {path: look(page, path) for path in ("/login", f"/set-up/{app.state.desk.set_up_token}")}

    assert {path: faults for path, faults in found.items() if faults} == {}
    page.context.close()


# -- parts ------------------------------------------------------------------------------------------------------------


def _published(folder: Path) -> Iterator[Path]:
    return (one for one in sorted(folder.rglob("*.html")) if one.name != "index.html" and "widget" not in one.name)


def _new_office(folder: Path) -> FastAPI:
    """A workspace without a user."""
    make_workspace(folder / "new", example_config=example())
    config = load(folder / "new" / "config.toml")
    database = Database(config.database.url, folder=config.folder)
    upgrade(database)
    database.close()
    return make_app(config)


@contextlib.contextmanager
def _served(app: FastAPI) -> Iterator[str]:
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert wait_until(lambda: server.started, seconds=30)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
