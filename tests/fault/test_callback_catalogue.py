"""Every row of group F (reliability-security.md 2.3) against every adapter that is called back: one table, at the real door."""

from __future__ import annotations

import ast
import asyncio
import base64
import gzip
import hmac
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from sqlalchemy import text
from starlette.applications import Starlette

from broadcaster.channel import registry
from broadcaster.channel.base import ReadsCallbacks
from broadcaster.clock import SteppedClock
from broadcaster.config import load
from broadcaster.db.engine import Database
from broadcaster.simulator.book import Book
from broadcaster.simulator.zalo import ZaloSimulator
from broadcaster.web import hooks
from tests.fault.catalogue import ROWS_F, Elsewhere
from tests.web.callback_office import served

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent.parent
ACCOUNT = "AC" + "a" * 32
SECRET = "gateway-secret-canary"
PHONE = "84901888484"
KEY = "vp-1-1-0a1b2c3d"
BIG = 10 * 1024 * 1024  # bytes
CONFIG = """
[office]
key = {{ env = "OFFICE_KEY" }}
[web]
public_url = "{url}"
[channels.twilio]
adapter = "twilio"
account_sid = "{account}"
auth_token = {{ env = "GATEWAY" }}
from = "MINHHOA"
[channels.esms]
adapter = "esms"
api_key = {{ env = "OFFICE_KEY" }}
secret_key = {{ env = "GATEWAY" }}
brandname = "MINHHOA"
[channels.speedsms]
adapter = "speedsms"
access_token = {{ env = "GATEWAY" }}
sender = "MINHHOA"
[channels.kannel]
adapter = "kannel"
username = "office"
password = {{ env = "GATEWAY" }}
[channels.zalo-oa]
adapter = "zalo-oa"
mode = "template"
app_id = "2074138120372622546"
app_secret = {{ env = "TEST_ZALO" }}
oa_id = "2893352839501541173"
refresh_token = {{ env = "TEST_ZALO" }}
template_id = "7895417a7d3f9461cd2e"
template_data = {{ noi_dung = "{{text}}" }}
[channels.telegram]
adapter = "telegram"
token = {{ env = "TEST_BOT" }}
hook_secret = {{ env = "GATEWAY" }}
[channels.email]
adapter = "email"
host = "smtp.tinh.example"
from = "tin@tinh.example"
bounces = "bounces@tinh.example"
hook_token = {{ env = "GATEWAY" }}
"""
BOUNCE = (
    f"From: MAILER-DAEMON@mx.example.vn\r\nTo: bounces+{KEY}@tinh.example\r\nMIME-Version: 1.0\r\n"
    'Content-Type: multipart/report; report-type=delivery-status; boundary="B"\r\n\r\n'
    "--B\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.vn\r\n\r\n"
    f"Final-Recipient: rfc822; {PHONE}@example.vn\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--B--\r\n"
).encode()


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request of a provider's."""

    method: str = "POST"
    token: str = ""  # the end of the path
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Door:
    """The hooks behind a real socket."""

    def __init__(
        self, url: str, http: aiohttp.ClientSession, app: Starlette, database: Database, clock: SteppedClock
    ) -> None:
        self.url, self.http, self.app, self.database, self.clock = url, http, app, database, clock
        self.zalo = ZaloSimulator(book=Book(clock=clock))

    def token(self, name: str) -> str:
        channel: Any = self.app.state.hooks.channel(name, name)
        return str(getattr(channel, "hook_token", "") or "")

    async def call(self, name: str, call: Call) -> int:
        url = f"{self.url}/hooks/{name}/{name}" + (f"/{call.token}" if call.token else "")
        url += f"?{call.query}" if call.query else ""
        async with self.http.request(
            call.method, url, data=io.BytesIO(call.body) if call.body else None, headers=call.headers
        ) as answer:
            await answer.read()
            return answer.status

    def inbox(self) -> list[Any]:
        with self.database.reading() as connection:
            return list(connection.execute(text("SELECT * FROM inbox")).mappings())


# -- how each provider calls: a genuine call, and every way of forging one ------------------------------------------------


def _twilio(door: Door, *, key: str = SECRET, url: str = "", more: str = "") -> Call:
    values = {"AccountSid": ACCOUNT, "MessageSid": "SM" + "b" * 32, "MessageStatus": "delivered", "To": f"+{PHONE}"}
    query = f"attempt={KEY}"
    whole = (url or f"{door.url}/hooks/twilio/twilio?{query}") + "".join(name + values[name] for name in sorted(values))
    signature = base64.b64encode(hmac.digest(key.encode(), whole.encode(), "sha1")).decode()
    headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
    return Call(query=query, headers=headers, body=urlencode(values).encode() + more.encode())


def _zalo(door: Door, **signed: str) -> Call:
    event = {
        "event_name": "user_received_message", "recipient": {"id": PHONE},
        "message": {"msg_id": "15a0cc0bbb13bd4ce403", "tracking_id": KEY},
    }  # fmt: skip
    headers, body = door.zalo.callback(event, **signed)
    return Call(headers=headers, body=body)


