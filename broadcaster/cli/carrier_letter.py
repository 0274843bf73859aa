"""`broadcaster print carrier-letter`: asks carriers for a text to everybody, with the approved bytes beside it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from broadcaster.cli.session import Session, emit


def make(
    session: Session,
    message: str,
    *,
    language: str,
    output: Path | None,
    number: str,
    to: str,
    since: datetime | None,
    until: datetime | None,
    reply_by: datetime | None,
    as_json: bool,
) -> None:
    """DOCX and PDF, and one text file for each form with exactly the bytes whose hash the letter gives."""
    from hashlib import sha256
    from zoneinfo import ZoneInfo

    from broadcaster.access.user import Act
    from broadcaster.approval import store as approvals
    from broadcaster.printing.approved import approved, note
    from broadcaster.report import letter, official
    from broadcaster.report.making import letterhead

    actor, config, now = session.actor(Act.PRINT_MAKE), session.config, session.clock.now()
    with session.read() as connection:
        said = approved(connection, config, message, now=now)
        approval = approvals.current(connection, "revision", message)
    assert approval is not None
    texts = letter.words(said.body.texts.get(language, {}), message=message)
    days = [day.date() if day else None for day in (since, until, reply_by)]
    made = letter.letter(
        texts, title=said.body.titles.get(language, message), revision=said.hash,
        approved_on=(approval.decided_at or now).astimezone(ZoneInfo(config.office.timezone)).date(),
        head=letterhead(config), number=number,
        asked=letter.Asked(to=to or letter.TO, since=days[0], until=days[1], reply_by=days[2]),
    )  # fmt: skip
    stem = output.with_suffix("") if output else Path(f"carrier-letter-{message}-{language}")
    files = {f"{stem}.docx": official.docx(made), f"{stem}.pdf": official.pdf(made)}
    files |= {f"{stem}.{form}.txt": letter.file_of(text) for form, text in texts.items()}
    for name, data in files.items():
        Path(name).write_bytes(data)
    digests = {Path(name).name: sha256(data).hexdigest() for name, data in files.items()}
    with session.write() as tx:
        for digest in digests.values():
            note(tx, actor, "carrier-letter", [said.hash], digest, language=language)
    session.say("When carriers report back: broadcaster activity add --kind sms --units N --campaign C --note CARRIER")
    emit({"files": digests, "revision": said.hash}, as_json=as_json)
