"""What is Kannel's own: the request it gets, its answers, its delivery reports. The real one is in tests/acceptance."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from channel_builders import KANNEL, MakeOutgoing, MakeSettings

from broadcaster.channel import gsm
from broadcaster.channel.base import Delivery, Inbound, Misconfigured, NotAccepted, OutcomeUnknown, Refused, SendError
from broadcaster.channel.sms_kannel import ANSWERS, Kannel
from broadcaster.content import sms
from broadcaster.errors import WrongUse
from broadcaster.simulator.faults import Fault
from broadcaster.simulator.kannel import KannelSimulator
from broadcaster.simulator.provider import Reply

pytestmark = pytest.mark.anyio


class Recorder(KannelSimulator):
    """Keeps the values of every request, and can be told what to answer."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.forms: list[dict[str, str]] = []
        self.answer: tuple[int, bytes] | None = None

    def take(self, call: Any) -> Reply:
        self.forms.append(dict(call.values))
        taken = super().take(call)
        return taken if self.answer is None else Reply(status=self.answer[0], body=self.answer[1], id=taken.id)


@pytest.fixture
async def provider() -> AsyncIterator[Recorder]:
    async with Recorder() as simulator:
        yield simulator


def channel_to(provider: KannelSimulator, make_settings: MakeSettings, *, own: Any = KANNEL, **common: Any) -> Kannel:
    return Kannel("sms", make_settings("kannel", own, name="sms", api_base=provider.url, **common))


async def failing(channel: Kannel, outgoing: Any) -> SendError:
    with pytest.raises(SendError) as caught:
        await channel.send(outgoing, timeout=2)
    return caught.value


async def test_the_request_carries_text_coding_reference_and_where_to_report(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings, public_url="https://tinh.example")

    accepted = await channel.send(make_outgoing(key="vp-12-1-0a1b2c3d"), timeout=2)

    form = provider.forms[0]
    assert 1 <= int(form.pop("validity")) <= 2880
    assert form == {
        "username": "office", "password": "gateway-secret-canary", "from": "VPTTBINH", "to": "+84912345678",
        "text": make_outgoing().text, "charset": "UTF-8", "coding": "2", "account": "vp-12-1-0a1b2c3d", "dlr-mask": "31",
        "dlr-url": f"https://tinh.example/hooks/kannel/sms/{channel.hook_token}?attempt=vp-12-1-0a1b2c3d"
                   "&status=%d&answer=%A",
    }  # fmt: skip
    assert (accepted.provider_id, accepted.parts) == ("vp-12-1-0a1b2c3d", 1)
    assert "canary" not in provider.book.entries[0].path
    await channel.close()


async def test_without_a_public_address_no_report_is_asked_for_and_doubt_is_for_people(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)

    await channel.send(make_outgoing(), timeout=2)

    assert not {"dlr-url", "dlr-mask"} & provider.forms[0].keys()
    assert (channel.traits.after_silence, channel.traits.receipts) == ("ask", "none")
    await channel.close()


@pytest.mark.parametrize(
    ("numbers", "to", "sent"),
    [
        ("+84", "+84912345678", "+84912345678"),
        ("84", "+84912345678", "84912345678"),
        ("0", "+84912345678", "0912345678"),
        ("0", "+85612345678", "+85612345678"),
    ],
)
async def test_numbers_are_written_as_the_operator_wants_them(
    numbers: str, to: str, sent: str, provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings, own=KANNEL | {"numbers": numbers, "smsc": "viettel"})

    await channel.send(make_outgoing(to=to), timeout=2)

    assert (provider.forms[0]["to"], provider.forms[0]["smsc"]) == (sent, "viettel")
    await channel.close()


@pytest.mark.parametrize(("text", "coding"), [("Goi 111 {a} € è", "0"), ("Gọi 111", "2"), ("Goi 111 – ngay", "2")])
async def test_the_coding_is_the_texts(
    text: str, coding: str, provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)

    await channel.send(make_outgoing(text=text), timeout=2)

    assert provider.forms[0]["coding"] == coding
    assert provider.book.entries[0].body == text
    await channel.close()


