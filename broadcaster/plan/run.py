"""The tick: what the calendar says becomes broadcasts, what is due starts or is told why not, what is over is closed.

Every decision is made again from rows at each tick, so a missed tick, a second one or a restart changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, exists, or_, select

from broadcaster.approval import store as approvals
from broadcaster.clock import Clock
from broadcaster.db.engine import Database
from broadcaster.db.tables import Broadcast, Tally, table
from broadcaster.dispatch import broadcast, fallback
from broadcaster.dispatch.broadcast import EXPANDED, Roads
from broadcaster.dispatch.store import CLOSABLE
from broadcaster.errors import BroadcasterError
from broadcaster.ledger.store import Transaction
from broadcaster.ledger.writer import Writer
from broadcaster.plan.materialise import HEADCOUNT, WAITING, materialise
from broadcaster.schedule import store as schedules
from broadcaster.schedule.spec import CampaignSpec

log = logging.getLogger("broadcaster.plan")

BROADCAST, TALLY = table(Broadcast), table(Tally)
HORIZON = timedelta(hours=48)  # occurrences get rows this long before they are due
LOOK_FOR_SILENCE = 60.0  # seconds between two looks at whose receipt has not come
ON_TIME = timedelta(minutes=1)  # a start this late is not "missed": ticks come every second


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The sender's own settings: what was approved with another configuration under laxer ones does not start."""

    two_person: bool
    quiet_hours: str
    cap_per_24h: int
    require_consent: bool

    def laxer(self, row: Any) -> bool:
        """Whether the broadcast may do what the office forbids. A campaign's quiet hours are its own, approved with it."""
        hours = row.authority_kind == "broadcast" and row.quiet_hours != self.quiet_hours
        cap = bool(self.cap_per_24h) and not 0 < row.cap_per_24h <= self.cap_per_24h
        return hours or cap or (self.require_consent and not row.require_consent)


