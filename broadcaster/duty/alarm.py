"""What the officer on duty must hear of within a minute, and how the day stands, morning and evening.

A paused channel, a broadcast that is late, an approval that waits: each is told once. No number, name or text of a contact.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, func, insert, select

from broadcaster.db.tables import Approval, Broadcast, Meta, Tally, table
from broadcaster.dispatch import store as dispatches
from broadcaster.dispatch.dispatch import OPEN
from broadcaster.duty.notify import Notice
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction

META, APPROVAL, BROADCAST, TALLY = table(Meta), table(Approval), table(Broadcast), table(Tally)
TOLD = "told:"  # and what: a row of `meta`
LATE = timedelta(minutes=2)  # as the page of today counts it
MOST = 200  # of one kind in one word
MORNING, EVENING = time(7, 30), time(18, 0)  # where the office is
SUMMARY_FOR = timedelta(hours=3)  # later than that a summary is of no use


def to_tell(connection: Connection, now: datetime, *, zone: ZoneInfo) -> list[Notice]:
    """What nobody was told of yet, the most urgent first."""
    return [*_lanes(connection), *_late(connection, now), *_approvals(connection), *_summary(connection, now, zone)]


def _lanes(connection: Connection) -> list[Notice]:
    paused = [lane["channel"] for lane in dispatches.lanes(connection) if lane["paused"]]
    since = {row.channel: row.paused_at for row in connection.execute(select(dispatches.LANE))} if paused else {}
    keys = {name: f"lane:{name}:{since[name].isoformat() if since[name] else ''}" for name in paused}
    return [
        _notice(
            "lane", [key], title="Kênh gửi tạm dừng", text=f"Kênh {name} tạm dừng, không gửi được. Mở mục Kênh gửi để xem.",
            sms=f"Kenh {_ascii(name)} tam dung, khong gui duoc. Mo muc Kenh gui de xem.",
        )
        for name, key in keys.items()
        if _new(connection, [key])
    ]  # fmt: skip


def _late(connection: Connection, now: datetime) -> list[Notice]:
    late = select(BROADCAST.c.id).where(
        BROADCAST.c.state == "planned", BROADCAST.c.due_at < now - LATE, BROADCAST.c.expires_at > now
    )
    return _counted(
        connection, late.order_by(BROADCAST.c.due_at.desc()), about="late", title="Lượt phát trễ",
        text="{n} lượt phát đã đến giờ mà chưa bắt đầu. Mở mục Hôm nay để xem.",
        sms="{n} luot phat tre gio, chua bat dau. Mo muc Hom nay de xem.",
    )  # fmt: skip


def _approvals(connection: Connection) -> list[Notice]:
    submitted = select(APPROVAL.c.id).where(APPROVAL.c.state == "submitted")
    return _counted(
        connection, submitted.order_by(APPROVAL.c.id.desc()), about="approval", title="Chờ phê duyệt",
        text="{n} việc mới chờ phê duyệt. Mở Bàn phê duyệt để xem.",
        sms="{n} viec moi cho phe duyet. Mo Ban phe duyet de xem.",
    )  # fmt: skip


def _counted(
    connection: Connection, numbers: Select[Any], *, about: str, title: str, text: str, sms: str
) -> list[Notice]:  # fmt: skip
    """One word about all of them that nobody was told of; the newest are looked at, for the others were told when they were."""
    keys = _new(connection, [f"{about}:{number}" for number in connection.scalars(numbers.limit(MOST))])
    if not keys:
        return []
    n = len(keys)
    return [_notice(about, keys, title=title, text=text.format(n=n), sms=sms.format(n=n))]


def _summary(connection: Connection, now: datetime, zone: ZoneInfo) -> list[Notice]:
    """In the morning what is to come, in the evening what became of it."""
    local = now.astimezone(zone)
    begins = [datetime.combine(local.date(), one, zone) for one in (MORNING, EVENING)]
    part = next((at for at, start in enumerate(begins) if start <= local < start + SUMMARY_FOR), None)
    if part is None or not (keys := _new(connection, [f"summary:{local.date().isoformat()}:{part}"])):
        return []
    day = datetime.combine(local.date(), time(), zone)
    of_day = (BROADCAST.c.due_at >= day, BROADCAST.c.due_at < day + timedelta(days=1))
    broadcasts = int(connection.scalar(select(func.count()).select_from(BROADCAST).where(*of_day)) or 0)
    waiting = int(
        connection.scalar(select(func.count()).select_from(APPROVAL).where(APPROVAL.c.state == "submitted")) or 0
    )
    if part == 0:
        text = f"Sáng {local:%d/%m}: hôm nay {broadcasts} lượt phát; {waiting} việc chờ phê duyệt."
        sms = f"Sang {local:%d/%m}: hom nay {broadcasts} luot phat; {waiting} viec cho phe duyet."
        return [_notice("summary", keys, title="Việc hôm nay", text=text, sms=sms)]
    counted = select(TALLY.c.state, func.sum(TALLY.c.n)).join(BROADCAST, BROADCAST.c.id == TALLY.c.broadcast_id)
    states = {state: int(n) for state, n in connection.execute(counted.where(*of_day).group_by(TALLY.c.state))}
    sent, left = sum(states.get(one, 0) for one in ("accepted", "delivered")), sum(states.get(one, 0) for one in OPEN)
    failed = sum(states.values()) - sent - left
    text = f"Tối {local:%d/%m}: {broadcasts} lượt phát, {sent} đã gửi, {failed} không gửi, {left} chưa xong; {waiting} chờ duyệt."
    sms = f"Toi {local:%d/%m}: {broadcasts} luot phat, {sent} da gui, {failed} khong gui, {left} chua xong; {waiting} cho duyet."
    return [_notice("summary", keys, title="Kết quả hôm nay", text=text, sms=sms)]


def _notice(about: str, keys: Sequence[str], *, title: str, text: str, sms: str) -> Notice:
    return Notice(name=about, title=title, text=text, text_sms=sms, told=partial(_told, about=about, keys=keys))


def _told(channel: str, tx: Transaction, *, about: str, keys: Sequence[str]) -> None:
    new = _new(tx.connection, keys)
    if new:
        tx.connection.execute(insert(META), [{"name": TOLD + key, "value": tx.now.isoformat()} for key in new])
        tx.record(Kind.DUTY_CALL, "duty", channel=channel, pleas=[], about=about)


def _new(connection: Connection, keys: Sequence[str]) -> list[str]:
    """Those of which nobody was told."""
    if not keys:
        return []
    known: set[Any] = set(connection.scalars(select(META.c.name).where(META.c.name.in_([TOLD + key for key in keys]))))
    return [key for key in keys if TOLD + key not in known]


def _ascii(name: str) -> str:
    """A channel's name as any gateway takes it."""
    return "".join(letter for letter in name if letter.isascii() and letter.isprintable())[:40]
