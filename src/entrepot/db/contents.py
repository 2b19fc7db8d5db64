"""Contents: whatever has a digest, blobs and manifests, as a copy of all of them is made.

A page of them is a few numbers each; the bytes, or where they lie, are asked for one by one, since
mostly the copy has them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from entrepot.db import quarantine
from entrepot.db.connection import Connection
from entrepot.db.quarantine import Kept, Kind


@dataclass(frozen=True, slots=True)
class Content:
    """A row of a blob, or of a manifest in one of its repositories."""

    kind: Kind
    id: int
    digest: str
    size: int


def pages(
    db: Connection, limit: int, behind: Callable[[Kind], int] = lambda _: 0
) -> Iterator[list[Content]]:
    """All blobs, then all manifests, behind some number of each."""
    for kind in Kind:
        last = behind(kind)
        query = f"select id, digest, size from {kind.value} where id > ? order by id limit ?"
        while rows := db.execute(query, (last, limit)).fetchall():
            yield [Content(kind, *row) for row in rows]
            last = rows[-1][0]


def total(db: Connection, behind: Callable[[Kind], int] = lambda _: 0) -> int:
    """Bytes of the same."""
    return sum(
        int(
            db.execute(
                f"select cast(coalesce(sum(size), 0) as bigint) from {kind.value} where id > ?",
                (behind(kind),),
            ).fetchone()[0]
        )
        for kind in Kind
    )


def find(db: Connection, wanted: Content) -> Kept | None:
    """How it is kept; None where it has gone."""
    found = quarantine.after(db, wanted.kind, wanted.id - 1, 1)
    return found[0] if found and found[0].id == wanted.id else None


def only_manifests(db: Connection) -> tuple[int, int]:
    """How many digests are of manifests, and of no blob, and their bytes."""
    row = db.execute(
        "select count(*), cast(coalesce(sum(size), 0) as bigint) from "
        "(select distinct digest, size from manifest) m "
        "where not exists (select 1 from blob b where b.digest = m.digest)"
    ).fetchone()
    return int(row[0]), int(row[1])


class Tagged(NamedTuple):
    """A tag, and the manifest that it names."""

    repository: str
    tag: str
    media_type: str
    artifact_type: str | None
    digest: str
    size: int


def tagged(db: Connection) -> Iterator[Tagged]:
    """All tags of repositories that are not in the trash."""
    rows = db.execute(
        "select r.name, t.name, m.media_type, m.artifact_type, m.digest, m.size "
        "from tag t join repository r on r.id = t.repository and r.trash is null "
        "join manifest m on m.repository = r.id and m.digest = t.digest order by r.name, t.name"
    )
    return map(Tagged._make, rows)


_SECRETS = ("signing_key", "webhook", "upstream", "replication")


def keys(db: Connection) -> list[str]:
    """Ids of the master keys that secrets are sealed by which stay sealed in a copy."""
    found: set[str] = set()
    for table in _SECRETS:
        found |= {key for (key,) in db.execute(f"select distinct key from {table}") if key}
    return sorted(found)
