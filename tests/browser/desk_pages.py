"""Every page the desk has, who looks at it and at which address: for axe, for the pictures, for whoever adds a page."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from broadcaster.access import session as sessions
from broadcaster.activity import link as activity_link
from broadcaster.activity import store as activities
from broadcaster.activity.activity import Activity
from broadcaster.activity.bulletin import week_of
from broadcaster.audience import upload
from broadcaster.channel import officer_link, opt_out_link
from broadcaster.clock import SystemClock
from broadcaster.config import Config, load
from broadcaster.db.engine import Database
from broadcaster.db.tables import Address, Contact, table
from broadcaster.duty import plea
from broadcaster.ledger.store import Transaction, transaction
from tests.activity.test_bulletin import make_bulletins
from tests.browser.desk_office import PEOPLE, ZONE, Office

HALF = "half"  # a sign-in whose second factor is still to come
NOBODY = ""
# The route as it is registered -> who looks, and at which address. `{name}` is filled from `fill_up`.
PAGES: dict[str, tuple[str, str]] = {
    "/": ("minh", "/"),
    "/login": (NOBODY, "/login"),
    "/login/code": (HALF, "/login/code"),
    "/login/factor": (HALF, "/login/factor"),
    "/login/password": ("lan", "/login/password"),
    "/me": ("lan", "/me"),
    "/me/keys": ("lan", "/me/keys"),
    "/stop": ("minh", "/stop"),
    "/approvals": ("minh", "/approvals"),
    "/approvals/leave": ("minh", "/approvals/leave"),
    "/approvals/{kind}/{name}": ("minh", "/approvals/revision/no-blame"),
    "/messages": ("lan", "/messages"),
    "/messages/new": ("lan", "/messages/new"),
    "/messages/{name}": ("lan", "/messages/hotline-111"),
    "/messages/{name}/edit": ("lan", "/messages/hotline-111/edit"),
    "/campaigns": ("hoa", "/campaigns"),
    "/campaigns/{id_}": ("hoa", "/campaigns/bien-gioi-2027"),
    "/campaigns/{id_}/plan": ("hoa", "/campaigns/bien-gioi-2027/plan"),
    "/campaigns/{id_}/edit": ("hoa", "/campaigns/he-2027/edit"),
    "/campaigns/{id_}/schedule": ("hoa", "/campaigns/he-2027/schedule"),
    "/campaigns/{id_}/schedule/{name}": ("hoa", "/campaigns/he-2027/schedule/hang-ngay"),
    "/campaign-new": ("hoa", "/campaign-new"),
    "/calendar": ("hoa", "/calendar"),
    "/send": ("hoa", "/send"),
    "/audience": ("hoa", "/audience"),
    "/audience/group": ("hoa", "/audience/group?name=bien-gioi&kind=phone"),
    "/audience/contacts/{id_}": ("hoa", "/audience/contacts/1"),
    "/audience/contacts/{id_}/answer": ("hoa", "/audience/contacts/1/answer?received=2026-11-20&days=15"),
    "/audience/answer": ("hoa", "/audience/answer"),
    "/audience/import": ("hoa", "/audience/import"),
    "/audience/import/{token}": ("hoa", "/audience/import/{list}"),
    "/dispatches": ("hoa", "/dispatches"),
    "/dispatches/doubt": ("hoa", "/dispatches/doubt"),
    "/dispatches/{id_}": ("hoa", "/dispatches/b-00000001"),
    "/dispatches/{id_}/correct": ("hoa", "/dispatches/b-00000001/correct"),
    "/lanes": ("hoa", "/lanes"),
    "/duty": ("hoa", "/duty"),
    "/bulletins": ("hoa", "/bulletins"),
    "/bulletins/list": ("hoa", "/bulletins/list"),
    "/bulletins/{id_}": ("hoa", "/bulletins/{bulletin}"),
    "/activity": ("lan", "/activity"),
    "/activity/board/{campaign}": ("lan", "/activity/board/bien-gioi-2027"),
    "/ledger": ("tam", "/ledger?kind=user.add"),
    "/ledger/entries/{seq}": ("tam", "/ledger/entries/3"),
    "/ledger/check": ("tam", "/ledger/check"),
    "/ledger/checkpoints": ("tam", "/ledger/checkpoints"),
    "/ledger/export": ("tam", "/ledger/export"),
    "/ledger/how": ("tam", "/ledger/how"),
    "/report": ("tam", "/report"),
    "/report/{campaign}": ("tam", "/report/bien-gioi-2027"),
    "/admin": ("quan", "/admin"),
    "/admin/settings": ("quan", "/admin/settings"),
    "/admin/users": ("quan", "/admin/users"),
    "/admin/users/{name}": ("quan", "/admin/users/lan"),
    "/admin/tokens": ("quan", "/admin/tokens"),
    "/admin/sessions": ("quan", "/admin/sessions"),
    "/public/{channel}/": (NOBODY, "/public/web/"),
    "/public/{channel}/{path:path}": (NOBODY, "/public/web/{public}"),
    "/m/{message}": (NOBODY, "/m/hotline-111?l={language}"),
    "/l/{token}": (NOBODY, "/l/{officer}?l={language}"),
    "/t/{token}": (NOBODY, "/t/{sheet}?l={language}"),
    "/a/{token}": (NOBODY, "/a/{activity}?l={language}"),
    "/o/{token}": (NOBODY, "/o/{opt_out}?l={language}"),
}
# Other looks of the same routes, and what a page is when there is trouble.
MORE: dict[str, tuple[str, str]] = {
    "approval-plan": ("minh", "/approvals/plan/he-2027"),
    "approval-broadcast": ("minh", "/approvals/broadcast/{ad_hoc}"),
    "dispatch": ("hoa", "/dispatches/d-0000000001"),
    "calendar-week": ("hoa", "/calendar?week=now"),
    "nothing-here": ("hoa", "/nowhere"),
    "not-allowed": ("lan", "/admin"),
    "opt-out-unknown": (NOBODY, "/o/wrong"),
    "officer-unknown": (NOBODY, "/l/wrong"),
    "activity-unknown": (NOBODY, "/a/wrong"),
    "set-up-is-over": (NOBODY, "/set-up/wrong"),
}
# GET addresses that are no page of the desk, and what they are instead.
NO_PAGES = {
    "/approvals/media/{revision}/{language}": "a recording",
    "/messages/{name}/audio/{language}": "a recording",
    "/messages/{name}/speech/{language}": "a voice",
    "/picture/{kind}/{language}/{name}": "a picture",
    "/campaigns/{id_}/plan.pdf": "a PDF",
    "/campaigns/{id_}/plan.ics": "a calendar file",
    "/audience/import/{token}/rejects": "a CSV",
    "/ledger/checkpoints/{size}": "a signed note",
    "/ledger/export/file": "an archive",
    "/today/live": "the stream of the page /",
    "/static/{name:path}": "styles, scripts, fonts",
    "/hooks/{adapter}/{channel}": "for providers",
    "/hooks/{adapter}/{channel}/{token}": "for providers",
    "/login/sign-on": "the way to the identity provider",
    "/login/sign-on/back": "the way back",
    "/api/v1": "for programs",
    "/set-up/{token}": "of an office without users: a test of its own",
}


def fill_up(office: Office) -> dict[str, str]:
    """What a page of each kind needs to have something on it, and the parts of addresses that follow from it."""
    config, clock = load(office.folder / "config.toml"), SystemClock()
    key = config.secret(config.office.key, where="office.key").reveal().encode()
    database = Database(config.database.url, folder=config.folder)
    due, today = clock.now() - timedelta(days=2), clock.now().astimezone(ZONE).date()
    with transaction(database, clock) as tx:
        numbers = make_bulletins(tx, "muong-lat", "pu-nhi", due=due)
        plea.receive(
            tx, channel="sms", digest=b"1" * 32, sender="+84912000001", text="cứu em với, em ở gần chợ", address=None,
            office_key=key,
        )  # fmt: skip
        talk = Activity(kind="communicator", day=today, commune="Pù Nhi", units=2, minutes=90, participants=45)
        activities.add(tx, [talk], by="lan", source="staff")
        found = {
            "bulletin": f"d-{numbers[0]:010d}",
            "officer": officer_link.bulletin_token(key, numbers[0]),
            "sheet": officer_link.sheet_token(key, "pu-nhi", week_of(due.astimezone(ZONE).date())),
            "activity": _activity_token(key, clock),
            "opt_out": _opt_out_token(tx, key),
        }
    database.close()
    return found | {"list": _kept_list(config, clock), "ad_hoc": _waiting(office)}


def cookie_of(office: Office, who: str) -> dict[str, Any]:
    """A sign-in without the form: forty pages for five people need not be typed in."""
    config = load(office.folder / "config.toml")
    with _opened(config) as database, transaction(database, SystemClock()) as tx:
        name = "tam" if who == HALF else who
        assert name in PEOPLE
        token = sessions.open_(tx, name=name, second=who != HALF)
    return {"name": "desk", "value": token, "domain": "127.0.0.1", "path": "/"}


@contextmanager
def _opened(config: Config) -> Iterator[Database]:
    database = Database(config.database.url, folder=config.folder)
    yield database
    database.close()


def _activity_token(key: bytes, clock: SystemClock) -> str:
    until = clock.now().astimezone(ZONE).date() + timedelta(days=30)
    return activity_link.token(key, activity_link.Opens(commune="Pù Nhi", campaign="", until=until))


def _opt_out_token(tx: Transaction, key: bytes) -> str:
    address, contact = table(Address), table(Contact)
    query = address.select().add_columns(contact.c.salt).join(contact, contact.c.id == address.c.contact_id)
    row = tx.connection.execute(query.where(address.c.kind == "phone").order_by(address.c.id)).first()
    assert row is not None
    return opt_out_link.token(key, row.id, row.salt)


def _kept_list(config: Config, clock: SystemClock) -> str:
    made = upload.keep(
        config.path("uploads"), "ab" * 16, "bà con.csv", io.BytesIO("Tên,Số ĐT\nAn,0912999001\n".encode()), by="hoa",
        now=clock.now(),
    )  # fmt: skip
    return made.token


def _waiting(office: Office) -> str:
    return str(office.type("broadcast", "list", "--state", "submitted", "--json")[0]["id"])
