"""`broadcaster report`: a campaign's figures, for people, programs, spreadsheets and the official file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from broadcaster.cli.session import Session, command, emit, json_option

if TYPE_CHECKING:
    from broadcaster.ledger.seal import Sealed
    from broadcaster.report.figures import Figures
    from broadcaster.report.retake import Taken

FORMATS = ("json", "csv", "docx", "pdf", "xlsx", "html")
BINARY = ("docx", "pdf", "xlsx")  # not for a terminal: written to CAMPAIGN.FORMAT unless told otherwise
FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@command(click.Group(), "report")
@click.argument("campaign", metavar="CAMPAIGN")
@click.option("--format", "form", type=click.Choice(FORMATS), default=None, help="What to make; else a table is shown.")
@click.option("--output", type=click.Path(path_type=Path), default=None, help="Write to this file.")
@click.option("--number", default="", metavar="N", help="The number of the document, for docx, pdf and html.")
@click.option(
    "--date",
    "day",
    type=click.DateTime(["%Y-%m-%d", "%d/%m/%Y"]),
    default=None,
    help="Its date; else the place is left free.",
)
@click.option(
    "--as-of", default=None, metavar="CUT", help="Counted from the ledger up to a time, or to a number of entries."
)
@click.option("--since", default=None, metavar="CUT", help="What has changed since this cut-off.")
@click.option(
    "--language",
    type=click.Choice(("vi", "en")),
    default="vi",
    show_default=True,
    help="Of the edition; the figures are the same in both.",
)
@click.option("--compare", default=None, metavar="CAMPAIGN", help="Beside the figures of an earlier campaign.")
@click.option("--close", is_flag=True, help="Close what nobody can tell any more, by name; with --reason.")
@click.option("--reason", default="", help="Why it is closed; it stands in the report and in the ledger.")
@click.option("--check", type=FILE, default=None, help="Name what was altered by hand in a DOCX that comes back.")
@click.option("--signed", type=FILE, default=None, help="Enter the signed PDF, with --number and --date of dispatch.")
@json_option
def report(
    session: Session,
    campaign: str,
    form: str | None,
    output: Path | None,
    number: str,
    day: datetime | None,
    as_of: str | None,
    since: str | None,
    language: str,
    compare: str | None,
    close: bool,
    reason: str,
    check: Path | None,
    signed: Path | None,
    as_json: bool,
) -> int:
    """What became of every dispatch of a campaign: planned = final + open, always.

    docx, pdf and html are the official report in the layout of Decree 30/2020; xlsx is its annex. With --format the making
    of the report stands in the ledger, with the digest of what was made.
    """
    from broadcaster.errors import WrongUse

    if sum(map(bool, (close, check, signed, since, form or output))) > 1:
        raise WrongUse("One thing at a time: --format, --since, --close, --check or --signed.")
    if close:
        return _close(session, campaign, reason, as_json=as_json)
    if check:
        return _check(session, campaign, check, as_json=as_json)
    if signed:
        return _sign(session, campaign, signed, number, day, as_json=as_json)
    if since or (compare and not form):
        return _change(session, campaign, since, as_of, compare, as_json=as_json)
    return _make(
        session, campaign, form or ("json" if as_json else None), output, number, day, as_of, compare, language
    )


def _make(
    session: Session,
    campaign: str,
    form: str | None,
    output: Path | None,
    number: str,
    day: datetime | None,
    as_of: str | None,
    compare: str | None,
    language: str,
) -> int:
    """Show the figures, or make one of the files."""
    from broadcaster.access.user import Act
    from broadcaster.errors import WrongUse
    from broadcaster.report import making, narrative
    from broadcaster.report.words import speech

    if output and not form:
        raise WrongUse(f"Say which --format the file has: {', '.join(FORMATS)}.")
    if compare and form not in ("docx", "pdf", "html"):
        raise WrongUse("--compare goes with docx, pdf or html, or without --format.")
    if form in BINARY and output is None:
        output = Path(f"{campaign}.{form}" if language == "vi" else f"{campaign}.{language}.{form}")
    actor = session.actor(Act.REPORT_MAKE) if form else ""
    now = session.clock.now()
    taken = _taken(session, campaign, as_of)[0] if as_of else None
    with session.read() as connection:
        figures = taken.figures if taken else making.figures_of(connection, session.config, campaign, now=now)
        earlier = making.figures_of(connection, session.config, compare, now=now) if compare else None
    if not form:
        _tell(figures)
        return 0
    say = speech(language)
    text = making.narrative_path(session.config, campaign, language)
    if form in ("docx", "pdf", "html") and narrative.begin(text, campaign, say=say):
        session.say(f"Write the office's own sentences into {text}, then make the report again.")
    with session.read() as connection:
        made = making.made_of(
            connection, session.config, figures, form, now=now, number=number, day=day.date() if day else None,
            taken=taken, earlier=earlier, say=say,
        )  # fmt: skip
    with session.file(output, made.data), session.write() as tx:
        making.record(tx, actor, campaign, form, made)
    if output:
        session.say(f"{output}: {'complete' if figures.complete else 'interim'}")
    else:
        click.echo(made.data, nl=False)
    return 0


def _taken(session: Session, campaign: str, *cuts: str) -> list[Taken]:
    """The figures at each cut-off."""
    from zoneinfo import ZoneInfo

    from broadcaster.report.making import adapters
    from broadcaster.report.retake import point, retake

    points = [point(text, ZoneInfo(session.config.office.timezone)) for text in cuts]
    with session.read() as connection:
        return retake(connection, campaign, points, adapters=adapters(session.config), now=session.clock.now())


def _change(
    session: Session, campaign: str, since: str | None, as_of: str | None, compare: str | None, *, as_json: bool
) -> int:
    """Two cut-offs of one campaign, or two campaigns, side by side."""
    from broadcaster.errors import WrongUse
    from broadcaster.report import making
    from broadcaster.report.change import GROUPS, change

    if since and compare:
        raise WrongUse("One thing at a time: --since or --compare.")
    now = session.clock.now()
    with session.read() as connection:
        after = making.figures_of(connection, session.config, campaign, now=now)
        before = making.figures_of(connection, session.config, compare, now=now) if compare else after
    if as_of or since:
        found = [one.figures for one in _taken(session, campaign, *filter(None, (since, as_of)))]
        before = found[0] if since else before
        after = found[-1] if as_of else after
    groups = ("by_form", "by_category", "by_channel") if compare else GROUPS
    shown = {"campaign": campaign, "against": compare or since, **change(before, after, groups=groups)}
    if as_json:
        emit(shown, as_json=True)
        return 0
    numbers = [{"figure": name, **shown[name]} for name in ("planned", "final", "open")]
    numbers += [{"figure": name, **one} for name, one in shown["states"].items() if one["before"] or one["after"]]
    for group in groups:
        numbers += [
            {"figure": f"{group[3:]} {name}", **one} for name, one in shown[group].items() if one["change"] or compare
        ]
    numbers += [{"figure": f"cost {one['currency']}", **one} for one in shown["cost"]]
    emit(numbers, as_json=False, columns=("figure", "before", "after", "change"))
    return 0


def _close(session: Session, campaign: str, reason: str, *, as_json: bool) -> int:
    from broadcaster.access.user import Act
    from broadcaster.report import closing, making

    by = session.actor(Act.REPORT_CLOSE)
    with session.write() as tx:
        figures = making.figures_of(tx.connection, session.config, campaign, now=tx.now)
        made = closing.close(tx, figures, by=by, reason=reason)
    emit(
        {"campaign": campaign, "closed_unconfirmed": made.unconfirmed, "by": by, "reason": made.reason}, as_json=as_json
    )
    return 0


def _check(session: Session, campaign: str, file: Path, *, as_json: bool) -> int:
    """Exit 1 if anything was altered."""
    from broadcaster.report import copy

    with session.read() as connection:
        kept = copy.kept(connection, file.read_bytes(), campaign=campaign, name=file.name)
        altered = copy.altered(kept.document, copy.read(file.read_bytes(), name=file.name))
    rows = [one.shown() for one in altered]
    if as_json:
        emit({"made_by": kept.by, "made_at": kept.at.isoformat(), "altered": rows}, as_json=True)
    else:
        emit(rows, as_json=False, columns=("where", "was", "now"))
        session.say(f"Compared with what {kept.by} made on {kept.at:%Y-%m-%d %H:%M} UTC, which stands in the ledger.")
    return 1 if rows else 0


def _sign(session: Session, campaign: str, file: Path, number: str, day: datetime | None, *, as_json: bool) -> int:
    from broadcaster.access.user import Act
    from broadcaster.errors import WrongUse
    from broadcaster.report import copy, making

    if not number or day is None:
        raise WrongUse("Say the number of the signed report and its date of dispatch: --number N --date 2027-09-18.")
    by, seal = session.actor(Act.REPORT_SIGN), _sealer(session)
    with session.write() as tx:
        figures = making.figures_of(tx.connection, session.config, campaign, now=tx.now)
        signed = copy.sign(tx, file, campaign=campaign, number=number, day=day.date(), by=by, complete=figures.complete)
    if not figures.complete:
        session.say("Its figures are interim by the ledger: the report may not call itself final.")
    made = seal(campaign=campaign, signed=file, actor=by)
    session.say(
        f"The audit bundle is sealed: {made.file}, its hash in the ledger. Give it and {made.proof.name} to the auditor."
    )
    shown = {"campaign": campaign, "sha256": signed, "number": number, "date": day.date().isoformat()}
    emit({**shown, "bundle": str(made.file), "bundle_sha256": made.sha256}, as_json=as_json)
    return 0


def _sealer(session: Session) -> Callable[..., Sealed]:
    """What seals the bundle; made before anything is written down, so that a key that is not there is said first."""
    from functools import partial

    from broadcaster.ledger.checkpoint import SigningKey
    from broadcaster.ledger.seal import seal
    from broadcaster.report.bundle import figures

    config = session.config
    return partial(
        seal, session.database, session.clock, folder=config.path("sealed"), origin=config.ledger.origin,
        key=SigningKey.read(config.secret(config.ledger.key, where="ledger.key")),
        checkpoints=config.path(config.folders.checkpoints), witnesses=tuple(config.ledger.witness_keys),
        reports=figures(config, now=session.clock.now()),
    )  # fmt: skip


def _tell(figures: Figures) -> None:
    from broadcaster.report.form import heading
    from broadcaster.report.sheet import notes

    shown = figures.shown()
    top = ("campaign", "title", "planned", "final", "open", "states", "cost", "other_costs")
    emit({name: shown[name] for name in top if shown[name] != []}, as_json=False)
    for line in notes(figures):
        click.echo(line)
    for title in ("by_channel", "by_form", "by_category", "by_week", "by_day", "by_schedule"):
        click.echo()
        rows: list[dict[str, Any]] = [
            {title: heading(name) if title == "by_form" else name, **count} for name, count in shown[title].items()
        ]
        emit(rows, as_json=False, columns=(title, "planned", "states"))
