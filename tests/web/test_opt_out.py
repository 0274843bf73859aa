"""The public opt-out page, through a real server: one button, no cookie, nothing said that others may not read."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from callback_office import Office, office
from sqlalchemy import insert

from broadcaster.audience.store import erase
from broadcaster.channel import opt_out_link
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.db.tables import Address, table
from broadcaster.ledger.store import transaction
from broadcaster.web.public import WAY_OUT
from tests.dispatch.test_lane import ledger

pytestmark = pytest.mark.anyio
SALT = bytes(32)  # of the builders' people


@pytest.fixture
async def desk(
    sqlite_database: Database, clock: SteppedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Office]:
    async with office(tmp_path, sqlite_database, clock, monkeypatch) as found:
        yield found


def path_of(desk: Office, address: int = 1) -> str:
    link = opt_out_link.link(desk.url, desk.hooks.office_key, kind="phone", address=address, salt=SALT)
    return urlsplit(link).path


async def get(desk: Office, path: str) -> tuple[int, str]:
    async with desk.http.get(desk.url + path) as answer:
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        return answer.status, await answer.text()


async def test_looking_changes_nothing_and_the_button_opts_out_at_every_address(desk: Office) -> None:
    desk.begin(2)
    with transaction(desk.database, desk.clock) as tx:
        row = {"contact_id": 1, "kind": "email", "value": "n@example.vn", "key": b"k" * 32}
        tx.connection.execute(insert(table(Address)).values(row))

    looked = await get(desk, path_of(desk))
    before = desk.rows("SELECT kind FROM suppression")
    pressed = await desk.post(path_of(desk))
    after = desk.rows("SELECT kind, source FROM suppression ORDER BY kind")

    assert looked[0] == pressed == 200
    assert '<form method="post"><button>Ngừng nhận tin</button></form>' in looked[1]
    assert before == []
    assert [tuple(row) for row in after] == [("email", "link"), ("phone", "link")]
    assert {entry["source"] for entry in ledger(desk.database, "contact.opt_out")} == {"link"}


async def test_a_mail_program_s_one_click_is_enough_and_a_second_one_changes_nothing(desk: Office) -> None:
    desk.begin(1)

    body, kind = b"List-Unsubscribe=One-Click", "application/x-www-form-urlencoded"
    answers = [await desk.post(path_of(desk), body, **{"Content-Type": kind}) for _ in range(2)]

    assert answers == [200, 200]
    assert len(desk.rows("SELECT kind FROM suppression")) == 1
    assert len(ledger(desk.database, "contact.opt_out")) == 1
    assert "Đã ghi nhận" in (await get(desk, path_of(desk)))[1]


async def test_the_page_names_no_office_no_campaign_no_number_and_loads_nothing(desk: Office) -> None:
    desk.begin(1)

    _, html = await get(desk, path_of(desk))

    for word in ("111", "Tổng đài", "Văn phòng", "mua bán", "84900", desk.config.office.name):
        assert word not in html
    assert not re.search(r"src=|<script|<link", html)
    assert re.findall(r"https?://[^\"]*", html) == [WAY_OUT]  # a link out, asked of nobody before it is used
    assert len(html) < 2000


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_the_page_speaks_both_languages(desk: Office, language: str) -> None:
    desk.begin(1)

    _, html = await get(desk, f"{path_of(desk)}?l={language}")

    assert f'<html lang="{language}">' in html
    assert {"vi": "Bấm nút", "en": "Press the button"}[language] in html


@pytest.mark.parametrize("token", ["x", "x" * 16, "<script>alert(1)</script>", "%3Cb%3E" * 3, "0" * 16, "z" * 5000])
async def test_a_token_we_did_not_make_gets_a_neutral_answer_and_changes_nothing(desk: Office, token: str) -> None:
    desk.begin(1)

    status, html = await get(desk, f"/o/{token.replace('/', '')}")
    posted = await desk.post(f"/o/{token.replace('/', '')}")

    assert (status, posted) == (404, 404)
    assert "alert" not in html
    assert desk.rows("SELECT kind FROM suppression") == []


async def test_a_token_with_somebody_s_number_and_a_guessed_rest_opens_nothing(desk: Office) -> None:
    desk.begin(1)
    guessed = opt_out_link.token(b"another office's key", 1, SALT)

    assert opt_out_link.number_of(guessed) == 1
    assert (await get(desk, f"/o/{guessed}"))[0] == await desk.post(f"/o/{guessed}") == 404
    assert desk.rows("SELECT kind FROM suppression") == []


async def test_the_link_of_an_erased_person_opens_nothing(desk: Office) -> None:
    desk.begin(1)
    with transaction(desk.database, desk.clock) as tx:
        erase(tx, 1, actor="lan")

    assert (await get(desk, path_of(desk)))[0] == 404


async def test_a_large_body_is_refused(desk: Office) -> None:
    desk.begin(1)

    assert await desk.post(path_of(desk), b"x" * 5000) == 413
    assert desk.rows("SELECT kind FROM suppression") == []


async def test_the_link_in_the_text_is_the_person_s_own_and_opens_their_page(desk: Office) -> None:
    desk.begin(2, said="Gọi 111. Từ chối: {{ opt_out }}")

    await desk.send()

    texts = {one.to: one.body for one in desk.provider.book.accepted()}
    assert len(set(texts.values())) == 2
    for at, to in enumerate(sorted(texts), 1):
        assert texts[to] == f"Gọi 111. Từ chối: {desk.url}{path_of(desk, at)}"
    assert await desk.post(urlsplit(texts["+84900000001"].split(": ", 1)[1]).path) == 200
    assert [row.value for row in desk.rows(
        "SELECT a.value FROM suppression s JOIN address a ON a.key = s.key"
    )] == ["+84900000001"]  # fmt: skip
