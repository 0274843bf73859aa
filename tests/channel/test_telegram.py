"""What is Telegram's own: escaping, entities, moved groups, the words of its refusals."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from channel_builders import TELEGRAM, MakeOutgoing, MakeSettings

from broadcaster.channel.base import Misconfigured, NotAccepted, OutcomeUnknown, Refused, SendError, Throttled
from broadcaster.channel.telegram import Telegram
from broadcaster.simulator.faults import Fault
from broadcaster.simulator.provider import Reply
from broadcaster.simulator.telegram import TelegramSimulator

pytestmark = pytest.mark.anyio


class Recorder(TelegramSimulator):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.forms: list[dict[str, str]] = []
        self.answer: bytes | None = None

    def take(self, call: Any) -> Reply:
        self.forms.append(dict(call.values))
        taken = super().take(call)
        return taken if self.answer is None else Reply(status=200, body=self.answer, id=taken.id)


@pytest.fixture
async def provider() -> AsyncIterator[Recorder]:
    async with Recorder(migrated={"-77": -100777}) as simulator:
        yield simulator


@pytest.fixture
async def channel(provider: Recorder, make_settings: MakeSettings) -> AsyncIterator[Telegram]:
    made = Telegram("tg", make_settings("telegram", TELEGRAM, name="tg", api_base=provider.url))
    yield made
    await made.close()


async def failing(channel: Telegram, outgoing: Any) -> SendError:
    with pytest.raises(SendError) as caught:
        await channel.send(outgoing, timeout=2)
    return caught.value


async def test_the_text_arrives_as_it_was_approved_and_without_a_preview(
    channel: Telegram, provider: Recorder, make_outgoing: MakeOutgoing
) -> None:
    text = "Gọi 111 & <b>không</b> \"ngại\" 'gì' 😀 https://x.vn/?a=1&amp;b=2"

    await channel.send(make_outgoing(to="@kenhtinh", text=text), timeout=2)

    assert provider.book.entries[0].body == text
    assert provider.forms[0]["link_preview_options"] == '{"is_disabled":true}'
    assert provider.forms[0]["parse_mode"] == "HTML"
    assert set(provider.forms[0]) == {"chat_id", "text", "parse_mode", "link_preview_options"}


async def test_a_quiet_post_makes_no_sound(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = Telegram("tg", make_settings("telegram", TELEGRAM | {"silent": True}, name="tg", api_base=provider.url))

    await channel.send(make_outgoing(to="@kenhtinh"), timeout=2)

    assert provider.forms[0]["disable_notification"] == "true"
    await channel.close()


@pytest.mark.parametrize(
    ("to", "suppress"), [("@blocked", True), ("@deactivated", True), ("@kicked", False), ("@nobody", False)]
)
async def test_who_blocked_us_is_written_to_nevermore(
    to: str, suppress: bool, channel: Telegram, make_outgoing: MakeOutgoing
) -> None:
    error = await failing(channel, make_outgoing(to=to))

    assert isinstance(error, Refused)
    assert error.suppress is suppress


async def test_a_group_that_moved_is_reached_at_the_next_try(
    channel: Telegram, provider: Recorder, make_outgoing: MakeOutgoing
) -> None:
    first = await failing(channel, make_outgoing(to="-77"))
    accepted = await channel.send(make_outgoing(to="-77", key="second"), timeout=2)

    assert type(first) is NotAccepted
    assert accepted.provider_id == "1"
    assert [(entry.to, entry.accepted) for entry in provider.book.entries] == [("-77", False), ("-100777", True)]


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        (400, "Bad Request: not enough rights to send text messages to the chat", Refused),
        (400, "Bad Request: something new", Refused),
        (401, "Unauthorized", Misconfigured),
        (404, "Not Found", Misconfigured),
        (403, "Forbidden: something new", Refused),
        (409, "Conflict: terminated by other getUpdates request", Misconfigured),
        (413, "Request Entity Too Large", Refused),
        (502, "Bad Gateway", OutcomeUnknown),
        (500, "Internal Server Error", OutcomeUnknown),
    ],
)
async def test_its_words_have_one_meaning(
    status: int, words: str, kind: type[SendError], channel: Telegram, provider: Recorder, make_outgoing: MakeOutgoing
) -> None:
    provider.play(Fault(do="refuse", status=status, text=words))

    error = await failing(channel, make_outgoing(to="@kenhtinh"))

    assert type(error) is kind
    assert getattr(error, "suppress", False) is False


@pytest.mark.parametrize(
    ("retry_after", "seconds"), [("35", 35), ("0", 1), ("-5", 30), ("1000000000", 3600), ("", 30), ("soon", 30)]
)
async def test_a_flood_wait_of_any_kind_becomes_a_bounded_wait(
    retry_after: str, seconds: int, channel: Telegram, provider: Recorder, make_outgoing: MakeOutgoing
) -> None:
    provider.play(Fault(do="throttle", retry_after=retry_after))

    error = await failing(channel, make_outgoing(to="@kenhtinh"))

    assert isinstance(error, Throttled)
    assert error.wait == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "answer",
    [
        b'{"ok": true}',
        b'{"ok": false}',
        b'{"ok": true, "result": null}',
        b'{"ok": true, "result": {}}',
        b'{"ok": true, "result": {"message_id": "7", "date": 0, "chat": {"id": 1, "type": "channel"}}}',
        b'{"ok": true, "result": {"message_id": true, "date": 0, "chat": {"id": 1, "type": "channel"}}}',
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        b"{",
    ],
)
async def test_an_answer_without_a_readable_id_is_no_acceptance(
    answer: bytes, channel: Telegram, provider: Recorder, make_outgoing: MakeOutgoing
) -> None:
    provider.answer = answer

    error = await failing(channel, make_outgoing(to="@kenhtinh"))

    assert type(error) is OutcomeUnknown


async def test_the_id_of_an_earlier_post_is_no_acceptance(
    channel: Telegram, provider: Recorder, make_outgoing: MakeOutgoing
) -> None:
    provider.answer = b'{"ok": true, "result": {"message_id": 7, "date": 0, "chat": {"id": 1, "type": "channel"}}}'
    await channel.send(make_outgoing(to="@kenhtinh", dedupe_key="first"), timeout=2)

    error = await failing(channel, make_outgoing(to="@kenhtinh", dedupe_key="second"))

    assert type(error) is OutcomeUnknown


def test_the_check_counts_as_the_server_does_at_worst(make_settings: MakeSettings, make_outgoing: MakeOutgoing) -> None:
    channel = Telegram("tg", make_settings("telegram", TELEGRAM))

    assert channel.check(make_outgoing(to="@kenhtinh", text="&" * 4096)) == []
    assert "4097 characters" in channel.check(make_outgoing(to="@kenhtinh", text="x" * 4097))[0]
    assert "4098 characters" in channel.check(make_outgoing(to="@kenhtinh", text="😀" * 2049))[0]
    assert "neither" in channel.check(make_outgoing(to="+84912345678"))[0]
    assert channel.check(make_outgoing(to="-1001234567890")) == []


async def test_nothing_is_logged_that_names_a_chat_a_text_or_the_token(
    channel: Telegram, provider: Recorder, make_outgoing: MakeOutgoing, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await channel.send(make_outgoing(to="@kenhcanary", text="text-canary"), timeout=2)
        provider.play(Fault(do="garbage-after"))
        await failing(channel, make_outgoing(to="@kenhcanary", text="text-canary"))

    assert "canary" not in caplog.text
