"""A Zalo official account, against a simulator that was written from documents: nothing here was seen live."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec
import pytest
from channel_builders import OA, ZALO, MakeOutgoing, MakeSettings
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError, OperationalError

from broadcaster.channel import provider_item, zalo_codes, zalo_event
from broadcaster.channel.base import (
    Accepted,
    Delivery,
    Inbound,
    LooksUp,
    Misconfigured,
    NotAccepted,
    OutcomeUnknown,
    Polls,
    ReadsCallbacks,
    Refused,
    SendError,
    Throttled,
)
from broadcaster.channel.http_call import Answer
from broadcaster.channel.vault import Vault
from broadcaster.channel.zalo import Options, ZaloOa
from broadcaster.channel.zalo_article import digest, paragraphs
from broadcaster.channel.zalo_options import look_of
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.errors import NotAllowed, WrongUse
from broadcaster.ledger.store import raws
from broadcaster.simulator.book import Book
from broadcaster.simulator.faults import Fault
from broadcaster.simulator.zalo import ZaloSimulator

pytestmark = pytest.mark.anyio

FOLLOWER = "2512523625412515"
CS = ZALO | {"mode": "cs"}
TEMPLATE = ZALO | {"mode": "template", "template_id": "7895417a7d3f9461cd2e", "template_data": {"noi_dung": "{text}"}}
SENT = "/v2.0/oa/message"
KEYS = [
    "error",
    "data",
    "message",
    "message_id",
    "event_name",
    "sender",
    "follower",
    "id",
    "msg_id",
    "status",
    "template_id",
]
BROADCAST = "broadcast"


class Crash(BaseException):
    """As a kill would: no handler of ours sees it."""


class Office:
    """A channel of one mode with its database and clock, and the other side."""

    def __init__(self, make: Callable[[], ZaloOa], vault: Vault, clock: SteppedClock, other: ZaloSimulator) -> None:
        self.make, self.vault, self.clock, self.other = make, vault, clock, other
        self.channels: list[ZaloOa] = []

    def started(self) -> ZaloOa:
        """A channel as a process that just started has it."""
        self.channels.append(self.make())
        return self.channels[-1]

    @property
    def broadcasts(self) -> list[str]:
        """Titles of what Zalo has taken for broadcasting."""
        return [entry.body for entry in self.other.book.accepted() if entry.path == SENT]

    def item(self, kind: str, subject: str) -> Any:
        return self.vault.read(partial(provider_item.find, channel="zalo-oa", kind=kind, subject=subject))


@pytest.fixture
def office(sqlite_database: Database, clock: SteppedClock, make_settings: MakeSettings) -> Callable[..., Any]:
    return partial(open_office, sqlite_database, clock, make_settings)


@pytest.fixture
def office_on_both(database: Database, clock: SteppedClock, make_settings: MakeSettings) -> Callable[..., Any]:
    """For what the database itself must get right."""
    return partial(open_office, database, clock, make_settings)


@asynccontextmanager
async def open_office(
    database: Database,
    clock: SteppedClock,
    make_settings: MakeSettings,
    own: dict[str, Any] = ZALO,
    *,
    common: Any = None,
    **played: Any,
) -> AsyncIterator[Office]:
    async with ZaloSimulator(book=Book(clock=clock), **played) as other:
        vault = Vault(database, clock, b"office-key-of-the-tests")

        def make() -> ZaloOa:
            return ZaloOa("zalo-oa", make_settings("zalo-oa", own, api_base=other.url, vault=vault, **(common or {})))

        made = Office(make, vault, clock, other)
        yield made
        for channel in made.channels:
            await channel.close()


# -- articles ---------------------------------------------------------------------------------------------------------


async def test_one_message_becomes_one_article_and_one_broadcast(
    office_on_both: Callable[..., Any], make_outgoing: MakeOutgoing
) -> None:
    async with office_on_both() as desk:
        channel = desk.started()

        accepted = await channel.send(make_outgoing(to=OA), timeout=5)
        again = await channel.send(make_outgoing(to=OA), timeout=5)

        assert again == accepted
        assert desk.broadcasts == ["Gọi 111"]
        assert [one["title"] for one in desk.other.articles] == ["Gọi 111"]
        assert desk.other.articles[0]["status"] == "show"


async def test_a_second_broadcast_of_the_same_text_takes_the_article_there_is(
    office: Callable[..., Any], make_outgoing: MakeOutgoing
) -> None:
    async with office() as desk:
        await desk.started().send(make_outgoing(to=OA), timeout=5)

        await desk.started().send(make_outgoing(to=OA, key="k2", dedupe_key="vp-13"), timeout=5)

        assert len(desk.other.articles) == 1
        assert len(desk.broadcasts) == 2


async def test_while_zalo_looks_an_article_through_the_lane_waits_and_the_state_says_so(
    office_on_both: Callable[..., Any], make_outgoing: MakeOutgoing
) -> None:
    async with office_on_both(review=timedelta(minutes=30)) as desk:
        channel, outgoing = desk.started(), make_outgoing(to=OA)

        with pytest.raises(Throttled) as first:
            await channel.send(outgoing, timeout=5)
        waiting = desk.vault.read(provider_item.reviews)
        desk.clock.move_by(timedelta(minutes=30))
        accepted = await desk.started().send(outgoing, timeout=5)
        approved = desk.vault.read(provider_item.reviews)

        assert first.value.wait == timedelta(minutes=5)
        assert [(one["state"], one["title"]) for one in waiting] == [("waiting", "Gọi 111")]
        assert [(one["state"], one["provider_id"]) for one in approved] == [("approved", "article0001")]
        assert accepted.provider_id
        assert (len(desk.other.articles), len(desk.broadcasts)) == (1, 1)


async def test_an_article_that_zalo_refuses_is_refused_with_its_reason_and_never_made_again(
    office: Callable[..., Any], make_outgoing: MakeOutgoing
) -> None:
    async with office(refused={"Gọi 111"}) as desk:
        for _ in range(2):
            with pytest.raises(Refused):
                await desk.started().send(make_outgoing(to=OA), timeout=5)
        await desk.started().send(make_outgoing(to=OA, title="Gọi ngay 111", dedupe_key="vp-13"), timeout=5)

        shown = {one["title"]: (one["state"], one["reason"]) for one in desk.vault.read(provider_item.reviews)}
        assert shown["Gọi 111"][0] == "refused"
        assert "-248" in shown["Gọi 111"][1]
        assert shown["Gọi ngay 111"][0] == "approved"
        assert desk.broadcasts == ["Gọi ngay 111"]
        assert len(desk.other.articles) == 2


@pytest.mark.parametrize(
    "fault", ["cut-after", "cut-before", "error-after", "garbage-after", "half-after", "empty-after"]
)
async def test_a_lost_answer_to_the_making_of_an_article_is_settled_by_the_accounts_list(
    office: Callable[..., Any], make_outgoing: MakeOutgoing, fault: Any
) -> None:
    async with office(faults_on={"article", "message"}) as desk:
        desk.other.play(Fault(do=fault, to="article", times=1))
        outcomes = []

        for _ in range(4):
            outcomes.append(await outcome(desk.started(), make_outgoing(to=OA)))
            desk.clock.move_by(timedelta(minutes=10))

        assert type(outcomes[0]) is Throttled
        assert outcomes[-1] is None
        assert (len(desk.other.articles), len(desk.broadcasts)) == (1, 1)


async def test_one_look_that_finds_nothing_makes_no_second_article(
    office: Callable[..., Any], make_outgoing: MakeOutgoing
) -> None:
    async with office(faults_on={"article", "message"}) as desk:
        desk.other.play(Fault(do="cut-before", to="article", times=1))

        await outcome(desk.started(), make_outgoing(to=OA))
        looks = [await outcome(desk.started(), make_outgoing(to=OA)) for _ in range(3)]

        assert [type(one) for one in looks] == [Throttled] * 3
        assert desk.other.articles == []


CRASHES = ["begin article", "article/create", "article/verify", "begin broadcast", "oa/message", "move taken"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", CRASHES)
async def test_a_crash_between_two_steps_makes_neither_two_articles_nor_two_broadcasts(
    office: Callable[..., Any], make_outgoing: MakeOutgoing, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    async with office() as desk:
        channel, outgoing = desk.started(), make_outgoing(to=OA)
        crash_at(channel, step, when, monkeypatch)

        with pytest.raises(Crash):
            await channel.send(outgoing, timeout=5)
        proof = await proof_of(desk.started(), outgoing)
        if proof == "nothing left":  # the reconciler puts it back; else it stays in doubt
            for _ in range(4):
                if await outcome(desk.started(), make_outgoing(to=OA, key="second")) is None:
                    break
                desk.clock.move_by(timedelta(minutes=10))
            proof = await proof_of(desk.started(), outgoing)

        left = (step, when) in [("oa/message", "after"), ("move taken", "before"), ("move taken", "after")]
        begun = left or (step, when) in [("begin broadcast", "after"), ("oa/message", "before")]
        assert len(desk.other.articles) == 1
        assert len(desk.broadcasts) == (0 if begun and not left else 1)
        assert proof == ("doubt" if begun and (step, when) != ("move taken", "after") else "taken")


def crash_at(channel: ZaloOa, step: str, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process die before or after one write, or one request."""
    articles: Any = channel._articles
    real_write, real_call = articles._write, channel._wire.call

    async def write(work: Any, kind: str, subject: str, *rest: Any, **values: Any) -> Any:
        hit = step in (f"{work.__name__} {kind}", f"{work.__name__} {rest[0] if rest else ''}")
        if hit and when == "before":
            raise Crash
        found = await real_write(work, kind, subject, *rest, **values)
        if hit:
            raise Crash
        return found

    async def call(method: str, url: str, **given: Any) -> Any:
        if not url.endswith(step):
            return await real_call(method, url, **given)
        if when == "after":
            await real_call(method, url, **given)
        raise Crash

    monkeypatch.setattr(articles, "_write", write)
    monkeypatch.setattr(channel._wire, "call", call)


