"""What is SpeedSMS's own: the request it gets, its codes, its rate limit, its reports."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from channel_builders import SPEEDSMS, MakeOutgoing, MakeSettings

from broadcaster.channel.base import Delivery, Inbound, OutcomeUnknown, Refused, SendError, Throttled
from broadcaster.channel.sms_speedsms import CODES, SpeedSms
from broadcaster.errors import WrongUse
from broadcaster.simulator.faults import Fault
from broadcaster.simulator.provider import Reply
from broadcaster.simulator.speedsms import SpeedSmsSimulator

pytestmark = pytest.mark.anyio


class Recorder(SpeedSmsSimulator):
    """Keeps every request, and can be told what to answer."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.asked: list[tuple[str, str, dict[str, Any] | None]] = []
        self.answer: bytes | None = None

    def read(self, request: Any, body: bytes) -> Any:
        said = msgspec.json.decode(body) if body else None
        self.asked.append((f"{request.method} {request.path}", request.headers.get("Authorization", ""), said))
        return super().read(request, body)

    def take(self, call: Any) -> Reply:
        taken = super().take(call)
        return taken if self.answer is None else Reply(status=200, body=self.answer, id=taken.id)


@pytest.fixture
async def provider() -> AsyncIterator[Recorder]:
    async with Recorder() as simulator:
        yield simulator


def channel_to(provider: SpeedSmsSimulator, make_settings: MakeSettings, *, own: Any = SPEEDSMS) -> SpeedSms:
    return SpeedSms("sms", make_settings("speedsms", own, name="sms", api_base=provider.url))


async def failing(channel: SpeedSms, outgoing: Any) -> SendError:
    with pytest.raises(SendError) as caught:
        await channel.send(outgoing, timeout=2)
    return caught.value


async def test_the_request_is_the_one_of_speedsmss_page(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)

    accepted = await channel.send(make_outgoing(text="Gọi 111"), timeout=2)

    login = "Basic " + base64.b64encode(b"gateway-secret-canary:x").decode()
    values = {"to": ["84912345678"], "content": "Gọi 111", "sms_type": 3, "sender": "VPTTBINH"}
    assert provider.asked == [("POST /index.php/sms/send", login, values)]
    assert accepted.provider_id == provider.book.accepted()[0].id
    await channel.close()


async def test_the_parts_are_the_providers_count_or_ours_where_it_says_none(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)

    theirs = await channel.send(make_outgoing(dedupe_key="a", text="ă" * 135), timeout=2)
    provider.answer = b'{"status":"success","code":"00","data":{"tranId":"77"}}'
    ours = await channel.send(make_outgoing(dedupe_key="b", text="a" * 161), timeout=2)

    assert (theirs.parts, ours.parts) == (3, 2)
    await channel.close()


@pytest.mark.parametrize("code", CODES)
async def test_every_code_of_the_table_means_what_the_table_says(
    code: str, provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)
    provider.play(Fault(do="refuse", status=200, code=int(code), text="84912345678 is wrong"))

    error = await failing(channel, make_outgoing())

    assert (type(error), error.code) == (CODES[code].kind, code)
    assert "84912345678" not in f"{error} {error.__cause__}"
    assert provider.book.accepted() == []
    await channel.close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, Refused), (400, Refused), (500, OutcomeUnknown), (503, OutcomeUnknown), (408, OutcomeUnknown)],
)
async def test_a_code_that_is_not_in_the_table_is_judged_by_its_status(
    status: int, kind: type[SendError], provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)
    provider.play(Fault(do="refuse", status=status, code=987))

    error = await failing(channel, make_outgoing())

    assert type(error) is kind
    await channel.close()


@pytest.mark.parametrize(
    ("said", "seconds"), [("7", 7), ("0", 1), ("999999999", 3600), ("-3", 30), ("soon", 30), ("", 30)]
)
async def test_the_rate_limits_own_header_says_how_long_to_wait(
    said: str, seconds: int, provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)
    provider.play(Fault(do="throttle", retry_after=said))

    error = await failing(channel, make_outgoing())

    assert isinstance(error, Throttled)
    assert error.wait == timedelta(seconds=seconds)
    await channel.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"{}", b"[]", b"null", b"{", b"\xff\xfe", b"[" * 100_000, b'{"status":"success"}', b'{"status":"maybe"}',
        b'{"status":"success","data":[]}', b'{"status":"success","data":{"tranId":null}}',
        b'{"status":"success","data":{"tranId":true}}', b'{"status":"success","data":{"tranId":"a b"}}',
        b'{"status":"success","data":{"tranId":1.5}}', b'{"status":"success","data":{"tranId":NaN}}',
    ],
)  # fmt: skip
async def test_an_answer_without_result_and_id_is_no_acceptance(
    answer: bytes, provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)
    provider.answer = answer

    error = await failing(channel, make_outgoing())

    assert type(error) is OutcomeUnknown
    await channel.close()


async def test_a_success_for_nobody_is_a_refusal(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)
    provider.answer = b'{"status":"success","code":"00","data":{"tranId":5,"totalSMS":0,"invalidPhone":["0912345678"]}}'

    error = await failing(channel, make_outgoing())

    assert type(error) is Refused
    await channel.close()


