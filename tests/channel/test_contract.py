"""What every channel promises, judged by the other side's own book: five errors, and exactly one of them is a doubt."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from channel_builders import ESMS, FACEBOOK, KANNEL, OA, SPEEDSMS, TELEGRAM, TWILIO, ZALO, MakeOutgoing, MakeSettings

from broadcaster.channel import registry
from broadcaster.channel.base import (
    Accepted,
    Channel,
    LooksUp,
    Misconfigured,
    NotAccepted,
    OutcomeUnknown,
    Outgoing,
    Refused,
    SendError,
    TakesDown,
    Throttled,
    Traits,
)
from broadcaster.channel.memory import Memory
from broadcaster.simulator.esms import EsmsSimulator
from broadcaster.simulator.facebook import FacebookSimulator
from broadcaster.simulator.faults import Fault
from broadcaster.simulator.kannel import KannelSimulator
from broadcaster.simulator.provider import Provider
from broadcaster.simulator.smtp import SmtpSimulator
from broadcaster.simulator.speedsms import SpeedSmsSimulator
from broadcaster.simulator.telegram import TelegramSimulator
from broadcaster.simulator.twilio import TwilioSimulator
from broadcaster.simulator.webhook import WebhookSimulator
from broadcaster.simulator.zalo import ZaloSimulator

pytestmark = pytest.mark.anyio

# what happens on the way -> what the channel must raise, and how many messages the other side has taken
HTTP_FAULTS: dict[str, tuple[type[SendError] | None, int]] = {
    "slow": (None, 1),
    "refuse": (Refused, 0),
    "throttle": (Throttled, 0),
    "error-before": (OutcomeUnknown, 0),
    "error-after": (OutcomeUnknown, 1),
    "cut-before": (OutcomeUnknown, 0),
    "cut-after": (OutcomeUnknown, 1),
    "half-after": (OutcomeUnknown, 1),
    "silence-before": (OutcomeUnknown, 0),
    "silence-after": (OutcomeUnknown, 1),
    "dribble-after": (OutcomeUnknown, 1),
    "garbage-before": (OutcomeUnknown, 0),
    "garbage-after": (OutcomeUnknown, 1),
    "empty-after": (OutcomeUnknown, 1),
    "huge-after": (OutcomeUnknown, 1),
    "redirect": (OutcomeUnknown, 0),
}
# where a channel differs, with the reason
OWN_FAULTS: dict[tuple[str, str], tuple[type[SendError] | None, int]] = {
    ("webhook", "empty-after"): (None, 1),  # any 2xx is a receiver's yes: Standard Webhooks asks for no body
}
SECONDS = {"slow": 0.05, "dribble-after": 0.05}  # the rest: longer than the timeout
TIMEOUT = 0.4  # seconds


class Rig:
    """A channel, an address it takes, and a look into the other side's book."""

    def __init__(
        self, channel: Channel, *, to: str, taken: Callable[[], list[tuple[str, str]]], other: Any = None
    ) -> None:
        self.channel = channel
        self.to = to
        self.taken = taken  # (address, text) of every message the other side has taken
        self.other = other


@asynccontextmanager
async def memory_rig(make_settings: MakeSettings) -> AsyncIterator[Rig]:
    channel = Memory("memory", make_settings("memory"))
    yield Rig(
        channel,
        to="+84912345678",
        taken=lambda: [(one.outgoing.to, one.outgoing.text) for one in channel.taken],
        other=channel,
    )
    await channel.close()


@asynccontextmanager
async def http_rig(
    simulator: Provider, adapter: str, own: dict[str, Any], to: str, make_settings: MakeSettings
) -> AsyncIterator[Rig]:
    async with simulator:
        channel = registry.build(make_settings(adapter, own, api_base=simulator.url, public_url="https://tinh.example"))
        yield Rig(
            channel,
            to=to,
            taken=lambda: [(entry.to, entry.body) for entry in simulator.book.accepted()],
            other=simulator,
        )
        await channel.close()


