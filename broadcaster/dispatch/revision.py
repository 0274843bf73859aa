"""Reading what was approved: a revision's stored bytes, and the words they hold for a channel and language. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from broadcaster.channel.base import Traits
from broadcaster.channel.form import form_for


class RevisionBody(msgspec.Struct, frozen=True):
    """The canonical JSON of a revision, as approved."""

    message: str
    category: str
    titles: dict[str, str]
    texts: dict[str, dict[str, str]]  # language -> form -> text
    v: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What one channel says in one language."""

    form: str
    text: str
    title: str
    category: str
    sha256: str  # hex, of the text


def read(canonical: bytes, expected: str) -> RevisionBody | None:
    """The revision, or None if these are not the bytes that were approved."""
    if not isinstance(canonical, bytes) or sha256(canonical).hexdigest() != expected:
        return None
    return msgspec.json.decode(canonical, type=RevisionBody)


def words(body: RevisionBody, *, traits: Traits, accents: bool, language: str) -> Words | None:
    """The words for a channel in a language, or None if the revision has no fitting form."""
    texts = body.texts.get(language, {})
    form = form_for(texts, traits, accents=accents)
    if form is None:
        return None
    text = texts[form]
    return Words(
        form=form,
        text=text,
        title=body.titles.get(language, ""),
        category=body.category,
        sha256=sha256(text.encode()).hexdigest(),
    )


def languages_for(
    body: RevisionBody, *, traits: Traits, accents: bool, wanted: Mapping[str, None] | list[str]
) -> list[str]:
    """Which of the wanted languages this revision can say on this channel."""
    return [tag for tag in wanted if words(body, traits=traits, accents=accents, language=tag)]
