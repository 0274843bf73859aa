"""What Telegram calls us with: who may, what of it is read, and what is left alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from channel_builders import TELEGRAM, MakeSettings

from broadcaster.channel.base import AnswersPeople, Inbound, ReadsCallbacks
from broadcaster.channel.telegram import Telegram
from broadcaster.errors import NotAllowed, WrongUse

SECRET = "hook-secret-canary"
HEADERS = {"x-telegram-bot-api-secret-token": SECRET}
PERSON = {"id": 4242424242, "type": "private"}


@pytest.fixture
def bot(make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> Telegram:
    monkeypatch.setenv("HOOK", SECRET)
    monkeypatch.setenv("OLD_HOOK", "former-secret")
    own = {**TELEGRAM, "hook_secret": {"env": "HOOK"}, "former_hook_secret": {"env": "OLD_HOOK"}}
    return Telegram("telegram", make_settings("telegram", own))


def update(**values: Any) -> bytes:
    return json.dumps({"update_id": 900, **values}).encode()


def test_a_person_s_words_come_with_who_wrote_and_the_event_s_own_number(bot: Telegram) -> None:
    found = bot.read_callback(HEADERS, update(message={"message_id": 1, "date": 1, "chat": PERSON, "text": "/stop"}))

    assert found == [Inbound(sender="4242424242", text="/stop", event_id="900")]


def test_whoever_blocks_the_bot_has_left(bot: Telegram) -> None:
    told = {"chat": PERSON, "from": PERSON, "date": 1, "old_chat_member": {"status": "member"}}

    found = bot.read_callback(HEADERS, update(my_chat_member={**told, "new_chat_member": {"status": "kicked"}}))
    back = bot.read_callback(HEADERS, update(my_chat_member={**told, "new_chat_member": {"status": "member"}}))

    assert found == [Inbound(sender="4242424242", kind="left", event_id="900")]
    assert back == []


@pytest.mark.parametrize("kind", ["group", "supergroup", "channel"])
def test_what_people_write_in_groups_is_not_read(bot: Telegram, kind: str) -> None:
    chat = {"id": -100123, "type": kind}
    left = {"chat": chat, "new_chat_member": {"status": "kicked"}}

    assert bot.read_callback(HEADERS, update(message={"chat": chat, "text": "/stop"})) == []
    assert bot.read_callback(HEADERS, update(my_chat_member=left)) == []


@pytest.mark.parametrize("given", ["", "other", SECRET[:-1], SECRET + "x", "sécret"])
def test_a_call_that_does_not_show_the_secret_is_refused(bot: Telegram, given: str) -> None:
    with pytest.raises(NotAllowed) as caught:
        bot.read_callback({"x-telegram-bot-api-secret-token": given}, update())

    assert SECRET not in str(caught.value)


def test_the_former_secret_is_taken_while_it_is_being_changed(bot: Telegram) -> None:
    assert bot.read_callback({"x-telegram-bot-api-secret-token": "former-secret"}, update()) == []


def test_without_a_secret_nobody_is_believed(make_settings: MakeSettings) -> None:
    open_bot = Telegram("telegram", make_settings("telegram", TELEGRAM))

    for headers in ({}, {"x-telegram-bot-api-secret-token": ""}):
        with pytest.raises(NotAllowed):
            open_bot.read_callback(headers, update())


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"update_id": "x"}', b"\xff", b'{"update_id": 1, "message": 7}'])
def test_what_is_no_update_cannot_be_read(bot: Telegram, body: bytes) -> None:
    with pytest.raises(WrongUse):
        bot.read_callback(HEADERS, body)


def test_a_confirmation_stands_in_the_answer_to_the_call(bot: Telegram) -> None:
    kind, body = bot.answer(Inbound(sender="4242424242", text="/stop"), "Bạn sẽ không nhận tin nữa.")

    assert isinstance(bot, ReadsCallbacks)
    assert isinstance(bot, AnswersPeople)
    assert kind == "application/json"
    assert json.loads(body) == {"method": "sendMessage", "chat_id": 4242424242, "text": "Bạn sẽ không nhận tin nữa."}
