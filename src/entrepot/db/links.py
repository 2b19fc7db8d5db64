"""Links: which repositories have a blob, and so keep its content.

A link is made by an upload or a mount, and `idle` from then on: no manifest needs it, as far as is
known. The collector looks again when the grace is over (`upkeep.collect`), and only then believes
it. The last link takes the content with it.
"""

import time
from dataclasses import dataclass

from entrepot.db import quotas
from entrepot.db.connection import Connection
from entrepot.oci.digest import Digest
from entrepot.oci.names import Repository

_NEEDED = "exists (select 1 from edge e where e.repository = x.repository and e.child = b.digest)"


@dataclass(frozen=True, slots=True)
class Idle:
    """A link that was idle for a whole grace."""

    repository: tuple[int, Repository]
    blob: int
    digest: str
    size: int
    object: str | None
    """Where the blob lies, as its row says."""
    since: float
    needed: bool
    """Whether a manifest of the repository needs it after all."""


def link(db: Connection, repository: tuple[int, Repository], blob: int, size: int) -> None:
    """Have a blob in a repository, be it there already or not; its grace begins anew.

    Raises DENIED where that is more than the project may have.
    """
    number, name = repository
    made = db.execute(
        "insert into repository_blob (repository, blob, idle_since) values (?, ?, ?) "
        "on conflict (repository, blob) do nothing returning blob",
        (number, blob, time.time()),
    ).fetchone()
    if made is None:
        renew(db, number, blob)
        return
    links = db.execute(
        "insert into project_blob (project, blob, links) values (?, ?, 1) "
        "on conflict (project, blob) do update set links = project_blob.links + 1 returning links",
        (name.project, blob),
    ).fetchone()
    if links[0] == 1:
        quotas.charge(db, name.project, size=size)


def renew(db: Connection, repository: int, blob: int) -> None:
    """Begin the grace of a link anew, if it is idle."""
    db.execute(
        "update repository_blob set idle_since = ? "
        "where repository = ? and blob = ? and idle_since is not null",
        (time.time(), repository, blob),
    )


def loosen(db: Connection, repository: int, blob: int) -> None:
    """Say that a manifest needs a link no more; others may."""
    db.execute(
        "update repository_blob set idle_since = ? where repository = ? and blob = ?",
        (time.time(), repository, blob),
    )


def unlink(db: Connection, repository: tuple[int, Repository], blob: int, size: int) -> bool:
    """Take a link away; whether it was the last, so that the blob's row is to go."""
    number, name = repository
    db.execute("delete from repository_blob where repository = ? and blob = ?", (number, blob))
    left = db.execute(
        "update project_blob set links = links - 1 where project = ? and blob = ? returning links",
        (name.project, blob),
    ).fetchone()
    if left is not None and left[0] <= 0:
        db.execute("delete from project_blob where project = ? and blob = ?", (name.project, blob))
        quotas.charge(db, name.project, size=-size)
    others = db.execute("select 1 from repository_blob where blob = ? limit 1", (blob,)).fetchone()
    return others is None


def move(db: Connection, source: tuple[int, Repository], target: tuple[int, Repository]) -> None:
    """Have in another repository of the project all that this one has, and here no more."""
    rows = db.execute(
        "select x.blob, b.size from repository_blob x join blob b on b.id = x.blob "
        "where x.repository = ?",
        (source[0],),
    ).fetchall()
    for blob, size in rows:
        link(db, target, blob, size)
        unlink(db, source, blob, size)


Mark = tuple[float, int, int]
"""Where a list has come to: since when idle, repository, blob."""

START: Mark = (0.0, 0, 0)


def overdue(db: Connection, before: float, limit: int, after: Mark = START) -> list[Idle]:
    """Links that were idle before a time already, the longest first; from the one behind `after`
    on. To believe what they say, ask within the write that goes by it.
    """
    rows = db.execute(
        "select x.repository, coalesce(t.repository, r.name), x.blob, b.digest, b.size, b.object, "
        f"x.idle_since, {_NEEDED} from repository_blob x join repository r on r.id = x.repository "
        "join blob b on b.id = x.blob left join trash t on t.id = r.trash "
        "where x.idle_since < ? and (x.idle_since, x.repository, x.blob) > (?, ?, ?) "
        "order by x.idle_since, x.repository, x.blob limit ?",
        (before, *after, limit),
    )
    return [
        Idle((number, Repository(name)), blob, digest, size, owner, since, bool(needed))
        for number, name, blob, digest, size, owner, since, needed in rows
    ]


def settle(db: Connection, link: Idle) -> None:
    """Say that a manifest needs a link."""
    db.execute(
        "update repository_blob set idle_since = null where repository = ? and blob = ?",
        (link.repository[0], link.blob),
    )


def is_needed(db: Connection, repository: Repository, digest: Digest) -> bool:
    """Whether a manifest of the repository needs a blob."""
    row = db.execute(
        "select 1 from repository r join edge e on e.repository = r.id and e.child = ? "
        "where r.name = ? limit 1",
        (str(digest), repository.name),
    ).fetchone()
    return row is not None


def promise(db: Connection, repository: Repository, digest: Digest) -> bool:
    """Begin the grace of a link anew, for a client that is told that it is there; false where it
    has gone meanwhile.
    """
    row = db.execute(
        "select x.repository, x.blob from repository r join blob b on b.digest = ? "
        "join repository_blob x on x.repository = r.id and x.blob = b.id where r.name = ?",
        (str(digest), repository.name),
    ).fetchone()
    if row is not None:
        renew(db, *row)
    return row is not None


def count(db: Connection, blob: int, most: int) -> int:
    """How many repositories link a blob; of more than `most`, that many."""
    row = db.execute(
        "select count(*) from (select 1 from repository_blob where blob = ? limit ?) as found",
        (blob, most),
    ).fetchone()
    found: int = row[0]
    return found
