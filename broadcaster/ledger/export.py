"""What leaves the house for an auditor: the entries, what their hashes stand for, and the programs that check it alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from broadcaster.clock import Clock
from broadcaster.db.engine import Database
from broadcaster.db.tables import Plan, Revision, table
from broadcaster.errors import Conflict, NotFound
from broadcaster.ledger import checkpoint, keys, stamp, store, verify, verify_bundle
from broadcaster.ledger.entry import Kind, timestamp
from broadcaster.ledger.merkle import consistency_proof, leaf_hash, streamed_inclusion
from broadcaster.ledger.readme import BUNDLE, EXPORT

REVISION, PLAN = table(Revision), table(Plan)
PROGRAMS = (verify, verify_bundle)
PAGE = Path(__file__).with_name("check.html")
Reports = Callable[[Connection], Mapping[str, Mapping[str, Any]]]  # campaign -> its figures, as `report --format json`
NAMES = frozenset(
    {"entries.jsonl", "checkpoints", "key.txt", "verify.py", "verify_bundle.py", "README.txt", "revisions", "plans", "reports",
     "witnesses.txt", "check.html", "timestamps", "signed"}
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    folder: Path
    entries: int
    checkpoint: checkpoint.Checkpoint
    reports: tuple[str, ...] = ()  # campaigns whose figures are in it


def write(
    database: Database,
    clock: Clock,
    *,
    target: Path,
    actor: str,
    key: checkpoint.SigningKey,
    origin: str,
    checkpoints: Path,
    reports: Reports | None = None,
    witnesses: tuple[str, ...] = (),
    signed: Path | None = None,
    progress: Callable[[int], None] = lambda _n: None,
) -> Export:
    """Record the export, sign a checkpoint over everything, and write the folder; an earlier export there is replaced.

    With `reports` it is a bundle: figures counted at the moment of the entry, and a page that checks all in a browser.
    `signed`: a report as it was signed. `witnesses`: `name+id+key` of offices that countersign.
    `progress` hears of the entries written.
    Raises: Conflict if `target` holds anything else; LedgerBroken.
    """
    _refuse_strangers(target)
    figures: dict[str, bytes] = {}
    with store.transaction(database, clock) as tx:
        if reports is None:
            tx.record(Kind.LEDGER_EXPORT, actor)
        else:
            figures = _figures(tx, reports)
            tx.record(Kind.LEDGER_EXPORT, actor, reports={name: _digest(raw) for name, raw in figures.items()})
    last = checkpoint.make(database, clock, key=key, origin=origin, folder=checkpoints)
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    with database.reading() as connection:
        _write_log(connection, part, last, progress)
        _write_named(connection, part)
    _write_witnessed(checkpoints, part, last)
    for name, raw in figures.items():
        (part / "reports").mkdir(exist_ok=True)
        (part / "reports" / f"{name}.json").write_bytes(raw)
    if signed is not None:
        (part / "signed").mkdir()
        shutil.copyfile(signed, part / "signed" / "report.pdf")
    (part / "key.txt").write_bytes(f"{key.public.hex()}\n".encode())
    (part / "witnesses.txt").write_bytes("".join(f"{line}\n" for line in witnesses).encode())
    for program in PROGRAMS:
        path = Path(str(program.__file__))
        (part / path.name).write_bytes(path.read_bytes())
    (part / "README.txt").write_bytes((EXPORT if reports is None else BUNDLE).encode())
    if reports is not None:
        (part / PAGE.name).write_bytes(PAGE.read_bytes())
    shutil.rmtree(target, ignore_errors=True)
    part.replace(target)
    return Export(folder=target, entries=last.size, checkpoint=last, reports=tuple(figures))


def _write_witnessed(checkpoints: Path, part: Path, last: checkpoint.Checkpoint) -> None:
    """What others said of the checkpoints: those that came back countersigned, beside our own, and time stamps."""
    for path in witnessed(checkpoints):
        ours = (part / "checkpoints" / path.name).exists()  # a time stamp is for the very bytes of our own
        shutil.copyfile(path, part / "checkpoints" / (f"{path.stem}-countersigned.txt" if ours else path.name))
    stamped = [path for path in stamp.stamps(checkpoints) if int(path.stem) <= last.size]
    for path in stamped:
        (part / "timestamps").mkdir(exist_ok=True)
        shutil.copyfile(path, part / "timestamps" / path.name)


def witnessed(checkpoints: Path) -> list[Path]:
    """Checkpoint files that came back countersigned and were put here."""
    folder = checkpoints / "countersigned"
    return sorted(folder.glob("*.txt")) if folder.is_dir() else []


def _figures(tx: store.Transaction, reports: Reports) -> dict[str, bytes]:
    """The report files, counted over exactly the entries so far: nobody appends until this transaction ends."""
    tx.connection.execute(select(store.HEAD.c.size).with_for_update())
    entries = store.head(tx.connection).size
    return {
        name: json.dumps({"entries": entries, "as_of": timestamp(tx.now), **shown}, ensure_ascii=False).encode()
        for name, shown in reports(tx.connection).items()
    }


def _write_log(
    connection: Connection, part: Path, last: checkpoint.Checkpoint, progress: Callable[[int], None]
) -> None:
    with (part / "entries.jsonl").open("wb") as file:
        for raw in store.raws(connection, stop=last.size):
            file.write(raw + b"\n")
            progress(1)
    for one in checkpoint.everyone(connection):
        if one.size <= last.size:
            checkpoint.write(one, part / "checkpoints")


def _write_named(connection: Connection, part: Path) -> None:
    """Texts and plans that were submitted, each under its hash."""
    for folder, rows in (("revisions", REVISION), ("plans", PLAN)):
        (part / folder).mkdir()
        for hash_, raw in submitted(connection, rows):
            (part / folder / f"{hash_}.json").write_bytes(raw)


def submitted(connection: Connection, rows: Any) -> Iterator[tuple[str, bytes]]:
    """Hash and bytes of every text (`REVISION`) or plan (`PLAN`) that was submitted, read in pages."""
    after = ""
    query = select(rows.c.hash, rows.c.canonical).order_by(rows.c.hash).limit(100)
    while found := connection.execute(query.where(rows.c.hash > after)).all():
        for row in found:
            yield row.hash, row.canonical
        after = found[-1].hash


def _digest(raw: bytes) -> str:
    return sha256(raw).hexdigest()


def prove(
    database: Database, clock: Clock, *, seq: int, key: checkpoint.SigningKey, origin: str, folder: Path
) -> dict[str, Any]:
    """One entry, its path to the root (RFC 9162, 2.1.3) and the signed checkpoint: shows this entry and no other.

    Signs a checkpoint if the entry is under none yet. Raises: NotFound for a number the ledger does not have.
    """
    with database.reading() as connection:
        last, size = checkpoint.newest(connection), store.head(connection).size
    if not 0 <= seq < size:
        raise NotFound(f"There is no entry {seq}; the ledger has 0 to {size - 1}: see `broadcaster ledger list`.")
    if last is None or seq >= last.size:
        last = checkpoint.make(database, clock, key=key, origin=origin, folder=folder)
    with database.reading() as connection:
        raw = next(store.raws(connection, start=seq, stop=seq + 1))
        path = streamed_inclusion(seq, last.size, map(leaf_hash, store.raws(connection, stop=last.size)))
        known = keys.in_force(connection, key.public)
    return {
        "seq": seq,
        "entry": raw.decode(),
        "leaf": leaf_hash(raw).hex(),
        "path": [node.hex() for node in path],
        "size": last.size,
        "root": last.root.hex(),
        "checkpoint": last.note,
        "key": keys.at(known, last.size).hex(),
        "keys": _shown(known),
    }


def prove_growth(database: Database, *, key: checkpoint.SigningKey, first: int, second: int | None) -> dict[str, Any]:
    """That the log of one signed checkpoint is the beginning of another's (RFC 9162, 2.1.4); `second` None: the newest.

    Raises: NotFound for a size without a checkpoint, or in the wrong order.
    """
    with database.reading() as connection:
        signed = {one.size: one for one in checkpoint.everyone(connection)}
        second = max(signed, default=0) if second is None else second
        if not {first, second} <= signed.keys() or not 0 < first <= second:
            sizes = ", ".join(map(str, list(signed)[-10:])) or "none yet"
            raise NotFound(
                f"Name two sizes under a checkpoint, the smaller first; the newest are {sizes}. "
                "`broadcaster ledger checkpoint` signs one."
            )
        leaves = [leaf_hash(raw) for raw in store.raws(connection, stop=second)]
        known = keys.in_force(connection, key.public)
    return {
        "first": first,
        "size": second,
        "path": [node.hex() for node in consistency_proof(first, leaves)],
        "from": signed[first].note,
        "checkpoint": signed[second].note,
        "key": keys.at(known, second).hex(),
        "keys": _shown(known),
    }


def _shown(known: keys.Keys) -> dict[str, str]:
    return {str(start): public.hex() for start, public in known.items()}


def _refuse_strangers(target: Path) -> None:
    if target.exists() and (not target.is_dir() or not {path.name for path in target.iterdir()} <= NAMES):
        raise Conflict(f"{target} holds other things; name a new folder, or an empty one, or an earlier export.")
