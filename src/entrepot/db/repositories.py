"""Repositories: they come into being with the first thing pushed to them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from entrepot.db import immutable, quotas, running, trash
from entrepot.db.audit import NOBODY, By
from entrepot.db.changes import Change, Kind, record
from entrepot.db.connection import Connection
from entrepot.db.sizes import OF_REPOSITORY
from entrepot.db.trash import NOT_AT_ALL, Keep
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


def remove(
    db: Connection,
    repository: Repository,
    *,
    even_if_running: bool = False,
    keep: Keep = NOT_AT_ALL,
    by: By = NOBODY,
) -> int | None:
    """Delete a repository with all that is in it, into the trash; which row it has there.

    It is but hidden, so however much is in it, that is done at once. None where there is none.
    Raises DENIED where a tag is immutable, and `RunsError` where a cluster has something of it,
    unless `even_if_running`.
    """
    number = identify(db, repository)
    if number is None:
        return None
    immutable.check_repository(db, number, repository)
    if not even_if_running:
        running.check_repository(db, (number, repository))
    item = trash.add(db, repository, trash.Kind.REPOSITORY, keep=keep, by=by)
    db.execute(
        "update repository set name = ?, trash = ?, listed = 0 where id = ?",
        (trash.hidden_name(repository, item), item, number),
    )
    quotas.charge(db, repository.project, tags=-count_tags(db, number))
    change = Change(Kind.REPOSITORY_DELETED, repository, "", by=by, reason=keep.why, trash=item)
    record(db, change)
    return item


@dataclass(frozen=True, slots=True)
class Summary:
    """What is in a repository."""

    name: str
    tags: int
    manifests: int
    size: int
    """Bytes of its manifests and blobs; what other repositories have too counts here as well."""
    created_at: float


def summary(db: Connection, repository: Repository) -> Summary | None:
    """What is in a repository; it reads all of that, so not on the event loop."""
    row = db.execute(
        "select name, (select count(*) from tag where repository = r.id), "
        "(select count(*) from manifest where repository = r.id), "
        f"{OF_REPOSITORY}, created_at from repository r where name = ?",
        (repository.name,),
    ).fetchone()
    return Summary(*row) if row else None


def count_tags(db: Connection, number: int) -> int:
    """How many tags a repository has."""
    row = db.execute("select count(*) from tag where repository = ?", (number,)).fetchone()
    found: int = row[0]
    return found


def mislisted(db: Connection) -> list[str]:
    """Repositories of which it is not known right whether they hold a manifest. Reads them all."""
    rows = db.execute(
        "select name from repository r where trash is null and listed <> "
        "case when exists (select 1 from manifest m where m.repository = r.id) then 1 else 0 end"
    )
    return [name for (name,) in rows]


def relist(db: Connection, number: int) -> None:
    """Say whether the repository holds a manifest; call it when one has come or gone."""
    db.execute(
        "update repository set listed = 1 - listed where id = :id and listed <> "
        "case when exists (select 1 from manifest where repository = :id) then 1 else 0 end",
        {"id": number},
    )


def prune(db: Connection, number: int) -> None:
    """Forget a repository in which nothing is left; hidden ones end with their row of the trash."""
    db.execute(
        "delete from repository where id = :id and trash is null "
        "and not exists (select 1 from repository_blob where repository = :id) "
        "and not exists (select 1 from manifest where repository = :id) "
        "and not exists (select 1 from tag where repository = :id)",
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
