"""`broadcaster doctor`: what is wrong with this installation, and how to mend it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from typing import Any

import click

from broadcaster.cli.session import Session, command, emit, json_option

REVIEWS_SHOWN = 20  # newest
LEAST_FREE = 500 * 1024 * 1024  # bytes; reliability-security.md B2


@click.group()
def _root() -> None: ...


@command(_root, "doctor")
@json_option
def doctor(session: Session, as_json: bool) -> int:
    """Look at everything once; exit 1 if something must be mended."""
    found = list(_look(session))
    if as_json:
        emit(found, as_json=True)
    else:
        for one in found:
            click.echo(f"{'ok ' if one['ok'] else 'NOT'}  {one['what']}{'' if one['ok'] else ': ' + one['mend']}")
    return 0 if all(one["ok"] for one in found) else 1


def _look(session: Session) -> Iterator[dict[str, Any]]:
    from broadcaster.channel import registry
    from broadcaster.errors import BroadcasterError

    yield _try("configuration", lambda: session.config)
    yield _try("database", lambda: session.database)
    yield _free(session)
    yield _try("office key", lambda: session.office_key)
    yield _try("ledger key", lambda: session.config.secret(session.config.ledger.key, where="ledger.key"))
    yield from _permissions(session)
    yield {"ok": True, "what": f"adapters: {', '.join(registry.names())}", "mend": ""}
    for name in session.config.channels:
        try:
            notice = getattr(registry.build(session.config.channel(name)), "notice", "")
        except BroadcasterError as error:
            yield {"ok": False, "what": f"channel {name}", "mend": str(error)}
        else:
            yield {"ok": True, "what": f"channel {name}{': ' + notice if notice else ''}", "mend": ""}
    yield from _people(session)
    yield from _lanes(session)
    yield from _providers(session)
    yield from _reports(session)
    yield from _listening(session)
    yield {"ok": True, "what": f"SQLite {sqlite3.sqlite_version}", "mend": ""}


def _people(session: Session) -> Iterator[dict[str, Any]]:
    """Who gives rights to others: with one admin nobody looks on. No fault, for an office begins so."""
    from broadcaster.access import appointment
    from broadcaster.errors import BroadcasterError

    try:
        with session.read() as connection:
            admins, alone = appointment.active_admins(connection), appointment.made_alone(connection)
    except BroadcasterError:
        return  # the database's own line says why
    if len(admins) < 2:
        what = (
            "only one admin: who approves is decided by one person; add another: broadcaster user add NAME --role admin"
        )
        yield {"ok": True, "what": what, "mend": ""}
    if alone:
        what = f"given their rights by one person alone: {', '.join(sorted(alone))}; two admins who reset or change one end that"
        yield {"ok": True, "what": what, "mend": ""}


def _lanes(session: Session) -> Iterator[dict[str, Any]]:
    """Channels that the provider's answers have paused."""
    from broadcaster.dispatch import store
    from broadcaster.errors import BroadcasterError

    try:
        with session.read() as connection:
            lanes = store.lanes(connection)
    except BroadcasterError:
        return  # the database's own line says why
    for lane in lanes:
        if lane["paused"]:
            mend = f"{lane['paused']} Mend it, then: broadcaster lane resume {lane['channel']} --as USER"
            yield {"ok": False, "what": f"channel {lane['channel']} is paused", "mend": mend}


def _providers(session: Session) -> Iterator[dict[str, Any]]:
    """Token pairs that a person must mend, reviews that are open or were refused, and quotas."""
    from broadcaster.channel import provider_item, vault
    from broadcaster.errors import BroadcasterError

    try:
        with session.read() as connection:
            tokens, reviews = vault.states(connection), provider_item.reviews(connection, limit=REVIEWS_SHOWN)
            quotas = provider_item.quotas(connection, session.config, now=session.clock.now())
    except BroadcasterError:
        return  # the database's own line says why
    for token in tokens:
        if token["channel"] in session.config.channels and token["state"] in ("doubt", "lost"):
            mend = f"{token['reason']} The token that is left runs out at {token['expires_at']:%Y-%m-%d %H:%M} UTC."
            yield {"ok": False, "what": f"token of {token['channel']}: {token['state']}", "mend": mend}
    for review in reviews:
        if review["state"] in ("waiting", "refused"):
            reason = f" ({review['reason']})" if review["reason"] else ""
            what = f"{review['kind']} {review['title'] or review['subject']} of {review['channel']}: {review['state']}{reason}"
            yield {"ok": True, "what": what, "mend": ""}
    for quota in quotas:
        what = f"quota of {quota['channel']}: {quota['used']} of {quota['quota']} used this {quota['span']}"
        yield {"ok": True, "what": what, "mend": ""}


def _reports(session: Session) -> Iterator[dict[str, Any]]:
    """Reports that must go out soon, until the signed one is entered."""
    from zoneinfo import ZoneInfo

    from broadcaster.errors import BroadcasterError
    from broadcaster.report.reminder import reminders

    try:
        today = session.clock.now().astimezone(ZoneInfo(session.config.office.timezone)).date()
        with session.read() as connection:
            found = reminders(connection, today=today)
    except BroadcasterError:
        return  # the database's own line says why
    for one in found:
        what = f"report of {one.campaign}: due on {one.due:%d/%m/%Y}"
        if one.left >= 0:
            yield {"ok": True, "what": f"{what}, {one.left} days left", "mend": ""}
        else:
            mend = (
                f"it is {-one.left} days late; when it is signed: broadcaster report {one.campaign} --signed FILE.pdf"
            )
            yield {"ok": False, "what": what, "mend": f"{mend} --number N --date DAY --as USER"}


