"""Every table, in the order of the flow. Values elsewhere are frozen dataclasses; these classes are the schema.

Moments are stored as integer microseconds since 1970 UTC (`Instant`), the same on both databases, and come back aware.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    """Aware datetime to the stored integer. Raises: ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a naive datetime has no place in the database")
    return (moment - EPOCH) // MICROSECOND


def from_micros(value: int) -> datetime:
    return EPOCH + timedelta(microseconds=value)


class Instant(TypeDecorator[datetime]):
    """An aware datetime as integer microseconds UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else to_micros(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else from_micros(value)


# SQLite gives an INTEGER PRIMARY KEY its fast rowid only under that very name.
BigKey = BigInteger().with_variant(Integer, "sqlite")


class Row(SQLModel):
    """Root of all tables; one metadata for both databases."""

    metadata = MetaData()


# -- access -----------------------------------------------------------------------------------------------------------


class User(Row, table=True):
    """Somebody who may act. `roles` is a comma-separated, sorted list."""

    __tablename__ = "user_account"
    name: str = Field(primary_key=True)
    roles: str
    password_hash: str
    disabled: bool = False
    created_at: datetime = Field(sa_type=Instant)
    must_change: bool = False  # the password was given out, not chosen


class Countersign(Row, table=True):
    """The first half of an act that needs two people; the second half is `signed_by`."""

    __tablename__ = "countersign"
    __table_args__ = (CheckConstraint("signed_by IS NULL OR signed_by <> asked_by", name="countersign_two_people"),)
    id: int | None = Field(default=None, primary_key=True)
    act: str = Field(index=True)  # "stop.lift", "dispatch.resend", ...
    subject: str  # canonical text of exactly what is asked; both calls must match
    asked_by: str
    asked_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    signed_by: str | None = None
    signed_at: datetime | None = Field(default=None, sa_type=Instant)


class WebSession(Row, table=True):
    """Somebody signed in at the web desk. The cookie holds a token; only its SHA-256 is here."""

    __tablename__ = "web_session"
    key: str = Field(primary_key=True)  # SHA-256 of the token, hex
    name: str = Field(index=True)  # of the user
    created_at: datetime = Field(sa_type=Instant)
    seen_at: datetime = Field(sa_type=Instant)
    second: bool = False  # the second factor was given, or is not asked of this user
    note: str = ""  # shown once, on the next page


class SecondFactor(Row, table=True):
    """A user's authenticator (RFC 6238). `secret` is sealed with a key derived from the office key."""

    __tablename__ = "second_factor"
    name: str = Field(primary_key=True)
    secret: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    confirmed_at: datetime | None = Field(default=None, sa_type=Instant)
    step: int = Field(default=0, sa_type=BigInteger)  # of the last code taken: none is taken twice


class RecoveryCode(Row, table=True):
    """Stands in for a lost authenticator, once."""

    __tablename__ = "recovery_code"
    __table_args__ = (PrimaryKeyConstraint("name", "key"),)
    name: str
    key: str  # SHA-256 of the code, hex


class ApiToken(Row, table=True):
    """A program's key to the API: what it may do, for whom, until when. Only the token's SHA-256 is here."""

    __tablename__ = "api_token"
    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True)
    name: str  # of the user it acts for
    label: str
    acts: str  # comma-separated, sorted
    created_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
    used_at: datetime | None = Field(default=None, sa_type=Instant)


# -- content and approval ---------------------------------------------------------------------------------------------


class Revision(Row, table=True):
    """An immutable snapshot of a message; `hash` is the SHA-256 of `canonical`."""

    __tablename__ = "revision"
    hash: str = Field(primary_key=True)
    message_id: str = Field(index=True)
    category: str
    canonical: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    valid_from: date | None = None
    valid_until: date | None = None  # inclusive
    created_at: datetime = Field(sa_type=Instant)


class RevisionFact(Row, table=True):
    """Which facts a revision quotes, and the value it quotes (a digest of everything of the fact that shows)."""

    __tablename__ = "revision_fact"
    revision_hash: str = Field(primary_key=True, foreign_key="revision.hash")
    fact: str = Field(primary_key=True, index=True)
    digest: str


