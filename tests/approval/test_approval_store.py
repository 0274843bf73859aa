from __future__ import annotations

import hashlib
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.exc import DatabaseError

from broadcaster.approval import policy, store
from broadcaster.approval.policy import ENTRY, MOVES, Thing, why_not
from broadcaster.clock import SteppedClock
from broadcaster.content.render import Snapshot
from broadcaster.content.store import record_edit, save
from broadcaster.db.engine import Database
from broadcaster.db.tables import Approval, Revision, User, table
from broadcaster.errors import Conflict, NotAllowed, NotFound, WrongUse
from broadcaster.ledger.entry import decode
from broadcaster.ledger.store import raws, transaction


def revision(database: Database, clock: SteppedClock, words: str = "Gọi 111", until: date | None = None) -> str:
    canonical = words.encode()
    hash_ = hashlib.sha256(canonical).hexdigest()
    made = Snapshot(hash=hash_, canonical=canonical, message_id="m", category="hotline", facts={}, valid_until=until)
    with transaction(database, clock) as tx:
        save(tx, made)
    return hash_


def submit(database: Database, clock: SteppedClock, subject: str, by: str = "lan", **values: Any) -> int:
    with transaction(database, clock) as tx:
        return store.submit(tx, kind="revision", name="m", subject=subject, by=by, **values)


def approve(database: Database, clock: SteppedClock, by: str = "minh", expected: str | None = None) -> policy.Approval:
    with transaction(database, clock) as tx:
        return store.approve(tx, kind="revision", name="m", by=by, expected=expected)


def states(database: Database) -> list[tuple[str, str]]:
    with database.reading() as connection:
        return [(a.subject[:4], a.state) for a in store.history(connection, "revision", "m")]


def entries(database: Database) -> list[dict[str, object]]:
    with database.reading() as connection:
        return [{k: v for k, v in decode(raw).items() if k not in ("seq", "ts")} for raw in raws(connection)]


def test_what_is_submitted_waits_and_what_is_approved_is_in_force(database: Database, clock: SteppedClock) -> None:
    hash_ = revision(database, clock)
    submit(database, clock, hash_)
    with database.reading() as connection:
        waiting, none = store.open_(connection, "revision", "m"), store.current(connection, "revision", "m")
    decided = approve(database, clock, expected=hash_)

    with database.reading() as connection:
        in_force, nothing = store.current(connection, "revision", "m"), store.open_(connection, "revision", "m")
        all_approved = store.in_state(connection, "revision", "approved")

    assert waiting is not None
    assert (waiting.subject, waiting.submitted_by, waiting.submitted_at, none) == (hash_, "lan", clock.now(), None)
    assert in_force == decided
    assert (decided.state, decided.decided_by, nothing, all_approved) == ("approved", "minh", None, {"m": decided})
    assert entries(database) == [
        {"kind": "message.submit", "actor": "lan", "name": "m", "subject": hash_, "to": "submitted"},
        {"kind": "message.approve", "actor": "minh", "name": "m", "subject": hash_, "to": "approved"},
    ]


def test_the_submitter_may_not_approve(database: Database, clock: SteppedClock) -> None:
    submit(database, clock, revision(database, clock))

    with pytest.raises(NotAllowed, match="a second person must"):
        approve(database, clock, by="lan")


def disable(database: Database, clock: SteppedClock, name: str = "lan") -> None:
    with transaction(database, clock) as tx:
        tx.connection.execute(
            insert(table(User)).values(
                name=name, roles="author", password_hash="x", disabled=True, created_at=tx.now, must_change=False
            )
        )


def test_what_a_disabled_person_submitted_is_approved_only_when_another_submits_it_again(
    database: Database, clock: SteppedClock
) -> None:
    hash_ = revision(database, clock)
    submit(database, clock, hash_)
    disable(database, clock)

    with pytest.raises(Conflict, match="disabled since"):
        approve(database, clock)
    submit(database, clock, hash_, by="hoa")
    decided = approve(database, clock)

    assert (decided.submitted_by, decided.state) == ("hoa", "approved")


