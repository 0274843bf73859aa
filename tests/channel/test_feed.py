"""Feeds and pages: stable, whole at every moment, and mendable."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import feedparser
import pytest
from channel_builders import NOW, MakeOutgoing, MakeSettings

from broadcaster.channel import feed as feed_module
from broadcaster.channel.base import Media, Misconfigured, NotAccepted, OutcomeUnknown, Refused
from broadcaster.channel.feed import Feed
from broadcaster.clock import SteppedClock
from broadcaster.errors import NotFound, WrongUse

SITE = {"site_url": "https://tinh.example/tin"}


@pytest.fixture
def feed(make_settings: MakeSettings) -> Feed:
    made = Feed("web", make_settings("feed", SITE, name="web"))
    made.clock = SteppedClock(NOW)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "public" / "web"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def atom(folder: Path) -> Any:
    return feedparser.parse((folder / "atom.xml").read_bytes())


def test_one_message_becomes_a_page_and_an_entry_in_each_feed(
    feed: Feed, folder: Path, make_outgoing: MakeOutgoing
) -> None:
    accepted = feed.send(make_outgoing(published_at=NOW, category="hotline"), timeout=5)

    rss = feedparser.parse((folder / "feed.xml").read_bytes())
    json_feed = json.loads((folder / "feed.json").read_bytes())
    page = (folder / "m" / f"{accepted.provider_id}.html").read_text()
    assert [entry.title for entry in rss.entries] == [entry.title for entry in atom(folder).entries] == ["Gọi 111"]
    assert json_feed["items"][0]["content_text"] == make_outgoing().text
    assert json_feed["items"][0]["date_published"] == "2027-07-01T08:00:00+07:00"
    assert json_feed["items"][0]["tags"] == ["hotline"]
    assert "<p>Nghi có mua bán người: gọi 111 (miễn phí, 24/7).</p>" in page
    assert rss.entries[0].link == f"https://tinh.example/tin/m/{accepted.provider_id}.html"
    assert rss.entries[0].id == atom(folder).entries[0].id == json_feed["items"][0]["id"]


def test_publishing_the_same_dispatch_again_changes_no_byte(
    feed: Feed, folder: Path, make_outgoing: MakeOutgoing
) -> None:
    first = feed.send(make_outgoing(key="one"), timeout=5)
    before = files(folder)
    feed.clock = SteppedClock(NOW + timedelta(days=1))

    again = feed.send(make_outgoing(key="two"), timeout=5)

    assert again == first
    assert files(folder) == before


def test_a_changed_text_is_a_correction_under_the_same_id(
    feed: Feed, folder: Path, make_outgoing: MakeOutgoing
) -> None:
    feed.send(make_outgoing(published_at=NOW), timeout=5)
    before = atom(folder).entries[0]

    feed.send(make_outgoing(published_at=NOW, text="Gọi 111."), timeout=5)

    after = atom(folder).entries[0]
    assert (after.id, after.published) == (before.id, before.published)
    assert after.updated > before.updated
    assert after.title == "ĐÍNH CHÍNH: Gọi 111"
    assert len(atom(folder).entries) == 1


def test_a_correction_can_take_the_place_of_another_dispatchs_entry(
    feed: Feed, folder: Path, make_outgoing: MakeOutgoing
) -> None:
    accepted = feed.send(make_outgoing(dedupe_key="old"), timeout=5)

    feed.correct(accepted.provider_id, make_outgoing(dedupe_key="new", text="Số đúng: 111."))

    entries = json.loads((folder / "feed.json").read_bytes())["items"]
    assert [entry["content_text"] for entry in entries] == ["Số đúng: 111."]


def test_what_is_taken_down_leaves_a_notice_everywhere_and_its_text_nowhere(
    feed: Feed, folder: Path, make_outgoing: MakeOutgoing, tmp_path: Path
) -> None:
    audio = approved(tmp_path, "loa.mp3", b"audio-canary")
    kept = feed.send(make_outgoing(dedupe_key="kept", title="Ở lại"), timeout=5)
    gone = feed.send(
        make_outgoing(dedupe_key="gone", title="title-canary", text="text-canary", media=(audio,)), timeout=5
    )

    feed.take_down(gone.provider_id)

    everything = b"".join(files(folder).values())
    assert b"canary" not in everything
    assert b"at:deleted-entry" in (folder / "atom.xml").read_bytes()
    assert [entry.title for entry in atom(folder).entries] == ["Ở lại"]
    assert "ĐÃ GỠ" in (folder / "m" / f"{gone.provider_id}.html").read_text()
    assert "ĐÃ GỠ" in (folder / "index.html").read_text()
    assert b"\xc4\x90\xc3\x83 G\xe1\xbb\xa0" in (folder / "feed.xml").read_bytes()
    assert kept.provider_id in (folder / "feed.json").read_text()


def test_what_was_taken_down_is_not_published_again(feed: Feed, folder: Path, make_outgoing: MakeOutgoing) -> None:
    accepted = feed.send(make_outgoing(), timeout=5)
    feed.take_down(accepted.provider_id)
    before = files(folder)

    with pytest.raises(Refused):
        feed.send(make_outgoing(), timeout=5)

    assert files(folder) == before


@pytest.mark.parametrize("provider_id", ["", "../elsewhere", "0" * 20, "0" * 19 + "/"])
def test_only_an_entry_of_ours_can_be_taken_down(
    provider_id: str, feed: Feed, folder: Path, make_outgoing: MakeOutgoing
) -> None:
    accepted = feed.send(make_outgoing(), timeout=5)
    shutil.copy(folder / ".entries" / f"{accepted.provider_id}.json", folder / "elsewhere.json")

    with pytest.raises(NotFound):
        feed.take_down(provider_id)


def test_each_language_is_an_entry_of_its_own(feed: Feed, folder: Path, make_outgoing: MakeOutgoing) -> None:
    feed.send(make_outgoing(dedupe_key="vi", language="vi"), timeout=5)
    english = feed.send(make_outgoing(dedupe_key="en", language="en", title="Call 111", text="Call 111."), timeout=5)

    languages = {item["title"]: item["language"] for item in json.loads((folder / "feed.json").read_bytes())["items"]}
    assert languages == {"Gọi 111": "vi", "Call 111": "en"}
    assert '<html lang="en">' in (folder / "m" / f"{english.provider_id}.html").read_text()


def test_the_feeds_show_the_newest_and_older_pages_stay(
    make_settings: MakeSettings, folder: Path, make_outgoing: MakeOutgoing
) -> None:
    feed = Feed("web", make_settings("feed", {"entries": 3}, name="web"))
    for day in range(5):
        feed.send(
            make_outgoing(dedupe_key=f"d{day}", title=f"Ngày {day}", published_at=NOW + timedelta(days=day)), timeout=5
        )

    titles = [entry.title for entry in atom(folder).entries]

    assert titles == ["Ngày 4", "Ngày 3", "Ngày 2"]
    assert len(list((folder / "m").glob("*.html"))) == 5


def test_a_lost_list_is_made_again_from_the_entries(feed: Feed, folder: Path, make_outgoing: MakeOutgoing) -> None:
    for number in range(3):
        feed.send(make_outgoing(dedupe_key=f"d{number}", published_at=NOW + timedelta(days=number)), timeout=5)
    before = files(folder)
    (folder / ".state.json").write_bytes(b"{ broken")
    (folder / "feed.json").unlink()

    feed.send(make_outgoing(dedupe_key="d1", published_at=NOW + timedelta(days=1)), timeout=5)

    assert files(folder) == before


def test_the_ids_stay_when_the_site_moves(
    make_settings: MakeSettings, folder: Path, make_outgoing: MakeOutgoing
) -> None:
    Feed("web", make_settings("feed", SITE, name="web")).send(make_outgoing(dedupe_key="a"), timeout=5)
    before = atom(folder)

    Feed("web", make_settings("feed", {"site_url": "https://new.example"}, name="web")).send(
        make_outgoing(dedupe_key="a"), timeout=5
    )

    assert atom(folder).feed.id == before.feed.id
    assert atom(folder).entries[0].id == before.entries[0].id
    assert atom(folder).entries[0].link.startswith("https://new.example/")


def test_no_text_becomes_markup_or_breaks_a_feed(feed: Feed, folder: Path, make_outgoing: MakeOutgoing) -> None:
    nasty = "<script>alert(1)</script> & \x00\x0b\x1b]]> \ud800 {{ 7*7 }} \uffff javascript:x"

    accepted = feed.send(make_outgoing(title=nasty, text=f"{nasty}\n\n{nasty}\nhai"), timeout=5)

    page = (folder / "m" / f"{accepted.provider_id}.html").read_text()
    parsed = [feedparser.parse((folder / name).read_bytes()) for name in ("feed.xml", "atom.xml")]
    assert [one.bozo for one in parsed] == [False, False]
    assert "<script" not in page.lower()
    assert "<script" not in (folder / "index.html").read_text().lower()
    assert page.count("<p>") == 2
    assert "{{ 7*7 }}" in page


def test_a_page_says_nothing_in_its_window_title_and_allows_no_script(
    feed: Feed, folder: Path, make_outgoing: MakeOutgoing
) -> None:
    accepted = feed.send(make_outgoing(title="Nạn nhân mua bán người"), timeout=5)

    page = (folder / "m" / f"{accepted.provider_id}.html").read_text()

    assert "<title>Văn phòng truyền thông tỉnh</title>" in page
    assert "default-src &#39;none&#39;" in page
    assert "unsafe" not in page
    assert "http" not in page.replace("http-equiv", "")  # nothing is fetched from elsewhere


def approved(folder: Path, name: str, content: bytes) -> Media:
    path = folder / hashlib.sha256(content).hexdigest()
    path.write_bytes(content)
    return Media(name=name, mime_type="audio/mpeg", sha256=hashlib.sha256(content).hexdigest(), path=str(path))


def test_an_approved_file_is_an_enclosure(
    feed: Feed, folder: Path, make_outgoing: MakeOutgoing, tmp_path: Path
) -> None:
    media = approved(tmp_path, "../../bản tin 1.mp3", b"x" * 100)

    feed.send(make_outgoing(media=(media,)), timeout=5)

    enclosure = feedparser.parse((folder / "feed.xml").read_bytes()).entries[0].enclosures[0]
    assert (enclosure.type, enclosure.length) == ("audio/mpeg", "100")
    assert enclosure.href.startswith("https://tinh.example/tin/m/")
    assert (folder / enclosure.href.removeprefix("https://tinh.example/tin/")).read_bytes() == b"x" * 100


def test_a_file_that_is_not_the_approved_one_is_not_published(
    feed: Feed, folder: Path, make_outgoing: MakeOutgoing, tmp_path: Path
) -> None:
    media = approved(tmp_path, "a.mp3", b"approved")
    Path(media.path).write_bytes(b"changed")

    with pytest.raises(Refused):
        feed.send(make_outgoing(media=(media,)), timeout=5)

    assert not (folder / "atom.xml").exists()


def test_a_folder_that_cannot_be_written_pauses_the_lane(
    make_settings: MakeSettings, make_outgoing: MakeOutgoing, tmp_path: Path
) -> None:
    (tmp_path / "public").write_text("a file where the folder should be")
    feed = Feed("web", make_settings("feed", name="web"))

    with pytest.raises(Misconfigured):
        feed.send(make_outgoing(), timeout=5)


def test_a_full_disk_is_tried_again_and_half_a_feed_is_completed(
    feed: Feed, folder: Path, make_outgoing: MakeOutgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = feed_module._replace
    written: list[str] = []

    def fails_at_the_atom_feed(path: Path, content: bytes, **how: Any) -> None:
        if path.name == "atom.xml":
            raise OSError(28, "No space left on device")
        written.append(path.name)
        whole(path, content, **how)

    monkeypatch.setattr(feed_module, "_replace", fails_at_the_atom_feed)
    with pytest.raises(OutcomeUnknown):
        feed.send(make_outgoing(), timeout=5)
    monkeypatch.setattr(feed_module, "_replace", whole)

    feed.send(make_outgoing(), timeout=5)

    assert "feed.xml" in written
    assert len(atom(folder).entries) == 1


def test_another_publisher_is_waited_for_but_not_for_ever(
    feed: Feed, folder: Path, make_outgoing: MakeOutgoing
) -> None:
    from filelock import FileLock

    folder.mkdir(parents=True)
    with FileLock(folder / ".lock"), pytest.raises(NotAccepted):
        feed.send(make_outgoing(), timeout=0.1)


def test_publishers_at_once_lose_no_entry_and_readers_see_whole_files(
    feed: Feed, folder: Path, make_outgoing: MakeOutgoing
) -> None:
    torn: list[str] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            path = folder / "atom.xml"
            if path.exists() and not path.read_bytes().endswith(b"</feed>\n"):
                torn.append("torn")

    def publish(start: int) -> None:
        for number in range(start, start + 5):
            feed.send(make_outgoing(dedupe_key=f"d{number}"), timeout=30)

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=publish, args=(start,)) for start in (0, 10, 20, 30)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()

    assert torn == []
    assert len(atom(folder).entries) == 20


@pytest.mark.parametrize("own", [{"entries": 0}, {"site_url": "javascript:alert(1)"}, {"site_url": "tinh.example"}])
def test_a_wrong_option_is_named(own: dict[str, Any], make_settings: MakeSettings) -> None:
    with pytest.raises(WrongUse) as caught:
        Feed("web", make_settings("feed", own, name="web"))

    assert f"channels.web.{next(iter(own))}" in str(caught.value)


def test_publishing_does_not_slow_down_with_the_archive(
    feed: Feed, folder: Path, make_outgoing: MakeOutgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work per entry is bounded by what is shown, not by the 500 old entries on disk."""
    feed.send(make_outgoing(dedupe_key="first"), timeout=5)
    (entry,) = (folder / ".entries").glob("*.json")
    for number in range(500):
        shutil.copy(entry, folder / ".entries" / f"{number:020x}.json")
    read: list[Path] = []
    whole = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: (read.append(path), whole(path))[1])

    feed.send(make_outgoing(dedupe_key="next"), timeout=5)

    assert len(read) < 40


