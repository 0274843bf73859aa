"""The second factor: an authenticator's six digits (RFC 6238), and recovery codes for the day the phone is lost."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from broadcaster.access.user import Role
from broadcaster.db.tables import RecoveryCode, SecondFactor, table
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction

FACTOR, RECOVERY = table(SecondFactor), table(RecoveryCode)
STEP = 30  # seconds of one code (RFC 6238, 5.2)
DRIFT = 1  # steps a phone's clock may be off, either way (RFC 6238, 6)
CODES = 8  # recovery codes a person gets
MUST = frozenset({Role.APPROVER, Role.ADMIN})


def must_have(roles: frozenset[Role]) -> bool:
    return bool(roles & MUST)


def confirmed(connection: Connection, name: str) -> bool:
    """Whether the user has set one up."""
    query = select(FACTOR.c.name).where(FACTOR.c.name == name, FACTOR.c.confirmed_at.is_not(None))
    return connection.execute(query).first() is not None


def begin(tx: Transaction, *, name: str, office_key: bytes) -> str:
    """The secret to show while it is set up, in base 32; the same until it is confirmed."""
    row = tx.connection.execute(select(FACTOR).where(FACTOR.c.name == name)).one_or_none()
    if row is not None:
        return _unseal(row.secret, office_key)
    secret = base64.b32encode(secrets.token_bytes(20)).decode()  # 160 bits (RFC 4226, 4)
    tx.connection.execute(insert(FACTOR).values(name=name, secret=_seal(secret, office_key), confirmed_at=None, step=0))
    return secret


def address(secret: str, *, name: str, office: str) -> str:
    """What the QR code says: `otpauth://totp/...`."""
    import pyotp

    return pyotp.TOTP(secret, interval=STEP).provisioning_uri(name=name, issuer_name=office[:60])


def confirm(tx: Transaction, *, name: str, code: str, office_key: bytes) -> list[str] | None:
    """The first right code puts it in force: the recovery codes, shown once. None for a wrong code."""
    if not take(tx, name=name, code=code, office_key=office_key, only_confirmed=False):
        return None
    tx.connection.execute(update(FACTOR).where(FACTOR.c.name == name).values(confirmed_at=tx.now))
    tx.connection.execute(delete(RECOVERY).where(RECOVERY.c.name == name))
    codes = [f"{secrets.token_hex(3)}-{secrets.token_hex(3)}-{secrets.token_hex(3)}" for _ in range(CODES)]
    tx.connection.execute(insert(RECOVERY), [{"name": name, "key": _key(code)} for code in codes])
    tx.record(Kind.USER_FACTOR, name, user=name, to="set")
    return codes


def take(tx: Transaction, *, name: str, code: str, office_key: bytes, only_confirmed: bool = True) -> bool:
    """Whether the code is right now; each is taken once, so that one that was overheard is worth nothing."""
    row = tx.connection.execute(select(FACTOR).where(FACTOR.c.name == name).with_for_update()).one_or_none()
    if row is None or (only_confirmed and row.confirmed_at is None):
        return False
    step = _step_of(_unseal(row.secret, office_key), "".join(code.split()), tx.now)
    if step is None or step <= row.step:
        return False
    tx.connection.execute(update(FACTOR).where(FACTOR.c.name == name).values(step=step))
    return True


def recover(tx: Transaction, *, name: str, code: str) -> bool:
    """Whether it is one of the recovery codes not used yet; uses it up."""
    gone = tx.connection.execute(
        delete(RECOVERY).where(RECOVERY.c.name == name, RECOVERY.c.key == _key(code.strip().lower()))
    )
    if gone.rowcount:
        tx.record(Kind.USER_FACTOR, name, user=name, to="recovered")
    return bool(gone.rowcount)


def codes_left(connection: Connection, name: str) -> int:
    return int(connection.scalar(select(func.count()).where(RECOVERY.c.name == name)) or 0)


def take_away(tx: Transaction, *, name: str, actor: str, how: Mapping[str, Any] | None = None) -> None:
    """The phone is lost, and the codes too: the user sets up a new one at the next sign-in."""
    tx.connection.execute(delete(RECOVERY).where(RECOVERY.c.name == name))
    if tx.connection.execute(delete(FACTOR).where(FACTOR.c.name == name)).rowcount:
        tx.record(Kind.USER_FACTOR, actor, user=name, to="taken away", **(how or {}))


def _step_of(secret: str, code: str, now: datetime) -> int | None:
    """The time step a code belongs to, near `now`."""
    import pyotp

    totp, current = pyotp.TOTP(secret, interval=STEP), int(now.timestamp()) // STEP
    for step in range(current - DRIFT, current + DRIFT + 1):
        if hmac.compare_digest(totp.generate_otp(step), code.encode("ascii", "replace").decode()):
            return step
    return None


def _key(code: str) -> str:
    return sha256(code.encode("utf-8", "replace")).hexdigest()


def _seal(secret: str, office_key: bytes) -> bytes:
    from cryptography.fernet import Fernet

    return Fernet(_sealing_key(office_key)).encrypt(secret.encode())


def _unseal(sealed: bytes, office_key: bytes) -> str:
    """Raises: Conflict when the office key is not the one it was sealed with."""
    from cryptography.fernet import Fernet, InvalidToken

    from broadcaster.errors import Conflict

    try:
        return Fernet(_sealing_key(office_key)).decrypt(bytes(sealed)).decode()
    except InvalidToken:
        raise Conflict(
            "The office key is not the one this authenticator was set up with; put the right secrets/office.key back."
        ) from None


def _sealing_key(office_key: bytes) -> bytes:
    return base64.urlsafe_b64encode(hmac.digest(office_key, b"second factor", "sha256"))
