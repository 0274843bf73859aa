"""Everything, in rounds that interleave ours and the alternatives; prints one table, and writes it to `benchmarks/results.md`.

    python -m benchmarks.run --alternatives /path/to/other/venv/bin/python [--redis redis-server] [--rounds 3] [--million]

Each figure is a process of its own. What counts are the ratios within one run and the CPU per message: a rate says more about
the machine and its other users than about the program.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import Request, urlopen

from benchmarks import pipeline

HERE = Path(__file__).parent
Figures = dict[str, Any]


class Bench:
    """Starts the sink, the measured processes and the offices they use up."""

    def __init__(self, folder: Path, alternatives: str, redis: str) -> None:
        self._folder, self._alternatives, self._redis = folder, alternatives, redis
        self._sink = subprocess.Popen([sys.executable, "-m", "benchmarks.sink"], stdout=subprocess.PIPE, text=True)
        assert self._sink.stdout is not None
        self.port = int(self._sink.stdout.readline())

    def close(self) -> None:
        self._sink.terminate()
        self._sink.wait()

    def ours(self, adapter: str, n: int, *, concurrency: int = 32) -> Figures:
        office = self.office(n, pipeline.kind_of(adapter))
        found = self._run("benchmarks.pipeline", adapter, "--office", office, "--concurrency", concurrency)
        assert found["states"] == {"accepted": n}, found
        return found

    def bare(self, adapter: str, n: int, *, concurrency: int = 32) -> Figures:
        return self._run("benchmarks.pipeline", adapter, "--bare", "--n", n, "--concurrency", concurrency)

    def other(self, name: str, n: int) -> Figures:
        command = [self._alternatives, HERE / "alternatives.py", name, "--port", self.port, "--n", n]
        return self._json([*command, "--redis", self._redis])

    def storage(self, what: str, office: Path, *more: Any) -> Figures:
        return self._run("benchmarks.storage", what, office, *more)

    def office(self, n: int, kind: str = "phone") -> Path:
        """A fresh copy of an office of that size."""
        made, used = self._folder / f"{kind}-{n}", self._folder / "used"
        if not made.exists():
            subprocess.run([sys.executable, "-m", "benchmarks.office", str(made), str(n), kind], check=True)
        shutil.rmtree(used, ignore_errors=True)
        shutil.copytree(made, used)
        return used

    def _run(self, module: str, *arguments: Any) -> Figures:
        port = [] if arguments[0] in ("verify", "resume") else ["--port", self.port]
        return self._json([sys.executable, "-m", module, *arguments, *port])

    def _json(self, command: list[Any]) -> Figures:
        """The figures of one process; the sink's book must show each recipient once."""
        urlopen(Request(f"http://127.0.0.1:{self.port}/stats", method="DELETE")).close()
        done = subprocess.run(
            [str(one) for one in command], stdout=subprocess.PIPE, text=True, check=True, timeout=1800
        )
        with urlopen(f"http://127.0.0.1:{self.port}/count") as answer:
            book = json.load(answer)
        assert book["requests"] == book["distinct"], book
        found: Figures = json.loads(done.stdout.splitlines()[-1])
        return found


# -- what is measured -------------------------------------------------------------------------------------------------


def one_round(bench: Bench) -> dict[str, Figures]:
    """Ours beside what it is compared with."""
    return {
        "lean, no database": bench.bare("lean", 10_000),
        "lean": bench.ours("lean", 10_000),
        "lean, no database, 128": bench.bare("lean", 10_000, concurrency=128),
        "lean, 128": bench.ours("lean", 10_000, concurrency=128),
        "twilio, no database": bench.bare("twilio", 5_000),
        "twilio": bench.ours("twilio", 5_000),
        "telegram, no database": bench.bare("telegram", 5_000),
        "telegram": bench.ours("telegram", 5_000),
        **{f"{name}, no database": bench.bare(name, 5_000) for name in HTTP},
        **{name: bench.ours(name, 5_000) for name in HTTP if name not in pipeline.ONE_ADDRESS},
        "null": bench.ours("null", 10_000),
        "null, 128": bench.ours("null", 10_000, concurrency=128),
        SDK_LOOP: bench.other("twilio", 2_000),
        "python-telegram-bot as it comes, 32": bench.other("ptb", 1_000),
        "Celery + Redis, a task each": bench.other("celery", 3_000),
        "requests in a loop, a commit each": bench.other("requests", 2_000),
        "APScheduler, a stored job each": bench.other("apscheduler", 1_500),
    }