async def proof_of(channel: ZaloOa, outgoing: Any) -> str:
    try:
        found = await channel.find(outgoing, since=datetime(2027, 7, 1, tzinfo=UTC), timeout=5)
    except OutcomeUnknown:
        return "doubt"
    return "taken" if found else "nothing left"


async def test_a_broadcast_in_doubt_is_never_sent_again_by_itself_and_once_more_when_two_people_say_so(
    office_on_both: Callable[..., Any], make_outgoing: MakeOutgoing
) -> None:
    async with office_on_both() as desk:
        desk.other.play(Fault(do="cut-after", times=1))

        first = await outcome(desk.started(), make_outgoing(to=OA))
        same = await outcome(desk.started(), make_outgoing(to=OA))
        assert len(desk.broadcasts) == 1
        told = await outcome(desk.started(), make_outgoing(to=OA, key="vp-12-2-ffffffff"))

        assert (type(first), type(same), told) == (OutcomeUnknown, OutcomeUnknown, None)
        assert len(desk.broadcasts) == 2


async def test_what_was_taken_stays_taken_in_the_database_itself(
    office_on_both: Callable[..., Any], make_outgoing: MakeOutgoing, database: Database
) -> None:
    async with office_on_both() as desk:
        await desk.started().send(make_outgoing(to=OA), timeout=5)

    for statement in ("UPDATE provider_item SET state = 'sending'", "DELETE FROM provider_item"):
        with pytest.raises(DatabaseError, match="stays taken"), database.writing() as connection:
            connection.execute(text(f"{statement} WHERE kind = 'broadcast'"))


