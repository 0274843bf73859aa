"""RFC 3161 time stamps: an authority outside the office says that a checkpoint existed at a time. An option, never in the way.

The answer lies beside the checkpoint as it came, `NNN.tsr`. Here only what it is for is checked: whether the authority signed
it is asked of `openssl ts -verify`, with the certificate that the auditor got from the authority.
"""

from __future__ import annotations

import secrets
import threading
from pathlib import Path
from urllib.parse import urlsplit

from broadcaster.ledger import checkpoint
from broadcaster.ledger.witness import TIMEOUT, Delivery

SUFFIX = ".tsr"
ANSWER_MOST = 64 * 1024  # bytes; a token with its chain of certificates has 2 to 8 KB
QUERY, REPLY = "application/timestamp-query", "application/timestamp-reply"  # RFC 3161, 3.4
GRANTED = (0, 1)  # PKIStatus: granted, granted with changes
_BUSY = threading.Lock()


def stamp(folder: Path, url: str) -> Delivery:
    """Have the newest checkpoint of `folder` stamped, unless it is; it covers the older ones. Never raises for the authority."""
    with _BUSY:
        files = checkpoint.files(folder)
        fault = ""
        if files and not files[-1].with_suffix(SUFFIX).exists():
            try:
                _write(files[-1].with_suffix(SUFFIX), ask(url, files[-1].read_bytes()))
            except OSError as error:
                fault = f"{error}"[:200]
        sent = max((int(path.stem) for path in stamps(folder)), default=-1)
    return Delivery(target=f"time stamp of {urlsplit(url).hostname or 'a web address'}", sent=sent, fault=fault)


def ask(url: str, data: bytes) -> bytes:
    """The authority's answer, known to be for these bytes and this question. Raises: OSError with a sentence."""
    try:
        import rfc3161_client as rfc3161
    except ImportError:
        raise OSError("time stamps need one more package: pip install 'broadcaster[timestamp]'") from None
    query = rfc3161.TimestampRequestBuilder().data(data).hash_algorithm(rfc3161.HashAlgorithm.SHA256).build()
    raw = _post(url, query.as_bytes())
    try:
        answer = rfc3161.decode_timestamp_response(raw)
        good = answer.status in GRANTED
        told = answer.tst_info if good else None
    except ValueError:
        raise OSError("its answer is no time stamp") from None
    if told is None:
        raise OSError(f"it gives no time stamp (status {answer.status})")
    if told.message_imprint.message != query.message_imprint.message or told.nonce != query.nonce:
        raise OSError("its time stamp is for something else")
    return raw


def stamps(folder: Path) -> list[Path]:
    """The time stamps that lie beside the checkpoints of a folder, oldest first."""
    return [path.with_suffix(SUFFIX) for path in checkpoint.files(folder) if path.with_suffix(SUFFIX).exists()]


def _post(url: str, query: bytes) -> bytes:
    """Raises: OSError without the address, which may hold a password."""
    import requests

    headers = {"Content-Type": QUERY, "Accept": REPLY, "User-Agent": "broadcaster-checkpoint"}
    try:
        with requests.post(
            url, data=query, headers=headers, timeout=TIMEOUT, allow_redirects=False, stream=True
        ) as answer:
            if answer.status_code != 200:
                raise OSError(f"it answered {answer.status_code}")
            raw = bytearray()
            for part in answer.iter_content(8192):
                raw += part
                if len(raw) > ANSWER_MOST:
                    raise OSError("its answer is too long for a time stamp")
    except requests.RequestException as error:
        raise OSError(f"no answer ({type(error).__name__})") from None
    return bytes(raw)


def _write(path: Path, raw: bytes) -> None:
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    part.write_bytes(raw)
    part.replace(path)
