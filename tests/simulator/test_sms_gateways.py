"""eSMS, SpeedSMS and Kannel as anybody who speaks HTTP meets them: eSMS's own printed samples, and Kannel's own answers."""

from __future__ import annotations

import asyncio
import base64
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from broadcaster.simulator.esms import EsmsSimulator
from broadcaster.simulator.faults import Fault
from broadcaster.simulator.kannel import KannelSimulator
from broadcaster.simulator.speedsms import SpeedSmsSimulator

pytestmark = pytest.mark.anyio

ESMS_SEND = "/MainService.svc/json/SendMultipleMessage_V4_post_json/"
SAMPLE = {  # of eSMS's documents, with its own number
    "ApiKey": "APIKEYCUABAN", "Content": "CODE la ma xac minh dang ky Baotrixemay cua ban", "Phone": "0901888484",
    "SecretKey": "SECRETKEYCUABAN", "Brandname": "Baotrixemay", "SmsType": "2", "IsUnicode": "0",
    "campaignid": "Cảm ơn sau mua hàng tháng 7", "RequestId": "c82cd356-bf49-4113-9466-65a7f6359c96",
}  # fmt: skip
SPEED = {"to": ["84901888484"], "content": "Gọi 111", "sms_type": 3, "sender": "VPTTBINH"}
SENDSMS = {"username": "office", "password": "x", "from": "VPTTBINH", "to": "+84901888484", "text": "Goi 111"}


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def esms() -> AsyncIterator[EsmsSimulator]:
    async with EsmsSimulator(
        keys={"APIKEYCUABAN": "SECRETKEYCUABAN"}, brandnames=frozenset({"Baotrixemay"})
    ) as simulator:
        simulator.book.move_to(datetime.fromisoformat("2027-07-30T17:00:00+07:00"))
        yield simulator


@pytest.fixture
async def speedsms() -> AsyncIterator[SpeedSmsSimulator]:
    async with SpeedSmsSimulator(tokens=frozenset({"token"})) as simulator:
        yield simulator


@pytest.fixture
async def kannel() -> AsyncIterator[KannelSimulator]:
    async with KannelSimulator(users={"office": "x"}) as simulator:
        yield simulator


def login(token: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{token}:x".encode()).decode()}


async def post(http: aiohttp.ClientSession, url: str, values: Any, **more: Any) -> dict[str, Any]:
    async with http.post(url, json=values, **more) as answer:
        said: dict[str, Any] = json.loads(await answer.read())
        return said


async def get(http: aiohttp.ClientSession, url: str, **query: Any) -> tuple[int, str]:
    async with http.get(url, params=query) as answer:
        return answer.status, await answer.text()


# -- eSMS


async def test_esms_takes_its_own_sample_and_says_so_in_its_own_words(
    http: aiohttp.ClientSession, esms: EsmsSimulator
) -> None:
    said = await post(http, esms.url + ESMS_SEND, SAMPLE)

    (entry,) = esms.book.accepted()
    assert said == {"CodeResult": "100", "CountRegenerate": 0, "SMSID": entry.id}
    assert (entry.to, entry.body) == ("+84901888484", SAMPLE["Content"])


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        (
            {"Brandname": "Bao"},
            {"CodeResult": "104", "CountRegenerate": 0, "ErrorMessage": "Brand name code is not exist"},
        ),
        ({"SecretKey": "x"}, {"CodeResult": "101", "CountRegenerate": 0, "ErrorMessage": "Authorize Failed"}),
        ({"RequestId": "x" * 51}, {"error": "Invalid request"}),
        ({"campaignid": "x" * 255}, {"error": "Invalid request"}),
    ],
)
async def test_esms_refuses_as_its_documents_print_it(
    spoilt: dict[str, str], said: dict[str, Any], http: aiohttp.ClientSession, esms: EsmsSimulator
) -> None:
    answer = await post(http, esms.url + ESMS_SEND, SAMPLE | spoilt)

    assert answer == said
    assert esms.book.accepted() == []


@pytest.mark.parametrize(("number", "code"), [("0243826262", "108"), ("+14155550100", "108"), ("84901888484", "100")])
async def test_esms_takes_vietnamese_mobile_numbers(
    number: str, code: str, http: aiohttp.ClientSession, esms: EsmsSimulator
) -> None:
    said = await post(http, esms.url + ESMS_SEND, SAMPLE | {"Phone": number})

    assert said["CodeResult"] == code


