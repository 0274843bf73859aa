"""One measured run of what a user would pick instead, in a process of its own; prints one JSON line.

    python benchmarks/alternatives.py NAME --port P --n N [--redis redis-server]

NAME: requests (a plain loop, one SQLite commit each), apscheduler (one stored job per message), celery (one task per recipient
over Redis), twilio (the SDK's own client in a loop, one commit each), ptb (python-telegram-bot as it comes, 32 connections).
Needs `benchmarks/requirements.txt` and nothing of this project. CPU is that of all processes that work, but Redis; Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

TEXT = "Nghi có mua bán người? Gọi 111, miễn phí, 24/7."
TICK = os.sysconf("SC_CLK_TCK")
PORT = int(os.environ.get("BENCH_PORT", "0"))  # for the tasks, which run in other processes
BROKER = os.environ.get("BENCH_BROKER", "")


def post(session: Any, port: int, at: int) -> int:
    answer = session.post(f"http://127.0.0.1:{port}/hook", json={"key": f"d{at}", "to": f"+84{at}", "text": TEXT})
    answer.raise_for_status()
    return int(answer.json()["id"])


class Outcomes:
    """One row and one commit for each message, as a careful loop would do it."""

    def __init__(self, folder: str) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(f"{folder}/outcomes.db", check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("CREATE TABLE sent (id INTEGER PRIMARY KEY, provider_id TEXT, at TEXT)")

    def add(self, at: int, provider_id: str) -> None:
        with self._lock:
            now = datetime.now(UTC).isoformat()
            self._db.execute("INSERT INTO sent VALUES (?, ?, ?)", (at, provider_id, now))
            self._db.commit()


# -- one process ------------------------------------------------------------------------------------------------------


def run_requests(port: int, n: int, folder: str) -> dict[str, float]:
    import requests

    session, outcomes = requests.Session(), Outcomes(folder)
    with measured(n) as result:
        for at in range(n):
            outcomes.add(at, str(post(session, port, at)))
    return result


def run_twilio(port: int, n: int, folder: str) -> dict[str, float]:
    from twilio.rest import Client

    client, outcomes = Client("AC" + "a" * 32, "42:token"), Outcomes(folder)
    client.api.base_url = f"http://127.0.0.1:{port}"
    with measured(n) as result:
        for at in range(n):
            message = client.messages.create(to=f"+84{900_000_000 + at}", from_="OFFICE", body=TEXT)
            outcomes.add(at, message.sid)
    return result


def run_ptb(port: int, n: int, _folder: str) -> dict[str, float]:
    from telegram import Bot
    from telegram.request import HTTPXRequest

    async def main() -> dict[str, float]:
        request = HTTPXRequest(connection_pool_size=32, pool_timeout=60, read_timeout=60)
        bot = Bot("42:token", base_url=f"http://127.0.0.1:{port}/bot", request=request)
        await request.initialize()
        numbers = iter(range(n))

        async def send() -> None:
            for at in numbers:
                await bot.send_message(chat_id=1_000_000_000 + at, text=TEXT, parse_mode="HTML")

        with measured(n) as result:
            await asyncio.gather(*(send() for _ in range(32)))
        await request.shutdown()
        return result

    return asyncio.run(main())


_jobs: dict[str, Any] = {}


def scheduled(at: int) -> None:
    """A job of APScheduler's; it is stored by name, so what it needs stands in the module."""
    local = _jobs["local"]
    if not hasattr(local, "session"):
        import requests

        local.session = requests.Session()
    _jobs["outcomes"].add(at, str(post(local.session, _jobs["port"], at)))
    with _jobs["lock"]:
        _jobs["left"] -= 1
        if not _jobs["left"]:
            _jobs["done"].set()


def run_apscheduler(port: int, n: int, folder: str) -> dict[str, float]:
    from apscheduler.executors.pool import ThreadPoolExecutor
    from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
    from apscheduler.schedulers.background import BackgroundScheduler

    sys.modules["alternatives"] = sys.modules["__main__"]
    _jobs.update(
        port=port, left=n, lock=threading.Lock(), done=threading.Event(), local=threading.local(),
        outcomes=Outcomes(folder),
    )  # fmt: skip
    scheduler = BackgroundScheduler(
        jobstores={"default": SQLAlchemyJobStore(f"sqlite:///{folder}/jobs.db")},
        executors={"default": ThreadPoolExecutor(10)},
        timezone=UTC,
    )
    scheduler.start(paused=True)
    with measured(n) as result:
        due = datetime.now(UTC)
        for at in range(n):
            scheduler.add_job("alternatives:scheduled", "date", run_date=due, args=[at], misfire_grace_time=None)
        scheduler.resume()
        _jobs["done"].wait()
    scheduler.shutdown()
    return result


# -- Celery: a broker, a worker with two children, and us who enqueue -------------------------------------------------

if BROKER:
    import requests
    from celery import Celery

    app = Celery("alternatives", broker=BROKER)
    app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True, worker_hijack_root_logger=False)
    _session = requests.Session()

    @app.task
    def send_one(at: int) -> None:
        post(_session, PORT, at)


def run_celery(port: int, n: int, folder: str, redis: str) -> dict[str, float]:
    socket_port = 16_379 + os.getpid() % 1000
    os.environ |= {"BENCH_PORT": str(port), "BENCH_BROKER": f"redis://127.0.0.1:{socket_port}/0"}
    broker = subprocess.Popen(
        [redis, "--port", str(socket_port), "--bind", "127.0.0.1", "--save", "", "--dir", folder],
        stdout=subprocess.DEVNULL,
    )
    time.sleep(1)
    here = str(Path(__file__).parent)
    os.environ["PYTHONPATH"] = here
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "alternatives", "worker", "-c", "2", "-l", "ERROR", "--without-gossip"],
        cwd=here, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    sys.path.insert(0, here)
    globals()["BROKER"] = os.environ["BENCH_BROKER"]
    import importlib

    tasks = importlib.import_module("alternatives")
    try:
        for at in range(20):  # until both children have their modules and their connection
            tasks.send_one.delay(-1 - at)
        _wait_for(port, 20)
        before = _tree_cpu(worker.pid)
        with measured(n) as result:
            for at in range(n):
                tasks.send_one.delay(at)
            _wait_for(port, 20 + n)
        result["cpu"] += _tree_cpu(worker.pid) - before
        result["peak_mb"] += _tree_mb(worker.pid)
        return result
    finally:
        for process in (worker, broker):
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def _wait_for(port: int, distinct: int) -> None:
    while True:
        with urlopen(f"http://127.0.0.1:{port}/count") as answer:
            if json.load(answer)["distinct"] >= distinct:
                return
        time.sleep(0.05)


def _tree(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in _tree(int(child)))]


def _tree_cpu(pid: int) -> float:
    fields = [Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split() for one in _tree(pid)]
    return sum(int(one[11]) + int(one[12]) for one in fields) / TICK


def _tree_mb(pid: int) -> float:
    lines = [line for one in _tree(pid) for line in Path(f"/proc/{one}/status").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


# -- measuring --------------------------------------------------------------------------------------------------------


@contextmanager
def measured(n: int) -> Iterator[dict[str, float]]:
    result: dict[str, float] = {"n": n}
    wall, cpu = time.perf_counter(), time.process_time()
    yield result
    result |= {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=["requests", "apscheduler", "celery", "twilio", "ptb"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--n", type=int, required=True)
    parser.add_argument("--redis", default="redis-server")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.name == "celery":
            result = run_celery(given.port, given.n, folder, given.redis)
        else:
            result = globals()[f"run_{given.name}"](given.port, given.n, folder)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
