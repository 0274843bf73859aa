"""Users and their passwords in the database."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, insert, select, update

from broadcaster.access import countersign, session
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
AT_SIGN_IN, SIGNED_IN, AT_CONSOLE, AT_CODE = "refused", "refused.again", "refused.console", "code"
ROADS = (AT_SIGN_IN, SIGNED_IN, AT_CONSOLE, AT_CODE)
CODES = 5  # wrong codes of the second factor in a row before the account must wait (OWASP ASVS 5.0, 6.3.1)
# Each further wrong code doubles PAUSE up to this: 13 tries on the first day, then one a day.
LONGEST_WAIT = timedelta(days=1)
NOBODY = "nobody"  # tries with names that do not exist, since the last entry about them
WINDOW = timedelta(hours=1)  # of such tries that make one entry
AT_ONCE = 4  # sign-ins hashed at once: each takes 64 MiB, and anybody may ask for one
GATE_WAIT = 2.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    name: str
    roles: frozenset[Role]
    disabled: bool
    must_change: bool


# `how` in the next ones: fields for the ledger about who agreed. Who must is decided in access/appointment.py, through which
# everything outside this room goes.


def add(
    tx: Transaction,
    *,
    name: str,
    roles: frozenset[Role],
    password: str,
    actor: str,
    must_change: bool = False,
    how: Mapping[str, Any] | None = None,
) -> None:
    """Raises: WrongUse for a bad name or password, Conflict if the name is taken."""
    check_new(tx.connection, name)
    check_password(password, name=name)
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
    tx.record(Kind.USER_ADD, actor, user=name, roles=sorted(roles), **(how or {}))


def check_new(connection: Connection, name: str) -> None:
    """Raises: WrongUse for a bad name, Conflict if it is taken."""
    check_name(name)
    if find(connection, name):
        raise Conflict(f"There is a user {name} already; `broadcaster user reset {name}` gives a new password.")


def one_time_password() -> str:
    """A password to be told once and changed at the first sign-in."""
    return secrets.token_urlsafe(12)


def refuse_own_roles(actor: str, name: str, roles: frozenset[Role]) -> None:
    """Raises: NotAllowed when somebody gives themselves a role that decides about others' work."""
    if actor == name and roles & {Role.APPROVER, Role.ADMIN}:
        raise NotAllowed("Nobody gives such a role to themselves; another admin does it.")


def set_roles(
    tx: Transaction, *, name: str, roles: frozenset[Role], actor: str, how: Mapping[str, Any] | None = None
) -> None:  # fmt: skip
    account = get(tx.connection, name)
    _keep_one_admin(tx.connection, account, stays=Role.ADMIN in roles)
    tx.connection.execute(update(USER).where(USER.c.name == name).values(roles=join_roles(roles)))
    tx.record(Kind.USER_ROLE, actor, user=name, roles=sorted(roles), before=sorted(account.roles), **(how or {}))
    if account.roles - roles:
        countersign.forget(tx, name)
    if roles - account.roles:  # the new role may ask for a second factor, which the old sign-in did not
        session.end_all(tx, name, actor=actor)


def disable(tx: Transaction, *, name: str, actor: str) -> None:
    account = get(tx.connection, name)
    _keep_one_admin(tx.connection, account, stays=False)
    tx.connection.execute(update(USER).where(USER.c.name == name).values(disabled=True))
    tx.record(Kind.USER_DISABLE, actor, user=name)
    countersign.forget(tx, name)
    session.end_all(tx, name, actor=actor)


def reset(
    tx: Transaction,
    *,
    name: str,
    password: str,
    actor: str,
    must_change: bool = False,
    how: Mapping[str, Any] | None = None,
) -> None:
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
    tx.record(Kind.USER_RESET, actor, user=name, **(how or {}))
    countersign.forget(tx, name)
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
        _refuse(tx, name, AT_CONSOLE, known=row is not None)
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
            _refuse(tx, name, road, known=again is not None)
            return None
        _forget_refusals(tx, name, road)
        return _account(again)


def refuse_while_waiting(tx: Transaction, name: str) -> None:
    """Raises: NotAllowed while an account must wait after too many wrong codes."""
    wait = code_wait(tx.connection, name, now=tx.now)
    if wait:
        raise NotAllowed(
            f"Too many wrong codes for {name}; wait {_minutes(wait)} minutes, or have an admin let it try again."
        )


def code_wait(connection: Connection, name: str, *, now: datetime) -> timedelta:
    """How long an account takes no code of the second factor yet; nothing when it does."""
    count, until = _counted(connection, f"{AT_CODE}:{name}")
    return max(until - now, timedelta(0)) if count >= CODES else timedelta(0)


def waits(connection: Connection, name: str, *, now: datetime) -> bool:
    """Whether an account must wait anywhere, after wrong passwords or codes."""
    for road in (AT_SIGN_IN, SIGNED_IN, AT_CONSOLE):
        count, until = _counted(connection, f"{road}:{name}")
        if count >= TRIES and until > now:
            return True
    return bool(code_wait(connection, name, now=now))


def count_refusal(tx: Transaction, name: str, *, why: str) -> None:
    """A wrong second factor. Neither a right password nor time makes the count begin anew: a right code or an admin does."""
    count, _ = _counted(tx.connection, f"{AT_CODE}:{name}")
    wait = min(PAUSE * 2 ** max(0, min(count + 1 - CODES, 20)), LONGEST_WAIT)
    _put(tx, f"{AT_CODE}:{name}", f"{count + 1} {(tx.now + wait).timestamp()}")
    tx.record(Kind.USER_REFUSED, name, why=why)


def right_code(tx: Transaction, name: str) -> None:
    """The wrong codes before it are forgotten."""
    _forget_refusals(tx, name, AT_CODE)


def unlock(tx: Transaction, *, name: str, actor: str) -> None:
    """The account may try again at once, with its password and its codes as they are. Raises: NotFound."""
    get(tx.connection, name)
    for road in ROADS:
        _forget_refusals(tx, name, road)
    tx.record(Kind.USER_FACTOR, actor, user=name, to="unlocked")


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


def _refuse(tx: Transaction, name: str, road: str, *, known: bool) -> None:
    """What was typed for a name may be a password or a number: only a name that exists enters the ledger.

    Made-up names are counted, with one entry an hour: whoever has a list of them does not write our ledger.
    """
    _count_refusal(tx, name, road)
    if known:
        tx.record(Kind.USER_REFUSED, name, why="password")
        return
    count, until = _counted(tx.connection, NOBODY)
    if until > tx.now:
        _put(tx, NOBODY, f"{count + 1} {until.timestamp()}")
        return
    _put(tx, NOBODY, f"0 {(tx.now + WINDOW).timestamp()}")
    tx.record(Kind.USER_REFUSED, "nobody", why="password", tries=count + 1)


def _counted(connection: Connection, key: str) -> tuple[int, datetime]:
    """How often, and until when it matters; long ago for a key that is not there."""
    value = connection.scalar(select(META.c.value).where(META.c.name == key)) or "0 0"
    count, _, until = value.partition(" ")
    return int(count), datetime.fromtimestamp(float(until), UTC)


def _put(tx: Transaction, key: str, value: str) -> None:
    if not tx.connection.execute(update(META).where(META.c.name == key).values(value=value)).rowcount:
        tx.connection.execute(insert(META).values(name=key, value=value))


def _minutes(span: timedelta) -> int:
    return -int(-span.total_seconds() // 60)


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
