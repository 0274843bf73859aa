from __future__ import annotations

import tomllib
import unicodedata
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcaster.schedule.spec import (
    Budget,
    CampaignFile,
    IfMissed,
    OfficeRules,
    canonical,
    from_canonical,
    key_lines,
    parse,
)

SAMPLES = Path(__file__).parents[2] / "schedules"
GOOD = """\
[campaign]
id = "camp-2027"
title = "Chiến dịch"
from = 2027-07-01
until = 2027-08-31
timezone = "Asia/Ho_Chi_Minh"
quiet_hours = "21:30-08:00"
blackout = [{ from = 2027-07-20, until = 2027-07-21, reason = "quốc tang" }]
report_due = 2027-09-20
languages = ["vi", "en"]
budget = { amount = 50_000_000, currency = "VND" }

[[schedule]]
id = "daily"
messages = ["hotline-111", "victims-rights"]
pick = "rotate"
when = { daily = ["19:30", "08:00"], days = ["mon-fri", "sun"], until = 2027-07-30 }
channels = ["zalo > sms", "web"]
group = "border-communes"
language = "contact"
if_missed = { run = "all", within = "90min" }
priority = "priority"
"""


def read(text: str | bytes) -> CampaignFile:
    raw = text if isinstance(text, bytes) else text.encode()
    return parse(raw, path="schedules/camp.toml", office=OfficeRules())


def changed(old: str, new: str) -> CampaignFile:
    assert old in GOOD
    return read(GOOD.replace(old, new, 1))


def test_a_good_file_has_no_fault_and_says_what_it_says() -> None:
    found = read(GOOD)

    assert found.faults == ()
    assert found.spec is not None
    (schedule,) = found.spec.schedules
    assert (found.spec.since, found.spec.until, found.spec.languages) == (
        date(2027, 7, 1),
        date(2027, 8, 31),
        ("vi", "en"),
    )
    assert found.spec.blackout_text == "2027-07-20/2027-07-21"
    assert found.spec.budget == Budget(amount="50000000", currency="VND")
    assert schedule.channels == (("zalo", "sms"), ("web",))
    assert schedule.when.daily == ("08:00", "19:30")
    assert schedule.when.days == ("mon", "tue", "wed", "thu", "fri", "sun")
    assert (schedule.when.since, schedule.when.until) == (date(2027, 7, 1), date(2027, 7, 30))
    assert schedule.if_missed == IfMissed(run="all", within=5400)
    assert (schedule.language, schedule.priority, schedule.group) == ("contact", "priority", "border-communes")


def test_where_the_file_is_silent_the_office_speaks() -> None:
    office = OfficeRules(timezone="Europe/Berlin", quiet_hours="", cap_per_24h=1, require_consent=False)
    text = """[campaign]\nid="c"\ntitle="t"\nfrom=2027-07-01\nuntil=2027-07-02
    [[schedule]]\nid="s"\nmessages=["m"]\nwhen={ daily=["08:00"] }\nchannels=["web"]\n"""

    spec = parse(text.encode(), path="c.toml", office=office).spec

    assert spec is not None
    assert (spec.timezone, spec.quiet_hours, spec.cap_per_24h, spec.require_consent) == ("Europe/Berlin", "", 1, False)
    assert (spec.languages, spec.schedules[0].group, spec.schedules[0].language) == (("vi",), "", "vi")
    assert (spec.schedules[0].pick, spec.schedules[0].if_missed) == ("rotate", IfMissed(run="latest", within=21600))


