"""Two senders at once, and a sender that is asked to end."""

from __future__ import annotations

import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.fault.conftest import wait_until


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code and what it said on standard error."""
    _, said = process.communicate(timeout=60)
    return process.returncode, said


SLOW = '[[fault]]\ndo = "slow"\nseconds = {seconds}\n'


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_a_second_sender_on_one_database_refuses_with_a_sentence(
    kind: str, request: pytest.FixtureRequest, provider_of: Callable[[str], Any], office_of: Callable[..., Any]
) -> None:
    url = request.getfixturevalue("postgres_empty_url") if kind == "postgresql" else ""
    provider = provider_of(SLOW.format(seconds=0.1))
    office, number = office_of(provider.url, people=60, concurrency=2, database_url=url)

    first = office.run("--until-idle")
    assert wait_until(lambda: len(provider.book) > 2, seconds=20)
    second = office.run("--until-idle")

    assert second.wait(20) == 1
    said = second.stderr.read()
    assert "Another `broadcaster run` is sending" in said
    assert "Traceback" not in said
    assert first.wait(60) == 0
    assert max(Counter(provider.taken).values()) == 1
    assert office.states(number) == {"accepted": 60}
    first.stderr.close()
    second.stderr.close()


def test_sigterm_lets_answers_arrive_and_begins_nothing_new(
    provider_of: Callable[[str], Any], office_of: Callable[..., Any]
) -> None:
    provider = provider_of(SLOW.format(seconds=0.4))
    office, number = office_of(provider.url, people=200, concurrency=4)
    process = office.run()
    assert wait_until(lambda: len(provider.book) >= 6, seconds=20)

    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    at_end = len(provider.book)

    states = office.states(number)
    assert states.keys() == {"accepted", "planned"}
    assert states["accepted"] == at_end == len(set(provider.taken))
    assert at_end < 200
    process.stderr.close()


def test_a_sender_started_on_an_older_copy_of_its_database_refuses(
    provider_of: Callable[[str], Any], office_of: Callable[..., Any]
) -> None:
    provider = provider_of("")
    office, _ = office_of(provider.url, people=5)
    office.type("db", "backup", str(office.folder / "older.db"))
    assert ended(office.run("--until-idle"))[0] == 0
    for name in ("broadcaster.db", "broadcaster.db-wal", "broadcaster.db-shm"):
        (office.folder / name).unlink(missing_ok=True)
    (office.folder / "older.db").rename(office.folder / "broadcaster.db")

    code, said = ended(office.run("--until-idle"))

    assert code == 1
    assert "older copy" in said
    assert len(provider.taken) == 5