def _telegram(secret: str) -> Call:
    body = b'{"update_id":7,"message":{"chat":{"id":%s,"type":"private"},"text":"/stop"}}' % PHONE.encode()
    return Call(headers={"X-Telegram-Bot-Api-Secret-Token": secret} if secret else {}, body=body)


def _by_path(name: str, token: str) -> Call:
    if name == "speedsms":
        body = b'{"type":"report","tranId":10000001,"phone":"%s","status":0}' % PHONE.encode()
        return Call(token=token, body=body)
    if name == "email":
        return Call(token=token, body=BOUNCE)
    sms_id = "dc712784-9c5f-4c69-b9a8-ea69d56adc9a87"
    said = {
        "esms": f"attempt={KEY}&SMSID={sms_id}&SendFailed=0&SendStatus=5&SendSuccess=1&phonenumber={PHONE}",
        "kannel": f"attempt={KEY}&status=1&answer=",
    }
    return Call(method="GET", token=token, query=said[name])


GENUINE: dict[str, Callable[[Door], Call]] = {
    "twilio": _twilio,
    "zalo-oa": _zalo,
    "telegram": lambda _door: _telegram(SECRET),
    **{
        name: (lambda door, name=name: _by_path(name, door.token(name)))  # type: ignore[misc]
        for name in ("esms", "speedsms", "kannel", "email")
    },
}
SIGNED = ("twilio", "zalo-oa", "telegram")


def forged(door: Door, name: str) -> list[Call]:
    """No proof, a wrong one, one for something else, an empty one."""
    if name == "twilio":
        plain = Call(query=f"attempt={KEY}", body=_twilio(door).body)
        wrong = [_twilio(door, key="another"), _twilio(door, key=""), _twilio(door, url="https://elsewhere.example/x")]
        return [plain, *wrong, _twilio(door, more="&MessageStatus=undelivered")]
    if name == "zalo-oa":
        good = _zalo(door)
        return [
            Call(body=good.body),
            _zalo(door, secret="another"),
            Call(headers=good.headers, body=good.body[:-1] + b" }"),
        ]
    if name == "telegram":
        return [_telegram(""), _telegram("another"), _telegram(SECRET + "x")]
    good = door.token(name)
    return [_by_path(name, token) for token in ("", "0" * 32, good[:-1], good + "0", good.swapcase())]


# -- the rows ----------------------------------------------------------------------------------------------------------


async def f1(door: Door, name: str) -> None:
    """Forged: 403, nothing stored, counted."""
    calls = forged(door, name)

    statuses = [await door.call(name, call) for call in calls]

    assert statuses == [403] * len(calls)
    assert door.inbox() == []
    with door.database.reading() as connection:
        told = connection.execute(text("SELECT raw FROM ledger_entry")).scalars().all()
    assert sum(door.app.state.hooks.refusals.values()) + sum(b"refused" in bytes(raw) for raw in told) >= 1


async def f4(door: Door, name: str) -> None:
    """Replayed after a minute and after a day: one event, for good."""
    call = GENUINE[name](door)
    assert await door.call(name, call) == 200

    for later in (timedelta(minutes=1), timedelta(days=1)):
        door.clock.move_by(later)
        assert await door.call(name, call) in (200, 403)  # 403 where the provider signs the time

    assert len(door.inbox()) == 1


async def f5(door: Door, name: str) -> None:
    """A hundred times at once: one event."""
    call = GENUINE[name](door)

    statuses = await asyncio.gather(*(door.call(name, call) for _ in range(100)))

    assert set(statuses) == {200}
    assert len(door.inbox()) == 1


async def f7(door: Door, name: str) -> None:
    """About nothing we know: taken, and parked until something is known or its day is over."""
    assert await door.call(name, GENUINE[name](door)) == 200

    (row,) = door.inbox()

    assert row["outcome"] == ""


async def f8(door: Door, name: str) -> None:
    """Too long, or packed: refused at the door, and nothing of it stored."""
    call = GENUINE[name](door)
    if call.method == "GET":
        long = Call(method="GET", token=call.token, query=call.query + "&x=" + "y" * 9000)
        assert await door.call(name, long) in (400, 414)
    else:
        wanted = {**call.headers, "Content-Encoding": "gzip"}
        packed = Call(token=call.token, query=call.query, headers=wanted, body=gzip.compress(call.body * 100))
        try:
            huge = await door.call(
                name, Call(token=call.token, query=call.query, headers=call.headers, body=b"x" * BIG)
            )
        except aiohttp.ClientError:  # the door shut while we were still pushing
            huge = 413
        assert (huge, await door.call(name, packed)) == (413, 415)

    assert door.inbox() == []


async def f9(door: Door, name: str) -> None:
    """The handler dies after it has stored: the provider tries again, and nothing happens twice."""
    call, ground = GENUINE[name](door), door.app.state.hooks
    write = ground.write

    async def dies(work: Any) -> Any:
        await write(work)
        raise OSError("the process is gone")

    ground.write = dies
    first = await door.call(name, call)
    del ground.write
    await door.http.close()  # that line is dead; whoever calls again takes another
    door.http = aiohttp.ClientSession()
    again = await door.call(name, call)
    await door.http.close()

    assert (first, again, len(door.inbox())) == (500, 200, 1)


