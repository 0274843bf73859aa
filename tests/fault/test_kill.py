"""kill -9 of the sender in the middle of a broadcast, again and again; the provider's own book says what happened."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.fault.conftest import kill, wait_until

KILLS = 100 if os.environ.get("BROADCASTER_FULL") else 6
CONCURRENCY = 8
A_KILL = 40  # people between two kills, on average
SLOW = '[[fault]]\ndo = "slow"\nseconds = 0.02\n'


def _arrived(provider: Any, goal: int) -> bool:
    return len(provider.book) >= goal


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_kill_9_at_random_loses_nobody_and_sends_to_nobody_twice(
    kind: str, request: pytest.FixtureRequest, provider_of: Callable[[str], Any], office_of: Callable[..., Any]
) -> None:
    url = request.getfixturevalue("postgres_empty_url") if kind == "postgresql" else ""
    provider = provider_of(SLOW)
    people = KILLS * A_KILL * 3 // 2
    office, number = office_of(provider.url, people=people, concurrency=CONCURRENCY, database_url=url)
    chance = random.Random(30072027)

    kills = 0
    while kills < KILLS:
        goal = min(len(provider.book) + chance.randrange(1, 2 * A_KILL), people)
        process = office.run()
        reached = wait_until(partial(_arrived, provider, goal), seconds=15)
        assert process.poll() is None, process.stderr.read()
        kill(process)
        kills += 1
        if not reached:
            break  # everybody has been written to, or is in doubt
    last = office.run("--until-idle")
    assert last.wait(120) == 0, last.stderr.read()
    last.stderr.close()

    twice = {to: n for to, n in Counter(provider.taken).items() if n > 1}
    states = office.states(number)
    assert twice == {}
    assert states.keys() <= {"accepted", "unknown"}
    assert sum(states.values()) == people
    # Every doubt is one the kills explain; the look-up has settled what the provider had.
    assert states.get("unknown", 0) <= 2 * CONCURRENCY * kills
    assert len(provider.taken) == states["accepted"]
    assert office.verified()
    assert office.type("db", "check", "--json") == '{"ok": true, "faults": []}\n'
    print(f"{kind}: {kills} kills, {people} people, {states}")  # noqa: T201 - the figures of a full run
