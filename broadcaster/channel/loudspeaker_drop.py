"""Where packages go: the folder here always, and from there to an upload address, an SFTP server, or the officer's mail.

Handing over the same package again leaves one package: the same path, or mail with the same Message-ID.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """Files for one commune, under one path."""

    path: str  # "muong-lat/2027-07-01-vp-d12", or "muong-lat" for a notice about the commune as a whole
    files: Mapping[str, bytes]  # in the order in which they are handed over
    subject: str
    body: str
    mail: str = ""  # the officer's address, where it is known
    reference: str = ""  # the same for every repeat


class Destination(Protocol):
    """A way to a station."""

    def deliver(self, parcel: Parcel, *, timeout: float) -> None:
        """Hand over within `timeout` seconds in all. Raises: only the five errors."""


class Here:
    """The folder is fetched, copied or shared by others: nothing more is to be done."""

    def deliver(self, parcel: Parcel, *, timeout: float) -> None:  # noqa: ARG002 - the protocol's names
        return


def appear(folder: Path, files: Mapping[str, bytes]) -> None:
    """The whole folder is there, or nothing is; after a power cut too. Raises: OSError."""
    draft = folder.parent / f".{folder.name}.{os.getpid()}.tmp"
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    try:
        for name, data in files.items():
            write(draft / name, data)
        os.rename(draft, folder)
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    _keep_name(folder.parent)


def _keep_name(folder: Path) -> None:
    """A rename outlives a power cut once its folder is on disk; Windows opens no folders and keeps names by itself."""
    if os.name == "posix":
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def replace(path: Path, data: bytes) -> None:
    """Readers see the old file or the new one, whole. Raises: OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    write(draft, data)
    os.replace(draft, path)


def write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
