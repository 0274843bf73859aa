"""`broadcaster audience`: contacts, groups, consent, opt-out, erasure."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from broadcaster.cli.session import Session, command, emit, json_option
from broadcaster.errors import NotFound, WrongUse

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy import Connection

    from broadcaster.audience.importing import Summary

REASONS = ("opt_out", "complaint", "wrong_person", "number_changed")
ADDRESS_KINDS = ("phone", "email", "zalo", "telegram", "loudspeaker")


@click.group()
def audience() -> None:
    """Contacts, groups, consent, opt-out."""


@audience.group()
def group() -> None:
    """Named sets of contacts."""


# -- bringing in ------------------------------------------------------------------------------------------------------


@command(audience, "import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--group", "group_", metavar="G", default="", help="Put them into this group; made if there is none.")
@click.option("--consent-source", metavar="S", default="", help="Where consent was given, for rows that do not say.")
@click.option("--consent-date", metavar="D", default="", help="When, for rows that do not say; like 2027-06-15.")
@click.option("--rejects", type=click.Path(path_type=Path), help="Where refused rows go [default: FILE.rejects.csv].")
@json_option
def import_(
    session: Session, file: Path, group_: str, consent_source: str, consent_date: str, rejects: Path | None,
    as_json: bool,
) -> int:  # fmt: skip
    """Import a CSV or XLSX list. Running it again changes nothing.

    The first row names the columns, any of: name, phone, email, zalo, telegram, loudspeaker, language, commune, consent_source,
    consent_date (or họ tên, điện thoại, ...), in any order. Good rows are kept; refused ones are listed beside FILE.
    """
    import secrets

    from broadcaster.access.user import Act
    from broadcaster.audience import importing
    from broadcaster.audience.contact import Usual, read_date, read_text

    actor = session.actor(Act.AUDIENCE_IMPORT)
    today = _today(session)
    order = importing.Order(
        path=file,
        rejects=rejects or importing.rejects_beside(file),
        actor=actor,
        group=group_,
        usual=Usual(
            source=read_text("consent_source", consent_source),
            date=read_date(consent_date, today=today) if consent_date else None,
        ),
        today=today,
    )
    with ExitStack() as stack:
        done = importing.run(
            order,
            database=session.database,
            clock=session.clock,
            office_key=session.office_key,
            entropy=secrets.token_bytes,
            progress=lambda total: stack.enter_context(session.progress(total, "Importing")),
        )
    _remark(session, done)
    emit(done.as_dict(), as_json=as_json)
    return 1 if done.refused and not done.kept else 0


def _remark(session: Session, done: Summary) -> None:
    """What a person must not overlook."""
    if done.note:
        session.say(done.note)
    if done.ignored_columns:
        session.say(f"Columns that mean nothing here were ignored: {', '.join(done.ignored_columns)}.")
    if done.zero_restored:
        session.say(f"Numbers that had lost their leading zero, which was put back: {done.zero_restored:,}.")
    if done.suppressed:
        session.say(f"Addresses that have opted out, to which nothing is sent: {done.suppressed:,}.")
    if done.refused:
        session.say(f"Rows refused: {done.refused:,}. What to do about each stands in {done.rejects_file}.")
    if done.without_consent and session.config.defaults.require_consent:
        session.say(
            f"ATTENTION: contacts without consent on record: {done.without_consent:,}. Nothing is sent to them until it is "
            "there: import the list again with the columns consent_source and consent_date, or with --consent-source and "
            "--consent-date."
        )


# -- looking ----------------------------------------------------------------------------------------------------------


@command(audience, "list")
@click.option("--group", "group_", metavar="G", default="", help="Only the members of this group.")
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="Contacts at most.")
@click.option("--after", type=click.IntRange(0), default=0, help="Go on after the contact with this id.")
@json_option
def list_(session: Session, group_: str, limit: int, after: int, as_json: bool) -> None:
    """Contacts in order of entry, with masked addresses."""
    from broadcaster.audience import store

    with session.read() as connection:
        group_id = store.group_id(connection, group_) if group_ else None
        rows = list(store.listing(connection, group=group_id, after=after, limit=limit))
        total = store.count(connection, group=group_id)
    emit(rows if as_json else [_line(row) for row in rows], as_json=as_json, columns=_COLUMNS)
    if len(rows) == limit and total > limit:
        session.say(f"{total:,} contacts in all; the next: --after {rows[-1]['id']}.")


_COLUMNS = ("id", "name", "addresses", "language", "commune", "consent")


def _line(card: dict[str, Any]) -> dict[str, Any]:
    """A contact as one line of a table."""
    consent = card["consent"]
    addresses = [f"{one['masked']}{' (opted out)' if one['suppressed'] else ''}" for one in card["addresses"]]
    return card | {"addresses": addresses, "consent": f"{consent['source']}, {consent['date']}" if consent else "none"}


@command(audience, "show")
@click.argument("contact", metavar="ID|ADDRESS")
@json_option
def show(session: Session, contact: str, as_json: bool) -> None:
    """One contact: by the id that `list` shows, or by a number, mail address, or kind:value (like zalo:2512...)."""
    from broadcaster.audience import store

    with session.read() as connection:
        card = store.shown(connection, _contact(connection, contact))
    emit(card if as_json else _line(card), as_json=as_json)


@command(group, "list")
@json_option
def group_list(session: Session, as_json: bool) -> None:
    """Every group with its number of members."""
    from broadcaster.audience import store

    with session.read() as connection:
        rows = store.groups(connection)
    shown = [row | {"created_at": row["created_at"].isoformat()} for row in rows]
    emit(shown, as_json=as_json, columns=("name", "members", "created_at"))


@command(group, "add")
@click.argument("name")
@json_option
def group_add(session: Session, name: str, as_json: bool) -> None:
    """Make a group; nothing happens if it is there."""
    from broadcaster.access.user import Act
    from broadcaster.audience import store
    from broadcaster.audience.contact import group_name

    actor = session.actor(Act.AUDIENCE_GROUP)
    with session.write() as tx:
        store.add_group(tx, name, actor=actor)
    emit({"group": group_name(name)}, as_json=as_json)


@command(group, "members")
@click.argument("name")
@click.option("--kind", type=click.Choice(ADDRESS_KINDS), default="phone", show_default=True, help="Of address.")
@json_option
def group_members(session: Session, name: str, kind: str, as_json: bool) -> None:
    """How many of a group can be reached, and why the others cannot. `list --group` shows who they are."""
    from broadcaster.audience import store

    with session.read() as connection:
        count = store.headcount(
            connection,
            store.group_id(connection, name),
            kind,
            require_consent=session.config.defaults.require_consent,
        )
    found = {"group": name, "kind": kind, "members": count.members, "eligible": count.eligible,
             "without_address": count.without_address, "suppressed": count.suppressed,
             "without_consent": count.without_consent}  # fmt: skip
    emit(found, as_json=as_json)


# -- taking out -------------------------------------------------------------------------------------------------------


@command(audience, "opt-out")
@click.argument("address")
@click.option(
    "--kind", type=click.Choice(ADDRESS_KINDS), default=None, help="Only the person's addresses of this kind."
)
@click.option("--reason", type=click.Choice(REASONS), default="opt_out", show_default=True, help="Why, for the ledger.")
@json_option
def opt_out(session: Session, address: str, kind: str | None, reason: str, as_json: bool) -> None:
    """Never send to this person again, and take back what waits. ADDRESS need not be in the contacts."""
    from broadcaster.access.user import Act
    from broadcaster.audience import store
    from broadcaster.audience.contact import read_address

    actor = session.actor(Act.AUDIENCE_OPT_OUT)
    with session.write() as tx:
        done = store.opt_out(
            tx,
            read_address(address),
            office_key=session.office_key,
            reason=reason,
            source="desk",
            actor=actor,
            only=kind or "",
        )
    found = {
        "contact": str(done.contact) if done.contact else "",
        "addresses": done.addresses,
        "dispatches": done.dispatches,
    }
    emit(found, as_json=as_json)


@command(audience, "erase")
@click.argument("address", required=False)
@click.option("--contact", type=click.IntRange(1), metavar="ID", help="By id instead of by address.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def erase(session: Session, address: str | None, contact: int | None, yes: bool, as_json: bool) -> None:
    """Erase a person: name, addresses and salt are gone for good, and the addresses stay suppressed."""
    from broadcaster.access.user import Act
    from broadcaster.audience import store

    if (address is None) == (contact is None):
        raise WrongUse("Say whom to erase: an address, or --contact ID.")
    actor = session.actor(Act.AUDIENCE_ERASE)
    with session.read() as connection:
        found = contact or _contact(connection, address or "")
        store.shown(connection, found)
    _confirm(f"Erase contact {found}? Nobody can undo it.", yes=yes)
    with session.write() as tx:
        taken = store.erase(tx, found, actor=actor)
    emit({"contact": str(found), "erased": True, "dispatches": taken}, as_json=as_json)


@command(audience, "export")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--group", "group_", metavar="G", default="", help="Only the members of this group.")
@click.option("--reveal", is_flag=True, help="With the addresses in full; needs --as USER, and the ledger says so.")
@json_option
def export(session: Session, file: Path, group_: str, reveal: bool, as_json: bool) -> None:
    """Write the contacts to a CSV file, masked unless --reveal; it can be imported again."""
    from broadcaster.access.user import Act
    from broadcaster.audience import store
    from broadcaster.audience.exporting import Export
    from broadcaster.ledger.entry import Kind

    actor = session.actor(Act.AUDIENCE_REVEAL if reveal else Act.AUDIENCE_EXPORT, needs_user=reveal)
    with Export(file, reveal=reveal) as out:
        with session.read() as connection:
            group_id = store.group_id(connection, group_) if group_ else None
            out.write(store.full_rows(connection, group=group_id))
        with session.write() as tx:  # the file gets its name only once the ledger has the entry
            tx.record(
                Kind.AUDIENCE_EXPORT, actor, group=group_, contacts=out.contacts, revealed=reveal, sha256=out.sha256
            )
    emit({"file": str(file), "contacts": out.contacts, "revealed": reveal, "sha256": out.sha256}, as_json=as_json)


# -- shared -----------------------------------------------------------------------------------------------------------


def _contact(connection: Connection, text: str) -> int:
    """An id as `list` shows it, or somebody's address. Raises: NotFound, WrongUse."""
    from broadcaster.audience import store
    from broadcaster.audience.contact import read_address

    if text.isascii() and text.isdigit() and len(text) < 9:  # the shortest number has nine digits
        return int(text)
    try:
        return store.contact_at(connection, read_address(text))
    except NotFound:
        raise NotFound(
            "No contact has this address. To make sure that nothing is ever sent to it: `broadcaster audience opt-out`."
        ) from None


def _today(session: Session) -> date:
    from zoneinfo import ZoneInfo

    return session.clock.now().astimezone(ZoneInfo(session.config.office.timezone)).date()


def _confirm(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise WrongUse("This cannot be undone: repeat the command with --yes.")
    click.confirm(question, abort=True, err=True)