async def test_the_months_quota_refuses_before_zalo_is_asked_and_the_next_month_is_open(
    office_on_both: Callable[..., Any], make_outgoing: MakeOutgoing
) -> None:
    async with office_on_both(common={"monthly_quota": 2}) as desk:
        channel = desk.started()
        for at in range(2):
            await channel.send(make_outgoing(to=OA, key=f"k{at}", dedupe_key=f"d{at}"), timeout=5)

        third = await outcome(channel, make_outgoing(to=OA, key="k2", dedupe_key="d2"))
        desk.clock.move_to(datetime(2027, 7, 31, 17, 0, tzinfo=UTC))  # August in Viet Nam
        fourth = await outcome(channel, make_outgoing(to=OA, key="k3", dedupe_key="d3"))

        assert isinstance(third, Refused)
        assert "quota of 2 broadcasts a month" in str(third)
        assert fourth is None
        assert len(desk.broadcasts) == 3


async def test_one_a_day_is_kept_where_the_contract_says_so(
    office: Callable[..., Any], make_outgoing: MakeOutgoing
) -> None:
    async with office(common={"monthly_quota": 4, "daily_quota": 1}) as desk:
        await desk.started().send(make_outgoing(to=OA), timeout=5)

        second = await outcome(desk.started(), make_outgoing(to=OA, key="k2", dedupe_key="d2"))

        assert isinstance(second, Refused)
        assert second.code == "quota-day"


async def test_an_article_goes_to_the_account_itself_and_never_once_per_follower(
    office: Callable[..., Any], make_outgoing: MakeOutgoing
) -> None:
    async with office() as desk:
        channel, outgoing = desk.started(), make_outgoing(to=FOLLOWER)

        error = await outcome(channel, outgoing)

        assert isinstance(error, Refused)
        assert len(channel.check(outgoing)) == 1
        assert (desk.other.articles, desk.broadcasts) == ([], [])


@pytest.mark.parametrize("said", ["Thôi nhận: https://a.example/o/xyz", "Thôi nhận: {{ opt_out }}"])
async def test_an_article_never_carries_one_persons_opt_out_link(
    office: Callable[..., Any], make_outgoing: MakeOutgoing, said: str
) -> None:
    async with office() as desk:
        channel, outgoing = desk.started(), make_outgoing(to=OA, text=said, opt_out="https://a.example/o/xyz")

        error = await outcome(channel, outgoing)

        assert isinstance(error, Refused)
        assert len(channel.check(outgoing)) == 1
        assert desk.other.articles == []