def test_times_are_local_to_the_office(feed: Feed, folder: Path, make_outgoing: MakeOutgoing) -> None:
    feed.send(make_outgoing(published_at=datetime(2027, 7, 30, 17, 30, tzinfo=UTC)), timeout=5)

    entry = atom(folder).entries[0]

    assert entry.published == "2027-07-31T00:30:00+07:00"
    assert time.strftime("%Y-%m-%d", entry.published_parsed) == "2027-07-30"
    assert "31/07/2027" in (folder / "index.html").read_text()


# ---- the archive


def walk(folder: Path, shelf: str = "") -> list[str]:
    """Ids of all entries that a reader finds who follows the archive from the feed (RFC 5005, section 4)."""
    name = f"atom{shelf}.xml"
    found: list[str] = []
    while name:
        parsed = feedparser.parse((folder / name).read_bytes())
        assert not parsed.bozo
        found += [entry.id for entry in parsed.entries]
        older = [link.href for link in parsed.feed.links if link.rel == "prev-archive"]
        name = older[0].removeprefix("https://tinh.example/tin/") if older else ""
    return found


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 9])
def test_whoever_follows_the_archive_finds_every_entry_even_those_that_came_late(
    count: int, make_settings: MakeSettings, folder: Path, make_outgoing: MakeOutgoing
) -> None:
    feed = Feed("web", make_settings("feed", SITE | {"entries": 3}, name="web"))
    days = [8 - number for number in range(count)]  # each is older than what came before
    for day in days:
        feed.send(make_outgoing(dedupe_key=f"d{day}", published_at=NOW + timedelta(days=day)), timeout=5)

    found = walk(folder)

    assert len(set(found)) == count
    assert set(found) == set(walk(folder, ".vi"))
    assert len(list((folder / "archive").glob("atom.[0-9]*.xml"))) == count // 3


