"""What providers call: real requests to a real server, judged by the database, the ledger and the simulator's own book."""

from __future__ import annotations

import asyncio
import base64
import hmac
import io
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import pytest
from callback_office import ACCOUNT, TOKEN, Office, office
from sqlalchemy import insert

from broadcaster import scheduler
from broadcaster.audience.opt_out import CONFIRMATION
from broadcaster.channel import registry
from broadcaster.channel.base import Delivery, Inbound
from broadcaster.channel.vault import Vault
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.db.tables import Address, table
from broadcaster.duty import plea
from broadcaster.errors import Conflict
from broadcaster.ledger.store import transaction
from broadcaster.simulator.faults import Fault
from tests.builders import SMS
from tests.dispatch.test_lane import ledger, states

pytestmark = pytest.mark.anyio
SID = "SM" + "b" * 32


@pytest.fixture
async def desk(
    sqlite_database: Database, clock: SteppedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Office]:
    async with office(tmp_path, sqlite_database, clock, monkeypatch) as found:
        yield found


def form(**values: str) -> dict[str, str]:
    return {"AccountSid": ACCOUNT, "MessageSid": SID, "MessageStatus": "delivered", "To": "+84900000000"} | values


def signed(url: str, values: dict[str, str], *, token: str = TOKEN) -> str:
    """As the provider's documents say it, written down here once more."""
    whole = url + "".join(name + values[name] for name in sorted(values))
    return base64.b64encode(hmac.digest(token.encode(), whole.encode(), "sha1")).decode()


async def call(desk: Office, path: str, values: dict[str, str], *, signature: str | None = None) -> int:
    signature = signed(desk.url + path, values) if signature is None else signature
    return await desk.post(
        path,
        urlencode(values).encode(),
        **{"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"},
    )


async def test_what_the_provider_calls_back_moves_each_dispatch_to_where_it_says(desk: Office) -> None:
    number = desk.begin(20)
    desk.provider.fates["+84900000003"] = ("undelivered", 30003)

    await desk.send()
    await desk.engine.hear()

    assert states(desk.database, number) == {"delivered": 19, "undelivered": 1}
    assert set(desk.provider.calls.answers) == {200}
    assert len(desk.provider.calls.answers) == 60
    lost = desk.rows("SELECT reason FROM dispatch WHERE state = 'undelivered'")
    assert lost[0].reason == "Twilio 30003: the handset cannot be reached"
    assert Counter(entry["state"] for entry in ledger(desk.database, "attempt.receipt")) == {
        "delivered": 19, "undelivered": 1,
    }  # fmt: skip


async def test_a_receipt_settles_what_a_lost_answer_left_in_doubt(desk: Office) -> None:
    desk.provider.play(Fault(do="cut-after", probability=1.0))
    number = desk.begin(5)

    await desk.send()
    before = states(desk.database, number)
    await desk.engine.hear()

    assert before == {"unknown": 5}
    assert states(desk.database, number) == {"delivered": 5}
    ids = {entry.id for entry in desk.provider.book.accepted()}
    assert {row.provider_id for row in desk.rows("SELECT provider_id FROM dispatch")} == ids
    assert [tuple(row) for row in desk.rows("SELECT DISTINCT outcome, parts FROM attempt")] == [("accepted", 1)]


async def test_a_receipt_that_comes_before_the_answer_is_kept_when_the_answer_comes(desk: Office) -> None:
    desk.provider.play(Fault(do="slow", seconds=0.5, probability=1.0))
    number = desk.begin(2)

    await desk.engine.plan()
    async with asyncio.timeout(10):
        while len(desk.provider.calls.answers) < 6:
            await asyncio.sleep(0.01)
    await desk.engine.hear()
    before = states(desk.database, number)
    await desk.send()

    assert before == {"delivered": 2}
    assert states(desk.database, number) == {"delivered": 2}
    assert {row.outcome for row in desk.rows("SELECT outcome FROM attempt")} == {"accepted"}


