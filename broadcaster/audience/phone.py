"""What people and spreadsheets write for a telephone number, as one E.164 number or one clear refusal. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType

from broadcaster.errors import BroadcasterError

HOME = "VN"
LONGEST = 15  # digits of an international number (ITU-T E.164, 6)
SHORTEST = 7  # digits; what is shorter is an emergency or service code, in Viet Nam and nearly everywhere
INPUT_MOST = 64  # characters of a cell we look at

# The mobile ranges, from the same metadata the slow road uses, so that the two cannot disagree. First digit 1 is left
# out: those are machine-to-machine numbers since the change of 2018.
_MOBILE = phonenumbers.PhoneMetadata.metadata_for_region(HOME).mobile.national_number_pattern  # type: ignore[union-attr]
_NATIONAL = re.compile(rf"(?=[35789]\d{{8}}$)(?:{_MOBILE})", re.ASCII)

# The change from 11 to 10 digits of 15 September 2018 (operators' notice of the Ministry of Information and
# Communications' plan): old prefix -> new prefix.
MOVED_IN_2018 = {
    "0120": "070", "0121": "079", "0122": "077", "0126": "076", "0128": "078",
    "0123": "083", "0124": "084", "0125": "085", "0127": "081", "0129": "082",
    "0162": "032", "0163": "033", "0164": "034", "0165": "035",
    "0166": "036", "0167": "037", "0168": "038", "0169": "039",
    "0186": "056", "0188": "058", "0199": "059",
}  # fmt: skip

_SPREADSHEET = re.compile(r"[+-]?\d+(?:[.,]\d+)?[eE][+-]?\d+")
_SEVERAL = re.compile(r"[;,/|&\n]|\s(?:hoặc|or|và|and)\s")
_SEPARATORS = re.compile(r"[\s().\-‐‑‒–—_]+")
_KINDS = {
    PhoneNumberType.FIXED_LINE: "is a landline, which takes no text message; give a mobile number",
    PhoneNumberType.PREMIUM_RATE: "is a premium-rate service, not a person's number; give a mobile number",
    PhoneNumberType.TOLL_FREE: "is a free service line, not a person's number; give a mobile number",
    PhoneNumberType.SHARED_COST: "is a service line, not a person's number; give a mobile number",
    PhoneNumberType.UAN: "is a service line, not a person's number; give a mobile number",
}
_REACHABLE = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)


class BadAddress(BroadcasterError):
    """A cell that is no address of its kind. The sentence begins with a verb and never holds the value."""


@dataclass(frozen=True, slots=True)
class Phone:
    """A mobile number somebody can be reached at."""

    value: str  # E.164
    zero_restored: bool = False  # nine digits were given: a spreadsheet had eaten the leading zero


def parse_phone(text: str) -> Phone:
    """The number in `text`, read as one in Viet Nam unless it says otherwise. Raises: BadAddress."""
    if len(text) == 10 and text[0] == "0" and _NATIONAL.fullmatch(text, 1):  # nearly every cell of a real list
        return Phone("+84" + text[1:])
    plain = _digits(text)
    if _NATIONAL.fullmatch(plain):
        return Phone("+84" + plain, zero_restored=True)
    return Phone(_read(plain))


def _digits(text: str) -> str:
    """Digits with at most one leading plus; every way of writing them that is not one number is refused."""
    if len(text) > INPUT_MOST:
        raise BadAddress("is too long for a telephone number; give one number per row")
    shown = "".join(_plain(letter) for letter in unicodedata.normalize("NFKC", text)).strip().lstrip("'").strip()
    if not shown:
        raise BadAddress("is empty")
    if _SPREADSHEET.fullmatch(shown):
        raise BadAddress("was shortened by a spreadsheet (like 9.12E+08) and its digits are lost; "
                         "format the column as text and enter the number again")  # fmt: skip
    if _SEVERAL.search(shown) or shown.count("+") > 1:
        raise BadAddress("holds several numbers; give one per row")
    plain = _SEPARATORS.sub("", shown)
    if not re.fullmatch(r"\+?\d+", plain, re.ASCII):
        raise BadAddress("is no telephone number: digits, blanks, dots, hyphens, brackets and a leading + only")
    return plain


def _plain(letter: str) -> str:
    """Digits of any script as ASCII; invisible marks, which phone books paste along, as nothing."""
    kind = unicodedata.category(letter)
    if kind == "Nd":
        return str(unicodedata.decimal(letter))
    return "" if kind == "Cf" else letter


def _read(plain: str) -> str:
    count = len(plain.lstrip("+"))
    if count < SHORTEST:
        raise BadAddress("is an emergency or short service number; give a person's mobile number")
    if count > LONGEST + 2:  # "00" may stand before them
        raise BadAddress("has too many digits; give one number per row")
    _refuse_old(plain)
    number = _parsed(plain)
    if not phonenumbers.is_valid_number(number):
        raise BadAddress("is not a number in use in its country; check the digits")
    kind = phonenumbers.number_type(number)
    if kind not in _REACHABLE or _machine(number):
        raise BadAddress(_KINDS.get(kind, "is not a mobile number; give one"))
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _parsed(plain: str) -> phonenumbers.PhoneNumber:
    """Also `84…` without a plus, when that and only that is a number."""
    if plain.startswith("84") and len(plain) in (11, 12):
        plain = "+" + plain
    elif plain.startswith("00"):
        plain = "+" + plain[2:]
    try:
        return phonenumbers.parse(plain, HOME)
    except NumberParseException:
        raise BadAddress("is no telephone number; write it like 0912345678 or +84912345678") from None


def _machine(number: phonenumbers.PhoneNumber) -> bool:
    return number.country_code == 84 and not _NATIONAL.fullmatch(str(number.national_number))


def _refuse_old(plain: str) -> None:
    """Eleven digits as they were before 2018: say what became of them, for a person to decide."""
    national = re.sub(r"^(?:\+|00)?84(?=1)|^(?=1\d{9}$)", "0", plain)
    new = MOVED_IN_2018.get(national[:4])
    if len(national) == 11 and new:
        raise BadAddress(f"is an old 11-digit number: {national[:4]} became {new} in 2018; "
                         f"write {new} and the last 7 digits if it is still this person's")  # fmt: skip
