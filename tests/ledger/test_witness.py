"""Checkpoints on their way to folders and web addresses of others."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from broadcaster.ledger import witness

SECRET = "token-7f3a"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "checkpoints"
    found.mkdir()
    for size in (3, 8):
        (found / f"{size:012d}.txt").write_bytes(b"note %d\n" % size)
    return found


class Listener(HTTPServer):
    """A web address that takes checkpoints; `status` is its answer."""

    status = 204

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: list[bytes] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/{SECRET}"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Listener)
        self.server.got.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None: ...


@pytest.fixture
def listener() -> Iterator[Listener]:
    server = Listener()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_folder_gets_every_file_and_a_web_address_the_newest(
    folder: Path, tmp_path: Path, listener: Listener
) -> None:
    kept = tmp_path / "usb"
    kept.mkdir()

    found = witness.deliver(folder, [str(kept), listener.address])

    assert [(one.sent, one.fault) for one in found] == [(8, ""), (8, "")]
    assert sorted(path.name for path in kept.iterdir()) == [f"{3:012d}.txt", f"{8:012d}.txt"]
    assert listener.got == [b"note 8\n"]


def test_what_was_sent_is_not_sent_again(folder: Path, listener: Listener) -> None:
    witness.deliver(folder, [listener.address])
    witness.deliver(folder, [listener.address])
    (folder / f"{9:012d}.txt").write_bytes(b"note 9\n")
    witness.deliver(folder, [listener.address])

    assert listener.got == [b"note 8\n", b"note 9\n"]


def test_a_failure_is_noted_and_tried_again_with_the_next(folder: Path, listener: Listener, tmp_path: Path) -> None:
    away = tmp_path / "usb"
    listener.status = 503
    failed = witness.deliver(folder, [listener.address, str(away)])
    noted = witness.standing(folder, [listener.address, str(away)])
    listener.status = 200
    away.mkdir()

    done = witness.deliver(folder, [listener.address, str(away)])

    assert [one.fault for one in failed] == ["it answered 503", "there is no folder 'usb' now"]
    assert noted == failed
    assert [(one.sent, one.fault) for one in done] == [(8, ""), (8, "")]


@pytest.mark.parametrize("status", [301, 302, 404])
def test_a_redirect_or_a_refusal_is_a_failure(folder: Path, listener: Listener, status: int) -> None:
    listener.status = status

    (found,) = witness.deliver(folder, [listener.address])

    assert (found.sent, found.fault) == (-1, f"it answered {status}")


def test_neither_notes_nor_faults_hold_the_web_address(
    folder: Path, caplog: pytest.LogCaptureFixture, listener: Listener
) -> None:
    listener.server_close()
    address = f"http://127.0.0.1:9/{SECRET}"

    with caplog.at_level(logging.WARNING):
        witness.soon(lambda: witness.deliver(folder, [address]))
        for thread in threading.enumerate():
            if thread.name == "witness":
                thread.join()

    assert "did not reach 127.0.0.1: no answer (ConnectionError)" in caplog.text
    assert SECRET not in caplog.text + (folder / witness.NOTES).read_text()


def test_a_witness_keeps_what_it_got_first(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "usb"
    kept.mkdir()
    (kept / f"{3:012d}.txt").write_bytes(b"another\n")

    (found,) = witness.deliver(folder, [str(kept)])

    assert "there is another one" in found.fault
    assert (kept / f"{3:012d}.txt").read_bytes() == b"another\n"


@pytest.mark.parametrize("notes", ["", "[]", '{"x": 1}', "\x00", json.dumps({"x": {"sent": "y"}})])
def test_damaged_notes_are_begun_anew(folder: Path, tmp_path: Path, notes: str) -> None:
    (folder / witness.NOTES).write_text(notes)
    kept = tmp_path / "usb"
    kept.mkdir()

    (found,) = witness.deliver(folder, [str(kept)])

    assert found.sent == 8


def test_without_targets_nothing_is_written(folder: Path) -> None:
    assert witness.deliver(folder, []) == []
    assert not (folder / witness.NOTES).exists()
