"""Our feeds read by a parser that is not ours, and held to what RFC 4287, RFC 5005, RFC 6721, RSS 2.0 and JSON Feed 1.1 demand.

Every demand is asked of every document: the feeds, those of each language, and each page of the archive.
"""

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
from channel_builders import NOW
from lxml import etree

from broadcaster.channel.base import Media, Outgoing
from broadcaster.channel.feed import Feed
from broadcaster.config import ChannelCommon, ChannelSettings

NS = {
    "a": "http://www.w3.org/2005/Atom",
    "at": "http://purl.org/atompub/tombstones/1.0",
    "fh": "http://purl.org/syndication/history/1.0",
}
ATOM = "{http://www.w3.org/2005/Atom}"
RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")  # "T" and "Z" in capitals: 3.3
MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+")
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
TAG = re.compile(r"tag:[a-z0-9.-]+,\d{4}-\d{2}-\d{2}:\S+")  # RFC 4151


SITES = {
    "with a site": {"site_url": "https://tinh.example/tin", "hub": "https://hub.example/"},
    "without a site": {},
    "with an archive": {"site_url": "https://tinh.example/tin", "hub": "https://hub.example/", "entries": 2},
    "with an archive, without a site": {"entries": 2},
}


@pytest.fixture(scope="session", params=list(SITES), ids=list(SITES))
def any_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(SITES[request.param], tmp_path_factory.mktemp("feed"))


@pytest.fixture(scope="session", params=list(SITES)[:2], ids=list(SITES)[:2])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(SITES[request.param], tmp_path_factory.mktemp("feed"))


def published(own: dict[str, Any], tmp_path: Path) -> Path:
    """Five entries: plain, corrected, withdrawn, in English, with audio. Nothing is written to it afterwards."""
    settings = ChannelSettings(
        name="web",
        common=ChannelCommon(adapter="feed"),
        own=own,
        folder=tmp_path,
        public_folder=tmp_path / "public",
        public_url="",
        office_name="Văn phòng truyền thông tỉnh",
    )
    audio = tmp_path / "a.mp3"
    audio.write_bytes(b"ID3")
    media = Media(name="a.mp3", mime_type="audio/mpeg", sha256=hashlib.sha256(b"ID3").hexdigest(), path=str(audio))
    feed = Feed("web", settings)

    def send(number: int, **more: Any) -> str:
        values = {
            "key": f"vp-{number}-1",
            "dedupe_key": f"vp-{number}",
            "to": "web",
            "text": "Nghi có mua bán người: gọi 111 (miễn phí, 24/7).",
            "title": "Gọi 111",
            "language": "vi",
            "link": "",
            "expires_at": NOW + timedelta(days=1),
            "published_at": NOW + timedelta(hours=number),
        }
        return feed.send(Outgoing(**(values | more)), timeout=5).provider_id

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("broadcaster.channel.websub.ping", lambda *_, **__: [])
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


def documents(folder: Path, kind: str) -> list[Path]:
    """`atom.xml`, `atom.vi.xml`, `archive/atom.vi.1.xml`, ..."""
    stem, _, end = kind.partition(".")
    found = [path for path in sorted(folder.rglob(f"{stem}*.{end}")) if ".pages" not in path.parts]
    assert len(found) >= 3
    return found


def test_the_independent_parser_finds_no_fault_in_any_document(any_folder: Path) -> None:
    parsed = {
        path: feedparser.parse(path.read_bytes())
        for kind in ("feed.xml", "atom.xml")
        for path in documents(any_folder, kind)
    }

    assert {str(path): one.bozo for path, one in parsed.items() if one.bozo} == {}
    assert {one.version for one in parsed.values()} == {"rss20", "atom10"}


def test_every_atom_document_keeps_every_must_of_rfc_4287(any_folder: Path) -> None:
    for path in documents(any_folder, "atom.xml"):
        root = etree.parse(path).getroot()
        entries = root.findall("a:entry", NS)

        assert root.tag == ATOM + "feed"
        for element in (root, *entries):
            _holds_atom_metadata(element)
        for name in ("generator", "icon", "logo", "subtitle"):  # 4.1.1: "MUST NOT contain more than one"
            assert len(root.findall(f"a:{name}", NS)) <= 1
        authors = [root, *([] if root.findall("a:author", NS) else entries)]
        assert all(one.findtext("a:author/a:name", namespaces=NS) for one in authors)  # 4.1.1, 4.1.2, 3.2.1
        assert root.get("{http://www.w3.org/XML/1998/namespace}lang")
        for entry in entries:
            _holds_atom_content(entry)
        ids = [one.findtext("a:id", namespaces=NS) for one in entries]
        assert len(set(ids)) == len(ids)
        assert root.findtext("a:id", namespaces=NS) not in ids
        assert etree.tostring(root, encoding="unicode").count("\x00") == 0


def _holds_atom_metadata(element: Any) -> None:
    """4.1.1, 4.1.2, 3.3, 4.2.6, 4.2.7: what a feed and an entry have in common."""
    for name in ("id", "title", "updated"):
        assert len(element.findall(f"a:{name}", NS)) == 1, name
    for name in ("rights", "published", "source", "summary", "content"):
        assert len(element.findall(f"a:{name}", NS)) <= 1, name
    for name in ("updated", "published"):
        for date in element.findall(f"a:{name}", NS):
            assert RFC_3339.fullmatch(date.text)
    assert TAG.fullmatch(element.findtext("a:id", namespaces=NS))
    title = element.find("a:title", NS)
    assert title.get("type", "text") == "text"  # 3.1.1.1: "MUST NOT contain child elements"
    assert len(title) == 0
    for link in element.findall("a:link", NS):
        assert link.get("href")
        assert not re.search(r"\s", link.get("href"))
        assert MEDIA_TYPE.fullmatch(link.get("type", "text/html"))
        assert LANGUAGE.fullmatch(link.get("hreflang", "vi"))
        assert link.get("length", "0").isdecimal()
    alternates = [link for link in element.findall("a:link", NS) if link.get("rel", "alternate") == "alternate"]
    assert len({(link.get("type"), link.get("hreflang")) for link in alternates}) == len(alternates)
    for category in element.findall("a:category", NS):
        assert category.get("term")


