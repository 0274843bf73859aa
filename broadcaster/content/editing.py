"""A message written at the desk lands in the same file as by hand: only the lines that changed do, and all at once or not.

What the file says and the editor cannot show (comments, recordings, text outside sections) stays as it is.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import msgspec

from broadcaster.config import Config
from broadcaster.content import check, render
from broadcaster.content import item as item_file
from broadcaster.content.fault import Fault, Faulty
from broadcaster.content.files import FILE_LIMIT, Library, read_text
from broadcaster.content.item import CATEGORIES, FENCE, FORMS, ID, Item
from broadcaster.content.toml import LANGUAGE
from broadcaster.errors import Conflict, WrongUse

NEW = ""  # the digest of a file that is not there
LANGUAGES_MOST = 20  # of one message; a border province writes in six
_replacing = threading.Lock()  # two people at the desk: the second finds the file changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What the editor holds."""

    id: str
    category: str
    source: str
    titles: Mapping[str, str]  # by language; "" = none
    texts: Mapping[tuple[str, str], str]  # (language, form) -> text; "" = no such section
    valid_from: date | None = None
    valid_until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A message's file as it lies there."""

    path: Path
    shown: str  # the path as people know it
    raw: str  # with `\n` line ends; "" if it is new
    digest: str  # of the bytes; NEW if there is no file


def faults_of(config: Config, library: Library, item: Item, *, now: datetime) -> list[Fault]:
    """Every fault of one message under the office's settings."""
    ways, _ = check.ways(config)
    return check.message(
        library,
        item,
        today=check.today(now, config),
        ways=ways,
        opt_out=check.opt_out_sample(config.web.public_url),
    )


def open_(folder: Path, *, category: str, id_: str) -> Opened:
    """The file of a message, also of one that is still to be written.

    Raises: WrongUse for a category or an id that cannot be; Faulty for a file that is no text.
    """
    if category not in CATEGORIES:
        raise WrongUse(f"There is no category {category!r:.60}; choose one of the list.")
    if not ID.fullmatch(id_):
        raise WrongUse(f"The id {id_!r:.80} cannot be used: lower-case letters a-z, digits and hyphens, at most 64.")
    path = folder / category / f"{id_}.md"
    shown = f"{folder.name}/{category}/{id_}.md"
    if not path.exists():
        return Opened(path=path, shown=shown, raw="", digest=NEW)
    return Opened(path=path, shown=shown, raw=read_text(path, shown=shown), digest=digest_of(path))


def draft_of(item: Item) -> Draft:
    """A message's file as the editor shows it."""
    return Draft(
        id=item.id,
        category=item.category,
        source=item.source,
        titles=item.titles,
        texts={(section.language, section.form): section.text for section in item.sections},
        valid_from=item.valid_from,
        valid_until=item.valid_until,
    )


def compose(opened: Opened, draft: Draft) -> str:
    """The file's new text: changed lines only.

    Raises: Faulty where the file, or what was typed, is written in a way that cannot be put together; nothing is lost silently.
    """
    raw = opened.raw or f'{FENCE}\nid = "{draft.id}"\ncategory = "{draft.category}"\n{FENCE}\n'
    head, body = _split(raw, opened.shown)
    text = "\n".join([FENCE, *_front(head, draft), FENCE, *_body(body, draft)]).rstrip("\n") + "\n"
    _must_hold(text, opened, draft)
    return text


def read_again(library: Library, opened: Opened, text: str) -> tuple[Library, Item]:
    """The library with this text in place of the file: what is checked and shown before it is saved. Raises: Faulty."""
    path, folder = opened.shown, opened.path.parent.name
    item, faults = item_file.read(text, path=path, folder=folder, slug=opened.path.stem)
    if item is None:
        raise Faulty(faults)
    others = tuple(fault for fault in library.faults if fault.path != path)
    return (
        Library(
            folder=library.folder,
            facts=library.facts,
            items={**library.items, item.id: item},
            raws={**library.raws, path: text},
            faults=(*others, *faults),
        ),
        item,
    )


