"""What one ledger entry is: canonical JSON bytes, and every kind there is. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec

_ENCODE = msgspec.json.Encoder(order="sorted").encode


class Kind(StrEnum):
    """`noun.verb` of every entry."""

    OFFICE_START = "office.start"  # the ledger's first entry: origin, office, two-person rule
    SETTINGS_SEEN = "settings.seen"  # channels and rules in force when a sender starts, when they changed
    USER_ADD = "user.add"
    USER_ROLE = "user.role"
    USER_DISABLE = "user.disable"
    USER_RESET = "user.reset"
    USER_LOGIN = "user.login"
    USER_REFUSED = "user.refused"  # a wrong password
    USER_LOGOUT = "user.logout"
    USER_FACTOR = "user.factor"  # a second factor was set up, taken away, or a recovery code used
    TOKEN_ADD = "token.add"
    TOKEN_END = "token.end"
    MESSAGE_EDIT = "message.edit"
    MESSAGE_SUBMIT = "message.submit"
    MESSAGE_APPROVE = "message.approve"
    MESSAGE_REJECT = "message.reject"
    MESSAGE_WITHDRAW = "message.withdraw"
    MESSAGE_SUPERSEDE = "message.supersede"
    MESSAGE_EXPIRE = "message.expire"
    FACT_CHANGE = "fact.change"
    AUDIENCE_IMPORT = "audience.import"
    AUDIENCE_GROUP = "audience.group"
    AUDIENCE_EXPORT = "audience.export"
    CONTACT_OPT_OUT = "contact.opt_out"
    CONTACT_ERASE = "contact.erase"
    CONTACT_REVEAL = "contact.reveal"
    CAMPAIGN_SUBMIT = "campaign.submit"
    CAMPAIGN_APPROVE = "campaign.approve"
    CAMPAIGN_REJECT = "campaign.reject"
    CAMPAIGN_SUPERSEDE = "campaign.supersede"
    CAMPAIGN_PAUSE = "campaign.pause"
    CAMPAIGN_RESUME = "campaign.resume"
    CAMPAIGN_CANCEL = "campaign.cancel"
    CAMPAIGN_DONE = "campaign.done"
    BROADCAST_PLAN = "broadcast.plan"
    BROADCAST_SUBMIT = "broadcast.submit"
    BROADCAST_APPROVE = "broadcast.approve"
    BROADCAST_REJECT = "broadcast.reject"
    BROADCAST_START = "broadcast.start"  # revision hash, text hash per language, channels
    BROADCAST_EXPAND = "broadcast.expand"  # one per chunk and channel: counts by state
    BROADCAST_FALLBACK = "broadcast.fallback"  # those one channel did not reach go on to the next of the chain
    BROADCAST_PAUSE = "broadcast.pause"
    BROADCAST_RESUME = "broadcast.resume"
    BROADCAST_CANCEL = "broadcast.cancel"
    BROADCAST_EXPIRE = "broadcast.expire"
    BROADCAST_HOLD = "broadcast.hold"  # held by the guard: stale, tampered, not approved
    BROADCAST_DONE = "broadcast.done"
    CORRECTION_BEGIN = "correction.begin"  # a wrong text is out: which message sets it right, and why
    CORRECTION_TAKE_DOWN = "correction.take_down"  # one published thing taken back, or not
    DISPATCH_CLOSE = "dispatch.close"  # expired, cancelled, suppressed: set-based, with counts
    ATTEMPT_INTENT = "attempt.intent"
    ATTEMPT_RESULT = "attempt.result"
    ATTEMPT_ORPHAN = "attempt.orphan"  # sending -> unknown after a crash
    ATTEMPT_RECEIPT = "attempt.receipt"
    ATTEMPT_RECONCILE = "attempt.reconcile"
    PLEA_RECEIVE = "plea.receive"  # somebody wrote more than a word of refusal
    PLEA_SHOW = "plea.show"  # it was shown to the officer on duty, once, and purged
    PLEA_PURGE = "plea.purge"  # nobody has looked in time
    DUTY_CALL = "duty.call"  # the officer on duty was told that something waits
    DISPATCH_RESOLVE = "dispatch.resolve"
    DISPATCH_RESEND = "dispatch.resend"
    LANE_PAUSE = "lane.pause"
    LANE_RESUME = "lane.resume"
    PROVIDER_TOKEN = "provider.token"  # a provider's token pair: renewed, in doubt, or lost
    PROVIDER_ITEM = "provider.item"  # an article, a template or a sender name, as the provider's review goes
    DELEGATION_GRANT = "delegation.grant"  # an approver on leave names who decides meanwhile
    DELEGATION_END = "delegation.end"
    STOP_SET = "stop.set"
    STOP_LIFT = "stop.lift"
    HOLD_SET = "hold.set"  # nothing personal of a campaign is erased until two people lift it
    HOLD_LIFT = "hold.lift"
    RETENTION_ERASE = "retention.erase"  # personal data was kept long enough: how much of what, never whose
    COUNTERSIGN_ASK = "countersign.ask"
    COUNTERSIGN_SIGN = "countersign.sign"
    ACTIVITY_ADD = "activity.add"
    ACTIVITY_ERASE = "activity.erase"  # a kept photo or PDF was erased; its hash stays
    PLACE_IMPORT = "place.import"  # the office's list of communes and partner departments
    PLACE_SAY = "place.say"  # a place's figures of a campaign are all in
    CARRIER_REPLY = "carrier.reply"  # what a carrier reported of a text to everybody
    BULLETIN_CONFIRM = "bulletin.confirm"  # scheduled, played or not: by link, by sheet, or by telephone
    BULLETIN_REMIND = "bulletin.remind"
    BULLETIN_RECALL = "bulletin.recall"
    LEDGER_EXPORT = "ledger.export"
    LEDGER_CHECKPOINT = "ledger.checkpoint"
    LEDGER_KEY = "ledger.key"
    LEDGER_COUNTERSIGN = "ledger.countersign"  # we signed another office's checkpoint
    REPORT_MAKE = "report.make"
    REPORT_CLOSE = "report.close"  # what stays unconfirmed was closed by name, with the reason
    LEDGER_SEAL = "ledger.seal"  # the bundle made when a report was signed: its file's hash
    REPORT_SIGN = "report.sign"  # the signed PDF, its number and its date of dispatch
    STATEMENT_CHECK = "statement.check"  # a provider's month beside ours
    PRINT_MAKE = "print.make"
    DATABASE_BACKUP = "database.backup"
    DATABASE_RESTORE = "database.restore"
    CLOCK_JUMP = "clock.jump"


class Record(msgspec.Struct, frozen=True):
    """An entry before it has a place: the store adds `seq` and `ts` when it appends."""

    kind: Kind
    actor: str  # a user's name, "console:<os user>", or the machine part that acts: "sender", "scheduler", ...
    fields: dict[str, Any] = {}  # strings, integers, booleans, lists and dicts of them; no floats


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds; refuses a naive datetime."""
    if moment.tzinfo is None:
        raise ValueError("the ledger takes aware datetimes only")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def encode(record: Record, *, seq: int, ts: str) -> bytes:
    """The canonical bytes: keys sorted, no blanks, UTF-8. These bytes are hashed, stored and exported as they are."""
    return _ENCODE({**record.fields, "seq": seq, "ts": ts, "kind": record.kind, "actor": record.actor})


def decode(raw: bytes) -> dict[str, Any]:
    """The entry as a dict."""
    entry: dict[str, Any] = msgspec.json.decode(raw)
    return entry