async def test_a_database_that_cannot_be_written_sends_nothing(
    office: Callable[..., Any], make_outgoing: MakeOutgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office() as desk:
        channel = desk.started()
        await outcome(channel, make_outgoing(to=OA, key="k0", dedupe_key="d0"))

        def full(*_: Any) -> None:
            raise OperationalError("INSERT", {}, Exception("database or disk is full"))

        monkeypatch.setattr(desk.vault, "write", full)
        error = await outcome(channel, make_outgoing(to=OA))

        assert type(error) is NotAccepted
        assert len(desk.broadcasts) == 1


async def test_an_acceptance_that_cannot_be_written_down_is_an_acceptance_all_the_same(
    office: Callable[..., Any], make_outgoing: MakeOutgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office() as desk:
        channel, real = desk.started(), desk.vault.write
        articles: Any = channel._articles
        begin = articles._begin

        async def begin_then_full(*given: Any) -> None:
            await begin(*given)
            monkeypatch.setattr(desk.vault, "write", full)

        def full(*_: Any) -> None:
            raise OperationalError("UPDATE", {}, Exception("database or disk is full"))

        monkeypatch.setattr(articles, "_begin", begin_then_full)
        accepted = await channel.send(make_outgoing(to=OA), timeout=5)
        monkeypatch.setattr(desk.vault, "write", real)

        assert accepted.provider_id
        assert desk.item(BROADCAST, "vp-12").state == "sending"


async def test_reviews_go_into_the_ledger_without_a_word_of_the_text(
    office_on_both: Callable[..., Any], make_outgoing: MakeOutgoing, database: Database
) -> None:
    async with office_on_both(review=timedelta(minutes=30)) as desk:
        await outcome(desk.started(), make_outgoing(to=OA))
        desk.clock.move_by(timedelta(minutes=30))
        await outcome(desk.started(), make_outgoing(to=OA))

    with database.reading() as connection:
        entries = [msgspec.json.decode(raw) for raw in raws(connection)]
    found = [(one["item"], one["state"]) for one in entries if one["kind"] == "provider.item"]
    assert found == [("article", "waiting"), ("article", "approved")]
    assert "111" not in str([one for one in entries if one["kind"] == "provider.item" and one.pop("subject")])


def test_every_paragraph_stands_in_the_article_and_nothing_is_cut() -> None:
    assert paragraphs("Một.\n\n\n Hai.\nBa. \n\n") == ["Một.", "Hai.\nBa."]


def test_a_month_begins_where_the_office_is() -> None:
    from zoneinfo import ZoneInfo

    since, until = provider_item.bounds(datetime(2027, 7, 31, 17, tzinfo=UTC), ZoneInfo("Asia/Ho_Chi_Minh"), "month")

    assert (since.isoformat(), until.isoformat()) == ("2027-08-01T00:00:00+07:00", "2027-09-01T00:00:00+07:00")


def test_articles_that_differ_in_anything_that_shows_are_two(
    make_outgoing: MakeOutgoing, make_settings: MakeSettings
) -> None:
    look = look_of(make_settings("zalo-oa", ZALO).options(Options), make_settings("zalo-oa", ZALO))
    found = {digest(make_outgoing(**{name: "khác"}), look) for name in ("title", "text", "language", "link")}
    found |= {digest(make_outgoing(), replace(look, **{name: "khác"})) for name in ("author", "cover_url", "status")}

    assert len(found | {digest(make_outgoing(), look)}) == 8


# -- texts to followers, templates ------------------------------------------------------------------------------------


async def test_a_follower_gets_a_text(office: Callable[..., Any], make_outgoing: MakeOutgoing) -> None:
    async with office(CS) as desk:
        outgoing = make_outgoing(to=FOLLOWER)

        accepted = await desk.started().send(outgoing, timeout=5)

        entry = desk.other.book.accepted()[-1]
        assert (entry.to, entry.body, entry.id) == (FOLLOWER, outgoing.text, accepted.provider_id)


@pytest.mark.parametrize("code", sorted(zalo_codes.OA))
async def test_every_code_of_the_account_is_what_the_table_says(
    office: Callable[..., Any], make_outgoing: MakeOutgoing, code: int
) -> None:
    async with office(CS) as desk:
        channel = desk.started()

        error = await outcome(
            channel, make_outgoing(to=f"900000000{-code:03d}" if code > -100 else f"900000000{-code}")
        )

        kind = zalo_codes.OA[code].kind
        assert type(error) is (Misconfigured if kind is zalo_codes.TokenExpired else kind)
        assert "canary" not in str(error)
        assert not isinstance(error, Refused) or error.suppress is zalo_codes.OA[code].suppress
        assert desk.other.book.accepted() == []


@pytest.mark.parametrize("code", sorted(zalo_codes.ZBS))
async def test_every_code_of_a_template_is_what_the_table_says(
    office: Callable[..., Any], make_outgoing: MakeOutgoing, code: int
) -> None:
    async with office(TEMPLATE) as desk:
        channel = desk.started()

        error = await outcome(channel, make_outgoing(to=f"+84900000{-code:03d}"))

        kind = zalo_codes.ZBS[code].kind
        assert type(error) is (Misconfigured if kind is zalo_codes.TokenExpired else kind)
        assert desk.other.book.accepted() == []


async def test_a_follower_outside_seven_days_is_refused_with_zalos_code(
    office: Callable[..., Any], make_outgoing: MakeOutgoing
) -> None:
    async with office(CS) as desk:
        error = await outcome(desk.started(), make_outgoing(to="900000000230"))

        assert isinstance(error, Refused)
        assert (error.code, error.suppress) == ("-230", False)
        assert "7 days" in str(error)


async def test_a_template_goes_to_a_number_with_our_reference_and_its_approval_is_seen(
    office: Callable[..., Any], make_outgoing: MakeOutgoing
) -> None:
    async with office(TEMPLATE) as desk:
        outgoing = make_outgoing(text="Gọi 111.")

        accepted = await desk.started().send(outgoing, timeout=5)
        polled = await desk.started().poll([accepted.provider_id, "nobody"], timeout=5)

        entry = desk.other.book.accepted()[-1]
        assert (entry.to, entry.body, entry.reference) == ("84912345678", "Gọi 111.", outgoing.key)
        assert [(one.state, one.provider_id) for one in polled] == [("delivered", accepted.provider_id)]
        assert [one["state"] for one in desk.vault.read(provider_item.reviews)] == ["approved"]


async def test_a_template_that_is_not_approved_pauses_the_lane_and_shows_as_waiting(
    office: Callable[..., Any], make_outgoing: MakeOutgoing
) -> None:
    async with office(TEMPLATE, templates={"another"}) as desk:
        error = await outcome(desk.started(), make_outgoing())

        shown = desk.vault.read(provider_item.reviews)
        assert type(error) is Misconfigured
        assert [(one["kind"], one["state"], one["subject"]) for one in shown] == [
            ("template", "waiting", TEMPLATE["template_id"])
        ]


async def test_by_user_id_a_template_has_no_reference_because_zalo_refuses_one(
    office: Callable[..., Any], make_outgoing: MakeOutgoing
) -> None:
    async with office(TEMPLATE | {"template_by": "uid"}) as desk:
        channel = desk.started()
        await channel.send(make_outgoing(to=FOLLOWER), timeout=5)

        entry = desk.other.book.accepted()[-1]
        assert (entry.to, entry.reference, entry.path) == (FOLLOWER, "", "/v3.0/oa/message/template")
        assert (channel.traits.address, channel.traits.after_silence) == ("zalo", "ask")


FAULTS: dict[str, tuple[type[SendError] | None, int]] = {
    "slow": (None, 1), "refuse": (Refused, 0), "throttle": (Throttled, 0), "error-before": (OutcomeUnknown, 0),
    "error-after": (OutcomeUnknown, 1), "cut-before": (OutcomeUnknown, 0), "cut-after": (OutcomeUnknown, 1),
    "half-after": (OutcomeUnknown, 1), "silence-after": (OutcomeUnknown, 1), "dribble-after": (OutcomeUnknown, 1),
    "garbage-before": (OutcomeUnknown, 0), "garbage-after": (OutcomeUnknown, 1), "empty-after": (OutcomeUnknown, 1),
    "huge-after": (OutcomeUnknown, 1), "redirect": (OutcomeUnknown, 0),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("mode", ["cs", "template"])
async def test_a_fault_on_the_way_is_named_for_what_it_is_in_the_other_modes(
    office: Callable[..., Any], make_outgoing: MakeOutgoing, mode: str, fault: Any
) -> None:
    expected, taken = FAULTS[fault]
    own, to = (CS, FOLLOWER) if mode == "cs" else (TEMPLATE, "+84912345678")
    async with office(own) as desk:
        channel = desk.started()
        await channel.send(make_outgoing(to=to, key="warm", dedupe_key="warm"), timeout=5)
        status = 400 if fault == "refuse" else 500
        seconds = 0.05 if fault in ("slow", "dribble-after") else 5.0
        desk.other.play(Fault(do=fault, seconds=seconds, status=status, retry_after="7"))

        error = await outcome(channel, make_outgoing(to=to), timeout=0.4)

        assert (type(error) if error else None) is expected, error
        assert len(desk.other.book.accepted()) - 1 == taken
        assert not isinstance(error, Throttled) or error.wait == timedelta(seconds=7)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b'{"error":0,"data":{"message_id":"m1"}}', None),
        (200, b'{"error":"0","data":{"message_id":9007199254740993}}', None),
        (200, b'{"error":0,"data":{"message_id":"m1"},"new":[1]}', None),
        (200, b'{"error":0,"data":{}}', OutcomeUnknown),
        (200, b'{"error":0}', OutcomeUnknown),
        (200, b'{"error":0,"data":{"message_id":null}}', OutcomeUnknown),
        (200, b'{"error":0,"data":{"message_id":"' + b"x" * 5000 + b'"}}', OutcomeUnknown),
        (200, b'{"error":false,"data":{"message_id":"m1"}}', OutcomeUnknown),
        (200, b'{"error":NaN,"data":{"message_id":"m1"}}', OutcomeUnknown),
        (200, b'{"message":"Success"}', OutcomeUnknown),
        (200, b"[" * 100_000, OutcomeUnknown),
        (200, b"null", OutcomeUnknown),
        (200, b"\xff\xfe", OutcomeUnknown),
        (200, b'{"error":-99999}', Refused),
        (200, b'{"error":-223,"message":"Article quota exceeded"}', Throttled),
        (200, b'{"error":-223,"message":"OA has not granted permission"}', Misconfigured),
        (200, b'{"error":-223,"message":{"a":1}}', Misconfigured),
        (403, b'{"error":-209}', Misconfigured),
        (403, b"<html>portal</html>", Misconfigured),
        (418, b"<html>odd</html>", NotAccepted),
        (408, b'{"error":-201}', OutcomeUnknown),
        (302, b"", OutcomeUnknown),
        (502, b'{"error":-201}', OutcomeUnknown),
    ],
)
def test_every_answer_is_one_of_the_five_or_an_id(status: int, body: bytes, expected: Any) -> None:
    try:
        data = zalo_codes.judge(Answer(status=status, body=body), zalo_codes.OA)
        found = None if zalo_codes.word(data.get("message_id")) else OutcomeUnknown
    except SendError as error:
        found = type(error)

    assert found is expected


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner),
    max_leaves=8,
)