def once(bench: Bench, sizes: list[int]) -> dict[str, Any]:
    """Growth, size, verification, resuming, pacing."""
    growth = []
    for n in sizes:
        sent = bench.ours("null", n)
        verified = bench.storage("verify", bench._folder / "used")
        growth.append({"n": n, "sent": sent, "verified": verified})
        assert verified["ok"], verified
    resumed = bench.storage("resume", bench.office(100_000))
    assert resumed["ledger_ok"], resumed
    assert not resumed["recount"], resumed
    paced = [
        bench.storage("pacing", bench.office(n), "--rate", rate) for rate, n in ((10, 150), (30, 300), (100, 1000))
    ]
    return {"growth": growth, "resumed": resumed, "paced": paced}


# -- the table --------------------------------------------------------------------------------------------------------


HTTP = tuple(name for name in pipeline.OWN if name not in ("twilio", "telegram"))  # these two have goals of their own
WITH_DATABASE = (
    "lean", "lean, 128", "twilio", "telegram", *(name for name in HTTP if name not in pipeline.ONE_ADDRESS)
)  # fmt: skip
SDK_LOOP = "Twilio's SDK in a loop, a commit each"


def without(name: str) -> str:
    """The row of the same adapter without the database."""
    adapter, *more = name.split(", ")
    return ", ".join([adapter, "no database", *more])


def us(figures: Figures) -> float:
    return float(figures["cpu"]) / float(figures["n"]) * 1e6


def rate(figures: Figures) -> float:
    return float(figures["n"]) / float(figures["seconds"])


