"""Approvals in the database: one open and one in force for each thing, every decision an entry in the ledger."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Select, insert, select, update
from sqlalchemy.exc import IntegrityError

from broadcaster.approval import delegation
from broadcaster.approval.policy import CALLED, ENTRY, Approval, Thing, why_not
from broadcaster.content.store import canonical, editors_since
from broadcaster.content.telephone import find as find_numbers
from broadcaster.db.tables import Approval as ApprovalRow
from broadcaster.db.tables import ApprovalEditor, Meta, Revision, User, table
from broadcaster.dispatch.stop import own_lock
from broadcaster.errors import Conflict, NotAllowed, NotFound, WrongUse
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction

APPROVAL = table(ApprovalRow)
EDITOR = table(ApprovalEditor)
REVISION = table(Revision)
META = table(Meta)
USER = table(User)

RULE = "two_person"  # the row of `meta` with the rule the ledger heard of last; without it, two people decide
REASON_LENGTH = 500  # characters; a reason is a sentence or two, and stays in the ledger for good


def submit(tx: Transaction, *, kind: str, name: str, subject: str, by: str, two_person: bool = True) -> int:
    """Ask for a decision about exactly `subject` (a hash); an older open request for the same thing is superseded.

    `two_person`: the office's rule now; it is stored and holds for this approval. Returns the approval's id.
    Raises: Conflict when just this is approved, or waits already; NotFound or Conflict when a revision's bytes are not there, or
    not those.
    """
    thing = Thing(kind)
    in_force, waiting = current(tx.connection, thing, name), open_(tx.connection, thing, name)
    if waiting and waiting.subject == subject and not _disabled(tx.connection, waiting.submitted_by):
        raise Conflict(
            f"The {CALLED[thing]} {name} was submitted by {waiting.submitted_by} just so; it waits for approval."
        )
    if in_force and in_force.subject == subject and not waiting:
        raise Conflict(
            f"The {CALLED[thing]} {name} is approved just so, by {in_force.decided_by}; there is nothing to submit."
        )
    if thing is Thing.REVISION:
        canonical(tx.connection, subject)
    note_rule(tx, two_person, by=by)
    if waiting:
        _end(tx, waiting, "superseded", by=by, reason="")
    id_ = _insert(
        tx,
        kind=thing.value,
        name=name,
        subject=subject,
        submitted_by=by,
        two_person=two_person,
    )
    editors = editors_since(tx.connection, name, _last_approved(tx.connection, name)) if thing is Thing.REVISION else []
    if editors:
        tx.connection.execute(insert(EDITOR), [{"approval_id": id_, "editor": editor} for editor in editors])
    _record(tx, thing, "submitted", by=by, name=name, subject=subject, two_person=two_person)
    return id_


def note_rule(tx: Transaction, two_person: bool, *, by: str) -> None:
    """An entry when the office's rule is not the one the ledger heard of last: who decided alone is judged by it."""
    known = tx.connection.scalar(select(META.c.value).where(META.c.name == RULE))
    if (known or "yes") == (now := "yes" if two_person else "no"):
        return
    if known is None:
        tx.connection.execute(insert(META).values(name=RULE, value=now))
    else:
        tx.connection.execute(update(META).where(META.c.name == RULE).values(value=now))
    tx.record(Kind.SETTINGS_SEEN, by, two_person=two_person)


def approve(tx: Transaction, *, kind: str, name: str, by: str, expected: str | None = None) -> Approval:
    """Put the open request in force; what was in force before is superseded. `expected`: the hash the approver saw.

    Raises: Conflict when nothing waits, when it is not what the approver saw, when stored bytes were changed, or when the
    submitter's account was disabled meanwhile; NotAllowed for the submitter and for whoever edited it.
    """
    thing = Thing(kind)
    waiting = _waiting(tx.connection, thing, name)
    if expected is not None and not _same(expected, waiting.subject):
        raise Conflict(
            f"The {CALLED[thing]} {name} is not what you saw: {waiting.submitted_by} submitted {waiting.subject:.12}. "
            "Look at it again, then approve that."
        )
    if refusal := why_not(
        by, submitted_by=waiting.submitted_by, editors=waiting.editors, two_person=waiting.two_person
    ):
        raise NotAllowed(refusal)
    if _disabled(tx.connection, waiting.submitted_by):
        raise Conflict(
            f"{waiting.submitted_by}, who submitted the {CALLED[thing]} {name}, is disabled since; "
            "somebody else must submit it again before it is approved."
        )
    stands = _instead_of(tx, waiting, by)
    if thing is Thing.REVISION:
        canonical(tx.connection, waiting.subject)
    if in_force := current(tx.connection, thing, name):
        _end(tx, in_force, "superseded", by=by, reason="")
    _move(
        tx, waiting, state="approved", decided_by=by, decided_at=tx.now, decided_for=stands.approver if stands else None
    )
    _record(
        tx, thing, "approved", by=by, name=name, subject=waiting.subject, two_person=waiting.two_person, stands=stands
    )
    return _one(tx.connection, waiting.id)


