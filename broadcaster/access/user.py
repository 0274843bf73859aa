"""Who may do what. Pure: the roles, the acts, and the matrix between them; everything not listed is refused."""

from __future__ import annotations

import re
from enum import StrEnum

from broadcaster.errors import NotAllowed, WrongUse

NAME = re.compile(r"[a-z][a-z0-9._-]{0,31}")
PASSWORD_LENGTH = 12  # characters at least (OWASP ASVS 5.0, 6.2.9 asks for 8 and recommends more)
PASSWORD_MOST = 256  # characters; longer input is refused before it is hashed


class Role(StrEnum):
    AUTHOR = "author"
    APPROVER = "approver"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    ADMIN = "admin"


class Act(StrEnum):
    """Everything a person can ask for that is not mere looking."""

    MESSAGE_SUBMIT = "message.submit"
    MESSAGE_APPROVE = "message.approve"
    MESSAGE_REJECT = "message.reject"
    MESSAGE_WITHDRAW = "message.withdraw"
    AUDIENCE_IMPORT = "audience.import"
    AUDIENCE_GROUP = "audience.group"
    AUDIENCE_OPT_OUT = "audience.opt_out"
    AUDIENCE_ERASE = "audience.erase"
    AUDIENCE_EXPORT = "audience.export"
    AUDIENCE_REVEAL = "audience.reveal"
    APPROVAL_DELEGATE = "approval.delegate"
    CAMPAIGN_SUBMIT = "campaign.submit"
    CAMPAIGN_APPROVE = "campaign.approve"
    CAMPAIGN_REJECT = "campaign.reject"
    CAMPAIGN_PAUSE = "campaign.pause"
    CAMPAIGN_RESUME = "campaign.resume"
    CAMPAIGN_CANCEL = "campaign.cancel"
    BROADCAST_SEND = "broadcast.send"
    BROADCAST_APPROVE = "broadcast.approve"
    BROADCAST_REJECT = "broadcast.reject"
    BROADCAST_PAUSE = "broadcast.pause"
    BROADCAST_RESUME = "broadcast.resume"
    BROADCAST_CANCEL = "broadcast.cancel"
    DUTY_READ = "duty.read"
    DISPATCH_RESOLVE = "dispatch.resolve"
    LANE_RESUME = "lane.resume"
    STOP_SET = "stop.set"
    STOP_LIFT = "stop.lift"
    HOLD_SET = "hold.set"
    HOLD_LIFT = "hold.lift"
    LEDGER_EXPORT = "ledger.export"
    LEDGER_CHECKPOINT = "ledger.checkpoint"
    LEDGER_KEY = "ledger.key"
    ACTIVITY_ADD = "activity.add"
    BULLETIN_CONFIRM = "bulletin.confirm"
    BULLETIN_REMIND = "bulletin.remind"
    BULLETIN_RECALL = "bulletin.recall"
    REPORT_MAKE = "report.make"
    REPORT_CLOSE = "report.close"
    REPORT_SIGN = "report.sign"
    PRINT_MAKE = "print.make"
    USER_MANAGE = "user.manage"
    DATABASE_MANAGE = "database.manage"
    RUN = "run"


MAY: dict[Act, frozenset[Role]] = {
    Act.MESSAGE_SUBMIT: frozenset({Role.AUTHOR}),
    Act.MESSAGE_APPROVE: frozenset({Role.APPROVER}),
    Act.MESSAGE_REJECT: frozenset({Role.APPROVER}),
    Act.MESSAGE_WITHDRAW: frozenset({Role.AUTHOR, Role.APPROVER, Role.OPERATOR}),
    Act.AUDIENCE_IMPORT: frozenset({Role.OPERATOR}),
    Act.AUDIENCE_GROUP: frozenset({Role.OPERATOR}),
    Act.AUDIENCE_OPT_OUT: frozenset({Role.OPERATOR, Role.ADMIN}),
    Act.AUDIENCE_ERASE: frozenset({Role.OPERATOR, Role.ADMIN}),
    Act.AUDIENCE_EXPORT: frozenset({Role.OPERATOR}),
    Act.AUDIENCE_REVEAL: frozenset({Role.OPERATOR}),
    Act.APPROVAL_DELEGATE: frozenset({Role.APPROVER}),
    Act.CAMPAIGN_SUBMIT: frozenset({Role.OPERATOR}),
    Act.CAMPAIGN_APPROVE: frozenset({Role.APPROVER}),
    Act.CAMPAIGN_REJECT: frozenset({Role.APPROVER}),
    Act.CAMPAIGN_PAUSE: frozenset({Role.OPERATOR, Role.APPROVER}),
    Act.CAMPAIGN_RESUME: frozenset({Role.OPERATOR}),
    Act.CAMPAIGN_CANCEL: frozenset({Role.OPERATOR}),
    Act.BROADCAST_SEND: frozenset({Role.OPERATOR}),
    Act.BROADCAST_APPROVE: frozenset({Role.APPROVER}),
    Act.BROADCAST_REJECT: frozenset({Role.APPROVER}),
    Act.BROADCAST_PAUSE: frozenset({Role.OPERATOR, Role.APPROVER}),
    Act.BROADCAST_RESUME: frozenset({Role.OPERATOR}),
    Act.BROADCAST_CANCEL: frozenset({Role.OPERATOR}),
    Act.DUTY_READ: frozenset({Role.OPERATOR, Role.APPROVER}),
    Act.DISPATCH_RESOLVE: frozenset({Role.OPERATOR, Role.APPROVER}),
    Act.LANE_RESUME: frozenset({Role.OPERATOR}),
    Act.STOP_SET: frozenset({Role.OPERATOR, Role.APPROVER, Role.ADMIN}),
    Act.STOP_LIFT: frozenset({Role.OPERATOR, Role.APPROVER}),
    Act.HOLD_SET: frozenset({Role.OPERATOR, Role.APPROVER, Role.AUDITOR, Role.ADMIN}),
    Act.HOLD_LIFT: frozenset({Role.APPROVER, Role.ADMIN}),
    Act.LEDGER_EXPORT: frozenset(Role),
    Act.LEDGER_CHECKPOINT: frozenset(Role),
    Act.LEDGER_KEY: frozenset({Role.ADMIN}),
    Act.ACTIVITY_ADD: frozenset({Role.AUTHOR, Role.OPERATOR}),
    Act.BULLETIN_CONFIRM: frozenset({Role.OPERATOR}),
    Act.BULLETIN_REMIND: frozenset({Role.OPERATOR}),
    Act.BULLETIN_RECALL: frozenset({Role.OPERATOR, Role.APPROVER}),
    Act.REPORT_MAKE: frozenset(Role),
    Act.REPORT_CLOSE: frozenset({Role.OPERATOR, Role.APPROVER}),
    Act.REPORT_SIGN: frozenset({Role.OPERATOR, Role.APPROVER}),
    Act.PRINT_MAKE: frozenset({Role.AUTHOR, Role.OPERATOR}),
    Act.USER_MANAGE: frozenset({Role.ADMIN}),
    Act.DATABASE_MANAGE: frozenset({Role.ADMIN}),
    Act.RUN: frozenset({Role.OPERATOR, Role.ADMIN}),
}

