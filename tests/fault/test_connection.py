"""The database server hangs up on a sender in the middle of a broadcast, as it does when it is restarted or fails over."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from sqlalchemy import Connection, create_engine, text

from broadcaster.db.engine import Database
from broadcaster.dispatch.worker import SENDER_LOCK
from tests.fault.conftest import SLOW, Office, Provider, ended, wait_until

pytestmark = pytest.mark.postgres
PEOPLE = 200
HANG_UP = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
HANG_UP_THE_LOCK = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_locks JOIN pg_database d ON d.oid = database"
    " WHERE datname = current_database() AND locktype = 'advisory' AND objid = :k"
)


@contextmanager
def _server(url: str) -> Iterator[Connection]:
    engine = create_engine(Database(url).url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_a_sender_goes_on_after_its_server_hung_up_and_writes_to_nobody_twice(
    staffed_postgres_url: str, provider_of: Callable[[str], Provider], office_of: Callable[..., tuple[Office, str]]
) -> None:
    provider = provider_of(SLOW.format(seconds=0.02))
    office, number = office_of(provider.url, people=PEOPLE, kind="postgresql")
    chance = random.Random(30072027)
    process = office.run("--until-idle")

    cut = 0
    for goal in (30, 80, 130):
        assert wait_until(partial(_arrived, provider, goal + chance.randrange(40)), seconds=30), ended(process)[1]
        with _server(staffed_postgres_url) as connection:
            cut += connection.execute(text(HANG_UP)).scalar_one()
    code, said = ended(process)

    assert cut >= 3
    assert code == 0, said
    assert provider.twice == {}
    # What stood in `sending` when a commit's answer was lost had not begun; nothing is in doubt.
    assert office.states(number) == {"accepted": PEOPLE}
    assert len(provider.taken) == PEOPLE
    intents = [entry["d"] for entry in office.ledger if entry["kind"] == "attempt.intent"]
    assert len(set(intents)) == PEOPLE


def test_a_sender_that_lost_its_lock_leaves_the_lane_to_the_next_one(
    staffed_postgres_url: str, provider_of: Callable[[str], Provider], office_of: Callable[..., tuple[Office, str]]
) -> None:
    provider = provider_of(SLOW.format(seconds=0.25))
    office, number = office_of(provider.url, people=PEOPLE, kind="postgresql")
    first = office.run()  # until it is told to end, or loses its lane
    assert wait_until(partial(_arrived, provider, 10), seconds=30)

    with _server(staffed_postgres_url) as connection:
        assert connection.execute(text(HANG_UP_THE_LOCK), {"k": SENDER_LOCK}).scalar_one() == 1
    second = office.run("--until-idle")
    code, said = ended(first)

    assert code == 1
    assert "Another `broadcaster run` is sending" in said
    assert "Traceback" not in said
    assert ended(second)[0] == 0
    assert provider.twice == {}
    # What the first had an intent for and did not begin is in doubt for the second; all else has gone.
    states = office.states(number)
    assert states["accepted"] == len(provider.taken) == PEOPLE - states.get("unknown", 0)
    assert states.get("unknown", 0) <= 2 * 8
    assert office.type("db", "check", "--json") == '{"ok": true, "faults": []}\n'


def _arrived(provider: Provider, goal: int) -> bool:
    return provider.requests >= goal
