"""The contract between the queue and the outside world: what a channel is given, what it answers, what it may raise.

Plug-ins stand on this file: fields may be added, none is renamed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol, runtime_checkable
from zoneinfo import ZoneInfo

import msgspec

from broadcaster.errors import BroadcasterError

KEY_LENGTH = 48  # the shortest reference field of the providers we know: Zalo's tracking_id
CLOCKS_APART = timedelta(minutes=10)  # how far a provider's midnight may lie from ours
ANSWER_LIMIT = 256 * 1024  # bytes of an answer we are willing to read


class Media(msgspec.Struct, frozen=True, kw_only=True):
    """One approved file."""

    name: str
    mime_type: str
    sha256: str  # hex
    path: str  # where the approved copy lies on this machine


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """What one address gets: rendered and approved. A channel never edits it."""

    key: str  # attempt reference, at most 48 ASCII characters, unique per attempt
    dedupe_key: str  # the same on every attempt of one dispatch
    to: str  # address in the channel's own form
    text: str
    title: str
    language: str  # BCP 47
    link: str  # public page of the message, "" if none; a feed has a page of its own, and takes no notice
    media: tuple[Media, ...] = ()
    expires_at: datetime  # aware UTC; not sent after it
    published_at: datetime | None = None  # aware UTC; the nominal time of the broadcast, for channels that print it
    category: str = ""  # the message's category, for channels that file by it
    urgent: bool = False  # its schedule says priority, for channels that tell the two apart
    receipt_link: str = ""  # where a commune's officer says what became of it; "" if there is none
    opt_out: str = ""  # this person's opt-out page, already in the text where it asks for it; "" if there is none


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The provider took it. This is not yet "delivered"."""

    provider_id: str
    parts: int = 1  # billable units


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The provider's later word about one attempt."""

    state: Literal["accepted", "delivered", "undelivered"]
    provider_id: str = ""
    key: str = ""  # our attempt reference, when the provider echoes it
    reason: str = ""
    event_id: str = ""  # the provider's own id of this event, for de-duplication; "" if it has none
    parts: int = 0  # billable units, when the provider says them; 0 = unsaid
    suppress: bool = False  # the address is dead or has refused (a hard bounce, a block): write to it no more


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """What a person said or did back. The text is held as long as a person must read it, and never logged."""

    sender: str  # address in the channel's own form
    address: str = ""  # kind of the address, where it is not the one the channel sends to; "" = it is
    kind: Literal["words", "left"] = "words"  # left: blocked us, unfollowed, unsubscribed by the provider's own button
    text: str = ""
    event_id: str = ""  # the provider's own id of this event, for de-duplication


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What is left on the account the channel sends from."""

    micros: int  # millionths of the currency; below zero where a provider lends
    currency: str  # ISO 4217


class SendError(BroadcasterError):
    """No acceptance. `code` is the provider's own code, for the log; the text never holds an address or a secret."""

    def __init__(self, text: str, *, code: str = "") -> None:
        super().__init__(text)
        self.code = code


class Refused(SendError):
    """Certainly not sent, and never will be. `suppress`: the person opted out or is gone; write it to the suppressions."""

    def __init__(self, text: str, *, code: str = "", suppress: bool = False) -> None:
        super().__init__(text, code=code)
        self.suppress = suppress


class NotAccepted(SendError):
    """Certainly not sent. Tried again with back-off; counts as an attempt."""


class Throttled(SendError):
    """Certainly not sent: too fast, out of quota, outside the provider's hours. Waits; does not count as an attempt."""

    def __init__(self, text: str, *, wait: timedelta, code: str = "") -> None:
        super().__init__(text, code=code)
        self.wait = wait


class Misconfigured(SendError):
    """Certainly not sent: token, balance, sender name. Pauses the lane and tells a person; the audience is not burnt."""


class OutcomeUnknown(SendError):
    """Perhaps sent: the answer was lost or cannot be read. Reconciled, never blindly resent."""


