"""A token pair whose refresh token may be used once: one renewal among many, and no step at which a crash loses it unseen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError, OperationalError

from broadcaster.channel import http_call, vault
from broadcaster.channel.base import Misconfigured, NotAccepted, Throttled
from broadcaster.channel.vault import Vault
from broadcaster.channel.zalo_token import Tokens
from broadcaster.clock import SteppedClock
from broadcaster.config import Secret
from broadcaster.db.engine import Database
from broadcaster.ledger.store import raws
from broadcaster.simulator.book import Book
from broadcaster.simulator.faults import Fault
from broadcaster.simulator.zalo import ZaloSimulator

pytestmark = pytest.mark.anyio

KEY = b"office-key-of-the-tests"
SEED = "seed-canary"
LIFE = timedelta(hours=25)
STEPS = ["before claim", "after claim", "before request", "after request", "before keep", "after keep"]
LOSES_THE_PAIR = ("after request", "before keep")  # Zalo has given a new one, and nobody wrote it down


class Crash(BaseException):
    """As a kill would: no handler of ours sees it."""


class Desk:
    """A database, a clock and the provider; makes as many workers as a test wants."""

    def __init__(self, database: Database, clock: SteppedClock, simulator: ZaloSimulator) -> None:
        self.database, self.clock, self.simulator = database, clock, simulator
        self.wires: list[http_call.Wire] = []

    def vault(self, key: bytes = KEY) -> Vault:
        return Vault(self.database, self.clock, key)

    def worker(self, *, seed: str = SEED, kept: Vault | None = None) -> Tokens:
        wire = http_call.Wire(connections=4)
        self.wires.append(wire)
        secret = Secret("zalo-secret-canary")
        return Tokens(
            "zalo", kept or self.vault(), wire, base=self.simulator.url, app_id="1", secret=secret, seed=Secret(seed)
        )

    def state(self) -> dict[str, Any]:
        with self.database.reading() as connection:
            return vault.states(connection)[0]


@pytest.fixture
async def desk(database: Database, clock: SteppedClock) -> AsyncIterator[Desk]:
    async with ZaloSimulator(
        refresh_tokens={SEED, "second-seed"}, faults_on={"token"}, book=Book(clock=clock)
    ) as simulator:
        made = Desk(database, clock, simulator)
        yield made
        for wire in made.wires:
            await wire.close()


async def test_the_first_renewal_begins_with_what_a_person_gave_and_later_workers_find_its_pair(desk: Desk) -> None:
    first = await desk.worker().get(timeout=5)
    later = await desk.worker().get(timeout=5)

    assert (first.access, later.access) == ("access-canary-1", "access-canary-1")
    assert desk.simulator.renewals == 1
    assert first.expires_at - first.issued_at == LIFE


async def test_no_token_stands_readable_in_the_database_the_ledger_or_a_print(desk: Desk) -> None:
    pair = await desk.worker().get(timeout=5)

    with desk.database.reading() as connection:
        row = str(
            [
                bytes(v) if isinstance(v, memoryview) else v
                for v in connection.execute(text("SELECT * FROM provider_token")).one()
            ]
        )
        ledger = b"".join(raws(connection)).decode()
        shown = str(vault.states(connection))

    assert "canary" not in row + ledger + shown + repr(pair)
    assert '"kind":"provider.token"' in ledger


async def test_it_is_renewed_after_twenty_hours_and_not_before(desk: Desk) -> None:
    worker = desk.worker()
    await worker.get(timeout=5)

    desk.clock.move_by(timedelta(hours=19, minutes=59))
    early = await worker.get(timeout=5)
    desk.clock.move_by(timedelta(minutes=1))
    due = await worker.get(timeout=5)

    assert (early.access, due.access) == ("access-canary-1", "access-canary-2")


async def test_twenty_workers_use_a_refresh_token_once(desk: Desk) -> None:
    workers = [desk.worker() for _ in range(20)]

    found = await asyncio.gather(*(one.get(timeout=5) for one in workers), return_exceptions=True)

    assert desk.simulator.renewals == 1
    assert desk.simulator.reused == []
    assert {type(one) for one in found} <= {Throttled, type(found[0]), vault.Pair}
    assert all(isinstance(one, Throttled) or one.access == "access-canary-1" for one in found)  # type: ignore[union-attr]
    assert (await workers[-1].get(timeout=5)).access == "access-canary-1"


def crashing(desk: Desk, step: str, monkeypatch: pytest.MonkeyPatch) -> Tokens:
    """A worker that dies at one step."""
    kept = desk.vault()
    worker = desk.worker(kept=kept)
    when, _, what = step.partition(" ")

    def die(real: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any, **named: Any) -> Any:
            if when == "before":
                raise Crash
            real(*given, **named)
            raise Crash

        return run

    if what == "request":
        real_call = desk.wires[-1].call

        async def call(*given: Any, **named: Any) -> Any:
            if when == "after":
                await real_call(*given, **named)
            raise Crash

        monkeypatch.setattr(desk.wires[-1], "call", call)
    else:
        monkeypatch.setattr(kept, what, die(getattr(kept, what)))
    return worker


@pytest.mark.parametrize("step", STEPS)
async def test_a_crash_at_any_step_leaves_a_pair_that_works_or_a_state_that_says_what_to_do(
    desk: Desk, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Crash):
        await crashing(desk, step, monkeypatch).get(timeout=5)
    desk.clock.move_by(vault.CLAIM)

    if step in LOSES_THE_PAIR:
        with pytest.raises(Misconfigured, match="consent again"):
            await desk.worker().get(timeout=5)
        assert desk.state()["state"] == "lost"
        mended = await desk.worker(seed="second-seed").get(timeout=5)
        assert mended.access == f"access-canary-{desk.simulator.renewals}"
    else:
        pair = await desk.worker().get(timeout=5)
        assert pair.access == "access-canary-1"
        assert (desk.simulator.renewals, desk.simulator.reused) == (1, [])
    assert desk.state()["state"] == "fresh"


@pytest.mark.parametrize("step", STEPS)
async def test_a_crash_while_the_old_token_is_good_stops_nobody_before_it_has_run_out(
    desk: Desk, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.worker().get(timeout=5)
    desk.clock.move_by(timedelta(hours=20))

    with pytest.raises(Crash):
        await crashing(desk, step, monkeypatch).get(timeout=5)
    desk.clock.move_by(vault.CLAIM)
    pair = await desk.worker().get(timeout=5)

    assert pair.good(desk.clock.now())
    assert desk.simulator.reused == []


async def test_a_claim_of_the_living_is_respected(desk: Desk) -> None:
    desk.vault().pair("zalo", seed=SEED)
    assert desk.vault().claim("zalo", 0)

    with pytest.raises(Throttled, match="Another worker"):
        await desk.worker().get(timeout=5)

    assert desk.simulator.renewals == 0
    assert not desk.vault().claim("zalo", 0)


async def test_a_pair_that_the_disk_would_not_take_is_written_before_it_is_used(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = desk.vault()
    worker, real, full = desk.worker(kept=kept), kept.keep, [True]

    def keep(*given: Any, **named: Any) -> None:
        if full:
            raise OperationalError("INSERT", {}, Exception("database or disk is full"))
        real(*given, **named)

    monkeypatch.setattr(kept, "keep", keep)
    with pytest.raises(NotAccepted, match="written down"):
        await worker.get(timeout=5)
    with pytest.raises(NotAccepted, match="written down"):
        await worker.get(timeout=5)
    full.clear()
    pair = await worker.get(timeout=5)

    assert pair.access == "access-canary-1"
    assert (desk.simulator.renewals, desk.simulator.reused) == (1, [])


@pytest.mark.parametrize("fault", ["cut-after", "error-after", "garbage-after", "half-after", "empty-after"])
async def test_a_lost_answer_is_a_doubt_that_harms_nobody_while_the_old_token_is_good(desk: Desk, fault: Any) -> None:
    worker = desk.worker()
    await worker.get(timeout=5)
    desk.clock.move_by(timedelta(hours=20))
    desk.simulator.play(Fault(do=fault, to="token"))

    pair = await worker.get(timeout=5)
    again = await worker.get(timeout=5)

    assert (pair.access, again.access) == ("access-canary-1", "access-canary-1")
    assert desk.state()["state"] == "doubt"
    assert desk.simulator.renewals == 2
    assert desk.simulator.reused == []  # nobody tries the old one before it is needed


async def test_after_a_doubt_in_which_nothing_was_used_the_old_refresh_token_is_still_good(desk: Desk) -> None:
    desk.simulator.play(Fault(do="cut-before", to="token", times=1))
    with pytest.raises(NotAccepted):
        await desk.worker().get(timeout=5)

    pair = await desk.worker().get(timeout=5)

    assert pair.access == "access-canary-1"


@pytest.mark.parametrize(("fault", "error"), [("throttle", Throttled), ("refuse", Misconfigured)])
async def test_what_certainly_did_not_reach_zalo_leaves_the_pair_as_it_was(desk: Desk, fault: Any, error: Any) -> None:
    desk.simulator.play(Fault(do=fault, to="token", status=401, times=1))

    with pytest.raises(error):
        await desk.worker().get(timeout=5)

    assert desk.state()["state"] in ("fresh", "lost")
    assert (await desk.worker().get(timeout=5)).access == "access-canary-1"


async def test_a_token_refused_before_its_time_is_renewed_by_one_of_two(desk: Desk) -> None:
    first, second = desk.worker(), desk.worker()
    refused = await first.get(timeout=5)
    assert (await second.get(timeout=5)).generation == refused.generation

    mine = await first.renew(refused, timeout=5)
    theirs = await second.renew(refused, timeout=5)

    assert (mine.access, theirs.access) == ("access-canary-2", "access-canary-2")
    assert desk.simulator.renewals == 2


async def test_a_new_refresh_token_in_the_configuration_replaces_a_lost_pair_and_the_same_one_does_not(
    desk: Desk,
) -> None:
    await desk.worker().get(timeout=5)
    kept = desk.vault()
    assert kept.claim("zalo", 1)
    kept.settle("zalo", 1, "lost", "refused")

    same = kept.pair("zalo", seed=SEED)
    other = kept.pair("zalo", seed="second-seed")

    assert (same.state, same.generation) == ("lost", 1)
    assert (other.state, other.generation, other.refresh) == ("fresh", 2, "second-seed")


def test_another_office_key_opens_nothing_and_says_what_to_do(database: Database, clock: SteppedClock) -> None:
    Vault(database, clock, KEY).pair("zalo", seed=SEED)

    with pytest.raises(Misconfigured, match="another office key"):
        Vault(database, clock, b"another key of the office").pair("zalo", seed=SEED)


def test_a_pair_moved_to_another_channel_is_not_opened(database: Database, clock: SteppedClock) -> None:
    Vault(database, clock, KEY).pair("zalo", seed=SEED)
    with database.writing() as connection:
        connection.execute(text("UPDATE provider_token SET channel = 'other'"))

    with pytest.raises(Misconfigured):
        Vault(database, clock, KEY).pair("other", seed=SEED)


def test_the_database_refuses_an_older_pair(database: Database, clock: SteppedClock) -> None:
    kept = Vault(database, clock, KEY)
    kept.pair("zalo", seed=SEED)
    kept.keep("zalo", 0, access="a", refresh="b", expires_in=LIFE)

    with pytest.raises(DatabaseError, match="never goes back"), database.writing() as connection:
        connection.execute(text("UPDATE provider_token SET generation = 0"))


def test_two_claims_of_one_generation_have_one_winner(database: Database, clock: SteppedClock) -> None:
    kept = Vault(database, clock, KEY)
    kept.pair("zalo", seed=SEED)

    won = [kept.claim("zalo", 0), kept.claim("zalo", 0)]
    clock.move_by(vault.CLAIM)
    after_the_dead = kept.claim("zalo", 0)

    assert (won, after_the_dead) == ([True, False], True)
