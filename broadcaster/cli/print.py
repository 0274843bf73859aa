"""`broadcaster print`: posters, board pictures, leaflets, newsletters and talking points from approved texts."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from broadcaster.cli.session import Session, command, emit, json_option

DAY = click.DateTime(["%Y-%m-%d", "%d/%m/%Y"])
KINDS = ("board", "poster", "leaflet", "newsletter", "talking-points", "carrier-letter")


@command(click.Group(), "print")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("messages", metavar="MESSAGE...", nargs=-1, required=True)
@click.option("--language", default="vi", show_default=True, help="A language the messages have.")
@click.option("--paper", type=click.Choice(["a4", "a3"]), default="a4", show_default=True, help="For a poster.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), default=None, help="Write to this file.")
@click.option("--number", default="", metavar="N", help="carrier-letter: the number of the document.")
@click.option("--to", default="", help="carrier-letter: whom it asks; else all mobile carriers.")
@click.option("--from", "since", type=DAY, default=None, help="carrier-letter: the first day the text is to go out.")
@click.option("--until", type=DAY, default=None, help="carrier-letter: the last day.")
@click.option("--reply-by", type=DAY, default=None, help="carrier-letter: until when carriers report back.")
@json_option
def print_(
    session: Session,
    kind: str,
    messages: tuple[str, ...],
    language: str,
    paper: str,
    output: Path | None,
    number: str,
    to: str,
    since: datetime | None,
    until: datetime | None,
    reply_by: datetime | None,
    as_json: bool,
) -> None:
    """A printed piece from the approved revisions of MESSAGE..., with a QR to the public page and the revision's id.

    A poster and a board show one message; the others as many as you name. carrier-letter asks the carriers to send one message
    to everybody: a DOCX, a PDF, and the approved words as text files.
    """
    from broadcaster.access.user import Act
    from broadcaster.errors import WrongUse
    from broadcaster.printing import approved, press
    from broadcaster.printing.piece import Kind, piece

    if kind == "carrier-letter":
        from broadcaster.cli import carrier_letter

        if len(messages) > 1:
            raise WrongUse("A letter asks for one message; make one for each.")
        carrier_letter.make(
            session, messages[0], language=language, output=output, number=number, to=to, since=since, until=until,
            reply_by=reply_by, as_json=as_json,
        )  # fmt: skip
        return
    actor = session.actor(Act.PRINT_MAKE)
    wanted = Kind(kind)
    if wanted in (Kind.BOARD, Kind.POSTER) and len(messages) > 1:
        raise WrongUse(f"A {kind} shows one message; make one for each.")
    now = session.clock.now()
    with session.read() as connection:
        said = [approved.approved(connection, session.config, name, now=now) for name in messages]
    data = press.made(piece(wanted, said, language=language, office=session.config.office.name), paper=paper)
    path = output or Path(f"{kind}-{messages[0]}-{language}.{press.suffix(wanted)}")
    with session.file(path, data), session.write() as tx:
        digest = approved.record(tx, actor, wanted, said, data, language=language)
    emit({"file": str(path), "sha256": digest, "revisions": [one.hash for one in said]}, as_json=as_json)
