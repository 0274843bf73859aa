"""Every request we make, and every answer our simulator gives, against Twilio's own OpenAPI description."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiohttp import web
from channel_builders import ACCOUNT, TWILIO, MakeOutgoing, MakeSettings
from openapi_core import Config, OpenAPI
from openapi_core.testing import MockRequest, MockResponse

from broadcaster.channel.base import OutcomeUnknown
from broadcaster.channel.sms_twilio import Twilio
from broadcaster.simulator.faults import Fault
from broadcaster.simulator.twilio import TwilioSimulator

pytestmark = pytest.mark.anyio

LIST = "/2010-04-01/Accounts/{AccountSid}/Messages.json"
ONE = "/2010-04-01/Accounts/{AccountSid}/Messages/{Sid}.json"


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, as they passed."""

    request: MockRequest
    response: MockResponse
    form: dict[str, str]


class Recorder(TwilioSimulator):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.passed: list[Exchange] = []

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        response = await super()._handle(request)
        sid = re.search(r"/Messages/(\w+)\.json", request.path)
        self.passed.append(
            Exchange(
                request=MockRequest(
                    "https://api.twilio.com",
                    request.method,
                    request.path,
                    path_pattern=ONE if sid else LIST,
                    view_args={"AccountSid": ACCOUNT} | ({"Sid": sid[1]} if sid else {}),
                    args=dict(request.query),
                    headers=dict(request.headers),
                    data=body,
                    content_type=request.content_type,
                ),
                response=MockResponse(
                    data=getattr(response, "body", b"") or b"",
                    status_code=response.status,
                    content_type=response.content_type,
                ),
                form=dict(parse_qsl(body.decode())),
            )
        )
        return response


@pytest.fixture(scope="session")
def description(outside: Callable[[str], Any]) -> Any:
    spec = outside("twilio-messages.openapi.json")
    for parameter in spec["paths"][LIST]["get"]["parameters"]:
        if parameter["name"].startswith("DateSent"):
            del parameter["schema"]["format"]  # it says date-time, and in words "YYYY-MM-DD", which the service means
    return spec


@pytest.fixture(scope="session")
def api(description: Any) -> OpenAPI:
    formats: dict[str, Callable[[Any], bool]] = {
        "phone-number": lambda value: bool(re.fullmatch(r"\+[1-9]\d{6,14}|[A-Za-z0-9 ]{1,11}", value)),
        "date-time-rfc-2822": lambda value: bool(parsedate_to_datetime(value).tzinfo),
        "uri": lambda value: value.startswith(("https://", "http://", "/2010-04-01/")),
        "uri-map": lambda value: all(one.startswith("/2010-04-01/") for one in value.values()),
        "currency": lambda value: len(value) == 3,
    }
    return OpenAPI.from_dict(description, config=Config(extra_format_validators=formats))


@pytest.fixture
async def provider() -> AsyncIterator[Recorder]:
    async with Recorder() as simulator:
        yield simulator


def hold(api: OpenAPI, description: Any, passed: list[Exchange]) -> None:
    """Raises for the first request or answer that the description does not allow."""
    known = description["paths"][LIST]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    fields = description["components"]["schemas"]["api.v2010.account.message"]["properties"]
    for exchange in passed:
        api.validate_request(exchange.request)
        api.validate_response(exchange.request, exchange.response)
        assert set(exchange.form) <= set(known["properties"])
        if exchange.response.status_code == 201:
            import json

            assert set(json.loads(exchange.response.data)) == set(fields)


@pytest.mark.parametrize(
    "own",
    [
        TWILIO,
        TWILIO | {"messaging_service_sid": "MG" + "b" * 32},
        {k: v for k, v in TWILIO.items() if k != "from"} | {"messaging_service_sid": "MG" + "b" * 32},
    ],
)
@pytest.mark.parametrize("public_url", ["", "https://tinh.example"])
async def test_sending_and_its_answer_conform(
    own: Any,
    public_url: str,
    api: OpenAPI,
    description: Any,
    provider: Recorder,
    make_settings: MakeSettings,
    make_outgoing: MakeOutgoing,
) -> None:
    channel = Twilio("sms", make_settings("twilio", own, name="sms", api_base=provider.url, public_url=public_url))

    await channel.send(make_outgoing(text="Gọi 111 😀 & <b>=?"), timeout=5)
    await channel.close()

    assert len(provider.passed) == 1
    hold(api, description, provider.passed)


async def test_looking_up_and_its_answer_conform(
    api: OpenAPI, description: Any, provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = Twilio("sms", make_settings("twilio", TWILIO, name="sms", api_base=provider.url))
    provider.play(Fault(do="error-after", request=1))
    with pytest.raises(OutcomeUnknown):
        await channel.send(make_outgoing(), timeout=5)
    provider.passed.clear()

    found = await channel.find(make_outgoing(), since=datetime.now(UTC) - timedelta(days=1), timeout=5)  # noqa: TID251
    message = await channel._client.messages(found.provider_id if found else "").fetch_async()
    await channel.close()

    assert found is not None
    assert message.sid == found.provider_id
    assert len(provider.passed) == 3
    hold(api, description, provider.passed)


async def test_the_description_would_notice_a_wrong_request_and_a_wrong_answer(
    api: OpenAPI, description: Any, provider: Recorder, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = Twilio("sms", make_settings("twilio", TWILIO, name="sms", api_base=provider.url))
    await channel.send(make_outgoing(), timeout=5)
    await channel.close()
    good = provider.passed[0]
    bad_request = MockRequest(
        "https://api.twilio.com", "POST", good.request.path, path_pattern=LIST, view_args={"AccountSid": "ACx"},
        headers={"Authorization": "Basic x"}, data=b"Body=x", content_type="application/x-www-form-urlencoded",
    )  # fmt: skip
    bad_answer = MockResponse(
        data=b'{"sid": "XX", "status": "flying"}', status_code=201, content_type="application/json"
    )

    for request, response in ((bad_request, good.response), (good.request, bad_answer)):
        with pytest.raises(Exception, match=r".+"):
            hold(api, description, [Exchange(request=request, response=response, form={})])
