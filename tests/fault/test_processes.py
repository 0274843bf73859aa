"""Two senders at once, and a sender that is asked to end."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest

from tests.fault.conftest import SLOW, Office, Provider, ended, moment, wait_until

BOTH = pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
SENTENCE = "Another `broadcaster run` is sending"


@BOTH
def test_of_two_senders_started_at_once_one_refuses_with_a_sentence(
    kind: str, provider_of: Callable[[str], Provider], office_of: Callable[..., tuple[Office, str]]
) -> None:
    provider = provider_of(SLOW.format(seconds=0.1))
    office, number = office_of(provider.url, people=40, concurrency=4, kind=kind)

    both = [office.run("--until-idle"), office.run("--until-idle")]
    found = sorted(ended(process) for process in both)

    assert [code for code, _ in found] == [0, 1]
    assert SENTENCE in found[1][1]
    assert "Traceback" not in found[1][1]
    assert provider.twice == {}
    assert office.states(number) == {"accepted": 40}


@BOTH
def test_sigterm_lets_answers_arrive_and_begins_nothing_new(
    kind: str, provider_of: Callable[[str], Provider], office_of: Callable[..., tuple[Office, str]]
) -> None:
    provider = provider_of(SLOW.format(seconds=0.6))
    office, number = office_of(provider.url, people=200, concurrency=4, kind=kind)
    process = office.run()
    assert wait_until(lambda: provider.requests >= 6, seconds=20)

    asked = time.time()
    process.send_signal(signal.SIGTERM)
    code, said = ended(process, seconds=10)

    assert code == 0, said
    assert "Traceback" not in said
    late = [moment(one) - asked for one in provider.book if moment(one) > asked]
    assert max(late, default=0.0) < 0.3  # on its way when the signal came; the answers took twice as long
    states = office.states(number)
    assert states.keys() == {"accepted", "planned"}
    assert states["accepted"] == len(provider.book) == len(provider.taken) < 200
    assert provider.twice == {}


def test_a_sender_started_on_an_older_copy_of_its_database_refuses(
    provider_of: Callable[[str], Provider], office_of: Callable[..., tuple[Office, str]]
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
