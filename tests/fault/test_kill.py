"""kill -9 of the sender in the middle of a broadcast, again and again; the provider's own book says what happened.

Five kills on each database always; a hundred with BROADCASTER_FULL=1.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest

from tests.fault.conftest import SLOW, Office, Provider, ended, kill, wait_until

KILLS = 100 if os.environ.get("BROADCASTER_FULL") else 5
SEED = int(os.environ.get("BROADCASTER_SEED", "30072027"))
CONCURRENCY = 8
A_KILL = 40  # people between two kills, on average
AT_ANY_TIME = 0.2  # of the kills come at any moment of the process, its start included; the others while it sends


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_kill_9_at_random_loses_nobody_and_sends_to_nobody_twice(
    kind: str, provider_of: Callable[[str], Provider], office_of: Callable[..., tuple[Office, str]]
) -> None:
    began = time.monotonic()
    provider = provider_of(SLOW.format(seconds=0.02))
    people = (KILLS + 2) * A_KILL
    office, number = office_of(provider.url, people=people, concurrency=CONCURRENCY, kind=kind)
    chance = random.Random(SEED)

    for left in range(KILLS, 0, -1):
        _kill_one(office, provider, chance, left=left)
    assert ended(office.run("--until-idle"), seconds=120)[0] == 0

    assert provider.twice == {}
    states = office.states(number)
    assert states.keys() <= {"accepted", "unknown"}
    assert sum(states.values()) == people
    assert states.get("unknown", 0) <= 2 * CONCURRENCY * KILLS
    _compare_with_the_book(office, provider, people)
    assert office.type("db", "check", "--json") == '{"ok": true, "faults": []}\n'
    print(  # noqa: T201 - the figures of a full run
        f"{kind}: {KILLS} kills, {people} dispatches, {len(provider.book)} requests, {states}, "
        f"{len(provider.twice)} twice, {people - sum(states.values())} lost, {time.monotonic() - began:.0f} s"
    )


def _kill_one(office: Office, provider: Provider, chance: random.Random, *, left: int) -> None:
    """Start a sender and kill it: once some of what is open has left, or after any time at all."""
    planned = office.rows("SELECT count(*) FROM dispatch WHERE state = 'planned'")[0][0] or A_KILL
    goal = provider.requests + chance.randrange(1, max(2, 2 * planned // (left + 1)))
    whenever = chance.uniform(0.05, 1.5) if chance.random() < AT_ANY_TIME else 0.0
    process = office.run()
    reached = wait_until(partial(_arrived, provider, goal), seconds=whenever or 30.0)
    assert reached or whenever, "the sender does not go on"
    assert process.poll() is None, ended(process)[1]
    kill(process)


def _arrived(provider: Provider, goal: int) -> bool:
    return provider.requests >= goal


def _compare_with_the_book(office: Office, provider: Provider, people: int) -> None:
    """Every row against the provider's word; every request against the intent that stood in the ledger before it."""
    rows = office.rows(
        "SELECT d.id, a.value, d.state, d.provider_id FROM dispatch d JOIN address a ON a.id = d.address_id"
    )
    book = {one["to"]: one["id"] for one in provider.taken}
    assert len(rows) == len({row.value for row in rows}) == people
    # Accepted is what the book has, by its own id; what stays in doubt was looked up there and is not in it.
    assert {row.value: row.provider_id for row in rows if row.state == "accepted"} == book
    ledger = office.ledger
    intents = Counter(entry["d"] for entry in ledger if entry["kind"] == "attempt.intent")
    requests = Counter(one["to"] for one in provider.book)
    assert all(requests[row.value] <= intents[row.id] for row in rows)
    # A doubt is a sender's death and nothing else: the provider never lost an answer here.
    orphans = {entry["d"] for entry in ledger if entry["kind"] == "attempt.orphan"}
    assert {row.id for row in rows if row.state == "unknown"} <= orphans
    assert len([entry for entry in ledger if entry["kind"] == "attempt.orphan"]) <= 2 * CONCURRENCY * KILLS
