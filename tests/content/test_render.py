from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcaster.content import render
from broadcaster.content.facts import Fact
from broadcaster.content.fault import Faulty
from broadcaster.content.files import load
from broadcaster.content.item import Item, Section
from tests.content.library import BODY, write


def fact(name: str = "hotline", value: str = "111", **values: Any) -> Fact:
    return Fact(
        name=name, value=value, source="s", verified_on=date(2027, 1, 1), verify_by=date(2027, 12, 31), **values
    )


FACTS = {
    "hotline": fact(speech={"vi": "một một một"}),
    "law": fact("law", "Luật 53/2024/QH15"),
    "sly": fact("sly", "{{ fact.law }}"),  # the loader refuses it; the renderer must not look at it again all the same
}


def item(text: str, form: str = "text", **values: Any) -> Item:
    section = Section(language="vi", form=form, text=text, line=9)
    return Item(
        id="m", category="hotline", titles={"vi": "Gọi"}, source="s", sections=(section,), path="m.md", **values
    )


def test_the_snapshot_is_canonical_and_its_hash_is_that_of_its_bytes(tmp_path: Path) -> None:
    library = load(write(tmp_path))

    snapshot = render.snapshot(library.item("hotline-111"), library.facts)

    body = msgspec.json.decode(snapshot.canonical)
    assert snapshot.hash == hashlib.sha256(snapshot.canonical).hexdigest()
    assert msgspec.json.Encoder(order="sorted").encode(body) == snapshot.canonical
    assert body == {
        "v": 1,
        "message": "hotline-111",
        "category": "hotline",
        "source": "Công văn 2556/BTTTT-TTra",
        "titles": {"vi": "Gọi 111", "en": "Call 111"},
        "texts": {
            "vi": {
                "text": "Nghi có mua bán người? Gọi 111, theo Luật 53/2024/QH15.",
                "sms": "Gọi 111 (miễn phí).",
                "speech": "Xin gọi một một một.",
            },
            "en": {"text": "Call 111."},
        },
        "facts": {name: library.facts[name].digest for name in ("hotline", "law")},
        "media": {},
        "valid": {},
    }


def test_the_same_words_typed_differently_give_the_same_hash(tmp_path: Path) -> None:
    content = write(tmp_path)
    path = content / "hotline" / "hotline-111.md"
    before = render.snapshot(load(content).item("hotline-111"), load(content).facts).hash
    decomposed = unicodedata.normalize("NFD", path.read_text(encoding="utf-8")).replace(
        "{{ fact.hotline }}", "{{fact.hotline}}"
    )
    path.write_bytes((decomposed + "\n\n").replace("\n", "\r\n").encode())

    library = load(content)

    assert render.snapshot(library.item("hotline-111"), library.facts).hash == before


def test_anything_that_shows_changes_the_hash() -> None:
    base = item("Gọi {{ fact.hotline }}")
    first = render.snapshot(base, FACTS).hash
    media = {"vi": render.MediaFile(name="a.mp3", mime_type="audio/mpeg", sha256="0" * 64)}
    others = [
        render.snapshot(item("Gọi {{ fact.hotline }}!"), FACTS),
        render.snapshot(replace(base, titles={"vi": "Hãy gọi"}), FACTS),
        render.snapshot(replace(base, valid_until=date(2027, 8, 31)), FACTS),
        render.snapshot(base, FACTS | {"hotline": fact(value="112", speech={"vi": "một một một"})}),
        render.snapshot(base, FACTS | {"hotline": fact(speech={"vi": "một trăm mười một"})}),
        render.snapshot(base, FACTS, media),
    ]

    assert len({first, *(other.hash for other in others)}) == 7


def test_a_facts_value_is_not_looked_at_again() -> None:
    assert render.fill("{{ fact.sly }}", FACTS, language="vi", form="text") == "{{ fact.law }}"


def test_each_form_gets_the_fact_in_its_own_spelling() -> None:
    def filled(template: str, form: str) -> str:
        return render.fill(template, FACTS, language="vi", form=form)

    assert filled("{{ fact.hotline }}", "speech") == "một một một"
    assert filled("{{ fact.law }}", "sms-plain") == "Luat 53/2024/QH15"
    assert filled("{{fact.law}} {{opt_out}}", "sms") == "Luật 53/2024/QH15 {{ opt_out }}"


@pytest.mark.parametrize(
    "template",
    ["{{ fact.none }}", "{{ name }}", "{ fact.hotline }", "{{ fact.hotline }", "a } b", "{{{{", "{% if x %}",
     "{{ fact.hotline|x }}", "{{ fact.hotline.__class__ }}", "{{{ fact.hotline }}}"],
)  # fmt: skip
def test_everything_else_in_braces_is_a_fault_with_its_line(template: str) -> None:
    with pytest.raises(Faulty) as caught:
        render.texts(item(f"Dòng một\n\n{template}"), FACTS)

    assert caught.value.faults[0].line == 11
    assert caught.value.faults[0].path == "m.md"


@given(st.text(alphabet=st.sampled_from("ab{} .|_\n%factoptu"), max_size=80))
def test_no_brace_is_left_but_those_of_the_opt_out(template: str) -> None:
    try:
        text = render.fill(template, FACTS, language="vi", form="text")
    except Faulty:
        return

    rest = text.replace(render.OPT_OUT, "")
    assert "{" not in rest
    assert "}" not in rest


@given(st.text(max_size=200))
def test_clean_text_is_nfc_and_cleaning_it_again_changes_nothing(text: str) -> None:
    cleaned = render.clean(text)

    assert unicodedata.is_normalized("NFC", cleaned)
    assert "\r" not in cleaned
    assert render.clean(cleaned) == cleaned


def test_a_fact_typed_by_hand_counts_as_quoted() -> None:
    facts = FACTS | {"women": fact("women", "1900 969 680")}
    typed = replace(item("Theo Luật 53/2024/QH15, số 1900.969.680."), titles={"vi": "Gọi 111"})

    assert render.quoted(typed, facts) == {"hotline", "law", "women"}
    assert render.quoted(item("Có 111 vụ, 1.900.969 người."), facts) == set()


def test_differences_name_what_changed_without_the_texts(tmp_path: Path) -> None:
    content = write(tmp_path)
    library = load(content)
    old = render.decode(render.snapshot(library.item("hotline-111"), library.facts).canonical)
    write(tmp_path, body=BODY.replace("(miễn phí)", "(không mất tiền)").replace("## en\nCall", "## en chat\nCall"))
    new = render.decode(render.snapshot(load(content).item("hotline-111"), library.facts).canonical)

    assert render.differences(old, new) == ["text en chat is new", "text en text is gone", "text vi sms differs"]
    assert render.word_changes(old, new)["vi sms"] == "Gọi 111 [-(miễn phí).-]{+(không mất tiền).+}"
