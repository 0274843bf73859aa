"""One row of a list, read: the columns there are, what each cell may hold, and the contact it makes. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from broadcaster.audience.phone import BadAddress, parse_phone
from broadcaster.channel import officer_link
from broadcaster.content import words
from broadcaster.errors import BroadcasterError, WrongUse

KINDS = ("phone", "email", "zalo", "telegram", "loudspeaker")  # of address, in the order in which they are shown
COLUMNS = ("name", *KINDS, "language", "commune", "consent_source", "consent_date")
LONGEST_CELL = 200  # characters of a name, a commune, a consent source
OLDEST_CONSENT = 1990  # years before it, and after today, are typing errors

# Other heads of a column, folded (see `fold`): what Vietnamese and English lists really say.
ALIASES = {
    "name": "ho ten, ho va ten, ten, ten day du, ho dem va ten, full name, fullname, contact, don vi, ten don vi",
    "phone": "dien thoai, so dien thoai, sdt, dt, di dong, so di dong, dien thoai di dong, phone number, mobile, tel",
    "email": "e mail, thu dien tu, hop thu, dia chi thu dien tu, dia chi email, mail",
    "zalo": "zalo id, zalo user id, ma zalo",
    "telegram": "telegram id, chat id, telegram chat id, ma telegram",
    "loudspeaker": "loa, ma loa, dai truyen thanh, ma dai, ma xa, truyen thanh, commune code",
    "language": "ngon ngu, tieng, lang",
    "commune": "xa, phuong, xa phuong, phuong xa, dia ban, ward",
    "consent_source": "nguon dong y, nguon chap thuan, noi dong y, consent, dong y",
    "consent_date": "ngay dong y, ngay chap thuan",
}  # fmt: skip
LANGUAGES = {
    "tieng viet": "vi", "viet": "vi", "vietnamese": "vi",
    "tieng anh": "en", "anh": "en", "english": "en",
    "tieng mong": "hmn", "tieng hmong": "hmn", "mong": "hmn", "hmong": "hmn", "h mong": "hmn",
    "tieng khmer": "km", "khmer": "km",
}  # fmt: skip

_EMAIL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]*[a-z][a-z0-9-]*")  # fmt: skip # noqa: E501
_TAG = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8}){0,3}")
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]00:00(?::00)?)?", re.ASCII)
_LOCAL = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d+)", re.ASCII)


class BadRow(BroadcasterError):
    """A row that cannot be kept: `column` is where, "" for the row as a whole; the text never holds the value."""

    def __init__(self, column: str, text: str) -> None:
        super().__init__(text)
        self.column = column


@dataclass(frozen=True, slots=True)
class Consent:
    """Permission, and where it comes from."""

    source: str
    date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """The consent of a whole list: what a row without its own source, or without its own date, gets."""

    source: str = ""
    date: date | None = None


NO_CONSENT = Usual()
Address = tuple[str, str]  # kind, normalised value


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What one good row says of one contact. "" and None mean that the row does not say."""

    row: int
    name: str = ""
    language: str = ""
    commune: str = ""
    consent: Consent | None = None
    addresses: tuple[Address, ...]
    zero_restored: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Which cell holds which column, and the heads that mean nothing to us."""

    places: Mapping[str, int]
    ignored: tuple[str, ...]
    width: int


def fold(text: str) -> str:
    """Lower case, without accents, everything but letters and digits as one blank: for comparing words people typed."""
    plain = "".join(
        letter for letter in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(letter)
    )
    return re.sub(r"[^a-z0-9]+", " ", plain.replace("đ", "d")).strip()


_HEADS = {fold(column): column for column in COLUMNS} | {
    head.strip(): column for column, heads in ALIASES.items() for head in heads.split(",")
}


def column_of(head: str) -> str:
    """The column a head stands for, "" for none of ours."""
    return _HEADS.get(fold(head), "")


def read_header(cells: Sequence[str]) -> Header:
    """Raises: WrongUse if no column, no address, or one column twice; the sentence lists the columns there are.

    Cells are not quoted back: in a list without a header they are somebody's name and number.
    """
    known = [_HEADS.get(fold(cell)) for cell in cells]
    places = {column: at for at, column in reversed(list(enumerate(known))) if column}
    wanted = f"The first row names the columns, any of: {', '.join(COLUMNS)}"
    if not places:
        raise WrongUse(f"No column is known here. {wanted}.")
    if not places.keys() & set(KINDS):
        raise WrongUse(f"No column holds an address. {wanted}; at least one of {', '.join(KINDS)}.")
    for column in places:
        if known.count(column) > 1:
            raise WrongUse(f"Two columns are both read as {column}. Keep one, or put the other into rows of its own.")
    ignored = tuple(cell.strip() for cell, column in zip(cells, known, strict=True) if not column and cell.strip())
    return Header(places=places, ignored=ignored, width=len(cells))


def read_row(row: int, cells: Sequence[str], header: Header, *, today: date, usual: Usual = NO_CONSENT) -> Draft | None:
    """The contact of a row, None for an empty one. `usual` fills in what the row leaves out. Raises: BadRow."""
    if not "".join(cells).strip():
        return None
    if len(cells) > header.width and any(cell.strip() for cell in cells[header.width :]):
        raise BadRow("", "The row has more cells than there are columns; put a cell that holds a comma in quotes.")
    values = {column: cells[at] for column, at in header.places.items() if at < len(cells) and cells[at]}
    addresses, zero_restored = _addresses(values)
    return Draft(
        row=row,
        name=read_text("name", values.get("name", "")),
        language=read_language(values.get("language", "")),
        commune=read_text("commune", values.get("commune", "")),
        consent=_consent(values, today=today, usual=usual),
        addresses=addresses,
        zero_restored=zero_restored,
    )


def _addresses(values: Mapping[str, str]) -> tuple[tuple[Address, ...], bool]:
    found: list[Address] = []
    zero_restored = False
    for kind in KINDS:
        cell = values.get(kind, "")
        if not cell or cell.isspace():
            continue
        try:
            if kind == "phone":
                phone = parse_phone(cell)
                zero_restored = phone.zero_restored
                found.append((kind, phone.value))
            else:
                found.append((kind, parse_address(kind, cell)))
        except BadAddress as error:
            raise BadRow(kind, f"The cell {error}.") from None
    if not found:
        raise BadRow("", f"The row has no address; give at least one of {', '.join(KINDS)}.")
    return tuple(found), zero_restored


def parse_address(kind: str, text: str) -> str:
    """The normalised value. Raises: BadAddress."""
    if kind == "phone":
        return parse_phone(text).value
    plain = clean(text).lstrip("'").strip()
    if re.fullmatch(r"[+-]?\d+(?:[.,]\d+)?[eE][+-]?\d+", plain):
        raise BadAddress(
            "was shortened by a spreadsheet (like 2.51E+15), its digits are lost; format the column as text"
        )
    return {"email": _email, "zalo": _zalo, "telegram": _telegram, "loudspeaker": _station}[kind](plain)


def _email(text: str) -> str:
    name, at, domain = text.lower().rpartition("@")
    try:
        domain = domain.encode("idna").decode() if domain and not domain.isascii() else domain
    except UnicodeError:
        raise BadAddress("has a domain that cannot exist; check it") from None
    plain = f"{name}{at}{domain}"
    if len(plain) > 254 or len(name) > 64 or not _EMAIL.fullmatch(plain):  # RFC 5321, 4.5.3.1
        raise BadAddress("is no e-mail address like ten@example.vn; give exactly one")
    return plain


def _zalo(text: str) -> str:
    if not re.fullmatch(r"\d{6,25}", text, re.ASCII):
        raise BadAddress("is no Zalo user id, which is a long number; export it from the official account")
    return text


def _telegram(text: str) -> str:
    if not re.fullmatch(r"-?\d{5,20}|@[A-Za-z]\w{3,31}", text, re.ASCII):
        raise BadAddress("is no Telegram chat id (a number) or @channel")
    return text.lower()


def _station(text: str) -> str:
    """A commune's code, or its name made into one: it names the folder of its bulletins."""
    code = fold(text).replace(" ", "-")
    if not officer_link.STATION.fullmatch(code):
        raise BadAddress("is no commune's code; write letters, digits and hyphens, like 14845 or muong-lat")
    return code


