"""The link by which a commune's officer enters what the commune did: it opens the register for one commune, until a day.

A token is computed, not stored: what it opens, and 128 bits of an HMAC over that. Who holds the office key can make tokens.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256

from sqlalchemy import Connection, func, select

from broadcaster.activity.activity import NAME_LIMIT, Activity, check
from broadcaster.activity.place import reminder
from broadcaster.activity.store import ACTIVITY, Kept, add, digest, standing
from broadcaster.config import Config
from broadcaster.content.telephone import find as find_numbers
from broadcaster.db.tables import Campaign, table
from broadcaster.errors import Conflict, WrongUse
from broadcaster.ledger.store import Transaction

TOKEN_MOST = 400  # characters
OFFICER = "officer"  # who says it: nobody logs in there
SOURCE = "link"
A_DAY = 60  # entries by one commune's link; a commune's whole campaign has some dozens
SHOWN = 20
LINK_DAYS = 30  # a reminder's link works so long after the report is due: late figures come too
CAMPAIGN = table(Campaign)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opens:
    """What a link opens."""

    commune: str
    campaign: str  # "" = of none
    until: date  # the last day it works, where the office is


def token(office_key: bytes, opens: Opens) -> str:
    """Raises: WrongUse for a commune that cannot be in the register."""
    if not opens.commune or len(opens.commune) > NAME_LIMIT or not opens.commune.isprintable():
        raise WrongUse(f"A commune's name has 1 to {NAME_LIMIT} characters.")
    said = "\n".join((opens.commune, opens.campaign, opens.until.isoformat())).encode()
    return f"{_text(said)}.{_text(_mac(office_key, said))}"


def read_token(office_key: bytes, text: str, *, today: date) -> Opens | None:
    """What the office made this token for; None for any other text, and after its last day."""
    said, _, mac = text.partition(".")
    if len(text) > TOKEN_MOST or not text.isascii():
        return None
    try:
        raw = base64.urlsafe_b64decode(said + "=" * (-len(said) % 4))
    except (ValueError, binascii.Error):
        return None
    if _text(raw) != said or not hmac.compare_digest(_text(_mac(office_key, raw)), mac):
        return None
    commune, campaign, until = raw.decode().split("\n")
    found = Opens(commune=commune, campaign=campaign, until=date.fromisoformat(until))
    return found if today <= found.until else None


def entered(connection: Connection, opens: Opens) -> list[Kept]:
    """What the commune has in the register of this campaign, the newest first."""
    found = standing(connection, campaign=opens.campaign, commune=opens.commune)
    return sorted(found, key=lambda one: one.id, reverse=True)[:SHOWN]


def enter(tx: Transaction, opens: Opens, activity: Activity, *, today: date) -> int:
    """Keep what the officer entered; its commune and campaign are the link's. Raises: WrongUse; Conflict for the same twice."""
    if (activity.commune, activity.campaign) != (opens.commune, opens.campaign):
        raise WrongUse("This link enters activities of its own commune and campaign only.")
    check(activity, today=today)
    if any(number.private for number in find_numbers(activity.note)):
        raise WrongUse("Leave telephone numbers out of the note.")
    if any(digest(one.activity) == digest(activity) for one in standing(tx.connection, commune=opens.commune)):
        raise Conflict("The very same activity is in the register; if it happened twice, say so in the note.")
    midnight = datetime.combine(tx.now.astimezone(UTC).date(), time(), UTC)
    own = (ACTIVITY.c.commune == opens.commune, ACTIVITY.c.source == SOURCE, ACTIVITY.c.at >= midnight)
    if (tx.connection.scalar(select(func.count()).where(*own)) or 0) >= A_DAY:
        raise Conflict(f"{A_DAY} activities were entered today; go on tomorrow, or send the office a list.")
    (number,) = add(tx, [activity], by=OFFICER, source=SOURCE)
    return number


def reminder_of(
    connection: Connection, config: Config, office_key: bytes, campaign: str, *, today: date
) -> Callable[[str], str]:
    """Place -> the words that ask for its figures, with its own link where the office has a public address."""
    row = connection.execute(select(CAMPAIGN).where(CAMPAIGN.c.id == campaign)).one_or_none()
    due = row.report_due if row else None
    title, public = row.title if row else campaign, config.web.public_url.rstrip("/")
    until = max(due or today, today) + timedelta(days=LINK_DAYS)

    def words(place: str) -> str:
        opens = Opens(commune=place, campaign=campaign, until=until)
        link = f"{public}/a/{token(office_key, opens)}" if public else ""
        return reminder(config.office.name, title, place, link, due=due.strftime("%d/%m/%Y") if due else "")

    return words


def _mac(office_key: bytes, said: bytes) -> bytes:
    return hmac.digest(office_key, b"activity link\n" + said, sha256)[:16]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