class Fact(Row, table=True):
    """The facts file as last read; the guard compares with it. No row = the fact is gone."""

    __tablename__ = "fact"
    name: str = Field(primary_key=True)
    digest: str
    value: str
    verify_by: date
    seen_at: datetime = Field(sa_type=Instant)


class Edit(Row, table=True):
    """Who saved a message in the editor, and when; editors since the last approved revision may not approve."""

    __tablename__ = "edit"
    id: int | None = Field(default=None, primary_key=True)
    message_id: str = Field(index=True)
    editor: str
    at: datetime = Field(sa_type=Instant)


class Approval(Row, table=True):
    """A second person's decision about exactly one thing: a revision, a campaign plan, an ad-hoc broadcast.

    `subject` is the hash of that thing; `name` is the message id, campaign id or broadcast id it belongs to.
    States: submitted, approved, rejected, withdrawn, superseded, expired.
    """

    __tablename__ = "approval"
    __table_args__ = (
        CheckConstraint(
            "decided_by IS NULL OR two_person = false OR state <> 'approved' OR decided_by <> submitted_by",
            name="approval_two_people",
        ),
        CheckConstraint("kind IN ('revision', 'plan', 'broadcast')", name="approval_kind"),
        CheckConstraint(
            "state IN ('submitted', 'approved', 'rejected', 'withdrawn', 'superseded', 'expired')", name="approval_state"
        ),
        CheckConstraint("state <> 'rejected' OR reason <> ''", name="approval_reason"),
        Index("approval_open", "kind", "name", unique=True, sqlite_where=text("state = 'submitted'"),
              postgresql_where=text("state = 'submitted'")),
        Index("approval_live", "kind", "name", unique=True, sqlite_where=text("state = 'approved'"),
              postgresql_where=text("state = 'approved'")),
        Index("approval_subject", "kind", "subject"),
        Index("approval_name", "kind", "name"),
    )  # fmt: skip
    id: int | None = Field(default=None, primary_key=True)
    kind: str
    name: str
    subject: str
    state: str
    submitted_by: str
    submitted_at: datetime = Field(sa_type=Instant)
    decided_by: str | None = None
    decided_at: datetime | None = Field(default=None, sa_type=Instant)
    reason: str = ""
    ended_by: str | None = None  # who withdrew or superseded it
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
    two_person: bool = True
    decided_for: str | None = None  # the approver on leave in whose place `decided_by` decided


class ApprovalEditor(Row, table=True):
    """Who may not approve this, besides its submitter; filled on submit, held by a trigger."""

    __tablename__ = "approval_editor"
    approval_id: int = Field(primary_key=True, foreign_key="approval.id")
    editor: str = Field(primary_key=True)


class Delegation(Row, table=True):
    """An approver on leave names who decides meanwhile. What was granted stands still, by trigger; it may be ended."""

    __tablename__ = "delegation"
    __table_args__ = (CheckConstraint("approver <> delegate AND since < until", name="delegation_whole"),)
    id: int | None = Field(default=None, primary_key=True)
    approver: str
    delegate: str = Field(index=True)
    since: datetime = Field(sa_type=Instant)
    until: datetime = Field(sa_type=Instant)
    granted_at: datetime = Field(sa_type=Instant)
    ended_by: str = ""
    ended_at: datetime | None = Field(default=None, sa_type=Instant)


# -- audience ---------------------------------------------------------------------------------------------------------


class Contact(Row, table=True):
    """A person or an institution. An erased one keeps its row, without name and salt."""

    __tablename__ = "contact"
    id: int | None = Field(default=None, sa_column=Column(BigKey, primary_key=True))
    name: str = ""
    language: str = ""  # BCP 47; "" = the campaign's first
    commune: str = Field(default="", index=True)
    consent_source: str = ""
    consent_date: date | None = None
    salt: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    created_at: datetime = Field(sa_type=Instant)
    erased_at: datetime | None = Field(default=None, sa_type=Instant)


