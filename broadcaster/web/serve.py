"""The web desk as a process: one uvicorn server on the configured address."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

from broadcaster.clock import Clock
from broadcaster.config import Config
from broadcaster.errors import Busy
from broadcaster.web.app import address, make_app


def serve(
    config: Config,
    *,
    clock: Clock | None = None,
    host: str = "",
    port: int | None = None,
    tell: Callable[[str], None],
    until_eof: bool = False,
) -> None:
    """Serve until SIGINT or SIGTERM, or the end of standard input; `tell` gets the address, and the set-up link while there
    is no user.

    Raises: Busy when the port is taken.
    """
    import uvicorn

    host = host or config.web.host
    port = config.web.port if port is None else port
    app = make_app(config, clock=clock)
    listening = _listen(host, port)
    where = address(config, listening.getsockname()[1])
    token = app.state.desk.set_up_token
    tell(
        f"The web desk: {where}/set-up/{token}   (once, to set up this office)" if token else f"The web desk: {where}/"
    )
    settings = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, date_header=True, timeout_graceful_shutdown=3,
        lifespan="on", proxy_headers=bool(config.web.public_url), forwarded_allow_ips="127.0.0.1",
    )  # fmt: skip
    server = uvicorn.Server(settings)
    if until_eof:
        threading.Thread(target=_end_with_input, args=(server,), daemon=True).start()
    server.run(sockets=[listening])


def _end_with_input(server: Any) -> None:
    """The parent holds the other end: when it is gone, even killed, the desk goes too."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdin.buffer.read()
    server.should_exit = True


def _listen(host: str, port: int) -> socket.socket:
    """Bound before anything is said, so that what is printed is true."""
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
        found.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
    except OSError as error:
        found.close()
        raise Busy(
            f"The web desk cannot listen on {host}:{port} ({error.strerror}); close the program that does, or set web.port."
        ) from None
    return found
