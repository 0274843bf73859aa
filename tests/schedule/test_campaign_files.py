"""Campaign files against the library and the channels, as `broadcaster check` sees them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from broadcaster.config import Config
from broadcaster.content.fault import Fault, Faulty
from broadcaster.content.files import load
from broadcaster.errors import NotFound
from broadcaster.schedule.files import check_folder, find, roads
from tests.content.library import FRONT, write

ROOT = Path(__file__).parents[2]
CONFIG = Config(
    channels={
        "sms": {"adapter": "memory", "forms": ["sms"]},
        "brand": {"adapter": "memory", "forms": ["sms"], "accents": False},
        "web": {"adapter": "memory", "unit": "public", "address": "public", "forms": ["text"]},
    }
)
GOOD = """\
[campaign]
id = "camp"
title = "Chiến dịch"
from = 2027-07-01
until = 2027-08-31
languages = ["vi", "en"]

[[schedule]]
id = "daily"
messages = ["hotline-111"]
when = { daily = ["08:00"] }
channels = ["sms", "web"]
group = "border"
"""


def check(tmp_path: Path, text: str = GOOD, *, name: str = "camp.toml", front: str = FRONT) -> list[Fault]:
    folder = tmp_path / "schedules"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return check_folder(folder, load(write(tmp_path, front=front)), CONFIG)


def test_a_good_campaign_has_no_fault(tmp_path: Path) -> None:
    assert check(tmp_path) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "says", "remedy"),
    [
        ('"hotline-111"', '"hotline-112"', 10, "no message 'hotline-112'", "'hotline-111'"),
        ('"hotline-111"', '"zzz"', 10, "no message 'zzz'", "message list"),
        ('"sms", "web"', '"smss"', 12, "'smss'", "'sms'"),
        ('"sms", "web"', '"sms > web"', 12, "public", '"web"'),
        ('"sms", "web"', '"brand"', 10, "no form that 'brand' can say", "sms form"),
        ('group = "border"\n', "", 12, "names no group", "group ="),
        ('group = "border"\n', 'group = "border"\nlanguage = "en"\n', 10, "no form that 'sms' can say", "sms form"),
        ('group = "border"', 'group = "nạn nhân Mường Khương"', 13, "accuses", "Rename"),
        ('id = "camp"', 'id = "other"', 2, "not called like", "other.toml"),
        ('title = "Chiến dịch"', 'title = "Chiến dịch\u200b"', 3, "U+200B", ""),
        ("until = 2027-08-31", "until = 2027-06-31", 5, "TOML", ""),
    ],
)
def test_what_a_campaign_names_must_be_there(
    tmp_path: Path, old: str, new: str, line: int, says: str, remedy: str
) -> None:
    assert old in GOOD

    found = check(tmp_path, GOOD.replace(old, new, 1))

    fault = next(fault for fault in found if says in fault.text)
    assert (fault.path, fault.line, fault.warning) == ("schedules/camp.toml", line, False)
    assert remedy in fault.remedy


def test_a_channel_that_is_not_set_up_yet_is_a_warning(tmp_path: Path) -> None:
    (fault,) = check(tmp_path, GOOD.replace('"sms", "web"', '"telegram"'))

    assert fault.warning
    assert "[channels.telegram]" in fault.remedy


def test_a_message_that_is_valid_for_part_of_the_schedule_is_a_warning(tmp_path: Path) -> None:
    front = FRONT.replace('source = "', 'valid = { until = 2027-07-15 }\nsource = "')

    (fault,) = check(tmp_path, front=front)

    assert fault.warning
    assert "2027-07-15" in fault.text


def test_two_files_of_one_campaign_are_a_fault(tmp_path: Path) -> None:
    check(tmp_path)

    found = check(tmp_path, name="second.toml")

    assert [(fault.path, fault.line) for fault in found] == [("schedules/second.toml", 2)]
    assert "schedules/camp.toml" in found[0].text


def test_a_folder_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    (fault,) = check_folder(tmp_path / "none", load(write(tmp_path)), CONFIG)

    assert "folders.schedules" in fault.remedy


def test_the_sample_campaigns_fit_the_sample_library(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "content", tmp_path / "content")

    found = check_folder(ROOT / "schedules", load(tmp_path / "content"), CONFIG)

    assert [str(fault) for fault in found if not fault.warning] == []


def test_a_campaign_is_found_by_its_id_and_a_faulty_one_says_its_faults(tmp_path: Path) -> None:
    check(tmp_path)
    check(tmp_path, GOOD.replace('id = "camp"', 'id = "broken"').replace("until", "unitl"), name="broken.toml")
    folder = tmp_path / "schedules"

    assert find(folder, "camp", CONFIG).title == "Chiến dịch"
    with pytest.raises(Faulty, match="'unitl'"):
        find(folder, "broken", CONFIG)
    with pytest.raises(NotFound, match="camp"):
        find(folder, "nothing", CONFIG)


def test_the_office_s_rules_are_bound_into_the_campaign(tmp_path: Path) -> None:
    check(tmp_path)
    strict = Config(channels={})
    strict.defaults.cap_per_24h, strict.defaults.require_consent, strict.defaults.quiet_hours = 1, False, ""

    found = find(tmp_path / "schedules", "camp", strict)

    assert (found.cap_per_24h, found.require_consent, found.quiet_hours) == (1, False, "")


def test_roads_hold_what_people_see_a_message_comes_from_and_need_no_secret() -> None:
    twilio = {
        "adapter": "twilio",
        "account_sid": "AC0",
        "auth_token": {"env": "NOT_SET_ANYWHERE"},
        "from": "+15005550006",
    }
    config = Config(channels={**CONFIG.channels, "twilio": twilio})

    found = roads(config)

    assert {name: road.sender for name, road in found.items()} == {
        "sms": "",
        "brand": "",
        "web": "",
        "twilio": "+15005550006",
    }
    assert not found["brand"].accents
    assert found["web"].traits.unit == "public"
