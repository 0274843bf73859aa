"""`broadcaster user`: people and their roles."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from broadcaster.cli.session import Session, command, emit, json_option

if TYPE_CHECKING:
    from broadcaster.access.appointment import Asked, Done
    from broadcaster.access.user import Role

password_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, one line."
)


@click.group()
def user() -> None:
    """People and their roles."""


@command(user, "add")
@click.argument("name")
@click.option("--role", "roles", required=True, help="author, approver, operator, auditor, admin; several with commas.")
@password_option
def add(session: Session, name: str, roles: str, password_stdin: bool) -> None:
    """A new person. Without --password-stdin: asked on a terminal, else a one-time password is made and printed.

    Once there have been two admins, who gets a say (approver, operator, admin) is made by two: another one repeats the command.
    """
    from broadcaster.access import appointment
    from broadcaster.access.user import Act, parse_roles

    wanted = parse_roles(roles)
    actor = session.actor(Act.USER_MANAGE)
    password = _password(session, actor, wanted, stdin=password_stdin)
    with session.write() as tx:
        said = appointment.add(
            tx, name=name, roles=wanted, by=actor, office_key=session.office_key, password=password
        )  # fmt: skip
    _tell(session, said, f"{name} may act as {', '.join(sorted(wanted))}.")


@command(user, "list")
@json_option
def list_(session: Session, as_json: bool) -> None:
    """Everybody, with roles; and whether one person alone gave them."""
    from broadcaster.access import appointment, store

    with session.read() as connection:
        alone = appointment.made_alone(connection)
        rows = [
            {"name": one.name, "roles": sorted(one.roles), "disabled": one.disabled, "alone": one.name in alone}
            for one in store.everybody(connection)
        ]
    emit(rows, as_json=as_json, columns=("name", "roles", "disabled", "alone"))


@command(user, "role")
@click.argument("name")
@click.argument("roles")
def role(session: Session, name: str, roles: str) -> None:
    """Give NAME exactly these ROLES (with commas). A say is given by two admins; see `user add`."""
    from broadcaster.access import appointment
    from broadcaster.access.user import Act, parse_roles

    wanted = parse_roles(roles)
    actor = session.actor(Act.USER_MANAGE)
    with session.write() as tx:
        said = appointment.set_roles(tx, name=name, roles=wanted, by=actor)
    _tell(session, said, f"{name} may act as {', '.join(sorted(wanted))}.")


@command(user, "disable")
@click.argument("name")
def disable(session: Session, name: str) -> None:
    """NAME can do nothing any more; what they did stays."""
    from broadcaster.access import store
    from broadcaster.access.user import Act

    actor = session.actor(Act.USER_MANAGE)
    with session.write() as tx:
        store.disable(tx, name=name, actor=actor)
    session.say(f"{name} is disabled; `broadcaster user reset {name}` lets them in again.")


@command(user, "reset")
@click.argument("name")
@password_option
def reset(session: Session, name: str, password_stdin: bool) -> None:
    """A new password for NAME. Of somebody who has a say it takes two admins; see `user add`."""
    from broadcaster.access import appointment, store
    from broadcaster.access.user import Act

    actor = session.actor(Act.USER_MANAGE)
    with session.read() as connection:
        held = store.get(connection, name).roles
    password = _password(session, actor, held, stdin=password_stdin)
    with session.write() as tx:
        said = appointment.reset(tx, name=name, by=actor, office_key=session.office_key, password=password)
    _tell(session, said, f"{name} has a new password.")


@command(user, "factor")
@click.argument("name")
def take_factor(session: Session, name: str) -> None:
    """NAME has lost the phone: a new authenticator is set up at the next sign-in. Takes two admins as `user reset` does."""
    from broadcaster.access import appointment
    from broadcaster.access.user import Act

    actor = session.actor(Act.USER_MANAGE)
    with session.write() as tx:
        said = appointment.take_factor(tx, name=name, by=actor)
    _tell(session, said, f"{name} sets up a new authenticator at the next sign-in.")


@command(user, "unlock")
@click.argument("name")
def unlock(session: Session, name: str) -> None:
    """NAME waits after wrong passwords or codes, and may try again at once."""
    from broadcaster.access import store
    from broadcaster.access.user import Act

    actor = session.actor(Act.USER_MANAGE)
    with session.write() as tx:
        store.unlock(tx, name=name, actor=actor)
    session.say(f"{name} may try again.")


def _tell(session: Session, said: Asked | Done, done: str) -> None:
    """What came of it, and the password or the half of it that is for this person."""
    from broadcaster.access.appointment import Asked

    if isinstance(said, Asked):
        if said.nobody_else:
            session.say(
                "No other admin can do the second half: repeat it at this computer without --as, within 24 hours."
            )
        else:
            session.say("Another admin repeats exactly this command within 24 hours, with --as.")
        emit({"state": "waiting", "request": said.request}, as_json=False)
        if said.password:
            click.echo(f"first half of the one-time password: {said.password}")
        return
    session.say(done + (" One person did this alone; the ledger says so." if said.alone else ""))
    if said.password and said.asked_by:
        click.echo(f"second half of the one-time password: {said.password}")
        session.say(f"{said.asked_by} has the first half; the two are written one after the other.")
    elif said.password:
        click.echo(f"one-time password: {said.password}")


def _password(session: Session, actor: str, gives: frozenset[Role], *, stdin: bool) -> str | None:
    """The password that is chosen here; None where the program makes one."""
    from broadcaster.access import appointment

    if stdin:
        return sys.stdin.readline(1024).rstrip("\r\n")
    with session.read() as connection:
        if appointment.takes_two(connection, by=actor, gives=gives):
            return None
    if sys.stdin.isatty():
        return str(click.prompt("New password", hide_input=True, confirmation_prompt=True, err=True))
    session.say("No terminal and no --password-stdin: a one-time password was made.")
    return None