class Address(Row, table=True):
    """How a channel reaches a contact. `value` is normalised (E.164, lower-case mail, ...); NULL once erased.

    For a channel whose unit is "public" there is one address without a contact: kind "public", value = channel name.
    `key` = HMAC-SHA256(office key, kind ":" value): what suppressions are matched by.
    """

    __tablename__ = "address"
    __table_args__ = (UniqueConstraint("kind", "value", name="address_once"), Index("address_key", "key"))
    id: int | None = Field(default=None, sa_column=Column(BigKey, primary_key=True))
    contact_id: int | None = Field(sa_column=Column(BigKey, ForeignKey("contact.id"), index=True))
    kind: str
    value: str | None
    key: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class Group(Row, table=True):
    """A named set of contacts."""

    __tablename__ = "audience_group"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    created_at: datetime = Field(sa_type=Instant)


class Member(Row, table=True):
    __tablename__ = "member"
    __table_args__ = (
        PrimaryKeyConstraint("group_id", "contact_id"),
        {"sqlite_with_rowid": False},
    )
    group_id: int = Field(sa_column=Column(Integer, ForeignKey("audience_group.id"), nullable=False))
    contact_id: int = Field(sa_column=Column(BigKey, ForeignKey("contact.id"), nullable=False))


class Suppression(Row, table=True):
    """A withdrawal of permission. Survives erasure; always wins."""

    __tablename__ = "suppression"
    key: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    kind: str  # of address
    reason: str  # opt_out, provider, erased, ...
    source: str = ""  # by which road it came
    at: datetime = Field(sa_type=Instant)


# -- schedule ---------------------------------------------------------------------------------------------------------


class Campaign(Row, table=True):
    """A campaign with an approved plan. States: planned, running, paused, done, cancelled."""

    __tablename__ = "campaign"
    id: str = Field(primary_key=True)
    title: str
    state: str
    plan_hash: str  # the approved plan in force
    since: date  # first day, inclusive, in `timezone`
    until: date  # last day, inclusive
    timezone: str
    report_due: date | None = None
    planned_to: datetime | None = Field(default=None, sa_type=Instant)  # occurrences up to here have rows


class Plan(Row, table=True):
    """What was submitted for approval: `hash` is the SHA-256 of `canonical`."""

    __tablename__ = "plan"
    hash: str = Field(primary_key=True)
    campaign_id: str = Field(index=True)
    canonical: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    headcount: int
    created_at: datetime = Field(sa_type=Instant)


# -- dispatch ---------------------------------------------------------------------------------------------------------


class Broadcast(Row, table=True):
    """One message at one nominal local time. Everything the guard needs stands here as rows; no file is read.

    States: submitted, rejected, planned, running, paused, done, expired, cancelled.
    """

    __tablename__ = "broadcast"
    __table_args__ = (
        Index("broadcast_occurrence", "campaign_id", "schedule_id", "local", "message_id", unique=True,
              sqlite_where=text("schedule_id <> ''"), postgresql_where=text("schedule_id <> ''")),
        Index("broadcast_due", "state", "due_at"),
        CheckConstraint(
            "state IN ('submitted','rejected','planned','running','paused','done','expired','cancelled')",
            name="broadcast_state",
        ),
    )  # fmt: skip
    id: int | None = Field(default=None, primary_key=True)
    campaign_id: str | None = Field(default=None, index=True)
    schedule_id: str = ""  # "" = ad hoc
    local: str  # nominal local time, "2027-07-01T08:00"
    message_id: str
    state: str
    paused_from: str = ""  # the state to go back to
    authority: str  # hash that must stand approved: plan hash, or the ad-hoc hash
    authority_kind: str  # "plan" | "broadcast"
    revision_hash: str | None = Field(default=None, foreign_key="revision.hash")  # frozen at start
    due_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)  # nothing starts at or after it
    if_missed: str = "latest"  # latest | all | none
    timezone: str
    quiet_hours: str  # "21:30-08:00" or ""
    blackout: str = ""  # "2027-07-20/2027-07-21,..." local dates, inclusive
    cap_per_24h: int
    require_consent: bool
    channels: str  # JSON list of chains: [["zalo","sms"],["web"]]
    group_id: int | None = Field(default=None, foreign_key="audience_group.id")
    language: str  # a tag, or "contact"
    languages: str  # the campaign's, comma-separated, first = default
    priority: int = 0  # 1 = priority
    expansion: str = ""  # JSON cursor of the expansion; "" = not begun, "done" = complete
    planned: int = 0  # dispatches there are, or that an expired one would have had
    held: str = ""  # why the guard holds it: stale, not_approved, tampered, quiet_hours, ...
    created_by: str = ""
    created_at: datetime = Field(sa_type=Instant)
    started_at: datetime | None = Field(default=None, sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
    # JSON {"state", "reason", "actor"} while what has not left is being closed; "" else
    ending: str = Field(default="", sa_column=Column(String, nullable=False, server_default=""))
    sender: str | None = None  # of an ad-hoc one: what people see it comes from, as approved
    # seconds without a receipt after which the next channel of a chain is used; 0 = only after a definite failure
    fallback_after: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default=text("0")))
    corrects: int | None = None  # the broadcast it corrects


