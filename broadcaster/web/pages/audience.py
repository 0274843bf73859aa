"""The audience: lists brought in step by step, groups, one contact; opting out, erasing; the answer to a complaint."""

from __future__ import annotations

import secrets
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi.responses import Response
from sqlalchemy import select

from broadcaster.access.user import Act
from broadcaster.audience import importing, store, upload
from broadcaster.audience.contact import (
    COLUMNS,
    KINDS,
    Usual,
    group_name,
    read_address,
    read_date,
    read_text,
)
from broadcaster.channel.address import mask, suppression_key
from broadcaster.errors import NotFound, WrongUse
from broadcaster.schedule.store import group_sizes
from broadcaster.web import complaint
from broadcaster.web.desk import Menu, Visit
from broadcaster.web.door import Here, Look, Pages

pages = Pages()
MENU = [Menu(path="/audience", label="Danh bạ", order=50)]
PAGE = 50  # contacts on one page
GROUPS = 200  # in one list
DAYS_MOST = 365  # of a term for an answer
COLUMN_WORDS = {
    "name": "Họ tên", "phone": "Số điện thoại", "email": "Thư điện tử", "zalo": "Zalo", "telegram": "Telegram",
    "loudspeaker": "Đài truyền thanh", "language": "Ngôn ngữ", "commune": "Xã, phường",
    "consent_source": "Nguồn đồng ý", "consent_date": "Ngày đồng ý",
}  # fmt: skip
REASONS = {
    "opt_out": "Không muốn nhận nữa",
    "complaint": "Khiếu nại",
    "wrong_person": "Nhầm người",
    "number_changed": "Đã đổi số",
}
REFUSED = {
    **REASONS,
    "provider": "Nhà cung cấp báo đã từ chối",
    "erased": "Đã xóa theo yêu cầu",
}
SOURCES = {"desk": "cán bộ ghi tại bàn làm việc", "link": "tự bấm đường dẫn từ chối", "erase": "khi xóa dữ liệu"}


@pages.get("/audience", act=Look.SIGNED_IN)
def listing(visit: Here) -> Response:
    with visit.read() as connection:
        names = connection.scalars(select(store.GROUP.c.name).order_by(store.GROUP.c.name).limit(GROUPS)).all()
        sizes = group_sizes(connection, names)
    return visit.page(
        "audience.html", groups=[(name, sizes.get(name, 0)) for name in names], reasons=_said(visit, REASONS),
        may_import=visit.may(Act.AUDIENCE_IMPORT), may_group=visit.may(Act.AUDIENCE_GROUP),
        may_opt_out=visit.may(Act.AUDIENCE_OPT_OUT),
    )  # fmt: skip


@pages.post("/audience/groups", act=Act.AUDIENCE_GROUP, form=listing)
def add_group(visit: Here) -> Response:
    name = group_name(visit.form.text("name"))
    with visit.write() as tx:
        store.add_group(tx, name, actor=visit.name)
    return visit.go(f"/audience/group?name={quote(name)}", visit.say("Đã có nhóm {name}.", name=name))


@pages.get("/audience/group", act=Look.SIGNED_IN)
def group(visit: Here) -> Response:
    """Members, masked, in pages; how many of them one kind of address reaches, when asked."""
    asked = visit.request.query_params
    name, kind, after = asked.get("name", ""), asked.get("kind", ""), asked.get("after", "0")
    at = int(after) if after.isdecimal() and len(after) < 12 else 0
    need = visit.config.defaults.require_consent
    with visit.read() as connection:
        number = store.group_id(connection, name)
        size = group_sizes(connection, [name]).get(name, 0)
        rows = list(store.listing(connection, group=number, after=at, limit=PAGE + 1))
        count = store.headcount(connection, number, kind, require_consent=need) if kind in KINDS else None
    return visit.page(
        "audience_group.html", name=name, size=size, rows=rows[:PAGE], more=rows[PAGE - 1]["id"] if len(rows) > PAGE else "",
        count=count, kind=kind, kinds={one: visit.say(COLUMN_WORDS[one]) for one in KINDS}, first=at == 0,
        may_import=visit.may(Act.AUDIENCE_IMPORT),
    )  # fmt: skip


# -- one contact ------------------------------------------------------------------------------------------------------


@pages.post("/audience/find", act=Look.SIGNED_IN, form=listing)
def find(visit: Here) -> Response:
    """By number or mail address, which stands in no address bar and in no log of ours."""
    with visit.read() as connection:
        try:
            number = store.contact_at(connection, read_address(visit.form.text("address")))
        except NotFound:
            raise NotFound("No contact has this address. It can be kept out for good: see below, opting out.") from None
    return visit.go(f"/audience/contacts/{number}")


