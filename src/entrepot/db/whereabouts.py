"""Where a manifest is that a tag once pointed to: still here, in the trash, or gone for good."""

import time
from dataclasses import dataclass
from enum import StrEnum

from entrepot.db.connection import Connection
from entrepot.oci.names import Repository


class State(StrEnum):
    """Whether it can be pulled."""

    HERE = "here"
    TRASH = "trash"
    """Not before it is restored."""
    GONE = "gone"
    """For good; or its bytes are lost, until somebody pushes them again."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a manifest is."""

    state: State
    item: int | None = None
    """Of the trash."""
    until: float | None = None
    """When it is purged there; seconds since 1970."""


def look(db: Connection, repository: Repository, digest: str) -> Whereabouts:
    """Where a manifest of the repository is."""
    here = db.execute(
        "select length(m.content) from repository r join manifest m on m.repository = r.id "
        "where r.name = ? and m.digest = ?",
        (repository.name, digest),
    ).fetchone()
    if here is not None:
        return Whereabouts(State.HERE if here[0] else State.GONE)
    row = db.execute(
        "select x.id, x.until from trash x join repository r on r.trash = x.id "
        "join manifest m on m.repository = r.id and m.digest = ? "
        "where x.repository = ? and x.until > ? order by x.id desc limit 1",
        (digest, repository.name, time.time()),
    ).fetchone()
    return Whereabouts(State.TRASH, *row) if row else Whereabouts(State.GONE)
