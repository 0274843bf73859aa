"""Core statements for the hot road: written with the tables as everywhere, compiled once, run on the driver's own cursor.

SQLAlchemy's execution costs about 0.1 ms a statement and 5 µs a parameter row, several times what SQLite itself needs
(`benchmarks/results.md`). What a statement gets and gives is the driver's own: moments as integers (`to_micros`), no `Row`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, Connection, Executable
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles


class Prepared:
    """One statement with named parameters. Raises what SQLAlchemy would."""

    def __init__(self, statement: Executable) -> None:
        self._statement: Any = statement
        self._compiled: dict[str, tuple[str, dict[str, Any]]] = {}

    def rows(self, connection: Connection, **values: Any) -> list[tuple[Any, ...]]:
        """The rows it selects."""
        sql, constants = self._sql(connection)
        with _cursor(connection) as cursor:
            return list(cursor.execute(sql, {**constants, **values}).fetchall())

    def run(self, connection: Connection, **values: Any) -> None:
        """Once."""
        sql, constants = self._sql(connection)
        with _cursor(connection) as cursor:
            cursor.execute(sql, {**constants, **values})

    def run_many(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Once for each row of parameters."""
        if not rows:
            return
        sql, constants = self._sql(connection)
        with _cursor(connection) as cursor:
            cursor.executemany(sql, [{**constants, **row} for row in rows] if constants else rows)

    def _sql(self, connection: Connection) -> tuple[str, dict[str, Any]]:
        name = connection.dialect.name
        if name not in self._compiled:
            style = "named" if name == "sqlite" else "pyformat"  # both drivers then take mappings
            dialect: Any = type(connection.dialect)
            compiled = self._statement.compile(dialect=dialect(paramstyle=style))
            constants = {key: value for key, value in compiled.params.items() if value is not None}
            self._compiled[name] = str(compiled), constants
        return self._compiled[name]


@contextmanager
def _cursor(connection: Connection) -> Iterator[Any]:
    """The driver's cursor; its errors become SQLAlchemy's, without the parameters: they can hold an address."""
    driver: Any = connection.dialect.loaded_dbapi
    cursor = connection.connection.cursor()
    try:
        yield cursor
    except driver.Error as error:
        raise DBAPIError.instance(None, None, error, driver.Error, dialect=connection.dialect) from error
    finally:
        cursor.close()


class Among(ColumnElement[bool]):
    """`column` is one of the numbers in the parameter `name`, which is given as `numbers(connection, ...)`."""

    inherit_cache = False

    def __init__(self, column: ColumnElement[int], name: str) -> None:
        self.column, self.name = column, name


@compiles(Among)
def _by_array(element: Among, compiler: Any, **options: Any) -> str:
    return f"{compiler.process(element.column, **options)} = ANY(%({element.name})s)"


@compiles(Among, "sqlite")
def _by_json(element: Among, compiler: Any, **options: Any) -> str:
    return f"{compiler.process(element.column, **options)} IN (SELECT value FROM json_each(:{element.name}))"


def numbers(connection: Connection, values: Sequence[int]) -> Any:
    """A list of numbers as one parameter."""
    return json.dumps(values) if connection.dialect.name == "sqlite" else list(values)
