"""Who gets a say: an account that decides about others' work is made, raised and handed over by two admins.

With fewer than two admins ever (the first set-up) one does it alone, and where no other admin is left to ask, the office's
computer stands in. Both stand in the ledger as `alone`, and the account is named as such until two admins agree about it.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, insert, select

from broadcaster.access import countersign, factor, session, store
from broadcaster.access.user import Act, Role, join_roles, parse_roles
from broadcaster.db.tables import Meta, table
from broadcaster.errors import NotFound, WrongUse
from broadcaster.ledger.store import Transaction

META = table(Meta)
# Each of these signs one half of something that takes two: a text and its approval, lifting a stop, settling a doubt, this.
SAY = frozenset({Role.APPROVER, Role.OPERATOR, Role.ADMIN})
ADD, ROLE, RESET, FACTOR = "user.add", "user.role", "user.reset", "user.factor"
ALONE: Mapping[str, Any] = {"alone": True}
MARK = "alone:"  # and the account's name: a row of `meta`


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Half done: another admin must do the same within 24 hours."""

    request: int
    password: str = ""  # the first half of the one-time password; the other admin gets the second
    nobody_else: bool = False  # no other admin is there to do it: it takes the office's computer


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """It holds from this transaction on."""

    password: str = ""  # one-time, to be shown once; "" if none was made
    asked_by: str = ""  # who has the password's first half; "" where one person was enough
    alone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Agreed:
    request: int = 0
    how: Mapping[str, Any] = field(default_factory=dict)  # for the ledger


def first_admin(tx: Transaction, *, name: str, password: str, by: str, must_change: bool = False) -> None:
    """The admin an office begins with. Raises: WrongUse for a bad name or password."""
    roles = frozenset({Role.ADMIN})
    store.add(tx, name=name, roles=roles, password=password, actor=by, must_change=must_change, how=ALONE)
    _mark(tx, name, ALONE)


def add(
    tx: Transaction, *, name: str, roles: frozenset[Role], by: str, office_key: bytes, password: str | None = None
) -> Asked | Done:
    """A new account. `password`: one that was chosen; without it, and wherever two admins are needed, a one-time one is made.

    Raises: WrongUse, NotAllowed, Conflict.
    """
    store.check_new(tx.connection, name)
    agreed = _agree(tx, ADD, f"{name} {join_roles(roles)}", name=name, by=by, gives=roles)
    if isinstance(agreed, Asked):
        return _with_half(agreed, office_key)
    chosen, made = _password(agreed, office_key, password)
    store.add(tx, name=name, roles=roles, password=chosen, actor=by, must_change=bool(made), how=agreed.how)
    _mark(tx, name, agreed.how)
    return _done(agreed, made)


def set_roles(tx: Transaction, *, name: str, roles: frozenset[Role], by: str) -> Asked | Done:
    """Exactly these roles. To take a say away one admin is enough, but for an admin's: that would end the need for two."""
    held = store.get(tx.connection, name).roles
    gives = (roles - held) | (held - roles) & {Role.ADMIN}
    agreed = _agree(tx, ROLE, f"{name} {join_roles(roles)}", name=name, by=by, gives=gives)
    if isinstance(agreed, Asked) or "asked_by" not in agreed.how:
        store.refuse_own_roles(by, name, roles)
    if isinstance(agreed, Asked):
        return agreed
    store.set_roles(tx, name=name, roles=roles, actor=by, how=agreed.how)
    _mark(tx, name, agreed.how)
    return _done(agreed)


def reset(tx: Transaction, *, name: str, by: str, office_key: bytes, password: str | None = None) -> Asked | Done:
    """A new password, as with `add`; also lets a disabled user in again."""
    gives = store.get(tx.connection, name).roles
    agreed = _agree(tx, RESET, name, name=name, by=by, gives=gives)
    if isinstance(agreed, Asked):
        return _with_half(agreed, office_key)
    chosen, made = _password(agreed, office_key, password)
    store.reset(tx, name=name, password=chosen, actor=by, must_change=bool(made), how=agreed.how)
    _mark(tx, name, agreed.how)
    return _done(agreed, made)


def take_factor(tx: Transaction, *, name: str, by: str) -> Asked | Done:
    """The phone is lost: a new authenticator is set up at the next sign-in."""
    gives = store.get(tx.connection, name).roles
    agreed = _agree(tx, FACTOR, name, name=name, by=by, gives=gives)
    if isinstance(agreed, Asked):
        return agreed
    factor.take_away(tx, name=name, actor=by, how=agreed.how)
    session.end_all(tx, name, actor=by)
    _mark(tx, name, agreed.how)
    return _done(agreed)


def takes_two(connection: Connection, *, by: str, gives: frozenset[Role]) -> bool:
    """Whether `by` cannot give this alone: then no password is chosen, one is made in two halves."""
    return _weighs(store.find(connection, by), gives) and len(_admins(connection)) > 1


