"""Is the library fit to be sent? Every fault with its file, line and remedy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import PurePath
from zoneinfo import ZoneInfo

from broadcaster.channel import opt_out_link, registry
from broadcaster.channel.base import Channel, Media, Outgoing, Traits
from broadcaster.channel.form import form_for
from broadcaster.config import Config
from broadcaster.content import letters, render, words
from broadcaster.content.facts import MOST_FAULTS, WARN_DAYS, Fact
from broadcaster.content.fault import Fault, Faulty
from broadcaster.content.files import MIME_TYPES, Library, read_media
from broadcaster.content.item import Item, Section
from broadcaster.content.sms import costly, count, plain
from broadcaster.content.telephone import find as find_numbers
from broadcaster.errors import BroadcasterError

NO_LINK = ("speech", "headline", "poster", "title")  # forms nobody can follow a personal link in

# Addresses of the right shape, so that a channel's own check can look at the text.
PARTS_USUAL = 2  # of one SMS; docs/how-to/author.md asks for it
SAMPLE_TO = {"phone": "+84912345678", "email": "a@example.vn", "telegram": "-1001234567890", "loudspeaker": "muong-lat"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A configured channel, as far as a text must fit it."""

    name: str
    traits: Traits
    accents: bool = True
    channel: Channel | None = None  # None if it cannot be built here: a secret is missing


def ways(config: Config) -> tuple[list[Way], list[Fault]]:
    """The configured channels, and what is wrong with their settings. No network."""
    found: list[Way] = []
    faults: list[Fault] = []
    for name in config.channels:
        settings = config.channel(name)
        try:
            channel = registry.build(settings)
            found.append(Way(name=name, traits=channel.traits, accents=settings.common.accents, channel=channel))
            continue
        except BroadcasterError as error:
            faults.append(Fault(path="config.toml", text=str(error).removeprefix("config: "), about=name))
        try:
            found.append(
                Way(name=name, traits=registry.traits(settings.common.adapter), accents=settings.common.accents)
            )
        except BroadcasterError:
            pass  # the same sentence as above
    return found, faults


def today(now: datetime, config: Config) -> date:
    """The office's date."""
    return now.astimezone(ZoneInfo(config.office.timezone)).date()


def opt_out_sample(public_url: str) -> str:
    """A link of the length that will stand in place of `{{ opt_out }}`."""
    return opt_out_link.sample(public_url)


def library(found: Library, *, today: date, ways: Sequence[Way], opt_out: str) -> list[Fault]:
    """Every fault of facts and messages, in the order of file and line.

    While the facts file cannot be read, only what keeps files from being read: without facts every message looks wrong.
    """
    if _no_facts(found):
        return [*found.faults, _not_checked(found)]
    own = {(item.id, item.path) for item in found.items.values()}
    faults = [fault for fault in found.faults if (fault.about, fault.path) not in own]
    faults += facts(found, today=today)
    for item in found.items.values():
        faults += message(found, item, today=today, ways=ways, opt_out=opt_out)
    used = {fault.path for fault in faults} | {item.path for item in found.items.values()}
    for path, raw in found.raws.items():
        if path in used and not any(item.path == path for item in found.items.values()):
            faults += _letters(path, raw, [], about="")
    return sorted(dict.fromkeys(faults), key=lambda fault: (fault.path, fault.line or 0))


def no_way_out(found: Library, *, public_url: str) -> list[Fault]:
    """A warning for each text that promises a link, while the office has no public address to make one of."""
    if public_url:
        return []
    return [
        _Where.of(item, section).fault(
            "The text holds `{{ opt_out }}`, and `public_url` in [web] is empty: nobody is sent it until that is set.",
            "Set `public_url`, or take the link out of the text.",
            warning=True,
        )
        for item in found.items.values()
        for section in item.sections
        if render.OPT_OUT in section.text
    ]


def _no_facts(found: Library) -> bool:
    return not found.facts and any(fault.path == found.facts_path and not fault.warning for fault in found.faults)


