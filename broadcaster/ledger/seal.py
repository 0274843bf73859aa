"""The bundle that is made when a report is signed: one file, whose hash stands in the ledger right after what it holds."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from broadcaster.clock import Clock
from broadcaster.db.engine import Database
from broadcaster.ledger import checkpoint, export, store
from broadcaster.ledger.entry import Kind, decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    file: Path
    sha256: str
    proof: Path  # of `ledger prove`: that the hash stands in the signed log
    entries: int


def seal(
    database: Database,
    clock: Clock,
    *,
    folder: Path,
    campaign: str,
    signed: Path,
    actor: str,
    key: checkpoint.SigningKey,
    origin: str,
    checkpoints: Path,
    **more: Any,
) -> Sealed:
    """Export everything with the signed report in it, pack it, write its hash down, and sign a checkpoint over that.

    `more`: as `export.write` takes it. Raises: LedgerBroken.
    """
    digest = sha256(signed.read_bytes()).hexdigest()
    name = f"{campaign}-{digest[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    loose, packed = folder / f"{name}.part", folder / f"{name}.zip"
    common: dict[str, Any] = {"key": key, "origin": origin}
    shutil.rmtree(loose, ignore_errors=True)
    made = export.write(
        database, clock, target=loose / name, actor=actor, checkpoints=checkpoints, signed=signed, **common, **more
    )
    _pack(loose, packed)
    shutil.rmtree(loose)
    with packed.open("rb") as file:
        seen = sha256()
        while part := file.read(1 << 20):
            seen.update(part)
    with store.transaction(database, clock) as tx:
        tx.record(
            Kind.LEDGER_SEAL, actor, campaign=campaign, signed=digest, bundle=seen.hexdigest(), entries=made.entries
        )
    seq = _found(database, made.entries, seen.hexdigest())
    proof = folder / f"{name}.proof.json"
    shown = export.prove(database, clock, seq=seq, folder=checkpoints, **common)
    proof.write_text(json.dumps(shown, ensure_ascii=False), encoding="utf-8")
    return Sealed(file=packed, sha256=seen.hexdigest(), proof=proof, entries=made.entries)


def _pack(loose: Path, packed: Path) -> None:
    """All that is in the folder, in order; whole or not at all."""
    draft = packed.with_name(f"{packed.name}.part")
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in loose.rglob("*") if path.is_file()):
            archive.write(path, path.relative_to(loose))
    draft.replace(packed)


def _found(database: Database, start: int, bundle: str) -> int:
    """Where the ledger says it."""
    with database.reading() as connection:
        entries = map(decode, store.raws(connection, start=start))
        return next(int(one["seq"]) for one in entries if one.get("bundle") == bundle)
