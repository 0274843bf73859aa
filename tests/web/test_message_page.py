"""The page behind a poster's code: everybody may read it once the message is out, and nobody before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.ledger.store import transaction
from broadcaster.printing.approved import note
from tests.builders import FACT_DIGEST, make_approval, make_broadcast, make_fact, make_revision

Sign = Callable[..., Any]
SAID = "Gọi 111 <b>ngay</b>. {{ opt_out }}"


@pytest.fixture
def approved(app: FastAPI, sqlite_database: Database, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch) -> str:
    """An approved message that nobody has sent yet; its revision."""
    monkeypatch.setattr("broadcaster.content.store.stale", lambda *_a, **_k: [])
    with transaction(sqlite_database, clock) as tx:
        make_fact(tx)
        make_approval(tx, kind="plan", name="c", subject="plan-hash")
        return make_revision(tx, text=SAID)


def start(database: Database, clock: SteppedClock, revision: str) -> None:
    with transaction(database, clock) as tx:
        number = make_broadcast(tx, group=None, channels=[["web"]])
        tx.connection.execute(
            text("UPDATE broadcast SET started_at = due_at, revision_hash = :r, state = 'running' WHERE id = :b"),
            {"r": revision, "b": number},
        )


def test_nothing_is_shown_of_what_is_only_approved(sign_in: Sign, approved: str) -> None:
    answer = sign_in().get("/m/hotline-111")

    assert answer.status_code == 404
    assert "111" not in answer.text


def test_what_is_out_is_there_in_every_language_escaped_and_without_anybodys_link(
    sign_in: Sign, approved: str, sqlite_database: Database, clock: SteppedClock
) -> None:
    start(sqlite_database, clock, approved)

    answer = sign_in().get("/m/hotline-111?l=en")

    assert answer.status_code == 200
    assert answer.text.index("Call 111") < answer.text.index("Gọi 111 &lt;b&gt;ngay&lt;/b&gt;.")
    assert "opt_out" not in answer.text
    assert "set-cookie" not in answer.headers
    assert sign_in().get("/m/nothing-such").status_code == 404


def test_a_printed_piece_makes_its_page(
    sign_in: Sign, approved: str, sqlite_database: Database, clock: SteppedClock
) -> None:
    with transaction(sqlite_database, clock) as tx:
        note(tx, "lan", "poster", [approved], "ab" * 32, language="vi")

    assert sign_in().get("/m/hotline-111").status_code == 200


def test_what_was_withdrawn_is_no_longer_there(
    sign_in: Sign, approved: str, sqlite_database: Database, clock: SteppedClock
) -> None:
    start(sqlite_database, clock, approved)
    with transaction(sqlite_database, clock) as tx:
        tx.connection.execute(text("UPDATE approval SET state = 'withdrawn' WHERE kind = 'revision'"))

    assert sign_in().get("/m/hotline-111").status_code == 404


def test_a_fact_that_has_moved_holds_the_page(
    app: FastAPI, sign_in: Sign, sqlite_database: Database, clock: SteppedClock
) -> None:
    with transaction(sqlite_database, clock) as tx:
        make_fact(tx, digest=FACT_DIGEST[::-1])
        make_approval(tx, kind="plan", name="c", subject="plan-hash")
        revision = make_revision(tx, text=SAID)
    start(sqlite_database, clock, revision)

    assert sign_in().get("/m/hotline-111").status_code == 404
