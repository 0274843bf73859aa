"""Every sentence of the desk stands in both languages, and every file it serves is the one on the list."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from broadcaster.access import factor
from broadcaster.web import app, assets
from broadcaster.web.pages import approvals, dispatches, login
from broadcaster.web.words import by_file, english, errors, say, states

WEB = Path(app.__file__).parent
HOUSE = WEB.parent
IN_TEMPLATES = re.compile(r"""\b_\(\s*"((?:[^"\\]|\\.)*)\"""")


def said() -> dict[str, str]:
    """Every Vietnamese sentence -> where it stands."""
    found = {}
    for path in (WEB / "templates").rglob("*.html"):
        for sentence in IN_TEMPLATES.findall(path.read_text(encoding="utf-8")):
            found[sentence.replace('\\"', '"')] = path.name
    for path in [*WEB.glob("*.py"), *(WEB / "pages").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _is_say(node):
                for arg in node.args[:1]:
                    if isinstance(arg, ast.Constant) and isinstance(arg.value, str):
                        found[arg.value] = path.name
            if isinstance(node, ast.keyword) and node.arg == "label" and isinstance(node.value, ast.Constant):
                found[str(node.value.value)] = path.name
    for one in [
        *approvals.KINDS.values(),
        *approvals.CATEGORIES.values(),
        *dispatches.WAYS.values(),
        *login.ROLES.values(),
    ]:
        found[one] = "a table of a page"
    for one in [*(line for lines in approvals.CHECKS.values() for line in lines), approvals.HEARD]:
        found[one] = "the checklist"
    for one in [*states.HELD.values(), *states.SCOPES.values(), *states.OUTCOMES.values()]:
        found[one] = "words/states.py"
    for word, _, meaning in states.STATES.values():
        found[word] = found[meaning] = "words/states.py"
    return found


def _is_say(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and node.func.attr == "say" and isinstance(node.func.value, ast.Name)


def test_every_sentence_has_its_english() -> None:
    known = english()

    missing = {sentence: where for sentence, where in said().items() if sentence not in known}

    assert missing == {}


def test_two_files_never_say_one_sentence_differently() -> None:
    meanings: dict[str, set[object]] = {}
    for found in by_file().values():
        for vietnamese, meant in found.items():
            meanings.setdefault(vietnamese, set()).add(meant)

    assert {sentence: meant for sentence, meant in meanings.items() if len(meant) > 1} == {}


def test_a_sentence_and_its_english_have_the_same_places() -> None:
    place = re.compile(r"\{(\w*)\}")

    odd = []
    for vietnamese, meant in english().items():
        for one in meant if isinstance(meant, tuple) else (meant,):
            if set(place.findall(one)) - {"n"} != set(place.findall(vietnamese)) - {"n"}:
                odd.append(vietnamese)

    assert odd == []


def test_what_is_read_only_by_programs_is_no_vietnamese() -> None:
    letters = re.compile("[\u0102-\u1ef9]")

    found = {meant for meant in english().values() if isinstance(meant, str) and letters.search(meant)}

    assert found == set()


def test_errors_that_have_a_vietnamese_sentence_are_said_somewhere_in_the_house() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in HOUSE.rglob("*.py") if path.name != "errors.py")
    joined = re.sub(r'"\s*\n\s*f?"', "", source)
    plain = re.sub(r"\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}", "{}", joined)

    gone = [english for english in errors.VI if english.replace("{}", "\0").split("\0")[-1].strip() not in plain]

    assert gone == []


def test_an_error_keeps_its_values_in_vietnamese() -> None:
    said = errors.translate("Too many wrong passwords for lan; wait five minutes, or have an admin reset it.")

    assert "lan" in said
    assert "đợi năm phút" in said


@pytest.mark.parametrize(("n", "wanted"), [(1, "1 recovery code left"), (2, "2 recovery codes left")])
def test_english_tells_one_from_many(n: int, wanted: str) -> None:
    assert wanted in say("en", "Đã thiết lập; còn {n} mã dự phòng.", n=n)
    assert factor.CODES > 1


def test_the_files_served_are_those_on_the_list() -> None:
    assets.digests.cache_clear()

    found = assets.digests()

    assert found == assets.listed()


def test_no_page_carries_script_or_style_of_its_own() -> None:
    inline = re.compile(r"<script(?![^>]*\bsrc=)|\sstyle=|<style|\son[a-z]+=|javascript:|https?://", re.IGNORECASE)

    found = [
        path.name for path in (WEB / "templates").rglob("*.html") if inline.search(path.read_text(encoding="utf-8"))
    ]

    assert found == []
