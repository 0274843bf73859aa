"""The one file that knows every concrete class: it builds the sending engine, and a new workspace."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, insert, select, update

from broadcaster.approval.store import note_rule
from broadcaster.channel import registry
from broadcaster.channel.vault import Vault
from broadcaster.clock import Clock
from broadcaster.config import ChannelSettings, Config, parse_span
from broadcaster.content.files import KEPT
from broadcaster.content.store import refresh_facts
from broadcaster.db.engine import Database
from broadcaster.db.tables import Meta, table
from broadcaster.dispatch import claim
from broadcaster.dispatch import stop as stops
from broadcaster.dispatch.balance import Accounts
from broadcaster.dispatch.dispatch import Patience, State
from broadcaster.dispatch.lane import Lane, LaneRules, Signature
from broadcaster.dispatch.reconcile import Reconciler
from broadcaster.dispatch.road import Road
from broadcaster.dispatch.store import open_by_state
from broadcaster.dispatch.worker import Worker
from broadcaster.duty import alarm, heartbeat
from broadcaster.duty.listening import Listener
from broadcaster.duty.notify import Caller, Notice
from broadcaster.errors import BroadcasterError
from broadcaster.ledger import checkpoint, stamp, witness
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction
from broadcaster.ledger.writer import Writer
from broadcaster.plan.run import Planner, Rules
from broadcaster.report import reminder
from broadcaster.retention.sweep import sweep
from broadcaster.schedule.files import roads as read_roads

log = logging.getLogger("broadcaster")
META = table(Meta)

IDLE_WITHIN = timedelta(seconds=60)  # `run --until-idle` waits for what is due this soon after the last work
LOOK = timedelta(milliseconds=20)  # between two looks at whether everything is idle


@dataclass(slots=True)
class Engine:
    """Everything that sends, in one process."""

    config: Config
    database: Database
    clock: Clock
    writer: Writer
    worker: Worker
    planner: Planner
    reconcilers: list[Reconciler]
    missing: dict[str, str]  # channel -> why its lane could not be built
    busy: int = field(default=0)  # ticks under way
    checkpoints: bool = True
    listener: Listener | None = None  # what providers and people say later
    accounts: Accounts | None = None  # what is left with the gateways
    _tick: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def idle(self) -> bool:
        """No request in flight, nothing to write, all lanes wait. Raises what killed a lane."""
        return self.busy == 0 and self.worker.idle and self.writer.idle

    async def tick(self) -> None:
        """Start, expand and close what the calendar asks for."""
        async with self._working(), self._tick:
            await self.planner.start()
            if self.planner.finished:
                self.planner.finished = 0
                await self.checkpoint()

    async def plan(self) -> None:
        """Give rows to the occurrences of the next days."""
        async with self._working():
            await self.planner.plan()
        await self.tick()

    async def reconcile(self, *, first_look_only: bool = False) -> int:
        """Settle what is in doubt, as far as evidence goes; returns how many were settled."""
        async with self._working():
            rounds = [reconciler.round(first_look_only=first_look_only) for reconciler in self.reconcilers]
            settled = sum([await one for one in rounds])
        if settled:
            self.worker.poke()
        return settled

    async def hear(self, *, call: bool = True) -> None:
        """Apply what providers and people have said since; `call` the officer on duty if a reply waits."""
        if self.listener:
            async with self._working():
                if await self.listener.hear(call=call):
                    self.worker.poke()

    async def ask(self) -> None:
        """Ask how accepted messages have fared of which there is no news."""
        if self.listener:
            async with self._working():
                await self.listener.ask()

    async def beat(self) -> None:
        """Tell an outside watcher that this machine lives; when it hears nothing, it calls somebody."""
        if self.config.duty.heartbeat:
            await heartbeat.beat(self.config.duty.heartbeat)

    async def ask_balances(self) -> None:
        """Ask the gateways what is left, each at most once an hour."""
        if self.accounts:
            async with self._working():
                await self.accounts.ask()

    def in_doubt(self) -> bool:
        """Whether any dispatch waits for evidence."""
        return self._open().get(State.UNKNOWN.value, 0) > 0

    def open(self) -> bool:
        """Whether any dispatch may still move by itself."""
        return any(self._open().values())

    def _open(self) -> dict[str, int]:
        with self.database.reading() as connection:
            return open_by_state(connection)

    async def checkpoint(self) -> None:
        """Sign the ledger as it stands, into the folder that is meant to leave the machine."""
        if self.checkpoints:
            async with self._working():
                await asyncio.to_thread(make_checkpoint, self.config, self.database, self.clock)

    async def erase_old(self) -> None:
        """Erase personal data that was kept long enough."""
        async with self._working():
            await asyncio.to_thread(sweep, self.config, self.database, self.clock, actor="scheduler")

    async def send_checkpoints(self) -> None:
        """Try again whoever has not got the newest checkpoint."""
        if self.checkpoints and (self.config.ledger.witness or self.config.ledger.timestamp_url):
            await asyncio.to_thread(send_checkpoints, self.config, self.clock)

    async def until_idle(self) -> None:
        """Do all that is due, until nothing is due now or within 60 s of the last completed work."""
        await self.hear()
        began = self.clock.now()
        await self.plan()
        looked = False
        while True:
            await self._settle()
            await self.tick()
            await self._settle()
            if not looked:
                looked = True
                await self.reconcile(first_look_only=True)
                continue
            upcoming = await asyncio.to_thread(self._next_moment)
            works = [lane.last_work for lane in self.worker.lanes if lane.last_work]
            latest = max([began, *works])
            if upcoming is None or upcoming > latest + IDLE_WITHIN:
                return
            await self.clock.sleep_until(upcoming)
            await self.tick()
            self.worker.poke()

    async def close(self) -> None:
        """Let the answers under way arrive and be written, then let go."""
        try:
            await self.worker.close()
        finally:
            await asyncio.to_thread(self.writer.close)

    async def _settle(self) -> None:
        """Wait until every lane has nothing left that may leave now."""
        while not (self.idle and all(lane.at_rest for lane in self.worker.lanes)):
            await asyncio.sleep(LOOK.total_seconds())

    def _next_moment(self) -> datetime | None:
        """When something is due next: a retry, the end of a throttle, a broadcast."""
        due = self.planner.next_due()
        moments = [due if due and due > self.clock.now() else None, *(lane.wakes_at for lane in self.worker.lanes)]
        return min([moment for moment in moments if moment], default=None)

    def _working(self) -> _Busy:
        return _Busy(self)


@dataclass(slots=True)
class _Busy:
    engine: Engine

    async def __aenter__(self) -> None:
        self.engine.busy += 1

    async def __aexit__(self, *_: Any) -> None:
        self.engine.busy -= 1


def build_engine(
    config: Config,
    database: Database,
    clock: Clock,
    *,
    chance: Callable[[], float] = random.random,
    poll: timedelta = timedelta(seconds=1),
) -> Engine:
    """Lanes, planner and reconcilers over one writer. A channel that cannot be built is named in `missing`."""
    writer = Writer(database, clock, first=stops.share_lock)
    roads = read_roads(config)
    office_key = config.secret(config.office.key, where="office.key").reveal().encode()
    signature = Signature(
        office=config.office.code, secret=office_key, public_url=config.web.public_url,
        recordings=config.path(config.folders.content) / KEPT,
    )  # fmt: skip
    vault = Vault(database, clock, office_key, write=lambda work: writer.submit(work).result())
    facts = config.path(config.folders.content) / "facts.toml"

    def refresh(tx: Transaction) -> None:
        refresh_facts(tx, facts)

    lanes, reconcilers, missing = [], [], {}
    for name, road in roads.items():
        settings = replace(config.channel(name), vault=vault)
        try:
            channel = registry.build(settings)
        except BroadcasterError as error:
            missing[name] = str(error)
            continue
        rules = _rules(config, settings, writer, poll)
        common: dict[str, Any] = {
            "channel": channel, "road": road, "database": database, "writer": writer, "clock": clock,
            "signature": signature,
        }  # fmt: skip
        lanes.append(Lane(rules=rules, chance=chance, refresh=refresh, **common))
        deadline = parse_span(config.defaults.unknown_for, where="defaults.unknown_for")
        reconcilers.append(
            Reconciler(patience=rules.patience, deadline=deadline, timeout=rules.timeout, price=rules.price, **common)
        )
    for name in config.channels:
        if name not in roads:
            missing[name] = _why_no_road(config, name)
    worker = Worker(lanes)
    planner = Planner(
        database=database,
        writer=writer,
        clock=clock,
        roads=roads,
        zone=ZoneInfo(config.office.timezone),
        rules=Rules(
            two_person=config.approval.two_person,
            quiet_hours=config.defaults.quiet_hours,
            cap_per_24h=config.defaults.cap_per_24h,
            require_consent=config.defaults.require_consent,
        ),
        poke=worker.poke,
    )
    writer.submit(refresh).result()
    writer.submit(partial(note_settings, config=config)).result()
    listener = _listener(config, database, clock, writer, lanes, office_key)
    channels = {lane.channel.name: lane.channel for lane in lanes}
    accounts = Accounts(channels=channels, database=database, writer=writer, clock=clock)
    return Engine(
        config, database, clock, writer, worker, planner, reconcilers, missing, listener=listener, accounts=accounts
    )


def _listener(
    config: Config, database: Database, clock: Clock, writer: Writer, lanes: list[Lane], office_key: bytes
) -> Listener:
    channels = {lane.channel.name: lane.channel for lane in lanes}
    common: dict[str, Any] = {"channels": channels, "database": database, "writer": writer, "clock": clock}
    return Listener(
        office_key=office_key,
        public=bool(config.web.public_url),
        prices={lane.channel.name: lane.rules.price for lane in lanes if lane.rules.price},
        caller=Caller(
            duty=config.duty,
            office=config.office.code,
            notices=partial(_notices, zone=ZoneInfo(config.office.timezone)),
            alarms=partial(alarm.to_tell, zone=ZoneInfo(config.office.timezone)),
            **common,
        ),
        **common,
    )


def _notices(connection: Connection, now: datetime, *, zone: ZoneInfo) -> list[Notice]:
    """What the officer on duty is told besides replies: reports that are due."""
    found = []
    for one in reminder.to_tell(connection, now, zone=zone):
        text, text_sms = reminder.words(one)
        found.append(
            Notice(
                name=f"report-{one.step}", title="Nhắc việc: báo cáo sắp đến hạn", text=text, text_sms=text_sms,
                told=partial(reminder.told, one=one),
            )
        )  # fmt: skip
    return found


def note_settings(tx: Transaction, config: Config) -> None:
    """One entry when the rules or channels a sender starts with are not those of the last start; no secret is in them."""
    note_rule(tx, config.approval.two_person, by="sender")
    told = {
        "defaults": msgspec.to_builtins(config.defaults),
        "two_person": config.approval.two_person,
        "channels": {name: msgspec.to_builtins(settings) for name, settings in sorted(config.channels.items())},
    }
    digest = sha256(msgspec.json.encode(told, order="sorted")).hexdigest()
    known = tx.connection.scalar(select(META.c.value).where(META.c.name == "settings"))
    if known == digest:
        return
    if known is None:
        tx.connection.execute(insert(META).values(name="settings", value=digest))
    else:
        tx.connection.execute(update(META).where(META.c.name == "settings").values(value=digest))
    adapters = {name: str(settings.get("adapter", "")) for name, settings in config.channels.items()}
    tx.record(
        Kind.SETTINGS_SEEN, "sender", digest=digest, two_person=config.approval.two_person, channels=adapters,
        quiet_hours=config.defaults.quiet_hours, cap_per_24h=config.defaults.cap_per_24h,
        require_consent=config.defaults.require_consent,
    )  # fmt: skip


def _rules(config: Config, settings: ChannelSettings, writer: Writer, poll: timedelta) -> LaneRules:
    defaults, price = config.defaults, settings.common.price
    patience = Patience(
        attempts=defaults.attempts,
        first=parse_span(defaults.retry_first, where="defaults.retry_first"),
        most=parse_span(defaults.retry_most, where="defaults.retry_most"),
    )
    in_force = writer.submit(
        partial(
            claim.price_in_force,
            channel=settings.name,
            amount=price.micros if price else None,
            currency=price.currency if price else "",
        )
    ).result()
    return LaneRules(
        rate=settings.rate_per_second,
        concurrency=settings.common.concurrency,
        timeout=settings.timeout_seconds,
        patience=patience,
        poll=poll,
        price=in_force,
    )


def _why_no_road(config: Config, name: str) -> str:
    try:
        registry.traits(config.channel(name).common.adapter)
    except BroadcasterError as error:
        return str(error)
    return "its settings cannot be read"


def road_of(config: Config, channel: str) -> Road:
    """The road of one configured channel. Raises: NotFound, WrongUse."""
    config.channel(channel)
    roads = read_roads(config)
    if channel not in roads:
        registry.traits(config.channel(channel).common.adapter)
    return roads[channel]


def make_checkpoint(config: Config, database: Database, clock: Clock) -> checkpoint.Checkpoint:
    """Sign everything the ledger holds now; witnesses get it on a thread of their own."""
    key = checkpoint.SigningKey.read(config.secret(config.ledger.key, where="ledger.key"))
    folder = config.path(config.folders.checkpoints)
    made = checkpoint.make(database, clock, key=key, origin=config.ledger.origin, folder=folder)
    if config.ledger.witness or config.ledger.timestamp_url:
        witness.soon(partial(send_checkpoints, config, clock))
    return made


def send_checkpoints(config: Config, clock: Clock) -> list[witness.Delivery]:
    """Give every witness what it lacks, and have the newest checkpoint time-stamped; says who has how much, never raises."""
    folder, own = config.path(config.folders.checkpoints), config.ledger
    found = witness.deliver(folder, own.witness, post=partial(_post, config, clock))
    return [*found, *([stamp.stamp(folder, own.timestamp_url)] if own.timestamp_url else [])]


def _post(config: Config, clock: Clock, target: str, note: bytes) -> None:
    """One checkpoint to a web address, or by the office's mail account. Raises: OSError with a sentence."""
    if not target.startswith(witness.MAIL):
        witness.post(target, note)
        return
    from broadcaster.channel.email_checkpoint import CheckpointMail

    name = next((name for name, one in config.channels.items() if one.get("adapter") == "email"), None)
    if name is None:
        raise OSError('no channel of config.toml has the adapter "email"')
    try:
        CheckpointMail(config.channel(name), clock, note).deliver(target.removeprefix(witness.MAIL))
    except BroadcasterError as error:
        raise OSError(str(error)) from None


# -- a new workspace --------------------------------------------------------------------------------------------------


def samples() -> Path:
    """Where the sample content and schedules lie: in the installed package, else beside it in the source tree."""
    inside = Path(__file__).parent / "sample"
    return inside if inside.is_dir() else Path(__file__).parent.parent


def make_workspace(folder: Path, *, example_config: str, entropy: Callable[[int], bytes] = secrets.token_bytes) -> None:
    """Configuration, secrets, sample content and schedules; what is there already is kept as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "config.toml"
    if not config.exists():
        config.write_text(example_config, encoding="utf-8")
    for name in ("content", "schedules"):
        if not (folder / name).exists():
            shutil.copytree(samples() / name, folder / name)
    vault = folder / "secrets"
    vault.mkdir(mode=0o700, exist_ok=True)
    office_key = vault / "office.key"
    if not office_key.exists():
        office_key.touch(mode=0o600)
        office_key.write_text(entropy(32).hex() + "\n", encoding="ascii")
    if not (vault / "ledger.key").exists():
        checkpoint.generate(vault / "ledger.key")
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("secrets/\n*.db\n*.db-*\n*.lock\n", encoding="ascii")
