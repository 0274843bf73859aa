"""The book is the outside witness: complete, in order, and written before any answer."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from broadcaster.clock import SteppedClock
from broadcaster.simulator.book import Book

NOON = datetime(2027, 7, 30, 12, 0, tzinfo=UTC)


def line(**spoilt: Any) -> dict[str, Any]:
    values = {
        "n": 1,
        "path": "/x",
        "to": "+84912345678",
        "body": "Gọi 111",
        "reference": "vp-1",
        "decision": "accepted",
        "accepted": True,
        "status": 201,
        "id": "SM1",
    }
    return values | spoilt


def test_a_line_is_in_the_file_when_write_returns(tmp_path: Path) -> None:
    book = Book(tmp_path / "books" / "twilio.jsonl", clock=SteppedClock(NOON), fsync=True)

    book.write(**line())

    (written,) = (tmp_path / "books" / "twilio.jsonl").read_text().splitlines()
    assert json.loads(written)["at"] == "2027-07-30T12:00:00.000Z"
    assert json.loads(written)["body"] == "Gọi 111"
    book.close()


def test_a_text_stands_in_the_file_once_and_its_hash_on_every_line(tmp_path: Path) -> None:
    book = Book(tmp_path / "b.jsonl")
    for number in range(3):
        book.write(**line(n=number + 1))
    book.close()

    lines = [json.loads(text) for text in (tmp_path / "b.jsonl").read_text().splitlines()]
    whole = [json.loads(text) for text in book.lines()]

    assert ["body" in one for one in lines] == [True, False, False]
    assert len({one["body_sha256"] for one in lines}) == 1
    assert [one["body"] for one in whole] == ["Gọi 111"] * 3


def test_a_book_is_never_overwritten_by_the_next_run(tmp_path: Path) -> None:
    for _ in range(2):
        book = Book(tmp_path / "b.jsonl")
        book.write(**line())
        book.close()

    assert len((tmp_path / "b.jsonl").read_text().splitlines()) == 2


def test_its_time_can_be_moved_and_then_goes_on() -> None:
    clock = SteppedClock(NOON)
    book = Book(clock=clock)

    book.move_to(datetime(2027, 8, 1, tzinfo=UTC))
    clock.move_by(timedelta(seconds=5))

    assert book.now() == datetime(2027, 8, 1, 0, 0, 5, tzinfo=UTC)
    with pytest.raises(ValueError):
        book.move_to(datetime(2027, 8, 1))  # noqa: DTZ001 - that is the point


def test_the_figures_count_requests_takings_and_recipients() -> None:
    book = Book()
    book.write(**line())
    book.write(**line(n=2))
    book.write(**line(n=3, to="+84900000000", accepted=False, decision="throttle", status=429, id=""))

    counts = book.counts()

    assert (counts["requests"], counts["accepted"], counts["recipients"]) == (3, 2, 1)
    assert counts["decisions"] == {"accepted": 2, "throttle": 1}
