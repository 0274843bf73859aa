"""A provider's monthly statement as lines: which column is what, and what its cells say. Pure.

`amount` is of the whole line, `unit` of one part; a sign is dropped, because some providers write what they take as negative.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from broadcaster.audience.phone import BadAddress, parse_phone
from broadcaster.errors import WrongUse

COLUMNS = ("id", "to", "time", "parts", "amount", "unit", "currency", "status")
NAMES = {  # as heads of columns are written, in lower case and without spaces, dots, hyphens, underscores
    "id": "id", "sid": "id", "messagesid": "id", "messageid": "id", "msgid": "id", "smsid": "id", "providerid": "id",
    "requestid": "id", "tranid": "id", "mãtin": "id", "mãgiaodịch": "id", "mãtinnhắn": "id",
    "to": "to", "phone": "to", "recipient": "to", "receiver": "to", "msisdn": "to", "sốđiệnthoại": "to", "sđt": "to",
    "sốnhận": "to", "thuêbao": "to", "sốthuêbao": "to", "ngườinhận": "to",
    "time": "time", "date": "time", "datesent": "time", "sentdate": "time", "sentat": "time", "senttime": "time",
    "datecreated": "time", "thờigian": "time", "thờigiangửi": "time", "ngàygửi": "time",
    "parts": "parts", "segments": "parts", "numsegments": "parts", "smscount": "parts", "sms": "parts", "mt": "parts",
    "sốtin": "parts", "sốmt": "parts", "sốphần": "parts", "sốlượngtin": "parts",
    "price": "amount", "amount": "amount", "cost": "amount", "total": "amount", "thànhtiền": "amount", "chiphí": "amount",
    "sốtiền": "amount",
    "unitprice": "unit", "unit": "unit", "đơngiá": "unit",
    "currency": "currency", "priceunit": "currency", "loạitiền": "currency", "tiềntệ": "currency",
    "status": "status", "state": "status", "trạngthái": "status", "kếtquả": "status",
}  # fmt: skip
ROWS_MOST = 10_000_000  # of one statement; the largest campaign has a million a month
PARTS_MOST = 1_000  # of one line; the longest message has about ten
_MONTH = re.compile(r"(\d{4})-(\d\d)")
_ID_MOST = 128
MICROS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """Half-open, aware UTC: the calendar month where the office is."""

    name: str  # "2027-07"
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a statement."""

    row: int
    id: str  # the provider's, "" if it gives none
    to: str  # normalised, "" if it cannot be read
    kind: str  # of that address: "phone", "email", ""
    at: datetime | None  # aware UTC; None when the line tells no minute
    day: date | None
    parts: int
    micros: int | None  # millionths of the currency for the whole line; None if the line names no price
    currency: str
    status: str