class Dispatch(Row, table=True):
    """One broadcast to one address over one channel. Moves are `dispatch.dispatch.MOVES`; a trigger refuses others."""

    __tablename__ = "dispatch"
    __table_args__ = (
        UniqueConstraint("broadcast_id", "channel", "address_id", "edition", name="dispatch_once"),
        Index("dispatch_ready", "channel", "broadcast_id", "id", sqlite_where=text("state = 'planned'"),
              postgresql_where=text("state = 'planned'")),
        Index("dispatch_waiting", "channel", "not_before", sqlite_where=text("state = 'retry_wait'"),
              postgresql_where=text("state = 'retry_wait'")),
        Index("dispatch_doubt", "channel", "state", sqlite_where=text("state IN ('sending', 'unknown')"),
              postgresql_where=text("state IN ('sending', 'unknown')")),
        Index("dispatch_recent", "address_id", "sent_at", sqlite_where=text("sent_at IS NOT NULL"),
              postgresql_where=text("sent_at IS NOT NULL")),
        Index("dispatch_fell", "broadcast_id", "channel", "id",
              sqlite_where=text("state IN ('failed', 'undelivered', 'suppressed')"),
              postgresql_where=text("state IN ('failed', 'undelivered', 'suppressed')")),
        Index("dispatch_fallback", "fallback_of", unique=True, sqlite_where=text("fallback_of IS NOT NULL"),
              postgresql_where=text("fallback_of IS NOT NULL")),
    )  # fmt: skip
    id: int | None = Field(default=None, sa_column=Column(BigKey, primary_key=True))
    broadcast_id: int = Field(foreign_key="broadcast.id")
    channel: str
    address_id: int = Field(sa_column=Column(BigKey, ForeignKey("address.id"), nullable=False))
    edition: str = ""  # language of one edition on a public channel; "" for people
    language: str
    state: str = "planned"
    attempts: int = 0  # tries begun; the number in the next attempt's reference is one more
    uncounted: int = 0  # of these, tries that do not count: throttled, misconfigured, never begun
    not_before: datetime | None = Field(default=None, sa_type=Instant)  # of a retry
    sent_at: datetime | None = Field(
        default=None, sa_type=Instant
    )  # of the last intent; NULL if certainly nothing left
    provider_id: str | None = None
    reason: str | None = None
    # the dispatch of the same person, earlier in the chain, whose place it takes
    fallback_of: int | None = Field(default=None, sa_column=Column(BigKey))


class Attempt(Row, table=True):
    """One try: an intent, then a result."""

    __tablename__ = "attempt"
    __table_args__ = (
        PrimaryKeyConstraint("dispatch_id", "n"),
        Index("attempt_provider", "provider_id", sqlite_where=text("provider_id IS NOT NULL"),
              postgresql_where=text("provider_id IS NOT NULL")),
        {"sqlite_with_rowid": False},
    )  # fmt: skip
    dispatch_id: int = Field(sa_column=Column(BigKey, ForeignKey("dispatch.id"), nullable=False))
    n: int
    epoch: int  # of the lane
    intent_at: datetime = Field(sa_type=Instant)
    result_at: datetime | None = Field(default=None, sa_type=Instant)
    outcome: str | None = (
        None  # accepted, refused, not_accepted, throttled, misconfigured, unknown, orphan, not_started
    )
    code: str | None = None  # the provider's own
    provider_id: str | None = None
    parts: int = 0
    price_id: int | None = None
    looked_at: datetime | None = Field(default=None, sa_type=Instant)  # first look-up that found nothing


