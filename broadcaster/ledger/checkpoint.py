"""Signed checkpoints: the size and the root of the ledger, in a file that is meant to leave the machine.

The form is C2SP's: c2sp.org/tlog-checkpoint in a c2sp.org/signed-note, Ed25519 (signature type 0x01).
"""

from __future__ import annotations

import base64
import os
import secrets
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import Connection, Row, insert, select, update

from broadcaster.clock import Clock
from broadcaster.config import Secret
from broadcaster.db.engine import Database
from broadcaster.db.tables import Checkpoint as CheckpointRow
from broadcaster.db.tables import Meta, table
from broadcaster.errors import BroadcasterError, Conflict, WrongUse
from broadcaster.ledger import keys, store
from broadcaster.ledger.merkle import Frontier, leaf_hash

CHECKPOINT = table(CheckpointRow)
META = table(Meta)
PEAKS = "checkpoint.peaks"  # the frontier of the last checkpoint, so that the next one hashes only what came since
SIGNATURE_TYPE = b"\x01"  # Ed25519, c2sp.org/signed-note
ADVICE = "Stop sending, keep every copy of the database and of the checkpoints, and run `broadcaster ledger verify`."
DIGITS = 12  # of a file name, so that names sort as sizes do


class LedgerBroken(BroadcasterError):
    """The ledger is not the continuation of what was signed before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What was signed. `note` is the whole text, signature included."""

    size: int
    root: bytes
    note: str

    @property
    def file_name(self) -> str:
        return f"{self.size:0{DIGITS}d}.txt"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The office's Ed25519 key. Never prints."""

    _private: Ed25519PrivateKey

    @classmethod
    def read(cls, secret: Secret) -> SigningKey:
        """The key out of its file's one line: the 32 bytes of the seed in hex or base64. Raises: WrongUse."""
        return cls(Ed25519PrivateKey.from_private_bytes(_seed(secret.reveal())))

    @property
    def public(self) -> bytes:
        return self._private.public_key().public_bytes_raw()

    def sign(self, body: str, origin: str) -> str:
        """The note: `body`, an empty line, one signature line."""
        mark = sha256(f"{origin}\n".encode() + SIGNATURE_TYPE + self.public).digest()[:4]
        signature = base64.b64encode(mark + self._private.sign(body.encode())).decode()
        return f"{body}\n— {origin} {signature}\n"

    def sign_bytes(self, data: bytes) -> bytes:
        return self._private.sign(data)

    def signed(self, note: str) -> bool:
        """Whether this key signed the note."""
        return signed_by(self.public, note)

    def __repr__(self) -> str:
        return "SigningKey(***)"


def signed_by(public: bytes, note: str) -> bool:
    """Whether a signature of this key stands under the note."""
    text, _, signatures = note.partition("\n\n")
    for line in signatures.splitlines():
        try:
            raw = base64.b64decode(line.rpartition(" ")[2], validate=True)
            Ed25519PublicKey.from_public_bytes(public).verify(raw[4:], f"{text}\n".encode())
        except (ValueError, InvalidSignature):
            continue
        return True
    return False


def generate(path: Path) -> bytes:
    """Make a key file that only its owner reads; the public key. Raises: Conflict if the file exists."""
    seed = secrets.token_bytes(32)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Conflict(
            f"{path} exists already: a ledger keeps one key for its life. Move the file away first."
        ) from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"{seed.hex()}\n")
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def body(origin: str, size: int, root: bytes) -> str:
    """The three lines that are signed. Raises: WrongUse for an origin the format cannot carry."""
    if not origin or "+" in origin or any(letter.isspace() for letter in origin):
        raise WrongUse(f"ledger.origin {origin!r} must be one word without '+', like \"broadcaster/office\".")
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"


