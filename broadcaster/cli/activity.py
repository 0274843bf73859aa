"""`broadcaster activity`: the register of what people did."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from broadcaster.cli.session import Session, command, emit, json_option

if TYPE_CHECKING:
    from broadcaster.activity.activity import Activity
    from broadcaster.activity.store import Kept

COLUMNS = ("id", "day", "kind", "commune", "units", "minutes", "participants", "at_risk", "attachment", "by")
LINK_DAYS = 60
DAY = click.DateTime(["%Y-%m-%d", "%d/%m/%Y"])


@click.group()
def activity() -> None:
    """What people did: trainings, talks, leaflets, loudspeaker plays; in the same ledger."""


def _numbers(function: Any) -> Any:
    for option in (
        click.option("--note", default="", help="In your own words; no names of people at risk."),
        click.option("--attachment", type=click.Path(path_type=Path, dir_okay=False, exists=True), default=None,
                     help="A photo or PDF; a photo is kept without its place and camera."),
        click.option("--at-risk", default="", metavar="G=N,..", help='Participants by group: "trẻ em=12, phụ nữ=30".'),
        click.option("--participants", type=click.IntRange(0), default=0, help="People who took part."),
        click.option("--minutes", type=click.IntRange(0), default=0, help="Minutes of it all."),
        click.option("--units", type=click.IntRange(0), default=1, show_default=True, help="How many: sheets, plays, sessions."),
        click.option("--commune", default="", help="Where."),
        click.option("--day", type=DAY, required=True, help="When, like 30/07/2027."),
        click.option("--kind", required=True, help="`broadcaster activity kinds` lists them."),
    ):  # fmt: skip
        function = option(function)
    return function


@command(activity, "kinds")
@json_option
def kinds(session: Session, as_json: bool) -> None:  # noqa: ARG001 - every command has a session
    """The kinds of activity, and what is counted of each."""
    from broadcaster.activity.activity import KINDS

    rows = [{"kind": kind, "heading": heading, "counted": unit} for kind, (heading, unit) in KINDS.items()]
    emit(rows, as_json=as_json, columns=("kind", "heading", "counted"))


@command(activity, "add")
@_numbers
@click.option("--campaign", default="", help="Count it in this campaign's report.")
@json_option
def add(session: Session, campaign: str, as_json: bool, **values: Any) -> None:
    """Enter one activity."""
    _add(session, _read(session, campaign, values), as_json=as_json)


@command(activity, "correct")
@click.argument("id_", metavar="ID", type=click.IntRange(1))
@_numbers
@json_option
def correct(session: Session, id_: int, as_json: bool, **values: Any) -> None:
    """Put a corrected entry in the place of activity ID; both stay in the ledger."""
    from broadcaster.activity import store

    with session.read() as connection:
        old = store.get(connection, id_)
    _add(session, _read(session, old.activity.campaign, values), as_json=as_json, corrects=id_)


@command(activity, "void")
@click.argument("id_", metavar="ID", type=click.IntRange(1))
@json_option
def void(session: Session, id_: int, as_json: bool) -> None:
    """Take activity ID back: it counts no more, and stays in the ledger."""
    from broadcaster.activity import store

    with session.read() as connection:
        old = store.get(connection, id_)
    _add(session, old.activity, as_json=as_json, corrects=id_, void=True)


@command(activity, "list")
@click.option("--campaign", default=None, help="Only those of this campaign.")
@click.option("--commune", default=None, help="Only those of this commune.")
@json_option
def list_(session: Session, campaign: str | None, commune: str | None, as_json: bool) -> None:
    """What counts, by day; entries that look like the same thing told twice are named."""
    from broadcaster.activity import store
    from broadcaster.activity.activity import twins
    from broadcaster.activity.place import doubled_plays

    with session.read() as connection:
        found = store.standing(connection, campaign=campaign, commune=commune)
        plays = doubled_plays(connection, campaign) if campaign else []
    for same in twins((one.id, one.activity) for one in found):
        session.say(f"Perhaps told twice: {', '.join(map(str, same))}. If so: broadcaster activity void {same[-1]}")
    for number in plays:
        session.say(
            f"A confirmed bulletin may count activity {number} already. If so: broadcaster activity void {number}"
        )
    emit([_row(one) for one in found], as_json=as_json, columns=COLUMNS)


@command(activity, "import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--campaign", default="", help="Count them in this campaign's report.")
@json_option
def import_(session: Session, file: Path, campaign: str, as_json: bool) -> int:
    """Enter a commune's list, CSV or XLSX. One wrong row and nothing is entered: correct it and import again."""
    from broadcaster.access.user import Act
    from broadcaster.activity import store
    from broadcaster.activity.importing import read

    by = session.actor(Act.ACTIVITY_ADD)
    found, wrong = read(file, campaign=campaign, today=_today(session))
    if wrong:
        for line in wrong[:50]:
            session.say(line)
        session.say(f"{len(wrong)} wrong rows; nothing was entered.")
        return 1
    with session.write() as tx:
        numbers = store.add(tx, found, by=by, source="import")
    emit({"entered": len(numbers)}, as_json=as_json)
    return 0