async def test_esms_blocks_a_request_id_until_its_midnight(http: aiohttp.ClientSession, esms: EsmsSimulator) -> None:
    """The example of its documents: sent at 17:00, it is not blocked any more at 00:00 of the next day."""
    first = await post(http, esms.url + ESMS_SEND, SAMPLE)
    esms.book.move_to(datetime.fromisoformat("2027-07-30T23:59:50+07:00"))
    second = await post(http, esms.url + ESMS_SEND, SAMPLE)
    esms.book.move_to(datetime.fromisoformat("2027-07-31T00:00:01+07:00"))
    third = await post(http, esms.url + ESMS_SEND, SAMPLE)

    assert [one["CodeResult"] for one in (first, second, third)] == ["100", "124", "100"]
    assert second == {"CodeResult": "124", "CountRegenerate": 0, "ErrorMessage": "Request exist 1", "SendStatus": "5"}
    assert len(esms.book.accepted()) == 2


async def test_esms_cannot_be_asked_at_once_and_then_says_what_became_of_it(
    http: aiohttp.ClientSession, esms: EsmsSimulator
) -> None:
    sms_id = (await post(http, esms.url + ESMS_SEND, SAMPLE))["SMSID"]
    keys = {"ApiKey": "APIKEYCUABAN", "SecretKey": "SECRETKEYCUABAN"}
    status = f"{esms.url}/MainService.svc/json/GetSendStatus"

    _, early = await get(http, status, RefId=sms_id, **keys)
    esms.book.move_to(esms.book.now() + timedelta(seconds=5))
    _, late = await get(http, status, RefId=sms_id, **keys)
    _, stranger = await get(http, status, RefId=sms_id, ApiKey="x", SecretKey="y")

    assert [json.loads(one)["CodeResponse"] for one in (early, late, stranger)] == ["105", "100", "101"]
    assert (json.loads(late)["SendStatus"], json.loads(late)["SendSuccess"]) == (5, 1)


async def test_esms_lists_by_the_time_of_making_in_pages(http: aiohttp.ClientSession, esms: EsmsSimulator) -> None:
    for number in range(3):
        await post(http, esms.url + ESMS_SEND, SAMPLE | {"RequestId": str(number), "campaignid": f"c{number}"})
    ask = {"ApiKey": "APIKEYCUABAN", "SecretKey": "SECRETKEYCUABAN", "SmsType": "2", "PageSize": 2}
    day = {"From": "2027-07-30 16:00:00", "To": "2027-07-30 18:00:00"}
    url = f"{esms.url}/MainService.svc/json/GetSmsSentData_V2"

    first = await post(http, url, ask | day | {"Page": 1})
    second = await post(http, url, ask | day | {"Page": 2})
    other_day = await post(http, url, ask | {"From": "2027-07-29 00:00:00", "To": "2027-07-30 00:00:00", "Page": 1})

    assert [row["Campaign"] for row in first["SentData"] + second["SentData"]] == ["c0", "c1", "c2"]
    assert (first["CountTotal"], other_day["SentData"]) == (3, [])
    assert {row["ReferenceId"] for row in first["SentData"]} <= {entry.id for entry in esms.book.accepted()}


