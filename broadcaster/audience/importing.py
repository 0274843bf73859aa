"""Bringing a list in: a million rows in constant memory, each batch whole or not at all, nothing dropped unsaid."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import file_digest
from io import BufferedReader
from pathlib import Path
from typing import Any

from broadcaster.audience import store
from broadcaster.audience.batch import Merge, merge
from broadcaster.audience.contact import NO_CONSENT, BadRow, Draft, Header, Usual, group_name, read_header, read_row
from broadcaster.audience.sheet import Rows, Sheet, open_sheet
from broadcaster.channel.address import suppression_key
from broadcaster.clock import Clock
from broadcaster.db.engine import Database
from broadcaster.dispatch.worker import fold_wal
from broadcaster.errors import Conflict, NotFound, WrongUse
from broadcaster.ledger.entry import Kind
from broadcaster.ledger.store import Transaction, transaction

FOLD_EVERY = 10  # batches: the WAL of ten is some tens of MB
BATCH = 5000  # rows of one transaction: holds the write lock for some tenths of a second

Entropy = Callable[[int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be imported, and how."""

    path: Path
    rejects: Path  # where refused rows are listed
    actor: str
    group: str = ""  # made if absent; "" = into no group
    usual: Usual = NO_CONSENT
    today: date  # in the office's time zone
    heads: tuple[str, ...] = ()  # what a person says the columns are, "" for none of ours; () = as the first row says


@dataclass(slots=True, kw_only=True)
class Summary:
    """What came of it. Rows: read = kept + refused + empty."""

    file: str
    sha256: str
    form: str = ""  # how the file was read
    note: str = ""
    ignored_columns: tuple[str, ...] = ()
    read: int = 0
    kept: int = 0
    refused: int = 0
    empty: int = 0
    contacts_new: int = 0
    contacts_changed: int = 0
    addresses_new: int = 0
    joined: int = 0  # the group
    zero_restored: int = 0  # rows whose number a spreadsheet had robbed of its leading zero
    without_consent: int = 0  # contacts of kept rows
    suppressed: int = 0  # addresses of kept rows to which nothing is sent
    rejects_file: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def run(
    order: Order, *, database: Database, clock: Clock, office_key: bytes, entropy: Entropy,
    progress: Callable[[int | None], Callable[[int], None]] = lambda _total: lambda _done: None,
) -> Summary:  # fmt: skip
    """Import the list; repeating it changes nothing, so after an interruption it is simply run again.

    `progress` is called once with the number of rows, if known, and what it returns with each batch's count.
    Raises: WrongUse, with the line, for a file that is wrong as a whole: then nothing was imported.
    """
    with _opened(order.path) as file:
        digest = file_digest(file, "sha256").hexdigest()
        with open_sheet(order.path, file) as sheet, _Rejects(order) as rejects:
            done = Summary(file=order.path.name, sha256=digest, form=sheet.form, note=sheet.note)
            work = _Work(order, done, database=database, clock=clock, office_key=office_key, entropy=entropy)
            work.run(sheet, rejects, progress(sheet.total))
        done.rejects_file = str(order.rejects) if done.refused else ""
        file.seek(0)
        if file_digest(file, "sha256").hexdigest() != digest:
            raise Conflict(f"{order.path.name} was changed while it was imported. Import it again; nothing is doubled.")
    return done