class PriceRow(Row, table=True):
    """A dated unit price of a channel; a cost is the sum over accepted attempts of parts x the price then in force."""

    __tablename__ = "price"
    id: int | None = Field(default=None, primary_key=True)
    channel: str = Field(index=True)
    amount: int = Field(sa_type=BigInteger)  # millionths of the currency, per part
    currency: str
    since: datetime = Field(sa_type=Instant)


class Correction(Row, table=True):
    """A wrong text was out: who said so, why, and which message sets it right."""

    __tablename__ = "correction"
    __table_args__ = (UniqueConstraint("broadcast_id", name="correction_once"),)
    id: int | None = Field(default=None, primary_key=True)
    broadcast_id: int = Field(foreign_key="broadcast.id")
    message_id: str
    reason: str
    asked_by: str
    asked_at: datetime = Field(sa_type=Instant)


class TakeDown(Row, table=True):
    """What became of taking one published thing back. States: done, failed."""

    __tablename__ = "take_down"
    dispatch_id: int = Field(sa_column=Column(BigKey, ForeignKey("dispatch.id"), primary_key=True, autoincrement=False))
    correction_id: int = Field(foreign_key="correction.id")
    state: str
    reason: str
    at: datetime = Field(sa_type=Instant)


class Printed(Row, table=True):
    """A text that was made into a piece on paper: whoever corrects the text must think of the walls it hangs on."""

    __tablename__ = "printed"
    __table_args__ = (Index("printed_revision", "revision_hash"),)
    id: int | None = Field(default=None, primary_key=True)
    revision_hash: str = Field(foreign_key="revision.hash")
    piece: str
    language: str
    sha256: str  # hex, of the file
    made_by: str
    made_at: datetime = Field(sa_type=Instant)


class Tally(Row, table=True):
    """How many dispatches of a broadcast stand where; kept in step in the same transaction."""

    __tablename__ = "tally"
    broadcast_id: int = Field(primary_key=True, foreign_key="broadcast.id")
    channel: str = Field(primary_key=True)
    state: str = Field(primary_key=True)
    n: int


class Lane(Row, table=True):
    """One channel account. `epoch` fences a late worker; `paused` holds the reason, "" = open."""

    __tablename__ = "lane"
    channel: str = Field(primary_key=True)
    epoch: int = 0
    paused: str = ""
    paused_at: datetime | None = Field(default=None, sa_type=Instant)


class Balance(Row, table=True):
    """What a provider last said is left on the account. `amount` NULL: it has never said."""

    __tablename__ = "balance"
    channel: str = Field(primary_key=True)
    amount: int | None = Field(default=None, sa_type=BigInteger)  # millionths of the currency
    currency: str = ""
    said_at: datetime | None = Field(default=None, sa_type=Instant)
    asked_at: datetime = Field(sa_type=Instant)


class Stop(Row, table=True):
    """Nothing in its scope is sent until two people resume. Scopes: everything, campaign, channel, area."""

    __tablename__ = "stop"
    id: int | None = Field(default=None, primary_key=True)
    scope: str
    subject: str = ""  # campaign id, channel name, commune; "" for everything
    reason: str
    until: datetime | None = Field(default=None, sa_type=Instant)
    set_by: str
    set_at: datetime = Field(sa_type=Instant)
    lifted_by: str | None = None
    lifted_at: datetime | None = Field(default=None, sa_type=Instant)


# -- receipts and replies ----------------------------------------------------------------------------------------------


