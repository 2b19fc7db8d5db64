"""Repositories: they come into being with the first thing pushed to them."""

import sqlite3
import time

from entrepot.oci.names import Repository


def identify(db: sqlite3.Connection, repository: Repository) -> int | None:
    """The row of a repository, None where there is none."""
    row = db.execute("select id from repository where name = ?", (repository.name,)).fetchone()
    return row[0] if row else None


def ensure(db: sqlite3.Connection, repository: Repository) -> int:
    """The row of a repository, made where there is none."""
    found = identify(db, repository)
    if found is not None:
        return found
    made = db.execute(
        "insert into repository (name, created_at) values (?, ?)", (repository.name, time.time())
    )
    assert made.lastrowid is not None
    return made.lastrowid


def catalog(db: sqlite3.Connection, after: str, limit: int) -> list[str]:
    """Names in order, from the one behind `after` on, of repositories that hold a manifest."""
    rows = db.execute(
        "select name from repository r where name > ? and exists "
        "(select 1 from manifest where repository = r.id) order by name limit ?",
        (after, limit),
    )
    return [name for (name,) in rows]
