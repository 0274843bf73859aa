"""An approver on leave has somebody decide in their place, at the desk."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import msgspec
import pytest
from sqlalchemy import insert

from broadcaster.approval import store as approvals
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.db.tables import Revision, table
from broadcaster.ledger.store import transaction
from tests.web.desk_people import PASSWORD, Browser

SignIn = Callable[..., Browser]


@pytest.fixture
def submitted(sqlite_database: Database, clock: SteppedClock) -> str:
    """A message of lan's that waits; its hash."""
    from hashlib import sha256

    body = {
        "v": 1, "message": "hotline-111", "category": "hotline", "source": "", "titles": {"vi": "Tổng đài"},
        "texts": {"vi": {"sms": "Gọi 111", "text": "Gọi 111"}}, "facts": {}, "media": {}, "valid": {},
    }  # fmt: skip
    canonical = msgspec.json.encode(body, order="sorted")
    subject = sha256(canonical).hexdigest()
    with transaction(sqlite_database, clock) as tx:
        tx.connection.execute(
            insert(table(Revision)).values(
                hash=subject, message_id="hotline-111", category="hotline", canonical=canonical, created_at=tx.now
            )
        )
        approvals.submit(tx, kind="revision", name="hotline-111", subject=subject, by="lan")
    return subject


def hand_over(sign_in: SignIn, clock: SteppedClock, *, to: str, by: str = "minh", password: str = PASSWORD) -> str:
    first = clock.now().date()
    answer = sign_in(by).submit(
        "/approvals/leave", delegate=to, first=first.isoformat(), last=(first + timedelta(days=3)).isoformat(),
        password=password,
    )  # fmt: skip
    return str(answer.text)


def decide(browser: Browser, subject: str) -> int:
    ticks = {"check_0": "yes", "check_1": "yes"}
    answer = browser.submit("/approvals/revision/hotline-111/approve", expected=subject, password=PASSWORD, **ticks)
    return int(answer.status_code)


def test_the_delegate_finds_the_work_decides_and_both_names_are_shown(
    sign_in: SignIn, clock: SteppedClock, submitted: str
) -> None:
    before = decide(sign_in("hoa"), submitted)
    told = hand_over(sign_in, clock, to="hoa")
    hoa = sign_in("hoa")
    today, page = hoa.get("/").text, hoa.get("/approvals/revision/hotline-111").text

    after = decide(hoa, submitted)

    assert before == 403
    assert "hoa thay minh" in told
    assert "1 việc chờ bạn phê duyệt" in today
    assert "Bạn quyết định thay minh" in page
    assert after == 200
    assert "thay minh" in sign_in("tam").get("/approvals/revision/hotline-111").text


def test_a_delegate_decides_nothing_else_that_approvers_do(sign_in: SignIn, clock: SteppedClock) -> None:
    hand_over(sign_in, clock, to="nga")

    answer = sign_in("nga").submit("/stop", scope="everything", reason="thử", password=PASSWORD)

    assert answer.status_code == 403


def test_a_delegate_who_wrote_it_still_may_not_decide(sign_in: SignIn, clock: SteppedClock, submitted: str) -> None:
    hand_over(sign_in, clock, to="lan")

    assert decide(sign_in("lan"), submitted) == 403


def test_handing_over_takes_the_password_and_the_role(sign_in: SignIn, clock: SteppedClock) -> None:
    wrong = hand_over(sign_in, clock, to="hoa", password="sai mat khau roi")
    operator = hand_over(sign_in, clock, to="nga", by="hoa")

    shown = sign_in("minh").get("/approvals/leave").text
    assert "Sai mật khẩu" in wrong
    assert "may not do this" in operator or "vai trò" in operator
    assert "Không ai đang phê duyệt thay." in shown


def test_back_early_ends_it(sign_in: SignIn, clock: SteppedClock, submitted: str) -> None:
    hand_over(sign_in, clock, to="hoa")

    told = sign_in("minh").submit("/approvals/leave/1/end").text

    assert "hoa thôi phê duyệt thay." in told
    assert decide(sign_in("hoa"), submitted) == 403


def test_days_that_are_none_are_said(sign_in: SignIn) -> None:
    answer = sign_in("minh").submit("/approvals/leave", delegate="hoa", first="x", last=date.max.isoformat())

    assert answer.status_code == 400
