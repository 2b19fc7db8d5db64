"""Eviction: what a cache may give up, the longest unused first; its upstream has it still.

What goes by itself leaves the room at once: it lies in no trash, and its blobs wait for no grace.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from entrepot.db import blobs, manifests, purge, quotas, trash
from entrepot.db.audit import By
from entrepot.db.connection import Connection
from entrepot.db.trash import Keep
from entrepot.db.upstreams import Upstream
from entrepot.oci.digest import Digest
from entrepot.oci.names import Repository

_MOMENT = 60.0
_PAGE = 100
_WHY = "the cache is full, and it was not pulled for the longest time"


@dataclass(frozen=True, slots=True)
class Unused:
    """A manifest that no other one of its repository lists."""

    id: int
    number: int
    """Of its repository's row."""
    repository: Repository
    digest: str
    used_at: float
    """When it was pulled last, or came; seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Room:
    """What is free, or to be freed."""

    bytes: int = 0
    tags: int = 0

    @property
    def is_any(self) -> bool:
        """Whether it is more than nothing."""
        return self.bytes > 0 or self.tags > 0

    def less(self, other: "Room") -> "Room":
        """What of it is left."""
        return Room(self.bytes - other.bytes, self.tags - other.tags)


Mark = tuple[float, int]
"""Where a list has come to: when it was used, and its row."""

START: Mark = (0.0, 0)


def unused(
    db: Connection,
    project: str,
    before: float,
    limit: int,
    after: Mark = START,
    *,
    pinned: Sequence[tuple[str, str]] = (),
) -> list[Unused]:
    """Manifests of a project that nobody has pulled since a time, the longest unused first; from
    the one behind `after` on. Signatures and the like, which nobody pulls, stay as long as what
    they are about, and what is `pinned`, from one name to another each, stays anyhow. Reads all of
    the project.
    """
    but = "".join(" and not (r.name >= ? and r.name <= ?)" for _ in pinned)
    rows = db.execute(
        "select id, number, name, digest, used_at from (select m.id as id, r.id as number, "
        "r.name as name, m.digest as digest, coalesce(u.at, m.created_at) as used_at "
        "from repository r join manifest m on m.repository = r.id "
        "left join manifest_use u on u.manifest = m.id "
        f"where r.name > ? and r.name < ?{but} and r.trash is null "
        "and not exists (select 1 from edge e "
        "where e.repository = r.id and e.child = m.digest) "
        "and not exists (select 1 from manifest s where s.repository = r.id "
        "and s.digest = m.subject) "
        "and not exists (select 1 from tag t join manifest s on s.repository = r.id "
        "and s.digest = 'sha256:' || substr(t.name, 8, 64) "
        "where t.repository = r.id and t.digest = m.digest "
        "and substr(t.name, 1, 7) = 'sha256-')) as found "
        "where used_at < ? and (used_at, id) > (?, ?) order by used_at, id limit ?",
        (
            f"{project}/",
            f"{project}0",  # which comes behind the slash
            *chain.from_iterable(pinned),
            before,
            *after,
            limit,
        ),
    )
    return [
        Unused(id_, number, Repository(name), digest, used_at)
        for id_, number, name, digest, used_at in rows
    ]


def evict(db: Connection, found: Unused, row: Upstream, by: By, *, tagged: bool = False) -> Room:
    """Take a manifest away with its tags, and the blobs that only it needs; what the project has
    more then. Nothing where it has gone, was pulled meanwhile, its upstream's row pins it, or one
    that is `tagged` is wanted and it is not.

    Raises DENIED where it is to stay: a rule holds it, or a cluster has it. Nothing may be kept of
    the transaction then.
    """
    names = _tags(db, found)
    pinned = row.pins(found.repository.name.partition("/")[2], names)
    if pinned or (tagged and not names) or _is_used(db, found):
        return Room()
    project = found.repository.project
    before = quotas.find(db, project)
    for blob, size, stored in _alone(db, found):
        blobs.unlink(db, (found.number, found.repository), blob, size, stored)
    item = manifests.remove(
        db,
        found.repository,
        Digest.parse(found.digest),
        even_if_used=True,
        keep=Keep(_MOMENT, _WHY),
        by=by,
    )
    thrown = trash.find(db, item) if item is not None else None
    if thrown is not None:
        ended = trash.end(db, thrown)
        while not purge.purge(db, ended, _PAGE):
            pass
    after = quotas.find(db, project)
    return Room(before.bytes - after.bytes, before.tags - after.tags)


def _is_used(db: Connection, found: Unused) -> bool:
    """Whether somebody has pulled it since it was found."""
    row = db.execute(
        "select 1 from manifest_use where manifest = ? and at > ?", (found.id, found.used_at)
    ).fetchone()
    return row is not None


def _tags(db: Connection, found: Unused) -> list[str]:
    rows = db.execute(
        "select name from tag where repository = ? and digest = ?", (found.number, found.digest)
    )
    return [name for (name,) in rows]


def _alone(db: Connection, found: Unused) -> list[tuple[int, int, str | None]]:
    """Blobs that no other manifest of the repository needs."""
    return db.execute(
        "select b.id, b.size, b.object from edge e join blob b on b.digest = e.child "
        "join repository_blob x on x.blob = b.id and x.repository = e.repository "
        "where e.manifest = ? and not exists (select 1 from edge o where o.repository = "
        "e.repository and o.child = e.child and o.manifest <> e.manifest)",
        (found.id,),
    ).fetchall()
