"""The ledger, for auditors: look, prove, check, take along; and how to check it without us."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from fastapi.responses import FileResponse, Response
from sqlalchemy import select

from broadcaster.access.user import Act
from broadcaster.dispatch.broadcast import public_id as broadcast_id
from broadcaster.dispatch.broadcast import read_public_id as read_broadcast_id
from broadcaster.dispatch.dispatch import public_id as dispatch_id
from broadcaster.errors import Conflict, NotFound, WrongUse
from broadcaster.ledger import check, checkpoint, export, search
from broadcaster.ledger.checkpoint import CHECKPOINT, SigningKey
from broadcaster.ledger.entry import Kind, decode
from broadcaster.ledger.merkle import leaf_hash
from broadcaster.report.bundle import figures
from broadcaster.web.desk import Menu, Visit
from broadcaster.web.door import Here, Look, Pages
from broadcaster.web.words.ledger import KINDS
from broadcaster.web.work import Work, check_ledger, folder_of, works

pages = Pages()
MENU = [Menu(path="/ledger", label="Nhật ký", order=70)]
PAGE = 50  # entries on one page
CHECKPOINTS = 100  # on one page
OWN = ("seq", "ts", "kind", "actor")
LEFT_OUT = ("b", "d", "price")  # of the list: numbers with links of their own, and millionths of money


@pages.get("/ledger", act=Look.SIGNED_IN)
def listing(visit: Here) -> Response:
    """The newest entries, or those that are looked for."""
    asked = {name: visit.request.query_params.get(name, "").strip() for name in ("kind", "actor", "broadcast", "day")}
    before = visit.request.query_params.get("before", "")
    wanted, wrong = _wanted(visit, asked)
    with visit.read() as connection:
        size = check.size(connection)
        last = checkpoint.newest(connection)
        found = search.find(
            connection, wanted, before=int(before) if before.isdecimal() and len(before) < 16 else None, limit=PAGE
        )
    return visit.page(
        "ledger.html", rows=[_row(visit, entry) for entry in found.entries], asked=asked, before=found.before,
        wrong=wrong, size=size, last=last, kinds={str(kind): visit.say(KINDS.get(kind, kind)) for kind in Kind},
        looked=any(asked.values()), deeper=bool(before),
    )  # fmt: skip


@pages.get("/ledger/entries/{seq}", act=Look.SIGNED_IN)
def show(visit: Here, seq: str) -> Response:
    """One entry, exactly as it was hashed."""
    number = _number(seq)
    with visit.read() as connection:
        raw = search.raw(connection, number)
        size, last = check.size(connection), checkpoint.newest(connection)
    entry = decode(raw)
    return visit.page(
        "ledger_entry.html", row=_row(visit, entry), raw=raw.decode(), leaf=leaf_hash(raw).hex(), size=size,
        signed=last is not None and number < last.size, fields=_fields(entry), seq=number,
    )  # fmt: skip


@pages.post("/ledger/entries/{seq}/proof", act=Act.LEDGER_CHECKPOINT, form=show)
def prove(visit: Here, seq: str) -> Response:
    """The file that `verify.py --proof` checks; a checkpoint is signed first if the entry is under none yet."""
    number = _number(seq)
    found = export.prove(visit.desk.database, visit.desk.clock, seq=number, **_signing(visit))
    return visit.download(
        json.dumps(found, ensure_ascii=False, indent=1).encode(), name=f"proof-{number}.json", kind="application/json"
    )


# -- the whole check --------------------------------------------------------------------------------------------------


@pages.get("/ledger/check", act=Look.SIGNED_IN)
def checked(visit: Here) -> Response:
    """How far the check is, and what it found."""
    return visit.page("ledger_check.html", work=works(visit.request).get("check", now=visit.now))


@pages.post("/ledger/check", act=Look.SIGNED_IN, form=checked)
def begin_check(visit: Here) -> Response:
    """Read and hash every entry anew, beside the pages."""
    config, key = visit.config, _key(visit)
    with visit.read() as connection:
        size = check.size(connection)
    run = partial(
        check_ledger, url=visit.desk.database.url, key=key.public, folder=config.path(config.folders.checkpoints)
    )
    works(visit.request).begin(Work(kind="check", by=visit.name, begun_at=visit.now, whole=size), run)
    return visit.go("/ledger/check")


# -- checkpoints ------------------------------------------------------------------------------------------------------


@pages.get("/ledger/checkpoints", act=Look.SIGNED_IN)
def checkpoints(visit: Here) -> Response:
    """The signed sizes and roots, the newest first."""
    before = visit.request.query_params.get("before", "")
    query = select(CHECKPOINT.c.size, CHECKPOINT.c.root, CHECKPOINT.c.signed_at).order_by(CHECKPOINT.c.size.desc())
    if before.isdecimal() and len(before) < 16:
        query = query.where(CHECKPOINT.c.size < int(before))
    with visit.read() as connection:
        rows = connection.execute(query.limit(CHECKPOINTS)).all()
        size = check.size(connection)
    return visit.page(
        "ledger_checkpoints.html", rows=rows, size=size, key=_key(visit).public.hex(),
        before=rows[-1].size if len(rows) == CHECKPOINTS else None,
    )  # fmt: skip


@pages.post("/ledger/checkpoints", act=Act.LEDGER_CHECKPOINT, form=checkpoints)
def sign(visit: Here) -> Response:
    """Sign the ledger as it stands."""
    made = checkpoint.make(visit.desk.database, visit.desk.clock, **_signing(visit))
    return visit.go("/ledger/checkpoints", visit.say("Đã ký mốc kiểm tra gồm {n} mục.", n=made.size))


@pages.get("/ledger/checkpoints/{size}", act=Look.SIGNED_IN)
def take_checkpoint(visit: Here, size: str) -> Response:
    """One signed checkpoint as a file, to be kept somewhere else."""
    with visit.read() as connection:
        note = connection.scalar(select(CHECKPOINT.c.note).where(CHECKPOINT.c.size == _number(size)))
    if note is None:
        raise NotFound("There is no such checkpoint; choose one of the list.")
    return visit.download(
        note.encode(), name=f"checkpoint-{int(size):0{checkpoint.DIGITS}d}.txt", kind="text/plain; charset=utf-8"
    )


# -- the bundle -------------------------------------------------------------------------------------------------------


@pages.get("/ledger/export", act=Look.SIGNED_IN)
def exported(visit: Here) -> Response:
    """What is in the bundle, and the file when it is made."""
    work = works(visit.request).get("export", now=visit.now)
    return visit.page("ledger_export.html", work=work, mine=work is not None and work.by == visit.name)


@pages.post("/ledger/export", act=Act.LEDGER_EXPORT, form=exported)
def begin_export(visit: Here) -> Response:
    """Everything an auditor needs, in one file; that it was taken stands in the ledger."""
    visit.prove_again()
    config, desk, by, now = visit.config, visit.desk, visit.name, visit.now
    signing = _signing(visit)
    with visit.read() as connection:
        size = check.size(connection)

    def make(work: Work) -> None:
        folder = folder_of(work)
        made = export.write(
            desk.database, desk.clock, target=folder / "ledger", actor=by, key=signing["key"],
            origin=signing["origin"], checkpoints=signing["folder"], reports=figures(config, now=now),
            witnesses=tuple(config.ledger.witness_keys), progress=work.step,
        )  # fmt: skip
        _zip(made.folder, folder / "ledger.zip")
        work.result = {"entries": made.entries, "root": made.checkpoint.root.hex()}

    works(visit.request).begin(Work(kind="export", by=by, begun_at=now, whole=size + 1), make)
    return visit.go("/ledger/export")


@pages.get("/ledger/export/file", act=Act.LEDGER_EXPORT)
def take_export(visit: Here) -> Response:
    """The bundle, for whoever asked for it."""
    work = works(visit.request).get("export", now=visit.now)
    if work is None or not work.over or not work.result or work.folder is None:
        raise NotFound("There is no bundle; make one first.")
    if work.by != visit.name:
        raise Conflict("Somebody else made this bundle; make one of your own.")
    day = work.begun_at.astimezone(visit.desk.zone)
    return FileResponse(
        work.folder / "ledger.zip", media_type="application/zip", filename=f"ledger-{day:%Y-%m-%d-%H%M}.zip"
    )


@pages.get("/ledger/how", act=Look.SIGNED_IN)
def how(visit: Here) -> Response:
    """How to check it alone, in plain words."""
    return visit.page("ledger_how.html", key=_key(visit).public.hex())


# -- parts ------------------------------------------------------------------------------------------------------------


def _wanted(visit: Visit, asked: dict[str, str]) -> tuple[search.Wanted, str]:
    """What is looked for, and what of it cannot be read."""
    number, since, until, wrong = None, None, None, ""
    if asked["broadcast"]:
        try:
            number = read_broadcast_id(asked["broadcast"])
        except (WrongUse, NotFound):
            wrong = visit.say("Mã lượt phát viết như b-00000012.")
    if asked["day"]:
        try:
            day = date.fromisoformat(asked["day"])
            since, until = (
                datetime.combine(one, time(), visit.desk.zone).astimezone(UTC) for one in (day, day + timedelta(days=1))
            )
        except (ValueError, OverflowError):
            wrong = visit.say("Ngày viết như 2027-07-30.")
    return (
        search.Wanted(
            kind=asked["kind"][:40], actor=asked["actor"][:80], broadcast=number, since=since, until=until
        ),
        wrong,
    )  # fmt: skip


def _row(visit: Visit, entry: dict[str, Any]) -> dict[str, Any]:
    kind = str(entry["kind"])
    return {
        "seq": entry["seq"],
        "ts": entry["ts"],
        "kind": kind,
        "words": visit.say(KINDS.get(kind, kind)),
        "actor": entry["actor"],
        "broadcast": broadcast_id(entry["b"]) if isinstance(entry.get("b"), int) else "",
        "dispatch": dispatch_id(entry["d"]) if isinstance(entry.get("d"), int) else "",
        "more": ", ".join(f"{name}: {_short(text)}" for name, text in _fields(entry).items() if name not in LEFT_OUT)[
            :160
        ],
    }


def _fields(entry: dict[str, Any]) -> dict[str, str]:
    """What an entry says besides its place, its time, its kind and who."""
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in entry.items()
        if name not in OWN
    }


def _short(text: str) -> str:
    """Hashes and commitments by their beginning: the entry's own page has all of it."""
    return f"{text[:12]}…" if len(text) > 32 and " " not in text else text


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 15:
        raise NotFound("There is no such entry in the ledger; look for it in the list.")
    return int(text)


def _key(visit: Visit) -> SigningKey:
    return SigningKey.read(visit.config.secret(visit.config.ledger.key, where="ledger.key"))


def _signing(visit: Visit) -> dict[str, Any]:
    config = visit.config
    return {
        "key": _key(visit),
        "origin": config.ledger.origin,
        "folder": config.path(config.folders.checkpoints),
    }


def _zip(folder: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as file:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                file.write(path, Path("ledger", path.relative_to(folder)).as_posix())
