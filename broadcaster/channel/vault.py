"""A provider's token pair, kept so that no crash loses it: sealed, and committed before it is used.

A refresh token may be used once. Whoever wants to use it claims it in a transaction of its own; only one can.
The one moment that nobody can make safe is between the provider's answer and our commit of it: the row then says
`refreshing`, and whoever comes next finds out whether the old refresh token is still good.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Table, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from broadcaster.channel.base import Misconfigured
from broadcaster.clock import Clock
from broadcaster.db.engine import Database
from broadcaster.db.tables import ProviderToken, table
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction, transaction

T = TypeVar("T")
TOKEN = table(ProviderToken)
CLAIM = timedelta(minutes=2)  # longer than any request: after it, whoever claimed a refresh token is dead
REASON_LIMIT = 200  # characters of a provider's reason
ACTOR = "sender"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A token pair as it stands in the database, opened. Its tokens never print."""

    access: str  # "" before the first renewal
    refresh: str
    issued_at: datetime
    expires_at: datetime  # of the access token
    generation: int
    state: str
    changed_at: datetime

    def __repr__(self) -> str:
        return f"Pair(generation={self.generation}, state={self.state!r})"

    def good(self, now: datetime) -> bool:
        """Whether the access token has not run out."""
        return bool(self.access) and now < self.expires_at

    def due(self, now: datetime) -> bool:
        """Whether a fifth of its life or less is left: after 20 of 25 hours."""
        return now >= self.expires_at - (self.expires_at - self.issued_at) / 5


class Vault:
    """What channels keep in the office's database. Calls wait for the disk: call them on a thread.

    `write` hands a piece of work to the process's one writer; without it each piece is a transaction of its own.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        office_key: bytes,
        *,
        write: Callable[[Callable[[Transaction], Any]], Any] | None = None,
    ) -> None:
        self._database, self._clock, self._write = database, clock, write
        self._office_key = office_key
        self._box: Any = None

    def now(self) -> datetime:
        return self._clock.now()

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Run one piece of work in a transaction; it is on the disk when this returns."""
        if self._write is not None:
            done: T = self._write(work)
            return done
        with transaction(self._database, self._clock) as tx:
            return work(tx)

    def read(self, query: Callable[[Connection], T]) -> T:
        with self._database.reading() as connection:
            return query(connection)

    # -- token pairs ---------------------------------------------------------------------------------------------------

    def pair(self, channel: str, *, seed: str) -> Pair:
        """The channel's pair. `seed` is the refresh token a person put into the configuration: it begins the pair, and
        another one replaces it, which is how a person mends a lost one. Raises: Misconfigured if it cannot be opened.
        """
        digest = hashlib.sha256(seed.encode()).hexdigest()
        row = self.read(partial(_row, channel=channel))
        if row is None or row.seed != digest:
            self.write(partial(adopt, channel=channel, seed=digest, sealed=self._seal(channel, seed)))
            row = self.read(partial(_row, channel=channel))
        return Pair(
            access=self._open(channel, row.access_sealed) if row.access_sealed else "",
            refresh=self._open(channel, row.refresh_sealed),
            issued_at=row.issued_at,
            expires_at=row.expires_at,
            generation=row.generation,
            state=row.state,
            changed_at=row.changed_at,
        )

    def claim(self, channel: str, generation: int) -> bool:
        """True for the one caller that may now use the refresh token of this generation."""
        return self.write(partial(claim, channel=channel, generation=generation))

    def keep(self, channel: str, generation: int, *, access: str, refresh: str, expires_in: timedelta) -> None:
        """Write down the pair that came for `generation`; only then may it be used."""
        sealed = (self._seal(channel, access), self._seal(channel, refresh))
        self.write(partial(keep, channel=channel, generation=generation, sealed=sealed, expires_in=expires_in))

    def settle(self, channel: str, generation: int, state: str, reason: str = "") -> None:
        """Give the claim back: `fresh` (certainly not used), `doubt` (perhaps used) or `lost` (the provider refuses it)."""
        self.write(partial(settle, channel=channel, generation=generation, state=state, reason=reason[:REASON_LIMIT]))

    def _fernet(self) -> Any:
        if self._box is None:
            from cryptography.fernet import Fernet
            from cryptography.hazmat.primitives.hashes import SHA256
            from cryptography.hazmat.primitives.kdf.hkdf import HKDF

            derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"broadcaster provider tokens v1")
            self._box = Fernet(base64.urlsafe_b64encode(derive.derive(self._office_key)))
        return self._box

    def _seal(self, channel: str, token: str) -> bytes:
        """The channel is sealed with it, so that no row can lend its token to another."""
        sealed: bytes = self._fernet().encrypt_at_time(
            msgspec.json.encode([channel, token]), int(self.now().timestamp())
        )
        return sealed

    def _open(self, channel: str, sealed: bytes) -> str:
        from cryptography.fernet import InvalidToken

        try:
            whose, token = msgspec.json.decode(self._fernet().decrypt(bytes(sealed)), type=tuple[str, str])
        except InvalidToken:
            whose = token = ""
        if whose != channel or not token:
            raise Misconfigured(
                "The token pair in the database was sealed with another office key. Put that key back, or give the"
                " official account's consent again and put the new refresh token where `refresh_token` points to."
            )
        return token


