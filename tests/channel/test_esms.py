"""What is eSMS's own: the request it gets, its codes, its key against repeats, its reports, its list."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from channel_builders import ESMS, NOW, MakeOutgoing, MakeSettings

from broadcaster.channel.base import Misconfigured, NotAccepted, OutcomeUnknown, Refused, SendError, Throttled
from broadcaster.channel.sms_esms import CODES, Esms, request_id
from broadcaster.errors import WrongUse
from broadcaster.simulator.esms import EsmsSimulator
from broadcaster.simulator.faults import Fault
from broadcaster.simulator.provider import Reply

pytestmark = pytest.mark.anyio

PLAIN = "Nghi co mua ban nguoi: goi 111 (mien phi, 24/7)."


class Recorder(EsmsSimulator):
    """Keeps the values of every request, and can be told what to answer."""

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
    async with Recorder() as simulator:
        yield simulator


def channel_to(provider: EsmsSimulator, make_settings: MakeSettings, *, own: Any = ESMS, **common: Any) -> Esms:
    return Esms("sms", make_settings("esms", own, name="sms", api_base=provider.url, **common))


async def failing(channel: Esms, outgoing: Any) -> SendError:
    with pytest.raises(SendError) as caught:
        await channel.send(outgoing, timeout=2)
    return caught.value


async def test_the_request_is_the_one_of_esmss_documents(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings, public_url="https://tinh.example")
    outgoing = make_outgoing(text=PLAIN, key="vp-12-1-0a1b2c3d")

    await channel.send(outgoing, timeout=2)

    form = provider.forms[0]
    assert form == {
        "ApiKey": "twilio-secret-canary", "SecretKey": "gateway-secret-canary", "Phone": "0912345678", "Content": PLAIN,
        "Brandname": "VPTTBINH", "SmsType": "2", "IsUnicode": "0", "Sandbox": "0", "RequestId": request_id(outgoing),
        "campaignid": request_id(outgoing),
        "CallbackUrl": f"https://tinh.example/hooks/esms/sms/{channel.hook_token}?attempt=vp-12-1-0a1b2c3d",
    }  # fmt: skip
    await channel.close()


@pytest.mark.parametrize(("text", "flag"), [(PLAIN, "0"), ("Gọi 111", "1"), ("cafè 111", "1"), ("`111`", "1")])
async def test_what_is_not_plain_is_said_to_be_accented(
    text: str, flag: str, provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)

    await channel.send(make_outgoing(text=text), timeout=2)

    assert provider.forms[0]["IsUnicode"] == flag
    assert "CallbackUrl" not in provider.forms[0]  # there is no public address
    await channel.close()


@pytest.mark.parametrize(
    ("text", "parts"), [("a" * 160, 1), ("a" * 161, 2), ("ă" * 70, 1), ("ă" * 135, 3), ("è" * 71, 2)]
)
async def test_the_parts_are_counted_in_the_coding_that_is_asked_for(
    text: str, parts: int, provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)

    accepted = await channel.send(make_outgoing(text=text), timeout=2)

    assert accepted.parts == parts
    await channel.close()


def test_a_request_id_is_of_one_dispatch_and_short(make_outgoing: MakeOutgoing) -> None:
    first = make_outgoing(published_at=NOW)

    same = request_id(make_outgoing(published_at=NOW, key="another-attempt"))
    others = {
        request_id(make_outgoing(published_at=NOW, dedupe_key="vp-d13")),
        request_id(make_outgoing(published_at=NOW, to="+84912345679")),
        request_id(make_outgoing(published_at=NOW + timedelta(days=1))),  # an office set up anew counts from 1 again
        request_id(make_outgoing(published_at=NOW, dedupe_key="x" * 48)),
    }

    assert same == request_id(first)
    assert request_id(first) not in others
    assert len(others) == 4
    assert max(map(len, others)) == 50


async def test_a_lost_answer_is_settled_by_the_same_request_id_even_after_a_restart(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)
    provider.play(Fault(do="cut-after", times=1))
    lost = await failing(channel, make_outgoing(key="k1"))
    await channel.close()
    again = channel_to(provider, make_settings)

    accepted = await again.send(make_outgoing(key="k2"), timeout=2)

    assert type(lost) is OutcomeUnknown
    assert accepted.provider_id == f"request:{request_id(make_outgoing())}"  # eSMS's own id was lost with the answer
    assert len(provider.book.accepted()) == 1
    await again.close()


@pytest.mark.parametrize("fault", ["cut-before", "error-before", "silence-before", "garbage-before"])
async def test_a_repeat_of_what_was_not_taken_is_taken(
    fault: Any, provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)
    provider.play(Fault(do=fault, times=1, seconds=3))
    await failing(channel, make_outgoing(key="k1"))

    await channel.send(make_outgoing(key="k2"), timeout=2)

    assert len(provider.book.accepted()) == 1
    await channel.close()


async def test_a_known_request_that_had_been_refused_is_no_acceptance(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)
    provider.play(Fault(do="refuse", status=200, code=103, times=1))
    first = await failing(channel, make_outgoing(key="k1"))
    provider.play(Fault(do="refuse", status=200, code=124))

    second = await failing(channel, make_outgoing(key="k2"))
    provider.answer = b'{"CodeResult":"124","ErrorMessage":"Request exist 1","SendStatus":"4"}'
    provider.play()
    third = await failing(channel, make_outgoing(dedupe_key="other"))

    assert [type(error) for error in (first, second, third)] == [Misconfigured, OutcomeUnknown, OutcomeUnknown]
    await channel.close()


@pytest.mark.parametrize("code", CODES)
async def test_every_code_of_the_table_means_what_the_table_says(
    code: str, provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)
    provider.play(Fault(do="refuse", status=200, code=int(code), text="0912345678: no"))

    error = await failing(channel, make_outgoing())

    assert type(error) is CODES[code].kind
    assert error.code == code
    assert getattr(error, "suppress", False) is CODES[code].suppress
    assert "912345678" not in f"{error} {error.__cause__}"
    assert provider.book.accepted() == []
    await channel.close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, Refused),
        (400, Refused),
        (429, Throttled),
        (500, OutcomeUnknown),
        (503, OutcomeUnknown),
        (302, OutcomeUnknown),
    ],
)
async def test_a_code_that_is_not_in_the_table_is_judged_by_its_status(
    status: int, kind: type[SendError], provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)
    provider.play(Fault(do="refuse", status=status, code=987))

    error = await failing(channel, make_outgoing())

    assert type(error) is kind
    await channel.close()


async def test_the_simulators_own_rules_are_esmss(make_settings: MakeSettings, make_outgoing: MakeOutgoing) -> None:
    keys = {"twilio-secret-canary": "gateway-secret-canary"}
    async with Recorder(keys=keys, brandnames=frozenset({"VPTTBINH"})) as provider:
        good, wrong_name = (
            channel_to(provider, make_settings),
            channel_to(provider, make_settings, own=ESMS | {"brandname": "ABC"}),
        )
        wrong_key = channel_to(provider, make_settings, own=ESMS | {"secret_key": {"env": "TEST_TOKEN"}})

        await good.send(make_outgoing(dedupe_key="a"), timeout=2)
        codes = [(await failing(channel, make_outgoing(dedupe_key="b"))).code for channel in (wrong_name, wrong_key)]

        assert codes == ["104", "101"]
        assert len(provider.book.accepted()) == 1
        for channel in (good, wrong_name, wrong_key):
            await channel.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"{}", b"[]", b"null", b"7", b"{", b"\xff\xfe", b'{"error":"Invalid request"}', b'{"CodeResult":"100"}',
        b'{"CodeResult":"100","SMSID":null}', b'{"CodeResult":"100","SMSID":7}', b'{"CodeResult":"100","SMSID":"x"}',
        b'{"CodeResult":true,"SMSID":"d533459ee42b2b9525ba9eabf6a8156"}', b"[" * 100_000, b'{"CodeResult":NaN}',
        b'{"SMSID":"d533459ee42b2b9525ba9eabf6a8156"}',
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


async def test_a_result_may_be_a_number_and_have_fields_we_do_not_know(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)
    provider.answer = b'{"CodeResult":100,"New":[1],"SMSID":"d533459ee42b2b9525ba9eabf6a8156"}'

    accepted = await channel.send(make_outgoing(), timeout=2)

    assert accepted.provider_id == "d533459ee42b2b9525ba9eabf6a8156"
    await channel.close()


async def test_the_id_of_an_earlier_message_is_no_acceptance(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)
    provider.answer = b'{"CodeResult":"100","SMSID":"d533459ee42b2b9525ba9eabf6a8156"}'
    await channel.send(make_outgoing(dedupe_key="first"), timeout=2)

    error = await failing(channel, make_outgoing(dedupe_key="second"))

    assert type(error) is OutcomeUnknown
    await channel.close()


async def test_a_sandbox_sends_nothing(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings, own=ESMS | {"sandbox": True})

    accepted = await channel.send(make_outgoing(), timeout=2)

    assert accepted.provider_id
    assert "sends nothing" in channel.notice
    assert provider.forms[0]["Sandbox"] == "1"
    assert provider.book.accepted() == []
    await channel.close()


# -- reports


def report(**spoilt: Any) -> bytes:
    """The sample of eSMS's documents (callback-url.md), for one number."""
    values = {
        "attempt": "vp-12-1-0a1b2c3d", "SMSID": "dc712784-9c5f-4c69-b9a8-ea69d56adc9a87", "SendFailed": "0",
        "SendStatus": "5", "SendSuccess": "1", "TotalPrice": "0.0000", "TotalReceiver": "1", "TotalSent": "1",
        "RequestId": "", "TypeId": "2", "telcoid": "1", "phonenumber": "0901888484", "switchsmsid": "",
    }  # fmt: skip
    return urlencode({name: value for name, value in (values | spoilt).items() if value is not None}).encode()


