from __future__ import annotations

import unicodedata
from datetime import date
from pathlib import Path

import pytest

from broadcaster.channel.base import Traits
from broadcaster.config import Config
from broadcaster.content import check
from broadcaster.content.fault import Fault, errors
from broadcaster.content.files import load
from tests.content.library import BODY, FACTS, FRONT, write

TODAY = date(2027, 7, 1)
SMS = Traits(unit="person", address="phone", after_silence="ask", forms=("sms",), max_length=300)


def faults(content: Path, *, today: date = TODAY, ways: tuple[check.Way, ...] = ()) -> list[Fault]:
    return check.library(load(content), today=today, ways=ways, opt_out="https://vp.example/o/xxxxxxxxxx")


def only(found: list[Fault], says: str) -> Fault:
    matching = [fault for fault in found if says in fault.text]
    assert len(matching) == 1, found
    return matching[0]


def test_a_good_library_has_no_fault(tmp_path: Path) -> None:
    assert faults(write(tmp_path), ways=(check.Way(name="sms", traits=SMS),)) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("{{ fact.hotline }} (miễn", "0912 345 678 (miễn", 12, "no fact"),
        ("{{ fact.hotline }} (miễn", "113 (miễn", 12, "no fact"),
        ("{{ fact.hotline }} (miễn", "{{ fact.gone }} (miễn", 12, "no fact 'gone'"),
        ("{{ fact.hotline }} (miễn", "{{ fact.hotline }} {{ name }} (miễn", 12, "no placeholder"),
        ("miễn phí", unicodedata.normalize("NFD", "miễn phí"), 12, "NFD"),
        ("miễn phí", "mi\u200bễn phí", 12, "zero-width"),
        ("miễn phí", "miễn ph\u0456", 12, "mixes alphabets"),
        ("miễn phí", "bạn đã bị lừa bán", 12, "tells the reader"),
        ("miễn phí", "gặp bà Nguyễn Thị Hoa", 12, "names a person"),
        ("Xin gọi {{ fact.hotline }}.", "Xin gọi {{ fact.hotline }}. {{ opt_out }}", 15, "is of no use"),
        ("Xin gọi {{ fact.hotline }}.", "Xin gọi một một một.", 15, "typed by hand"),
        ("## en\n", "## en speech\nCall {{ fact.hotline }}.\n\n## en\n", 18, "read aloud in en"),
        ("## en\n", "## vi sms-plain\nGoi {{ fact.hotline }} miễn phí.\n\n## en\n", 18, "without accents"),
    ],
)
def test_each_fault_of_a_text_is_named_with_its_line(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    assert old in BODY

    fault = only(faults(write(tmp_path, body=BODY.replace(old, new, 1))), says)

    assert (fault.path, fault.line, fault.warning, fault.about) == (
        "content/hotline/hotline-111.md",
        line,
        False,
        "hotline-111",
    )
    assert fault.remedy


def test_a_number_in_a_title_may_be_a_fact_and_nothing_else(tmp_path: Path) -> None:
    found = faults(write(tmp_path, front=FRONT.replace('"Call 111"', '"Call 112"')))

    assert [(fault.line, "'112'" in fault.text) for fault in found] == [(5, True)]


def test_a_fact_typed_by_hand_is_a_warning(tmp_path: Path) -> None:
    fault = only(faults(write(tmp_path, body=BODY.replace("{{ fact.hotline }} (miễn", "111 (miễn"))), "typed by hand")

    assert (fault.line, fault.warning) == (12, True)
    assert "{{ fact.hotline }}" in fault.remedy


def test_an_overdue_fact_is_a_fault_where_it_stands_and_once_in_each_message(tmp_path: Path) -> None:
    found = faults(write(tmp_path), today=date(2028, 1, 1))

    assert [(fault.path, fault.line, fault.warning) for fault in found] == [
        ("content/facts.toml", 1, False),
        ("content/hotline/hotline-111.md", 4, False),
    ]


@pytest.mark.parametrize(("today", "told"), [(date(2027, 11, 30), 0), (date(2027, 12, 1), 1), (date(2027, 12, 31), 1)])
def test_a_fact_is_announced_thirty_days_before_it_is_overdue(tmp_path: Path, today: date, told: int) -> None:
    found = faults(write(tmp_path), today=today)

    assert len(found) == told
    assert errors(found) == []


@pytest.mark.parametrize(
    ("left", "step"), [(31, None), (30, 30), (15, 30), (14, 14), (8, 14), (7, 7), (0, 7), (-1, None)]
)
def test_reminders_come_at_thirty_fourteen_and_seven_days(tmp_path: Path, left: int, step: int | None) -> None:
    fact = load(write(tmp_path)).facts["hotline"]

    assert fact.due_soon(date.fromordinal(fact.verify_by.toordinal() - left)) == step


def test_a_form_longer_than_its_channel_takes_is_a_fault_and_nothing_is_cut(tmp_path: Path) -> None:
    content = write(tmp_path, body=BODY.replace("(miễn phí)", "(" + "miễn phí " * 40 + ")"))

    fault = only(faults(content, ways=(check.Way(name="sms", traits=SMS),)), "does not fit channel sms")

    assert fault.line == 12
    assert "300" in fault.text


def test_the_opt_out_link_counts_with_its_real_length(tmp_path: Path) -> None:
    short = Traits(unit="person", address="phone", after_silence="ask", forms=("sms",), max_length=45)
    content = write(tmp_path, body=BODY.replace("(miễn phí)", "(miễn phí) {{ opt_out }}"))

    found = faults(content, ways=(check.Way(name="sms", traits=short),))

    assert [fault.text for fault in found] == [
        "vi sms does not fit channel sms: it has 51 characters, and 45 is the most."
    ]


def test_the_unaccented_twin_is_proposed_for_a_channel_without_accents(tmp_path: Path) -> None:
    fault = only(
        faults(write(tmp_path), ways=(check.Way(name="brand", traits=SMS, accents=False),)), "takes no accents"
    )

    assert fault.warning
    assert "Goi {{ fact.hotline }} (mien phi)." in fault.remedy


def test_the_channels_own_check_is_asked(tmp_path: Path) -> None:
    config = Config(
        channels={
            "sms": {"adapter": "memory", "max_length": 10, "forms": ["sms"]},
            "lost": {"adapter": "none-such"},
            "wrong": {"adapter": "memory", "colour": "red"},
        }
    )

    ways, wrong = check.ways(config)

    assert [way.name for way in ways] == ["sms", "wrong"]
    assert [fault.about for fault in wrong] == ["lost", "wrong"]
    assert "does not fit channel sms" in only(faults(write(tmp_path), ways=tuple(ways[:1])), "vi sms").text


def test_a_person_in_a_commendation_is_a_warning(tmp_path: Path) -> None:
    content = write(
        tmp_path,
        front=FRONT.replace('= "hotline"', '= "commendation"'),
        body=BODY.replace("miễn phí", "cảm ơn bà Nguyễn Thị Hoa"),
        category="commendation",
    )

    assert only(faults(content), "names a person").warning


def test_letters_are_checked_in_a_file_that_cannot_be_read_as_a_message(tmp_path: Path) -> None:
    found = faults(write(tmp_path, body="", front="không có gì\u202e\n"))

    assert [fault.line for fault in found] == [1, 1]


def test_a_file_full_of_faults_is_told_in_fifty(tmp_path: Path) -> None:
    content = write(tmp_path, body=BODY + "gọi 0912345678 \u202e\n" * 5000, facts=FACTS)

    assert len(faults(content)) == 50


def test_a_flood_of_warnings_hides_no_fault(tmp_path: Path) -> None:
    content = write(tmp_path, body=BODY + "gọi 111\n" * 200 + "gọi 0912345678\n")

    found = faults(content)

    assert len(found) == 50
    assert ["'0912345678'" in fault.text for fault in errors(found)] == [True]


def test_while_the_facts_file_cannot_be_read_its_fault_is_not_buried_under_others(tmp_path: Path) -> None:
    found = faults(write(tmp_path, facts=FACTS.replace('value = "111"', "value = 111 =")))

    assert [fault.warning for fault in found] == [False, True]
    assert "not valid TOML" in found[0].text
    assert "1 messages were not checked" in found[1].text


def test_a_country_in_place_of_a_language_is_told_its_language(tmp_path: Path) -> None:
    fault = only(faults(write(tmp_path, body=BODY.replace("## vi sms", "## vn sms"))), "is a country")

    assert (fault.line, fault.remedy) == (11, "Write `## vi sms`.")


def test_a_message_under_an_editors_own_suffix_is_named(tmp_path: Path) -> None:
    content = write(tmp_path)
    (content / "hotline" / "another.md.txt").write_text("+++\n", encoding="utf-8")

    fault = only(faults(content), "is not read")

    assert (fault.path, fault.warning) == ("content/hotline/another.md.txt", True)
    assert "another.md" in fault.remedy


def test_a_link_of_one_person_is_warned_of_where_many_read(tmp_path: Path) -> None:
    pages = Traits(unit="public", address="public", after_silence="repeat", forms=("text",), max_length=0)
    content = write(tmp_path, body=BODY.replace("theo {{ fact.law }}.", "theo {{ fact.law }}. {{ opt_out }}"))

    found = only(faults(content, ways=(check.Way(name="web", traits=pages),)), "one person's link")

    assert found.warning
    assert "Channel web" in found.text


@pytest.mark.parametrize(("public_url", "n"), [("", 1), ("https://vp.example", 0)])
def test_a_link_that_cannot_be_made_is_warned_of(tmp_path: Path, public_url: str, n: int) -> None:
    content = write(tmp_path, body=BODY.replace("(miễn phí)", "(miễn phí) {{ opt_out }}"))

    found = check.no_way_out(load(content), public_url=public_url)

    assert [fault.warning for fault in found] == [True] * n
    assert all("`public_url`" in fault.text and fault.line for fault in found)