@command(activity, "link")
@click.option("--commune", required=True, help="The only commune it enters activities of.")
@click.option("--campaign", default="", help="Count them in this campaign's report.")
@click.option("--until", type=DAY, default=None, help="The last day it works; else 60 days from today.")
@json_option
def link(session: Session, commune: str, campaign: str, until: datetime | None, as_json: bool) -> None:
    """An address by which a commune's officer enters its activities, and nobody else's. Whoever has it can use it."""
    import unicodedata
    from datetime import timedelta

    from broadcaster.access.user import Act
    from broadcaster.activity.link import Opens, token
    from broadcaster.errors import WrongUse

    session.actor(Act.ACTIVITY_ADD)
    public = session.config.web.public_url.rstrip("/")
    if not public:
        raise WrongUse(
            "An officer's link needs an address people can reach: give `public_url` in [web] of config.toml."
        )
    last = until.date() if until else _today(session) + timedelta(days=LINK_DAYS)
    if last < _today(session):
        raise WrongUse(f"{last:%d/%m/%Y} is over; give the last day on which the link is to work.")
    opens = Opens(commune=unicodedata.normalize("NFC", commune).strip(), campaign=campaign, until=last)
    shown = {
        "commune": opens.commune,
        "until": last.isoformat(),
        "link": f"{public}/a/{token(session.office_key, opens)}",
    }
    emit(shown, as_json=as_json)


@command(activity, "erase")
@click.argument("id_", metavar="ID", type=click.IntRange(1))
@json_option
def erase(session: Session, id_: int, as_json: bool) -> None:
    """Erase the photo or PDF of activity ID: the file goes, the entry and its hash stay."""
    from broadcaster.access.user import Act
    from broadcaster.activity import attachment, store

    by = session.actor(Act.ACTIVITY_ADD)
    with session.write() as tx:
        digest = store.erase_attachment(tx, id_, by=by)
    gone = attachment.erase(session.config.path("attachments"), digest)
    if not gone:
        session.say("The file was gone already; look for it in backups as well.")
    emit({"activity": id_, "erased": digest}, as_json=as_json)


@command(activity, "places")
@click.option("--import", "file", type=click.Path(path_type=Path, dir_okay=False, exists=True), default=None,
              help="Put this list, CSV or XLSX, in the place of the one there is.")  # fmt: skip
@json_option
def places(session: Session, file: Path | None, as_json: bool) -> None:
    """The communes and partner departments that owe figures: name, and if you like province and kind. None is shipped."""
    from hashlib import sha256

    from broadcaster.access.user import Act
    from broadcaster.activity import place

    if file:
        by, found = session.actor(Act.ACTIVITY_ADD), place.read(file)
        with session.write() as tx:
            place.replace(tx, found, by=by, digest=sha256(file.read_bytes()).hexdigest())
    with session.read() as connection:
        rows = [{"name": one.name, "kind": one.kind, "province": one.province} for one in place.everywhere(connection)]
    emit(rows, as_json=as_json, columns=("name", "kind", "province"))


@command(activity, "board")
@click.argument("campaign")
@click.option("--missing", is_flag=True, help="Only those of which nothing is in.")
@click.option(
    "--said", default=None, metavar="PLACE", help="Note that this place's figures are all in, even if there are none."
)
@click.option(
    "--remind", is_flag=True, help="With the words to copy for each that has not said it is done; nothing is sent."
)
@json_option
def board(session: Session, campaign: str, missing: bool, said: str | None, remind: bool, as_json: bool) -> None:
    """Which communes and partner departments have given their figures of CAMPAIGN, and which have not."""
    from broadcaster.access.user import Act
    from broadcaster.activity import place

    if said:
        by = session.actor(Act.ACTIVITY_ADD)
        with session.write() as tx:
            place.say_all(tx, campaign, said, by=by)
    with session.read() as connection:
        found = place.board(connection, campaign)
    if not found:
        session.say("There is no list of places yet: broadcaster activity places --import FILE")
    rows = [_on_board(one) for one in found if not missing or one.state == "none"]
    if remind:
        words = _words(session, campaign)
        for row in rows:
            if row["state"] != "all":
                row["reminder"] = words(row["name"])
    emit(
        rows,
        as_json=as_json,
        columns=("name", "kind", "province", "state", "entries", *(("reminder",) if remind else ())),
    )


@command(activity, "carriers")
@click.option("--campaign", default=None, help="Only those of this campaign.")
@json_option
def carriers(session: Session, campaign: str | None, as_json: bool) -> None:
    """What carriers reported back of texts to everybody, which a letter had asked them for."""
    from broadcaster.activity import carrier

    with session.read() as connection:
        rows = [_replied(one) for one in carrier.standing(connection, campaign=campaign)]
    emit(rows, as_json=as_json, columns=("id", "carrier", "campaign", "asked", "reached", "failed", "since", "until"))


