"""Users and their passwords in the database."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection, func, insert, select, update

from broadcaster.access import session
from broadcaster.access.user import PASSWORD_MOST, Role, check_name, check_password, join_roles, parse_roles
from broadcaster.clock import Clock
from broadcaster.db.engine import Database
from broadcaster.db.tables import Meta, User, table
from broadcaster.errors import Busy, Conflict, NotAllowed, NotFound, WrongUse
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction, transaction

if TYPE_CHECKING:
    from argon2 import PasswordHasher

USER = table(User)
META = table(Meta)
TRIES = 10  # wrong passwords of one name before it must wait
PAUSE = timedelta(minutes=5)  # how long; long enough to make guessing useless, short enough not to lock an office out
# Wrong tries are counted by where they are made: a stranger who guesses at the sign-in keeps nobody who is signed in, or sits
# at the office's computer, from the stop; and a right password does not begin the guesses at the second factor anew.
AT_SIGN_IN, SIGNED_IN, AT_CONSOLE, AT_CODE = "refused", "refused.again", "refused.console", "refused.code"
ROADS = (AT_SIGN_IN, SIGNED_IN, AT_CONSOLE, AT_CODE)
AT_ONCE = 4  # sign-ins hashed at once: each takes 64 MiB, and anybody may ask for one
GATE_WAIT = 2.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    name: str
    roles: frozenset[Role]
    disabled: bool
    must_change: bool


def add(
    tx: Transaction, *, name: str, roles: frozenset[Role], password: str, actor: str, must_change: bool = False
) -> None:
    """Raises: WrongUse for a bad name or password, Conflict if the name is taken."""
    check_name(name)
    check_password(password, name=name)
    if find(tx.connection, name):
        raise Conflict(f"There is a user {name} already; `broadcaster user reset {name}` gives a new password.")
    tx.connection.execute(
        insert(USER).values(
            name=name,
            roles=join_roles(roles),
            password_hash=_hasher().hash(password),
            disabled=False,
            created_at=tx.now,
            must_change=must_change,
        )
    )
    tx.record(Kind.USER_ADD, actor, user=name, roles=sorted(roles))


def one_time_password() -> str:
    """A password to be told once and changed at the first sign-in."""
    return secrets.token_urlsafe(12)


def refuse_own_roles(actor: str, name: str, roles: frozenset[Role]) -> None:
    """Raises: NotAllowed when somebody gives themselves a role that decides about others' work."""
    if actor == name and roles & {Role.APPROVER, Role.ADMIN}:
        raise NotAllowed("Nobody gives such a role to themselves; another admin does it.")


def set_roles(tx: Transaction, *, name: str, roles: frozenset[Role], actor: str) -> None:
    account = get(tx.connection, name)
    _keep_one_admin(tx.connection, account, stays=Role.ADMIN in roles)
    tx.connection.execute(update(USER).where(USER.c.name == name).values(roles=join_roles(roles)))
    tx.record(Kind.USER_ROLE, actor, user=name, roles=sorted(roles), before=sorted(account.roles))
    if roles - account.roles:  # the new role may ask for a second factor, which the old sign-in did not
        session.end_all(tx, name, actor=actor)


def disable(tx: Transaction, *, name: str, actor: str) -> None:
    account = get(tx.connection, name)
    _keep_one_admin(tx.connection, account, stays=False)
    tx.connection.execute(update(USER).where(USER.c.name == name).values(disabled=True))
    tx.record(Kind.USER_DISABLE, actor, user=name)
    session.end_all(tx, name, actor=actor)


def reset(tx: Transaction, *, name: str, password: str, actor: str, must_change: bool = False) -> None:
    """A new password; also lets a disabled user in again."""
    get(tx.connection, name)
    for road in ROADS:
        _forget_refusals(tx, name, road)
    check_password(password, name=name)
    tx.connection.execute(
        update(USER)
        .where(USER.c.name == name)
        .values(password_hash=_hasher().hash(password), disabled=False, must_change=must_change)
    )
    tx.record(Kind.USER_RESET, actor, user=name)
    session.end_all(tx, name, actor=actor)


