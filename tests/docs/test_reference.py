"""The documents say what the program does: generated pages are fresh, and what is quoted exists."""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
import pytest

from broadcaster import config as settings
from broadcaster.access.user import Act
from broadcaster.channel import registry
from broadcaster.cli.main import cli
from broadcaster.config import load
from broadcaster.dispatch.dispatch import MOVES, State
from broadcaster.ledger.entry import Kind

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS))

import generate  # noqa: E402
import sentences  # noqa: E402

GENERATED = sorted((DOCS / "reference").glob("*.md"))
PAGES = [*sorted(DOCS.rglob("*.md")), ROOT / "README.md", ROOT / "CHANGELOG.md"]
PROMPTS = [page for page in PAGES if "reference" not in page.parts]


def named(pages: list[Path]) -> dict[str, Path]:
    return {str(page.relative_to(ROOT)): page for page in pages}


def reference(name: str) -> str:
    return (DOCS / "reference" / f"{name}.md").read_text(encoding="utf-8")


# -- generated --------------------------------------------------------------------------------------------------------


def test_what_is_generated_is_fresh() -> None:
    stale = generate.stale()

    assert stale == [], "run: python docs/generate.py"


def test_a_page_that_was_edited_by_hand_is_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    (tmp_path / "docs/reference").mkdir(parents=True)
    monkeypatch.setattr(
        generate, "pages", lambda: {"docs/reference/a.md": "as made\n", "docs/reference/b.md": "same\n"}
    )
    (tmp_path / "docs/reference/a.md").write_text("as edited\n", encoding="utf-8")
    (tmp_path / "docs/reference/b.md").write_text("same\n", encoding="utf-8")

    code = generate.main(["--check"])

    assert code == 1
    assert generate.stale() == ["docs/reference/a.md"]


def test_no_page_of_the_reference_is_left_from_an_earlier_version() -> None:
    made = set(generate.pages())

    assert {str(page.relative_to(ROOT)) for page in GENERATED} <= made


def test_every_command_stands_in_the_reference() -> None:
    page = reference("commands")

    for path, command in generate.walk():
        assert f"### broadcaster {path}\n" in page
        assert command.help, f"{path} has no help"
        for param in command.params:
            assert not isinstance(param, click.Option) or param.help, f"{path} {param.opts}: no help"


def test_every_command_with_json_has_an_example_of_it() -> None:
    page = reference("json")

    wanted = [path for path, command in generate.walk() if any("--json" in param.opts for param in command.params)]
    assert [path for path in wanted if f"## {path}\n" not in page] == []


def test_every_setting_stands_in_the_reference_with_a_sentence() -> None:
    page = reference("config")
    sections = [field.type for field in msgspec.structs.fields(settings.Config) if isinstance(field.type, type)]

    for section in [s for s in sections if issubclass(s, msgspec.Struct)] + [settings.ChannelCommon, settings.Price]:
        for key, sentence in settings.sentences(section):
            assert sentence, f"{section.__name__}.{key} has no sentence"
            assert f"| `{key}` |" in page


def test_every_key_of_an_adapter_has_a_sentence_and_none_is_left_over() -> None:
    for adapter in generate.BUILT_IN:
        keys = [field.encode_name for field in msgspec.structs.fields(generate.options_of(adapter))]

        assert keys == list(sentences.OWN_KEYS[adapter])


def test_every_adapter_of_this_package_has_a_note() -> None:
    ours = {name for name in registry.names() if registry.adapter(name).__module__.startswith("broadcaster.")}

    assert ours == set(generate.BUILT_IN) == set(sentences.CHANNEL_NOTES)


def test_every_state_and_every_move_stand_in_the_reference() -> None:
    page = reference("dispatch-states")

    assert all(generate.comments(State).values())
    for before, after in MOVES:
        assert f"| `{before}` | `{after}` |" in page
        assert f"    {before} --> {after}\n" in page


def test_every_kind_of_entry_stands_in_the_reference_with_a_sentence() -> None:
    page = reference("ledger-entries")
    said = generate.comments(Kind)

    for kind in Kind:
        assert f"### {kind.value}\n" in page
        assert said[kind.value] or sentences.KIND_SENTENCES.get(kind.value)


def test_every_field_that_is_written_is_explained() -> None:
    written = generate.recorded_fields()

    for kind, fields in written.items():
        for name in fields:
            assert generate.field_sentence(kind, name)


def test_entries_that_were_really_written_have_the_fields_the_reference_says() -> None:
    written, entries = generate.recorded_fields(), generate.office().entries

    assert len(entries) > 30
    for kind, entry in entries.items():
        said = written[kind]
        real = entry.keys() - {"kind", "actor"}
        assert real <= {name.rstrip("?") for name in said}, kind
        assert {name for name in said if not name.endswith("?")} <= real, kind


def test_every_act_stands_in_the_roles() -> None:
    page = reference("roles")

    assert all(f"| `{act}` |" in page for act in Act)


def test_hand_written_sentences_are_about_things_there_are() -> None:
    commands = {path for path, _ in generate.walk()}
    kinds = {kind.value for kind in Kind}

    assert set(sentences.EXIT_ONE) <= commands
    assert set(sentences.KIND_SENTENCES) <= kinds
    assert set(sentences.MORE_FIELDS) <= kinds
    assert {field[0] for field in sentences.FIELDS if isinstance(field, tuple)} <= kinds


