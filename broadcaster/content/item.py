"""A message as it is written: front matter, then one section per language and form. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from broadcaster.content.fault import Fault as Fault
from broadcaster.content.fault import Faulty
from broadcaster.content.toml import LANGUAGE, Fields, parse

CATEGORIES = ("hotline", "victims-rights", "criminal-tactics", "law-policy", "investigation-trial", "commendation")
FORMS = ("text", "headline", "sms", "sms-plain", "chat", "speech", "poster")
ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
FENCE = "+++"
MEDIA_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")  # a plain file name, on every system


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One language's form of a message, as written: facts are still placeholders."""

    language: str
    form: str
    text: str
    line: int  # number of the text's first line in the file


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One message file."""

    id: str
    category: str
    titles: Mapping[str, str]  # by language; placeholders allowed
    source: str
    sections: tuple[Section, ...]
    valid_from: date | None = None
    valid_until: date | None = None  # inclusive
    audio: Mapping[str, str] = field(default_factory=dict)  # language -> file name beside the message
    path: str = ""  # as people know it
    title_lines: Mapping[str, int] = field(default_factory=dict)

    @property
    def languages(self) -> tuple[str, ...]:
        """In the order of the file."""
        return tuple(dict.fromkeys(section.language for section in self.sections))

    def forms(self, language: str) -> dict[str, str]:
        """Form -> text as written, of one language."""
        return {section.form: section.text for section in self.sections if section.language == language}

    def line_of(self, language: str, form: str) -> int:
        """Number of the first line of a section; 1 if there is none."""
        return next((s.line for s in self.sections if (s.language, s.form) == (language, form)), 1)


def read(text: str, *, path: str, folder: str, slug: str) -> tuple[Item | None, list[Fault]]:
    """The message in `text`, and what is wrong with it; None when it cannot be used at all.

    `folder` and `slug` are where it lies (`content/<folder>/<slug>.md`), which the front matter must repeat.
    """
    lines = text.split("\n")
    try:
        end = _closing_fence(lines, path=path)
        table = parse("\n".join(lines[1:end]), path=path, first_line=2)
    except Faulty as broken:
        return None, list(broken.faults)
    fields = Fields(table=table, path=path, lines=lines[1:end], first_line=2, about=slug)
    id_ = fields.text("id", required=True, example=slug)
    category = fields.text("category", required=True, example=folder)
    titles = fields.texts("title")
    source = fields.text("source", required=True, example="Công văn 2556/BTTTT-TTra")
    valid_from, valid_until = fields.span("valid")
    audio = fields.texts("audio")
    fields.unknown()
    sections = _sections(lines, start=end + 1, path=path, about=slug, faults=fields.faults)
    _check_place(fields, id_=id_, category=category, folder=folder, slug=slug)
    _check_titles(fields, titles, sections)
    _check_audio(fields, audio, sections)
    item = Item(
        id=id_ or slug,
        category=category,
        titles=titles,
        source=source,
        sections=tuple(sections),
        valid_from=valid_from,
        valid_until=valid_until,
        audio=audio,
        path=path,
        title_lines={language: fields.line_of(f"title.{language}") for language in titles},
    )
    return item, fields.faults


def _closing_fence(lines: list[str], *, path: str) -> int:
    """Index of the line that ends the front matter. Raises: Faulty."""
    if lines[0].rstrip() != FENCE:
        raise Faulty(
            [
                Fault(
                    path=path,
                    line=1,
                    text="A message begins with a line `+++`, and this file does not.",
                    remedy="Put the front matter (id, category, title.vi, source) between two lines `+++` at the very top.",
                )
            ]
        )
    for index, line in enumerate(lines[1:], 1):
        if line.rstrip() == FENCE:
            return index
    fault = Fault(path=path, line=1, text="The front matter is not closed.", remedy="End it with a second line `+++`.")
    raise Faulty([fault])


def _sections(lines: list[str], *, start: int, path: str, about: str, faults: list[Fault]) -> list[Section]:
    def fault(line: int, text: str, remedy: str) -> None:
        faults.append(Fault(path=path, line=line, text=text, remedy=remedy, about=about))

    sections: list[Section] = []
    seen: dict[tuple[str, str], int] = {}
    heads = [index for index in range(start, len(lines)) if re.match(r"##(?!#)", lines[index])]
    for index in range(start, len(lines)):
        meant = re.fullmatch(r"(?:#|#{3,})\s*([a-z]{2,3})(?:\s+([a-z-]+))?\s*", lines[index])
        if meant and (meant[2] is None or meant[2] in FORMS):
            name = " ".join(filter(None, meant.groups()))
            fault(
                index + 1,
                f"{lines[index].strip()!r} is taken as text.",
                f"For a section write `## {name}`, with two signs.",
            )
    before = range(start, heads[0] if heads else len(lines))
    stray = next((index for index in before if lines[index].strip()), None)
    if stray is not None:
        fault(
            stray + 1, "This text belongs to no section.", "Open one above it with `## vi`, `## vi sms`, `## en`, ..."
        )
    if not heads:
        fault(start, "The message has no text.", "Add a section: `## vi`, and the text below it.")
    for index, end in zip(heads, [*heads, len(lines)][1:], strict=True):
        key = heading(lines[index])
        if key is None:
            fault(
                index + 1,
                f"{lines[index].strip()[:60]!r} is no section heading.",
                f"Write `## LANGUAGE` or `## LANGUAGE FORM` with a form of: {', '.join(FORMS)}; inside a text use `###`.",
            )
            continue
        if key[0] in COUNTRIES:
            right = lines[index].replace(key[0], COUNTRIES[key[0]], 1).strip()
            fault(index + 1, f"{key[0]!r} is a country; languages have codes of their own.", f"Write `{right}`.")
            continue
        if key in seen:
            fault(index + 1, f"`## {' '.join(key)}` stands twice, first in line {seen[key]}.", "Keep one of the two.")
            continue
        seen[key] = index + 1
        body = lines[index + 1 : end]
        first = next((n for n, line in enumerate(body) if line.strip()), None)
        if first is None:
            fault(index + 1, "This section is empty.", "Write its text, or remove the heading.")
            continue
        text = "\n".join(body[first:]).rstrip()
        sections.append(Section(language=key[0], form=key[1], text=text, line=index + 2 + first))
    return sections


COUNTRIES = {"vn": "vi", "us": "en", "gb": "en", "cn": "zh", "kh": "km"}  # codes of countries, and no language has them


def heading(line: str) -> tuple[str, str] | None:
    """(language, form) of a `##` line, None for one that is no section's."""
    words = line[2:].split()
    if len(words) not in (1, 2) or not LANGUAGE.fullmatch(words[0]):
        return None
    form = words[1] if len(words) == 2 else "text"
    return (words[0], form) if form in FORMS else None


