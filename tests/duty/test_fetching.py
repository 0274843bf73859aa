"""Where nobody can call us back, what people write to the bot is fetched: once, by one reader, and never lost to a crash."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text

from broadcaster.channel import registry
from broadcaster.channel.address import suppression_key
from broadcaster.clock import SteppedClock
from broadcaster.config import ChannelCommon, ChannelSettings
from broadcaster.db.engine import Database
from broadcaster.db.tables import Address, Contact, table
from broadcaster.duty import inbox
from broadcaster.duty.listening import FETCH_EVERY, Listener
from broadcaster.ledger.store import transaction
from broadcaster.ledger.writer import Writer
from broadcaster.simulator.book import Book
from broadcaster.simulator.faults import Fault
from broadcaster.simulator.telegram import TelegramSimulator
from tests.builders import OFFICE_KEY

pytestmark = pytest.mark.anyio

PEOPLE = (700001, 700002, 700003)


class Nobody:
    """No officer is called here."""

    async def look(self) -> None:
        return


class Bot:
    """A listener without a public address, and the provider that keeps what people said."""

    def __init__(
        self, database: Database, clock: SteppedClock, provider: TelegramSimulator, listener: Listener
    ) -> None:
        self.database, self.clock, self.provider, self.listener = database, clock, provider, listener

    async def hear(self) -> None:
        self.clock.move_by(FETCH_EVERY)
        await self.listener.hear()

    def rows(self, sql: str) -> list[Any]:
        with self.database.reading() as connection:
            return list(connection.execute(text(sql)).all())

    @property
    def suppressed(self) -> set[bytes]:
        return {bytes(row.key) for row in self.rows("SELECT key FROM suppression")}


@asynccontextmanager
async def bot_of(
    database: Database, clock: SteppedClock, patch: pytest.MonkeyPatch, *, public: bool = False
) -> AsyncIterator[Bot]:
    patch.setenv("TEST_BOT", "42:telegram-secret-canary")
    async with TelegramSimulator(book=Book(clock=clock)) as provider:
        settings = ChannelSettings(
            name="bot", common=ChannelCommon(adapter="telegram", api_base=provider.url), own={"token": {"env": "TEST_BOT"}},
            folder=Path(), public_folder=Path(), public_url="",
        )  # fmt: skip
        channel, writer = registry.build(settings), Writer(database, clock)
        with transaction(database, clock) as tx:
            for chat in PEOPLE:
                contact = {"name": "Người", "language": "vi", "commune": "", "salt": bytes(32), "created_at": tx.now}
                number = tx.connection.execute(
                    insert(table(Contact)).values(contact | {"consent_source": "", "consent_date": None})
                ).inserted_primary_key[0]
                key = suppression_key(OFFICE_KEY, "telegram", str(chat))
                address = {"contact_id": number, "kind": "telegram", "value": str(chat), "key": key}
                tx.connection.execute(insert(table(Address)).values(address))
        listener = Listener(
            channels={"bot": channel}, database=database, writer=writer, clock=clock, office_key=OFFICE_KEY, public=public,
            prices={}, caller=Nobody(),  # type: ignore[arg-type]
        )  # fmt: skip
        try:
            yield Bot(database, clock, provider, listener)
        finally:
            writer.close()
            await channel.close()


def key(chat: int) -> bytes:
    return suppression_key(OFFICE_KEY, "telegram", str(chat))


async def test_a_stop_and_a_block_are_applied_and_a_plea_waits_for_the_officer(
    database: Database, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bot_of(database, clock, monkeypatch) as bot:
        bot.provider.hear(PEOPLE[0], "/stop")
        bot.provider.block(PEOPLE[1])
        bot.provider.hear(PEOPLE[2], "DUNG DANH EM, CUU EM VOI")
        for _ in range(7):
            bot.provider.hear(PEOPLE[2], "alo")

        await bot.hear()

        assert bot.suppressed >= {key(PEOPLE[0]), key(PEOPLE[1])}
        assert len(bot.rows("SELECT 1 FROM plea")) >= 1
        assert bot.provider.updates == []  # all is confirmed, once it is on our disk


async def test_what_a_crash_kept_from_the_disk_is_fetched_again_and_applied_once(
    database: Database, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bot_of(database, clock, monkeypatch) as bot:
        bot.provider.hear(PEOPLE[0], "/stop")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(inbox, "keep", broken)
            await bot.hear()
        before = bot.suppressed
        mark = bot.rows("SELECT value FROM meta WHERE name = 'fetched.bot'")

        await bot.hear()
        await bot.hear()

        assert (before, mark) == (set(), [])
        assert bot.suppressed == {key(PEOPLE[0])}
        assert len(bot.rows("SELECT 1 FROM inbox")) == 1


async def test_a_second_reader_keeps_nothing(
    database: Database, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bot_of(database, clock, monkeypatch) as bot:
        bot.provider.hear(PEOPLE[0], "/stop")
        await bot.hear()
        said, channel = bot.rows("SELECT count(*) AS n FROM inbox")[0].n, bot.listener.channels["bot"]

        with transaction(database, clock) as tx:
            kept = inbox.keep_fetched(tx, channel=channel, said=[], before="", after="9", key=OFFICE_KEY)

        assert (kept, said) == (False, 1)
        assert bot.rows("SELECT value FROM meta WHERE name = 'fetched.bot'")[0].value == "500002"


@pytest.mark.parametrize("trouble", ["hook", "silence", "page"])
async def test_when_it_cannot_be_fetched_nothing_is_lost(
    trouble: str, sqlite_database: Database, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bot_of(sqlite_database, clock, monkeypatch) as bot:
        bot.provider.hear(PEOPLE[0], "/stop")
        mend = spoil(bot, trouble)
        await bot.hear()
        before = bot.suppressed

        await mend()
        await bot.hear()

        assert before == set()
        assert bot.suppressed == {key(PEOPLE[0])}


async def test_with_a_public_address_nobody_fetches(
    sqlite_database: Database, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bot_of(sqlite_database, clock, monkeypatch, public=True) as bot:
        bot.provider.hear(PEOPLE[0], "/stop")

        await bot.hear()

        assert len(bot.provider.updates) == 1


async def test_an_update_of_a_kind_nobody_knows_is_passed_over(
    sqlite_database: Database, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bot_of(sqlite_database, clock, monkeypatch) as bot:
        bot.provider._happen({"message": {"chat": "nobody"}})
        bot.provider.hear(PEOPLE[0], "/stop")

        await bot.hear()

        assert bot.suppressed == {key(PEOPLE[0])}


def broken(*_a: Any, **_k: Any) -> None:
    raise OSError("the disk is full")


def spoil(bot: Bot, how: str) -> Callable[[], Any]:
    if how == "hook":
        bot.provider.hooked = True
    elif how == "page":
        real, bot.provider._updates = bot.provider._updates, lambda _v: bot.provider.error(status=502, code=0, text="x")  # type: ignore[method-assign]
    else:
        bot.provider.play(Fault(do="silence-before"))
        bot.listener.channels["bot"]._wire.call = nothing  # type: ignore[attr-defined]

    async def mend() -> None:
        bot.provider.hooked = False
        if how == "page":
            bot.provider._updates = real  # type: ignore[method-assign]
        if how == "silence":
            del bot.listener.channels["bot"]._wire.call  # type: ignore[attr-defined]

    return mend


async def nothing(*_a: Any, **_k: Any) -> Any:
    from broadcaster.channel.base import OutcomeUnknown

    raise OutcomeUnknown("No whole answer in time.", code="timeout")
