"""The settings of a Zalo channel: what each mode needs, and what kind of road it makes. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct, field

from broadcaster.channel.base import Traits
from broadcaster.channel.zalo_article import AUTHOR_LIMIT, Look
from broadcaster.config import ChannelSettings, Secret, parse_span
from broadcaster.errors import WrongUse

CS_LIMIT = 2000  # characters of a text to one follower
TEMPLATE_VALUE_LIMIT = 400  # characters of one paragraph of a template
HOURS = "08:00-21:30"  # inside every window that the sources name for templates and broadcasts
USER = re.compile(r"[0-9]{6,25}")
SLOT = re.compile(r"\{(\w*)\}")
SLOTS = ("text", "title", "link")

ARTICLE = Traits(
    unit="audience", address="zalo", after_silence="ask", forms=("text",), max_length=0, hours=HOURS,
    needs_provider_approval=True,
)  # fmt: skip
CS = Traits(
    unit="person", address="zalo", after_silence="ask", receipts="push", forms=("chat", "text"), max_length=CS_LIMIT
)
TEMPLATE = Traits(
    unit="person", address="phone", after_silence="await_callback", receipts="push", forms=("chat",),
    max_length=TEMPLATE_VALUE_LIMIT, hours=HOURS, needs_provider_approval=True,
)  # fmt: skip


class Options(Struct, forbid_unknown_fields=True, kw_only=True):
    mode: Literal["article", "cs", "template"] = "article"
    app_id: str
    app_secret: Secret
    oa_id: str
    refresh_token: Secret
    hours: str | None = None
    appsecret_proof: bool = False
    cover_url: str = ""
    author: str = ""
    article_status: Literal["show", "hide"] = "show"
    review_poll: str = "5min"
    review_lead: str = "30min"
    target: dict[str, str | list[int]] = field(default_factory=lambda: {"gender": "0"})
    template_id: str = ""
    template_data: dict[str, str] = {}
    template_by: Literal["phone", "uid"] = "phone"
    webhook_secret: Secret | None = None
    former_webhook_secret: Secret | None = None
    webhook_first_term: Literal["any", "app_id", "oa_id"] = "any"


def traits_of(name: str, options: Options) -> Traits:
    found = {"article": ARTICLE, "cs": CS, "template": TEMPLATE}[options.mode]
    if options.mode == "article":
        found = replace(found, review_lead=parse_span(options.review_lead, where=f"channels.{name}.review_lead"))
    if options.mode == "template" and options.template_by == "uid":
        found = replace(found, address="zalo", after_silence="ask")
    return found if options.hours is None else replace(found, hours=options.hours)


def look_of(options: Options, settings: ChannelSettings) -> Look:
    return Look(
        author=options.author or settings.office_name[:AUTHOR_LIMIT],
        cover_url=options.cover_url,
        status=options.article_status,
        target=options.target,
        review_poll=parse_span(options.review_poll, where=f"channels.{settings.name}.review_poll"),
        monthly_quota=settings.common.monthly_quota,
        daily_quota=settings.common.daily_quota,
        zone=ZoneInfo(settings.timezone),
    )


def check_settings(name: str, options: Options, settings: ChannelSettings) -> None:
    """Raises: WrongUse naming the key."""
    where = f"config: channels.{name}"
    if not USER.fullmatch(options.oa_id):
        raise WrongUse(f"{where}.oa_id: give the official account's id, a long number.")
    if not options.app_id.isdecimal():
        raise WrongUse(f"{where}.app_id: give the app's id, a long number.")
    if options.hours and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d", options.hours):
        raise WrongUse(f'{where}.hours: write them like "08:00-21:30", or "" for any hour.')
    if options.mode == "article":
        _check_article(where, options, settings)
    if options.mode == "template":
        _check_template(where, options)


def _check_article(where: str, options: Options, settings: ChannelSettings) -> None:
    if not options.cover_url.startswith("https://"):
        raise WrongUse(f"{where}.cover_url: an article needs a cover; give the https address of a picture.")
    if len(options.author) > AUTHOR_LIMIT:
        raise WrongUse(f"{where}.author: at most {AUTHOR_LIMIT} characters.")
    if not settings.common.monthly_quota:
        raise WrongUse(
            f"{where}.monthly_quota: say how many broadcasts a month the account's package carries, as its console shows."
        )
    if parse_span(options.review_poll, where=f"{where}.review_poll").total_seconds() < 1:
        raise WrongUse(f"{where}.review_poll: at least 1s.")


def _check_template(where: str, options: Options) -> None:
    if not options.template_id:
        raise WrongUse(f"{where}.template_id: give the id of the approved template.")
    known = ", ".join(f"{{{slot}}}" for slot in SLOTS)
    if not options.template_data:
        raise WrongUse(f"{where}.template_data: say which value of the template says what, with {known}.")
    for key, value in options.template_data.items():
        if any(slot not in SLOTS for slot in SLOT.findall(value)):
            raise WrongUse(f"{where}.template_data.{key}: in braces stands one of {known}.")