class Planner:
    """Turns time into work for the lanes. Owns no transaction across a wait; everything is written by the writer."""

    def __init__(
        self,
        *,
        database: Database,
        writer: Writer,
        clock: Clock,
        roads: Roads,
        zone: ZoneInfo,
        rules: Rules,
        poke: Callable[[Collection[str] | None], None],
    ) -> None:
        self._database, self._writer, self._clock = database, writer, clock
        self._roads, self._zone, self._poke = roads, zone, poke
        self._rules = rules
        self._began = False
        self._fell: dict[
            int, tuple[int, float]
        ] = {}  # by broadcast: how many were not reached when looked at, and when
        self.finished = 0  # broadcasts that came to their end since somebody last set this to 0

    async def plan(self) -> None:
        """Give rows to the occurrences of the next 48 hours; end approvals whose time is over."""
        if not self._began:
            await self._writer.write(self._go_on)
            self._began = True
        with self._database.reading() as connection:
            campaigns = schedules.live(connection)
        for campaign in campaigns:
            try:
                await self._writer.write(partial(self._plan_campaign, campaign=campaign))
            except BroadcasterError as error:  # one campaign's fault keeps no other from its time
                log.error("plan.campaign_fault %s: %s", campaign.id, error)
        await self._writer.write(self._expire_approvals)

    def _go_on(self, tx: Transaction) -> None:
        """After a start, with perhaps other settings: what runs and would not be let start now is paused, for a person."""
        for row in tx.connection.execute(select(BROADCAST).where(BROADCAST.c.state == "running")).all():
            if why := self._changed(tx.connection, row):
                broadcast.pause(tx, row.id, "scheduler", why)
                broadcast.hold(tx, row, why, actor="scheduler")

    def _changed(self, connection: Connection, row: Any) -> str:
        """What a change of settings has made of a broadcast that runs; growth of its group is no such change."""
        held = self._held(connection, row)
        return "" if held == HEADCOUNT else held

    def _plan_campaign(self, tx: Transaction, campaign: Any) -> None:
        document = schedules.plan(tx.connection, campaign.plan_hash)
        materialise(tx, campaign, document.campaign, self._roads, now=tx.now, horizon=HORIZON)
        schedules.finish(tx, campaign.id)

    def _expire_approvals(self, tx: Transaction) -> None:
        approvals.expire_revisions(tx, tx.now.astimezone(self._zone).date())

    async def start(self) -> None:
        """Start what is due, expand what has started, close what is over. Returns when all of it is written."""
        now = self._clock.now()
        with self._database.reading() as connection:
            due, over = broadcast.due(connection, now), _over(connection, now)
        if due:
            await self._writer.write(partial(self._start_due, rows=due))
        if over:
            await self._close(over)
        with self._database.reading() as connection:
            growing, ending = _growing(connection), _ending(connection)
            cancelled, late = broadcast.ending(connection), broadcast.put_back_late(connection)
        for number in cancelled:
            while await self._writer.write(partial(broadcast.end_chunk, broadcast=number)):
                pass
        for number in late:
            await self._writer.write(partial(broadcast.close_put_back, broadcast=number))
        for number, channels in growing.items():
            while await self._writer.write(partial(broadcast.expand_chunk, broadcast=number, roads=self._roads)):
                self._poke(channels)
            self._poke(channels)
        await self._fall_back(now)
        more = partial(fallback.goes_on, roads=self._roads)
        for number in {*growing, *ending}:
            self.finished += await self._writer.write(partial(broadcast.finish, broadcast=number, more=more))

    async def _fall_back(self, now: datetime) -> None:
        """Those whom one channel of a chain did not reach go on to the next."""
        with self._database.reading() as connection:
            chained = fallback.chained(connection, now)
        looked = self._clock.monotonic()
        for number, fell in chained.items():
            before = self._fell.get(number)
            if before and before[0] == fell and looked - before[1] < LOOK_FOR_SILENCE:
                continue
            self._fell[number] = (fell, looked)
            while await self._writer.write(partial(fallback.fall_back, broadcast=number, roads=self._roads)):
                self._poke(None)
        self._fell = {number: seen for number, seen in self._fell.items() if number in chained}

    def next_due(self) -> datetime | None:
        """When the calendar next has something to start."""
        with self._database.reading() as connection:
            return broadcast.next_due(connection)

    def _start_due(self, tx: Transaction, rows: list[Any]) -> None:
        for seen, missed in catch_up(rows, tx.now):
            row = broadcast.lock(tx.connection, seen.id)
            if row.state != "planned":
                continue  # another planner, or a person, was quicker
            if missed:
                broadcast.expire(tx, row, self._roads, reason=missed)
                self.finished += 1
            elif held := self._held(tx.connection, row):
                broadcast.hold(tx, row, held, actor="scheduler")
            elif row.held not in WAITING:
                broadcast.start(tx, row, self._roads)

    def _held(self, connection: Connection, row: Any) -> str:
        """Why a broadcast of a plan may not start: its plan was tampered with, its sender or its audience changed; "" if none."""
        if self._rules.laxer(row):
            return "laxer_than_office"
        if self._rules.two_person and _by_one_alone(connection, row):
            return "one_person"
        if row.authority_kind != "plan":
            (name,) = broadcast.channel_names(row)
            road = self._roads.get(name)
            return "sender_changed" if road and row.sender is not None and row.sender != road.sender else ""
        try:
            document = schedules.plan(connection, row.authority)
        except BroadcasterError:
            return "tampered"
        if not _as_planned(connection, row, document.campaign):
            return "tampered"
        approved = document.senders
        names = [name for name in broadcast.channel_names(row) if name in self._roads]
        if any(approved.get(name, "") != self._roads[name].sender for name in names):
            return "sender_changed"
        return HEADCOUNT if schedules.outgrown(connection, row) else ""

    async def _close(self, rows: list[Any]) -> None:
        """End what is over: in steps of a few thousand, so that no lane waits for the whole of a large one."""
        for row in rows:
            if await self._writer.write(partial(self._close_whole, seen=row)):
                continue
            while await self._writer.write(partial(broadcast.expand_chunk, broadcast=row.id, roads=self._roads)):
                pass
            late = partial(broadcast.expire_chunk, broadcast=row.id, reason=row.held or "late")
            while await self._writer.write(late):
                pass

    def _close_whole(self, tx: Transaction, seen: Any) -> bool:
        """End it at once, if nothing of it has been expanded; False if there is more to do."""
        row = broadcast.lock(tx.connection, seen.id)
        if row.state != seen.state or row.ending:
            return True
        if row.state == "submitted":
            approvals.expire(tx, kind="broadcast", name=broadcast.public_id(row.id))
            broadcast.lapse(tx, row)
        elif row.expansion == "":
            broadcast.expire(tx, row, self._roads, reason=row.held or "late")
        else:
            return False
        return True


