"""Web hooks: signed so that a verifier that is not ours believes them, repeatable, and never led into our own network."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from channel_builders import NOW, MakeOutgoing, MakeSettings
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from broadcaster.channel import outside, webhook
from broadcaster.channel.base import Misconfigured, NotAccepted, OutcomeUnknown, Refused, SendError, Throttled
from broadcaster.channel.webhook import Webhook, signature
from broadcaster.clock import SteppedClock
from broadcaster.config import Secret
from broadcaster.errors import WrongUse
from broadcaster.simulator.faults import Fault
from broadcaster.simulator.webhook import WebhookSimulator

pytestmark = pytest.mark.anyio

SECRET = "whsec_" + base64.b64encode(b"canary-secret-of-thirty-two-byte").decode()
BEFORE = "whsec_" + base64.b64encode(b"canary-before-of-thirty-two-byte").decode()
OWN = {"url": "https://portal.example/hook?office=1", "secret": {"env": "HOOK"}, "allow_private": True}


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", SECRET)
    monkeypatch.setenv("HOOK_BEFORE", BEFORE)


@pytest.fixture
async def portal() -> AsyncIterator[WebhookSimulator]:
    async with WebhookSimulator(secrets=(SECRET,), clock_matters=True) as running:
        yield running


@pytest.fixture
async def channel(portal: WebhookSimulator, make_settings: MakeSettings) -> AsyncIterator[Webhook]:
    made = Webhook("portal", make_settings("webhook", OWN, name="portal", api_base=portal.url))
    yield made
    await made.close()


async def test_the_portal_gets_the_message_whole_and_signed(
    channel: Webhook, portal: WebhookSimulator, make_outgoing: MakeOutgoing
) -> None:
    accepted = await channel.send(make_outgoing(published_at=NOW, category="hotline"), timeout=5)

    (entry,) = portal.book.accepted()
    assert (entry.id, entry.path) == (accepted.provider_id, "/hook?office=1")
    assert (entry.reference, entry.body) == (make_outgoing().dedupe_key, make_outgoing().text)


async def test_a_repeat_has_another_moment_and_the_same_id_and_bytes_and_is_taken_once(
    channel: Webhook, portal: WebhookSimulator, make_outgoing: MakeOutgoing
) -> None:
    await channel.send(make_outgoing(key="k1"), timeout=5)
    again = await channel.send(make_outgoing(key="k2"), timeout=5)

    assert again.provider_id == make_outgoing().dedupe_key
    assert [entry.decision for entry in portal.book.entries] == ["accepted", "repeated"]
    assert webhook.payload(make_outgoing(key="k1")) == webhook.payload(make_outgoing(key="k2"))


def test_the_signature_is_the_one_that_the_standards_own_vector_has() -> None:
    secret = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    moment = datetime.fromtimestamp(1614265330, UTC)

    headers = signature(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        moment,
        b'{"test": 2432232314}',
        keys=[webhook.key_of(secret, where="channels.portal.secret")],
    )

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_an_independent_verifier_believes_it_and_nothing_that_was_changed(make_outgoing: MakeOutgoing) -> None:
    keys = [webhook.key_of(Secret(SECRET), where="here")]
    body = webhook.payload(make_outgoing())
    now = datetime.now(UTC)  # noqa: TID251 - the verifier goes by the machine's clock

    headers = signature("vp-12", now, body, keys=keys)

    assert Verifier(SECRET).verify(body, headers)["data"]["id"] == "vp-12"
    stale = signature("vp-12", now - timedelta(minutes=6), body, keys=keys)
    for spoilt_body, spoilt in [(body + b" ", headers), (body, headers | {"webhook-id": "vp-13"}), (body, stale)]:
        with pytest.raises(WebhookVerificationError):
            Verifier(SECRET).verify(spoilt_body, spoilt)


@pytest.mark.parametrize("receiver", [SECRET, BEFORE])
async def test_while_a_secret_is_being_changed_the_old_and_the_new_receiver_believe_it(
    receiver: str, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    async with WebhookSimulator(secrets=(receiver,)) as portal:
        own = OWN | {"secret_before": {"env": "HOOK_BEFORE"}}
        channel = Webhook("portal", make_settings("webhook", own, name="portal", api_base=portal.url))

        await channel.send(make_outgoing(), timeout=5)

        assert len(portal.book.accepted()) == 1
        await channel.close()


async def test_a_wrong_secret_pauses_the_lane_and_is_not_told(
    make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    async with WebhookSimulator(secrets=(BEFORE,)) as portal:
        channel = Webhook("portal", make_settings("webhook", OWN, name="portal", api_base=portal.url))

        with pytest.raises(Misconfigured) as caught:
            await channel.send(make_outgoing(), timeout=5)

        assert "canary" not in repr(caught.value)
        assert portal.book.entries == []
        await channel.close()


@pytest.mark.parametrize(
    ("status", "retry_after", "kind"),
    [
        (400, "", Refused),
        (405, "", Misconfigured),
        (408, "", OutcomeUnknown),
        (410, "", Refused),
        (413, "", Refused),
        (425, "", Throttled),
        (429, "7", Throttled),
        (502, "7", OutcomeUnknown),
        (503, "", OutcomeUnknown),
        (503, "7", Throttled),
    ],
)
async def test_every_answer_is_named_for_what_it_is(
    status: int,
    retry_after: str,
    kind: type[SendError],
    channel: Webhook,
    portal: WebhookSimulator,
    make_outgoing: MakeOutgoing,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = portal.error(status=status, code=0, text="", retry_after=retry_after)
    monkeypatch.setattr(portal, "refusal", lambda _call: said)

    with pytest.raises(SendError) as caught:
        await channel.send(make_outgoing(), timeout=5)

    assert type(caught.value) is kind
    assert caught.value.code == str(status)
    assert getattr(caught.value, "suppress", False) is (status == 410)
    assert getattr(caught.value, "wait", timedelta(seconds=7)) in (timedelta(seconds=7), timedelta(seconds=30))


async def test_a_redirect_is_not_followed_and_nothing_is_sent_on(
    channel: Webhook, portal: WebhookSimulator, make_outgoing: MakeOutgoing
) -> None:
    async with WebhookSimulator() as elsewhere:
        portal.play(Fault(do="redirect", location=elsewhere.url + "/"))

        with pytest.raises(OutcomeUnknown):
            await channel.send(make_outgoing(), timeout=5)

        assert elsewhere.book.entries == []


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1", "::ffff:127.0.0.1",
     "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1", "::7f00:1", "", "portal.example"],
)  # fmt: skip
def test_addresses_of_our_own_networks_are_known_in_every_dress(address: str) -> None:
    assert not outside.is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "203.162.0.1", "2606:4700::1111", "2405:4800::1", "64:ff9b::101:101"])
def test_addresses_of_the_public_internet_are_let_through(address: str) -> None:
    assert outside.is_public(address)


@pytest.mark.parametrize("others", [[], ["1.1.1.1"]], ids=["alone", "beside a public one"])
@pytest.mark.parametrize("host", ["portal.example", "0x7f.1", "localhost"])
async def test_a_name_that_leads_into_our_own_network_is_not_connected_to(
    host: str, others: list[str], make_settings: MakeSettings, make_outgoing: MakeOutgoing, name_server: Any
) -> None:
    names, connected = name_server
    names[host] = [*others, "127.0.0.1"]
    own = {"url": f"https://{host}/hook", "secret": {"env": "HOOK"}}
    channel = Webhook("portal", make_settings("webhook", own, name="portal"))

    with pytest.raises(Misconfigured) as caught:
        await channel.send(make_outgoing(), timeout=5)

    assert "allow_private" in str(caught.value)
    assert connected == []
    await channel.close()


async def test_a_name_that_changes_its_mind_is_connected_to_where_it_was_looked_at(
    make_settings: MakeSettings, make_outgoing: MakeOutgoing, name_server: Any
) -> None:
    """DNS rebinding: the second question would be answered with an address of ours."""
    names, connected = name_server
    answers = iter([["1.1.1.1"], ["127.0.0.1"]])
    names["portal.example"] = lambda: next(answers)
    own = {"url": "https://portal.example/hook", "secret": {"env": "HOOK"}}
    channel = Webhook("portal", make_settings("webhook", own, name="portal"))

    with pytest.raises(NotAccepted):
        await channel.send(make_outgoing(), timeout=2)

    assert connected == [("1.1.1.1", 443)]
    await channel.close()


async def test_a_name_that_nobody_knows_is_tried_again(
    make_settings: MakeSettings, make_outgoing: MakeOutgoing, name_server: Any
) -> None:
    own = {"url": "https://nowhere.example/hook", "secret": {"env": "HOOK"}}
    channel = Webhook("portal", make_settings("webhook", own, name="portal"))

    with pytest.raises(NotAccepted):
        await channel.send(make_outgoing(), timeout=2)

    await channel.close()


@pytest.fixture
def name_server(monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], list[Any]]:
    """Names as the test has them, and where connections would have gone; none is made."""
    import asyncio

    from aiohttp.connector import aiohappyeyeballs

    names: dict[str, Any] = {}
    connected: list[Any] = []

    async def getaddrinfo(self: Any, host: str, port: int, **_: Any) -> list[Any]:
        found = names.get(host)
        if found is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in (found() if callable(found) else found)
        ]

    async def start_connection(addr_infos: Any, **_: Any) -> Any:
        connected.extend(info[4][:2] for info in addr_infos)
        raise OSError("no connection in this test")

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(aiohappyeyeballs, "start_connection", start_connection)
    return names, connected


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"url": "http://portal.example/hook"}, "only https"),
        ({"url": "https://127.0.0.1/hook"}, "not on the public internet"),
        ({"url": "https://[::ffff:169.254.169.254]/"}, "not on the public internet"),
        ({"url": "https://portal.example@10.0.0.1/"}, "without a user's name"),
        ({"url": "file:///etc/passwd", "allow_private": True}, "write it like"),
        ({"url": "https://portal.example:port/"}, "no address"),
        ({"secret": "whsec_in_the_file"}, "channels.portal.secret"),
        ({"secret": {"env": "SHORT"}}, "24 to 64 bytes"),
        ({"secret": {"env": "BARE"}}, "24 to 64 bytes"),
    ],
)
def test_a_wrong_setting_is_named_and_a_secret_never_told(
    own: dict[str, Any], words: str, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHORT", "whsec_" + base64.b64encode(b"canary").decode())
    monkeypatch.setenv("BARE", base64.b64encode(b"canary-secret-of-thirty-two-byte").decode())
    good = {"url": "https://portal.example/hook", "secret": {"env": "HOOK"}}

    with pytest.raises(WrongUse) as caught:
        Webhook("portal", make_settings("webhook", good | own, name="portal"))

    assert words in str(caught.value)
    assert "Y2FuYXJ5" not in str(caught.value)


async def test_the_body_says_what_a_portal_needs(make_outgoing: MakeOutgoing) -> None:
    body = json.loads(
        webhook.payload(make_outgoing(published_at=NOW, category="hotline", link="https://x.example/m/1"))
    )

    assert body == {
        "type": "message.published",
        "timestamp": "2027-07-01T01:00:00+00:00",
        "data": {
            "id": "vp-12",
            "title": "Gọi 111",
            "text": "Nghi có mua bán người: gọi 111 (miễn phí, 24/7).",
            "language": "vi",
            "category": "hotline",
            "link": "https://x.example/m/1",
            "media": [],
        },
    }


async def test_the_signed_moment_is_the_channels_clock(channel: Webhook, make_outgoing: MakeOutgoing) -> None:
    channel.clock = SteppedClock(NOW)

    with pytest.raises(Misconfigured):  # a receiver refuses what was signed far from now
        await channel.send(make_outgoing(), timeout=5)
