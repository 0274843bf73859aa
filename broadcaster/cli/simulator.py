"""`broadcaster simulator`: the providers of a training or a test, on loopback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from broadcaster.simulator.provider import Provider


# Every provider we can play: the option's name -> where its class is, loaded only when it is played.
SIMULATORS = {
    "twilio": "broadcaster.simulator.twilio:TwilioSimulator",
    "telegram": "broadcaster.simulator.telegram:TelegramSimulator",
    "esms": "broadcaster.simulator.esms:EsmsSimulator",
    "speedsms": "broadcaster.simulator.speedsms:SpeedSmsSimulator",
    "kannel": "broadcaster.simulator.kannel:KannelSimulator",
    "zalo": "broadcaster.simulator.zalo:ZaloSimulator",
    "facebook": "broadcaster.simulator.facebook:FacebookSimulator",
    "webhook": "broadcaster.simulator.webhook:WebhookSimulator",
    "email": "broadcaster.simulator.smtp:SmtpSimulator",
    "websub": "broadcaster.simulator.websub:WebSubSimulator",
}
USUAL = ("twilio", "telegram")  # played when none is named

PORT = click.IntRange(0, 65535)
FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)


def _ports(command: Callable[..., None]) -> Callable[..., None]:
    """One option a provider, in the order of the table."""
    for name in reversed(SIMULATORS):
        text = f"Play {name} on this port; 0 for a free one."
        command = click.option(f"--{name}", name, type=PORT, default=None, help=text)(command)
    return command


@click.command()
@_ports
@click.option("--all", "everything", is_flag=True, help="Play every provider; those not named, on free ports.")
@click.option("--book", "folder", type=FOLDER, default=None, help="Keep the books in this folder.")
@click.option("--faults", "script", type=FILE, default=None, help="A fault script, TOML or JSON.")
@click.option("--fsync", is_flag=True, help="Bring every line of a book to the disk before the answer.")
def simulator(everything: bool, folder: Path | None, script: Path | None, fsync: bool, **ports: int | None) -> None:
    """Provider simulators on loopback, until Ctrl-C or SIGTERM.

    Prints one line of JSON when all are ready: their addresses (for `api_base`) and their books. Without
    any of the providers' options it plays twilio and telegram, on free ports.

    \b
    While it runs, for each address:
      GET  /simulator/book          what arrived, in figures
      GET  /simulator/book.jsonl    the whole book
      POST /simulator/time          {"now": "2027-07-30T07:00:00+07:00"}, for all that were started together
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

    named = {name: port for name, port in ports.items() if port is not None}
    if everything or not named:
        named = dict.fromkeys(SIMULATORS if everything else USUAL, 0) | named
    providers = _providers(named, folder, script, fsync)
    signal.signal(signal.SIGTERM, _end)
    try:
        asyncio.run(_serve(providers))
    except KeyboardInterrupt:
        return


def _end(*_: object) -> None:
    """Whoever started it in the background may have had Ctrl-C ignored, so this does not go by SIGINT."""
    raise SystemExit(0)


def _providers(ports: dict[str, int], folder: Path | None, script: Path | None, fsync: bool) -> list[Provider]:
    from importlib import import_module

    from broadcaster.clock import MovedClock
    from broadcaster.simulator import faults
    from broadcaster.simulator.book import Book

    together = MovedClock()
    played = faults.read(script) if script else None
    providers: list[Provider] = []
    for name, port in ports.items():
        module, _, simulated = SIMULATORS[name].partition(":")
        book = Book(folder / f"{name}.jsonl" if folder else None, fsync=fsync, clock=together)
        providers.append(getattr(import_module(module), simulated)(port=port, script=played, book=book))
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
