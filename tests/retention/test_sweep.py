"""Personal data that was kept long enough goes; everything that counts stays, and the ledger still verifies."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from broadcaster import config as settings
from broadcaster.access import hold
from broadcaster.audience import store as audience
from broadcaster.clock import SteppedClock
from broadcaster.config import Retention
from broadcaster.db.engine import Database
from broadcaster.db.tables import ActivityRow, Address, Broadcast, Contact, Dispatch, Member, Suppression, table
from broadcaster.errors import Conflict, NotFound, StorageFull
from broadcaster.ledger import store as ledger
from broadcaster.ledger.entry import decode
from broadcaster.ledger.store import transaction
from broadcaster.ledger.verify import audit
from broadcaster.retention.rule import back, cut
from broadcaster.retention.sweep import due, sweep
from tests.builders import make_ground

ACTIVITY, ADDRESS, BROADCAST, CONTACT, DISPATCH = map(
    table, (ActivityRow, Address, Broadcast, Contact, Dispatch)
)  # fmt: skip
MEMBER, SUPPRESSION = table(Member), table(Suppression)
YEAR = timedelta(days=365)


def office(folder: Path, **rules: Any) -> settings.Config:
    found = settings.Config(retention=Retention(**rules))
    found.folder = folder
    return found


@pytest.fixture
def past(database: Database, clock: SteppedClock) -> int:
    """A finished broadcast of a campaign to four contacts, of which two got something; then three years go by."""
    with transaction(database, clock) as tx:
        broadcast = make_ground(tx, 4)
        addresses = tx.connection.scalars(select(ADDRESS.c.id).order_by(ADDRESS.c.id)).all()
        row = {"broadcast_id": broadcast, "channel": "sms", "language": "vi", "edition": ""}
        for address in addresses[:2]:
            tx.connection.execute(insert(DISPATCH).values(**row, address_id=address, state="planned", sent_at=tx.now))
        tx.connection.execute(update(BROADCAST).values(state="done", campaign_id="mbn"))
        tx.connection.execute(update(CONTACT).values(consent_date=date(2027, 1, 1), consent_source="giấy"))
    clock.move_by(3 * YEAR)
    return broadcast


def left(database: Database) -> list[int]:
    with database.reading() as connection:
        return list(
            connection.scalars(select(CONTACT.c.id).where(CONTACT.c.erased_at.is_(None)).order_by(CONTACT.c.id))
        )


def entries(database: Database) -> list[dict[str, Any]]:
    with database.reading() as connection:
        return [decode(raw) for raw in ledger.raws(connection)]


def test_who_was_idle_long_enough_is_erased_and_the_ledger_counts_them_and_verifies(
    database: Database, clock: SteppedClock, tmp_path: Path, past: int
) -> None:
    found = sweep(office(tmp_path), database, clock, actor="scheduler")

    with database.reading() as connection:
        values = connection.scalars(select(ADDRESS.c.value)).all()
        salts = connection.scalars(select(CONTACT.c.salt)).all()
        members = connection.scalar(select(func.count()).select_from(MEMBER))
        sound = audit(ledger.raws(connection), {})
    (said,) = [one for one in entries(database) if one["kind"] == "retention.erase"]
    assert (found.contacts, found.held, left(database)) == (4, 0, [])
    assert {*values, *salts} == {None}
    assert members == 0
    assert {name: said[name] for name in ("what", "n", "addresses", "months")} == {
        "what": "contacts", "n": 4, "addresses": 4, "months": 24,
    }  # fmt: skip
    assert "contact" not in said
    assert [one for one in sound["faults"] if "retention" in one] == []


def test_a_dry_run_counts_and_changes_nothing(
    database: Database, clock: SteppedClock, tmp_path: Path, past: int
) -> None:
    with database.reading() as connection:
        found = due(connection, office(tmp_path), clock)

    assert found.contacts == 4
    assert len(left(database)) == 4


def test_who_may_come_again_is_not_suppressed_and_who_refused_stays_suppressed(
    database: Database, clock: SteppedClock, tmp_path: Path, past: int
) -> None:
    with transaction(database, clock) as tx:
        key = tx.connection.scalars(select(ADDRESS.c.key).order_by(ADDRESS.c.id)).first()
        assert key
        audience.suppress(tx, key, "phone", reason="opt_out", source="sms", actor="x")

    sweep(office(tmp_path), database, clock, actor="scheduler")

    with database.reading() as connection:
        kept = {bytes(row.key): row.reason for row in connection.execute(select(SUPPRESSION))}
    assert kept == {key: "opt_out", audience.ERASED_KEY: "erased"}


KEPT = {
    "written to since": lambda tx, now: tx.connection.execute(
        update(DISPATCH).where(DISPATCH.c.address_id == 1).values(sent_at=now - YEAR)
    ),
    "entered since": lambda tx, now: tx.connection.execute(
        update(CONTACT).where(CONTACT.c.id == 1).values(created_at=now - YEAR)
    ),
    "consented since": lambda tx, now: tx.connection.execute(
        update(CONTACT).where(CONTACT.c.id == 1).values(consent_date=(now - YEAR).date())
    ),
}


@pytest.mark.parametrize("why", KEPT)
def test_who_was_seen_since_is_kept(
    database: Database, clock: SteppedClock, tmp_path: Path, past: int, why: str
) -> None:
    with transaction(database, clock) as tx:
        KEPT[why](tx, tx.now)

    found = sweep(office(tmp_path), database, clock, actor="scheduler")

    assert (found.contacts, left(database)) == (3, [1])


def test_a_group_that_something_still_goes_to_is_kept(
    database: Database, clock: SteppedClock, tmp_path: Path, past: int
) -> None:
    with transaction(database, clock) as tx:
        tx.connection.execute(update(BROADCAST).values(state="planned"))

    found = sweep(office(tmp_path), database, clock, actor="scheduler")

    assert (found.contacts, len(left(database))) == (0, 4)


def test_a_hold_keeps_whoever_the_campaign_wrote_to_until_two_people_lift_it(
    database: Database, clock: SteppedClock, tmp_path: Path, past: int
) -> None:
    with transaction(database, clock) as tx:
        hold.set_(tx, "mbn", reason="thanh tra", by="lan")
    held = sweep(office(tmp_path), database, clock, actor="scheduler")
    before = left(database)
    with pytest.raises(Conflict, match="legal hold"), transaction(database, clock) as tx:
        audience.erase(tx, 1, actor="lan")
    with transaction(database, clock) as tx:
        hold.lift(tx, "mbn", asked_by="lan", signed_by="minh")

    after = sweep(office(tmp_path), database, clock, actor="scheduler")

    assert (held.contacts, held.held, before) == (2, 2, [1, 2])
    assert (after.contacts, after.held, left(database)) == (2, 0, [])


def test_zero_months_keep_for_good(database: Database, clock: SteppedClock, tmp_path: Path, past: int) -> None:
    found = sweep(office(tmp_path, contacts_months=0, attachments_months=0), database, clock, actor="scheduler")

    assert (found.contacts, len(left(database))) == (0, 4)


def enter(tx: Any, attachment: str, campaign: str = "") -> None:
    tx.connection.execute(
        insert(ACTIVITY).values(
            kind="training", day=date(2027, 7, 1), by="lan", source="form", at=tx.now, attachment=attachment,
            campaign_id=campaign, commune="", units=1, minutes=0, participants=0, at_risk="{}", note="", void=False,
        )
    )  # fmt: skip


def test_old_files_go_and_newer_or_held_ones_stay(database: Database, clock: SteppedClock, tmp_path: Path) -> None:
    folder = tmp_path / "attachments"
    folder.mkdir()
    with transaction(database, clock) as tx:
        for digest, campaign in (("a" * 64, ""), ("b" * 64, "mbn"), ("c" * 64, "")):
            (folder / f"{digest}.jpg").write_bytes(b"x")
            enter(tx, digest, campaign)
        hold.set_(tx, "mbn", reason="thanh tra", by="lan")
    clock.move_by(3 * YEAR)
    with transaction(database, clock) as tx:
        enter(tx, "c" * 64)

    first, second = (sweep(office(tmp_path), database, clock, actor="scheduler") for _ in range(2))

    assert (first.attachments, second.attachments) == (1, 0)
    assert sorted(path.stem[0] for path in folder.iterdir()) == ["b", "c"]
    assert [one["n"] for one in entries(database) if one["kind"] == "retention.erase"] == [1]


def test_no_file_goes_before_the_ledger_says_so(
    database: Database, clock: SteppedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "attachments"
    folder.mkdir()
    (folder / f"{'a' * 64}.jpg").write_bytes(b"x")
    with transaction(database, clock) as tx:
        enter(tx, "a" * 64)
    clock.move_by(3 * YEAR)

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "append", full)
        with pytest.raises(StorageFull):
            sweep(office(tmp_path), database, clock, actor="scheduler")
    kept = len(list(folder.iterdir()))
    found = sweep(office(tmp_path), database, clock, actor="scheduler")

    assert (kept, found.attachments, list(folder.iterdir())) == (1, 1, [])


def full(_tx: Any) -> None:
    raise StorageFull("the disk is full")


def test_a_hold_is_lifted_once_and_never_changed(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        hold.set_(tx, "mbn", reason="thanh tra", by="lan")
    with pytest.raises(Conflict, match="under a hold already"), transaction(database, clock) as tx:
        hold.set_(tx, "mbn", reason="khác", by="lan")
    with pytest.raises(Exception, match="only lifted"), database.writing() as connection:
        connection.execute(update(hold.HOLD).values(reason="khác"))

    with transaction(database, clock) as tx:
        hold.lift(tx, "mbn", asked_by="lan", signed_by="minh")

    with pytest.raises(NotFound, match="under no hold"), transaction(database, clock) as tx:
        hold.lift(tx, "mbn", asked_by="lan", signed_by="minh")


@pytest.mark.parametrize(
    ("now", "months", "then"),
    [("2027-07-15", 24, "2025-07-15"), ("2027-03-31", 1, "2027-02-28"), ("2028-03-30", 1, "2028-02-29"),
     ("2027-01-31", 2, "2026-11-30"), ("2027-12-01", 12, "2026-12-01")],
)  # fmt: skip
def test_months_are_counted_back_to_a_day_there_is(now: str, months: int, then: str) -> None:
    found = back(datetime.fromisoformat(now).replace(tzinfo=UTC), months)

    assert found.date().isoformat() == then


def test_no_time_given_is_no_cut() -> None:
    assert cut(datetime(2027, 7, 1, tzinfo=UTC), contacts_months=0, attachments_months=0).contacts is None
