"""What leaves the house for an auditor: the entries, the checkpoints, the key, and the program that checks them alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broadcaster.clock import Clock
from broadcaster.db.engine import Database
from broadcaster.errors import Conflict, NotFound
from broadcaster.ledger import checkpoint, store, verify
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.merkle import leaf_hash, streamed_inclusion

README = """\
NHẬT KÝ PHÁT TIN: BẢN XUẤT ĐỂ KIỂM TRA ĐỘC LẬP

Thư mục này gồm:
  entries.jsonl   mọi mục của nhật ký, mỗi dòng một mục, đúng từng byte như đã ghi
  checkpoints/    các mốc đã ký: số mục và mã băm gốc của nhật ký tại mỗi thời điểm
  key.txt         khóa công khai của cơ quan (Ed25519, hệ 16)
  verify.py       chương trình kiểm tra, chỉ cần Python 3.9 trở lên, không cần mạng, dưới 200 dòng để đọc hết được

Cách kiểm tra:
  1. Mở cửa sổ dòng lệnh tại thư mục này và chạy:   python verify.py .
  2. Dòng cuối phải là OK. Nếu là NOT OK, các dòng phía trên nói rõ mục nào sai và sai điều gì.
  3. Để không phải tin thư mục này: dùng khóa đã nhận trên giấy (--key KHÓA) và mốc mà quý vị đã tự giữ từ trước
     (--checkpoint TỆP). Chỉ có mốc tự giữ mới phát hiện được một nhật ký bị viết lại toàn bộ rồi ký lại.
Giới hạn: không thể thấy phần bị cắt sau mốc mới nhất mà quý vị giữ, cũng như tin gửi ngoài chương trình này;
hãy đối chiếu với bảng kê của nhà cung cấp. Nhật ký không chứa số điện thoại và nội dung tin.

----------------------------------------------------------------------------------------------------------------------

DISPATCH LOG: AN EXPORT TO BE CHECKED ALONE

This folder holds:
  entries.jsonl   every entry of the log, one a line, byte for byte as it was written
  checkpoints/    signed marks: how many entries there were and the root hash over them, at each time
  key.txt         the office's public key (Ed25519, hexadecimal)
  verify.py       the checking program: Python 3.9 or newer, no network, under 200 lines so that it can be read whole

To check it:
  1. Open a command line in this folder and run:   python verify.py .
  2. The last line must be OK. If it is NOT OK, the lines above it say which entry is wrong, and in what.
  3. So as not to trust this folder: use the key you were given on paper (--key HEX) and checkpoints you kept yourself
     (--checkpoint FILE). Only those can tell a log that was rewritten as a whole and signed anew.
Limits: nobody can see what was cut off after the newest checkpoint you hold, nor what was sent past this program; compare
with the provider's own list. The log holds no telephone number and no text of a message.
"""
NAMES = frozenset({"entries.jsonl", "checkpoints", "key.txt", "verify.py", "README.txt"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    folder: Path
    entries: int
    checkpoint: checkpoint.Checkpoint


def write(
    database: Database,
    clock: Clock,
    *,
    target: Path,
    actor: str,
    key: checkpoint.SigningKey,
    origin: str,
    checkpoints: Path,
    progress: Callable[[int], None] = lambda _n: None,
) -> Export:
    """Record the export, sign a checkpoint over everything, and write the folder; an earlier export there is replaced.

    `progress` hears of the entries written. Raises: Conflict if `target` holds anything else; LedgerBroken.
    """
    _refuse_strangers(target)
    with store.transaction(database, clock) as tx:
        tx.record(Kind.LEDGER_EXPORT, actor)
    last = checkpoint.make(database, clock, key=key, origin=origin, folder=checkpoints)
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    with database.reading() as connection:
        with (part / "entries.jsonl").open("wb") as file:
            for raw in store.raws(connection, stop=last.size):
                file.write(raw + b"\n")
                progress(1)
        for one in checkpoint.everyone(connection):
            if one.size <= last.size:
                checkpoint.write(one, part / "checkpoints")
    (part / "key.txt").write_bytes(f"{key.public.hex()}\n".encode())
    (part / "verify.py").write_bytes(Path(verify.__file__).read_bytes())
    (part / "README.txt").write_bytes(README.encode())
    shutil.rmtree(target, ignore_errors=True)
    part.replace(target)
    return Export(folder=target, entries=last.size, checkpoint=last)


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
    return {
        "seq": seq,
        "entry": raw.decode(),
        "leaf": leaf_hash(raw).hex(),
        "path": [node.hex() for node in path],
        "size": last.size,
        "root": last.root.hex(),
        "checkpoint": last.note,
        "key": key.public.hex(),
    }


def _refuse_strangers(target: Path) -> None:
    if target.exists() and (not target.is_dir() or not {path.name for path in target.iterdir()} <= NAMES):
        raise Conflict(f"{target} holds other things; name a new folder, or an empty one, or an earlier export.")