@pytest.mark.parametrize(
    ("status", "succeeded", "failed", "state"),
    [
        ("5", "1", "0", "delivered"),
        ("5", "0", "1", "undelivered"),
        ("5", "0", "2", "undelivered"),
        ("5", "1", "1", "undelivered"),
        ("4", "0", "0", "undelivered"),
        ("1", "0", "0", "accepted"),
        ("2", "0", "0", "accepted"),
        ("7", "0", "0", "accepted"),
        ("5", "0", "0", None),
        ("9", "1", "0", None),
    ],
)
def test_a_report_says_what_became_of_the_message(
    status: str, succeeded: str, failed: str, state: str | None, make_settings: MakeSettings
) -> None:
    channel = Esms("sms", make_settings("esms", ESMS, name="sms"))

    said = channel.read_callback({}, report(SendStatus=status, SendSuccess=succeeded, SendFailed=failed))

    assert [one.state for one in said] == ([state] if state else [])
    assert all(one.key == "vp-12-1-0a1b2c3d" for one in said)
    assert all(one.provider_id == "dc712784-9c5f-4c69-b9a8-ea69d56adc9a87" for one in said)
    assert all("901888484" not in repr(one) for one in said)


def test_a_report_is_read_although_its_query_was_put_behind_ours_with_a_second_question_mark(
    make_settings: MakeSettings,
) -> None:
    channel = Esms("sms", make_settings("esms", ESMS, name="sms"))

    (said,) = channel.read_callback({}, b"attempt=vp-12-1-0a1b2c3d?" + report(attempt=None))

    assert (said.key, said.state) == ("vp-12-1-0a1b2c3d", "delivered")


