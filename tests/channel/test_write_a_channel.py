"""The example of docs/how-to/write-a-channel.md is run as it stands there, against a controller that misbehaves."""

from __future__ import annotations

import importlib
import re
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from channel_builders import MakeOutgoing, MakeSettings

from broadcaster.channel import registry
from broadcaster.channel.base import (
    Accepted,
    Channel,
    Misconfigured,
    NotAccepted,
    OutcomeUnknown,
    Refused,
    SendError,
    Throttled,
)

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-channel.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


class Controller(ThreadingHTTPServer):
    """A loudspeaker controller with a book of its own; it ignores an id that it has played."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.played: dict[str, dict[str, Any]] = {}
        self.status: int | str = 200
        self.release = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: Controller

    def do_POST(self) -> None:
        order = msgspec.json.decode(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Authorization"] != "Bearer loa-token-canary":
            self.send_error(401)
            return
        if self.server.status in (200, "cut", "silence"):
            self.server.played.setdefault(order["id"], order)
        if self.server.status == "silence":
            self.server.release.wait(5)
        if isinstance(self.server.status, int):
            self.send_response(self.server.status)
            self.send_header("Retry-After", "7")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def controller() -> Iterator[Controller]:
    running = Controller()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    running.release.set()
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The page's code as an installed package behind the entry point that the page names."""
    (code,) = blocks("python")
    (tmp_path / "loa_xa").mkdir()
    (tmp_path / "loa_xa" / "__init__.py").touch()
    (tmp_path / "loa_xa" / "channel.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    points = tomllib.loads(blocks("toml")[0])["project"]["entry-points"]["broadcaster.channels"]
    found = [EntryPoint(name=name, value=value, group=registry.GROUP) for name, value in points.items()]
    monkeypatch.setattr(registry, "entry_points", lambda *, group: [one for one in found if one.group == group])
    registry._doors.cache_clear()
    module = importlib.import_module("loa_xa.channel")
    yield module  # type: ignore[misc]
    registry._doors.cache_clear()
    for name in ("loa_xa.channel", "loa_xa"):
        sys.modules.pop(name, None)


@pytest.fixture
def channel(
    example: ModuleType, controller: Controller, make_settings: MakeSettings, tmp_path: Path
) -> Iterator[Channel]:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "loa.token").write_text("loa-token-canary\n")
    table = tomllib.loads(blocks("toml")[1])["channels"]["loa"] | {"api_base": controller.url}
    common = {key: table.pop(key) for key in ("api_base", "rate", "timeout")}
    made = registry.build(make_settings(table.pop("adapter"), table, name="loa", **common))
    yield made
    made._session.close()  # type: ignore[attr-defined]


def send(channel: Channel, outgoing: Any) -> Accepted | SendError:
    try:
        return channel.send(outgoing, timeout=0.4)  # type: ignore[return-value]
    except SendError as error:
        return error


def test_the_examples_channel_is_found_and_speaks(
    channel: Channel, controller: Controller, make_outgoing: MakeOutgoing
) -> None:
    outgoing = make_outgoing(to="thon-1")

    accepted = send(channel, outgoing)

    assert channel.check(outgoing) == []
    assert accepted == Accepted(provider_id=outgoing.dedupe_key)
    assert controller.played[outgoing.dedupe_key]["text"] == outgoing.text


@pytest.mark.parametrize(
    ("status", "kind", "played"),
    [
        (400, Refused, 0),
        (401, Misconfigured, 0),
        (429, Throttled, 0),
        (302, OutcomeUnknown, 0),
        (500, OutcomeUnknown, 0),
        (503, OutcomeUnknown, 0),
        ("cut", OutcomeUnknown, 1),
        ("silence", OutcomeUnknown, 1),
    ],
)
def test_what_the_example_raises_agrees_with_the_controllers_book(
    status: Any,
    kind: type[SendError],
    played: int,
    channel: Channel,
    controller: Controller,
    make_outgoing: MakeOutgoing,
) -> None:
    controller.status = status

    error = send(channel, make_outgoing(to="thon-1"))

    assert type(error) is kind
    assert len(controller.played) == played
    assert "canary" not in f"{error} {error!r}"


def test_the_examples_lost_answer_may_be_repeated(
    channel: Channel, controller: Controller, make_outgoing: MakeOutgoing
) -> None:
    controller.status = "cut"
    first = send(channel, make_outgoing(to="thon-1", key="k1"))
    controller.status = 200

    again = send(channel, make_outgoing(to="thon-1", key="k2"))

    assert type(first) is OutcomeUnknown
    assert type(again) is Accepted
    assert len(controller.played) == 1


def test_the_example_refuses_a_zone_it_does_not_have_and_a_controller_that_is_off(
    channel: Channel, controller: Controller, make_outgoing: MakeOutgoing
) -> None:
    unknown = send(channel, make_outgoing(to="thon-9"))
    controller.shutdown()
    controller.server_close()

    gone = send(channel, make_outgoing(to="thon-1"))

    assert type(unknown) is Refused
    assert type(gone) is NotAccepted
    assert controller.played == {}


def test_the_page_keeps_its_promise_about_length() -> None:
    (code,) = blocks("python")

    assert len([line for line in code.splitlines() if line.strip()]) <= 40
