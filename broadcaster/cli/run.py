"""`broadcaster run`: scheduler and sender in one process, the web desk beside it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from broadcaster.cli.session import Session, command, emit, json_option

if TYPE_CHECKING:
    from broadcaster.app import Engine


@click.group()
def _root() -> None: ...


@command(_root, "run")
@click.option("--until-idle", is_flag=True, help="Do all that is due, then exit.")
@click.option("--no-web", is_flag=True, help="Without the web desk.")
@json_option
def run(session: Session, until_idle: bool, no_web: bool, as_json: bool) -> int:
    """Send what is due, on schedule, until Ctrl-C or SIGTERM; answers under way are still written."""
    from broadcaster.access.user import Act
    from broadcaster.app import build_engine
    from broadcaster.db.engine import Database
    from broadcaster.db.migrations import check
    from broadcaster.dispatch.worker import SenderLock
    from broadcaster.ledger.checkpoint import refuse_an_older_copy

    session.actor(Act.RUN)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    database = Database(session.config.database.url, folder=session.config.folder, sender=True)
    try:
        check(database)
        with SenderLock(database):
            refuse_an_older_copy(database, session.config.path(session.config.folders.checkpoints))
            engine = build_engine(session.config, database, session.clock)
            for channel, why in engine.missing.items():
                session.say(f"broadcaster: channel {channel} cannot send: {why}")
            if not until_idle:
                session.say("broadcaster is sending; stop with Ctrl-C. Look on with: broadcaster broadcast list")
            with nullcontext() if until_idle or no_web else _web_beside(session):
                asyncio.run(_until_idle(engine) if until_idle else _forever(engine))
            summary = _summary(session, engine)
    finally:
        database.close()
    if until_idle:
        emit(summary, as_json=True) if as_json else session.say(_sentence(summary))
    return 1 if summary["paused"] or summary["stops"] else 0


@contextmanager
def _web_beside(session: Session) -> Iterator[None]:
    """The web desk as a child process, so that pages never stall a lane; it ends when this process does, however it does.

    A desk that cannot start says why on standard error, and sending goes on.
    """
    import subprocess
    import sys

    words = [sys.executable, "-m", "broadcaster.cli.main", "web", "--config", str(session.config_path), "--until-eof"]
    child = subprocess.Popen(words, stdin=subprocess.PIPE)
    try:
        yield
    finally:
        if child.stdin:
            child.stdin.close()
        try:
            child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            child.kill()


async def _forever(engine: Engine) -> None:
    from broadcaster import scheduler

    await scheduler.run(engine)


async def _until_idle(engine: Engine) -> None:
    await engine.hear(call=False)  # whoever has refused while nothing ran gets nothing of what follows
    engine.worker.start()
    try:
        await engine.until_idle()
    finally:
        await engine.close()


def _summary(session: Session, engine: Engine) -> dict[str, Any]:
    from broadcaster.dispatch import broadcast, stop, store

    with session.read() as connection:
        stops = stop.standing(connection, session.clock.now())
        return {
            "open": store.open_by_state(connection),
            "next": (due := broadcast.next_due(connection)) and due.isoformat(),
            "paused": {lane.channel.name: lane.paused for lane in engine.worker.lanes if lane.paused} | engine.missing,
            "stops": [
                {"id": one.id, "scope": one.scope, "subject": one.subject, "reason": one.reason} for one in stops
            ],
        }


def _sentence(summary: dict[str, Any]) -> str:
    parts = [f"{n} {state}" for state, n in summary["open"].items() if n]
    lines = ["Nothing more is due now. Open: " + (", ".join(parts) or "nothing") + "."]
    lines += [f"Channel {name} is paused: {why}" for name, why in summary["paused"].items()]
    lines += [f"A stop is on ({one['scope']} {one['subject']}): {one['reason']}" for one in summary["stops"]]
    if summary["next"]:
        lines.append(f"The next broadcast is due {summary['next']}.")
    return "\n".join(lines)