@pages.get("/audience/contacts/{id_}", act=Look.SIGNED_IN)
def contact(visit: Here, id_: int) -> Response:
    with visit.read() as connection:
        card = store.shown(connection, id_)
    return visit.page(
        "contact.html", card=card, reasons=_said(visit, REASONS), kinds=COLUMN_WORDS,
        may_opt_out=visit.may(Act.AUDIENCE_OPT_OUT), may_erase=visit.may(Act.AUDIENCE_ERASE),
        need=visit.config.defaults.require_consent,
    )  # fmt: skip


@pages.post("/audience/opt-out", act=Act.AUDIENCE_OPT_OUT, form=listing)
def opt_out(visit: Here) -> Response:
    """Anybody's address, whether it is in the contacts or not."""
    address = read_address(visit.form.text("address"))
    return _opted_out(visit, address, "/audience")


@pages.post("/audience/contacts/{id_}/opt-out", act=Act.AUDIENCE_OPT_OUT, form=contact)
def opt_out_contact(visit: Here, id_: int) -> Response:
    with visit.read() as connection:
        store.shown(connection, id_)  # there is such a person
        held = store.addresses_of(connection, id_)
    if not held:
        raise NotFound("This contact has no address left; nothing is sent to it.")
    return _opted_out(visit, (held[0].kind, held[0].value), f"/audience/contacts/{id_}")


def _opted_out(visit: Visit, address: tuple[str, str], back: str) -> Response:
    reason = visit.form.text("reason", "opt_out")
    if reason not in REASONS:
        raise WrongUse("Choose one of the reasons.")
    with visit.write() as tx:
        done = store.opt_out(
            tx, address, office_key=visit.desk.office_key, reason=reason, source="desk", actor=visit.name
        )
    if not done.addresses and not done.dispatches:
        return visit.go(back, visit.say("Người này đã từ chối từ trước; không gửi gì nữa."))
    return visit.go(
        back, visit.say("Đã ghi từ chối: không gửi gì cho người này nữa. Đã thu lại {n} lượt gửi đang chờ.", n=done.dispatches)
    )  # fmt: skip


@pages.post("/audience/contacts/{id_}/erase", act=Act.AUDIENCE_ERASE, form=contact)
def erase(visit: Here, id_: int) -> Response:
    """Name, addresses and salt are gone for good; the suppressions stay."""
    if visit.form.text("sure") != "yes":
        raise WrongUse("Tick that you know it cannot be undone, then erase.")
    visit.prove_again()
    with visit.write() as tx:
        taken = store.erase(tx, id_, actor=visit.name)
    return visit.go("/audience", visit.say("Đã xóa dữ liệu của người này; đã thu lại {n} lượt gửi đang chờ.", n=taken))


# -- bringing a list in -----------------------------------------------------------------------------------------------


@pages.get("/audience/import", act=Act.AUDIENCE_IMPORT)
def choose(visit: Here) -> Response:
    return visit.page("audience_import.html", columns=[COLUMN_WORDS[one] for one in COLUMNS])


@pages.post("/audience/import", act=Act.AUDIENCE_IMPORT, form=choose, upload=upload.FILE_MOST)
def take(visit: Here) -> Response:
    file = visit.form.files.get("list")
    if file is None or not file.filename:
        raise WrongUse("Choose the list first: a CSV or XLSX file.")
    with file.file as stream:
        kept = upload.keep(_folder(visit), secrets.token_hex(16), file.filename, stream, by=visit.name, now=visit.now)
    return visit.go(f"/audience/import/{kept.token}")


@pages.get("/audience/import/{token}", act=Act.AUDIENCE_IMPORT)
def check(visit: Here, token: str) -> Response:
    """What its columns are taken for; after the import, what came of it."""
    kept = upload.find(_folder(visit), token, by=visit.name)
    if kept.done is not None:
        return visit.page(
            "audience_imported.html", kept=kept, done=kept.done, need=visit.config.defaults.require_consent
        )
    with visit.read() as connection:
        names = connection.scalars(select(store.GROUP.c.name).order_by(store.GROUP.c.name).limit(GROUPS)).all()
    columns = {"": visit.say("– bỏ qua cột này –"), **{one: visit.say(COLUMN_WORDS[one]) for one in COLUMNS}}
    return visit.page(
        "audience_mapping.html", kept=kept, look=upload.look(kept), columns=columns, groups=names,
    )  # fmt: skip