@pytest.mark.parametrize("body", [b"", b"SMSID=x", b"\xff\xfe", report(SendSuccess="many"), report(SMSID="../../x")])
def test_what_is_no_report_is_refused(body: bytes, make_settings: MakeSettings) -> None:
    channel = Esms("sms", make_settings("esms", ESMS, name="sms"))

    with pytest.raises(WrongUse):
        channel.read_callback({}, body)


def test_the_path_is_known_to_one_channel_only(make_settings: MakeSettings) -> None:
    first = Esms("sms", make_settings("esms", ESMS, name="sms"))

    same = Esms("sms", make_settings("esms", ESMS, name="sms"))
    other = Esms("sms2", make_settings("esms", ESMS, name="sms2"))
    changed = Esms("sms", make_settings("esms", ESMS | {"secret_key": {"env": "TEST_TOKEN"}}, name="sms"))

    assert first.hook_token == same.hook_token
    assert len({first.hook_token, other.hook_token, changed.hook_token}) == 3
    assert len(first.hook_token) == 32
    assert "canary" not in repr(vars(first))


async def test_stragglers_are_asked_about(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)
    accepted = await channel.send(make_outgoing(), timeout=2)
    ids = [accepted.provider_id, "request:vp-d12-0123456789abcdef", "d533459ee42b2b9525ba9eabf6a8156"]

    early = await channel.poll(ids, timeout=5)
    provider.book.move_to(provider.book.now() + timedelta(seconds=10))
    late = await channel.poll(ids, timeout=5)

    assert early == []
    assert [(one.state, one.provider_id) for one in late] == [("delivered", accepted.provider_id)]
    assert provider.book.requests == 1  # asking is not sending
    await channel.close()


