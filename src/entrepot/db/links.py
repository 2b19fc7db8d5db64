"""Links: which repositories have a blob, and so keep its content.

A link is made by an upload or a mount, and `idle` from then on: no manifest needs it, as far as is
known. The collector looks again when the grace is over (`db.idle`), and only then believes it. The
last link takes the content with it.
"""

import time

from entrepot.db import quotas
from entrepot.db.connection import Connection
from entrepot.oci.names import Repository


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


def renew(db: Connection, repository: int, blob: int) -> bool:
    """Begin the grace of an idle link anew; whether there is such a link."""
    found = db.execute(
        "update repository_blob set idle_since = ? "
        "where repository = ? and blob = ? and idle_since is not null returning blob",
        (time.time(), repository, blob),
    ).fetchone()
    return found is not None


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
