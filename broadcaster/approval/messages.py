"""The library as people see it: each message's file beside what waits for approval and what is in force."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from sqlalchemy import Connection

from broadcaster.approval import store as approvals
from broadcaster.approval.policy import Approval, Thing
from broadcaster.content import render
from broadcaster.content import store as contents
from broadcaster.content.fault import Faulty
from broadcaster.content.files import Library, keep_media, read_media
from broadcaster.content.item import Item
from broadcaster.content.render import Snapshot
from broadcaster.ledger.store import Transaction

KIND = Thing.REVISION.value
FileState = Literal["new", "same", "edited", "broken", "missing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One message."""

    id: str
    item: Item | None  # None: approved or waiting, and its file is gone
    title: str
    state: str  # of the last request; "draft" without one
    approved: Approval | None
    waiting: Approval | None
    file: FileState  # against what waits, else against what is in force
    stale: tuple[contents.Stale, ...]  # why what is in force is held


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """What became of a submission."""

    state: str  # submitted, or approved when just this is in force
    revision: str  # hash
    unchanged: bool  # it waited, or was in force, just so


def standings(connection: Connection, library: Library, *, today: date) -> list[Standing]:
    """Every message in the folder, and every approved or waiting one whose file is gone; by id."""
    approved = approvals.in_state(connection, KIND, "approved")
    waiting = approvals.in_state(connection, KIND, "submitted")
    held: dict[str, list[contents.Stale]] = {}
    hashes = [approval.subject for approval in approved.values()]
    for one in contents.stale(connection, today, revisions=hashes, facts=library.facts):
        held.setdefault(one.revision, []).append(one)
    found = []
    for id_ in sorted({*library.items, *approved, *waiting}):
        item, in_force, open_ = library.items.get(id_), approved.get(id_), waiting.get(id_)
        last = open_ or in_force or next(iter(approvals.history(connection, KIND, id_)), None)
        found.append(
            Standing(
                id=id_,
                item=item,
                title=title_of(library, item) if item else "",
                state=last.state if last else "draft",
                approved=in_force,
                waiting=open_,
                file=file_state(library, item, open_ or in_force),
                stale=tuple(held.get(in_force.subject, ())) if in_force else (),
            )
        )
    return found


def title_of(library: Library, item: Item, language: str = "") -> str:
    """The title in that language, else the first; with its facts filled in, as it is written where that cannot be done."""
    try:
        titles = render.titles(item, library.facts)
    except Faulty:
        titles = dict(item.titles)
    return titles.get(language) or next(iter(titles.values()), "")


def file_state(library: Library, item: Item | None, decided: Approval | None) -> FileState:
    """The file against what waits or is in force."""
    if item is None:
        return "missing"
    try:
        hash_ = snapshot_of(library, item).hash
    except Faulty:
        return "broken"
    if decided is None:
        return "new"
    return "same" if hash_ == decided.subject else "edited"


def snapshot_of(library: Library, item: Item) -> Snapshot:
    """Raises: Faulty for a recording that is not there, or a text that cannot be filled in."""
    media, faults = read_media(library, item)
    if faults:
        raise Faulty(faults)
    return render.snapshot(item, library.facts, media)


def submit(tx: Transaction, library: Library, item: Item, *, by: str, two_person: bool) -> Submitted:
    """Ask for the approval of a message as it stands in its file, unless just this is approved or waits already.

    The file was checked before. Raises: Faulty as `snapshot_of`; Conflict as `approvals.submit`.
    """
    snapshot = snapshot_of(library, item)
    waiting = approvals.open_(tx.connection, KIND, item.id)
    in_force = approvals.current(tx.connection, KIND, item.id)
    if waiting and waiting.subject == snapshot.hash:
        return Submitted(state="submitted", revision=snapshot.hash, unchanged=True)
    if in_force and in_force.subject == snapshot.hash and not waiting:
        return Submitted(state="approved", revision=snapshot.hash, unchanged=True)
    keep_media(library, item, read_media(library, item)[0])
    contents.save(tx, snapshot)
    approvals.submit(tx, kind=KIND, name=item.id, subject=snapshot.hash, by=by, two_person=two_person)
    return Submitted(state="submitted", revision=snapshot.hash, unchanged=False)


def shown(standing: Standing) -> dict[str, Any]:
    """One message as a row for people and programs."""
    item = standing.item
    return {
        "id": standing.id,
        "category": item.category if item else "",
        "title": standing.title,
        "languages": list(item.languages) if item else [],
        "state": standing.state,
        "approved": standing.approved.subject if standing.approved else None,
        "submitted": standing.waiting.subject if standing.waiting else None,
        "file": standing.file,
        "stale": [{"fact": one.fact, "why": one.why} for one in standing.stale],
    }
