"""Writes `docs/reference/` and `config.example.toml` from the code: `python docs/generate.py`; `--check` exits 1 when stale."""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import click
import example_office
import msgspec
import sentences

from broadcaster import config as settings
from broadcaster.access.user import MAY, NEEDS_PERSON, Act, Role
from broadcaster.approval.policy import ENTRY
from broadcaster.channel import registry
from broadcaster.channel.base import LooksUp, ReadsCallbacks, TakesDown, Traits
from broadcaster.cli.main import NOUNS, cli
from broadcaster.config import Secret
from broadcaster.dispatch.dispatch import COUNTED, MOVES, OPEN, State
from broadcaster.ledger.entry import Kind

ROOT = Path(__file__).parent.parent
# Other packages have pages of their own.
BUILT_IN = (
    "twilio",
    "esms",
    "speedsms",
    "kannel",
    "zalo-oa",
    "telegram",
    "facebook-page",
    "email",
    "webhook",
    "feed",
    "loudspeaker",
    "memory",
)
HEAD = "<!-- Written by docs/generate.py from the code. Do not edit. -->\n"
SHOWN = 2  # members of a list in an example
LONGEST = 90  # characters of a text in an example


def pages() -> dict[str, str]:
    """Path below the project's root -> text, of everything that is generated."""
    made = {
        "commands": commands,
        "config": configuration,
        "channels": channels,
        "dispatch-states": dispatch_states,
        "ledger-entries": ledger_entries,
        "json": json_shapes,
        "roles": roles,
    }
    found = {f"docs/reference/{name}.md": f"{HEAD}\n{page().strip()}\n" for name, page in made.items()}
    return found | {"config.example.toml": settings.example()}


def stale() -> list[str]:
    """Paths whose file is not what `pages` gives."""
    return [path for path, text in pages().items() if not _same(ROOT / path, text)]


