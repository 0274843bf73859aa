"""Checkpoints sent where this office cannot take them back: folders, web addresses, mailboxes. Failures are tried again."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from broadcaster.ledger import checkpoint

log = logging.getLogger("broadcaster")
NOTES = "witness.json"  # in the folder of the checkpoints: what each target has, and why it has no more
TIMEOUT = 10  # seconds for one POST
MAIL = "mailto:"
_BUSY = threading.Lock()

Post = Callable[
    [str, bytes], None
]  # to a web address, or a mailbox; raises OSError with a sentence that holds no secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Where one target stands. `fault` is empty when it has the newest checkpoint."""

    target: str  # of a web address only the host, for it may hold a token
    sent: int  # entries under the newest checkpoint it has; -1 for none
    fault: str


def post(address: str, body: bytes) -> None:
    """One POST of a checkpoint; anything but 2xx is a failure. Raises: OSError without the address, which may hold a token."""
    import requests

    headers = {"Content-Type": "text/plain; charset=utf-8", "User-Agent": "broadcaster-checkpoint"}
    try:
        with requests.post(address, data=body, headers=headers, timeout=TIMEOUT, allow_redirects=False) as answer:
            status = answer.status_code
    except requests.RequestException as error:
        raise OSError(f"no answer ({type(error).__name__})") from None
    if not 200 <= status < 300:
        raise OSError(f"it answered {status}")


def deliver(folder: Path, targets: Sequence[str], *, post: Post = post) -> list[Delivery]:
    """Send each target what it lacks of the checkpoints in `folder`; never raises for a target that cannot be reached.

    A folder gets every file it lacks, a web address or a mailbox the newest checkpoint, which covers the older ones.
    """
    files = checkpoint.files(folder)
    with _BUSY:
        notes = _read(folder)
        found = [_one(target, files, _sent(notes, target), post) for target in targets]
        if targets:
            kept = {
                _id(target): {"target": one.target, "sent": one.sent, "fault": one.fault}
                for target, one in zip(targets, found, strict=True)
            }
            (folder / NOTES).write_text(json.dumps(kept, ensure_ascii=False, indent=1), encoding="utf-8")
    return found


def soon(work: Callable[[], Sequence[Delivery]]) -> None:
    """`deliver` or the like on a thread of its own: nobody who sends waits for a witness. What fails is tried again later."""

    def run() -> None:
        for one in work():
            if one.fault:
                log.warning("The checkpoint did not reach %s: %s. It is tried again.", one.target, one.fault)

    threading.Thread(target=run, name="witness").start()


def standing(folder: Path, targets: Sequence[str]) -> list[Delivery]:
    """Where each target stood after the last try."""
    notes = _read(folder)
    return [
        Delivery(
            target=_shown(target),
            sent=_sent(notes, target),
            fault=str(notes.get(_id(target), {}).get("fault", "never tried")),
        )
        for target in targets
    ]


def _one(target: str, files: Sequence[Path], sent: int, post: Post) -> Delivery:
    try:
        for path in files if not _is_far(target) else files[-1:]:
            if int(path.stem) == sent and _is_far(target):
                continue
            if _is_far(target):
                post(target, path.read_bytes())
            else:
                _copy(path, Path(target))
            sent = int(path.stem)
    except OSError as error:
        return Delivery(target=_shown(target), sent=sent, fault=f"{error}"[:200])
    return Delivery(target=_shown(target), sent=sent, fault="")


def _copy(path: Path, folder: Path) -> None:
    """A file that is there is never written over: the witness keeps what it got first."""
    if not folder.is_dir():
        raise OSError(f"there is no folder {folder.name!r} now")
    target = folder / path.name
    if target.exists():
        if target.read_bytes() != path.read_bytes():
            raise OSError(f"{path.name} there is another one; keep both, and run `broadcaster ledger verify`")
        return
    part = target.with_suffix(".part")
    part.write_bytes(path.read_bytes())
    part.replace(target)


def _read(folder: Path) -> dict[str, dict[str, object]]:
    with suppress(OSError, ValueError):
        found = json.loads((folder / NOTES).read_text(encoding="utf-8"))
        if isinstance(found, dict) and all(isinstance(one, dict) for one in found.values()):
            return found
    return {}


def _sent(notes: dict[str, dict[str, object]], target: str) -> int:
    sent = notes.get(_id(target), {}).get("sent")
    return sent if isinstance(sent, int) else -1


def _is_far(target: str) -> bool:
    return target.startswith(("https://", "http://", MAIL))


def _shown(target: str) -> str:
    if target.startswith(MAIL):
        return target.removeprefix(MAIL)
    return urlsplit(target).hostname or "a web address" if _is_far(target) else target


def _id(target: str) -> str:
    return sha256(target.encode()).hexdigest()[:16]
