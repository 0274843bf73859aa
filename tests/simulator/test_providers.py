"""The simulators answer like the real ones, over real sockets, to anybody who speaks HTTP."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from broadcaster.errors import WrongUse
from broadcaster.simulator.faults import Fault
from broadcaster.simulator.telegram import TelegramSimulator
from broadcaster.simulator.twilio import TwilioSimulator, segments

pytestmark = pytest.mark.anyio

ACCOUNT = "AC" + "a" * 32
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages"
FORM = {"To": "+84912345678", "From": "VPTTBINH", "Body": "Gọi 111"}


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def twilio() -> AsyncIterator[TwilioSimulator]:
    async with TwilioSimulator(tokens={ACCOUNT: "secret"}) as simulator:
        yield simulator


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramSimulator]:
    async with TelegramSimulator(tokens={"42:abc"}) as simulator:
        yield simulator


async def ask(
    http: aiohttp.ClientSession, method: str, url: str, *, token: str = "secret", **more: Any
) -> tuple[int, dict[str, Any]]:
    login = base64.b64encode(f"{ACCOUNT}:{token}".encode()).decode()
    async with http.request(method, url, headers={"Authorization": f"Basic {login}"}, **more) as answer:
        return answer.status, json.loads(await answer.read())


async def test_twilio_takes_lists_and_shows_a_message(http: aiohttp.ClientSession, twilio: TwilioSimulator) -> None:
    status, message = await ask(http, "POST", f"{twilio.url}{MESSAGES}.json", data=FORM)

    _, one = await ask(http, "GET", f"{twilio.url}{MESSAGES}/{message['sid']}.json")
    _, listed = await ask(http, "GET", f"{twilio.url}{MESSAGES}.json?{urlencode({'To': FORM['To']})}")

    assert status == 201
    assert message["status"] == "queued"
    assert one["sid"] == listed["messages"][0]["sid"] == message["sid"] == twilio.book.entries[0].id
    assert twilio.book.requests == 1  # reading is not sending


async def test_twilio_pages_its_list(http: aiohttp.ClientSession, twilio: TwilioSimulator) -> None:
    for number in range(5):
        await ask(http, "POST", f"{twilio.url}{MESSAGES}.json", data=FORM | {"Body": str(number)})
    address, bodies = f"{MESSAGES}.json?PageSize=2", []

    while address:
        _, page = await ask(http, "GET", twilio.url + address)
        bodies += [message["body"] for message in page["messages"]]
        address = page["next_page_uri"]

    assert bodies == ["4", "3", "2", "1", "0"]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"To": "+84912345678"}, 1),
        ({"To": "+84900000000"}, 0),
        ({"From": "VPTTBINH"}, 1),
        ({"From": "OTHER"}, 0),
        ({"DateSent": "2027-07-30"}, 1),
        ({"DateSent": "2027-07-31"}, 0),
        ({"DateSent>": "2027-07-30"}, 1),
        ({"DateSent>": "2027-07-31"}, 0),
        ({"DateSent<": "2027-07-30"}, 1),
        ({"DateSent<": "2027-07-29"}, 0),
    ],
)
async def test_twilio_filters_its_list(
    filters: dict[str, str], found: int, http: aiohttp.ClientSession, twilio: TwilioSimulator
) -> None:
    await ask(http, "POST", f"{twilio.url}/simulator/time", json={"now": "2027-07-30T07:00:00+00:00"})
    await ask(http, "POST", f"{twilio.url}{MESSAGES}.json", data=FORM)
    await ask(http, "POST", f"{twilio.url}/simulator/time", json={"now": "2027-07-30T07:00:10+00:00"})

    _, page = await ask(http, "GET", f"{twilio.url}{MESSAGES}.json?{urlencode(filters)}")

    assert len(page["messages"]) == found


async def test_twilio_does_not_list_by_day_what_is_still_queued(
    http: aiohttp.ClientSession, twilio: TwilioSimulator
) -> None:
    await ask(http, "POST", f"{twilio.url}{MESSAGES}.json", data=FORM)

    _, dated = await ask(http, "GET", f"{twilio.url}{MESSAGES}.json?{urlencode({'DateSent>': '2000-01-01'})}")
    _, undated = await ask(http, "GET", f"{twilio.url}{MESSAGES}.json")

    assert (len(dated["messages"]), len(undated["messages"])) == (0, 1)
    assert undated["messages"][0]["date_sent"] is None


@pytest.mark.parametrize(
    ("spoilt", "status", "code"),
    [
        ({"To": ""}, 400, 21604),
        ({"From": ""}, 400, 21603),
        ({"Body": ""}, 400, 21602),
        ({"To": "0912345678"}, 400, 21211),
        ({"Body": "x" * 1601}, 400, 21617),
        ({"To": "+15005550001"}, 400, 21211),
        ({"To": "+15005550002"}, 400, 21612),
        ({"To": "+15005550003"}, 400, 21408),
        ({"To": "+15005550004"}, 400, 21610),
        ({"To": "+15005550009"}, 400, 21614),
        ({"From": "+15005550006"}, 201, None),
        ({"From": "+15005550007"}, 400, 21606),
    ],
)
async def test_twilio_refuses_as_the_real_one_does(
    spoilt: dict[str, str], status: int, code: int | None, http: aiohttp.ClientSession, twilio: TwilioSimulator
) -> None:
    answered, body = await ask(http, "POST", f"{twilio.url}{MESSAGES}.json", data=FORM | spoilt)

    assert (answered, body.get("code")) == (status, code)
    assert len(twilio.book.accepted()) == (1 if status == 201 else 0)


async def test_twilio_knows_its_accounts(http: aiohttp.ClientSession, twilio: TwilioSimulator) -> None:
    wrong = await ask(http, "POST", f"{twilio.url}{MESSAGES}.json", data=FORM, token="wrong")
    other = await ask(http, "POST", f"{twilio.url}{MESSAGES.replace('a' * 32, 'b' * 32)}.json", data=FORM)
    nowhere = await ask(http, "GET", f"{twilio.url}{MESSAGES}/SM{'0' * 32}.json")

    assert (wrong[0], wrong[1]["code"]) == (401, 20003)
    assert (other[0], nowhere[0]) == (401, 404)
    assert twilio.book.requests == 0


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("ă" * 70, 1),
        ("ă" * 71, 2),
        ("ă" * 135, 3),
        ("😀" * 35, 1),
    ],
)
def test_twilio_counts_parts_as_the_standard_does(text: str, parts: int) -> None:
    assert segments(text) == parts


async def test_telegram_speaks_json_and_forms(http: aiohttp.ClientSession, telegram: TelegramSimulator) -> None:
    values = {"chat_id": "@kenhtinh", "text": "Gọi &lt;111&gt; <b>ngay</b>", "parse_mode": "HTML"}

    first = await ask(http, "POST", f"{telegram.url}/bot42:abc/sendMessage", json=values)
    second = await ask(http, "POST", f"{telegram.url}/bot42:abc/sendmessage", data=values)
    me = await ask(http, "GET", f"{telegram.url}/bot42:abc/getMe")

    assert (first[0], first[1]["result"]["text"], first[1]["result"]["message_id"]) == (200, "Gọi <111> ngay", 1)
    assert second[1]["result"]["message_id"] == 2
    assert me[1]["result"]["is_bot"] is True
    assert "abc" not in telegram.book.entries[0].path


@pytest.mark.parametrize(
    ("path", "values", "status", "words"),
    [
        ("bot42:abc/sendMessage", {"chat_id": "@blocked", "text": "x"}, 403, "Forbidden: bot was blocked by the user"),
        ("bot42:abc/sendMessage", {"chat_id": "@nobody", "text": "x"}, 400, "Bad Request: chat not found"),
        ("bot42:abc/sendMessage", {"chat_id": "@kenhtinh", "text": " "}, 400, "Bad Request: message text is empty"),
        (
            "bot42:abc/sendMessage",
            {"chat_id": "@kenhtinh", "text": "x" * 4097},
            400,
            "Bad Request: message is too long",
        ),
        ("bot42:wrong/sendMessage", {}, 401, "Unauthorized"),
        ("botx/sendMessage", {}, 404, "Not Found"),
        ("bot42:abc/sendFax", {}, 404, "Not Found: method not found"),
    ],
)
async def test_telegram_refuses_as_the_real_one_does(
    path: str, values: dict[str, str], status: int, words: str, http: aiohttp.ClientSession, telegram: TelegramSimulator
) -> None:
    answered, body = await ask(http, "POST", f"{telegram.url}/{path}", json=values)

    assert (answered, body["ok"], body["error_code"], body["description"]) == (status, False, status, words)
    assert telegram.book.accepted() == []


async def test_a_moved_group_names_its_new_id(http: aiohttp.ClientSession) -> None:
    async with TelegramSimulator(migrated={"-7": -1007}) as telegram:
        status, body = await ask(
            http, "POST", f"{telegram.url}/bot42:abc/sendMessage", json={"chat_id": -7, "text": "x"}
        )

    assert (status, body["parameters"]) == (400, {"migrate_to_chat_id": -1007})


async def test_the_door_moves_time_replaces_faults_and_shows_the_book(
    http: aiohttp.ClientSession, twilio: TwilioSimulator
) -> None:
    await ask(http, "POST", f"{twilio.url}/simulator/time", json={"now": "2027-07-30T07:00:00+07:00"})
    await ask(http, "POST", f"{twilio.url}/simulator/faults", json=[{"do": "throttle", "request": 1}])
    first, _ = await ask(http, "POST", f"{twilio.url}{MESSAGES}.json", data=FORM)
    second, _ = await ask(http, "POST", f"{twilio.url}{MESSAGES}.json", data=FORM)

    _, counts = await ask(http, "GET", f"{twilio.url}/simulator/book")

    assert (first, second) == (429, 201)
    assert counts["decisions"] == {"accepted": 1, "throttle": 1}
    assert counts["now"].startswith("2027-07-30T00:00:0")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("time", {"now": "yesterday"}),
        ("time", {"now": "2027-07-30"}),
        ("time", {}),
        ("faults", [{"do": "x"}]),
        ("book", {}),
    ],
)
async def test_the_door_answers_nonsense_with_a_reason(
    path: str, body: Any, http: aiohttp.ClientSession, twilio: TwilioSimulator
) -> None:
    status, said = await ask(http, "POST", f"{twilio.url}/simulator/{path}", json=body)

    assert status in (400, 404)
    assert said["error"]


async def test_what_is_cut_before_it_is_read_whole_is_not_in_the_book(twilio: TwilioSimulator) -> None:
    host, port = twilio.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"POST {MESSAGES}.json HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nTo=%2B84".encode())
    await writer.drain()
    writer.transport.abort()
    await asyncio.sleep(0.05)

    assert twilio.book.requests == 0


async def test_a_message_is_in_the_book_before_the_line_is_cut(
    http: aiohttp.ClientSession, twilio: TwilioSimulator
) -> None:
    twilio.play(Fault(do="cut-after"))

    with pytest.raises(aiohttp.ClientError):
        await ask(http, "POST", f"{twilio.url}{MESSAGES}.json", data=FORM)

    (entry,) = twilio.book.entries
    assert (entry.accepted, entry.decision, entry.status) == (True, "cut-after", 0)


def test_a_simulator_answers_on_loopback_only() -> None:
    with pytest.raises(WrongUse):
        TwilioSimulator(host="0.0.0.0")