@pages.post("/audience/import/{token}", act=Act.AUDIENCE_IMPORT, form=check)
def bring_in(visit: Here, token: str) -> Response:
    kept = upload.find(_folder(visit), token, by=visit.name)
    if kept.done is not None:
        return visit.go(f"/audience/import/{token}")
    wanted = len(upload.look(kept).heads)
    heads = tuple(visit.form.text(f"column_{at}") for at in range(wanted))
    if any(one not in ("", *COLUMNS) for one in heads):
        raise WrongUse("Choose what each column holds from the list.")
    done = importing.run(
        importing.Order(
            path=kept.path, rejects=kept.rejects, actor=visit.name, group=_group(visit), heads=heads, today=_today(visit),
            usual=_usual(visit),
        ),
        database=visit.desk.database, clock=visit.desk.clock, office_key=visit.desk.office_key,
        entropy=secrets.token_bytes,
    )  # fmt: skip
    upload.finish(_folder(visit), kept, done.as_dict(), by=visit.name)
    return visit.go(f"/audience/import/{token}")


@pages.get("/audience/import/{token}/rejects", act=Act.AUDIENCE_IMPORT)
def rejects(visit: Here, token: str) -> Response:
    """Refused rows by number, with what to do; no cell of the list is in it."""
    kept = upload.find(_folder(visit), token, by=visit.name)
    if not kept.rejects.is_file():
        raise NotFound("No row of this list was refused.")
    return visit.download(kept.rejects.read_bytes(), name="rejects.csv", kind="text/csv; charset=utf-8")


def _group(visit: Visit) -> str:
    new = visit.form.text("group_new")
    return group_name(new) if new else visit.form.text("group")


def _usual(visit: Visit) -> Usual:
    day = visit.form.text("consent_date")
    return Usual(
        source=read_text("consent_source", visit.form.text("consent_source")),
        date=read_date(day, today=_today(visit)) if day else None,
    )


# -- the answer to a complaint ----------------------------------------------------------------------------------------


@pages.get("/audience/answer", act=Look.SIGNED_IN)
def ask(visit: Here) -> Response:
    return visit.page("complaint_ask.html")


@pages.post("/audience/answer", act=Look.SIGNED_IN, form=ask)
def look_up(visit: Here) -> Response:
    """To the person's page; for somebody who is in no list, what is known of the address itself."""
    address = read_address(visit.form.text("address"))
    with visit.read() as connection:
        found = store.owners(connection, [address]).get(address)
        if found is None:
            key = suppression_key(visit.desk.office_key, *address)
            return visit.page(
                "complaint_unknown.html", masked=mask(*address), refusal=complaint.refusal_of(connection, key),
                reasons=REFUSED, sources=SOURCES, kinds=COLUMN_WORDS, now=visit.now,
            )  # fmt: skip
    return visit.go(f"/audience/contacts/{found}/answer")


@pages.get("/audience/contacts/{id_}/answer", act=Look.SIGNED_IN)
def answer(visit: Here, id_: int) -> Response:
    """One page to print: what, when, by whose approval; consent; opt-out with proof; days left."""
    asked = visit.request.query_params
    received, wrong = _day(asked.get("received", ""))
    days = asked.get("days", "")
    term = int(days) if days.isdecimal() and len(days) < 4 and int(days) <= DAYS_MOST else None
    until = received + timedelta(days=term) if received and term is not None else None
    with visit.read() as connection:
        card = store.shown(connection, id_)
        rows = complaint.sent(connection, visit.config, id_, language=visit.language)
        refusals = complaint.refusals(connection, id_)
    return visit.page(
        "complaint.html", card=card, rows=rows, refusals=refusals, reasons=REFUSED, sources=SOURCES, kinds=COLUMN_WORDS,
        most=complaint.MOST, received=received, wrong=wrong, term=days, until=until,
        left=(until - _today(visit)).days if until else None, now=visit.now,
    )  # fmt: skip


# -- parts ------------------------------------------------------------------------------------------------------------


def _day(text: str) -> tuple[date | None, bool]:
    try:
        return (date.fromisoformat(text) if text else None), False
    except ValueError:
        return None, True


def _said(visit: Visit, words: dict[str, str]) -> dict[str, Any]:
    return {key: visit.say(text) for key, text in words.items()}


def _today(visit: Visit) -> date:
    return visit.now.astimezone(visit.desk.zone).date()


def _folder(visit: Visit) -> Path:
    return visit.config.path("uploads")
