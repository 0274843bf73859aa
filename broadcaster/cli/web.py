"""`broadcaster web`: the web desk as a process of its own."""

from __future__ import annotations

import click

from broadcaster.cli.session import Session, command


@click.group()
def _root() -> None: ...


@command(_root, "web")
@click.option("--host", default="", help="Address to listen on; default: web.host of the configuration.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=None, help="Port; default: web.port; 0 takes a free one."
)
@click.option("--until-eof", is_flag=True, hidden=True, help="End when standard input does: for `run`.")
def web(session: Session, host: str, port: int | None, until_eof: bool) -> None:
    """Pages for staff, approvers and auditors, and the public pages, until Ctrl-C or SIGTERM. It sends nothing itself."""
    import logging

    from broadcaster.web.serve import serve

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    serve(session.config, clock=session.clock, host=host, port=port, tell=session.say, until_eof=until_eof)
