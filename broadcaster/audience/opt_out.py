"""What a person's reply means, and the refusals that come by reply, by link and by a provider's own button.

One place decides: which words refuse, what goes to the officer on duty, and what a person is told.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, select

from broadcaster.audience import store
from broadcaster.audience.contact import parse_address
from broadcaster.audience.phone import BadAddress
from broadcaster.channel import opt_out_link
from broadcaster.channel.address import suppression_key
from broadcaster.channel.base import Inbound
from broadcaster.dispatch import receipt
from broadcaster.ledger.store import Transaction

ADDRESS = store.ADDRESS
CONTACT = store.CONTACT

# channels.md 11.1 (operators' words of refusal in Viet Nam), 1 (Twilio's on two-way numbers), 5 (Telegram's command).
WORDS = (
    "TC",
    "TU CHOI",
    "TUCHOI",
    "HUY",
    "STOP",
    "DUNG",
    "NGUNG",
    "STOPALL",
    "UNSUBSCRIBE",
    "CANCEL",
    "END",
    "QUIT",
    "/STOP",
)
SILENT = ("/START", "START")  # how a chat begins: neither a refusal nor a word to a person
TEXT_MOST = 2000  # characters of a reply that are kept for the officer; a long text message has a tenth of it
ACTOR = "replies"
REPEATED_WITHIN = 600  # seconds in which a provider calls again about one reply that it gave no id

# What a person is told, once, where the provider lets us say it in its answer. Neutral: others may read the phone.
CONFIRMATION = {
    "vi": "Bạn sẽ không nhận tin từ chúng tôi nữa.",
    "en": "You will get no more messages from us.",
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a reply is. Both may be true: "DUNG DANH EM, CUU EM VOI" begins with a word of refusal, and is a cry for help."""

    refuses: bool
    is_for_a_person: bool


def meaning(text: str) -> Meaning:
    """Words are matched whole. The bare word is a refusal and nothing else; whatever says more is read by a person."""
    plain = fold(text)
    if not plain:  # a sign without a word may be a cry too
        return Meaning(False, any(one.isprintable() and not one.isspace() for one in text))
    if plain in SILENT:
        return Meaning(False, False)
    if plain in WORDS:
        return Meaning(True, False)
    return Meaning(any(plain.startswith(word + " ") for word in WORDS), True)


def meaning_of(inbound: Inbound) -> Meaning:
    """Of an event: whoever blocks us or unfollows refuses."""
    return Meaning(True, False) if inbound.kind == "left" else meaning(inbound.text)


def fold(text: str) -> str:
    """Capitals without accents, every mark and blank as one blank; a command keeps its stroke."""
    bare = "".join(one for one in unicodedata.normalize("NFKD", text[:TEXT_MOST]) if not unicodedata.combining(one))
    plain = re.sub(r"[^\w/]+|_+", " ", bare.replace("đ", "d").replace("Đ", "D").upper())
    return " ".join(plain.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who wrote, as far as we know them."""

    kind: str  # of address
    value: str  # normalised; "" if it cannot be read
    key: bytes  # what suppressions are matched by

    @classmethod
    def of(cls, kind: str, raw: str, *, office_key: bytes) -> Sender:
        """Somebody whose address cannot be read is still told apart by its text."""
        try:
            value = parse_address(kind, raw)
        except (BadAddress, KeyError):
            value = ""
        return cls(kind=kind, value=value, key=suppression_key(office_key, kind, value or raw[:200]))


def digest(inbound: Inbound, sender: Sender, *, now: datetime) -> bytes:
    """Tells a repeat of the same event; without an id of the provider's own, the same words within ten minutes.

    A second cry for help in the same words is a cry of its own: better shown twice than lost.
    """
    while_repeated = str(int(now.timestamp()) // REPEATED_WITHIN)
    said = ("said", sender.key.hex(), inbound.kind, inbound.text, while_repeated)
    return sha256(
        "\x1f".join(("id", inbound.event_id) if inbound.event_id else said).encode("utf-8", "replace")
    ).digest()


def is_suppressed(connection: Connection, sender: Sender) -> bool:
    return sender.key in store.suppressed(connection, [sender.key])


def address_of(connection: Connection, sender: Sender) -> int | None:
    """The number of the sender's address, if it is in the contacts."""
    query = select(ADDRESS.c.id).where(ADDRESS.c.kind == sender.kind, ADDRESS.c.key == sender.key)
    found = connection.scalar(query.order_by(ADDRESS.c.id))
    return None if found is None else int(found)


def apply_refusals(tx: Transaction, *, office_key: bytes) -> int:
    """Suppress whoever has refused by a reply since the last tick: every address of the person. Returns how many."""
    rows = receipt.refusals(tx.connection)
    for row in rows:
        known = tx.connection.execute(
            select(ADDRESS.c.kind, ADDRESS.c.value)
            .where(ADDRESS.c.key == row.address_key, ADDRESS.c.value.is_not(None))
            .order_by(ADDRESS.c.id)
        ).first()
        if known is None:  # nobody we know, so far: a later import must not make them one
            store.suppress(
                tx, row.address_key, row.address_kind, reason=row.reason, source=f"reply:{row.channel}", actor=ACTOR
            )
        else:
            store.opt_out(
                tx, (known.kind, known.value), office_key=office_key, reason=row.reason,
                source=f"reply:{row.channel}", actor=ACTOR,
            )  # fmt: skip
    receipt.close(tx, [row.id for row in rows], "opted_out")
    return len(rows)


# -- by link ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Whose page a token opens."""

    kind: str
    value: str
    language: str
    is_out: bool  # already


def holder(connection: Connection, token: str, *, office_key: bytes) -> Holder | None:
    """None for a token the office did not make, or of a person who was erased."""
    number = opt_out_link.number_of(token)
    row = connection.execute(
        select(ADDRESS.c.kind, ADDRESS.c.value, ADDRESS.c.key, CONTACT.c.salt, CONTACT.c.language)
        .join(CONTACT, CONTACT.c.id == ADDRESS.c.contact_id)
        .where(ADDRESS.c.id == (number or 0), ADDRESS.c.value.is_not(None), CONTACT.c.salt.is_not(None))
    ).first()
    if row is None or not opt_out_link.is_genuine(office_key, token, row.salt):
        return None
    return Holder(
        kind=row.kind, value=row.value, language=row.language, is_out=bool(store.suppressed(connection, [row.key]))
    )


def by_link(tx: Transaction, token: str, *, office_key: bytes) -> bool:
    """The person behind the token wants no more, at any address; repeatable. False for a token that is none."""
    found = holder(tx.connection, token, office_key=office_key)
    if found is None:
        return False
    store.opt_out(
        tx, (found.kind, found.value), office_key=office_key, reason="opt_out", source="link", actor=ACTOR
    )  # fmt: skip
    return True
