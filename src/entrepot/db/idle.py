"""Idle manifests: those that maybe no tag, no index and no subject keeps any more.

Whoever takes away what kept one writes it down here, and is not sure; the collector looks again
when its time has come (`upkeep.collect`).
"""

import time
from dataclasses import dataclass
from enum import StrEnum

from entrepot.db.connection import Connection
from entrepot.oci.names import Repository


class Why(StrEnum):
    """What made a manifest idle."""

    UNTAGGED = "untagged"
    """It was pushed by its digest, or a tag left it."""
    ORPHANED = "orphaned"
    """The index that listed it, or its subject, was deleted."""


_NOTE = "insert into idle_manifest (manifest, since, why) select m.id, ?, ? from manifest m where "
_AGAIN = " on conflict (manifest) do update set since = excluded.since, why = excluded.why"


def untagged(db: Connection, repository: int, digest: str) -> None:
    """Note a manifest that a tag has left, or that came without one."""
    db.execute(
        f"{_NOTE} m.repository = ? and m.digest = ? {_AGAIN}",
        (time.time(), Why.UNTAGGED.value, repository, digest),
    )


def orphaned(db: Connection, repository: int, manifest: int, digest: str) -> None:
    """Note the children and the referrers of a manifest that goes."""
    now, why = time.time(), Why.ORPHANED.value
    db.execute(
        f"{_NOTE} m.repository = ? and m.subject = ? {_AGAIN}", (now, why, repository, digest)
    )
    db.execute(
        f"{_NOTE} m.repository = ? and m.digest in (select child from edge where manifest = ?) "
        f"{_AGAIN}",
        (now, why, repository, manifest),
    )


_TAGGED = "exists (select 1 from tag t where t.repository = m.repository and t.digest = m.digest)"
_LISTED = "exists (select 1 from edge e where e.repository = m.repository and e.child = m.digest)"
_REFERS = (
    "exists (select 1 from manifest s where s.repository = m.repository and s.digest = m.subject)"
)
_KEPT = f"({_TAGGED} or {_LISTED} or {_REFERS})"


@dataclass(frozen=True, slots=True)
class Idle:
    """A manifest that was idle for long enough."""

    id: int
    repository: Repository
    digest: str
    size: int
    """Bytes of the manifest itself."""
    since: float
    kept: bool
    """Whether a tag, an index or its subject keeps it after all, or it lies in the trash."""


def overdue(
    db: Connection, why: Why, before: float, limit: int, after: tuple[float, int] = (0.0, 0)
) -> list[Idle]:
    """Manifests that were idle before a time already, the longest first; from the one behind
    `after` on: its time and row. To believe what they say, ask within the write that goes by it.
    """
    rows = db.execute(
        f"select m.id, r.name, m.digest, m.size, i.since, r.trash is not null or {_KEPT} "
        "from idle_manifest i join manifest m on m.id = i.manifest "
        "join repository r on r.id = m.repository "
        "where i.why = ? and i.since < ? and (i.since, i.manifest) > (?, ?) "
        "order by i.since, i.manifest limit ?",
        (why.value, before, *after, limit),
    )
    return [
        Idle(number, Repository(name), digest, size, since, bool(kept))
        for number, name, digest, size, since, kept in rows
    ]


def loose(db: Connection, repository: Repository, after: str, limit: int) -> list[Idle]:
    """Manifests of a repository that nothing keeps, by digest, from the one behind `after` on;
    idle since they were pushed, where nobody wrote down another time.
    """
    rows = db.execute(
        "select m.id, m.digest, m.size, coalesce(i.since, m.created_at) from repository r "
        "join manifest m on m.repository = r.id left join idle_manifest i on i.manifest = m.id "
        f"where r.name = ? and m.digest > ? and not {_KEPT} order by m.digest limit ?",
        (repository.name, after, limit),
    )
    return [
        Idle(number, repository, digest, size, since, kept=False)
        for number, digest, size, since in rows
    ]


_UNKNOWN_MANIFESTS = (
    "from manifest m join repository r on r.id = m.repository where r.trash is null "
    f"and not {_KEPT} and not exists (select 1 from idle_manifest i where i.manifest = m.id)"
)
_UNKNOWN_LINKS = (
    "repository_blob x join repository r on r.id = x.repository "
    "where x.idle_since is null and r.trash is null and not exists (select 1 from edge e "
    "join blob b on b.digest = e.child where e.repository = x.repository and b.id = x.blob)"
)


_NOTE_UNKNOWN = (
    f"insert into idle_manifest (manifest, since, why) select m.id, ?, ? {_UNKNOWN_MANIFESTS}"
)


def unknown(db: Connection) -> tuple[int, int]:
    """How many manifests and links of blobs nothing keeps, though nobody wrote that down. Reads
    whole tables. What lies in the trash goes with it, and is purged piece by piece.
    """
    found: tuple[int, int] = db.execute(
        f"select (select count(*) {_UNKNOWN_MANIFESTS}), (select count(*) from {_UNKNOWN_LINKS})"
    ).fetchone()
    return found


def note_restored(db: Connection, repository: int) -> None:
    """Note what nothing keeps in a repository to which something came back: in the trash it was
    kept, and so is not known as idle any more. Reads all of the repository.
    """
    db.execute(
        f"{_NOTE_UNKNOWN} and m.repository = ?",
        (time.time(), Why.UNTAGGED.value, repository),
    )


def note_unknown(db: Connection) -> int:
    """Write them down; how many."""
    now = time.time()
    manifests = db.execute(_NOTE_UNKNOWN, (now, Why.UNTAGGED.value))
    links = db.execute(
        "update repository_blob set idle_since = ? where (repository, blob) in "
        f"(select x.repository, x.blob from {_UNKNOWN_LINKS})",
        (now,),
    )
    return manifests.rowcount + links.rowcount


def forget(db: Connection, manifest: int) -> None:
    """Say that it has gone, or comes anew."""
    db.execute("delete from idle_manifest where manifest = ?", (manifest,))


def postpone(db: Connection, found: Idle) -> None:
    """Say that it is needed for now by something that will not tell when that ends."""
    db.execute(
        "update idle_manifest set since = ? where manifest = ? and since = ?",
        (time.time(), found.id, found.since),
    )


def settle(db: Connection, found: Idle) -> None:
    """Say that it is kept; not where it was written down once more since it was found."""
    db.execute(
        "delete from idle_manifest where manifest = ? and since = ?", (found.id, found.since)
    )
