"""`broadcaster user`: people and their roles."""

from __future__ import annotations

import sys

import click

from broadcaster.cli.session import Session, command, emit, json_option

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
    """A new person. Without --password-stdin: asked on a terminal, else a one-time password is made and printed."""
    from broadcaster.access import store
    from broadcaster.access.user import Act, parse_roles

    wanted = parse_roles(roles)
    actor = session.actor(Act.USER_MANAGE)
    store.refuse_own_roles(actor, name, wanted)
    password, made = _password(session, stdin=password_stdin)
    with session.write() as tx:
        store.add(tx, name=name, roles=wanted, password=password, actor=actor, must_change=made)
    session.say(f"{name} may act as {', '.join(sorted(wanted))}.")
    if made:
        click.echo(f"one-time password: {password}")


@command(user, "list")
@json_option
def list_(session: Session, as_json: bool) -> None:
    """Everybody, with roles."""
    from broadcaster.access import store

    with session.read() as connection:
        rows = [
            {"name": one.name, "roles": sorted(one.roles), "disabled": one.disabled}
            for one in store.everybody(connection)
        ]
    emit(rows, as_json=as_json, columns=("name", "roles", "disabled"))


@command(user, "role")
@click.argument("name")
@click.argument("roles")
def role(session: Session, name: str, roles: str) -> None:
    """Give NAME exactly these ROLES (with commas)."""
    from broadcaster.access import store
    from broadcaster.access.user import Act, parse_roles

    wanted = parse_roles(roles)
    actor = session.actor(Act.USER_MANAGE)
    store.refuse_own_roles(actor, name, wanted)
    with session.write() as tx:
        store.set_roles(tx, name=name, roles=wanted, actor=actor)
    session.say(f"{name} may act as {', '.join(sorted(wanted))}.")


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
    """A new password for NAME."""
    from broadcaster.access import store
    from broadcaster.access.user import Act

    actor = session.actor(Act.USER_MANAGE)
    password, made = _password(session, stdin=password_stdin)
    with session.write() as tx:
        store.reset(tx, name=name, password=password, actor=actor, must_change=made)
    session.say(f"{name} has a new password.")
    if made:
        click.echo(f"one-time password: {password}")


def _password(session: Session, *, stdin: bool) -> tuple[str, bool]:
    """The password, and whether it was made here."""
    if stdin:
        return sys.stdin.readline(1024).rstrip("\r\n"), False
    if sys.stdin.isatty():
        return str(click.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)), False
    session.say("No terminal and no --password-stdin: a one-time password was made.")
    from broadcaster.access import store

    return store.one_time_password(), True