async def f11(door: Door, name: str) -> None:
    """The number that stands in a call is stored nowhere, so that an erased person stays erased."""
    assert await door.call(name, GENUINE[name](door)) == 200

    assert PHONE[2:] not in str(door.inbox())


PLAYED: dict[str, Callable[[Door, str], Awaitable[None]]] = {
    "F1": f1, "F4": f4, "F5": f5, "F7": f7, "F8": f8, "F9": f9, "F11": f11,
}  # fmt: skip
SIGNATURES = {
    ("F2", "twilio"): ("tests/channel/test_twilio_callbacks.py", "test_a_signature_over_another_address_is_refused"),
    ("F3", "zalo-oa"): ("tests/channel/test_zalo.py", "test_the_signature_is_a_plain_sha256_of_four_things_in_a_row"),
    ("F3", "telegram"): ("tests/channel/test_telegram_updates.py", "test_a_call_that_does_not_show_the_secret_is_refused"),
    ("F10", "twilio"): ("tests/channel/test_twilio_callbacks.py", "test_the_former_token_is_taken_and_any_other_is_not"),
    ("F10", "zalo-oa"): ("tests/channel/test_zalo.py", "test_while_a_secret_is_changed_the_former_one_is_believed_too"),
    ("F10", "telegram"): ("tests/channel/test_telegram_updates.py", "test_the_former_secret_is_taken_while_it_is_being_changed"),
}  # fmt: skip
EARLY = ("tests/web/test_hooks.py", "test_a_receipt_that_comes_before_the_answer_is_kept_when_the_answer_comes")
MODEL = ("tests/dispatch/test_model.py", "Sending")


def cell(row: str, name: str) -> Callable[..., Any] | Elsewhere | str:
    """What the table says of a row for an adapter."""
    if name not in GENUINE:
        return "Nothing calls it back."
    if row in PLAYED:
        return PLAYED[row]
    if (row, name) in SIGNATURES:
        file, test = SIGNATURES[row, name]
        return Elsewhere(file=file, test=test, why="The provider's own way of signing.")
    match row:
        case "F2":
            return "It signs no address and no form: what proves it stands at F1 and F3."
        case "F3":
            return (
                "It has no signature of this kind; Twilio's stands at F2, and the gateways know the end of a path (F1)."
            )
        case "F6" if name == "telegram":
            return "It reports nothing about what was sent."
        case "F6":
            return Elsewhere(
                file=EARLY[0], test=EARLY[1], why="Receipts are matched by the engine, whoever brings them."
            )
        case "F10":
            return "The end of its path goes with its secret: what was sent before a change is asked about."
        case "F12":
            return Elsewhere(
                file=MODEL[0], test=MODEL[1], why="The model is of the engine, with receipts of any provider."
            )
    raise AssertionError(f"the table says nothing of {row} for {name}")


BUILT_IN = [name for name in registry.names() if registry.adapter(name).__module__.startswith("broadcaster.")]
TABLE = {(row, name): cell(row, name) for row in ROWS_F for name in BUILT_IN}


@pytest.fixture
async def door(
    sqlite_database: Database, clock: SteppedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Door]:
    for key, value in {
        "OFFICE_KEY": "k",
        "GATEWAY": SECRET,
        "TEST_ZALO": "zalo-secret-canary",
        "TEST_BOT": "42:x-canary",
    }.items():
        monkeypatch.setenv(key, value)
    app = Starlette(routes=list(hooks.routes))
    async with served(app) as url, aiohttp.ClientSession() as http:
        (tmp_path / "config.toml").write_text(CONFIG.format(url=url, account=ACCOUNT), encoding="utf-8")
        app.state.hooks = hooks.Hooks(load(tmp_path / "config.toml"), sqlite_database, clock)
        yield Door(url, http, app, sqlite_database, clock)
        app.state.hooks.close()


@pytest.mark.parametrize(("row", "name"), [(row, name) for row in PLAYED for name in GENUINE])
async def test_a_call_ends_as_the_catalogue_says(row: str, name: str, door: Door) -> None:
    await PLAYED[row](door, name)


def test_every_row_has_a_cell_for_every_adapter_and_every_adapter_that_is_called_back_is_played() -> None:
    called_back = {name for name in BUILT_IN if issubclass(registry.adapter(name), ReadsCallbacks)}
    short = [key for key, found in TABLE.items() if isinstance(found, str) and not found.endswith(".")]

    assert called_back == GENUINE.keys()
    assert {row for row, _ in TABLE} == set(ROWS_F)
    assert short == []


@pytest.mark.parametrize(
    ("file", "test"), sorted({(one.file, one.test) for one in TABLE.values() if isinstance(one, Elsewhere)})
)
def test_what_stands_elsewhere_stands_there(file: str, test: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))

    names = {
        one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }

    assert test in names
