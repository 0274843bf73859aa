"""One measured run of our own sending, in a process of its own; prints one JSON line.

    python -m benchmarks.pipeline ADAPTER --office FOLDER [--port P] [--n N] [--bare] [--concurrency 32] [--rate 0]

ADAPTER: null (no request at all), lean (JSON over our wire), or one of our own by its name: twilio, telegram, esms, speedsms,
kannel, zalo-oa (texts to followers); facebook-page and webhook have one address and so are measured `--bare` only.
`--bare` calls the same adapter in a loop of the same concurrency without database, ledger or guard. The office is one made by
`benchmarks.office`; it is used up.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import os
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import func, select

from benchmarks import office
from broadcaster.channel import http_call
from broadcaster.channel.base import Accepted, Channel, Outgoing, Traits
from broadcaster.channel.vault import Vault
from broadcaster.clock import SystemClock
from broadcaster.config import ChannelCommon, ChannelSettings
from broadcaster.content.store import refresh_facts
from broadcaster.db.engine import Database
from broadcaster.db.migrations import upgrade
from broadcaster.db.tables import LedgerEntry, table
from broadcaster.dispatch import broadcast, store
from broadcaster.dispatch.dispatch import Patience
from broadcaster.dispatch.lane import Lane, LaneRules, Signature
from broadcaster.dispatch.road import Road
from broadcaster.dispatch.worker import Worker
from broadcaster.ledger.writer import Writer

PATIENCE = Patience(attempts=5, first=timedelta(seconds=30), most=timedelta(minutes=30))  # the defaults of config.py
TIMEOUT = 30.0  # seconds, one request


class Null:
    """Takes everything and makes no request: what is left is our own cost."""

    name = office.CHANNEL
    traits = Traits(unit="person", address="phone", after_silence="ask", forms=("sms",), max_length=0)

    def check(self, outgoing: Outgoing) -> list[str]:  # noqa: ARG002
        return []

    async def send(self, outgoing: Outgoing, *, timeout: float) -> Accepted:  # noqa: ARG002
        return Accepted(provider_id=outgoing.key)

    async def close(self) -> None: ...


class Lean(Null):
    """The leanest real adapter over our wire: one small JSON body, one header."""

    def __init__(self, base: str, connections: int) -> None:
        self._url = f"{base}/hook"
        self._wire = http_call.Wire(connections=connections)

    async def send(self, outgoing: Outgoing, *, timeout: float) -> Accepted:
        body = msgspec.json.encode({"key": outgoing.dedupe_key, "to": outgoing.to, "text": outgoing.text})
        headers = {"Content-Type": "application/json"}
        answer = await self._wire.call("POST", self._url, headers=headers, body=body, timeout=timeout)
        http_call.judge(answer)
        return Accepted(provider_id=str(msgspec.json.decode(answer.body)["id"]))

    async def close(self) -> None:
        await self._wire.close()


SECRET = {"env": "BENCH_SECRET"}
OWN: dict[str, dict[str, Any]] = {
    "twilio": {"account_sid": "AC" + "a" * 32, "auth_token": SECRET, "from": "OFFICE"},
    "telegram": {"token": SECRET},
    "esms": {"api_key": SECRET, "secret_key": SECRET, "brandname": "OFFICE"},
    "speedsms": {"access_token": SECRET, "sender": "OFFICE"},
    "kannel": {"username": "office", "password": SECRET, "from": "OFFICE"},
    "zalo-oa": {
        "mode": "cs",
        "app_id": "1",
        "app_secret": SECRET,
        "oa_id": "2893352839501541173",
        "refresh_token": SECRET,
    },
    "facebook-page": {"page_id": "1", "token": SECRET},
    "webhook": {"url": "https://portal.example/portal", "secret": {"env": "BENCH_HOOK"}, "allow_private": True},
}
ONE_ADDRESS = ("facebook-page", "webhook")


def kind_of(adapter: str) -> str:
    """The kind of address its people are reached at."""
    return {"telegram": "telegram", "zalo-oa": "zalo"}.get(adapter, "phone")


def channel(adapter: str, base: str, concurrency: int, database: Database | None = None) -> Channel:
    import aiohttp  # noqa: F401 - imported by the wire at its first request: not to be measured

    if adapter == "null":
        return Null()
    if adapter == "lean":
        return Lean(base, concurrency)
    os.environ["BENCH_SECRET"] = "42:token"
    os.environ["BENCH_HOOK"] = "whsec_" + "YmVuY2ht" * 4
    settings = ChannelSettings(
        name=office.CHANNEL,
        common=ChannelCommon(adapter=adapter, api_base=base, concurrency=concurrency),
        own=OWN[adapter],
        vault=Vault(database, SystemClock(), office.KEY) if database else None,
        folder=Path(),
        public_folder=Path(),
        public_url="",
    )
    from broadcaster.channel import registry

    return registry.build(settings)


# -- with everything --------------------------------------------------------------------------------------------------


async def durable(adapter: str, base: str, folder: Path, *, concurrency: int, rate: float) -> dict[str, Any]:
    """Start, expand and send the office's broadcast, as `broadcaster run` would."""
    database, clock = office.open_database(folder), SystemClock()
    one = channel(adapter, base, concurrency, database)
    road = Road(channel=office.CHANNEL, adapter=adapter, traits=one.traits)
    writer = Writer(database, clock)
    roads = {office.CHANNEL: road}
    begun = Stopwatch()
    row = await writer.write(lambda tx: broadcast.get(tx.connection, 1))
    held = await writer.write(lambda tx: broadcast.start(tx, row, roads))
    assert not held, held
    while await writer.write(partial(broadcast.expand_chunk, broadcast=1, roads=roads)):
        pass
    expansion = begun.read()
    n, size = _planned(database), _bytes(folder)
    lane = Lane(
        one, road, LaneRules(rate=rate, concurrency=concurrency, timeout=TIMEOUT, patience=PATIENCE),
        database=database, writer=writer, clock=clock, signature=Signature(office="vp", secret=office.KEY),
        chance=random.random, refresh=lambda tx: refresh(tx, folder),
    )  # fmt: skip
    worker = Worker([lane])
    begun = Stopwatch()
    worker.start()
    while not (worker.idle and writer.idle and lane.at_rest and lane.last_work):
        await asyncio.sleep(0.02)
    sending = begun.read()
    await worker.close()
    await asyncio.to_thread(writer.close)
    with database.reading() as connection:
        states = {state: number for state, number in store.states(connection, 1).items() if number}
        entries = connection.scalar(select(func.count()).select_from(table(LedgerEntry)))
    database.close()
    return {
        "n": n,
        **sending,
        "states": states,
        "entries": entries,
        "expansion_us": expansion["cpu"] / n * 1e6,
        "bytes_before": size,
        "bytes": _bytes(folder),
    }