async def test_the_gateway_keeps_nothing_beyond_its_time(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)
    soon = datetime.now(UTC) + timedelta(minutes=90)  # noqa: TID251 - the gateway's clock is the machine's

    for key, moment in (("a", soon), ("b", soon - timedelta(days=1)), ("c", soon + timedelta(days=30))):
        await channel.send(make_outgoing(key=key, expires_at=moment), timeout=2)

    assert [form["validity"] for form in provider.forms] == ["90", "1", "2880"]
    await channel.close()


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.words)
async def test_every_answer_of_the_table_means_what_the_table_says(
    answer: Any, provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)
    provider.play(Fault(do="refuse", status=answer.status, text=answer.words + " +84912345678"))

    error = await failing(channel, make_outgoing())

    assert (type(error), error.code) == (answer.kind, str(answer.status))
    assert "84912345678" not in f"{error} {error.__cause__}"
    await channel.close()


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        (400, "Priority field misformed, rejected", Misconfigured),
        (400, "<html>Bad Request</html>", NotAccepted),
        (403, "<html>Forbidden</html>", Misconfigured),
        (404, "Unknown request.", Misconfigured),
        (407, "", Misconfigured),
        (500, "Authorization failed", OutcomeUnknown),
        (502, "<html>Bad gateway</html>", OutcomeUnknown),
        (503, "<html>Service unavailable</html>", OutcomeUnknown),
        (302, "", OutcomeUnknown),
    ],
)
async def test_other_answers_are_judged_by_their_status(
    status: int,
    words: str,
    kind: type[SendError],
    provider: Recorder,
    make_settings: MakeSettings,
    make_outgoing: MakeOutgoing,
) -> None:
    channel = channel_to(provider, make_settings)
    provider.play(Fault(do="refuse", status=status, text=words or " "))

    error = await failing(channel, make_outgoing())

    assert type(error) is kind
    await channel.close()


@pytest.mark.parametrize(
    ("status", "body", "taken"),
    [
        (202, b"0: Accepted for delivery", True),
        (202, b"3: Queued for later delivery\n", True),
        (202, b"", False),
        (202, b"Sent.", False),
        (200, b"0: Accepted for delivery", False),
        (202, b"<html>0: Accepted for delivery", False),
        (202, b"\xff\xfe", False),
        (204, b"", False),
    ],
)
async def test_only_kannels_own_words_are_an_acceptance(
    status: int, body: bytes, taken: bool, provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings)
    provider.answer = (status, body)

    try:
        await channel.send(make_outgoing(), timeout=2)
        outcome = "accepted"
    except OutcomeUnknown:
        outcome = "unknown"

    assert outcome == ("accepted" if taken else "unknown")
    await channel.close()


