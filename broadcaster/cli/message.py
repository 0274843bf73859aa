"""`broadcaster message`: look at the messages, submit them, decide about them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from broadcaster.cli.session import Session, command, emit, json_option

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from broadcaster.approval.policy import Approval
    from broadcaster.content.files import Library
    from broadcaster.content.item import Item
    from broadcaster.content.preview import Cost
    from broadcaster.ledger.store import Transaction

KIND = "revision"


@click.group()
def message() -> None:
    """Messages of the library."""


# -- looking ----------------------------------------------------------------------------------------------------------


@command(message, "list")
@click.option("--stale", "only_stale", is_flag=True, help="Only those whose approved text quotes a fact that moved.")
@json_option
def list_(session: Session, only_stale: bool, as_json: bool) -> None:
    """Every message: where its approval stands, whether its file was edited since, which facts hold it."""
    library = open_library(session)
    with session.read() as connection:
        rows = _rows(session, connection, library)
    if only_stale:
        rows = [row for row in rows if row["stale"]]
    if unread := _unread(library):
        session.say(f"Not read, see `broadcaster check`: {', '.join(unread)}.")
    emit(rows, as_json=as_json, columns=("id", "category", "languages", "state", "file", "stale"))


@command(message, "show")
@click.argument("id_", metavar="ID")
@click.option("--revision", default=None, metavar="HASH", help="The very texts of this revision (12 digits or all).")
@json_option
def show(session: Session, id_: str, revision: str | None, as_json: bool) -> None:
    """One message: its texts with the facts filled in, faults, approvals; or a revision, exactly as it was decided about."""
    from broadcaster.approval import store as approvals
    from broadcaster.content import render

    if revision is not None:
        _show_revision(session, id_, revision, as_json=as_json)
        return
    library = open_library(session)
    item = library.item(id_)
    faults = _faults(session, library, item)
    with session.read() as connection:
        decisions = approvals.history(connection, KIND, id_)
        row = next(row for row in _rows(session, connection, library) if row["id"] == id_)
    texts = render.texts(item, library.facts)
    details = {
        **row,
        "titles": render.titles(item, library.facts),
        "source": item.source,
        "valid": {"from": item.valid_from, "until": item.valid_until},
        "facts": sorted(render.quoted(item, library.facts)),
        "path": item.path,
        "faults": [str(fault) for fault in faults],
        "texts": texts,
        "approvals": [_decision(approval) for approval in decisions],
    }
    if as_json:
        emit(details, as_json=True)
        return
    told = {
        key: value for key, value in details.items() if key not in ("texts", "approvals", "titles", "valid", "faults")
    }
    emit(told, as_json=False)
    for language, forms in texts.items():
        click.echo(f"\n[{language}] {_safe(details['titles'].get(language, ''))}")
        for form, text in forms.items():
            click.echo(f"\n-- {language} {form}\n{_safe(text)}")
    click.echo()
    for line in (*details["faults"], *map(_sentence, decisions)):
        click.echo(_safe(line))


def _show_revision(session: Session, id_: str, revision: str, *, as_json: bool) -> None:
    """What was decided about, out of the stored bytes; the file is not read. Raises: NotFound, Conflict."""
    from broadcaster.approval import store as approvals
    from broadcaster.content import render, store
    from broadcaster.errors import NotFound

    wanted = revision.strip().lower()
    with session.read() as connection:
        decisions = [
            one
            for one in approvals.history(connection, KIND, id_)
            if len(wanted) >= 12 and one.subject.startswith(wanted)
        ]
        if not decisions:
            raise NotFound(
                f"{id_} has no revision {revision!r:.80}; `broadcaster message show {id_}` lists its hashes: "
                "give 12 digits or all."
            )
        hash_ = decisions[0].subject
        body = render.decode(store.canonical(connection, hash_))
    if as_json:
        told = {name: body.get(name) for name in ("titles", "texts", "facts", "media", "valid", "category", "source")}
        emit({"id": id_, "revision": hash_, **told, "approvals": [_decision(one) for one in decisions]}, as_json=True)
        return
    click.echo(f"{id_}, revision {hash_}")
    for language, forms in body["texts"].items():
        click.echo(f"\n[{language}] {_safe(body['titles'].get(language, ''))}")
        for form, text in forms.items():
            click.echo(f"\n-- {language} {form}\n{_safe(text)}")
    click.echo()
    for line in map(_sentence, decisions):
        click.echo(_safe(line))


@command(message, "preview")
@click.argument("id_", metavar="ID")
@click.option("--language", default="", help="Only this language.")
@json_option
def preview(session: Session, id_: str, language: str, as_json: bool) -> None:
    """Each form as it goes out, with its length; for SMS the encoding, parts and price on each channel, and what costs.

    Where the message has no `sms-plain`, the unaccented text is proposed. Read it before you put it into the file: without
    tones a word can turn into another.
    """
    from broadcaster.content import render

    library = open_library(session)
    item = library.item(id_)
    texts = render.texts(item, library.facts)
    rows = [
        _preview(session, item, tag, form, text)
        for tag, forms in texts.items()
        if language in ("", tag)
        for form, text in forms.items()
    ]
    if as_json:
        emit(rows, as_json=True)
        return
    for row in rows:
        _tell_preview(row)


@command(message, "diff")
@click.argument("id_", metavar="ID")
@json_option
def diff(session: Session, id_: str, as_json: bool) -> None:
    """How the file differs from the approved revision, word by word: [-gone-] {+new+}."""
    from broadcaster.approval import store as approvals
    from broadcaster.approval.messages import snapshot_of
    from broadcaster.content import render, store
    from broadcaster.errors import Conflict

    library = open_library(session)
    item = library.item(id_)
    snapshot = snapshot_of(library, item)
    with session.read() as connection:
        base = approvals.current(connection, KIND, id_) or approvals.open_(connection, KIND, id_)
        if base is None:
            raise Conflict(f"No revision of {id_} is approved or waits; there is nothing to compare the file with.")
        old = render.decode(store.canonical(connection, base.subject))
    new = render.decode(snapshot.canonical)
    differences, words = render.differences(old, new), render.word_changes(old, new)
    result = {
        "id": id_,
        base.state: base.subject,
        "file": snapshot.hash,
        "same": snapshot.hash == base.subject,
        "differences": differences,
        "words": words,
    }
    if as_json:
        emit(result, as_json=True)
        return
    if result["same"]:
        click.echo(f"The file is the {base.state} revision {base.subject:.12}.")
    for line in differences:
        click.echo(_safe(line))
    for where, marked in words.items():
        click.echo(f"\n-- {where}\n{_safe(marked)}")


# -- deciding ---------------------------------------------------------------------------------------------------------


@command(message, "submit")
@click.argument("id_", metavar="[ID]", required=False)
@click.option(
    "--all", "everything", is_flag=True, help="Every message of the library that is not approved as it stands."
)
@json_option
def submit(session: Session, id_: str | None, everything: bool, as_json: bool) -> int:
    """Ask a second person to approve the message as it stands in its file. It is checked first; a fault refuses it."""
    from broadcaster.access.user import Act
    from broadcaster.content.fault import Faulty
    from broadcaster.content.store import refresh_facts

    library = open_library(session)
    items = _chosen(library, id_, everything)
    by = session.actor(Act.MESSAGE_SUBMIT)
    refused = {item.id: faults for item in items if (faults := _errors(session, library, item))}
    if refused and not everything:
        raise Faulty(refused[items[0].id])
    rows = []
    with session.write() as tx:
        refresh_facts(tx, library.folder / "facts.toml", actor=by)
        for item in items:
            if item.id not in refused:
                rows.append(_submit(session, tx, library, item, by=by))
    for faults in refused.values():
        for fault in faults:
            session.say(str(fault))
    if refused:
        session.say(f"Not submitted, mend them first: {', '.join(refused)}.")
    unread = _unread(library)
    if everything and unread:
        session.say(f"Not read, see `broadcaster check`: {', '.join(unread)}.")
    _told(rows, everything=everything, as_json=as_json)
    return 1 if refused or (everything and unread) else 0


@command(message, "approve")
@click.argument("id_", metavar="[ID]", required=False)
@click.option("--all", "everything", is_flag=True, help="Every message that waits.")
@click.option(
    "--hash", "expected", default=None, help="Approve only if this is the submitted revision (12 digits or all)."
)
@json_option
def approve(session: Session, id_: str | None, everything: bool, expected: str | None, as_json: bool) -> int:
    """Put a submitted message in force. On a terminal its text is shown and you are asked; elsewhere the password confirms."""
    from broadcaster.access.user import Act
    from broadcaster.approval import store as approvals
    from broadcaster.content.render import decode
    from broadcaster.content.store import canonical
    from broadcaster.errors import Conflict, NotAllowed, WrongUse

    _one_or_all(id_, everything)
    if everything and expected:
        raise WrongUse("--hash belongs to one message; name it instead of --all.")
    by = session.actor(Act.MESSAGE_APPROVE)
    with session.read() as connection:
        waiting = approvals.in_state(connection, KIND, "submitted")
        wanted = sorted(waiting) if everything else [id_ or ""]
        bodies = {name: decode(canonical(connection, waiting[name].subject)) for name in wanted if name in waiting}
    seen = {name: expected or _agreed(session, waiting.get(name), bodies.get(name, {})) for name in wanted}
    rows: list[dict[str, Any]] = []
    refused = []
    for name, hash_ in seen.items():
        if hash_ == "":
            refused.append(name)
            continue
        try:
            with session.write() as tx:
                decided = approvals.approve(tx, kind=KIND, name=name, by=by, expected=hash_)
        except (NotAllowed, Conflict) as refusal:
            if not everything:
                raise
            session.say(f"{name}: {refusal}")
            refused.append(name)
        else:
            rows.append({"message": name, "state": decided.state, "revision": decided.subject})
    if refused:
        session.say(f"Not approved: {', '.join(refused)}.")
    _told(rows, everything=everything, as_json=as_json)
    return 1 if refused else 0


@command(message, "reject")
@click.argument("id_", metavar="ID")
@click.option("--reason", required=True, help="What must change; it stands in the ledger.")
@click.option("--hash", "expected", default=None, help="Reject only if this is the submitted revision.")
@json_option
def reject(session: Session, id_: str, reason: str, expected: str | None, as_json: bool) -> None:
    """Turn a submitted message down, with the reason."""
    from broadcaster.access.user import Act
    from broadcaster.approval import store as approvals

    by = session.actor(Act.MESSAGE_REJECT)
    with session.write() as tx:
        decided = approvals.reject(tx, kind=KIND, name=id_, by=by, reason=reason, expected=expected)
    _told([{"message": id_, "state": decided.state, "revision": decided.subject}], everything=False, as_json=as_json)


@command(message, "withdraw")
@click.argument("id_", metavar="ID")
@click.option("--reason", required=True, help="Why; it stands in the ledger.")
@click.option("--pending", is_flag=True, help="Only what waits for approval; what is approved stays in force.")
@json_option
def withdraw(session: Session, id_: str, reason: str, pending: bool, as_json: bool) -> None:
    """Take a message back at once, alone: nothing more of it goes out."""
    from broadcaster.access.user import Act
    from broadcaster.approval import store as approvals

    by = session.actor(Act.MESSAGE_WITHDRAW)
    with session.write() as tx:
        ended = approvals.withdraw(tx, kind=KIND, name=id_, by=by, reason=reason, pending_only=pending)
    rows = [{"message": id_, "state": one.state, "revision": one.subject} for one in ended]
    _told(rows, everything=True, as_json=as_json)


# -- parts ------------------------------------------------------------------------------------------------------------


def open_library(session: Session) -> Library:
    """The content folder of the configuration, read now."""
    from broadcaster.content.files import load

    return load(session.config.path(session.config.folders.content))


def _unread(library: Library) -> list[str]:
    """Files of the content folder that could not be used."""
    return sorted({fault.path for fault in library.faults if not fault.warning and fault.about not in library.items})


def _chosen(library: Library, id_: str | None, everything: bool) -> list[Item]:
    _one_or_all(id_, everything)
    return list(library.items.values()) if everything else [library.item(id_ or "")]


def _one_or_all(id_: str | None, everything: bool) -> None:
    from broadcaster.errors import WrongUse

    if bool(id_) == everything:
        raise WrongUse("Name one message, or say --all.")


def _rows(session: Session, connection: Connection, library: Library) -> list[dict[str, Any]]:
    """A row for every message in the folder, and for every approved one whose file is gone."""
    from broadcaster.approval.messages import shown, standings
    from broadcaster.content.check import today

    day = today(session.clock.now(), session.config)
    return [shown(one) for one in standings(connection, library, today=day)]


def _faults(session: Session, library: Library, item: Item) -> list[Any]:
    from broadcaster.content.editing import faults_of

    return faults_of(session.config, library, item, now=session.clock.now())


def _errors(session: Session, library: Library, item: Item) -> list[Any]:
    from broadcaster.content.fault import errors

    return errors(_faults(session, library, item))


def _submit(session: Session, tx: Transaction, library: Library, item: Item, *, by: str) -> dict[str, Any]:
    """Submit one message, unless just this is approved or waits already."""
    from broadcaster.approval.messages import submit as submit_one

    done = submit_one(tx, library, item, by=by, two_person=session.config.approval.two_person)
    return {"message": item.id, "state": done.state, "revision": done.revision, "unchanged": done.unchanged}


def _agreed(session: Session, waiting: Approval | None, body: Mapping[str, Any]) -> str | None:
    """The hash the approver agrees to: shown and asked for on a terminal, taken as it is elsewhere; "" after a no."""
    if waiting is None:
        return None
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return waiting.subject
    session.say(f"\n{waiting.name}, submitted by {waiting.submitted_by}\nrevision {waiting.subject}")
    for language, forms in body["texts"].items():
        session.say(f"\n[{language}] {_safe(body['titles'].get(language, ''))}")
        for form, text in forms.items():
            length = f", about {_reading(text, language)['seconds']} s to read" if form == "speech" else ""
            session.say(f"\n-- {language} {form}{length}\n{_safe(text)}")
    agreed = click.confirm(f"\nApprove {waiting.name} {waiting.subject:.12}?", default=False, err=True)
    return waiting.subject if agreed else ""


def _preview(session: Session, item: Item, language: str, form: str, text: str) -> dict[str, Any]:
    from broadcaster.content import check
    from broadcaster.content.preview import preview as look

    ways, _ = check.ways(session.config)
    has_plain = "sms-plain" in item.forms(language)
    seen = look(session.config, ways, language=language, form=form, text=text, has_plain=has_plain)
    row: dict[str, Any] = {"language": language, "form": form, "text": text, "characters": len(seen.shown)}
    if seen.reading:
        row |= {"seconds": seen.reading.seconds, "read": seen.reading.text, "doubts": list(seen.reading.doubts)}
    if seen.count is None:
        return row
    count = seen.count
    row |= {"encoding": count.encoding, "units": count.units, "parts": count.parts, "costly": list(count.costly)}
    row["channels"] = [_cost(one) for one in seen.costs]
    if seen.twin:
        row["proposed_plain"] = {
            "text": seen.twin.text,
            "encoding": seen.twin.count.encoding,
            "parts": seen.twin.count.parts,
            "left": list(seen.twin.count.costly),
            "channels": [_cost(one) for one in seen.twin.costs],
        }
    return row


def _cost(cost: Cost) -> dict[str, Any]:
    return {"channel": cost.channel, "parts": cost.parts, "cost": cost.money}


def _reading(text: str, language: str) -> dict[str, Any]:
    """How a speech form sounds: its length, what a machine reads, and what may come out wrong."""
    from broadcaster.content.speech import read

    reading = read(text, language)
    return {"seconds": reading.seconds, "read": reading.text, "doubts": list(reading.doubts)}


def _tell_preview(row: Mapping[str, Any]) -> None:
    head = f"-- {row['language']} {row['form']}: {row['characters']} characters"
    if "parts" in row:
        head += f", {row['encoding']}, {row['units']} units, {row['parts']} SMS"
    if "seconds" in row:
        head += f", about {row['seconds']} s to read"
    click.echo(f"{head}\n{_safe(row['text'])}")
    if row.get("read", row["text"]) != row["text"]:
        click.echo(f"   a machine reads: {_safe(row['read'])}")
    if row.get("doubts"):
        click.echo(f"   listen to: {_safe(', '.join(row['doubts']))}")
    _tell_costs(row.get("channels", []))
    if row.get("costly"):
        click.echo(f"   not in the cheap alphabet: {_safe(' '.join(row['costly']))}")
    if proposed := row.get("proposed_plain"):
        click.echo(f"   without accents, {proposed['parts']} SMS, a proposal for `## {row['language']} sms-plain`:")
        click.echo(_safe(proposed["text"]))
        _tell_costs(proposed["channels"])
    click.echo()


def _tell_costs(channels: Iterable[Mapping[str, Any]]) -> None:
    for channel in channels:
        cost = channel["cost"]
        price = f"{cost['amount']} {cost['currency']}" if cost else "no price in config.toml"
        click.echo(f"   {channel['channel']}: {channel['parts']} SMS a person, {price}")


def _told(rows: list[dict[str, Any]], *, everything: bool, as_json: bool) -> None:
    """One decision as a sentence or an object, several as a table or a list."""
    if as_json:
        emit(rows if everything else next(iter(rows), {}), as_json=True)
        return
    for row in rows:
        unchanged = " already, just so" if row.get("unchanged") else ""
        click.echo(f"{row['message']}: {row['state']}{unchanged}, revision {row['revision']:.12}")
    if not rows:
        click.echo("(none)")


def _decision(approval: Approval) -> dict[str, Any]:
    names = (
        "state",
        "subject",
        "submitted_by",
        "submitted_at",
        "decided_by",
        "decided_at",
        "reason",
        "ended_by",
        "ended_at",
    )
    return {**{name: getattr(approval, name) for name in names}, "two_person": approval.two_person}


def _sentence(approval: Approval) -> str:
    said = f"{approval.subject:.12} {approval.state}: submitted by {approval.submitted_by} {_minute(approval.submitted_at)}"
    if approval.decided_by and approval.decided_at:
        said += f", decided by {approval.decided_by} {_minute(approval.decided_at)}"
    if approval.ended_by and approval.ended_at:
        said += f", ended by {approval.ended_by} {_minute(approval.ended_at)}"
    return said + (f" ({approval.reason})" if approval.reason else "")


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}Z"


def _safe(text: str) -> str:
    """Without anything a terminal would obey."""
    return "".join(char if char.isprintable() or char == "\n" else "�" for char in text)
