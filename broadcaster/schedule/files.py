"""The folder of campaign files: found by campaign id, and checked against the library and the configuration."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path

from broadcaster.channel.form import form_for
from broadcaster.config import Config
from broadcaster.content import letters, words
from broadcaster.content.check import ways
from broadcaster.content.fault import Fault, Faulty
from broadcaster.content.files import Library
from broadcaster.content.item import Item
from broadcaster.dispatch.road import Road
from broadcaster.errors import NotFound
from broadcaster.schedule.spec import FILE_LIMIT, CampaignFile, CampaignSpec, OfficeRules, ScheduleSpec, parse

ALIKE = 0.8  # two names this much alike (difflib's ratio) are one name mistyped


# Keys of a channel's table that hold what people see a message comes from, the first that is there.
SENDER_KEYS = ("from", "sender", "brandname", "messaging_service_sid", "page_id", "oa_id")


def office_rules(config: Config) -> OfficeRules:
    """What holds where a campaign file is silent."""
    return OfficeRules(
        timezone=config.office.timezone,
        quiet_hours=config.defaults.quiet_hours,
        cap_per_24h=config.defaults.cap_per_24h,
        require_consent=config.defaults.require_consent,
    )


def read_all(folder: Path, config: Config) -> list[CampaignFile]:
    """Every `*.toml` of the folder, in order of name. Never raises for what stands in them."""
    office = office_rules(config)
    return [_read(path, f"{folder.name}/{path.name}", office) for path in sorted(folder.glob("*.toml"))]


def find(folder: Path, campaign_id: str, config: Config) -> CampaignSpec:
    """The campaign of that id. Raises: Faulty if its file has faults; NotFound naming the campaigns there are."""
    files = read_all(folder, config)
    for file in files:
        if file.spec and file.spec.id == campaign_id:
            return file.spec
    for file in files:
        if file.faults and Path(file.path).stem == campaign_id:
            raise Faulty(file.faults)
    there = ", ".join(file.spec.id for file in files if file.spec) or "none without a fault"
    raise NotFound(f"No campaign is called {campaign_id!r:.80}; {folder} has: {there}. See `broadcaster check`.")


def check_folder(folder: Path, library: Library, config: Config) -> list[Fault]:
    """Every fault of every campaign file: by itself, against the library's messages and against the channels."""
    if not folder.is_dir():
        text = "There is no such folder."
        return [Fault(path=folder.name, text=text, remedy="Set folders.schedules in config.toml.")]
    channels = roads(config)
    faults: list[Fault] = []
    seen: dict[str, str] = {}
    for file in read_all(folder, config):
        faults += file.faults
        if file.spec is None:
            continue
        faults += _place(file, file.spec, seen)
        faults += _letters((folder / Path(file.path).name).read_text(encoding="utf-8-sig"), file)
        faults += _against(file, file.spec, library, channels)
    return sorted(dict.fromkeys(faults), key=lambda fault: (fault.path, fault.line or 0))


def check_text(text: str, *, path: str, library: Library, config: Config) -> tuple[CampaignFile, list[Fault]]:
    """A campaign file that is not written yet: as it would be read, and every fault `check_folder` would find in it."""
    file = parse(text.encode(), path=path, office=office_rules(config))
    faults = [*file.faults, *_letters(text, file)]
    if file.spec is not None:
        faults += [*_place(file, file.spec, {}), *_against(file, file.spec, library, roads(config))]
    return file, sorted(dict.fromkeys(faults), key=lambda fault: fault.line or 0)


def _read(path: Path, shown: str, office: OfficeRules) -> CampaignFile:
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_LIMIT + 1)
    except OSError as error:
        fault = Fault(path=shown, text=f"The file cannot be read: {error.strerror}.", remedy="Check its permissions.")
        return CampaignFile(path=shown, spec=None, faults=(fault,), lines={})
    return parse(raw, path=shown, office=office)


def roads(config: Config) -> dict[str, Road]:
    """The configured channels whose adapter is there, as values; a secret that is missing does no harm.

    What is wrong with the others is told with the configuration.
    """
    found = {}
    for way in ways(config)[0]:
        settings = config.channel(way.name)
        found[way.name] = Road(
            channel=way.name,
            adapter=settings.common.adapter,
            traits=way.traits,
            accents=way.accents,
            languages=tuple(settings.common.languages),
            sender=next((str(settings.own[key]) for key in SENDER_KEYS if settings.own.get(key)), ""),
        )
    return found


def _fault(file: CampaignFile, place: str, text: str, remedy: str, *, warning: bool = False) -> Fault:
    about = file.spec.id if file.spec else ""
    return Fault(path=file.path, line=file.line(place), text=text, remedy=remedy, about=about, warning=warning)