def test_a_full_archive_page_does_not_change_when_more_is_published(
    make_settings: MakeSettings, folder: Path, make_outgoing: MakeOutgoing
) -> None:
    feed = Feed("web", make_settings("feed", SITE | {"entries": 2}, name="web"))
    for day in range(4):
        feed.send(make_outgoing(dedupe_key=f"d{day}", published_at=NOW + timedelta(days=day)), timeout=5)
    before = {name: content for name, content in files(folder).items() if name.startswith("archive/")}

    for day in range(4, 7):
        feed.send(make_outgoing(dedupe_key=f"d{day}", published_at=NOW + timedelta(days=day)), timeout=5)

    after = files(folder)
    assert len(before) == 2 * 2 * 4  # two pages of two shelves in four formats
    assert {name: after[name] for name in before} == before


def test_what_is_taken_down_or_corrected_long_after_is_so_in_the_archive(
    make_settings: MakeSettings, folder: Path, make_outgoing: MakeOutgoing
) -> None:
    feed = Feed("web", make_settings("feed", SITE | {"entries": 2}, name="web"))
    slugs = [
        feed.send(
            make_outgoing(dedupe_key=f"d{day}", text=f"canary-{day}", published_at=NOW + timedelta(days=day)), timeout=5
        ).provider_id
        for day in range(6)
    ]

    feed.take_down(slugs[0])
    feed.correct(slugs[1], make_outgoing(dedupe_key="d1", text="sửa rồi", published_at=NOW + timedelta(days=1)))

    everything = b"".join(files(folder).values())
    page = (folder / "archive" / "atom.1.xml").read_bytes()
    assert b"canary-0" not in everything
    assert b"canary-1" not in everything
    assert b"at:deleted-entry" in page
    assert "ĐÍNH CHÍNH".encode() in page
    assert len(set(walk(folder))) == 5


