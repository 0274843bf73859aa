"""The simulated Zalo and Facebook hold to what the documents say, apart from our adapters."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from broadcaster.clock import SteppedClock
from broadcaster.simulator.book import Book
from broadcaster.simulator.facebook import FacebookSimulator
from broadcaster.simulator.zalo import ZaloSimulator

pytestmark = pytest.mark.anyio

SECRET = {"secret_key": "zalo-secret-canary"}
ARTICLE = {
    "type": "normal", "title": "Gọi 111", "author": "VP", "description": "Gọi 111",
    "cover": {"cover_type": "photo", "photo_url": "https://a.example/b.jpg", "status": "show"},
    "body": [{"type": "text", "content": "Gọi 111"}], "status": "show", "comment": "hide",
}  # fmt: skip


async def call(url: str, method: str = "POST", **given: Any) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.request(method, url, **given) as answer:
        return answer.status, await answer.json()


async def token(other: ZaloSimulator, refresh: str = "first", headers: Any = SECRET) -> Any:
    form = {"refresh_token": refresh, "app_id": "1", "grant_type": "refresh_token"}
    return (await call(f"{other.url}/v4/oa/access_token", data=form, headers=headers))[1]


async def test_a_refresh_token_is_good_once_and_its_life_is_a_string() -> None:
    async with ZaloSimulator(refresh_tokens={"first"}) as other:
        pair = await token(other)
        again = await token(other)
        next_pair = await token(other, pair["refresh_token"])
        stranger = await token(other, "stranger")
        wrong = await token(other, next_pair["refresh_token"], {"secret_key": "wrong"})

    assert pair["expires_in"] == "90000"
    assert next_pair["access_token"] != pair["access_token"]
    assert [answer.get("error", 0) < 0 for answer in (again, stranger, wrong)] == [True] * 3
    assert other.reused == ["first"]


async def test_an_error_of_zalo_comes_with_http_200(clock: SteppedClock) -> None:
    async with ZaloSimulator(book=Book(clock=clock)) as other:
        body = {"recipient": {"user_id": "900000000230"}, "message": {"text": "a"}}
        stranger = await call(f"{other.url}/v3.0/oa/message/cs", json=body)
        access = {"access_token": (await token(other))["access_token"]}
        outside = await call(f"{other.url}/v3.0/oa/message/cs", json=body, headers=access)
        clock.move_by(timedelta(hours=25))
        late = await call(f"{other.url}/v3.0/oa/message/cs", json=body, headers=access)

    assert [(status, answer["error"]) for status, answer in (stranger, outside, late)] == [
        (200, -216), (200, -230), (200, -216)
    ]  # fmt: skip


async def test_an_article_has_no_id_before_it_was_looked_through_and_cannot_be_broadcast(clock: SteppedClock) -> None:
    async with ZaloSimulator(book=Book(clock=clock), review=timedelta(minutes=30)) as other:
        access = {"access_token": (await token(other))["access_token"]}
        made = (await call(f"{other.url}/v2.0/article/create", json=ARTICLE, headers=access))[1]
        verify = {"json": {"token": made["data"]["token"]}, "headers": access}
        early = (await call(f"{other.url}/v2.0/article/verify", **verify))[1]
        sent_early = (await broadcast(other, access, "article0001"))["error"]
        clock.move_by(timedelta(minutes=30))
        ready = (await call(f"{other.url}/v2.0/article/verify", **verify))[1]
        sent = await broadcast(other, access, ready["data"]["id"])

    assert (early["error"], sent_early, sent["error"]) == (-214, -201, 0)
    assert [entry.body for entry in other.book.accepted()] == ["Gọi 111"]


@pytest.mark.parametrize(
    "spoilt", [{"title": ""}, {"title": "x" * 151}, {"cover": {}}, {"description": ""}, {"body": []}]
)
async def test_an_article_that_breaks_a_documented_limit_is_refused(spoilt: Any) -> None:
    async with ZaloSimulator() as other:
        access = {"access_token": (await token(other))["access_token"]}
        answer = (await call(f"{other.url}/v2.0/article/create", json=ARTICLE | spoilt, headers=access))[1]

    assert answer["error"] == -201
    assert other.articles == []


async def broadcast(other: ZaloSimulator, access: Any, article: str) -> Any:
    payload = {"template_type": "media", "elements": [{"media_type": "article", "attachment_id": article}]}
    body = {
        "recipient": {"target": {"gender": "0"}},
        "message": {"attachment": {"type": "template", "payload": payload}},
    }
    return (await call(f"{other.url}/v2.0/oa/message", json=body, headers=access))[1]


async def test_a_page_takes_a_post_shows_it_and_lets_it_be_deleted_once() -> None:
    async with FacebookSimulator(tokens=["t"]) as other:
        url = f"{other.url}/v25.0/104"
        made = await call(f"{url}/feed", data={"message": "a", "access_token": "t"})
        twice = await call(f"{url}/feed", data={"message": "a", "access_token": "t"})
        feed = await call(f"{url}/feed?access_token=t", "GET")
        gone = [(await call(f"{other.url}/v25.0/{made[1]['id']}?access_token=t", "DELETE"))[1] for _ in range(2)]
        stranger = await call(f"{url}/feed", data={"message": "b", "access_token": "x"})

    assert made == (200, {"id": "104_1"})
    assert (twice[0], twice[1]["error"]["code"]) == (400, 506)
    assert [post["message"] for post in feed[1]["data"]] == ["a"]
    assert gone[0] == {"success": True}
    assert (gone[1]["error"]["code"], gone[1]["error"]["error_subcode"]) == (100, 33)
    assert stranger[1]["error"]["code"] == 190