# Acts that must have a person behind them; the machine's own console may not do these (design, section 4).
NEEDS_PERSON = frozenset(
    {
        Act.MESSAGE_SUBMIT,
        Act.MESSAGE_APPROVE,
        Act.MESSAGE_REJECT,
        Act.MESSAGE_WITHDRAW,
        Act.APPROVAL_DELEGATE,
        Act.CAMPAIGN_SUBMIT,
        Act.CAMPAIGN_APPROVE,
        Act.CAMPAIGN_REJECT,
        Act.CAMPAIGN_PAUSE,
        Act.CAMPAIGN_RESUME,
        Act.CAMPAIGN_CANCEL,
        Act.BROADCAST_SEND,
        Act.BROADCAST_APPROVE,
        Act.BROADCAST_REJECT,
        Act.BROADCAST_PAUSE,
        Act.BROADCAST_RESUME,
        Act.BROADCAST_CANCEL,
        Act.DUTY_READ,
        Act.DISPATCH_RESOLVE,
        Act.LANE_RESUME,
        Act.STOP_SET,
        Act.STOP_LIFT,
        Act.HOLD_SET,
        Act.HOLD_LIFT,
        Act.AUDIENCE_REVEAL,
        Act.BULLETIN_CONFIRM,
        Act.BULLETIN_RECALL,
        Act.REPORT_CLOSE,
        Act.REPORT_SIGN,
    }
)

# Acts that a program's token never covers: each asks a person for the password again at the desk.
NEEDS_SECOND_LOOK = frozenset(
    {
        Act.MESSAGE_APPROVE,
        Act.CAMPAIGN_APPROVE,
        Act.BROADCAST_APPROVE,
        Act.APPROVAL_DELEGATE,
        Act.STOP_SET,
        Act.STOP_LIFT,
        Act.HOLD_SET,
        Act.HOLD_LIFT,
        Act.DISPATCH_RESOLVE,
        Act.AUDIENCE_EXPORT,
        Act.AUDIENCE_REVEAL,
        Act.USER_MANAGE,
        Act.DATABASE_MANAGE,
    }
)


def allow(name: str, roles: frozenset[Role], act: Act) -> None:
    """Raises: NotAllowed unless one of the roles may do it; the sentence says who may."""
    if not roles & MAY.get(act, frozenset()):
        who = ", ".join(sorted(MAY.get(act, frozenset()))) or "nobody"
        raise NotAllowed(f"{name} may not do this ({act}); it takes the role {who}.")


def parse_roles(text: str) -> frozenset[Role]:
    """`"author,operator"` -> roles. Raises: WrongUse naming the roles there are."""
    known = {role.value for role in Role}
    names = {part.strip() for part in text.split(",") if part.strip()}
    if not names or names - known:
        wrong = ", ".join(sorted(names - known)) or "no role"
        raise WrongUse(f"{wrong}: the roles are {', '.join(sorted(known))}; several are written with commas.")
    return frozenset(Role(name) for name in names)


def join_roles(roles: frozenset[Role]) -> str:
    return ",".join(sorted(roles))


def check_name(name: str) -> None:
    """Raises: WrongUse for a name that is no plain lower-case word."""
    if not NAME.fullmatch(name):
        raise WrongUse(f"{name!r} cannot be a user name: lower-case letters a-z, digits, dot, hyphen; at most 32.")


def check_password(password: str, *, name: str) -> None:
    """Raises: WrongUse for one that is too short, too long, or the name itself."""
    if len(password) < PASSWORD_LENGTH:
        raise WrongUse(f"The password needs at least {PASSWORD_LENGTH} characters; a sentence of a few words is best.")
    if len(password) > PASSWORD_MOST:
        raise WrongUse(f"The password has more than {PASSWORD_MOST} characters; choose a shorter one.")
    if name in password.lower() and len(password) < len(name) + PASSWORD_LENGTH:
        raise WrongUse("The password holds the user's name; choose another.")
