"""Which replies refuse, and which a person must read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from broadcaster.audience.opt_out import Meaning, Sender, digest, meaning, meaning_of
from broadcaster.channel.base import Inbound

REFUSES = Meaning(True, False)
BOTH = Meaning(True, True)
FOR_A_PERSON = Meaning(False, True)
NOTHING = Meaning(False, False)


@pytest.mark.parametrize(
    "text",
    [
        "TC", "tc", " Tc. ", "TU CHOI", "TuChoi", "Từ chối", "TỪ CHỐI!", "Tư\u0300 chô\u0301i", "từ  chối\n", "STOP", "stop",
        '"Stop"', "HUY", "Hủy", "Huỷ", "DUNG", "dừng", "NGUNG", "Ngừng", "/stop", "/STOP", "UNSUBSCRIBE", "Stopall",
        "cancel", "end", "quit", "tu-choi",
    ],
)  # fmt: skip
def test_a_bare_word_of_refusal_is_a_refusal_and_nothing_else(text: str) -> None:
    assert meaning(text) == REFUSES


@pytest.mark.parametrize(
    "text",
    [
        "DUNG DANH EM, CUU EM VOI",
        "Đừng đánh em, cứu em với",
        "STOP gui tin cho toi",
        "TC roi ma van gui",
        "huy, goi toi",
    ],
)
def test_a_word_of_refusal_with_more_behind_it_refuses_and_is_read_by_a_person(text: str) -> None:
    assert meaning(text) == BOTH


@pytest.mark.parametrize(
    "text",
    ["CUU EM VOI", "toi bi nhot", "tcp", "stopped", "HUYEN oi", "dungx", "no stop", "toi tu choi", "T.C", "救命", "🆘"],
)
def test_words_are_matched_whole_and_only_at_the_beginning(text: str) -> None:
    assert meaning(text) == FOR_A_PERSON


@pytest.mark.parametrize("text", ["", "   ", "/start", "START", "\u200b"])
def test_nothing_said_is_neither(text: str) -> None:
    assert meaning(text) == NOTHING


def test_whoever_blocks_us_refuses_without_a_word() -> None:
    assert meaning_of(Inbound(sender="1", kind="left")) == REFUSES


def test_a_sender_is_known_by_the_normal_form_of_the_number() -> None:
    ways = ["0912345678", "+84 912 345 678", "84912345678", "0912.345.678"]

    senders = {Sender.of("phone", way, office_key=b"k") for way in ways}

    assert {sender.value for sender in senders} == {"+84912345678"}
    assert len({sender.key for sender in senders}) == 1


@pytest.mark.parametrize(("kind", "raw"), [("phone", "Viettel"), ("phone", "9029"), ("zalo", ""), ("public", "x")])
def test_a_sender_that_cannot_be_read_is_still_somebody(kind: str, raw: str) -> None:
    sender = Sender.of(kind, raw, office_key=b"k")

    assert sender.value == ""
    assert len(sender.key) == 32


def test_the_same_words_without_an_id_are_a_repeat_for_ten_minutes_and_then_a_new_cry() -> None:
    sender = Sender.of("phone", "0912345678", office_key=b"k")
    start = datetime(2027, 7, 1, 1, 0, tzinfo=UTC)

    def at(minutes: int, text: str = "cuu toi", event: str = "") -> bytes:
        now = start + timedelta(minutes=minutes)
        return digest(Inbound(sender="0912345678", text=text, event_id=event), sender, now=now)

    assert at(0) == at(9)
    assert len({at(0), at(11), at(0, "cuu toi voi")}) == 3
    assert at(0, event="1") == at(999, event="1") != at(0, event="2")
