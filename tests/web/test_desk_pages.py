"""Today, the stop, the approval desk and the dispatches, over rows as the house writes them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import update

from broadcaster.approval import store as approvals
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.db.tables import Broadcast, Dispatch, Lane, Tally, table
from broadcaster.dispatch import stop as stops
from broadcaster.dispatch.dispatch import State
from broadcaster.ledger.store import Transaction, raws, transaction
from tests.builders import make_approval, make_broadcast, make_contacts, make_fact, make_revision
from tests.web.desk_people import PASSWORD

Sign = Callable[..., Any]
DISPATCH, TALLY, BROADCAST, LANE = table(Dispatch), table(Tally), table(Broadcast), table(Lane)


@pytest.fixture
def ground(sqlite_database: Database, clock: SteppedClock, app: FastAPI) -> Database:
    """A running broadcast of ten: six accepted, one unknown, three still to go."""
    with transaction(sqlite_database, clock) as tx:
        make_fact(tx)
        make_revision(tx)
        make_approval(tx, kind="plan", name="c", subject="plan-hash")
        group = make_contacts(tx, 10, commune="Pù Nhi")
        number = make_broadcast(tx, group=group, state="running", started_at=tx.now, planned=10, expansion="done")
        _dispatches(tx, number, ["accepted"] * 6 + ["unknown"] + ["planned"] * 3)
    return sqlite_database


def _dispatches(tx: Transaction, broadcast: int, states: list[str]) -> None:
    for at, state in enumerate(states, 1):
        tx.connection.execute(
            DISPATCH.insert().values(
                broadcast_id=broadcast,
                channel="sms",
                address_id=at,
                edition="",
                language="vi",
                state="planned",
                attempts=0,
                uncounted=0,
            )
        )
        for step in {"accepted": ["sending", "accepted"], "unknown": ["sending", "unknown"]}.get(state, []):
            tx.connection.execute(update(DISPATCH).where(DISPATCH.c.id == at).values(state=step))
    for state in sorted(set(states)):
        tx.connection.execute(
            TALLY.insert().values(broadcast_id=broadcast, channel="sms", state=state, n=states.count(state))
        )


def kinds(database: Database) -> list[str]:
    import json

    with database.reading() as connection:
        return [json.loads(raw)["kind"] for raw in raws(connection)]


# -- today ------------------------------------------------------------------------------------------------------------


def test_today_never_counts_accepted_as_delivered(ground: Database, sign_in: Sign) -> None:
    page = sign_in("tam").get("/").text

    assert '<p class="figure">0</p><p>đã đến</p>' in page
    assert '<p class="figure">6</p><p>nhà cung cấp đã nhận, chưa xác nhận đến</p>' in page


def test_what_is_going_comes_as_a_stream_and_ends_when_nothing_goes(
    ground: Database, sign_in: Sign, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from broadcaster.web.pages import today

    monkeypatch.setattr(today, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(today, "STREAM_MOST", 0.1)
    browser = sign_in("tam")

    while_going = browser.get("/today/live").text
    with transaction(ground, clock) as tx:
        tx.connection.execute(update(BROADCAST).values(state="done"))
    after = browser.get("/today/live").text

    assert while_going.count("event: part") == 1
    assert "6 / 10" in while_going
    assert after == "event: end\ndata: over\n\n"


def test_a_planned_broadcast_that_nobody_began_counts_as_late(
    ground: Database, sign_in: Sign, clock: SteppedClock
) -> None:
    with transaction(ground, clock) as tx:
        make_broadcast(tx, group=None, schedule_id="other", due_at=tx.now)
    browser = sign_in("tam")

    at_once = browser.get("/").text
    clock.move_by(timedelta(minutes=3))
    later = browser.get("/").text

    assert "Không có việc trễ" in at_once
    assert "1 lượt phát trễ" in later


# -- the stop ---------------------------------------------------------------------------------------------------------


def test_one_stops_and_the_answer_says_what_that_means(ground: Database, sign_in: Sign) -> None:
    browser = sign_in("minh")

    answer = browser.submit("/stop", scope="everything", reason="Sai số điện thoại", password=PASSWORD)

    assert "0 lượt đang trên đường" in answer.text
    assert "6 lượt đã đến hoặc nhà cung cấp đã nhận; 3 lượt được giữ lại" in answer.text
    assert "3 lượt sẽ được gửi" in answer.text


@pytest.mark.parametrize("spoil", [{"reason": ""}, {"password": "sai"}, {"scope": "area", "area": "Không Có"},
                                   {"scope": "campaign", "campaign": "khong-co"}, {"until": "2020-01-01T00:00"},
                                   {"reason": "Gọi 0912345678"}, {"scope": "nothing"}, {"scope": "channel"}])  # fmt: skip
def test_a_stop_that_is_refused_keeps_what_was_typed(
    ground: Database, sign_in: Sign, clock: SteppedClock, spoil: dict[str, str]
) -> None:
    values = {"scope": "everything", "reason": "Lý do đã gõ", "password": PASSWORD, **spoil}

    answer = sign_in("hoa").submit("/stop", **values)

    with ground.reading() as connection:
        assert stops.standing(connection, clock.now()) == []
    assert answer.status_code in (400, 403, 404)
    assert values["reason"] in answer.text
    assert PASSWORD not in answer.text


def test_two_people_lift_a_stop_and_one_alone_cannot(ground: Database, sign_in: Sign, clock: SteppedClock) -> None:
    first, second = sign_in("hoa"), sign_in("minh")
    first.submit("/stop", scope="everything", reason="Thử", password=PASSWORD)

    for _ in range(2):
        first.submit("/stop/1/lift", password=PASSWORD)
    with ground.reading() as connection:
        alone = stops.standing(connection, clock.now())
    wrong = second.submit("/stop/1/lift", password="sai")
    done = second.submit("/stop/1/lift", password=PASSWORD)

    with ground.reading() as connection:
        standing = stops.standing(connection, clock.now())
    assert len(alone) == 1
    assert wrong.status_code == 403
    assert "tiếp tục" in done.text
    assert standing == []
    assert kinds(ground)[-2:] == ["countersign.sign", "stop.lift"]


def test_an_admin_stops_but_never_lets_go_on(ground: Database, sign_in: Sign) -> None:
    browser = sign_in("quan")

    stopped = browser.submit("/stop", scope="everything", reason="Thử", password=PASSWORD)
    lifted = browser.submit("/stop/1/lift", password=PASSWORD)

    assert stopped.status_code == 200
    assert lifted.status_code == 403


# -- the approval desk ------------------------------------------------------------------------------------------------


@pytest.fixture
def waiting(sqlite_database: Database, clock: SteppedClock, app: FastAPI) -> str:
    """A revision by lan that waits; its hash."""
    with transaction(sqlite_database, clock) as tx:
        make_fact(tx)
        make_revision(tx, message="hotline-113", text="Bản cũ đã duyệt, gọi 113")
        return make_revision(tx, message="hotline-113", text="Bản mới <b>chờ</b> duyệt, gọi 113", approve=False)


TICKS = {"check_0": "yes", "check_1": "yes"}


def test_the_approver_sees_exact_words_the_difference_and_the_hash(waiting: str, sign_in: Sign) -> None:
    page = sign_in("minh").get("/approvals/revision/hotline-113").text

    assert "Bản mới &lt;b&gt;chờ&lt;/b&gt; duyệt" in page
    assert "<del>cũ đã</del>" in page or "<del>cũ</del>" in page
    assert page.count(waiting) >= 3


def test_what_was_seen_is_what_is_approved(
    waiting: str, sign_in: Sign, sqlite_database: Database, clock: SteppedClock
) -> None:
    browser = sign_in("minh")

    done = browser.submit("/approvals/revision/hotline-113/approve", expected=waiting, password=PASSWORD, **TICKS)

    with sqlite_database.reading() as connection:
        current = approvals.current(connection, "revision", "hotline-113")
    assert done.url.path == "/approvals"
    assert current is not None
    assert (current.subject, current.decided_by) == (waiting, "minh")


def test_what_changed_under_the_approvers_eyes_is_not_approved(
    waiting: str, sign_in: Sign, sqlite_database: Database, clock: SteppedClock
) -> None:
    browser = sign_in("minh")
    with transaction(sqlite_database, clock) as tx:
        approvals.withdraw(tx, kind="revision", name="hotline-113", by="lan", reason="sửa", pending_only=True)
        make_revision(tx, message="hotline-113", text="Bản khác hẳn, gọi 113", approve=False)

    answer = browser.submit("/approvals/revision/hotline-113/approve", expected=waiting, password=PASSWORD, **TICKS)

    with sqlite_database.reading() as connection:
        still = approvals.open_(connection, "revision", "hotline-113")
    assert answer.status_code == 409
    assert still is not None


@pytest.mark.parametrize("spoil", [{"password": "sai"}, {"check_1": ""}, {"expected": ""}, {"expected": "0" * 64}])
def test_an_approval_needs_password_checklist_and_the_hash(
    waiting: str, sign_in: Sign, sqlite_database: Database, spoil: dict[str, str]
) -> None:
    values = {"expected": waiting, "password": PASSWORD, **TICKS, **spoil}

    answer = sign_in("minh").submit("/approvals/revision/hotline-113/approve", **values)

    with sqlite_database.reading() as connection:
        assert approvals.open_(connection, "revision", "hotline-113") is not None
    assert answer.status_code in (400, 403, 409)
    assert 'name="check_0" value="yes" checked' in answer.text


def test_nobody_approves_what_they_submitted_whatever_their_roles(
    sqlite_database: Database, clock: SteppedClock, app: FastAPI, sign_in: Sign
) -> None:
    with transaction(sqlite_database, clock) as tx:
        revision = make_revision(tx, message="hotline-113", by="duc", approve=False)
    browser = sign_in("duc")

    page = browser.get("/approvals/revision/hotline-113").text
    answer = browser.submit("/approvals/revision/hotline-113/approve", expected=revision, password=PASSWORD, **TICKS)

    assert "/approve" not in page
    assert "không được phê duyệt" in page
    assert answer.status_code == 403


def test_a_message_is_returned_with_a_reason_its_author_reads(
    waiting: str, sign_in: Sign, sqlite_database: Database
) -> None:
    browser = sign_in("minh")

    without = browser.submit("/approvals/revision/hotline-113/return", expected=waiting, reason="")
    browser.submit("/approvals/revision/hotline-113/return", expected=waiting, reason="Câu thứ hai quá dài")

    page = sign_in("lan").get("/approvals/revision/hotline-113").text
    assert without.status_code == 400
    assert "Câu thứ hai quá dài" in page
    assert "Bị trả lại" in page


# -- dispatches -------------------------------------------------------------------------------------------------------


def test_dispatches_are_listed_masked_and_filtered_by_state(ground: Database, sign_in: Sign) -> None:
    browser = sign_in("tam")

    every = browser.get("/dispatches?state=unknown").text
    none = browser.get("/dispatches?state=failed").text
    one = browser.get("/dispatches/b-00000001?state=unknown").text

    assert "/dispatches/b-00000001" in every
    assert "/dispatches/b-00000001" not in none
    assert one.count("d-00000000") == 2
    assert "+8490000000" not in one


@pytest.mark.parametrize("path", ["/dispatches?day=30/7", "/dispatches?day=2027-99-99", "/dispatches?state=%00&channel='--",
                                  "/dispatches?campaign=%F0%9F%98%80",
                                  "/dispatches/b-00000001?after=abc",
                                  "/dispatches/b-00000001?after=99999999999999999999"])  # fmt: skip
def test_odd_filters_do_no_harm(ground: Database, sign_in: Sign, path: str) -> None:
    assert sign_in("tam").get(path).status_code == 200


@pytest.mark.parametrize("path", ["/dispatches/x", "/dispatches/b-99999999", "/dispatches/d-9999999999", "/dispatches/d-",
                                  "/approvals/revision/nothing", "/approvals/x/y", "/approvals/media/abc/vi"])  # fmt: skip
def test_what_is_not_there_is_a_page_that_says_so(ground: Database, sign_in: Sign, path: str) -> None:
    answer = sign_in("minh").get(path)

    assert answer.status_code == 404
    assert "<h1>" in answer.text


def test_a_dispatchs_life_says_who_approved_it(ground: Database, sign_in: Sign, clock: SteppedClock) -> None:
    with transaction(ground, clock) as tx:
        revision = approvals.current(tx.connection, "revision", "hotline-111")
        assert revision
        tx.connection.execute(update(BROADCAST).values(revision_hash=revision.subject))

    page = sign_in("tam").get("/dispatches/d-0000000001").text

    assert page.count("minh phê duyệt") == 2
    assert revision.subject[:12] in page


def test_two_people_settle_a_doubt(ground: Database, sign_in: Sign) -> None:
    first, second = sign_in("hoa"), sign_in("minh")
    path, values = (
        "/dispatches/d-0000000007",
        {"way": "accepted", "reason": "Có trong sổ nhà cung cấp", "password": PASSWORD},
    )

    first.submit(f"{path}/resolve", **values)
    half = first.get(path).text
    second.submit(f"{path}/resolve", **values)
    done = second.get(path).text

    assert "hoa đã đề nghị" in half
    assert "Chưa rõ" in half
    assert "Hai người cùng xác định" not in done
    with ground.reading() as connection:
        state = connection.scalar(DISPATCH.select().with_only_columns(DISPATCH.c.state).where(DISPATCH.c.id == 7))
    assert state == State.ACCEPTED.value


def test_a_paused_lane_says_why_and_an_operator_opens_it(ground: Database, sign_in: Sign, clock: SteppedClock) -> None:
    with transaction(ground, clock) as tx:
        tx.connection.execute(
            LANE.insert().values(channel="sms", epoch=1, paused="the token is wrong", paused_at=tx.now)
        )
    operator, approver = sign_in("hoa"), sign_in("minh")

    shown = operator.get("/").text
    refused = approver.submit("/lanes/sms/resume")
    opened = operator.submit("/lanes/sms/resume")
    again = operator.submit("/lanes/sms/resume")

    assert "the token is wrong" in shown
    assert refused.status_code == 403
    assert "gửi tiếp" in opened.text
    assert again.status_code == 409


def test_a_broadcast_is_paused_resumed_and_cancelled_from_its_page(ground: Database, sign_in: Sign) -> None:
    browser = sign_in("hoa")
    path = "/dispatches/b-00000001"

    paused = browser.submit(f"{path}/pause", reason="Chờ xác minh").text
    resumed = browser.submit(f"{path}/resume").text
    cancelled = browser.submit(f"{path}/cancel", reason="Nhầm nhóm", password=PASSWORD).text

    assert "Tạm dừng" in paused
    assert "chạy tiếp" in resumed
    assert "3 lượt chưa gửi" in cancelled