def _holds_atom_content(entry: Any) -> None:
    """4.1.2, 4.1.3: an entry without content has an alternate link; HTML is text, and its markup closes."""
    content = entry.find("a:content", NS)
    assert content is not None
    assert content.get("src") is None
    assert content.get("type") == "html"
    assert len(content) == 0
    parser = etree.HTMLParser(recover=False)  # "SHOULD be such that it could validly appear directly within a div"
    assert etree.fromstring(f"<div>{content.text}</div>", parser) is not None
    assert [link.get("rel") for link in entry.findall("a:link", NS)].count("alternate") == 1


def test_archive_and_feed_say_which_they_are_as_rfc_5005_has_it(any_folder: Path) -> None:
    for path in documents(any_folder, "atom.xml"):
        root = etree.parse(path).getroot()
        relations = {link.get("rel"): link.get("href") for link in root.findall("a:link", NS)}
        in_archive = path.parent.name == "archive"

        assert (root.find("fh:archive", NS) is not None) is in_archive
        assert ("current" in relations) is in_archive
        assert [link.get("rel") for link in root.findall("a:link", NS)].count("prev-archive") <= 1
        for relation in {"current", "prev-archive", "self"} & set(relations):
            address = relations[relation]
            site = "https://tinh.example/tin/"
            target = any_folder / address.removeprefix(site) if address.startswith(site) else path.parent / address
            assert target.resolve().is_file(), (path.name, relation, address)


def test_every_rss_document_keeps_every_demand_of_rss_2_0(any_folder: Path) -> None:
    known = {"title", "link", "description", "guid", "pubDate", "category", "enclosure"}
    for path in documents(any_folder, "feed.xml"):
        root = etree.parse(path).getroot()
        (channel,) = root.findall("channel")

        assert (root.tag, root.get("version")) == ("rss", "2.0")
        for name in ("title", "link", "description"):
            assert len(channel.findall(name)) == 1
            assert channel.findtext(name)
        assert LANGUAGE.fullmatch(channel.findtext("language"))
        assert parsedate_to_datetime(channel.findtext("lastBuildDate")).tzinfo
        guids = [guid.text for guid in channel.findall("item/guid")]
        assert len(set(guids)) == len(guids) == len(channel.findall("item"))
        for item in channel.findall("item"):
            assert item.findtext("title") or item.findtext("description")
            assert {child.tag for child in item if not child.tag.startswith("{")} <= known
            assert re.search(r", \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} [+-]\d{4}$", item.findtext("pubDate"))
            assert len(item.findall("enclosure")) <= 1
            for enclosure in item.findall("enclosure"):
                assert set(enclosure.attrib) == {"url", "length", "type"}
                assert int(enclosure.get("length")) > 0
                assert MEDIA_TYPE.fullmatch(enclosure.get("type"))


def test_every_json_document_keeps_every_demand_of_json_feed_1_1(any_folder: Path) -> None:
    top = {"version", "title", "language", "authors", "items", "home_page_url", "feed_url", "next_url", "hubs"}
    inner = {"id", "url", "title", "content_text", "date_published", "date_modified", "language", "tags", "attachments"}
    for path in documents(any_folder, "feed.json"):
        feed = json.loads(path.read_bytes())

        assert set(feed) <= top  # anything else must begin with an underscore
        assert feed["version"] == "https://jsonfeed.org/version/1.1"
        assert isinstance(feed["title"], str)
        assert isinstance(feed["items"], list)
        assert all(author.get("name") for author in feed["authors"])  # at least one of name, url, avatar
        assert feed.get("next_url") is None or feed["next_url"] != feed["feed_url"]
        assert all(set(hub) == {"type", "url"} for hub in feed.get("hubs", []))
        assert len({item["id"] for item in feed["items"]}) == len(feed["items"])
        for item in feed["items"]:
            assert set(item) <= inner
            assert isinstance(item["id"], str)
            assert "content_text" in item or "content_html" in item
            for name in ("date_published", "date_modified"):
                assert RFC_3339.fullmatch(item[name])
            for attachment in item.get("attachments", []):
                assert attachment["url"]
                assert MEDIA_TYPE.fullmatch(attachment["mime_type"])
                assert isinstance(attachment["size_in_bytes"], int)


def test_every_link_within_an_archive_leads_somewhere(any_folder: Path) -> None:
    for page in any_folder.rglob("*.html"):
        tree = etree.HTML(page.read_bytes())
        for address in tree.xpath("//@href | //@src"):
            assert (page.parent / address).resolve().is_file(), (page.name, address)
        assert tree.xpath("//script | //iframe | //style | //form | //@style | //@onclick") == []


def test_pages_are_html_with_one_heading_a_language_and_a_title(folder: Path) -> None:
    for page in (folder / "m").glob("*.html"):
        tree = etree.HTML(page.read_bytes())

        assert tree.get("lang") in ("vi", "en")
        assert len(tree.xpath("//h1")) == len(tree.xpath("//title")) == len(tree.xpath("//main")) == 1
        assert tree.xpath("//script | //iframe | //style | //form | //@style | //@onclick") == []
