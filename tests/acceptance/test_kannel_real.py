"""A real Kannel on loopback: bearerbox, smsbox and Kannel's own fake SMSC, started here and ended here.

Debian: packages `kannel` and `kannel-extras`. What our simulator claims of Kannel stands on this test.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from aiohttp import web

from broadcaster.channel.base import Delivery, Inbound, Misconfigured, NotAccepted, Outgoing
from broadcaster.channel.sms_kannel import Kannel
from broadcaster.config import ChannelCommon, ChannelSettings
from broadcaster.content.sms import count

pytestmark = pytest.mark.anyio

FAKE_SMSC = "/usr/lib/kannel/test/fakesmsc"
PATIENCE = 20.0  # seconds
ACCENTED = "Nghi có mua bán người: gọi 111 (miễn phí, 24/7)."
PLAIN = "Nghi co mua ban nguoi: goi 111 [mien phi] ~ 24/7 & 100% {x} €"
LONG = (
    "Toàn dân tích cực tham gia phòng, chống mua bán người. Khi phát hiện dấu hiệu liên quan đến mua bán người hãy thông"
    " báo ngay cho cơ quan Công an nơi gần nhất hoặc Tổng đài quốc gia 111."
)
CONFIG = """\
group = core
admin-port = {admin}
admin-password = adm
admin-interface = "127.0.0.1"
smsbox-port = {boxes}
smsbox-interface = "127.0.0.1"
box-allow-ip = "127.0.0.1"
dlr-storage = internal
log-file = "{folder}/bearerbox.log"
access-log = "{folder}/access.log"

group = smsc
smsc = fake
smsc-id = fake
port = {smsc}
connect-allow-ip = "127.0.0.1"

group = smsbox
bearerbox-host = "127.0.0.1"
bearerbox-port = {boxes}
sendsms-port = {sendsms}
sendsms-interface = "127.0.0.1"
log-file = "{folder}/smsbox.log"

group = sendsms-user
username = office
password = kannel-secret-canary
max-messages = 4
concatenation = true

group = sms-service
keyword = default
catch-all = true
max-messages = 0
omit-empty = true
get-url = "{passed_to}"

group = sendsms-user
username = defaults
password = kannel-secret-canary
"""


def program(name: str) -> str:
    """Its path; without it the test is skipped at a desk, and fails where the services are installed."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin"]))
    if found is None and os.environ.get("CI"):
        pytest.fail(f"{name} is not installed: apt-get install kannel kannel-extras")
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install kannel kannel-extras")
    return found


