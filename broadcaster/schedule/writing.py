"""Writing a campaign's file for people who fill in forms: one table is replaced, all else stays as somebody wrote it.

What was typed goes in as it is: a wrong date becomes a text, which the check then names. Pure, but for `write`.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from broadcaster.errors import Conflict
from broadcaster.schedule.spec import CampaignSpec, ScheduleSpec, key_lines

DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?")
AMOUNT = re.compile(r"\d{1,12}(\.\d{1,6})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignDraft:
    """The [campaign] table as typed; "" leaves a key out."""

    id: str
    title: str
    since: str
    until: str
    timezone: str = ""
    quiet_hours: str | None = None  # None leaves it to the office's rule, "" is none
    blackout: tuple[tuple[str, str, str], ...] = ()  # from, until, reason
    report_due: str = ""
    languages: tuple[str, ...] = ()
    amount: str = ""
    currency: str = "VND"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleDraft:
    """One [[schedule]] as typed. `kind`: daily, cron or at."""

    id: str
    messages: tuple[str, ...]
    kind: str
    pick: str = "rotate"
    times: tuple[str, ...] = ()
    days: tuple[str, ...] = ()
    cron: str = ""
    at: str = ""
    since: str = ""
    until: str = ""
    channels: tuple[str, ...] = ()  # chains: "zalo > sms"
    group: str = ""
    language: str = ""
    run: str = "latest"
    within: str = "6h"
    priority: str = "normal"
    fallback_after: str = ""


def campaign_draft(spec: CampaignSpec) -> CampaignDraft:
    """What the form shows of a campaign there is."""
    return CampaignDraft(
        id=spec.id, title=spec.title, since=str(spec.since), until=str(spec.until), timezone=spec.timezone,
        quiet_hours=spec.quiet_hours,
        blackout=tuple((str(one.since), str(one.until), one.reason) for one in spec.blackout),
        report_due=str(spec.report_due or ""), languages=spec.languages,
        amount=spec.budget.amount if spec.budget else "", currency=spec.budget.currency if spec.budget else "VND",
    )  # fmt: skip


def schedule_draft(spec: ScheduleSpec) -> ScheduleDraft:
    """What the form shows of a schedule there is."""
    when = spec.when
    return ScheduleDraft(
        id=spec.id, messages=spec.messages, kind="at" if when.at else "cron" if when.cron else "daily", pick=spec.pick,
        times=when.daily, days=when.days, cron=when.cron, at=when.at, since="" if when.at else str(when.since),
        until="" if when.at else str(when.until), channels=tuple(" > ".join(chain) for chain in spec.channels),
        group=spec.group, language=spec.language, run=spec.if_missed.run, within=span_of(spec.if_missed.within),
        priority=spec.priority, fallback_after=span_of(spec.fallback_after) if spec.fallback_after else "",
    )  # fmt: skip


def span_of(seconds: int) -> str:
    """21600 -> "6h", as the file takes it."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def campaign_table(draft: CampaignDraft) -> str:
    """The text of [campaign]."""
    lines = ["[campaign]", f"id = {_text(draft.id)}", f"title = {_text(draft.title)}"]
    lines += [f"from = {_day(draft.since)}", f"until = {_day(draft.until)}"]
    if draft.timezone:
        lines.append(f"timezone = {_text(draft.timezone)}")
    if draft.quiet_hours is not None:
        lines.append(f"quiet_hours = {_text(draft.quiet_hours)}")
    spans = [
        f"{{ from = {_day(first)}, {f'until = {_day(last)}, ' if last else ''}reason = {_text(why)} }}"
        for first, last, why in draft.blackout
    ]
    lines.append(f"blackout = [{', '.join(spans)}]")
    if draft.report_due:
        lines.append(f"report_due = {_day(draft.report_due)}")
    if draft.languages:
        lines.append(f"languages = {_list(draft.languages)}")
    if draft.amount:
        amount = draft.amount if AMOUNT.fullmatch(draft.amount) and not draft.amount.startswith("0") else None
        lines.append(f"budget = {{ amount = {amount or _text(draft.amount)}, currency = {_text(draft.currency)} }}")
    return "\n".join(lines) + "\n"


