"""The `broadcaster` command: nouns are loaded when they are named, errors become one sentence and an exit code."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from broadcaster.errors import BroadcasterError

# name -> (module below broadcaster.cli, its click object, the one line for --help), in the order of the flow
NOUNS: dict[str, tuple[str, str, str]] = {
    "init": ("init", "init", "A workspace: config, sample content and schedules, database, first admin."),
    "demo": ("demo", "demo", "The whole campaign on a moved clock against provider simulators."),
    "check": ("check", "check", "Config, facts, messages, schedules."),
    "message": ("message", "message", "Messages of the library."),
    "fact": ("fact", "fact", "Hotlines, law articles, links: each kept once."),
    "audience": ("audience", "audience", "Contacts, groups, consent, opt-out."),
    "campaign": ("campaign", "campaign", "Campaigns and their plans."),
    "plan": ("plan", "plan", "What goes out when, to how many, at what cost."),
    "send": ("send", "send", "Ask for an ad-hoc broadcast; it waits for a second person."),
    "broadcast": ("broadcast", "broadcast", "Broadcasts: show, approve, pause, cancel."),
    "correct": ("correct", "correct", "A wrong text is out: stop, take back, set right."),
    "run": ("run", "run", "Scheduler and sender in one process."),
    "web": ("web", "web", "The web desk as a process of its own."),
    "stop": ("stop", "stop", "Nothing in its scope is sent until two people resume."),
    "resume": ("stop", "resume", "Lift a stop: two people."),
    "dispatch": ("dispatch", "dispatch", "Single dispatches, and what to do with doubtful ones."),
    "duty": ("duty", "duty", "Replies that a person must read: each is shown once."),
    "lane": ("lane", "lane", "Channel accounts: queue, pause."),
    "bulletin": ("bulletin", "bulletin", "Loudspeaker bulletins: played, not played, not yet said."),
    "activity": ("activity", "activity", "What people did: trainings, talks, leaflets, plays."),
    "ledger": ("ledger", "ledger", "The dispatch log: list, verify, export."),
    "report": ("report", "report", "The campaign's figures."),
    "statement": ("statement", "statement", "Providers' monthly statements, beside what we have."),
    "print": ("print", "print_", "Posters, board pictures, leaflets, newsletters, talking points."),
    "retention": ("retention", "retention", "Erase personal data that was kept long enough."),
    "hold": ("hold", "hold", "Legal holds: nothing personal of a campaign is erased."),
    "user": ("user", "user", "People and their roles."),
    "simulator": ("simulator", "simulator", "Provider simulators on loopback."),
    "db": ("db", "db", "The database: upgrade, backup, check."),
    "doctor": ("doctor", "doctor", "What is wrong with this installation, and how to mend it."),
}


class House(click.Group):
    """Loads a noun's file only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(NOUNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in NOUNS:
            return None
        module, name, _ = NOUNS[cmd_name]
        found: click.Command = getattr(importlib.import_module(f"broadcaster.cli.{module}"), name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in NOUNS.items()])


@click.group(cls=House, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="broadcaster")
def cli() -> None:
    """Approved messages go out on schedule, once, and the ledger proves it."""


def main(args: list[str] | None = None) -> None:
    """Run and exit: 0 done, 1 the check or the work found a fault, 2 wrong use."""
    try:
        sys.exit(_run(args))
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)


def _run(args: list[str] | None) -> int:
    try:
        result: Any = cli.main(args=args, prog_name="broadcaster", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except BroadcasterError as error:
        click.echo(f"broadcaster: {error}", err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("broadcaster: stopped by you; nothing after this point was done.", err=True)
        return 1
    except OSError as error:
        where = f"{error.filename}: " if isinstance(error.filename, str) else ""
        why = error.strerror or type(error).__name__
        click.echo(f"broadcaster: {where}{why}. Check the path, its permissions and the free space.", err=True)
        return 1
    except Exception as error:
        click.echo(f"broadcaster: something unexpected happened ({type(error).__name__}); {_keep(error)}", err=True)
        return 1


def _keep(error: Exception) -> str:
    """Where the technical details went; they may hold values from the database, so only this user can read them."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="broadcaster-", suffix=".txt", delete=False, encoding="utf-8") as file:
        traceback.print_exception(error, file=file)
    return f"what was written before stays. The details for whoever looks after the program are in {file.name}"


if __name__ == "__main__":
    main()