@given(
    status=st.sampled_from([200, 302, 400, 401, 404, 408, 429, 500, 503]),
    value=JSON,
    cut=st.integers(0, 400),
    codes=st.sampled_from([zalo_codes.OA, zalo_codes.ZBS]),
)
def test_whatever_comes_back_it_is_one_of_the_five_or_a_yes(status: int, value: Any, cut: int, codes: Any) -> None:
    body = json.dumps(value).encode()[: cut or None]

    try:
        found: Any = type(zalo_codes.judge(Answer(status=status, body=body), codes))
    except SendError as error:
        found = type(error)

    assert found in (dict, Refused, NotAccepted, Throttled, Misconfigured, OutcomeUnknown, zalo_codes.TokenExpired)
    assert found is not dict or (status == 200 and zalo_codes.whole(json.loads(body)["error"]) == 0)
    assert status not in (302, 408, 500, 503) or found is OutcomeUnknown


@given(JSON.filter(lambda value: isinstance(value, dict)))
def test_whatever_event_is_signed_it_is_read_or_passed_over(event: dict[str, Any]) -> None:
    told = zalo_event.told(event, b"body")

    assert all(isinstance(one, Delivery | Inbound) for one in told)
    zalo_event.template_state(event)


@given(st.binary(max_size=200), st.text(max_size=80))
def test_whatever_is_not_signed_is_refused(body: bytes, signature: str) -> None:
    with pytest.raises(NotAllowed):
        zalo_event.verify(
            {"X-ZEvent-Signature": signature}, body, firsts={"app_id": "1"}, secrets={"app_secret": "canary"},
            now=datetime(2027, 7, 1, tzinfo=UTC),
        )  # fmt: skip