async def test_the_id_of_an_earlier_message_is_no_acceptance(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)
    provider.answer = b'{"status":"success","code":"00","data":{"tranId":5,"totalSMS":1}}'
    await channel.send(make_outgoing(dedupe_key="first"), timeout=2)

    error = await failing(channel, make_outgoing(dedupe_key="second"))

    assert type(error) is OutcomeUnknown
    await channel.close()


async def test_a_report_says_what_became_of_the_message(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)
    accepted = await channel.send(make_outgoing(), timeout=2)

    good = channel.read_callback({}, provider.report(accepted.provider_id))
    bad = channel.read_callback({}, provider.report(accepted.provider_id, status=64))

    assert [one.state for one in [*good, *bad] if isinstance(one, Delivery)] == ["delivered", "undelivered"]
    assert {one.provider_id for one in [*good, *bad] if isinstance(one, Delivery)} == {accepted.provider_id}
    assert "912345678" not in f"{good}{bad}"
    await channel.close()


@pytest.mark.parametrize(
    ("body", "sender"),
    [
        (b'{"type":"sms","phone":"84912345678","content":"TC"}', "+84912345678"),
        (b'{"type":"sms","phone":"0912345678","content":"TC"}', "+84912345678"),
    ],
)
def test_a_text_to_a_two_way_number_is_what_a_person_said(
    body: bytes, sender: str, make_settings: MakeSettings
) -> None:
    channel = SpeedSms("sms", make_settings("speedsms", SPEEDSMS))

    said = channel.read_callback({}, body)

    assert said == [Inbound(sender=sender, text="TC")]


@pytest.mark.parametrize(
    "body",
    [
        b'{"type":"report","tranId":"../x","status":0}', b'{"type":"report","tranId":5}', b'{"tranId":5,"status":"soon"}',
        b'{"tranId":5,"status":true}', b'{"phone":"nobody","content":"TC"}', b"{}",
    ],
)  # fmt: skip
def test_a_report_that_says_nothing_moves_nothing(body: bytes, make_settings: MakeSettings) -> None:
    channel = SpeedSms("sms", make_settings("speedsms", SPEEDSMS))

    assert channel.read_callback({}, body) == []


@pytest.mark.parametrize("body", [b"", b"[]", b"x=1", b"[" * 100_000, b"\xff"])
def test_what_is_no_report_is_refused(body: bytes, make_settings: MakeSettings) -> None:
    channel = SpeedSms("sms", make_settings("speedsms", SPEEDSMS))

    with pytest.raises(WrongUse):
        channel.read_callback({}, body)


async def test_stragglers_are_asked_about_only_where_it_is_switched_on(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    silent = channel_to(provider, make_settings)
    asking = channel_to(provider, make_settings, own=SPEEDSMS | {"poll": True})
    accepted = await silent.send(make_outgoing(), timeout=2)
    asked = len(provider.asked)

    nothing = await silent.poll([accepted.provider_id], timeout=5)
    early = await asking.poll([accepted.provider_id, "123"], timeout=5)
    provider.book.move_to(provider.book.now() + timedelta(seconds=10))
    late = await asking.poll([accepted.provider_id], timeout=5)

    assert (nothing, early) == ([], [])
    assert [(one.state, one.provider_id) for one in late] == [("delivered", accepted.provider_id)]
    assert len(provider.asked) - asked == 3
    await silent.close()
    await asking.close()


def test_a_brandname_message_needs_a_brandname(make_settings: MakeSettings) -> None:
    with pytest.raises(WrongUse) as caught:
        SpeedSms("sms", make_settings("speedsms", {"access_token": SPEEDSMS["access_token"]}, name="sms"))

    assert "channels.sms" in str(caught.value)
    assert SpeedSms("sms", make_settings("speedsms", {"access_token": SPEEDSMS["access_token"], "sms_type": 2}))


def test_what_to_enter_in_the_console_is_said(make_settings: MakeSettings) -> None:
    alone = SpeedSms("sms", make_settings("speedsms", SPEEDSMS, name="sms"))
    public = SpeedSms("sms", make_settings("speedsms", SPEEDSMS, name="sms", public_url="https://tinh.example"))

    assert alone.notice == ""
    assert public.notice.endswith(f"https://tinh.example/hooks/speedsms/sms/{public.hook_token}")


def test_advertising_is_not_sent(make_settings: MakeSettings) -> None:
    with pytest.raises(WrongUse):
        SpeedSms("sms", make_settings("speedsms", SPEEDSMS | {"sms_type": 1}, name="sms"))


def test_the_check_names_what_an_author_can_mend(make_settings: MakeSettings, make_outgoing: MakeOutgoing) -> None:
    channel = SpeedSms("sms", make_settings("speedsms", SPEEDSMS))

    assert channel.check(make_outgoing()) == []
    assert "Vietnamese mobile" in channel.check(make_outgoing(to="+84243826262"))[0]
    assert "canary" not in repr(vars(channel))
