"""What the database costs, without any request: size, memory, verification, resuming after kill -9. One JSON line each.

python -m benchmarks.storage verify FOLDER     an office whose broadcast has been sent: time to verify its ledger
python -m benchmarks.storage resume FOLDER     kill -9 in the middle of a broadcast, then the time until a lane sends again
python -m benchmarks.storage pacing FOLDER --rate R --port P     the sink's own book against the rate
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from benchmarks import office, pipeline
from broadcaster.clock import SystemClock
from broadcaster.dispatch import claim, store
from broadcaster.dispatch.road import Road
from broadcaster.ledger import check
from broadcaster.ledger.store import transaction


def verify(folder: Path) -> dict[str, Any]:
    """Every entry hashed and replayed, as `broadcaster ledger verify` does."""
    database = office.open_database(folder)
    empty = folder / "no-checkpoints"
    empty.mkdir(exist_ok=True)
    begun = pipeline.Stopwatch()
    found = check.verify(database, public_key=bytes(32), folder=empty)
    took = begun.read()
    database.close()
    return {
        "entries": found.entries,
        "ok": found.ok,
        "us_per_entry": took["cpu"] / found.entries * 1e6,
        "peak_mb": pipeline.peak_mb(),
    }


def resume(folder: Path) -> dict[str, Any]:
    """Kill the sender when about half is sent; then open the lane and record the first intents, as the next start does."""
    run = [sys.executable, "-m", "benchmarks.pipeline", "null", "--office", str(folder)]
    sender = subprocess.Popen(run, stdout=subprocess.DEVNULL)
    database, clock = office.open_database(folder), SystemClock()
    with database.reading() as connection:
        people = connection.exec_driver_sql("SELECT count(*) FROM contact").scalar_one()
    while _sent(database) < people // 2:
        time.sleep(0.05)
    os.kill(sender.pid, signal.SIGKILL)
    sender.wait()
    road = Road(channel=office.CHANNEL, adapter="null", traits=pipeline.Null.traits)
    begun = pipeline.Stopwatch()
    with transaction(database, clock) as tx:
        epoch = claim.open_lane(tx, office.CHANNEL)
    with database.reading() as connection:
        due = claim.window(connection, office.CHANNEL, 1, after=0, limit=32)
    with transaction(database, clock) as tx:
        intended = claim.intend(tx, road, epoch, due, refresh=partial(pipeline.refresh, folder=folder)).intents
    seconds = begun.read()["seconds"]
    with database.reading() as connection:
        states = {state: n for state, n in store.states(connection, 1).items() if n}
        wrong = store.recount(connection)
    faults = verify(folder)["ok"]
    return {"seconds": seconds, "states": states, "first": len(intended), "recount": wrong, "ledger_ok": faults}


def _sent(database: Any) -> int:
    with database.reading() as connection:
        return int(store.states(connection, 1)["accepted"])


def pacing(folder: Path, rate: float, port: int) -> dict[str, Any]:
    """Send the office's broadcast at a rate, and count in the sink's book."""
    base = f"http://127.0.0.1:{port}"
    urlopen(Request(f"{base}/stats", method="DELETE")).close()
    asyncio.run(pipeline.durable("lean", base, folder, concurrency=32, rate=rate))
    with urlopen(f"{base}/stats") as answer:
        moments = json.load(answer)["moments"]
    most, start = 0, 0
    for end, moment in enumerate(moments):
        while moment - moments[start] >= 1.0:
            start += 1
        most = max(most, end - start + 1)
    used = (len(moments) - 1) / (moments[-1] - moments[0]) / rate
    return {"rate": rate, "sent": len(moments), "most_in_a_second": most, "used": used}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["verify", "resume", "pacing"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    if given.what == "pacing":
        found = pacing(given.folder, given.rate, given.port)
    else:
        found = {"verify": verify, "resume": resume}[given.what](given.folder)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
