"""Which entries stand where: what the feeds show, and the archive pages behind them (RFC 5005). Pure.

A shelf holds the entries of one language, or all. An entry keeps its place in the order in which entries came, so a full
archive page never gets another entry, and publishing touches the open end only, however long the archive is.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, structs

from broadcaster.channel.feed_format import Entry


class Shelf(Struct, frozen=True, kw_only=True):
    """What must be known to publish the next entry."""

    count: int = 0  # places given
    newest: tuple[Entry, ...] = ()  # by time of publication, the newest first, at most a page
    open: tuple[Entry, ...] = ()  # those on no archive page yet, in the order they came

    def full(self, size: int) -> int:
        """How many archive pages are full."""
        return self.count // size

    @property
    def shown(self) -> tuple[Entry, ...]:
        """The newest, and whatever else stands on no archive page: with the archive, the feed is complete."""
        return newest_first([*self.newest, *self.open])


class State(Struct, frozen=True, kw_only=True):
    """All shelves of one feed: "" for all entries, and one for each language."""

    feed_id: str
    size: int  # entries on a page
    shelves: dict[str, Shelf]


class Put(Struct, frozen=True, kw_only=True):
    """What changes when an entry is put on a shelf."""

    shelf: Shelf
    page: int | None = None  # the archive page, from 0, that must be written
    filled: tuple[Entry, ...] | None = None  # its entries, if it has become full just now; None: those it had


def put(shelf: Shelf, entry: Entry, *, place: int, size: int) -> Put:
    """The shelf with the entry in its place, new or changed. `place` is at most `shelf.count`."""
    newest = newest_first([entry, *(one for one in shelf.newest if one.slug != entry.slug)])[:size]
    page = place // size
    if page < shelf.full(size):
        return Put(shelf=structs.replace(shelf, newest=newest), page=page)
    opened = replaced(shelf.open, entry)
    count = max(shelf.count, place + 1)
    if count // size > page:
        return Put(shelf=Shelf(count=count, newest=newest), page=page, filled=opened)
    return Put(shelf=Shelf(count=count, newest=newest, open=opened))


def replaced(entries: Iterable[Entry], entry: Entry) -> tuple[Entry, ...]:
    """With the entry instead of its older state, else at the end."""
    found = list(entries)
    slugs = [one.slug for one in found]
    if entry.slug in slugs:
        found[slugs.index(entry.slug)] = entry
    else:
        found.append(entry)
    return tuple(found)


def newest_first(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Each once, the newest publication first."""
    unique = {one.slug: one for one in entries}
    return tuple(sorted(unique.values(), key=lambda one: (one.published, one.slug), reverse=True))


def placed(entries: Iterable[Entry]) -> list[Entry]:
    """All entries in the order they came; those of an older version without a place get one, by time of publication."""
    found = sorted(entries, key=lambda one: (one.place < 0, one.place, one.published, one.slug))
    everywhere = max((one.place for one in found), default=-1) + 1
    own: dict[str, int] = {}
    for one in found:
        own[one.language] = max(own.get(one.language, 0), one.own_place + 1)
    done = []
    for one in found:
        place, own_place = one.place, one.own_place
        if place < 0:
            place, everywhere = everywhere, everywhere + 1
        if own_place < 0:
            own_place, own[one.language] = own[one.language], own[one.language] + 1
        done.append(structs.replace(one, place=place, own_place=own_place))
    return done


def rebuilt(entries: list[Entry], *, feed_id: str, size: int) -> tuple[State, dict[tuple[str, int], tuple[Entry, ...]]]:
    """State and full archive pages, (shelf, page) -> entries, from entries that have their places."""
    shelves: dict[str, Shelf] = {}
    pages: dict[tuple[str, int], tuple[Entry, ...]] = {}
    for name in ("", *sorted({one.language for one in entries})):
        mine = [(one, place_on(one, name)) for one in entries if name in ("", one.language)]
        count = max((place for _, place in mine), default=-1) + 1
        full = count // size
        for one, place in sorted(mine, key=lambda pair: (pair[1], pair[0].slug)):
            if place // size < full:
                pages[name, place // size] = (*pages.get((name, place // size), ()), one)
        shelves[name] = Shelf(
            count=count,
            newest=newest_first(one for one, _ in mine)[:size],
            open=tuple(one for one, place in sorted(mine, key=lambda pair: pair[1]) if place // size >= full),
        )
    return State(feed_id=feed_id, size=size, shelves=shelves), pages


def place_on(entry: Entry, shelf: str) -> int:
    return entry.own_place if shelf else entry.place
