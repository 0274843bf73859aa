"""The Chromium of the browser tests; without it they skip at a desk, and fail where the services are installed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser import browser as house


@pytest.fixture(scope="module")  # an open one has an event loop of its own, in which no async test can run
def chromium() -> Iterator[Any]:
    installed = os.environ.get("CI")
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        if installed:
            raise
        pytest.skip("the extra `browser` is not installed: pip install -e '.[browser]'")
    if not house.chromium():
        if installed:
            pytest.fail("CI needs Chromium: apt-get install chromium")
        pytest.skip("there is no Chromium on this machine: apt-get install chromium")
    with house.browser() as found:
        yield found
