"""Packages handed over by HTTPS PUT or SFTP. The manifest goes last: while it is missing, a package is not whole."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import importlib
import posixpath
import socket
import time
from typing import Any
from urllib.parse import quote, urlsplit

from broadcaster.channel import http_call
from broadcaster.channel.base import Misconfigured, NotAccepted, OutcomeUnknown, SendError
from broadcaster.channel.loudspeaker_drop import Parcel
from broadcaster.config import Secret
from broadcaster.errors import WrongUse

LOOPBACK = ("127.0.0.1", "localhost", "::1")
LEAST = 0.1  # seconds a request still gets when the deadline is near


class HttpsPut:
    """Each file by its own PUT; the same path again replaces the same bytes."""

    def __init__(self, name: str, url: str, token: Secret | None) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise WrongUse(f"config: channels.{name}.put_url: {url!r:.120} must begin with https://.")
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token.reveal()}"} if token else {}

    def deliver(self, parcel: Parcel, *, timeout: float) -> None:
        until = time.monotonic() + timeout
        session = http_call.session()
        try:
            for name, data in parcel.files.items():
                address = f"{self._url}/{quote(parcel.path)}/{quote(name)}"
                headers = {**self._headers, "Content-Type": "application/octet-stream", "Digest": _digest(data)}
                left = max(LEAST, until - time.monotonic())
                answer = http_call.request(session, "PUT", address, timeout=left, data=data, headers=headers)
                http_call.judge(answer)
                http_call.no_page(answer)
        finally:
            session.close()


class Sftp:
    """A folder that appears whole: files go into a draft, which is then renamed. The server's key is pinned."""

    def __init__(
        self, name: str, *, host: str, port: int, user: str, password: Secret | None, key: Secret | None, host_key: str,
        folder: str,
    ) -> None:  # fmt: skip
        self._where = (host, port)
        self._user, self._password, self._key, self._folder = user, password, key, folder
        self._pinned = _read_host_key(host_key, f"config: channels.{name}.sftp_host_key")
        if not host or not user or not (password or key):
            raise WrongUse(f"config: channels.{name}: SFTP needs sftp_host, sftp_user and sftp_password or sftp_key.")

    def deliver(self, parcel: Parcel, *, timeout: float) -> None:
        try:
            paramiko: Any = importlib.import_module("paramiko")
        except ImportError:
            raise Misconfigured("SFTP needs the extra `sftp`: pip install 'broadcaster[sftp]'.") from None
        transport: Any = None
        begun = False
        try:
            transport = paramiko.Transport(socket.create_connection(self._where, timeout=min(10.0, timeout)))
            transport.banner_timeout = transport.auth_timeout = min(15.0, timeout)
            transport.start_client(timeout=timeout)
            self._check_host(transport.get_remote_server_key().asbytes())
            self._log_in(paramiko, transport)
            client = paramiko.SFTPClient.from_transport(transport)
            if client is None:
                raise NotAccepted("The SFTP server opened no channel; it is tried again.")
            client.get_channel().settimeout(timeout)
            begun = True
            _put(client, posixpath.join(self._folder, parcel.path), parcel)
        except SendError:
            raise
        except paramiko.AuthenticationException:
            raise Misconfigured(
                "The SFTP server refused the log-in; correct sftp_user and its password or key."
            ) from None
        except PermissionError:
            raise Misconfigured("The SFTP server lets nothing be written there; correct sftp_folder.") from None
        except (paramiko.SSHException, OSError, EOFError) as error:
            if begun:
                raise OutcomeUnknown(
                    f"The SFTP line broke ({type(error).__name__}); sending again completes it."
                ) from None
            raise NotAccepted(f"No connection to the SFTP server ({type(error).__name__}); nothing was sent.") from None
        finally:
            if transport is not None:
                transport.close()

    def _check_host(self, shown: bytes) -> None:
        if not hmac.compare_digest(shown, self._pinned):
            raise Misconfigured(
                "The SFTP server shows another host key than sftp_host_key: ask its administrator before you change it."
            )

    def _log_in(self, paramiko: Any, transport: Any) -> None:
        if self._key is None:
            assert self._password is not None
            transport.auth_password(self._user, self._password.reveal())
            return
        transport.auth_publickey(self._user, _private_key(paramiko, self._key.reveal()))


def _private_key(paramiko: Any, text: str) -> Any:
    import io

    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(io.StringIO(text + "\n"))
        except (paramiko.SSHException, ValueError, IndexError):
            continue
    raise Misconfigured("sftp_key is no private key in OpenSSH's form (Ed25519, ECDSA or RSA, without a passphrase).")


def _put(client: Any, folder: str, parcel: Parcel) -> None:
    _folders(client, posixpath.dirname(folder))
    if _there(client, folder):  # a repeat, a recall, a reminder: file by file, each whole
        _files(client, folder, parcel, rename=True)
        return
    draft = f"{folder}.tmp"
    if not _there(client, draft):
        client.mkdir(draft)
    _files(client, draft, parcel, rename=False)
    client.posix_rename(draft, folder)


def _files(client: Any, folder: str, parcel: Parcel, *, rename: bool) -> None:
    for name, data in parcel.files.items():
        target = posixpath.join(folder, name)
        draft = f"{target}.tmp" if rename else target
        with client.open(draft, "wb") as file:
            file.set_pipelined(True)
            file.write(data)
        if rename:
            client.posix_rename(draft, target)


def _folders(client: Any, folder: str) -> None:
    made = "/" if folder.startswith("/") else ""
    for part in filter(None, folder.split("/")):
        made = posixpath.join(made, part)
        if not _there(client, made):
            client.mkdir(made)


def _there(client: Any, path: str) -> bool:
    try:
        client.stat(path)
    except FileNotFoundError:
        return False
    return True


def _read_host_key(text: str, where: str) -> bytes:
    """The blob of `ssh-ed25519 AAAA...`, as `ssh-keyscan` prints it. Raises: WrongUse."""
    words = text.split()
    try:
        return base64.b64decode(words[1], validate=True)
    except (IndexError, binascii.Error):
        raise WrongUse(
            f'{where}: write the server\'s key like "ssh-ed25519 AAAA...", from its administrator.'
        ) from None


def _digest(data: bytes) -> str:
    """RFC 3230: lets the receiver see that the file came whole."""
    return "sha-256=" + base64.b64encode(hashlib.sha256(data).digest()).decode()