@pytest.mark.parametrize(
    "spoil",
    [
        {"signature": ""},
        {"signature": "0/KCTR6DLpKmkAf8muzZqo1nDgQ="},
        {"token": "another token"},
        {"url": "https://elsewhere.example/hooks/twilio/sms?attempt=x"},
        {"more": {"MessageStatus": "undelivered"}},
    ],
)
async def test_a_forged_callback_is_refused_counted_and_changes_nothing(desk: Office, spoil: dict[str, Any]) -> None:
    number = desk.begin(1)
    await desk.send()
    await desk.engine.hear()
    path, values = "/hooks/twilio/sms?attempt=x", form()
    signature = spoil.get(
        "signature", signed(spoil.get("url", desk.url + path), values, token=spoil.get("token", TOKEN))
    )

    answer = await call(desk, path, values | spoil.get("more", {}), signature=signature)

    assert answer == 403
    assert states(desk.database, number) == {"delivered": 1}
    assert [tuple(row) for row in desk.rows("SELECT channel, n FROM hook_refusal")] == [("sms", 1)]


async def test_a_genuine_callback_replayed_a_hundred_times_at_once_is_one_event(desk: Office) -> None:
    desk.begin(1)
    desk.provider.calls.hold = True
    await desk.send()
    url, forms, sign, _ = desk.provider.calls._kept[0]
    path = url.removeprefix(desk.url)

    answers = await asyncio.gather(
        *[call(desk, path, dict(forms[2]), signature=sign(forms[2])["X-Twilio-Signature"]) for _ in range(100)]
    )
    await desk.engine.hear()

    assert set(answers) == {200}
    assert len(desk.rows("SELECT id FROM inbox")) == 1
    assert len(ledger(desk.database, "attempt.receipt")) == 1


async def test_receipts_out_of_order_end_at_the_highest(desk: Office) -> None:
    number = desk.begin(1)
    desk.provider.calls.hold = True
    await desk.send()
    url, forms, sign, _ = desk.provider.calls._kept[0]

    for one in reversed(forms):
        await call(desk, url.removeprefix(desk.url), dict(one), signature=sign(one)["X-Twilio-Signature"])
        await desk.engine.hear()

    assert states(desk.database, number) == {"delivered": 1}
    assert len(ledger(desk.database, "attempt.receipt")) == 1


async def test_a_receipt_for_nothing_we_know_is_taken_parked_for_a_day_and_then_told_of(desk: Office) -> None:
    path = "/hooks/twilio/sms?attempt=vp-999-1-deadbeef"

    answer = await call(desk, path, form())
    await desk.engine.hear()
    parked = desk.rows("SELECT settled_at, outcome FROM inbox")
    desk.clock.move_by(timedelta(hours=25))
    await desk.engine.hear()

    assert answer == 200
    assert [tuple(row) for row in parked] == [(None, "")]
    assert [row.outcome for row in desk.rows("SELECT outcome FROM inbox")] == ["unmatched"]


async def test_no_number_of_a_receipt_is_stored(desk: Office) -> None:
    desk.begin(2)
    await desk.send()
    await desk.engine.hear()

    stored = [str(tuple(row)) for row in desk.rows("SELECT * FROM inbox")]

    assert len(stored) == 4  # "queued" and "sent" say the same: it was taken
    assert not any("8490000" in row for row in stored)


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/hooks/twilio/none", 404),  # no such channel
        ("/hooks/esms/sms", 404),  # another adapter drives it
        ("/hooks/feed/web", 404),  # it is never called back
        ("/hooks/twilio/sms/a-token", 403),  # it has none
        ("/hooks/twilio/sms?" + "x" * 9000, 414),
    ],
)
async def test_a_wrong_path_is_refused(desk: Office, path: str, wanted: int) -> None:
    assert await call(desk, path, form()) == wanted


