"""The settings as they may be shown: every key with its value and its sentence, and never a secret or a person's address."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec
from msgspec import Struct

from broadcaster.config import ChannelCommon, Config, Price, sentences
from broadcaster.web.words.settings import meaning

PERSONAL = frozenset({"duty.to", "duty.fallback"})  # an officer's number: that it is set is enough
OPEN_KEYS = frozenset(
    {"from", "sender", "brandname", "mode", "forms", "stations"}
)  # texts of an adapter that name no secret
HIDDEN = "•••"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    key: str  # without its section
    value: str
    sentence: str
    language: str  # of the sentence


def sections(config: Config, language: str) -> Iterator[tuple[str, list[Setting]]]:
    """Section by section, as in the file; then one for each channel."""
    for section in msgspec.structs.fields(Config):
        if isinstance(section.type, type) and issubclass(section.type, Struct):
            values = getattr(config, section.name)
            yield section.name, [_setting(section.name, key, _of(values, key), said, language)
                                 for key, said in sentences(section.type)]  # fmt: skip
    for name in config.channels:
        yield f"channels.{name}", _channel(config, name, language)


def _of(values: Struct, key: str) -> Any:
    return next(getattr(values, one.name) for one in msgspec.structs.fields(values) if one.encode_name == key)


def _setting(section: str, key: str, value: Any, said: str, language: str) -> Setting:
    full = f"{section}.{key}"
    sentence, tongue = meaning(full, said, language)
    shown = (
        HIDDEN if full in PERSONAL and value else _without_password(value) if full == "database.url" else _shown(value)
    )
    return Setting(key=key, value=shown, sentence=sentence, language=tongue)


def _channel(config: Config, name: str, language: str) -> list[Setting]:
    settings = config.channel(name)
    found = [_setting("channels", key, _of(settings.common, key), said, language) for key, said in sentences(ChannelCommon)
             if key in config.channels[name]]  # fmt: skip
    found += [
        Setting(key=key, value=_own(key, value), sentence="", language="en") for key, value in settings.own.items()
    ]
    return found


def _own(key: str, value: Any) -> str:
    """An adapter's key: numbers, switches and references as they are; other text only where it is known to be harmless."""
    harmless = isinstance(value, bool | int | float) or key in OPEN_KEYS or _is_reference(value)
    return _shown(value) if harmless else HIDDEN


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in ("env", "file")


def _shown(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case dict() if value:  # first: the pattern {} is every dict
            return ", ".join(f"{key} = {one}" for key, one in value.items())
        case None | "" | [] | {}:
            return "–"
        case Price():
            return f"{value.amount} {value.currency}"
        case list():
            return ", ".join(map(str, value))
    return str(value)


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if parts.password is None:
        return url
    who = f"{parts.username}:{HIDDEN}@" if parts.username else f"{HIDDEN}@"
    return urlunsplit(parts._replace(netloc=who + parts.netloc.rpartition("@")[2]))
