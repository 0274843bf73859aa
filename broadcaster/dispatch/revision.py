"""Reading what was approved: a revision's stored bytes, and the words they hold for a channel and language. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import PurePath

import msgspec

from broadcaster.channel.base import Media, Traits
from broadcaster.channel.form import form_for


class Recording(msgspec.Struct, frozen=True):
    """An approved file, as the revision names it."""

    name: str
    sha256: str
    mime_type: str


class RevisionBody(msgspec.Struct, frozen=True):
    """The canonical JSON of a revision, as approved."""

    message: str
    category: str
    titles: dict[str, str]
    texts: dict[str, dict[str, str]]  # language -> form -> text
    media: dict[str, Recording] = {}  # language -> the recording of its speech form
    v: int = 1


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """What one channel says in one language."""

    form: str
    text: str
    title: str
    category: str
    sha256: str  # hex, of the text
    message: str = ""  # its id
    media: tuple[Media, ...] = ()  # of this language; `path` is the file's name in the folder of approved copies


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
        message=body.message,
        media=tuple(_media(one) for one in [body.media.get(language)] if one),
    )


def _media(one: Recording) -> Media:
    kept = f"{one.sha256}{PurePath(one.name).suffix.lower()}"  # as content/files.py keeps it on submission
    return Media(name=one.name, mime_type=one.mime_type, sha256=one.sha256, path=kept)


def languages_for(
    body: RevisionBody, *, traits: Traits, accents: bool, wanted: Mapping[str, None] | list[str]
) -> list[str]:
    """Which of the wanted languages this revision can say on this channel."""
    return [tag for tag in wanted if words(body, traits=traits, accents=accents, language=tag)]