def test_a_long_id_keeps_every_digit() -> None:
    data = zalo_codes.judge(Answer(status=200, body=b'{"error":0,"data":{"id":9007199254740993}}'), zalo_codes.OA)

    assert zalo_codes.word(data["id"]) == "9007199254740993"


async def test_an_answer_that_repeats_an_id_proves_nothing(
    office: Callable[..., Any], make_outgoing: MakeOutgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office(CS) as desk:
        monkeypatch.setattr(desk.other, "_id", lambda _kind: "the-same")
        channel = desk.started()
        await channel.send(make_outgoing(to=FOLLOWER), timeout=5)

        error = await outcome(channel, make_outgoing(to=FOLLOWER, dedupe_key="other"))

        assert type(error) is OutcomeUnknown


async def test_a_broadcast_that_gets_an_earlier_ones_id_is_a_doubt_after_a_restart_too(
    office: Callable[..., Any], make_outgoing: MakeOutgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office() as desk:
        monkeypatch.setattr(desk.other, "_id", lambda _kind: "the-same")
        await desk.started().send(make_outgoing(to=OA), timeout=5)

        error = await outcome(desk.started(), make_outgoing(to=OA, key="k2", dedupe_key="other"))

        assert type(error) is OutcomeUnknown
        assert desk.item(BROADCAST, "other").state == "doubt"


# -- tokens, from the channel's side ----------------------------------------------------------------------------------


async def test_a_token_that_was_revoked_is_renewed_once_and_nobody_is_lost(
    office: Callable[..., Any], make_outgoing: MakeOutgoing
) -> None:
    async with office(CS) as desk:
        channel = desk.started()
        await channel.send(make_outgoing(to=FOLLOWER), timeout=5)
        desk.other.revoke()

        sends = [
            channel.send(make_outgoing(to=FOLLOWER, key=f"k{n}", dedupe_key=f"d{n}"), timeout=5) for n in range(20)
        ]
        found = await asyncio.gather(*sends)

        assert len({one.provider_id for one in found}) == 20
        assert (desk.other.renewals, desk.other.reused) == (2, [])


async def test_the_proof_of_the_app_secret_goes_along_where_it_is_asked_for(
    office: Callable[..., Any], make_outgoing: MakeOutgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office(CS | {"appsecret_proof": True}) as desk:
        channel, seen = desk.started(), []
        real = channel._wire.call

        async def call(method: str, url: str, **given: Any) -> Any:
            seen.append(given["headers"])
            return await real(method, url, **given)

        monkeypatch.setattr(channel._wire, "call", call)
        await channel.send(make_outgoing(to=FOLLOWER), timeout=5)

        # echo -n access-canary-1 | openssl dgst -sha256 -hmac zalo-secret-canary
        import hmac

        expected = hmac.new(b"zalo-secret-canary", b"access-canary-1", "sha256").hexdigest()
        assert seen[-1]["appsecret_proof"] == expected
        assert seen[-1]["access_token"] == "access-canary-1"


async def test_without_a_vault_a_channel_can_be_looked_at_and_sends_nothing(
    make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = ZaloOa("zalo-oa", replace(make_settings("zalo-oa", ZALO), vault=None))

    error = await outcome(channel, make_outgoing(to=OA))
    await channel.close()

    assert channel.check(make_outgoing(to=OA)) == []
    assert type(error) is Misconfigured


# -- settings ---------------------------------------------------------------------------------------------------------


def test_each_mode_is_another_kind_of_road(make_settings: MakeSettings) -> None:
    found = {
        own.get("mode", "article"): ZaloOa("zalo-oa", make_settings("zalo-oa", own)).traits
        for own in (ZALO, CS, TEMPLATE)
    }

    assert {mode: (one.unit, one.address, one.hours, one.receipts) for mode, one in found.items()} == {
        "article": ("audience", "zalo", "08:00-21:30", "none"),
        "cs": ("person", "zalo", "", "push"),
        "template": ("person", "phone", "08:00-21:30", "push"),
    }
    assert found["cs"].max_length == 2000


def test_the_hours_are_a_setting(make_settings: MakeSettings) -> None:
    channel = ZaloOa("zalo-oa", make_settings("zalo-oa", ZALO | {"hours": "07:00-22:00"}))

    assert channel.traits.hours == "07:00-22:00"


@pytest.mark.parametrize(
    ("spoilt", "common", "says"),
    [
        ({"cover_url": ""}, {}, "cover_url"),
        ({"cover_url": "http://tinh.example/a.jpg"}, {}, "cover_url"),
        ({}, {"monthly_quota": 0}, "monthly_quota"),
        ({"oa_id": "abc"}, {}, "oa_id"),
        ({"app_id": "abc"}, {}, "app_id"),
        ({"hours": "8-22"}, {}, "hours"),
        ({"review_poll": "0s"}, {}, "review_poll"),
        ({"author": "x" * 51}, {}, "author"),
        ({"mode": "promotion"}, {}, "mode"),
        ({"app_secret": "plain"}, {}, "secret"),
        ({"mode": "template", "template_id": ""}, {}, "template_id"),
        ({"mode": "template", "template_id": "a"}, {}, "template_data"),
        ({"mode": "template", "template_id": "a", "template_data": {"a": "{name}"}}, {}, "template_data.a"),
    ],
)
def test_a_wrong_setting_is_named(make_settings: MakeSettings, spoilt: Any, common: Any, says: str) -> None:
    with pytest.raises(WrongUse, match=says):
        ZaloOa("zalo-oa", make_settings("zalo-oa", ZALO | spoilt, **common))


@pytest.mark.parametrize(
    ("own", "spoilt", "problems"),
    [
        (ZALO, {"title": "x" * 151}, 1),
        (ZALO, {"title": " "}, 1),
        (CS, {"to": FOLLOWER, "text": "x" * 2001}, 1),
        (CS, {"to": "+84912345678"}, 1),
        (TEMPLATE, {"to": FOLLOWER}, 1),
        (TEMPLATE, {"to": "+84912345678", "text": "x" * 401}, 1),
    ],
)
def test_a_message_that_zalo_would_not_take_is_told_to_its_author(
    make_settings: MakeSettings, make_outgoing: MakeOutgoing, own: Any, spoilt: Any, problems: int
) -> None:
    channel = ZaloOa("zalo-oa", make_settings("zalo-oa", own))

    assert len(channel.check(make_outgoing(**({"to": OA} | spoilt)))) == problems


# -- events -----------------------------------------------------------------------------------------------------------

RECEIVED = {
    "sender": {"id": OA}, "recipient": {"id": "84123456789"}, "event_name": "user_received_message",
    "message": {"delivery_time": "1602960467432", "msg_id": "15a0cc0bbb13bd4ce403", "tracking_id": "order-88213"},
}  # fmt: skip


def test_the_signature_is_a_plain_sha256_of_four_things_in_a_row() -> None:
    # printf 'app{"a":1}1602960467477secret' | sha256sum
    found = zalo_event.mac("app", b'{"a":1}', "1602960467477", "secret")

    assert found == "54be2a6459c0523bebea08e4204464d573c6d1d4169bb00502f7d688773aa978"


@pytest.mark.parametrize("first", ["", OA])
@pytest.mark.parametrize("secret", ["", "another-secret-canary"])
async def test_either_variant_of_the_signature_is_believed(
    office: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, first: str, secret: str
) -> None:
    monkeypatch.setenv("TEST_WEBHOOK", "another-secret-canary")
    async with office(CS | ({"webhook_secret": {"env": "TEST_WEBHOOK"}} if secret else {})) as desk:
        headers, body = desk.other.callback(RECEIVED, first=first, secret=secret)

        told = desk.started().read_callback(headers, body)

        assert told == [
            Delivery(
                state="delivered", provider_id="15a0cc0bbb13bd4ce403", key="order-88213",
                event_id="user_received_message:15a0cc0bbb13bd4ce403",
            )
        ]  # fmt: skip


async def test_while_a_secret_is_changed_the_former_one_is_believed_too(
    office: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_NEW", "new-secret")
    monkeypatch.setenv("TEST_FORMER", "former-secret")
    secrets = {"webhook_secret": {"env": "TEST_NEW"}, "former_webhook_secret": {"env": "TEST_FORMER"}}
    async with office(CS | secrets) as desk:
        channel = desk.started()

        told = [
            channel.read_callback(*desk.other.callback(RECEIVED, secret=f"{one}-secret")) for one in ("new", "former")
        ]

        assert [len(one) for one in told] == [1, 1]
        with pytest.raises(NotAllowed):  # the app's secret is not meant where another one is named
            channel.read_callback(*desk.other.callback(RECEIVED))


async def test_where_the_variant_is_known_the_other_is_a_forgery(office: Callable[..., Any]) -> None:
    async with office(CS | {"webhook_first_term": "app_id"}) as desk:
        with pytest.raises(NotAllowed):
            desk.started().read_callback(*desk.other.callback(RECEIVED, first=OA))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _headers, body: ({}, body),
        lambda _headers, body: ({"x-zevent-signature": ""}, body),
        lambda _headers, body: ({"x-zevent-signature": "mac="}, body),
        lambda _headers, body: ({"x-zevent-signature": "mac=" + "0" * 64}, body),
        lambda _headers, body: ({"x-zevent-signature": "mac=" + "ế" * 64}, body),
        lambda headers, body: (headers, body + b" "),
        lambda headers, body: (headers, body.replace(b"delivery_time", b"delivery_timf")),
        lambda headers, _body: (headers, b"[" * 50_000),
        lambda headers, _body: (headers, b"\xff"),
        lambda headers, _body: (headers, b"x" * 300_000),
        lambda headers, _body: (headers, b"[]"),
    ],
)
async def test_a_forged_or_broken_call_is_refused(office: Callable[..., Any], spoil: Any) -> None:
    async with office(CS) as desk:
        with pytest.raises(NotAllowed):
            desk.started().read_callback(*spoil(*desk.other.callback(RECEIVED)))


async def test_a_call_played_again_after_a_day_is_refused(office: Callable[..., Any]) -> None:
    async with office(CS) as desk:
        call = desk.other.callback(RECEIVED)
        desk.clock.move_by(timedelta(hours=23))
        assert len(desk.started().read_callback(*call)) == 1

        desk.clock.move_by(timedelta(hours=2))
        with pytest.raises(NotAllowed, match="older than a day"):
            desk.started().read_callback(*call)


async def test_an_event_of_another_app_is_not_ours(office: Callable[..., Any]) -> None:
    async with office(CS) as desk:
        with pytest.raises(NotAllowed, match="another app"):
            desk.started().read_callback(*desk.other.callback(RECEIVED | {"app_id": "1"}))


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            {"event_name": "unfollow", "follower": {"id": FOLLOWER}},
            [("left", FOLLOWER, "")],
        ),
        (
            {"event_name": "user_send_text", "sender": {"id": FOLLOWER}, "message": {"msg_id": "m", "text": "TC"}},
            [("words", FOLLOWER, "TC")],
        ),
        ({"event_name": "user_send_text", "sender": {"id": FOLLOWER}, "message": {"msg_id": "m", "text": 5}}, []),
        ({"event_name": "user_send_text", "sender": "x", "message": {"text": "TC"}}, []),
        ({"event_name": "follow", "follower": {"id": FOLLOWER}}, []),
        ({"event_name": "oa_send_text", "message": {"msg_id": "m7", "text": "a"}}, [("accepted", "m7", "")]),
        ({"event_name": ["odd"], "message": None}, []),
        ({"event_name": "user_received_message", "message": {}}, []),
    ],
)
async def test_what_an_event_says(office: Callable[..., Any], event: Any, expected: Any) -> None:
    async with office(CS) as desk:
        told = desk.started().read_callback(*desk.other.callback(event))

        found = [
            (one.kind, one.sender, one.text) if isinstance(one, Inbound) else (one.state, one.provider_id, one.key)
            for one in told
        ]
        assert found == expected


