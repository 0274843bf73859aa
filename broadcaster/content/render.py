"""From a message as written to the bytes that are approved: facts filled in, once, and everything in one canonical form. Pure.

Revision bytes: canonical JSON (msgspec, sorted keys) of
`{"v":1, "message", "category", "source", "titles", "texts": {language: {form: text}}, "facts": {name: digest},
"media": {language: {"name", "sha256", "mime_type"}}, "valid": {"from", "until"}}`; the revision's hash is their SHA-256.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec

from broadcaster.content.facts import Fact
from broadcaster.content.fault import Fault, Faulty
from broadcaster.content.item import Item
from broadcaster.content.sms import plain
from broadcaster.content.telephone import digits_of, find

OPT_OUT = "{{ opt_out }}"  # stays until dispatch: the one text that differs from person to person
PLACEHOLDER = re.compile(r"\{\{[ \t]*(?:fact\.([a-z][a-z0-9_]*)|(opt_out))[ \t]*\}\}")
QUOTED_LENGTH = 6  # characters; a shorter value (not a telephone number) stands in a text by chance
DIFF_WORDS = 10_000  # words and blanks; comparing takes quadratic time, so longer texts are compared by line

_ENCODE = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFile:
    """A recording as it lies beside the message."""

    name: str
    mime_type: str
    sha256: str  # hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A revision: what is approved, stored, and sent."""

    hash: str  # SHA-256, hex, of `canonical`
    canonical: bytes
    message_id: str
    category: str
    facts: Mapping[str, str]  # name -> digest of the fact as quoted
    valid_from: date | None = None
    valid_until: date | None = None


def snapshot(item: Item, facts: Mapping[str, Fact], media: Mapping[str, MediaFile] | None = None) -> Snapshot:
    """The revision of a message as it stands now. Raises: Faulty for an unknown fact or other braces, with the line."""
    shown = {name: facts[name].digest for name in sorted(quoted(item, facts))}
    body = {
        "v": 1,
        "message": item.id,
        "category": item.category,
        "source": clean(item.source),
        "titles": titles(item, facts),
        "texts": texts(item, facts),
        "facts": shown,
        "media": {
            language: {"name": file.name, "sha256": file.sha256, "mime_type": file.mime_type}
            for language, file in (media or {}).items()
        },
        "valid": {
            key: day.isoformat()
            for key, day in (("from", item.valid_from), ("until", item.valid_until))
            if day is not None
        },
    }
    canonical = _ENCODE(body)
    return Snapshot(
        hash=hashlib.sha256(canonical).hexdigest(),
        canonical=canonical,
        message_id=item.id,
        category=item.category,
        facts=shown,
        valid_from=item.valid_from,
        valid_until=item.valid_until,
    )


def texts(item: Item, facts: Mapping[str, Fact]) -> dict[str, dict[str, str]]:
    """Language -> form -> text with the facts filled in. Raises: Faulty."""
    result: dict[str, dict[str, str]] = {}
    for section in item.sections:
        filled = fill(
            section.text,
            facts,
            language=section.language,
            form=section.form,
            path=item.path,
            line=section.line,
            about=item.id,
        )
        result.setdefault(section.language, {})[section.form] = filled
    return result


def titles(item: Item, facts: Mapping[str, Fact]) -> dict[str, str]:
    """Language -> title with the facts filled in. Raises: Faulty."""
    return {
        language: fill(
            title,
            facts,
            language=language,
            form="title",
            path=item.path,
            line=item.title_lines.get(language, 1),
            about=item.id,
        )
        for language, title in item.titles.items()
    }


def fill(
    template: str,
    facts: Mapping[str, Fact],
    *,
    language: str,
    form: str,
    path: str = "",
    line: int = 1,
    about: str = "",
) -> str:
    """The text with every `{{ fact.NAME }}` replaced, in one pass: a fact's value is never looked at again.

    Raises: Faulty for an unknown fact and for any brace that is no placeholder.
    """
    faults = [
        Fault(path=path, line=line + template.count("\n", 0, at), text=text, remedy=remedy, about=about)
        for at, text, remedy in wrong_placeholders(template, facts)
    ]
    if faults:
        raise Faulty(faults)
    return clean(PLACEHOLDER.sub(lambda match: _value(match, facts, language=language, form=form), template))