class Inbox(Row, table=True):
    """What a provider said later, verified and stored as it came; applied by the sender's next tick.

    `digest` tells a repeat of the same event. No number and no text is here: whoever refuses is known by `address_key`.
    """

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("channel", "digest", name="inbox_once"),
        CheckConstraint("what IN ('delivery', 'refusal')", name="inbox_what"),
        Index("inbox_open", "id", sqlite_where=text("settled_at IS NULL"), postgresql_where=text("settled_at IS NULL")),
        Index("inbox_settled", "settled_at"),
    )  # fmt: skip
    id: int | None = Field(default=None, sa_column=Column(BigKey, primary_key=True))
    channel: str
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    what: str
    state: str = ""  # of a delivery: accepted, delivered, undelivered
    provider_id: str = ""
    reference: str = ""  # our attempt key, where the provider echoes it
    reason: str = ""
    parts: int = 0
    suppress: bool = False
    address_key: bytes | None = Field(default=None, sa_column=Column(LargeBinary))  # of a refusal
    address_kind: str = ""
    at: datetime = Field(sa_type=Instant)
    settled_at: datetime | None = Field(default=None, sa_type=Instant)
    outcome: str = ""  # moved, known, contradiction, unmatched, opted_out


class HookRefusal(Row, table=True):
    """How many callbacks of a channel were refused on a day: wrong signature, wrong token, unreadable."""

    __tablename__ = "hook_refusal"
    channel: str = Field(primary_key=True)
    day: date = Field(primary_key=True)  # UTC
    n: int


class Plea(Row, table=True):
    """A reply that a person must read. Shown once to whoever is on duty, then only its row is left.

    `sealed` is the text and the sender's address under a key made of the office key; a trigger lets it only go.
    """

    __tablename__ = "plea"
    __table_args__ = (UniqueConstraint("channel", "digest", name="plea_once"),)
    id: int | None = Field(default=None, sa_column=Column(BigKey, primary_key=True))
    channel: str
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    address_id: int | None = Field(default=None, sa_column=Column(BigKey, ForeignKey("address.id")))
    sealed: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    at: datetime = Field(sa_type=Instant)
    called_at: datetime | None = Field(default=None, sa_type=Instant)  # when the officer was last called
    calls: int = 0
    shown_at: datetime | None = Field(default=None, sa_type=Instant)
    shown_to: str = ""
    purged_at: datetime | None = Field(default=None, sa_type=Instant)


# -- provider state ---------------------------------------------------------------------------------------------------


class ProviderToken(Row, table=True):
    """A provider's token pair, sealed. A refresh token may be used once: the new pair is committed before it is used.

    States: fresh; refreshing (somebody is asking for a new pair); doubt (the answer was lost); lost (a person consents again).
    """

    __tablename__ = "provider_token"
    __table_args__ = (
        CheckConstraint("state IN ('fresh', 'refreshing', 'doubt', 'lost')", name="provider_token_state"),
    )
    channel: str = Field(primary_key=True)
    seed: str  # SHA-256 of the refresh token that a person gave; another one in the configuration replaces the pair
    access_sealed: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    refresh_sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    issued_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)  # of the access token
    generation: int  # grows with every new pair, never back: held by a trigger
    state: str
    reason: str = ""
    changed_at: datetime = Field(sa_type=Instant)  # of `state`


class ProviderItem(Row, table=True):
    """A thing that a provider keeps or reviews for us: an article, its broadcast, a template, a sender name.

    States: making, waiting (for the provider), approved, refused; of a broadcast: sending, taken, doubt.
    """

    __tablename__ = "provider_item"
    __table_args__ = (
        UniqueConstraint("channel", "kind", "subject", name="provider_item_once"),
        CheckConstraint("kind IN ('article', 'broadcast', 'template', 'brandname')", name="provider_item_kind"),
        CheckConstraint(
            "state IN ('making', 'waiting', 'approved', 'refused', 'sending', 'taken', 'doubt')",
            name="provider_item_state",
        ),
    )
    id: int | None = Field(default=None, primary_key=True)
    channel: str
    kind: str
    subject: str  # SHA-256 of an article's content, a dispatch's key, a template's or sender's own id
    title: str = ""  # what people know it by
    key: str = ""  # of the attempt that began it
    token: str = ""  # the provider's, while it is being made
    provider_id: str = ""
    state: str
    reason: str = ""  # the provider's
    made_at: datetime = Field(sa_type=Instant)
    at: datetime = Field(sa_type=Instant)  # of `state`
    looked_at: datetime | None = Field(default=None, sa_type=Instant)  # first look-up that found nothing


