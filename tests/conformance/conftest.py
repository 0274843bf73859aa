"""Descriptions from outside, which the project does not carry: without them these tests skip, and say so."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "channel"))

from channel_builders import make_outgoing, make_settings

__all__ = ["make_outgoing", "make_settings"]

DATA = Path(__file__).parents[2].parent / "shared" / "data"


@pytest.fixture(scope="session")
def outside() -> Callable[[str], Any]:
    """The JSON description of that name."""

    def read(name: str) -> Any:
        path = DATA / name
        if not path.exists():
            pytest.skip(f"{name} is not there: the description comes from outside and is no part of the project")
        return json.loads(path.read_text(encoding="utf-8"))

    return read