def _same(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


# -- commands ---------------------------------------------------------------------------------------------------------


def walk(command: click.Command = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """("message list", its click object) of every command that does something, in the order of the help."""
    if not isinstance(command, click.Group):
        yield " ".join(path), command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None, name
        yield from walk(found, (*path, name))


def commands() -> str:
    parts = [
        "# Commands\n\nEvery command of `broadcaster`, in the order of the flow. `-h` shows the same at the prompt.\n",
        (
            "**Exit codes.** 0: done. 1: the check or the work found a fault, or the thing is not in a state in which this "
            "can be done. 2: wrong use: an unknown name, a missing option, a wrong password, a role that may not. "
            "Errors go to standard error, and say what to do next. With `--json` nothing but the value is on standard "
            "output; its shape is in [json.md](json.md).\n"
        ),
        (
            "**Who acts.** `--as USER` says so; the password is asked for, or taken from `BROADCASTER_PASSWORD`. Without "
            "`--as` a command acts as `console:` and the name of the computer's user, and the ledger says so. "
            "Which role may what: [roles.md](roles.md).\n"
        ),
        (
            "**`--config FILE`** names the configuration of another folder; the default is `config.toml` here. "
            "`init`, `demo` and `simulator` have neither this nor `--as`.\n"
        ),
    ]
    noun = ""
    for path, command in walk():
        first = path.split()[0]
        if first != noun:
            noun = first
            parts.append(f"## {noun}\n\n{NOUNS[noun][2]}\n")
        parts.append(_command(path, command))
    return "\n".join(parts)


def _command(path: str, command: click.Command) -> str:
    shown = [param for param in command.params if param.name not in ("config_path", "user")]
    arguments = [param for param in shown if isinstance(param, click.Argument)]
    options = [param for param in shown if isinstance(param, click.Option)]
    required = [_option(option) for option in options if option.required]
    usage = " ".join([f"broadcaster {path}", *map(_argument, arguments), *required])
    lines = [
        f"### broadcaster {path}\n",
        f"    {usage}{' [options]' if any(not o.required for o in options) else ''}\n",
    ]
    lines += [_paragraphs(command.help or ""), ""]
    if options:
        lines += ["| option | meaning |", "|---|---|"]
        lines += [f"| `{_option(option)}` | {_cell(_meaning(option))} |" for option in options]
        lines.append("")
    if acts := _acts(command):
        lines.append(f"Who: {'; '.join(_who(act) for act in acts)}.")
    if path in sentences.EXIT_ONE:
        lines.append(f"Exit code 1: {sentences.EXIT_ONE[path]}.")
    return "\n".join(lines).rstrip() + "\n"


def _argument(argument: click.Argument) -> str:
    name = argument.metavar or (argument.name or "").upper().rstrip("_")
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _option(option: click.Option) -> str:
    names = "/".join([*option.opts, *option.secondary_opts])
    if option.is_flag:
        return names
    if option.metavar:
        return f"{names} {option.metavar}"
    if isinstance(option.type, click.Choice):
        return f"{names} {'/'.join(map(str, option.type.choices))}"
    numeric = isinstance(option.type, (click.types.IntParamType, click.IntRange))
    return f"{names} {'N' if numeric else 'TEXT' if option.type.name == 'text' else 'PATH'}"


def _meaning(option: click.Option) -> str:
    default = option.default if option.show_default and isinstance(option.default, (str, int)) else None
    return f"{option.help or ''}{f' Default: `{default}`.' if default not in (None, '') else ''}"


def _paragraphs(text: str) -> str:
    """Click's help as Markdown: what `\\b` keeps as it is becomes a block."""
    found = []
    for part in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        if part.startswith("\b"):
            found.append("\n".join(f"    {line}" for line in part.splitlines()[1:]))
        else:
            found.append(" ".join(part.split()))
    return "\n\n".join(found)


def _acts(command: click.Command) -> list[Act]:
    """The acts whose right a command asks for, read from its source and that of the helpers it calls."""
    function = inspect.unwrap(command.callback)  # type: ignore[arg-type]
    source = inspect.getsource(function)
    for name in re.findall(r"\b(_\w+)\(session", source):
        helper = function.__globals__.get(name)
        source += inspect.getsource(helper) if inspect.isfunction(helper) else ""
    names = re.findall(r"Act\.([A-Z_]+)", source) if "session.actor" in source else []
    return [Act[name] for name in dict.fromkeys(names)]


def _who(act: Act) -> str:
    person = ", with `--as`" if act in NEEDS_PERSON else ""
    return f"{_roles_of(act)}{person} (`{act}`)"


def _roles_of(act: Act) -> str:
    return "everybody with a role" if MAY[act] == frozenset(Role) else ", ".join(sorted(MAY[act]))


# -- settings ---------------------------------------------------------------------------------------------------------


def configuration() -> str:
    parts = [
        (
            "# config.toml\n\nEvery setting. A file with all of them is [config.example.toml](../../config.example.toml); "
            "`broadcaster init` writes one. What is left out has its default. Unknown keys are refused.\n"
        ),
        (
            'A secret is never a value in the file, but `{ env = "NAME" }` or `{ file = "path" }`; it never prints. '
            "Spans of time are written `30s`, `15min`, `6h`, `1day`; rates `10/s`, `60/min`, `4000/h`. "
            "Relative paths start at the folder of the file.\n"
        ),
    ]
    for section in msgspec.structs.fields(settings.Config):
        if isinstance(section.type, type) and issubclass(section.type, msgspec.Struct):
            parts.append(f"## [{section.name}]\n\n{_keys(section.type, dict(settings.sentences(section.type)))}")
    common = dict(settings.sentences(settings.ChannelCommon))
    parts.append(
        "## [channels.NAME]\n\nOne table per channel account. NAME is lower-case letters, digits and hyphens, and is what "
        f"campaign files say. Keys that every channel has:\n\n{_keys(settings.ChannelCommon, common)}"
    )
    price = dict(settings.sentences(settings.Price))
    parts.append(
        f"### price\n\n{_keys(settings.Price, price)}\nA new price holds from the next start on; "
        "what was sent before keeps the price of its time."
    )
    for name in BUILT_IN:
        parts.append(f'### adapter = "{name}"\n\n{_keys(options_of(name), sentences.OWN_KEYS[name])}')
    return "\n\n".join(part.rstrip() for part in parts)


def options_of(adapter: str) -> type[msgspec.Struct]:
    """The Struct of an adapter's own keys."""
    found: type[msgspec.Struct] = sys.modules[registry.adapter(adapter).__module__].Options
    return found


def _keys(section: type[msgspec.Struct], meanings: dict[str, str]) -> str:
    rows = ["| key | default | meaning |", "|---|---|---|"]
    for one in msgspec.structs.fields(section):
        rows.append(f"| `{one.encode_name}` | {_default(one)} | {_cell(meanings[one.encode_name])} |")
    return "\n".join(rows) + "\n"


def _default(one: Any) -> str:
    secret = ", a secret" if one.type is Secret else ""
    if one.required:
        return f"required{secret}"
    value = one.default if one.default is not msgspec.NODEFAULT else one.default_factory()
    if value is None:
        return "none"
    if isinstance(value, dict):
        return "`{ " + ", ".join(f'{key} = "{text}"' for key, text in value.items()) + " }`"
    if isinstance(value, (list, tuple)):
        return f"`{json.dumps(list(value))}`"
    return f"`{json.dumps(value, ensure_ascii=False)}`"


# -- channels ---------------------------------------------------------------------------------------------------------


def channels() -> str:
    parts = [
        (
            "# Channels\n\nThe adapters that come with the program. Their settings are in [config.md](config.md); "
            "[write a channel](../how-to/write-a-channel.md) adds another.\n"
        ),
        "| adapter | one request reaches | form it says | receipts | a lost answer is settled by |\n|---|---|---|---|---|",
    ]
    parts[-1] += "".join(
        f"\n| [{name}](#{name}) | {sentences.UNITS[traits.unit]} | {', '.join(traits.forms)} | {traits.receipts} "
        f"| `{traits.after_silence}` |"
        for name, traits in ((name, registry.traits(name)) for name in BUILT_IN)
    )
    parts += [_channel(name) for name in BUILT_IN]
    return "\n\n".join(part.rstrip() for part in parts)


def _channel(name: str) -> str:
    traits, note, made = registry.traits(name), sentences.CHANNEL_NOTES[name], registry.adapter(name)
    rows = {
        "needs": note["needs"],
        "one request reaches": sentences.UNITS[traits.unit],
        "address": f"`{traits.address}`",
        "form": ", else ".join(f"`{form}`" for form in traits.forms)
        + ("; `sms-plain` with `accents = false`" if "sms" in traits.forms else ""),
        "limits": note["limits"],
        "hours": _hours(traits),
        "rate": note["rate"],
        "receipts": _receipts(made, traits),
        "a lost answer": _lost(traits),
        "can be taken down": "yes" if issubclass(made, TakesDown) else "no",
        "provider must approve texts or senders": "yes" if traits.needs_provider_approval else "no",
        "held against": note["verified"],
        "never tried": note["never"],
    }
    assert (traits.after_silence == "look_up") <= issubclass(made, LooksUp), f"{name} says look_up, and has no find"
    lines = [f"## {name}\n", "| | |", "|---|---|", *(f"| {what} | {_cell(text)} |" for what, text in rows.items())]
    if name == "memory":
        lines.append("\nIts traits are those of its settings; the table shows the defaults.")
    return "\n".join(lines)


def _lost(traits: Traits) -> str:
    said = sentences.AFTER_SILENCE[traits.after_silence]
    if traits.repeat_within is None:
        return said
    hours = traits.repeat_within // timedelta(hours=1)
    day = f", and only on the same day in {traits.repeat_day}" if traits.repeat_day else ""
    return (
        f"{said} Within {hours} hours of the first try{day}; after that it stays in doubt, for evidence or two people."
    )


def _receipts(made: type, traits: Traits) -> str:
    if traits.receipts == "none":
        return "none: `accepted` is the end"
    told = "the provider calls back" if traits.receipts == "push" else "the provider can be asked"
    read = traits.receipts == "push" and issubclass(made, ReadsCallbacks)
    return told if read else f"{told}, but this version does not listen: `accepted` is the end"


def _hours(traits: Traits) -> str:
    own = f"the provider takes messages {traits.hours} only" if traits.hours else "the provider sets none"
    ours = (
        "no quiet hours: nobody's telephone rings"
        if traits.unit == "public"
        else "quiet hours of the campaign or the office"
    )
    return f"{own}; {ours}"


# -- dispatch states --------------------------------------------------------------------------------------------------


def dispatch_states() -> str:
    said = comments(State)
    lines = [
        "# States of a dispatch\n",
        (
            "A dispatch is one broadcast to one address over one channel. It is *open* (planned, sending, retry_wait, "
            "unknown) or *final*. Planned = open + final, always; a report may call itself final only when nothing is open.\n"
        ),
        "| state | | meaning | counts for the cap in 24 hours |",
        "|---|---|---|---|",
        *(
            f"| `{state}` | {'open' if state in OPEN else 'final'} | {said[state.value]} | {'yes' if state in COUNTED else ''} |"
            for state in State
        ),
        "\n`accepted` is never shown as delivered: the provider took it, nobody knows whether a telephone received it.\n",
        "## Every move there is\n",
        "Any other move is refused by a trigger of the database.\n",
        "| from | to | who, and why |",
        "|---|---|---|",
        *(f"| `{before}` | `{after}` | {why} |" for (before, after), why in MOVES.items()),
        "\n## The same as a picture\n",
        "```mermaid",
        "stateDiagram-v2",
        "    [*] --> planned",
        *(f"    {before} --> {after}" for before, after in MOVES),
        "```\n",
        (
            "The move that matters most is one that is not there: `sending` or `unknown` never goes back to `planned` "
            "because time has passed. See [decision 0001](../decisions/0001-intent-before-request.md)."
        ),
    ]
    return "\n".join(lines)


def comments(enum: type) -> dict[str, str]:
    """Member's value -> the comment on its line, "" if there is none."""
    lines = re.findall(r'^    [A-Z_]+ = "([^"]+)"(?:  # (.*))?$', inspect.getsource(enum), flags=re.MULTILINE)
    return dict(lines)


# -- ledger entries ---------------------------------------------------------------------------------------------------


def ledger_entries() -> str:
    written, examples = recorded_fields(), office().entries
    lines = [
        "# Entries of the ledger\n",
        (
            "One line of `entries.jsonl` is one entry: canonical JSON (keys sorted, no blanks, UTF-8, no floats), whose "
            "bytes are hashed and kept as they are. No telephone number, no message text and no name of a contact is "
            "ever in one.\n"
        ),
        "| field of every entry | meaning |",
        "|---|---|",
        "| `seq` | its number, from 0, without a gap |",
        "| `ts` | when, in UTC, with microseconds |",
        "| `kind` | which of the kinds below |",
        (
            "| `actor` | a user's name, `console:` and the computer's user, or the part of the program that acts: "
            "`sender`, `scheduler`, `reconciler`, `clock` |\n"
        ),
        (
            "A field with `?` is not in every entry of its kind. A kind marked *not yet* is kept for a later version and is "
            "not written today. How an auditor checks them: [auditor](../how-to/auditor.md).\n"
        ),
    ]
    noun, said = "", comments(Kind)
    for kind in Kind:
        if kind.partition(".")[0] != noun:
            noun = kind.partition(".")[0]
            lines.append(f"## {noun}\n")
        what = sentences.KIND_SENTENCES.get(kind.value) or said[kind.value]
        lines.append(
            f"### {kind.value}\n\n{what[0].upper()}{what[1:]}.{'' if kind.value in written else ' *Not yet.*'}\n"
        )
        if fields := written.get(kind.value):
            lines += ["| field | meaning |", "|---|---|"]
            lines += [f"| `{name}` | {field_sentence(kind.value, name)} |" for name in fields]
            lines.append("")
        if kind.value in examples:
            lines.append(f"    {json.dumps(examples[kind.value], ensure_ascii=False, sort_keys=True)}\n")
    lines.append("The examples are from one small office; `seq` and `ts` are left out, and random values are made up.")
    return "\n".join(lines)


def field_sentence(kind: str, name: str) -> str:
    plain = name.rstrip("?")
    return sentences.FIELDS.get((kind, plain)) or sentences.FIELDS[plain]


@cache
def recorded_fields() -> dict[str, list[str]]:
    """Kind -> the fields its entries have, "?" = not in every one; read from every call that records one."""
    calls: dict[str, list[list[str]]] = {}
    for path in sorted((ROOT / "broadcaster").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                for kind in _kinds(node):
                    calls.setdefault(kind.value, []).append(_fields(node))
    for kind in ENTRY.values():
        calls.setdefault(kind.value, []).append(sentences.DECISION_FIELDS)
    return {kind: _merged([[*fields, *_handed(kind, fields)] for fields in found]) for kind, found in calls.items()}


def _kinds(call: ast.Call) -> list[Kind]:
    """The kinds a call records: `tx.record(Kind.X, ...)`, `Record(Kind.X, ...)`; a name that stands for one of two."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name not in ("record", "Record") or not call.args:
        return []
    first = call.args[0]
    if isinstance(first, ast.Attribute) and isinstance(first.value, ast.Name) and first.value.id == "Kind":
        return [Kind[first.attr]]
    either = name == "record" and isinstance(first, ast.Name) and first.id == "kind"  # in dispatch/reconcile.py
    return [Kind.DISPATCH_RESEND, Kind.DISPATCH_RESOLVE] if either else []


def _fields(call: ast.Call) -> list[str]:
    found = [one.arg for one in call.keywords if one.arg]
    mappings = [one.value for one in call.keywords if one.arg is None] + list(call.args[2:])
    for one in mappings:
        if isinstance(one, ast.Dict):
            found += [key.value for key in one.keys if isinstance(key, ast.Constant)]
        else:
            found.append("**")
    return found


def _handed(kind: str, fields: list[str]) -> list[str]:
    return sentences.MORE_FIELDS[kind] if "**" in fields else []


def _merged(calls: list[list[str]]) -> list[str]:
    """The fields of all calls in order; one that only some calls give gets a "?"."""
    calls = [[name for name in call if name != "**"] for call in calls]
    names = dict.fromkeys(name.rstrip("?") for call in calls for name in call)
    return [name if all(name in call for call in calls) else f"{name}?" for name in names]


# -- json -------------------------------------------------------------------------------------------------------------


@cache
def office() -> example_office.Office:
    return example_office.played()


def json_shapes() -> str:
    parts = [
        "# What `--json` prints\n",
        (
            "Scripts may stand on these shapes: fields may be added, none is renamed or removed. Ids are strings; `states` "
            'always has every state; `by_*` is `{name: {"planned": n, "states": {...}}}`; money is '
            '`{"amount": "123.45", "currency": "VND"}`; moments are RFC 3339. Numbers of stops and requests are integers.\n'
        ),
        (
            "Every example was printed by the command above it, in one small office with an SMS channel and a feed. "
            "Lists are shortened to two members and long texts are cut (`…`); random values are made up, the same wherever "
            "the same thing is meant.\n"
        ),
    ]
    for answer in _examples():
        if answer.is_lines:
            shown = "\n".join(json.dumps(_shortened(value), ensure_ascii=False) for value in answer.value[:SHOWN])
        else:
            shown = _shown(answer.value[2:] if answer.command == "message preview" else answer.value)
        lines = "\nJSON Lines, one value a line.\n" if answer.is_lines else ""
        words = " ".join(f'"{word}"' if " " in word else word for word in answer.words)
        parts.append(f"## {answer.command}\n\n    broadcaster {words}\n{lines}\n```json\n{shown}\n```\n")
    return "\n".join(parts)


def _examples() -> Iterator[example_office.Answer]:
    """One answer of each command, and more where another answer has other fields."""
    seen: set[tuple[str, ...]] = set()
    for answer in office().answers:
        if "--json" not in answer.words and answer.command != "ledger prove":
            continue
        first = answer.value[0] if isinstance(answer.value, list) and answer.value else answer.value
        shape = (answer.command, *(sorted(first) if isinstance(first, dict) else ()))
        if shape not in seen:
            seen.add(shape)
            yield answer


def _shown(value: Any) -> str:
    """One line if it is short, else one line for each member."""
    value = _shortened(value)
    whole = json.dumps(value, ensure_ascii=False)
    if len(whole) <= LONGEST or not value:
        return whole
    if isinstance(value, list):
        return "[\n" + ",\n".join(f"  {json.dumps(one, ensure_ascii=False)}" for one in value) + "\n]"
    rows = (f"  {json.dumps(key)}: {json.dumps(one, ensure_ascii=False)}" for key, one in value.items())
    return "{\n" + ",\n".join(rows) + "\n}"


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shortened(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_shortened(one) for one in value[:SHOWN]]
    if isinstance(value, str) and len(value) > LONGEST:
        return value[:LONGEST].rstrip() + "…"
    return value


# -- roles ------------------------------------------------------------------------------------------------------------


def roles() -> str:
    lines = [
        "# Roles\n",
        (
            "A person may have several roles. What is not listed is refused. Looking (`list`, `show`, `check`, `plan`, "
            "`ledger verify`, `doctor`) is open to whoever can use the computer.\n"
        ),
        (
            "*Person*: the act needs `--as USER`. The others may also be done at the machine without it, and then stand in "
            "the ledger as `console:` and the computer's user.\n"
        ),
        f"| act | {' | '.join(Role)} | person |",
        "|---|" + "---|" * (len(Role) + 1),
    ]
    for act in Act:
        cells = ["yes" if role in MAY[act] else "" for role in Role]
        lines.append(f"| `{act}` | {' | '.join(cells)} | {'needed' if act in NEEDS_PERSON else ''} |")
    lines += [
        (
            "\nRoles are not all. Whoever submitted a thing, or edited it since it was approved last, may not approve it, "
            "whatever the role; the database refuses it too. Nobody gives the roles approver or admin to themselves. "
            "Lifting a stop and resolving a doubtful dispatch take two people. An office of one person sets `[approval] "
            "two_person = false`; each decision then says so in the ledger."
        ),
    ]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def main(words: list[str]) -> int:
    """Write what is stale, or with `--check` only name it. Exit code 1 when something was stale."""
    made = pages()
    old = [path for path, text in made.items() if not _same(ROOT / path, text)]
    for path in old:
        sys.stdout.write(f"{'stale' if '--check' in words else 'written'}: {path}\n")
        if "--check" not in words:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(made[path], encoding="utf-8")
    return 1 if old and "--check" in words else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
