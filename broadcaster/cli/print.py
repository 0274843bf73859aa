"""`broadcaster print`: posters, board pictures, leaflets, newsletters and talking points from approved texts."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import click

from broadcaster.cli.session import Session, command, emit, json_option

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from broadcaster.printing.piece import Approved

KINDS = ("board", "poster", "leaflet", "newsletter", "talking-points")


@command(click.Group(), "print")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("messages", metavar="MESSAGE...", nargs=-1, required=True)
@click.option("--language", default="vi", show_default=True, help="A language the messages have.")
@click.option("--paper", type=click.Choice(["a4", "a3"]), default="a4", show_default=True, help="For a poster.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), default=None, help="Write to this file.")
@json_option
def print_(
    session: Session,
    kind: str,
    messages: tuple[str, ...],
    language: str,
    paper: str,
    output: Path | None,
    as_json: bool,
) -> None:
    """A printed piece from the approved revisions of MESSAGE..., with a QR to the public page and the revision's id.

    A poster and a board show one message; the others as many as you name.
    """
    from broadcaster.access.user import Act
    from broadcaster.errors import WrongUse
    from broadcaster.ledger.entry import Kind as Entry
    from broadcaster.printing import press
    from broadcaster.printing.piece import Kind, piece

    actor = session.actor(Act.PRINT_MAKE)
    wanted = Kind(kind)
    if wanted in (Kind.BOARD, Kind.POSTER) and len(messages) > 1:
        raise WrongUse(f"A {kind} shows one message; make one for each.")
    with session.read() as connection:
        approved = [_approved(session, connection, name) for name in messages]
    data = press.made(piece(wanted, approved, language=language, office=session.config.office.name), paper=paper)
    path = output or Path(f"{kind}-{messages[0]}-{language}.{press.suffix(wanted)}")
    path.write_bytes(data)
    revisions = [one.hash for one in approved]
    digest = sha256(data).hexdigest()
    with session.write() as tx:
        tx.record(Entry.PRINT_MAKE, actor, piece=kind, language=language, revisions=revisions, sha256=digest)
    emit({"file": str(path), "sha256": digest, "revisions": revisions}, as_json=as_json)


def _approved(session: Session, connection: Connection, name: str) -> Approved:
    """The approved revision. Raises: Conflict without one, or when a fact in it has moved."""
    from broadcaster.approval import store as approvals
    from broadcaster.content import check, store
    from broadcaster.content.files import read_facts
    from broadcaster.content.render import decode
    from broadcaster.dispatch.revision import read
    from broadcaster.errors import Conflict
    from broadcaster.printing.piece import Approved

    config = session.config
    approval = approvals.current(connection, "revision", name)
    if approval is None:
        raise Conflict(f"{name} has no approved revision; print follows approval: broadcaster message submit {name}.")
    facts, _ = read_facts(config.path(config.folders.content) / "facts.toml")
    today = check.today(session.clock.now(), config)
    if stale := store.stale(connection, today, revisions=[approval.subject], facts=facts):
        raise Conflict(f"{name} quotes the fact {stale[0].fact}, which is {stale[0].why}: see broadcaster fact list.")
    raw = store.canonical(connection, approval.subject)
    body = read(raw, approval.subject)
    if body is None:
        raise Conflict(f"The stored revision of {name} was changed; restore a backup and tell the auditor.")
    public = config.web.public_url.rstrip("/")
    return Approved(
        body=body, hash=approval.subject, source=str(decode(raw).get("source", "")),
        link=f"{public}/m/{name}" if public else "",
    )  # fmt: skip
