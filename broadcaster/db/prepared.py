"""Core statements for the hot road: written with the tables as everywhere, compiled once, run on the driver's own cursor.

Two things cost more here than the database itself (`benchmarks/results.md`): SQLAlchemy's execution, about 0.1 ms a statement
and 5 µs a parameter row; and on SQLite each row fetched or bound, because the driver gives up Python's lock for it and must wait
until the event loop lets go again. So a batch goes in as one parameter and comes out as one row.

What a statement takes and gives is the driver's own: moments as integers (`to_micros`), plain tuples.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Connection, Dialect, Table, column, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

INSERTED_AT_ONCE = 500  # rows; beyond that nothing is gained, and SQLite takes at most 32,766 parameters


class Prepared:
    """One statement with named parameters. Raises what SQLAlchemy would."""

    def __init__(self, statement: Any) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, dict[str, Any]]] = {}
        self._readers: dict[str, tuple[Any, list[Any]]] = {}

    def run(self, connection: Connection, **values: Any) -> None:
        self._execute(connection, values)

    def run_many(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Once for each row of parameters."""
        for row in rows:
            self._execute(connection, row)

    def run_given(self, connection: Connection, rows: Sequence[Mapping[str, Any]], **values: Any) -> None:
        """Once for all rows; the statement knows them as `Given`."""
        if rows:
            self._execute(connection, {"given": msgspec.json.encode(rows).decode(), **values})

    def one(self, connection: Connection, **values: Any) -> tuple[Any, ...] | None:
        """The first row it selects, in the driver's own values."""
        found: tuple[Any, ...] | None = self._execute(connection, values).fetchone()
        return found

    def named(self, connection: Connection, **values: Any) -> list[Any]:
        """The rows it selects, as named tuples with the columns' own types. For few rows."""
        found = self._execute(connection, values).fetchall()
        if not found:
            return []
        make, readers = self._reader(connection.dialect)
        return [make(read(value) if read else value for read, value in zip(readers, row, strict=True)) for row in found]

    def _execute(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        sql, constants = self._compiled.get(connection.dialect.name) or self._compile(connection.dialect)
        return _execute(connection, sql, {**constants, **values} if constants else values)

    def _compile(self, dialect: Dialect) -> tuple[str, dict[str, Any]]:
        maker: Any = type(dialect)
        style = "named" if dialect.name == "sqlite" else "pyformat"  # both drivers then take mappings
        compiled = self._for(dialect.name).compile(dialect=maker(paramstyle=style))
        constants = {key: value for key, value in compiled.params.items() if value is not None}
        self._compiled[dialect.name] = str(compiled), constants
        return self._compiled[dialect.name]

    def _reader(self, dialect: Dialect) -> tuple[Any, list[Any]]:
        if dialect.name not in self._readers:
            columns = self._statement.selected_columns
            readers = [one.type.dialect_impl(dialect).result_processor(dialect, None) for one in columns]
            make: Any = namedtuple("Row", list(columns.keys()))  # type: ignore[misc]  # the names are the query's
            self._readers[dialect.name] = make._make, readers
        return self._readers[dialect.name]

    def _for(self, dialect: str) -> Any:  # noqa: ARG002
        return self._statement


class PreparedRows(Prepared):
    """A query for many rows of numbers, words and NULL."""

    def rows(self, connection: Connection, **values: Any) -> list[tuple[Any, ...]]:
        cursor = self._execute(connection, values)
        if connection.dialect.name != "sqlite":
            return list(cursor.fetchall())
        return msgspec.json.decode(cursor.fetchone()[0], type=list[tuple[Any, ...]])

    def _for(self, dialect: str) -> Any:
        if dialect != "sqlite":
            return self._statement
        inner = self._statement.subquery()
        return select(func.json_group_array(func.json_array(*inner.c)))


def insert_rows(connection: Connection, table: Table, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows of the driver's own values, verbatim, hundreds with one statement."""
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    one = f"({', '.join([mark] * len(names))})"
    for start in range(0, len(rows), INSERTED_AT_ONCE):
        chunk = rows[start : start + INSERTED_AT_ONCE]
        sql = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES {', '.join([one] * len(chunk))}"
        _execute(connection, sql, [value for row in chunk for value in row])


def _execute(connection: Connection, sql: str, values: Any) -> Any:
    """The driver's cursor; its errors become SQLAlchemy's, without the parameters: they can hold an address."""
    driver: Any = connection.dialect.loaded_dbapi
    try:
        return connection.connection.driver_connection.execute(sql, values)  # type: ignore[union-attr]
    except driver.Error as error:
        raise DBAPIError.instance(None, None, error, driver.Error, dialect=connection.dialect) from error


# -- a batch as one parameter -----------------------------------------------------------------------------------------


class _Unpacked(FunctionElement[Any]):
    """The JSON array in the parameter `given`, as a table with the column `value`."""

    inherit_cache = False


@compiles(_Unpacked)
def _by_jsonb(_element: Any, _compiler: Any, **_options: Any) -> str:
    return "jsonb_array_elements(CAST(%(given)s AS jsonb))"


@compiles(_Unpacked, "sqlite")
def _by_json_each(_element: Any, _compiler: Any, **_options: Any) -> str:
    return "json_each(:given)"


class _Field(FunctionElement[Any]):
    """One field of an item, with its type."""

    inherit_cache = False

    def __init__(self, value: Any, name: str, kind: TypeEngine[Any]) -> None:
        super().__init__(value)
        self.field, self.type = name, kind


@compiles(_Field)
def _of_jsonb(element: _Field, compiler: Any, **options: Any) -> str:
    kind = compiler.dialect.type_compiler_instance.process(element.type)
    return f"CAST({compiler.process(element.clauses, **options)} ->> '{element.field}' AS {kind})"


@compiles(_Field, "sqlite")
def _of_json(element: _Field, compiler: Any, **options: Any) -> str:
    return f"json_extract({compiler.process(element.clauses, **options)}, '$.{element.field}')"


class Given:
    """The rows of `run_given` inside a statement: `Given(id=BigInteger(), state=String())["id"]` is a column."""

    def __init__(self, **kinds: TypeEngine[Any]) -> None:
        value = _Unpacked().table_valued(column("value"), name="item").c.value
        self._fields = {name: _Field(value, name, kind) for name, kind in kinds.items()}

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]


_ID = Given(id=BigInteger())["id"]


def among(number: Any) -> Any:
    """Whether the column is one of the `ids`."""
    return number.in_(select(_ID))


def ids(values: Iterable[int]) -> str:
    """For the parameter `given` of a statement with `among`."""
    return msgspec.json.encode([{"id": value} for value in values]).decode()
