"""`broadcaster simulator`: the providers of a training or a test, on loopback."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from broadcaster.simulator.provider import Provider


PORT = click.IntRange(0, 65535)
FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option("--twilio", "twilio_port", type=PORT, default=None, help="Play Twilio on this port; 0 for a free one.")
@click.option("--telegram", "telegram_port", type=PORT, default=None, help="Play Telegram on this port.")
@click.option("--book", "folder", type=FOLDER, default=None, help="Keep the books in this folder.")
@click.option("--faults", "script", type=FILE, default=None, help="A fault script, TOML or JSON.")
@click.option("--fsync", is_flag=True, help="Bring every line of a book to the disk before the answer.")
def simulator(
    twilio_port: int | None, telegram_port: int | None, folder: Path | None, script: Path | None, fsync: bool
) -> None:
    """Provider simulators on loopback, until Ctrl-C or SIGTERM.

    Prints one line of JSON when all are ready: their addresses (for `api_base`) and their books. Without
    --twilio and --telegram it plays both, on free ports.

    \b
    While it runs, for each address:
      GET  /simulator/book          what arrived, in figures
      GET  /simulator/book.jsonl    the whole book
      POST /simulator/time          {"now": "2027-07-30T07:00:00+07:00"}
      POST /simulator/faults        a new fault script

    \b
    A fault script:
      seed = 1
      [[fault]]
      do = "cut-after"       # or throttle, error-before, error-after, cut-before, half-after, silence-before,
                             # silence-after, dribble-after, garbage-before, garbage-after, empty-after,
                             # huge-after, redirect, refuse, slow
      probability = 0.01     # and, all optional: on, request, every, to, times, status, code, text,
                             # retry_after, seconds, location
    """
    import asyncio
    import signal

    if twilio_port is None and telegram_port is None:
        twilio_port = telegram_port = 0
    providers = _providers(twilio_port, telegram_port, folder, script, fsync)
    signal.signal(signal.SIGTERM, _end)
    try:
        asyncio.run(_serve(providers))
    except KeyboardInterrupt:
        return


def _end(*_: object) -> None:
    """Whoever started it in the background may have had Ctrl-C ignored, so this does not go by SIGINT."""
    raise SystemExit(0)


def _providers(
    twilio_port: int | None, telegram_port: int | None, folder: Path | None, script: Path | None, fsync: bool
) -> list[Provider]:
    from broadcaster.simulator import faults
    from broadcaster.simulator.book import Book
    from broadcaster.simulator.telegram import TelegramSimulator
    from broadcaster.simulator.twilio import TwilioSimulator

    played = faults.read(script) if script else None

    def settings(name: str, port: int) -> dict[str, Any]:
        path = folder / f"{name}.jsonl" if folder else None
        return {"port": port, "script": played, "book": Book(path, fsync=fsync)}

    providers: list[Provider] = []
    if twilio_port is not None:
        providers.append(TwilioSimulator(**settings("twilio", twilio_port)))
    if telegram_port is not None:
        providers.append(TelegramSimulator(**settings("telegram", telegram_port)))
    return providers


async def _serve(providers: list[Provider]) -> None:
    import asyncio
    import json
    from contextlib import AsyncExitStack

    async with AsyncExitStack() as stack:
        for provider in providers:
            await stack.enter_async_context(provider)
        addresses: dict[str, Any] = {provider.name: provider.url for provider in providers}
        books = {provider.name: str(provider.book.path) for provider in providers if provider.book.path}
        click.echo(json.dumps({**addresses, "books": books}))
        await asyncio.Event().wait()