async def test_an_event_about_a_templates_review_is_a_state_that_people_see(office: Callable[..., Any]) -> None:
    async with office(TEMPLATE) as desk:
        event = {
            "event_name": "change_template_status", "template_id": TEMPLATE["template_id"],
            "status": {"prev_status": "PENDING_REVIEW", "new_status": "REJECT"}, "reason": "Nội dung\u202e chưa\nphù hợp",
        }  # fmt: skip

        told = desk.started().read_callback(*desk.other.callback(event))

        shown = desk.vault.read(provider_item.reviews)
        assert told == []
        assert [(one["state"], one["reason"]) for one in shown] == [("refused", "Nội dung chưa phù hợp")]


def test_the_channel_keeps_the_promises_of_its_kind(make_settings: MakeSettings) -> None:
    channel = ZaloOa("zalo-oa", make_settings("zalo-oa", ZALO))

    assert isinstance(channel, ReadsCallbacks)
    assert isinstance(channel, LooksUp)
    assert isinstance(channel, Polls)
    assert {field for field in Options.__struct_fields__ if field.startswith("template")} == {
        "template_id", "template_data", "template_by",
    }  # fmt: skip


async def outcome(channel: ZaloOa, outgoing: Any, *, timeout: float = 5) -> SendError | None:
    """The error a send ends with; anything but the five fails the test."""
    try:
        found = await channel.send(outgoing, timeout=timeout)
    except (Refused, NotAccepted, Throttled, Misconfigured, OutcomeUnknown) as error:
        return error
    assert isinstance(found, Accepted)
    return None
