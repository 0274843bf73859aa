"""The sentences of a report that only people can write: kept in one file per campaign, never invented."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from broadcaster.errors import WrongUse

LIMIT = 256 * 1024  # bytes; a report's text has some thousand words
SECTIONS = {
    "Tình hình triển khai": "opening",
    "Đánh giá": "evaluation",
    "Khó khăn, vướng mắc": "difficulties",
    "Đề xuất, kiến nghị": "proposals",
}
DRAFT = """\
# Lời văn của báo cáo {campaign}

Viết dưới mỗi mục; mỗi đoạn cách nhau một dòng trống. Số liệu do chương trình điền, không cần chép vào đây.

## Tình hình triển khai

## Đánh giá

## Khó khăn, vướng mắc

## Đề xuất, kiến nghị
"""


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
        name = SECTIONS.get(title.strip())
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


def begin(path: Path, campaign: str) -> bool:
    """Write the empty file for people to fill in; False, and nothing done, if it is there."""
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(DRAFT.format(campaign=campaign), encoding="utf-8")
    return True
