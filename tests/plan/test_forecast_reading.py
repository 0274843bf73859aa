"""What the planner is told, against what the sender will do."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from broadcaster.approval import store as approvals
from broadcaster.clock import SteppedClock
from broadcaster.config import Config
from broadcaster.content import render
from broadcaster.content.files import Library, load
from broadcaster.content.store import refresh_facts, save
from broadcaster.db.engine import Database
from broadcaster.db.tables import Address, Contact, Dispatch, Group, Member, Suppression, table
from broadcaster.dispatch import broadcast
from broadcaster.ledger.store import transaction
from broadcaster.plan.planner import Reach, Said
from broadcaster.plan.reading import read_messages, read_reach, read_ways, survey
from broadcaster.schedule import store
from broadcaster.schedule.files import roads
from tests.content.library import FACTS, write
from tests.plan.campaign_builders import make_people, make_spec, rows, tick

CONFIG = Config(
    channels={
        "sms": {"adapter": "memory", "rate": "10/s", "price": {"amount": "830"}, "forms": ["sms"]},
        "mail": {"adapter": "memory", "address": "email", "forms": ["text"]},
        "web": {"adapter": "memory", "unit": "public", "address": "public", "forms": ["text"], "languages": ["vi"]},
        "broken": {"adapter": "nothing-like-this"},
    }
)


def add_person(database: Database, clock: SteppedClock, **values: Any) -> None:
    """One more member of the group "border"; `phone`, `email` and `suppressed` say how it can be reached."""
    phone, email, suppressed = (values.pop(key, None) for key in ("phone", "email", "suppressed"))
    plain = {"name": "", "language": "vi", "commune": "", "consent_source": "phiếu", "consent_date": date(2027, 1, 1)}
    with database.writing() as connection:
        groups = store.group_ids(connection, ["border"])
        if not groups:
            connection.execute(insert(table(Group)).values(name="border", created_at=clock.now()))
            groups = store.group_ids(connection, ["border"])
        person = insert(table(Contact)).values(**{**plain, **values}, created_at=clock.now())
        contact = connection.execute(person.returning(table(Contact).c.id)).scalar_one()
        for kind, value in (("phone", phone), ("email", email)):
            if value:
                key = value.encode()
                connection.execute(insert(table(Address)).values(contact_id=contact, kind=kind, value=value, key=key))
        if suppressed:
            withdrawn = {
                "key": suppressed.encode(),
                "kind": "phone",
                "reason": "opt_out",
                "source": "",
                "at": clock.now(),
            }
            connection.execute(insert(table(Suppression)).values(withdrawn))
        connection.execute(insert(table(Member)).values(group_id=groups["border"], contact_id=contact))


def mixed_people(database: Database, clock: SteppedClock) -> None:
    add_person(database, clock, phone="+84900000001")
    add_person(database, clock, phone="+84900000002", email="a@example.vn", language="en")
    add_person(database, clock, email="b@example.vn")
    add_person(database, clock, phone="+84900000003", suppressed="+84900000003")
    add_person(database, clock, phone="+84900000004", consent_source="")
    add_person(database, clock)


def library_of(tmp_path: Path) -> Library:
    return load(write(tmp_path))


def put_in_force(database: Database, clock: SteppedClock, library: Library) -> str:
    """Approve hotline-111 as it stands in the folder."""
    snapshot = render.snapshot(library.items["hotline-111"], library.facts)
    with transaction(database, clock) as tx:
        refresh_facts(tx, library.folder / "facts.toml")
        save(tx, snapshot)
        approvals.submit(tx, kind="revision", name="hotline-111", subject=snapshot.hash, by="lan")
        approvals.approve(tx, kind="revision", name="hotline-111", by="minh")
    return snapshot.hash


def messages(database: Database, library: Library) -> dict[str, Said]:
    with database.reading() as connection:
        return read_messages(connection, library, make_spec(), CONFIG, today=date(2027, 7, 1))


def test_channels_are_read_with_their_own_traits_rate_and_price() -> None:
    found = read_ways(CONFIG)

    assert sorted(found) == ["mail", "sms", "web"]
    assert (found["sms"].rate, found["sms"].price, found["sms"].currency) == (10.0, 830_000_000, "VND")
    assert (found["web"].traits.unit, found["web"].languages, found["web"].price) == ("public", ("vi",), None)
    assert found["mail"].traits.address == "email"


def test_a_chain_reaches_each_person_once_and_says_who_is_left_out(database: Database, clock: SteppedClock) -> None:
    mixed_people(database, clock)
    ways = read_ways(CONFIG)

    with database.reading() as connection:
        found = read_reach(connection, "border", [ways["sms"], ways["mail"]], make_spec())
        trusting = read_reach(connection, "border", [ways["sms"]], make_spec(require_consent=False))

    assert found == {
        "sms": Reach(by_language={"vi": 1, "en": 1}, opted_out=1, no_consent=1),
        "mail": Reach(by_language={"vi": 1}),
    }
    assert trusting == {"sms": Reach(by_language={"vi": 2, "en": 1}, opted_out=1)}


def test_the_forecast_counts_as_the_sender_expands(database: Database, clock: SteppedClock, tmp_path: Path) -> None:
    mixed_people(database, clock)
    library = library_of(tmp_path)
    put_in_force(database, clock, library)
    (daily,) = make_spec().schedules
    spec = make_spec(schedules=(replace_channels(daily),))
    with transaction(database, clock) as tx:
        store.submit(tx, spec, senders={}, by="lan")
        store.approve(tx, "camp", by="minh")
    tick(database, clock)
    with transaction(database, clock) as tx:
        first = rows(database)[0]
        assert broadcast.start(tx, first, roads(CONFIG)) == ""
        while broadcast.expand_chunk(tx, first.id, roads(CONFIG)):
            pass

    with database.reading() as connection:
        dispatch = table(Dispatch)
        planned = connection.execute(select(dispatch.c.channel).where(dispatch.c.state == "planned")).scalars().all()
        ground = survey(connection, CONFIG, library, spec, now=clock.now())
    reach = ground.reach["border", ("sms", "mail")]
    assert {name: sum(one.by_language.values()) for name, one in reach.items()} == {
        name: list(planned).count(name) for name in ("sms", "mail")
    }


def replace_channels(schedule: Any) -> Any:
    return replace(schedule, channels=(("sms", "mail"),), language="contact")


def test_a_message_is_read_as_its_file_stands_until_it_is_approved(
    database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    library = library_of(tmp_path)
    before = messages(database, library)["hotline-111"]
    put_in_force(database, clock, library)
    path = tmp_path / "content/hotline/hotline-111.md"
    path.write_text(path.read_text(encoding="utf-8").replace("miễn phí", "không mất tiền"), encoding="utf-8")

    after = messages(database, load(tmp_path / "content"))["hotline-111"]

    assert (before.notes, after.notes) == (("not approved yet",), ())
    assert before.texts == after.texts
    assert after.texts["vi"]["sms"] == "Gọi 111 (miễn phí)."
    assert after.titles == {"vi": "Gọi 111", "en": "Call 111"}
    assert after.facts == {"hotline": date(2027, 12, 31), "law": date(2028, 12, 31)}


def test_an_approved_message_whose_fact_moved_is_told_as_held(
    database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    put_in_force(database, clock, library_of(tmp_path))

    write(tmp_path, facts=FACTS.replace('value = "111"', 'value = "112"'))

    assert messages(database, load(tmp_path / "content"))["hotline-111"].notes == ("held: fact hotline has changed",)


def test_a_file_with_a_fault_is_told_and_a_missing_one_is_missing(database: Database, tmp_path: Path) -> None:
    library = load(write(tmp_path, body="## vi sms\nGọi {{ fact.unknown }}.\n"))

    found = messages(database, library)

    assert sorted(found) == ["hotline-111"]
    assert "its file has a fault" in found["hotline-111"].notes[0]


def test_a_personal_link_is_counted_at_its_length(database: Database, tmp_path: Path) -> None:
    library = load(write(tmp_path, body="## vi sms\nGọi 111. {{ opt_out }}\n"))

    text = messages(database, library)["hotline-111"].texts["vi"]["sms"]

    assert "{{" not in text
    assert len(text) > 30


def test_groups_with_a_member_in_common_are_told(database: Database, clock: SteppedClock, tmp_path: Path) -> None:
    for name in ("border", "school", "market"):
        make_people(database, name, 2, clock.now())
    with database.writing() as connection:
        school = store.group_ids(connection, ["school"])["school"]
        connection.execute(insert(table(Member)).values(group_id=school, contact_id=1))
    (daily,) = make_spec().schedules
    spec = make_spec(schedules=tuple(with_group(daily, name) for name in ("border", "school", "market", "nobody")))

    with database.reading() as connection:
        ground = survey(connection, CONFIG, library_of(tmp_path), spec, now=clock.now())

    assert ground.shared == {frozenset({"border", "school"})}
    assert ground.groups == {"border": 2, "school": 3, "market": 2}
    assert ground.plan_hash == ""


def with_group(schedule: Any, name: str) -> Any:
    return replace(schedule, id=name, group=name)


def test_the_plan_in_force_decides_what_is_picked_at_random(
    database: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    make_people(database, "border", 40, clock.now())
    library = library_of(tmp_path)
    with transaction(database, clock) as tx:
        store.submit(tx, make_spec(), senders={"sms": "VP"}, by="lan")
        document = store.approve(tx, "camp", by="minh")
    make_people(database, "border", 1, clock.now())

    with database.reading() as connection:
        same = survey(connection, CONFIG, library, make_spec(), now=clock.now())
        edited = survey(connection, CONFIG, library, make_spec(title="Khác"), now=clock.now())

    assert same.plan_hash == document.hash
    assert edited.plan_hash not in ("", document.hash)


@pytest.mark.parametrize("erased", [True, False])
def test_an_erased_address_is_nobody_s(database: Database, clock: SteppedClock, erased: bool) -> None:
    add_person(database, clock, phone="+84900000001")
    if erased:
        with database.writing() as connection:
            connection.execute(update(table(Address)).values(value=None))

    with database.reading() as connection:
        found = read_reach(connection, "border", [read_ways(CONFIG)["sms"]], make_spec())

    assert found["sms"].by_language == ({} if erased else {"vi": 1})