def _as_planned(connection: Connection, row: Any, campaign: CampaignSpec) -> bool:
    """Whether the row says what the schedule of the approved plan says: which message, over which channels, to whom."""
    schedule = next((one for one in campaign.schedules if one.id == row.schedule_id), None)
    if schedule is None or row.message_id not in schedule.messages:
        return False
    group = broadcast.group_name(connection, row.group_id)
    language = schedule.language or campaign.languages[0]
    chains = [list(chain) for chain in schedule.channels]
    as_row = (broadcast.chains(row), row.language, row.fallback_after)
    return as_row == (chains, language, schedule.fallback_after) and group in ("", schedule.group)


def _by_one_alone(connection: Connection, row: Any) -> bool:
    """Whether the request, the plan or the text behind it was approved by one person alone."""
    kinds = [
        (row.authority_kind, broadcast.public_id(row.id) if row.authority_kind == "broadcast" else row.campaign_id)
    ]
    kinds.append(("revision", row.message_id))
    given = [approvals.current(connection, kind, name or "") for kind, name in kinds]
    return any(approval is not None and not approval.two_person for approval in given)


def catch_up(rows: Iterable[Any], now: datetime) -> list[tuple[Any, str]]:
    """For each due broadcast "" (start it) or why it is not to be started any more; by each schedule's `if_missed`. Pure.

    Of several missed occurrences of one schedule, `latest` starts only the newest: three days of backlog must not arrive
    as three messages in a minute.
    """
    found = list(rows)
    newest: dict[tuple[str | None, str], str] = {}
    for row in found:
        if now < row.expires_at:
            key = (row.campaign_id, row.schedule_id)
            newest[key] = max(newest.get(key, ""), row.local)
    return [(row, _missed(row, now, newest.get((row.campaign_id, row.schedule_id), ""))) for row in found]


def _missed(row: Any, now: datetime, newest: str) -> str:
    if now >= row.expires_at:
        return row.held or "missed"
    if row.schedule_id and row.if_missed == "latest" and row.local < newest:
        return row.held or "missed"
    if row.if_missed == "none" and now - row.due_at > ON_TIME:
        return row.held or "missed"
    return ""


def _over(connection: Connection, now: datetime) -> list[Any]:
    """Broadcasts whose time has passed and which still have something to close; `submitted` ones are ad hoc."""
    closable = exists().where(TALLY.c.broadcast_id == BROADCAST.c.id, TALLY.c.state.in_(CLOSABLE), TALLY.c.n > 0)
    query = select(BROADCAST).where(
        BROADCAST.c.state.in_(("submitted", "running", "paused")),
        BROADCAST.c.expires_at <= now,
        BROADCAST.c.ending == "",
        or_(BROADCAST.c.expansion != EXPANDED, closable),
    )
    return list(connection.execute(query))


def _growing(connection: Connection) -> dict[int, list[str]]:
    """Broadcasts that have not all their rows yet -> their channels; the urgent ones first."""
    query = select(BROADCAST).where(BROADCAST.c.state == "running", BROADCAST.c.expansion != EXPANDED)
    ordered = query.order_by(BROADCAST.c.priority.desc(), BROADCAST.c.due_at, BROADCAST.c.id)
    return {row.id: broadcast.channel_names(row) for row in connection.execute(ordered)}


def _ending(connection: Connection) -> list[int]:
    query = select(BROADCAST.c.id).where(
        BROADCAST.c.state.in_(("running", "paused")), BROADCAST.c.expansion == EXPANDED
    )
    return [number for number in connection.scalars(query) if not broadcast.open_count(connection, number)]