Unit = Literal["person", "audience", "public"]
AfterSilence = Literal["repeat", "look_up", "await_callback", "ask"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What the planner, the worker and the screen must know before calling."""

    unit: Unit  # whom one request reaches
    address: str  # kind of address it takes: "phone", "email", "telegram", ...; for unit "public" the channel is its own address
    after_silence: AfterSilence  # how a lost answer may be settled
    repeat_within: timedelta | None = None  # "repeat" holds so long after the first attempt in doubt; None = for ever
    repeat_day: str = ""  # and only on the same day of this IANA zone, "" = any
    receipts: Literal["push", "poll", "none"] = "none"
    forms: tuple[str, ...]  # forms it can carry, in order of preference
    max_length: int  # characters of the text; 0 = no limit of its own
    hours: str = ""  # provider's own allowed hours, "HH:MM-HH:MM" local, "" = any
    needs_provider_approval: bool = False
    review_lead: timedelta = (
        timedelta()
    )  # how long the provider looks a message through, after taking it, before it is out

    def repeats_since(self, now: datetime) -> datetime | None:
        """At `now`, only what was first tried after this moment may be repeated; None: whatever its age."""
        moments = [] if self.repeat_within is None else [now - self.repeat_within]
        if self.repeat_day:
            local = (now + CLOCKS_APART).astimezone(ZoneInfo(self.repeat_day))
            moments.append(local.replace(hour=0, minute=0, second=0, microsecond=0) + CLOCKS_APART)
        return max(moments).astimezone(UTC) if moments else None


class Channel(Protocol):
    """One way of reaching people. Shared by tasks; holds no database session.

    A class found through the entry point `broadcaster.channels` is called as `Adapter(name, settings)`, where
    `settings` is a `broadcaster.config.ChannelSettings`.
    """

    name: str
    traits: Traits

    def check(self, outgoing: Outgoing) -> list[str]:
        """Sentences an author can act on; no network. Empty means sendable."""

    def send(self, outgoing: Outgoing, *, timeout: float) -> Awaitable[Accepted] | Accepted:
        """Hand over one message once, within `timeout` seconds in all: one request, no retry inside.

        May be `async def`, or plain `def`, which is run on a thread.
        Raises: Refused, NotAccepted, Throttled, Misconfigured, OutcomeUnknown; nothing else.
        """

    async def close(self) -> None:
        """Give back connections and files; may be called twice."""


@runtime_checkable
class ReadsCallbacks(Protocol):
    """For providers that call back, at `{public_url}/hooks/<adapter>/<channel>`, or `.../<channel>/<hook_token>`.

    A channel whose provider signs nothing has an attribute `hook_token`: the path must end with it, or the call is
    refused before the channel sees it. `hook_body_most`, an attribute too, is for callbacks of more than 64 KiB.
    """

    def read_callback(self, headers: Mapping[str, str], body: bytes) -> Sequence[Delivery | Inbound]:
        """Verify, then translate. Raises: NotAllowed if the signature is wrong; WrongUse for what cannot be read.

        `headers` have lower-case names, and three that no client can send: `:method`, `:path` and `:query` (raw, without
        the question mark). `body` is what arrived; for a GET it is the query.
        """


@runtime_checkable
class AnswersPeople(Protocol):
    """For providers that say, within the answer to a callback, what the person is told: one confirmation of an opt-out."""

    def answer(self, inbound: Inbound, text: str) -> tuple[str, bytes]:
        """(content type, body) of the answer that makes the provider say `text` to whoever wrote."""


@runtime_checkable
class Polls(Protocol):
    """For providers that can be asked how messages they accepted have fared."""

    async def poll(self, provider_ids: Sequence[str], *, timeout: float) -> Sequence[Delivery]:
        """What is known by now of some of these, each with its `provider_id`; those without news are left out.

        `timeout` is for all of it, in seconds. Raises: any of the five errors if it cannot be asked.
        """


@runtime_checkable
class Fetches(Protocol):
    """For providers that keep what people said until somebody fetches it; asked where providers cannot reach us."""

    async def fetch(self, mark: str, *, timeout: float) -> tuple[Sequence[Inbound], str]:
        """The next that came after `mark` ("" at first), and the new mark; the same mark when there is nothing.

        Asking with an old mark gives the same again, so the mark is kept in the transaction that keeps what it brought.
        Only one may ask. Raises: any of the five errors if it cannot be asked.
        """


@runtime_checkable
class LooksUp(Protocol):
    """For providers that can be asked about a message whose answer was lost."""

    async def find(self, outgoing: Outgoing, *, since: datetime, timeout: float) -> Accepted | None:
        """The acceptance if the provider has it; None if its list, read now, does not hold it.

        None once proves nothing: the reconciler reads twice, ten minutes apart. Raises: OutcomeUnknown if it cannot be asked.
        """


@runtime_checkable
class TellsBalance(Protocol):
    """For providers that can be asked what is left on the account."""

    async def balance(self, *, timeout: float) -> Balance:
        """One request, asked at most hourly. Raises: any of the five errors if it cannot be asked."""


@runtime_checkable
class TakesDown(Protocol):
    """For channels that can remove or mark what they published."""

    def take_down(self, provider_id: str) -> None:
        """Remove it, or leave a notice in its place; repeatable."""