def replace(opened: Opened, text: str) -> None:
    """Put the new text in place of the file that was opened, whole or not at all.

    Raises: Conflict if the file is another one by now; WrongUse if it cannot be written.
    """
    data = text.encode()
    if len(data) > FILE_LIMIT:
        raise WrongUse("The message is larger than 1 MB; no message is. Shorten it.")
    draft = opened.path.with_name(f".{opened.path.name}.{secrets.token_hex(4)}")
    try:
        opened.path.parent.mkdir(exist_ok=True)
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        with _replacing:
            unchanged(opened)
            os.replace(draft, opened.path)
    except OSError as error:
        raise WrongUse(
            f"{opened.shown} cannot be written: {error.strerror}. Ask who looks after this machine, then save again."
        ) from None
    finally:
        draft.unlink(missing_ok=True)


def unchanged(opened: Opened) -> None:
    """Raises: Conflict if the file is no longer the one that was opened."""
    if digest_of(opened.path) != opened.digest:
        raise Conflict(
            f"Somebody changed {opened.shown} since you opened it. Your text is still here: compare, then save again."
        )


def digest_of(path: Path) -> str:
    """SHA-256, hex, of the file; NEW if there is none."""
    try:
        with path.open("rb") as file:
            return hashlib.sha256(file.read(FILE_LIMIT + 1)).hexdigest()
    except FileNotFoundError:
        return NEW


def is_language(tag: str) -> bool:
    """Whether it is a language tag as the files write it."""
    return bool(LANGUAGE.fullmatch(tag)) and tag not in item_file.COUNTRIES


# -- the lines --------------------------------------------------------------------------------------------------------


def _split(raw: str, shown: str) -> tuple[list[str], list[str]]:
    """Lines between the fences, and lines below."""
    lines = raw.split("\n")
    end = next((n for n, line in enumerate(lines[1:], 1) if line.rstrip() == FENCE), 0)
    if lines[0].rstrip() != FENCE or not end:
        fault = Fault(
            path=shown, line=1, text="The front matter cannot be read.", remedy="Mend the file's head by hand first."
        )
        raise Faulty([fault])
    return lines[1:end], lines[end + 1 :]


def _front(lines: list[str], draft: Draft) -> list[str]:
    for language, title in draft.titles.items():
        lines = _set(lines, f"title.{language}", _quoted(title) if title else "")
    lines = _set(lines, "source", _quoted(draft.source) if draft.source else "")
    days = [
        f"{key} = {day.isoformat()}"
        for key, day in (("from", draft.valid_from), ("until", draft.valid_until))
        if day is not None
    ]
    return _set(lines, "valid", "{ " + ", ".join(days) + " }" if days else "")


def _set(lines: list[str], key: str, value: str) -> list[str]:
    """The lines with `key = value`; without the key where the value is ""."""
    pattern = re.compile(rf"\s*{re.escape(key)}\s*=\s*(?P<rest>.*)")
    at = next((n for n, line in enumerate(lines) if pattern.match(line)), None)
    if at is None:
        return [*lines, f"{key} = {value}"] if value else lines
    found = pattern.match(lines[at])
    if value and found and _same_value(found["rest"], value):
        return lines  # the comment behind it stays
    return [*lines[:at], *([f"{key} = {value}"] if value else []), *lines[at + 1 :]]


def _same_value(rest: str, value: str) -> bool:
    try:
        one, other = msgspec.toml.decode(f"a = {rest}"), msgspec.toml.decode(f"a = {value}")
    except msgspec.DecodeError:
        return False
    return bool(one == other)


def _quoted(text: str) -> str:
    """A TOML basic string on one line."""
    return msgspec.json.encode(" ".join(text.split())).decode()


def _body(lines: list[str], draft: Draft) -> list[str]:
    wanted = {key: render.clean(text) for key, text in draft.texts.items()}
    heads = [n for n, line in enumerate(lines) if re.match(r"##(?!#)", line)]
    blocks: list[tuple[tuple[str, str] | None, list[str]]] = [(None, lines[: heads[0] if heads else len(lines)])]
    seen: set[tuple[str, str]] = set()
    for begin, end in zip(heads, [*heads, len(lines)][1:], strict=True):
        key = item_file.heading(lines[begin])
        key = None if key in seen else key
        blocks.append((key, _block(lines[begin:end], key, wanted)))
        seen |= {key} if key else set()
    for key in _in_order(wanted):
        if key not in seen and wanted[key]:
            blocks.insert(_place(blocks, key), (key, [_heading(key), "", *wanted[key].split("\n"), ""]))
    return [line for _, block in blocks for line in block]


