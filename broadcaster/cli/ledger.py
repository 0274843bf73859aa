"""`broadcaster ledger`: look at the dispatch log, check it, sign it, and hand it to an auditor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from broadcaster.cli.session import Session, command, emit, emit_lines, json_option

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from broadcaster.ledger.checkpoint import SigningKey

OWN = ("seq", "ts", "kind", "actor")


@click.group()
def ledger() -> None:
    """The dispatch log: list, verify, export."""


@command(ledger, "list")
@click.option("--kind", default=None, help="Only this kind, like attempt.intent, or all of a noun, like message.")
@click.option("--since", default=0, show_default=True, help="Number of the first entry to show.")
@click.option("--limit", default=None, type=click.IntRange(min=1), help="Entries to show at most.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on standard output.")
def list_(session: Session, kind: str | None, since: int, limit: int | None, as_json: bool) -> None:
    """Entries in order; JSON Lines with --json, each as it was written."""
    with session.read() as connection:
        rows = _entries(connection, kind=kind, since=max(since, 0), limit=limit)
        if as_json:
            emit_lines(rows, as_json=True, columns=())
        else:
            emit_lines(map(_row, rows), as_json=False, columns=(*OWN, "fields"))


@command(ledger, "verify")
@json_option
def verify(session: Session, as_json: bool) -> None:
    """Hash and replay every entry; compare with the head, with each checkpoint and with each checkpoint file."""
    from broadcaster.ledger import check

    config, key = session.config, _key(session)
    with session.read() as connection:
        size = check.size(connection)
    with session.progress(size, "verifying") as step:
        found = check.verify(
            session.database, public_key=key.public, folder=config.path(config.folders.checkpoints), progress=step
        )
    if found.ok and as_json:
        emit({"ok": True, "entries": found.entries, "root": found.root}, as_json=True)
    elif as_json:
        emit({"ok": False, "faults": list(found.faults)}, as_json=True)
    else:
        _tell(found)
    if not found.ok:
        click.get_current_context().exit(1)


@command(ledger, "checkpoint")
@json_option
def checkpoint(session: Session, as_json: bool) -> None:
    """Sign the log as it stands, and send it to `ledger.witness`; the file is meant to be copied off this machine."""
    from broadcaster.access.user import Act
    from broadcaster.app import send_checkpoints
    from broadcaster.ledger.checkpoint import make

    session.actor(Act.LEDGER_CHECKPOINT)
    config = session.config
    folder = config.path(config.folders.checkpoints)
    made = make(session.database, session.clock, key=_key(session), origin=config.ledger.origin, folder=folder)
    shown: dict[str, Any] = {"size": made.size, "root": made.root.hex(), "file": str(folder / made.file_name)}
    sent = send_checkpoints(config, session.clock)
    for one in sent:
        if one.fault:
            session.say(
                f"{one.target} has not got it: {one.fault}. `run` tries it again, and so does the next checkpoint."
            )
    if sent:
        shown["witnesses"] = [{"target": one.target, "sent": one.sent, "fault": one.fault} for one in sent]
    emit(shown, as_json=as_json)


@command(ledger, "export")
@click.argument("target", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--bundle", is_flag=True, help="With each campaign's figures, and a page that checks all in a browser.")
@json_option
def export(session: Session, target: Path, bundle: bool, as_json: bool) -> None:
    """Everything an auditor needs to check the log alone: entries, checkpoints, key, texts, plans, verify.py."""
    from broadcaster.access.user import Act
    from broadcaster.ledger import check
    from broadcaster.ledger.export import write
    from broadcaster.report.bundle import figures

    actor, config = session.actor(Act.LEDGER_EXPORT), session.config
    with session.read() as connection:
        size = check.size(connection)
    with session.progress(size, "exporting") as step:
        made = write(
            session.database, session.clock, target=target, actor=actor, key=_key(session),
            origin=config.ledger.origin, checkpoints=config.path(config.folders.checkpoints),
            reports=figures(config, now=session.clock.now()) if bundle else None,
            witnesses=tuple(config.ledger.witness_keys), progress=step,
        )  # fmt: skip
    if as_json:
        shown = {"folder": str(made.folder), "entries": made.entries, "root": made.checkpoint.root.hex()}
        emit({**shown, "reports": list(made.reports)} if bundle else shown, as_json=True)
    else:
        click.echo(
            f"{made.entries} entries in {made.folder}. Check them with: python {made.folder / 'verify.py'} {made.folder}"
        )


@command(ledger, "prove")
@click.argument("seq", required=False, type=click.IntRange(min=0))
@click.option("--from", "first", default=None, type=click.IntRange(min=1), help="Size of an older checkpoint.")
@click.option(
    "--to", "second", default=None, type=click.IntRange(min=1), help="Size of a newer one; default: the newest."
)
def prove(session: Session, seq: int | None, first: int | None, second: int | None) -> None:
    """Proof that entry SEQ stands in the signed log, showing no other; or, with --from, that one checkpoint continues another.

    It is JSON; `python verify.py --proof FILE` checks it (RFC 9162, 2.1.3 and 2.1.4).
    """
    from broadcaster.errors import WrongUse
    from broadcaster.ledger import export

    config = session.config
    if (seq is None) == (first is None) or (second is not None and first is None):
        raise WrongUse(
            "Name an entry, like `ledger prove 41`, or two checkpoints, like `ledger prove --from 10 --to 41`."
        )
    if first is not None:
        emit(export.prove_growth(session.database, key=_key(session), first=first, second=second), as_json=True)
        return
    found = export.prove(
        session.database, session.clock, seq=seq or 0, key=_key(session), origin=config.ledger.origin,
        folder=config.path(config.folders.checkpoints),
    )  # fmt: skip
    emit(found, as_json=True)


@command(ledger, "countersign")
@click.argument("file", metavar="CHECKPOINT", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--office-key", required=True, metavar="HEX", help="The public key of the office that signed it, from paper."
)
@click.option(
    "--key", "key_file", type=click.Path(path_type=Path, exists=True), help="Key to sign with; default: ours."
)
@click.option("--name", default=None, metavar="WORD", help="Our name under it; default: ledger.origin.")
@json_option
def countersign(
    session: Session, file: Path, office_key: str, key_file: Path | None, name: str | None, as_json: bool
) -> None:
    """Sign another office's checkpoint: we have seen its log at this size. The file gets one line; send it back."""
    from broadcaster.access.user import Act
    from broadcaster.config import Secret
    from broadcaster.ledger import countersign as witness
    from broadcaster.ledger.checkpoint import SigningKey
    from broadcaster.ledger.entry import Kind

    actor = session.actor(Act.LEDGER_CHECKPOINT)
    key = SigningKey.read(Secret(key_file.read_text(encoding="ascii"))) if key_file else _key(session)
    made = witness.countersign(
        file.read_bytes(), key=key, name=name or session.config.ledger.origin, now=session.clock.now(),
        office_key=office_key,
    )  # fmt: skip
    with session.write() as tx:
        tx.record(Kind.LEDGER_COUNTERSIGN, actor, size=made.size, root=made.root, office=office_key.lower())
    witness.write(file, made)
    emit({"file": str(file), "size": made.size, "witness_key": made.witness_key}, as_json=as_json)