def test_what_somebody_approved_before_they_were_disabled_stays_in_force(
    database: Database, clock: SteppedClock
) -> None:
    submit(database, clock, revision(database, clock))
    approve(database, clock)
    disable(database, clock, "minh")

    with database.reading() as connection:
        in_force = store.current(connection, "revision", "m")

    assert in_force is not None


def test_an_editor_since_the_last_approval_may_not_approve(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        record_edit(tx, message_id="m", editor="minh")
        record_edit(tx, message_id="another", editor="hoa")
    clock.move_by(timedelta(minutes=1))
    submit(database, clock, revision(database, clock))

    with pytest.raises(NotAllowed, match="minh edited this"):
        approve(database, clock, by="minh")
    assert approve(database, clock, by="hoa").editors == ("minh",)


def test_an_edit_that_was_approved_since_binds_nobody(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        record_edit(tx, message_id="m", editor="minh")
    clock.move_by(timedelta(minutes=1))
    submit(database, clock, revision(database, clock))
    approve(database, clock, by="hoa")
    clock.move_by(timedelta(minutes=1))

    submit(database, clock, revision(database, clock, "Gọi ngay 111"))

    assert approve(database, clock, by="minh").editors == ()


def test_an_edit_between_submission_and_approval_counts_for_the_next_one(
    database: Database, clock: SteppedClock
) -> None:
    submit(database, clock, revision(database, clock))
    clock.move_by(timedelta(minutes=1))
    with transaction(database, clock) as tx:
        record_edit(tx, message_id="m", editor="minh")
    clock.move_by(timedelta(minutes=1))
    approve(database, clock, by="hoa")

    submit(database, clock, revision(database, clock, "Gọi ngay 111"))

    with pytest.raises(NotAllowed, match="minh edited this"):
        approve(database, clock, by="minh")


@pytest.mark.parametrize("decider", ["lan", "hoa"])
def test_the_database_itself_refuses_the_submitter_and_an_editor(
    database: Database, clock: SteppedClock, decider: str
) -> None:
    with transaction(database, clock) as tx:
        record_edit(tx, message_id="m", editor="hoa")
    clock.move_by(timedelta(minutes=1))
    submit(database, clock, revision(database, clock))

    with pytest.raises(DatabaseError), database.writing() as connection:
        connection.execute(update(table(Approval)).values(state="approved", decided_by=decider))


def test_an_office_of_one_person_approves_alone_and_the_ledger_says_so(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        record_edit(tx, message_id="m", editor="lan")
    clock.move_by(timedelta(minutes=1))
    submit(database, clock, revision(database, clock), two_person=False)

    decided = approve(database, clock, by="lan")

    assert (decided.state, decided.two_person) == ("approved", False)
    told = [(entry["kind"], entry.get("two_person")) for entry in entries(database)[1:]]
    assert told == [("settings.seen", False), ("message.submit", False), ("message.approve", False)]


def test_the_ledger_hears_of_the_office_s_rule_once_each_time_it_changes(
    database: Database, clock: SteppedClock
) -> None:
    said = []
    for number, two_person in enumerate([True, False, False, True, True]):
        with transaction(database, clock) as tx:
            store.note_rule(tx, two_person, by="lan")
            said += [(number, record.fields["two_person"]) for record in tx.records]

    assert said == [(1, False), (3, True)]


def test_the_rule_of_the_submission_holds_whatever_the_setting_is_later(
    database: Database, clock: SteppedClock
) -> None:
    submit(database, clock, revision(database, clock), two_person=True)

    with pytest.raises(DatabaseError, match="does not change"), database.writing() as connection:
        connection.execute(update(table(Approval)).values(two_person=False))


def test_approving_another_text_than_the_one_seen_is_refused(database: Database, clock: SteppedClock) -> None:
    seen = revision(database, clock)
    submit(database, clock, seen)
    submit(database, clock, revision(database, clock, "Gọi 112"), by="hoa")

    with pytest.raises(Conflict, match="not what you saw"):
        approve(database, clock, expected=seen)
    assert {state for _, state in states(database)} == {"submitted", "superseded"}


@pytest.mark.parametrize(("length", "accepted"), [(64, True), (12, True), (11, False)])
def test_a_hash_may_be_given_as_screens_show_it(
    database: Database, clock: SteppedClock, length: int, accepted: bool
) -> None:
    hash_ = revision(database, clock)
    submit(database, clock, hash_)

    if not accepted:
        with pytest.raises(Conflict):
            approve(database, clock, expected=hash_[:length])
        return
    assert approve(database, clock, expected=hash_[:length]).state == "approved"


def test_a_newer_submission_supersedes_the_older_and_leaves_the_approved_in_force(
    database: Database, clock: SteppedClock
) -> None:
    first, second, third = (revision(database, clock, words) for words in ("một", "hai", "ba"))
    submit(database, clock, first)
    approve(database, clock)
    submit(database, clock, second)
    submit(database, clock, third, by="hoa")

    assert states(database) == [(third[:4], "submitted"), (second[:4], "superseded"), (first[:4], "approved")]
    approve(database, clock)
    assert states(database) == [(third[:4], "approved"), (second[:4], "superseded"), (first[:4], "superseded")]


def test_submitting_the_same_again_is_refused_with_where_it_stands(database: Database, clock: SteppedClock) -> None:
    hash_ = revision(database, clock)
    submit(database, clock, hash_)

    with pytest.raises(Conflict, match="waits for approval"):
        submit(database, clock, hash_, by="hoa")
    approve(database, clock)
    with pytest.raises(Conflict, match="approved just so, by minh"):
        submit(database, clock, hash_)


def test_what_nobody_stored_cannot_be_submitted(database: Database, clock: SteppedClock) -> None:
    with pytest.raises(NotFound):
        submit(database, clock, "0" * 64)


def test_a_revision_changed_after_submission_is_not_approved(sqlite_database: Database, clock: SteppedClock) -> None:
    submit(sqlite_database, clock, revision(sqlite_database, clock))
    with sqlite_database.writing() as connection:
        connection.execute(text("DROP TRIGGER revision_no_update"))
        connection.execute(update(table(Revision)).values(canonical="Gọi 112".encode()))

    with pytest.raises(Conflict, match="changed in the database"):
        approve(sqlite_database, clock)


def test_a_rejection_needs_a_reason_and_keeps_it(database: Database, clock: SteppedClock) -> None:
    submit(database, clock, revision(database, clock))

    with pytest.raises(WrongUse, match="Give a reason"), transaction(database, clock) as tx:
        store.reject(tx, kind="revision", name="m", by="minh", reason="  ")
    with pytest.raises(WrongUse, match="telephone numbers"), transaction(database, clock) as tx:
        store.reject(tx, kind="revision", name="m", by="minh", reason="gọi 0912345678 để hỏi")
    with transaction(database, clock) as tx:
        decided = store.reject(tx, kind="revision", name="m", by="minh", reason="Thiếu  số\n111")

    assert (decided.state, decided.reason, decided.decided_by) == ("rejected", "Thiếu số 111", "minh")
    assert entries(database)[-1]["reason"] == "Thiếu số 111"
    with pytest.raises(Conflict, match="must be submitted first"):
        approve(database, clock)


def test_what_was_rejected_can_be_submitted_again(database: Database, clock: SteppedClock) -> None:
    hash_ = revision(database, clock)
    submit(database, clock, hash_)
    with transaction(database, clock) as tx:
        store.reject(tx, kind="revision", name="m", by="minh", reason="sai")

    submit(database, clock, hash_)

    assert states(database) == [(hash_[:4], "submitted"), (hash_[:4], "rejected")]


@pytest.mark.parametrize(("pending_only", "left"), [(False, []), (True, ["approved"])])
def test_withdrawing_takes_back_what_waits_and_what_is_in_force(
    database: Database, clock: SteppedClock, pending_only: bool, left: list[str]
) -> None:
    submit(database, clock, revision(database, clock, "một"))
    approve(database, clock)
    submit(database, clock, revision(database, clock, "hai"))

    with transaction(database, clock) as tx:
        ended = store.withdraw(tx, kind="revision", name="m", by="lan", reason="sai số", pending_only=pending_only)

    assert {one.state for one in ended} == {"withdrawn"}
    assert {(one.ended_by, one.reason) for one in ended} == {("lan", "sai số")}
    assert [state for _, state in states(database) if state != "withdrawn"] == left


def test_nothing_to_withdraw_is_said(database: Database, clock: SteppedClock) -> None:
    with pytest.raises(Conflict, match="nothing to withdraw"), transaction(database, clock) as tx:
        store.withdraw(tx, kind="plan", name="c", by="lan", reason="sai")


@pytest.mark.parametrize(("today", "expired"), [(date(2027, 8, 31), []), (date(2027, 9, 1), ["m"])])
def test_a_revision_expires_the_day_after_its_last_valid_day(
    database: Database, clock: SteppedClock, today: date, expired: list[str]
) -> None:
    submit(database, clock, revision(database, clock, until=date(2027, 8, 31)))
    approve(database, clock)

    with transaction(database, clock) as tx:
        found = store.expire_revisions(tx, today)

    assert found == expired
    assert [state for _, state in states(database)] == (["expired"] if expired else ["approved"])
    if expired:
        assert (entries(database)[-1]["kind"], entries(database)[-1]["actor"]) == ("message.expire", "scheduler")


@pytest.mark.parametrize("kind", ["plan", "broadcast"])
def test_a_plan_and_a_broadcast_are_decided_in_the_same_table(
    database: Database, clock: SteppedClock, kind: str
) -> None:
    with transaction(database, clock) as tx:
        store.submit(tx, kind=kind, name="x", subject="a" * 64, by="lan", two_person=True)
        store.approve(tx, kind=kind, name="x", by="minh", expected="a" * 64)
        store.submit(tx, kind=kind, name="x", subject="b" * 64, by="lan", two_person=True)
        store.expire(tx, kind=kind, name="x")

    with database.reading() as connection:
        assert [a.state for a in store.history(connection, kind, "x")] == ["expired", "expired"]
        assert store.history(connection, "revision", "x") == []
    assert len({entry["to"] for entry in entries(database)}) == 3


def test_another_kind_than_the_three_is_refused(database: Database, clock: SteppedClock) -> None:
    with pytest.raises(ValueError, match="poster"), transaction(database, clock) as tx:
        store.submit(tx, kind="poster", name="x", subject="a", by="lan")


def test_two_decisions_at_once_leave_one(database: Database, clock: SteppedClock) -> None:
    submit(database, clock, revision(database, clock))
    with database.reading() as connection:
        seen = store.open_(connection, "revision", "m")
    approve(database, clock)
    assert seen is not None

    with pytest.raises(Conflict, match="Somebody else decided"), transaction(database, clock) as tx:
        store._move(tx, seen, state="rejected", decided_by="hoa", reason="sai")


@pytest.mark.parametrize(
    ("by", "editors", "two_person", "allowed"),
    [
        ("lan", [], True, False),
        ("hoa", ["hoa"], True, False),
        ("minh", ["hoa"], True, True),
        ("lan", ["lan"], False, True),
    ],
)
def test_the_rule_of_two_people(by: str, editors: list[str], two_person: bool, allowed: bool) -> None:
    assert (why_not(by, submitted_by="lan", editors=editors, two_person=two_person) is None) == allowed


def test_every_state_of_every_kind_has_an_entry() -> None:
    assert set(ENTRY) == {(thing, state) for thing in Thing for state in MOVES}


@pytest.mark.parametrize("start", MOVES)
def test_the_database_makes_exactly_the_moves_of_the_table(database: Database, clock: SteppedClock, start: str) -> None:
    approval = table(Approval)
    for number, end in enumerate(set(MOVES) - {start}):
        with database.writing() as connection:
            connection.execute(
                insert(approval).values(kind="plan", name=f"x{number}", subject="s", state="submitted", submitted_by="lan",
                                        submitted_at=clock.now(), reason="r", two_person=True)
            )  # fmt: skip
            if start != "submitted":
                connection.execute(update(approval).where(approval.c.name == f"x{number}").values(state=start))
        try:
            with database.writing() as connection:
                connection.execute(update(approval).where(approval.c.name == f"x{number}").values(state=end))
            moved = True
        except DatabaseError:
            moved = False

        assert moved == (end in MOVES[start]), (start, end)