@command(activity, "carrier")
@click.option("--carrier", "name", required=True, help="Who reports.")
@click.option("--campaign", required=True, help="The campaign the letter was for.")
@click.option("--asked", type=click.IntRange(1), required=True, help="Subscribers it was sent to.")
@click.option("--reached", type=click.IntRange(0), required=True, help="Of these, successfully.")
@click.option("--failed", type=click.IntRange(0), required=True, help="Of these, not.")
@click.option("--from", "since", type=DAY, required=True, help="First day of the sending.")
@click.option("--until", type=DAY, required=True, help="Last day of it.")
@click.option("--revision", default="", help="The revision's hash in the letter, if the reply names it.")
@click.option("--note", default="", help="In your own words.")
@click.option(
    "--attachment",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    default=None,
    help="The carrier's letter, as PDF or photo.",
)
@click.option(
    "--corrects", type=click.IntRange(1), default=None, help="Number of the report it stands in the place of."
)
@json_option
def carrier_(session: Session, as_json: bool, **values: Any) -> None:
    """Enter what a carrier reported back. Its counts stand apart in the report: nobody here can check them."""
    from dataclasses import replace

    from broadcaster.access.user import Act
    from broadcaster.activity import attachment
    from broadcaster.activity.carrier import Reply, add, check

    by = session.actor(Act.ACTIVITY_ADD)
    found = check(
        Reply(
            carrier=values["name"].strip(), campaign=values["campaign"], asked=values["asked"], reached=values["reached"],
            failed=values["failed"], since=values["since"].date(), until=values["until"].date(),
            revision=values["revision"].replace(" ", ""), note=values["note"].strip(),
        ),
        today=_today(session),
    )  # fmt: skip
    if values["attachment"]:
        found = replace(found, attachment=attachment.keep(session.config.path("attachments"), values["attachment"]))
    with session.write() as tx:
        number = add(tx, found, by=by, corrects=values["corrects"])
    emit({"report": number, "carrier": found.carrier}, as_json=as_json)


def _replied(kept: Any) -> dict[str, Any]:
    one = kept.reply
    return {
        "id": kept.id, "carrier": one.carrier, "campaign": one.campaign, "asked": one.asked, "reached": one.reached,
        "failed": one.failed, "since": one.since.isoformat(), "until": one.until.isoformat(), "revision": one.revision,
        "note": one.note, "attachment": one.attachment[:12], "by": kept.by, "corrects": kept.corrects,
    }  # fmt: skip


def _on_board(one: Any) -> dict[str, Any]:
    return {
        "name": one.place.name, "kind": one.place.kind, "province": one.place.province, "state": one.state,
        "entries": one.entries, "latest": one.latest.isoformat() if one.latest else None, "said_by": one.said_by,
    }  # fmt: skip


def _words(session: Session, campaign: str) -> Any:
    """Place -> the words of its reminder."""
    from broadcaster.activity.link import reminder_of

    with session.read() as connection:
        return reminder_of(connection, session.config, session.office_key, campaign, today=_today(session))


def _read(session: Session, campaign: str, values: dict[str, Any]) -> Activity:
    from broadcaster.activity import attachment
    from broadcaster.activity.activity import Activity, check, groups

    day: datetime = values["day"]
    found = check(
        Activity(
            kind=values["kind"], day=day.date(), commune=values["commune"].strip(), campaign=campaign,
            units=values["units"], minutes=values["minutes"], participants=values["participants"],
            at_risk=groups(values["at_risk"]), note=values["note"].strip(),
        ),
        today=_today(session),
    )  # fmt: skip
    file: Path | None = values["attachment"]
    if file is None:
        return found
    from dataclasses import replace

    kept = replace(found, attachment=attachment.keep(session.config.path("attachments"), file))
    session.say("Look at the picture once more: nobody under 16 and nobody at risk may be recognised on it.")
    return kept


def _add(session: Session, found: Activity, *, as_json: bool, corrects: int | None = None, void: bool = False) -> None:
    from broadcaster.access.user import Act
    from broadcaster.activity import store

    by = session.actor(Act.ACTIVITY_ADD)
    with session.write() as tx:
        (number,) = store.add(tx, [found], by=by, source="staff", corrects=corrects, void=void)
    emit({"activity": number, "kind": found.kind, "day": found.day.isoformat()}, as_json=as_json)


def _row(kept: Kept) -> dict[str, Any]:
    from broadcaster.activity.activity import shown

    one = kept.activity
    return {
        "id": kept.id, "day": one.day.isoformat(), "kind": one.kind, "commune": one.commune, "campaign": one.campaign,
        "units": one.units, "minutes": one.minutes, "participants": one.participants,
        "at_risk": {name: shown(n) for name, n in one.at_risk.items()},
        "note": one.note, "attachment": one.attachment[:12], "by": kept.by, "source": kept.source,
        "corrects": kept.corrects,
    }  # fmt: skip


def _today(session: Session) -> date:
    from zoneinfo import ZoneInfo

    return session.clock.now().astimezone(ZoneInfo(session.config.office.timezone)).date()
