"""One channel account at work: reads what is due, records intents, sends, records results. One lane is driven at a time.

At most 2 x concurrency dispatches of a lane have an intent and no recorded result: that is the doubt a crash can leave.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from broadcaster.channel import message_link, officer_link, opt_out_link
from broadcaster.channel.base import Accepted, Channel, Misconfigured, OutcomeUnknown, Outgoing, SendError
from broadcaster.clock import Clock
from broadcaster.db.engine import Database
from broadcaster.dispatch import claim
from broadcaster.dispatch import stop as stops
from broadcaster.dispatch.claim import Batch, Due, Finished, Intent, Seen
from broadcaster.dispatch.dispatch import Patience, Settled, attempt_key, dedupe_key, settle
from broadcaster.dispatch.guard import Hold
from broadcaster.dispatch.revision import Words
from broadcaster.dispatch.road import Road
from broadcaster.errors import BroadcasterError, Busy
from broadcaster.ledger.store import Transaction
from broadcaster.ledger.writer import Writer

T = TypeVar("T")
log = logging.getLogger("broadcaster.lane")

WINDOW = 1024  # rows read ahead; they carry no intent, so a crash forgets them harmlessly
STOP_SEEN = 0.2  # seconds a look at the stops is good for, just before a request
AHEAD = 0.25  # seconds' worth of requests that may have an intent before they have a slot
GATHER = 0.02  # seconds a result waits at most for others to share its commit
SPARE = 1.02  # the rate is kept two per cent below the limit: requests that start apart may arrive a little closer
CATCH_UP = 0.02  # seconds of lateness that are made up
CLOCK_SET = 1.0  # seconds the wall clock must jump to count as set by somebody
MARGIN = 5.0  # seconds beyond the adapter's own deadline before the lane gives up on it
TROUBLE_WAIT = timedelta(seconds=1)  # between tries when the database cannot be written to, or read


class LaneTaken(Busy):
    """Another worker has opened this lane since; this one must not send any more."""

    def __init__(self, channel: str) -> None:
        super().__init__(
            f"Another `broadcaster run` is sending by {channel} since this one lost its hold on the database; this one has"
            " ended, and recorded its answers. See that only one is started."
        )


class LaneBroken(BroadcasterError):
    """One of the lane's own parts ended; what it had in hand is doubt, and is settled as such at the next start."""

    def __init__(self, channel: str) -> None:
        super().__init__(
            f"The lane {channel} has ended by a fault of its own. Start `broadcaster run` again: what was on its way stands"
            " as unknown and is not sent again. Keep the log for whoever looks after the program."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRules:
    """The limits of one channel account."""

    rate: float  # requests a second at most; 0.0 = no limit of ours
    concurrency: int
    timeout: float  # seconds, one request
    patience: Patience
    poll: timedelta = timedelta(seconds=1)  # how often it looks for what other processes changed
    price: tuple[int, int] | None = None  # (id, micros) in force


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Whose references these are."""

    office: str
    secret: bytes
    public_url: str = ""  # where opt-out pages are; "" = there are none
    recordings: Path = Path()  # where approved recordings are kept

    def key(self, dispatch: int, n: int) -> str:
        return attempt_key(self.office, dispatch, n, self.secret)


class Pacer:
    """Slots at even gaps, and in no second more than the rate: what counts is when requests really started.

    A start late by a few milliseconds is made up; else every timer's lateness would slow the lane, at 100/s by a twelfth.
    """

    def __init__(self, rate: float, clock: Clock) -> None:
        most = math.ceil(rate)
        self._gap = SPARE / rate if rate else 0.0
        self._span = self._gap * most  # holds at most `most` starts: a second, or a gap for slower rates
        self._starts: deque[float] = deque([-math.inf] * most, maxlen=most or 1)
        self._clock = clock
        self._next = 0.0
        self._turn = asyncio.Lock()
        self._closed = False
        self._sleeper: asyncio.Future[None] | None = None

    async def slot(self) -> None:
        """Return when a request may start; at once when closed, for whoever then finds that it may not."""
        if not self._gap:
            return
        async with self._turn:
            while not self._closed and (wait := self._earliest() - self._clock.monotonic()) > 0:
                moment = self._clock.now() + timedelta(microseconds=math.ceil(wait * 1e6))
                self._sleeper = asyncio.ensure_future(self._clock.sleep_until(moment))
                await asyncio.wait({self._sleeper})
            now = self._clock.monotonic()
            self._next = max(self._next, now - CATCH_UP) + self._gap
            self._starts.append(now)

    def _earliest(self) -> float:
        return max(self._next, self._starts[0] + self._span)

    def close(self) -> None:
        self._closed = True
        if self._sleeper:
            self._sleeper.cancel()


@dataclass(slots=True)
class _Window:
    """Rows read ahead, and how far each broadcast has been read."""

    rows: deque[Due] = field(default_factory=deque)
    read_to: dict[int, int] = field(default_factory=dict)
    progress: bool = False  # anything let through or closed since the reading last began anew


class Lane:
    """Drives one channel until `close`."""

    def __init__(
        self,
        channel: Channel,
        road: Road,
        rules: LaneRules,
        *,
        database: Database,
        writer: Writer,
        clock: Clock,
        signature: Signature,
        chance: Callable[[], float],
        refresh: Callable[[Transaction], None] = lambda _tx: None,
    ) -> None:
        self.channel = channel
        self.road = road
        self.rules = rules
        self._database, self._writer, self._clock = database, writer, clock
        self._signature, self._chance, self._refresh = signature, chance, refresh
        self._is_async = inspect.iscoroutinefunction(channel.send)
        self._pacer = Pacer(rules.rate, clock)
        self._queue: asyncio.Queue[Intent] = asyncio.Queue()
        self._window = _Window()
        self._held: dict[int, tuple[float, Hold]] = {}  # by broadcast, with the monotonic moment to ask again
        self._finished: list[Finished] = []
        self._epoch = 0
        self._open = 0  # intents without a recorded result
        self._waiting = 0  # of these, not begun
        self._rest_to = float("-inf")  # monotonic; a throttle holds the whole lane until then
        self._wall_ahead: float | None = None  # seconds the wall clock is ahead of the monotonic one
        self._seen = Seen()  # stops and pause as of the last intent
        self._looked = float("-inf")
        self._closing = False
        self._changed = asyncio.Event()
        self._flying = 0  # between slot and answer
        self._slotting = 0  # waiting for a slot
        self._overdue = False  # a result has waited long enough
        self._waits = False  # the working loop has nothing to write and nothing to read
        self._resting = False
        self._troubled = 0  # how many wait before they try to write again
        self.wakes_at: datetime | None = None
        self.paused = ""  # why the lane may not send, "" = it may
        self.last_work: datetime | None = None

    # -- what others may ask and say -----------------------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """No request is in flight and nothing is being written; all that is left waits for the clock."""
        if self._troubled:
            return not self._flying  # only the clock ends that wait
        return (
            self._waits
            and not (self._changed.is_set() or self._finished or self._flying)
            and (self._queue.empty() or self._slotting > 0)
        )

    @property
    def at_rest(self) -> bool:
        """Nothing is due that may leave: no intent without a recorded result, and none to be had before `wakes_at`."""
        return self._resting and self._open == 0 and not self._changed.is_set()

    def poke(self) -> None:
        """Something may have become due: look now."""
        self._held.clear()
        self._changed.set()

    def close(self) -> None:
        """No new request starts; `run` returns when the answers under way are recorded."""
        self._closing = True
        self._pacer.close()
        self._changed.set()

    # -- the work ------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Open the lane and drive it until `close`. Raises: LaneTaken; LaneBroken when a part of it ended by itself."""
        self._epoch = await self._writer.write(partial(claim.open_lane, channel=self.channel.name))
        work = asyncio.create_task(self._work_loop())
        senders = [asyncio.create_task(self._send_loop()) for _ in range(self.rules.concurrency)]
        try:
            done, _ = await asyncio.wait({work, *senders}, return_when=asyncio.FIRST_COMPLETED)
            if work not in done or work.cancelled():
                raise LaneBroken(self.channel.name) from _what_ended(done)
            taken = work.result()
        finally:
            for task in (work, *senders):
                task.cancel()
            await asyncio.gather(work, *senders, return_exceptions=True)
        if taken:
            raise LaneTaken(self.channel.name)

    async def _work_loop(self) -> bool:
        """Turn after turn: what came of the last requests and the next intents, in one transaction.

        While one commits, requests go on; what they come to goes into the next. Returns whether the lane was taken.
        """
        taken = False
        while self._open or not self._closing:
            finished, batch, wakes = await self._worth_writing()
            if batch or finished:
                taken = await self._turn(finished, batch) or taken
            elif self._closing or self._supplied or self._open >= 2 * self.rules.concurrency:
                await self._wait_changed()
            else:
                await self._rest(wakes)
        return taken

    async def _worth_writing(self) -> tuple[list[Finished], list[Due], datetime | None]:
        """Results, and rows to intend, for one transaction; if there are none, when to look again (None: when poked).

        While the senders have enough in hand, results wait a little for company.
        """
        batch: list[Due] = []
        wakes = None
        if self._supplied and not (self._overdue or self._closing):
            return [], batch, wakes
        if (rest := self._rest_to - self._clock.monotonic()) > 0:
            wakes = self._clock.now() + timedelta(microseconds=math.ceil(rest * 1e6))
        elif (room := self._room()) > 0 and not self._closing:
            batch, wakes = await self._next(room)
        finished, self._finished, self._overdue = self._finished, [], False
        return finished, batch, wakes

    @property
    def _supplied(self) -> bool:
        """The senders have enough in hand: half of what they can carry at once."""
        return self._waiting > self.rules.concurrency // 2

    def _room(self) -> int:
        """How many more intents may be recorded now, together with the results there are."""
        ahead = self.rules.concurrency
        if self.rules.rate:
            ahead = max(1, min(ahead, int(self.rules.rate * AHEAD)))
        open_then = self._open - len(self._finished)
        return min(2 * self.rules.concurrency - open_then, ahead - self._waiting)

    async def _next(self, room: int) -> tuple[list[Due], datetime | None]:
        """The next rows to try, at most `room`; else when it is worth looking again (None: when poked)."""
        window = self._window
        if not window.rows:
            try:
                wakes = await self._read()
            except Exception as error:  # a database that hung up ends no lane: it is asked again soon
                log.error("lane.cannot_read %s: %s", self.channel.name, error)
                return [], self._clock.now() + TROUBLE_WAIT
            if not window.rows:
                return [], wakes
        return [window.rows.popleft() for _ in range(min(room, len(window.rows)))], None

    async def _read(self) -> datetime | None:
        """Fill the window from the first broadcast that is not held; returns when a wait that has an end is over."""
        await self._follow_clock()
        now = self._clock.now()
        retry = await asyncio.to_thread(self._next_retry)
        if retry is not None and retry <= now:
            await self._write(partial(claim.wake, channel=self.channel.name))
            retry, self._window.progress = None, True  # they stand before what has been read
        self._held = {b: (at, hold) for b, (at, hold) in self._held.items() if at > self._clock.monotonic()}
        rows = await asyncio.to_thread(self._read_window, frozenset(self._held))
        self._window.rows.extend(rows)
        known = [retry, *(hold.until for _, hold in self._held.values())]
        return min([moment for moment in known if moment], default=None)

    async def _follow_clock(self) -> None:
        """When somebody has set the wall clock, what waits for it is asked again, and no retry waits longer for it."""
        ahead = self._clock.now().timestamp() - self._clock.monotonic()
        before, self._wall_ahead = self._wall_ahead, ahead
        if before is None or abs(ahead - before) < CLOCK_SET:
            return
        log.warning("lane.clock_set %s by %d s", self.channel.name, ahead - before)
        self._held.clear()
        if ahead < before:
            by = timedelta(seconds=before - ahead)
            await self._write(partial(claim.bring_forward, channel=self.channel.name, by=by))

    def _next_retry(self) -> datetime | None:
        with self._database.reading() as connection:
            return claim.next_retry(connection, self.channel.name)

    def _read_window(self, held: frozenset[int]) -> list[Due]:
        window = self._window
        with self._database.reading() as connection:
            ready = [b for b in claim.ready_broadcasts(connection, self.channel.name) if b not in held]
            window.read_to = {b: at for b, at in window.read_to.items() if b in ready}
            for broadcast in ready:
                after = window.read_to.get(broadcast, 0)
                rows = claim.window(connection, self.channel.name, broadcast, after=after, limit=WINDOW)
                if not rows and after and window.progress:  # back to those that were put back, or passed over
                    window.progress = False
                    rows = claim.window(connection, self.channel.name, broadcast, after=0, limit=WINDOW)
                if rows:
                    window.read_to[broadcast] = rows[-1].id
                    return rows
            if not window.progress:
                window.read_to.clear()
        return []

    async def _turn(self, finished: list[Finished], batch: list[Due]) -> bool:
        """Write the results, then the intents; True if another worker has opened the lane."""
        began = self._clock.monotonic()
        try:
            got = await self._writer.write(partial(self._record, finished=finished, batch=batch))
        except Exception as error:
            await self._trouble(error)
            # If the commit's answer was lost, the batch may stand as `sending`; none of it has begun.
            finished = finished + [Finished(due=due, n=due.attempts + 1, settled=None) for due in batch]
            got = await self._write(partial(self._record, finished=finished, batch=[]))
            self._open += len(batch)
            self._window = _Window()
        self._recorded(finished)
        if not batch or got is None:
            return False
        self._seen, self._looked = got.seen, began
        self.paused = "" if got.lane == "epoch" else got.lane
        if got.lane == "epoch":
            self._closing = True  # the answers under way are still evidence
        elif got.lane:
            self._window = _Window()
            await self._rest(None)
        else:
            self._intended(got)
        return got.lane == "epoch"

    def _record(self, tx: Transaction, finished: list[Finished], batch: list[Due]) -> Batch | None:
        """What one turn writes. The stops' lock comes first, as everywhere."""
        stops.share_lock(tx.connection)
        if finished:
            claim.conclude(tx, self.channel.name, finished, price=self.rules.price)
        for one in finished:
            if one.settled and one.settled.lane_pauses:
                claim.pause_lane(tx, self.channel.name, one.settled.lane_pauses)
        return claim.intend(tx, self.road, self._epoch, batch, refresh=self._refresh) if batch else None

    def _recorded(self, finished: list[Finished]) -> None:
        if not finished:
            return
        self._open -= len(finished)
        if any(one.settled is not None and one.settled.counts for one in finished):
            self.last_work = self._clock.now()  # what was put back is no completed work
        if any(one.settled is None or not one.settled.counts for one in finished):
            self._window.progress = True  # some were put back: read from the start again

    def _intended(self, got: Batch) -> None:
        for broadcast, hold in got.held.items():
            wait = hold.until - self._clock.now() if hold.until else self.rules.poll
            self._held[broadcast] = (self._clock.monotonic() + wait.total_seconds(), hold)
        if got.held:
            self._window.rows = deque(due for due in self._window.rows if due.broadcast not in got.held)
            self._window.read_to = {b: at for b, at in self._window.read_to.items() if b not in got.held}
        self._window.progress |= bool(got.intents or got.closed)
        self._open += len(got.intents)
        self._waiting += len(got.intents)
        for intent in got.intents:
            self._queue.put_nowait(intent)

    async def _send_loop(self) -> None:
        while True:
            intent = await self._queue.get()
            self._slotting += 1
            await self._pacer.slot()
            self._slotting -= 1
            self._flying += 1
            may_begin = await self._may_begin(intent)
            self._waiting -= 1
            if not self._supplied:
                self._changed.set()  # time for the next intents, so that they are on disk before the senders run dry
            settled = await self._ask(intent) if may_begin else None
            self._react(settled)
            self._finish(Finished(due=intent.due, n=intent.n, settled=settled))

    def _finish(self, finished: Finished) -> None:
        if not self._finished:
            asyncio.get_running_loop().call_later(GATHER, self._hurry, finished)
        self._finished.append(finished)
        self._flying -= 1
        if self._closing or not self._supplied:
            self._changed.set()

    def _hurry(self, finished: Finished) -> None:
        """It has waited long enough for company."""
        if self._finished and self._finished[0] is finished:
            self._overdue = True
            self._changed.set()

    async def _may_begin(self, intent: Intent) -> bool:
        """One last look before the socket: closing, throttled, expired, or a stop set since the intent."""
        now = self._clock.now()
        if self._closing or self.paused or now >= intent.expires_at or self._rest_to > self._clock.monotonic():
            return False
        if self._clock.monotonic() - self._looked > STOP_SEEN:
            try:
                seen = await asyncio.to_thread(self._look)
            except Exception as error:  # what cannot be asked is not allowed
                log.error("lane.cannot_look %s: %s", self.channel.name, error)
                return False
            self._looked = self._clock.monotonic()
            if seen != self._seen:
                return False
        return True

    def _look(self) -> Seen:
        with self._database.reading() as connection:
            return claim.look(connection, self.channel.name, self._clock.now())

    async def _ask(self, intent: Intent) -> Settled:
        """One request; whatever comes of it."""
        answer: Accepted | SendError
        try:
            answer = await self._send(self._outgoing(intent))
        except SendError as error:
            answer = error
        except TimeoutError:
            answer = OutcomeUnknown("The adapter did not answer in its time.")
        except (KeyboardInterrupt, GeneratorExit):
            raise  # somebody ends the program
        except BaseException as error:  # an adapter's own fault, be it a cancellation: what left is not known
            if _is_ended(error):
                raise
            log.exception("lane.adapter_fault %s", self.channel.name)
            answer = OutcomeUnknown(f"The adapter failed with {type(error).__name__}.")
        return settle(
            answer, attempts=intent.counted, now=self._clock.now(), patience=self.rules.patience, chance=self._chance
        )

    async def _send(self, outgoing: Outgoing) -> Accepted:
        async with asyncio.timeout(self.rules.timeout + MARGIN):
            if self._is_async:
                return await cast(Awaitable[Accepted], self.channel.send(outgoing, timeout=self.rules.timeout))
            answer = await asyncio.to_thread(self._call, outgoing)
            if isinstance(answer, BaseException):
                raise answer
            return answer

    def _call(self, outgoing: Outgoing) -> Accepted | BaseException:
        """A synchronous adapter's answer; what it raises is handed over as a value, since not every future carries all."""
        try:
            return cast(Accepted, self.channel.send(outgoing, timeout=self.rules.timeout))
        except SendError as error:
            return error
        except BaseException as error:
            log.exception("lane.adapter_fault %s", self.channel.name)
            return OutcomeUnknown(f"The adapter failed with {type(error).__name__}.")

    def _outgoing(self, intent: Intent) -> Outgoing:
        made = outgoing_for(intent.due, intent.n, intent.words, intent.expires_at, intent.published_at, self._signature)
        return msgspec.structs.replace(made, urgent=True) if intent.urgent else made

    def _react(self, settled: Settled | None) -> None:
        """What one answer means for the whole lane."""
        if settled is None:
            return
        if settled.lane_waits is not None:
            self._rest_to = max(self._rest_to, self._clock.monotonic() + settled.lane_waits.total_seconds())
        if settled.lane_pauses:
            self.paused = settled.lane_pauses

    async def _write(self, work: Callable[[Transaction], T]) -> T:
        """Write until it is written: an answer from a provider is never thrown away."""
        while True:
            try:
                return await self._writer.write(work)
            except Exception as error:
                await self._trouble(error)

    async def _trouble(self, error: Exception) -> None:
        log.error("lane.cannot_write %s: %s", self.channel.name, error)
        self._troubled += 1
        await self._clock.sleep_until(self._clock.now() + TROUBLE_WAIT)
        self._troubled -= 1

    # -- waiting -------------------------------------------------------------------------------------------------------

    async def _wait_changed(self) -> None:
        self._waits = True
        await self._changed.wait()
        self._waits = False
        self._changed.clear()

    async def _rest(self, until: datetime | None) -> None:
        """Wait for a change, for `until`, or for the next poll."""
        limit = self._clock.now() + self.rules.poll
        self.wakes_at = until
        self._waits = self._resting = True
        timer = asyncio.ensure_future(self._clock.sleep_until(min(until, limit) if until else limit))
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait({timer, changed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            changed.cancel()
            self._changed.clear()
            self._waits = self._resting = False


def _is_ended(error: BaseException) -> bool:
    """Whether this task itself is being ended, which is no fault of the adapter's."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


def _what_ended(done: set[asyncio.Task[Any]]) -> BaseException | None:
    return next((task.exception() for task in done if not task.cancelled() and task.exception()), None)


def outgoing_for(
    due: Due, n: int, words: Words, expires_at: datetime, published_at: datetime, signature: Signature
) -> Outgoing:
    """What the channel is given for one attempt; the look-up of a lost answer asks with the same value.

    Raises: Misconfigured if the text promises a person an opt-out link, and there is no public address for it.
    """
    opt_out = opt_out_link.link(
        signature.public_url, signature.secret, kind=due.kind, address=due.address, salt=due.salt
    )
    if not opt_out and opt_out_link.PLACEHOLDER in words.text and due.kind in opt_out_link.PERSONAL:
        raise Misconfigured(
            "The text holds {{ opt_out }}, but `public_url` in [web] is empty: set it, or take the link out of the message."
        )
    return Outgoing(
        key=signature.key(due.id, n),
        dedupe_key=dedupe_key(signature.office, due.id),
        to=due.to,
        text=words.text.replace(opt_out_link.PLACEHOLDER, opt_out),
        title=words.title,
        language=due.language,
        link=message_link.link(signature.public_url, words.message),
        media=tuple(msgspec.structs.replace(one, path=str(signature.recordings / one.path)) for one in words.media),
        receipt_link=officer_link.bulletin_link(signature.public_url, signature.secret, kind=due.kind, dispatch=due.id),
        opt_out=opt_out,
        expires_at=expires_at,
        published_at=published_at,
        category=words.category,
    )
