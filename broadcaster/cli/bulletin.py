"""`broadcaster bulletin`: what communes did with their loudspeaker bulletins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from broadcaster.cli.session import Session, command, emit, json_option

if TYPE_CHECKING:
    from datetime import datetime

    from broadcaster.activity.bulletin import Word
    from broadcaster.activity.bulletin_store import Told, Waiting

COLUMNS = ("id", "commune", "title", "issued", "state", "plays", "seconds", "reason")


@click.group()
def bulletin() -> None:
    """Loudspeaker bulletins: which were played, which not, who has not said."""


@command(bulletin, "list")
@click.option("--campaign", default=None, metavar="ID", help="Only those of this campaign.")
@click.option("--broadcast", "broadcast_id", default=None, metavar="ID", help="Only those of this broadcast.")
@click.option(
    "--state", default=None, help="Only those in this state: offered, scheduled, played, not_played, recalled."
)
@click.option("--commune", default=None, metavar="CODE", help="Only those of this commune.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="At most so many.")
@json_option
def list_(
    session: Session, campaign: str | None, broadcast_id: str | None, state: str | None, commune: str | None,
    limit: int, as_json: bool,
) -> None:  # fmt: skip
    """Bulletins that were handed over, in order."""
    from broadcaster.activity import bulletin_store as store
    from broadcaster.activity.bulletin import State
    from broadcaster.dispatch import broadcast
    from broadcaster.errors import WrongUse

    if state is not None and state not in {one.value for one in State}:
        raise WrongUse(f"No bulletin is ever {state!r}; the states are {', '.join(one.value for one in State)}.")
    with session.read() as connection:
        number = broadcast.get(connection, broadcast.read_public_id(broadcast_id)).id if broadcast_id else None
        found = store.listing(
            connection, campaign=campaign, broadcast=number, state=State(state) if state else None, station=commune,
            limit=limit,
        )  # fmt: skip
    emit([store.shown(one) for one in found], as_json=as_json, columns=COLUMNS)


@command(bulletin, "show")
@click.argument("id_", metavar="ID")
@json_option
def show(session: Session, id_: str, as_json: bool) -> None:
    """One bulletin, with the officer's link and what is read."""
    from broadcaster.activity import bulletin_store as store
    from broadcaster.channel import officer_link
    from broadcaster.content.speech import read
    from broadcaster.dispatch.dispatch import read_public_id

    with session.read() as connection:
        told = store.get(connection, read_public_id(id_))
    link = officer_link.bulletin_link(
        session.config.web.public_url, session.office_key, kind=officer_link.KIND, dispatch=told.dispatch
    )
    details = {**store.shown(told), "link": link, "read": read(told.text, told.language).text}
    emit(details, as_json=as_json)


@command(bulletin, "confirm")
@click.argument("id_", metavar="ID")
@click.option("--plays", type=click.IntRange(1, 60), default=None, help="It was played so often.")
@click.option("--scheduled", is_flag=True, help="The officer means to play it; needs --at.")
@click.option("--not-played", "reason", default=None, metavar="REASON",
              help="It was not played: power, broken, network, weather, urgent, late, wrong, nobody, other.")  # fmt: skip
@click.option("--at", "at", default=None, metavar="LOCAL", help="When first, like 2027-07-01T17:00.")
@json_option
def confirm(
    session: Session, id_: str, plays: int | None, scheduled: bool, reason: str | None, at: str | None, as_json: bool
) -> None:
    """Write down what an officer said on the telephone; your name stands beside it."""
    from broadcaster.access.user import Act
    from broadcaster.activity import bulletin_store as store
    from broadcaster.activity.bulletin import Road
    from broadcaster.dispatch.dispatch import read_public_id

    by = session.actor(Act.BULLETIN_CONFIRM)
    word = _word(session, plays=plays, scheduled=scheduled, reason=reason, at=at)
    number = read_public_id(id_)
    with session.read() as connection:
        seconds = store.measured(session.config, store.get(connection, number))
    with session.write() as tx:
        told = store.confirm(tx, number, word, road=Road.TELEPHONE, by=by, seconds=seconds)
    emit(store.shown(told), as_json=as_json)


@command(bulletin, "board")
@json_option
def board(session: Session, as_json: bool) -> None:
    """Communes that have not said what became of bulletins a day old or older; most owed first."""
    from broadcaster.activity import bulletin_store as store

    with session.read() as connection:
        found = store.board(connection, now=session.clock.now())
        counted = store.totals(connection)
    rows = [_owed(session, one) for one in found]
    if as_json:
        emit(
            {"waiting": rows, "states": counted.states, "plays": counted.plays, "minutes": counted.minutes},
            as_json=True,
        )
        return
    emit(rows, as_json=False, columns=("commune", "name", "open", "oldest", "reminded", "sheet"))
    session.say(
        f"Played {counted.plays} times, {counted.minutes} minutes, in {counted.communes} communes; "
        f"{counted.states['not_played']} not played."
    )


