"""A desk over a real database, with people of every role, and a browser that keeps cookies and forms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from broadcaster.access import store as users
from broadcaster.access.user import Role
from broadcaster.clock import SteppedClock
from broadcaster.config import Config
from broadcaster.db.engine import Database
from broadcaster.ledger.store import transaction
from broadcaster.web.app import make_app
from tests.web.desk_people import PASSWORD, PEOPLE, Browser


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """An office in a folder of its own, without second factors."""
    from broadcaster.config import load

    for name in ("content", "schedules", "secrets", "public"):
        (tmp_path / name).mkdir()
    (tmp_path / "content" / "facts.toml").write_text("", encoding="utf-8")
    (tmp_path / "secrets" / "office.key").write_text("ab" * 32, encoding="ascii")
    path = tmp_path / "config.toml"
    path.write_text(
        '[office]\nname = "Phòng Truyền thông"\n[web]\nsecond_factor = false\n[channels.sms]\nadapter = "memory"\n'
        '[channels.web]\nadapter = "feed"\n',
        encoding="utf-8",
    )
    return load(path)


@pytest.fixture
def people(sqlite_database: Database, clock: SteppedClock) -> dict[str, str]:
    with transaction(sqlite_database, clock) as tx:
        for name, roles in PEOPLE.items():
            users.add(
                tx,
                name=name,
                roles=frozenset(Role(one) for one in roles.split(",")),
                password=PASSWORD,
                actor="console:t",
            )
    return PEOPLE


@pytest.fixture
def app(config: Config, sqlite_database: Database, clock: SteppedClock, people: dict[str, str]) -> FastAPI:
    return make_app(config, clock=clock, database=sqlite_database)


@pytest.fixture
def sign_in(app: FastAPI) -> Iterator[Callable[..., Browser]]:
    """`sign_in("lan")` -> a browser in which lan is signed in; without a name, nobody is."""
    opened: list[Browser] = []

    def make(name: str = "", **headers: str) -> Browser:
        browser = Browser(app, base_url="http://127.0.0.1", headers=headers)
        opened.append(browser)
        if name:
            answer = browser.post("/login", data={"name": name, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
        return browser

    yield make
    for one in opened:
        one.close()
