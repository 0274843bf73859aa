"""The sentences of a report that only people can write: kept in one file per campaign, never invented."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from broadcaster.errors import WrongUse
from broadcaster.report.words import EN, VI, Speech

LIMIT = 256 * 1024  # bytes; a report's text has some thousand words
SECTIONS = {
    "Tình hình triển khai": "opening",
    "Đánh giá": "evaluation",
    "Khó khăn, vướng mắc": "difficulties",
    "Đề xuất, kiến nghị": "proposals",
}
ENGLISH = {EN[title]: field for title, field in SECTIONS.items()}  # headings of the file of the English edition
HEAD = (
    "Lời văn của báo cáo {campaign}",
    "Viết dưới mỗi mục; mỗi đoạn cách nhau một dòng trống. Số liệu do chương trình điền, không cần chép vào đây.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrative:
    """Paragraphs by section; an empty section is left for the office to fill in."""

    opening: tuple[str, ...] = ()
    evaluation: tuple[str, ...] = ()
    difficulties: tuple[str, ...] = ()
    proposals: tuple[str, ...] = ()


def parse(text: str) -> Narrative:
    """Raises: WrongUse for a `## ` heading that is none of the four."""
    found: dict[str, tuple[str, ...]] = {}
    for block in text.replace("\r\n", "\n").split("\n## ")[1:]:
        title, _, body = block.partition("\n")
        name = SECTIONS.get(title.strip()) or ENGLISH.get(title.strip())
        if name is None:
            raise WrongUse(
                f"{title.strip()[:60]!r} is no section of a report; the sections are: {', '.join(SECTIONS)}."
            )
        found[name] = tuple(" ".join(one.split()) for one in body.split("\n\n") if one.strip())
    return Narrative(**found)


def read(path: Path) -> Narrative:
    """The file's text; all empty when there is none. Raises: WrongUse for one that cannot be read."""
    if not path.exists():
        return Narrative()
    if path.stat().st_size > LIMIT:
        raise WrongUse(f"{path} is larger than 256 kB; that is no text of a report.")
    try:
        return parse(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise WrongUse(f"{path} is not UTF-8; save it as UTF-8.") from None
    except WrongUse as error:
        raise WrongUse(f"{path}: {error}") from None


def write(path: Path, campaign: str, said: Mapping[str, str], *, say: Speech = VI) -> None:
    """Put the sections' texts into the file, whole or not at all; `said` is by field of `Narrative`.

    Raises: WrongUse for a line that would be taken for a heading.
    """
    if any(line.startswith("## ") for text in said.values() for line in text.split("\n")):
        raise WrongUse("A line must not begin with `## `: it would be taken for a heading.")
    parts = [f"## {say(title)}\n\n{said.get(field, '').strip()}".rstrip() for title, field in SECTIONS.items()]
    title, how = HEAD
    head = f"# {say(title, campaign=campaign)}\n\n{say(how)}"
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    draft.write_text("\n\n".join([head, *parts]) + "\n", encoding="utf-8")
    os.replace(draft, path)


def begin(path: Path, campaign: str, *, say: Speech = VI) -> bool:
    """Write the empty file for people to fill in; False, and nothing done, if it is there."""
    if path.exists():
        return False
    write(path, campaign, {}, say=say)
    return True


def mark(path: Path) -> str:
    """Tells whether the file is still the one somebody has looked at; "" while there is none."""
    return sha256(path.read_bytes()).hexdigest() if path.exists() else ""
