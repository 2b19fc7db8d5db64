"""The tables of the schema, as its scripts make them: their columns and keys, in an order in which
whatever a row refers to comes before it. Next: `upkeep.moving` copies them.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from typing import Any

from entrepot.db import audit, chain
from entrepot.db.connection import Connection
from entrepot.db.schema import SCRIPTS, VERSION, statements

PAGE = 200
"""Rows that are read at once: a manifest may have megabytes."""

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table, on SQLite as on PostgreSQL."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    """The columns of its primary key, by which rows are put in order."""
    counted: bool
    """Whether the database gives the next row its number."""


@cache
def tables(version: int = VERSION) -> tuple[Table, ...]:
    """All of them, as they were in a version; SQLite reads the scripts, in memory."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("begin")
        for script in SCRIPTS[:version]:
            for statement in statements(script, "sqlite"):
                db.execute(statement)
        names = db.execute(
            "select name from sqlite_master where type = 'table' and name not like 'sqlite~_%' "
            "escape '~' order by name"
        ).fetchall()
        graph = {
            name: {row[2] for row in db.execute(f"pragma foreign_key_list({name})")} - {name}
            for (name,) in names
        }
        return tuple(_read(db, name) for name in TopologicalSorter(graph).static_order())


def _read(db: sqlite3.Connection, name: str) -> Table:
    columns = db.execute(f"pragma table_info({name})").fetchall()
    key = sorted((place, column) for _, column, _, _, _, place in columns if place)
    names = tuple(column for _, column in key)
    kinds = {column: kind.lower() for _, column, kind, *_ in columns}
    counted = len(names) == 1 and kinds[names[0]] == "integer"
    return Table(name, tuple(row[1] for row in columns), names, counted)


def pages(db: Connection, table: Table) -> Iterator[list[Row]]:
    """All rows, in the order of their keys."""
    key, marks = ", ".join(table.key), ", ".join("?" for _ in table.key)
    places = [table.columns.index(name) for name in table.key]
    select = f"select {', '.join(table.columns)} from {table.name}"
    page = db.execute(f"{select} order by {key} limit ?", (PAGE,)).fetchall()
    while page:
        yield page
        last = [page[-1][place] for place in places]
        behind = f"{select} where ({key}) > ({marks}) order by {key} limit ?"
        page = db.execute(behind, (*last, PAGE)).fetchall()


def insert(db: Connection, table: Table, rows: list[Row]) -> None:
    """Add rows as they are, with their numbers."""
    marks = ", ".join("?" for _ in table.columns)
    columns = ", ".join(table.columns)
    db.executemany(f"insert into {table.name} ({columns}) values ({marks})", rows)


def add(db: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Add a row of some columns; one that is there already stays as it is."""
    columns, marks = ", ".join(row), ", ".join("?" for _ in row)
    db.execute(
        f"insert into {table.name} ({columns}) values ({marks}) on conflict do nothing",
        tuple(row.values()),
    )


def clear(db: Connection, table: Table) -> None:
    """Take out all rows."""
    db.execute(f"delete from {table.name}")


def has_rows(db: Connection, table: Table) -> bool:
    """Whether there is anything in it."""
    return db.execute(f"select 1 from {table.name} limit 1").fetchone() is not None


def count(db: Connection, table: Table) -> int:
    """How many rows it has."""
    found: int = db.execute(f"select count(*) from {table.name}").fetchone()[0]
    return found


def highest(db: Connection, table: Table) -> int:
    """The highest number that a row of a counted table was ever given, as far as is known."""
    (id_,) = table.key
    found: int = db.execute(f"select coalesce(max({id_}), 0) from {table.name}").fetchone()[0]
    if table.name == "audit":
        return max(found, chain.newest(db))
    if db.dialect == "postgresql":
        (sequence,) = db.execute(
            "select pg_get_serial_sequence(?, ?)", (table.name, id_)
        ).fetchone()
        last, called = db.execute(f"select last_value, is_called from {sequence}").fetchone()
        return max(found, last if called else 0)
    row = db.execute("select seq from sqlite_sequence where name = ?", (table.name,)).fetchone()
    return max(found, row[0] if row else 0)


def count_from(db: Connection, table: Table, number: int) -> None:
    """Have the next row of a counted table get a number behind this one."""
    if db.dialect == "postgresql":
        db.execute(
            "select setval(pg_get_serial_sequence(?, ?), ?, cast(? as bigint) > 0)",
            (table.name, table.key[0], max(number, 1), number),
        )
        if table.name == "audit":  # its numbers are given by us
            audit.mark(db, audit.NEWEST, (number, ""))
    elif db.execute(
        "select 1 from sqlite_master where name = ? and sql like ?", (table.name, "%autoincrement%")
    ).fetchone():
        db.execute("delete from sqlite_sequence where name = ?", (table.name,))
        db.execute("insert into sqlite_sequence (name, seq) values (?, ?)", (table.name, number))