def free_ports(n: int) -> list[int]:
    """Ports nobody has; held together, so that none is given twice."""
    sockets = [socket.socket() for _ in range(n)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


@dataclass
class Gateway:
    """Kannel's processes, started one by one, and what its fake SMSC saw."""

    folder: Path
    ports: dict[str, int]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['sendsms']}"

    async def start(self, *, passed_to: str) -> None:
        (self.folder / "kannel.conf").write_text(CONFIG.format(folder=self.folder, passed_to=passed_to, **self.ports))
        self._run(program("bearerbox"), "kannel.conf")
        await self._listening("boxes")
        self._run(program("smsbox"), "kannel.conf")
        await self._listening("sendsms")

    async def connect_smsc(self, *said: str) -> None:
        """The operator is there; people say one of `said` 60 times, by chance, in the fake SMSC's own words."""
        port, most = str(self.ports["smsc"]), "60" if said else "0"
        self._run(
            program(FAKE_SMSC), "-H", "127.0.0.1", "-r", port, "-i", "0.01", "-m", most, *(said or ["1 2 text nop"])
        )

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=10)

    def seen(self) -> list[tuple[str, str, str]]:
        """(sender, receiver, text) of every message the SMSC has whole; parts of a long one are joined."""
        log = self.folder / "fakesmsc.log"
        text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        whole: list[tuple[str, str, str]] = []
        long: dict[tuple[str, str, int], dict[int, str]] = {}
        for sender, to, kind, body in re.findall(r"Got message \d+: <(\S+) (\S+) (\S+) (.*)>\n", text):
            if kind != "udh":
                whole.append((sender, to, _decoded(kind, body)))
                continue
            header, inner, data = body.split(" ", 2)
            _, _, _, reference, of, at = unquote_to_bytes(header)[:6]
            parts = long.setdefault((sender, to, reference), {})
            parts[at] = _decoded("ucs-2" if inner == "data" else inner, data)
            if len(parts) == of:
                whole.append((sender, to, "".join(parts[number] for number in sorted(parts))))
        return whole

    async def until_seen(self, n: int) -> list[tuple[str, str, str]]:
        async with asyncio.timeout(PATIENCE):
            while len(self.seen()) < n:
                await asyncio.sleep(0.05)
        return self.seen()

    def _run(self, path: str, *arguments: str) -> None:
        with (self.folder / f"{Path(path).name}.log").open("ab") as log:
            self.processes.append(subprocess.Popen([path, *arguments], cwd=self.folder, stdout=log, stderr=log))

    async def _listening(self, name: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while True:
                if (code := self.processes[-1].poll()) is not None:
                    raise AssertionError(f"{self.processes[-1].args} ended with {code}; see {self.folder}")
                with suppress(OSError), closing(socket.create_connection(("127.0.0.1", self.ports[name]), timeout=1)):
                    return
                await asyncio.sleep(0.05)


def _decoded(kind: str, body: str) -> str:
    if kind == "ucs-2":
        return unquote_to_bytes(body.replace("+", " ")).decode("utf-16-be")
    return body


@dataclass
class Receiver:
    """A web server that hands what Kannel calls to the adapter, as the desk's own does."""

    channel: Kannel | None = None
    heard: list[Delivery] = field(default_factory=list)
    said: list[Inbound] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)
    url: str = ""

    async def handle(self, request: web.BaseRequest) -> web.Response:
        assert self.channel
        self.paths.add(request.path)
        query = request.rel_url.raw_query_string
        for one in self.channel.read_callback({":method": request.method, ":query": query}, query.encode()):
            if isinstance(one, Delivery):
                self.heard.append(one)
            else:
                self.said.append(one)
        return web.Response()

    async def until_heard(self, key: str, state: str) -> list[str]:
        async with asyncio.timeout(PATIENCE):
            while state not in (states := [one.state for one in self.heard if one.key == key]):
                await asyncio.sleep(0.05)
        return states


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    runner = web.ServerRunner(web.Server(made.handle, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest.fixture
async def gateway(tmp_path: Path, receiver: Receiver, secrets: None) -> AsyncIterator[Gateway]:
    program(FAKE_SMSC)
    names = ("admin", "boxes", "smsc", "sendsms")
    made = Gateway(folder=tmp_path, ports=dict(zip(names, free_ports(4), strict=True)))
    told = channel_to(made, receiver).notice
    try:
        await made.start(passed_to=told.split('"')[1])
        yield made
    finally:
        made.stop()


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KANNEL", "kannel-secret-canary")


@pytest.fixture
async def channel(gateway: Gateway, receiver: Receiver, secrets: None) -> AsyncIterator[Kannel]:
    made = channel_to(gateway, receiver)
    receiver.channel = made
    yield made
    await made.close()


def channel_to(gateway: Gateway, receiver: Receiver, **own: Any) -> Kannel:
    values = {"username": "office", "password": {"env": "TEST_KANNEL"}, "from": "VPTTBINH", "max_messages": 4}
    settings = ChannelSettings(
        name="sms",
        common=ChannelCommon(adapter="kannel", api_base=gateway.url),
        own=values | own,
        folder=gateway.folder,
        public_folder=gateway.folder,
        public_url=receiver.url,
    )
    return Kannel("sms", settings)


def outgoing(text: str, *, key: str, to: str = "+84912345678") -> Outgoing:
    return Outgoing(
        key=key, dedupe_key="vp-d12", to=to, text=text, title="", language="vi", link="",
        expires_at=datetime.now(UTC) + timedelta(hours=1),  # noqa: TID251 - the gateway's clock is the machine's
    )  # fmt: skip


async def test_accented_unaccented_and_long_texts_arrive_letter_by_letter_and_are_reported(
    gateway: Gateway, channel: Kannel, receiver: Receiver
) -> None:
    await gateway.connect_smsc()
    texts = {"vp-12-1-0a1b2c3d": ACCENTED, "vp-13-1-0a1b2c3d": PLAIN, "vp-14-1-0a1b2c3d": LONG}

    accepted = [await channel.send(outgoing(text, key=key), timeout=5) for key, text in texts.items()]
    seen = await gateway.until_seen(3)
    reported = [await receiver.until_heard(key, "delivered") for key in texts]

    assert sorted(seen) == sorted(("VPTTBINH", "+84912345678", text) for text in texts.values())
    assert [one.parts for one in accepted] == [count(text).parts for text in texts.values()] == [1, 1, 3]
    assert [one.provider_id for one in accepted] == list(texts)
    assert all(set(states) <= {"accepted", "delivered"} for states in reported)
    assert receiver.paths == {f"/hooks/kannel/sms/{channel.hook_token}"}


async def test_what_is_queued_while_the_operator_is_away_arrives_later(
    gateway: Gateway, channel: Kannel, receiver: Receiver
) -> None:
    accepted = await channel.send(outgoing(ACCENTED, key="vp-12-1-0a1b2c3d"), timeout=5)
    before = gateway.seen()

    await gateway.connect_smsc()
    seen = await gateway.until_seen(1)

    assert accepted.provider_id
    assert before == []
    assert seen == [("VPTTBINH", "+84912345678", ACCENTED)]
    assert await receiver.until_heard("vp-12-1-0a1b2c3d", "delivered")


async def test_a_reference_with_any_character_comes_back_as_it_was(
    gateway: Gateway, channel: Kannel, receiver: Receiver
) -> None:
    await gateway.connect_smsc()

    await channel.send(outgoing("Goi 111", key="vp-ạ/+&%d?="), timeout=5)

    assert await receiver.until_heard("vp-ạ/+&%d?=", "delivered")


async def test_kannels_access_log_has_our_reference_and_not_the_password(
    gateway: Gateway, channel: Kannel, receiver: Receiver
) -> None:
    await gateway.connect_smsc()
    await channel.send(outgoing("Goi 111", key="vp-12-1-0a1b2c3d"), timeout=5)
    await receiver.until_heard("vp-12-1-0a1b2c3d", "delivered")

    log = (gateway.folder / "access.log").read_text()

    assert "vp-12-1-0a1b2c3d" in log
    assert "canary" not in log


async def test_what_people_write_back_is_passed_on(gateway: Gateway, channel: Kannel, receiver: Receiver) -> None:
    cry = "DỪNG ĐÁNH EM… Ờ".encode("utf-16-be")
    accented = "".join(f"%{byte:02X}" for byte in cry)
    await gateway.connect_smsc(
        "+84912345678 8111 text TC",
        f"0912345679 8111 ucs2 {accented}",
        "8000 8111 text promo",
        "0912345680 8111 text T  è",
    )

    async with asyncio.timeout(PATIENCE):
        while len({one.sender for one in receiver.said}) < 3:
            await asyncio.sleep(0.05)

    assert {(one.sender, one.text) for one in receiver.said} == {
        ("+84912345678", "TC"), ("+84912345680", "T  è"), ("+84912345679", "DỪNG ĐÁNH EM… Ờ"),
    }  # fmt: skip
    assert all(one.event_id for one in receiver.said)


async def test_a_wrong_password_pauses_the_lane(gateway: Gateway, receiver: Receiver, secrets: None) -> None:
    channel = channel_to(gateway, receiver, username="nobody")

    with pytest.raises(Misconfigured) as caught:
        await channel.send(outgoing(ACCENTED, key="k"), timeout=5)

    assert "username or password" in str(caught.value)
    await channel.close()


async def test_a_kannel_that_is_down_has_taken_nothing(gateway: Gateway, channel: Kannel) -> None:
    gateway.stop()

    with pytest.raises(NotAccepted):
        await channel.send(outgoing(ACCENTED, key="k"), timeout=5)


async def test_a_kannel_with_its_defaults_cuts_a_long_text_and_so_our_default_is_one_part(
    gateway: Gateway, receiver: Receiver, secrets: None
) -> None:
    await gateway.connect_smsc()
    careless = channel_to(gateway, receiver, username="defaults", max_messages=4)
    careful = channel_to(gateway, receiver, username="defaults", max_messages=1)
    receiver.channel = careless

    await careless.send(outgoing("a" * 200, key="k"), timeout=5)
    seen = await gateway.until_seen(1)

    assert [len(text) for _, _, text in seen] == [160]
    assert "cut" in careful.check(outgoing("a" * 200, key="k"))[0]
    await careless.close()
