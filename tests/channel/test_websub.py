"""The hub hears of every changed feed; when it does not answer, publishing goes on and it hears next time."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from channel_builders import MakeOutgoing, MakeSettings

from broadcaster.channel import http_call, websub
from broadcaster.channel.base import Outgoing
from broadcaster.channel.feed import Feed
from broadcaster.errors import WrongUse
from broadcaster.simulator.faults import Fault
from broadcaster.simulator.websub import WebSubSimulator

pytestmark = pytest.mark.anyio

SITE = "https://tinh.example/tin/"
FEEDS = {SITE + name for name in ("feed.xml", "atom.xml", "feed.json", "feed.vi.xml", "atom.vi.xml", "feed.vi.json")}


@pytest.fixture
async def hub() -> AsyncIterator[WebSubSimulator]:
    async with WebSubSimulator() as running:
        yield running


@pytest.fixture
async def feed(hub: WebSubSimulator, make_settings: MakeSettings) -> AsyncIterator[Feed]:
    made = Feed("web", make_settings("feed", {"site_url": SITE, "hub": hub.url + "/hub"}, name="web"))
    yield made
    await made.close()


async def publish(feed: Feed, outgoing: Outgoing, *, timeout: float = 5.0) -> str:
    return (await anyio.to_thread.run_sync(lambda: feed.send(outgoing, timeout=timeout))).provider_id


async def test_the_hub_hears_of_each_changed_feed_once(
    feed: Feed, hub: WebSubSimulator, make_outgoing: MakeOutgoing
) -> None:
    await publish(feed, make_outgoing())

    told = [entry.to for entry in hub.book.accepted()]
    assert set(told) == FEEDS
    assert len(told) == len(FEEDS)
    assert feed.missed() == []


async def test_what_changed_nothing_tells_nobody(feed: Feed, hub: WebSubSimulator, make_outgoing: MakeOutgoing) -> None:
    await publish(feed, make_outgoing())
    before = len(hub.book.entries)

    await publish(feed, make_outgoing())

    assert len(hub.book.entries) == before


@pytest.mark.parametrize("fault", ["error-before", "cut-before", "silence-before", "throttle", "redirect"])
async def test_a_hub_that_fails_stops_no_publication_and_hears_of_it_with_the_next(
    fault: str,
    feed: Feed,
    hub: WebSubSimulator,
    make_outgoing: MakeOutgoing,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hub.play(Fault(do=fault))  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING):
        with anyio.fail_after(4):
            slug = await publish(feed, make_outgoing(dedupe_key="a"), timeout=1)
    missed = {topic for topic, _ in feed.missed()}
    hub.play()

    await publish(feed, make_outgoing(dedupe_key="b", language="en", title="Call", text="Call 111."))

    assert (tmp_path / "public" / "web" / "m" / f"{slug}.html").exists()
    assert missed == FEEDS
    assert "feed.hub_not_reached web" in caplog.text
    assert {entry.to for entry in hub.book.accepted()} >= FEEDS
    assert feed.missed() == []


async def test_a_hub_that_is_gone_costs_a_note_only(
    feed: Feed, hub: WebSubSimulator, make_outgoing: MakeOutgoing
) -> None:
    await hub.stop()

    await publish(feed, make_outgoing())

    assert "No connection" in feed.missed()[0][1]


async def test_a_withdrawal_is_told_too(feed: Feed, hub: WebSubSimulator, make_outgoing: MakeOutgoing) -> None:
    slug = await publish(feed, make_outgoing())
    before = len(hub.book.accepted())

    await anyio.to_thread.run_sync(feed.take_down, slug)

    assert {entry.to for entry in hub.book.accepted()[before:]} == FEEDS


async def test_the_feeds_name_their_hub_and_the_archive_does_not(
    hub: WebSubSimulator, make_settings: MakeSettings, make_outgoing: MakeOutgoing, tmp_path: Path
) -> None:
    feed = Feed("web", make_settings("feed", {"site_url": SITE, "hub": hub.url, "entries": 1}, name="web"))

    await publish(feed, make_outgoing())
    await feed.close()

    folder = tmp_path / "public" / "web"
    assert all(hub.url.encode() in (folder / name).read_bytes() for name in ("feed.xml", "atom.xml", "feed.json"))
    assert not any(hub.url.encode() in path.read_bytes() for path in (folder / "archive").iterdir())
    assert f'<{hub.url}>; rel="hub", <{SITE}atom.xml>; rel="self"' == feed.answer("atom.xml", {}).headers["Link"]


async def test_without_an_address_of_its_own_a_feed_tells_no_hub(
    hub: WebSubSimulator, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    feed = Feed("web", make_settings("feed", {"hub": hub.url}, name="web"))

    await publish(feed, make_outgoing())

    assert hub.book.entries == []


def test_no_time_left_means_that_the_hub_was_not_told() -> None:
    session = http_call.session()

    missed = websub.ping(session, "http://127.0.0.1:9/hub", ["https://a.example/1", "https://a.example/2"], timeout=0.0)

    assert [topic for topic, _ in missed] == ["https://a.example/1", "https://a.example/2"]
    session.close()


def test_a_hub_that_is_no_address_is_named(make_settings: MakeSettings) -> None:
    with pytest.raises(WrongUse) as caught:
        Feed("web", make_settings("feed", {"hub": "pubsub"}, name="web"))

    assert "channels.web.hub" in str(caught.value)
