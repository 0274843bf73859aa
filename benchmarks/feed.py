"""How long one publication takes in a feed of ten thousand entries, beside one in a feed of a hundred.

    python -m benchmarks.feed [--entries 10000] [--rounds 30]

The goal is under 200 ms, and a ratio near 1: the archive must not be paid for again with every entry.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter

import msgspec

from broadcaster.channel.base import Outgoing
from broadcaster.channel.feed import Feed
from broadcaster.channel.feed_format import Entry
from broadcaster.config import ChannelCommon, ChannelSettings

BEGINS = datetime(2027, 7, 1, 1, 0, tzinfo=UTC)
TEXT = "Nếu bạn hoặc người thân nghi có mua bán người, hãy gọi 111 (miễn phí, 24/7).\n\n" * 8  # about 700 characters


def outgoing(number: int, text: str = TEXT) -> Outgoing:
    at = BEGINS + timedelta(minutes=number)
    return Outgoing(
        key=f"vp-{number}-1", dedupe_key=f"vp-{number}", to="web", text=text, title=f"Bản tin số {number}",
        language="en" if number % 4 == 0 else "vi", link="", expires_at=at + timedelta(days=1), published_at=at,
        category="hotline",
    )  # fmt: skip


def fill(feed: Feed, folder: Path, count: int) -> None:
    """A feed of that size, by way of its entries' own files: the next publication makes everything else from them."""
    feed.send(outgoing(0), timeout=60)
    (first,) = (folder / ".entries").glob("*.json")
    made = msgspec.json.decode(first.read_bytes(), type=Entry)
    for number in range(1, count - 1):
        slug = f"{number:020x}"
        entry = msgspec.structs.replace(
            made, slug=slug, id=f"{made.id.rpartition('/')[0]}/{slug}", title=f"Bản tin số {number}", place=-1,
            own_place=-1, published=made.published + timedelta(minutes=number), language="en" if number % 4 == 0 else "vi",
        )  # fmt: skip
        (folder / ".entries" / f"{slug}.json").write_bytes(msgspec.json.encode(entry))
    (folder / ".state.json").unlink()


def measure(count: int, rounds: int) -> dict[str, float]:
    """Milliseconds: building all again once, then the median and the worst of publishing, correcting and taking down."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = ChannelSettings(
            name="web", common=ChannelCommon(adapter="feed"), own={"site_url": "https://tinh.example/tin"},
            folder=folder, public_folder=folder, public_url="",
        )  # fmt: skip
        feed = Feed("web", settings)
        fill(feed, folder / "web", count)
        began = perf_counter()
        feed.send(outgoing(count), timeout=600)
        again = perf_counter() - began
        spans: dict[str, list[float]] = {"publish": [], "correct": [], "take_down": []}
        for number in range(rounds):
            spans["publish"].append(_span(lambda n=number: feed.send(outgoing(count + 1 + n), timeout=60)))
            old = f"{number + 2:020x}"
            spans["correct"].append(_span(lambda s=old: feed.correct(s, outgoing(int(s, 16), text="Đã sửa."))))
            spans["take_down"].append(_span(lambda s=old: feed.take_down(s)))
    found = {what: round(median(all_) * 1000, 1) for what, all_ in spans.items()}
    return found | {"worst": round(max(max(all_) for all_ in spans.values()) * 1000, 1), "again": round(again * 1000)}


def _span(work: object) -> float:
    began = perf_counter()
    work()  # type: ignore[operator]
    return perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=30)
    asked = parser.parse_args()
    small, large = measure(100, asked.rounds), measure(asked.entries, asked.rounds)
    found = {
        "entries": asked.entries,
        "ms": large,
        "ms at 100": small,
        "ratio": round(large["publish"] / small["publish"], 2),
    }
    print(json.dumps(found, ensure_ascii=False))
    sys.exit(large["publish"] >= 200)


if __name__ == "__main__":
    main()
