"""Every way out of the program that has a wire: the adapter, what answers at the other end, and one lane over both."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import msgspec
import pytest
from sqlalchemy import insert, text

from broadcaster.channel import registry
from broadcaster.channel.base import Channel
from broadcaster.channel.vault import Vault
from broadcaster.clock import SteppedClock
from broadcaster.config import ChannelCommon, ChannelSettings
from broadcaster.db.engine import Database
from broadcaster.db.tables import Address, Contact, Group, Member, Revision, RevisionFact, table
from broadcaster.dispatch import broadcast, claim
from broadcaster.dispatch.dispatch import Patience
from broadcaster.dispatch.lane import Lane, LaneRules, Signature
from broadcaster.dispatch.reconcile import Reconciler
from broadcaster.dispatch.road import Road
from broadcaster.dispatch.worker import Worker
from broadcaster.ledger.store import raws, transaction
from broadcaster.ledger.verify import audit
from broadcaster.ledger.writer import Writer
from broadcaster.simulator.book import Book
from broadcaster.simulator.esms import EsmsSimulator
from broadcaster.simulator.facebook import FacebookSimulator
from broadcaster.simulator.faults import Fault
from broadcaster.simulator.kannel import KannelSimulator
from broadcaster.simulator.smtp import SmtpSimulator
from broadcaster.simulator.speedsms import SpeedSmsSimulator
from broadcaster.simulator.telegram import TelegramSimulator
from broadcaster.simulator.twilio import TwilioSimulator
from broadcaster.simulator.upload import UploadSimulator
from broadcaster.simulator.webhook import WebhookSimulator
from broadcaster.simulator.websub import WebSubSimulator
from broadcaster.simulator.zalo import ZaloSimulator
from tests.builders import FACT_DIGEST, OFFICE_KEY, make_approval, make_broadcast, make_fact

Tongue = Literal["json", "words", "status", "hub", "smtp", "ssh"]  # in what the other side answers
Own = dict[str, Any]

PATIENCE = Patience(attempts=4, first=timedelta(seconds=30), most=timedelta(minutes=30))
UNKNOWN_FOR = timedelta(hours=3)
STEP = timedelta(minutes=61)  # longer than any wait between two tries, and than the gap between two look-ups
TIMEOUT = 5.0  # seconds
SECRETS = {
    "TEST_TOKEN": "provider-secret-canary", "TEST_BOT": "42:telegram-secret-canary", "TEST_ZALO": "zalo-secret-canary",
    "TEST_SFTP": "twilio-secret-canary",  # the password of sftp_server
    "TEST_HOOK": "whsec_" + "Y2FuYXJ5" * 4,
}  # fmt: skip
OA = "2893352839501541173"
ZALO = {
    "app_id": "2074138120372622546", "app_secret": {"env": "TEST_ZALO"}, "oa_id": OA, "hours": "",
    "refresh_token": {"env": "TEST_TOKEN"}, "cover_url": "https://tinh.example/bia.jpg",
}  # fmt: skip
BULLETIN = {"without_recording": "announcer", "stations": "stations.csv", "mail_from": "tin@tinh.example"}


@dataclass(frozen=True, kw_only=True)
class Wire:
    """One column of the table."""

    name: str
    adapter: str
    tongue: Tongue
    other: Callable[..., Any] | None = None  # makes the simulator
    own: Own = field(default_factory=dict)
    to: Callable[[int], str] = lambda n: f"+8490{n:07d}"
    in_book: Callable[[str], str] = lambda to: to  # how the other side calls the address
    tls: bool = True  # https, or SMTP over TLS, is what it speaks out of doors


TWILIO = {"account_sid": "AC" + "a" * 32, "auth_token": {"env": "TEST_TOKEN"}, "from": "VPTTBINH"}
WIRES = {
    wire.name: wire
    for wire in (
        Wire(name="twilio", adapter="twilio", tongue="json", other=TwilioSimulator, own=TWILIO),
        Wire(
            name="esms", adapter="esms", tongue="json", other=EsmsSimulator,
            own={"api_key": {"env": "TEST_TOKEN"}, "secret_key": {"env": "TEST_TOKEN"}, "brandname": "VPTTBINH"},
        ),
        Wire(
            name="speedsms", adapter="speedsms", tongue="json", other=SpeedSmsSimulator,
            own={"access_token": {"env": "TEST_TOKEN"}, "sender": "VPTTBINH"},
        ),
        Wire(
            name="kannel", adapter="kannel", tongue="words", other=KannelSimulator,
            own={"username": "office", "password": {"env": "TEST_TOKEN"}, "from": "VPTTBINH"},
        ),
        Wire(
            name="telegram", adapter="telegram", tongue="json", other=TelegramSimulator,
            own={"token": {"env": "TEST_BOT"}}, to=lambda n: f"@kenhtinh{n}",
        ),
        Wire(name="zalo-oa article", adapter="zalo-oa", tongue="json", other=ZaloSimulator, own=ZALO, to=lambda _n: OA),
        Wire(
            name="zalo-oa cs", adapter="zalo-oa", tongue="json", other=ZaloSimulator, own={**ZALO, "mode": "cs"},
            to=lambda n: f"25125236254{n:05d}",
        ),
        Wire(
            name="facebook-page", adapter="facebook-page", tongue="json",
            other=lambda **said: FacebookSimulator(twice=True, **said),
            own={"page_id": "104101101", "token": {"env": "TEST_TOKEN"}}, to=lambda _n: "c",
        ),
        Wire(
            name="email", adapter="email", tongue="smtp", other=SmtpSimulator,
            own={"host": "smtp.tinh.example", "from": "tin@tinh.example", "security": "none"},
            to=lambda n: f"dan{n}@example.vn",
        ),
        Wire(
            name="webhook", adapter="webhook", tongue="status",
            other=lambda **said: WebhookSimulator(secrets=(SECRETS["TEST_HOOK"],), **said),
            own={"url": "https://portal.example/hook", "secret": {"env": "TEST_HOOK"}, "allow_private": True},
            to=lambda _n: "c",
        ),
        Wire(
            name="feed websub", adapter="feed", tongue="hub", other=WebSubSimulator,
            own={"site_url": "https://tinh.example/tin/"}, to=lambda _n: "c",
        ),
        Wire(
            name="loudspeaker put", adapter="loudspeaker", tongue="status", other=UploadSimulator,
            own={**BULLETIN, "deliver": "https", "put_url": "https://tram.example", "put_token": {"env": "TEST_TOKEN"}},
            to=lambda n: f"xa-{n}",
        ),
        Wire(
            name="loudspeaker mail", adapter="loudspeaker", tongue="smtp", other=SmtpSimulator,
            own={**BULLETIN, "deliver": "email"}, to=lambda n: f"xa-{n}", in_book=lambda to: f"{to}@muonglat.example",
            tls=False,
        ),
        Wire(
            name="loudspeaker sftp", adapter="loudspeaker", tongue="ssh", tls=False,
            own={**BULLETIN, "deliver": "sftp", "sftp_user": "loa", "sftp_password": {"env": "TEST_SFTP"}},
            to=lambda n: f"xa-{n}",
        ),
    )
}  # fmt: skip


class Bed:
    """One lane of one channel over a real database; `taken` is the other side's own book."""

    def __init__(
        self,
        wire: Wire,
        channel: Channel,
        other: Any,
        database: Database,
        clock: SteppedClock,
        *,
        ground: bool,
        timeout: float,
    ) -> None:
        self.wire, self.channel, self.other, self.database, self.clock = wire, channel, other, database, clock
        road = Road(channel="c", adapter=wire.adapter, traits=channel.traits)
        self.writer = Writer(database, clock)
        signature = Signature(office="vp", secret=OFFICE_KEY)
        rules = LaneRules(rate=0.0, concurrency=4, timeout=timeout, patience=PATIENCE, poll=timedelta(minutes=5))
        common: Any = {
            "channel": channel, "road": road, "database": database, "writer": self.writer, "clock": clock,
            "signature": signature,
        }  # fmt: skip
        self.lane = Lane(rules=rules, chance=lambda: 0.0, **common)
        self.worker = Worker([self.lane])
        self.reconciler = Reconciler(patience=PATIENCE, deadline=UNKNOWN_FOR, timeout=timeout, price=None, **common)
        self._roads = {"c": road}
        self._people = self._broadcasts = int(self.rows("SELECT count(*) FROM broadcast")[0][0])
        if not ground:
            return
        with transaction(database, clock) as tx:
            make_fact(tx)
            _revision(tx)
            make_approval(tx, kind="plan", name="c", subject="plan-hash")

    @property
    def unit(self) -> str:
        return self._roads["c"].traits.unit

    def give(self, n: int = 1, *, to: Sequence[str] = ()) -> list[int]:
        """n messages to send, each to somebody new where the channel has more than one address; their dispatches."""
        mine: list[int] = []
        for at in range(n):
            with transaction(self.database, self.clock) as tx:
                group = None if self.unit == "public" else self._person(tx, to[at] if to else "")
                self._broadcasts += 1
                number = make_broadcast(
                    tx, group=group, channels=[["c"]], local=f"2027-07-01T08:{self._broadcasts:05d}", languages="vi"
                )
            with transaction(self.database, self.clock) as tx:
                assert broadcast.start(tx, broadcast.get(tx.connection, number), self._roads) == ""
                while broadcast.expand_chunk(tx, number, self._roads):
                    pass
            mine += [row.id for row in self.rows("SELECT id FROM dispatch WHERE broadcast_id = :b", b=number)]
        assert len(mine) == n
        self.lane.poke()
        return mine

    def rows(self, sql: str, **values: Any) -> list[Any]:
        with self.database.reading() as connection:
            return list(connection.execute(text(sql), values).all())

    def states(self, dispatches: Sequence[int]) -> list[str]:
        found = {row.id: row.state for row in self.rows("SELECT id, state FROM dispatch")}
        return [found[one] for one in dispatches]

    def taken(self, since: int = 0) -> list[Any]:
        """What the other side took, after the line `since` of its book."""
        return [one for one in self.other.book.entries[since:] if one.accepted]

    @property
    def mark(self) -> int:
        return len(self.other.book.entries)

    @property
    def paused(self) -> str:
        return next((row.paused for row in self.rows("SELECT paused FROM lane WHERE channel = 'c'")), "")

    def play(self, *faults: Fault) -> None:
        self.other.play(*faults)

    async def run(self, span: timedelta = timedelta(0)) -> None:
        """Until nothing is left to do now."""
        async with asyncio.timeout(30):
            await self.clock.run(idle=lambda: self.writer.idle and self.worker.idle, until=self.clock.now() + span)

    async def settle(self) -> None:
        """The other side is well again: go on until nothing is open."""
        for _ in range(14):
            await self.run(timedelta(minutes=2))
            await self.reconciler.round()
            self.lane.poke()
            await self.run()
            if not self.rows(
                "SELECT 1 FROM dispatch WHERE state IN ('planned', 'sending', 'retry_wait', 'unknown') LIMIT 1"
            ):
                return
            self.clock.move_by(STEP)
        raise AssertionError(f"still open: {self.rows('SELECT id, state, reason FROM dispatch')[-3:]}")

    async def beside(self, n: int) -> list[str]:
        """Another lane of another channel, with n messages of its own: how they stand when it is at rest."""
        channel = registry.build(
            ChannelSettings(name="m", common=ChannelCommon(adapter="memory"), own={}, folder=Path(), public_folder=Path(),
                            public_url="", office_name="")
        )  # fmt: skip
        road = Road(channel="m", adapter="memory", traits=channel.traits)
        lane = Lane(
            channel, road, self.lane.rules, database=self.database, writer=self.writer, clock=self.clock,
            signature=Signature(office="vp", secret=OFFICE_KEY), chance=lambda: 0.0,
        )  # fmt: skip
        with transaction(self.database, self.clock) as tx:
            group = self._person(tx, f"+8499{n:07d}", kind=channel.traits.address)
            numbers = [
                make_broadcast(tx, group=group, channels=[["m"]], local=f"2027-07-01T09:{at:05d}", languages="vi")
                for at in range(n)
            ]
        for number in numbers:
            with transaction(self.database, self.clock) as tx:
                assert broadcast.start(tx, broadcast.get(tx.connection, number), {"m": road}) == ""
                while broadcast.expand_chunk(tx, number, {"m": road}):
                    pass
        driven = asyncio.create_task(lane.run())
        try:
            async with asyncio.timeout(10):
                while not (lane.at_rest and self.writer.idle):
                    await asyncio.sleep(0.002)
            return [row.state for row in self.rows("SELECT state FROM dispatch WHERE channel = 'm'")]
        finally:
            lane.close()
            await driven

    def resume(self) -> None:
        with transaction(self.database, self.clock) as tx:
            claim.resume_lane(tx, "c", by="lan")
        self.lane.poke()

    def faults_of_the_ledger(self) -> list[str]:
        """What the auditor's own program says."""
        with self.database.reading() as connection:
            return [one for one in audit(raws(connection), {})["faults"] if "sent again" in one]

    def retire(self, dispatches: Sequence[int]) -> None:
        """What nobody will answer for is given up, so that the next bed on this database starts clean."""
        with transaction(self.database, self.clock) as tx:
            claim.resume_lane(tx, "c", by="lan")
            for one in dispatches:
                tx.connection.execute(
                    text(
                        "UPDATE broadcast SET state = 'cancelled' WHERE id = (SELECT broadcast_id FROM dispatch WHERE id = :d)"
                    ),
                    {"d": one},
                )

    def secrets_in_rows(self) -> bool:
        said = str(self.rows("SELECT outcome, code FROM attempt")) + str(self.rows("SELECT reason FROM dispatch"))
        return "canary" in said

    def _person(self, tx: Any, to: str, *, kind: str = "") -> int:
        self._people += 1
        kind, value = kind or self._roads["c"].traits.address, to or self.wire.to(self._people)
        number = tx.connection.execute(
            insert(table(Group)).values(name=f"g{self._people}", created_at=tx.now)
        ).inserted_primary_key[0]
        known = tx.connection.execute(text("SELECT contact_id FROM address WHERE value = :v"), {"v": value}).scalar()
        if known is None:
            contact = {"name": "Người", "language": "vi", "commune": "", "salt": bytes(32), "created_at": tx.now}
            contact |= {"consent_source": "đăng ký", "consent_date": tx.now.date()}
            known = tx.connection.execute(insert(table(Contact)).values(contact)).inserted_primary_key[0]
            key = sha256(value.encode()).digest()
            tx.connection.execute(insert(table(Address)).values(contact_id=known, kind=kind, value=value, key=key))
        tx.connection.execute(insert(table(Member)).values(group_id=number, contact_id=known))
        return int(number)