def _not_checked(found: Library) -> Fault:
    return Fault(
        path=found.facts_path,
        text=f"The {len(found.items)} messages were not checked: they quote facts.",
        remedy="Mend the facts file, then check again.",
        warning=True,
    )


def facts(found: Library, *, today: date) -> list[Fault]:
    """Facts that are overdue, or will be within 30 days."""
    return [
        Fault(
            path=found.facts_path,
            line=fact.line,
            text=_overdue(fact, today),
            remedy="Check it with its source, then set verified_on and verify_by.",
            about=fact.name,
            warning=not fact.overdue(today),
        )
        for fact in found.facts.values()
        if fact.days_left(today) <= max(WARN_DAYS)
    ]


def message(found: Library, item: Item, *, today: date, ways: Sequence[Way], opt_out: str) -> list[Fault]:
    """Every fault of one message, those of its file included."""
    faults = [fault for fault in found.faults if fault.path == item.path]
    faults += read_media(found, item)[1]
    faults += _letters(item.path, found.raws.get(item.path, ""), item.sections, about=item.id)
    faults += _window(item, today)
    faults += _quotes_overdue(item, found.facts, today)
    for where, template in _templates(item):
        faults += _placeholders(where, template, found.facts)
        faults += _numbers(where, template, found.facts)
        faults += _words(where, template, item.category)
    for section in item.sections:
        if section.form == "speech" and section.language not in item.audio:
            faults += _spoken(_Where.of(item, section), section, found.facts)
    try:
        texts, titles = render.texts(item, found.facts), render.titles(item, found.facts)
    except Faulty:
        return _most(faults)  # what cannot be rendered is named above
    faults += _plain_forms(item, texts)
    for way in ways:
        faults += _fits(item, texts, titles, way, opt_out)
    return _most(faults)


def _most(faults: list[Fault]) -> list[Fault]:
    """The first fifty, those that fail the check before the warnings: a flood of warnings hides no fault."""
    return sorted(faults, key=lambda fault: fault.warning)[:MOST_FAULTS]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Where:
    """A text of a message, and how to say where in it."""

    item: Item
    language: str
    form: str
    line: int

    @classmethod
    def of(cls, item: Item, section: Section) -> _Where:
        return cls(item=item, language=section.language, form=section.form, line=section.line)

    @property
    def name(self) -> str:
        return f"{self.language} {self.form}"

    def fault(self, text: str, remedy: str, *, after: str = "", warning: bool = False) -> Fault:
        """`after` is the text before the place: its line ends are counted."""
        line = self.line + after.count("\n")
        return Fault(path=self.item.path, line=line, text=text, remedy=remedy, about=self.item.id, warning=warning)


def _templates(item: Item) -> Iterator[tuple[_Where, str]]:
    for language, title in item.titles.items():
        yield _Where(item=item, language=language, form="title", line=item.title_lines.get(language, 1)), title
    for section in item.sections:
        yield _Where.of(item, section), section.text


def _letters(path: str, raw: str, sections: Iterable[Section], *, about: str) -> list[Fault]:
    languages = {section.line: section.language for section in sections}
    faults: list[Fault] = []
    language = ""
    for number, line in enumerate(raw.split("\n"), 1):
        language = languages.get(number, language)
        for finding in letters.find(line, language):
            faults.append(Fault(path=path, line=number, text=finding.text, remedy=finding.remedy, about=about))
        if len(faults) >= MOST_FAULTS:
            break
    return faults


def _window(item: Item, today: date) -> list[Fault]:
    if item.valid_until is None or item.valid_until >= today:
        return []
    text = f"The message was valid until {item.valid_until.isoformat()} and is no longer sent."
    return [
        Fault(
            path=item.path, line=1, text=text, remedy="Set `valid` anew, or take it out.", about=item.id, warning=True
        )
    ]