def make(database: Database, clock: Clock, *, key: SigningKey, origin: str, folder: Path) -> Checkpoint:
    """Sign the ledger as it stands, in a row and in a file of `folder`; nothing new gives the last one again.

    Before signing, the entries since the last checkpoint are hashed anew onto it, so that only a continuation is signed.
    The ledger itself does not grow. Raises: LedgerBroken; WrongUse for a bad origin, or a key that signs no more.
    """
    with database.reading() as connection:
        known = keys.in_force(connection, key.public)
    file = _newest_file(
        folder, known
    )  # in this order: the file is never newer than the row, the row never than the head
    with database.reading() as connection:
        last = newest(connection)
        head = store.head(connection)
        known = keys.in_force(connection, key.public)
        if keys.at(known, head.size) != key.public:
            raise WrongUse("ledger.key is not the office's newest key; put the newest one into the configuration.")
        _refuse_a_fork(last, file, head.size, known=known, origin=origin)
        grown = _continuation(connection, last, head.size)
    if grown != head:
        raise LedgerBroken(
            f"The entries do not give the root that the database holds for {head.size} of them. {ADVICE}"
        )
    if last is None or last.size < head.size:
        note = key.sign(body(origin, head.size, head.root()), origin)
        last = _keep(database, clock, Checkpoint(size=head.size, root=head.root(), note=note), head)
    write(last, folder)
    return last


def newest(connection: Connection) -> Checkpoint | None:
    """The last one signed."""
    row = connection.execute(select(CHECKPOINT).order_by(CHECKPOINT.c.size.desc()).limit(1)).one_or_none()
    return None if row is None else _checkpoint(row)


def everyone(connection: Connection) -> list[Checkpoint]:
    """All of them, oldest first."""
    return [_checkpoint(row) for row in connection.execute(select(CHECKPOINT).order_by(CHECKPOINT.c.size))]


