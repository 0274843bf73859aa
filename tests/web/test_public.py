"""What anybody may read: neutral, without cookies, and nothing but what was published."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from broadcaster.config import Config

Sign = Callable[..., Any]


@pytest.fixture
def site(config: Config) -> Path:
    folder = config.path("public") / "web"
    (folder / "m").mkdir(parents=True)
    (folder / ".entries").mkdir()
    for name in (
        "index.html",
        "widget.html",
        "m/abc.html",
        "feed.xml",
        "atom.vi.xml",
        "feed.json",
        ".newest.json",
        "nginx.conf",
    ):
        (folder / name).write_text(name, encoding="utf-8")
    (folder / ".entries" / "abc.json").write_text("{}", encoding="utf-8")
    return folder


@pytest.mark.parametrize(("path", "kind"), [
    ("", "text/html; charset=utf-8"), ("m/abc.html", "text/html; charset=utf-8"),
    ("feed.xml", "application/rss+xml; charset=utf-8"),
    ("atom.vi.xml", "application/atom+xml; charset=utf-8"), ("feed.json", "application/feed+json"),
])  # fmt: skip
def test_what_was_published_is_there_for_everybody_without_a_cookie(
    app: FastAPI, sign_in: Sign, site: Path, path: str, kind: str
) -> None:
    answer = sign_in().get(f"/public/web/{path}")

    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    assert "set-cookie" not in answer.headers
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", [
    ".newest.json", ".entries/abc.json", "../../config.toml", "..%2f..%2fconfig.toml", "%2e%2e/%2e%2e/config.toml",
    "nginx.conf", "m/%2e%2e/index.html", "m//abc.html", "m/abc.html%00", "nothing.html", "m", "/etc/passwd",
])  # fmt: skip
def test_nothing_else_of_the_machine_is_there(app: FastAPI, sign_in: Sign, site: Path, path: str) -> None:
    answer = sign_in().get(f"/public/web/{path}", follow_redirects=False)

    assert answer.status_code in (303, 404)
    assert "second_factor" not in answer.text
    assert "{}" not in answer.text


def test_a_link_out_of_the_folder_is_not_followed(app: FastAPI, sign_in: Sign, site: Path, config: Config) -> None:
    (site / "out.html").symlink_to(config.path("secrets") / "office.key")

    answer = sign_in().get("/public/web/out.html")

    assert answer.status_code == 404


def test_only_feed_channels_have_pages(app: FastAPI, sign_in: Sign, config: Config) -> None:
    folder = config.path("public") / "sms"
    folder.mkdir()
    (folder / "index.html").write_text("x", encoding="utf-8")

    assert sign_in().get("/public/sms/").status_code == 404


def test_a_reader_that_has_it_already_is_told_so(app: FastAPI, sign_in: Sign, site: Path) -> None:
    browser = sign_in()
    first = browser.get("/public/web/feed.xml")

    again = browser.get("/public/web/feed.xml", headers={"if-none-match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")


def test_the_widget_stands_only_in_frames_of_portals_that_were_named(
    app: FastAPI, sign_in: Sign, site: Path, config: Config
) -> None:
    browser = sign_in()
    before = browser.get("/public/web/widget.html")

    config.channels["web"]["frame_ancestors"] = ["https://portal.example.gov.vn"]
    after = browser.get("/public/web/widget.html")

    assert "frame-ancestors 'none'" in before.headers["content-security-policy"]
    assert "frame-ancestors https://portal.example.gov.vn" in after.headers["content-security-policy"]
    assert "x-frame-options" not in after.headers


def test_every_page_has_a_way_out_and_the_widget_has_none(app: FastAPI, sign_in: Sign, site: Path) -> None:
    for name, language in (("index.html", "vi"), ("m/abc.html", "en"), ("widget.html", "vi")):
        (site / name).write_text(f'<html lang="{language}"><body><main>x</main></body></html>', encoding="utf-8")
    browser = sign_in()

    pages = [browser.get(f"/public/web/{name}").text for name in ("index.html", "m/abc.html", "widget.html")]

    assert [text.count('class="leave"') for text in pages] == [1, 1, 0]
    assert [word in text for word, text in zip(("Thoát nhanh", "Leave this page"), pages, strict=False)] == [True, True]
    assert 'rel="noreferrer"' in pages[0]


def test_who_has_it_already_is_told_so_by_tag_or_by_date(sign_in: Sign, site: Path) -> None:
    browser = sign_in()
    first = browser.get("/public/web/feed.xml").headers

    by_tag = browser.get("/public/web/feed.xml", headers={"if-none-match": f'"other", W/{first["etag"]}'})
    by_date = browser.get("/public/web/feed.xml", headers={"if-modified-since": first["last-modified"]})
    (site / "feed.xml").write_text("newer", encoding="utf-8")
    newer = browser.get("/public/web/feed.xml", headers={"if-none-match": first["etag"]})

    assert (by_tag.status_code, by_date.status_code, by_tag.content) == (304, 304, b"")
    assert by_tag.headers["etag"] == first["etag"]
    assert (newer.status_code, newer.text) == (200, "newer")


def test_a_player_may_ask_for_a_part_of_a_recording(sign_in: Sign, site: Path) -> None:
    (site / "m" / "abc.mp3").write_bytes(bytes(range(250)) * 40)
    browser = sign_in()

    part = browser.get("/public/web/m/abc.mp3", headers={"range": "bytes=3000-"})
    beyond = browser.get("/public/web/m/abc.mp3", headers={"range": "bytes=20000-"})
    changed = browser.get("/public/web/m/abc.mp3", headers={"range": "bytes=0-9", "if-range": '"older"'})

    assert (part.status_code, part.headers["content-range"]) == (206, "bytes 3000-9999/10000")
    assert part.content == (bytes(range(250)) * 40)[3000:]
    assert part.headers["content-type"] == "audio/mpeg"
    assert beyond.status_code == 416
    assert (changed.status_code, len(changed.content)) == (200, 10000)