def _placeholders(where: _Where, template: str, facts: Mapping[str, Fact]) -> Iterator[Fault]:
    for at, text, remedy in islice(render.wrong_placeholders(template, facts), MOST_FAULTS):
        yield where.fault(text, remedy, after=template[:at])
    for match in render.PLACEHOLDER.finditer(template):
        if match[2] and where.form in NO_LINK:
            yield where.fault(
                f"`{{{{ opt_out }}}}` is of no use in {where.name}: nobody can follow it there.",
                "Take it out.",
                after=template[: match.start()],
            )


def _quotes_overdue(item: Item, facts: Mapping[str, Fact], today: date) -> Iterator[Fault]:
    """Once per fact, at the first text that quotes it."""
    told: set[str] = set()
    for where, template in _templates(item):
        for name in sorted(render.quoted_in(template, facts) - told):
            if facts[name].overdue(today):
                told.add(name)
                yield where.fault(
                    f"It quotes a fact, and {_overdue(facts[name], today)}",
                    "Check the fact with its source and set verify_by; if it changed, submit the message again.",
                )


def _overdue(fact: Fact, today: date) -> str:
    days = fact.days_left(today)
    if days < 0:
        return f"the fact {fact.name!r} is overdue since {fact.verify_by.isoformat()}."
    return f"the fact {fact.name!r} is overdue in {days} days, after {fact.verify_by.isoformat()}; nothing with it goes out then."


def _numbers(where: _Where, template: str, facts: Mapping[str, Fact]) -> Iterator[Fault]:
    """Numbers to dial, and values of facts, that are typed by hand."""
    rest = render.PLACEHOLDER.sub(lambda match: "_" * len(match[0]), template)
    known = {render.number_of(fact): name for name, fact in facts.items() if render.number_of(fact)}
    numbers = find_numbers(rest)
    unknown = [number for number in numbers if number.digits not in known][:MOST_FAULTS]
    typed = [number for number in numbers if number.digits in known][:MOST_FAULTS]
    for number in (*unknown, *typed):
        after = template[: number.at]
        if number.digits not in known:
            yield where.fault(
                f"{number.text!r} looks like a telephone number and is no fact.",
                "Add it to facts.toml with its source, and write {{ fact.NAME }} here; if nobody dials it, write it in words.",
                after=after,
            )
        elif where.form != "title":
            yield where.fault(
                f"{number.text!r} is typed by hand.",
                f"Write {{{{ fact.{known[number.digits]} }}}}: a changed number then fills in by itself.",
                after=after,
                warning=True,
            )
    for name, fact in facts.items():
        if len(fact.value) >= render.QUOTED_LENGTH and not render.number_of(fact) and fact.value in rest:
            yield where.fault(
                f"{fact.value!r} is typed by hand.",
                f"Write {{{{ fact.{name} }}}}: it is then checked and changed in one place.",
                after=template[: rest.index(fact.value)],
                warning=True,
            )
        said = fact.speech.get(where.language)
        if where.form == "speech" and said and said in rest:
            yield where.fault(
                f"{said!r} is typed by hand.",
                f"Write {{{{ fact.{name} }}}}: in `speech` it is read as its speech.{where.language}.",
                after=template[: rest.index(said)],
                warning=not render.number_of(fact),
            )


def _words(where: _Where, template: str, category: str) -> Iterator[Fault]:
    text = render.clean(template)
    for finding in islice(words.find(text), MOST_FAULTS):
        allowed = finding.person and category == "commendation"
        remedy = "Have the person's written consent on file." if allowed else finding.remedy
        yield where.fault(finding.text, remedy, after=text[: finding.at], warning=allowed)


def _spoken(where: _Where, section: Section, facts: Mapping[str, Fact]) -> Iterator[Fault]:
    """A number without a spoken form would be read as an amount: "one hundred and eleven"."""
    for match in render.PLACEHOLDER.finditer(section.text):
        fact = facts.get(match[1] or "")
        if fact and render.number_of(fact) and section.language not in fact.speech:
            yield where.fault(
                f"The fact {fact.name!r} does not say how it is read aloud in {section.language}.",
                f'Add speech.{section.language} = "..." to it in facts.toml.',
                after=section.text[: match.start()],
            )