@asynccontextmanager
async def feed_rig(make_settings: MakeSettings) -> AsyncIterator[Rig]:
    settings = make_settings("feed")
    folder = settings.public_folder / "feed" / "m"
    channel = registry.build(settings)
    yield Rig(channel, to="web", taken=lambda: [("web", path.name) for path in folder.glob("*.html")], other=folder)
    await channel.close()


@asynccontextmanager
async def webhook_rig(make_settings: MakeSettings) -> AsyncIterator[Rig]:
    secret = "whsec_" + "Y2FuYXJ5" * 4  # "canary", four times
    own = {"url": "https://portal.example/hook", "secret": {"file": "hook.secret"}, "allow_private": True}
    (make_settings("webhook").folder / "hook.secret").write_text(secret)
    async with http_rig(WebhookSimulator(secrets=(secret,)), "webhook", own, "cong-tinh", make_settings) as rig:
        yield rig


@asynccontextmanager
async def email_rig(make_settings: MakeSettings) -> AsyncIterator[Rig]:
    own = {"host": "smtp.tinh.example", "from": "tin@tinh.example", "security": "none"}
    async with http_rig(SmtpSimulator(), "email", own, "dan@example.vn", make_settings) as rig:
        yield rig


@asynccontextmanager
async def loudspeaker_rig(make_settings: MakeSettings) -> AsyncIterator[Rig]:
    settings = make_settings("loudspeaker", {"without_recording": "announcer"})
    folder = settings.folder / "bulletins" / "muong-lat"
    channel = registry.build(settings)
    taken = lambda: [("muong-lat", path.parent.name) for path in folder.glob("*/manifest.json")]  # noqa: E731
    yield Rig(channel, to="muong-lat", taken=taken, other=folder)
    await channel.close()


def rig_of(name: str, make_settings: MakeSettings) -> Any:
    match name:
        case "memory":
            return memory_rig(make_settings)
        case "twilio":
            return http_rig(TwilioSimulator(), "twilio", TWILIO, "+84912345678", make_settings)
        case "telegram":
            return http_rig(TelegramSimulator(), "telegram", TELEGRAM, "@kenhtinh", make_settings)
        case "feed":
            return feed_rig(make_settings)
        case "esms":
            return http_rig(EsmsSimulator(), "esms", ESMS, "+84912345678", make_settings)
        case "speedsms":
            return http_rig(SpeedSmsSimulator(), "speedsms", SPEEDSMS, "+84912345678", make_settings)
        case "kannel":
            return http_rig(KannelSimulator(), "kannel", KANNEL, "+84912345678", make_settings)
        case "zalo-oa":
            return http_rig(ZaloSimulator(), "zalo-oa", ZALO, OA, make_settings)
        case "facebook-page":
            return http_rig(FacebookSimulator(twice=True), "facebook-page", FACEBOOK, "facebook-page", make_settings)
        case "webhook":
            return webhook_rig(make_settings)
        case "email":
            return email_rig(make_settings)
        case "loudspeaker":
            return loudspeaker_rig(make_settings)
    raise AssertionError(f"the contract test knows no rig for {name}; write one")


BUILT_IN = [name for name in registry.names() if registry.adapter(name).__module__.startswith("broadcaster.")]
OVER_HTTP = [name for name in BUILT_IN if name not in ("memory", "feed", "email", "loudspeaker")]


async def send(channel: Channel, outgoing: Outgoing, *, timeout: float) -> Accepted:
    """As a lane does: awaited, or on a thread."""
    if inspect.iscoroutinefunction(channel.send):
        return await channel.send(outgoing, timeout=timeout)
    return await anyio.to_thread.run_sync(lambda: channel.send(outgoing, timeout=timeout))  # type: ignore[return-value]