@command(ledger, "rotate-key")
@json_option
def rotate_key(session: Session, as_json: bool) -> None:
    """Replace the signing key; the old one signs the new one over, in the log. Give auditors the new key on paper as well."""
    from broadcaster.access.user import Act
    from broadcaster.errors import WrongUse
    from broadcaster.ledger.rotation import rotate

    actor, config = session.actor(Act.LEDGER_KEY), session.config
    if "file" not in config.ledger.key:
        raise WrongUse('Put the key into a file first: [ledger] key = { file = "secrets/ledger.key" }; then rotate it.')
    made, kept = rotate(
        session.database, session.clock, file=config.path(config.ledger.key["file"]), origin=config.ledger.origin,
        folder=config.path(config.folders.checkpoints), actor=actor,
    )  # fmt: skip
    emit({"key": _key(session).public.hex(), "size": made.size, "old_key_file": str(kept)}, as_json=as_json)


def _key(session: Session) -> SigningKey:
    from broadcaster.ledger.checkpoint import SigningKey

    return SigningKey.read(session.config.secret(session.config.ledger.key, where="ledger.key"))


def _entries(connection: Connection, *, kind: str | None, since: int, limit: int | None) -> Iterator[dict[str, Any]]:
    from broadcaster.ledger import store
    from broadcaster.ledger.entry import decode

    shown = 0
    for raw in store.raws(connection, start=since):
        entry = decode(raw)
        if kind is not None and entry["kind"] != kind and entry["kind"].partition(".")[0] != kind:
            continue
        yield entry
        shown += 1
        if shown == limit:
            return


def _row(entry: dict[str, Any]) -> dict[str, Any]:
    return {**entry, "fields": {name: value for name, value in entry.items() if name not in OWN}}


def _tell(found: Any) -> None:
    for fault in found.faults:
        click.echo(fault)
    if found.ok:
        click.echo(f"ledger: verified; {found.entries} entries, root {found.root}")
        if found.alone:
            click.echo(f"{found.alone} decisions were made by one person alone, as the office's settings allow.")
        if found.given:
            click.echo(f"{found.given} times one person alone gave somebody a say: broadcaster ledger list --kind user")
    else:
        click.echo(
            f"ledger: NOT verified; {len(found.faults)} faults. Keep every copy, and stop sending until it is clear why."
        )
