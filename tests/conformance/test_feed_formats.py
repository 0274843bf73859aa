"""Our feeds read by a parser that is not ours, and held to what RFC 4287, RFC 6721, RSS 2.0 and JSON Feed 1.1 demand."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import feedparser
import pytest
from channel_builders import NOW, MakeOutgoing, MakeSettings
from lxml import etree

from broadcaster.channel.base import Media
from broadcaster.channel.feed import Feed

NS = {"a": "http://www.w3.org/2005/Atom", "at": "http://purl.org/atompub/tombstones/1.0"}
TAG = re.compile(r"tag:[a-z0-9.-]+,\d{4}-\d{2}-\d{2}:\S+")  # RFC 4151


@pytest.fixture(params=[{"site_url": "https://tinh.example/tin"}, {}], ids=["with a site", "without a site"])
def folder(
    request: pytest.FixtureRequest, make_settings: MakeSettings, make_outgoing: MakeOutgoing, tmp_path: Path
) -> Path:
    """Five entries: plain, corrected, withdrawn, in English, with audio."""
    feed = Feed("web", make_settings("feed", request.param, name="web"))
    audio = tmp_path / "a.mp3"
    audio.write_bytes(b"ID3")
    media = Media(name="a.mp3", mime_type="audio/mpeg", sha256=hashlib.sha256(b"ID3").hexdigest(), path=str(audio))

    def send(number: int, **more: Any) -> str:
        outgoing = make_outgoing(dedupe_key=str(number), published_at=NOW + timedelta(hours=number), **more)
        return feed.send(outgoing, timeout=5).provider_id

    send(1, text="Một <b>&amp; hai</b>\n\nba\nbốn", category="hotline")
    send(2)
    send(2, text="Đã sửa.")
    feed.take_down(send(3))
    send(4, language="en", title="Call 111", text="Call 111 & ask <now>.")
    send(5, media=(media,))
    return tmp_path / "public" / "web"


def test_an_independent_parser_finds_no_fault_and_every_entry(folder: Path) -> None:
    parsed = {name: feedparser.parse((folder / name).read_bytes()) for name in ("feed.xml", "atom.xml")}

    assert {name: (one.bozo, one.version, len(one.entries)) for name, one in parsed.items()} == {
        "feed.xml": (False, "rss20", 5),
        "atom.xml": (False, "atom10", 4),
    }
    assert "<p>Một &lt;b&gt;&amp;amp; hai&lt;/b&gt;</p>" in parsed["atom.xml"].entries[-1].content[0].value


def test_rss_has_what_the_specification_requires(folder: Path) -> None:
    channel = etree.parse(folder / "feed.xml").getroot().find("channel")

    assert all(channel.findtext(name) for name in ("title", "link", "description"))
    parsedate_to_datetime(channel.findtext("lastBuildDate"))
    guids = [item.find("guid") for item in channel.findall("item")]
    assert len({guid.text for guid in guids}) == 5
    assert {guid.get("isPermaLink") for guid in guids} == {"false"}
    for item in channel.findall("item"):
        assert item.findtext("title") or item.findtext("description")
        assert parsedate_to_datetime(item.findtext("pubDate")).tzinfo
        for enclosure in item.findall("enclosure"):
            assert set(enclosure.attrib) == {"url", "length", "type"}
    assert len(channel.findall(".//enclosure")) == 1


def test_atom_has_what_rfc_4287_requires(folder: Path) -> None:
    root = etree.parse(folder / "atom.xml").getroot()
    entries = root.findall("a:entry", NS)

    for element in (root, *entries):
        for name in ("id", "title", "updated"):
            assert len(element.findall(f"a:{name}", NS)) == 1, name  # "MUST contain exactly one"
        assert TAG.fullmatch(element.findtext("a:id", namespaces=NS))
        assert datetime.fromisoformat(element.findtext("a:updated", namespaces=NS)).tzinfo
        alternates = [link for link in element.findall("a:link", NS) if link.get("rel") == "alternate"]
        assert len({(link.get("type"), link.get("hreflang")) for link in alternates}) == len(alternates)
        assert all(link.get("href") for link in element.findall("a:link", NS))
    assert root.findtext("a:author/a:name", namespaces=NS)
    assert [link.get("rel") for link in root.findall("a:link", NS)].count("self") == 1
    assert len({entry.findtext("a:id", namespaces=NS) for entry in entries}) == 4
    updated = max(entry.findtext("a:updated", namespaces=NS) for entry in [*entries, root])
    assert root.findtext("a:updated", namespaces=NS) == updated or root.findall("at:deleted-entry", NS)


def test_what_was_withdrawn_is_a_tombstone_as_rfc_6721_has_it(folder: Path) -> None:
    root = etree.parse(folder / "atom.xml").getroot()
    (grave,) = root.findall("at:deleted-entry", NS)

    assert TAG.fullmatch(grave.get("ref"))
    assert datetime.fromisoformat(grave.get("when")).tzinfo
    assert grave.get("ref") not in [one.text for one in root.findall("a:entry/a:id", NS)]


def test_json_feed_has_what_version_1_1_requires(folder: Path) -> None:
    feed = json.loads((folder / "feed.json").read_bytes())

    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert isinstance(feed["title"], str)
    assert len({item["id"] for item in feed["items"]}) == 5
    assert feed.get("feed_url", "https:").startswith("https:")
    for item in feed["items"]:
        assert isinstance(item["id"], str)
        assert isinstance(item["content_text"], str)
        assert datetime.fromisoformat(item["date_published"]).tzinfo
        assert datetime.fromisoformat(item["date_modified"]) >= datetime.fromisoformat(item["date_published"])
        for attachment in item.get("attachments", []):
            assert attachment["url"]
            assert attachment["mime_type"] == "audio/mpeg"


def test_every_link_within_the_folder_leads_somewhere(folder: Path) -> None:
    for page in folder.rglob("*.html"):
        tree = etree.HTML(page.read_bytes())
        for address in tree.xpath("//@href | //@src"):
            assert (page.parent / address).resolve().is_file(), (page.name, address)


def test_pages_are_html_with_one_heading_a_language_and_a_title(folder: Path) -> None:
    for page in (folder / "m").glob("*.html"):
        tree = etree.HTML(page.read_bytes())

        assert tree.get("lang") in ("vi", "en")
        assert len(tree.xpath("//h1")) == len(tree.xpath("//title")) == len(tree.xpath("//main")) == 1
        assert tree.xpath("//script | //iframe | //style | //form | //@style | //@onclick") == []
