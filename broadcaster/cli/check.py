"""`broadcaster check`: is everything people write fit to be used?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from broadcaster.cli.session import Session, command, emit, json_option

if TYPE_CHECKING:
    from broadcaster.content.fault import Fault


@command(click.Group(), "check")
@json_option
def check(session: Session, as_json: bool) -> int:
    """Config, facts, messages, schedules: every fault with its file, its line and what to do.

    Exit code 0 when there is none (warnings do not count), else 1.
    """
    faults = _all(session)
    found = [fault for fault in faults if not fault.warning]
    if as_json:
        warned = [_row(fault) for fault in faults if fault.warning]
        emit({"ok": not found, "faults": [_row(fault) for fault in found], "warnings": warned}, as_json=True)
    else:
        for fault in faults:
            emit(str(fault), as_json=False)
        warnings = len(faults) - len(found)
        emit(f"{_many(len(found), 'fault')}, {_many(warnings, 'warning')}.", as_json=False)
    return 1 if found else 0


def _all(session: Session) -> list[Fault]:
    from broadcaster.content import check as checks
    from broadcaster.content.fault import Fault
    from broadcaster.content.files import load
    from broadcaster.errors import NotFound, WrongUse
    from broadcaster.schedule.store import check_folder

    try:
        config = session.config
    except NotFound:
        raise
    except WrongUse as error:
        return [Fault(path=session.config_path.name, text=str(error).removeprefix(f"{session.config_path}: "))]
    library = load(config.path(config.folders.content))
    ways, faults = checks.ways(config)
    faults += checks.library(
        library,
        today=checks.today(session.clock.now(), config),
        ways=ways,
        opt_out=checks.opt_out_sample(config.web.public_url),
    )
    faults += checks.no_way_out(library, public_url=config.web.public_url)
    return [*faults, *check_folder(config.path(config.folders.schedules), library, config)]


def _row(fault: Fault) -> dict[str, object]:
    return {
        "path": fault.path,
        "line": fault.line,
        "text": fault.text,
        "remedy": fault.remedy,
        "about": fault.about,
    }


def _many(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