def test_another_page_size_or_a_lost_state_makes_the_archive_again(
    make_settings: MakeSettings, folder: Path, make_outgoing: MakeOutgoing
) -> None:
    feed = Feed("web", make_settings("feed", SITE | {"entries": 2}, name="web"))
    for day in range(7):
        feed.send(make_outgoing(dedupe_key=f"d{day}", published_at=NOW + timedelta(days=day)), timeout=5)
    before = files(folder)
    other = Feed("web", make_settings("feed", SITE | {"entries": 5}, name="web"))
    other.send(make_outgoing(dedupe_key="d6", published_at=NOW + timedelta(days=6)), timeout=5)
    pages = sorted(path.name for path in (folder / "archive").glob("atom.*"))

    feed.send(make_outgoing(dedupe_key="d6", published_at=NOW + timedelta(days=6)), timeout=5)

    assert pages == ["atom.1.xml", "atom.vi.1.xml"]
    assert files(folder) == before


def test_a_lost_page_of_the_archive_is_made_again_when_one_of_its_entries_changes(
    make_settings: MakeSettings, folder: Path, make_outgoing: MakeOutgoing
) -> None:
    feed = Feed("web", make_settings("feed", SITE | {"entries": 2}, name="web"))
    slugs = [
        feed.send(make_outgoing(dedupe_key=f"d{day}", published_at=NOW + timedelta(days=day)), timeout=5).provider_id
        for day in range(5)
    ]
    (folder / ".pages" / "all-0.json").unlink()

    feed.take_down(slugs[0])

    assert len(set(walk(folder))) == 4