def _block(lines: list[str], key: tuple[str, str] | None, wanted: Mapping[tuple[str, str], str]) -> list[str]:
    """One section: as it is where nothing changed in it, and gone where its text is."""
    if key is None or key not in wanted or wanted[key] == render.clean("\n".join(lines[1:])):
        return lines
    return [lines[0], "", *wanted[key].split("\n"), ""] if wanted[key] else []


def _in_order(wanted: Mapping[tuple[str, str], str]) -> list[tuple[str, str]]:
    return sorted(wanted, key=lambda key: FORMS.index(key[1]))


def _place(blocks: list[tuple[tuple[str, str] | None, list[str]]], key: tuple[str, str]) -> int:
    """Behind the forms of its language that come before it; else at the end."""
    own = [n for n, (other, _) in enumerate(blocks) if other and other[0] == key[0]]
    before = [n for n in own if FORMS.index((blocks[n][0] or key)[1]) < FORMS.index(key[1])]
    return before[-1] + 1 if before else own[0] if own else len(blocks)


def _heading(key: tuple[str, str]) -> str:
    return f"## {key[0]}" if key[1] == "text" else f"## {key[0]} {key[1]}"


def _must_hold(text: str, opened: Opened, draft: Draft) -> None:
    """The file, read again, says just what was typed, and of the rest what it said before. Raises: Faulty."""

    def broken(what: str, remedy: str) -> Faulty:
        return Faulty([Fault(path=opened.shown, text=what, remedy=remedy, about=draft.id)])

    by_hand = "Change it in the file itself."
    item, faults = item_file.read(text, path=opened.shown, folder=opened.path.parent.name, slug=opened.path.stem)
    if item is None:
        raise Faulty(faults)
    texts = {(section.language, section.form): render.clean(section.text) for section in item.sections}
    wanted = {key: render.clean(typed) for key, typed in draft.texts.items() if render.clean(typed)}
    for key in sorted({*texts, *wanted}):
        if texts.get(key) != wanted.get(key) and (key in draft.texts or not opened.raw):
            raise broken(
                f"The text of {' '.join(key)} cannot be put into the file: a line of it begins with `##`, or is a `{FENCE}`.",
                "Begin the line with something else; a heading inside a text is written with `###`.",
            )
    titles = {tag: " ".join(title.split()) for tag, title in draft.titles.items() if title.strip()}
    if {tag: title for tag, title in item.titles.items() if tag in draft.titles} != titles:
        raise broken("A title is written in a way the editor cannot change.", by_hand)
    if item.source != " ".join(draft.source.split()):
        raise broken("The source is written in a way the editor cannot change.", by_hand)
    if (item.valid_from, item.valid_until) != (draft.valid_from, draft.valid_until):
        wrong = draft.valid_from and draft.valid_until and draft.valid_until < draft.valid_from
        if wrong:
            raise broken("The message is valid until a day before it begins.", "Put the earlier day first.")
        raise broken("The valid days are written in a way the editor cannot change.", by_hand)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Faults, each beside the text it is about."""

    texts: Mapping[tuple[str, str], list[Fault]] = field(default_factory=dict)  # (language, form); form "title" too
    rest: tuple[Fault, ...] = ()


def beside(item: Item, faults: list[Fault]) -> Beside:
    """Sort faults by the section their line lies in."""
    starts = sorted((section.line, (section.language, section.form)) for section in item.sections)
    titles = {line: (language, "title") for language, line in item.title_lines.items()}
    texts: dict[tuple[str, str], list[Fault]] = {}
    rest: list[Fault] = []
    for fault in faults:
        key = titles.get(fault.line or 0)
        if key is None and starts and (fault.line or 0) >= starts[0][0]:
            key = [where for line, where in starts if line <= (fault.line or 0)][-1]
        if key is None or fault.path != item.path:
            rest.append(fault)
        else:
            texts.setdefault(key, []).append(fault)
    return Beside(texts=texts, rest=tuple(rest))