async def test_stragglers_cannot_be_asked_about_without_a_line(provider: Recorder, make_settings: MakeSettings) -> None:
    channel = channel_to(provider, make_settings)
    await provider.stop()

    with pytest.raises(NotAccepted) as caught:
        await channel.poll(["d533459ee42b2b9525ba9eabf6a8156"], timeout=1)

    assert "canary" not in f"{caught.value!r} {caught.value.__cause__!r}"
    await channel.close()


# -- the list


async def test_a_lost_answer_too_old_to_be_repeated_is_found_in_the_list(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)
    since = datetime.fromisoformat("2027-07-01T23:50:00+07:00")
    provider.book.move_to(since)
    for number in range(501):
        await channel.send(make_outgoing(dedupe_key=f"other-{number}", key=f"o{number}"), timeout=2)
    provider.play(Fault(do="cut-after"))
    await failing(channel, make_outgoing(dedupe_key="lost"))
    provider.play()

    found = await channel.find(make_outgoing(dedupe_key="lost"), since=since, timeout=20)
    again = await channel.find(make_outgoing(dedupe_key="lost"), since=since, timeout=20)

    assert found == again
    assert found.provider_id == provider.book.accepted()[-1].id
    await channel.close()


async def test_a_list_that_does_not_show_it_proves_nothing(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)

    with pytest.raises(OutcomeUnknown):
        await channel.find(make_outgoing(), since=NOW, timeout=5)

    await channel.close()


async def test_the_printed_sample_of_the_list_is_broken_and_proves_nothing(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = (
        b'{"CodeResult":"100","CountTotal":2\n"SentData":[{"Campaign":"x","SendResult":0,"SendStatus:5,"SmsType":2}]'
    )
    monkeypatch.setattr(EsmsSimulator, "_list", lambda _self, _values: Reply(status=200, body=broken))
    channel = channel_to(provider, make_settings)

    with pytest.raises(OutcomeUnknown):
        await channel.find(make_outgoing(), since=NOW, timeout=5)

    await channel.close()


# -- what an author and an operator can mend


def test_the_check_names_what_an_author_can_mend(make_settings: MakeSettings, make_outgoing: MakeOutgoing) -> None:
    channel = Esms("sms", make_settings("esms", ESMS))

    assert channel.check(make_outgoing(text="x" * 459)) == []
    assert "460 characters" in channel.check(make_outgoing(text="x" * 460))[0]
    assert "Vietnamese mobile" in channel.check(make_outgoing(to="+14155550100"))[0]
    assert "Vietnamese mobile" in channel.check(make_outgoing(to="0912345678"))[0]


@pytest.mark.parametrize("brandname", ["", "x" * 12, "Bộ CA"])
def test_a_brandname_that_cannot_be_one_is_refused_at_start(brandname: str, make_settings: MakeSettings) -> None:
    with pytest.raises(WrongUse) as caught:
        Esms("sms", make_settings("esms", ESMS | {"brandname": brandname}, name="sms"))

    assert "channels.sms.brandname" in str(caught.value)