async def test_a_text_that_kannel_would_cut_is_not_handed_over(
    provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    short = channel_to(provider, make_settings, own=KANNEL | {"max_messages": 1})
    long = make_outgoing(text="a" * 161)

    said = short.check(long)
    error = await failing(short, long)

    assert "max-messages" in said[0]
    assert type(error) is Refused
    assert provider.book.requests == 0
    assert channel_to(provider, make_settings).check(long) == []
    await short.close()


async def test_what_the_simulated_gateway_refuses_is_what_the_real_one_refuses(
    make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    async with Recorder(users={"office": "gateway-secret-canary"}, up=False) as provider:
        good = channel_to(provider, make_settings)
        stranger = channel_to(provider, make_settings, own=KANNEL | {"username": "else"})
        nameless = channel_to(provider, make_settings, own=KANNEL | {"from": ""})

        accepted = await good.send(make_outgoing(key="k"), timeout=2)  # queued: the SMSC is away
        errors = [await failing(channel, make_outgoing()) for channel in (stranger, nameless)]

        assert accepted.provider_id == "k"
        assert [type(error) for error in errors] == [Misconfigured, Misconfigured]
        assert len(provider.book.accepted()) == 1
        for channel in (good, stranger, nameless):
            await channel.close()


# -- reports


@pytest.mark.parametrize(
    ("status", "state"),
    [(1, "delivered"), (2, "undelivered"), (4, "accepted"), (8, "accepted"), (16, "undelivered"), (34, "undelivered")],
)
async def test_a_report_says_what_became_of_the_message(
    status: int, state: str, provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = channel_to(provider, make_settings, public_url="https://tinh.example/a%20b")
    await channel.send(make_outgoing(key="vp-1-1-ạ/+&"), timeout=2)
    words = "id:7 sub:001 stat:UNDELIV err:011 text:Goi 111"

    address = provider.report("vp-1-1-ạ/+&", status=status & 31, answer=words)
    assert address
    called = urlsplit(address)
    said = channel.read_callback({}, called.query.replace(f"status={status & 31}", f"status={status}").encode())

    assert called.path == f"/a%20b/hooks/kannel/sms/{channel.hook_token}"
    assert isinstance(said[0], Delivery)
    assert [(one.state, one.key, one.provider_id) for one in said] == [(state, "vp-1-1-ạ/+&", "vp-1-1-ạ/+&")]
    assert said[0].reason == (f"Kannel: status {status} stat:UNDELIV err:011" if state == "undelivered" else "")
    await channel.close()


@pytest.mark.parametrize(
    "body",
    [b"", b"attempt=k", b"status=1", b"attempt=k&status=", b"attempt=k&status=-1", b"attempt=k&status=%d", b"\xff\xfe",
     b"attempt=k&status=0", b"attempt=k&status=" + b"1" * 5000],
)  # fmt: skip
def test_a_report_that_says_nothing_moves_nothing(body: bytes, make_settings: MakeSettings) -> None:
    channel = Kannel("sms", make_settings("kannel", KANNEL))

    assert channel.read_callback({}, body) == []


@pytest.mark.parametrize("number", ["%2B84912345678", "84912345678", "0912345678"])
def test_what_a_person_writes_back_is_passed_on(number: str, make_settings: MakeSettings) -> None:
    channel = Kannel("sms", make_settings("kannel", KANNEL))

    said = channel.read_callback({}, f"from={number}&text=DUNG+DANH+EM%2C+C%E1%BB%A8U+EM&id=0b3373e7".encode())

    assert said == [Inbound(sender="+84912345678", text="DUNG DANH EM, CỨU EM", event_id="0b3373e7")]


@pytest.mark.parametrize(
    ("coding", "raw", "text"),
    [
        ("0", b"TC", "TC"),
        ("2", "DỪNG … EM".encode("utf-16-be"), "DỪNG … EM"),
        ("2", b"\x00D\xd8", "D\ufffd"),
        ("0", b"\xff", "\ufffd"),
        ("", b"", ""),
    ],
)
def test_what_a_person_writes_is_read_in_its_own_coding(
    coding: str, raw: bytes, text: str, make_settings: MakeSettings
) -> None:
    channel = Kannel("sms", make_settings("kannel", KANNEL))
    query = f"from=84912345678&text={quote(raw)}&coding={coding}&id=7".encode()

    said = channel.read_callback({}, query)

    assert said == [Inbound(sender="+84912345678", text=text, event_id="7")]


@pytest.mark.parametrize("body", [b"from=8111&text=TC", b"from=&text=TC", b"from=Viettel&text=TC"])
def test_what_no_person_wrote_is_not(body: bytes, make_settings: MakeSettings) -> None:
    channel = Kannel("sms", make_settings("kannel", KANNEL))

    assert channel.read_callback({}, body) == []


def test_what_to_write_into_kannels_file_is_said(make_settings: MakeSettings) -> None:
    alone = Kannel("sms", make_settings("kannel", KANNEL, name="sms"))
    public = Kannel("sms", make_settings("kannel", KANNEL, name="sms", public_url="https://tinh.example"))

    assert alone.notice == ""
    assert f"https://tinh.example/hooks/kannel/sms/{public.hook_token}?from=%p&text=%b&coding=%c&id=%I" in public.notice


# -- what it is told, and how parts are counted


@pytest.mark.parametrize(
    "own", [{"max_messages": 0}, {"max_messages": 11}, {"numbers": "084"}, {"password": "written here"}]
)
def test_wrong_settings_are_named(own: dict[str, Any], make_settings: MakeSettings) -> None:
    with pytest.raises(WrongUse) as caught:
        Kannel("sms", make_settings("kannel", KANNEL | own, name="sms"))

    assert "channels.sms" in str(caught.value)
    assert "written here" not in str(caught.value)


def test_the_check_names_what_an_author_can_mend(make_settings: MakeSettings, make_outgoing: MakeOutgoing) -> None:
    channel = Kannel("sms", make_settings("kannel", KANNEL))

    assert channel.check(make_outgoing(to="+14155550100")) == []
    assert "international" in channel.check(make_outgoing(to="0912345678"))[0]
    assert "canary" not in repr(vars(channel))


LETTERS = ["a", "ă", "€", "{", "😀", "è", "\n", "`", "Đ", "…"]


@pytest.mark.parametrize("letter", LETTERS)
@pytest.mark.parametrize("before", ["", "a", "ab"])
def test_a_gateways_parts_are_counted_as_the_authors_see_them(letter: str, before: str) -> None:
    for length in (*range(1, 82), 151, 152, 153, 154, 159, 160, 161, 305, 306, 307, 459, 460):
        text = before + letter * length

        assert gsm.parts(text) == sms.count(text).parts
        assert gsm.is_gsm(text) is (sms.encoding_of(text) == "GSM-7")


def test_both_alphabets_are_the_same() -> None:
    assert (gsm.BASIC, gsm.EXTENDED) == (sms.GSM_BASIC, sms.GSM_EXTENDED)
