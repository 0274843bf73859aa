"""The web desk on the demo's office, with a sender beside it: what is approved there goes out, to the simulators."""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime
from pathlib import Path

import click

from broadcaster.clock import MovedClock


def serve(folder: Path, *, since: datetime, people: dict[str, tuple[str, str]]) -> None:
    """Until Ctrl-C. `people`: name -> what they may do, and their password. The clock goes on from `since`."""
    from broadcaster import scheduler
    from broadcaster.app import build_engine
    from broadcaster.config import load
    from broadcaster.db.engine import Database
    from broadcaster.dispatch.worker import SenderLock

    clock = MovedClock()
    clock.move_to(since)
    config = load(folder / "config.toml")
    threading.Thread(target=_desk, args=(folder, clock), daemon=True).start()
    for name, (roles, password) in people.items():
        click.echo(f"  {name:<6} {roles:<20} password: {password}")
    click.echo("It is September 2027 there, and what you approve goes out to the simulators. Ctrl-C ends it.")
    database = Database(config.database.url, folder=config.folder, sender=True)
    try:
        with SenderLock(database):
            asyncio.run(scheduler.run(build_engine(config, database, clock)))
    finally:
        database.close()


def _desk(folder: Path, clock: MovedClock) -> None:
    """On the configured port, or a free one when another program has it."""
    from broadcaster.config import load
    from broadcaster.errors import Busy
    from broadcaster.web.serve import serve as serve_pages

    config = load(folder / "config.toml")
    try:
        serve_pages(config, clock=clock, tell=click.echo)
    except Busy:
        serve_pages(config, clock=clock, port=0, tell=click.echo)