def choose(database: Database, clock: Clock, *, name: str, password: str, keep: str = "") -> None:
    """A password the user chose; every session of theirs ends, but the one with the key `keep`. Raises: WrongUse."""
    check_password(password, name=name)
    with database.reading() as connection:
        before = connection.scalar(select(USER.c.password_hash).where(USER.c.name == name))
    if _fits(str(before), password):
        raise WrongUse("This is the password you had; choose another.")
    hashed = _hasher().hash(password)  # slow: before the transaction
    with transaction(database, clock) as tx:
        tx.connection.execute(update(USER).where(USER.c.name == name).values(password_hash=hashed, must_change=False))
        tx.record(Kind.USER_RESET, name, user=name)
        session.end_all(tx, name, actor=name, but=keep)


def find(connection: Connection, name: str) -> Account | None:
    row = connection.execute(select(USER).where(USER.c.name == name)).one_or_none()
    return None if row is None else _account(row)


def get(connection: Connection, name: str) -> Account:
    """Raises: NotFound."""
    account = find(connection, name)
    if account is None:
        raise NotFound(f"There is no user {name}; `broadcaster user list` shows who there is.")
    return account


def everybody(connection: Connection) -> list[Account]:
    return [_account(row) for row in connection.execute(select(USER).order_by(USER.c.name))]


def authenticate(tx: Transaction, *, name: str, password: str) -> Account | None:
    """The account if name and password are right, else None; a refusal is recorded, and slows further tries.

    A name that does not exist takes as long as a wrong password. Raises: NotAllowed while a name must wait.
    """
    _refuse_while_waiting(tx.connection, name, AT_CONSOLE, tx.now)
    row = tx.connection.execute(select(USER).where(USER.c.name == name)).one_or_none()
    known_hash = _NOBODY if row is None else str(row.password_hash)
    fits = len(password) <= PASSWORD_MOST and _fits(known_hash, password)
    if row is None or not fits or row.disabled:
        _count_refusal(tx, name, AT_CONSOLE)
        # What was typed for a name may be a password or a number: only a name that exists enters the ledger.
        tx.record(Kind.USER_REFUSED, "nobody" if row is None else name, why="password")
        return None
    _forget_refusals(tx, name, AT_CONSOLE)
    return _account(row)


def prove(
    database: Database, clock: Clock, *, name: str, password: str, signed_in: bool = False
) -> Account | None:  # fmt: skip
    """As `authenticate`, for the web: the slow hashing is done outside the transaction, so that no sending waits for it.

    `signed_in`: the password is asked of somebody again. Raises: Busy while too many strangers ask at once.
    """
    road = SIGNED_IN if signed_in else AT_SIGN_IN
    with database.reading() as connection:
        _refuse_while_waiting(connection, name, road, clock.now())
        row = connection.execute(select(USER).where(USER.c.name == name)).one_or_none()
    known_hash = _NOBODY if row is None else str(row.password_hash)
    fits = len(password) <= PASSWORD_MOST and (_fits if signed_in else _fits_in_turn)(known_hash, password)
    with transaction(database, clock) as tx:
        again = tx.connection.execute(select(USER).where(USER.c.name == name)).one_or_none()
        if again is None or not fits or again.disabled or again.password_hash != known_hash:
            _count_refusal(tx, name, road)
            tx.record(Kind.USER_REFUSED, "nobody" if again is None else name, why="password")
            return None
        _forget_refusals(tx, name, road)
        return _account(again)


def refuse_while_waiting(tx: Transaction, name: str) -> None:
    """Raises: NotAllowed while a name must wait after too many wrong codes."""
    _refuse_while_waiting(tx.connection, name, AT_CODE, tx.now)


