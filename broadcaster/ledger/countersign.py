"""A second office's signature under a checkpoint (c2sp.org/tlog-cosignature): it has seen this log at this size and time."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from broadcaster.errors import Conflict, WrongUse
from broadcaster.ledger.checkpoint import SigningKey
from broadcaster.ledger.verify import read_checkpoint

TYPE = b"\x04"  # timestamped Ed25519, c2sp.org/signed-note


@dataclass(frozen=True, slots=True, kw_only=True)
class Countersigned:
    size: int
    root: str  # base64
    note: str  # with the new line
    witness_key: str  # `name+id+key`, for witnesses.txt


def witness_key(name: str, public: bytes) -> str:
    """The countersigning office's public key as one word."""
    raw = TYPE + public
    return f"{name}+{_id(name, public).hex()}+{base64.b64encode(raw).decode()}"


def countersign(note: bytes, *, key: SigningKey, name: str, now: datetime, office_key: str) -> Countersigned:
    """The note with one line more. `office_key`: the signing office's public key in hex, known from elsewhere.

    Raises: WrongUse for a name or key that cannot be; Conflict for a note that the office did not sign, or a second signature.
    """
    if not name or "+" in name or any(letter.isspace() for letter in name):
        raise WrongUse(f"The name {name!r} must be one word without '+', like \"so-ttt.example/witness\".")
    try:
        known = bytes.fromhex(office_key)
    except ValueError:
        raise WrongUse("The office's key must be 64 hexadecimal digits, as in its key.txt.") from None
    note = note.replace(b"\r\n", b"\n").strip() + b"\n"
    try:
        size, root = read_checkpoint("to countersign", note, {0: known})
    except ValueError as error:
        raise Conflict(
            f"It is not countersigned: {error}. Ask the office for the file again, and for its key."
        ) from None
    text, _, lines = note.decode().partition("\n\n")
    if any(line.startswith(f"— {name} ") for line in lines.splitlines()):
        raise Conflict(f"{name} stands under this checkpoint already.")
    at = int(now.timestamp())
    signature = key.sign_bytes(f"cosignature/v1\ntime {at}\n{text}\n".encode())
    line = base64.b64encode(_id(name, key.public) + at.to_bytes(8, "big") + signature).decode()
    return Countersigned(
        size=size, root=root, note=f"{note.decode()}— {name} {line}\n", witness_key=witness_key(name, key.public)
    )


def write(path: Path, made: Countersigned) -> None:
    """In place, whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(made.note.encode())
    part.replace(path)


def _id(name: str, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + TYPE + public).digest()[:4]