def schedule_table(draft: ScheduleDraft) -> str:
    """The text of one [[schedule]]."""
    lines = ["[[schedule]]", f"id = {_text(draft.id)}", f"messages = {_list(draft.messages)}"]
    lines += [f"pick = {_text(draft.pick)}", f"when = {_when(draft)}", f"channels = {_list(draft.channels)}"]
    if draft.group:
        lines.append(f"group = {_text(draft.group)}")
    if draft.language:
        lines.append(f"language = {_text(draft.language)}")
    lines.append(f"if_missed = {{ run = {_text(draft.run)}, within = {_text(draft.within)} }}")
    lines.append(f"priority = {_text(draft.priority)}")
    if draft.fallback_after:
        lines.append(f"fallback_after = {_text(draft.fallback_after)}")
    return "\n".join(lines) + "\n"


def with_campaign(text: str, draft: CampaignDraft) -> str:
    """The file with its [campaign] as the draft says."""
    return _replaced(text, "campaign", campaign_table(draft))


def with_schedule(text: str, draft: ScheduleDraft, *, at: int | None) -> str:
    """The file with its schedule number `at` as the draft says; None appends one."""
    if at is None:
        return f"{text.rstrip()}\n\n{schedule_table(draft)}"
    return _replaced(text, f"schedule.{at}", schedule_table(draft))


def without_schedule(text: str, *, at: int) -> str:
    """The file without its schedule number `at`."""
    return _replaced(text, f"schedule.{at}", "")


def digest(text: str) -> str:
    """What a form was filled in from; shows whether the file was changed meanwhile."""
    return sha256(text.encode()).hexdigest()


def read(path: Path) -> str:
    """The file's text, "" if there is none."""
    return path.read_text(encoding="utf-8-sig").replace("\r\n", "\n") if path.is_file() else ""


def write(path: Path, text: str, *, seen: str) -> None:
    """All of it or nothing. `seen`: digest of what the person had before them. Raises: Conflict if it was changed since."""
    if digest(read(path)) != seen:
        raise Conflict("The file was changed meanwhile, by somebody else or in another window. Open the form anew.")
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with draft.open("w", encoding="utf-8", newline="\n") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _replaced(text: str, place: str, table: str) -> str:
    """From the table's head to the notes above the next head."""
    lines = text.split("\n")
    found = key_lines(text)
    heads = sorted(number for key, number in found.items() if key == "campaign" or re.fullmatch(r"schedule\.\d+", key))
    first = found[place] - 1
    last = next((number - 1 for number in heads if number - 1 > first), len(lines))
    while last > first + 1 and (not lines[last - 1].strip() or lines[last - 1].lstrip().startswith("#")):
        last -= 1
    before, after = "\n".join(lines[:first]), "\n".join(lines[last:]).lstrip("\n")
    kept = [part for part in (before.rstrip(), table.rstrip(), after.rstrip()) if part]
    joint = "\n\n" if not before.rstrip().split("\n")[-1].startswith("#") else "\n"
    return (kept[0] + joint + "\n\n".join(kept[1:]) if before.rstrip() and len(kept) > 1 else "\n\n".join(kept)) + "\n"


def _when(draft: ScheduleDraft) -> str:
    span = "".join(
        f", {key} = {_day(day)}" for key, day in (("from", draft.since), ("until", draft.until)) if day
    )  # fmt: skip
    if draft.kind == "at":
        whole = f"{draft.at}:00" if len(draft.at) == len("2027-07-30T07:00") else draft.at  # TOML wants seconds
        return f"{{ at = {whole if MOMENT.fullmatch(whole) else _text(draft.at)} }}"
    if draft.kind == "cron":
        return f"{{ cron = {_text(draft.cron)}{span} }}"
    return f"{{ daily = {_list(draft.times)}, days = {_list(draft.days)}{span} }}"


def _day(text: str) -> str:
    return text if DATE.fullmatch(text) else _text(text)


def _list(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(_text, texts))}]"


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "")