# -- activity ---------------------------------------------------------------------------------------------------------


class ActivityRow(Row, table=True):
    """One entry of the register. Only added to, by trigger; `corrects` names the entry it stands in the place of."""

    __tablename__ = "activity"
    __table_args__ = (UniqueConstraint("corrects", name="activity_corrected_once"),)
    id: int | None = Field(default=None, primary_key=True)
    campaign_id: str = Field(default="", index=True)  # "" = of none
    kind: str
    day: date
    commune: str = ""
    units: int = 1
    minutes: int = 0
    participants: int = 0
    at_risk: str = "{}"  # JSON: group -> participants of it
    note: str = ""
    attachment: str = ""  # SHA-256 of the kept file
    corrects: int | None = Field(default=None, foreign_key="activity.id")
    void: bool = False
    by: str
    source: str
    at: datetime = Field(sa_type=Instant)


class Bulletin(Row, table=True):
    """What became of a package that a commune was given; no row = offered, and nobody has said or been asked anything.

    Its moves are `activity.bulletin.MOVES`; a trigger refuses others.
    """

    __tablename__ = "bulletin"
    __table_args__ = (
        CheckConstraint("state IN ('offered', 'scheduled', 'played', 'not_played', 'recalled')", name="bulletin_state"),
        CheckConstraint("(state = 'played') = (plays > 0)", name="bulletin_plays"),
        CheckConstraint("(state = 'not_played') = (reason <> '')", name="bulletin_reason"),
    )
    dispatch_id: int = Field(sa_column=Column(BigKey, ForeignKey("dispatch.id"), primary_key=True, autoincrement=False))
    state: str = "offered"
    play_at: datetime | None = Field(default=None, sa_type=Instant)  # first play, meant or done
    plays: int = 0
    seconds: int = 0  # of one play
    reason: str = ""  # a key of activity.bulletin.REASONS
    road: str = ""  # link | sheet | telephone
    said_by: str = ""  # "officer", or the user who wrote it down
    said_at: datetime | None = Field(default=None, sa_type=Instant)
    reminders: int = 0
    reminded_at: datetime | None = Field(default=None, sa_type=Instant)


class Place(Row, table=True):
    """A commune or a partner department that owes figures; the list is the office's own, imported as a whole."""

    __tablename__ = "place"
    __table_args__ = (CheckConstraint("kind IN ('commune', 'department')", name="place_kind"),)
    name: str = Field(primary_key=True)
    kind: str
    province: str = ""


class PlaceSaid(Row, table=True):
    """A place said that a campaign's figures of it are all in. Only added to, by trigger."""

    __tablename__ = "place_said"
    campaign_id: str = Field(primary_key=True)
    place: str = Field(primary_key=True)
    by: str
    at: datetime = Field(sa_type=Instant)


class CarrierReply(Row, table=True):
    """What a carrier reported of a text to everybody that a letter asked for. Only added to, by trigger."""

    __tablename__ = "carrier_reply"
    __table_args__ = (UniqueConstraint("corrects", name="carrier_reply_corrected_once"),)
    id: int | None = Field(default=None, primary_key=True)
    campaign_id: str = Field(index=True)
    carrier: str
    revision: str = ""  # hash of the text as approved, "" if the reply does not say
    asked: int  # subscribers it was sent to
    reached: int
    failed: int
    since: date
    until: date
    note: str = ""
    attachment: str = ""  # SHA-256 of the kept letter
    corrects: int | None = Field(default=None, foreign_key="carrier_reply.id")
    by: str
    at: datetime = Field(sa_type=Instant)


# -- report -----------------------------------------------------------------------------------------------------------


class ReportClosing(Row, table=True):
    """A named person closed what nobody can tell any more of a campaign. Only added to, by trigger."""

    __tablename__ = "report_closing"
    campaign_id: str = Field(primary_key=True)
    unconfirmed: int  # dispatches then
    reason: str
    by: str
    at: datetime = Field(sa_type=Instant)