@command(bulletin, "remind")
@click.option("--commune", "communes", multiple=True, metavar="CODE", help="Only this commune; may be repeated.")
@json_option
def remind(session: Session, communes: tuple[str, ...], as_json: bool) -> int:
    """Ask the communes on the board again: a note where their bulletins go, with the link of the week's sheet."""
    from broadcaster.access.user import Act
    from broadcaster.activity import bulletin_store as store
    from broadcaster.errors import BroadcasterError

    by = session.actor(Act.BULLETIN_REMIND)
    with session.read() as connection:
        found = [
            one for one in store.board(connection, now=session.clock.now()) if not communes or one.station in communes
        ]
    rows = []
    for one in found:
        try:
            _ask(session, one)
        except BroadcasterError as error:
            rows.append({**_owed(session, one), "reminded": "", "result": str(error)})
            continue
        with session.write() as tx:
            store.reminded(tx, one.bulletins, by=by)
        rows.append({**_owed(session, one), "reminded": session.clock.now().isoformat(), "result": "reminded"})
    emit(rows, as_json=as_json, columns=("commune", "name", "open", "result", "sheet"))
    return 0 if all(row["result"] == "reminded" for row in rows) else 1


@command(bulletin, "recall")
@click.argument("id_", metavar="ID")
@click.option("--reason", required=True, help="Why; it stands in the ledger.")
@json_option
def recall(session: Session, id_: str, reason: str, as_json: bool) -> None:
    """Take a bulletin back that was not played yet: a notice takes its place where the commune finds it."""
    from broadcaster.access.user import Act
    from broadcaster.activity import bulletin_store as store
    from broadcaster.activity.bulletin import State
    from broadcaster.approval.store import reason_of
    from broadcaster.dispatch.dispatch import read_public_id
    from broadcaster.errors import Conflict

    by, reason = session.actor(Act.BULLETIN_RECALL), reason_of(reason)
    number = read_public_id(id_)
    with session.read() as connection:
        told = store.get(connection, number)
    if told.state is State.PLAYED:
        raise Conflict("It was played already; what is out is set right by a correction: `broadcaster correct`.")
    _loudspeaker(session, told.channel).take_down(told.provider_id)
    with session.write() as tx:
        told = store.recall(tx, number, by=by, reason=reason)
    emit(store.shown(told), as_json=as_json)


@command(bulletin, "listen")
@click.argument("message_id", metavar="MESSAGE")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The MP3 to write.")
@click.option("--voice", default="vi", show_default=True, help="vi, vi-vn-x-central or vi-vn-x-south.")
def listen(session: Session, message_id: str, out: Path, voice: str) -> None:
    """The speech form as the machine would read it: hear it before you approve the message for a machine's voice."""
    from broadcaster.channel.voice import synthesise
    from broadcaster.cli.message import open_library
    from broadcaster.content import render
    from broadcaster.content.speech import read
    from broadcaster.errors import NotFound

    library = open_library(session)
    text = render.texts(library.item(message_id), library.facts).get("vi", {}).get("speech")
    if text is None:
        raise NotFound(f"{message_id} has no Vietnamese speech form; write `## vi speech`.")
    reading = read(text, "vi")
    out.write_bytes(synthesise(reading.text, name=voice, pace=140, timeout=60.0))
    session.say(f"{out}: about {reading.seconds} s. Listen to all of it, the numbers above all.")
    if reading.doubts:
        session.say(f"Listen twice to: {', '.join(reading.doubts)}.")


# -- parts ------------------------------------------------------------------------------------------------------------


def _word(session: Session, *, plays: int | None, scheduled: bool, reason: str | None, at: str | None) -> Word:
    from broadcaster.activity.bulletin import State, Word
    from broadcaster.errors import WrongUse

    said = [bool(plays), scheduled, reason is not None]
    if sum(said) != 1:
        raise WrongUse("Say exactly one of --plays N, --scheduled, --not-played REASON.")
    moment = _moment(session, at) if at else None
    if plays:
        return Word(state=State.PLAYED, at=moment, plays=plays)
    if scheduled:
        return Word(state=State.SCHEDULED, at=moment)
    return Word(state=State.NOT_PLAYED, at=moment, reason=reason or "")


def _moment(session: Session, text: str) -> datetime:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from broadcaster.errors import WrongUse

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUse(f"--at {text!r:.40} is no time; write it like 2027-07-01T17:00.") from None
    return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(session.config.office.timezone))


def _owed(session: Session, waiting: Waiting) -> dict[str, Any]:
    return {
        "commune": waiting.station,
        "name": waiting.commune,
        "open": len(waiting.bulletins),
        "oldest": waiting.bulletins[0].issued.isoformat(),
        "reminded": waiting.reminded_at.isoformat() if waiting.reminded_at else "",
        "sheet": _sheet(session, waiting.bulletins[0]),
    }


def _sheet(session: Session, told: Told) -> str:
    from broadcaster.activity.bulletin_links import sheet_of

    return sheet_of(session.config.web.public_url, session.office_key, told)


def _ask(session: Session, waiting: Waiting) -> None:
    """One note to one commune, by each channel it has bulletins from."""
    from broadcaster.activity.bulletin_links import reminder

    for channel in dict.fromkeys(one.channel for one in waiting.bulletins):
        mine = [one for one in waiting.bulletins if one.channel == channel]
        text = reminder(session.config.office.name, session.config.web.public_url, session.office_key, tuple(mine))
        reference = f"nhac-{waiting.station}-{mine[0].dispatch}-{mine[0].reminders + 1}"
        _loudspeaker(session, channel).remind(waiting.station, text, reference=reference)


def _loudspeaker(session: Session, channel: str) -> Any:
    from broadcaster.channel import registry
    from broadcaster.channel.loudspeaker import Loudspeaker
    from broadcaster.errors import WrongUse

    made = registry.build(session.config.channel(channel))
    if not isinstance(made, Loudspeaker):
        raise WrongUse(f"[channels.{channel}] is no loudspeaker channel any more; set it right in config.toml.")
    return made
