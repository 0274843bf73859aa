"""Work that takes longer than a page may: begun by one, done beside the pages, looked at until it is over.

One of a kind at a time, in this process; what it has made is kept for an hour, then its file goes.
"""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi import Request

from broadcaster.errors import BroadcasterError, Conflict

log = logging.getLogger("broadcaster.web")
KEPT_FOR = timedelta(hours=1)
LONGEST = 2 * 3600.0  # seconds; ten million entries take a fraction of it
CHILD = "broadcaster.ledger.check_child"


@dataclass(slots=True, kw_only=True)
class Work:
    """One piece of work; read by pages while its thread writes."""

    kind: str
    by: str
    begun_at: datetime
    whole: int = 0
    done: int = 0
    over: bool = False
    result: dict[str, Any] = field(default_factory=dict)
    trouble: str = ""  # a sentence of the house, in English
    folder: Path | None = None  # of what it makes; nobody else may read it
    thread: threading.Thread | None = None

    def step(self, more: int) -> None:
        self.done += more


class Works:
    """The pieces of work of one desk."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Work] = {}

    def begin(self, work: Work, run: Callable[[Work], None]) -> None:
        """Start it. Raises: Conflict while one of its kind is going on."""
        with self._lock:
            before = self._known.get(work.kind)
            if before is not None and not before.over:
                raise Conflict("This is going on already; wait until it is over.")
            self._known[work.kind] = work
        if before is not None:
            _clear(before)
        work.thread = threading.Thread(target=self._run, args=(work, run), name=work.kind, daemon=True)
        work.thread.start()

    def get(self, kind: str, *, now: datetime) -> Work | None:
        """The last one of its kind, while it is kept."""
        with self._lock:
            found = self._known.get(kind)
            if found is not None and found.over and now - found.begun_at > KEPT_FOR:
                del self._known[kind]
                _clear(found)
                return None
        return found

    def wait(self, kind: str) -> None:
        """Until it is over; for tests."""
        found = self._known[kind].thread
        assert found is not None
        found.join()

    def close(self) -> None:
        for one in self._known.values():
            _clear(one)

    @staticmethod
    def _run(work: Work, run: Callable[[Work], None]) -> None:
        try:
            run(work)
        except BroadcasterError as error:
            work.trouble = str(error)
        except Exception:
            log.exception("%s failed", work.kind)
            work.trouble = "It could not be done; ask the admin to run the command on the office's computer."
        finally:
            work.over = True


def works(request: Request) -> Works:
    """This desk's."""
    state = request.app.state
    found = getattr(state, "works", None)
    if found is None:
        found = state.works = Works()
        request.app.router.on_shutdown.append(found.close)
    if not isinstance(found, Works):  # pragma: no cover - nobody puts anything else there
        raise TypeError("state.works")
    return found


def folder_of(work: Work) -> Path:
    """A private folder for what it makes."""
    if work.folder is None:
        work.folder = Path(tempfile.mkdtemp(prefix="broadcaster-"))
    return work.folder


def check_ledger(work: Work, *, url: str, key: bytes, folder: Path) -> None:
    """The whole check, in a process of its own: it reckons for minutes where the ledger is long."""
    process = subprocess.Popen(
        [sys.executable, "-m", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    killer = threading.Timer(LONGEST, process.kill)
    killer.daemon = True
    killer.start()
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        with process.stdin as asked:
            asked.write(json.dumps({"url": url, "key": key.hex(), "folder": str(folder)}).encode())
        for line in process.stdout:
            found = json.loads(line)
            work.done = found.get("read", work.done)
            if "root" in found:
                work.result = found
    finally:
        killer.cancel()
        process.kill()
        process.wait()
        process.stdout and process.stdout.close()
    if not work.result:
        work.trouble = "The check did not come to its end. Run `broadcaster ledger verify` on the office's computer."


def _clear(work: Work) -> None:
    if work.folder is not None:
        shutil.rmtree(work.folder, ignore_errors=True)