class _Work:
    """One import while it runs."""

    def __init__(
        self, order: Order, done: Summary, *, database: Database, clock: Clock, office_key: bytes, entropy: Entropy
    ) -> None:
        self._order = order
        self._done = done
        self._database = database
        self._clock = clock
        self._office_key = office_key
        self._entropy = entropy
        self._group = group_name(order.group) if order.group else ""

    def run(self, sheet: Sheet, rejects: _Rejects, progress: Callable[[int], None]) -> None:
        header = _header(sheet, self._order.heads)
        self._done.ignored_columns = header.ignored
        group = self._group_id()
        for at, (first, rows) in enumerate(_batches(sheet.rows), 1):
            refused: list[tuple[int, BadRow]] = []
            drafts = list(self._drafts(rows, header, refused))
            if drafts:
                refused += self._write(drafts, group, rows=(first, rows[-1][0]))
            rejects.add(sorted(refused, key=lambda one: one[0]))
            self._done.refused += len(refused)
            progress(len(rows))
            if at % FOLD_EVERY == 0:
                fold_wal(self._database)

    def _group_id(self) -> int | None:
        if not self._group:
            return None
        with transaction(self._database, self._clock) as tx:
            return store.add_group(tx, self._group, actor=self._order.actor)

    def _drafts(
        self, rows: Sequence[tuple[int, list[str]]], header: Header, refused: list[tuple[int, BadRow]]
    ) -> Iterator[Draft]:
        for number, cells in rows:
            self._done.read += 1
            try:
                draft = read_row(number, cells, header, today=self._order.today, usual=self._order.usual)
            except BadRow as error:
                refused.append((number, error))
                continue
            if draft is None:
                self._done.empty += 1
            else:
                yield draft

    def _write(self, drafts: list[Draft], group: int | None, *, rows: tuple[int, int]) -> list[tuple[int, BadRow]]:
        """One batch, one transaction, one ledger entry if anything changed."""
        keys = {address: suppression_key(self._office_key, *address) for draft in drafts for address in draft.addresses}
        with transaction(self._database, self._clock) as tx:
            store.lock_for_import(tx)
            reasons = store.suppressed(tx.connection, list(keys.values()))
            outcome = self._merge(tx, drafts, {one for one, key in keys.items() if reasons.get(key) == store.ERASED})
            counts = _counts(outcome)
            store.save(tx, outcome.people, keys, entropy=self._entropy)
            if group is not None:
                counts["joined"] = store.join(tx, group, [one.id for one in outcome.people if one.id is not None])
            if any(counts.values()):
                self._ledger(tx, counts, rows=rows, refused=len(outcome.refused))
        self._add(counts)
        self._note(drafts, outcome, {address for address, key in keys.items() if key in reasons})
        return outcome.refused

    def _merge(self, tx: Transaction, drafts: list[Draft], erased: set[tuple[str, str]]) -> Merge:
        owners = store.owners(tx.connection, {address for draft in drafts for address in draft.addresses})
        profiles = store.profiles(tx.connection, set(owners.values()))
        return merge(drafts, owners=owners, profiles=profiles, erased=erased)

    def _ledger(self, tx: Transaction, counts: Counter[str], *, rows: tuple[int, int], refused: int) -> None:
        tx.record(
            Kind.AUDIENCE_IMPORT, self._order.actor, sha256=self._done.sha256, group=self._group,
            rows=list(rows), refused=refused, **counts,
        )  # fmt: skip

    def _add(self, counts: Counter[str]) -> None:
        for name, n in counts.items():
            setattr(self._done, name, getattr(self._done, name) + n)

    def _note(self, drafts: list[Draft], outcome: Merge, suppressed: set[tuple[str, str]]) -> None:
        """What is no change, and a person should still know."""
        refused = {row for row, _ in outcome.refused}
        kept = [draft for draft in drafts if draft.row not in refused]
        self._done.kept += len(kept)
        self._done.zero_restored += sum(draft.zero_restored for draft in kept)
        self._done.without_consent += sum(person.profile.consent is None for person in outcome.people)
        self._done.suppressed += len(suppressed & {address for draft in kept for address in draft.addresses})


def _counts(outcome: Merge) -> Counter[str]:
    return Counter(
        contacts_new=sum(person.id is None for person in outcome.people),
        contacts_changed=sum(
            person.id is not None and (person.is_changed or bool(person.added)) for person in outcome.people
        ),
        addresses_new=sum(len(person.added) for person in outcome.people),
    )


def _header(sheet: Sheet, heads: tuple[str, ...]) -> Header:
    for _, cells in sheet.rows:
        if any(cell.strip() for cell in cells):
            return read_header(heads or cells)
    raise WrongUse("The file is empty: its first row names the columns, the others hold one contact each.")


def _batches(rows: Rows) -> Iterator[tuple[int, list[tuple[int, list[str]]]]]:
    batch: list[tuple[int, list[str]]] = []
    for one in rows:
        batch.append(one)
        if len(batch) == BATCH:
            yield batch[0][0], batch
            batch = []
    if batch:
        yield batch[0][0], batch


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise NotFound(f"Cannot read {path}: {error.strerror}. Name a CSV or XLSX file.") from None
    with file:
        yield file


class _Rejects:
    """The refused rows, written beside the list as they come: row, column, what is wrong. No cell is repeated in it.

    Opened before anything is imported, so that a folder one may not write to is found first; taken away if it stays empty.
    """

    def __init__(self, order: Order) -> None:
        self._path = order.rejects
        self._list = order.path
        self._rows = 0

    def __enter__(self) -> _Rejects:
        if self._path.exists() and self._path.samefile(self._list):
            raise WrongUse("The refused rows cannot be written over the list itself; name another file with --rejects.")
        try:
            self._file = self._path.open("w", encoding="utf-8-sig", newline="")  # spreadsheets need the mark
        except OSError as error:
            raise WrongUse(f"Cannot write {self._path}: {error.strerror}. Name another file with --rejects.") from None
        self._write = csv.writer(self._file).writerow
        self._write(("row", "column", "what to do"))
        return self

    def add(self, refused: Sequence[tuple[int, BadRow]]) -> None:
        for row, error in refused:
            self._write((row, error.column, str(error)))
        self._rows += len(refused)
        self._file.flush()

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if not self._rows:
            self._path.unlink()


def rejects_beside(path: Path) -> Path:
    """`people.csv` -> `people.csv.rejects.csv`, so that no list of the person's own is written over."""
    return path.with_name(f"{path.name}.rejects.csv")
