"""Twilio's calls: whose signature is believed, over which address, and what each status means."""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import urlencode

import pytest
from channel_builders import TWILIO, MakeSettings

from broadcaster.channel.base import Delivery, Inbound
from broadcaster.channel.sms_twilio import STATES, Twilio
from broadcaster.errors import NotAllowed, WrongUse
from broadcaster.simulator.twilio import sign

TOKEN = "twilio-secret-canary"
HOOK = "https://tinh.example:8443/hooks/twilio/sms"
SID = "SM" + "a" * 32
KEY = "vp-12-1-0a1b2c3d"

# channels.md 1: computed with the provider's own SDK, the same as in its documents
VECTOR_URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
VECTOR = {
    "CallSid": "CA1234567890ABCDE", "Caller": "+12349013030", "Digits": "1234", "From": "+12349013030",
    "To": "+18005551212",
}  # fmt: skip


@pytest.fixture
def channel(make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> Twilio:
    monkeypatch.setenv("FORMER", "former-token")
    own = {**TWILIO, "former_auth_token": {"env": "FORMER"}}
    return Twilio("sms", make_settings("twilio", own, name="sms", public_url="https://tinh.example:8443"))


def mac(text: str, token: str = TOKEN) -> str:
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), "sha1")).decode()


def called(
    channel: Twilio, form: dict[str, str], *, url: str = HOOK, token: str = TOKEN, query: str = f"attempt={KEY}"
) -> list[object]:
    text = f"{url}?{query}" + "".join(name + form[name] for name in sorted(form))
    headers = {"x-twilio-signature": mac(text, token), ":query": query, ":method": "POST"}
    return list(channel.read_callback(headers, urlencode(form).encode()))


def status(state: str, **more: str) -> dict[str, str]:
    return {"MessageSid": SID, "MessageStatus": state, "To": "+84912345678", **more}


def test_the_simulator_signs_as_the_provider_s_known_answer() -> None:
    assert sign(VECTOR_URL, VECTOR, "12345") == {"X-Twilio-Signature": "0/KCTR6DLpKmkAf8muzZqo1nDgQ="}


@pytest.mark.parametrize("state", STATES)
def test_each_status_is_told_with_our_reference_and_the_provider_s_id(channel: Twilio, state: str) -> None:
    found = called(channel, status(state))

    reason = "not delivered" if STATES[state] == "undelivered" else ""
    assert found == [Delivery(state=STATES[state], provider_id=SID, key=KEY, reason=reason)]


@pytest.mark.parametrize("state", ["", "receiving", "a new one"])
def test_a_status_we_do_not_know_proves_nothing(channel: Twilio, state: str) -> None:
    assert called(channel, status(state)) == []


@pytest.mark.parametrize(
    ("code", "reason", "suppress"),
    [
        ("30005", "Twilio 30005: the handset is unknown", False),
        ("21610", "Twilio 21610: the person has unsubscribed from this sender", True),
        ("39999", "Twilio 39999: not delivered", False),
        ("+84912345678", "not delivered", False),  # no number of a person gets into a reason
    ],
)
def test_the_reason_is_ours_and_only_the_code_is_the_provider_s(
    channel: Twilio, code: str, reason: str, suppress: bool
) -> None:
    found = called(channel, status("undelivered", ErrorCode=code))

    assert found == [Delivery(state="undelivered", provider_id=SID, key=KEY, reason=reason, suppress=suppress)]


def test_a_proxy_that_hides_the_port_is_allowed_for(channel: Twilio) -> None:
    assert called(channel, status("sent"), url="https://tinh.example/hooks/twilio/sms")


@pytest.mark.parametrize(
    "url",
    ["http://tinh.example:8443/hooks/twilio/sms", "https://other.example/hooks/twilio/sms", "https://tinh.example:8443/hooks/twilio/other"],
)  # fmt: skip
def test_a_signature_over_another_address_is_refused(channel: Twilio, url: str) -> None:
    with pytest.raises(NotAllowed) as caught:
        called(channel, status("delivered"), url=url)

    assert TOKEN not in str(caught.value)


def test_the_former_token_is_taken_and_any_other_is_not(channel: Twilio) -> None:
    assert called(channel, status("delivered"), token="former-token")
    with pytest.raises(NotAllowed):
        called(channel, status("delivered"), token="")


def test_a_json_body_is_bound_by_its_digest(channel: Twilio) -> None:
    body = b'{"MessageStatus": "delivered"}'
    query = f"attempt={KEY}&bodySHA256={hashlib.sha256(body).hexdigest()}"
    headers = {"x-twilio-signature": mac(f"{HOOK}?{query}"), ":query": query, "content-type": "application/json"}

    assert (
        list(channel.read_callback(headers, body)) == []
    )  # Twilio tells statuses as forms; this one says nothing to us
    with pytest.raises(NotAllowed):
        channel.read_callback(headers, body.replace(b"delivered", b"failed"))


@pytest.mark.parametrize("settings", ["HMAC_SHA256", "HMAC_MD5", ""])
def test_another_kind_of_signature_is_refused(channel: Twilio, settings: str) -> None:
    form = status("delivered")
    headers = {
        "x-twilio-signature": mac(f"{HOOK}?attempt={KEY}"),
        "x-twilio-webhooks-signature-settings": f"key=k,algorithm={settings}" if settings else "",
        ":query": f"attempt={KEY}",
    }

    with pytest.raises(NotAllowed):
        channel.read_callback(headers, urlencode(form).encode())


def test_a_text_to_a_two_way_number_is_a_person_s_reply(channel: Twilio) -> None:
    form = {"MessageSid": SID, "SmsStatus": "received", "From": "+84912345678", "To": "+84900", "Body": "  TỪ CHỐI "}

    found = called(channel, form)

    assert found == [Inbound(sender="+84912345678", text="  TỪ CHỐI ", event_id=SID)]


def test_bytes_that_are_no_text_cannot_be_read(channel: Twilio) -> None:
    with pytest.raises(WrongUse):
        channel.read_callback({"x-twilio-signature": "x"}, b"\xff\xfe")


def test_without_a_public_address_no_call_is_believed(make_settings: MakeSettings) -> None:
    private = Twilio("sms", make_settings("twilio", TWILIO, name="sms"))

    with pytest.raises(NotAllowed):
        called(private, status("delivered"), url="")