def write(checkpoint: Checkpoint, folder: Path) -> Path:
    """The file, whole or not at all; repeatable."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / checkpoint.file_name
    data = checkpoint.note.encode()
    if path.is_file() and path.read_bytes() == data:
        return path
    part = path.with_suffix(f".{secrets.token_hex(4)}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    return path


def _keep(database: Database, clock: Clock, made: Checkpoint, head: Frontier) -> Checkpoint:
    """Store it, unless another process has signed as much or more in the meantime: then that one."""
    with database.writing() as connection:
        connection.execute(select(store.HEAD.c.size).with_for_update())  # one signer at a time
        other = newest(connection)
        if other is not None and other.size >= made.size:
            return other
        connection.execute(
            insert(CHECKPOINT).values(size=made.size, root=made.root, note=made.note, signed_at=clock.now())
        )
        value = f"{head.size} {b''.join(head.peaks).hex()}"
        if not connection.execute(update(META).where(META.c.name == PEAKS).values(value=value)).rowcount:
            connection.execute(insert(META).values(name=PEAKS, value=value))
    return made


def grown(connection: Connection, last: Checkpoint, size: int) -> Frontier | None:
    """The frontier over `size` entries if they are hashed onto a checkpoint; None where what was kept of it is gone."""
    start = _kept_frontier(connection, last)
    if start.size != last.size:
        return None
    return start.extend(map(leaf_hash, store.raws(connection, start=start.size, stop=size)))


def _continuation(connection: Connection, last: Checkpoint | None, size: int) -> Frontier:
    """The frontier over the first `size` entries, hashed onto the last checkpoint. Raises: LedgerBroken if it is no prefix."""
    start = _kept_frontier(connection, last)
    if (
        last is not None and start.size < last.size
    ):  # the kept peaks are gone: hash everything, which is slower and as safe
        start = start.extend(map(leaf_hash, store.raws(connection, stop=last.size)))
        if start.root() != last.root:
            raise LedgerBroken(f"The first {last.size} entries are not those that were signed. {ADVICE}")
    return start.extend(map(leaf_hash, store.raws(connection, start=start.size, stop=size)))


def _kept_frontier(connection: Connection, last: Checkpoint | None) -> Frontier:
    """The peaks kept with the last checkpoint, if they give its root; else the empty frontier."""
    value = connection.execute(select(META.c.value).where(META.c.name == PEAKS)).scalar_one_or_none()
    if last is None or value is None:
        return Frontier()
    size, _, peaks = value.partition(" ")
    kept = Frontier(int(size), store.split_peaks(bytes.fromhex(peaks)))
    return kept if kept.size == last.size and kept.root() == last.root else Frontier()


def _refuse_a_fork(
    last: Checkpoint | None, file: Checkpoint | None, size: int, *, known: keys.Keys, origin: str
) -> None:
    """Raises: LedgerBroken if a ledger of `size` entries cannot continue the last row and the last file."""
    if last is not None and not last.note.startswith(f"{body(origin, last.size, last.root)}\n"):
        raise LedgerBroken(f"The checkpoint of size {last.size} in the database or ledger.origin was changed. {ADVICE}")
    if last is not None and not signed_by(keys.at(known, last.size), last.note):
        raise LedgerBroken(
            f"The checkpoint of size {last.size} in the database is not signed by this office's key. {ADVICE}"
        )
    if file is not None and file.size > (last.size if last else -1):
        raise LedgerBroken(
            f"The folder holds a signed checkpoint of size {file.size}, which the database lacks. {ADVICE}"
        )
    if file is not None and last is not None and file.size == last.size and file.root != last.root:
        raise LedgerBroken(f"The database and the folder hold two different checkpoints of size {file.size}. {ADVICE}")
    if last is not None and last.size > size:
        raise LedgerBroken(f"The ledger has {size} entries, but {last.size} were signed. {ADVICE}")


def files(folder: Path) -> list[Path]:
    """The checkpoint files of a folder, oldest first."""
    return sorted(folder.glob(f"{'[0-9]' * DIGITS}.txt")) if folder.is_dir() else []


def refuse_an_older_copy(database: Database, folder: Path) -> None:
    """Asked before anything is sent: a restored database has forgotten whom it wrote to.

    Raises: LedgerBroken, with what to do, when a signed checkpoint in the folder is newer than the ledger.
    """
    sizes = [int(path.stem) for path in files(folder) if path.stem.isdigit()]
    with database.reading() as connection:
        size = store.head(connection).size
    if sizes and max(sizes) > size:
        raise LedgerBroken(
            f"This database is an older copy: it holds {size} entries, and {max(sizes)} were signed. Nothing is sent, for it "
            "has forgotten whom it wrote to since. Put the newest database back; if it is lost: broadcaster db restore --here."
        )


def set_aside(database: Database, folder: Path) -> list[Path]:
    """After a restore: move the checkpoints it lacks into a folder of their own; they prove what was lost. Returns them."""
    with database.reading() as connection:
        size = store.head(connection).size
    moved = []
    for path in files(folder):
        if int(path.stem) > size:
            aside = folder / f"before-restore-at-{size}"
            aside.mkdir(exist_ok=True)
            moved.append(path.rename(aside / path.name))
    return moved


def _newest_file(folder: Path, known: keys.Keys) -> Checkpoint | None:
    """The newest that the office signed; a file that says otherwise is no evidence, and `ledger verify` names it."""
    for path in reversed(files(folder)):
        try:
            found = read(path)
        except LedgerBroken:
            continue
        if signed_by(keys.at(known, found.size), found.note):
            return found
    return None


def read(path: Path) -> Checkpoint:
    """A checkpoint file, its signature not yet checked. Raises: LedgerBroken if it is none."""
    try:
        note = path.read_bytes().decode()
        _, size, root = note.split("\n")[:3]
        return Checkpoint(size=int(size), root=base64.b64decode(root), note=note)
    except ValueError:
        raise LedgerBroken(f"{path} is no checkpoint any more: put back a copy that was kept elsewhere.") from None


def _checkpoint(row: Row[tuple[int, bytes, str]]) -> Checkpoint:
    return Checkpoint(size=row.size, root=row.root, note=row.note)


def _seed(text: str) -> bytes:
    for decode in (bytes.fromhex, lambda value: base64.b64decode(value, validate=True)):
        try:
            seed: bytes = decode(text.strip())
        except ValueError:
            continue
        if len(seed) == 32:
            return seed
    raise WrongUse(
        "The ledger's key must be 32 bytes in hex or base64, on one line; `broadcaster init` makes such a file."
    )