async def test_a_large_a_packed_and_a_slow_body_are_refused(desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    from broadcaster.web import hooks

    monkeypatch.setattr(hooks, "BODY_WITHIN", 0.2)
    path = "/hooks/twilio/sms"

    async def drip() -> AsyncIterator[bytes]:
        yield b"a=1"
        await asyncio.sleep(1)
        yield b"&b=2"

    async def flood() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 4096

    large = await desk.post(path, b"x" * (64 * 1024 + 1))
    packed = await desk.post(path, b"x", **{"Content-Encoding": "gzip"})
    async with desk.http.post(desk.url + path, data=drip()) as answer:
        slow = answer.status
    async with desk.http.post(desk.url + path, data=flood()) as answer:
        chunked = answer.status

    assert (large, packed, slow, chunked) == (413, 415, 408, 413)


async def test_two_hundred_callbacks_are_answered_within_fifty_milliseconds_each(desk: Office) -> None:
    path, values = "/hooks/twilio/sms?attempt=x", form()
    await call(desk, path, values)
    spans = []

    for at in range(200):
        body = form(MessageSid=f"SM{at:032x}")
        began = time.perf_counter()
        assert await call(desk, path, body) == 200
        spans.append(time.perf_counter() - began)

    spans.sort()
    assert spans[190] < 0.05, f"the slowest twentieth takes {spans[190] * 1000:.0f} ms"


async def test_somebody_unknown_who_refuses_is_not_written_to_when_a_list_brings_them_later(desk: Office) -> None:
    said = form(SmsStatus="received", From="0900000001", Body="Từ chối")

    answer = await call(desk, "/hooks/twilio/sms", said)
    await desk.engine.hear()
    number = desk.begin(2)
    await desk.send()

    assert answer == 200
    assert [one.to for one in desk.provider.book.accepted()] == ["+84900000000"]
    assert states(desk.database, number)["suppressed"] == 1
    assert desk.rows("SELECT id FROM plea") == []


async def test_whoever_refused_while_nothing_ran_gets_nothing_of_what_was_due_meanwhile(
    sqlite_database: Database, clock: SteppedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office(tmp_path, sqlite_database, clock, monkeypatch, running=False) as desk:
        number = desk.begin(2)
        await call(desk, "/hooks/twilio/sms", form(SmsStatus="received", From="+84900000001", Body="TC"))
        closing = asyncio.Event()

        running = asyncio.create_task(scheduler.run(desk.engine, closing=closing))
        async with asyncio.timeout(30):
            while "planned" in states(desk.database, number) or not desk.engine.idle:
                await asyncio.sleep(0.01)
        closing.set()
        await running

        assert [one.to for one in desk.provider.book.accepted()] == ["+84900000000"]
        assert states(desk.database, number)["suppressed"] == 1


async def test_a_bare_word_of_refusal_suppresses_the_person_at_every_address(desk: Office) -> None:
    desk.begin(2)
    with transaction(desk.database, desk.clock) as tx:
        row = {"contact_id": 2, "kind": "email", "value": "n@example.vn", "key": b"k" * 32}
        tx.connection.execute(insert(table(Address)).values(row))

    await call(desk, "/hooks/twilio/sms", form(SmsStatus="received", From="+84900000001", Body="TC"))
    await desk.engine.hear()

    rows = desk.rows("SELECT kind, reason, source FROM suppression ORDER BY kind")
    assert [tuple(row) for row in rows] == [("email", "opt_out", "reply:sms"), ("phone", "opt_out", "reply:sms")]
    assert [entry["source"] for entry in ledger(desk.database, "contact.opt_out")] == ["reply:sms"] * 2
    assert desk.rows("SELECT id FROM plea") == []


async def test_a_cry_for_help_reaches_the_officer_is_shown_once_and_stands_nowhere_else(
    desk: Office, caplog: pytest.LogCaptureFixture
) -> None:
    cry = "DUNG DANH EM, CUU EM VOI"
    desk.begin(1)
    key = desk.hooks.office_key

    await call(desk, "/hooks/twilio/sms", form(SmsStatus="received", From="+84900000000", Body=cry))
    await desk.engine.hear()
    told = [(one.to, one.body) for one in desk.provider.book.accepted() if one.to == "+84900000999"]
    with transaction(desk.database, desk.clock) as tx:
        opened = plea.show(tx, 1, by="lan", office_key=key)
    with pytest.raises(Conflict, match="shown to lan"), transaction(desk.database, desk.clock) as tx:
        plea.show(tx, 1, by="minh", office_key=key)

    assert len(told) == 1
    assert cry not in told[0][1]
    assert "8490000000" not in told[0][1]
    assert (opened.text, opened.sender) == (cry, "+84900000000")
    whole = b"".join(path.read_bytes() for path in desk.config.folder.glob("broadcaster.db*"))
    assert cry.encode() not in whole
    assert cry not in caplog.text
    kinds = [
        entry["kind"] for kind in ("plea.receive", "duty.call", "plea.show") for entry in ledger(desk.database, kind)
    ]
    assert kinds == ["plea.receive", "duty.call", "plea.show"]


async def test_a_reply_nobody_reads_is_called_about_thrice_and_gone_after_three_days(desk: Office) -> None:
    await call(desk, "/hooks/twilio/sms", form(SmsStatus="received", From="+84900000000", Body="xin chào, giúp tôi"))

    for _ in range(6):
        await desk.engine.hear()
        desk.clock.move_by(timedelta(minutes=11))
    desk.clock.move_by(timedelta(hours=72))
    await desk.engine.hear()

    assert len(desk.provider.book.accepted()) == 3
    assert [tuple(row) for row in desk.rows("SELECT sealed, calls FROM plea")] == [(None, 3)]
    assert len(ledger(desk.database, "plea.purge")) == 1


class Unsigned:
    """A channel whose provider signs nothing."""

    name = "sms"
    traits = SMS
    hook_token = "a-token"

    def __init__(self) -> None:
        self.read: list[tuple[str, str, bytes]] = []

    def read_callback(self, headers: Mapping[str, str], body: bytes) -> list[Delivery]:
        self.read.append((headers[":method"], headers[":query"], body))
        return [Delivery(state="delivered", provider_id="1")]


@pytest.mark.parametrize("token", ["", "/b-token", "/a-token2", "/a-toke", "/%61-token%00"])
async def test_a_provider_that_signs_nothing_must_know_the_end_of_the_path(desk: Office, token: str) -> None:
    channel = Unsigned()
    desk.hooks._channels["sms"] = cast(Any, channel)

    answer = await desk.post(f"/hooks/twilio/sms{token}")

    assert answer == 403
    assert channel.read == []
    assert desk.rows("SELECT id FROM inbox") == []


async def test_a_call_by_get_is_read_from_its_query(desk: Office) -> None:
    channel = Unsigned()
    desk.hooks._channels["sms"] = cast(Any, channel)

    async with desk.http.get(f"{desk.url}/hooks/twilio/sms/a-token?SMSID=1&SendStatus=5") as answer:
        assert answer.status == 200

    assert channel.read == [("GET", "SMSID=1&SendStatus=5", b"SMSID=1&SendStatus=5")]
    assert len(desk.rows("SELECT id FROM inbox")) == 1


async def test_an_adapter_that_breaks_on_a_callback_breaks_nothing_else(
    desk: Office, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Unsigned):
        def read_callback(self, headers: Mapping[str, str], body: bytes) -> list[Delivery]:
            raise RuntimeError("no number +84900000000 known")

    desk.hooks._channels["sms"] = cast(Any, Broken())

    assert await desk.post("/hooks/twilio/sms/a-token") == 400
    assert "84900000000" not in caplog.text


async def test_headers_that_only_the_server_may_say_cannot_be_sent(desk: Office) -> None:
    channel = Unsigned()
    desk.hooks._channels["sms"] = cast(Any, channel)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(desk.url.rpartition(":")[2]))

    writer.write(
        b"POST /hooks/twilio/sms/a-token HTTP/1.1\r\nHost: x\r\n:query: attempt=forged\r\nContent-Length: 0\r\n\r\n"
    )
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()

    assert answer.startswith(b"HTTP/1.1 400") or channel.read == [("POST", "", b"")]


async def test_a_refusal_by_chat_is_confirmed_once_in_the_answer_to_the_call(desk: Office) -> None:
    class Chat(Unsigned):
        traits = replace(SMS, address="telegram")

        def read_callback(self, headers: Mapping[str, str], body: bytes) -> list[Any]:
            return [Inbound(sender="4242424242", text="/stop", event_id=body.decode())]

        def answer(self, inbound: Inbound, text: str) -> tuple[str, bytes]:
            return "text/plain", text.encode()

    desk.hooks._channels["sms"] = cast(Any, Chat())
    said = []
    for event in (b"1", b"2"):
        async with desk.http.post(f"{desk.url}/hooks/twilio/sms/a-token", data=event) as answer:
            said.append(await answer.text())
        await desk.engine.hear()

    assert said == [CONFIRMATION["vi"], ""]
    assert [tuple(row) for row in desk.rows("SELECT kind FROM suppression")] == [("telegram",)]


async def test_a_channel_may_ask_for_larger_callbacks_up_to_a_megabyte(desk: Office) -> None:
    class Bounces(Unsigned):
        hook_body_most = 10 * 1024 * 1024

    channel = Bounces()
    desk.hooks._channels["sms"] = cast(Any, channel)

    answers = [
        await desk.post("/hooks/twilio/sms/a-token", io.BytesIO(b"x" * size)) for size in (100_000, 1024 * 1024 + 1)
    ]

    assert answers == [200, 413]
    assert [len(body) for _, _, body in channel.read] == [100_000]


async def test_a_channel_is_built_with_what_the_office_keeps_for_it(
    desk: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Any] = []
    monkeypatch.setattr(registry, "build", lambda settings: kept.append(settings.vault) or Unsigned())

    await desk.post("/hooks/twilio/sms/a-token")

    assert isinstance(kept[0], Vault)
    assert len(kept) == 1
