"""Figures by area add up to the campaign's own total, whatever is known of the places."""

from __future__ import annotations

from report_builders import make_broadcast, make_campaign
from sqlalchemy import insert

from broadcaster.activity.activity import Activity
from broadcaster.activity.place import Named
from broadcaster.clock import SteppedClock
from broadcaster.db.engine import Database
from broadcaster.db.tables import Address, Contact, Dispatch, table
from broadcaster.ledger.store import Transaction, transaction
from broadcaster.report import store
from broadcaster.report.area import PUBLIC, UNKNOWN, Area, areas, works

PLACES = (Named(name="Tân Thanh", province="Lạng Sơn"), Named(name="Pù Nhi", province="Thanh Hóa"))


def reach(tx: Transaction, broadcast: int, commune: str | None) -> None:
    """One dispatch to somebody of the commune; None: to a public address."""
    contact = None
    if commune is not None:
        row = insert(table(Contact)).values(name="", language="", commune=commune, consent_source="", created_at=tx.now)
        contact = tx.connection.execute(row).inserted_primary_key[0]  # type: ignore[index]
    address = insert(table(Address)).values(contact_id=contact, kind="phone", value=None, key=b"k")
    number = tx.connection.execute(address).inserted_primary_key[0]  # type: ignore[index]
    values = {"broadcast_id": broadcast, "channel": "sms", "address_id": number, "edition": "", "language": "vi",
              "attempts": 0, "state": "planned"}  # fmt: skip
    tx.connection.execute(insert(table(Dispatch)).values(values))


def counted(database: Database, clock: SteppedClock) -> list[Area]:
    with database.reading() as connection:
        figures = store.read(connection, "mbn", adapters={}, now=clock.now())
        assert figures is not None
        return areas(store.by_commune(connection, "mbn"), PLACES, figures)


def test_communes_stand_below_their_province_and_the_sum_is_the_total(database: Database, clock: SteppedClock) -> None:
    with transaction(database, clock) as tx:
        make_campaign(tx)
        number = make_broadcast(tx, {"sms": {"planned": 6}})
        make_broadcast(tx, {"sms": {"expired": 9}}, local="2027-07-02T08:00")  # never had recipients by name
        for commune in ("Tân Thanh", "Tân Thanh", "Pù Nhi", "Đâu Đó", ""):
            reach(tx, number, commune)
        reach(tx, number, None)

    found = counted(database, clock)

    assert [(one.province, one.name, one.count.planned) for one in found] == [
        ("Lạng Sơn", "Tân Thanh", 2), ("Thanh Hóa", "Pù Nhi", 1), ("", "Đâu Đó", 1), ("", PUBLIC, 1), ("", UNKNOWN, 10),
    ]  # fmt: skip
    assert sum(one.count.planned for one in found) == 15


def test_work_of_a_commune_is_what_it_entered_and_the_bulletins_it_confirmed(clock: SteppedClock) -> None:
    day = clock.now().date()
    done = [
        Activity(kind="training", day=day, commune="Pù Nhi", minutes=90, participants=40),
        Activity(kind="loudspeaker", day=day, commune="Pù Nhi", units=4, minutes=8),
        Activity(kind="leaflet", day=day, units=500),
    ]

    found = works(done, {"Pù Nhi": (3, 90), "Tân Thanh": (1, 30)}, PLACES)

    assert [(one.name, one.times, one.plays, one.minutes, one.participants) for one in found] == [
        ("Tân Thanh", 0, 1, 0, 0), ("Pù Nhi", 2, 7, 100, 40), (UNKNOWN, 1, 0, 0, 0),
    ]  # fmt: skip