@pytest.mark.parametrize("name", BUILT_IN)
async def test_a_taken_message_has_an_id_and_stands_once_in_the_other_sides_book(
    name: str, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    async with rig_of(name, make_settings) as rig:
        outgoing = make_outgoing(to=rig.to)

        accepted = await send(rig.channel, outgoing, timeout=5)

        assert accepted.provider_id
        assert accepted.parts >= 1
        assert len(rig.taken()) == 1


@pytest.mark.parametrize("name", BUILT_IN)
async def test_a_channel_says_what_it_is_before_anything_is_configured(name: str, make_settings: MakeSettings) -> None:
    traits = registry.traits(name)

    async with rig_of(name, make_settings) as rig:
        assert isinstance(traits, Traits)
        assert traits.forms
        assert rig.channel.traits.unit in ("person", "audience", "public")
        assert rig.channel.name == name
        assert traits.after_silence != "look_up" or isinstance(rig.channel, LooksUp)


@pytest.mark.parametrize("name", BUILT_IN)
async def test_a_check_needs_no_network_and_refuses_an_empty_text(
    name: str, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    async with rig_of(name, make_settings) as rig:
        good = rig.channel.check(make_outgoing(to=rig.to))
        empty = rig.channel.check(make_outgoing(to=rig.to, text="  \n"))

        assert good == []
        assert len(empty) == 1
        assert empty[0].endswith(".")
        assert rig.taken() == []


@pytest.mark.parametrize("name", BUILT_IN)
async def test_a_channel_can_be_closed_twice_and_unused(name: str, make_settings: MakeSettings) -> None:
    async with rig_of(name, make_settings) as rig:
        await rig.channel.close()
        await rig.channel.close()


@pytest.mark.parametrize("fault", HTTP_FAULTS)
@pytest.mark.parametrize("name", OVER_HTTP)
async def test_a_fault_on_the_way_is_named_for_what_it_is(
    name: str, fault: Any, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    expected, taken = OWN_FAULTS.get((name, fault), HTTP_FAULTS[fault])
    async with rig_of(name, make_settings) as rig:
        await send(rig.channel, make_outgoing(to=rig.to, key="warm", dedupe_key="warm"), timeout=5)
        status = 400 if fault == "refuse" else 500
        rig.other.play(Fault(do=fault, seconds=SECONDS.get(fault, 5.0), status=status, retry_after="7"))

        error = await outcome(rig.channel, make_outgoing(to=rig.to))

        assert (type(error) if error else None) is expected, error
        assert len(rig.taken()) - 1 == taken
        assert not error or "canary" not in f"{error!r} {error} {error.__cause__!r} {error.__context__!r}"
        assert not error or rig.to.lstrip("+@") not in str(error)
        assert not isinstance(error, Throttled) or error.wait == timedelta(seconds=7)


@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.parametrize("name", OVER_HTTP)
async def test_a_strangers_refusal_pauses_the_lane_and_burns_nobody(
    name: str, status: int, make_settings: MakeSettings, make_outgoing: MakeOutgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig_of(name, make_settings) as rig:
        page = type(rig.other).error

        def portal(self: Provider, **said: Any) -> Any:
            reply = page(self, **said)
            object.__setattr__(reply, "body", b"<html>Forbidden by your network</html>")
            return reply

        monkeypatch.setattr(type(rig.other), "error", portal)
        rig.other.play(Fault(do="refuse", status=status))

        error = await outcome(rig.channel, make_outgoing(to=rig.to))

        assert type(error) is Misconfigured
        assert rig.taken() == []


@pytest.mark.parametrize("name", OVER_HTTP)
async def test_without_a_connection_nothing_was_sent(
    name: str, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    async with rig_of(name, make_settings) as rig:
        await rig.other.stop()

        error = await outcome(rig.channel, make_outgoing(to=rig.to))

        assert type(error) is NotAccepted


@pytest.mark.parametrize("fault", [name for name, (error, _) in HTTP_FAULTS.items() if error is OutcomeUnknown])
@pytest.mark.parametrize("name", [name for name in OVER_HTTP if registry.traits(name).after_silence == "look_up"])
async def test_a_look_up_finds_what_was_taken_and_nothing_else(
    name: str, fault: Any, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    async with rig_of(name, make_settings) as rig:
        rig.other.book.move_to(datetime.now(UTC))  # noqa: TID251 - a provider's clock, near ours
        yesterday = make_outgoing(to=rig.to, key="y", dedupe_key="y")
        rig.other.book.move_to(rig.other.book.now() - timedelta(days=1))
        await send(rig.channel, yesterday, timeout=5)  # the same text to the same number, the day before
        rig.other.book.move_to(rig.other.book.now() + timedelta(days=1))
        since = rig.other.book.now()
        rig.other.play(Fault(do=fault, seconds=SECONDS.get(fault, 5.0)))
        await outcome(rig.channel, make_outgoing(to=rig.to))
        rig.other.play()

        found = await rig.channel.find(make_outgoing(to=rig.to), since=since, timeout=5)

        entry = rig.other.book.entries[-1]
        assert (found.provider_id if found else "") == entry.id


@pytest.mark.parametrize("name", [name for name in BUILT_IN if registry.traits(name).after_silence == "repeat"])
async def test_a_channel_that_may_be_repeated_says_the_same_thing_once(
    name: str, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    async with rig_of(name, make_settings) as rig:
        first = await send(rig.channel, make_outgoing(to=rig.to, key="k1"), timeout=5)

        again = await send(rig.channel, make_outgoing(to=rig.to, key="k2"), timeout=5)

        assert again.provider_id == first.provider_id
        assert len(rig.taken()) == 1


@pytest.mark.parametrize("name", [name for name in BUILT_IN if issubclass(registry.adapter(name), TakesDown)])
async def test_taking_down_twice_is_taking_down_once(
    name: str, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    async with rig_of(name, make_settings) as rig:
        accepted = await send(rig.channel, make_outgoing(to=rig.to), timeout=5)

        for _ in range(2):
            await anyio.to_thread.run_sync(rig.channel.take_down, accepted.provider_id)

        assert len(rig.taken()) == 1


@pytest.mark.parametrize(
    ("answer", "taken", "expected"),
    [
        (Refused("no", suppress=True), False, Refused),
        (NotAccepted("no"), False, NotAccepted),
        (Throttled("no", wait=timedelta(seconds=1)), False, Throttled),
        (Misconfigured("no"), False, Misconfigured),
        (OutcomeUnknown("?"), False, OutcomeUnknown),
        (OutcomeUnknown("?"), True, OutcomeUnknown),
    ],
)
async def test_the_memory_channel_plays_every_answer(
    answer: SendError, taken: bool, expected: type[SendError], make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    async with rig_of("memory", make_settings) as rig:
        rig.other.answer(answer, taken=taken)

        error = await outcome(rig.channel, make_outgoing())
        found = await rig.channel.find(make_outgoing(), since=datetime(2027, 7, 1, tzinfo=UTC), timeout=1)

        assert type(error) is expected
        assert (found is not None) is taken


async def test_the_memory_channels_journal_outlives_it(
    make_settings: MakeSettings, make_outgoing: MakeOutgoing, tmp_path: Path
) -> None:
    channel = Memory("memory", make_settings("memory", {"journal": "taken.jsonl"}))

    await channel.send(make_outgoing(key="a"), timeout=1)
    await channel.send(make_outgoing(key="b"), timeout=1)

    lines = (tmp_path / "taken.jsonl").read_text().splitlines()
    assert ['"key":"a"' in lines[0], '"key":"b"' in lines[1], len(lines)] == [True, True, 2]


async def outcome(channel: Channel, outgoing: Outgoing) -> SendError | None:
    """The error a send ends with; anything but the five fails the test."""
    try:
        await send(channel, outgoing, timeout=TIMEOUT)
    except (Refused, NotAccepted, Throttled, Misconfigured, OutcomeUnknown) as error:
        return error
    return None
