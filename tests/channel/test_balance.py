"""What is left on the account, asked of the three gateways that tell."""

from __future__ import annotations

from typing import Any

import pytest
from channel_builders import ESMS, SPEEDSMS, TWILIO, MakeSettings

from broadcaster.channel import account
from broadcaster.channel.base import Balance, OutcomeUnknown, SendError, TellsBalance
from broadcaster.channel.memory import Memory
from broadcaster.channel.sms_esms import Esms
from broadcaster.channel.sms_speedsms import SpeedSms
from broadcaster.channel.sms_twilio import Twilio
from broadcaster.simulator.esms import EsmsSimulator
from broadcaster.simulator.provider import Reply
from broadcaster.simulator.speedsms import SpeedSmsSimulator
from broadcaster.simulator.twilio import TwilioSimulator

pytestmark = pytest.mark.anyio
GATEWAYS: dict[str, tuple[Any, Any, dict[str, Any], Balance]] = {
    "twilio": (Twilio, TwilioSimulator, TWILIO, Balance(micros=250_000_000, currency="USD")),
    "esms": (Esms, EsmsSimulator, ESMS, Balance(micros=5_000_000_000_000, currency="VND")),
    "speedsms": (SpeedSms, SpeedSmsSimulator, SPEEDSMS, Balance(micros=1_000_000_000_000, currency="VND")),
}
STRANGERS: dict[str, dict[str, Any]] = {
    "twilio": {"tokens": {"AC" + "0" * 32: "other"}}, "esms": {"keys": {"other": "other"}},
    "speedsms": {"tokens": frozenset({"other"})},
}  # fmt: skip


@pytest.mark.parametrize("adapter", GATEWAYS)
async def test_a_gateway_tells_what_is_left(adapter: str, make_settings: MakeSettings) -> None:
    kind, simulator, own, left = GATEWAYS[adapter]

    async with simulator() as provider:
        channel = kind("sms", make_settings(adapter, own, name="sms", api_base=provider.url))
        found = await channel.balance(timeout=2)
        await channel.close()

    assert isinstance(channel, TellsBalance)
    assert found == left
    assert provider.book.requests == 0  # no message


@pytest.mark.parametrize("adapter", GATEWAYS)
async def test_an_account_that_is_not_known_is_an_error_that_names_no_secret(
    adapter: str, make_settings: MakeSettings
) -> None:
    kind, simulator, own, _ = GATEWAYS[adapter]

    async with simulator(**STRANGERS[adapter]) as provider:
        channel = kind("sms", make_settings(adapter, own, name="sms", api_base=provider.url))
        with pytest.raises(SendError) as caught:
            await channel.balance(timeout=2)
        await channel.close()

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("adapter", GATEWAYS)
@pytest.mark.parametrize("body", [b"<html>portal</html>", b"[]", b'{"status":"success","data":7,"CodeResponse":"100"}'])
async def test_an_answer_that_says_nothing_is_no_balance(
    adapter: str, body: bytes, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, simulator, own, _ = GATEWAYS[adapter]
    monkeypatch.setattr(simulator, "read", lambda *_: Reply(status=200, body=body))

    async with simulator() as provider:
        channel = kind("sms", make_settings(adapter, own, name="sms", api_base=provider.url))
        with pytest.raises(SendError):
            await channel.balance(timeout=2)
        await channel.close()


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        (None, "VND"),
        (True, "VND"),
        ("", "VND"),
        ("nan", "VND"),
        ("inf", "USD"),
        ("1e40", "USD"),
        (5, "đồng"),
        (5, None),
    ],
)
def test_what_is_no_money_is_not_read(amount: Any, currency: Any) -> None:
    with pytest.raises(OutcomeUnknown):
        account.read(amount, currency)


@pytest.mark.parametrize(("amount", "micros"), [("12.34", 12_340_000), (36693, 36_693_000_000), ("-0.5", -500_000)])
def test_amounts_are_kept_exactly(amount: Any, micros: int) -> None:
    found = account.read(amount, "USD")

    assert found == Balance(micros=micros, currency="USD")


def test_a_channel_without_an_account_is_not_asked(make_settings: MakeSettings) -> None:
    channel = Memory("sms", make_settings("memory", {}, name="sms"))

    assert not isinstance(channel, TellsBalance)
