"""What is Twilio's own: the request it gets, its codes, its answers, its list."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from channel_builders import ACCOUNT, TWILIO, MakeOutgoing, MakeSettings

from broadcaster.channel.base import Misconfigured, OutcomeUnknown, Refused, SendError, Throttled
from broadcaster.channel.sms_twilio import CODES, Twilio
from broadcaster.errors import WrongUse
from broadcaster.simulator.faults import Fault
from broadcaster.simulator.provider import Reply
from broadcaster.simulator.twilio import TwilioSimulator

pytestmark = pytest.mark.anyio


class Recorder(TwilioSimulator):
    """Keeps the form of every request, and can be told what to answer."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.forms: list[dict[str, str]] = []
        self.answer: bytes | None = None

    def take(self, call: Any) -> Reply:
        self.forms.append(dict(call.values))
        taken = super().take(call)
        return taken if self.answer is None else Reply(status=201, body=self.answer, id=taken.id)


@pytest.fixture
async def provider() -> AsyncIterator[Recorder]:
    async with Recorder() as simulator:
        yield simulator


def channel_to(provider: TwilioSimulator, make_settings: MakeSettings, *, own: Any = TWILIO, **common: Any) -> Twilio:
    return Twilio("sms", make_settings("twilio", own, name="sms", api_base=provider.url, **common))


async def failing(channel: Twilio, outgoing: Any) -> SendError:
    with pytest.raises(SendError) as caught:
        await channel.send(outgoing, timeout=2)
    return caught.value


async def test_the_request_carries_text_number_sender_and_our_reference(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings, public_url="https://tinh.example")

    await channel.send(make_outgoing(key="vp-1-1-aa/+&"), timeout=2)

    form = provider.forms[0]
    callback = urlsplit(form.pop("StatusCallback"))
    assert form == {"To": "+84912345678", "From": "VPTTBINH", "Body": make_outgoing().text, "account": ACCOUNT}
    assert (callback.netloc, callback.path) == ("tinh.example", "/hooks/twilio/sms")
    assert parse_qs(callback.query) == {"attempt": ["vp-1-1-aa/+&"]}
    assert provider.book.entries[0].reference == "vp-1-1-aa/+&"
    await channel.close()


async def test_without_a_public_address_there_is_no_callback(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)

    await channel.send(make_outgoing(), timeout=2)

    assert "StatusCallback" not in provider.forms[0]
    await channel.close()


async def test_a_messaging_service_may_choose_the_sender(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    own = {key: value for key, value in TWILIO.items() if key != "from"} | {"messaging_service_sid": "MG" + "b" * 32}
    channel = channel_to(provider, make_settings, own=own)

    accepted = await channel.send(make_outgoing(), timeout=2)
    found = await channel.find(make_outgoing(), since=datetime.now(UTC) - timedelta(seconds=1), timeout=2)  # noqa: TID251

    assert "From" not in provider.forms[0]
    assert accepted.parts == 1  # "0" until the sender is chosen
    assert found is not None
    assert found.provider_id == accepted.provider_id
    await channel.close()


def test_a_sender_must_be_given(make_settings: MakeSettings) -> None:
    with pytest.raises(WrongUse) as caught:
        Twilio("sms", make_settings("twilio", {k: v for k, v in TWILIO.items() if k != "from"}, name="sms"))

    assert "channels.sms" in str(caught.value)


async def test_the_parts_are_the_providers_count(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)

    accepted = await channel.send(make_outgoing(text="ă" * 135), timeout=2)

    assert accepted.parts == 3  # 67 UCS-2 characters a part
    await channel.close()


@pytest.mark.parametrize("code", CODES)
async def test_every_code_of_the_table_means_what_the_table_says(
    code: int, provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)
    provider.play(Fault(do="refuse", status=400, code=code, text="The 'To' number +84912345678 is bad"))

    error = await failing(channel, make_outgoing())

    assert type(error) is CODES[code].kind
    assert error.code == str(code)
    assert "84912345678" not in f"{error} {error.__cause__}"
    assert getattr(error, "suppress", False) is CODES[code].suppress
    assert provider.book.accepted() == []
    await channel.close()


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, 99999, Refused),
        (422, 60000, Refused),
        (401, 99999, Misconfigured),
        (403, 99999, Misconfigured),
        (404, 99999, Misconfigured),
        (408, 99999, OutcomeUnknown),
        (429, 0, Throttled),
        (503, 20503, OutcomeUnknown),
        (500, 21211, OutcomeUnknown),
    ],
)
async def test_a_code_that_is_not_in_the_table_is_judged_by_its_status(
    status: int,
    code: int,
    kind: type[SendError],
    provider: Recorder,
    make_settings: MakeSettings,
    make_outgoing: MakeOutgoing,
) -> None:
    channel = channel_to(provider, make_settings)
    provider.play(Fault(do="refuse", status=status, code=code))

    error = await failing(channel, make_outgoing())

    assert type(error) is kind
    await channel.close()


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [
        ("+15005550001", Refused, "21211"),
        ("+15005550002", Refused, "21612"),
        ("+15005550003", Misconfigured, "21408"),
        ("+15005550004", Refused, "21610"),
        ("+15005550009", Refused, "21614"),
    ],
)
async def test_the_test_numbers_of_twilios_documents_mean_what_they_mean_there(
    number: str,
    kind: type[SendError],
    code: str,
    provider: Recorder,
    make_settings: MakeSettings,
    make_outgoing: MakeOutgoing,
) -> None:
    channel = channel_to(provider, make_settings)

    error = await failing(channel, make_outgoing(to=number))

    assert (type(error), error.code) == (kind, code)
    assert getattr(error, "suppress", False) is (code == "21610")
    await channel.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"{}",
        b"[]",
        b"null",
        b"7",
        b"{",
        b"\xff\xfe",
        b'{"sid": null}',
        b'{"sid": 7}',
        b'{"sid": "SM"}',
        b'{"sid": "' + b"x" * 34 + b'"}',
        b'{"sid": NaN}',
        b"[" * 100_000,
        b'{"sid": "SM' + b"a" * 32 + b'", "date_created": 5}',
    ],
)
async def test_an_answer_without_a_readable_id_of_its_own_is_no_acceptance(
    answer: bytes, provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)
    provider.answer = answer

    error = await failing(channel, make_outgoing())

    assert type(error) is OutcomeUnknown
    await channel.close()