def _revision(tx: Any) -> None:
    """One approved text in every form."""
    said = "Gọi 111 khi nghi có mua bán người."
    forms = dict.fromkeys(("text", "chat", "sms", "speech", "headline"), said)
    body = {
        "v": 1, "message": "hotline-111", "category": "hotline", "source": "", "titles": {"vi": "Tổng đài 111"},
        "texts": {"vi": forms}, "facts": {"hotline": FACT_DIGEST}, "media": {}, "valid": {},
    }  # fmt: skip
    canonical = msgspec.json.encode(body, order="sorted")
    digest = sha256(canonical).hexdigest()
    tx.connection.execute(
        insert(table(Revision)).values(
            hash=digest, message_id="hotline-111", category="hotline", canonical=canonical, created_at=tx.now
        )
    )
    tx.connection.execute(insert(table(RevisionFact)).values(revision_hash=digest, fact="hotline", digest=FACT_DIGEST))
    make_approval(tx, kind="revision", name="hotline-111", subject=digest)


@asynccontextmanager
async def bed_of(
    wire: Wire,
    database: Database,
    clock: SteppedClock,
    folder: Path,
    patch: pytest.MonkeyPatch,
    *,
    tls: ssl.SSLContext | None = None,
    base: str = "",
    host: str = "",
    ground: bool = True,
    timeout: float = TIMEOUT,
    **own: Any,
) -> AsyncIterator[Bed]:
    """`tls`: the other side encrypts with it. `base`: connect there instead. `own`: settings to change.

    `ground`: the database is empty. `host`: where the other side listens, of loopback's.
    """
    for name, value in SECRETS.items():
        patch.setenv(name, value)
    _stations(folder)
    async with _other(wire, clock, folder, tls, host) as other:
        channel = channel_of(wire, base or other.url, database, clock, folder, **{**getattr(other, "own", {}), **own})
        bed = Bed(wire, channel, other, database, clock, ground=ground, timeout=timeout)
        bed.worker.start()
        try:
            yield bed
        finally:
            await bed.worker.close()
            bed.writer.close()
            await channel.close()