@pytest.mark.parametrize(
    ("old", "new", "line", "says", "remedy"),
    [
        ('title = "Chiến dịch"', 'titel = "Chiến dịch"', 3, "'titel'", "'title'"),
        ('pick = "rotate"', 'pick = "rotated"', 16, "'rotated'", "'rotate'"),
        ('priority = "priority"', 'priority = "high"', 22, "'high'", "normal, priority"),
        ('priority = "priority"', 'prioritaet = "priority"', 22, "'prioritaet'", "'priority'"),
        ("from = 2027-07-01", "from = 2027-02-31", 4, "TOML", "2027-07-01"),
        ("from = 2027-07-01", 'from = "2027-07-01"', 4, "no date", "without quotes"),
        ("from = 2027-07-01\n", "", 1, "'from' is missing", "inclusive"),
        ("until = 2027-08-31", "until = 2027-06-30", 5, "before it begins", "orrect"),
        ("until = 2027-08-31", "until = 2072-08-31", 5, "three years", "years"),
        ('"Asia/Ho_Chi_Minh"', '"Asia/Hanoi"', 6, "no IANA", "Asia/Ho_Chi_Minh"),
        ('"Asia/Ho_Chi_Minh"', '"America"', 6, "no IANA", "Asia/Ho_Chi_Minh"),
        ('"21:30-08:00"', '"21:30"', 7, "no hours", "21:30-08:00"),
        ("until = 2027-07-21", "until = 2027-07-19", 8, "before it begins", "orrect"),
        ("{ from = 2027-07-20, until = 2027-07-21", "{ from = 2026-07-20, until = 2026-07-21", 8, "outside", "year"),
        ("report_due = 2027-09-20", "report_due = 2026-09-20", 9, "before the campaign", "orrect"),
        ('languages = ["vi", "en"]', 'languages = ["Vietnamese"]', 10, "'Vietnamese'", '"vi"'),
        ("amount = 50_000_000", 'amount = "viel"', 11, "'viel'", "50_000_000"),
        ('currency = "VND"', 'currency = "dong"', 11, "'dong'", "ISO 4217"),
        ('id = "daily"', 'id = "Daily Send"', 14, "'Daily Send'", "lower-case"),
        ('["hotline-111", "victims-rights"]', "[]", 15, "'messages'", "hotline-111"),
        ('["hotline-111", "victims-rights"]', '["hotline-111", "hotline-111"]', 15, "twice", "once"),
        ('"19:30", "08:00"', '"19:30", "8:00"', 17, "'8:00'", "08:00"),
        ('"19:30", "08:00"', '"24:00"', 17, "'24:00'", "23:59"),
        ('"mon-fri", "sun"', '"1-5"', 17, "'1-5'", "mon-fri"),
        ('"mon-fri", "sun"', '"monday"', 17, "'monday'", "mon-fri"),
        ("until = 2027-07-30", "until = 2027-09-30", 17, "outside the campaign", "orrect"),
        ("until = 2027-07-30 }", "untill = 2027-07-30 }", 17, "'untill'", "'until'"),
        ('["zalo > sms", "web"]', '["zalo > sms", "sms"]', 18, "'sms' stands there twice", "alone or in one chain"),
        ('["zalo > sms", "web"]', '["zalo > zalo"]', 18, "twice", "alone or in one chain"),
        ('["zalo > sms", "web"]', '["zalo >"]', 18, "no name", "a > b"),
        ('language = "contact"', 'language = "hmn"', 20, "'hmn'", "languages"),
        ('within = "90min"', 'within = "sometime"', 21, "'sometime'", "30min"),
        ('within = "90min"', 'within = "30day"', 21, "'30day'", "7 days"),
        ('run = "all"', 'run = "never"', 21, "'never'", "none"),
        ('if_missed = { run = "all", within = "90min" }', 'if_missed = "all"', 21, "no table", "latest"),
    ],
)
def test_each_fault_has_its_line_and_a_remedy(old: str, new: str, line: int, says: str, remedy: str) -> None:
    found = changed(old, new)

    assert found.spec is None
    fault = next(fault for fault in found.faults if says in fault.text)
    assert (fault.path, fault.line) == ("schedules/camp.toml", line)
    assert remedy in fault.remedy
    assert len(found.faults) <= 2


WHEN = 'when = { daily = ["19:30", "08:00"], days = ["mon-fri", "sun"], until = 2027-07-30 }'


