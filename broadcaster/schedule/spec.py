"""A campaign file as values: what `schedules/<campaign>.toml` says, checked. Pure: text in, values and faults out.

`parse` never raises for what a person wrote: it returns every fault it finds, with its line. `canonical` are the bytes
that an approval binds, `from_canonical` reads them back.
"""

from __future__ import annotations

import calendar
import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from broadcaster.config import parse_span
from broadcaster.content.fault import Fault, Faulty
from broadcaster.content.toml import LANGUAGE
from broadcaster.content.toml import parse as parse_toml
from broadcaster.dispatch.timing import day_exists, parse_quiet
from broadcaster.errors import BroadcasterError

FILE_LIMIT = 1024 * 1024  # bytes; a campaign of a whole year with twenty schedules has about 10 kB
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
PICKS = ("rotate", "random", "all")
RUNS = ("latest", "all", "none")
PRIORITIES = ("normal", "priority")
SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
SLUG_LENGTH = 64
CHANNEL = re.compile(r"[a-z][a-z0-9-]{0,31}")  # as config.toml takes them
WITHIN_MOST = timedelta(days=7)  # a message a week late is another message
DAYS_MOST = 3 * 366  # a window longer than three years is a mistyped year

CAMPAIGN_KEYS = (
    "id", "title", "from", "until", "timezone", "quiet_hours", "blackout", "report_due", "languages", "budget",
)  # fmt: skip
SCHEDULE_KEYS = ("id", "messages", "pick", "when", "channels", "group", "language", "if_missed", "priority",
                 "fallback_after")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """At which nominal local times: exactly one of `daily`, `cron` and `at` is filled."""

    daily: tuple[str, ...] = ()  # "08:00", sorted
    days: tuple[str, ...] = WEEKDAYS  # of `daily`
    cron: str = ""  # five fields, weekdays as names
    at: str = ""  # "2027-07-30T07:00"
    since: date  # first day, inclusive: the campaign's, or the schedule's own later one
    until: date  # last day, inclusive


@dataclass(frozen=True, slots=True, kw_only=True)
class IfMissed:
    """What becomes of occurrences whose time passed while nothing could be sent."""

    run: Literal["latest", "all", "none"] = "latest"
    within: int = 6 * 3600  # seconds after the nominal time; nothing starts at or after it


