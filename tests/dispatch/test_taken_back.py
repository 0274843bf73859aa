"""A message is withdrawn after a newer text of it was approved: what goes out under the older text stops too."""

from __future__ import annotations

import hashlib
import io
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from broadcaster.activity import attachment
from broadcaster.approval import store as approvals
from broadcaster.channel.base import Accepted, Refused
from broadcaster.clock import SteppedClock
from broadcaster.content.render import Snapshot
from broadcaster.content.store import save
from broadcaster.db.engine import Database
from broadcaster.dispatch import correction
from broadcaster.errors import WrongUse
from broadcaster.ledger.store import Transaction, transaction
from tests.dispatch.test_lane import Phone, begin, drive, ledger, states

pytestmark = pytest.mark.anyio


def approve_newer(database: Database, clock: SteppedClock, *, decide: bool = True) -> str:
    """A second text of the message that is going out; its name."""
    with transaction(database, clock) as tx:
        return approve_newer_in(tx, decide=decide)


def approve_newer_in(tx: Transaction, *, decide: bool = True) -> str:
    name = str(tx.connection.scalar(text("SELECT name FROM approval WHERE kind = 'revision'")))
    approve_text(tx, name, b"Another text", decide=decide)
    return name


def approve_text(tx: Transaction, name: str, raw: bytes, *, decide: bool = True) -> str:
    """A text of a message, approved; its hash."""
    hash_ = hashlib.sha256(raw).hexdigest()
    save(tx, Snapshot(hash=hash_, canonical=raw, message_id=name, category="hotline", facts={}, valid_until=None))
    approvals.submit(tx, kind="revision", name=name, subject=hash_, by="lan")
    if decide:
        approvals.approve(tx, kind="revision", name=name, by="minh")
    return hash_


def another_broadcast(tx: Transaction, *, like: int) -> None:
    """One of another message, whose text is approved now."""
    hash_ = approve_text(tx, "other-message", b"A text of another message")
    row = dict(tx.connection.execute(text("SELECT * FROM broadcast WHERE id = :b"), {"b": like}).mappings().one())
    row |= {"id": like + 1, "message_id": "other-message", "revision_hash": hash_, "local": "2027-07-02T08:00"}
    columns = ", ".join(row)
    tx.connection.execute(text(f"INSERT INTO broadcast ({columns}) VALUES (:{', :'.join(row)})"), row)


async def test_a_withdrawal_stops_what_goes_out_under_an_older_text(database: Database, clock: SteppedClock) -> None:
    number = begin(database, clock, 3)
    name = approve_newer(database, clock)
    with transaction(database, clock) as tx:
        approvals.withdraw(tx, kind="revision", name=name, by="minh", reason="sai cả hai bản")
    phone = Phone()

    await drive(database, clock, phone, span=timedelta(minutes=1))

    assert phone.book == []
    assert states(database, number) == {"planned": 3}
    assert [entry["reason"] for entry in ledger(database, "broadcast.hold")] == ["not_approved"]


async def test_a_withdrawal_counts_though_texts_of_other_messages_were_approved_and_sent_since(
    database: Database, clock: SteppedClock
) -> None:
    number = begin(database, clock, 3)
    with transaction(database, clock) as tx:
        approvals.withdraw(tx, kind="revision", name=approve_newer_in(tx), by="minh", reason="sai cả hai bản")
        another_broadcast(tx, like=number)
    phone = Phone()

    await drive(database, clock, phone, span=timedelta(minutes=1))

    assert phone.book == []
    assert states(database, number) == {"planned": 3}


@pytest.mark.parametrize("decide", [True, False])
async def test_a_newer_text_or_taking_back_one_that_only_waits_stops_nothing(
    database: Database, clock: SteppedClock, decide: bool
) -> None:
    number = begin(database, clock, 3)
    name = approve_newer(database, clock, decide=decide)
    if not decide:
        with transaction(database, clock) as tx:
            approvals.withdraw(tx, kind="revision", name=name, by="lan", reason="viết lại", pending_only=True)

    await drive(database, clock, Phone(), span=timedelta(minutes=1))

    assert states(database, number) == {"accepted": 3}


async def test_whoever_was_put_into_a_corrections_group_by_hand_does_not_get_it(
    database: Database, clock: SteppedClock
) -> None:
    number = begin(database, clock, 3)
    await drive(
        database, clock, Phone(lambda o: Refused("blocked") if o.to == "+84900000001" else Accepted(provider_id=o.key))
    )
    with transaction(database, clock) as tx:
        group, _ = correction.gather_chunk(tx, number, "sms")
        tx.connection.execute(text("INSERT INTO member (group_id, contact_id) VALUES (:g, 2)"), {"g": group})

    with transaction(database, clock) as tx:
        correction.gather_chunk(tx, number, "sms")

    with database.reading() as connection:
        members = connection.execute(text("SELECT contact_id FROM member WHERE group_id = :g"), {"g": group}).scalars()
        assert sorted(members) == [1, 3]


@pytest.mark.parametrize(("format", "side", "fits"), [("PNG", 6000, False), ("JPEG", 6000, True), ("PNG", 5000, True)])
def test_a_small_file_that_unfolds_to_a_huge_picture_is_refused(
    tmp_path: Path, format: str, side: int, fits: bool
) -> None:
    from PIL import Image

    raw = io.BytesIO()
    Image.new("1" if format == "PNG" else "L", (side, side)).save(raw, format=format)
    path = tmp_path / "anh"
    path.write_bytes(raw.getvalue())

    if fits:
        assert attachment.keep(tmp_path / "kept", path)
        return
    with pytest.raises(WrongUse, match="30 million pixels"):
        attachment.keep(tmp_path / "kept", path)
