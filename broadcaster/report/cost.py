"""What a campaign costs, four ways: as planned, by attempts, as billed, by contract; and why they differ.

Bills come from checked statements: of one channel and month the last check counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, func, insert, select

from broadcaster.config import Contract
from broadcaster.db.tables import Bill as BillRow
from broadcaster.db.tables import table
from broadcaster.dispatch.dispatch import State
from broadcaster.ledger.store import Transaction
from broadcaster.report.document import Table
from broadcaster.report.figures import AD_HOC, MICROS, Figures, Money
from broadcaster.report.matching import Bill
from broadcaster.report.words import VI, Speech

BILL = table(BillRow)
WHY: dict[str, str] = {  # how messages differ -> as the report says it; "alike" needs no word
    "price": "{n} tin khác đơn giá ({sum})",
    "parts": "{n} tin khác số phần ({sum})",
    "unpriced": "{n} tin bảng kê không ghi giá ({sum})",
    "doubt": "{n} tin ta chưa rõ, nhà cung cấp có tính ({sum})",
    "only_ours": "{n} tin nhà cung cấp không tính ({sum})",
}
TAKEN = (State.ACCEPTED, State.DELIVERED, State.UNDELIVERED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """All that statements say of a campaign in one currency."""

    currency: str
    ours: int  # millionths of what attempts cost, over what the statements cover
    theirs: int
    by_why: Mapping[str, tuple[int, int]]  # messages, theirs - ours
    statements: tuple[str, ...]  # "sms 2027-07"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """One contract's sum."""

    name: str
    parts: int
    price: Money | None
    fixed: Money | None
    sums: tuple[Money, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    planned: tuple[Money, ...] | None  # None: the plan cannot be forecast any more
    computed: tuple[Money, ...]
    billed: tuple[Billed, ...]
    agreed: tuple[Agreed, ...]

    def shown(self) -> dict[str, Any]:
        """For `report --format json`."""
        return {
            "planned": None if self.planned is None else [one.shown() for one in self.planned],
            "computed": [one.shown() for one in self.computed],
            "billed": [
                {
                    **_money(one.theirs, one.currency).shown(), "statements": list(one.statements),
                    "computed": _money(one.ours, one.currency).shown(),
                    "differences": {
                        why: {"messages": n, **_money(micros, one.currency).shown()}
                        for why, (n, micros) in one.by_why.items()
                    },
                }
                for one in self.billed
            ],
            "contracts": {one.name: [money.shown() for money in one.sums] for one in self.agreed},
        }  # fmt: skip


def keep(tx: Transaction, bills: Sequence[Bill], *, digest: str, channel: str, month: str) -> None:
    """The check of a statement counts from now on for its channel and month."""
    rows = [
        {
            "sha256": digest, "channel": channel, "month": month, "campaign_id": one.campaign, "currency": one.currency,
            "why": one.why, "n": one.n, "ours": one.ours, "theirs": one.theirs, "at": tx.now,
        }
        for one in bills
    ]  # fmt: skip
    if rows:
        tx.connection.execute(insert(BILL), rows)


def billed(connection: Connection, campaign: str) -> tuple[Billed, ...]:
    """By currency."""
    newest = (
        select(BILL.c.channel, BILL.c.month, func.max(BILL.c.at).label("at"))
        .group_by(BILL.c.channel, BILL.c.month)
        .subquery()
    )
    query = (
        select(BILL)
        .join(
            newest, (BILL.c.channel == newest.c.channel) & (BILL.c.month == newest.c.month) & (BILL.c.at == newest.c.at)
        )
        .where(BILL.c.campaign_id == campaign)
        .order_by(BILL.c.month, BILL.c.channel, BILL.c.id)
    )
    by_currency: dict[str, list[Any]] = {}
    for row in connection.execute(query):
        by_currency.setdefault(row.currency, []).append(row)
    return tuple(_billed(currency, rows) for currency, rows in sorted(by_currency.items()))


def _billed(currency: str, rows: Sequence[Any]) -> Billed:
    whys: dict[str, tuple[int, int]] = {}
    for row in rows:
        n, micros = whys.get(row.why, (0, 0))
        whys[row.why] = n + row.n, micros + row.theirs - row.ours
    return Billed(
        currency=currency, ours=sum(row.ours for row in rows), theirs=sum(row.theirs for row in rows),
        by_why={why: whys[why] for why in WHY if why in whys},
        statements=tuple(dict.fromkeys(f"{row.channel} {row.month}" for row in rows)),
    )  # fmt: skip


def agreed(contracts: Mapping[str, Contract], campaign: str, parts: Mapping[str, int]) -> tuple[Agreed, ...]:
    """The sums of a campaign's contracts. Pure. `parts`: channel -> accepted ones."""
    return tuple(
        _agreed(name, one, parts.get(one.channel, 0)) for name, one in contracts.items() if one.campaign == campaign
    )


def _agreed(name: str, contract: Contract, parts: int) -> Agreed:
    price = _money(contract.price.micros, contract.price.currency) if contract.price else None
    fixed = _money(contract.fixed.micros, contract.fixed.currency) if contract.fixed else None
    found: dict[str, Decimal] = {}
    for money, times in ((price, parts), (fixed, 1)):
        if money:
            found[money.currency] = found.get(money.currency, Decimal(0)) + money.amount * times
    sums = tuple(Money(amount=amount, currency=currency) for currency, amount in found.items())
    return Agreed(name=name, parts=parts, price=price, fixed=fixed, sums=sums)


# -- as a table -------------------------------------------------------------------------------------------------------


def cost_table(costs: Costs, figures: Figures, *, say: Speech = VI) -> Table:
    """The four ways one below the other, each with its difference from what the attempts cost."""
    rows = [
        (
            say("Dự kiến theo kế hoạch"),
            _sums(costs.planned, say) if costs.planned is not None else say("Chưa tính được"),
            _joined([say("Kế hoạch đã duyệt, tính theo danh bạ và đơn giá hôm nay"), *_unplanned(costs, figures, say)]),
        ),
        (say("Tính từ lượt gửi"), _sums(costs.computed, say), say("Phần tin đã được nhận nhân đơn giá khi gửi [H5]")),
    ]
    rows += [
        (say("Nhà cung cấp tính"), _shown(one.theirs, one.currency, say), _why(one, costs, say)) for one in costs.billed
    ]
    if not costs.billed:
        rows.append((say("Nhà cung cấp tính"), say("Chưa tính được"), say("Chưa có bảng kê")))
    rows += [
        (say("Theo hợp đồng {name}", name=one.name), _sums(one.sums, say), _terms(one, costs, say))
        for one in costs.agreed
    ]
    return Table(
        caption=say("Chi phí theo bốn cách tính"),
        head=(say("Cách tính"), say("Số tiền"), say("Giải thích")),
        rows=tuple(rows),
        shares=(3, 3, 6),
    )


def _unplanned(costs: Costs, figures: Figures, say: Speech) -> Iterable[str]:
    """What the plan did not know: differences in money, and the counts that make them."""
    if costs.planned is not None:
        yield from _against(costs.planned, costs, say)
    total = figures.total
    missed = total.planned - sum(total.states[one] for one in TAKEN)
    ad_hoc = figures.by_schedule[AD_HOC].planned if AD_HOC in figures.by_schedule else 0
    for said, n in (
        ("{n} lượt không được nhà cung cấp nhận", missed),
        ("{n} lượt qua kênh dự phòng, không có trong dự kiến", figures.standing.fell_back),
        ("{n} lượt ngoài lịch", ad_hoc),
    ):
        if n:
            yield say(said, n=say.number(n))


def _why(one: Billed, costs: Costs, say: Speech) -> str:
    """The difference from what attempts cost, taken apart: its parts and what no statement covers give the whole."""
    whole = sum((money.amount for money in costs.computed if money.currency == one.currency), Decimal(0))
    uncovered = int(whole * MICROS) - one.ours
    parts = [say("bảng kê: {which} [H7]", which=", ".join(one.statements))]
    parts += _against((_money(one.theirs, one.currency),), costs, say)
    parts += [
        say(WHY[why], n=say.number(n), sum=_signed(micros, one.currency, say))
        for why, (n, micros) in one.by_why.items()
    ]
    if uncovered:
        parts.append(say("phần chưa có bảng kê ({sum})", sum=_signed(-uncovered, one.currency, say)))
    return _joined(parts)


def _terms(one: Agreed, costs: Costs, say: Speech) -> str:
    parts = []
    if one.price:
        parts.append(say("{parts} phần tin x {price}", parts=say.number(one.parts), price=_sums((one.price,), say)))
    if one.fixed:
        parts.append(say("trọn gói {sum}", sum=_sums((one.fixed,), say)))
    return _joined([*parts, *_against(one.sums, costs, say)])


def _against(sums: Sequence[Money], costs: Costs, say: Speech) -> list[str]:
    """The difference from what attempts cost, in each currency that both have."""
    own = {money.currency: money.amount for money in costs.computed}
    return [
        say("so với số tính từ lượt gửi: {sum}", sum=_signed(int(difference * MICROS), money.currency, say))
        for money in sums
        if (difference := money.amount - own.get(money.currency, Decimal(0)))
    ]


def _joined(parts: Iterable[str]) -> str:
    return "; ".join(parts)


def _money(micros: int, currency: str) -> Money:
    return Money(amount=Decimal(micros) / MICROS, currency=currency)


def _sums(sums: Sequence[Money], say: Speech) -> str:
    shown = [one.shown() for one in sums]
    return "; ".join(say.money(one["amount"], one["currency"]) for one in shown) or "0"


def _shown(micros: int, currency: str, say: Speech) -> str:
    return _sums((_money(micros, currency),), say)


def _signed(micros: int, currency: str, say: Speech) -> str:
    sign = "+" if micros > 0 else "-" if micros < 0 else ""
    return f"{sign}{_shown(abs(micros), currency, say)}"