def _listening(session: Session) -> Iterator[dict[str, Any]]:
    """Whether providers and people can reach the office, what is off if not, and what that costs."""
    from urllib.parse import urlsplit

    url = urlsplit(session.config.web.public_url)
    if not session.config.web.public_url:
        yield from _unreachable(session)
    elif url.scheme != "https" and url.hostname not in ("127.0.0.1", "localhost", "::1"):
        mend = "give `public_url` in [web] as https://: providers send callbacks, and people open their opt-out page, over it"
        yield {"ok": False, "what": "public address without https", "mend": mend}
    else:
        hears = ", ".join(_that(session, "ReadsCallbacks")) or "none of the channels is ever called back"
        yield {"ok": True, "what": f"public address {url.geturl()}: called back by {hears}", "mend": ""}
        if _that(session, "ReadsCallbacks") and not session.config.duty.roads():
            mend = "name who is told, in [duty]: a person who writes back for help would wait until somebody happens to look"
            yield {"ok": False, "what": "nobody is on duty", "mend": mend}
    yield from _desk(session)


def _unreachable(session: Session) -> Iterator[dict[str, Any]]:
    """What is off without a public address; none of it is a fault."""
    asked, deaf = _that(session, "Polls"), _that(session, "ReadsCallbacks")
    yield {
        "ok": True,
        "what": "no public address ([web] public_url is empty): what is off, and what that costs",
        "mend": "",
    }
    if asked:
        what = f"receipts of {', '.join(asked)}: asked for, 30 a minute; a large broadcast's come in over hours"
        yield {"ok": True, "what": what, "mend": ""}
    if silent := sorted(set(deaf) - set(asked)):
        what = f"receipts of {', '.join(silent)}: none; what was accepted stays so, and the report says no receipt"
        yield {"ok": True, "what": what, "mend": ""}
    if fetched := _that(session, "Fetches"):
        what = f"replies to {', '.join(fetched)}: fetched every 15 seconds, while `broadcaster run` is on"
        yield {"ok": True, "what": what, "mend": ""}
    if unheard := sorted(set(deaf) - set(fetched)):
        what = (
            f"replies to {', '.join(unheard)}: not heard; refusals and calls for help come by telephone and paper only"
        )
        yield {"ok": True, "what": f"{what}: broadcaster audience opt-out", "mend": ""}
    what = (
        "opt-out pages: none; a message with {{ opt_out }} to a person pauses its channel until the link is taken out"
    )
    yield {"ok": True, "what": what, "mend": ""}
    yield {
        "ok": True,
        "what": "public pages of messages: none; posters carry no code, posts and letters no link",
        "mend": "",
    }
    what = f"feeds and pages: copy the folder {session.config.folders.public} to the portal"
    yield {"ok": True, "what": what, "mend": ""}


def _that(session: Session, ability: str) -> list[str]:
    """Names of the channels whose adapter can do this."""
    from broadcaster.channel import base, registry
    from broadcaster.errors import BroadcasterError

    found = []
    for name, settings in session.config.channels.items():
        try:
            adapter = registry.adapter(str(settings.get("adapter", "")))
        except BroadcasterError:
            continue  # the channel's own line says why
        if issubclass(adapter, getattr(base, ability)):
            found.append(name)
    return found


def _desk(session: Session) -> Iterator[dict[str, Any]]:
    """What came back and nobody has looked at."""
    from broadcaster.dispatch import receipt
    from broadcaster.duty import plea
    from broadcaster.errors import BroadcasterError

    try:
        with session.read() as connection:
            waiting = plea.count_waiting(connection)
            inbox = receipt.standing(connection, now=session.clock.now())
    except BroadcasterError:
        return  # the database's own line says why
    if waiting:
        yield {
            "ok": False,
            "what": f"{waiting} replies wait at the duty desk",
            "mend": "read them: broadcaster duty list",
        }
    if inbox.unmatched or inbox.refused:
        what = f"callbacks of 30 days: {inbox.refused} refused (forged, or a wrong secret)"
        what += f", {inbox.unmatched} about nothing we sent"
        yield {"ok": True, "what": what, "mend": ""}


def _try(what: str, look: Any) -> dict[str, Any]:
    from broadcaster.errors import BroadcasterError

    try:
        look()
    except BroadcasterError as error:
        return {"ok": False, "what": what, "mend": str(error)}
    return {"ok": True, "what": what, "mend": ""}


def _free(session: Session) -> dict[str, Any]:
    free = shutil.disk_usage(session.config.folder).free
    return {
        "ok": free > LEAST_FREE,
        "what": f"disk: {free // 1024**2} MB free",
        "mend": "make room: with under 500 MB a large broadcast may not be written down",
    }


def _permissions(session: Session) -> Iterator[dict[str, Any]]:
    if os.name != "posix":
        return
    for reference in (session.config.office.key, session.config.ledger.key):
        path = session.config.path(reference.get("file", ""))
        if "file" in reference and path.is_file() and path.stat().st_mode & 0o077:
            yield {"ok": False, "what": f"{path.name} can be read by others", "mend": f"chmod 600 {path}"}
