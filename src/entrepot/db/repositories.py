"""Repositories: they come into being with the first thing pushed to them."""

import time
from collections.abc import Sequence

from entrepot.db.connection import Connection
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.names import Repository


def identify(db: Connection, repository: Repository) -> int | None:
    """The row of a repository, None where there is none."""
    row = db.execute("select id from repository where name = ?", (repository.name,)).fetchone()
    return row[0] if row else None


def unknown(repository: Repository) -> OCIError:
    """The error for a repository that is not here."""
    return OCIError(
        Code.NAME_UNKNOWN, f"no repository {repository} here", detail={"name": repository.name}
    )


def ensure(db: Connection, repository: Repository) -> int:
    """The row of a repository, made where there is none."""
    found = identify(db, repository)
    if found is not None:
        return found
    made: int = db.execute(
        "insert into repository (name, created_at) values (?, ?) returning id",
        (repository.name, time.time()),
    ).fetchone()[0]
    return made


def relist(db: Connection, number: int) -> None:
    """Say whether the repository holds a manifest; call it when one has come or gone."""
    db.execute(
        "update repository set listed = not listed where id = :id and listed <> "
        "exists (select 1 from manifest where repository = :id)",
        {"id": number},
    )


EVERYTHING = [("", "\U0010ffff")]
"""The range of all names."""


def catalog(db: Connection, ranges: Sequence[tuple[str, str]], after: str, limit: int) -> list[str]:
    """Names in order, from the one behind `after` on, of repositories that hold a manifest.

    Only those in `ranges` count: first and last name, both included, in order.
    """
    found: list[str] = []
    for first, last in ranges:
        if last <= after:
            continue
        rows = db.execute(
            "select name from repository where listed = 1 and name > ? and name >= ? "
            "and name <= ? order by name limit ?",
            (after, first, last, limit - len(found)),
        )
        found += [name for (name,) in rows]
        if len(found) >= limit:
            break
    return found