# -- the example configuration ----------------------------------------------------------------------------------------


def test_the_example_configuration_loads(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes((ROOT / "config.example.toml").read_bytes())

    config = load(tmp_path / "config.toml")

    assert list(config.channels) == ["web"]


def test_the_channels_of_the_example_can_be_built_once_the_marks_are_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, _, channels = settings.example().partition("\n[channels.web]")
    text = f"{head}\n[channels.web]{re.sub(r'^# ', '', channels, flags=re.MULTILINE)}"
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    for name in re.findall(r'env = "([A-Z_]+)"', text):
        monkeypatch.setenv(name, "AC00000000000000000000000000000111" if name.endswith("SID") else "1:a-token")

    config = load(tmp_path / "config.toml")

    assert set(config.channels) == {"web", "sms", "telegram"}
    for name in config.channels:
        assert registry.build(config.channel(name)).name == name


# -- what pages quote -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", named(PAGES).values(), ids=named(PAGES))
def test_each_link_of_a_page_leads_to_something(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{link} leads nowhere"
        if anchor:
            assert anchor in anchors(target), f"{link}: {target.name} has no such heading"


def anchors(page: Path) -> set[str]:
    """As the usual viewers make them out of headings."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def prompts(text: str) -> Iterator[str]:
    """Every `broadcaster ...` of a page: of indented and fenced lines, and between backticks."""
    for line in text.splitlines():
        found = re.match(r"^(?: {4,}|\$ |)(?:\$ )?(?:[./\w]*/)?(broadcaster .*)$", line)
        if found and (line.startswith((" ", "$")) or not re.search(r"[.:;]\s*$", line)):
            yield found[1]
        yield from re.findall(r"`(broadcaster [^`]+)`", line)


def unknown(prompt: str) -> str:
    """What of a prompt the command line does not have; "" if it has all."""
    line = re.split(r"\s(?:\||&&|<|>|;|#)(?:\s|$)", f"{prompt} ")[0]
    words = shlex.split(line.replace("...", ""))[1:]
    command: click.Command = cli
    while words and isinstance(command, click.Group) and re.fullmatch(r"[a-z][a-z|-]*", words[0]):
        names = words.pop(0).split("|")
        found = [command.get_command(click.Context(command), name) for name in names]
        if None in found:
            return names[found.index(None)]
        command = found[0]  # type: ignore[assignment]
    known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)}
    known |= {"--help", "-h", "--version"}
    return next((word for word in words if word.startswith("--") and word.split("=")[0] not in known), "")


@pytest.mark.parametrize("page", named(PROMPTS).values(), ids=named(PROMPTS))
def test_every_command_a_page_quotes_exists_with_its_options(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    wrong = [(prompt, unknown(prompt)) for prompt in prompts(text) if unknown(prompt)]

    assert wrong == []


def test_every_command_an_error_tells_people_to_type_exists() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "broadcaster").rglob("*.py")]

    told = {prompt for text in sources for prompt in re.findall(r"`(broadcaster [a-z][^`{}\n]*)`", text)}

    assert len(told) > 10
    assert [(prompt, unknown(prompt)) for prompt in sorted(told) if unknown(prompt)] == []


def test_the_check_of_quoted_commands_sees_a_wrong_one() -> None:
    assert unknown("broadcaster message sned hotline-111") == "sned"
    assert unknown("broadcaster send hotline-111 --chanel sms") == "--chanel"
    assert unknown("broadcaster message submit --all --as lan && echo --done") == ""


def test_quickstarts_and_how_tos_quote_commands_at_all() -> None:
    pages = [
        DOCS / "quickstart.md",
        DOCS / "quickstart.vi.md",
        DOCS / "how-to/operator.md",
        DOCS / "how-to/admin.vi.md",
    ]

    assert all(len(list(prompts(page.read_text(encoding="utf-8")))) > 5 for page in pages)


@pytest.mark.parametrize("page", named(PAGES).values(), ids=named(PAGES))
def test_a_page_speaks_of_no_machine_and_no_package_host(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert re.findall(r"(?<![\w.])/(?:work|root|home|tmp|Users|mnt)/\S*", text) == []
    assert re.findall(r"pypi\.org|pythonhosted|npmjs|registry\.\w+\.\w+|index-url|localhost:\d+/simple", text) == []


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = (DOCS / "decisions/0007-dependencies.md").read_text(encoding="utf-8")

    wanted = [
        re.split(r"[\[<>=]", one)[0] for one in project["dependencies"] + project["optional-dependencies"]["test"]
    ]

    assert [
        name for name in wanted if not re.search(rf"^\| [^|]*\b{re.escape(name)}\b[^|]*\|", page, re.MULTILINE)
    ] == []


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")

    missing = [
        str(page.relative_to(DOCS))
        for page in sorted(DOCS.rglob("*.md"))
        if page.name != "README.md" and f"]({page.relative_to(DOCS).as_posix()})" not in index
    ]
    assert missing == []
