"""The channel beside a board that keeps a book: found through the entry point, and right about what arrived."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from broadcaster.channel import registry
from broadcaster.channel.base import (
    Accepted,
    Misconfigured,
    NotAccepted,
    OutcomeUnknown,
    Outgoing,
    Refused,
    SendError,
    TakesDown,
    Throttled,
)
from broadcaster.config import ChannelCommon, ChannelSettings
from broadcaster.errors import WrongUse


class Board(ThreadingHTTPServer):
    """Shows each id once; `answer` is what it does next: a status, "cut", "silence" or "cut-before"."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.shown: dict[str, dict[str, Any]] = {}
        self.requests = 0
        self.answer: int | str = 201
        self.release = threading.Event()


class Handler(BaseHTTPRequestHandler):
    server: Board

    def do_PUT(self) -> None:
        notice = msgspec.json.decode(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests += 1
        answer = self.server.answer
        if self.headers["Authorization"] != "Bearer board-canary":
            answer = 401
        if answer in (200, 201, "cut", "silence"):
            self.server.shown.setdefault(self.path, notice)
        if answer == "silence":
            self.server.release.wait(5)
        if isinstance(answer, int):
            self._say(answer)

    def do_DELETE(self) -> None:
        self._say(204 if self.server.shown.pop(self.path, None) else 404)

    def _say(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Retry-After", "7")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def board() -> Iterator[Board]:
    running = Board()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    running.release.set()
    running.shutdown()
    running.server_close()
    thread.join()


def settings(url: str, folder: Path, **own: Any) -> ChannelSettings:
    (folder / "boards.token").write_text("board-canary\n", encoding="utf-8")
    return ChannelSettings(
        name="boards",
        common=ChannelCommon(adapter="notice-board", api_base=url),
        own={"token": {"file": "boards.token"}, "board": "hải hà"} | own,
        folder=folder,
        public_folder=folder,
        public_url="",
    )


@pytest.fixture
def channel(board: Board, tmp_path: Path) -> Iterator[Any]:
    made = registry.build(settings(f"http://127.0.0.1:{board.server_port}", tmp_path))
    yield made
    asyncio.run(made.close())


def outgoing(**spoilt: Any) -> Outgoing:
    values = {
        "key": "vp-12-1-0a1b2c3d",
        "dedupe_key": "vp-12",
        "to": "boards",
        "text": "Nghi có mua bán người: gọi 111.",
        "title": "Gọi 111",
        "language": "vi",
        "link": "",
        "expires_at": datetime(2027, 7, 1, 7, 0, tzinfo=UTC),
    }
    return Outgoing(**(values | spoilt))


def outcome(channel: Any, message: Outgoing) -> Accepted | SendError:
    try:
        return channel.send(message, timeout=1.0)  # type: ignore[no-any-return]
    except SendError as error:
        return error


def test_it_is_found_through_the_entry_point_of_its_own_package() -> None:
    assert "notice-board" in registry.names()
    assert registry.traits("notice-board").after_silence == "repeat"
    assert issubclass(registry.adapter("notice-board"), TakesDown)


def test_the_board_shows_the_notice(channel: Any, board: Board) -> None:
    accepted = outcome(channel, outgoing())

    assert channel.check(outgoing()) == []
    assert accepted == Accepted(provider_id="vp-12")
    assert list(board.shown) == ["/boards/h%E1%BA%A3i%20h%C3%A0/notices/vp-12"]
    assert {notice["text"] for notice in board.shown.values()} == {outgoing().text}


@pytest.mark.parametrize(
    ("answer", "kind", "shown"),
    [
        (400, Refused, 0),
        (401, Misconfigured, 0),
        (404, Misconfigured, 0),
        (408, OutcomeUnknown, 0),
        (429, Throttled, 0),
        (302, OutcomeUnknown, 0),
        (500, OutcomeUnknown, 0),
        ("cut-before", OutcomeUnknown, 0),
        ("cut", OutcomeUnknown, 1),
        ("silence", OutcomeUnknown, 1),
    ],
)
def test_what_it_raises_agrees_with_the_boards_book(
    answer: int | str, kind: type[SendError], shown: int, channel: Any, board: Board
) -> None:
    board.answer = answer

    error = outcome(channel, outgoing())

    assert type(error) is kind
    assert (len(board.shown), board.requests) == (shown, 1)  # no retry inside
    assert "canary" not in f"{error} {error!r}"
    assert not isinstance(error, Throttled) or error.wait == timedelta(seconds=7)


def test_a_lost_answer_may_be_repeated(channel: Any, board: Board) -> None:
    board.answer = "cut"
    first = outcome(channel, outgoing(key="k1"))
    board.answer = 200

    again = outcome(channel, outgoing(key="k2"))

    assert type(first) is OutcomeUnknown
    assert again == Accepted(provider_id="vp-12")
    assert len(board.shown) == 1


def test_without_a_connection_nothing_was_sent(tmp_path: Path) -> None:
    channel = registry.build(settings("http://127.0.0.1:1", tmp_path))

    error = outcome(channel, outgoing())

    assert type(error) is NotAccepted


def test_what_is_taken_down_is_gone_and_taking_it_down_again_harms_nothing(channel: Any, board: Board) -> None:
    outcome(channel, outgoing())

    channel.take_down("vp-12")
    channel.take_down("vp-12")

    assert board.shown == {}


@pytest.mark.parametrize("text", [" \n", "a" * 501])
def test_what_does_not_fit_is_said_to_the_author(text: str, channel: Any, board: Board) -> None:
    problems = channel.check(outgoing(text=text))

    assert len(problems) == 1
    assert problems[0].endswith(".")
    assert board.requests == 0


def test_a_secret_in_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUse) as caught:
        registry.build(settings("http://127.0.0.1:1", tmp_path, token="board-canary"))

    assert "canary" not in str(caught.value)
