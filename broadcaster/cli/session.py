"""What every command shares: the configuration, the database, who acts, and how results are shown.

Nothing heavy is imported until a command needs it, so that `--help` stays quick.
"""

from __future__ import annotations

import functools
import getpass
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from broadcaster.clock import Clock, SystemClock
from broadcaster.errors import NotAllowed, WrongUse

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from broadcaster.access.user import Act
    from broadcaster.config import Config
    from broadcaster.db.engine import Database
    from broadcaster.ledger.store import Transaction

T = TypeVar("T")


class Session:
    """One call of the command line."""

    def __init__(self, config_path: Path, user: str | None) -> None:
        self.config_path = config_path
        self.user = user
        # Only the demo hands a clock of its own to the command line it drives.
        self.clock: Clock = click.get_current_context().find_root().obj or SystemClock()

    @cached_property
    def config(self) -> Config:
        from broadcaster.config import load

        return load(self.config_path)

    @cached_property
    def database(self) -> Database:
        """Opened, and known to have this program's schema. Raises: Conflict with what to do."""
        from broadcaster.db.engine import Database
        from broadcaster.db.migrations import check

        database = Database(self.config.database.url, folder=self.config.folder)
        check(database)
        click.get_current_context().call_on_close(database.close)
        return database

    @cached_property
    def office_key(self) -> bytes:
        return self.config.secret(self.config.office.key, where="office.key").reveal().encode()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self.database.reading() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A change and its ledger entries, together or not at all."""
        from broadcaster.ledger.store import transaction

        with transaction(self.database, self.clock) as tx:
            yield tx

    def actor(self, act: Act, *, needs_user: bool = False) -> str:
        """Who acts, for the ledger: the `--as` user once the password is right and the role fits, else the console.

        Raises: WrongUse (exit 2) without `--as` where a person is needed; NotAllowed for a wrong password or role.
        """
        from broadcaster.access.user import NEEDS_PERSON, allow

        if self.user is None:
            if needs_user or act in NEEDS_PERSON:
                raise WrongUse("This needs a person's name and password: repeat the command with --as USER.")
            return console()
        account = self._account
        if not self._stands_in(account.name, act):
            allow(account.name, account.roles, act)
        return str(account.name)

    def _stands_in(self, name: str, act: Act) -> bool:
        """Whether an approver on leave has named this person for such decisions."""
        from broadcaster.approval import delegation

        if act not in delegation.COVERS:
            return False
        with self.read() as connection:
            return bool(delegation.held(connection, name, now=self.clock.now()))

    @cached_property
    def _account(self) -> Any:
        from broadcaster.access import store

        assert self.user is not None
        password = self._password()
        with self.write() as tx:
            account = store.authenticate(tx, name=self.user, password=password)
        if account is None:
            raise NotAllowed(f"The password of {self.user} is wrong, or there is no such user.")
        return account

    def _password(self) -> str:
        given = os.environ.get("BROADCASTER_PASSWORD")
        if given:
            return given
        if not sys.stdin.isatty():
            raise WrongUse("No password: set BROADCASTER_PASSWORD, or run this on a terminal to be asked.")
        return str(click.prompt(f"Password of {self.user}", hide_input=True, err=True))

    def say(self, text: str) -> None:
        """A line for the person, on standard error."""
        click.echo(text, err=True)

    @contextmanager
    def file(self, path: Path | None, data: bytes) -> Iterator[None]:
        """A file that stands there once what is said of it in the block is written down: both, or neither of them.

        Without a path nothing is written. A path that cannot be written to raises OSError before the block.
        """
        if path is None:
            yield
            return
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            draft.write_bytes(data)
            yield
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)

    @contextmanager
    def progress(self, length: int | None, label: str) -> Iterator[Callable[[int], None]]:
        """A bar on a terminal, nothing elsewhere; call the value with how many more are done."""
        if not sys.stderr.isatty() or not length:
            yield lambda _n: None
            return
        with click.progressbar(length=length, label=label, file=sys.stderr) as bar:
            yield bar.update


def command(
    group: click.Group, name: str | None = None, **settings: Any
) -> Callable[[Callable[..., T]], click.Command]:
    """Register a command that gets a Session first, with `--config` and `--as`."""

    def register(function: Callable[..., T]) -> click.Command:
        @click.option("--config", "config_path", type=click.Path(path_type=Path), default=Path("config.toml"),
                      show_default=True, help="The configuration file.")  # fmt: skip
        @click.option(
            "--as",
            "user",
            metavar="USER",
            default=None,
            help="Who acts; the password is asked for, or taken from BROADCASTER_PASSWORD.",
        )
        @functools.wraps(function)
        def run(config_path: Path, user: str | None, **values: Any) -> T:
            return function(Session(config_path, user), **values)

        made: click.Command = group.command(name, **settings)(run)
        return made

    return register


json_option = click.option("--json", "as_json", is_flag=True, help="One JSON value on standard output.")


def emit(value: Any, *, as_json: bool, columns: Sequence[str] = ()) -> None:
    """Show a result: JSON for programs; for people a table of dicts, a list of `key: value`, or the text itself."""
    if as_json:
        click.echo(json.dumps(value, ensure_ascii=False, default=str))
    elif isinstance(value, dict):
        width = max((len(key) for key in value), default=0)
        for key, one in value.items():
            click.echo(f"{key:<{width}}  {_cell(one)}")
    elif isinstance(value, (list, tuple)) and (not value or isinstance(value[0], dict)):
        _table(list(value), columns or tuple(value[0]) if value else columns)
    else:
        click.echo(str(value))


def emit_lines(rows: Iterable[dict[str, Any]], *, as_json: bool, columns: Sequence[str]) -> None:
    """Like `emit` for long lists: JSON Lines for programs, a table for people."""
    if not as_json:
        _table(list(rows), columns)
        return
    for row in rows:
        click.echo(json.dumps(row, ensure_ascii=False, default=str))


def _table(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
    if not rows:
        click.echo("(none)")
        return
    cells = [[_cell(row.get(column, "")) for column in columns] for row in rows]
    widths = [max(len(column), *(len(line[at]) for line in cells)) for at, column in enumerate(columns)]
    for line in [list(columns), *cells]:
        click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if isinstance(value, dict) and set(value) == {"amount", "currency"}:
        return f"{value['amount']} {value['currency']}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_cell(one)}" for key, one in value.items() if one)
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_cell, value))
    text = "" if value is None else str(value)
    return "".join(letter if letter.isprintable() else "�" for letter in text)  # no escape sequence reaches a terminal


def console() -> str:
    """Who acts when nobody has said `--as`: whoever sits at this machine."""
    try:
        return f"console:{getpass.getuser()}"
    except (OSError, KeyError):
        return "console:unknown"