def waiting(connection: Connection, **when: Any) -> list[countersign.Request]:
    """What one admin asked and another must do."""
    return [one for one in countersign.waiting(connection, **when) if one.act in (ADD, ROLE, RESET, FACTOR)]


def repeat(tx: Transaction, number: int, *, by: str, office_key: bytes) -> tuple[str, Asked | Done]:
    """The other admin does what the request says; whose account it is, and what came of it. Raises: NotFound."""
    found = next((one for one in waiting(tx.connection, now=tx.now) if one.id == number), None)
    if found is None:
        raise NotFound("This request is not waiting any more; look at the list anew.")
    name, _, roles = found.subject.partition(" ")
    match found.act:
        case "user.add":
            return name, add(tx, name=name, roles=parse_roles(roles), by=by, office_key=office_key)
        case "user.role":
            return name, set_roles(tx, name=name, roles=parse_roles(roles), by=by)
        case "user.reset":
            return name, reset(tx, name=name, by=by, office_key=office_key)
    return name, take_factor(tx, name=name, by=by)


def made_alone(connection: Connection) -> frozenset[str]:
    """Accounts to which one person alone gave what they may do; two admins who agree about one take it off the list."""
    rows = connection.scalars(select(META.c.name).where(META.c.name.like(f"{MARK}%")))
    return frozenset(str(name).removeprefix(MARK) for name in rows)


def active_admins(connection: Connection) -> frozenset[str]:
    return frozenset(one.name for one in _admins(connection) if not one.disabled)


# -- who must agree ---------------------------------------------------------------------------------------------------


def _agree(
    tx: Transaction, act: str, subject: str, *, name: str, by: str, gives: frozenset[Role]
) -> Asked | _Agreed:  # fmt: skip
    """Raises: WrongUse where the computer's own name is not enough."""
    if not _weighs(store.find(tx.connection, by), gives):
        return _Agreed()
    if len(_admins(tx.connection)) < 2:  # disabled ones count: whoever disables the other does not become the only one
        return _Agreed(how=ALONE)
    active = active_admins(tx.connection)
    able = active - {name}  # who it is about may have lost the password
    if by not in active and not able:
        return _Agreed(how=ALONE)
    if by not in active and len(able) > 1:
        raise WrongUse("This takes two admins by name: repeat the command with --as ADMIN; then another admin does.")
    said = countersign.ask_or_sign(
        tx, act=act, subject=subject, by=by, takes=Act.USER_MANAGE, console=by in active and not able - {by}
    )
    if isinstance(said, countersign.Waiting):
        return Asked(request=said.request, nobody_else=not able - {by})
    named = {said.asked_by, said.signed_by} <= active
    return _Agreed(request=said.request, how={"asked_by": said.asked_by, **({} if named else ALONE)})


def _weighs(actor: store.Account | None, gives: frozenset[Role]) -> bool:
    """Whether it gives a say; or anything, by an approver, who would write with one account and approve with the other."""
    return bool(gives & SAY) or bool(gives and actor and Role.APPROVER in actor.roles)


def _admins(connection: Connection) -> list[store.Account]:
    """Disabled ones too."""
    return [one for one in store.everybody(connection) if Role.ADMIN in one.roles]


def _mark(tx: Transaction, name: str, how: Mapping[str, Any]) -> None:
    if not how:
        return
    tx.connection.execute(META.delete().where(META.c.name == MARK + name))
    if how.get("alone"):
        tx.connection.execute(insert(META).values(name=MARK + name, value="yes"))


# -- one-time passwords -----------------------------------------------------------------------------------------------


def _password(agreed: _Agreed, office_key: bytes, chosen: str | None) -> tuple[str, str]:
    """What the password is, and what of it is to be shown: where two agreed, its second half. Raises: WrongUse."""
    if agreed.request:
        if chosen is not None:
            raise WrongUse("Two admins do this, and each gets half of a one-time password: give no password.")
        second = secrets.token_urlsafe(9)
        return _first_half(agreed.request, office_key) + second, second
    made = "" if chosen is not None else store.one_time_password()
    return chosen or made, made


def _first_half(request: int, office_key: bytes) -> str:
    """Kept nowhere: reckoned from the request's number, 72 bits."""
    return base64.urlsafe_b64encode(hmac.digest(office_key, b"first half %d" % request, "sha256")[:9]).decode()


def _with_half(asked: Asked, office_key: bytes) -> Asked:
    return Asked(
        request=asked.request, password=_first_half(asked.request, office_key), nobody_else=asked.nobody_else
    )  # fmt: skip


def _done(agreed: _Agreed, password: str = "") -> Done:
    return Done(
        password=password, asked_by=str(agreed.how.get("asked_by", "")), alone=bool(agreed.how.get("alone"))
    )  # fmt: skip