def test_entries_of_an_older_version_get_their_places(feed: Feed, folder: Path, make_outgoing: MakeOutgoing) -> None:
    for day in range(3):
        feed.send(make_outgoing(dedupe_key=f"d{day}", published_at=NOW + timedelta(days=day)), timeout=5)
    for path in (folder / ".entries").glob("*.json"):
        entry = json.loads(path.read_bytes())
        del entry["place"], entry["own_place"]
        path.write_bytes(json.dumps(entry).encode())
    (folder / ".state.json").unlink()

    feed.send(make_outgoing(dedupe_key="new", published_at=NOW + timedelta(days=9)), timeout=5)

    places = {json.loads(path.read_bytes())["place"] for path in (folder / ".entries").glob("*.json")}
    assert places == {0, 1, 2, 3}
    assert len(atom(folder).entries) == 4


def test_a_crash_before_the_state_is_written_loses_no_entry_of_anybody(
    make_settings: MakeSettings, folder: Path, make_outgoing: MakeOutgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = Feed("web", make_settings("feed", SITE | {"entries": 2}, name="web"))
    whole = feed_module._replace

    def crashes(path: Path, content: bytes, **how: Any) -> None:
        if path.name == ".state.json":
            raise OSError(5, "Input/output error")
        whole(path, content, **how)

    for day in range(5):
        outgoing = make_outgoing(dedupe_key=f"d{day}", published_at=NOW + timedelta(days=day))
        with monkeypatch.context() as broken:
            broken.setattr(feed_module, "_replace", crashes)
            with pytest.raises(OutcomeUnknown):
                feed.send(outgoing, timeout=5)
        feed.send(make_outgoing(dedupe_key=f"x{day}", published_at=NOW + timedelta(days=day)), timeout=5)
        feed.send(outgoing, timeout=5)

    assert len(set(walk(folder))) == 10


# ---- languages and the widget


def test_each_language_has_feeds_of_its_own(feed: Feed, folder: Path, make_outgoing: MakeOutgoing) -> None:
    feed.send(make_outgoing(dedupe_key="vi"), timeout=5)
    feed.send(make_outgoing(dedupe_key="en", language="en", title="Call 111", text="Call 111."), timeout=5)

    english = feedparser.parse((folder / "atom.en.xml").read_bytes())
    ids = [
        feedparser.parse((folder / name).read_bytes()).feed.id for name in ("atom.xml", "atom.vi.xml", "atom.en.xml")
    ]
    assert [entry.title for entry in english.entries] == ["Call 111"]
    assert b'xml:lang="en"' in (folder / "atom.en.xml").read_bytes()
    assert len(set(ids)) == 3
    assert [item["title"] for item in json.loads((folder / "feed.en.json").read_bytes())["items"]] == ["Call 111"]
    assert 'href="index.en.html"' in (folder / "index.html").read_text()


def test_the_widget_shows_the_newest_without_a_script_and_opens_pages_outside_its_frame(
    feed: Feed, folder: Path, make_outgoing: MakeOutgoing
) -> None:
    slugs = [
        feed.send(
            make_outgoing(dedupe_key=f"d{day}", title=f"Ngày {day} <b>", published_at=NOW + timedelta(days=day)),
            timeout=5,
        ).provider_id
        for day in range(7)
    ]
    feed.take_down(slugs[6])

    widget = (folder / "widget.html").read_text()

    assert [f"Ngày {day}" in widget for day in range(7)] == [False, True, True, True, True, True, False]
    assert "<script" not in widget
    assert "<b>" not in widget
    assert widget.count('target="_blank" rel="noopener"') == 6
    assert (folder / "widget.vi.html").exists()


def test_only_the_portals_that_are_listed_may_frame_the_widget_and_nobody_a_page(
    make_settings: MakeSettings, folder: Path, make_outgoing: MakeOutgoing
) -> None:
    own = SITE | {"frame_ancestors": ["https://portal.example.gov.vn", "https://*.tinh.example"]}
    feed = Feed("web", make_settings("feed", own, name="web"))
    slug = feed.send(make_outgoing(), timeout=5).provider_id

    policies = {
        path: feed.answer(path, {}).headers["Content-Security-Policy"]
        for path in ("widget.html", "widget.vi.html", "index.html", f"m/{slug}.html")
    }

    listed = "frame-ancestors https://portal.example.gov.vn https://*.tinh.example"
    assert [policy.endswith(listed) for policy in policies.values()] == [True, True, False, False]
    assert [policy.endswith("frame-ancestors 'none'") for policy in policies.values()] == [False, False, True, True]
    assert listed in (folder / ".nginx.conf").read_text()


@pytest.mark.parametrize(
    "origin", ["portal", "https://a.example/path", "'none'", "https://a.example; script-src *", "*"]
)
def test_what_is_no_origin_is_not_let_into_the_policy(origin: str, make_settings: MakeSettings) -> None:
    with pytest.raises(WrongUse) as caught:
        Feed("web", make_settings("feed", {"frame_ancestors": [origin]}, name="web"))

    assert "channels.web.frame_ancestors" in str(caught.value)


# ---- what a web server answers


def test_a_file_that_is_known_is_not_sent_again(feed: Feed, make_outgoing: MakeOutgoing) -> None:
    feed.send(make_outgoing(), timeout=5)
    first = feed.answer("atom.xml", {})
    etag, modified = first.headers["ETag"], first.headers["Last-Modified"]

    again = feed.answer("atom.xml", {"if-none-match": f'"other", W/{etag}'})
    since = feed.answer("atom.xml", {"if-modified-since": modified})
    both = feed.answer("atom.xml", {"if-none-match": '"other"', "if-modified-since": modified})
    feed.send(make_outgoing(dedupe_key="more"), timeout=5)
    later = feed.answer("atom.xml", {"if-none-match": etag})

    assert [one.status for one in (first, again, since, both, later)] == [200, 304, 304, 200, 200]
    assert (again.body, again.headers["ETag"]) == (b"", etag)
    assert later.headers["ETag"] != etag


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("", "text/html; charset=utf-8"),
        ("feed.xml", "application/rss+xml; charset=utf-8"),
        ("feed.vi.xml", "application/rss+xml; charset=utf-8"),
        ("archive/atom.vi.1.xml", "application/atom+xml; charset=utf-8"),
        ("feed.json", "application/feed+json"),
        ("style.css", "text/css; charset=utf-8"),
    ],
)
def test_every_file_says_what_it_is(
    path: str, kind: str, make_settings: MakeSettings, make_outgoing: MakeOutgoing
) -> None:
    feed = Feed("web", make_settings("feed", {"entries": 1}, name="web"))
    feed.send(make_outgoing(), timeout=5)

    answer = feed.answer(path, {})

    assert (answer.status, answer.headers["Content-Type"]) == (200, kind)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        ".state.json",
        ".entries/x.json",
        "../config.toml",
        "m/../../x",
        "m//x",
        "/etc/passwd",
        "m",
        "m\\x",
        "a\x00b",
        "x",
    ],
)
def test_nothing_but_what_is_published_is_served(
    path: str, feed: Feed, folder: Path, make_outgoing: MakeOutgoing
) -> None:
    feed.send(make_outgoing(), timeout=5)
    (folder.parent / "x").write_text("canary")

    answer = feed.answer(path, {})

    assert answer.status == 404
    assert b"canary" not in answer.body


@pytest.mark.parametrize(
    ("wanted", "status", "body"),
    [
        ("bytes=0-3", 206, b"abcd"),
        ("bytes=4-", 206, b"efghij"),
        ("bytes=-2", 206, b"ij"),
        ("bytes=8-99", 206, b"ij"),
        ("bytes=10-", 416, b""),
        ("bytes=0-1,4-5", 200, b"abcdefghij"),
        ("bytes=-", 200, b"abcdefghij"),
        ("pages=1", 200, b"abcdefghij"),
    ],
)
def test_a_player_can_ask_for_a_part(
    wanted: str, status: int, body: bytes, feed: Feed, folder: Path, make_outgoing: MakeOutgoing, tmp_path: Path
) -> None:
    feed.send(make_outgoing(media=(approved(tmp_path, "a.mp3", b"abcdefghij"),)), timeout=5)
    (path,) = (folder / "m").glob("*.mp3")

    answer = feed.answer(f"m/{path.name}", {"range": wanted})

    assert (answer.status, answer.body) == (status, body)
    assert answer.headers.get("Content-Type", "audio/mpeg") == "audio/mpeg"