@pytest.mark.parametrize(
    ("when", "says", "remedy"),
    [
        ('{ cron = "0 8 * * 1-5" }', "'1-5' is no weekday", "mon-fri"),
        ('{ cron = "0 8 * * 0" }', "number", "mon-fri"),
        ('{ cron = "0 8 1 * mon" }', "a day of the month and a weekday", "two schedules"),
        ('{ cron = "0 8 * *" }', "4 fields", "minute, hour, day, month, weekday"),
        ('{ cron = "60 8 * * *" }', "'60' is no minute", "0 to 59"),
        ('{ cron = "0 8 30 2 *" }', "o such day", "orrect"),
        ('{ cron = "0 8 last * *" }', "'last' is no day", "1 to 31"),
        ('{ cron = "5/10 8 * * *" }', "different things", "5-59/10"),
        ('{ cron = "0 8 * * fri#2" }', "no weekday", "names"),
        ("{ at = 2027-07-30 }", "no date with a time", "at = 2027-07-30T07:00:00"),
        ("{ at = 2027-07-30T07:00:00+07:00 }", "offset", "time zone holds"),
        ("{ at = 2027-07-30T07:00:30 }", "seconds", "07:00:00"),
        ("{ at = 2028-07-30T07:00:00 }", "outside the campaign", "orrect"),
        ('{ at = 2027-07-30T07:00:00, days = ["mon"] }', "'days'", "at"),
        ('{ daily = ["08:00"], cron = "0 8 * * *" }', "exactly one of", "daily"),
        ("{ }", "exactly one of", "daily"),
        ("[]", "no table", "daily"),
        ('{ daily = ["08:00"], days = ["mon"], from = 2027-07-06, until = 2027-07-11 }', "one of its days", "orrect"),
        ('{ daily = ["08:00"], from = 2027-07-10, until = 2027-07-09 }', "before it begins", "orrect"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(when: str, says: str, remedy: str) -> None:
    found = changed(WHEN, f"when = {when}")

    assert says in " ".join(fault.text for fault in found.faults)
    assert remedy in " ".join(fault.remedy for fault in found.faults)
    assert {fault.line for fault in found.faults} == {17}


def test_a_day_that_one_month_of_the_window_has_not_got_is_refused_and_not_skipped() -> None:
    text = GOOD.replace("from = 2027-07-01", "from = 2027-06-01").replace(WHEN, 'when = { cron = "0 8 31 * *" }')

    found = read(text)

    assert [fault.text for fault in found.faults] == ["2027-06 has no day 31."]
    assert read(text.replace("31 * *", "31 7,8 *")).faults == ()
    assert read(text.replace("31 * *", "28-31 * *")).faults == ()


def test_a_cron_with_names_ranges_and_steps_is_kept_with_its_names() -> None:
    found = changed(WHEN, 'when = { cron = "*/30 8-10 * jul,aug FRI-MON", from = 2027-07-02 }')

    assert found.faults == ()
    assert found.spec is not None
    assert found.spec.schedules[0].when.cron == "*/30 8-10 * jul,aug mon,fri,sat,sun"
    assert found.spec.schedules[0].when.since == date(2027, 7, 2)


@pytest.mark.parametrize(
    ("key", "when"),
    [("from = 2011-12-30", "at = 2011-12-31T08:00:00"), ("from = 2011-12-29", "at = 2011-12-30T08:00:00")],
)
def test_a_day_that_a_zone_left_out_is_refused(key: str, when: str) -> None:
    text = f"""[campaign]\nid="c"\ntitle="t"\n{key}\nuntil=2011-12-31\ntimezone="Pacific/Apia"
    [[schedule]]\nid="s"\nmessages=["m"]\nwhen={{ {when} }}\nchannels=["web"]\n"""

    found = read(text)

    assert ["2011-12-30 does not exist in Pacific/Apia." in fault.text for fault in found.faults] == [True]


def test_all_faults_are_told_at_once_in_the_order_of_the_file() -> None:
    text = GOOD.replace('"21:30-08:00"', '"x"').replace('pick = "rotate"', 'pick = "x"').replace('"90min"', '"x"')

    assert [fault.line for fault in read(text).faults] == [7, 16, 21]


def test_two_schedules_of_one_name_are_refused() -> None:
    second = GOOD[GOOD.index("[[schedule]]") :]

    (fault,) = read(GOOD + "\n" + second).faults

    assert fault.line == 25
    assert "'daily'" in fault.text


@pytest.mark.parametrize(
    "text", ["", "[campaign]\n", "campaign = 3\n", "schedule = 3\n[campaign]\n", "[[campaign]]\n", "[schedule]\n"]
)
def test_a_file_that_is_no_campaign_says_what_is_missing(text: str) -> None:
    found = read(text)

    assert found.spec is None
    assert found.faults
    assert all(fault.remedy for fault in found.faults)


@pytest.mark.parametrize(
    ("raw", "line", "says"),
    [
        (GOOD.encode("utf-16"), 1, "UTF-8"),
        (GOOD.encode().replace("ế".encode(), b"\xea\xec"), 3, "UTF-8"),
        (GOOD.encode() + b"\x00", 23, "TOML"),
        (b"a = " + b"[" * 5000, 1, "TOML"),
        (b"x" * (1024 * 1024 + 1), None, "1 MB"),
        (b"a" + b".a" * 10000 + b" = 1", 1, "dots"),
        (unicodedata.normalize("NFD", GOOD).encode(), 3, "NFC"),
    ],
)
def test_bytes_that_are_no_good_text_are_a_fault_and_no_traceback(raw: bytes, line: int | None, says: str) -> None:
    found = read(raw)

    assert found.spec is None
    assert found.faults[0].line == line
    assert says in found.faults[0].text


def test_a_byte_order_mark_and_windows_line_ends_change_nothing() -> None:
    raw = b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()

    assert read(raw).spec == read(GOOD).spec


def test_keys_are_found_in_texts_with_comments_arrays_and_quoted_brackets() -> None:
    text = 'a = [ # [x]\n  "]",\n]\n[campaign]\nb = """\nc = 1\n[d]\n"""\ne = \'[\'\n'
    text += "[[schedule]]\nf = 1\n[[schedule]]\nwhen.at = 2\n"

    assert key_lines(text) == {
        "a": 1, "campaign": 4, "campaign.b": 5, "campaign.e": 9, "schedule.0": 10, "schedule.0.f": 11,
        "schedule.1": 12, "schedule.1.when.at": 13,
    }  # fmt: skip


def test_the_canonical_bytes_are_read_back_and_do_not_depend_on_how_the_file_is_laid_out() -> None:
    spec = read(GOOD).spec
    moved = (
        GOOD.replace("  # ", " #")
        .replace('title = "Chiến dịch"\n', "")
        .replace("[campaign]", '[campaign]\n# x\ntitle = "Chiến dịch"')
    )

    assert spec is not None
    assert from_canonical(canonical(spec)) == spec
    other = read(moved).spec
    assert other is not None
    assert canonical(other) == canonical(spec)


@pytest.mark.parametrize(
    "old",
    [
        "08:00",
        "hotline-111",
        "victims-rights",
        "border-communes",
        "zalo",
        "2027-07-30",
        "90min",
        "50_000_000",
        "quốc tang",
    ],
)
def test_every_change_of_what_was_approved_changes_the_bytes(old: str) -> None:
    new = {"08:00": "08:01", "2027-07-30": "2027-07-29", "90min": "91min", "50_000_000": "5"}.get(old, "other")
    before = read(GOOD).spec
    after = read(GOOD.replace(old, new)).spec

    assert before is not None
    assert after is not None
    assert canonical(before) != canonical(after)


def test_the_sample_campaigns_have_no_fault() -> None:
    files = sorted(SAMPLES.glob("*.toml"))

    faults = [fault for path in files for fault in read(path.read_bytes()).faults]

    assert files
    assert faults == []


VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-5, 10**20), st.text(max_size=8), st.just("2027-07-01"), st.just("08:00")
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from([line.split(" = ")[0] for line in GOOD.splitlines() if " = " in line])


@settings(max_examples=200, deadline=None)
@given(KEYS, VALUES)
def test_no_value_of_any_key_makes_a_traceback(key: str, value: object) -> None:
    lines = [f"{key} = {toml(value)}" if line.startswith(f"{key} = ") else line for line in GOOD.splitlines()]
    text = "\n".join(lines) + "\n"
    try:
        tomllib.loads(text)
    except ValueError:
        return

    found = read(text)

    assert (found.spec is None) == bool(found.faults)


def toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml(str(k))} = {toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, bool | type(None)):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return '"' + "".join(f"\\U{ord(char):08x}" for char in str(value)) + '"'


def test_a_chain_may_go_on_without_a_receipt_where_the_campaign_asks_for_it() -> None:
    line = 'if_missed = { run = "all", within = "90min" }'
    found = changed(line, f'{line}\nfallback_after = "1h"')

    assert found.spec is not None
    assert found.spec.schedules[0].fallback_after == 3600
    assert canonical(found.spec) != canonical(read(GOOD).spec)


@pytest.mark.parametrize(("value", "what"), [("soon", "is 'soon'"), ("2h", "is '2h'"), ("10s", "is '10s'")])
def test_a_wait_for_receipts_that_is_none_or_longer_than_the_broadcast_lives_is_refused(value: str, what: str) -> None:
    line = 'if_missed = { run = "all", within = "90min" }'
    found = changed(line, f'{line}\nfallback_after = "{value}"')

    assert [fault for fault in found.faults if what in fault.text]