def _other(wire: Wire, clock: SteppedClock, folder: Path, tls: ssl.SSLContext | None, host: str) -> Any:
    if wire.tongue == "ssh":
        return Remote(folder / "remote")
    assert wire.other is not None
    extra: Own = {"tls": tls} if tls else {}
    return wire.other(book=Book(clock=clock), **extra, **({"host": host} if host else {}))


@dataclass
class Remote:
    """An SFTP server behind a road that can be cut; its book is what lies in its folder."""

    root: Path
    url: str = ""
    hold: bool = False  # nothing passes
    cut_after: int = 0  # bytes of one connection towards the server; 0: never
    own: Own = field(default_factory=dict)

    async def __aenter__(self) -> Remote:
        paramiko = pytest.importorskip("paramiko", reason="the extra `sftp` is not installed: pip install -e '.[sftp]'")
        from tests.channel.sftp_server import serve

        self.root.mkdir(exist_ok=True)
        key = paramiko.ECDSAKey.generate()
        self._server = serve(self.root, key)
        self._behind = await asyncio.to_thread(self._server.__enter__)
        self._port = 0
        self.own = {
            "sftp_host": "127.0.0.1",
            "sftp_host_key": f"ecdsa-sha2-nistp256 {key.get_base64()}",
            "sftp_folder": "in",
        }
        return await self.start()

    async def start(self) -> Remote:
        self._road = Listener(self._carry, self._port)
        self._port = await self._road.open()
        self.own["sftp_port"], self.url = self._port, f"sftp://127.0.0.1:{self._port}"
        return self

    async def stop(self) -> None:
        await self._road.close()

    async def __aexit__(self, *_: object) -> None:
        await self._road.close()
        await asyncio.to_thread(self._server.__exit__, None, None, None)

    @property
    def book(self) -> Any:
        found = sorted(path.parent.name for path in self.root.glob("in/*/*/manifest.json") if ".tmp" not in str(path))
        return SimpleNamespace(entries=[SimpleNamespace(accepted=True, id=name) for name in found])

    def play(self, *_faults: Fault) -> None:
        self.hold, self.cut_after = False, 0

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.hold:
            await asyncio.sleep(3)
            return
        there, back = await asyncio.open_connection("127.0.0.1", self._behind)
        answers = asyncio.create_task(_pour(there, writer, None))
        try:
            await _pour(reader, back, self.cut_after or None)
        finally:
            back.transport.abort()
            writer.transport.abort()
            await answers


