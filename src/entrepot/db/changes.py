"""The log of changes: whatever changes a repository writes one row, in its own transaction.

Everything that must follow reads the log from its own cursor; there is no other event bus. A blob
that comes is no change: nothing shows it before a manifest names it.
"""

import sqlite3
import time
from dataclasses import dataclass
from enum import StrEnum

from entrepot.oci.names import Repository


class Kind(StrEnum):
    """What happened."""

    PUSHED = "pushed"
    """A manifest came that was not there."""
    TAGGED = "tagged"
    """A tag came, or moved from `old` to `new`."""
    UNTAGGED = "untagged"
    DELETED = "deleted"
    """A manifest went."""
    BLOB_DELETED = "blob deleted"


ANONYMOUS = "anonymous"
"""The actor where nobody has logged in."""


@dataclass(frozen=True, slots=True)
class Change:
    """A row of the log, on its way in; digests are written algorithm:hex."""

    kind: Kind
    repository: Repository
    reference: str
    old: str | None = None
    new: str | None = None
    actor: str = ANONYMOUS


def record(db: sqlite3.Connection, change: Change) -> None:
    """Append to the log; call it in the transaction that makes the change."""
    db.execute(
        "insert into change (at, actor, kind, repository, reference, old, new) "
        "values (?, ?, ?, ?, ?, ?, ?)",
        (
            time.time(),
            change.actor,
            change.kind.value,
            change.repository.name,
            change.reference,
            change.old,
            change.new,
        ),
    )


def newest(db: sqlite3.Connection) -> int:
    """The id of the last row, 0 for an empty log."""
    found: int = db.execute("select coalesce(max(id), 0) from change").fetchone()[0]
    return found


def repositories_after(db: sqlite3.Connection, cursor: int, limit: int) -> list[tuple[int, str]]:
    """Ids and repositories' names of the rows behind `cursor`, in order."""
    return db.execute(
        "select id, repository from change where id > ? order by id limit ?", (cursor, limit)
    ).fetchall()
