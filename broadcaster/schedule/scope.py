"""What a stop may cover: a scope over a misspelt name would stop nothing, so it is refused."""

from __future__ import annotations

from sqlalchemy import Connection

from broadcaster.config import Config
from broadcaster.dispatch import broadcast
from broadcaster.errors import NotFound
from broadcaster.schedule import store


def check(connection: Connection, config: Config, scope: str, subject: str) -> None:
    """Raises: NotFound when the campaign, channel or commune is not there."""
    if scope == "channel":
        config.channel(subject)
    if scope == "campaign" and store.campaign(connection, subject) is None:
        raise NotFound(f"No approved campaign is called {subject}; `broadcaster campaign list` shows what there is.")
    if scope == "area" and not broadcast.lives_in(connection, subject):
        raise NotFound(f"No contact's commune is {subject!r}; write it as it stands in the contacts.")
