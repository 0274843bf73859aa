"""Reading the content folder: bounded, never a traceback, every fault with its file and line."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from broadcaster.content import facts as fact_file
from broadcaster.content import item as item_file
from broadcaster.content.facts import Fact
from broadcaster.content.fault import Fault, Faulty
from broadcaster.content.item import Item
from broadcaster.content.render import MediaFile
from broadcaster.content.toml import parse
from broadcaster.errors import NotFound

FILE_LIMIT = 1024 * 1024  # bytes; the longest message of a real library has about 10 kB
MEDIA_LIMIT = 50 * 1024 * 1024  # bytes; what the Telegram Bot API takes at most, and an hour of speech
FACTS = "facts.toml"
TEXTS_OF_OTHERS = (".txt", ".markdown", ".doc", ".docx", ".odt")  # where a message lands when an editor names the file
KEPT = ".approved"  # copies of approved recordings, by their hash

# By suffix, not through the machine's own table: the same file must give the same revision everywhere.
MIME_TYPES = {
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".ogg": "audio/ogg",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """Everything in the content folder that can be used, and what is wrong with the rest."""

    folder: Path
    facts: Mapping[str, Fact] = field(default_factory=dict)
    items: Mapping[str, Item] = field(default_factory=dict)  # by id, in the order of the folder
    raws: Mapping[str, str] = field(
        default_factory=dict
    )  # path as people know it -> text of the file, for line by line checks
    faults: tuple[Fault, ...] = ()

    @property
    def facts_path(self) -> str:
        """The facts file as people know it."""
        return f"{self.folder.name}/{FACTS}"

    def item(self, id_: str) -> Item:
        """Raises: Faulty when the message's file cannot be used; NotFound when there is none."""
        if id_ in self.items:
            return self.items[id_]
        if found := [fault for fault in self.faults if fault.path.endswith(f"/{id_}.md") and not fault.warning]:
            raise Faulty(found)
        raise NotFound(f"No message is called {id_!r:.80}; `broadcaster message list` shows them all.")


def load(folder: Path) -> Library:
    """Read `facts.toml` and every `<category>/<slug>.md`. Never raises for what stands in them."""
    faults: list[Fault] = []
    raws: dict[str, str] = {}
    if not folder.is_dir():
        fault = Fault(path=folder.name, text="There is no such folder.", remedy="Set folders.content in config.toml.")
        return Library(folder=folder, faults=(fault,))
    known, found = read_facts(folder / FACTS)
    faults += found
    items: dict[str, Item] = {}
    for path in _message_files(folder, faults):
        shown = f"{folder.name}/{path.relative_to(folder).as_posix()}"
        try:
            raws[shown] = read_text(path, shown=shown)
        except Faulty as broken:
            faults += broken.faults
            continue
        item, found = item_file.read(raws[shown], path=shown, folder=path.parent.name, slug=path.stem)
        faults += found
        if item and item.id in items:
            faults.append(
                Fault(
                    path=shown,
                    line=1,
                    text=f"The id {item.id!r} is taken by {items[item.id].path}.",
                    remedy="Rename one of the two files and its id.",
                    about=item.id,
                )
            )
        elif item:
            items[item.id] = item
    return Library(folder=folder, facts=known, items=items, raws=raws, faults=tuple(faults))


def read_facts(path: Path) -> tuple[dict[str, Fact], list[Fault]]:
    """The facts of one file, and what is wrong with it."""
    shown = f"{path.parent.name}/{path.name}"
    try:
        text = read_text(path, shown=shown)
        return fact_file.read(parse(text, path=shown), text, path=shown)
    except Faulty as broken:
        return {}, list(broken.faults)


