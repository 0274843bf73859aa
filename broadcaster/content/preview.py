"""What a form is before it is approved: how long, how many SMS at what price on which channel, how it sounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from broadcaster.config import Config
from broadcaster.content import render, sms
from broadcaster.content.check import Way, opt_out_sample
from broadcaster.content.speech import Reading, read

SMS_FORMS = ("sms", "sms-plain")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One person on one channel."""

    channel: str
    parts: int
    money: dict[str, str] | None  # {"amount", "currency"}; None without a price in the configuration


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """The unaccented text, proposed: without tones a word can turn into another, so a person reads it first."""

    text: str  # as it may be put into the file
    count: sms.Count
    costs: tuple[Cost, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """One form of one language."""

    language: str
    form: str
    text: str  # with the facts filled in; `{{ opt_out }}` stands as it is
    shown: str  # as it goes out, with a link of the length it will have
    count: sms.Count | None = None  # of an SMS
    costs: tuple[Cost, ...] = ()
    twin: Twin | None = None  # where there is no `sms-plain` yet
    reading: Reading | None = None  # of a speech form


def preview(config: Config, ways: list[Way], *, language: str, form: str, text: str, has_plain: bool) -> Preview:
    """`ways` as `check.ways` finds them; `has_plain`: the language has a `sms-plain` of its own."""
    sample = opt_out_sample(config.web.public_url)
    shown = text.replace(render.OPT_OUT, sample)
    base: dict[str, Any] = {"language": language, "form": form, "text": text, "shown": shown}
    if form == "speech":
        return Preview(**base, reading=read(text, language))
    if form not in SMS_FORMS:
        return Preview(**base)
    count = sms.count(shown)
    twin = None
    if form == "sms" and not has_plain:
        plain = sms.count(sms.plain(shown))
        costs = _costs(config, ways, "sms-plain", plain.parts)
        twin = Twin(text=sms.plain(text), count=plain, costs=costs)
    return Preview(**base, count=count, costs=_costs(config, ways, form, count.parts), twin=twin)


def _costs(config: Config, ways: list[Way], form: str, parts: int) -> tuple[Cost, ...]:
    """What one person costs on each channel that says this form."""
    found = []
    for way in ways:
        if "sms" in way.traits.forms and way.accents == (form == "sms"):
            price = config.channel(way.name).common.price
            money = {"amount": amount(price.micros * parts), "currency": price.currency} if price else None
            found.append(Cost(channel=way.name, parts=parts, money=money))
    return tuple(found)


def amount(micros: int) -> str:
    """Millionths as a decimal, without zeros that say nothing: 1660000000 -> "1660"."""
    whole, part = divmod(micros, 1_000_000)
    return f"{whole}.{part:06d}".rstrip("0").rstrip(".")