def count_refusal(tx: Transaction, name: str, *, why: str) -> None:
    """A wrong second factor. No right password makes the count begin anew, only five minutes without a wrong one."""
    _count_refusal(tx, name, AT_CODE)
    tx.record(Kind.USER_REFUSED, name, why=why)


def _keep_one_admin(connection: Connection, account: Account, *, stays: bool) -> None:
    if stays or Role.ADMIN not in account.roles or account.disabled:
        return
    others = connection.scalar(
        select(func.count()).where(USER.c.roles.contains("admin"), ~USER.c.disabled, USER.c.name != account.name)
    )
    if not others:
        raise Conflict(f"{account.name} is the only admin; make another one first.")


def _refuse_while_waiting(connection: Connection, name: str, road: str, now: datetime) -> None:
    row = connection.execute(select(META.c.value).where(META.c.name == f"{road}:{name[:32]}")).scalar_one_or_none()
    if row is None:
        return
    count, _, until = row.partition(" ")
    if int(count) >= TRIES and float(until) > now.timestamp():
        raise NotAllowed(f"Too many wrong passwords for {name[:32]}; wait five minutes, or have an admin reset it.")


def _count_refusal(tx: Transaction, name: str, road: str) -> None:
    key = f"{road}:{name[:32]}"
    until = (tx.now + PAUSE).timestamp()
    found = tx.connection.execute(select(META.c.value).where(META.c.name == key)).scalar_one_or_none()
    if found is None:
        _tidy_refusals(tx)
        tx.connection.execute(insert(META).values(name=key, value=f"1 {until}"))
    else:
        count, _, before = found.partition(" ")
        fresh = float(before) <= tx.now.timestamp()  # the last refusal is long ago: count anew
        tx.connection.execute(
            update(META).where(META.c.name == key).values(value=f"{1 if fresh else int(count) + 1} {until}")
        )


def _forget_refusals(tx: Transaction, name: str, road: str) -> None:
    tx.connection.execute(META.delete().where(META.c.name == f"{road}:{name[:32]}"))


def _tidy_refusals(tx: Transaction) -> None:
    """Counts that are over go, a hundred at a time: whoever makes names up does not make the table grow."""
    rows = tx.connection.execute(select(META).where(META.c.name.like("refused%:%")).limit(100)).all()
    over = [row.name for row in rows if float(row.value.partition(" ")[2]) <= tx.now.timestamp()]
    tx.connection.execute(META.delete().where(META.c.name.in_(over)))


def _account(row: object) -> Account:
    return Account(
        name=row.name,  # type: ignore[attr-defined]
        roles=parse_roles(row.roles),  # type: ignore[attr-defined]
        disabled=bool(row.disabled),  # type: ignore[attr-defined]
        must_change=bool(row.must_change),  # type: ignore[attr-defined]
    )


# A hash nobody's password fits, so that an unknown name costs the same work.
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$Zm9yIG5vYm9keSBhdCBhbGwsIGV2ZXIsIGFueXdheSE"


_GATE = threading.BoundedSemaphore(AT_ONCE)


def _fits_in_turn(known_hash: str, password: str) -> bool:
    """Raises: Busy."""
    if not _GATE.acquire(timeout=GATE_WAIT):
        raise Busy("Very many are signing in just now; try again in a few seconds.")
    try:
        return _fits(known_hash, password)
    finally:
        _GATE.release()


def _fits(known_hash: str, password: str) -> bool:
    from argon2.exceptions import Argon2Error, InvalidHashError

    try:
        return _hasher().verify(known_hash, password)
    except (Argon2Error, InvalidHashError):
        return False


def _hasher() -> PasswordHasher:
    """Argon2id with the library's defaults (RFC 9106, second recommended option: 64 MiB, 3 passes)."""
    from argon2 import PasswordHasher

    return PasswordHasher()
