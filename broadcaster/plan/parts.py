"""How many billable parts a broadcast's texts have, by our own count: for what nobody has told us the bill of."""

from __future__ import annotations

from sqlalchemy import Connection, select

from broadcaster.config import Config
from broadcaster.content.sms import count
from broadcaster.dispatch import broadcast as house
from broadcaster.dispatch.revision import read, words
from broadcaster.schedule.files import roads


def of_broadcast(connection: Connection, config: Config, number: int) -> dict[tuple[str, str], int]:
    """(channel, language) -> parts of one message; 1 where nothing is counted in parts."""
    row = house.get(connection, number)
    raw = connection.scalar(select(house.REVISION.c.canonical).where(house.REVISION.c.hash == row.revision_hash))
    body = read(raw or b"", row.revision_hash or "")
    known = roads(config)
    found = {}
    for name in house.channel_names(row):
        road = known.get(name)
        if road is None or body is None:
            continue
        for language in body.texts:
            said = words(body, traits=road.traits, accents=road.accents, language=language)
            if said:
                found[name, language] = count(said.text).parts if said.form.startswith("sms") else 1
    return found


def billed(connection: Connection, config: Config, dispatch: int) -> int:
    """Parts of one dispatch's text."""
    one = house.DISPATCH
    row = connection.execute(
        select(one.c.broadcast_id, one.c.channel, one.c.language).where(one.c.id == dispatch)
    ).one()
    return of_broadcast(connection, config, row.broadcast_id).get((row.channel, row.language), 1)
