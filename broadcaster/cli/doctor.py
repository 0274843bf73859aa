"""`broadcaster doctor`: what is wrong with this installation, and how to mend it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from typing import Any

import click

from broadcaster.cli.session import Session, command, emit, json_option

LEAST_FREE = 500 * 1024 * 1024  # bytes; reliability-security.md B2


@click.group()
def _root() -> None: ...


@command(_root, "doctor")
@json_option
def doctor(session: Session, as_json: bool) -> int:
    """Look at everything once; exit 1 if something must be mended."""
    found = list(_look(session))
    if as_json:
        emit(found, as_json=True)
    else:
        for one in found:
            click.echo(f"{'ok ' if one['ok'] else 'NOT'}  {one['what']}{'' if one['ok'] else ': ' + one['mend']}")
    return 0 if all(one["ok"] for one in found) else 1


def _look(session: Session) -> Iterator[dict[str, Any]]:
    from broadcaster.channel import registry
    from broadcaster.errors import BroadcasterError

    yield _try("configuration", lambda: session.config)
    yield _try("database", lambda: session.database)
    yield _free(session)
    yield _try("office key", lambda: session.office_key)
    yield _try("ledger key", lambda: session.config.secret(session.config.ledger.key, where="ledger.key"))
    yield from _permissions(session)
    yield {"ok": True, "what": f"adapters: {', '.join(registry.names())}", "mend": ""}
    for name in session.config.channels:
        try:
            registry.build(session.config.channel(name))
        except BroadcasterError as error:
            yield {"ok": False, "what": f"channel {name}", "mend": str(error)}
        else:
            yield {"ok": True, "what": f"channel {name}", "mend": ""}
    yield from _lanes(session)
    if not session.config.web.public_url:
        yield {"ok": True, "what": "no public address: no callbacks; copy the public folder to the portal", "mend": ""}
    yield {"ok": True, "what": f"SQLite {sqlite3.sqlite_version}", "mend": ""}


def _lanes(session: Session) -> Iterator[dict[str, Any]]:
    """Channels that the provider's answers have paused."""
    from broadcaster.dispatch import store
    from broadcaster.errors import BroadcasterError

    try:
        with session.read() as connection:
            lanes = store.lanes(connection)
    except BroadcasterError:
        return  # the database's own line says why
    for lane in lanes:
        if lane["paused"]:
            mend = f"{lane['paused']} Mend it, then: broadcaster lane resume {lane['channel']} --as USER"
            yield {"ok": False, "what": f"channel {lane['channel']} is paused", "mend": mend}


def _try(what: str, look: Any) -> dict[str, Any]:
    from broadcaster.errors import BroadcasterError

    try:
        look()
    except BroadcasterError as error:
        return {"ok": False, "what": what, "mend": str(error)}
    return {"ok": True, "what": what, "mend": ""}


def _free(session: Session) -> dict[str, Any]:
    free = shutil.disk_usage(session.config.folder).free
    return {
        "ok": free > LEAST_FREE,
        "what": f"disk: {free // 1024**2} MB free",
        "mend": "make room: with under 500 MB a large broadcast may not be written down",
    }


def _permissions(session: Session) -> Iterator[dict[str, Any]]:
    if os.name != "posix":
        return
    for reference in (session.config.office.key, session.config.ledger.key):
        path = session.config.path(reference.get("file", ""))
        if "file" in reference and path.is_file() and path.stat().st_mode & 0o077:
            yield {"ok": False, "what": f"{path.name} can be read by others", "mend": f"chmod 600 {path}"}