async def test_esms_and_kannel_call_back_where_they_were_told(
    http: aiohttp.ClientSession, esms: EsmsSimulator, kannel: KannelSimulator
) -> None:
    called: list[str] = []

    async def take(request: web.BaseRequest) -> web.Response:
        called.append(f"{request.method} {request.path_qs}")
        return web.Response()

    runner = web.ServerRunner(web.Server(take, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    mine = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks"
    await post(http, esms.url + ESMS_SEND, SAMPLE | {"CallbackUrl": f"{mine}/esms?attempt=k"})
    reports = {"dlr-mask": "31", "dlr-url": f"{mine}/kannel?attempt=k%%2F&status=%d", "account": "k/"}
    await get(http, f"{kannel.url}/cgi-bin/sendsms", **SENDSMS, **reports)

    await esms.calls.wait()
    await kannel.calls.wait()
    await runner.cleanup()

    assert [line.split("&", 1)[0] for line in called if "/esms" in line] == ["GET /hooks/esms?attempt=k"]
    assert any("SendStatus=5" in line and "SendSuccess=1" in line for line in called)
    assert {line.rstrip("&") for line in called if "/kannel" in line} == {
        "GET /hooks/kannel?attempt=k%2F&status=8", "GET /hooks/kannel?attempt=k%2F&status=1",
    }  # fmt: skip


# -- SpeedSMS


async def test_speedsms_takes_a_message_and_counts_its_parts(
    http: aiohttp.ClientSession, speedsms: SpeedSmsSimulator
) -> None:
    said = await post(http, f"{speedsms.url}/index.php/sms/send", SPEED | {"content": "ă" * 71}, headers=login("token"))
    wrong = [
        await post(http, f"{speedsms.url}/index.php/sms/send", SPEED | spoilt, headers=login("token"))
        for spoilt in ({"to": ["0243826262"]}, {"to": []}, {"content": ""}, {"sms_type": 1}, {"sender": ""})
    ]
    stranger = await post(http, f"{speedsms.url}/index.php/sms/send", SPEED, headers=login("else"))

    assert (said["status"], said["code"], said["data"]["totalSMS"]) == ("success", "00", 2)
    assert [one["code"] for one in wrong] == ["105", "101", "101", "101", "101"]
    assert stranger["status"] == 401
    assert [entry.to for entry in speedsms.book.accepted()] == ["+84901888484"]


async def test_speedsms_says_in_its_own_header_how_long_to_wait(
    http: aiohttp.ClientSession, speedsms: SpeedSmsSimulator
) -> None:
    speedsms.play(Fault(do="throttle", retry_after="17"))

    async with http.post(f"{speedsms.url}/index.php/sms/send", json=SPEED, headers=login("token")) as answer:
        said = await answer.json()

    assert (answer.status, answer.headers["X-Rate-Limit-Reset"]) == (429, "17")
    assert said == {"name": "Too Many Requests", "message": "Rate limit exceeded.", "code": 0, "status": 429}


# -- Kannel: the answers of tests/acceptance/test_kannel_real.py's Kannel 1.4.5


@pytest.mark.parametrize(
    ("spoilt", "status", "words"),
    [
        ({}, 202, "0: Accepted for delivery"),
        ({"password": "y"}, 403, "Authorization failed for sendsms"),
        ({"to": None}, 400, "Missing receiver number, rejected"),
        ({"to": "abc"}, 400, "Number(s) has/have been denied by white- and/or black-lists."),
        ({"from": None}, 400, "Sender missing and no global set, rejected"),
        ({"coding": "9"}, 400, "Coding field misformed, rejected"),
    ],
)
async def test_kannel_answers_as_kannel_does(
    spoilt: dict[str, Any], status: int, words: str, http: aiohttp.ClientSession, kannel: KannelSimulator
) -> None:
    values = {name: value for name, value in (SENDSMS | spoilt).items() if value is not None}

    answer = await get(http, f"{kannel.url}/cgi-bin/sendsms", **values)

    assert answer == (status, words)
    assert len(kannel.book.accepted()) == (status == 202)
    assert "password" not in b"".join(kannel.book.lines()).decode()


async def test_kannel_queues_while_the_operator_is_away_and_knows_one_address(
    http: aiohttp.ClientSession, kannel: KannelSimulator
) -> None:
    kannel.up = False

    queued = await get(http, f"{kannel.url}/cgi-bin/sendsms", **SENDSMS)
    nowhere = await get(http, f"{kannel.url}/cgi-bin/nosuch")
    async with http.post(f"{kannel.url}/cgi-bin/sendsms", data=SENDSMS) as form:
        said = await form.text()

    assert queued == (202, "3: Queued for later delivery")
    assert nowhere == (404, "Unknown request.")
    assert (form.status, said) == (400, "Invalid content-type")


# -- as a process


async def test_any_of_them_is_played_by_the_command_line() -> None:
    command = [
        sys.executable,
        "-m",
        "broadcaster.cli.main",
        "simulator",
        "--esms",
        "0",
        "--speedsms",
        "0",
        "--kannel",
        "0",
    ]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    ready = json.loads(await process.stdout.readline())

    process.send_signal(signal.SIGTERM)
    _, errors = await process.communicate()

    assert set(ready) == {"esms", "speedsms", "kannel", "books"}
    assert (process.returncode, errors) == (0, b"")
