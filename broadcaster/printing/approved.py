"""What may be printed: the approved revision of a message, as long as its facts stand; and the entry that says it was."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, insert

from broadcaster.approval import store as approvals
from broadcaster.channel import message_link
from broadcaster.config import Config
from broadcaster.content import check, store
from broadcaster.content.files import read_facts
from broadcaster.content.render import decode
from broadcaster.db.tables import Printed, table
from broadcaster.dispatch.revision import read
from broadcaster.errors import Conflict
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction
from broadcaster.printing import piece as pieces
from broadcaster.printing.piece import Approved


def approved(connection: Connection, config: Config, name: str, *, now: datetime) -> Approved:
    """The approved revision. Raises: Conflict without one, or when a fact in it has moved."""
    approval = approvals.current(connection, "revision", name)
    if approval is None:
        raise Conflict(f"{name} has no approved revision; print follows approval: broadcaster message submit {name}.")
    facts, _ = read_facts(config.path(config.folders.content) / "facts.toml")
    today = check.today(now, config)
    if stale := store.stale(connection, today, revisions=[approval.subject], facts=facts):
        raise Conflict(f"{name} quotes the fact {stale[0].fact}, which is {stale[0].why}: see broadcaster fact list.")
    raw = store.canonical(connection, approval.subject)
    body = read(raw, approval.subject)
    if body is None:
        raise Conflict(f"The stored revision of {name} was changed; restore a backup and tell the auditor.")
    return Approved(
        body=body, hash=approval.subject, source=str(decode(raw).get("source", "")),
        link=message_link.link(config.web.public_url, name),
    )  # fmt: skip


def record(
    tx: Transaction, actor: str, kind: pieces.Kind, messages: Sequence[Approved], data: bytes, *, language: str
) -> str:
    """Note that a piece was made; the SHA-256, hex, of its file."""
    digest = sha256(data).hexdigest()
    note(tx, actor, kind.value, [one.hash for one in messages], digest, language=language)
    return digest


def note(tx: Transaction, actor: str, piece: str, revisions: Sequence[str], digest: str, *, language: str) -> None:
    """The entry of one file, and a row for each text it shows, so that a correction finds what hangs on walls."""
    tx.record(Kind.PRINT_MAKE, actor, piece=piece, language=language, revisions=list(revisions), sha256=digest)
    row = {"piece": piece, "language": language, "sha256": digest, "made_by": actor, "made_at": tx.now}
    tx.connection.execute(
        insert(table(Printed)), [row | {"revision_hash": revision} for revision in dict.fromkeys(revisions)]
    )