async def test_the_id_of_an_earlier_message_is_no_acceptance(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)
    provider.answer = b'{"sid": "SM' + b"a" * 32 + b'", "num_segments": "1"}'
    await channel.send(make_outgoing(dedupe_key="first"), timeout=2)

    error = await failing(channel, make_outgoing(dedupe_key="second"))

    assert type(error) is OutcomeUnknown
    await channel.close()


async def test_a_look_up_gives_no_dispatch_the_message_of_another(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)
    since = datetime.now(UTC)  # noqa: TID251
    mine = await channel.send(make_outgoing(dedupe_key="mine"), timeout=2)

    others = await channel.find(make_outgoing(dedupe_key="others"), since=since, timeout=2)
    again = await channel.find(make_outgoing(dedupe_key="mine"), since=since, timeout=2)

    assert others is None
    assert again == mine
    await channel.close()


async def test_a_look_up_after_a_restart_takes_no_message_from_before_the_attempt(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    before = channel_to(provider, make_settings)
    provider.book.move_to(datetime(2027, 7, 1, 8, 0, tzinfo=UTC))
    await before.send(make_outgoing(dedupe_key="morning"), timeout=2)  # the same text to the same number
    await before.close()
    provider.book.move_to(datetime(2027, 7, 1, 19, 30, tzinfo=UTC))
    after = channel_to(provider, make_settings)

    found = await after.find(
        make_outgoing(dedupe_key="evening"), since=datetime(2027, 7, 1, 19, 30, tzinfo=UTC), timeout=2
    )

    assert found is None
    await after.close()


async def test_a_look_up_finds_what_is_still_queued_and_what_was_sent_before_midnight(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)
    for moment in ("2027-07-01T12:00:00+00:00", "2027-07-01T23:59:58+00:00"):
        provider.book.move_to(datetime.fromisoformat(moment))
        outgoing = make_outgoing(key=moment, dedupe_key=moment, text=f"Gọi 111 {moment}")
        provider.play(Fault(do="cut-after"))
        await failing(channel, outgoing)
        provider.play()

        queued = await channel.find(outgoing, since=datetime.fromisoformat(moment), timeout=2)
        provider.book.move_to(datetime.fromisoformat(moment) + timedelta(hours=6))
        later = await channel.find(outgoing, since=datetime.fromisoformat(moment), timeout=2)

        assert queued is not None
        assert later == queued
    await channel.close()


async def test_a_look_up_that_cannot_be_asked_says_so(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)
    await provider.stop()

    with pytest.raises(OutcomeUnknown):
        await channel.find(make_outgoing(), since=datetime.now(UTC), timeout=1)  # noqa: TID251

    await channel.close()


async def test_the_look_up_reads_every_page(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One number that got 60 other texts since: the SDK asks for pages of 1000, the API's own default is 50."""
    channel = channel_to(provider, make_settings)
    since = datetime.now(UTC)  # noqa: TID251
    provider.play(Fault(do="cut-after", request=1))
    await failing(channel, make_outgoing(text="the one"))
    for number in range(60):
        await channel.send(make_outgoing(text=f"other {number}", key=str(number), dedupe_key=str(number)), timeout=2)

    found = await channel.find(make_outgoing(text="the one"), since=since, timeout=2)

    assert found is not None
    await channel.close()


def test_the_check_names_what_an_author_can_mend(make_settings: MakeSettings, make_outgoing: MakeOutgoing) -> None:
    channel = Twilio("sms", make_settings("twilio", TWILIO))

    assert channel.check(make_outgoing(text="x" * 1600)) == []
    assert "1601 characters" in channel.check(make_outgoing(text="x" * 1601))[0]
    assert "international" in channel.check(make_outgoing(to="0912345678"))[0]


def test_neither_the_environment_nor_a_print_moves_or_shows_the_account(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_EDGE", "sydney")
    monkeypatch.setenv("TWILIO_REGION", "au1")
    channel = Twilio("sms", make_settings("twilio", TWILIO, api_base="http://127.0.0.1:9"))

    client = channel._client

    assert client.get_hostname("https://api.twilio.com/x") == "https://api.twilio.com/x"
    assert "canary" not in repr(vars(channel))


async def test_32_sends_at_once_keep_to_their_own_deadlines(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings, concurrency=32)
    provider.play(Fault(do="silence-after", every=2, seconds=30))

    async def one(number: int) -> str:
        try:
            await channel.send(
                make_outgoing(key=f"k{number}", dedupe_key=f"d{number}", to=f"+8491000{number:04}"), timeout=1
            )
        except OutcomeUnknown:
            return "unknown"
        return "accepted"

    outcomes = await asyncio.gather(*(one(number) for number in range(32)))

    assert outcomes.count("accepted") == 16
    assert len(provider.book.accepted()) == 32
    await channel.close()