class Listener:
    """A port on loopback whose talks end with it."""

    def __init__(self, talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any], port: int = 0) -> None:
        self._talk, self._port = talk, port
        self._talks: set[asyncio.Task[None]] = set()

    async def open(self) -> int:
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", self._port)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        self._server.close()
        for talk in list(self._talks):
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        try:
            with suppress(ConnectionError, asyncio.CancelledError):
                await self._talk(reader, writer)
        finally:
            self._talks.discard(task)
            writer.transport.abort()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int | None) -> None:
    """Until the end, or until `left` bytes have passed."""
    with suppress(ConnectionError):  # whichever side has gone
        while data := await reader.read(1024):
            if left is not None and (left := left - len(data)) <= 0:
                return
            writer.write(data)
            await writer.drain()


def channel_of(wire: Wire, url: str, database: Database, clock: SteppedClock, folder: Path, **own: Any) -> Channel:
    """The adapter, built as the engine builds it, and led to `url`."""
    settings: Own = {**wire.own, **own}
    base = url
    if wire.tongue == "hub":
        settings["hub"], base = f"{url}/hub", ""
    if wire.tongue == "ssh":
        base = ""
    if wire.name == "loudspeaker mail":
        host, _, port = url.removeprefix("smtp://").rpartition(":")
        settings["smtp_host"], settings["smtp_port"], base = host, int(port), ""
    common: Own = {"adapter": wire.adapter, "api_base": base, "timeout": f"{int(TIMEOUT * 1000)}ms", "concurrency": 4}
    if wire.adapter == "zalo-oa":
        common["monthly_quota"] = 10_000
    return registry.build(
        ChannelSettings(
            name="c", common=ChannelCommon(**common), own=settings, folder=folder, public_folder=folder / "public",
            public_url="", office_name="Văn phòng", vault=Vault(database, clock, OFFICE_KEY),
        )
    )  # fmt: skip


def _stations(folder: Path) -> None:
    rows = [f"xa-{n},Xã {n},xa-{n}@muonglat.example" for n in range(200)]
    (folder / "stations.csv").write_text("\n".join(["commune,name,email", *rows]), encoding="utf-8")


def published(folder: Path) -> int:
    """How many pages the feed shows."""
    return len(list((folder / "public" / "c" / "m").glob("*.html")))


def manifests(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_bytes()) for path in folder.rglob("manifest.json")]