def refresh(tx: Any, folder: Path) -> None:
    refresh_facts(tx, folder / "facts.toml")


def _planned(database: Database) -> int:
    with database.reading() as connection:
        return sum(store.states(connection, 1).values())


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("bench.db"))


# -- without ----------------------------------------------------------------------------------------------------------


async def bare(adapter: str, base: str, n: int, *, concurrency: int, kind: str) -> dict[str, Any]:
    """The same adapter, called by as many tasks; nothing is asked and nothing is kept."""
    folder = tempfile.TemporaryDirectory()
    database = None
    if adapter == "zalo-oa":  # it keeps its tokens in a database, bare or not
        database = office.open_database(Path(folder.name))
        upgrade(database)
    one = channel(adapter, base, concurrency, database)
    send_one = one.send if inspect.iscoroutinefunction(one.send) else partial(asyncio.to_thread, one.send)
    clock = SystemClock()
    expires = clock.now() + timedelta(days=1)
    numbers = iter(range(1, n + 1))

    async def send(numbers: Iterator[int]) -> None:
        for at in numbers:
            outgoing = Outgoing(
                key=f"vp-{at}-1-00000000", dedupe_key=f"vp-d{at}", to=office.address(at, kind), text=office.TEXT, title="",
                language="vi", link="", expires_at=expires,
            )  # fmt: skip
            await send_one(outgoing, timeout=TIMEOUT)

    begun = Stopwatch()
    await asyncio.gather(*(send(numbers) for _ in range(concurrency)))
    done = begun.read()
    await one.close()
    if database:
        database.close()
    folder.cleanup()
    return {"n": n, **done}


# -- measuring --------------------------------------------------------------------------------------------------------


class Stopwatch:
    """Wall seconds, and CPU seconds of the whole process, all threads."""

    def __init__(self, wall: Callable[[], float] = time.perf_counter) -> None:
        self._wall, self._began, self._cpu = wall, wall(), time.process_time()

    def read(self) -> dict[str, float]:
        return {"seconds": self._wall() - self._began, "cpu": time.process_time() - self._cpu}


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("adapter", choices=["null", "lean", *OWN])
    parser.add_argument("--office", type=Path, default=Path())
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--bare", action="store_true")
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--rate", type=float, default=0.0)
    given = parser.parse_args()
    base = f"http://127.0.0.1:{given.port}"
    if given.bare:
        work = bare(given.adapter, base, given.n, concurrency=given.concurrency, kind=kind_of(given.adapter))
    elif given.adapter in ONE_ADDRESS:
        parser.error(f"{given.adapter} has one address: measure it --bare")
    else:
        work = durable(given.adapter, base, given.office, concurrency=given.concurrency, rate=given.rate)
    print(json.dumps({**asyncio.run(work), "peak_mb": peak_mb()}))


if __name__ == "__main__":
    main()