class ReportCopy(Row, table=True):
    """What an official report said when it was made, to compare with when it comes back. Only added to, by trigger."""

    __tablename__ = "report_copy"
    digest: str = Field(primary_key=True)  # SHA-256 of `canonical`, hex; stands in the file and in the ledger
    campaign_id: str = Field(index=True)
    canonical: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    by: str
    at: datetime = Field(sa_type=Instant)


class ReportSigned(Row, table=True):
    """A signed report as it was sent off. Only added to, by trigger."""

    __tablename__ = "report_signed"
    sha256: str = Field(primary_key=True)  # of the signed file
    campaign_id: str = Field(index=True)
    number: str
    day: date  # of dispatch
    by: str
    at: datetime = Field(sa_type=Instant)


class ReportReminded(Row, table=True):
    """The officer on duty was told that a report is due; `step` is one of `report.reminder.DAYS`, 0 when it is overdue."""

    __tablename__ = "report_reminded"
    campaign_id: str = Field(primary_key=True)
    step: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    at: datetime = Field(sa_type=Instant)


class Bill(Row, table=True):
    """What a provider's month bills of one campaign, by how it differs from ours. Only added to, by trigger.

    Of one channel and month the rows with the latest `at` count.
    """

    __tablename__ = "bill"
    __table_args__ = (Index("bill_month", "channel", "month"),)
    id: int | None = Field(default=None, primary_key=True)
    sha256: str  # of the statement
    channel: str
    month: str  # "2027-07"
    campaign_id: str = ""  # "" = of none: ad hoc, or unknown to us
    currency: str
    why: str  # a key of report.bill.WHY
    n: int  # messages
    ours: int = Field(sa_type=BigInteger)  # millionths
    theirs: int = Field(sa_type=BigInteger)
    at: datetime = Field(sa_type=Instant)


# -- retention --------------------------------------------------------------------------------------------------------


class Hold(Row, table=True):
    """A campaign of which nothing personal is erased until two people lift it. Only lifted, once, by trigger."""

    __tablename__ = "hold"
    __table_args__ = (
        CheckConstraint("(lifted_by IS NULL) = (lifted_at IS NULL)", name="hold_lifted"),
        CheckConstraint("reason <> ''", name="hold_reason"),
        Index("hold_standing", "campaign_id", unique=True, sqlite_where=text("lifted_at IS NULL"),
              postgresql_where=text("lifted_at IS NULL")),
    )  # fmt: skip
    id: int | None = Field(default=None, primary_key=True)
    campaign_id: str
    reason: str
    set_by: str
    set_at: datetime = Field(sa_type=Instant)
    lifted_by: str | None = None
    lifted_at: datetime | None = Field(default=None, sa_type=Instant)


# -- ledger -----------------------------------------------------------------------------------------------------------


class LedgerEntry(Row, table=True):
    """Append-only by trigger. `raw` is what is hashed and exported."""

    __tablename__ = "ledger_entry"
    seq: int = Field(sa_column=Column(BigKey, primary_key=True, autoincrement=False))
    raw: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class LedgerHead(Row, table=True):
    """The frontier of the tree: one row; locking it orders the writers."""

    __tablename__ = "ledger_head"
    id: int = Field(default=1, primary_key=True)
    size: int = Field(sa_type=BigInteger)
    peaks: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  # 32 bytes each
    last: str = ""  # `ts` of the last entry: tells a clock that was set back


class Checkpoint(Row, table=True):
    """Every checkpoint ever signed. Never two roots for one size."""

    __tablename__ = "checkpoint"
    size: int = Field(sa_column=Column(BigKey, primary_key=True, autoincrement=False))
    root: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    note: str
    signed_at: datetime = Field(sa_type=Instant)


class Meta(Row, table=True):
    """Single values: the office's origin, the digest of the settings last seen, the last tick."""

    __tablename__ = "meta"
    name: str = Field(primary_key=True)
    value: str


metadata = Row.metadata


def table(model: type[Row]) -> Table:
    """The Core table of a model, for set-based statements."""
    found: Table = metadata.tables[str(model.__tablename__)]
    return found