def table(rounds: list[dict[str, Figures]], single: dict[str, Any]) -> str:
    found: dict[str, dict[str, float]] = {}
    for name in rounds[0]:
        runs = [one[name] for one in rounds]
        found[name] = {
            "rate": median(map(rate, runs)),
            "us": median(map(us, runs)),
            "mb": median(float(run["peak_mb"]) for run in runs),
        }
    ours = found["lean"]
    lines = [
        "| what | msg/s | CPU µs/msg | peak MB | our rate / its rate | its CPU / our CPU |",
        "|---|---|---|---|---|---|",
    ]
    for name, one in found.items():
        lines.append(
            f"| {name} | {one['rate']:,.0f} | {one['us']:,.0f} | {one['mb']:,.0f} |"
            f" {ours['rate'] / one['rate']:.2f} | {one['us'] / ours['us']:.2f} |"
        )

    def by_round(first: str, second: str, of: Any) -> float:
        return float(median(of(one[first]) / of(one[second]) for one in rounds))

    added = {name: median(us(one[name]) - us(one[without(name)]) for one in rounds) for name in WITH_DATABASE}
    celery, growth, resumed = "Celery + Redis, a task each", single["growth"], single["resumed"]
    biggest, hundred = growth[-1], next(one for one in growth if one["n"] == 100_000)
    per = {one["n"]: one["sent"]["bytes"] - one["sent"]["bytes_before"] for one in growth}
    goals = [
        *(
            ("G1", f"{name}: rate with durable intent and result / without database", "0.85",
             f"{by_round(name, without(name), rate):.2f}")
            for name in WITH_DATABASE
        ),
        *(("G1", f"{name}: CPU µs added", "30, or 10 %", f"{value:.0f}") for name, value in added.items()),
        *(
            ("", f"{name}: rate without database / the lean loop's", "",
             f"{by_round(without(name), without('lean'), rate):.2f}")
            for name in ("twilio", "telegram", *HTTP)
        ),
        ("G1", "null adapter: CPU µs, at concurrency 32 / 128", "30",
         f"{found['null']['us']:.0f} / {found['null, 128']['us']:.0f}"),
        ("G2", "Twilio's SDK over our wire, durable / its default in a loop with a commit each, rate", "3",
         f"{by_round('twilio', SDK_LOOP, rate):.1f}"),
        ("G3", "python-telegram-bot over our wire / as it comes, 32 connections, rate, no database in either", "5",
         f"{by_round('telegram, no database', 'python-telegram-bot as it comes, 32', rate):.1f}"),
        ("G3", "the same, ours durable", "", f"{by_round('telegram', 'python-telegram-bot as it comes, 32', rate):.1f}"),
        ("G4", "lean, durable / Celery, rate", "8", f"{by_round('lean', celery, rate):.1f}"),
        ("G4", "lean, durable / APScheduler with a job per message, rate", "8",
         f"{by_round('lean', 'APScheduler, a stored job each', rate):.1f}"),
        ("G4", "lean, durable / requests with a commit each, rate", "4",
         f"{by_round('lean', 'requests in a loop, a commit each', rate):.1f}"),
        ("G5", "CPU per message, lean, durable: Celery's / ours", "8", f"{1 / by_round('lean', celery, us):.1f}"),
        ("G6", "peak MB with one SDK: twilio / telegram", "96",
         f"{found['twilio']['mb']:.0f} / {found['telegram']['mb']:.0f}"),
        ("G6", f"peak MB at {biggest['n']:,} / at 100,000, null adapter", "1.1",
         f"{biggest['sent']['peak_mb'] / hundred['sent']['peak_mb']:.2f}"),
        ("G7", "bytes per dispatch in SQLite, ledger included", "1,000",
         " / ".join(f"{size / n:,.0f} at {n:,}" for n, size in per.items())),
        ("G8", "kill -9 in the middle of 100,000: seconds until the next intents are on disk", "1", f"{resumed['seconds']:.2f}"),
        ("G8", "dispatches in doubt after it, at concurrency 32", "64", str(resumed["states"].get("unknown", 0))),
        ("G8", "ledger verify, CPU µs per entry", "10",
         " / ".join(f"{one['verified']['us_per_entry']:.1f}" for one in growth)),
        *(
            ("G10", f"{one['rate']:.0f}/s: most in any second at the sink; share of the rate used", "the rate; 0.97",
             f"{one['most_in_a_second']}; {one['used']:.3f}")
            for one in single["paced"]
        ),
        ("flat", "CPU µs per dispatch, null adapter, by number of recipients", "",
         " / ".join(f"{us(one['sent']):.0f} at {one['n']:,}" for one in growth)),
        ("flat", "peak MB, the same", "", " / ".join(f"{one['sent']['peak_mb']:.0f}" for one in growth)),
        ("flat", "CPU µs per dispatch to expand a broadcast", "",
         " / ".join(f"{one['sent']['expansion_us']:.1f}" for one in growth)),
    ]  # fmt: skip
    lines += ["", "| goal | what | wanted | measured |", "|---|---|---|---|"]
    lines += [f"| {goal} | {what} | {wanted} | {value} |" for goal, what, wanted, value in goals]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--alternatives", required=True, help="Python of an environment with benchmarks/requirements.txt"
    )
    parser.add_argument("--redis", default="redis-server")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--folder", type=Path, help="where the databases are made; a few GB with --million")
    given = parser.parse_args()
    sizes = [10_000, 100_000, *([1_000_000] if given.million else [])]
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        bench = Bench(Path(folder), given.alternatives, given.redis)
        try:
            rounds = []
            for number in range(given.rounds):
                rounds.append(one_round(bench))
                print(f"round {number + 1} of {given.rounds} done", file=sys.stderr, flush=True)
            single = once(bench, sizes)
        finally:
            bench.close()
    head = (
        f"# Results\n\n{datetime.now(UTC).date()}, {os.cpu_count()} vCPU, Python {platform.python_version()},"
        f" {platform.system()}. Medians of {given.rounds} interleaved rounds; growth, resuming and pacing once.\n"
        "What each row is, and how to read it: README.md.\n\n"
    )
    text = head + table(rounds, single) + "\n"
    (HERE / "results.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