def _plain_forms(item: Item, texts: Mapping[str, Mapping[str, str]]) -> Iterator[Fault]:
    for section in item.sections:
        if section.form != "sms-plain":
            continue
        where = _Where.of(item, section)
        if strange := costly(texts[section.language]["sms-plain"]):
            yield where.fault(
                f"sms-plain must be without accents, and has: {' '.join(strange[:20])}",
                "Use plain letters; `broadcaster message preview` proposes the whole text.",
            )
        accented = item.forms(section.language).get("sms")
        if accented is not None and _names(accented) != _names(section.text):
            yield where.fault(
                "sms and sms-plain do not quote the same facts.", "Bring sms-plain up to date with sms.", warning=True
            )


def _names(template: str) -> set[str | None]:
    return {match[1] for match in render.PLACEHOLDER.finditer(template)}


def _fits(
    item: Item, texts: Mapping[str, Mapping[str, str]], titles: Mapping[str, str], way: Way, opt_out: str
) -> Iterator[Fault]:
    """What keeps the message from a channel that has a form for it."""
    for language, forms in texts.items():
        form = form_for(forms, way.traits, accents=way.accents)
        if form is None:
            if not way.accents and "sms" in way.traits.forms and forms.get("sms"):
                where = _Where(item=item, language=language, form="sms", line=item.line_of(language, "sms"))
                yield where.fault(
                    f"Channel {way.name} takes no accents, and there is no `## {language} sms-plain`.",
                    f"Add it; proposed, to be read by a person: {plain(item.forms(language)['sms'])}",
                    warning=True,
                )
            continue
        where = _Where(item=item, language=language, form=form, line=item.line_of(language, form))
        if render.OPT_OUT in forms[form] and way.traits.unit != "person":
            yield where.fault(
                f"Channel {way.name} speaks to many, and `{{{{ opt_out }}}}` is one person's link: nothing stands there.",
                "Keep it to forms that only channels to single people use, or take it out.",
                warning=True,
            )
        text = forms[form].replace(render.OPT_OUT, opt_out)
        if form in ("sms", "sms-plain") and (parts := count(text).parts) > PARTS_USUAL:
            yield where.fault(
                f"{where.name} takes {parts} SMS parts, each paid for by every recipient.",
                f"Shorten it to {PARTS_USUAL} parts or fewer; `broadcaster message preview` shows what costs.",
                warning=True,
            )
        recordings = _recordings(item, language)
        link = opt_out if render.OPT_OUT in forms[form] else ""
        for problem in _problems(way, text, link, title=titles.get(language, ""), language=language, media=recordings):
            yield where.fault(
                f"{where.name} does not fit channel {way.name}: {problem.rstrip('.')}.", "Change this form."
            )


def _recordings(item: Item, language: str) -> tuple[Media, ...]:
    """What a channel is told of the recording; whether it lies there is found elsewhere."""
    name = item.audio.get(language, "")
    mime_type = MIME_TYPES.get(PurePath(name).suffix.lower())
    return (Media(name=name, mime_type=mime_type, sha256="", path=""),) if mime_type else ()


def _problems(
    way: Way, text: str, opt_out: str, *, title: str, language: str, media: tuple[Media, ...] = ()
) -> list[str]:
    to = way.name if way.traits.unit == "public" else SAMPLE_TO.get(way.traits.address)
    to = getattr(way.channel, "sample_to", to)  # of a channel that takes one address only
    if way.channel is not None and to is not None:
        return way.channel.check(
            Outgoing(
                key="check-0",
                dedupe_key="check",
                to=to,
                text=text,
                title=title,
                language=language,
                link="https://tin.example.gov.vn/m/check",
                opt_out=opt_out,
                media=media,
                expires_at=datetime(9999, 1, 1, tzinfo=UTC),
            )
        )
    if 0 < way.traits.max_length < len(text):
        return [f"it has {len(text)} characters, and {way.traits.max_length} is the most"]
    return []