def read_text(path: Path, *, shown: str) -> str:
    """A text file as written, with `\\n` line ends.

    Raises: Faulty for a file that is missing, no ordinary file, larger than 1 MB, not UTF-8, or holds a byte order mark or NUL.
    """

    def broken(text: str, remedy: str, line: int | None = None) -> Faulty:
        return Faulty([Fault(path=shown, line=line, text=text, remedy=remedy)])

    try:
        if not path.is_file():
            what = "is no ordinary file" if path.exists() else "does not exist"
            raise broken(f"The file {what}.", "Put a text file there.")
        with path.open("rb") as file:
            raw = file.read(FILE_LIMIT + 1)
    except OSError as error:
        raise broken(f"The file cannot be read: {error.strerror}.", "Check its permissions.") from None
    if len(raw) > FILE_LIMIT:
        raise broken("The file is larger than 1 MB; no message is.", "Check that it is the right file.")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or (raw[1:2] == b"\0" and raw[3:4] == b"\0"):
        raise broken("The file is UTF-16.", "Save it as UTF-8 (in Notepad: Save as, Encoding UTF-8).", 1)
    if raw.startswith(b"\xef\xbb\xbf"):
        raise broken("The file begins with a byte order mark.", "Save it as UTF-8 without BOM.", 1)
    if b"\0" in raw:
        raise broken(
            "The file holds a NUL byte; it is damaged or no text.",
            "Write the line again.",
            _line_at(raw, raw.index(b"\0")),
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise broken(
            "The file is not UTF-8 (perhaps Windows-1258 or TCVN3).", "Save it as UTF-8.", _line_at(raw, error.start)
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_media(library: Library, item: Item) -> tuple[dict[str, MediaFile], list[Fault]]:
    """The recordings of a message with their hashes, by language, and what is wrong with the others."""
    media: dict[str, MediaFile] = {}
    faults: list[Fault] = []
    for language, name in item.audio.items():
        path = library.folder / item.category / name
        mime_type = MIME_TYPES.get(path.suffix.lower())
        wrong = "has no known sound format" if mime_type is None else ""
        if not item_file.MEDIA_NAME.fullmatch(name) or not path.is_file() or path.is_symlink():
            wrong = "does not lie beside the message"
        elif path.stat().st_size > MEDIA_LIMIT:
            wrong = "is larger than 50 MB"
        if wrong or mime_type is None:
            remedy = (
                f"Put it into {library.folder.name}/{item.category}/ as one of: {', '.join(MIME_TYPES)}; at most 50 MB."
            )
            faults.append(
                Fault(path=item.path, line=1, text=f"The recording {name!r:.80} {wrong}.", remedy=remedy, about=item.id)
            )
            continue
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        media[language] = MediaFile(name=name, mime_type=mime_type, sha256=digest)
    return media, faults


def kept_path(folder: Path, *, sha256: str, name: str) -> Path:
    """Where the approved copy of a recording lies; `folder` is the content folder."""
    return folder / KEPT / f"{sha256}{Path(name).suffix.lower()}"


def keep_media(library: Library, item: Item, media: Mapping[str, MediaFile]) -> None:
    """Copy the recordings aside, so that what is sent later is what was approved, whatever becomes of the file."""
    for file in media.values():
        target = kept_path(library.folder, sha256=file.sha256, name=file.name)
        if target.is_file():
            continue
        data = (library.folder / item.category / file.name).read_bytes()
        if hashlib.sha256(data).hexdigest() != file.sha256:
            fault = Fault(path=item.path, text=f"{file.name} changed just now.", remedy="Try again.", about=item.id)
            raise Faulty([fault])
        target.parent.mkdir(exist_ok=True)
        draft = target.with_name(f"{target.name}.{secrets.token_hex(4)}")
        draft.write_bytes(data)
        os.replace(draft, target)


def _message_files(folder: Path, faults: list[Fault]) -> list[Path]:
    """Every `.md` file one folder down, sorted; a fault for those that lie elsewhere."""
    found: list[Path] = []
    try:
        for entry in sorted(folder.iterdir()):
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                inside = sorted(path for path in entry.iterdir() if path.name[0] != ".")
                found += [path for path in inside if path.suffix.lower() == ".md"]
                faults += [_not_read(folder, path) for path in inside if path.suffix.lower() in TEXTS_OF_OTHERS]
            elif entry.suffix.lower() == ".md" and entry.stem.upper() != "README":
                shown = f"{folder.name}/{entry.name}"
                remedy = f"Move it into one of: {', '.join(item_file.CATEGORIES)}."
                faults.append(Fault(path=shown, text="A message lies in the folder of its category.", remedy=remedy))
    except OSError as error:
        faults.append(
            Fault(path=folder.name, text=f"A folder cannot be read: {error.strerror}.", remedy="Check its permissions.")
        )
    return found


def _not_read(folder: Path, path: Path) -> Fault:
    shown = f"{folder.name}/{path.relative_to(folder).as_posix()}"
    return Fault(
        path=shown,
        text="This file is not read: the name of a message ends in .md.",
        remedy=f"If it is a message, save it as plain text and rename it to {path.name.partition('.')[0]}.md.",
        warning=True,
    )


def _line_at(raw: bytes, offset: int) -> int:
    return raw.count(b"\n", 0, offset) + 1
