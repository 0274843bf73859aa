"""What a printed piece says: approved texts only, with the address of the public page and the revision's id. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from broadcaster.dispatch.revision import RevisionBody
from broadcaster.errors import Conflict


class Kind(StrEnum):
    """The pieces there are."""

    BOARD = "board"  # a picture for an electronic board, 1920 x 1080
    POSTER = "poster"
    LEAFLET = "leaflet"  # one sheet, folded once: four pages
    NEWSLETTER = "newsletter"
    TALKING_POINTS = "talking-points"  # for communicators who speak to people


# Forms in order of preference: the big words of a piece, and its reading text.
BIG = ("poster", "headline")
LONG = ("text", "chat")
NEEDS_LONG = (Kind.LEAFLET, Kind.NEWSLETTER, Kind.TALKING_POINTS)
SHORT_ID = 12  # hex digits of a revision's hash; as the command line and the ledger's reader show it


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """One message as it was approved."""

    body: RevisionBody
    hash: str  # of the revision
    source: str
    link: str  # of its public page, "" if the office has none


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One message of a piece."""

    title: str
    big: tuple[str, ...]  # lines
    long: tuple[str, ...]  # paragraphs
    spoken: str
    source: str
    link: str
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    kind: Kind
    language: str
    office: str
    said: tuple[Said, ...]

    def plain(self) -> dict[str, Any]:
        """For a template: text only, nothing of it is code there."""
        return {
            "language": self.language,
            "office": self.office,
            "said": [
                {
                    "title": one.title, "big": list(one.big), "long": list(one.long), "spoken": one.spoken,
                    "source": one.source, "link": one.link, "revision": one.revision,
                }
                for one in self.said
            ],
        }  # fmt: skip


def piece(kind: Kind, approved: Sequence[Approved], *, language: str, office: str) -> Piece:
    """Raises: Conflict when a message has no form the piece can carry in that language; nothing is cut or left out."""
    return Piece(
        kind=kind, language=language, office=office, said=tuple(_said(kind, one, language) for one in approved)
    )


def _said(kind: Kind, approved: Approved, language: str) -> Said:
    forms = approved.body.texts.get(language, {})
    big = next((forms[name] for name in BIG if name in forms), "")
    long = next((forms[name] for name in LONG if name in forms), "")
    wanted = LONG if kind in NEEDS_LONG else BIG
    if not (long if kind in NEEDS_LONG else big):
        names = " or ".join(f"`## {language} {name}`" if name != "text" else f"`## {language}`" for name in wanted)
        raise Conflict(f"{approved.body.message} has no {names}; write it and have it approved, then print.")
    title = approved.body.titles.get(language, "")
    return Said(
        title=title,
        big=tuple(line.strip() for line in (big or title).split("\n") if line.strip()),
        long=tuple(" ".join(one.split()) for one in long.split("\n\n") if one.strip()),
        spoken=" ".join(forms.get("speech", "").split()),
        source=approved.source,
        link=approved.link,
        revision=approved.hash[:SHORT_ID],
    )