def _check_place(fields: Fields, *, id_: str, category: str, folder: str, slug: str) -> None:
    if id_ and not ID.fullmatch(id_):
        fields.fault(
            "id", f"The id {id_!r:.80} cannot be used.", "Use lower-case letters, digits and hyphens, at most 64."
        )
    elif id_ and id_ != slug:
        fields.fault("id", f"The id is {id_!r}, the file is called {slug!r:.80}.", "Give both the same name.")
    if category and category not in CATEGORIES:
        fields.fault("category", f"There is no category {category!r:.60}.", f"Use one of: {', '.join(CATEGORIES)}.")
    elif category and category != folder:
        fields.fault(
            "category", f"The category is {category!r}, the folder is {folder!r:.60}.", f"Move the file to {category}/."
        )


def _check_titles(fields: Fields, titles: Mapping[str, str], sections: list[Section]) -> None:
    spoken = {section.language for section in sections if section.form == "text"}
    for language in sorted(spoken - titles.keys()):
        fields.fault(
            "title", f"The text in {language} has no title.", f'Add title.{language} = "..." to the front matter.'
        )


def _check_audio(fields: Fields, audio: Mapping[str, str], sections: list[Section]) -> None:
    for language, name in audio.items():
        key = f"audio.{language}"
        if not MEDIA_NAME.fullmatch(name):
            fields.fault(
                key, f"{name!r:.80} is no plain file name.", "Put the recording beside this file and name it here."
            )
        if not any((s.language, s.form) == (language, "speech") for s in sections):
            fields.fault(
                key, f"The recording in {language} has no meaning.", f"Add `## {language} speech`: what the voice says."
            )