def read_address(text: str) -> Address:
    """What a person types for somebody: a number, a mail address, @channel, or `kind:value`. Raises: WrongUse."""
    kind, colon, value = text.partition(":")
    if not colon or kind not in KINDS:
        kind, value = ("telegram" if text.startswith("@") else "email" if "@" in text else "phone"), text
    try:
        return kind, parse_address(kind, value)
    except BadAddress as error:
        raise WrongUse(f"The {kind} address {error}.") from None


def clean(text: str) -> str:
    """NFC, without invisible marks, every kind of blank as one blank; control characters stay, to be refused."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    shown = unicodedata.normalize("NFC", text)
    if not shown.isprintable():
        shown = "".join(letter for letter in shown if unicodedata.category(letter) != "Cf")
    return " ".join(shown.split())


def read_text(column: str, text: str) -> str:
    """A name, a commune, a source. Raises: BadRow for control characters and for what is too long."""
    plain = clean(text)
    if plain[:1] == "'" and plain[1:2] in FORMULA:
        plain = plain[1:]  # our own export puts it there
    if not plain.isprintable():
        raise BadRow(column, "The cell holds control characters; type it again.")
    if len(plain) > LONGEST_CELL:
        raise BadRow(column, f"The cell is longer than {LONGEST_CELL} characters; shorten it.")
    return plain


@lru_cache(maxsize=1024)  # a list repeats a handful of languages and dates
def read_language(text: str) -> str:
    """A BCP 47 tag in its usual case, or "". Raises: BadRow."""
    plain = clean(text)
    if not plain:
        return ""
    tag = LANGUAGES.get(fold(plain), plain.lower().replace("_", "-"))
    if not _TAG.fullmatch(tag):
        raise BadRow("language", "The cell is no language tag; write vi, en, hmn, ...")
    first, *rest = tag.split("-")
    return "-".join(
        [first, *(part.upper() if len(part) == 2 else part.title() if len(part) == 4 else part for part in rest)]
    )


def _consent(values: Mapping[str, str], *, today: date, usual: Usual) -> Consent | None:
    source = read_text("consent_source", values.get("consent_source", "")) or usual.source
    given = clean(values.get("consent_date", ""))
    try:
        day = read_date(given, today=today) if given else usual.date
    except WrongUse as error:
        raise BadRow("consent_date", str(error)) from None
    if source and day:
        return Consent(source, day)
    if source:
        raise BadRow("consent_date", "The consent has a source and no date; say when, or use --consent-date.")
    if day:
        raise BadRow("consent_source", "The consent has a date and no source; say where, or use --consent-source.")
    return None


@lru_cache(maxsize=1024)
def read_date(text: str, *, today: date) -> date:
    """`2027-07-01` or `01/07/2027` (day first). Raises: WrongUse, with an example."""
    iso, local = _ISO.fullmatch(text), _LOCAL.fullmatch(text)
    if local and len(local[3]) != 4:
        raise WrongUse("The year needs four digits; write the date like 2027-07-01 or 01/07/2027 (day first).")
    try:
        if iso:
            found = date(int(iso[1]), int(iso[2]), int(iso[3]))
        elif local:
            found = date(int(local[3]), int(local[2]), int(local[1]))
        else:
            raise ValueError
    except ValueError:
        raise WrongUse("This is no date; write it like 2027-07-01 or 01/07/2027 (day first).") from None
    if found > today or found.year < OLDEST_CONSENT:
        raise WrongUse("The date of a consent lies in the past, not before 1990; check the year.")
    return found


FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def neutral(cell: str) -> str:
    """The cell so that no spreadsheet takes it for a formula (OWASP ASVS 5.0, 1.2.10); importing undoes it."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def group_name(text: str) -> str:
    """A name fit for a group. Raises: WrongUse: empty, too long, unprintable, or one that accuses its members."""
    plain = clean(text)
    if not plain or len(plain) > 64 or not plain.isprintable():
        raise WrongUse("A group needs a name of 1 to 64 printable characters.")
    if why := words.accusing(plain):
        raise WrongUse(why)
    return plain