def _place(file: CampaignFile, spec: CampaignSpec, seen: dict[str, str]) -> Iterator[Fault]:
    if spec.id in seen:
        text = f"The campaign {spec.id!r} is in {seen[spec.id]} too."
        yield _fault(file, "campaign.id", text, "Give each campaign its own id.")
    elif Path(file.path).stem != spec.id:
        text = f"The file is not called like its campaign, {spec.id!r}."
        yield _fault(file, "campaign.id", text, f"Rename the file to {spec.id}.toml, or correct the id.")
    seen.setdefault(spec.id, file.path)


def _against(file: CampaignFile, spec: CampaignSpec, library: Library, channels: dict[str, Road]) -> Iterator[Fault]:
    """Its schedules against the library's messages and the channels."""
    for number, schedule in enumerate(spec.schedules):
        place = f"schedule.{number}"
        yield from _messages(file, spec, schedule, place, library, channels)
        yield from _roads(file, schedule, place, channels)


def _letters(text: str, file: CampaignFile) -> Iterator[Fault]:
    """Invisible and foreign letters, which make two names look alike."""
    for number, line in enumerate(text.split("\n"), 1):
        for finding in letters.find(line):
            yield Fault(path=file.path, line=number, text=finding.text, remedy=finding.remedy)


def _messages(
    file: CampaignFile,
    spec: CampaignSpec,
    schedule: ScheduleSpec,
    place: str,
    library: Library,
    channels: dict[str, Road],
) -> Iterator[Fault]:
    place = f"{place}.messages"
    for message in schedule.messages:
        item = library.items.get(message)
        if item is None:
            yield _fault(
                file, place, f"There is no message {message!r}.", _nearest(message, list(library.items), "message")
            )
            continue
        yield from _valid(file, schedule, place, item)
        for channel in schedule.channel_names:
            if channel in channels and not _can_say(item, spec, schedule, channels[channel]):
                forms = " or ".join(channels[channel].traits.forms)
                text = f"The message {message!r} has no form that {channel!r} can say in the language of the schedule."
                yield _fault(file, place, text, f"Write its {forms} form, or take it out.")


def _valid(file: CampaignFile, schedule: ScheduleSpec, place: str, item: Item) -> Iterator[Fault]:
    when = schedule.when
    if (item.valid_from and item.valid_from > when.since) or (item.valid_until and item.valid_until < when.until):
        span = f"{item.valid_from or '...'} to {item.valid_until or '...'}"
        text = f"The message {item.id!r} is valid from {span} only, and is never sent outside that."
        yield _fault(file, place, text, "Correct its `valid`, or the schedule's from and until.", warning=True)


def _can_say(item: Item, spec: CampaignSpec, schedule: ScheduleSpec, channel: Road) -> bool:
    every = channel.traits.unit == "public" or schedule.language == "contact"
    languages = spec.languages if every else (schedule.language,)
    return any(form_for(item.forms(tag), channel.traits, accents=channel.accents) for tag in languages)


def _roads(file: CampaignFile, schedule: ScheduleSpec, place: str, channels: dict[str, Road]) -> Iterator[Fault]:
    for chain in schedule.channels:
        for channel in chain:
            if channel not in channels:
                yield _unknown(file, f"{place}.channels", channel, sorted(channels))
            elif channels[channel].traits.unit == "public" and len(chain) > 1:
                text = f"{channel!r} is public and reaches nobody in particular, so it cannot stand in a chain."
                yield _fault(file, f"{place}.channels", text, f'Write it alone: "{channel}".')
            elif channels[channel].traits.unit != "public" and not schedule.group:
                text = f"{channel!r} sends to people, and the schedule names no group."
                yield _fault(file, f"{place}.channels", text, 'Name one, like group = "border-communes".')
    if schedule.group and (why := words.accusing(schedule.group)):
        yield _fault(file, f"{place}.group", why, "Rename the group here and in the audience.")


def _unknown(file: CampaignFile, place: str, channel: str, known: Sequence[str]) -> Fault:
    """A mistyped channel is a fault; one that is not set up yet is told, for the sample campaigns use several."""
    text = f"No channel is called {channel!r} in config.toml."
    if near := difflib.get_close_matches(channel, known, n=1, cutoff=ALIKE):
        return _fault(file, place, text, f"Did you mean {near[0]!r}?")
    return _fault(
        file, place, text, f"Add [channels.{channel}] to config.toml, or take it out of the schedule.", warning=True
    )


def _nearest(name: str, names: list[str], what: str) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"`broadcaster {what} list` shows them all."