def reject(tx: Transaction, *, kind: str, name: str, by: str, reason: str, expected: str | None = None) -> Approval:
    """Turn the open request down.

    Raises: WrongUse without a reason; Conflict when nothing waits, or it is not what the approver saw.
    """
    thing = Thing(kind)
    reason = reason_of(reason)
    waiting = _waiting(tx.connection, thing, name)
    if expected is not None and not _same(expected, waiting.subject):
        raise Conflict(f"The {CALLED[thing]} {name} was submitted anew: {waiting.subject:.12}. Look at it again.")
    stands = _instead_of(tx, waiting, by)
    _move(
        tx, waiting, state="rejected", decided_by=by, decided_at=tx.now, reason=reason,
        decided_for=stands.approver if stands else None,
    )  # fmt: skip
    _record(
        tx, thing, "rejected", by=by, name=name, subject=waiting.subject, two_person=waiting.two_person, reason=reason,
        stands=stands,
    )  # fmt: skip
    return _one(tx.connection, waiting.id)


def withdraw(
    tx: Transaction, *, kind: str, name: str, by: str, reason: str, pending_only: bool = False
) -> list[Approval]:
    """Take back what is in force and what waits, alone and at once; with `pending_only`, only what waits.

    Nothing more of it goes out: the guard asks for an approval in force before each intent.
    Raises: WrongUse without a reason; Conflict when there is nothing to take back.
    """
    own_lock(tx.connection)  # as a stop: after this commit no intent that looked before it can commit
    thing = Thing(kind)
    reason = reason_of(reason)
    found = [open_(tx.connection, thing, name), None if pending_only else current(tx.connection, thing, name)]
    ended = [approval for approval in found if approval is not None]
    if not ended:
        what = "waiting" if pending_only else "waiting or approved"
        raise Conflict(f"Nothing of the {CALLED[thing]} {name} is {what}; there is nothing to withdraw.")
    for approval in ended:
        _end(tx, approval, "withdrawn", by=by, reason=reason)
    return [_one(tx.connection, approval.id) for approval in ended]


def expire(tx: Transaction, *, kind: str, name: str, by: str = "scheduler") -> list[Approval]:
    """End what waits and what is in force because its time is over; [] if there is nothing."""
    thing = Thing(kind)
    ended = [a for a in (open_(tx.connection, thing, name), current(tx.connection, thing, name)) if a is not None]
    for approval in ended:
        _end(tx, approval, "expired", by=by, reason="")
    return [_one(tx.connection, approval.id) for approval in ended]


def expire_revisions(tx: Transaction, today: date, *, by: str = "scheduler") -> list[str]:
    """End the approvals of revisions whose last valid day is over; the messages' ids. `today` is the office's date."""
    query = (
        _select()
        .join(REVISION, REVISION.c.hash == APPROVAL.c.subject)
        .where(
            APPROVAL.c.kind == Thing.REVISION.value,
            APPROVAL.c.state.in_(("submitted", "approved")),
            REVISION.c.valid_until < today,
        )
    )
    ended = _values(tx.connection, query)
    for approval in ended:
        _end(tx, approval, "expired", by=by, reason="")
    return sorted({approval.name for approval in ended})


def current(connection: Connection, kind: str, name: str) -> Approval | None:
    """The one in force."""
    return _only(connection, kind, name, "approved")


def open_(connection: Connection, kind: str, name: str) -> Approval | None:
    """The one that waits for a decision."""
    return _only(connection, kind, name, "submitted")


def in_state(connection: Connection, kind: str, state: str) -> dict[str, Approval]:
    """Every approval of a kind that is "submitted" or "approved", by name: at most one each."""
    query = _select().where(APPROVAL.c.kind == Thing(kind).value, APPROVAL.c.state == state)
    return {approval.name: approval for approval in _values(connection, query)}


def history(connection: Connection, kind: str, name: str) -> list[Approval]:
    """Every request and decision about one thing, the newest first."""
    return _values(connection, _select().where(APPROVAL.c.kind == Thing(kind).value, APPROVAL.c.name == name))[::-1]


def _insert(tx: Transaction, **values: Any) -> int:
    """Raises: Conflict if another submission came first."""
    statement = insert(APPROVAL).values(state="submitted", submitted_at=tx.now, reason="", **values)
    try:
        return int(tx.connection.execute(statement.returning(APPROVAL.c.id)).scalar_one())
    except IntegrityError:  # the unique index over what is open: only PostgreSQL lets two submit at once
        raise Conflict("Somebody else submitted this just now; look at it, then try again.") from None


def _disabled(connection: Connection, name: str) -> bool:
    """Whether this person's account may do nothing any more: it may have been in other hands."""
    return bool(connection.scalar(select(USER.c.disabled).where(USER.c.name == name)))