def month_of(text: str, zone: ZoneInfo) -> Month:
    """Raises: WrongUse for what is no month."""
    found = _MONTH.fullmatch(text)
    if found is None or not 1 <= int(found[2]) <= 12 or not 2000 <= int(found[1]) <= 2200:
        raise WrongUse(f"{text!r:.20} is no month; write it like 2027-07.")
    year, month = int(found[1]), int(found[2])
    first, after = date(year, month, 1), date(year + month // 12, month % 12 + 1, 1)
    since, until = (datetime(d.year, d.month, d.day, tzinfo=zone).astimezone(UTC) for d in (first, after))
    return Month(name=text, since=since, until=until)


def columns(head: Sequence[str], *, name: str) -> list[str]:
    """What each column is, "" for one we do not read. Raises: WrongUse unless messages can be told apart."""
    found = [NAMES.get(re.sub(r"[\s._\-]+", "", cell.strip().casefold()), "") for cell in head]
    seen: set[str] = set()
    for at, column in enumerate(found):
        found[at] = "" if column in seen else column
        seen.add(column)
    if "id" not in seen and not {"to", "time"} <= seen:
        raise WrongUse(
            f"{name}: no column is called id, and not both to and time are there; name the columns in the first row, "
            f"of: {', '.join(COLUMNS)}."
        )
    return found


def lines(rows: Iterable[tuple[int, list[str]]], *, name: str, zone: ZoneInfo, currency: str) -> Iterator[Line]:
    """The statement's lines; the first row names the columns. `zone`: of times that name none. Raises: WrongUse with the row."""
    source = iter(rows)
    found = columns(next(source, (1, []))[1], name=name)
    for number, row in source:
        cells = {column: cell.strip() for column, cell in zip(found, row, strict=False) if column}
        if not any(cells.values()):
            continue
        if number > ROWS_MOST:
            raise WrongUse(f"{name} has more than {ROWS_MOST:,} rows; split it by day.")
        try:
            yield _line(number, cells, zone, currency)
        except WrongUse as error:
            raise WrongUse(f"{name}, row {number}: {error}") from None


def _line(number: int, cells: dict[str, str], zone: ZoneInfo, currency: str) -> Line:
    kind, to = _address(cells.get("to", ""))
    own = cells.get("currency", "").upper() or currency
    at, day = _when(cells.get("time", ""), zone)
    parts = _parts(cells.get("parts", ""))
    if len(cells.get("id", "")) > _ID_MOST:
        raise WrongUse(f"the id is longer than {_ID_MOST} characters; check the columns.")
    return Line(
        row=number, id=cells.get("id", ""), to=to, kind=kind, at=at, day=day, parts=parts,
        micros=_micros(cells, parts, own), currency=own[:8], status=cells.get("status", "")[:40],
    )  # fmt: skip


def _address(text: str) -> tuple[str, str]:
    """Kind and normalised value; both "" for a cell that is no address we could match."""
    if "@" in text:
        return "email", text.lower()[:254]
    try:
        return "phone", parse_phone(text).value
    except BadAddress:
        return "", ""


def _when(text: str, zone: ZoneInfo) -> tuple[datetime | None, date | None]:
    """The moment, and the day where the office is; the moment is None for a cell that holds only a day."""
    if not text:
        return None, None
    plain = re.sub(r"\s*(UTC|GMT|Z)$", "+00:00", text.strip())
    plain = re.sub(r"^(\d{1,2})/(\d{1,2})/(\d{4})", lambda m: f"{m[3]}-{m[2]:0>2}-{m[1]:0>2}", plain)
    try:
        found = datetime.fromisoformat(plain)
    except ValueError:
        raise WrongUse(f"{text!r:.40} is no time; write it like 2027-07-01 08:00 or 01/07/2027 08:00.") from None
    aware = found if found.tzinfo else found.replace(tzinfo=zone)
    day = aware.astimezone(zone).date()
    return (None if len(plain) <= 10 else aware.astimezone(UTC)), day


def _parts(text: str) -> int:
    if not text:
        return 1
    if not text.isascii() or not text.isdigit() or len(text) > 4 or int(text) > PARTS_MOST:
        raise WrongUse(f"{text!r:.20} is no number of parts; it is 1 to {PARTS_MOST}.")
    return int(text)


def _micros(cells: dict[str, str], parts: int, currency: str) -> int | None:
    if cells.get("amount"):
        return _amount(cells["amount"], currency)
    return _amount(cells["unit"], currency) * parts if cells.get("unit") else None


def _amount(text: str, currency: str) -> int:
    """Millionths of what is written in either way of the world: 1.234.567,5 or 1,234,567.5."""
    plain = re.sub(r"[^\d.,]", "", text)
    marks = [mark for mark in plain if mark in ".,"]
    if marks:
        last = marks[-1]
        thousands = len(marks) > 1 and set(marks) == {last}
        # The đồng has no smaller coin in use: three digits behind a single mark are thousands.
        thousands |= len(marks) == 1 and currency == "VND" and len(plain.rpartition(last)[2]) == 3
        whole, _, rest = (plain, "", "") if thousands else plain.rpartition(last)
        plain = re.sub(r"[.,]", "", whole) + (f".{rest}" if rest else "")
    try:
        micros = Decimal(plain) * MICROS
    except InvalidOperation:
        raise WrongUse(f"{text!r:.20} is no amount of money.") from None
    if not 0 <= micros <= 10**15:
        raise WrongUse(f"{text!r:.20} is more than one message can cost; check the columns.")
    return int(micros.to_integral_value())


DAY = timedelta(days=1)  # on either side of the month: providers and we cut it at slightly different moments
