"""`broadcaster fact`: hotlines, law articles and links, and where each is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from broadcaster.cli.session import Session, command, emit, json_option

if TYPE_CHECKING:
    from broadcaster.content.facts import Fact
    from broadcaster.content.item import Item


@click.group()
def fact() -> None:
    """Hotlines, law articles, links: each kept once, in content/facts.toml."""


@command(fact, "list")
@json_option
def list_(session: Session, as_json: bool) -> None:
    """Every fact, when it must be checked again, and how many messages show it."""
    from broadcaster.cli.message import open_library
    from broadcaster.content.check import today
    from broadcaster.content.render import quoted

    library = open_library(session)
    day = today(session.clock.now(), session.config)
    used = [quoted(item, library.facts) for item in library.items.values()]
    rows = [
        {
            "name": one.name,
            "value": one.value,
            "state": "overdue" if one.overdue(day) else "soon" if one.due_soon(day) else "good",
            "verified_on": one.verified_on.isoformat(),
            "verify_by": one.verify_by.isoformat(),
            "days_left": one.days_left(day),
            "messages": sum(one.name in names for names in used),
            "source": one.source,
            "note": dict(one.note),
        }
        for one in library.facts.values()
    ]
    emit(rows, as_json=as_json, columns=("name", "value", "state", "verified_on", "verify_by", "days_left", "messages"))


@command(fact, "uses")
@click.argument("name")
@json_option
def uses(session: Session, name: str, as_json: bool) -> None:
    """What must be redone when the fact NAME changes: texts, recordings, approved revisions."""
    from broadcaster.approval import store as approvals
    from broadcaster.cli.message import open_library
    from broadcaster.content import store
    from broadcaster.errors import NotFound

    library = open_library(session)
    with session.read() as connection:
        in_force = {a.subject: a.name for a in approvals.in_state(connection, "revision", "approved").values()}
        found = [use for use in store.uses(connection, name, facts=library.facts) if use.revision in in_force]
    if name not in library.facts and not found:
        raise NotFound(f"There is no fact {name!r:.80}; `broadcaster fact list` shows them all.")
    approved = {use.message_id: use for use in found}
    places = {item.id: _places(item, library.facts, name) for item in library.items.values()}
    shown = sorted({*approved, *(id_ for id_, where in places.items() if where)})
    rows = [
        {
            "message": id_,
            "in": places.get(id_, []),
            "approved": approved[id_].revision if id_ in approved else None,
            "stale": id_ in approved and not approved[id_].current,
        }
        for id_ in shown
    ]
    emit(rows, as_json=as_json, columns=("message", "stale", "in"))


def _places(item: Item, facts: Mapping[str, Fact], name: str) -> list[str]:
    """Titles, forms and recordings of a message that show the fact."""
    from broadcaster.content.render import quoted_in

    found = [f"{language} title" for language, title in item.titles.items() if name in quoted_in(title, facts)]
    for section in item.sections:
        if name in quoted_in(section.text, facts):
            found.append(f"{section.language} {section.form}")
            if section.form == "speech" and section.language in item.audio:
                found.append(f"{section.language} recording")
    return found