def _waiting(connection: Connection, thing: Thing, name: str) -> Approval:
    """Raises: Conflict saying where the thing stands."""
    if waiting := open_(connection, thing, name):
        return waiting
    if in_force := current(connection, thing, name):
        raise Conflict(
            f"The {CALLED[thing]} {name} waits for nothing: {in_force.decided_by} approved {in_force.subject:.12}."
        )
    raise Conflict(f"Nothing of the {CALLED[thing]} {name} waits for a decision; it must be submitted first.")


def _instead_of(tx: Transaction, waiting: Approval, by: str) -> delegation.Delegation | None:
    """For whom `by` decides, who is no approver. Raises: NotAllowed if that is only who wrote it."""
    authors = {waiting.submitted_by, *waiting.editors} if waiting.two_person else ()
    return delegation.instead_of(tx.connection, by, now=tx.now, authors=authors)


def _end(tx: Transaction, approval: Approval, state: str, *, by: str, reason: str) -> None:
    """Close an approval and say so in the ledger. A rejection's or approval's own reason and decider stay as they are."""
    _move(tx, approval, state=state, ended_by=by, ended_at=tx.now, reason=reason or approval.reason)
    _record(tx, Thing(approval.kind), state, by=by, name=approval.name, subject=approval.subject, reason=reason)


def _move(tx: Transaction, approval: Approval, **values: Any) -> None:
    """Raises: Conflict if somebody else moved it first."""
    unchanged = (APPROVAL.c.id == approval.id) & (APPROVAL.c.state == approval.state)
    if tx.connection.execute(update(APPROVAL).where(unchanged).values(**values)).rowcount != 1:
        raise Conflict(
            f"Somebody else decided about the {CALLED[Thing(approval.kind)]} {approval.name} just now; look again."
        )


def _record(
    tx: Transaction,
    thing: Thing,
    state: str,
    *,
    by: str,
    name: str,
    subject: str,
    two_person: bool = True,
    reason: str = "",
    stands: delegation.Delegation | None = None,
) -> None:
    extra: dict[str, Any] = {"reason": reason} if reason else {}
    if not two_person:
        extra["two_person"] = False
    if stands:
        extra |= {"delegation": stands.id, "approver": stands.approver}
    tx.record(ENTRY[thing, state], by, name=name, subject=subject, to=state, **extra)


def reason_of(text: str) -> str:
    """Raises: WrongUse for no reason, for a long one, and for a person's number in it: the ledger keeps it for good."""
    reason = " ".join(text.split())
    if not reason:
        raise WrongUse("Give a reason: whoever wrote it must know what to change. It stands in the ledger.")
    if len(reason) > REASON_LENGTH:
        raise WrongUse(f"The reason has {len(reason)} characters; say it in {REASON_LENGTH}.")
    if any(number.private for number in find_numbers(reason)):
        raise WrongUse("Leave telephone numbers out of the reason: it stands in the ledger for good.")
    return reason


def _last_approved(connection: Connection, message_id: str) -> datetime | None:
    """When the message's last approved revision was submitted: what was saved after that is not in it."""
    query = (
        select(APPROVAL.c.submitted_at)
        .where(
            APPROVAL.c.kind == Thing.REVISION.value,
            APPROVAL.c.name == message_id,
            APPROVAL.c.state != "rejected",
            APPROVAL.c.decided_at.is_not(None),
        )
        .order_by(APPROVAL.c.id.desc())
        .limit(1)
    )
    found: datetime | None = connection.execute(query).scalar_one_or_none()
    return found


def _same(given: str, subject: str) -> bool:
    """The whole hash, or its beginning as screens show it, 12 characters at least."""
    given = given.strip().lower()
    return given == subject or (len(given) >= 12 and subject.startswith(given))


def _select() -> Select[Any]:
    return select(APPROVAL).order_by(APPROVAL.c.id)


def _only(connection: Connection, kind: str, name: str, state: str) -> Approval | None:
    found = _values(
        connection,
        _select().where(APPROVAL.c.kind == Thing(kind).value, APPROVAL.c.name == name, APPROVAL.c.state == state),
    )
    return found[0] if found else None


def _one(connection: Connection, id_: int) -> Approval:
    found = _values(connection, _select().where(APPROVAL.c.id == id_))
    if not found:
        raise NotFound(f"There is no approval {id_}.")
    return found[0]


def _values(connection: Connection, query: Select[Any]) -> list[Approval]:
    rows = connection.execute(query).mappings().all()
    editors: dict[int, list[str]] = {}
    if rows:
        wanted = select(EDITOR).where(EDITOR.c.approval_id.in_([row["id"] for row in rows])).order_by(EDITOR.c.editor)
        for editor in connection.execute(wanted):
            editors.setdefault(editor.approval_id, []).append(editor.editor)
    return [
        Approval(**{str(key): value for key, value in row.items()}, editors=tuple(editors.get(row["id"], ())))
        for row in rows
    ]
