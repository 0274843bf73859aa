"""A Facebook page, against a simulator that was written from documents: nothing here was seen live."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest
from channel_builders import FACEBOOK, MakeOutgoing, MakeSettings
from hypothesis import given
from hypothesis import strategies as st

from broadcaster.channel import facebook
from broadcaster.channel.base import (
    Accepted,
    Misconfigured,
    NotAccepted,
    OutcomeUnknown,
    Refused,
    SendError,
    TakesDown,
    Throttled,
)
from broadcaster.channel.facebook import CODES, FacebookPage, normal
from broadcaster.channel.http_call import Answer
from broadcaster.clock import SteppedClock
from broadcaster.errors import Conflict, WrongUse
from broadcaster.simulator.book import Book
from broadcaster.simulator.facebook import FacebookSimulator
from broadcaster.simulator.faults import Fault

pytestmark = pytest.mark.anyio


class Desk:
    def __init__(self, make: Callable[[], FacebookPage], other: FacebookSimulator, clock: SteppedClock) -> None:
        self.make, self.other, self.clock = make, other, clock
        self.channel = make()

    async def send(self, outgoing: Any, *, channel: FacebookPage | None = None) -> Accepted | SendError:
        try:
            return await anyio.to_thread.run_sync(lambda: (channel or self.channel).send(outgoing, timeout=2))
        except (Refused, NotAccepted, Throttled, Misconfigured, OutcomeUnknown) as error:
            return error


@pytest.fixture
def page(clock: SteppedClock, make_settings: MakeSettings) -> Callable[..., Any]:
    @asynccontextmanager
    async def open_page(own: Any = FACEBOOK, **played: Any) -> AsyncIterator[Desk]:
        async with FacebookSimulator(book=Book(clock=clock), **played) as other:
            desk = Desk(
                lambda: FacebookPage("fanpage", make_settings("facebook-page", own, api_base=other.url, timeout="2s")),
                other,
                clock,
            )
            yield desk
            await desk.channel.close()

    return open_page


async def test_a_post_stands_on_the_page_at_once(page: Callable[..., Any], make_outgoing: MakeOutgoing) -> None:
    async with page() as desk:
        found = await desk.send(make_outgoing(link="https://tinh.example/m/1"))

        entry = desk.other.book.accepted()[-1]
        assert isinstance(found, Accepted)
        assert (found.provider_id, entry.to, entry.body) == ("104101101_1", "104101101", make_outgoing().text)


async def test_the_token_is_in_no_address_of_a_post(page: Callable[..., Any], make_outgoing: MakeOutgoing) -> None:
    async with page() as desk:
        await desk.send(make_outgoing())

        assert "canary" not in desk.other.book.entries[-1].path


async def test_the_same_post_twice_in_a_row_is_refused_when_the_one_there_is_anothers(
    page: Callable[..., Any], make_outgoing: MakeOutgoing
) -> None:
    async with page() as desk:
        await desk.send(make_outgoing(published_at=desk.clock.now()))
        desk.clock.move_by(timedelta(hours=12))

        found = await desk.send(make_outgoing(dedupe_key="evening", published_at=desk.clock.now()))

        assert isinstance(found, Refused)
        assert found.code == "506"
        assert len(desk.other.posts) == 1


@pytest.mark.parametrize("restarted", [False, True])
async def test_the_same_post_twice_in_a_row_is_taken_when_the_one_there_is_our_own(
    page: Callable[..., Any], make_outgoing: MakeOutgoing, restarted: bool
) -> None:
    async with page() as desk:
        desk.other.play(Fault(do="cut-after", times=1))
        lost = await desk.send(make_outgoing(published_at=desk.clock.now()))
        later = desk.make() if restarted else desk.channel

        found = await desk.send(make_outgoing(key="second", published_at=desk.clock.now()), channel=later)
        await later.close()

        assert isinstance(lost, OutcomeUnknown)
        assert isinstance(found, Accepted)
        assert found.provider_id == "104101101_1"
        assert len(desk.other.posts) == 1


async def test_a_506_is_a_doubt_while_the_page_cannot_be_read(
    page: Callable[..., Any], make_outgoing: MakeOutgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with page() as desk:
        await desk.send(make_outgoing(published_at=desk.clock.now()))

        def no_feed(_: Any) -> Any:
            return desk.other.error(status=500, code=2, text="Service temporarily unavailable")

        monkeypatch.setattr(desk.other, "_feed", no_feed)
        found = await desk.send(make_outgoing(key="second", published_at=desk.clock.now()))

        assert isinstance(found, OutcomeUnknown)


async def test_a_look_compares_what_a_page_does_not_change(
    page: Callable[..., Any], make_outgoing: MakeOutgoing
) -> None:
    async with page() as desk:
        since = desk.clock.now()
        await desk.send(make_outgoing())
        desk.other.posts[-1]["message"] = "  Nghi có mua bán người: gọi 111 (miễn phí, 24/7). \r\n"

        found = await desk.make().find(make_outgoing(), since=since, timeout=2)

        assert found == Accepted(provider_id="104101101_1")
        assert normal("a \r\n b\n") == "a\nb"


async def test_a_post_from_before_is_not_taken_for_it_even_if_the_page_shows_more_than_was_asked_for(
    page: Callable[..., Any], make_outgoing: MakeOutgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with page() as desk:
        await desk.send(make_outgoing())
        desk.clock.move_by(timedelta(hours=1))
        shown = desk.other._feed
        monkeypatch.setattr(desk.other, "_feed", lambda values: shown({**values, "since": "0"}))

        found = await desk.make().find(make_outgoing(), since=desk.clock.now(), timeout=2)

        assert found is None


async def test_a_look_goes_through_the_pages_of_the_feed_and_says_when_it_cannot_see_all(
    page: Callable[..., Any], make_outgoing: MakeOutgoing
) -> None:
    async with page(twice=True) as desk:
        since = desk.clock.now()
        await desk.send(make_outgoing())
        others = [{"id": f"104101101_9{n}", "message": "khác", "at": desk.clock.now()} for n in range(150)]
        desk.other.posts += others

        found = await desk.make().find(make_outgoing(), since=since, timeout=2)
        desk.other.posts += others
        with pytest.raises(OutcomeUnknown):
            await desk.make().find(make_outgoing(), since=since, timeout=2)

        assert found == Accepted(provider_id="104101101_1")


async def test_a_post_is_taken_down_and_one_that_is_gone_is_gone(
    page: Callable[..., Any], make_outgoing: MakeOutgoing
) -> None:
    async with page() as desk:
        found = await desk.send(make_outgoing())
        assert isinstance(found, Accepted)

        for _ in range(2):
            await anyio.to_thread.run_sync(desk.channel.take_down, found.provider_id)

        assert desk.other.posts == []
        assert isinstance(desk.channel, TakesDown)


@pytest.mark.parametrize("id", ["", "../me", "1_2_3", "1/comments"])
async def test_only_a_post_is_taken_down(page: Callable[..., Any], id: str) -> None:
    async with page() as desk:
        with pytest.raises(Conflict):
            desk.channel.take_down(id)


async def test_a_post_that_cannot_be_taken_down_says_why_without_the_token(page: Callable[..., Any]) -> None:
    async with page(tokens=["another"]) as desk:
        with pytest.raises(Conflict) as error:
            await anyio.to_thread.run_sync(desk.channel.take_down, "104101101_1")

        assert "190" in str(error.value)
        assert "canary" not in str(error.value)


@pytest.mark.parametrize("code", sorted(CODES))
async def test_every_code_is_what_the_table_says(
    page: Callable[..., Any], make_outgoing: MakeOutgoing, code: int
) -> None:
    async with page() as desk:
        desk.other.play(Fault(do="refuse", status=400, code=code))

        found = await desk.send(make_outgoing())

        assert type(found) is CODES[code].kind
        assert "canary" not in str(found)
        assert desk.other.book.accepted() == []


@pytest.mark.parametrize(("status", "code", "expected"), [
    (400, 230, Misconfigured), (400, 99999, Refused), (403, 99999, Misconfigured), (500, 1, OutcomeUnknown),
    (503, 190, OutcomeUnknown), (408, 99999, OutcomeUnknown),
])  # fmt: skip
async def test_a_code_we_do_not_know_is_judged_by_the_status(
    page: Callable[..., Any], make_outgoing: MakeOutgoing, status: int, code: int, expected: Any
) -> None:
    async with page() as desk:
        desk.other.play(Fault(do="refuse", status=status, code=code))

        assert type(await desk.send(make_outgoing())) is expected


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b'{"id":"1_2"}', None),
        (200, b'{"id":"1_2","new":{}}', None),
        (200, b'{"id":12}', OutcomeUnknown),
        (200, b'{"success":true}', OutcomeUnknown),
        (200, b"[]", OutcomeUnknown),
        (200, b"[" * 100_000, OutcomeUnknown),
        (200, b"\xff", OutcomeUnknown),
        (200, b'{"error":{"code":190}}', Misconfigured),
        (200, b'{"error":{"code":true}}', OutcomeUnknown),
        (401, b"<html>portal</html>", Misconfigured),
        (302, b"", OutcomeUnknown),
    ],
)
def test_every_answer_is_one_of_the_five_or_an_id(
    make_settings: MakeSettings, make_outgoing: MakeOutgoing, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes,
    expected: Any,
) -> None:  # fmt: skip
    channel = FacebookPage("fanpage", make_settings("facebook-page", FACEBOOK))
    monkeypatch.setattr(facebook.http_call, "request", lambda *_given, **_named: Answer(status=status, body=body))

    try:
        channel.send(make_outgoing(), timeout=1)
        found = None
    except SendError as error:
        found = type(error)

    assert found is expected


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "code", "id", "data", "message"]) | st.text(max_size=5), inner)
    ),
    max_leaves=8,
)


@given(status=st.sampled_from([200, 201, 302, 400, 401, 404, 429, 500, 503]), value=JSON, cut=st.integers(0, 400))
def test_whatever_comes_back_it_is_one_of_the_five_or_a_body(status: int, value: Any, cut: int) -> None:
    body = json.dumps(value).encode()[: cut or None]

    try:
        found: Any = type(facebook._judged(Answer(status=status, body=body)))
    except SendError as error:
        found = type(error)

    assert found in (dict, Refused, NotAccepted, Throttled, Misconfigured, OutcomeUnknown)
    assert found is not dict or 200 <= status < 300
    assert status != 500 or found is OutcomeUnknown


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "7"}, timedelta(seconds=7)),
        ({facebook.USAGE: '{"104":[{"type":"pages","estimated_time_to_regain_access":12}]}'}, timedelta(minutes=12)),
        ({facebook.USAGE: '{"104":[{"estimated_time_to_regain_access":100000}]}'}, timedelta(hours=1)),
        ({facebook.USAGE: '{"104":[{"estimated_time_to_regain_access":"soon"}]}'}, facebook.BUSY),
        ({facebook.USAGE: "not json"}, facebook.BUSY),
        ({facebook.USAGE: '{"104":5}'}, facebook.BUSY),
        ({}, facebook.BUSY),
    ],
)
def test_a_limit_waits_as_long_as_facebook_says(headers: dict[str, str], wait: timedelta) -> None:
    found = facebook._said({"code": 80001}, Answer(status=400, headers=headers))

    assert isinstance(found, Throttled)
    assert found.wait == wait


async def test_the_proof_of_the_app_secret_goes_along(
    page: Callable[..., Any], make_outgoing: MakeOutgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hmac

    monkeypatch.setenv("TEST_APP", "app-secret")
    async with page(FACEBOOK | {"app_secret": {"env": "TEST_APP"}}) as desk:
        who = desk.channel._who()

    expected = hmac.new(b"app-secret", b"page-token-canary", "sha256").hexdigest()
    assert who == {"access_token": "page-token-canary", "appsecret_proof": expected}


@pytest.mark.parametrize(
    ("spoilt", "says"),
    [({"page_id": "my-page"}, "page_id"), ({"version": "latest"}, "version"), ({"token": "plain"}, "secret")],
)
def test_a_wrong_setting_is_named(make_settings: MakeSettings, spoilt: Any, says: str) -> None:
    with pytest.raises(WrongUse, match=says):
        FacebookPage("fanpage", make_settings("facebook-page", FACEBOOK | spoilt))


def test_a_text_that_is_too_long_is_told_to_its_author(
    make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    channel = FacebookPage("fanpage", make_settings("facebook-page", FACEBOOK))

    assert len(channel.check(make_outgoing(text="x" * 63_207))) == 1
    assert channel.check(make_outgoing(text="x" * 63_206)) == []


def test_the_pages_way_of_writing_a_moment_is_read() -> None:
    assert facebook._moment("2027-07-30T00:00:05+0000") == datetime(2027, 7, 30, 0, 0, 5, tzinfo=UTC)
    assert facebook._moment("2027-07-30T00:00:05") is None
    assert facebook._moment(5) is None