def wrong_placeholders(template: str, facts: Mapping[str, Fact]) -> Iterator[tuple[int, str, str]]:
    """Offset, fault and remedy of every placeholder that cannot be filled, and of every other brace."""
    for match in PLACEHOLDER.finditer(template):
        if match[1] and match[1] not in facts:
            yield (
                match.start(),
                f"There is no fact {match[1]!r:.80}.",
                f"Add it to facts.toml, or use one of: {_known(facts)}.",
            )
    rest = PLACEHOLDER.sub(lambda match: "_" * len(match[0]), template)
    for found in re.finditer(r"\{+[^{}\n]{0,40}\}*|\}+", rest):
        yield (
            found.start(),
            f"{found[0][:40]!r} is no placeholder.",
            "Only {{ fact.NAME }} and {{ opt_out }} are replaced; take other braces out.",
        )


def quoted(item: Item, facts: Mapping[str, Fact]) -> set[str]:
    """Names of the known facts a message shows: by placeholder, or typed by hand (the same number, the same words)."""
    shown = [*item.titles.values(), *(section.text for section in item.sections)]
    return {name for text in shown for name in quoted_in(text, facts)}


def quoted_in(text: str, facts: Mapping[str, Fact]) -> set[str]:
    """The same for one text as written."""
    names = {match[1] for match in PLACEHOLDER.finditer(text) if match[1] in facts}
    rest = clean(PLACEHOLDER.sub(" ", text))
    dialled = {number.digits for number in find(rest)}
    for name, fact in facts.items():
        if (len(fact.value) >= QUOTED_LENGTH and fact.value in rest) or (dialled and number_of(fact) in dialled):
            names.add(name)
    return names


def number_of(fact: Fact) -> str:
    """The digits of a fact that is a telephone number, "" for any other fact."""
    return digits_of(fact.value) if re.fullmatch(r"[\d\s.+()\-]{3,24}", fact.value) else ""


def clean(text: str) -> str:
    """NFC, line ends as one newline, nothing before and after."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def decode(canonical: bytes) -> dict[str, Any]:
    """The revision's JSON as a dict."""
    body: dict[str, Any] = msgspec.json.decode(canonical)
    return body


def differences(approved: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two decoded revisions, one sentence each, without the texts themselves."""
    found = [f"{key} differs" for key in ("category", "source", "valid") if approved.get(key) != now.get(key)]
    for key, what in (("media", "recording"), ("facts", "fact")):
        old, new = approved.get(key, {}), now.get(key, {})
        found += [
            f"{what} {name} {_change(old, new, name)}"
            for name in sorted({*old, *new})
            if old.get(name) != new.get(name)
        ]
    old_texts, new_texts = _flat(approved), _flat(now)
    for name in sorted({*old_texts, *new_texts}):
        if old_texts.get(name) != new_texts.get(name):
            found.append(f"text {name} {_change(old_texts, new_texts, name)}")
    return found


def word_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, str]:
    """Title or text that differs -> its words, what is gone as [-...-] and what is new as {+...+}."""
    before, after = _flat(old), _flat(new)
    return {
        name: _marked(before.get(name, ""), after.get(name, ""))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    }


def _marked(old: str, new: str) -> str:
    before, after = re.findall(r"\S+\s*|\s+", old), re.findall(r"\S+\s*|\s+", new)
    if len(before) + len(after) > DIFF_WORDS:
        before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    result: list[str] = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            result += before[a:b]
            continue
        result += [f"[-{''.join(before[a:b])}-]"] if b > a else []
        result += [f"{{+{''.join(after[c:d])}+}}"] if d > c else []
    return "".join(result)


def _flat(body: Mapping[str, Any]) -> dict[str, str]:
    titles = {f"{language} title": title for language, title in body.get("titles", {}).items()}
    return titles | {
        f"{language} {form}": text for language, forms in body.get("texts", {}).items() for form, text in forms.items()
    }


def _change(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> str:
    if name not in old:
        return "is new"
    return "is gone" if name not in new else "differs"


def _value(match: re.Match[str], facts: Mapping[str, Fact], *, language: str, form: str) -> str:
    if match[2]:
        return OPT_OUT
    fact = facts[match[1]]
    if form == "speech":
        return fact.speech.get(language, fact.value)
    return plain(fact.value) if form == "sms-plain" else fact.value


def _known(facts: Mapping[str, Fact]) -> str:
    names = sorted(facts)
    return (", ".join(names[:12]) + (", ..." if len(names) > 12 else "")) or "none yet"
