"""The access token of a Zalo app: renewed by one at a time, written down before it is used.

Access tokens live 25 hours, refresh tokens 3 months and for one use. After a lost answer the old refresh token is tried
again only when the access token has run out: until then nothing is at stake, and a person may have mended it.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.exc import SQLAlchemyError

from broadcaster.channel import http_call
from broadcaster.channel.base import Misconfigured, NotAccepted, OutcomeUnknown, SendError, Throttled
from broadcaster.channel.vault import Pair, Vault
from broadcaster.channel.zalo_codes import read, whole, word
from broadcaster.config import Secret
from broadcaster.errors import BroadcasterError

OAUTH = "https://oauth.zaloapp.com"
PATH = "/v4/oa/access_token"
LIFE = timedelta(hours=25)  # where the answer does not say: the documented "90000"
LONGEST = timedelta(days=90)
TOKEN_LIMIT = 4096  # characters
CALM = timedelta(minutes=5)  # after a renewal that failed while the old token is still good
AFTER_OTHERS = timedelta(seconds=5)  # somebody else is renewing it


class Tokens:
    """The pair of one channel. Shared by tasks of one event loop; other processes meet it in the database."""

    def __init__(
        self, channel: str, vault: Vault, wire: http_call.Wire, *, base: str, app_id: str, secret: Secret, seed: Secret
    ) -> None:
        self._channel, self._vault, self._wire = channel, vault, wire
        self._url, self._app_id, self._secret, self._seed = base + PATH, app_id, secret, seed
        self._turn = asyncio.Lock()
        self._pair: Pair | None = None
        self._unsaved: tuple[int, str, str, timedelta] | None = None  # an answer the disk would not take yet
        self._calm_until: datetime | None = None

    async def get(self, *, timeout: float) -> Pair:
        """A pair whose access token may be used now. Raises: NotAccepted, Throttled, Misconfigured."""
        async with self._turn:
            pair = await self._known()
            if not pair.due(self._vault.now()):
                return pair
            return await self._renewed(pair, timeout)

    async def renew(self, refused: Pair, *, timeout: float) -> Pair:
        """Zalo has refused this pair's access token before its time: get another, unless somebody has done so."""
        async with self._turn:
            pair = await self._read()
            if pair.generation != refused.generation:
                return pair
            return await self._renewed(pair, timeout, refused=True)

    async def _known(self) -> Pair:
        """The pair in hand while it needs no renewal, else as the database has it."""
        if self._pair is None or self._unsaved or self._pair.due(self._vault.now()):
            return await self._read()
        return self._pair

    async def _read(self) -> Pair:
        if self._unsaved:
            await self._save()
        self._pair = await asyncio.to_thread(partial(self._vault.pair, self._channel, seed=self._seed.reveal()))
        return self._pair

    async def _renewed(self, pair: Pair, timeout: float, *, refused: bool = False) -> Pair:
        now = self._vault.now()
        good = pair.good(now) and not refused
        calm = self._calm_until is not None and now < self._calm_until
        if good and (calm or pair.state != "fresh"):
            return pair  # in doubt or lost: nothing is at stake before it has run out
        if not await asyncio.to_thread(self._vault.claim, self._channel, pair.generation):
            if good:
                return pair
            raise Throttled("Another worker is renewing Zalo's token.", wait=AFTER_OTHERS)
        try:
            await self._ask(pair, timeout)
            return await self._read()
        except SendError:
            self._calm_until = now + CALM
            if good:
                return pair
            raise

    async def _ask(self, pair: Pair, timeout: float) -> None:
        """Use the refresh token, and write down what comes, or what became of the claim."""
        settle = partial(self._vault.settle, self._channel, pair.generation)
        try:
            answer = await self._wire.call(
                "POST",
                self._url,
                headers={
                    "Content-Type": "application/x-www-form-urlencoded",
                    "secret_key": self._secret.reveal(),
                },
                body=urlencode(
                    {"refresh_token": pair.refresh, "app_id": self._app_id, "grant_type": "refresh_token"}
                ).encode(),
                timeout=timeout,
            )
            body = read(answer)
            found = _pair_in(body)
        except OutcomeUnknown as error:
            await asyncio.to_thread(settle, "doubt", str(error))
            raise NotAccepted("Zalo's answer with the new token was lost; nothing was sent.", code="token") from None
        except _Lost as error:
            await asyncio.to_thread(settle, "lost", str(error))
            raise Misconfigured(str(error), code=error.code) from None
        except SendError:
            # Zalo did not get it: the refresh token is as good, or as doubtful, as it was before
            await asyncio.to_thread(settle, "doubt" if pair.state == "refreshing" else pair.state)
            raise
        self._unsaved = (pair.generation, *found)
        await self._save()

    async def _save(self) -> None:
        """Write down the pair in hand; kept in hand until the disk takes it. Raises: NotAccepted if it does not."""
        assert self._unsaved is not None
        generation, access, refresh, life = self._unsaved
        try:
            await asyncio.to_thread(
                partial(self._vault.keep, self._channel, generation, access=access, refresh=refresh, expires_in=life)
            )
        except (BroadcasterError, SQLAlchemyError):
            raise NotAccepted(
                "Zalo's new token could not be written down, and is not used before; nothing was sent.", code="token"
            ) from None
        self._unsaved = None


class _Lost(SendError):
    """Zalo itself refuses to renew."""


def _pair_in(body: dict[str, Any]) -> tuple[str, str, timedelta]:
    """Access token, refresh token, life of the first. Raises: Throttled, _Lost; OutcomeUnknown if it says nothing."""
    access, refresh = (word(body.get(name), most=TOKEN_LIMIT) for name in ("access_token", "refresh_token"))
    if access and refresh:
        seconds = whole(body.get("expires_in"))
        life = timedelta(seconds=seconds) if seconds and 0 < seconds <= LONGEST.total_seconds() else LIFE
        return access, refresh, life
    code = whole(body.get("error"))
    if not code:
        raise OutcomeUnknown("Zalo's answer holds no token.")
    if code == -32:
        raise Throttled("Zalo: too many requests a minute (-32).", wait=timedelta(minutes=1), code="-32")
    # No code of a dead refresh token is documented; whatever it is, only a person can mend it.
    raise _Lost(
        f"Zalo does not renew the token ({code}). Check `app_id` and `app_secret`; else let an administrator of the account"
        " consent again in Zalo's console, and put the new refresh token where `refresh_token` points to.",
        code=str(code),
    )