@dataclass(frozen=True, slots=True, kw_only=True)
class Blackout:
    """Local dates, both inclusive, on which nothing is sent."""

    since: date
    until: date
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Money as it stands in reports: a decimal in text, and its ISO 4217 currency."""

    amount: str
    currency: str

    @property
    def micros(self) -> int:
        """Millionths of the currency."""
        return int(Decimal(self.amount) * 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleSpec:
    """When x which messages x which channels x which group."""

    id: str
    messages: tuple[str, ...]
    pick: Literal["rotate", "random", "all"] = "rotate"
    when: When
    channels: tuple[tuple[str, ...], ...]  # chains: (("zalo", "sms"), ("web",))
    group: str = ""  # "" = only public channels
    language: str = ""  # a tag, "contact", or "" = the campaign's first
    if_missed: IfMissed = IfMissed()
    priority: Literal["normal", "priority"] = "normal"
    fallback_after: int = 0  # seconds without a receipt after which a chain goes on; 0 = only after a definite failure

    @property
    def channel_names(self) -> tuple[str, ...]:
        return tuple(name for chain in self.channels for name in chain)


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignSpec:
    """A whole campaign file, with the office's defaults filled in, so that an approval binds them too."""

    id: str
    title: str
    since: date  # first day, inclusive, in `timezone`
    until: date  # last day, inclusive
    timezone: str
    quiet_hours: str  # "21:30-08:00" or ""
    blackout: tuple[Blackout, ...] = ()
    report_due: date | None = None
    languages: tuple[str, ...] = ("vi",)  # the first is the default
    budget: Budget | None = None
    cap_per_24h: int
    require_consent: bool
    schedules: tuple[ScheduleSpec, ...]

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def blackout_text(self) -> str:
        """As broadcasts keep it: `2027-07-20/2027-07-21,...`."""
        return ",".join(f"{span.since}/{span.until}" for span in self.blackout)

    def schedule(self, schedule_id: str) -> ScheduleSpec:
        return next(schedule for schedule in self.schedules if schedule.id == schedule_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficeRules:
    """What the office's configuration says where a campaign is silent."""

    timezone: str = "Asia/Ho_Chi_Minh"
    quiet_hours: str = "21:30-08:00"
    cap_per_24h: int = 3
    require_consent: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignFile:
    """What was read of one file: the campaign if it has no fault, and where each key stands."""

    path: str
    spec: CampaignSpec | None
    faults: tuple[Fault, ...]
    lines: Mapping[str, int]  # "campaign.from" or "schedule.0.channels" -> line

    def line(self, place: str) -> int:
        """The line of a key, or of what it stands in; 0 if even that is not known."""
        return line_of(self.lines, place)


def canonical(value: Any) -> bytes:
    """Canonical JSON: keys sorted, no blanks, UTF-8. The bytes that are hashed."""
    return msgspec.json.Encoder(order="sorted").encode(value)


def from_canonical(raw: bytes) -> CampaignSpec:
    """The campaign out of the bytes of `canonical(spec)`. Raises: msgspec.ValidationError for any others."""
    return msgspec.json.decode(raw, type=CampaignSpec)


def parse(raw: bytes, *, path: str, office: OfficeRules) -> CampaignFile:
    """Read one campaign file. Never raises: every fault is in the answer, and `spec` is None if there is one."""
    reader = _Reader(path)
    table = reader.decode(raw)
    spec = reader.campaign(table, office) if table is not None else None
    faults = tuple(sorted(reader.faults, key=lambda fault: fault.line or 0))
    return CampaignFile(path=path, spec=None if faults else spec, faults=faults, lines=reader.lines)


def key_lines(text: str) -> dict[str, int]:
    """The line of each key of a TOML text: `campaign.from`, `schedule.0.channels`. Inline tables count as their key."""
    found: dict[str, int] = {}
    counts: dict[str, int] = {}
    table, depth, quote = "", 0, ""
    for number, line in enumerate(text.split("\n"), 1):
        if not depth and not quote:
            if match := re.match(r"\s*\[(\[?)\s*([\w.-]+)\s*\]\]?", line):
                table = match[2]
                if match[1]:
                    counts[table] = counts.get(table, -1) + 1
                    table = f"{table}.{counts[table]}"
                found.setdefault(table, number)
                continue
            if match := re.match(r"\s*([\w.-]+)\s*=", line):
                found.setdefault(f"{table}.{match[1]}" if table else match[1], number)
        depth, quote = _nesting(line, depth, quote)
    return found


def line_of(lines: Mapping[str, int], place: str) -> int:
    """The line of a dotted key, or of what it stands in; 0 if even that is not known."""
    while place and place not in lines:
        place = place.rpartition(".")[0]
    return lines.get(place, 0)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?")) else ".")


def _nesting(line: str, depth: int, quote: str) -> tuple[int, str]:
    """How deep in brackets, and in which multi-line string, the text stands after this line."""
    for token in re.findall(r'"""|\'\'\'|"(?:\\.|[^"\\])*"|\'[^\']*\'|#|[\[\]{}]', line):
        if quote:
            quote = "" if token == quote else quote
        elif token in ('"""', "'''"):
            quote = token
        elif token == "#":
            break
        elif token in "[{":
            depth += 1
        elif token in "]}":
            depth = max(0, depth - 1)
    return depth, quote


class _Reader:
    """Walks the decoded tables once and gathers faults. One method per table of the file."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.campaign_id = ""
        self.faults: list[Fault] = []
        self.lines: dict[str, int] = {}

    # -- ground ---------------------------------------------------------------------------------------------------

    def fault(self, place: str | int, text: str, remedy: str) -> None:
        """`place` is a key ("campaign.from"), whose line is looked up, or a line."""
        line = place if isinstance(place, int) else line_of(self.lines, place)
        self.faults.append(
            Fault(
                path=self.path,
                line=line or None,
                text=_sentence(text),
                remedy=_sentence(remedy),
                about=self.campaign_id,
            )
        )

    def decode(self, raw: bytes) -> dict[str, Any] | None:
        if len(raw) > FILE_LIMIT:
            self.fault(0, "the file is larger than 1 MB", "a campaign file holds one campaign; split it")
            return None
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            self.fault(raw[: error.start].count(b"\n") + 1, "the file is not UTF-8", "save it as UTF-8 in the editor")
            return None
        text = text.replace("\r\n", "\n")
        self.lines = key_lines(text)
        if text != unicodedata.normalize("NFC", text):
            line = next(n for n, part in enumerate(text.split("\n"), 1) if part != unicodedata.normalize("NFC", part))
            self.fault(
                line, "letters and accents stand apart (not NFC)", "type the line again, or save the file as NFC"
            )
        try:
            return parse_toml(text, path=self.path)
        except Faulty as broken:
            self.faults.extend(broken.faults)
            return None

    def known(self, table: Mapping[str, Any], keys: Iterable[str], place: str) -> None:
        keys = tuple(keys)
        for key in table:
            if key not in keys:
                near = difflib.get_close_matches(key, keys, n=1, cutoff=0.5)
                remedy = f"did you mean {near[0]!r}?" if near else f"the keys here are {', '.join(keys)}"
                self.fault(f"{place}.{key}" if place else key, f"unknown key {key!r}", remedy)

    def table(self, parent: Mapping[str, Any], key: str, place: str, remedy: str) -> dict[str, Any] | None:
        value = parent.get(key)
        if isinstance(value, dict):
            return value
        if value is not None:
            self.fault(f"{place}.{key}" if place else key, f"{key!r} is no table", remedy)
        return None

    def text(self, table: Mapping[str, Any], key: str, place: str, remedy: str, default: str | None = None) -> str:
        value = table.get(key, default)
        if value is None:
            self.fault(place, f"{key!r} is missing", remedy)
        elif not isinstance(value, str) or (not value.strip() and default is None):
            self.fault(f"{place}.{key}", f"{key!r} is no text", remedy)
        else:
            return value
        return ""

    def texts(self, table: Mapping[str, Any], key: str, place: str, remedy: str) -> tuple[str, ...]:
        value = table.get(key)
        if value is None:
            self.fault(place, f"{key!r} is missing", remedy)
        elif not isinstance(value, list) or not value or not all(isinstance(part, str) and part for part in value):
            self.fault(f"{place}.{key}", f"{key!r} is no list of texts", remedy)
        elif twice := [part for part in value if value.count(part) > 1]:
            self.fault(f"{place}.{key}", f"{key!r} names {twice[0]!r} twice", "name it once")
        else:
            return tuple(value)
        return ()

    def choice(self, table: Mapping[str, Any], key: str, place: str, choices: tuple[str, ...]) -> Any:
        value = table.get(key, choices[0])
        if value in choices:
            return value
        near = difflib.get_close_matches(str(value), choices, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else f"write one of {', '.join(choices)}"
        self.fault(f"{place}.{key}", f"{key!r} is {value!r}", remedy)
        return choices[0]

    def day(self, table: Mapping[str, Any], key: str, place: str) -> date | None:
        value = table.get(key)
        if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
            return value
        self.fault(f"{place}.{key}", f"{key!r} is no date", f"write it without quotes: {key} = 2027-07-01")
        return None

    def slug(self, table: Mapping[str, Any], key: str, place: str) -> str:
        value = self.text(table, key, place, f'give it a name: {key} = "lower-case-with-hyphens"')
        if value and (not SLUG.fullmatch(value) or len(value) > SLUG_LENGTH):
            remedy = f"use lower-case letters, digits and hyphens, at most {SLUG_LENGTH}"
            self.fault(f"{place}.{key}", f"{key!r} is {value!r}", remedy)
        return value

    # -- [campaign] -----------------------------------------------------------------------------------------------

    def campaign(self, file: dict[str, Any], office: OfficeRules) -> CampaignSpec | None:
        self.known(file, ("campaign", "schedule"), "")
        table = self.table(file, "campaign", "", "write it as a table: [campaign]")
        if table is None:
            self.fault(0, "there is no [campaign]", "begin the file with [campaign] and its id, title, from and until")
            return None
        self.known(table, CAMPAIGN_KEYS, "campaign")
        self.campaign_id = self.slug(table, "id", "campaign")
        title = self.text(table, "title", "campaign", 'write what staff call it: title = "..."')
        zone_name = self._timezone(table, office)
        languages = self._languages(table)
        quiet = self._quiet(table, office)
        budget = self._budget(table)
        window = self._window(table, ZoneInfo(zone_name))
        if window is None:
            return None  # every date below would be said to lie outside it
        since, until = window
        blackout = self._blackouts(table, since, until)
        report_due = self.day(table, "report_due", "campaign")
        if report_due and report_due < since:
            self.fault(
                "campaign.report_due", "the report is due before the campaign begins", "correct one of the dates"
            )
        schedules = self._schedules(file, since, until, languages, ZoneInfo(zone_name))
        return CampaignSpec(
            id=self.campaign_id,
            title=title,
            since=since,
            until=until,
            timezone=zone_name,
            quiet_hours=quiet,
            blackout=blackout,
            report_due=report_due,
            languages=languages,
            budget=budget,
            cap_per_24h=office.cap_per_24h,
            require_consent=office.require_consent,
            schedules=schedules,
        )

    def _timezone(self, table: Mapping[str, Any], office: OfficeRules) -> str:
        name = self.text(table, "timezone", "campaign", 'write it like "Asia/Ho_Chi_Minh"', office.timezone)
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            self.fault("campaign.timezone", f"{name!r} is no IANA time zone", 'write it like "Asia/Ho_Chi_Minh"')
            return office.timezone
        return name

    def _window(self, table: Mapping[str, Any], zone: ZoneInfo) -> tuple[date, date] | None:
        """First and last day; None after a fault."""
        before = len(self.faults)
        days = []
        for key in ("from", "until"):
            day = self.day(table, key, "campaign")
            if key not in table:
                self.fault("campaign", f"{key!r} is missing", f"write the day, inclusive: {key} = 2027-07-01")
            elif day and not day_exists(day, zone):
                self.fault(f"campaign.{key}", f"{day} does not exist in {zone.key}", "take the day before or after it")
            days.append(day)
        since, until = days
        if since and until and until < since:
            self.fault(
                "campaign.until", f"the campaign ends on {until}, before it begins on {since}", "correct one of them"
            )
        elif since and until and (until - since).days > DAYS_MOST:
            self.fault("campaign.until", "the campaign is longer than three years", "check the years")
        return (since, until) if since and until and len(self.faults) == before else None

    def _languages(self, table: Mapping[str, Any]) -> tuple[str, ...]:
        if "languages" not in table:
            return ("vi",)
        languages = self.texts(table, "languages", "campaign", 'write them like languages = ["vi", "en"]')
        for tag in languages:
            if not LANGUAGE.fullmatch(tag):
                self.fault("campaign.languages", f"{tag!r} is no language tag", 'write tags like "vi", "en" or "hmn"')
        return languages or ("vi",)

    def _quiet(self, table: Mapping[str, Any], office: OfficeRules) -> str:
        text = self.text(table, "quiet_hours", "campaign", 'write it like "21:30-08:00"', office.quiet_hours)
        try:
            parse_quiet(text)
        except BroadcasterError:
            self.fault(
                "campaign.quiet_hours", f"{text!r} are no hours", 'write them like "21:30-08:00", or "" for none'
            )
        return text

    def _blackouts(self, table: Mapping[str, Any], since: date, until: date) -> tuple[Blackout, ...]:
        place, example = "campaign.blackout", "blackout = [{ from = 2027-07-20, until = 2027-07-21 }]"
        value = table.get("blackout", [])
        if not isinstance(value, list) or not all(isinstance(span, dict) for span in value):
            self.fault(place, "'blackout' is no list of spans", f"write it like {example}")
            return ()
        found = []
        for span in value:
            self.known(span, ("from", "until", "reason"), place)
            first = self.day(span, "from", place)
            last = self.day(span, "until", place) if "until" in span else first
            reason = self.text(span, "reason", place, 'write why, like reason = "quốc tang"', "")
            if first is None or last is None:
                if "from" not in span:
                    self.fault(place, "a blackout has no 'from'", f"write it like {example}")
            elif last < first:
                self.fault(place, f"a blackout ends on {last}, before it begins on {first}", "correct one of the dates")
            elif last < since or first > until:
                self.fault(
                    place, f"the blackout of {first} lies outside the campaign", "take it out, or correct its year"
                )
            else:
                found.append(Blackout(since=first, until=last, reason=reason))
        return tuple(found)

    def _budget(self, table: Mapping[str, Any]) -> Budget | None:
        example = 'write it like budget = { amount = 50_000_000, currency = "VND" }'
        value = self.table(table, "budget", "campaign", example)
        if value is None:
            return None
        self.known(value, ("amount", "currency"), "campaign.budget")
        amount, currency = value.get("amount"), value.get("currency")
        if isinstance(amount, bool) or not isinstance(amount, int | float | str):
            self.fault("campaign.budget", "the budget has no amount", example)
            return None
        if not re.fullmatch(r"\d{1,12}(\.\d{1,6})?", str(amount)):
            self.fault("campaign.budget", f"the budget's amount is {amount!r}", example)
            return None
        if not isinstance(currency, str) or not re.fullmatch(r"[A-Z]{3}", currency):
            self.fault(
                "campaign.budget", f"the budget's currency is {currency!r}", 'write its ISO 4217 code, like "VND"'
            )
            return None
        return Budget(amount=str(amount), currency=currency)

    # -- [[schedule]] ---------------------------------------------------------------------------------------------

    def _schedules(
        self, file: Mapping[str, Any], since: date, until: date, languages: tuple[str, ...], zone: ZoneInfo
    ) -> tuple[ScheduleSpec, ...]:
        value = file.get("schedule")
        if not isinstance(value, list) or not value or not all(isinstance(table, dict) for table in value):
            self.fault("schedule", "there is no [[schedule]]", "add one: id, messages, when, channels")
            return ()
        found = [self._schedule(table, f"schedule.{n}", since, until, languages, zone) for n, table in enumerate(value)]
        seen: set[str] = set()
        for n, schedule in enumerate(found):
            if schedule and schedule.id in seen:
                self.fault(f"schedule.{n}.id", f"there are two schedules {schedule.id!r}", "give each its own id")
            seen.add(schedule.id if schedule else "")
        return tuple(schedule for schedule in found if schedule)

    def _schedule(
        self,
        table: Mapping[str, Any],
        place: str,
        since: date,
        until: date,
        languages: tuple[str, ...],
        zone: ZoneInfo,
    ) -> ScheduleSpec | None:
        before = len(self.faults)
        self.known(table, SCHEDULE_KEYS, place)
        schedule_id = self.slug(table, "id", place)
        messages = self.texts(table, "messages", place, 'name messages of the library: messages = ["hotline-111"]')
        channels = self._channels(table, place)
        group = self.text(table, "group", place, 'name a group: group = "border-communes"', "")
        language = self._language(table, place, languages)
        if_missed = self._if_missed(table, place)
        fallback_after = self._fallback_after(table, place, channels, if_missed)
        pick = self.choice(table, "pick", place, PICKS)
        priority = self.choice(table, "priority", place, PRIORITIES)
        when = self._when(table, place, since, until, zone)
        if when is None or len(self.faults) > before:
            return None
        return ScheduleSpec(
            id=schedule_id,
            messages=messages,
            pick=pick,
            when=when,
            channels=channels,
            group=group.strip(),
            language=language,
            if_missed=if_missed,
            priority=priority,
            fallback_after=fallback_after,
        )

    def _fallback_after(
        self, table: Mapping[str, Any], place: str, channels: tuple[tuple[str, ...], ...], if_missed: IfMissed
    ) -> int:
        text = self.text(table, "fallback_after", place, 'write a span, like "2h"', "")
        if not text:
            return 0
        place = f"{place}.fallback_after"
        try:
            span = parse_span(text, where="fallback_after")
        except BroadcasterError:
            self.fault(place, f"'fallback_after' is {text!r}", 'write a span, like "2h"')
            return 0
        if not timedelta(minutes=1) <= span < timedelta(seconds=if_missed.within):
            remedy = "let it be at least 1 minute, and shorter than if_missed.within: nothing starts after that"
            self.fault(place, f"'fallback_after' is {text!r}", remedy)
        if not any(len(chain) > 1 for chain in channels):
            self.fault(
                place, "'fallback_after' has no chain to go on in", 'write channels = ["a > b"], or leave it out'
            )
        return int(span.total_seconds())

    def _channels(self, table: Mapping[str, Any], place: str) -> tuple[tuple[str, ...], ...]:
        texts = self.texts(table, "channels", place, 'name channels of config.toml: channels = ["zalo > sms", "web"]')
        chains = tuple(tuple(name.strip() for name in text.split(">")) for text in texts)
        seen: set[str] = set()
        for name in (name for chain in chains for name in chain):
            if not CHANNEL.fullmatch(name):
                self.fault(f"{place}.channels", f"{name!r} is no name of a channel", 'write "a > b", or "a"')
            elif name in seen:
                remedy = f"let {name!r} stand alone or in one chain, never both: nobody gets the same broadcast twice"
                self.fault(f"{place}.channels", f"the channel {name!r} stands there twice", remedy)
            seen.add(name)
        return chains

    def _language(self, table: Mapping[str, Any], place: str, languages: tuple[str, ...]) -> str:
        language = self.text(
            table, "language", place, f'write "contact", or one of {", ".join(languages)}', languages[0]
        )
        if language and language != "contact" and language not in languages:
            remedy = f'write "contact", one of {", ".join(languages)}, or add it to the campaign\'s languages'
            self.fault(f"{place}.language", f"the campaign does not speak {language!r}", remedy)
        return language

    def _if_missed(self, table: Mapping[str, Any], place: str) -> IfMissed:
        place = f"{place}.if_missed"
        value = self.table(table, "if_missed", place.rpartition(".")[0], 'write { run = "latest", within = "6h" }')
        if value is None:
            return IfMissed()
        self.known(value, ("run", "within"), place)
        run = self.choice(value, "run", place, RUNS)
        text = self.text(value, "within", place, 'write a span, like "6h"', "6h")
        try:
            within = parse_span(text, where="within")
        except BroadcasterError:
            self.fault(place, f"'within' is {text!r}", 'write a span, like "30min" or "6h"')
            return IfMissed()
        if not timedelta(minutes=1) <= within <= WITHIN_MOST:
            self.fault(place, f"'within' is {text!r}", "let it be between 1 minute and 7 days")
        return IfMissed(run=run, within=int(within.total_seconds()))

    # -- when -----------------------------------------------------------------------------------------------------

    def _when(self, table: Mapping[str, Any], place: str, since: date, until: date, zone: ZoneInfo) -> When | None:
        example = 'write it like when = { daily = ["08:00"], days = ["mon-fri"] }'
        value = self.table(table, "when", place, example)
        if value is None:
            if "when" not in table:
                self.fault(place, "'when' is missing", example)
            return None
        place = f"{place}.when"
        kinds = [kind for kind in ("daily", "cron", "at") if kind in value]
        if len(kinds) != 1:
            self.fault(place, "'when' needs exactly one of daily, cron and at", example)
            return None
        keys = {"daily": ("daily", "days", "from", "until"), "cron": ("cron", "from", "until"), "at": ("at",)}
        self.known(value, keys[kinds[0]], place)
        first, last = self._span(value, place, since, until, zone)
        read = {"daily": self._daily, "cron": self._cron, "at": self._at}[kinds[0]]
        return read(value, place, first, last, zone)

    def _span(
        self, value: Mapping[str, Any], place: str, since: date, until: date, zone: ZoneInfo
    ) -> tuple[date, date]:
        first, last = self.day(value, "from", place) or since, self.day(value, "until", place) or until
        for key, day in (("from", first), ("until", last)):
            if not since <= day <= until:
                self.fault(
                    f"{place}.{key}", f"{day} lies outside the campaign ({since} to {until})", "correct the date"
                )
            elif not day_exists(day, zone):
                self.fault(f"{place}.{key}", f"{day} does not exist in {zone.key}", "take the day before or after it")
        if last < first:
            self.fault(
                f"{place}.until", f"the schedule ends on {last}, before it begins on {first}", "correct one of them"
            )
        return max(first, since), min(last, until)

    def _daily(self, value: Mapping[str, Any], place: str, first: date, last: date, zone: ZoneInfo) -> When | None:  # noqa: ARG002
        times = self.texts(value, "daily", place, 'write local times in quotes: daily = ["08:00", "19:30"]')
        for text in times:
            if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
                self.fault(
                    f"{place}.daily", f"{text!r} is no time of day", 'write it like "08:00", from 00:00 to 23:59'
                )
        days: tuple[str, ...] | None = WEEKDAYS
        if "days" in value:
            texts = self.texts(value, "days", place, 'write them like days = ["mon-fri", "sun"]')
            days = self._weekdays(texts, f"{place}.days")
        if not times or not days:
            return None
        when = When(daily=tuple(sorted(times)), days=days, since=first, until=last)
        span = range(min((last - first).days + 1, 7))
        if not any(WEEKDAYS[(first + timedelta(days=n)).weekday()] in days for n in span):
            self.fault(place, f"none of its days falls between {first} and {last}", "correct the days or the dates")
        return when

    def _weekdays(self, texts: Iterable[str], place: str) -> tuple[str, ...] | None:
        """Names and ranges of names, over the end of the week too, as a sorted tuple of names; None after a fault."""
        found: set[str] = set()
        for text in texts:
            first, _, last = text.partition("-")
            if first not in WEEKDAYS or (last or first) not in WEEKDAYS:
                why = " (a number means a different day to different programs)" if re.search(r"\d", text) else ""
                self.fault(place, f"{text!r} is no weekday{why}", 'write names: "mon-fri", "sat", "sun"')
                return None
            start, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
            found.update(WEEKDAYS[(start + n) % 7] for n in range((end - start) % 7 + 1))
        return tuple(sorted(found, key=WEEKDAYS.index))

    def _at(self, value: Mapping[str, Any], place: str, first: date, last: date, zone: ZoneInfo) -> When | None:
        at = value["at"]
        example = "write local date and time without quotes: at = 2027-07-30T07:00:00"
        if not isinstance(at, datetime):
            self.fault(place, "'at' is no date with a time", example)
        elif at.tzinfo is not None:
            self.fault(place, "'at' has an offset from UTC", f"{example}; the campaign's time zone holds")
        elif at.second or at.microsecond:
            self.fault(place, "'at' has seconds", example)
        elif not first <= at.date() <= last:
            self.fault(place, f"{at.date()} lies outside the campaign ({first} to {last})", "correct one of the dates")
        elif not day_exists(at.date(), zone):
            self.fault(place, f"{at.date()} does not exist in {zone.key}", "take the day before or after it")
        else:
            return When(at=f"{at:%Y-%m-%dT%H:%M}", since=first, until=last)
        return None

    def _cron(self, value: Mapping[str, Any], place: str, first: date, last: date, zone: ZoneInfo) -> When | None:  # noqa: ARG002
        text = self.text(value, "cron", place, 'write five fields: cron = "0 8 * * mon-fri"').strip().lower()
        fields = text.split()
        if len(fields) != 5:
            self.fault(
                place, f"{text!r} has {len(fields)} fields", "write minute, hour, day, month, weekday: 0 8 * * mon-fri"
            )
            return None
        if fields[2] != "*" and fields[4] != "*":
            remedy = "programs disagree whether both or either must hold: leave one as *, or make two schedules"
            self.fault(place, f"{text!r} names a day of the month and a weekday", remedy)
            return None
        names = ("minute", "hour", "day of the month", "month")
        spans = ((0, 59), (0, 23), (1, 31), (1, 12))
        values = [
            self._cron_field(field, name, span, place) for field, name, span in zip(fields, names, spans, strict=False)
        ]
        days = WEEKDAYS if fields[4] == "*" else self._weekdays(fields[4].split(","), place)
        if days is None or any(found is None for found in values):
            return None
        when = When(cron=" ".join([*fields[:4], "*" if fields[4] == "*" else ",".join(days)]), since=first, until=last)
        self._cron_dates(fields[2], values[2] or (), values[3] or (), days, first, last, place)
        return when

    def _cron_field(self, text: str, name: str, span: tuple[int, int], place: str) -> tuple[int, ...] | None:
        """The numbers a field stands for; None after a fault. Months may be names."""
        low, high = span
        found: set[int] = set()
        for part in text.split(","):
            match = re.fullmatch(r"(?:(\*)|(\w+)(?:-(\w+))?)(?:/(\d+))?", part)
            start = low if match and match[1] else self._cron_number(match[2] if match else "", name)
            end = high if match and match[1] else self._cron_number(match[3] or match[2] if match else "", name)
            step = int(match[4]) if match and match[4] else 1
            if match is None or start is None or end is None or not low <= start <= end <= high or step < 1:
                self.fault(place, f"{part!r} is no {name}", f"write {low} to {high}, a range, a list, * or */5")
                return None
            if match[4] and not match[1] and not match[3]:
                self.fault(
                    place, f"{part!r} means different things to different programs", f"write {match[2]}-{high}/{step}"
                )
                return None
            found.update(range(start, end + 1, step))
        return tuple(sorted(found))

    def _cron_number(self, text: str, name: str) -> int | None:
        if name == "month" and text in MONTHS:
            return MONTHS.index(text) + 1
        return int(text) if re.fullmatch(r"\d{1,2}", text) else None

    def _cron_dates(
        self,
        field: str,
        days: tuple[int, ...],
        months: tuple[int, ...],
        weekdays: tuple[str, ...],
        first: date,
        last: date,
        place: str,
    ) -> None:
        """Dates a cron names must exist: a 31st that a month of the window has not got would be skipped in silence."""
        span = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        if not any(day.day in days and day.month in months and WEEKDAYS[day.weekday()] in weekdays for day in span):
            self.fault(place, f"no such day falls between {first} and {last}", "correct the cron or the dates")
            return
        if not re.fullmatch(r"[\d,]+", field):
            return  # a range or a step means "as many as the month has"
        for year, month in sorted({(day.year, day.month) for day in span if day.month in months}):
            length = calendar.monthrange(year, month)[1]
            if days[-1] > length and first <= date(year, month, length) <= last:
                remedy = f"name months that have it, or take day {length} or earlier"
                self.fault(place, f"{year}-{month:02} has no day {days[-1]}", remedy)
                return