def adopt(tx: Transaction, channel: str, seed: str, sealed: bytes) -> None:
    """A refresh token from a person begins the pair, or replaces one that had another beginning."""
    row = _row(tx.connection, channel)
    if row is not None and row.seed == seed:
        return  # somebody else was faster
    generation = row.generation + 1 if row else 0
    values = {
        "seed": seed, "access_sealed": None, "refresh_sealed": sealed, "issued_at": tx.now, "expires_at": tx.now,
        "generation": generation, "state": "fresh", "reason": "", "changed_at": tx.now,
    }  # fmt: skip
    if row is None:
        statement = polite_insert(tx.connection, TOKEN).values(channel=channel, **values).on_conflict_do_nothing()
        if not tx.connection.execute(statement).rowcount:
            return
    else:
        unmoved = (TOKEN.c.channel == channel, TOKEN.c.seed == row.seed)
        if not tx.connection.execute(update(TOKEN).where(*unmoved).values(**values)).rowcount:
            return
    tx.record(Kind.PROVIDER_TOKEN, ACTOR, channel=channel, generation=generation, state="given")


def claim(tx: Transaction, channel: str, generation: int) -> bool:
    """One statement decides; a claim older than CLAIM was left by the dead."""
    free = or_(TOKEN.c.state != "refreshing", TOKEN.c.changed_at <= tx.now - CLAIM)
    got = tx.connection.execute(
        update(TOKEN)
        .where(TOKEN.c.channel == channel, TOKEN.c.generation == generation, free)
        .values(state="refreshing", changed_at=tx.now)
    )
    return got.rowcount == 1


def keep(tx: Transaction, channel: str, generation: int, sealed: tuple[bytes, bytes], expires_in: timedelta) -> None:
    """The next generation. Whatever the state: an answer of the provider is never thrown away."""
    got = tx.connection.execute(
        update(TOKEN)
        .where(TOKEN.c.channel == channel, TOKEN.c.generation == generation)
        .values(
            access_sealed=sealed[0], refresh_sealed=sealed[1], issued_at=tx.now, expires_at=tx.now + expires_in,
            generation=generation + 1, state="fresh", reason="", changed_at=tx.now,
        )
    )  # fmt: skip
    if got.rowcount:
        tx.record(Kind.PROVIDER_TOKEN, ACTOR, channel=channel, generation=generation + 1, state="fresh")


def settle(tx: Transaction, channel: str, generation: int, state: str, reason: str) -> None:
    """Ends a claim without a new pair."""
    got = tx.connection.execute(
        update(TOKEN)
        .where(TOKEN.c.channel == channel, TOKEN.c.generation == generation, TOKEN.c.state == "refreshing")
        .values(state=state, reason=reason, changed_at=tx.now)
    )
    if got.rowcount and state != "fresh":
        tx.record(Kind.PROVIDER_TOKEN, ACTOR, channel=channel, generation=generation, state=state)


def forget(tx: Transaction, channel: str) -> None:
    """The channel's pair is destroyed: the office gives the account back."""
    tx.connection.execute(delete(TOKEN).where(TOKEN.c.channel == channel))


def states(connection: Connection) -> list[dict[str, Any]]:
    """Every channel's pair as people may see it: state, reason, when the access token runs out; no token."""
    shown = (TOKEN.c.channel, TOKEN.c.state, TOKEN.c.reason, TOKEN.c.generation, TOKEN.c.expires_at, TOKEN.c.changed_at)
    return [dict(row) for row in connection.execute(select(*shown).order_by(TOKEN.c.channel)).mappings()]


def polite_insert(connection: Connection, into: Table) -> Any:
    """An INSERT that may say what happens to a row that is there already, in the words of the database at hand."""
    return (sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert)(into)


def _row(connection: Connection, channel: str) -> Any:
    return connection.execute(select(TOKEN).where(TOKEN.c.channel == channel)).one_or_none()
