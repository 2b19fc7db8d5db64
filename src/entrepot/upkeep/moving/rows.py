"""Rows are copied table by table, each in one transaction, with the numbers that they have.

Both ends are then summed up in the order of their keys. Text is compared byte by byte on both
databases, so the order is the same, and a sum shows a row that is missing, more, or other.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from entrepot.db import moving, tables
from entrepot.db.connection import Connection
from entrepot.db.tables import Row, Table

Told = Callable[[int], None]
"""Is told of rows that are done."""


@dataclass(frozen=True, slots=True)
class Sum:
    """What a table comes to."""

    rows: int
    hash: str


def empty(db: Connection) -> None:
    """Take out what an interrupted copy has left, but the mark that it is one."""
    source = moving.unfinished(db)
    with db.exclusive():
        for table in reversed(tables.tables()):
            tables.clear(db, table)
        moving.mark_unfinished(db, source or "")


def copy(source: Connection, target: Connection, told: Told) -> dict[str, Sum]:
    """Copy all tables; what each comes to at the source, which shows one state meanwhile."""
    return {table.name: _copy(source, target, table, told) for table in tables.tables()}


def _copy(source: Connection, target: Connection, table: Table, told: Told) -> Sum:
    adder = _Adder()
    with target.exclusive():
        for page in _pages(source, table):
            adder.add(page)
            tables.insert(target, table, page)
            told(len(page))
        if table.counted:
            tables.count_from(target, table, tables.highest(source, table))
    return adder.sum


def sums(db: Connection, told: Told) -> dict[str, Sum]:
    """What each table comes to."""
    found = {}
    for table in tables.tables():
        adder = _Adder()
        for page in _pages(db, table):
            adder.add(page)
            told(len(page))
        found[table.name] = adder.sum
    return found


class _Adder:
    """Sums up rows, as they come."""

    def __init__(self) -> None:
        self._rows = 0
        self._hash = hashlib.sha256()

    def add(self, page: Iterable[Row]) -> None:
        for row in page:
            self._rows += 1
            self._hash.update(repr(row).encode(errors="surrogatepass"))

    @property
    def sum(self) -> Sum:
        return Sum(self._rows, self._hash.hexdigest())


def _pages(db: Connection, table: Table) -> Iterator[list[Row]]:
    for page in tables.pages(db, table):
        if table.name == "marker":  # some say something of the one database only
            yield [row for row in page if row[0] not in moving.OWN]
        else:
            yield [tuple(map(_kept, row)) for row in page]


def _kept(value: object) -> object:
    """A value as both databases keep it: no text of PostgreSQL has a NUL."""
    return value.replace("\0", "\u2400") if isinstance(value, str) else value
