"""A small SFTP server on loopback for tests: one folder, one password, and the key it is given."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import paramiko


class Door(paramiko.ServerInterface):  # type: ignore[misc]
    def check_auth_password(self, username: str, password: str) -> int:
        good = (username, password) == ("loa", "twilio-secret-canary")
        return int(paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED)

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return int(paramiko.OPEN_SUCCEEDED)

    def get_allowed_auths(self, username: str) -> str:
        return "password"


class Store(paramiko.SFTPServerInterface):  # type: ignore[misc]
    root = Path()

    def _at(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def stat(self, path: str) -> Any:
        try:
            return paramiko.SFTPAttributes.from_stat(os.stat(self._at(path)))
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    lstat = stat

    def mkdir(self, path: str, attr: Any) -> int:
        self._at(path).mkdir()
        return int(paramiko.SFTP_OK)

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        os.replace(self._at(oldpath), self._at(newpath))
        return int(paramiko.SFTP_OK)

    def open(self, path: str, flags: int, attr: Any) -> Any:
        handle = paramiko.SFTPHandle(flags)
        handle.writefile = handle.readfile = self._at(path).open("wb+")
        return handle


@contextmanager
def serve(root: Path, key: Any) -> Iterator[int]:
    """Yields the port."""
    store = type("Here", (Store,), {"root": root})
    listener = socket.create_server(("127.0.0.1", 0))
    transports: list[Any] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                line, _ = listener.accept()
                transport = paramiko.Transport(line)
                transports.append(transport)
                transport.add_server_key(key)
                transport.set_subsystem_handler("sftp", paramiko.SFTPServer, store)
                with suppress(paramiko.SSHException, EOFError):
                    transport.start_server(server=Door())

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for transport in transports:
            transport.close()
        thread.join(5)
        for transport in transports:
            transport.join(5)
